/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach_port_attributes.c - what a receive right has: counts, limits, context, guard; ports made with all of it at
 * once. Interface and conditions: mach_port.h.
 *
 * References: OSF Mach kernel interfaces, mach_port_get_attributes; XNU, mach_port_construct and guards (errors).
 */
#include <base/string.h>
#include <ipc/ipc_guard.h>
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_net.h>

#include "mach_port_private.h"

kern_return_t mach_port_set_mscount(struct ipc_space *space, mach_port_name_t name,
				    mach_port_mscount_t mscount)
{
	struct ipc_port *port;
	kern_return_t kr = mach_port_receive_lock(space, name, &port);

	if (kr == KERN_SUCCESS) {
		port->ip_mscount = mscount;
		ip_unlock(port);
	}
	return kr;
}

kern_return_t mach_port_set_seqno(struct ipc_space *space, mach_port_name_t name,
				  mach_port_seqno_t seqno)
{
	struct ipc_port *port;
	kern_return_t kr = mach_port_receive_lock(space, name, &port);

	if (kr == KERN_SUCCESS) {
		port->ip_seqno = seqno;
		ip_unlock(port);
	}
	return kr;
}

/* Unlock port; do other nodes hold send rights? They are counted there, and listed by the network. */
static bool unlock_has_remote_senders(struct ipc_port *port)
{
	bool has = port->ip_exported && ipc_net;

	if (!has) {
		ip_unlock(port);
		return false;
	}
	ip_reference(port);
	ip_unlock(port);
	has = ipc_net->has_remote_senders(port);
	ip_release(port);
	return has;
}

/* Those of this node; all of other nodes' are one more. */
kern_return_t mach_port_get_srights(struct ipc_space *space, mach_port_name_t name,
				    mach_port_rights_t *srights)
{
	struct ipc_port *port;
	kern_return_t kr = mach_port_receive_lock(space, name, &port);

	if (kr == KERN_SUCCESS) {
		*srights = port->ip_srights;
		*srights += unlock_has_remote_senders(port);
	}
	return kr;
}

/* A strict guard is nobody's to see. */
kern_return_t mach_port_get_context(struct ipc_space *space, mach_port_name_t name, uint64_t *context)
{
	struct ipc_port *port;
	kern_return_t kr = mach_port_receive_lock(space, name, &port);

	if (kr == KERN_SUCCESS) {
		*context = port->ip_strict_guard ? 0 : port->ip_context;
		ip_unlock(port);
	}
	return kr;
}

kern_return_t mach_port_set_context(struct ipc_space *space, mach_port_name_t name, uint64_t context)
{
	struct ipc_port *port;
	kern_return_t kr = mach_port_receive_lock(space, name, &port);

	if (kr != KERN_SUCCESS)
		return kr;
	if (port->ip_strict_guard) {
		ipc_guard_exception(name, port->ip_context, kGUARD_EXC_SET_CONTEXT);
		kr = KERN_INVALID_ARGUMENT;
	} else {
		port->ip_context = context;
	}
	ip_unlock(port);
	return kr;
}

/* ---- the flavors ---- */

static void limits_get(const struct ipc_port *port, void *info)
{
	((mach_port_limits_t *)info)->mpl_qlimit = port->ip_qlimit;
}

static void status_get(const struct ipc_port *port, void *info)
{
	*(mach_port_status_t *)info = (mach_port_status_t){
		.mps_pset = port->ip_pset_count,
		.mps_seqno = port->ip_seqno,
		.mps_mscount = port->ip_mscount,
		.mps_qlimit = port->ip_qlimit,
		.mps_msgcount = port->ip_msgcount,
		.mps_sorights = port->ip_sorights,
		.mps_srights = port->ip_srights > 0,
		.mps_pdrequest = port->ip_pdrequest != IP_NULL,
		.mps_nsrequest = port->ip_nsrequest != IP_NULL,
		.mps_flags = (port->ip_guarded ? MACH_PORT_STATUS_FLAG_GUARDED : 0) |
			     (port->ip_strict_guard ? MACH_PORT_STATUS_FLAG_STRICT_GUARD : 0) |
			     (port->ip_immovable_receive ? MACH_PORT_STATUS_FLAG_GUARD_IMMOVABLE_RECEIVE : 0),
	};
}

static void requests_get(const struct ipc_port *port, void *info)
{
	*(integer_t *)info = (integer_t)ipc_port_request_room(port);
}

static void info_ext_get(const struct ipc_port *port, void *info)
{
	mach_port_info_ext_t *ext = info;

	memset(ext, 0, sizeof *ext);
	status_get(port, &ext->mpie_status);
}

struct flavor {
	mach_msg_type_number_t count; /* 0: no such flavor */
	void (*get)(const struct ipc_port *port, void *info);
};

static const struct flavor flavors[] = {
	[MACH_PORT_LIMITS_INFO] = { MACH_PORT_LIMITS_INFO_COUNT, limits_get },
	[MACH_PORT_RECEIVE_STATUS] = { MACH_PORT_RECEIVE_STATUS_COUNT, status_get },
	[MACH_PORT_DNREQUESTS_SIZE] = { MACH_PORT_DNREQUESTS_SIZE_COUNT, requests_get },
	[MACH_PORT_INFO_EXT] = { MACH_PORT_INFO_EXT_COUNT, info_ext_get },
};

kern_return_t mach_port_get_attributes(struct ipc_space *space, mach_port_name_t name,
				       mach_port_flavor_t flavor, integer_t *info,
				       mach_msg_type_number_t *count)
{
	const struct flavor *f = (unsigned)flavor < sizeof flavors / sizeof flavors[0] ? &flavors[flavor] : NULL;
	struct ipc_port *port;
	kern_return_t kr;

	if (!space)
		return KERN_INVALID_TASK;
	if (!f || f->count == 0)
		return KERN_INVALID_ARGUMENT;
	if (*count < f->count)
		return KERN_FAILURE;
	kr = mach_port_receive_lock(space, name, &port);
	if (kr != KERN_SUCCESS)
		return kr;
	f->get(port, info);
	/* Both begin with it. */
	if (unlock_has_remote_senders(port) && (flavor == MACH_PORT_RECEIVE_STATUS || flavor == MACH_PORT_INFO_EXT))
		((mach_port_status_t *)info)->mps_srights = true;
	*count = f->count;
	return KERN_SUCCESS;
}

/* The port is locked; let those go on who waited for room. Unlocks it. */
static void set_limit_unlock(struct ipc_port *port, mach_port_msgcount_t limit)
{
	port->ip_qlimit = limit;
	ipc_mqueue_serve_senders(port);
	ip_reference(port);
	ip_unlock(port);
	if (port->ip_sp_armed)
		ipc_right_send_possible(port);
	ip_release(port);
}

kern_return_t mach_port_set_attributes(struct ipc_space *space, mach_port_name_t name,
				       mach_port_flavor_t flavor, const integer_t *info,
				       mach_msg_type_number_t count)
{
	struct ipc_port *port;
	kern_return_t kr;

	if (!space)
		return KERN_INVALID_TASK;
	switch (flavor) {
	case MACH_PORT_LIMITS_INFO:
	case MACH_PORT_DNREQUESTS_SIZE:
		if (count < 1)
			return KERN_FAILURE;
		if (flavor == MACH_PORT_LIMITS_INFO && (uint32_t)*info > MACH_PORT_QLIMIT_MAX)
			return KERN_INVALID_VALUE;
		break;
	case MACH_PORT_TEMPOWNER:
	case MACH_PORT_IMPORTANCE_RECEIVER:
	case MACH_PORT_DENAP_RECEIVER:
		break;
	default:
		return KERN_INVALID_ARGUMENT;
	}
	kr = mach_port_receive_lock(space, name, &port);
	if (kr != KERN_SUCCESS)
		return kr;
	if (flavor == MACH_PORT_DNREQUESTS_SIZE)
		return ipc_port_request_grow(port, (uint32_t)*info);
	if (flavor != MACH_PORT_LIMITS_INFO) { /* tasks have no importance that could be lent */
		ip_unlock(port);
		return KERN_NOT_SUPPORTED;
	}
	set_limit_unlock(port, (uint32_t)*info);
	return KERN_SUCCESS;
}

/* Is the guard what the caller thinks it is? One that cannot be seen can be checked. */
kern_return_t mach_port_assert_attributes(struct ipc_space *space, mach_port_name_t name,
					  mach_port_flavor_t flavor, const integer_t *info,
					  mach_msg_type_number_t count)
{
	mach_port_guard_info_t guard;
	struct ipc_port *port;
	kern_return_t kr;

	if (!space)
		return KERN_INVALID_TASK;
	if (flavor != MACH_PORT_GUARD_INFO)
		return KERN_INVALID_ARGUMENT;
	if (count < MACH_PORT_GUARD_INFO_COUNT)
		return KERN_FAILURE;
	memcpy(&guard, info, sizeof guard);
	kr = mach_port_receive_lock(space, name, &port);
	if (kr != KERN_SUCCESS)
		return kr;
	if (!port->ip_guarded || port->ip_context != guard.mpgi_guard) {
		ipc_guard_exception(name, port->ip_guarded ? port->ip_context : 0,
				    port->ip_guarded ? kGUARD_EXC_INCORRECT_GUARD : kGUARD_EXC_UNGUARDED);
		kr = KERN_INVALID_ARGUMENT;
	}
	ip_unlock(port);
	return kr;
}

kern_return_t mach_port_peek(struct ipc_space *space, mach_port_name_t name, mach_msg_trailer_type_t trailer_type,
			     mach_port_seqno_t *seqno, mach_msg_size_t *size, mach_msg_id_t *id,
			     char *trailer, mach_msg_type_number_t *trailer_size)
{
	mach_msg_size_t wanted = ipc_kmsg_trailer_size((mach_msg_option_t)trailer_type);
	struct ipc_kmsg *kmsg = NULL;
	struct ipc_port *port;
	uint32_t ahead;
	kern_return_t kr;

	if (!space)
		return KERN_INVALID_TASK;
	if (GET_RCV_ELEMENTS(trailer_type) > MACH_RCV_TRAILER_AUDIT || wanted > *trailer_size)
		return KERN_INVALID_VALUE;
	kr = mach_port_receive_lock(space, name, &port);
	if (kr != KERN_SUCCESS)
		return kr;
	if (*seqno == 0)
		*seqno = port->ip_seqno;
	ahead = *seqno - port->ip_seqno;
	if (ahead < port->ip_msgcount) {
		struct list *l = port->ip_messages.next;

		while (ahead-- > 0)
			l = l->next;
		kmsg = container_of(l, struct ipc_kmsg, ikm_link);
		*size = ikm_size(kmsg);
		*id = kmsg->ikm_header->msgh_id;
		/* The room behind a message is for its trailer: written here, and again when it is received. */
		(void)ipc_kmsg_add_trailer(kmsg, (mach_msg_option_t)trailer_type, *seqno, 0);
		memcpy(trailer, (char *)kmsg->ikm_header + ikm_size(kmsg), wanted);
	}
	ip_unlock(port);
	*trailer_size = wanted;
	return kmsg ? KERN_SUCCESS : KERN_FAILURE;
}

/* ---- guards ---- */

kern_return_t mach_port_guard_with_flags(struct ipc_space *space, mach_port_name_t name, uint64_t guard, uint64_t flags)
{
	struct ipc_port *port;
	kern_return_t kr;

	if (!space)
		return KERN_INVALID_TASK;
	if (!MACH_PORT_VALID(name))
		return KERN_INVALID_NAME;
	if (flags & ~(uint64_t)(MPG_STRICT | MPG_IMMOVABLE_RECEIVE))
		return KERN_INVALID_ARGUMENT;
	kr = mach_port_receive_lock(space, name, &port);
	if (kr != KERN_SUCCESS)
		return kr;
	kr = ipc_guard_set(port, guard, (flags & MPG_STRICT) != 0, (flags & MPG_IMMOVABLE_RECEIVE) != 0);
	ip_unlock(port);
	return kr;
}

kern_return_t mach_port_guard(struct ipc_space *space, mach_port_name_t name, uint64_t guard, boolean_t strict)
{
	return mach_port_guard_with_flags(space, name, guard, strict ? MPG_STRICT : MPG_FLAGS_NONE);
}

kern_return_t mach_port_unguard(struct ipc_space *space, mach_port_name_t name, uint64_t guard)
{
	struct ipc_port *port;
	kern_return_t kr;

	if (space && !MACH_PORT_VALID(name))
		return KERN_INVALID_NAME;
	kr = mach_port_receive_lock(space, name, &port);
	if (kr != KERN_SUCCESS)
		return kr;
	kr = ipc_guard_clear(port, name, guard);
	ip_unlock(port);
	return kr;
}

kern_return_t mach_port_swap_guard(struct ipc_space *space, mach_port_name_t name, uint64_t from, uint64_t to)
{
	struct ipc_port *port;
	kern_return_t kr;

	if (space && !MACH_PORT_VALID(name))
		return KERN_INVALID_NAME;
	kr = mach_port_receive_lock(space, name, &port);
	if (kr != KERN_SUCCESS)
		return kr;
	kr = ipc_guard_swap(port, name, from, to);
	ip_unlock(port);
	return kr;
}

/* ---- a port with all that is asked for, or none ---- */

#define MPO_UNSUPPORTED (MPO_TEMPOWNER | MPO_IMPORTANCE_RECEIVER | MPO_DENAP_RECEIVER)
#define MPO_GUARD_ONLY (MPO_STRICT | MPO_IMMOVABLE_RECEIVE)
#define MPO_KNOWN (MPO_CONTEXT_AS_GUARD | MPO_QLIMIT | MPO_INSERT_SEND_RIGHT | MPO_GUARD_ONLY | MPO_UNSUPPORTED)

static kern_return_t options_check(const mach_port_options_t *options)
{
	if (options->flags & ~(uint32_t)MPO_KNOWN)
		return KERN_INVALID_ARGUMENT;
	if ((options->flags & MPO_GUARD_ONLY) && !(options->flags & MPO_CONTEXT_AS_GUARD))
		return KERN_INVALID_ARGUMENT;
	if ((options->flags & MPO_QLIMIT) && options->mpl.mpl_qlimit > MACH_PORT_QLIMIT_MAX)
		return KERN_INVALID_VALUE;
	return options->flags & MPO_UNSUPPORTED ? KERN_NOT_SUPPORTED : KERN_SUCCESS;
}

/* A new port, which nobody else can know of yet; space locked. */
static void apply_options(struct ipc_entry *entry, const mach_port_options_t *options, uint64_t context)
{
	struct ipc_port *port = (struct ipc_port *)entry->ie_object;

	ip_lock(port);
	if (options->flags & MPO_CONTEXT_AS_GUARD)
		(void)ipc_guard_set(port, context, (options->flags & MPO_STRICT) != 0,
				    (options->flags & MPO_IMMOVABLE_RECEIVE) != 0);
	else
		port->ip_context = context;
	if (options->flags & MPO_QLIMIT)
		port->ip_qlimit = options->mpl.mpl_qlimit;
	if (options->flags & MPO_INSERT_SEND_RIGHT) {
		(void)ipc_port_make_send_locked(port);
		entry->ie_bits = (entry->ie_bits | MACH_PORT_TYPE_SEND) + 1;
	}
	ip_unlock(port);
}

kern_return_t mach_port_construct(struct ipc_space *space, const mach_port_options_t *options, uint64_t context,
				  mach_port_name_t *name)
{
	struct ipc_entry *entry;
	kern_return_t kr;

	if (!space)
		return KERN_INVALID_TASK;
	kr = options_check(options);
	if (kr != KERN_SUCCESS)
		return kr;
	is_lock(space);
	kr = space->is_active ? ipc_entry_alloc(space, name, &entry) : KERN_INVALID_TASK;
	if (kr == KERN_SUCCESS) {
		kr = mach_port_entry_fill(space, *name, entry, MACH_PORT_RIGHT_RECEIVE);
		if (kr == KERN_SUCCESS)
			apply_options(entry, options, context);
		else
			ipc_entry_dealloc(space, *name, entry);
	}
	is_unlock(space);
	return kr;
}

kern_return_t mach_port_destruct(struct ipc_space *space, mach_port_name_t name, mach_port_delta_t srdelta, uint64_t guard)
{
	struct ipc_entry *entry;
	kern_return_t kr;

	if (space && !MACH_PORT_VALID(name))
		return KERN_INVALID_NAME;
	kr = mach_port_lookup_lock(space, name, &entry);
	return kr == KERN_SUCCESS ? ipc_right_destruct(space, name, entry, srdelta, guard) : kr;
}

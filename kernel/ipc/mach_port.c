/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach_port.c - the calls on a port space. Interface and conditions: mach_port.h.
 *
 * Each function looks the name up under the space lock, checks, and acts there or lets the ipc_right
 * function act that drops the lock.
 */
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_notify.h>
#include <ipc/ipc_pset.h>
#include <ipc/ipc_right.h>
#include <ipc/ipc_space.h>
#include <ipc/ipc_order.h>
#include <ipc/mach_port.h>
#include <kern/assert.h>
#include <kern/ipc_kobject.h>
#include <kern/kalloc.h>
#include <kern/thread.h>
#include <mach/notify.h>
#include <vm/vm_map_copy.h>

#include "mach_port_private.h"

kern_return_t mach_port_lookup_lock(struct ipc_space *space, mach_port_name_t name, struct ipc_entry **entry)
{
	kern_return_t kr = KERN_INVALID_TASK;

	if (!space)
		return KERN_INVALID_TASK;
	is_lock(space);
	if (space->is_active) {
		*entry = ipc_right_lookup(space, name);
		if (*entry)
			return KERN_SUCCESS;
		kr = KERN_INVALID_NAME;
	}
	is_unlock(space);
	return kr;
}

kern_return_t mach_port_receive_lock(struct ipc_space *space, mach_port_name_t name, struct ipc_port **port)
{
	struct ipc_entry *entry;
	kern_return_t kr;

	if (space && !MACH_PORT_VALID(name))
		return KERN_INVALID_RIGHT;
	kr = mach_port_lookup_lock(space, name, &entry);
	if (kr != KERN_SUCCESS)
		return kr;
	if (!(entry->ie_bits & MACH_PORT_TYPE_RECEIVE)) {
		is_unlock(space);
		return KERN_INVALID_RIGHT;
	}
	*port = (struct ipc_port *)entry->ie_object;
	ip_lock(*port);
	is_unlock(space);
	return KERN_SUCCESS;
}

/* ---- names ---- */

/* Append the names in one chunk, under one hold of the lock. KERN_NO_SPACE: the lists are full. */
static kern_return_t names_of_chunk(struct ipc_space *space, uint32_t chunk, struct mach_port_list *names,
				    struct mach_port_list *types)
{
	kern_return_t kr = KERN_SUCCESS;

	is_lock(space);
	for (uint32_t i = 0; kr == KERN_SUCCESS && space->is_active && i < IE_CHUNK_ENTRIES; i++) {
		uint32_t index = (chunk << IE_CHUNK_SHIFT) | i;
		struct ipc_entry *entry = ipc_entry_at(space, index);
		mach_port_name_t name;
		mach_port_type_t type;
		mach_port_urefs_t urefs;

		if (!entry)
			break;
		if (!(entry->ie_bits & IE_BITS_TYPE_MASK))
			continue;
		name = MACH_PORT_MAKE(index, IE_BITS_GEN(entry->ie_bits));
		(void)ipc_right_lookup(space, name);
		ipc_right_info(space, entry, &type, &urefs);
		if (!mach_port_list_add(names, &name) || !mach_port_list_add(types, &type))
			kr = KERN_NO_SPACE;
	}
	is_unlock(space);
	return kr;
}

bool mach_port_space_extent(struct ipc_space *space, uint32_t *names, uint32_t *chunks)
{
	bool active;

	is_lock(space);
	active = space->is_active;
	*names = space->is_names;
	*chunks = space->is_chunks_size ? space->is_chunks_size : 1;
	is_unlock(space);
	return active;
}

/* All names, in lists that are the caller's; tries again with longer ones while names are added. */
static kern_return_t names_collect(struct ipc_space *space, struct mach_port_list *names,
				   struct mach_port_list *types)
{
	uint32_t count, chunks;
	kern_return_t kr;

	do {
		if (!mach_port_space_extent(space, &count, &chunks))
			return KERN_INVALID_TASK;
		kr = mach_port_list_make(names, sizeof(mach_port_name_t), count + 16);
		if (kr != KERN_SUCCESS)
			return kr;
		kr = mach_port_list_make(types, sizeof(mach_port_type_t), count + 16);
		for (uint32_t c = 0; kr == KERN_SUCCESS && c < chunks; c++)
			kr = names_of_chunk(space, c, names, types);
		if (kr != KERN_SUCCESS) {
			mach_port_list_free(names);
			mach_port_list_free(types);
		}
	} while (kr == KERN_NO_SPACE);
	return kr;
}

kern_return_t mach_port_names(struct ipc_space *space, struct vm_map_copy **names,
			      mach_msg_type_number_t *names_count, struct vm_map_copy **types,
			      mach_msg_type_number_t *types_count)
{
	struct mach_port_list name_list, type_list;
	kern_return_t kr;

	if (!space)
		return KERN_INVALID_TASK;
	kr = names_collect(space, &name_list, &type_list);
	if (kr != KERN_SUCCESS)
		return kr;
	*names_count = *types_count = name_list.count;
	kr = mach_port_list_copy(&name_list, names);
	if (kr == KERN_SUCCESS) {
		kr = mach_port_list_copy(&type_list, types);
		if (kr != KERN_SUCCESS)
			vm_map_copy_discard(*names);
	}
	mach_port_list_free(&name_list);
	mach_port_list_free(&type_list);
	return kr;
}

kern_return_t mach_port_type(struct ipc_space *space, mach_port_name_t name, mach_port_type_t *type)
{
	struct ipc_entry *entry;
	mach_port_urefs_t urefs;
	kern_return_t kr;

	if (space && name == MACH_PORT_DEAD) {
		*type = MACH_PORT_TYPE_DEAD_NAME;
		return KERN_SUCCESS;
	}
	kr = mach_port_lookup_lock(space, name, &entry);
	if (kr != KERN_SUCCESS)
		return kr;
	ipc_right_info(space, entry, type, &urefs);
	is_unlock(space);
	return KERN_SUCCESS;
}

kern_return_t mach_port_rename(struct ipc_space *space, mach_port_name_t old_name,
			       mach_port_name_t new_name)
{
	struct ipc_entry *entry, *to;
	kern_return_t kr;

	if (!MACH_PORT_VALID(new_name))
		return space ? KERN_INVALID_VALUE : KERN_INVALID_TASK;
	kr = mach_port_lookup_lock(space, old_name, &entry);
	if (kr != KERN_SUCCESS)
		return kr;
	kr = ipc_entry_alloc_name(space, new_name, &to);
	if (kr != KERN_SUCCESS) {
		is_unlock(space);
		return kr;
	}
	ipc_right_rename(space, old_name, entry, new_name, to);
	return KERN_SUCCESS;
}

/* ---- making and unmaking rights ---- */

kern_return_t mach_port_entry_fill(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
				   mach_port_right_t right)
{
	struct ipc_port *port;
	struct ipc_pset *pset;

	switch (right) {
	case MACH_PORT_RIGHT_RECEIVE:
		port = ipc_port_alloc_in_space(space, name);
		if (!port)
			return KERN_RESOURCE_SHORTAGE;
		entry->ie_object = &port->ip_object;
		entry->ie_bits |= MACH_PORT_TYPE_RECEIVE;
		ip_unlock(port);
		return KERN_SUCCESS;
	case MACH_PORT_RIGHT_PORT_SET:
		pset = ipc_pset_alloc(name);
		if (!pset)
			return KERN_RESOURCE_SHORTAGE;
		entry->ie_object = &pset->ips_object;
		entry->ie_bits |= MACH_PORT_TYPE_PORT_SET;
		return KERN_SUCCESS;
	case MACH_PORT_RIGHT_DEAD_NAME:
		entry->ie_bits |= MACH_PORT_TYPE_DEAD_NAME | 1;
		return KERN_SUCCESS;
	default:
		return KERN_INVALID_VALUE;
	}
}

static bool can_be_allocated(mach_port_right_t right)
{
	return right == MACH_PORT_RIGHT_RECEIVE || right == MACH_PORT_RIGHT_PORT_SET ||
	       right == MACH_PORT_RIGHT_DEAD_NAME;
}

/* name MACH_PORT_NULL: any, returned in *out. reserve, order: the new port's own, or NULL. */
static kern_return_t allocate(struct ipc_space *space, mach_port_right_t right, mach_port_name_t name,
			      struct ipc_port_reserve *reserve, struct ipc_order *order, mach_port_name_t *out)
{
	struct ipc_entry *entry;
	kern_return_t kr = KERN_INVALID_TASK;

	is_lock(space);
	if (space->is_active) {
		*out = name;
		kr = name == MACH_PORT_NULL ? ipc_entry_alloc(space, out, &entry)
					    : ipc_entry_alloc_name(space, name, &entry);
		if (kr == KERN_SUCCESS) {
			kr = mach_port_entry_fill(space, *out, entry, right);
			if (kr != KERN_SUCCESS)
				ipc_entry_dealloc(space, *out, entry);
			if (kr == KERN_SUCCESS && right == MACH_PORT_RIGHT_RECEIVE) {
				((struct ipc_port *)entry->ie_object)->ip_reserve = reserve;
				((struct ipc_port *)entry->ie_object)->ip_order = order;
			}
		}
	}
	is_unlock(space);
	return kr;
}

kern_return_t mach_port_allocate(struct ipc_space *space, mach_port_right_t right, mach_port_name_t *name)
{
	if (!space)
		return KERN_INVALID_TASK;
	if (!can_be_allocated(right))
		return KERN_INVALID_VALUE;
	return allocate(space, right, MACH_PORT_NULL, NULL, NULL, name);
}

kern_return_t mach_port_allocate_name(struct ipc_space *space, mach_port_right_t right,
				      mach_port_name_t name)
{
	mach_port_name_t out;

	if (!space)
		return KERN_INVALID_TASK;
	if (!can_be_allocated(right) || !MACH_PORT_VALID(name))
		return KERN_INVALID_VALUE;
	return allocate(space, right, name, NULL, NULL, &out);
}

kern_return_t mach_port_allocate_full(struct ipc_space *space, mach_port_right_t right, mach_port_qos_t *qos,
				      mach_port_name_t *name)
{
	mach_port_name_t wanted = qos->name ? *name : MACH_PORT_NULL;
	struct ipc_order *order = NULL;
	struct ipc_port_reserve *reserve = NULL;
	kern_return_t kr;

	if (!space)
		return KERN_INVALID_TASK;
	if (!can_be_allocated(right) || (qos->name && !MACH_PORT_VALID(wanted)))
		return KERN_INVALID_VALUE;
	if ((qos->prealloc || qos->rt) && right != MACH_PORT_RIGHT_RECEIVE)
		return KERN_INVALID_VALUE;
	kr = KERN_RESOURCE_SHORTAGE;
	if (qos->prealloc && !(reserve = ipc_port_reserve_alloc()))
		goto out;
	if (qos->prealloc && !(reserve->premsg = ipc_kmsg_prealloc(qos->len)))
		goto out;
	if (qos->rt && !(order = ipc_order_create()))
		goto out;
	kr = allocate(space, right, wanted, reserve, order, name);
out:
	if (kr != KERN_SUCCESS) {
		ipc_order_free(order);
		ipc_port_reserve_free(reserve);
	}
	return kr;
}

kern_return_t mach_port_allocate_qos(struct ipc_space *space, mach_port_right_t right, mach_port_qos_t *qos,
				     mach_port_name_t *name)
{
	if (qos->name)
		return space ? KERN_INVALID_ARGUMENT : KERN_INVALID_TASK;
	return mach_port_allocate_full(space, right, qos, name);
}

kern_return_t mach_port_destroy(struct ipc_space *space, mach_port_name_t name)
{
	struct ipc_entry *entry;
	kern_return_t kr;

	if (space && !MACH_PORT_VALID(name))
		return KERN_SUCCESS;
	kr = mach_port_lookup_lock(space, name, &entry);
	return kr == KERN_SUCCESS ? ipc_right_destroy(space, name, entry) : kr;
}

kern_return_t mach_port_deallocate(struct ipc_space *space, mach_port_name_t name)
{
	struct ipc_entry *entry;
	kern_return_t kr;

	if (space && !MACH_PORT_VALID(name))
		return KERN_SUCCESS;
	kr = mach_port_lookup_lock(space, name, &entry);
	return kr == KERN_SUCCESS ? ipc_right_dealloc(space, name, entry) : kr;
}

/* MACH_PORT_NULL and MACH_PORT_DEAD pass as such rights, which nothing is done with. */
static bool is_send(mach_port_right_t right)
{
	return right == MACH_PORT_RIGHT_SEND || right == MACH_PORT_RIGHT_SEND_ONCE;
}

kern_return_t mach_port_get_refs(struct ipc_space *space, mach_port_name_t name,
				 mach_port_right_t right, mach_port_urefs_t *refs)
{
	struct ipc_entry *entry;
	mach_port_type_t type;
	mach_port_urefs_t urefs;
	kern_return_t kr;

	if (right >= MACH_PORT_RIGHT_NUMBER)
		return space ? KERN_INVALID_VALUE : KERN_INVALID_TASK;
	if (space && !MACH_PORT_VALID(name)) {
		*refs = 1;
		return is_send(right) ? KERN_SUCCESS : KERN_INVALID_NAME;
	}
	kr = mach_port_lookup_lock(space, name, &entry);
	if (kr != KERN_SUCCESS)
		return kr;
	ipc_right_info(space, entry, &type, &urefs);
	is_unlock(space);
	if (!(type & MACH_PORT_TYPE(right)))
		*refs = 0;
	else if (right == MACH_PORT_RIGHT_SEND || right == MACH_PORT_RIGHT_DEAD_NAME)
		*refs = urefs;
	else
		*refs = 1;
	return KERN_SUCCESS;
}

kern_return_t mach_port_mod_refs(struct ipc_space *space, mach_port_name_t name,
				 mach_port_right_t right, mach_port_delta_t delta)
{
	struct ipc_entry *entry;
	kern_return_t kr;

	if (right >= MACH_PORT_RIGHT_NUMBER)
		return space ? KERN_INVALID_VALUE : KERN_INVALID_TASK;
	if (space && !MACH_PORT_VALID(name))
		return is_send(right) ? KERN_SUCCESS : KERN_INVALID_NAME;
	kr = mach_port_lookup_lock(space, name, &entry);
	return kr == KERN_SUCCESS ? ipc_right_delta(space, name, entry, right, delta) : kr;
}

kern_return_t mach_port_insert_right(struct ipc_space *space, mach_port_name_t name,
				     struct ipc_port *poly, mach_msg_type_name_t poly_type)
{
	if (!space)
		return KERN_INVALID_TASK;
	if (!MACH_PORT_VALID(name) || !MACH_MSG_TYPE_PORT_ANY_RIGHT(poly_type))
		return KERN_INVALID_VALUE;
	if (!IP_VALID(poly))
		return KERN_INVALID_CAPABILITY;
	if (poly_type == MACH_MSG_TYPE_PORT_RECEIVE)
		ipc_port_end_transit(poly);
	return ipc_object_copyout_name(space, poly, poly_type, false, name);
}

/* The receive right of a port that stands for something in this kernel (a timer's). */
static bool is_kernel_port(struct ipc_space *space, mach_port_name_t name)
{
	struct ipc_port *port;
	bool is;

	if (mach_port_receive_lock(space, name, &port) != KERN_SUCCESS)
		return false;
	is = port->ip_kotype != IKOT_NONE;
	ip_unlock(port);
	return is;
}

kern_return_t mach_port_extract_right(struct ipc_space *space, mach_port_name_t name,
				      mach_msg_type_name_t disposition, struct ipc_port **poly,
				      mach_msg_type_name_t *poly_type)
{
	kern_return_t kr;

	*poly = IP_NULL;
	if (!space)
		return KERN_INVALID_TASK;
	if (!MACH_MSG_TYPE_PORT_ANY(disposition))
		return KERN_INVALID_VALUE;
	if (!MACH_PORT_VALID(name))
		return KERN_INVALID_RIGHT;
	if (disposition == MACH_MSG_TYPE_MOVE_RECEIVE && current_thread()->ipc.answer_far && is_kernel_port(space, name))
		return KERN_NOT_SUPPORTED; /* it could not travel with the answer */
	kr = ipc_object_copyin(space, name, disposition, poly);
	if (kr == KERN_SUCCESS)
		*poly_type = ipc_right_type_taken(disposition);
	return kr;
}

/* ---- port sets ---- */

/* Port and set under their names, the port locked, the space locked on success. */
static kern_return_t member_lock(struct ipc_space *space, mach_port_name_t name,
				 mach_port_name_t pset_name, struct ipc_port **port,
				 struct ipc_pset **pset)
{
	struct ipc_entry *entry, *pset_entry = NULL;
	kern_return_t kr;

	if (space && (!MACH_PORT_VALID(name) || pset_name == MACH_PORT_DEAD))
		return KERN_INVALID_RIGHT;
	kr = mach_port_lookup_lock(space, name, &entry);
	if (kr != KERN_SUCCESS)
		return kr;
	if (!(entry->ie_bits & MACH_PORT_TYPE_RECEIVE)) {
		kr = KERN_INVALID_RIGHT;
	} else if (pset_name != MACH_PORT_NULL) {
		pset_entry = ipc_entry_lookup(space, pset_name);
		if (!pset_entry)
			kr = KERN_INVALID_NAME;
		else if (!(pset_entry->ie_bits & MACH_PORT_TYPE_PORT_SET))
			kr = KERN_INVALID_RIGHT;
	}
	if (kr != KERN_SUCCESS) {
		is_unlock(space);
		return kr;
	}
	*pset = pset_entry ? (struct ipc_pset *)pset_entry->ie_object : NULL;
	*port = (struct ipc_port *)entry->ie_object;
	ip_lock(*port);
	return KERN_SUCCESS;
}

kern_return_t mach_port_move_member(struct ipc_space *space, mach_port_name_t member,
				    mach_port_name_t after)
{
	struct ipc_port *port;
	struct ipc_pset *pset;
	kern_return_t kr = member_lock(space, member, after, &port, &pset);

	if (kr != KERN_SUCCESS)
		return kr;
	kr = ipc_pset_move(pset, port);
	ip_unlock(port);
	is_unlock(space);
	return kr;
}

kern_return_t mach_port_insert_member(struct ipc_space *space, mach_port_name_t name,
				      mach_port_name_t pset_name)
{
	struct ipc_port *port;
	struct ipc_pset *pset;
	kern_return_t kr;

	if (pset_name == MACH_PORT_NULL)
		return space ? KERN_INVALID_RIGHT : KERN_INVALID_TASK;
	kr = member_lock(space, name, pset_name, &port, &pset);
	if (kr != KERN_SUCCESS)
		return kr;
	kr = ipc_pset_add(pset, port);
	ip_unlock(port);
	is_unlock(space);
	return kr;
}

kern_return_t mach_port_extract_member(struct ipc_space *space, mach_port_name_t name,
				       mach_port_name_t pset_name)
{
	struct ipc_port *port;
	struct ipc_pset *pset;
	kern_return_t kr;

	if (pset_name == MACH_PORT_NULL)
		return space ? KERN_INVALID_RIGHT : KERN_INVALID_TASK;
	kr = member_lock(space, name, pset_name, &port, &pset);
	if (kr != KERN_SUCCESS)
		return kr;
	kr = ipc_pset_remove(pset, port);
	ip_unlock(port);
	is_unlock(space);
	return kr;
}

#define MEMBERS_AT_ONCE 256u /* of a larger set the members are found by looking at every name, a chunk at a time */

/*
 * How many members the set under name has; of few, their names. *large: a set of many, referenced, and no names.
 * Nothing locked.
 */
static kern_return_t few_members(struct ipc_space *space, mach_port_name_t name,
				 mach_port_name_t members[MEMBERS_AT_ONCE], uint32_t *count, struct ipc_pset **large)
{
	struct ipc_entry *entry;
	kern_return_t kr;

	*large = NULL;
	if (space && !MACH_PORT_VALID(name))
		return KERN_INVALID_RIGHT;
	kr = mach_port_lookup_lock(space, name, &entry);
	if (kr != KERN_SUCCESS)
		return kr;
	if (entry->ie_bits & MACH_PORT_TYPE_PORT_SET) {
		struct ipc_pset *pset = (struct ipc_pset *)entry->ie_object;

		ips_lock(pset);
		*count = pset->ips_count;
		if (*count <= MEMBERS_AT_ONCE) {
			(void)ipc_pset_members(pset, members, MEMBERS_AT_ONCE);
		} else {
			ips_reference(pset);
			*large = pset;
		}
		ips_unlock(pset);
	} else {
		kr = KERN_INVALID_RIGHT;
	}
	is_unlock(space);
	return kr;
}

/* Those of pset among the names of one chunk, under one hold of the lock. KERN_NO_SPACE: the list is full. */
static kern_return_t members_of_chunk(struct ipc_space *space, uint32_t chunk, struct ipc_pset *pset,
				      struct mach_port_list *members)
{
	kern_return_t kr = KERN_SUCCESS;

	is_lock(space);
	for (uint32_t i = 0; kr == KERN_SUCCESS && space->is_active && i < IE_CHUNK_ENTRIES; i++) {
		struct ipc_entry *entry = ipc_entry_at(space, (chunk << IE_CHUNK_SHIFT) | i);
		struct ipc_port *port;

		if (!entry)
			break;
		if (!(entry->ie_bits & MACH_PORT_TYPE_RECEIVE))
			continue;
		port = (struct ipc_port *)entry->ie_object;
		ip_lock(port);
		if (ipc_pset_find_link(pset, port)) {
			mach_port_name_t name = port->ip_receiver_name;

			if (!mach_port_list_add(members, &name))
				kr = KERN_NO_SPACE;
		}
		ip_unlock(port);
	}
	is_unlock(space);
	return kr;
}

/* All members of a set of about count, in a list that is the caller's. */
static kern_return_t many_members(struct ipc_space *space, struct ipc_pset *pset, uint32_t count,
				  struct mach_port_list *members)
{
	uint32_t names, chunks;
	kern_return_t kr;

	do { /* again if members were added */
		if (!mach_port_space_extent(space, &names, &chunks))
			return KERN_INVALID_TASK;
		kr = mach_port_list_make(members, sizeof(mach_port_name_t), count + 16);
		if (kr != KERN_SUCCESS)
			return kr;
		for (uint32_t c = 0; kr == KERN_SUCCESS && c < chunks; c++)
			kr = members_of_chunk(space, c, pset, members);
		if (kr != KERN_SUCCESS)
			mach_port_list_free(members);
		count *= 2;
	} while (kr == KERN_NO_SPACE);
	return kr;
}

kern_return_t mach_port_get_set_status(struct ipc_space *space, mach_port_name_t name,
				       struct vm_map_copy **members, mach_msg_type_number_t *count)
{
	mach_port_name_t few[MEMBERS_AT_ONCE];
	struct mach_port_list list;
	struct ipc_pset *large;
	kern_return_t kr = few_members(space, name, few, count, &large);

	if (kr != KERN_SUCCESS)
		return kr;
	if (!large) {
		*members = *count ? vm_map_copy_from_kernel(few, *count * sizeof *few) : NULL;
		return *count && !*members ? KERN_RESOURCE_SHORTAGE : KERN_SUCCESS;
	}
	kr = many_members(space, large, *count, &list);
	ips_release(large);
	if (kr != KERN_SUCCESS)
		return kr;
	*count = list.count;
	kr = mach_port_list_copy(&list, members);
	mach_port_list_free(&list);
	return kr;
}

/* ---- notifications ---- */

kern_return_t mach_port_request_notification(struct ipc_space *space, mach_port_name_t name,
					     mach_msg_id_t id, mach_port_mscount_t sync,
					     struct ipc_port *notify, struct ipc_port **previous)
{
	struct ipc_port *port;
	kern_return_t kr;

	*previous = IP_NULL;
	if (!space)
		return KERN_INVALID_TASK;
	if (notify == IP_DEAD)
		return KERN_INVALID_CAPABILITY;
	switch (id) {
	case MACH_NOTIFY_DEAD_NAME:
		return ipc_right_request(space, name, sync != 0, false, notify, previous);
	case MACH_NOTIFY_SEND_POSSIBLE:
		return ipc_right_request(space, name, sync != 0, true, notify, previous);
	case MACH_NOTIFY_PORT_DESTROYED:
		if (sync != 0)
			return KERN_INVALID_VALUE;
		kr = mach_port_receive_lock(space, name, &port);
		if (kr != KERN_SUCCESS)
			return kr;
		if (port->ip_kotype != IKOT_NONE) { /* its object goes with it */
			ip_unlock(port);
			return KERN_INVALID_RIGHT;
		}
		ipc_port_pdrequest(port, notify, previous);
		return KERN_SUCCESS;
	case MACH_NOTIFY_NO_SENDERS:
		kr = mach_port_receive_lock(space, name, &port);
		if (kr == KERN_SUCCESS)
			ipc_port_nsrequest(port, sync, notify, previous);
		return kr;
	default:
		return KERN_INVALID_VALUE;
	}
}

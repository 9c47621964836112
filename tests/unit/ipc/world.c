/* SPDX-License-Identifier: BSD-2-Clause */
/* world.c - random operations on ports. Interface: world.h. */
#include "world.h"

#include "audit.h"
#include "fixture.h"

#include <ipc/ipc_init.h>
#include <vm/vm_map_copy.h>

static struct host_memory before;
/* All of the user's memory while wild messages are sent. */
static uint8_t window[80 * 1024] __attribute__((aligned(4096)));

extern struct ipc_kmsg *(*host_kobject_server)(struct ipc_kmsg *request);

/* Answers with an empty reply. */
static struct ipc_kmsg *answer(struct ipc_kmsg *request)
{
	struct ipc_kmsg *reply = NULL;

	if (IP_VALID(request->ikm_local_port))
		reply = ipc_kmsg_alloc(sizeof(mach_msg_header_t));
	if (reply) {
		reply->ikm_header->msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_LOCAL(request->ikm_header->msgh_bits), 0);
		reply->ikm_remote_port = request->ikm_local_port;
		request->ikm_local_port = IP_NULL;
	}
	ipc_kmsg_destroy(request);
	return reply;
}

uint32_t world_random(struct world *w, uint32_t below)
{
	w->random = w->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(w->random >> 33) % below;
}

void world_also(struct world *w, const struct world *of, uint64_t seed)
{
	*w = (struct world){ .tasks = { of->tasks[0], of->tasks[1] }, .random = seed * 2654435761u + 1 };
}

void world_create(struct world *w, uint64_t seed)
{
	static bool initialised;

	if (!initialised)
		ipc_init();
	initialised = true;
	host_kobject_server = answer;
	ipc_kmsg_thread_done();
	before = host_memory_now();
	*w = (struct world){ .random = seed * 2654435761u + 1 };
	for (int i = 0; i < 2; i++) {
		mach_port_name_t name;

		w->tasks[i] = host_task_create(NULL, "world");
		host_become(w->tasks[i]);
		(void)mach_task_self();
		for (int j = 0; j < 4; j++) {
			mach_port_qos_t qos = { .rt = j == 0 }; /* one goes by priority */

			(void)mach_port_allocate_qos(here(), RECEIVE, &qos, &name);
		}
	}
}

void world_destroy(struct world *w)
{
	struct host_memory after;

	host_user_only(NULL, 0);
	host_become(NULL);
	for (int i = 0; i < 2; i++)
		host_task_destroy(w->tasks[i]);
	ipc_kmsg_thread_done();
	host_vm_deallocate_all();
	after = host_memory_now();
	if (memcmp(&before, &after, sizeof after) != 0) {
		host_memory_print();
		panic("something is left over");
	}
	VERIFY(ipc_host_port->ip_srights == 0 && host_cpu.irq_depth == 0);
	host_kobject_server = NULL;
}

uint32_t world_name(struct world *w)
{
	struct ipc_space *space = here();

	for (int tries = 0; tries < 12; tries++) {
		uint32_t index = 1 + world_random(w, 40), bits;

		is_lock(space);
		bits = ipc_entry_at(space, index)->ie_bits;
		is_unlock(space);
		if (IE_BITS_TYPE(bits) != MACH_PORT_TYPE_NONE)
			return MACH_PORT_MAKE(index, IE_BITS_GEN(bits));
	}
	switch (world_random(w, 4)) {
	case 0:
		return MACH_PORT_NULL;
	case 1:
		return MACH_PORT_DEAD;
	default:
		return world_random(w, UINT32_MAX);
	}
}

static mach_msg_type_name_t any_disposition(struct world *w)
{
	return 16 + world_random(w, 6);
}

/* One that the name's right allows, mostly. */
static mach_msg_type_name_t fitting_disposition(struct world *w, mach_port_name_t name)
{
	mach_port_type_t type = type_of(name);

	if (world_random(w, 8) == 0)
		return any_disposition(w);
	if (type & MACH_PORT_TYPE_RECEIVE)
		return world_random(w, 6) ? 20 + world_random(w, 2) : MOVE_RECEIVE;
	if (type & MACH_PORT_TYPE_SEND_ONCE)
		return MOVE_ONCE;
	return world_random(w, 3) ? COPY_SEND : MOVE_SEND;
}

/* Hand a right of one task to the other, or to itself under a chosen name. */
static void step_transfer(struct world *w)
{
	mach_msg_type_name_t type;
	struct ipc_port *right;
	mach_port_name_t name;
	kern_return_t kr;

	name = world_name(w);
	if (mach_port_extract_right(here(), name, fitting_disposition(w, name), &right, &type) != KERN_SUCCESS)
		return;
	w->calls++;
	host_become(w->tasks[world_random(w, 2)]);
	if (!IP_VALID(right))
		return;
	if (world_random(w, 4) == 0)
		kr = mach_port_insert_right(here(), MACH_PORT_MAKE(1 + world_random(w, 60), 3), right, type);
	else
		kr = ipc_object_copyout(here(), right, type, true, &name);
	if (kr != KERN_SUCCESS)
		ipc_port_release_right(right, type);
}

static void step_request(struct world *w)
{
	static const mach_msg_id_t ids[] = { MACH_NOTIFY_DEAD_NAME, MACH_NOTIFY_NO_SENDERS, MACH_NOTIFY_PORT_DESTROYED,
					     MACH_NOTIFY_SEND_POSSIBLE };
	struct ipc_port *notify = IP_NULL, *previous;
	mach_msg_id_t id = ids[world_random(w, 4)];

	if (world_random(w, 4) && ipc_object_copyin(here(), world_name(w), MAKE_ONCE, &notify) != KERN_SUCCESS)
		return;
	if (mach_port_request_notification(here(), world_name(w), id, world_random(w, 2), notify, &previous) ==
	    KERN_SUCCESS) {
		ipc_port_release_right(previous, MACH_MSG_TYPE_PORT_SEND_ONCE);
		w->calls++;
	} else {
		ipc_port_release_right(notify, MACH_MSG_TYPE_PORT_SEND_ONCE);
	}
}

/* Guards are few, so that some are guessed. */
static kern_return_t step_guard(struct world *w, mach_port_name_t name)
{
	mach_port_options_t options = { .flags = world_random(w, 256), .mpl = { world_random(w, 8) } };
	uint64_t guard = world_random(w, 2);
	struct ipc_space *space = here();

	switch (world_random(w, 6)) {
	case 0:
		return mach_port_guard_with_flags(space, name, guard, world_random(w, 4));
	case 1:
	case 2:
		return mach_port_unguard(space, name, guard);
	case 3:
		return mach_port_swap_guard(space, name, guard, world_random(w, 2));
	case 4:
		options.flags &= ~(uint32_t)(MPO_TEMPOWNER | MPO_IMPORTANCE_RECEIVER | MPO_DENAP_RECEIVER);
		return names_here() < 40 ? mach_port_construct(space, &options, guard, &name) : KERN_NO_SPACE;
	default:
		return mach_port_destruct(space, name, -(int)world_random(w, 3), guard);
	}
}

/* Look at it: nothing changes, whatever is found. */
static kern_return_t step_look(struct world *w, mach_port_name_t name)
{
	struct vm_map_copy *table = NULL, *tree = NULL;
	mach_msg_type_number_t n = sizeof(mach_msg_audit_trailer_t), m;
	mach_msg_audit_trailer_t trailer;
	mach_port_seqno_t seqno = world_random(w, 4);
	mach_vm_address_t address;
	mach_msg_size_t size;
	ipc_info_space_t info;
	mach_msg_id_t id;
	natural_t type;
	kern_return_t kr;

	switch (world_random(w, 4)) {
	case 0:
		return mach_port_peek(here(), name, MACH_RCV_TRAILER_ELEMENTS(world_random(w, 4)), &seqno, &size, &id,
				      (char *)&trailer, &n);
	case 1:
		return mach_port_kobject(here(), name, &type, &address);
	case 2:
		return task_set_port_space(here(), (int)world_random(w, 600));
	default:
		kr = mach_port_space_info(here(), &info, &table, &n, &tree, &m);
		if (kr == KERN_SUCCESS)
			vm_map_copy_discard(table);
		return kr;
	}
}

static void step_call(struct world *w)
{
	struct ipc_space *space = here();
	mach_port_name_t name = world_name(w), other = world_name(w);
	mach_port_limits_t limits = { world_random(w, 8) };
	integer_t room = (integer_t)world_random(w, 5);
	kern_return_t kr = KERN_SUCCESS;

	switch (world_random(w, 18)) {
	case 16:
		kr = world_random(w, 2) ? mach_port_set_mscount(space, name, world_random(w, 4))
					: mach_port_set_seqno(space, name, world_random(w, 2) ? world_random(w, 4) : UINT32_MAX);
		break;
	case 17: /* references up to the most, and back */
		kr = mach_port_mod_refs(space, name, world_random(w, 5), world_random(w, 2) ? 65000 : -65000);
		break;
	case 0:
	case 1:
	case 2:
		if (names_here() < 40)
			kr = mach_port_allocate(space, world_random(w, 5), &name);
		break;
	case 3:
		if (world_random(w, 3) == 0)
			kr = mach_port_destroy(space, name);
		break;
	case 4:
	case 5:
		kr = mach_port_deallocate(space, name);
		break;
	case 6:
		kr = mach_port_mod_refs(space, name, world_random(w, 6), (int)world_random(w, 5) - 2);
		break;
	case 7:
		kr = mach_port_insert_member(space, name, other);
		break;
	case 8:
		kr = world_random(w, 2) ? mach_port_extract_member(space, name, other)
					: mach_port_move_member(space, name, other);
		break;
	case 9:
		kr = mach_port_rename(space, name, MACH_PORT_MAKE(1 + world_random(w, 60), world_random(w, 256)));
		break;
	case 10:
		kr = mach_port_allocate_name(space, world_random(w, 5), MACH_PORT_MAKE(1 + world_random(w, 60), 9));
		break;
	case 11:
	case 12:
		kr = step_guard(w, name);
		break;
	case 13:
		kr = step_look(w, name);
		break;
	case 14:
		kr = mach_port_set_attributes(space, name, MACH_PORT_DNREQUESTS_SIZE, &room, 1);
		break;
	default:
		kr = mach_port_set_attributes(space, name, MACH_PORT_LIMITS_INFO, (integer_t *)&limits, 1);
	}
	w->calls += kr == KERN_SUCCESS;
}

static void step_send(struct world *w)
{
	mach_port_name_t dest = world_name(w), other = world_random(w, 2) ? world_name(w) : NONE;
	mach_msg_return_t mr;

	if (world_random(w, 2))
		mr = send_right(dest, other, fitting_disposition(w, other));
	else
		mr = try_send(dest, fitting_disposition(w, dest), other, other ? fitting_disposition(w, other) : 0,
			      (int)world_random(w, 100), MACH_SEND_TIMEOUT | (int)(world_random(w, 2) * MACH_SEND_NOTIFY), 0);
	w->sent += mr == MACH_MSG_SUCCESS;
}

static void step_receive(struct world *w)
{
	static _Thread_local struct {
		mach_msg_header_t h;
		uint8_t rest[4096];
	} m;
	mach_msg_return_t mr;

	mr = mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG | MACH_RCV_TIMEOUT | (int)(world_random(w, 2) * MACH_RCV_LARGE), 0,
			   world_random(w, 6) ? sizeof m : 30, world_name(w), 0, NONE);
	w->received += mr == MACH_MSG_SUCCESS;
}

void world_step(struct world *w)
{
	host_become(w->tasks[world_random(w, 2)]);
	switch (world_random(w, 8)) {
	case 0:
		step_transfer(w);
		break;
	case 1:
		step_request(w);
		break;
	case 2:
	case 3:
	case 4:
		step_call(w);
		break;
	case 5:
	case 6:
		step_send(w);
		break;
	default:
		step_receive(w);
	}
}

static void any_descriptor(struct world *w, mach_msg_descriptor_t *d, uint32_t type)
{
	uint64_t address = (uintptr_t)window + world_random(w, 2 * sizeof window);

	d->type.type = (uint8_t)type;
	if (type == MACH_MSG_PORT_DESCRIPTOR) {
		d->port.name = world_name(w);
		d->port.disposition = (uint8_t)any_disposition(w);
	} else if (type == MACH_MSG_OOL_PORTS_DESCRIPTOR) {
		d->ool_ports.address = (void *)address;
		d->ool_ports.count = world_random(w, 16) ? world_random(w, 20) : world_random(w, UINT32_MAX);
		d->ool_ports.disposition = (uint8_t)any_disposition(w);
		d->ool_ports.copy = (uint8_t)world_random(w, 4);
		d->ool_ports.deallocate = (uint8_t)world_random(w, 2);
	} else {
		d->out_of_line.address = (void *)address;
		d->out_of_line.size = world_random(w, 8) ? world_random(w, 6000) : w->random;
		d->out_of_line.copy = (uint8_t)world_random(w, MACH_MSG_PAGE_EXCHANGE + 1);
		if (world_random(w, 3) == 0) { /* whole pages, for the exchange */
			d->out_of_line.address = (void *)((address + 4095) & ~4095ULL);
			d->out_of_line.size = 4096;
		}
		d->out_of_line.deallocate = (uint8_t)world_random(w, 2);
	}
}

/* Likely descriptors after a likely header; returns the size of it all. */
static uint32_t half_true_message(struct world *w, mach_msg_base_t *base)
{
	uint32_t count = world_random(w, 6), reply = world_random(w, 2);
	mach_msg_descriptor_t *d = (mach_msg_descriptor_t *)(base + 1);

	base->header.msgh_remote_port = world_name(w);
	base->header.msgh_local_port = reply ? world_name(w) : NONE;
	base->header.msgh_bits = MACH_MSGH_BITS(fitting_disposition(w, base->header.msgh_remote_port),
						reply ? fitting_disposition(w, base->header.msgh_local_port) : 0);
	base->header.msgh_voucher_port = NONE;
	if (world_random(w, 4))
		base->header.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
	base->body.msgh_descriptor_count = world_random(w, 30) ? count : world_random(w, UINT32_MAX);
	for (uint32_t i = 0; i < count; i++) {
		any_descriptor(w, d, world_random(w, 4));
		d = ikm_descriptor_next(d);
	}
	return (uint32_t)((char *)d - (char *)base) + 4 * world_random(w, 10);
}

static void fill(struct world *w, uint32_t from, uint32_t bytes)
{
	for (uint32_t i = from; i < from + bytes && i < sizeof window; i += 4) {
		uint32_t value = world_random(w, 4) ? world_name(w) : world_random(w, UINT32_MAX);

		memcpy(window + i, &value, 4);
	}
}

void world_wild_message(struct world *w)
{
	static const uint32_t likely[] = { MACH_SEND_CANCEL, MACH_SEND_OVERRIDE, MACH_SEND_TRAILER, MACH_SEND_NOTIFY,
					   MACH_RCV_NOTIFY, MACH_RCV_OVERWRITE, MACH_RCV_LARGE,
					   MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_AV) };
	uint32_t at = world_random(w, 8) * 1024, size, option = MACH_SEND_TIMEOUT | MACH_RCV_TIMEOUT;
	mach_msg_return_t mr;

	host_become(w->tasks[world_random(w, 2)]);
	fill(w, at, 512);
	size = half_true_message(w, (mach_msg_base_t *)(window + at));
	for (uint32_t n = world_random(w, 3) ? 0 : 1 + world_random(w, 4); n > 0; n--)
		window[at + world_random(w, size)] = (uint8_t)world_random(w, 256);
	if (world_random(w, 20) == 0)
		size = world_random(w, UINT32_MAX);
	for (uint32_t n = world_random(w, 3); n > 0; n--)
		option |= likely[world_random(w, sizeof likely / sizeof likely[0])];
	if (world_random(w, 20) == 0)
		option |= world_random(w, UINT32_MAX) & ~(uint32_t)(MACH_SEND_MSG | MACH_RCV_MSG);
	option |= world_random(w, 4) ? MACH_SEND_MSG : 0;
	option |= world_random(w, 2) ? MACH_RCV_MSG : 0;
	host_user_only(window, sizeof window);
	mr = mach_msg_overwrite_trap((uintptr_t)window + at + (world_random(w, 30) ? 0 : world_random(w, UINT32_MAX)),
				     (mach_msg_option_t)option, size, world_random(w, 3) ? 4096 : world_random(w, UINT32_MAX),
				     world_name(w), 0, world_random(w, 4) ? world_name(w) : NONE,
				     world_random(w, 2) ? (uintptr_t)window : 0, world_random(w, 2) ? 0 : world_random(w, 400));
	host_user_only(NULL, 0);
	w->sent += mr == MACH_MSG_SUCCESS;
	host_vm_deallocate_all();
}

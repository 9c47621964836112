/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_right.c - rights under names: taking them out, putting them in, counting. Interface: ipc_right.h.
 *
 * Invariants: R1 an entry with SEND holds one send right and one reference of the port, whatever its
 *   user references; R2 RECEIVE holds one more reference; R3 an entry whose port is dead is
 *   turned into a dead name by whoever looks next (right_is_dead), without a walk over all spaces.
 * Locking: space -> port. Notices are sent with nothing locked.
 * References: OSF Mach kernel interfaces, mach_port_*; Draves, "A revised IPC interface" (1990).
 */
#include <ipc/ipc_guard.h>
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_notify.h>
#include <ipc/ipc_pset.h>
#include <ipc/ipc_right.h>
#include <ipc/ipc_space.h>
#include <kern/assert.h>
#include <mach/notify.h>

static inline struct ipc_port *entry_port(const struct ipc_entry *entry)
{
	return (struct ipc_port *)entry->ie_object;
}

static inline bool has(const struct ipc_entry *entry, mach_port_type_t type)
{
	return (entry->ie_bits & type) != 0;
}

static inline void set_type(struct ipc_entry *entry, mach_port_type_t type)
{
	entry->ie_bits = (entry->ie_bits & ~IE_BITS_TYPE_MASK) | type;
}

/*
 * Lock the entry's port (it has port rights). If the port is dead: the entry becomes a dead name, with one
 * more user reference if a dead-name notification was sent for it; returns true, nothing locked.
 */
static __attribute__((noinline)) bool right_is_dead(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry)
{
	struct ipc_port *port = entry_port(entry);

	KASSERT(has(entry, MACH_PORT_TYPE_PORT_RIGHTS));
	ip_lock(port);
	if (ip_active(port))
		return false;
	ip_unlock(port);
	KASSERT(!has(entry, MACH_PORT_TYPE_RECEIVE));
	if (has(entry, MACH_PORT_TYPE_SEND))
		ipc_hash_remove(space, name, entry);
	set_type(entry, MACH_PORT_TYPE_DEAD_NAME);
	if (entry->ie_request) {
		entry->ie_request = NULL;
		if (IE_BITS_UREFS(entry->ie_bits) < MACH_PORT_UREFS_MAX)
			entry->ie_bits++;
	}
	entry->ie_object = NULL;
	ip_release(port);
	return true;
}

__attribute__((noinline)) struct ipc_entry *ipc_right_lookup(struct ipc_space *space, mach_port_name_t name)
{
	struct ipc_entry *entry = ipc_entry_lookup(space, name);

	if (entry && has(entry, MACH_PORT_TYPE_SEND_RIGHTS) && !right_is_dead(space, name, entry))
		ip_unlock(entry_port(entry));
	return entry;
}

struct ipc_entry *ipc_right_reverse(struct ipc_space *space, struct ipc_port *port,
				    mach_port_name_t *name)
{
	spin_assert_held(&space->is_lock);
	if (port->ip_receiver == space) { /* and stays so: it would leave under our lock */
		*name = port->ip_receiver_name;
		return ipc_entry_lookup(space, *name);
	}
	return ipc_hash_lookup(space, &port->ip_object, name);
}

/* The entry's dead-name request, if any, ends: whom to tell. Port locked and active. */
static struct ipc_port *take_request(struct ipc_entry *entry)
{
	struct ipc_port *notify;

	if (!entry->ie_request)
		return IP_NULL;
	notify = ipc_port_request_cancel(entry_port(entry), entry->ie_request);
	entry->ie_request = NULL;
	return notify;
}

/* One user reference of a dead name goes. */
static void dead_name_drop(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry)
{
	if (IE_BITS_UREFS(entry->ie_bits) > 1)
		entry->ie_bits--;
	else
		ipc_entry_dealloc(space, name, entry);
}

mach_msg_type_name_t ipc_right_type_taken(mach_msg_type_name_t type)
{
	/* One byte for each of MOVE_RECEIVE .. MAKE_SEND_ONCE, in the code, so that no table is touched. */
	const uint64_t taken = (uint64_t)MACH_MSG_TYPE_PORT_RECEIVE | MACH_MSG_TYPE_PORT_SEND << 8 |
			       MACH_MSG_TYPE_PORT_SEND_ONCE << 16 | MACH_MSG_TYPE_PORT_SEND << 24 |
			       (uint64_t)MACH_MSG_TYPE_PORT_SEND << 32 |
			       (uint64_t)MACH_MSG_TYPE_PORT_SEND_ONCE << 40;

	return MACH_MSG_TYPE_PORT_ANY(type) ? taken >> (8 * (type - MACH_MSG_TYPE_MOVE_RECEIVE)) & 0xff : 0;
}

bool ipc_right_copyin_check(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
			    mach_msg_type_name_t type)
{
	mach_port_type_t wants;

	switch (type) {
	case MACH_MSG_TYPE_MAKE_SEND:
	case MACH_MSG_TYPE_MAKE_SEND_ONCE:
	case MACH_MSG_TYPE_MOVE_RECEIVE:
		return has(entry, MACH_PORT_TYPE_RECEIVE);
	case MACH_MSG_TYPE_COPY_SEND:
	case MACH_MSG_TYPE_MOVE_SEND:
		wants = MACH_PORT_TYPE_SEND;
		break;
	case MACH_MSG_TYPE_MOVE_SEND_ONCE:
		wants = MACH_PORT_TYPE_SEND_ONCE;
		break;
	default:
		return false;
	}
	if (has(entry, wants | MACH_PORT_TYPE_DEAD_NAME))
		return true;
	/* A send-once right that died is a dead name, and that can be moved as any kind. */
	entry = ipc_right_lookup(space, name);
	return has(entry, MACH_PORT_TYPE_DEAD_NAME);
}

static __attribute__((noinline)) kern_return_t copyin_dead(struct ipc_space *space, mach_port_name_t name,
				 struct ipc_entry *entry, mach_msg_type_name_t type, bool dead_ok,
				 struct ipc_right_taken *taken)
{
	if (!dead_ok || type == MACH_MSG_TYPE_MAKE_SEND || type == MACH_MSG_TYPE_MAKE_SEND_ONCE ||
	    type == MACH_MSG_TYPE_MOVE_RECEIVE)
		return KERN_INVALID_RIGHT;
	taken->port = IP_DEAD;
	if (type != MACH_MSG_TYPE_COPY_SEND)
		dead_name_drop(space, name, entry);
	return KERN_SUCCESS;
}

/* Port locked, entry has RECEIVE. */
static __attribute__((noinline)) void copyin_receive(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
			   struct ipc_port *port, struct ipc_right_taken *taken)
{
	if (has(entry, MACH_PORT_TYPE_SEND)) {
		set_type(entry, MACH_PORT_TYPE_SEND);
		ipc_hash_insert(space, name, entry);
	} else {
		taken->deleted = take_request(entry);
		ipc_entry_dealloc(space, name, entry);
	}
	ipc_port_clear_receiver(port, MACH_RCV_PORT_CHANGED);
	taken->port = port;
}

/* Port locked, entry has SEND: one user reference, and the right itself with the last. */
static __attribute__((noinline)) void copyin_move_send(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
			     struct ipc_port *port, struct ipc_right_taken *taken)
{
	taken->port = port;
	if (IE_BITS_UREFS(entry->ie_bits) > 1) {
		entry->ie_bits--;
		(void)ipc_port_copy_send_held(port);
	} else if (has(entry, MACH_PORT_TYPE_RECEIVE)) {
		entry->ie_bits = (entry->ie_bits & ~MACH_PORT_TYPE_SEND) - 1;
	} else {
		taken->deleted = take_request(entry);
		ipc_hash_remove(space, name, entry);
		ipc_entry_dealloc(space, name, entry);
	}
}

/*
 * The rights that messages mostly carry, without the port's lock: the entry's own right keeps the counts above
 * 0. A port that dies just now counts as one that dies a moment later. IP_NULL: it takes the lock.
 */
static inline struct ipc_port *copyin_without_lock(struct ipc_space *space, mach_port_name_t name,
						   struct ipc_entry *entry, mach_msg_type_name_t type)
{
	struct ipc_port *port = entry_port(entry);

	if (type == MACH_MSG_TYPE_MAKE_SEND_ONCE && has(entry, MACH_PORT_TYPE_RECEIVE))
		return ipc_port_make_sonce_locked(port);
	if (type == MACH_MSG_TYPE_MAKE_SEND && has(entry, MACH_PORT_TYPE_RECEIVE))
		return ipc_port_make_send_locked(port);
	if (!has(entry, MACH_PORT_TYPE_SEND_RIGHTS) || !ip_active(port))
		return IP_NULL;
	if (type == MACH_MSG_TYPE_COPY_SEND && has(entry, MACH_PORT_TYPE_SEND))
		return ipc_port_copy_send_held(port);
	if (type == MACH_MSG_TYPE_MOVE_SEND && has(entry, MACH_PORT_TYPE_SEND) && IE_BITS_UREFS(entry->ie_bits) > 1) {
		entry->ie_bits--;
		return ipc_port_copy_send_held(port);
	}
	if (type == MACH_MSG_TYPE_MOVE_SEND_ONCE && has(entry, MACH_PORT_TYPE_SEND_ONCE) &&
	    !entry->ie_request) {
		ipc_entry_dealloc(space, name, entry);
		return port;
	}
	return IP_NULL;
}

/* All others: dead rights, receive rights, names under a dead-name request. */
static __attribute__((noinline)) kern_return_t copyin_with_lock(struct ipc_space *space, mach_port_name_t name,
								struct ipc_entry *entry,
								mach_msg_type_name_t type, bool dead_ok,
								struct ipc_right_taken *taken)
{
	struct ipc_port *port;
	kern_return_t kr = KERN_SUCCESS;

	if (!has(entry, MACH_PORT_TYPE_PORT_RIGHTS) || right_is_dead(space, name, entry))
		return has(entry, MACH_PORT_TYPE_DEAD_NAME)
			       ? copyin_dead(space, name, entry, type, dead_ok, taken)
			       : KERN_INVALID_RIGHT;
	port = entry_port(entry);
	if (type == MACH_MSG_TYPE_MOVE_RECEIVE && has(entry, MACH_PORT_TYPE_RECEIVE)) {
		if (port->ip_immovable_receive) {
			ipc_guard_exception(name, 0, kGUARD_EXC_IMMOVABLE);
			kr = KERN_INVALID_CAPABILITY;
		} else {
			copyin_receive(space, name, entry, port, taken);
		}
	} else if (type == MACH_MSG_TYPE_MOVE_SEND && has(entry, MACH_PORT_TYPE_SEND)) {
		copyin_move_send(space, name, entry, port, taken);
	} else if (type == MACH_MSG_TYPE_MOVE_SEND_ONCE && has(entry, MACH_PORT_TYPE_SEND_ONCE)) {
		taken->port = port;
		taken->deleted = take_request(entry);
		ipc_entry_dealloc(space, name, entry);
	} else {
		kr = KERN_INVALID_RIGHT;
	}
	ip_unlock(port);
	return kr;
}

kern_return_t ipc_right_copyin(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
			       mach_msg_type_name_t type, bool dead_ok, struct ipc_right_taken *taken)
{
	spin_assert_held(&space->is_lock);
	taken->name = name;
	taken->deleted = IP_NULL;
	taken->port = copyin_without_lock(space, name, entry, type);
	if (taken->port)
		return KERN_SUCCESS;
	return copyin_with_lock(space, name, entry, type, dead_ok, taken);
}

__attribute__((noinline)) void ipc_right_taken_notify(struct ipc_right_taken *taken)
{
	if (taken->deleted)
		ipc_notify_port_deleted(taken->deleted, taken->name);
	taken->deleted = IP_NULL;
}

kern_return_t ipc_object_copyin(struct ipc_space *space, mach_port_name_t name,
				mach_msg_type_name_t type, struct ipc_port **port)
{
	struct ipc_right_taken taken = { .port = IP_NULL };
	struct ipc_entry *entry;
	kern_return_t kr = KERN_INVALID_NAME;

	is_lock(space);
	if (!space->is_active) {
		is_unlock(space);
		return KERN_INVALID_TASK;
	}
	entry = ipc_entry_lookup(space, name);
	if (entry)
		kr = ipc_right_copyin(space, name, entry, type, true, &taken);
	is_unlock(space);
	ipc_right_taken_notify(&taken);
	*port = taken.port;
	return kr;
}

/* One more send right for an entry of this port; consumes it. */
static kern_return_t add_send(struct ipc_entry *entry, struct ipc_port *port, bool overflow)
{
	if (!has(entry, MACH_PORT_TYPE_SEND)) {
		entry->ie_bits = (entry->ie_bits | MACH_PORT_TYPE_SEND) + 1;
		return KERN_SUCCESS;
	}
	if (IE_BITS_UREFS(entry->ie_bits) == MACH_PORT_UREFS_MAX && !overflow)
		return KERN_UREFS_OVERFLOW;
	if (IE_BITS_UREFS(entry->ie_bits) < MACH_PORT_UREFS_MAX)
		entry->ie_bits++;
	atomic_fetch_sub_explicit(&port->ip_srights, 1, memory_order_relaxed); /* R1: not the last */
	ip_release(port);
	return KERN_SUCCESS;
}

/* The receive right comes to the space. Port locked. */
static void settle_receive(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
			   struct ipc_port *port)
{
	if (has(entry, MACH_PORT_TYPE_SEND))
		ipc_hash_remove(space, name, entry);
	entry->ie_bits |= MACH_PORT_TYPE_RECEIVE;
	port->ip_receiver = space;
	port->ip_receiver_name = name;
}

/* A right for a fresh entry. Port locked if it is the receive right. */
static void settle_fresh(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
			 struct ipc_port *port, mach_msg_type_name_t type)
{
	entry->ie_object = &port->ip_object;
	switch (type) {
	case MACH_MSG_TYPE_PORT_SEND:
		entry->ie_bits |= MACH_PORT_TYPE_SEND | 1;
		ipc_hash_insert(space, name, entry);
		break;
	case MACH_MSG_TYPE_PORT_SEND_ONCE:
		entry->ie_bits |= MACH_PORT_TYPE_SEND_ONCE | 1;
		break;
	case MACH_MSG_TYPE_PORT_RECEIVE:
		settle_receive(space, name, entry, port);
		break;
	default:
		panic("settle_fresh: type %u", type);
	}
}

static __attribute__((noinline)) kern_return_t settle_existing(struct ipc_space *space, mach_port_name_t name,
				     struct ipc_entry *entry, struct ipc_port *port,
				     mach_msg_type_name_t type, bool overflow)
{
	if (type == MACH_MSG_TYPE_PORT_SEND)
		return add_send(entry, port, overflow);
	settle_receive(space, name, entry, port);
	return KERN_SUCCESS;
}

/* A port that is found active and dies now leaves an entry that is a dead name for who looks next (R3). */
static kern_return_t copyout_active(struct ipc_space *space, struct ipc_port *port,
				    mach_msg_type_name_t type, bool overflow, mach_port_name_t *name)
{
	struct ipc_entry *entry = NULL;
	kern_return_t kr;

	if (type != MACH_MSG_TYPE_PORT_SEND_ONCE)
		entry = ipc_right_reverse(space, port, name);
	if (entry)
		return settle_existing(space, *name, entry, port, type, overflow);
	kr = ipc_entry_alloc(space, name, &entry);
	if (kr == KERN_SUCCESS)
		settle_fresh(space, *name, entry, port, type);
	return kr;
}

kern_return_t ipc_object_copyout_locked(struct ipc_space *space, struct ipc_port *port,
					mach_msg_type_name_t type, bool overflow, mach_port_name_t *name)
{
	kern_return_t kr;

	spin_assert_held(&space->is_lock);
	if (!ip_active(port)) {
		ip_release(port);
		*name = MACH_PORT_DEAD;
		return KERN_SUCCESS;
	}
	if (type != MACH_MSG_TYPE_PORT_RECEIVE)
		return copyout_active(space, port, type, overflow, name);
	ip_lock(port);
	kr = copyout_active(space, port, type, overflow, name);
	ip_unlock(port);
	return kr;
}

kern_return_t ipc_object_copyout(struct ipc_space *space, struct ipc_port *port,
				 mach_msg_type_name_t type, bool overflow, mach_port_name_t *name)
{
	kern_return_t kr = KERN_INVALID_TASK;

	is_lock(space);
	if (space->is_active)
		kr = ipc_object_copyout_locked(space, port, type, overflow, name);
	is_unlock(space);
	return kr;
}

/* Space locked and active, port locked. */
static kern_return_t copyout_name_locked(struct ipc_space *space, struct ipc_port *port,
					 mach_msg_type_name_t type, bool overflow,
					 mach_port_name_t name)
{
	struct ipc_entry *entry = NULL;
	mach_port_name_t existing;
	kern_return_t kr;

	if (!ip_active(port))
		return KERN_INVALID_CAPABILITY;
	if (type != MACH_MSG_TYPE_PORT_SEND_ONCE)
		entry = ipc_right_reverse(space, port, &existing);
	if (entry)
		return existing == name ? settle_existing(space, name, entry, port, type, overflow)
					: KERN_RIGHT_EXISTS;
	kr = ipc_entry_alloc_name(space, name, &entry);
	if (kr == KERN_SUCCESS)
		settle_fresh(space, name, entry, port, type);
	return kr;
}

kern_return_t ipc_object_copyout_name(struct ipc_space *space, struct ipc_port *port,
				      mach_msg_type_name_t type, bool overflow, mach_port_name_t name)
{
	kern_return_t kr = KERN_INVALID_TASK;

	is_lock(space);
	if (space->is_active) {
		ip_lock(port);
		kr = copyout_name_locked(space, port, type, overflow, name);
		ip_unlock(port);
	}
	is_unlock(space);
	return kr;
}

/* Everything that rights of these types hold goes. Nothing locked; the entry is gone already. */
static void drop_rights(struct ipc_port *port, mach_port_type_t types)
{
	if (types & MACH_PORT_TYPE_SEND)
		ipc_port_release_send(port);
	if (types & MACH_PORT_TYPE_SEND_ONCE)
		ipc_notify_send_once(port);
	if (types & MACH_PORT_TYPE_RECEIVE)
		ipc_port_destroy(port);
}

/* All rights of the entry go, whatever guards them. Space locked on entry, NOT on return. */
static kern_return_t destroy_all(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry)
{
	mach_port_type_t type = IE_BITS_TYPE(entry->ie_bits);
	struct ipc_port *port, *deleted;

	spin_assert_held(&space->is_lock);
	if (type == MACH_PORT_TYPE_PORT_SET) {
		struct ipc_pset *pset = (struct ipc_pset *)entry->ie_object;

		ipc_entry_dealloc(space, name, entry);
		is_unlock(space);
		ipc_pset_destroy(pset);
		return KERN_SUCCESS;
	}
	if (type == MACH_PORT_TYPE_DEAD_NAME || right_is_dead(space, name, entry)) {
		ipc_entry_dealloc(space, name, entry);
		is_unlock(space);
		return KERN_SUCCESS;
	}
	port = entry_port(entry);
	deleted = take_request(entry);
	if ((type & MACH_PORT_TYPE_SEND_RECEIVE) == MACH_PORT_TYPE_SEND)
		ipc_hash_remove(space, name, entry);
	ipc_entry_dealloc(space, name, entry);
	if (type & MACH_PORT_TYPE_RECEIVE)
		ipc_port_clear_receiver(port, MACH_RCV_PORT_DIED);
	ip_unlock(port);
	is_unlock(space);
	drop_rights(port, type);
	ipc_notify_port_deleted(deleted, name);
	return KERN_SUCCESS;
}

/* The entry has a receive right with a guard that is not this one (NULL: none is known): the exception is raised. */
static bool guard_violated(mach_port_name_t name, struct ipc_entry *entry, const uint64_t *guard, unsigned flavor)
{
	struct ipc_port *port = entry_port(entry);
	bool violated;

	if (!has(entry, MACH_PORT_TYPE_RECEIVE))
		return false;
	ip_lock(port);
	violated = port->ip_guarded && (guard == NULL || *guard != port->ip_context);
	if (violated)
		ipc_guard_exception(name, port->ip_context, flavor);
	ip_unlock(port);
	return violated;
}

kern_return_t ipc_right_destroy(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry)
{
	spin_assert_held(&space->is_lock);
	if (guard_violated(name, entry, NULL, kGUARD_EXC_DESTROY)) {
		is_unlock(space);
		return KERN_INVALID_RIGHT;
	}
	return destroy_all(space, name, entry);
}

void ipc_right_terminate(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry)
{
	is_lock(space);
	(void)destroy_all(space, name, entry);
}

/* The last user reference of a send right goes. Space and port locked on entry, not on return. */
static void send_drop_last(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
			   struct ipc_port *port)
{
	struct ipc_port *deleted = IP_NULL;

	if (has(entry, MACH_PORT_TYPE_RECEIVE)) {
		entry->ie_bits &= ~(MACH_PORT_TYPE_SEND | IE_BITS_UREFS_MASK);
	} else {
		deleted = take_request(entry);
		ipc_hash_remove(space, name, entry);
		ipc_entry_dealloc(space, name, entry);
	}
	ip_unlock(port);
	is_unlock(space);
	ipc_port_release_send(port);
	ipc_notify_port_deleted(deleted, name);
}

/* A send-once right goes unused. Space and port locked on entry, not on return. */
static void sonce_drop(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
		       struct ipc_port *port)
{
	struct ipc_port *deleted = take_request(entry);

	ipc_entry_dealloc(space, name, entry);
	ip_unlock(port);
	is_unlock(space);
	ipc_notify_send_once(port);
	ipc_notify_port_deleted(deleted, name);
}

kern_return_t ipc_right_dealloc(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry)
{
	struct ipc_port *port;

	spin_assert_held(&space->is_lock);
	if (has(entry, MACH_PORT_TYPE_PORT_SET)) /* its one reference */
		return destroy_all(space, name, entry);
	if (!has(entry, MACH_PORT_TYPE_SEND_RIGHTS | MACH_PORT_TYPE_DEAD_NAME)) {
		is_unlock(space);
		return KERN_INVALID_RIGHT;
	}
	if (has(entry, MACH_PORT_TYPE_DEAD_NAME) || right_is_dead(space, name, entry)) {
		dead_name_drop(space, name, entry);
		is_unlock(space);
		return KERN_SUCCESS;
	}
	port = entry_port(entry);
	if (has(entry, MACH_PORT_TYPE_SEND_ONCE)) {
		sonce_drop(space, name, entry, port);
	} else if (IE_BITS_UREFS(entry->ie_bits) == 1) {
		send_drop_last(space, name, entry, port);
	} else {
		entry->ie_bits--;
		ip_unlock(port);
		is_unlock(space);
	}
	return KERN_SUCCESS;
}

/*
 * The receive right alone goes; a send right under the same name stays as a dead name, or as a send right
 * if somebody asked to get the receive right (a port-destroyed request). Space locked, not on return.
 */
static void receive_drop(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry)
{
	struct ipc_port *port = entry_port(entry), *deleted = IP_NULL;
	bool send = has(entry, MACH_PORT_TYPE_SEND), survives;

	ip_lock(port);
	survives = port->ip_pdrequest != IP_NULL;
	if (!send) {
		deleted = take_request(entry);
		ipc_entry_dealloc(space, name, entry);
	} else if (survives) {
		set_type(entry, MACH_PORT_TYPE_SEND);
		ipc_hash_insert(space, name, entry);
	} else {
		set_type(entry, MACH_PORT_TYPE_DEAD_NAME);
		if (entry->ie_request && IE_BITS_UREFS(entry->ie_bits) < MACH_PORT_UREFS_MAX)
			entry->ie_bits++;
		entry->ie_request = NULL; /* it fires when the port dies, below */
		entry->ie_object = NULL;
	}
	ipc_port_clear_receiver(port, MACH_RCV_PORT_DIED);
	ip_unlock(port);
	is_unlock(space);
	ipc_port_destroy(port);
	if (send && !survives)
		ip_release(port);
	ipc_notify_port_deleted(deleted, name);
}

/* New number of user references; false: out of range, *kr says how. */
static bool urefs_after(const struct ipc_entry *entry, mach_port_delta_t delta, uint32_t *urefs,
			kern_return_t *kr)
{
	int64_t sum = (int64_t)IE_BITS_UREFS(entry->ie_bits) + delta;

	*kr = sum < 0 ? KERN_INVALID_VALUE : KERN_UREFS_OVERFLOW;
	*urefs = (uint32_t)sum;
	return sum >= 0 && sum <= (int64_t)MACH_PORT_UREFS_MAX;
}

/* Rights that are there once: delta 0 or -1. Space locked, not on return. */
static kern_return_t delta_single(struct ipc_space *space, mach_port_name_t name,
				  struct ipc_entry *entry, mach_port_right_t right,
				  mach_port_delta_t delta)
{
	if (right == MACH_PORT_RIGHT_SEND_ONCE && has(entry, MACH_PORT_TYPE_SEND_ONCE))
		entry = ipc_right_lookup(space, name);
	if (!has(entry, MACH_PORT_TYPE(right))) {
		is_unlock(space);
		return KERN_INVALID_RIGHT;
	}
	if (delta != -1) {
		is_unlock(space);
		return delta == 0 ? KERN_SUCCESS : KERN_INVALID_VALUE;
	}
	if (right == MACH_PORT_RIGHT_RECEIVE) {
		if (guard_violated(name, entry, NULL, kGUARD_EXC_MOD_REFS)) {
			is_unlock(space);
			return KERN_INVALID_RIGHT;
		}
		receive_drop(space, name, entry);
		return KERN_SUCCESS;
	}
	return destroy_all(space, name, entry);
}

/* May delta user references of the entry's send right go along with its receive right? */
static kern_return_t destruct_check(const struct ipc_entry *entry, mach_port_delta_t delta)
{
	if (!has(entry, MACH_PORT_TYPE_RECEIVE))
		return KERN_INVALID_RIGHT;
	if (delta > 0)
		return KERN_INVALID_VALUE;
	if (delta < 0 && !has(entry, MACH_PORT_TYPE_SEND))
		return KERN_INVALID_RIGHT;
	return (int64_t)IE_BITS_UREFS(entry->ie_bits) + delta < 0 ? KERN_INVALID_VALUE : KERN_SUCCESS;
}

kern_return_t ipc_right_destruct(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
				 mach_port_delta_t delta, uint64_t guard)
{
	kern_return_t kr = destruct_check(entry, delta);

	spin_assert_held(&space->is_lock);
	if (kr == KERN_SUCCESS && guard_violated(name, entry, &guard, kGUARD_EXC_DESTROY))
		kr = KERN_INVALID_ARGUMENT;
	if (kr != KERN_SUCCESS) {
		is_unlock(space);
		return kr;
	}
	if (has(entry, MACH_PORT_TYPE_SEND) && IE_BITS_UREFS(entry->ie_bits) == (uint32_t)-delta)
		return destroy_all(space, name, entry);
	entry->ie_bits -= (uint32_t)-delta; /* some stay: of a dead name, from now on */
	receive_drop(space, name, entry);
	return KERN_SUCCESS;
}

static kern_return_t delta_send(struct ipc_space *space, mach_port_name_t name,
				struct ipc_entry *entry, mach_port_delta_t delta)
{
	uint32_t urefs;
	kern_return_t kr = KERN_INVALID_RIGHT;

	if (!has(entry, MACH_PORT_TYPE_SEND) || right_is_dead(space, name, entry)) {
		is_unlock(space);
		return kr;
	}
	if (urefs_after(entry, delta, &urefs, &kr)) {
		kr = KERN_SUCCESS;
		if (urefs == 0) {
			send_drop_last(space, name, entry, entry_port(entry));
			return kr;
		}
		entry->ie_bits = (entry->ie_bits & ~IE_BITS_UREFS_MASK) | urefs;
	}
	ip_unlock(entry_port(entry));
	is_unlock(space);
	return kr;
}

static kern_return_t delta_dead_name(struct ipc_space *space, mach_port_name_t name,
				     struct ipc_entry *entry, mach_port_delta_t delta)
{
	uint32_t urefs;
	kern_return_t kr = KERN_INVALID_RIGHT;

	entry = ipc_right_lookup(space, name);
	if (has(entry, MACH_PORT_TYPE_DEAD_NAME) && urefs_after(entry, delta, &urefs, &kr)) {
		kr = KERN_SUCCESS;
		if (urefs == 0)
			ipc_entry_dealloc(space, name, entry);
		else
			entry->ie_bits = (entry->ie_bits & ~IE_BITS_UREFS_MASK) | urefs;
	}
	is_unlock(space);
	return kr;
}

kern_return_t ipc_right_delta(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
			      mach_port_right_t right, mach_port_delta_t delta)
{
	spin_assert_held(&space->is_lock);
	switch (right) {
	case MACH_PORT_RIGHT_PORT_SET:
	case MACH_PORT_RIGHT_RECEIVE:
	case MACH_PORT_RIGHT_SEND_ONCE:
		return delta_single(space, name, entry, right, delta);
	case MACH_PORT_RIGHT_SEND:
		return delta_send(space, name, entry, delta);
	case MACH_PORT_RIGHT_DEAD_NAME:
		return delta_dead_name(space, name, entry, delta);
	default:
		is_unlock(space);
		return KERN_INVALID_VALUE;
	}
}

/* Which request the entry, of a port that was found alive, has. Space locked; it may die just now. */
static mach_port_type_t request_type(struct ipc_entry *entry)
{
	struct ipc_port *port = entry_port(entry);
	mach_port_type_t type = 0;

	ip_lock(port);
	if (ip_active(port) && entry->ie_request) {
		type = MACH_PORT_TYPE_DNREQUEST;
		if (entry->ie_request->send_possible)
			type |= MACH_PORT_TYPE_SPREQUEST;
		if (entry->ie_request->send_possible && !entry->ie_request->armed)
			type |= MACH_PORT_TYPE_SPREQUEST_DELAYED;
	}
	ip_unlock(port);
	return type;
}

void ipc_right_info(struct ipc_space *space, struct ipc_entry *entry, mach_port_type_t *type,
		    mach_port_urefs_t *urefs)
{
	*type = IE_BITS_TYPE(entry->ie_bits);
	*urefs = IE_BITS_UREFS(entry->ie_bits);
	if (entry->ie_request)
		*type |= request_type(entry);
}

void ipc_right_rename(struct ipc_space *space, mach_port_name_t from, struct ipc_entry *entry,
		      mach_port_name_t to, struct ipc_entry *to_entry)
{
	struct ipc_port *port = NULL;
	bool in_hash;

	if (has(entry, MACH_PORT_TYPE_PORT_RIGHTS) && !right_is_dead(space, from, entry))
		port = entry_port(entry);
	in_hash = (entry->ie_bits & MACH_PORT_TYPE_SEND_RECEIVE) == MACH_PORT_TYPE_SEND;
	if (in_hash)
		ipc_hash_remove(space, from, entry);
	to_entry->ie_object = entry->ie_object;
	to_entry->ie_request = entry->ie_request;
	to_entry->ie_bits |= entry->ie_bits & (IE_BITS_TYPE_MASK | IE_BITS_UREFS_MASK);
	if (to_entry->ie_request)
		to_entry->ie_request->name = to;
	if (in_hash)
		ipc_hash_insert(space, to, to_entry);
	if (has(entry, MACH_PORT_TYPE_RECEIVE))
		port->ip_receiver_name = to;
	if (has(entry, MACH_PORT_TYPE_PORT_SET)) {
		struct ipc_pset *pset = (struct ipc_pset *)entry->ie_object;

		ips_lock(pset);
		pset->ips_name = to;
		ips_unlock(pset);
	}
	entry->ie_request = NULL;
	ipc_entry_dealloc(space, from, entry);
	if (port)
		ip_unlock(port);
	is_unlock(space);
}

/* What is asked for, and what became of it. */
struct request {
	bool immediate, send_possible;
	struct ipc_port *notify, *previous;
	mach_msg_id_t fire; /* tell notify at once: MACH_NOTIFY_DEAD_NAME or _SEND_POSSIBLE; 0: no */
};

/* Port locked and active, entry has port rights: one step of ipc_right_request(). */
static kern_return_t request_alive(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
				   struct request *r)
{
	struct ipc_port *port = entry_port(entry);
	bool full = !has(entry, MACH_PORT_TYPE_SEND_ONCE) && ipc_port_full_locked(port);

	if (!r->notify) {
		r->previous = take_request(entry);
		return KERN_SUCCESS;
	}
	if (r->send_possible && r->immediate && !full) {
		r->previous = take_request(entry);
		r->fire = MACH_NOTIFY_SEND_POSSIBLE;
		return KERN_SUCCESS;
	}
	if (entry->ie_request) {
		r->previous = entry->ie_request->notify;
		entry->ie_request->notify = r->notify;
	} else {
		entry->ie_request = ipc_port_request_alloc(port, space, name, r->notify);
		if (!entry->ie_request)
			return KERN_RESOURCE_SHORTAGE;
	}
	ipc_port_request_set(port, entry->ie_request, r->send_possible, r->send_possible && r->immediate);
	return KERN_SUCCESS;
}

/* Space locked; r->fire is to be sent after it is unlocked. */
static kern_return_t request_locked(struct ipc_space *space, mach_port_name_t name, struct request *r)
{
	struct ipc_entry *entry = ipc_entry_lookup(space, name);
	kern_return_t kr;

	if (!entry)
		return KERN_INVALID_NAME;
	if (has(entry, MACH_PORT_TYPE_PORT_SET))
		return KERN_INVALID_RIGHT;
	if (has(entry, MACH_PORT_TYPE_PORT_RIGHTS) && !right_is_dead(space, name, entry)) {
		kr = request_alive(space, name, entry, r);
		ip_unlock(entry_port(entry));
		return kr;
	}
	if (!r->notify)
		return KERN_SUCCESS;
	if (!r->immediate && !r->send_possible)
		return KERN_INVALID_ARGUMENT;
	if (IE_BITS_UREFS(entry->ie_bits) == MACH_PORT_UREFS_MAX)
		return KERN_UREFS_OVERFLOW;
	entry->ie_bits++;
	r->fire = MACH_NOTIFY_DEAD_NAME;
	return KERN_SUCCESS;
}

kern_return_t ipc_right_request(struct ipc_space *space, mach_port_name_t name, bool immediate,
				bool send_possible, struct ipc_port *notify, struct ipc_port **previous)
{
	struct request r = { .immediate = immediate, .send_possible = send_possible, .notify = notify };
	kern_return_t kr = KERN_INVALID_TASK;

	is_lock(space);
	if (space->is_active)
		kr = request_locked(space, name, &r);
	is_unlock(space);
	*previous = r.previous;
	if (r.fire == MACH_NOTIFY_DEAD_NAME)
		ipc_notify_dead_name(notify, name);
	else if (r.fire == MACH_NOTIFY_SEND_POSSIBLE)
		ipc_notify_send_possible(notify, name);
	return kr;
}

void ipc_right_arm_send_possible(struct ipc_space *space, struct ipc_port *port)
{
	struct ipc_entry *entry = NULL;
	mach_port_name_t name;
	bool armed = false;

	is_lock(space);
	ip_lock(port);
	if (space->is_active && ip_active(port))
		entry = ipc_right_reverse(space, port, &name);
	if (entry && entry->ie_request && entry->ie_request->send_possible) {
		ipc_port_request_set(port, entry->ie_request, true, true);
		armed = true;
	}
	ip_unlock(port);
	is_unlock(space);
	if (armed)
		ipc_right_send_possible(port);
}

/* The first armed request of a port that has room: whose it is, with a reference. false: none. */
static bool armed_request(struct ipc_port *port, struct ipc_space **space, mach_port_name_t *name)
{
	bool found = false;

	ip_lock(port);
	if (ip_active(port) && port->ip_sp_armed > 0 && !ipc_port_full_locked(port)) {
		LIST_FOR_EACH(l, &port->ip_requests) {
			struct ipc_request *request = container_of(l, struct ipc_request, link);

			if (!request->armed)
				continue;
			/* Its entry is there: the space has not yet got to its end. */
			*space = request->space;
			*name = request->name;
			ipc_space_reference(*space);
			found = true;
			break;
		}
	}
	ip_unlock(port);
	return found;
}

/* Fire the request of this name, if it still is as armed_request() found it. */
static void fire_send_possible(struct ipc_port *port, struct ipc_space *space, mach_port_name_t name)
{
	struct ipc_port *notify = IP_NULL;
	struct ipc_entry *entry;

	is_lock(space);
	entry = ipc_entry_lookup(space, name);
	if (entry && entry->ie_object == &port->ip_object) {
		ip_lock(port);
		if (ip_active(port) && entry->ie_request && entry->ie_request->armed &&
		    !ipc_port_full_locked(port))
			notify = take_request(entry);
		ip_unlock(port);
	}
	is_unlock(space);
	ipc_notify_send_possible(notify, name);
}

__attribute__((noinline, cold)) void ipc_right_send_possible(struct ipc_port *port)
{
	struct ipc_space *space;
	mach_port_name_t name;

	while (armed_request(port, &space, &name)) {
		fire_send_possible(port, space, name);
		ipc_space_release(space);
	}
}

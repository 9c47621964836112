/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_right.h - what can be done with the rights under one name.
 *
 * Locking: is said at each function. Functions that may have to tell somebody (a notification is a message,
 *   and is sent with nothing locked) return with the space unlocked, or hand the notice to the caller.
 */
#pragma once

#include <ipc/ipc_entry.h>
#include <ipc/ipc_port.h>

/* A right taken out of a space, on its way into a message or a call. */
struct ipc_right_taken {
	struct ipc_port *port;          /* the right, IP_DEAD or IP_NULL */
	struct ipc_port *deleted;       /* whom to tell that the name is gone; ipc_right_taken_notify */
	mach_port_name_t name;
};

/*
 * Purpose: the entry of name, with a dead right turned into a dead name. Space locked.
 * Returns NULL: no such name.
 */
struct ipc_entry *ipc_right_lookup(struct ipc_space *space, mach_port_name_t name);

/* Whether the space has send or receive rights to port (locked, active): their entry. Space locked. */
struct ipc_entry *ipc_right_reverse(struct ipc_space *space, struct ipc_port *port,
				    mach_port_name_t *name);

/* Could this right be copied in (disposition as in a message)? Space locked; changes nothing. */
bool ipc_right_copyin_check(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
			    mach_msg_type_name_t type);
/*
 * Purpose: take a right out of the space. A dead name gives IP_DEAD if dead_ok.
 * Conditions: space locked throughout; ipc_right_taken_notify() is owed after it is unlocked.
 * Returns: KERN_SUCCESS, or KERN_INVALID_RIGHT, KERN_INVALID_CAPABILITY (a receive right that is not to move;
 *   the exception is on its way): nothing done. The entry may be gone afterwards.
 */
kern_return_t ipc_right_copyin(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
			       mach_msg_type_name_t type, bool dead_ok, struct ipc_right_taken *taken);
/* The kind (PORT_*) that a right has once it was taken with this disposition; 0: no such disposition. */
mach_msg_type_name_t ipc_right_type_taken(mach_msg_type_name_t type);
/* Tell who asked that names are gone. Nothing locked. */
void ipc_right_taken_notify(struct ipc_right_taken *taken);

/* Lookup and copyin in one, for a right in a message's body or a call. Nothing locked. */
kern_return_t ipc_object_copyin(struct ipc_space *space, mach_port_name_t name,
				mach_msg_type_name_t type, struct ipc_port **port);

/*
 * Purpose: give the space a right: type is MACH_MSG_TYPE_PORT_{SEND,SEND_ONCE,RECEIVE}.
 * Conditions: space locked and active; port not locked. Consumes the right on success. If overflow
 *   is set, user references stay at their maximum instead of failing. A dead port
 *   gives the name MACH_PORT_DEAD.
 * Returns: KERN_SUCCESS, KERN_RESOURCE_SHORTAGE, KERN_NO_SPACE, KERN_UREFS_OVERFLOW.
 */
kern_return_t ipc_object_copyout_locked(struct ipc_space *space, struct ipc_port *port,
					mach_msg_type_name_t type, bool overflow, mach_port_name_t *name);
/* The same with the space unlocked; KERN_INVALID_TASK if it is dead. */
kern_return_t ipc_object_copyout(struct ipc_space *space, struct ipc_port *port,
				 mach_msg_type_name_t type, bool overflow, mach_port_name_t *name);
/* Under a given name. KERN_NAME_EXISTS, KERN_RIGHT_EXISTS, KERN_INVALID_VALUE, KERN_UREFS_OVERFLOW ... */
kern_return_t ipc_object_copyout_name(struct ipc_space *space, struct ipc_port *port,
				      mach_msg_type_name_t type, bool overflow, mach_port_name_t name);

/*
 * All rights under the name go. Space locked on entry, NOT on return. KERN_INVALID_RIGHT: it is guarded, the
 * exception is on its way.
 */
kern_return_t ipc_right_destroy(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry);
/*
 * The receive right goes, with -delta user references of the send right under the same name. Space locked on entry,
 * NOT on return. KERN_INVALID_RIGHT (no receive right, no send right), KERN_INVALID_VALUE (delta),
 * KERN_INVALID_ARGUMENT: guard is not its guard, and the exception is on its way.
 */
kern_return_t ipc_right_destruct(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
				 mach_port_delta_t delta, uint64_t guard);
/* One user reference goes. Space locked on entry, NOT on return. */
kern_return_t ipc_right_dealloc(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry);
/* User references of one right change by delta. Space locked on entry, NOT on return. */
kern_return_t ipc_right_delta(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
			      mach_port_right_t right, mach_port_delta_t delta);
/* Type bits (with MACH_PORT_TYPE_DNREQUEST) and user references. Space locked. */
void ipc_right_info(struct ipc_space *space, struct ipc_entry *entry, mach_port_type_t *type,
		    mach_port_urefs_t *urefs);
/* The name changes; to is fresh from ipc_entry_alloc_name. Space locked on entry, NOT on return. */
void ipc_right_rename(struct ipc_space *space, mach_port_name_t from, struct ipc_entry *entry,
		      mach_port_name_t to, struct ipc_entry *to_entry);
/*
 * Purpose: set or cancel (notify IP_NULL) the request of name, of which it has one at most: for its death, or
 *   (send_possible) for that and for room in its port's queue. immediate: if it is a dead name already, or there
 *   is room, fire now; else a send-possible request is armed at once, not by a failed send.
 * Conditions: nothing locked. Consumes notify on success only; *previous is the right of the one before.
 * Returns: KERN_SUCCESS, KERN_INVALID_{TASK,NAME,RIGHT}, KERN_RESOURCE_SHORTAGE; of a dead name
 *   KERN_INVALID_ARGUMENT (not immediate), KERN_UREFS_OVERFLOW.
 */
kern_return_t ipc_right_request(struct ipc_space *space, mach_port_name_t name, bool immediate,
				bool send_possible, struct ipc_port *notify, struct ipc_port **previous);
/*
 * A send of the space to port (a right is held) found its queue full and asked with MACH_SEND_NOTIFY: arm the
 * send-possible request of its name, if there is one. Fires at once if there is room by now. Nothing locked.
 */
void ipc_right_arm_send_possible(struct ipc_space *space, struct ipc_port *port);
/* There may be room in port's queue: fire its armed requests if there is. Nothing locked; a reference is held. */
void ipc_right_send_possible(struct ipc_port *port);
/* At the space's death: the rights of one entry go. The space is dead; nothing locked. */
void ipc_right_terminate(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry);

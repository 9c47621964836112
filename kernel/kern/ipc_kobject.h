/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_kobject.h - ports that stand for kernel objects: what kind of object, and who serves the calls.
 *
 * A kernel port's receiver is ipc_space_kernel; ip_kotype and ip_kobject change under the port lock
 * only. A message sent to it never is queued: ipc calls ipc_kobject_server() in the sender's thread.
 */
#pragma once

#include <ipc/ipc_port.h>

enum ipc_kotype {
	IKOT_NONE = 0,
	IKOT_THREAD,
	IKOT_TASK,
	IKOT_HOST,
	IKOT_HOST_PRIV,
	IKOT_PROCESSOR,
	IKOT_PSET,
	IKOT_PSET_NAME,
	IKOT_MEMORY_OBJECT_CONTROL,
	IKOT_MEMORY_OBJECT,
	IKOT_CLOCK,
	IKOT_DEVICE,
	IKOT_MASTER_DEVICE,
	IKOT_BOOT_ARCHIVE,
	IKOT_CLOCK_CTRL,
	IKOT_SEMAPHORE,
	IKOT_LOCK_SET,
	IKOT_TIMER, /* of a plain port: its receive right is a task's (kern/mk_timer.c) */
	IKOT_TASK_NAME,
	IKOT_HOST_SECURITY,
	IKOT_NAMED_ENTRY, /* memory: vm/vm_named_entry.h */
	IKOT_DEVICE_PAGER, /* device memory: vm/vm_device_pager.h */
	IKOT_TASK_SUSPENSION, /* kern/task_suspension.h */
	IKOT_LOCK_HOLDER,     /* hears of the death of a thread of another node: kern/lock_remote.c */
	IKOT_COUNT
};

struct ipc_kmsg;

/*
 * Purpose: do the call in request, a kmsg in kernel form whose destination is a kernel port.
 * Conditions: thread context, nothing locked. Consumes request, destination right included.
 * Returns: the reply, in kernel form with its destination set (what request brought as reply right),
 *   or NULL if there is none to send.
 */
struct ipc_kmsg *ipc_kobject_server(struct ipc_kmsg *request);

/* The name of the call with this message id, for traces; NULL: none. */
const char *ipc_kobject_routine_name(mach_msg_id_t id);
/* Checks the tables. At boot. */
void ipc_kobject_init(void);

/* Is id a call that frees memory? The reserved worker does those for other nodes (design D4). */
bool ipc_kobject_frees_memory(mach_msg_id_t id);

/* Lock port; its object if it is of this type. The lock stays only if there is one. */
static inline void *ipc_kobject_lock(struct ipc_port *port, enum ipc_kotype type)
{
	void *object;

	if (!IP_VALID(port))
		return NULL;
	ip_lock(port);
	object = ip_active(port) && port->ip_kotype == type ? port->ip_kobject : NULL;
	if (object == NULL)
		ip_unlock(port);
	return object;
}

/* Make port, of ipc_space_kernel, stand for object; or, with NULL and IKOT_NONE, for nothing any more. */
static inline void ipc_kobject_set(struct ipc_port *port, void *object, enum ipc_kotype type)
{
	ip_lock(port);
	port->ip_kobject = object;
	port->ip_kotype = (uint16_t)type;
	ip_unlock(port);
}

/*
 * What a kind of object does when no node has a send right to its port any more; NULL: nothing. Set before the first
 * such port is made. Called with the port referenced and nothing locked, in any context (what may sleep goes to a
 * kworker); a right may have been made meanwhile, so look at ip_srights under the port lock.
 */
typedef void (*ipc_kobject_no_senders_t)(struct ipc_port *port);
extern ipc_kobject_no_senders_t ipc_kobject_no_senders_calls[IKOT_COUNT];
/* The port has lost its last send right: tell its kind. */
void ipc_kobject_no_senders(struct ipc_port *port);

/*
 * What a kind of object does when a port dies whose death its own port was to hear of (a dead-name request with a send-once right to
 * the object's port); NULL: nothing. Called with port referenced, nothing locked, in thread context. Anyone with a right to
 * the port can send the same message: look whether it is true.
 */
typedef void (*ipc_kobject_dead_name_t)(struct ipc_port *port);
extern ipc_kobject_dead_name_t ipc_kobject_dead_name_calls[IKOT_COUNT];

/*
 * What a kind of object does with a message that no interface of the kernel's own has; NULL: it is answered MIG_BAD_ID. Called with port
 * and request borrowed, nothing locked, in thread context; there is no answer.
 */
typedef void (*ipc_kobject_other_t)(struct ipc_port *port, struct ipc_kmsg *request);
extern ipc_kobject_other_t ipc_kobject_other_calls[IKOT_COUNT];

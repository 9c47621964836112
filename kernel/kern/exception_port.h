/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exception_port.h - exception ports: whom the kernel asks before a fault ends a task: the thread's port for that kind of
 * exception, then the task's, then the node's. Who answers KERN_SUCCESS has dealt with it, and the thread goes on.
 *
 * Locking: a task's actions are guarded by its ipc.lock, a thread's by its thread lock, the node's by realhost.lock. Each has a send right.
 */
#pragma once

#include <ipc/ipc_thread.h>
#include <mach/exception_types.h>
#include <mach/kern_return.h>
#include <mach/message.h>
#include <stdbool.h>

struct ipc_port;
struct spinlock;
struct task;
struct thread;

/* Where actions are kept, and under which lock; alive: *alive != IP_NULL (NULL: always). */
struct exception_owner {
	struct spinlock *lock;
	struct exception_action *actions;
	struct ipc_port **alive;
};

struct exception_owner exception_owner_thread(struct thread *thread);
struct exception_owner exception_owner_task(struct task *task);
struct exception_owner exception_owner_host(void);

/* Where a call wants what there was: arrays of its reply, each at least EXC_TYPES_COUNT long, and a list of send rights. */
struct exception_told {
	exception_mask_t *masks;
	uint32_t *mask_count;
	struct ipc_port ***ports; /* kalloc'ed, *port_count long */
	uint32_t *port_count;
	exception_behavior_t *behaviors;
	uint32_t *behavior_count;
	int *flavors;
	uint32_t *flavor_count;
};

/*
 * Purpose: set the action of each kind in mask; port IP_NULL: nobody. Consumes port, a send right, on success.
 * Returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT: a kind, behavior or flavor that there is not; KERN_TERMINATED.
 */
kern_return_t exception_ports_set(struct exception_owner owner, exception_mask_t mask, struct ipc_port *port,
				  exception_behavior_t behavior, int flavor);
/* Tell what there is, actions alike as one. Also returns KERN_RESOURCE_SHORTAGE. */
kern_return_t exception_ports_get(struct exception_owner owner, exception_mask_t mask, struct exception_told out);
/* Both; on an error nothing is changed, and port not consumed. */
kern_return_t exception_ports_swap(struct exception_owner owner, exception_mask_t mask, struct ipc_port *port,
				   exception_behavior_t behavior, int flavor, struct exception_told out);
/* Does this behavior show the handler registers? */
bool exception_carries_state(exception_behavior_t behavior);

/*
 * Purpose: ask about an exception of the calling thread. Waits for the answer, abortably.
 * Returns true: dealt with, or the wait was aborted: return to user mode; false: nobody did.
 */
bool exception_port_ask(exception_type_t type, int64_t code, int64_t subcode);
/* Raise EXC_GUARD if the calling thread owes it (ipc/ipc_guard.h). Nothing locked, interrupts on, at the trap boundary. */
void exception_guard(void);

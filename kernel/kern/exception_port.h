/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exception_port.h - exception ports: whom the kernel asks before a fault ends a task: the thread's port for that kind of
 * exception, then the task's. Who answers KERN_SUCCESS has dealt with it, and the thread goes on.
 *
 * Locking: a task's ports are guarded by its ipc.lock, a thread's by its thread lock. Each is a send right.
 */
#pragma once

#include <mach/exception_types.h>
#include <mach/kern_return.h>
#include <stdbool.h>

struct ipc_port;
struct task;
struct thread;

/*
 * Purpose: set the port of each kind in mask; IP_NULL: none. Consumes port, a send right, on success.
 * Returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT: a kind or behavior that there is not (EXCEPTION_DEFAULT, with or
 *   without MACH_EXCEPTION_CODES, is the only one); KERN_TERMINATED.
 */
kern_return_t exception_port_set_task(struct task *task, exception_mask_t mask, struct ipc_port *port,
				      exception_behavior_t behavior);
kern_return_t exception_port_set_thread(struct thread *thread, exception_mask_t mask, struct ipc_port *port,
					exception_behavior_t behavior);
/*
 * Purpose: ask about an exception of the calling thread. Waits for the answer, abortably.
 * Returns true: dealt with, or the wait was aborted: return to user mode; false: nobody did.
 */
bool exception_port_ask(exception_type_t type, int64_t code, int64_t subcode);
/* Raise EXC_GUARD if the calling thread owes it (ipc/ipc_guard.h). Nothing locked, interrupts on, at the trap boundary. */
void exception_guard(void);

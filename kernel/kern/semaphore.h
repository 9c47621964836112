/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * semaphore.h - semaphores: counts that threads of any task, on any node, wait for.
 *
 * Lives: made by semaphore_create() for a task, destroyed by semaphore_destroy() or with that task; then its port is dead
 *   and who waits is told.
 * References: being alive holds one (with the port); each conversion of the port holds one.
 */
#pragma once

#include <mach/clock_types.h>
#include <mach/kern_return.h>
#include <stdint.h>

struct ipc_port;
struct semaphore;
struct task;
struct thread;

/* A caller of another node, who is answered when its wait ends; or none: the calling thread waits. */
struct semaphore_caller {
	struct ipc_port *reply; /* send-once right; kept if the call answers MIG_NO_REPLY */
	int32_t id;             /* of the answer */
};

/* NULL: port is no semaphore. +1. */
struct semaphore *convert_port_to_semaphore(struct ipc_port *port);
void semaphore_release(struct semaphore *s);

/* *port: a send right. KERN_INVALID_ARGUMENT, KERN_TERMINATED, KERN_RESOURCE_SHORTAGE. */
kern_return_t semaphore_create(struct task *task, struct ipc_port **port, int policy, int value);
kern_return_t semaphore_destroy(struct task *task, struct semaphore *s);
/* All of task's, at its end. Nothing locked. */
void semaphore_task_exit(struct task *task);

/* As of mach/semaphore.defs; s may be NULL: KERN_INVALID_ARGUMENT. Thread context, nothing locked. */
kern_return_t semaphore_signal(struct semaphore *s);
kern_return_t semaphore_signal_all(struct semaphore *s);
/* thread NULL: any that waits. */
kern_return_t semaphore_signal_thread(struct semaphore *s, struct thread *thread);
/*
 * Purpose: wait for s, after signal (may be NULL: none) was signalled; for time (NULL: for ever).
 * Returns: as of the .defs; MIG_NO_REPLY: caller is answered later.
 */
kern_return_t semaphore_wait(struct semaphore *s, struct semaphore *signal, const mach_timespec_t *time,
			     struct semaphore_caller caller);

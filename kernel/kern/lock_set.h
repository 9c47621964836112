/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock_set.h - lock sets: locks that threads of several tasks hold by a port, and that survive their holders.
 *
 * Lives and references: as a semaphore's (semaphore.h).
 */
#pragma once

#include <mach/kern_return.h>
#include <stdint.h>

struct ipc_port;
struct lock_set;
struct task;
struct thread;

/* NULL: port is no lock set. +1. */
struct lock_set *convert_port_to_lock_set(struct ipc_port *port);
void lock_set_release(struct lock_set *set);

/* *port: a send right. KERN_INVALID_ARGUMENT, KERN_TERMINATED, KERN_RESOURCE_SHORTAGE. */
kern_return_t lock_set_create(struct task *task, struct ipc_port **port, int locks, int policy);
kern_return_t lock_set_destroy(struct task *task, struct lock_set *set);
/* All of task's, at its end. Nothing locked. */
void lock_set_task_exit(struct task *task);
/* What t, the calling thread, still holds becomes unstable and goes to who waits. Nothing locked. */
void lock_set_thread_exit(struct thread *t);

/* As of mach/lock_set.defs. Thread context, nothing locked. */
kern_return_t lock_acquire(struct lock_set *set, int id);
kern_return_t lock_release(struct lock_set *set, int id);
kern_return_t lock_try(struct lock_set *set, int id);
kern_return_t lock_make_stable(struct lock_set *set, int id);
kern_return_t lock_handoff(struct lock_set *set, int id);
kern_return_t lock_handoff_accept(struct lock_set *set, int id);

/* Who is answered later, if a call for a thread of another node answers MIG_NO_REPLY. */
struct lock_caller {
	struct ipc_port *reply; /* send-once right; kept then */
	int32_t id;             /* of the answer */
};
void lock_remote_init(void);
/* One of LOCK_* of <mach/sync_policy.h>, for the thread of that port (borrowed). Errors: lock_set.defs, _lock_set_call. */
kern_return_t lock_remote_call(struct lock_set *set, int id, int operation, struct ipc_port *thread, struct lock_caller caller);
/* The thread that watch, a port of ours, watches may have died. */
void lock_holder_died(struct ipc_port *watch);

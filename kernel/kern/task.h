/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task.h - the task: an address space, a port space and threads.
 *
 * Lock key: [I] immutable after creation, [a] atomic, [t] task lock, [ta] changed under it, seen NULL or not without.
 * Order: task lock -> thread lock.
 */
#pragma once

#include <base/list.h>
#include <ipc/ipc_task.h>
#include <kern/lock.h>
#include <kern/pc_sample.h>
#include <kern/task_events.h>
#include <kern/task_limits.h>
#include <mach/kern_return.h>
#include <mach/vm_statistics.h>
#include <machine/thread.h>
#include <personality/linux_task.h>
#include <sched/task_sched.h>
#include <stdatomic.h>

struct emulation;
struct restartable;
struct thread;
struct vm_map;

struct task {
	_Atomic uint32_t references;  /* [a] */
	struct spinlock lock;
	bool active;                  /* [t] false once terminated */
	_Atomic uint32_t suspend_count; /* [a] changed under the task lock */
	bool finished;                /* [t] task_finish has run or runs */
	struct list threads;          /* [t] of thread.task_link; each holds a reference */
	uint32_t thread_count;        /* [t] */
	struct vm_map *map;           /* [I] +1 */
	struct ipc_task ipc;          /* its space and special ports */
	struct linux_task linux_;     /* what the Linux personality keeps */
	struct task_sched sched;      /* what its threads begin with; its processor set */
	struct list all_link;         /* task list lock */
	uint64_t id;                  /* [I] */
	bool ends_machine;            /* [I] after creation: the first task under exit=1 */
	struct list semaphores;       /* [t] of semaphore.owner_link */
	struct list lock_sets;        /* [t] of lock_set.owner_link */
	struct task_events dead_events; /* [t] of its ended threads */
	uint64_t dead_user_ns, dead_system_ns; /* [t] of its ended threads */
	struct task_limits limits;    /* what it may use */
	struct machine_task machine;  /* [t] what its new threads begin with */
	struct vm_extmod_statistics extmod; /* [t] TASK_EXTMOD_INFO */
	uint32_t guard_behavior;      /* [t] TASK_EXC_GUARD_* */
	struct pc_sample pc_sample;   /* who wants to know where its threads are */
	struct emulation *_Atomic emulation;     /* [ta] +1: its own system calls (kern/emulation.h); NULL: none */
	struct restartable *_Atomic restartable; /* [ta] +1: its restartable sequences (kern/restartable.h); NULL: none */
	char name[32];                /* [t] for ps and traces */
};

extern struct task *kernel_task;

static inline struct task *current_task(void);

/*
 * A task with an empty port space and no threads; its map is empty or inherits parent's memory. parent gives
 * bootstrap and exception ports; may be NULL. Returns +1.
 */
kern_return_t task_create_internal(struct task *parent, bool inherit_memory, struct task **out);
void task_reference(struct task *t);
void task_deallocate(struct task *t);
kern_return_t task_terminate(struct task *t);
kern_return_t task_suspend(struct task *t);
kern_return_t task_resume(struct task *t);
/* The last thread of a terminated task has gone: give up its ports and memory. No lock held; may sleep. */
void task_finish(struct task *t);
/* All tasks, by all_link, for ddb: the machine stands still. */
const struct list *task_list_borrow(void);
void task_init(void);
/* A thread of t after the first skip of them, +1; NULL: no more. */
struct thread *task_nth_thread(struct task *t, uint32_t skip);
/* Call fn for each task (referenced during the call). */
void task_for_each(void (*fn)(void *ctx, struct task *), void *ctx);

#include <machine/current.h>

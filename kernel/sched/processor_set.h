/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * processor_set.h - sets of processors, and the tasks and threads that run on them.
 *
 * Each running processor is in one set, each task and each thread in one; a thread runs on its set's processors only. A
 * set without processors runs nobody: its threads wait (sched.c). The default set always has the processor that booted, and takes
 * what a destroyed set had.
 *
 * Lock key: [I] immutable, [a] atomic, [s] pset_lock, [p] policy mutex (sched_policy.c: held around every change).
 */
#pragma once

#include <kern/lock.h>
#include <mach/kern_return.h>
#include <mach/policy.h>
#include <mach/port.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ipc_port;
struct task;
struct thread;

struct processor_set {
	_Atomic uint32_t references;
	bool active;              /* [s] */
	uint32_t cpus;            /* [s] bit n: processor n, if it runs, is this set's */
	struct list tasks;        /* [s] of task.sched.pset_link */
	struct list threads;      /* [s] of thread.sched.pset_link */
	uint32_t task_count, thread_count; /* [s] */
	struct list all_link;     /* [s] */
	uint32_t policies;        /* [p] POLICY_* allowed */
	uint32_t max_priority;    /* [p] */
	uint32_t default_priority; /* [p] of new tasks that a parent of another set makes, and by policy_control */
	struct ipc_port *self;    /* [I] control port; naked, dead once destroyed */
	struct ipc_port *name;    /* [I] */
};

extern struct processor_set default_pset;

/* After ipc_init, before the first task. */
void pset_init(void);
void pset_reference(struct processor_set *s);
/* NULL is allowed, here and in what follows. */
void pset_deallocate(struct processor_set *s);

/* intran of .defs: +1, NULL if port is not a set's (control port; either port). */
struct processor_set *convert_port_to_pset(struct ipc_port *port);
struct processor_set *convert_port_to_pset_name(struct ipc_port *port);
/* Send rights made. */
struct ipc_port *pset_control_port(struct processor_set *s);
struct ipc_port *pset_name_port(struct processor_set *s);

kern_return_t pset_create(struct processor_set **out);
/* Everything goes to the default set. KERN_FAILURE: it is the default set, or destroyed already. */
kern_return_t pset_destroy(struct processor_set *s);

/* A new task joins its parent's set (NULL: the default one), a new thread its task's, with its priority. Any lock. */
void pset_task_begin(struct task *t, struct task *parent);
void pset_task_end(struct task *t);
void pset_thread_begin(struct thread *t, struct task *task);
void pset_thread_end(struct thread *t);

/* Move; the policy mutex is held. KERN_FAILURE: s is destroyed; KERN_RESOURCE_SHORTAGE: no room for a real-time thread there. */
kern_return_t pset_assign_thread(struct thread *t, struct processor_set *s);
kern_return_t pset_assign_task(struct task *t, struct processor_set *s, bool threads);
kern_return_t pset_assign_cpu(uint32_t cpu, struct processor_set *s);
/* The processor runs threads, or no more. */
void pset_cpu_online(uint32_t cpu, bool online);
/* Which CPUs t may run on by its set, its binding and its real-time contract. */
uint32_t pset_cpus_of(struct thread *t);
/* The set of a processor, +1; NULL: it does not run. */
struct processor_set *pset_of_cpu(uint32_t cpu);

/* Arrays of references, kalloc'ed with room for *room; false: no memory. The caller drops both. */
bool pset_threads(struct processor_set *s, struct thread ***threads, uint32_t *count, uint32_t *room);
bool pset_tasks(struct processor_set *s, struct task ***tasks, uint32_t *count, uint32_t *room);
/* All sets, referenced: at most max; their number. */
uint32_t pset_all(struct processor_set **sets, uint32_t max);
/* The CPUs of t's set have changed: make it so. */
void pset_refresh(struct thread *t);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task_limits.h - what a task may use before EXC_RESOURCE is raised: memory that it maps, and processor time.
 *
 * The exception only tells: a thread whose handlers do not answer, or that has none, goes on.
 */
#pragma once

#include <mach/kern_return.h>
#include <machine/pmap.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct cpu_monitor;
struct task;

/* In each task. */
struct task_limits {
	_Atomic uint64_t resident_peak;   /* [a] pages: the most that a fault found mapped */
	_Atomic uint64_t notice;          /* [a] pages: a fault that finds more looks closer */
	uint64_t footprint;               /* [t] pages; 0: no limit */
	bool footprint_told;              /* [t] crossed, and told: not again until it is set */
	struct cpu_monitor *monitor;      /* [t] +1, or NULL */
};

/* Behind task_noticed_resident(). */
void task_resident_rose(struct task *task, uint64_t pages);
/* After a fault of the calling thread, in its own task's map. */
static inline void task_noticed_resident(struct task *task, struct task_limits *limits, struct pmap *pmap)
{
	uint64_t pages = pmap_resident_count(pmap);

	if (__builtin_expect(pages > atomic_load_explicit(&limits->notice, memory_order_relaxed), 0))
		task_resident_rose(task, pages);
}

/* As of task.defs; a NULL task: the port was none. */
kern_return_t task_call_set_phys_footprint_limit(struct task *task, int new_limit, int *old_limit);
kern_return_t task_call_set_cpumon_params(struct task *task, int percentage, int interval_ms);
kern_return_t task_call_get_cpumon_params(struct task *task, int *percentage, int *interval_ms);
/* The task has finished: nothing is watched any more. */
void task_limits_end(struct task *task);
/* Raise the EXC_RESOURCE that the calling thread owes. Nothing locked, interrupts on, at the trap boundary. */
void exception_resource(void);

/* SPDX-License-Identifier: BSD-2-Clause */
/* task_info.h - what a task tells of itself: task_info() and task_set_info() of task.defs. */
#pragma once

#include <kern/clock.h>
#include <mach/kern_return.h>
#include <mach/task_info.h>

struct task;

kern_return_t task_call_info(struct task *task, task_flavor_t flavor, task_info_t out, mach_msg_type_number_t *count);
kern_return_t task_call_set_info(struct task *task, task_flavor_t flavor, task_info_t in, mach_msg_type_number_t count);

/* CPU time of a task's ended threads, and of those that live, in ns. */
struct task_times {
	uint64_t dead_user, dead_system, live_user, live_system;
};
struct task_times task_times_of(struct task *task);

/* The calling thread does to task what TASK_EXTMOD_INFO counts, if that is another's task. Nothing locked. */
enum task_extmod { TASK_EXTMOD_THREAD_CREATION, TASK_EXTMOD_THREAD_SET_STATE };
void task_noticed_extmod(struct task *task, enum task_extmod what);
/* A task ends: into HOST_EXPIRED_TASK_INFO. It has no threads. */
void task_noticed_expired(struct task *task);
/* HOST_EXPIRED_TASK_INFO and HOST_EXTMOD_INFO64. */
struct task_power_info task_expired_power(void);
struct vm_extmod_statistics task_all_extmod(void);

static inline time_value_t time_value_of_ns(uint64_t ns)
{
	return (time_value_t){ .seconds = (integer_t)(ns / NSEC_PER_SEC),
			       .microseconds = (integer_t)(ns % NSEC_PER_SEC / 1000) };
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* processor_calls.h - scheduling calls that are done here and belong to other interfaces' tables. */
#pragma once

#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <mach/processor_info.h>
#include <mach/task_policy.h>
#include <mach/thread_policy.h>
#include <sched/processor.h>
#include <sched/processor_set.h>

struct host;
struct vm_map_copy;

/* A flavor of processor_info() of one CPU. Errors: see processor.defs. */
kern_return_t processor_info_fill(uint32_t cpu, int flavor, integer_t *out, mach_msg_type_number_t *count);

/* host_calls.c's: mach_host.defs and host_priv.defs. */
kern_return_t sched_call_host_processors(struct host *host, mach_port_t **list, mach_msg_type_number_t *count);
kern_return_t sched_call_host_processor_info(struct host *host, int flavor, natural_t *cpus, struct vm_map_copy **info,
					     mach_msg_type_number_t *count);
kern_return_t sched_call_pset_default(struct host *host, mach_port_t *name);
kern_return_t sched_call_pset_create(struct host *host, mach_port_t *set, mach_port_t *name);
kern_return_t sched_call_host_processor_sets(struct host *host, mach_port_t **list, mach_msg_type_number_t *count);
kern_return_t sched_call_host_processor_set_priv(struct host *host, struct processor_set *name, mach_port_t *set);

/* thread_calls.c's: thread_act.defs. */
kern_return_t sched_call_thread_depress_abort(struct thread *t);
kern_return_t sched_call_thread_policy(struct thread *t, int policy, integer_t *base, mach_msg_type_number_t count,
				       boolean_t set_limit);
kern_return_t sched_call_thread_policy_set(struct thread *t, thread_policy_flavor_t flavor, integer_t *info,
					   mach_msg_type_number_t count);
kern_return_t sched_call_thread_policy_get(struct thread *t, thread_policy_flavor_t flavor, integer_t *info,
					   mach_msg_type_number_t *count, boolean_t *get_default);
kern_return_t sched_call_thread_assign(struct thread *t, struct processor_set *set);
kern_return_t sched_call_thread_assign_default(struct thread *t);
kern_return_t sched_call_thread_get_assignment(struct thread *t, mach_port_t *name);
kern_return_t sched_call_thread_set_policy(struct thread *t, struct processor_set *set, int policy, integer_t *base,
					   mach_msg_type_number_t base_count, integer_t *limit, mach_msg_type_number_t limit_count);
kern_return_t sched_call_thread_priority(struct thread *t, int priority, boolean_t set_max);
kern_return_t sched_call_thread_max_priority(struct thread *t, struct processor_set *set, int max_priority);
kern_return_t sched_call_thread_bind(struct thread *t, struct processor *processor);

/* task_calls.c's: task.defs. */
kern_return_t sched_call_task_policy_set(struct task *t, task_policy_flavor_t flavor, integer_t *info, mach_msg_type_number_t count);
kern_return_t sched_call_task_policy_get(struct task *t, task_policy_flavor_t flavor, integer_t *info,
					 mach_msg_type_number_t *count, boolean_t *get_default);
kern_return_t sched_call_task_policy(struct task *t, int policy, integer_t *base, mach_msg_type_number_t count,
				     boolean_t set_limit, boolean_t change);
kern_return_t sched_call_task_assign(struct task *t, struct processor_set *set, boolean_t assign_threads);
kern_return_t sched_call_task_assign_default(struct task *t, boolean_t assign_threads);
kern_return_t sched_call_task_get_assignment(struct task *t, mach_port_t *name);
kern_return_t sched_call_task_set_policy(struct task *t, struct processor_set *set, int policy, integer_t *base,
					 mach_msg_type_number_t base_count, integer_t *limit, mach_msg_type_number_t limit_count,
					 boolean_t change);
kern_return_t sched_call_task_priority(struct task *t, int priority, boolean_t change_threads);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched_policy.h - what threads run as: setting policies, priorities and bindings, and their limits.
 *
 * Conditions of all but the depressions: thread context, nothing locked; one at a time under the policy mutex, which the functions
 * take themselves (sched_policy_move: its caller has it).
 * Errors: KERN_POLICY_STATIC a kernel thread; KERN_TERMINATED it ended.
 */
#pragma once

#include <mach/kern_return.h>
#include <mach/policy.h>
#include <mach/task_policy.h>
#include <mach/thread_policy.h>
#include <sched/mutex.h>
#include <stdbool.h>
#include <stdint.h>

struct processor_set;
struct task;
struct thread;

void sched_policy_init(void);
void sched_policy_lock(void);
void sched_policy_unlock(void);

/* thread_policy_set(), thread_policy_get(). */
kern_return_t sched_policy_set(struct thread *t, thread_policy_flavor_t flavor, const integer_t *info, mach_msg_type_number_t count);
kern_return_t sched_policy_get(struct thread *t, thread_policy_flavor_t flavor, integer_t *info, mach_msg_type_number_t *count,
			       boolean_t *get_default);

/*
 * Policy (POLICY_*), base and maximum priority, as thread_policy() and its kin set them. KERN_INVALID_ARGUMENT: not a policy
 * or a priority; KERN_INVALID_POLICY: not allowed in its set; KERN_POLICY_LIMIT: above max_priority.
 */
kern_return_t sched_policy_set_base(struct thread *t, policy_t policy, integer_t base, bool set_limit);
/* The same, by who controls the set: base and limit at will, within the set's maximum. */
kern_return_t sched_policy_set_base_and_limit(struct thread *t, policy_t policy, integer_t base, integer_t limit);
/* thread_priority(), thread_max_priority(): KERN_FAILURE above the limit. */
kern_return_t sched_policy_set_priority(struct thread *t, integer_t priority, bool set_max);
kern_return_t sched_policy_set_max_priority(struct thread *t, integer_t max_priority);
/* The policy as POLICY_*; a real-time thread is one of timesharing here. */
policy_t sched_policy_of(const struct thread *t);
/* THREAD_SCHED_*_INFO: KERN_INVALID_POLICY if t's policy is another. */
kern_return_t sched_policy_info(struct thread *t, policy_t policy, integer_t *info, mach_msg_type_number_t *count);

/* A set's limits: its threads follow if change_threads. The policy mutex is not held. */
kern_return_t sched_policy_limit_set(struct processor_set *s, integer_t max_priority, bool change_threads);
kern_return_t sched_policy_allow(struct processor_set *s, policy_t policy, bool allow, bool change_threads);

/* Run on one processor only; -1: on any of its set. KERN_FAILURE: not one of its set's; KERN_RESOURCE_SHORTAGE: no room there. */
kern_return_t sched_policy_bind(struct thread *t, int32_t cpu);
/* A real-time thread is to find its place on one of cpus; others always do. */
kern_return_t sched_policy_move(struct thread *t, uint32_t cpus);
/* Is a processor some thread's only one: bound, or admitted there? The policy mutex is held. */
bool sched_policy_cpu_used(uint32_t cpu);
/* A thread that must run (it ends) but has no processor goes to the default set. */
void sched_policy_rescue(struct thread *t);

/* The lowest priority for ns (0: until it is ended), and its end. KERN_NOT_DEPRESSED. Any context. */
void sched_depress(struct thread *t, uint64_t ns);
kern_return_t sched_depress_end(struct thread *t);

/* t ends: its real-time share is free, and it leaves its set. */
void sched_policy_end_thread(struct thread *t);

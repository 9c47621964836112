/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/thread_policy.h - flavours of thread_policy_set() and thread_policy_get(). Names and shapes: XNU's. */
#pragma once

#include <mach/boolean.h>
#include <mach/port.h>

typedef natural_t thread_policy_flavor_t;
typedef integer_t *thread_policy_t;
#define THREAD_POLICY_MAX 16

/* Timesharing; no data. */
#define THREAD_STANDARD_POLICY 1
typedef struct thread_standard_policy {
	natural_t no_data;
} thread_standard_policy_data_t, *thread_standard_policy_t;
#define THREAD_STANDARD_POLICY_COUNT 0

/* Timesharing, or a fixed priority in turns. */
#define THREAD_EXTENDED_POLICY 1
typedef struct thread_extended_policy {
	boolean_t timeshare;
} thread_extended_policy_data_t, *thread_extended_policy_t;
#define THREAD_EXTENDED_POLICY_COUNT ((mach_msg_type_number_t)(sizeof(thread_extended_policy_data_t) / sizeof(integer_t)))

/*
 * Real time: computation ns of CPU within constraint ns of the start of each period. period 0: no period of its own, the
 * constraint counts. Admitted only if a CPU has so much left (KERN_RESOURCE_SHORTAGE); who takes more in a
 * period goes on as a timesharing thread until the next. Units: mach_absolute_time(), ns.
 */
#define THREAD_TIME_CONSTRAINT_POLICY 2
typedef struct thread_time_constraint_policy {
	uint32_t period;
	uint32_t computation;
	uint32_t constraint;
	boolean_t preemptible;
} thread_time_constraint_policy_data_t, *thread_time_constraint_policy_t;
#define THREAD_TIME_CONSTRAINT_POLICY_COUNT \
	((mach_msg_type_number_t)(sizeof(thread_time_constraint_policy_data_t) / sizeof(integer_t)))

/* Priority within the task: added to the task's. */
#define THREAD_PRECEDENCE_POLICY 3
typedef struct thread_precedence_policy {
	integer_t importance;
} thread_precedence_policy_data_t, *thread_precedence_policy_t;
#define THREAD_PRECEDENCE_POLICY_COUNT \
	((mach_msg_type_number_t)(sizeof(thread_precedence_policy_data_t) / sizeof(integer_t)))

/* Threads of one tag like one CPU's caches. A hint; 0: none. */
#define THREAD_AFFINITY_POLICY 4
#define THREAD_AFFINITY_TAG_NULL 0
typedef struct thread_affinity_policy {
	integer_t affinity_tag;
} thread_affinity_policy_data_t, *thread_affinity_policy_t;
#define THREAD_AFFINITY_POLICY_COUNT \
	((mach_msg_type_number_t)(sizeof(thread_affinity_policy_data_t) / sizeof(integer_t)))

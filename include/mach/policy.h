/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/policy.h - scheduling policies, their priorities and limits. Names and shapes: OSF Mach and XNU. */
#pragma once

#include <mach/boolean.h>
#include <mach/port.h>

typedef int policy_t;
typedef integer_t *policy_info_t;
typedef integer_t *policy_base_t;
typedef integer_t *policy_limit_t;

#define POLICY_NULL 0
#define POLICY_TIMESHARE 1
#define POLICY_RR 2
#define POLICY_FIFO 4
#define POLICYCLASS_FIXEDPRI (POLICY_RR | POLICY_FIFO)
#define invalid_policy(policy) ((policy) != POLICY_TIMESHARE && (policy) != POLICY_RR && (policy) != POLICY_FIFO)

/* Priorities: 0 (low) to 63 for programs; threads begin with 31. */

typedef struct policy_timeshare_base {
	integer_t base_priority;
} policy_timeshare_base_data_t, *policy_timeshare_base_t;
typedef struct policy_timeshare_limit {
	integer_t max_priority;
} policy_timeshare_limit_data_t, *policy_timeshare_limit_t;
typedef struct policy_timeshare_info {
	integer_t max_priority;
	integer_t base_priority;
	integer_t cur_priority;
	boolean_t depressed;
	integer_t depress_priority; /* while depressed: else -1 */
} policy_timeshare_info_data_t, *policy_timeshare_info_t;

typedef struct policy_rr_base {
	integer_t base_priority;
	integer_t quantum; /* milliseconds; the kernel's own is used */
} policy_rr_base_data_t, *policy_rr_base_t;
typedef struct policy_rr_limit {
	integer_t max_priority;
} policy_rr_limit_data_t, *policy_rr_limit_t;
typedef struct policy_rr_info {
	integer_t max_priority;
	integer_t base_priority;
	integer_t quantum; /* milliseconds */
	boolean_t depressed;
	integer_t depress_priority;
} policy_rr_info_data_t, *policy_rr_info_t;

typedef struct policy_fifo_base {
	integer_t base_priority;
} policy_fifo_base_data_t, *policy_fifo_base_t;
typedef struct policy_fifo_limit {
	integer_t max_priority;
} policy_fifo_limit_data_t, *policy_fifo_limit_t;
typedef struct policy_fifo_info {
	integer_t max_priority;
	integer_t base_priority;
	boolean_t depressed;
	integer_t depress_priority;
} policy_fifo_info_data_t, *policy_fifo_info_t;

#define POLICY_COUNT_OF_(type) ((mach_msg_type_number_t)(sizeof(type) / sizeof(integer_t)))
#define POLICY_TIMESHARE_BASE_COUNT POLICY_COUNT_OF_(policy_timeshare_base_data_t)
#define POLICY_TIMESHARE_LIMIT_COUNT POLICY_COUNT_OF_(policy_timeshare_limit_data_t)
#define POLICY_TIMESHARE_INFO_COUNT POLICY_COUNT_OF_(policy_timeshare_info_data_t)
#define POLICY_RR_BASE_COUNT POLICY_COUNT_OF_(policy_rr_base_data_t)
#define POLICY_RR_LIMIT_COUNT POLICY_COUNT_OF_(policy_rr_limit_data_t)
#define POLICY_RR_INFO_COUNT POLICY_COUNT_OF_(policy_rr_info_data_t)
#define POLICY_FIFO_BASE_COUNT POLICY_COUNT_OF_(policy_fifo_base_data_t)
#define POLICY_FIFO_LIMIT_COUNT POLICY_COUNT_OF_(policy_fifo_limit_data_t)
#define POLICY_FIFO_INFO_COUNT POLICY_COUNT_OF_(policy_fifo_info_data_t)

/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/thread_info.h - flavours of thread_info(). Names and shapes: OSF Mach and XNU. */
#pragma once

#include <mach/policy.h>
#include <mach/port.h>
#include <mach/time_value.h>

typedef natural_t thread_flavor_t;
typedef integer_t *thread_info_t;
#define THREAD_INFO_MAX 32
typedef integer_t thread_info_data_t[THREAD_INFO_MAX];

#define THREAD_BASIC_INFO 3
typedef struct thread_basic_info {
	time_value_t user_time;
	time_value_t system_time;
	integer_t cpu_usage;  /* of TH_USAGE_SCALE */
	policy_t policy;
	integer_t run_state;  /* TH_STATE_* */
	integer_t flags;      /* TH_FLAGS_* */
	integer_t suspend_count;
	integer_t sleep_time; /* seconds */
} thread_basic_info_data_t;
typedef thread_basic_info_data_t *thread_basic_info_t;
#define THREAD_BASIC_INFO_COUNT ((natural_t)(sizeof(thread_basic_info_data_t) / sizeof(natural_t)))

#define TH_USAGE_SCALE 1000
#define TH_STATE_RUNNING 1
#define TH_STATE_STOPPED 2
#define TH_STATE_WAITING 3
#define TH_STATE_UNINTERRUPTIBLE 4
#define TH_STATE_HALTED 5
#define TH_FLAGS_SWAPPED 1
#define TH_FLAGS_IDLE 2

#define THREAD_IDENTIFIER_INFO 4
typedef struct thread_identifier_info {
	uint64_t thread_id;
	uint64_t thread_handle;
	uint64_t dispatch_qaddr;
} thread_identifier_info_data_t;
typedef thread_identifier_info_data_t *thread_identifier_info_t;
#define THREAD_IDENTIFIER_INFO_COUNT ((natural_t)(sizeof(thread_identifier_info_data_t) / sizeof(natural_t)))

/* As policy_timeshare_info and others of <mach/policy.h>; KERN_INVALID_POLICY: the thread has another policy. */
#define THREAD_SCHED_TIMESHARE_INFO 10
#define THREAD_SCHED_RR_INFO 11
#define THREAD_SCHED_FIFO_INFO 12

#define THREAD_EXTENDED_INFO 5
#define MAXTHREADNAMESIZE 64
typedef struct thread_extended_info {
	uint64_t pth_user_time, pth_system_time; /* nanoseconds */
	int32_t pth_cpu_usage;   /* of TH_USAGE_SCALE */
	int32_t pth_policy;
	int32_t pth_run_state;
	int32_t pth_flags;
	int32_t pth_sleep_time;
	int32_t pth_curpri;
	int32_t pth_priority;
	int32_t pth_maxpriority;
	char pth_name[MAXTHREADNAMESIZE];
} thread_extended_info_data_t;
typedef thread_extended_info_data_t *thread_extended_info_t;
#define THREAD_EXTENDED_INFO_COUNT ((natural_t)(sizeof(thread_extended_info_data_t) / sizeof(natural_t)))
_Static_assert(THREAD_EXTENDED_INFO_COUNT <= THREAD_INFO_MAX, "thread_extended_info");

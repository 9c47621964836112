/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/task_info.h - flavours of task_info(). Names and shapes: XNU's. Times are of ended threads unless said. */
#pragma once

#include <mach/policy.h>
#include <mach/port.h>
#include <mach/time_value.h>
#include <mach/vm_types.h>

typedef natural_t task_flavor_t;
typedef integer_t *task_info_t;
#define TASK_INFO_MAX 90
typedef integer_t task_info_data_t[TASK_INFO_MAX];

#define TASK_BASIC_INFO_32 4
#define TASK_BASIC_INFO_64 5
#define TASK_BASIC_INFO TASK_BASIC_INFO_64
typedef struct task_basic_info_64 {
	integer_t suspend_count;
	integer_t pad;
	mach_vm_size_t virtual_size;  /* bytes */
	mach_vm_size_t resident_size; /* bytes */
	time_value_t user_time;
	time_value_t system_time;
	policy_t policy;
	integer_t pad2;
} task_basic_info_64_data_t;
typedef task_basic_info_64_data_t task_basic_info_data_t;
typedef task_basic_info_data_t *task_basic_info_t;
#define TASK_BASIC_INFO_64_COUNT ((natural_t)(sizeof(task_basic_info_64_data_t) / sizeof(natural_t)))
#define TASK_BASIC_INFO_COUNT TASK_BASIC_INFO_64_COUNT

#define TASK_THREAD_TIMES_INFO 3 /* of the threads that live */
typedef struct task_thread_times_info {
	time_value_t user_time;
	time_value_t system_time;
} task_thread_times_info_data_t;
typedef task_thread_times_info_data_t *task_thread_times_info_t;
#define TASK_THREAD_TIMES_INFO_COUNT ((natural_t)(sizeof(task_thread_times_info_data_t) / sizeof(natural_t)))

#define MACH_TASK_BASIC_INFO 20
typedef struct mach_task_basic_info {
	mach_vm_size_t virtual_size;
	mach_vm_size_t resident_size;
	mach_vm_size_t resident_size_max;
	time_value_t user_time;
	time_value_t system_time;
	policy_t policy;
	integer_t suspend_count;
} mach_task_basic_info_data_t;
typedef mach_task_basic_info_data_t *mach_task_basic_info_t;
#define MACH_TASK_BASIC_INFO_COUNT ((natural_t)(sizeof(mach_task_basic_info_data_t) / sizeof(natural_t)))

/* Ours: what `ps` shows. */
#define TASK_NAME_INFO 0x4d53
typedef struct task_name_info {
	uint64_t id;
	uint32_t thread_count;
	uint32_t port_names;
	char name[32];
} task_name_info_data_t;
typedef task_name_info_data_t *task_name_info_t;
#define TASK_NAME_INFO_COUNT ((natural_t)(sizeof(task_name_info_data_t) / sizeof(natural_t)))

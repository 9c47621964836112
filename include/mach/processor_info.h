/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/processor_info.h - flavours of processor_info(), host_processor_info(), processor_set_info(). Names: OSF Mach and XNU. */
#pragma once

#include <mach/boolean.h>
#include <mach/policy.h>
#include <mach/port.h>
#include <stdint.h>

typedef integer_t *processor_info_t;
typedef integer_t *processor_info_array_t;
typedef int processor_flavor_t;
#define PROCESSOR_INFO_MAX 256
typedef integer_t processor_info_data_t[PROCESSOR_INFO_MAX];

typedef integer_t *processor_set_info_t;
typedef int processor_set_flavor_t;
#define PROCESSOR_SET_INFO_MAX 16
typedef integer_t processor_set_info_data_t[PROCESSOR_SET_INFO_MAX];

#define PROCESSOR_COUNT_OF_(type) ((mach_msg_type_number_t)(sizeof(type) / sizeof(natural_t)))

#define PROCESSOR_BASIC_INFO 1
typedef struct processor_basic_info {
	integer_t cpu_type;
	integer_t cpu_subtype;
	boolean_t running;   /* takes threads */
	int slot_num;        /* its number */
	boolean_t is_master; /* the one that booted */
} processor_basic_info_data_t, *processor_basic_info_t;
#define PROCESSOR_BASIC_INFO_COUNT PROCESSOR_COUNT_OF_(processor_basic_info_data_t)

#define CPU_STATE_USER 0
#define CPU_STATE_SYSTEM 1
#define CPU_STATE_IDLE 2
#define CPU_STATE_NICE 3
#define CPU_STATE_MAX 4

#define PROCESSOR_CPU_LOAD_INFO 2
typedef struct processor_cpu_load_info {
	natural_t cpu_ticks[CPU_STATE_MAX]; /* hundredths of a second */
} processor_cpu_load_info_data_t, *processor_cpu_load_info_t;
#define PROCESSOR_CPU_LOAD_INFO_COUNT PROCESSOR_COUNT_OF_(processor_cpu_load_info_data_t)

/* Ours: what a CPU's scheduler has done since the boot. */
#define PROCESSOR_SCHED_INFO 0x4d53
typedef struct processor_sched_info {
	uint64_t switches, preemptions, kernel_preemptions, steals, kicks, overruns, halts;
	uint64_t interrupts, timer_interrupts, idle_timer_interrupts;
	uint32_t timers_armed, queued;
	uint64_t deadline_misses; /* of real-time threads that kept to their share */
} processor_sched_info_data_t, *processor_sched_info_t;
#define PROCESSOR_SCHED_INFO_COUNT PROCESSOR_COUNT_OF_(processor_sched_info_data_t)

/* Ours: how long what should be short took, on this CPU, since the boot or the last reset (processor_control). */
#define PROCESSOR_LATENCY_BUCKETS 24
typedef struct processor_latency {
	uint64_t count, sum_ns, max_ns;
	uint64_t max_where; /* kernel address that ended the longest; 0: not known */
	uint32_t buckets[PROCESSOR_LATENCY_BUCKETS]; /* n: below 2^(n+8) ns; the last: all above */
} processor_latency_data_t, *processor_latency_t;
#define PROCESSOR_LATENCY_COUNT PROCESSOR_COUNT_OF_(processor_latency_data_t)
#define PROCESSOR_DISPATCH_LATENCY 0x4d54       /* a woken real-time thread's way to its CPU */
#define PROCESSOR_INTERRUPTS_OFF_LATENCY 0x4d55 /* KERN_NOT_SUPPORTED where the kernel does not measure it */

/* processor_control(): begin the latencies of all CPUs anew. */
#define PROCESSOR_CONTROL_RESET_LATENCY 1

#define PROCESSOR_SET_ENABLED_POLICIES 3
#define PROCESSOR_SET_LOAD_INFO 4
typedef struct processor_set_load_info {
	int task_count;
	int thread_count;
	integer_t load_average; /* of LOAD_SCALE: runnable threads */
	integer_t mach_factor;  /* of LOAD_SCALE: what a new thread would have of CPUs */
} processor_set_load_info_data_t, *processor_set_load_info_t;
#define PROCESSOR_SET_LOAD_INFO_COUNT PROCESSOR_COUNT_OF_(processor_set_load_info_data_t)
#define LOAD_SCALE 1000

#define PROCESSOR_SET_BASIC_INFO 5
typedef struct processor_set_basic_info {
	int processor_count;
	int default_policy;
} processor_set_basic_info_data_t, *processor_set_basic_info_t;
#define PROCESSOR_SET_BASIC_INFO_COUNT PROCESSOR_COUNT_OF_(processor_set_basic_info_data_t)

/* processor_set_info(), processor_set_policy_control(): the shapes are those of <mach/policy.h>. */
#define PROCESSOR_SET_TIMESHARE_DEFAULT 10
#define PROCESSOR_SET_TIMESHARE_LIMITS 11
#define PROCESSOR_SET_RR_DEFAULT 20
#define PROCESSOR_SET_RR_LIMITS 21
#define PROCESSOR_SET_FIFO_DEFAULT 30
#define PROCESSOR_SET_FIFO_LIMITS 31

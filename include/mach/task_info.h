/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/task_info.h - flavours of task_info(). Names and shapes: XNU's. Times are of ended threads unless said. */
#pragma once

#include <mach/message.h>
#include <mach/policy.h>
#include <mach/port.h>
#include <mach/time_value.h>
#include <mach/vm_statistics.h>
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

/* As above, with sizes that stop at 4 GiB less 1. */
typedef struct task_basic_info_32 {
	integer_t suspend_count;
	natural_t virtual_size;
	natural_t resident_size;
	time_value_t user_time;
	time_value_t system_time;
	policy_t policy;
} task_basic_info_32_data_t;
typedef task_basic_info_32_data_t *task_basic_info_32_t;
#define TASK_BASIC_INFO_32_COUNT ((natural_t)(sizeof(task_basic_info_32_data_t) / sizeof(natural_t)))

#define TASK_ABSOLUTETIME_INFO 1 /* nanoseconds */
typedef struct task_absolutetime_info {
	uint64_t total_user, total_system;     /* of all threads that it ever had */
	uint64_t threads_user, threads_system; /* of those that live */
} task_absolutetime_info_data_t;
typedef task_absolutetime_info_data_t *task_absolutetime_info_t;
#define TASK_ABSOLUTETIME_INFO_COUNT ((natural_t)(sizeof(task_absolutetime_info_data_t) / sizeof(natural_t)))

#define TASK_EVENTS_INFO 2 /* of all its threads, ended ones too */
typedef struct task_events_info {
	integer_t faults;            /* of its own code, and of what the kernel copied for it */
	integer_t pageins;           /* of them, those that asked a pager */
	integer_t cow_faults;        /* pages copied for a write */
	integer_t messages_sent;
	integer_t messages_received;
	integer_t syscalls_mach;
	integer_t syscalls_unix;     /* Linux system calls */
	integer_t csw;               /* times a thread of it got a CPU */
} task_events_info_data_t;
typedef task_events_info_data_t *task_events_info_t;
#define TASK_EVENTS_INFO_COUNT ((natural_t)(sizeof(task_events_info_data_t) / sizeof(natural_t)))

/* What its messages say of their sender: a security_token_t, an audit_token_t. */
#define TASK_SECURITY_TOKEN 13
#define TASK_SECURITY_TOKEN_COUNT ((natural_t)(sizeof(security_token_t) / sizeof(natural_t)))
#define TASK_AUDIT_TOKEN 15
#define TASK_AUDIT_TOKEN_COUNT ((natural_t)(sizeof(audit_token_t) / sizeof(natural_t)))

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
	mach_vm_size_t resident_size_max; /* the most that it had */
	time_value_t user_time;
	time_value_t system_time;
	policy_t policy;
	integer_t suspend_count;
} mach_task_basic_info_data_t;
typedef mach_task_basic_info_data_t *mach_task_basic_info_t;
#define MACH_TASK_BASIC_INFO_COUNT ((natural_t)(sizeof(mach_task_basic_info_data_t) / sizeof(natural_t)))

/* What its new threads begin with: a policy_timeshare_base, _rr_base, _fifo_base of <mach/policy.h>. KERN_INVALID_POLICY: another. */
#define TASK_SCHED_TIMESHARE_INFO 10
#define TASK_SCHED_RR_INFO 11
#define TASK_SCHED_FIFO_INFO 12

#define TASK_AFFINITY_TAG_INFO 16 /* tags of THREAD_AFFINITY_POLICY that its threads have */
typedef struct task_affinity_tag_info {
	integer_t set_count;  /* different tags */
	integer_t min, max;   /* 0: there are none */
	integer_t task_count; /* threads with one */
} task_affinity_tag_info_data_t;
typedef task_affinity_tag_info_data_t *task_affinity_tag_info_t;
#define TASK_AFFINITY_TAG_INFO_COUNT ((natural_t)(sizeof(task_affinity_tag_info_data_t) / sizeof(natural_t)))

#define TASK_EXTMOD_INFO 19 /* what other tasks did to it, and it to others */
typedef struct task_extmod_info {
	unsigned char task_uuid[16]; /* the node's boot and the task's number in it, little-endian */
	vm_extmod_statistics_data_t extmod_statistics;
} task_extmod_info_data_t;
typedef task_extmod_info_data_t *task_extmod_info_t;
#define TASK_EXTMOD_INFO_COUNT ((natural_t)(sizeof(task_extmod_info_data_t) / sizeof(natural_t)))

#define TASK_POWER_INFO 21 /* of all its threads, ended ones too; HOST_EXPIRED_TASK_INFO: of the tasks that ended */
typedef struct task_power_info {
	uint64_t total_user, total_system;      /* nanoseconds */
	uint64_t task_interrupt_wakeups;        /* times a timer ended a wait of a thread's */
	uint64_t task_platform_idle_wakeups;    /* of them, on a processor that was idle */
	uint64_t task_timer_wakeups_bin_1, task_timer_wakeups_bin_2; /* of them, from waits of less than 2 and of 2 to 5 ms */
} task_power_info_data_t;
typedef task_power_info_data_t *task_power_info_t;
#define TASK_POWER_INFO_COUNT ((natural_t)(sizeof(task_power_info_data_t) / sizeof(natural_t)))

#define TASK_FLAGS_INFO 28
#define TF_LP64 0x1
#define TF_64B_DATA 0x2
typedef struct task_flags_info {
	uint32_t flags; /* TF_*: always both */
} task_flags_info_data_t;
typedef task_flags_info_data_t *task_flags_info_t;
#define TASK_FLAGS_INFO_COUNT ((natural_t)(sizeof(task_flags_info_data_t) / sizeof(natural_t)))

/*
 * Its memory, region by region, in bytes; both flavours are this. Pages of objects with a pager of their own are external, all
 * others internal; compressed: internal ones that the default pager has.
 */
#define TASK_VM_INFO 22
#define TASK_VM_INFO_PURGEABLE 23
typedef struct task_vm_info {
	mach_vm_size_t virtual_size;
	integer_t region_count;
	integer_t page_size;
	mach_vm_size_t resident_size;      /* pages mapped */
	mach_vm_size_t resident_size_peak;
	mach_vm_size_t device, device_peak;             /* 0: not counted, as are the other peaks */
	mach_vm_size_t internal, internal_peak;
	mach_vm_size_t external, external_peak;
	mach_vm_size_t reusable, reusable_peak;         /* 0 */
	mach_vm_size_t purgeable_volatile_pmap;         /* as resident */
	mach_vm_size_t purgeable_volatile_resident;
	mach_vm_size_t purgeable_volatile_virtual;
	mach_vm_size_t compressed, compressed_peak, compressed_lifetime;
	mach_vm_size_t phys_footprint;                  /* from here on revision 1: internal and compressed */
	mach_vm_address_t min_address, max_address;
} task_vm_info_data_t;
typedef task_vm_info_data_t *task_vm_info_t;
#define TASK_VM_INFO_COUNT ((natural_t)(sizeof(task_vm_info_data_t) / sizeof(natural_t)))
#define TASK_VM_INFO_REV1_COUNT TASK_VM_INFO_COUNT
#define TASK_VM_INFO_REV0_COUNT ((natural_t)(TASK_VM_INFO_COUNT - 3 * sizeof(mach_vm_size_t) / sizeof(natural_t)))

/* task_set_exc_guard_behavior(). There are no guards of memory: TASK_EXC_GUARD_VM_* are taken and do nothing. */
typedef uint32_t task_exc_guard_behavior_t;
#define TASK_EXC_GUARD_NONE 0x00
#define TASK_EXC_GUARD_VM_ALL 0x0f
#define TASK_EXC_GUARD_MP_DELIVER 0x10 /* EXC_GUARD is raised: at first so */
#define TASK_EXC_GUARD_MP_ONCE 0x20    /* for the next violation only */
#define TASK_EXC_GUARD_MP_CORPSE 0x40  /* not there */
#define TASK_EXC_GUARD_MP_FATAL 0x80   /* the task ends even if a handler dealt with it */

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

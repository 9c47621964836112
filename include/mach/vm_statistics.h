/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/vm_statistics.h - flags of vm_allocate, vm_map and vm_remap; what host_statistics tells of memory. Values and names: XNU's. */
#pragma once

#include <mach/port.h>
#include <stdint.h>

#define VM_FLAGS_FIXED 0x0000     /* at the address given, which must be free */
#define VM_FLAGS_ANYWHERE 0x0001  /* at or after the address given, or elsewhere */
#define VM_FLAGS_OVERWRITE 0x4000 /* with FIXED: what is there goes */
#define VM_FLAGS_USER_ALLOCATE (VM_FLAGS_FIXED | VM_FLAGS_ANYWHERE | VM_FLAGS_OVERWRITE)

/* host_statistics() and host_statistics64() flavours. */
#define HOST_VM_INFO 2
#define HOST_VM_INFO64 4

/* Pages now, and events since the boot. The narrow form's counts wrap. */
typedef struct vm_statistics {
	natural_t free_count, active_count, inactive_count;
	natural_t wire_count;       /* the kernel's, and wired ones */
	natural_t zero_fill_count, reactivations, pageins, pageouts, faults, cow_faults, lookups, hits;
	natural_t purgeable_count;
	natural_t purges, speculative_count;
} vm_statistics_data_t;
typedef vm_statistics_data_t *vm_statistics_t;
#define HOST_VM_INFO_COUNT ((mach_msg_type_number_t)(sizeof(vm_statistics_data_t) / sizeof(integer_t)))

typedef struct vm_statistics64 {
	natural_t free_count, active_count, inactive_count, wire_count;
	uint64_t zero_fill_count, reactivations, pageins, pageouts, faults, cow_faults, lookups, hits, purges;
	natural_t purgeable_count, speculative_count;
	/* Ours. */
	uint64_t laundry_count;               /* pages on their way to pagers */
	uint64_t dropped;                     /* clean pages that were freed for others */
	uint64_t shortages;                   /* times nothing could be freed */
	uint64_t swap_total, swap_used;       /* pages that the default pager can store, and has */
	uint64_t waiting;                     /* threads that wait for memory now */
} vm_statistics64_data_t;
typedef vm_statistics64_data_t *vm_statistics64_t;
#define HOST_VM_INFO64_COUNT ((mach_msg_type_number_t)(sizeof(vm_statistics64_data_t) / sizeof(integer_t)))

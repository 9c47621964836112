/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/vm_statistics.h - flags of vm_allocate, vm_map and vm_remap; what page queries and host_statistics tells of memory. Values and names: XNU's. */
#pragma once

#include <mach/port.h>
#include <stdint.h>

#define VM_FLAGS_FIXED 0x00000000     /* at the address given, which must be free */
#define VM_FLAGS_ANYWHERE 0x00000001  /* at or after the address given, or elsewhere */
#define VM_FLAGS_PURGABLE 0x00000002  /* mach/vm_purgable.h */
#define VM_FLAGS_NO_CACHE 0x00000010  /* a hint: its pages are paged out first */
#define VM_FLAGS_OVERWRITE 0x00004000 /* with FIXED: what is there goes */
#define VM_FLAGS_SUPERPAGE_MASK 0x00070000
#define VM_FLAGS_SUPERPAGE_SHIFT 16
#define SUPERPAGE_NONE 0
#define SUPERPAGE_SIZE_ANY 1 /* large pages where they fit */
#define SUPERPAGE_SIZE_2MB 2 /* size and address are multiples of 2 MiB */
#define VM_FLAGS_SUPERPAGE_NONE (SUPERPAGE_NONE << VM_FLAGS_SUPERPAGE_SHIFT)
#define VM_FLAGS_SUPERPAGE_SIZE_ANY (SUPERPAGE_SIZE_ANY << VM_FLAGS_SUPERPAGE_SHIFT)
#define VM_FLAGS_SUPERPAGE_SIZE_2MB (SUPERPAGE_SIZE_2MB << VM_FLAGS_SUPERPAGE_SHIFT)
#define VM_FLAGS_RETURN_DATA_ADDR 0x00100000 /* the address of the byte asked for, not of its page */
#define VM_FLAGS_ALIAS_MASK 0xff000000       /* the tag: any number, which mach_vm_region() tells */
#define VM_MAKE_TAG(tag) ((int)((unsigned)(tag) << 24))
#define VM_GET_FLAGS_ALIAS(flags, alias) ((alias) = (int)(((unsigned)(flags) >> 24) & 0xff))
#define VM_MEMORY_APPLICATION_SPECIFIC_1 240

#define VM_FLAGS_USER_MAP                                                                     \
	(VM_FLAGS_FIXED | VM_FLAGS_ANYWHERE | VM_FLAGS_NO_CACHE | VM_FLAGS_OVERWRITE |        \
	 VM_FLAGS_SUPERPAGE_MASK | VM_FLAGS_RETURN_DATA_ADDR | VM_FLAGS_ALIAS_MASK)
#define VM_FLAGS_USER_ALLOCATE ((VM_FLAGS_USER_MAP & ~VM_FLAGS_RETURN_DATA_ADDR) | VM_FLAGS_PURGABLE)
#define VM_FLAGS_USER_REMAP                                                                   \
	(VM_FLAGS_FIXED | VM_FLAGS_ANYWHERE | VM_FLAGS_OVERWRITE | VM_FLAGS_RETURN_DATA_ADDR | VM_FLAGS_ALIAS_MASK)

/* Bits of a page's disposition (mach_vm_page_query and others). */
#define VM_PAGE_QUERY_PAGE_PRESENT 0x1
#define VM_PAGE_QUERY_PAGE_FICTITIOUS 0x2
#define VM_PAGE_QUERY_PAGE_REF 0x4
#define VM_PAGE_QUERY_PAGE_DIRTY 0x8
#define VM_PAGE_QUERY_PAGE_PAGED_OUT 0x10
#define VM_PAGE_QUERY_PAGE_COPIED 0x20      /* it is seen through a copy: a write would copy it */
#define VM_PAGE_QUERY_PAGE_SPECULATIVE 0x40
#define VM_PAGE_QUERY_PAGE_EXTERNAL 0x80    /* of a memory object of an external pager */

/* host_statistics() and host_statistics64() flavours. */
#define HOST_VM_INFO 2
#define HOST_VM_INFO64 4
#define HOST_EXTMOD_INFO64 5

/* Who changed tasks from outside; the caller's counts are what it did to others. */
typedef struct vm_extmod_statistics {
	int64_t task_for_pid_count, task_for_pid_caller_count; /* 0: there is no such call */
	int64_t thread_creation_count, thread_creation_caller_count;
	int64_t thread_set_state_count, thread_set_state_caller_count;
} vm_extmod_statistics_data_t;
typedef vm_extmod_statistics_data_t *vm_extmod_statistics_t;
#define HOST_EXTMOD_INFO64_COUNT ((mach_msg_type_number_t)(sizeof(vm_extmod_statistics_data_t) / sizeof(integer_t)))

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

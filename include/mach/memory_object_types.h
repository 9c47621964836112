/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/memory_object_types.h - types and constants of the memory object protocol. Names and values: OSF Mach, XNU. */
#pragma once

#include <mach/boolean.h>
#include <mach/message.h>
#include <mach/port.h>
#include <mach/vm_prot.h>
#include <mach/vm_sync.h>
#include <mach/vm_types.h>
#include <stdint.h>

typedef mach_port_t memory_object_t;
typedef mach_port_t memory_object_default_t;
typedef uint32_t memory_object_cluster_size_t;
typedef int memory_object_flavor_t;
typedef int *memory_object_info_t;
typedef int memory_object_return_t;
typedef int memory_object_copy_strategy_t;
#ifndef MESHACH_KERNEL
typedef mach_port_t memory_object_control_t;
typedef mach_port_t memory_object_name_t;
#endif

#define MEMORY_OBJECT_NULL ((memory_object_t)0)

/* How the kernel copies memory of the object. */
#define MEMORY_OBJECT_COPY_NONE 0      /* at once, page by page: the pager may change pages at any time */
#define MEMORY_OBJECT_COPY_CALL 1      /* the pager is told (memory_object_copy) and may page the copy */
#define MEMORY_OBJECT_COPY_DELAY 2     /* lazily: a page is copied before the node changes it */
#define MEMORY_OBJECT_COPY_TEMPORARY 3 /* DELAY, and changes need not be returned at the end */
#define MEMORY_OBJECT_COPY_SYMMETRIC 4 /* both sides copy before they write: anonymous memory only */

/* memory_object_lock_request. */
#define MEMORY_OBJECT_RETURN_NONE 0
#define MEMORY_OBJECT_RETURN_DIRTY 1
#define MEMORY_OBJECT_RETURN_ALL 2

/* Flavors of attributes; the counts are of ints. */
#define MEMORY_OBJECT_PERFORMANCE_INFO 11
#define MEMORY_OBJECT_ATTRIBUTE_INFO 14
#define MEMORY_OBJECT_BEHAVIOR_INFO 15
#define MEMORY_OBJECT_TIMEOUT_INFO 64 /* Meshach's */

struct memory_object_perf_info {
	memory_object_cluster_size_t cluster_size; /* bytes asked for at once: a power of two, a page to 1 MiB */
	boolean_t may_cache;                       /* keep pages when nobody maps the object */
};

struct memory_object_attr_info {
	memory_object_copy_strategy_t copy_strategy;
	memory_object_cluster_size_t cluster_size;
	boolean_t may_cache_object;
	boolean_t temporary;
};

struct memory_object_behave_info {
	memory_object_copy_strategy_t copy_strategy;
	boolean_t temporary;        /* changes need not be returned at the end */
	boolean_t invalidate;       /* pages are dropped as soon as nobody maps the object */
	boolean_t silent_overwrite; /* the pager does not want to know that a page was overwritten whole */
	boolean_t advisory_pageout; /* accepted; not asked for (no memory_object_discard_request) */
};

struct memory_object_timeout_info {
	uint32_t milliseconds; /* a fault waits so long for an answer; 0: the node's default (pager.timeout_ms) */
};

typedef struct memory_object_perf_info memory_object_perf_info_data_t;
typedef struct memory_object_attr_info memory_object_attr_info_data_t;
typedef struct memory_object_behave_info memory_object_behave_info_data_t;
typedef struct memory_object_timeout_info memory_object_timeout_info_data_t;

#define MEMORY_OBJECT_PERF_INFO_COUNT ((mach_msg_type_number_t)(sizeof(struct memory_object_perf_info) / sizeof(int)))
#define MEMORY_OBJECT_ATTR_INFO_COUNT ((mach_msg_type_number_t)(sizeof(struct memory_object_attr_info) / sizeof(int)))
#define MEMORY_OBJECT_BEHAVE_INFO_COUNT ((mach_msg_type_number_t)(sizeof(struct memory_object_behave_info) / sizeof(int)))
#define MEMORY_OBJECT_TIMEOUT_INFO_COUNT ((mach_msg_type_number_t)(sizeof(struct memory_object_timeout_info) / sizeof(int)))
#define MEMORY_OBJECT_INFO_MAX 16

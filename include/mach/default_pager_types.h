/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/default_pager_types.h - what the default pager tells of itself (default_pager_object.defs). Names: OSF Mach. */
#pragma once

#include <mach/memory_object_types.h>
#include <mach/port.h>
#include <stdint.h>

typedef mach_port_t default_pager_t;

typedef struct default_pager_info {
	uint64_t dpi_total_space; /* bytes that can be stored */
	uint64_t dpi_free_space;
	uint64_t dpi_page_size;
} default_pager_info_t;

typedef struct default_pager_object {
	uint64_t dpo_object; /* a number of its own */
	uint64_t dpo_size;   /* bytes stored */
} default_pager_object_t;
typedef default_pager_object_t *default_pager_object_array_t;

typedef struct default_pager_page {
	uint64_t dpp_offset;
} default_pager_page_t;
typedef default_pager_page_t *default_pager_page_array_t;

/* default_pager_backing_store_info() */
typedef int backing_store_flavor_t;
typedef int *backing_store_info_t;
#define BACKING_STORE_BASIC_INFO 1
typedef struct backing_store_basic_info {
	uint64_t bs_pages_total, bs_pages_free, bs_pages_bad;
	uint64_t bs_pages_in, bs_pages_out; /* since it was added */
	uint64_t bs_errors;
	int bs_down;                        /* its disk has gone */
	int bs_pad;
} backing_store_basic_info_data_t;
#define BACKING_STORE_BASIC_INFO_COUNT ((natural_t)(sizeof(backing_store_basic_info_data_t) / sizeof(int)))
#define BACKING_STORE_INFO_MAX 32
_Static_assert(sizeof(default_pager_info_t) == 24 && sizeof(default_pager_object_t) == 16 &&
		       sizeof(default_pager_page_t) == 8,
	       "as in default_pager_object.defs");

/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/zone_info.h - what host_zone_info() and mach_zone_info() tell of the kernel's zones of objects. */
#pragma once

#include <stdint.h>

typedef struct zone_name {
	char zn_name[80];
} zone_name_t;
typedef zone_name_t *zone_name_array_t;

typedef struct zone_info {
	uint64_t zi_count;     /* objects in use */
	uint64_t zi_cur_size;  /* bytes of pages held */
	uint64_t zi_max_size;  /* 0: no limit */
	uint64_t zi_elem_size; /* bytes of an object */
	uint64_t zi_reserved;
} zone_info_t;
typedef zone_info_t *zone_info_array_t;
/* mach_zone_info(). */
typedef struct mach_zone_name {
	char mzn_name[80];
} mach_zone_name_t;
typedef mach_zone_name_t *mach_zone_name_array_t;

typedef struct mach_zone_info_data {
	uint64_t mzi_count;       /* objects in use */
	uint64_t mzi_cur_size;    /* bytes of pages held */
	uint64_t mzi_max_size;    /* 0: no limit */
	uint64_t mzi_elem_size;   /* bytes of an object */
	uint64_t mzi_alloc_size;  /* bytes by which it grows, at least */
	uint64_t mzi_sum_size;    /* 0: not counted */
	uint64_t mzi_exhaustible; /* 0: none is */
	uint64_t mzi_collectable; /* bytes that no object uses */
} mach_zone_info_t;
typedef mach_zone_info_t *mach_zone_info_array_t;
_Static_assert(sizeof(mach_zone_name_t) == 80 && sizeof(mach_zone_info_t) == 64, "as in mach_host.defs");
_Static_assert(sizeof(zone_name_t) == 80 && sizeof(zone_info_t) == 40, "as in mach_host.defs");

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach/lockgroup_info.h - what host_lockgroup_info() tells of the kernel's locks, by class. Names and shape: XNU's
 * mach_debug/lockgroup_info.h. Times in nanoseconds. Spin locks are counted; the kernel's mutexes are made of them, and 0 here.
 */
#pragma once

#include <stdint.h>

#define LOCKGROUP_MAX_NAME 64
#define LOCKGROUP_ATTR_STAT 1ull

typedef struct lockgroup_info {
	char lockgroup_name[LOCKGROUP_MAX_NAME];
	uint64_t lockgroup_attr;
	uint64_t lock_spin_cnt;      /* locks of the class: not counted */
	uint64_t lock_spin_util_cnt; /* times taken */
	uint64_t lock_spin_held_cnt; /* the same */
	uint64_t lock_spin_miss_cnt; /* of them, another processor had it */
	uint64_t lock_spin_held_max;
	uint64_t lock_spin_held_cum;
	uint64_t lock_mtx_cnt, lock_mtx_util_cnt, lock_mtx_held_cnt, lock_mtx_miss_cnt, lock_mtx_wait_cnt;
	uint64_t lock_mtx_held_max, lock_mtx_held_cum, lock_mtx_wait_max, lock_mtx_wait_cum;
	uint64_t lock_rw_cnt, lock_rw_util_cnt, lock_rw_held_cnt, lock_rw_miss_cnt, lock_rw_wait_cnt;
	uint64_t lock_rw_held_max, lock_rw_held_cum, lock_rw_wait_max, lock_rw_wait_cum;
} lockgroup_info_t;
typedef lockgroup_info_t *lockgroup_info_array_t;
_Static_assert(sizeof(lockgroup_info_t) == 264, "as in mach_host.defs");

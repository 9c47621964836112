/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock_stats.h - what spin locks cost, by class (the name given to spin_init): counted by the debug kernel, by lock_order.c's
 * hooks. In the measured kernel nothing is counted and all of this says so.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct lock_stats {
	const char *name;
	uint64_t taken;      /* times */
	uint64_t contended;  /* of them, another CPU had it */
	uint64_t wait_ns, wait_max_ns; /* for it */
	uint64_t hold_ns, hold_max_ns; /* of it */
};

/* The n-th class from 1 on; false: there are no more. */
bool lock_stats_get(uint32_t n, struct lock_stats *out);
/* On the console, without a lock: for ddb. */
void lock_stats_print(void);
void lock_held_print(void);

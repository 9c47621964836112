/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.h - allocations that fail at random, to see that whoever asked can bear it (boot options fault.alloc=SEED[,RATE], fault.task=NAME;
 * debug kernels and the host's unit tests).
 *
 * Struck are zone_alloc, kalloc and vm_page_grab*, one in RATE (default 100), for threads of tasks of that name (as task_info tells it, inherited
 * by forks; without one: of all tasks but the kernel's). Never for threads that free memory (thread.vm_privilege): they have frames of their own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FAULT_RATE_DEFAULT 100U

#ifdef MESHACH_DEBUG
extern uint32_t fault_rate; /* 0: none; set once, by fault_start */

bool fault_strikes(void);

/* Does this allocation fail? */
static inline bool fault_alloc(void)
{
	return fault_rate != 0 && fault_strikes();
}
#else
static inline bool fault_alloc(void)
{
	return false;
}
#endif

/* Begin. applies: is the current thread one of those? NULL: all are. A kernel without it: false. */
bool fault_start(uint64_t seed, uint32_t rate, bool (*applies)(void));

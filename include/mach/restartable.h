/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/restartable.h - sequences of instructions that begin anew when they are interrupted. Names and shapes: XNU's. */
#pragma once

#include <stdint.h>

/* A thread found after location and before location + length goes on at location + recovery_offs. */
typedef struct {
	uint64_t location;
	unsigned short length, recovery_offs; /* at most TASK_RESTARTABLE_OFFSET_MAX */
	unsigned int flags;                   /* 0 */
} task_restartable_range_t;
typedef task_restartable_range_t *task_restartable_range_array_t;
_Static_assert(sizeof(task_restartable_range_t) == 16, "task_restartable_range_t");

#define TASK_RESTARTABLE_OFFSET_MAX 4096u
#define TASK_RESTARTABLE_RANGES_MAX 64

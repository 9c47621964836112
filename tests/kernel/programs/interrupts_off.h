/* SPDX-License-Identifier: BSD-2-Clause */
/* interrupts_off.h - for test programs that measure for how long work keeps interrupts off: the kernel's own measurement, and the time. */
#pragma once

#include <mach/mach.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

static mach_port_t processor; /* the one that they run on */

static inline uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

/* Of uint64_t, for qsort. */
static inline int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The longest stretch since the last reset; NULL resets. */
static inline bool longest(processor_latency_data_t *l)
{
	mach_msg_type_number_t count = PROCESSOR_LATENCY_COUNT;
	integer_t reset = PROCESSOR_CONTROL_RESET_LATENCY;
	mach_port_t host;

	if (l == NULL)
		return processor_control(processor, &reset, 1) == KERN_SUCCESS;
	return processor_info(processor, PROCESSOR_INTERRUPTS_OFF_LATENCY, &host, (processor_info_t)l, &count) == KERN_SUCCESS;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach/mapped_clock.h - what clock_map_time() maps: how to reckon a clock's time without a call.
 *
 * A node has no periodic tick that could write the time to memory, as OSF MK's mapped_tvalspec_t had it: the page holds the terms by
 * which the kernel itself reckons from the processor's time stamp counter, so what is read is as fine, and the same, as clock_get_time's.
 */
#pragma once

#include <mach/clock_types.h>
#include <stdint.h>

/* The start of the page; it is mapped for reading only. Only offset_ns changes, when the clock is set, in one piece. */
typedef struct mapped_clock {
	uint64_t tsc_start;       /* the counter when the node's time was 0 */
	uint64_t ns_per_tsc;      /* times 2^32 */
	volatile uint64_t offset_ns; /* what the clock shows less that time */
} mapped_clock_t;

/* What the clock shows, in nanoseconds. */
static inline uint64_t mapped_clock_ns(const mapped_clock_t *c)
{
	uint32_t low, high;
	uint64_t ticks;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
	ticks = ((uint64_t)high << 32 | low) - c->tsc_start;
	return (uint64_t)((unsigned __int128)ticks * c->ns_per_tsc >> 32) + c->offset_ns;
}

/* The same, as clock_get_time() gives it. */
static inline mach_timespec_t mapped_clock_time(const mapped_clock_t *c)
{
	uint64_t ns = mapped_clock_ns(c);

	return (mach_timespec_t){ (unsigned int)(ns / 1000000000u), (int)(ns % 1000000000u) };
}

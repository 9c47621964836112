/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timeshare.h - how the priority of a timesharing thread falls with the CPU time it has had, and comes back.
 *
 *   priority = base - (usage >> shift)
 *
 * usage is CPU time that loses three eighths each tick; who runs all the time comes to TIMESHARE_USAGE_MAX. shift follows the
 * load: with no more runnable threads than CPUs nobody is lowered; above, shift falls by one with each doubling of
 * the load, so that the threads that share a CPU's time are lowered by about TIMESHARE_SPREAD levels however many they are,
 * and one that mostly waits stays above them. There is no periodic tick: usage is brought to date when it is looked at.
 *
 * Portable: no locks, no machine access.
 * References: Black, "Scheduling Support for Concurrency and Parallelism in the Mach Operating System" (1990);
 *   Apple, XNU osfmk/kern/priority.c (the same formula).
 */
#pragma once

#include <sched/thread_sched.h>

#define TIMESHARE_TICK_SHIFT 27 /* a tick is 2^27 ns, 134 ms */
#define TIMESHARE_USAGE_MAX ((1ULL << TIMESHARE_TICK_SHIFT) * 8 / 3) /* what all of the time comes to */
#define TIMESHARE_SPREAD 20
#define TIMESHARE_SHIFT_NONE 63
#define LOAD_ONE 1024 /* one runnable thread for each CPU */

static inline uint64_t timeshare_tick(uint64_t now_ns)
{
	return now_ns >> TIMESHARE_TICK_SHIFT;
}

/* Let usage fade to what it is at tick. */
void timeshare_age(struct usage *u, uint64_t tick);
/* It ran for ns until now: usage as of now. */
void timeshare_charge(struct usage *u, uint64_t ns, uint64_t now_ns);
/* The shift at a load in LOAD_ONE units. */
unsigned timeshare_shift(uint32_t load);
/* The priority of a thread with this usage, never below 0. */
uint32_t timeshare_priority(uint32_t base, const struct usage *u, unsigned shift);
/* The load, an average that follows what is runnable now: half a second to come near it. */
uint32_t timeshare_load(uint32_t before, uint32_t runnable, uint32_t cpus);
/* Of TH_USAGE_SCALE (1000): the share of a CPU that u comes to. */
uint32_t timeshare_cpu_usage(const struct usage *u);

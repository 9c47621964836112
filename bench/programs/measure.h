/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * measure.h - times of one measure, for the programs of the bench, ours and Linux's alike.
 *
 * Time is the TSC, calibrated against the monotonic clock over the whole measure: reading a guest's clock
 * may cost more than what is measured. A result is one line: `BENCH {json}`.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct measure {
	uint64_t *ticks; /* of each round */
	unsigned count, room;
	uint64_t start_tsc, start_ns;
	double p50_us, p99_us; /* after measure_end() */
};

static inline uint64_t
measure_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline uint64_t
measure_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Begin a measure of at most room rounds; exits without memory. The pages are touched beforehand. */
static inline struct measure
measure_begin(unsigned room)
{
	struct measure m = { .ticks = malloc(room * sizeof *m.ticks), .room = room };

	if (m.ticks == NULL) {
		puts("BENCH-ERROR no memory");
		exit(1);
	}
	for (unsigned i = 0; i < room; i++)
		m.ticks[i] = i;
	m.start_ns = measure_now_ns();
	m.start_tsc = measure_tsc();
	return m;
}

static inline void
measure_add(struct measure *m, uint64_t ticks)
{
	if (m->count < m->room)
		m->ticks[m->count++] = ticks;
}

static int
measure_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Sort and convert; each: units of work in one round. */
static inline void
measure_end(struct measure *m, unsigned each)
{
	uint64_t tsc = measure_tsc() - m->start_tsc, ns = measure_now_ns() - m->start_ns;
	double us = (double)ns / 1000 / (double)tsc / each;

	if (m->count == 0)
		return;
	qsort(m->ticks, m->count, sizeof *m->ticks, measure_compare);
	m->p50_us = (double)m->ticks[m->count / 2] * us;
	m->p99_us = (double)m->ticks[(uint64_t)m->count * 99 / 100] * us;
	free(m->ticks);
}

/* placement: "local", "remote", or NULL. */
static inline void
measure_print(const char *name, const char *placement, unsigned n, double p50_us, double p99_us)
{
	printf("BENCH {\"name\": \"%s\", ", name);
	if (placement != NULL)
		printf("\"placement\": \"%s\", ", placement);
	printf("\"n\": %u, \"p50_us\": %.2f, \"p99_us\": %.2f}\n", n, p50_us, p99_us);
	fflush(stdout);
}

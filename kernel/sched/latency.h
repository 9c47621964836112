/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * latency.h - how long things that should be short took: the longest, and how many of each size.
 *
 *   dispatch: from a real-time thread's becoming runnable until it has its CPU (both kernels)
 *   interrupts off: from the moment interrupts went off in the kernel until they came on again (the debug kernel, and any
 *     built with MESHACH_LATENCY: the measuring costs two readings of the TSC for each critical section)
 * Each CPU writes its own; readers may see a sample half counted. A reset loses samples of that moment.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct thread;

#define LATENCY_BUCKETS 24 /* bucket n: below 2^(n + 8) ns; the last: everything above */

struct latency {
	uint64_t count, sum_ns, max_ns;
	uint64_t max_where; /* kernel address that ended the longest; 0: not known */
	uint32_t buckets[LATENCY_BUCKETS];
};

enum latency_kind { LATENCY_DISPATCH, LATENCY_INTERRUPTS_OFF, LATENCY_KINDS };

/* Add a sample to this CPU's. Interrupts off. */
void latency_add(enum latency_kind kind, uint64_t ns, uint64_t where);
/* t, woken at t->sched.woken_ns, has its CPU now. */
void latency_dispatched(struct thread *t, uint64_t now_ns);
void latency_get(uint32_t cpu, enum latency_kind kind, struct latency *out);
void latency_reset(void);
/* Is the time with interrupts off measured in this kernel? */
bool latency_interrupts_measured(void);

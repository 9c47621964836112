/* SPDX-License-Identifier: BSD-2-Clause */
/* latency.c - per-CPU histograms of dispatch latency and of time with interrupts off. Interface: latency.h. */
#include <base/string.h>
#include <kern/limits.h>
#include <kern/thread.h>
#include <machine/cpu.h>
#include <sched/latency.h>

static struct latency latencies[MAX_CPUS][LATENCY_KINDS];

static unsigned bucket_of(uint64_t ns)
{
	unsigned n = 0;

	for (ns >>= 8; ns != 0 && n < LATENCY_BUCKETS - 1; ns >>= 1)
		n++;
	return n;
}

void latency_add(enum latency_kind kind, uint64_t ns, uint64_t where)
{
	struct latency *l = &latencies[this_cpu()->id][kind];

	l->count++;
	l->sum_ns += ns;
	l->buckets[bucket_of(ns)]++;
	if (ns > l->max_ns) {
		l->max_ns = ns;
		l->max_where = where;
	}
}

__attribute__((noinline)) void latency_dispatched(struct thread *t, uint64_t now_ns)
{
	latency_add(LATENCY_DISPATCH, now_ns - t->sched.woken_ns, 0);
	t->sched.woken_ns = 0;
}

void latency_get(uint32_t cpu, enum latency_kind kind, struct latency *out)
{
	*out = latencies[cpu][kind];
}

void latency_reset(void)
{
	memset(latencies, 0, sizeof(latencies));
}

bool latency_interrupts_measured(void)
{
#ifdef MESHACH_LATENCY
	return true;
#else
	return false;
#endif
}

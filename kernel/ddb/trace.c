/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.c - the rings. Interface: trace.h.
 *
 * A CPU writes its own ring only, with interrupts off, so no lock is needed. Who reads while it is written may see one
 * record half new.
 */
#include <ddb/trace.h>
#include <kern/clock.h>
#include <kern/printf.h>
#include <kern/thread.h>
#include <machine/cpu.h>

static const char *const texts[TRACE_EVENT_COUNT] = {
#define X(name, text) text,
	TRACE_EVENTS(X)
#undef X
};

#ifdef MESHACH_DEBUG
bool trace_on = true;
#else
bool trace_on;
#endif

struct trace_ring trace_rings[MAX_CPUS]; /* tools/gdb reads it */

__attribute__((noinline, cold)) void trace_record(enum trace_event event, uint64_t a, uint64_t b, uint64_t c)
{
	struct trace_ring *ring;
	struct thread *self;

	cpu_irq_push();
	ring = &trace_rings[this_cpu()->id];
	self = current_thread();
	ring->records[ring->next++ % TRACE_RING] =
		(struct trace_record){ clock_now_ns(), a, b, c, event, self != NULL ? (uint32_t)self->tid : 0 };
	cpu_irq_pop();
}

static const struct trace_record *record_at(const struct trace_ring *ring, uint64_t n)
{
	return &ring->records[n % TRACE_RING];
}

/* The CPU whose next unprinted event is the oldest; MAX_CPUS: all are printed. */
static uint32_t oldest(const uint64_t *at)
{
	uint32_t best = MAX_CPUS;

	for (uint32_t i = 0; i < MAX_CPUS; i++) {
		if (at[i] == trace_rings[i].next)
			continue;
		if (best == MAX_CPUS || record_at(&trace_rings[i], at[i])->when_ns < record_at(&trace_rings[best], at[best])->when_ns)
			best = i;
	}
	return best;
}

static void print(uint32_t cpu, const struct trace_record *r)
{
	kprintf("%5llu.%06llu cpu %u thread %u: ", r->when_ns / NSEC_PER_SEC, r->when_ns % NSEC_PER_SEC / 1000, cpu, r->thread);
	if (r->event < TRACE_EVENT_COUNT)
		kprintf(texts[r->event], r->a, r->b, r->c);
	kprintf("\n");
}

void trace_print(uint32_t n)
{
	uint64_t at[MAX_CPUS], total = 0;
	uint32_t cpu;

	for (uint32_t i = 0; i < MAX_CPUS; i++) {
		uint64_t next = trace_rings[i].next;

		at[i] = next > TRACE_RING ? next - TRACE_RING : 0;
		total += next - at[i];
	}
	for (; (cpu = oldest(at)) != MAX_CPUS; at[cpu]++, total--)
		if (total <= n)
			print(cpu, record_at(&trace_rings[cpu], at[cpu]));
}

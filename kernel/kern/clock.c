/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.c - monotonic time and the per-CPU queues of one-shot timers.
 *
 * Each CPU keeps its armed timers in a heap (sched/timer_queue.h) and its hardware timer set for the first one; a
 * cancelled first timer leaves the hardware as it is (one interrupt too many is cheaper than one more
 * write to the APIC). There is no periodic tick: a CPU with nothing armed takes no timer interrupt.
 *
 * Invariants: C1 t->armed <=> t is on the queue of CPU t->cpu; C2 hardware_ns <= the first deadline.
 * Locking: timer_queue.lock (leaf); a timer's fn runs with no lock held.
 */
#include <base/list.h>
#include <kern/assert.h>
#include <kern/clock.h>
#include <kern/lock.h>
#include <machine/clock.h>
#include <machine/cpu.h>

struct timer_queue {
	struct spinlock lock;
	struct timer_heap heap;       /* by deadline */
	uint64_t hardware_ns;         /* what the hardware is set for; UINT64_MAX: nothing */
	struct timer *_Atomic running; /* whose fn runs now */
	struct timer_counts counts;
};

static struct timer_queue timer_queues[MAX_CPUS];

uint64_t clock_now_ns(void)
{
	return machine_now_ns();
}

void clock_init_cpu(void)
{
	struct timer_queue *q = &timer_queues[this_cpu()->id];

	spin_init(&q->lock, "timer queue");
	q->heap.root = NULL;
	q->hardware_ns = UINT64_MAX;
	this_cpu()->timers = q;
}

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	*t = (struct timer){ .fn = fn };
}

static struct timer *first_of(struct timer_queue *q)
{
	struct timer_node *n = timer_heap_first(&q->heap);

	return n != NULL ? container_of(n, struct timer, node) : NULL;
}

static void hardware_set_locked(struct timer_queue *q)
{
	struct timer *first = first_of(q);
	uint64_t want = first ? first->node.deadline_ns : UINT64_MAX;

	spin_assert_held(&q->lock);
	if (want < q->hardware_ns) {
		q->hardware_ns = want;
		machine_timer_set(want);
	}
}

static void take_locked(struct timer_queue *q, struct timer *t)
{
	timer_heap_take(&q->heap, &t->node);
	t->armed = false;
	q->counts.armed--;
}

void timer_arm(struct timer *t, uint64_t deadline_ns)
{
	struct timer_queue *q;

	if (t->armed)
		(void)timer_cancel_try(t);
	cpu_irq_push();
	q = this_cpu()->timers;
	spin_lock(&q->lock);
	t->node.deadline_ns = deadline_ns;
	t->cpu = this_cpu()->id;
	timer_heap_put(&q->heap, &t->node);
	t->armed = true;
	q->counts.armed++;
	hardware_set_locked(q);
	spin_unlock(&q->lock);
	cpu_irq_pop();
}

bool timer_cancel_try(struct timer *t)
{
	struct timer_queue *q = &timer_queues[t->cpu];
	bool was_armed;

	spin_lock(&q->lock);
	was_armed = t->armed;
	if (was_armed)
		take_locked(q, t);
	spin_unlock(&q->lock);
	return was_armed;
}

bool timer_cancel(struct timer *t)
{
	struct timer_queue *q = &timer_queues[t->cpu];
	bool was_armed = timer_cancel_try(t);

	/* On this CPU it does not run now, unless it is fn that asks. */
	if (!was_armed && q != this_cpu()->timers)
		while (atomic_load(&q->running) == t)
			cpu_relax();
	return was_armed;
}

void timer_interrupt(void)
{
	struct timer_queue *q = this_cpu()->timers;
	uint64_t now = clock_now_ns();

	spin_lock(&q->lock);
	q->hardware_ns = UINT64_MAX;
	q->counts.interrupts++;
	if (this_cpu()->current == this_cpu()->idle)
		q->counts.idle_interrupts++;
	for (;;) {
		struct timer *t = first_of(q);

		if (t == NULL || t->node.deadline_ns > now)
			break;
		take_locked(q, t);
		q->counts.fired++;
		atomic_store(&q->running, t);
		spin_unlock(&q->lock);
		t->fn(t);
		atomic_store(&q->running, NULL);
		spin_lock(&q->lock);
	}
	hardware_set_locked(q);
	spin_unlock(&q->lock);
}

struct timer_counts timer_counts(uint32_t cpu)
{
	struct timer_counts counts;

	spin_lock(&timer_queues[cpu].lock);
	counts = timer_queues[cpu].counts;
	spin_unlock(&timer_queues[cpu].lock);
	return counts;
}

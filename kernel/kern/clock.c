/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.c - monotonic time and the per-CPU queues of one-shot timers.
 *
 * Each CPU keeps its armed timers sorted by deadline and its hardware timer set for the first one; a
 * cancelled first timer leaves the hardware as it is (one interrupt too many is cheaper than one more
 * write to the APIC).
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
	struct list timers;           /* by deadline */
	uint64_t hardware_ns;         /* what the hardware is set for; UINT64_MAX: nothing */
	struct timer *_Atomic running; /* whose fn runs now */
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
	list_init(&q->timers);
	q->hardware_ns = UINT64_MAX;
	this_cpu()->timers = q;
}

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	list_init(&t->link);
	t->fn = fn;
	t->armed = false;
	t->deadline_ns = 0;
	t->cpu = 0;
}

static void hardware_set_locked(struct timer_queue *q)
{
	struct timer *first = list_first(&q->timers, struct timer, link);
	uint64_t want = first ? first->deadline_ns : UINT64_MAX;

	spin_assert_held(&q->lock);
	if (want < q->hardware_ns) {
		q->hardware_ns = want;
		machine_timer_set(want);
	}
}

void timer_arm(struct timer *t, uint64_t deadline_ns)
{
	struct timer_queue *q;
	struct list *after;

	if (t->armed)
		timer_cancel(t);
	cpu_irq_push();
	q = this_cpu()->timers;
	spin_lock(&q->lock);
	t->deadline_ns = deadline_ns;
	t->cpu = this_cpu()->id;
	for (after = q->timers.prev; after != &q->timers; after = after->prev)
		if (container_of(after, struct timer, link)->deadline_ns <= deadline_ns)
			break;
	list_add_head(after, &t->link);
	t->armed = true;
	hardware_set_locked(q);
	spin_unlock(&q->lock);
	cpu_irq_pop();
}

bool timer_cancel(struct timer *t)
{
	struct timer_queue *q = &timer_queues[t->cpu];
	bool was_armed;

	spin_lock(&q->lock);
	was_armed = t->armed;
	if (was_armed) {
		list_remove(&t->link);
		t->armed = false;
	}
	spin_unlock(&q->lock);
	if (!was_armed && t->cpu != this_cpu()->id)
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
	for (;;) {
		struct timer *t = list_first(&q->timers, struct timer, link);

		if (t == NULL || t->deadline_ns > now)
			break;
		list_remove(&t->link);
		t->armed = false;
		atomic_store(&q->running, t);
		spin_unlock(&q->lock);
		t->fn(t);
		atomic_store(&q->running, NULL);
		spin_lock(&q->lock);
	}
	hardware_set_locked(q);
	spin_unlock(&q->lock);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* clock.h - monotonic time and one-shot timers. */
#pragma once

#include <sched/timer_queue.h>
#include <stdbool.h>
#include <stdint.h>

#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_SEC 1000000000ULL

/* Nanoseconds since boot; never goes back, the same on all CPUs. Any context. */
uint64_t clock_now_ns(void);

/*
 * A one-shot timer. fn runs in interrupt context, with no lock held, on the CPU that armed it, and
 * may arm the timer again. Who arms and cancels one timer from several threads orders that by a lock of
 * his own, which fn may take too; then he cancels with timer_cancel_try().
 */
struct timer {
	struct timer_node node; /* guarded by its CPU's timer lock */
	void (*fn)(struct timer *);
	uint32_t cpu;
	bool armed;
};

void timer_init(struct timer *t, void (*fn)(struct timer *));
/* Arm, or re-arm, for deadline_ns (of clock_now_ns; past: as soon as interrupts are on). */
void timer_arm(struct timer *t, uint64_t deadline_ns);
/*
 * Disarm. Returns true if it was armed and fn will not run; false if it was not armed (on return
 * fn is not running, unless fn itself calls this): so no lock that fn takes may be held.
 */
bool timer_cancel(struct timer *t);
/* As above, but does not wait: after false, fn may be running. */
bool timer_cancel_try(struct timer *t);
static inline uint64_t timer_deadline(const struct timer *t)
{
	return t->node.deadline_ns;
}

/* Timer interrupts that CPU cpu has taken, those of them that found it idle, and timers that ran. */
struct timer_counts {
	uint64_t interrupts, idle_interrupts, fired, armed;
};
struct timer_counts timer_counts(uint32_t cpu);

/* Set up the calling CPU's timer queue; once per CPU, before its first timer. */
void clock_init_cpu(void);

/* SPDX-License-Identifier: BSD-2-Clause */
/* clock.h - monotonic time and one-shot timers. */
#pragma once

#include <base/list.h>
#include <stdbool.h>
#include <stdint.h>

#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_SEC 1000000000ULL

/* Nanoseconds since boot; never goes back, the same on all CPUs. Any context. */
uint64_t clock_now_ns(void);

/*
 * A one-shot timer. fn runs in interrupt context, with no lock held, on the CPU that armed it, and
 * may arm the timer again.
 */
struct timer {
	struct list link;     /* guarded by its CPU's timer lock */
	uint64_t deadline_ns;
	void (*fn)(struct timer *);
	uint32_t cpu;
	bool armed;
};

void timer_init(struct timer *t, void (*fn)(struct timer *));
/* Arm, or re-arm, for deadline_ns (of clock_now_ns). */
void timer_arm(struct timer *t, uint64_t deadline_ns);
/*
 * Disarm. Returns true if it was armed and fn will not run; false if it was not armed (on return
 * fn is not running, unless fn itself calls this).
 */
bool timer_cancel(struct timer *t);

/* Set up the calling CPU's timer queue; once per CPU, before its first timer. */
void clock_init_cpu(void);

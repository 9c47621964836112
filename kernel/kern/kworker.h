/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kworker.h - kernel threads that run calls on kernel objects for remote callers and other work that may
 * sleep, never in packet context (design D4).
 *
 * The pool grows while all of its threads are busy, to KWORKER_MAX; one reserved thread takes only
 * urgent work: the calls that free memory. Calls may take as long as a pager or a lock does, so no more than KWORKER_CALLS_MAX are made at
 * once: what the kernel itself has to do (timers, moves, pagers' answers) finds a thread. An item is the caller's memory, until
 * its function begins.
 */
#pragma once

#include <base/list.h>
#include <stdbool.h>

#define KWORKER_MAX 32
#define KWORKER_CALLS_MAX 24 /* urgent ones not counted */

struct kwork {
	struct list link;
	void (*fn)(struct kwork *);
	bool urgent, call;
};

static inline void kwork_init(struct kwork *w, void (*fn)(struct kwork *), bool urgent)
{
	list_init(&w->link);
	w->fn = fn;
	w->urgent = urgent;
	w->call = false;
}

static inline void kwork_init_call(struct kwork *w, void (*fn)(struct kwork *), bool urgent)
{
	kwork_init(w, fn, urgent);
	w->call = true;
}

/* Queue w. Any context; never fails. fn may free w. */
void kworker_submit(struct kwork *w);
void kworker_init(void);

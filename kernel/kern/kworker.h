/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kworker.h - kernel threads that run calls on kernel objects for remote callers and other work that may
 * sleep, never in packet context (design D4).
 *
 * The pool grows while all of its threads are busy, to KWORKER_MAX; one reserved thread takes only
 * urgent work: the calls that free memory. An item is the caller's memory, until its function begins.
 */
#pragma once

#include <base/list.h>
#include <stdbool.h>

#define KWORKER_MAX 32

struct kwork {
	struct list link;
	void (*fn)(struct kwork *);
	bool urgent;
};

static inline void kwork_init(struct kwork *w, void (*fn)(struct kwork *), bool urgent)
{
	list_init(&w->link);
	w->fn = fn;
	w->urgent = urgent;
}

/* Queue w. Any context; never fails. fn may free w. */
void kworker_submit(struct kwork *w);
void kworker_init(void);

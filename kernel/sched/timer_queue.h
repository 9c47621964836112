/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer_queue.h - armed timers in the order of their deadlines: a pairing heap.
 *
 * Arming costs a few stores, whatever the number of timers; taking the first, or one from the middle, costs the logarithm of
 * their number on the average. Timers of one deadline come in any order. Portable: no locks, no clock.
 * Reference: Fredman, Sedgewick, Sleator, Tarjan, "The Pairing Heap" (1986).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In each timer. */
struct timer_node {
	struct timer_node *child;  /* first of those later than it */
	struct timer_node *next;   /* sibling */
	struct timer_node **back;  /* what points here; NULL: not queued */
	uint64_t deadline_ns;
};

struct timer_heap {
	struct timer_node *root;
};

static inline bool timer_heap_holds(const struct timer_node *n)
{
	return n->back != NULL;
}

static inline struct timer_node *timer_heap_first(const struct timer_heap *h)
{
	return h->root;
}

/* n, not queued, with its deadline set. */
void timer_heap_put(struct timer_heap *h, struct timer_node *n);
/* n, queued. */
void timer_heap_take(struct timer_heap *h, struct timer_node *n);

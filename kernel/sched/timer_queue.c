/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer_queue.c - the pairing heap of timers. Interface: timer_queue.h.
 *
 * Invariants: H1 a node's deadline is not later than its children's; H2 *n->back == n for every queued node.
 */
#include <sched/timer_queue.h>

/* The earlier of two roots, with the other as its first child. Neither is linked. */
static struct timer_node *meld(struct timer_node *a, struct timer_node *b)
{
	struct timer_node *later;

	if (b->deadline_ns < a->deadline_ns) {
		later = a;
		a = b;
	} else {
		later = b;
	}
	later->next = a->child;
	if (later->next != NULL)
		later->next->back = &later->next;
	later->back = &a->child;
	a->child = later;
	return a;
}

static void root_set(struct timer_heap *h, struct timer_node *n)
{
	h->root = n;
	if (n != NULL) {
		n->next = NULL;
		n->back = &h->root;
	}
}

void timer_heap_put(struct timer_heap *h, struct timer_node *n)
{
	n->child = n->next = NULL;
	root_set(h, h->root != NULL ? meld(h->root, n) : n);
}

/* Siblings in pairs from the left, the pairs together from the right. */
static struct timer_node *meld_all(struct timer_node *list)
{
	struct timer_node *pairs = NULL, *all;

	while (list != NULL) {
		struct timer_node *a = list, *b = a->next, *pair;

		list = b != NULL ? b->next : NULL;
		pair = b != NULL ? meld(a, b) : a;
		pair->next = pairs;
		pairs = pair;
	}
	if (pairs == NULL)
		return NULL;
	for (all = pairs, pairs = pairs->next; pairs != NULL;) {
		struct timer_node *next = pairs->next;

		all = meld(all, pairs);
		pairs = next;
	}
	return all;
}

void timer_heap_take(struct timer_heap *h, struct timer_node *n)
{
	struct timer_node *rest = meld_all(n->child);

	if (n == h->root) {
		root_set(h, rest);
	} else {
		*n->back = n->next;
		if (n->next != NULL)
			n->next->back = n->back;
		if (rest != NULL)
			root_set(h, meld(h->root, rest));
	}
	n->child = n->next = NULL;
	n->back = NULL;
}

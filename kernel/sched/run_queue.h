/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run_queue.h - runnable threads by priority: a list each, and a bitmap of those that are not empty.
 *
 * Portable: no locks, no machine access. The real-time list is kept by deadline, the others in the order of arrival.
 * Invariants: Q1 a bit of the bitmap is set <=> its list is not empty; Q2 a thread is on the list of its
 *   queued_priority.
 */
#pragma once

#include <kern/thread.h>
#include <sched/priority.h>

struct run_queue_lists {
	uint32_t count;
	uint64_t bitmap[SCHED_PRIORITIES / 64];
	struct list lists[SCHED_PRIORITIES];
};

void run_queue_lists_init(struct run_queue_lists *q);

/* The deadline that counts for t among real-time threads: its own, or the one lent with its priority. */
static inline uint64_t run_queue_deadline(const struct thread *t)
{
	uint64_t own = t->sched.mode == SCHED_REALTIME && !t->sched.rt.overrun ? t->sched.rt.deadline_ns : UINT64_MAX;

	return t->promotion == SCHED_PRIORITY_REALTIME && t->promotion_deadline_ns < own ? t->promotion_deadline_ns : own;
}

/* Should a run rather than b? */
static inline bool run_queue_beats(const struct thread *a, const struct thread *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	return a->priority == SCHED_PRIORITY_REALTIME && run_queue_deadline(a) < run_queue_deadline(b);
}

/* Real-time: before the first that has a later deadline. */
static inline struct list *run_queue_place(struct list *head, const struct thread *t)
{
	struct list *pos = head->next;

	while (pos != head && run_queue_deadline(container_of(pos, struct thread, run_link)) <= run_queue_deadline(t))
		pos = pos->next;
	return pos->prev;
}

static inline void run_queue_put(struct run_queue_lists *q, struct thread *t, bool at_head)
{
	uint32_t p = t->priority;

	t->queued_priority = p;
	if (__builtin_expect(p == SCHED_PRIORITY_REALTIME, 0))
		list_add_head(run_queue_place(&q->lists[p], t), &t->run_link);
	else if (at_head)
		list_add_head(&q->lists[p], &t->run_link);
	else
		list_add_tail(&q->lists[p], &t->run_link);
	q->bitmap[p / 64] |= 1ULL << (p % 64);
	q->count++;
}

static inline void run_queue_take(struct run_queue_lists *q, struct thread *t)
{
	uint32_t p = t->queued_priority;

	list_remove(&t->run_link);
	if (list_empty(&q->lists[p]))
		q->bitmap[p / 64] &= ~(1ULL << (p % 64));
	q->count--;
}

/* Highest priority queued, or -1. */
static inline int run_queue_top(const struct run_queue_lists *q)
{
	for (int word = SCHED_PRIORITIES / 64 - 1; word >= 0; word--)
		if (q->bitmap[word] != 0)
			return word * 64 + 63 - __builtin_clzll(q->bitmap[word]);
	return -1;
}

/* Who runs next, not taken; NULL: nobody. */
static inline struct thread *run_queue_first(const struct run_queue_lists *q)
{
	int top = run_queue_top(q);

	return top < 0 ? NULL : container_of(q->lists[top].next, struct thread, run_link);
}

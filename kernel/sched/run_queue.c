/* SPDX-License-Identifier: BSD-2-Clause */
/* run_queue.c - setting up the lists of run_queue.h. */
#include <sched/run_queue.h>

void run_queue_lists_init(struct run_queue_lists *q)
{
	q->count = 0;
	for (unsigned i = 0; i < SCHED_PRIORITIES / 64; i++)
		q->bitmap[i] = 0;
	for (unsigned i = 0; i < SCHED_PRIORITIES; i++)
		list_init(&q->lists[i]);
}

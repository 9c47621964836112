/* SPDX-License-Identifier: BSD-2-Clause */
/* task_events.h - what TASK_EVENTS_INFO counts, of a thread since it began and of a task's ended threads. */
#pragma once

#include <stdint.h>

struct task_events {
	uint32_t faults;            /* page faults, of its own and of what the kernel copied for it */
	uint32_t pageins;           /* of them, those that asked a pager */
	uint32_t cow_faults;        /* pages copied for a write */
	uint32_t messages_sent;
	uint32_t messages_received;
	uint32_t mach_calls;
	uint32_t linux_calls;
	uint32_t switches;          /* times it got a CPU */
	uint32_t timer_wakeups;     /* waits that ended by their time */
	uint32_t idle_wakeups;      /* of them, on a CPU that idled */
	uint32_t short_wakeups[2];  /* of them, after less than 2 ms, and 2 to 5 */
};

static inline void task_events_add(struct task_events *to, const struct task_events *from)
{
	to->faults += from->faults;
	to->pageins += from->pageins;
	to->cow_faults += from->cow_faults;
	to->messages_sent += from->messages_sent;
	to->messages_received += from->messages_received;
	to->mach_calls += from->mach_calls;
	to->linux_calls += from->linux_calls;
	to->switches += from->switches;
	to->timer_wakeups += from->timer_wakeups;
	to->idle_wakeups += from->idle_wakeups;
	to->short_wakeups[0] += from->short_wakeups[0];
	to->short_wakeups[1] += from->short_wakeups[1];
}

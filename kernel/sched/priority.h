/* SPDX-License-Identifier: BSD-2-Clause */
/* priority.h - the bands of priorities, and what a thread is worth to the scheduler. */
#pragma once

#include <sched/thread_sched.h>
#include <stdint.h>

/* Priorities: bands and names of XNU's <kern/sched.h>; higher runs first. */
#define SCHED_PRIORITIES 128
#define SCHED_PRIORITY_IDLE 0
#define SCHED_PRIORITY_DEPRESS 0
#define SCHED_PRIORITY_USER 31
#define SCHED_PRIORITY_USER_MAX 63
#define SCHED_PRIORITY_KERNEL 80
#define SCHED_PRIORITY_KERNEL_MAX 95
#define SCHED_PRIORITY_REALTIME 97 /* all real-time threads, among themselves by deadline */

/* A thread's worth without what it is lent. */
struct worth sched_own_worth(const struct thread *t);
/* What t is lent is now best. Under the donation lock. */
void sched_promote(struct thread *t, struct worth best);

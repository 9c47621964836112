/* SPDX-License-Identifier: BSD-2-Clause */
/* sched_policy.c - setting what threads run as. Interface: sched_policy.h. */
#include <kern/thread.h>
#include <sched/edf.h>
#include <sched/sched.h>
#include <sched/sched_policy.h>

void sched_policy_end_thread(struct thread *t)
{
	(void)t;
}

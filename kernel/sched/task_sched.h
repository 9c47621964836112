/* SPDX-License-Identifier: BSD-2-Clause */
/* task_sched.h - the scheduler's part of a task: what its new threads begin with. */
#pragma once

#include <base/list.h>
#include <stdint.h>

struct processor_set;

/* Lock key: [s] processor set lock, [p] policy mutex. */
struct task_sched {
	struct processor_set *pset;  /* [s] a reference */
	struct list pset_link;       /* [s] */
	uint32_t priority;           /* [p] base priority of its threads */
	uint32_t max_priority;       /* [p] */
	uint32_t policy;             /* [p] POLICY_* */
	int32_t role;                /* [p] TASK_* of <mach/task_policy.h> */
};

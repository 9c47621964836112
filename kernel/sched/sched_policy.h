/* SPDX-License-Identifier: BSD-2-Clause */
/* sched_policy.h - what a thread runs as: setting policies and priorities, and their limits. */
#pragma once

#include <mach/kern_return.h>
#include <stdbool.h>
#include <stdint.h>

struct thread;

/* t ends: its real-time share is free. */
void sched_policy_end_thread(struct thread *t);

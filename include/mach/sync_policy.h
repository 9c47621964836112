/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/sync_policy.h - in which order waiters of a semaphore or a lock set go on. Values: OSF MK's and XNU's. */
#pragma once

typedef int sync_policy_t;

#define SYNC_POLICY_FIFO 0x0
#define SYNC_POLICY_FIXED_PRIORITY 0x1 /* the highest priority first; of equal ones, the first */
#define SYNC_POLICY_REVERSED 0x2
#define SYNC_POLICY_ORDER_MASK 0x3
#define SYNC_POLICY_LIFO (SYNC_POLICY_FIFO | SYNC_POLICY_REVERSED)
#define SYNC_POLICY_MAX 0x7

/* Ours: the operations of _lock_set_call() (mach/lock_set.h). */
#define LOCK_ACQUIRE 0
#define LOCK_TRY 1
#define LOCK_RELEASE 2
#define LOCK_STABLE 3
#define LOCK_HANDOFF 4
#define LOCK_ACCEPT 5

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait.h - how a thread waits, and how it is woken, timed out or aborted (D6).
 *
 * A wait queue lies inside some object and is guarded by that object's spin lock. A waiting thread
 * is claimed by exactly one of: a waker (under the object's lock), its timeout, an abort; the
 * claim is one compare-and-swap on the thread, so that a timeout or an abort needs no lock of
 * the object. A claimed thread stays blocked until thread_go() (or a hand-off) lets it run, so
 * the waker may store what it brings (a kmsg) into the thread between claim and go.
 *
 * Rule: who calls waitq_block() holds a reference on the object for the whole wait; a thread claimed
 * by timeout or abort unlinks itself from the queue afterwards, under the object's lock.
 *
 * Invariants: W1 a thread is on at most one wait queue; W2 every claim by a waker is followed by
 * exactly one thread_go() or hand-off.
 */
#pragma once

#include <base/list.h>
#include <kern/lock.h>
#include <stdbool.h>
#include <stdint.h>

struct thread;

enum wait_result {
	WAIT_WOKEN = 0,       /* a waker claimed it */
	WAIT_TIMED_OUT = 1,   /* the deadline passed */
	WAIT_INTERRUPTED = 2, /* thread_abort, suspend or terminate */
};

enum wait_flags {
	WAIT_UNINTERRUPTIBLE = 0,
	WAIT_ABORTABLE = 1,
};

struct waitq {
	struct list threads; /* guarded by the lock of the object it lies in */
};

#define WAIT_FOREVER 0ULL /* as a deadline: none */

static inline void waitq_init(struct waitq *wq)
{
	list_init(&wq->threads);
}

/*
 * Purpose: block the calling thread on wq until woken, aborted (if flags has WAIT_ABORTABLE) or
 *   until deadline_ns (of clock_now_ns; WAIT_FOREVER: none).
 * Conditions: *lock, which guards wq, is held on entry and NOT on return; the caller holds a
 *   reference on the object; no other spin lock is held.
 */
enum wait_result waitq_block(struct waitq *wq, struct spinlock *lock, enum wait_flags flags,
			     uint64_t deadline_ns);

/*
 * As waitq_block(), and the CPU goes straight to next, a thread that this caller claimed and has
 * not let go (D7). next may be NULL. If the calling thread need not block, use thread_go(next).
 */
enum wait_result waitq_block_handoff(struct waitq *wq, struct spinlock *lock, enum wait_flags flags,
				     uint64_t deadline_ns, struct thread *next);

/*
 * As waitq_block_handoff(), abortable and without a deadline, of a thread in a trap that needs nothing of its stack any
 * more: it does not come back, but goes on in thread_continue(), which calls waitq_continued(). (Mach's continuations: Draves,
 * Bershad, Rashid, Dean, "Using Continuations to Implement Thread Management and Communication in Operating Systems", 1991.)
 * irq_depth is 1, and interrupts were off before (as in a message trap). Returns, with *lock held and nothing done, if the CPU cannot go to next at once or the wait is broken already.
 */
void waitq_leave_handoff(struct waitq *wq, struct spinlock *lock, struct thread *next);
/*
 * The first thing thread_continue() does: how the wait ended. *lock as given to waitq_leave_handoff(). irq_depth is 1 before and
 * after.
 */
enum wait_result waitq_continued(struct spinlock *lock);

/*
 * Claim the first waiter (in order) and unlink it; NULL if none. The lock is held.
 * Returns a thread that is owed a thread_go() or a hand-off.
 */
struct thread *waitq_claim(struct waitq *wq);
/* Claim this waiter of wq; false if a timeout or an abort had it first. The lock is held. */
bool waitq_claim_thread(struct waitq *wq, struct thread *t);
/* The first waiter that may be still claimed, not claimed and not referenced; or the one after t. */
struct thread *waitq_first_borrow(struct waitq *wq);
struct thread *waitq_next_borrow(struct waitq *wq, struct thread *t);

/* Let a claimed thread run. Any context; no lock that the thread's wake-up needs is held. */
void thread_go(struct thread *t);

/* Claim and let go: the first waiter (false if none), or all of them (their number). Lock held. */
bool waitq_wake_one(struct waitq *wq);
unsigned waitq_wake_all(struct waitq *wq);

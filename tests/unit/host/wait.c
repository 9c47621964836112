/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait.c - host double of wait queues, over pthread conditions; same claims as the kernel's.
 *
 * Interface: <sched/wait.h>, thread_abort.
 * Invariants: H1 whoever moves claim from OPEN to TAKEN writes wait_result and sets go, once;
 *   H2 a sleeping call is made with exactly its own spin lock held.
 */
#include <host/host.h>
#include <pthread.h>
#include <sched/donate.h>
#include <time.h>

#include "sleeper.h"

static bool claim_from(struct thread *t, uint32_t from, enum wait_result result)
{
	if (!atomic_compare_exchange_strong(&t->claim, &from, CLAIM_TAKEN))
		return false;
	t->wait_result = result;
	return true;
}

static bool claim_timeout(struct thread *t)
{
	return claim_from(t, CLAIM_OPEN, WAIT_TIMED_OUT) ||
	       claim_from(t, CLAIM_OPEN_HARD, WAIT_TIMED_OUT);
}

/* Sleep until go, or deadline. Returns false on the deadline. */
static bool sleep_until_go(struct host_sleeper *s, uint64_t deadline_ns)
{
	struct timespec ts = { (time_t)(deadline_ns / NSEC_PER_SEC), (long)(deadline_ns % NSEC_PER_SEC) };
	int err = 0;
	bool went;

	pthread_mutex_lock(&s->lock);
	while (!s->go && err == 0)
		err = deadline_ns == WAIT_FOREVER ? pthread_cond_wait(&s->wake, &s->lock)
						  : pthread_cond_timedwait(&s->wake, &s->lock, &ts);
	went = s->go;
	s->go = false;
	pthread_mutex_unlock(&s->lock);
	return went;
}

enum wait_result waitq_block(struct waitq *wq, struct spinlock *lock, enum wait_flags flags,
			     uint64_t deadline_ns)
{
	return waitq_block_handoff(wq, lock, flags, deadline_ns, NULL);
}

enum wait_result waitq_block_handoff(struct waitq *wq, struct spinlock *lock, enum wait_flags flags,
				     uint64_t deadline_ns, struct thread *next)
{
	struct thread *self = current_thread();
	enum wait_result result;

	VERIFY(host_cpu.irq_depth == 1); /* H2 */
	if ((flags & WAIT_ABORTABLE) && (atomic_fetch_and(&self->ast, ~(uint32_t)AST_ABORT) & AST_ABORT)) {
		spin_unlock(lock);
		if (next)
			thread_go(next);
		return WAIT_INTERRUPTED;
	}
	list_add_tail(&wq->threads, &self->wait_link);
	atomic_store(&self->claim, (flags & WAIT_ABORTABLE) ? CLAIM_OPEN : CLAIM_OPEN_HARD);
	spin_unlock(lock);
	if (next)
		thread_go(next);
	if (!sleep_until_go(self->machine.sleeper, deadline_ns) && !claim_timeout(self))
		sleep_until_go(self->machine.sleeper, WAIT_FOREVER);
	result = self->wait_result;
	if (result != WAIT_WOKEN) {
		spin_lock(lock);
		list_remove(&self->wait_link);
		spin_unlock(lock);
	}
	atomic_store(&self->claim, CLAIM_NONE);
	return result;
}

/* A host thread keeps its stack: always the usual way. */
void waitq_leave_handoff(struct waitq *wq, struct spinlock *lock, struct thread *next)
{
}

static bool claim_waiter(struct thread *t)
{
	if (!claim_from(t, CLAIM_OPEN, WAIT_WOKEN) && !claim_from(t, CLAIM_OPEN_HARD, WAIT_WOKEN))
		return false;
	list_remove(&t->wait_link);
	return true;
}

struct thread *waitq_claim(struct waitq *wq)
{
	LIST_FOR_EACH_SAFE(l, tmp, &wq->threads) {
		struct thread *t = container_of(l, struct thread, wait_link);

		if (claim_waiter(t))
			return t;
	}
	return NULL;
}

bool waitq_claim_thread(struct waitq *wq, struct thread *t)
{
	(void)wq;
	return claim_waiter(t);
}

static struct thread *claimable_from(struct waitq *wq, struct list *l)
{
	for (; l != &wq->threads; l = l->next) {
		struct thread *t = container_of(l, struct thread, wait_link);
		uint32_t claim = atomic_load(&t->claim);

		if (claim == CLAIM_OPEN || claim == CLAIM_OPEN_HARD)
			return t;
	}
	return NULL;
}

struct thread *waitq_first_borrow(struct waitq *wq)
{
	return claimable_from(wq, wq->threads.next);
}

struct thread *waitq_next_borrow(struct waitq *wq, struct thread *t)
{
	return claimable_from(wq, t->wait_link.next);
}

void thread_go(struct thread *t)
{
	struct host_sleeper *s = t->machine.sleeper;

	if (t->donation.to)
		donate_return(t); /* as the kernel's: who is let go has lost its loan by then */
	pthread_mutex_lock(&s->lock);
	VERIFY(!s->go); /* H1 */
	s->go = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

bool waitq_wake_one(struct waitq *wq)
{
	struct thread *t = waitq_claim(wq);

	if (t)
		thread_go(t);
	return t != NULL;
}

unsigned waitq_wake_all(struct waitq *wq)
{
	unsigned n = 0;

	while (waitq_wake_one(wq))
		n++;
	return n;
}

kern_return_t thread_abort(struct thread *t)
{
	if (claim_from(t, CLAIM_OPEN, WAIT_INTERRUPTED))
		thread_go(t);
	else
		atomic_fetch_or(&t->ast, AST_ABORT);
	return KERN_SUCCESS;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rwlock.c - the sleeping readers/writer lock.
 *
 * Interface: rwlock.h. Without contention each call is one compare-and-swap on state.
 * Invariants:
 *   R1 QUEUED is set while a queue is not empty; then nobody gets the lock but by being handed it under l->lock.
 *   R2 a claimed waiter holds the lock already when it runs.
 *   R3 with WRITER there are no readers.
 *   R4 while a writer is known as owner, each waiter lends it its priority (donate.h). Readers are not lent to: nobody
 *      knows who they are.
 * Locking: l->lock, a leaf but for what thread_go() takes, and the donation lock.
 */
#include <kern/assert.h>
#include <kern/thread.h>
#include <sched/donate.h>
#include <sched/rwlock.h>

void rwlock_init(struct rwlock *l, const char *class_name)
{
	atomic_store_explicit(&l->state, 0, memory_order_relaxed);
	spin_init(&l->lock, class_name);
	l->owner = NULL;
	waitq_init(&l->readers);
	waitq_init(&l->writers);
}

static bool change(struct rwlock *l, uint32_t from, uint32_t to)
{
	return atomic_compare_exchange_strong(&l->state, &from, to);
}

static bool nobody_waits(const struct rwlock *l)
{
	return list_empty(&l->readers.threads) && list_empty(&l->writers.threads);
}

/*
 * R4 for a queue. The owner, on another CPU, may have begun to unlock: it is no owner any more then, but stays for l->lock, for QUEUED is
 * set, and its waiters lend to the next one after that.
 */
static void lend(struct rwlock *l, struct waitq *wq)
{
	struct thread *owner = __atomic_load_n(&l->owner, __ATOMIC_RELAXED);

	for (struct thread *t = waitq_first_borrow(wq); t != NULL; t = waitq_next_borrow(wq, t))
		if (owner != NULL)
			donate_lend(t, owner);
		else if (t->donation.to != NULL)
			donate_return(t);
}

/* l->lock is held: QUEUED stays only while it is true (R1). */
static void queues_looked_at(struct rwlock *l)
{
	lend(l, &l->readers);
	lend(l, &l->writers);
	if (nobody_waits(l))
		atomic_fetch_and(&l->state, ~RWLOCK_QUEUED);
}

static void readers_go(struct rwlock *l)
{
	struct thread *t;

	while ((t = waitq_claim(&l->readers)) != NULL) {
		atomic_fetch_add(&l->state, RWLOCK_READER); /* R2 */
		thread_go(t);
	}
}

static bool writer_goes(struct rwlock *l)
{
	struct thread *t = waitq_claim(&l->writers);

	if (t == NULL)
		return false;
	atomic_fetch_or(&l->state, RWLOCK_WRITER); /* R2 */
	l->owner = t;
	thread_go(t);
	return true;
}

/* l->lock is held, QUEUED is set; if nobody holds l, who is next gets it. */
static void hand_over(struct rwlock *l, bool readers_first)
{
	if ((atomic_load(&l->state) & ~RWLOCK_QUEUED) == 0) {
		if (readers_first && !list_empty(&l->readers.threads))
			readers_go(l);
		else if (!writer_goes(l))
			readers_go(l);
	}
	queues_looked_at(l);
}

/* R4, of a thread that is about to wait. */
static void lend_self(struct rwlock *l)
{
	struct thread *owner = l->owner;

	if (owner != NULL)
		donate_lend(current_thread(), owner);
}

static void read_slowly(struct rwlock *l)
{
	uint32_t was;

	spin_lock(&l->lock);
	was = atomic_fetch_or(&l->state, RWLOCK_QUEUED);
	if ((was & RWLOCK_WRITER) == 0 && nobody_waits(l)) {
		atomic_fetch_add(&l->state, RWLOCK_READER);
		queues_looked_at(l);
		spin_unlock(&l->lock);
		return;
	}
	lend_self(l);
	(void)waitq_block(&l->readers, &l->lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
	KASSERT(atomic_load(&l->state) >= RWLOCK_READER); /* R2 */
}

void rwlock_read(struct rwlock *l)
{
	uint32_t was = atomic_load_explicit(&l->state, memory_order_relaxed);

	while ((was & (RWLOCK_WRITER | RWLOCK_QUEUED)) == 0)
		if (atomic_compare_exchange_weak(&l->state, &was, was + RWLOCK_READER))
			return;
	KASSERT(!rwlock_write_held(l));
	read_slowly(l);
}

void rwlock_read_unlock(struct rwlock *l)
{
	uint32_t was = atomic_fetch_sub(&l->state, RWLOCK_READER);

	KASSERT(was >= RWLOCK_READER && (was & RWLOCK_WRITER) == 0); /* R3 */
	if (was != (RWLOCK_READER | RWLOCK_QUEUED))
		return;
	spin_lock(&l->lock);
	hand_over(l, false);
	spin_unlock(&l->lock);
}

static void write_slowly(struct rwlock *l)
{
	uint32_t was;

	spin_lock(&l->lock);
	was = atomic_fetch_or(&l->state, RWLOCK_QUEUED);
	if ((was & ~RWLOCK_QUEUED) == 0 && nobody_waits(l)) {
		atomic_store(&l->state, RWLOCK_WRITER);
		spin_unlock(&l->lock);
	} else {
		lend_self(l);
		(void)waitq_block(&l->writers, &l->lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
	}
}

void rwlock_write(struct rwlock *l)
{
	if (!change(l, 0, RWLOCK_WRITER)) {
		KASSERT(!rwlock_write_held(l));
		write_slowly(l);
	}
	l->owner = current_thread();
}

bool rwlock_write_try(struct rwlock *l)
{
	if (!change(l, 0, RWLOCK_WRITER))
		return false;
	l->owner = current_thread();
	return true;
}

void rwlock_write_unlock(struct rwlock *l)
{
	KASSERT(rwlock_write_held(l));
	l->owner = NULL;
	if (change(l, RWLOCK_WRITER, 0))
		return;
	spin_lock(&l->lock);
	atomic_fetch_and(&l->state, ~RWLOCK_WRITER);
	hand_over(l, true);
	spin_unlock(&l->lock);
}

bool rwlock_upgrade(struct rwlock *l)
{
	bool only = change(l, RWLOCK_READER, RWLOCK_WRITER);

	if (!only) {
		/* Under the lock: hand_over() may be in the middle of letting readers in. Waiters stay queued behind. */
		spin_lock(&l->lock);
		only = change(l, RWLOCK_READER | RWLOCK_QUEUED, RWLOCK_WRITER | RWLOCK_QUEUED);
		spin_unlock(&l->lock);
	}
	if (only)
		l->owner = current_thread();
	else
		rwlock_read_unlock(l);
	return only;
}

void rwlock_downgrade(struct rwlock *l)
{
	KASSERT(rwlock_write_held(l));
	l->owner = NULL;
	if (change(l, RWLOCK_WRITER, RWLOCK_READER))
		return;
	spin_lock(&l->lock);
	atomic_fetch_add(&l->state, RWLOCK_READER - RWLOCK_WRITER);
	readers_go(l);
	queues_looked_at(l);
	spin_unlock(&l->lock);
}

bool rwlock_write_held(const struct rwlock *l)
{
	return (atomic_load_explicit(&((struct rwlock *)l)->state, memory_order_relaxed) & RWLOCK_WRITER) &&
	       l->owner == current_thread();
}

bool rwlock_held(const struct rwlock *l)
{
	return (atomic_load_explicit(&((struct rwlock *)l)->state, memory_order_relaxed) & ~RWLOCK_QUEUED) != 0;
}

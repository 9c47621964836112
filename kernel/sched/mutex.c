/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutex.c - the sleeping lock, with priority inheritance. Interface: mutex.h.
 *
 * Who waits lends its priority to the owner (donate.h), which so is not kept from unlocking by threads in between. Ownership
 * is handed over: unlock gives the mutex to the waiter that is worth most, the first of equals, which so cannot be
 * overtaken; the others then lend to it.
 *
 * Invariants: M1 each thread in waiters lends to owner, from before it blocks until it is claimed.
 * Locking: m->lock -> donation lock.
 */
#include <kern/assert.h>
#include <kern/thread.h>
#include <sched/donate.h>
#include <sched/mutex.h>

void mutex_init(struct mutex *m, const char *class_name)
{
	spin_init(&m->lock, class_name);
	m->owner = NULL;
	waitq_init(&m->waiters);
}

void mutex_lock(struct mutex *m)
{
	struct thread *self = current_thread();

	spin_lock(&m->lock);
	KASSERT(m->owner != self);
	if (m->owner == NULL) {
		m->owner = self;
		spin_unlock(&m->lock);
		return;
	}
	donate_lend(self, m->owner); /* M1 */
	(void)waitq_block(&m->waiters, &m->lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
	KASSERT(m->owner == self);
}

bool mutex_trylock(struct mutex *m)
{
	bool free;

	spin_lock(&m->lock);
	free = m->owner == NULL;
	if (free)
		m->owner = current_thread();
	spin_unlock(&m->lock);
	return free;
}

/* The waiter that is worth most, claimed; M1 for the others. m->lock is held. */
static struct thread *choose_locked(struct mutex *m)
{
	struct thread *best = waitq_first_borrow(&m->waiters);

	for (struct thread *t = best; t != NULL; t = waitq_next_borrow(&m->waiters, t))
		if (t->lend_priority > best->lend_priority)
			best = t;
	if (best == NULL || !waitq_claim_thread(&m->waiters, best))
		return NULL;
	donate_return(best);
	for (struct thread *t = waitq_first_borrow(&m->waiters); t != NULL; t = waitq_next_borrow(&m->waiters, t))
		donate_lend(t, best);
	return best;
}

void mutex_unlock(struct mutex *m)
{
	struct thread *next;

	/* Who gets it lends to us no more: a thread between the two must not run before it does. */
	cpu_irq_push();
	spin_lock(&m->lock);
	KASSERT(m->owner == current_thread());
	next = choose_locked(m);
	m->owner = next;
	spin_unlock(&m->lock);
	if (next != NULL)
		thread_go(next);
	cpu_irq_pop();
}

bool mutex_held(const struct mutex *m)
{
	return m->owner == current_thread();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutex.c - the sleeping lock. Ownership is handed over: unlock gives the mutex to the first waiter,
 * which so cannot be overtaken.
 */
#include <kern/assert.h>
#include <kern/thread.h>
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

void mutex_unlock(struct mutex *m)
{
	struct thread *next;

	spin_lock(&m->lock);
	KASSERT(m->owner == current_thread());
	next = waitq_claim(&m->waiters);
	m->owner = next;
	spin_unlock(&m->lock);
	if (next != NULL)
		thread_go(next);
}

bool mutex_held(const struct mutex *m)
{
	return m->owner == current_thread();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* mutex.c - host double of sleeping mutexes; checks that no spin lock is held. */
#include <host/host.h>
#include <sched/mutex.h>

void mutex_init(struct mutex *m, const char *class_name)
{
	spin_init(&m->lock, class_name);
	m->owner = NULL;
	waitq_init(&m->waiters);
}

void mutex_lock(struct mutex *m)
{
	VERIFY(host_cpu.irq_depth == 0);
	spin_lock(&m->lock);
	VERIFY(m->owner != current_thread());
	if (!m->owner) {
		m->owner = current_thread();
		spin_unlock(&m->lock);
		return;
	}
	waitq_block(&m->waiters, &m->lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER); /* handed over */
	VERIFY(mutex_held(m));
}

bool mutex_trylock(struct mutex *m)
{
	bool got;

	spin_lock(&m->lock);
	got = !m->owner;
	if (got)
		m->owner = current_thread();
	spin_unlock(&m->lock);
	return got;
}

void mutex_unlock(struct mutex *m)
{
	struct thread *next;

	spin_lock(&m->lock);
	VERIFY(m->owner == current_thread());
	next = waitq_claim(&m->waiters);
	m->owner = next;
	spin_unlock(&m->lock);
	if (next)
		thread_go(next);
}

bool mutex_held(const struct mutex *m)
{
	struct mutex *u = (struct mutex *)m;
	bool held;

	spin_lock(&u->lock);
	held = m->owner == current_thread();
	spin_unlock(&u->lock);
	return held;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock_set.c - lock sets. Interface: lock_set.h.
 *
 * A lock is handed over: release gives it to the next waiter, which so cannot be overtaken. A hand-off names its taker: the
 * holder (in lock_handoff) and the accepter wait for each other at the lock; who comes second moves the lock and goes on.
 *
 * Threads of other nodes hold and wait as well (lock_remote.c); of those that wait, threads of this node go first.
 *
 * Invariants: L1 holder != NULL <-> the lock is on that list; L2 somebody waits in waiters or remote_waiters -> holder != NULL;
 *   L3 a giver (of either kind) and a taker are never both set.
 * Locking: one lock for all sets (they are rare, and short): holders. Key: [I] immutable, [a] atomic, [h] holders, [t] the owner's task lock.
 * References: OSF MK kernel interface, lock_*(3).
 */
#include <base/list.h>
#include <ipc/ipc_space.h>
#include <kern/ipc_kobject.h>
#include <kern/kalloc.h>
#include <kern/lock_set_private.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <mach/sync_policy.h>

#define LOCKS_MAX 1024

struct spinlock lock_set_holders = SPINLOCK_INIT("lock sets");

struct lock_set *convert_port_to_lock_set(struct ipc_port *port)
{
	struct lock_set *set = ipc_kobject_lock(port, IKOT_LOCK_SET);

	if (set != NULL) {
		atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
		ip_unlock(port);
	}
	return set;
}

static size_t bytes_of(uint32_t locks)
{
	return sizeof(struct lock_set) + locks * sizeof(struct ulock);
}

void lock_set_release(struct lock_set *set)
{
	if (set != NULL && atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) == 1)
		kfree(set, bytes_of(set->count));
}

static struct lock_set *lock_set_alloc(struct task *task, uint32_t locks, int policy)
{
	struct lock_set *set = kalloc_zeroed(bytes_of(locks));

	if (set == NULL)
		return NULL;
	set->port = ipc_port_alloc_special(ipc_space_kernel);
	if (set->port == NULL) {
		kfree(set, bytes_of(locks));
		return NULL;
	}
	atomic_store(&set->references, 1);
	set->active = true;
	set->policy = policy;
	set->count = locks;
	set->owner = task;
	for (uint32_t i = 0; i < locks; i++) {
		set->locks[i].set = set;
		list_init(&set->locks[i].held_link);
		waitq_init(&set->locks[i].waiters);
		list_init(&set->locks[i].remote_waiters);
		waitq_init(&set->locks[i].exchange);
	}
	return set;
}

kern_return_t lock_set_create(struct task *task, struct ipc_port **port, int locks, int policy)
{
	struct lock_set *set;
	bool alive;

	if (locks < 1 || locks > LOCKS_MAX || (policy & ~SYNC_POLICY_ORDER_MASK) != 0 ||
	    policy == (SYNC_POLICY_FIXED_PRIORITY | SYNC_POLICY_REVERSED))
		return KERN_INVALID_ARGUMENT;
	set = lock_set_alloc(task, (uint32_t)locks, policy);
	if (set == NULL)
		return KERN_RESOURCE_SHORTAGE;
	*port = ipc_port_make_send(set->port);
	ipc_kobject_set(set->port, set, IKOT_LOCK_SET);
	spin_lock(&task->lock);
	alive = task->active;
	if (alive)
		list_add_tail(&task->lock_sets, &set->owner_link);
	spin_unlock(&task->lock);
	if (alive)
		return KERN_SUCCESS;
	ipc_port_release_send(*port);
	*port = IP_NULL;
	ipc_port_dealloc_special(set->port);
	lock_set_release(set);
	return KERN_TERMINATED;
}

/* ---- holding; all under holders ---- */

void lock_after_init(struct lock_after *a)
{
	a->thread = NULL;
	list_init(&a->answers);
}

void lock_after_run(struct lock_after *a)
{
	if (a->thread != NULL)
		thread_go(a->thread);
	lock_waits_answer(&a->answers);
}

void lock_hold(struct ulock *l, struct list *who)
{
	l->holder = who;
	list_add_tail(who, &l->held_link);
}

void lock_let_go(struct ulock *l, struct lock_after *a)
{
	l->holder = NULL;
	list_remove(&l->held_link);
	if (l->remote_giver != NULL) { /* whose caller has given up */
		lock_wait_end(l->remote_giver, KERN_ABORTED, a);
		l->remote_giver = NULL;
	}
}

kern_return_t lock_held_now(const struct ulock *l)
{
	return l->unstable ? KERN_LOCK_UNSTABLE : KERN_SUCCESS;
}

/* Who waits for l and goes next by the policy, claimed; NULL. */
static struct thread *claim_next(struct ulock *l)
{
	int policy = l->set->policy;

	while (policy != SYNC_POLICY_FIFO) {
		struct thread *best = waitq_first_borrow(&l->waiters);

		if (best == NULL)
			return NULL;
		for (struct thread *t = waitq_next_borrow(&l->waiters, best); t != NULL; t = waitq_next_borrow(&l->waiters, t))
			if (policy == SYNC_POLICY_LIFO || t->priority > best->priority)
				best = t;
		if (waitq_claim_thread(&l->waiters, best))
			return best;
		list_remove(&best->wait_link); /* a timeout or an abort had it */
	}
	return waitq_claim(&l->waiters);
}

void lock_pass_on(struct ulock *l, struct lock_after *a)
{
	struct lock_wait *remote;

	lock_let_go(l, a);
	a->thread = claim_next(l);
	if (a->thread != NULL) {
		lock_hold(l, &a->thread->held_locks);
		return;
	}
	remote = lock_wait_next(l, a);
	if (remote != NULL) {
		lock_hold(l, lock_wait_holder(remote));
		lock_wait_end(remote, lock_held_now(l), a);
	}
}

kern_return_t lock_begin(struct lock_set *set, int id, struct ulock **l)
{
	if (set == NULL || id < 0 || (uint32_t)id >= set->count)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&lock_set_holders);
	if (!set->active) {
		spin_unlock(&lock_set_holders);
		return KERN_LOCK_SET_DESTROYED;
	}
	*l = &set->locks[id];
	return KERN_SUCCESS;
}

/* As above, for the calling thread. */
static kern_return_t begin(struct lock_set *set, int id, struct ulock **l)
{
	/* A worker would hold it, not the caller, who says who it is by _lock_set_call(). */
	if (set != NULL && current_task() == kernel_task)
		return KERN_NOT_SUPPORTED;
	return lock_begin(set, id, l);
}

kern_return_t lock_acquire(struct lock_set *set, int id)
{
	struct list *self = &current_thread()->held_locks;
	struct ulock *l;
	kern_return_t kr = begin(set, id, &l);

	if (kr != KERN_SUCCESS)
		return kr;
	if (l->holder == self) {
		spin_unlock(&lock_set_holders);
		return KERN_LOCK_OWNED_SELF;
	}
	if (l->holder != NULL) {
		if (waitq_block(&l->waiters, &lock_set_holders, WAIT_ABORTABLE, WAIT_FOREVER) != WAIT_WOKEN)
			return KERN_ABORTED;
		spin_lock(&lock_set_holders);
		kr = l->holder == self ? lock_held_now(l) : KERN_LOCK_SET_DESTROYED;
	} else {
		lock_hold(l, self);
		kr = lock_held_now(l);
	}
	spin_unlock(&lock_set_holders);
	return kr;
}

kern_return_t lock_try(struct lock_set *set, int id)
{
	struct list *self = &current_thread()->held_locks;
	struct ulock *l;
	kern_return_t kr = begin(set, id, &l);

	if (kr != KERN_SUCCESS)
		return kr;
	if (l->holder != NULL) {
		kr = l->holder == self ? KERN_LOCK_OWNED_SELF : KERN_LOCK_OWNED;
	} else {
		lock_hold(l, self);
		kr = lock_held_now(l);
	}
	spin_unlock(&lock_set_holders);
	return kr;
}

kern_return_t lock_release(struct lock_set *set, int id)
{
	struct lock_after after;
	struct ulock *l;
	kern_return_t kr = begin(set, id, &l);

	if (kr != KERN_SUCCESS)
		return kr;
	lock_after_init(&after);
	if (l->holder == &current_thread()->held_locks)
		lock_pass_on(l, &after);
	else
		kr = KERN_INVALID_RIGHT;
	spin_unlock(&lock_set_holders);
	lock_after_run(&after);
	return kr;
}

kern_return_t lock_make_stable(struct lock_set *set, int id)
{
	struct ulock *l;
	kern_return_t kr = begin(set, id, &l);

	if (kr != KERN_SUCCESS)
		return kr;
	if (l->holder == &current_thread()->held_locks)
		l->unstable = false;
	else
		kr = KERN_INVALID_RIGHT;
	spin_unlock(&lock_set_holders);
	return kr;
}

/* ---- from hand to hand ---- */

bool lock_has_taker(struct ulock *l, struct lock_after *a)
{
	if (l->remote_taker != NULL && !lock_wait_alive(l->remote_taker)) {
		lock_wait_end(l->remote_taker, KERN_ABORTED, a);
		l->remote_taker = NULL;
	}
	return l->taker != NULL || l->remote_taker != NULL;
}

bool lock_claim_taker(struct ulock *l, struct lock_after *a)
{
	struct lock_wait *remote;

	if (l->taker != NULL && waitq_claim_thread(&l->exchange, l->taker)) {
		a->thread = l->taker;
		l->taker = NULL;
		lock_let_go(l, a);
		lock_hold(l, &a->thread->held_locks);
		return true;
	}
	if (l->taker != NULL || !lock_has_taker(l, a)) /* the taker's timeout or abort is on its way */
		return false;
	remote = l->remote_taker;
	l->remote_taker = NULL;
	lock_let_go(l, a);
	lock_hold(l, lock_wait_holder(remote));
	lock_wait_end(remote, lock_held_now(l), a);
	return true;
}

bool lock_claim_giver(struct ulock *l, struct lock_after *a)
{
	struct lock_wait *remote = l->remote_giver;

	if (l->giver != NULL && waitq_claim_thread(&l->exchange, l->giver)) {
		a->thread = l->giver;
		l->giver = NULL;
		lock_let_go(l, a);
		return true;
	}
	if (remote == NULL)
		return false;
	l->remote_giver = NULL;
	if (!lock_wait_alive(remote)) { /* it keeps the lock: its caller has given up */
		lock_wait_end(remote, KERN_ABORTED, a);
		return false;
	}
	lock_let_go(l, a);
	lock_wait_end(remote, KERN_SUCCESS, a);
	return true;
}

kern_return_t lock_handoff(struct lock_set *set, int id)
{
	struct thread *self = current_thread();
	struct lock_after after;
	struct ulock *l;
	kern_return_t kr = begin(set, id, &l);

	if (kr != KERN_SUCCESS)
		return kr;
	lock_after_init(&after);
	if (l->holder != &self->held_locks) {
		kr = KERN_INVALID_RIGHT;
	} else if (!lock_claim_taker(l, &after)) {
		l->giver = self;
		(void)waitq_block(&l->exchange, &lock_set_holders, WAIT_ABORTABLE, WAIT_FOREVER);
		spin_lock(&lock_set_holders);
		if (l->giver == self) { /* not taken: aborted, or the set's end */
			l->giver = NULL;
			kr = set->active ? KERN_ABORTED : KERN_LOCK_SET_DESTROYED;
		}
	}
	spin_unlock(&lock_set_holders);
	lock_after_run(&after);
	return kr;
}

/* The calling thread waits to take l; holders is locked before and after, not meanwhile. */
static kern_return_t wait_to_take(struct ulock *l)
{
	struct thread *self = current_thread();
	kern_return_t kr;

	l->taker = self;
	(void)waitq_block(&l->exchange, &lock_set_holders, WAIT_ABORTABLE, WAIT_FOREVER);
	spin_lock(&lock_set_holders);
	if (l->taker == self) {
		l->taker = NULL;
		kr = l->set->active ? KERN_ABORTED : KERN_LOCK_SET_DESTROYED;
	} else {
		kr = l->holder == &self->held_locks ? lock_held_now(l) : KERN_LOCK_SET_DESTROYED;
	}
	return kr;
}

kern_return_t lock_handoff_accept(struct lock_set *set, int id)
{
	struct list *self = &current_thread()->held_locks;
	struct lock_after after;
	struct ulock *l;
	kern_return_t kr = begin(set, id, &l);

	if (kr != KERN_SUCCESS)
		return kr;
	lock_after_init(&after);
	if (lock_has_taker(l, &after)) {
		kr = KERN_ALREADY_WAITING;
	} else if (l->holder == self) {
		kr = KERN_LOCK_OWNED_SELF;
	} else if (lock_claim_giver(l, &after)) {
		lock_hold(l, self);
		kr = lock_held_now(l);
	} else {
		kr = wait_to_take(l);
	}
	spin_unlock(&lock_set_holders);
	lock_after_run(&after);
	return kr;
}

/* ---- ends ---- */

void lock_set_thread_exit(struct thread *t)
{
	for (;;) {
		struct lock_after after;
		struct ulock *l;

		lock_after_init(&after);
		spin_lock(&lock_set_holders);
		l = list_first(&t->held_locks, struct ulock, held_link);
		if (l == NULL) {
			spin_unlock(&lock_set_holders);
			return;
		}
		l->unstable = true;
		lock_pass_on(l, &after);
		spin_unlock(&lock_set_holders);
		lock_after_run(&after);
	}
}

/* l ends: all who wait are told. */
static void end_lock(struct ulock *l, struct lock_after *after)
{
	struct lock_wait *w;

	if (l->remote_giver != NULL)
		lock_wait_end(l->remote_giver, KERN_LOCK_SET_DESTROYED, after);
	if (l->remote_taker != NULL)
		lock_wait_end(l->remote_taker, KERN_LOCK_SET_DESTROYED, after);
	l->remote_giver = l->remote_taker = NULL;
	if (l->holder != NULL)
		lock_let_go(l, after);
	while ((w = lock_wait_next(l, after)) != NULL)
		lock_wait_end(w, KERN_LOCK_SET_DESTROYED, after);
	(void)waitq_wake_all(&l->waiters);
	(void)waitq_wake_all(&l->exchange);
}

/* set, off its owner's list, ends: the list's reference goes. */
static void lock_set_end(struct lock_set *set)
{
	struct lock_after after;

	lock_after_init(&after);
	ipc_port_dealloc_special(set->port);
	spin_lock(&lock_set_holders);
	set->active = false;
	for (uint32_t i = 0; i < set->count; i++)
		end_lock(&set->locks[i], &after);
	spin_unlock(&lock_set_holders);
	lock_after_run(&after);
	lock_set_release(set);
}

kern_return_t lock_set_destroy(struct task *task, struct lock_set *set)
{
	bool mine = false;

	if (set == NULL || set->owner != task)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&task->lock);
	LIST_FOR_EACH(pos, &task->lock_sets)
		if (pos == &set->owner_link) {
			mine = true;
			list_remove(pos);
			break;
		}
	spin_unlock(&task->lock);
	if (!mine)
		return KERN_LOCK_SET_DESTROYED;
	lock_set_end(set);
	return KERN_SUCCESS;
}

void lock_set_task_exit(struct task *task)
{
	for (;;) {
		struct lock_set *set;

		spin_lock(&task->lock);
		set = list_first(&task->lock_sets, struct lock_set, owner_link);
		if (set != NULL)
			list_remove(&set->owner_link);
		spin_unlock(&task->lock);
		if (set == NULL)
			return;
		lock_set_end(set);
	}
}

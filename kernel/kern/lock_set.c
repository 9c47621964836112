/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock_set.c - lock sets. Interface: lock_set.h.
 *
 * A lock is handed over: release gives it to the next waiter, which so cannot be overtaken. A hand-off names its taker: the
 * holder (in lock_handoff) and the accepter wait for each other at the lock; who comes second moves the lock and goes on.
 *
 * Invariants: L1 holder != NULL <-> the lock is on that thread's list; L2 somebody waits in waiters -> holder != NULL;
 *   L3 giver and taker are never both set.
 * Locking: one lock for all sets (they are rare, and short): holders. Key: [I] immutable, [a] atomic, [h] holders, [t] the owner's task lock.
 * References: OSF MK kernel interface, lock_*(3).
 */
#include <base/list.h>
#include <ipc/ipc_space.h>
#include <kern/ipc_kobject.h>
#include <kern/kalloc.h>
#include <kern/lock_set.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <mach/sync_policy.h>
#include <sched/wait.h>

#define LOCKS_MAX 1024

struct ulock {
	struct thread *holder;  /* [h] not referenced: it lets go when it ends */
	struct list held_link;  /* [h] of thread.held_locks */
	struct lock_set *set;   /* [I] */
	struct waitq waiters;   /* [h] of lock_acquire */
	struct waitq exchange;  /* [h] the giver, or the taker, alone */
	struct thread *giver;   /* [h] in lock_handoff */
	struct thread *taker;   /* [h] in lock_handoff_accept */
	bool unstable;          /* [h] a holder ended without releasing it */
};

struct lock_set {
	_Atomic uint32_t references; /* [a] */
	bool active;                 /* [h] */
	int policy;                  /* [I] */
	uint32_t count;              /* [I] */
	struct ipc_port *port;       /* [I] naked; dead with the set */
	struct task *owner;          /* [I] not referenced */
	struct list owner_link;      /* [t] */
	struct ulock locks[];
};

static struct spinlock holders = SPINLOCK_INIT("lock sets");

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

static void hold(struct ulock *l, struct thread *t)
{
	l->holder = t;
	list_add_tail(&t->held_locks, &l->held_link);
}

static void let_go(struct ulock *l)
{
	l->holder = NULL;
	list_remove(&l->held_link);
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

/* l, held, goes to the next who waits for it; returns that one, to be let go. */
static struct thread *pass_on(struct ulock *l)
{
	struct thread *next = claim_next(l);

	let_go(l);
	if (next != NULL)
		hold(l, next);
	return next;
}

static kern_return_t held_now(const struct ulock *l)
{
	return l->unstable ? KERN_LOCK_UNSTABLE : KERN_SUCCESS;
}

/* Lock holders; *l is the lock. Unlocked if it fails. */
static kern_return_t begin(struct lock_set *set, int id, struct ulock **l)
{
	if (set == NULL || id < 0 || (uint32_t)id >= set->count)
		return KERN_INVALID_ARGUMENT;
	if (current_task() == kernel_task)
		return KERN_NOT_SUPPORTED; /* a worker would hold it, not the caller */
	spin_lock(&holders);
	if (!set->active) {
		spin_unlock(&holders);
		return KERN_LOCK_SET_DESTROYED;
	}
	*l = &set->locks[id];
	return KERN_SUCCESS;
}

kern_return_t lock_acquire(struct lock_set *set, int id)
{
	struct thread *self = current_thread();
	enum wait_result waited;
	struct ulock *l;
	kern_return_t kr = begin(set, id, &l);

	if (kr != KERN_SUCCESS)
		return kr;
	if (l->holder == self) {
		spin_unlock(&holders);
		return KERN_LOCK_OWNED_SELF;
	}
	if (l->holder != NULL) {
		waited = waitq_block(&l->waiters, &holders, WAIT_ABORTABLE, WAIT_FOREVER);
		if (waited != WAIT_WOKEN)
			return KERN_ABORTED;
		spin_lock(&holders);
		kr = l->holder == self ? held_now(l) : KERN_LOCK_SET_DESTROYED;
	} else {
		hold(l, self);
		kr = held_now(l);
	}
	spin_unlock(&holders);
	return kr;
}

kern_return_t lock_try(struct lock_set *set, int id)
{
	struct thread *self = current_thread();
	struct ulock *l;
	kern_return_t kr = begin(set, id, &l);

	if (kr != KERN_SUCCESS)
		return kr;
	if (l->holder == self) {
		kr = KERN_LOCK_OWNED_SELF;
	} else if (l->holder != NULL) {
		kr = KERN_LOCK_OWNED;
	} else {
		hold(l, self);
		kr = held_now(l);
	}
	spin_unlock(&holders);
	return kr;
}

kern_return_t lock_release(struct lock_set *set, int id)
{
	struct thread *next = NULL;
	struct ulock *l;
	kern_return_t kr = begin(set, id, &l);

	if (kr != KERN_SUCCESS)
		return kr;
	if (l->holder == current_thread())
		next = pass_on(l);
	else
		kr = KERN_INVALID_RIGHT;
	spin_unlock(&holders);
	if (next != NULL)
		thread_go(next);
	return kr;
}

kern_return_t lock_make_stable(struct lock_set *set, int id)
{
	struct ulock *l;
	kern_return_t kr = begin(set, id, &l);

	if (kr != KERN_SUCCESS)
		return kr;
	if (l->holder == current_thread())
		l->unstable = false;
	else
		kr = KERN_INVALID_RIGHT;
	spin_unlock(&holders);
	return kr;
}

/* ---- from hand to hand ---- */

kern_return_t lock_handoff(struct lock_set *set, int id)
{
	struct thread *self = current_thread(), *taker = NULL;
	struct ulock *l;
	kern_return_t kr = begin(set, id, &l);

	if (kr != KERN_SUCCESS)
		return kr;
	if (l->holder != self) {
		spin_unlock(&holders);
		return KERN_INVALID_RIGHT;
	}
	if (l->taker != NULL && waitq_claim_thread(&l->exchange, l->taker)) {
		taker = l->taker;
		l->taker = NULL;
		let_go(l);
		hold(l, taker);
		spin_unlock(&holders);
		thread_go(taker);
		return KERN_SUCCESS;
	}
	l->giver = self;
	(void)waitq_block(&l->exchange, &holders, WAIT_ABORTABLE, WAIT_FOREVER);
	spin_lock(&holders);
	if (l->giver == self) { /* not taken: aborted, or the set's end */
		l->giver = NULL;
		kr = set->active ? KERN_ABORTED : KERN_LOCK_SET_DESTROYED;
	}
	spin_unlock(&holders);
	return kr;
}

kern_return_t lock_handoff_accept(struct lock_set *set, int id)
{
	struct thread *self = current_thread(), *giver = NULL;
	struct ulock *l;
	kern_return_t kr = begin(set, id, &l);

	if (kr != KERN_SUCCESS)
		return kr;
	if (l->taker != NULL || l->holder == self) {
		kr = l->taker != NULL ? KERN_ALREADY_WAITING : KERN_LOCK_OWNED_SELF;
		spin_unlock(&holders);
		return kr;
	}
	if (l->giver != NULL && waitq_claim_thread(&l->exchange, l->giver)) {
		giver = l->giver;
		l->giver = NULL;
		let_go(l);
		hold(l, self);
		kr = held_now(l);
		spin_unlock(&holders);
		thread_go(giver);
		return kr;
	}
	l->taker = self;
	(void)waitq_block(&l->exchange, &holders, WAIT_ABORTABLE, WAIT_FOREVER);
	spin_lock(&holders);
	if (l->taker == self) {
		l->taker = NULL;
		kr = set->active ? KERN_ABORTED : KERN_LOCK_SET_DESTROYED;
	} else {
		kr = l->holder == self ? held_now(l) : KERN_LOCK_SET_DESTROYED;
	}
	spin_unlock(&holders);
	return kr;
}

/* ---- ends ---- */

void lock_set_thread_exit(struct thread *t)
{
	for (;;) {
		struct ulock *l;
		struct thread *next;

		spin_lock(&holders);
		l = list_first(&t->held_locks, struct ulock, held_link);
		if (l == NULL) {
			spin_unlock(&holders);
			return;
		}
		l->unstable = true;
		next = pass_on(l);
		spin_unlock(&holders);
		if (next != NULL)
			thread_go(next);
	}
}

/* set, off its owner's list, ends: the list's reference goes. */
static void lock_set_end(struct lock_set *set)
{
	ipc_port_dealloc_special(set->port);
	spin_lock(&holders);
	set->active = false;
	for (uint32_t i = 0; i < set->count; i++) {
		struct ulock *l = &set->locks[i];

		if (l->holder != NULL)
			let_go(l);
		(void)waitq_wake_all(&l->waiters);
		(void)waitq_wake_all(&l->exchange);
	}
	spin_unlock(&holders);
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

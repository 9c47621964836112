/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock_remote.c - threads of other nodes at the locks of a set here: what lock_set.defs has as _lock_set_call.
 *
 * Such a thread is known by its port, which its call brings along and which it, or who has the right to it, alone has. As long as it
 * holds or waits there is a remote_holder for it, with a right to that port and a request to hear of its death, which makes what
 * it held unstable, as a thread's end does here. A call that must wait keeps no worker: it is a lock_wait, answered when it is over. A
 * caller that gives up (its reply port is dead) is passed over. One whose answer crosses with its abort holds the lock: lock_try() says.
 *
 * Invariants: R1 a remote_holder is on all, and its watch port stands for it, until nothing is held and nothing uses it; R2 a lock_wait
 *   is on one lock, or among answers, and has a reference to its set and a use of its holder.
 * Locking: holders, of lock_set.c. Key: [I] immutable, [h] holders.
 */
#include <ipc/ipc_port.h>
#include <ipc/ipc_space.h>
#include <kern/ipc_kobject.h>
#include <kern/kalloc.h>
#include <kern/late_answer.h>
#include <kern/lock_set_private.h>
#include <mach/mig_errors.h>
#include <mach/sync_policy.h>

struct remote_holder {
	struct list link;          /* [h] of all */
	struct ipc_port *thread;   /* [I] send right: who it is */
	struct ipc_port *watch;    /* [I] naked; hears of its death */
	struct ipc_request *death; /* [I] the request; gone if the thread's port died */
	struct list held;          /* [h] of ulock.held_link */
	uint32_t uses;             /* [h] calls under way, and waits */
	bool dead;                 /* [h] */
};

struct lock_wait {
	struct list link;          /* [h] of ulock.remote_waiters, or lock_after.answers */
	struct remote_holder *who;
	struct lock_set *set;
	struct lock_caller caller;
	kern_return_t result;      /* [h] once it is among answers */
};

static struct list all = LIST_INIT(all); /* [h] */

/* ---- who they are ---- */

static struct remote_holder *find_locked(const struct ipc_port *thread)
{
	LIST_FOR_EACH(pos, &all) {
		struct remote_holder *h = container_of(pos, struct remote_holder, link);

		if (h->thread == thread && !h->dead) {
			h->uses++;
			return h;
		}
	}
	return NULL;
}

static void holder_free(struct remote_holder *h)
{
	struct ipc_port *notify = IP_NULL;

	if (h->death != NULL) {
		ip_lock(h->thread);
		if (ip_active(h->thread))
			notify = ipc_port_request_cancel(h->thread, h->death);
		ip_unlock(h->thread);
	}
	if (notify != IP_NULL)
		ipc_port_release_sonce(notify);
	ipc_port_dealloc_special(h->watch);
	ipc_port_release_send(h->thread);
	kfree(h, sizeof(*h));
}

/* Free those that nothing needs any more, R1. Nothing locked. */
static void reap(void)
{
	struct list unused;

	list_init(&unused);
	spin_lock(&lock_set_holders);
	LIST_FOR_EACH_SAFE(pos, tmp, &all) {
		struct remote_holder *h = container_of(pos, struct remote_holder, link);

		if (h->uses == 0 && list_empty(&h->held)) {
			list_remove(pos);
			list_add_tail(&unused, pos);
		}
	}
	spin_unlock(&lock_set_holders);
	LIST_FOR_EACH_SAFE(pos, tmp, &unused)
		holder_free(container_of(pos, struct remote_holder, link));
}

/* With the request to hear of thread's death. NULL: no memory, or it is dead. */
static struct remote_holder *holder_alloc(struct ipc_port *thread)
{
	struct remote_holder *h = kalloc_zeroed(sizeof(*h));
	struct ipc_port *notify;

	if (h == NULL)
		return NULL;
	h->watch = ipc_port_alloc_special(ipc_space_kernel);
	if (h->watch == IP_NULL) {
		kfree(h, sizeof(*h));
		return NULL;
	}
	list_init(&h->held);
	h->uses = 1;
	h->thread = ipc_port_copy_send(thread); /* IP_DEAD if it is: then it is not active below */
	ipc_kobject_set(h->watch, h, IKOT_LOCK_HOLDER);
	notify = ipc_port_make_sonce(h->watch);
	ip_lock(thread);
	if (ip_active(thread))
		h->death = ipc_port_request_alloc(thread, NULL, MACH_PORT_DEAD, notify);
	ip_unlock(thread);
	if (h->death != NULL)
		return h;
	ipc_port_release_sonce(notify);
	holder_free(h);
	return NULL;
}

/* Its locks are unstable, and go to who waits; h is in use. Nothing locked. */
static void died(struct remote_holder *h)
{
	for (;;) {
		struct lock_after after;
		struct ulock *l;

		lock_after_init(&after);
		spin_lock(&lock_set_holders);
		h->dead = true;
		l = list_first(&h->held, struct ulock, held_link);
		if (l != NULL) {
			l->unstable = true;
			lock_pass_on(l, &after);
		}
		spin_unlock(&lock_set_holders);
		lock_after_run(&after);
		if (l == NULL)
			return;
	}
}

static void holder_done(struct remote_holder *h)
{
	spin_lock(&lock_set_holders);
	h->uses--;
	spin_unlock(&lock_set_holders);
	reap();
}

/* The one of that thread, in use; NULL as holder_alloc(). */
static struct remote_holder *holder_of(struct ipc_port *thread)
{
	struct remote_holder *h, *made;

	spin_lock(&lock_set_holders);
	h = find_locked(thread);
	spin_unlock(&lock_set_holders);
	if (h != NULL || (made = holder_alloc(thread)) == NULL)
		return h;
	spin_lock(&lock_set_holders);
	h = find_locked(thread); /* another call of it was first? */
	if (h == NULL)
		list_add_tail(&all, &made->link);
	spin_unlock(&lock_set_holders);
	if (h != NULL) {
		holder_free(made);
		return h;
	}
	if (!ip_active(thread)) /* since we asked: the notification found nothing here */
		died(made);
	return made;
}

void lock_holder_died(struct ipc_port *watch)
{
	struct remote_holder *h = NULL;

	spin_lock(&lock_set_holders);
	LIST_FOR_EACH(pos, &all)
		if (container_of(pos, struct remote_holder, link)->watch == watch) {
			h = container_of(pos, struct remote_holder, link);
			h->uses++;
			break;
		}
	spin_unlock(&lock_set_holders);
	if (h == NULL)
		return;
	if (!ip_active(h->thread)) /* anyone with a right could have said so */
		died(h);
	holder_done(h);
}

void lock_remote_init(void)
{
	ipc_kobject_dead_name_calls[IKOT_LOCK_HOLDER] = lock_holder_died;
}

/* ---- their waits ---- */

bool lock_wait_alive(const struct lock_wait *w)
{
	return !w->who->dead && ip_active(w->caller.reply);
}

void lock_wait_end(struct lock_wait *w, kern_return_t result, struct lock_after *a)
{
	list_remove(&w->link);
	w->result = result;
	list_add_tail(&a->answers, &w->link);
}

struct lock_wait *lock_wait_next(struct ulock *l, struct lock_after *a)
{
	while (!list_empty(&l->remote_waiters)) {
		struct lock_wait *w = list_first(&l->remote_waiters, struct lock_wait, link);

		list_remove(&w->link);
		if (lock_wait_alive(w))
			return w;
		lock_wait_end(w, KERN_ABORTED, a);
	}
	return NULL;
}

struct list *lock_wait_holder(const struct lock_wait *w)
{
	return &w->who->held;
}

static void wait_free(struct lock_wait *w)
{
	spin_lock(&lock_set_holders);
	w->who->uses--;
	spin_unlock(&lock_set_holders);
	lock_set_release(w->set);
	kfree(w, sizeof(*w));
}

void lock_waits_answer(struct list *answers)
{
	LIST_FOR_EACH_SAFE(pos, tmp, answers) {
		struct lock_wait *w = container_of(pos, struct lock_wait, link);

		late_answer(w->caller.reply, w->caller.id, w->result);
		wait_free(w);
	}
	if (!list_empty(&all)) /* a peek: who adds the last reaps after us */
		reap();
}

static struct lock_wait *wait_alloc(struct remote_holder *who, struct lock_set *set, struct lock_caller caller)
{
	struct lock_wait *w = kalloc_zeroed(sizeof(*w));

	if (w == NULL)
		return NULL;
	list_init(&w->link);
	atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
	spin_lock(&lock_set_holders);
	who->uses++;
	spin_unlock(&lock_set_holders);
	w->who = who;
	w->set = set;
	w->caller = caller;
	return w;
}

/* ---- the calls; holders is locked. MIG_NO_REPLY: w waits ---- */

static kern_return_t do_try(struct ulock *l, struct lock_wait *w, struct lock_after *a)
{
	if (l->holder != NULL)
		return l->holder == &w->who->held ? KERN_LOCK_OWNED_SELF : KERN_LOCK_OWNED;
	lock_hold(l, &w->who->held);
	return lock_held_now(l);
}

static kern_return_t do_acquire(struct ulock *l, struct lock_wait *w, struct lock_after *a)
{
	kern_return_t kr = do_try(l, w, a);

	if (kr != KERN_LOCK_OWNED)
		return kr;
	list_add_tail(&l->remote_waiters, &w->link);
	return MIG_NO_REPLY;
}

static kern_return_t do_release(struct ulock *l, struct lock_wait *w, struct lock_after *a)
{
	if (l->holder != &w->who->held)
		return KERN_INVALID_RIGHT;
	lock_pass_on(l, a);
	return KERN_SUCCESS;
}

static kern_return_t do_make_stable(struct ulock *l, struct lock_wait *w, struct lock_after *a)
{
	if (l->holder != &w->who->held)
		return KERN_INVALID_RIGHT;
	l->unstable = false;
	return KERN_SUCCESS;
}

static kern_return_t do_handoff(struct ulock *l, struct lock_wait *w, struct lock_after *a)
{
	if (l->holder != &w->who->held)
		return KERN_INVALID_RIGHT;
	if (lock_claim_taker(l, a))
		return KERN_SUCCESS;
	if (l->remote_giver != NULL) /* it asks again after an abort */
		lock_wait_end(l->remote_giver, KERN_ABORTED, a);
	l->remote_giver = w;
	return MIG_NO_REPLY;
}

static kern_return_t do_handoff_accept(struct ulock *l, struct lock_wait *w, struct lock_after *a)
{
	if (lock_has_taker(l, a))
		return KERN_ALREADY_WAITING;
	if (l->holder == &w->who->held)
		return KERN_LOCK_OWNED_SELF;
	if (lock_claim_giver(l, a)) {
		lock_hold(l, &w->who->held);
		return lock_held_now(l);
	}
	l->remote_taker = w;
	return MIG_NO_REPLY;
}

kern_return_t lock_remote_call(struct lock_set *set, int id, int operation, struct ipc_port *thread, struct lock_caller caller)
{
	static kern_return_t (*const operations[])(struct ulock *, struct lock_wait *, struct lock_after *) = {
		[LOCK_ACQUIRE] = do_acquire,   [LOCK_TRY] = do_try,         [LOCK_RELEASE] = do_release,
		[LOCK_STABLE] = do_make_stable, [LOCK_HANDOFF] = do_handoff, [LOCK_ACCEPT] = do_handoff_accept,
	};
	struct remote_holder *who;
	struct lock_after after;
	struct lock_wait *w;
	struct ulock *l;
	kern_return_t kr;

	if (set == NULL || operation < 0 || (unsigned)operation >= sizeof(operations) / sizeof(operations[0]))
		return KERN_INVALID_ARGUMENT;
	who = holder_of(thread);
	if (who == NULL)
		return ip_active(thread) ? KERN_RESOURCE_SHORTAGE : KERN_INVALID_CAPABILITY;
	w = wait_alloc(who, set, caller);
	lock_after_init(&after);
	kr = w == NULL ? KERN_RESOURCE_SHORTAGE : lock_begin(set, id, &l);
	if (kr == KERN_SUCCESS) {
		kr = who->dead ? KERN_INVALID_CAPABILITY : operations[operation](l, w, &after);
		spin_unlock(&lock_set_holders);
		lock_after_run(&after);
	}
	if (w != NULL && kr != MIG_NO_REPLY)
		wait_free(w);
	holder_done(who);
	return kr;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * semaphore.c - semaphores. Interface: semaphore.h.
 *
 * A thread of this node waits on the semaphore's wait queue, abortably (D6): nothing of the wait is left when it is aborted.
 * A call from another node must not keep a worker: it becomes a struct remote_wait, whose answer is sent when it
 * is signalled, times out or the semaphore goes. Threads go before those.
 *
 * Invariants: S1 count > 0 -> nobody waits; S2 a remote_wait is on its semaphore's list until who takes it off (a signal, the
 *   timer, the end) has the duty to answer it.
 * Locking: task lock -> nothing; semaphore lock -> a leaf but for run queues. Two semaphores: the second by trying. Key: [I] immutable,
 *   [a] atomic, [s] semaphore lock, [t] the owner's task lock.
 * References: OSF MK and XNU kernel interface, semaphore_*(3).
 */
#include <base/list.h>
#include <ipc/ipc_space.h>
#include <kern/clock.h>
#include <kern/ipc_kobject.h>
#include <kern/kalloc.h>
#include <kern/kworker.h>
#include <kern/late_answer.h>
#include <kern/semaphore.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <mach/mig_errors.h>
#include <mach/sync_policy.h>
#include <sched/wait.h>

struct semaphore {
	_Atomic uint32_t references; /* [a] */
	struct spinlock lock;
	bool active;                 /* [s] */
	int policy;                  /* [I] SYNC_POLICY_* */
	uint32_t count;              /* [s] signals that nobody has taken */
	struct waitq waiters;        /* [s] */
	struct list remote;          /* [s] of remote_wait.link */
	struct ipc_port *port;       /* [I] naked; dead with the semaphore */
	struct task *owner;          /* [I] not referenced: the semaphore ends with it */
	struct list owner_link;      /* [t] */
};

/* A wait of another node's thread. */
struct remote_wait {
	struct list link;            /* [s] */
	struct semaphore *semaphore; /* +1 */
	struct semaphore_caller caller;
	kern_return_t result;
	bool timed, waiting;         /* waiting [s]: on the list */
	struct timer timer;
	struct kwork work;
};

struct semaphore *convert_port_to_semaphore(struct ipc_port *port)
{
	struct semaphore *s = ipc_kobject_lock(port, IKOT_SEMAPHORE);

	if (s != NULL) {
		atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
		ip_unlock(port);
	}
	return s;
}

void semaphore_release(struct semaphore *s)
{
	if (s != NULL && atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) == 1)
		kfree(s, sizeof(*s));
}

kern_return_t semaphore_create(struct task *task, struct ipc_port **port, int policy, int value)
{
	struct semaphore *s;
	bool alive;

	if ((policy & ~SYNC_POLICY_ORDER_MASK) != 0 || policy == (SYNC_POLICY_FIXED_PRIORITY | SYNC_POLICY_REVERSED) || value < 0)
		return KERN_INVALID_ARGUMENT;
	s = kalloc_zeroed(sizeof(*s));
	if (s == NULL)
		return KERN_RESOURCE_SHORTAGE;
	s->port = ipc_port_alloc_special(ipc_space_kernel);
	if (s->port == NULL) {
		kfree(s, sizeof(*s));
		return KERN_RESOURCE_SHORTAGE;
	}
	atomic_store(&s->references, 1);
	spin_init(&s->lock, "semaphore");
	waitq_init(&s->waiters);
	list_init(&s->remote);
	s->active = true;
	s->policy = policy;
	s->count = (uint32_t)value;
	s->owner = task;
	*port = ipc_port_make_send(s->port);
	ipc_kobject_set(s->port, s, IKOT_SEMAPHORE);
	spin_lock(&task->lock);
	alive = task->active;
	if (alive)
		list_add_tail(&task->semaphores, &s->owner_link);
	spin_unlock(&task->lock);
	if (alive)
		return KERN_SUCCESS;
	ipc_port_release_send(*port);
	*port = IP_NULL;
	ipc_port_dealloc_special(s->port);
	semaphore_release(s);
	return KERN_TERMINATED;
}

/* ---- answers to other nodes ---- */

/* Whoever took w off its list: answer, and w goes. Nothing locked. */
static void remote_wait_answer(struct remote_wait *w, kern_return_t result)
{
	if (w->timed)
		(void)timer_cancel(&w->timer);
	late_answer(w->caller.reply, w->caller.id, result);
	semaphore_release(w->semaphore);
	kfree(w, sizeof(*w));
}

static void remote_wait_timed_out(struct kwork *work)
{
	struct remote_wait *w = container_of(work, struct remote_wait, work);

	w->timed = false; /* the timer has run */
	remote_wait_answer(w, KERN_OPERATION_TIMED_OUT);
}

static void remote_wait_timer(struct timer *timer)
{
	struct remote_wait *w = container_of(timer, struct remote_wait, timer);
	struct semaphore *s = w->semaphore;
	bool mine;

	spin_lock(&s->lock);
	mine = w->waiting;
	if (mine) {
		list_remove(&w->link);
		w->waiting = false;
	}
	spin_unlock(&s->lock);
	if (mine)
		kworker_submit(&w->work);
}

/* The first remote waiter that can still be told, off the list; NULL. s is locked; the dead go to list dead. */
static struct remote_wait *remote_wait_take(struct semaphore *s, struct list *dead)
{
	while (!list_empty(&s->remote)) {
		struct remote_wait *w = list_first(&s->remote, struct remote_wait, link);

		list_remove(&w->link);
		w->waiting = false;
		if (ip_active(w->caller.reply))
			return w;
		list_add_tail(dead, &w->link);
	}
	return NULL;
}

static void remote_waits_answer(struct list *list, kern_return_t result)
{
	LIST_FOR_EACH_SAFE(pos, tmp, list)
		remote_wait_answer(container_of(pos, struct remote_wait, link), result);
}

/* s, locked, has nothing for this caller: unlocks. */
static kern_return_t remote_wait_begin(struct semaphore *s, struct remote_wait *w, uint64_t deadline_ns)
{
	atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
	w->semaphore = s;
	w->waiting = true;
	list_add_tail(&s->remote, &w->link);
	if (w->timed)
		timer_arm(&w->timer, deadline_ns);
	spin_unlock(&s->lock);
	return MIG_NO_REPLY;
}

static struct remote_wait *remote_wait_alloc(struct semaphore_caller caller, bool timed)
{
	struct remote_wait *w = kalloc_zeroed(sizeof(*w));

	if (w == NULL)
		return NULL;
	w->caller = caller;
	w->timed = timed;
	timer_init(&w->timer, remote_wait_timer);
	kwork_init(&w->work, remote_wait_timed_out, false);
	return w;
}

/* ---- signals ---- */

/* Who goes next by the policy, claimed; NULL. s is locked. */
static struct thread *claim_next(struct semaphore *s)
{
	while (s->policy != SYNC_POLICY_FIFO) {
		struct thread *best = waitq_first_borrow(&s->waiters);

		if (best == NULL)
			return NULL;
		for (struct thread *t = waitq_next_borrow(&s->waiters, best); t != NULL; t = waitq_next_borrow(&s->waiters, t))
			if (s->policy == SYNC_POLICY_LIFO || t->priority > best->priority)
				best = t;
		if (waitq_claim_thread(&s->waiters, best))
			return best;
		/* A timeout or an abort had it: off, so that it is not found again; it unlinks itself from nothing. */
		list_remove(&best->wait_link);
		list_init(&best->wait_link);
	}
	return waitq_claim(&s->waiters);
}

/* One signal of s, locked: whom to let go, or to answer; with nobody, the count rises. */
static void signal_locked(struct semaphore *s, struct thread **thread, struct remote_wait **remote, struct list *dead)
{
	*remote = NULL;
	*thread = claim_next(s);
	if (*thread == NULL)
		*remote = remote_wait_take(s, dead);
	if (*thread == NULL && *remote == NULL)
		s->count++;
}

kern_return_t semaphore_signal(struct semaphore *s)
{
	struct remote_wait *remote = NULL;
	struct thread *thread = NULL;
	struct list dead;
	bool active;

	if (s == NULL)
		return KERN_INVALID_ARGUMENT;
	list_init(&dead);
	spin_lock(&s->lock);
	active = s->active;
	if (active)
		signal_locked(s, &thread, &remote, &dead);
	spin_unlock(&s->lock);
	if (thread != NULL)
		thread_go(thread);
	if (remote != NULL)
		remote_wait_answer(remote, KERN_SUCCESS);
	remote_waits_answer(&dead, KERN_SUCCESS);
	return active ? KERN_SUCCESS : KERN_TERMINATED;
}

kern_return_t semaphore_signal_all(struct semaphore *s)
{
	struct list remote;
	bool active;

	if (s == NULL)
		return KERN_INVALID_ARGUMENT;
	list_init(&remote);
	spin_lock(&s->lock);
	active = s->active;
	if (active) {
		(void)waitq_wake_all(&s->waiters);
		LIST_FOR_EACH(pos, &s->remote)
			container_of(pos, struct remote_wait, link)->waiting = false;
		list_splice_tail(&remote, &s->remote);
	}
	spin_unlock(&s->lock);
	remote_waits_answer(&remote, KERN_SUCCESS);
	return active ? KERN_SUCCESS : KERN_TERMINATED;
}

kern_return_t semaphore_signal_thread(struct semaphore *s, struct thread *thread)
{
	struct thread *claimed = NULL;
	bool active;

	if (s == NULL)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&s->lock);
	active = s->active;
	if (active && thread == NULL)
		claimed = claim_next(s);
	for (struct thread *t = active && thread != NULL ? waitq_first_borrow(&s->waiters) : NULL; t != NULL;
	     t = waitq_next_borrow(&s->waiters, t))
		if (t == thread) {
			if (waitq_claim_thread(&s->waiters, t))
				claimed = t;
			break;
		}
	spin_unlock(&s->lock);
	if (claimed != NULL)
		thread_go(claimed);
	if (!active)
		return KERN_TERMINATED;
	return claimed != NULL ? KERN_SUCCESS : KERN_NOT_WAITING;
}

/* ---- waits ---- */

/* Lock s and, if there is one, other. No order holds between two semaphores. */
static void lock_both(struct semaphore *s, struct semaphore *other)
{
	for (;;) {
		spin_lock(&s->lock);
		if (other == NULL || spin_trylock(&other->lock))
			return;
		spin_unlock(&s->lock);
		cpu_relax();
	}
}

/* s, locked, has nothing: the calling thread waits, and next runs. Unlocks. */
static kern_return_t wait_here(struct semaphore *s, uint64_t deadline_ns, struct thread *next)
{
	enum wait_result result = waitq_block_handoff(&s->waiters, &s->lock, WAIT_ABORTABLE, deadline_ns, next);
	bool active;

	if (result == WAIT_TIMED_OUT)
		return KERN_OPERATION_TIMED_OUT;
	if (result == WAIT_INTERRUPTED)
		return KERN_ABORTED;
	spin_lock(&s->lock);
	active = s->active;
	spin_unlock(&s->lock);
	return active ? KERN_SUCCESS : KERN_TERMINATED;
}

kern_return_t semaphore_wait(struct semaphore *s, struct semaphore *signal, const mach_timespec_t *time,
			     struct semaphore_caller caller)
{
	bool remote = caller.reply != IP_NULL, no_wait = time != NULL && time->tv_sec == 0 && time->tv_nsec == 0;
	struct remote_wait *answer = NULL, *mine = NULL;
	uint64_t deadline_ns = WAIT_FOREVER;
	struct thread *next = NULL;
	struct list dead;
	kern_return_t kr;

	if (s == NULL)
		return KERN_INVALID_ARGUMENT;
	if (time != NULL && BAD_MACH_TIMESPEC(time))
		return KERN_INVALID_VALUE;
	if (signal == s) { /* the signal is there before the wait begins */
		kr = semaphore_signal(s);
		if (kr != KERN_SUCCESS)
			return kr;
		signal = NULL;
	}
	if (time != NULL)
		deadline_ns = clock_now_ns() + time->tv_sec * NSEC_PER_SEC + (uint64_t)time->tv_nsec;
	if (remote && (mine = remote_wait_alloc(caller, time != NULL)) == NULL)
		return KERN_RESOURCE_SHORTAGE;
	list_init(&dead);
	lock_both(s, signal);
	kr = s->active && (signal == NULL || signal->active) ? KERN_SUCCESS : KERN_TERMINATED;
	if (kr == KERN_SUCCESS && signal != NULL)
		signal_locked(signal, &next, &answer, &dead);
	if (signal != NULL)
		spin_unlock(&signal->lock);
	if (kr == KERN_SUCCESS && s->count > 0) {
		s->count--;
	} else if (kr == KERN_SUCCESS && no_wait) {
		kr = KERN_OPERATION_TIMED_OUT;
	} else if (kr == KERN_SUCCESS && remote) {
		kr = remote_wait_begin(s, mine, deadline_ns);
		mine = NULL;
		goto unlocked;
	} else if (kr == KERN_SUCCESS) {
		if (answer == NULL && list_empty(&dead)) {
			kr = wait_here(s, deadline_ns, next);
			next = NULL;
			goto unlocked;
		}
		/* The answer is a message: it goes first, and what s gets meanwhile counts. */
		spin_unlock(&s->lock);
		if (answer != NULL)
			remote_wait_answer(answer, KERN_SUCCESS);
		remote_waits_answer(&dead, KERN_SUCCESS);
		return semaphore_wait(s, NULL, time, caller);
	}
	spin_unlock(&s->lock);
unlocked:
	if (next != NULL)
		thread_go(next);
	if (answer != NULL)
		remote_wait_answer(answer, KERN_SUCCESS);
	remote_waits_answer(&dead, KERN_SUCCESS);
	if (mine != NULL)
		kfree(mine, sizeof(*mine));
	return kr;
}

/* ---- the end ---- */

/* s, off its owner's list, ends: the list's reference goes. */
static void semaphore_end(struct semaphore *s)
{
	struct list remote;

	ipc_port_dealloc_special(s->port);
	list_init(&remote);
	spin_lock(&s->lock);
	s->active = false;
	(void)waitq_wake_all(&s->waiters);
	LIST_FOR_EACH(pos, &s->remote)
		container_of(pos, struct remote_wait, link)->waiting = false;
	list_splice_tail(&remote, &s->remote);
	spin_unlock(&s->lock);
	remote_waits_answer(&remote, KERN_TERMINATED);
	semaphore_release(s);
}

kern_return_t semaphore_destroy(struct task *task, struct semaphore *s)
{
	bool mine = false;

	if (s == NULL || s->owner != task)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&task->lock);
	LIST_FOR_EACH(pos, &task->semaphores)
		if (pos == &s->owner_link) {
			mine = true;
			list_remove(pos);
			break;
		}
	spin_unlock(&task->lock);
	if (!mine)
		return KERN_TERMINATED;
	semaphore_end(s);
	return KERN_SUCCESS;
}

void semaphore_task_exit(struct task *task)
{
	for (;;) {
		struct semaphore *s;

		spin_lock(&task->lock);
		s = list_first(&task->semaphores, struct semaphore, owner_link);
		if (s != NULL)
			list_remove(&s->owner_link);
		spin_unlock(&task->lock);
		if (s == NULL)
			return;
		semaphore_end(s);
	}
}

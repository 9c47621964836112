/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kworker.c - the pool of kernel worker threads.
 *
 * Locking: pool.lock (leaf). Key: [p] pool.lock.
 */
#include <kern/assert.h>
#include <kern/kworker.h>
#include <kern/lock.h>
#include <kern/thread.h>
#include <sched/sched.h>

static struct {
	struct spinlock lock;
	struct list normal;      /* [p] of kwork.link */
	struct list urgent;      /* [p] */
	struct list calls;       /* [p] that are not urgent */
	struct waitq idle;       /* [p] */
	struct waitq idle_urgent; /* [p] the reserved thread's */
	struct waitq grower_idle; /* [p] */
	unsigned threads;        /* [p] */
	unsigned busy;           /* [p] */
	unsigned calling;        /* [p] of calls */
} pool;

/* w, off its list. */
static void run_locked(struct kwork *w)
{
	bool counted = w->call && !w->urgent;

	pool.calling += counted;
	spin_unlock(&pool.lock);
	w->fn(w);
	spin_lock(&pool.lock);
	pool.calling -= counted;
}

/* What is not urgent, and may be begun. */
static struct list *ready_locked(void)
{
	if (!list_empty(&pool.normal))
		return &pool.normal;
	return pool.calling < KWORKER_CALLS_MAX ? &pool.calls : &pool.normal;
}

static struct kwork *take_locked(struct list *queue)
{
	struct kwork *w = list_empty(queue) ? NULL : list_first(queue, struct kwork, link);

	if (w != NULL)
		list_remove(&w->link);
	return w;
}

static void worker_loop(void *unused)
{
	struct kwork *w;

	spin_lock(&pool.lock);
	for (;;) {
		while ((w = take_locked(list_empty(&pool.urgent) ? ready_locked() : &pool.urgent)) != NULL) {
			pool.busy++;
			run_locked(w);
			pool.busy--;
		}
		(void)waitq_block(&pool.idle, &pool.lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
		spin_lock(&pool.lock);
	}
}

static void reserved_loop(void *unused)
{
	struct kwork *w;

	current_thread()->vm_privilege = true; /* what it does frees memory */
	spin_lock(&pool.lock);
	for (;;) {
		while ((w = take_locked(&pool.urgent)) != NULL)
			run_locked(w);
		(void)waitq_block(&pool.idle_urgent, &pool.lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
		spin_lock(&pool.lock);
	}
}

/* Makes threads in thread context, since submit may be called in any. */
static void grower_loop(void *unused)
{
	spin_lock(&pool.lock);
	for (;;) {
		while (!list_empty(ready_locked()) && pool.busy == pool.threads && pool.threads < KWORKER_MAX) {
			pool.threads++;
			spin_unlock(&pool.lock);
			thread_deallocate(kernel_thread_start("kworker", SCHED_PRIORITY_KERNEL,
							      worker_loop, NULL));
			spin_lock(&pool.lock);
		}
		(void)waitq_block(&pool.grower_idle, &pool.lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
		spin_lock(&pool.lock);
	}
}

void kworker_submit(struct kwork *w)
{
	struct thread *worker = NULL;

	spin_lock(&pool.lock);
	list_add_tail(w->urgent ? &pool.urgent : w->call ? &pool.calls : &pool.normal, &w->link);
	worker = waitq_claim(&pool.idle);
	if (worker == NULL)
		worker = waitq_claim(w->urgent ? &pool.idle_urgent : &pool.grower_idle);
	spin_unlock(&pool.lock);
	if (worker != NULL)
		thread_go(worker);
}

void kworker_init(void)
{
	spin_init(&pool.lock, "kworker pool");
	list_init(&pool.normal);
	list_init(&pool.urgent);
	list_init(&pool.calls);
	waitq_init(&pool.idle);
	waitq_init(&pool.idle_urgent);
	waitq_init(&pool.grower_idle);
	pool.threads = 1;
	thread_deallocate(kernel_thread_start("kworker", SCHED_PRIORITY_KERNEL, worker_loop, NULL));
	thread_deallocate(kernel_thread_start("kworker-reserved", SCHED_PRIORITY_KERNEL + 1,
					      reserved_loop, NULL));
	thread_deallocate(kernel_thread_start("kworker-grower", SCHED_PRIORITY_KERNEL, grower_loop, NULL));
}

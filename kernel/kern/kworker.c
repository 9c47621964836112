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
	struct waitq idle;       /* [p] */
	struct waitq idle_urgent; /* [p] the reserved thread's */
	struct waitq grower_idle; /* [p] */
	unsigned threads;        /* [p] */
	unsigned busy;           /* [p] */
} pool;

static void run_locked(struct list *queue)
{
	struct kwork *w = list_first(queue, struct kwork, link);

	list_remove(&w->link);
	spin_unlock(&pool.lock);
	w->fn(w);
	spin_lock(&pool.lock);
}

static void worker_loop(void *unused)
{
	spin_lock(&pool.lock);
	for (;;) {
		while (!list_empty(&pool.urgent) || !list_empty(&pool.normal)) {
			pool.busy++;
			run_locked(list_empty(&pool.urgent) ? &pool.normal : &pool.urgent);
			pool.busy--;
		}
		(void)waitq_block(&pool.idle, &pool.lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
		spin_lock(&pool.lock);
	}
}

static void reserved_loop(void *unused)
{
	current_thread()->vm_privilege = true; /* what it does frees memory */
	spin_lock(&pool.lock);
	for (;;) {
		while (!list_empty(&pool.urgent))
			run_locked(&pool.urgent);
		(void)waitq_block(&pool.idle_urgent, &pool.lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
		spin_lock(&pool.lock);
	}
}

/* Makes threads in thread context, since submit may be called in any. */
static void grower_loop(void *unused)
{
	spin_lock(&pool.lock);
	for (;;) {
		while (!list_empty(&pool.normal) && pool.busy == pool.threads &&
		       pool.threads < KWORKER_MAX) {
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
	list_add_tail(w->urgent ? &pool.urgent : &pool.normal, &w->link);
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
	waitq_init(&pool.idle);
	waitq_init(&pool.idle_urgent);
	waitq_init(&pool.grower_idle);
	pool.threads = 1;
	thread_deallocate(kernel_thread_start("kworker", SCHED_PRIORITY_KERNEL, worker_loop, NULL));
	thread_deallocate(kernel_thread_start("kworker-reserved", SCHED_PRIORITY_KERNEL + 1,
					      reserved_loop, NULL));
	thread_deallocate(kernel_thread_start("kworker-grower", SCHED_PRIORITY_KERNEL, grower_loop, NULL));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.c - host double of threads, clock and timers.
 *
 * Interface: <host/host.h> threads, <kern/clock.h>, thread_reference/deallocate/abort.
 * Invariants: H1 a struct thread lives until its pthread is joined and its last reference is dropped.
 */
#include <base/list.h>
#include <host/host.h>
#include <pthread.h>
#include <sched.h>
#include <sched/donate.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sleeper.h"

_Thread_local struct cpu host_cpu;
uint32_t cpu_count = 1;

void host_relax(void)
{
	sched_yield();
}

struct start {
	struct thread *thread;
	void (*fn)(void *);
	void *arg;
};

void cpu_send_ipi(uint32_t cpu, enum cpu_ipi what)
{
	(void)cpu;
	(void)what;
}

static void host_thread_set_task(struct thread *t, struct task *task)
{
	t->task = task;
	t->ipc.space = task ? task->ipc.space : NULL;
}

static _Atomic uint64_t next_tid = 1;

static struct thread *thread_new(struct task *task)
{
	struct thread *t = calloc(1, sizeof *t);
	struct host_sleeper *s = calloc(1, sizeof *s);
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	t->machine.sleeper = s;
	host_thread_set_task(t, task);
	t->references = 1;
	t->active = true;
	t->run_state = THREAD_RUNNING;
	t->bound_cpu = -1;
	t->tid = atomic_fetch_add(&next_tid, 1);
	t->priority = t->lend_priority = t->sched.base_priority = SCHED_PRIORITY_USER;
	t->promotion_deadline_ns = UINT64_MAX;
	donate_init_thread(t, t->tid);
	spin_init(&t->lock, "thread");
	waitq_init(&t->stop_wait);
	list_init(&t->wait_link);
	list_init(&t->run_link);
	list_init(&t->task_link);
	return t;
}

/* Threads' memory stays threads' memory, as in the kernel (zone_keep): ended ones are kept here. */
static struct thread *_Atomic ended;

static void thread_free(struct thread *t)
{
	struct thread *before = atomic_load(&ended);

	donate_end_thread(t);
	pthread_mutex_destroy(&t->machine.sleeper->lock);
	pthread_cond_destroy(&t->machine.sleeper->wake);
	free(t->machine.sleeper);
	do
		t->start_arg = before;
	while (!atomic_compare_exchange_weak(&ended, &before, t));
}

/* The first thread's struct is never freed by a join. */
static struct thread *adopted;

static void free_adopted(void)
{
	if (adopted)
		thread_free(adopted);
}

struct thread *host_current_thread(void)
{
	if (!host_cpu.current) {
		host_cpu.self = &host_cpu;
		host_cpu.irq_on = true;
		host_cpu.current = thread_new(NULL);
		host_cpu.current->machine.sleeper->pthread = pthread_self();
		if (!adopted) {
			adopted = host_cpu.current;
			atexit(free_adopted);
		}
	}
	return host_cpu.current;
}

static void *thread_main(void *arg)
{
	struct start s = *(struct start *)arg;

	free(arg);
	host_cpu.self = &host_cpu;
	host_cpu.irq_on = true;
	host_cpu.current = s.thread;
	s.fn(s.arg);
	VERIFY(host_cpu.irq_depth == 0);
	return NULL;
}

struct thread *host_thread_start(struct task *task, void (*fn)(void *), void *arg)
{
	struct start *s = malloc(sizeof *s);
	struct thread *t = thread_new(task);

	t->references = 2;
	*s = (struct start){ t, fn, arg };
	if (pthread_create(&t->machine.sleeper->pthread, NULL, thread_main, s) != 0)
		abort();
	return t;
}

void host_thread_join(struct thread *t)
{
	pthread_join(t->machine.sleeper->pthread, NULL);
	thread_deallocate(t);
	thread_deallocate(t);
}

struct task *host_become(struct task *task)
{
	struct task *before = current_thread()->task;

	host_thread_set_task(current_thread(), task);
	return before;
}

void host_sleep_ms(unsigned ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

void host_wait_until_blocked(struct thread *t)
{
	for (;;) {
		uint32_t claim = atomic_load(&t->claim);

		if (claim == CLAIM_OPEN || claim == CLAIM_OPEN_HARD)
			return;
		sched_yield();
	}
}

void thread_reference(struct thread *t)
{
	atomic_fetch_add(&t->references, 1);
}

void thread_deallocate(struct thread *t)
{
	if (atomic_fetch_sub(&t->references, 1) == 1)
		thread_free(t);
}

uint64_t machine_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t clock_now_ns(void)
{
	return machine_now_ns();
}

static struct timer_heap timers;
static pthread_mutex_t timer_lock = PTHREAD_MUTEX_INITIALIZER;

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	*t = (struct timer){ .fn = fn };
}

void timer_arm(struct timer *t, uint64_t deadline_ns)
{
	(void)timer_cancel(t);
	pthread_mutex_lock(&timer_lock);
	t->node.deadline_ns = deadline_ns;
	t->armed = true;
	timer_heap_put(&timers, &t->node);
	pthread_mutex_unlock(&timer_lock);
}

bool timer_cancel(struct timer *t)
{
	bool was;

	pthread_mutex_lock(&timer_lock);
	was = t->armed;
	t->armed = false;
	if (was)
		timer_heap_take(&timers, &t->node);
	pthread_mutex_unlock(&timer_lock);
	return was;
}

bool timer_cancel_try(struct timer *t)
{
	return timer_cancel(t);
}

unsigned host_timers_run(uint64_t now_ns)
{
	unsigned ran = 0;

	for (;;) {
		struct timer *due = NULL;

		pthread_mutex_lock(&timer_lock);
		if (timers.root != NULL && timers.root->deadline_ns <= now_ns) {
			due = container_of(timers.root, struct timer, node);
			timer_heap_take(&timers, &due->node);
			due->armed = false;
		}
		pthread_mutex_unlock(&timer_lock);
		if (!due)
			return ran;
		due->fn(due);
		ran++;
	}
}

/* Priorities are numbers here: no run queue looks at them. */
struct worth sched_own_worth(const struct thread *t)
{
	return (struct worth){ t->sched.base_priority,
			       t->sched.mode == SCHED_REALTIME ? t->sched.rt.deadline_ns : UINT64_MAX };
}

void sched_promote(struct thread *t, struct worth best)
{
	t->promotion = best.priority;
	t->promotion_deadline_ns = best.deadline_ns;
	t->priority = best.priority > t->sched.base_priority ? best.priority : t->sched.base_priority;
}

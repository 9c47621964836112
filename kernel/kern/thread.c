/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.c - creation, suspension, abort and end of threads.
 *
 * Suspension stops a thread at its trap boundary: AST_STOP makes it wait in ast_taken(), where its user
 * registers are in its frame. A thread that waits in the kernel is as good as stopped: it passes
 * ast_taken() before any user instruction. Abort ends an abortable wait (design D6).
 *
 * References: a thread holds one on itself while it is not dead (dropped by the reaper), one on its
 *   task; the task's list holds none.
 * Locking: task lock -> thread lock -> run queue lock.
 */
#include <ddb/trace.h>
#include <base/string.h>
#include <ipc/ipc_tt.h>
#include <kern/assert.h>
#include <kern/exception_port.h>
#include <kern/kalloc.h>
#include <kern/lock_set.h>
#include <kern/pc_sample.h>
#include <kern/printf.h>
#include <kern/restartable.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <machine/trap.h>
#include <personality/linux.h>
#include <sched/donate.h>
#include <sched/processor_set.h>
#include <sched/processor.h>
#include <sched/sched.h>
#include <sched/sched_policy.h>

static struct zone *thread_zone;
static _Atomic uint64_t next_tid = 1;

/* The dead, on their way to the reaper. */
static struct {
	struct spinlock lock;
	struct list dead; /* of thread.run_link */
	struct waitq idle;
} reaper = { SPINLOCK_INIT("reaper"), LIST_INIT(reaper.dead), { LIST_INIT(reaper.idle.threads) } };

static void reaper_loop(void *unused)
{
	current_thread()->vm_privilege = true;
	for (;;) {
		struct thread *t;

		spin_lock(&reaper.lock);
		t = list_first(&reaper.dead, struct thread, run_link);
		if (t == NULL) {
			(void)waitq_block(&reaper.idle, &reaper.lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
			continue;
		}
		list_remove(&t->run_link);
		spin_unlock(&reaper.lock);
		thread_deallocate(t);
	}
}

void thread_reap(struct thread *t)
{
	spin_lock(&reaper.lock);
	list_add_tail(&reaper.dead, &t->run_link);
	(void)waitq_wake_one(&reaper.idle);
	spin_unlock(&reaper.lock);
}

void thread_init(void)
{
	/* Each within a page: a switch touches most of it, and a page more costs a refill of the translation cache. */
	thread_zone = zone_create("thread", sizeof(struct thread), 2048);
	zone_keep(thread_zone); /* sched/donate.h looks at threads that may have ended */
}

/* After the scheduler runs: the first thing that needs it. */
void thread_start_reaper(void)
{
	thread_deallocate(kernel_thread_start("reaper", SCHED_PRIORITY_KERNEL, reaper_loop, NULL));
}

void thread_charge(struct thread *old, struct thread *next, uint64_t now_ns)
{
	struct cpu *cpu = this_cpu();

	cpu->system_ns += now_ns - cpu->stamp_ns;
	cpu->stamp_ns = now_ns;
	old->switched_out_ns = now_ns;
	old->user_ns += cpu->user_ns - old->user_mark_ns;
	old->system_ns += cpu->system_ns - old->system_mark_ns;
	next->user_mark_ns = cpu->user_ns;
	next->system_mark_ns = cpu->system_ns;
}

void thread_times(struct thread *t, uint64_t *user_ns, uint64_t *system_ns)
{
	uint64_t now = clock_now_ns(), since = t->switched_in_ns;
	struct cpu *cpu = cpu_by_id(t->cpu);

	*user_ns = t->user_ns;
	*system_ns = t->system_ns;
	/*
	 * What it has had since it got its CPU, in the proportion of that CPU's account. A reader's race gives a little less. (An idle
	 * thread is always runnable: only its CPU knows whether it runs.)
	 */
	if (cpu->current == t && now > since) {
		uint64_t user = cpu->user_ns - t->user_mark_ns;

		if (t == current_thread() || user <= now - since) {
			*user_ns += user < now - since ? user : now - since;
			*system_ns += user < now - since ? now - since - user : 0;
		}
	}
}

/* Where every thread begins, on its own stack. */
static void thread_begin(void *self)
{
	struct thread *t = self;

	sched_begin(t->start != NULL);
	if (t->start == NULL) {
		machine_user_entry(NULL);
	} else {
		t->start(t->start_arg);
		thread_exit_self();
	}
}

/* Returns a thread with one reference for its life and one for the caller, in no task's list yet. */
static struct thread *thread_alloc(struct task *task, void (*start)(void *), void *arg)
{
	struct thread *t = zone_alloc_zeroed(thread_zone);

	if (t == NULL)
		return NULL;
	t->start = start;
	t->start_arg = arg;
	if (machine_thread_init(t, thread_begin, t) != KERN_SUCCESS)
		goto fail_zone;
	if (ipc_thread_init(t) != KERN_SUCCESS)
		goto fail_machine;
	t->task = task;
	atomic_store(&t->references, 2);
	spin_init(&t->lock, "thread");
	waitq_init(&t->stop_wait);
	list_init(&t->task_link);
	list_init(&t->held_locks);
	thread_wait_init(t);
	t->active = true;
	t->suspend_count = 1;
	t->tid = atomic_fetch_add(&next_tid, 1);
	sched_init_thread(t);
	task_reference(task);
	return t;

fail_machine:
	machine_thread_destroy(t);
fail_zone:
	zone_free(thread_zone, t);
	return NULL;
}

static void thread_free(struct thread *t)
{
	struct task *task = t->task;

	machine_thread_destroy(t);
	zone_free(thread_zone, t);
	task_deallocate(task);
}

kern_return_t thread_create(struct task *task, struct thread **out)
{
	struct thread *t = thread_alloc(task, NULL, NULL);

	*out = NULL;
	if (t == NULL)
		return KERN_RESOURCE_SHORTAGE;
	ipc_thread_enable(t); /* once it is the task's, whoever ends the task may end it */
	spin_lock(&task->lock);
	if (!task->active) {
		spin_unlock(&task->lock);
		ipc_thread_terminate(t);
		sched_end_thread(t);
		thread_free(t);
		return KERN_TERMINATED;
	}
	TRACE2(THREAD_START, t->tid, task->id);
	list_add_tail(&task->threads, &t->task_link);
	task->thread_count++;
	pset_thread_begin(t, task);
	pc_sample_thread_begin(t, task);
	machine_thread_inherit(t, &task->machine);
	memcpy(t->name, task->name, sizeof(t->name));
	if (atomic_load(&task->suspend_count) != 0)
		atomic_fetch_or(&t->ast, AST_STOP);
	spin_unlock(&task->lock);
	*out = t;
	return KERN_SUCCESS;
}

struct thread *kernel_thread_start(const char *name, uint32_t priority, void (*fn)(void *), void *arg)
{
	struct thread *t = thread_alloc(kernel_task, fn, arg);

	if (t == NULL)
		panic("no memory for kernel thread %s", name);
	ksnprintf(t->name, sizeof(t->name), "%s", name);
	t->priority = t->lend_priority = t->sched.base_priority = priority;
	t->sched.mode = SCHED_RR;
	spin_lock(&kernel_task->lock);
	list_add_tail(&kernel_task->threads, &t->task_link);
	kernel_task->thread_count++;
	pset_thread_begin(t, kernel_task);
	spin_unlock(&kernel_task->lock);
	(void)thread_resume(t);
	return t;
}

void thread_reference(struct thread *t)
{
	atomic_fetch_add_explicit(&t->references, 1, memory_order_relaxed);
}

void thread_deallocate(struct thread *t)
{
	if (atomic_fetch_sub_explicit(&t->references, 1, memory_order_acq_rel) == 1) {
		VERIFY(atomic_load(&t->run_state) == THREAD_DEAD);
		thread_free(t);
	}
}

static bool thread_stopped_locked(struct thread *t)
{
	spin_assert_held(&t->lock);
	return t->active && (t->suspend_count != 0 || atomic_load(&t->task->suspend_count) != 0 || thread_has_no_cpu(t));
}

void thread_run_if_allowed(struct thread *t)
{
	spin_lock(&t->lock);
	if (!thread_stopped_locked(t)) {
		if (atomic_load(&t->run_state) == THREAD_CREATED) {
			atomic_store(&t->run_state, THREAD_BLOCKED);
			thread_go(t);
		} else {
			(void)waitq_wake_all(&t->stop_wait);
		}
	}
	spin_unlock(&t->lock);
}

kern_return_t thread_suspend(struct thread *t)
{
	spin_lock(&t->lock);
	if (!t->active) {
		spin_unlock(&t->lock);
		return KERN_TERMINATED;
	}
	t->suspend_count++;
	atomic_fetch_or(&t->ast, AST_STOP);
	spin_unlock(&t->lock);
	if (thread_wait_stopped(t))
		return KERN_SUCCESS;
	(void)thread_resume(t);
	return KERN_ABORTED;
}

kern_return_t thread_resume(struct thread *t)
{
	spin_lock(&t->lock);
	if (!t->active || t->suspend_count == 0) {
		kern_return_t kr = t->active ? KERN_FAILURE : KERN_TERMINATED;

		spin_unlock(&t->lock);
		return kr;
	}
	t->suspend_count--;
	spin_unlock(&t->lock);
	thread_run_if_allowed(t);
	return KERN_SUCCESS;
}

static bool runs(struct thread *t)
{
	uint32_t state = atomic_load(&t->run_state);

	return state == THREAD_RUNNING || state == THREAD_RUNNABLE;
}

bool thread_wait_stopped(struct thread *t)
{
	while (t != current_thread() && runs(t)) {
		sched_poke(t);
		if (!thread_sleep_abortable(50000))
			return false;
	}
	return true;
}

static enum wait_result sleep_on_nothing(uint64_t ns, enum wait_flags flags)
{
	struct spinlock lock = SPINLOCK_INIT("sleep");
	struct waitq never;

	waitq_init(&never);
	spin_lock(&lock);
	return waitq_block(&never, &lock, flags, clock_now_ns() + ns);
}

void thread_sleep_ns(uint64_t ns)
{
	(void)sleep_on_nothing(ns, WAIT_UNINTERRUPTIBLE);
}

bool thread_sleep_abortable(uint64_t ns)
{
	return sleep_on_nothing(ns, WAIT_ABORTABLE) == WAIT_TIMED_OUT;
}

kern_return_t thread_abort(struct thread *t)
{
	spin_lock(&t->lock);
	if (!t->active) {
		spin_unlock(&t->lock);
		return KERN_TERMINATED;
	}
	atomic_fetch_or(&t->ast, AST_ABORT);
	spin_unlock(&t->lock);
	(void)thread_wait_abort(t);
	return KERN_SUCCESS;
}

kern_return_t thread_abort_safely(struct thread *t)
{
	if (atomic_load(&t->claim) == CLAIM_OPEN_HARD)
		return KERN_FAILURE;
	return thread_abort(t);
}

kern_return_t thread_terminate(struct thread *t)
{
	if (t->task == kernel_task)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&t->lock);
	if (!t->active) {
		spin_unlock(&t->lock);
		return KERN_TERMINATED;
	}
	t->active = false;
	atomic_fetch_or(&t->ast, AST_TERMINATE);
	spin_unlock(&t->lock);
	ipc_thread_disable(t);
	(void)thread_wait_abort(t);
	thread_run_if_allowed(t);
	sched_policy_rescue(t);
	sched_poke(t);
	return KERN_SUCCESS;
}

void thread_exit_self(void)
{
	struct thread *t = current_thread();
	struct task *task = t->task;
	bool last;

	TRACE1(THREAD_END, current_thread()->tid);
	cpu_irq_enable(); /* it may be long: with a task's last thread go its rights and its memory */
	spin_lock(&t->lock);
	t->active = false;
	spin_unlock(&t->lock);
	linux_thread_exit(t);
	lock_set_thread_exit(t);
	pc_sample_thread_end(t);
	ipc_thread_disable(t);
	ipc_thread_terminate(t);
	spin_lock(&task->lock);
	list_remove(&t->task_link);
	last = --task->thread_count == 0 && !task->active;
	task_events_add(&task->dead_events, &t->events);
	task->dead_user_ns += t->user_ns;
	task->dead_system_ns += t->system_ns;
	spin_unlock(&task->lock);
	if (last)
		task_finish(task);
	sched_end_thread(t);
	sched_exit();
}

void ast_taken(struct trap_frame *frame)
{
	struct thread *t = current_thread();

	for (;;) {
		uint32_t ast = atomic_load(&t->ast);

		if (ast == 0)
			return;
		if ((ast & AST_TERMINATE) != 0)
			thread_exit_self();
		atomic_fetch_and(&t->ast, ~(uint32_t)(AST_PREEMPT | AST_QUANTUM | AST_ABORT | AST_DONATION | AST_SAMPLE | AST_RESTART));
		if ((ast & AST_DONATION) != 0)
			donate_return(t);
		if ((ast & AST_STOP) != 0) {
			spin_lock(&t->lock);
			if (thread_stopped_locked(t)) {
				(void)waitq_block(&t->stop_wait, &t->lock, WAIT_ABORTABLE, WAIT_FOREVER);
				machine_thread_stopped(t);
				continue;
			}
			atomic_fetch_and(&t->ast, ~(uint32_t)AST_STOP);
			spin_unlock(&t->lock);
		}
		if ((ast & AST_GUARD) != 0) {
			atomic_fetch_and(&t->ast, ~(uint32_t)AST_GUARD);
			cpu_irq_enable();
			exception_guard();
			cpu_irq_disable();
		}
		if ((ast & AST_RESOURCE) != 0) {
			atomic_fetch_and(&t->ast, ~(uint32_t)AST_RESOURCE);
			cpu_irq_enable();
			exception_resource();
			cpu_irq_disable();
		}
		if ((ast & AST_SAMPLE) != 0) {
			cpu_irq_enable();
			pc_sample_tick(frame->rip);
			cpu_irq_disable();
		}
		if ((ast & AST_RESTART) != 0)
			frame->rip = restartable_after_request(t->task, frame->rip);
		if ((ast & AST_PREEMPT) != 0)
			(void)sched_preempt(ast);
	}
}

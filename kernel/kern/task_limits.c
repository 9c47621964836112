/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task_limits.c - limits of a task's memory and processor time. Interface: task_limits.h.
 *
 * Memory: a fault that finds more pages mapped than ever before (or than the limit) comes here; so the limit costs nothing until it
 *   is near. Processor time: a timer for each task that is watched; its interrupt leaves the sums to a kernel worker, which arms it again.
 *   Who crossed a limit owes the exception, and raises it at its trap boundary.
 *
 * Invariants: R1 a monitor has one reference of its task's, and one of its timer or work, of which there is one at a time.
 * Locking: task lock -> thread lock. Key: [I] immutable, [a] atomic, [t] task lock, [m] the monitor's lock.
 * References: XNU's kern/exc_resource.h; its proc_set_cpumon_params, here a call on the task.
 */
#include <kern/clock.h>
#include <kern/exception_port.h>
#include <kern/kalloc.h>
#include <kern/kworker.h>
#include <kern/task.h>
#include <kern/task_info.h>
#include <kern/task_limits.h>
#include <kern/thread.h>
#include <mach/exc_resource.h>
#include <mach/exception_types.h>
#include <sched/sched.h>
#include <vm/vm_map.h>

#define MIB_PAGES ((1UL << 20) / PAGE_SIZE)
#define INTERVAL_MIN_MS 10
#define INTERVAL_MAX_MS (24 * 3600 * 1000)
#define PERCENT_MAX 100 /* of one processor */
#define PERCENT_CODED_MAX 127

struct cpu_monitor {
	struct spinlock lock;
	_Atomic uint32_t references; /* [a] R1 */
	struct task *task;           /* [I] +1 */
	int percentage, interval_ms; /* [I] */
	bool ended;                  /* [m] */
	uint64_t used_ns, since_ns;  /* of the worker: as of the interval's begin */
	struct timer timer;          /* [m] */
	struct kwork work;
};

static uint64_t code_of(uint64_t type, uint64_t flavor, uint64_t rest)
{
	return type << 61 | flavor << 58 | rest;
}

/* t owes the exception; what it owes already comes first. */
static void owe(struct thread *t, uint64_t code, uint64_t subcode)
{
	spin_lock(&t->lock);
	if (t->active && t->resource_code == 0) {
		t->resource_code = code;
		t->resource_subcode = subcode;
		atomic_fetch_or(&t->ast, AST_RESOURCE);
	}
	spin_unlock(&t->lock);
	if (t != current_thread())
		sched_poke(t);
}

void exception_resource(void)
{
	struct thread *t = current_thread();
	uint64_t code, subcode;

	spin_lock(&t->lock);
	code = t->resource_code;
	subcode = t->resource_subcode;
	t->resource_code = 0;
	spin_unlock(&t->lock);
	if (code != 0)
		(void)exception_port_ask(EXC_RESOURCE, (int64_t)code, (int64_t)subcode);
}

/* ---- memory ---- */

/* The task lock is held. */
static void set_notice_locked(struct task_limits *l)
{
	uint64_t peak = atomic_load(&l->resident_peak);

	atomic_store(&l->notice, l->footprint != 0 && !l->footprint_told && l->footprint < peak ? l->footprint : peak);
}

void task_resident_rose(struct task *task, uint64_t pages)
{
	struct task_limits *l = &task->limits;
	uint64_t limit = 0;

	spin_lock(&task->lock);
	if (pages > atomic_load(&l->resident_peak))
		atomic_store(&l->resident_peak, pages);
	if (l->footprint != 0 && !l->footprint_told && pages > l->footprint) {
		l->footprint_told = true;
		limit = l->footprint;
	}
	set_notice_locked(l);
	spin_unlock(&task->lock);
	if (limit != 0)
		owe(current_thread(), code_of(RESOURCE_TYPE_MEMORY, FLAVOR_HIGH_WATERMARK, limit / MIB_PAGES & 0x1fff), 0);
}

kern_return_t task_call_set_phys_footprint_limit(struct task *task, int new_limit, int *old_limit)
{
	struct task_limits *l;

	if (task == NULL)
		return KERN_INVALID_TASK;
	if (new_limit == 0 || new_limit < -1)
		return KERN_INVALID_ARGUMENT;
	l = &task->limits;
	spin_lock(&task->lock);
	*old_limit = l->footprint == 0 ? -1 : (int)(l->footprint / MIB_PAGES);
	l->footprint = new_limit == -1 ? 0 : (uint64_t)new_limit * MIB_PAGES;
	l->footprint_told = false;
	set_notice_locked(l);
	spin_unlock(&task->lock);
	return KERN_SUCCESS;
}

/* ---- processor time ---- */

static void monitor_release(struct cpu_monitor *m)
{
	if (atomic_fetch_sub_explicit(&m->references, 1, memory_order_acq_rel) != 1)
		return;
	task_deallocate(m->task);
	kfree(m, sizeof(*m));
}

static uint64_t used_by(struct task *task)
{
	struct task_times times = task_times_of(task);

	return times.dead_user + times.dead_system + times.live_user + times.live_system;
}

/* Of task's threads, the one that uses most now, +1; NULL: it has none. */
static struct thread *busiest(struct task *task)
{
	struct thread *best = NULL;
	uint32_t most = 0;

	spin_lock(&task->lock);
	LIST_FOR_EACH(pos, &task->threads) {
		struct thread *t = container_of(pos, struct thread, task_link);
		uint32_t use = sched_cpu_usage(t);

		if (best == NULL || use > most) {
			best = t;
			most = use;
		}
	}
	if (best != NULL)
		thread_reference(best);
	spin_unlock(&task->lock);
	return best;
}

static void judge(struct cpu_monitor *m)
{
	uint64_t now = clock_now_ns(), used = used_by(m->task);
	uint64_t wall = now - m->since_ns, percent = wall == 0 || used < m->used_ns ? 0 : (used - m->used_ns) * 100 / wall;
	uint64_t seconds = ((uint64_t)m->interval_ms + 999) / 1000;
	struct thread *t;

	m->used_ns = used;
	m->since_ns = now;
	if (percent <= (uint64_t)m->percentage)
		return;
	t = busiest(m->task);
	if (t == NULL)
		return;
	owe(t, code_of(RESOURCE_TYPE_CPU, FLAVOR_CPU_MONITOR, seconds << 7 | (uint64_t)m->percentage),
	    percent < PERCENT_CODED_MAX ? percent : PERCENT_CODED_MAX);
	thread_deallocate(t);
}

/* Begin an interval, if it has not ended. */
static bool arm(struct cpu_monitor *m)
{
	bool armed;

	spin_lock(&m->lock);
	armed = !m->ended;
	if (armed)
		timer_arm(&m->timer, clock_now_ns() + (uint64_t)m->interval_ms * NSEC_PER_MSEC);
	spin_unlock(&m->lock);
	return armed;
}

static void interval_over(struct kwork *work)
{
	struct cpu_monitor *m = container_of(work, struct cpu_monitor, work);

	judge(m);
	if (!arm(m))
		monitor_release(m);
}

static void timer_fired(struct timer *timer)
{
	kworker_submit(&container_of(timer, struct cpu_monitor, timer)->work);
}

static void monitor_end(struct cpu_monitor *m)
{
	bool cancelled;

	if (m == NULL)
		return;
	spin_lock(&m->lock);
	m->ended = true;
	cancelled = timer_cancel_try(&m->timer);
	spin_unlock(&m->lock);
	if (cancelled)
		monitor_release(m);
	monitor_release(m);
}

static struct cpu_monitor *monitor_alloc(struct task *task, int percentage, int interval_ms)
{
	struct cpu_monitor *m = kalloc_zeroed(sizeof(*m));

	if (m == NULL)
		return NULL;
	spin_init(&m->lock, "cpu monitor");
	atomic_store(&m->references, 2);
	task_reference(task);
	m->task = task;
	m->percentage = percentage;
	m->interval_ms = interval_ms;
	m->used_ns = used_by(task);
	m->since_ns = clock_now_ns();
	timer_init(&m->timer, timer_fired);
	kwork_init(&m->work, interval_over, false);
	return m;
}

/* Put m (NULL: none) in the place of task's monitor, which comes back. False: the task has ended. */
static bool exchange(struct task *task, struct cpu_monitor *m, struct cpu_monitor **old)
{
	bool alive;

	spin_lock(&task->lock);
	alive = m == NULL || (task->active && !task->finished);
	if (alive) {
		*old = task->limits.monitor;
		task->limits.monitor = m;
	}
	spin_unlock(&task->lock);
	return alive;
}

kern_return_t task_call_set_cpumon_params(struct task *task, int percentage, int interval_ms)
{
	struct cpu_monitor *m = NULL, *old = NULL;

	if (task == NULL)
		return KERN_INVALID_TASK;
	if (percentage < 0 || percentage > PERCENT_MAX ||
	    (percentage != 0 && (interval_ms < INTERVAL_MIN_MS || interval_ms > INTERVAL_MAX_MS)))
		return KERN_INVALID_ARGUMENT;
	if (percentage != 0 && (m = monitor_alloc(task, percentage, interval_ms)) == NULL)
		return KERN_RESOURCE_SHORTAGE;
	if (!exchange(task, m, &old)) {
		monitor_release(m);
		monitor_release(m);
		return KERN_TERMINATED;
	}
	if (m != NULL && !arm(m)) /* ended already, by another call or the task's end: the timer's reference is ours */
		monitor_release(m);
	monitor_end(old);
	return KERN_SUCCESS;
}

kern_return_t task_call_get_cpumon_params(struct task *task, int *percentage, int *interval_ms)
{
	if (task == NULL)
		return KERN_INVALID_TASK;
	spin_lock(&task->lock);
	*percentage = task->limits.monitor != NULL ? task->limits.monitor->percentage : 0;
	*interval_ms = task->limits.monitor != NULL ? task->limits.monitor->interval_ms : 0;
	spin_unlock(&task->lock);
	return KERN_SUCCESS;
}

void task_limits_end(struct task *task)
{
	struct cpu_monitor *old = NULL;

	(void)exchange(task, NULL, &old);
	monitor_end(old);
}

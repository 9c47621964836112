/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * restartable.c - restartable sequences. Interface: restartable.h; and the calls of task_restartable.defs.
 *
 * Invariants: R1 a table that a task has is not changed but replaced; its ranges are sorted and disjoint, and all it sends threads to is
 *   user memory.
 * Locking: the task lock guards which table a task has, and a thread's being one of its threads.
 * References: Bershad, Redell, Ellis, "Fast Mutual Exclusion for Uniprocessors", ASPLOS 1992; OSF Mach's task_set_ras_pc(); XNU's
 *   kern/restartable.c, for its calls' errors. Read for the facts.
 */
#include <base/string.h>
#include <kern/ipc_kobject_calls.h>
#include <kern/kalloc.h>
#include <kern/restartable.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kernel/task_restartable_server.h>
#include <machine/pmap.h>
#include <sched/sched.h>

#define LOOK_AGAIN_NS 50000

struct restartable {
	_Atomic uint32_t references;      /* [a] */
	uint64_t ras_base, ras_bounds;    /* [I] bounds 0: none */
	uint32_t count;                   /* [I] */
	task_restartable_range_t ranges[]; /* [I] */
};

static size_t size_of(uint32_t count)
{
	return sizeof(struct restartable) + count * sizeof(task_restartable_range_t);
}

static void restartable_release(struct restartable *r)
{
	if (r != NULL && atomic_fetch_sub_explicit(&r->references, 1, memory_order_acq_rel) == 1)
		kfree(r, size_of(r->count));
}

/* task's table, +1, or NULL. */
static struct restartable *restartable_get(struct task *task)
{
	struct restartable *r;

	spin_lock(&task->lock);
	r = atomic_load(&task->restartable);
	if (r != NULL)
		atomic_fetch_add_explicit(&r->references, 1, memory_order_relaxed);
	spin_unlock(&task->lock);
	return r;
}

/* A copy of old, or an empty one, with room for count ranges. */
static struct restartable *table_like(const struct restartable *old, uint32_t count)
{
	struct restartable *r = kalloc_zeroed(size_of(count));

	if (r == NULL)
		return NULL;
	if (old != NULL)
		memcpy(r, old, size_of(old->count < count ? old->count : count));
	atomic_store(&r->references, 1);
	r->count = count;
	return r;
}

/* ---- where a thread goes on ---- */

/* At the first instruction nothing has been done, behind the last one all: neither is within. */
static bool is_within(uint64_t pc, uint64_t begin, uint64_t end)
{
	return pc > begin && pc < end;
}

uint64_t restartable_after_switch(struct task *task, uint64_t pc)
{
	const struct restartable *r;

	spin_lock(&task->lock);
	r = atomic_load(&task->restartable);
	if (r != NULL && is_within(pc, r->ras_base, r->ras_bounds))
		pc = r->ras_base;
	spin_unlock(&task->lock);
	return pc;
}

uint64_t restartable_after_request(struct task *task, uint64_t pc)
{
	const struct restartable *r;

	spin_lock(&task->lock);
	r = atomic_load(&task->restartable);
	for (uint32_t i = 0; r != NULL && i < r->count; i++)
		if (is_within(pc, r->ranges[i].location, r->ranges[i].location + r->ranges[i].length)) {
			pc = r->ranges[i].location + r->ranges[i].recovery_offs;
			break;
		}
	spin_unlock(&task->lock);
	return pc;
}

/* ---- task_set_ras_pc() ---- */

kern_return_t restartable_call_set_ras_pc(struct task *task, vm_address_t base, vm_address_t bounds)
{
	bool none = base == 0 && bounds == 0, done = false, ended = false;

	if (task == NULL)
		return KERN_INVALID_TASK;
	if (task == kernel_task || (!none && (base >= bounds || bounds > VM_MAX_ADDRESS)))
		return KERN_INVALID_ARGUMENT;
	while (!done && !ended) {
		struct restartable *old = restartable_get(task), *fresh = table_like(old, old != NULL ? old->count : 0);

		if (fresh == NULL) {
			restartable_release(old);
			return KERN_RESOURCE_SHORTAGE;
		}
		fresh->ras_base = base;
		fresh->ras_bounds = bounds;
		spin_lock(&task->lock);
		ended = task->finished;
		done = !ended && atomic_load(&task->restartable) == old;
		if (done)
			atomic_store(&task->restartable, fresh);
		spin_unlock(&task->lock);
		restartable_release(done ? old : fresh);
		restartable_release(old);
	}
	return done ? KERN_SUCCESS : KERN_TERMINATED;
}

/* ---- task_restartable.defs ---- */

/* Few: by insertion. */
static void sort_ranges(task_restartable_range_t *ranges, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		task_restartable_range_t one = ranges[i];
		uint32_t at = i;

		for (; at > 0 && ranges[at - 1].location > one.location; at--)
			ranges[at] = ranges[at - 1];
		ranges[at] = one;
	}
}

static bool acceptable(const task_restartable_range_t *ranges, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const task_restartable_range_t *r = &ranges[i];

		if (r->length > TASK_RESTARTABLE_OFFSET_MAX || r->recovery_offs > TASK_RESTARTABLE_OFFSET_MAX || r->flags != 0)
			return false;
		if (r->location > VM_MAX_ADDRESS - TASK_RESTARTABLE_OFFSET_MAX)
			return false;
		if (i + 1 < count && r->location + r->length > ranges[i + 1].location)
			return false;
	}
	return count != 0;
}

static kern_return_t call_register(struct task *task, task_restartable_range_t *ranges, mach_msg_type_number_t count)
{
	struct restartable *old, *fresh;
	kern_return_t kr = KERN_SUCCESS;

	if (task == NULL || task != current_task())
		return KERN_FAILURE;
	sort_ranges(ranges, count);
	if (!acceptable(ranges, count))
		return KERN_INVALID_ARGUMENT;
	old = restartable_get(task);
	fresh = table_like(old, count);
	if (fresh == NULL) {
		restartable_release(old);
		return KERN_RESOURCE_SHORTAGE;
	}
	memcpy(fresh->ranges, ranges, count * sizeof(*ranges));
	spin_lock(&task->lock);
	if (task->thread_count != 1 || (old != NULL && old->count != 0) || atomic_load(&task->restartable) != old)
		kr = KERN_NOT_SUPPORTED;
	else
		atomic_store(&task->restartable, fresh);
	spin_unlock(&task->lock);
	restartable_release(kr == KERN_SUCCESS ? old : fresh);
	restartable_release(old);
	return kr;
}

/* A thread of task but the caller that runs user code and has not yet seen AST_RESTART: borrowed, under the task lock. NULL: none. */
static struct thread *still_to_come_locked(struct task *task)
{
	LIST_FOR_EACH(pos, &task->threads) {
		struct thread *t = container_of(pos, struct thread, task_link);

		if (t != current_thread() && (atomic_load(&t->ast) & AST_RESTART) != 0 && atomic_load(&t->run_state) == THREAD_RUNNING)
			return t;
	}
	return NULL;
}

/* Threads that do not run see AST_RESTART before their next user instruction. */
static kern_return_t call_synchronize(struct task *task)
{
	struct thread *t;

	if (task == NULL || task != current_task())
		return KERN_FAILURE;
	if (atomic_load(&task->restartable) == NULL)
		return KERN_SUCCESS;
	spin_lock(&task->lock);
	LIST_FOR_EACH(pos, &task->threads)
		if (container_of(pos, struct thread, task_link) != current_thread())
			atomic_fetch_or(&container_of(pos, struct thread, task_link)->ast, AST_RESTART);
	while ((t = still_to_come_locked(task)) != NULL) {
		sched_poke(t);
		spin_unlock(&task->lock);
		if (!thread_sleep_abortable(LOOK_AGAIN_NS))
			return KERN_ABORTED;
		spin_lock(&task->lock);
	}
	spin_unlock(&task->lock);
	return KERN_SUCCESS;
}

const struct task_restartable_ops task_restartable_calls = {
	.task_restartable_ranges_register = call_register,
	.task_restartable_ranges_synchronize = call_synchronize,
};

/* ---- a task's begin and end ---- */

void restartable_inherit(struct task *child, struct task *parent)
{
	atomic_store(&child->restartable, restartable_get(parent));
}

void restartable_task_end(struct task *task)
{
	struct restartable *r;

	spin_lock(&task->lock);
	r = atomic_load(&task->restartable);
	atomic_store(&task->restartable, NULL);
	spin_unlock(&task->lock);
	restartable_release(r);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task.c - creation, suspension and end of tasks.
 *
 * The end has two halves: task_terminate() makes the task inactive, cuts its kernel port and tells its
 * threads; when the last thread has left, task_finish() gives up ports and memory. So no thread of the task
 * ever runs in a space or a map that has gone.
 *
 * References: a task holds one on itself until task_finish(); each thread holds one.
 * Locking: task_list.lock -> nothing; task lock -> thread lock.
 */
#include <ddb/trace.h>
#include <base/string.h>
#include <ipc/ipc_tt.h>
#include <kern/assert.h>
#include <kern/emulation.h>
#include <kern/kalloc.h>
#include <kern/lock_set.h>
#include <kern/pc_sample.h>
#include <kern/printf.h>
#include <kern/restartable.h>
#include <kern/semaphore.h>
#include <kern/task.h>
#include <kern/task_info.h>
#include <kern/thread.h>
#include <machine/boot.h>
#include <machine/pmap.h>
#include <personality/linux.h>
#include <sched/processor_set.h>
#include <sched/sched.h>
#include <vm/vm_map.h>

struct task *kernel_task;

static struct zone *task_zone;
static _Atomic uint64_t next_task_id;

static struct {
	struct spinlock lock;
	struct list tasks;
} task_list = { SPINLOCK_INIT("task list"), LIST_INIT(task_list.tasks) };

static struct task *task_alloc(struct vm_map *map)
{
	struct task *t = zone_alloc_zeroed(task_zone);

	if (t == NULL)
		return NULL;
	spin_init(&t->lock, "task");
	atomic_store(&t->references, 2);
	t->active = true;
	t->guard_behavior = TASK_EXC_GUARD_MP_DELIVER;
	list_init(&t->threads);
	list_init(&t->all_link);
	list_init(&t->semaphores);
	list_init(&t->lock_sets);
	t->map = map;
	t->id = atomic_fetch_add(&next_task_id, 1);
	return t;
}

const struct list *task_list_borrow(void)
{
	return &task_list.tasks;
}

static void task_publish(struct task *t)
{
	TRACE1(TASK_START, t->id);
	spin_lock(&task_list.lock);
	list_add_tail(&task_list.tasks, &t->all_link);
	spin_unlock(&task_list.lock);
}

void task_init(void)
{
	task_zone = zone_create("task", sizeof(struct task), 64);
	kernel_task = task_alloc(NULL);
	if (kernel_task == NULL)
		panic("no memory for the kernel task");
	ksnprintf(kernel_task->name, sizeof(kernel_task->name), "kernel");
	ipc_task_init_kernel(kernel_task);
	pset_task_begin(kernel_task, NULL);
	task_publish(kernel_task);
}

kern_return_t task_create_internal(struct task *parent, bool inherit_memory, struct task **out)
{
	struct vm_map *map = NULL;
	struct task *t;
	kern_return_t kr;

	*out = NULL;
	if (inherit_memory && parent != NULL)
		kr = vm_map_fork(parent->map, &map);
	else
		kr = (map = vm_map_create()) != NULL ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
	if (kr != KERN_SUCCESS)
		return kr;
	t = task_alloc(map);
	if (t == NULL) {
		kr = KERN_RESOURCE_SHORTAGE;
		goto fail_map;
	}
	kr = ipc_task_init(t, parent);
	if (kr != KERN_SUCCESS)
		goto fail_task;
	if (parent != NULL) {
		memcpy(t->name, parent->name, sizeof(t->name));
		linux_task_inherit(t, parent, inherit_memory);
	}
	if (parent != NULL)
		t->guard_behavior = parent->guard_behavior;
	if (inherit_memory && parent != NULL) {
		emulation_inherit(t, parent);
		restartable_inherit(t, parent);
	}
	pset_task_begin(t, parent);
	ipc_task_enable(t);
	task_publish(t);
	*out = t;
	return KERN_SUCCESS;

fail_task:
	zone_free(task_zone, t);
fail_map:
	vm_map_deallocate(map);
	return kr;
}

void task_reference(struct task *t)
{
	atomic_fetch_add_explicit(&t->references, 1, memory_order_relaxed);
}

void task_deallocate(struct task *t)
{
	if (atomic_fetch_sub_explicit(&t->references, 1, memory_order_acq_rel) != 1)
		return;
	VERIFY(t != kernel_task && t->finished);
	vm_map_deallocate(t->map);
	zone_free(task_zone, t);
}

void task_finish(struct task *t)
{
	spin_lock(&t->lock);
	if (t->finished) {
		spin_unlock(&t->lock);
		return;
	}
	t->finished = true;
	spin_unlock(&t->lock);
	TRACE1(TASK_END, t->id);
	spin_lock(&task_list.lock);
	list_remove(&t->all_link);
	spin_unlock(&task_list.lock);
	pset_task_end(t);
	linux_task_exit(t);
	task_limits_end(t);
	task_noticed_expired(t);
	pc_sample_task_end(t);
	emulation_task_end(t);
	restartable_task_end(t);
	semaphore_task_exit(t);
	lock_set_task_exit(t);
	ipc_task_terminate(t);
	(void)vm_map_remove(t->map, VM_MIN_ADDRESS, VM_MAX_ADDRESS - VM_MIN_ADDRESS);
	if (t->ends_machine)
		machine_exit((uint32_t)linux_task_exit_code(t));
	task_deallocate(t);
}

struct thread *task_nth_thread(struct task *t, uint32_t skip)
{
	struct thread *found = NULL;

	spin_lock(&t->lock);
	LIST_FOR_EACH(pos, &t->threads)
		if (skip-- == 0) {
			found = container_of(pos, struct thread, task_link);
			thread_reference(found);
			break;
		}
	spin_unlock(&t->lock);
	return found;
}

/* Call fn for each thread, referenced, no lock held. Threads that come or go meanwhile may be missed. */
static void task_each_thread(struct task *t, void (*fn)(struct thread *))
{
	for (uint32_t i = 0;; i++) {
		struct thread *thread = task_nth_thread(t, i);

		if (thread == NULL)
			return;
		fn(thread);
		thread_deallocate(thread);
	}
}

static void terminate_thread(struct thread *thread)
{
	(void)thread_terminate(thread);
}

kern_return_t task_terminate(struct task *t)
{
	bool none;

	if (t == kernel_task)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&t->lock);
	if (!t->active) {
		spin_unlock(&t->lock);
		return KERN_TERMINATED;
	}
	t->active = false;
	spin_unlock(&t->lock);
	ipc_task_disable(t);
	/*
	 * No thread is added to an inactive task. One that ends while we walk shifts the rest, so walk until
	 * a pass finds all of them told.
	 */
	for (bool again = true; again;) {
		again = false;
		task_each_thread(t, terminate_thread);
		spin_lock(&t->lock);
		LIST_FOR_EACH(pos, &t->threads)
			if (container_of(pos, struct thread, task_link)->active)
				again = true;
		spin_unlock(&t->lock);
	}
	spin_lock(&t->lock);
	none = t->thread_count == 0;
	spin_unlock(&t->lock);
	if (none)
		task_finish(t);
	return KERN_SUCCESS;
}

kern_return_t task_suspend(struct task *t)
{
	if (t == kernel_task)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&t->lock);
	if (!t->active) {
		spin_unlock(&t->lock);
		return KERN_TERMINATED;
	}
	atomic_fetch_add(&t->suspend_count, 1);
	spin_unlock(&t->lock);
	for (uint32_t i = 0;; i++) {
		struct thread *thread = task_nth_thread(t, i);
		bool stopped;

		if (thread == NULL)
			return KERN_SUCCESS;
		atomic_fetch_or(&thread->ast, AST_STOP);
		stopped = thread_wait_stopped(thread);
		thread_deallocate(thread);
		if (!stopped) {
			(void)task_resume(t);
			return KERN_ABORTED;
		}
	}
}

kern_return_t task_resume(struct task *t)
{
	spin_lock(&t->lock);
	if (!t->active || atomic_load(&t->suspend_count) == 0) {
		kern_return_t kr = t->active ? KERN_FAILURE : KERN_TERMINATED;

		spin_unlock(&t->lock);
		return kr;
	}
	atomic_fetch_sub(&t->suspend_count, 1);
	spin_unlock(&t->lock);
	task_each_thread(t, thread_run_if_allowed);
	return KERN_SUCCESS;
}

void task_for_each(void (*fn)(void *ctx, struct task *), void *ctx)
{
	for (uint32_t i = 0;; i++) {
		struct task *found = NULL;
		uint32_t skip = i;

		spin_lock(&task_list.lock);
		LIST_FOR_EACH(pos, &task_list.tasks)
			if (skip-- == 0) {
				found = container_of(pos, struct task, all_link);
				task_reference(found);
				break;
			}
		spin_unlock(&task_list.lock);
		if (found == NULL)
			return;
		fn(ctx, found);
		task_deallocate(found);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emulation.c - a task's own handlers of system calls. Interface: emulation.h.
 *
 * Invariants: M1 a table that a task has is not changed: a call makes a new one, so a child has its parent's as of its birth.
 * Locking: the task lock guards which table a task has.
 * References: Mach 3's kern/syscall_emulation.h and task_set_emulation_vector(), for names, errors and what is inherited. There a handler finds
 *   where to go back to on its stack; here it is in rcx, where SYSCALL leaves it, so that no user memory is touched.
 */
#include <base/string.h>
#include <kern/emulation.h>
#include <kern/kalloc.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <mach/syscall_emulation.h>
#include <machine/trap.h>
#include <vm/vm_map.h>
#include <vm/vm_map_copy.h>

/* Handlers of the numbers start to start + count - 1. */
struct emulation {
	_Atomic uint32_t references; /* [a] */
	int start;                   /* [I] */
	uint32_t count;              /* [I] */
	vm_offset_t entries[];       /* [I] */
};

static size_t size_of(uint32_t count)
{
	return sizeof(struct emulation) + count * sizeof(vm_offset_t);
}

static void emulation_release(struct emulation *e)
{
	if (e != NULL && atomic_fetch_sub_explicit(&e->references, 1, memory_order_acq_rel) == 1)
		kfree(e, size_of(e->count));
}

/* task's table, +1, or NULL. */
static struct emulation *emulation_get(struct task *task)
{
	struct emulation *e;

	spin_lock(&task->lock);
	e = atomic_load(&task->emulation);
	if (e != NULL)
		atomic_fetch_add_explicit(&e->references, 1, memory_order_relaxed);
	spin_unlock(&task->lock);
	return e;
}

static vm_offset_t entry_of(const struct emulation *e, int64_t number)
{
	return e == NULL || number < e->start || number >= e->start + (int64_t)e->count ? EML_ROUTINE_NULL : e->entries[number - e->start];
}

bool emulation_redirect(struct trap_frame *frame)
{
	struct task *task = current_task();
	vm_offset_t entry;

	if (atomic_load_explicit(&task->emulation, memory_order_relaxed) == NULL)
		return false;
	spin_lock(&task->lock);
	entry = entry_of(atomic_load(&task->emulation), (int64_t)frame->rax);
	spin_unlock(&task->lock);
	if (entry == EML_ROUTINE_NULL)
		return false;
	frame->rcx = frame->rip;
	frame->r11 = frame->rflags;
	frame->rip = entry;
	return true;
}

/* Put e (consumed; NULL: none) in the place of old, which the caller referenced. False: it was no longer there, or the task has ended. */
static bool replace(struct task *task, const struct emulation *old, struct emulation *e, bool *ended)
{
	struct emulation *was;

	spin_lock(&task->lock);
	was = atomic_load(&task->emulation);
	*ended = task->finished;
	if (was == old && !*ended)
		atomic_store(&task->emulation, e);
	spin_unlock(&task->lock);
	if (was != old || *ended) {
		emulation_release(e);
		return false;
	}
	emulation_release(was);
	return true;
}

/* The least numbers that e and start to start + count - 1 are within. */
static struct emulation *table_for(const struct emulation *e, int start, uint32_t count)
{
	int end = start + (int)count;
	struct emulation *table;

	if (e != NULL) {
		start = e->start < start ? e->start : start;
		end = e->start + (int)e->count > end ? e->start + (int)e->count : end;
	}
	table = kalloc_zeroed(size_of((uint32_t)(end - start)));
	if (table == NULL)
		return NULL;
	atomic_store(&table->references, 1);
	table->start = start;
	table->count = (uint32_t)(end - start);
	if (e != NULL)
		memcpy(table->entries + (e->start - start), e->entries, e->count * sizeof(*e->entries));
	return table;
}

/* Give the numbers start to start + count - 1 these handlers. */
static kern_return_t set_range(struct task *task, int start, const vm_offset_t *entries, uint32_t count)
{
	bool ended = false;

	while (!ended) {
		struct emulation *old = emulation_get(task), *table = table_for(old, start, count);
		bool done;

		if (table == NULL) {
			emulation_release(old);
			return KERN_RESOURCE_SHORTAGE;
		}
		memcpy(table->entries + (start - table->start), entries, count * sizeof(*entries));
		done = replace(task, old, table, &ended);
		emulation_release(old);
		if (done)
			return KERN_SUCCESS;
	}
	return KERN_TERMINATED;
}

static bool are_numbers(int start, mach_msg_type_number_t count)
{
	return start >= EML_MIN_SYSCALL && start <= EML_MAX_SYSCALL && count <= (uint32_t)(EML_MAX_SYSCALL + 1 - start);
}

kern_return_t emulation_call_set(struct task *task, vm_address_t entry, int number)
{
	if (task == NULL || task == kernel_task)
		return EML_BAD_TASK;
	return are_numbers(number, 1) ? set_range(task, number, &entry, 1) : EML_BAD_CNT;
}

kern_return_t emulation_call_set_vector(struct task *task, int start, struct vm_map_copy *vector, mach_msg_type_number_t count)
{
	size_t bytes = count * sizeof(vm_offset_t);
	vm_offset_t *entries;
	kern_return_t kr;

	if (task == NULL || task == kernel_task)
		return EML_BAD_TASK;
	if (!are_numbers(start, count))
		return EML_BAD_CNT;
	if (count == 0)
		return KERN_SUCCESS;
	entries = kalloc(bytes);
	if (entries == NULL)
		return KERN_RESOURCE_SHORTAGE;
	kr = vm_map_copy_to_kernel(vector, 0, entries, bytes);
	if (kr == KERN_SUCCESS)
		kr = set_range(task, start, entries, count);
	kfree(entries, bytes);
	if (kr == KERN_SUCCESS)
		vm_map_copy_discard(vector);
	return kr;
}

kern_return_t emulation_call_get_vector(struct task *task, int *start, struct vm_map_copy **vector, mach_msg_type_number_t *count)
{
	struct emulation *e;

	if (task == NULL)
		return EML_BAD_TASK;
	e = emulation_get(task);
	*start = 0;
	*count = 0;
	*vector = NULL;
	if (e == NULL)
		return KERN_SUCCESS;
	*vector = vm_map_copy_from_kernel(e->entries, e->count * sizeof(*e->entries));
	*start = e->start;
	*count = e->count;
	emulation_release(e);
	return *vector != NULL ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

void emulation_inherit(struct task *child, struct task *parent)
{
	atomic_store(&child->emulation, emulation_get(parent));
}

void emulation_task_end(struct task *task)
{
	struct emulation *e;

	spin_lock(&task->lock);
	e = atomic_load(&task->emulation);
	atomic_store(&task->emulation, NULL);
	spin_unlock(&task->lock);
	emulation_release(e);
}

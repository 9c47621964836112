/* SPDX-License-Identifier: BSD-2-Clause */
/* ddb_task.c - the debugger's commands on tasks, threads and CPUs. */
#include <ddb/ddb.h>
#include <kern/panic.h>
#include <kern/printf.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <machine/debug.h>
#include <machine/trap.h>
#include <sched/sched.h>

static const char *const states[] = { [THREAD_CREATED] = "created", [THREAD_RUNNABLE] = "runnable", [THREAD_RUNNING] = "running",
				      [THREAD_BLOCKED] = "blocked", [THREAD_DEAD] = "dead" };

static struct task *task_of(const struct list *l)
{
	return container_of((struct list *)l, struct task, all_link);
}

static struct thread *thread_of(const struct list *l)
{
	return container_of((struct list *)l, struct thread, task_link);
}

static void tasks(const struct ddb_args *args)
{
	const struct list *head = task_list_borrow(), *l;

	kprintf("task             id    threads suspended map              space            name\n");
	DDB_FOR_EACH(l, head) {
		const struct task *t = task_of(l);

		kprintf("%016lx %-5lu %-7u %-9u %016lx %016lx %.32s%s\n", (uint64_t)t, t->id, t->thread_count, t->suspend_count,
			(uint64_t)t->map, (uint64_t)t->ipc.space, t->name, t->active ? "" : " (ended)");
	}
}

static void print_thread(const struct thread *t)
{
	uint32_t state = t->run_state;

	kprintf("%016lx %-5lu %-8s %-3u cpu %-2u %s%s%.32s\n", (uint64_t)t, t->tid, state <= THREAD_DEAD ? states[state] : "?",
		t->priority, t->cpu, t->suspend_count != 0 ? "suspended " : "",
		t->claim == CLAIM_OPEN ? "waits " : t->claim == CLAIM_OPEN_HARD ? "waits hard " : "", t->name);
}

static void print_threads(const struct task *t)
{
	const struct list *l;

	DDB_FOR_EACH(l, &t->threads)
		print_thread(thread_of(l));
}

static void threads(const struct ddb_args *args)
{
	const struct list *l;
	uint64_t which = 0;

	(void)ddb_number(args, 0, &which);
	kprintf("thread           tid   state    pri        name\n");
	DDB_FOR_EACH(l, task_list_borrow()) {
		const struct task *t = task_of(l);

		if (which == 0 || which == (uint64_t)t || which == t->id)
			print_threads(t);
	}
}

/* By address or tid; NULL: none. */
static const struct thread *find_thread(uint64_t which)
{
	const struct list *l, *m;

	DDB_FOR_EACH(l, task_list_borrow()) {
		const struct list *head = &task_of(l)->threads;

		DDB_FOR_EACH(m, head)
			if ((uint64_t)thread_of(m) == which || thread_of(m)->tid == which)
				return thread_of(m);
	}
	return NULL;
}

static void backtrace_of(const struct thread *t)
{
	const struct trap_frame *frame = NULL;

	if (t == current_thread()) {
		machine_backtrace((uint64_t)__builtin_return_address(0), *(uint64_t *)__builtin_frame_address(0));
		return;
	}
	for (uint32_t i = 0; i < cpu_count && frame == NULL; i++)
		if (cpu_by_id(i)->current == t)
			frame = machine_paused_frame(i);
	if (frame == NULL)
		machine_backtrace_thread(t);
	else if ((frame->cs & 3) != 0)
		kprintf("  in user mode, rip %lx\n", frame->rip);
	else
		machine_backtrace_trap(frame);
}

static void backtrace(const struct ddb_args *args)
{
	const struct thread *t = current_thread();
	uint64_t which;

	if (ddb_number(args, 0, &which))
		t = find_thread(which);
	if (t == NULL) {
		kprintf("no such thread\n");
		return;
	}
	print_thread(t);
	backtrace_of(t);
}

/* All that a thread is. */
static void thread(const struct ddb_args *args)
{
	const struct thread *t = NULL;
	const struct trap_frame *f;
	uint64_t which;

	if (ddb_number(args, 0, &which))
		t = find_thread(which);
	if (t == NULL) {
		kprintf("no such thread\n");
		return;
	}
	print_thread(t);
	kprintf("task %016lx id %lu, ast %x, references %u, lends %u, is lent %u\n", (uint64_t)t->task, t->task->id, t->ast,
		t->references, t->lend_priority, t->promotion);
	kprintf("ran %lu us in user code, %lu us in the kernel\n", t->user_ns / 1000, t->system_ns / 1000);
	f = t->machine.frame;
	if (f != NULL && ddb_readable(f, sizeof(*f)))
		machine_print_frame(f);
	backtrace_of(t);
}

static void cpus(const struct ddb_args *args)
{
	for (uint32_t i = 0; i < cpu_count; i++) {
		const struct cpu *c = cpu_by_id(i);
		struct sched_counts n = sched_counts(i);
		const struct trap_frame *f = machine_paused_frame(i);

		kprintf("cpu %u: thread %lu %.32s, interrupts %lu, switches %lu, preemptions %lu + %lu, halts %lu", i, c->current->tid,
			c->current->name, c->interrupts, n.switches, n.preemptions, n.kernel_preemptions, n.halts);
		if (f != NULL)
			kprintf(", at %lx", f->rip);
		kprintf("\n");
	}
}

const struct ddb_command ddb_task_commands[] = {
	{ "tasks", "", "all tasks", tasks },
	{ "threads", "[TASK]", "all threads, or those of a task (address or id)", threads },
	{ "thread", "THREAD", "one thread (address or tid): registers, calls", thread },
	{ "bt", "[THREAD]", "the calls that led here, or to where a thread is", backtrace },
	{ "cpus", "", "what each CPU was doing", cpus },
	{ 0 },
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exception.c - what happens to a thread whose user code did something wrong: its exception ports are asked;
 * when nobody deals with it those for EXC_CRASH are told, its task ends, and the console and the task's exit port are told why. The
 * kernel goes on.
 */
#include <ddb/trace.h>
#include <kern/exception_port.h>
#include <kern/printf.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <mach/exception_types.h>
#include <mach/task_info.h>
#include <machine/trap.h>
#include <personality/linux.h>

struct exception_kind {
	const char *name;
	int32_t signal; /* what wait(2) would say */
};

static const struct exception_kind kinds[] = {
	[EXC_BAD_ACCESS] = { "EXC_BAD_ACCESS", 11 },
	[EXC_BAD_INSTRUCTION] = { "EXC_BAD_INSTRUCTION", 4 },
	[EXC_ARITHMETIC] = { "EXC_ARITHMETIC", 8 },
	[EXC_EMULATION] = { "EXC_EMULATION", 4 },
	[EXC_SOFTWARE] = { "EXC_SOFTWARE", 6 },
	[EXC_BREAKPOINT] = { "EXC_BREAKPOINT", 5 },
	[EXC_RESOURCE] = { "EXC_RESOURCE", 9 },
	[EXC_GUARD] = { "EXC_GUARD", 9 },
};

/* Nobody dealt with it. */
static _Noreturn void end_task(int type, int64_t code, int64_t subcode)
{
	static const struct exception_kind unknown = { "EXC_?", 6 };
	struct thread *t = current_thread();
	struct task *task = t->task;
	const struct exception_kind *kind = &unknown;

	if (type > 0 && (unsigned)type < sizeof(kinds) / sizeof(kinds[0]) && kinds[type].name != NULL)
		kind = &kinds[type];
	(void)exception_port_ask(EXC_CRASH, EXC_CRASH_CODE(type, kind->signal, code), 0);
	kprintf("meshach: task %lu (%s) thread %lu: %s code %ld at 0x%lx, pc 0x%lx sp 0x%lx: ended\n", task->id,
		task->name, t->tid, kind->name, (long)code, (unsigned long)subcode,
		t->machine.frame->rip, t->machine.frame->rsp);
	linux_task_set_status(task, kind->signal);
	(void)task_terminate(task);
	thread_exit_self();
}

void exception(int type, int64_t code, int64_t subcode)
{
	TRACE3(EXCEPTION, type, code, subcode);
	if (!exception_port_ask(type, code, subcode))
		end_task(type, code, subcode);
}

/* What a violation does now; it uses up TASK_EXC_GUARD_MP_ONCE. */
static uint32_t take_guard_behavior(struct task *task)
{
	uint32_t behavior;

	spin_lock(&task->lock);
	behavior = task->guard_behavior;
	if ((behavior & TASK_EXC_GUARD_MP_ONCE) != 0)
		task->guard_behavior &= ~(uint32_t)TASK_EXC_GUARD_MP_DELIVER;
	spin_unlock(&task->lock);
	return behavior;
}

void exception_guard(void)
{
	struct thread *t = current_thread();
	struct ipc_thread *ith = &t->ipc;
	uint64_t code = ith->guard_code;
	uint32_t behavior;

	ith->guard_code = 0;
	if (code == 0)
		return;
	behavior = take_guard_behavior(t->task);
	if ((behavior & TASK_EXC_GUARD_MP_DELIVER) == 0)
		return;
	if ((behavior & TASK_EXC_GUARD_MP_FATAL) == 0) {
		exception(EXC_GUARD, (int64_t)code, (int64_t)ith->guard_subcode);
		return;
	}
	(void)exception_port_ask(EXC_GUARD, (int64_t)code, (int64_t)ith->guard_subcode);
	end_task(EXC_GUARD, (int64_t)code, (int64_t)ith->guard_subcode);
}

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

void exception(int type, int64_t code, int64_t subcode)
{
	static const struct exception_kind unknown = { "EXC_?", 6 };
	struct thread *t = current_thread();
	struct task *task = t->task;
	const struct exception_kind *kind = &unknown;

	TRACE3(EXCEPTION, type, code, subcode);
	if (exception_port_ask(type, code, subcode))
		return;
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

void exception_guard(void)
{
	struct ipc_thread *ith = &current_thread()->ipc;
	uint64_t code = ith->guard_code;

	ith->guard_code = 0;
	if (code != 0)
		exception(EXC_GUARD, (int64_t)code, (int64_t)ith->guard_subcode);
}

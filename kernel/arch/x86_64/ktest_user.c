/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ktest_user.c - boot tests with user code that does what it must not: the task ends, the kernel goes on.
 *
 * The programs are in ktest_user.S. Each runs in a task of its own: one page of text, one of stack.
 */
#include "cpu_private.h"
#include "fpu.h"
#include "trap_private.h"
#include <base/string.h>
#include <kern/ktest.h>
#include <kern/printf.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <mach/thread_status.h>
#include <mach/vm_statistics.h>
#include <machine/copyio.h>
#include <machine/pmap.h>
#include <personality/linux.h>
#include <vm/vm_map.h>

struct user_program {
	const char *code;
	uint64_t bytes;
	uint64_t status; /* wait(2)'s; in bits 16 and up another that is as good, or 0 */
	const char *sentence;
};

extern const struct user_program user_programs[], user_programs_end[];
extern const char user_patterns[], user_patterns_end[], user_spin[], user_spin_end[];

#define TEXT_AT 0x400000UL
#define STACK_AT 0x800000UL
#define PATIENCE_NS (10 * NSEC_PER_SEC)

/* A task that runs code, or NULL. +1. */
static struct task *start_task(const char *code, uint64_t bytes, uint64_t arg)
{
	mach_vm_address_t text = TEXT_AT, stack = STACK_AT;
	struct thread *thread;
	struct task *task;

	if (task_create_internal(NULL, false, &task) != KERN_SUCCESS)
		return NULL;
	ksnprintf(task->name, sizeof(task->name), "ktest");
	if (vm_map_allocate(task->map, &text, PAGE_SIZE, VM_FLAGS_FIXED) != KERN_SUCCESS ||
	    vm_map_write_kernel(task->map, text, code, bytes) != KERN_SUCCESS ||
	    vm_map_protect(task->map, text, PAGE_SIZE, VM_PROT_READ | VM_PROT_EXECUTE, false) !=
		    KERN_SUCCESS ||
	    vm_map_allocate(task->map, &stack, PAGE_SIZE, VM_FLAGS_FIXED) != KERN_SUCCESS ||
	    thread_create(task, &thread) != KERN_SUCCESS) {
		(void)task_terminate(task);
		return NULL;
	}
	machine_thread_set_entry(thread, text, stack + PAGE_SIZE, arg, 0);
	(void)thread_resume(thread);
	thread_deallocate(thread);
	return task;
}

/* Wait for the task's end; its wait status, or -1 when it does not end. Gives up the reference. */
static int finish_task(struct task *task)
{
	uint64_t until = clock_now_ns() + PATIENCE_NS;
	int status = -1;

	while (!task->finished && clock_now_ns() < until)
		thread_sleep_ns(NSEC_PER_MSEC);
	if (task->finished)
		status = task->linux_.exit_status & 0xffff;
	else
		(void)task_terminate(task);
	task_deallocate(task);
	return status;
}

KTEST(user)
{
	for (const struct user_program *p = user_programs; p < user_programs_end; p++) {
		struct task *task = start_task(p->code, p->bytes, 0);
		int status = task != NULL ? finish_task(task) : -2;

		int right = (int)(p->status & 0xffff), other = (int)(p->status >> 16);

		ktest_ok(status == right || (other != 0 && status == other), "%s (status 0x%x, right is 0x%x)",
			 p->sentence, status, right);
	}
}

KTEST(switches)
{
	enum { TASKS = 6 };
	struct task *tasks[TASKS], *spinner;
	uint64_t bytes = (uint64_t)(user_patterns_end - user_patterns);

	for (unsigned i = 0; i < TASKS; i++)
		tasks[i] = start_task(user_patterns, bytes, 0x0123456700000000UL + i * 0x11111);
	for (unsigned i = 0; i < TASKS; i++) {
		int status = finish_task(tasks[i]);

		ktest_ok(status == 10 << 8, "ARCH0160 task %u keeps its FPU registers and TLS base (status 0x%x)", i,
			 status);
	}
	spinner = start_task(user_spin, (uint64_t)(user_spin_end - user_spin), 0);
	thread_sleep_ns(50 * NSEC_PER_MSEC);
	ktest_ok(spinner != NULL && !spinner->finished, "ARCH0161 user code that spins is preempted");
	(void)task_terminate(spinner);
	ktest_ok(finish_task(spinner) >= 0, "ARCH0162 and ends when it is told");
}

KTEST(copyio)
{
	static const uint64_t bad[] = {
		0, 8, 0xfff, VM_MIN_ADDRESS, VM_MAX_ADDRESS - 4, VM_MAX_ADDRESS, USER_ADDRESS_END - 1,
		USER_ADDRESS_END, 0x1234567800000000UL, PHYS_MAP_BASE, KERNEL_BASE + 0x109000, UINT64_MAX - 3,
		UINT64_MAX,
	};
	char bytes[64];
	size_t length;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bool good = copyin(bad[i], bytes, sizeof(bytes)) == KERN_INVALID_ADDRESS &&
			    copyout(bytes, bad[i], sizeof(bytes)) == KERN_INVALID_ADDRESS &&
			    copyin(bad[i], bytes, UINT64_MAX) == KERN_INVALID_ADDRESS &&
			    copyinstr(bad[i], bytes, sizeof(bytes), &length) == KERN_INVALID_ADDRESS;

		ktest_ok(good, "ARCH0170 copies from and to 0x%lx fail", bad[i]);
	}
	ktest_ok(copyin(VM_MIN_ADDRESS, bytes, 0) == KERN_SUCCESS, "ARCH0171 a copy of nothing succeeds");
}

KTEST(thread_state)
{
	struct task *task = start_task(user_spin, (uint64_t)(user_spin_end - user_spin), 0);
	struct thread *t = list_first(&task->threads, struct thread, task_link);
	x86_thread_state64_t s = { .rip = TEXT_AT };
	meshach_base_state64_t b = { 0, 0 };
	x86_float_state64_t f;
	uint32_t count = x86_THREAD_STATE64_COUNT;

	(void)thread_suspend(t);
	thread_wait_stopped(t);
	ktest_ok(machine_thread_get_state(t, x86_THREAD_STATE64, (uint32_t *)&s, &count) == KERN_SUCCESS &&
		 s.rip >= TEXT_AT && s.rip < TEXT_AT + 16, "ARCH0180 registers of a stopped thread are read");
	s.rip = USER_ADDRESS_END;
	ktest_ok(machine_thread_set_state(t, x86_THREAD_STATE64, (uint32_t *)&s, count) ==
		 KERN_INVALID_ARGUMENT, "ARCH0181 a non-canonical rip is refused");
	s.rip = TEXT_AT;
	s.rflags = UINT64_MAX;
	s.cs = 8;
	(void)machine_thread_set_state(t, x86_THREAD_STATE64, (uint32_t *)&s, count);
	ktest_ok((t->machine.frame->rflags & 0x3000) == 0 && (t->machine.frame->rflags & 0x200) != 0 &&
		 t->machine.frame->cs == SELECTOR_USER_CODE, "ARCH0182 flags and selectors stay a user's");
	b.fs_base = KERNEL_BASE;
	ktest_ok(machine_thread_set_state(t, MESHACH_BASE_STATE64, (uint32_t *)&b,
					  MESHACH_BASE_STATE64_COUNT) == KERN_INVALID_ARGUMENT,
		 "ARCH0183 a kernel address is no TLS base");
	memset(&f, 0xff, sizeof(f));
	ktest_ok(machine_thread_set_state(t, x86_FLOAT_STATE64, (uint32_t *)&f, x86_FLOAT_STATE64_COUNT) ==
		 KERN_SUCCESS, "ARCH0184 any bytes may be FPU registers");
	s.rflags = 0;
	(void)machine_thread_set_state(t, x86_THREAD_STATE64, (uint32_t *)&s, count);
	(void)thread_resume(t);
	thread_sleep_ns(5 * NSEC_PER_MSEC);
	ktest_ok(!task->finished, "ARCH0185 and the thread runs on with them");
	(void)task_terminate(task);
	(void)finish_task(task);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: user code that goes on elsewhere than it was: handlers of system calls in the task itself (task_set_emulation()), and
 *   sequences that begin anew when they are interrupted (task_set_ras_pc(), task_restartable_ranges_register()).
 */
#include "child.h"
#include "tap.h"

#include <mach/syscall_emulation.h>
#include <string.h>
#include <sys/syscall.h>

#define NUMBER 700 /* of no Linux system call */
#define UNKNOWN_TRAP 1000
#define THREAD_SELF_TRAP 27

static mach_port_t self_task, host;

static void drop(mach_port_t right)
{
	(void)mach_port_deallocate(self_task, right);
}

/* ---- handlers of system calls ---- */

/* A system call, without the C library: r9 tells by the way whether the handler found what it ought to. */
static uint64_t call6(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	register uint64_t r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	uint64_t result;

	__asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return result;
}

/* Answers number + the six arguments. */
__attribute__((naked, used)) static void adds(void)
{
	__asm__("addq %rdi, %rax; addq %rsi, %rax; addq %rdx, %rax; addq %r10, %rax; addq %r8, %rax; addq %r9, %rax; jmp *%rcx");
}

__attribute__((naked, used)) static void answers_7(void)
{
	__asm__("movl $7, %eax; jmp *%rcx");
}

/* What is kept: a system call in which every register that should be is compared afterwards. Answers 1 if all is as it was. */
__attribute__((naked, used)) static uint64_t all_kept(uint64_t number)
{
	__asm__("pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
		"movq %rdi, %rax; movq $0x5151, -64(%rsp); movq %rsp, %rbp; movl $1, %ebx; movl $2, %edx; movl $3, %esi; movl $4, %edi\n"
		"movl $8, %r8d; movl $9, %r9d; movl $10, %r10d; movl $12, %r12d; movl $13, %r13d; movl $14, %r14d; movl $15, %r15d\n"
		"syscall\n"
		"cmpq $7, %rax; jne 1f; cmpq %rsp, %rbp; jne 1f; cmpq $0x5151, -64(%rsp); jne 1f; cmpq $1, %rbx; jne 1f\n"
		"cmpq $2, %rdx; jne 1f; cmpq $3, %rsi; jne 1f; cmpq $4, %rdi; jne 1f; cmpq $8, %r8; jne 1f; cmpq $9, %r9; jne 1f\n"
		"cmpq $10, %r10; jne 1f; cmpq $12, %r12; jne 1f; cmpq $13, %r13; jne 1f; cmpq $14, %r14; jne 1f; cmpq $15, %r15; jne 1f\n"
		"movl $1, %eax; jmp 2f\n"
		"1: xorl %eax, %eax\n"
		"2: popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx; ret");
}

static vm_offset_t at(void (*handler)(void))
{
	return (vm_offset_t)(uintptr_t)handler;
}

static void child_calls(void)
{
	counter = call6(NUMBER, 1, 2, 3, 4, 5, 6);
	for (;;)
		__asm__ volatile("pause");
}

/* What the child's counter becomes, or 0. */
static uint64_t told_by(mach_port_t task)
{
	uint64_t value = 0;

	for (int i = 0; i < THREADS_TRIES && value == 0; i++) {
		usleep(500);
		value = count_of(task);
	}
	return value;
}

static void emulation_errors(void)
{
	vm_offset_t two[2] = { at(adds), at(adds) };
	mach_msg_type_number_t count = 77;
	emulation_vector_t vector = NULL;
	int start = 77;

	tap(task_get_emulation_vector(self_task, &start, &vector, &count) == KERN_SUCCESS && count == 0, "EMUL0001 a task begins with no handlers");
	tap_result(task_get_emulation_vector(host, &start, &vector, &count), EML_BAD_TASK, "EMUL0002 what is no task has none");
	tap_result(task_set_emulation(host, at(adds), NUMBER), EML_BAD_TASK, "EMUL0003 and gets none");
	tap_result(task_set_emulation_vector(host, NUMBER, two, 2), EML_BAD_TASK, "EMUL0004 nor several");
	tap(task_set_emulation(self_task, at(adds), EML_MAX_SYSCALL + 1) == EML_BAD_CNT && task_set_emulation(self_task, at(adds), EML_MIN_SYSCALL - 1) == EML_BAD_CNT,
	    "EMUL0005 there are limits to numbers");
	tap(task_set_emulation_vector(self_task, EML_MAX_SYSCALL, two, 2) == EML_BAD_CNT && task_set_emulation_vector(self_task, EML_MIN_SYSCALL - 1, two, 2) == EML_BAD_CNT,
	    "EMUL0006 also to those of a vector");
	tap(task_set_emulation_vector(self_task, 3, two, 0) == KERN_SUCCESS && syscall(SYS_getppid) == 0, "EMUL0007 a vector of none changes nothing");
}

static void emulation(void)
{
	vm_offset_t three[3] = { at(answers_7), EML_ROUTINE_NULL, at(adds) };
	mach_msg_type_number_t count = 0;
	emulation_vector_t vector = NULL;
	mach_port_t thread;
	int start = 0;

	tap((int64_t)call6(NUMBER, 0, 0, 0, 0, 0, 0) == -38, "EMUL0010 a number that is nobody's: ENOSYS");
	tap_result(task_set_emulation(self_task, at(adds), NUMBER), KERN_SUCCESS, "EMUL0011 it gets a handler");
	tap(call6(NUMBER, 1, 20, 300, 4000, 50000, 600000) == NUMBER + 654321, "EMUL0012 which is given number and arguments, and answers");
	tap_result(task_set_emulation_vector(self_task, NUMBER + 1, three, 3), KERN_SUCCESS, "EMUL0013 others get theirs");
	tap(call6(NUMBER + 1, 0, 0, 0, 0, 0, 0) == 7 && (int64_t)call6(NUMBER + 2, 0, 0, 0, 0, 0, 0) == -38 && call6(NUMBER + 3, 1, 0, 0, 0, 0, 0) == NUMBER + 4 &&
	    call6(NUMBER, 0, 0, 0, 0, 0, 0) == NUMBER, "EMUL0014 each its own, or none");
	tap(all_kept(NUMBER + 1) == 1, "EMUL0015 all registers are as before, and the stack");
	tap(task_get_emulation_vector(self_task, &start, &vector, &count) == KERN_SUCCESS && start == NUMBER && count == 4 && vector[0] == at(adds) &&
	    vector[1] == at(answers_7) && vector[2] == EML_ROUTINE_NULL && vector[3] == at(adds), "EMUL0016 and all are told");
	(void)mach_vm_deallocate(self_task, (mach_vm_address_t)(uintptr_t)vector, count * sizeof(*vector));
	tap(task_set_emulation(self_task, at(answers_7), SYS_getppid) == KERN_SUCCESS && syscall(SYS_getppid) == 7, "EMUL0017 Linux's own calls can be had");
	tap(task_set_emulation(self_task, EML_ROUTINE_NULL, SYS_getppid) == KERN_SUCCESS && syscall(SYS_getppid) == 0, "EMUL0018 and given back");
	tap(call6(-(uint64_t)UNKNOWN_TRAP, 0, 0, 0, 0, 0, 0) == KERN_INVALID_ARGUMENT && task_set_emulation(self_task, at(answers_7), -UNKNOWN_TRAP) == KERN_SUCCESS &&
	    call6(-(uint64_t)UNKNOWN_TRAP, 0, 0, 0, 0, 0, 0) == 7, "EMUL0019 so can traps that Mach has not");
	thread = mach_thread_self();
	tap(task_set_emulation(self_task, at(answers_7), -THREAD_SELF_TRAP) == KERN_SUCCESS && call6(-(uint64_t)THREAD_SELF_TRAP, 0, 0, 0, 0, 0, 0) == thread,
	    "EMUL0020 its own stay Mach's");
	drop(thread);
	drop(thread);
}

static void emulation_in_children(void)
{
	mach_msg_type_number_t count = 77;
	emulation_vector_t vector = NULL;
	mach_port_t task, empty;
	int start;

	(void)task_create(self_task, NULL, 0, TRUE, &task);
	drop(run_in(task, child_calls, 0));
	tap(told_by(task) == NUMBER + 21, "EMUL0030 a child with this memory has the handlers");
	(void)task_terminate(task);
	drop(task);
	(void)task_create(self_task, NULL, 0, FALSE, &empty);
	tap(task_get_emulation_vector(empty, &start, &vector, &count) == KERN_SUCCESS && count == 0, "EMUL0031 one without has not");
	(void)task_terminate(empty);
	drop(empty);
	(void)task_create(self_task, NULL, 0, TRUE, &task);
	tap_result(task_set_emulation(task, at(answers_7), NUMBER), KERN_SUCCESS, "EMUL0032 a child gets one of its own");
	drop(run_in(task, child_calls, 0));
	tap(told_by(task) == 7 && call6(NUMBER, 0, 0, 0, 0, 0, 0) == NUMBER, "EMUL0033 which is the child's alone");
	(void)task_terminate(task);
	drop(task);
	(void)task_create(self_task, NULL, 0, TRUE, &task);
	(void)task_set_emulation(task, 1ull << 63, NUMBER);
	drop(run_in(task, child_calls, 0));
	tap(dies(task), "EMUL0034 a handler outside of user memory is the task's end, and not the kernel's");
	drop(task);
}

/* ---- one restartable sequence, on one CPU ---- */

static volatile uint64_t shared, ras_starts[2], ras_ends[2];
static volatile bool ras_begin, ras_over;
extern char ras_base[], ras_bounds[];

/* Adds 1 to shared in a way that takes long and is not atomic. starts counts how often it began. */
__attribute__((noinline, noclone)) static void slow_add(volatile uint64_t *starts)
{
	__asm__ volatile("ras_base: incq (%0)\n"
			 "movq %1, %%rax; movl $3000, %%ecx\n"
			 "1: pause; decl %%ecx; jnz 1b\n"
			 "incq %%rax; movq %%rax, %1\n"
			 "ras_bounds:" : : "r"(starts), "m"(shared) : "rax", "rcx", "memory");
}

static kern_return_t adds_up(struct actor *a)
{
	while (!ras_begin)
		usleep(1000);
	while (!ras_over) {
		slow_add(&ras_starts[a->number]);
		ras_ends[a->number]++;
	}
	return KERN_SUCCESS;
}

static void bind_to_first(mach_port_t thread)
{
	processor_array_t list = NULL;
	mach_msg_type_number_t n = 0;

	(void)host_processors(host, &list, &n);
	(void)thread_bind(thread, list[0]);
	for (unsigned i = 0; i < n; i++)
		drop(list[i]);
	(void)mach_vm_deallocate(self_task, (mach_vm_address_t)(uintptr_t)list, n * sizeof(*list));
}

static void one_sequence(void)
{
	struct actor actors[2] = { { .act = adds_up, .number = 0 }, { .act = adds_up, .number = 1 } };
	vm_address_t base = (vm_address_t)(uintptr_t)ras_base, bounds = (vm_address_t)(uintptr_t)ras_bounds;

	tap_result(task_set_ras_pc(host, base, bounds), KERN_INVALID_TASK, "RSTR0001 what is no task has no sequence");
	tap(task_set_ras_pc(self_task, base, base) == KERN_INVALID_ARGUMENT && task_set_ras_pc(self_task, bounds, base) == KERN_INVALID_ARGUMENT &&
	    task_set_ras_pc(self_task, base, 1ull << 63) == KERN_INVALID_ARGUMENT, "RSTR0002 it has a length, and is in user memory");
	tap_result(task_set_ras_pc(self_task, base, bounds), KERN_SUCCESS, "RSTR0003 a task has one");
	for (int i = 0; i < 2; i++) {
		actor_start(&actors[i]);
		bind_to_first(actors[i].thread);
	}
	ras_begin = true;
	/* A beginning of the two without an end is one that runs now. */
	for (int i = 0; i < THREADS_TRIES && ras_starts[0] + ras_starts[1] < ras_ends[0] + ras_ends[1] + 12; i++)
		usleep(5000);
	ras_over = true;
	for (int i = 0; i < 2; i++)
		(void)actor_join(&actors[i]);
	tap(shared == ras_ends[0] + ras_ends[1], "RSTR0004 two threads of one CPU lose nothing that they add (%llu of %llu)", (unsigned long long)shared,
	    (unsigned long long)(ras_ends[0] + ras_ends[1]));
	tap(ras_starts[0] + ras_starts[1] >= shared + 10, "RSTR0005 for they began anew (%llu times)", (unsigned long long)(ras_starts[0] + ras_starts[1] - shared));
	tap_result(task_set_ras_pc(self_task, 0, 0), KERN_SUCCESS, "RSTR0006 it is taken back");
}

/* ---- ranges that others ask to leave ---- */

extern char range_begin[], range_end[], range_recovery[];
static volatile uint64_t in_range;

/* Stays in the range until somebody sends it to its recovery. */
__attribute__((noinline, noclone)) static void stays(void)
{
	__asm__ volatile("range_begin: movq $1, %0\n"
			 "1: pause; jmp 1b\n"
			 "nop; range_end: nop\n"
			 "range_recovery: movq $2, %0" : "=m"(in_range) : : "memory");
}

static kern_return_t stay(struct actor *a)
{
	stays();
	return KERN_SUCCESS;
}

static task_restartable_range_t range_of(char *begin, char *end, char *recovery)
{
	return (task_restartable_range_t){ .location = (uintptr_t)begin, .length = (unsigned short)(end - begin), .recovery_offs = (unsigned short)(recovery - begin) };
}

static kern_return_t nothing(struct actor *a)
{
	(void)thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 600000);
	return KERN_SUCCESS;
}

static void range_errors(void)
{
	task_restartable_range_t good = range_of(range_begin, range_end, range_recovery), bad[2] = { good, good };
	struct actor other = { .act = nothing };
	mach_port_t task;

	(void)task_create(self_task, NULL, 0, TRUE, &task);
	tap(task_restartable_ranges_register(task, &good, 1) == KERN_FAILURE && task_restartable_ranges_register(host, &good, 1) == KERN_FAILURE,
	    "RSTR0010 ranges are the calling task's");
	tap(task_restartable_ranges_synchronize(task) == KERN_FAILURE && task_restartable_ranges_synchronize(host) == KERN_FAILURE, "RSTR0011 so is asking to leave them");
	(void)task_terminate(task);
	drop(task);
	tap_result(task_restartable_ranges_synchronize(self_task), KERN_SUCCESS, "RSTR0012 without any, nobody is in one");
	tap_result(task_restartable_ranges_register(self_task, &good, 0), KERN_INVALID_ARGUMENT, "RSTR0013 none are not some");
	tap_result(task_restartable_ranges_register(self_task, bad, 2), KERN_INVALID_ARGUMENT, "RSTR0014 they do not overlap");
	bad[0].flags = 1;
	tap_result(task_restartable_ranges_register(self_task, bad, 1), KERN_INVALID_ARGUMENT, "RSTR0015 there are no flags");
	bad[0] = good;
	bad[0].length = TASK_RESTARTABLE_OFFSET_MAX + 1;
	tap_result(task_restartable_ranges_register(self_task, bad, 1), KERN_INVALID_ARGUMENT, "RSTR0016 nor long ones");
	bad[0].length = good.length;
	bad[0].recovery_offs = TASK_RESTARTABLE_OFFSET_MAX + 1;
	tap_result(task_restartable_ranges_register(self_task, bad, 1), KERN_INVALID_ARGUMENT, "RSTR0017 nor recoveries far away");
	bad[0] = good;
	bad[0].location = UINT64_MAX - 10;
	tap_result(task_restartable_ranges_register(self_task, bad, 1), KERN_INVALID_ARGUMENT, "RSTR0018 nor outside of user memory");
	(void)actor_blocks(&other);
	tap_result(task_restartable_ranges_register(self_task, &good, 1), KERN_NOT_SUPPORTED, "RSTR0019 a task with two threads is too late");
	(void)thread_abort(other.thread);
	(void)actor_join(&other);
	while (task_restartable_ranges_register(self_task, &good, 1) == KERN_NOT_SUPPORTED)
		usleep(1000); /* joined, its last instructions may be to come */
	tap_result(task_restartable_ranges_register(self_task, &good, 1), KERN_NOT_SUPPORTED, "RSTR0020 with one it has them, once");
}

static void ranges(void)
{
	struct actor a = { .act = stay };

	actor_start(&a);
	for (int i = 0; i < THREADS_TRIES && in_range != 1; i++)
		usleep(500);
	usleep(20000);
	tap(in_range == 1 && !a.done, "RSTR0021 a thread is in a range and stays");
	tap_result(task_restartable_ranges_synchronize(self_task), KERN_SUCCESS, "RSTR0022 it is asked to leave");
	(void)actor_join(&a);
	tap(in_range == 2, "RSTR0023 and goes on at its recovery");
	in_range = 0;
	actor_start(&a);
	for (int i = 0; i < THREADS_TRIES && in_range != 1; i++)
		usleep(500);
	(void)thread_suspend(a.thread);
	tap_result(task_restartable_ranges_synchronize(self_task), KERN_SUCCESS, "RSTR0024 one that is suspended is not waited for");
	tap(in_range == 1, "RSTR0025 and is where it was");
	(void)thread_resume(a.thread);
	(void)actor_join(&a);
	tap(in_range == 2, "RSTR0026 until it runs");
}

int main(void)
{
	unsigned names;

	self_task = mach_task_self();
	host = mach_host_self();
	range_errors();
	names = tap_names();
	emulation_errors();
	emulation();
	emulation_in_children();
	one_sequence();
	ranges();
	tap(tap_names() <= names + 1, "RSTR0090 no name is left over (%u, %u)", names, tap_names());
	return tap_done();
}

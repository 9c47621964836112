/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task_perf.c - the bench's program for tasks, threads, exceptions and waiting on our nodes: rows named as OSF mach_perf's task, thread,
 * exc and sched tests where it has them.
 *
 *   task_perf N        every row, N rounds each
 *
 * `task fork+exit+wait` is what Linux's fork, _exit and waitpid do: a task with a copy of this one's memory, a thread in it that exits
 * at once, and the wait for its exit status. A row's round begins with the instruction that bench/profile/pages.c looks for.
 */
#include <mach/exc_server.h>
#include <mach/mach.h>
#include <mach/mach_exc_server.h>
#include <mach/task_special_ports.h>
#include <mach/thread_status.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "measure.h"

#define WARM_UP 50
#define SERVE_MAX 4096

static mach_port_t self, other_thread, other_task, port, semaphore, answer;

static void
drop(mach_port_t right)
{
	check(mach_port_deallocate(self, right), "mach_port_deallocate");
}

static void
row(const char *name, void (*round)(void), unsigned n)
{
	struct measure m;

	for (unsigned i = 0; i < WARM_UP; i++)
		round();
	m = measure_begin(n);
	for (unsigned i = 0; i < n; i++) {
		uint64_t start = measure_tsc();

		__asm__ volatile("nopl 0x4853454d(%rax)");
		round();
		measure_add(&m, measure_tsc() - start);
	}
	measure_end(&m, 1);
	measure_print(name, "local", n, m.p50_us, m.p99_us);
}

/* ---- tasks ---- */

static _Alignas(16) char child_stack[4096];

/* The child's first instructions: exit_group(0). */
__attribute__((naked)) static void
child_exits(void)
{
	__asm__("movl $231, %eax; xorl %edi, %edi; syscall");
}

static void
fork_exit_wait(void)
{
	static const x86_thread_state64_t no_state;
	x86_thread_state64_t state = no_state;
	union {
		mach_msg_header_t header;
		uint8_t bytes[256];
	} exited;
	mach_port_t task, thread;

	state.rip = (uint64_t)child_exits;
	state.rsp = (uint64_t)child_stack + sizeof child_stack - 8;
	state.rflags = 0x202;
	check(task_create(self, NULL, 0, TRUE, &task), "task_create");
	check(task_set_special_port(task, TASK_EXIT_PORT, port), "task_set_special_port");
	check(thread_create_running(task, x86_THREAD_STATE64, (thread_state_t)&state, x86_THREAD_STATE64_COUNT, &thread),
	      "thread_create_running");
	check(mach_msg(&exited.header, MACH_RCV_MSG, 0, sizeof exited, port, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL), "waiting");
	drop(thread);
	drop(task);
}

static void
create_and_terminate_task(void)
{
	mach_port_t task;

	check(task_create(self, NULL, 0, FALSE, &task), "task_create");
	check(task_terminate(task), "task_terminate");
	drop(task);
}

static void
copy_and_terminate_task(void)
{
	mach_port_t task;

	check(task_create(self, NULL, 0, TRUE, &task), "task_create");
	check(task_terminate(task), "task_terminate");
	drop(task);
}

static void
suspend_and_resume_task(void)
{
	check(task_suspend(other_task), "task_suspend");
	check(task_resume(other_task), "task_resume");
}

static void
ask_task(void)
{
	task_basic_info_64_data_t info;
	mach_msg_type_number_t count = TASK_BASIC_INFO_64_COUNT;

	check(task_info(self, TASK_BASIC_INFO_64, (task_info_t)&info, &count), "task_info");
}

static void
list_threads(void)
{
	mach_port_t *list;
	mach_msg_type_number_t count;

	check(task_threads(self, &list, &count), "task_threads");
	for (unsigned i = 0; i < count; i++)
		drop(list[i]);
	check(mach_vm_deallocate(self, (mach_vm_address_t)list, count * sizeof *list), "mach_vm_deallocate");
}

static void
get_special_port(void)
{
	mach_port_t right;

	check(task_get_special_port(self, TASK_KERNEL_PORT, &right), "task_get_special_port");
	drop(right);
}

/* ---- threads ---- */

static void
create_and_terminate_thread(void)
{
	mach_port_t thread;

	check(thread_create(self, &thread), "thread_create");
	check(thread_terminate(thread), "thread_terminate");
	drop(thread);
}

static void *
do_nothing(void *unused)
{
	return NULL;
}

static void
create_and_join(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, do_nothing, NULL) != 0)
		check(KERN_RESOURCE_SHORTAGE, "pthread_create");
	pthread_join(thread, NULL);
}

static void
suspend_and_resume_thread(void)
{
	check(thread_suspend(other_thread), "thread_suspend");
	check(thread_resume(other_thread), "thread_resume");
}

static x86_thread_state64_t registers;

static void
get_state(void)
{
	mach_msg_type_number_t count = x86_THREAD_STATE64_COUNT;

	check(thread_get_state(other_thread, x86_THREAD_STATE64, (thread_state_t)&registers, &count), "thread_get_state");
}

static void
set_state(void)
{
	check(thread_set_state(other_thread, x86_THREAD_STATE64, (thread_state_t)&registers, x86_THREAD_STATE64_COUNT),
	      "thread_set_state");
}

static void
ask_thread(void)
{
	thread_basic_info_data_t info;
	mach_msg_type_number_t count = THREAD_BASIC_INFO_COUNT;

	check(thread_info(other_thread, THREAD_BASIC_INFO, (thread_info_t)&info, &count), "thread_info");
}

/* ---- exceptions: an undefined instruction that a handler steps over ---- */

static kern_return_t
step_in_state(thread_state_t old, mach_msg_type_number_t old_count, thread_state_t new, mach_msg_type_number_t *new_count)
{
	x86_thread_state64_t state;

	memcpy(&state, old, sizeof state);
	state.rip += 2;
	memcpy(new, &state, sizeof state);
	*new_count = old_count;
	return KERN_SUCCESS;
}

static kern_return_t
catch_default(mach_port_t at, mach_port_t thread, mach_port_t task, exception_type_t type, exception_data_t code,
	      mach_msg_type_number_t codes)
{
	x86_thread_state64_t state;
	mach_msg_type_number_t count = x86_THREAD_STATE64_COUNT;
	kern_return_t kr = thread_get_state(thread, x86_THREAD_STATE64, (thread_state_t)&state, &count);

	state.rip += 2;
	if (kr == KERN_SUCCESS)
		kr = thread_set_state(thread, x86_THREAD_STATE64, (thread_state_t)&state, count);
	drop(thread);
	drop(task);
	return kr;
}

static kern_return_t
catch_state(mach_port_t at, exception_type_t type, exception_data_t code, mach_msg_type_number_t codes, int *flavor,
	    thread_state_t old, mach_msg_type_number_t old_count, thread_state_t new, mach_msg_type_number_t *new_count)
{
	return step_in_state(old, old_count, new, new_count);
}

static kern_return_t
catch_identity(mach_port_t at, mach_port_t thread, mach_port_t task, exception_type_t type, exception_data_t code,
	       mach_msg_type_number_t codes, int *flavor, thread_state_t old, mach_msg_type_number_t old_count, thread_state_t new,
	       mach_msg_type_number_t *new_count)
{
	drop(thread);
	drop(task);
	return step_in_state(old, old_count, new, new_count);
}

static boolean_t
demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct exc_ops ops = { catch_default, catch_state, catch_identity };

	return exc_demux(&ops, in, out);
}

static void *
handle(void *at)
{
	check(mach_msg_server(demux, SERVE_MAX, (mach_port_t)(uintptr_t)at, MACH_MSG_OPTION_NONE), "mach_msg_server");
	return NULL;
}

static void
raise_one(void)
{
	__asm__ volatile("ud2");
}

static void
exceptions(unsigned n)
{
	static const struct {
		const char *name;
		int behavior, flavor;
	} kinds[] = {
		{ "exception, default", EXCEPTION_DEFAULT, 0 },
		{ "exception, state", EXCEPTION_STATE, x86_THREAD_STATE64 },
		{ "exception, state identity", EXCEPTION_STATE_IDENTITY, x86_THREAD_STATE64 },
	};
	pthread_t handler;
	mach_port_t at;

	check(mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &at), "mach_port_allocate");
	check(mach_port_insert_right(self, at, at, MACH_MSG_TYPE_MAKE_SEND), "mach_port_insert_right");
	(void)pthread_create(&handler, NULL, handle, (void *)(uintptr_t)at);
	for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		check(task_set_exception_ports(self, EXC_MASK_BAD_INSTRUCTION, at, kinds[i].behavior, kinds[i].flavor),
		      "task_set_exception_ports");
		row(kinds[i].name, raise_one, n);
	}
	check(task_set_exception_ports(self, EXC_MASK_BAD_INSTRUCTION, MACH_PORT_NULL, EXCEPTION_DEFAULT, 0),
	      "task_set_exception_ports");
}

/* ---- waiting ---- */

static void
signal_and_wait(void)
{
	check(semaphore_signal(semaphore), "semaphore_signal");
	check(semaphore_wait(semaphore), "semaphore_wait");
}

static void *
answer_signals(void *unused)
{
	for (;;)
		check(semaphore_wait_signal(semaphore, answer), "semaphore_wait_signal");
	return NULL;
}

static void
signal_other(void)
{
	check(semaphore_wait_signal(answer, semaphore), "semaphore_wait_signal");
}

static mach_port_t timer;

static void
arm_and_cancel(void)
{
	check(mk_timer_arm(timer, ~0ull >> 2), "mk_timer_arm");
	check(mk_timer_cancel(timer, NULL), "mk_timer_cancel");
}

static void
arm_and_receive(void)
{
	struct {
		mk_timer_expire_msg_t m;
		mach_msg_trailer_t trailer;
	} message;

	check(mk_timer_arm(timer, 1), "mk_timer_arm");
	check(mach_msg(&message.m.header, MACH_RCV_MSG, 0, sizeof message, timer, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL), "a timer");
}

static void
waits(unsigned n)
{
	pthread_t thread;

	check(semaphore_create(self, &semaphore, SYNC_POLICY_FIFO, 0), "semaphore_create");
	check(semaphore_create(self, &answer, SYNC_POLICY_FIFO, 0), "semaphore_create");
	row("semaphore signal+wait", signal_and_wait, n);
	/* Its first wait_signal signals once before it waits: taken here. */
	(void)pthread_create(&thread, NULL, answer_signals, NULL);
	check(semaphore_wait(answer), "semaphore_wait");
	row("semaphore, to a thread and back", signal_other, n);
	timer = mk_timer_create();
	row("timer arm+cancel", arm_and_cancel, n);
	row("timer arm+receive", arm_and_receive, n);
}

static void *
wait_for_ever(void *name)
{
	*(mach_port_t *)name = mach_thread_self();
	for (;;)
		(void)thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 1000000);
	return NULL;
}

int
main(int argc, char **argv)
{
	unsigned n = argc == 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	pthread_t thread;

	if (n == 0) {
		puts("usage: task_perf N");
		return 2;
	}
	self = mach_task_self();
	check(mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &port), "mach_port_allocate");
	check(mach_port_insert_right(self, port, port, MACH_MSG_TYPE_MAKE_SEND), "mach_port_insert_right");
	row("task fork+exit+wait", fork_exit_wait, n / 4 + 1);
	(void)pthread_create(&thread, NULL, wait_for_ever, &other_thread);
	while (*(volatile mach_port_t *)&other_thread == MACH_PORT_NULL)
		(void)swtch();
	check(task_create(self, NULL, 0, FALSE, &other_task), "task_create");
	row("task create+terminate", create_and_terminate_task, n);
	row("task create+terminate, memory inherited", copy_and_terminate_task, n / 4 + 1);
	row("task suspend+resume", suspend_and_resume_task, n);
	row("task info", ask_task, n);
	row("task threads", list_threads, n);
	row("task get special port", get_special_port, n);
	row("thread create+terminate", create_and_terminate_thread, n);
	row("thread create+join", create_and_join, n);
	row("thread suspend+resume", suspend_and_resume_thread, n);
	row("thread get state", get_state, n);
	row("thread set state", set_state, n);
	row("thread info", ask_thread, n);
	exceptions(n);
	waits(n);
	puts("BENCH-DONE");
	return 0;
}

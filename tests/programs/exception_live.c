/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: exceptions go to ports: a handler mends a fault and the thread goes on; one it refuses ends the task, and
 *   its exit port is told.
 */
#include "tap.h"

#include <mach/mach_exc_server.h>
#include <mach/spawn.h>
#include <mach/thread_status.h>
#include <pthread.h>
#include <servers/bootstrap.h>
#include <servers/task_exit_server.h>
#include <stdlib.h>
#include <string.h>

#define HOLE ((volatile uint32_t *)0x123456789000ull)
#define PAGE 4096

static mach_port_t port;
static volatile int raised, last_type;
static volatile int64_t last_subcode;
static volatile bool ended;
static volatile int status;

/* Mend what happens in this task; refuse the rest. */
static kern_return_t mend(mach_port_t exception_port, mach_port_t thread, mach_port_t task, exception_type_t type,
			  mach_exception_data_t code, mach_msg_type_number_t count)
{
	mach_vm_address_t page = (mach_vm_address_t)(uintptr_t)HOLE;
	x86_thread_state64_t state;
	mach_msg_type_number_t words = x86_THREAD_STATE64_COUNT;
	kern_return_t result = KERN_FAILURE;

	raised++;
	last_type = type;
	last_subcode = count == 2 ? code[1] : 0;
	if (task == mach_task_self() && type == EXC_BAD_ACCESS)
		result = mach_vm_allocate(task, &page, PAGE, VM_FLAGS_FIXED);
	if (task == mach_task_self() && type == EXC_BAD_INSTRUCTION) { /* ud2: step over it */
		result = thread_get_state(thread, x86_THREAD_STATE64, (thread_state_t)&state, &words);
		state.rip += 2;
		if (result == KERN_SUCCESS)
			result = thread_set_state(thread, x86_THREAD_STATE64, (thread_state_t)&state, words);
	}
	if (result != KERN_SUCCESS)
		return result;
	(void)mach_port_deallocate(mach_task_self(), thread);
	(void)mach_port_deallocate(mach_task_self(), task);
	return KERN_SUCCESS;
}

static kern_return_t take_exit(mach_port_t exit_port, uint64_t id, int how)
{
	status = how;
	ended = true;
	return KERN_SUCCESS;
}

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct mach_exc_ops exceptions = { .mach_exception_raise = mend };
	static const struct task_exit_ops exits = { .task_exited = take_exit };

	return mach_exc_demux(&exceptions, in, out) || task_exit_demux(&exits, in, out);
}

static void *serve(void *unused)
{
	(void)mach_msg_server(demux, 4096, port, MACH_MSG_OPTION_NONE);
	return NULL;
}

/* A child that faults; this task's handler, which it inherits, refuses. */
static void child_ends(const char *how, int type, int signal, const char *id)
{
	const char *argv[] = { "bin/test", how, NULL };
	struct mach_spawn what = { .argv = argv, .exit = port };
	mach_msg_type_number_t bytes = 0;
	uint8_t *image = NULL;
	int before = raised;

	ended = false;
	if (bootstrap_file(bootstrap_port, "bin/test", &image, &bytes) == KERN_SUCCESS) {
		what.image = image;
		what.bytes = bytes;
		if (mach_spawn(&what, NULL, NULL) != KERN_SUCCESS)
			ended = true;
		(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)image, bytes);
	}
	while (!ended)
		(void)swtch();
	tap(raised == before + 1 && last_type == type && status == signal,
	    "%s a child's exception that is refused ends it: type %d, status %d", id, last_type, status);
}

int main(int argc, char **argv)
{
	pthread_t server;
	unsigned names;

	if (argc == 2 && strcmp(argv[1], "fault") == 0)
		return (int)*HOLE;
	if (argc == 2 && strcmp(argv[1], "divide") == 0) {
		__asm__ volatile("xorl %%ecx, %%ecx; movl $1, %%eax; cltd; idivl %%ecx" : : : "eax", "ecx", "edx");
		return 0;
	}
	(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
	(void)mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
	(void)pthread_create(&server, NULL, serve, NULL);
	tap_result(task_set_exception_ports(mach_task_self(), 1u << 31, port, EXCEPTION_DEFAULT, 0), KERN_INVALID_ARGUMENT,
		   "LIVE0200 an unknown kind is refused");
	tap_result(task_set_exception_ports(mach_task_self(), EXC_MASK_ALL, port, 4, 0), KERN_INVALID_ARGUMENT,
		   "LIVE0201 so is a behavior that there is not");
	tap_result(task_set_exception_ports(mach_task_self(), EXC_MASK_ALL, port, EXCEPTION_DEFAULT | MACH_EXCEPTION_CODES, 0), KERN_SUCCESS,
		   "LIVE0202 the task's exception port");
	*HOLE = 42;
	tap(*HOLE == 42 && raised == 1 && last_type == EXC_BAD_ACCESS && last_subcode == (int64_t)(uintptr_t)HOLE,
	    "LIVE0203 a fault is mended, and the thread goes on: %u, subcode %#llx", *HOLE, (unsigned long long)last_subcode);
	__asm__ volatile("ud2");
	tap(raised == 2 && last_type == EXC_BAD_INSTRUCTION, "LIVE0204 a thread is moved on by its registers");
	child_ends("fault", EXC_BAD_ACCESS, 11, "LIVE0205");
	child_ends("divide", EXC_ARITHMETIC, 8, "LIVE0206");
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)HOLE, PAGE);
	names = tap_names();
	for (int i = 0; i < 1000; i++) {
		*HOLE = (uint32_t)i;
		(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)HOLE, PAGE);
	}
	tap(raised == 1004 && tap_names() == names, "LIVE0207 1000 faults mended, no name more: %u, now %u", names, tap_names());
	tap_result(task_set_exception_ports(mach_task_self(), EXC_MASK_ALL, MACH_PORT_NULL, EXCEPTION_DEFAULT, 0), KERN_SUCCESS,
		   "LIVE0208 no port any more");
	tap(tap_refs(port, MACH_PORT_RIGHT_SEND) == 1, "LIVE0209 the right is ours again");
	return tap_done();
}

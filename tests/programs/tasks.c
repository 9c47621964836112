/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: the calls on tasks, threads and the host: what each does and each of its errors, on this task and on another.
 *
 * Runs as the first task, which has the node's control port.
 */
#include "child.h"
#include "tap.h"
#include "threads.h"

#include <mach/host_info.h>
#include <mach/task_special_ports.h>
#include <string.h>
#include <sys/syscall.h>

#define NEW_PORT_NAME 0x2003

static mach_port_t self_task, host;

static void drop(mach_port_t right)
{
	(void)mach_port_deallocate(self_task, right);
}

static mach_port_t new_port(void)
{
	mach_port_t port = MACH_PORT_NULL;

	(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_RECEIVE, &port);
	(void)mach_port_insert_right(self_task, port, port, MACH_MSG_TYPE_MAKE_SEND);
	return port;
}

static void end_port(mach_port_t port)
{
	(void)mach_port_destroy(self_task, port);
}

/* ---- another task, a copy of this, whose threads count ---- */

/* Tells its rax, which a system call that goes on would have written. */
__attribute__((naked)) static void child_tells(void)
{
	__asm__("movq %rax, counter(%rip); 1: pause; jmp 1b");
}

static void child_waits(void)
{
	mach_task_self_ = task_self_trap();
	for (;;)
		(void)thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 600000);
}

static bool counts(mach_port_t task)
{
	uint64_t before = count_of(task);

	for (int i = 0; i < THREADS_TRIES; i++) {
		usleep(500);
		if (count_of(task) != before)
			return true;
	}
	return false;
}

/* ---- tasks ---- */

static void create_and_terminate(void)
{
	mach_port_t task = MACH_PORT_NULL, ledger = new_port(), empty = MACH_PORT_NULL, thread;
	x86_thread_state64_t bad = { .rip = 1ull << 63 };

	tap_result(task_create(host, NULL, 0, FALSE, &task), KERN_INVALID_TASK, "TASK0001 no task is made of what is none");
	tap_result(task_create(self_task, &ledger, 1, FALSE, &empty), KERN_SUCCESS, "TASK0002 one without memory; a ledger is ignored");
	tap(tap_refs(ledger, MACH_PORT_RIGHT_SEND) == 1, "TASK0003 and not kept");
	end_port(ledger);
	tap_result(task_create(self_task, NULL, 0, TRUE, &task), KERN_SUCCESS, "TASK0004 one with a copy of this one's memory");
	thread = run_in(task, child_counts, 0);
	tap(thread != MACH_PORT_NULL && counts(task) && counter == 0, "TASK0005 it runs in memory of its own");
	tap_result(thread_create_running(empty, x86_THREAD_STATE64, (thread_state_t)&bad, x86_THREAD_STATE64_COUNT, &thread),
		   KERN_INVALID_ARGUMENT, "TASK0006 no thread begins outside user memory");
	tap_result(thread_create_running(empty, 77, (thread_state_t)&bad, x86_THREAD_STATE64_COUNT, &thread), KERN_INVALID_ARGUMENT,
		   "TASK0007 nor in a flavour that is none");
	tap_result(thread_create_running(host, x86_THREAD_STATE64, (thread_state_t)&bad, x86_THREAD_STATE64_COUNT, &thread),
		   KERN_INVALID_TASK, "TASK0008 nor in no task");
	tap_result(thread_create(host, &thread), KERN_INVALID_TASK, "TASK0009 not even suspended");
	tap_result(task_terminate(host), KERN_INVALID_TASK, "TASK0010 no task, no end");
	tap_result(task_terminate(task), KERN_SUCCESS, "TASK0011 a task ends");
	tap(dies(task), "TASK0012 and its port");
	tap_result(task_terminate(empty), KERN_SUCCESS, "TASK0013 one without threads ends too");
	drop(task);
	drop(empty);
}

static void suspend_and_resume(void)
{
	mach_port_t task, thread;
	task_basic_info_64_data_t info = { 0 };
	mach_msg_type_number_t count = TASK_BASIC_INFO_64_COUNT;

	(void)task_create(self_task, NULL, 0, TRUE, &task);
	thread = run_in(task, child_counts, 0);
	tap(counts(task), "TASK0020 a child runs");
	tap_result(task_resume(task), KERN_FAILURE, "TASK0021 what is not suspended is not resumed");
	tap_result(task_suspend(task), KERN_SUCCESS, "TASK0022 it is suspended");
	tap(stands_still(task), "TASK0023 and stands still");
	tap_result(task_suspend(task), KERN_SUCCESS, "TASK0024 twice");
	tap(task_info(task, TASK_BASIC_INFO_64, (task_info_t)&info, &count) == KERN_SUCCESS && info.suspend_count == 2,
	    "TASK0025 it is counted");
	tap(task_resume(task) == KERN_SUCCESS && stands_still(task), "TASK0026 one resumption is not enough");
	tap(thread_suspend(thread) == KERN_SUCCESS && task_resume(task) == KERN_SUCCESS && stands_still(task),
	    "TASK0027 nor two while its thread is suspended");
	tap(thread_suspend(thread) == KERN_SUCCESS && thread_resume(thread) == KERN_SUCCESS && stands_still(task),
	    "TASK0028 threads are counted too");
	tap(thread_resume(thread) == KERN_SUCCESS && counts(task), "TASK0029 then it runs");
	tap_result(thread_resume(thread), KERN_FAILURE, "TASK0030 a thread that is not suspended is not resumed");
	tap_result(task_suspend(host), KERN_INVALID_TASK, "TASK0031 no task is suspended");
	tap_result(task_resume(host), KERN_INVALID_TASK, "TASK0032 nor resumed");
	tap_result(thread_suspend(host), KERN_INVALID_ARGUMENT, "TASK0033 nor is no thread");
	tap_result(thread_resume(host), KERN_INVALID_ARGUMENT, "TASK0034 nor resumed");
	(void)task_terminate(task);
	drop(thread);
	drop(task);
}

/* A flavour fills exactly its words, and not one less. */
static void flavour(const char *id, const char *name, mach_port_t task, task_flavor_t flavor, mach_msg_type_number_t words)
{
	task_info_data_t info;
	mach_msg_type_number_t count = TASK_INFO_MAX, less = words - 1;

	tap(task_info(task, flavor, info, &count) == KERN_SUCCESS && count == words &&
	    task_info(task, flavor, info, &less) == KERN_INVALID_ARGUMENT, "%s task_info %s: %u words", id, name, count);
}

static void infos(void)
{
	task_absolutetime_info_data_t times;
	task_events_info_data_t before, after;
	task_basic_info_32_data_t narrow;
	task_basic_info_64_data_t wide;
	task_name_info_data_t name = { .name = "a b" }, told;
	security_token_t token;
	mach_msg_type_number_t count;
	volatile char *page;
	mach_vm_address_t address = 0;

	flavour("TASK0040", "BASIC_INFO_32", self_task, TASK_BASIC_INFO_32, TASK_BASIC_INFO_32_COUNT);
	flavour("TASK0041", "BASIC_INFO_64", self_task, TASK_BASIC_INFO_64, TASK_BASIC_INFO_64_COUNT);
	flavour("TASK0042", "MACH_TASK_BASIC_INFO", self_task, MACH_TASK_BASIC_INFO, MACH_TASK_BASIC_INFO_COUNT);
	flavour("TASK0043", "THREAD_TIMES_INFO", self_task, TASK_THREAD_TIMES_INFO, TASK_THREAD_TIMES_INFO_COUNT);
	flavour("TASK0044", "ABSOLUTETIME_INFO", self_task, TASK_ABSOLUTETIME_INFO, TASK_ABSOLUTETIME_INFO_COUNT);
	flavour("TASK0045", "EVENTS_INFO", self_task, TASK_EVENTS_INFO, TASK_EVENTS_INFO_COUNT);
	flavour("TASK0046", "SECURITY_TOKEN", self_task, TASK_SECURITY_TOKEN, TASK_SECURITY_TOKEN_COUNT);
	flavour("TASK0047", "AUDIT_TOKEN", self_task, TASK_AUDIT_TOKEN, TASK_AUDIT_TOKEN_COUNT);
	flavour("TASK0048", "NAME_INFO", self_task, TASK_NAME_INFO, TASK_NAME_INFO_COUNT);
	flavour("TASK0310", "AFFINITY_TAG_INFO", self_task, TASK_AFFINITY_TAG_INFO, TASK_AFFINITY_TAG_INFO_COUNT);
	flavour("TASK0311", "EXTMOD_INFO", self_task, TASK_EXTMOD_INFO, TASK_EXTMOD_INFO_COUNT);
	flavour("TASK0312", "POWER_INFO", self_task, TASK_POWER_INFO, TASK_POWER_INFO_COUNT);
	count = TASK_BASIC_INFO_64_COUNT;
	tap_result(task_info(self_task, 9999, (task_info_t)&wide, &count), KERN_INVALID_ARGUMENT, "TASK0049 no other flavour");
	tap_result(task_info(host, TASK_BASIC_INFO_64, (task_info_t)&wide, &count), KERN_INVALID_TASK, "TASK0050 of no task");
	count = TASK_BASIC_INFO_64_COUNT;
	(void)task_info(self_task, TASK_BASIC_INFO_64, (task_info_t)&wide, &count);
	count = TASK_BASIC_INFO_32_COUNT;
	(void)task_info(self_task, TASK_BASIC_INFO_32, (task_info_t)&narrow, &count);
	tap(wide.virtual_size > 0 && wide.resident_size > 0 && wide.resident_size <= wide.virtual_size &&
	    (narrow.virtual_size == wide.virtual_size || narrow.virtual_size == UINT32_MAX), "TASK0051 its sizes");
	count = TASK_ABSOLUTETIME_INFO_COUNT;
	(void)task_info(self_task, TASK_ABSOLUTETIME_INFO, (task_info_t)&times, &count);
	tap(times.threads_user + times.threads_system > 0 && times.total_user >= times.threads_user &&
	    times.total_system >= times.threads_system, "TASK0052 its times");
	count = TASK_EVENTS_INFO_COUNT;
	(void)task_info(self_task, TASK_EVENTS_INFO, (task_info_t)&before, &count);
	(void)mach_vm_allocate(self_task, &address, 4 * 4096, VM_FLAGS_ANYWHERE);
	page = (volatile char *)(uintptr_t)address;
	for (unsigned i = 0; i < 4; i++)
		page[i * 4096] = 1;
	(void)getppid();
	(void)task_info(self_task, TASK_EVENTS_INFO, (task_info_t)&after, &count);
	(void)mach_vm_deallocate(self_task, address, 4 * 4096);
	tap(after.faults > before.faults && after.syscalls_mach > before.syscalls_mach && after.syscalls_unix > before.syscalls_unix &&
	    after.csw >= before.csw, "TASK0053 its events: %d faults, %d Mach calls, %d Linux calls, %d switches", after.faults,
	    after.syscalls_mach, after.syscalls_unix, after.csw);
	count = TASK_SECURITY_TOKEN_COUNT;
	tap_result(task_info(self_task, TASK_SECURITY_TOKEN, (task_info_t)&token, &count), KERN_SUCCESS, "TASK0054 its token");
	tap_result(task_set_info(self_task, TASK_NAME_INFO, (task_info_t)&name, TASK_NAME_INFO_COUNT), KERN_SUCCESS, "TASK0055 a name");
	count = TASK_NAME_INFO_COUNT;
	tap(task_info(self_task, TASK_NAME_INFO, (task_info_t)&told, &count) == KERN_SUCCESS && strcmp(told.name, "a?b") == 0 &&
	    told.thread_count >= 1 && told.port_names > 0, "TASK0056 is told, its strange characters aside");
	tap_result(task_set_info(self_task, TASK_NAME_INFO, (task_info_t)&name, 3), KERN_INVALID_ARGUMENT, "TASK0057 a name is so long");
	tap_result(task_set_info(self_task, TASK_BASIC_INFO_64, (task_info_t)&wide, TASK_BASIC_INFO_64_COUNT), KERN_INVALID_ARGUMENT,
		   "TASK0058 nothing else can be set");
	tap_result(task_set_info(host, TASK_NAME_INFO, (task_info_t)&name, TASK_NAME_INFO_COUNT), KERN_INVALID_TASK,
		   "TASK0059 and of no task");
}

static void special_ports(void)
{
	mach_port_t port = new_port(), other = MACH_PORT_NULL, was = MACH_PORT_NULL, name = MACH_PORT_NULL, child;
	task_basic_info_64_data_t info;
	mach_msg_type_number_t count = TASK_BASIC_INFO_64_COUNT;

	tap(task_get_special_port(self_task, TASK_KERNEL_PORT, &other) == KERN_SUCCESS && other == self_task, "TASK0060 its own port");
	drop(other);
	tap(task_get_special_port(self_task, TASK_HOST_PORT, &other) == KERN_SUCCESS && other == host, "TASK0061 its host's");
	drop(other);
	(void)task_get_special_port(self_task, TASK_BOOTSTRAP_PORT, &was);
	tap(task_set_special_port(self_task, TASK_BOOTSTRAP_PORT, port) == KERN_SUCCESS &&
	    task_get_special_port(self_task, TASK_BOOTSTRAP_PORT, &other) == KERN_SUCCESS && other == port, "TASK0062 its bootstrap port");
	drop(other);
	(void)task_create(self_task, NULL, 0, FALSE, &child);
	tap(task_get_special_port(child, TASK_BOOTSTRAP_PORT, &other) == KERN_SUCCESS && other == port, "TASK0063 is its child's too");
	drop(other);
	(void)task_set_special_port(self_task, TASK_BOOTSTRAP_PORT, was);
	tap_result(task_get_special_port(self_task, 50, &other), KERN_INVALID_ARGUMENT, "TASK0064 no such port to get");
	tap_result(task_set_special_port(self_task, 50, port), KERN_INVALID_ARGUMENT, "TASK0065 nor to set");
	tap_result(task_get_special_port(host, TASK_KERNEL_PORT, &other), KERN_INVALID_TASK, "TASK0066 none of no task");
	tap_result(task_set_special_port(host, TASK_KERNEL_PORT, port), KERN_INVALID_TASK, "TASK0067 nor to set");
	tap(task_get_special_port(child, TASK_NAME_PORT, &name) == KERN_SUCCESS && name != child, "TASK0068 a name port is another");
	tap(task_get_special_port(child, TASK_NAME_PORT, &other) == KERN_SUCCESS && other == name, "TASK0069 always the same");
	drop(other);
	tap_result(task_info(name, TASK_BASIC_INFO_64, (task_info_t)&info, &count), KERN_SUCCESS, "TASK0070 it tells of the task");
	tap_result(task_suspend(name), KERN_INVALID_TASK, "TASK0071 and lets nobody touch it");
	tap_result(task_set_special_port(child, TASK_NAME_PORT, port), KERN_INVALID_ARGUMENT, "TASK0072 it cannot be set");
	(void)task_terminate(child);
	tap(dies(name), "TASK0073 it ends with the task");
	drop(name);
	drop(child);
	end_port(port);
}

static void registered_ports(void)
{
	mach_port_t ports[4] = { new_port(), new_port(), MACH_PORT_NULL, MACH_PORT_NULL }, *got = NULL, child;
	mach_msg_type_number_t count = 0;

	tap_result(mach_ports_register(self_task, ports, 4), KERN_INVALID_ARGUMENT, "TASK0080 four ports are too many");
	tap_result(mach_ports_register(host, ports, 2), KERN_INVALID_TASK, "TASK0081 for no task");
	tap_result(mach_ports_register(self_task, ports, 2), KERN_SUCCESS, "TASK0082 two are kept");
	tap(mach_ports_lookup(self_task, &got, &count) == KERN_SUCCESS && count == 3 && got[0] == ports[0] && got[1] == ports[1] &&
	    got[2] == MACH_PORT_NULL, "TASK0083 and told, with a null one");
	(void)mach_vm_deallocate(self_task, (mach_vm_address_t)(uintptr_t)got, count * sizeof(*got));
	drop(ports[0]);
	drop(ports[1]);
	(void)task_create(self_task, NULL, 0, FALSE, &child);
	tap(mach_ports_lookup(child, &got, &count) == KERN_SUCCESS && count == 3 && got[0] == ports[0], "TASK0084 a child has them");
	(void)mach_vm_deallocate(self_task, (mach_vm_address_t)(uintptr_t)got, count * sizeof(*got));
	drop(ports[0]);
	drop(ports[1]);
	(void)task_terminate(child);
	drop(child);
	tap_result(mach_ports_lookup(host, &got, &count), KERN_INVALID_TASK, "TASK0085 no task has none");
	tap_result(mach_ports_register(self_task, NULL, 0), KERN_SUCCESS, "TASK0086 they are given up");
	end_port(ports[0]);
	end_port(ports[1]);
}

/* ---- threads ---- */

static void thread_lists(void)
{
	mach_port_t task, first, second, third = MACH_PORT_NULL, *list = NULL;
	mach_msg_type_number_t count = 0;
	unsigned found = 0;

	(void)task_create(self_task, NULL, 0, TRUE, &task);
	tap(task_threads(task, &list, &count) == KERN_SUCCESS && count == 0, "TASK0100 a new task has no threads");
	first = run_in(task, child_waits, 0);
	second = run_in(task, child_waits, 1);
	tap_result(thread_create(task, &third), KERN_SUCCESS, "TASK0101 a third that does not run");
	tap(task_threads(task, &list, &count) == KERN_SUCCESS && count == 3, "TASK0102 three threads are told");
	for (mach_msg_type_number_t i = 0; i < count; i++) {
		found += list[i] == first || list[i] == second || list[i] == third;
		drop(list[i]);
	}
	(void)mach_vm_deallocate(self_task, (mach_vm_address_t)(uintptr_t)list, count * sizeof(*list));
	tap(found == 3, "TASK0103 by their own ports");
	tap_result(task_threads(host, &list, &count), KERN_INVALID_TASK, "TASK0104 of no task");
	tap_result(thread_terminate(first), KERN_SUCCESS, "TASK0105 a waiting one is ended");
	tap_result(thread_terminate(third), KERN_SUCCESS, "TASK0106 one that never ran too");
	tap(dies(first) && dies(third), "TASK0107 their ports die");
	tap_result(thread_terminate(host), KERN_INVALID_ARGUMENT, "TASK0108 no thread is ended");
	(void)task_terminate(task);
	tap(dies(second), "TASK0109 the last goes with its task");
	drop(first);
	drop(second);
	drop(third);
	drop(task);
}

static void thread_flavour(const char *id, const char *name, mach_port_t thread, thread_flavor_t flavor, mach_msg_type_number_t words)
{
	thread_info_data_t info;
	mach_msg_type_number_t count = THREAD_INFO_MAX, less = words - 1;

	tap(thread_info(thread, flavor, info, &count) == KERN_SUCCESS && count == words &&
	    thread_info(thread, flavor, info, &less) == KERN_INVALID_ARGUMENT, "%s thread_info %s: %u words", id, name, count);
}

static void thread_infos(void)
{
	mach_port_t thread = mach_thread_self();
	thread_extended_info_data_t extended;
	thread_identifier_info_data_t id;
	thread_basic_info_data_t basic;
	mach_msg_type_number_t count = THREAD_BASIC_INFO_COUNT;

	thread_flavour("TASK0120", "BASIC_INFO", thread, THREAD_BASIC_INFO, THREAD_BASIC_INFO_COUNT);
	thread_flavour("TASK0121", "IDENTIFIER_INFO", thread, THREAD_IDENTIFIER_INFO, THREAD_IDENTIFIER_INFO_COUNT);
	thread_flavour("TASK0122", "EXTENDED_INFO", thread, THREAD_EXTENDED_INFO, THREAD_EXTENDED_INFO_COUNT);
	tap(thread_info(thread, THREAD_BASIC_INFO, (thread_info_t)&basic, &count) == KERN_SUCCESS &&
	    basic.run_state == TH_STATE_RUNNING && basic.suspend_count == 0, "TASK0123 it runs");
	count = THREAD_IDENTIFIER_INFO_COUNT;
	tap(thread_info(thread, THREAD_IDENTIFIER_INFO, (thread_info_t)&id, &count) == KERN_SUCCESS && id.thread_id != 0 &&
	    id.thread_handle != 0, "TASK0124 it has an id");
	tap_result(thread_set_name(thread, "worker bee"), KERN_SUCCESS, "TASK0125 a name");
	count = THREAD_EXTENDED_INFO_COUNT;
	tap(thread_info(thread, THREAD_EXTENDED_INFO, (thread_info_t)&extended, &count) == KERN_SUCCESS &&
	    strcmp(extended.pth_name, "worker?bee") == 0 && extended.pth_user_time + extended.pth_system_time > 0 &&
	    extended.pth_curpri > 0, "TASK0126 is told: %s, priority %d", extended.pth_name, extended.pth_curpri);
	tap_result(thread_set_name(host, "x"), KERN_INVALID_ARGUMENT, "TASK0127 no thread has one");
	count = THREAD_BASIC_INFO_COUNT;
	tap_result(thread_info(thread, 999, (thread_info_t)&basic, &count), KERN_INVALID_ARGUMENT, "TASK0128 no other flavour");
	tap_result(thread_info(host, THREAD_BASIC_INFO, (thread_info_t)&basic, &count), KERN_INVALID_ARGUMENT, "TASK0129 of no thread");
	drop(thread);
}

/* A state goes in and comes back; neither in fewer words. */
static void state_flavour(const char *id, const char *name, mach_port_t thread, int flavor, mach_msg_type_number_t words, bool settable)
{
	natural_t state[THREAD_STATE_MAX] = { 0 }, again[THREAD_STATE_MAX];
	mach_msg_type_number_t count = words, more = THREAD_STATE_MAX, less = words - 1;
	kern_return_t kr = thread_get_state(thread, flavor, state, &count), set = thread_set_state(thread, flavor, state, words);

	tap(kr == KERN_SUCCESS && count == words && set == (settable ? KERN_SUCCESS : KERN_INVALID_ARGUMENT) &&
	    thread_get_state(thread, flavor, again, &more) == KERN_SUCCESS && memcmp(state, again, words * sizeof(*state)) == 0 &&
	    thread_get_state(thread, flavor, again, &less) == KERN_INVALID_ARGUMENT &&
	    thread_set_state(thread, flavor, state, words - 1) == KERN_INVALID_ARGUMENT, "%s state %s: %u words (%#x, %#x)", id, name,
	    words, (unsigned)kr, (unsigned)set);
}

static void state_flavours(mach_port_t thread)
{
	x86_thread_state64_t regs = state_at(child_waits, 0), got;
	x86_thread_state_t wrapped = { .tsh = { x86_THREAD_STATE64, x86_THREAD_STATE64_COUNT } };
	x86_avx_state64_t avx;
	mach_msg_type_number_t count = x86_THREAD_STATE64_COUNT;

	regs.rbx = 0x1234;
	tap_result(thread_set_state(thread, x86_THREAD_STATE64, (thread_state_t)&regs, count), KERN_SUCCESS, "TASK0140 registers");
	tap(thread_get_state(thread, x86_THREAD_STATE64, (thread_state_t)&got, &count) == KERN_SUCCESS && got.rbx == 0x1234 &&
	    got.rip == regs.rip, "TASK0141 come back");
	state_flavour("TASK0142", "THREAD_STATE64", thread, x86_THREAD_STATE64, x86_THREAD_STATE64_COUNT, true);
	state_flavour("TASK0143", "FLOAT_STATE64", thread, x86_FLOAT_STATE64, x86_FLOAT_STATE64_COUNT, true);
	state_flavour("TASK0144", "EXCEPTION_STATE64", thread, x86_EXCEPTION_STATE64, x86_EXCEPTION_STATE64_COUNT, false);
	state_flavour("TASK0145", "DEBUG_STATE64", thread, x86_DEBUG_STATE64, x86_DEBUG_STATE64_COUNT, true);
	state_flavour("TASK0146", "AVX_STATE64", thread, x86_AVX_STATE64, x86_AVX_STATE64_COUNT, true);
	state_flavour("TASK0147", "THREAD_STATE", thread, x86_THREAD_STATE, x86_THREAD_STATE_COUNT, true);
	state_flavour("TASK0148", "FLOAT_STATE", thread, x86_FLOAT_STATE, x86_FLOAT_STATE_COUNT, true);
	state_flavour("TASK0149", "EXCEPTION_STATE", thread, x86_EXCEPTION_STATE, x86_EXCEPTION_STATE_COUNT, false);
	state_flavour("TASK0150", "DEBUG_STATE", thread, x86_DEBUG_STATE, x86_DEBUG_STATE_COUNT, true);
	state_flavour("TASK0151", "BASE_STATE64", thread, MESHACH_BASE_STATE64, MESHACH_BASE_STATE64_COUNT, true);
	count = x86_AVX_STATE64_COUNT;
	(void)thread_get_state(thread, x86_AVX_STATE64, (thread_state_t)&avx, &count);
	avx.fpu.fpu_xmm[3][0] = 0x5a;
	avx.fpu_ymmh[3][0] = 0xa5;
	(void)thread_set_state(thread, x86_AVX_STATE64, (thread_state_t)&avx, x86_AVX_STATE64_COUNT);
	memset(&avx, 0, sizeof(avx));
	tap(thread_get_state(thread, x86_AVX_STATE64, (thread_state_t)&avx, &count) == KERN_SUCCESS &&
	    avx.fpu.fpu_xmm[3][0] == 0x5a && avx.fpu_ymmh[3][0] == 0xa5, "TASK0152 both halves of a wide register");
	wrapped.uts.ts64 = regs;
	tap_result(thread_set_state(thread, x86_THREAD_STATE, (thread_state_t)&wrapped, x86_THREAD_STATE_COUNT), KERN_SUCCESS,
		   "TASK0153 a state that says what it is");
	wrapped.tsh.flavor = x86_FLOAT_STATE64;
	tap_result(thread_set_state(thread, x86_THREAD_STATE, (thread_state_t)&wrapped, x86_THREAD_STATE_COUNT), KERN_INVALID_ARGUMENT,
		   "TASK0154 and must");
}

static void bad_states(mach_port_t thread)
{
	x86_thread_state64_t regs = state_at(child_waits, 0), got;
	x86_debug_state64_t debug = { .dr0 = 1ull << 63, .dr7 = 1 };
	x86_avx_state64_t avx;
	meshach_base_state64_t bases = { .fs_base = 1ull << 63 };
	mach_msg_type_number_t count = x86_THREAD_STATE64_COUNT;

	(void)thread_get_state(thread, x86_THREAD_STATE64, (thread_state_t)&got, &count);
	regs.rip = 1ull << 63;
	tap_result(thread_set_state(thread, x86_THREAD_STATE64, (thread_state_t)&regs, x86_THREAD_STATE64_COUNT), KERN_INVALID_ARGUMENT,
		   "TASK0155 no thread goes on in the kernel");
	tap_result(thread_set_state(thread, x86_DEBUG_STATE64, (thread_state_t)&debug, x86_DEBUG_STATE64_COUNT), KERN_INVALID_ARGUMENT,
		   "TASK0156 nobody watches the kernel");
	debug = (x86_debug_state64_t){ .dr0 = 0x1000, .dr7 = 1 | 2 << 16 };
	tap_result(thread_set_state(thread, x86_DEBUG_STATE64, (thread_state_t)&debug, x86_DEBUG_STATE64_COUNT), KERN_INVALID_ARGUMENT,
		   "TASK0157 nor ports");
	tap_result(thread_set_state(thread, MESHACH_BASE_STATE64, (thread_state_t)&bases, MESHACH_BASE_STATE64_COUNT),
		   KERN_INVALID_ARGUMENT, "TASK0158 nor has a base there");
	count = THREAD_STATE_MAX;
	tap_result(thread_get_state(thread, 99, (thread_state_t)&avx, &count), KERN_INVALID_ARGUMENT, "TASK0159 no other flavour");
	tap_result(thread_set_state(host, x86_THREAD_STATE64, (thread_state_t)&got, x86_THREAD_STATE64_COUNT), KERN_INVALID_ARGUMENT,
		   "TASK0160 no thread has one");
	count = x86_THREAD_STATE64_COUNT;
	tap(act_get_state(thread, x86_THREAD_STATE64, (thread_state_t)&got, &count) == KERN_SUCCESS &&
	    act_set_state(thread, x86_THREAD_STATE64, (thread_state_t)&got, count) == KERN_SUCCESS, "TASK0161 the same by their older names");
	count = x86_THREAD_STATE64_COUNT;
	tap_result(act_get_state(host, x86_THREAD_STATE64, (thread_state_t)&got, &count), KERN_INVALID_ARGUMENT, "TASK0162 of no thread");
}

static void states(void)
{
	mach_port_t task, thread;

	(void)task_create(self_task, NULL, 0, TRUE, &task);
	(void)thread_create(task, &thread);
	state_flavours(thread);
	bad_states(thread);
	(void)task_terminate(task);
	drop(thread);
	drop(task);
}

static kern_return_t act_receive(struct actor *a)
{
	mach_msg_empty_rcv_t m;

	return mach_msg(&m.header, MACH_RCV_MSG | MACH_RCV_INTERRUPT, 0, sizeof(m), a->port, 0, MACH_PORT_NULL);
}

static void thread_ports(void)
{
	struct actor a = { .act = act_receive, .port = new_port() };
	mach_port_t thread = mach_thread_self(), other = MACH_PORT_NULL;

	tap(thread_get_special_port(thread, THREAD_KERNEL_PORT, &other) == KERN_SUCCESS && other == thread, "TASK0170 a thread's own port");
	drop(other);
	tap_result(thread_get_special_port(thread, 9, &other), KERN_INVALID_ARGUMENT, "TASK0171 no other to get");
	tap_result(thread_set_special_port(thread, 9, a.port), KERN_INVALID_ARGUMENT, "TASK0172 nor to set");
	tap_result(thread_get_special_port(host, THREAD_KERNEL_PORT, &other), KERN_INVALID_ARGUMENT, "TASK0173 none of no thread");
	tap_result(thread_set_special_port(host, THREAD_KERNEL_PORT, a.port), KERN_INVALID_ARGUMENT, "TASK0174 nor to set");
	tap(actor_blocks(&a) && thread_abort_safely(a.thread) == KERN_SUCCESS && actor_join(&a) == MACH_RCV_INTERRUPTED,
	    "TASK0175 a thread that waits for a message is aborted safely");
	tap_result(thread_abort_safely(host), KERN_INVALID_ARGUMENT, "TASK0176 no thread is");
	tap_result(thread_abort(host), KERN_INVALID_ARGUMENT, "TASK0177 nor aborted at all");
	tap_result(thread_wire(host, thread, TRUE), KERN_SUCCESS, "TASK0178 a thread that frees memory");
	tap_result(thread_wire(host, thread, FALSE), KERN_SUCCESS, "TASK0179 and does no more");
	tap_result(thread_wire(self_task, thread, TRUE), KERN_INVALID_HOST, "TASK0180 as the host's control port says");
	end_port(a.port);
	drop(thread);
}

/* A debugger's way: stop it, break its wait, set its registers. */
static void redirect(void)
{
	x86_thread_state64_t state = state_at(child_tells, 1);
	mach_port_t task, thread;
	uint64_t value = 0;

	(void)task_create(self_task, NULL, 0, TRUE, &task);
	thread = run_in(task, child_waits, 0);
	tap(thread_waits(thread), "TASK0190 a thread waits");
	state.rax = 0x7777;
	tap(thread_suspend(thread) == KERN_SUCCESS && thread_abort(thread) == KERN_SUCCESS &&
	    thread_set_state(thread, x86_THREAD_STATE64, (thread_state_t)&state, x86_THREAD_STATE64_COUNT) == KERN_SUCCESS &&
	    thread_resume(thread) == KERN_SUCCESS, "TASK0191 it is stopped, aborted and sent elsewhere");
	for (int i = 0; i < THREADS_TRIES && value == 0; i++) {
		usleep(500);
		value = count_of(task);
	}
	tap(value == 0x7777, "TASK0192 with just the registers that were set: %#llx", (unsigned long long)value);
	(void)task_terminate(task);
	drop(thread);
	drop(task);
}

/* ---- the host ---- */

static void host_flavour(const char *id, const char *name, host_flavor_t flavor, mach_msg_type_number_t words)
{
	host_info_data_t info;
	mach_msg_type_number_t count = HOST_INFO_MAX, less = words - 1;

	tap(host_info(host, flavor, info, &count) == KERN_SUCCESS && count == words &&
	    (words == 0 || host_info(host, flavor, info, &less) == KERN_FAILURE), "%s host_info %s: %u words", id, name, count);
}

static void statistics_flavour(const char *id, const char *name, host_flavor_t flavor, mach_msg_type_number_t words)
{
	host_info_data_t info, privileged;
	mach_msg_type_number_t count = HOST_INFO_MAX, more = HOST_INFO_MAX, less = words - 1;

	tap(host_statistics(host, flavor, info, &count) == KERN_SUCCESS && count == words &&
	    host_priv_statistics(host, flavor, privileged, &more) == KERN_SUCCESS && more == words &&
	    host_statistics(host, flavor, info, &less) == KERN_FAILURE, "%s host_statistics %s: %u words", id, name, count);
}

static void host_flavours(void)
{
	kernel_resource_sizes_data_t sizes;
	host_cpu_load_info_data_t cpus;
	host_info_data_t info;
	mach_msg_type_number_t count = HOST_RESOURCE_SIZES_COUNT;

	host_flavour("TASK0200", "BASIC", HOST_BASIC_INFO, HOST_BASIC_INFO_COUNT);
	host_flavour("TASK0201", "SCHED", HOST_SCHED_INFO, HOST_SCHED_INFO_COUNT);
	host_flavour("TASK0202", "RESOURCE_SIZES", HOST_RESOURCE_SIZES, HOST_RESOURCE_SIZES_COUNT);
	host_flavour("TASK0203", "PRIORITY", HOST_PRIORITY_INFO, HOST_PRIORITY_INFO_COUNT);
	host_flavour("TASK0204", "SEMAPHORE_TRAPS", HOST_SEMAPHORE_TRAPS, 0);
	host_flavour("TASK0205", "MACH_MSG_TRAP", HOST_MACH_MSG_TRAP, 0);
	host_flavour("TASK0313", "CAN_HAS_DEBUGGER", HOST_CAN_HAS_DEBUGGER, HOST_CAN_HAS_DEBUGGER_COUNT);
	host_flavour("TASK0314", "PREFERRED_USER_ARCH", HOST_PREFERRED_USER_ARCH, HOST_PREFERRED_USER_ARCH_COUNT);
	host_flavour("TASK0206", "NODE", HOST_NODE_INFO, HOST_NODE_INFO_COUNT);
	tap(host_info(host, HOST_RESOURCE_SIZES, (host_info_t)&sizes, &count) == KERN_SUCCESS && sizes.task > 0 && sizes.thread > 0 &&
	    sizes.port > 0 && sizes.memory_region > 0 && sizes.memory_object > 0, "TASK0207 sizes of a task %u, a thread %u, a port %u",
	    sizes.task, sizes.thread, sizes.port);
	count = HOST_INFO_MAX;
	tap_result(host_info(host, 12345, info, &count), KERN_INVALID_ARGUMENT, "TASK0208 no other flavour");
	tap_result(host_info(self_task, HOST_BASIC_INFO, info, &count), KERN_INVALID_ARGUMENT, "TASK0209 of no host");
	statistics_flavour("TASK0210", "LOAD", HOST_LOAD_INFO, HOST_LOAD_INFO_COUNT);
	statistics_flavour("TASK0211", "CPU_LOAD", HOST_CPU_LOAD_INFO, HOST_CPU_LOAD_INFO_COUNT);
	statistics_flavour("TASK0315", "EXPIRED_TASK", HOST_EXPIRED_TASK_INFO, TASK_POWER_INFO_COUNT);
	statistics_flavour("TASK0212", "VM", HOST_VM_INFO, HOST_VM_INFO_COUNT);
	count = HOST_CPU_LOAD_INFO_COUNT;
	tap(host_statistics(host, HOST_CPU_LOAD_INFO, (host_info_t)&cpus, &count) == KERN_SUCCESS &&
	    cpus.cpu_ticks[CPU_STATE_USER] + cpus.cpu_ticks[CPU_STATE_SYSTEM] + cpus.cpu_ticks[CPU_STATE_IDLE] > 0,
	    "TASK0213 ticks: %u user, %u system, %u idle", cpus.cpu_ticks[0], cpus.cpu_ticks[1], cpus.cpu_ticks[2]);
	tap_result(host_statistics(host, 99, info, &count), KERN_INVALID_ARGUMENT, "TASK0214 no other statistics");
	tap_result(host_statistics(self_task, HOST_LOAD_INFO, info, &count), KERN_INVALID_ARGUMENT, "TASK0215 of no host");
}

static void hosts(void)
{
	mach_msg_type_number_t names_count = 0, infos_count = 0;
	kernel_version_t version;
	zone_name_array_t names = NULL;
	zone_info_array_t infos = NULL;
	char boot[1024] = "";
	vm_size_t page = 0;
	mach_port_t port = MACH_PORT_NULL;

	tap(host_kernel_version(host, version) == KERN_SUCCESS && strstr(version, "Meshach") != NULL, "TASK0216 its version: %s", version);
	tap_result(host_kernel_version(self_task, version), KERN_INVALID_ARGUMENT, "TASK0217 of no host");
	tap(host_page_size(host, &page) == KERN_SUCCESS && page == 4096, "TASK0218 a page");
	tap_result(host_page_size(self_task, &page), KERN_INVALID_ARGUMENT, "TASK0219 of no host");
	tap(host_zone_info(host, &names, &names_count, &infos, &infos_count) == KERN_SUCCESS && names_count > 5 &&
	    names_count == infos_count, "TASK0220 its %u zones", names_count);
	(void)mach_vm_deallocate(self_task, (mach_vm_address_t)(uintptr_t)names, names_count * sizeof(*names));
	(void)mach_vm_deallocate(self_task, (mach_vm_address_t)(uintptr_t)infos, infos_count * sizeof(*infos));
	tap_result(host_zone_info(self_task, &names, &names_count, &infos, &infos_count), KERN_INVALID_ARGUMENT, "TASK0221 of no host");
	tap(host_get_boot_info(host, boot) == KERN_SUCCESS && strstr(boot, "init=") != NULL, "TASK0222 its command line: %s", boot);
	tap_result(host_get_boot_info(self_task, boot), KERN_INVALID_HOST, "TASK0223 of no host");
	tap(host_get_io_master(host, &port) == KERN_SUCCESS && port != MACH_PORT_NULL, "TASK0224 its devices");
	drop(port);
	tap_result(host_get_io_master(self_task, &port), KERN_INVALID_ARGUMENT, "TASK0225 of no host");
	tap_result(host_reboot(self_task, 0), KERN_INVALID_HOST, "TASK0233 no host is restarted");
	tap_result(host_reboot(host, 0x4000), KERN_INVALID_ARGUMENT, "TASK0234 nor in this way");
}

static void host_ports(void)
{
	mach_port_t port = MACH_PORT_NULL, special = new_port();

	tap(host_set_special_port(host, HOST_RUNNER_PORT, special) == KERN_SUCCESS &&
	    host_get_special_port(host, HOST_LOCAL_NODE, HOST_RUNNER_PORT, &port) == KERN_SUCCESS && port == special,
	    "TASK0226 a special port is set");
	drop(port);
	(void)host_set_special_port(host, HOST_RUNNER_PORT, MACH_PORT_NULL);
	tap_result(host_set_special_port(host, HOST_PRIV_PORT, special), KERN_INVALID_ARGUMENT, "TASK0227 not the kernel's own");
	tap_result(host_set_special_port(host, 99, special), KERN_INVALID_ARGUMENT, "TASK0228 nor one that is none");
	tap_result(host_set_special_port(self_task, HOST_RUNNER_PORT, special), KERN_INVALID_HOST, "TASK0229 nor of no host");
	tap_result(host_get_special_port(host, 7, HOST_PORT, &port), KERN_INVALID_ARGUMENT, "TASK0230 another node's is asked there");
	tap_result(host_get_special_port(host, HOST_LOCAL_NODE, 99, &port), KERN_INVALID_ARGUMENT, "TASK0231 none that is none");
	tap_result(host_get_special_port(self_task, HOST_LOCAL_NODE, HOST_PORT, &port), KERN_INVALID_HOST, "TASK0232 nor of no host");
	end_port(special);
}

static void tokens(void)
{
	mach_port_t security = MACH_PORT_NULL, child = MACH_PORT_NULL, grandchild, told;
	security_token_t token = { { 7, 8 } }, got = { { 0, 0 } };
	audit_token_t audit = { { 1, 2, 3, 4, 5, 6, 7, 8 } }, seen;
	mach_msg_type_number_t count = TASK_SECURITY_TOKEN_COUNT;

	tap(host_get_special_port(host, HOST_LOCAL_NODE, HOST_SECURITY_PORT, &security) == KERN_SUCCESS && security != MACH_PORT_NULL,
	    "TASK0250 the security port");
	tap_result(host_security_create_task_token(host, self_task, token, audit, MACH_PORT_NULL, NULL, 0, FALSE, &child),
		   KERN_INVALID_SECURITY, "TASK0251 alone says who a task is");
	tap_result(host_security_set_task_token(host, self_task, token, audit, MACH_PORT_NULL), KERN_INVALID_SECURITY,
		   "TASK0252 or becomes");
	tap_result(host_security_create_task_token(security, host, token, audit, MACH_PORT_NULL, NULL, 0, FALSE, &child),
		   KERN_INVALID_TASK, "TASK0253 a task has a parent");
	tap_result(host_security_set_task_token(security, host, token, audit, MACH_PORT_NULL), KERN_INVALID_ARGUMENT,
		   "TASK0254 and is one");
	tap_result(host_security_create_task_token(security, self_task, token, audit, self_task, NULL, 0, FALSE, &child), KERN_SUCCESS,
		   "TASK0255 a task with tokens, and a host port");
	tap(task_info(child, TASK_SECURITY_TOKEN, (task_info_t)&got, &count) == KERN_SUCCESS && memcmp(&got, &token, sizeof(got)) == 0,
	    "TASK0256 has them");
	count = TASK_AUDIT_TOKEN_COUNT;
	tap(task_info(child, TASK_AUDIT_TOKEN, (task_info_t)&seen, &count) == KERN_SUCCESS && memcmp(&seen, &audit, sizeof(seen)) == 0,
	    "TASK0257 both");
	tap(task_get_special_port(child, TASK_HOST_PORT, &told) == KERN_SUCCESS && told == self_task, "TASK0258 and that port");
	drop(told);
	(void)task_create(child, NULL, 0, FALSE, &grandchild);
	count = TASK_SECURITY_TOKEN_COUNT;
	tap(task_info(grandchild, TASK_SECURITY_TOKEN, (task_info_t)&got, &count) == KERN_SUCCESS && got.val[0] == 7,
	    "TASK0259 its child too");
	token.val[0] = 9;
	tap(host_security_set_task_token(security, grandchild, token, audit, MACH_PORT_NULL) == KERN_SUCCESS &&
	    task_info(grandchild, TASK_SECURITY_TOKEN, (task_info_t)&got, &count) == KERN_SUCCESS && got.val[0] == 9,
	    "TASK0260 until it is told otherwise");
	(void)task_terminate(child);
	(void)task_terminate(grandchild);
	drop(child);
	drop(grandchild);
	drop(security);
}

/* ---- a thread that is terminated, and the word that says so to its C library ---- */

static volatile uint32_t tid_word;

static kern_return_t wait_with_word(struct actor *a)
{
	uint32_t tid = (uint32_t)syscall(SYS_set_tid_address, &tid_word);

	tid_word = a->number != 0 ? (uint32_t)a->number : tid;
	while (tid_word != 0)
		usleep(1000000);
	return KERN_SUCCESS;
}

/* Terminate one whose word is number (0: its own); the word afterwards. */
static uint32_t word_after(uint32_t number)
{
	struct actor a = { .act = wait_with_word, .number = number };
	mach_port_type_t type = 0;

	tid_word = 0;
	actor_start(&a);
	while (tid_word == 0)
		usleep(1000);
	(void)thread_terminate(a.thread);
	while (mach_port_type(self_task, a.thread, &type) == KERN_SUCCESS && (type & MACH_PORT_TYPE_DEAD_NAME) == 0)
		usleep(1000);
	for (int i = 0; i < 100 && number == 0 && tid_word != 0; i++)
		usleep(10000);
	drop(a.thread);
	return tid_word;
}

/* ---- what is counted ---- */

static task_extmod_info_data_t extmod_of(mach_port_t task)
{
	task_extmod_info_data_t info = { .task_uuid = { 0 } };
	mach_msg_type_number_t count = TASK_EXTMOD_INFO_COUNT;

	(void)task_info(task, TASK_EXTMOD_INFO, (task_info_t)&info, &count);
	return info;
}

static vm_extmod_statistics_data_t host_extmod(void)
{
	vm_extmod_statistics_data_t info = { 0 };
	mach_msg_type_number_t count = HOST_EXTMOD_INFO64_COUNT, less = HOST_EXTMOD_INFO64_COUNT - 1;

	if (host_statistics64(host, HOST_EXTMOD_INFO64, (host_info_t)&info, &less) != KERN_FAILURE ||
	    host_statistics64(host, HOST_EXTMOD_INFO64, (host_info_t)&info, &count) != KERN_SUCCESS || count != HOST_EXTMOD_INFO64_COUNT)
		info.thread_creation_count = -1000000;
	return info;
}

static void from_outside(void)
{
	task_extmod_info_data_t own = extmod_of(self_task), child, own_after;
	vm_extmod_statistics_data_t all = host_extmod(), all_after;
	mach_port_t task, thread, self = mach_thread_self();
	x86_thread_state64_t state = state_at(child_counts, 0);
	mach_msg_type_number_t count = x86_THREAD_STATE64_COUNT;

	(void)task_create(self_task, NULL, 0, TRUE, &task);
	(void)thread_create(task, &thread);
	(void)thread_set_state(thread, x86_THREAD_STATE64, (thread_state_t)&state, count);
	drop(run_in(task, child_waits, 1));
	(void)thread_get_state(thread, x86_THREAD_STATE64, (thread_state_t)&state, &count);
	child = extmod_of(task);
	own_after = extmod_of(self_task);
	all_after = host_extmod();
	tap(child.extmod_statistics.thread_creation_count == 2 && child.extmod_statistics.thread_set_state_count == 1 &&
	    child.extmod_statistics.thread_creation_caller_count == 0, "TASK0316 what others do to a task is counted");
	tap(own_after.extmod_statistics.thread_creation_caller_count - own.extmod_statistics.thread_creation_caller_count == 2 &&
	    own_after.extmod_statistics.thread_set_state_caller_count - own.extmod_statistics.thread_set_state_caller_count == 1 &&
	    own_after.extmod_statistics.thread_creation_count == own.extmod_statistics.thread_creation_count, "TASK0317 and who does it");
	tap(all_after.thread_creation_count - all.thread_creation_count == 2 && all_after.thread_set_state_count - all.thread_set_state_count == 1,
	    "TASK0318 and for the node");
	tap(memcmp(child.task_uuid, own.task_uuid, sizeof(own.task_uuid)) != 0, "TASK0319 two tasks have different numbers");
	(void)task_terminate(task);
	drop(thread);
	drop(task);
	drop(self);
}

static task_power_info_data_t power_of(mach_port_t task)
{
	task_power_info_data_t info = { 0 };
	mach_msg_type_number_t count = TASK_POWER_INFO_COUNT;

	if (task != MACH_PORT_NULL)
		(void)task_info(task, TASK_POWER_INFO, (task_info_t)&info, &count);
	else
		(void)host_statistics(host, HOST_EXPIRED_TASK_INFO, (host_info_t)&info, &count);
	return info;
}

static void wakeups(void)
{
	task_power_info_data_t before = power_of(self_task), after, child, expired, total;
	mach_port_t task, thread;

	for (int i = 0; i < 10; i++)
		usleep(1000);
	after = power_of(self_task);
	tap(after.task_interrupt_wakeups - before.task_interrupt_wakeups >= 10 && after.task_platform_idle_wakeups <= after.task_interrupt_wakeups &&
	    after.task_timer_wakeups_bin_1 + after.task_timer_wakeups_bin_2 <= after.task_interrupt_wakeups && after.total_user + after.total_system > 0,
	    "TASK0320 sleeps end by a timer (%llu more)", (unsigned long long)(after.task_interrupt_wakeups - before.task_interrupt_wakeups));
	expired = power_of(MACH_PORT_NULL);
	(void)task_create(self_task, NULL, 0, TRUE, &task);
	thread = run_in(task, child_counts, 0);
	(void)counts(task);
	(void)task_suspend(task);
	do /* it is on its way out of its processor */
		child = power_of(task);
	while (child.total_user == 0);
	(void)task_terminate(task);
	(void)dies(task);
	total = power_of(MACH_PORT_NULL);
	for (int i = 0; i < THREADS_TRIES && total.total_user - expired.total_user < child.total_user; i++) { /* the last of its threads sees to it */
		usleep(500);
		total = power_of(MACH_PORT_NULL);
	}
	tap(child.total_user > 0 && total.total_user - expired.total_user >= child.total_user, "TASK0321 what an ended task had is the node's to tell");
	drop(thread);
	drop(task);
}

static void affinity(void)
{
	thread_affinity_policy_data_t tag = { 7 };
	task_affinity_tag_info_data_t info = { 0 };
	mach_msg_type_number_t count = TASK_AFFINITY_TAG_INFO_COUNT;
	mach_port_t task, threads[3];
	integer_t tags[3] = { 7, 5, 7 };

	(void)task_create(self_task, NULL, 0, FALSE, &task);
	for (int i = 0; i < 3; i++) {
		(void)thread_create(task, &threads[i]);
		tag.affinity_tag = tags[i];
		(void)thread_policy_set(threads[i], THREAD_AFFINITY_POLICY, (thread_policy_t)&tag, THREAD_AFFINITY_POLICY_COUNT);
		drop(threads[i]);
	}
	tap(task_info(task, TASK_AFFINITY_TAG_INFO, (task_info_t)&info, &count) == KERN_SUCCESS && info.set_count == 2 && info.min == 5 && info.max == 7 &&
	    info.task_count == 3, "TASK0322 three threads with two tags");
	(void)task_terminate(task);
	drop(task);
}

static void slots(void)
{
	host_info_data_t info;
	mach_msg_type_number_t count = HOST_INFO_MAX, none = 0;
	bool good = host_info(host, HOST_PROCESSOR_SLOTS, info, &count) == KERN_SUCCESS;

	for (unsigned i = 0; i < count; i++)
		good &= info[i] == (integer_t)i;
	tap(good && count >= 1 && host_info(host, HOST_PROCESSOR_SLOTS, info, &none) == KERN_FAILURE, "TASK0323 each of %u processors has a slot", count);
}

static void tid_words(void)
{
	tap(word_after(0) == 0, "TASK0270 a terminated thread's tid is cleared");
	tap(word_after(77777) == 77777, "TASK0271 another's lock in its place is not");
}

int main(void)
{
	unsigned names;

	self_task = mach_task_self();
	host = mach_host_self();
	create_and_terminate();
	names = tap_names();
	suspend_and_resume();
	infos();
	special_ports();
	registered_ports();
	thread_lists();
	thread_infos();
	states();
	thread_ports();
	redirect();
	host_flavours();
	hosts();
	host_ports();
	from_outside();
	wakeups();
	affinity();
	slots();
	tokens();
	tid_words();
	tap(tap_names() <= names + 1, "TASK0300 no name is left over (%u, %u)", names, tap_names());
	return tap_done();
}

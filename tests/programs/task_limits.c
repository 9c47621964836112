/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: what a task counts and may use: its events, its memory region by region, limits that raise EXC_RESOURCE, suspensions
 *   that end with their port, and the debug registers of its new threads.
 */
#include "child.h"
#include "tap.h"

#include <mach/exc_resource.h>
#include <mach/mach_exc_server.h>
#include <mach/task_info.h>
#include <mach/vm_purgable.h>
#include <mach/vm_statistics.h>
#include <string.h>

#define PAGE 4096ull
#define MIB (1ull << 20)

static mach_port_t self_task;

static void drop(mach_port_t right)
{
	(void)mach_port_deallocate(self_task, right);
}

/* ---- a child, a copy of this task ---- */

static volatile uint64_t target;

static void child_stores(void)
{
	for (;;) {
		target = 1;
		counter++;
	}
}

/* Touches 16 MiB, page after page, that it finds at an address of ours. */
static volatile char *child_pages;
static void child_touches(void)
{
	for (uint64_t at = 0; at < 16 * MIB; at += PAGE) {
		child_pages[at] = 1;
		counter++;
	}
	for (;;)
		__asm__ volatile("pause");
}

static mach_port_t new_task(void)
{
	mach_port_t task = MACH_PORT_NULL;

	(void)task_create(self_task, NULL, 0, TRUE, &task);
	return task;
}

static bool counts_to(mach_port_t task, uint64_t value)
{
	for (int i = 0; i < THREADS_TRIES; i++) {
		if (count_of(task) >= value)
			return true;
		usleep(500);
	}
	return false;
}

static bool runs(mach_port_t task)
{
	return counts_to(task, count_of(task) + 1);
}

/* ---- exceptions that come here ---- */

static mach_port_t port;
static struct {
	volatile unsigned count;
	mach_port_t thread, task;
	exception_type_t type;
	uint64_t code, subcode;
} raised;

static kern_return_t take(mach_port_t at, mach_port_t thread, mach_port_t task, exception_type_t type, mach_exception_data_t code,
			  mach_msg_type_number_t count)
{
	raised.thread = thread;
	raised.task = task;
	raised.type = type;
	raised.code = (uint64_t)code[0];
	raised.subcode = (uint64_t)code[1];
	(void)mach_port_deallocate(self_task, thread);
	(void)mach_port_deallocate(self_task, task);
	__atomic_add_fetch(&raised.count, 1, __ATOMIC_RELEASE);
	return KERN_SUCCESS;
}

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct mach_exc_ops ops = { .mach_exception_raise = take };

	return mach_exc_demux(&ops, in, out);
}

static void *serve(void *unused)
{
	(void)mach_msg_server(demux, 4096, port, MACH_MSG_OPTION_NONE);
	return NULL;
}

static bool is_raised(unsigned before)
{
	for (int i = 0; i < 10 * THREADS_TRIES && __atomic_load_n(&raised.count, __ATOMIC_ACQUIRE) == before; i++)
		usleep(500);
	return __atomic_load_n(&raised.count, __ATOMIC_ACQUIRE) > before;
}

static void resource_exceptions_come_here(mach_port_t task)
{
	(void)task_set_exception_ports(task, EXC_MASK_RESOURCE, port, (int)(EXCEPTION_DEFAULT | MACH_EXCEPTION_CODES), 0);
}

/* ---- what is counted ---- */

static task_events_info_data_t events_of(mach_port_t task)
{
	task_events_info_data_t events = { 0 };
	mach_msg_type_number_t count = TASK_EVENTS_INFO_COUNT;

	(void)task_info(task, TASK_EVENTS_INFO, (task_info_t)&events, &count);
	return events;
}

static kern_return_t act_messages(struct actor *a)
{
	struct {
		mach_msg_header_t head;
		mach_msg_trailer_t trailer;
	} m;

	for (unsigned i = 0; i < a->number; i++) {
		m.head = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0), .msgh_size = sizeof(m.head),
					      .msgh_remote_port = a->port };
		if (mach_msg(&m.head, MACH_SEND_MSG, sizeof(m.head), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL) != MACH_MSG_SUCCESS ||
		    mach_msg(&m.head, MACH_RCV_MSG, 0, sizeof(m), a->port, 0, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
			return KERN_FAILURE;
	}
	return KERN_SUCCESS;
}

static void events(void)
{
	mach_vm_address_t from = 0, to = 0;
	task_events_info_data_t before, after;
	vm_prot_t current, most;
	struct actor a = { .act = act_messages, .number = 100 };

	(void)mach_vm_allocate(self_task, &from, 32 * PAGE, VM_FLAGS_ANYWHERE);
	memset((void *)(uintptr_t)from, 1, 32 * PAGE);
	(void)mach_vm_remap(self_task, &to, 32 * PAGE, 0, VM_FLAGS_ANYWHERE, self_task, from, TRUE, &current, &most, VM_INHERIT_COPY);
	before = events_of(self_task);
	memset((void *)(uintptr_t)to, 2, 32 * PAGE);
	after = events_of(self_task);
	tap(after.cow_faults >= before.cow_faults + 32 && after.faults >= before.faults + 32,
	    "TLIM0001 pages copied for a write are counted: %d, of %d faults", after.cow_faults - before.cow_faults,
	    after.faults - before.faults);
	(void)mach_vm_deallocate(self_task, from, 32 * PAGE);
	(void)mach_vm_deallocate(self_task, to, 32 * PAGE);
	(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_RECEIVE, &a.port);
	before = events_of(self_task);
	actor_start(&a);
	tap_result(actor_join(&a), KERN_SUCCESS, "TLIM0002 a thread sends and receives, and ends");
	after = events_of(self_task);
	tap(after.messages_sent >= before.messages_sent + 100 && after.messages_received >= before.messages_received + 100 &&
	    after.messages_sent < before.messages_sent + 5000, "TLIM0003 its messages stay counted: %d sent, %d received",
	    after.messages_sent - before.messages_sent, after.messages_received - before.messages_received);
	tap(after.syscalls_mach >= before.syscalls_mach + 200 && after.csw > before.csw, "TLIM0004 and its calls");
	(void)mach_port_mod_refs(self_task, a.port, MACH_PORT_RIGHT_RECEIVE, -1);
}

static task_vm_info_data_t vm_of(mach_port_t task)
{
	task_vm_info_data_t info = { 0 };
	mach_msg_type_number_t count = TASK_VM_INFO_COUNT;

	(void)task_info(task, TASK_VM_INFO, (task_info_t)&info, &count);
	return info;
}

static void memory(void)
{
	mach_vm_address_t address = 0, purgable = 0;
	task_vm_info_data_t before = vm_of(self_task), after;
	mach_msg_type_number_t count = TASK_VM_INFO_REV0_COUNT;
	integer_t less[TASK_INFO_MAX];
	mach_task_basic_info_data_t basic;
	int state = VM_PURGABLE_VOLATILE;

	tap(before.page_size == (integer_t)PAGE && before.region_count > 3 && before.virtual_size > before.resident_size &&
	    before.max_address > before.min_address, "TLIM0010 TASK_VM_INFO: %d regions, %llu bytes resident", before.region_count,
	    (unsigned long long)before.resident_size);
	tap(task_info(self_task, TASK_VM_INFO, less, &count) == KERN_SUCCESS && count == TASK_VM_INFO_REV0_COUNT,
	    "TLIM0011 its first revision is shorter");
	count = TASK_VM_INFO_REV0_COUNT - 1;
	tap_result(task_info(self_task, TASK_VM_INFO, less, &count), KERN_INVALID_ARGUMENT, "TLIM0012 and none is shorter than that");
	(void)mach_vm_allocate(self_task, &address, 64 * PAGE, VM_FLAGS_ANYWHERE);
	memset((void *)(uintptr_t)address, 1, 64 * PAGE);
	after = vm_of(self_task);
	tap(after.internal >= before.internal + 64 * PAGE && after.phys_footprint >= before.phys_footprint + 64 * PAGE &&
	    after.virtual_size >= before.virtual_size + 64 * PAGE, "TLIM0013 pages that are touched are internal");
	(void)mach_vm_deallocate(self_task, address, 64 * PAGE);
	before = after;
	after = vm_of(self_task);
	tap(after.internal < before.internal && after.resident_size < before.resident_size &&
	    after.resident_size_peak >= before.resident_size, "TLIM0014 and gone when they go; the peak stays");
	count = MACH_TASK_BASIC_INFO_COUNT;
	tap(task_info(self_task, MACH_TASK_BASIC_INFO, (task_info_t)&basic, &count) == KERN_SUCCESS &&
	    basic.resident_size_max >= before.resident_size && basic.policy == POLICY_TIMESHARE,
	    "TLIM0015 MACH_TASK_BASIC_INFO tells the same peak");
	tap_result(mach_vm_allocate(self_task, &purgable, 16 * PAGE, VM_FLAGS_ANYWHERE | VM_FLAGS_PURGABLE), KERN_SUCCESS,
		   "TLIM0016 memory that may be emptied");
	memset((void *)(uintptr_t)purgable, 1, 16 * PAGE);
	tap_result(mach_vm_purgable_control(self_task, purgable, VM_PURGABLE_SET_STATE, &state), KERN_SUCCESS, "TLIM0017 is volatile, also for a task that allocated it by trap");
	count = TASK_VM_INFO_COUNT;
	tap(task_info(self_task, TASK_VM_INFO_PURGEABLE, (task_info_t)&after, &count) == KERN_SUCCESS &&
	    after.purgeable_volatile_virtual == 16 * PAGE && after.purgeable_volatile_resident == 16 * PAGE,
	    "TLIM0018 and told by TASK_VM_INFO_PURGEABLE");
	(void)mach_vm_deallocate(self_task, purgable, 16 * PAGE);
	tap(mach_vm_allocate(self_task, &purgable, 0, VM_FLAGS_ANYWHERE) == KERN_SUCCESS && purgable == 0,
	    "TLIM0019 no memory at all is allocated, as the message says");
}

static void flavours(void)
{
	task_flags_info_data_t flags = { 0 };
	policy_rr_base_data_t rr = { 0 };
	policy_timeshare_base_data_t base = { 0 };
	mach_msg_type_number_t count = TASK_FLAGS_INFO_COUNT;
	mach_port_t task = new_task();
	policy_rr_base_data_t wanted = { .base_priority = 20 };

	tap(task_info(self_task, TASK_FLAGS_INFO, (task_info_t)&flags, &count) == KERN_SUCCESS && flags.flags == (TF_LP64 | TF_64B_DATA),
	    "TLIM0020 TASK_FLAGS_INFO");
	count = POLICY_TIMESHARE_BASE_COUNT;
	tap(task_info(task, TASK_SCHED_TIMESHARE_INFO, (task_info_t)&base, &count) == KERN_SUCCESS && base.base_priority == 31,
	    "TLIM0021 TASK_SCHED_TIMESHARE_INFO");
	count = POLICY_RR_BASE_COUNT;
	tap_result(task_info(task, TASK_SCHED_RR_INFO, (task_info_t)&rr, &count), KERN_INVALID_POLICY, "TLIM0022 another policy");
	count = POLICY_FIFO_BASE_COUNT;
	tap_result(task_info(task, TASK_SCHED_FIFO_INFO, (task_info_t)&rr, &count), KERN_INVALID_POLICY, "TLIM0023 nor a third");
	tap_result(task_policy(task, POLICY_RR, (policy_base_t)&wanted, POLICY_RR_BASE_COUNT, FALSE, FALSE), KERN_SUCCESS,
		   "TLIM0024 the policy of its new threads");
	count = POLICY_RR_BASE_COUNT;
	tap(task_info(task, TASK_SCHED_RR_INFO, (task_info_t)&rr, &count) == KERN_SUCCESS && rr.base_priority == 20 && rr.quantum > 0,
	    "TLIM0025 is told");
	(void)task_terminate(task);
	drop(task);
}

/* ---- suspensions with a port ---- */

static void suspensions(void)
{
	mach_port_t task = new_task(), a = MACH_PORT_NULL, b = MACH_PORT_NULL, c = MACH_PORT_NULL, thread = run_in(task, child_counts, 0);

	tap(runs(task), "TLIM0030 a child runs");
	tap_result(task_suspend2(mach_host_self(), &a), KERN_INVALID_TASK, "TLIM0031 what is no task is not suspended");
	tap(task_suspend2(task, &a) == KERN_SUCCESS && task_suspend2(task, &b) == KERN_SUCCESS && a != b && stands_still(task),
	    "TLIM0032 it is, twice, each with a token");
	tap_result(task_resume2(a), KERN_SUCCESS, "TLIM0033 one is given back");
	tap(tap_refs(a, MACH_PORT_RIGHT_SEND) == 0 && stands_still(task), "TLIM0034 which takes our right; the other still stands");
	(void)mach_port_insert_right(self_task, 0x5003, b, MACH_MSG_TYPE_COPY_SEND);
	drop(b);
	tap(runs(task), "TLIM0035 the loss of the last right to it ends it");
	tap(task_suspend2(task, &a) == KERN_SUCCESS && mach_port_mod_refs(self_task, a, MACH_PORT_RIGHT_SEND, 1) == KERN_SUCCESS &&
	    task_resume2(a) == KERN_SUCCESS && runs(task), "TLIM0036 a token may be copied");
	tap(tap_refs(a, MACH_PORT_RIGHT_DEAD_NAME) == 1, "TLIM0037 and dies when one of them is given back");
	drop(a);
	tap_result(task_resume2(self_task), KERN_INVALID_ARGUMENT, "TLIM0038 what is no token resumes nothing");
	self_task = mach_task_self_ = task_self_trap(); /* the call moved our right */
	tap(task_suspend2(task, &a) == KERN_SUCCESS && task_resume(task) == KERN_SUCCESS && runs(task),
	    "TLIM0039 task_resume() undoes it too: both count the same");
	tap_result(task_resume2(a), KERN_SUCCESS, "TLIM0040 and the token then does nothing");
	tap(task_suspend2(task, &c) == KERN_SUCCESS && task_terminate(task) == KERN_SUCCESS && task_resume2(c) == KERN_SUCCESS,
	    "TLIM0041 a suspended task may end, and its token be given back");
	drop(thread);
	drop(task);
}

/* A task that holds the only token dies. */
static void suspender_dies(void)
{
	mach_port_t task = new_task(), holder = new_task(), token = MACH_PORT_NULL, thread = run_in(task, child_counts, 0);

	tap(runs(task) && task_suspend2(task, &token) == KERN_SUCCESS &&
	    mach_port_insert_right(holder, 0x7003, token, MACH_MSG_TYPE_MOVE_SEND) == KERN_SUCCESS && stands_still(task),
	    "TLIM0042 another task gets the token");
	tap(task_terminate(holder) == KERN_SUCCESS && runs(task), "TLIM0043 when that ends, so does the suspension");
	(void)task_terminate(task);
	drop(thread);
	drop(holder);
	drop(task);
}

/* ---- limits ---- */

static void footprint(void)
{
	mach_vm_address_t room = 0;
	mach_port_t task, thread;
	unsigned before;
	int old = 0;

	(void)mach_vm_allocate(self_task, &room, 16 * MIB, VM_FLAGS_ANYWHERE);
	child_pages = (volatile char *)(uintptr_t)room;
	task = new_task();
	resource_exceptions_come_here(task);
	tap_result(task_set_phys_footprint_limit(mach_host_self(), 8, &old), KERN_INVALID_TASK, "TLIM0050 no task, no limit");
	tap_result(task_set_phys_footprint_limit(task, 0, &old), KERN_INVALID_ARGUMENT, "TLIM0051 nothing is none");
	tap_result(task_set_phys_footprint_limit(task, -2, &old), KERN_INVALID_ARGUMENT, "TLIM0052 nor less");
	tap(task_set_phys_footprint_limit(task, 8, &old) == KERN_SUCCESS && old == -1, "TLIM0053 8 MiB, where there was no limit");
	before = raised.count;
	thread = run_in(task, child_touches, 0);
	tap(is_raised(before) && raised.type == EXC_RESOURCE && raised.task == task && raised.thread == thread,
	    "TLIM0054 the thread that crosses it raises EXC_RESOURCE");
	tap(EXC_RESOURCE_DECODE_RESOURCE_TYPE(raised.code) == RESOURCE_TYPE_MEMORY &&
	    EXC_RESOURCE_DECODE_FLAVOR(raised.code) == FLAVOR_HIGH_WATERMARK && EXC_RESOURCE_HWM_DECODE_LIMIT(raised.code) == 8,
	    "TLIM0055 which says so: %#llx", (unsigned long long)raised.code);
	tap(counts_to(task, 16 * MIB / PAGE) && raised.count == before + 1, "TLIM0056 goes on, and is not told again");
	tap(task_set_phys_footprint_limit(task, 4, &old) == KERN_SUCCESS && old == 8, "TLIM0057 a new limit, below what it has");
	(void)task_terminate(task);
	drop(thread);
	drop(task);
	task = new_task();
	tap(task_set_phys_footprint_limit(task, 8, &old) == KERN_SUCCESS && task_set_phys_footprint_limit(task, -1, &old) == KERN_SUCCESS &&
	    old == 8, "TLIM0058 a limit is taken away");
	resource_exceptions_come_here(task);
	before = raised.count;
	thread = run_in(task, child_touches, 0);
	tap(counts_to(task, 16 * MIB / PAGE) && raised.count == before, "TLIM0059 and nothing is raised");
	(void)task_terminate(task);
	drop(thread);
	drop(task);
	/* Nobody is told: nothing happens to it. */
	task = new_task();
	(void)task_set_exception_ports(task, EXC_MASK_RESOURCE, MACH_PORT_NULL, EXCEPTION_DEFAULT, 0);
	(void)task_set_phys_footprint_limit(task, 8, &old);
	thread = run_in(task, child_touches, 0);
	tap(counts_to(task, 16 * MIB / PAGE), "TLIM0060 a task that nobody watches crosses its limit and goes on");
	(void)task_terminate(task);
	drop(thread);
	drop(task);
	(void)mach_vm_deallocate(self_task, room, 16 * MIB);
}

static void cpu_monitor(void)
{
	mach_port_t task = new_task(), thread;
	int percentage = -1, interval = -1;
	unsigned before = raised.count;

	resource_exceptions_come_here(task);
	tap_result(task_set_cpumon_params(mach_host_self(), 10, 100), KERN_INVALID_TASK, "TLIM0070 no task, no monitor");
	tap_result(task_get_cpumon_params(mach_host_self(), &percentage, &interval), KERN_INVALID_TASK, "TLIM0071 nor is it told");
	tap_result(task_set_cpumon_params(task, -1, 100), KERN_INVALID_ARGUMENT, "TLIM0072 less than nothing");
	tap_result(task_set_cpumon_params(task, 101, 100), KERN_INVALID_ARGUMENT, "TLIM0073 more than a processor");
	tap_result(task_set_cpumon_params(task, 10, 9), KERN_INVALID_ARGUMENT, "TLIM0074 too short an interval");
	tap_result(task_set_cpumon_params(task, 10, 86400001), KERN_INVALID_ARGUMENT, "TLIM0075 too long a one");
	tap(task_get_cpumon_params(task, &percentage, &interval) == KERN_SUCCESS && percentage == 0, "TLIM0076 nothing is watched");
	tap_result(task_set_cpumon_params(task, 5, 200), KERN_SUCCESS, "TLIM0077 5 per cent of 200 ms");
	tap(task_get_cpumon_params(task, &percentage, &interval) == KERN_SUCCESS && percentage == 5 && interval == 200, "TLIM0078 is told");
	usleep(500000);
	tap(raised.count == before, "TLIM0079 a task that does not run is not above it");
	thread = run_in(task, child_counts, 0);
	tap(is_raised(before) && raised.type == EXC_RESOURCE && raised.task == task && raised.thread == thread,
	    "TLIM0080 one that spins is: EXC_RESOURCE");
	tap(EXC_RESOURCE_DECODE_RESOURCE_TYPE(raised.code) == RESOURCE_TYPE_CPU &&
	    EXC_RESOURCE_DECODE_FLAVOR(raised.code) == FLAVOR_CPU_MONITOR && EXC_RESOURCE_CPUMONITOR_DECODE_PERCENTAGE(raised.code) == 5 &&
	    EXC_RESOURCE_CPUMONITOR_DECODE_INTERVAL(raised.code) == 1 &&
	    EXC_RESOURCE_CPUMONITOR_DECODE_PERCENTAGE_OBSERVED(raised.subcode) > 5, "TLIM0081 which says so: %#llx, %llu per cent",
	    (unsigned long long)raised.code, (unsigned long long)raised.subcode);
	before = raised.count;
	tap(is_raised(before) && runs(task), "TLIM0082 again and again, and it runs on");
	tap_result(task_set_cpumon_params(task, 0, 0), KERN_SUCCESS, "TLIM0083 no more");
	usleep(500000); /* one may have been on its way */
	before = raised.count;
	usleep(700000);
	tap(raised.count == before && runs(task), "TLIM0084 and nothing more is raised");
	(void)task_set_cpumon_params(task, 5, 10);
	(void)task_set_cpumon_params(task, 6, 10);
	tap(task_get_cpumon_params(task, &percentage, &interval) == KERN_SUCCESS && percentage == 6 && interval == 10,
	    "TLIM0085 a monitor replaces the last");
	(void)task_terminate(task);
	(void)dies(task);
	tap_result(task_set_cpumon_params(task, 5, 10), MACH_SEND_INVALID_DEST, "TLIM0086 and ends with the task");
	drop(thread);
	drop(task);
}

/* ---- what new threads begin with ---- */

static void states(void)
{
	mach_port_t task = new_task(), thread;
	x86_debug_state64_t debug = { .dr0 = (uint64_t)(uintptr_t)&target, .dr7 = 1 | 1u << 16 | 2u << 18 }, got = { 0 }, wrong = debug;
	struct {
		x86_state_hdr_t head;
		x86_debug_state64_t debug;
	} headed;
	mach_msg_type_number_t count = x86_DEBUG_STATE64_COUNT;
	unsigned before = raised.count;

	tap(task_get_state(task, x86_DEBUG_STATE64, (thread_state_t)&got, &count) == KERN_SUCCESS && got.dr7 == 0 &&
	    count == x86_DEBUG_STATE64_COUNT, "TLIM0090 nothing is watched in a new task");
	tap_result(task_set_state(mach_host_self(), x86_DEBUG_STATE64, (thread_state_t)&debug, count), KERN_INVALID_TASK, "TLIM0091 no task");
	tap_result(task_get_state(mach_host_self(), x86_DEBUG_STATE64, (thread_state_t)&got, &count), KERN_INVALID_TASK, "TLIM0092 none");
	tap_result(task_set_state(task, x86_THREAD_STATE64, (thread_state_t)&debug, x86_THREAD_STATE64_COUNT), KERN_INVALID_ARGUMENT,
		   "TLIM0093 no registers but these");
	count = x86_THREAD_STATE64_COUNT;
	tap_result(task_get_state(task, x86_THREAD_STATE64, (thread_state_t)&(x86_thread_state64_t){ 0 }, &count), KERN_INVALID_ARGUMENT,
		   "TLIM0094 are told");
	tap_result(task_set_state(task, x86_DEBUG_STATE64, (thread_state_t)&debug, x86_DEBUG_STATE64_COUNT - 1), KERN_INVALID_ARGUMENT,
		   "TLIM0095 and of their size");
	wrong.dr0 = 1ull << 63;
	tap_result(task_set_state(task, x86_DEBUG_STATE64, (thread_state_t)&wrong, x86_DEBUG_STATE64_COUNT), KERN_INVALID_ARGUMENT,
		   "TLIM0096 no address of the kernel's");
	count = x86_DEBUG_STATE64_COUNT - 1;
	tap_result(task_get_state(task, x86_DEBUG_STATE64, (thread_state_t)&got, &count), KERN_INVALID_ARGUMENT, "TLIM0097 too little room");
	tap_result(task_set_state(task, x86_DEBUG_STATE64, (thread_state_t)&debug, x86_DEBUG_STATE64_COUNT), KERN_SUCCESS,
		   "TLIM0098 a watchpoint for all threads to come");
	count = sizeof(headed) / sizeof(natural_t);
	tap(task_get_state(task, x86_DEBUG_STATE, (thread_state_t)&headed, &count) == KERN_SUCCESS &&
	    headed.head.flavor == x86_DEBUG_STATE64 && headed.debug.dr0 == debug.dr0 && headed.debug.dr7 == debug.dr7,
	    "TLIM0099 is told, with a header");
	(void)task_set_exception_ports(task, EXC_MASK_BREAKPOINT, port, (int)(EXCEPTION_DEFAULT | MACH_EXCEPTION_CODES), 0);
	thread = run_in(task, child_stores, 0);
	tap(is_raised(before) && raised.type == EXC_BREAKPOINT && raised.code == EXC_I386_SGL && (raised.subcode & 0xf) == 1 &&
	    raised.thread == thread, "TLIM0100 and hit by a new thread");
	(void)task_terminate(task);
	drop(thread);
	drop(task);
}

int main(void)
{
	pthread_t server;

	self_task = mach_task_self();
	(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_RECEIVE, &port);
	(void)mach_port_insert_right(self_task, port, port, MACH_MSG_TYPE_MAKE_SEND);
	(void)pthread_create(&server, NULL, serve, NULL);
	events();
	memory();
	flavours();
	suspensions();
	suspender_dies();
	footprint();
	cpu_monitor();
	states();
	return tap_done();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: samples of program counters: kept (mach4.defs) and sent (task_sample(), thread_sample()), of a task and of one thread, by time
 *   and by page faults; each call's errors, and that nothing ticks when nobody samples.
 */
#include "child.h"
#include "tap.h"

#include <mach/pc_sample.h>
#include <mach/processor_info.h>
#include <mach/prof_server.h>
#include <string.h>

#define PAGE 4096ull
#define CODE_BYTES 128 /* child_counts() is shorter */

static mach_port_t self_task, host;
static sampled_pc_t pcs[SAMPLED_PCS_MAX];

static void drop(mach_port_t right)
{
	(void)mach_port_deallocate(self_task, right);
}

static bool in_counts(vm_offset_t pc)
{
	return pc >= (vm_offset_t)(uintptr_t)child_counts && pc < (vm_offset_t)(uintptr_t)child_counts + CODE_BYTES;
}

static unsigned id_of(mach_port_t thread)
{
	thread_identifier_info_data_t info = { 0 };
	mach_msg_type_number_t count = THREAD_IDENTIFIER_INFO_COUNT;

	(void)thread_info(thread, THREAD_IDENTIFIER_INFO, (thread_info_t)&info, &count);
	return (unsigned)info.thread_id;
}

/* Until so many samples of a task were taken since the beginning; how many came, in pcs. */
static unsigned wait_for(mach_port_t of, bool thread, unsigned wanted)
{
	mach_msg_type_number_t count = 0;

	for (int i = 0; i < THREADS_TRIES && count < wanted; i++) {
		sampled_pc_seqno_t seqno = 0;

		usleep(5000);
		count = 0;
		if (thread)
			(void)thread_get_sampled_pcs(of, &seqno, pcs, &count);
		else
			(void)task_get_sampled_pcs(of, &seqno, pcs, &count);
	}
	return count;
}

static unsigned how_many(mach_msg_type_number_t count, unsigned id)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++)
		n += in_counts(pcs[i].pc) && pcs[i].sampletype == SAMPLED_PC_PERIODIC && pcs[i].id == id;
	return n;
}

/* ---- kept ones ---- */

static void errors(void)
{
	mach_port_t thread = mach_thread_self();
	mach_msg_type_number_t count = 0;
	sampled_pc_seqno_t seqno = 0;
	int n = -1;

	tap_result(task_enable_pc_sampling(host, &n, SAMPLED_PC_PERIODIC), KERN_INVALID_ARGUMENT, "SAMP0001 what is no task is not sampled");
	tap_result(task_enable_pc_sampling(self_task, &n, 0), KERN_INVALID_ARGUMENT, "SAMP0002 nor is any for nothing");
	tap_result(task_enable_pc_sampling(self_task, &n, 2), KERN_INVALID_ARGUMENT, "SAMP0003 nor for what there is not");
	tap_result(task_get_sampled_pcs(self_task, &seqno, pcs, &count), KERN_FAILURE, "SAMP0004 none are taken, none are there");
	tap_result(task_get_sampled_pcs(host, &seqno, pcs, &count), KERN_INVALID_ARGUMENT, "SAMP0005 not of what is no task");
	tap(task_disable_pc_sampling(self_task, &n) == KERN_SUCCESS && n == 0, "SAMP0006 stopping what has not begun: none were taken");
	tap_result(task_disable_pc_sampling(host, &n), KERN_INVALID_ARGUMENT, "SAMP0007 not of what is no task");
	tap_result(thread_enable_pc_sampling(self_task, &n, SAMPLED_PC_PERIODIC), KERN_INVALID_ARGUMENT, "SAMP0008 a task is no thread");
	tap_result(thread_enable_pc_sampling(thread, &n, 0x1000), KERN_INVALID_ARGUMENT, "SAMP0009 nor is that a flavour");
	tap_result(thread_get_sampled_pcs(thread, &seqno, pcs, &count), KERN_FAILURE, "SAMP0010 none of a thread");
	tap_result(thread_get_sampled_pcs(host, &seqno, pcs, &count), KERN_INVALID_ARGUMENT, "SAMP0011 nor of none");
	tap_result(thread_disable_pc_sampling(host, &n), KERN_INVALID_ARGUMENT, "SAMP0012 nor stopped");
	tap(thread_disable_pc_sampling(thread, &n) == KERN_SUCCESS && n == 0, "SAMP0013 one that is not sampled: none");
	tap_result(task_sample(host, MACH_PORT_NULL), KERN_INVALID_TASK, "TASK0194 what is no task is not sampled to a port");
	tap_result(thread_sample(host, MACH_PORT_NULL), KERN_INVALID_ARGUMENT, "TASK0196 nor what is no thread");
	tap(task_sample(self_task, MACH_PORT_NULL) == KERN_SUCCESS && thread_sample(thread, MACH_PORT_NULL) == KERN_SUCCESS,
	    "SAMP0014 to no port: no more");
	drop(thread);
}

static void by_time(void)
{
	mach_port_t task, first, second;
	sampled_pc_seqno_t seqno = 0, later;
	mach_msg_type_number_t count;
	unsigned a, b;
	int tick = 0, n = 0;

	(void)task_create(self_task, NULL, 0, TRUE, &task);
	first = run_in(task, child_counts, 0);
	tap(task_enable_pc_sampling(task, &tick, SAMPLED_PC_PERIODIC) == KERN_SUCCESS && tick == 10000, "SAMP0020 a task is sampled every 10 ms");
	count = wait_for(task, false, 5);
	a = how_many(count, id_of(first));
	tap(count >= 5 && a == count, "SAMP0021 its samples are of the code that runs, in its thread (%u of %u)", a, count);
	second = run_in(task, child_counts, 1);
	for (a = b = 0; a == 0 || b == 0; ) {
		count = wait_for(task, false, 1);
		a = how_many(count, id_of(first));
		b = how_many(count, id_of(second));
	}
	tap(true, "SAMP0022 a thread that begins later is sampled too");
	(void)task_suspend(task);
	(void)task_get_sampled_pcs(task, &seqno, pcs, &count);
	later = seqno;
	tap(seqno >= count && task_get_sampled_pcs(task, &later, pcs, &count) == KERN_SUCCESS && count == 0 && later == seqno,
	    "SAMP0023 none is told twice, and a task that stands still gives none");
	later = seqno - 3;
	tap(task_get_sampled_pcs(task, &later, pcs, &count) == KERN_SUCCESS && count == 3 && later == seqno, "SAMP0024 the last three");
	later = seqno + 1000;
	tap(task_get_sampled_pcs(task, &later, pcs, &count) == KERN_SUCCESS && count == 0 && later == seqno, "SAMP0025 none of the future");
	tap(task_disable_pc_sampling(task, &n) == KERN_SUCCESS && n == (int)seqno, "SAMP0026 when it ends, they were so many: %d", n);
	later = 0;
	tap_result(task_get_sampled_pcs(task, &later, pcs, &count), KERN_FAILURE, "SAMP0027 and are gone");

	tap(thread_enable_pc_sampling(second, &tick, SAMPLED_PC_PERIODIC) == KERN_SUCCESS && task_resume(task) == KERN_SUCCESS,
	    "SAMP0028 one thread is sampled");
	count = wait_for(second, true, 5);
	tap(count >= 5 && how_many(count, id_of(second)) == count, "SAMP0029 and no other");
	tap(thread_disable_pc_sampling(second, &n) == KERN_SUCCESS && n >= 5, "SAMP0030 until that ends");
	(void)thread_enable_pc_sampling(first, &tick, SAMPLED_PC_PERIODIC | SAMPLED_PC_VM_FAULTS_ANY);
	(void)task_enable_pc_sampling(task, &tick, SAMPLED_PC_PERIODIC);
	(void)task_sample(task, self_task);
	(void)thread_terminate(first);
	tap(dies(first) && task_terminate(task) == KERN_SUCCESS && dies(task), "SAMP0031 a thread and a task end that are sampled");
	drop(first);
	drop(second);
	drop(task);
}

static void by_faults(void)
{
	mach_vm_size_t bytes = (SAMPLED_PCS_MAX + 100) * PAGE;
	mach_vm_address_t at = 0, copy = 0;
	sampled_pc_seqno_t seqno = 0;
	mach_msg_type_number_t count = 0;
	unsigned right = 0;
	int tick, taken;

	(void)mach_vm_allocate(self_task, &at, bytes, VM_FLAGS_ANYWHERE);
	(void)task_enable_pc_sampling(self_task, &tick, SAMPLED_PC_VM_ZFILL_FAULTS);
	for (mach_vm_size_t i = 0; i < bytes; i += PAGE)
		*(volatile char *)(uintptr_t)(at + i) = 1;
	tap(task_get_sampled_pcs(self_task, &seqno, pcs, &count) == KERN_SUCCESS && count == SAMPLED_PCS_MAX && seqno >= SAMPLED_PCS_MAX + 100,
	    "SAMP0040 pages filled with zeros: %u of %u samples are left", count, seqno);
	for (unsigned i = 0; i < count; i++)
		right += pcs[i].sampletype == SAMPLED_PC_VM_ZFILL_FAULTS && pcs[i].pc == pcs[0].pc;
	tap(right == count, "SAMP0041 all at the one instruction that wrote (%u)", right);
	(void)task_enable_pc_sampling(self_task, &tick, SAMPLED_PC_VM_COW_FAULTS);
	(void)mach_vm_allocate(self_task, &copy, 8 * PAGE, VM_FLAGS_ANYWHERE);
	(void)mach_vm_copy(self_task, at, 8 * PAGE, copy);
	for (mach_vm_size_t i = 0; i < 8 * PAGE; i += PAGE)
		*(volatile char *)(uintptr_t)(copy + i) = 2;
	seqno = 0;
	tap(task_get_sampled_pcs(self_task, &seqno, pcs, &count) == KERN_SUCCESS && count == 8 && pcs[0].sampletype == SAMPLED_PC_VM_COW_FAULTS,
	    "SAMP0042 pages copied for a write: %u; enabled anew, it begins anew", count);
	(void)task_enable_pc_sampling(self_task, &tick, SAMPLED_PC_VM_FAULTS_ANY);
	(void)mach_vm_protect(self_task, at, 4 * PAGE, FALSE, VM_PROT_READ);
	(void)mach_vm_protect(self_task, at, 4 * PAGE, FALSE, VM_PROT_READ | VM_PROT_WRITE);
	for (mach_vm_size_t i = 0; i < 4 * PAGE; i += PAGE)
		*(volatile char *)(uintptr_t)(at + i) = 3;
	tap(task_disable_pc_sampling(self_task, &taken) == KERN_SUCCESS && taken >= 4, "SAMP0043 any fault: %d", taken);
	(void)mach_vm_deallocate(self_task, at, bytes);
	(void)mach_vm_deallocate(self_task, copy, 8 * PAGE);
}

/* ---- sent ones ---- */

static struct {
	unsigned messages, most, total, strangers;
} got;

static kern_return_t take_samples(mach_port_t port, sample_array_t samples, mach_msg_type_number_t count)
{
	got.messages++;
	got.total += count;
	got.most = count > got.most ? count : got.most;
	for (unsigned i = 0; i < count; i++)
		got.strangers += !in_counts(samples[i]);
	return KERN_SUCCESS;
}

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct prof_ops ops = { .samples = take_samples };

	return prof_demux(&ops, in, out);
}

/* Take what comes to port within ms. */
static bool receive(mach_port_t port, mach_msg_timeout_t ms)
{
	static struct {
		mach_msg_header_t head;
		char rest[SAMPLE_ARRAY_MAX * 8 + 256];
	} in;
	static mig_reply_error_t out;

	if (mach_msg(&in.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(in), port, ms, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
		return false;
	return demux(&in.head, &out.Head);
}

static void to_a_port(void)
{
	mach_port_t task, thread, port = MACH_PORT_NULL;

	(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_RECEIVE, &port);
	(void)task_create(self_task, NULL, 0, TRUE, &task);
	thread = run_in(task, child_counts, 0);
	tap_result(task_sample(task, port), KERN_SUCCESS, "SAMP0050 a task's samples go to a port");
	tap(receive(port, 60000) && got.most == SAMPLE_ARRAY_MAX && got.strangers == 0, "SAMP0051 a message of %u, all of the code that runs", got.most);
	usleep(100000);
	tap(task_sample(task, MACH_PORT_NULL) == KERN_SUCCESS && receive(port, 60000) && got.messages == 2 && got.most == SAMPLE_ARRAY_MAX && got.strangers == 0,
	    "SAMP0052 when it ends, what was left over (%u in all)", got.total);
	tap(!receive(port, 300), "SAMP0053 and then no more");
	got.total = 0;
	tap(thread_sample(thread, port) == KERN_SUCCESS && usleep(100000) == 0 && thread_sample(thread, MACH_PORT_NULL) == KERN_SUCCESS &&
	    receive(port, 60000) && got.total > 0 && got.strangers == 0, "SAMP0054 one thread's: %u", got.total);
	(void)thread_sample(thread, port);
	(void)task_sample(task, port);
	(void)mach_port_destroy(self_task, port);
	usleep(50000);
	tap(thread_sample(thread, MACH_PORT_NULL) == KERN_SUCCESS && task_sample(task, MACH_PORT_NULL) == KERN_SUCCESS,
	    "SAMP0055 a port that died does no harm");
	(void)task_terminate(task);
	tap(dies(task), "SAMP0056 and the task ends");
	tap_result(task_sample(task, self_task), MACH_SEND_INVALID_DEST, "SAMP0057 what has ended is not sampled");
	drop(thread);
	drop(task);
}

/* ---- nobody samples ---- */

static uint64_t timer_interrupts(void)
{
	processor_array_t list = NULL;
	mach_msg_type_number_t n = 0;
	uint64_t sum = 0;

	(void)host_processors(host, &list, &n);
	for (unsigned i = 0; i < n; i++) {
		processor_sched_info_data_t info = { 0 };
		mach_msg_type_number_t count = PROCESSOR_SCHED_INFO_COUNT;
		mach_port_t owner;

		(void)processor_info(list[i], PROCESSOR_SCHED_INFO, &owner, (processor_info_t)&info, &count);
		sum += info.timer_interrupts;
		drop(list[i]);
		drop(owner);
	}
	(void)mach_vm_deallocate(self_task, (mach_vm_address_t)(uintptr_t)list, n * sizeof(*list));
	return sum;
}

static void quiet(void)
{
	uint64_t before, idle, sampled;
	int n;

	usleep(50000);
	before = timer_interrupts();
	usleep(1000000);
	idle = timer_interrupts() - before;
	(void)task_enable_pc_sampling(self_task, &n, SAMPLED_PC_PERIODIC);
	before = timer_interrupts();
	usleep(1000000);
	sampled = timer_interrupts() - before;
	(void)task_disable_pc_sampling(self_task, &n);
	tap(sampled >= idle + 20, "SAMP0060 the clock ticks as long as somebody samples (%llu interrupts a second), and else does not (%llu)",
	    (unsigned long long)sampled, (unsigned long long)idle);
}

int main(void)
{
	unsigned names;

	self_task = mach_task_self();
	host = mach_host_self();
	errors();
	names = tap_names();
	by_time();
	by_faults();
	to_a_port();
	quiet();
	tap(tap_names() <= names + 1, "SAMP0090 no name is left over (%u, %u)", names, tap_names());
	return tap_done();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pager_perf.c - the bench's program for external pagers on our nodes: rows named as OSF mach_perf's pager tests.
 *
 *   pager_perf N     every row, N rounds each; a row's round begins with the instruction that bench/profile/pages.c looks for
 *
 * The pager is another task, with one thread and no library between it and the messages; it answers and receives in one trap. A page-in is
 * one touch of a page that is not here: a fault, memory_object_data_request, memory_object_data_supply of 4096 bytes, and the page mapped. Beside it, in the same run, what
 * it is made of: a null RPC to the same task, and a fault that fills a page with zeros.
 */
#include <mach/mach.h>
#include <mach/memory_object_server.h>
#include <mach/thread_status.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "measure.h"

#define PAGE 4096UL
#define NULL_RPC 77000
#define CHILD_PORT 0x10007u /* free in a new task */
#define WARM_UP 64u

extern mach_port_t mach_task_self_;

static mach_port_t self;

/* ---- the pager's task: it has no TLS ---- */

static _Alignas(16) char child_stack[64 * 1024];
static _Alignas(4096) char page_bytes[64 * 1024];
static uint32_t cluster = PAGE;

/* memory_object_change_attributes as a one-way message: its stub wants a reply port, which is the thread's. */
static kern_return_t
set_attributes(mach_port_t control)
{
	struct {
		mach_msg_header_t h;
		mach_msg_body_t body;
		mach_msg_port_descriptor_t reply_to;
		int flavor;
		uint32_t count;
		memory_object_attr_info_data_t info;
	} m = { .h = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX, .msgh_size = sizeof m,
		       .msgh_remote_port = control, .msgh_id = MIG_ID_memory_object_change_attributes },
		.body = { 1, 0 },
		.reply_to = mig_port_descriptor(MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE),
		.flavor = MEMORY_OBJECT_ATTRIBUTE_INFO,
		.count = MEMORY_OBJECT_ATTR_INFO_COUNT,
		.info = { MEMORY_OBJECT_COPY_DELAY, cluster, FALSE, FALSE } };

	return mach_msg(&m.h, MACH_SEND_MSG, sizeof m, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

static kern_return_t
init(memory_object_t object, mach_port_t control, mach_port_t name, memory_object_cluster_size_t page_size)
{
	return set_attributes(control);
}

/* The answer to a data_request: it goes out with the next receive, as <mach/pager.h> does it, and takes the control right along. */
static struct {
	mach_msg_header_t h;
	mach_msg_body_t body;
	mach_msg_ool_descriptor_t data;
	mach_msg_port_descriptor_t reply_to;
	memory_object_offset_t offset;
	vm_prot_t lock_value;
	boolean_t precious;
} supply;

static kern_return_t
request(memory_object_t object, mach_port_t control, memory_object_offset_t offset, memory_object_cluster_size_t length,
	vm_prot_t access)
{
	supply.h = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND, 0) | MACH_MSGH_BITS_COMPLEX,
					.msgh_size = sizeof supply, .msgh_remote_port = control,
					.msgh_id = MIG_ID_memory_object_data_supply };
	supply.body.msgh_descriptor_count = 2;
	supply.data = mig_memory_descriptor(page_bytes, length, FALSE);
	supply.reply_to = mig_port_descriptor(MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE);
	supply.offset = offset;
	return KERN_SUCCESS;
}

static kern_return_t
take_back(memory_object_t object, mach_port_t control, memory_object_offset_t offset, vm_offset_t data,
	  mach_msg_type_number_t size, boolean_t dirty, boolean_t kernel_copy)
{
	return _kernelrpc_mach_vm_deallocate_trap(mach_task_self(), data, size);
}

static kern_return_t
synchronize(memory_object_t object, mach_port_t control, memory_object_offset_t offset, memory_object_size_t length,
	    vm_sync_t flags)
{
	struct {
		mach_msg_header_t h;
		uint64_t offset, length;
	} m = { .h = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0), .msgh_size = sizeof m, .msgh_remote_port = control,
		       .msgh_id = MIG_ID_memory_object_synchronize_completed },
		.offset = offset, .length = length };

	return mach_msg(&m.h, MACH_SEND_MSG, sizeof m, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

static void
serve(mach_port_t port)
{
	static const struct memory_object_ops ops = { .memory_object_init = init, .memory_object_data_request = request,
						      .memory_object_data_return = take_back,
						      .memory_object_synchronize = synchronize };
	static union {
		mach_msg_header_t h;
		char room[512];
	} in, out;
	mach_msg_option_t option = MACH_RCV_MSG;
	mach_msg_header_t *answer = &out.h;

	for (;;) {
		mach_msg_return_t mr = mach_msg_overwrite(answer, option, option & MACH_SEND_MSG ? answer->msgh_size : 0, sizeof in,
							  port, 0, MACH_PORT_NULL, &in.h, sizeof in);

		option = MACH_RCV_MSG;
		if (mr != MACH_MSG_SUCCESS)
			continue;
		if (in.h.msgh_id != NULL_RPC) {
			supply.h.msgh_size = 0;
			(void)memory_object_demux(&ops, &in.h, &out.h);
			answer = &supply.h;
			option |= supply.h.msgh_size != 0 ? MACH_SEND_MSG : 0;
			continue;
		}
		answer = &out.h;
		out.h = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(in.h.msgh_bits), 0),
					     .msgh_size = sizeof out.h, .msgh_remote_port = in.h.msgh_remote_port,
					     .msgh_id = NULL_RPC + 100 };
		option |= MACH_SEND_MSG;
	}
}

static void
child_entry(void)
{
	mach_task_self_ = task_self_trap();
	serve(CHILD_PORT);
}

/* Start the pager's task; its port. */
static mach_port_t
start_pager(mach_port_t *task)
{
	x86_thread_state64_t state = { .rip = (uint64_t)child_entry, .rflags = 0x202,
				       .rsp = (uint64_t)child_stack + sizeof child_stack - 8 };
	mach_port_t port, thread;

	check(mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &port), "mach_port_allocate");
	check(mach_port_insert_right(self, port, port, MACH_MSG_TYPE_MAKE_SEND), "mach_port_insert_right");
	check(task_create(self, NULL, 0, TRUE, task), "task_create");
	check(mach_port_insert_right(*task, CHILD_PORT, port, MACH_MSG_TYPE_MOVE_RECEIVE), "giving a receive right");
	check(thread_create_running(*task, x86_THREAD_STATE64, (thread_state_t)&state, x86_THREAD_STATE64_COUNT, &thread),
	      "thread_create_running");
	return port;
}

/* ---- the rows ---- */

static double
report(const char *name, struct measure *m)
{
	unsigned n = m->count;

	measure_end(m, 1);
	measure_print(name, "local", n, m->p50_us, m->p99_us);
	return m->p50_us;
}

static void
null_rpc(mach_port_t port, mach_port_t reply)
{
	struct {
		mach_msg_header_t h;
		mach_msg_trailer_t trailer;
	} m = { .h = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE), .msgh_size = sizeof m.h,
		       .msgh_remote_port = port, .msgh_local_port = reply, .msgh_id = NULL_RPC } };

	check(mach_msg(&m.h, MACH_SEND_MSG | MACH_RCV_MSG, sizeof m.h, sizeof m, reply, 0, MACH_PORT_NULL), "a null RPC");
}

static double
rpcs(mach_port_t port, unsigned n)
{
	struct measure m;
	mach_port_t reply;

	check(mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &reply), "mach_port_allocate");
	for (unsigned i = 0; i < WARM_UP; i++)
		null_rpc(port, reply);
	m = measure_begin(n);
	for (unsigned i = 0; i < n; i++) {
		uint64_t start = measure_tsc();

		__asm__ volatile("nopl 0x4853454d(%rax)");
		null_rpc(port, reply);
		measure_add(&m, measure_tsc() - start);
	}
	return report("null rpc to the pager", &m);
}

/*
 * Touch n pages at base, from the last one down (memory that is filled in order may come in large pages); store: by writes. The
 * first ones are not counted. Clusters are aligned, so they read ahead either way.
 */
static double
touches(const char *name, mach_vm_address_t base, unsigned n, bool store)
{
	struct measure m;

	for (unsigned i = 0; i < WARM_UP; i++)
		*(volatile char *)(base + (n + i) * PAGE) = 0;
	m = measure_begin(n);
	for (unsigned i = n; i-- > 0;) {
		volatile char *at = (volatile char *)(base + i * PAGE);
		uint64_t start = measure_tsc();

		__asm__ volatile("nopl 0x4853454d(%rax)");
		if (store)
			*at = 1;
		else
			(void)*at;
		measure_add(&m, measure_tsc() - start);
	}
	return report(name, &m);
}

static mach_vm_address_t
map(mach_port_t object, mach_vm_size_t bytes)
{
	mach_vm_address_t at = 0;

	check(mach_vm_map(self, &at, bytes, 0, VM_FLAGS_ANYWHERE, object, 0, FALSE, VM_PROT_DEFAULT, VM_PROT_DEFAULT, VM_INHERIT_NONE),
	      "mach_vm_map");
	return at;
}

static double
page_in(const char *name, unsigned n, uint32_t bytes, bool store)
{
	mach_vm_size_t size = (n + WARM_UP) * PAGE;
	mach_port_t task, port;
	mach_vm_address_t at;
	double us;

	cluster = bytes;
	port = start_pager(&task);
	at = map(port, size);
	us = touches(name, at, n, store);
	if (store) {
		struct measure m = measure_begin(1);
		uint64_t start = measure_tsc();

		check(mach_vm_msync(self, at, size, VM_SYNC_SYNCHRONOUS), "mach_vm_msync");
		measure_add(&m, measure_tsc() - start);
		measure_end(&m, n);
		measure_print("page-out of a page, by msync", "local", n, m.p50_us, m.p50_us);
	}
	check(mach_vm_deallocate(self, at, size), "mach_vm_deallocate");
	check(task_terminate(task), "task_terminate");
	(void)mach_port_deallocate(self, task);
	(void)mach_port_deallocate(self, port);
	return us;
}

int
main(int argc, char **argv)
{
	unsigned n = argc == 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	double rpc, zero, in;
	mach_vm_address_t at = 0;
	mach_port_t task;

	if (n == 0) {
		puts("usage: pager_perf N");
		return 2;
	}
	if (n > 4000)
		n = 4000;
	self = mach_task_self();
	memset(page_bytes, 1, sizeof page_bytes);
	check(mach_vm_allocate(self, &at, (n + WARM_UP) * PAGE, VM_FLAGS_ANYWHERE), "mach_vm_allocate");
	rpc = rpcs(start_pager(&task), n);
	zero = touches("zero fill fault", at, n, true);
	check(mach_vm_deallocate(self, at, (n + WARM_UP) * PAGE), "mach_vm_deallocate");
	in = page_in("page-in through a pager", n, PAGE, false);
	measure_print("page-in / (null rpc + zero fill fault)", "local", n, in / (rpc + zero), in / (rpc + zero));
	page_in("page-in through a pager, for a write", n, PAGE, true);
	page_in("page-in of a page, 16 at a time", n, 16 * PAGE, false);
	check(task_terminate(task), "task_terminate");
	puts("BENCH-DONE");
	return 0;
}

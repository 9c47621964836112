/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_perf.c - the bench's program on our nodes: rows named as OSF mach_perf's ipc_perf, and the floors that a
 * program can measure.
 *
 *   ipc_perf local N              the rows within one node, then the floors that a program can measure
 *   ipc_perf null N               of these the null calls and the floors alone, again and again in turns
 *   ipc_perf serve NAME           register NAME and NAME.set (a port in a set) for the cluster, answer until killed
 *   ipc_perf remote NAME N        the rows to the server NAME, which runs on another node
 *
 * A row is one call and its reply: the median, the 99th percentile, the number of calls. Floors want one CPU.
 * A row's call begins with the instruction that bench/profile/pages.c looks for.
 */
#include <bench/ipc_perf.h>
#include <bench/ipc_perf_server.h>
#include <mach/mach.h>
#include <mach/mach_traps.h>
#include <mach/thread_status.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <servers/bootstrap_names.h>
#include <string.h>

#include "check.h"
#include "measure.h"

#define WARM_UP 200
#define OOL_MAX (1u << 20)
#define REQUEST_MAX (8192 + 512) /* the largest message, with its trailer */
#define CHILD_PORT 0x2003 /* what another task calls its port */

/* ---- the server ---- */

static kern_return_t
serve_nothing(mach_port_t server)
{
	return KERN_SUCCESS;
}

static kern_return_t
serve_right(mach_port_t server, mach_port_t right)
{
	return mach_port_deallocate(mach_task_self(), right);
}

static kern_return_t
serve_bytes(mach_port_t server, uint8_t *data)
{
	return KERN_SUCCESS;
}

static kern_return_t
serve_ool(mach_port_t server, vm_offset_t data, mach_msg_type_number_t bytes)
{
	return mach_vm_deallocate(mach_task_self(), data, bytes);
}

static const struct ipc_perf_ops ops = {
	.ipc_perf_null = serve_nothing,
	.ipc_perf_make_send = serve_right,
	.ipc_perf_copy_send = serve_right,
	.ipc_perf_inline_128 = serve_bytes,
	.ipc_perf_inline_1024 = serve_bytes,
	.ipc_perf_inline_4096 = serve_bytes,
	.ipc_perf_ool = serve_ool,
};

union buffer {
	mach_msg_header_t header;
	uint8_t bytes[REQUEST_MAX];
};

/* Answer what comes to port (or set), a reply and the next request in one trap. */
static void
serve(mach_port_t port)
{
	static union buffer buffers[2];
	union buffer *request = &buffers[0], *reply = &buffers[1], *swap;

	check(mach_msg(&request->header, MACH_RCV_MSG, 0, sizeof *request, port, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL),
	      "receiving the first request");
	for (;;) {
		mach_msg_return_t mr;

		if (!ipc_perf_demux(&ops, &request->header, &reply->header) || reply->header.msgh_remote_port == MACH_PORT_NULL) {
			mach_msg_destroy(&request->header);
			mr = mach_msg(&reply->header, MACH_RCV_MSG, 0, sizeof *reply, port, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
		} else {
			mr = mach_msg(&reply->header, MACH_SEND_MSG | MACH_RCV_MSG, reply->header.msgh_size, sizeof *reply, port,
				      MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
		}
		if (mr == MACH_SEND_INVALID_DEST || mr == MACH_SEND_TRANSPORT_ERROR) { /* the caller has gone */
			mach_msg_destroy(&reply->header);
			mr = mach_msg(&reply->header, MACH_RCV_MSG, 0, sizeof *reply, port, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
		}
		check(mr, "serving");
		swap = request;
		request = reply;
		reply = swap;
	}
}

static mach_port_t
new_port(mach_port_right_t right)
{
	mach_port_t name;

	check(mach_port_allocate(mach_task_self(), right, &name), "mach_port_allocate");
	if (right == MACH_PORT_RIGHT_RECEIVE)
		check(mach_port_insert_right(mach_task_self(), name, name, MACH_MSG_TYPE_MAKE_SEND), "mach_port_insert_right");
	return name;
}

static void *
serve_thread(void *port)
{
	serve((mach_port_t)(uintptr_t)port);
	return NULL;
}

static void
start_thread(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, fn, arg) != 0) {
		puts("BENCH-ERROR pthread_create");
		exit(1);
	}
}

static void
serve_names(const char *name)
{
	mach_port_t alone = new_port(MACH_PORT_RIGHT_RECEIVE), member = new_port(MACH_PORT_RIGHT_RECEIVE);
	mach_port_t set = new_port(MACH_PORT_RIGHT_PORT_SET);
	char in_set[80];

	snprintf(in_set, sizeof in_set, "%s.set", name);
	check(mach_port_move_member(mach_task_self(), member, set), "mach_port_move_member");
	check(bootstrap_register(bootstrap_port, name, alone), "registering the name");
	check(bootstrap_register(bootstrap_port, in_set, member), "registering the name");
	start_thread(serve_thread, (void *)(uintptr_t)set);
	puts("BENCH-SERVING");
	fflush(stdout);
	serve(alone);
}

/* ---- another task ---- */

static void (*child_main)(mach_port_t port);
static mach_port_t child_thread; /* of the last task started */
static _Alignas(16) char child_stack[64 * 1024];

/* First instruction of the other task, in its copy of our memory; it has no TLS. */
static void
child_entry(void)
{
	mach_task_self_ = task_self_trap();
	child_main(CHILD_PORT);
	for (;;)
		swtch();
}

/* Start a task with a copy of this one's memory; it gets the receive right, we a send right, of *port. */
static mach_port_t
start_task(void (*main)(mach_port_t port), mach_port_t *port)
{
	x86_thread_state64_t state = { .rip = (uint64_t)child_entry, .rflags = 0x202 };
	mach_port_t task, thread;

	child_main = main;
	state.rsp = (uint64_t)child_stack + sizeof child_stack - 8; /* as after a call */
	*port = new_port(MACH_PORT_RIGHT_RECEIVE);
	check(task_create(mach_task_self(), NULL, 0, TRUE, &task), "task_create");
	check(mach_port_insert_right(task, CHILD_PORT, *port, MACH_MSG_TYPE_MOVE_RECEIVE), "giving a receive right");
	check(thread_create_running(task, x86_THREAD_STATE64, (thread_state_t)&state, x86_THREAD_STATE64_COUNT, &thread),
	      "thread_create_running");
	child_thread = thread;
	return task;
}

static void
child_in_set(mach_port_t port)
{
	mach_port_t set = new_port(MACH_PORT_RIGHT_PORT_SET);

	check(mach_port_move_member(mach_task_self(), port, set), "mach_port_move_member");
	serve(set);
}

static void
child_yields(mach_port_t port)
{
}

/* ---- the rows ---- */

/* What a row sends, and to whom. */
struct call {
	mach_port_t server, right;
	uint8_t *data;
	mach_msg_type_number_t bytes;
};

static kern_return_t
call_null(const struct call *c)
{
	return ipc_perf_null(c->server);
}

static kern_return_t
call_make_send(const struct call *c)
{
	return ipc_perf_make_send(c->server, c->right);
}

static kern_return_t
call_copy_send(const struct call *c)
{
	return ipc_perf_copy_send(c->server, c->right);
}

static kern_return_t
call_inline(const struct call *c)
{
	if (c->bytes == 128)
		return ipc_perf_inline_128(c->server, c->data);
	if (c->bytes == 1024)
		return ipc_perf_inline_1024(c->server, c->data);
	return ipc_perf_inline_4096(c->server, c->data);
}

static kern_return_t
call_ool(const struct call *c)
{
	return ipc_perf_ool(c->server, (vm_offset_t)c->data, c->bytes);
}

/* The server takes it and answers nothing; a full queue blocks us. */
static kern_return_t
call_no_reply(const struct call *c)
{
	mach_msg_header_t h = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0), .msgh_remote_port = c->server };

	return mach_msg(&h, MACH_SEND_MSG, sizeof h, 0, MACH_PORT_NULL, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
}

static const mach_msg_type_number_t ool_bytes[] = { 1024, 4096, 8192, 65536, OOL_MAX };

static void
row(const char *name, const char *placement, kern_return_t (*call)(const struct call *), struct call c, unsigned n)
{
	struct measure m;

	for (unsigned i = 0; i < WARM_UP; i++)
		check(call(&c), name);
	m = measure_begin(n);
	for (unsigned i = 0; i < n; i++) {
		uint64_t start = measure_tsc();
		kern_return_t kr;

		__asm__ volatile("nopl 0x4853454d(%rax)");
		kr = call(&c);

		measure_add(&m, measure_tsc() - start);
		check(kr, name);
	}
	measure_end(&m, 1);
	measure_print(name, placement, n, m.p50_us, m.p99_us);
}

/* All rows but the first: to a server of another task, alone and in a port set. */
static void
rows(mach_port_t server, mach_port_t in_set, const char *placement, unsigned n)
{
	struct call c = { .server = server, .right = new_port(MACH_PORT_RIGHT_RECEIVE) };
	mach_vm_address_t memory;

	check(mach_vm_allocate(mach_task_self(), &memory, OOL_MAX, VM_FLAGS_ANYWHERE), "mach_vm_allocate");
	c.data = (uint8_t *)memory;
	memset(c.data, 0x5a, OOL_MAX);
	row("null rpc separate task", placement, call_null, c, n);
	row("null rpc to port set", placement, call_null, (struct call){ .server = in_set }, n);
	row("1 make_send", placement, call_make_send, c, n);
	row("1 copy_send", placement, call_copy_send, c, n);
	for (c.bytes = 128; c.bytes <= 4096; c.bytes *= c.bytes == 128 ? 8 : 4) {
		char title[40];

		snprintf(title, sizeof title, "%u bytes inline", c.bytes);
		row(title, placement, call_inline, c, n);
	}
	for (size_t i = 0; i < sizeof ool_bytes / sizeof ool_bytes[0]; i++) {
		char title[40];

		c.bytes = ool_bytes[i];
		snprintf(title, sizeof title, "%u bytes ool", c.bytes);
		row(title, placement, call_ool, c, c.bytes > 8192 ? n / 10 + 1 : n);
	}
	row("1 message without reply", placement, call_no_reply, c, n);
}

/* ---- the page exchange: a buffer's pages go to the server and come back ---- */

struct exchange {
	mach_msg_base_t base;
	mach_msg_ool_descriptor_t pages;
	mach_msg_max_trailer_t trailer;
};

static void
exchange_prepare(struct exchange *e, mach_vm_address_t buffer, mach_msg_type_number_t bytes)
{
	e->base.body.msgh_descriptor_count = 1;
	e->pages = (mach_msg_ool_descriptor_t){ .address = (void *)buffer, .size = bytes, .copy = MACH_MSG_PAGE_EXCHANGE,
						.type = MACH_MSG_OOL_DESCRIPTOR };
}

static mach_msg_return_t
exchange_call(struct exchange *out, mach_msg_option_t option, mach_port_t rcv, struct exchange *in)
{
	return mach_msg_overwrite(&out->base.header, option | MACH_RCV_MSG | MACH_RCV_OVERWRITE,
				  (mach_msg_size_t)offsetof(struct exchange, trailer), sizeof *in, rcv, MACH_MSG_TIMEOUT_NONE,
				  MACH_PORT_NULL, &in->base.header, (mach_msg_size_t)offsetof(struct exchange, trailer));
}

/* Gives back what it gets, from a buffer of its own. */
static void
child_exchanges(mach_port_t port)
{
	mach_vm_address_t buffer = 0;
	mach_msg_option_t option = 0;
	struct exchange in, out = { .base.header.msgh_size = 0 };

	if (_kernelrpc_mach_vm_allocate_trap(mach_task_self(), &buffer, OOL_MAX, VM_FLAGS_ANYWHERE) != KERN_SUCCESS)
		return;
	for (;;) {
		exchange_prepare(&in, buffer, OOL_MAX);
		if (exchange_call(&out, option, port, &in) != MACH_MSG_SUCCESS)
			return;
		out = in;
		out.base.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0) | MACH_MSGH_BITS_COMPLEX;
		out.base.header.msgh_local_port = MACH_PORT_NULL;
		option = MACH_SEND_MSG;
	}
}

static kern_return_t
call_exchange(const struct call *c)
{
	struct exchange e;

	exchange_prepare(&e, (mach_vm_address_t)c->data, c->bytes);
	e.base.header = (mach_msg_header_t){
		.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE) | MACH_MSGH_BITS_COMPLEX,
		.msgh_remote_port = c->server,
		.msgh_local_port = c->right,
	};
	return exchange_call(&e, MACH_SEND_MSG, c->right, &e);
}

static void
exchanges(unsigned n)
{
	struct call c = { .right = new_port(MACH_PORT_RIGHT_RECEIVE) };
	mach_port_t task = start_task(child_exchanges, &c.server);
	mach_vm_address_t memory;

	check(mach_vm_allocate(mach_task_self(), &memory, OOL_MAX, VM_FLAGS_ANYWHERE), "mach_vm_allocate");
	c.data = (uint8_t *)memory;
	memset(c.data, 0x5a, OOL_MAX);
	for (size_t i = 1; i < sizeof ool_bytes / sizeof ool_bytes[0]; i++) {
		char title[40];

		c.bytes = ool_bytes[i];
		snprintf(title, sizeof title, "%u bytes exchanged", c.bytes);
		row(title, "local", call_exchange, c, c.bytes > 8192 ? n / 10 + 1 : n);
		if (c.data[c.bytes - 1] != 0x5a)
			check(KERN_FAILURE, "the pages came back with other bytes");
	}
	check(task_terminate(task), "task_terminate");
}

/* ---- the floors ---- */

static atomic_bool yielding;

/* Threads that yield to each other must keep their priority: that of a timeshare thread falls. */
static void
fix_priority(mach_port_t thread)
{
	policy_rr_base_data_t base = { .base_priority = 31 };

	check(thread_policy(thread, POLICY_RR, (policy_base_t)&base, POLICY_RR_BASE_COUNT, FALSE), "thread_policy");
}

static void *
yield_thread(void *unused)
{
	fix_priority(mach_thread_self());
	while (atomic_load(&yielding))
		swtch();
	return NULL;
}

/* n yields, each to another thread and back: half of it is a trap and a switch. */
static struct measure
measure_yield(unsigned n)
{
	struct measure m;

	for (unsigned i = 0; i < WARM_UP; i++)
		swtch();
	m = measure_begin(n);
	for (unsigned i = 0; i < n; i++) {
		uint64_t start = measure_tsc();

		swtch();
		measure_add(&m, measure_tsc() - start);
	}
	measure_end(&m, 2);
	return m;
}

static void
floors(unsigned n)
{
	struct measure trap, threads, tasks;
	mach_port_t other, unused;

	trap = measure_begin(n);
	for (unsigned i = 0; i < n; i++) {
		uint64_t start = measure_tsc();

		for (unsigned k = 0; k < 8; k++)
			swtch(); /* nobody else wants to run: in and out again */
		measure_add(&trap, measure_tsc() - start);
	}
	measure_end(&trap, 8);
	measure_print("trap", NULL, n, trap.p50_us, trap.p99_us);

	fix_priority(mach_thread_self());
	atomic_store(&yielding, true);
	start_thread(yield_thread, NULL);
	threads = measure_yield(n);
	atomic_store(&yielding, false);
	measure_print("thread switch", NULL, n, threads.p50_us - trap.p50_us, threads.p99_us - trap.p99_us);

	other = start_task(child_yields, &unused);
	fix_priority(child_thread);
	tasks = measure_yield(n);
	check(task_terminate(other), "task_terminate");
	measure_print("address-space switch", NULL, n, tasks.p50_us - threads.p50_us, tasks.p99_us - threads.p99_us);
}

/* ---- the same among many names ---- */

/* Let task's space grow to so many names more, an eighth of them ports. */
static void
add_names(mach_port_t task, unsigned count)
{
	mach_port_name_t name;

	for (unsigned i = 0; i < count; i++)
		check(mach_port_allocate(task, i % 8 ? MACH_PORT_RIGHT_DEAD_NAME : MACH_PORT_RIGHT_RECEIVE, &name),
		      "mach_port_allocate");
}

/* The null RPC when both spaces have 1,000 and 100,000 other names: each to be compared with none, of the same moment. */
static void
among_names(mach_port_t server, mach_port_t server_task, unsigned n)
{
	struct call c = { .server = server };

	row("null rpc, few names", "local", call_null, c, n);
	add_names(mach_task_self(), 1000);
	add_names(server_task, 1000);
	row("null rpc, 1000 names", "local", call_null, c, n);
	add_names(mach_task_self(), 99000);
	add_names(server_task, 99000);
	row("null rpc, 100000 names", "local", call_null, c, n);
}

/* ---- what is asked for ---- */

static void
local(unsigned n)
{
	mach_port_t here = new_port(MACH_PORT_RIGHT_RECEIVE), there, in_set, tasks[2];

	start_thread(serve_thread, (void *)(uintptr_t)here);
	row("null rpc same task", "local", call_null, (struct call){ .server = here }, n);
	tasks[0] = start_task(serve, &there);
	tasks[1] = start_task(child_in_set, &in_set);
	rows(there, in_set, "local", n);
	among_names(there, tasks[0], n);
	exchanges(n);
	for (unsigned i = 0; i < 2; i++)
		check(task_terminate(tasks[i]), "task_terminate");
	floors(n);
}

/* Rounds of the null calls and the floors: their ratio, on a machine that others use too. */
#define NULL_ROUNDS 5
static void
null_calls(unsigned n)
{
	mach_port_t here = new_port(MACH_PORT_RIGHT_RECEIVE), there, task;

	start_thread(serve_thread, (void *)(uintptr_t)here);
	task = start_task(serve, &there);
	for (unsigned i = 0; i < NULL_ROUNDS; i++) {
		row("null rpc same task", "local", call_null, (struct call){ .server = here }, n);
		row("null rpc separate task", "local", call_null, (struct call){ .server = there }, n);
		floors(n);
	}
	check(task_terminate(task), "task_terminate");
}

static void
remote(const char *name, unsigned n)
{
	mach_port_t server, in_set;
	char set_name[80];

	snprintf(set_name, sizeof set_name, "%s.set", name);
	check(bootstrap_look_up_wait(bootstrap_port, name, &server), "looking up the server");
	check(bootstrap_look_up_wait(bootstrap_port, set_name, &in_set), "looking up the server");
	rows(server, in_set, "remote", n);
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	unsigned n = argc > 2 ? (unsigned)strtoul(argv[argc - 1], NULL, 10) : 0;

	if (argc == 3 && strcmp(what, "local") == 0 && n > 0) {
		local(n);
	} else if (argc == 3 && strcmp(what, "null") == 0 && n > 0) {
		null_calls(n);
	} else if (argc == 3 && strcmp(what, "serve") == 0) {
		serve_names(argv[2]);
	} else if (argc == 4 && strcmp(what, "remote") == 0 && n > 0) {
		remote(argv[2], n);
	} else {
		puts("usage: ipc_perf local N | null N | serve NAME | remote NAME N");
		return 2;
	}
	puts("BENCH-DONE");
	return 0;
}

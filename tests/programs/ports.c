/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ports.c - every call of mach_port on a booted node, on one's own space and on another task's; guards and their
 * exceptions; circles of receive rights; spaces with 100,000 names. It is the first task of its boot
 * (tests/kernel/ports.t); prints TAP. The same calls on another node's task: tests/programs/remote_calls.c.
 */
#include "port_calls.h"

#include <mach/exc_guard.h>
#include <mach/mach_exc_server.h>
#include <mach/thread_status.h>
#include <pthread.h>

#define MANY 100000
#define RING 16
#define FAR_NAME ((mach_port_name_t)0x3000003) /* past those */
#define CHILD_PORT 0x2003 /* what another task calls its port */
#define STRAYED 0x2103    /* and one that it must not touch */

/* ---- guards' exceptions ---- */

static mach_port_t handler;
static volatile unsigned raised;
static volatile int64_t last_code, last_subcode;
static volatile bool refuse;

static kern_return_t note(mach_port_t port, mach_port_t thread, mach_port_t task, exception_type_t type,
			  mach_exception_data_t code, mach_msg_type_number_t count)
{
	if (type != EXC_GUARD || count != 2)
		return KERN_FAILURE;
	last_code = code[0];
	last_subcode = code[1];
	raised++;
	if (refuse)
		return KERN_FAILURE;
	(void)mach_port_deallocate(mach_task_self(), thread);
	(void)mach_port_deallocate(mach_task_self(), task);
	return KERN_SUCCESS;
}

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct mach_exc_ops ops = { .mach_exception_raise = note };

	return mach_exc_demux(&ops, in, out);
}

static void *serve_exceptions(void *unused)
{
	(void)mach_msg_server(demux, 4096, handler, MACH_MSG_OPTION_NONE);
	return NULL;
}

static unsigned violations(void)
{
	return raised;
}

static void catch_guards(void)
{
	pthread_t server;

	handler = pc_own_port();
	(void)mach_port_insert_right(mach_task_self(), handler, handler, MACH_MSG_TYPE_MAKE_SEND);
	(void)pthread_create(&server, NULL, serve_exceptions, NULL);
	tap_result(task_set_exception_ports(mach_task_self(), EXC_MASK_GUARD, handler,
					    (exception_behavior_t)(EXCEPTION_DEFAULT | MACH_EXCEPTION_CODES), 0),
		   KERN_SUCCESS, "PORT0300 exceptions of guards are asked for");
}

static void codes(void)
{
	mach_port_t port = pc_own_port();
	unsigned before = raised;

	(void)mach_port_guard(mach_task_self(), port, PC_GUARD, TRUE);
	(void)mach_port_destroy(mach_task_self(), port);
	tap(raised == before + 1 && EXC_GUARD_DECODE_GUARD_TYPE(last_code) == GUARD_TYPE_MACH_PORT &&
		    EXC_GUARD_DECODE_GUARD_FLAVOR(last_code) == kGUARD_EXC_DESTROY &&
		    EXC_GUARD_DECODE_GUARD_TARGET(last_code) == port && (uint64_t)last_subcode == PC_GUARD,
	    "PORT0301 which tell how, what, and its guard: %#llx %#llx", (unsigned long long)last_code,
	    (unsigned long long)last_subcode);
	(void)mach_port_destruct(mach_task_self(), port, 0, PC_GUARD);
}

static unsigned violate(mach_port_t port)
{
	unsigned before = raised;

	(void)mach_port_destroy(mach_task_self(), port);
	return raised - before;
}

static void behaviors(void)
{
	mach_port_t self = mach_task_self(), port = pc_own_port();
	task_exc_guard_behavior_t behavior = 0;
	boolean_t is = TRUE;

	(void)mach_port_guard(self, port, PC_GUARD, TRUE);
	tap(task_get_exc_guard_behavior(self, &behavior) == KERN_SUCCESS && behavior == TASK_EXC_GUARD_MP_DELIVER, "PORT0352 a violation is an exception");
	tap(task_get_exc_guard_behavior(mach_host_self(), &behavior) == KERN_INVALID_TASK && task_set_exc_guard_behavior(mach_host_self(), 0) == KERN_INVALID_TASK,
	    "PORT0353 of a task");
	tap(task_set_exc_guard_behavior(self, 0x100) == KERN_INVALID_ARGUMENT && task_set_exc_guard_behavior(self, TASK_EXC_GUARD_MP_CORPSE) == KERN_INVALID_ARGUMENT,
	    "PORT0354 it can be what there is");
	tap(task_set_exc_guard_behavior(self, TASK_EXC_GUARD_NONE) == KERN_SUCCESS && violate(port) == 0, "PORT0355 nothing, for one");
	tap(task_set_exc_guard_behavior(self, TASK_EXC_GUARD_MP_DELIVER | TASK_EXC_GUARD_MP_ONCE) == KERN_SUCCESS && violate(port) == 1 && violate(port) == 0,
	    "PORT0356 or once");
	tap(task_set_exc_guard_behavior(self, TASK_EXC_GUARD_MP_DELIVER | TASK_EXC_GUARD_VM_ALL) == KERN_SUCCESS && violate(port) == 1 && violate(port) == 1,
	    "PORT0357 or each time");
	(void)task_set_exc_guard_behavior(self, TASK_EXC_GUARD_MP_DELIVER);
	(void)mach_port_destruct(self, port, 0, PC_GUARD);
	tap(mach_task_is_self(self, &is) == KERN_SUCCESS && is, "PORT0358 this task is this task");
	tap_result(mach_task_is_self(mach_host_self(), &is), KERN_INVALID_TASK, "PORT0359 the host is none");
}

/* ---- another task, with a copy of our memory ---- */

static _Alignas(16) char child_stack[64 * 1024];
static void (*child_main)(void);

/* It has no TLS. */
static void child_entry(void)
{
	mach_task_self_ = task_self_trap();
	child_main();
	for (;;)
		swtch();
}

static void child_strays(void)
{
	(void)_kernelrpc_mach_port_destroy_trap(mach_task_self_, STRAYED);
}

static mach_port_t start_child(void (*run)(void))
{
	x86_thread_state64_t state = { .rip = (uint64_t)child_entry, .rflags = 0x202,
				       .rsp = (uint64_t)child_stack + sizeof(child_stack) - 8 };
	mach_port_t task = MACH_PORT_NULL, thread = MACH_PORT_NULL, port = pc_own_port();

	child_main = run;
	if (task_create(mach_task_self(), NULL, 0, TRUE, &task) != KERN_SUCCESS)
		return MACH_PORT_NULL;
	(void)mach_port_insert_right(task, STRAYED, port, MACH_MSG_TYPE_MOVE_RECEIVE);
	(void)mach_port_guard(task, STRAYED, PC_GUARD, FALSE);
	(void)thread_create_running(task, x86_THREAD_STATE64, (thread_state_t)&state, x86_THREAD_STATE64_COUNT, &thread);
	(void)mach_port_deallocate(mach_task_self(), thread);
	return task;
}

static bool becomes_dead(mach_port_t right)
{
	mach_port_type_t type = 0;

	for (int i = 0; i < 3000 && !(type & MACH_PORT_TYPE_DEAD_NAME); i++) {
		(void)mach_port_type(mach_task_self(), right, &type);
		usleep(10000);
	}
	return (type & MACH_PORT_TYPE_DEAD_NAME) != 0;
}

static void a_stray_ends(void)
{
	unsigned before = raised;
	mach_port_t task;

	refuse = true;
	task = start_child(child_strays);
	tap(becomes_dead(task) && raised == before + 1, "PORT0302 a task whose violation nobody deals with ends");
	refuse = false;
	(void)mach_port_deallocate(mach_task_self(), task);
	(void)task_set_exc_guard_behavior(mach_task_self(), TASK_EXC_GUARD_MP_DELIVER | TASK_EXC_GUARD_MP_FATAL);
	task = start_child(child_strays);
	(void)task_set_exc_guard_behavior(mach_task_self(), TASK_EXC_GUARD_MP_DELIVER);
	tap(becomes_dead(task) && raised == before + 2, "PORT0350 and so does, with its parent's behaviour, one whose violation is fatal, whoever deals with it");
	(void)mach_port_deallocate(mach_task_self(), task);
}

/* ---- every call on what is no task ---- */

static void no_task(void)
{
	struct {
		const char *name;
		kern_return_t kr;
	} calls[64];
	mach_port_t host = mach_host_self(), mine = pc_own_port(), right = 0;
	mach_port_options_t options = { 0 };
	mach_port_qos_t qos = { 0 };
	mach_port_name_array_t names;
	mach_port_type_array_t types;
	ipc_info_name_array_t table;
	ipc_info_tree_name_array_t tree;
	ipc_info_space_t space;
	ipc_info_space_basic_t basic;
	kobject_description_t words;
	mach_msg_type_number_t n = 1, m = 1;
	mach_port_name_t name = 0x2203;
	mach_port_type_t type;
	mach_msg_type_name_t kind;
	mach_msg_size_t size;
	mach_msg_id_t id;
	mach_vm_address_t address;
	vm_offset_t offset;
	natural_t u = 0, v = 0;
	integer_t info[17] = { 1 };
	char bytes[68];
	unsigned count = 0, good = 0;

#define TRY(call) calls[count++] = (typeof(calls[0])){ #call, call }
	TRY(mach_port_names(host, &names, &n, &types, &m));
	TRY(mach_port_type(host, name, &type));
	TRY(mach_port_rename(host, name, 0x2303));
	TRY(mach_port_allocate_name(host, MACH_PORT_RIGHT_RECEIVE, name));
	TRY(mach_port_allocate(host, MACH_PORT_RIGHT_RECEIVE, &name));
	TRY(mach_port_destroy(host, name));
	TRY(mach_port_deallocate(host, name));
	TRY(mach_port_get_refs(host, name, MACH_PORT_RIGHT_SEND, &u));
	TRY(mach_port_mod_refs(host, name, MACH_PORT_RIGHT_SEND, 1));
	n = sizeof(bytes);
	TRY(mach_port_peek(host, name, 0, &u, &size, &id, bytes, &n));
	TRY(mach_port_set_mscount(host, name, 1));
	TRY(mach_port_get_set_status(host, name, &names, &n));
	TRY(mach_port_move_member(host, name, 0));
	TRY(mach_port_request_notification(host, name, MACH_NOTIFY_DEAD_NAME, 0, MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE, &right));
	TRY(mach_port_insert_right(host, name, mine, MACH_MSG_TYPE_MAKE_SEND));
	TRY(mach_port_extract_right(host, name, MACH_MSG_TYPE_COPY_SEND, &right, &kind));
	TRY(mach_port_set_seqno(host, name, 1));
	n = 1;
	TRY(mach_port_get_attributes(host, name, MACH_PORT_LIMITS_INFO, info, &n));
	TRY(mach_port_set_attributes(host, name, MACH_PORT_LIMITS_INFO, info, 1));
	TRY(mach_port_allocate_qos(host, MACH_PORT_RIGHT_RECEIVE, &qos, &name));
	TRY(mach_port_allocate_full(host, MACH_PORT_RIGHT_RECEIVE, MACH_PORT_NULL, &qos, &name));
	TRY(task_set_port_space(host, 1));
	TRY(mach_port_get_srights(host, name, &u));
	TRY(mach_port_space_info(host, &space, &table, &n, &tree, &m));
	TRY(mach_port_dnrequest_info(host, name, &u, &v));
	TRY(mach_port_kernel_object(host, name, &u, &offset));
	TRY(mach_port_insert_member(host, name, 0x2303));
	TRY(mach_port_extract_member(host, name, 0x2303));
	TRY(mach_port_get_context(host, name, &address));
	TRY(mach_port_set_context(host, name, 1));
	TRY(mach_port_kobject(host, name, &u, &address));
	TRY(mach_port_construct(host, &options, 0, &name));
	TRY(mach_port_destruct(host, name, 0, 0));
	TRY(mach_port_guard(host, name, 0, FALSE));
	TRY(mach_port_unguard(host, name, 0));
	TRY(mach_port_space_basic_info(host, &basic));
	TRY(mach_port_guard_with_flags(host, name, 0, 0));
	TRY(mach_port_swap_guard(host, name, 0, 0));
	TRY(mach_port_kobject_description(host, name, &u, &address, words));
	TRY(mach_port_assert_attributes(host, name, MACH_PORT_GUARD_INFO, info, 2));
#undef TRY
	for (unsigned i = 0; i < count; i++) {
		good += calls[i].kr == KERN_INVALID_TASK;
		if (calls[i].kr != KERN_INVALID_TASK)
			printf("# %s: %s\n", calls[i].name, mach_error_string(calls[i].kr));
	}
	tap(good == count && count == 40, "PORT0310 each of %u calls on what is no task answers KERN_INVALID_TASK", count);
	(void)mach_port_deallocate(mach_task_self(), host);
	(void)mach_port_destroy(mach_task_self(), mine);
}

/* ---- what kernel objects are ---- */

static void objects(void)
{
	mach_vm_address_t a = 0, b = 0;
	kobject_description_t words = "";
	natural_t type = 0, again = 1;
	mach_port_t host = mach_host_self();

	(void)mach_port_kobject(mach_task_self(), mach_task_self(), &type, &a);
	tap(type != 0 && a != 0, "PORT0311 a task's port stands for an object: kind %u", type);
	tap(mach_port_kobject_description(mach_task_self(), mach_task_self(), &again, &b, words) == KERN_SUCCESS && again == type &&
		    a == b && strcmp(words, "task") == 0, "PORT0312 the same each time, called '%s'", words);
	tap(mach_port_kobject(mach_task_self(), host, &again, &b) == KERN_SUCCESS && again != type && b != a, "PORT0313 a host's for another");
	(void)mach_port_deallocate(mach_task_self(), host);
}

/* ---- sends that are possible again ---- */

static void send_possible(mach_port_t other)
{
	struct port_place there = { .task = other, .where = "another task's" };
	mach_port_name_t name = pc_allocate(&there, MACH_PORT_RIGHT_RECEIVE);
	mach_port_t right = pc_make_send(&there, name), tell = pc_own_port(), back = MACH_PORT_NULL, previous;
	mach_msg_type_name_t type;
	mach_port_type_t bits = 0;
	natural_t n;
	int sent = 0;

	while (pc_send(right, sent, MACH_SEND_NOTIFY) == MACH_MSG_SUCCESS)
		sent++;
	tap(sent == MACH_PORT_QLIMIT_DEFAULT, "PORT0320 a queue is full after %d messages", sent);
	tap_result(mach_port_request_notification(mach_task_self(), right, MACH_NOTIFY_SEND_POSSIBLE, 0, tell,
						  MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous), KERN_SUCCESS, "PORT0321 a request for when it is not");
	(void)mach_port_type(mach_task_self(), right, &bits);
	tap(bits & MACH_PORT_TYPE_SPREQUEST_DELAYED, "PORT0322 waits for a send that fails");
	tap_result(pc_send(right, 99, MACH_SEND_NOTIFY), MACH_SEND_TIMED_OUT, "PORT0323 which it does");
	(void)mach_port_type(mach_task_self(), right, &bits);
	tap((bits & MACH_PORT_TYPE_SPREQUEST) && !(bits & MACH_PORT_TYPE_SPREQUEST_DELAYED) && pc_receive(tell, 0, &n) == 0,
	    "PORT0324 now it waits for room");
	tap_result(mach_port_extract_right(other, name, MACH_MSG_TYPE_MOVE_RECEIVE, &back, &type), KERN_SUCCESS, "PORT0325 the receive right comes here");
	tap(pc_receive(back, 0, &n) == 0 && pc_receive(tell, PC_WAIT_MS, &n) == MACH_NOTIFY_SEND_POSSIBLE && n == right,
	    "PORT0326 a message is received, and the notification comes");
	tap(pc_receive(tell, 0, &n) == 0, "PORT0327 once");
	(void)mach_port_destroy(mach_task_self(), back);
	(void)mach_port_destroy(mach_task_self(), right);
	(void)mach_port_destroy(mach_task_self(), tell);
}

/* ---- circles ---- */

static mach_msg_return_t send_receive_right(mach_port_t to, mach_port_t what)
{
	struct {
		mach_msg_base_t base;
		mach_msg_port_descriptor_t right;
	} m = { .base = { { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX,
			    .msgh_size = sizeof(m), .msgh_remote_port = to }, { 1 } },
		.right = { .name = what, .disposition = MACH_MSG_TYPE_MOVE_RECEIVE, .type = MACH_MSG_PORT_DESCRIPTOR } };

	return mach_msg(&m.base.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof(m), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

/* Port i's receive right goes into the queue of port i + 1: the last message closes the ring, and all of them die. */
static void ring(unsigned length, const char *what)
{
	mach_port_t ports[RING];
	mach_msg_return_t mr = MACH_MSG_SUCCESS;
	unsigned dead = 0;

	for (unsigned i = 0; i < length; i++) {
		ports[i] = pc_own_port();
		(void)mach_port_insert_right(mach_task_self(), ports[i], ports[i], MACH_MSG_TYPE_MAKE_SEND);
	}
	for (unsigned i = 0; i < length; i++)
		mr |= send_receive_right(ports[(i + 1) % length], ports[i]);
	for (unsigned i = 0; i < length; i++) {
		dead += tap_refs(ports[i], MACH_PORT_RIGHT_DEAD_NAME) == 1;
		(void)mach_port_destroy(mach_task_self(), ports[i]);
	}
	tap(mr == MACH_MSG_SUCCESS && dead == length, "%s: %u of %u ports are dead", what, dead, length);
}

/* A right that is extracted by a call whose reply goes to that very port. */
static void ring_by_reply(mach_port_t other)
{
	struct port_place there = { .task = other, .where = "another task's" };
	mach_port_name_t name = pc_allocate(&there, MACH_PORT_RIGHT_RECEIVE);
	mach_port_t right = pc_make_send(&there, name);
	struct {
		mach_msg_header_t head;
		mach_port_name_t name;
		mach_msg_type_name_t how;
	} call = { { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_COPY_SEND), .msgh_size = sizeof(call),
		     .msgh_remote_port = other, .msgh_local_port = right, .msgh_id = MIG_ID_mach_port_extract_right },
		   name, MACH_MSG_TYPE_MOVE_RECEIVE };

	(void)mach_msg(&call.head, MACH_SEND_MSG, sizeof(call), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
	tap(becomes_dead(right), "PORT0334 a receive right that a reply would bring to its own port is destroyed");
	(void)mach_port_deallocate(mach_task_self(), right);
}

/* ---- many names ---- */

/* All names of a large space come out, by both calls that list them. */
static void listed(mach_port_t task, unsigned expected)
{
	mach_port_name_array_t names = NULL;
	mach_port_type_array_t types = NULL;
	ipc_info_name_array_t table = NULL;
	ipc_info_tree_name_array_t tree = NULL;
	ipc_info_space_t space;
	mach_msg_type_number_t n = 0, m = 0, all = 0, none = 0;
	kern_return_t kr = mach_port_names(task, &names, &n, &types, &m);

	tap(kr == KERN_SUCCESS && n == expected && m == n, "PORT0344 all of them are listed: %u", n);
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)names, n * sizeof(*names));
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)types, m * sizeof(*types));
	kr = mach_port_space_info(task, &space, &table, &all, &tree, &none);
	tap(kr == KERN_SUCCESS && all == expected, "PORT0345 and shown: %u", all);
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)table, all * sizeof(*table));
}

static void many_names(void)
{
	struct port_place there = { .where = "another task's" };
	ipc_info_space_basic_t basic = { 0 };
	mach_port_t rights[100], mine = pc_own_port(), tell = pc_own_port(), previous, ending;
	mach_port_name_t name = MACH_PORT_NULL;
	natural_t n;
	unsigned bad = 0, dead = 0, told = 0;

	if (task_create(mach_task_self(), NULL, 0, FALSE, &there.task) != KERN_SUCCESS)
		return;
	for (unsigned i = 0; i < MANY; i++) { /* mostly dead names: a boot has little memory */
		bad += mach_port_allocate(there.task, i % 16 && i % (MANY / 100) ? MACH_PORT_RIGHT_DEAD_NAME : MACH_PORT_RIGHT_RECEIVE, &name) != KERN_SUCCESS;
		if (i % (MANY / 100) == 0)
			rights[i / (MANY / 100)] = pc_make_send(&there, name);
	}
	(void)mach_port_space_basic_info(there.task, &basic);
	tap(bad == 0 && basic.iisb_table_inuse == MANY,
	    "PORT0340 a space of %u names", basic.iisb_table_inuse);
	tap(mach_port_insert_right(there.task, FAR_NAME, mine, MACH_MSG_TYPE_MAKE_SEND) == KERN_SUCCESS &&
		    mach_port_insert_right(there.task, FAR_NAME + 0x100, mine, MACH_MSG_TYPE_MAKE_SEND) == KERN_RIGHT_EXISTS,
	    "PORT0341 in which a port still has one name");
	listed(there.task, MANY + 1);
	ending = there.task;
	for (unsigned i = 0; i < 100; i++)
		bad += mach_port_request_notification(mach_task_self(), rights[i], MACH_NOTIFY_DEAD_NAME, 0, tell,
						      MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous) != KERN_SUCCESS;
	tap_result(task_terminate(ending), KERN_SUCCESS, "PORT0342 the task ends");
	for (unsigned i = 0; i < 100; i++)
		told += pc_receive(tell, 30000, &n) == MACH_NOTIFY_DEAD_NAME;
	for (unsigned i = 0; i < 100; i++) {
		dead += becomes_dead(rights[i]);
		(void)mach_port_destroy(mach_task_self(), rights[i]);
	}
	tap(bad == 0 && told == 100 && dead == 100, "PORT0343 and its rights with it: %u were told of, %u are dead", told, dead);
	(void)mach_port_destroy(mach_task_self(), ending);
	(void)mach_port_destroy(mach_task_self(), mine);
	(void)mach_port_destroy(mach_task_self(), tell);
}

int main(void)
{
	struct port_place own = { .task = mach_task_self(), .where = "own task", .moves = true, .violations = violations };
	struct port_place other = { .where = "another task", .moves = true, .violations = violations };
	unsigned before, after;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	catch_guards();
	behaviors();
	codes();
	before = tap_names();
	port_calls(&own);
	tap(tap_names() == before, "PORT0290 no name is left over, own task");
	tap_result(task_create(mach_task_self(), NULL, 0, FALSE, &other.task), KERN_SUCCESS, "PORT0303 another task");
	for (int round = 0; round < 2; round++) {
		ipc_info_space_basic_t basic = { 0 };

		port_calls(&other);
		(void)mach_port_space_basic_info(other.task, &basic);
		tap(basic.iisb_table_inuse == 0, "PORT0291 no name is left over, another task: %u", basic.iisb_table_inuse);
	}
	no_task();
	objects();
	send_possible(other.task);
	a_stray_ends();
	ring(1, "PORT0330 a receive right sent to its own port");
	ring(2, "PORT0331 two that are sent to each other");
	ring(3, "PORT0332 a ring of three");
	ring(RING, "PORT0333 a ring of many");
	ring_by_reply(other.task);
	(void)task_terminate(other.task);
	(void)mach_port_deallocate(mach_task_self(), other.task);
	many_names();
	after = tap_names();
	tap(after == before, "PORT0399 no name is left over: %u before, %u now", before, after);
	return tap_done();
}

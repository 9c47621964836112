/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: ports across nodes on a booted cluster (NET0001 ...). Nodes other than the first serve under the name
 * check/N; node 1 calls nodes 2 and 3 and says on its console what held.
 *
 * net_check [CALLS [NODES [kill]]]: how many null calls to make (default 2000); with kill, node 3 is expected to be
 * killed when this program says so.
 */
#include <mach/host_info.h>
#include <mach/mach.h>
#include <mach/mach_host.h>
#include <mach/notify.h>
#include <servers/bootstrap_names.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OP_ECHO = 6000, OP_MEMORY, OP_GIVE, OP_PASS_ON, OP_USE, OP_DROP, OP_TASK, OP_NEW, OP_KILL, OP_LOSE,
       OP_COUNT, OP_KEEP_ONCE, OP_USE_ONCE, OP_HOLD };

#define BODY_MAX 60000u

/* One form for all: up to one port, up to one region, parameters, then bytes. */
struct message {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_port_descriptor_t port;
	mach_msg_ool_descriptor_t memory;
	uint64_t a, b;
	uint8_t bytes[BODY_MAX];
	mach_msg_max_trailer_t trailer;
};

struct simple {
	mach_msg_header_t head;
	uint64_t a, b;
	uint8_t bytes[BODY_MAX];
	mach_msg_max_trailer_t trailer;
};

static union {
	struct message m;
	struct simple s;
	mach_msg_header_t head;
} in, out;

static int number, failed;

static void ok(bool good, const char *text)
{
	printf("%s %d - NET%04d %s\n", good ? "ok" : "not ok", number + 1, number + 1, text);
	number++;
	failed += !good;
}

static uint8_t pattern(uint64_t seed, uint64_t at)
{
	return (uint8_t)((seed * 31 + at * 7) ^ (at >> 8));
}

static bool pattern_good(const uint8_t *bytes, uint64_t size, uint64_t seed)
{
	for (uint64_t i = 0; i < size; i++)
		if (bytes[i] != pattern(seed, i))
			return false;
	return true;
}

/* ---- sending ---- */

static void head(mach_msg_header_t *h, mach_port_t to, uint32_t type, mach_port_t reply, int id, uint32_t size)
{
	*h = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(type, reply ? MACH_MSG_TYPE_MAKE_SEND_ONCE : 0),
				  .msgh_size = size, .msgh_remote_port = to, .msgh_local_port = reply, .msgh_id = id };
}

static void complex_out(mach_port_t to, uint32_t type, mach_port_t reply, int id, mach_port_t port, uint32_t disposition,
			void *memory, uint64_t size)
{
	struct message *m = &out.m;

	head(&m->head, to, type, reply, id, offsetof(struct message, bytes));
	m->head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
	m->body = (mach_msg_body_t){ .msgh_descriptor_count = 2 };
	m->port = (mach_msg_port_descriptor_t){ .name = port, .disposition = (uint8_t)disposition,
						.type = MACH_MSG_PORT_DESCRIPTOR };
	m->memory = (mach_msg_ool_descriptor_t){ .address = memory, .size = size, .copy = MACH_MSG_VIRTUAL_COPY,
						 .type = MACH_MSG_OOL_DESCRIPTOR };
}

static mach_msg_return_t call(mach_port_t reply)
{
	mach_msg_return_t mr = mach_msg(&out.head, MACH_SEND_MSG, out.head.msgh_size, 0, 0, 0, 0);

	if (mr != MACH_MSG_SUCCESS)
		return mr;
	return mach_msg(&in.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(in), reply, 10000, 0);
}

/* A call with a right and parameters; the answer is in `in`. */
static mach_msg_return_t call_right(mach_port_t to, mach_port_t reply, int id, mach_port_t port, uint32_t disposition,
				    uint64_t a, uint64_t b)
{
	complex_out(to, MACH_MSG_TYPE_COPY_SEND, reply, id, port, disposition, NULL, 0);
	out.m.a = a;
	out.m.b = b;
	return call(reply);
}

static mach_port_t new_port(void)
{
	mach_port_t port = MACH_PORT_NULL;

	(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
	return port;
}

/* Wait for a message on port; its id, 0: none came in ms. */
static int next_id(mach_port_t port, uint32_t ms)
{
	return mach_msg(&in.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(in), port, ms, 0) == MACH_MSG_SUCCESS
		       ? in.head.msgh_id : 0;
}

/* ---- the server ---- */

static mach_port_t kept[16], kept_once, made;

static void reply_simple(uint64_t a)
{
	mach_port_t to = in.head.msgh_remote_port;

	head(&out.head, to, MACH_MSG_TYPE_MOVE_SEND_ONCE, 0, in.head.msgh_id + 100, sizeof(mach_msg_header_t) + 16);
	out.s.a = a;
	(void)mach_msg(&out.head, MACH_SEND_MSG, out.head.msgh_size, 0, 0, 0, 0);
}

static void reply_memory(void)
{
	uint64_t size = in.m.b;
	bool good = pattern_good(in.m.memory.address, in.m.memory.size, in.m.a);
	uint8_t *bytes = NULL;
	mach_port_t to = in.head.msgh_remote_port;

	if (size > 0) {
		mach_vm_address_t address = 0;

		(void)mach_vm_allocate(mach_task_self(), &address, size, VM_FLAGS_ANYWHERE);
		bytes = (uint8_t *)(uintptr_t)address;
		for (uint64_t i = 0; i < size; i++)
			bytes[i] = pattern(in.m.a + 1, i);
	}
	if (in.m.memory.size > 0)
		(void)mach_vm_deallocate(mach_task_self(), (uintptr_t)in.m.memory.address, in.m.memory.size);
	complex_out(to, MACH_MSG_TYPE_MOVE_SEND_ONCE, 0, in.head.msgh_id + 100, MACH_PORT_NULL,
		    MACH_MSG_TYPE_COPY_SEND, bytes, size);
	out.m.memory.deallocate = true;
	out.m.a = good;
	(void)mach_msg(&out.head, MACH_SEND_MSG, out.head.msgh_size, 0, 0, 0, 0);
}

static void reply_right(mach_port_t port, uint32_t disposition)
{
	complex_out(in.head.msgh_remote_port, MACH_MSG_TYPE_MOVE_SEND_ONCE, 0, in.head.msgh_id + 100, port, disposition,
		    NULL, 0);
	(void)mach_msg(&out.head, MACH_SEND_MSG, out.head.msgh_size, 0, 0, 0, 0);
}

static void send_note(mach_port_t to, uint32_t type, uint64_t a)
{
	head(&out.head, to, type, 0, 7000, sizeof(mach_msg_header_t) + 16);
	out.s.a = a;
	(void)mach_msg(&out.head, MACH_SEND_MSG, out.head.msgh_size, 0, 0, 0, 0);
}

static void serve_one(void)
{
	uint64_t slot = in.m.a % 16;
	mach_port_t got = in.m.port.name;

	switch (in.head.msgh_id) {
	case OP_ECHO:
		head(&out.head, in.head.msgh_remote_port, MACH_MSG_TYPE_MOVE_SEND_ONCE, 0, OP_ECHO + 100,
		     in.head.msgh_size);
		memcpy((char *)&out + sizeof(out.head), (char *)&in + sizeof(in.head),
		       in.head.msgh_size - sizeof(in.head));
		(void)mach_msg(&out.head, MACH_SEND_MSG, out.head.msgh_size, 0, 0, 0, 0);
		break;
	case OP_MEMORY:
		reply_memory();
		break;
	case OP_GIVE:
		kept[slot] = got;
		reply_simple(0);
		break;
	case OP_PASS_ON: { /* what is in the slot goes to the node whose server the message brought, and is forgotten here */
		mach_port_t reply = in.head.msgh_remote_port;

		complex_out(got, MACH_MSG_TYPE_MOVE_SEND, 0, OP_GIVE, kept[slot], MACH_MSG_TYPE_MOVE_SEND, NULL, 0);
		out.m.a = in.m.b;
		(void)mach_msg(&out.head, MACH_SEND_MSG, out.head.msgh_size, 0, 0, 0, 0);
		in.head.msgh_remote_port = reply;
		reply_simple(0);
		break;
	}
	case OP_USE:
		if (kept[slot] == MACH_PORT_NULL) {
			reply_simple(1); /* it is still on its way here */
			break;
		}
		{
			mach_port_t reply = in.head.msgh_remote_port;

			send_note(kept[slot], MACH_MSG_TYPE_COPY_SEND, in.m.b);
			in.head.msgh_remote_port = reply;
			reply_simple(0);
		}
		break;
	case OP_DROP:
		(void)mach_port_deallocate(mach_task_self(), kept[slot]);
		kept[slot] = MACH_PORT_NULL;
		reply_simple(0);
		break;
	case OP_TASK:
		reply_right(mach_task_self(), MACH_MSG_TYPE_COPY_SEND);
		break;
	case OP_NEW:
		made = new_port();
		reply_right(made, MACH_MSG_TYPE_MAKE_SEND);
		break;
	case OP_KILL:
		(void)mach_port_mod_refs(mach_task_self(), made, MACH_PORT_RIGHT_RECEIVE, -1);
		reply_simple(0);
		break;
	case OP_LOSE: /* the reply right dies unused */
		(void)mach_port_deallocate(mach_task_self(), in.head.msgh_remote_port);
		break;
	case OP_HOLD: /* never answers */
		break;
	case OP_COUNT: { /* how many messages wait at the port made by OP_NEW? */
		mach_port_t reply = in.head.msgh_remote_port;
		uint64_t count = 0;

		while (next_id(made, (uint32_t)in.m.a) != 0)
			count++;
		in.head.msgh_remote_port = reply;
		in.head.msgh_id = OP_COUNT;
		reply_simple(count);
		break;
	}
	case OP_KEEP_ONCE:
		kept_once = got;
		reply_simple(0);
		break;
	case OP_USE_ONCE:
		send_note(kept_once, MACH_MSG_TYPE_MOVE_SEND_ONCE, in.m.b);
		reply_simple(0);
		break;
	default:
		mach_msg_destroy(&in.head);
	}
}

static int serve(const char *name)
{
	mach_port_t service;
	kern_return_t result = bootstrap_check_in(bootstrap_port, name, &service);

	if (result != KERN_SUCCESS) {
		mach_error("net_check: checking in", result);
		return 1;
	}
	for (;;) {
		mach_msg_return_t mr;

		mr = mach_msg(&in.head, MACH_RCV_MSG, 0, sizeof(in), service, 0, 0);
		if (mr != MACH_MSG_SUCCESS)
			printf("net_check: receive: %x\n", mr);
		else if (in.head.msgh_bits & MACH_MSGH_BITS_COMPLEX || in.head.msgh_id == OP_ECHO ||
			 in.head.msgh_id < 100)
			serve_one();
	}
}

/* ---- the client ---- */

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

static void null_calls(mach_port_t to, mach_port_t reply, uint32_t calls)
{
	static float sample[200000];
	uint32_t good = 0;

	calls = calls < 200000 ? calls : 200000;
	for (uint32_t i = 0; i < calls; i++) {
		double before = now_us();

		head(&out.head, to, MACH_MSG_TYPE_COPY_SEND, reply, OP_ECHO, sizeof(mach_msg_header_t) + 16);
		out.s.a = i;
		good += mach_msg(&out.head, MACH_SEND_MSG | MACH_RCV_MSG, out.head.msgh_size, sizeof(out), reply, 0, 0) ==
				MACH_MSG_SUCCESS && out.head.msgh_id == OP_ECHO + 100 && out.s.a == i;
		sample[i] = (float)(now_us() - before);
	}
	ok(good == calls, "null calls: each answered once");
	qsort(sample, calls, sizeof(sample[0]), by_value);
	printf("# %u calls: p50 %.1f us, p99 %.1f us\n", calls, sample[calls / 2], sample[calls * 99 / 100]);
}

/* What this node's kernel holds: its zones of ipc and the network, and netipc's tables. */
struct holdings {
	uint64_t zone[64];
	char name[64][32];
	unsigned zones;
	host_net_info_data_t net;
};

static void take_stock(struct holdings *h)
{
	zone_name_array_t names;
	zone_info_array_t info;
	mach_msg_type_number_t name_count = 0, info_count = 0, count = HOST_NET_INFO_COUNT;
	mach_port_t host = mach_host_self();

	usleep(300000); /* delayed acknowledgements, dead messages */
	memset(h, 0, sizeof(*h));
	(void)host_info(host, HOST_NET_INFO, (host_info_t)&h->net, &count);
	if (host_zone_info(host, &names, &name_count, &info, &info_count) != KERN_SUCCESS)
		return;
	for (unsigned i = 0; i < name_count && h->zones < 64; i++) {
		if (strncmp(names[i].zn_name, "ipc", 3) != 0 && strncmp(names[i].zn_name, "net_", 4) != 0)
			continue;
		snprintf(h->name[h->zones], sizeof(h->name[0]), "%.31s", names[i].zn_name);
		h->zone[h->zones++] = info[i].zi_count;
	}
	(void)mach_vm_deallocate(mach_task_self(), (uintptr_t)names, name_count * sizeof(*names));
	(void)mach_vm_deallocate(mach_task_self(), (uintptr_t)info, info_count * sizeof(*info));
}

static void as_it_was(const struct holdings *a, const struct holdings *b)
{
	const host_net_info_data_t *x = &a->net, *y = &b->net;
	bool same = a->zones > 0 && a->zones == b->zones;

	for (unsigned i = 0; i < a->zones && i < b->zones; i++)
		if (a->zone[i] != b->zone[i]) {
			printf("# zone %s: %lu before, %lu after\n", a->name[i], a->zone[i], b->zone[i]);
			same = false;
		}
	if (x->exports != y->exports || x->holders != y->holders || x->onces != y->onces || x->proxies != y->proxies ||
	    x->once_refs != y->once_refs || x->transits != y->transits || y->messages != 0 || y->deliveries != 0 ||
	    y->waiting != 0) {
		printf("# exports %u/%u holders %u/%u onces %u/%u proxies %u/%u once_refs %u/%u transits %u/%u messages %u "
		       "deliveries %u waiting %u\n", x->exports, y->exports, x->holders, y->holders, x->onces, y->onces,
		       x->proxies, y->proxies, x->once_refs, y->once_refs, x->transits, y->transits, y->messages,
		       y->deliveries, y->waiting);
		same = false;
	}
	ok(same, "afterwards this node's kernel holds what it held before");
}

static void sizes(mach_port_t to, mach_port_t reply)
{
	static const uint32_t inline_sizes[] = { 0, 4, 128, 1024, 1052, 4096, 8192, 16000, 16384, 20000, 59992 };
	static const uint64_t ool_sizes[] = { 1, 4096, 4097, 8192, 15000, 16384, 20000, 65536, 100001, 1 << 20, 5000000 };
	bool good = true;

	for (unsigned i = 0; i < sizeof(inline_sizes) / sizeof(inline_sizes[0]) && good; i++) {
		head(&out.head, to, MACH_MSG_TYPE_COPY_SEND, reply, OP_ECHO, sizeof(mach_msg_header_t) + 16 + inline_sizes[i]);
		for (uint32_t j = 0; j < inline_sizes[i]; j++)
			out.s.bytes[j] = pattern(i, j);
		good = call(reply) == MACH_MSG_SUCCESS && in.head.msgh_size == out.head.msgh_size &&
		       pattern_good(in.s.bytes, inline_sizes[i], i);
		if (!good)
			printf("# %u bytes inline: id %d size %u\n", inline_sizes[i], in.head.msgh_id, in.head.msgh_size);
	}
	ok(good, "bodies from 0 to 60000 bytes come back as they were");
	good = true;
	for (unsigned i = 0; i < sizeof(ool_sizes) / sizeof(ool_sizes[0]) && good; i++) {
		uint64_t size = ool_sizes[i], back = ool_sizes[(i * 7 + 3) % (sizeof(ool_sizes) / sizeof(ool_sizes[0]))];
		uint8_t *bytes = malloc(size);

		for (uint64_t j = 0; j < size; j++)
			bytes[j] = pattern(i, j);
		complex_out(to, MACH_MSG_TYPE_COPY_SEND, reply, OP_MEMORY, MACH_PORT_NULL, MACH_MSG_TYPE_COPY_SEND, bytes, size);
		out.m.a = i;
		out.m.b = back;
		good = call(reply) == MACH_MSG_SUCCESS && in.head.msgh_id == OP_MEMORY + 100 && in.m.a == 1 &&
		       in.m.memory.size == back && pattern_good(in.m.memory.address, back, i + 1);
		if (!good)
			printf("# %lu bytes there, %lu back: id %d good there %lu size %lu\n", size, back, in.head.msgh_id,
			       in.m.a, in.m.memory.size);
		else
			(void)mach_vm_deallocate(mach_task_self(), (uintptr_t)in.m.memory.address, back);
		free(bytes);
	}
	ok(good, "memory from 1 byte to 5 MB goes out of line, both ways");
}

static void kernel_objects(mach_port_t to, mach_port_t reply)
{
	static const char secret[] = "read over the wire";
	mach_port_t task;
	mach_vm_address_t address = 0;
	mach_task_basic_info_data_t info;
	mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT;
	vm_offset_t data = 0;
	mach_msg_type_number_t got = 0;
	kern_return_t kr;

	if (call_right(to, reply, OP_TASK, MACH_PORT_NULL, MACH_MSG_TYPE_COPY_SEND, 0, 0) != MACH_MSG_SUCCESS) {
		ok(false, "another node's task port");
		return;
	}
	task = in.m.port.name;
	kr = task_info(task, MACH_TASK_BASIC_INFO, (task_info_t)&info, &count);
	ok(kr == KERN_SUCCESS && info.virtual_size > 0, "task_info of another node's task");
	kr = mach_vm_allocate(task, &address, 8192, VM_FLAGS_ANYWHERE);
	if (kr == KERN_SUCCESS)
		kr = mach_vm_write(task, address + 100, (vm_offset_t)secret, sizeof(secret));
	if (kr == KERN_SUCCESS)
		kr = mach_vm_read(task, address + 100, sizeof(secret), &data, &got);
	ok(kr == KERN_SUCCESS && got == sizeof(secret) && memcmp((void *)data, secret, got) == 0,
	   "mach_vm_allocate, _write and _read in another node's task");
	if (kr != KERN_SUCCESS)
		printf("# %s\n", mach_error_string(kr));
	kr = mach_vm_deallocate(task, address, 8192);
	ok(kr == KERN_SUCCESS, "mach_vm_deallocate there");
	(void)mach_port_deallocate(mach_task_self(), task);
}

/* Have node use the right in its slot; it may not have come there yet. */
static bool use(mach_port_t node, mach_port_t reply, uint64_t slot, uint64_t value)
{
	for (int i = 0; i < 200; i++) {
		if (call_right(node, reply, OP_USE, MACH_PORT_NULL, MACH_MSG_TYPE_COPY_SEND, slot, value) != MACH_MSG_SUCCESS)
			return false;
		if (in.s.a == 0)
			return true;
		usleep(10000);
	}
	return false;
}

/* A port of ours, node 2 is given a right, passes it to node 3 and forgets it; node 3 uses and drops it. */
static void third_party(mach_port_t two, mach_port_t three, mach_port_t reply)
{
	mach_port_t port = new_port(), notify = new_port(), previous;
	bool good;

	(void)mach_port_request_notification(mach_task_self(), port, MACH_NOTIFY_NO_SENDERS, 1, notify,
					     MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
	good = call_right(two, reply, OP_GIVE, port, MACH_MSG_TYPE_MAKE_SEND, 1, 0) == MACH_MSG_SUCCESS;
	ok(good, "a send right goes to node 2");
	if (three != MACH_PORT_NULL) {
		/* The right to node 3's server goes along with the order to pass ours on. */
		good = call_right(two, reply, OP_PASS_ON, three, MACH_MSG_TYPE_COPY_SEND, 1, 2) == MACH_MSG_SUCCESS;
		good = good && use(three, reply, 2, 77) && next_id(port, 5000) == 7000 && in.s.a == 77;
		ok(good, "node 2 passes it to node 3 and forgets it; node 3 uses it");
		ok(next_id(notify, 300) == 0, "no-senders does not come while node 3 holds it");
		good = call_right(three, reply, OP_DROP, MACH_PORT_NULL, MACH_MSG_TYPE_COPY_SEND, 2, 0) == MACH_MSG_SUCCESS;
	} else {
		good = use(two, reply, 1, 77) && next_id(port, 5000) == 7000 && in.s.a == 77;
		ok(good, "node 2 uses it");
		ok(next_id(notify, 300) == 0, "no-senders does not come while node 2 holds it");
		good = call_right(two, reply, OP_DROP, MACH_PORT_NULL, MACH_MSG_TYPE_COPY_SEND, 1, 0) == MACH_MSG_SUCCESS;
	}
	ok(good && next_id(notify, 5000) == MACH_NOTIFY_NO_SENDERS, "no-senders comes when the last right is dropped");
	ok(next_id(notify, 300) == 0, "and comes once");
	(void)mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
	(void)mach_port_mod_refs(mach_task_self(), notify, MACH_PORT_RIGHT_RECEIVE, -1);
}

static void notifications(mach_port_t to, mach_port_t reply)
{
	mach_port_t port, notify = new_port(), previous;
	bool good;

	complex_out(to, MACH_MSG_TYPE_COPY_SEND, reply, OP_LOSE, MACH_PORT_NULL, MACH_MSG_TYPE_COPY_SEND, NULL, 0);
	ok(call(reply) == MACH_MSG_SUCCESS && in.head.msgh_id == MACH_NOTIFY_SEND_ONCE,
	   "a reply right that dies unused on another node tells its port");
	good = call_right(to, reply, OP_KEEP_ONCE, reply, MACH_MSG_TYPE_MAKE_SEND_ONCE, 0, 0) == MACH_MSG_SUCCESS &&
	       call_right(to, reply, OP_USE_ONCE, MACH_PORT_NULL, MACH_MSG_TYPE_COPY_SEND, 0, 99) == MACH_MSG_SUCCESS;
	/* The note comes before the answer: they are of one node to one port. */
	good = good && in.head.msgh_id == 7000 && in.s.a == 99 && next_id(reply, 5000) == OP_USE_ONCE + 100;
	ok(good, "a send-once right kept there is used later, in order");
	if (call_right(to, reply, OP_NEW, MACH_PORT_NULL, MACH_MSG_TYPE_COPY_SEND, 0, 0) != MACH_MSG_SUCCESS) {
		ok(false, "a port of another node");
		return;
	}
	port = in.m.port.name;
	(void)mach_port_request_notification(mach_task_self(), port, MACH_NOTIFY_DEAD_NAME, 0, notify,
					     MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
	good = call_right(to, reply, OP_KILL, MACH_PORT_NULL, MACH_MSG_TYPE_COPY_SEND, 0, 0) == MACH_MSG_SUCCESS;
	ok(good && next_id(notify, 5000) == MACH_NOTIFY_DEAD_NAME, "a dead port there is a dead name here");
	(void)mach_port_mod_refs(mach_task_self(), notify, MACH_PORT_RIGHT_RECEIVE, -1);
}

/* A port there whose queue nobody empties: senders with a time limit are told, and told the truth. */
static void full_queue(mach_port_t to, mach_port_t reply)
{
	mach_port_t port;
	uint64_t sent = 0, refused = 0;
	double before;

	if (call_right(to, reply, OP_NEW, MACH_PORT_NULL, MACH_MSG_TYPE_COPY_SEND, 0, 0) != MACH_MSG_SUCCESS) {
		ok(false, "a port of another node");
		return;
	}
	port = in.m.port.name;
	before = now_us();
	for (int i = 0; i < 12; i++) {
		mach_msg_return_t mr;

		head(&out.head, port, MACH_MSG_TYPE_COPY_SEND, 0, 7001, sizeof(mach_msg_header_t) + 16);
		mr = mach_msg(&out.head, MACH_SEND_MSG | MACH_SEND_TIMEOUT, out.head.msgh_size, 0, 0, 50, 0);
		sent += mr == MACH_MSG_SUCCESS;
		refused += mr == MACH_SEND_TIMED_OUT;
		if (mr == MACH_SEND_TIMED_OUT)
			mach_msg_destroy(&out.head); /* it is back, with its rights */
	}
	ok(sent == MACH_PORT_QLIMIT_DEFAULT && sent + refused == 12, "a full queue there times a sender out here");
	printf("# %lu sent, %lu timed out, %.0f ms\n", sent, refused, (now_us() - before) / 1e3);
	if (call_right(to, reply, OP_COUNT, MACH_PORT_NULL, MACH_MSG_TYPE_COPY_SEND, 100, 0) != MACH_MSG_SUCCESS)
		in.s.a = 999;
	ok(in.s.a == sent, "what was sent is there, what timed out is not");
	(void)mach_port_deallocate(mach_task_self(), port);
}

static mach_msg_return_t call_within(mach_port_t reply, uint32_t ms)
{
	mach_msg_return_t mr = mach_msg(&out.head, MACH_SEND_MSG | MACH_SEND_TIMEOUT, out.head.msgh_size, 0, 0, ms, 0);

	return mr != MACH_MSG_SUCCESS ? mr
				      : mach_msg(&in.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(in), reply, ms, 0);
}

/* Node 3 is killed: its port becomes a dead name, a call that it holds is told, and nothing hangs. */
static void node_death(mach_port_t three, mach_port_t two, mach_port_t reply)
{
	mach_port_t port, notify = new_port(), held = new_port(), echo = new_port(), previous;
	double last, dead;

	if (call_right(three, reply, OP_NEW, MACH_PORT_NULL, MACH_MSG_TYPE_COPY_SEND, 0, 0) != MACH_MSG_SUCCESS) {
		ok(false, "a port of node 3");
		return;
	}
	port = in.m.port.name;
	(void)mach_port_request_notification(mach_task_self(), port, MACH_NOTIFY_DEAD_NAME, 0, notify,
					     MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
	complex_out(three, MACH_MSG_TYPE_COPY_SEND, held, OP_HOLD, MACH_PORT_NULL, MACH_MSG_TYPE_COPY_SEND, NULL, 0);
	(void)mach_msg(&out.head, MACH_SEND_MSG, out.head.msgh_size, 0, 0, 0, 0);
	printf("net_check: kill node 3 now\n");
	last = now_us();
	for (;;) {
		head(&out.head, three, MACH_MSG_TYPE_COPY_SEND, echo, OP_ECHO, sizeof(mach_msg_header_t) + 16);
		if (call_within(echo, 200) != MACH_MSG_SUCCESS || in.head.msgh_id != OP_ECHO + 100)
			break;
		last = now_us();
		if (last - now_us() > 60e6)
			break;
		usleep(1000);
	}
	ok(next_id(notify, 10000) == MACH_NOTIFY_DEAD_NAME, "a killed node's port becomes a dead name");
	dead = now_us();
	ok(dead - last < 5e6, "within 5 s");
	printf("# %.2f s after its last answer\n", (dead - last) / 1e6);
	ok(next_id(held, 5000) == MACH_NOTIFY_SEND_ONCE, "a call that it had not answered is told");
	head(&out.head, three, MACH_MSG_TYPE_COPY_SEND, echo, OP_ECHO, sizeof(mach_msg_header_t) + 16);
	ok(call_within(echo, 1000) == MACH_SEND_INVALID_DEST, "a call to it fails at once");
	head(&out.head, two, MACH_MSG_TYPE_COPY_SEND, reply, OP_ECHO, sizeof(mach_msg_header_t) + 16);
	ok(call(reply) == MACH_MSG_SUCCESS && in.head.msgh_id == OP_ECHO + 100, "the others go on");
}

static mach_port_t find(int node)
{
	char name[32];
	mach_port_t port = MACH_PORT_NULL;
	kern_return_t kr;

	snprintf(name, sizeof(name), "check/%d", node);
	for (int i = 0; i < 100; i++) {
		kr = bootstrap_look_up(bootstrap_port, name, &port);
		if (kr == KERN_SUCCESS)
			return port;
		usleep(100000);
	}
	printf("# %s: %s\n", name, mach_error_string(kr));
	return MACH_PORT_NULL;
}

static int check(uint32_t calls, int nodes, bool kill)
{
	static struct holdings before, after;
	mach_port_t two = find(2), three = nodes > 2 ? find(3) : MACH_PORT_NULL, reply = new_port();

	ok(two != MACH_PORT_NULL && (nodes < 3 || three != MACH_PORT_NULL), "names registered on other nodes are found");
	if (two == MACH_PORT_NULL)
		return 1;
	take_stock(&before);
	null_calls(two, reply, calls);
	sizes(two, reply);
	kernel_objects(two, reply);
	third_party(two, three, reply);
	full_queue(two, reply);
	take_stock(&after);
	as_it_was(&before, &after);
	notifications(two, reply);
	if (kill)
		node_death(three, two, reply);
	printf("1..%d\nnet_check: %d failed\n", number, failed);
	return failed != 0;
}

int main(int argc, char **argv)
{
	const char *node = getenv("MESHACH_NODE"), *last = node != NULL ? strrchr(node, '.') : NULL;
	int me = last != NULL ? atoi(last + 1) : 0;
	char name[32];

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (me <= 1)
		return check(argc > 1 ? (uint32_t)atoi(argv[1]) : 2000, argc > 2 ? atoi(argv[2]) : 3,
			     argc > 3);
	snprintf(name, sizeof(name), "check/%d", me);
	return serve(name);
}

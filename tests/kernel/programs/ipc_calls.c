/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_calls.c - a program for a node: ports and messages as a task sees them, by traps and by calls on its own port. It
 * is the first task of its boot (tests/kernel/ipc.t); prints TAP. What the unit tests prove of the code
 * (tests/unit/ipc) is tried here on real memory, real switches and real timers.
 */
#include <mach/mach.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PAGE 4096UL
#define ROUNDS 5000

static unsigned cases, failed;

static void ok(int good, const char *text)
{
	cases++;
	failed += !good;
	printf("%s %u - %s\n", good ? "ok" : "not ok", cases, text);
}

struct message {
	mach_msg_header_t h;
	uint32_t body[4];
	mach_msg_max_trailer_t trailer;
};
#define SIZE ((mach_msg_size_t)__builtin_offsetof(struct message, trailer))

static mach_port_t port_with_send(void)
{
	mach_port_t port = MACH_PORT_NULL;

	if (mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port) != KERN_SUCCESS ||
	    mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND) != KERN_SUCCESS)
		ok(0, "a port with a send right");
	return port;
}

static mach_msg_return_t put(mach_port_t dest, mach_port_t reply, mach_msg_id_t id)
{
	struct message m = { .h = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND,
								reply ? MACH_MSG_TYPE_MAKE_SEND_ONCE : 0),
				    .msgh_remote_port = dest, .msgh_local_port = reply, .msgh_id = id } };

	return mach_msg(&m.h, MACH_SEND_MSG | MACH_SEND_TIMEOUT, SIZE, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

static mach_msg_return_t get(struct message *m, mach_port_t port, mach_msg_option_t option, mach_msg_timeout_t ms)
{
	return mach_msg(&m->h, MACH_RCV_MSG | MACH_RCV_TIMEOUT | option, 0, sizeof *m, port, ms, MACH_PORT_NULL);
}

static void queues(void)
{
	mach_port_t port = port_with_send(), set = MACH_PORT_NULL;
	struct timespec before, after;
	struct message m;
	int sent = 0, kept = 1;

	while (put(port, MACH_PORT_NULL, 100 + sent) == MACH_MSG_SUCCESS)
		sent++;
	ok(sent == MACH_PORT_QLIMIT_DEFAULT, "IPCP0001 a queue takes as many messages as its limit says");
	for (int i = 0; i < sent; i++)
		kept &= get(&m, port, 0, 0) == MACH_MSG_SUCCESS && m.h.msgh_id == 100 + i && m.h.msgh_local_port == port;
	ok(kept, "IPCP0002 and gives them out in order");
	clock_gettime(CLOCK_MONOTONIC, &before);
	ok(get(&m, port, 0, 30) == MACH_RCV_TIMED_OUT, "IPCP0003 a receive ends when its time has passed");
	clock_gettime(CLOCK_MONOTONIC, &after);
	ok((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >= 29,
	   "IPCP0004 and not before");
	put(port, MACH_PORT_NULL, 7);
	ok(mach_msg(&m.h, MACH_RCV_MSG | MACH_RCV_LARGE, 0, 32, port, 0, MACH_PORT_NULL) == MACH_RCV_TOO_LARGE &&
		   m.h.msgh_size == SIZE,
	   "IPCP0005 a message too large for the buffer says its size and waits");
	mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set);
	ok(mach_port_insert_member(mach_task_self(), port, set) == KERN_SUCCESS &&
		   get(&m, set, 0, 0) == MACH_MSG_SUCCESS && m.h.msgh_id == 7 && m.h.msgh_local_port == port,
	   "IPCP0006 a set receives what waits in a port that joins it");
	ok(mach_msg(NULL, MACH_SEND_MSG, 24, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL) == MACH_SEND_INVALID_DATA &&
		   mach_msg((mach_msg_header_t *)0xffff800000001000, MACH_SEND_MSG, 24, 0, MACH_PORT_NULL, 0,
			    MACH_PORT_NULL) == MACH_SEND_INVALID_DATA,
	   "IPCP0007 a message that is not the task's memory is refused");
	mach_port_destroy(mach_task_self(), set);
	mach_port_destroy(mach_task_self(), port);
}

static void notices(void)
{
	mach_port_t port = port_with_send(), note = port_with_send(), old = MACH_PORT_NULL;
	mach_port_type_t type = 0;
	struct message m;

	ok(mach_port_request_notification(mach_task_self(), port, MACH_NOTIFY_NO_SENDERS, 0, note,
					  MACH_MSG_TYPE_MAKE_SEND_ONCE, &old) == KERN_SUCCESS,
	   "IPCP0011 a no-senders notification is asked for by message");
	mach_port_deallocate(mach_task_self(), port);
	ok(get(&m, note, 0, 1000) == MACH_MSG_SUCCESS && m.h.msgh_id == MACH_NOTIFY_NO_SENDERS && m.body[0] == 1,
	   "IPCP0012 and comes with the make-send count when the last send right goes");
	mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
	mach_port_request_notification(mach_task_self(), port, MACH_NOTIFY_DEAD_NAME, 0, note,
				       MACH_MSG_TYPE_MAKE_SEND_ONCE, &old);
	mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
	ok(get(&m, note, 0, 1000) == MACH_MSG_SUCCESS && m.h.msgh_id == MACH_NOTIFY_DEAD_NAME && m.body[0] == port &&
		   mach_port_type(mach_task_self(), port, &type) == KERN_SUCCESS && type == MACH_PORT_TYPE_DEAD_NAME,
	   "IPCP0013 a dead name is told, and is one");
	ok(put(port, MACH_PORT_NULL, 1) == MACH_SEND_INVALID_DEST, "IPCP0014 nothing can be sent to it");
	mach_port_destroy(mach_task_self(), port);
	mach_port_destroy(mach_task_self(), note);
}

/* Pages sent are copies: what sender and receiver write later is their own. */
static void memory(void)
{
	struct {
		mach_msg_base_t base;
		mach_msg_ool_descriptor_t pages;
		mach_msg_max_trailer_t trailer;
	} m = { .base.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX };
	mach_port_t port = port_with_send();
	mach_vm_address_t a = 0;
	volatile uint64_t *mine, *got;

	mach_vm_allocate(mach_task_self(), &a, 8 * PAGE, VM_FLAGS_ANYWHERE);
	mine = (volatile uint64_t *)a;
	mine[0] = 1;
	mine[7 * PAGE / 8] = 7;
	m.base.header.msgh_remote_port = port;
	m.base.body.msgh_descriptor_count = 1;
	m.pages = (mach_msg_ool_descriptor_t){ .address = (void *)a, .size = 8 * PAGE, .copy = MACH_MSG_VIRTUAL_COPY,
					       .type = MACH_MSG_OOL_DESCRIPTOR };
	ok(mach_msg(&m.base.header, MACH_SEND_MSG, sizeof m.base + sizeof m.pages, 0, MACH_PORT_NULL, 0,
		    MACH_PORT_NULL) == MACH_MSG_SUCCESS,
	   "IPCP0021 memory is sent");
	mine[0] = 100;
	ok(mach_msg(&m.base.header, MACH_RCV_MSG, 0, sizeof m, port, 0, MACH_PORT_NULL) == MACH_MSG_SUCCESS &&
		   m.pages.size == 8 * PAGE && m.pages.address != (void *)a,
	   "IPCP0022 and arrives at another place");
	got = m.pages.address;
	ok(got[0] == 1 && got[7 * PAGE / 8] == 7 && mine[0] == 100, "IPCP0023 as it was when it was sent");
	got[PAGE / 8] = 5;
	ok(mine[PAGE / 8] == 0, "IPCP0024 and writes to it are not seen by the sender");
	mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)got, 8 * PAGE);
	mach_vm_deallocate(mach_task_self(), a, 8 * PAGE);
	mach_port_destroy(mach_task_self(), port);
}

static void *server(void *arg)
{
	mach_port_t port = *(mach_port_t *)arg;
	struct message m;
	mach_msg_return_t mr = mach_msg(&m.h, MACH_RCV_MSG, 0, sizeof m, port, 0, MACH_PORT_NULL);

	while (mr == MACH_MSG_SUCCESS) {
		m.h.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
		m.h.msgh_local_port = MACH_PORT_NULL;
		m.body[0]++;
		mr = mach_msg(&m.h, MACH_SEND_MSG | MACH_RCV_MSG, SIZE, sizeof m, port, 0, MACH_PORT_NULL);
	}
	return (void *)(uintptr_t)mr;
}

static void calls(void)
{
	mach_port_t port = port_with_send(), reply = mach_reply_port();
	struct message m;
	pthread_t threads[2];
	void *ended[2];
	int good = 1;

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, server, &port);
	for (uint32_t i = 0; good && i < ROUNDS; i++) {
		m = (struct message){ .h = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE),
					     .msgh_remote_port = port, .msgh_local_port = reply, .msgh_id = 5 },
				      .body = { i } };
		good = mach_msg(&m.h, MACH_SEND_MSG | MACH_RCV_MSG, SIZE, sizeof m, reply, 0, MACH_PORT_NULL) ==
			       MACH_MSG_SUCCESS && m.body[0] == i + 1;
	}
	nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL); /* both wait in their receive by then */
	ok(good, "IPCP0031 two servers answer five thousand calls, each once");
	mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], &ended[i]);
	ok(ended[0] == (void *)MACH_RCV_PORT_DIED && ended[1] == (void *)MACH_RCV_PORT_DIED,
	   "IPCP0032 the port's death ends their waits");
	mach_port_deallocate(mach_task_self(), port);
	mach_port_destroy(mach_task_self(), reply);
}

/* The names that the task has. */
static mach_msg_type_number_t names(void)
{
	mach_port_name_array_t n;
	mach_port_type_array_t t;
	mach_msg_type_number_t count = 0, types = 0;

	if (mach_port_names(mach_task_self(), &n, &count, &t, &types) != KERN_SUCCESS)
		return 0;
	mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)n, count * sizeof *n);
	mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)t, types * sizeof *t);
	return count;
}

int main(void)
{
	mach_msg_type_number_t before;

	calls(); /* afterwards the library has the ports that it keeps */
	before = names();
	queues();
	notices();
	memory();
	ok(before != 0 && names() == before, "IPCP0041 no name is left over");
	printf("1..%u\n", cases);
	return failed != 0;
}

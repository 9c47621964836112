/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress.c - everything at once on all CPUs: calls between many threads, ports and rights made and destroyed, memory
 * mapped, copied and unmapped, threads and tasks born and ended, waits aborted. Prints TAP; then the task has the names
 * and the kernel the objects that it had before.
 *
 *   test-stress [SECONDS [SEED]]
 */
#include <mach/mach.h>
#include <mach/host_info.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define WORKERS 8
#define SERVERS 3
#define OOL_BYTES 20000
#define SECONDS_DEFAULT 8
#define SETTLE_TRIES 100

struct request {
	mach_msg_base_t base;
	mach_msg_port_descriptor_t right;
	mach_msg_ool_descriptor_t memory;
	uint64_t number, seed;
};

struct reply {
	mach_msg_header_t head;
	uint64_t number, sum;
};

static mach_port_t service;
static atomic_bool over;
static atomic_uint wrong;
static _Atomic uint64_t calls, tasks, threads, ports;

static uint64_t draw(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static void fault(const char *what, kern_return_t kr)
{
	if (atomic_fetch_add(&wrong, 1) < 5)
		printf("# %s: %s (0x%x)\n", what, mach_error_string(kr), (unsigned)kr);
}

static uint64_t sum_of(const uint8_t *bytes, uint64_t n)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < n; i += 97)
		sum = sum * 31 + bytes[i];
	return sum;
}

/* ---- the servers: all receive from one port ---- */

static void answer(struct request *in)
{
	struct reply out = { .head = { .msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(in->base.header.msgh_bits), 0),
				       .msgh_size = sizeof(out), .msgh_remote_port = in->base.header.msgh_remote_port,
				       .msgh_id = 2 },
			     .number = in->number };

	if (in->memory.size != 0) {
		out.sum = sum_of(in->memory.address, in->memory.size);
		(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)in->memory.address,
					 in->memory.size);
	}
	if (MACH_PORT_VALID(in->right.name))
		(void)mach_port_deallocate(mach_task_self(), in->right.name);
	(void)mach_msg(&out.head, MACH_SEND_MSG, sizeof(out), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

static void *server(void *unused)
{
	union {
		struct request request;
		char room[sizeof(struct request) + MAX_TRAILER_SIZE];
	} m;

	for (;;) {
		mach_msg_return_t mr = mach_msg(&m.request.base.header, MACH_RCV_MSG, 0, sizeof(m), service, 0,
						MACH_PORT_NULL);

		if (mr != MACH_MSG_SUCCESS)
			return NULL; /* the port has gone: the end */
		if (m.request.base.header.msgh_id == 1)
			answer(&m.request);
		else
			mach_msg_destroy(&m.request.base.header);
	}
}

/* ---- the workers ---- */

static void call(uint64_t *state, uint8_t *memory)
{
	union {
		struct request request;
		struct reply reply;
		char room[512];
	} m = { 0 };
	struct request *r = &m.request;
	uint64_t number = draw(state), size = draw(state) % 4 == 0 ? 1 + draw(state) % OOL_BYTES : 0, sum;
	mach_port_t reply_port = mig_get_reply_port();
	mach_msg_return_t mr;

	r->base.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE) |
				   MACH_MSGH_BITS_COMPLEX;
	r->base.header.msgh_size = sizeof(*r);
	r->base.header.msgh_remote_port = service;
	r->base.header.msgh_local_port = reply_port;
	r->base.header.msgh_id = 1;
	r->base.body.msgh_descriptor_count = 2;
	r->right.name = draw(state) % 2 ? service : mach_task_self();
	r->right.disposition = MACH_MSG_TYPE_COPY_SEND;
	r->right.type = MACH_MSG_PORT_DESCRIPTOR;
	memset(memory, (int)(number & 0xff), size);
	sum = sum_of(memory, size);
	r->memory = (mach_msg_ool_descriptor_t){ .address = memory, .size = size, .copy = MACH_MSG_VIRTUAL_COPY,
						 .type = MACH_MSG_OOL_DESCRIPTOR };
	r->number = number;
	mr = mach_msg(&r->base.header, MACH_SEND_MSG | MACH_RCV_MSG, sizeof(*r), sizeof(m), reply_port, 0,
		      MACH_PORT_NULL);
	if (mr != MACH_MSG_SUCCESS)
		fault("a call", mr);
	else if (m.reply.number != number || m.reply.sum != sum)
		fault("an answer is another's, or its memory was wrong", KERN_FAILURE);
	atomic_fetch_add(&calls, 1);
}

static void ports_and_sets(uint64_t *state)
{
	mach_port_t port, set;
	kern_return_t kr = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);

	if (kr != KERN_SUCCESS || (kr = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set)) != KERN_SUCCESS) {
		fault("a port", kr);
		return;
	}
	(void)mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
	(void)mach_port_move_member(mach_task_self(), port, set);
	for (uint64_t i = draw(state) % 7; i > 0; i--) {
		mach_msg_header_t m = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE),
					.msgh_size = sizeof(m), .msgh_remote_port = port, .msgh_local_port = port };

		if (mach_msg(&m, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof(m), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL) !=
		    MACH_MSG_SUCCESS) {
			/* It came back, with the right to the queue and the new send-once right. */
			mach_msg_destroy(&m);
			(void)mach_port_deallocate(mach_task_self(), m.msgh_local_port);
		}
	}
	if ((kr = mach_port_destroy(mach_task_self(), port)) != KERN_SUCCESS ||
	    (kr = mach_port_destroy(mach_task_self(), set)) != KERN_SUCCESS)
		fault("destroying a port", kr);
	atomic_fetch_add(&ports, 1);
}

static void child_task(uint64_t *state)
{
	mach_vm_address_t at = 0;
	mach_port_t child;
	kern_return_t kr = task_create(mach_task_self(), NULL, 0, draw(state) % 2 == 0, &child);

	if (kr != KERN_SUCCESS) {
		fault("task_create", kr);
		return;
	}
	(void)mach_vm_allocate(child, &at, 65536, VM_FLAGS_ANYWHERE);
	(void)mach_vm_write(child, at, (vm_offset_t)state, sizeof(*state));
	if ((kr = task_terminate(child)) != KERN_SUCCESS)
		fault("task_terminate", kr);
	(void)mach_port_deallocate(mach_task_self(), child);
	atomic_fetch_add(&tasks, 1);
}

static void *sleeper(void *thread)
{
	atomic_store((_Atomic mach_port_t *)thread, mach_thread_self());
	usleep(200000);
	return NULL;
}

static void child_thread(void)
{
	_Atomic mach_port_t thread = MACH_PORT_NULL;
	pthread_t t;

	if (pthread_create(&t, NULL, sleeper, (void *)&thread) != 0)
		return;
	while (atomic_load(&thread) == MACH_PORT_NULL)
		sched_yield();
	(void)thread_suspend(thread);
	(void)thread_abort(thread);
	(void)thread_resume(thread);
	pthread_join(t, NULL);
	(void)mach_port_deallocate(mach_task_self(), thread);
	atomic_fetch_add(&threads, 1);
}

static void *worker(void *seed)
{
	uint64_t state = (uint64_t)(uintptr_t)seed;
	uint8_t *memory = malloc(OOL_BYTES);

	while (!atomic_load(&over)) {
		switch (draw(&state) % 16) {
		case 0:
			child_task(&state);
			break;
		case 1:
			child_thread();
			break;
		case 2:
		case 3:
		case 4:
			ports_and_sets(&state);
			break;
		default:
			call(&state, memory);
		}
	}
	free(memory);
	return NULL;
}

static host_node_info_data_t node(void)
{
	host_node_info_data_t info = { 0 };
	mach_msg_type_number_t count = HOST_NODE_INFO_COUNT;

	if (host_info(mach_host_self(), HOST_NODE_INFO, (host_info_t)&info, &count) != KERN_SUCCESS)
		fault("host_info", KERN_FAILURE);
	return info;
}

static void run(unsigned seconds, uint64_t seed)
{
	pthread_t workers[WORKERS], servers[SERVERS];

	atomic_store(&over, false);
	if (mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &service) != KERN_SUCCESS ||
	    mach_port_insert_right(mach_task_self(), service, service, MACH_MSG_TYPE_MAKE_SEND) != KERN_SUCCESS)
		abort();
	for (int i = 0; i < SERVERS; i++)
		pthread_create(&servers[i], NULL, server, NULL);
	for (int i = 0; i < WORKERS; i++)
		pthread_create(&workers[i], NULL, worker, (void *)(uintptr_t)(seed * 1000 + (unsigned)i));
	sleep(seconds);
	atomic_store(&over, true);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	(void)mach_port_destroy(mach_task_self(), service);
	for (int i = 0; i < SERVERS; i++)
		pthread_join(servers[i], NULL);
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : SECONDS_DEFAULT;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	host_node_info_data_t before, after = { 0 };
	unsigned names, names_after = 0;
	bool good = false;

	run(1, seed); /* fills the caches */
	before = node();
	names = tap_names();
	run(seconds, seed + 1);
	for (int i = 0; i < SETTLE_TRIES && !good; i++) {
		usleep(50000);
		after = node();
		names_after = tap_names();
		good = after.tasks <= before.tasks && after.threads <= before.threads && after.ports <= before.ports &&
		       names_after <= names;
	}
	printf("# %lu calls, %lu tasks, %lu threads, %lu ports; seed %lu\n", (unsigned long)calls, (unsigned long)tasks,
	       (unsigned long)threads, (unsigned long)ports, (unsigned long)seed);
	tap(calls > 0 && wrong == 0, "STRS0001 every call was answered with its own number and memory");
	if (!good)
		printf("# tasks %u %u, threads %u %u, ports %u %u, kmsgs %u %u, names %u %u\n", before.tasks, after.tasks,
		       before.threads, after.threads, before.ports, after.ports, before.kmsgs, after.kmsgs, names, names_after);
	tap(good, "STRS0002 nothing was left behind");
	return tap_done();
}

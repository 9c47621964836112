/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer.c - serves peer.defs: a task that does with rights what a test on another node tells it to. Its port is named
 * peer/N, N the node's number.
 */
#include "node.h"

#include <pthread.h>
#include <stdlib.h>
#include <tests/peer.h>
#include <tests/peer_server.h>
#include <unistd.h>

#define SERVERS 4u
#define CLIENTS 64u
#define MESSAGE_MAX 4096

static struct {
	uint64_t calls, wrong;
} clients[CLIENTS];
static pthread_mutex_t clients_lock = PTHREAD_MUTEX_INITIALIZER;
static mach_port_t main_thread;

static kern_return_t objects(mach_port_t peer, mach_port_t *task, mach_port_t *thread, mach_port_t *host)
{
	*task = mach_task_self();
	*host = mach_host_self();
	*thread = main_thread;
	return mach_port_mod_refs(mach_task_self(), main_thread, MACH_PORT_RIGHT_SEND, 1);
}

static kern_return_t make(mach_port_t peer, mach_port_name_t *name)
{
	return mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, name);
}

static kern_return_t keep(mach_port_t peer, mach_port_t right, mach_msg_type_name_t type, mach_port_name_t *name)
{
	*name = right;
	return KERN_SUCCESS;
}

static kern_return_t hand(mach_port_t peer, mach_port_name_t name, mach_msg_type_name_t disposition, mach_port_t target,
			  mach_port_name_t *kept)
{
	kern_return_t kr = peer_keep(target, name, disposition, kept);

	if (kr == KERN_SUCCESS)
		(void)mach_port_deallocate(mach_task_self(), target);
	return kr;
}

static kern_return_t send_it(mach_port_t peer, mach_port_name_t name, mach_msg_type_name_t disposition, mach_msg_id_t id,
			     mach_port_name_t right, mach_msg_type_name_t right_disposition, natural_t milliseconds, int *got)
{
	*got = node_send(name, disposition, id, right, right_disposition, milliseconds);
	return KERN_SUCCESS;
}

static kern_return_t receive(mach_port_t peer, mach_port_name_t name, natural_t milliseconds, int *got, mach_msg_id_t *id,
			     natural_t *number)
{
	*got = node_receive(name, milliseconds, id, number);
	return KERN_SUCCESS;
}

static kern_return_t take(mach_port_t peer, mach_port_name_t name, natural_t milliseconds, int *got, mach_msg_id_t *id,
			  mach_port_name_t *right)
{
	union {
		struct node_message m;
		uint8_t room[1024];
	} u;

	*id = 0;
	*right = MACH_PORT_NULL;
	*got = mach_msg(&u.m.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(u), name, milliseconds, MACH_PORT_NULL);
	if (*got != MACH_MSG_SUCCESS)
		return KERN_SUCCESS;
	*id = u.m.head.msgh_id;
	if ((u.m.head.msgh_bits & MACH_MSGH_BITS_COMPLEX) && u.m.body.msgh_descriptor_count == 1)
		*right = u.m.right.name;
	return KERN_SUCCESS;
}

static kern_return_t return_it(mach_port_t peer, mach_port_name_t name, mach_port_name_t where, int *got)
{
	mach_port_t previous = MACH_PORT_NULL;

	*got = mach_port_request_notification(mach_task_self(), name, MACH_NOTIFY_PORT_DESTROYED, 0, where,
					      MACH_MSG_TYPE_MOVE_SEND_ONCE, &previous);
	return KERN_SUCCESS;
}

static kern_return_t limit(mach_port_t peer, mach_port_name_t name, natural_t wanted, natural_t *was)
{
	mach_port_limits_t limits;
	mach_msg_type_number_t count = MACH_PORT_LIMITS_INFO_COUNT;
	kern_return_t kr = mach_port_get_attributes(mach_task_self(), name, MACH_PORT_LIMITS_INFO, (mach_port_info_t)&limits, &count);

	*was = limits.mpl_qlimit;
	if (kr != KERN_SUCCESS || wanted == 0)
		return kr;
	limits.mpl_qlimit = wanted;
	return mach_port_set_attributes(mach_task_self(), name, MACH_PORT_LIMITS_INFO, (mach_port_info_t)&limits,
					MACH_PORT_LIMITS_INFO_COUNT);
}

static kern_return_t notify(mach_port_t peer, mach_port_name_t name, mach_msg_id_t id, natural_t sync, mach_port_name_t to,
			    int *got)
{
	mach_port_t previous = MACH_PORT_NULL;

	*got = mach_port_request_notification(mach_task_self(), name, id, sync, to, MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
	if (*got == KERN_SUCCESS && previous != MACH_PORT_NULL)
		(void)mach_port_deallocate(mach_task_self(), previous);
	return KERN_SUCCESS;
}

static kern_return_t refs(mach_port_t peer, mach_port_name_t name, mach_port_right_t right, mach_port_delta_t delta, int *got)
{
	*got = mach_port_mod_refs(mach_task_self(), name, right, delta);
	return KERN_SUCCESS;
}

static kern_return_t state(mach_port_t peer, mach_port_name_t name, mach_port_type_t *type, natural_t *send_refs,
			   natural_t *mscount, natural_t *sorights, natural_t *names)
{
	mach_port_status_t status = { 0 };
	mach_msg_type_number_t count = MACH_PORT_RECEIVE_STATUS_COUNT;

	*type = 0;
	(void)mach_port_type(mach_task_self(), name, type);
	*send_refs = tap_refs(name, *type & MACH_PORT_TYPE_DEAD_NAME ? MACH_PORT_RIGHT_DEAD_NAME : MACH_PORT_RIGHT_SEND);
	(void)mach_port_get_attributes(mach_task_self(), name, MACH_PORT_RECEIVE_STATUS, (mach_port_info_t)&status, &count);
	*mscount = status.mps_mscount;
	*sorights = status.mps_sorights;
	*names = tap_names();
	return KERN_SUCCESS;
}

static void count(natural_t client, uint64_t sequence)
{
	(void)pthread_mutex_lock(&clients_lock);
	clients[client % CLIENTS].wrong += sequence != clients[client % CLIENTS].calls;
	clients[client % CLIENTS].calls++;
	(void)pthread_mutex_unlock(&clients_lock);
}

static kern_return_t tick(mach_port_t peer, natural_t client, uint64_t sequence)
{
	count(client, sequence);
	return KERN_SUCCESS;
}

static kern_return_t ticks(mach_port_t peer, natural_t client, uint64_t *calls, uint64_t *wrong)
{
	(void)pthread_mutex_lock(&clients_lock);
	*calls = clients[client % CLIENTS].calls;
	*wrong = clients[client % CLIENTS].wrong;
	(void)pthread_mutex_unlock(&clients_lock);
	return KERN_SUCCESS;
}

static kern_return_t put(mach_port_t peer, natural_t client, uint64_t sequence, uint64_t seed, uint8_t *data,
			 mach_msg_type_number_t bytes, boolean_t *good)
{
	count(client, sequence);
	*good = node_pattern_good(data, bytes, seed);
	return mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)data, bytes);
}

static kern_return_t fetch(mach_port_t peer, uint64_t seed, natural_t bytes, uint8_t **data, mach_msg_type_number_t *got)
{
	mach_vm_address_t at = 0;
	kern_return_t kr = mach_vm_allocate(mach_task_self(), &at, bytes, VM_FLAGS_ANYWHERE);

	if (kr != KERN_SUCCESS)
		return kr;
	*data = (uint8_t *)(uintptr_t)at;
	*got = bytes;
	node_pattern(*data, bytes, seed);
	return KERN_SUCCESS;
}

static kern_return_t quit(mach_port_t peer, int status)
{
	exit(status);
}

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct peer_ops ops = {
		.peer_objects = objects,
		.peer_make = make,
		.peer_keep = keep,
		.peer_hand = hand,
		.peer_send = send_it,
		.peer_receive = receive,
		.peer_take = take,
		.peer_limit = limit,
		.peer_return = return_it,
		.peer_notify = notify,
		.peer_refs = refs,
		.peer_state = state,
		.peer_tick = tick,
		.peer_ticks = ticks,
		.peer_put = put,
		.peer_fetch = fetch,
		.peer_quit = quit,
	};

	return peer_demux(&ops, in, out);
}

static void *serve(void *port)
{
	mig_put_reply_port(mig_get_reply_port()); /* each thread has its own, from the beginning: names are counted */
	(void)mach_msg_server(demux, MESSAGE_MAX, (mach_port_t)(uintptr_t)port, MACH_MSG_OPTION_NONE);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	mach_port_t port;
	char name[32];

	(void)snprintf(name, sizeof(name), "peer/%u%s", node_number(), argc > 1 ? argv[1] : "");
	main_thread = mach_thread_self();
	node_must(node_check_in(name, &port), "registering the peer's name");
	printf("%s: serving\n", name);
	for (unsigned i = 1; i < SERVERS; i++)
		(void)pthread_create(&thread, NULL, serve, (void *)(uintptr_t)port);
	(void)serve((void *)(uintptr_t)port);
	return 1;
}

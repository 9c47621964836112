/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * party.c - plays a part in the tests of rights and deaths across nodes.
 *
 *   party serve NAME       answer party.defs under NAME, until ended
 *   party third B C        A's part: give B a right to a private port of C and forget it; print the counts
 *   party watch NAME       ask for a dead-name notification, and call what never answers; print how both end
 */
#include "party.h"
#include "party_server.h"

#include <mach/mach.h>
#include <mach/notify_server.h>
#include <pthread.h>
#include <servers/bootstrap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE_MAX 1024

static mach_port_t set, service, private_port, notify_port, taken;
static int pings, no_senders, dead_names;

static void must(kern_return_t result, const char *what)
{
	if (result == KERN_SUCCESS)
		return;
	printf("party: %s: %s\n", what, mach_error_string(result));
	exit(1);
}

static mach_port_t new_port(void)
{
	mach_port_t port;

	must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port), "making a port");
	must(mach_port_move_member(mach_task_self(), port, set), "serving a port");
	return port;
}

static kern_return_t do_port(mach_port_t server, mach_port_t *port)
{
	mach_port_t previous;

	private_port = new_port();
	pings = no_senders = 0;
	*port = private_port;
	/* Sync 1: the right that this answer makes is the first. */
	return mach_port_request_notification(mach_task_self(), private_port, MACH_NOTIFY_NO_SENDERS, 1, notify_port,
					      MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
}

static kern_return_t do_take(mach_port_t server, mach_port_t port)
{
	taken = port;
	return KERN_SUCCESS;
}

static kern_return_t do_use(mach_port_t server, int times, int *good)
{
	*good = 0;
	for (int i = 0; i < times; i++) {
		int next = 0;

		if (party_ping(taken, i, &next) == KERN_SUCCESS && next == i + 1)
			(*good)++;
	}
	return KERN_SUCCESS;
}

static kern_return_t do_drop(mach_port_t server)
{
	return mach_port_deallocate(mach_task_self(), taken);
}

static kern_return_t do_state(mach_port_t server, int *pings_out, int *no_senders_out)
{
	*pings_out = pings;
	*no_senders_out = no_senders;
	return KERN_SUCCESS;
}

static kern_return_t do_ping(mach_port_t port, int value, int *next)
{
	pings += port == private_port;
	*next = value + 1;
	return KERN_SUCCESS;
}

static kern_return_t do_hang(mach_port_t server, mach_port_t reply)
{
	return MIG_NO_REPLY;
}

static const struct party_ops calls = {
	.party_port = do_port,
	.party_take = do_take,
	.party_use = do_use,
	.party_drop = do_drop,
	.party_state = do_state,
	.party_ping = do_ping,
	.party_hang = do_hang,
};

static kern_return_t take_no_senders(mach_port_t port, mach_port_mscount_t mscount)
{
	no_senders++;
	return KERN_SUCCESS;
}

static kern_return_t take_dead_name(mach_port_t port, mach_port_name_t name)
{
	dead_names++;
	return KERN_SUCCESS;
}

static const struct notify_ops notifications = {
	.mach_notify_no_senders = take_no_senders,
	.mach_notify_dead_name = take_dead_name,
};

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	return party_demux(&calls, in, out) || notify_demux(&notifications, in, out);
}

static int serve(const char *name)
{
	service = new_port();
	must(mach_port_insert_right(mach_task_self(), service, service, MACH_MSG_TYPE_MAKE_SEND), "making a right");
	must(bootstrap_register(bootstrap_port, name, service), "registering");
	printf("party: %s serves\n", name);
	fflush(stdout);
	must(mach_msg_server(demux, MESSAGE_MAX, set, MACH_MSG_OPTION_NONE), "serving");
	return 1;
}

/* The private port's counts, when they are what they should be or after a while. */
static void wait_state(mach_port_t server, int wanted, int *pings_out, int *no_senders_out)
{
	for (int i = 0; i < 50; i++) {
		must(party_state(server, pings_out, no_senders_out), "party_state");
		if (*no_senders_out >= wanted)
			break;
		usleep(20000);
	}
}

static int third(const char *b_name, const char *c_name)
{
	mach_port_t b, c, port;
	int good, pinged, before, after;

	must(bootstrap_look_up_wait(bootstrap_port, b_name, &b), "looking B up");
	must(bootstrap_look_up_wait(bootstrap_port, c_name, &c), "looking C up");
	must(party_port(c, &port), "party_port");
	must(party_take(b, port), "party_take");
	must(party_use(b, 100, &good), "party_use");
	usleep(300000); /* a no-senders that came too early would be here now */
	must(party_state(c, &pinged, &before), "party_state");
	must(party_drop(b), "party_drop");
	wait_state(c, 1, &pinged, &after);
	printf("party: good %d pings %d no-senders before %d after %d\n", good, pinged, before, after);
	return 0;
}

static void *hang(void *arg)
{
	mach_port_t server = *(mach_port_t *)arg;
	kern_return_t result = party_hang(server);

	printf("party: the call ended: %s (0x%x)\n", mach_error_string(result), (unsigned)result);
	fflush(stdout);
	return NULL;
}

static int watch(const char *name)
{
	mach_port_t server, previous;
	pthread_t thread;

	must(bootstrap_look_up_wait(bootstrap_port, name, &server), "looking it up");
	must(mach_port_request_notification(mach_task_self(), server, MACH_NOTIFY_DEAD_NAME, 0, notify_port,
					    MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous),
	     "asking for the notification");
	if (pthread_create(&thread, NULL, hang, &server) != 0)
		return 1;
	printf("party: watching\n");
	fflush(stdout);
	while (dead_names == 0)
		must(mach_msg_server_once(demux, MESSAGE_MAX, set, MACH_MSG_OPTION_NONE), "waiting");
	printf("party: dead name\n");
	fflush(stdout);
	pthread_join(thread, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set), "making a port set");
	notify_port = new_port();
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2]);
	if (argc == 4 && strcmp(argv[1], "third") == 0)
		return third(argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "watch") == 0)
		return watch(argv[2]);
	printf("party: serve NAME | third B C | watch NAME\n");
	return 2;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: a Linux process as a node, alone: its ports, messages and notifications, and mig's
 * stubs between two of its threads.
 */
#include <mach/mach.h>
#include <mach/notify_server.h>
#include <pthread.h>
#include <servers/console.h>
#include <servers/console_server.h>
#include <servers/name_server.h>
#include <servers/name_server_server.h>
#include <stdio.h>
#include <string.h>

static int count, failed;

static void check(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++count, name);
	failed += !good;
}

static mach_port_t new_port(void)
{
	mach_port_t port = MACH_PORT_NULL;

	(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
	(void)mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
	return port;
}

static mach_port_t served;

static kern_return_t look_up(mach_port_t server, mach_port_t reply, char *name, natural_t options,
			     mach_port_t *service)
{
	if (strcmp(name, "served") != 0)
		return KERN_INVALID_NAME;
	*service = served;
	return KERN_SUCCESS;
}

static const struct name_server_ops calls = {.name_look_up = look_up};

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	return name_server_demux(&calls, in, out);
}

static void *serve(void *arg)
{
	mach_port_t port = *(mach_port_t *)arg;

	(void)mach_msg_server(demux, 4096, port, MACH_MSG_OPTION_NONE);
	return NULL;
}

static char heard[64];

static kern_return_t written(mach_port_t console, natural_t stream, char *data,
			     mach_msg_type_number_t size)
{
	snprintf(heard, sizeof(heard), "%u %.*s", stream, (int)size, data);
	return KERN_SUCCESS;
}

static const struct console_ops console_calls = {.console_write = written};

static boolean_t console(mach_msg_header_t *in, mach_msg_header_t *out)
{
	return console_demux(&console_calls, in, out);
}

static mach_port_name_t dead;

static kern_return_t dead_name(mach_port_t notify, mach_port_name_t name)
{
	dead = name;
	return KERN_SUCCESS;
}

static const struct notify_ops notify_calls = {.mach_notify_dead_name = dead_name};

static boolean_t notify(mach_msg_header_t *in, mach_msg_header_t *out)
{
	return notify_demux(&notify_calls, in, out);
}

int main(void)
{
	mach_port_t server = new_port(), port = new_port(), other = new_port(), previous, found;
	pthread_t thread;
	bool all = true;

	served = other;
	check(MACH_PORT_VALID(server) && MACH_PORT_VALID(mach_task_self()),
	      "HST0001 a process has a task and ports");
	check(console_write(port, 1, "hello", 5) == KERN_SUCCESS &&
		      mach_msg_server_once(console, 4096, port, MACH_MSG_OPTION_NONE) ==
			      MACH_MSG_SUCCESS &&
		      strcmp(heard, "1 hello") == 0,
	      "HST0002 a message to oneself arrives");
	pthread_create(&thread, NULL, serve, &server);
	check(name_look_up(server, "served", 0, &found) == KERN_SUCCESS && found == served,
	      "HST0003 a call to another thread brings a right");
	check(name_look_up(server, "other", 0, &found) == KERN_INVALID_NAME, "HST0004 and errors");
	for (int i = 0; i < 20000; i++)
		all &= name_look_up(server, "served", 0, &found) == KERN_SUCCESS;
	check(all, "HST0005 20000 calls");
	check(mach_port_request_notification(mach_task_self(), other, MACH_NOTIFY_DEAD_NAME, 0,
					     port, MACH_MSG_TYPE_MAKE_SEND_ONCE,
					     &previous) == KERN_SUCCESS,
	      "HST0006 the calls that have no trap go by message");
	(void)mach_port_mod_refs(mach_task_self(), other, MACH_PORT_RIGHT_RECEIVE, -1);
	check(mach_msg_server_once(notify, 4096, port, MACH_MSG_OPTION_NONE) == MACH_MSG_SUCCESS &&
		      dead == other,
	      "HST0007 a dead name is notified");
	printf("1..%d\n", count);
	return failed != 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * name.c - the cluster's name server (servers/name_server.defs). It runs on one node, and hands its port to the
 * bootstrap server there, which makes it the host special port that the nodes tell each other.
 *
 * References: each name holds one user reference of its port's send right; each waiting look-up its reply right. Both
 *   have a dead-name request, so that a port's death takes its names, and a caller's death its wait.
 * Structure: one thread; a call never waits for anybody.
 */
#include "name_table.h"

#include <mach/mach.h>
#include <mach/notify_server.h>
#include <servers/bootstrap.h>
#include <servers/name_server.h>
#include <servers/name_server_server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 8192u
#define WAITS_MAX 1024u

/* A look-up with NAME_WAIT that is not answered yet. */
struct wait {
	mach_port_t reply; /* a send-once right; MACH_PORT_NULL: free */
	char text[NAME_STRING_MAX];
};

static struct name_table names;
static struct wait waits[WAITS_MAX];
static mach_port_t set, service, notify;

static void must(kern_return_t result, const char *what)
{
	if (result == KERN_SUCCESS)
		return;
	printf("name: %s: %s\n", what, mach_error_string(result));
	exit(1);
}

/* Ask to be told of a right's death. */
static kern_return_t watch(mach_port_t port)
{
	mach_port_t previous = MACH_PORT_NULL;
	kern_return_t result = mach_port_request_notification(mach_task_self(), port, MACH_NOTIFY_DEAD_NAME, 0, notify,
							      MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);

	if (result == KERN_SUCCESS && previous != MACH_PORT_NULL)
		(void)mach_port_deallocate(mach_task_self(), previous);
	return result;
}

/* The late answer of a name_look_up: consumes reply. */
static void answer(mach_port_t reply, mach_port_t port)
{
	struct {
		mach_msg_header_t head;
		mach_msg_body_t body;
		mach_msg_port_descriptor_t service;
	} m = { .head = { .msgh_bits = MACH_MSGH_BITS_SET(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0, 0, MACH_MSGH_BITS_COMPLEX),
			  .msgh_size = sizeof(m),
			  .msgh_remote_port = reply,
			  .msgh_id = MIG_ID_name_look_up + 100 },
		.body = { .msgh_descriptor_count = 1 } };

	m.service = mig_port_descriptor(port, MACH_MSG_TYPE_COPY_SEND);
	(void)mig_send(&m.head, MACH_MSG_OPTION_NONE, MACH_MSG_TIMEOUT_NONE);
}

static void answer_waits(const char *text, mach_port_t port)
{
	for (uint32_t i = 0; i < WAITS_MAX; i++) {
		mach_port_t reply = waits[i].reply;

		if (reply == MACH_PORT_NULL || strcmp(waits[i].text, text) != 0)
			continue;
		waits[i].reply = MACH_PORT_NULL;
		answer(reply, port);
	}
}

static kern_return_t do_register(mach_port_t server, char *text, mach_port_t port)
{
	kern_return_t result;

	if (text[0] == '\0' || !MACH_PORT_VALID(port))
		return KERN_INVALID_ARGUMENT;
	if (name_table_find(&names, text) != NULL)
		return KERN_NAME_EXISTS;
	result = watch(port);
	if (result != KERN_SUCCESS)
		return result;
	if (!name_table_add(&names, text, port))
		return KERN_RESOURCE_SHORTAGE;
	answer_waits(text, port);
	return KERN_SUCCESS;
}

static kern_return_t wait_for(mach_port_t reply, const char *text)
{
	for (uint32_t i = 0; i < WAITS_MAX; i++) {
		if (waits[i].reply != MACH_PORT_NULL)
			continue;
		if (watch(reply) != KERN_SUCCESS)
			return KERN_INVALID_ARGUMENT;
		waits[i].reply = reply;
		strcpy(waits[i].text, text);
		return MIG_NO_REPLY;
	}
	return KERN_RESOURCE_SHORTAGE;
}

static kern_return_t do_look_up(mach_port_t server, mach_port_t reply, char *text, natural_t options, mach_port_t *port)
{
	struct name_entry *entry = name_table_find(&names, text);

	if ((options & ~(natural_t)NAME_WAIT) != 0 || text[0] == '\0')
		return KERN_INVALID_ARGUMENT;
	if (entry != NULL) {
		*port = entry->port;
		return KERN_SUCCESS;
	}
	if ((options & NAME_WAIT) == 0 || !MACH_PORT_VALID(reply))
		return KERN_INVALID_NAME;
	return wait_for(reply, text);
}

static kern_return_t do_unregister(mach_port_t server, char *text, mach_port_t port)
{
	struct name_entry *entry = name_table_find(&names, text);

	if (entry == NULL)
		return KERN_INVALID_NAME;
	if (entry->port != port)
		return KERN_INVALID_CAPABILITY;
	name_table_remove(&names, entry);
	(void)mach_port_deallocate(mach_task_self(), port); /* the name's */
	(void)mach_port_deallocate(mach_task_self(), port); /* the request's */
	return KERN_SUCCESS;
}

static kern_return_t do_list(mach_port_t server, char *after, char *out, mach_msg_type_number_t *count)
{
	*count = name_table_list(&names, after, out, NAME_LIST_BYTES);
	return KERN_SUCCESS;
}

static const struct name_server_ops name_calls = {
	.name_register = do_register,
	.name_look_up = do_look_up,
	.name_unregister = do_unregister,
	.name_list = do_list,
};

static kern_return_t do_dead_name(mach_port_t from, mach_port_name_t port)
{
	uint32_t references = 1 + name_table_remove_port(&names, port);

	for (uint32_t i = 0; i < WAITS_MAX; i++) {
		if (waits[i].reply != port)
			continue;
		waits[i].reply = MACH_PORT_NULL;
		references++;
	}
	while (references-- > 0)
		(void)mach_port_deallocate(mach_task_self(), port);
	return KERN_SUCCESS;
}

static kern_return_t ignore_name(mach_port_t from, mach_port_name_t port)
{
	return KERN_SUCCESS;
}

static kern_return_t ignore(mach_port_t from)
{
	return KERN_SUCCESS;
}

static const struct notify_ops notify_calls = {
	.mach_notify_dead_name = do_dead_name,
	.mach_notify_port_deleted = ignore_name,
	.mach_notify_send_once = ignore,
};

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	if (in->msgh_local_port == notify)
		return notify_demux(&notify_calls, in, out);
	return name_server_demux(&name_calls, in, out);
}

static mach_port_t new_port(void)
{
	mach_port_t port;

	must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port), "making a port");
	must(mach_port_move_member(mach_task_self(), port, set), "serving a port");
	return port;
}

int main(void)
{
	must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set), "making a port set");
	service = new_port();
	notify = new_port();
	must(bootstrap_register_local(bootstrap_port, "name", service, MACH_MSG_TYPE_MAKE_SEND), "registering");
	must(mach_msg_server(demux, MESSAGE_MAX, set, MACH_MSG_OPTION_NONE), "serving");
	return 1;
}

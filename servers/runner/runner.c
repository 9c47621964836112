/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runner.c - runs programs for others (servers/runner.defs).
 *
 * A session: begun (bytes arrive) -> started (the task runs) -> gone, when its port has no senders or the
 *   task was killed and forgotten. The session's port is its key.
 * References: a session owns its receive right, its bytes until started, and a send right to its task.
 */
#include <mach/mach.h>
#include <mach/notify_server.h>
#include <mach/spawn.h>
#include <servers/bootstrap.h>
#include <servers/bootstrap_names.h>
#include <servers/runner_server.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX (16u * 1024)
#define SESSIONS_MAX 128u
#define PROGRAM_MAX (64ull << 20) /* bytes */
#define STRINGS_MAX 256u          /* arguments, and variables of the environment */

enum session_state { SESSION_FREE, SESSION_BEGUN, SESSION_STARTED };

struct session {
	enum session_state state;
	mach_port_t port;
	mach_port_t task;
	uint8_t *image;
	uint64_t bytes;    /* of image */
	uint64_t received; /* bytes that came so far; each comes once */
	char name[NAME_STRING_MAX];
};

static struct session sessions[SESSIONS_MAX];
static mach_port_t set, service;

static void must(kern_return_t result, const char *what)
{
	if (result == KERN_SUCCESS)
		return;
	printf("runner: %s: %s\n", what, mach_error_string(result));
	exit(1);
}

static struct session *session_of(mach_port_t port)
{
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		if (sessions[i].state != SESSION_FREE && sessions[i].port == port)
			return &sessions[i];
	return NULL;
}

static void end_task(struct session *s)
{
	if (s->task == MACH_PORT_NULL)
		return;
	(void)task_terminate(s->task);
	(void)mach_port_deallocate(mach_task_self(), s->task);
	s->task = MACH_PORT_NULL;
}

static void drop_image(struct session *s)
{
	free(s->image);
	s->image = NULL;
}

static void forget(struct session *s)
{
	end_task(s);
	drop_image(s);
	(void)mach_port_mod_refs(mach_task_self(), s->port, MACH_PORT_RIGHT_RECEIVE, -1);
	s->state = SESSION_FREE;
}

/* A port that tells of its last sender's going. */
static kern_return_t session_port(mach_port_t *port)
{
	mach_port_t previous = MACH_PORT_NULL;
	kern_return_t result = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, port);

	if (result != KERN_SUCCESS)
		return result;
	result = mach_port_move_member(mach_task_self(), *port, set);
	if (result == KERN_SUCCESS)
		result = mach_port_request_notification(mach_task_self(), *port, MACH_NOTIFY_NO_SENDERS, 1, *port,
							MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
	if (result != KERN_SUCCESS)
		(void)mach_port_mod_refs(mach_task_self(), *port, MACH_PORT_RIGHT_RECEIVE, -1);
	return result;
}

/* Bytes of programs not yet started may take a quarter of the node's memory. */
static bool has_room(uint64_t bytes)
{
	static uint64_t room;
	host_node_info_data_t node;
	mach_msg_type_number_t count = HOST_NODE_INFO_COUNT;
	mach_port_t host;

	if (room == 0) {
		host = mach_host_self();
		if (host_info(host, HOST_NODE_INFO, (host_info_t)&node, &count) == KERN_SUCCESS)
			room = node.memory_bytes / 4;
		(void)mach_port_deallocate(mach_task_self(), host);
	}
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		if (sessions[i].state == SESSION_BEGUN)
			bytes += sessions[i].bytes;
	return bytes <= room;
}

static kern_return_t do_begin(mach_port_t runner, char *name, uint64_t bytes, mach_port_t *port)
{
	struct session *s = NULL;
	kern_return_t result;

	if (runner != service || bytes == 0 || bytes > PROGRAM_MAX)
		return KERN_INVALID_ARGUMENT;
	if (!has_room(bytes))
		return KERN_RESOURCE_SHORTAGE;
	for (uint32_t i = 0; i < SESSIONS_MAX && s == NULL; i++)
		if (sessions[i].state == SESSION_FREE)
			s = &sessions[i];
	if (s == NULL)
		return KERN_RESOURCE_SHORTAGE;
	*s = (struct session){ .bytes = bytes, .image = calloc(1, bytes) };
	if (s->image == NULL)
		return KERN_RESOURCE_SHORTAGE;
	result = session_port(&s->port);
	if (result != KERN_SUCCESS) {
		drop_image(s);
		return result;
	}
	strcpy(s->name, name);
	s->state = SESSION_BEGUN;
	*port = s->port;
	return KERN_SUCCESS;
}

static kern_return_t do_data(mach_port_t port, uint64_t offset, uint8_t *data, mach_msg_type_number_t count)
{
	struct session *s = session_of(port);

	if (s == NULL || s->state != SESSION_BEGUN || offset > s->bytes || count > s->bytes - offset)
		return KERN_INVALID_ARGUMENT;
	memcpy(s->image + offset, data, count);
	s->received += count;
	return KERN_SUCCESS;
}

/* Strings each ended by a NUL, as an array. False: the last is not ended, or they are too many. */
static bool split(const char *strings, uint32_t bytes, const char **out)
{
	uint32_t n = 0;

	if (bytes != 0 && strings[bytes - 1] != '\0')
		return false;
	for (uint32_t at = 0; at < bytes; at += (uint32_t)strlen(strings + at) + 1) {
		if (n == STRINGS_MAX)
			return false;
		out[n++] = strings + at;
	}
	out[n] = NULL;
	return true;
}

/* The program learns its node as the servers do. */
static void tell_node(const char **envp)
{
	static char text[64];
	const char *node = getenv("MESHACH_NODE");
	uint32_t n = 0;

	while (envp[n] != NULL)
		n++;
	if (node == NULL || n == STRINGS_MAX)
		return;
	snprintf(text, sizeof(text), "MESHACH_NODE=%s", node);
	envp[n] = text;
	envp[n + 1] = NULL;
}

static kern_return_t do_start(mach_port_t port, char *arguments, mach_msg_type_number_t argument_bytes, char *environment,
			      mach_msg_type_number_t environment_bytes, mach_port_t stdio, mach_port_t exit_port)
{
	const char *argv[STRINGS_MAX + 1], *envp[STRINGS_MAX + 1];
	struct session *s = session_of(port);
	struct mach_spawn what = { .argv = argv, .envp = envp, .stdio = stdio, .exit = exit_port };
	kern_return_t result;

	if (s == NULL || s->state != SESSION_BEGUN || s->received < s->bytes)
		return KERN_INVALID_ARGUMENT;
	if (!split(arguments, argument_bytes, argv) || !split(environment, environment_bytes, envp))
		return KERN_INVALID_ARGUMENT;
	if (argv[0] == NULL) {
		argv[0] = s->name;
		argv[1] = NULL;
	}
	tell_node(envp);
	what.image = s->image;
	what.bytes = s->bytes;
	result = mach_spawn(&what, &s->task, NULL);
	if (result != KERN_SUCCESS)
		return result == KERN_INVALID_ARGUMENT ? KERN_FAILURE : result;
	drop_image(s);
	s->state = SESSION_STARTED;
	if (stdio != MACH_PORT_NULL)
		(void)mach_port_deallocate(mach_task_self(), stdio);
	if (exit_port != MACH_PORT_NULL)
		(void)mach_port_deallocate(mach_task_self(), exit_port);
	return KERN_SUCCESS;
}

static kern_return_t do_kill(mach_port_t port)
{
	struct session *s = session_of(port);

	if (s == NULL)
		return KERN_INVALID_ARGUMENT;
	end_task(s);
	return KERN_SUCCESS;
}

static const struct runner_ops runner_calls = {
	.run_begin = do_begin,
	.run_data = do_data,
	.run_start = do_start,
	.run_kill = do_kill,
};

static kern_return_t do_no_senders(mach_port_t port, mach_port_mscount_t mscount)
{
	struct session *s = session_of(port);

	if (s != NULL)
		forget(s);
	return KERN_SUCCESS;
}

static const struct notify_ops notify_calls = {
	.mach_notify_no_senders = do_no_senders,
};

/* Who may send to a session's port could send a false notification: it only harms itself. */
static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	return runner_demux(&runner_calls, in, out) || notify_demux(&notify_calls, in, out);
}

/* `meshach up` waits for this line: the node is one of the cluster, and takes programs. */
static void tell(const char *name)
{
	printf("runner: ready as %s\n", name);
	fflush(stdout);
}

int main(void)
{
	must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set), "making a port set");
	must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &service), "making the service port");
	must(mach_port_insert_right(mach_task_self(), service, service, MACH_MSG_TYPE_MAKE_SEND), "making its right");
	must(mach_port_move_member(mach_task_self(), service, set), "serving");
	must(bootstrap_register_local(bootstrap_port, "runner", service, MACH_MSG_TYPE_COPY_SEND), "registering");
	must(bootstrap_keep("runner", service, tell), "keeping its name");
	must(mach_msg_server(demux, MESSAGE_MAX, set, MACH_MSG_OPTION_NONE), "serving");
	return 1;
}

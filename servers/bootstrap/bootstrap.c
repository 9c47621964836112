/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bootstrap.c - the first task: it starts all others from the boot archive, by messages, and serves their bootstrap
 * port (servers/bootstrap.defs).
 *
 * It alone holds the host control port. When a server registers the local name "name" or "runner", its port becomes
 * the node's special port of that kind, so that every task finds it.
 * Structure: one thread, one port set: the bootstrap port, the exit port of the programs, notifications. Another thread
 *   pages the files of the archive (pager/file), so that programs' text comes in as it is touched.
 */
#include "start_list.h"
#include "../../pager/file/file_pager.h"

#include <kern/archive.h>
#include <mach/host_priv.h>
#include <mach/mach.h>
#include <mach/spawn.h>
#include <mach/notify_server.h>
#include <servers/bootstrap_server.h>
#include <servers/task_exit_server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE_MAX 4096u
#define NAMES_MAX 64u
#define PROGRAMS_MAX 32u
#define RESTARTS_MAX 3u

struct name {
	char text[NAME_STRING_MAX]; /* "": free */
	mach_port_t port;           /* a send right */
};

struct program {
	struct start_line line;
	mach_port_t exit_port; /* its receive right tells which program ended */
	uint32_t restarts;
};

static struct {
	const void *archive;
	uint64_t archive_bytes;
	uint32_t node;             /* its number; 0: no network */
	mach_port_t control;       /* the host control port */
	mach_port_t plain_host;    /* what other tasks get */
	mach_port_t set, service, notify;
	struct name names[NAMES_MAX];
	struct program programs[PROGRAMS_MAX];
	uint32_t program_count;
} self;

static const struct {
	const char *name;
	int which;
} special_ports[] = {
	{ "name", HOST_NAME_SERVER_PORT },
	{ "runner", HOST_RUNNER_PORT },
};

static void must(kern_return_t result, const char *what)
{
	if (result == KERN_SUCCESS)
		return;
	printf("bootstrap: %s: %s\n", what, mach_error_string(result));
	exit(1);
}

static mach_port_t new_port(void)
{
	mach_port_t port;

	must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port), "making a port");
	must(mach_port_move_member(mach_task_self(), port, self.set), "serving a port");
	return port;
}

/* ---- names of this node ---- */

static struct name *find_name(const char *text)
{
	for (uint32_t i = 0; i < NAMES_MAX; i++)
		if (strcmp(self.names[i].text, text) == 0)
			return &self.names[i];
	return NULL;
}

static void make_special(const char *text, mach_port_t port)
{
	for (size_t i = 0; i < sizeof(special_ports) / sizeof(special_ports[0]); i++) {
		kern_return_t result;

		if (strcmp(special_ports[i].name, text) != 0)
			continue;
		result = host_set_special_port(self.control, special_ports[i].which, port);
		if (result != KERN_SUCCESS)
			printf("bootstrap: special port %s: %s\n", text, mach_error_string(result));
	}
}

static kern_return_t do_register(mach_port_t bootstrap, char *text, mach_port_t service)
{
	struct name *name;
	mach_port_t previous = MACH_PORT_NULL;
	kern_return_t result;

	if (text[0] == '\0' || !MACH_PORT_VALID(service))
		return KERN_INVALID_ARGUMENT;
	if (find_name(text) != NULL)
		return KERN_NAME_EXISTS;
	name = find_name("");
	if (name == NULL)
		return KERN_RESOURCE_SHORTAGE;
	result = mach_port_request_notification(mach_task_self(), service, MACH_NOTIFY_DEAD_NAME, 0, self.notify,
						MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
	if (result != KERN_SUCCESS)
		return result;
	if (previous != MACH_PORT_NULL)
		(void)mach_port_deallocate(mach_task_self(), previous);
	strcpy(name->text, text);
	name->port = service;
	make_special(text, service);
	return KERN_SUCCESS;
}

static kern_return_t do_look_up(mach_port_t bootstrap, char *text, mach_port_t *service)
{
	struct name *name = text[0] != '\0' ? find_name(text) : NULL;

	if (name == NULL)
		return KERN_INVALID_NAME;
	*service = name->port;
	return KERN_SUCCESS;
}

static kern_return_t do_file(mach_port_t bootstrap, char *path, uint8_t **data, mach_msg_type_number_t *count)
{
	struct archive_entry entry;

	if (archive_find(self.archive, self.archive_bytes, path, &entry) != ARCHIVE_OK || entry.size > UINT32_MAX)
		return KERN_INVALID_NAME;
	*data = (uint8_t *)(uintptr_t)entry.data;
	*count = (mach_msg_type_number_t)entry.size;
	return KERN_SUCCESS;
}

static kern_return_t do_file_object(mach_port_t bootstrap, char *path, mach_port_t *object, uint64_t *size)
{
	struct archive_entry entry;

	if (archive_find(self.archive, self.archive_bytes, path, &entry) != ARCHIVE_OK || entry.size == 0)
		return KERN_INVALID_NAME;
	*size = entry.size;
	return file_pager_object(entry.data, entry.size, object);
}

static const struct bootstrap_ops bootstrap_calls = {
	.bootstrap_register_local = do_register,
	.bootstrap_look_up_local = do_look_up,
	.bootstrap_file = do_file,
	.bootstrap_file_object = do_file_object,
};

static kern_return_t do_dead_name(mach_port_t notify, mach_port_name_t port)
{
	for (uint32_t i = 0; i < NAMES_MAX; i++) {
		if (self.names[i].text[0] == '\0' || self.names[i].port != port)
			continue;
		self.names[i].text[0] = '\0';
		(void)mach_port_deallocate(mach_task_self(), port);
	}
	(void)mach_port_deallocate(mach_task_self(), port); /* the notification's reference */
	return KERN_SUCCESS;
}

static kern_return_t ignore(mach_port_t notify)
{
	return KERN_SUCCESS;
}

static const struct notify_ops notify_calls = {
	.mach_notify_dead_name = do_dead_name,
	.mach_notify_send_once = ignore,
};

/* ---- programs ---- */

/* What every program's environment holds. */
static const char *const *environment(void)
{
	static char text[64];
	static const char *list[2];
	const char *node = getenv("MESHACH_NODE");

	if (node != NULL && list[0] == NULL) {
		snprintf(text, sizeof(text), "MESHACH_NODE=%s", node);
		list[0] = text;
	}
	return list;
}

static void start_program(struct program *p)
{
	struct archive_entry entry;
	struct mach_spawn what = { .argv = p->line.argv, .envp = environment(), .exit = p->exit_port, .bootstrap = self.service,
				   .host = p->line.how == START_CONTROL ? self.control : self.plain_host };
	const char *wrong = NULL;
	kern_return_t result;

	if (archive_find(self.archive, self.archive_bytes, p->line.argv[0], &entry) != ARCHIVE_OK) {
		printf("bootstrap: the boot archive has no file '%s'\n", p->line.argv[0]);
		return;
	}
	what.image = entry.data;
	what.bytes = entry.size;
	(void)file_pager_object(entry.data, entry.size, &what.memory); /* without it the text is copied */
	result = mach_spawn(&what, NULL, &wrong);
	if (result != KERN_SUCCESS)
		printf("bootstrap: cannot start '%s': %s\n", p->line.argv[0],
		       wrong != NULL ? wrong : mach_error_string(result));
}

static kern_return_t do_exited(mach_port_t port, uint64_t id, int status)
{
	for (uint32_t i = 0; i < self.program_count; i++) {
		struct program *p = &self.programs[i];
		bool killed = (status & 0x7f) != 0;

		if (p->exit_port != port)
			continue;
		if (p->line.how == START_LAST)
			exit(killed ? 128 + (status & 0x7f) : status >> 8 & 0xff);
		if (p->line.how != START_SERVER)
			continue;
		printf("bootstrap: %s ended with %s %d\n", p->line.argv[0], killed ? "signal" : "status",
		       killed ? status & 0x7f : status >> 8);
		if (p->restarts++ < RESTARTS_MAX)
			start_program(p);
	}
	return KERN_SUCCESS;
}

static const struct task_exit_ops exit_calls = {
	.task_exited = do_exited,
};

/* All of a start list that is for this node; false: there is no such file. */
static bool start_all(const char *path)
{
	struct archive_entry list;
	struct start_line line = { .number = 0 };
	enum start_result result;
	size_t offset = 0;

	if (archive_find(self.archive, self.archive_bytes, path, &list) != ARCHIVE_OK)
		return false;
	while ((result = start_list_next((const char *)list.data, list.size, &offset, &line)) != START_END) {
		struct program *p = &self.programs[self.program_count];

		if (result == START_BAD) {
			printf("bootstrap: %s:%u: WHERE HOW PATH [ARGUMENT]... expected\n", path, line.number);
			exit(1);
		}
		if ((line.first_only && self.node > 1) || (line.node != 0 && line.node != self.node))
			continue;
		if (self.program_count == PROGRAMS_MAX) {
			printf("bootstrap: %s:%u: more than %u programs\n", path, line.number, PROGRAMS_MAX);
			exit(1);
		}
		p->line = line;
		for (uint32_t i = 0; i < line.argc; i++) /* the words lie in the copy's own store */
			p->line.argv[i] = p->line.store + (line.argv[i] - line.store);
		p->exit_port = new_port();
		must(mach_port_insert_right(mach_task_self(), p->exit_port, p->exit_port, MACH_MSG_TYPE_MAKE_SEND),
		     "making an exit port");
		self.program_count++;
		start_program(p);
	}
	return true;
}

/* ---- the beginning ---- */

static void read_environment(void)
{
	const char *archive = getenv("MESHACH_ARCHIVE"), *node = getenv("MESHACH_NODE"), *last;
	char *end;

	if (archive == NULL) {
		printf("bootstrap: MESHACH_ARCHIVE is not set: this program is for the kernel to start\n");
		exit(1);
	}
	self.archive = (const void *)(uintptr_t)strtoull(archive, &end, 16);
	self.archive_bytes = *end == ',' ? strtoull(end + 1, NULL, 10) : 0;
	last = node != NULL ? strrchr(node, '.') : NULL;
	self.node = last != NULL ? (uint32_t)strtoul(last + 1, NULL, 10) : 0;
}

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	return bootstrap_demux(&bootstrap_calls, in, out) || task_exit_demux(&exit_calls, in, out) ||
	       notify_demux(&notify_calls, in, out);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	read_environment();
	must(task_get_special_port(mach_task_self(), TASK_HOST_PORT, &self.control), "the host control port");
	must(host_get_special_port(self.control, HOST_LOCAL_NODE, HOST_PORT, &self.plain_host), "the host port");
	must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &self.set), "making a port set");
	self.service = new_port();
	self.notify = new_port();
	must(mach_port_insert_right(mach_task_self(), self.service, self.service, MACH_MSG_TYPE_MAKE_SEND),
	     "making the bootstrap port");
	if (!start_all("etc/start")) {
		printf("bootstrap: the boot archive has no file 'etc/start'\n");
		return 1;
	}
	(void)start_all("etc/start.more"); /* what the launcher adds */
	must(mach_msg_server(demux, MESSAGE_MAX, self.set, MACH_MSG_OPTION_NONE), "serving");
	return 1;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: the node's servers, asked by a program: names are registered, found, waited for and forgotten; the runner
 *   runs a program, hands its output and status on, and ends it.
 */
#include "tap.h"

#include <mach/host_priv.h>
#include <pthread.h>
#include <servers/bootstrap.h>
#include <servers/console_server.h>
#include <servers/name_server.h>
#include <servers/runner.h>
#include <servers/task_exit_server.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static mach_port_t name_server;

static mach_port_t new_port(void)
{
	mach_port_t port = MACH_PORT_NULL;

	if (mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port) != KERN_SUCCESS)
		exit(1);
	return port;
}

static void drop_receive(mach_port_t port)
{
	(void)mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
}

/* ---- names ---- */

static bool gone_soon(const char *name)
{
	const struct timespec pause = { 0, 10000000L };

	for (int i = 0; i < 200; i++) {
		mach_port_t found;

		if (name_look_up(name_server, name, 0, &found) == KERN_INVALID_NAME)
			return true;
		(void)mach_port_deallocate(mach_task_self(), found);
		(void)nanosleep(&pause, NULL);
	}
	return false;
}

static void *waits_for_late(void *unused)
{
	mach_port_t found = MACH_PORT_NULL;
	kern_return_t result = bootstrap_look_up_wait(bootstrap_port, "late", &found);

	return (void *)(uintptr_t)(result == KERN_SUCCESS ? found : MACH_PORT_NULL);
}

static void names(void)
{
	mach_port_t port = new_port(), other = new_port(), found = MACH_PORT_NULL;
	char list[NAME_LIST_BYTES];
	mach_msg_type_number_t bytes = sizeof(list);
	pthread_t waiter;
	void *late;

	tap_result(bootstrap_register_local(bootstrap_port, "only here", port, MACH_MSG_TYPE_MAKE_SEND), KERN_SUCCESS, "LIVE0060 a name of this node");
	tap(bootstrap_look_up_local(bootstrap_port, "only here", &found) == KERN_SUCCESS && found == port, "LIVE0061 is found");
	(void)mach_port_deallocate(mach_task_self(), found);
	tap_result(bootstrap_look_up_local(bootstrap_port, "nowhere", &found), KERN_INVALID_NAME, "LIVE0062 another is not");
	tap_result(name_register(name_server, "test", port, MACH_MSG_TYPE_MAKE_SEND), KERN_SUCCESS, "LIVE0001 a name is registered");
	tap_result(name_look_up(name_server, "test", 0, &found), KERN_SUCCESS, "LIVE0002 it is found");
	tap(found == port && tap_refs(port, MACH_PORT_RIGHT_SEND) == 1, "LIVE0003 as the right to its own port");
	tap_result(name_register(name_server, "test", other, MACH_MSG_TYPE_MAKE_SEND), KERN_NAME_EXISTS, "LIVE0004 a name stays with its port");
	tap_result(name_register(name_server, "", other, MACH_MSG_TYPE_MAKE_SEND), KERN_INVALID_ARGUMENT, "LIVE0005 no empty name");
	tap_result(name_list(name_server, "tess", list, &bytes), KERN_SUCCESS, "LIVE0006 names are listed");
	tap(bytes >= 5 && strcmp(list, "test") == 0, "LIVE0007 the list has the name");
	tap_result(name_look_up(name_server, "no such", 0, &found), KERN_INVALID_NAME, "LIVE0008 another name is not found");
	(void)pthread_create(&waiter, NULL, waits_for_late, NULL);
	(void)usleep(50000);
	tap_result(name_register(name_server, "late", port, MACH_MSG_TYPE_MAKE_SEND), KERN_SUCCESS, "LIVE0009 a name somebody waits for");
	(void)pthread_join(waiter, &late);
	tap((mach_port_t)(uintptr_t)late == port, "LIVE0010 the waiter got it");
	tap_result(name_unregister(name_server, "late", name_server), KERN_INVALID_CAPABILITY, "LIVE0011 only who has the port takes a name away");
	tap_result(name_unregister(name_server, "late", port), KERN_SUCCESS, "LIVE0012 who has it may");
	(void)mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_SEND, -2);
	drop_receive(port);
	drop_receive(other);
	tap(gone_soon("test"), "LIVE0013 the port's death takes its name");
}

/* ---- programs ---- */

static struct {
	mach_port_t port; /* for output and end: so the end comes last */
	char output[4096];
	size_t used;
	bool ended;
	int status;
} seen;

static kern_return_t take_output(mach_port_t port, natural_t stream, char *data, mach_msg_type_number_t count)
{
	if (count > sizeof(seen.output) - 1 - seen.used)
		return KERN_NO_SPACE;
	memcpy(seen.output + seen.used, data, count);
	seen.used += count;
	return KERN_SUCCESS;
}

static kern_return_t take_exit(mach_port_t port, uint64_t id, int status)
{
	seen.ended = true;
	seen.status = status;
	return KERN_SUCCESS;
}

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct console_ops console = { .console_write = take_output };
	static const struct task_exit_ops exits = { .task_exited = take_exit };

	return console_demux(&console, in, out) || task_exit_demux(&exits, in, out);
}

/* Until the program's end has been told; false after 10 s of silence. */
static bool wait_for_end(void)
{
	union {
		mach_msg_header_t head;
		uint8_t room[2048];
	} in, out;

	while (!seen.ended) {
		if (mach_msg(&in.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(in), seen.port, 10000, MACH_PORT_NULL) !=
		    MACH_MSG_SUCCESS)
			return false;
		(void)demux(&in.head, &out.head);
	}
	return true;
}

static void make_port(void)
{
	memset(&seen, 0, sizeof(seen));
	seen.port = new_port();
	(void)mach_port_insert_right(mach_task_self(), seen.port, seen.port, MACH_MSG_TYPE_MAKE_SEND);
}

static void drop_port(void)
{
	(void)mach_port_destroy(mach_task_self(), seen.port);
}

/* A session with the bytes of an archive's file, started with arguments ("" each ended by NUL). */
static kern_return_t start(mach_port_t runner, const char *path, const char *arguments, uint32_t bytes, mach_port_t *session)
{
	uint8_t *image;
	mach_msg_type_number_t size;
	kern_return_t result = bootstrap_file(bootstrap_port, path, &image, &size);

	if (result != KERN_SUCCESS)
		return result;
	result = run_begin(runner, path, size, session);
	for (uint32_t at = 0; result == KERN_SUCCESS && at < size; at += RUN_DATA_MAX)
		result = run_data(*session, at, image + at, size - at < RUN_DATA_MAX ? size - at : RUN_DATA_MAX);
	if (result == KERN_SUCCESS)
		result = run_start(*session, arguments, bytes, NULL, 0, seen.port, seen.port);
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)image, size);
	return result;
}

static void programs(mach_port_t runner)
{
	static const char arguments[] = "self\0child\0seven";
	static const char sleeper[] = "self\0sleep";
	mach_port_t session = MACH_PORT_NULL;

	make_port();
	tap_result(start(runner, "bin/test", arguments, sizeof(arguments), &session), KERN_SUCCESS, "LIVE0020 the runner starts a program");
	tap(wait_for_end(), "LIVE0021 its end is told");
	tap(seen.status == 7 << 8, "LIVE0022 with its exit status");
	tap(strcmp(seen.output, "child says seven\n") == 0, "LIVE0023 its output comes to the stdio port");
	if (seen.status != 7 << 8 || seen.used != 17)
		printf("# status %#x output '%s'\n", seen.status, seen.output);
	(void)mach_port_deallocate(mach_task_self(), session);
	drop_port();

	make_port();
	tap_result(start(runner, "bin/test", sleeper, sizeof(sleeper), &session), KERN_SUCCESS, "LIVE0024 a program that stays");
	tap_result(run_kill(session), KERN_SUCCESS, "LIVE0025 is ended by run_kill");
	tap(wait_for_end() && (seen.status & 0x7f) == 9, "LIVE0026 which its status tells");
	(void)mach_port_deallocate(mach_task_self(), session);
	drop_port();

	make_port();
	tap_result(start(runner, "bin/test", sleeper, sizeof(sleeper), &session), KERN_SUCCESS, "LIVE0027 a program whose session is dropped");
	(void)mach_port_deallocate(mach_task_self(), session);
	tap(wait_for_end() && (seen.status & 0x7f) == 9, "LIVE0028 is ended, too");
	drop_port();
}

static void refusals(mach_port_t runner)
{
	static const uint8_t garbage[8] = "garbage";
	mach_port_t session = MACH_PORT_NULL;

	tap_result(run_begin(runner, "x", 0, &session), KERN_INVALID_ARGUMENT, "LIVE0030 a program of no bytes is refused");
	tap_result(run_begin(runner, "x", 60u << 20, &session), KERN_RESOURCE_SHORTAGE, "LIVE0038 and one that would fill the node");
	tap_result(run_begin(runner, "x", 8, &session), KERN_SUCCESS, "LIVE0031 a session");
	tap_result(run_start(session, NULL, 0, NULL, 0, 0, 0), KERN_INVALID_ARGUMENT, "LIVE0032 does not start before its bytes are there");
	tap_result(run_data(session, 1, garbage, 8), KERN_INVALID_ARGUMENT, "LIVE0033 takes no bytes behind its end");
	tap_result(run_data(session, 0, garbage, 8), KERN_SUCCESS, "LIVE0034 takes bytes");
	tap_result(run_start(session, "x", 1, NULL, 0, 0, 0), KERN_INVALID_ARGUMENT, "LIVE0035 wants arguments that end");
	tap_result(run_start(session, NULL, 0, NULL, 0, 0, 0), KERN_FAILURE, "LIVE0036 and a program that can run");
	(void)mach_port_deallocate(mach_task_self(), session);
	tap_result(run_kill(runner), KERN_INVALID_ARGUMENT, "LIVE0037 the runner's own port is no session");
}

/* ---- clients that mean no good ---- */

static struct {
	mach_msg_header_t head;
	uint8_t body[40000];
} hostile;

/* A message with this id and size, a plain send right as its reply right. */
static mach_msg_return_t send_hostile(mach_port_t to, mach_port_t reply, mach_msg_id_t id, mach_msg_size_t size)
{
	hostile.head = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND,
								       reply != MACH_PORT_NULL ? MACH_MSG_TYPE_COPY_SEND : 0),
					    .msgh_size = size, .msgh_remote_port = to, .msgh_local_port = reply, .msgh_id = id };
	return mach_msg(&hostile.head, MACH_SEND_MSG | MACH_SEND_TIMEOUT, size, 0, MACH_PORT_NULL, 5000, MACH_PORT_NULL);
}

static bool name_server_answers(void)
{
	mach_port_t found;

	return name_look_up(name_server, "no such", 0, &found) == KERN_INVALID_NAME;
}

static void hostility(void)
{
	mach_port_t full = new_port();
	bool sent = true;

	(void)mach_port_insert_right(mach_task_self(), full, full, MACH_MSG_TYPE_MAKE_SEND);
	sent = send_hostile(name_server, MACH_PORT_NULL, MIG_ID_name_register, sizeof(hostile)) == MACH_MSG_SUCCESS;
	tap(sent && name_server_answers(), "LIVE0050 a message too large does not end a server");
	/* Its answers fill the queue of a port that nobody reads; a send-once right's would not count. */
	for (int i = 0; i < 3 * MACH_PORT_QLIMIT_DEFAULT; i++)
		sent = sent && send_hostile(name_server, full, MIG_ID_name_list, 24) == MACH_MSG_SUCCESS;
	tap(sent && name_server_answers(), "LIVE0051 a reply port that is full does not stop a server");
	for (int i = 0; i < 200; i++)
		sent = sent && send_hostile(name_server, MACH_PORT_NULL, MIG_ID_name_register - 50 + i, 24 + 4u * (unsigned)i) == MACH_MSG_SUCCESS;
	tap(sent && name_server_answers(), "LIVE0052 neither do messages of no interface");
	(void)mach_port_mod_refs(mach_task_self(), full, MACH_PORT_RIGHT_SEND, -1);
	drop_receive(full);
}

/* This program's own file, as a memory object. */
static void file_object(void)
{
	mach_vm_address_t at = 0, other = 0;
	mach_port_t object = MACH_PORT_NULL, none;
	mach_msg_type_number_t count = 0;
	uint64_t size = 0, word = 1;
	uint8_t *data = NULL;

	tap_result(bootstrap_file_object(bootstrap_port, "no/such/file", &none, &size), KERN_INVALID_NAME,
		   "FILE0001 a file that is not there has no memory object");
	tap_result(bootstrap_file_object(bootstrap_port, "bin/test", &object, &size), KERN_SUCCESS, "FILE0002 a file of the archive has one");
	if (bootstrap_file(bootstrap_port, "bin/test", &data, &count) != KERN_SUCCESS ||
	    mach_vm_map(mach_task_self(), &at, size, 0, VM_FLAGS_ANYWHERE, object, 0, FALSE, VM_PROT_DEFAULT, VM_PROT_DEFAULT,
			VM_INHERIT_NONE) != KERN_SUCCESS)
		exit(1);
	tap(count == size && memcmp(data, (const void *)(uintptr_t)at, size) == 0, "FILE0003 mapped, it has the file's bytes");
	tap(size % 4096 == 0 || *(const char *)(uintptr_t)(at + size) == 0, "FILE0004 and zeros behind its end");
	tap_result(mach_vm_write(mach_task_self(), at, (vm_offset_t)(uintptr_t)&word, 8), KERN_MEMORY_ERROR,
		   "FILE0005 it cannot be written");
	tap(mach_vm_map(mach_task_self(), &other, size, 0, VM_FLAGS_ANYWHERE, object, 0, TRUE, VM_PROT_DEFAULT, VM_PROT_DEFAULT,
			VM_INHERIT_NONE) == KERN_SUCCESS && (*(volatile char *)(uintptr_t)other = 9) == 9 &&
		    *(const char *)(uintptr_t)at == 0x7f,
	    "FILE0006 a private mapping can, and the file stays");
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)data, count);
	(void)mach_vm_deallocate(mach_task_self(), at, size);
	(void)mach_vm_deallocate(mach_task_self(), other, size);
	(void)mach_port_deallocate(mach_task_self(), object);
}

int main(int argc, char **argv)
{
	mach_port_t runner = MACH_PORT_NULL, host = mach_host_self();
	task_name_info_data_t name = { .id = 0 };
	mach_msg_type_number_t count = TASK_NAME_INFO_COUNT;
	unsigned before;

	if (argc == 3 && strcmp(argv[1], "child") == 0) {
		printf("child says %s\n", argv[2]);
		return 7;
	}
	if (argc == 2 && strcmp(argv[1], "sleep") == 0)
		for (;;)
			(void)pause();
	tap_result(bootstrap_look_up_wait(bootstrap_port, "runner/1", &runner), KERN_SUCCESS, "LIVE0000 the runner has a name");
	tap_result(host_name_server(host, &name_server), KERN_SUCCESS, "LIVE0014 the host knows the name server");
	for (int round = 0; round < 2; round++) {
		before = tap_names();
		names();
		programs(runner);
		refusals(runner);
		hostility();
	}
	tap(tap_names() == before, "LIVE0040 no port is left over: %u before, %u now", before, tap_names());
	tap(task_info(mach_task_self(), TASK_NAME_INFO, (task_info_t)&name, &count) == KERN_SUCCESS &&
	    strcmp(name.name, "bin/test") == 0, "LIVE0042 the task has its program's name: '%s'", name.name);
	tap(host_reboot(host, 0) == KERN_INVALID_HOST, "LIVE0041 a program does not hold the host control port");
	file_object();
	return tap_done();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.c - `meshach run --on NODE PROGRAM [ARGUMENT]...`: this process becomes a node of the cluster
 * (cluster/hosted) and has the node's runner run a program of this host's.
 *
 * The program's bytes go in messages; its output comes to a port of ours (console.defs), its end to
 * another (task_exit.defs). One thread serves these ports; the first waits for the end, for Ctrl-C,
 * and for the cluster's or the node's death.
 */
#include <mach/mach.h>
#include <mach/notify_server.h>
#include <servers/bootstrap_names.h>
#include <servers/console_server.h>
#include <servers/limits.h>
#include <servers/runner.h>
#include <servers/task_exit_server.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hosted.h"
#include "json.h"
#include "meshach.h"

#define REQUEST_MAX 4096u
#define POLL_MS 200
#define SILENCE_MS 2000 /* after the program's end */
#define OUTPUT_QUEUE 256
#define MARK_ID 1 /* no interface has it */
#define LOOK_UP_TRIES 100
#define LOOK_UP_PAUSE_US 100000
#define NAME_SERVER_TRIES 30 /* a process that joins hears of it with the first answers to its hello */

enum end { END_EXITED = 'e', END_NODE_DIED = 'd', END_ALL_OUTPUT = 'o' };

static struct {
	const struct options *o;
	mach_port_t set, stdio, exit, notify, session;
	int ends[2];                     /* the server thread tells the first how it ended */
	int status;                      /* wait(2)'s */
	bool exited, no_senders, marked; /* the server thread's; see send_mark() */
	_Atomic uint64_t busy_ms;        /* when output or the end came last */
	FILE *captured[3];               /* --json: what the program wrote on streams 1 and 2 */
	char *text[3];
	size_t size[3];
} run;

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	interrupted = 1;
}

static void tell(enum end end)
{
	char byte = (char)end;

	(void)!write(run.ends[1], &byte, 1);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static kern_return_t take_output(mach_port_t console, natural_t stream, char *data,
				 mach_msg_type_number_t size)
{
	FILE *out = stream == 2 ? stderr : stdout;

	if (run.captured[1] != NULL)
		out = run.captured[stream == 2 ? 2 : 1];
	fwrite(data, 1, size, out);
	fflush(out);
	atomic_store(&run.busy_ms, now_ms());
	return KERN_SUCCESS;
}

static kern_return_t take_exit(mach_port_t port, uint64_t id, int status)
{
	run.status = status;
	run.exited = true;
	atomic_store(&run.busy_ms, now_ms());
	tell(END_EXITED);
	return KERN_SUCCESS;
}

static kern_return_t take_dead_name(mach_port_t notify, mach_port_name_t name)
{
	tell(END_NODE_DIED);
	return KERN_SUCCESS;
}

static kern_return_t take_no_senders(mach_port_t notify, mach_port_mscount_t mscount)
{
	run.no_senders = true;
	return KERN_SUCCESS;
}

static const struct console_ops console_calls = {.console_write = take_output};
static const struct task_exit_ops exit_calls = {.task_exited = take_exit};
static const struct notify_ops notify_calls = {
	.mach_notify_dead_name = take_dead_name,
	.mach_notify_no_senders = take_no_senders,
};

static boolean_t calls(mach_msg_header_t *in, mach_msg_header_t *out)
{
	return console_demux(&console_calls, in, out) || task_exit_demux(&exit_calls, in, out) ||
	       notify_demux(&notify_calls, in, out);
}

/*
 * The end may overtake output, which goes to another port. All output is in our queue when that
 * port has no senders any more; a mark put behind it tells when it is all taken. While the queue is
 * full there is more to come, and another try.
 */
static void send_mark(void)
{
	mach_msg_header_t mark = {
		.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0),
		.msgh_size = sizeof(mark),
		.msgh_remote_port = run.stdio,
		.msgh_id = MARK_ID,
	};

	if (mach_msg(&mark, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof(mark), 0, MACH_PORT_NULL, 0,
		     MACH_PORT_NULL) == MACH_MSG_SUCCESS)
		run.marked = true;
}

static boolean_t take_mark(const mach_msg_header_t *in, mach_msg_header_t *out)
{
	mig_reply_error_t *reply = (mig_reply_error_t *)out;

	if (in->msgh_id != MARK_ID)
		return FALSE;
	*reply = (mig_reply_error_t){.RetCode = MIG_NO_REPLY};
	tell(END_ALL_OUTPUT);
	return TRUE;
}

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	boolean_t known = take_mark(in, out) || calls(in, out);

	if (run.exited && run.no_senders && !run.marked)
		send_mark();
	return known;
}

static void *serve(void *unused)
{
	(void)mach_msg_server(demux, REQUEST_MAX, run.set, MACH_MSG_OPTION_NONE);
	return NULL;
}

static void must(kern_return_t result, const char *what)
{
	if (result != KERN_SUCCESS)
		die("node %u: %s: %s", run.o->on, what, mach_error_string(result));
}

static mach_port_t new_port(void)
{
	mach_port_t port;

	must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port), "making a port");
	must(mach_port_move_member(mach_task_self(), port, run.set), "serving a port");
	must(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND),
	     "making a right");
	return port;
}

/* Take a port of the switch and join the cluster there. Returns the connection that keeps the port.
 */
static int join(const struct options *o)
{
	char answer[2048], error[256];
	struct hosted_link link = {.mtu = 9000};
	int64_t address = 0, netmask = 0;
	const char *wrong;
	int fd = control_connect(o, "switch");

	if (fd < 0)
		die("no cluster is up in %s (meshach up starts one)", o->directory);
	if (!control_ask(fd, "attach", answer, sizeof(answer)))
		die("the switch does not answer");
	if (json_get_string(answer, "error", error, sizeof(error)))
		die("the switch: %s", error);
	if (!json_get_string(answer, "local", link.local, sizeof(link.local)) ||
	    !json_get_string(answer, "remote", link.remote, sizeof(link.remote)) ||
	    !json_get_number(answer, "address", &address) ||
	    !json_get_number(answer, "netmask", &netmask))
		die("the switch gave no port");
	link.address = (uint32_t)address;
	link.netmask = (uint32_t)netmask;
	if ((wrong = hosted_join(&link)) != NULL)
		die("joining the cluster: %s", wrong);
	atexit(hosted_leave); /* however this ends, nobody has to find out that we are gone */
	return fd;
}

/* Names are on one node, the first. */
static void expect_name_server(void)
{
	mach_port_t host = mach_host_self(), server = MACH_PORT_NULL;

	for (int i = 0; i < NAME_SERVER_TRIES && !interrupted; i++) {
		must(host_name_server(host, &server), "asking for the name server");
		if (MACH_PORT_VALID(server)) {
			(void)mach_port_deallocate(mach_task_self(), server);
			return;
		}
		usleep(LOOK_UP_PAUSE_US);
	}
	if (!interrupted)
		die("no node that is up has the name server, so no node can be found (`meshach start 1` boots its node)");
}

static mach_port_t find_runner(uint32_t node)
{
	char name[NAME_STRING_MAX];
	mach_port_t runner;
	kern_return_t result = KERN_FAILURE;

	expect_name_server();

	snprintf(name, sizeof(name), "runner/%u", node);
	for (int i = 0; i < LOOK_UP_TRIES && !interrupted; i++) {
		result = bootstrap_look_up(MACH_PORT_NULL, name, &runner);
		if (result == KERN_SUCCESS)
			return runner;
		if (result != KERN_INVALID_NAME)
			break;
		usleep(LOOK_UP_PAUSE_US);
	}
	if (interrupted)
		exit(130);
	if (result == KERN_INVALID_NAME)
		die("there is no node %u, or it is not up", node);
	die("the name server does not answer: %s", mach_error_string(result));
}

static char *read_program(const char *path, size_t *size)
{
	struct stat status;
	FILE *file = fopen(path, "re");
	char *bytes;

	if (file == NULL)
		die("%s: %s", path, strerror(errno));
	if (fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
		die("%s is no program", path);
	bytes = malloc((size_t)status.st_size);
	if (bytes == NULL)
		die("out of memory");
	*size = fread(bytes, 1, (size_t)status.st_size, file);
	fclose(file);
	if (*size != (size_t)status.st_size)
		die("%s cannot be read whole", path);
	return bytes;
}

static void send_program(mach_port_t session, const char *bytes, size_t size)
{
	for (size_t at = 0; at < size && !interrupted; at += RUN_DATA_MAX) {
		size_t part = size - at < RUN_DATA_MAX ? size - at : RUN_DATA_MAX;

		must(run_data(session, at, (const uint8_t *)bytes + at,
			      (mach_msg_type_number_t)part),
		     "sending the program");
	}
}

static void start_program(mach_port_t session)
{
	char arguments[RUN_STRINGS_MAX];
	mach_port_t previous = MACH_PORT_NULL;
	size_t used = 0;
	kern_return_t result;

	for (int i = 0; i < run.o->rest_count; i++) {
		size_t length = strlen(run.o->rest[i]) + 1;

		if (used + length > sizeof(arguments))
			die("the arguments are longer than %zu bytes", sizeof(arguments));
		memcpy(arguments + used, run.o->rest[i], length);
		used += length;
	}
	result = run_start(session, arguments, (mach_msg_type_number_t)used, "", 0, run.stdio,
			   run.exit);
	if (result == KERN_FAILURE)
		die("%s is no static x86-64 program (meshach-cc makes one)", run.o->rest[0]);
	must(result, "starting the program");
	/* From now on the program alone can write. */
	must(mach_port_request_notification(mach_task_self(), run.stdio, MACH_NOTIFY_NO_SENDERS, 0,
					    run.notify, MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous),
	     "watching the output");
	(void)mach_port_deallocate(mach_task_self(), run.stdio);
}

static int exit_status(void)
{
	if (!WIFSIGNALED(run.status))
		return WEXITSTATUS(run.status);
	complain("the program was ended by signal %d", WTERMSIG(run.status));
	return 128 + WTERMSIG(run.status);
}

/*
 * Wait for the program's end and its output's; returns the exit status. What it started and left
 * behind may hold the right to write for ever: then silence is the end.
 */
static int wait_for_end(int switch_fd)
{
	bool exited = false;

	for (;;) {
		struct pollfd fds[2] = {{.fd = run.ends[0], .events = POLLIN},
					{.fd = switch_fd, .events = POLLIN}};
		char end;

		(void)poll(fds, 2, POLL_MS);
		if (interrupted) {
			(void)run_kill(run.session);
			return 130;
		}
		if (fds[0].revents != 0 && read(run.ends[0], &end, 1) == 1) {
			if (end == END_NODE_DIED)
				die("node %u died", run.o->on);
			if (end == END_ALL_OUTPUT)
				return exit_status();
			exited = true;
		} else if (fds[1].revents != 0) {
			die("the cluster went down");
		} else if (exited && now_ms() - atomic_load(&run.busy_ms) > SILENCE_MS) {
			return exit_status();
		}
	}
}

static void print_json(int status)
{
	for (int i = 1; i <= 2; i++)
		fclose(run.captured[i]);
	printf("{\"node\": %u, \"status\": %d, \"stdout\": ", run.o->on, status);
	json_string(stdout, run.text[1]);
	fputs(", \"stderr\": ", stdout);
	json_string(stdout, run.text[2]);
	puts("}");
}

static void open_ports(void)
{
	mach_port_limits_t limits = {.mpl_qlimit = OUTPUT_QUEUE};
	pthread_t server;

	must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &run.set),
	     "making a port set");
	run.stdio = new_port();
	(void)mach_port_set_attributes(mach_task_self(), run.stdio, MACH_PORT_LIMITS_INFO,
				       (mach_port_info_t)&limits, MACH_PORT_LIMITS_INFO_COUNT);
	run.exit = new_port();
	run.notify = new_port();
	if (pipe(run.ends) != 0 || pthread_create(&server, NULL, serve, NULL) != 0)
		die("cannot start: %s", strerror(errno));
}

int command_run(const struct options *o)
{
	struct sigaction action = {.sa_handler = on_interrupt};
	mach_port_t runner, previous = MACH_PORT_NULL;
	int switch_fd, status;
	size_t size;
	char *bytes;

	run.o = o;
	if (o->on == 0 || o->rest_count == 0)
		die("run wants --on NODE and a program");
	bytes = read_program(o->rest[0], &size);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	for (int i = 1; i <= 2 && o->json; i++)
		run.captured[i] = open_memstream(&run.text[i], &run.size[i]);
	switch_fd = join(o);
	open_ports();
	runner = find_runner(o->on);
	must(run_begin(runner, basename(o->rest[0]), size, &run.session), "the runner");
	must(mach_port_request_notification(mach_task_self(), run.session, MACH_NOTIFY_DEAD_NAME, 0,
					    run.notify, MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous),
	     "watching the node");
	send_program(run.session, bytes, size);
	free(bytes);
	if (!interrupted)
		start_program(run.session);
	status = wait_for_end(switch_fd);
	(void)mach_port_deallocate(mach_task_self(), run.session);
	if (o->json)
		print_json(status);
	return status;
}

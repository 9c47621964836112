/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * supervisor.c - the process that owns a cluster's children.
 *
 * It starts the switch and the nodes, knows their process ids, reaps them, watches their logs until
 * they are up, and answers commands on DIR/control. Life of a node:
 *
 *   firmware -> loading (it has an address) -> booting (its kernel speaks) -> up     any -> ended
 * (QEMU is gone)
 *
 * Invariants:
 *  S1 every child dies with the supervisor (PR_SET_PDEATHSIG), however that ends;
 *  S2 while a connection owns the cluster (`own`, until `release`), its end takes the cluster down;
 *  S3 the end of the switch, or `down`, or a signal, ends all children before the supervisor;
 *  S4 when the state directory is gone, nobody can reach the cluster any more: it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "meshach.h"

#define MAX_CLIENTS 32
#define WATCH_MS 50 /* between looks at the logs while a node is coming up */
#define ALIVE_MS 2000
#define SWITCH_START_MS 5000
#define END_MS 2000 /* from SIGTERM to SIGKILL */

enum node_state { NODE_FIRMWARE, NODE_LOADING, NODE_BOOTING, NODE_UP, NODE_ENDED };
static const char *const state_names[] = {"firmware", "loading", "booting", "up", "ended"};

struct node {
	pid_t pid; /* 0: not running */
	enum node_state state;
	int status; /* of its QEMU, once ended */
	uint32_t starts;
	char ip[16], mac[18];
	long log_seen;  /* bytes of its log read so far; from this start */
	char line[256]; /* the log's line being read */
	size_t line_length;
	uint64_t started_ms, up_ms;
};

struct client {
	int fd; /* -1: free */
	bool owns;
	char line[1024];
	size_t filled;
};

static struct supervisor {
	const struct options *o;
	const struct acceleration *accel;
	pid_t self, switch_pid;
	int switch_fd; /* control connection to the switch */
	struct node nodes[MAX_NODES + 1];
	struct client clients[MAX_CLIENTS];
	uint64_t started_ms;
	bool ending;
} s;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void say(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%8.3f ", (double)(now_ms() - s.started_ms) / 1000);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	putc('\n', stderr);
}

/* In the child: S1, a log for its output, no stdin, default signals. */
static void become_child(const char *log, int output)
{
	char path[PATH_BYTES];
	sigset_t none;
	int fd, null = open("/dev/null", O_RDONLY);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != s.self)
		_exit(126);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fd = open(state_path(s.o, path, "%s", log), O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(null, 0);
	dup2(output >= 0 ? output : fd, 1);
	dup2(fd, 2);
}

static void start_node(uint32_t number)
{
	struct node *node = &s.nodes[number];
	char path[PATH_BYTES];
	uint32_t starts = node->starts + 1;
	pid_t pid;

	/* QEMU binds these names; those of the last start are in its way. */
	unlink(state_path(s.o, path, "fabric/n%u", number));
	unlink(state_path(s.o, path, "node%u.console", number));
	memset(node, 0, sizeof *node);
	node->starts = starts;
	node->started_ms = now_ms();
	FILE *log = fopen(state_path(s.o, path, "node%u.log", number), "ae");
	if (log != NULL) {
		fseek(log, 0, SEEK_END);
		node->log_seen = ftell(log);
		fclose(log);
	}
	pid = fork();
	if (pid == 0) {
		char name[32];

		snprintf(name, sizeof name, "node%u.qemu.log", number);
		become_child(name, -1);
		exec_node(s.o, s.accel->name, number);
	}
	if (pid < 0) {
		say("node %u: fork: %s", number, strerror(errno));
		node->state = NODE_ENDED;
		return;
	}
	node->pid = pid;
	say("node %u: started, process %d", number, (int)pid);
}

/* Wait for the line by which the switch says that its ports are there. */
static bool switch_is_ready(int output)
{
	struct pollfd ready = {.fd = output, .events = POLLIN};
	char text[1024];
	size_t filled = 0;

	while (filled < sizeof text - 1 && poll(&ready, 1, SWITCH_START_MS) == 1) {
		ssize_t got = read(output, text + filled, sizeof text - 1 - filled);

		if (got <= 0)
			break;
		filled += (size_t)got;
		text[filled] = '\0';
		if (strstr(text, "{\"ok\": true}\n") != NULL)
			return true;
	}
	return false;
}

/* The last thing that the switch said of itself, as the reason why it did not start. */
static const char *switch_complaint(void)
{
	static char sentence[400];
	char path[PATH_BYTES], line[256];
	FILE *log = fopen(state_path(s.o, path, "switch.log"), "re");

	snprintf(sentence, sizeof sentence, "the switch did not start");
	while (log != NULL && fgets(line, sizeof line, log) != NULL) {
		if (strncmp(line, "meshach-switch:", 15) == 0)
			snprintf(sentence, sizeof sentence, "the switch did not start:%s",
				 line + 15);
	}
	if (log != NULL)
		fclose(log);
	sentence[strcspn(sentence, "\n")] = '\0';
	return sentence;
}

/* Start the switch and wait until its ports are there. NULL, or what is wrong. */
static const char *start_switch(void)
{
	char program[PATH_BYTES * 2], fabric[PATH_BYTES], control[PATH_BYTES], boot[PATH_BYTES],
		ports[16];
	bool vhost = strcmp(s.o->fabric, "vhost") == 0;
	int output[2];

	snprintf(program, sizeof program, "%s/meshach-switch%s", s.o->image, vhost ? "-vhost" : "");
	snprintf(ports, sizeof ports, "%u", s.o->nodes);
	state_path(s.o, fabric, "fabric");
	state_path(s.o, control, "switch");
	state_path(s.o, boot, "boot");
	if (access(program, X_OK) != 0)
		return vhost ? "the vhost fabric's switch is not built: it needs libdpdk-dev "
			       "(apt-get install libdpdk-dev), then ninja"
			     : "the switch is not built: run ninja";
	if (pipe2(output, O_CLOEXEC) != 0)
		return strerror(errno);
	s.switch_pid = fork();
	if (s.switch_pid == 0) {
		become_child("switch.log", output[1]);
		execl(program, program, "--dir", fabric, "--control", control, "--ports", ports,
		      "--boot", boot, "--options", s.o->append, (char *)NULL);
		_exit(127);
	}
	close(output[1]);
	s.switch_fd = switch_is_ready(output[0]) ? control_connect(s.o, "switch") : -1;
	close(output[0]);
	return s.switch_fd >= 0 ? NULL : switch_complaint();
}

/* Returns false, with the switch's sentence in answer, if it refuses. */
static bool ask_switch(const char *line, char *answer, size_t size)
{
	if (s.switch_fd >= 0 && control_ask(s.switch_fd, line, answer, size))
		return strncmp(answer, "{\"error\"", 8) != 0;
	snprintf(answer, size, "{\"error\": \"the switch does not answer\"}");
	return false;
}

/* Learn addresses from the switch's ports. */
static void watch_ports(void)
{
	static char answer[ANSWER_BYTES];
	char *at = answer;
	int64_t port;

	if (!ask_switch("ports", answer, sizeof answer))
		return;
	while ((at = strstr(at, "{\"port\"")) != NULL) {
		char *end = strchr(at, '}');

		if (end == NULL)
			break;
		*end = '\0';
		if (json_get_number(at, "port", &port) && port >= 1 && port <= s.o->nodes) {
			struct node *node = &s.nodes[port];

			json_get_string(at, "ip", node->ip, sizeof node->ip);
			json_get_string(at, "mac", node->mac, sizeof node->mac);
			if (node->state == NODE_FIRMWARE && node->ip[0] != '\0' &&
			    node->starts == 1)
				node->state = NODE_LOADING;
		}
		at = end + 1;
	}
}

static void log_line(struct node *node, uint32_t number)
{
	node->line[node->line_length] = '\0';
	node->line_length = 0;
	if (strstr(node->line, READY_TEXT) != NULL && node->state != NODE_UP) {
		node->state = NODE_UP;
		node->up_ms = now_ms();
		say("node %u: up after %.1f s", number,
		    (double)(node->up_ms - node->started_ms) / 1000);
	}
}

/* Read what a node's log has got since the last look. */
static void watch_log(uint32_t number)
{
	struct node *node = &s.nodes[number];
	char path[PATH_BYTES], text[8192];
	ssize_t got;
	int fd = open(state_path(s.o, path, "node%u.log", number), O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && (got = pread(fd, text, sizeof text, node->log_seen)) > 0) {
		node->log_seen += got;
		if (node->state < NODE_BOOTING)
			node->state = NODE_BOOTING;
		for (ssize_t i = 0; i < got; i++) {
			if (text[i] == '\n')
				log_line(node, number);
			else if (node->line_length < sizeof node->line - 1)
				node->line[node->line_length++] = text[i];
		}
	}
	if (fd >= 0)
		close(fd);
}

static bool anyone_coming_up(void)
{
	for (uint32_t i = 1; i <= s.o->nodes; i++) {
		if (s.nodes[i].state < NODE_UP)
			return true;
	}
	return false;
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

		if (pid == s.switch_pid) {
			say("the switch ended, status %d", code);
			s.switch_pid = 0;
			s.ending = true; /* S3 */
		}
		for (uint32_t i = 1; i <= s.o->nodes; i++) {
			if (s.nodes[i].pid != pid)
				continue;
			watch_log(i);
			s.nodes[i].pid = 0;
			s.nodes[i].status = code;
			s.nodes[i].state = NODE_ENDED;
			say("node %u: ended, status %d", i, code);
		}
	}
}

static void answer_status(FILE *out)
{
	const struct options *o = s.o;

	fputs("{\"directory\": ", out);
	json_string(out, o->directory);
	fprintf(out,
		", \"supervisor\": %d, \"switch\": %d, \"fabric\": \"%s\", \"accel\": \"%s\", "
		"\"accel_why\": ",
		(int)s.self, (int)s.switch_pid, o->fabric, s.accel->name);
	json_string(out, s.accel->why);
	fprintf(out, ", \"cpus\": %u, \"memory_mib\": %u, \"uptime_s\": %.1f, \"nodes\": [",
		o->cpus, o->memory, (double)(now_ms() - s.started_ms) / 1000);
	for (uint32_t i = 1; i <= o->nodes; i++) {
		struct node *node = &s.nodes[i];
		char path[PATH_BYTES];

		fprintf(out,
			"%s{\"node\": %u, \"state\": \"%s\", \"ip\": \"%s\", \"mac\": \"%s\", "
			"\"pid\": %d, \"starts\": %u, "
			"\"status\": %d, \"boot_s\": %.1f, \"log\": ",
			i > 1 ? ", " : "", i, state_names[node->state], node->ip, node->mac,
			(int)node->pid, node->starts, node->status,
			node->up_ms > 0 ? (double)(node->up_ms - node->started_ms) / 1000 : 0.0);
		json_string(out, state_path(o, path, "node%u.log", i));
		if (o->gdb == i) {
			fputs(", \"gdb\": ", out);
			json_string(out, state_path(o, path, "node%u.gdb", i));
		}
		fputs("}", out);
	}
	fputs("]}", out);
}

/* kill N, start N */
static void answer_power(bool on, const char *word, FILE *out)
{
	unsigned long number = strtoul(word, NULL, 10);

	if (number == 0 || number > s.o->nodes) {
		fprintf(out, "{\"error\": \"there is no node '%.20s' (nodes are 1 to %u)\"}", word,
			s.o->nodes);
	} else if (on == (s.nodes[number].pid != 0)) {
		fprintf(out, "{\"error\": \"node %lu is %s\"}", number,
			on ? "running already" : "not running");
	} else {
		if (on) {
			start_node((uint32_t)number);
		} else {
			say("node %lu: killed as told", number);
			kill(s.nodes[number].pid, SIGKILL);
			waitpid(s.nodes[number].pid, &s.nodes[number].status, 0);
			s.nodes[number].pid = 0;
			s.nodes[number].status = 128 + SIGKILL;
			s.nodes[number].state = NODE_ENDED;
		}
		fputs("{\"ok\": true}", out);
	}
}

static void run_command(struct client *client, char *line)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return;
	if (strcmp(line, "status") == 0) {
		watch_ports();
		answer_status(out);
	} else if (strncmp(line, "kill ", 5) == 0) {
		answer_power(false, line + 5, out);
	} else if (strncmp(line, "start ", 6) == 0) {
		answer_power(true, line + 6, out);
	} else if (strcmp(line, "down") == 0) {
		s.ending = true;
		fputs("{\"ok\": true}", out);
	} else if (strcmp(line, "own") == 0 || strcmp(line, "release") == 0) {
		client->owns = line[0] == 'o';
		fputs("{\"ok\": true}", out);
	} else {
		fputs("{\"error\": \"no such command\"}", out);
	}
	putc('\n', out);
	fclose(out);
	(void)!send(client->fd, text, size, MSG_NOSIGNAL);
	free(text);
}

static void client_end(struct client *client)
{
	if (client->owns)
		s.ending = true; /* S2 */
	close(client->fd);
	client->fd = -1;
}

static void client_input(struct client *client)
{
	ssize_t got = recv(client->fd, client->line + client->filled,
			   sizeof client->line - 1 - client->filled, MSG_DONTWAIT);
	char *end;

	if (got <= 0) {
		if (got == 0 || (errno != EAGAIN && errno != EINTR))
			client_end(client);
		return;
	}
	client->filled += (size_t)got;
	client->line[client->filled] = '\0';
	while ((end = strchr(client->line, '\n')) != NULL) {
		size_t used = (size_t)(end - client->line) + 1;

		*end = '\0';
		run_command(client, client->line);
		memmove(client->line, client->line + used, client->filled - used + 1);
		client->filled -= used;
	}
	if (client->filled == sizeof client->line - 1)
		client_end(client);
}

static void client_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	for (int i = 0; fd >= 0 && i < MAX_CLIENTS; i++) {
		if (s.clients[i].fd >= 0)
			continue;
		s.clients[i] = (struct client){.fd = fd};
		return;
	}
	if (fd >= 0)
		close(fd);
}

static int listen_control(const char **error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[PATH_BYTES];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	state_path(s.o, path, "control");
	if (strlen(path) >= sizeof address.sun_path) {
		*error = "the path of the state directory is too long for a socket";
		return -1;
	}
	strcpy(address.sun_path, path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
	    listen(fd, MAX_CLIENTS) != 0) {
		*error = strerror(errno);
		return -1;
	}
	return fd;
}

/* S3: ask all to end, then make them; returns when none is left. */
static void end_children(void)
{
	uint64_t limit = now_ms() + END_MS;
	int signal_number = SIGTERM;

	for (bool left = true; left;) {
		left = s.switch_pid > 0;
		for (uint32_t i = 1; i <= s.o->nodes; i++) {
			if (s.nodes[i].pid > 0)
				left |= kill(s.nodes[i].pid, signal_number) == 0;
		}
		if (s.switch_pid > 0)
			kill(s.switch_pid, signal_number);
		for (int i = 0; i < 50 && left; i++) {
			struct timespec nap = {.tv_nsec = 10000000};

			nanosleep(&nap, NULL);
			reap();
			left = s.switch_pid > 0;
			for (uint32_t n = 1; n <= s.o->nodes; n++)
				left |= s.nodes[n].pid > 0;
		}
		if (now_ms() > limit)
			signal_number = SIGKILL;
	}
}

static void remove_sockets(void)
{
	char path[PATH_BYTES];

	unlink(state_path(s.o, path, "switch"));
	for (uint32_t i = 1; i <= s.o->nodes; i++) {
		unlink(state_path(s.o, path, "node%u.console", i));
		unlink(state_path(s.o, path, "node%u.gdb", i));
		unlink(state_path(s.o, path, "fabric/n%u", i));
	}
	unlink(state_path(s.o, path, "control"));
}

static void serve(int listener, int signals)
{
	char path[PATH_BYTES];

	while (!s.ending) {
		struct pollfd fds[MAX_CLIENTS + 2] = {{.fd = listener, .events = POLLIN},
						      {.fd = signals, .events = POLLIN}};

		for (int i = 0; i < MAX_CLIENTS; i++)
			fds[i + 2] = (struct pollfd){.fd = s.clients[i].fd, .events = POLLIN};
		poll(fds, MAX_CLIENTS + 2, anyone_coming_up() ? WATCH_MS : ALIVE_MS);
		if (access(state_path(s.o, path, "control"), F_OK) != 0)
			s.ending = true; /* S4 */
		if (fds[1].revents != 0) {
			struct signalfd_siginfo info;

			if (read(signals, &info, sizeof info) == sizeof info &&
			    info.ssi_signo != SIGCHLD)
				s.ending = true;
			reap();
		}
		for (int i = 0; i < MAX_CLIENTS; i++) {
			if (s.clients[i].fd >= 0 && fds[i + 2].revents != 0)
				client_input(&s.clients[i]);
		}
		if (fds[0].revents != 0)
			client_accept(listener);
		if (anyone_coming_up()) {
			watch_ports();
			for (uint32_t i = 1; i <= s.o->nodes; i++) {
				if (s.nodes[i].state < NODE_UP)
					watch_log(i);
			}
		}
	}
}

_Noreturn void supervise(const struct options *o, const struct acceleration *acceleration,
			 int ready_fd)
{
	const char *error = NULL;
	int listener, signals;
	sigset_t mask;

	s.o = o;
	s.accel = acceleration;
	s.self = getpid();
	s.switch_fd = -1;
	s.started_ms = now_ms();
	for (int i = 0; i < MAX_CLIENTS; i++)
		s.clients[i].fd = -1;
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	signal(SIGPIPE, SIG_IGN);
	listener = listen_control(&error);
	if (listener >= 0)
		error = start_switch();
	if (error != NULL) {
		dprintf(ready_fd, "%s\n", error);
		end_children();
		remove_sockets();
		exit(1);
	}
	for (uint32_t i = 1; i <= o->nodes; i++)
		start_node(i);
	dprintf(ready_fd, "\n");
	close(ready_fd);
	serve(listener, signals);
	say("ending");
	end_children();
	remove_sockets();
	say("ended");
	exit(0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* client.c - the short commands: status, down, capture, fault, link, kill, start. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "meshach.h"

#define DOWN_SECONDS 15

static char answer[ANSWER_BYTES];

static void print_ports(char *ports)
{
	int64_t in, out, full, fault, port;

	for (char *at = ports; (at = strstr(at, "{\"port\"")) != NULL; at++) {
		if (json_get_number(at, "port", &port) && json_get_number(at, "in", &in) &&
		    json_get_number(at, "out", &out) &&
		    json_get_number(at, "dropped_full", &full) &&
		    json_get_number(at, "dropped_fault", &fault))
			printf("  port %-4ld frames in %-9ld out %-9ld dropped: queue full %ld, by "
			       "fault %ld\n",
			       (long)port, (long)in, (long)out, (long)full, (long)fault);
	}
}

int command_status(const struct options *o)
{
	static char ports[ANSWER_BYTES];
	char fabric[16] = "", accel[16] = "", why[200] = "", state[16], ip[16], log[PATH_BYTES],
	     gdb[PATH_BYTES];
	int64_t node, pid, cpus = 0, memory = 0;

	ask(o, "control", "status", answer, sizeof answer);
	ask(o, "switch", "ports", ports, sizeof ports);
	if (o->json) {
		answer[strlen(answer) - 1] = '\0';
		printf("%s, \"switch_ports\": %s\n", answer, strchr(ports, '['));
		return 0;
	}
	json_get_string(answer, "fabric", fabric, sizeof fabric);
	json_get_string(answer, "accel", accel, sizeof accel);
	json_get_string(answer, "accel_why", why, sizeof why);
	json_get_number(answer, "cpus", &cpus);
	json_get_number(answer, "memory_mib", &memory);
	printf("cluster in %s: fabric %s, %s (%s), %ld CPU%s and %ld MiB a node\n", o->directory,
	       fabric, accel, why, (long)cpus, cpus == 1 ? "" : "s", (long)memory);
	for (char *at = answer; (at = strstr(at, "{\"node\"")) != NULL; at++) {
		if (!json_get_number(at, "node", &node) ||
		    !json_get_string(at, "state", state, sizeof state) ||
		    !json_get_string(at, "ip", ip, sizeof ip) ||
		    !json_get_number(at, "pid", &pid) ||
		    !json_get_string(at, "log", log, sizeof log))
			continue;
		printf("  node %-3ld %-9s %-12s process %-8ld log %s\n", (long)node, state,
		       ip[0] ? ip : "-", (long)pid, log);
		if (json_get_string(at, "gdb", gdb, sizeof gdb) &&
		    strstr(at + 1, "{\"node\"") == NULL)
			printf("           gdb: target remote %s\n", gdb);
	}
	printf("switch:\n");
	print_ports(ports);
	return 0;
}

int command_down(const struct options *o)
{
	struct timespec nap = {.tv_nsec = 50000000};
	char path[PATH_BYTES];
	int lock;

	ask(o, "control", "down", answer, sizeof answer);
	lock = open(state_path(o, path, "lock"), O_RDWR | O_CLOEXEC);
	for (int i = 0; i < DOWN_SECONDS * 20; i++) {
		if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) == 0) {
			puts(o->json ? "{\"ok\": true}" : "the cluster is down");
			return 0;
		}
		nanosleep(&nap, NULL);
	}
	die("the cluster did not end in %d s; its supervisor's log is %s/supervisor.log",
	    DOWN_SECONDS, o->directory);
}

/* Send "word rest..." to a socket and print what is for people. */
static int forward(const struct options *o, const char *socket, const char *word, const char *done)
{
	char line[2 * PATH_BYTES];
	size_t used = (size_t)snprintf(line, sizeof line, "%s", word);

	for (int i = 0; i < o->rest_count && used < sizeof line; i++)
		used += (size_t)snprintf(line + used, sizeof line - used, " %s", o->rest[i]);
	if (used >= sizeof line)
		die("the command is too long");
	ask(o, socket, line, answer, sizeof answer);
	puts(o->json ? answer : done);
	return 0;
}

int command_capture(const struct options *o)
{
	char line[2 * PATH_BYTES], folder[PATH_BYTES];
	int64_t frames = 0;

	if (o->rest_count != 1)
		die("capture wants one file, or `stop`");
	if (strcmp(o->rest[0], "stop") == 0) {
		ask(o, "switch", "capture-stop", answer, sizeof answer);
		json_get_number(answer, "frames", &frames);
		if (o->json)
			puts(answer);
		else
			printf("captured %ld frames\n", (long)frames);
		return 0;
	}
	/* The switch has another current folder. */
	if (o->rest[0][0] == '/' || getcwd(folder, sizeof folder) == NULL)
		folder[0] = '\0';
	if (strpbrk(o->rest[0], " \n") != NULL || strpbrk(folder, " \n") != NULL)
		die("the capture's path must not have a space in it");
	snprintf(line, sizeof line, "capture %s%s%s", folder, folder[0] ? "/" : "", o->rest[0]);
	ask(o, "switch", line, answer, sizeof answer);
	if (o->json)
		puts(answer);
	else
		printf("capturing into %s until `meshach capture stop`\n", line + 8);
	return 0;
}

int command_fault(const struct options *o)
{
	return forward(o, "switch", "fault", "faults set");
}

int command_link(const struct options *o)
{
	if (o->rest_count != 2 ||
	    (strcmp(o->rest[1], "up") != 0 && strcmp(o->rest[1], "down") != 0))
		die("link wants a node and up or down");
	return forward(o, "switch", "link",
		       strcmp(o->rest[1], "up") == 0 ? "the link is up" : "the link is cut");
}

int command_kill(const struct options *o)
{
	if (o->rest_count != 1)
		die("kill wants a node");
	return forward(o, "control", "kill", "killed");
}

int command_start(const struct options *o)
{
	if (o->rest_count != 1)
		die("start wants a node");
	return forward(o, "control", "start", "started");
}

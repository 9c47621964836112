/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console.c - `meshach console NODE`: the node's serial line on this terminal; Ctrl-] leaves.
 *
 * Without a terminal the log so far is printed, then lines pass until stdin ends.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "meshach.h"

#define LEAVE 0x1d /* Ctrl-] */

static struct termios saved;

static void restore_terminal(void)
{
	tcsetattr(0, TCSANOW, &saved);
}

static void write_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t done = write(fd, bytes, size);

		if (done < 0 && errno != EINTR)
			exit(0);
		if (done > 0) {
			bytes += done;
			size -= (size_t)done;
		}
	}
}

static void print_log(const struct options *o, const char *node)
{
	char path[PATH_BYTES], text[8192];
	FILE *log = fopen(state_path(o, path, "node%s.log", node), "re");
	size_t got;

	while (log != NULL && (got = fread(text, 1, sizeof text, log)) > 0)
		write_all(1, text, got);
	if (log != NULL)
		fclose(log);
}

int command_console(const struct options *o)
{
	char name[40], text[4096];
	bool terminal = isatty(0) && isatty(1);
	int fd, probe = control_connect(o, "control");

	if (o->rest_count != 1 || strspn(o->rest[0], "0123456789") != strlen(o->rest[0]) ||
	    strlen(o->rest[0]) > 3)
		die("console wants a node's number");
	if (probe < 0)
		die("no cluster is up in %s (meshach up starts one)", o->directory);
	close(probe);
	snprintf(name, sizeof name, "node%s.console", o->rest[0]);
	print_log(o, o->rest[0]);
	fd = control_connect(o, name);
	if (fd < 0)
		die("node %s has no console: it is not running", o->rest[0]);
	if (terminal) {
		struct termios raw;

		fputs("[Ctrl-] leaves]\r\n", stderr);
		tcgetattr(0, &saved);
		atexit(restore_terminal);
		raw = saved;
		cfmakeraw(&raw);
		tcsetattr(0, TCSANOW, &raw);
	}
	for (;;) {
		struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
		ssize_t got;

		poll(fds, 2, -1);
		if (fds[1].revents != 0) {
			if ((got = read(fd, text, sizeof text)) <= 0)
				break;
			write_all(1, text, (size_t)got);
		}
		if (fds[0].revents != 0) {
			if ((got = read(0, text, sizeof text)) <= 0)
				break;
			if (terminal && memchr(text, LEAVE, (size_t)got) != NULL)
				break;
			write_all(fd, text, (size_t)got);
		}
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* state.c - the cluster's state directory, and talking to the control sockets in it. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "json.h"
#include "meshach.h"

const char *state_path(const struct options *o, char path[PATH_BYTES], const char *format, ...)
{
	va_list arguments;
	int used = snprintf(path, PATH_BYTES, "%s/", o->directory), more;

	va_start(arguments, format);
	more = vsnprintf(path + used, PATH_BYTES - (size_t)used, format, arguments);
	va_end(arguments);
	if ((size_t)(used + more) >= PATH_BYTES)
		die("the path of the state directory is too long: %s", o->directory);
	return path;
}

void default_directory(char path[PATH_BYTES])
{
	const char *run = getenv("XDG_RUNTIME_DIR");

	if (run != NULL && strlen(run) < PATH_BYTES / 2 && access(run, W_OK) == 0)
		sprintf(path, "%s/meshach/default", run);
	else
		sprintf(path, "/tmp/meshach-%u/default", (unsigned int)getuid());
}

int control_connect(const struct options *o, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[PATH_BYTES];
	int fd;

	state_path(o, path, "%s", name);
	if (strlen(path) >= sizeof address.sun_path)
		die("the path of the state directory is too long for a socket: %s", o->directory);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("cannot make a socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	close(fd);
	return -1;
}

bool control_ask(int fd, const char *line, char *answer, size_t size)
{
	size_t filled = 0;

	if (dprintf(fd, "%s\n", line) < 0)
		return false;
	for (;;) {
		ssize_t got = read(fd, answer + filled, size - 1 - filled);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		filled += (size_t)got;
		answer[filled] = '\0';
		if (answer[filled - 1] == '\n') {
			answer[filled - 1] = '\0';
			return true;
		}
		if (filled == size - 1)
			return false;
	}
}

void ask(const struct options *o, const char *name, const char *line, char *answer, size_t size)
{
	char error[PATH_BYTES];
	int fd = control_connect(o, name);

	if (fd < 0)
		die("no cluster is up in %s (meshach up starts one)", o->directory);
	if (!control_ask(fd, line, answer, size))
		die("the cluster in %s ended while it was asked", o->directory);
	close(fd);
	if (json_get_string(answer, "error", error, sizeof error) && answer[1] == '"' &&
	    answer[2] == 'e')
		die("%s", error);
}

bool print_last_lines(const char *path, unsigned int lines, FILE *err)
{
	char text[16384];
	FILE *file = fopen(path, "re");
	size_t got;
	char *at;

	if (file == NULL)
		return false;
	if (fseek(file, -(long)(sizeof text - 1), SEEK_END) != 0)
		rewind(file);
	got = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	while (got > 0 && (text[got - 1] == '\n' || text[got - 1] == '\r'))
		got--;
	if (got == 0)
		return false;
	text[got] = '\0';
	for (at = text + got; at > text; at--) {
		if (at[-1] == '\n' && --lines == 0)
			break;
	}
	fputs("  | ", err);
	for (; *at != '\0'; at++) {
		if (*at == '\n')
			fputs("\n  | ", err);
		else if (*at != '\r' && (*at >= ' ' || *at == '\t'))
			putc(*at, err);
	}
	putc('\n', err);
	return true;
}

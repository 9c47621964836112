/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control.c - commands to a running switch over a unix stream socket.
 *
 * A command is a line of words; its answer is one line of JSON, {"ok": true, ...} or {"error": "a
 * sentence"}. ports                                 counters and addresses of all ports open N |
 * close N                      make, remove a port attach | detach N                     a port for
 * a process on this host, freed when the connection ends link N up|down                        cut
 * a port's cable, mend it fault [port=N] [drop=P] [dup=P] [reorder=P] [seed=S]     percentages;
 * what is not named is as before capture PATH | capture-stop           all frames to a pcap file
 *   quit
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "json.h"
#include "netboot.h"

#define LINE_MAX_BYTES 4096u
#define WORDS 16

struct client {
	struct watcher watcher;
	char line[LINE_MAX_BYTES];
	size_t filled;
};

static void error_answer(FILE *out, const char *text)
{
	fputs("{\"error\": ", out);
	json_string(out, text);
	fputs("}", out);
}

/* The open port that a word names, or NULL after saying so. */
static struct sw_port *port_of(struct sw *sw, const char *word, FILE *out)
{
	unsigned long number = word == NULL ? 0 : strtoul(word, NULL, 10);

	if (number > 0 && number < SW_MAX_PORTS && sw->ports[number].used)
		return &sw->ports[number];
	error_answer(out, "no such port");
	return NULL;
}

static void print_port(struct sw *sw, struct sw_port *port, FILE *out)
{
	const struct sw_counters *c = &port->count;

	fprintf(out, "{\"port\": %u, \"link\": \"%s\", \"mac\": \"", port->number,
		port->link_up ? "up" : "down");
	for (int i = 0; i < 6 && port->mac_known; i++)
		fprintf(out, "%s%02x", i ? ":" : "", port->mac[i]);
	fputs("\", \"ip\": \"", out);
	if (port->address != 0)
		fprintf(out, "%u.%u.%u.%u", port->address >> 24, port->address >> 16 & 255,
			port->address >> 8 & 255, port->address & 255);
	fprintf(out,
		"\", \"in\": %lu, \"out\": %lu, \"in_bytes\": %lu, \"out_bytes\": %lu, "
		"\"dropped_full\": %lu, "
		"\"dropped_fault\": %lu, \"dropped_absent\": %lu, \"duplicated\": %lu, "
		"\"reordered\": %lu, \"queued\": %u",
		c->in, c->out, c->in_bytes, c->out_bytes, c->dropped_full, c->dropped_fault,
		c->dropped_absent, c->duplicated, c->reordered, port->queued);
	port->ops->describe(sw, port, out);
	fputs("}", out);
}

static void command_ports(struct sw *sw, FILE *out)
{
	const char *separator = "";

	fprintf(out, "{\"ok\": true, \"fabric\": \"%s\", \"ports\": [", sw->fabric->name);
	for (uint32_t i = 1; i < SW_MAX_PORTS; i++) {
		if (!sw->ports[i].used)
			continue;
		fputs(separator, out);
		print_port(sw, &sw->ports[i], out);
		separator = ", ";
	}
	fputs("]}", out);
}

static void command_open(struct sw *sw, uint32_t number, struct client *client, FILE *out)
{
	const char *error;
	struct sw_port *port = sw_port_open(sw, number, &error);

	if (port == NULL) {
		error_answer(out, error);
		return;
	}
	if (client != NULL) {
		port->owner = client;
		port->address = SUBNET | number;
	}
	fprintf(out, "{\"ok\": true, \"mtu\": 9000, \"address\": %u, \"netmask\": %u, \"port\": ",
		SUBNET | number, NETMASK);
	fprintf(out, "%u", number);
	port->ops->describe(sw, port, out);
	fputs("}", out);
}

/* The ports go round, so that a new process is not soon taken for the last one. */
static void command_attach(struct sw *sw, struct client *client, FILE *out)
{
	static uint32_t last = SW_PORT_HOSTED_LAST;

	for (uint32_t i = SW_PORT_HOSTED_FIRST; i <= SW_PORT_HOSTED_LAST; i++) {
		last = last == SW_PORT_HOSTED_LAST ? SW_PORT_HOSTED_FIRST : last + 1;
		if (!sw->ports[last].used) {
			command_open(sw, last, client, out);
			return;
		}
	}
	error_answer(out, "all ports for processes are in use");
}

static bool take_percent(const char *word, const char *name, uint32_t *chance, bool *good)
{
	size_t length = strlen(name);
	double percent;
	char *end;

	if (strncmp(word, name, length) != 0)
		return false;
	percent = strtod(word + length, &end);
	if (end == word + length || *end != '\0' || !(percent >= 0 && percent <= 100))
		*good = false;
	else
		*chance = (uint32_t)(percent * 10000 + 0.5);
	return true;
}

static void command_fault(struct sw *sw, char **words, int count, FILE *out)
{
	struct sw_fault *target = &sw->fault, wanted;
	struct sw_port *port;
	bool good = true;
	uint64_t seed = sw->seed;

	for (int i = 1; i < count; i++) {
		if (strncmp(words[i], "port=", 5) != 0)
			continue;
		if ((port = port_of(sw, words[i] + 5, out)) == NULL)
			return;
		target = &port->fault;
	}
	wanted = *target;
	for (int i = 1; i < count; i++) {
		if (strncmp(words[i], "seed=", 5) == 0)
			seed = strtoull(words[i] + 5, NULL, 10);
		else if (strncmp(words[i], "port=", 5) != 0 &&
			 !take_percent(words[i], "drop=", &wanted.drop, &good) &&
			 !take_percent(words[i], "dup=", &wanted.duplicate, &good) &&
			 !take_percent(words[i], "reorder=", &wanted.reorder, &good))
			good = false;
	}
	if (!good || (uint64_t)wanted.drop + wanted.duplicate + wanted.reorder > 1000000) {
		error_answer(out, "a fault is drop=, dup=, reorder= with percentages that sum to "
				  "at most 100, seed=, port=");
		return;
	}
	*target = wanted;
	sw_fault_seed(sw, seed);
	fputs("{\"ok\": true}", out);
}

static void command_capture(struct sw *sw, const char *path, FILE *out)
{
	const char *error = "a capture is running already";

	if (path == NULL)
		error = "capture wants a file";
	else if (sw->capture == NULL && (sw->capture = capture_start(path, &error)) != NULL) {
		fputs("{\"ok\": true}", out);
		return;
	}
	error_answer(out, error);
}

static void run_command(struct sw *sw, struct client *client, char *line, FILE *out)
{
	char *words[WORDS], *save;
	int count = 0;
	struct sw_port *port;

	for (char *w = strtok_r(line, " \r\n", &save); w != NULL && count < WORDS - 1;
	     w = strtok_r(NULL, " \r\n", &save))
		words[count++] = w;
	words[count] = NULL;
	if (count == 0) {
		error_answer(out, "an empty command");
	} else if (strcmp(words[0], "ports") == 0) {
		command_ports(sw, out);
	} else if (strcmp(words[0], "attach") == 0) {
		command_attach(sw, client, out);
	} else if (strcmp(words[0], "open") == 0) {
		command_open(sw, words[1] == NULL ? 0 : (uint32_t)strtoul(words[1], NULL, 10), NULL,
			     out);
	} else if (strcmp(words[0], "close") == 0 || strcmp(words[0], "detach") == 0) {
		if ((port = port_of(sw, words[1], out)) != NULL) {
			sw_port_close(sw, port);
			fputs("{\"ok\": true}", out);
		}
	} else if (strcmp(words[0], "link") == 0) {
		if ((port = port_of(sw, words[1], out)) != NULL) {
			port->link_up = words[2] == NULL || strcmp(words[2], "down") != 0;
			fputs("{\"ok\": true}", out);
		}
	} else if (strcmp(words[0], "fault") == 0) {
		command_fault(sw, words, count, out);
	} else if (strcmp(words[0], "capture") == 0) {
		command_capture(sw, words[1], out);
	} else if (strcmp(words[0], "capture-stop") == 0) {
		fprintf(out, "{\"ok\": true, \"frames\": %lu}",
			sw->capture != NULL ? capture_stop(sw->capture) : 0);
		sw->capture = NULL;
	} else if (strcmp(words[0], "quit") == 0) {
		sw->quit = true;
		fputs("{\"ok\": true}", out);
	} else {
		error_answer(out, "no such command");
	}
}

static void client_end(struct sw *sw, struct client *client)
{
	for (uint32_t i = 1; i < SW_MAX_PORTS; i++) {
		if (sw->ports[i].used && sw->ports[i].owner == client)
			sw_port_close(sw, &sw->ports[i]);
	}
	loop_unwatch(sw, &client->watcher);
	close(client->watcher.fd);
	free(client);
}

static void answer_line(struct sw *sw, struct client *client, char *line)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return;
	run_command(sw, client, line, out);
	putc('\n', out);
	fclose(out);
	/* A client that does not read its answer loses the rest of it. */
	(void)!send(client->watcher.fd, text, size, MSG_NOSIGNAL);
	free(text);
}

static void client_ready(struct sw *sw, struct watcher *watcher, uint32_t events)
{
	struct client *client = watcher->context;
	ssize_t got = recv(watcher->fd, client->line + client->filled,
			   sizeof client->line - 1 - client->filled, 0);
	char *end;

	if (got <= 0) {
		if (got == 0 || errno != EAGAIN)
			client_end(sw, client);
		return;
	}
	client->filled += (size_t)got;
	client->line[client->filled] = '\0';
	while ((end = strchr(client->line, '\n')) != NULL) {
		size_t used = (size_t)(end - client->line) + 1;

		*end = '\0';
		answer_line(sw, client, client->line);
		memmove(client->line, client->line + used, client->filled - used + 1);
		client->filled -= used;
	}
	if (client->filled == sizeof client->line - 1)
		client_end(sw, client);
}

static void listener_ready(struct sw *sw, struct watcher *watcher, uint32_t events)
{
	int fd = accept4(watcher->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *client;
	int size = 1 << 20;

	if (fd < 0)
		return;
	client = calloc(1, sizeof *client);
	if (client == NULL) {
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	client->watcher = (struct watcher){fd, client_ready, client};
	if (loop_watch(sw, &client->watcher, EPOLLIN) != NULL)
		client_end(sw, client);
}

const char *control_open(struct sw *sw, const char *path)
{
	static struct watcher listener;
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof address.sun_path)
		return "the control socket's path is too long";
	strcpy(address.sun_path, path);
	unlink(path);
	listener = (struct watcher){socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
				    listener_ready, NULL};
	if (listener.fd < 0 ||
	    bind(listener.fd, (struct sockaddr *)&address, sizeof address) != 0 ||
	    listen(listener.fd, 16) != 0)
		return strerror(errno);
	return loop_watch(sw, &listener, EPOLLIN);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* link_dgram.c - see link_dgram.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "hosted/link_dgram.h"

#define FRAME_MAX 65536u
#define BURST 64 /* frames of one step, before what is due is sent */

struct link_dgram {
	int in, out; /* out: connected to the peer's name, so that poll() knows when it has room */
	bool connected, full;
	struct sockaddr_un local, peer;
	struct roce *roce;
	void *memory;
	uint8_t frame[FRAME_MAX];
};

uint64_t link_dgram_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static enum roce_sent output(void *ctx, const struct np_sge *pieces, uint32_t count, uint32_t flags,
			     uint64_t cookie)
{
	struct link_dgram *link = ctx;
	struct iovec parts[ROCE_PIECES_MAX];
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };

	if (count > ROCE_PIECES_MAX)
		return ROCE_SENT_BAD;
	for (uint32_t i = 0; i < count; i++)
		parts[i] = (struct iovec){ (void *)(uintptr_t)pieces[i].base, pieces[i].length };
	/* A peer that was started anew has another socket under the same name: connect again, once. */
	for (int attempt = 0; attempt < 2; attempt++) {
		if (!link->connected)
			link->connected = connect(link->out, (struct sockaddr *)&link->peer,
						  sizeof(link->peer)) == 0;
		if (!link->connected || sendmsg(link->out, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			break; /* K1 */
		if (errno == EAGAIN || errno == ENOBUFS) {
			link->full = true;
			return ROCE_SENT_NO_ROOM; /* K2 */
		}
		link->connected = false;
	}
	return ROCE_SENT_COPIED;
}

static bool address_set(struct sockaddr_un *address, const char *path)
{
	address->sun_family = AF_UNIX;
	return snprintf(address->sun_path, sizeof(address->sun_path), "%s", path) <
	       (int)sizeof(address->sun_path);
}

struct link_dgram *link_dgram_open(const char *local, const char *peer,
				   const struct roce_config *config, const char **error)
{
	struct link_dgram *link = calloc(1, sizeof(*link));
	struct roce_config c = *config;
	int buffer = 4 << 20;
	size_t size;

	*error = "out of memory";
	if (link == NULL)
		return NULL;
	link->in = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	link->out = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (!address_set(&link->local, local) || !address_set(&link->peer, peer)) {
		*error = "the path of a socket is too long";
		goto close_link;
	}
	unlink(local);
	if (link->in < 0 || link->out < 0 ||
	    bind(link->in, (struct sockaddr *)&link->local, sizeof(link->local)) != 0) {
		*error = strerror(errno);
		goto close_link;
	}
	setsockopt(link->out, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	c.output = output;
	c.output_ctx = link;
	if (c.random[0] == 0 && c.random[1] == 0 &&
	    getrandom(c.random, sizeof(c.random), 0) != sizeof(c.random)) {
		*error = "no random numbers";
		goto close_link;
	}
	size = roce_memory_bytes(&c);
	link->memory = size ? aligned_alloc(64, size) : NULL;
	link->roce = link->memory ? roce_init(link->memory, size, &c) : NULL;
	if (link->roce == NULL) {
		if (size == 0)
			*error = "the engine's configuration is not possible";
		goto close_link;
	}
	return link;
close_link:
	link_dgram_close(link);
	return NULL;
}

void link_dgram_close(struct link_dgram *link)
{
	if (link->local.sun_path[0] != '\0')
		unlink(link->local.sun_path);
	if (link->in >= 0)
		close(link->in);
	if (link->out >= 0)
		close(link->out);
	free(link->memory);
	free(link);
}

struct roce *link_dgram_roce(struct link_dgram *link)
{
	return link->roce;
}

uint64_t link_dgram_step(struct link_dgram *link)
{
	ssize_t got;

	if (link->full) {
		link->full = false;
		roce_room(link->roce);
	}
	for (int i = 0; i < BURST && (got = recv(link->in, link->frame, FRAME_MAX, 0)) >= 0; i++)
		roce_input(link->roce, link->frame, (uint32_t)got, link_dgram_now());
	return roce_run(link->roce, link_dgram_now());
}

int link_dgram_poll(struct link_dgram *link, struct pollfd fds[2])
{
	fds[0] = (struct pollfd){ .fd = link->in, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = link->out, .events = POLLOUT };
	return link->full ? 2 : 1;
}

void link_dgram_wait(struct link_dgram *link, uint64_t until)
{
	uint64_t now = link_dgram_now(), deadline = roce_deadline(link->roce);
	struct pollfd fds[2];
	struct timespec wait;
	int count = link_dgram_poll(link, fds);

	if (deadline < until)
		until = deadline;
	until = until > now ? until - now : 0;
	wait = (struct timespec){ (time_t)(until / 1000000000u), (long)(until % 1000000000u) };
	if (until > 3600000000000u)
		wait = (struct timespec){ 3600, 0 };
	ppoll(fds, (nfds_t)count, &wait, NULL);
	link_dgram_step(link);
}

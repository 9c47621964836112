/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dgram.c - the fabric of unix datagram sockets, one frame a datagram: no root, and it survives a
 * peer's crash.
 *
 * Port N's peer (QEMU's `-netdev dgram`, or a process) binds DIR/nN and sends to DIR/sN, where we
 * receive. We send from a second socket that is connected to DIR/nN, so that the kernel tells when
 * a full peer has room, and that a new incarnation of the peer, bound to the same name, may send to
 * us at once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "switch.h"

#define BURST 16 /* frames from one port before the others get their turn */

struct dgram_port {
	struct watcher in, out;
	struct sockaddr_un self, peer;
	bool connected;
};

static const char *make_address(struct sw *sw, struct sockaddr_un *address, char side,
				uint32_t number)
{
	address->sun_family = AF_UNIX;
	if ((size_t)snprintf(address->sun_path, sizeof address->sun_path, "%s/%c%u", sw->directory,
			     side, number) >= sizeof address->sun_path)
		return "the path of the state directory is too long for a socket";
	return NULL;
}

static void receive(struct sw *sw, struct watcher *watcher, uint32_t events)
{
	static uint8_t frame[SW_FRAME_MAX];
	struct sw_port *port = watcher->context;

	for (int i = 0; i < BURST; i++) {
		ssize_t got = recv(watcher->fd, frame, sizeof frame, MSG_DONTWAIT);

		if (got < 0)
			return;
		sw_input(sw, port, frame, (uint32_t)got);
	}
}

static void room(struct sw *sw, struct watcher *watcher, uint32_t events)
{
	sw_port_ready(sw, watcher->context);
}

static const char *dgram_open(struct sw *sw, struct sw_port *port)
{
	struct dgram_port *d = calloc(1, sizeof *d);
	int size = 4 << 20;
	const char *error;

	if (d == NULL)
		return "out of memory";
	error = make_address(sw, &d->self, 's', port->number);
	if (error == NULL)
		error = make_address(sw, &d->peer, 'n', port->number);
	if (error != NULL)
		goto free_port;
	d->in = (struct watcher){socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
				 receive, port};
	d->out = (struct watcher){socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
				  room, port};
	unlink(d->self.sun_path);
	if (d->in.fd < 0 || d->out.fd < 0 ||
	    bind(d->in.fd, (struct sockaddr *)&d->self, sizeof d->self) != 0) {
		error = strerror(errno);
		goto close_sockets;
	}
	setsockopt(d->out.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	error = loop_watch(sw, &d->in, EPOLLIN);
	if (error == NULL)
		error = loop_watch(sw, &d->out, 0);
	if (error != NULL)
		goto close_sockets;
	port->fabric = d;
	return NULL;
close_sockets:
	close(d->in.fd);
	close(d->out.fd);
free_port:
	free(d);
	return error;
}

static void dgram_close(struct sw *sw, struct sw_port *port)
{
	struct dgram_port *d = port->fabric;

	unlink(d->self.sun_path);
	loop_unwatch(sw, &d->in);
	loop_unwatch(sw, &d->out);
	close(d->in.fd);
	close(d->out.fd);
	free(d);
}

static enum sw_sent dgram_send(struct sw *sw, struct sw_port *port, const uint8_t *frame,
			       uint32_t length)
{
	struct dgram_port *d = port->fabric;

	for (int attempt = 0; attempt < 2; attempt++) {
		if (!d->connected &&
		    connect(d->out.fd, (struct sockaddr *)&d->peer, sizeof d->peer) != 0)
			return SW_ABSENT;
		d->connected = true;
		if (send(d->out.fd, frame, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return SW_SENT;
		if (errno == EAGAIN || errno == ENOBUFS)
			return SW_BUSY;
		/* The peer is gone; a new one may have its name. */
		d->connected = false;
	}
	return SW_ABSENT;
}

static void dgram_want_ready(struct sw *sw, struct sw_port *port, bool want)
{
	struct dgram_port *d = port->fabric;

	loop_change(sw, &d->out, want ? EPOLLOUT : 0);
}

static void dgram_describe(struct sw *sw, struct sw_port *port, FILE *out)
{
	struct dgram_port *d = port->fabric;

	fprintf(out, ", \"local\": \"%s\", \"remote\": \"%s\"", d->peer.sun_path, d->self.sun_path);
}

const struct sw_fabric sw_fabric_dgram = {
	.name = "dgram",
	.open = dgram_open,
	.close = dgram_close,
	.send = dgram_send,
	.want_ready = dgram_want_ready,
	.describe = dgram_describe,
};

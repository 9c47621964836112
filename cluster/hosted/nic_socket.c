/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nic_socket.c - a network card (device/nic.h) that is a port of the switch: unix datagram sockets.
 *
 * Received frames lie in buffers made at open; transmitted ones are gathered and copied, so none is
 * held. What the switch has no room for within SEND_WAIT_MS is lost, as on a wire. Locking:
 * buffers.lock guards the free list; transmit has a lock of its own for its frame.
 */
#include <device/nic.h>
#include <device/virtio_net.h>
#include <errno.h>
#include <kern/assert.h>
#include <kern/lock.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hosted.h"
#include "kernel.h"

#define BUFFERS 512u
#define FRAME_BYTES (9000u + NIC_ETHERNET_BYTES)
#define SEND_WAIT_MS 20

struct buffer {
	struct buffer *next;
	uint8_t frame[FRAME_BYTES];
};

static struct {
	struct nic nic;
	int in, out;
	pthread_mutex_t buffers_lock, send_lock;
	struct buffer *free; /* buffers_lock */
	struct buffer buffers[BUFFERS];
} card = {
	.buffers_lock = PTHREAD_MUTEX_INITIALIZER,
	.send_lock = PTHREAD_MUTEX_INITIALIZER,
};

static struct buffer *take_buffer(void)
{
	struct buffer *b;

	pthread_mutex_lock(&card.buffers_lock);
	b = card.free;
	if (b != NULL)
		card.free = b->next;
	pthread_mutex_unlock(&card.buffers_lock);
	return b;
}

static void card_release(struct nic *n, void *buffer)
{
	struct buffer *b = buffer;

	pthread_mutex_lock(&card.buffers_lock);
	b->next = card.free;
	card.free = b;
	pthread_mutex_unlock(&card.buffers_lock);
}

static kern_return_t card_open(struct nic *n)
{
	for (uint32_t i = 0; i < BUFFERS; i++)
		card_release(n, &card.buffers[i]);
	hosted_interrupts_start(card.in, n);
	return KERN_SUCCESS;
}

static enum nic_sent card_transmit(struct nic *n, const struct nic_piece *pieces, uint32_t count,
				   uint32_t flags, uint64_t cookie)
{
	struct iovec vec[NIC_PIECES_MAX];
	struct msghdr message = {.msg_iov = vec, .msg_iovlen = count};
	uint32_t length = 0;
	ssize_t sent;

	if (count > NIC_PIECES_MAX)
		return NIC_BAD_FRAME;
	for (uint32_t i = 0; i < count; i++) {
		vec[i].iov_base = (void *)(uintptr_t)pieces[i].base;
		vec[i].iov_len = pieces[i].length;
		length += pieces[i].length;
	}
	if (length < NIC_ETHERNET_BYTES || length > FRAME_BYTES)
		return NIC_BAD_FRAME;
	sent = sendmsg(card.out, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
		struct pollfd room = {.fd = card.out, .events = POLLOUT};

		poll(&room, 1, SEND_WAIT_MS);
		sent = sendmsg(card.out, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	n->counters.tx_frames += sent >= 0;
	n->counters.tx_no_room += sent < 0;
	return NIC_SENT_COPIED;
}

static void card_flush(struct nic *n)
{
}

static uint32_t card_harvest(struct nic *n, uint32_t budget)
{
	uint32_t done = 0;

	while (done < budget) {
		struct buffer *b = take_buffer();
		ssize_t got;

		if (b == NULL) {
			n->counters.rx_no_buffer++;
			break;
		}
		got = recv(card.in, b->frame, sizeof(b->frame), MSG_DONTWAIT | MSG_TRUNC);
		if (got < (ssize_t)NIC_ETHERNET_BYTES || got > (ssize_t)sizeof(b->frame)) {
			card_release(n, b);
			if (got < 0)
				break;
			n->counters.rx_bad++;
			continue;
		}
		n->counters.rx_frames++;
		n->counters.rx_bytes += (uint64_t)got;
		n->user.input(n->user.ctx, b->frame, (uint32_t)got, b);
		done++;
	}
	return done;
}

static bool card_pending(const struct nic *n)
{
	struct pollfd ready = {.fd = card.in, .events = POLLIN};

	return poll(&ready, 1, 0) == 1;
}

static void card_interrupts(struct nic *n, bool on)
{
	/* The interrupt thread's poll is one of those that nic_poll() lets wait for each other. */
}

static const struct nic_ops card_ops = {
	.open = card_open,
	.transmit = card_transmit,
	.flush = card_flush,
	.harvest = card_harvest,
	.pending = card_pending,
	.release = card_release,
	.interrupts = card_interrupts,
};

/* nic_probe() looks for the machine's cards: here there are none but ours. */
void virtio_net_probe(void)
{
}

static int open_socket(const char *path, bool ours)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 4 << 20, result;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (ours)
		unlink(path);
	result = ours ? bind(fd, (struct sockaddr *)&address, sizeof(address))
		      : connect(fd, (struct sockaddr *)&address, sizeof(address));
	if (result == 0)
		return fd;
	close(fd);
	return -1;
}

const char *hosted_nic_open(const struct hosted_link *link)
{
	const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x4d, 0x01, (uint8_t)link->address};

	card.in = open_socket(link->local, true);
	card.out = open_socket(link->remote, false);
	if (card.in < 0 || card.out < 0)
		return "the switch's sockets cannot be opened";
	card.nic.ops = &card_ops;
	card.nic.name = "switch";
	card.nic.mtu = link->mtu;
	card.nic.rx_buffers = BUFFERS / 2;
	memcpy(card.nic.mac, mac, sizeof(mac));
	nic_register(&card.nic);
	return NULL;
}

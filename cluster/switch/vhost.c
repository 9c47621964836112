/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vhost.c - the fabric of vhost-user ports: DPDK's net_vhost shares the guests' memory, no system
 * call a frame.
 *
 * Port N listens on DIR/vN for QEMU's `-netdev vhost-user`. Frames come by polling; after a while
 * without any, the guests' kicks are enabled and the loop sleeps on their event descriptors
 * (loop.c). Ports for processes are datagram sockets as on the other fabric.
 *
 * Threads: DPDK's own thread notices that a guest came or went and only sets a flag and wakes the
 * loop (on_link). Key: [a] atomic, the rest belongs to the loop.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_vhost.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>

#include "switch.h"

#define BUFFERS 8191u
#define BUFFER_BYTES (RTE_PKTMBUF_HEADROOM + 9728u)
#define DESCRIPTORS 1024u
#define BURST 32u
#define TX_RING 1 /* the guest's transmit queue, in vhost's numbering */

struct vhost_port {
	uint16_t id;         /* of the Ethernet device */
	int vid;             /* of the guest; -1: none */
	struct watcher kick; /* fd -1: none */
	struct sw_port *port;
	_Atomic bool changed; /* [a] the guest came or went */
};

static struct rte_mempool *pool;
static struct watcher wake = {.fd = -1};
static struct vhost_port *ports[SW_MAX_PORTS];
static uint32_t port_count;

static void on_wake(struct sw *sw, struct watcher *watcher, uint32_t events)
{
	uint64_t count;

	(void)!read(watcher->fd, &count, sizeof count);
}

/* In DPDK's thread. */
static int on_link(uint16_t id, enum rte_eth_event_type type, void *context, void *ret)
{
	struct vhost_port *v = context;
	uint64_t one = 1;

	atomic_store(&v->changed, true);
	(void)!write(wake.fd, &one, sizeof one);
	return 0;
}

static const char *start_dpdk(struct sw *sw)
{
	static char *arguments[] = {"meshach-switch",
				    "--no-huge",
				    "--no-shconf",
				    "--no-telemetry",
				    "--no-pci",
				    "-l",
				    "0",
				    "-m",
				    "160",
				    "--log-level=3",
				    NULL};
	cpu_set_t cpus;
	int saved = sched_getaffinity(0, sizeof cpus, &cpus);

	if (pool != NULL)
		return NULL;
	for (int cpu = 0; saved == 0 && cpu < CPU_SETSIZE; cpu++) {
		static char first[8];

		if (CPU_ISSET(cpu, &cpus)) {
			snprintf(first, sizeof first, "%d", cpu);
			arguments[6] = first;
			break;
		}
	}
	if (rte_eal_init(10, arguments) < 0)
		return "DPDK did not start";
	/* DPDK binds the thread to one CPU: the scheduler knows better which is free. */
	if (saved == 0)
		sched_setaffinity(0, sizeof cpus, &cpus);
	pool = rte_pktmbuf_pool_create("frames", BUFFERS, 256, 0, BUFFER_BYTES, SOCKET_ID_ANY);
	if (pool == NULL)
		return "DPDK has no memory for frames";
	wake = (struct watcher){eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), on_wake, NULL};
	return wake.fd < 0 ? strerror(errno) : loop_watch(sw, &wake, EPOLLIN);
}

static const char *start_device(struct vhost_port *v)
{
	struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(v->id, &info) != 0)
		return "DPDK gives no information on the port";
	if (rte_eth_dev_configure(v->id, 1, 1, &conf) != 0 ||
	    rte_eth_rx_queue_setup(v->id, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL, pool) != 0 ||
	    rte_eth_tx_queue_setup(v->id, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL) != 0)
		return "DPDK cannot set the port up";
	rte_eth_dev_callback_register(v->id, RTE_ETH_EVENT_INTR_LSC, on_link, v);
	if (rte_eth_dev_start(v->id) != 0)
		return "DPDK cannot start the port (is its socket's path too long?)";
	return NULL;
}

static const char *vhost_open(struct sw *sw, struct sw_port *port)
{
	char name[32], device[256];
	struct vhost_port *v;
	const char *error = start_dpdk(sw);

	if (error != NULL)
		return error;
	v = calloc(1, sizeof *v);
	if (v == NULL)
		return "out of memory";
	v->vid = -1;
	v->kick.fd = -1;
	v->port = port;
	snprintf(name, sizeof name, "net_vhost%u", port->number);
	if ((size_t)snprintf(device, sizeof device, "%s/v%u", sw->directory, port->number) > 107) {
		error = "the path of the state directory is too long for a socket";
		goto free_port;
	}
	unlink(device);
	snprintf(device, sizeof device, "iface=%s/v%u,queues=1", sw->directory, port->number);
	if (rte_vdev_init(name, device) != 0 || rte_eth_dev_get_port_by_name(name, &v->id) != 0) {
		error = "DPDK cannot make the port";
		goto free_port;
	}
	error = start_device(v);
	if (error != NULL) {
		rte_vdev_uninit(name);
		goto free_port;
	}
	port->fabric = v;
	ports[port_count++] = v;
	return NULL;
free_port:
	free(v);
	return error;
}

static void drop_kick(struct sw *sw, struct vhost_port *v)
{
	if (v->kick.fd < 0)
		return;
	loop_unwatch(sw, &v->kick);
	close(v->kick.fd);
	v->kick.fd = -1;
}

static void vhost_close(struct sw *sw, struct sw_port *port)
{
	struct vhost_port *v = port->fabric;
	char name[32];

	drop_kick(sw, v);
	for (uint32_t i = 0; i < port_count; i++) {
		if (ports[i] == v)
			ports[i--] = ports[--port_count];
	}
	rte_eth_dev_callback_unregister(v->id, RTE_ETH_EVENT_INTR_LSC, on_link, v);
	rte_eth_dev_stop(v->id);
	snprintf(name, sizeof name, "net_vhost%u", port->number);
	rte_vdev_uninit(name);
	free(v);
}

/* The guest came or went: find its number and the descriptor of its kicks. */
static void guest_changed(struct sw *sw, struct vhost_port *v)
{
	struct rte_eth_link link;
	struct rte_vhost_vring ring;

	drop_kick(sw, v);
	v->vid = -1;
	if (rte_eth_link_get_nowait(v->id, &link) != 0 || link.link_status != RTE_ETH_LINK_UP)
		return;
	v->vid = rte_eth_vhost_get_vid_from_port_id(v->id);
	if (v->vid < 0 || rte_vhost_get_vhost_vring(v->vid, TX_RING, &ring) != 0 || ring.kickfd < 0)
		return;
	/* Our own descriptor of the same event: DPDK closes its when the guest goes. */
	v->kick = (struct watcher){dup(ring.kickfd), on_wake, NULL};
	if (v->kick.fd >= 0)
		loop_watch(sw, &v->kick, EPOLLIN);
}

static enum sw_sent vhost_send(struct sw *sw, struct sw_port *port, const uint8_t *frame,
			       uint32_t length)
{
	struct vhost_port *v = port->fabric;
	struct rte_mbuf *m;
	char *room;

	if (v->vid < 0)
		return SW_ABSENT;
	m = rte_pktmbuf_alloc(pool);
	if (m == NULL)
		return SW_BUSY;
	room = length <= UINT16_MAX ? rte_pktmbuf_append(m, (uint16_t)length) : NULL;
	if (room != NULL) {
		memcpy(room, frame, length);
		if (rte_eth_tx_burst(v->id, 0, &m, 1) == 1)
			return SW_SENT;
	}
	rte_pktmbuf_free(m);
	return room == NULL ? SW_ABSENT : SW_BUSY;
}

static void vhost_want_ready(struct sw *sw, struct sw_port *port, bool want)
{
	/* vhost_poll looks at every queue. */
}

static void receive(struct sw *sw, struct vhost_port *v, struct rte_mbuf **frames, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++) {
		struct rte_mbuf *m = frames[i];

		if (m->nb_segs == 1 || rte_pktmbuf_linearize(m) == 0)
			sw_input(sw, v->port, rte_pktmbuf_mtod(m, const uint8_t *),
				 rte_pktmbuf_pkt_len(m));
		rte_pktmbuf_free(m);
	}
}

static bool vhost_poll(struct sw *sw)
{
	struct rte_mbuf *frames[BURST];
	bool busy = false;

	for (uint32_t i = 0; i < port_count; i++) {
		struct vhost_port *v = ports[i];
		uint16_t count;

		if (atomic_exchange(&v->changed, false))
			guest_changed(sw, v);
		if (v->port->queued > 0)
			sw_port_ready(sw, v->port);
		count = rte_eth_rx_burst(v->id, 0, frames, BURST);
		if (count > 0) {
			receive(sw, v, frames, count);
			busy = true;
		}
	}
	return busy;
}

/* Returns false if a frame came between the last poll and the arming: then the loop must not sleep.
 */
static bool vhost_arm(struct sw *sw, bool on)
{
	for (uint32_t i = 0; i < port_count; i++) {
		if (ports[i]->vid >= 0)
			rte_vhost_enable_guest_notification(ports[i]->vid, TX_RING, on);
	}
	return !on || !vhost_poll(sw);
}

static bool vhost_waiting(struct sw *sw)
{
	for (uint32_t i = 0; i < port_count; i++) {
		if (ports[i]->port->queued > 0)
			return true;
	}
	return false;
}

static void vhost_describe(struct sw *sw, struct sw_port *port, FILE *out)
{
	fprintf(out, ", \"socket\": \"%s/v%u\"", sw->directory, port->number);
}

const struct sw_fabric sw_fabric_vhost = {
	.name = "vhost",
	.open = vhost_open,
	.close = vhost_close,
	.send = vhost_send,
	.want_ready = vhost_want_ready,
	.describe = vhost_describe,
	.poll = vhost_poll,
	.arm = vhost_arm,
	.waiting = vhost_waiting,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * switch.c - learn where addresses are, forward frames, keep bounded queues.
 *
 * Interface: switch.h. A frame comes in by sw_input, is captured, teaches its source's port, and
 * goes to the port of its destination, or to all others when that is a group or unknown. Invariants
 * I1, I2: switch.h.
 */
#include "switch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bytes.h"

uint64_t sw_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

struct sw_port *sw_port_open(struct sw *sw, uint32_t number, const char **error)
{
	struct sw_port *port;

	if (number == 0 || number >= SW_MAX_PORTS || number == SW_PORT_BOOT) {
		*error = "no such port";
		return NULL;
	}
	port = &sw->ports[number];
	if (port->used) {
		*error = "the port is in use";
		return NULL;
	}
	memset(port, 0, sizeof *port);
	port->number = number;
	port->link_up = true;
	port->ops = number >= SW_PORT_HOSTED_FIRST ? &sw_fabric_dgram : sw->fabric;
	port->queue = calloc(SW_QUEUE_FRAMES, sizeof port->queue[0]);
	if (port->queue == NULL) {
		*error = "out of memory";
		return NULL;
	}
	*error = port->ops->open(sw, port);
	if (*error != NULL) {
		free(port->queue);
		return NULL;
	}
	port->used = true;
	for (uint32_t i = 0; i < SW_MAX_PORTS; i++) {
		port->random[i] = 0;
		sw->ports[i].random[number] = 0;
	}
	return port;
}

void sw_port_close(struct sw *sw, struct sw_port *port)
{
	port->ops->close(sw, port);
	for (; port->queued > 0; port->queued--) {
		free(port->queue[port->head].data);
		port->head = (port->head + 1) % SW_QUEUE_FRAMES;
	}
	free(port->queue);
	free(port->held.data);
	port->held.data = NULL;
	port->used = false;
	for (uint32_t i = 0; i < SW_MAC_SLOTS; i++) {
		if (sw->macs[i].port == port->number)
			sw->macs[i].port = 0;
	}
}

static uint32_t mac_slot(const uint8_t *mac)
{
	uint64_t v = (uint64_t)get16(mac) << 32 | get32(mac + 2);

	return (uint32_t)(v * 0x9e3779b97f4a7c15ull >> 52) % SW_MAC_SLOTS;
}

/* The slot of an address, or the free one where it would go; NULL: the neighbourhood is full. */
static uint8_t *mac_find(struct sw *sw, const uint8_t *mac, bool make)
{
	uint32_t at = mac_slot(mac);

	for (uint32_t i = 0; i < 16; i++, at = (at + 1) % SW_MAC_SLOTS) {
		if (sw->macs[at].port != 0 && memcmp(sw->macs[at].mac, mac, ETH_ADDR) == 0)
			return &sw->macs[at].port;
	}
	if (!make)
		return NULL;
	at = mac_slot(mac);
	for (uint32_t i = 0; i < 16; i++, at = (at + 1) % SW_MAC_SLOTS) {
		if (sw->macs[at].port == 0) {
			memcpy(sw->macs[at].mac, mac, ETH_ADDR);
			return &sw->macs[at].port;
		}
	}
	return NULL;
}

static void learn(struct sw *sw, struct sw_port *from, const uint8_t *mac)
{
	struct sw_port *old;
	uint8_t *where;

	if (mac[0] & 1)
		return;
	if (from->mac_known && memcmp(from->mac, mac, ETH_ADDR) == 0)
		return;
	where = mac_find(sw, mac, true);
	if (where == NULL)
		return;
	/* Who had it before learns it again with its next frame, else it would be cut off for good. */
	old = &sw->ports[*where];
	if (*where != from->number && old->mac_known && memcmp(old->mac, mac, ETH_ADDR) == 0)
		old->mac_known = false;
	*where = (uint8_t)from->number;
	memcpy(from->mac, mac, ETH_ADDR);
	from->mac_known = true;
}

static void enqueue(struct sw *sw, struct sw_port *to, const uint8_t *frame, uint32_t length)
{
	struct sw_queued *slot;
	uint8_t *copy;

	/* I2 */
	if (to->queued == SW_QUEUE_FRAMES || (copy = malloc(length)) == NULL) {
		to->count.dropped_full++;
		return;
	}
	memcpy(copy, frame, length);
	slot = &to->queue[(to->head + to->queued) % SW_QUEUE_FRAMES];
	slot->data = copy;
	slot->length = length;
	if (to->queued++ == 0)
		to->ops->want_ready(sw, to, true);
}

/* Returns false if the peer has no room now. */
static bool try_send(struct sw *sw, struct sw_port *to, const uint8_t *frame, uint32_t length)
{
	switch (to->ops->send(sw, to, frame, length)) {
	case SW_SENT:
		to->count.out++;
		to->count.out_bytes += length;
		return true;
	case SW_ABSENT:
		to->count.dropped_absent++;
		return true;
	case SW_BUSY:
		break;
	}
	return false;
}

void sw_output(struct sw *sw, struct sw_port *to, const uint8_t *frame, uint32_t length)
{
	if (!to->link_up)
		to->count.dropped_fault++;
	else if (to->queued > 0 || !try_send(sw, to, frame, length))
		enqueue(sw, to, frame, length);
}

void sw_port_ready(struct sw *sw, struct sw_port *port)
{
	while (port->queued > 0) {
		struct sw_queued *first = &port->queue[port->head];

		if (!try_send(sw, port, first->data, first->length))
			return;
		free(first->data);
		port->head = (port->head + 1) % SW_QUEUE_FRAMES;
		port->queued--;
	}
	port->ops->want_ready(sw, port, false);
}

static void release_held(struct sw *sw, struct sw_port *port)
{
	uint8_t *data = port->held.data;

	if (data == NULL)
		return;
	port->held.data = NULL;
	sw_output(sw, port, data, port->held.length);
	free(data);
}

static void forward(struct sw *sw, struct sw_port *from, struct sw_port *to, const uint8_t *frame,
		    uint32_t length)
{
	uint8_t *copy;

	switch (sw_fault_roll(sw, from, to)) {
	case FATE_DROP:
		to->count.dropped_fault++;
		return;
	case FATE_REORDER:
		if (to->held.data == NULL && (copy = malloc(length)) != NULL) {
			memcpy(copy, frame, length);
			to->held = (struct sw_queued){.length = length, .data = copy};
			to->held_until = sw->now_ns + SW_REORDER_NS;
			to->count.reordered++;
			return;
		}
		break;
	case FATE_DUPLICATE:
		to->count.duplicated++;
		sw_output(sw, to, frame, length);
		break;
	case FATE_PASS:
		break;
	}
	sw_output(sw, to, frame, length);
	release_held(sw, to);
}

/*
 * Purpose: take a frame from a port's peer.
 * Conditions: frame is not kept. sw->now_ns is of this round.
 */
void sw_input(struct sw *sw, struct sw_port *from, const uint8_t *frame, uint32_t length)
{
	uint8_t *where;

	if (length < ETH_HEADER || !from->link_up)
		return;
	from->count.in++;
	from->count.in_bytes += length;
	if (sw->capture != NULL)
		capture_frame(sw->capture, frame, length);
	learn(sw, from, frame + ETH_ADDR);
	where = frame[0] & 1 ? NULL : mac_find(sw, frame, false);
	if (where != NULL) {
		if (*where != from->number)
			forward(sw, from, &sw->ports[*where], frame, length);
		return;
	}
	if (sw->netboot != NULL && netboot_input(sw->netboot, from, frame, length))
		return;
	for (uint32_t i = 1; i < SW_MAX_PORTS; i++) {
		struct sw_port *to = &sw->ports[i];

		if (to->used && to != from) /* I1 */
			forward(sw, from, to, frame, length);
	}
}

int64_t sw_timers(struct sw *sw)
{
	int64_t next = -1;

	for (uint32_t i = 1; i < SW_MAX_PORTS; i++) {
		struct sw_port *port = &sw->ports[i];

		if (!port->used || port->held.data == NULL)
			continue;
		if (port->held_until <= sw->now_ns)
			release_held(sw, port);
		else if (next < 0 || (int64_t)(port->held_until - sw->now_ns) < next)
			next = (int64_t)(port->held_until - sw->now_ns);
	}
	return next;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arp.c - who has which address (RFC 826).
 *
 *   FREE -> ASKED (a request was sent, again after 20 ms, 40 ms ... 1 s) -> KNOWN (for good; a QP
 *   without answers asks again). An entry that no QP uses may be taken for another address.
 *
 * Invariants: A1 only addresses of our subnet, never our own or the broadcast address.
 *             A2 an unasked ARP frame updates an entry but makes none, unless it is a request to us.
 */
#include "roce/roce_impl.h"

#define ASK_FIRST_NS 20000000u
#define ASK_DOUBLINGS 6
#define ASK_UNUSED_TRIES 5

static bool usable(const struct roce *r, np_addr_t addr)
{
	np_addr_t host = ~r->config.netmask;

	return (addr & r->config.netmask) == (r->config.self & r->config.netmask) &&
	       addr != r->config.self && (addr & host) != host && (addr & host) != 0;
}

static struct roce_neighbour *find(struct roce *r, np_addr_t addr)
{
	uint32_t count = r->config.neighbours, at = addr % count;

	for (uint32_t i = 0; i < count; i++, at = at + 1 == count ? 0 : at + 1)
		if (r->neighbours[at].state != ROCE_N_FREE && r->neighbours[at].addr == addr)
			return &r->neighbours[at];
	return NULL;
}

static void forget(struct roce *r, struct roce_neighbour *n)
{
	if (n->waiting != NULL)
		roce_buffer_free(r, n->waiting);
	if (n->state == ROCE_N_ASKED)
		r->neighbours_asked--;
	*n = (struct roce_neighbour){ .state = ROCE_N_FREE };
}

/* An entry for addr, near its place: free, or the least recently used that no QP holds. */
static struct roce_neighbour *make(struct roce *r, np_addr_t addr)
{
	uint32_t count = r->config.neighbours, at = addr % count;
	struct roce_neighbour *best = NULL;

	for (uint32_t i = 0; i < count; i++, at = at + 1 == count ? 0 : at + 1) {
		struct roce_neighbour *n = &r->neighbours[at];

		if (n->references > 0)
			continue;
		if (n->state == ROCE_N_FREE) {
			best = n;
			break;
		}
		if (best == NULL || n->used_ns < best->used_ns)
			best = n;
	}
	if (best != NULL) {
		forget(r, best);
		best->addr = addr;
	}
	return best;
}

static void arp_output(struct roce *r, uint32_t operation, const uint8_t to[6],
		       const uint8_t target_mac[6], np_addr_t target)
{
	struct {
		struct wire_ethernet ethernet;
		struct wire_arp arp;
	} frame;

	memcpy(frame.ethernet.destination, to, 6);
	memcpy(frame.ethernet.source, r->config.mac, 6);
	frame.ethernet.type = be16_put(WIRE_TYPE_ARP);
	frame.arp.hardware = be16_put(WIRE_ARP_ETHERNET);
	frame.arp.protocol = be16_put(WIRE_TYPE_IPV4);
	frame.arp.hardware_length = 6;
	frame.arp.protocol_length = 4;
	frame.arp.operation = be16_put(operation);
	memcpy(frame.arp.sender_mac, r->config.mac, 6);
	frame.arp.sender = be32_put(r->config.self);
	memcpy(frame.arp.target_mac, target_mac, 6);
	frame.arp.target = be32_put(target);
	roce_output_pieces(r, &(struct np_sge){ &frame, sizeof(frame) }, 1);
}

void roce_neighbour_ask(struct roce *r, struct roce_neighbour *n, uint64_t now_ns)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 }, none[6];
	uint32_t doublings = n->tries < ASK_DOUBLINGS ? n->tries : ASK_DOUBLINGS;

	roce_count(r, arp_requests);
	arp_output(r, WIRE_ARP_REQUEST, all, none, n->addr);
	n->tries++;
	n->ask_ns = now_ns + ((uint64_t)ASK_FIRST_NS << doublings);
	if (n->state == ROCE_N_ASKED && n->ask_ns < r->next_ns)
		r->next_ns = n->ask_ns;
}

struct roce_neighbour *roce_neighbour_get(struct roce *r, np_addr_t addr, uint64_t now_ns)
{
	struct roce_neighbour *n;

	if (!usable(r, addr))
		return NULL;
	n = find(r, addr);
	if (n == NULL) {
		n = make(r, addr);
		if (n == NULL)
			return NULL;
		n->state = ROCE_N_ASKED;
		r->neighbours_asked++;
		roce_neighbour_ask(r, n, now_ns);
	}
	n->used_ns = now_ns;
	return n;
}

void roce_neighbour_learn(struct roce *r, np_addr_t addr, const uint8_t mac[6], bool create,
			  uint64_t now_ns)
{
	struct roce_neighbour *n;
	struct roce_buffer *waiting;

	if (!usable(r, addr) || (mac[0] & 1) != 0)
		return;
	n = find(r, addr);
	if (n == NULL && create) {
		n = make(r, addr);
		if (n != NULL)
			n->used_ns = now_ns;
	}
	if (n == NULL)
		return;
	memcpy(n->mac, mac, 6);
	n->tries = 0;
	if (n->state == ROCE_N_KNOWN)
		return;
	if (n->state == ROCE_N_ASKED)
		r->neighbours_asked--;
	n->state = ROCE_N_KNOWN;
	waiting = n->waiting;
	n->waiting = NULL;
	if (waiting != NULL) {
		roce_datagram_output(r, addr, n->mac, waiting->data, waiting->event.length);
		roce_buffer_free(r, waiting);
	}
	for (uint32_t i = 0; n->references > 0 && i < r->config.qps; i++)
		if (r->qps[i].neighbour == n)
			roce_qp_ready(r, &r->qps[i]);
}

void roce_arp_input(struct roce *r, const uint8_t *frame, uint32_t length, uint64_t now_ns)
{
	const struct wire_arp *arp = (const void *)(frame + sizeof(struct wire_ethernet));
	uint32_t operation;
	np_addr_t sender;
	bool to_us;

	if (length < sizeof(struct wire_ethernet) + sizeof(*arp) ||
	    be16_get(arp->hardware) != WIRE_ARP_ETHERNET || be16_get(arp->protocol) != WIRE_TYPE_IPV4 ||
	    arp->hardware_length != 6 || arp->protocol_length != 4) {
		roce_count(r, drop_arp);
		return;
	}
	operation = be16_get(arp->operation);
	sender = be32_get(arp->sender);
	to_us = be32_get(arp->target) == r->config.self;
	if ((operation != WIRE_ARP_REQUEST && operation != WIRE_ARP_REPLY) ||
	    (arp->sender_mac[0] & 1) != 0) {
		roce_count(r, drop_arp);
		return;
	}
	if (sender == r->config.self) {
		if (memcmp(arp->sender_mac, r->config.mac, 6) != 0)
			roce_count(r, arp_conflict);
		return;
	}
	roce_neighbour_learn(r, sender, arp->sender_mac, to_us && operation == WIRE_ARP_REQUEST, now_ns);
	if (to_us && operation == WIRE_ARP_REQUEST) {
		roce_count(r, arp_replies);
		arp_output(r, WIRE_ARP_REPLY, arp->sender_mac, arp->sender_mac, sender);
	}
}

uint64_t roce_neighbours_run(struct roce *r, uint64_t now_ns)
{
	uint64_t next = ROCE_NEVER;

	for (uint32_t i = 0; r->neighbours_asked != 0 && i < r->config.neighbours; i++) {
		struct roce_neighbour *n = &r->neighbours[i];

		if (n->state != ROCE_N_ASKED)
			continue;
		if (n->ask_ns <= now_ns) {
			if (n->references == 0 && n->tries >= ASK_UNUSED_TRIES) {
				forget(r, n);
				continue;
			}
			roce_neighbour_ask(r, n, now_ns);
		}
		if (n->ask_ns < next)
			next = n->ask_ns;
	}
	return next;
}

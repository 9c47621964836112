/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ip.c - IPv4 in and out: the checks of every packet, echo, datagrams; RoCE goes on to the QPs.
 *
 * Invariants: P1 options and fragments are refused: nobody sends them on our fabrics, and an ICRC
 *   covers a plain header. P2 what an upper layer sees lies within the frame, whatever the header said.
 * References: RFC 791, 768, 792, 1071.
 */
#include <base/crc32.h>

#include "roce/roce_impl.h"

/* The sum of 16-bit words, not folded; n even unless it is the end. */
uint32_t roce_sum(uint32_t sum, const void *bytes, uint32_t n)
{
	const uint8_t *at = bytes;

	for (; n > 1; n -= 2, at += 2)
		sum += (uint32_t)at[0] << 8 | at[1];
	if (n > 0)
		sum += (uint32_t)at[0] << 8;
	return sum;
}

uint16_t roce_sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint32_t pseudo_sum(np_addr_t a, np_addr_t b, uint32_t protocol, uint32_t length)
{
	return (a >> 16) + (a & 0xffff) + (b >> 16) + (b & 0xffff) + protocol + length;
}

static void head_fill(struct roce *r, struct wire_ethernet *ethernet, struct wire_ipv4 *ip,
		      const uint8_t mac[6], np_addr_t to, uint8_t protocol, uint32_t ip_length)
{
	memcpy(ethernet->destination, mac, 6);
	memcpy(ethernet->source, r->config.mac, 6);
	ethernet->type = be16_put(WIRE_TYPE_IPV4);
	memset(ip, 0, sizeof(*ip));
	ip->version_length = 0x45;
	ip->length = be16_put(ip_length);
	ip->fragment = be16_put(WIRE_IPV4_DONT_FRAGMENT);
	ip->ttl = 64;
	ip->protocol = protocol;
	ip->source = be32_put(r->config.self);
	ip->destination = be32_put(to);
	ip->checksum = be16_put(~roce_sum_fold(roce_sum(0, ip, sizeof(*ip))));
}

/* Sends header and data; longer than ROCE_COPY_BYTES, through a transmit buffer. */
static bool output_two(struct roce *r, const void *head, uint32_t head_length, const void *data,
		       uint32_t length)
{
	struct np_sge pieces[2] = { { head, head_length }, { data, length } };
	uint32_t buffer;

	if (head_length + length <= ROCE_COPY_BYTES)
		return roce_output_pieces(r, pieces, length ? 2 : 1);
	if (head_length + length > r->frame_max)
		return false;
	buffer = roce_transmit_buffer_get(r);
	if (buffer == UINT32_MAX)
		return false;
	memcpy(r->transmit[buffer].data, head, head_length);
	memcpy(r->transmit[buffer].data + head_length, data, length);
	return roce_output_buffer(r, buffer, head_length + length);
}

bool roce_datagram_output(struct roce *r, np_addr_t to, const uint8_t mac[6], const void *data,
			  uint32_t length)
{
	struct {
		struct wire_ethernet ethernet;
		struct wire_ipv4 ip;
		struct wire_udp udp;
	} head;
	uint32_t udp_length = sizeof(head.udp) + length;
	uint16_t sum;

	head_fill(r, &head.ethernet, &head.ip, mac, to, WIRE_PROTOCOL_UDP,
		  sizeof(head.ip) + udp_length);
	head.udp.source = head.udp.destination = be16_put(r->config.datagram_port);
	head.udp.length = be16_put(udp_length);
	head.udp.checksum = be16_put(0);
	sum = ~roce_sum_fold(roce_sum(roce_sum(pseudo_sum(r->config.self, to, WIRE_PROTOCOL_UDP,
							  udp_length),
					       &head.udp, sizeof(head.udp)), data, length));
	head.udp.checksum = be16_put(sum ? sum : 0xffff); /* 0 would say: none */
	if (!output_two(r, &head, sizeof(head), data, length))
		return false;
	roce_count(r, datagrams_out);
	return true;
}

int roce_datagram_send(struct roce *r, np_addr_t to, const void *data, uint32_t length,
		       uint64_t now_ns)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	struct roce_neighbour *n;

	if (length > ROCE_DATAGRAM_MAX)
		return NP_E_INVALID;
	if (to == NP_ADDR_BROADCAST)
		return roce_datagram_output(r, to, all, data, length) ? NP_OK : NP_E_AGAIN;
	n = roce_neighbour_get(r, to, now_ns);
	if (n == NULL)
		return NP_E_INVALID;
	if (n->state == ROCE_N_KNOWN)
		return roce_datagram_output(r, to, n->mac, data, length) ? NP_OK : NP_E_AGAIN;
	/* One waits for the answer; a newer one takes its place. */
	if (n->waiting == NULL)
		n->waiting = roce_buffer_get(r, length);
	if (n->waiting == NULL)
		return NP_E_AGAIN;
	memcpy(n->waiting->data, data, length);
	n->waiting->event.length = length;
	return NP_OK;
}

static void icmp_input(struct roce *r, const uint8_t *frame, const struct wire_ipv4 *ip,
		       const uint8_t *body, uint32_t length)
{
	const struct wire_icmp *icmp = (const void *)body;
	struct {
		struct wire_ethernet ethernet;
		struct wire_ipv4 ip;
		struct wire_icmp icmp;
	} head;

	if (length < sizeof(*icmp) || icmp->type != WIRE_ICMP_ECHO_REQUEST || icmp->code != 0 ||
	    roce_sum_fold(roce_sum(0, body, length)) != 0xffff ||
	    be32_get(ip->destination) != r->config.self) {
		roce_count(r, drop_icmp);
		return;
	}
	roce_count(r, icmp_echoes);
	head_fill(r, &head.ethernet, &head.ip, ((const struct wire_ethernet *)frame)->source,
		  be32_get(ip->source), WIRE_PROTOCOL_ICMP, sizeof(head.ip) + length);
	head.icmp = *icmp;
	head.icmp.type = WIRE_ICMP_ECHO_REPLY;
	head.icmp.checksum = be16_put(0);
	head.icmp.checksum = be16_put(~roce_sum_fold(roce_sum(roce_sum(0, &head.icmp, sizeof(head.icmp)),
							      body + sizeof(*icmp),
							      length - sizeof(*icmp))));
	output_two(r, &head, sizeof(head), body + sizeof(*icmp), length - (uint32_t)sizeof(*icmp));
}

static void datagram_input(struct roce *r, const uint8_t *frame, const struct wire_ipv4 *ip,
			   const struct wire_udp *udp, uint32_t length, uint64_t now_ns)
{
	uint32_t data_length = length - sizeof(*udp);
	np_addr_t from = be32_get(ip->source);
	struct roce_buffer *b;

	if (be16_get(udp->checksum) != 0 &&
	    roce_sum_fold(roce_sum(pseudo_sum(from, be32_get(ip->destination), WIRE_PROTOCOL_UDP, length),
				   udp, length)) != 0xffff) {
		roce_count(r, drop_udp_checksum);
		return;
	}
	if (data_length > ROCE_DATAGRAM_MAX || from == r->config.self) {
		roce_count(r, drop_datagram);
		return;
	}
	roce_neighbour_learn(r, from, ((const struct wire_ethernet *)frame)->source, true, now_ns);
	b = roce_buffer_get(r, data_length);
	if (b == NULL) {
		roce_count(r, drop_no_buffer);
		return;
	}
	roce_count(r, datagrams_in);
	memcpy(b->data, udp + 1, data_length);
	b->event = (struct np_event){ .kind = NP_EV_DATAGRAM, .qp = NP_QP_NONE,
				      .length = data_length, .from = from };
	roce_event_buffer(r, b);
}

/* The next packet of this QP whose headers up to the BTH are the same need not be looked at again. */
static void head_remember(struct roce_qp *qp, const struct wire_head *head, uint32_t crc)
{
	qp->heard_length = be16_get(head->ipv4.length);
	qp->heard_crc = crc;
	memcpy(qp->heard, head, sizeof(qp->heard));
}

/*
 * length bytes from the BTH on; route: the ICRC's state before it. remember: the headers before it were
 * found good just now.
 */
static void roce_packet_input(struct roce *r, const struct wire_head *head, uint32_t length,
			      uint32_t route, bool remember, uint64_t now_ns)
{
	struct roce_packet p = { .head = head, .headers = (const uint8_t *)(&head->bth + 1) };
	const uint8_t *trailer;
	uint32_t pad, crc, rest;
	struct roce_qp *qp;

	if (length < sizeof(head->bth) + WIRE_ICRC_BYTES) {
		roce_count(r, drop_bth_short);
		return;
	}
	rest = length - sizeof(head->bth) - WIRE_ICRC_BYTES; /* headers, payload, pad */
	trailer = p.headers + rest;
	crc = ~crc32_update(roce_icrc_bth(route, &head->bth), p.headers, rest);
	if (crc != ((uint32_t)trailer[0] | (uint32_t)trailer[1] << 8 | (uint32_t)trailer[2] << 16 |
		    (uint32_t)trailer[3] << 24)) {
		roce_count(r, drop_icrc);
		return;
	}
	if ((head->bth.flags & WIRE_BTH_VERSION_MASK) != 0) {
		roce_count(r, drop_bth_version);
		return;
	}
	p.opcode = &roce_opcodes[head->bth.opcode & 31];
	if (head->bth.opcode >= 32 || (p.opcode->flags & OP_KNOWN) == 0) {
		roce_count(r, drop_opcode);
		return;
	}
	if ((be16_get(head->bth.pkey) & WIRE_PKEY_MASK) != (WIRE_PKEY_DEFAULT & WIRE_PKEY_MASK)) {
		roce_count(r, drop_pkey);
		return;
	}
	pad = (head->bth.flags & WIRE_BTH_PAD_MASK) >> WIRE_BTH_PAD_SHIFT;
	if (rest < p.opcode->headers + pad ||
	    ((p.opcode->flags & OP_PAYLOAD) == 0 && rest != p.opcode->headers)) {
		roce_count(r, drop_length);
		return;
	}
	p.payload = p.headers + p.opcode->headers;
	p.length = rest - p.opcode->headers - pad;
	p.psn = be24_get(head->bth.psn);
	p.from = be32_get(head->ipv4.source);
	p.ack_request = (head->bth.ack_request & WIRE_BTH_ACK_REQUEST) != 0;
	qp = roce_qp_of_number(r, be24_get(head->bth.qpn));
	if (qp == NULL) {
		roce_count(r, drop_qpn);
		return;
	}
	if (qp->state != ROCE_QP_READY) {
		roce_count(r, drop_qp_state);
		return;
	}
	if (p.from != qp->remote.addr) {
		roce_count(r, drop_source);
		return;
	}
	if (p.length > qp->mtu) {
		roce_count(r, drop_length);
		return;
	}
	if (remember && p.opcode->kind == KIND_SEND)
		head_remember(qp, head, route);
	if (p.opcode->flags & OP_REQUEST)
		roce_request_input(r, qp, &p, now_ns);
	else if (p.opcode->kind == KIND_ACK)
		roce_ack_input(r, qp, &p, now_ns);
	else
		roce_read_response_input(r, qp, &p, now_ns);
}

bool roce_packet_input_again(struct roce *r, const uint8_t *frame, uint32_t length, uint64_t now_ns)
{
	const struct wire_head *head = (const void *)frame;
	uint64_t a[sizeof(((struct roce_qp *)0)->heard) / 8], b[sizeof(a) / 8];
	const struct roce_qp *qp;
	uint16_t c, d;

	_Static_assert(sizeof(a) + sizeof(c) == sizeof(qp->heard), "the words cover what is compared");
	if (length < sizeof(*head))
		return false;
	qp = roce_qp_of_number(r, be24_get(head->bth.qpn));
	if (qp == NULL || qp->heard_length == 0 || length < sizeof(head->ethernet) + qp->heard_length)
		return false;
	memcpy(a, frame, sizeof(a));
	memcpy(b, qp->heard, sizeof(b));
	memcpy(&c, frame + sizeof(a), sizeof(c));
	memcpy(&d, qp->heard + sizeof(b), sizeof(d));
	if (((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4]) | (uint64_t)(c ^ d)) != 0)
		return false;
	roce_packet_input(r, head, qp->heard_length - (uint32_t)(sizeof(head->ipv4) + sizeof(head->udp)),
			  qp->heard_crc, false, now_ns);
	return true;
}

static void udp_input(struct roce *r, const uint8_t *frame, uint32_t length, uint64_t now_ns)
{
	const struct wire_head *head = (const void *)frame;
	uint32_t udp_length, port;
	bool to_us = be32_get(head->ipv4.destination) == r->config.self;

	if (length < sizeof(head->udp)) {
		roce_count(r, drop_udp_length);
		return;
	}
	udp_length = be16_get(head->udp.length);
	if (udp_length < sizeof(head->udp) || udp_length > length) {
		roce_count(r, drop_udp_length);
		return;
	}
	port = be16_get(head->udp.destination);
	if (port == WIRE_PORT_ROCE && to_us && udp_length == length &&
	    (head->ethernet.destination[0] & 1) == 0)
		roce_packet_input(r, head, udp_length - (uint32_t)sizeof(head->udp), roce_icrc_route(head), true,
				  now_ns);
	else if (port == r->config.datagram_port)
		datagram_input(r, frame, &head->ipv4, &head->udp, udp_length, now_ns);
	else
		roce_count(r, drop_udp_port);
}

void roce_ip_input(struct roce *r, const uint8_t *frame, uint32_t length, uint64_t now_ns)
{
	const struct wire_ipv4 *ip = (const void *)(frame + sizeof(struct wire_ethernet));
	const uint8_t *body = (const uint8_t *)(ip + 1);
	np_addr_t to, from;
	uint32_t ip_length;

	length -= sizeof(struct wire_ethernet);
	if (length < sizeof(*ip) || ip->version_length != 0x45) {
		roce_count(r, drop_ip_header);
		return;
	}
	if (roce_sum_fold(roce_sum(0, ip, sizeof(*ip))) != 0xffff) {
		roce_count(r, drop_ip_checksum);
		return;
	}
	ip_length = be16_get(ip->length);
	if (ip_length < sizeof(*ip) || ip_length > length) {
		roce_count(r, drop_ip_length);
		return;
	}
	if ((be16_get(ip->fragment) & ~WIRE_IPV4_DONT_FRAGMENT) != 0) {
		roce_count(r, drop_ip_fragment);
		return;
	}
	to = be32_get(ip->destination);
	from = be32_get(ip->source);
	if ((to != r->config.self && to != NP_ADDR_BROADCAST &&
	     to != (r->config.self | ~r->config.netmask)) ||
	    (from & r->config.netmask) != (r->config.self & r->config.netmask)) {
		roce_count(r, drop_ip_address);
		return;
	}
	ip_length -= sizeof(*ip);
	if (ip->protocol == WIRE_PROTOCOL_UDP)
		udp_input(r, frame, ip_length, now_ns);
	else if (ip->protocol == WIRE_PROTOCOL_ICMP)
		icmp_input(r, frame, ip, body, ip_length);
	else
		roce_count(r, drop_protocol);
}

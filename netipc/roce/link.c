/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link.c - frames in and out, and the trailer of a RoCEv2 packet.
 *
 * Invariants:
 *  L1 a frame of at most ROCE_COPY_BYTES leaves in pieces that the driver copies; a longer one is
 *     copied into a transmit buffer by the same pass that computes its ICRC, and the driver may hold it.
 *  L2 the ICRC is Ethernet's CRC-32 over eight bytes of ones, the headers from IPv4 on with the fields
 *     that a router may change as ones (TOS, TTL, both checksums, BTH byte 4), and the payload with
 *     its pad; on the wire least significant byte first (annex A17.3.3; IBTA 7.8.1).
 */
#include <base/crc32.h>

#include "roce/roce_impl.h"

#define ICRC_SEED 0xdebb20e3u /* the state after eight bytes of ones */
#define NO_BUFFER UINT32_MAX

uint32_t roce_icrc_route(const struct wire_head *head)
{
	struct {
		struct wire_ipv4 ip;
		struct wire_udp udp;
	} masked = { head->ipv4, head->udp };

	masked.ip.tos = 0xff;
	masked.ip.ttl = 0xff;
	masked.ip.checksum = be16_put(0xffff);
	masked.udp.checksum = be16_put(0xffff);
	return crc32_update(ICRC_SEED, &masked, sizeof(masked));
}

uint32_t roce_icrc_bth(uint32_t crc, const struct wire_bth *bth)
{
	struct wire_bth masked = *bth;

	masked.reserved = 0xff;
	return crc32_update(crc, &masked, sizeof(masked));
}

static bool output(struct roce *r, const struct np_sge *pieces, uint32_t count, uint64_t cookie)
{
	enum roce_sent sent;

	if (r->blocked)
		return false;
	sent = r->config.output(r->config.output_ctx, pieces, count, 0, cookie);
	if (sent == ROCE_SENT_NO_ROOM) {
		r->blocked = true;
		roce_count(r, no_room);
		return false;
	}
	roce_count(r, frames_out);
	if (sent != ROCE_SENT_HELD && cookie != 0)
		roce_transmitted(r, cookie);
	return true;
}

bool roce_output_pieces(struct roce *r, const struct np_sge *pieces, uint32_t count)
{
	return output(r, pieces, count, 0);
}

uint32_t roce_transmit_buffer_get(struct roce *r)
{
	uint32_t i = r->transmit_free;

	if (i == NO_BUFFER) {
		roce_count(r, no_transmit_buffer);
		r->blocked = true; /* roce_transmitted() ends it */
		return NO_BUFFER;
	}
	r->transmit_free = r->transmit[i].next_free;
	r->transmit[i].busy = true;
	r->transmit_used++;
	return i;
}

static void transmit_buffer_free(struct roce *r, uint32_t i)
{
	r->transmit[i].busy = false;
	r->transmit[i].next_free = r->transmit_free;
	r->transmit_free = i;
	r->transmit_used--;
}

void roce_transmitted(struct roce *r, uint64_t cookie)
{
	if (cookie == 0 || cookie > r->config.transmit_buffers || !r->transmit[cookie - 1].busy)
		return;
	transmit_buffer_free(r, (uint32_t)cookie - 1);
	r->blocked = false;
}

void roce_room(struct roce *r)
{
	r->blocked = false;
}

bool roce_output_buffer(struct roce *r, uint32_t buffer, uint32_t length)
{
	struct np_sge piece = { r->transmit[buffer].data, length };

	if (output(r, &piece, 1, (uint64_t)buffer + 1))
		return true;
	transmit_buffer_free(r, buffer);
	return false;
}

void roce_head_init(struct roce *r, struct roce_qp *qp)
{
	struct wire_head *head = &qp->head;

	memset(head, 0, sizeof(*head));
	memcpy(head->ethernet.source, r->config.mac, 6);
	head->ethernet.type = be16_put(WIRE_TYPE_IPV4);
	head->ipv4.version_length = 0x45;
	head->ipv4.fragment = be16_put(WIRE_IPV4_DONT_FRAGMENT);
	head->ipv4.ttl = 64;
	head->ipv4.protocol = WIRE_PROTOCOL_UDP;
	head->ipv4.source = be32_put(r->config.self);
	head->ipv4.destination = be32_put(qp->remote.addr);
	qp->head_sum = roce_sum(0, &head->ipv4, sizeof(head->ipv4));
	qp->sent_length = 0;
	/* The source port spreads flows over paths; one flow of packets for each QP. */
	head->udp.source = be16_put(0xc000 | ((qp->local.qpn ^ qp->remote.qpn >> 8 ^
					       qp->remote.qpn) & 0x3fff));
	head->udp.destination = be16_put(WIRE_PORT_ROCE);
	head->bth.flags = WIRE_BTH_MIGRATED;
	head->bth.pkey = be16_put(WIRE_PKEY_DEFAULT);
	head->bth.qpn = be24_put(qp->remote.qpn);
}

void roce_packet_begin(struct roce_qp *qp, uint8_t *bytes, uint8_t opcode, uint32_t psn, bool ask)
{
	struct wire_head *head = (void *)bytes;

	*head = qp->head;
	memcpy(head->ethernet.destination, qp->neighbour->mac, 6);
	head->bth.opcode = opcode;
	head->bth.ack_request = ask ? WIRE_BTH_ACK_REQUEST : 0;
	head->bth.psn = be24_put(psn);
}

static void trailer_put(uint8_t *at, uint32_t crc)
{
	crc = ~crc;
	for (int i = 0; i < 4; i++, crc >>= 8)
		at[i] = (uint8_t)crc;
}

/* At most ROCE_COPY_BYTES, in few pieces: as they lie. */
static bool send_pieces(struct roce *r, uint8_t *head, uint32_t head_length, struct roce_cursor *c,
			uint32_t length, uint32_t pad, uint32_t crc)
{
	struct np_sge pieces[ROCE_PIECES_MAX] = { { head, head_length } };
	uint8_t trailer[3 + WIRE_ICRC_BYTES] = { 0 };
	uint32_t count = 1, n;
	uint8_t *at;

	for (; length > 0 && count < ROCE_PIECES_MAX - 1; length -= n, count++) {
		n = roce_cursor_take(c, length, &at);
		pieces[count] = (struct np_sge){ at, n };
		crc = crc32_update(crc, at, n);
	}
	crc = crc32_update(crc, trailer, pad);
	trailer_put(trailer + pad, crc);
	pieces[count++] = (struct np_sge){ trailer, pad + WIRE_ICRC_BYTES };
	return roce_output_pieces(r, pieces, count);
}

static bool send_buffer(struct roce *r, const uint8_t *head, uint32_t head_length,
			struct roce_cursor *c, uint32_t length, uint32_t pad, uint32_t crc)
{
	uint32_t buffer = roce_transmit_buffer_get(r), n;
	uint8_t *out, *at;

	if (buffer == NO_BUFFER)
		return false;
	out = r->transmit[buffer].data;
	memcpy(out, head, head_length);
	out += head_length;
	for (; length > 0 && (n = roce_cursor_take(c, length, &at)) > 0; length -= n, out += n)
		crc = crc32_copy(crc, out, at, n);
	memset(out, 0, pad);
	crc = crc32_update(crc, out, pad);
	trailer_put(out + pad, crc);
	out += pad + WIRE_ICRC_BYTES;
	return roce_output_buffer(r, buffer, (uint32_t)(out - r->transmit[buffer].data));
}

/* True if length bytes from c are at most max pieces. */
static bool few_pieces(struct roce_cursor c, uint32_t length, uint32_t max)
{
	uint8_t *at;

	while (length > 0 && max-- > 0)
		length -= roce_cursor_take(&c, length, &at);
	return length == 0;
}

bool roce_packet_send(struct roce *r, struct roce_qp *qp, uint8_t *bytes, uint32_t head_length,
		      struct roce_cursor *c, uint32_t length)
{
	struct wire_head *head = (void *)bytes;
	struct roce_cursor moved = c ? *c : (struct roce_cursor){ 0 };
	uint32_t pad = -length & 3;
	uint32_t ip_length = head_length - sizeof(head->ethernet) + length + pad + WIRE_ICRC_BYTES;
	uint32_t crc;
	bool sent;

	if (r->blocked)
		return false;
	head->bth.flags |= (uint8_t)(pad << WIRE_BTH_PAD_SHIFT);
	head->ipv4.length = be16_put(ip_length);
	head->udp.length = be16_put(ip_length - sizeof(head->ipv4));
	if (ip_length != qp->sent_length) {
		qp->sent_length = ip_length;
		qp->sent_checksum = (uint16_t)~roce_sum_fold(qp->head_sum + ip_length);
		qp->sent_crc = roce_icrc_route(head);
	}
	head->ipv4.checksum = be16_put(qp->sent_checksum);
	crc = roce_icrc_bth(qp->sent_crc, &head->bth);
	crc = crc32_update(crc, bytes + sizeof(*head), head_length - sizeof(*head));
	if (ip_length + sizeof(head->ethernet) <= ROCE_COPY_BYTES &&
	    few_pieces(moved, length, ROCE_PIECES_MAX - 2))
		sent = send_pieces(r, bytes, head_length, &moved, length, pad, crc);
	else
		sent = send_buffer(r, bytes, head_length, &moved, length, pad, crc);
	if (sent && c != NULL)
		*c = moved;
	return sent;
}

void roce_input(struct roce *r, const uint8_t *frame, uint32_t length, uint64_t now_ns)
{
	const struct wire_ethernet *ethernet = (const void *)frame;
	bool to_group;

	roce_count(r, frames_in);
	now_ns = roce_clock(r, now_ns);
	if (roce_packet_input_again(r, frame, length, now_ns))
		return;
	if (length < sizeof(*ethernet)) {
		roce_count(r, drop_short);
		return;
	}
	to_group = (ethernet->destination[0] & 1) != 0;
	if ((!to_group && memcmp(ethernet->destination, r->config.mac, 6) != 0) ||
	    (ethernet->source[0] & 1) != 0) {
		roce_count(r, drop_mac);
		return;
	}
	switch (be16_get(ethernet->type)) {
	case WIRE_TYPE_ARP:
		roce_arp_input(r, frame, length, now_ns);
		break;
	case WIRE_TYPE_IPV4:
		roce_ip_input(r, frame, length, now_ns);
		break;
	default:
		roce_count(r, drop_ethertype);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: packet in, packet out. One engine; the test is its peer, feeds it bytes that it makes itself
 * (with an ICRC computed bit by bit) and states what must leave, which counter must move, which event must come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <wire/packet.h>

#include "roce/roce.h"

#define US 0x0a4d0001u
#define PEER 0x0a4d0002u
#define PEER_QPN 0x00abcdefu
#define PEER_PSN 0x00fffffeu /* so that each test crosses the fold */
#define MTU 1024u
#define MS 1000000ull

static const uint8_t our_mac[6] = { 2, 0x4d, 0, 0, 0, 1 }, peer_mac[6] = { 2, 0x4d, 0, 0, 0, 2 };

struct frame {
	uint32_t length;
	uint8_t bytes[2048];
};

static struct {
	void *memory;
	struct roce *roce;
	struct provider *p;
	uint64_t now;
	np_qp_t qp;
	struct np_qp_params local;
	struct frame out[64];
	uint32_t out_count, out_read;
	bool full;      /* the driver has no room */
	uint32_t allow; /* ... after so many more frames; 0: no limit */
} t;

static enum roce_sent output(void *ctx, const struct np_sge *pieces, uint32_t count, uint32_t flags,
			     uint64_t cookie)
{
	struct frame *f = &t.out[t.out_count];

	if (t.full)
		return ROCE_SENT_NO_ROOM;
	if (t.allow > 0 && --t.allow == 0)
		t.full = true;
	t.out_count++;
	assert_in_range(t.out_count, 1, 64);
	f->length = 0;
	for (uint32_t i = 0; i < count; f->length += pieces[i++].length) {
		assert_in_range(f->length + pieces[i].length, 1, sizeof(f->bytes));
		memcpy(f->bytes + f->length, pieces[i].base, pieces[i].length);
	}
	return ROCE_SENT_COPIED;
}

/* ---- making and reading packets, apart from the engine's code ---- */

static uint32_t crc_of(uint32_t state, const uint8_t *at, size_t n)
{
	for (; n > 0; n--, at++) {
		state ^= *at;
		for (int bit = 0; bit < 8; bit++)
			state = state & 1 ? state >> 1 ^ 0xedb88320u : state >> 1;
	}
	return state;
}

static uint32_t icrc_of(const uint8_t *frame, uint32_t length /* without the ICRC */)
{
	uint8_t copy[2048 + 8];

	memset(copy, 0xff, 8);
	memcpy(copy + 8, frame + 14, length - 14);
	copy[8 + 1] = copy[8 + 8] = copy[8 + 10] = copy[8 + 11] = 0xff;
	copy[8 + 26] = copy[8 + 27] = copy[8 + 28 + 4] = 0xff;
	return ~crc_of(0xffffffffu, copy, length - 14 + 8);
}

static uint16_t sum_of(const uint8_t *at, uint32_t n)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i += 2)
		sum += (uint32_t)at[i] << 8 | (i + 1 < n ? at[i + 1] : 0);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static void put(uint8_t *at, uint64_t v, int n)
{
	while (n-- > 0) {
		at[n] = (uint8_t)v;
		v >>= 8;
	}
}

static uint64_t get(const uint8_t *at, int n)
{
	uint64_t v = 0;

	for (int i = 0; i < n; i++)
		v = v << 8 | at[i];
	return v;
}

/* Both checksums of a frame whose fields were changed. */
static void seal(struct frame *f)
{
	uint32_t icrc;

	put(f->bytes + 24, 0, 2);
	put(f->bytes + 24, (uint16_t)~sum_of(f->bytes + 14, 20), 2);
	icrc = icrc_of(f->bytes, f->length - 4);
	for (int i = 0; i < 4; i++)
		f->bytes[f->length - 4 + i] = (uint8_t)(icrc >> 8 * i);
}

/* From the peer: headers is what stands between BTH and payload. */
static struct frame packet(uint8_t opcode, uint32_t psn, bool ask, const void *headers,
			   uint32_t headers_length, const void *payload, uint32_t length)
{
	struct frame f = { 0 };
	uint32_t pad = -length & 3;
	uint8_t *b = f.bytes;

	f.length = 54 + headers_length + length + pad + 4;
	memcpy(b, our_mac, 6);
	memcpy(b + 6, peer_mac, 6);
	put(b + 12, 0x0800, 2);
	put(b + 14, 0x4500, 2);
	put(b + 16, f.length - 14, 2);
	put(b + 22, 64 << 8 | 17, 2);
	put(b + 26, PEER, 4);
	put(b + 30, US, 4);
	put(b + 34, 0xc123, 2);
	put(b + 36, 4791, 2);
	put(b + 38, f.length - 34, 2);
	b[42] = opcode;
	b[43] = (uint8_t)(pad << 4);
	put(b + 44, 0xffff, 2);
	put(b + 47, t.local.qpn, 3);
	b[50] = ask ? 0x80 : 0;
	put(b + 51, psn & 0xffffff, 3);
	if (headers_length)
		memcpy(b + 54, headers, headers_length);
	if (length)
		memcpy(b + 54 + headers_length, payload, length);
	seal(&f);
	return f;
}

static void feed(const struct frame *f)
{
	uint8_t *exact = malloc(f->length); /* so that ASan sees a read past the frame */

	assert_non_null(exact);
	memcpy(exact, f->bytes, f->length);
	roce_input(t.roce, exact, f->length, t.now);
	free(exact);
	roce_run(t.roce, t.now);
}

static void feed_packet(uint8_t opcode, uint32_t psn, bool ask, const void *headers,
			uint32_t headers_length, const void *payload, uint32_t length)
{
	struct frame f = packet(opcode, psn, ask, headers, headers_length, payload, length);

	feed(&f);
}

static void feed_aeth(uint32_t psn, uint8_t syndrome)
{
	uint8_t aeth[4] = { syndrome };

	feed_packet(WIRE_ACKNOWLEDGE, psn, false, aeth, 4, NULL, 0);
}

struct reth {
	uint8_t b[16];
};

static struct reth reth(uint64_t offset, uint32_t rkey, uint32_t length)
{
	struct reth r;

	put(r.b, offset, 8);
	put(r.b + 8, rkey, 4);
	put(r.b + 12, length, 4);
	return r;
}

static void pass(uint64_t ns)
{
	t.now += ns;
	roce_run(t.roce, t.now);
}

/* The next frame that left must be this packet to the peer; returns its bytes after the BTH. */
static const uint8_t *expect(uint8_t opcode, uint32_t psn, int ask /* -1: either */)
{
	const struct frame *f = &t.out[t.out_read++];
	const uint8_t *b = f->bytes;
	uint32_t icrc = 0;

	if (t.out_read > t.out_count)
		fail_msg("nothing left, expected opcode %#x psn %#x", opcode, psn);
	assert_int_equal(b[42], opcode);
	assert_int_equal(get(b + 51, 3), psn & 0xffffff);
	assert_int_equal(get(b + 47, 3), PEER_QPN);
	if (ask >= 0)
		assert_int_equal(b[50] >> 7, ask);
	assert_memory_equal(b, peer_mac, 6);
	assert_memory_equal(b + 6, our_mac, 6);
	assert_int_equal(get(b + 16, 2), f->length - 14);
	assert_int_equal(sum_of(b + 14, 20), 0xffff);
	assert_int_equal(get(b + 38, 2), f->length - 34);
	assert_int_equal(f->length % 4, 58 % 4);
	for (int i = 0; i < 4; i++)
		icrc |= (uint32_t)b[f->length - 4 + i] << 8 * i;
	assert_int_equal(icrc, icrc_of(b, f->length - 4));
	return b + 54;
}

static uint32_t expected_payload(uint32_t headers)
{
	const struct frame *f = &t.out[t.out_read - 1];

	return f->length - 58 - headers - (f->bytes[43] >> 4 & 3);
}

static void expect_aeth(uint32_t psn, uint8_t syndrome, uint32_t msn)
{
	const uint8_t *aeth = expect(WIRE_ACKNOWLEDGE, psn, 0);

	assert_int_equal(aeth[0], syndrome);
	assert_int_equal(get(aeth + 1, 3), msn);
}

static void expect_nothing(void)
{
	if (t.out_read < t.out_count)
		fail_msg("opcode %#x psn %#x left unexpectedly", t.out[t.out_read].bytes[42],
			 (unsigned)get(t.out[t.out_read].bytes + 51, 3));
}

static void expect_event(enum np_event_kind kind, struct np_event *e)
{
	assert_true(t.p->ops->next_event(t.p, e));
	assert_int_equal(e->kind, kind);
	if (e->kind != NP_EV_DATAGRAM)
		assert_int_equal(e->qp, t.qp);
}

static void expect_received(const void *bytes, uint32_t length)
{
	struct np_event e;

	expect_event(NP_EV_RECV, &e);
	assert_int_equal(e.length, length);
	if (length)
		assert_memory_equal(e.data, bytes, length);
	t.p->ops->recv_done(t.p, e.buffer);
}

static void expect_no_event(void)
{
	struct np_event e;

	assert_false(t.p->ops->next_event(t.p, &e));
}

static uint64_t counter(enum roce_counter c)
{
	return roce_counters(t.roce)[c];
}

static void arp_from_peer(uint16_t operation, uint32_t target)
{
	struct frame f = { .length = 42 };

	memset(f.bytes, 0xff, 6);
	memcpy(f.bytes + 6, peer_mac, 6);
	put(f.bytes + 12, 0x0806, 2);
	put(f.bytes + 14, 0x0001080006040000 | operation, 8);
	memcpy(f.bytes + 22, peer_mac, 6);
	put(f.bytes + 28, PEER, 4);
	put(f.bytes + 38, target, 4);
	feed(&f);
}

/* An engine, a QP connected to the peer, ARP done; nothing unread. */
static int begin(void **state)
{
	struct roce_config c = {
		.self = US, .netmask = 0xffffff00, .link_mtu = 1500, .qps = 4, .sends = 8, .window = 8,
		.reads = 2, .small_buffers = 4, .large_buffers = 2, .regions = 4, .pieces = 64,
		.transmit_buffers = 4, .neighbours = 4, .random = { 1, 2 }, .output = output,
		.retry_limit_ns = 10000 * MS,
	};
	struct np_qp_params remote = { .qpn = PEER_QPN, .psn = PEER_PSN, .mtu = 4096, .addr = PEER };
	size_t size;

	memcpy(c.mac, our_mac, 6);
	memset(&t, 0, sizeof(t));
	t.now = 1000 * MS;
	size = roce_memory_bytes(&c);
	t.memory = aligned_alloc(64, size);
	t.roce = roce_init(t.memory, size, &c);
	assert_non_null(t.roce);
	t.p = roce_provider(t.roce);
	assert_int_equal(t.p->ops->qp_create(t.p, &t.qp, &t.local), NP_OK);
	assert_int_equal(t.local.mtu, MTU);
	assert_int_equal(t.p->ops->connect(t.p, t.qp, &remote, t.now), NP_OK);
	assert_int_equal(t.out_count, 1); /* who has the peer's address? */
	assert_int_equal(get(t.out[0].bytes + 12, 2), 0x0806);
	arp_from_peer(2, US);
	t.out_read = t.out_count;
	return 0;
}

static int end(void **state)
{
	struct roce_usage u;

	t.p->ops->close(t.p, t.qp);
	u = roce_usage(t.roce);
	assert_int_equal(u.qps + u.regions + u.pieces + u.small_buffers + u.large_buffers, 0);
	free(t.memory);
	return 0;
}

static void post(const void *bytes, uint32_t length, uint32_t flags)
{
	assert_int_equal(t.p->ops->post_send(t.p, t.qp, &(struct np_sge){ bytes, length }, 1, 1, flags, t.now),
			 NP_OK);
}

/* ---- link and IPv4 ---- */

/* ROCE0201 */
static void arp_is_answered_for_us_only(void **state)
{
	const struct frame *f;

	arp_from_peer(1, US + 7);
	expect_nothing();
	arp_from_peer(1, US);
	f = &t.out[t.out_read++];
	assert_int_equal(f->length, 42);
	assert_memory_equal(f->bytes, peer_mac, 6);
	assert_memory_equal(f->bytes + 6, our_mac, 6);
	assert_int_equal(get(f->bytes + 20, 2), 2);
	assert_memory_equal(f->bytes + 22, our_mac, 6);
	assert_int_equal(get(f->bytes + 28, 4), US);
	assert_memory_equal(f->bytes + 32, peer_mac, 6);
	assert_int_equal(get(f->bytes + 38, 4), PEER);
	expect_nothing();
}

/* ROCE0202 */
static void echo_is_answered_if_it_is_right(void **state)
{
	struct frame f = packet(0, 0, false, NULL, 0, NULL, 0);
	const struct frame *answer;

	f.length = 14 + 20 + 8 + 5;
	put(f.bytes + 16, 33, 2);
	f.bytes[23] = 1;
	memcpy(f.bytes + 34, "\x08\0\0\0\x12\x34\0\x01hello", 13);
	put(f.bytes + 36, (uint16_t)~sum_of(f.bytes + 34, 13), 2);
	put(f.bytes + 24, 0, 2);
	put(f.bytes + 24, (uint16_t)~sum_of(f.bytes + 14, 20), 2);
	feed(&f);
	answer = &t.out[t.out_read++];
	assert_int_equal(answer->length, f.length);
	assert_int_equal(answer->bytes[34], 0);
	assert_memory_equal(answer->bytes + 38, f.bytes + 38, 9);
	assert_int_equal(sum_of(answer->bytes + 34, 13), 0xffff);
	assert_int_equal(get(answer->bytes + 26, 4), US);
	assert_int_equal(get(answer->bytes + 30, 4), PEER);
	f.bytes[40] ^= 1;
	feed(&f);
	expect_nothing();
	assert_int_equal(counter(ROCE_drop_icmp), 1);
}

/* ROCE0203 */
static void what_is_wrong_is_counted_and_dropped(void **state)
{
	static const struct {
		uint32_t at, value, bytes;
		enum roce_counter counter;
		bool sealed; /* with checksums made right again */
	} wrong[] = {
		{ 0, 0x06, 1, ROCE_drop_mac, true },
		{ 6, 0x03, 1, ROCE_drop_mac, true },
		{ 12, 0x86dd, 2, ROCE_drop_ethertype, true },
		{ 14, 0x46, 1, ROCE_drop_ip_header, true },
		{ 14, 0x65, 1, ROCE_drop_ip_header, true },
		{ 16, 19, 2, ROCE_drop_ip_length, true },
		{ 16, 63, 2, ROCE_drop_ip_length, true },
		{ 16, 27, 2, ROCE_drop_udp_length, true },
		{ 20, 0x2000, 2, ROCE_drop_ip_fragment, true },
		{ 20, 0x0001, 2, ROCE_drop_ip_fragment, true },
		{ 20, 0x8000, 2, ROCE_drop_ip_fragment, true },
		{ 22, 63, 1, ROCE_drop_ip_checksum, false },
		{ 23, 6, 1, ROCE_drop_protocol, true },
		{ 26, 0x0a4e0002, 4, ROCE_drop_ip_address, true },
		{ 26, 0x0a4d0003, 4, ROCE_drop_source, true },
		{ 30, 0x0a4d0009, 4, ROCE_drop_ip_address, true },
		{ 36, 4790, 2, ROCE_drop_udp_port, true },
		{ 38, 7, 2, ROCE_drop_udp_length, true },
		{ 38, 200, 2, ROCE_drop_udp_length, true },
		{ 42, 0x05, 1, ROCE_drop_icrc, false },
		{ 42, 0x12, 1, ROCE_drop_opcode, true },
		{ 42, 0x1f, 1, ROCE_drop_opcode, true },
		{ 42, 0x64, 1, ROCE_drop_opcode, true }, /* UD SEND only */
		{ 43, 0x01, 1, ROCE_drop_bth_version, true },
		{ 42, WIRE_WRITE_ONLY, 1, ROCE_drop_length, true }, /* 4 bytes are no RETH */
		{ 42, WIRE_READ_REQUEST, 1, ROCE_drop_length, true },
		{ 44, 0xfffe, 2, ROCE_drop_pkey, true },
		{ 47, 0x000001, 3, ROCE_drop_qpn, true },
		{ 61, 0x77, 1, ROCE_drop_icrc, false },
		{ 42, WIRE_ACKNOWLEDGE, 1, ROCE_drop_aeth, true }, /* syndrome 'e' */
	};

	for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct frame f = packet(WIRE_SEND_ONLY, PEER_PSN, true, NULL, 0, "\xe0xyz", 4);
		uint64_t before = counter(wrong[i].counter);

		put(f.bytes + wrong[i].at, wrong[i].value, (int)wrong[i].bytes);
		if (wrong[i].sealed)
			seal(&f);
		feed(&f);
		if (counter(wrong[i].counter) != before + 1)
			fail_msg("case %u: %s did not count", i, roce_counter_names[wrong[i].counter]);
		expect_nothing();
		expect_no_event();
	}
	/* Every prefix of a good frame is refused, none is read past its end. */
	for (uint32_t n = 0; n < 62; n++) {
		struct frame f = packet(WIRE_SEND_ONLY, PEER_PSN, true, NULL, 0, "wxyz", 4);

		f.length = n;
		feed(&f);
		expect_nothing();
		expect_no_event();
	}
	/* The frame as it was is fine, with Ethernet's padding behind it too. */
	struct frame f = packet(WIRE_SEND_ONLY, PEER_PSN, true, NULL, 0, "wxyz", 4);

	f.length += 2;
	feed(&f);
	expect_received("wxyz", 4);
	expect_aeth(PEER_PSN, 0x1f, 1);
}

/* ROCE0204 */
static void what_routers_change_is_not_in_the_icrc(void **state)
{
	struct frame f = packet(WIRE_SEND_ONLY, PEER_PSN, false, NULL, 0, "wxyz", 4);
	uint32_t icrc = icrc_of(f.bytes, f.length - 4);

	f.bytes[15] = 0x2e;
	f.bytes[22] = 3;
	f.bytes[46] = 0xc0; /* congestion marks */
	put(f.bytes + 40, 0xbeef, 2);
	seal(&f);
	assert_int_equal(icrc, icrc_of(f.bytes, f.length - 4));
	feed(&f);
	expect_received("wxyz", 4);
}

/* ---- responder ---- */

/* ROCE0205 */
static void a_send_is_acknowledged_when_asked_or_late(void **state)
{
	feed_packet(WIRE_SEND_ONLY, PEER_PSN, true, NULL, 0, "a", 1);
	expect_received("a", 1);
	expect_aeth(PEER_PSN, 0x1f, 1);
	feed_packet(WIRE_SEND_ONLY, PEER_PSN + 1, false, NULL, 0, "bcdef", 5);
	expect_received("bcdef", 5);
	feed_packet(WIRE_SEND_ONLY, PEER_PSN + 2, false, NULL, 0, NULL, 0);
	expect_received("", 0);
	expect_nothing();
	pass(MS / 4);
	expect_nothing();
	pass(MS);
	expect_aeth(PEER_PSN + 2, 0x1f, 3);
	/* Asked for, it covers what was not asked for: nothing follows late. */
	feed_packet(WIRE_SEND_ONLY, PEER_PSN + 3, false, NULL, 0, "d", 1);
	feed_packet(WIRE_SEND_ONLY, PEER_PSN + 4, true, NULL, 0, "e", 1);
	expect_received("d", 1);
	expect_received("e", 1);
	expect_aeth(PEER_PSN + 4, 0x1f, 5);
	pass(100 * MS);
	expect_nothing();
}

/* ROCE0206 */
static void a_gap_is_reported_once_and_again_when_asked(void **state)
{
	feed_packet(WIRE_SEND_ONLY, PEER_PSN + 1, false, NULL, 0, "b", 1);
	expect_aeth(PEER_PSN, 0x60, 0);
	feed_packet(WIRE_SEND_ONLY, PEER_PSN + 2, false, NULL, 0, "c", 1);
	expect_nothing();
	feed_packet(WIRE_SEND_ONLY, PEER_PSN + 3, true, NULL, 0, "c", 1);
	expect_aeth(PEER_PSN, 0x60, 0);
	expect_no_event();
	feed_packet(WIRE_SEND_ONLY, PEER_PSN, false, NULL, 0, "a", 1);
	expect_received("a", 1);
	feed_packet(WIRE_SEND_ONLY, PEER_PSN + 2, false, NULL, 0, "c", 1);
	expect_aeth(PEER_PSN + 1, 0x60, 1);
}

/* ROCE0207 */
static void a_duplicate_is_acknowledged_and_not_done_again(void **state)
{
	for (int i = 0; i < 3; i++)
		feed_packet(WIRE_SEND_ONLY, PEER_PSN + (uint32_t)i, false, NULL, 0, "abc" + i, 1);
	for (int i = 0; i < 3; i++)
		expect_received("abc" + i, 1);
	feed_packet(WIRE_SEND_ONLY, PEER_PSN, true, NULL, 0, "a", 1);
	expect_aeth(PEER_PSN + 2, 0x1f, 3);
	expect_no_event();
	assert_int_equal(counter(ROCE_duplicates), 1);
}

/* ROCE0208 */
static void a_send_in_parts_is_put_together(void **state)
{
	uint8_t bytes[2 * MTU + 10];

	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	feed_packet(WIRE_SEND_FIRST, PEER_PSN, false, NULL, 0, bytes, MTU);
	feed_packet(WIRE_SEND_MIDDLE, PEER_PSN + 1, false, NULL, 0, bytes + MTU, MTU);
	expect_no_event();
	feed_packet(WIRE_SEND_LAST, PEER_PSN + 2, true, NULL, 0, bytes + 2 * MTU, 10);
	expect_received(bytes, sizeof(bytes));
	expect_aeth(PEER_PSN + 2, 0x1f, 1);
}

/* ROCE0209 */
static void requests_that_are_wrong_in_themselves_end_the_qp(void **state)
{
	static uint8_t bytes[MTU + 1];
	static const struct {
		uint8_t opcode[2];
		uint32_t length[2];
		uint8_t count;
	} wrong[] = {
		{ { WIRE_SEND_MIDDLE }, { MTU }, 1 },
		{ { WIRE_SEND_LAST }, { 1 }, 1 },
		{ { WIRE_SEND_FIRST }, { MTU - 4 }, 1 },
		{ { WIRE_SEND_FIRST, WIRE_SEND_ONLY }, { MTU, 1 }, 2 },
		{ { WIRE_SEND_FIRST, WIRE_SEND_FIRST }, { MTU, MTU }, 2 },
		{ { WIRE_SEND_FIRST, WIRE_SEND_MIDDLE }, { MTU, MTU - 4 }, 2 },
		{ { WIRE_SEND_FIRST, WIRE_SEND_LAST }, { MTU, 0 }, 2 },
		{ { WIRE_SEND_FIRST, WIRE_WRITE_MIDDLE }, { MTU, MTU }, 2 },
		{ { WIRE_WRITE_MIDDLE }, { MTU }, 1 },
	};
	struct np_event e;

	for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		for (uint32_t k = 0; k < wrong[i].count; k++)
			feed_packet(wrong[i].opcode[k], PEER_PSN + k, false, NULL, 0, bytes,
				    wrong[i].length[k]);
		expect_aeth(PEER_PSN + wrong[i].count - 1, 0x61, 0);
		expect_event(NP_EV_QP_ERROR, &e);
		feed_packet(WIRE_SEND_ONLY, PEER_PSN + wrong[i].count - 1, true, NULL, 0, "x", 1);
		expect_nothing();
		end(state);
		begin(state);
	}
	/* More than the path MTU in one packet says nothing of the request: dropped. */
	feed_packet(WIRE_SEND_ONLY, PEER_PSN, true, NULL, 0, bytes, MTU + 1);
	expect_nothing();
	/* A SEND over NP_SEND_MAX. */
	feed_packet(WIRE_SEND_FIRST, PEER_PSN, false, NULL, 0, bytes, MTU);
	for (uint32_t i = 1; i < NP_SEND_MAX / MTU; i++)
		feed_packet(WIRE_SEND_MIDDLE, PEER_PSN + i, false, NULL, 0, bytes, MTU);
	expect_nothing();
	feed_packet(WIRE_SEND_LAST, PEER_PSN + NP_SEND_MAX / MTU, false, NULL, 0, bytes, 1);
	expect_aeth(PEER_PSN + NP_SEND_MAX / MTU, 0x61, 0);
}

/* ROCE0210 */
static void without_a_buffer_the_peer_waits(void **state)
{
	struct np_event e[6];

	for (uint32_t i = 0; i < 6; i++) { /* 4 small and 2 large */
		feed_packet(WIRE_SEND_ONLY, PEER_PSN + i, false, NULL, 0, "x", 1);
		expect_event(NP_EV_RECV, &e[i]);
	}
	feed_packet(WIRE_SEND_ONLY, PEER_PSN + 6, false, NULL, 0, "y", 1);
	expect_aeth(PEER_PSN + 6, 0x28, 6);
	feed_packet(WIRE_SEND_ONLY, PEER_PSN + 7, true, NULL, 0, "z", 1);
	expect_nothing();
	t.p->ops->recv_done(t.p, e[3].buffer);
	t.p->ops->recv_done(t.p, e[3].buffer); /* twice is harmless */
	feed_packet(WIRE_SEND_ONLY, PEER_PSN + 6, true, NULL, 0, "y", 1);
	expect_received("y", 1);
	expect_aeth(PEER_PSN + 6, 0x1f, 7);
	for (uint32_t i = 0; i < 6; i++)
		if (i != 3)
			t.p->ops->recv_done(t.p, e[i].buffer);
}

/* ROCE0211 */
static void writes_land_where_they_may(void **state)
{
	static uint8_t region[3000], bytes[2000], want[3000];
	struct np_sge pieces[2] = { { region, 1000 }, { region + 1000, 2000 } };
	uint8_t headers[20];
	struct np_event e;
	struct reth r;
	uint32_t rkey;

	memset(region, 0, sizeof(region));
	memset(bytes, 'w', sizeof(bytes));
	t.p->ops->register_region(t.p, t.qp, pieces, 2, NP_ACCESS_REMOTE_WRITE, &rkey);
	r = reth(990, rkey, 5);
	feed_packet(WIRE_WRITE_ONLY, PEER_PSN, true, &r, 16, "hello", 5);
	expect_aeth(PEER_PSN, 0x1f, 1);
	expect_no_event();
	r = reth(995, rkey, MTU + 6);
	feed_packet(WIRE_WRITE_FIRST, PEER_PSN + 1, false, &r, 16, bytes, MTU);
	feed_packet(WIRE_WRITE_LAST_IMM, PEER_PSN + 2, true, "\x11\x22\x33\x44", 4, bytes, 6);
	expect_aeth(PEER_PSN + 2, 0x1f, 2);
	expect_event(NP_EV_WRITE_IMM, &e);
	assert_int_equal(e.imm, 0x11223344);
	assert_int_equal(e.rkey, rkey);
	assert_int_equal(e.length, MTU + 6);
	memset(want, 0, sizeof(want));
	memcpy(want + 990, "hello", 5);
	memset(want + 995, 'w', MTU + 6);
	assert_memory_equal(region, want, sizeof(want));
	r = reth(0, 0, 0); /* no byte needs no key */
	memcpy(headers, &r, 16);
	put(headers + 16, 9, 4);
	feed_packet(WIRE_WRITE_ONLY_IMM, PEER_PSN + 3, true, headers, 20, NULL, 0);
	expect_aeth(PEER_PSN + 3, 0x1f, 3);
	expect_event(NP_EV_WRITE_IMM, &e);
	assert_int_equal(e.imm, 9);
	/* The first packet may write, and then the key is gone. */
	r = reth(0, rkey, MTU + 1);
	feed_packet(WIRE_WRITE_FIRST, PEER_PSN + 4, false, &r, 16, bytes, MTU);
	t.p->ops->invalidate(t.p, rkey);
	feed_packet(WIRE_WRITE_LAST, PEER_PSN + 5, false, NULL, 0, bytes, 1);
	expect_aeth(PEER_PSN + 5, 0x62, 3);
	expect_event(NP_EV_QP_ERROR, &e);
}

/* ROCE0212 */
static void writes_that_may_not_be_change_nothing(void **state)
{
	static uint8_t region[100], clean[100];
	struct np_sge piece = { region, 100 };

	for (int i = 0; i < 6; i++) {
		uint8_t syndrome = 0x62;
		struct reth r;
		uint32_t rkey;

		t.p->ops->register_region(t.p, t.qp, &piece, 1,
					  i == 0 ? NP_ACCESS_REMOTE_READ : NP_ACCESS_REMOTE_WRITE, &rkey);
		r = reth(i == 1 ? 97 : i == 2 ? UINT64_MAX - 1 : 0, i == 3 ? rkey ^ 0x100 : rkey,
			 i == 4 ? 3 : i == 5 ? 0xffffffff : 4);
		if (i >= 4)
			syndrome = 0x61; /* the length does not match the packet */
		feed_packet(WIRE_WRITE_ONLY, PEER_PSN, false, &r, 16, "BAD!", 4);
		expect_aeth(PEER_PSN, syndrome, 0);
		assert_memory_equal(region, clean, 100);
		end(state);
		begin(state);
	}
}

/* ROCE0213 */
static void reads_are_answered_in_order_and_again_from_the_middle(void **state)
{
	static uint8_t region[3 * MTU];
	const uint8_t *b;
	struct reth r;
	uint32_t rkey;

	for (uint32_t i = 0; i < sizeof(region); i++)
		region[i] = (uint8_t)(i * 11 + (i >> 8));
	t.p->ops->register_region(t.p, t.qp, &(struct np_sge){ region, sizeof(region) }, 1,
				  NP_ACCESS_REMOTE_READ, &rkey);
	r = reth(5, rkey, 2 * MTU + 3);
	feed_packet(WIRE_READ_REQUEST, PEER_PSN, false, &r, 16, NULL, 0);
	b = expect(WIRE_READ_FIRST, PEER_PSN, 0);
	assert_int_equal(b[0], 0x1f);
	assert_memory_equal(b + 4, region + 5, MTU);
	b = expect(WIRE_READ_MIDDLE, PEER_PSN + 1, 0);
	assert_memory_equal(b, region + 5 + MTU, MTU);
	b = expect(WIRE_READ_LAST, PEER_PSN + 2, 0);
	assert_memory_equal(b + 4, region + 5 + 2 * MTU, 3);
	assert_int_equal(expected_payload(4), 3);
	expect_nothing();
	/* The next request has the PSN after the last response. */
	feed_packet(WIRE_SEND_ONLY, PEER_PSN + 3, true, NULL, 0, "s", 1);
	expect_received("s", 1);
	expect_aeth(PEER_PSN + 3, 0x1f, 2);
	/* The second response was lost: asked for again from there. */
	r = reth(5 + MTU, rkey, MTU + 3);
	feed_packet(WIRE_READ_REQUEST, PEER_PSN + 1, false, &r, 16, NULL, 0);
	b = expect(WIRE_READ_FIRST, PEER_PSN + 1, 0);
	assert_memory_equal(b + 4, region + 5 + MTU, MTU);
	expect(WIRE_READ_LAST, PEER_PSN + 2, 0);
	/* A "duplicate" that reaches past what was ever asked for is none. */
	r = reth(0, rkey, 3 * MTU);
	feed_packet(WIRE_READ_REQUEST, PEER_PSN + 2, false, &r, 16, NULL, 0);
	expect_nothing();
	r = reth(0, rkey, 0);
	feed_packet(WIRE_READ_REQUEST, PEER_PSN + 4, false, &r, 16, NULL, 0);
	expect(WIRE_READ_ONLY, PEER_PSN + 4, 0);
	assert_int_equal(expected_payload(4), 0);
	t.p->ops->invalidate(t.p, rkey);
	r = reth(0, rkey, 1);
	feed_packet(WIRE_READ_REQUEST, PEER_PSN + 5, false, &r, 16, NULL, 0);
	expect_aeth(PEER_PSN + 5, 0x62, 3);
}

static void room(void)
{
	t.full = false;
	roce_room(t.roce);
	roce_run(t.roce, t.now);
}

/* ROCE0223 */
static void what_waits_for_room_is_superseded_or_settled(void **state)
{
	static uint8_t region[3 * MTU];
	struct reth r;
	uint32_t rkey;

	t.p->ops->register_region(t.p, t.qp, &(struct np_sge){ region, sizeof(region) }, 1,
				  NP_ACCESS_REMOTE_READ, &rkey);
	/* A READ waits; the peer asks again for its second half: only that is sent. */
	t.full = true;
	r = reth(0, rkey, 3 * MTU);
	feed_packet(WIRE_READ_REQUEST, PEER_PSN, false, &r, 16, NULL, 0);
	r = reth(MTU, rkey, 2 * MTU);
	feed_packet(WIRE_READ_REQUEST, PEER_PSN + 1, false, &r, 16, NULL, 0);
	room();
	expect(WIRE_READ_FIRST, PEER_PSN + 1, 0);
	expect(WIRE_READ_LAST, PEER_PSN + 2, 0);
	expect_nothing();
	/* A NAK waits; what it asks for comes meanwhile: an ACK instead. */
	t.full = true;
	feed_packet(WIRE_SEND_ONLY, PEER_PSN + 4, false, NULL, 0, "b", 1);
	feed_packet(WIRE_SEND_ONLY, PEER_PSN + 3, false, NULL, 0, "a", 1);
	room();
	expect_received("a", 1);
	expect_aeth(PEER_PSN + 3, 0x1f, 2);
	expect_nothing();
	/* A fatal NAK waits; nothing after it is looked at. */
	t.full = true;
	feed_packet(WIRE_SEND_LAST, PEER_PSN + 4, false, NULL, 0, "x", 1);
	feed_packet(WIRE_SEND_ONLY, PEER_PSN + 4, true, NULL, 0, "b", 1);
	room();
	expect_aeth(PEER_PSN + 4, 0x61, 2);
	expect_event(NP_EV_QP_ERROR, &(struct np_event){ 0 });
	expect_no_event();
}

/* ROCE0224 */
static void a_region_that_goes_in_the_middle_of_a_read_stops_it(void **state)
{
	static uint8_t region[3 * MTU];
	struct reth r;
	uint32_t rkey;

	t.p->ops->register_region(t.p, t.qp, &(struct np_sge){ region, sizeof(region) }, 1,
				  NP_ACCESS_REMOTE_READ, &rkey);
	t.allow = 1;
	r = reth(0, rkey, 3 * MTU);
	feed_packet(WIRE_READ_REQUEST, PEER_PSN, false, &r, 16, NULL, 0);
	expect(WIRE_READ_FIRST, PEER_PSN, 0);
	t.p->ops->invalidate(t.p, rkey);
	room();
	expect_aeth(PEER_PSN + 1, 0x62, 1);
	expect_event(NP_EV_QP_ERROR, &(struct np_event){ 0 });
	expect_nothing();
}

/* ROCE0232 */
static void a_region_that_goes_in_the_middle_of_a_read_done_again_ends_it_quietly(void **state)
{
	static uint8_t region[3 * MTU];
	struct reth r;
	uint32_t rkey;

	t.p->ops->register_region(t.p, t.qp, &(struct np_sge){ region, sizeof(region) }, 1,
				  NP_ACCESS_REMOTE_READ, &rkey);
	r = reth(0, rkey, 3 * MTU);
	feed_packet(WIRE_READ_REQUEST, PEER_PSN, false, &r, 16, NULL, 0);
	expect(WIRE_READ_FIRST, PEER_PSN, 0);
	expect(WIRE_READ_MIDDLE, PEER_PSN + 1, 0);
	expect(WIRE_READ_LAST, PEER_PSN + 2, 0);
	/* The peer's timer went off before the last of it came; then it had all, and said so. */
	t.allow = 1;
	feed_packet(WIRE_READ_REQUEST, PEER_PSN, false, &r, 16, NULL, 0);
	expect(WIRE_READ_FIRST, PEER_PSN, 0);
	t.p->ops->invalidate(t.p, rkey);
	room();
	expect_nothing();
	/* The queue pair lives. */
	feed_packet(WIRE_SEND_ONLY, PEER_PSN + 3, true, NULL, 0, "s", 1);
	expect_received("s", 1);
	expect_aeth(PEER_PSN + 3, 0x1f, 2);
}

/* ROCE0225 */
static void more_reads_than_places_are_left_for_later(void **state)
{
	static uint8_t region[64];
	uint32_t rkey;
	struct reth r;

	t.p->ops->register_region(t.p, t.qp, &(struct np_sge){ region, 64 }, 1, NP_ACCESS_REMOTE_READ, &rkey);
	t.full = true;
	for (uint32_t i = 0; i < 3; i++) { /* there is place for two */
		r = reth(i, rkey, 4);
		feed_packet(WIRE_READ_REQUEST, PEER_PSN + i, false, &r, 16, NULL, 0);
	}
	assert_int_equal(counter(ROCE_drop_no_buffer), 1);
	room();
	expect(WIRE_READ_ONLY, PEER_PSN, 0);
	expect(WIRE_READ_ONLY, PEER_PSN + 1, 0);
	expect_nothing();
	feed_packet(WIRE_READ_REQUEST, PEER_PSN + 2, false, &r, 16, NULL, 0);
	expect(WIRE_READ_ONLY, PEER_PSN + 2, 0);
}

/* ROCE0226 */
static void an_immediate_takes_a_buffer_too(void **state)
{
	uint8_t headers[20] = { 0 };
	struct np_event e;

	for (uint32_t i = 0; i < 6; i++)
		feed_packet(WIRE_WRITE_ONLY_IMM, PEER_PSN + i, false, headers, 20, NULL, 0);
	expect_nothing();
	feed_packet(WIRE_WRITE_ONLY_IMM, PEER_PSN + 6, false, headers, 20, NULL, 0);
	expect_aeth(PEER_PSN + 6, 0x28, 6);
	for (uint32_t i = 0; i < 6; i++)
		expect_event(NP_EV_WRITE_IMM, &e);
	expect_no_event();
	feed_packet(WIRE_WRITE_ONLY_IMM, PEER_PSN + 6, true, headers, 20, NULL, 0);
	expect_event(NP_EV_WRITE_IMM, &e);
	expect_aeth(PEER_PSN + 6, 0x1f, 7);
}

/* ROCE0227 */
static void regions_and_pieces_run_out_and_come_back(void **state)
{
	static uint8_t byte[200];
	struct np_sge pieces[200];
	uint32_t rkey[5];

	for (uint32_t i = 0; i < 200; i++)
		pieces[i] = (struct np_sge){ &byte[i], 1 };
	assert_int_equal(t.p->ops->register_region(t.p, t.qp, pieces, 200, 1, &rkey[0]), NP_E_NO_RESOURCE);
	assert_int_equal(roce_usage(t.roce).pieces, 0);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(t.p->ops->register_region(t.p, t.qp, pieces, 16, 1, &rkey[i]), NP_OK);
	assert_int_equal(t.p->ops->register_region(t.p, t.qp, pieces, 1, 1, &rkey[4]), NP_E_NO_RESOURCE);
	t.p->ops->invalidate(t.p, rkey[2] ^ 0x100); /* not a key of ours */
	assert_int_equal(roce_usage(t.roce).regions, 4);
	t.p->ops->invalidate(t.p, rkey[2]);
	assert_int_equal(t.p->ops->register_region(t.p, t.qp, pieces, 1, 1, &rkey[4]), NP_OK);
	assert_int_not_equal(rkey[4], rkey[2]);
}

static uint32_t arp_requests_out(void)
{
	uint32_t count = 0;

	for (; t.out_read < t.out_count; t.out_read++)
		count += get(t.out[t.out_read].bytes + 12, 2) == 0x0806;
	return count;
}

/* ROCE0228 */
static void who_does_not_answer_is_asked_again_as_long_as_it_is_wanted(void **state)
{
	struct np_qp_params params, remote = { .qpn = 9, .psn = 9, .mtu = 1024, .addr = US + 8 };
	np_qp_t qp;

	assert_int_equal(t.p->ops->send_datagram(t.p, US + 7, "a", 1, t.now), NP_OK);
	assert_int_equal(t.p->ops->send_datagram(t.p, US + 7, "b", 1, t.now), NP_OK); /* takes its place */
	assert_int_equal(roce_usage(t.roce).small_buffers, 1);
	for (int i = 0; i < 100; i++)
		pass(100 * MS);
	assert_int_equal(arp_requests_out(), 5);
	assert_int_equal(roce_usage(t.roce).small_buffers, 0);
	t.out_count = t.out_read = 0;
	t.p->ops->qp_create(t.p, &qp, &params);
	t.p->ops->connect(t.p, qp, &remote, t.now);
	assert_int_equal(t.p->ops->post_send(t.p, qp, NULL, 0, 1, 0, t.now), NP_OK);
	for (int i = 0; i < 60; i++)
		pass(100 * MS);
	assert_in_range(arp_requests_out(), 8, 20);
	t.p->ops->close(t.p, qp);
}

/* ROCE0229 */
static void few_places_for_neighbours_go_round(void **state)
{
	/* Four places, one is the QP's. */
	for (uint32_t i = 0; i < 20; i++) {
		t.out_count = t.out_read = 0;
		pass(MS);
		assert_int_equal(t.p->ops->send_datagram(t.p, US + 10 + i, "a", 1, t.now), NP_OK);
		assert_int_equal(arp_requests_out(), 1);
		assert_in_range(roce_usage(t.roce).small_buffers, 1, 3);
	}
	t.out_count = t.out_read = 0;
	post("still", 5, 0);
	expect(WIRE_SEND_ONLY, t.local.psn, 0);
	for (int i = 0; i < 100; i++)
		pass(100 * MS), t.out_count = t.out_read = 0;
	assert_int_equal(roce_usage(t.roce).small_buffers, 0);
}

/* ROCE0230 */
static void datagrams_are_checked(void **state)
{
	struct frame f = packet(0, 0, false, NULL, 0, NULL, 0);
	struct np_event e;

	f.length = 42 + 6;
	put(f.bytes + 16, 34, 2);
	put(f.bytes + 34, 49877, 2);
	put(f.bytes + 36, 49877, 2);
	put(f.bytes + 38, 14, 2);
	memcpy(f.bytes + 42, "datagr", 6);
	put(f.bytes + 24, 0, 2);
	put(f.bytes + 24, (uint16_t)~sum_of(f.bytes + 14, 20), 2);
	put(f.bytes + 40, 0x1234, 2); /* a wrong checksum */
	feed(&f);
	assert_int_equal(counter(ROCE_drop_udp_checksum), 1);
	put(f.bytes + 40, 0, 2); /* none */
	for (int i = 0; i < 7; i++) /* there are six buffers */
		feed(&f);
	assert_int_equal(counter(ROCE_datagrams_in), 6);
	assert_int_equal(counter(ROCE_drop_no_buffer), 1);
	for (int i = 0; i < 6; i++) {
		expect_event(NP_EV_DATAGRAM, &e);
		assert_int_equal(e.length, 6);
		assert_memory_equal(e.data, "datagr", 6);
		assert_int_equal(e.from, PEER);
		t.p->ops->recv_done(t.p, e.buffer);
	}
	expect_no_event();
	put(f.bytes + 26, US, 4); /* from ourselves */
	put(f.bytes + 24, 0, 2);
	put(f.bytes + 24, (uint16_t)~sum_of(f.bytes + 14, 20), 2);
	feed(&f);
	assert_int_equal(counter(ROCE_drop_datagram), 1);
}

/* ROCE0231 */
static void a_second_owner_of_our_address_is_counted(void **state)
{
	struct frame f = { .length = 42 };

	memset(f.bytes, 0xff, 6);
	memcpy(f.bytes + 6, peer_mac, 6);
	put(f.bytes + 12, 0x0806, 2);
	put(f.bytes + 14, 0x0001080006040001, 8);
	memcpy(f.bytes + 22, peer_mac, 6);
	put(f.bytes + 28, US, 4);
	put(f.bytes + 38, US, 4);
	feed(&f);
	expect_nothing();
	assert_int_equal(counter(ROCE_arp_conflict), 1);
	post("x", 1, 0); /* and changes nothing */
	expect(WIRE_SEND_ONLY, t.local.psn, 0);
}

/* ---- requester ---- */

/* ROCE0214 */
static void a_small_send_is_one_packet_that_asks_nothing(void **state)
{
	const uint8_t *b;
	struct np_event e;

	post("hello", 5, 0);
	b = expect(WIRE_SEND_ONLY, t.local.psn, 0);
	assert_memory_equal(b, "hello\0\0\0", 8);
	assert_int_equal(expected_payload(0), 5);
	expect_nothing();
	post("x", 1, NP_SEND_SOLICIT_ACK);
	expect(WIRE_SEND_ONLY, t.local.psn + 1, 1);
	expect_no_event();
	feed_aeth(t.local.psn + 1, 0x1f);
	expect_event(NP_EV_SEND_DONE, &e);
	expect_no_event();
	pass(1000 * MS);
	expect_nothing();
}

/* ROCE0215 */
static void half_a_window_asks_and_a_full_one_waits(void **state)
{
	for (uint32_t i = 0; i < 8; i++) {
		post("m", 1, 0);
		expect(WIRE_SEND_ONLY, t.local.psn + i, i == 3 || i >= 6); /* and in the last quarter */
	}
	assert_int_equal(t.p->ops->post_send(t.p, t.qp, NULL, 0, 1, 0, t.now), NP_E_AGAIN);
	feed_aeth(t.local.psn + 3, 0x1f);
	/* The slots are free when the completions have been fetched. */
	assert_int_equal(t.p->ops->post_send(t.p, t.qp, NULL, 0, 1, 0, t.now), NP_E_AGAIN);
	expect_event(NP_EV_SEND_DONE, &(struct np_event){ 0 });
	post("n", 1, 0);
	expect(WIRE_SEND_ONLY, t.local.psn + 8, 0);
}

/* ROCE0216 */
static void a_sequence_nak_goes_back_to_what_it_says(void **state)
{
	for (uint32_t i = 0; i < 4; i++)
		post("abcd" + i, 1, 0);
	t.out_read = t.out_count;
	feed_aeth(t.local.psn + 2, 0x60);
	assert_memory_equal(expect(WIRE_SEND_ONLY, t.local.psn + 2, 1), "c", 1);
	assert_memory_equal(expect(WIRE_SEND_ONLY, t.local.psn + 3, -1), "d", 1);
	expect_event(NP_EV_SEND_DONE, &(struct np_event){ 0 }); /* a and b */
	feed_aeth(t.local.psn, 0x60);     /* old */
	feed_aeth(t.local.psn + 4, 0x1f); /* of what was never sent */
	feed_aeth(t.local.psn + 0x800000, 0x1f);
	expect_nothing();
	expect_no_event();
	assert_int_equal(counter(ROCE_drop_psn), 3);
}

/* ROCE0217 */
static void silence_is_probed_and_then_sent_again(void **state)
{
	post("a", 1, 0);
	post("b", 1, 0);
	t.out_read = t.out_count;
	pass(9 * MS);
	expect_nothing();
	pass(2 * MS);
	assert_memory_equal(expect(WIRE_SEND_ONLY, t.local.psn + 1, 1), "b", 1);
	pass(25 * MS);
	assert_memory_equal(expect(WIRE_SEND_ONLY, t.local.psn, 1), "a", 1);
	expect_nothing(); /* a window of one */
	feed_aeth(t.local.psn, 0x1f);
	assert_memory_equal(expect(WIRE_SEND_ONLY, t.local.psn + 1, -1), "b", 1);
	feed_aeth(t.local.psn + 1, 0x1f);
	expect_event(NP_EV_SEND_DONE, &(struct np_event){ 0 });
	pass(20000 * MS);
	expect_nothing();
}

/* ROCE0218 */
static void a_peer_without_buffers_is_given_time(void **state)
{
	post("a", 1, 0);
	t.out_read = t.out_count;
	feed_aeth(t.local.psn, 0x20 | 14); /* 1.28 ms */
	pass(MS);
	expect_nothing();
	post("b", 1, 0);
	expect_nothing();
	pass(MS);
	assert_memory_equal(expect(WIRE_SEND_ONLY, t.local.psn, 1), "a", 1);
	expect(WIRE_SEND_ONLY, t.local.psn + 1, -1);
}

/* ROCE0219 */
static void the_limit_ends_a_qp_without_progress(void **state)
{
	struct np_event e;

	post("a", 1, 0);
	for (int i = 0; i < 99; i++) {
		pass(100 * MS);
		expect_no_event();
		t.out_count = t.out_read = 0;
	}
	for (int i = 0; i < 10; i++)
		pass(100 * MS);
	expect_event(NP_EV_QP_ERROR, &e);
	expect_no_event();
}

/* ROCE0220 */
static void a_fatal_nak_ends_the_qp_and_says_of_which_work(void **state)
{
	struct np_event e;
	uint8_t to[4];

	post("a", 1, 0);
	assert_int_equal(t.p->ops->post_read(t.p, t.qp, &(struct np_sge){ to, 4 }, 1, 0, 77, 5, t.now), NP_OK);
	feed_aeth(t.local.psn + 1, 0x62);
	expect_event(NP_EV_SEND_DONE, &e);
	expect_event(NP_EV_READ_DONE, &e);
	assert_int_equal(e.wr_id, 5);
	assert_int_equal(e.status, NP_E_REMOTE_ACCESS);
	expect_event(NP_EV_QP_ERROR, &e);
	expect_no_event();
}

/* ROCE0221 */
static void a_read_goes_on_where_a_response_was_lost(void **state)
{
	static uint8_t to[4 * MTU], from[4 * MTU];
	const uint8_t aeth[4] = { 0x1f };
	const uint8_t *b;
	uint32_t psn = t.local.psn;
	struct np_event e;

	for (uint32_t i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(i * 3 + (i >> 9));
	assert_int_equal(t.p->ops->post_read(t.p, t.qp, &(struct np_sge){ to, 3 * MTU + 1 }, 1, 1000, 0x4444,
					     6, t.now), NP_OK);
	/* In parts of a quarter of the window: two packets each. */
	b = expect(WIRE_READ_REQUEST, psn, -1);
	assert_int_equal(get(b, 8), 1000);
	assert_int_equal(get(b + 8, 4), 0x4444);
	assert_int_equal(get(b + 12, 4), 2 * MTU);
	b = expect(WIRE_READ_REQUEST, psn + 2, -1);
	assert_int_equal(get(b, 8), 1000 + 2 * MTU);
	assert_int_equal(get(b + 12, 4), MTU + 1);
	feed_packet(WIRE_READ_FIRST, psn, false, aeth, 4, from, MTU);
	feed_packet(WIRE_READ_LAST, psn + 1, false, aeth, 4, from + MTU, MTU - 4); /* too short: as if lost */
	expect_nothing();
	feed_packet(WIRE_READ_FIRST, psn + 2, false, aeth, 4, from + 2 * MTU, MTU); /* a gap */
	b = expect(WIRE_READ_REQUEST, psn + 1, -1);
	assert_int_equal(get(b, 8), 1000 + MTU);
	assert_int_equal(get(b + 12, 4), 2 * MTU);
	b = expect(WIRE_READ_REQUEST, psn + 3, -1);
	feed_packet(WIRE_READ_LAST, psn + 3, false, aeth, 4, from + 3 * MTU, 1); /* of the first round: no more noise */
	expect_nothing();
	feed_packet(WIRE_READ_FIRST, psn + 1, false, aeth, 4, from + MTU, MTU);
	feed_packet(WIRE_READ_LAST, psn + 2, false, aeth, 4, from + 2 * MTU, MTU);
	feed_packet(WIRE_READ_LAST, psn + 2, false, aeth, 4, to, MTU); /* a duplicate */
	feed_packet(WIRE_READ_ONLY, psn + 3, false, aeth, 4, from + 3 * MTU, 1);
	expect_event(NP_EV_READ_DONE, &e);
	assert_int_equal(e.status, NP_OK);
	assert_memory_equal(to, from, 3 * MTU + 1);
	expect_nothing();
	pass(20000 * MS);
	expect_nothing();
}

/* ROCE0222 */
static void requests_that_cannot_be_are_refused(void **state)
{
	static uint8_t bytes[NP_SEND_MAX + 1];
	struct np_sge sge[NP_MAX_SGE + 1] = { { bytes, 1 } };
	struct np_qp_params remote = { .qpn = 1, .psn = 1, .mtu = 4096, .addr = PEER };
	np_qp_t qp;
	struct np_qp_params local;
	uint32_t rkey;

	assert_int_equal(t.p->ops->post_send(t.p, 3, sge, 1, 1, 0, t.now), NP_E_INVALID);
	assert_int_equal(t.p->ops->post_send(t.p, 4000, sge, 1, 1, 0, t.now), NP_E_INVALID);
	assert_int_equal(t.p->ops->post_send(t.p, t.qp, sge, NP_MAX_SGE + 1, 1, 0, t.now), NP_E_INVALID);
	sge[0].length = NP_SEND_MAX + 1;
	assert_int_equal(t.p->ops->post_send(t.p, t.qp, sge, 1, 1, 0, t.now), NP_E_INVALID);
	assert_int_equal(t.p->ops->connect(t.p, t.qp, &remote, t.now), NP_E_INVALID);
	assert_int_equal(t.p->ops->register_region(t.p, t.qp, sge, 0, 1, &rkey), NP_E_INVALID);
	assert_int_equal(t.p->ops->register_region(t.p, t.qp, sge, 1, 8, &rkey), NP_E_INVALID);
	assert_int_equal(t.p->ops->qp_create(t.p, &qp, &local), NP_OK);
	assert_int_equal(t.p->ops->post_send(t.p, qp, NULL, 0, 1, 0, t.now), NP_E_INVALID);
	for (int i = 0; i < 4; i++) {
		struct np_qp_params bad = remote;

		if (i == 0)
			bad.addr = 0x0b000001; /* another subnet */
		if (i == 1)
			bad.addr = US;
		if (i == 2)
			bad.mtu = 255;
		if (i == 3)
			bad.qpn = 0x1000000;
		assert_int_equal(t.p->ops->connect(t.p, qp, &bad, t.now), NP_E_INVALID);
	}
	t.p->ops->close(t.p, qp);
	for (int i = 0; i < 3; i++)
		assert_int_equal(t.p->ops->qp_create(t.p, &qp, &local), NP_OK);
	assert_int_equal(t.p->ops->qp_create(t.p, &qp, &local), NP_E_NO_RESOURCE);
	for (np_qp_t i = 0; i < 4; i++)
		if (i != t.qp)
			t.p->ops->close(t.p, i);
	expect_nothing();
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(arp_is_answered_for_us_only),
		CASE(echo_is_answered_if_it_is_right),
		CASE(what_is_wrong_is_counted_and_dropped),
		CASE(what_routers_change_is_not_in_the_icrc),
		CASE(a_send_is_acknowledged_when_asked_or_late),
		CASE(a_gap_is_reported_once_and_again_when_asked),
		CASE(a_duplicate_is_acknowledged_and_not_done_again),
		CASE(a_send_in_parts_is_put_together),
		CASE(requests_that_are_wrong_in_themselves_end_the_qp),
		CASE(without_a_buffer_the_peer_waits),
		CASE(writes_land_where_they_may),
		CASE(writes_that_may_not_be_change_nothing),
		CASE(reads_are_answered_in_order_and_again_from_the_middle),
		CASE(what_waits_for_room_is_superseded_or_settled),
		CASE(a_region_that_goes_in_the_middle_of_a_read_stops_it),
		CASE(a_region_that_goes_in_the_middle_of_a_read_done_again_ends_it_quietly),
		CASE(more_reads_than_places_are_left_for_later),
		CASE(an_immediate_takes_a_buffer_too),
		CASE(regions_and_pieces_run_out_and_come_back),
		CASE(who_does_not_answer_is_asked_again_as_long_as_it_is_wanted),
		CASE(few_places_for_neighbours_go_round),
		CASE(datagrams_are_checked),
		CASE(a_second_owner_of_our_address_is_counted),
		CASE(a_small_send_is_one_packet_that_asks_nothing),
		CASE(half_a_window_asks_and_a_full_one_waits),
		CASE(a_sequence_nak_goes_back_to_what_it_says),
		CASE(silence_is_probed_and_then_sent_again),
		CASE(a_peer_without_buffers_is_given_time),
		CASE(the_limit_ends_a_qp_without_progress),
		CASE(a_fatal_nak_ends_the_qp_and_says_of_which_work),
		CASE(a_read_goes_on_where_a_response_was_lost),
		CASE(requests_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

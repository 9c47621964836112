/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: two and three RoCE engines in one process, over a wire that loses, doubles, reorders and
 * corrupts by a seed: whatever it does, SENDs arrive whole, once and in order, READs and WRITEs are right,
 * and in the end nothing is left in use.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "net.h"

#define SECOND 1000000000ull

static const struct roce_config small = {
	.qps = 8, .sends = 64, .window = 64, .reads = 8, .small_buffers = 128, .large_buffers = 32,
	.regions = 16, .pieces = 4096, .transmit_buffers = 64, .neighbours = 8,
};
static const struct net_faults good = { .latency_ns = 10000 };
static const struct net_faults bad = { .loss_ppm = 10000, .double_ppm = 10000, .corrupt_ppm = 5000,
				       .no_room_ppm = 5000, .latency_ns = 10000, .jitter_ns = 15000 };

static void nothing_in_use(struct net *net)
{
	for (uint32_t i = 0; i < net->nodes; i++) {
		struct roce_usage u;

		for (np_qp_t qp = 0; qp < small.qps; qp++)
			net->node[i].provider->ops->close(net->node[i].provider, qp);
		u = roce_usage(net->node[i].roce);
		assert_int_equal(u.qps + u.regions + u.pieces + u.small_buffers + u.large_buffers, 0);
	}
}

/* ---- a stream of SENDs, each way between every pair ---- */

/* Message n of a stream: its length and bytes follow from (stream, n). */
static uint32_t message_length(uint32_t stream, uint32_t n)
{
	uint32_t h = (n * 2654435761u) ^ stream * 40503u;

	switch (h >> 28) {
	case 0: return NP_SEND_MAX - (h & 7);
	case 1: return h % 9000;
	case 2: return h % 300;
	default: return 8 + h % 60;
	}
}

static uint8_t message_byte(uint32_t stream, uint32_t n, uint32_t i)
{
	return (uint8_t)(stream * 7 + n * 31 + i * 3 + (i >> 8));
}

struct stream {
	struct net *net;
	uint32_t number, from, to, total;
	np_qp_t qp_from, qp_to;
	uint32_t sent, got, done;
	uint8_t *bytes[64];
};

static void stream_post(struct stream *s)
{
	struct provider *p = s->net->node[s->from].provider;

	while (s->sent < s->total && s->sent - s->done < 64) {
		uint32_t length = message_length(s->number, s->sent), cut = length / 3;
		uint8_t *bytes = malloc(length + 1);
		struct np_sge sge[2] = { { bytes, cut }, { bytes + cut, length - cut } };

		assert_non_null(bytes);
		for (uint32_t i = 0; i < length; i++)
			bytes[i] = message_byte(s->number, s->sent, i);
		if (p->ops->post_send(p, s->qp_from, sge, 2, s->sent, 0, s->net->now) != NP_OK) {
			free(bytes);
			return;
		}
		s->bytes[s->sent++ % 64] = bytes;
	}
}

static void stream_received(struct stream *s, const struct np_event *e)
{
	assert_int_equal(e->length, message_length(s->number, s->got));
	for (uint32_t i = 0; i < e->length; i++)
		if (e->data[i] != message_byte(s->number, s->got, i))
			fail_msg("stream %u message %u byte %u", s->number, s->got, i);
	s->got++;
}

struct streams {
	struct net *net;
	uint32_t count;
	struct stream stream[6];
};

static bool streams_step(void *ctx)
{
	struct streams *all = ctx;
	struct np_event e;
	bool finished = true;

	for (uint32_t n = 0; n < all->net->nodes; n++) {
		struct provider *p = all->net->node[n].provider;

		while (p->ops->next_event(p, &e)) {
			for (uint32_t i = 0; i < all->count; i++) {
				struct stream *s = &all->stream[i];

				if (e.kind == NP_EV_RECV && s->to == n && s->qp_to == e.qp)
					stream_received(s, &e);
				if (e.kind == NP_EV_SEND_DONE && s->from == n && s->qp_from == e.qp)
					while (s->done <= e.wr_id)
						free(s->bytes[s->done++ % 64]);
			}
			assert_int_not_equal(e.kind, NP_EV_QP_ERROR);
			if (e.buffer != NULL)
				p->ops->recv_done(p, e.buffer);
		}
	}
	for (uint32_t i = 0; i < all->count; i++) {
		stream_post(&all->stream[i]);
		finished &= all->stream[i].done == all->stream[i].total &&
			    all->stream[i].got == all->stream[i].total;
	}
	return finished;
}

static void run_streams(uint32_t nodes, uint64_t seed, const struct roce_config *config,
			const struct net_faults *faults, uint32_t total, uint64_t limit)
{
	struct net *net = net_create(nodes, seed, config, faults);
	struct streams all = { .net = net };

	for (uint32_t a = 0; a < nodes; a++)
		for (uint32_t b = a + 1; b < nodes; b++) {
			np_qp_t qa, qb;

			net_connect(net, a, b, &qa, &qb);
			all.stream[all.count] = (struct stream){ .net = net, .number = all.count, .from = a,
				.to = b, .qp_from = qa, .qp_to = qb, .total = total };
			all.count++;
			all.stream[all.count] = (struct stream){ .net = net, .number = all.count, .from = b,
				.to = a, .qp_from = qb, .qp_to = qa, .total = total };
			all.count++;
		}
	assert_true(net_run(net, limit, streams_step, &all));
	if (faults->loss_ppm) {
		assert_true(net->lost > 0 && net->doubled > 0 && net->corrupted > 0);
		assert_true(net_counter(net, 0, ROCE_drop_icrc) > 0);
		assert_true(net_counter(net, 0, ROCE_retransmitted) + net_counter(net, 0, ROCE_probes) > 0);
	} else {
		assert_int_equal(net_counter(net, 0, ROCE_retransmitted), 0);
		assert_int_equal(net_counter(net, 0, ROCE_rnr_in), 0);
	}
	nothing_in_use(net);
	net_destroy(net);
}

/* ROCE0001 */
static void sends_over_a_good_wire_are_sent_once(void **state)
{
	run_streams(2, 1, &small, &good, 5000, 100 * SECOND);
}

/* ROCE0002 */
static void a_hundred_thousand_sends_over_a_bad_wire(void **state)
{
	run_streams(2, 2, &small, &bad, 50000, 2000 * SECOND);
}

/* ROCE0003 */
static void three_engines_over_a_bad_wire(void **state)
{
	for (uint64_t seed = 10; seed < 20; seed++)
		run_streams(3, seed, &small, &bad, 300, 200 * SECOND);
}

/* ROCE0004 */
static void every_path_mtu_and_window(void **state)
{
	static const uint32_t link[] = { 400, 700, 1200, 1500, 2200, 9000 };
	static const uint32_t path[] = { 256, 512, 1024, 1024, 2048, 4096 };

	for (uint32_t i = 0; i < 6; i++)
		for (uint32_t window = 1; window <= 64; window *= 4) {
			struct roce_config c = small;

			c.link_mtu = link[i];
			c.window = window;
			c.reads = 1;
			assert_int_equal(roce_path_mtu(link[i]), path[i]);
			run_streams(2, 30 + i, &c, &bad, 200, 300 * SECOND);
		}
}

/* ROCE0005 */
static void few_buffers_cost_time_and_lose_nothing(void **state)
{
	struct roce_config c = small;
	struct net *net;
	struct provider *a, *b;
	np_qp_t qa, qb;
	struct np_event e;
	uint8_t bytes[50];
	uint32_t got = 0, sent = 0;

	c.small_buffers = 3;
	c.large_buffers = 1;
	net = net_create(2, 5, &c, &good);
	a = net->node[0].provider;
	b = net->node[1].provider;
	net_connect(net, 0, 1, &qa, &qb);
	for (; sent < 50; sent++) {
		bytes[sent] = (uint8_t)sent;
		assert_int_equal(a->ops->post_send(a, qa, &(struct np_sge){ &bytes[sent], 1 }, 1, sent, 0,
						   net->now), NP_OK);
	}
	while (got < 50 && net->now < 10 * SECOND) {
		net_run(net, net->now + 1000000, NULL, NULL);
		if (b->ops->next_event(b, &e)) {
			assert_int_equal(e.data[0], got++);
			b->ops->recv_done(b, e.buffer);
		}
	}
	assert_int_equal(got, 50);
	assert_true(net_counter(net, 0, ROCE_rnr_in) > 0);
	nothing_in_use(net);
	net_destroy(net);
}

/* ---- READ and WRITE ---- */

struct transfers {
	struct net *net;
	uint32_t done;
	uint32_t imms;
	uint32_t want;
};

static bool transfers_step(void *ctx)
{
	struct transfers *t = ctx;
	struct provider *a = t->net->node[0].provider, *b = t->net->node[1].provider;
	struct np_event e;

	while (a->ops->next_event(a, &e)) {
		assert_int_equal(e.status, NP_OK);
		assert_true(e.kind == NP_EV_READ_DONE || e.kind == NP_EV_WRITE_DONE);
		assert_int_equal(e.wr_id, t->done++);
	}
	while (b->ops->next_event(b, &e)) {
		assert_int_equal(e.kind, NP_EV_WRITE_IMM);
		assert_int_equal(e.imm, 1000 + t->imms++);
	}
	return t->done == t->want;
}

/* ROCE0006 */
static void reads_and_writes_of_any_shape_over_a_bad_wire(void **state)
{
	static uint8_t remote[300000], copy[300000], local[100000], shadow[100000];

	for (uint64_t seed = 60; seed < 75; seed++) {
		struct roce_config c = small;
		struct transfers t = { 0 };
		struct np_sge pieces[200];
		uint32_t count = 0, at = 0, rkey, imms = 0;
		struct provider *a, *b;
		np_qp_t qa, qb;
		struct net *net;

		c.link_mtu = seed % 3 == 0 ? 9000 : seed % 3 == 1 ? 1500 : 1024;
		c.window = seed % 2 ? 64 : 256;
		net = net_create(2, seed, &c, &bad);
		t.net = net;
		a = net->node[0].provider;
		b = net->node[1].provider;
		net_connect(net, 0, 1, &qa, &qb);
		for (uint32_t i = 0; i < sizeof(remote); i++)
			copy[i] = remote[i] = (uint8_t)net_random(net);
		/* The region: the bytes of remote[] in pieces of every size. */
		while (at < sizeof(remote) && count < 199) {
			uint32_t n = (uint32_t)(net_random(net) % (count % 3 == 0 ? 9 : 3000));

			if (n > sizeof(remote) - at)
				n = (uint32_t)sizeof(remote) - at;
			pieces[count++] = (struct np_sge){ remote + at, n };
			at += n;
		}
		pieces[count++] = (struct np_sge){ remote + at, (uint32_t)sizeof(remote) - at };
		assert_int_equal(b->ops->register_region(b, qb, pieces, count, NP_ACCESS_REMOTE_READ |
							 NP_ACCESS_REMOTE_WRITE, &rkey), NP_OK);
		for (uint32_t round = 0; round < 60; round++) {
			uint32_t length = (uint32_t)(net_random(net) % (round % 4 ? 5000 : sizeof(local)));
			uint64_t offset = net_random(net) % (sizeof(remote) - length);
			struct np_sge sge[3] = { { local, length / 5 }, { local + length / 5, 0 },
						 { local + length / 5, length - length / 5 } };
			bool write = net_random(net) & 1, imm = write && (net_random(net) & 1);

			if (write) {
				for (uint32_t i = 0; i < length; i++)
					copy[offset + i] = local[i] = (uint8_t)net_random(net);
				assert_int_equal(a->ops->post_write(a, qa, sge, 3, offset, rkey, imm,
								    1000 + imms, round, net->now), NP_OK);
				imms += imm;
			} else {
				memset(local, 0, sizeof(local));
				assert_int_equal(a->ops->post_read(a, qa, sge, 3, offset, rkey, round,
								   net->now), NP_OK);
			}
			t.want = round + 1;
			assert_true(net_run(net, net->now + 100 * SECOND, transfers_step, &t));
			if (write)
				assert_memory_equal(remote, copy, sizeof(remote));
			else
				assert_memory_equal(local, copy + offset, length);
		}
		/* Many at once, of one region: they are answered in order. */
		for (uint32_t i = 0; i < 40; i++) {
			struct np_sge sge = { shadow + i * 2500, 2500 };

			assert_int_equal(a->ops->post_read(a, qa, &sge, 1, i * 2500, rkey, 60 + i,
							   net->now), NP_OK);
		}
		t.want = 100;
		assert_true(net_run(net, net->now + 100 * SECOND, transfers_step, &t));
		assert_memory_equal(shadow, copy, 100000);
		assert_int_equal(t.imms, imms);
		nothing_in_use(net);
		net_destroy(net);
	}
}

/* ROCE0007 */
static void an_rkey_is_good_on_its_qp_for_its_bytes_and_access_only(void **state)
{
	static uint8_t bytes[1000], local[1000];
	struct { uint64_t offset; uint32_t length; bool write; int how; } tries[] = {
		{ 0, 1000, false, 1 },   /* 1: another QP */
		{ 0, 1000, false, 2 },   /* 2: a wrong key */
		{ 0, 1000, false, 3 },   /* 3: after invalidate */
		{ 1, 1000, false, 0 }, { 1001, 0, true, 4 } /* 4: allowed: no byte */,
		{ UINT64_MAX, 2, false, 0 }, { 0, 1, true, 0 },
	};

	for (uint32_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		struct net *net = net_create(2, 70 + i, &small, &good);
		struct provider *a = net->node[0].provider, *b = net->node[1].provider;
		struct np_sge local_sge = { local, tries[i].length };
		np_qp_t qa, qb, qa2, qb2;
		struct np_event e;
		uint32_t rkey;

		net_connect(net, 0, 1, &qa, &qb);
		net_connect(net, 0, 1, &qa2, &qb2);
		b->ops->register_region(b, qb, &(struct np_sge){ bytes, 1000 }, 1, NP_ACCESS_REMOTE_READ,
					&rkey);
		if (tries[i].how == 3)
			b->ops->invalidate(b, rkey);
		if (tries[i].how == 2)
			rkey ^= 0x10000;
		if (tries[i].write)
			a->ops->post_write(a, tries[i].how == 1 ? qa2 : qa, &local_sge, 1, tries[i].offset,
					   rkey, false, 0, 9, net->now);
		else
			a->ops->post_read(a, tries[i].how == 1 ? qa2 : qa, &local_sge, 1, tries[i].offset,
					  rkey, 9, net->now);
		net_run(net, SECOND, NULL, NULL);
		assert_true(a->ops->next_event(a, &e));
		assert_int_equal(e.wr_id, 9);
		assert_int_equal(e.kind, tries[i].write ? NP_EV_WRITE_DONE : NP_EV_READ_DONE);
		assert_int_equal(e.status, tries[i].how == 4 ? NP_OK : NP_E_REMOTE_ACCESS);
		if (tries[i].how != 4) {
			assert_true(a->ops->next_event(a, &e) && e.kind == NP_EV_QP_ERROR);
			assert_true(b->ops->next_event(b, &e) && e.kind == NP_EV_QP_ERROR);
		}
		assert_false(a->ops->next_event(a, &e));
		nothing_in_use(net);
		net_destroy(net);
	}
}

/* ROCE0008 */
static void a_peer_away_costs_the_qp_only_after_the_limit(void **state)
{
	struct roce_config c = small;
	struct net *net;
	struct provider *a;
	struct np_event e;
	np_qp_t qa, qb;

	c.retry_limit_ns = 20 * SECOND;
	net = net_create(2, 8, &c, &good);
	a = net->node[0].provider;
	net_connect(net, 0, 1, &qa, &qb);
	net_run(net, SECOND, NULL, NULL);
	net->cut = true;
	a->ops->post_send(a, qa, &(struct np_sge){ "x", 1 }, 1, 1, 0, net->now);
	net_run(net, 20 * SECOND, NULL, NULL);
	assert_false(a->ops->next_event(a, &e));
	net->cut = false;
	net_run(net, 21 * SECOND, NULL, NULL);
	assert_true(a->ops->next_event(a, &e) && e.kind == NP_EV_SEND_DONE);
	net->cut = true;
	a->ops->post_send(a, qa, &(struct np_sge){ "y", 1 }, 1, 2, 0, net->now);
	net_run(net, 45 * SECOND, NULL, NULL);
	assert_true(a->ops->next_event(a, &e) && e.kind == NP_EV_QP_ERROR);
	assert_int_equal(a->ops->post_send(a, qa, NULL, 0, 3, 0, net->now), NP_E_INVALID);
	nothing_in_use(net);
	net_destroy(net);
}

/* ROCE0009 */
static void datagrams_go_to_one_and_to_all(void **state)
{
	struct net *net = net_create(3, 9, &small, &good);
	struct provider *a = net->node[0].provider;
	static uint8_t big[ROCE_DATAGRAM_MAX];
	struct np_event e;

	memset(big, 'b', sizeof(big));
	assert_int_equal(a->ops->send_datagram(a, NET_ADDR + 1, "one", 3, net->now), NP_OK); /* waits for ARP */
	assert_int_equal(a->ops->send_datagram(a, NP_ADDR_BROADCAST, big, sizeof(big), net->now), NP_OK);
	assert_int_equal(a->ops->send_datagram(a, NET_ADDR + 1, big, sizeof(big) + 1, net->now),
			 NP_E_INVALID);
	assert_int_equal(a->ops->send_datagram(a, 0x0b000001, big, 1, net->now), NP_E_INVALID);
	net_run(net, SECOND, NULL, NULL);
	for (uint32_t i = 1; i < 3; i++) {
		struct provider *p = net->node[i].provider;

		assert_true(p->ops->next_event(p, &e) && e.kind == NP_EV_DATAGRAM);
		assert_int_equal(e.length, sizeof(big));
		assert_memory_equal(e.data, big, sizeof(big));
		assert_int_equal(e.from, NET_ADDR);
		p->ops->recv_done(p, e.buffer);
		if (i == 1) {
			assert_true(p->ops->next_event(p, &e) && e.length == 3);
			assert_memory_equal(e.data, "one", 3);
			p->ops->recv_done(p, e.buffer);
		}
		assert_false(p->ops->next_event(p, &e));
	}
	assert_int_equal(net_counter(net, 0, ROCE_arp_requests), 1);
	nothing_in_use(net);
	net_destroy(net);
}

/* ---- a ping-pong as an RPC does it: what it costs in packets ---- */

struct pingpong {
	struct net *net;
	np_qp_t qp[2];
	uint32_t done, total;
	uint8_t byte[2];
	bool owed[2]; /* the send queue was full */
};

static bool pingpong_step(void *ctx)
{
	struct pingpong *t = ctx;
	struct np_event e;

	for (uint32_t n = 0; n < 2; n++) {
		struct provider *p = t->net->node[n].provider;

		while (p->ops->next_event(p, &e)) {
			if (e.kind != NP_EV_RECV)
				continue;
			p->ops->recv_done(p, e.buffer);
			t->done += n == 0;
			t->owed[n] = n == 1 || t->done < t->total;
		}
		if (t->owed[n])
			t->owed[n] = p->ops->post_send(p, t->qp[n], &(struct np_sge){ &t->byte[n], 1 }, 1, 0,
						       0, t->net->now) != NP_OK;
	}
	return t->done == t->total;
}

/* ROCE0010 */
static void a_small_call_is_two_packets(void **state)
{
	struct pingpong t = { .net = net_create(2, 10, &small, &good), .total = 10000 };
	struct provider *a = t.net->node[0].provider;
	uint64_t frames;

	net_connect(t.net, 0, 1, &t.qp[0], &t.qp[1]);
	a->ops->post_send(a, t.qp[0], &(struct np_sge){ t.byte, 1 }, 1, 0, 0, t.net->now);
	assert_true(net_run(t.net, 100 * SECOND, pingpong_step, &t));
	frames = net_counter(t.net, 0, ROCE_frames_out) + net_counter(t.net, 1, ROCE_frames_out);
	/* Two SENDs for each, and one ACK in 32 SENDs. */
	assert_in_range(frames, 20000, 20000 + 20000 / 32 + 10);
	/* Idle: what is open is acknowledged without being asked, nothing is sent again, then silence. */
	net_run(t.net, t.net->now + SECOND, NULL, NULL);
	frames = net_counter(t.net, 0, ROCE_frames_out) + net_counter(t.net, 1, ROCE_frames_out);
	assert_in_range(frames, 20000, 20000 + 20000 / 32 + 14);
	assert_int_equal(net_counter(t.net, 0, ROCE_retransmitted) + net_counter(t.net, 0, ROCE_probes), 0);
	net_run(t.net, t.net->now + 10 * SECOND, NULL, NULL);
	assert_int_equal(net_counter(t.net, 0, ROCE_frames_out) + net_counter(t.net, 1, ROCE_frames_out),
			 frames);
	nothing_in_use(t.net);
	net_destroy(t.net);
}

/* ROCE0012 */
static void a_lost_frame_costs_a_call_few_milliseconds(void **state)
{
	struct net_faults faults = { .loss_ppm = 10000, .latency_ns = 40000, .jitter_ns = 20000 };
	struct pingpong t = { .net = net_create(2, 12, &small, &faults), .total = 20000 };
	struct provider *a = t.net->node[0].provider;
	uint64_t start = t.net->now, spent, per_loss;

	net_connect(t.net, 0, 1, &t.qp[0], &t.qp[1]);
	a->ops->post_send(a, t.qp[0], &(struct np_sge){ t.byte, 1 }, 1, 0, 0, t.net->now);
	assert_true(net_run(t.net, 1000 * SECOND, pingpong_step, &t));
	spent = t.net->now - start;
	per_loss = (spent - 20000ull * 100000) / t.net->lost;
	print_message("# %llu us for each lost frame, %llu frames lost\n", (unsigned long long)per_loss / 1000,
		      (unsigned long long)t.net->lost);
	assert_in_range(per_loss, 0, 4000000);
	nothing_in_use(t.net);
	net_destroy(t.net);
}

/* ROCE0011 */
static void psns_pass_the_fold(void **state)
{
	/* The first PSN is random in 2^24: take one just before the fold. */
	struct net *net = net_create(2, 11, &small, &bad);
	struct provider *a = net->node[0].provider, *b = net->node[1].provider;
	struct np_qp_params la, lb;
	struct np_event e;
	np_qp_t qa, qb;
	uint32_t got = 0, sent = 0;
	static uint32_t words[600];

	do {
		a->ops->qp_create(a, &qa, &la);
		if (la.psn < 0xfff000)
			a->ops->close(a, qa);
	} while (la.psn < 0xfff000);
	b->ops->qp_create(b, &qb, &lb);
	a->ops->connect(a, qa, &lb, net->now);
	b->ops->connect(b, qb, &la, net->now);
	for (uint32_t round = 0; round < 20; round++, got = sent = 0)
		while (got < 600) {
			for (; sent < 600; sent++) {
				words[sent] = sent;
				if (a->ops->post_send(a, qa, &(struct np_sge){ &words[sent], 4 }, 1, sent, 0,
						      net->now) != NP_OK)
					break;
			}
			net_run(net, net->now + 100000, NULL, NULL);
			while (a->ops->next_event(a, &e))
				assert_int_equal(e.kind, NP_EV_SEND_DONE);
			while (b->ops->next_event(b, &e)) {
				assert_memory_equal(e.data, &words[got++], 4);
				b->ops->recv_done(b, e.buffer);
			}
		}
	nothing_in_use(net);
	net_destroy(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_over_a_good_wire_are_sent_once),
		cmocka_unit_test(a_hundred_thousand_sends_over_a_bad_wire),
		cmocka_unit_test(three_engines_over_a_bad_wire),
		cmocka_unit_test(every_path_mtu_and_window),
		cmocka_unit_test(few_buffers_cost_time_and_lose_nothing),
		cmocka_unit_test(reads_and_writes_of_any_shape_over_a_bad_wire),
		cmocka_unit_test(an_rkey_is_good_on_its_qp_for_its_bytes_and_access_only),
		cmocka_unit_test(a_peer_away_costs_the_qp_only_after_the_limit),
		cmocka_unit_test(datagrams_go_to_one_and_to_all),
		cmocka_unit_test(a_small_call_is_two_packets),
		cmocka_unit_test(a_lost_frame_costs_a_call_few_milliseconds),
		cmocka_unit_test(psns_pass_the_fold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: any bytes on the fabric: no crash, no hang, no byte written where none may be, and the engine
 * still serves an honest peer afterwards.
 *
 * fuzz_roce [SECONDS] [SEED]: an engine is fed frames: noise, real frames of a second engine with a few bytes
 * changed, and packets put together from hostile fields, nearly all with the checksums made right (else the
 * ICRC would stop them). ASan and UBSan watch; a region is fenced by bytes that must stay as they are.
 * Without arguments 5 s and seed 1, as a test; for long runs, more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <base/crc32.h>
#include <wire/packet.h>

#include "../unit/roce/net.h"

static const struct roce_config config = {
	.link_mtu = 1500, .qps = 4, .sends = 16, .window = 16, .reads = 4, .small_buffers = 8,
	.large_buffers = 4, .regions = 4, .pieces = 64, .transmit_buffers = 16, .neighbours = 4,
};

/* 0xa5 around what the peer may write. */
static struct {
	uint8_t before[4096], bytes[10000], after[4096];
} fenced;
static uint8_t local[20000];
static uint64_t fed;
static volatile uint8_t seen;

static void die(const char *what)
{
	printf("Bail out! %s\n", what);
	abort();
}

/* Makes the IPv4 checksum and the ICRC right. */
static void seal(uint8_t *frame, uint32_t length)
{
	struct wire_head *head = (void *)frame;
	uint8_t masked[2048];
	uint32_t sum = 0, crc;

	if (length < sizeof(*head) + 4 || length > sizeof(masked))
		return;
	head->ipv4.checksum = be16_put(0);
	for (uint32_t i = 14; i < 34; i += 2)
		sum += (uint32_t)frame[i] << 8 | frame[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	head->ipv4.checksum = be16_put(~((sum & 0xffff) + (sum >> 16)));
	memcpy(masked, frame, length);
	masked[15] = masked[22] = masked[24] = masked[25] = masked[40] = masked[41] = masked[46] = 0xff;
	crc = ~crc32_update(0xdebb20e3u, masked + 14, length - 18);
	for (uint32_t i = 0; i < 4; i++)
		frame[length - 4 + i] = (uint8_t)(crc >> 8 * i);
}

static void feed(struct net *net, uint32_t to, const uint8_t *frame, uint32_t length)
{
	uint8_t *exact = malloc(length ? length : 1); /* ASan sees a read past the end */

	if (exact == NULL)
		abort();
	memcpy(exact, frame, length);
	roce_input(net->node[to].roce, exact, length, net->now);
	free(exact);
	fed++;
}

/* A number near what matters, or anywhere. */
static uint32_t edge(struct net *net, uint32_t about)
{
	uint64_t r = net_random(net);

	return r % 4 == 0 ? (uint32_t)(r >> 32) : about + (uint32_t)(r >> 32) % 5 - 2;
}

/* A packet to node 0's QP as if from node 1, of hostile fields. */
static void forge(struct net *net, const struct np_qp_params *params, uint32_t rkey, uint32_t psn)
{
	uint8_t frame[2048] = { 0 };
	struct wire_head *head = (void *)frame;
	struct wire_reth *reth = (void *)(head + 1);
	uint32_t length = sizeof(*head) + 4 + (uint32_t)(net_random(net) % 1200) / 4 * 4;

	if (net_random(net) % 4 == 0) /* a full packet: firsts and middles */
		length = sizeof(*head) + 4 + 1024 + (net_random(net) & 1 ? 16 : 0);
	for (uint32_t i = sizeof(*head); i < length; i++)
		frame[i] = (uint8_t)net_random(net);
	memcpy(head->ethernet.destination, "\x02\x4d\0\0\0\x01", 6);
	memcpy(head->ethernet.source, "\x02\x4d\0\0\0\x02", 6);
	head->ethernet.type = be16_put(WIRE_TYPE_IPV4);
	head->ipv4 = (struct wire_ipv4){ .version_length = 0x45, .length = be16_put(length - 14), .ttl = 9,
		.protocol = 17, .source = be32_put(NET_ADDR + 1), .destination = be32_put(NET_ADDR) };
	head->udp = (struct wire_udp){ .destination = be16_put(WIRE_PORT_ROCE), .length = be16_put(length - 34) };
	head->bth = (struct wire_bth){ .opcode = (uint8_t)(net_random(net) % 20),
		.flags = (uint8_t)(net_random(net) & 0x30), .pkey = be16_put(0xffff),
		.qpn = be24_put(params->qpn), .ack_request = (uint8_t)net_random(net), .psn = be24_put(psn) };
	if (net_random(net) & 1)
		head->bth.flags = 0;
	if (length >= sizeof(*head) + 20 && net_random(net) % 4) {
		uint32_t about = net_random(net) & 1 ? 0 : length - (uint32_t)sizeof(*head) - 20;

		*reth = (struct wire_reth){ be64_put(net_random(net) % 8 ? edge(net, 9000) : net_random(net)),
					    be32_put(net_random(net) % 8 ? rkey : edge(net, rkey)),
					    be32_put(edge(net, about)) };
	}
	if (net_random(net) & 1)
		frame[sizeof(*head)] &= 0x7f; /* a syndrome that may be */
	seal(frame, length);
	feed(net, 0, frame, length);
}

static void check_fences(void)
{
	for (uint32_t i = 0; i < sizeof(fenced.before); i++)
		if (fenced.before[i] != 0xa5 || fenced.after[i] != 0xa5)
			die("a byte outside the region was written");
}

static void drain(struct net *net)
{
	struct np_event e;

	for (uint32_t n = 0; n < 2; n++) {
		struct provider *p = net->node[n].provider;

		while (p->ops->next_event(p, &e)) {
			if (e.buffer == NULL)
				continue;
			if (e.length > NP_SEND_MAX)
				die("an event is too long");
			for (uint32_t i = 0; i < e.length; i++)
				seen ^= e.data[i];
			p->ops->recv_done(p, e.buffer);
		}
	}
}

/* Frames of honest traffic on their way are changed a little, made to look right, and come first. */
static void mutate_queued(struct net *net)
{
	for (uint32_t i = 0; i < net->count; i++) {
		struct net_frame *f = &net->frames[i];
		uint8_t copy[2048];
		uint32_t length = f->length;

		if (length < 42 || length > 1600)
			continue;
		memcpy(copy, f->bytes, length);
		for (uint64_t n = net_random(net) % 4; n > 0; n--)
			copy[net_random(net) % length] = (uint8_t)net_random(net);
		if (net_random(net) % 8 == 0)
			length = (uint32_t)(net_random(net) % (length + 1));
		if (net_random(net) % 16)
			seal(copy, length);
		feed(net, f->from ^ 1, copy, length);
	}
}

static void noise(struct net *net)
{
	uint8_t frame[1600];
	uint32_t length = (uint32_t)(net_random(net) % sizeof(frame));

	for (uint32_t i = 0; i < length; i++)
		frame[i] = (uint8_t)net_random(net);
	if (length > 14 && net_random(net) % 4) {
		memcpy(frame, "\x02\x4d\0\0\0\x01", 6);
		frame[6] = 2;
		frame[12] = 8;
		frame[13] = net_random(net) & 1 ? 0 : 6;
	}
	if (length > 42 && net_random(net) & 1) {
		frame[14] = 0x45;
		frame[20] = frame[21] = 0;
		frame[23] = net_random(net) & 1 ? 17 : 1;
		memcpy(frame + 26, "\x0a\x4d\0\x02\x0a\x4d\0\x01", 8);
		if (net_random(net) & 1)
			memcpy(frame + 36, "\xc2\xd5", 2); /* the datagram port */
		seal(frame, length);
	}
	feed(net, 0, frame, length);
}

/* One life of a pair of QPs under fire. */
static void life(struct net *net)
{
	struct provider *a = net->node[0].provider, *b = net->node[1].provider;
	struct np_qp_params la, lb;
	struct np_sge sge = { local, 0 };
	np_qp_t qa, qb;
	uint32_t rkey, psn;

	if (a->ops->qp_create(a, &qa, &la) != NP_OK || b->ops->qp_create(b, &qb, &lb) != NP_OK ||
	    a->ops->connect(a, qa, &lb, net->now) != NP_OK || b->ops->connect(b, qb, &la, net->now) != NP_OK)
		die("no QP");
	a->ops->register_region(a, qa, &(struct np_sge){ fenced.bytes, sizeof(fenced.bytes) }, 1,
				NP_ACCESS_REMOTE_READ | NP_ACCESS_REMOTE_WRITE, &rkey);
	psn = lb.psn;
	for (int i = 0; i < 60; i++) {
		sge.length = (uint32_t)(net_random(net) % 3000);
		switch (net_random(net) % 8) {
		case 0: b->ops->post_write(b, qb, &sge, 1, 100, rkey, net_random(net) & 1, 1, 1, net->now); break;
		case 1: b->ops->post_read(b, qb, &sge, 1, 100, rkey, 1, net->now); break;
		case 2: a->ops->post_read(a, qa, &sge, 1, 100, 5, 1, net->now); break;
		case 3: a->ops->post_send(a, qa, &sge, 1, 1, 0, net->now); break;
		case 4: noise(net); break;
		case 5: mutate_queued(net); break;
		default:
			/* Near the PSN that is expected, as the forger believes. */
			forge(net, &la, rkey, net_random(net) % 3 ? psn : edge(net, psn));
			psn += net_random(net) & 1;
		}
		net_run(net, net->now + net_random(net) % 300000, NULL, NULL);
		drain(net);
	}
	check_fences();
	a->ops->close(a, qa);
	b->ops->close(b, qb);
	drain(net);
}

static bool got_it(void *ctx)
{
	struct net *net = ctx;
	struct provider *a = net->node[0].provider;
	struct np_event e;
	bool got = false;

	while (a->ops->next_event(a, &e)) {
		got |= e.kind == NP_EV_RECV && e.length == 4 && memcmp(e.data, "ping", 4) == 0;
		if (e.buffer != NULL)
			a->ops->recv_done(a, e.buffer);
	}
	return got;
}

/* Nothing is left in use, and an honest pair of QPs still works. */
static void still_serves(struct net *net)
{
	struct provider *a = net->node[0].provider, *b = net->node[1].provider;
	struct roce_usage u;
	np_qp_t qa, qb;

	net_run(net, net->now + 5000000000u, NULL, NULL);
	drain(net);
	u = roce_usage(net->node[0].roce);
	if (u.qps + u.regions + u.pieces + u.small_buffers + u.large_buffers + u.transmit_buffers != 0)
		die("something is still in use");
	net_connect(net, 0, 1, &qa, &qb);
	b->ops->post_send(b, qb, &(struct np_sge){ "ping", 4 }, 1, 1, 0, net->now);
	if (!net_run(net, net->now + 20000000000u, got_it, net))
		die("an honest peer is not served any more");
	a->ops->close(a, qa);
	b->ops->close(b, qb);
}

int main(int argc, char **argv)
{
	uint32_t seconds = argc > 1 ? (uint32_t)atoi(argv[1]) : 5;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1, worlds = 0;
	time_t end = time(NULL) + seconds;

	memset(&fenced, 0xa5, sizeof(fenced));
	printf("1..1\n");
	for (; time(NULL) < end; seed++, worlds++) {
		struct net_faults faults = { .latency_ns = 10000, .jitter_ns = 5000, .loss_ppm = 1000 };
		struct net *net = net_create(2, seed, &config, &faults);

		for (int i = 0; i < 50; i++)
			life(net);
		still_serves(net);
		net_destroy(net);
	}
	printf("ok 1 - ROCE0301 %llu hostile frames in %llu worlds\n", (unsigned long long)fed,
	       (unsigned long long)worlds);
	return 0;
}

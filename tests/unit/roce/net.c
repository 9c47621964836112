/* SPDX-License-Identifier: BSD-2-Clause */
/* net.c - see net.h. */
#include <stdlib.h>
#include <string.h>

#include "net.h"

uint64_t net_random(struct net *net)
{
	uint64_t z = (net->random += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static bool chance(struct net *net, uint32_t ppm)
{
	return ppm != 0 && net_random(net) % 1000000 < ppm;
}

static bool before(const struct net_frame *a, const struct net_frame *b)
{
	return a->time != b->time ? a->time < b->time : a->sequence < b->sequence;
}

static void push(struct net *net, struct net_frame frame)
{
	uint32_t at = net->count++;

	if (net->count > net->room) {
		net->room = net->room ? net->room * 2 : 64;
		net->frames = realloc(net->frames, net->room * sizeof(frame));
		if (net->frames == NULL)
			abort();
	}
	frame.sequence = net->sequence++;
	for (uint32_t up; at > 0 && before(&frame, &net->frames[up = (at - 1) / 2]); at = up)
		net->frames[at] = net->frames[up];
	net->frames[at] = frame;
}

static struct net_frame pop(struct net *net)
{
	struct net_frame first = net->frames[0], last = net->frames[--net->count];
	uint32_t at = 0;

	for (uint32_t down; (down = 2 * at + 1) < net->count; at = down) {
		if (down + 1 < net->count && before(&net->frames[down + 1], &net->frames[down]))
			down++;
		if (!before(&net->frames[down], &last))
			break;
		net->frames[at] = net->frames[down];
	}
	net->frames[at] = last;
	return first;
}

static void put32(FILE *f, uint32_t v)
{
	fwrite(&v, 4, 1, f);
}

void net_pcap_open(struct net *net, const char *path)
{
	net->pcap = fopen(path, "wb");
	if (net->pcap == NULL)
		abort();
	put32(net->pcap, 0xa1b2c3d4);
	put32(net->pcap, 2 | 4 << 16);
	put32(net->pcap, 0);
	put32(net->pcap, 0);
	put32(net->pcap, 65535);
	put32(net->pcap, 1); /* Ethernet */
}

static void pcap_put(struct net *net, const uint8_t *bytes, uint32_t length)
{
	put32(net->pcap, (uint32_t)(net->now / 1000000000));
	put32(net->pcap, (uint32_t)(net->now % 1000000000 / 1000));
	put32(net->pcap, length);
	put32(net->pcap, length);
	fwrite(bytes, length, 1, net->pcap);
}

static enum roce_sent output(void *ctx, const struct np_sge *pieces, uint32_t count, uint32_t flags,
			     uint64_t cookie)
{
	struct net_node *node = ctx;
	struct net *net = node->net;
	const struct net_faults *faults = &net->faults;
	uint32_t length = 0, copies = 1;
	uint8_t *bytes;

	if (chance(net, faults->no_room_ppm)) {
		node->room_ns = net->now + 1000 + net_random(net) % 20000;
		return ROCE_SENT_NO_ROOM;
	}
	for (uint32_t i = 0; i < count; i++)
		length += pieces[i].length;
	if (count > ROCE_PIECES_MAX || (cookie == 0 && length > ROCE_COPY_BYTES) ||
	    (cookie != 0 && count != 1))
		abort();
	bytes = malloc(length);
	if (bytes == NULL)
		abort();
	length = 0;
	for (uint32_t i = 0; i < count; length += pieces[i++].length)
		memcpy(bytes + length, pieces[i].base, pieces[i].length);
	if (net->pcap != NULL)
		pcap_put(net, bytes, length);
	if (net->cut || chance(net, faults->loss_ppm)) {
		net->lost++;
		copies = 0;
	} else if (chance(net, faults->double_ppm)) {
		net->doubled++;
		copies = 2;
	}
	/* A frame without receivers still comes back to its driver. */
	for (uint32_t i = 0; i < copies || (i == 0 && cookie != 0); i++) {
		struct net_frame frame = { .from = node->number, .life = node->life, .length = copies ? length : 0,
					   .cookie = i == 0 ? cookie : 0 };

		frame.time = net->now + faults->latency_ns +
			     (faults->jitter_ns ? net_random(net) % faults->jitter_ns : 0);
		frame.bytes = malloc(length);
		if (frame.bytes == NULL)
			abort();
		memcpy(frame.bytes, bytes, length);
		if (chance(net, faults->corrupt_ppm)) {
			uint64_t bit = net_random(net) % (length * 8);

			net->corrupted++;
			frame.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		push(net, frame);
	}
	free(bytes);
	return cookie ? ROCE_SENT_HELD : ROCE_SENT_COPIED;
}

static void boot(struct net_node *node)
{
	node->config.random[0] = net_random(node->net);
	node->config.random[1] = net_random(node->net);
	node->room_ns = UINT64_MAX;
	node->down = false;
	node->roce = roce_init(node->memory, node->size, &node->config);
	if (node->roce == NULL)
		abort();
	node->provider = roce_provider(node->roce);
}

struct net *net_create(uint32_t nodes, uint64_t seed, const struct roce_config *config,
		       const struct net_faults *faults)
{
	struct net *net = calloc(1, sizeof(*net));

	if (net == NULL)
		abort();
	net->random = seed;
	net->nodes = nodes;
	net->faults = *faults;
	net->now = 1000000;
	for (uint32_t i = 0; i < nodes; i++) {
		struct net_node *node = &net->node[i];
		struct roce_config *c = &node->config;

		node->net = net;
		node->number = i;
		*c = *config;
		c->self = NET_ADDR + i;
		c->netmask = 0xffffff00;
		memcpy(c->mac, "\x02\x4d\x00\x00\x00\x01", 6);
		c->mac[5] = (uint8_t)(i + 1);
		if (c->link_mtu == 0)
			c->link_mtu = 9000;
		c->output = output;
		c->output_ctx = node;
		node->size = roce_memory_bytes(c);
		node->memory = aligned_alloc(64, (node->size + 63) / 64 * 64);
		if (node->memory == NULL)
			abort();
		boot(node);
	}
	return net;
}

void net_crash(struct net *net, uint32_t node)
{
	net->node[node].down = true;
	net->node[node].life++;
	/* What was there is dead: ASan sees who still looks. */
	memset(net->node[node].memory, 0xdb, net->node[node].size);
}

void net_restart(struct net *net, uint32_t node)
{
	boot(&net->node[node]);
}

void net_destroy(struct net *net)
{
	for (uint32_t i = 0; i < net->count; i++)
		free(net->frames[i].bytes);
	for (uint32_t i = 0; i < net->nodes; i++)
		free(net->node[i].memory);
	if (net->pcap != NULL)
		fclose(net->pcap);
	free(net->frames);
	free(net);
}

static void deliver(struct net *net, struct net_frame *frame)
{
	struct net_node *from = &net->node[frame->from];

	if (frame->cookie != 0 && from->life == frame->life && !from->down)
		roce_transmitted(from->roce, frame->cookie);
	for (uint32_t i = 0; frame->length > 0 && i < net->nodes; i++) {
		uint8_t *exact; /* so that ASan sees a read past the frame */

		if (i == frame->from || net->node[i].down || net->cut_pair[frame->from][i])
			continue;
		exact = malloc(frame->length);
		if (exact == NULL)
			abort();
		memcpy(exact, frame->bytes, frame->length);
		roce_input(net->node[i].roce, exact, frame->length, net->now);
		free(exact);
	}
	free(frame->bytes);
}

/* All engines do what is due now. Returns when something happens next. */
static uint64_t run_engines(struct net *net)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < net->nodes; i++) {
		struct net_node *node = &net->node[i];
		uint64_t deadline = node->down ? UINT64_MAX : roce_run(node->roce, net->now);

		if (deadline < next)
			next = deadline;
		if (!node->down && node->room_ns < next)
			next = node->room_ns;
	}
	if (net->count && net->frames[0].time < next)
		next = net->frames[0].time;
	return next;
}

static void step(struct net *net, uint64_t now)
{
	if (now > net->now)
		net->now = now;
	for (uint32_t i = 0; i < net->nodes; i++)
		if (!net->node[i].down && net->node[i].room_ns <= net->now) {
			net->node[i].room_ns = UINT64_MAX;
			roce_room(net->node[i].roce);
		}
	while (net->count && net->frames[0].time <= net->now) {
		struct net_frame frame = pop(net);

		deliver(net, &frame);
	}
}

uint64_t net_advance(struct net *net, uint64_t now_ns)
{
	uint64_t next;

	while ((next = run_engines(net)) <= now_ns)
		step(net, next);
	if (net->now < now_ns)
		net->now = now_ns;
	return next;
}

bool net_run(struct net *net, uint64_t until, bool (*done)(void *ctx), void *ctx)
{
	for (;;) {
		uint64_t next;

		if (done != NULL && done(ctx))
			return true;
		next = run_engines(net);
		if (next > until) {
			net->now = until;
			return false;
		}
		step(net, next);
	}
}

void net_connect(struct net *net, uint32_t a, uint32_t b, np_qp_t *qa, np_qp_t *qb)
{
	struct provider *pa = net->node[a].provider, *pb = net->node[b].provider;
	struct np_qp_params la, lb;

	if (pa->ops->qp_create(pa, qa, &la) != NP_OK || pb->ops->qp_create(pb, qb, &lb) != NP_OK ||
	    pa->ops->connect(pa, *qa, &lb, net->now) != NP_OK ||
	    pb->ops->connect(pb, *qb, &la, net->now) != NP_OK)
		abort();
}

uint64_t net_counter(struct net *net, uint32_t node, enum roce_counter counter)
{
	return roce_counters(net->node[node].roce)[counter];
}

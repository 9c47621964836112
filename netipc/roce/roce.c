/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roce.c - the engine: its memory, its provider, its run.
 *
 * Invariants: M1 all memory is carved from the caller's block at roce_init(), the same way as
 *   roce_memory_bytes() counted it.
 */
#include <base/crc32.h>

#include "roce/roce_impl.h"

#define ALIGN 64u
#define QPS_MAX 4096u

const char *const roce_counter_names[ROCE_COUNTER_COUNT] = {
#define ROCE_COUNTER_NAME(name) #name,
	ROCE_COUNTERS(ROCE_COUNTER_NAME)
#undef ROCE_COUNTER_NAME
};

uint64_t roce_random(struct roce *r)
{
	uint64_t n = r->serial++;

	return siphash(&r->key, &n, sizeof(n));
}

uint32_t roce_path_mtu(uint32_t link_mtu)
{
	uint32_t mtu = 4096;

	while (mtu >= 256 && WIRE_IPV4_BYTES(mtu) > link_mtu)
		mtu /= 2;
	return mtu >= 256 ? mtu : 0;
}

static bool power_of_two(uint32_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

static bool config_good(const struct roce_config *c)
{
	return roce_path_mtu(c->link_mtu) != 0 && power_of_two(c->qps) && c->qps <= QPS_MAX &&
	       power_of_two(c->sends) && power_of_two(c->regions) && c->window > 0 &&
	       c->window <= 4096 && c->reads > 0 && c->reads <= ROCE_READS_MAX &&
	       c->small_buffers + c->large_buffers > 0 && c->large_buffers > 0 &&
	       c->transmit_buffers > 0 && c->neighbours > 0 && c->output != NULL &&
	       c->self != NP_ADDR_BROADCAST && (c->mac[0] & 1) == 0;
}

/* The longest frame that leaves through a transmit buffer. */
static uint32_t frame_max(const struct roce_config *c)
{
	uint32_t packet = WIRE_IPV4_BYTES(roce_path_mtu(c->link_mtu));
	uint32_t datagram = ROCE_DATAGRAM_MAX + sizeof(struct wire_ipv4) + sizeof(struct wire_udp);

	return (packet > datagram ? packet : datagram) + (uint32_t)sizeof(struct wire_ethernet);
}

/* A bump allocator; base NULL: only count (M1). */
struct carve {
	uint8_t *base;
	size_t at;
};

static void *carve(struct carve *c, size_t bytes)
{
	void *p = c->base ? c->base + c->at : NULL;

	c->at += (bytes + ALIGN - 1) / ALIGN * ALIGN;
	return p;
}

struct parts {
	struct roce *r;
	struct roce_qp *qps;
	struct roce_work *works;
	struct roce_region *regions;
	struct roce_block *blocks;
	struct roce_neighbour *neighbours;
	struct roce_buffer *buffers;
	struct roce_transmit_buffer *transmit;
	uint8_t *small, *large, *frames;
};

static uint32_t block_count(const struct roce_config *c)
{
	/* A region wastes half a block in the mean. */
	return c->pieces / ROCE_BLOCK_PIECES + c->regions;
}

static size_t frame_room(const struct roce_config *c)
{
	return (frame_max(c) + ALIGN - 1) / ALIGN * ALIGN;
}

static struct parts lay_out(struct carve *at, const struct roce_config *c)
{
	struct parts p;

	p.r = carve(at, sizeof(*p.r));
	p.qps = carve(at, c->qps * sizeof(*p.qps));
	p.works = carve(at, (size_t)c->qps * c->sends * sizeof(*p.works));
	p.regions = carve(at, c->regions * sizeof(*p.regions));
	p.blocks = carve(at, block_count(c) * sizeof(*p.blocks));
	p.neighbours = carve(at, c->neighbours * sizeof(*p.neighbours));
	p.buffers = carve(at, (c->small_buffers + c->large_buffers) * sizeof(*p.buffers));
	p.transmit = carve(at, c->transmit_buffers * sizeof(*p.transmit));
	p.small = carve(at, (size_t)c->small_buffers * ROCE_SMALL_BYTES);
	p.large = carve(at, (size_t)c->large_buffers * NP_SEND_MAX);
	p.frames = carve(at, c->transmit_buffers * frame_room(c));
	return p;
}

size_t roce_memory_bytes(const struct roce_config *config)
{
	struct carve at = { NULL, 0 };

	if (!config_good(config))
		return 0;
	lay_out(&at, config);
	return at.at;
}

static const struct provider_ops ops; /* below */

static void set_default(uint64_t *field, uint64_t value)
{
	if (*field == 0)
		*field = value;
}

static void config_set(struct roce *r, const struct roce_config *config)
{
	struct roce_config *c = &r->config;

	*c = *config;
	set_default(&c->retransmit_min_ns, 2000000);
	set_default(&c->retransmit_start_ns, 10000000);
	set_default(&c->retransmit_max_ns, 500000000);
	set_default(&c->ack_delay_ns, 1000000);
	set_default(&c->retry_limit_ns, 120000000000u);
	if (c->datagram_port == 0)
		c->datagram_port = ROCE_DATAGRAM_PORT_DEFAULT;
}

static void buffers_init(struct roce *r, const struct parts *p)
{
	const struct roce_config *c = &r->config;

	list_init(&r->small_free);
	list_init(&r->large_free);
	for (uint32_t i = 0; i < c->small_buffers + c->large_buffers; i++) {
		struct roce_buffer *b = &p->buffers[i];

		b->large = i >= c->small_buffers;
		b->capacity = b->large ? NP_SEND_MAX : ROCE_SMALL_BYTES;
		b->data = b->large ? p->large + (size_t)(i - c->small_buffers) * NP_SEND_MAX :
				     p->small + (size_t)i * ROCE_SMALL_BYTES;
		list_add_tail(b->large ? &r->large_free : &r->small_free, &b->link.link);
	}
	r->transmit = p->transmit;
	for (uint32_t i = 0; i < c->transmit_buffers; i++) {
		p->transmit[i].data = p->frames + i * frame_room(c);
		p->transmit[i].next_free = i + 1 < c->transmit_buffers ? i + 1 : UINT32_MAX;
	}
	for (uint32_t i = 0; i < block_count(c); i++) {
		p->blocks[i].next = r->free_blocks;
		r->free_blocks = &p->blocks[i];
	}
}

struct roce *roce_init(void *memory, size_t size, const struct roce_config *config)
{
	struct carve at = { memory, 0 };
	size_t need = roce_memory_bytes(config);
	struct parts p;
	struct roce *r;

	if (need == 0 || size < need || (uintptr_t)memory % ALIGN != 0)
		return NULL;
	crc32_init();
	memset(memory, 0, need);
	p = lay_out(&at, config);
	r = p.r;
	config_set(r, config);
	r->provider = (struct provider){ &ops, config->self };
	r->key = (struct siphash_key){ { config->random[0], config->random[1] } };
	r->path_mtu = roce_path_mtu(config->link_mtu);
	r->frame_max = frame_max(config);
	while (config->qps >> r->index_bits > 1)
		r->index_bits++;
	list_init(&r->events);
	list_init(&r->ready);
	list_init(&r->timers);
	r->next_ns = ROCE_NEVER;
	r->qps = p.qps;
	for (uint32_t i = 0; i < config->qps; i++)
		r->qps[i].works = p.works + (size_t)i * config->sends;
	r->regions = p.regions;
	r->neighbours = p.neighbours;
	buffers_init(r, &p);
	return r;
}

struct provider *roce_provider(struct roce *r)
{
	return &r->provider;
}

/* Send for each QP that has something, in turn; stops when the driver is full. */
static void run_ready(struct roce *r, uint64_t now_ns)
{
	while (!r->blocked && !list_empty(&r->ready)) {
		struct roce_qp *qp = container_of(r->ready.next, struct roce_qp, ready_link);

		list_remove(&qp->ready_link);
		if (!roce_responder_run(r, qp) || !roce_requester_run(r, qp, now_ns)) {
			roce_qp_ready(r, qp);
			roce_timer_arm(r, qp);
			return;
		}
		if (qp->state == ROCE_QP_READY)
			roce_timer_arm(r, qp);
	}
}

uint64_t roce_run(struct roce *r, uint64_t now_ns)
{
	now_ns = roce_clock(r, now_ns);
	run_ready(r, now_ns);
	roce_timers_run(r, now_ns);
	run_ready(r, now_ns);
	return r->next_ns;
}

uint64_t roce_deadline(const struct roce *r)
{
	return list_empty(&r->ready) || r->blocked ? r->next_ns : 0;
}

const uint64_t *roce_counters(const struct roce *r)
{
	return r->counters;
}

struct roce_usage roce_usage(const struct roce *r)
{
	struct roce_usage u = { .regions = r->regions_used, .pieces = r->blocks_used,
				.small_buffers = r->small_used, .large_buffers = r->large_used,
				.transmit_buffers = r->transmit_used };

	for (uint32_t i = 0; i < r->config.qps; i++)
		u.qps += r->qps[i].state != ROCE_QP_FREE;
	return u;
}

static int op_send_datagram(struct provider *p, np_addr_t to, const void *data, uint32_t length,
			    uint64_t now_ns)
{
	return roce_datagram_send(roce_of(p), to, data, length, roce_clock(roce_of(p), now_ns));
}

static uint64_t op_run(struct provider *p, uint64_t now_ns)
{
	return roce_run(roce_of(p), now_ns);
}

static const struct provider_ops ops = {
	.qp_create = roce_qp_create,
	.connect = roce_qp_connect,
	.close = roce_qp_close,
	.post_send = roce_post_send,
	.post_read = roce_post_read,
	.post_write = roce_post_write,
	.register_region = roce_region_register,
	.invalidate = roce_region_invalidate,
	.send_datagram = op_send_datagram,
	.next_event = roce_next_event,
	.recv_done = roce_recv_done,
	.run = op_run,
};

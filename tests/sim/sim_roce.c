/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_roce.c - the simulator over the RoCE engine: frames are lost, doubled, reordered, corrupted; queue
 * pairs fail by their own rules (no progress for 400 ms), or are made to fail here.
 */
#include <stdlib.h>

#include "../unit/roce/net.h"
#include "netipc_sim.h"
#include "roce/roce_impl.h"

struct sim_world {
	struct net *net;
};

static struct sim_world *create(uint32_t nodes, uint64_t seed, uint32_t fault_level)
{
	static const struct roce_config config = {
		.qps = 32, .sends = 64, .window = 64, .reads = 8, .small_buffers = 256, .large_buffers = 64,
		.regions = 256, .pieces = 2048, .transmit_buffers = 128, .neighbours = 16,
		.retry_limit_ns = 400000000,
	};
	struct net_faults faults = { .latency_ns = 10000 };
	struct sim_world *w = calloc(1, sizeof(*w));

	if (w == NULL)
		abort();
	if (fault_level > 0)
		faults = (struct net_faults){ .loss_ppm = 10000, .double_ppm = 5000, .corrupt_ppm = 2000,
					      .no_room_ppm = 2000, .latency_ns = 10000, .jitter_ns = 50000 };
	w->net = net_create(nodes, seed, &config, &faults);
	w->net->now = 0;
	return w;
}

static void destroy(struct sim_world *w)
{
	net_destroy(w->net);
	free(w);
}

static struct provider *provider(struct sim_world *w, uint32_t node)
{
	return w->net->node[node].provider;
}

static uint64_t advance(struct sim_world *w, uint64_t now_ns)
{
	return net_advance(w->net, now_ns);
}

/* A connected QP somewhere fails; its peer finds out by itself. */
static void break_any(struct sim_world *w, uint64_t now_ns)
{
	uint32_t start = (uint32_t)net_random(w->net), total = w->net->nodes * 32;

	for (uint32_t i = 0; i < total; i++) {
		uint32_t at = (start + i) % total;
		struct net_node *node = &w->net->node[at / 32];

		if (!node->down && node->roce->qps[at % 32].state == ROCE_QP_READY) {
			roce_qp_fail(node->roce, &node->roce->qps[at % 32]);
			return;
		}
	}
}

static void crash(struct sim_world *w, uint32_t node)
{
	net_crash(w->net, node);
}

static void restart(struct sim_world *w, uint32_t node)
{
	net_restart(w->net, node);
}

static void cut(struct sim_world *w, uint32_t a, uint32_t b, bool on)
{
	w->net->cut_pair[a][b] = w->net->cut_pair[b][a] = on;
}

static void calm(struct sim_world *w)
{
	w->net->faults = (struct net_faults){ .latency_ns = 10000 };
}

const struct sim_transport sim_roce = { "roce", create, destroy, provider, advance, break_any,
					crash,  restart, cut,     calm };

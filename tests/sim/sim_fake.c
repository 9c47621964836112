/* SPDX-License-Identifier: BSD-2-Clause */
/* sim_fake.c - the simulator over the fake provider. */
#include <stdlib.h>

#include "provider/fake/fake.h"
#include "netipc_sim.h"

struct sim_world {
	struct fake_net *net;
	struct fake_config config;
};

static struct sim_world *create(uint32_t nodes, uint64_t seed, uint32_t fault_level)
{
	struct sim_world *w = calloc(1, sizeof(*w));

	w->config = (struct fake_config){ .nodes = nodes, .first_addr = 0x0a4d0001, .seed = seed };
	w->config.qp_timeout_ns = 400000000;
	if (fault_level > 0) {
		w->config.jitter_ns = 50000;
		w->config.datagram_loss_ppm = 100000;
		w->config.datagram_double_ppm = 50000;
		w->config.qp_error_ppm = 2000;
	}
	w->net = fake_net_create(&w->config);
	return w;
}

static void destroy(struct sim_world *w)
{
	fake_net_destroy(w->net);
	free(w);
}

static struct provider *provider(struct sim_world *w, uint32_t node)
{
	return fake_net_provider(w->net, node);
}

static uint64_t advance(struct sim_world *w, uint64_t now_ns)
{
	return fake_net_advance(w->net, now_ns);
}

static void break_any(struct sim_world *w, uint64_t now_ns)
{
	fake_net_break_any(w->net, now_ns);
}

static void crash(struct sim_world *w, uint32_t node)
{
	fake_net_crash(w->net, node);
}

static void restart(struct sim_world *w, uint32_t node)
{
	fake_net_restart(w->net, node);
}

static void cut(struct sim_world *w, uint32_t a, uint32_t b, bool on)
{
	fake_net_cut(w->net, a, b, on);
}

static void calm(struct sim_world *w)
{
	w->config.jitter_ns = 0;
	w->config.datagram_loss_ppm = w->config.datagram_double_ppm = w->config.qp_error_ppm = 0;
	fake_net_set_faults(w->net, &w->config);
}

const struct sim_transport sim_fake = { "fake", create, destroy, provider, advance, break_any,
					crash,  restart, cut,     calm };

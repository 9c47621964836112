/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roce_capture.c - writes a capture of two engines' frames: roce_capture FILE.pcap LINK_MTU
 *
 * It shows every kind of packet that the engine can send: ARP, datagrams, SENDs and WRITEs of one and
 * of many packets, with an immediate, READs, ACK, sequence NAK (frames are lost), RNR, an access error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/roce/net.h"

static const struct roce_config config = {
	.qps = 4, .sends = 64, .window = 32, .reads = 4, .small_buffers = 8, .large_buffers = 4,
	.regions = 16, .pieces = 64, .transmit_buffers = 64, .neighbours = 8,
};

static uint8_t region[100000], local[100000];

/* Fetch and give back all events; returns how many were of kind. */
static uint32_t drain(struct provider *p, enum np_event_kind kind)
{
	struct np_event e;
	uint32_t count = 0;

	while (p->ops->next_event(p, &e)) {
		count += e.kind == kind;
		if (e.buffer != NULL)
			p->ops->recv_done(p, e.buffer);
	}
	return count;
}

static void settle(struct net *net)
{
	for (int i = 0; i < 200; i++) {
		net_run(net, net->now + 1000000, NULL, NULL);
		drain(net->node[1].provider, NP_EV_RECV);
		drain(net->node[0].provider, NP_EV_SEND_DONE);
	}
}

int main(int argc, char **argv)
{
	struct roce_config c = config;
	struct net_faults faults = { .latency_ns = 10000 };
	struct provider *a, *b;
	struct np_sge sge = { local, 0 };
	np_qp_t qa, qb;
	uint32_t rkey;
	struct net *net;

	if (argc != 3)
		return 2;
	c.link_mtu = (uint32_t)atoi(argv[2]);
	net = net_create(2, 77, &c, &faults);
	net_pcap_open(net, argv[1]);
	a = net->node[0].provider;
	b = net->node[1].provider;
	for (uint32_t i = 0; i < sizeof(local); i++)
		local[i] = region[i] = (uint8_t)(i * 13 >> 3);
	a->ops->send_datagram(a, NP_ADDR_BROADCAST, local, 700, net->now);
	a->ops->send_datagram(a, NET_ADDR + 1, local, 33, net->now);
	net_connect(net, 0, 1, &qa, &qb);
	settle(net);
	for (uint32_t n = 0; n < 12; n++) {
		sge.length = n < 5 ? n : n * n * n * 9;
		a->ops->post_send(a, qa, &sge, 1, n, n % 4 ? 0 : NP_SEND_SOLICIT_ACK, net->now);
		settle(net);
	}
	b->ops->register_region(b, qb, &(struct np_sge){ region, sizeof(region) }, 1,
				NP_ACCESS_REMOTE_READ | NP_ACCESS_REMOTE_WRITE, &rkey);
	for (uint32_t n = 0; n < 8; n++) {
		sge.length = n * n * 1501;
		a->ops->post_write(a, qa, &sge, 1, n, rkey, n & 1, n, n, net->now);
		a->ops->post_read(a, qa, &sge, 1, n, rkey, n, net->now);
		settle(net);
	}
	/* Too many for the buffers at once: RNR. Then losses: NAKs, probes, going back. */
	for (uint32_t round = 0; round < 6; round++) {
		net->faults.loss_ppm = round ? 50000 : 0;
		sge.length = 9;
		for (uint32_t n = 0; n < 40; n++)
			a->ops->post_send(a, qa, &sge, 1, n, 0, net->now);
		if (round == 0)
			net_run(net, net->now + 2000000, NULL, NULL);
		settle(net);
	}
	net->faults.loss_ppm = 0;
	settle(net);
	a->ops->post_read(a, qa, &sge, 1, 0, rkey ^ 0x8000, 1, net->now);
	settle(net);
	for (uint32_t i = 0; i < ROCE_COUNTER_COUNT; i++)
		if (net_counter(net, 0, i) + net_counter(net, 1, i) > 0)
			printf("%s %llu %llu\n", roce_counter_names[i],
			       (unsigned long long)net_counter(net, 0, i),
			       (unsigned long long)net_counter(net, 1, i));
	net_destroy(net);
	return 0;
}

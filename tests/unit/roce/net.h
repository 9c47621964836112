/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.h - several RoCE engines in one process, a virtual clock, and a wire with seeded faults.
 *
 * Interface: net_create(), engines are net->node[i].roce at address NET_ADDR + i; net_run() moves time.
 * A frame may be lost, doubled, delayed (so reordered), or have a bit flipped; the driver may hold
 * frames until they are delivered, or have no room for a while.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "roce/roce.h"

#define NET_ADDR 0x0a4d0001u
#define NET_NODES_MAX 8

struct net_faults {
	uint32_t loss_ppm, double_ppm, corrupt_ppm, no_room_ppm;
	uint64_t latency_ns, jitter_ns;
};

struct net_node {
	struct net *net;
	uint32_t number;
	struct roce *roce;
	struct provider *provider;
	void *memory;
	size_t size;
	struct roce_config config;
	uint64_t room_ns; /* when to say that there is room */
	uint32_t life;    /* one more at each crash */
	bool down;
};

struct net_frame {
	uint64_t time, sequence;
	uint32_t from, length, life;
	uint64_t cookie;
	uint8_t *bytes;
};

struct net {
	uint64_t now, random, sequence;
	uint32_t nodes;
	struct net_node node[NET_NODES_MAX];
	struct net_faults faults;
	struct net_frame *frames; /* a heap */
	uint32_t count, room;
	FILE *pcap;               /* what leaves the engines, if set */
	uint64_t lost, doubled, corrupted;
	bool cut;                 /* nothing passes */
	bool cut_pair[NET_NODES_MAX][NET_NODES_MAX];
};

/* config: sizes; the rest is filled in. */
struct net *net_create(uint32_t nodes, uint64_t seed, const struct roce_config *config,
		       const struct net_faults *faults);
void net_destroy(struct net *net);
/* Until `until`, or earlier if done(ctx) says so after a step. Returns false: time ran out. */
bool net_run(struct net *net, uint64_t until, bool (*done)(void *ctx), void *ctx);
/* Moves time to now_ns; returns when something happens next. */
uint64_t net_advance(struct net *net, uint64_t now_ns);
/* The node is gone with all its state; its frames on the wire still arrive. Then a new life in its place. */
void net_crash(struct net *net, uint32_t node);
void net_restart(struct net *net, uint32_t node);
uint64_t net_random(struct net *net);
/* A QP each at a and b, connected. */
void net_connect(struct net *net, uint32_t a, uint32_t b, np_qp_t *qa, np_qp_t *qb);
uint64_t net_counter(struct net *net, uint32_t node, enum roce_counter counter);
void net_pcap_open(struct net *net, const char *path);

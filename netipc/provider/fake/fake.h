/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake.h - an in-memory provider for tests: many nodes in one process, a virtual clock, seeded faults.
 *
 * Interface: fake_net_create() makes the world; fake_net_provider() is one node's provider. Time is
 * what callers pass as now_ns: ops->run() of any node moves the whole world to now_ns and returns
 * when the world next changes, so a test loops { run every engine; now = the least deadline }.
 * Invariants:
 *  F1 SENDs of a QP arrive whole, once and in order while it lives.
 *  F2 when a QP fails, a seeded prefix of the SENDs in flight has arrived, and nobody is told how many.
 *  F3 nothing reads the caller's bytes after SEND_DONE, QP_ERROR or close(); bytes that were changed
 *     before that end the process with a message.
 *  F4 the same seed and the same calls give the same run.
 * A QP whose peer is away (not connected yet, closed, failed, crashed, link cut) makes no progress; it
 * fails after qp_timeout_ns of that, or earlier when the world breaks it.
 * Locking: none; one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <netipc/provider.h>

struct fake_net;

struct fake_config {
	uint32_t nodes;        /* node i has the address first_addr + i */
	np_addr_t first_addr;
	uint64_t seed;
	uint32_t qps;          /* per node; 0: 64 */
	uint32_t sends;        /* work requests of a QP, 0: 64 */
	uint32_t recv_buffers; /* per node, 0: 256 */
	uint32_t mtu;          /* 0: 4096 */
	uint64_t latency_ns;   /* one way, 0: 10 us */
	uint64_t jitter_ns;    /* added, uniform; datagrams overtake each other within it */
	uint64_t ack_delay_ns; /* until a SEND without NP_SEND_SOLICIT_ACK is acknowledged, 0: 1 ms */
	uint64_t qp_timeout_ns; /* without progress, 0: 60 s */
	/* Faults, in parts per million. */
	uint32_t datagram_loss_ppm;
	uint32_t datagram_double_ppm;
	uint32_t qp_error_ppm; /* per work request that arrives */
};

struct fake_stats {
	uint64_t sends_delivered, sends_dropped_by_error, qp_errors;
	uint64_t datagrams_delivered, datagrams_lost, datagrams_doubled;
	uint64_t receiver_not_ready; /* a SEND waited for a receive buffer */
	uint64_t reads, writes, remote_access_errors;
};

/* Purpose: a world of config->nodes nodes, all up. Returns NULL without memory. */
struct fake_net *fake_net_create(const struct fake_config *config);
/* Frees everything. Events not fetched and buffers not given back go with it. */
void fake_net_destroy(struct fake_net *net);
/* The provider of node (0 .. nodes-1); the same pointer after a crash and a restart. */
struct provider *fake_net_provider(struct fake_net *net, uint32_t node);

/* Moves the world to now_ns; returns when it next changes, UINT64_MAX: never by itself. */
uint64_t fake_net_advance(struct fake_net *net, uint64_t now_ns);

/* Change the fault rates from now on (latency, jitter, *_ppm are taken from config). */
void fake_net_set_faults(struct fake_net *net, const struct fake_config *config);
/* The QP fails (F2); its peer learns of it soon, or (half of the time) not until its own timeout. */
void fake_net_break_qp(struct fake_net *net, uint32_t node, np_qp_t qp, uint64_t now_ns);
/* Break a seeded choice among all connected QPs; false: there is none. */
bool fake_net_break_any(struct fake_net *net, uint64_t now_ns);
/*
 * The node stops at once: its QPs, regions, events and receive buffers are gone (pointers into them
 * are dead). What it put on the wire still arrives. Calls of its provider fail until restart.
 */
void fake_net_crash(struct fake_net *net, uint32_t node);
void fake_net_restart(struct fake_net *net, uint32_t node);
/* Nothing passes between a and b, either way, while cut. */
void fake_net_cut(struct fake_net *net, uint32_t a, uint32_t b, bool cut);

const struct fake_stats *fake_net_stats(const struct fake_net *net);
/* For leak checks: QPs open, regions registered, receive buffers not given back, on one node. */
uint32_t fake_net_qps(const struct fake_net *net, uint32_t node);
uint32_t fake_net_regions(const struct fake_net *net, uint32_t node);
uint32_t fake_net_buffers_out(const struct fake_net *net, uint32_t node);

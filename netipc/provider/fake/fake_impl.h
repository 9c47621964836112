/* SPDX-License-Identifier: BSD-2-Clause */
/* fake_impl.h - what fake_net.c (the world and its clock) and fake_qp.c (the provider's calls) share. */
#pragma once

#include <base/list.h>

#include "provider/fake/fake.h"

enum fake_qp_state { FAKE_QP_FREE, FAKE_QP_RESET, FAKE_QP_READY, FAKE_QP_ERROR };

enum fake_op { FAKE_SEND, FAKE_READ, FAKE_WRITE };

/* One work request: waiting to arrive (qp->flying), then to be acknowledged (qp->arrived). */
struct fake_work {
	struct list link;
	enum fake_op op;
	uint64_t wr_id, arrive_ns, ack_ns;
	uint32_t flags, sge_count, length;
	struct np_sge sge[NP_MAX_SGE];
	uint8_t *bytes; /* as posted (SEND, WRITE); as read at the peer (READ) */
	uint64_t remote_offset;
	uint32_t rkey, imm;
	bool with_imm;
	int status;
};

struct fake_qp {
	enum fake_qp_state state;
	uint32_t generation; /* one more at each create; part of the QPN */
	struct np_qp_params local, remote;
	struct list flying, arrived;
	uint32_t outstanding;
	uint64_t last_arrive_ns;
	uint64_t blocked_since; /* UINT64_MAX: the head is not blocked */
};

struct fake_region {
	uint32_t rkey, access, count;
	np_qp_t qp;
	struct np_sge *pieces; /* NULL: free */
};

/* A receive buffer; its data follows. */
struct fake_buffer {
	struct list link; /* in fake_node.out */
	uint8_t data[];
};

struct fake_event {
	struct list link;
	struct np_event event;
};

#define FAKE_REGIONS 1024

struct fake_node {
	struct provider provider; /* first */
	struct fake_net *net;
	uint32_t number;
	bool up;
	uint32_t life; /* one more at each crash */
	struct fake_qp *qps;
	struct fake_region regions[FAKE_REGIONS];
	struct list events, out;
	uint32_t buffers_out;
};

enum fake_timer_kind { FAKE_T_QP, FAKE_T_DATAGRAM, FAKE_T_BREAK };

struct fake_timer {
	uint64_t time, sequence;
	enum fake_timer_kind kind;
	uint32_t node, life;
	np_qp_t qp;
	uint32_t generation;
	uint8_t *bytes; /* datagram */
	uint32_t length;
	np_addr_t from;
};

struct fake_net {
	struct fake_config config;
	struct fake_stats stats;
	uint64_t random, now, sequence;
	struct fake_node **nodes;
	uint8_t *cut; /* nodes x nodes */
	struct fake_timer *heap;
	uint32_t heap_count, heap_room;
};

uint64_t fake_random(struct fake_net *net);
bool fake_chance(struct fake_net *net, uint32_t ppm);
uint64_t fake_flight_ns(struct fake_net *net);
void fake_timer_add(struct fake_net *net, struct fake_timer timer);
struct fake_node *fake_node_at(struct fake_net *net, np_addr_t addr);
bool fake_reaches(const struct fake_net *net, const struct fake_node *a, const struct fake_node *b);
void fake_event_add(struct fake_node *node, const struct np_event *event);
struct fake_buffer *fake_buffer_get(struct fake_node *node, const void *data, uint32_t length);

/* Timer entries of fake_qp.c. */
void fake_qp_tick(struct fake_net *net, struct fake_node *node, np_qp_t qp);
void fake_qp_break(struct fake_net *net, struct fake_node *node, np_qp_t qp);
void fake_node_wipe(struct fake_node *node);
extern const struct provider_ops fake_ops;

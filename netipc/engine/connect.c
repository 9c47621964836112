/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connect.c - the queue pair to a peer: CONNECT datagrams back and forth, and again after an error.
 *
 *   NONE --want--> ASKING --their CONNECT--> HALF --they have seen ours, or a record--> UP
 *     ^              |                         |                                        |
 *     +--------------+------ error, or they have a new generation ---------------------+
 *
 * Timers: CONNECT is repeated after 50 ms, doubling to 1 s, until UP. Generations of this side's queue
 * pairs grow, so that a late CONNECT is known as late.
 */
#include "engine/engine.h"

static void connect_send(struct netipc *e, struct peer *p)
{
	struct nw_connect c;

	memset(&c, 0, sizeof(c));
	c.generation = p->generation;
	c.seen = p->conn >= CONN_HALF ? p->remote_generation : 0;
	c.qpn = p->local.qpn;
	c.psn = p->local.psn;
	c.mtu = (uint16_t)(p->local.mtu < e->c.mtu ? p->local.mtu : e->c.mtu);
	c.flags = p->conn == CONN_UP ? 0 : NW_CONNECT_ASKING;
	c.window = p->in_window;
	c.expected = p->arrived + 1;
	datagram_send(e, p->addr, p->incarnation, &c.d, NW_CONNECT, sizeof(c));
}

static bool make_pair(struct netipc *e, struct peer *p)
{
	if (e->provider->ops->qp_create(e->provider, &p->qp, &p->local) != NP_OK) {
		p->connect_ns = e->now + CONNECT_MAX_NS;
		timer_at(e, p->connect_ns);
		return false;
	}
	p->generation++;
	p->conn = CONN_ASKING;
	p->connect_interval = CONNECT_NS;
	p->connect_ns = e->now + CONNECT_NS;
	timer_at(e, p->connect_ns);
	return true;
}

/* Something is to be sent to p, and there may be no queue pair yet. */
void conn_want(struct netipc *e, struct peer *p)
{
	if (p->conn == CONN_NONE && !peer_gone(p) && !e->left &&
	    (p->connect_ns == 0 || p->connect_ns <= e->now) && make_pair(e, p))
		connect_send(e, p);
}

/* Drop the queue pair; what was in flight is ours again. */
void conn_close(struct netipc *e, struct peer *p)
{
	if (p->conn == CONN_NONE)
		return;
	bulk_conn_down(e, p);
	e->provider->ops->close(e->provider, p->qp);
	p->qp = NP_QP_NONE;
	p->conn = CONN_NONE;
	p->connect_ns = 0;
	stream_landed(e, p);
	stream_drop_inbound(e, p);
}

/* The queue pair is in error, or must be thrown away: a new one, so that the other side learns of it. */
void conn_down(struct netipc *e, struct peer *p)
{
	conn_close(e, p);
	conn_want(e, p);
}

void conn_up(struct netipc *e, struct peer *p)
{
	p->conn = CONN_UP;
	p->connect_ns = 0;
	stream_dirty(e, p);
	bulk_conn_up(e, p);
}

/* p's CONNECT (its incarnation and MAC are checked). */
void conn_in(struct netipc *e, struct peer *p, const struct nw_connect *c)
{
	struct np_qp_params remote = { .qpn = c->qpn & 0xffffff, .psn = c->psn & 0xffffff,
				       .addr = p->addr };
	bool fresh = c->generation > p->remote_generation;

	remote.mtu = c->mtu < e->c.mtu ? c->mtu : e->c.mtu;
	if (c->generation < p->remote_generation || c->generation == 0 || c->expected > p->sent + 1 ||
	    e->left)
		return;
	if (fresh && p->conn >= CONN_HALF)
		conn_close(e, p);
	if (p->conn == CONN_NONE && !make_pair(e, p))
		return;
	/* Their pair is free, or connected to this one; one connected to an older of ours is no use. */
	if (p->conn == CONN_ASKING && (c->seen == p->generation || (c->seen == 0 && fresh))) {
		if (e->provider->ops->connect(e->provider, p->qp, &remote, e->now) != NP_OK) {
			conn_close(e, p);
			return;
		}
		p->remote_generation = c->generation;
		p->remote_expected = c->expected;
		p->conn = CONN_HALF;
		if (c->window > 0 && c->window <= WINDOW_MAX)
			p->window = c->window;
		stream_replay(e, p);
		if (c->seen == p->generation)
			conn_up(e, p);
		connect_send(e, p);
		return;
	}
	if (p->conn == CONN_HALF && c->seen == p->generation)
		conn_up(e, p);
	if (c->flags & NW_CONNECT_ASKING)
		connect_send(e, p);
}

void conn_timer(struct netipc *e, struct peer *p)
{
	if (p->connect_ns == 0)
		return;
	if (p->connect_ns > e->now) {
		timer_at(e, p->connect_ns);
		return;
	}
	p->connect_ns = 0;
	if (p->conn == CONN_NONE) {
		conn_want(e, p);
	} else if (p->conn != CONN_UP) {
		connect_send(e, p);
		if (p->connect_interval < CONNECT_MAX_NS)
			p->connect_interval *= 2;
		p->connect_ns = e->now + p->connect_interval;
		timer_at(e, p->connect_ns);
	}
}

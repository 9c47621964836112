/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * member.c - who is in the cluster: hello, probes, suspicion, death, fencing (design N9).
 *
 *   UNHEARD --heard--> ALIVE --probe unanswered, by helpers too--> SUSPECT --2 s--> DYING --flushed--> freed
 *                        ^----------------- heard -------------------+
 *
 * A death is certified once, for an incarnation and all before it, and never taken back. DYING is E5 of
 * engine.h: the struct waits until every other member has said FLUSHED.
 * References: Das, Gupta, Motivala, SWIM, 2002.
 */
#include "engine/engine.h"

/* ---- datagrams ---- */

static uint64_t datagram_mac(const struct netipc *e, const uint8_t *data, uint32_t length)
{
	struct nw_datagram d;
	struct siphash s;

	memcpy(&d, data, sizeof(d));
	d.mac = 0;
	siphash_start(&s, &e->key);
	siphash_add(&s, &d, sizeof(d));
	siphash_add(&s, data + sizeof(d), length - sizeof(d));
	return siphash_end(&s);
}

void datagram_send(struct netipc *e, np_addr_t to, uint64_t to_incarnation, struct nw_datagram *d,
		   uint8_t type, uint32_t length)
{
	d->magic = NW_DATAGRAM_MAGIC;
	d->version = d->min_version = NW_VERSION;
	d->type = type;
	d->from_node = e->c.self;
	d->to_node = to;
	d->from_incarnation = e->incarnation;
	d->to_incarnation = to_incarnation;
	d->cluster = e->c.cluster;
	d->sequence = ++e->sequence;
	d->mac = 0;
	if (e->c.keyed)
		d->mac = datagram_mac(e, (const uint8_t *)d, length);
	e->stats.datagrams_sent++;
	(void)e->provider->ops->send_datagram(e->provider, to, d, length, e->now);
}

void hello_send(struct netipc *e, np_addr_t to, uint64_t to_incarnation, bool want_answer)
{
	struct nw_hello h;

	memset(&h, 0, sizeof(h));
	h.capabilities = NW_CAP_PULL | (want_answer ? NW_CAP_WANTS_ANSWER : 0u);
	h.mtu = e->c.mtu;
	if (e->own_name_server != NULL) {
		h.name_server.kind = NW_RIGHT_SEND;
		export_uid(e, e->own_name_server, &h.name_server.uid);
		h.name_server.home_node = e->c.self;
		h.name_server.home_incarnation = e->incarnation;
		h.name_server.check = export_check(e, &h.name_server.uid, 0);
	}
	datagram_send(e, to, to_incarnation, &h.d, NW_HELLO, sizeof(h));
}

struct probe {
	struct nw_probe p;
	struct nw_gossip gossip[NW_GOSSIP_MAX];
};

static void gossip_add(struct probe *b, np_addr_t node, uint64_t incarnation, uint32_t state)
{
	if (b->p.count < NW_GOSSIP_MAX)
		b->gossip[b->p.count++] = (struct nw_gossip){ incarnation, node, state };
}

/* The dead of the last 20 s, the suspects, and as many of the living as there is room for. */
static void gossip_fill(struct netipc *e, struct probe *b)
{
	uint32_t skip;

	for (uint32_t i = 0; i < e->dead_count; i++) {
		struct dead_node *d = &e->dead[(e->dead_next + e->dead_count - 1 - i) % e->dead_count];

		if (d->incarnation != 0 && e->now - d->since_ns < 20000000000ull)
			gossip_add(b, d->addr, d->incarnation, NW_DEAD_CERTIFIED);
	}
	LIST_FOR_EACH(l, &e->peers) {
		struct peer *p = container_of(l, struct peer, link);

		if (p->state == PEER_SUSPECT)
			gossip_add(b, p->addr, p->incarnation, NW_SUSPECT);
	}
	skip = (uint32_t)(random64(e) % (pool_left(&e->peer_pool) + 1 < 8 ? 8 : 2));
	LIST_FOR_EACH(l, &e->peers) {
		struct peer *p = container_of(l, struct peer, link);

		if (p->state == PEER_ALIVE && (skip == 0 || skip-- == 0))
			gossip_add(b, p->addr, p->incarnation, NW_ALIVE);
	}
}

static void probe_send(struct netipc *e, np_addr_t to, uint64_t to_incarnation, uint8_t type,
		       uint64_t probe, np_addr_t target, uint64_t target_incarnation)
{
	struct probe b;

	memset(&b, 0, sizeof(b));
	b.p.probe = probe;
	b.p.target_node = target;
	b.p.target_incarnation = target_incarnation;
	gossip_fill(e, &b);
	datagram_send(e, to, to_incarnation, &b.p.d, type,
		      (uint32_t)(sizeof(b.p) + b.p.count * sizeof(struct nw_gossip)));
}

/* ---- the tables ---- */

static uint32_t peer_hash(const struct netipc *e, np_addr_t addr)
{
	return (addr * 2654435761u >> 8) & e->hash_mask;
}

struct peer *peer_find(struct netipc *e, np_addr_t addr)
{
	struct peer *p = e->peer_hash[peer_hash(e, addr)];

	while (p != NULL && p->addr != addr)
		p = p->hash_next;
	return p;
}

static void peer_unhash(struct netipc *e, struct peer *p)
{
	struct peer **at = &e->peer_hash[peer_hash(e, p->addr)];

	while (*at != p)
		at = &(*at)->hash_next;
	*at = p->hash_next;
}

static bool is_dead(const struct netipc *e, np_addr_t addr, uint64_t incarnation)
{
	for (uint32_t i = 0; i < e->dead_count; i++)
		if (e->dead[i].addr == addr && incarnation <= e->dead[i].incarnation)
			return true;
	return false;
}

static void note_death(struct netipc *e, np_addr_t addr, uint64_t incarnation)
{
	struct dead_node *d = NULL;

	for (uint32_t i = 0; i < e->dead_count; i++)
		if (e->dead[i].addr == addr)
			d = &e->dead[i];
	if (d != NULL && d->incarnation > incarnation)
		return;
	if (d == NULL)
		d = &e->dead[e->dead_next++ % e->dead_count];
	e->dead_next %= e->dead_count;
	*d = (struct dead_node){ addr, incarnation, e->now };
}

static struct peer *peer_make(struct netipc *e, np_addr_t addr, uint64_t incarnation)
{
	struct peer *p = pool_get(&e->peer_pool);
	uint32_t index;
	uint64_t *flush;

	if (p == NULL)
		return NULL;
	index = p->index;
	flush = p->flush;
	memset(p, 0, sizeof(*p));
	p->index = index;
	p->flush = flush;
	memset(flush, 0, e->flush_words * sizeof(*flush));
	p->addr = addr;
	p->incarnation = incarnation;
	p->state = PEER_UNHEARD;
	p->heard_ns = e->now;
	p->qp = NP_QP_NONE;
	p->window = p->in_window = WINDOW_START;
	list_init(&p->queue);
	list_init(&p->unacked);
	list_init(&p->parked);
	list_init(&p->exposed);
	list_init(&p->flight);
	list_init(&p->inbound);
	list_init(&p->proxies);
	list_init(&p->holders);
	list_init(&p->onces);
	list_init(&p->waiting);
	list_init(&p->transits);
	list_init(&p->pendings);
	list_init(&p->dirty_link);
	list_init(&p->link);
	list_add_tail(&e->peers, &p->link);
	p->hash_next = e->peer_hash[peer_hash(e, addr)];
	e->peer_hash[peer_hash(e, addr)] = p;
	return p;
}

/* The living peer of that address and incarnation, made if it is news; NULL: dead, this node, or no room. */
struct peer *peer_want(struct netipc *e, np_addr_t addr, uint64_t incarnation)
{
	struct peer *p;

	p = peer_find(e, addr);
	if (p != NULL && p->incarnation == incarnation)
		return p;
	if (addr == e->c.self || addr == 0 || addr == NP_ADDR_BROADCAST || incarnation == 0 ||
	    is_dead(e, addr, incarnation))
		return NULL;
	if (p != NULL && p->incarnation > incarnation)
		return NULL;
	if (p != NULL && p->incarnation < incarnation) {
		peer_die(e, p, true); /* it has booted again */
		p = NULL;
	}
	return p ? p : peer_make(e, addr, incarnation);
}

/* One that is dead here, but may have passed on what it had. */
struct peer *peer_dying(struct netipc *e, np_addr_t addr, uint64_t incarnation)
{
	LIST_FOR_EACH(l, &e->dying) {
		struct peer *p = container_of(l, struct peer, link);

		if (p->addr == addr && p->incarnation == incarnation)
			return p;
	}
	return NULL;
}

static void view_update(struct netipc *e)
{
	uint32_t count = 1;
	np_addr_t lowest = e->c.self;

	if (e->view_unrest_ns != 0 && e->now - e->view_unrest_ns < 2 * e->c.suspect_ns)
		return;
	LIST_FOR_EACH(l, &e->peers) {
		struct peer *p = container_of(l, struct peer, link);

		if (p->state == PEER_SUSPECT)
			return;
		if (p->state != PEER_ALIVE)
			continue;
		count++;
		if (p->addr < lowest)
			lowest = p->addr;
	}
	e->view = count;
	e->view_lowest = lowest;
}

void peer_heard(struct netipc *e, struct peer *p)
{
	p->heard_ns = e->now;
	if (p->state == PEER_ALIVE)
		return;
	if (p->state == PEER_UNHEARD)
		node_event(e, NETIPC_UP_NODE_UP, p);
	p->state = PEER_ALIVE;
	view_update(e);
}

/* ---- death ---- */

/* After this death, is this node with the smaller part of the last agreed view? */
static void fence_check(struct netipc *e)
{
	uint32_t count = 1;
	bool lowest = e->view_lowest == e->c.self;

	if (e->c.no_fence || e->view <= 1)
		return;
	LIST_FOR_EACH(l, &e->peers) {
		struct peer *p = container_of(l, struct peer, link);

		if (p->state != PEER_ALIVE)
			continue;
		count++;
		lowest |= p->addr == e->view_lowest;
	}
	if (2 * count < e->view || (2 * count == e->view && !lowest))
		e->fence_due = true;
}

static bool flush_waits(const struct netipc *e, const struct peer *p)
{
	for (uint32_t i = 0; i < e->flush_words; i++)
		if (p->flush[i] != 0)
			return true;
	return false;
}

static void flush_record(struct netipc *e, struct peer *to, enum nw_record_type type, np_addr_t node,
			 uint64_t incarnation)
{
	struct record *r = stream_control(e, to, type, sizeof(struct nw_flush));
	struct nw_flush *f;

	if (r == NULL)
		return;
	f = (struct nw_flush *)r->data;
	f->node = node;
	f->incarnation = incarnation;
}

/* Nothing of the dead node can be on its way any more: take it off all lists. */
void peer_free_dying(struct netipc *e, struct peer *p)
{
	while (!list_empty(&p->transits))
		transit_lost(e, list_first(&p->transits, struct transit, link));
	while (!list_empty(&p->holders))
		holder_remove(e, list_first(&p->holders, struct holder, peer_link));
	while (!list_empty(&p->onces))
		once_end(e, list_first(&p->onces, struct once, peer_link), true);
	onces_orphaned(e, p);
	list_remove(&p->link);
	p->state = PEER_FREE;
	pool_put(&e->peer_pool, p);
}

static void flush_answered(struct netipc *e, struct peer *dying, uint32_t index)
{
	dying->flush[index / 64] &= ~(1ull << (index % 64));
	if (!flush_waits(e, dying))
		peer_free_dying(e, dying);
}

static void flush_start(struct netipc *e, struct peer *p)
{
	if (list_empty(&p->holders) && list_empty(&p->onces) && list_empty(&p->transits) && p->told_onces == 0) {
		peer_free_dying(e, p);
		return;
	}
	LIST_FOR_EACH(l, &e->peers) {
		struct peer *other = container_of(l, struct peer, link);

		p->flush[other->index / 64] |= 1ull << (other->index % 64);
		flush_record(e, other, NW_FLUSH, p->addr, p->incarnation);
	}
	if (!flush_waits(e, p))
		peer_free_dying(e, p);
}

void peer_flushed(struct netipc *e, struct peer *from, np_addr_t node, uint64_t incarnation)
{
	struct peer *p = peer_dying(e, node, incarnation);

	if (p != NULL)
		flush_answered(e, p, from->index);
}

/* A certificate of this node's own death: it goes on, later, as an incarnation above that. */
static void fence_above(struct netipc *e, uint64_t incarnation)
{
	e->fence_due = true;
	if (incarnation > e->fence_above && incarnation < UINT64_MAX / 2)
		e->fence_above = incarnation;
}

void peer_flush_asked(struct netipc *e, struct peer *from, np_addr_t node, uint64_t incarnation)
{
	struct peer *p = peer_find(e, node);

	if (node == e->c.self) {
		if (incarnation >= e->incarnation)
			fence_above(e, incarnation);
		return;
	}
	note_death(e, node, incarnation);
	if (p != NULL && p->incarnation <= incarnation)
		peer_die(e, p, true);
	if (!peer_gone(from))
		flush_record(e, from, NW_FLUSHED, node, incarnation);
}

/*
 * Purpose: p is dead, certified (gossiped and remembered) or only as far as this node is concerned (fencing).
 * Conditions: p may be freed on return.
 */
void peer_die(struct netipc *e, struct peer *p, bool certify)
{
	bool heard = p->state != PEER_UNHEARD;

	e->stats.deaths++;
	if (heard)
		node_event(e, NETIPC_UP_NODE_DOWN, p);
	if (certify)
		note_death(e, p->addr, p->incarnation);
	if (e->name_server.kind != NW_RIGHT_NULL && e->name_server.home_node == p->addr) {
		memset(&e->name_server, 0, sizeof(e->name_server));
		upcall_add(e, &e->name_server_up, NETIPC_UP_NAME_SERVER);
	}
	if (e->probed == p)
		e->probed = NULL;
	conn_close(e, p);
	p->state = PEER_DYING;
	p->connect_ns = p->ack_ns = 0;
	if (p->dirty)
		list_remove(&p->dirty_link);
	p->dirty = false;
	peer_unhash(e, p);
	list_remove(&p->link);
	list_add_tail(&e->dying, &p->link);
	delivery_peer_died(e, p);
	message_peer_died(e, p);
	stream_drop_inbound(e, p);
	stream_drop_outbound(e, p);
	while (!list_empty(&p->pendings))
		pending_drop(e, list_first(&p->pendings, struct pending, giver_link));
	while (!list_empty(&p->proxies))
		proxy_die(e, list_first(&p->proxies, struct netipc_proxy, link));
	while (!list_empty(&p->waiting))
		waiting_end(e, list_first(&p->waiting, struct waiting, peer_link), true);
	/* Others' flushes do not wait for the dead. */
	LIST_FOR_EACH_SAFE(l, next, &e->dying) {
		struct peer *other = container_of(l, struct peer, link);

		if (other != p && (other->flush[p->index / 64] >> (p->index % 64) & 1))
			flush_answered(e, other, p->index);
	}
	if (certify) {
		flush_start(e, p);
		e->view_unrest_ns = e->now;
		if (heard)
			fence_check(e);
	} else {
		peer_free_dying(e, p);
	}
}

/*
 * This node is dead for the others, or must act as if it were: whatever crossed to other nodes is over,
 * and it goes on as a new incarnation.
 */
void member_fence(struct netipc *e)
{
	e->fence_due = false;
	e->stats.fences++;
	while (!list_empty(&e->peers))
		peer_die(e, list_first(&e->peers, struct peer, link), false);
	while (!list_empty(&e->dying))
		peer_free_dying(e, list_first(&e->dying, struct peer, link));
	e->fence_due = false;
	export_fence(e);
	proxy_fence(e);
	if (e->incarnation < e->fence_above)
		e->incarnation = e->fence_above;
	e->incarnation++;
	export_check_key(e);
	export_fenced(e);
	e->view = 1;
	e->view_lowest = e->c.self;
	e->view_unrest_ns = 0;
	e->hellos = 0;
	e->hello_ns = e->now + HELLO_QUICK_NS;
	timer_at(e, e->hello_ns);
	upcall_add(e, &e->fenced_up, NETIPC_UP_FENCED);
}

/* Goodbye, to those who have not answered it yet; again after a while if there are any. */
static void leave_timer(struct netipc *e)
{
	if (e->leave_ns > e->now) {
		timer_at(e, e->leave_ns);
		return;
	}
	LIST_FOR_EACH(l, &e->peers) {
		struct peer *p = container_of(l, struct peer, link);

		if (!p->knows_left)
			probe_send(e, p->addr, p->incarnation, NW_LEAVE, 0, 0, 0);
	}
	if (netipc_left(e))
		return;
	e->leave_ns = e->now + LEAVE_NS;
	timer_at(e, e->leave_ns);
}

void member_leave(struct netipc *e)
{
	probe_send(e, NP_ADDR_BROADCAST, 0, NW_LEAVE, 0, 0, 0);
	leave_timer(e);
}

/* ---- timers ---- */

/* The next peer to probe: around the list, so that each has its turn. */
static struct peer *next_probed(struct netipc *e)
{
	struct peer *p = list_first(&e->peers, struct peer, link);

	if (p == NULL)
		return NULL;
	list_remove(&p->link);
	list_add_tail(&e->peers, &p->link);
	return p;
}

static void ask_helpers(struct netipc *e, const struct peer *target)
{
	uint32_t count = 0, living = 0, skip;

	LIST_FOR_EACH(l, &e->peers)
		living += container_of(l, struct peer, link)->state == PEER_ALIVE;
	skip = living > PROBE_HELPERS ? (uint32_t)(random64(e) % (living - PROBE_HELPERS + 1)) : 0;
	LIST_FOR_EACH(l, &e->peers) {
		struct peer *p = container_of(l, struct peer, link);

		if (p == target || p->state != PEER_ALIVE || (skip > 0 && skip-- > 0))
			continue;
		probe_send(e, p->addr, p->incarnation, NW_PING_REQ, e->probe_id, target->addr,
			   target->incarnation);
		if (++count == PROBE_HELPERS)
			return;
	}
}

static void suspect(struct netipc *e, struct peer *p)
{
	if (p->state == PEER_SUSPECT || peer_gone(p) ||
	    (p->state == PEER_UNHEARD && p->suspect_ns != 0))
		return;
	p->suspect_ns = e->now + e->c.suspect_ns;
	timer_at(e, p->suspect_ns);
	if (p->state == PEER_ALIVE)
		p->state = PEER_SUSPECT;
}

/* Half a period after the probe: helpers. At its end: suspicion, and the next. */
static void probe_timer(struct netipc *e)
{
	struct peer *p = e->probed;
	bool open = p != NULL && e->now - p->heard_ns >= e->c.probe_ns / 2;

	if (e->probe_ns > e->now)
		goto out;
	e->probe_ns = e->now + e->c.probe_ns / 2;
	LIST_FOR_EACH(l, &e->peers) {
		struct peer *s = container_of(l, struct peer, link);

		if (s->state == PEER_SUSPECT)
			probe_send(e, s->addr, s->incarnation, NW_PING, e->probe_id, 0, 0);
	}
	if (open && !e->probe_helped) {
		e->probe_helped = true;
		ask_helpers(e, p);
		goto out;
	}
	if (!e->probe_helped && p != NULL) { /* the second half of a quiet period */
		e->probe_helped = true;
		goto out;
	}
	if (open && p->heard_ns + e->c.probe_ns <= e->now)
		suspect(e, p);
	e->probe_helped = false;
	e->probed = p = next_probed(e);
	e->probe_id = random64(e);
	view_update(e);
	if (p == NULL)
		goto out;
	if (p->state == PEER_UNHEARD)
		hello_send(e, p->addr, p->incarnation, true);
	if (p->state != PEER_ALIVE || e->now - p->heard_ns >= e->c.probe_ns / 2)
		probe_send(e, p->addr, p->incarnation, NW_PING, e->probe_id, 0, 0);
out:
	timer_at(e, e->probe_ns);
}

void member_timers(struct netipc *e)
{
	if (e->left) {
		leave_timer(e);
		return;
	}
	if (e->hello_ns <= e->now) {
		hello_send(e, NP_ADDR_BROADCAST, 0, e->hellos < 6);
		e->hello_ns = e->now + (++e->hellos < 6 ? HELLO_QUICK_NS : HELLO_NS);
	}
	timer_at(e, e->hello_ns);
	probe_timer(e);
	/* A death may change the list anywhere: begin again after each. */
	for (bool again = true; again;) {
		again = false;
		LIST_FOR_EACH(l, &e->peers) {
			struct peer *p = container_of(l, struct peer, link);

			if (p->state == PEER_ALIVE || p->suspect_ns == 0)
				continue;
			if (p->suspect_ns <= e->now) {
				peer_die(e, p, true);
				again = true;
				break;
			}
			timer_at(e, p->suspect_ns);
		}
	}
}

/* This node's own clock stood still: what it did not hear meanwhile is nobody's fault. */
void member_stalled(struct netipc *e)
{
	e->probed = NULL;
	e->probe_ns = e->now;
	timer_at(e, e->now);
	LIST_FOR_EACH(l, &e->peers) {
		struct peer *p = container_of(l, struct peer, link);

		p->heard_ns = e->now;
		if (p->state == PEER_SUSPECT)
			p->state = PEER_ALIVE;
		if (p->suspect_ns != 0)
			p->suspect_ns = p->state == PEER_UNHEARD ? e->now + e->c.suspect_ns : 0;
	}
}

/* ---- datagrams in ---- */

static void gossip_in(struct netipc *e, const struct peer *from, const struct nw_gossip *g)
{
	struct peer *p;

	if (g->node == e->c.self) {
		if (g->state == NW_DEAD_CERTIFIED && g->incarnation >= e->incarnation)
			fence_above(e, g->incarnation);
		else if (g->state == NW_SUSPECT && g->incarnation == e->incarnation)
			probe_send(e, from->addr, from->incarnation, NW_PING, e->probe_id, 0, 0);
		return;
	}
	if (g->node == 0 || g->node == NP_ADDR_BROADCAST || g->incarnation == 0)
		return;
	if (g->state != NW_DEAD_CERTIFIED) {
		(void)peer_want(e, g->node, g->incarnation);
		return;
	}
	p = peer_find(e, g->node);
	if (!is_dead(e, g->node, g->incarnation))
		note_death(e, g->node, g->incarnation);
	if (p != NULL && p->incarnation <= g->incarnation)
		peer_die(e, p, true);
}

static void probe_in(struct netipc *e, struct peer *p, const struct nw_probe *b, const uint8_t *data,
		     uint32_t length)
{
	uint32_t count = b->count;
	struct peer *target;
	np_addr_t addr = p->addr;
	uint64_t incarnation = p->incarnation;

	if (b->d.type == NW_PING) {
		probe_send(e, addr, incarnation, NW_PONG, b->probe, 0, 0);
	} else if (b->d.type == NW_PING_REQ) {
		struct relay *r = &e->relay[e->relay_next++ % RELAYS];

		*r = (struct relay){ addr, incarnation, b->probe, random64(e) };
		probe_send(e, b->target_node, b->target_incarnation, NW_PING, r->probe, 0, 0);
	} else if (b->target_node != 0) { /* a helper's word */
		target = peer_find(e, b->target_node);
		if (target != NULL && target->incarnation == b->target_incarnation)
			peer_heard(e, target);
	} else {
		for (uint32_t i = 0; i < RELAYS; i++)
			if (e->relay[i].probe == b->probe && e->relay[i].asker != 0) {
				probe_send(e, e->relay[i].asker, e->relay[i].asker_incarnation,
					   NW_PONG, e->relay[i].asker_probe, addr, incarnation);
				e->relay[i].asker = 0;
			}
	}
	if (count > NW_GOSSIP_MAX || length < sizeof(*b) + count * sizeof(struct nw_gossip))
		return;
	for (uint32_t i = 0; i < count; i++) {
		struct nw_gossip g;

		memcpy(&g, data + sizeof(*b) + i * sizeof(g), sizeof(g));
		gossip_in(e, p, &g);
		p = peer_find(e, addr);
		if (p == NULL || p->incarnation != incarnation)
			return; /* the gossip was of its own death */
	}
}

static void hello_in(struct netipc *e, struct peer *p, const struct nw_hello *h)
{
	const struct nw_right *ns = &h->name_server;
	bool known = e->name_server.kind != NW_RIGHT_NULL;

	if (h->capabilities & NW_CAP_WANTS_ANSWER)
		hello_send(e, p->addr, p->incarnation, false);
	if (ns->kind == NW_RIGHT_SEND) {
		if (ns->home_node != p->addr || ns->home_incarnation != p->incarnation ||
		    (known && e->name_server.home_node < p->addr) ||
		    (known && memcmp(&e->name_server, ns, sizeof(*ns)) == 0))
			return;
		e->name_server = *ns;
		upcall_add(e, &e->name_server_up, NETIPC_UP_NAME_SERVER);
	} else if (known && e->name_server.home_node == p->addr) {
		memset(&e->name_server, 0, sizeof(e->name_server));
		upcall_add(e, &e->name_server_up, NETIPC_UP_NAME_SERVER);
	}
}

static bool datagram_good(struct netipc *e, const struct np_event *ev, struct nw_datagram *d)
{
	static const uint32_t least[] = {
		[NW_HELLO] = sizeof(struct nw_hello),     [NW_CONNECT] = sizeof(struct nw_connect),
		[NW_PING] = sizeof(struct nw_probe),      [NW_PONG] = sizeof(struct nw_probe),
		[NW_PING_REQ] = sizeof(struct nw_probe),  [NW_LEAVE] = sizeof(struct nw_probe),
	};

	if (ev->length < sizeof(*d) || ev->length > 1024)
		return false;
	memcpy(d, ev->data, sizeof(*d));
	if (d->magic != NW_DATAGRAM_MAGIC || d->min_version > NW_VERSION || d->version < NW_VERSION ||
	    d->type == 0 || d->type > NW_LEAVE || ev->length < least[d->type] ||
	    d->cluster != e->c.cluster || d->from_node != ev->from || d->from_incarnation == 0)
		return false;
	if (e->c.keyed && datagram_mac(e, ev->data, ev->length) != d->mac) {
		e->stats.bad_mac++;
		return false;
	}
	return true;
}

/* It speaks as an incarnation that is dead: tell it. */
static void tell_dead(struct netipc *e, const struct nw_datagram *d)
{
	struct probe b;
	uint64_t incarnation = d->from_incarnation;

	memset(&b, 0, sizeof(b));
	gossip_add(&b, d->from_node, incarnation, NW_DEAD_CERTIFIED);
	datagram_send(e, d->from_node, incarnation, &b.p.d, NW_PONG,
		      (uint32_t)(sizeof(b.p) + sizeof(struct nw_gossip)));
}

void datagram_in(struct netipc *e, const struct np_event *ev)
{
	union {
		struct nw_datagram d;
		struct nw_hello hello;
		struct nw_connect connect;
		struct nw_probe probe;
	} u;
	struct nw_datagram d;
	struct peer *p;

	if (!datagram_good(e, ev, &d)) {
		e->stats.malformed++;
		return;
	}
	if (d.from_node == e->c.self)
		return; /* our own broadcast, or somebody with our address */
	e->stats.datagrams_received++;
	memset(&u, 0, sizeof(u));
	memcpy(&u, ev->data, ev->length < sizeof(u) ? ev->length : sizeof(u));
	if (is_dead(e, d.from_node, d.from_incarnation)) {
		if (d.type != NW_PONG)
			tell_dead(e, &d);
		return;
	}
	if (d.type == NW_LEAVE) {
		p = peer_find(e, d.from_node);
		note_death(e, d.from_node, d.from_incarnation);
		if (p != NULL && p->incarnation <= d.from_incarnation) {
			e->view -= e->view > 1;
			p->state = p->state == PEER_UNHEARD ? p->state : PEER_SUSPECT;
			peer_die(e, p, true);
		}
		tell_dead(e, &d); /* that is the answer to a goodbye */
		return;
	}
	p = peer_want(e, d.from_node, d.from_incarnation);
	if (p == NULL)
		return;
	/* What was meant for an incarnation before this one says nothing but that the sender is there. */
	peer_heard(e, p);
	if (d.to_incarnation != 0 && d.to_incarnation != e->incarnation) {
		if (d.type == NW_PONG || d.type == NW_PING)
			probe_in(e, p, &u.probe, ev->data, ev->length);
		return;
	}
	if (d.type == NW_HELLO)
		hello_in(e, p, &u.hello);
	else if (d.type == NW_CONNECT)
		conn_in(e, p, &u.connect);
	else
		probe_in(e, p, &u.probe, ev->data, ev->length);
}

/* This node has left: who tells of its death, or leaves too, has heard its goodbye or need not. */
void leave_answer_in(struct netipc *e, const struct np_event *ev)
{
	struct nw_datagram d;
	struct nw_probe b;
	struct nw_gossip g;
	struct peer *p;

	if (!datagram_good(e, ev, &d) || d.from_node == e->c.self ||
	    (d.type != NW_PONG && d.type != NW_LEAVE))
		return;
	p = peer_find(e, d.from_node);
	if (p == NULL || p->incarnation != d.from_incarnation)
		return;
	memcpy(&b, ev->data, sizeof(b));
	if (d.type == NW_LEAVE)
		p->knows_left = true;
	for (uint32_t i = 0; i < b.count && sizeof(b) + (i + 1) * sizeof(g) <= ev->length; i++) {
		memcpy(&g, ev->data + sizeof(b) + i * sizeof(g), sizeof(g));
		if (g.node == e->c.self && g.incarnation == e->incarnation && g.state == NW_DEAD_CERTIFIED)
			p->knows_left = true;
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * receive.c - messages that arrive, until they are settled.
 *
 * message_in() checks everything, as hostile; then the glue is offered the message (D_OFFERED) and
 * accepts, refuses, or finds its port full. Rights come into being only with the acceptance. One message
 * of a peer is open at a time (peer->current): that keeps the sender's order.
 */
#include "engine/engine.h"

/* Is its home here, as far as this node knows? What the giver believes may be out of date. */
static bool is_own_home(struct netipc *e, const struct nw_right *r)
{
	struct netipc_proxy *p;

	if (export_find(e, &r->uid) != NULL)
		return true;
	p = proxy_find(e, &r->uid);
	return r->home_node == e->c.self && (p == NULL || p->home == NULL);
}

static void right_at(const uint8_t *data, uint32_t i, struct nw_right *out)
{
	memcpy(out, data + sizeof(struct nw_message) + i * sizeof(*out), sizeof(*out));
}

/* ---- checking ---- */

/* Do the counts and sizes of a MESSAGE agree with its length? */
static bool sizes_good(const struct nw_message *m, const uint8_t *data, uint32_t length, uint64_t *ool)
{
	uint64_t at, ool_total = 0, pull = 0;

	if (m->rights > NW_RIGHTS_MAX || m->moves > NW_MOVES_MAX || m->ool > NW_OOL_MAX || m->body_size > NW_BODY_MAX ||
	    m->pull_size > NW_PULL_MAX || m->chunk > m->pull_size)
		return false;
	at = sizeof(*m) + m->rights * sizeof(struct nw_right) + m->moves * sizeof(struct nw_move);
	if (at + m->ool * sizeof(uint64_t) > length)
		return false;
	memcpy(ool, data + at, m->ool * sizeof(uint64_t));
	at += m->ool * sizeof(uint64_t);
	for (uint32_t i = 0; i < m->ool; i++) {
		if (ool[i] > NW_PULL_MAX)
			return false;
		ool_total += ool[i];
	}
	if ((m->flags & NW_MSG_BODY_PULLED) && !(m->flags & NW_MSG_DATA_PULLED) && ool_total > 0)
		return false;
	if (m->flags & NW_MSG_BODY_PULLED)
		pull += m->body_size;
	else
		at += (m->body_size + 7u) & ~7u;
	if (m->flags & NW_MSG_DATA_PULLED)
		pull += ool_total;
	else
		at += ool_total;
	return at == length && pull == m->pull_size;
}

/* A right whose home is here must be the sender's to give. */
static bool right_good(struct netipc *e, struct peer *p, const struct nw_right *r)
{
	struct netipc_export *x;
	struct once *o;

	if (!is_own_home(e, r) || r->kind == NW_RIGHT_NULL || r->kind == NW_RIGHT_DEAD)
		return true;
	x = export_find(e, &r->uid);
	if (x == NULL)
		return true; /* dead: it becomes a dead name */
	if (r->kind == NW_RIGHT_RECEIVE)
		return false;
	if (r->kind == NW_RIGHT_SEND)
		return holder_find(x, p) != NULL || r->check == x->check;
	o = once_find(e, x, r->once_id);
	if (o == NULL && x->arriving == NULL && x->uid.moves > 0)
		return true; /* it died with a home before, or is made up: it becomes a dead name */
	if (o == NULL) /* the port comes from there, and what it says of its send-once rights comes behind this */
		return x->arriving != NULL && x->arriving->home == p;
	return o->peer == p || o->check == r->check;
}

/* A receive right comes from the port's home as this node knows it, if it does; with its requests behind it. */
static bool receive_good(struct netipc *e, struct peer *p, const struct nw_message *m, const uint8_t *data, uint32_t i)
{
	struct netipc_proxy *known;
	struct nw_right r, request;

	right_at(data, i, &r);
	for (uint32_t j = i + 1; j < i + 3; j++) {
		if (j >= m->rights)
			return false;
		right_at(data, j, &request);
		if (request.kind == NW_RIGHT_SEND || request.kind == NW_RIGHT_RECEIVE)
			return false;
	}
	for (uint32_t j = 0; j < i; j++) {
		right_at(data, j, &request);
		if (request.kind == NW_RIGHT_RECEIVE && uid_equal(&request.uid, &r.uid))
			return false;
	}
	known = proxy_find(e, &r.uid);
	return r.home_node == p->addr && r.home_incarnation == p->incarnation && r.uid.node != 0 &&
	       r.uid.incarnation != 0 && r.uid.moves < UINT32_MAX &&
	       (known == NULL ||
		(known->home == p && known->arriving == NULL &&
		 (known->mover == MOVER_NONE || known->mover == MOVER_TELLS)));
}

static enum nw_code rights_check(struct netipc *e, struct peer *p, const struct nw_message *m,
				 const uint8_t *data)
{
	uint32_t receives = 0;
	struct nw_right r;

	for (uint32_t i = 0; i < m->rights; i++) {
		right_at(data, i, &r);
		receives += r.kind == NW_RIGHT_RECEIVE;
		if (r.kind > NW_RIGHT_RECEIVE ||
		    (r.kind == NW_RIGHT_SEND_ONCE && r.once_id == 0))
			return NW_MALFORMED;
		if (!right_good(e, p, &r) || (r.kind == NW_RIGHT_RECEIVE && !receive_good(e, p, m, data, i)))
			return NW_BAD_RIGHT;
	}
	return receives == m->moves ? NW_OK : NW_MALFORMED;
}

static enum nw_code dest_check(struct netipc *e, struct peer *p, const struct nw_message *m,
			       struct netipc_export **out)
{
	struct netipc_export *x = export_find(e, &m->to);
	struct netipc_proxy *stub;
	struct once *o;

	*out = x;
	if (x == NULL || m->to.moves < x->uid.moves) { /* sent to the home that was */
		stub = x == NULL ? move_stub(e, &m->to) : proxy_find(e, &m->to);
		if (stub != NULL && !stub->dead && move_stub_tell(e, stub, p))
			return NW_MOVED_AWAY;
	}
	if (x == NULL)
		return NW_INVALID_DEST;
	if ((m->flags & NW_MSG_MOVED) && (x->arriving == NULL || x->arriving->home != p))
		return NW_BAD_RIGHT;
	if (m->once_id == 0)
		return holder_find(x, p) ? NW_OK : NW_BAD_RIGHT;
	o = once_find(e, x, m->once_id);
	if (o != NULL && o->peer == p)
		return NW_OK;
	/* It may be told of yet, or p to tell again that it has it. */
	return (x->arriving != NULL && move_stub_tell(e, x->arriving, p)) || move_is_telling(e, &m->to, p) ? NW_MOVED_AWAY :
														NW_BAD_RIGHT;
}

/* ---- settling ---- */

static void refuse(struct netipc *e, struct peer *p, uint64_t number, enum nw_code code)
{
	if (code == NW_BAD_RIGHT)
		e->stats.bad_right++;
	stream_verdict(e, p, NW_REFUSED, number, code);
	stream_processed(e, p, number, true);
}

void delivery_free(struct netipc *e, struct netipc_delivery *d)
{
	upcall_cancel(&d->up);
	if (d->buffer != NULL)
		e->provider->ops->recv_done(e->provider, d->buffer);
	if (d->x != NULL) {
		d->x->deliveries--;
		export_try_drop(e, d->x);
	}
	pool_put(&e->delivery_pool, d);
}

/* d is over: the peer's next message may come. */
void delivery_finish(struct netipc *e, struct netipc_delivery *d)
{
	struct peer *p = d->peer;

	if (p != NULL)
		p->current = NULL;
	delivery_free(e, d);
	if (p != NULL)
		stream_process(e, p);
}

/* It waits at the full port x, behind those already there; false: no memory. */
static bool wait_at(struct netipc *e, struct netipc_export *x, struct peer *p, uint64_t number, bool behind)
{
	struct waiting *w = pool_get(&e->waiting_pool);

	if (w == NULL)
		return false;
	*w = (struct waiting){ .x = x, .peer = p, .number = number, .behind = behind };
	list_init(&w->link);
	list_init(&w->peer_link);
	list_add_tail(&x->waiting, &w->link);
	list_add_tail(&p->waiting, &w->peer_link);
	e->stats.full++;
	stream_verdict(e, p, NW_FULL, number, NW_OK);
	stream_processed(e, p, number, false);
	return true;
}

static struct waiting *waiting_of(struct netipc_export *x, const struct peer *p)
{
	LIST_FOR_EACH(l, &x->waiting) {
		struct waiting *w = container_of(l, struct waiting, link);

		if (w->peer == p)
			return w;
	}
	return NULL;
}

/* The home of a right is news that only the old home can tell: has it? It is asked no sooner than its turn. */
static bool right_stalls(struct netipc *e, const struct peer *from, const struct nw_right *r)
{
	struct netipc_export *x = export_find(e, &r->uid);
	struct netipc_proxy *p = proxy_find(e, &r->uid);
	struct nw_moved moved;
	struct inbound *told;
	struct peer *home;

	if (x != NULL && r->kind == NW_RIGHT_SEND_ONCE && x->arriving != NULL && x->arriving->home != from &&
	    once_find(e, x, r->once_id) == NULL)
		return true; /* the old home has not told of it yet */
	if (x != NULL)
		return r->home_node != e->c.self && r->uid.moves > x->uid.moves && x->leaving > 0;
	if (r->home_node == e->c.self && (p == NULL || p->dead) && r->kind != NW_RIGHT_RECEIVE)
		return false; /* it died here */
	if (p != NULL && p->dead) /* what keeps it will soon be over */
		return r->uid.moves > p->uid.moves || r->kind == NW_RIGHT_RECEIVE;
	if (p == NULL || p->home == NULL || r->uid.moves <= p->uid.moves)
		return false;
	told = stream_find_inbound(p->home, NW_MOVED, &r->uid);
	if (told != NULL) {
		memcpy(&moved, told->data, sizeof(moved));
		home = peer_find(e, moved.home_node);
		if (home != NULL && home->incarnation == moved.home_incarnation && moved.uid.moves > p->uid.moves) {
			p->check = moved.check;
			move_rebind(e, p, home, moved.uid.moves);
			return r->uid.moves > p->uid.moves;
		}
	}
	if (p->received == 0 && p->registers == p->registered && p->messages == 0 && p->transits == 0 &&
	    list_empty(&p->onces) && list_empty(&p->pendings)) {
		home = peer_want(e, r->home_node, r->home_incarnation);
		p = proxy_find(e, &r->uid);
		if (home != NULL && p != NULL && p->home != NULL) {
			if (r->kind == NW_RIGHT_SEND)
				p->check = r->check;
			move_rebind(e, p, home, r->uid.moves);
		}
		return false;
	}
	return true;
}

/* Only if its port moves, or another is coming here. */
static bool may_stall(const struct netipc *e, const struct nw_right *r)
{
	return r->kind != NW_RIGHT_NULL && r->kind != NW_RIGHT_DEAD &&
	       (r->uid.moves != 0 || r->kind == NW_RIGHT_RECEIVE || e->arrivals > 0);
}

/* Does the message know of a move that this node has not heard of from the port's home? Then it waits a bit. */
bool message_stalls(struct netipc *e, struct peer *p, const struct inbound *in)
{
	struct nw_message m;
	struct nw_right r;

	memcpy(&m, in->data, sizeof(m));
	if (p->stall_ns != 0 && e->now - p->stall_ns > STALL_MAX_NS)
		return false;
	for (uint32_t i = 0; i < m.rights && sizeof(m) + (i + 1) * sizeof(r) <= in->length; i++) {
		right_at(in->data, i, &r);
		if (!may_stall(e, &r))
			continue;
		if (!right_stalls(e, p, &r) || peer_gone(p))
			continue;
		p->stall_ns = p->stall_ns ? p->stall_ns : e->now;
		return true;
	}
	return false;
}

/* It waited too long for that. */
static bool stalled_out(struct netipc *e, struct peer *p, const struct nw_message *m, const uint8_t *data)
{
	struct nw_right r;

	for (uint32_t i = 0; i < m->rights && p->stall_ns != 0; i++) {
		right_at(data, i, &r);
		if (may_stall(e, &r) && right_stalls(e, p, &r))
			return true;
	}
	return false;
}

void message_in(struct netipc *e, struct peer *p, struct inbound *in)
{
	struct netipc_delivery *d = pool_get(&e->delivery_pool);
	struct netipc_export *x = NULL;
	struct waiting *w = NULL;
	enum nw_code code;
	bool crossing;

	if (d == NULL) {
		refuse(e, p, in->number, NW_NO_MEMORY);
		return;
	}
	memset(d, 0, offsetof(struct netipc_delivery, m));
	memcpy(&d->m, in->data, sizeof(d->m));
	code = sizes_good(&d->m, in->data, in->length, d->ool) ? NW_OK : NW_MALFORMED;
	if (code == NW_OK)
		code = dest_check(e, p, &d->m, &x);
	if (code == NW_OK && stalled_out(e, p, &d->m, in->data))
		code = NW_NO_MEMORY;
	if (code == NW_OK)
		code = rights_check(e, p, &d->m, in->data);
	if (code != NW_OK) {
		e->stats.malformed += code == NW_MALFORMED;
		goto refused;
	}
	if (d->m.once_id == 0)
		w = waiting_of(x, p);
	/* Two that each carry the other's destination away: one of them comes first. */
	crossing = x->leaving > 0 && d->m.moves > 0 && d->m.once_id == 0 && e->c.self < p->addr;
	if (crossing && w != NULL && w->granted && w->number == d->m.resend_of) {
		pool_put(&e->delivery_pool, d);
		w->number = in->number; /* it keeps its place */
		w->granted = w->tentative = false;
		w->behind = true;
		e->stats.full++;
		stream_verdict(e, p, NW_FULL, in->number, NW_OK);
		stream_processed(e, p, in->number, false);
		return;
	}
	if (crossing || (w != NULL && !(w->granted && w->number == d->m.resend_of))) {
		pool_put(&e->delivery_pool, d); /* one of that sender waits already: behind it */
		if (!wait_at(e, x, p, in->number, true))
			refuse(e, p, in->number, NW_NO_MEMORY);
		return;
	}
	list_init(&d->link);
	d->peer = p;
	d->x = x;
	x->deliveries++;
	d->granted = w;
	d->data = in->data;
	d->buffer = in->buffer;
	d->number = in->number;
	d->fixed = (uint32_t)(sizeof(d->m) + d->m.rights * sizeof(struct nw_right) + d->m.moves * sizeof(struct nw_move));
	in->buffer = NULL;
	p->current = d;
	upcall_add(e, &d->up, NETIPC_UP_DELIVER);
	return;
refused:
	pool_put(&e->delivery_pool, d);
	refuse(e, p, in->number, code);
}

void retract_in(struct netipc *e, struct peer *p, uint64_t number)
{
	LIST_FOR_EACH(l, &p->waiting) {
		struct waiting *w = container_of(l, struct waiting, peer_link);

		if (w->number != number)
			continue;
		waiting_end(e, w, true);
		stream_verdict(e, p, NW_RETRACTED, number, NW_OK);
		return;
	}
}

/* ---- rights that arrive with an accepted message ---- */

static void right_own(struct netipc *e, struct peer *from, const struct nw_right *r, struct netipc_right_in *out)
{
	struct netipc_export *x = export_find(e, &r->uid);
	struct once *o;

	out->kind = NETIPC_RIGHT_DEAD;
	if (r->transit != 0 && !peer_gone(from)) /* the giver did not know that this is its home */
		transit_done_send(e, from, r->transit, NW_OK);
	if (x == NULL)
		return;
	if (r->kind == NW_RIGHT_SEND_ONCE) {
		o = once_find(e, x, r->once_id);
		if (o == NULL && (x->arriving == NULL || x->arriving->home != from))
			return; /* the same one twice in a message */
		if (o == NULL) {
			(void)proxy_add_once(e, x->arriving, r);
			move_once_came(e, x, 1);
		}
		out->port = x->port;
		out->kind = NETIPC_RIGHT_SEND_ONCE;
		if (o != NULL)
			once_end(e, o, false);
		return;
	}
	out->port = x->port;
	out->kind = NETIPC_RIGHT_SEND;
}

static void right_other(struct netipc *e, struct peer *from, const struct nw_right *r,
			struct netipc_right_in *out)
{
	struct netipc_proxy *p = proxy_find(e, &r->uid);
	struct peer *home = p != NULL && !p->dead && p->home != NULL && r->uid.moves < p->uid.moves
				    ? p->home : peer_want(e, r->home_node, r->home_incarnation);
	bool stale = p != NULL && !p->dead && p->home == home && r->uid.moves < p->uid.moves;
	bool third = home != from || r->transit != 0 || stale;

	if (p == NULL)
		p = home && !peer_gone(from) ? proxy_get(e, &r->uid, home) : NULL;
	else if (p->home == NULL)
		p = NULL;
	else if (r->home_node == e->c.self) /* the giver has not heard that it moved on from here */
		home = p->home, stale = third = true;
	if (p == NULL || p->dead || p->home != home || peer_gone(from)) {
		if (r->transit != 0 && !peer_gone(from))
			transit_done_send(e, from, r->transit, NW_DEAD);
		out->kind = NETIPC_RIGHT_DEAD;
		return;
	}
	p->check = r->kind == NW_RIGHT_SEND ? r->check : p->check;
	proxy_offer(p);
	out->proxy = p;
	if (r->kind == NW_RIGHT_SEND_ONCE) {
		out->kind = NETIPC_RIGHT_SEND_ONCE;
		if (stale && r->transit == 0)
			once_claim(e, proxy_add_once(e, p, r));
		else if (third)
			proxy_once_from_third(e, p, r, from);
		else
			proxy_add_once(e, p, r);
		return;
	}
	out->kind = NETIPC_RIGHT_SEND;
	p->sends = true;
	if (stale && r->transit == 0)
		proxy_register(e, p);
	else if (third)
		proxy_from_third(e, p, from, r->transit);
	else
		proxy_from_home(e, p);
}

/* A receive right: netipc_arrive() follows, before anything else can happen. */
static void right_receive(struct netipc *e, struct peer *from, const struct nw_right *r, const struct nw_move *move,
			  struct netipc_right_in *out)
{
	struct netipc_proxy *p = peer_gone(from) ? NULL : proxy_find(e, &r->uid);

	if (p == NULL)
		p = peer_gone(from) ? NULL : proxy_get(e, &r->uid, from);
	if (p == NULL || p->dead || p->home != from || export_find(e, &r->uid) != NULL) {
		out->kind = NETIPC_RIGHT_DEAD;
		return;
	}
	p->uid.moves = r->uid.moves + 1;
	p->messages_old = p->messages;
	p->transits_old = p->transits;
	p->check = r->check;
	proxy_offer(p);
	out->proxy = p;
	out->state = (struct netipc_port_state){ .qlimit = move->qlimit, .make_sends = move->make_sends,
						 .ordered = (move->flags & NW_MOVE_ORDERED) != 0 };
}

enum netipc_right_kind netipc_delivery_right(const struct netipc_delivery *d, uint32_t i)
{
	struct nw_right r;

	right_at(d->data, i, &r);
	return (enum netipc_right_kind)r.kind;
}

uint32_t netipc_delivery_new_proxies(struct netipc *e, const struct netipc_delivery *d)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < d->m.rights; i++) {
		struct netipc_proxy *p;
		struct nw_right r;

		right_at(d->data, i, &r);
		if (r.kind == NW_RIGHT_NULL || r.kind == NW_RIGHT_DEAD || is_own_home(e, &r))
			continue;
		p = proxy_find(e, &r.uid);
		count += p == NULL || p->cookie == NULL;
	}
	return count;
}

/* ---- the glue's verdict ---- */

/* What the glue did not know: the sender or the port died since the offer. True: d is over. */
static bool is_void(struct netipc *e, struct netipc_delivery *d)
{
	if (d->peer != NULL && d->x != NULL && !d->x->dead)
		return false;
	if (d->peer != NULL)
		refuse(e, d->peer, d->number, d->x != NULL && d->x->moved ? NW_MOVED_AWAY : NW_INVALID_DEST);
	delivery_finish(e, d);
	engine_flush(e);
	return true;
}

int netipc_deliver_accept(struct netipc *e, struct netipc_delivery *d, struct netipc_right_in *rights,
			  const struct np_sge *local, uint32_t local_count, void *cookie,
			  uint64_t now_ns)
{
	uint32_t count = d->m.rights, receives = 0;
	struct peer *p = d->peer;
	struct once *o;

	e->now = now_ns;
	if (is_void(e, d))
		return NETIPC_DEAD;
	if ((d->m.moves > 0 && (pool_left(&e->export_pool) < d->m.moves || pool_left(&e->holder_pool) < d->m.moves)) ||
	    pool_left(&e->proxy_pool) < count || pool_left(&e->once_ref_pool) < count ||
	    pool_left(&e->pending_pool) < count || pool_left(&e->peer_pool) < count / 8 + 1) {
		netipc_deliver_refuse(e, d, NETIPC_REFUSE_NO_MEMORY, now_ns);
		return NETIPC_NO_MEMORY;
	}
	/* What was true at the offer may be so no more: the home of a right has been heard of differently. */
	for (uint32_t i = 0; i < count; i++) {
		struct nw_right r;

		right_at(d->data, i, &r);
		if (may_stall(e, &r) && right_stalls(e, p, &r)) {
			netipc_deliver_refuse(e, d, NETIPC_REFUSE_NO_MEMORY, now_ns);
			return NETIPC_NO_MEMORY;
		}
	}
	o = d->m.once_id ? once_find(e, d->x, d->m.once_id) : NULL;
	if (o != NULL)
		once_end(e, o, false);
	if (d->granted != NULL)
		waiting_end(e, d->granted, false);
	d->granted = NULL;
	stream_processed(e, p, d->number, (d->m.flags & NW_MSG_ACK_NOW) != 0);
	for (uint32_t i = 0; i < count; i++) {
		struct nw_right r;

		right_at(d->data, i, &r);
		rights[i] = (struct netipc_right_in){ .kind = (enum netipc_right_kind)r.kind };
		if (r.kind == NW_RIGHT_RECEIVE) {
			struct nw_move move;

			memcpy(&move, d->data + sizeof(struct nw_message) + count * sizeof(r) + receives++ * sizeof(move),
			       sizeof(move));
			right_receive(e, p, &r, &move, &rights[i]);
			continue;
		}
		if (r.kind != NW_RIGHT_SEND && r.kind != NW_RIGHT_SEND_ONCE)
			continue;
		if (is_own_home(e, &r))
			right_own(e, p, &r, &rights[i]);
		else
			right_other(e, p, &r, &rights[i]);
	}
	d->cookie = cookie;
	if (d->peer == NULL) {
		/* A right told of the sender's own newer incarnation: it is dead, the message stands. */
		if (d->m.pull_size > 0)
			bulk_end(e, d, NETIPC_DEAD);
		else
			delivery_finish(e, d);
	} else if (d->m.pull_size > 0) {
		d->local = local;
		d->local_count = local_count;
		bulk_start(e, d);
	} else {
		delivery_finish(e, d);
	}
	engine_flush(e);
	return NETIPC_OK;
}

int netipc_deliver_full(struct netipc *e, struct netipc_delivery *d, uint64_t now_ns)
{
	e->now = now_ns;
	if (d->slot_freed && d->peer != NULL && d->x != NULL) {
		d->slot_freed = false;
		return NETIPC_RETRY;
	}
	if (is_void(e, d))
		return NETIPC_OK;
	if (d->granted != NULL) { /* it keeps its place */
		d->granted->number = d->number;
		d->granted->granted = d->granted->tentative = d->granted->behind = false;
		d->granted = NULL;
		e->stats.full++;
		stream_verdict(e, d->peer, NW_FULL, d->number, NW_OK);
		stream_processed(e, d->peer, d->number, false);
	} else if (!wait_at(e, d->x, d->peer, d->number, false)) {
		refuse(e, d->peer, d->number, NW_NO_MEMORY);
	}
	delivery_finish(e, d);
	engine_flush(e);
	return NETIPC_OK;
}

void netipc_deliver_refuse(struct netipc *e, struct netipc_delivery *d, enum netipc_refusal why,
			   uint64_t now_ns)
{
	static const enum nw_code code[] = {
		[NETIPC_REFUSE_INVALID_DEST] = NW_INVALID_DEST,
		[NETIPC_REFUSE_NO_MEMORY] = NW_NO_MEMORY,
		[NETIPC_REFUSE_MALFORMED] = NW_MALFORMED,
	};

	e->now = now_ns;
	if (is_void(e, d))
		return;
	if (d->granted != NULL)
		waiting_end(e, d->granted, true);
	d->granted = NULL;
	refuse(e, d->peer, d->number, code[why]);
	delivery_finish(e, d);
	engine_flush(e);
}

void netipc_slot_freed(struct netipc *e, struct netipc_export *x, uint64_t now_ns)
{
	e->now = now_ns;
	for (uint32_t i = 0; x->deliveries > 0 && i < e->peer_total; i++) {
		struct peer *p = &e->peer_array[i];

		if (!peer_gone(p) && p->current && p->current->x == x)
			p->current->slot_freed = true;
	}
	waiting_grant(e, x);
	engine_flush(e);
}

/* The sender died: an open offer is void, bytes that were being pulled will not come. */
void delivery_peer_died(struct netipc *e, struct peer *p)
{
	struct netipc_delivery *d = p->current;

	if (d == NULL)
		return;
	p->current = NULL;
	d->peer = NULL;
	d->granted = NULL; /* its waiting entry goes with the peer's */
	if (d->state == D_PULLING)
		bulk_end(e, d, NETIPC_DEAD);
	else if (d->up.queued)
		delivery_free(e, d); /* the glue never saw it */
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * receive.c - messages that arrive, until they are settled.
 *
 * message_in() checks everything, as hostile; then the glue is offered the message (D_OFFERED) and
 * accepts, refuses, or finds its port full. Rights come into being only with the acceptance. One message
 * of a peer is open at a time (peer->current): that keeps the sender's order.
 */
#include "engine/engine.h"

static bool is_own_home(const struct netipc *e, const struct nw_right *r)
{
	return r->home_node == e->c.self;
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

	if (m->rights > NW_RIGHTS_MAX || m->ool > NW_OOL_MAX || m->body_size > NW_BODY_MAX ||
	    m->pull_size > NW_PULL_MAX || m->chunk > m->pull_size)
		return false;
	at = sizeof(*m) + m->rights * sizeof(struct nw_right);
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
	if (r->kind == NW_RIGHT_SEND)
		return holder_find(x, p) != NULL;
	o = once_find(e, r->once_id);
	return o != NULL && o->x == x && o->peer == p;
}

static enum nw_code rights_check(struct netipc *e, struct peer *p, const struct nw_message *m,
				 const uint8_t *data)
{
	struct nw_right r;

	for (uint32_t i = 0; i < m->rights; i++) {
		right_at(data, i, &r);
		if (r.kind == NW_RIGHT_RECEIVE)
			return NW_UNSUPPORTED;
		if (r.kind > NW_RIGHT_RECEIVE ||
		    (r.kind == NW_RIGHT_SEND_ONCE && r.once_id == 0))
			return NW_MALFORMED;
		if (!right_good(e, p, &r))
			return NW_BAD_RIGHT;
	}
	return NW_OK;
}

static enum nw_code dest_check(struct netipc *e, struct peer *p, const struct nw_message *m,
			       struct netipc_export **out)
{
	struct netipc_export *x = export_find(e, &m->to);
	struct once *o;

	*out = x;
	if (x == NULL)
		return NW_INVALID_DEST;
	if (m->once_id == 0)
		return holder_find(x, p) ? NW_OK : NW_BAD_RIGHT;
	o = once_find(e, m->once_id);
	return o != NULL && o->x == x && o->peer == p ? NW_OK : NW_BAD_RIGHT;
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

void message_in(struct netipc *e, struct peer *p, struct inbound *in)
{
	struct netipc_delivery *d = pool_get(&e->delivery_pool);
	struct netipc_export *x = NULL;
	struct waiting *w = NULL;
	enum nw_code code;

	if (d == NULL) {
		refuse(e, p, in->number, NW_NO_MEMORY);
		return;
	}
	memset(d, 0, offsetof(struct netipc_delivery, m));
	memcpy(&d->m, in->data, sizeof(d->m));
	code = sizes_good(&d->m, in->data, in->length, d->ool) ? NW_OK : NW_MALFORMED;
	if (code == NW_OK)
		code = dest_check(e, p, &d->m, &x);
	if (code == NW_OK)
		code = rights_check(e, p, &d->m, in->data);
	if (code != NW_OK) {
		e->stats.malformed += code == NW_MALFORMED;
		goto refused;
	}
	if (d->m.once_id == 0)
		w = waiting_of(x, p);
	if (w != NULL && !(w->granted && w->number == d->m.resend_of)) {
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

static void right_own(struct netipc *e, const struct nw_right *r, struct netipc_right_in *out)
{
	struct netipc_export *x = export_find(e, &r->uid);
	struct once *o;

	out->kind = NETIPC_RIGHT_DEAD;
	if (x == NULL)
		return;
	if (r->kind == NW_RIGHT_SEND_ONCE) {
		o = once_find(e, r->once_id);
		if (o == NULL)
			return; /* the same one twice in a message */
		out->port = x->port;
		out->kind = NETIPC_RIGHT_SEND_ONCE;
		once_end(e, o, false);
		return;
	}
	out->port = x->port;
	out->kind = NETIPC_RIGHT_SEND;
}

static void right_other(struct netipc *e, struct peer *from, const struct nw_right *r,
			struct netipc_right_in *out)
{
	struct peer *home = peer_want(e, r->home_node, r->home_incarnation);
	bool third = home != from;
	struct netipc_proxy *p = home && !peer_gone(from) ? proxy_get(e, &r->uid, home) : NULL;

	if (p == NULL || p->dead || p->home != home) {
		if (third && !peer_gone(from))
			transit_done_send(e, from, r->transit);
		out->kind = NETIPC_RIGHT_DEAD;
		return;
	}
	p->check = r->kind == NW_RIGHT_SEND ? r->check : p->check;
	proxy_offer(p);
	out->proxy = p;
	if (r->kind == NW_RIGHT_SEND_ONCE) {
		out->kind = NETIPC_RIGHT_SEND_ONCE;
		if (third)
			proxy_once_from_third(e, p, r, from);
		else
			proxy_add_once(e, p, r);
		return;
	}
	out->kind = NETIPC_RIGHT_SEND;
	p->sends = true;
	if (third)
		proxy_from_third(e, p, from, r->transit);
	else
		proxy_from_home(e, p);
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
		if ((r.kind != NW_RIGHT_SEND && r.kind != NW_RIGHT_SEND_ONCE) || is_own_home(e, &r))
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
		refuse(e, d->peer, d->number, NW_INVALID_DEST);
	delivery_finish(e, d);
	engine_flush(e);
	return true;
}

int netipc_deliver_accept(struct netipc *e, struct netipc_delivery *d, struct netipc_right_in *rights,
			  const struct np_sge *local, uint32_t local_count, void *cookie,
			  uint64_t now_ns)
{
	uint32_t count = d->m.rights;
	struct peer *p = d->peer;
	struct once *o;

	e->now = now_ns;
	if (is_void(e, d))
		return NETIPC_DEAD;
	if (pool_left(&e->proxy_pool) < count || pool_left(&e->once_ref_pool) < count ||
	    pool_left(&e->pending_pool) < count || pool_left(&e->peer_pool) < count / 8 + 1) {
		netipc_deliver_refuse(e, d, NETIPC_REFUSE_NO_MEMORY, now_ns);
		return NETIPC_NO_MEMORY;
	}
	o = d->m.once_id ? once_find(e, d->m.once_id) : NULL;
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
		if (r.kind != NW_RIGHT_SEND && r.kind != NW_RIGHT_SEND_ONCE)
			continue;
		if (is_own_home(e, &r))
			right_own(e, &r, &rights[i]);
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

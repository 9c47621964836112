/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine.c - an engine's memory, its pools, its time, its upcalls. See engine.h for the invariants.
 */
#include "engine/engine.h"

struct arena {
	uint8_t *base; /* NULL: only count */
	size_t used;
};

static void *take(struct arena *a, size_t bytes)
{
	void *p = a->base ? a->base + a->used : NULL;

	a->used += (bytes + 15) & ~(size_t)15;
	if (p != NULL)
		memset(p, 0, bytes);
	return p;
}

static void *pool_fill(struct arena *a, struct pool *p, uint32_t count, size_t size)
{
	uint8_t *array;

	size = (size + 15) & ~(size_t)15;
	array = take(a, count * size);
	if (array == NULL)
		return NULL;
	list_init(&p->free);
	p->total = count;
	p->in_use = 0;
	for (uint32_t i = 0; i < count; i++)
		list_add_tail(&p->free, (struct list *)(array + i * size));
	return array;
}

void *pool_get(struct pool *p)
{
	struct list *first = p->free.next;

	if (list_empty(&p->free))
		return NULL;
	list_remove(first);
	p->in_use++;
	return first;
}

void pool_put(struct pool *p, void *object)
{
	struct list *l = object;

	list_init(l);
	list_add_head(&p->free, l);
	p->in_use--;
}

static void set_default(uint32_t *field, uint32_t value)
{
	if (*field == 0)
		*field = value;
}

static void set_default64(uint64_t *field, uint64_t value)
{
	if (*field == 0)
		*field = value;
}

static void fill_config(struct netipc_config *c)
{
	set_default(&c->mtu, 4096);
	set_default(&c->peers, 32);
	set_default(&c->exports, 1024);
	set_default(&c->holders, 2048);
	set_default(&c->onces, 2048);
	set_default(&c->proxies, 1024);
	set_default(&c->once_refs, 2048);
	set_default(&c->transits, 2048);
	set_default(&c->messages, 512);
	set_default(&c->large_buffers, 64);
	set_default(&c->records, 4096);
	set_default(&c->waiting, c->messages * 2);
	set_default(&c->deliveries, 2 * c->peers);
	set_default64(&c->ack_delay_ns, 5000000);
	set_default64(&c->probe_ns, 400000000);
	set_default64(&c->suspect_ns, 2000000000);
	set_default64(&c->stall_ns, 300000000);
}

/* Lay everything out in a; with base NULL only a->used counts. */
static void layout(struct arena *a, const struct netipc_config *c, struct netipc *e)
{
	uint32_t peers = 2 * c->peers, hash = 64;
	uint64_t *flush;

	while (hash < c->exports || hash < c->proxies)
		hash *= 2;
	e->peer_total = peers;
	e->flush_words = (peers + 63) / 64;
	e->hash_mask = hash - 1;
	e->export_hash = take(a, hash * sizeof(void *));
	e->once_hash = take(a, hash * sizeof(void *));
	e->proxy_hash = take(a, hash * sizeof(void *));
	e->peer_hash = take(a, hash * sizeof(void *));
	e->dead_count = 4 * c->peers;
	e->dead = take(a, e->dead_count * sizeof(*e->dead));
	flush = take(a, (size_t)peers * e->flush_words * sizeof(*flush));
	e->peer_array = pool_fill(a, &e->peer_pool, peers, sizeof(struct peer));
	for (uint32_t i = 0; e->peer_array && i < peers; i++) {
		e->peer_array[i].index = i;
		e->peer_array[i].flush = flush + (size_t)i * e->flush_words;
	}
	pool_fill(a, &e->record_pool, c->records, sizeof(struct control));
	pool_fill(a, &e->message_pool, c->messages, sizeof(struct netipc_message));
	pool_fill(a, &e->large_pool, c->large_buffers, sizeof(struct large_buffer));
	pool_fill(a, &e->inbound_pool, peers * 2 * WINDOW_MAX, sizeof(struct inbound));
	pool_fill(a, &e->delivery_pool, c->deliveries, sizeof(struct netipc_delivery));
	pool_fill(a, &e->holder_pool, c->holders, sizeof(struct holder));
	pool_fill(a, &e->once_pool, c->onces, sizeof(struct once));
	pool_fill(a, &e->waiting_pool, c->waiting, sizeof(struct waiting));
	pool_fill(a, &e->export_pool, c->exports, sizeof(struct netipc_export));
	pool_fill(a, &e->once_ref_pool, c->once_refs, sizeof(struct once_ref));
	pool_fill(a, &e->transit_pool, c->transits, sizeof(struct transit));
	pool_fill(a, &e->pending_pool, c->transits, sizeof(struct pending));
	pool_fill(a, &e->proxy_pool, c->proxies, sizeof(struct netipc_proxy));
}

size_t netipc_size(const struct netipc_config *config)
{
	struct netipc_config c = *config;
	struct arena a = { NULL, 0 };
	struct netipc scratch;

	fill_config(&c);
	take(&a, sizeof(struct netipc));
	layout(&a, &c, &scratch);
	return a.used;
}

struct netipc *netipc_init(void *memory, const struct netipc_config *config, uint64_t now_ns)
{
	struct arena a = { memory, 0 };
	struct netipc *e = take(&a, sizeof(*e));

	e->c = *config;
	fill_config(&e->c);
	e->provider = config->provider;
	e->key = (struct siphash_key){ { config->key[0], config->key[1] } };
	e->secret = (struct siphash_key){ { config->secret[0], config->secret[1] } };
	e->incarnation = config->incarnation;
	export_check_key(e);
	e->random = config->secret[0] ^ config->incarnation;
	e->now = now_ns;
	e->returned_ns = NEVER;
	e->next_serial = e->next_transit = 1;
	/* Ids of one port's send-once rights come from each of its homes: they must differ. */
	e->next_once = (siphash_words(&e->secret, config->self, config->incarnation) & 0xfffff) << 44 | 1;
	list_init(&e->peers);
	list_init(&e->dying);
	list_init(&e->dirty);
	list_init(&e->deferred_proxies);
	list_init(&e->deferred_exports);
	list_init(&e->idle_exports);
	list_init(&e->transits);
	list_init(&e->upcalls);
	layout(&a, &e->c, e);
	e->hello_ns = now_ns;
	e->probe_ns = now_ns + e->c.probe_ns;
	e->next_timer = now_ns;
	e->view = 1;
	e->view_lowest = e->c.self;
	return e;
}

uint64_t netipc_incarnation(const struct netipc *e)
{
	return e->incarnation;
}

uint64_t random64(struct netipc *e)
{
	uint64_t z = (e->random += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void timer_at(struct netipc *e, uint64_t when_ns)
{
	if (when_ns < e->next_timer)
		e->next_timer = when_ns;
}

/* ---- the end of each entry: what became due is posted ---- */

static void retry_deferred(struct netipc *e)
{
	struct list again = LIST_INIT(again);

	list_splice_tail(&again, &e->deferred_proxies);
	while (!list_empty(&again) && stream_room_own(e)) {
		struct netipc_proxy *p = list_first(&again, struct netipc_proxy, deferred);

		list_remove(&p->deferred);
		proxy_settle(e, p);
	}
	list_splice_tail(&e->deferred_proxies, &again);
	list_splice_tail(&again, &e->deferred_exports);
	while (!list_empty(&again) && stream_room_own(e)) {
		struct netipc_export *x = list_first(&again, struct netipc_export, link);

		list_remove(&x->link);
		export_pump_dead(e, x);
	}
	list_splice_tail(&e->deferred_exports, &again);
}

void engine_flush(struct netipc *e)
{
	if (!list_empty(&e->deferred_proxies) || !list_empty(&e->deferred_exports))
		retry_deferred(e);
	while (!list_empty(&e->dirty)) {
		struct peer *p = list_first(&e->dirty, struct peer, dirty_link);

		list_remove(&p->dirty_link);
		p->dirty = false;
		stream_pump(e, p);
	}
	if (e->fence_due)
		member_fence(e);
}

/* ---- input and time ---- */

static struct peer *peer_of_qp(struct netipc *e, np_qp_t qp)
{
	LIST_FOR_EACH(l, &e->peers) {
		struct peer *p = container_of(l, struct peer, link);

		if (p->qp == qp && p->conn != CONN_NONE)
			return p;
	}
	return NULL;
}

static void event_in(struct netipc *e, struct np_event *ev)
{
	struct peer *p;

	if (ev->kind == NP_EV_DATAGRAM) {
		if (!e->left)
			datagram_in(e, ev);
		else
			leave_answer_in(e, ev);
		e->provider->ops->recv_done(e->provider, ev->buffer);
		return;
	}
	p = peer_of_qp(e, ev->qp);
	switch (ev->kind) {
	case NP_EV_RECV:
		if (p != NULL)
			stream_arrival(e, p, ev); /* gives the buffer back */
		else
			e->provider->ops->recv_done(e->provider, ev->buffer);
		break;
	case NP_EV_SEND_DONE:
		if (p != NULL)
			stream_send_done(e, p, ev->wr_id);
		break;
	case NP_EV_READ_DONE:
		if (p != NULL)
			bulk_read_done(e, p, ev->status);
		break;
	case NP_EV_QP_ERROR:
		e->stats.qp_errors++;
		if (p != NULL)
			conn_down(e, p);
		break;
	default: /* nothing of ours writes */
		break;
	}
}

static void run_timers(struct netipc *e)
{
	e->next_timer = NEVER;
	member_timers(e);
	export_timers(e);
	/* By index: what one peer has to say may be another's death. */
	for (uint32_t i = 0; i < e->peer_total; i++) {
		struct peer *p = &e->peer_array[i];

		if (peer_gone(p))
			continue;
		conn_timer(e, p);
		if (p->ack_ns != 0 && p->ack_ns <= e->now) {
			p->ack_now = true;
			p->ack_ns = 0;
			stream_dirty(e, p);
		} else if (p->ack_ns != 0) {
			timer_at(e, p->ack_ns);
		}
		stream_process(e, p); /* in case it had stopped for want of records */
		if (peer_gone(p))
			continue;
		if (p->current && p->current->state == D_PULLING && p->current->retry_ns != 0) {
			if (p->current->retry_ns <= e->now) {
				p->current->retry_ns = 0;
				bulk_pump(e, p->current);
			} else {
				timer_at(e, p->current->retry_ns);
			}
		}
	}
}

uint64_t netipc_poll(struct netipc *e, uint64_t now_ns)
{
	struct np_event ev;
	uint64_t provider_ns, due;

	e->now = now_ns;
	if (e->returned_ns != NEVER && now_ns > e->returned_ns + e->c.stall_ns)
		member_stalled(e);
	/* What is posted may make events at once; only when none is left is the provider's time known. */
	for (bool more = true; more;) {
		while (e->provider->ops->next_event(e->provider, &ev))
			event_in(e, &ev);
		if (e->next_timer <= now_ns)
			run_timers(e);
		engine_flush(e);
		provider_ns = e->provider->ops->run(e->provider, now_ns);
		more = e->provider->ops->next_event(e->provider, &ev);
		if (more)
			event_in(e, &ev);
	}
	due = provider_ns < e->next_timer ? provider_ns : e->next_timer;
	/* Only netipc's own timers tell of a stall: a provider may want to be called at any time. */
	e->returned_ns = e->next_timer;
	return due;
}

uint64_t netipc_deadline(const struct netipc *e)
{
	return e->next_timer;
}

void netipc_leave(struct netipc *e, uint64_t now_ns)
{
	e->now = now_ns;
	if (e->left)
		return;
	e->left = true;
	member_leave(e);
}

bool netipc_left(const struct netipc *e)
{
	LIST_FOR_EACH(l, &e->peers) {
		const struct peer *p = container_of(l, struct peer, link);

		if (p->state == PEER_ALIVE && !p->knows_left)
			return false;
	}
	return e->left;
}

/* ---- upcalls ---- */

void upcall_add(struct netipc *e, struct upcall *u, enum netipc_upcall_kind kind)
{
	if (u->queued)
		return;
	u->kind = kind;
	u->queued = true;
	list_add_tail(&e->upcalls, &u->link);
}

void upcall_cancel(struct upcall *u)
{
	if (!u->queued)
		return;
	list_remove(&u->link);
	u->queued = false;
}

void node_event(struct netipc *e, enum netipc_upcall_kind kind, const struct peer *p)
{
	struct node_event *n = &e->node_events[e->node_tail++ % NODE_EVENTS];

	if (e->node_tail - e->node_head > NODE_EVENTS)
		e->node_head++;
	*n = (struct node_event){ kind, p->addr, p->incarnation };
	upcall_add(e, &e->node_up, NETIPC_UP_NODE_UP);
}

static void fill_deliver(struct netipc_delivery *d, struct netipc_deliver *out)
{
	uint64_t at = d->fixed + d->m.ool * sizeof(uint64_t);

	*out = (struct netipc_deliver){
		.delivery = d,
		.port = d->x ? d->x->port : NULL,
		.from = d->peer ? d->peer->addr : 0,
		.from_incarnation = d->peer ? d->peer->incarnation : 0,
		.once = d->m.once_id != 0,
		.granted = d->granted != NULL && !d->granted->tentative,
		.paging = (d->m.flags & NW_MSG_PAGING) != 0,
		.moved = (d->m.flags & NW_MSG_MOVED) != 0,
		.origin = (d->m.flags & NW_MSG_MOVED) ? d->m.resend_of : 0,
		.priority = d->m.priority < NW_PRIORITY_MAX ? d->m.priority : NW_PRIORITY_MAX,
		.body_size = d->m.body_size,
		.right_count = d->m.rights,
		.ool_count = d->m.ool,
		.ool = d->ool,
		.pull_size = d->m.pull_size,
	};
	memcpy(out->sender, d->m.sender, sizeof(out->sender));
	if (!(d->m.flags & NW_MSG_BODY_PULLED)) {
		out->body = d->data + at;
		at += (d->m.body_size + 7u) & ~7u;
	}
	if (!(d->m.flags & NW_MSG_DATA_PULLED))
		out->ool_data = d->data + at;
}

static void fetch_delivery(struct netipc *e, struct netipc_delivery *d, struct netipc_upcall *out)
{
	if (d->state == D_PULLED) {
		out->kind = NETIPC_UP_PULLED;
		out->cookie = d->cookie;
		out->status = d->status;
		delivery_free(e, d);
		return;
	}
	/* The port or the sender may have died since: accepting says so. */
	out->kind = NETIPC_UP_DELIVER;
	fill_deliver(d, &out->deliver);
}

static void fetch_export(struct netipc *e, struct netipc_export *x, uint8_t kind,
			 struct netipc_upcall *out)
{
	out->cookie = x->port;
	if (kind == NETIPC_UP_ONCES_CAME) {
		out->status = x->came;
		x->came = 0;
	}
	if (kind == NETIPC_UP_ONCE_LOST && --x->lost > 0)
		upcall_add(e, &x->once_lost, NETIPC_UP_ONCE_LOST);
	if (kind == NETIPC_UP_EXPORT_GONE)
		pool_put(&e->export_pool, x);
	else
		export_try_drop(e, x);
}

static bool fetch_node(struct netipc *e, struct netipc_upcall *out)
{
	const struct node_event *n = &e->node_events[e->node_head % NODE_EVENTS];

	if (e->node_head == e->node_tail)
		return false;
	e->node_head++;
	out->kind = n->kind;
	out->node = n->addr;
	out->incarnation = n->incarnation;
	if (e->node_head != e->node_tail)
		upcall_add(e, &e->node_up, NETIPC_UP_NODE_UP);
	return true;
}

enum netipc_upcall_kind netipc_peek_upcall(const struct netipc *e, bool *pulls)
{
	const struct upcall *u = list_first(&e->upcalls, struct upcall, link);

	*pulls = u != NULL && u->kind == NETIPC_UP_DELIVER &&
		 container_of(u, struct netipc_delivery, up)->m.pull_size > 0;
	return u ? (enum netipc_upcall_kind)u->kind : NETIPC_UP_NONE;
}

bool netipc_next_upcall(struct netipc *e, struct netipc_upcall *out)
{
	struct upcall *u = list_first(&e->upcalls, struct upcall, link);
	struct netipc_message *m;

	if (u == NULL)
		return false;
	list_remove(&u->link);
	u->queued = false;
	/* deliver is of a DELIVER only */
	out->cookie = NULL;
	out->sent = NETIPC_SENT_ACCEPTED;
	out->rights_moved = out->pulling = false;
	out->status = NETIPC_OK;
	out->node = 0;
	out->incarnation = 0;
	out->kind = u->kind;
	switch (u->kind) {
	case NETIPC_UP_DELIVER:
	case NETIPC_UP_PULLED:
		fetch_delivery(e, container_of(u, struct netipc_delivery, up), out);
		break;
	case NETIPC_UP_SENT:
		m = container_of(u, struct netipc_message, sent);
		out->cookie = m->cookie;
		out->sent = m->result;
		out->rights_moved = m->rights_moved;
		message_told(e, m);
		out->pulling = m->pulling;
		message_try_free(e, m);
		break;
	case NETIPC_UP_RELEASED:
		m = container_of(u, struct netipc_message, released);
		out->cookie = m->cookie;
		message_try_free(e, m);
		break;
	case NETIPC_UP_NO_SENDERS:
		fetch_export(e, container_of(u, struct netipc_export, no_senders), u->kind, out);
		break;
	case NETIPC_UP_ONCE_LOST:
		fetch_export(e, container_of(u, struct netipc_export, once_lost), u->kind, out);
		break;
	case NETIPC_UP_WANT_ROOM:
		fetch_export(e, container_of(u, struct netipc_export, want_room), u->kind, out);
		break;
	case NETIPC_UP_ONCES_CAME:
		fetch_export(e, container_of(u, struct netipc_export, onces_came), u->kind, out);
		break;
	case NETIPC_UP_PROXY_MOVED:
		out->cookie = container_of(u, struct netipc_proxy, moved_up)->cookie;
		break;
	case NETIPC_UP_ARRIVED:
		out->cookie = container_of(u, struct netipc_proxy, arrived_up)->cookie;
		break;
	case NETIPC_UP_PROXY_ROOM:
		out->cookie = container_of(u, struct netipc_proxy, room_up)->cookie;
		break;
	case NETIPC_UP_EXPORT_GONE:
		fetch_export(e, container_of(u, struct netipc_export, gone_up), u->kind, out);
		break;
	case NETIPC_UP_PROXY_DEAD:
		out->cookie = container_of(u, struct netipc_proxy, dead_up)->cookie;
		break;
	case NETIPC_UP_NODE_UP:
		if (!fetch_node(e, out))
			return netipc_next_upcall(e, out);
		break;
	default:
		break;
	}
	return true;
}

/* ---- looking in ---- */

void netipc_get_stats(const struct netipc *e, struct netipc_stats *out)
{
	*out = e->stats;
	out->exports = e->export_pool.in_use;
	out->holders = e->holder_pool.in_use;
	out->onces = e->once_pool.in_use;
	out->proxies = e->proxy_pool.in_use;
	out->once_refs = e->once_ref_pool.in_use;
	out->transits = e->transit_pool.in_use + e->pending_pool.in_use;
	out->messages = e->message_pool.in_use;
	out->records = e->record_pool.in_use;
	out->large_buffers = e->large_pool.in_use;
	out->deliveries = e->delivery_pool.in_use;
	out->waiting = e->waiting_pool.in_use;
	LIST_FOR_EACH(l, &e->peers) {
		const struct peer *p = container_of(l, struct peer, link);

		out->peers_alive += p->state == PEER_ALIVE || p->state == PEER_SUSPECT;
		out->peers_connected += p->conn == CONN_UP;
	}
}

bool netipc_member_at(const struct netipc *e, uint32_t i, struct netipc_member *out)
{
	LIST_FOR_EACH(l, &e->peers) {
		const struct peer *p = container_of(l, struct peer, link);

		if (p->state == PEER_UNHEARD || i-- > 0)
			continue;
		*out = (struct netipc_member){ p->addr, p->incarnation,
			p->state == PEER_SUSPECT ? NETIPC_MEMBER_SUSPECT : NETIPC_MEMBER_ALIVE,
			p->conn == CONN_UP };
		return true;
	}
	return false;
}

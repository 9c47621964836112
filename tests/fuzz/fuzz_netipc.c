/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: any SEND body from a member and any datagram from anybody: no crash, no hang, nothing leaks, and an
 * honest member is still served.
 *
 * fuzz_netipc [SECONDS] [SEED]: one engine over a provider of this file's own, which feeds it datagrams and records
 * of a made-up peer: right ones to get connected, then hostile ones in sequence (so that they are looked at), put together
 * from a pool of believable values. Out-of-line sizes, rights, numbers, offsets and rkeys are drawn from it too.
 * Without arguments 5 s and seed 1, as a test; for long runs, more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/engine.h"

#define SELF 0x0a4d0001u
#define PEER 0x0a4d0002u
#define THIRD 0x0a4d0003u
#define QPS 64

static uint64_t state;

static uint64_t rnd(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint32_t below(uint32_t n)
{
	return (uint32_t)(rnd() % n);
}

static void die(const char *what)
{
	printf("Bail out! %s\n", what);
	abort();
}

/* ---- the provider: everything that the engine posts succeeds; what arrives is the fuzzer's ---- */

struct queued_event {
	struct list link;
	struct np_event e;
	uint8_t data[];
};

static struct list events = LIST_INIT(events);
static bool qp_used[QPS];
static uint32_t buffers_out, regions_out, next_rkey = 1;
static struct nw_connect last_connect; /* the engine's, to the peer */
static bool connect_seen;
static uint64_t engine_sent;           /* numbers that the engine has used toward the peer */

static void event_add(struct np_event e, const void *data, uint32_t length)
{
	/* Exactly as long as the data: ASan sees any look beyond it. */
	struct queued_event *q = malloc(sizeof(*q) + length);

	memcpy(q->data, data, length);
	q->e = e;
	q->e.data = q->data;
	q->e.length = length;
	q->e.buffer = q;
	list_init(&q->link);
	list_add_tail(&events, &q->link);
}

static int qp_create(struct provider *p, np_qp_t *qp, struct np_qp_params *local)
{
	for (uint32_t i = 0; i < QPS; i++)
		if (!qp_used[i]) {
			qp_used[i] = true;
			*qp = i;
			*local = (struct np_qp_params){ i + 1, 5, 4096, SELF };
			return NP_OK;
		}
	return NP_E_NO_RESOURCE;
}

static int do_connect(struct provider *p, np_qp_t qp, const struct np_qp_params *remote, uint64_t now)
{
	return NP_OK;
}

static void do_close(struct provider *p, np_qp_t qp)
{
	qp_used[qp] = false;
	LIST_FOR_EACH_SAFE(l, next, &events) {
		struct queued_event *q = container_of(l, struct queued_event, link);

		if (q->e.qp == qp && q->e.kind != NP_EV_DATAGRAM) {
			list_remove(l);
			free(q);
		}
	}
}

static int post_send(struct provider *p, np_qp_t qp, const struct np_sge *sge, uint32_t count, uint64_t wr_id,
		     uint32_t flags, uint64_t now)
{
	struct nw_header h;

	if (below(50) == 0)
		return NP_E_AGAIN;
	memcpy(&h, sge->base, sizeof(h));
	if (h.type != NW_ACK && h.number > engine_sent)
		engine_sent = h.number;
	if (below(4) == 0)
		event_add((struct np_event){ .kind = NP_EV_SEND_DONE, .qp = qp, .wr_id = wr_id }, "", 0);
	return NP_OK;
}

static int post_read(struct provider *p, np_qp_t qp, const struct np_sge *sge, uint32_t count, uint64_t offset,
		     uint32_t rkey, uint64_t wr_id, uint64_t now)
{
	for (uint32_t i = 0; i < count; i++)
		memset((void *)(uintptr_t)sge[i].base, (int)rnd(), sge[i].length);
	if (below(20) == 0)
		return NP_E_AGAIN;
	event_add((struct np_event){ .kind = NP_EV_READ_DONE, .qp = qp, .wr_id = wr_id,
				     .status = below(20) ? NP_OK : NP_E_REMOTE_ACCESS }, "", 0);
	return NP_OK;
}

static int register_region(struct provider *p, np_qp_t qp, const struct np_sge *pieces, uint32_t count, uint32_t access,
			   uint32_t *rkey)
{
	if (below(5) == 0)
		return NP_E_NO_RESOURCE;
	*rkey = next_rkey++;
	regions_out++;
	return NP_OK;
}

static void invalidate(struct provider *p, uint32_t rkey)
{
	regions_out--;
}

static int send_datagram(struct provider *p, np_addr_t to, const void *data, uint32_t length, uint64_t now)
{
	const struct nw_datagram *d = data;

	if (length > 1024)
		die("a datagram of more than 1024 bytes");
	if (d->type == NW_CONNECT && to == PEER) {
		memcpy(&last_connect, data, sizeof(last_connect));
		connect_seen = true;
	}
	return NP_OK;
}

static bool next_event(struct provider *p, struct np_event *e)
{
	struct queued_event *q = list_first(&events, struct queued_event, link);

	if (q == NULL)
		return false;
	list_remove(&q->link);
	*e = q->e;
	if (e->kind == NP_EV_RECV || e->kind == NP_EV_DATAGRAM)
		buffers_out++;
	else
		free(q);
	return true;
}

static void recv_done(struct provider *p, void *buffer)
{
	buffers_out--;
	free(buffer);
}

static uint64_t do_run(struct provider *p, uint64_t now)
{
	return UINT64_MAX;
}

static const struct provider_ops ops = {
	.qp_create = qp_create, .connect = do_connect, .close = do_close, .post_send = post_send,
	.post_read = post_read, .register_region = register_region, .invalidate = invalidate,
	.send_datagram = send_datagram, .next_event = next_event, .recv_done = recv_done, .run = do_run,
};
static struct provider provider = { &ops, SELF };

/* ---- the glue: takes everything, drops everything ---- */

static struct netipc *e;
static uint64_t now = 1000000000, peer_incarnation = 1000, peer_number, delivered;
static struct netipc_export *slot[4];
static int port[4];
static struct netipc_proxy *proxies[256];
static uint32_t proxy_count;
#define CAME 4096u
static struct netipc_export *came[CAME];
static bool came_used[CAME];
static uint8_t *pulled;
static struct np_sge pulled_sge;

/* A receive right came: it gets a port of those that came before and are gone, or a new one. */
static void arrived(struct netipc_proxy *p)
{
	for (uint32_t i = 0; i < CAME; i++)
		if (came[i] == NULL && !came_used[i]) {
			came_used[i] = true;
			netipc_arrive(e, p, &came[i], &came[i]);
			came_used[i] = came[i] != NULL;
			return;
		}
	abort(); /* more than there are exports */
}

static void take(const struct netipc_right_in *in)
{
	if (in->proxy == NULL)
		return;
	if (netipc_proxy_cookie(in->proxy) == NULL) {
		netipc_proxy_attach(e, in->proxy, in->proxy);
		if (proxy_count < 256)
			proxies[proxy_count++] = in->proxy;
		else if (in->kind != NETIPC_RIGHT_RECEIVE)
			netipc_proxy_detach(e, in->proxy, now);
	}
	if (in->kind == NETIPC_RIGHT_RECEIVE)
		arrived(in->proxy);
}

static void forget(struct netipc_proxy *p)
{
	for (uint32_t i = 0; i < proxy_count; i++)
		if (proxies[i] == p)
			proxies[i--] = proxies[--proxy_count];
	netipc_proxy_detach(e, p, now);
}

static void offered(const struct netipc_deliver *d)
{
	struct netipc_right_in in[NW_RIGHTS_MAX];
	uint64_t total = 0;
	uint32_t what = below(10);
	volatile uint8_t touched = 0;

	for (uint32_t i = 0; i < d->right_count; i++)
		(void)netipc_delivery_right(d->delivery, i);
	for (uint32_t i = 0; i < d->ool_count; i++)
		total += d->ool[i];
	for (uint32_t i = 0; d->body && i < d->body_size; i++)
		touched ^= d->body[i];
	for (uint64_t i = 0; d->ool_data && i < total; i++)
		touched ^= d->ool_data[i];
	delivered++;
	if (what == 0 && !d->once && !d->granted)
		while (netipc_deliver_full(e, d->delivery, now) == NETIPC_RETRY)
			;
	else if (what == 1)
		netipc_deliver_refuse(e, d->delivery, NETIPC_REFUSE_NO_MEMORY, now);
	else if (d->pull_size > 1 << 20)
		netipc_deliver_refuse(e, d->delivery, NETIPC_REFUSE_MALFORMED, now);
	else {
		uint32_t count = d->right_count;

		pulled_sge = (struct np_sge){ pulled, (uint32_t)d->pull_size };
		if (netipc_deliver_accept(e, d->delivery, in, &pulled_sge, d->pull_size ? 1 : 0, NULL, now) == NETIPC_OK)
			for (uint32_t i = 0; i < count; i++)
				take(&in[i]);
	}
}

static void upcalls(void)
{
	struct netipc_upcall u;

	while (netipc_next_upcall(e, &u)) {
		if (u.kind == NETIPC_UP_DELIVER)
			offered(&u.deliver);
		else if (u.kind == NETIPC_UP_PROXY_DEAD || u.kind == NETIPC_UP_ARRIVED)
			forget(u.cookie);
		else if (u.kind == NETIPC_UP_EXPORT_GONE && (struct netipc_export **)u.cookie >= came &&
			 (struct netipc_export **)u.cookie < came + CAME)
			came_used[(struct netipc_export **)u.cookie - came] = false;
	}
}

/* ---- hostile input ---- */

static uint64_t number_like(void)
{
	switch (below(8)) {
	case 0: return 0;
	case 1: return peer_number;
	case 2: return engine_sent;
	case 3: return below(200);
	case 4: return UINT64_MAX - below(3);
	case 5: return 1ull << below(64);
	default: return 1 + below((uint32_t)engine_sent + 2);
	}
}

static void uid_like(struct nw_uid *uid)
{
	static const np_addr_t nodes[] = { SELF, SELF, SELF, PEER, THIRD, 0, 0xffffffff };

	uid->node = nodes[below(7)];
	uid->incarnation = uid->node == SELF ? netipc_incarnation(e) : below(5) ? peer_incarnation : below(1000);
	uid->serial = below(2) ? 1 + below(2) : below(30) ? below(12) : rnd();
	uid->moves = below(3) ? 0 : below(4);
}

static void right_like(struct nw_right *r)
{
	memset(r, 0, sizeof(*r));
	uid_like(&r->uid);
	r->home_node = below(8) ? r->uid.node : THIRD;
	r->home_incarnation = r->home_node == SELF ? netipc_incarnation(e) : below(10) ? peer_incarnation : below(1000);
	r->kind = below(30) ? below(4) : (uint8_t)rnd();
	r->once_id = below(3) ? below(12) : rnd();
	r->check = below(3) ? export_check(e, &r->uid, below(2) ? r->once_id : 0) : rnd();
	r->transit = below(2) ? below(20) : 0;
	r->hop = (uint16_t)below(4);
}

static uint32_t fill_message(uint8_t *out)
{
	struct nw_message *m = (struct nw_message *)out;
	uint8_t *at = out + sizeof(*m);
	uint32_t rights = below(3) ? below(6) : below(NW_RIGHTS_MAX + 2), ool = below(3) ? 0 : below(6), receives = 0;
	uint64_t total = 0;

	uid_like(&m->to);
	m->to.node = below(20) ? SELF : m->to.node;
	m->once_id = below(3) ? 0 : below(12);
	m->resend_of = below(3) ? 0 : number_like();
	m->flags = below(10) ? (uint16_t)below(2) : (uint16_t)below(32);
	m->rights = (uint16_t)rights;
	m->ool = (uint16_t)ool;
	m->body_size = below(10) ? below(600) : below(NW_BODY_MAX + 10);
	m->rkey = (uint32_t)rnd();
	for (uint32_t i = 0; i < rights && at + 64 < out + 16000; i++, at += sizeof(struct nw_right)) {
		struct nw_right *r = (struct nw_right *)at;

		right_like(r);
		if (below(12) == 0) {
			r->kind = NW_RIGHT_RECEIVE;
			r->uid.node = below(3) ? PEER : r->uid.node;
			r->home_node = PEER;
			r->home_incarnation = peer_incarnation;
		}
		if (i >= 1 && below(3) && (r[-1].kind == NW_RIGHT_RECEIVE || (i >= 2 && r[-2].kind == NW_RIGHT_RECEIVE)))
			r->kind = NW_RIGHT_NULL;
		receives += r->kind == NW_RIGHT_RECEIVE;
	}
	m->moves = (uint8_t)(below(20) ? receives : below(40));
	for (uint32_t i = 0; i < m->moves && at + 16 < out + 16000; i++, at += sizeof(struct nw_move))
		((struct nw_move *)at)->qlimit = below(10);
	for (uint32_t i = 0; i < ool && at + 8 < out + 16000; i++, at += 8) {
		uint64_t size = below(20) ? below(2000) : below(2) ? rnd() : 300000;

		memcpy(at, &size, 8);
		total += size;
	}
	if (!(m->flags & NW_MSG_BODY_PULLED))
		at += (m->body_size + 7u) & ~7u;
	else
		m->pull_size += m->body_size;
	if (!(m->flags & NW_MSG_DATA_PULLED))
		at += total < 16000 ? total : 0;
	else
		m->pull_size += total;
	m->chunk = below(3) ? m->pull_size : below(2) ? 0 : number_like();
	if (below(30) == 0)
		m->pull_size = number_like();
	return at < out + 16384 ? (uint32_t)(at - out) : 16384;
}

/* One record as the peer would number it. */
static void record_in(np_qp_t qp)
{
	static uint8_t out[16384 + 64] __attribute__((aligned(16)));
	struct nw_header *h = (struct nw_header *)out;
	uint32_t length = 32;
	uint8_t type = (uint8_t)(below(3) ? NW_MESSAGE : below(NW_RECORD_COUNT + 1));

	memset(out, 0, 2048);
	switch (type) {
	case NW_MESSAGE:
		length = fill_message(out);
		break;
	case NW_NEXT:
	case NW_CHUNK: {
		struct nw_chunk *c = (struct nw_chunk *)out;

		length = sizeof(*c);
		c->number = number_like();
		c->offset = below(2) ? below(400000) : number_like();
		c->length = below(2) ? below(400000) : number_like();
		c->rkey = (uint32_t)rnd();
		break;
	}
	case NW_FLUSH:
	case NW_FLUSHED: {
		struct nw_flush *f = (struct nw_flush *)out;

		length = sizeof(*f);
		f->node = below(3) ? THIRD : below(20) ? 0x0a4d0009 : below(5) ? PEER : SELF;
		f->incarnation = below(2) ? below(3000) : netipc_incarnation(e);
		break;
	}
	case NW_REGISTER: case NW_REGISTERED: case NW_UNREGISTER: case NW_UNREGISTERED: case NW_ONCE_REGISTER:
	case NW_ONCE_REGISTERED: case NW_ONCE_DESTROY: case NW_PORT_DEAD: case NW_MOVE: case NW_MOVE_DONE:
	case NW_WANT_ROOM: case NW_ROOM: {
		struct nw_ref *r = (struct nw_ref *)out;

		length = sizeof(*r);
		uid_like(&r->uid);
		r->once_id = below(12);
		r->check = below(4) ? export_check(e, &r->uid, type == NW_ONCE_REGISTER ? r->once_id : 0) : rnd();
		r->count = below(3) ? below(6) : number_like();
		r->code = below(12);
		r->hop = below(6);
		break;
	}
	case NW_MOVED: {
		struct nw_moved *m = (struct nw_moved *)out;
		struct nw_right r;

		length = sizeof(*m);
		right_like(&r);
		m->uid = r.uid;
		m->home_node = r.home_node;
		m->home_incarnation = r.home_incarnation;
		m->transit = below(20);
		break;
	}
	case NW_ONCE_HERE: {
		struct nw_once *o = (struct nw_once *)out;

		length = sizeof(*o);
		uid_like(&o->uid);
		o->once_id = below(40);
		o->check = rnd();
		o->node = below(3) ? PEER : below(2) ? SELF : THIRD;
		o->incarnation = o->node == SELF ? netipc_incarnation(e) : peer_incarnation;
		o->hop = (uint16_t)below(4);
		break;
	}
	case NW_ACK:
		break;
	default: {
		struct nw_verdict *v = (struct nw_verdict *)out;

		length = type == NW_TRANSIT_DONE || type == NW_MOVED_DONE ? sizeof(struct nw_transit) : sizeof(*v);
		v->number = number_like();
		v->code = below(12);
	}
	}
	h->version = below(500) ? NW_VERSION : (uint8_t)rnd();
	h->type = type;
	h->window = (uint16_t)(below(20) ? 64 : rnd());
	h->length = below(500) ? length : (uint32_t)number_like();
	h->ack = below(300) ? engine_sent : number_like();
	h->number = below(400) ? peer_number + 1 : number_like();
	if (below(500) == 0)
		length = below(length + 1);
	if (h->number == peer_number + 1 && type != NW_ACK)
		peer_number++;
	event_add((struct np_event){ .kind = NP_EV_RECV, .qp = qp }, out, length);
}

static void datagram_in_(void)
{
	union {
		struct nw_datagram d;
		struct nw_hello hello;
		struct nw_connect connect;
		struct { struct nw_probe p; struct nw_gossip g[18]; } probe;
		uint8_t bytes[1024];
	} u;
	uint32_t length = sizeof(u.probe);

	memset(&u, 0, sizeof(u));
	u.d.magic = NW_DATAGRAM_MAGIC;
	u.d.version = u.d.min_version = NW_VERSION;
	u.d.type = (uint8_t)(1 + below(6));
	u.d.from_node = below(6) ? PEER : THIRD;
	u.d.to_node = SELF;
	u.d.from_incarnation = u.d.from_node == PEER ? peer_incarnation : 500 + below(3);
	u.d.to_incarnation = below(4) ? netipc_incarnation(e) : 0;
	u.d.cluster = 7;
	if (u.d.type == NW_LEAVE && below(300))
		u.d.type = NW_PING;
	if (u.d.type == NW_HELLO) {
		right_like(&u.hello.name_server);
		length = sizeof(u.hello);
	} else if (u.d.type == NW_CONNECT) {
		length = sizeof(u.connect);
		u.connect.generation = below(10) ? last_connect.seen : below(50);
		u.connect.seen = below(3) ? last_connect.generation : below(20);
		u.connect.expected = engine_sent + 1 - below(2) * below((uint32_t)engine_sent + 1);
		u.connect.mtu = (uint16_t)(below(3) ? 4096 : rnd());
		u.connect.window = below(2) ? 64 : (uint32_t)rnd();
		u.connect.flags = (uint16_t)below(2);
	} else {
		u.probe.p.probe = rnd();
		u.probe.p.target_node = below(2) ? 0 : below(2) ? PEER : THIRD;
		u.probe.p.target_incarnation = below(2) ? 500 : rnd();
		u.probe.p.count = below(20) ? below(17) : (uint32_t)rnd();
		for (int i = 0; i < 18; i++)
			u.probe.g[i] = below(100) ? (struct nw_gossip){ below(50) ? 400 + below(200) : rnd(),
									THIRD + (below(50) == 0), below(5) }
						  : (struct nw_gossip){ below(1000), below(2) ? SELF : PEER, below(5) };
	}
	if (below(50) == 0)
		length = below(length + 1);
	if (below(50) == 0)
		u.bytes[below(length + 1)] = (uint8_t)rnd();
	event_add((struct np_event){ .kind = NP_EV_DATAGRAM, .qp = NP_QP_NONE, .from = u.d.from_node }, &u, length);
}

static np_qp_t connected_qp(void)
{
	for (uint32_t i = 0; i < e->peer_total; i++)
		if (!peer_gone(&e->peer_array[i]) && e->peer_array[i].addr == PEER && e->peer_array[i].conn >= CONN_HALF)
			return e->peer_array[i].qp;
	return NP_QP_NONE;
}

/* Get the engine connected to the made-up peer, as an honest peer would. */
static void join(void)
{
	static uint32_t generation = 1000;
	struct nw_connect c;
	struct nw_hello h;

	memset(&h, 0, sizeof(h));
	h.d = (struct nw_datagram){ .magic = NW_DATAGRAM_MAGIC, .version = 1, .min_version = 1, .type = NW_HELLO,
				    .from_node = PEER, .to_node = SELF, .from_incarnation = peer_incarnation,
				    .cluster = 7 };
	event_add((struct np_event){ .kind = NP_EV_DATAGRAM, .qp = NP_QP_NONE, .from = PEER }, &h, sizeof(h));
	connect_seen = false;
	for (int step = 0; step < 3; step++) {
		memset(&c, 0, sizeof(c));
		c.d = h.d;
		c.d.type = NW_CONNECT;
		c.d.to_incarnation = netipc_incarnation(e);
		c.generation = step == 0 ? ++generation : generation;
		c.seen = step == 0 ? 0 : last_connect.generation;
		c.qpn = c.psn = 5;
		c.mtu = 4096;
		c.window = 64;
		c.expected = engine_sent + 1;
		c.flags = NW_CONNECT_ASKING;
		event_add((struct np_event){ .kind = NP_EV_DATAGRAM, .qp = NP_QP_NONE, .from = PEER }, &c, sizeof(c));
		netipc_poll(e, now);
		upcalls();
	}
	if (connect_seen)
		peer_number = last_connect.expected - 1;
	/* An honest start: it holds a right to the name server. */
	if (connected_qp() != NP_QP_NONE) {
		struct nw_ref r = { .h = { .version = 1, .type = NW_REGISTER, .window = 64, .length = sizeof(r),
					   .ack = engine_sent, .number = ++peer_number },
				    .uid = { netipc_incarnation(e), 1, SELF, 0 } };

		r.check = export_check(e, &r.uid, 0);
		event_add((struct np_event){ .kind = NP_EV_RECV, .qp = connected_qp() }, &r, sizeof(r));
	}
}

/* The engine does things too: gives rights to the peer and beyond, sends memory. */
static void engine_acts(void)
{
	static uint8_t bytes[200000];
	struct netipc_right_out out[4];
	uint64_t size = below(100000);
	static struct np_sge lists[512][2]; /* each outlives its message */
	static uint32_t next;
	struct np_sge body = { bytes, 100 }, *all = lists[next++ % 512];
	struct netipc_send s = { .body = &body, .body_count = 1, .rights = out, .ool = &size, .pull = all, .pull_count = 2 };
	struct netipc_message *m;

	all[0] = body;
	all[1] = (struct np_sge){ bytes, (uint32_t)size };
	if (proxy_count == 0)
		return;
	s.to = proxies[below(proxy_count)];
	s.ool_count = below(3) == 0;
	s.right_count = below(4);
	s.flags = below(3) == 0 ? NETIPC_SEND_ONCE : 0;
	for (uint32_t i = 0; i < s.right_count; i++) {
		uint32_t p = below(4);

		out[i] = (struct netipc_right_out){ .kind = 2 + below(2), .port = &port[p], .slot = &slot[p],
						    .proxy = below(2) ? proxies[below(proxy_count)] : NULL };
	}
	if (netipc_send(e, &s, &m, now) == NETIPC_OK && below(5) == 0)
		netipc_retract(e, m, now);
}

static void start(void)
{
	struct netipc_config c = { .provider = &provider, .self = SELF, .incarnation = 2000, .cluster = 7,
				   .secret = { 3, 4 }, .peers = 64, .messages = 64, .large_buffers = 8, .records = 1024,
				   .exports = 64, .holders = 128, .onces = 128, .proxies = 128, .once_refs = 128,
				   .transits = 128, .no_fence = true };
	struct netipc_right_in ns;

	e = netipc_init(aligned_alloc(16, netipc_size(&c)), &c, now);
	memset(slot, 0, sizeof(slot));
	netipc_set_name_server(e, &port[0], &slot[0], now);
	(void)netipc_name_server(e, &ns, now);
}

static void stop(void)
{
	while (!list_empty(&events)) {
		struct queued_event *q = list_first(&events, struct queued_event, link);

		list_remove(&q->link);
		free(q);
	}
	/* What the peer holds goes with it: afterwards nothing of the provider's may be out. */
	while (!list_empty(&e->peers))
		peer_die(e, list_first(&e->peers, struct peer, link), false);
	upcalls();
	while (proxy_count > 0)
		forget(proxies[0]);
	upcalls();
	while (!list_empty(&e->dying))
		peer_free_dying(e, list_first(&e->dying, struct peer, link));
	upcalls();
	if (buffers_out != 0 || regions_out != 0)
		die("receive buffers or regions leak");
	if (e->proxy_pool.in_use | e->once_ref_pool.in_use | e->transit_pool.in_use | e->pending_pool.in_use |
	    e->message_pool.in_use | e->delivery_pool.in_use | e->holder_pool.in_use | e->once_pool.in_use |
	    e->waiting_pool.in_use | e->inbound_pool.in_use | e->large_pool.in_use | e->record_pool.in_use)
		die("the engine leaks");
	free(e);
	memset(qp_used, 0, sizeof(qp_used));
	engine_sent = peer_number = 0;
	peer_incarnation++;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 5;
	time_t end = time(NULL) + (time_t)seconds;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1, rounds = 0, fed = 0;

	pulled = malloc(1 << 20);
	do {
		state = seed + rounds++;
		start();
		join();
		for (int i = 0; i < 400; i++, fed++) {
			np_qp_t qp = connected_qp();

			if (qp == NP_QP_NONE) {
				if (below(3) == 0) { /* as another boot of it */
					peer_incarnation++;
					engine_sent = 0;
				}
				join();
			} else if (below(12)) {
				record_in(qp);
			} else {
				datagram_in_();
			}
			if (below(500) == 0 && qp != NP_QP_NONE)
				event_add((struct np_event){ .kind = NP_EV_QP_ERROR, .qp = qp }, "", 0);
			now += below(100) ? below(2000000) : below(400000000);
			netipc_poll(e, now);
			upcalls();
			if (below(4) == 0)
				engine_acts();
			if (below(30) == 0 && proxy_count > 0)
				forget(proxies[below(proxy_count)]);
			if (below(50) == 0 && slot[0] != NULL)
				netipc_slot_freed(e, slot[0], now);
			upcalls();
		}
		stop();
	} while (time(NULL) < end);
	if (delivered == 0)
		die("no message ever came through: the fuzzer feeds nonsense only");
	printf("1..1\nok 1 - %llu records and datagrams, %llu messages offered, %llu engines\n", (unsigned long long)fed,
	       (unsigned long long)delivered, (unsigned long long)rounds);
	return 0;
}

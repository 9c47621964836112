/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netipc_sim.c - see netipc_sim.h.
 *
 * The model: every right that a node has is a struct right in that node's list, or in a message (in a port's
 * queue, or sent and not settled). What the engines' tables must say follows from counting them.
 */
#include "netipc_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"

#define NODES_MAX 8
#define PORTS_MAX 400
#define RIGHTS_IN_MESSAGE 5
#define OOL_MAX 3
#define FIRST_ADDR 0x0a4d0001u
#define MS 1000000ull
#define LEAVE_MS_MAX 2000

enum { SEND = 2, ONCE = 3 };

struct port {
	uint32_t index, home;
	uint64_t home_life; /* of its node, when it was made */
	bool dead;
	struct netipc_export *slot;
	uint32_t limit, queued;
	struct list queue;
	uint32_t references;     /* the glue's, one for each export */
	bool told_no_senders;    /* and no right went out since */
	/* send-once rights of the present incarnation of the home */
	int64_t once_out;        /* made and sent off, less used, lost, home again */
	uint64_t last_seq[NODES_MAX]; /* delivered, of each sender */
	uint64_t sender_life[NODES_MAX];
};

struct sim_proxy { /* the glue's side of one */
	struct list link;
	struct netipc_proxy *engine;
	uint32_t port;
	uint64_t home_incarnation;
	uint32_t sends, onces;
	bool dead;
};

struct right {
	uint32_t kind; /* SEND, ONCE; 0: null */
	uint32_t port;
	uint64_t home_incarnation;
	struct sim_proxy *proxy; /* NULL: local */
};

struct body {
	uint64_t id, seq, life;
	uint32_t from, port, once, rights;
	struct {
		uint32_t kind, port;
		uint64_t incarnation;
	} right[RIGHTS_IN_MESSAGE];
	uint32_t ool;
	uint64_t ool_size[OOL_MAX];
	uint32_t size; /* of the whole body */
};

struct outgoing {
	struct list link;
	uint64_t id;
	struct netipc_message *m;
	struct sim_proxy *to;
	bool once, retracted, settled, pulling;
	struct right right[RIGHTS_IN_MESSAGE];
	uint32_t rights;
	uint8_t *bytes;
	struct np_sge *pieces;
};

struct queued {
	struct list link;
	struct right right[RIGHTS_IN_MESSAGE];
	uint32_t rights;
};

struct pulling {
	struct list link;
	struct port *port;
	struct queued *q;
	struct body body;
	uint8_t *bytes;
	uint64_t size;
	bool body_pulled;
	struct np_sge *pieces;
};

struct node {
	uint32_t index;
	bool up;
	bool leaving; /* it has said goodbye: for the others it is dead, or soon will be */
	uint64_t life;
	uint64_t incarnation;
	void *memory;
	struct netipc *e;
	struct list proxies, outgoing, pulls;
	uint64_t deadline;
	struct port *name_server;
	uint64_t seq[PORTS_MAX];
};

enum fate { F_NONE, F_SENT, F_ACCEPTED, F_NOT_EXECUTED, F_UNKNOWN };

struct sim {
	const struct sim_transport *t;
	struct sim_world *world;
	struct sim_options o;
	uint64_t random, now, next_id, next_incarnation;
	struct node node[NODES_MAX];
	struct port port[PORTS_MAX];
	uint32_t ports;
	uint8_t *fate, *delivered; /* by message id */
	uint32_t *dest_node;
	uint64_t ids;
	const char *error;
	struct sim_result r;
};

#define FAIL(s, ...)                                                                               \
	do {                                                                                       \
		if (!(s)->error) {                                                                 \
			fprintf(stderr, "sim at %llu us: ", (unsigned long long)(s)->now / 1000);  \
			fprintf(stderr, __VA_ARGS__);                                              \
			fprintf(stderr, "\n");                                                     \
			(s)->error = "see stderr";                                                 \
		}                                                                                  \
	} while (0)

static uint64_t rnd(struct sim *s)
{
	uint64_t z = (s->random += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint32_t below(struct sim *s, uint32_t n)
{
	return (uint32_t)(rnd(s) % n);
}

static uint8_t pattern(uint64_t id, uint64_t at)
{
	return (uint8_t)((id * 2654435761u + at * 40503u) >> 7);
}

static struct port *port_make(struct sim *s, struct node *n)
{
	struct port *p;

	if (s->ports == PORTS_MAX)
		return NULL;
	p = &s->port[s->ports];
	memset(p, 0, sizeof(*p));
	p->index = s->ports++;
	p->home = n->index;
	p->home_life = n->life;
	p->limit = 1 + below(s, 4);
	p->told_no_senders = true;
	list_init(&p->queue);
	return p;
}

static bool port_here(const struct port *p, const struct node *n)
{
	return p->home == n->index && p->home_life == n->life;
}

/* ---- rights of the model ---- */

static void proxy_maybe_gone(struct sim *s, struct node *n, struct sim_proxy *p)
{
	if (p->sends == 0 && p->onces > 0)
		netipc_proxy_no_sends(n->e, p->engine, s->now);
	if (p->sends > 0 || p->onces > 0)
		return;
	netipc_proxy_detach(n->e, p->engine, s->now);
	list_remove(&p->link);
	free(p);
}

static void right_drop(struct sim *s, struct node *n, struct right *r)
{
	if (r->kind != 0 && r->proxy != NULL) {
		if (r->kind == SEND)
			r->proxy->sends--;
		else
			r->proxy->onces--;
		proxy_maybe_gone(s, n, r->proxy);
	}
	r->kind = 0;
}

static bool is_member(const struct node *n)
{
	return n->up && !n->leaving;
}

/* A live node holds a send right to this port's present incarnation: count them all. */
static uint32_t truth_sends(struct sim *s, const struct port *p, uint32_t holder)
{
	struct node *n = &s->node[holder];
	uint32_t count = 0;

	if (!is_member(n) || s->node[p->home].life != p->home_life)
		return 0;
	LIST_FOR_EACH(l, &n->proxies) {
		struct sim_proxy *x = container_of(l, struct sim_proxy, link);

		if (x->port == p->index && x->home_incarnation == s->node[p->home].incarnation && !x->dead)
			count += x->sends;
	}
	return count;
}

static uint32_t truth_onces(struct sim *s, const struct port *p)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->o.nodes; i++) {
		if (!is_member(&s->node[i]))
			continue;
		LIST_FOR_EACH(l, &s->node[i].proxies) {
			struct sim_proxy *x = container_of(l, struct sim_proxy, link);

			if (x->port == p->index && !x->dead &&
			    x->home_incarnation == s->node[p->home].incarnation)
				count += x->onces;
		}
	}
	return count;
}

/* ---- sending ---- */

static struct sim_proxy *pick_proxy(struct sim *s, struct node *n, bool once)
{
	uint32_t count = 0, pick;

	LIST_FOR_EACH(l, &n->proxies) {
		struct sim_proxy *p = container_of(l, struct sim_proxy, link);

		count += once ? p->onces > 0 : p->sends > 0;
	}
	if (count == 0)
		return NULL;
	pick = below(s, count);
	LIST_FOR_EACH(l, &n->proxies) {
		struct sim_proxy *p = container_of(l, struct sim_proxy, link);

		if ((once ? p->onces > 0 : p->sends > 0) && pick-- == 0)
			return p;
	}
	return NULL;
}

static struct port *pick_port(struct sim *s, struct node *n)
{
	for (uint32_t tries = 0; tries < 20 && s->ports > 0; tries++) {
		struct port *p = &s->port[below(s, s->ports)];

		if (port_here(p, n) && !p->dead)
			return p;
	}
	return NULL;
}

/* Take a right of n's out of its hands, into a message. */
static bool pick_right(struct sim *s, struct node *n, struct right *r)
{
	uint32_t what = below(s, 10);
	struct port *port;
	struct sim_proxy *p;

	memset(r, 0, sizeof(*r));
	if (what < 4) {
		port = pick_port(s, n);
		if (port == NULL)
			return false;
		r->kind = what < 2 ? SEND : ONCE;
		r->port = port->index;
		r->home_incarnation = n->incarnation;
		return true;
	}
	p = pick_proxy(s, n, what >= 8);
	if (p == NULL)
		return false;
	r->kind = what >= 8 ? ONCE : SEND;
	r->port = p->port;
	r->home_incarnation = p->home_incarnation;
	r->proxy = p;
	if (what < 6)
		p->sends++; /* copy */
	return true;     /* else move: it is counted there already */
}

/* A once right that is in a message must not be counted as available twice. */
static bool picked_before(const struct outgoing *g, const struct right *r)
{
	uint32_t taken = 0;

	if (r->kind != ONCE || r->proxy == NULL)
		return false;
	for (uint32_t i = 0; i < g->rights; i++)
		taken += g->right[i].proxy == r->proxy && g->right[i].kind == ONCE;
	return taken > 0 || (g->once && g->to == r->proxy);
}

static uint32_t in_messages(struct node *n, const struct sim_proxy *p, uint32_t kind)
{
	uint32_t count = 0;

	LIST_FOR_EACH(l, &n->outgoing) {
		struct outgoing *g = container_of(l, struct outgoing, link);

		if (g->settled)
			continue;
		count += g->to == p && (g->once ? ONCE : SEND) == kind;
		for (uint32_t i = 0; i < g->rights; i++)
			count += g->right[i].proxy == p && g->right[i].kind == kind;
	}
	return count;
}

static uint32_t in_queues(struct sim *s, struct node *n, const struct sim_proxy *p, uint32_t kind)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->ports; i++)
		if (port_here(&s->port[i], n))
			LIST_FOR_EACH(l, &s->port[i].queue) {
				struct queued *q = container_of(l, struct queued, link);

				for (uint32_t j = 0; j < q->rights; j++)
					count += q->right[j].proxy == p && q->right[j].kind == kind;
			}
	return count;
}

/* Rights of p that n has in its hands: not in a message of any kind. */
static uint32_t free_rights(struct sim *s, struct node *n, const struct sim_proxy *p, uint32_t kind)
{
	return (kind == SEND ? p->sends : p->onces) - in_messages(n, p, kind) - in_queues(s, n, p, kind);
}

static void fill_pieces(struct sim *s, struct outgoing *g, uint64_t body, uint64_t total, uint32_t *count)
{
	uint64_t at = 0;
	uint32_t room = 16;

	*count = 0;
	g->pieces = calloc(room, sizeof(*g->pieces));
	while (at < total) {
		uint64_t end = at < body ? body : total;
		uint64_t part = 1 + below(s, 9000);

		part = part < end - at ? part : end - at;
		if (*count == room)
			g->pieces = realloc(g->pieces, (room *= 2) * sizeof(*g->pieces));
		g->pieces[(*count)++] = (struct np_sge){ g->bytes + at, (uint32_t)part };
		at += part;
	}
}

static void do_send(struct sim *s, struct node *n)
{
	bool once = below(s, 4) == 0;
	struct sim_proxy *to = pick_proxy(s, n, once);
	struct netipc_right_out out[RIGHTS_IN_MESSAGE];
	uint64_t total, ool_size[OOL_MAX];
	struct outgoing *g;
	struct netipc_send send;
	struct np_sge body_sge;
	struct body *b;
	uint32_t want, pieces;
	int rc;

	if (to == NULL || free_rights(s, n, to, once ? ONCE : SEND) == 0 || s->next_id + 1 >= s->ids)
		return;
	g = calloc(1, sizeof(*g));
	list_init(&g->link);
	g->to = to;
	g->once = once;
	if (!once)
		to->sends++; /* copy send */
	want = below(s, RIGHTS_IN_MESSAGE + 1);
	list_add_tail(&n->outgoing, &g->link);
	for (uint32_t i = 0; i < want; i++) {
		struct right r;

		if (!pick_right(s, n, &r))
			continue;
		if (picked_before(g, &r))
			continue;
		if (r.proxy != NULL && free_rights(s, n, r.proxy, r.kind) == 0)
			continue;
		g->right[g->rights++] = r;
	}
	g->id = ++s->next_id;
	total = sizeof(*b) + (below(s, 3) == 0 ? below(s, 3000) : 0);
	if (s->o.bulk && below(s, 12) == 0)
		total = 60000;
	total = (total + 3) & ~3ull;
	send = (struct netipc_send){ .to = to->engine, .cookie = g, .right_count = g->rights };
	send.flags = (once ? NETIPC_SEND_ONCE : 0) | (below(s, 3) == 0 ? NETIPC_SEND_WAITING : 0);
	for (uint32_t i = 0; i < NETIPC_SENDER_WORDS; i++)
		send.sender[i] = n->index << 24 | i << 16 | (uint32_t)(g->id & 0xffff);
	if (s->o.bulk && below(s, 6) == 0)
		send.ool_count = 1 + below(s, OOL_MAX);
	body_sge.length = (uint32_t)total;
	for (uint32_t i = 0; i < send.ool_count; i++)
		total += ool_size[i] = below(s, 3) == 0 ? below(s, 3000) : below(s, 200000);
	g->bytes = malloc(total);
	for (uint64_t i = 0; i < total; i++)
		g->bytes[i] = pattern(g->id, i);
	b = (struct body *)g->bytes;
	memset(b, 0, sizeof(*b));
	b->id = g->id;
	b->from = n->index;
	b->life = n->incarnation;
	b->port = to->port;
	b->once = once;
	b->seq = once ? 0 : ++n->seq[to->port];
	b->rights = g->rights;
	b->ool = send.ool_count;
	b->size = body_sge.length;
	for (uint32_t i = 0; i < send.ool_count; i++)
		b->ool_size[i] = ool_size[i];
	for (uint32_t i = 0; i < g->rights; i++) {
		struct right *r = &g->right[i];
		struct port *p = &s->port[r->port];

		b->right[i].kind = r->kind;
		b->right[i].port = r->port;
		b->right[i].incarnation = r->home_incarnation;
		out[i] = (struct netipc_right_out){
			.kind = r->kind == SEND ? NETIPC_RIGHT_SEND : NETIPC_RIGHT_SEND_ONCE,
			.proxy = r->proxy ? r->proxy->engine : NULL, .port = p, .slot = &p->slot };
	}
	fill_pieces(s, g, body_sge.length, total, &pieces);
	body_sge.base = g->bytes;
	send.body = &body_sge;
	send.body_count = 1;
	send.rights = out;
	send.ool = ool_size;
	send.pull = g->pieces;
	send.pull_count = pieces;
	bool had[RIGHTS_IN_MESSAGE];
	for (uint32_t i = 0; i < g->rights; i++)
		had[i] = g->right[i].proxy != NULL || s->port[g->right[i].port].slot != NULL;
	rc = netipc_send(n->e, &send, &g->m, s->now);
	for (uint32_t i = 0; i < g->rights; i++) {
		struct port *p = &s->port[g->right[i].port];

		if (!had[i] && p->slot != NULL) {
			p->references++;
			for (uint32_t j = i + 1; j < g->rights; j++)
				had[j] |= g->right[j].proxy == NULL && g->right[j].port == p->index;
		}
	}
	if (rc != NETIPC_OK) {
		if (rc != NETIPC_AGAIN && rc != NETIPC_DEAD && rc != NETIPC_NO_MEMORY)
			FAIL(s, "netipc_send answered %d", rc);
		if (!once)
			n->seq[to->port]--;
		list_remove(&g->link);
		for (uint32_t i = 0; i < g->rights; i++)
			if (g->right[i].kind != ONCE) /* those stay in the node's hands */
				right_drop(s, n, &g->right[i]);
		struct right dest = { once ? 0 : SEND, to->port, 0, to };
		right_drop(s, n, &dest);
		free(g->bytes);
		free(g->pieces);
		free(g);
		return;
	}
	for (uint32_t i = 0; i < g->rights; i++) {
		struct port *p = &s->port[g->right[i].port];

		if (g->right[i].proxy != NULL)
			continue;
		if (g->right[i].kind == SEND)
			p->told_no_senders = false;
		else
			p->once_out++, s->r.once_made++;
	}
	s->fate[g->id] = F_SENT;
	s->dest_node[g->id] = s->port[to->port].home;
	s->r.sent++;
}

static void outgoing_free(struct outgoing *g)
{
	list_remove(&g->link);
	free(g->bytes);
	free(g->pieces);
	free(g);
}

/* The rights of g have moved to the receiver: the model's counts here go. */
static void outgoing_settled(struct sim *s, struct node *n, struct outgoing *g, bool moved)
{
	struct right dest = { g->once ? ONCE : SEND, g->to->port, 0, g->to };

	g->settled = true;
	for (uint32_t i = 0; i < g->rights; i++) {
		struct right *r = &g->right[i];

		if (!moved && r->proxy == NULL && r->kind == ONCE &&
		    r->home_incarnation == n->incarnation)
			s->port[r->port].once_out--;
		if (!moved && r->proxy != NULL && below(s, 2) == 0) {
			r->kind = 0; /* it stays in the node's hands */
			continue;
		}
		/* Not moved and dropped: as if the glue destroyed the returned right. */
		if (!moved && r->kind == ONCE && r->proxy != NULL && !r->proxy->dead)
			netipc_proxy_destroy_once(n->e, r->proxy->engine, s->now);
		right_drop(s, n, r);
	}
	if (!moved && g->once) {
		if (!g->to->dead)
			netipc_proxy_destroy_once(n->e, g->to->engine, s->now);
	}
	right_drop(s, n, &dest);
}

static void up_sent(struct sim *s, struct node *n, const struct netipc_upcall *u)
{
	struct outgoing *g = u->cookie;

	if (g->settled)
		FAIL(s, "message %llu settled twice", (unsigned long long)g->id);
	switch (u->sent) {
	case NETIPC_SENT_ACCEPTED:
		s->r.accepted++;
		s->fate[g->id] = F_ACCEPTED;
		if (is_member(&s->node[s->dest_node[g->id]]) && !s->delivered[g->id] && !u->pulling)
			FAIL(s, "message %llu accepted, not delivered", (unsigned long long)g->id);
		break;
	case NETIPC_SENT_RETRACTED:
		s->r.retracted++;
		if (!g->retracted)
			FAIL(s, "message %llu retracted unasked", (unsigned long long)g->id);
		/* fall through */
	case NETIPC_SENT_REFUSED:
		/* Of a node that was taken for dead, and was not, the others have forgotten what it held. */
		if (u->sent == NETIPC_SENT_REFUSED && !s->o.cuts)
			FAIL(s, "message %llu refused as wrong", (unsigned long long)g->id);
		/* fall through */
	case NETIPC_SENT_MOVED: /* nothing moves */
	case NETIPC_SENT_INVALID_DEST:
	case NETIPC_SENT_NO_MEMORY:
		s->r.refused += u->sent != NETIPC_SENT_RETRACTED;
		s->fate[g->id] = F_NOT_EXECUTED;
		if (s->delivered[g->id])
			FAIL(s, "message %llu executed and refused", (unsigned long long)g->id);
		if (u->rights_moved)
			FAIL(s, "rights of a refused message moved");
		break;
	case NETIPC_SENT_TRANSPORT:
		s->r.transport++;
		s->fate[g->id] = u->rights_moved ? F_UNKNOWN : F_NOT_EXECUTED;
		if (!u->rights_moved && s->delivered[g->id])
			FAIL(s, "message %llu executed and 'not executed'", (unsigned long long)g->id);
		break;
	}
	if (u->sent == NETIPC_SENT_RETRACTED && !g->to->dead && !g->once)
		netipc_want_room(n->e, g->to->engine, s->now);
	outgoing_settled(s, n, g, u->rights_moved);
	g->pulling = u->pulling;
	if (!u->pulling)
		outgoing_free(g);
}

/* ---- receiving ---- */

static struct sim_proxy *proxy_take(struct sim *s, struct node *n, const struct netipc_right_in *in,
				uint32_t port, uint64_t incarnation)
{
	struct sim_proxy *p = netipc_proxy_cookie(in->proxy);

	if (p == NULL) {
		p = calloc(1, sizeof(*p));
		list_init(&p->link);
		list_add_tail(&n->proxies, &p->link);
		p->engine = in->proxy;
		p->port = port;
		p->home_incarnation = incarnation;
		netipc_proxy_attach(n->e, in->proxy, p);
	}
	if (p->port != port || p->home_incarnation != incarnation)
		FAIL(s, "node %u: a right for port %u is proxied as port %u", n->index, port, p->port);
	return p;
}

static void rights_take(struct sim *s, struct node *n, const struct body *b,
			const struct netipc_right_in *in, struct queued *q)
{
	q->rights = b->rights;
	for (uint32_t i = 0; i < b->rights; i++) {
		struct right *r = &q->right[i];
		struct port *port = &s->port[b->right[i].port];

		r->kind = 0;
		if (in[i].kind == NETIPC_RIGHT_DEAD || in[i].kind == NETIPC_RIGHT_NULL) {
			/* Only of a port, or an incarnation, that is over. */
			if (!port->dead && is_member(&s->node[port->home]) && port_here(port, &s->node[port->home]) &&
			    s->node[port->home].incarnation == b->right[i].incarnation && !s->o.cuts)
				FAIL(s, "a right to the living port %u arrived dead", port->index);
			continue;
		}
		r->kind = b->right[i].kind;
		r->port = port->index;
		r->home_incarnation = b->right[i].incarnation;
		if ((in[i].kind == NETIPC_RIGHT_SEND) != (r->kind == SEND))
			FAIL(s, "right kind changed on the way");
		if (in[i].port != NULL) {
			if (in[i].port != port || !port_here(port, n))
				FAIL(s, "a right came home to the wrong port");
			if (r->kind == ONCE)
				port->once_out--;
			r->kind = 0; /* a local right: the model does not follow it */
			continue;
		}
		r->proxy = proxy_take(s, n, &in[i], port->index, r->home_incarnation);
		if (r->kind == SEND)
			r->proxy->sends++;
		else
			r->proxy->onces++;
	}
}

static void check_bytes(struct sim *s, const struct body *b, const uint8_t *bytes, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
		if (i >= sizeof(*b) && bytes[i - from] != pattern(b->id, i)) {
			FAIL(s, "message %llu: byte %llu of %llu..%llu is wrong", (unsigned long long)b->id,
			     (unsigned long long)i, (unsigned long long)from, (unsigned long long)to);
			return;
		}
}

static void delivered(struct sim *s, struct port *p, const struct body *b)
{
	uint32_t f = b->from;

	if (s->delivered[b->id]++)
		FAIL(s, "message %llu delivered twice", (unsigned long long)b->id);
	if (s->fate[b->id] == F_NOT_EXECUTED)
		FAIL(s, "message %llu delivered after it was refused", (unsigned long long)b->id);
	if (b->port != p->index)
		FAIL(s, "message for port %u delivered to %u", b->port, p->index);
	s->r.delivered++;
	if (b->once) {
		p->once_out--;
		return;
	}
	if (p->sender_life[f] != b->life) {
		p->sender_life[f] = b->life;
		p->last_seq[f] = 0;
	}
	if (b->seq <= p->last_seq[f])
		FAIL(s, "port %u: %llu of node %u after %llu", p->index, (unsigned long long)b->seq, f,
		     (unsigned long long)p->last_seq[f]);
	p->last_seq[f] = b->seq;
}

static void pulling_free(struct pulling *pull)
{
	list_remove(&pull->link);
	free(pull->bytes);
	free(pull->pieces);
	free(pull);
}

static void up_deliver(struct sim *s, struct node *n, const struct netipc_deliver *d)
{
	struct netipc_right_in in[256];
	struct port *p = d->port;
	struct body b;
	struct queued *q;
	struct pulling *pull = NULL;
	uint64_t ool = 0;
	uint32_t pieces = 0;

	if (p == NULL || p->dead) {
		netipc_deliver_refuse(n->e, d->delivery, NETIPC_REFUSE_INVALID_DEST, s->now);
		return;
	}
	while (!d->once && !d->granted && p->queued >= p->limit) {
		if (netipc_deliver_full(n->e, d->delivery, s->now) == NETIPC_OK) {
			s->r.full++;
			return;
		}
	}
	if (below(s, 200) == 0) {
		netipc_deliver_refuse(n->e, d->delivery, NETIPC_REFUSE_NO_MEMORY, s->now);
		return;
	}
	q = calloc(1, sizeof(*q));
	list_init(&q->link);
	if (d->body != NULL)
		memcpy(&b, d->body, sizeof(b));
	for (uint32_t i = 0; i < d->ool_count; i++)
		ool += d->ool[i];
	for (uint32_t i = 0; d->body != NULL && i < NETIPC_SENDER_WORDS; i++)
		if (d->sender[i] != (b.from << 24 | i << 16 | (uint32_t)(b.id & 0xffff)))
			FAIL(s, "message %llu: its sender changed on the way", (unsigned long long)b.id);
	if (d->body != NULL) {
		check_bytes(s, &b, d->body, 0, d->body_size);
		if (d->ool_data != NULL)
			check_bytes(s, &b, d->ool_data, d->body_size, d->body_size + ool);
		if (b.ool != d->ool_count || b.size != d->body_size || b.rights != d->right_count)
			FAIL(s, "counts changed on the way");
	}
	if (d->pull_size > 0) {
		pull = calloc(1, sizeof(*pull));
		list_init(&pull->link);
		list_add_tail(&n->pulls, &pull->link);
		pull->port = p;
		pull->q = q;
		pull->size = d->pull_size;
		pull->body_pulled = d->body == NULL;
		pull->bytes = malloc(d->pull_size);
		pull->pieces = calloc(d->pull_size / 1024 + 2, sizeof(*pull->pieces));
		for (uint64_t at = 0; at < d->pull_size;) {
			uint64_t part = 1024 + below(s, 8000);

			part = part < d->pull_size - at ? part : d->pull_size - at;
			pull->pieces[pieces++] = (struct np_sge){ pull->bytes + at, (uint32_t)part };
			at += part;
		}
		if (d->body != NULL)
			pull->body = b;
	}
	/* With a pulled body the model learns of its rights only later: it peeks at the sender's copy. */
	if (d->body == NULL) {
		struct node *f = &s->node[d->from - FIRST_ADDR];
		bool found = false;

		/* The delivery's number order is the sender's order: find by the wire's sizes. */
		LIST_FOR_EACH(l, &f->outgoing) {
			struct outgoing *g = container_of(l, struct outgoing, link);
			struct body *gb = (struct body *)g->bytes;

			if (!found && gb->port == p->index && gb->size == d->body_size && !g->settled &&
			    gb->rights == d->right_count && !s->delivered[gb->id] &&
			    gb->once == d->once) {
				b = *gb;
				found = true;
			}
		}
		if (!found && (f->life > 0 || !f->up)) {
			/* Of a life that ended while it was on the wire: its body cannot be had any more. */
			netipc_deliver_refuse(n->e, d->delivery, NETIPC_REFUSE_NO_MEMORY, s->now);
			free(q);
			pulling_free(pull);
			return;
		}
		if (!found) {
			FAIL(s, "nobody sent this");
			b = (struct body){ .rights = 0 };
		}
		pull->body = b;
	}
	uint64_t id = b.id;
	int rc = netipc_deliver_accept(n->e, d->delivery, in, pull ? pull->pieces : NULL, pieces, pull,
				       s->now);
	if (rc != NETIPC_OK) {
		free(q);
		if (pull)
			pulling_free(pull);
		return;
	}
	(void)id;
	delivered(s, p, &b);
	rights_take(s, n, &b, in, q);
	p->queued++;
	list_add_tail(&p->queue, &q->link);
	s->r.pulls += pull != NULL;
}

static void up_pulled(struct sim *s, const struct netipc_upcall *u)
{
	struct pulling *pull = u->cookie;
	uint64_t from = pull->body_pulled ? 0 : pull->body.size;

	if (u->status == NETIPC_OK)
		check_bytes(s, &pull->body, pull->bytes, from, from + pull->size);
	else if (s->o.fault_level == 0 && !s->o.crashes && !s->o.leaves && !s->o.cuts)
		FAIL(s, "a pull failed");
	pulling_free(pull);
}

static void queue_free(struct sim *s, struct node *n, struct queued *q, bool keep)
{
	list_remove(&q->link);
	for (uint32_t i = 0; i < q->rights; i++)
		if (!keep && q->right[i].kind != 0) {
			if (q->right[i].kind == ONCE && !q->right[i].proxy->dead)
				netipc_proxy_destroy_once(n->e, q->right[i].proxy->engine, s->now);
			right_drop(s, n, &q->right[i]);
		}
	free(q);
}

static void do_receive(struct sim *s, struct node *n)
{
	struct port *p = pick_port(s, n);
	struct queued *q = p ? list_first(&p->queue, struct queued, link) : NULL;

	if (q == NULL)
		return;
	queue_free(s, n, q, true); /* its rights are in the node's hands now */
	p->queued--;
	if (p->slot != NULL)
		netipc_slot_freed(n->e, p->slot, s->now);
}

static void do_release(struct sim *s, struct node *n)
{
	bool once = below(s, 3) == 0;
	struct sim_proxy *p = pick_proxy(s, n, once);
	struct right r;

	if (p == NULL || free_rights(s, n, p, once ? ONCE : SEND) == 0)
		return;
	r = (struct right){ once ? ONCE : SEND, p->port, 0, p };
	if (once && !p->dead)
		netipc_proxy_destroy_once(n->e, p->engine, s->now);
	right_drop(s, n, &r);
}

static void port_kill(struct sim *s, struct node *n, struct port *p)
{
	p->dead = true;
	if (p == n->name_server) {
		n->name_server = NULL;
		netipc_set_name_server(n->e, NULL, NULL, s->now);
	}
	if (p->slot != NULL)
		netipc_export_destroyed(n->e, p->slot, s->now);
	while (!list_empty(&p->queue))
		queue_free(s, n, list_first(&p->queue, struct queued, link), false);
	p->queued = 0;
}

/* ---- upcalls ---- */

static void up_proxy_dead(struct sim *s, struct node *n, struct sim_proxy *p)
{
	struct port *port = &s->port[p->port];
	struct node *home = &s->node[port->home];

	p->dead = true;
	if (!port->dead && is_member(home) && port_here(port, home) && home->incarnation == p->home_incarnation &&
	    !s->o.cuts)
		FAIL(s, "node %u: proxy of the living port %u died", n->index, p->port);
}

static void up_no_senders(struct sim *s, struct node *n, struct port *p)
{
	if (p->dead || p == n->name_server) /* whose right is published: who asks for it now has it next */
		return;
	s->r.no_senders++;
	for (uint32_t i = 0; i < s->o.nodes; i++)
		if (i != p->home && truth_sends(s, p, i) > 0 && !s->o.cuts)
			FAIL(s, "no-senders for port %u, but node %u holds a right", p->index, i);
	if (p->told_no_senders && p != n->name_server)
		FAIL(s, "no-senders twice for port %u", p->index);
	p->told_no_senders = true;
}

static void fenced(struct sim *s, struct node *n)
{
	n->incarnation = netipc_incarnation(n->e);
	if (n->incarnation >= s->next_incarnation)
		s->next_incarnation = n->incarnation + 1;
	s->r.fences++;
	for (uint32_t i = 0; i < s->ports; i++)
		if (port_here(&s->port[i], n))
			s->port[i].once_out = 0;
}

static void upcalls(struct sim *s, struct node *n)
{
	struct netipc_upcall u;
	struct port *p;

	while (!s->error && netipc_next_upcall(n->e, &u))
		switch (u.kind) {
		case NETIPC_UP_DELIVER:
			up_deliver(s, n, &u.deliver);
			break;
		case NETIPC_UP_PULLED:
			up_pulled(s, &u);
			break;
		case NETIPC_UP_SENT:
			up_sent(s, n, &u);
			break;
		case NETIPC_UP_RELEASED:
			if (!((struct outgoing *)u.cookie)->settled)
				FAIL(s, "released before it was settled");
			outgoing_free(u.cookie);
			break;
		case NETIPC_UP_NO_SENDERS:
			up_no_senders(s, n, u.cookie);
			break;
		case NETIPC_UP_ONCE_LOST:
			p = u.cookie;
			p->once_out--;
			s->r.once_lost++;
			break;
		case NETIPC_UP_WANT_ROOM:
			p = u.cookie;
			if (!p->dead && p->slot != NULL && p->queued < p->limit)
				netipc_room(n->e, p->slot, s->now);
			break;
		case NETIPC_UP_PROXY_ROOM:
			s->r.rooms++;
			break;
		case NETIPC_UP_EXPORT_GONE:
			p = u.cookie;
			if (p->references-- == 0)
				FAIL(s, "port %u: one EXPORT_GONE too many", p->index);
			break;
		case NETIPC_UP_PROXY_DEAD:
			up_proxy_dead(s, n, u.cookie);
			break;
		case NETIPC_UP_NODE_DOWN:
			s->r.deaths++;
			break;
		case NETIPC_UP_FENCED:
			fenced(s, n);
			break;
		default:
			break;
		}
}

/* ---- nodes ---- */

static void run(struct sim *s, uint64_t until);

static void node_start(struct sim *s, struct node *n)
{
	struct netipc_config c = {
		.provider = s->t->provider(s->world, n->index), .self = FIRST_ADDR + n->index,
		.incarnation = ++s->next_incarnation, .cluster = 7, .key = { 1, 2 }, .keyed = s->o.keyed,
		.secret = { rnd(s), rnd(s) }, .peers = 10, .messages = 96, .large_buffers = 16,
		.records = 2048, .exports = 512, .holders = 1024, .onces = 1024, .proxies = 512,
		.once_refs = 1024, .transits = 1024, .no_fence = !s->o.cuts,
	};

	if (s->o.tight) {
		c.messages = 24;
		c.large_buffers = 6;
		c.records = 64;
	}

	n->up = true;
	n->life++;
	n->incarnation = c.incarnation;
	memset(n->seq, 0, sizeof(n->seq));
	list_init(&n->proxies);
	list_init(&n->outgoing);
	list_init(&n->pulls);
	n->memory = aligned_alloc(16, netipc_size(&c));
	n->e = netipc_init(n->memory, &c, s->now);
	for (int i = 0; i < 3; i++)
		port_make(s, n);
	if (n->index == 0) {
		n->name_server = port_make(s, n);
		if (n->name_server != NULL) {
			netipc_set_name_server(n->e, n->name_server, &n->name_server->slot, s->now);
			n->name_server->references++;
		}
	}
}

static void node_stop(struct sim *s, struct node *n)
{
	s->t->crash(s->world, n->index);
	n->up = false;
	n->name_server = NULL;
	while (!list_empty(&n->proxies)) {
		struct sim_proxy *p = list_first(&n->proxies, struct sim_proxy, link);

		list_remove(&p->link);
		free(p);
	}
	while (!list_empty(&n->outgoing)) {
		struct outgoing *g = list_first(&n->outgoing, struct outgoing, link);

		if (!g->settled)
			s->fate[g->id] = F_UNKNOWN;
		outgoing_free(g);
	}
	while (!list_empty(&n->pulls))
		pulling_free(list_first(&n->pulls, struct pulling, link));
	for (uint32_t i = 0; i < s->ports; i++) {
		struct port *p = &s->port[i];

		if (!port_here(p, n))
			continue;
		while (!list_empty(&p->queue)) {
			struct queued *q = list_first(&p->queue, struct queued, link);

			list_remove(&q->link);
			free(q);
		}
		p->dead = true;
	}
	free(n->memory);
	n->e = NULL;
}

/*
 * n says goodbye and ends: with all that it has on its way, to it and from it. Often it is back at once, at
 * the same address.
 */
static void node_leave(struct sim *s, struct node *n)
{
	n->leaving = true;
	netipc_leave(n->e, s->now);
	for (int ms = 0; ms < LEAVE_MS_MAX && !netipc_left(n->e); ms++)
		run(s, s->now + 1 * MS);
	if (!netipc_left(n->e) && !s->o.cuts && !s->o.crashes)
		FAIL(s, "node %u cannot leave", n->index);
	for (uint32_t i = 0; i < s->o.nodes && netipc_left(n->e); i++) {
		struct peer *known = peer_find(n->e, FIRST_ADDR + i);
		struct peer *p = s->node[i].up ? peer_find(s->node[i].e, FIRST_ADDR + n->index) : NULL;

		if (known != NULL && known->state == PEER_ALIVE && p != NULL &&
		    p->incarnation == n->incarnation && s->node[i].incarnation == known->incarnation)
			FAIL(s, "node %u has not heard node %u's goodbye", i, n->index);
	}
	n->leaving = false;
	node_stop(s, n);
	s->r.leaves++;
	if (below(s, 2) == 0 && !s->error) {
		s->t->restart(s->world, n->index);
		node_start(s, n);
	}
}

static void take_name_server(struct sim *s, struct node *n)
{
	struct netipc_right_in in;
	struct port *ns = s->node[0].name_server;
	struct sim_proxy *p;

	if (!s->node[0].up || ns == NULL ||
	    n->e->name_server.home_incarnation != s->node[0].incarnation || netipc_name_server(n->e, &in, s->now) != NETIPC_OK ||
	    in.proxy == NULL)
		return;
	p = netipc_proxy_cookie(in.proxy);
	if (p == NULL) {
		p = calloc(1, sizeof(*p));
		list_init(&p->link);
		list_add_tail(&n->proxies, &p->link);
		p->engine = in.proxy;
		p->port = ns->index;
		p->home_incarnation = s->node[0].incarnation;
		netipc_proxy_attach(n->e, in.proxy, p);
	}
	p->sends++;
}

/* Let everything that is due happen, up to until. */
static void run(struct sim *s, uint64_t until)
{
	while (!s->error) {
		uint64_t next = s->t->advance(s->world, s->now);

		for (uint32_t i = 0; i < s->o.nodes; i++) {
			struct node *n = &s->node[i];
			uint64_t due;

			if (!n->up)
				continue;
			due = netipc_poll(n->e, s->now);
			upcalls(s, n);
			next = due < next ? due : next;
			if (s->error)
				return;
		}
		if (s->now >= until)
			return;
		if (next <= s->now)
			next = s->now + 1000;
		s->now = next < until ? next : until;
	}
}

static void step(struct sim *s)
{
	struct node *n = &s->node[below(s, s->o.nodes)];
	uint32_t what = below(s, 1000);

	if (!n->up) {
		if (what < 30) {
			s->t->restart(s->world, n->index);
			node_start(s, n);
		}
		return;
	}
	if (what < 450)
		do_send(s, n);
	else if (what < 780)
		do_receive(s, n);
	else if (what < 830)
		do_release(s, n);
	else if (what >= 900 && what < 930)
		port_make(s, n);
	else if (what >= 930 && what < 934) {
		struct port *p = pick_port(s, n);

		if (p != NULL && (p != n->name_server || below(s, 10) == 0))
			port_kill(s, n, p);
	} else if (what < 960 || (what >= 830 && what < 900)) {
		if (n->index != 0)
			take_name_server(s, n);
	} else if (what >= 970 && what < 980) {
		struct outgoing *g = list_last(&n->outgoing, struct outgoing, link);

		if (g != NULL && !g->settled) {
			g->retracted = true;
			netipc_retract(n->e, g->m, s->now);
		}
	} else if (what >= 980 && what < 990) {
		if (s->o.fault_level > 0)
			s->t->break_any(s->world, s->now);
	} else if (what >= 990 && what < 993 && s->o.crashes && s->o.nodes > 2) {
		uint32_t up = 0;

		for (uint32_t i = 0; i < s->o.nodes; i++)
			up += s->node[i].up;
		if (up > s->o.nodes / 2 + 1)
			node_stop(s, n);
	} else if (what >= 996 && s->o.leaves) {
		node_leave(s, n);
	} else if (what >= 993 && what < 996 && s->o.cuts) {
		uint32_t other = below(s, s->o.nodes);

		if (other != n->index) {
			s->t->cut(s->world, n->index, other, true);
			run(s, s->now + (below(s, 3) == 0 ? 6000 * MS : below(s, 1000) * MS));
			s->t->cut(s->world, n->index, other, false);
		}
	}
	for (uint32_t i = 0; i < s->o.nodes; i++)
		if (s->node[i].up)
			upcalls(s, &s->node[i]);
}

/* ---- the reckoning ---- */

/* For a human: what the home and the holders think of a port. */
static void dump_holders(struct sim *s, const struct port *p)
{
	LIST_FOR_EACH(l, &p->slot->holders) {
		const struct holder *h = container_of(l, struct holder, link);
		struct node *n = &s->node[h->peer->addr - FIRST_ADDR];
		struct nw_uid uid;
		struct netipc_proxy *x;

		export_uid(s->node[p->home].e, p->slot, &uid);
		x = n->up ? proxy_find(n->e, &uid) : NULL;
		fprintf(stderr, "port %u home %u holder %u: granted %llu release_at %llu; there: ", p->index,
			p->home, n->index, (unsigned long long)h->granted,
			(unsigned long long)h->release_at);
		if (x == NULL)
			fprintf(stderr, "no proxy\n");
		else
			fprintf(stderr, "cookie %d pins %u live %d dead %d received %llu registers %llu/%llu\n",
				x->cookie != NULL, x->pins, x->live, x->dead, (unsigned long long)x->received,
				(unsigned long long)x->registered, (unsigned long long)x->registers);
	}
}

/* Who asked for room has been told where there is some. */
static void check_rooms(struct sim *s)
{
	for (uint32_t i = 0; i < s->o.nodes; i++)
		LIST_FOR_EACH(l, &s->node[i].proxies) {
			const struct sim_proxy *p = container_of(l, struct sim_proxy, link);

			if (s->node[i].up && !p->dead && p->engine->room != ROOM_NOT_WANTED &&
			    s->port[p->port].queued < s->port[p->port].limit)
				FAIL(s, "node %u asked for room at port %u, and was never told", i, p->port);
		}
}

static void check_port(struct sim *s, struct port *p)
{
	struct node *home = &s->node[p->home];
	uint32_t holders = 0, onces;

	if (p->dead || !home->up || !port_here(p, home))
		return;
	if (getenv("SIM_DUMP") && p->slot != NULL)
		dump_holders(s, p);
	for (uint32_t i = 0; i < s->o.nodes; i++)
		holders += i != p->home && truth_sends(s, p, i) > 0;
	if ((holders > 0) != (p->slot != NULL && netipc_export_has_senders(p->slot)))
		FAIL(s, "port %u at node %u: %u nodes hold send rights, its home says %s", p->index, p->home,
		     holders, holders ? "none" : "some");
	if (holders == 0 && !p->told_no_senders && p != home->name_server)
		FAIL(s, "port %u: no-senders never came", p->index);
	onces = truth_onces(s, p);
	if (!s->o.cuts && p->once_out != (int64_t)onces)
		FAIL(s, "port %u: %u send-once rights exist, %lld are accounted for", p->index, onces,
		     (long long)p->once_out);
}

/* Every node lets go of everything; then the engines must be empty. */
static void check_empty(struct sim *s)
{
	for (uint32_t i = 0; i < s->o.nodes && !s->error; i++) {
		struct node *n = &s->node[i];

		if (!n->up)
			continue;
		for (uint32_t j = 0; j < s->ports; j++)
			while (port_here(&s->port[j], n) && !list_empty(&s->port[j].queue)) {
				queue_free(s, n, list_first(&s->port[j].queue, struct queued, link), false);
				s->port[j].queued--;
			}
		LIST_FOR_EACH_SAFE(l, next, &n->proxies) {
			struct sim_proxy *p = container_of(l, struct sim_proxy, link);

			p->sends = p->onces = 0;
			proxy_maybe_gone(s, n, p);
		}
		if (n->name_server)
			port_kill(s, n, n->name_server);
	}
	run(s, s->now + 12000 * MS);
	for (uint32_t i = 0; i < s->o.nodes && !s->error; i++) {
		struct netipc_stats t;

		if (!s->node[i].up)
			continue;
		netipc_get_stats(s->node[i].e, &t);
		if (t.exports | t.holders | t.onces | t.proxies | t.once_refs | t.transits | t.messages |
		    t.large_buffers | t.deliveries | t.waiting | t.records)
			FAIL(s, "node %u leaks: exports %u holders %u onces %u proxies %u once_refs %u transits "
			     "%u messages %u large %u deliveries %u waiting %u records %u", i, t.exports,
			     t.holders, t.onces, t.proxies, t.once_refs, t.transits, t.messages,
			     t.large_buffers, t.deliveries, t.waiting, t.records);
		if (t.bad_right != 0 && !s->o.cuts)
			FAIL(s, "node %u saw %llu bad rights", i, (unsigned long long)t.bad_right);
		if (t.malformed != 0)
			FAIL(s, "node %u saw %llu malformed", i, (unsigned long long)t.malformed);
		s->r.replayed += t.replayed;
	}
	for (uint32_t i = 0; i < s->ports && !s->error; i++)
		if (s->node[s->port[i].home].up && port_here(&s->port[i], &s->node[s->port[i].home]) &&
		    s->port[i].references != 0)
			FAIL(s, "port %u: %u references of dropped exports", i, s->port[i].references);
}

static void dump_peers(struct sim *s)
{
	for (uint32_t i = 0; i < s->o.nodes; i++) {
		if (!s->node[i].up)
			continue;
		LIST_FOR_EACH(l, &s->node[i].e->peers) {
			const struct peer *p = container_of(l, struct peer, link);
			const struct netipc_delivery *d = p->current;

			fprintf(stderr, "node %u peer %u: conn %d gen %u/%u sent %llu acked %llu window %u flight %u "
				"arrived %llu processed %llu ack_sent %llu queue %d unacked %d parked %d exposed %d\n",
				i, p->addr - FIRST_ADDR, p->conn, p->generation, p->remote_generation,
				(unsigned long long)p->sent, (unsigned long long)p->acked, p->window,
				p->flight_count, (unsigned long long)p->arrived,
				(unsigned long long)p->processed, (unsigned long long)p->ack_sent,
				!list_empty(&p->queue), !list_empty(&p->unacked), !list_empty(&p->parked),
				!list_empty(&p->exposed));
			if (d != NULL)
				fprintf(stderr, "  open: number %llu state %d reads %u asked %llu done %llu of %llu chunk "
					"%llu..%llu next_asked %d retry %llu\n", (unsigned long long)d->number,
					d->state, d->reads, (unsigned long long)d->asked,
					(unsigned long long)d->done, (unsigned long long)d->m.pull_size,
					(unsigned long long)d->chunk_offset, (unsigned long long)d->chunk_end,
					d->next_asked, (unsigned long long)d->retry_ns);
		}
	}
}

static void dump_dying(struct sim *s)
{
	for (uint32_t i = 0; i < s->o.nodes; i++) {
		if (!s->node[i].up)
			continue;
		LIST_FOR_EACH(l, &s->node[i].e->dying) {
			const struct peer *p = container_of(l, struct peer, link);

			fprintf(stderr, "node %u, dying: peer %u incarnation %llu waits for %llx\n", i, p->addr - FIRST_ADDR,
				(unsigned long long)p->incarnation, (unsigned long long)p->flush[0]);
		}
		LIST_FOR_EACH(l, &s->node[i].e->peers) {
			const struct peer *p = container_of(l, struct peer, link);

			fprintf(stderr, "node %u (incarnation %llu): peer %u incarnation %llu index %u\n", i,
				(unsigned long long)s->node[i].e->incarnation, p->addr - FIRST_ADDR,
				(unsigned long long)p->incarnation, p->index);
		}
	}
}

static void check_messages(struct sim *s)
{
	if (getenv("SIM_DUMP"))
		dump_dying(s);
	if (getenv("SIM_DUMP"))
		dump_peers(s);
	for (uint64_t id = 1; id <= s->next_id && !s->error; id++) {
		if (s->fate[id] == F_SENT)
			FAIL(s, "message %llu is still not settled", (unsigned long long)id);
		if (s->fate[id] == F_ACCEPTED && !s->delivered[id] && !s->o.crashes && !s->o.leaves && !s->o.cuts)
			FAIL(s, "message %llu accepted, not delivered", (unsigned long long)id);
	}
}

/* Drain queues until nothing is left that waits for a slot. */
static void settle(struct sim *s)
{
	s->t->calm(s->world);
	for (int round = 0; round < 400 && !s->error; round++) {
		uint32_t waiting = 0;

		run(s, s->now + 20 * MS);
		for (uint32_t i = 0; i < s->o.nodes; i++) {
			struct node *n = &s->node[i];

			if (!n->up)
				continue;
			waiting += !list_empty(&n->outgoing);
			for (uint32_t j = 0; j < s->ports; j++) {
				struct port *p = &s->port[j];
				struct queued *q = list_first(&p->queue, struct queued, link);

				if (!port_here(p, n) || q == NULL || p->queued < p->limit)
					continue;
				queue_free(s, n, q, true);
				p->queued--;
				if (p->slot != NULL)
					netipc_slot_freed(n->e, p->slot, s->now);
			}
			upcalls(s, n);
		}
		if (waiting == 0 && round > 5)
			break;
	}
	run(s, s->now + 12000 * MS);
}

const char *sim_run(const struct sim_transport *t, uint64_t seed, const struct sim_options *o,
		    struct sim_result *result)
{
	struct sim *s = calloc(1, sizeof(*s));
	const char *error;

	s->t = t;
	s->o = *o;
	s->random = seed * 0x9e3779b97f4a7c15u + 1;
	s->next_incarnation = 100;
	s->now = 1000 * MS;
	s->ids = o->steps + 16;
	s->fate = calloc(1, s->ids);
	s->delivered = calloc(1, s->ids);
	s->dest_node = calloc(s->ids, sizeof(*s->dest_node));
	s->world = t->create(o->nodes, seed, o->fault_level);
	for (uint32_t i = 0; i < o->nodes; i++) {
		s->node[i].index = i;
		node_start(s, &s->node[i]);
	}
	run(s, s->now + 1500 * MS);
	for (uint32_t i = 1; i < o->nodes && !s->error; i++)
		take_name_server(s, &s->node[i]);
	for (uint32_t i = 0; i < o->steps && !s->error; i++) {
		step(s);
		if (below(s, 3) == 0 && !s->error)
			run(s, s->now + below(s, 1000) * 1000);
	}
	if (!s->error)
		settle(s);
	if (!s->error)
		check_messages(s);
	if (!s->error)
		check_rooms(s);
	for (uint32_t i = 0; i < s->ports && !s->error; i++)
		check_port(s, &s->port[i]);
	if (!s->error)
		check_empty(s);
	error = s->error;
	if (error)
		fprintf(stderr, "sim: seed %llu over %s failed\n", (unsigned long long)seed, t->name);
	if (result != NULL)
		*result = s->r;
	for (uint32_t i = 0; i < o->nodes; i++)
		if (s->node[i].up)
			node_stop(s, &s->node[i]);
	t->destroy(s->world);
	free(s->fate);
	free(s->delivered);
	free(s->dest_node);
	free(s);
	return error;
}

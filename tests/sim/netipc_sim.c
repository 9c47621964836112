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
#define RIGHTS_IN_MESSAGE 8 /* a receive right is three */
#define RIGHTS_WANTED 5
#define OOL_MAX 3
#define FIRST_ADDR 0x0a4d0001u
#define MS 1000000ull
#define LEAVE_MS_MAX 2000

enum { SEND = 2, ONCE = 3, RECEIVE = 4 };

struct port {
	uint32_t index, home;
	uint64_t home_life; /* of its node, when it was made */
	bool dead;
	uint32_t limit;
	uint64_t epoch;          /* another when its home was fenced: rights of before are void */
	bool transit;            /* its receive right is in a message */
	struct port *in;         /* in the queue, or on its way to it, of that port */
	bool leaving;            /* and accepted, or perhaps so, elsewhere, but home has not heard of it */
	struct side {            /* what a node has of it */
		struct netipc_export *slot;
		struct list queue;
		uint32_t queued;
		uint32_t references; /* the glue's, one for each export */
		/* While it is home here: send-once rights made and sent off, less used, lost, home again. */
		int64_t once_out;
	} at[NODES_MAX];
	uint64_t moved_sent, moved_came; /* of queues that followed it */
	bool told_no_senders;    /* and no right went out since */
	uint64_t last_seq[NODES_MAX]; /* delivered, of each sender */
	uint64_t sender_life[NODES_MAX];
};

struct sim_proxy { /* the glue's side of one */
	struct list link;
	struct netipc_proxy *engine;
	uint32_t port;
	uint64_t home_incarnation; /* the port's epoch */
	uint32_t sends, onces;
	bool dead, arriving, died; /* died: while it arrived, with messages outstanding */
	uint32_t outstanding;
	struct list held;          /* of outgoing.held_link: MOVED, to be sent again in order */
	struct list queue;         /* the port's, that moved away: to be sent after it */
	uint32_t pinned;
	bool moving, sending, gone_waits; /* a queue message is out; the export has gone */
};

struct right {
	uint32_t kind; /* SEND, ONCE, RECEIVE; 0: null */
	uint32_t port;
	uint64_t home_incarnation;
	struct sim_proxy *proxy; /* NULL: local */
};

struct body {
	uint64_t id, seq, life;
	uint32_t from, port, once, rights, moved;
	struct {
		uint32_t kind, port;
		uint64_t incarnation;
	} right[RIGHTS_IN_MESSAGE];
	uint32_t ool;
	uint64_t ool_size[OOL_MAX];
	uint32_t size; /* of the whole body */
};

struct outgoing {
	struct list link, held_link;
	uint64_t id, order;
	bool moved;
	struct queued *q; /* moved: what it was */
	struct netipc_send send;
	struct np_sge body_sge;
	uint64_t ool_size[OOL_MAX];
	struct netipc_message *m;
	struct sim_proxy *to;
	bool once, retracted, settled, pulling, held;
	struct right right[RIGHTS_IN_MESSAGE];
	uint32_t rights;
	uint8_t *bytes;
	struct np_sge *pieces;
};

struct queued {
	struct list link;
	bool once;
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
	uint64_t random, now, next_id, next_incarnation, next_epoch;
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
	p->epoch = ++s->next_epoch;
	for (uint32_t i = 0; i < NODES_MAX; i++)
		list_init(&p->at[i].queue);
	return p;
}

static bool port_here(const struct port *p, const struct node *n)
{
	return p->home == n->index && p->home_life == n->life;
}

static void queue_free(struct sim *s, struct node *n, struct queued *q, bool keep);
static void port_kill(struct sim *s, struct node *n, struct port *p);
static void held_flush(struct sim *s, struct node *n, struct sim_proxy *x);
static void outgoing_settled(struct sim *s, struct node *n, struct outgoing *g, bool moved);
static void outgoing_free(struct outgoing *g);

/* ---- rights of the model ---- */

static void proxy_maybe_gone(struct sim *s, struct node *n, struct sim_proxy *p)
{
	if (p->arriving || p->moving || p->pinned > 0 || p->outstanding > 0 || !list_empty(&p->held))
		return;
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

/* A send-once right of p dies unused: it is a local one already if its port is arriving. */
static void once_destroy(struct sim *s, struct node *n, struct sim_proxy *p)
{
	if (p->dead)
		return;
	if (p->arriving)
		s->port[p->port].at[n->index].once_out--;
	else
		netipc_proxy_destroy_once(n->e, p->engine, s->now);
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

	if (!is_member(n) || s->node[p->home].life != p->home_life || holder == p->home)
		return 0;
	LIST_FOR_EACH(l, &n->proxies) {
		struct sim_proxy *x = container_of(l, struct sim_proxy, link);

		if (x->port == p->index && x->home_incarnation == p->epoch && !x->dead)
			count += x->sends;
	}
	return count;
}

static uint32_t truth_onces(struct sim *s, const struct port *p)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->o.nodes; i++) {
		if (!is_member(&s->node[i]) || i == p->home)
			continue;
		LIST_FOR_EACH(l, &s->node[i].proxies) {
			struct sim_proxy *x = container_of(l, struct sim_proxy, link);

			if (x->port == p->index && !x->dead &&
			    x->home_incarnation == p->epoch)
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

		if (port_here(p, n) && !p->dead && !p->transit)
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
		r->home_incarnation = port->epoch;
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
		if (!list_empty(&s->port[i].at[n->index].queue))
			LIST_FOR_EACH(l, &s->port[i].at[n->index].queue) {
				struct queued *q = container_of(l, struct queued, link);

				for (uint32_t j = 0; j < q->rights; j++)
					count += q->right[j].proxy == p && q->right[j].kind == kind;
			}
	LIST_FOR_EACH(k, &n->proxies)
		LIST_FOR_EACH(l, &container_of(k, struct sim_proxy, link)->queue) {
			struct queued *q = container_of(l, struct queued, link);

			for (uint32_t j = 0; j < q->rights; j++)
				count += q->right[j].proxy == p && q->right[j].kind == kind;
		}
	return count;
}

/* Rights of p that n has in its hands: not in a message of any kind. */
static uint32_t free_rights(struct sim *s, struct node *n, const struct sim_proxy *p, uint32_t kind)
{
	return (kind == SEND ? p->sends - p->moving : p->onces) - in_messages(n, p, kind) - in_queues(s, n, p, kind);
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

/* Would a message to `to` with p's receive right in it make a circle? */
static bool circle(const struct port *p, const struct port *to)
{
	for (; to != NULL; to = to->in)
		if (to == p)
			return true;
	return false;
}

static void note_exports(struct sim *s, struct node *n, struct outgoing *g, const bool *had)
{
	for (uint32_t i = 0; i < g->rights; i++) {
		bool again = had[i] || g->right[i].kind == 0;

		for (uint32_t j = 0; j < i; j++)
			again |= g->right[j].kind != 0 && g->right[j].port == g->right[i].port && !had[j];
		if (!again && s->port[g->right[i].port].at[n->index].slot != NULL)
			s->port[g->right[i].port].at[n->index].references++;
	}
}

/* To the engine, the first time or again. */
static int post(struct sim *s, struct node *n, struct outgoing *g)
{
	struct netipc_right_out out[RIGHTS_IN_MESSAGE];
	bool had[RIGHTS_IN_MESSAGE];
	int rc;

	for (uint32_t i = 0; i < g->rights; i++) {
		struct right *r = &g->right[i];
		struct port *p = &s->port[r->port];

		out[i] = (struct netipc_right_out){
			.kind = r->kind == 0	  ? NETIPC_RIGHT_NULL :
				r->kind == SEND	  ? NETIPC_RIGHT_SEND :
				r->kind == ONCE	  ? NETIPC_RIGHT_SEND_ONCE :
						    NETIPC_RIGHT_RECEIVE,
			.proxy = r->proxy ? r->proxy->engine : NULL, .port = p, .slot = &p->at[n->index].slot,
			.state = { .qlimit = p->limit } };
		had[i] = p->at[n->index].slot != NULL;
	}
	g->send.to = g->to->engine;
	g->send.rights = out;
	g->send.body = &g->body_sge;
	g->send.ool = g->ool_size;
	rc = netipc_send(n->e, &g->send, &g->m, s->now);
	if (rc != NETIPC_OK)
		return rc;
	for (uint32_t i = 0; i < g->rights; i++)
		if (g->right[i].kind == SEND && g->right[i].proxy == NULL)
			s->port[g->right[i].port].told_no_senders = false;
	g->to->outstanding++;
	note_exports(s, n, g, had);
	return rc;
}

static void do_send(struct sim *s, struct node *n)
{
	bool once = below(s, 4) == 0;
	struct sim_proxy *to = pick_proxy(s, n, once);
	uint64_t total;
	struct outgoing *g;
	struct body *b;
	uint32_t want, pieces;
	int rc;

	if (to == NULL || to->arriving || free_rights(s, n, to, once ? ONCE : SEND) == 0 || s->next_id + 1 >= s->ids ||
	    !netipc_proxy_ready(to->engine) || !list_empty(&to->held) || to->moving)
		return;
	g = calloc(1, sizeof(*g));
	list_init(&g->link);
	list_init(&g->held_link);
	g->to = to;
	g->once = once;
	if (!once)
		to->sends++; /* copy send */
	want = below(s, RIGHTS_WANTED + 1);
	list_add_tail(&n->outgoing, &g->link);
	if (s->o.moves && below(s, 3) == 0) {
		struct port *p = pick_port(s, n);

		if (p != NULL && p != n->name_server && !circle(p, &s->port[to->port]) && p->at[n->index].slot != NULL) {
			g->right[0] = (struct right){ .kind = RECEIVE, .port = p->index, .home_incarnation = p->epoch };
			g->rights = 3; /* and two null requests */
			p->transit = true;
			p->in = &s->port[to->port];
		}
	}
	for (uint32_t i = 0; i < want; i++) {
		struct right r;

		if (!pick_right(s, n, &r))
			continue;
		if (picked_before(g, &r))
			continue;
		if (r.proxy != NULL && (r.proxy->arriving || free_rights(s, n, r.proxy, r.kind) == 0)) {
			if (r.proxy->arriving && r.kind == SEND && free_rights(s, n, r.proxy, r.kind) > 0)
				r.proxy->sends--;
			continue;
		}
		g->right[g->rights++] = r;
	}
	g->id = ++s->next_id;
	g->order = g->id;
	total = sizeof(*b) + (below(s, 3) == 0 ? below(s, 3000) : 0);
	if (s->o.bulk && below(s, 12) == 0)
		total = 60000;
	total = (total + 3) & ~3ull;
	g->send = (struct netipc_send){ .cookie = g, .right_count = g->rights };
	g->send.flags = (once ? NETIPC_SEND_ONCE : 0) | (below(s, 3) == 0 ? NETIPC_SEND_WAITING : 0);
	for (uint32_t i = 0; i < NETIPC_SENDER_WORDS; i++)
		g->send.sender[i] = n->index << 24 | i << 16 | (uint32_t)(g->id & 0xffff);
	if (s->o.bulk && below(s, 6) == 0)
		g->send.ool_count = 1 + below(s, OOL_MAX);
	g->body_sge.length = (uint32_t)total;
	for (uint32_t i = 0; i < g->send.ool_count; i++)
		total += g->ool_size[i] = below(s, 3) == 0 ? below(s, 3000) : below(s, 200000);
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
	b->ool = g->send.ool_count;
	b->size = g->body_sge.length;
	for (uint32_t i = 0; i < g->send.ool_count; i++)
		b->ool_size[i] = g->ool_size[i];
	for (uint32_t i = 0; i < g->rights; i++) {
		b->right[i].kind = g->right[i].kind;
		b->right[i].port = g->right[i].port;
		b->right[i].incarnation = g->right[i].home_incarnation;
	}
	fill_pieces(s, g, g->body_sge.length, total, &pieces);
	g->body_sge.base = g->bytes;
	g->send.body_count = 1;
	g->send.pull = g->pieces;
	g->send.pull_count = pieces;
	rc = post(s, n, g);
	if (rc != NETIPC_OK) {
		if (rc != NETIPC_AGAIN && rc != NETIPC_DEAD && rc != NETIPC_NO_MEMORY)
			FAIL(s, "netipc_send answered %d", rc);
		if (!once)
			n->seq[to->port]--;
		list_remove(&g->link);
		for (uint32_t i = 0; i < g->rights; i++)
			if (g->right[i].kind == RECEIVE)
				s->port[g->right[i].port].transit = false, s->port[g->right[i].port].in = NULL;
			else if (g->right[i].kind != ONCE) /* those stay in the node's hands */
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
		else if (g->right[i].kind == ONCE)
			p->at[n->index].once_out++, s->r.once_made++;
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
		    r->home_incarnation == s->port[r->port].epoch)
			s->port[r->port].at[n->index].once_out--;
		if (r->kind == RECEIVE) {
			struct port *p = &s->port[r->port];

			if (!moved && !p->dead && port_here(p, n))
				p->transit = false, p->in = NULL; /* it stays in the node's hands */
			r->kind = 0;
			continue;
		}
		if (!moved && r->proxy != NULL && below(s, 2) == 0) {
			r->kind = 0; /* it stays in the node's hands */
			continue;
		}
		/* Not moved and dropped: as if the glue destroyed the returned right. */
		if (!moved && r->kind == ONCE && r->proxy != NULL)
			once_destroy(s, n, r->proxy);
		right_drop(s, n, r);
	}
	if (!moved && g->once)
		once_destroy(s, n, g->to);
	right_drop(s, n, &dest);
}

static struct sim_proxy *proxy_new(struct node *n, struct netipc_proxy *engine, uint32_t port, uint64_t epoch)
{
	struct sim_proxy *p = calloc(1, sizeof(*p));

	list_init(&p->link);
	list_init(&p->held);
	list_init(&p->queue);
	list_add_tail(&n->proxies, &p->link);
	p->engine = engine;
	p->port = port;
	p->home_incarnation = epoch;
	netipc_proxy_attach(n->e, engine, p);
	return p;
}

/* The receive right in g is at its receiver: the port is a proxy here from now on, and its queue follows. */
static void moved_away(struct sim *s, struct node *n, struct outgoing *g, const struct right *r)
{
	struct port *p = &s->port[r->port];
	struct side *side = &p->at[n->index];
	struct netipc_moving move = { .port = p, .slot = &side->slot };
	uint32_t sends = below(s, 2), mine = below(s, 3);
	struct netipc_proxy *engine;
	struct sim_proxy *x;

	if (s->o.cuts && side->once_out < 0) /* what the node lost when it was fenced is told late */
		side->once_out = 0;
	move.local_onces = (uint32_t)side->once_out + mine;
	engine = netipc_move(n->e, &move, s->now);
	if (engine == NULL) { /* the node is dead, or the port died there at once */
		if (side->slot != NULL)
			netipc_export_destroyed(n->e, side->slot, s->now);
		while (!list_empty(&side->queue))
			queue_free(s, n, list_first(&side->queue, struct queued, link), false);
		side->queued = 0;
		side->once_out = 0;
		if (port_here(p, n))
			p->dead = true;
		return;
	}
	s->r.moves++;
	x = proxy_new(n, engine, p->index, p->epoch);
	x->sends = 1 + sends; /* one is the mover's */
	x->onces = mine;
	x->moving = x->gone_waits = true;
	list_splice_tail(&x->queue, &side->queue);
	side->queued = 0;
	/* Rights that were local when they were put into messages. */
	LIST_FOR_EACH(l, &n->outgoing) {
		struct outgoing *other = container_of(l, struct outgoing, link);

		for (uint32_t i = 0; other != g && !other->settled && i < other->rights; i++) {
			struct right *o = &other->right[i];

			if (o->port != p->index || o->proxy != NULL || (o->kind != SEND && o->kind != ONCE) ||
			    o->home_incarnation != p->epoch)
				continue;
			o->proxy = x;
			x->sends += o->kind == SEND;
			x->onces += o->kind == ONCE;
		}
	}
	side->once_out -= move.abroad;
	if (s->o.cuts && side->once_out < x->onces - mine)
		side->once_out = x->onces - mine;
	if (side->once_out < x->onces - mine)
		FAIL(s, "port %u left node %u: %lld send-once rights are there yet, but %u are in messages", p->index, n->index,
		     (long long)side->once_out, x->onces - mine);
	x->onces = (uint32_t)side->once_out + mine; /* some have died, and ONCE_LOST has not come */
	side->once_out = 0;
}

static void held_flush(struct sim *s, struct node *n, struct sim_proxy *x)
{
	while (!list_empty(&x->held) && (x->dead || (x->outstanding == 0 && netipc_proxy_ready(x->engine)))) {
		struct outgoing *g = list_first(&x->held, struct outgoing, held_link);
		int rc;

		do {
			rc = x->dead ? NETIPC_DEAD : post(s, n, g);
			if (rc == NETIPC_AGAIN || rc == NETIPC_NO_MEMORY || rc == NETIPC_MOVING)
				return;
			if (rc != NETIPC_OK && rc != NETIPC_DEAD)
				FAIL(s, "netipc_send answered %d to a message sent again", rc);
			list_remove(&g->held_link);
			g->held = false;
			if (rc == NETIPC_DEAD) {
				s->fate[g->id] = F_NOT_EXECUTED;
				outgoing_settled(s, n, g, false);
				outgoing_free(g);
				return;
			}
			g = list_first(&x->held, struct outgoing, held_link);
		} while (g != NULL);
		return;
	}
}

/* One message of a queue that moved follows its port; when all have: the end. */
static void mover(struct sim *s, struct node *n, struct sim_proxy *x)
{
	struct queued *q = list_first(&x->queue, struct queued, link);
	struct outgoing *g;
	struct right mine = { SEND, x->port, 0, x };
	struct body *b;
	int rc;

	if (!x->moving || x->sending)
		return;
	if (q == NULL && x->gone_waits)
		return;
	if (x->dead || q == NULL) {
		while (!list_empty(&x->queue))
			queue_free(s, n, list_first(&x->queue, struct queued, link), false);
		if (!x->dead)
			netipc_move_end(n->e, x->engine, s->now);
		x->moving = false;
		right_drop(s, n, &mine);
		return;
	}
	g = calloc(1, sizeof(*g));
	list_init(&g->link);
	list_init(&g->held_link);
	g->to = x;
	g->moved = true;
	g->q = q;
	g->id = g->order = ++s->next_id;
	memcpy(g->right, q->right, sizeof(g->right));
	g->rights = q->rights;
	g->bytes = calloc(1, sizeof(*b));
	b = (struct body *)g->bytes;
	*b = (struct body){ .id = g->id, .from = n->index, .port = x->port, .moved = 1, .rights = g->rights, .size = sizeof(*b),
			    .seq = ++s->port[x->port].moved_sent };
	for (uint32_t i = 0; i < g->rights; i++) {
		b->right[i].kind = g->right[i].kind;
		b->right[i].port = g->right[i].port;
		b->right[i].incarnation = g->right[i].home_incarnation;
	}
	g->body_sge = (struct np_sge){ g->bytes, sizeof(*b) };
	g->send = (struct netipc_send){ .cookie = g, .right_count = g->rights, .flags = NETIPC_SEND_MOVED, .body_count = 1 };
	for (uint32_t i = 0; i < NETIPC_SENDER_WORDS; i++)
		g->send.sender[i] = n->index << 24 | i << 16 | (uint32_t)(g->id & 0xffff);
	list_add_tail(&n->outgoing, &g->link);
	x->sends++;
	rc = post(s, n, g);
	if (rc != NETIPC_OK) {
		s->next_id--;
		s->port[x->port].moved_sent--;
		x->sends--;
		list_remove(&g->link);
		free(g->bytes);
		free(g);
		return;
	}
	list_remove(&q->link);
	free(q);
	g->q = NULL;
	s->fate[g->id] = F_SENT;
	s->dest_node[g->id] = s->port[x->port].home;
	x->sending = true;
}

static void up_sent(struct sim *s, struct node *n, const struct netipc_upcall *u)
{
	struct outgoing *g = u->cookie;
	struct sim_proxy *to = g->to;

	to->outstanding--;
	if (u->sent == NETIPC_SENT_MOVED && !g->settled) {
		struct list *before = to->held.next;

		if (g->moved)
			FAIL(s, "a queue's message was told that its port moved");
		while (before != &to->held && container_of(before, struct outgoing, held_link)->order < g->order)
			before = before->next;
		list_add_tail(before, &g->held_link);
		g->held = true;
		s->r.held++;
		if (u->rights_moved)
			FAIL(s, "rights of a message that was turned away moved");
		held_flush(s, n, to);
		return;
	}
	if (u->rights_moved)
		for (uint32_t i = 0; i < g->rights; i++)
			if (g->right[i].kind == RECEIVE)
				moved_away(s, n, g, &g->right[i]);
	if (g->moved)
		to->sending = false;

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
	case NETIPC_SENT_MOVED:
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
	to->pinned++;
	if (g->moved && !u->rights_moved) { /* again, first of all */
		struct queued *q = calloc(1, sizeof(*q));
		struct right dest = { SEND, to->port, 0, to };

		list_init(&q->link);
		memcpy(q->right, g->right, sizeof(q->right));
		q->rights = g->rights;
		list_add_head(&to->queue, &q->link);
		s->port[to->port].moved_sent--;
		g->settled = true;
		right_drop(s, n, &dest);
	} else {
		outgoing_settled(s, n, g, u->rights_moved);
	}
	g->pulling = u->pulling;
	if (!u->pulling)
		outgoing_free(g);
	held_flush(s, n, to);
	to->pinned--;
	proxy_maybe_gone(s, n, to);
}

/* ---- receiving ---- */

static struct sim_proxy *proxy_take(struct sim *s, struct node *n, const struct netipc_right_in *in,
				uint32_t port, uint64_t incarnation)
{
	struct sim_proxy *p = netipc_proxy_cookie(in->proxy);

	if (p == NULL)
		p = proxy_new(n, in->proxy, port, incarnation);
	if (p->port != port || p->home_incarnation != incarnation)
		FAIL(s, "node %u: a right for port %u is proxied as port %u", n->index, port, p->port);
	return p;
}

/* A receive right has come to n: it is the port's home from now on. */
static void port_came(struct sim *s, struct node *n, struct port *p, const struct netipc_right_in *in, struct port *to)
{
	struct sim_proxy *x = proxy_take(s, n, in, p->index, p->epoch);

	x->arriving = true;
	p->home = n->index;
	p->home_life = n->life;
	p->transit = true;
	p->in = to;
	p->told_no_senders = false;
	p->moved_came = p->moved_sent;
	if (p->at[n->index].slot != NULL)
		FAIL(s, "port %u came to node %u, where it is", p->index, n->index);
	p->at[n->index].once_out = x->onces;
	netipc_arrive(n->e, in->proxy, p, &p->at[n->index].slot);
	if (p->at[n->index].slot != NULL)
		p->at[n->index].references++;
}

/* With moves, the death of a node that a port was at may be taken for the port's. */
static bool deadly(const struct sim *s)
{
	return s->o.moves && (s->o.crashes || s->o.leaves || s->o.cuts);
}

static void rights_take(struct sim *s, struct node *n, const struct body *b,
			const struct netipc_right_in *in, struct queued *q, struct port *to)
{
	q->rights = b->rights;
	q->once = b->once;
	for (uint32_t i = 0; i < b->rights; i++)
		if (in[i].kind == NETIPC_RIGHT_RECEIVE)
			port_came(s, n, &s->port[b->right[i].port], &in[i], to);
	for (uint32_t i = 0; i < b->rights; i++) {
		struct right *r = &q->right[i];
		struct port *port = &s->port[b->right[i].port];

		r->kind = 0;
		if (b->right[i].kind == 0)
			continue;
		if (b->right[i].kind == RECEIVE) {
			if (in[i].kind != NETIPC_RIGHT_RECEIVE)
				FAIL(s, "receive right of port %u came as kind %d", port->index, in[i].kind);
			r->kind = RECEIVE;
			r->port = port->index;
			continue;
		}
		if (in[i].kind == NETIPC_RIGHT_DEAD || in[i].kind == NETIPC_RIGHT_NULL) {
			/* Only of a port, or an incarnation, that is over. */
			if (!port->dead && is_member(&s->node[port->home]) && port_here(port, &s->node[port->home]) &&
			    port->epoch == b->right[i].incarnation && !s->o.cuts && !deadly(s))
				FAIL(s, "a right (%u) to the living port %u at %u arrived dead at %u from %u, message to %u", b->right[i].kind, port->index, port->home, n->index, b->from, b->port);
			continue;
		}
		r->kind = b->right[i].kind;
		r->port = port->index;
		r->home_incarnation = b->right[i].incarnation;
		if ((in[i].kind == NETIPC_RIGHT_SEND) != (r->kind == SEND))
			FAIL(s, "right kind changed on the way");
		if (in[i].port != NULL) {
			if (in[i].port != port || (!port_here(port, n) && port->at[n->index].slot == NULL))
				FAIL(s, "a right came home to the wrong port");
			if (r->kind == ONCE)
				port->at[n->index].once_out--;
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

static void delivered(struct sim *s, struct node *n, struct port *p, const struct body *b)
{
	uint32_t f = b->from;

	if (s->delivered[b->id]++)
		FAIL(s, "message %llu delivered twice", (unsigned long long)b->id);
	if (s->fate[b->id] == F_NOT_EXECUTED)
		FAIL(s, "message %llu delivered after it was refused", (unsigned long long)b->id);
	if (b->port != p->index)
		FAIL(s, "message for port %u delivered to %u", b->port, p->index);
	s->r.delivered++;
	if (b->moved) {
		if (b->seq != ++p->moved_came)
			FAIL(s, "port %u: message %llu of its queue came as %llu", p->index, (unsigned long long)b->seq,
			     (unsigned long long)p->moved_came);
		return;
	}
	if (b->once) {
		p->at[n->index].once_out--;
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
	struct side *side = p ? &p->at[n->index] : NULL;
	struct body b;
	struct queued *q;
	struct pulling *pull = NULL;
	uint64_t ool = 0;
	uint32_t pieces = 0;

	if (p == NULL || p->dead || (side->slot == NULL && !port_here(p, n))) {
		netipc_deliver_refuse(n->e, d->delivery, NETIPC_REFUSE_INVALID_DEST, s->now);
		return;
	}
	while (!d->once && !d->granted && !d->moved && side->queued >= p->limit) {
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
	delivered(s, n, p, &b);
	rights_take(s, n, &b, in, q, p);
	side->queued++;
	list_add_tail(&side->queue, &q->link);
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
		if (q->right[i].kind == RECEIVE) {
			struct port *p = &s->port[q->right[i].port];

			p->transit = false;
			p->in = NULL;
			if (!keep && !p->dead && port_here(p, n))
				port_kill(s, n, p);
		} else if (!keep && q->right[i].kind != 0) {
			if (q->right[i].kind == ONCE)
				once_destroy(s, n, q->right[i].proxy);
			right_drop(s, n, &q->right[i]);
		}
	free(q);
}

static void do_receive(struct sim *s, struct node *n)
{
	struct port *p = pick_port(s, n);
	struct side *side = p ? &p->at[n->index] : NULL;
	struct queued *q = p ? list_first(&side->queue, struct queued, link) : NULL;

	if (q == NULL)
		return;
	queue_free(s, n, q, true); /* its rights are in the node's hands now */
	side->queued--;
	if (side->slot != NULL)
		netipc_slot_freed(n->e, side->slot, s->now);
}

static void do_release(struct sim *s, struct node *n)
{
	bool once = below(s, 3) == 0;
	struct sim_proxy *p = pick_proxy(s, n, once);
	struct right r;

	if (p == NULL || p->arriving || free_rights(s, n, p, once ? ONCE : SEND) == 0)
		return;
	r = (struct right){ once ? ONCE : SEND, p->port, 0, p };
	if (once)
		once_destroy(s, n, p);
	right_drop(s, n, &r);
}

static void port_kill(struct sim *s, struct node *n, struct port *p)
{
	struct side *side = &p->at[n->index];

	p->dead = true;
	if (p == n->name_server) {
		n->name_server = NULL;
		netipc_set_name_server(n->e, NULL, NULL, s->now);
	}
	if (side->slot != NULL)
		netipc_export_destroyed(n->e, side->slot, s->now);
	while (!list_empty(&side->queue))
		queue_free(s, n, list_first(&side->queue, struct queued, link), false);
	side->queued = 0;
}

/* ---- upcalls ---- */

/* One that was abroad died. If its port has left since it is known there under another name, and dies again. */
static void once_lost(struct sim *s, struct node *n, struct port *p)
{
	if (p->at[n->index].slot != NULL || port_here(p, n)) {
		p->at[n->index].once_out--;
		return;
	}
	LIST_FOR_EACH_SAFE(l, next, &n->proxies) {
		struct sim_proxy *x = container_of(l, struct sim_proxy, link);

		if (x->port != p->index || x->dead || x->home_incarnation != p->epoch)
			continue;
		netipc_proxy_destroy_once(n->e, x->engine, s->now);
		x->onces--;
		proxy_maybe_gone(s, n, x);
		return;
	}
}

static void up_proxy_dead(struct sim *s, struct node *n, struct sim_proxy *p)
{
	struct port *port = &s->port[p->port];
	struct node *home = &s->node[port->home];

	p->dead = true;
	p->pinned++;
	held_flush(s, n, p);
	p->pinned--;
	if (!port->dead && is_member(home) && port_here(port, home) && port->epoch == p->home_incarnation &&
	    !s->o.cuts && !deadly(s))
		FAIL(s, "node %u: proxy of the living port %u died", n->index, p->port);
	proxy_maybe_gone(s, n, p);
}

/* All of the port is here: rights of the proxy are local ones, messages to it go into its queue. */
static void up_arrived(struct sim *s, struct node *n, struct sim_proxy *x)
{
	struct port *p = &s->port[x->port];
	uint32_t kinds = 0;

	while (!list_empty(&x->held)) {
		struct outgoing *g = list_first(&x->held, struct outgoing, held_link);
		struct body b = *(struct body *)g->bytes;
		struct queued *q = calloc(1, sizeof(*q));

		list_remove(&g->held_link);
		list_init(&q->link);
		q->rights = g->rights;
		memcpy(q->right, g->right, sizeof(q->right));
		g->settled = true;
		for (uint32_t i = 0; i < q->rights; i++) {
			struct right *r = &q->right[i];

			if (r->kind == RECEIVE) {
				s->port[r->port].in = p;
				continue;
			}
			if (r->proxy != NULL || r->kind == 0)
				continue;
			if (r->kind == ONCE && r->home_incarnation == s->port[r->port].epoch)
				s->port[r->port].at[n->index].once_out--;
			r->kind = 0;
		}
		s->fate[g->id] = F_ACCEPTED;
		delivered(s, n, p, &b);
		if (g->once)
			x->onces--, g->once = false;
		else
			x->sends--;
		outgoing_free(g);
		if (p->dead) {
			list_add_tail(&p->at[n->index].queue, &q->link);
			queue_free(s, n, q, false);
			continue;
		}
		list_add_tail(&p->at[n->index].queue, &q->link);
		p->at[n->index].queued++;
	}
	/* Rights of it in messages and queues here are local from now on. */
	LIST_FOR_EACH(l, &n->outgoing) {
		struct outgoing *g = container_of(l, struct outgoing, link);

		for (uint32_t i = 0; !g->settled && i < g->rights; i++) {
			struct right *r = &g->right[i];

			if (r->proxy != x)
				continue;
			r->proxy = NULL;
			kinds += r->kind == ONCE;
		}
	}
	for (uint32_t i = 0; i < s->ports; i++) {
		LIST_FOR_EACH(l, &s->port[i].at[n->index].queue) {
			struct queued *q = container_of(l, struct queued, link);

			for (uint32_t j = 0; j < q->rights; j++)
				if (q->right[j].proxy == x)
					q->right[j] = (struct right){ 0 };
		}
	}
	LIST_FOR_EACH(k, &n->proxies)
		LIST_FOR_EACH(l, &container_of(k, struct sim_proxy, link)->queue) {
			struct queued *q = container_of(l, struct queued, link);

			for (uint32_t j = 0; j < q->rights; j++)
				if (q->right[j].proxy == x)
					q->right[j] = (struct right){ 0 };
		}
	p->at[n->index].once_out -= (int64_t)x->onces - kinds;
	netipc_proxy_detach(n->e, x->engine, s->now);
	list_remove(&x->link);
	free(x);
}

static void up_no_senders(struct sim *s, struct node *n, struct port *p)
{
	if (p->dead || !port_here(p, n) || p == n->name_server) /* whose right is published: who asks for it now has it next */
		return;
	s->r.no_senders++;
	for (uint32_t i = 0; i < s->o.nodes; i++)
		if (i != p->home && truth_sends(s, p, i) > 0 && !s->o.cuts)
			FAIL(s, "no-senders for port %u, but node %u holds a right", p->index, i);
	if (p->told_no_senders && !s->o.moves) /* a right in a message may have to be given again, by a new home */
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
		if (port_here(&s->port[i], n)) {
			s->port[i].at[n->index].once_out = 0;
			s->port[i].epoch = ++s->next_epoch;
		}
}

static void movers(struct sim *s, struct node *n)
{
	for (struct list *l = n->proxies.next, *next; l != &n->proxies; l = next) {
		struct sim_proxy *x = container_of(l, struct sim_proxy, link);

		x->pinned++;
		held_flush(s, n, x);
		mover(s, n, x);
		next = l->next; /* not before: others may be gone now */
		x->pinned--;
		proxy_maybe_gone(s, n, x);
	}
}

static void upcalls(struct sim *s, struct node *n)
{
	struct netipc_upcall u;
	struct sim_proxy *x;
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
			x = ((struct outgoing *)u.cookie)->to;
			x->pinned++;
			up_sent(s, n, &u);
			x->pinned--;
			if (x->died && x->outstanding == 0)
				up_arrived(s, n, x);
			else
				proxy_maybe_gone(s, n, x);
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
			once_lost(s, n, p);
			s->r.once_lost++;
			break;
		case NETIPC_UP_ONCES_CAME:
			p = u.cookie;
			p->at[n->index].once_out += u.status;
			break;
		case NETIPC_UP_WANT_ROOM:
			p = u.cookie;
			if (!p->dead && p->at[n->index].slot != NULL && p->at[n->index].queued < p->limit)
				netipc_room(n->e, p->at[n->index].slot, s->now);
			break;
		case NETIPC_UP_PROXY_ROOM:
			s->r.rooms++;
			break;
		case NETIPC_UP_EXPORT_GONE:
			p = u.cookie;
			LIST_FOR_EACH(l, &n->proxies)
				if (container_of(l, struct sim_proxy, link)->port == p->index)
					container_of(l, struct sim_proxy, link)->gone_waits = false;
			if (p->at[n->index].references-- == 0)
				FAIL(s, "port %u: one EXPORT_GONE too many", p->index);
			break;
		case NETIPC_UP_PROXY_DEAD:
			x = u.cookie;
			x->died = x->arriving && x->outstanding > 0;
			if (x->arriving && !x->died)
				up_arrived(s, n, x);
			else if (!x->died)
				up_proxy_dead(s, n, u.cookie);
			break;
		case NETIPC_UP_PROXY_MOVED:
			s->r.rebound++;
			held_flush(s, n, u.cookie);
			break;
		case NETIPC_UP_ARRIVED:
			up_arrived(s, n, u.cookie);
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
			netipc_set_name_server(n->e, n->name_server, &n->name_server->at[0].slot, s->now);
			n->name_server->at[0].references++;
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

		while (!list_empty(&p->queue)) {
			struct queued *q = list_first(&p->queue, struct queued, link);

			list_remove(&q->link);
			free(q);
		}
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

		while (!list_empty(&p->at[n->index].queue)) {
			struct queued *q = list_first(&p->at[n->index].queue, struct queued, link);

			list_remove(&q->link);
			free(q);
		}
		p->at[n->index].slot = NULL;
		p->at[n->index].references = p->at[n->index].queued = 0;
		p->at[n->index].once_out = 0;
		if (port_here(p, n))
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
		p = proxy_new(n, in.proxy, ns->index, ns->epoch);
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
			if (s->o.moves)
				movers(s, n);
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
			if (g->held)
				return;
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
	LIST_FOR_EACH(l, &p->at[p->home].slot->holders) {
		const struct holder *h = container_of(l, struct holder, link);
		struct node *n = &s->node[h->peer->addr - FIRST_ADDR];
		struct nw_uid uid;
		struct netipc_proxy *x;

		export_uid(s->node[p->home].e, p->at[p->home].slot, &uid);
		x = n->up ? proxy_find(n->e, &uid) : NULL;
		fprintf(stderr, "port %u home %u holder %u: granted %llu release_at %llu; there: ", p->index,
			p->home, n->index, (unsigned long long)h->granted,
			(unsigned long long)h->release_at);
		if (x != NULL && x->cookie != NULL)
			fprintf(stderr, "sends %u onces %u dead %d arriving %d outstanding %u moving %d waits %d pinned %u epoch %llu/%llu sends %d; ",
				((struct sim_proxy *)x->cookie)->sends, ((struct sim_proxy *)x->cookie)->onces,
				((struct sim_proxy *)x->cookie)->dead, ((struct sim_proxy *)x->cookie)->arriving,
				((struct sim_proxy *)x->cookie)->outstanding, ((struct sim_proxy *)x->cookie)->moving,
				((struct sim_proxy *)x->cookie)->gone_waits, ((struct sim_proxy *)x->cookie)->pinned,
				(unsigned long long)((struct sim_proxy *)x->cookie)->home_incarnation, (unsigned long long)p->epoch, x->sends);
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
			    s->port[p->port].at[s->port[p->port].home].queued < s->port[p->port].limit)
				FAIL(s, "node %u asked for room at port %u, and was never told", i, p->port);
		}
}

static void check_port(struct sim *s, struct port *p)
{
	struct node *home = &s->node[p->home];
	uint32_t holders = 0, onces;

	if (p->dead || !home->up || !port_here(p, home))
		return;
	for (uint32_t i = 0; getenv("SIM_DUMP") && i < s->o.nodes; i++)
		for (struct list *l = s->node[i].proxies.next; s->node[i].up && l != &s->node[i].proxies; l = l->next) {
			const struct sim_proxy *x = container_of(l, struct sim_proxy, link);

			if (x->port == p->index)
				fprintf(stderr, "port %u home %u: proxy at node %u uid %x/%llu moves %u home %x sends %u onces %u live %d received %llu\n", p->index, p->home, i,
					x->engine->uid.node, (unsigned long long)x->engine->uid.serial, x->engine->uid.moves, x->engine->home ? x->engine->home->addr : 0,
					x->sends, x->onces, x->engine->live, (unsigned long long)x->engine->received);
		}
	if (getenv("SIM_DUMP") && p->at[p->home].slot != NULL) {
		dump_holders(s, p);
		LIST_FOR_EACH(l, &p->at[p->home].slot->onces) {
			const struct once *o = container_of(l, struct once, link);

			fprintf(stderr, "port %u home %u uid %x/%llu: once %llx at %x hop %u accepted %d\n", p->index, p->home, o->x->uid.node,
				(unsigned long long)o->x->uid.serial, (unsigned long long)o->id, o->peer->addr, o->hop, o->accepted);
		}
	}
	for (uint32_t i = 0; i < s->o.nodes; i++)
		holders += i != p->home && truth_sends(s, p, i) > 0;
	if ((holders > 0) != (p->at[p->home].slot != NULL && netipc_export_has_senders(p->at[p->home].slot)))
		FAIL(s, "port %u at node %u: %u nodes hold send rights, its home says %s", p->index, p->home,
		     holders, holders ? "none" : "some");
	if (holders == 0 && !p->told_no_senders && p != home->name_server)
		FAIL(s, "port %u: no-senders never came", p->index);
	onces = truth_onces(s, p);
	if (!s->o.cuts && p->at[p->home].once_out != (int64_t)onces)
		FAIL(s, "port %u: %u send-once rights exist, %lld are accounted for", p->index, onces,
		     (long long)p->at[p->home].once_out);
}

/* For a human: the transits that are left over, and what their receivers think of the port. */
static void dump_transits(struct sim *s, struct node *n)
{
	LIST_FOR_EACH(l, &n->e->peers) {
		struct peer *peer = container_of(l, struct peer, link);
		struct node *there = &s->node[peer->addr - FIRST_ADDR];

		LIST_FOR_EACH(k, &peer->transits) {
			const struct transit *t = container_of(k, struct transit, link);
			const struct netipc_proxy *p = t->proxy;
			struct netipc_proxy *x = there->up ? proxy_find(there->e, &p->uid) : NULL;

			fprintf(stderr, "node %u to %u: transit %llu of %x/%llu move %d told %d moves %u; here: mover %d tells %u moves %u dead %d; ",
				n->index, there->index, (unsigned long long)t->id, p->uid.node, (unsigned long long)p->uid.serial,
				t->move, t->told, t->moves, p->mover, p->tells, p->uid.moves, p->dead);
			if (x == NULL) {
				fprintf(stderr, "there: no proxy\n");
				continue;
			}
			fprintf(stderr, "there: cookie %d home %x here %d arriving %d moves %u registers %llu/%llu messages %u/%u transits %u/%u live %d mover %d pins %u\n",
				x->cookie != NULL, x->home ? x->home->addr : 0, x->here, x->arriving != NULL, x->uid.moves,
				(unsigned long long)x->registered, (unsigned long long)x->registers, x->messages_old, x->messages,
				x->transits_old, x->transits, x->live, x->mover, x->pins);
			LIST_FOR_EACH(m, &x->pendings) {
				const struct pending *w = container_of(m, struct pending, link);

				fprintf(stderr, "  pending: transit %llu tag %llu once %llx move %d giver %x\n", (unsigned long long)w->transit,
					(unsigned long long)w->tag, (unsigned long long)w->once_id, w->move, w->giver->addr);
			}
		}
	}
}

/* Every node lets go of everything; then the engines must be empty. */
static void check_empty(struct sim *s)
{
	for (uint32_t i = 0; i < s->o.nodes && !s->error; i++) {
		struct node *n = &s->node[i];

		if (!n->up)
			continue;
		for (uint32_t j = 0; j < s->ports; j++)
			while (!list_empty(&s->port[j].at[i].queue)) {
				queue_free(s, n, list_first(&s->port[j].at[i].queue, struct queued, link), false);
				s->port[j].at[i].queued--;
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
		if (t.transits != 0)
			dump_transits(s, &s->node[i]);
		for (uint32_t j = 0; t.onces != 0 && j <= s->node[i].e->hash_mask; j++)
			for (struct once *o = s->node[i].e->once_hash[j]; o != NULL; o = o->hash_next)
				fprintf(stderr, "node %u once %llx of %x/%llu moves %u at %x hop %u accepted %d self %d\n", i, (unsigned long long)o->id,
					o->x->uid.node, (unsigned long long)o->x->uid.serial, o->x->uid.moves, o->peer->addr, o->hop, o->accepted, o->self);
		for (uint32_t j = 0; t.exports != 0 && j <= s->node[i].e->hash_mask; j++)
			for (struct netipc_export *x = s->node[i].e->export_hash[j]; x != NULL; x = x->hash_next)
				fprintf(stderr, "node %u export %x/%llu moves %u: named %u leaving %u arriving %d deliveries %u idle %d\n", i, x->uid.node,
					(unsigned long long)x->uid.serial, x->uid.moves, x->named, x->leaving, x->arriving != NULL, x->deliveries, x->idle);
		for (uint32_t j = 0; t.proxies != 0 && j <= s->node[i].e->hash_mask; j++)
			for (struct netipc_proxy *x = s->node[i].e->proxy_hash[j]; x != NULL; x = x->hash_next)
				fprintf(stderr, "node %u proxy %x/%llu: cookie %d home %x here %d arriving %d moves %u received %llu registers %llu/%llu unregistering %d "
					"stale %llu pins %u named %u onces %d pendings %d mover %d dead %d live %d\n", i, x->uid.node, (unsigned long long)x->uid.serial,
					x->cookie != NULL, x->home ? x->home->addr : 0, x->here, x->arriving != NULL, x->uid.moves,
					(unsigned long long)x->received, (unsigned long long)x->registered, (unsigned long long)x->registers, x->unregistering,
					(unsigned long long)x->stale_at, x->pins, x->named, !list_empty(&x->onces), !list_empty(&x->pendings), x->mover, x->dead, x->live);
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
		for (uint32_t j = 0; j < s->o.nodes; j++)
			if (s->node[j].up && s->port[i].at[j].references != 0)
				FAIL(s, "port %u: %u references of dropped exports at node %u", i, s->port[i].at[j].references, j);
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
	for (uint32_t i = 0; getenv("SIM_DUMP") && i < s->o.nodes; i++)
		if (s->node[i].up)
			dump_transits(s, &s->node[i]);
	for (uint32_t i = 0; getenv("SIM_DUMP") && i < s->o.nodes; i++)
		for (struct list *l = s->node[i].outgoing.next; s->node[i].up && l != &s->node[i].outgoing; l = l->next) {
			const struct outgoing *g = container_of(l, struct outgoing, link);
			const struct netipc_proxy *x = g->to->engine;

			fprintf(stderr, "node %u message %llu to port %u: held %d moved %d settled %d state %d; proxy: outstanding %u home %x here %d arriving %d fenced %d "
				"old %u of %u mover %d waits %d; port home %u\n", i, (unsigned long long)g->id, g->to->port, g->held, g->moved, g->settled,
				g->held ? -1 : (int)g->m->state, g->to->outstanding, x->home ? x->home->addr : 0, x->here, x->arriving != NULL,
				x->fenced, x->messages_old, x->messages, x->mover, x->waits, s->port[g->to->port].home);
		}
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
				struct side *side = &p->at[i];
				struct queued *q = list_first(&side->queue, struct queued, link);

				if (!port_here(p, n) || q == NULL || side->queued < p->limit)
					continue;
				queue_free(s, n, q, true);
				side->queued--;
				if (side->slot != NULL)
					netipc_slot_freed(n->e, side->slot, s->now);
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
	s->ids = o->steps * (o->moves ? 8 : 1) + 1024; /* queues that move have messages of their own */
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

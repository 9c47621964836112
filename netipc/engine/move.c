/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * move.c - a receive right moves: its port gets another home (design N5; docs/wire.md, Moves).
 *
 * At the old home, when the message with the right has been accepted:
 *   QUEUE -> END -> ENDED -> TELLS -> NONE      (netipc_proxy.mover: what was an export is a proxy now)
 *   QUEUE  the send-once rights' whereabouts (ONCE_HERE) and the queue (MESSAGEs with NW_MSG_MOVED) go to the new
 *          home; everything from others is answered MOVED_AWAY
 *   END    all of that is accepted: MOVE; ENDED: until MOVE_DONE
 *   TELLS  MOVED to whoever held a right, as a right given to it that is in transit until TRANSIT_DONE
 * At the new home: the proxy is ARRIVING from netipc_arrive() to MOVE (or the old home's death), then HERE.
 * At a holder: MOVED_AWAY fences the proxy, MOVED gives it its new home; TRANSIT_DONE to the old one when it is
 *   registered at the new one and nothing is under way any more that names the old one.
 *
 * Invariants:
 *  V1 the old home answers for the port (move_stub) until nothing can come to it any more: each holder, old or late,
 *     has a transit of the stub's until it has said TRANSIT_DONE, or is dead and flushed.
 *  V2 only the home itself is believed that a port moves.
 */
#include "engine/engine.h"

bool netipc_proxy_ready(const struct netipc_proxy *p)
{
	return p->dead || !(p->here || p->arriving != NULL || p->fenced || p->messages_old > 0 ||
			    p->mover == MOVER_QUEUE);
}

static void ready_check(struct netipc *e, struct netipc_proxy *p)
{
	if (p->here && p->messages == 0 && p->cookie != NULL) {
		p->waits = false;
		upcall_add(e, &p->arrived_up, NETIPC_UP_ARRIVED);
	}
	if (!p->waits || p->cookie == NULL || !netipc_proxy_ready(p))
		return;
	p->waits = false;
	upcall_add(e, &p->moved_up, NETIPC_UP_PROXY_MOVED);
}

/* ---- the old home ---- */

/* The port of that uid was here, and others may think that it is. */
struct netipc_proxy *move_stub(struct netipc *e, const struct nw_uid *uid)
{
	struct netipc_proxy *p = proxy_find(e, uid);

	return p != NULL && !p->dead && p->mover != MOVER_NONE ? p : NULL;
}

static struct transit *telling(struct netipc_proxy *p, struct peer *peer)
{
	LIST_FOR_EACH(l, &peer->transits) {
		struct transit *t = container_of(l, struct transit, link);

		if (t->proxy == p && t->move && t->moves == p->uid.moves)
			return t; /* else of an earlier move from here */
	}
	return NULL;
}

/* peer must hear where the port is. False: it cannot be told (no memory): to it, the port is dead. */
bool move_stub_tell(struct netipc *e, struct netipc_proxy *p, struct peer *peer)
{
	struct transit *t = telling(p, peer);

	if (t != NULL)
		return true;
	if (pool_left(&e->transit_pool) == 0)
		return false;
	p->pins++;
	t = transit_make(e, peer, p, NULL);
	t->move = true;
	p->tells++;
	move_pump(e, p);
	return true;
}

static bool moved_send(struct netipc *e, struct netipc_proxy *p, struct transit *t)
{
	struct record *r = stream_room_own(e) ? stream_control(e, t->peer, NW_MOVED, sizeof(struct nw_moved)) : NULL;
	struct nw_moved *m;

	if (r == NULL)
		return false;
	m = (struct nw_moved *)r->data;
	m->uid = p->uid;
	m->transit = t->id;
	m->check = p->check;
	m->home_node = p->home ? p->home->addr : e->c.self;
	m->home_incarnation = p->home ? p->home->incarnation : e->incarnation;
	t->told = true;
	return true;
}

static void tell_holders(struct netipc *e, struct netipc_proxy *p)
{
	LIST_FOR_EACH(l, &e->peers) {
		struct peer *peer = container_of(l, struct peer, link);

		LIST_FOR_EACH(k, &peer->transits) {
			struct transit *t = container_of(k, struct transit, link);

			if (t->proxy != p || !t->move || t->told)
				continue;
			if (!moved_send(e, p, t)) {
				proxy_defer(e, p);
				return;
			}
		}
	}
}

static bool once_tell(struct netipc *e, struct netipc_proxy *p, struct once *o)
{
	struct record *r = stream_room_own(e) ? stream_control(e, p->home, NW_ONCE_HERE, sizeof(struct nw_once)) : NULL;
	struct nw_once *w;

	if (r == NULL)
		return false;
	w = (struct nw_once *)r->data;
	w->uid = p->uid;
	w->once_id = o->id;
	w->check = o->check;
	w->hop = o->hop;
	w->coming = (!o->accepted || o->coming) && !o->self;
	w->giver = o->coming ? o->told_addr : e->c.self;
	w->giver_incarnation = o->coming ? o->told_incarnation : e->incarnation;
	if (o->self) {
		w->node = e->c.self;
		w->incarnation = e->incarnation;
	} else if (o->peer != NULL) {
		w->node = o->peer->addr;
		w->incarnation = o->peer->incarnation;
	}
	return true;
}

static void out_once_free(struct netipc *e, struct once *o)
{
	list_remove(&o->link);
	list_remove(&o->peer_link);
	pool_put(&e->once_pool, o);
}

static void mover_end(struct netipc *e, struct netipc_proxy *p)
{
	p->mover = MOVER_NONE;
	(void)e;
	p->pins--; /* the caller settles */
}

/* What the old home has to say, as far as there are records. */
void move_pump(struct netipc *e, struct netipc_proxy *p)
{
	if (p->dead || p->mover == MOVER_NONE)
		return;
	while (!list_empty(&p->out_onces)) {
		struct once *o = list_first(&p->out_onces, struct once, link);

		if (!once_tell(e, p, o)) {
			proxy_defer(e, p);
			return;
		}
		out_once_free(e, o);
	}
	if (p->mover == MOVER_END) {
		if (!stream_room_own(e) || !stream_ref(e, p->home, NW_MOVE, &p->uid, p->check, 0, 0, NW_OK, 0)) {
			proxy_defer(e, p);
			return;
		}
		p->mover = MOVER_ENDED;
	}
	if (p->mover == MOVER_TELLS) {
		tell_holders(e, p);
		if (p->tells == 0)
			mover_end(e, p);
	}
}

void move_transit_ended(struct netipc *e, struct netipc_proxy *p)
{
	p->tells--;
	if (p->tells == 0 && p->mover == MOVER_TELLS)
		mover_end(e, p);
}

/* The new home, or the port there, is dead: who has not been told of the move is told of that. */
void move_proxy_died(struct netipc *e, struct netipc_proxy *p)
{
	while (!list_empty(&p->out_onces))
		out_once_free(e, list_first(&p->out_onces, struct once, link));
	if (p->mover == MOVER_NONE)
		return;
	LIST_FOR_EACH(l, &e->peers) {
		struct peer *peer = container_of(l, struct peer, link);

		LIST_FOR_EACH_SAFE(k, next, &peer->transits) {
			struct transit *t = container_of(k, struct transit, link);

			if (t->proxy != p || !t->move || t->told)
				continue;
			(void)stream_ref(e, peer, NW_PORT_DEAD, &p->uid, 0, 0, 0, NW_DEAD, 0);
			t->told = true;
			transit_end(e, t);
		}
	}
	p->mover = MOVER_TELLS;
	if (p->tells == 0)
		mover_end(e, p);
}

static void holders_leave(struct netipc *e, struct netipc_export *x, struct netipc_proxy *p)
{
	while (!list_empty(&x->holders)) {
		struct holder *h = list_first(&x->holders, struct holder, link);
		struct peer *peer = h->peer;

		list_remove(&h->link);
		list_remove(&h->peer_link);
		pool_put(&e->holder_pool, h);
		if (!move_stub_tell(e, p, peer) && !peer_gone(peer))
			(void)stream_ref(e, peer, NW_PORT_DEAD, &p->uid, 0, 0, 0, NW_DEAD, 0);
	}
	x->rooms_wanted = 0;
}

/* The new home is told where each is; this node's own ones get names. */
static uint32_t onces_leave(struct netipc *e, struct netipc_export *x, struct netipc_proxy *p, uint32_t local)
{
	uint32_t abroad = 0;

	while (!list_empty(&x->onces)) {
		struct once *o = list_first(&x->onces, struct once, link);

		local -= local > 0;
		abroad += o->accepted;
		once_unhash(e, o);
		o->x = NULL;
		list_remove(&o->link);
		list_add_tail(&p->out_onces, &o->link);
		(void)move_stub_tell(e, p, o->peer);
	}
	for (; local > 0 && pool_left(&e->once_pool) > 0 && pool_left(&e->once_ref_pool) > 0; local--) {
		struct once *o = pool_get(&e->once_pool);
		struct nw_right r = { .once_id = e->next_once++ };

		*o = (struct once){ .id = r.once_id, .self = true };
		o->check = r.check = export_check(e, &x->uid, o->id);
		list_init(&o->peer_link);
		list_init(&o->link);
		list_add_tail(&p->out_onces, &o->link);
		(void)proxy_add_once(e, p, &r);
	}
	return abroad;
}

static void set_home(struct netipc_proxy *p, struct peer *home, uint32_t moves)
{
	list_remove(&p->link);
	p->home = home;
	list_add_tail(&home->proxies, &p->link);
	p->here = p->fenced = false;
	p->uid.moves = moves;
	p->received = p->registers = p->registered = p->stale_at = 0;
	p->live = p->unregistering = false;
	p->messages_old = p->messages;
	p->transits_old = p->transits;
}

struct netipc_proxy *netipc_move(struct netipc *e, struct netipc_moving *move, uint64_t now_ns)
{
	struct netipc_export *x = *move->slot;
	struct peer *home = peer_want(e, x->leaving_to, x->leaving_incarnation);
	struct netipc_proxy *p;

	e->now = now_ns;
	x->leaving = 0;
	move->abroad = 0;
	p = home != NULL && !x->dead && !x->leaving_dead ? proxy_get(e, &x->uid, home) : NULL;
	if (p == NULL || p->dead)
		return NULL;
	e->stats.moved_out++;
	if (x == e->own_name_server)
		e->own_name_server = NULL;
	x->name_server = false;
	set_home(p, home, x->uid.moves + 1);
	p->check = x->check;
	p->received = 1; /* as the one that moved it there */
	p->live = p->sends = true;
	p->pins += p->mover == MOVER_NONE; /* else of the last time that it went from here */
	p->mover = MOVER_QUEUE;
	proxy_offer(p);
	holders_leave(e, x, p);
	(void)move_stub_tell(e, p, home);
	move->abroad = onces_leave(e, x, p, move->local_onces);
	export_refuse_waiting(e, x, NW_MOVED_AWAY); /* they wait for MOVED from now on */
	export_unhash(e, x);
	x->dead = x->moved = true;
	*x->slot = NULL;
	x->slot = NULL;
	upcall_cancel(&x->no_senders);
	upcall_cancel(&x->want_room);
	if (x->idle)
		list_remove(&x->link);
	x->idle = false;
	export_try_drop(e, x);
	move_pump(e, p);
	engine_flush(e);
	return p;
}

void netipc_move_end(struct netipc *e, struct netipc_proxy *p, uint64_t now_ns)
{
	e->now = now_ns;
	if (!p->dead && p->mover == MOVER_QUEUE) {
		p->mover = MOVER_END;
		move_pump(e, p);
		ready_check(e, p);
	}
	engine_flush(e);
}

/* A send-once right was destroyed, and its holder told the home that was: the one that is knows it from here. */
void move_once_destroyed(struct netipc *e, struct netipc_proxy *stub, const struct nw_ref *ref)
{
	LIST_FOR_EACH(l, &stub->out_onces) {
		struct once *o = container_of(l, struct once, link);

		if (o->id != ref->once_id || o->self)
			continue;
		list_remove(&o->peer_link);
		o->peer = NULL;
		return;
	}
	(void)stream_ref(e, stub->home, NW_ONCE_DESTROY, &stub->uid, ref->check, ref->once_id, 0, NW_OK, ref->hop);
}

/* ---- the new home ---- */

/* One more of its send-once rights is counted here. */
void move_once_came(struct netipc *e, struct netipc_export *x)
{
	x->came++;
	upcall_add(e, &x->onces_came, NETIPC_UP_ONCES_CAME);
}

void netipc_arrive(struct netipc *e, struct netipc_proxy *p, void *port, struct netipc_export **slot)
{
	struct netipc_export *x = p->dead ? NULL : export_get(e, port, slot);

	if (x == NULL)
		return; /* its node died just now: all of it that will come is here */

	export_unhash(e, x);
	x->uid = p->uid;
	x->check = p->check;
	export_hash_in(e, x);
	x->arriving = p;
	p->arriving = x;
	e->stats.moved_in++;
	(void)holder_grant(e, x, p->home); /* netipc_move() counted it */
	/* It is registered where it is home. */
	LIST_FOR_EACH_SAFE(l, next, &p->pendings) {
		struct pending *w = container_of(l, struct pending, link);

		if (w->move)
			continue;
		transit_done_send(e, w->giver, w->transit);
		pending_free(e, w);
	}
	p->live = p->unregistering = p->sends = false;
	p->received = p->registers = p->registered = p->stale_at = 0;
	if (p->room != ROOM_NOT_WANTED)
		room_told(e, p);
}

/* Of two (one that went to a third node and came back while it is in transit here yet) the later, which went further. */
static struct once_ref *ref_find(struct netipc_proxy *p, uint64_t id)
{
	struct once_ref *found = NULL;

	LIST_FOR_EACH(l, &p->onces) {
		struct once_ref *o = container_of(l, struct once_ref, link);

		if (o->id == id && (found == NULL || o->hop > found->hop))
			found = o;
	}
	return found;
}

static struct transit *transit_of(struct netipc *e, struct once_ref *ref)
{
	struct list *lists[] = { &e->peers, &e->dying };

	for (unsigned i = 0; i < 2; i++)
		LIST_FOR_EACH(l, lists[i])
			LIST_FOR_EACH(k, &container_of(l, struct peer, link)->transits) {
				struct transit *t = container_of(k, struct transit, link);

				if (t->once == ref)
					return t;
			}
	return NULL;
}

/* This node had it itself: it is local now, unless it is under way from here. */
static void once_in_own(struct netipc *e, struct netipc_export *x, struct peer *from, const struct nw_once *r)
{
	struct once_ref *ref = ref_find(x->arriving, r->once_id);
	struct transit *t = ref != NULL && ref->state == ONCE_MOVING ? transit_of(e, ref) : NULL;
	struct peer *peer;
	struct once *o;

	if (ref != NULL && ref->state == ONCE_HELD) {
		once_ref_free(e, ref);
		return;
	}
	if ((ref == NULL && !r->coming) || (ref != NULL && ref->state == ONCE_USED) ||
	    (ref != NULL && ref->state == ONCE_MOVING && t == NULL))
		return;
	peer = ref == NULL && r->giver != from->addr ? peer_find(e, r->giver) : from;
	if (peer == NULL || (peer != from && peer->incarnation != r->giver_incarnation))
		peer = NULL; /* the giver is dead */
	o = once_add(e, x, t ? t->peer : peer ? peer : from, r->once_id);
	o->check = r->check;
	o->hop = r->hop;
	o->accepted = true;
	o->told_addr = from->addr;
	o->told_incarnation = from->incarnation;
	if (ref == NULL) {
		move_once_came(e, x);
		if (peer == NULL)
			once_end(e, o, true);
	} else if (ref->state == ONCE_DOOMED) {
		once_ref_free(e, ref);
		x->arriving->doomed--;
		move_once_came(e, x);
		once_end(e, o, true);
	} else if (ref->state == ONCE_MOVING && t->accepted) {
		move_once_came(e, x);
		if (r->node == 0)
			once_end(e, o, true);
	} else {
		o->accepted = false; /* its message has it yet */
	}
}

void move_once_in(struct netipc *e, struct peer *from, const struct nw_once *r)
{
	struct netipc_export *x = export_find(e, &r->uid);
	struct peer *peer;
	struct once *o;

	if (x == NULL || x->arriving == NULL || x->arriving->home != from || r->once_id == 0 ||
	    once_find(e, x, r->once_id) != NULL || pool_left(&e->once_pool) == 0)
		return;
	if ((r->node == e->c.self && r->incarnation == e->incarnation) || ref_find(x->arriving, r->once_id) != NULL) {
		once_in_own(e, x, from, r);
		return;
	}
	peer = r->node != 0 ? peer_want(e, r->node, r->incarnation) : NULL;
	if (peer_gone(from))
		return;
	o = once_add(e, x, peer ? peer : from, r->once_id);
	o->check = r->check;
	o->hop = r->hop;
	o->accepted = true;
	o->coming = r->coming != 0;
	o->told_addr = o->coming ? r->giver : from->addr;
	o->told_incarnation = o->coming ? r->giver_incarnation : from->incarnation;
	move_once_came(e, x);
	if (peer == NULL)
		once_end(e, o, true);
}

/* All of it is here. */
static void arrival_end(struct netipc *e, struct netipc_proxy *p)
{
	struct netipc_export *x = p->arriving;

	LIST_FOR_EACH_SAFE(l, next, &p->onces) {
		struct once_ref *o = container_of(l, struct once_ref, link);

		if (o->state == ONCE_HELD) /* local ones are not told apart */
			once_ref_free(e, o);
	}
	x->arriving = NULL;
	p->arriving = NULL;
	p->here = true;
	p->fenced = false;
	list_remove(&p->link);
	p->home = NULL;
	export_try_drop(e, x);
	if (e->room_wanted) {
		e->room_wanted = false;
		upcall_add(e, &e->room_up, NETIPC_UP_ROOM);
	}
	ready_check(e, p);
	move_settle(e, p);
}

/* The old home died: what it had not sent is lost. */
void move_arrival_lost(struct netipc *e, struct netipc_proxy *p)
{
	arrival_end(e, p);
	proxy_settle(e, p);
}

/* The port died while it came. */
void move_export_died(struct netipc *e, struct netipc_export *x)
{
	struct netipc_proxy *p = x->arriving;

	if (p == NULL)
		return;
	x->arriving = NULL;
	p->arriving = NULL;
	proxy_die(e, p);
}

/* ---- records between the two ---- */

void move_ref_in(struct netipc *e, struct peer *from, uint8_t type, const struct nw_ref *ref)
{
	struct netipc_export *x = export_find(e, &ref->uid);
	struct netipc_proxy *p = proxy_find(e, &ref->uid);

	if (type == NW_MOVE) {
		(void)stream_ref(e, from, NW_MOVE_DONE, &ref->uid, 0, 0, 0, x ? NW_OK : NW_DEAD, 0);
		if (x != NULL && x->arriving != NULL && x->arriving->home == from) {
			p = x->arriving;
			arrival_end(e, p);
			proxy_settle(e, p);
		}
		return;
	}
	if (p == NULL || p->dead || p->home != from || p->mover != MOVER_ENDED)
		return;
	p->mover = MOVER_TELLS;
	move_pump(e, p);
	proxy_settle(e, p);
}

/* ---- a holder ---- */

/* Does the old home need to know us no more? */
void move_settle(struct netipc *e, struct netipc_proxy *p)
{
	if (p->messages_old > 0 || p->transits_old > 0 || p->arriving != NULL ||
	    (!p->here && p->registers != p->registered))
		return;
	LIST_FOR_EACH_SAFE(l, next, &p->pendings) {
		struct pending *w = container_of(l, struct pending, link);

		if (!w->move)
			continue;
		transit_done_send(e, w->giver, w->transit);
		pending_free(e, w);
	}
}

void move_message_settled(struct netipc *e, struct netipc_message *m)
{
	struct netipc_proxy *p = m->to;

	p->messages--;
	if (m->moves != p->uid.moves && p->messages_old > 0)
		p->messages_old--;
	ready_check(e, p);
	move_settle(e, p);
}

/* This node has it, and the home thinks that another does. */
void move_once_claim(struct netipc *e, struct netipc_proxy *p, struct once_ref *o)
{
	if (p->dead || p->home == NULL)
		return;
	o->hop++;
	(void)stream_ref(e, p->home, NW_ONCE_REGISTER, &p->uid, o->check, o->id, 0, NW_OK, o->hop);
}

/* The port's home is another node now: be on its list before the old one forgets. */
void move_rebind(struct netipc *e, struct netipc_proxy *p, struct peer *home, uint32_t moves)
{
	bool wanted = (p->cookie != NULL && p->sends) || p->pins > 0;

	set_home(p, home, moves);
	e->stats.rebound++;
	if (wanted)
		proxy_register(e, p);
	LIST_FOR_EACH_SAFE(l, next, &p->pendings) {
		struct pending *w = container_of(l, struct pending, link);
		struct once_ref *o = w->once_id != 0 ? ref_find(p, w->once_id) : NULL;

		if (w->once_id != 0 && o == NULL) { /* it is gone, which the old home was told, and passes on */
			transit_done_send(e, w->giver, w->transit);
			pending_free(e, w);
			continue;
		}
		if (o != NULL)
			(void)stream_ref(e, home, NW_ONCE_REGISTER, &p->uid, o->check, o->id, 0, NW_OK, o->hop);
		if (!w->move)
			w->tag = w->once_id == 0 ? p->registers : 0;
	}
	if (p->registers == p->registered)
		pending_done(e, p, p->registered, 0);
	if (p->room == ROOM_ASKED)
		room_told(e, p);
	ready_check(e, p);
}

void move_moved_in(struct netipc *e, struct peer *from, const struct nw_moved *r)
{
	struct netipc_proxy *p = proxy_find(e, &r->uid);
	struct peer *home;

	if (p == NULL || p->dead) {
		transit_done_send(e, from, r->transit);
		return;
	}
	if (r->transit != 0) {
		if (pool_left(&e->pending_pool) == 0)
			return; /* the old home goes on answering for it */
		pending_add(e, p, from, r->transit, 0, 0);
		list_last(&p->pendings, struct pending, link)->move = true;
	}
	if (p->home == from && p->arriving == NULL) {
		home = r->home_node == from->addr ? from : peer_want(e, r->home_node, r->home_incarnation);
		if (peer_gone(from) || p->dead)
			return;
		if (home == NULL) { /* dead, or this node, which knows better */
			proxy_die(e, p);
			return;
		}
		if (r->uid.moves > p->uid.moves) { /* home may be from again */
			p->check = r->check;
			move_rebind(e, p, home, r->uid.moves);
		}
	}
	move_settle(e, p);
	proxy_settle(e, p);
}

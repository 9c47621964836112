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
 *  V2 only the home itself is believed that a port moves; and until MOVE_DONE only it and the new home know.
 *  V3 each time that a send-once right is passed on its hop grows, and of two that tell where it is the higher is right.
 *     A right in a message that is not accepted is the giver's (its transit, given if it was the home). Who has one when
 *     the port moves tells the new home so.
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

static struct transit *transit_of(struct netipc *e, const struct once_ref *ref)
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

/* ---- the old home ---- */

/* The port of that uid was here, and others may think that it is. */
struct netipc_proxy *move_stub(struct netipc *e, const struct nw_uid *uid)
{
	struct netipc_proxy *p = proxy_find(e, uid);

	return p != NULL && !p->dead && p->home != NULL && p->mover != MOVER_NONE ? p : NULL;
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

/* peer is being told of a move of that port from here: what it still says to the home that was is void. */
bool move_is_telling(struct netipc *e, const struct nw_uid *uid, const struct peer *peer)
{
	const struct netipc_proxy *p = proxy_find(e, uid);

	LIST_FOR_EACH(l, &peer->transits) {
		const struct transit *t = container_of(l, struct transit, link);

		if (p != NULL && t->proxy == p && t->move)
			return true;
	}
	return false;
}

/* Its rights are given as if this were its home: nobody is to know the new one before all of the port is there (V2). */
bool move_names_self(const struct netipc_proxy *p, const struct peer *to)
{
	return p->home != to && (p->mover == MOVER_QUEUE || p->mover == MOVER_END || p->mover == MOVER_ENDED);
}

/* p's port is here (again), and its export stays until all have been told. */
static void came_back(struct netipc *e, struct netipc_proxy *p)
{
	struct netipc_export *x = export_find(e, &p->uid);

	if (x != NULL)
		x->telling = true;
}

/*
 * peer must hear where the port is: at once, or when all of it is there (or here again). False: it cannot be told (no
 * memory): to it, the port is dead.
 */
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
	if (p->mover == MOVER_NONE) {
		p->mover = MOVER_TELLS;
		p->pins++;
		came_back(e, p);
	}
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
	t->named = p->home;
	t->named_moves = p->uid.moves;
	return true;
}

static void tell_holders(struct netipc *e, struct netipc_proxy *p)
{
	if (p->arriving != NULL) /* arrival_end() */
		return;
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
	struct netipc_export *x = export_find(e, &p->uid);

	p->mover = MOVER_NONE;
	p->pins--; /* the caller settles */
	if (x == NULL)
		return;
	x->telling = false;
	export_try_drop(e, x);
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
	if (p->arriving == NULL && p->tells == 0 && p->mover == MOVER_TELLS)
		mover_end(e, p);
}

static struct transit *untold_of(const struct netipc_proxy *p, const struct peer *peer)
{
	LIST_FOR_EACH(l, &peer->transits) {
		struct transit *t = container_of(l, struct transit, link);

		if (t->proxy == p && t->move && !t->told)
			return t;
	}
	return NULL;
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

		for (struct transit *t; (t = untold_of(p, peer)) != NULL;) {
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

/*
 * A right that is in a message to o's peer yet, or whose holder is dead, is this node's until that is over: the new home
 * is told so, and hears otherwise from who has it.
 */
static void once_stays(struct netipc *e, struct netipc_proxy *p, struct once *o)
{
	struct once_ref *ref = ref_find(p, o->id);
	struct nw_right r = { .once_id = o->id, .check = o->check, .hop = o->hop - !o->accepted };
	struct transit *t;

	if (!o->accepted && o->hop > (ref != NULL ? ref->hop + 1 : 1))
		return; /* the message has come, though this node does not know it, and the right went on */
	if (ref == NULL) {
		if (pool_left(&e->transit_pool) == 0 || pool_left(&e->once_ref_pool) == 0)
			return;
		ref = proxy_add_once(e, p, &r);
		ref->state = ONCE_MOVING;
		p->pins++;
		t = transit_make(e, o->peer, p, ref);
		t->given = true;
		t->accepted = o->accepted;
	}
	o->hop = ref->hop;
	o->self = true;
	list_remove(&o->peer_link);
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
		once_claimed(o);
		o->x = NULL;
		list_remove(&o->link);
		(void)move_stub_tell(e, p, o->peer);
		if (!o->accepted || peer_gone(o->peer))
			once_stays(e, p, o);
		list_add_tail(&p->out_onces, &o->link);
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
	p->claims = 0;
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
	e->named -= x->named;
	x->named = 0;
	x->telling = false;
	p->named = message_names(e, &p->uid);
	p->pins += p->named > 0;
	e->named += p->named;
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

/* peer has heard of that move: what was in messages to it is its own, or in the sender's hands, and named anew. */
void move_given_end(struct netipc *e, struct netipc_proxy *p, struct peer *peer, uint32_t moves)
{
	LIST_FOR_EACH_SAFE(l, next, &peer->transits) {
		struct transit *t = container_of(l, struct transit, link);

		if (t->proxy == p && t->given && t->accepted && t->moves <= moves && !peer_gone(peer))
			transit_end(e, t);
	}
}

/* A send-once right was destroyed, and its holder told the home that was: the one that is knows it from here. */
void move_once_destroyed(struct netipc *e, struct netipc_proxy *stub, const struct nw_ref *ref)
{
	LIST_FOR_EACH(l, &stub->out_onces) {
		struct once *o = container_of(l, struct once, link);

		if (o->id != ref->once_id)
			continue;
		if (ref->hop >= o->hop) {
			list_remove(&o->peer_link);
			o->peer = NULL;
			o->self = false;
		}
		return;
	}
	(void)stream_ref(e, stub->home, NW_ONCE_DESTROY, &stub->uid, ref->check, ref->once_id, 0, NW_OK, ref->hop);
}

/* ---- the new home ---- */

/* So many more of its send-once rights are counted here. */
void move_once_came(struct netipc *e, struct netipc_export *x, int count)
{
	x->came += count;
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
	x->telling = p->mover != MOVER_NONE;
	x->named = p->named;
	p->pins -= p->named > 0;
	p->named = 0;
	e->arrivals++;
	e->stats.moved_in++;
	(void)holder_grant(e, x, p->home); /* netipc_move() counted it */
	/* It is registered where it is home. */
	LIST_FOR_EACH_SAFE(l, next, &p->pendings) {
		struct pending *w = container_of(l, struct pending, link);

		if (w->move)
			continue;
		transit_done_send(e, w->giver, w->transit, NW_OK);
		pending_free(e, w);
	}
	p->live = p->unregistering = p->sends = false;
	p->claims = 0;
	p->received = p->registers = p->registered = p->stale_at = 0;
	if (p->room != ROOM_NOT_WANTED)
		room_told(e, p);
}

/* Where ref goes, which is in a message, or was. NULL: it has arrived there, and the message's transit is over. */
static struct peer *ref_goes_to(struct netipc *e, const struct once_ref *ref, bool *accepted)
{
	struct transit *t = ref->state == ONCE_MOVING ? transit_of(e, ref) : NULL;

	*accepted = t != NULL && t->accepted;
	return t != NULL ? t->peer : ref->to;
}

/* The node that has it, as the old home says: also one whose death is not yet over. NULL: it died with that. */
static struct peer *once_holder(struct netipc *e, struct peer *from, const struct nw_once *r)
{
	struct peer *peer;

	if (r->node == e->c.self && r->incarnation == e->incarnation)
		return from; /* it has gone on since, and who has it will say so */
	if (r->node == 0)
		return NULL;
	peer = peer_want(e, r->node, r->incarnation);
	return peer != NULL ? peer : peer_dying(e, r->node, r->incarnation);
}

/*
 * The old home tells of a send-once right. This node may have it, or have had it: what it knows of later than that home
 * counts, and what is in a message yet is counted here already.
 */
void move_once_in(struct netipc *e, struct peer *from, const struct nw_once *r)
{
	struct netipc_export *x = export_find(e, &r->uid);
	struct once_ref *ref;
	struct peer *holder, *to = NULL;
	bool accepted = true;
	struct once *o;

	if (x == NULL || x->arriving == NULL || x->arriving->home != from || r->once_id == 0 ||
	    once_find(e, x, r->once_id) != NULL || pool_left(&e->once_pool) == 0)
		return;
	ref = ref_find(x->arriving, r->once_id);
	if (ref != NULL && (ref->state == ONCE_HELD || ref->state == ONCE_USED)) {
		if (ref->state == ONCE_HELD) /* it is local; else it will be when its message comes back */
			once_ref_free(e, ref);
		return;
	}
	holder = once_holder(e, from, r);
	if (peer_gone(from))
		return;
	if (ref != NULL && ref->state != ONCE_DOOMED) {
		to = ref_goes_to(e, ref, &accepted);
		ref->listed = true;
	}
	o = once_add(e, x, to != NULL && r->hop <= ref->hop ? to : holder != NULL ? holder : from, r->once_id);
	o->check = r->check;
	o->hop = to != NULL && r->hop <= ref->hop ? ref->hop + 1 : r->hop;
	o->accepted = accepted;
	o->from = from;
	from->told_onces++;
	if (accepted)
		move_once_came(e, x, 1);
	if (holder == NULL || (ref != NULL && ref->state == ONCE_DOOMED))
		once_end(e, o, true);
	if (ref != NULL && ref->state == ONCE_DOOMED) {
		x->arriving->doomed--;
		once_ref_free(e, ref);
	}
}

/* All of it is here. */
static void arrival_end(struct netipc *e, struct netipc_proxy *p)
{
	struct netipc_export *x = p->arriving;

	LIST_FOR_EACH_SAFE(l, next, &p->onces) {
		struct once_ref *o = container_of(l, struct once_ref, link);

		p->doomed -= o->state == ONCE_DOOMED;
		if (o->state == ONCE_HELD || o->state == ONCE_DOOMED) /* local ones are not told apart */
			once_ref_free(e, o);
	}
	x->arriving = NULL;
	p->arriving = NULL;
	e->arrivals--;
	p->here = true;
	p->fenced = false;
	list_remove(&p->link);
	p->home = NULL;
	export_try_drop(e, x);
	if (e->room_wanted) {
		e->room_wanted = false;
		upcall_add(e, &e->room_up, NETIPC_UP_ROOM);
	}
	p->pins++;
	LIST_FOR_EACH(l, &e->peers)
		move_given_end(e, p, container_of(l, struct peer, link), UINT32_MAX);
	p->pins--;
	ready_check(e, p);
	move_settle(e, p);
}

/* The old home died: what it had not sent is lost. */
void move_arrival_lost(struct netipc *e, struct netipc_proxy *p)
{
	arrival_end(e, p);
	proxy_settle(e, p);
}

/* The port died while it came, or when it had. */
void move_export_died(struct netipc *e, struct netipc_export *x)
{
	struct netipc_proxy *p = proxy_find(e, &x->uid);

	if (p == NULL || (p->arriving != x && !p->here))
		return;
	e->arrivals -= p->arriving != NULL;
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

/* Somebody was told by this node that home has the port, which has left it, and has not said that it heard. */
static bool tells_name(struct netipc *e, const struct netipc_proxy *p, const struct peer *home, uint64_t moves)
{
	LIST_FOR_EACH(l, &e->peers)
		LIST_FOR_EACH(k, &container_of(l, struct peer, link)->transits) {
			const struct transit *t = container_of(k, struct transit, link);

			if (t->proxy == p && t->told && t->named == home && t->named_moves < moves)
				return true;
		}
	return false;
}

/* Does the old home need to know us no more? */
void move_settle(struct netipc *e, struct netipc_proxy *p)
{
	if (list_empty(&p->pendings) || p->messages_old > 0 || p->transits_old > 0 || p->arriving != NULL ||
	    (!p->here && (p->registers != p->registered || p->claims + p->untold > 0)))
		return;
	LIST_FOR_EACH_SAFE(l, next, &p->pendings) {
		struct pending *w = container_of(l, struct pending, link);

		if (!w->move || tells_name(e, p, w->giver, w->tag))
			continue;
		moved_done_send(e, w->giver, w->transit);
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

static void onces_claim(struct netipc *e, struct netipc_proxy *p)
{
	p->untold = p->claims = 0;
	LIST_FOR_EACH(l, &p->onces) {
		container_of(l, struct once_ref, link)->untold = true;
		p->untold++;
	}
	proxy_tell(e, p);
}

/* The port's home is another node now: be on its list before the old one forgets. */
static void rebind(struct netipc *e, struct netipc_proxy *p, struct peer *home, uint32_t moves)
{
	bool wanted = (p->cookie != NULL && p->sends) || p->pins > 1; /* one is move_rebind()'s */

	set_home(p, home, moves);
	e->stats.rebound++;
	if (wanted)
		proxy_register(e, p);
	LIST_FOR_EACH_SAFE(l, next, &p->pendings) {
		struct pending *w = container_of(l, struct pending, link);
		struct once_ref *o = w->once_id != 0 ? ref_find(p, w->once_id) : NULL;

		if (w->once_id != 0 && o == NULL) { /* it is gone, which the old home was told, and passes on */
			transit_done_send(e, w->giver, w->transit, NW_OK);
			pending_free(e, w);
			continue;
		}
		if (!w->move)
			w->tag = w->once_id == 0 ? p->registers : 0;
	}
	onces_claim(e, p);
	if (p->registers == p->registered)
		pending_done(e, p, p->registered, 0);
	if (p->room == ROOM_ASKED)
		room_told(e, p);
	ready_check(e, p);
}

/* What p's home has said of a later move before this node knew that it is the home. */
static const struct pending *told_before(const struct netipc_proxy *p)
{
	LIST_FOR_EACH(l, &p->pendings) {
		const struct pending *w = container_of(l, struct pending, link);

		if (w->move && w->giver == p->home && w->tag > p->uid.moves)
			return w;
	}
	return NULL;
}

void move_rebind(struct netipc *e, struct netipc_proxy *p, struct peer *home, uint32_t moves)
{
	const struct pending *w;

	p->pins++;
	rebind(e, p, home, moves);
	while (!p->dead && (w = told_before(p)) != NULL) {
		moves = (uint32_t)w->tag;
		home = w->home == w->giver->addr ? w->giver : peer_want(e, w->home, w->home_incarnation);
		if (p->dead)
			break;
		if (home == NULL)
			proxy_die(e, p);
		else
			rebind(e, p, home, moves);
	}
	p->pins--; /* the caller settles */
}

void move_moved_in(struct netipc *e, struct peer *from, const struct nw_moved *r)
{
	struct netipc_proxy *p = proxy_find(e, &r->uid);
	struct pending *w;
	struct peer *home;

	if (p == NULL || p->dead) {
		moved_done_send(e, from, r->transit);
		return;
	}
	if (r->transit != 0) {
		if (pool_left(&e->pending_pool) == 0)
			return; /* the old home goes on answering for it */
		pending_add(e, p, from, r->transit, r->uid.moves, 0);
		w = list_last(&p->pendings, struct pending, link);
		w->move = true;
		w->home = r->home_node;
		w->home_incarnation = r->home_incarnation;
	}
	if (p->home == from && p->arriving == NULL && r->uid.moves >= p->uid.moves) { /* else of an earlier stay there */
		home = r->home_node == from->addr ? from : peer_want(e, r->home_node, r->home_incarnation);
		if (peer_gone(from) || p->dead)
			return;
		if (home == NULL) { /* dead */
			proxy_die(e, p);
			return;
		}
		if (r->uid.moves > p->uid.moves) { /* home may be from again */
			p->check = r->check;
			move_rebind(e, p, home, r->uid.moves);
		} else if (home == from) { /* it was not all there when this node said something */
			p->fenced = false;
			onces_claim(e, p);
			ready_check(e, p);
		}
	}
	move_settle(e, p);
	proxy_settle(e, p);
}

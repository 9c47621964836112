/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proxy.c - the holder side of rights: proxies for ports of other nodes, send-once rights held, rights in
 * transit to third nodes, registrations that a giver waits for.
 *
 * A proxy is live while its home lists this node (or will, when the stream gets there). The last local use
 * gone, UNREGISTER tells the count received, one at a time; the struct stays until UNREGISTERED (E6), because
 * a right may be on its way meanwhile. A right given to a third node pins the proxy until TRANSIT_DONE.
 */
#include "engine/engine.h"

static uint32_t uid_hash(const struct netipc *e, const struct nw_uid *uid)
{
	uint64_t z = uid->serial * 0x9e3779b97f4a7c15u ^ uid->incarnation ^ uid->node;

	return (uint32_t)(z ^ (z >> 32)) & e->hash_mask;
}

struct netipc_proxy *proxy_find(struct netipc *e, const struct nw_uid *uid)
{
	struct netipc_proxy *p = e->proxy_hash[uid_hash(e, uid)];

	while (p != NULL && (p->uid.serial != uid->serial || p->uid.node != uid->node ||
			     p->uid.incarnation != uid->incarnation))
		p = p->hash_next;
	return p;
}

/* The proxy of that port, made if there is none; NULL: the pool is used up. */
struct netipc_proxy *proxy_get(struct netipc *e, const struct nw_uid *uid, struct peer *home)
{
	struct netipc_proxy *p = proxy_find(e, uid);
	uint32_t hash = uid_hash(e, uid);

	if (p != NULL)
		return p;
	p = pool_get(&e->proxy_pool);
	if (p == NULL)
		return NULL;
	memset(p, 0, sizeof(*p));
	list_init(&p->link);
	list_init(&p->onces);
	list_init(&p->pendings);
	list_init(&p->deferred);
	list_init(&p->out_onces);
	p->uid = *uid;
	p->home = home;
	list_add_tail(&home->proxies, &p->link);
	p->hash_next = e->proxy_hash[hash];
	e->proxy_hash[hash] = p;
	return p;
}

static void proxy_free(struct netipc *e, struct netipc_proxy *p)
{
	struct netipc_proxy **at = &e->proxy_hash[uid_hash(e, &p->uid)];

	while (*at != NULL && *at != p)
		at = &(*at)->hash_next;
	if (*at == p) /* else proxy_fence() took it out */
		*at = p->hash_next;
	upcall_cancel(&p->dead_up);
	upcall_cancel(&p->room_up);
	upcall_cancel(&p->moved_up);
	upcall_cancel(&p->arrived_up);
	list_remove(&p->link);
	list_remove(&p->deferred);
	pool_put(&e->proxy_pool, p);
}

/* The glue is given p; until it attaches or detaches, p stays. */
void proxy_offer(struct netipc_proxy *p)
{
	if (p->cookie != NULL || p->offered)
		return;
	p->offered = true;
	p->pins++;
}

static void drop_held(struct netipc *e, struct netipc_proxy *p)
{
	LIST_FOR_EACH_SAFE(l, next, &p->onces) {
		struct once_ref *o = container_of(l, struct once_ref, link);

		if (o->state == ONCE_HELD || o->state == ONCE_DOOMED)
			once_ref_free(e, o);
	}
}

void proxy_defer(struct netipc *e, struct netipc_proxy *p)
{
	list_remove(&p->deferred);
	list_add_tail(&e->deferred_proxies, &p->deferred);
}

/*
 * The home, which counts them, must hear of each that died unused, and of those that it may believe elsewhere; but not
 * before it has heard of them from this node, if that was the home. False: not of all, later.
 */
static bool tell_onces(struct netipc *e, struct netipc_proxy *p)
{
	if (!list_empty(&p->out_onces))
		return false;
	LIST_FOR_EACH_SAFE(l, next, &p->onces) {
		struct once_ref *o = container_of(l, struct once_ref, link);

		if (o->untold) {
			if (!stream_room_own(e) ||
			    !stream_ref(e, p->home, NW_ONCE_REGISTER, &p->uid, o->check, o->id, 0, NW_OK, o->hop))
				return false;
			o->untold = false;
			p->untold--;
			p->claims++;
		}
		if (o->state != ONCE_DOOMED)
			continue;
		if (!stream_room_own(e) ||
		    !stream_ref(e, p->home, NW_ONCE_DESTROY, &p->uid, o->check, o->id, 0, NW_OK, o->hop))
			return false;
		p->doomed--;
		once_ref_free(e, o);
	}
	return true;
}

void proxy_tell(struct netipc *e, struct netipc_proxy *p)
{
	if (p->home != NULL && p->arriving == NULL && p->doomed + p->untold > 0 && !tell_onces(e, p))
		proxy_defer(e, p);
}

/* This node has it, and the home does not know that, or may not. */
void once_claim(struct netipc *e, struct once_ref *o)
{
	struct netipc_proxy *p = o->proxy;

	if (p->dead || p->home == NULL || p->arriving != NULL || o->untold)
		return;
	o->untold = true;
	p->untold++;
	proxy_tell(e, p);
}

static bool ask_room(struct netipc *e, struct netipc_proxy *p)
{
	if (!stream_room_own(e) || !stream_ref(e, p->home, NW_WANT_ROOM, &p->uid, p->check, 0, 0, NW_OK, 0))
		return false;
	p->room = ROOM_ASKED;
	return true;
}

/* After any change: does p's home have to be told, can p go? */
void proxy_settle(struct netipc *e, struct netipc_proxy *p)
{
	move_settle(e, p);
	if (p->mover != MOVER_NONE)
		move_pump(e, p);
	if (p->dead)
		drop_held(e, p);
	proxy_tell(e, p);
	if (!p->dead && p->home != NULL && p->room == ROOM_WANTED && !ask_room(e, p))
		proxy_defer(e, p);
	if (p->pins > 0 || p->arriving != NULL)
		return;
	if (!p->dead && !p->here && !(p->cookie != NULL && p->sends) && p->received > 0 && !p->unregistering &&
	    p->received != p->stale_at) {
		list_remove(&p->deferred);
		if (!stream_room_own(e) ||
		    !stream_ref(e, p->home, NW_UNREGISTER, &p->uid, p->check, 0, p->received, NW_OK, 0)) {
			proxy_defer(e, p);
			return;
		}
		p->live = false;
		p->unregistering = true;
	}
	if (p->cookie == NULL && list_empty(&p->onces) && list_empty(&p->pendings) &&
	    (p->dead || p->here || (p->received == 0 && p->registers == p->registered)))
		proxy_free(e, p);
}

void proxy_unpin(struct netipc *e, struct netipc_proxy *p)
{
	p->pins--;
	proxy_settle(e, p);
}

/* ---- pendings: TRANSIT_DONE owed ---- */

static void done_send(struct netipc *e, struct peer *to, enum nw_record_type type, uint64_t transit, enum nw_code code)
{
	struct nw_transit *t;
	struct record *r;

	if (transit == 0 || peer_gone(to))
		return;
	r = stream_control(e, to, type, sizeof(struct nw_transit));
	if (r == NULL)
		return;
	t = (struct nw_transit *)r->data;
	t->transit = transit;
	t->code = code;
}

void transit_done_send(struct netipc *e, struct peer *giver, uint64_t transit, enum nw_code code)
{
	done_send(e, giver, NW_TRANSIT_DONE, transit, code);
}

/* In its turn, unlike the other: what was sent to home before must find it answering for the port. */
void moved_done_send(struct netipc *e, struct peer *home, uint64_t transit)
{
	done_send(e, home, NW_MOVED_DONE, transit, NW_OK);
}

void pending_add(struct netipc *e, struct netipc_proxy *p, struct peer *giver, uint64_t transit, uint64_t tag,
		 uint64_t once_id)
{
	struct pending *w = pool_get(&e->pending_pool);

	*w = (struct pending){ .giver = giver, .proxy = p, .transit = transit, .tag = tag,
			       .once_id = once_id };
	list_init(&w->link);
	list_init(&w->giver_link);
	list_add_tail(&p->pendings, &w->link);
	list_add_tail(&giver->pendings, &w->giver_link);
}

void pending_free(struct netipc *e, struct pending *w)
{
	list_remove(&w->link);
	list_remove(&w->giver_link);
	pool_put(&e->pending_pool, w);
}

/* The giver has died. */
void pending_drop(struct netipc *e, struct pending *w)
{
	struct netipc_proxy *p = w->proxy;

	pending_free(e, w);
	proxy_settle(e, p);
}

/* once_id 0: all registrations up to tag are answered. */
void pending_done(struct netipc *e, struct netipc_proxy *p, uint64_t tag, uint64_t once_id)
{
	LIST_FOR_EACH_SAFE(l, next, &p->pendings) {
		struct pending *w = container_of(l, struct pending, link);

		if (w->move || w->once_id != once_id || w->tag > tag)
			continue;
		transit_done_send(e, w->giver, w->transit, NW_OK);
		pending_free(e, w);
	}
}

/* ---- rights that arrive ---- */

void proxy_from_home(struct netipc *e, struct netipc_proxy *p)
{
	(void)e;
	p->received++;
	p->live = true;
}

/* Get on the home's list without having been given the right by it. */
void proxy_register(struct netipc *e, struct netipc_proxy *p)
{
	if (p->live ||
	    !stream_ref(e, p->home, NW_REGISTER, &p->uid, p->check, 0, 0, NW_OK, 0))
		return;
	p->received++;
	p->registers++;
	p->live = true;
}

void proxy_from_third(struct netipc *e, struct netipc_proxy *p, struct peer *giver, uint64_t transit)
{
	if (p->live && p->registers == p->registered) {
		transit_done_send(e, giver, transit, NW_OK);
		return;
	}
	proxy_register(e, p);
	pending_add(e, p, giver, transit, p->registers, 0);
}

struct once_ref *proxy_add_once(struct netipc *e, struct netipc_proxy *p, const struct nw_right *r)
{
	struct once_ref *o = pool_get(&e->once_ref_pool);

	*o = (struct once_ref){ .proxy = p, .state = ONCE_HELD, .id = r->once_id, .check = r->check, .hop = r->hop };
	list_init(&o->link);
	list_add_tail(&p->onces, &o->link);
	return o;
}

void proxy_once_from_third(struct netipc *e, struct netipc_proxy *p, const struct nw_right *r,
			   struct peer *giver)
{
	pending_add(e, p, giver, r->transit, 0, r->once_id);
	once_claim(e, proxy_add_once(e, p, r));
}

struct once_ref *proxy_held_once(struct netipc_proxy *p)
{
	struct once_ref *found = NULL;

	LIST_FOR_EACH(l, &p->onces) {
		struct once_ref *o = container_of(l, struct once_ref, link);

		if (o->state != ONCE_HELD)
			continue;
		found = o;
		if (!o->untold)
			break; /* one that can be used at once */
	}
	return found;
}

void once_ref_free(struct netipc *e, struct once_ref *o)
{
	struct netipc_proxy *p = o->proxy;
	uint64_t id = o->id;
	bool untold = o->untold;

	p->untold -= untold;
	list_remove(&o->link);
	pool_put(&e->once_ref_pool, o);
	if (untold) /* and nobody will answer for it */
		pending_done(e, p, 0, id);
}

static void once_ref_destroy(struct netipc *e, struct netipc_proxy *p, struct once_ref *o)
{
	if (p->dead || p->here) {
		once_ref_free(e, o);
		return;
	}
	o->state = ONCE_DOOMED;
	p->doomed++;
	proxy_tell(e, p);
}

/* ---- rights in transit to a third node ---- */

struct transit *transit_make(struct netipc *e, struct peer *to, struct netipc_proxy *p, struct once_ref *o)
{
	struct transit *t = pool_get(&e->transit_pool);

	*t = (struct transit){ .peer = to, .proxy = p, .once = o, .id = e->next_transit++, .moves = p->uid.moves };
	list_init(&t->link);
	list_add_tail(&to->transits, &t->link);
	return t;
}

struct transit *transit_find(struct peer *p, uint64_t id)
{
	LIST_FOR_EACH(l, &p->transits) {
		struct transit *t = container_of(l, struct transit, link);

		if (t->id == id)
			return t;
	}
	return NULL;
}

/* The one of a right that this node gave as the port's home, which it was then. */
struct transit *transit_given(struct peer *to, const struct nw_uid *uid, uint64_t once_id)
{
	LIST_FOR_EACH(l, &to->transits) {
		struct transit *t = container_of(l, struct transit, link);

		if (t->given && t->once != NULL && t->once->id == once_id && uid_equal(&t->proxy->uid, uid))
			return t;
	}
	return NULL;
}

/* Arrived and registered, or never left. */
void transit_end(struct netipc *e, struct transit *t)
{
	struct netipc_proxy *p = t->proxy;

	if (t->once != NULL)
		once_ref_free(e, t->once);
	list_remove(&t->link);
	if (!t->move && !t->given) {
		p->transits--;
		if (t->moves != p->uid.moves && p->transits_old > 0)
			p->transits_old--;
	}
	if (t->move) {
		move_given_end(e, p, t->peer, t->moves);
		move_transit_ended(e, p);
	}
	pool_put(&e->transit_pool, t);
	move_settle(e, p);
	proxy_unpin(e, p);
}

/* A send-once right is counted in its message until the glue has heard of its end. */
void transit_done_in(struct netipc *e, struct peer *p, const struct nw_transit *r)
{
	struct transit *t = transit_find(p, r->transit);

	if (t == NULL || t->move || t->given)
		return;
	t->done = true;
	t->dead = r->code == NW_DEAD;
	if (t->once == NULL || t->accepted)
		transit_over(e, t);
}

/* Both are known. A right that is a dead name there, for want of a home known to be alive, dies as that of this hop. */
void transit_over(struct netipc *e, struct transit *t)
{
	struct once_ref *ref = t->dead ? t->once : NULL;
	struct netipc_export *x = ref != NULL ? export_find(e, &t->proxy->uid) : NULL;
	struct once *o = x != NULL ? once_find(e, x, ref->id) : NULL;

	if (ref != NULL) {
		t->once = NULL;
		ref->hop++;
		if (o != NULL && o->hop <= ref->hop)
			once_end(e, o, true);
		if (o != NULL)
			once_ref_free(e, ref);
		else
			once_ref_destroy(e, t->proxy, ref);
	}
	transit_end(e, t);
}

/* The receiver died, and nobody it may have passed the right to can still appear. */
void transit_lost(struct netipc *e, struct transit *t)
{
	if (t->once != NULL) {
		once_ref_destroy(e, t->proxy, t->once);
		t->once = NULL;
	}
	transit_end(e, t);
}

/* ---- death of the port ---- */

/* That send-once right has come here, and not gone on: it dies with its proxy. */
static bool once_is_here(const struct netipc_proxy *p, uint64_t id)
{
	LIST_FOR_EACH(l, &p->onces) {
		const struct once_ref *o = container_of(l, struct once_ref, link);

		if (id != 0 && o->id == id && o->state != ONCE_MOVING && o->state != ONCE_HOMING)
			return true;
	}
	return false;
}

void proxy_die(struct netipc *e, struct netipc_proxy *p)
{
	if (p->dead)
		return;
	if (p->arriving != NULL) {
		move_arrival_lost(e, p);
		return;
	}
	p->dead = true;
	p->live = p->here = false;
	list_remove(&p->link);
	list_remove(&p->deferred);
	p->home = NULL;
	while (!list_empty(&p->pendings)) {
		struct pending *w = list_first(&p->pendings, struct pending, link);

		if (w->move)
			moved_done_send(e, w->giver, w->transit);
		else
			transit_done_send(e, w->giver, w->transit, once_is_here(p, w->once_id) ? NW_DEAD : NW_OK);
		pending_free(e, w);
	}
	if (p->cookie != NULL)
		upcall_add(e, &p->dead_up, NETIPC_UP_PROXY_DEAD);
	p->pins++; /* of this function */
	move_proxy_died(e, p);
	proxy_unpin(e, p);
}

/*
 * This node goes on as another incarnation. All proxies are dead, and only the glue still knows them; the same
 * ports may be given to the new incarnation, as new proxies.
 */
void proxy_fence(struct netipc *e)
{
	for (uint32_t i = 0; i <= e->hash_mask; i++)
		e->proxy_hash[i] = NULL;
}

/* ---- records from the home ---- */

void room_told(struct netipc *e, struct netipc_proxy *p)
{
	p->room = ROOM_NOT_WANTED;
	if (p->cookie != NULL)
		upcall_add(e, &p->room_up, NETIPC_UP_PROXY_ROOM);
}

void proxy_ref_in(struct netipc *e, struct peer *from, uint8_t type, const struct nw_ref *ref)
{
	struct netipc_proxy *p = proxy_find(e, &ref->uid);
	struct netipc_export *x;

	if (type == NW_PORT_DEAD && (x = export_find(e, &ref->uid)) != NULL && x->leaving > 0 &&
	    x->leaving_to == from->addr && x->leaving_incarnation == from->incarnation) {
		x->leaving_dead = true; /* netipc_move() is yet to come */
		return;
	}
	if (p == NULL || p->dead || p->home != from || p->arriving != NULL)
		return;
	switch (type) {
	case NW_REGISTERED:
		if (p->registered < p->registers)
			p->registered++;
		if (ref->code != NW_OK) {
			proxy_die(e, p);
			return;
		}
		pending_done(e, p, p->registered, 0);
		move_settle(e, p);
		break;
	case NW_UNREGISTERED:
		if (ref->code == NW_STALE) {
			p->stale_at = ref->count; /* a right is on its way here, or comes to nothing */
			p->unregistering = false;
			break;
		}
		/* It may answer what was stale before: then the one under way will be. */
		if (p->stale_at != ref->count)
			p->unregistering = false;
		p->stale_at = 0;
		p->received -= ref->count < p->received ? ref->count : p->received;
		if (p->room == ROOM_ASKED) /* it went with the holder's entry */
			room_told(e, p);
		break;
	case NW_ONCE_REGISTERED:
		p->claims -= p->claims > 0;
		pending_done(e, p, 0, ref->once_id);
		break;
	case NW_ROOM:
		room_told(e, p);
		break;
	case NW_PORT_DEAD:
		proxy_die(e, p);
		return;
	}
	proxy_settle(e, p);
}

/* ---- the glue's calls ---- */

void *netipc_proxy_cookie(const struct netipc_proxy *p)
{
	return p->cookie;
}

void netipc_proxy_attach(struct netipc *e, struct netipc_proxy *p, void *cookie)
{
	p->cookie = cookie;
	if (p->offered) {
		p->offered = false;
		p->pins--;
	}
	if (p->dead)
		upcall_add(e, &p->dead_up, NETIPC_UP_PROXY_DEAD);
}

void netipc_want_room(struct netipc *e, struct netipc_proxy *p, uint64_t now_ns)
{
	e->now = now_ns;
	if (p->dead || p->home == NULL || p->arriving != NULL || p->room != ROOM_NOT_WANTED)
		return;
	p->room = ROOM_WANTED;
	proxy_settle(e, p);
	engine_flush(e);
}

bool netipc_proxy_idle(const struct netipc_proxy *p)
{
	return !p->dead && !p->here && p->arriving == NULL && !p->offered && p->pins == 0 && p->received == 0 && p->registers == p->registered &&
	       list_empty(&p->onces);
}

void netipc_proxy_no_sends(struct netipc *e, struct netipc_proxy *p, uint64_t now_ns)
{
	e->now = now_ns;
	p->sends = false;
	proxy_settle(e, p);
	engine_flush(e);
}

void netipc_proxy_detach(struct netipc *e, struct netipc_proxy *p, uint64_t now_ns)
{
	e->now = now_ns;
	p->cookie = NULL;
	p->sends = false;
	upcall_cancel(&p->dead_up);
	upcall_cancel(&p->room_up);
	upcall_cancel(&p->moved_up);
	upcall_cancel(&p->arrived_up);
	if (p->offered) {
		p->offered = false;
		p->pins--;
	}
	for (struct once_ref *o; (o = proxy_held_once(p)) != NULL;)
		once_ref_destroy(e, p, o);
	proxy_settle(e, p);
	engine_flush(e);
}

void netipc_proxy_destroy_once(struct netipc *e, struct netipc_proxy *p, uint64_t now_ns)
{
	struct once_ref *o = proxy_held_once(p);

	e->now = now_ns;
	if (o != NULL)
		once_ref_destroy(e, p, o);
	engine_flush(e);
}

np_addr_t netipc_proxy_home(const struct netipc_proxy *p)
{
	return p->home ? p->home->addr : 0;
}

int netipc_name_server(struct netipc *e, struct netipc_right_in *right, uint64_t now_ns)
{
	struct nw_right *ns = &e->name_server;
	struct netipc_proxy *p;
	struct peer *home;

	e->now = now_ns;
	*right = (struct netipc_right_in){ .kind = NETIPC_RIGHT_NULL };
	if (e->own_name_server != NULL) {
		right->kind = NETIPC_RIGHT_SEND;
		right->port = e->own_name_server->port;
		return NETIPC_OK;
	}
	home = ns->kind == NW_RIGHT_SEND ? peer_want(e, ns->home_node, ns->home_incarnation) : NULL;
	if (home == NULL)
		return NETIPC_OK;
	p = proxy_get(e, &ns->uid, home);
	if (p == NULL)
		return NETIPC_NO_MEMORY;
	if (p->dead)
		return NETIPC_DEAD;
	p->check = ns->check;
	proxy_register(e, p);
	proxy_offer(p);
	p->sends = true;
	right->kind = NETIPC_RIGHT_SEND;
	right->proxy = p;
	engine_flush(e);
	return NETIPC_OK;
}

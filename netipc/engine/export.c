/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * export.c - the home side of rights: which nodes hold send rights to our ports, where our send-once rights
 * are, and whose messages wait for a slot.
 *
 * References: an export lives while it has holders, send-once rights abroad, waiting messages, open
 * deliveries, or is the name server, and EXPORT_IDLE_NS longer. A holder entry counts the rights given (granted); it goes when the
 * holder says it received as many and keeps none (docs/wire.md, Rights). While an export lives, the glue
 * holds a reference on its port, which it gives up at EXPORT_GONE.
 */
#include "engine/engine.h"

/* ---- identity ---- */

void export_uid(const struct netipc *e, const struct netipc_export *x, struct nw_uid *uid)
{
	(void)e;
	*uid = x->uid;
}

bool uid_equal(const struct nw_uid *a, const struct nw_uid *b)
{
	return a->serial == b->serial && a->incarnation == b->incarnation && a->node == b->node;
}

/* A new incarnation: what was made under others does not count. */
void export_check_key(struct netipc *e)
{
	uint64_t words[2] = { e->incarnation, 0 };

	for (int i = 0; i < 2; i++, words[1]++)
		e->check_key.k[i] = siphash(&e->secret, words, sizeof(words));
}

/* Of a port that this incarnation made, or of a send-once right that it made. */
uint64_t export_check(const struct netipc *e, const struct nw_uid *uid, uint64_t once_id)
{
	return siphash_words(&e->check_key, uid->serial, once_id);
}

/*
 * Is the right real? One of a port that is dead need not be told from one that is made up, but for those that this
 * incarnation would have made: another's, which died here, cannot be.
 */
static bool check_good(const struct netipc *e, const struct netipc_export *x, const struct nw_ref *ref)
{
	if (x != NULL)
		return ref->check == x->check;
	return ref->uid.node != e->c.self || ref->uid.incarnation != e->incarnation ||
	       ref->check == export_check(e, &ref->uid, 0);
}

struct netipc_export *export_find(struct netipc *e, const struct nw_uid *uid)
{
	struct netipc_export *x = e->export_hash[uid->serial & e->hash_mask];

	while (x != NULL && !uid_equal(&x->uid, uid))
		x = x->hash_next;
	return x;
}

void export_hash_in(struct netipc *e, struct netipc_export *x)
{
	struct netipc_export **at = &e->export_hash[x->uid.serial & e->hash_mask];

	x->hash_next = *at;
	*at = x;
}

/* The export of a port, made if there is none; the caller knows that the pool has one. */
struct netipc_export *export_get(struct netipc *e, void *port, struct netipc_export **slot)
{
	struct netipc_export *x = *slot;

	if (x != NULL)
		return x;
	x = pool_get(&e->export_pool);
	if (x == NULL)
		return NULL;
	memset(x, 0, sizeof(*x));
	list_init(&x->link);
	list_init(&x->holders);
	list_init(&x->onces);
	list_init(&x->waiting);
	x->uid = (struct nw_uid){ .incarnation = e->incarnation, .serial = e->next_serial++, .node = e->c.self };
	x->check = export_check(e, &x->uid, 0);
	x->port = port;
	x->slot = slot;
	export_hash_in(e, x);
	*slot = x;
	return x;
}

void export_unhash(struct netipc *e, struct netipc_export *x)
{
	struct netipc_export **at = &e->export_hash[x->uid.serial & e->hash_mask];

	while (*at != NULL && *at != x)
		at = &(*at)->hash_next;
	if (*at == x)
		*at = x->hash_next;
}

static bool export_needed(const struct netipc_export *x)
{
	return !list_empty(&x->holders) || !list_empty(&x->onces) || !list_empty(&x->waiting) ||
	       x->deliveries > 0 || x->name_server || x->no_senders.queued || x->once_lost.queued ||
	       x->want_room.queued || x->onces_came.queued || x->leaving > 0 || x->arriving != NULL || x->named > 0 ||
	       x->telling;
}

/* Nothing needs it; the struct goes when EXPORT_GONE is fetched. */
static void export_drop(struct netipc *e, struct netipc_export *x)
{
	if (!x->dead)
		export_unhash(e, x);
	if (x->slot != NULL)
		*x->slot = NULL;
	x->slot = NULL;
	x->gone = true;
	list_remove(&x->link);
	upcall_add(e, &x->gone_up, NETIPC_UP_EXPORT_GONE);
}

/* Drop it if nothing needs it: that of a dead port at once, another after a while. */
void export_try_drop(struct netipc *e, struct netipc_export *x)
{
	if (x->gone || (x->idle && !x->dead) || export_needed(x))
		return;
	if (x->dead) {
		export_drop(e, x);
		return;
	}
	x->idle = true;
	x->idle_ns = e->now + EXPORT_IDLE_NS;
	list_add_tail(&e->idle_exports, &x->link);
	timer_at(e, x->idle_ns);
}

void export_timers(struct netipc *e)
{
	while (!list_empty(&e->idle_exports)) {
		struct netipc_export *x = list_first(&e->idle_exports, struct netipc_export, link);

		if (x->idle_ns > e->now) {
			timer_at(e, x->idle_ns);
			return;
		}
		list_remove(&x->link);
		x->idle = false;
		if (!export_needed(x))
			export_drop(e, x);
	}
}

/* ---- holders ---- */

struct holder *holder_find(struct netipc_export *x, struct peer *p)
{
	LIST_FOR_EACH(l, &x->holders) {
		struct holder *h = container_of(l, struct holder, link);

		if (h->peer == p)
			return h;
	}
	return NULL;
}

bool netipc_export_has_senders(const struct netipc_export *x)
{
	return !list_empty(&x->holders);
}

bool netipc_export_has_waiting(const struct netipc_export *x)
{
	return !list_empty(&x->waiting) || x->rooms_wanted > 0;
}

/* One more right of x is p's. False: no memory. */
bool holder_grant(struct netipc *e, struct netipc_export *x, struct peer *p)
{
	struct holder *h = holder_find(x, p);

	if (h == NULL) {
		h = pool_get(&e->holder_pool);
		if (h == NULL)
			return false;
		*h = (struct holder){ .x = x, .peer = p };
		list_init(&h->link);
		list_init(&h->peer_link);
		list_add_tail(&x->holders, &h->link);
		list_add_tail(&p->holders, &h->peer_link);
	}
	h->granted++;
	upcall_cancel(&x->no_senders); /* it was not yet told, and is not true any more */
	return true;
}

void holder_remove(struct netipc *e, struct holder *h)
{
	struct netipc_export *x = h->x;

	list_remove(&h->link);
	list_remove(&h->peer_link);
	x->rooms_wanted -= h->wants_room;
	pool_put(&e->holder_pool, h);
	if (x->dead)
		return;
	if (list_empty(&x->holders))
		upcall_add(e, &x->no_senders, NETIPC_UP_NO_SENDERS);
	export_try_drop(e, x);
}

static void holder_release(struct netipc *e, struct holder *h)
{
	uint64_t count = h->release_at;
	struct netipc_export *x = h->x;
	struct peer *p = h->peer;
	struct nw_uid uid;

	export_uid(e, x, &uid);
	holder_remove(e, h);
	(void)stream_ref(e, p, NW_UNREGISTERED, &uid, 0, 0, count, NW_OK, 0);
}

/* A right that was given came back with its message: p never had it. */
void holder_ungrant(struct netipc *e, struct netipc_export *x, struct peer *p)
{
	struct holder *h = holder_find(x, p);

	if (h == NULL)
		return;
	if (--h->granted == 0)
		holder_remove(e, h);
	else if (h->granted == h->release_at)
		holder_release(e, h);
}

/* ---- send-once rights abroad ---- */

struct once *once_find(struct netipc *e, const struct netipc_export *x, uint64_t id)
{
	struct once *o = e->once_hash[id & e->hash_mask];

	while (o != NULL && (o->id != id || o->x != x))
		o = o->hash_next;
	return o;
}

struct once *once_make(struct netipc *e, struct netipc_export *x, struct peer *p)
{
	struct once *o = once_add(e, x, p, e->next_once++);

	o->hop = 1;
	o->check = export_check(e, &x->uid, o->id);
	return o;
}

/* The caller knows that the pool has one. */
struct once *once_add(struct netipc *e, struct netipc_export *x, struct peer *p, uint64_t id)
{
	struct once *o = pool_get(&e->once_pool);

	*o = (struct once){ .x = x, .peer = p, .id = id };
	list_init(&o->link);
	list_init(&o->peer_link);
	list_add_tail(&x->onces, &o->link);
	list_add_tail(&p->onces, &o->peer_link);
	o->hash_next = e->once_hash[o->id & e->hash_mask];
	e->once_hash[o->id & e->hash_mask] = o;
	return o;
}

void once_unhash(struct netipc *e, struct once *o)
{
	struct once **at = &e->once_hash[o->id & e->hash_mask];

	while (*at != o)
		at = &(*at)->hash_next;
	*at = o->hash_next;
}

/* Who has it has said so itself. */
void once_claimed(struct once *o)
{
	if (o->from != NULL)
		o->from->told_onces--;
	o->from = NULL;
	o->orphan = false;
}

/*
 * p, a home before, is dead, and nobody can have heard of a move from it any more: of whom it alone has told, to them the
 * port died with p.
 */
void onces_orphaned(struct netipc *e, struct peer *p)
{
	for (uint32_t i = 0; p->told_onces > 0 && i <= e->hash_mask; i++)
		for (struct once *o = e->once_hash[i], *next; o != NULL; o = next) {
			next = o->hash_next;
			if (o->from != p)
				continue;
			once_claimed(o);
			o->orphan = !o->accepted;
			if (o->accepted)
				once_end(e, o, true);
		}
}

/* It is used, home, or lost: in the last case the port gets a notification. */
void once_end(struct netipc *e, struct once *o, bool lost)
{
	struct netipc_export *x = o->x;

	once_claimed(o);
	if (x == NULL) { /* on its way to the port's new home, which is told that nobody has it */
		list_remove(&o->peer_link);
		o->peer = NULL;
		return;
	}
	once_unhash(e, o);
	list_remove(&o->link);
	list_remove(&o->peer_link);
	pool_put(&e->once_pool, o);
	if (x->dead)
		return;
	if (lost) {
		x->lost++;
		upcall_add(e, &x->once_lost, NETIPC_UP_ONCE_LOST);
	}
	export_try_drop(e, x);
}

/* ---- messages that wait for a slot ---- */

static void resend_send(struct netipc *e, struct waiting *w, bool tentative)
{
	w->granted = true;
	w->tentative = tentative;
	stream_verdict(e, w->peer, NW_RESEND, w->number, NW_OK);
}

/* Of each peer only the first may be granted: its messages must not overtake each other. */
static bool may_grant(const struct netipc_export *x, const struct waiting *w)
{
	LIST_FOR_EACH(l, &x->waiting) {
		const struct waiting *other = container_of(l, struct waiting, link);

		if (other->peer == w->peer)
			return other == w && !w->granted;
	}
	return false;
}

static bool room_tell(struct netipc *e, struct peer *p, const struct nw_uid *uid)
{
	return stream_ref(e, p, NW_ROOM, uid, 0, 0, 0, NW_OK, 0);
}

/* Nobody waits for a slot that is free: who asked may try. Whom no record can tell is told with the next. */
static void rooms_tell(struct netipc *e, struct netipc_export *x)
{
	struct nw_uid uid;

	if (x->rooms_wanted == 0 || x->dead)
		return;
	export_uid(e, x, &uid);
	LIST_FOR_EACH(l, &x->holders) {
		struct holder *h = container_of(l, struct holder, link);

		if (!h->wants_room || (!peer_gone(h->peer) && !room_tell(e, h->peer, &uid)))
			continue;
		h->wants_room = false;
		x->rooms_wanted--;
	}
}

void netipc_room(struct netipc *e, struct netipc_export *x, uint64_t now_ns)
{
	e->now = now_ns;
	if (list_empty(&x->waiting))
		rooms_tell(e, x);
	engine_flush(e);
}

/* A slot is free: the first that waits, and may, gets it. */
void waiting_grant(struct netipc *e, struct netipc_export *x)
{
	if (list_empty(&x->waiting)) {
		rooms_tell(e, x);
		return;
	}
	LIST_FOR_EACH(l, &x->waiting) {
		struct waiting *w = container_of(l, struct waiting, link);

		if (may_grant(x, w)) {
			resend_send(e, w, false);
			return;
		}
	}
	x->spare++;
}

/*
 * An entry of peer is gone: its next may come, with a slot that was left over, or, if the port was never
 * asked about it, to be tried.
 */
static void waiting_follow(struct netipc *e, struct netipc_export *x, struct peer *peer)
{
	if (list_empty(&x->waiting))
		x->spare = 0;
	LIST_FOR_EACH(l, &x->waiting) {
		struct waiting *w = container_of(l, struct waiting, link);

		if (w->peer != peer || !may_grant(x, w))
			continue;
		if (x->spare > 0 || w->behind)
			resend_send(e, w, true);
		x->spare -= x->spare > 0;
		return;
	}
}

void waiting_end(struct netipc *e, struct waiting *w, bool pass_slot)
{
	struct netipc_export *x = w->x;
	struct peer *peer = w->peer;
	bool kept = w->granted && !w->tentative;

	list_remove(&w->link);
	list_remove(&w->peer_link);
	pool_put(&e->waiting_pool, w);
	if (x->dead)
		return;
	if (kept && pass_slot)
		waiting_grant(e, x);
	if (!peer_gone(peer))
		waiting_follow(e, x, peer);
	if (list_empty(&x->waiting))
		rooms_tell(e, x); /* its slot may be free */
	export_try_drop(e, x);
}

void export_refuse_waiting(struct netipc *e, struct netipc_export *x, uint32_t why)
{
	/* An open delivery keeps its entry's peer in mind; forget the entry. */
	for (uint32_t i = 0; x->deliveries > 0 && i < e->peer_total; i++) {
		struct peer *p = &e->peer_array[i];

		if (!peer_gone(p) && p->current && p->current->x == x)
			p->current->granted = NULL;
	}
	while (!list_empty(&x->waiting)) {
		struct waiting *w = list_first(&x->waiting, struct waiting, link);

		stream_verdict(e, w->peer, NW_REFUSED, w->number, why);
		list_remove(&w->link);
		list_remove(&w->peer_link);
		pool_put(&e->waiting_pool, w);
	}
}

/* ---- a port's death ---- */

static bool tell_dead(struct netipc *e, struct netipc_export *x, struct peer *p)
{
	struct nw_uid uid;

	export_uid(e, x, &uid);
	return peer_gone(p) ||
	       (stream_room_own(e) && stream_ref(e, p, NW_PORT_DEAD, &uid, 0, 0, 0, NW_DEAD, 0));
}

/* Tell the holders, as far as there are records; the rest later. */
void export_pump_dead(struct netipc *e, struct netipc_export *x)
{
	while (!list_empty(&x->holders)) {
		struct holder *h = list_first(&x->holders, struct holder, link);

		if (!tell_dead(e, x, h->peer))
			goto later;
		holder_remove(e, h);
	}
	while (!list_empty(&x->onces)) {
		struct once *o = list_first(&x->onces, struct once, link);

		if (!tell_dead(e, x, o->peer))
			goto later;
		once_end(e, o, false);
	}
	export_try_drop(e, x);
	return;
later:
	list_remove(&x->link);
	list_add_tail(&e->deferred_exports, &x->link);
}

void netipc_export_destroyed(struct netipc *e, struct netipc_export *x, uint64_t now_ns)
{
	e->now = now_ns;
	if (x->dead || x->gone)
		return;
	if (x == e->own_name_server)
		e->own_name_server = NULL;
	x->name_server = false;
	export_unhash(e, x);
	x->dead = true;
	e->named -= x->named;
	x->named = 0;
	x->telling = false;
	if (x->slot != NULL)
		*x->slot = NULL;
	x->slot = NULL;
	upcall_cancel(&x->no_senders);
	upcall_cancel(&x->once_lost);
	upcall_cancel(&x->want_room);
	upcall_cancel(&x->onces_came);
	move_export_died(e, x);
	export_refuse_waiting(e, x, NW_INVALID_DEST);
	export_pump_dead(e, x);
	engine_flush(e);
}

/* This node goes on as another incarnation: all that others had of it is void. */
void export_fence(struct netipc *e)
{
	for (uint32_t i = 0; i <= e->hash_mask; i++)
		for (struct netipc_export *x = e->export_hash[i], *next; x != NULL; x = next) {
			next = x->hash_next;
			if (x->name_server) /* it gets a new uid by its new incarnation, and goes on */
				continue;
			if (!x->gone && !export_needed(x))
				export_drop(e, x);
		}
}

/* The new incarnation: what stays has new names. */
void export_fenced(struct netipc *e)
{
	struct netipc_export *all = NULL, *next;

	for (uint32_t i = 0; i <= e->hash_mask; i++) {
		for (struct netipc_export *x = e->export_hash[i]; x != NULL; x = next) {
			next = x->hash_next;
			x->hash_next = all;
			all = x;
		}
		e->export_hash[i] = NULL;
	}
	for (struct netipc_export *x = all; x != NULL; x = next) {
		next = x->hash_next;
		x->uid = (struct nw_uid){ .incarnation = e->incarnation, .serial = e->next_serial++, .node = e->c.self };
		x->check = export_check(e, &x->uid, 0);
		export_hash_in(e, x);
	}
}

/* The receive right stays after all: who was put off meanwhile tries again. */
void export_stays(struct netipc *e, struct netipc_export *x)
{
	x->leaving--;
	if (x->leaving > 0 || x->dead)
		return;
	LIST_FOR_EACH(l, &x->waiting) {
		struct waiting *w = container_of(l, struct waiting, link);

		if (w->behind && may_grant(x, w))
			resend_send(e, w, true);
	}
	export_try_drop(e, x);
}

/* ---- records from holders ---- */

/* p speaks to the home that was, perhaps before the port's last stay here: MOVED is the answer. */
static bool answer_moved(struct netipc *e, struct peer *p, struct netipc_export *x, const struct nw_ref *ref)
{
	struct netipc_proxy *stub = x == NULL ? move_stub(e, &ref->uid) :
				    ref->uid.moves < x->uid.moves ? proxy_find(e, &ref->uid) : NULL;

	return stub != NULL && !stub->dead && move_stub_tell(e, stub, p);
}

static void register_in(struct netipc *e, struct peer *p, const struct nw_ref *ref)
{
	struct netipc_export *x = export_find(e, &ref->uid);
	struct netipc_proxy *stub = x ? NULL : move_stub(e, &ref->uid);
	uint32_t code = NW_OK;

	if (ref->check == (x ? x->check : stub ? stub->check : 0) && answer_moved(e, p, x, ref))
		return;
	if (stub == NULL && !check_good(e, x, ref)) {
		code = NW_BAD_RIGHT;
		e->stats.bad_right++;
	} else if (x == NULL) {
		code = NW_DEAD;
	} else if (!holder_grant(e, x, p)) {
		code = NW_NO_MEMORY;
	}
	(void)stream_ref(e, p, NW_REGISTERED, &ref->uid, 0, 0, 0, code, 0);
}

static void unregister_in(struct netipc *e, struct peer *p, const struct nw_ref *ref)
{
	struct netipc_export *x = export_find(e, &ref->uid);
	struct holder *h = x ? holder_find(x, p) : NULL;

	if (h == NULL || ref->uid.moves < x->uid.moves) /* of another list: it is being told */
		return;
	h->release_at = ref->count;
	if (h->granted == ref->count)
		holder_release(e, h);
	else
		(void)stream_ref(e, p, NW_UNREGISTERED, &ref->uid, 0, 0, ref->count, NW_STALE, 0);
}

static void once_register_in(struct netipc *e, struct peer *p, const struct nw_ref *ref)
{
	struct netipc_export *x = export_find(e, &ref->uid);
	struct once *o = x ? once_find(e, x, ref->once_id) : NULL;
	uint32_t code = NW_OK;

	if (answer_moved(e, p, x, ref))
		return;
	if (o == NULL && x != NULL && x->arriving != NULL && move_stub_tell(e, x->arriving, p))
		return; /* it may be news yet: to be told again when all is here */
	if (o == NULL) {
		code = NW_DEAD; /* used, or made up */
	} else if (ref->check != o->check) {
		code = NW_BAD_RIGHT;
		e->stats.bad_right++;
	} else if (ref->hop > o->hop) { /* else it has gone on from there already */
		once_claimed(o);
		o->hop = (uint16_t)ref->hop;
		o->peer = p;
		list_remove(&o->peer_link);
		list_add_tail(&p->onces, &o->peer_link);
	} else if (o->peer == p && ref->hop == o->hop) {
		once_claimed(o);
	}
	(void)stream_ref(e, p, NW_ONCE_REGISTERED, &ref->uid, 0, ref->once_id, 0, code, 0);
}

/* The glue looks whether there is room now; who holds nothing need not wait to learn that. */
static void want_room_in(struct netipc *e, struct peer *p, const struct nw_ref *ref)
{
	struct netipc_export *x = export_find(e, &ref->uid);
	struct holder *h = x ? holder_find(x, p) : NULL;

	if (h == NULL) {
		(void)room_tell(e, p, &ref->uid);
		return;
	}
	x->rooms_wanted += !h->wants_room;
	h->wants_room = true;
	upcall_add(e, &x->want_room, NETIPC_UP_WANT_ROOM);
}

/*
 * Whoever says so, for the homes before pass it on. A port that is arriving may not have heard of the right yet: then this
 * goes round by its old home, and comes behind what that tells.
 */
static void once_destroy_in(struct netipc *e, struct peer *p, const struct nw_ref *ref)
{
	struct netipc_export *x = export_find(e, &ref->uid);
	struct netipc_proxy *stub = x ? NULL : move_stub(e, &ref->uid);
	struct once *o = x ? once_find(e, x, ref->once_id) : NULL;

	if (o != NULL && ref->check == o->check && ref->hop >= o->hop)
		once_end(e, o, true);
	else if (o == NULL && x != NULL && x->arriving != NULL && x->arriving->home != p)
		(void)stream_ref(e, x->arriving->home, NW_ONCE_DESTROY, &ref->uid, ref->check, ref->once_id, 0, NW_OK,
				 ref->hop);
	if (stub != NULL)
		move_once_destroyed(e, stub, ref);
}

void export_ref_in(struct netipc *e, struct peer *p, uint8_t type, const struct nw_ref *ref)
{
	switch (type) {
	case NW_REGISTER:
		register_in(e, p, ref);
		break;
	case NW_UNREGISTER:
		unregister_in(e, p, ref);
		break;
	case NW_ONCE_REGISTER:
		once_register_in(e, p, ref);
		break;
	case NW_WANT_ROOM:
		want_room_in(e, p, ref);
		break;
	case NW_ONCE_DESTROY:
		once_destroy_in(e, p, ref);
		break;
	}
}

/* ---- the name server ---- */

int netipc_set_name_server(struct netipc *e, void *port, struct netipc_export **slot, uint64_t now_ns)
{
	struct netipc_export *old = e->own_name_server;

	e->now = now_ns;
	if (port != NULL && *slot == NULL && pool_left(&e->export_pool) == 0)
		return NETIPC_NO_MEMORY;
	e->own_name_server = port ? export_get(e, port, slot) : NULL;
	if (e->own_name_server != NULL)
		e->own_name_server->name_server = true;
	if (old != NULL && old != e->own_name_server) {
		old->name_server = false;
		export_try_drop(e, old);
	}
	e->hellos = 0;
	e->hello_ns = now_ns;
	timer_at(e, now_ns);
	upcall_add(e, &e->name_server_up, NETIPC_UP_NAME_SERVER);
	return NETIPC_OK;
}

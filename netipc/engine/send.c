/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * send.c - messages that leave, from netipc_send() to the one NETIPC_UP_SENT.
 *
 *   QUEUED -> POSTED -> (accepted) -> EXPOSED -> SETTLED      EXPOSED only if bytes are to be pulled
 *     ^         | FULL
 *     | RESEND  v
 *     +------ PARKED -> (retracted, refused) -> SETTLED        a death settles any of them
 *
 * The rights of a message are in its wire form (m->r.data), from which they are taken back if it comes to
 * nothing. Decode: everything that can fail is checked before the first right is touched, but for
 * send-once rights of a proxy, which are undone.
 */
#include "engine/engine.h"

/* Sizes of a message without receive rights. */
bool netipc_fits(uint32_t body_size, uint32_t right_count, uint32_t ool_count, uint64_t ool_size)
{
	uint64_t fixed = sizeof(struct nw_message) + right_count * sizeof(struct nw_right) +
			 ool_count * sizeof(uint64_t) + ((body_size + 7u) & ~7u);

	return ool_size <= NP_SEND_MAX && fixed + ool_size <= NP_SEND_MAX;
}

static struct nw_right *message_rights(struct netipc_message *m)
{
	return (struct nw_right *)(m->r.data + sizeof(struct nw_message));
}

/* Says it that its port's home is this node? */
static bool names_self(const struct netipc *e, const struct nw_right *r)
{
	return r->home_node == e->c.self && r->home_incarnation == e->incarnation;
}

/* Given as its port's home. */
static bool is_own(const struct netipc *e, const struct nw_right *r)
{
	return names_self(e, r) && r->transit == 0;
}

/*
 * The send-once right of that id which a message takes home. One that went to a third node may have come back while it is
 * still in transit here, so an id alone does not say which.
 */
static struct once_ref *once_homing(struct netipc_proxy *p, const struct nw_right *r)
{
	LIST_FOR_EACH(l, &p->onces) {
		struct once_ref *o = container_of(l, struct once_ref, link);

		if (o->id == r->once_id && o->state == ONCE_HOMING && o->hop + 1 == r->hop)
			return o;
	}
	return NULL;
}

/* ---- rights: given at send, moved or taken back at the end ---- */

static void give_local(struct netipc *e, struct peer *to, const struct netipc_right_out *in,
		       struct nw_right *r)
{
	struct netipc_export *x = export_get(e, in->port, in->slot);

	export_uid(e, x, &r->uid);
	r->home_node = e->c.self;
	r->home_incarnation = e->incarnation;
	r->check = x->check;
	if (in->kind == NETIPC_RIGHT_RECEIVE) {
		r->kind = NW_RIGHT_RECEIVE;
		x->leaving++;
	} else if (in->kind == NETIPC_RIGHT_SEND) {
		r->kind = NW_RIGHT_SEND;
		holder_grant(e, x, to);
	} else {
		struct once *o = once_make(e, x, to);

		r->kind = NW_RIGHT_SEND_ONCE;
		r->once_id = o->id;
		r->check = o->check;
		r->hop = o->hop;
	}
}

/* r, of p (o: its send-once right), is in a message to `to` now: with a transit, unless that is its home. */
static void right_leave(struct netipc *e, struct peer *to, struct netipc_proxy *p, struct once_ref *o, struct nw_right *r)
{
	bool self = move_names_self(p, to);

	r->uid = p->uid;
	r->uid.moves -= self;
	r->home_node = self ? e->c.self : p->home->addr;
	r->home_incarnation = self ? e->incarnation : p->home->incarnation;
	r->transit = 0;
	if (o != NULL) {
		o->state = p->home == to ? ONCE_HOMING : ONCE_MOVING;
		o->to = to;
		r->hop = (uint16_t)(o->hop + 1);
	}
	p->pins++;
	p->transits++;
	if (p->home != to)
		r->transit = transit_make(e, to, p, o)->id;
	if (self) /* behind the message */
		(void)move_stub_tell(e, p, to);
}

/* The message that took r to its home is settled. */
static void homing_end(struct netipc *e, struct netipc_proxy *p, const struct nw_right *r)
{
	p->transits--;
	if (r->uid.moves != p->uid.moves && p->transits_old > 0)
		p->transits_old--;
	move_settle(e, p);
	proxy_unpin(e, p);
}

static int give_proxy(struct netipc *e, struct peer *to, const struct netipc_right_out *in,
		      struct nw_right *r)
{
	struct netipc_proxy *p = in->proxy;
	struct once_ref *o = NULL;

	if (p->dead) {
		r->kind = NW_RIGHT_DEAD;
		return NETIPC_OK;
	}
	r->kind = NW_RIGHT_SEND;
	r->check = p->check;
	if (in->kind == NETIPC_RIGHT_SEND_ONCE) {
		o = proxy_held_once(p);
		if (o == NULL) {
			r->kind = NW_RIGHT_NULL; /* nothing to undo */
			return NETIPC_NO_RIGHT;
		}
		r->kind = NW_RIGHT_SEND_ONCE;
		r->once_id = o->id;
		r->check = o->check;
	}
	right_leave(e, to, p, o, r);
	return NETIPC_OK;
}

/* A send-once right that had left, or was about to, is this node's again: where is its port now? */
static void once_back(struct netipc *e, struct netipc_proxy *p, struct once_ref *ref)
{
	struct netipc_export *x = p->home == NULL || p->arriving != NULL ? export_find(e, &p->uid) : NULL;
	struct once *o = x != NULL ? once_find(e, x, ref->id) : NULL;

	ref->state = ONCE_HELD;
	if (x == NULL ? p->home != NULL : o == NULL && p->arriving != NULL)
		return; /* held, or local as soon as the port's old home has told of it */
	if (o != NULL) /* it is local */
		once_end(e, o, false);
	once_ref_free(e, ref);
}

/*
 * Given as this, its home: but the port has moved since, and its new home was told that `to` has it, for want of memory
 * for a transit.
 */
static void own_undo_moved(struct netipc *e, const struct nw_right *r)
{
	struct netipc_proxy *p = proxy_find(e, &r->uid);
	struct nw_right mine = *r;

	mine.hop++;
	if (r->kind == NW_RIGHT_SEND_ONCE && p != NULL && !p->dead && p->home != NULL &&
	    pool_left(&e->once_ref_pool) > 0)
		once_claim(e, proxy_add_once(e, p, &mine));
}

/* The right of t is this node's again. */
static void transit_undo(struct netipc *e, struct transit *t)
{
	struct once_ref *ref = t->once;

	t->once = NULL;
	if (ref != NULL)
		once_back(e, t->proxy, ref);
	transit_end(e, t);
}

/* How many rights in messages from here say that this is that port's home? */
uint32_t message_names(struct netipc *e, const struct nw_uid *uid)
{
	uint32_t count = 0;

	LIST_FOR_EACH(l, &e->peers) {
		struct peer *p = container_of(l, struct peer, link);
		struct list *lists[] = { &p->unacked, &p->parked, &p->queue };

		for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
			LIST_FOR_EACH(k, lists[i]) {
				struct netipc_message *m = container_of(k, struct record, link)->message;
				uint32_t rights = m != NULL ? ((struct nw_message *)m->r.data)->rights : 0;

				for (uint32_t j = 0; j < rights; j++)
					count += message_rights(m)[j].kind == NW_RIGHT_SEND &&
						 is_own(e, &message_rights(m)[j]) && uid_equal(&message_rights(m)[j].uid, uid);
			}
	}
	return count;
}

/* A send right that was given as this, its home, does not say so any more, or is out of its message. */
static void named_end(struct netipc *e, const struct nw_right *r)
{
	struct netipc_export *x = e->named > 0 && r->kind == NW_RIGHT_SEND ? export_find(e, &r->uid) : NULL;
	struct netipc_proxy *p = e->named > 0 && r->kind == NW_RIGHT_SEND && x == NULL ? proxy_find(e, &r->uid) : NULL;

	if (x != NULL && x->named > 0 && r->uid.moves < x->uid.moves) {
		e->named--;
		x->named--;
		export_try_drop(e, x);
	} else if (p != NULL && p->named > 0) {
		e->named--;
		if (--p->named == 0)
			proxy_unpin(e, p);
	}
}

/* The message came to nothing: the rights are as they were before it. */
static void rights_undo(struct netipc *e, struct peer *to, struct nw_right *rights, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct nw_right *r = &rights[i];
		struct netipc_export *x;
		struct netipc_proxy *p;
		struct once_ref *ref;
		struct transit *t;
		struct once *o;

		if (r->kind == NW_RIGHT_RECEIVE) {
			x = export_find(e, &r->uid);
			if (x != NULL && x->leaving > 0)
				export_stays(e, x);
			continue;
		}
		if (r->kind != NW_RIGHT_SEND && r->kind != NW_RIGHT_SEND_ONCE)
			continue;
		t = r->transit != 0			  ? transit_find(to, r->transit) :
		    r->kind == NW_RIGHT_SEND_ONCE && is_own(e, r) ? transit_given(to, &r->uid, r->once_id) :
								    NULL;
		if (t != NULL) {
			transit_undo(e, t);
			continue;
		}
		if (is_own(e, r)) {
			x = export_find(e, &r->uid);
			o = x != NULL && r->kind == NW_RIGHT_SEND_ONCE ? once_find(e, x, r->once_id) : NULL;
			if (o != NULL && o->peer == to)
				once_end(e, o, false);
			else if (x != NULL && r->kind == NW_RIGHT_SEND && r->uid.moves == x->uid.moves) /* else its list was another */
				holder_ungrant(e, x, to);
			else if (x == NULL)
				own_undo_moved(e, r);
			named_end(e, r);
			continue;
		}
		p = r->transit == 0 ? proxy_find(e, &r->uid) : NULL; /* else its transit's end has done that */
		if (p == NULL)
			continue;
		ref = r->kind == NW_RIGHT_SEND_ONCE ? once_homing(p, r) : NULL;
		if (ref != NULL)
			once_back(e, p, ref);
		homing_end(e, p, r);
	}
}

/* The message was taken (or nobody can know that it was not): the rights are the receiver's. */
static void rights_move(struct netipc *e, struct peer *to, struct nw_right *rights, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct nw_right *r = &rights[i];
		struct netipc_export *x;
		struct netipc_proxy *p;
		struct once_ref *ref;

		if (r->kind == NW_RIGHT_RECEIVE) {
			x = export_find(e, &r->uid);
			if (x != NULL) { /* it is here until netipc_move() */
				x->leaving_to = to->addr;
				x->leaving_incarnation = to->incarnation;
				x->leaving_dead |= peer_gone(to); /* also if it is back when this node, fenced, is another */
			}
			continue;
		}
		if (r->kind != NW_RIGHT_SEND && r->kind != NW_RIGHT_SEND_ONCE)
			continue;
		if (is_own(e, r)) /* ours are listed */
			named_end(e, r);
		if (is_own(e, r) || r->transit != 0) /* a transit ends with its TRANSIT_DONE */
			continue;
		p = proxy_find(e, &r->uid);
		if (p == NULL)
			continue;
		ref = r->kind == NW_RIGHT_SEND_ONCE ? once_homing(p, r) : NULL;
		if (ref != NULL)
			ref->to = NULL;
		homing_end(e, p, r);
	}
}

/*
 * The glue hears that r, a send-once right, has gone to `to`: from now on it is not counted in a message of this node. If
 * its port has come here meanwhile the glue still counts it, as one abroad.
 */
static void once_told(struct netipc *e, struct peer *to, const struct nw_right *r)
{
	struct netipc_export *x = export_find(e, &r->uid);
	struct once *o = x != NULL ? once_find(e, x, r->once_id) : NULL;
	struct netipc_proxy *p = is_own(e, r) ? NULL : proxy_find(e, &r->uid);
	struct transit *t = is_own(e, r) ? transit_given(to, &r->uid, r->once_id) : transit_find(to, r->transit);
	struct once_ref *ref = t != NULL ? t->once : p != NULL && r->transit == 0 ? once_homing(p, r) : NULL;

	if (o != NULL && o->orphan)
		once_end(e, o, true);
	else if (o != NULL)
		o->accepted = true;
	else if (x != NULL && ref != NULL && !ref->listed) /* it ended elsewhere, or is yet to be told of */
		move_once_came(e, x, -1);
	if (t != NULL) {
		t->accepted = true;
		if (t->done)
			transit_over(e, t);
		else if ((t->given && (!move_is_telling(e, &r->uid, to) || (x != NULL && x->arriving == NULL))))
			transit_end(e, t);
	} else if (ref != NULL) {
		once_ref_free(e, ref);
		proxy_settle(e, p);
	}
}

/* The glue hears that m was accepted, or may have been. */
void message_told(struct netipc *e, struct netipc_message *m)
{
	const struct nw_message *w = (const struct nw_message *)m->r.data;
	const struct nw_right *rights = message_rights(m);
	struct netipc_export *x;

	if (!m->rights_moved)
		return;
	for (uint32_t i = 0; i < w->rights; i++)
		if (rights[i].kind == NW_RIGHT_SEND_ONCE)
			once_told(e, m->r.peer, &rights[i]);
	x = w->once_id != 0 ? export_find(e, &w->to) : NULL;
	if (x != NULL) /* it was used where its port was, which the glue counts as here */
		move_once_came(e, x, -1);
}

/* ---- sending ---- */

static int send_check(struct netipc *e, const struct netipc_send *s, uint64_t body, uint64_t ool,
		      bool fits)
{
	bool once = (s->flags & NETIPC_SEND_ONCE) != 0;
	struct once_ref *held;
	uint32_t receives = 0;

	if (s->to->dead)
		return NETIPC_DEAD;
	if (!netipc_proxy_ready(s->to) &&
	    !((s->flags & NETIPC_SEND_MOVED) && s->to->mover == MOVER_QUEUE && !s->to->fenced)) {
		s->to->waits = true;
		return NETIPC_MOVING;
	}
	if ((s->flags & NETIPC_SEND_MOVED) && !list_empty(&s->to->out_onces)) {
		e->room_wanted = true;
		return NETIPC_AGAIN;
	}
	if (body > NW_BODY_MAX || s->right_count > NW_RIGHTS_MAX || s->ool_count > NW_OOL_MAX ||
	    ool > NW_PULL_MAX - NW_BODY_MAX || ((!fits || ool > 0) && s->pull == NULL))
		return NETIPC_TOO_LARGE;
	for (uint32_t i = 0; i < s->right_count; i++) {
		const struct netipc_export *x = s->rights[i].kind == NETIPC_RIGHT_RECEIVE ? *s->rights[i].slot : NULL;

		if (s->rights[i].kind == NETIPC_RIGHT_RECEIVE && ++receives > NW_MOVES_MAX)
			return NETIPC_TOO_LARGE;
		if (x != NULL && x->arriving != NULL) {
			e->room_wanted = true;
			return NETIPC_AGAIN; /* it goes on when it has come */
		}
	}
	held = once ? proxy_held_once(s->to) : NULL;
	if (once && held == NULL)
		return NETIPC_NO_RIGHT;
	if (once && held->untold) { /* its home is to hear first that it is here */
		e->room_wanted = true;
		return NETIPC_AGAIN;
	}
	if (pool_left(&e->export_pool) < s->right_count || pool_left(&e->holder_pool) < s->right_count ||
	    pool_left(&e->once_pool) < s->right_count || pool_left(&e->transit_pool) < s->right_count) {
		e->room_wanted = true;
		return NETIPC_NO_MEMORY;
	}
	/* Replies go into the reserve: they end calls and free what calls hold. */
	if (e->left || pool_left(&e->message_pool) == 0 ||
	    (!once && (pool_left(&e->message_pool) <= e->message_pool.total / 4 ||
		       pool_left(&e->record_pool) <= e->record_pool.total / 2))) {
		e->room_wanted = true;
		return NETIPC_AGAIN;
	}
	return NETIPC_OK;
}

static uint8_t *message_room(struct netipc *e, struct netipc_message *m, uint32_t length, bool once)
{
	struct large_buffer *b;

	m->large = NULL;
	if (length <= SMALL_MESSAGE_BYTES)
		return m->bytes;
	if (!once && pool_left(&e->large_pool) <= e->large_pool.total / 4)
		return NULL;
	b = pool_get(&e->large_pool);
	if (b == NULL)
		return NULL;
	m->large = b->bytes;
	return b->bytes;
}

static void message_put(struct netipc *e, struct netipc_message *m)
{
	if (m->large != NULL)
		pool_put(&e->large_pool, container_of(m->large, struct large_buffer, bytes));
	pool_put(&e->message_pool, m);
	if (e->room_wanted && pool_left(&e->message_pool) > e->message_pool.total / 4 + 4) {
		e->room_wanted = false;
		upcall_add(e, &e->room_up, NETIPC_UP_ROOM);
	}
}

static struct netipc_message *message_make(struct netipc *e, const struct netipc_send *s, uint32_t length)
{
	struct netipc_message *m = pool_get(&e->message_pool);
	uint8_t *data;

	if (m == NULL)
		return NULL;
	memset(m, 0, offsetof(struct netipc_message, bytes));
	list_init(&m->r.link);
	list_init(&m->r.flight);
	data = message_room(e, m, length, (s->flags & NETIPC_SEND_ONCE) != 0);
	if (data == NULL) {
		e->room_wanted = true;
		pool_put(&e->message_pool, m);
		return NULL;
	}
	memset(data, 0, sizeof(struct nw_message) + s->right_count * sizeof(struct nw_right));
	m->r.peer = s->to->home;
	m->r.message = m;
	m->r.data = data;
	m->r.length = length;
	m->r.type = NW_MESSAGE;
	m->state = M_QUEUED;
	m->to = s->to;
	m->moves = s->to->uid.moves;
	m->cookie = s->cookie;
	return m;
}

static uint8_t *copy_pieces(uint8_t *at, const struct np_sge *pieces, uint32_t count, uint64_t skip,
			    uint64_t bytes)
{
	for (uint32_t i = 0; i < count && bytes > 0; i++) {
		uint64_t part = pieces[i].length;

		if (skip >= part) {
			skip -= part;
			continue;
		}
		part -= skip;
		part = part < bytes ? part : bytes;
		memcpy(at, (const uint8_t *)pieces[i].base + skip, part);
		at += part;
		bytes -= part;
		skip = 0;
	}
	return at;
}

static uint8_t *pad(uint8_t *at, uint64_t size)
{
	for (; size % 8 != 0; size++)
		*at++ = 0;
	return at;
}

static uint32_t receive_count(const struct netipc_send *s)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->right_count; i++)
		count += s->rights[i].kind == NETIPC_RIGHT_RECEIVE;
	return count;
}

struct send_sizes {
	uint64_t body, ool, fixed;
	bool body_inline, ool_inline;
	uint32_t length;
};

static void send_measure(const struct netipc_send *s, struct send_sizes *z)
{
	z->body = z->ool = 0;
	for (uint32_t i = 0; i < s->body_count; i++)
		z->body += s->body[i].length;
	for (uint32_t i = 0; i < s->ool_count; i++)
		z->ool = s->ool[i] > NW_PULL_MAX ? NW_PULL_MAX : z->ool + s->ool[i];
	z->fixed = sizeof(struct nw_message) + (uint64_t)s->right_count * sizeof(struct nw_right) +
		   receive_count(s) * sizeof(struct nw_move) + (uint64_t)s->ool_count * sizeof(uint64_t);
	z->body_inline = z->fixed + ((z->body + 7) & ~7ull) <= NP_SEND_MAX;
	z->ool_inline = z->body_inline && z->fixed + ((z->body + 7) & ~7ull) + z->ool <= NP_SEND_MAX;
	z->length = (uint32_t)(z->fixed + (z->body_inline ? (z->body + 7) & ~7ull : 0) +
			       (z->ool_inline ? z->ool : 0));
}

static void message_fill(struct netipc_message *m, const struct netipc_send *s, const struct send_sizes *z)
{
	struct nw_message *w = (struct nw_message *)m->r.data;
	uint8_t *at = m->r.data + sizeof(*w) + s->right_count * sizeof(struct nw_right);

	w->h.version = NW_VERSION;
	w->h.type = NW_MESSAGE;
	w->h.length = z->length;
	w->to = s->to->uid;
	w->flags = (uint16_t)(((s->flags & NETIPC_SEND_WAITING) ? NW_MSG_ACK_NOW : 0) |
			      ((s->flags & NETIPC_SEND_PAGING) ? NW_MSG_PAGING : 0) |
			      (z->body_inline ? 0 : NW_MSG_BODY_PULLED) |
			      (z->ool_inline ? 0 : NW_MSG_DATA_PULLED));
	if (s->flags & NETIPC_SEND_MOVED) {
		w->flags |= NW_MSG_MOVED;
		w->resend_of = s->origin;
	}
	w->priority = s->priority;
	memcpy(w->sender, s->sender, sizeof(w->sender));
	w->rights = (uint16_t)s->right_count;
	for (uint32_t i = 0; i < s->right_count; i++) {
		const struct netipc_port_state *state = &s->rights[i].state;
		struct nw_move move = { .qlimit = state->qlimit, .make_sends = state->make_sends,
					.flags = state->ordered ? NW_MOVE_ORDERED : 0 };

		if (s->rights[i].kind != NETIPC_RIGHT_RECEIVE)
			continue;
		memcpy(at, &move, sizeof(move));
		at += sizeof(move);
		w->moves++;
	}
	w->ool = (uint16_t)s->ool_count;
	w->body_size = (uint32_t)z->body;
	w->pull_size = (z->body_inline ? 0 : z->body) + (z->ool_inline ? 0 : z->ool);
	if (s->ool_count > 0)
		memcpy(at, s->ool, s->ool_count * sizeof(uint64_t));
	at += s->ool_count * sizeof(uint64_t);
	if (z->body_inline)
		at = pad(copy_pieces(at, s->body, s->body_count, 0, z->body), z->body);
	if (z->ool_inline && z->ool > 0)
		copy_pieces(at, s->pull, s->pull_count, z->body, z->ool);
	m->pull = s->pull;
	m->pull_count = s->pull_count;
	m->pull_size = w->pull_size;
	/* The body's pieces come first in the list: pass over them if it went inline. */
	for (uint64_t skip = z->body_inline ? z->body : 0; skip > 0 && m->pull_count > 0;) {
		skip -= m->pull->length < skip ? m->pull->length : skip;
		m->pull++;
		m->pull_count--;
	}
}

int netipc_send(struct netipc *e, const struct netipc_send *s, struct netipc_message **out,
		uint64_t now_ns)
{
	struct peer *to = s->to->home;
	struct netipc_message *m;
	struct nw_right *rights;
	struct send_sizes z;
	int rc;

	e->now = now_ns;
	send_measure(s, &z);
	rc = send_check(e, s, z.body, z.ool, z.body_inline && (z.ool_inline || z.ool == 0));
	if (rc != NETIPC_OK)
		return rc;
	m = message_make(e, s, z.length);
	if (m == NULL)
		return NETIPC_AGAIN;
	message_fill(m, s, &z);
	if (s->flags & NETIPC_SEND_ONCE) {
		m->once = proxy_held_once(s->to);
		m->once->state = ONCE_USED;
		((struct nw_message *)m->r.data)->once_id = m->once->id;
	}
	rights = message_rights(m);
	for (uint32_t i = 0; i < s->right_count; i++) {
		const struct netipc_right_out *in = &s->rights[i];

		if (in->kind == NETIPC_RIGHT_NULL)
			continue;
		if (in->kind == NETIPC_RIGHT_DEAD)
			rights[i].kind = NW_RIGHT_DEAD;
		else if (in->proxy == NULL || in->kind == NETIPC_RIGHT_RECEIVE ||
			 (!in->proxy->dead && (in->proxy->home == NULL || in->proxy->arriving != NULL)))
			give_local(e, to, in, &rights[i]);
		else if ((rc = give_proxy(e, to, in, &rights[i])) != NETIPC_OK)
			goto undo;
	}
	m->to->pins++;
	m->to->messages++;
	stream_queue(e, &m->r);
	if (out != NULL)
		*out = m;
	engine_flush(e);
	return NETIPC_OK;
undo:
	rights_undo(e, to, rights, s->right_count);
	if (m->once != NULL)
		m->once->state = ONCE_HELD;
	message_put(e, m);
	return rc;
}

/* ---- the end of a message ---- */

void message_try_free(struct netipc *e, struct netipc_message *m)
{
	if (m->state == M_SETTLED && !m->r.in_flight && !m->sent.queued && !m->released.queued)
		message_put(e, m);
}

/* Everything but the bytes that may still be pulled. */
static void settle_rights(struct netipc *e, struct netipc_message *m, enum netipc_sent result)
{
	uint32_t count = ((struct nw_message *)m->r.data)->rights;

	m->result = result;
	m->rights_moved = result == NETIPC_SENT_ACCEPTED ||
			  (result == NETIPC_SENT_TRANSPORT && m->ever_posted);
	if (m->rights_moved)
		rights_move(e, m->r.peer, message_rights(m), count);
	else
		rights_undo(e, m->r.peer, message_rights(m), count);
	if (m->once != NULL) {
		if (m->rights_moved)
			once_ref_free(e, m->once);
		else
			once_back(e, m->to, m->once);
		m->once = NULL;
	}
	upcall_add(e, &m->sent, NETIPC_UP_SENT); /* before the upcall that they are all told */
	move_message_settled(e, m);
	proxy_unpin(e, m->to);
	m->to = NULL;
}

void message_settle(struct netipc *e, struct netipc_message *m, enum netipc_sent result)
{
	list_remove(&m->r.link);
	bulk_hide(e, m);
	m->resend = false;
	m->state = M_SETTLED;
	settle_rights(e, m, result);
}

void message_accepted(struct netipc *e, struct netipc_message *m)
{
	if (m->pull_size == 0) {
		message_settle(e, m, NETIPC_SENT_ACCEPTED);
		return;
	}
	list_remove(&m->r.link);
	list_add_tail(&m->r.peer->exposed, &m->r.link);
	m->state = M_EXPOSED;
	m->pulling = true;
	settle_rights(e, m, NETIPC_SENT_ACCEPTED);
}

static void message_expose_end(struct netipc *e, struct netipc_message *m)
{
	list_remove(&m->r.link);
	bulk_hide(e, m);
	m->state = M_SETTLED;
	upcall_add(e, &m->released, NETIPC_UP_RELEASED);
}

static struct netipc_message *find_number(struct list *list, uint64_t number, bool parked)
{
	LIST_FOR_EACH(l, list) {
		struct record *r = container_of(l, struct record, link);

		if (r->message != NULL && (parked ? r->message->parked_number : r->number) == number)
			return r->message;
	}
	return NULL;
}

void message_released(struct netipc *e, struct peer *p, uint64_t number)
{
	struct netipc_message *m = find_number(&p->exposed, number, false);

	if (m != NULL)
		message_expose_end(e, m);
}

void message_refused(struct netipc *e, struct peer *p, uint64_t number, uint32_t code)
{
	struct netipc_message *m = find_number(&p->unacked, number, false);

	if (m == NULL)
		m = find_number(&p->parked, number, true);
	if (m == NULL)
		return;
	if (code == NW_MOVED_AWAY && !m->retracting) {
		m->to->fenced |= m->to->home == p && m->to->arriving == NULL && m->moves == m->to->uid.moves;
		m->to->waits = true;
	}
	message_settle(e, m, code == NW_MOVED_AWAY   ? m->retracting ? NETIPC_SENT_RETRACTED : NETIPC_SENT_MOVED :
			     code == NW_INVALID_DEST ? NETIPC_SENT_INVALID_DEST :
			     code == NW_NO_MEMORY    ? NETIPC_SENT_NO_MEMORY :
						       NETIPC_SENT_REFUSED);
}

void message_full(struct netipc *e, struct peer *p, uint64_t number)
{
	struct netipc_message *m = find_number(&p->unacked, number, false);

	if (m == NULL)
		return;
	list_remove(&m->r.link);
	list_add_tail(&p->parked, &m->r.link);
	m->state = M_PARKED;
	m->parked_number = number;
	m->ever_posted = false; /* it is known that this transmission was not executed */
}

/* r's port is here again: who gets r has it from the home that is. Its old home may be yet to tell of it, as given by t. */
static void once_regive(struct netipc *e, struct peer *to, struct netipc_export *x, const struct nw_right *r,
			struct transit *t)
{
	struct once *o = once_find(e, x, r->once_id);

	if (o == NULL && x->arriving != NULL && t != NULL && t->given && pool_left(&e->once_pool) > 0) {
		o = once_add(e, x, to, r->once_id);
		o->check = r->check;
		o->hop = r->hop;
		transit_end(e, t);
	}
	if (o != NULL)
		once_claimed(o);
}

/*
 * A right that was put into its message when its port was here, or as if it was, or at another home than now. A port that died has told its holders, and
 * this right would come after that; one that has moved since is given as its new home's.
 */
static void right_regive(struct netipc *e, struct peer *to, struct nw_right *r)
{
	struct netipc_export *x = export_find(e, &r->uid);
	struct netipc_proxy *p;
	struct transit *t = r->transit != 0 ? transit_find(to, r->transit) : transit_given(to, &r->uid, r->once_id);
	struct once_ref *o = t != NULL ? t->once : NULL;

	if (x != NULL && r->uid.moves == x->uid.moves)
		return;
	if (x != NULL) { /* it was away meanwhile: this is another list */
		if (r->kind == NW_RIGHT_SEND && r->transit == 0) {
			bool granted = holder_grant(e, x, to);

			named_end(e, r);
			r->kind = granted ? NW_RIGHT_SEND : NW_RIGHT_DEAD;
		}
		if (r->kind == NW_RIGHT_SEND_ONCE)
			once_regive(e, to, x, r, t);
		r->uid.moves = x->uid.moves;
		r->home_node = e->c.self;
		r->home_incarnation = e->incarnation;
		return;
	}
	if (r->transit == 0)
		named_end(e, r);
	p = proxy_find(e, &r->uid);
	if (!names_self(e, r) && (t == NULL || (p != NULL && r->uid.moves == p->uid.moves)))
		return;
	if (p == NULL || p->dead || p->home == NULL || p->arriving != NULL ||
	    (t == NULL && (pool_left(&e->transit_pool) == 0 || pool_left(&e->once_ref_pool) == 0))) {
		r->kind = NW_RIGHT_DEAD;
		if (t != NULL)
			transit_end(e, t);
		return;
	}
	p->pins++;
	if (t != NULL) {
		t->once = NULL;
		transit_end(e, t);
	} else if (r->kind == NW_RIGHT_SEND_ONCE) {
		o = proxy_add_once(e, p, r);
	}
	right_leave(e, to, p, o, r);
	proxy_unpin(e, p);
}

/* A slot is kept for m: once more, as a new record. */
static void message_requeue(struct netipc *e, struct netipc_message *m)
{
	struct nw_message *w = (struct nw_message *)m->r.data;
	struct nw_right *rights = message_rights(m);

	m->resend = false;
	w->resend_of = m->parked_number;
	for (uint32_t i = 0; i < w->rights; i++)
		if ((rights[i].kind == NW_RIGHT_SEND || rights[i].kind == NW_RIGHT_SEND_ONCE) &&
		    (names_self(e, &rights[i]) || rights[i].transit != 0))
			right_regive(e, m->r.peer, &rights[i]);
	list_remove(&m->r.link);
	m->r.number = 0;
	m->state = M_QUEUED;
	e->stats.resends++;
	stream_queue(e, &m->r);
}

void message_resend(struct netipc *e, struct peer *p, uint64_t number)
{
	struct netipc_message *m = find_number(&p->parked, number, true);

	if (m == NULL || m->retracting)
		return;
	if (m->r.in_flight)
		m->resend = true; /* E1: its bytes are about to change */
	else
		message_requeue(e, m);
}

void message_landed(struct netipc *e, struct netipc_message *m)
{
	if (m->resend && m->state == M_PARKED)
		message_requeue(e, m);
	else
		message_try_free(e, m);
}

void message_retracted(struct netipc *e, struct peer *p, uint64_t number)
{
	struct netipc_message *m = find_number(&p->parked, number, true);

	if (m != NULL)
		message_settle(e, m, NETIPC_SENT_RETRACTED);
}

void netipc_retract(struct netipc *e, struct netipc_message *m, uint64_t now_ns)
{
	uint64_t number = m->r.number;

	e->now = now_ns;
	if (m->retracting || m->state == M_SETTLED || m->state == M_EXPOSED)
		return;
	e->stats.retracts++;
	m->retracting = true;
	m->resend = false;
	if (m->state == M_QUEUED && number == 0 && m->parked_number == 0) {
		message_settle(e, m, NETIPC_SENT_RETRACTED);
		engine_flush(e);
		return;
	}
	if (m->state == M_QUEUED && number == 0) { /* granted, not yet sent again */
		list_remove(&m->r.link);
		list_add_tail(&m->r.peer->parked, &m->r.link);
		m->state = M_PARKED;
	}
	if (m->state == M_PARKED)
		number = m->parked_number;
	stream_verdict(e, m->r.peer, NW_RETRACT, number, NW_OK);
	engine_flush(e);
}

void message_peer_died(struct netipc *e, struct peer *p)
{
	struct list *lists[] = { &p->unacked, &p->parked, &p->queue };

	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		LIST_FOR_EACH_SAFE(l, next, lists[i]) {
			struct record *r = container_of(l, struct record, link);

			if (r->message != NULL)
				message_settle(e, r->message, NETIPC_SENT_TRANSPORT);
		}
	while (!list_empty(&p->exposed))
		message_expose_end(e, list_first(&p->exposed, struct record, link)->message);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.c - one numbered, in-order, exactly-once stream of records in each direction to each peer.
 *
 * Out: queue -> posted (unacked, in flight) -> acknowledged by the peer's header -> freed. A message that
 * was FULL goes to parked in between. In: arrival -> (inbound) -> processed. See engine.h, E1..E4.
 *
 * Records of the immediate kinds take effect on arrival even while a message before them waits for its
 * verdict: an ack that comes behind a FULL must not overtake it, and a pull must not wait for itself. For the
 * same reason they go before other records in the queue and are not held by the window. They are harmless
 * when a replay brings them again.
 */
#include "engine/engine.h"

static bool is_immediate(uint8_t type)
{
	switch (type) {
	case NW_FULL:
	case NW_REFUSED:
	case NW_RESEND:
	case NW_RETRACTED:
	case NW_TRANSIT_DONE:
	case NW_NEXT:
	case NW_CHUNK:
	case NW_RELEASE:
		return true;
	default:
		return false;
	}
}

static bool is_verdict(uint8_t type)
{
	return type == NW_FULL || type == NW_REFUSED;
}

/* ---- out ---- */

/* True if a step that may queue some records can be taken now. */
bool stream_room(const struct netipc *e)
{
	return pool_left(&e->record_pool) > e->record_pool.total / 4;
}

/*
 * True if a record that this node's own doings call for, and that can wait, may be queued now. What others ask
 * must find room when all nodes let go of all they hold at once: none could hear the answers otherwise.
 */
bool stream_room_own(const struct netipc *e)
{
	return pool_left(&e->record_pool) > e->record_pool.total / 2;
}

void stream_dirty(struct netipc *e, struct peer *p)
{
	if (p->dirty || peer_gone(p))
		return;
	p->dirty = true;
	list_add_tail(&e->dirty, &p->dirty_link);
}

/* Not held by the window: replays, and what the peer handles at once, in whatever state it is. */
static bool goes_first(const struct record *r)
{
	return r->number != 0 || is_immediate(r->type);
}

void stream_queue(struct netipc *e, struct record *r)
{
	struct peer *p = r->peer;
	struct list *before = p->queue.next;

	if (is_immediate(r->type)) /* before what may have to wait for the window */
		while (before != &p->queue && goes_first(container_of(before, struct record, link)))
			before = before->next;
	else
		before = &p->queue;
	list_add_tail(before, &r->link);
	p->queued_verdicts += is_verdict(r->type);
	stream_dirty(e, p);
}

/* A control record at the end of p's queue, zeroed behind its header; NULL: none left. */
struct record *stream_control(struct netipc *e, struct peer *p, enum nw_record_type type,
			      uint32_t length)
{
	struct record *r;
	struct control *c;
	struct nw_header *h;

	if (peer_gone(p))
		return NULL;
	c = pool_get(&e->record_pool);
	if (c == NULL)
		return NULL;
	r = &c->r;
	memset(r, 0, sizeof(*r));
	memset(c->bytes, 0, length);
	list_init(&r->link);
	list_init(&r->flight);
	r->peer = p;
	r->type = type;
	r->data = c->bytes;
	r->length = length;
	h = (struct nw_header *)r->data;
	h->version = NW_VERSION;
	h->type = type;
	h->length = length;
	if (type != NW_ACK)
		stream_queue(e, r);
	return r;
}

void stream_verdict(struct netipc *e, struct peer *p, enum nw_record_type type, uint64_t number,
		    enum nw_code code)
{
	struct record *r = stream_control(e, p, type, sizeof(struct nw_verdict));
	struct nw_verdict *v;

	if (r == NULL)
		return;
	v = (struct nw_verdict *)r->data;
	v->number = number;
	v->code = code;
	if (is_verdict(type))
		r->verdict = number;
}

bool stream_ref(struct netipc *e, struct peer *p, enum nw_record_type type, const struct nw_uid *uid,
		uint64_t check, uint64_t once_id, uint64_t count, uint32_t code, uint32_t hop)
{
	struct record *r = stream_control(e, p, type, sizeof(struct nw_ref));
	struct nw_ref *ref;

	if (r == NULL)
		return false;
	ref = (struct nw_ref *)r->data;
	ref->uid = *uid;
	ref->check = check;
	ref->once_id = once_id;
	ref->count = count;
	ref->code = code;
	ref->hop = hop;
	return true;
}

static uint64_t record_mac(const struct netipc *e, uint64_t from, uint64_t to, const uint8_t *data,
			   uint32_t length)
{
	uint64_t ends[2] = { from, to };
	struct nw_header h;
	struct siphash s;

	memcpy(&h, data, sizeof(h));
	h.mac = 0;
	siphash_start(&s, &e->key);
	siphash_add(&s, ends, sizeof(ends));
	siphash_add(&s, &h, sizeof(h));
	siphash_add(&s, data + sizeof(h), length - sizeof(h));
	return siphash_end(&s);
}

/* E4: what may be told now. */
static uint64_t ack_value(const struct peer *p)
{
	if (p->queued_verdicts > 0)
		LIST_FOR_EACH(l, &p->queue) {
			const struct record *r = container_of(l, struct record, link);

			if (is_verdict(r->type) && r->verdict != 0 && r->verdict <= p->processed)
				return r->verdict - 1;
		}
	return p->processed;
}

static bool post(struct netipc *e, struct peer *p, struct record *r, bool last)
{
	struct nw_header *h = (struct nw_header *)r->data;
	struct np_sge sge = { r->data, r->length };
	uint64_t ack = ack_value(p);
	uint32_t flags = last ? NP_SEND_IDLE : 0;
	bool fresh = r->number == 0;
	int rc;

	if (r->type == NW_ACK)
		h->number = p->sent;
	else if (fresh)
		h->number = p->sent + 1;
	if (r->message != NULL && r->message->pull_size > 0 && !r->message->registered)
		bulk_expose(e, r->message, 0);
	if (ack < p->ack_sent) /* told before a queue pair's error; saying less does no harm */
		ack = p->ack_sent;
	h->ack = ack;
	h->window = (uint16_t)p->in_window;
	h->mac = e->c.keyed ? record_mac(e, e->incarnation, p->incarnation, r->data, r->length) : NW_NO_MAC;
	if (p->flight_count % SOLICIT_EVERY == SOLICIT_EVERY - 1)
		flags |= NP_SEND_SOLICIT_ACK;
	rc = e->provider->ops->post_send(e->provider, p->qp, &sge, 1, p->wr + 1, flags, e->now);
	if (rc != NP_OK)
		return false;
	r->wr = ++p->wr;
	r->in_flight = true;
	list_add_tail(&p->flight, &r->flight);
	p->flight_count++;
	if (r->type == NW_ACK) {
		e->stats.acks_sent++;
	} else {
		e->stats.records_sent++;
		if (fresh)
			p->sent++;
		r->number = h->number;
	}
	p->ack_sent = ack;
	if (ack == p->processed)
		p->ack_ns = 0;
	p->ack_now = p->ack_now && ack < p->processed;
	return true;
}

static void post_ack(struct netipc *e, struct peer *p)
{
	struct record *r;

	if (p->flight_count >= 48 && p->processed - p->ack_sent < WINDOW_START) {
		p->ack_ns = e->now + e->c.ack_delay_ns; /* leave the send queue to what matters */
		timer_at(e, p->ack_ns);
		return;
	}
	r = stream_control(e, p, NW_ACK, sizeof(struct nw_header));
	if (r == NULL)
		return;
	if (post(e, p, r, true)) {
		r->settled = true;
	} else {
		pool_put(&e->record_pool, r);
		p->ack_ns = e->now + e->c.ack_delay_ns;
		timer_at(e, p->ack_ns);
	}
	p->ack_now = false;
}

void stream_pump(struct netipc *e, struct peer *p)
{
	if (p->conn != CONN_UP) {
		if (!list_empty(&p->queue) || p->current || p->processed > p->ack_sent)
			conn_want(e, p);
		return;
	}
	while (!list_empty(&p->queue)) {
		struct record *r = list_first(&p->queue, struct record, link);

		if (!goes_first(r) && p->sent + 1 > p->acked + p->window)
			break;
		if (!post(e, p, r, r->link.next == &p->queue))
			break;
		p->queued_verdicts -= is_verdict(r->type);
		list_remove(&r->link);
		list_add_tail(&p->unacked, &r->link);
		if (r->message != NULL) {
			r->message->state = M_POSTED;
			r->message->ever_posted = true;
		}
	}
	if (p->ack_now && ack_value(p) > p->ack_sent)
		post_ack(e, p);
	else
		p->ack_now = false;
}

/* The record is settled: free it, or when the provider has let go of its bytes. */
void record_release(struct netipc *e, struct record *r)
{
	list_remove(&r->link);
	if (r->message != NULL) {
		message_try_free(e, r->message);
		return;
	}
	r->settled = true;
	if (!r->in_flight)
		pool_put(&e->record_pool, r);
}

static void landed(struct netipc *e, struct peer *p, struct record *r)
{
	list_remove(&r->flight);
	p->flight_count--;
	r->in_flight = false;
	if (r->message != NULL)
		message_landed(e, r->message);
	else if (r->settled)
		pool_put(&e->record_pool, r);
}

void stream_send_done(struct netipc *e, struct peer *p, uint64_t wr)
{
	while (!list_empty(&p->flight)) {
		struct record *r = list_first(&p->flight, struct record, flight);

		if (r->wr > wr)
			break;
		landed(e, p, r);
	}
	if (!list_empty(&p->queue))
		stream_dirty(e, p);
}

void stream_landed(struct netipc *e, struct peer *p)
{
	while (!list_empty(&p->flight))
		landed(e, p, list_first(&p->flight, struct record, flight));
}

/* A new queue pair is there: what the peer has not received goes first in the queue, in order. */
void stream_replay(struct netipc *e, struct peer *p)
{
	struct list again = LIST_INIT(again);

	LIST_FOR_EACH_SAFE(l, next, &p->unacked) {
		struct record *r = container_of(l, struct record, link);

		if (r->number < p->remote_expected)
			continue; /* received: its acceptance will come in the stream */
		list_remove(&r->link);
		list_add_tail(&again, &r->link);
		p->queued_verdicts += is_verdict(r->type);
		e->stats.replayed++;
		if (r->message != NULL)
			r->message->state = M_QUEUED;
	}
	list_splice_tail(&again, &p->queue);
	list_splice_tail(&p->queue, &again);
	p->ack_now = p->processed > 0;
	p->ack_sent = 0;
	stream_dirty(e, p);
}

static void acked(struct netipc *e, struct peer *p, uint64_t ack)
{
	if (ack > p->acked)
		p->acked = ack;
	while (!list_empty(&p->unacked)) {
		struct record *r = list_first(&p->unacked, struct record, link);

		if (r->number > ack)
			break;
		if (r->message != NULL)
			message_accepted(e, r->message);
		else
			record_release(e, r);
	}
	if (!list_empty(&p->queue))
		stream_dirty(e, p);
}

/* p has died: its control records go (send.c took the messages away). */
void stream_drop_outbound(struct netipc *e, struct peer *p)
{
	list_splice_tail(&p->unacked, &p->queue);
	while (!list_empty(&p->unacked))
		record_release(e, list_first(&p->unacked, struct record, link));
	p->queued_verdicts = 0;
}

/* ---- in ---- */

static void inbound_free(struct netipc *e, struct inbound *in)
{
	list_remove(&in->link);
	if (in->buffer != NULL)
		e->provider->ops->recv_done(e->provider, in->buffer);
	pool_put(&e->inbound_pool, in);
}

/* The first record of that type about that port among those that have arrived and not been handled. */
struct inbound *stream_find_inbound(struct peer *p, uint8_t type, const struct nw_uid *uid)
{
	LIST_FOR_EACH(l, &p->inbound) {
		struct inbound *in = container_of(l, struct inbound, link);
		struct nw_uid at;

		if (in->buffer == NULL || in->type != type)
			continue;
		memcpy(&at, in->data + sizeof(struct nw_header), sizeof(at));
		if (uid_equal(&at, uid))
			return in;
	}
	return NULL;
}

void stream_drop_inbound(struct netipc *e, struct peer *p)
{
	while (!list_empty(&p->inbound))
		inbound_free(e, list_first(&p->inbound, struct inbound, link));
	p->arrived = p->processed;
	if (p->current && p->current->number > p->arrived)
		p->arrived = p->current->number;
}

void stream_processed(struct netipc *e, struct peer *p, uint64_t number, bool urgent)
{
	uint32_t every = p->in_window / 2 < ACK_EVERY ? p->in_window / 2 : ACK_EVERY;

	p->processed = number;
	if (number - p->ack_sent >= p->in_window * 3 / 4 && p->in_window < WINDOW_MAX)
		p->in_window *= 2;
	if (urgent || number - p->ack_sent >= every) {
		p->ack_now = true;
		stream_dirty(e, p);
	} else if (p->ack_ns == 0) {
		p->ack_ns = e->now + e->c.ack_delay_ns;
		timer_at(e, p->ack_ns);
	}
}

static uint32_t least_length(uint8_t type)
{
	switch (type) {
	case NW_ACK:
		return sizeof(struct nw_header);
	case NW_MESSAGE:
		return sizeof(struct nw_message);
	case NW_FULL:
	case NW_REFUSED:
	case NW_RESEND:
	case NW_RETRACT:
	case NW_RETRACTED:
	case NW_RELEASE:
		return sizeof(struct nw_verdict);
	case NW_TRANSIT_DONE:
	case NW_MOVED_DONE:
		return sizeof(struct nw_transit);
	case NW_NEXT:
	case NW_CHUNK:
		return sizeof(struct nw_chunk);
	case NW_FLUSH:
	case NW_FLUSHED:
		return sizeof(struct nw_flush);
	case NW_MOVED:
		return sizeof(struct nw_moved);
	case NW_ONCE_HERE:
		return sizeof(struct nw_once);
	default:
		return sizeof(struct nw_ref);
	}
}

static void immediate(struct netipc *e, struct peer *p, uint8_t type, const uint8_t *data)
{
	struct nw_verdict v;
	struct nw_chunk c;
	struct nw_transit t;

	switch (type) {
	case NW_TRANSIT_DONE:
		memcpy(&t, data, sizeof(t));
		transit_done_in(e, p, &t);
		return;
	case NW_NEXT:
	case NW_CHUNK:
		memcpy(&c, data, sizeof(c));
		if (type == NW_NEXT)
			bulk_next_in(e, p, &c);
		else
			bulk_chunk_in(e, p, &c);
		return;
	}
	memcpy(&v, data, sizeof(v));
	if (type == NW_FULL)
		message_full(e, p, v.number);
	else if (type == NW_REFUSED)
		message_refused(e, p, v.number, v.code);
	else if (type == NW_RESEND)
		message_resend(e, p, v.number);
	else if (type == NW_RETRACTED)
		message_retracted(e, p, v.number);
	else
		message_released(e, p, v.number);
}

static void ordered(struct netipc *e, struct peer *p, struct inbound *in)
{
	struct nw_verdict v;
	struct nw_transit t;
	struct transit *found;
	struct nw_flush f;
	struct nw_ref ref;
	struct nw_moved moved;
	struct nw_once once;

	switch (in->type) {
	case NW_RETRACT:
		memcpy(&v, in->data, sizeof(v));
		retract_in(e, p, v.number);
		return;
	case NW_FLUSH:
	case NW_FLUSHED:
		memcpy(&f, in->data, sizeof(f));
		if (in->type == NW_FLUSH)
			peer_flush_asked(e, p, f.node, f.incarnation);
		else
			peer_flushed(e, p, f.node, f.incarnation);
		return;
	case NW_REGISTER:
	case NW_UNREGISTER:
	case NW_ONCE_REGISTER:
	case NW_ONCE_DESTROY:
	case NW_WANT_ROOM:
		memcpy(&ref, in->data, sizeof(ref));
		export_ref_in(e, p, in->type, &ref);
		return;
	case NW_REGISTERED:
	case NW_UNREGISTERED:
	case NW_ONCE_REGISTERED:
	case NW_PORT_DEAD:
	case NW_ROOM:
		memcpy(&ref, in->data, sizeof(ref));
		proxy_ref_in(e, p, in->type, &ref);
		return;
	case NW_MOVE:
	case NW_MOVE_DONE:
		memcpy(&ref, in->data, sizeof(ref));
		move_ref_in(e, p, in->type, &ref);
		return;
	case NW_MOVED:
		memcpy(&moved, in->data, sizeof(moved));
		move_moved_in(e, p, &moved);
		return;
	case NW_MOVED_DONE:
		memcpy(&t, in->data, sizeof(t));
		found = transit_find(p, t.transit);
		if (found != NULL && found->move)
			transit_end(e, found);
		return;
	case NW_ONCE_HERE:
		memcpy(&once, in->data, sizeof(once));
		move_once_in(e, p, &once);
		return;
	default: /* none is left: counted, passed over */
		e->stats.malformed++;
	}
}

/* Handle what has arrived in order, until a message waits for its verdict or its bytes. */
void stream_process(struct netipc *e, struct peer *p)
{
	while (!peer_gone(p) && p->current == NULL && !list_empty(&p->inbound) &&
	       (stream_room(e) || list_first(&p->inbound, struct inbound, link)->buffer == NULL)) {
		struct inbound *in = list_first(&p->inbound, struct inbound, link);

		if (in->buffer != NULL && in->type == NW_MESSAGE) {
			if (message_stalls(e, p, in)) {
				timer_at(e, e->now + STALL_NS);
				return;
			}
			if (peer_gone(p))
				return;
			message_in(e, p, in); /* keeps the buffer if it makes a delivery */
			p->stall_ns = 0;
			inbound_free(e, in);
			continue;
		}
		stream_processed(e, p, in->number, false);
		if (in->buffer != NULL)
			ordered(e, p, in);
		if (peer_gone(p))
			return; /* its inbound list is gone */
		inbound_free(e, in);
	}
	if (!list_empty(&p->inbound) && p->current == NULL && !peer_gone(p)) {
		/* No records left: acks free them, and a timer looks again. */
		p->ack_ns = p->ack_ns ? p->ack_ns : e->now + e->c.ack_delay_ns;
		timer_at(e, p->ack_ns);
	}
}

static bool record_good(struct netipc *e, struct peer *p, const struct np_event *ev,
			struct nw_header *h)
{
	if (ev->length < sizeof(*h))
		return false;
	memcpy(h, ev->data, sizeof(*h));
	if (h->version != NW_VERSION || h->type >= NW_RECORD_COUNT || h->length != ev->length ||
	    h->length < least_length(h->type) || h->ack > p->sent)
		return false;
	if (e->c.keyed && record_mac(e, p->incarnation, e->incarnation, ev->data, ev->length) != h->mac) {
		e->stats.bad_mac++;
		return false;
	}
	return true;
}

void stream_arrival(struct netipc *e, struct peer *p, const struct np_event *ev)
{
	struct inbound *in = NULL;
	struct nw_header h;

	if (!record_good(e, p, ev, &h)) {
		e->stats.malformed++;
		goto drop;
	}
	peer_heard(e, p);
	if (p->conn == CONN_HALF)
		conn_up(e, p);
	if (h.window > 0 && h.window <= WINDOW_MAX)
		p->window = h.window;
	acked(e, p, h.ack);
	if (h.type == NW_ACK)
		goto drop;
	if (h.number <= p->arrived) {
		e->stats.duplicates++;
		p->ack_now = true;
		stream_dirty(e, p);
		goto drop;
	}
	in = h.number == p->arrived + 1 ? pool_get(&e->inbound_pool) : NULL;
	if (in == NULL) { /* a gap, or a peer that does not heed its window */
		conn_down(e, p);
		goto drop;
	}
	e->stats.records_received++;
	p->arrived = h.number;
	*in = (struct inbound){ .data = ev->data, .buffer = ev->buffer, .length = ev->length,
				.number = h.number, .type = h.type };
	list_init(&in->link);
	list_add_tail(&p->inbound, &in->link);
	if (is_immediate(h.type)) {
		in->buffer = NULL; /* what follows may process and free it */
		immediate(e, p, h.type, ev->data);
		e->provider->ops->recv_done(e->provider, ev->buffer);
	}
	if (!peer_gone(p))
		stream_process(e, p);
	return;
drop:
	e->provider->ops->recv_done(e->provider, ev->buffer);
}

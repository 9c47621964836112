/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulk.c - bytes too many for a SEND: exposed in chunks by the sender, pulled by the receiver.
 *
 * Receiver: READs of up to 64 KiB, a few at a time, in order; at a chunk's end NEXT, and CHUNK tells the
 * next rkey; at the very end RELEASE. A queue pair's error voids all rkeys: NEXT again from what is done.
 * Invariants: B1 chunks begin where a piece of the sender's list begins; B2 done <= asked <= chunk_end.
 */
#include "engine/engine.h"

/* ---- the sender's side ---- */

void bulk_hide(struct netipc *e, struct netipc_message *m)
{
	if (m->registered)
		e->provider->ops->invalidate(e->provider, m->rkey);
	m->registered = false;
}

/* Expose a chunk that has the byte at offset; false: no region to be had now. */
bool bulk_expose(struct netipc *e, struct netipc_message *m, uint64_t offset)
{
	struct nw_message *w = (struct nw_message *)m->r.data;
	uint32_t first = m->chunk_piece, count = 0;
	uint64_t at = m->chunk_offset, bytes = 0;

	bulk_hide(e, m);
	if (offset < at)
		first = 0, at = 0;
	while (first < m->pull_count && at + m->pull[first].length <= offset)
		at += m->pull[first++].length;
	while (first + count < m->pull_count && count < CHUNK_PIECES &&
	       (count == 0 || bytes + m->pull[first + count].length <= CHUNK_BYTES))
		bytes += m->pull[first + count++].length;
	m->chunk_piece = first;
	m->chunk_offset = at;
	m->chunk_length = bytes;
	m->registered = count > 0 &&
			e->provider->ops->register_region(e->provider, m->r.peer->qp, &m->pull[first],
							  count, NP_ACCESS_REMOTE_READ,
							  &m->rkey) == NP_OK;
	if (m->state == M_QUEUED) { /* its MESSAGE tells the first chunk */
		w->rkey = m->registered ? m->rkey : 0;
		w->chunk = m->registered ? bytes : 0;
	}
	return m->registered;
}

void bulk_next_in(struct netipc *e, struct peer *p, const struct nw_chunk *c)
{
	struct list *lists[] = { &p->exposed, &p->unacked };
	struct netipc_message *m = NULL;
	struct nw_chunk *out;
	struct record *r;

	for (unsigned i = 0; i < 2 && m == NULL; i++)
		LIST_FOR_EACH(l, lists[i]) {
			struct record *at = container_of(l, struct record, link);

			if (at->message != NULL && at->number == c->number)
				m = at->message;
		}
	if (m == NULL || c->offset >= m->pull_size || p->conn != CONN_UP)
		return;
	r = stream_control(e, p, NW_CHUNK, sizeof(*out));
	if (r == NULL)
		return;
	out = (struct nw_chunk *)r->data;
	out->number = c->number;
	out->offset = c->offset;
	if (!bulk_expose(e, m, c->offset))
		return; /* length 0: ask again later */
	out->offset = m->chunk_offset;
	out->length = m->chunk_length;
	out->rkey = m->rkey;
}

/* ---- the receiver's side ---- */

void bulk_end(struct netipc *e, struct netipc_delivery *d, int status)
{
	struct peer *p = d->peer;

	d->state = D_PULLED;
	d->status = status;
	d->peer = NULL;
	upcall_add(e, &d->up, NETIPC_UP_PULLED);
	if (p == NULL)
		return;
	p->current = NULL;
	if (d->reads > 0)
		conn_down(e, p); /* the provider must not write there any more */
	stream_verdict(e, p, NW_RELEASE, d->number, status == NETIPC_OK ? NW_OK : NW_PULL_FAILED);
	stream_process(e, p);
}

static void next_send(struct netipc *e, struct netipc_delivery *d)
{
	struct record *r = stream_control(e, d->peer, NW_NEXT, sizeof(struct nw_chunk));
	struct nw_chunk *c;

	d->next_asked = r != NULL;
	d->retry_ns = e->now + (r ? 50 * PULL_RETRY_NS : PULL_RETRY_NS);
	timer_at(e, d->retry_ns);
	if (r == NULL)
		return;
	c = (struct nw_chunk *)r->data;
	c->number = d->number;
	c->offset = d->asked;
}

/* The local pieces of up to limit bytes at offset; returns their sum, 0: the list is too short. */
static uint32_t local_pieces(struct netipc_delivery *d, uint64_t offset, uint64_t limit,
			     struct np_sge *out, uint32_t *count)
{
	uint32_t bytes = 0, i;

	if (offset < d->local_piece_offset)
		d->local_piece = 0, d->local_piece_offset = 0;
	while (d->local_piece < d->local_count &&
	       d->local_piece_offset + d->local[d->local_piece].length <= offset)
		d->local_piece_offset += d->local[d->local_piece++].length;
	*count = 0;
	offset -= d->local_piece_offset;
	for (i = d->local_piece; i < d->local_count && *count < NP_MAX_SGE && bytes < limit; i++) {
		uint64_t part = d->local[i].length - offset;

		part = part < limit - bytes ? part : limit - bytes;
		out[(*count)++] = (struct np_sge){ (const uint8_t *)d->local[i].base + offset,
						   (uint32_t)part };
		bytes += (uint32_t)part;
		offset = 0;
	}
	return bytes;
}

void bulk_pump(struct netipc *e, struct netipc_delivery *d)
{
	struct peer *p = d->peer;
	struct np_sge sge[NP_MAX_SGE];
	uint32_t count, bytes;
	int rc;

	if (p->conn != CONN_UP) {
		conn_want(e, p);
		return;
	}
	while (d->reads < READS_OUTSTANDING && d->asked < d->chunk_end) {
		uint64_t limit = d->chunk_end - d->asked;

		bytes = local_pieces(d, d->asked, limit < READ_BYTES_MAX ? limit : READ_BYTES_MAX, sge,
				     &count);
		if (bytes == 0) {
			bulk_end(e, d, NETIPC_NO_MEMORY);
			return;
		}
		rc = e->provider->ops->post_read(e->provider, p->qp, sge, count,
						 d->asked - d->chunk_offset, d->rkey, d->asked, e->now);
		if (rc != NP_OK) {
			d->retry_ns = e->now + PULL_RETRY_NS / 10;
			timer_at(e, d->retry_ns);
			return;
		}
		d->read_bytes[d->reads++] = bytes;
		d->asked += bytes;
	}
	if (d->reads > 0 || d->asked < d->chunk_end)
		return;
	if (d->done == d->m.pull_size)
		bulk_end(e, d, NETIPC_OK);
	else if (!d->next_asked || d->retry_ns == 0)
		next_send(e, d);
}

void bulk_start(struct netipc *e, struct netipc_delivery *d)
{
	d->state = D_PULLING;
	d->rkey = d->m.rkey;
	d->chunk_end = d->m.chunk;
	e->provider->ops->recv_done(e->provider, d->buffer);
	d->buffer = NULL;
	e->stats.pulls++;
	bulk_pump(e, d);
}

void bulk_read_done(struct netipc *e, struct peer *p, int status)
{
	struct netipc_delivery *d = p->current;

	if (d == NULL || d->state != D_PULLING || d->reads == 0)
		return;
	if (status == NP_E_FLUSHED)
		return; /* the queue pair's error follows */
	if (status != NP_OK) {
		/* An rkey of before: ask for the bytes again over a new queue pair, a few times. */
		if (++d->failures > PULL_FAILURES_MAX)
			bulk_end(e, d, NETIPC_DEAD);
		else
			conn_down(e, p);
		return;
	}
	d->done += d->read_bytes[0];
	e->stats.pulled_bytes += d->read_bytes[0];
	d->reads--;
	for (uint32_t i = 0; i < d->reads; i++)
		d->read_bytes[i] = d->read_bytes[i + 1];
	bulk_pump(e, d);
}

void bulk_chunk_in(struct netipc *e, struct peer *p, const struct nw_chunk *c)
{
	struct netipc_delivery *d = p->current;

	if (d == NULL || d->state != D_PULLING || d->number != c->number || !d->next_asked)
		return;
	if (c->length == 0) {
		d->retry_ns = e->now + PULL_RETRY_NS;
		timer_at(e, d->retry_ns);
		return;
	}
	if (c->offset > d->asked || c->length > d->m.pull_size ||
	    c->offset > d->m.pull_size - c->length || c->offset + c->length <= d->asked) {
		bulk_end(e, d, NETIPC_DEAD);
		return;
	}
	d->next_asked = false;
	d->retry_ns = 0;
	d->chunk_offset = c->offset;
	d->chunk_end = c->offset + c->length;
	d->rkey = c->rkey;
	bulk_pump(e, d);
}

/* ---- the queue pair goes and comes ---- */

static void hide_all(struct netipc *e, struct list *list)
{
	LIST_FOR_EACH(l, list) {
		struct record *r = container_of(l, struct record, link);

		if (r->message != NULL)
			bulk_hide(e, r->message);
	}
}

void bulk_conn_down(struct netipc *e, struct peer *p)
{
	struct netipc_delivery *d = p->current;

	hide_all(e, &p->queue);
	hide_all(e, &p->unacked);
	hide_all(e, &p->parked);
	hide_all(e, &p->exposed);
	if (d == NULL || d->state != D_PULLING)
		return;
	d->asked = d->chunk_offset = d->chunk_end = d->done;
	d->reads = 0;
	d->next_asked = false;
	d->retry_ns = 0;
}

void bulk_conn_up(struct netipc *e, struct peer *p)
{
	if (p->current != NULL && p->current->state == D_PULLING && !p->current->next_asked)
		bulk_pump(e, p->current);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * event.c - receive buffers, and the queue of what the user has not fetched yet.
 *
 *   buffer: free -> filling (a SEND arrives, or a datagram waits for ARP) -> event -> out -> free
 *
 * Invariants: E1 the queue takes no memory of its own: a received SEND is queued by its buffer, the
 *   completions of a QP by the QP (I2). E2 a QP's error is the last of its events.
 */
#include "roce/roce_impl.h"

struct roce_buffer *roce_buffer_get(struct roce *r, uint32_t length)
{
	bool large = length > ROCE_SMALL_BYTES || list_empty(&r->small_free);
	struct list *from = large ? &r->large_free : &r->small_free;
	struct roce_buffer *b;

	if (list_empty(from))
		return NULL;
	b = container_of(from->next, struct roce_buffer, link.link);
	list_remove(&b->link.link);
	b->state = ROCE_B_FILLING;
	if (large)
		r->large_used++;
	else
		r->small_used++;
	return b;
}

void roce_buffer_free(struct roce *r, struct roce_buffer *b)
{
	list_remove(&b->link.link);
	b->state = ROCE_B_FREE;
	list_add_head(b->large ? &r->large_free : &r->small_free, &b->link.link);
	if (b->large)
		r->large_used--;
	else
		r->small_used--;
}

void roce_event_buffer(struct roce *r, struct roce_buffer *b)
{
	b->state = ROCE_B_EVENT;
	b->event.buffer = b;
	b->event.data = b->data;
	list_add_tail(&r->events, &b->link.link);
}

void roce_event_qp(struct roce *r, struct roce_qp *qp)
{
	if (qp->error_event)
		list_remove(&qp->event_link.link); /* E2: behind all it has received */
	if (list_empty(&qp->event_link.link))
		list_add_tail(&r->events, &qp->event_link.link);
}

void roce_events_of_qp_drop(struct roce *r, struct roce_qp *qp)
{
	list_remove(&qp->event_link.link);
	qp->error_event = false;
	qp->fetched = qp->done;
	LIST_FOR_EACH_SAFE(l, next, &r->events) {
		struct roce_event_link *link = container_of(l, struct roce_event_link, link);
		struct roce_buffer *b = container_of(link, struct roce_buffer, link);

		if (!link->is_qp && b->event.qp == qp->index)
			roce_buffer_free(r, b);
	}
}

/* The next completion of qp, or its error. Leaves the queue when there is no more. */
static void take_from_qp(struct roce *r, struct roce_qp *qp, struct np_event *event)
{
	*event = (struct np_event){ .kind = NP_EV_QP_ERROR, .qp = qp->index };
	while (qp->fetched != qp->done) {
		struct roce_work *work = roce_work_at(r, qp, qp->fetched);

		if (event->kind == NP_EV_SEND_DONE && work->op != ROCE_SEND)
			break; /* one event for a run of SENDs */
		event->kind = work->op == ROCE_SEND ? NP_EV_SEND_DONE :
			      work->op == ROCE_READ ? NP_EV_READ_DONE : NP_EV_WRITE_DONE;
		event->wr_id = work->wr_id;
		event->status = work->status;
		qp->fetched++;
		if (work->op != ROCE_SEND || work->status != NP_OK)
			break;
	}
	if (event->kind == NP_EV_QP_ERROR)
		qp->error_event = false;
	if (qp->fetched == qp->done && !qp->error_event)
		list_remove(&qp->event_link.link);
}

bool roce_next_event(struct provider *p, struct np_event *event)
{
	struct roce *r = roce_of(p);
	struct roce_event_link *link;
	struct roce_buffer *b;

	if (list_empty(&r->events))
		return false;
	link = container_of(r->events.next, struct roce_event_link, link);
	if (link->is_qp) {
		take_from_qp(r, container_of(link, struct roce_qp, event_link), event);
		return true;
	}
	b = container_of(link, struct roce_buffer, link);
	*event = b->event;
	if (event->kind == NP_EV_WRITE_IMM) { /* nothing in it but the event */
		event->buffer = NULL;
		event->data = NULL;
		roce_buffer_free(r, b);
		return true;
	}
	list_remove(&b->link.link);
	b->state = ROCE_B_OUT;
	return true;
}

void roce_recv_done(struct provider *p, void *buffer)
{
	struct roce_buffer *b = buffer;

	if (b->state == ROCE_B_OUT)
		roce_buffer_free(roce_of(p), b);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ack.c - what the responder sends back, at the requester: ACK, NAK, RNR, READ responses.
 *
 * Invariants:
 *  C1 nothing that was never sent can be acknowledged: psn < sent.
 *  C2 an acknowledgement covers all before it, except that a READ is done only when its bytes came: one
 *     that covers an unfinished READ says that its response was lost (IBTA 9.7.5.1.3).
 *  C3 bytes of a response are stored only at the place that una says, within the READ's own memory.
 */
#include "roce/roce_impl.h"

static void completed(struct roce *r, struct roce_qp *qp)
{
	qp->done++;
	roce_event_qp(r, qp);
}

/* una moved: windows, timers. */
static void progress(struct roce *r, struct roce_qp *qp, uint32_t old_una, uint64_t now_ns)
{
	uint32_t moved = (uint32_t)psn_diff(qp->una, old_una);

	if (psn_diff(qp->nxt, qp->una) < 0)
		qp->nxt = qp->una;
	if ((int32_t)(qp->sending - qp->done) < 0)
		qp->sending = qp->done;
	while (qp->reads > 0 && psn_diff(qp->una, qp->read_end[qp->read_first]) >= 0) {
		qp->read_first = (qp->read_first + 1) % ROCE_READS_MAX;
		qp->reads--;
	}
	if (qp->rtt_running && psn_diff(qp->una, qp->rtt_psn) > 0)
		roce_rtt_sample(r, qp, now_ns);
	qp->window = qp->window + moved < r->config.window ? qp->window + moved : r->config.window;
	qp->timeouts = 0;
	qp->lost_psn = PSN_MASK + 1;
	qp->progress_ns = now_ns;
	qp->retransmit_ns = qp->una == qp->end ? ROCE_NEVER : now_ns + roce_retransmit_after(r, qp);
	if (qp->nxt != qp->end)
		roce_qp_ready(r, qp);
	roce_timer_arm(r, qp);
}

/* All before upto is acknowledged; false: a READ stands before it unfinished (C2). */
static bool acknowledge(struct roce *r, struct roce_qp *qp, uint32_t upto, uint64_t now_ns)
{
	uint32_t old_una = qp->una;

	while (qp->done != qp->posted && psn_diff(upto, qp->una) > 0) {
		struct roce_work *work = roce_work_at(r, qp, qp->done);
		uint32_t end = psn_add(work->psn, work->packets);

		if (work->op == ROCE_READ)
			break;
		if (psn_diff(upto, end) < 0) {
			qp->una = upto;
			break;
		}
		qp->una = end;
		completed(r, qp);
	}
	if (qp->una != old_una)
		progress(r, qp, old_una, now_ns);
	return psn_diff(upto, qp->una) <= 0;
}

/* A response is missing: ask again, once for each place. */
static void response_lost(struct roce *r, struct roce_qp *qp)
{
	if (qp->lost_psn == qp->una)
		return;
	qp->lost_psn = qp->una;
	roce_requester_go_back(r, qp);
}

/* One loss: half of it, but what is unacknowledged is seldom all in flight, so not below a quarter. */
static void shrink_window(const struct roce *r, struct roce_qp *qp)
{
	uint32_t least = r->config.window / 4;

	if (qp->window > least)
		qp->window = qp->window / 2 > least ? qp->window / 2 : least ? least : 1;
}

/* How long an RNR code says to wait, ns (IBTA table 45). */
static uint64_t rnr_wait(uint8_t code)
{
	/* In units of 10 us; code 0 is the longest. */
	static const uint16_t wait[32] = { 65535, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96,
					   128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072,
					   4096, 6144, 8192, 12288, 16384, 24576, 32768, 49152 };

	return (uint64_t)wait[code & 31] * 10000;
}

static void nak_input(struct roce *r, struct roce_qp *qp, uint8_t code, uint64_t now_ns)
{
	struct roce_work *work;

	if (code == WIRE_NAK_SEQUENCE) {
		roce_count(r, nak_sequence_in);
		shrink_window(r, qp);
		roce_requester_go_back(r, qp);
		qp->retransmit_ns = now_ns + roce_retransmit_after(r, qp);
		roce_timer_arm(r, qp);
		return;
	}
	roce_count(r, nak_fatal_in);
	work = roce_work_at(r, qp, qp->done);
	if (qp->done != qp->posted) {
		work->status = code == WIRE_NAK_REMOTE_ACCESS ? NP_E_REMOTE_ACCESS : NP_E_INVALID;
		if (work->op != ROCE_SEND)
			completed(r, qp);
	}
	roce_qp_fail(r, qp);
}

void roce_ack_input(struct roce *r, struct roce_qp *qp, const struct roce_packet *p, uint64_t now_ns)
{
	const struct wire_aeth *aeth = (const void *)p->headers;
	uint8_t kind = aeth->syndrome & WIRE_AETH_KIND_MASK;
	bool nak = kind != WIRE_AETH_ACK;

	if ((kind != WIRE_AETH_ACK && kind != WIRE_AETH_RNR && kind != WIRE_AETH_NAK) ||
	    (kind == WIRE_AETH_NAK &&
	     (aeth->syndrome & WIRE_AETH_VALUE_MASK) > WIRE_NAK_OPERATIONAL)) {
		roce_count(r, drop_aeth);
		return;
	}
	if (psn_diff(p->psn, qp->sent) >= 0 || psn_diff(p->psn, qp->una) < 0) {
		/* C1; or it is about what was settled before, as after a retransmission. */
		roce_count(r, drop_psn);
		return;
	}
	if (!acknowledge(r, qp, nak ? p->psn : psn_add(p->psn, 1), now_ns)) {
		response_lost(r, qp);
		return;
	}
	if (kind == WIRE_AETH_ACK) {
		roce_count(r, acks_in);
	} else if (kind == WIRE_AETH_NAK) {
		nak_input(r, qp, aeth->syndrome & WIRE_AETH_VALUE_MASK, now_ns);
	} else {
		roce_count(r, rnr_in);
		roce_requester_go_back(r, qp);
		qp->wait_ns = now_ns + rnr_wait(aeth->syndrome & WIRE_AETH_VALUE_MASK);
		roce_timer_arm(r, qp);
	}
}

void roce_read_response_input(struct roce *r, struct roce_qp *qp, const struct roce_packet *p,
			      uint64_t now_ns)
{
	struct roce_work *work;
	uint32_t offset, left, old_una;
	struct roce_cursor c;

	if (psn_diff(p->psn, qp->sent) >= 0 || psn_diff(p->psn, qp->una) < 0) {
		roce_count(r, drop_psn);
		return;
	}
	if (!acknowledge(r, qp, p->psn, now_ns)) {
		response_lost(r, qp);
		return;
	}
	/* acknowledge() moved una to the response's PSN: work[done] is what it answers. */
	work = roce_work_at(r, qp, qp->done);
	if (qp->done == qp->posted || work->op != ROCE_READ || qp->una != p->psn) {
		roce_count(r, drop_psn);
		return;
	}
	offset = (uint32_t)psn_diff(p->psn, work->psn) << qp->mtu_shift;
	left = work->length - offset;
	if (p->length != (left < qp->mtu ? left : qp->mtu)) {
		roce_count(r, drop_length);
		return;
	}
	c = (struct roce_cursor){ work->sge, work->sge_count, 0, NULL };
	if (offset > 0)
		roce_cursor_skip(&c, offset);
	roce_cursor_store(&c, p->payload, p->length);
	old_una = qp->una;
	qp->una = psn_add(qp->una, 1);
	if (psn_diff(qp->una, work->psn) == (int32_t)work->packets)
		completed(r, qp);
	progress(r, qp, old_una, now_ns);
}

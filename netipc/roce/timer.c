/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer.c - a QP's three deadlines, and what happens when they pass.
 *
 *   retransmit_ns  something is unacknowledged and nothing moved for a retransmission time: first
 *                  a probe (the newest packet again, asking), then back to una with a window of one
 *                  packet; the time doubles up to retransmit_max_ns; after retry_limit_ns the QP fails
 *   wait_ns        the peer had no buffer (RNR): until then the requester is silent
 *   answer_ns      packets were received that nobody asked us to acknowledge: acknowledge them
 *
 * Invariants: T1 r->next_ns is not later than any armed deadline (it may be earlier: then a run finds
 *   nothing and sets it right).
 * References: RFC 6298 for the retransmission time; Karn: no sample from what was sent twice.
 */
#include "roce/roce_impl.h"

#define ASK_NEIGHBOUR_AFTER 3 /* timeouts in a row: the peer may have a new address */

void roce_timer_off(struct roce_qp *qp)
{
	list_remove(&qp->timer_link);
	qp->armed_ns = ROCE_NEVER;
}

void roce_timer_arm(struct roce *r, struct roce_qp *qp)
{
	uint64_t least = qp->retransmit_ns;

	if (qp->wait_ns < least)
		least = qp->wait_ns;
	if (qp->answer_ns < least)
		least = qp->answer_ns;
	if (qp->state != ROCE_QP_READY || least == ROCE_NEVER) {
		roce_timer_off(qp);
		return;
	}
	qp->armed_ns = least;
	if (list_empty(&qp->timer_link))
		list_add_tail(&r->timers, &qp->timer_link);
	if (least < r->next_ns)
		r->next_ns = least;
}

void roce_rtt_sample(struct roce *r, struct roce_qp *qp, uint64_t now_ns)
{
	uint64_t rtt = now_ns - qp->rtt_start, off;

	qp->rtt_running = false;
	if (qp->srtt == 0) {
		qp->srtt = rtt;
		qp->rttvar = rtt / 2;
	} else {
		off = rtt > qp->srtt ? rtt - qp->srtt : qp->srtt - rtt;
		qp->rttvar = (3 * qp->rttvar + off) / 4;
		qp->srtt = (7 * qp->srtt + rtt) / 8;
	}
	qp->rto = qp->srtt + 4 * qp->rttvar;
	if (qp->rto < r->config.retransmit_min_ns)
		qp->rto = r->config.retransmit_min_ns;
}

uint64_t roce_retransmit_after(const struct roce *r, const struct roce_qp *qp)
{
	uint64_t after = qp->rto << (qp->timeouts < 16 ? qp->timeouts : 16);

	return after < r->config.retransmit_max_ns ? after : r->config.retransmit_max_ns;
}

static void retransmit(struct roce *r, struct roce_qp *qp, uint64_t now_ns)
{
	if (now_ns - qp->progress_ns >= r->config.retry_limit_ns) {
		roce_qp_fail(r, qp);
		return;
	}
	roce_count(r, timeouts);
	r->blocked = false; /* whatever the driver forgot to say */
	qp->timeouts++;
	if (qp->timeouts > 1 || !roce_requester_probe(r, qp)) {
		qp->window = 1;
		roce_requester_go_back(r, qp);
	}
	if (qp->timeouts % ASK_NEIGHBOUR_AFTER == 0 && qp->neighbour->state == ROCE_N_KNOWN)
		roce_neighbour_ask(r, qp->neighbour, now_ns);
	qp->retransmit_ns = now_ns + roce_retransmit_after(r, qp);
}

static void expire(struct roce *r, struct roce_qp *qp, uint64_t now_ns)
{
	if (qp->answer_ns <= now_ns) {
		qp->answer_ns = ROCE_NEVER;
		roce_answer_ack(r, qp);
	}
	if (qp->wait_ns <= now_ns) {
		qp->wait_ns = ROCE_NEVER;
		roce_qp_ready(r, qp);
	}
	if (qp->retransmit_ns <= now_ns)
		retransmit(r, qp, now_ns);
}

void roce_timers_run(struct roce *r, uint64_t now_ns)
{
	if (now_ns < r->next_ns)
		return;
	r->next_ns = roce_neighbours_run(r, now_ns);
	LIST_FOR_EACH_SAFE(l, next, &r->timers) {
		struct roce_qp *qp = container_of(l, struct roce_qp, timer_link);

		if (qp->armed_ns <= now_ns)
			expire(r, qp, now_ns);
		roce_timer_arm(r, qp);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qp.c - the life of a queue pair.
 *
 *   FREE -> create -> RESET -> connect -> READY -> (fatal NAK either way, no progress for
 *   retry_limit_ns) -> ERROR;  any -> close -> FREE
 *
 * Invariants: Q1 a QPN is the index in the low bits, and above them bits from the keyed stream, never
 *   all zero; so a late packet for an earlier QP in the same place finds none (and its PSN is random).
 *   Q2 outside READY a QP is on no list but the events'.
 */
#include "roce/roce_impl.h"

struct roce_qp *roce_qp_at(struct roce *r, np_qp_t index)
{
	return index < r->config.qps && r->qps[index].state != ROCE_QP_FREE ? &r->qps[index] : NULL;
}

struct roce_qp *roce_qp_of_number(struct roce *r, uint32_t qpn)
{
	struct roce_qp *qp = &r->qps[qpn & (r->config.qps - 1)];

	return qp->state != ROCE_QP_FREE && qp->local.qpn == qpn ? qp : NULL;
}

void roce_qp_ready(struct roce *r, struct roce_qp *qp)
{
	if (qp->state == ROCE_QP_READY && list_empty(&qp->ready_link))
		list_add_tail(&r->ready, &qp->ready_link);
}

int roce_qp_create(struct provider *p, np_qp_t *index, struct np_qp_params *local)
{
	struct roce *r = roce_of(p);
	struct roce_qp *qp = r->qps;
	struct roce_work *works;
	uint64_t random = roce_random(r);
	uint32_t i = 0, high;

	while (i < r->config.qps && qp[i].state != ROCE_QP_FREE)
		i++;
	if (i == r->config.qps)
		return NP_E_NO_RESOURCE;
	qp += i;
	works = qp->works;
	memset(qp, 0, sizeof(*qp));
	qp->works = works;
	qp->state = ROCE_QP_RESET;
	qp->index = i;
	high = (uint32_t)(random >> 32) & (PSN_MASK >> r->index_bits);
	qp->local = (struct np_qp_params){ .qpn = i | (high ? high : 1) << r->index_bits,
					   .psn = (uint32_t)random & PSN_MASK,
					   .mtu = r->path_mtu, .addr = r->config.self };
	list_init(&qp->ready_link);
	list_init(&qp->timer_link);
	list_init(&qp->event_link.link);
	qp->event_link.is_qp = true;
	*index = i;
	*local = qp->local;
	return NP_OK;
}

/* The path MTU that both can do; 0: none. */
static uint32_t common_mtu(uint32_t a, uint32_t b)
{
	uint32_t least = a < b ? a : b, mtu = 4096;

	while (mtu > least)
		mtu /= 2;
	return mtu >= 256 ? mtu : 0;
}

int roce_qp_connect(struct provider *p, np_qp_t index, const struct np_qp_params *remote,
		    uint64_t now_ns)
{
	struct roce *r = roce_of(p);
	struct roce_qp *qp = roce_qp_at(r, index);

	if (qp == NULL || qp->state != ROCE_QP_RESET || remote->qpn > PSN_MASK ||
	    remote->psn > PSN_MASK)
		return NP_E_INVALID;
	qp->mtu = common_mtu(qp->local.mtu, remote->mtu);
	if (qp->mtu == 0)
		return NP_E_INVALID;
	qp->neighbour = roce_neighbour_get(r, remote->addr, roce_clock(r, now_ns));
	if (qp->neighbour == NULL)
		return NP_E_INVALID;
	qp->neighbour->references++;
	for (qp->mtu_shift = 8; qp->mtu >> qp->mtu_shift > 1; qp->mtu_shift++)
		;
	qp->remote = *remote;
	qp->una = qp->nxt = qp->sent = qp->end = qp->local.psn;
	qp->lost_psn = PSN_MASK + 1;
	qp->window = r->config.window;
	qp->retransmit_ns = qp->wait_ns = qp->answer_ns = qp->armed_ns = ROCE_NEVER;
	qp->rto = r->config.retransmit_start_ns;
	qp->progress_ns = roce_clock(r, now_ns);
	qp->epsn = remote->psn;
	roce_head_init(r, qp);
	qp->state = ROCE_QP_READY;
	return NP_OK;
}

/* Leaves READY: lists, the half-received SEND, what was posted. */
static void stop(struct roce *r, struct roce_qp *qp)
{
	list_remove(&qp->ready_link);
	roce_timer_off(qp);
	if (qp->buffer != NULL)
		roce_buffer_free(r, qp->buffer);
	qp->buffer = NULL;
	qp->posted = qp->sending = qp->done;
	qp->read_out = 0;
	if (qp->neighbour != NULL)
		qp->neighbour->references--;
	qp->neighbour = NULL;
}

void roce_qp_fail(struct roce *r, struct roce_qp *qp)
{
	if (qp->state != ROCE_QP_READY)
		return;
	roce_count(r, qp_errors);
	stop(r, qp);
	qp->state = ROCE_QP_ERROR;
	qp->error_event = true;
	roce_event_qp(r, qp);
}

void roce_qp_close(struct provider *p, np_qp_t index)
{
	struct roce *r = roce_of(p);
	struct roce_qp *qp = roce_qp_at(r, index);

	if (qp == NULL)
		return;
	if (qp->state == ROCE_QP_READY)
		stop(r, qp);
	roce_events_of_qp_drop(r, qp);
	roce_regions_of_qp_drop(r, index);
	qp->state = ROCE_QP_FREE;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* post.c - work is asked for: it gets its place in the queue and its PSNs, and starts if it may. */
#include "roce/roce_impl.h"

/* PSNs that may be posted and unacknowledged: far from where the circle would fold. */
#define PSN_AHEAD_MAX (1u << 22)

/*
 * Purpose: the common part of the posts: check, take a slot and PSNs.
 * Returns: NP_OK and *out, whose own fields the caller fills before start(); NP_E_*.
 */
static int take_slot(struct roce *r, np_qp_t index, enum roce_op op, const struct np_sge *sge,
		     uint32_t sge_count, uint64_t wr_id, uint64_t now_ns, struct roce_work **out)
{
	struct roce_qp *qp = roce_qp_at(r, index);
	struct roce_work *work;
	uint64_t length = 0, packets;

	if (qp == NULL || qp->state != ROCE_QP_READY || sge_count > NP_MAX_SGE)
		return NP_E_INVALID;
	if (qp->posted - qp->fetched == r->config.sends)
		return NP_E_AGAIN;
	work = roce_work_at(r, qp, qp->posted);
	for (uint32_t i = 0; i < sge_count; i++) {
		work->sge[i] = sge[i];
		length += sge[i].length;
	}
	packets = length ? (length + qp->mtu - 1) >> qp->mtu_shift : 1;
	if (length > (op == ROCE_SEND ? NP_SEND_MAX : 0x7fffffffu) || packets >= PSN_AHEAD_MAX / 2)
		return NP_E_INVALID;
	if ((uint32_t)psn_diff(qp->end, qp->una) + packets > PSN_AHEAD_MAX)
		return NP_E_AGAIN;
	work->op = op;
	work->wr_id = wr_id;
	work->sge_count = (uint8_t)sge_count;
	work->length = (uint32_t)length;
	work->solicit = 0;
	work->status = NP_OK;
	work->psn = qp->end;
	work->packets = (uint32_t)packets;
	if (qp->end == qp->una) { /* the queue was empty: time without progress starts now */
		qp->progress_ns = now_ns;
		qp->retransmit_ns = now_ns + roce_retransmit_after(r, qp);
	}
	qp->end = psn_add(qp->end, work->packets);
	qp->posted++;
	*out = work;
	return NP_OK;
}

static void start(struct roce *r, np_qp_t index, uint64_t now_ns)
{
	struct roce_qp *qp = &r->qps[index];

	if (!roce_requester_run(r, qp, now_ns))
		roce_qp_ready(r, qp);
	roce_timer_arm(r, qp);
}

int roce_post_send(struct provider *p, np_qp_t index, const struct np_sge *sge, uint32_t sge_count,
		   uint64_t wr_id, uint32_t flags, uint64_t now_ns)
{
	struct roce *r = roce_of(p);
	struct roce_work *work;
	uint64_t now = roce_clock(r, now_ns);
	int status = take_slot(r, index, ROCE_SEND, sge, sge_count, wr_id, now, &work);

	if (status != NP_OK)
		return status;
	/* NP_SEND_IDLE needs nothing: the peer's delayed acknowledgement and our probe cover it. */
	work->solicit = (flags & NP_SEND_SOLICIT_ACK) != 0;
	roce_count(r, sends_out);
	start(r, index, now);
	return NP_OK;
}

int roce_post_read(struct provider *p, np_qp_t index, const struct np_sge *local,
		   uint32_t sge_count, uint64_t remote_offset, uint32_t rkey, uint64_t wr_id,
		   uint64_t now_ns)
{
	struct roce *r = roce_of(p);
	struct roce_work *work;
	uint64_t now = roce_clock(r, now_ns);
	int status = take_slot(r, index, ROCE_READ, local, sge_count, wr_id, now, &work);

	if (status != NP_OK)
		return status;
	work->remote_offset = remote_offset;
	work->rkey = rkey;
	start(r, index, now);
	return NP_OK;
}

int roce_post_write(struct provider *p, np_qp_t index, const struct np_sge *sge, uint32_t sge_count,
		    uint64_t remote_offset, uint32_t rkey, bool with_imm, uint32_t imm,
		    uint64_t wr_id, uint64_t now_ns)
{
	struct roce *r = roce_of(p);
	struct roce_work *work;
	uint64_t now = roce_clock(r, now_ns);
	int status = take_slot(r, index, with_imm ? ROCE_WRITE_IMM : ROCE_WRITE, sge, sge_count,
			       wr_id, now, &work);

	if (status != NP_OK)
		return status;
	work->remote_offset = remote_offset;
	work->rkey = rkey;
	work->imm = imm;
	work->solicit = !with_imm; /* nothing else tells the writer that it is there */
	start(r, index, now);
	return NP_OK;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * send.c - the requester's packets: as far as the window allows, and again after a loss.
 *
 * When to ask for an acknowledgement (N7): at half a window (if that or its answer is lost, again in the
 * last quarter, before all stands still), at the end of a request that says so, on the first packet
 * after going back, on a probe. Otherwise not: the peer acknowledges by itself when it has heard
 * nothing for ack_delay_ns, and a READ's response acknowledges all before it.
 *
 * A long READ is asked for in parts of a quarter of the window, so that responses in flight are
 * bounded by the window as all else is.
 */
#include "roce/roce_impl.h"

/* Packets after which the next one asks: half a window, and more often in its last quarter. */
static uint32_t ask_after(const struct roce *r, const struct roce_qp *qp, uint32_t flying)
{
	uint32_t most = qp->window < r->config.sends ? qp->window : r->config.sends;

	return flying < most / 4 * 3 ? most / 2 : most / 8;
}

static uint32_t packet_length(const struct roce_qp *qp, const struct roce_work *work, uint32_t offset)
{
	uint32_t left = work->length - offset;

	return left < qp->mtu ? left : qp->mtu;
}

/* One packet of a SEND or WRITE; false: no room. */
static bool send_part(struct roce *r, struct roce_qp *qp, const struct roce_work *work, uint32_t psn,
		      bool ask)
{
	uint8_t bytes[WIRE_HEAD_MAX], *at = bytes + sizeof(struct wire_head);
	uint32_t index = (uint32_t)psn_diff(psn, work->psn), offset = index << qp->mtu_shift;
	bool first = index == 0, last = index == work->packets - 1;
	struct roce_cursor c = { work->sge, work->sge_count, 0, NULL };

	roce_packet_begin(qp, bytes, roce_opcode_of(work->op, first, last), psn, ask);
	if (first && work->op != ROCE_SEND) {
		*(struct wire_reth *)at = (struct wire_reth){ be64_put(work->remote_offset),
							      be32_put(work->rkey),
							      be32_put(work->length) };
		at += sizeof(struct wire_reth);
	}
	if (last && work->op == ROCE_WRITE_IMM) {
		*(struct wire_immediate *)at = (struct wire_immediate){ be32_put(work->imm) };
		at += sizeof(struct wire_immediate);
	}
	if (offset > 0)
		roce_cursor_skip(&c, offset);
	return roce_packet_send(r, qp, bytes, (uint32_t)(at - bytes), &c,
				packet_length(qp, work, offset));
}

/* A request for count packets of a READ from psn on. */
static bool send_read(struct roce *r, struct roce_qp *qp, const struct roce_work *work, uint32_t psn,
		      uint32_t count)
{
	uint8_t bytes[sizeof(struct wire_head) + sizeof(struct wire_reth)];
	struct wire_reth *reth = (void *)(bytes + sizeof(struct wire_head));
	uint32_t offset = (uint32_t)psn_diff(psn, work->psn) << qp->mtu_shift;
	uint32_t left = work->length - offset, most = count << qp->mtu_shift;

	roce_packet_begin(qp, bytes, WIRE_READ_REQUEST, psn, false);
	*reth = (struct wire_reth){ be64_put(work->remote_offset + offset), be32_put(work->rkey),
				    be32_put(left < most ? left : most) };
	return roce_packet_send(r, qp, bytes, sizeof(bytes), NULL, 0);
}

/* How many packets the next request of a READ takes; 0: it must wait. */
static uint32_t read_part(const struct roce *r, const struct roce_qp *qp,
			  const struct roce_work *work, uint32_t flying)
{
	uint32_t left = work->packets - (uint32_t)psn_diff(qp->nxt, work->psn);
	uint32_t part = r->config.window / 4 ? r->config.window / 4 : 1;

	if (part > left)
		part = left;
	if (qp->reads == r->config.reads)
		return 0;
	if (flying + part > qp->window)
		part = flying == 0 ? qp->window : 0;
	return part;
}

/* The packet at nxt went: nxt += count, and what follows from it. */
static void advance(struct roce *r, struct roce_qp *qp, uint32_t count, bool asked, uint64_t now_ns)
{
	bool again = psn_diff(qp->sent, qp->nxt) > 0;

	if (again)
		roce_count(r, retransmitted);
	if (asked && !again && !qp->rtt_running) {
		qp->rtt_running = true;
		qp->rtt_psn = qp->nxt;
		qp->rtt_start = now_ns;
	}
	qp->nxt = psn_add(qp->nxt, count);
	if (psn_diff(qp->nxt, qp->sent) > 0)
		qp->sent = qp->nxt;
	qp->must_ask = false;
}

bool roce_requester_run(struct roce *r, struct roce_qp *qp, uint64_t now_ns)
{
	bool room = true, any = false;

	if (qp->state != ROCE_QP_READY || qp->wait_ns != ROCE_NEVER ||
	    qp->neighbour->state != ROCE_N_KNOWN)
		return true;
	while (qp->nxt != qp->end) {
		struct roce_work *work = roce_work_at(r, qp, qp->sending);
		uint32_t flying = (uint32_t)psn_diff(qp->nxt, qp->una), count = 1;
		bool ask;

		if (psn_diff(qp->nxt, work->psn) == (int32_t)work->packets) {
			qp->sending++;
			continue;
		}
		if (flying >= qp->window)
			break;
		if (work->op == ROCE_READ) {
			count = read_part(r, qp, work, flying);
			if (count == 0)
				break;
			ask = true; /* its response answers */
			room = send_read(r, qp, work, qp->nxt, count);
		} else {
			ask = qp->must_ask || qp->since_request + 1 >= ask_after(r, qp, flying) ||
			      (work->solicit && psn_diff(qp->nxt, work->psn) + 1 ==
							(int32_t)work->packets);
			room = send_part(r, qp, work, qp->nxt, ask);
		}
		if (!room)
			break;
		if (work->op == ROCE_READ)
			qp->read_end[(qp->read_first + qp->reads++) % ROCE_READS_MAX] =
				psn_add(qp->nxt, count);
		qp->since_request = ask ? 0 : qp->since_request + 1;
		advance(r, qp, count, ask, now_ns);
		any = true;
	}
	if (any)
		qp->retransmit_ns = now_ns + roce_retransmit_after(r, qp);
	return room;
}

bool roce_requester_probe(struct roce *r, struct roce_qp *qp)
{
	struct roce_work *work;
	uint32_t i = qp->sending, newest = psn_add(qp->sent, PSN_MASK); /* sent - 1 */

	if (qp->nxt != qp->sent || qp->nxt == qp->una || qp->wait_ns != ROCE_NEVER)
		return false;
	/* sending may stand at the work before the next one, or at the next one. */
	if (i == qp->posted || psn_diff(newest, roce_work_at(r, qp, i)->psn) < 0)
		i--;
	work = roce_work_at(r, qp, i);
	if (work->op == ROCE_READ || !send_part(r, qp, work, newest, true))
		return false;
	roce_count(r, probes);
	return true;
}

void roce_requester_go_back(struct roce *r, struct roce_qp *qp)
{
	roce_count(r, go_backs);
	qp->nxt = qp->una;
	qp->sending = qp->done;
	qp->reads = 0;
	qp->since_request = 0;
	qp->must_ask = true;
	qp->rtt_running = false;
	roce_qp_ready(r, qp);
}

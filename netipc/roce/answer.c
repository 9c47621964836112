/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answer.c - the responder's packets: READ responses first, then one ACK or NAK for all before it.
 *
 * Invariants: W1 answers leave in the order of PSNs: what is acknowledged here comes after every READ
 *   queued before it, whose responses acknowledge what came before them.
 *   W2 an ACK speaks of the newest packet at the time it leaves, so many become one.
 */
#include "roce/roce_impl.h"

#define READ_BURST 16 /* packets of one QP before the next has its turn */

void roce_answer_ack(struct roce *r, struct roce_qp *qp)
{
	if (qp->answer == ROCE_ANSWER_NONE)
		qp->answer = ROCE_ANSWER_ACK;
	roce_qp_ready(r, qp);
}

void roce_answer_nak(struct roce *r, struct roce_qp *qp, uint8_t syndrome, bool fatal)
{
	qp->answer = fatal ? ROCE_ANSWER_FATAL : ROCE_ANSWER_NAK;
	qp->syndrome = syndrome;
	qp->answer_psn = qp->epsn;
	roce_qp_ready(r, qp);
}

void roce_answer_forget_reads(struct roce *r, struct roce_qp *qp, uint32_t psn)
{
	while (qp->read_out > 0) {
		struct roce_read *last =
			&qp->read[(qp->read_out_first + qp->read_out - 1) % ROCE_READS_MAX];

		if (psn_diff(psn_add(last->psn, last->packets), psn) <= 0)
			break;
		qp->read_out--;
	}
}

static uint8_t *aeth_put(struct roce_qp *qp, uint8_t *at, uint8_t syndrome)
{
	*(struct wire_aeth *)at = (struct wire_aeth){ syndrome, be24_put(qp->msn) };
	return at + sizeof(struct wire_aeth);
}

/* The next packet of the oldest READ. Returns false: no room. */
static bool send_response(struct roce *r, struct roce_qp *qp)
{
	struct roce_read *read = &qp->read[qp->read_out_first];
	uint8_t bytes[sizeof(struct wire_head) + sizeof(struct wire_aeth)];
	uint8_t *at = bytes + sizeof(struct wire_head);
	uint32_t n = read->length < qp->mtu ? read->length : qp->mtu;
	bool first = !read->begun, last = read->packets == 1;
	struct roce_cursor *c = read->begun ? NULL : &read->cursor;

	/* The region may have gone since the last packet (region.c, G2). */
	if (read->length > 0 && !roce_region_find(r, qp->index, read->rkey, read->offset,
						  read->length, NP_ACCESS_REMOTE_READ, c)) {
		if (read->again) {
			/* The requester had it all before: that is why the region went. */
			qp->read_out_first = (qp->read_out_first + 1) % ROCE_READS_MAX;
			qp->read_out--;
			return true;
		}
		qp->read_out = 0;
		roce_count(r, nak_fatal_out);
		roce_answer_nak(r, qp, WIRE_AETH_NAK | WIRE_NAK_REMOTE_ACCESS, true);
		qp->answer_psn = read->psn;
		return true;
	}
	roce_packet_begin(qp, bytes, roce_opcode_of_response(first, last), read->psn, false);
	if (first || last)
		at = aeth_put(qp, at, WIRE_AETH_ACK | WIRE_AETH_CREDITS_UNCOUNTED);
	if (!roce_packet_send(r, qp, bytes, (uint32_t)(at - bytes), &read->cursor, n))
		return false;
	roce_count(r, read_answers_out);
	read->begun = true;
	read->psn = psn_add(read->psn, 1);
	read->packets--;
	read->length -= n;
	read->offset += n;
	if (read->packets == 0) {
		qp->read_out_first = (qp->read_out_first + 1) % ROCE_READS_MAX;
		qp->read_out--;
	}
	return true;
}

static bool send_answer(struct roce *r, struct roce_qp *qp)
{
	uint8_t bytes[sizeof(struct wire_head) + sizeof(struct wire_aeth)];
	bool ack = qp->answer == ROCE_ANSWER_ACK;
	uint8_t syndrome = ack ? WIRE_AETH_ACK | WIRE_AETH_CREDITS_UNCOUNTED : qp->syndrome;
	uint32_t psn = ack ? psn_add(qp->epsn, PSN_MASK) /* epsn - 1 */ : qp->answer_psn;

	roce_packet_begin(qp, bytes, WIRE_ACKNOWLEDGE, psn, false);
	aeth_put(qp, bytes + sizeof(struct wire_head), syndrome);
	if (!roce_packet_send(r, qp, bytes, sizeof(bytes), NULL, 0))
		return false;
	if (ack)
		roce_count(r, acks_out);
	qp->answer_ns = ROCE_NEVER;
	if (qp->answer == ROCE_ANSWER_FATAL)
		roce_qp_fail(r, qp);
	qp->answer = ROCE_ANSWER_NONE;
	return true;
}

bool roce_responder_run(struct roce *r, struct roce_qp *qp)
{
	if (qp->read_out == 0 && qp->answer == ROCE_ANSWER_NONE)
		return true;
	if (qp->neighbour->state != ROCE_N_KNOWN)
		return true;
	for (uint32_t burst = 0; qp->read_out > 0; burst++) {
		if (burst == READ_BURST) {
			roce_qp_ready(r, qp);
			return true;
		}
		if (!send_response(r, qp))
			return false;
	}
	return qp->answer == ROCE_ANSWER_NONE || send_answer(r, qp);
}

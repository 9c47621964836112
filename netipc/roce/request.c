/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * request.c - what a requester sends, at the responder: SEND, WRITE, READ requests.
 *
 * Each packet with the expected PSN is first judged (nothing changes), then performed (cannot fail).
 *
 *   psn > epsn   a gap: one NAK, more only if the peer asks for an acknowledgement; dropped
 *   psn < epsn   a duplicate: SEND and WRITE are acknowledged again and not done again; a READ is
 *                answered again (IBTA 9.7.4.4)
 *   psn == epsn  judged: fine, RNR (no buffer), dropped (no place for a READ), or fatal: the QP dies
 *                after the NAK, as IBTA says for requests that are wrong in themselves
 *
 * Invariants: S1 a SEND or WRITE of several packets is first, middle ..., last, without others between;
 *   all but the last are full. S2 bytes land only in the buffer, or in a region that was checked for
 *   this very packet.
 */
#include "roce/roce_impl.h"

#define NAK(code) (WIRE_AETH_NAK | (code))
#define RNR_CODE 8u /* 160 us */

enum verdict { FINE, DROP, RNR, FATAL_INVALID, FATAL_ACCESS };

static const struct wire_reth *reth_of(const struct roce_packet *p)
{
	return (const void *)p->headers;
}

static uint32_t imm_of(const struct roce_packet *p)
{
	uint32_t at = p->opcode->flags & OP_RETH ? sizeof(struct wire_reth) : 0;

	return be32_get(((const struct wire_immediate *)(p->headers + at))->value);
}

static uint32_t read_packets(const struct roce_qp *qp, uint32_t length)
{
	return length ? (uint32_t)(((uint64_t)length + qp->mtu - 1) >> qp->mtu_shift) : 1;
}

/* S1 for SEND and WRITE. */
static bool in_place(const struct roce_qp *qp, const struct roce_packet *p)
{
	uint8_t flags = p->opcode->flags;
	enum roce_incoming now = p->opcode->kind == KIND_SEND ? ROCE_IN_SEND : ROCE_IN_WRITE;

	if (qp->incoming != (flags & OP_START ? ROCE_IN_NOTHING : now))
		return false;
	if ((flags & OP_END) == 0)
		return p->length == qp->mtu;
	return flags & OP_START || p->length > 0;
}

static enum verdict judge_send(struct roce *r, struct roce_qp *qp, const struct roce_packet *p)
{
	if (!in_place(qp, p))
		return FATAL_INVALID;
	if ((p->opcode->flags & OP_START) == 0)
		return qp->received + p->length <= NP_SEND_MAX ? FINE : FATAL_INVALID;
	qp->buffer = roce_buffer_get(r, p->opcode->flags & OP_END ? p->length : NP_SEND_MAX);
	return qp->buffer != NULL ? FINE : RNR;
}

static enum verdict judge_write(struct roce *r, struct roce_qp *qp, const struct roce_packet *p,
				struct roce_cursor *c)
{
	bool end = (p->opcode->flags & OP_END) != 0;
	uint64_t offset = qp->write_offset;
	uint32_t rkey = qp->write_rkey, length = qp->write_length, received = qp->received;

	if (!in_place(qp, p))
		return FATAL_INVALID;
	if (p->opcode->flags & OP_START) {
		offset = be64_get(reth_of(p)->address);
		rkey = be32_get(reth_of(p)->rkey);
		length = be32_get(reth_of(p)->length);
		received = 0;
	}
	/* The last packet brings the last byte, and no other does. */
	if (end ? received + (uint64_t)p->length != length : received + (uint64_t)p->length >= length)
		return FATAL_INVALID;
	if (length > 0 && (!roce_region_find(r, qp->index, rkey, offset, length,
					     NP_ACCESS_REMOTE_WRITE, NULL) ||
			   !roce_region_find(r, qp->index, rkey, offset + received, p->length,
					     NP_ACCESS_REMOTE_WRITE, c)))
		return FATAL_ACCESS;
	/* An immediate takes a buffer, as it takes a receive request elsewhere. */
	if (p->opcode->flags & OP_IMM && (qp->buffer = roce_buffer_get(r, 0)) == NULL)
		return RNR;
	qp->write_offset = offset;
	qp->write_rkey = rkey;
	qp->write_length = length;
	return FINE;
}

static enum verdict judge_read(struct roce *r, struct roce_qp *qp, const struct roce_packet *p)
{
	uint32_t length = be32_get(reth_of(p)->length);

	if (qp->incoming != ROCE_IN_NOTHING || length > 0x80000000u)
		return FATAL_INVALID;
	if (length > 0 && !roce_region_find(r, qp->index, be32_get(reth_of(p)->rkey),
					    be64_get(reth_of(p)->address), length,
					    NP_ACCESS_REMOTE_READ, NULL))
		return FATAL_ACCESS;
	return qp->read_out < r->config.reads ? FINE : DROP;
}

static void perform_send(struct roce *r, struct roce_qp *qp, const struct roce_packet *p)
{
	struct roce_buffer *b = qp->buffer;

	if (p->opcode->flags & OP_START)
		qp->received = 0;
	memcpy(b->data + qp->received, p->payload, p->length);
	qp->received += p->length;
	qp->incoming = ROCE_IN_SEND;
	if ((p->opcode->flags & OP_END) == 0)
		return;
	qp->incoming = ROCE_IN_NOTHING;
	qp->buffer = NULL;
	b->event = (struct np_event){ .kind = NP_EV_RECV, .qp = qp->index, .length = qp->received,
				      .imm = p->opcode->flags & OP_IMM ? imm_of(p) : 0,
				      .from = qp->remote.addr };
	roce_count(r, sends_in);
	roce_event_buffer(r, b);
}

static void perform_write(struct roce *r, struct roce_qp *qp, const struct roce_packet *p,
			  struct roce_cursor *c)
{
	struct roce_buffer *b = qp->buffer;

	if (p->opcode->flags & OP_START)
		qp->received = 0;
	roce_cursor_store(c, p->payload, p->length);
	qp->received += p->length;
	qp->incoming = p->opcode->flags & OP_END ? ROCE_IN_NOTHING : ROCE_IN_WRITE;
	if (p->opcode->flags & OP_END)
		roce_count(r, writes_in);
	if ((p->opcode->flags & OP_IMM) == 0)
		return;
	qp->buffer = NULL;
	b->event = (struct np_event){ .kind = NP_EV_WRITE_IMM, .qp = qp->index, .imm = imm_of(p),
				      .rkey = qp->write_length ? qp->write_rkey : 0,
				      .length = qp->write_length, .from = qp->remote.addr };
	roce_event_buffer(r, b);
}

static void perform_read(struct roce *r, struct roce_qp *qp, const struct roce_packet *p, bool again)
{
	struct roce_read *read = &qp->read[(qp->read_out_first + qp->read_out++) % ROCE_READS_MAX];
	uint32_t length = be32_get(reth_of(p)->length);

	*read = (struct roce_read){ .psn = p->psn, .packets = read_packets(qp, length),
				    .length = length, .rkey = be32_get(reth_of(p)->rkey),
				    .offset = be64_get(reth_of(p)->address), .again = again };
	roce_count(r, reads_in);
	roce_qp_ready(r, qp);
}

static void duplicate(struct roce *r, struct roce_qp *qp, const struct roce_packet *p)
{
	uint32_t packets;

	roce_count(r, duplicates);
	if (p->opcode->kind != KIND_READ_REQUEST) {
		if (p->ack_request)
			roce_answer_ack(r, qp);
		return;
	}
	/* Only what was asked for before: it must end where the requests so far end, or earlier. */
	packets = read_packets(qp, be32_get(reth_of(p)->length));
	if (packets > PSN_MASK / 2 || psn_diff(psn_add(p->psn, packets), qp->epsn) > 0)
		return;
	roce_answer_forget_reads(r, qp, p->psn);
	if (judge_read(r, qp, p) == FINE)
		perform_read(r, qp, p, true);
}

static void gap(struct roce *r, struct roce_qp *qp, const struct roce_packet *p)
{
	roce_count(r, out_of_order);
	if (qp->gap == ROCE_RNR_SENT || (qp->gap == ROCE_NAK_SENT && !p->ack_request))
		return;
	qp->gap = ROCE_NAK_SENT;
	roce_count(r, nak_sequence_out);
	roce_answer_nak(r, qp, NAK(WIRE_NAK_SEQUENCE), false);
}

static void refuse(struct roce *r, struct roce_qp *qp, enum verdict verdict)
{
	switch (verdict) {
	case RNR:
		qp->gap = ROCE_RNR_SENT;
		roce_count(r, rnr_out);
		roce_answer_nak(r, qp, WIRE_AETH_RNR | RNR_CODE, false);
		break;
	case DROP:
		roce_count(r, drop_no_buffer);
		break;
	default:
		roce_count(r, nak_fatal_out);
		roce_answer_nak(r, qp, NAK(verdict == FATAL_ACCESS ? WIRE_NAK_REMOTE_ACCESS :
								     WIRE_NAK_INVALID_REQUEST), true);
	}
}

void roce_request_input(struct roce *r, struct roce_qp *qp, const struct roce_packet *p,
			uint64_t now_ns)
{
	int32_t ahead = psn_diff(p->psn, qp->epsn);
	struct roce_cursor c = { 0 };
	enum verdict verdict;

	if (qp->answer == ROCE_ANSWER_FATAL)
		return;
	if (ahead != 0) {
		if (ahead > 0)
			gap(r, qp, p);
		else
			duplicate(r, qp, p);
		return;
	}
	verdict = p->opcode->kind == KIND_SEND ? judge_send(r, qp, p) :
		  p->opcode->kind == KIND_WRITE ? judge_write(r, qp, p, &c) : judge_read(r, qp, p);
	if (verdict != FINE) {
		refuse(r, qp, verdict);
		return;
	}
	qp->gap = ROCE_EXPECTED;
	if (qp->answer == ROCE_ANSWER_NAK) /* not sent yet, and settled meanwhile */
		qp->answer = ROCE_ANSWER_ACK;
	if (p->opcode->flags & OP_END)
		qp->msn = (qp->msn + 1) & PSN_MASK;
	if (p->opcode->kind == KIND_READ_REQUEST) {
		qp->epsn = psn_add(qp->epsn, read_packets(qp, be32_get(reth_of(p)->length)));
		perform_read(r, qp, p, false);
		return;
	}
	qp->epsn = psn_add(qp->epsn, 1);
	if (p->opcode->kind == KIND_SEND)
		perform_send(r, qp, p);
	else
		perform_write(r, qp, p, &c);
	if (p->ack_request) {
		roce_answer_ack(r, qp);
	} else {
		qp->answer_ns = now_ns + r->config.ack_delay_ns;
		roce_timer_arm(r, qp);
	}
}

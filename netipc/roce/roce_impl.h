/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roce_impl.h - the engine's objects and what its files call of each other.
 *
 *   link.c      frames in and out, the trailer (ICRC), transmit buffers
 *   arp.c ip.c  neighbours; IPv4, ICMP echo, UDP datagrams
 *   opcode.c    what each opcode is made of
 *   qp.c        create, connect, close, error        timer.c  deadlines, retransmission
 *   post.c      SEND, READ, WRITE are asked for      send.c   ... and become packets (requester)
 *   ack.c       what comes back to the requester     request.c  what comes to the responder
 *   answer.c    ACKs, NAKs, READ responses           region.c memory the peer may touch
 *   event.c     buffers and events                   roce.c   memory, the provider, roce_run
 *
 * A QP's packet sequence numbers (24 bits, compared by psn_diff):
 *
 *     una <= nxt <= sent <= end        requester
 *      |      |      |       `- after the last posted packet
 *      |      |      `- after the last packet ever sent (nxt falls back on a retransmission)
 *      |      `- the next to send
 *      `- the oldest that is not acknowledged; for a READ, not received
 *     epsn                             responder: the next that the peer must send
 *
 * and its work requests, a ring of `sends` entries indexed by counters that only grow:
 *
 *     fetched <= done <= sending <= posted
 *
 * Invariants:
 *  I1 una is in work[done], nxt in work[sending] (or equals end, and the index posted).
 *  I2 posted - fetched <= sends: a completion's slot is reused only after its event was fetched, so
 *     that events need no memory of their own.
 *  I3 a QP that has anything to send and may send it is on roce->ready.
 */
#pragma once

#include <base/list.h>
#include <base/siphash.h>
#include <base/string.h>
#include <wire/packet.h>

#include "roce/roce.h"

#define PSN_MASK 0xffffffu
#define ROCE_NEVER UINT64_MAX

/* a - b on the circle of 2^24, -2^23 .. 2^23-1. */
static inline int32_t psn_diff(uint32_t a, uint32_t b)
{
	return (int32_t)((a - b) << 8) >> 8;
}

static inline uint32_t psn_add(uint32_t psn, uint32_t n)
{
	return (psn + n) & PSN_MASK;
}

/* ---- memory as a sequence of pieces ---- */

#define ROCE_BLOCK_PIECES 15
struct roce_block {
	struct roce_block *next;
	struct np_sge piece[ROCE_BLOCK_PIECES];
};

/* A place in a chain of pieces. */
struct roce_cursor {
	const struct np_sge *piece;     /* the rest of this array ... */
	uint32_t count;                 /* ... is so many pieces */
	uint32_t offset;                /* into *piece */
	const struct roce_block *next;  /* where the chain goes on */
};

/* Skips n bytes; false: the chain ends before. */
bool roce_cursor_skip(struct roce_cursor *c, uint64_t n);
/* The next at most max contiguous bytes; 0: the end. */
uint32_t roce_cursor_take(struct roce_cursor *c, uint32_t max, uint8_t **at);
/* Copies n bytes from bytes into the chain. */
void roce_cursor_store(struct roce_cursor *c, const uint8_t *bytes, uint32_t n);

/* ---- neighbours ---- */

enum roce_neighbour_state { ROCE_N_FREE, ROCE_N_ASKED, ROCE_N_KNOWN };

struct roce_buffer;

struct roce_neighbour {
	enum roce_neighbour_state state;
	np_addr_t addr;
	uint8_t mac[6];
	uint32_t references;         /* QPs */
	uint32_t tries;
	uint64_t ask_ns;             /* ASKED: when to ask again */
	uint64_t used_ns;
	struct roce_buffer *waiting; /* one datagram */
};

/* ---- receive buffers ---- */

/* A link of roce->events: in a buffer (one event) or in a QP (its completions, then its error). */
struct roce_event_link {
	struct list link;
	bool is_qp;
};

struct roce_buffer {
	struct roce_event_link link; /* roce->events, or one of the free lists, or none */
	uint32_t capacity;
	bool large;
	enum { ROCE_B_FREE, ROCE_B_FILLING, ROCE_B_EVENT, ROCE_B_OUT } state;
	struct np_event event; /* while in roce->events */
	uint8_t *data;
};

/* ---- regions ---- */

struct roce_region {
	bool used;
	uint32_t rkey, access;
	np_qp_t qp;
	uint64_t length;
	struct roce_block *blocks; /* all full but the last, whose rest has length 0 */
	uint32_t block_count;
};

/* ---- work requests ---- */

enum roce_op { ROCE_SEND, ROCE_READ, ROCE_WRITE, ROCE_WRITE_IMM };

struct roce_work {
	uint64_t wr_id, remote_offset;
	uint32_t psn, packets; /* it takes psn .. psn + packets - 1 */
	uint32_t length, rkey, imm;
	uint8_t op, sge_count, solicit;
	int8_t status;
	struct np_sge sge[NP_MAX_SGE];
};

/* A READ that the peer asked for and that is not answered to its end. */
struct roce_read {
	uint32_t psn, packets; /* that remain */
	uint32_t length;       /* bytes that remain */
	uint32_t rkey;
	uint64_t offset;
	bool again; /* a duplicate: its requester may have all of it, and the region may have gone since */
	bool begun;
	struct roce_cursor cursor; /* valid when begun */
};

enum roce_qp_state { ROCE_QP_FREE, ROCE_QP_RESET, ROCE_QP_READY, ROCE_QP_ERROR };
/* What the peer is in the middle of. */
enum roce_incoming { ROCE_IN_NOTHING, ROCE_IN_SEND, ROCE_IN_WRITE };
enum roce_answer { ROCE_ANSWER_NONE, ROCE_ANSWER_ACK, ROCE_ANSWER_NAK, ROCE_ANSWER_FATAL };

struct roce_qp {
	enum roce_qp_state state;
	np_qp_t index;
	struct np_qp_params local, remote;
	uint32_t mtu, mtu_shift;
	struct roce_neighbour *neighbour;
	struct wire_head head; /* of every packet; a few fields change */
	uint32_t head_sum;     /* checksum of its IPv4 header as it stands */
	/* Packets follow that are alike up to the BTH: what is known of the last. Length 0: nothing is. */
	uint32_t sent_length, sent_crc; /* IPv4 length; the ICRC's state before the BTH */
	uint16_t sent_checksum;
	uint32_t heard_length, heard_crc;
	uint8_t heard[offsetof(struct wire_head, bth)]; /* of a packet of this QP's that was good */

	/* Requester. */
	struct roce_work *works;
	uint32_t posted, sending, done, fetched;
	uint32_t una, nxt, sent, end;
	uint32_t window;          /* in packets, now; shrinks on loss */
	uint32_t since_request;   /* packets since one asked for an acknowledgement */
	uint32_t reads, read_end[ROCE_READS_MAX], read_first; /* READ requests in flight, a ring */
	uint32_t lost_psn;        /* una for which a lost response made us go back, or PSN_MASK + 1 */
	bool must_ask;            /* the next packet asks */
	bool error_event;         /* not fetched yet */

	/* Timers, absolute; ROCE_NEVER: off. */
	uint64_t retransmit_ns, wait_ns /* after RNR */, answer_ns, armed_ns;
	uint64_t progress_ns;
	uint64_t rtt_start;
	uint32_t rtt_psn;
	bool rtt_running;
	uint32_t timeouts;        /* in a row */
	uint64_t srtt, rttvar, rto;

	/* Responder. */
	uint32_t epsn, msn;
	enum roce_incoming incoming;
	struct roce_buffer *buffer;  /* of the SEND that is arriving */
	uint32_t received;           /* its bytes so far, or the WRITE's */
	uint32_t write_rkey, write_length;
	uint64_t write_offset;
	uint32_t read_out_first, read_out; /* ring of read[] */
	enum roce_answer answer;
	uint8_t syndrome;
	uint32_t answer_psn;
	enum { ROCE_EXPECTED, ROCE_NAK_SENT, ROCE_RNR_SENT } gap; /* what epsn's absence was answered with */

	struct list ready_link, timer_link;
	struct roce_event_link event_link; /* initialised: not in roce->events */
	struct roce_read read[ROCE_READS_MAX]; /* last: a small call touches none of it */
};

struct roce_transmit_buffer {
	uint32_t next_free;
	bool busy;
	uint8_t *data;
};

struct roce {
	struct provider provider; /* first */
	struct roce_config config;
	struct siphash_key key;
	uint64_t serial;        /* input of the key's stream */
	uint32_t path_mtu, frame_max;
	uint32_t index_bits;    /* of a QPN */
	struct roce_qp *qps;
	struct roce_region *regions;
	struct roce_block *free_blocks;
	uint32_t blocks_used, regions_used, region_hint;
	struct roce_neighbour *neighbours;
	uint32_t neighbours_asked; /* of them ROCE_N_ASKED: the only ones with a timer */
	struct list small_free, large_free;
	uint32_t small_used, large_used;
	struct roce_transmit_buffer *transmit;
	uint32_t transmit_free, transmit_used; /* transmit_free: index, or UINT32_MAX */
	struct list events;     /* of roce_event_link */
	struct list ready, timers;
	bool blocked;           /* the driver had no room */
	uint64_t now_ns;        /* the latest that any caller said */
	uint64_t next_ns;       /* no timer is due before */
	uint64_t counters[ROCE_COUNTER_COUNT];
};

#define roce_count(r, name) ((r)->counters[ROCE_##name]++)

static inline struct roce *roce_of(struct provider *p)
{
	return container_of(p, struct roce, provider);
}

static inline struct roce_work *roce_work_at(struct roce *r, struct roce_qp *qp, uint32_t i)
{
	return &qp->works[i & (r->config.sends - 1)];
}

/* The time of an entry: callers may have read their clock before they had the lock. */
static inline uint64_t roce_clock(struct roce *r, uint64_t now_ns)
{
	if (r->now_ns < now_ns)
		r->now_ns = now_ns;
	return r->now_ns;
}

/* roce.c */
uint64_t roce_random(struct roce *r);

/* opcode.c */
enum roce_opcode_flags {
	OP_REQUEST = 1,   /* to the responder; else to the requester */
	OP_START = 2,     /* first or only */
	OP_END = 4,       /* last or only */
	OP_RETH = 8,
	OP_AETH = 16,
	OP_IMM = 32,
	OP_PAYLOAD = 64,  /* may carry bytes */
	OP_KNOWN = 128,
};
enum roce_opcode_kind { KIND_SEND, KIND_WRITE, KIND_READ_REQUEST, KIND_READ_RESPONSE, KIND_ACK };
struct roce_opcode {
	uint8_t flags, kind;
	uint8_t headers; /* bytes after the BTH */
};
extern const struct roce_opcode roce_opcodes[32];
/* Opcode of a part of a SEND or WRITE; start: its first packet, end: its last. */
uint8_t roce_opcode_of(enum roce_op op, bool start, bool end);
uint8_t roce_opcode_of_response(bool start, bool end);

/* A received packet, checked as far as it can be without its QP. */
struct roce_packet {
	const struct wire_head *head;
	const struct roce_opcode *opcode;
	const uint8_t *headers; /* after the BTH */
	const uint8_t *payload;
	uint32_t length;        /* of payload, without pad */
	uint32_t psn;
	np_addr_t from;
	bool ack_request;
};

/* link.c: each returns false if the frame could not go now. */
bool roce_output_pieces(struct roce *r, const struct np_sge *pieces, uint32_t count);
bool roce_output_buffer(struct roce *r, uint32_t buffer, uint32_t length);
uint32_t roce_transmit_buffer_get(struct roce *r); /* UINT32_MAX: none */
/*
 * Purpose: finish and send a packet of qp. head: the first head_length bytes, begun by
 *   roce_packet_begin(); payload: length bytes from c, which moves on only if the packet went.
 */
bool roce_packet_send(struct roce *r, struct roce_qp *qp, uint8_t *head, uint32_t head_length,
		      struct roce_cursor *c, uint32_t length);
void roce_packet_begin(struct roce_qp *qp, uint8_t *head, uint8_t opcode, uint32_t psn, bool ask);
void roce_head_init(struct roce *r, struct roce_qp *qp);
/* The ICRC's state after the IPv4 and UDP headers, and then the BTH: variable fields count as ones. */
uint32_t roce_icrc_route(const struct wire_head *head);
uint32_t roce_icrc_bth(uint32_t crc, const struct wire_bth *bth);

/* arp.c */
void roce_arp_input(struct roce *r, const uint8_t *frame, uint32_t length, uint64_t now_ns);
/* The neighbour at addr, asked for if it is new; NULL: no entry is free. */
struct roce_neighbour *roce_neighbour_get(struct roce *r, np_addr_t addr, uint64_t now_ns);
void roce_neighbour_learn(struct roce *r, np_addr_t addr, const uint8_t mac[6], bool create,
			  uint64_t now_ns);
void roce_neighbour_ask(struct roce *r, struct roce_neighbour *n, uint64_t now_ns);
/* Asks again where it is time; returns when next. */
uint64_t roce_neighbours_run(struct roce *r, uint64_t now_ns);

/* ip.c */
void roce_ip_input(struct roce *r, const uint8_t *frame, uint32_t length, uint64_t now_ns);
/* False: the frame is not one of a known QP's that is like the last; it is not looked at further. */
bool roce_packet_input_again(struct roce *r, const uint8_t *frame, uint32_t length, uint64_t now_ns);
int roce_datagram_send(struct roce *r, np_addr_t to, const void *data, uint32_t length,
		       uint64_t now_ns);
bool roce_datagram_output(struct roce *r, np_addr_t to, const uint8_t mac[6], const void *data,
			  uint32_t length);
uint32_t roce_sum(uint32_t sum, const void *bytes, uint32_t n);
uint16_t roce_sum_fold(uint32_t sum);

/* qp.c */
int roce_qp_create(struct provider *p, np_qp_t *index, struct np_qp_params *local);
int roce_qp_connect(struct provider *p, np_qp_t index, const struct np_qp_params *remote,
		    uint64_t now_ns);
void roce_qp_close(struct provider *p, np_qp_t index);
struct roce_qp *roce_qp_at(struct roce *r, np_qp_t index); /* NULL: not in use */
struct roce_qp *roce_qp_of_number(struct roce *r, uint32_t qpn);
/* The QP is dead: everything it held is free, the event is queued. */
void roce_qp_fail(struct roce *r, struct roce_qp *qp);
/* There may be something to send (I3). */
void roce_qp_ready(struct roce *r, struct roce_qp *qp);

/* post.c */
int roce_post_send(struct provider *p, np_qp_t index, const struct np_sge *sge, uint32_t sge_count,
		   uint64_t wr_id, uint32_t flags, uint64_t now_ns);
int roce_post_read(struct provider *p, np_qp_t index, const struct np_sge *local,
		   uint32_t sge_count, uint64_t remote_offset, uint32_t rkey, uint64_t wr_id,
		   uint64_t now_ns);
int roce_post_write(struct provider *p, np_qp_t index, const struct np_sge *sge, uint32_t sge_count,
		    uint64_t remote_offset, uint32_t rkey, bool with_imm, uint32_t imm,
		    uint64_t wr_id, uint64_t now_ns);

/* send.c: false: the driver has no room. */
bool roce_requester_run(struct roce *r, struct roce_qp *qp, uint64_t now_ns);
/* Send the newest packet once more and ask for an acknowledgement; false: it cannot be. */
bool roce_requester_probe(struct roce *r, struct roce_qp *qp);
void roce_requester_go_back(struct roce *r, struct roce_qp *qp);

/* ack.c */
void roce_ack_input(struct roce *r, struct roce_qp *qp, const struct roce_packet *p, uint64_t now_ns);
void roce_read_response_input(struct roce *r, struct roce_qp *qp, const struct roce_packet *p,
			      uint64_t now_ns);

/* request.c */
void roce_request_input(struct roce *r, struct roce_qp *qp, const struct roce_packet *p,
			uint64_t now_ns);

/* answer.c */
bool roce_responder_run(struct roce *r, struct roce_qp *qp); /* false: no room */
void roce_answer_ack(struct roce *r, struct roce_qp *qp);
void roce_answer_nak(struct roce *r, struct roce_qp *qp, uint8_t syndrome, bool fatal);
/* The peer asks again from psn on: what is queued from there is superseded. */
void roce_answer_forget_reads(struct roce *r, struct roce_qp *qp, uint32_t psn);

/* timer.c */
void roce_timer_arm(struct roce *r, struct roce_qp *qp);
void roce_timer_off(struct roce_qp *qp);
void roce_timers_run(struct roce *r, uint64_t now_ns);
void roce_rtt_sample(struct roce *r, struct roce_qp *qp, uint64_t now_ns);
uint64_t roce_retransmit_after(const struct roce *r, const struct roce_qp *qp);

/* region.c */
int roce_region_register(struct provider *p, np_qp_t qp, const struct np_sge *pieces, uint32_t count,
			 uint32_t access, uint32_t *rkey);
void roce_region_invalidate(struct provider *p, uint32_t rkey);
void roce_regions_of_qp_drop(struct roce *r, np_qp_t qp);
/* Where [offset, offset + length) of rkey begins; false: qp's peer may not do that. */
bool roce_region_find(struct roce *r, np_qp_t qp, uint32_t rkey, uint64_t offset, uint64_t length,
		      uint32_t access, struct roce_cursor *c);

/* event.c */
struct roce_buffer *roce_buffer_get(struct roce *r, uint32_t length); /* NULL: none */
void roce_buffer_free(struct roce *r, struct roce_buffer *b);
void roce_event_buffer(struct roce *r, struct roce_buffer *b); /* b->event is filled in */
void roce_event_qp(struct roce *r, struct roce_qp *qp); /* a completion or the error waits in qp */
void roce_events_of_qp_drop(struct roce *r, struct roce_qp *qp);
bool roce_next_event(struct provider *p, struct np_event *event);
void roce_recv_done(struct provider *p, void *buffer);

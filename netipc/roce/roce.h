/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roce.h - RoCEv2 reliable connections in software: frames in, frames out, a provider (provider.h) on top.
 *
 * Interface: size = roce_memory_bytes(&config); r = roce_init(memory, size, &config); then
 *   frames that arrive: roce_input() for each, and roce_run() once after a batch (acknowledgements and
 *     READ answers leave there);
 *   calls of roce_provider(r)->ops; a post sends at once what the window allows;
 *   roce_run() at the deadline that the last roce_run() returned, or earlier. A post or an input may
 *     make the deadline earlier: ask roce_deadline() after it.
 * Frames leave by config.output, from within any of these calls; a driver may ring its bell once, after
 * the call returned.
 *
 * Invariants:
 *  R1 nothing here reads a clock, allocates, blocks, or calls anything but config.output and lib/base.
 *  R2 a SEND that fits one packet is one packet, its bytes copied at most once (by the driver).
 *  R3 a frame given to output with cookie 0 is copied before output returns; one with a cookie lies in
 *     memory of the engine's own: the bytes of a work request are never read after its completion.
 *  R4 every field of a received frame is checked before it is used; what is wrong is counted and dropped.
 *  R5 the transport gives a peer up only after retry_limit_ns without any progress.
 * Locking: none inside; the caller's one lock around every call. config.output runs under it.
 * References: InfiniBand Architecture Specification volume 1, chapter 9 and annex A17; RFC 6298.
 */
#pragma once

#include <netipc/provider.h>

enum roce_sent {
	ROCE_SENT_COPIED = 0, /* the pieces may be reused now */
	ROCE_SENT_HELD,       /* cookie's piece stays in use until roce_transmitted(cookie) */
	ROCE_SENT_NO_ROOM,    /* nothing was sent; roce_room() will be called */
	ROCE_SENT_BAD,        /* the frame can never be sent */
};

/* Frames up to this long go out with cookie 0, in pieces that the driver copies. */
#define ROCE_COPY_BYTES 256u
/* Pieces of one frame: headers, the SEND's pieces, the trailer. */
#define ROCE_PIECES_MAX (NP_MAX_SGE + 2u)

#define ROCE_DATAGRAM_PORT_DEFAULT 49877u
#define ROCE_DATAGRAM_MAX 1024u

struct roce_config {
	np_addr_t self, netmask; /* host byte order; peers are on this subnet */
	uint8_t mac[6];
	uint32_t link_mtu;       /* bytes after the Ethernet header; the path MTU follows from it */
	uint32_t qps;            /* power of two, at most 4096 */
	uint32_t sends;          /* work requests of a QP, power of two */
	uint32_t window;         /* packets of a QP in flight, at most */
	uint32_t reads;          /* READs of a QP in progress, each way, at most ROCE_READS_MAX */
	uint32_t small_buffers;  /* receive buffers for datagrams and SENDs up to ROCE_SMALL_BYTES */
	uint32_t large_buffers;  /* receive buffers of NP_SEND_MAX */
	uint32_t regions;        /* power of two */
	uint32_t pieces;         /* of all regions together */
	uint32_t transmit_buffers; /* frames over ROCE_COPY_BYTES that the driver may hold */
	uint32_t neighbours;     /* ARP cache */
	uint16_t datagram_port;  /* UDP, 0: ROCE_DATAGRAM_PORT_DEFAULT */
	uint64_t random[2];      /* unpredictable: QPNs, PSNs and rkeys come from it */
	/* Times in ns, 0: the default. */
	uint64_t retransmit_min_ns;   /* 2 ms */
	uint64_t retransmit_start_ns; /* 10 ms, until a round trip was measured */
	uint64_t retransmit_max_ns;   /* 500 ms */
	uint64_t ack_delay_ns;        /* 1 ms: an acknowledgement nobody asked for */
	uint64_t retry_limit_ns;      /* 120 s */
	/* Transmit one frame, Ethernet header included, no FCS. flags: none yet, 0. */
	enum roce_sent (*output)(void *ctx, const struct np_sge *pieces, uint32_t count,
				 uint32_t flags, uint64_t cookie);
	void *output_ctx;
};
#define ROCE_SMALL_BYTES 1088u
#define ROCE_READS_MAX 16u

/* Sizes for a node kernel: about 4 MiB. The caller fills in addresses, link_mtu, random, output. */
#define ROCE_CONFIG_NODE \
	.qps = 64, .sends = 64, .window = 64, .reads = 8, .small_buffers = 512, \
	.large_buffers = 64, .regions = 1024, .pieces = 16384, .transmit_buffers = 256, \
	.neighbours = 128
/* For a hosted node. */
#define ROCE_CONFIG_HOSTED \
	.qps = 1024, .sends = 64, .window = 64, .reads = 8, .small_buffers = 4096, \
	.large_buffers = 512, .regions = 8192, .pieces = 131072, .transmit_buffers = 512, \
	.neighbours = 1024

/* What happened, counted. Names that begin with drop_ are frames that went no further. */
#define ROCE_COUNTERS(X) \
	X(frames_in) X(frames_out) X(no_room) X(no_transmit_buffer) \
	X(drop_short) X(drop_mac) X(drop_ethertype) X(drop_arp) X(drop_ip_header) \
	X(drop_ip_checksum) X(drop_ip_fragment) X(drop_ip_length) X(drop_ip_address) \
	X(drop_protocol) X(drop_icmp) X(drop_udp_length) X(drop_udp_checksum) X(drop_udp_port) \
	X(drop_datagram) X(drop_bth_short) X(drop_icrc) X(drop_bth_version) X(drop_opcode) \
	X(drop_pkey) X(drop_qpn) X(drop_qp_state) X(drop_source) X(drop_length) X(drop_psn) \
	X(drop_no_buffer) X(drop_aeth) \
	X(arp_requests) X(arp_replies) X(arp_conflict) X(icmp_echoes) X(datagrams_in) X(datagrams_out) \
	X(sends_in) X(sends_out) X(writes_in) X(reads_in) X(read_answers_out) X(acks_in) X(acks_out) \
	X(nak_sequence_in) X(nak_sequence_out) X(nak_fatal_in) X(nak_fatal_out) X(rnr_in) X(rnr_out) \
	X(duplicates) X(out_of_order) X(timeouts) X(probes) X(retransmitted) X(go_backs) X(qp_errors)

enum roce_counter {
#define ROCE_COUNTER_NUMBER(name) ROCE_##name,
	ROCE_COUNTERS(ROCE_COUNTER_NUMBER)
#undef ROCE_COUNTER_NUMBER
	ROCE_COUNTER_COUNT
};

struct roce;

/* Purpose: bytes of memory that roce_init() needs; 0: config is bad. */
size_t roce_memory_bytes(const struct roce_config *config);
/*
 * Purpose: make an engine in memory (aligned to 64, of at least roce_memory_bytes()). Transmit buffers
 *   lie in it: a driver that reads frames in place must be able to reach it.
 * Returns: the engine, or NULL: config is bad or size too small.
 */
struct roce *roce_init(void *memory, size_t size, const struct roce_config *config);
struct provider *roce_provider(struct roce *r);

/* A frame arrived: Ethernet header first, no FCS. It is not kept. */
void roce_input(struct roce *r, const uint8_t *frame, uint32_t length, uint64_t now_ns);
/* Send what is due, act on timers. Returns the next deadline; UINT64_MAX: none. */
uint64_t roce_run(struct roce *r, uint64_t now_ns);
/* Not later than when roce_run() must be called next. */
uint64_t roce_deadline(const struct roce *r);
/* The driver is done with the frame that it held. */
void roce_transmitted(struct roce *r, uint64_t cookie);
/* The driver has room again. Call roce_run() after it. */
void roce_room(struct roce *r);

/* ROCE_COUNTER_COUNT counters, and their names. */
const uint64_t *roce_counters(const struct roce *r);
extern const char *const roce_counter_names[ROCE_COUNTER_COUNT];
/* The largest path MTU that link_mtu carries: 256 .. 4096, 0: none. */
uint32_t roce_path_mtu(uint32_t link_mtu);
/* For leak checks: how many are in use. */
struct roce_usage {
	uint32_t qps, regions, pieces, small_buffers, large_buffers, transmit_buffers;
};
struct roce_usage roce_usage(const struct roce *r);

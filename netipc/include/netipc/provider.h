/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * provider.h - the contract between netipc and what moves its bytes: verbs-shaped, about ten calls.
 *
 * Behind it stand: fake (tests), roce (RoCEv2 in software over frames), verbs (rdma-core, hosted).
 * A provider is pure: no clock, threads or locks; every call takes now_ns where time matters; nothing
 * allocates after set-up. Calls never call back: what happened is fetched with next_event().
 *
 * Queue pairs are reliable connected (IBTA 9.7): SENDs arrive whole, once and in order, or the QP
 * goes to the error state and says so; then which of its SENDs arrived is unknown (design N2).
 * Connection set-up is netipc's hello, carried by send_datagram, which may be lost, doubled, reordered.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A node's address: IPv4 in host byte order; 0xffffffff: all nodes of the link. */
typedef uint32_t np_addr_t;
#define NP_ADDR_BROADCAST 0xffffffffu

/* Index of a queue pair of this provider, 0 .. max-1. */
typedef uint32_t np_qp_t;
#define NP_QP_NONE 0xffffffffu

/* What the other side must know of a QP to talk to it; travels in hello. Host byte order. */
struct np_qp_params {
	uint32_t qpn;  /* 24 bits */
	uint32_t psn;  /* 24 bits: the first that this side will send */
	uint32_t mtu;  /* path MTU that this side can do: 256, 512, 1024, 2048 or 4096 bytes */
	np_addr_t addr;
};

struct np_sge {
	const void *base;
	uint32_t length; /* bytes */
};

#define NP_MAX_SGE 8
/* A SEND is at most this long; every receive buffer holds it. */
#define NP_SEND_MAX 16384u

enum np_send_flags {
	NP_SEND_SOLICIT_ACK = 1, /* set AckReq on its last packet (N7: only when it pays) */
	NP_SEND_IDLE = 2,        /* the last before idle: an ack may be asked for after a delay */
};

enum np_access {
	NP_ACCESS_REMOTE_READ = 1,
	NP_ACCESS_REMOTE_WRITE = 2,
};

enum np_event_kind {
	NP_EV_NONE = 0,
	NP_EV_RECV,       /* a whole SEND: data, length; give it back with recv_done() */
	NP_EV_SEND_DONE,  /* every SEND up to and including wr_id is acknowledged by the peer's transport */
	NP_EV_READ_DONE,  /* wr_id; status */
	NP_EV_WRITE_DONE, /* wr_id; status */
	NP_EV_WRITE_IMM,  /* a peer's RDMA WRITE with immediate arrived: imm, rkey, length */
	NP_EV_QP_ERROR,   /* the QP is dead; no further event of it follows */
	NP_EV_DATAGRAM,   /* data, length, from; give it back with recv_done() */
};

struct np_event {
	enum np_event_kind kind;
	np_qp_t qp;
	uint64_t wr_id;
	int status;         /* 0, or NP_E_* */
	const uint8_t *data;
	uint32_t length;
	void *buffer;       /* for recv_done */
	np_addr_t from;
	uint32_t imm, rkey;
};

enum np_status {
	NP_OK = 0,
	NP_E_AGAIN = -1,    /* no room now: try again after an event */
	NP_E_INVALID = -2,  /* bad argument or state */
	NP_E_NO_RESOURCE = -3,
	NP_E_REMOTE_ACCESS = -4,
	NP_E_FLUSHED = -5,  /* the QP died first */
};

struct provider;

struct provider_ops {
	/* A QP in reset; *local says what the peer needs. NP_E_NO_RESOURCE. */
	int (*qp_create)(struct provider *p, np_qp_t *qp, struct np_qp_params *local);
	/* To ready-to-send. mtu used is the smaller of both sides'. */
	int (*connect)(struct provider *p, np_qp_t qp, const struct np_qp_params *remote, uint64_t now_ns);
	/* Destroy; pending work is dropped without events. */
	void (*close)(struct provider *p, np_qp_t qp);
	/*
	 * Queue a SEND. The bytes that sge points at stay valid and unchanged until SEND_DONE or
	 * QP_ERROR. NP_E_AGAIN when the send queue is full.
	 */
	int (*post_send)(struct provider *p, np_qp_t qp, const struct np_sge *sge, uint32_t sge_count,
			 uint64_t wr_id, uint32_t flags, uint64_t now_ns);
	int (*post_read)(struct provider *p, np_qp_t qp, const struct np_sge *local, uint32_t sge_count,
			 uint64_t remote_offset, uint32_t rkey, uint64_t wr_id, uint64_t now_ns);
	int (*post_write)(struct provider *p, np_qp_t qp, const struct np_sge *sge, uint32_t sge_count,
			  uint64_t remote_offset, uint32_t rkey, bool with_imm, uint32_t imm,
			  uint64_t wr_id, uint64_t now_ns);
	/*
	 * Expose memory (pieces, in order, as one region whose offsets begin at 0) to the peer of qp only.
	 * rkeys are not guessable. NP_E_NO_RESOURCE.
	 */
	int (*register_region)(struct provider *p, np_qp_t qp, const struct np_sge *pieces, uint32_t count,
			       uint32_t access, uint32_t *rkey);
	void (*invalidate)(struct provider *p, uint32_t rkey);
	/* Best effort, at most 1024 bytes. to may be NP_ADDR_BROADCAST. */
	int (*send_datagram)(struct provider *p, np_addr_t to, const void *data, uint32_t length,
			     uint64_t now_ns);
	/* Fetch the next event; false: none. */
	bool (*next_event)(struct provider *p, struct np_event *event);
	void (*recv_done)(struct provider *p, void *buffer);
	/* Run timers; returns the time of the next one, UINT64_MAX: none. */
	uint64_t (*run)(struct provider *p, uint64_t now_ns);
};

/* First member of every provider. */
struct provider {
	const struct provider_ops *ops;
	np_addr_t self;
};

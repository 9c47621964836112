/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netipc_wire.h - every layout that netipc puts on the wire; docs/wire.md says what they mean.
 *
 * Two kinds: RECORDS, each the whole of one RC SEND, begin with struct nw_header; DATAGRAMS, each one
 * UDP payload outside any queue pair, begin with struct nw_datagram.
 *
 * All integers are little-endian (the RoCEv2 headers around them are big-endian, IBTA's). Structs are
 * naturally aligned, have no hidden padding, and may be used in place: a record begins 8-byte aligned.
 * Fields called zero are sent as 0 and not looked at.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "netipc's wire structs are used in place: a little-endian machine is needed"
#endif

#define NW_VERSION 1

/* What a record is. Numbered ones take the next number of their direction; ACK takes none. */
#define NW_RECORD_TYPES(X)                                                                         \
	X(ACK, 0)          /* nw_header alone: acceptance when there is nothing to carry it */         \
	X(MESSAGE, 1)      /* nw_message: a Mach message */                                            \
	X(FULL, 2)         /* nw_verdict: queue full, kept in order at the home; await RESEND */       \
	X(REFUSED, 3)      /* nw_verdict: will never be delivered; code says why */                    \
	X(RESEND, 4)       /* nw_verdict: a slot is kept for the message of that number */             \
	X(RETRACT, 5)      /* nw_verdict: take the message back if it is not yet accepted */           \
	X(RETRACTED, 6)    /* nw_verdict: it was taken back */                                         \
	X(REGISTER, 7)     /* nw_ref: the sender was given a send right by a third node */             \
	X(REGISTERED, 8)   /* nw_ref: answer; code NW_OK or NW_DEAD or NW_BAD_RIGHT */                 \
	X(UNREGISTER, 9)   /* nw_ref: the sender holds no send right any more; count */                \
	X(UNREGISTERED, 10) /* nw_ref: answer: off the holder list, or NW_STALE; count */              \
	X(ONCE_REGISTER, 11) /* nw_ref: the sender was given a send-once right by a third node */      \
	X(ONCE_REGISTERED, 12) /* nw_ref: answer */                                                    \
	X(ONCE_DESTROY, 13) /* nw_ref: a send-once right died unused */                                \
	X(TRANSIT_DONE, 14) /* nw_transit: the right given is registered at its home */                \
	X(PORT_DEAD, 15)   /* nw_ref: to every holder: the port is dead */                             \
	X(NEXT, 16)        /* nw_chunk: expose the bytes from offset on */                             \
	X(CHUNK, 17)       /* nw_chunk: answer: exposed under rkey */                                  \
	X(RELEASE, 18)     /* nw_verdict: all of that message's bytes have been read */                \
	X(FLUSH, 19)       /* nw_flush: certificate of a death; answer when all of it is processed */  \
	X(FLUSHED, 20)     /* nw_flush: answer */                                                      \
	X(MOVED, 21)       /* nw_moved: the port's home is that node now (design N5) */                \
	X(MOVE, 22)        /* nw_ref: all of a port that moved to you has been sent */                 \
	X(MOVE_DONE, 23)   /* nw_ref: answer */                                                        \
	X(WANT_ROOM, 24)   /* nw_ref: tell me when that port's queue has room */                       \
	X(ROOM, 25)        /* nw_ref: answer: it has, or had just now */                               \
	X(ONCE_HERE, 26)   /* nw_once: a send-once right of a port that moved to you, and who has it */ \
	X(MOVED_DONE, 27)  /* nw_transit: answer to MOVED, behind all that was sent to the old home */

enum nw_record_type {
#define NW_ENUM(name, value) NW_##name = value,
	NW_RECORD_TYPES(NW_ENUM)
#undef NW_ENUM
	NW_RECORD_COUNT
};

/* Codes of REFUSED, REGISTERED, ONCE_REGISTERED. */
enum nw_code {
	NW_OK = 0,
	NW_INVALID_DEST = 1, /* no such port here: it is dead */
	NW_BAD_RIGHT = 2,    /* the sender does not hold the right it used, or the check is wrong */
	NW_NO_MEMORY = 3,    /* the receiver has no room now */
	NW_MALFORMED = 4,    /* the record contradicts itself */
	NW_UNSUPPORTED = 5,  /* something that this node does not do */
	NW_PULL_FAILED = 6,  /* its memory could not be read */
	NW_DEAD = 7,         /* REGISTERED: the port is dead */
	NW_MOVED_AWAY = 8,   /* the port has moved, or may: wait for MOVED, and send it again */
	NW_STALE = 10,       /* UNREGISTERED: the home has given more rights than count */
	NW_NOMEM_PAGING_ONLY = 9, /* reserved (design N11): only paging-class messages are taken */
};

/*
 * Not 0: with a small number at offset 12 Wireshark takes a record for an RPC of NFS, and an EtherType in the first
 * two bytes for a frame; version 1, and this, are neither.
 */
#define NW_NO_MAC UINT64_MAX

struct nw_header {
	uint8_t version;  /* NW_VERSION */
	uint8_t type;     /* enum nw_record_type */
	uint16_t window;  /* numbered records that may be outstanding beyond ack */
	uint32_t length;  /* bytes of the record, this header included */
	uint64_t mac;     /* keyed hash of the record with this field 0; without a key NW_NO_MAC */
	uint64_t number;  /* this direction's; 1 is the first; an ACK repeats the last */
	uint64_t ack;     /* every record of the other direction up to this one is processed */
};

/* A port's identity for ever. It does not say where the port is. */
struct nw_uid {
	uint64_t incarnation; /* of the birth node */
	uint64_t serial;
	uint32_t node;        /* IPv4 address of the birth node */
	uint32_t moves;       /* no part of the name: how often it had moved when this was written */
};

enum nw_right_kind {
	NW_RIGHT_NULL = 0,
	NW_RIGHT_DEAD = 1,
	NW_RIGHT_SEND = 2,
	NW_RIGHT_SEND_ONCE = 3,
	NW_RIGHT_RECEIVE = 4, /* with two more behind it: its no-senders and its port-destroyed request */
};

struct nw_right {
	struct nw_uid uid;
	uint64_t home_incarnation;
	uint32_t home_node;
	uint8_t kind;     /* enum nw_right_kind */
	uint8_t zero;
	uint16_t hop;     /* send-once: how often it has been passed on, this time included */
	uint64_t check;   /* made by the home: nobody can make up a right */
	uint64_t once_id; /* send-once: which one */
	uint64_t transit; /* echoed in TRANSIT_DONE; 0: the home is one of the two ends */
};

enum nw_message_flags {
	NW_MSG_ACK_NOW = 1,     /* the sender waits for the verdict */
	NW_MSG_BODY_PULLED = 2, /* the body is the first part of the pulled bytes */
	NW_MSG_DATA_PULLED = 4, /* the out-of-line bytes are pulled */
	NW_MSG_PAGING = 8,      /* paging class (design N11) */
	NW_MSG_MOVED = 16,      /* from the queue of a port that moved from the sender */
};

/*
 * Followed by rights[], then a struct nw_move for each receive right, then the size of each out-of-line region (uint64_t), then, unless pulled, the
 * body (padded with zeros to 8 bytes) and the out-of-line bytes back to back.
 */
struct nw_message {
	struct nw_header h;
	struct nw_uid to;
	uint64_t once_id;   /* the send-once right used; 0: a send right */
	uint64_t resend_of; /* number of the transmission that was FULL; 0: the first. With NW_MSG_MOVED: the sender's node */
	uint16_t flags;     /* enum nw_message_flags */
	uint16_t rights;    /* at most NW_RIGHTS_MAX */
	uint16_t ool;       /* at most NW_OOL_MAX */
	uint8_t priority;   /* for ports whose queue goes by it; 0..NW_PRIORITY_MAX */
	uint8_t moves;      /* receive rights, at most NW_MOVES_MAX */
	uint32_t body_size; /* bytes, at most NW_BODY_MAX */
	uint32_t rkey;      /* of the first chunk of the pulled bytes */
	uint64_t pull_size; /* bytes to be pulled, in all */
	uint64_t chunk;     /* bytes that rkey exposes, from the first on */
	uint32_t sender[8]; /* who sent it, as its node says: Mach's security token (2) and audit token (the first 6) */
};

#define NW_PRIORITY_MAX 127
#define NW_RIGHTS_MAX 192
#define NW_MOVES_MAX 32
#define NW_OOL_MAX 128
#define NW_BODY_MAX (64u * 1024)
#define NW_PULL_MAX (256ull << 20)

enum nw_move_flags {
	NW_MOVE_ORDERED = 1, /* its queue goes by priority */
};

/* What of a receive right goes along. */
struct nw_move {
	uint32_t qlimit;
	uint32_t make_sends; /* its make-send count */
	uint32_t flags;      /* enum nw_move_flags */
	uint32_t zero;
};

struct nw_verdict {
	struct nw_header h;
	uint64_t number; /* the MESSAGE meant */
	uint32_t code;   /* enum nw_code */
	uint32_t zero;
};

struct nw_ref {
	struct nw_header h;
	struct nw_uid uid;
	uint64_t check;
	uint64_t once_id;
	uint64_t count; /* UNREGISTER(ED): rights received so far, REGISTERs sent included */
	uint32_t code;
	uint32_t hop;
};

struct nw_transit {
	struct nw_header h;
	uint64_t transit;
	uint32_t code; /* TRANSIT_DONE: OK; DEAD: a send-once right that is a dead name at the receiver */
	uint32_t zero;
};

struct nw_moved {
	struct nw_header h;
	struct nw_uid uid; /* moves: this move included */
	uint64_t home_incarnation;
	uint64_t transit;  /* echoed in TRANSIT_DONE when the receiver counts on the sender no more */
	uint64_t check;    /* of the port's send rights */
	uint32_t home_node;
	uint32_t zero;
};

struct nw_once {
	struct nw_header h;
	struct nw_uid uid;
	uint64_t once_id, check;
	uint64_t incarnation;
	uint32_t node; /* who has it; 0: it died */
	uint16_t hop;
	uint16_t zero;
};

struct nw_chunk {
	struct nw_header h;
	uint64_t number;
	uint64_t offset;
	uint64_t length;
	uint32_t rkey;
	uint32_t zero;
};

struct nw_flush {
	struct nw_header h;
	uint64_t incarnation;
	uint32_t node;
	uint32_t zero;
};

/* ---- datagrams ---- */

#define NW_DATAGRAM_MAGIC 0x4e4d /* "MN" */
#define NW_UDP_PORT 49877        /* of the dynamic range, RFC 6335 */

#define NW_DATAGRAM_TYPES(X)                                                                       \
	X(HELLO, 1)    /* nw_hello: here I am; broadcast, or the answer to one */                      \
	X(CONNECT, 2)  /* nw_connect: my queue pair for you */                                         \
	X(PING, 3)     /* nw_probe */                                                                  \
	X(PONG, 4)     /* nw_probe: answer */                                                          \
	X(PING_REQ, 5) /* nw_probe: ask target for me */                                               \
	X(LEAVE, 6)    /* nw_probe: I go now, in order */

enum nw_datagram_type {
#define NW_ENUM(name, value) NW_##name = value,
	NW_DATAGRAM_TYPES(NW_ENUM)
#undef NW_ENUM
};

struct nw_datagram {
	uint16_t magic;
	uint8_t version;     /* the sender speaks versions min_version .. version */
	uint8_t type;        /* enum nw_datagram_type */
	uint8_t min_version;
	uint8_t zero[3];
	uint32_t from_node;
	uint32_t to_node;    /* NP_ADDR_BROADCAST: all */
	uint64_t from_incarnation;
	uint64_t to_incarnation; /* 0: not known */
	uint64_t cluster;    /* nodes of another cluster's number do not hear it */
	uint64_t sequence;   /* grows with each datagram of the sender */
	uint64_t mac;        /* keyed hash of the datagram with this field 0; 0 without a key */
};

struct nw_hello {
	struct nw_datagram d;
	uint32_t capabilities; /* enum nw_capability */
	uint32_t mtu;          /* largest path MTU */
	struct nw_right name_server; /* kind SEND, or NULL if the sender knows none */
	uint8_t authenticator[32];   /* room for a stronger one than mac; zeros */
};

enum nw_capability {
	NW_CAP_PULL = 1, /* RDMA READ of large bodies and out-of-line memory */
	NW_CAP_MOVE = 2, /* reserved: receive rights move */
	NW_CAP_SEAL = 4, /* reserved: sealed bulk bytes */
	NW_CAP_WANTS_ANSWER = 0x80000000, /* please say hello back */
};

struct nw_connect {
	struct nw_datagram d;
	uint32_t generation; /* of this queue pair of the sender for the receiver; grows */
	uint32_t seen;       /* the receiver's generation that it is connected to; 0: none */
	uint32_t qpn;
	uint32_t psn;
	uint16_t mtu;
	uint16_t flags;      /* enum nw_connect_flags */
	uint32_t window;     /* numbered records that may be outstanding at first */
	uint64_t expected;   /* the number of the record that the sender expects next */
	uint32_t bulk_qpn, bulk_psn; /* room for the second queue pair; zeros */
	uint8_t authenticator[32];
};

enum nw_connect_flags {
	NW_CONNECT_ASKING = 1, /* not connected yet: please answer */
};

enum nw_member_state {
	NW_ALIVE = 1,
	NW_SUSPECT = 2,
	NW_DEAD_CERTIFIED = 3, /* irrevocable for this incarnation */
};

struct nw_gossip {
	uint64_t incarnation;
	uint32_t node;
	uint32_t state; /* enum nw_member_state */
};

#define NW_GOSSIP_MAX 16

/* Followed by gossip[count]. */
struct nw_probe {
	struct nw_datagram d;
	uint64_t probe;             /* echoed in PONG */
	uint64_t target_incarnation; /* PING_REQ, and the PONG that answers it */
	uint32_t target_node;
	uint32_t count;
};

#define NW_CHECK(type, field, off) \
	_Static_assert(offsetof(struct type, field) == (off), #type "." #field)
NW_CHECK(nw_header, mac, 8);
NW_CHECK(nw_header, ack, 24);
_Static_assert(sizeof(struct nw_header) == 32, "nw_header");
_Static_assert(sizeof(struct nw_uid) == 24, "nw_uid");
NW_CHECK(nw_right, home_node, 32);
NW_CHECK(nw_right, check, 40);
NW_CHECK(nw_right, transit, 56);
_Static_assert(sizeof(struct nw_right) == 64, "nw_right");
NW_CHECK(nw_message, to, 32);
NW_CHECK(nw_message, once_id, 56);
NW_CHECK(nw_message, flags, 72);
NW_CHECK(nw_message, body_size, 80);
NW_CHECK(nw_message, pull_size, 88);
NW_CHECK(nw_message, sender, 104);
_Static_assert(sizeof(struct nw_message) == 136, "nw_message");
_Static_assert(sizeof(struct nw_verdict) == 48, "nw_verdict");
NW_CHECK(nw_ref, check, 56);
NW_CHECK(nw_ref, code, 80);
_Static_assert(sizeof(struct nw_ref) == 88, "nw_ref");
_Static_assert(sizeof(struct nw_transit) == 48, "nw_transit");
_Static_assert(sizeof(struct nw_move) == 16, "nw_move");
NW_CHECK(nw_moved, home_incarnation, 56);
_Static_assert(sizeof(struct nw_moved) == 88, "nw_moved");
NW_CHECK(nw_once, incarnation, 72);
_Static_assert(sizeof(struct nw_once) == 88, "nw_once");
_Static_assert(sizeof(struct nw_chunk) == 64, "nw_chunk");
_Static_assert(sizeof(struct nw_flush) == 48, "nw_flush");
NW_CHECK(nw_datagram, from_incarnation, 16);
NW_CHECK(nw_datagram, mac, 48);
_Static_assert(sizeof(struct nw_datagram) == 56, "nw_datagram");
NW_CHECK(nw_hello, name_server, 64);
_Static_assert(sizeof(struct nw_hello) == 160, "nw_hello");
NW_CHECK(nw_connect, expected, 80);
_Static_assert(sizeof(struct nw_connect) == 128, "nw_connect");
_Static_assert(sizeof(struct nw_gossip) == 16, "nw_gossip");
NW_CHECK(nw_probe, target_node, 72);
_Static_assert(sizeof(struct nw_probe) == 80, "nw_probe");

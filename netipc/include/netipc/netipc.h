/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netipc.h - Mach ports across nodes: the engine's interface.
 *
 * Pure: no clock, threads, locks or machine access. Every entry takes now_ns; netipc_poll() returns when
 * it wants to be called next at the latest. The caller holds its shard lock over every call below, and
 * fetches upcalls with netipc_next_upcall() under it but acts on them after dropping it, one at a time
 * and in order (a second CPU that finds a drain going on leaves the upcalls to it). Nothing allocates
 * after netipc_init(): all objects come from pools in the memory handed to it.
 *
 * The caller (the glue) owns ports; the engine knows them by cookies:
 *   an EXPORT is a local port that other nodes hold rights to. The glue keeps one pointer per port (a
 *   slot, NULL at first) which the engine fills when it makes the export and clears when it drops it;
 *   a reference on the port goes with it, taken by the glue when it sees the slot filled and given up at
 *   NETIPC_UP_EXPORT_GONE.
 *   a PROXY stands for a port whose home is another node: one per port, with the glue's cookie once the
 *   glue has given it one (netipc_proxy_attach), without it as soon as the glue has let go.
 *
 * Rights in a message being sent stay the glue's until NETIPC_UP_SENT: then they have moved
 * (rights_moved) or are the glue's again.
 *
 * References: docs/wire.md; A. Birrell et al., Distributed Garbage Collection for Network Objects, 1993.
 */
#pragma once

#include <netipc/provider.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netipc;
struct netipc_proxy;
struct netipc_export;
struct netipc_message;
struct netipc_delivery;

struct netipc_config {
	struct provider *provider;
	np_addr_t self;           /* this node's IPv4 address */
	uint64_t incarnation;     /* of this boot: greater than that of any boot before; not 0 */
	uint64_t cluster;         /* nodes of another number are not heard */
	uint64_t key[2];          /* the cluster's, for MACs */
	bool keyed;
	uint64_t secret[2];       /* random, this node's alone: makes rights unguessable */
	uint32_t mtu;             /* path MTU: 1024 or 4096 */
	/* Pools; 0: a default for a small cluster. */
	uint32_t peers;
	uint32_t exports, holders, onces, proxies, once_refs, transits;
	uint32_t messages;        /* sent and not yet settled */
	uint32_t large_buffers;   /* of NP_SEND_MAX bytes; a message of up to 1 KiB needs none */
	uint32_t records;         /* control records not yet acknowledged */
	uint32_t deliveries;
	uint32_t waiting;         /* messages that a home remembers as FULL */
	/* Times; 0: the default. */
	uint64_t ack_delay_ns;    /* 5 ms: acceptance that found nothing to ride on */
	uint64_t probe_ns;        /* 400 ms: one probe each */
	uint64_t suspect_ns;      /* 2 s: from suspicion to death */
	uint64_t stall_ns;        /* 300 ms: called so late, this node accuses nobody */
	bool no_fence;            /* a minority goes on (tests of one node's death) */
};

/* Bytes of memory that netipc_init() wants (16-byte aligned, zeroed or not). */
size_t netipc_size(const struct netipc_config *config);
/* Purpose: an engine in memory; says hello at the first netipc_poll(). */
struct netipc *netipc_init(void *memory, const struct netipc_config *config, uint64_t now_ns);

enum netipc_result {
	NETIPC_OK = 0,
	NETIPC_AGAIN = -1,     /* no room now: NETIPC_UP_ROOM follows */
	NETIPC_DEAD = -2,      /* the port, or its node, is dead */
	NETIPC_TOO_LARGE = -3,
	NETIPC_UNSUPPORTED = -4,
	NETIPC_NO_RIGHT = -5,  /* no send-once right is left on that proxy */
	NETIPC_RETRY = -6,     /* netipc_deliver_full: a slot was freed meanwhile, offer it again */
	NETIPC_NO_MEMORY = -7, /* a pool is used up */
	NETIPC_MOVING = -8,    /* the port is between two nodes: NETIPC_UP_PROXY_MOVED, _ARRIVED or _ROOM follows */
};

/* ---- sending ---- */

enum netipc_right_kind {
	NETIPC_RIGHT_NULL = 0,
	NETIPC_RIGHT_DEAD,
	NETIPC_RIGHT_SEND,
	NETIPC_RIGHT_SEND_ONCE,
	NETIPC_RIGHT_RECEIVE,
};

/* What of a receive right goes along, beside its queue and its senders. */
struct netipc_port_state {
	uint32_t qlimit;
	uint32_t make_sends;
	bool ordered; /* its queue goes by priority */
};

/*
 * A receive right in a message has two send-once rights (or NULL, or dead ones) behind it: the port's no-senders and
 * port-destroyed requests. It is here until NETIPC_UP_SENT says that it moved; the glue then calls netipc_move().
 */

/* A right that leaves: of a local port (proxy NULL; port and slot say which), or of a proxy. */
struct netipc_right_out {
	enum netipc_right_kind kind;
	struct netipc_proxy *proxy;
	void *port;                  /* the glue's cookie of a local port */
	struct netipc_export **slot; /* that port's slot */
	struct netipc_port_state state; /* of a receive right */
};

enum netipc_send_flags {
	NETIPC_SEND_WAITING = 1, /* somebody waits for the verdict: have it sent at once */
	NETIPC_SEND_PAGING = 2,  /* paging class */
	NETIPC_SEND_ONCE = 4,    /* by a send-once right of the proxy */
	NETIPC_SEND_MOVED = 8,   /* from the queue of the port, which moved from here (netipc_move) */
};

#define NETIPC_SENDER_WORDS 8

struct netipc_send {
	struct netipc_proxy *to;
	uint32_t flags;
	uint8_t priority;                     /* told to the receiver, at most 127 */
	uint32_t sender[NETIPC_SENDER_WORDS]; /* told to the receiver: who sends it */
	uint64_t origin;                      /* with SEND_MOVED: and where that is, as its port's home was told; 0: here */
	void *cookie;                         /* comes back in NETIPC_UP_SENT */
	const struct np_sge *body;            /* copied before netipc_send() returns if it fits */
	uint32_t body_count;
	const struct netipc_right_out *rights;
	uint32_t right_count;
	const uint64_t *ool;                  /* size of each out-of-line region */
	uint32_t ool_count;
	/*
	 * The body's pieces and then the out-of-line bytes' as one list: what a peer reads when they do
	 * not fit in one SEND. The list and the bytes stay valid until NETIPC_UP_SENT and, if
	 * it says pulling, until NETIPC_UP_RELEASED. May be NULL when there is no out-of-line
	 * memory and the body is known to fit (netipc_fits).
	 */
	const struct np_sge *pull;
	uint32_t pull_count;
};

/* True if a message with these sizes goes in one SEND, so that nothing needs to be exposed. */
bool netipc_fits(uint32_t body_size, uint32_t right_count, uint32_t ool_count, uint64_t ool_size);

/*
 * Purpose: send a message to a proxy's port. Exactly one NETIPC_UP_SENT follows if NETIPC_OK.
 * Returns NETIPC_OK, _AGAIN, _DEAD, _TOO_LARGE, _UNSUPPORTED, _NO_RIGHT, _NO_MEMORY (nothing was done).
 */
int netipc_send(struct netipc *e, const struct netipc_send *send, struct netipc_message **out,
		uint64_t now_ns);
/* Take a message back if it is not accepted yet; NETIPC_UP_SENT says how it ended. */
void netipc_retract(struct netipc *e, struct netipc_message *m, uint64_t now_ns);

/* ---- receiving ---- */

struct netipc_right_in {
	enum netipc_right_kind kind;
	void *port;                 /* it came home: the local port's cookie; else NULL */
	struct netipc_proxy *proxy; /* else its proxy; of a receive right too: netipc_arrive() follows */
	struct netipc_port_state state;
};

/* A message that arrived; its pointers are valid until the delivery is settled. */
struct netipc_deliver {
	struct netipc_delivery *delivery;
	void *port;                /* the destination's cookie */
	np_addr_t from;
	uint64_t from_incarnation;
	bool once;                 /* by a send-once right: ignores the queue limit */
	bool granted;              /* a slot was kept for it: ignores the queue limit */
	bool paging;
	bool moved;                /* from the port's queue where it was before: ignores the limit */
	uint8_t priority;
	uint32_t sender[NETIPC_SENDER_WORDS]; /* as its node, from, says */
	uint64_t origin;           /* moved: as from says; 0: from itself */
	const uint8_t *body;       /* NULL: pulled */
	uint32_t body_size;
	uint32_t right_count;      /* their kinds are known now, the rights only on accept */
	uint32_t ool_count;
	const uint64_t *ool;       /* sizes */
	const uint8_t *ool_data;   /* all regions back to back; NULL: pulled */
	uint64_t pull_size;        /* bytes to be pulled: the body if NULL, then the regions */
};

/* The kind of right i of a delivery that is not settled yet. */
enum netipc_right_kind netipc_delivery_right(const struct netipc_delivery *d, uint32_t i);

/* How many of its rights are for ports that have no attached proxy yet, counting each right. */
uint32_t netipc_delivery_new_proxies(struct netipc *e, const struct netipc_delivery *d);

/*
 * Purpose: take the message and its rights (right_count entries of rights are filled in; the glue
 *   attaches proxies that have no cookie before it drops the shard lock). With something to pull, local
 *   lists where the bytes go (stays valid until NETIPC_UP_PULLED, which follows with cookie). What
 *   the offer pointed at is dead on return.
 * Returns NETIPC_OK; NETIPC_DEAD (sender or port died meanwhile) and NETIPC_NO_MEMORY (the sender is
 *   told): the delivery is over, the glue frees what it made ready.
 */
int netipc_deliver_accept(struct netipc *e, struct netipc_delivery *d, struct netipc_right_in *rights,
			  const struct np_sge *local, uint32_t local_count, void *cookie,
			  uint64_t now_ns);
/* The queue is full. NETIPC_OK: over; the home owes a slot. NETIPC_RETRY: offer it to the port again. */
int netipc_deliver_full(struct netipc *e, struct netipc_delivery *d, uint64_t now_ns);

enum netipc_refusal {
	NETIPC_REFUSE_INVALID_DEST,
	NETIPC_REFUSE_NO_MEMORY,
	NETIPC_REFUSE_MALFORMED,
};
void netipc_deliver_refuse(struct netipc *e, struct netipc_delivery *d, enum netipc_refusal why,
			   uint64_t now_ns);
/* A slot of an exported port's queue is free: one more may come (N6). */
void netipc_slot_freed(struct netipc *e, struct netipc_export *x, uint64_t now_ns);

/* ---- ports ---- */

/* The cookie of a proxy; NULL: the glue has none. */
void *netipc_proxy_cookie(const struct netipc_proxy *p);
void netipc_proxy_attach(struct netipc *e, struct netipc_proxy *p, void *cookie);
/* The glue has no send right of it any more (it may have send-once rights). */
void netipc_proxy_no_sends(struct netipc *e, struct netipc_proxy *p, uint64_t now_ns);
/* Have NETIPC_UP_PROXY_ROOM when the port's queue may have room again, or the port's death. */
void netipc_want_room(struct netipc *e, struct netipc_proxy *p, uint64_t now_ns);
/* Nobody elsewhere counts on it: whoever has no right of it may keep it for the next one. */
bool netipc_proxy_idle(const struct netipc_proxy *p);
/* The glue has no right of it any more and forgets it (p is dead for the caller). */
void netipc_proxy_detach(struct netipc *e, struct netipc_proxy *p, uint64_t now_ns);
/* A send-once right of it died unused: its home sends the notification. */
void netipc_proxy_destroy_once(struct netipc *e, struct netipc_proxy *p, uint64_t now_ns);
np_addr_t netipc_proxy_home(const struct netipc_proxy *p);

/* ---- receive rights that move (design N5) ---- */

struct netipc_moving {
	void *port;                  /* the cookie, and the slot, as in the message */
	struct netipc_export **slot;
	uint32_t local_onces;        /* in: send-once rights of the port, those abroad included */
	uint32_t abroad;             /* out: of them, those that are really gone from here */
};
/*
 * Purpose: port has moved with a message (NETIPC_UP_SENT, rights_moved) to its receiver's node: what was a local
 *   port is a proxy from now on. Its slot is cleared; NETIPC_UP_EXPORT_GONE follows if it was not NULL.
 *   Until netipc_move_end() only messages with NETIPC_SEND_MOVED can be sent to it.
 * Returns: the proxy, offered (attach it); NULL: the node is dead, and so is the port: destroy it.
 */
struct netipc_proxy *netipc_move(struct netipc *e, struct netipc_moving *move, uint64_t now_ns);
/* Its whole queue has been accepted there, and its export is gone. */
void netipc_move_end(struct netipc *e, struct netipc_proxy *p, uint64_t now_ns);
/*
 * A receive right came (netipc_deliver_accept): port has it, slot (NULL now) becomes its export. Until
 * NETIPC_UP_ARRIVED with the cookie of its proxy, what is sent to it from here goes by netipc_send(), and waits.
 */
void netipc_arrive(struct netipc *e, struct netipc_proxy *p, void *port, struct netipc_export **slot);
/* May messages to it be sent (again)? Not between a SENT_MOVED or a move, and the upcall that tells of its end. */
bool netipc_proxy_ready(const struct netipc_proxy *p);

/* Other nodes hold send rights to it (or are being given some). */
bool netipc_export_has_senders(const struct netipc_export *x);
/* NETIPC_UP_WANT_ROOM, and there is room; without, netipc_slot_freed() tells later. */
void netipc_room(struct netipc *e, struct netipc_export *x, uint64_t now_ns);
/* Messages of other nodes wait for a slot of it, or others want to know of one. */
bool netipc_export_has_waiting(const struct netipc_export *x);
/* The port has died; its slot is cleared. */
void netipc_export_destroyed(struct netipc *e, struct netipc_export *x, uint64_t now_ns);

/* This node's name server: told to all in hello. port NULL: none any more. */
int netipc_set_name_server(struct netipc *e, void *port, struct netipc_export **slot, uint64_t now_ns);
/*
 * The cluster's name server as a send right for the glue: kind NULL if nobody has said hello with one.
 * The glue attaches the proxy if it has no cookie.
 */
int netipc_name_server(struct netipc *e, struct netipc_right_in *right, uint64_t now_ns);

/* ---- time, input, upcalls ---- */

/* Handle all events of the provider, run timers; returns when to call again at the latest. */
uint64_t netipc_poll(struct netipc *e, uint64_t now_ns);
/* Not later than when netipc_poll() must be called next, but for what the provider wants. */
uint64_t netipc_deadline(const struct netipc *e);
/*
 * Say goodbye to all: this node leaves in order. The engine takes no more messages, and says it again until
 * all have answered; netipc_left() tells when they have, which may be never if one of them has just died.
 */
void netipc_leave(struct netipc *e, uint64_t now_ns);
bool netipc_left(const struct netipc *e);

enum netipc_sent {
	NETIPC_SENT_ACCEPTED,
	NETIPC_SENT_INVALID_DEST,
	NETIPC_SENT_NO_MEMORY,
	NETIPC_SENT_REFUSED,   /* bad right, malformed, unsupported */
	NETIPC_SENT_RETRACTED, /* not executed */
	NETIPC_SENT_MOVED,     /* not executed: the port moved; send it again, in order, when netipc_proxy_ready() */
	NETIPC_SENT_TRANSPORT, /* the node died; executed or not is unknown if rights_moved */
};

enum netipc_upcall_kind {
	NETIPC_UP_NONE = 0,
	NETIPC_UP_DELIVER,     /* deliver: settle it with netipc_deliver_*() */
	NETIPC_UP_PULLED,      /* the cookie of netipc_deliver_accept(); status: all bytes are there, or not */
	NETIPC_UP_SENT,        /* cookie, sent, rights_moved, pulling */
	NETIPC_UP_RELEASED,    /* cookie: the bytes of an accepted message are read (or its reader died) */
	NETIPC_UP_NO_SENDERS,  /* port: the last other node that held send rights has let go */
	NETIPC_UP_ONCE_LOST,   /* port: a send-once right that was abroad died unused */
	NETIPC_UP_EXPORT_GONE, /* port: its export was dropped; nothing more of that export follows */
	NETIPC_UP_PROXY_DEAD,  /* the proxy with this cookie is dead: the glue detaches it */
	NETIPC_UP_WANT_ROOM,   /* port: another node asks whether its queue has room: netipc_room() */
	NETIPC_UP_PROXY_ROOM,  /* the port of the proxy with this cookie may have room */
	NETIPC_UP_PROXY_MOVED, /* cookie: its home is another node, messages may be sent again */
	NETIPC_UP_ARRIVED,     /* cookie: the port is wholly here; the glue detaches the proxy */
	NETIPC_UP_ONCES_CAME,  /* port: status more of its send-once rights are on other nodes */
	NETIPC_UP_NODE_UP,     /* node, incarnation */
	NETIPC_UP_NODE_DOWN,   /* node, incarnation: certified dead, or left */
	NETIPC_UP_NAME_SERVER, /* the name server became known or changed */
	NETIPC_UP_ROOM,        /* who got NETIPC_AGAIN may try again */
	NETIPC_UP_FENCED,      /* this node was declared dead, or is the minority: it is a new incarnation */
};

struct netipc_upcall {
	enum netipc_upcall_kind kind;
	void *cookie;           /* of a message or a port or a proxy */
	struct netipc_deliver deliver;
	enum netipc_sent sent;
	bool rights_moved;
	bool pulling;
	int status;             /* NETIPC_OK or not */
	np_addr_t node;
	uint64_t incarnation;
};

/* What netipc_next_upcall() would give; *pulls: it is a DELIVER with bytes to be pulled. */
enum netipc_upcall_kind netipc_peek_upcall(const struct netipc *e, bool *pulls);
/* Under the shard lock; false: none. */
bool netipc_next_upcall(struct netipc *e, struct netipc_upcall *out);

/* ---- looking in ---- */

struct netipc_stats {
	/* Objects in use now: a quiet engine is back at its start. */
	uint32_t exports, holders, onces, proxies, once_refs, transits, messages, records, large_buffers,
		deliveries, waiting;
	uint32_t peers_alive, peers_connected;
	/* Counters. */
	uint64_t records_sent, records_received, acks_sent, duplicates, replayed, qp_errors, malformed,
		bad_mac, bad_right, full, resends, retracts, pulls, pulled_bytes, deaths, fences,
		datagrams_sent, datagrams_received, moved_out, moved_in, rebound;
};
void netipc_get_stats(const struct netipc *e, struct netipc_stats *out);

enum netipc_member_state { NETIPC_MEMBER_ALIVE, NETIPC_MEMBER_SUSPECT, NETIPC_MEMBER_DEAD };
struct netipc_member {
	np_addr_t node;
	uint64_t incarnation;
	enum netipc_member_state state;
	bool connected;
};
/* Member i of the view, this node excluded; false: no more. */
bool netipc_member_at(const struct netipc *e, uint32_t i, struct netipc_member *out);
uint64_t netipc_incarnation(const struct netipc *e);

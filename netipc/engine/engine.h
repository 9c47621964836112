/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine.h - what the files of the engine share: its objects and their lists.
 *
 *   engine.c   pools, entry points, time, upcalls      member.c   who is there: hello, probes, deaths
 *   connect.c  queue pairs: set-up, error, again       stream.c   numbered records, acceptance, replay
 *   send.c     messages that leave, until settled      receive.c  messages that arrive, until settled
 *   export.c   home side of rights: holder lists       proxy.c    holder side of rights
 *   bulk.c     bytes pulled by RDMA READ            move.c     receive rights that move
 *
 * Invariants:
 *  E1 a record is on at most one of its peer's lists queue, unacked, parked, exposed; its bytes do not
 *     change while it is in flight (the provider may read them).
 *  E2 numbers are given at the first posting, so what is still in the queue can be taken out without a gap.
 *  E3 processed <= arrived; what lies between is in the peer's inbound list, in order.
 *  E4 an ack never covers a number whose FULL or REFUSED is still in the queue.
 *  E5 a peer that has died keeps its struct (dying) while its holder entries, send-once rights and transits
 *     wait for everybody's FLUSHED; its node may be back meanwhile as another peer.
 *  E6 a proxy is freed only with: no cookie, no pin, not on its home's list, no REGISTER unanswered.
 * Locking: the caller's shard lock (netipc.h).
 */
#pragma once

#include <base/list.h>
#include <base/siphash.h>
#include <base/string.h>
#include <netipc/netipc.h>

#include "wire/netipc_wire.h"

#define NEVER UINT64_MAX
#define SMALL_MESSAGE_BYTES 1024u
#define WINDOW_START 8u
#define WINDOW_MAX 64u
#define ACK_EVERY 8u      /* records, at most, before an acceptance is sent */
#define SOLICIT_EVERY 16u /* sends in flight without a transport ack */
#define HELLO_NS 2000000000ull
#define LEAVE_NS 20000000ull   /* between goodbyes that nobody has answered */
#define HELLO_QUICK_NS 250000000ull /* the first few */
#define CONNECT_NS 50000000ull
#define CONNECT_MAX_NS 1000000000ull
#define PULL_FAILURES_MAX 8
#define PULL_RETRY_NS 20000000ull
#define READ_BYTES_MAX (64u * 1024)
#define READS_OUTSTANDING 4u
#define CHUNK_PIECES 256u
#define CHUNK_BYTES (1u << 20)
#define EXPORT_IDLE_NS 50000000ull /* an export that nobody needs stays so long: a caller's reply port comes again */
#define PROBE_HELPERS 3u
#define RELAYS 16u
#define NODE_EVENTS 64u
#define STALL_NS 1000000ull        /* a message that tells of a move before the old home does is looked at again so soon */
#define STALL_MAX_NS 3000000000ull /* and refused then */

struct pool {
	struct list free;
	uint32_t in_use, total;
};

struct upcall {
	struct list link;
	uint8_t kind; /* enum netipc_upcall_kind */
	bool queued;
};

struct peer;

struct record {
	struct list link;   /* the list of E1 */
	struct list flight; /* peer->flight while in_flight */
	struct peer *peer;
	struct netipc_message *message; /* NULL: a control record */
	uint64_t number;  /* 0: not posted yet */
	uint64_t wr;
	uint64_t verdict; /* FULL, REFUSED: the number that it settles */
	uint8_t *data;
	uint32_t length;
	uint8_t type;
	bool in_flight;
	bool settled;     /* to be freed when no longer in flight */
};

struct control { /* a record that is no message */
	struct record r; /* first */
	_Alignas(8) uint8_t bytes[104];
};

enum message_state {
	M_QUEUED,  /* in peer->queue, first time or again */
	M_POSTED,  /* in peer->unacked */
	M_PARKED,  /* FULL: in peer->parked */
	M_EXPOSED, /* accepted, its bytes are being read: in peer->exposed */
	M_SETTLED,
};

struct netipc_message {
	struct record r;
	enum message_state state;
	struct netipc_proxy *to;  /* pinned */
	struct once_ref *once;    /* the send-once right used */
	void *cookie;
	uint32_t moves;   /* to's, when it was sent */
	bool ever_posted; /* since it was last FULL: whether it was executed is unknown */
	bool retracting, resend;
	uint64_t parked_number;   /* of the transmission that was FULL */
	const struct np_sge *pull;
	uint32_t pull_count;
	uint64_t pull_size;
	uint32_t rkey;
	bool registered;
	uint32_t chunk_piece;     /* where the exposed chunk begins: piece and offset */
	uint64_t chunk_offset, chunk_length;
	struct upcall sent, released;
	enum netipc_sent result;
	bool rights_moved, pulling;
	uint8_t *large;
	_Alignas(8) uint8_t bytes[SMALL_MESSAGE_BYTES]; /* last: not cleared */
};

struct large_buffer {
	struct list link;
	_Alignas(8) uint8_t bytes[NP_SEND_MAX];
};

struct inbound {
	struct list link;
	const uint8_t *data;
	void *buffer; /* NULL: handled already, only its number waits */
	uint32_t length;
	uint64_t number;
	uint8_t type;
};

enum delivery_state {
	D_OFFERED, /* the glue has it, or will fetch it */
	D_PULLING,
	D_PULLED,  /* upcall queued */
};

struct netipc_delivery {
	struct list link;
	struct peer *peer;       /* NULL: it died */
	struct netipc_export *x; /* NULL: the port died */
	enum delivery_state state;
	bool slot_freed;
	struct waiting *granted; /* the slot that was kept for it */
	void *buffer;
	const uint8_t *data;
	uint64_t number;
	uint32_t fixed; /* bytes of the record before the sizes of its regions */
	/* pulling */
	const struct np_sge *local;
	uint32_t local_count, local_piece;
	uint64_t local_piece_offset; /* offset in the pulled bytes of local[local_piece] */
	uint64_t asked, done;        /* bytes */
	uint64_t chunk_offset, chunk_end;
	uint32_t rkey, reads;
	uint32_t failures; /* READs that failed other than with their queue pair */
	bool next_asked;
	void *cookie;
	uint32_t read_bytes[READS_OUTSTANDING]; /* in order */
	uint64_t retry_ns;
	int status;
	struct upcall up;
	struct nw_message m; /* from here on: not cleared */
	uint64_t ool[NW_OOL_MAX];
};

struct holder { /* home side: peer holds send rights of x */
	struct list link, peer_link;
	struct netipc_export *x;
	struct peer *peer;
	uint64_t granted;
	uint64_t release_at; /* 0: no UNREGISTER waits */
	bool wants_room;     /* WANT_ROOM is not answered yet */
};

struct once { /* home side: a send-once right of x that is at peer */
	struct list link, peer_link;
	struct once *hash_next;
	struct netipc_export *x;
	struct peer *peer;
	uint64_t id, check;
	uint16_t hop;  /* who tells of a higher one knows better where it is */
	bool accepted; /* else it may be in a message from here yet, and is counted there */
	bool orphan;   /* and nobody can have it when it is accepted: from has died */
	struct peer *from; /* the home before, as long as only that has told of it */
	bool self;     /* of one that is told to the port's new home: this node has it */
};

struct waiting { /* home side: a message that found x full */
	struct list link, peer_link;
	struct netipc_export *x;
	struct peer *peer;
	uint64_t number;
	bool granted;   /* RESEND was sent */
	bool tentative; /* without a slot kept for it */
	bool behind;    /* the port was not asked: another of that peer waited already */
};

struct netipc_export {
	struct list link;
	struct netipc_export *hash_next;
	struct nw_uid uid; /* of its birth, for ever; made anew with a new incarnation of this node */
	uint64_t check;    /* of its send rights */
	void *port;
	struct netipc_export **slot; /* NULL once dropped or the port died */
	bool dead;                   /* the port died; PORT_DEADs may still have to go */
	bool gone;                   /* out of the table; freed when the upcall is fetched */
	bool name_server;
	bool moved;                  /* dead here because it lives on elsewhere */
	bool idle;                   /* in engine.idle_exports: looked at when idle_ns is there */
	uint64_t idle_ns;
	struct list holders, onces, waiting;
	uint32_t deliveries;         /* that point at it */
	uint32_t spare;              /* slots freed while nobody was free to have them */
	uint32_t lost;               /* ONCE_LOST upcalls owed */
	uint32_t rooms_wanted;       /* of holders */
	uint32_t named;              /* rights in messages from here that were given before it went away, and came back */
	uint32_t leaving;            /* messages that take its receive right away, and the move not yet made */
	bool leaving_dead;           /* and died there at once, or nobody knows */
	np_addr_t leaving_to;        /* the receiver of the one that did */
	uint64_t leaving_incarnation;
	struct netipc_proxy *arriving; /* it moved here, and not all of it has come */
	bool telling;                /* it was away, and who speaks to the home that was is being told that it is back */
	int came;                    /* ONCES_CAME owed */
	struct upcall no_senders, once_lost, want_room, onces_came, gone_up;
};

enum once_ref_state {
	ONCE_HELD,
	ONCE_USED,   /* a message goes to it */
	ONCE_MOVING, /* to a third node: a transit has it */
	ONCE_HOMING, /* in a message to its home */
	ONCE_DOOMED, /* destroyed here, and no record was left to tell its home */
};

struct once_ref { /* holder side */
	struct list link;
	struct netipc_proxy *proxy;
	struct peer *to; /* HOMING: until the message is settled */
	enum once_ref_state state;
	uint64_t id, check;
	uint16_t hop;
	bool untold; /* the home is to hear that it is here */
	bool listed; /* its port came home here, with a record of where this one goes */
};

struct transit { /* giver side: a right on its way to peer, whose home is a third node */
	struct list link;
	struct peer *peer;
	struct netipc_proxy *proxy; /* pinned */
	struct once_ref *once;      /* NULL: a send right */
	uint64_t id;
	uint32_t moves;             /* the proxy's, when it was given */
	bool accepted;              /* the message, and the glue knows it */
	bool done;                  /* TRANSIT_DONE came before the glue knew it */
	bool dead;                  /* and said that the right is a dead name there */
	bool move, told;            /* peer must learn that the port moved; MOVED was sent */
	struct peer *named;         /* in that, as the home ... */
	uint32_t named_moves;       /* ... of that stay */
	bool given;                 /* by this node as the home, which it was: ends with the move's */
};

struct pending { /* receiver side: TRANSIT_DONE owed to giver when the home has answered */
	struct list link, giver_link;
	struct peer *giver;
	struct netipc_proxy *proxy;
	uint64_t transit;
	uint64_t tag;     /* send right: the REGISTER that must be answered; move: how often it had moved */
	uint64_t once_id; /* or this send-once right's registration */
	bool move;        /* or nothing of here counts on giver, the home before, any more */
	np_addr_t home;   /* move: which the port has from there */
	uint64_t home_incarnation;
};

struct netipc_proxy {
	struct list link; /* home->proxies; nowhere when dead */
	struct netipc_proxy *hash_next;
	struct nw_uid uid;
	uint64_t check;
	struct peer *home; /* NULL: dead */
	void *cookie;
	bool dead;
	bool offered;      /* given to the glue, which has not attached or detached it yet: a pin */
	bool sends;        /* the glue was given a send right and has not said that it has none */
	bool live;         /* on the home's list, or will be when the stream gets there */
	uint32_t pins, doomed, untold; /* doomed, untold: of onces */
	uint64_t received, registers, registered;
	uint32_t claims;     /* ONCE_REGISTERs not answered yet */
	bool unregistering;  /* an UNREGISTER is not answered yet */
	uint64_t stale_at;   /* the answer was that more is on its way; 0: none */
	struct list onces, pendings;
	struct list deferred; /* engine.deferred_proxies: no record for its UNREGISTER, ONCE_DESTROY, WANT_ROOM ... */
	enum { ROOM_NOT_WANTED, ROOM_WANTED, ROOM_ASKED } room; /* wanted: no record yet to ask with */
	struct upcall dead_up, room_up;
	/* moves: move.c */
	uint32_t messages, transits;         /* sent to it and not settled; rights of it in transit */
	uint32_t messages_old, transits_old; /* of them, from before its home was what it is now */
	bool fenced;                         /* its home said MOVED_AWAY: MOVED will come */
	bool waits;                          /* the glue waits for PROXY_MOVED */
	bool here;                           /* this node is its home: only what is under way keeps the struct */
	struct netipc_export *arriving;      /* it is coming here, from home */
	enum mover { MOVER_NONE, MOVER_QUEUE, MOVER_END, MOVER_ENDED, MOVER_TELLS } mover; /* it went from here to home */
	uint32_t tells;                      /* transits that tell of that */
	uint32_t named;                      /* rights in messages that say that its home is here: a pin if there are any */
	struct list out_onces;               /* of struct once: home is to be told of them */
	struct upcall moved_up, arrived_up;
};

enum peer_state {
	PEER_FREE,
	PEER_UNHEARD, /* named by another node */
	PEER_ALIVE,
	PEER_SUSPECT,
	PEER_DYING,   /* E5 */
};

enum conn_state {
	CONN_NONE,
	CONN_ASKING, /* has a queue pair, does not know the other's */
	CONN_HALF,   /* connected to the other's; it may not be to this one */
	CONN_UP,
};

struct peer {
	_Alignas(16) struct list link; /* engine.peers or .dying */
	struct peer *hash_next;
	uint32_t index;
	np_addr_t addr;
	uint64_t incarnation;
	enum peer_state state;
	uint64_t heard_ns, suspect_ns;
	uint64_t datagram_sequence;
	uint64_t stall_ns; /* since when its next message waits for another node's MOVED; 0: it does not */
	bool knows_left; /* it has answered this node's goodbye */

	enum conn_state conn;
	np_qp_t qp;
	struct np_qp_params local;
	uint32_t generation, remote_generation;
	uint64_t remote_expected;
	uint64_t connect_ns, connect_interval;

	struct list queue, unacked, parked, exposed, flight;
	uint32_t flight_count, queued_verdicts;
	uint64_t sent, acked, wr;
	uint32_t window;
	bool dirty;
	struct list dirty_link;

	struct list inbound;
	struct netipc_delivery *current;
	uint64_t arrived, processed, ack_sent, ack_ns;
	uint32_t in_window;
	bool ack_now;

	struct list proxies, holders, onces, waiting, transits, pendings;
	uint32_t told_onces; /* struct once whose from it is */
	uint64_t *flush; /* dying: bit i: peer i has not said FLUSHED */
};

static inline bool peer_gone(const struct peer *p)
{
	return p->state == PEER_FREE || p->state == PEER_DYING;
}

struct dead_node {
	np_addr_t addr;
	uint64_t incarnation; /* it and all before it are dead */
	uint64_t since_ns;
};

struct relay {
	np_addr_t asker;
	uint64_t asker_incarnation, asker_probe, probe;
};

struct node_event {
	uint8_t kind;
	np_addr_t addr;
	uint64_t incarnation;
};

struct netipc {
	struct netipc_config c;
	struct provider *provider;
	struct siphash_key key, secret;
	struct siphash_key check_key; /* of this incarnation, from the secret */
	uint64_t now, incarnation, random;
	uint64_t next_timer;    /* no timer is due before */
	uint64_t returned_ns;   /* what the last netipc_poll() asked for */
	uint64_t sequence;      /* of datagrams */
	bool started, left, room_wanted;

	struct pool peer_pool, record_pool, message_pool, large_pool, inbound_pool, delivery_pool,
		holder_pool, once_pool, waiting_pool, export_pool, once_ref_pool, transit_pool,
		pending_pool, proxy_pool;
	struct peer *peer_array;
	uint32_t peer_total, flush_words;
	uint32_t arrivals;      /* ports that are arriving */
	uint32_t named;         /* of all ports: rights in messages from their last stay here */
	struct list peers, dying, dirty, deferred_proxies, deferred_exports, idle_exports;
	uint32_t hash_mask;
	struct netipc_export **export_hash;
	struct once **once_hash;
	struct netipc_proxy **proxy_hash;
	struct peer **peer_hash;
	struct netipc_delivery *delivery_array;
	uint64_t next_serial, next_once, next_transit; /* next_once: unlike other nodes' */
	struct list transits; /* all, to find one by its id: hashed by peer */

	struct nw_right name_server; /* of another node, as it said; kind NULL: none */
	struct netipc_export *own_name_server;

	/* membership */
	uint64_t hello_ns, probe_ns, leave_ns;
	uint32_t hellos;
	struct peer *probed;
	uint64_t probe_id;
	bool probe_helped;
	uint32_t probe_round;
	struct dead_node *dead;
	uint32_t dead_count, dead_next;
	struct relay relay[RELAYS];
	uint32_t relay_next;
	uint32_t view;          /* members of the last agreed view, this one included */
	np_addr_t view_lowest;
	uint64_t view_unrest_ns; /* the last death */
	bool fence_due;
	uint64_t fence_above;

	struct list upcalls;
	struct upcall name_server_up, room_up, fenced_up, node_up;
	struct node_event node_events[NODE_EVENTS];
	uint32_t node_head, node_tail;
	struct netipc_stats stats;
};

/* engine.c */
void *pool_get(struct pool *p);
void pool_put(struct pool *p, void *object);
static inline uint32_t pool_left(const struct pool *p)
{
	return p->total - p->in_use;
}
void upcall_add(struct netipc *e, struct upcall *u, enum netipc_upcall_kind kind);
void upcall_cancel(struct upcall *u);
void timer_at(struct netipc *e, uint64_t when_ns);
uint64_t random64(struct netipc *e);
void node_event(struct netipc *e, enum netipc_upcall_kind kind, const struct peer *p);
void engine_flush(struct netipc *e);

/* member.c */
struct peer *peer_find(struct netipc *e, np_addr_t addr);
struct peer *peer_want(struct netipc *e, np_addr_t addr, uint64_t incarnation);
struct peer *peer_dying(struct netipc *e, np_addr_t addr, uint64_t incarnation);
void peer_heard(struct netipc *e, struct peer *p);
void peer_die(struct netipc *e, struct peer *p, bool certify);
void peer_flushed(struct netipc *e, struct peer *from, np_addr_t node, uint64_t incarnation);
void peer_flush_asked(struct netipc *e, struct peer *from, np_addr_t node, uint64_t incarnation);
void peer_free_dying(struct netipc *e, struct peer *p);
void member_timers(struct netipc *e);
void member_stalled(struct netipc *e);
void member_fence(struct netipc *e);
void datagram_in(struct netipc *e, const struct np_event *ev);
void datagram_send(struct netipc *e, np_addr_t to, uint64_t to_incarnation, struct nw_datagram *d,
		   uint8_t type, uint32_t length);
void hello_send(struct netipc *e, np_addr_t to, uint64_t to_incarnation, bool want_answer);
void member_leave(struct netipc *e);
void leave_answer_in(struct netipc *e, const struct np_event *ev);

/* connect.c */
void conn_want(struct netipc *e, struct peer *p);
void conn_down(struct netipc *e, struct peer *p);
void conn_close(struct netipc *e, struct peer *p);
void conn_in(struct netipc *e, struct peer *p, const struct nw_connect *c);
void conn_up(struct netipc *e, struct peer *p);
void conn_timer(struct netipc *e, struct peer *p);

/* stream.c */
struct record *stream_control(struct netipc *e, struct peer *p, enum nw_record_type type, uint32_t length);
void stream_verdict(struct netipc *e, struct peer *p, enum nw_record_type type, uint64_t number,
		    enum nw_code code);
bool stream_ref(struct netipc *e, struct peer *p, enum nw_record_type type, const struct nw_uid *uid,
		uint64_t check, uint64_t once_id, uint64_t count, uint32_t code, uint32_t hop);
void stream_queue(struct netipc *e, struct record *r);
void stream_dirty(struct netipc *e, struct peer *p);
void stream_pump(struct netipc *e, struct peer *p);
void stream_send_done(struct netipc *e, struct peer *p, uint64_t wr);
void stream_landed(struct netipc *e, struct peer *p); /* the queue pair is gone: nothing is in flight */
void stream_replay(struct netipc *e, struct peer *p);
void stream_arrival(struct netipc *e, struct peer *p, const struct np_event *ev);
void stream_processed(struct netipc *e, struct peer *p, uint64_t number, bool urgent);
void stream_process(struct netipc *e, struct peer *p);
struct inbound *stream_find_inbound(struct peer *p, uint8_t type, const struct nw_uid *uid);
void stream_drop_inbound(struct netipc *e, struct peer *p);
void stream_drop_outbound(struct netipc *e, struct peer *p);
void record_release(struct netipc *e, struct record *r);
bool stream_room(const struct netipc *e);
bool stream_room_own(const struct netipc *e);

/* send.c */
void message_accepted(struct netipc *e, struct netipc_message *m);
void message_settle(struct netipc *e, struct netipc_message *m, enum netipc_sent result);
void message_try_free(struct netipc *e, struct netipc_message *m);
void message_landed(struct netipc *e, struct netipc_message *m);
void message_full(struct netipc *e, struct peer *p, uint64_t number);
void message_refused(struct netipc *e, struct peer *p, uint64_t number, uint32_t code);
void message_resend(struct netipc *e, struct peer *p, uint64_t number);
void message_retracted(struct netipc *e, struct peer *p, uint64_t number);
void message_released(struct netipc *e, struct peer *p, uint64_t number);
void message_peer_died(struct netipc *e, struct peer *p);
void message_told(struct netipc *e, struct netipc_message *m);
uint32_t message_names(struct netipc *e, const struct nw_uid *uid);

/* receive.c */
bool message_stalls(struct netipc *e, struct peer *p, const struct inbound *in);
void message_in(struct netipc *e, struct peer *p, struct inbound *in);
void retract_in(struct netipc *e, struct peer *p, uint64_t number);
void delivery_free(struct netipc *e, struct netipc_delivery *d);
void delivery_finish(struct netipc *e, struct netipc_delivery *d);
void delivery_peer_died(struct netipc *e, struct peer *p);

/* export.c */
struct netipc_export *export_find(struct netipc *e, const struct nw_uid *uid);
struct netipc_export *export_get(struct netipc *e, void *port, struct netipc_export **slot);
void export_uid(const struct netipc *e, const struct netipc_export *x, struct nw_uid *uid);
void export_check_key(struct netipc *e);
uint64_t export_check(const struct netipc *e, const struct nw_uid *uid, uint64_t once_id);
bool uid_equal(const struct nw_uid *a, const struct nw_uid *b);
void export_hash_in(struct netipc *e, struct netipc_export *x);
void export_unhash(struct netipc *e, struct netipc_export *x);
void export_stays(struct netipc *e, struct netipc_export *x);
void export_fenced(struct netipc *e);
void export_try_drop(struct netipc *e, struct netipc_export *x);
void export_pump_dead(struct netipc *e, struct netipc_export *x);
struct holder *holder_find(struct netipc_export *x, struct peer *p);
bool holder_grant(struct netipc *e, struct netipc_export *x, struct peer *p);
void holder_ungrant(struct netipc *e, struct netipc_export *x, struct peer *p);
void holder_remove(struct netipc *e, struct holder *h);
struct once *once_make(struct netipc *e, struct netipc_export *x, struct peer *p);
struct once *once_find(struct netipc *e, const struct netipc_export *x, uint64_t id);
struct once *once_add(struct netipc *e, struct netipc_export *x, struct peer *p, uint64_t id);
void once_unhash(struct netipc *e, struct once *o);
void once_end(struct netipc *e, struct once *o, bool lost);
void once_claimed(struct once *o);
void onces_orphaned(struct netipc *e, struct peer *p);
void waiting_end(struct netipc *e, struct waiting *w, bool pass_slot);
/* Those that wait for a slot of x are told why (NW_*) they get none: it died, or moved. */
void export_refuse_waiting(struct netipc *e, struct netipc_export *x, uint32_t why);
void waiting_grant(struct netipc *e, struct netipc_export *x);
void export_ref_in(struct netipc *e, struct peer *p, uint8_t type, const struct nw_ref *ref);
void export_fence(struct netipc *e);
void export_timers(struct netipc *e);

/* proxy.c */
struct netipc_proxy *proxy_find(struct netipc *e, const struct nw_uid *uid);
struct netipc_proxy *proxy_get(struct netipc *e, const struct nw_uid *uid, struct peer *home);
void proxy_from_home(struct netipc *e, struct netipc_proxy *p);
void proxy_register(struct netipc *e, struct netipc_proxy *p);
void proxy_from_third(struct netipc *e, struct netipc_proxy *p, struct peer *giver, uint64_t transit);
struct once_ref *proxy_add_once(struct netipc *e, struct netipc_proxy *p, const struct nw_right *r);
void proxy_once_from_third(struct netipc *e, struct netipc_proxy *p, const struct nw_right *r,
			   struct peer *giver);
struct once_ref *proxy_held_once(struct netipc_proxy *p);
void once_claim(struct netipc *e, struct once_ref *o);
void proxy_tell(struct netipc *e, struct netipc_proxy *p);
void once_ref_free(struct netipc *e, struct once_ref *o);
void proxy_offer(struct netipc_proxy *p);
void proxy_defer(struct netipc *e, struct netipc_proxy *p);
void proxy_unpin(struct netipc *e, struct netipc_proxy *p);
void proxy_settle(struct netipc *e, struct netipc_proxy *p);
void proxy_die(struct netipc *e, struct netipc_proxy *p);
void proxy_fence(struct netipc *e);
void proxy_ref_in(struct netipc *e, struct peer *p, uint8_t type, const struct nw_ref *ref);
void transit_done_send(struct netipc *e, struct peer *giver, uint64_t transit, enum nw_code code);
void moved_done_send(struct netipc *e, struct peer *home, uint64_t transit);
struct transit *transit_make(struct netipc *e, struct peer *to, struct netipc_proxy *p, struct once_ref *o);
struct transit *transit_find(struct peer *p, uint64_t id);
struct transit *transit_given(struct peer *to, const struct nw_uid *uid, uint64_t once_id);
void transit_end(struct netipc *e, struct transit *t);
void transit_done_in(struct netipc *e, struct peer *p, const struct nw_transit *r);
void transit_over(struct netipc *e, struct transit *t);
void transit_lost(struct netipc *e, struct transit *t);
void pending_drop(struct netipc *e, struct pending *w);
void pending_add(struct netipc *e, struct netipc_proxy *p, struct peer *giver, uint64_t transit, uint64_t tag,
		 uint64_t once_id);
void pending_free(struct netipc *e, struct pending *w);
void room_told(struct netipc *e, struct netipc_proxy *p);
void pending_done(struct netipc *e, struct netipc_proxy *p, uint64_t tag, uint64_t once_id);

/* move.c */
void move_pump(struct netipc *e, struct netipc_proxy *p);
void move_settle(struct netipc *e, struct netipc_proxy *p);
void move_proxy_died(struct netipc *e, struct netipc_proxy *p);
void move_transit_ended(struct netipc *e, struct netipc_proxy *p);
void move_message_settled(struct netipc *e, struct netipc_message *m);
bool move_stub_tell(struct netipc *e, struct netipc_proxy *p, struct peer *peer);
struct netipc_proxy *move_stub(struct netipc *e, const struct nw_uid *uid);
bool move_is_telling(struct netipc *e, const struct nw_uid *uid, const struct peer *peer);
bool move_names_self(const struct netipc_proxy *p, const struct peer *to);
void move_given_end(struct netipc *e, struct netipc_proxy *p, struct peer *peer, uint32_t moves);
void move_ref_in(struct netipc *e, struct peer *from, uint8_t type, const struct nw_ref *ref);
void move_moved_in(struct netipc *e, struct peer *from, const struct nw_moved *r);
void move_once_in(struct netipc *e, struct peer *from, const struct nw_once *r);
void move_rebind(struct netipc *e, struct netipc_proxy *p, struct peer *home, uint32_t moves);
void move_once_came(struct netipc *e, struct netipc_export *x, int count);
void move_arrival_lost(struct netipc *e, struct netipc_proxy *p);
void move_export_died(struct netipc *e, struct netipc_export *x);
void move_once_destroyed(struct netipc *e, struct netipc_proxy *stub, const struct nw_ref *ref);

/* bulk.c */
bool bulk_expose(struct netipc *e, struct netipc_message *m, uint64_t offset);
void bulk_hide(struct netipc *e, struct netipc_message *m);
void bulk_next_in(struct netipc *e, struct peer *p, const struct nw_chunk *c);
void bulk_chunk_in(struct netipc *e, struct peer *p, const struct nw_chunk *c);
void bulk_start(struct netipc *e, struct netipc_delivery *d);
void bulk_pump(struct netipc *e, struct netipc_delivery *d);
void bulk_read_done(struct netipc *e, struct peer *p, int status);
void bulk_conn_down(struct netipc *e, struct peer *p);
void bulk_conn_up(struct netipc *e, struct peer *p);
void bulk_end(struct netipc *e, struct netipc_delivery *d, int status);

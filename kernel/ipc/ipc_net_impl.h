/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_net_impl.h - between the files of the network glue.
 *
 *   ipc_net.c          what kernel/ipc calls; upcalls of the engine; rights and ports
 *   ipc_net_send.c     kmsg -> wire, until the message is settled
 *   ipc_net_receive.c  wire -> kmsg
 *   ipc_net_link.c     start; the card's frames <-> the RoCEv2 engine; timers
 *   ipc_net_move.c     receive rights that go and come
 *   ipc_net_info.c     what HOST_NET_INFO tells
 *
 * Invariants:
 *  G1 the engine is entered with net.lock held, and net.lock is a leaf but for port locks, zones, timers and the card.
 *  G2 one drainer at a time handles upcalls, in order; what may touch a thread's deferred list of dead
 *     messages (ipc_kmsg_defer) runs in a thread, never in an interrupt.
 *  G3 a local port with an export has ip_exported set, and the export holds one reference of it.
 *  G4 a send-once right of a local port that is abroad stays counted in ip_sorights, without a reference.
 *  G5 a proxy port holds, while attached, one reference of the glue's and a struct net_proxy in ip_proxy.
 * Locking: net.lock -> port lock. Lock key: [n] net.lock.
 */
#pragma once

#include <base/list.h>
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_port.h>
#include <kern/clock.h>
#include <kern/kworker.h>
#include <kern/lock.h>
#include <netipc/netipc.h>
#include <sched/wait.h>

#define NET_CREDIT 32u     /* messages to one port sent and not accepted, then senders block */
#define NET_REAP_MAX 32u   /* dead messages that may wait for a thread to pass by */
#define NET_REAP_NS 5000000ull
#define NET_IDLE_NS 50000000ull /* a proxy that nobody holds stays so long: a caller's reply port comes again */
#define NET_FEW_RIGHTS 8u  /* up to so many need no allocation */

struct host_net_info;
struct nic;
struct roce;
struct zone;

struct net {
	struct spinlock lock;
	struct netipc *engine;
	struct roce *roce;
	struct nic *nic;
	bool draining;          /* [n] G2 */
	bool drain_submitted;   /* [n] */
	struct kwork drain_work;
	uint64_t armed_ns;      /* [n] */
	struct timer timer;
	struct list reap;       /* [n] of net_out.link and ipc_kmsg.ikm_link */
	struct list reap_kmsgs; /* [n] */
	uint32_t reap_count;    /* [n] */
	bool reap_submitted;    /* [n] */
	uint64_t reap_ns;       /* [n] since when something waits there; 0: nothing does */
	struct kwork reap_work;
	struct list idle;       /* [n] of net_proxy.idle_link: looked at when idle_ns is there */
	uint64_t idle_ns;       /* [n] 0: none */
	struct list starved;    /* [n] of net_proxy.starved_link: held messages wait for room */
	struct list backlog;    /* [n] of net_out.link: the kernel's own, which cannot wait */
	struct waitq room;      /* [n] */
	bool own_name_server;   /* [n] */
	struct zone *out_zone, *in_zone, *proxy_zone;
};

extern struct net net;

struct net_proxy {
	struct netipc_proxy *engine; /* [n] NULL: dead */
	struct net_proxy *spare;     /* the next of a list of those not yet in use */
	struct ipc_port *port;
	struct list idle_link;       /* [n] */
	uint32_t outstanding;        /* [n] */
	uint32_t waiters;            /* [n] threads in senders: keep the struct */
	struct waitq senders;        /* [n] */
	struct list starved_link;    /* [n] */
	struct list held;            /* [n] of net_out.link, by order: turned away by a port that moved */
	uint64_t order;              /* [n] of the next message */
	/* The port went from here: */
	bool moving;                 /* [n] its queue is being sent after it, by mover */
	bool export_there;           /* [n] a message for it may yet come in */
	struct list queue;           /* [n] of ipc_kmsg.ikm_link */
	struct waitq moved;          /* [n] the mover */
	struct ipc_port *mover_port; /* its send right */
	struct kwork mover;
};

/* A message on its way out. */
struct net_out {
	struct list link;
	struct ipc_kmsg *kmsg;
	struct netipc_message *message;
	struct net_proxy *proxy;     /* [n] NULL once it does not count there any more */
	uint32_t references;         /* [n] SENT, RELEASED, and a waiting sender */
	bool waited, settled;        /* [n] */
	bool held, moved;            /* [n] in proxy->held; a message of a port's queue that moved */
	uint64_t order;              /* [n] */
	struct net_proxy *shells;    /* for the receive rights in it */
	enum netipc_sent sent;
	bool rights_moved;
	struct waitq wait;           /* [n] */
	struct netipc_send send;
	void *head;
	uint32_t head_bytes;
	struct np_sge *pieces;
	uint32_t piece_room;
	struct netipc_right_out *rights;
	struct ipc_port **ports;
	uint64_t *ool_sizes;
	/* from here on: not cleared */
	struct np_sge body[2];
	mach_msg_base_t small_head;  /* the message's head without kernel addresses */
	struct netipc_right_out few[NET_FEW_RIGHTS];
	struct ipc_port *few_ports[NET_FEW_RIGHTS];
	uint64_t ool[8];
};

static inline struct netipc_export **net_slot(struct ipc_port *port)
{
	return (struct netipc_export **)&port->ip_net;
}

/* ipc_net.c */
void net_drain(bool in_thread);
void net_rearm_locked(uint64_t due_ns);
void net_export_made_locked(struct ipc_port *port);
bool net_is_live_proxy(struct ipc_port *port);
struct net_proxy *net_proxy_make(void);
void net_proxy_unmake(struct net_proxy *spares);
struct ipc_port *net_right_take_locked(const struct netipc_right_in *in, struct net_proxy **spares);
void net_right_gone(struct ipc_port *port, mach_msg_type_name_t type);
void net_reap(void);
void net_reap_kmsg(struct ipc_kmsg *kmsg);
void net_reap_out_locked(struct net_out *out);
void net_proxy_put_locked(struct net_proxy *np);
void net_idle_expire_locked(void);
void net_want_room_locked(struct net_proxy *np);
struct net_proxy *net_proxy_shell(void);
struct ipc_port *net_proxy_detach_locked(struct net_proxy *np);
extern const struct ipc_net_ops net_ops;

/* ipc_net_send.c */
mach_msg_return_t net_send(struct ipc_kmsg *kmsg, mach_msg_option_t option, uint64_t deadline_ns);
void net_sent(const struct netipc_upcall *u);
void net_released(struct net_out *out);
void net_room(void);
void net_out_free(struct net_out *out);
mach_msg_return_t net_send_moved(struct ipc_kmsg *kmsg);
void net_held_flush_locked(struct net_proxy *np);
void net_out_deliver_here(struct net_out *out);
void net_out_forget_moved(struct net_out *out);

/* ipc_net_receive.c */
void net_receive_init(void);
void net_deliver(const struct netipc_deliver *d);
void net_pulled(void *cookie, int status);

/* ipc_net_move.c */
void net_move_take(struct ipc_port *port, struct netipc_port_state *state, struct ipc_port *requests[2]);
void net_move_put_back(struct ipc_port *port, struct ipc_port *requests[2]);
void net_ports_moved(struct net_out *out);
void net_move_export_gone_locked(struct ipc_port *port);
bool net_move_follow(struct ipc_kmsg *kmsg);
struct ipc_port *net_move_arrive_locked(const struct netipc_right_in *in, struct net_proxy **spares);
void net_move_requests(struct ipc_port *port, struct ipc_port *requests[2]);
void net_arrived(struct net_proxy *np);

/* ipc_net_info.c */
void net_info(struct host_net_info *info);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_port.h - the port: a queue of messages, one receiver, counted send rights.
 *
 * Where its receive right is (exactly one of these):
 *   in a space   ip_receiver = the space, ip_receiver_name = the name there
 *   in limbo     ip_receiver = NULL, ip_destination = NULL: between two steps of an operation
 *   in transit   ip_receiver = NULL, ip_destination = the port whose queue holds the message
 *   away         ip_remote: the right is on another node, this port is a proxy
 *   arriving     ip_remote and ip_arriving: as one of the first three, but senders here wait until all is here that
 *                was sent to it on the node that it comes from
 *   nowhere      the port is dead: io_active false
 *
 * References: each send right, send-once right and receive right in a space or message holds one
 *   reference. "Consumes a right" means: the count and the reference.
 * Lock key: [I] immutable, [a] atomic, [p] port lock, [c] ipc_port_chain_lock, [n] the network glue's.
 *   Fields with [pa] are written under the port lock and may be read without it, when being late does no harm.
 *   The rights' counts are atomic: who holds a right may add to them (they cannot fall to 0 meanwhile), so
 *   an RPC takes the lock of a port only to use its queue.
 * Order: space -> port -> port set -> run queues; ipc_port_chain_lock is never held with another.
 */
#pragma once

#include <base/list.h>
#include <ipc/ipc_object.h>
#include <mach/kern_return.h>
#include <mach/message.h>
#include <mach/port.h>
#include <sched/thread_sched.h>
#include <sched/wait.h>

struct ipc_kmsg;
struct ipc_order;
struct ipc_space;

struct ipc_port {
	struct ipc_object ip_object;
	_Atomic mach_port_name_t ip_receiver_name; /* [pa] */
	_Atomic bool ip_remote;            /* [pa] a proxy */
	bool ip_exported;                  /* [p] other nodes hold rights */
	bool ip_net_waiting;               /* [p] the network was refused a slot; the glue clears it */
	bool ip_net_full;                  /* [p] of a proxy: a sender was told that there is no room, and asked to hear of it */
	_Atomic bool ip_arriving;          /* [pa] it came from another node, its queue not yet wholly */
	bool ip_net_turn;                  /* [p] the next free slot is the network's */
	bool ip_awaited;                   /* [p] something of the kernel will send to it later, and is told when it dies */
	bool ip_guarded;                   /* [p] ip_context is a guard: mach_port_guard() */
	bool ip_strict_guard;              /* [p] and is neither shown nor changed without it */
	bool ip_immovable_receive;         /* [p] the receive right stays in its space */
	uint16_t ip_kotype;                /* [p] enum ipc_kotype; IKOT_NONE: a plain port */
	struct ipc_space *_Atomic ip_receiver; /* [pa] not referenced: the space destroys its rights first */
	void *ip_kobject;                  /* [p] what a kernel port stands for */

	/* The queue. */
	struct list ip_messages;           /* [p] of ipc_kmsg.ikm_link */
	struct waitq ip_receivers;         /* [p] threads that receive from this port itself */
	struct waitq ip_senders;           /* [p] threads blocked by the limit; their kmsg is in ipc.kmsg */
	struct list ip_psets;              /* [p] of ipc_pset_link.port_link */
	uint32_t ip_msgcount;              /* [p] */
	uint32_t ip_qlimit;                /* [p] */
	mach_port_seqno_t ip_seqno;        /* [p] of the next message that is received */
	uint32_t ip_pset_count;            /* [p] */

	/* The rights. */
	_Atomic uint32_t ip_srights;       /* [a] */
	_Atomic uint32_t ip_sorights;      /* [a] */
	_Atomic mach_port_mscount_t ip_mscount; /* [a] */
	uint32_t ip_net_queued;            /* [p] of ip_msgcount, those that came from the network */
	struct ipc_port *ip_nsrequest;     /* [p] send-once right, or NULL */
	struct ipc_port *ip_pdrequest;     /* [p] send-once right, or NULL */
	struct list ip_requests;           /* [p] of ipc_request.link: dead-name and send-possible requests */
	uint32_t ip_request_count;         /* [p] of ip_requests */
	_Atomic uint32_t ip_sp_armed;      /* [pa] of ip_requests, those that fire when the queue has room */
	struct ipc_port *ip_destination;   /* [c] +1 */
	uint64_t ip_context;               /* [p] the receiver's word, or its guard */
	struct ipc_port_reserve *ip_reserve; /* [p] NULL, as of most ports */
	struct ipc_order *ip_order;        /* [p] messages go by priority (mach_port_qos_t.rt); NULL: by age */
	struct thread_ref ip_server;       /* [p] who took a message last: a hint of who will serve the next */
	void *ip_net;                      /* [n] its export */
	void *ip_proxy;                    /* [n] of a proxy */
	void *ip_mover;                    /* [n] it moved away, and messages that were coming follow it yet */
};

/* Memory that a port keeps for itself; lives until the port dies. */
struct ipc_port_reserve {
	struct list spares;        /* [p] of ipc_request.link: MACH_PORT_DNREQUESTS_SIZE */
	uint32_t spare_count;      /* [p] of them */
	uint32_t requests;         /* [p] as many can be made without memory */
	struct ipc_kmsg *premsg;   /* [p] for a notification without memory; NULL: none, or it is out */
};

/*
 * A dead-name request: "tell me if the right under this name dies"; or a send-possible request, which asks
 * for the same and also to be told, once, when a queue that was found full has room. Exists while its entry
 * points to it and the port is alive.
 */
struct ipc_request {
	struct list link;          /* [p] */
	struct ipc_port *notify;   /* [p] send-once right */
	struct ipc_space *space;   /* [I] of the entry that points here; not referenced */
	mach_port_name_t name;     /* [p] there */
	bool send_possible;        /* [p] */
	bool armed;                /* [p] a send-possible request that fires when there is room */
};

/* The most that MACH_PORT_DNREQUESTS_SIZE reserves. */
#define IP_REQUEST_RESERVE_MAX 65536u

#define IP_NULL ((struct ipc_port *)0)
#define IP_DEAD ((struct ipc_port *)~0UL)
#define IP_VALID(port) ((port) != IP_NULL && (port) != IP_DEAD)

static inline void ip_lock(struct ipc_port *port)
{
	spin_lock(&port->ip_object.io_lock);
}

static inline void ip_unlock(struct ipc_port *port)
{
	spin_unlock(&port->ip_object.io_lock);
}

static inline bool ip_active(const struct ipc_port *port)
{
	return atomic_load_explicit(&port->ip_object.io_active, memory_order_relaxed);
}

static inline void ip_reference(struct ipc_port *port)
{
	io_reference(&port->ip_object);
}

static inline void ip_release(struct ipc_port *port)
{
	io_release(&port->ip_object);
}

/* Its messages go by the network. */
static inline bool ip_is_away(const struct ipc_port *port)
{
	return port->ip_remote && !port->ip_arriving;
}

void ipc_port_init_zones(void);
/* Called, with nothing locked, with the timer of a port that died (IKOT_TIMER). Set by kern/mk_timer.c. */
extern void (*ipc_port_timer_died)(void *timer);
/* Called, with nothing locked, with a port that died and had ip_awaited. Set by kern/clock_service.c. */
extern void (*ipc_port_awaited_died)(struct ipc_port *port);

/*
 * Purpose: a port whose receive right is in space under name (already reserved there).
 * Returns: a locked port with one reference, the receive right's; NULL without memory.
 */
struct ipc_port *ipc_port_alloc_in_space(struct ipc_space *space, mach_port_name_t name);
/* A port whose receiver is a special space (ipc_space_kernel, ipc_space_reply), unlocked; or NULL. */
struct ipc_port *ipc_port_alloc_special(struct ipc_space *space);
/*
 * A proxy for a port of another node: active, no receiver here, no rights yet. Unlocked, one
 * reference, the glue's; NULL without memory.
 */
struct ipc_port *ipc_port_alloc_proxy(void *net);

/*
 * Purpose: the receive right is gone.
 * Conditions: nothing locked; consumes the receive right and its reference. The port's receiver is
 *   already no space's (ipc_port_clear_receiver). If a port-destroyed request stands, the right goes
 *   there; else the port dies: queued messages are destroyed, waiting threads told, requests fired.
 */
void ipc_port_destroy(struct ipc_port *port);
/* Kernel objects: the receive right of a special space's port goes. Nothing locked. */
void ipc_port_dealloc_special(struct ipc_port *port);
/*
 * The receive right leaves its space: into limbo. Waiting receivers get died, or PORT_CHANGED.
 * The port is locked and stays so.
 */
void ipc_port_clear_receiver(struct ipc_port *port, mach_msg_return_t why);

/*
 * Purpose: put port, in limbo, in transit to dest, unless that would close a circle.
 * Conditions: nothing locked. Returns true if it would: then port stays in limbo.
 */
bool ipc_port_check_circularity(struct ipc_port *port, struct ipc_port *dest);
/* port, in transit, is in limbo again. Nothing locked. */
void ipc_port_end_transit(struct ipc_port *port);

/* Rights. Of a port that is locked or whose receive right the caller holds; no lock is taken. */
static inline struct ipc_port *ipc_port_make_send_locked(struct ipc_port *port)
{
	atomic_fetch_add_explicit(&port->ip_mscount, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&port->ip_srights, 1, memory_order_relaxed);
	ip_reference(port);
	return port;
}

static inline struct ipc_port *ipc_port_make_sonce_locked(struct ipc_port *port)
{
	atomic_fetch_add_explicit(&port->ip_sorights, 1, memory_order_relaxed);
	ip_reference(port);
	return port;
}

/* One more of a send right that the caller holds, on a port it found active. */
static inline __attribute__((always_inline)) struct ipc_port *ipc_port_copy_send_held(struct ipc_port *port)
{
	atomic_fetch_add_explicit(&port->ip_srights, 1, memory_order_relaxed);
	ip_reference(port);
	return port;
}

/* The same; a dead port gives IP_DEAD. Counts in the make-send count. */
struct ipc_port *ipc_port_make_send(struct ipc_port *port);
struct ipc_port *ipc_port_make_sonce(struct ipc_port *port);
/* One more of a send right that the caller holds; IP_NULL gives IP_NULL, a dead port IP_DEAD. */
struct ipc_port *ipc_port_copy_send(struct ipc_port *port);
/* Drop a send right; the last one fires the no-senders request. Nothing locked. IP_NULL, IP_DEAD: nothing. */
void ipc_port_release_send(struct ipc_port *port);
/* Drop a send-once right that was used. Nothing locked. */
void ipc_port_release_sonce(struct ipc_port *port);
/* Drop a right of a received or kernel-held kind: MACH_MSG_TYPE_PORT_{SEND,SEND_ONCE,RECEIVE}. */
void ipc_port_release_right(struct ipc_port *port, mach_msg_type_name_t type);

/*
 * Set (IP_NULL: cancel) the request; consumes notify, a send-once right; *previous is the one before.
 * The port is locked on entry and NOT on return. If the condition holds already, it fires at once.
 */
void ipc_port_nsrequest(struct ipc_port *port, mach_port_mscount_t sync, struct ipc_port *notify,
			struct ipc_port **previous);
void ipc_port_pdrequest(struct ipc_port *port, struct ipc_port *notify, struct ipc_port **previous);

/* A new request for the entry of name, linked; port locked and active. NULL without memory. */
struct ipc_request *ipc_port_request_alloc(struct ipc_port *port, struct ipc_space *space,
					   mach_port_name_t name, struct ipc_port *notify);
/* Take the request away and return its send-once right. Port locked and active. */
struct ipc_port *ipc_port_request_cancel(struct ipc_port *port, struct ipc_request *request);
/* Of which kind it is now. Port locked and active. */
void ipc_port_request_set(struct ipc_port *port, struct ipc_request *request, bool send_possible, bool armed);
/*
 * Purpose: reserve memory, so that the port has size requests at least before one can fail.
 * Conditions: port locked and active on entry, NOT on return.
 * Returns: KERN_SUCCESS; KERN_NO_SPACE: too many, or no memory.
 */
kern_return_t ipc_port_request_grow(struct ipc_port *port, uint32_t size);
/* Requests that there is memory for, those that stand included. Port locked. */
static inline uint32_t ipc_port_request_room(const struct ipc_port *port)
{
	return port->ip_request_count + (port->ip_reserve ? port->ip_reserve->spare_count : 0);
}

/* A reserve without anything in it; NULL without memory. */
struct ipc_port_reserve *ipc_port_reserve_alloc(void);
/* One that is in no port, with what is in it; NULL: nothing. */
void ipc_port_reserve_free(struct ipc_port_reserve *reserve);
/* Would a send right's message have to wait for room? A proxy's never: its home knows. Port locked. */
bool ipc_port_full_locked(const struct ipc_port *port);

/* A proxy whose home died or refused it becomes a dead port. Nothing locked; the glue keeps its reference. */
void ipc_port_proxy_dead(struct ipc_port *proxy);

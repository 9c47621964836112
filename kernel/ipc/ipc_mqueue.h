/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_mqueue.h - sending to and receiving from a port's queue, with the waits in between.
 *
 * A sender that finds a waiting receiver claims it and stores the kmsg in it; the message never is
 * queued. A sender that finds the queue full blocks with its kmsg in its own ipc_thread; who frees a slot
 * enqueues that kmsg on its behalf, so that blocked senders are served in order and a
 * newcomer cannot take the slot. Each wait is ended by exactly one of waker, timeout, abort (sched/wait.h).
 */
#pragma once

#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_pset.h>

struct thread;

#define IPC_IS_ELSEWHERE (-1) /* no Mach code: the port moved to or from another node meanwhile, look again */
#define IPC_NO_WAIT UINT64_MAX /* as a deadline: do not block at all */

/*
 * Purpose: put kmsg on its destination, a port of this node that is not the kernel's.
 * Conditions: nothing locked; thread context if it may block. Takes kmsg on MACH_MSG_SUCCESS only (also
 *   when the port is dead: the message is destroyed).
 *   *receiver: NULL, or a claimed receiver that is owed thread_go() or a hand-off; if receiver
 *   is NULL it is let go at once. MACH_SEND_ALWAYS in option: past the limit, never blocks.
 * Returns: MACH_MSG_SUCCESS, MACH_SEND_TIMED_OUT, MACH_SEND_INTERRUPTED, IPC_IS_ELSEWHERE: the port has moved.
 */
mach_msg_return_t ipc_mqueue_send(struct ipc_kmsg *kmsg, mach_msg_option_t option, uint64_t deadline_ns,
				  struct thread **receiver);
/*
 * For the network, any context: is this port's queue full for a send right's message? If so it is remembered
 * that the network waits (ip_net_waiting): slot_freed() will be called.
 */
bool ipc_mqueue_full(struct ipc_port *port);
/*
 * Purpose: as ipc_mqueue_send, past the limit, from any context, without blocking or allocating: for the network.
 * Returns: MACH_MSG_SUCCESS (taken), MACH_SEND_INVALID_DEST (dead, or not here: kmsg is the caller's).
 */
mach_msg_return_t ipc_mqueue_deliver(struct ipc_kmsg *kmsg);

struct ipc_mqueue_received {
	struct ipc_kmsg *kmsg;      /* on SUCCESS, and if it was dequeued though it did not suit */
	mach_port_seqno_t seqno;
	uint64_t context;           /* of the port */
	mach_msg_size_t size;       /* if it did not suit: what it would need, without trailer */
	mach_port_name_t port_name; /* if it was left in the queue: where it waits */
};

/*
 * Purpose: the receive right or port set under name, with a reference.
 * Returns: MACH_MSG_SUCCESS, MACH_RCV_INVALID_NAME.
 */
mach_msg_return_t ipc_mqueue_copyin(struct ipc_space *space, mach_port_name_t name,
				    struct ipc_object **out);
/*
 * Purpose: take the next message of object (a port or set of space, referenced by the caller), waiting
 *   for it.
 * Conditions: nothing locked; thread context. handoff (or NULL) is a claimed thread: the CPU goes to it if we
 *   block, else it is let go. ipc.fast_ok of the calling thread says if it may be given a short message instead of
 *   a kmsg (out->kmsg is NULL then). With MACH_RCV_OVERWRITE the calling thread's ipc.scatter is its list.
 * Returns: MACH_MSG_SUCCESS, MACH_RCV_{TIMED_OUT,INTERRUPTED,PORT_DIED,PORT_CHANGED}; that it does not suit
 *   the receiver: MACH_RCV_{TOO_LARGE,SCATTER_SMALL,INVALID_TYPE}, and then out->kmsg says if it was dequeued.
 */
mach_msg_return_t ipc_mqueue_receive(struct ipc_object *object, struct ipc_space *space,
				     mach_msg_option_t option, mach_msg_size_t max_size,
				     uint64_t deadline_ns, struct thread *handoff,
				     struct ipc_mqueue_received *out);

/*
 * What a waker brought to the calling thread, which waited in a port or set; results as of ipc_mqueue_receive, and
 * MACH_RCV_IN_PROGRESS: look again. With ipc.fast_size there is a short message instead of a kmsg.
 */
mach_msg_return_t ipc_mqueue_received(struct ipc_mqueue_received *out);

/*
 * The waiter of wq that is worth most, the longest waiting of equals, not claimed: whose turn it is at a port that goes by
 * priority. The object is locked.
 */
struct thread *ipc_mqueue_best_waiter_borrow(struct waitq *wq);

/* Slots may have become free (a message left, the limit grew): serve blocked senders. Port locked. */
void ipc_mqueue_serve_senders(struct ipc_port *port);
/* The port is now a member of pset: give its messages to the set's receivers. Both locked. */
void ipc_mqueue_offer_to_set(struct ipc_port *port, struct ipc_pset_link *link);
/* End all receivers' waits in wq with this result. The object is locked. */
void ipc_mqueue_fail_receivers(struct waitq *wq, mach_msg_return_t why);
/* Let all blocked senders go: the port is dead. Port locked. */
void ipc_mqueue_fail_senders(struct ipc_port *port);

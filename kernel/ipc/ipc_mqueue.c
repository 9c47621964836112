/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_mqueue.c - a message meets a receiver: queues, limits, waits. Interface: ipc_mqueue.h.
 *
 * Invariants: Q1 a thread waits in ip_receivers only while the port's queue is empty;
 *   Q2 a thread waits in ips_receivers only while ips_ready is empty;
 *   Q3 a thread waits in ip_senders only while ip_msgcount >= ip_qlimit.
 * Locking: port -> set. Claimed threads are let go with ip or ips locks held at most (run queues come after).
 */
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_net.h>
#include <ipc/ipc_order.h>
#include <ipc/ipc_right.h>
#include <ipc/ipc_scatter.h>
#include <ipc/ipc_space.h>
#include <kern/assert.h>
#include <kern/thread.h>
#include <sched/donate.h>
#include <sched/run_queue.h>

/* Can the receiver ith take kmsg? MACH_MSG_SUCCESS, MACH_RCV_{TOO_LARGE,SCATTER_SMALL,INVALID_TYPE}. */
static mach_msg_return_t suits(const struct ipc_thread *ith, mach_msg_option_t option, mach_msg_size_t max_size,
			       const struct ipc_kmsg *kmsg)
{
	if (ikm_size(kmsg) + ipc_kmsg_trailer_size(option) > max_size)
		return MACH_RCV_TOO_LARGE;
	return option & MACH_RCV_OVERWRITE ? ipc_scatter_check(ith->scatter, kmsg) : MACH_MSG_SUCCESS;
}

/* Does a receiver want to be told of what it cannot take, instead of losing it? */
static bool wants_to_know(mach_msg_option_t option, mach_msg_return_t mr)
{
	return (option & MACH_RCV_LARGE) && mr != MACH_RCV_INVALID_TYPE;
}

__attribute__((noinline)) struct thread *ipc_mqueue_best_waiter_borrow(struct waitq *wq)
{
	struct thread *best = waitq_first_borrow(wq);

	for (struct thread *t = best ? waitq_next_borrow(wq, best) : NULL; t; t = waitq_next_borrow(wq, t))
		if (run_queue_beats(t, best))
			best = t;
	return best;
}

/* The receiver whose turn it is, claimed: the first, or by priority if the port goes by it. The object is locked. */
static struct thread *claim_next_receiver(struct waitq *wq, const struct ipc_port *port)
{
	struct thread *best;

	if (__builtin_expect(port->ip_order == NULL, 1))
		return waitq_claim(wq);
	/* Who had a timeout or an abort first is not a waiter when looked at again. */
	do
		best = ipc_mqueue_best_waiter_borrow(wq);
	while (best && !waitq_claim_thread(wq, best));
	return best;
}

/*
 * Claim a receiver of wq for kmsg. One that cannot take it all and asked to be told (MACH_RCV_LARGE)
 * is told, and the next one is asked; one that did not ask gets it and will report it too large.
 */
static struct thread *claim_receiver(struct waitq *wq, struct ipc_port *port, struct ipc_kmsg *kmsg)
{
	struct thread *t;

	while ((t = claim_next_receiver(wq, port)) != NULL) {
		struct ipc_thread *ith = &t->ipc;

		ith->state = suits(ith, ith->option, ith->msize, kmsg);
		if (ith->state != MACH_MSG_SUCCESS) {
			ith->msize = ikm_size(kmsg);
			if (wants_to_know(ith->option, ith->state)) {
				ith->port_name = port->ip_receiver_name;
				thread_go(t);
				continue;
			}
		}
		ith->kmsg = kmsg;
		ith->seqno = port->ip_seqno++;
		ith->context = port->ip_context;
		port->ip_server = (struct thread_ref){ t, t->tid };
		return t;
	}
	return NULL;
}

/* A receiver of one of the port's sets; in those without one the port becomes ready. */
static __attribute__((noinline)) struct thread *claim_set_receiver(struct ipc_port *port, struct ipc_kmsg *kmsg)
{
	LIST_FOR_EACH(l, &port->ip_psets) {
		struct ipc_pset_link *link = container_of(l, struct ipc_pset_link, port_link);
		struct thread *t;

		ips_lock(link->pset);
		t = claim_receiver(&link->pset->ips_receivers, port, kmsg);
		if (!t) {
			if (list_empty(&link->ready_link))
				list_add_tail(&link->pset->ips_ready, &link->ready_link);
			poll_source_fire(&link->pset->ips_poll);
		}
		ips_unlock(link->pset);
		if (t)
			return t;
	}
	return NULL;
}

/* Give kmsg to a receiver, returned claimed, or queue it (NULL). Port locked. */
static struct thread *put_locked(struct ipc_port *port, struct ipc_kmsg *kmsg)
{
	if (list_empty(&port->ip_messages)) {
		struct thread *t = claim_receiver(&port->ip_receivers, port, kmsg);

		if (!t && !list_empty(&port->ip_psets))
			t = claim_set_receiver(port, kmsg);
		if (t)
			return t;
	}
	if (port->ip_order)
		ipc_order_insert(port->ip_order, &port->ip_messages, kmsg);
	else
		list_add_tail(&port->ip_messages, &kmsg->ikm_link);
	port->ip_msgcount++;
	port->ip_net_queued += kmsg->ikm_from_net;
	return NULL;
}

/* The calling thread's request is with t, or in the port's queue (NULL): lend on what this thread is worth. Port locked. */
static void lend(struct ipc_port *port, const struct ipc_kmsg *kmsg, struct thread *t)
{
	if (kmsg->ikm_ticket.thread != current_thread())
		return; /* it does not wait for an answer */
	if (t)
		donate_rpc_begin(t);
	else
		donate_rpc_begin_ref(port->ip_server);
}

static bool limit_applies(const struct ipc_kmsg *kmsg, mach_msg_option_t option)
{
	return !(option & MACH_SEND_ALWAYS) && MACH_MSGH_BITS_REMOTE(kmsg->ikm_header->msgh_bits) !=
						       MACH_MSG_TYPE_PORT_SEND_ONCE;
}

/* The queue is full and locked: wait until somebody enqueued kmsg for us. */
static __attribute__((noinline)) mach_msg_return_t wait_for_slot(struct ipc_port *port, struct ipc_kmsg *kmsg, uint64_t deadline_ns)
{
	struct ipc_thread *ith = &current_thread()->ipc;
	enum wait_result result;

	if (deadline_ns == IPC_NO_WAIT) {
		ip_unlock(port);
		return MACH_SEND_TIMED_OUT;
	}
	ith->kmsg = kmsg;
	ip_reference(port);
	lend(port, kmsg, NULL);
	result = waitq_block(&port->ip_senders, &port->ip_object.io_lock, WAIT_ABORTABLE, deadline_ns);
	ip_release(port);
	if (result != WAIT_WOKEN) {
		ith->kmsg = NULL;
		return result == WAIT_TIMED_OUT ? MACH_SEND_TIMED_OUT : MACH_SEND_INTERRUPTED;
	}
	if (ith->kmsg) { /* the port died, or moved away */
		ith->kmsg = NULL;
		if (ip_active(port)) /* the kmsg's right keeps it */
			return IPC_IS_ELSEWHERE;
		ipc_kmsg_destroy(kmsg);
	}
	return MACH_MSG_SUCCESS;
}

mach_msg_return_t ipc_mqueue_send(struct ipc_kmsg *kmsg, mach_msg_option_t option, uint64_t deadline_ns,
				  struct thread **receiver)
{
	struct ipc_port *port = kmsg->ikm_remote_port;
	struct thread *t;

	if (receiver)
		*receiver = NULL;
	ip_lock(port);
	if (!ip_active(port)) {
		ip_unlock(port);
		ipc_kmsg_destroy(kmsg);
		return MACH_MSG_SUCCESS;
	}
	if (port->ip_remote && (!port->ip_arriving || limit_applies(kmsg, option))) {
		ip_unlock(port);
		return IPC_IS_ELSEWHERE;
	}
	if (port->ip_msgcount >= port->ip_qlimit && limit_applies(kmsg, option))
		return wait_for_slot(port, kmsg, deadline_ns);
	t = put_locked(port, kmsg);
	lend(port, kmsg, t);
	ip_unlock(port);
	if (t && receiver)
		*receiver = t;
	else if (t)
		thread_go(t);
	return MACH_MSG_SUCCESS;
}

bool ipc_mqueue_full(struct ipc_port *port)
{
	bool full;

	ip_lock(port);
	full = ip_active(port) && port->ip_receiver != ipc_space_kernel &&
	       port->ip_msgcount >= port->ip_qlimit;
	port->ip_net_waiting |= full;
	ip_unlock(port);
	return full;
}

mach_msg_return_t ipc_mqueue_deliver(struct ipc_kmsg *kmsg)
{
	struct ipc_port *port = kmsg->ikm_remote_port;
	struct thread *t;

	ip_lock(port);
	if (!ip_active(port) || ip_is_away(port) || port->ip_receiver == ipc_space_kernel) {
		ip_unlock(port);
		return MACH_SEND_INVALID_DEST;
	}
	t = put_locked(port, kmsg);
	ip_unlock(port);
	if (t)
		thread_go(t);
	return MACH_MSG_SUCCESS;
}

/* The next blocked sender, claimed: the first, or of those with the best message if that is the order. Port locked. */
static struct thread *claim_sender(struct ipc_port *port)
{
	struct thread *best = waitq_first_borrow(&port->ip_senders);

	if (!best || !port->ip_order)
		return waitq_claim(&port->ip_senders);
	for (struct thread *t = waitq_next_borrow(&port->ip_senders, best); t; t = waitq_next_borrow(&port->ip_senders, t))
		if (t->ipc.kmsg->ikm_priority > best->ipc.kmsg->ikm_priority)
			best = t;
	/* One that a timeout or an abort had before us is about to unlink itself. */
	return waitq_claim_thread(&port->ip_senders, best) ? best : waitq_claim(&port->ip_senders);
}

/* Enqueue the first blocked sender's message, and let it go. Port locked. */
static __attribute__((noinline)) bool serve_one_sender(struct ipc_port *port)
{
	struct thread *sender = claim_sender(port), *receiver;
	struct ipc_kmsg *kmsg;

	if (!sender)
		return false;
	kmsg = sender->ipc.kmsg;
	sender->ipc.kmsg = NULL;
	receiver = put_locked(port, kmsg);
	thread_go(sender);
	if (receiver)
		thread_go(receiver);
	return true;
}

void ipc_mqueue_serve_senders(struct ipc_port *port)
{
	while (port->ip_msgcount < port->ip_qlimit && serve_one_sender(port))
		;
}

/* A slot became free: local and remote senders that wait take turns. Port locked. True: tell the network. */
static bool slot_became_free(struct ipc_port *port)
{
	if (port->ip_msgcount >= port->ip_qlimit)
		return false;
	if (port->ip_net_waiting && port->ip_net_turn) {
		port->ip_net_turn = false;
		return true;
	}
	port->ip_net_turn = true;
	return !serve_one_sender(port) && port->ip_net_waiting;
}

/*
 * Take the port's first message, if it fits or the receiver did not ask to be told. Port locked, queue
 * not empty. *freed: the network is to be told of a free slot.
 */
static __attribute__((noinline)) mach_msg_return_t take_locked(struct ipc_port *port, mach_msg_option_t option,
				     mach_msg_size_t max_size, struct ipc_mqueue_received *out,
				     bool *freed)
{
	struct ipc_kmsg *kmsg = list_first(&port->ip_messages, struct ipc_kmsg, ikm_link);
	mach_msg_return_t mr = suits(&current_thread()->ipc, option, max_size, kmsg);

	out->size = ikm_size(kmsg);
	out->port_name = port->ip_receiver_name;
	if (mr != MACH_MSG_SUCCESS && wants_to_know(option, mr))
		return mr;
	if (port->ip_order)
		ipc_order_remove(port->ip_order, &port->ip_messages, kmsg);
	list_remove(&kmsg->ikm_link);
	port->ip_server = donate_self();
	port->ip_msgcount--;
	port->ip_net_queued -= kmsg->ikm_from_net;
	out->kmsg = kmsg;
	out->seqno = port->ip_seqno++;
	out->context = port->ip_context;
	*freed = slot_became_free(port);
	return mr;
}

/* After a message was taken; a reference of the port is held. */
static inline void tell_slot_freed(struct ipc_port *port, bool freed)
{
	if (freed && ipc_net)
		ipc_net->slot_freed(port);
	if (atomic_load_explicit(&port->ip_sp_armed, memory_order_relaxed))
		ipc_right_send_possible(port);
}

/*
 * Block the calling thread in wq. The object is locked on entry, not on return.
 * MACH_RCV_IN_PROGRESS: look again.
 */
static mach_msg_return_t wait_for_message(struct waitq *wq, struct ipc_object *object,
					  mach_msg_option_t option, mach_msg_size_t max_size,
					  uint64_t deadline_ns, struct thread **handoff,
					  struct ipc_mqueue_received *out)
{
	struct ipc_thread *ith = &current_thread()->ipc;
	struct thread *next = *handoff;
	enum wait_result result;

	if (deadline_ns == IPC_NO_WAIT) {
		spin_unlock(&object->io_lock);
		return MACH_RCV_TIMED_OUT;
	}
	*handoff = NULL;
	ith->kmsg = NULL;
	ith->option = option;
	ith->msize = max_size;
	result = waitq_block_handoff(wq, &object->io_lock, WAIT_ABORTABLE, deadline_ns, next);
	if (result != WAIT_WOKEN)
		return result == WAIT_TIMED_OUT ? MACH_RCV_TIMED_OUT : MACH_RCV_INTERRUPTED;
	return ipc_mqueue_received(out);
}

mach_msg_return_t ipc_mqueue_received(struct ipc_mqueue_received *out)
{
	struct ipc_thread *ith = &current_thread()->ipc;

	out->kmsg = ith->kmsg;
	out->seqno = ith->seqno;
	out->context = ith->context;
	out->size = ith->msize;
	out->port_name = ith->port_name;
	ith->kmsg = NULL;
	return ith->state;
}

static mach_msg_return_t receive_port(struct ipc_port *port, struct ipc_space *space,
				      mach_msg_option_t option, mach_msg_size_t max_size,
				      uint64_t deadline_ns, struct thread **handoff,
				      struct ipc_mqueue_received *out)
{
	mach_msg_return_t mr;
	bool freed = false;

	ip_lock(port);
	if (!ip_active(port) || port->ip_receiver != space) {
		mr = ip_active(port) ? MACH_RCV_PORT_CHANGED : MACH_RCV_PORT_DIED;
		ip_unlock(port);
		return mr;
	}
	if (list_empty(&port->ip_messages)) /* Q1 */
		return wait_for_message(&port->ip_receivers, &port->ip_object, option, max_size,
					deadline_ns, handoff, out);
	mr = take_locked(port, option, max_size, out, &freed);
	ip_unlock(port);
	tell_slot_freed(port, freed);
	return mr;
}

/* The port, from the ready list and referenced, may have a message for pset. */
static mach_msg_return_t receive_member(struct ipc_pset *pset, struct ipc_port *port,
					mach_msg_option_t option, mach_msg_size_t max_size,
					struct ipc_mqueue_received *out)
{
	struct ipc_pset_link *link;
	mach_msg_return_t mr = MACH_RCV_IN_PROGRESS;
	bool freed = false;

	ip_lock(port);
	link = ipc_pset_find_link(pset, port);
	if (link) {
		if (!list_empty(&port->ip_messages))
			mr = take_locked(port, option, max_size, out, &freed);
		ips_lock(pset);
		if (out->kmsg || list_empty(&port->ip_messages)) { /* else it stays where it is */
			list_remove(&link->ready_link);
			if (!list_empty(&port->ip_messages)) /* S1: to the end, for its next turn */
				list_add_tail(&pset->ips_ready, &link->ready_link);
		}
		ips_unlock(pset);
	}
	ip_unlock(port);
	tell_slot_freed(port, freed);
	return mr;
}

static __attribute__((noinline)) mach_msg_return_t receive_set(struct ipc_pset *pset, mach_msg_option_t option,
				     mach_msg_size_t max_size, uint64_t deadline_ns,
				     struct thread **handoff, struct ipc_mqueue_received *out)
{
	struct ipc_pset_link *link;
	struct ipc_port *port;
	mach_msg_return_t mr;

	ips_lock(pset);
	if (!ips_active(pset)) {
		ips_unlock(pset);
		return MACH_RCV_PORT_DIED;
	}
	link = list_first(&pset->ips_ready, struct ipc_pset_link, ready_link);
	if (!link) /* Q2 */
		return wait_for_message(&pset->ips_receivers, &pset->ips_object, option, max_size,
					deadline_ns, handoff, out);
	port = link->port;
	ip_reference(port);
	ips_unlock(pset);
	mr = receive_member(pset, port, option, max_size, out);
	ip_release(port);
	return mr;
}

mach_msg_return_t ipc_mqueue_receive(struct ipc_object *object, struct ipc_space *space,
				     mach_msg_option_t option, mach_msg_size_t max_size,
				     uint64_t deadline_ns, struct thread *handoff,
				     struct ipc_mqueue_received *out)
{
	mach_msg_return_t mr;

	out->kmsg = NULL;
	do {
		mr = object->io_kind == IOT_PORT
			     ? receive_port((struct ipc_port *)object, space, option, max_size,
					    deadline_ns, &handoff, out)
			     : receive_set((struct ipc_pset *)object, option, max_size, deadline_ns,
					   &handoff, out);
	} while (mr == MACH_RCV_IN_PROGRESS);
	if (handoff)
		thread_go(handoff);
	return mr;
}

mach_msg_return_t ipc_mqueue_copyin(struct ipc_space *space, mach_port_name_t name,
				    struct ipc_object **out)
{
	struct ipc_entry *entry;
	mach_msg_return_t mr = MACH_RCV_INVALID_NAME;

	is_lock(space);
	entry = space->is_active ? ipc_entry_lookup(space, name) : NULL;
	if (entry && (entry->ie_bits & (MACH_PORT_TYPE_RECEIVE | MACH_PORT_TYPE_PORT_SET))) {
		*out = entry->ie_object;
		io_reference(*out);
		mr = MACH_MSG_SUCCESS;
	}
	is_unlock(space);
	return mr;
}

void ipc_mqueue_offer_to_set(struct ipc_port *port, struct ipc_pset_link *link)
{
	struct thread *t;

	if (list_empty(&port->ip_messages))
		return;
	list_add_tail(&link->pset->ips_ready, &link->ready_link);
	/* Q2: they look again; taking a message needs the port's lock before the set's. */
	for (uint32_t i = 0; i < port->ip_msgcount; i++) {
		t = waitq_claim(&link->pset->ips_receivers);
		if (!t)
			break;
		t->ipc.state = MACH_RCV_IN_PROGRESS;
		thread_go(t);
	}
	poll_source_fire(&link->pset->ips_poll);
}

void ipc_mqueue_fail_receivers(struct waitq *wq, mach_msg_return_t why)
{
	struct thread *t;

	while ((t = waitq_claim(wq)) != NULL) {
		t->ipc.state = why;
		thread_go(t);
	}
}

void ipc_mqueue_fail_senders(struct ipc_port *port)
{
	waitq_wake_all(&port->ip_senders); /* each still has its kmsg, and so knows */
}

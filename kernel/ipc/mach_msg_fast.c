/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach_msg_fast.c - the way of a short simple call, there and back, without a kmsg and without a queue.
 *
 * What it takes: a send and a receive in one trap; a message without descriptors of at most IPC_FAST_BYTES; either a
 * request (COPY_SEND, with a send-once right made for the port that is received from next) or an answer
 * (MOVE_SEND_ONCE); a receiver that waits and asked for nothing special. The sender puts the message into the
 * receiver's thread, header turned round, and hands over its CPU; the receiver gives the reply right a name and copies the
 * bytes out. Everything else is declined before anything was changed, and mach_msg.c does it.
 *
 * The result is that of the slow way in which the receiver runs at once: the destination's right is copied and used up
 * in one moment, so it is not counted in between; the sequence number counts; a receiver that cannot take the
 * reply right gets the header alone. tests/unit/ipc/fast_test.c runs the same programs both ways.
 *
 * Invariants: F1 only a thread that waits with ipc.fast_ok is given a short message, and only one (fast_size);
 *   F2 who waits in a port or set has no message queued there (ipc_mqueue.c Q1, Q2), so nobody is overtaken.
 * Locking: space -> port -> set, all dropped before the CPU is handed over.
 */
#include <ddb/trace.h>
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_notify.h>
#include <ipc/ipc_right.h>
#include <ipc/ipc_space.h>
#include <ipc/mach_msg_private.h>
#include <kern/assert.h>
#include <kern/thread.h>
#include <machine/copyio.h>
#include <sched/donate.h>

bool mach_msg_fast_off;

#define REQUEST_BITS MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE)
#define ANSWER_BITS MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0)

union message {
	mach_msg_header_t h;
	uint64_t words[IPC_FAST_BYTES / 8];
};

/* The waiter of wq whose turn it is, claimed, if it may be given size bytes. The object is locked. */
static inline struct thread *claim_fast(struct waitq *wq, const struct ipc_port *port, mach_msg_size_t size)
{
	struct thread *t = __builtin_expect(port->ip_order != NULL, 0) ? ipc_mqueue_best_waiter_borrow(wq)
								       : waitq_first_borrow(wq);

	if (!t || !t->ipc.fast_ok || t->ipc.msize < size + sizeof(mach_msg_trailer_t) || !waitq_claim_thread(wq, t))
		return NULL;
	return t;
}

/* A receiver of the port, or of the one set it is in. Port locked. */
static inline struct thread *claim(struct ipc_port *port, mach_msg_size_t size)
{
	struct list *sets = &port->ip_psets;
	struct ipc_pset_link *link;
	struct thread *t;

	if (!list_empty(&port->ip_receivers.threads))
		return claim_fast(&port->ip_receivers, port, size);
	if (list_empty(sets) || sets->next != sets->prev)
		return NULL;
	link = container_of(sets->next, struct ipc_pset_link, port_link);
	ips_lock(link->pset);
	t = claim_fast(&link->pset->ips_receivers, port, size);
	ips_unlock(link->pset);
	return t;
}

/* The message as its receiver will see it, but for the reply's name. Port locked. */
static inline void hand_message(struct thread *t, struct ipc_port *port, const union message *m, mach_msg_size_t size,
				struct ipc_port *reply)
{
	struct ipc_thread *ith = &t->ipc;
	mach_msg_header_t *h = (mach_msg_header_t *)ith->fast;
	mach_msg_trailer_t *trailer = (mach_msg_trailer_t *)((char *)ith->fast + size);

	for (mach_msg_size_t i = sizeof *h / 8; i < (size + 7) / 8; i++)
		ith->fast[i] = m->words[i];
	*h = (mach_msg_header_t){
		.msgh_bits = reply ? MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND_ONCE, MACH_MSG_TYPE_PORT_SEND)
				   : MACH_MSGH_BITS(0, MACH_MSG_TYPE_PORT_SEND_ONCE),
		.msgh_size = size,
		.msgh_local_port = port->ip_receiver_name,
		.msgh_id = m->h.msgh_id,
	};
	*trailer = (mach_msg_trailer_t){ MACH_MSG_TRAILER_FORMAT_0, sizeof *trailer };
	ith->fast_reply = reply;
	ith->fast_size = size;
	ith->state = MACH_MSG_SUCCESS;
	port->ip_seqno++;
	TRACE3(SEND, port, m->h.msgh_id, size);
	port->ip_server = (struct thread_ref){ t, t->tid };
}

/*
 * Give the message to a waiting receiver, which is returned claimed. *object, with a reference: what is received from
 * next. NULL: declined, nothing was done.
 */
static inline struct thread *send_fast(struct ipc_space *space, const union message *m, mach_msg_size_t size,
				       mach_port_name_t rcv_name, struct ipc_object **object)
{
	bool request = m->h.msgh_bits == REQUEST_BITS;
	struct ipc_entry *dest, *rcv;
	struct ipc_port *port = IP_NULL, *reply = IP_NULL;
	struct thread *t = NULL;

	if (m->h.msgh_local_port != (request ? rcv_name : MACH_PORT_NULL))
		return NULL;
	is_lock(space);
	if (!space->is_active)
		goto out;
	dest = ipc_entry_lookup(space, m->h.msgh_remote_port);
	rcv = ipc_entry_lookup(space, rcv_name);
	if (!dest || !rcv)
		goto out;
	if (request) {
		if (!(dest->ie_bits & MACH_PORT_TYPE_SEND) || !(rcv->ie_bits & MACH_PORT_TYPE_RECEIVE) || dest == rcv)
			goto out;
		reply = (struct ipc_port *)rcv->ie_object;
	} else if (!(dest->ie_bits & MACH_PORT_TYPE_SEND_ONCE) || dest->ie_request ||
		   !(rcv->ie_bits & (MACH_PORT_TYPE_RECEIVE | MACH_PORT_TYPE_PORT_SET))) {
		goto out;
	}
	port = (struct ipc_port *)dest->ie_object;
	ip_lock(port);
	t = claim(port, size);
	if (t) {
		hand_message(t, port, m, size, reply);
		io_reference(rcv->ie_object);
		*object = rcv->ie_object;
		if (request) {
			(void)ipc_port_make_sonce_locked(reply);
			donate_rpc_begin(t);
		} else {
			ipc_entry_dealloc(space, m->h.msgh_remote_port, dest);
		}
	}
	ip_unlock(port);
out:
	is_unlock(space);
	if (t && !request)
		ipc_port_release_sonce(port); /* used */
	return t;
}

/* The reply right got no name: the header alone, and the right is dropped as with its message. */
static __attribute__((noinline, cold)) mach_msg_return_t no_name(uint64_t msg, mach_msg_size_t max_size, kern_return_t kr)
{
	struct ipc_thread *ith = &current_thread()->ipc;
	mach_msg_header_t *h = (mach_msg_header_t *)ith->fast;
	struct ipc_port *reply = ith->fast_reply;

	ith->fast_reply = IP_NULL;
	ipc_notify_send_once(reply);
	h->msgh_bits = MACH_MSGH_BITS(0, MACH_MSGH_BITS_LOCAL(h->msgh_bits));
	if (max_size >= sizeof *h && copyout(h, msg, sizeof *h) != KERN_SUCCESS)
		return MACH_RCV_INVALID_DATA;
	return MACH_RCV_HEADER_ERROR | (kr == KERN_RESOURCE_SHORTAGE ? MACH_MSG_IPC_KERNEL : MACH_MSG_IPC_SPACE);
}

mach_msg_return_t mach_msg_fast_deliver(uint64_t msg, mach_msg_size_t max_size)
{
	struct ipc_thread *ith = &current_thread()->ipc;
	mach_msg_header_t *h = (mach_msg_header_t *)ith->fast;
	mach_msg_size_t bytes = ith->fast_size + sizeof(mach_msg_trailer_t);

	ith->fast_size = 0;
	if (ith->fast_reply) {
		kern_return_t kr = ipc_object_copyout(ith->space, ith->fast_reply, MACH_MSG_TYPE_PORT_SEND_ONCE, true,
						      &h->msgh_remote_port);

		if (kr != KERN_SUCCESS)
			return no_name(msg, max_size, kr);
	}
	current_thread()->events.messages_received++;
	return copyout(h, msg, bytes) == KERN_SUCCESS ? MACH_MSG_SUCCESS : MACH_RCV_INVALID_DATA;
}

/*
 * Wait for the next message in object, handing the CPU to t. MACH_RCV_IN_PROGRESS: something came that mach_msg.c is for,
 * or nothing may be waited for.
 */
static inline mach_msg_return_t wait_fast(struct ipc_object *object, mach_msg_option_t option, mach_msg_size_t max_size,
					  uint64_t deadline_ns, struct thread **t)
{
	struct ipc_thread *ith = &current_thread()->ipc;
	struct thread *next = *t;
	struct waitq *wq;
	enum wait_result result;

	if (deadline_ns == IPC_NO_WAIT)
		return MACH_RCV_IN_PROGRESS;
	spin_lock(&object->io_lock);
	if (object->io_kind == IOT_PORT) {
		struct ipc_port *port = (struct ipc_port *)object;

		wq = &port->ip_receivers;
		if (port->ip_receiver != ith->space || !list_empty(&port->ip_messages))
			goto other;
	} else {
		struct ipc_pset *pset = (struct ipc_pset *)object;

		wq = &pset->ips_receivers;
		if (!list_empty(&pset->ips_ready))
			goto other;
	}
	if (!object->io_active)
		goto other;
	*t = NULL;
	ith->kmsg = NULL;
	ith->fast_ok = true;
	ith->option = option;
	ith->msize = max_size;
	result = waitq_block_handoff(wq, &object->io_lock, WAIT_ABORTABLE, deadline_ns, next);
	if (result != WAIT_WOKEN)
		return result == WAIT_TIMED_OUT ? MACH_RCV_TIMED_OUT : MACH_RCV_INTERRUPTED;
	return ith->fast_size ? MACH_MSG_SUCCESS : MACH_RCV_IN_PROGRESS;
other:
	spin_unlock(&object->io_lock);
	return MACH_RCV_IN_PROGRESS;
}

__attribute__((flatten, noinline)) bool mach_msg_fast(uint64_t msg, mach_msg_option_t option, mach_msg_size_t send_size,
					    mach_msg_size_t rcv_size, mach_port_name_t rcv_name,
					    mach_msg_timeout_t timeout, mach_msg_return_t *result)
{
	struct ipc_thread *ith = &current_thread()->ipc;
	struct ipc_object *object = NULL;
	union message m;
	struct thread *t;
	mach_msg_return_t mr;
	uint64_t deadline_ns = WAIT_FOREVER;

	if (send_size - sizeof m.h > sizeof m - sizeof m.h || (send_size & 3) || mach_msg_fast_off ||
	    copyin(msg, &m, send_size) != KERN_SUCCESS)
		return false;
	if (m.h.msgh_bits != REQUEST_BITS && m.h.msgh_bits != ANSWER_BITS)
		return false;
	t = send_fast(ith->space, &m, send_size, rcv_name, &object);
	if (!t)
		return false;
	ith->fast_sends++;
	current_thread()->events.messages_sent++;
	if (__builtin_expect((option & MACH_RCV_TIMEOUT) != 0, 0))
		deadline_ns = mach_msg_receive_deadline(option, timeout);
	mr = wait_fast(object, option, rcv_size, deadline_ns, &t);
	if (mr == MACH_RCV_IN_PROGRESS) {
		mr = mach_msg_receive_rest(msg, option, rcv_size, deadline_ns, object, t);
	} else {
		io_release(object);
		if (mr == MACH_MSG_SUCCESS)
			mr = mach_msg_fast_deliver(msg, rcv_size);
	}
	donate_rpc_end();
	*result = mr;
	return true;
}

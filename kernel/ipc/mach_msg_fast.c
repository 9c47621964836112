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
 * A message of MACH_MSG_REGISTERS_BYTES may come in registers, which lie in the trap's frame in the order of memory, and what is
 * received may leave so (mach_msg_registers_trap): no memory of a user's is touched then, and each of the two chooses for itself.
 *
 * A page-in goes a short way too: the kernel's request is given to a waiting pager as a short message (mach_msg_fast_request), and the pager's
 * answer of one page is put into the object by its own thread (mach_msg_supply), which hands its CPU back to who waits for the page.
 *
 * The result is that of the slow way in which the receiver runs at once: the destination's right is copied and used up
 * in one moment, so it is not counted in between; the sequence number counts; a receiver that cannot take the
 * reply right gets the header alone. tests/unit/ipc/fast_test.c runs the same programs both ways.
 *
 * Invariants: F1 only a thread that waits with ipc.fast_ok is given a short message, and only one (fast_size);
 *   F2 who waits in a port or set has no message queued there (ipc_mqueue.c Q1, Q2), so nobody is overtaken;
 *   F3 a thread that waits here without a time limit may have no stack: what it needs afterwards is in ipc.fast_*.
 * Locking: space -> port -> set, all dropped before the CPU is handed over; one cpu_irq_push() for all of them.
 */
#include <base/string.h>
#include <ddb/trace.h>
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_notify.h>
#include <ipc/ipc_right.h>
#include <ipc/ipc_space.h>
#include <ipc/mach_msg_private.h>
#include <kern/assert.h>
#include <kern/thread.h>
#include <mach/mach_traps.h>
#include <machine/copyio.h>
#include <sched/donate.h>

bool mach_msg_fast_off;
mach_msg_supply_t mach_msg_supply;

#define REQUEST_BITS MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE)
#define ANSWER_BITS MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0)

union message {
	mach_msg_header_t h;
	uint64_t words[IPC_FAST_BYTES / 8];
};

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* The two halves of a message's words. */
static inline uint64_t pair(uint32_t low, uint32_t high)
{
	return (uint64_t)high << 32 | low;
}

/* The waiter of wq whose turn it is, claimed, if it may be given size bytes. The object is locked. */
static inline struct thread *claim_fast(struct waitq *wq, const struct ipc_port *port, mach_msg_size_t size)
{
	struct thread *t = unlikely(port->ip_order != NULL) ? ipc_mqueue_best_waiter_borrow(wq) : waitq_first_borrow(wq);

	if (unlikely(!t) || unlikely(!t->ipc.fast_ok) || unlikely(t->ipc.msize < size + sizeof(mach_msg_trailer_t)) ||
	    unlikely(!waitq_claim_thread(wq, t)))
		return NULL;
	return t;
}

/* A receiver of the one set that the port is in. Port locked. */
static __attribute__((noinline)) struct thread *claim_in_set(struct ipc_port *port, mach_msg_size_t size)
{
	struct list *sets = &port->ip_psets;
	struct ipc_pset_link *link;
	struct thread *t;

	if (list_empty(sets) || sets->next != sets->prev)
		return NULL;
	link = container_of(sets->next, struct ipc_pset_link, port_link);
	spin_lock_inner(&link->pset->ips_object.io_lock);
	t = claim_fast(&link->pset->ips_receivers, port, size);
	spin_unlock_inner(&link->pset->ips_object.io_lock);
	return t;
}

/* The message as its receiver will see it, but for the reply's name. Port locked. */
static inline void hand_message(struct thread *t, struct ipc_port *port, const union message *m, mach_msg_size_t size,
				struct ipc_port *reply)
{
	struct ipc_thread *ith = &t->ipc;
	uint64_t *out = ith->fast;
	const mach_msg_bits_t bits = reply ? MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND_ONCE, MACH_MSG_TYPE_PORT_SEND)
					   : MACH_MSGH_BITS(0, MACH_MSG_TYPE_PORT_SEND_ONCE);
	mach_msg_size_t i;

	out[0] = pair(bits, size);
	out[1] = pair(MACH_PORT_NULL, port->ip_receiver_name);
	out[2] = pair(MACH_PORT_NULL, (uint32_t)m->h.msgh_id);
	for (i = 3; i < size / 8; i++)
		out[i] = m->words[i];
	/* A last half word, and the trailer: its type, and its size. */
	if (size & 4) {
		out[i] = pair((uint32_t)m->words[i], MACH_MSG_TRAILER_FORMAT_0);
		out[i + 1] = sizeof(mach_msg_trailer_t);
	} else {
		out[i] = pair(MACH_MSG_TRAILER_FORMAT_0, sizeof(mach_msg_trailer_t));
	}
	ith->fast_reply = reply;
	ith->fast_size = size;
	ith->state = MACH_MSG_SUCCESS;
	port->ip_seqno++;
	TRACE3(SEND, port, m->h.msgh_id, size);
	port->ip_server = (struct thread_ref){ t, t->tid };
}
_Static_assert(offsetof(mach_msg_header_t, msgh_size) == 4 && offsetof(mach_msg_header_t, msgh_local_port) == 12 &&
	       offsetof(mach_msg_header_t, msgh_id) == 20, "pairs");

/*
 * Give the message to a waiting receiver, which is returned claimed. *object, with a reference: what is received from
 * next. NULL: declined, nothing was done. irq_depth is 1.
 */
static inline struct thread *send_fast(struct ipc_space *space, const union message *m, mach_msg_size_t size,
				       mach_port_name_t rcv_name, struct ipc_object **object)
{
	const bool request = m->h.msgh_bits == REQUEST_BITS;
	struct ipc_entry *dest, *rcv;
	struct ipc_port *port, *reply = IP_NULL;
	struct thread *t;

	spin_lock_inner(&space->is_lock);
	if (unlikely(!space->is_active))
		goto out;
	dest = ipc_entry_lookup(space, m->h.msgh_remote_port);
	rcv = ipc_entry_lookup(space, rcv_name);
	if (unlikely(!dest) || unlikely(!rcv))
		goto out;
	if (request) {
		if (unlikely(!(dest->ie_bits & MACH_PORT_TYPE_SEND)) || unlikely(!(rcv->ie_bits & MACH_PORT_TYPE_RECEIVE)) ||
		    unlikely(dest == rcv))
			goto out;
		reply = (struct ipc_port *)rcv->ie_object;
	} else if (unlikely(!(dest->ie_bits & MACH_PORT_TYPE_SEND_ONCE)) || unlikely(dest->ie_request != NULL) ||
		   unlikely(!(rcv->ie_bits & (MACH_PORT_TYPE_RECEIVE | MACH_PORT_TYPE_PORT_SET)))) {
		goto out;
	}
	port = (struct ipc_port *)dest->ie_object;
	spin_lock_inner(&port->ip_object.io_lock);
	if (unlikely(port->ip_remote)) /* it may be arriving, and have receivers */
		t = NULL;
	else
		t = likely(!list_empty(&port->ip_receivers.threads)) ? claim_fast(&port->ip_receivers, port, size)
								: claim_in_set(port, size);
	if (likely(t != NULL)) {
		hand_message(t, port, m, size, reply);
		*object = rcv->ie_object;
		io_reference(*object);
		if (request) {
			(void)ipc_port_make_sonce_locked(reply);
			donate_rpc_begin(t);
		} else {
			ipc_entry_dealloc(space, m->h.msgh_remote_port, dest);
		}
	}
	spin_unlock_inner(&port->ip_object.io_lock);
	spin_unlock_inner(&space->is_lock);
	if (likely(t != NULL) && !request)
		ipc_port_release_sonce(port); /* used */
	return t;
out:
	spin_unlock_inner(&space->is_lock);
	return NULL;
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

/* The right of the message's descriptor gets a name; if it cannot, the rest is delivered. irq_depth is 1. */
static __attribute__((noinline)) mach_msg_return_t name_right(struct ipc_thread *ith)
{
	mach_msg_port_descriptor_t *d = (mach_msg_port_descriptor_t *)((mach_msg_base_t *)ith->fast + 1);
	struct ipc_space *space = ith->space;
	struct ipc_port *port = ith->fast_right;
	mach_port_name_t name = MACH_PORT_NULL;
	kern_return_t kr = KERN_INVALID_TASK;

	ith->fast_right = IP_NULL;
	spin_lock_inner(&space->is_lock);
	if (likely(space->is_active))
		kr = ipc_object_copyout_locked(space, port, MACH_MSG_TYPE_PORT_SEND, true, &name);
	spin_unlock_inner(&space->is_lock);
	d->kport = 0;
	d->name = kr == KERN_SUCCESS ? name : MACH_PORT_NULL;
	if (likely(kr == KERN_SUCCESS))
		return MACH_MSG_SUCCESS;
	cpu_irq_pop();
	ipc_port_release_send(port); /* it may tell somebody */
	cpu_irq_push();
	return MACH_RCV_BODY_ERROR | (kr == KERN_RESOURCE_SHORTAGE ? MACH_MSG_IPC_KERNEL : MACH_MSG_IPC_SPACE);
}

/*
 * The message that this thread was given: the trap's result. registers: where a short one may be put instead of msg, or NULL. irq_depth
 * is 1 on entry, 0 on return.
 */
static inline uint64_t deliver(struct ipc_thread *ith, uint64_t msg, mach_msg_size_t max_size, uint64_t *registers)
{
	mach_msg_header_t *h = (mach_msg_header_t *)ith->fast;
	mach_msg_size_t bytes = ith->fast_size + sizeof(mach_msg_trailer_t);
	mach_msg_return_t mr = MACH_MSG_SUCCESS;
	kern_return_t kr = KERN_SUCCESS;

	ith->fast_size = 0;
	if (unlikely(ith->fast_right != NULL))
		mr = name_right(ith);
	if (ith->fast_reply) {
		struct ipc_space *space = ith->space;

		kr = KERN_INVALID_TASK;
		spin_lock_inner(&space->is_lock);
		if (likely(space->is_active))
			kr = ipc_object_copyout_locked(space, ith->fast_reply, MACH_MSG_TYPE_PORT_SEND_ONCE, true,
						       &h->msgh_remote_port);
		spin_unlock_inner(&space->is_lock);
	}
	cpu_irq_pop();
	if (unlikely(kr != KERN_SUCCESS))
		return no_name(msg, max_size, kr);
	current_thread()->events.messages_received++;
	if (likely(registers != NULL) && likely(bytes <= MACH_MSG_REGISTERS_BYTES + sizeof(mach_msg_trailer_t))) {
		for (unsigned i = 0; i < MACH_MSG_REGISTERS; i++)
			registers[i] = ith->fast[i];
		return MACH_MSG_IN_REGISTERS(bytes);
	}
	return likely(copyout(h, msg, bytes) == KERN_SUCCESS) ? (uint32_t)mr : MACH_RCV_INVALID_DATA;
}

__attribute__((noinline)) mach_msg_return_t mach_msg_fast_deliver(uint64_t msg, mach_msg_size_t max_size)
{
	cpu_irq_push();
	return (mach_msg_return_t)deliver(&current_thread()->ipc, msg, max_size, NULL);
}

/* The wait brought nothing that came the fast way. irq_depth is 1 on entry, 0 on return. */
static __attribute__((noinline, cold)) mach_msg_return_t waited_otherwise(struct ipc_thread *ith, enum wait_result result)
{
	mach_msg_return_t mr = result == WAIT_TIMED_OUT ? MACH_RCV_TIMED_OUT : MACH_RCV_INTERRUPTED;

	cpu_irq_pop();
	if (result == WAIT_WOKEN)
		mr = mach_msg_receive_rest(ith->fast_msg, ith->fast_option, ith->fast_limit, ith->fast_deadline_ns,
					   ith->fast_object, NULL);
	else
		io_release(ith->fast_object);
	donate_rpc_end();
	return mr;
}

/* The wait is over: the trap's result. irq_depth is 1 on entry, 0 on return. */
static inline uint64_t waited(struct ipc_thread *ith, enum wait_result result)
{
	uint64_t value;

	if (unlikely(result != WAIT_WOKEN) || unlikely(ith->fast_size == 0))
		return (uint32_t)waited_otherwise(ith, result);
	io_release(ith->fast_object);
	value = deliver(ith, ith->fast_msg, ith->fast_limit, ith->fast_registers);
	donate_rpc_end();
	return value;
}

/* Something has come already that mach_msg.c is for, or nothing may be waited for. The object is locked. */
static __attribute__((noinline)) mach_msg_return_t receive_other(const struct ipc_thread *ith, struct thread *next)
{
	mach_msg_return_t mr;

	spin_unlock(&ith->fast_object->io_lock);
	mr = mach_msg_receive_rest(ith->fast_msg, ith->fast_option, ith->fast_limit, ith->fast_deadline_ns, ith->fast_object,
				   next);
	donate_rpc_end();
	return mr;
}

/* The hand-off's usual way. The object is locked. */
static __attribute__((noinline)) uint64_t wait_on_stack(struct ipc_thread *ith, struct waitq *wq, struct thread *next)
{
	enum wait_result result =
		waitq_block_handoff(wq, &ith->fast_object->io_lock, WAIT_ABORTABLE, ith->fast_deadline_ns, next);

	cpu_irq_push();
	return waited(ith, result);
}

/*
 * Wait for the next message, handing the CPU to next: the trap's result. Mostly it does not return: the
 * thread goes on in thread_continue(). irq_depth is 1 on entry, 0 on return.
 */
static inline uint64_t wait_fast(struct ipc_thread *ith, uint64_t rcv_msg, mach_msg_option_t option, mach_msg_size_t max_size,
				 uint64_t deadline_ns, struct ipc_object *object, struct thread *next, uint64_t *registers)
{
	struct waitq *wq;

	ith->fast_msg = rcv_msg;
	ith->fast_registers = registers;
	ith->fast_option = option;
	ith->fast_limit = max_size;
	ith->fast_deadline_ns = deadline_ns;
	ith->fast_object = object;
	spin_lock_inner(&object->io_lock);
	if (likely(object->io_kind == IOT_PORT)) {
		struct ipc_port *port = (struct ipc_port *)object;

		wq = &port->ip_receivers;
		if (unlikely(port->ip_receiver != ith->space) || unlikely(!list_empty(&port->ip_messages)))
			return (uint32_t)receive_other(ith, next);
	} else {
		struct ipc_pset *pset = (struct ipc_pset *)object;

		wq = &pset->ips_receivers;
		if (unlikely(!list_empty(&pset->ips_ready)))
			return (uint32_t)receive_other(ith, next);
	}
	if (unlikely(!object->io_active) || unlikely(deadline_ns == IPC_NO_WAIT))
		return (uint32_t)receive_other(ith, next);
	ith->kmsg = NULL;
	ith->fast_ok = true;
	ith->option = option;
	ith->msize = max_size;
	if (likely(deadline_ns == WAIT_FOREVER))
		waitq_leave_handoff(wq, &object->io_lock, next);
	return wait_on_stack(ith, wq, next);
}

/* Is it a page for the kernel? Else it is declined. */
static __attribute__((flatten, noinline)) uint64_t send_page(const union message *m, mach_msg_option_t option, mach_msg_size_t rcv_size,
							     mach_port_name_t rcv_name, mach_msg_timeout_t timeout, uint64_t rcv_msg)
{
	struct ipc_thread *ith = &current_thread()->ipc;
	struct ipc_object *object;
	struct thread *next;
	uint64_t deadline_ns;

	if (m->h.msgh_id != MACH_MSG_SUPPLY_ID || mach_msg_supply == NULL)
		return MACH_MSG_DECLINED;
	cpu_irq_enable(); /* it may be long */
	if (!mach_msg_supply(m, rcv_name, &object, &next))
		return MACH_MSG_DECLINED;
	ith->fast_sends++;
	current_thread()->events.messages_sent++;
	deadline_ns = mach_msg_receive_deadline(option, timeout);
	if (likely(next != NULL)) {
		cpu_irq_push();
		return wait_fast(ith, rcv_msg, option, rcv_size, deadline_ns, object, next, NULL);
	}
	ith->kmsg = NULL;
	ith->state = MACH_RCV_IN_PROGRESS; /* the wait begins */
	ith->fast_deadline_ns = deadline_ns;
	return (uint32_t)mach_msg_receive_rest(rcv_msg, option, rcv_size, deadline_ns, object, NULL);
}

struct thread *mach_msg_fast_request(struct ipc_port *port, mach_msg_header_t *m, struct ipc_port *right)
{
	struct thread *t;

	if (mach_msg_fast_off || !IP_VALID(right))
		return NULL;
	cpu_irq_push();
	spin_lock_inner(&port->ip_object.io_lock);
	t = likely(!list_empty(&port->ip_receivers.threads)) ? claim_fast(&port->ip_receivers, port, m->msgh_size)
							     : claim_in_set(port, m->msgh_size);
	if (likely(t != NULL)) {
		struct ipc_thread *ith = &t->ipc;

		memcpy(ith->fast, m, m->msgh_size);
		ith->fast[0] = pair(MACH_MSGH_BITS_COMPLEX | MACH_MSGH_BITS(0, MACH_MSG_TYPE_PORT_SEND), m->msgh_size);
		ith->fast[1] = pair(MACH_PORT_NULL, port->ip_receiver_name);
		ith->fast[m->msgh_size / 8] = pair(MACH_MSG_TRAILER_FORMAT_0, sizeof(mach_msg_trailer_t));
		ith->fast_reply = IP_NULL;
		ith->fast_right = right;
		ith->fast_size = m->msgh_size;
		ith->state = MACH_MSG_SUCCESS;
		port->ip_seqno++;
		port->ip_server = (struct thread_ref){ t, t->tid };
	}
	spin_unlock_inner(&port->ip_object.io_lock);
	cpu_irq_pop();
	return t;
}

__attribute__((flatten, noinline)) uint64_t mach_msg_fast(uint64_t msg, mach_msg_option_t option, mach_msg_size_t send_size,
					    mach_msg_size_t rcv_size, mach_port_name_t rcv_name,
					    mach_msg_timeout_t timeout, uint64_t rcv_msg, uint64_t *registers)
{
	struct ipc_thread *ith = &current_thread()->ipc;
	struct ipc_object *object = NULL;
	uint64_t deadline_ns = WAIT_FOREVER;
	const union message *m = (const union message *)registers;
	union message copy;
	struct thread *t;

	if (unlikely(send_size - sizeof m->h > sizeof *m - sizeof m->h) || unlikely(send_size & 3) || unlikely(mach_msg_fast_off))
		return MACH_MSG_DECLINED;
	if (!registers || unlikely(send_size > MACH_MSG_REGISTERS_BYTES)) {
		if (unlikely(copyin(msg, &copy, send_size) != KERN_SUCCESS))
			return MACH_MSG_DECLINED;
		m = &copy;
	}
	if (unlikely(m->h.msgh_local_port != (m->h.msgh_bits == REQUEST_BITS ? rcv_name : MACH_PORT_NULL)) ||
	    unlikely(m->h.msgh_bits != REQUEST_BITS && m->h.msgh_bits != ANSWER_BITS))
		return send_size == MACH_MSG_SUPPLY_BYTES ? send_page(m, option, rcv_size, rcv_name, timeout, rcv_msg) : MACH_MSG_DECLINED;
	cpu_irq_push();
	t = send_fast(ith->space, m, send_size, rcv_name, &object);
	if (unlikely(!t)) {
		cpu_irq_pop();
		return MACH_MSG_DECLINED;
	}
	ith->fast_sends++;
	current_thread()->events.messages_sent++;
	if (unlikely(option & MACH_RCV_TIMEOUT))
		deadline_ns = mach_msg_receive_deadline(option, timeout);
	return wait_fast(ith, rcv_msg, option, rcv_size, deadline_ns, object, t, registers);
}

#ifndef MESHACH_HOST
/* Here a thread goes on that left its stack in wait_fast(). */
__attribute__((flatten, section(".text.first"))) void thread_continue(void)
{
	struct ipc_thread *ith = &current_thread()->ipc;

	machine_trap_return(waited(ith, waitq_continued(&ith->fast_object->io_lock)));
}
#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach_msg.c - the message traps, and messages of the kernel's own. Interface: mach_msg.h.
 *
 * The hot path (an RPC between two tasks): the client's send claims the server, waiting in its receive;
 * the client's receive blocks and hands its CPU to the server; the reply goes the same way back. No
 * run queue, no queued message, one copy in and one copy out each way.
 */
#include <ddb/trace.h>
#include <ipc/ipc_kmsg_private.h>
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_net.h>
#include <ipc/ipc_notify.h>
#include <ipc/ipc_right.h>
#include <ipc/ipc_scatter.h>
#include <ipc/ipc_space.h>
#include <ipc/mach_msg.h>
#include <ipc/mach_msg_private.h>
#include <kern/ipc_kobject.h>
#include <kern/assert.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <machine/copyio.h>
#include <machine/pmap.h>
#include <sched/donate.h>

static uint64_t deadline_of(mach_msg_option_t option, mach_msg_option_t timeout_option,
			    mach_msg_timeout_t timeout)
{
	if (!(option & timeout_option))
		return WAIT_FOREVER;
	return timeout == 0 ? IPC_NO_WAIT : clock_now_ns() + timeout * NSEC_PER_MSEC;
}

uint64_t mach_msg_receive_deadline(mach_msg_option_t option, mach_msg_timeout_t timeout)
{
	return deadline_of(option, MACH_RCV_TIMEOUT, timeout);
}

/* The call on a kernel object is made here, and its reply sent on; the requester may have ended. */
static __attribute__((noinline)) void call_kernel(struct ipc_kmsg *request)
{
	struct ipc_kmsg *reply;

	request->ikm_arrived = true;
	reply = ipc_kobject_server(request);
	if (reply)
		(void)mach_msg_send_from_kernel(reply);
}

static __attribute__((noinline)) mach_msg_return_t send_away(struct ipc_kmsg *kmsg, mach_msg_option_t option, uint64_t deadline_ns)
{
	mach_msg_return_t mr;

	if (!ipc_net)
		return MACH_SEND_TRANSPORT_ERROR;
	mr = ipc_net->send(kmsg, option, deadline_ns);
	if (mr != MACH_SEND_INVALID_DEST)
		return mr;
	/* It died after its right was taken: as a dead port here. A send-once right of it is not told of. */
	kmsg->ikm_arrived = true;
	ipc_kmsg_destroy(kmsg);
	return MACH_MSG_SUCCESS;
}

/* The port is arriving: what no queue limit holds does not wait for what was sent before. */
static bool goes_in(const struct ipc_port *port, const struct ipc_kmsg *kmsg, mach_msg_option_t option)
{
	return port->ip_arriving && ((option & MACH_SEND_ALWAYS) || MACH_MSGH_BITS_REMOTE(kmsg->ikm_header->msgh_bits) ==
									   MACH_MSG_TYPE_PORT_SEND_ONCE);
}

mach_msg_return_t ipc_kmsg_send(struct ipc_kmsg *kmsg, mach_msg_option_t option, uint64_t deadline_ns,
				struct thread **receiver)
{
	struct ipc_port *port = kmsg->ikm_remote_port;
	mach_msg_return_t mr;

	if (receiver)
		*receiver = NULL;
	if (!IP_VALID(port) || (kmsg->ikm_header->msgh_bits & MACH_MSGH_BITS_CIRCULAR)) {
		ipc_kmsg_destroy(kmsg); /* a circle of rights could never be received */
		return MACH_MSG_SUCCESS;
	}
	if (port->ip_receiver == ipc_space_kernel) {
		call_kernel(kmsg);
		return MACH_MSG_SUCCESS;
	}
	do {
		if (port->ip_remote && ip_active(port) && !goes_in(port, kmsg, option))
			mr = send_away(kmsg, option, deadline_ns);
		else
			mr = ipc_mqueue_send(kmsg, option, deadline_ns, receiver);
	} while (__builtin_expect(mr == IPC_IS_ELSEWHERE, 0));
	return mr;
}

/* Is this an error whose message goes back to its sender? */
static bool is_put_back(mach_msg_return_t mr)
{
	return mr == MACH_SEND_TIMED_OUT || mr == MACH_SEND_INTERRUPTED || mr == MACH_SEND_NO_BUFFER;
}

/*
 * A message trap begins with interrupts off, and a short one ends so: turning them on and off again at each lock would
 * cost more than the message. What may take long runs with interrupts on, from then to the end of the trap; each lock
 * turns them off for as long as it is held.
 */
#define SHORT_BYTES IPC_FAST_BYTES

static inline void long_work(void)
{
	cpu_irq_enable();
}

/* What a trap asks for: the arguments of mach_msg_overwrite(). */
struct request {
	uint64_t msg, rcv_msg;
	mach_msg_option_t option;
	mach_msg_size_t send_size, rcv_size, rcv_limit;
	mach_port_name_t rcv_name, notify;
	mach_msg_timeout_t timeout;
};

/* The options that few senders use: what they need before the header is taken. */
#define SEND_RARE (MACH_SEND_TRAILER | MACH_SEND_OVERRIDE | MACH_SEND_CANCEL)

/* A message may go as far ahead as its sender itself might be scheduled. */
static uint8_t priority_allowed(uint32_t wanted)
{
	const struct thread *self = current_thread();
	uint32_t most = self->priority > self->sched.max_priority ? self->priority : self->sched.max_priority;

	return (uint8_t)(wanted < most ? wanted : most);
}

static __attribute__((noinline, cold)) mach_msg_return_t prepare_send(const struct request *r, struct ipc_kmsg *kmsg)
{
	mach_msg_return_t mr = MACH_MSG_SUCCESS;

	if (r->option & MACH_SEND_CANCEL) {
		if (r->notify == MACH_PORT_NULL || (r->option & MACH_SEND_OVERRIDE))
			mr = MACH_SEND_INVALID_NOTIFY;
	} else if ((r->option & MACH_SEND_OVERRIDE) && (r->option & MACH_RCV_NOTIFY)) {
		mr = MACH_SEND_INVALID_NOTIFY; /* the argument cannot be both */
	}
	if (mr == MACH_MSG_SUCCESS && (r->option & MACH_SEND_TRAILER))
		mr = ipc_kmsg_take_trailer(r->msg + r->send_size, kmsg);
	if (mr == MACH_MSG_SUCCESS && (r->option & MACH_SEND_OVERRIDE) && r->notify != MACH_MSG_PRIORITY_UNSPECIFIED)
		kmsg->ikm_priority = priority_allowed(r->notify);
	if (mr != MACH_MSG_SUCCESS)
		ipc_kmsg_put_back(kmsg);
	return mr;
}

/* The message was not sent: it goes back to its sender, or is destroyed. */
static __attribute__((noinline, cold)) mach_msg_return_t send_failed(const struct request *r,
								      struct ipc_kmsg *kmsg, mach_msg_return_t mr)
{
	struct task *task = current_task();

	long_work();
	if (mr == MACH_SEND_TIMED_OUT && (r->option & MACH_SEND_NOTIFY) && IP_VALID(kmsg->ikm_remote_port))
		ipc_right_arm_send_possible(task->ipc.space, kmsg->ikm_remote_port);
	if (!is_put_back(mr)) {
		ipc_kmsg_destroy(kmsg);
		return mr;
	}
	mr |= ipc_kmsg_copyout_pseudo(kmsg, task->ipc.space, task->map);
	(void)ipc_kmsg_put(r->msg, kmsg, ikm_size(kmsg));
	return mr;
}

/*
 * rcv_object: the object of the receive that follows is looked up on the way (see ipc_kmsg_copyin). receiver and
 * rcv_object are NULL if none follows.
 */
static mach_msg_return_t send(const struct request *r, struct thread **receiver, struct ipc_object **rcv_object)
{
	struct thread *self = current_thread();
	mach_msg_option_t option = r->option;
	struct ipc_kmsg *kmsg;
	mach_msg_return_t mr;

	if (r->send_size > SHORT_BYTES)
		long_work();
	mr = ipc_kmsg_get(r->msg, r->send_size, &kmsg);
	if (mr != MACH_MSG_SUCCESS)
		return mr;
	if (ikm_complex(kmsg))
		long_work();
	if (option & SEND_RARE) {
		mr = prepare_send(r, kmsg);
		if (mr != MACH_MSG_SUCCESS)
			return mr;
	}
	mr = ipc_kmsg_copyin(kmsg, self->ipc.space, self->task,
			     option & MACH_SEND_CANCEL ? r->notify : MACH_PORT_NULL, r->rcv_name, rcv_object);
	if (mr != MACH_MSG_SUCCESS)
		return mr;
	TRACE3(SEND, kmsg->ikm_remote_port, kmsg->ikm_header->msgh_id, kmsg->ikm_header->msgh_size);
	if (__builtin_expect(IP_VALID(kmsg->ikm_remote_port) && kmsg->ikm_remote_port->ip_remote, 0))
		long_work(); /* it is made ready for the wire here */
	if (rcv_object && MACH_MSGH_BITS_LOCAL(kmsg->ikm_header->msgh_bits) == MACH_MSG_TYPE_PORT_SEND_ONCE)
		kmsg->ikm_ticket = donate_ticket(); /* a call: who serves it gets our priority */
	mr = ipc_kmsg_send(kmsg, option & ~MACH_SEND_ALWAYS,
			   deadline_of(option, MACH_SEND_TIMEOUT, r->timeout), receiver);
	if (mr == MACH_MSG_SUCCESS) {
		self->events.messages_sent++;
		return mr;
	}
	if (rcv_object && *rcv_object)
		io_release(*rcv_object);
	return send_failed(r, kmsg, mr);
}

/* The header alone tells of a message that could not be received whole. */
static __attribute__((noinline)) mach_msg_return_t receive_error(uint64_t msg, struct ipc_kmsg *kmsg, mach_msg_size_t max_size,
				       mach_msg_return_t mr)
{
	long_work();
	ipc_kmsg_copyout_dest(kmsg, current_task()->ipc.space);
	if (max_size < sizeof(mach_msg_header_t)) {
		ipc_kmsg_put_back(kmsg);
		return mr;
	}
	if (ipc_kmsg_put(msg, kmsg, sizeof(mach_msg_header_t)) == MACH_RCV_INVALID_DATA)
		return MACH_RCV_INVALID_DATA;
	return mr;
}

/*
 * Too large, or its memory is for the scatter list, still queued, and the receiver asked to know: its size, on which
 * port it waits, and the list that it needs.
 */
static __attribute__((noinline)) mach_msg_return_t receive_large(const struct request *r, mach_msg_return_t mr,
				       const struct ipc_mqueue_received *got)
{
	const struct ipc_scatter *scatter = current_thread()->ipc.scatter;
	mach_msg_size_t size = got->size;
	mach_port_name_t name = got->port_name;

	if (copyout(&size, r->rcv_msg + offsetof(mach_msg_header_t, msgh_size), sizeof size) != KERN_SUCCESS)
		return MACH_RCV_INVALID_DATA;
	if ((r->option & MACH_RCV_LARGE_IDENTITY) &&
	    copyout(&name, r->rcv_msg + offsetof(mach_msg_header_t, msgh_local_port), sizeof name) !=
		    KERN_SUCCESS)
		return MACH_RCV_INVALID_DATA;
	if (mr == MACH_RCV_SCATTER_SMALL &&
	    ipc_scatter_copyout(scatter, r->rcv_msg, r->rcv_limit) != MACH_MSG_SUCCESS)
		return MACH_RCV_INVALID_DATA;
	return mr;
}

static mach_msg_return_t deliver(const struct request *r, const struct ipc_mqueue_received *got)
{
	struct thread *self = current_thread();
	struct ipc_kmsg *kmsg = got->kmsg;
	mach_msg_return_t mr, put;
	mach_msg_size_t size;

	if (!kmsg)
		return mach_msg_fast_deliver(r->rcv_msg, r->rcv_size);
	TRACE3(RECEIVE, kmsg->ikm_remote_port, kmsg->ikm_header->msgh_id, kmsg->ikm_header->msgh_size);
	donate_take(kmsg->ikm_ticket);
	if (ikm_complex(kmsg) || ikm_size(kmsg) > SHORT_BYTES)
		long_work();
	mr = ipc_kmsg_copyout(kmsg, self->ipc.space, self->task,
			      r->option & MACH_RCV_NOTIFY ? r->notify : MACH_PORT_NULL,
			      r->option & MACH_RCV_OVERWRITE ? self->ipc.scatter : NULL);
	if (mr != MACH_MSG_SUCCESS && (mr & ~MACH_MSG_MASK) != MACH_RCV_BODY_ERROR)
		return receive_error(r->rcv_msg, kmsg, r->rcv_size, mr);
	self->events.messages_received++;
	size = ikm_size(kmsg) + ipc_kmsg_add_trailer(kmsg, r->option, got->seqno, got->context);
	put = ipc_kmsg_put(r->rcv_msg, kmsg, size);
	return put == MACH_MSG_SUCCESS ? mr : put;
}

/* The wait is over with mr. */
static mach_msg_return_t received(const struct request *r, mach_msg_return_t mr, const struct ipc_mqueue_received *got)
{
	if (mr == MACH_MSG_SUCCESS)
		return deliver(r, got);
	if (mr != MACH_RCV_TOO_LARGE && mr != MACH_RCV_SCATTER_SMALL && mr != MACH_RCV_INVALID_TYPE)
		return mr;
	return got->kmsg ? receive_error(r->rcv_msg, got->kmsg, r->rcv_size, mr) : receive_large(r, mr, got);
}

/* object is consumed. */
static mach_msg_return_t receive_from(const struct request *r, struct ipc_object *object, uint64_t deadline_ns,
				      struct thread *handoff)
{
	struct ipc_mqueue_received got;
	mach_msg_return_t mr;

	current_thread()->ipc.fast_ok = !(r->option & MACH_MSG_KMSG_OPTIONS);
	mr = ipc_mqueue_receive(object, current_thread()->ipc.space, r->option, r->rcv_size,
				deadline_ns, handoff, &got);
	io_release(object);
	return received(r, mr, &got);
}

__attribute__((noinline)) mach_msg_return_t mach_msg_receive_rest(uint64_t msg, mach_msg_option_t option,
								  mach_msg_size_t rcv_size, uint64_t deadline_ns,
								  struct ipc_object *object, struct thread *handoff)
{
	const struct request r = { .msg = msg, .rcv_msg = msg, .option = option, .rcv_size = rcv_size };
	struct ipc_mqueue_received got;
	mach_msg_return_t mr;

	if (handoff)
		return receive_from(&r, object, deadline_ns, handoff);
	mr = ipc_mqueue_received(&got);
	if (mr == MACH_RCV_IN_PROGRESS)
		return receive_from(&r, object, deadline_ns, NULL);
	io_release(object);
	return received(&r, mr, &got);
}

/* Options that few receivers use. Nothing is dequeued before they are found good. */
#define RECEIVE_RARE (MACH_RCV_OVERWRITE | (mach_msg_option_t)MACH_RCV_TRAILER_MASK)

static __attribute__((noinline)) mach_msg_return_t receive_rare(const struct request *r, struct ipc_object *object,
								 struct thread *handoff)
{
	struct ipc_thread *ith = &current_thread()->ipc;
	mach_msg_return_t mr = MACH_MSG_SUCCESS;

	ith->scatter = NULL;
	if (r->option & MACH_RCV_OVERWRITE)
		long_work();
	if (!ipc_kmsg_trailer_known(r->option))
		mr = MACH_RCV_INVALID_TRAILER;
	else if (r->option & MACH_RCV_OVERWRITE)
		mr = ipc_scatter_copyin(r->rcv_msg, r->rcv_limit, &ith->scatter);
	if (mr == MACH_MSG_SUCCESS) {
		mr = receive_from(r, object, mach_msg_receive_deadline(r->option, r->timeout), handoff);
	} else {
		io_release(object);
		if (handoff)
			thread_go(handoff);
	}
	ipc_scatter_free(ith->scatter);
	ith->scatter = NULL;
	return mr;
}

/* object: found already, with a reference, or NULL. */
static mach_msg_return_t receive(const struct request *r, struct ipc_object *object, struct thread *handoff)
{
	mach_msg_return_t mr;

	if (!object) {
		mr = ipc_mqueue_copyin(current_thread()->ipc.space, r->rcv_name, &object);
		if (mr != MACH_MSG_SUCCESS) {
			if (handoff)
				thread_go(handoff);
			return mr;
		}
	}
	return r->option & RECEIVE_RARE
		       ? receive_rare(r, object, handoff)
		       : receive_from(r, object, mach_msg_receive_deadline(r->option, r->timeout), handoff);
}

/*
 * flatten: the whole way of a message in one function. Under an emulator each return costs more than the
 * function's work; what is rare or long on the way is noinline, where it is defined.
 */
static __attribute__((flatten, noinline)) mach_msg_return_t
mach_msg_slow(uint64_t msg, mach_msg_option_t option, mach_msg_size_t send_size,
	      mach_msg_size_t rcv_size, mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
	      mach_port_name_t notify, uint64_t rcv_msg, mach_msg_size_t rcv_limit)
{
	const struct request r = { msg, rcv_msg ? rcv_msg : msg, option, send_size, rcv_size, rcv_limit,
				   rcv_name, notify, timeout };
	const bool both = (option & (MACH_SEND_MSG | MACH_RCV_MSG)) == (MACH_SEND_MSG | MACH_RCV_MSG);
	struct ipc_object *object = NULL;
	struct thread *receiver = NULL;
	mach_msg_return_t mr = MACH_MSG_SUCCESS;

	if (option & MACH_SEND_MSG)
		mr = send(&r, both ? &receiver : NULL, both ? &object : NULL);
	if (mr == MACH_MSG_SUCCESS && (option & MACH_RCV_MSG))
		mr = receive(&r, object, receiver);
	if (both)
		donate_rpc_end();
	return mr;
}

static inline bool may_be_fast(mach_msg_option_t option)
{
	return (option & ~MACH_MSG_FAST_OPTIONS) == (MACH_SEND_MSG | MACH_RCV_MSG);
}

mach_msg_return_t mach_msg_overwrite_trap(uint64_t msg, mach_msg_option_t option, mach_msg_size_t send_size,
					  mach_msg_size_t rcv_size, mach_port_name_t rcv_name,
					  mach_msg_timeout_t timeout, mach_port_name_t notify, uint64_t rcv_msg,
					  mach_msg_size_t rcv_limit)
{
	if (may_be_fast(option)) {
		uint64_t result =
			mach_msg_fast(msg, option, send_size, rcv_size, rcv_name, timeout, rcv_msg ? rcv_msg : msg, NULL);

		if (result != MACH_MSG_DECLINED)
			return (mach_msg_return_t)result;
	}
	return mach_msg_slow(msg, option, send_size, rcv_size, rcv_name, timeout, notify, rcv_msg, rcv_limit);
}

uint64_t mach_msg_registers_trap(uint64_t msg, mach_msg_option_t option, mach_msg_size_t send_size, mach_msg_size_t rcv_size,
				 mach_port_name_t rcv_name, mach_msg_timeout_t timeout, mach_port_name_t notify,
				 uint64_t *registers)
{
	if (may_be_fast(option)) {
		uint64_t result = mach_msg_fast(msg, option, send_size, rcv_size, rcv_name, timeout, msg, registers);

		if (result != MACH_MSG_DECLINED)
			return result;
	}
	return (uint32_t)mach_msg_slow(msg, option, send_size, rcv_size, rcv_name, timeout, notify, 0, 0);
}

mach_msg_return_t mach_msg_trap(uint64_t msg, mach_msg_option_t option, mach_msg_size_t send_size,
				mach_msg_size_t rcv_size, mach_port_name_t rcv_name,
				mach_msg_timeout_t timeout, mach_port_name_t notify)
{
	return (mach_msg_return_t)mach_msg_registers_trap(msg, option, send_size, rcv_size, rcv_name, timeout, notify, NULL);
}

mach_msg_return_t mach_msg_send_from_kernel(struct ipc_kmsg *kmsg)
{
	mach_msg_return_t mr = ipc_kmsg_send(kmsg, MACH_SEND_ALWAYS, IPC_NO_WAIT, NULL);

	if (mr != MACH_MSG_SUCCESS)
		ipc_kmsg_destroy(kmsg);
	return mr;
}

/* This thread's own reply port, made on first use. */
static struct ipc_port *rpc_reply_port(void)
{
	struct ipc_thread *ith = &current_thread()->ipc;

	if (!ith->rpc_reply)
		ith->rpc_reply = ipc_port_alloc_special(ipc_space_reply);
	return ith->rpc_reply;
}

/* An answer that comes after we gave up must not be taken for that of the next call. */
static void drop_rpc_reply_port(void)
{
	struct ipc_thread *ith = &current_thread()->ipc;
	struct ipc_port *port = ith->rpc_reply;

	ith->rpc_reply = IP_NULL;
	ipc_port_dealloc_special(port);
}

mach_msg_return_t mach_msg_rpc_from_kernel(struct ipc_kmsg *kmsg, uint64_t deadline_ns,
					   struct ipc_kmsg **reply)
{
	struct ipc_port *port = rpc_reply_port();
	struct ipc_mqueue_received got;
	struct thread *receiver = NULL;
	mach_msg_return_t mr;

	*reply = NULL;
	if (!port) {
		ipc_kmsg_destroy(kmsg);
		return MACH_SEND_NO_BUFFER;
	}
	kmsg->ikm_local_port = ipc_port_make_sonce(port);
	kmsg->ikm_header->msgh_bits =
		(kmsg->ikm_header->msgh_bits & ~MACH_MSGH_BITS_LOCAL_MASK) |
		MACH_MSGH_BITS(0, MACH_MSG_TYPE_PORT_SEND_ONCE);
	kmsg->ikm_ticket = donate_ticket();
	mr = ipc_kmsg_send(kmsg, MACH_SEND_ALWAYS, deadline_ns, &receiver);
	if (mr != MACH_MSG_SUCCESS) {
		donate_rpc_end();
		ipc_kmsg_destroy(kmsg);
		drop_rpc_reply_port();
		return mr;
	}
	current_thread()->ipc.fast_ok = false;
	mr = ipc_mqueue_receive(&port->ip_object, ipc_space_reply, MACH_MSG_OPTION_NONE,
				UINT32_MAX, deadline_ns, receiver, &got);
	donate_rpc_end();
	if (mr != MACH_MSG_SUCCESS) {
		drop_rpc_reply_port();
		return mr;
	}
	/* The right that brought the answer is used up; the kmsg goes on without a destination. */
	ipc_port_release_sonce(got.kmsg->ikm_remote_port);
	got.kmsg->ikm_remote_port = IP_NULL;
	got.kmsg->ikm_header->msgh_bits &= ~MACH_MSGH_BITS_REMOTE_MASK;
	*reply = got.kmsg;
	return MACH_MSG_SUCCESS;
}

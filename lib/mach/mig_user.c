/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mig_user.c - what callers' stubs do: send, wait for the reply, check it; and release on every failure.
 *
 * Interface: mig_call, mig_send, mig_unsent (mach/mig.h; M1, M2 there).
 * A failed send leaves the message in one of two states. Untouched: the kernel looked at it and took
 * nothing; the bits are as we set them. Given back (pseudo-received, after a timeout or an
 * interruption): it holds the rights and memory that had been taken, under names that may be new, and
 * its bits say MOVE. mach_msg_destroy() consumes either: of an untouched one what sending would have. But of a message with a
 * right that is none, or a receive right that cannot go there (MACH_SEND_INVALID_RIGHT), nothing is consumed here: what the kernel did
 * not take stays the caller's.
 */
#include <mach/mach_init.h>
#include <mach/mach_port.h>
#include <mach/mig.h>

static bool moves(mach_msg_type_name_t disposition)
{
	return disposition == MACH_MSG_TYPE_MOVE_SEND || disposition == MACH_MSG_TYPE_MOVE_SEND_ONCE ||
	       disposition == MACH_MSG_TYPE_MOVE_RECEIVE;
}

/* Consume a message that was not sent. Of its header's rights only those that move were given. */
static void consume_unsent(mach_msg_header_t *msg)
{
	if (!moves(MACH_MSGH_BITS_REMOTE(msg->msgh_bits)))
		msg->msgh_remote_port = MACH_PORT_NULL;
	if (moves(MACH_MSGH_BITS_LOCAL(msg->msgh_bits)) && MACH_PORT_VALID(msg->msgh_local_port))
		(void)mach_port_deallocate(mach_task_self(), msg->msgh_local_port);
	mach_msg_destroy(msg);
}

kern_return_t mig_unsent(mach_msg_header_t *msg, kern_return_t error)
{
	consume_unsent(msg);
	return error;
}

kern_return_t mig_send(mach_msg_header_t *msg, mach_msg_option_t option, mach_msg_timeout_t timeout)
{
	mach_msg_return_t result;

	result = mach_msg(msg, MACH_SEND_MSG | option, msg->msgh_size, 0, MACH_PORT_NULL, timeout, MACH_PORT_NULL);
	if (result != MACH_MSG_SUCCESS && result != MACH_SEND_INVALID_RIGHT)
		consume_unsent(msg);
	return result;
}

static bool is_send_error(mach_msg_return_t result)
{
	return (result & ~MACH_MSG_MASK) >= MACH_SEND_IN_PROGRESS && (result & ~MACH_MSG_MASK) < MACH_RCV_IN_PROGRESS;
}

/* The reply in msg: its result; unless it is KERN_SUCCESS the reply is destroyed. */
static kern_return_t take_reply(mach_msg_header_t *msg, const struct mig_routine *routine, mach_msg_id_t id)
{
	kern_return_t result = mig_check_reply_id(routine, msg, id);

	if (result == KERN_SUCCESS && msg->msgh_remote_port != MACH_PORT_NULL)
		result = MIG_TYPE_ERROR; /* a reply asks for no reply */
	if (result != KERN_SUCCESS)
		mach_msg_destroy(msg);
	return result;
}

/* The same of the reply that nearly all are: the answer to this call, successful, with nothing to be looked at but its size. */
static inline bool is_plain_success(const mach_msg_header_t *msg, const struct mig_routine *routine, mach_msg_id_t id)
{
	return msg->msgh_id == id + 100 && msg->msgh_remote_port == MACH_PORT_NULL &&
	       mig_is_plain(&routine->reply, msg, msg->msgh_size) && msg->msgh_size >= sizeof(mig_reply_error_t) &&
	       ((const mig_reply_error_t *)msg)->RetCode == KERN_SUCCESS;
}

MIG_HOT kern_return_t mig_call(mach_msg_header_t *msg, mach_msg_size_t rcv_size, const struct mig_routine *routine,
		       mach_msg_option_t option, mach_msg_timeout_t timeout)
{
	bool own_port = msg->msgh_local_port == MACH_PORT_NULL;
	mach_port_t reply = own_port ? mig_reply_port_ : msg->msgh_local_port;
	mach_msg_id_t id = msg->msgh_id;
	mach_msg_return_t result;

	if (__builtin_expect(reply == MACH_PORT_NULL, 0))
		reply = mig_get_reply_port();
	msg->msgh_local_port = reply;
	if (MACH_MSGH_BITS_LOCAL(msg->msgh_bits) == 0)
		msg->msgh_bits |= MACH_MSGH_BITS(0, MACH_MSG_TYPE_MAKE_SEND_ONCE);
	result = mach_msg(msg, MACH_SEND_MSG | MACH_RCV_MSG | option, msg->msgh_size, rcv_size, reply, timeout,
			  MACH_PORT_NULL);
	if (result == MACH_MSG_SUCCESS)
		return is_plain_success(msg, routine, id) ? KERN_SUCCESS : take_reply(msg, routine, id);
	if (is_send_error(result) && result != MACH_SEND_INVALID_RIGHT)
		consume_unsent(msg);
	else if ((result & ~MACH_MSG_MASK) == MACH_RCV_BODY_ERROR)
		mach_msg_destroy(msg);
	/* A late reply must find no port, and a port that changed under us is of no use. */
	if (own_port)
		mig_dealloc_reply_port(reply);
	return result;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach_msg_server.c - the loop of a server.
 *
 * Interface: mach_msg_server, mach_msg_server_once (mach/mach.h).
 * Invariants: S1 what a request carried is released when its server function did not succeed (M3 of mach/mig.h);
 *   S2 a reply that cannot be delivered is released; S3 no client stops the loop: neither by a message
 *   too large, nor by a full reply queue (a reply to a plain send right does not wait).
 */
#include <mach/mach.h>
#include <stdlib.h>

/* After demux: destroy what was not consumed. True: reply is to be sent. */
static bool settle(mach_msg_header_t *request, mach_msg_header_t *reply)
{
	if ((reply->msgh_bits & MACH_MSGH_BITS_COMPLEX) == 0) {
		kern_return_t result = ((mig_reply_error_t *)reply)->RetCode;

		if (result == MIG_NO_REPLY) {
			reply->msgh_remote_port = MACH_PORT_NULL;
		} else if (result != KERN_SUCCESS) {
			/* The reply right goes with the reply. */
			request->msgh_remote_port = MACH_PORT_NULL;
			mach_msg_destroy(request);
		}
	}
	return reply->msgh_remote_port != MACH_PORT_NULL;
}

static mach_msg_option_t send_option(const mach_msg_header_t *reply)
{
	if (MACH_MSGH_BITS_REMOTE(reply->msgh_bits) == MACH_MSG_TYPE_MOVE_SEND_ONCE)
		return MACH_SEND_MSG;
	return MACH_SEND_MSG | MACH_SEND_TIMEOUT;
}

static bool is_receive_error(mach_msg_return_t result)
{
	return (result & ~MACH_MSG_MASK) >= MACH_RCV_IN_PROGRESS;
}

/* Send reply if there is one, and receive the next request (unless last). */
static mach_msg_return_t turn(mach_msg_header_t *reply, bool have_reply, bool last, mach_msg_header_t *request,
			      mach_msg_size_t size, mach_port_t port, mach_msg_option_t options)
{
	mach_msg_return_t result = MACH_MSG_SUCCESS;

	if (have_reply && !last) {
		result = mach_msg_overwrite(reply, send_option(reply) | MACH_RCV_MSG | options, reply->msgh_size, size,
					    port, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL, request, size);
		if (result == MACH_MSG_SUCCESS || is_receive_error(result))
			return result;
		mach_msg_destroy(reply);
	} else if (have_reply) {
		if (mach_msg(reply, send_option(reply), reply->msgh_size, 0, MACH_PORT_NULL, MACH_MSG_TIMEOUT_NONE,
			     MACH_PORT_NULL) != MACH_MSG_SUCCESS)
			mach_msg_destroy(reply);
	}
	if (last)
		return MACH_MSG_SUCCESS;
	return mach_msg(request, MACH_RCV_MSG | options, 0, size, port, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
}

static mach_msg_return_t serve(boolean_t (*demux)(mach_msg_header_t *, mach_msg_header_t *), mach_msg_size_t max_size,
			       mach_port_t port, mach_msg_option_t options, bool once)
{
	mach_msg_size_t size = MIG_ALIGN(max_size + MAX_TRAILER_SIZE, 8u);
	mach_msg_header_t *request = malloc(size), *reply = malloc(size);
	mach_msg_return_t result = KERN_RESOURCE_SHORTAGE;
	bool have_reply = false;

	while (request != NULL && reply != NULL) {
		result = turn(reply, have_reply, false, request, size, port, options);
		have_reply = false;
		if ((result & ~MACH_MSG_MASK) == MACH_RCV_BODY_ERROR) {
			mach_msg_destroy(request);
			continue;
		}
		/* HEADER_ERROR: no memory for its rights; it is gone. */
		if (result == MACH_RCV_TOO_LARGE || result == MACH_RCV_INTERRUPTED || (result & ~MACH_MSG_MASK) == MACH_RCV_HEADER_ERROR)
			continue;
		if (result != MACH_MSG_SUCCESS)
			break;
		(void)demux(request, reply);
		have_reply = settle(request, reply);
		if (once) {
			(void)turn(reply, have_reply, true, request, size, port, options);
			break;
		}
	}
	free(request);
	free(reply);
	return result;
}

mach_msg_return_t mach_msg_server(boolean_t (*demux)(mach_msg_header_t *, mach_msg_header_t *),
				  mach_msg_size_t max_size, mach_port_t port, mach_msg_option_t options)
{
	return serve(demux, max_size, port, options, false);
}

mach_msg_return_t mach_msg_server_once(boolean_t (*demux)(mach_msg_header_t *, mach_msg_header_t *),
				       mach_msg_size_t max_size, mach_port_t port, mach_msg_option_t options)
{
	return serve(demux, max_size, port, options, true);
}

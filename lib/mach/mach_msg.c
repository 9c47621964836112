/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach_msg.c - the message calls, which go on after an interruption unless the caller wants to know of it.
 *
 * Interface: mach_msg, mach_msg_overwrite (mach/message.h).
 * An interrupted send has given the message back, so that it can be sent again as it lies there; an
 * interrupted receive has sent already, so that only the receive is done again.
 */
#include <mach/mach_traps.h>

mach_msg_return_t mach_msg_overwrite(mach_msg_header_t *msg, mach_msg_option_t option, mach_msg_size_t send_size,
				     mach_msg_size_t rcv_size, mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
				     mach_port_name_t notify, mach_msg_header_t *rcv_msg, mach_msg_size_t rcv_limit)
{
	mach_msg_return_t result;

	do {
		result = mach_msg_overwrite_trap(msg, option, send_size, rcv_size, rcv_name, timeout, notify, rcv_msg,
						 rcv_limit);
	} while (result == MACH_SEND_INTERRUPTED && (option & MACH_SEND_INTERRUPT) == 0);
	while (result == MACH_RCV_INTERRUPTED && (option & MACH_RCV_INTERRUPT) == 0)
		result = mach_msg_overwrite_trap(msg, option & ~MACH_SEND_MSG, 0, rcv_size, rcv_name, timeout, notify,
						 rcv_msg, rcv_limit);
	return result;
}

/* What mach_msg does (traps.S) when its trap did not succeed: result. */
mach_msg_return_t mach_msg_go_on(mach_msg_header_t *msg, mach_msg_option_t option, mach_msg_size_t send_size,
				 mach_msg_size_t rcv_size, mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
				 mach_port_name_t notify, mach_msg_return_t result)
{
	while (result == MACH_SEND_INTERRUPTED && (option & MACH_SEND_INTERRUPT) == 0)
		result = mach_msg_trap(msg, option, send_size, rcv_size, rcv_name, timeout, notify);
	while (result == MACH_RCV_INTERRUPTED && (option & MACH_RCV_INTERRUPT) == 0)
		result = mach_msg_trap(msg, option & ~MACH_SEND_MSG, 0, rcv_size, rcv_name, timeout, notify);
	return result;
}

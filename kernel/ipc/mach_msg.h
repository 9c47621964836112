/* SPDX-License-Identifier: BSD-2-Clause */
/* mach_msg.h - the message traps, and messages that the kernel sends itself. */
#pragma once

#include <ipc/ipc_kmsg.h>
#include <mach/mach_traps.h>

struct ipc_space;

/*
 * Purpose: send, receive, or both, for the calling thread. Arguments as of mach_msg_overwrite(): the
 *   receive goes to rcv_msg if it is not 0, else to msg. notify: with MACH_SEND_CANCEL or MACH_RCV_NOTIFY a receive
 *   right's name, with MACH_SEND_OVERRIDE a priority. rcv_limit: bytes of the scatter list at the receive buffer.
 * Conditions: trap context, nothing locked. An aborted wait leaves 'restart with these registers': the
 *   message is back with the sender (MACH_SEND_INTERRUPTED), or none was taken (MACH_RCV_INTERRUPTED).
 */
mach_msg_return_t mach_msg_overwrite_trap(uint64_t msg, mach_msg_option_t option,
					  mach_msg_size_t send_size, mach_msg_size_t rcv_size,
					  mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
					  mach_port_name_t notify, uint64_t rcv_msg,
					  mach_msg_size_t rcv_limit);
mach_msg_return_t mach_msg_trap(uint64_t msg, mach_msg_option_t option, mach_msg_size_t send_size,
				mach_msg_size_t rcv_size, mach_port_name_t rcv_name,
				mach_msg_timeout_t timeout, mach_port_name_t notify);

/*
 * Purpose: the same; a message of at most MACH_MSG_REGISTERS_BYTES is in registers too, as at msg. What is received may be left there
 *   instead of at msg: then the result is MACH_MSG_IN_REGISTERS of its bytes with its trailer, whose last 8 are the caller's to know.
 */
uint64_t mach_msg_registers_trap(uint64_t msg, mach_msg_option_t option, mach_msg_size_t send_size, mach_msg_size_t rcv_size,
				 mach_port_name_t rcv_name, mach_msg_timeout_t timeout, mach_port_name_t notify,
				 uint64_t *registers);

/*
 * Purpose: send a kmsg in kernel form wherever its destination is: a queue, a kernel object (the call is
 *   made in this thread and its reply sent on), or another node.
 * Conditions: nothing locked; thread context. Takes kmsg on MACH_MSG_SUCCESS only.
 *   receiver: as for ipc_mqueue_send().
 */
mach_msg_return_t ipc_kmsg_send(struct ipc_kmsg *kmsg, mach_msg_option_t option, uint64_t deadline_ns,
				struct thread **receiver);

/*
 * Purpose: send from the kernel, past the queue limit. Always takes kmsg. Nothing locked.
 * Returns: MACH_MSG_SUCCESS, or why it was destroyed.
 */
mach_msg_return_t mach_msg_send_from_kernel(struct ipc_kmsg *kmsg);
/*
 * Purpose: a call made by the kernel: send kmsg (ikm_local_port is filled in) and wait for the
 *   answer on this thread's own reply port. Always takes kmsg; *reply, in kernel form, is the caller's.
 * Conditions: nothing locked; abortable; deadline_ns as for waitq_block.
 * Returns: MACH_MSG_SUCCESS; MACH_SEND_* or MACH_RCV_{TIMED_OUT,INTERRUPTED,PORT_DIED}. A
 *   destroyed request answers with MACH_NOTIFY_SEND_ONCE as its id.
 */
mach_msg_return_t mach_msg_rpc_from_kernel(struct ipc_kmsg *kmsg, uint64_t deadline_ns,
					   struct ipc_kmsg **reply);
/*
 * Purpose: give a message of the kernel's to a thread that waits for one at port: a header (msgh_size and msgh_id only; at most IPC_FAST_BYTES, a
 *   multiple of 8) and a body whose first descriptor is a port's, and gets the send right `right`.
 * Returns: the receiver, claimed, to be handed the CPU or let go; the right is consumed. NULL: nothing was done; send it by ipc_kmsg_send().
 */
struct thread *mach_msg_fast_request(struct ipc_port *port, mach_msg_header_t *m, struct ipc_port *right);

/* SPDX-License-Identifier: BSD-2-Clause */
/* mach_msg_private.h - between mach_msg.c and mach_msg_fast.c. */
#pragma once

#include <ipc/ipc_kmsg.h>

struct ipc_object;
struct thread;

/*
 * Options that the fast way takes beside MACH_SEND_MSG | MACH_RCV_MSG. None changes its send: the receiver waits, so
 * that a limit of the send has no meaning. A limit of the receive is its wait's.
 */
#define MACH_MSG_FAST_OPTIONS                                                                            \
	(MACH_SEND_INTERRUPT | MACH_RCV_INTERRUPT | MACH_SEND_TIMEOUT | MACH_RCV_TIMEOUT | MACH_RCV_LARGE | \
	 MACH_RCV_LARGE_IDENTITY | MACH_RCV_VOUCHER)
/* Options of a receive that can only be served with a kmsg. */
#define MACH_MSG_KMSG_OPTIONS (MACH_RCV_OVERWRITE | MACH_RCV_NOTIFY | (mach_msg_option_t)MACH_RCV_TRAILER_MASK)

/* A debug switch: all messages go the slow way if true (boot option ipc.fast=0). */
extern bool mach_msg_fast_off;

/*
 * Purpose: send msg and receive into rcv_msg (which may be the same), if the message is one for the fast way and a receiver waits.
 *   registers: as for mach_msg_registers_trap(), or NULL.
 * Conditions: trap context; option is MACH_SEND_MSG | MACH_RCV_MSG and of MACH_MSG_FAST_OPTIONS.
 * Returns: MACH_MSG_DECLINED: nothing was done; else the trap's result.
 */
#define MACH_MSG_DECLINED UINT64_MAX
uint64_t mach_msg_fast(uint64_t msg, mach_msg_option_t option, mach_msg_size_t send_size, mach_msg_size_t rcv_size,
		       mach_port_name_t rcv_name, mach_msg_timeout_t timeout, uint64_t rcv_msg, uint64_t *registers);
/*
 * A pager's answer of one page, set by VM (vm_pager_page.c); m: a kernel copy of the message. false: it is declined, and nothing was done. true: it was sent,
 * as far as the sender can tell; *object, with a reference: what is received from next; *next: claimed, the thread that waits for the page, or NULL.
 * Conditions: interrupts on, nothing locked. On return of true they are off.
 */
#define MACH_MSG_SUPPLY_ID 2010 /* memory_object_data_supply */
#define MACH_MSG_SUPPLY_BYTES 88u
typedef bool (*mach_msg_supply_t)(const void *m, mach_port_name_t rcv_name, struct ipc_object **object, struct thread **next);
extern mach_msg_supply_t mach_msg_supply;
/* When a receive that begins now is over: WAIT_FOREVER, IPC_NO_WAIT or a time. */
uint64_t mach_msg_receive_deadline(mach_msg_option_t option, mach_msg_timeout_t timeout);
/* The calling thread was given a short message (ipc.fast_size): its receive's end. */
mach_msg_return_t mach_msg_fast_deliver(uint64_t msg, mach_msg_size_t max_size);
/*
 * The receive after a fast send goes on in the usual way: handoff is the claimed receiver of the send (or NULL: the
 * thread has waited and ipc.state says what came). Consumes the reference of object.
 */
mach_msg_return_t mach_msg_receive_rest(uint64_t msg, mach_msg_option_t option, mach_msg_size_t rcv_size,
					uint64_t deadline_ns, struct ipc_object *object, struct thread *handoff);

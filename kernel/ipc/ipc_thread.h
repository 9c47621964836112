/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_thread.h - the part of a thread that belongs to ipc (Mach's ith_ fields). */
#pragma once

#include <mach/message.h>
#include <stdint.h>

struct ipc_kmsg;
struct ipc_port;

#define EXC_TYPES_COUNT 14

struct ipc_thread {
	/* Written by the sender that claimed this receiver, between claim and go. */
	struct ipc_kmsg *kmsg;
	mach_msg_return_t state;
	mach_msg_size_t msize;         /* in: the receiver's limit; out: the size if too large */
	mach_port_seqno_t seqno;
	struct ipc_port *self;         /* kernel port (naked), thread_self's object; NULL once terminated */
	struct ipc_port *sself;        /* send right: what mach_thread_self() gives */
	struct ipc_port *rpc_reply;    /* cached reply port of kernel-made RPCs, or NULL */
	struct ipc_port *exc_actions[EXC_TYPES_COUNT]; /* send rights, exception ports */
};

/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_thread.h - the part of a thread that belongs to ipc (Mach's ith_ fields). */
#pragma once

#include <base/list.h>
#include <mach/message.h>
#include <stdbool.h>
#include <stdint.h>

struct ipc_kmsg;
struct ipc_object;
struct ipc_port;
struct ipc_scatter;
struct ipc_space;

/* A message of at most this many bytes may go the fast way. */
#define IPC_FAST_BYTES 256u

#define EXC_TYPES_COUNT 14

/* Whom to ask about a kind of exception, and how. */
struct exception_action {
	struct ipc_port *port; /* send right; IP_NULL: nobody */
	int behavior;          /* EXCEPTION_*, with MACH_EXCEPTION_CODES or not */
	int flavor;            /* of thread state, for behaviours that carry it */
};

struct ipc_thread {
	/*
	 * A receive: option and msize are what the receiver takes; the sender that claimed it writes the rest
	 * between claim and go. A blocked send: kmsg is the message, taken away by who enqueued it.
	 */
	struct ipc_kmsg *kmsg;
	mach_msg_return_t state;
	mach_msg_option_t option;
	mach_msg_size_t msize;         /* in: the receiver's limit; out: the size if too large */
	mach_port_seqno_t seqno;
	mach_port_name_t port_name;    /* out: where a too large message waits */
	uint64_t context;
	bool fast_ok;                  /* in: a short message may be given instead of kmsg (mach_msg_fast.c) */
	mach_msg_size_t fast_size;     /* out: bytes of it without trailer; 0: none */
	/* What a receive of the fast way needs when its wait is over: it may have no stack. */
	mach_msg_size_t fast_limit;
	mach_msg_option_t fast_option;
	uint64_t fast_msg, fast_deadline_ns;
	uint64_t *fast_registers;      /* of the trap's frame: where a short message may go instead, or NULL */
	struct ipc_object *fast_object; /* +1 */
	struct ipc_port *fast_reply;   /* out: send-once right that comes with it, or NULL */
	struct ipc_port *fast_right;   /* out: send right of its first descriptor, or NULL */
	uint64_t fast[IPC_FAST_BYTES / 8 + 1]; /* out: the message and its trailer */
	struct ipc_scatter *scatter;   /* a receive with MACH_RCV_OVERWRITE: where memory is wanted, or NULL */

	uint64_t fast_sends;           /* [o] messages that this thread sent the fast way */

	/* Of its task, which keeps it; set when the thread is enabled. */
	struct ipc_space *space;

	/* Only the thread itself. */
	uint64_t guard_code;           /* of the EXC_GUARD it is owed (AST_GUARD); 0: none */
	uint64_t guard_subcode;
	bool answer_far;               /* the call on a kernel object that it makes is answered to another node */
	bool deferring;                /* ipc_kmsg_run_deferred() is at work below us on the stack */
	struct list deferred;          /* of ipc_kmsg.ikm_link; next NULL: not yet used */
	struct ipc_kmsg *kmsg_cache;   /* one free small block, warm */

	struct ipc_port *self;         /* kernel port (naked), thread_self's object; NULL once terminated */
	struct ipc_port *sself;        /* send right: what mach_thread_self() gives */
	struct ipc_port *rpc_reply;    /* cached reply port of kernel-made RPCs, or NULL */
	struct exception_action exc_actions[EXC_TYPES_COUNT];
};

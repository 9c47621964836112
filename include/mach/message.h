/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach/message.h - the message: header, descriptors, body, trailer; options and results of mach_msg.
 *
 * The untyped interface of OSF MK and XNU (names, constants, errors), with natural alignment and our
 * own 64-bit layout: names and inline sizes are 32-bit, addresses and out-of-line sizes 64-bit (design
 * D3). The static asserts are the offset table. A message is a multiple of 4 bytes long; descriptors
 * begin at offset 24 + 8 = 32, each a multiple of 8 bytes.
 */
#pragma once

#include <mach/kern_return.h>
#include <mach/port.h>
#include <mach/vm_types.h>
#include <stdint.h>

typedef natural_t mach_msg_timeout_t; /* milliseconds */
#define MACH_MSG_TIMEOUT_NONE ((mach_msg_timeout_t)0)

typedef natural_t mach_msg_bits_t;
typedef natural_t mach_msg_size_t; /* bytes */
typedef integer_t mach_msg_id_t;
typedef unsigned int mach_msg_type_name_t;
typedef unsigned int mach_msg_copy_options_t;
typedef unsigned int mach_msg_descriptor_type_t;
typedef natural_t mach_msg_type_number_t;

#define MACH_MSGH_BITS_ZERO 0x00000000u
#define MACH_MSGH_BITS_REMOTE_MASK 0x0000001fu
#define MACH_MSGH_BITS_LOCAL_MASK 0x00001f00u
#define MACH_MSGH_BITS_VOUCHER_MASK 0x001f0000u
#define MACH_MSGH_BITS_PORTS_MASK \
	(MACH_MSGH_BITS_REMOTE_MASK | MACH_MSGH_BITS_LOCAL_MASK | MACH_MSGH_BITS_VOUCHER_MASK)
#define MACH_MSGH_BITS_COMPLEX 0x80000000u
#define MACH_MSGH_BITS_CIRCULAR 0x10000000u /* kernel only */
#define MACH_MSGH_BITS_RAISEIMP 0x20000000u /* kernel only */
#define MACH_MSGH_BITS_USER 0x801f1f1fu
#define MACH_MSGH_BITS(remote, local) ((remote) | ((local) << 8))
#define MACH_MSGH_BITS_SET(remote, local, voucher, other) \
	((remote) | ((local) << 8) | ((voucher) << 16) | (other))
#define MACH_MSGH_BITS_REMOTE(bits) ((bits) & MACH_MSGH_BITS_REMOTE_MASK)
#define MACH_MSGH_BITS_LOCAL(bits) (((bits) & MACH_MSGH_BITS_LOCAL_MASK) >> 8)
#define MACH_MSGH_BITS_VOUCHER(bits) (((bits) & MACH_MSGH_BITS_VOUCHER_MASK) >> 16)
#define MACH_MSGH_BITS_OTHER(bits) ((bits) & ~MACH_MSGH_BITS_PORTS_MASK)

typedef struct {
	mach_msg_bits_t msgh_bits;
	mach_msg_size_t msgh_size;
	mach_port_name_t msgh_remote_port;
	mach_port_name_t msgh_local_port;
	mach_port_name_t msgh_voucher_port;
	mach_msg_id_t msgh_id;
} mach_msg_header_t;

typedef struct {
	mach_msg_size_t msgh_descriptor_count;
	uint32_t msgh_pad; /* descriptors are 8-byte aligned */
} mach_msg_body_t;

#define MACH_MSG_TYPE_MOVE_RECEIVE 16
#define MACH_MSG_TYPE_MOVE_SEND 17
#define MACH_MSG_TYPE_MOVE_SEND_ONCE 18
#define MACH_MSG_TYPE_COPY_SEND 19
#define MACH_MSG_TYPE_MAKE_SEND 20
#define MACH_MSG_TYPE_MAKE_SEND_ONCE 21
#define MACH_MSG_TYPE_COPY_RECEIVE 22
#define MACH_MSG_TYPE_DISPOSE_RECEIVE 24
#define MACH_MSG_TYPE_DISPOSE_SEND 25
#define MACH_MSG_TYPE_DISPOSE_SEND_ONCE 26
#define MACH_MSG_TYPE_PORT_NONE 0
#define MACH_MSG_TYPE_PORT_NAME 15
#define MACH_MSG_TYPE_PORT_RECEIVE MACH_MSG_TYPE_MOVE_RECEIVE
#define MACH_MSG_TYPE_PORT_SEND MACH_MSG_TYPE_MOVE_SEND
#define MACH_MSG_TYPE_PORT_SEND_ONCE MACH_MSG_TYPE_MOVE_SEND_ONCE
#define MACH_MSG_TYPE_LAST 22
#define MACH_MSG_TYPE_PORT_ANY(x) \
	((x) >= MACH_MSG_TYPE_MOVE_RECEIVE && (x) <= MACH_MSG_TYPE_MAKE_SEND_ONCE)
#define MACH_MSG_TYPE_PORT_ANY_SEND(x) \
	((x) >= MACH_MSG_TYPE_MOVE_SEND && (x) <= MACH_MSG_TYPE_MAKE_SEND_ONCE)
#define MACH_MSG_TYPE_PORT_ANY_RIGHT(x) \
	((x) >= MACH_MSG_TYPE_MOVE_RECEIVE && (x) <= MACH_MSG_TYPE_MOVE_SEND_ONCE)

#define MACH_MSG_PHYSICAL_COPY 0
#define MACH_MSG_VIRTUAL_COPY 1
#define MACH_MSG_ALLOCATE 2
#define MACH_MSG_OVERWRITE 3 /* in a scatter list: to the place that the descriptor names */
/*
 * Ours: whole pages change owner. As a message's copy option: the sender's range (page-aligned, anonymous, its own) stays
 * mapped and reads as zeros. In a scatter list: the pages take the place of the receiver's, which are freed.
 */
#define MACH_MSG_PAGE_EXCHANGE 5

#define MACH_MSG_PORT_DESCRIPTOR 0
#define MACH_MSG_OOL_DESCRIPTOR 1
#define MACH_MSG_OOL_PORTS_DESCRIPTOR 2
#define MACH_MSG_OOL_VOLATILE_DESCRIPTOR 3

/* What all descriptors share: the byte at offset 11 tells the kind. */
typedef struct {
	uint64_t pad1;
	uint8_t pad2[3];
	uint8_t type;
	uint32_t pad3;
} mach_msg_type_descriptor_t;

typedef struct {
	union {
		mach_port_name_t name;
		uint64_t kport; /* in the kernel: struct ipc_port * */
	};
	uint8_t pad2[2];
	uint8_t disposition;
	uint8_t type;
	uint32_t pad3;
} mach_msg_port_descriptor_t;

typedef struct {
	union {
		void *address;
		uint64_t kcopy; /* in the kernel: struct vm_map_copy * */
	};
	uint8_t deallocate;
	uint8_t copy;
	uint8_t pad1;
	uint8_t type;
	uint32_t pad2;
	mach_vm_size_t size; /* bytes */
} mach_msg_ool_descriptor_t;

typedef struct {
	union {
		void *address;
		uint64_t kports; /* in the kernel: struct ipc_port ** of count elements (kalloc) */
	};
	uint8_t deallocate;
	uint8_t copy;
	uint8_t disposition;
	uint8_t type;
	mach_msg_size_t count; /* ports */
} mach_msg_ool_ports_descriptor_t;

typedef union {
	mach_msg_port_descriptor_t port;
	mach_msg_ool_descriptor_t out_of_line;
	mach_msg_ool_ports_descriptor_t ool_ports;
	mach_msg_type_descriptor_t type;
} mach_msg_descriptor_t; /* the largest; in a message each has its own size */

typedef struct {
	mach_msg_header_t header;
	mach_msg_body_t body;
} mach_msg_base_t;

#define MACH_MSG_OFFSET_CHECK(type, field, off) \
	_Static_assert(__builtin_offsetof(type, field) == (off), #type "." #field)
MACH_MSG_OFFSET_CHECK(mach_msg_header_t, msgh_id, 20);
_Static_assert(sizeof(mach_msg_header_t) == 24, "header");
_Static_assert(sizeof(mach_msg_body_t) == 8, "body");
_Static_assert(sizeof(mach_msg_base_t) == 32, "base");
MACH_MSG_OFFSET_CHECK(mach_msg_type_descriptor_t, type, 11);
MACH_MSG_OFFSET_CHECK(mach_msg_port_descriptor_t, disposition, 10);
MACH_MSG_OFFSET_CHECK(mach_msg_port_descriptor_t, type, 11);
_Static_assert(sizeof(mach_msg_port_descriptor_t) == 16, "port descriptor");
MACH_MSG_OFFSET_CHECK(mach_msg_ool_descriptor_t, type, 11);
MACH_MSG_OFFSET_CHECK(mach_msg_ool_descriptor_t, size, 16);
_Static_assert(sizeof(mach_msg_ool_descriptor_t) == 24, "ool descriptor");
MACH_MSG_OFFSET_CHECK(mach_msg_ool_ports_descriptor_t, disposition, 10);
MACH_MSG_OFFSET_CHECK(mach_msg_ool_ports_descriptor_t, type, 11);
MACH_MSG_OFFSET_CHECK(mach_msg_ool_ports_descriptor_t, count, 12);
_Static_assert(sizeof(mach_msg_ool_ports_descriptor_t) == 16, "ool ports descriptor");

typedef struct {
	unsigned int val[2];
} security_token_t;

typedef struct {
	unsigned int val[8];
} audit_token_t;

/*
 * The sender's identity, of its task (task_info TASK_SECURITY_TOKEN and TASK_AUDIT_TOKEN tell it,
 * host_security_set_task_token sets it). val[5] of the audit token is the task's number, as elsewhere the pid. Of a message that
 * came from another node, the receiving kernel has written into the audit token which node and which boot of it that is; the
 * rest is what that node's kernel says. A message of this node has there what the task has: 0, if nobody set it.
 */
#define AUDIT_TOKEN_TASK 5
#define AUDIT_TOKEN_NODE 6        /* its IPv4 address */
#define AUDIT_TOKEN_INCARNATION 7 /* the low half of its incarnation (HOST_NODE_INFO) */
#define KERNEL_SECURITY_TOKEN_VALUE { { 0, 1 } }
#define KERNEL_AUDIT_TOKEN_VALUE { { 0, 0, 0, 0, 0, 0, 0, 0 } }

typedef unsigned int mach_msg_trailer_type_t;
typedef char *mach_msg_trailer_info_t; /* mach_port_peek(): a trailer's bytes */
typedef unsigned int mach_msg_trailer_size_t;
#define MACH_MSG_TRAILER_FORMAT_0 0

typedef struct {
	mach_msg_trailer_type_t msgh_trailer_type;
	mach_msg_trailer_size_t msgh_trailer_size;
} mach_msg_trailer_t;

typedef struct {
	mach_msg_trailer_type_t msgh_trailer_type;
	mach_msg_trailer_size_t msgh_trailer_size;
	mach_port_seqno_t msgh_seqno;
} mach_msg_seqno_trailer_t;

typedef struct {
	mach_msg_trailer_type_t msgh_trailer_type;
	mach_msg_trailer_size_t msgh_trailer_size;
	mach_port_seqno_t msgh_seqno;
	security_token_t msgh_sender;
} mach_msg_security_trailer_t;

typedef struct {
	mach_msg_trailer_type_t msgh_trailer_type;
	mach_msg_trailer_size_t msgh_trailer_size;
	mach_port_seqno_t msgh_seqno;
	security_token_t msgh_sender;
	audit_token_t msgh_audit;
} mach_msg_audit_trailer_t;

typedef struct {
	mach_msg_trailer_type_t msgh_trailer_type;
	mach_msg_trailer_size_t msgh_trailer_size;
	mach_port_seqno_t msgh_seqno;
	security_token_t msgh_sender;
	audit_token_t msgh_audit;
	uint32_t msgh_pad;
	uint64_t msgh_context;
} mach_msg_context_trailer_t;

/* There is no policy module: a filter of 0, no label. */
typedef int mach_msg_filter_id;
typedef struct {
	mach_port_name_t sender;
} msg_labels_t;

typedef struct {
	mach_msg_trailer_type_t msgh_trailer_type;
	mach_msg_trailer_size_t msgh_trailer_size;
	mach_port_seqno_t msgh_seqno;
	security_token_t msgh_sender;
	audit_token_t msgh_audit;
	uint32_t msgh_pad;
	uint64_t msgh_context;
	mach_msg_filter_id msgh_ad;
	msg_labels_t msgh_labels;
} mach_msg_mac_trailer_t;

typedef mach_msg_seqno_trailer_t mach_msg_max_seqno_trailer_t;
typedef mach_msg_security_trailer_t mach_msg_format_0_trailer_t; /* what MACH_SEND_TRAILER takes */
typedef mach_msg_mac_trailer_t mach_msg_max_trailer_t;
#define MACH_MSG_TRAILER_FORMAT_0_SIZE ((mach_msg_size_t)sizeof(mach_msg_format_0_trailer_t))
#define MACH_MSG_TRAILER_MINIMUM_SIZE ((mach_msg_size_t)sizeof(mach_msg_trailer_t))
#define MAX_TRAILER_SIZE ((mach_msg_size_t)sizeof(mach_msg_max_trailer_t))

#define MACH_RCV_TRAILER_NULL 0
#define MACH_RCV_TRAILER_SEQNO 1
#define MACH_RCV_TRAILER_SENDER 2
#define MACH_RCV_TRAILER_AUDIT 3
#define MACH_RCV_TRAILER_CTX 4
#define MACH_RCV_TRAILER_AV 7
#define MACH_RCV_TRAILER_LABELS 8
#define MACH_RCV_TRAILER_TYPE(x) (((x) & 0xfu) << 28)
#define MACH_RCV_TRAILER_ELEMENTS(x) (((x) & 0xfu) << 24)
#define MACH_RCV_TRAILER_MASK (0xffu << 24)
#define GET_RCV_ELEMENTS(y) (((y) >> 24) & 0xfu)
/* Bytes of the trailer that these options ask for. */
#define REQUESTED_TRAILER_SIZE(y) \
	(GET_RCV_ELEMENTS((uint32_t)(y)) == MACH_RCV_TRAILER_NULL     ? sizeof(mach_msg_trailer_t) \
	 : GET_RCV_ELEMENTS((uint32_t)(y)) == MACH_RCV_TRAILER_SEQNO  ? sizeof(mach_msg_seqno_trailer_t) \
	 : GET_RCV_ELEMENTS((uint32_t)(y)) == MACH_RCV_TRAILER_SENDER ? sizeof(mach_msg_security_trailer_t) \
	 : GET_RCV_ELEMENTS((uint32_t)(y)) == MACH_RCV_TRAILER_AUDIT  ? sizeof(mach_msg_audit_trailer_t) \
	 : GET_RCV_ELEMENTS((uint32_t)(y)) == MACH_RCV_TRAILER_CTX    ? sizeof(mach_msg_context_trailer_t) \
								      : sizeof(mach_msg_mac_trailer_t))

typedef struct {
	mach_msg_header_t header;
} mach_msg_empty_send_t;
typedef struct {
	mach_msg_header_t header;
	mach_msg_trailer_t trailer;
} mach_msg_empty_rcv_t;

typedef integer_t mach_msg_option_t;
#define MACH_MSG_OPTION_NONE 0x00000000
#define MACH_SEND_MSG 0x00000001
#define MACH_RCV_MSG 0x00000002
#define MACH_RCV_LARGE 0x00000004
#define MACH_RCV_LARGE_IDENTITY 0x00000008
#define MACH_SEND_TIMEOUT 0x00000010
#define MACH_SEND_OVERRIDE 0x00000020 /* notify is not a port: the message's priority, see MACH_MSG_PRIORITY_MAX */
#define MACH_SEND_INTERRUPT 0x00000040 /* return MACH_SEND_INTERRUPTED, do not restart */
#define MACH_SEND_NOTIFY 0x00000080 /* timed out: arm the name's send-possible request */
#define MACH_RCV_TIMEOUT 0x00000100
#define MACH_RCV_NOTIFY 0x00000200 /* a dead-name request to notify for a reply right whose name is new */
#define MACH_RCV_INTERRUPT 0x00000400
#define MACH_RCV_VOUCHER 0x00000800 /* willing to get a voucher; no message brings one */
#define MACH_RCV_OVERWRITE 0x00001000 /* the receive buffer holds a scatter list (mach_msg_overwrite) */
#define MACH_SEND_CANCEL 0x00002000 /* OSF's; its bit there is MACH_SEND_NOTIFY here, as in XNU */
#define MACH_SEND_ALWAYS 0x00010000 /* kernel only: ignore the queue limit */
#define MACH_SEND_TRAILER 0x00020000 /* the sender's trailer follows the message; for the privileged */

/* With MACH_SEND_OVERRIDE: a priority of the scheduler, at most this and at most the sender's own maximum. */
#define MACH_MSG_PRIORITY_MAX 127u
#define MACH_MSG_PRIORITY_UNSPECIFIED 0u /* the sender's */

/* An inline message may be this long, header and trailer included. */
#define MACH_MSG_INLINE_MAX (64u * 1024)
/* Descriptors in one message. */
#define MACH_MSG_DESCRIPTOR_MAX 1024u

typedef kern_return_t mach_msg_return_t;
#define MACH_MSG_SUCCESS 0x00000000
#define MACH_MSG_MASK 0x00003e00
#define MACH_MSG_IPC_SPACE 0x00002000
#define MACH_MSG_VM_SPACE 0x00001000
#define MACH_MSG_IPC_KERNEL 0x00000800
#define MACH_MSG_VM_KERNEL 0x00000400
#define MACH_SEND_IN_PROGRESS 0x10000001
#define MACH_SEND_INVALID_DATA 0x10000002
#define MACH_SEND_INVALID_DEST 0x10000003
#define MACH_SEND_TIMED_OUT 0x10000004
#define MACH_SEND_INVALID_VOUCHER 0x10000005
#define MACH_SEND_INTERRUPTED 0x10000007
#define MACH_SEND_MSG_TOO_SMALL 0x10000008
#define MACH_SEND_INVALID_REPLY 0x10000009
#define MACH_SEND_INVALID_RIGHT 0x1000000a
#define MACH_SEND_INVALID_NOTIFY 0x1000000b
#define MACH_SEND_INVALID_MEMORY 0x1000000c
#define MACH_SEND_NO_BUFFER 0x1000000d
#define MACH_SEND_TOO_LARGE 0x1000000e
#define MACH_SEND_INVALID_TYPE 0x1000000f
#define MACH_SEND_INVALID_HEADER 0x10000010
#define MACH_SEND_INVALID_TRAILER 0x10000011
#define MACH_SEND_TRANSPORT_ERROR 0x10000020 /* ours: the destination's node died or left */
#define MACH_RCV_IN_PROGRESS 0x10004001
#define MACH_RCV_INVALID_NAME 0x10004002
#define MACH_RCV_TIMED_OUT 0x10004003
#define MACH_RCV_TOO_LARGE 0x10004004
#define MACH_RCV_INTERRUPTED 0x10004005
#define MACH_RCV_PORT_CHANGED 0x10004006
#define MACH_RCV_INVALID_NOTIFY 0x10004007
#define MACH_RCV_INVALID_DATA 0x10004008
#define MACH_RCV_PORT_DIED 0x10004009
#define MACH_RCV_IN_SET 0x1000400a
#define MACH_RCV_HEADER_ERROR 0x1000400b
#define MACH_RCV_BODY_ERROR 0x1000400c
#define MACH_RCV_INVALID_TYPE 0x1000400d
#define MACH_RCV_SCATTER_SMALL 0x1000400e
#define MACH_RCV_INVALID_TRAILER 0x1000400f
#define MACH_RCV_IN_PROGRESS_TIMED 0x10004011

#ifndef MESHACH_KERNEL
/*
 * Send, receive, or both in one trap. msg is the buffer of both; timeout in milliseconds applies to
 * the part(s) whose _TIMEOUT option is given. mach_msg() restarts an interrupted send or receive
 * unless the _INTERRUPT option is given.
 */
mach_msg_return_t mach_msg(mach_msg_header_t *msg, mach_msg_option_t option, mach_msg_size_t send_size,
			   mach_msg_size_t rcv_size, mach_port_name_t rcv_name,
			   mach_msg_timeout_t timeout, mach_port_name_t notify);
mach_msg_return_t mach_msg_overwrite(mach_msg_header_t *msg, mach_msg_option_t option,
				     mach_msg_size_t send_size, mach_msg_size_t rcv_size,
				     mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
				     mach_port_name_t notify, mach_msg_header_t *rcv_msg,
				     mach_msg_size_t rcv_limit);
/* Release the rights and memory that a received message carries. */
void mach_msg_destroy(mach_msg_header_t *msg);
#endif

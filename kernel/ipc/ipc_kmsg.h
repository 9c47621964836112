/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_kmsg.h - a message in the kernel: one block with its head, the message and room for the trailer.
 *
 * Kernel form: ikm_remote_port is the right to the destination and ikm_local_port the reply right (their
 *   kinds PORT_SEND or PORT_SEND_ONCE are in msgh_bits; the names in the header mean nothing).
 *   Descriptors hold kport (a right; disposition PORT_{SEND,SEND_ONCE,RECEIVE}), kcopy (a
 *   vm_map_copy, NULL if size is 0) or kports (a kalloc'ed array of 8-byte ports, NULL if count is 0).
 *   A right may be IP_DEAD or IP_NULL. Sizes and layout are the user's: nothing moves when a message is
 *   translated.
 *
 * References: a kmsg owns its rights and memory, and has one owner: a queue, a blocked sender, or a
 *   function. ipc_kmsg_destroy() never recurses: what a dead message's ports held is put on the calling
 *   thread's list and destroyed by the same loop.
 */
#pragma once

#include <base/list.h>
#include <ipc/ipc_port.h>
#include <ipc/ipc_task.h>
#include <mach/message.h>

struct ipc_scatter;
struct ipc_space;
struct task;
struct vm_map;

struct ipc_kmsg {
	struct list ikm_link;            /* in a queue: the port's lock */
	struct ipc_port *ikm_remote_port;
	struct ipc_port *ikm_local_port;
	struct ipc_tokens ikm_tokens;    /* of the sending task, or the kernel's */
	struct donate_ticket ikm_ticket; /* of a caller that waits for the answer, and lends its priority */
	uint32_t ikm_capacity;           /* bytes at ikm_header, trailer included */
	bool ikm_from_net;               /* the glue wants to hear when it leaves the queue */
	bool ikm_for_kernel;             /* in a thread's deferred list: deliver, do not destroy */
	bool ikm_arrived;                /* at a kernel object: its destination right is used up */
	uint8_t ikm_priority;            /* the sender's, or what it asked for: for prioritised queues */
	uint8_t ikm_net_flags;           /* the glue's own */
	uint64_t ikm_net;                /* the glue's own */
	mach_msg_header_t ikm_header[];  /* 8-byte aligned */
};
_Static_assert(sizeof(struct ipc_kmsg) % 8 == 0, "descriptors are 8-byte aligned");

/* One block holds head, message and trailer of most messages. */
#define IKM_SMALL_BYTES 512u
#define IKM_SMALL_CAPACITY (IKM_SMALL_BYTES - (uint32_t)sizeof(struct ipc_kmsg))

void ipc_kmsg_init_zones(void);
/*
 * A kmsg for a message of size bytes (at most MACH_MSG_INLINE_MAX) and the largest trailer. The header is
 * zeroed but for msgh_size, the body is not. NULL without memory. Any context.
 */
struct ipc_kmsg *ipc_kmsg_alloc(mach_msg_size_t size);
/*
 * A port's own kmsg (mach_port_qos_t.prealloc), for messages of up to len bytes: kept in its reserve, given to the
 * kernel's notifications when there is no memory, and back in the port when it is freed. NULL without memory.
 */
struct ipc_kmsg *ipc_kmsg_prealloc(mach_msg_size_t len);
/* One that is in no port. */
void ipc_kmsg_prealloc_free(struct ipc_kmsg *kmsg);
/* port's, for a message of size bytes; NULL: it has none, it is out, or too small. Nothing locked. */
struct ipc_kmsg *ipc_kmsg_prealloc_take(struct ipc_port *port, mach_msg_size_t size);
/* The block only: its rights are somebody else's now. Any context. */
void ipc_kmsg_free(struct ipc_kmsg *kmsg);
/* The block, all rights and memory. Thread context; nothing locked. */
void ipc_kmsg_destroy(struct ipc_kmsg *kmsg);
/* The same, but the destination right stays with the caller. */
void ipc_kmsg_destroy_keep_dest(struct ipc_kmsg *kmsg);
/* Destroy or deliver what was put off until now (nothing locked). For ipc_notify and ipc_port. */
void ipc_kmsg_defer(struct ipc_kmsg *kmsg, bool for_kernel);
void ipc_kmsg_run_deferred(void);
/* Give back the calling thread's cached block. */
void ipc_kmsg_thread_done(void);

static inline mach_msg_size_t ikm_size(const struct ipc_kmsg *kmsg)
{
	return kmsg->ikm_header->msgh_size;
}

/* The part after the header of a message without descriptors (in bytes, and where it begins). */
static inline void *ikm_body(struct ipc_kmsg *kmsg)
{
	return kmsg->ikm_header + 1;
}

/* ---- descriptors, for whoever takes a kmsg apart (the network, mig's kernel stubs) ---- */

static inline bool ikm_complex(const struct ipc_kmsg *kmsg)
{
	return (kmsg->ikm_header->msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0;
}

static inline uint32_t ikm_descriptor_count(const struct ipc_kmsg *kmsg)
{
	return ikm_complex(kmsg) ? ((const mach_msg_base_t *)kmsg->ikm_header)->body.msgh_descriptor_count
				 : 0;
}

static inline mach_msg_descriptor_t *ikm_descriptors(struct ipc_kmsg *kmsg)
{
	return (mach_msg_descriptor_t *)((mach_msg_base_t *)kmsg->ikm_header + 1);
}

/* Bytes of a descriptor of this type; 0: no such type. */
static inline uint32_t ikm_descriptor_size(mach_msg_descriptor_type_t type)
{
	switch (type) {
	case MACH_MSG_PORT_DESCRIPTOR:
		return sizeof(mach_msg_port_descriptor_t);
	case MACH_MSG_OOL_DESCRIPTOR:
	case MACH_MSG_OOL_VOLATILE_DESCRIPTOR:
		return sizeof(mach_msg_ool_descriptor_t);
	case MACH_MSG_OOL_PORTS_DESCRIPTOR:
		return sizeof(mach_msg_ool_ports_descriptor_t);
	default:
		return 0;
	}
}

static inline mach_msg_descriptor_t *ikm_descriptor_next(mach_msg_descriptor_t *d)
{
	return (mach_msg_descriptor_t *)((char *)d + ikm_descriptor_size(d->type.type));
}

/* ---- a user's message in and out ---- */

/*
 * Purpose: copy size bytes of user memory at addr into a new kmsg, still in user form.
 * Returns: MACH_MSG_SUCCESS, MACH_SEND_{MSG_TOO_SMALL,TOO_LARGE,NO_BUFFER,INVALID_DATA,INVALID_HEADER}.
 */
mach_msg_return_t ipc_kmsg_get(uint64_t addr, mach_msg_size_t size, struct ipc_kmsg **out);
/*
 * Purpose: user form to kernel form. On failure kmsg is gone, and if the error is of the class
 *   'message destroyed' so are the rights that were taken already; the header's errors change nothing.
 *   The task's map is used for complex messages only.
 *   cancel: with MACH_SEND_CANCEL, a receive right of the caller's: a request whose notification would go there is
 *   cancelled without one if this send takes the name it stands on; else MACH_PORT_NULL.
 *   rcv_object (or NULL): while the space is locked, also find the receive right or port set rcv_name for the
 *   receive that follows; with a reference, on success only; NULL: to be looked up again then.
 * Returns: MACH_MSG_SUCCESS, MACH_SEND_INVALID_{HEADER,DEST,REPLY,VOUCHER,NOTIFY} (nothing done),
 *   MACH_SEND_{INVALID_RIGHT,INVALID_MEMORY,INVALID_TYPE,MSG_TOO_SMALL,NO_BUFFER,TOO_LARGE}
 *   (destroyed).
 */
mach_msg_return_t ipc_kmsg_copyin(struct ipc_kmsg *kmsg, struct ipc_space *space, struct task *task,
				  mach_port_name_t cancel, mach_port_name_t rcv_name, struct ipc_object **rcv_object);
/*
 * Purpose: kernel form to user form, for the receiver. Never fails half-way: a right or region that cannot
 *   be given becomes MACH_PORT_NULL or 0 and its error bit is set.
 *   notify: with MACH_RCV_NOTIFY, a receive right of the receiver's, where a dead-name notification goes if the reply
 *   right came under a new name; else MACH_PORT_NULL. scatter: where memory goes (ipc_scatter.h), or NULL.
 * Returns: MACH_MSG_SUCCESS; MACH_RCV_BODY_ERROR | MACH_MSG_{IPC,VM}_{SPACE,KERNEL}: deliver it all the same;
 *   MACH_RCV_HEADER_ERROR | ..., MACH_RCV_INVALID_NOTIFY: still in kernel form.
 */
mach_msg_return_t ipc_kmsg_copyout(struct ipc_kmsg *kmsg, struct ipc_space *space, struct task *task,
				   mach_port_name_t notify, const struct ipc_scatter *scatter);
/* A message that could not be sent goes back to its sender (D6), header in the sender's order. */
mach_msg_return_t ipc_kmsg_copyout_pseudo(struct ipc_kmsg *kmsg, struct ipc_space *space,
					  struct vm_map *map);
/* Only the destination is given; everything else is destroyed; the header alone is left to deliver. */
void ipc_kmsg_copyout_dest(struct ipc_kmsg *kmsg, struct ipc_space *space);
/* Copy size bytes (with trailer) out to the user and free the block. MACH_RCV_INVALID_DATA. */
mach_msg_return_t ipc_kmsg_put(uint64_t addr, struct ipc_kmsg *kmsg, mach_msg_size_t size);
/* Append the trailer that option asks for; returns its bytes. */
mach_msg_size_t ipc_kmsg_add_trailer(struct ipc_kmsg *kmsg, mach_msg_option_t option,
				     mach_port_seqno_t seqno, uint64_t context);
/* The sender, privileged, supplies its message's trailer at addr. MACH_SEND_INVALID_{TRAILER,DATA}: nothing done. */
mach_msg_return_t ipc_kmsg_take_trailer(uint64_t addr, struct ipc_kmsg *kmsg);
/* Does the kernel know the trailer that option asks for? */
bool ipc_kmsg_trailer_known(mach_msg_option_t option);
/* Bytes of the trailer that option asks for. */
mach_msg_size_t ipc_kmsg_trailer_size(mach_msg_option_t option);

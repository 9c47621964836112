/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_kmsg.c - blocks of messages, their destruction, trailers, and the way between user memory and a block.
 *
 * Invariants: K1 whatever a block's header says of its size is at most its capacity less a trailer.
 * Translation of names and descriptors: ipc_kmsg_copyin.c, ipc_kmsg_copyout.c.
 */
#include <base/string.h>
#include <ipc/ipc_kmsg_private.h>
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_notify.h>
#include <ipc/ipc_tt.h>
#include <ipc/mach_msg.h>
#include <kern/assert.h>
#include <kern/kalloc.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <machine/copyio.h>
#include <sched/sched.h>
#include <vm/vm_map_copy.h>

static struct zone *kmsg_zone;
static const struct ipc_tokens kernel_tokens = { KERNEL_SECURITY_TOKEN_VALUE, KERNEL_AUDIT_TOKEN_VALUE };

void ipc_kmsg_init_zones(void)
{
	kmsg_zone = zone_create("ipc kmsgs", IKM_SMALL_BYTES, 64);
}

/* All but the message itself; a link needs no value until it is in a list. */
static inline void kmsg_init(struct ipc_kmsg *kmsg, uint32_t capacity)
{
	kmsg->ikm_remote_port = kmsg->ikm_local_port = IP_NULL;
	kmsg->ikm_ticket.thread = NULL;
	kmsg->ikm_capacity = capacity;
	kmsg->ikm_from_net = kmsg->ikm_for_kernel = kmsg->ikm_arrived = false;
	kmsg->ikm_net_flags = 0;
	kmsg->ikm_net = 0;
}

/* A block, its message not yet written. */
static __attribute__((noinline)) struct ipc_kmsg *kmsg_new(mach_msg_size_t size)
{
	struct ipc_kmsg *kmsg;
	uint32_t capacity = IKM_SMALL_CAPACITY;

	if (size + MAX_TRAILER_SIZE <= IKM_SMALL_CAPACITY) {
		kmsg = zone_alloc(kmsg_zone);
	} else {
		capacity = size + MAX_TRAILER_SIZE;
		kmsg = kalloc(sizeof *kmsg + capacity);
	}
	if (kmsg)
		kmsg_init(kmsg, capacity);
	return kmsg;
}

struct ipc_kmsg *ipc_kmsg_alloc(mach_msg_size_t size)
{
	struct ipc_kmsg *kmsg;

	if (size < sizeof(mach_msg_header_t) || size > MACH_MSG_INLINE_MAX)
		return NULL;
	kmsg = kmsg_new(size);
	if (!kmsg)
		return NULL;
	list_init(&kmsg->ikm_link);
	kmsg->ikm_tokens = kernel_tokens;
	kmsg->ikm_priority = SCHED_PRIORITY_KERNEL;
	*kmsg->ikm_header = (mach_msg_header_t){ .msgh_size = size };
	return kmsg;
}

/* ---- a port's own kmsg: its capacity has a bit more, and behind it is the port while it is out ---- */

#define IKM_PREALLOC 0x80000000u
#define PREALLOC_CAPACITY(kmsg) ((kmsg)->ikm_capacity & ~IKM_PREALLOC)
_Static_assert(MACH_MSG_INLINE_MAX + MAX_TRAILER_SIZE < IKM_PREALLOC, "no capacity has the bit");

static struct ipc_port **prealloc_port(struct ipc_kmsg *kmsg)
{
	return (struct ipc_port **)((char *)kmsg->ikm_header + PREALLOC_CAPACITY(kmsg));
}

struct ipc_kmsg *ipc_kmsg_prealloc(mach_msg_size_t len)
{
	struct ipc_kmsg *kmsg;
	uint32_t capacity;

	if (len > MACH_MSG_INLINE_MAX - MAX_TRAILER_SIZE)
		return NULL;
	if (len < sizeof(mach_msg_header_t))
		len = sizeof(mach_msg_header_t);
	capacity = (len + MAX_TRAILER_SIZE + 7) & ~7u;
	kmsg = kalloc(sizeof *kmsg + capacity + sizeof(struct ipc_port *));
	if (kmsg)
		kmsg_init(kmsg, capacity | IKM_PREALLOC);
	return kmsg;
}

void ipc_kmsg_prealloc_free(struct ipc_kmsg *kmsg)
{
	kfree(kmsg, sizeof *kmsg + PREALLOC_CAPACITY(kmsg) + sizeof(struct ipc_port *));
}

struct ipc_kmsg *ipc_kmsg_prealloc_take(struct ipc_port *port, mach_msg_size_t size)
{
	struct ipc_kmsg *kmsg;

	ip_lock(port);
	kmsg = port->ip_reserve ? port->ip_reserve->premsg : NULL;
	if (kmsg && size + MAX_TRAILER_SIZE <= PREALLOC_CAPACITY(kmsg))
		port->ip_reserve->premsg = NULL;
	else
		kmsg = NULL;
	ip_unlock(port);
	if (!kmsg)
		return NULL;
	ip_reference(port);
	*prealloc_port(kmsg) = port;
	kmsg_init(kmsg, kmsg->ikm_capacity);
	list_init(&kmsg->ikm_link);
	*kmsg->ikm_header = (mach_msg_header_t){ .msgh_size = size };
	return kmsg;
}

static __attribute__((noinline, cold)) void prealloc_give_back(struct ipc_kmsg *kmsg)
{
	struct ipc_port *port = *prealloc_port(kmsg);

	ip_lock(port);
	if (ip_active(port)) { /* and so it has its reserve */
		port->ip_reserve->premsg = kmsg;
		kmsg = NULL;
	}
	ip_unlock(port);
	if (kmsg)
		ipc_kmsg_prealloc_free(kmsg);
	ip_release(port);
}

__attribute__((noinline)) void ipc_kmsg_free(struct ipc_kmsg *kmsg)
{
	if (kmsg->ikm_capacity == IKM_SMALL_CAPACITY)
		zone_free(kmsg_zone, kmsg);
	else if (kmsg->ikm_capacity & IKM_PREALLOC)
		prealloc_give_back(kmsg);
	else
		kfree(kmsg, sizeof *kmsg + kmsg->ikm_capacity);
}

/* A user's message: the thread's own warm block if it fits. */
static struct ipc_kmsg *kmsg_alloc_cached(mach_msg_size_t size)
{
	struct ipc_thread *ith = &current_thread()->ipc;
	struct ipc_kmsg *kmsg = ith->kmsg_cache;

	if (!kmsg || size + MAX_TRAILER_SIZE > IKM_SMALL_CAPACITY)
		return kmsg_new(size);
	ith->kmsg_cache = NULL;
	kmsg_init(kmsg, IKM_SMALL_CAPACITY);
	return kmsg;
}

static void kmsg_free_cached(struct ipc_kmsg *kmsg)
{
	struct ipc_thread *ith = &current_thread()->ipc;

	if (ith->kmsg_cache || kmsg->ikm_capacity != IKM_SMALL_CAPACITY)
		ipc_kmsg_free(kmsg);
	else
		ith->kmsg_cache = kmsg;
}

void ipc_kmsg_thread_done(void)
{
	struct ipc_thread *ith = &current_thread()->ipc;

	if (ith->kmsg_cache)
		ipc_kmsg_free(ith->kmsg_cache);
	ith->kmsg_cache = NULL;
}

static void clean_ool_ports(mach_msg_ool_ports_descriptor_t *d)
{
	struct ipc_port **ports = (struct ipc_port **)(uintptr_t)d->kports;

	for (uint32_t i = 0; i < d->count; i++)
		ipc_port_release_right(ports[i], d->disposition);
	if (ports)
		kfree(ports, d->count * sizeof *ports);
}

void ipc_kmsg_clean_descriptors(struct ipc_kmsg *kmsg, uint32_t count)
{
	mach_msg_descriptor_t *d = ikm_descriptors(kmsg);

	for (uint32_t i = 0; i < count; i++, d = ikm_descriptor_next(d)) {
		switch (d->type.type) {
		case MACH_MSG_PORT_DESCRIPTOR:
			ipc_port_release_right((struct ipc_port *)(uintptr_t)d->port.kport,
					       d->port.disposition);
			break;
		case MACH_MSG_OOL_PORTS_DESCRIPTOR:
			clean_ool_ports(&d->ool_ports);
			break;
		default:
			vm_map_copy_discard((struct vm_map_copy *)(uintptr_t)d->out_of_line.kcopy);
		}
	}
}

void ipc_kmsg_clean_body(struct ipc_kmsg *kmsg)
{
	ipc_kmsg_clean_descriptors(kmsg, ikm_descriptor_count(kmsg));
}

static void kmsg_dispose(struct ipc_kmsg *kmsg)
{
	mach_msg_bits_t bits = kmsg->ikm_header->msgh_bits;

	if (kmsg->ikm_arrived && MACH_MSGH_BITS_REMOTE(bits) == MACH_MSG_TYPE_PORT_SEND_ONCE)
		ipc_port_release_sonce(kmsg->ikm_remote_port); /* it did not die unused */
	else
		ipc_port_release_right(kmsg->ikm_remote_port, MACH_MSGH_BITS_REMOTE(bits));
	ipc_port_release_right(kmsg->ikm_local_port, MACH_MSGH_BITS_LOCAL(bits));
	ipc_kmsg_clean_body(kmsg);
	ipc_kmsg_free(kmsg);
}

void ipc_kmsg_defer(struct ipc_kmsg *kmsg, bool for_kernel)
{
	struct ipc_thread *ith = &current_thread()->ipc;

	if (!ith->deferred.next)
		list_init(&ith->deferred);
	kmsg->ikm_for_kernel = for_kernel;
	list_add_tail(&ith->deferred, &kmsg->ikm_link);
}

void ipc_kmsg_run_deferred(void)
{
	struct ipc_thread *ith = &current_thread()->ipc;

	if (ith->deferring || !ith->deferred.next)
		return;
	ith->deferring = true;
	while (!list_empty(&ith->deferred)) {
		struct ipc_kmsg *kmsg = list_first(&ith->deferred, struct ipc_kmsg, ikm_link);

		list_remove(&kmsg->ikm_link);
		if (kmsg->ikm_for_kernel) {
			if (ipc_kmsg_send(kmsg, MACH_SEND_ALWAYS, IPC_NO_WAIT, NULL) == MACH_MSG_SUCCESS)
				continue;
			kmsg->ikm_arrived = true; /* or its loss would make the next notification, for ever */
		}
		kmsg_dispose(kmsg);
	}
	ith->deferring = false;
}

__attribute__((noinline)) void ipc_kmsg_destroy(struct ipc_kmsg *kmsg)
{
	ipc_kmsg_defer(kmsg, false);
	ipc_kmsg_run_deferred();
}

mach_msg_return_t ipc_kmsg_get(uint64_t addr, mach_msg_size_t size, struct ipc_kmsg **out)
{
	struct ipc_kmsg *kmsg;

	*out = NULL;
	if (size < sizeof(mach_msg_header_t) || (size & 3))
		return MACH_SEND_MSG_TOO_SMALL;
	if (size > MACH_MSG_INLINE_MAX - MAX_TRAILER_SIZE)
		return MACH_SEND_TOO_LARGE;
	kmsg = kmsg_alloc_cached(size);
	if (!kmsg)
		return MACH_SEND_NO_BUFFER;
	if (copyin(addr, kmsg->ikm_header, size) != KERN_SUCCESS) {
		kmsg_free_cached(kmsg);
		return MACH_SEND_INVALID_DATA;
	}
	kmsg->ikm_header->msgh_size = size;
	kmsg->ikm_tokens = ipc_task_tokens(current_thread()->task);
	kmsg->ikm_priority = (uint8_t)current_thread()->priority;
	*out = kmsg;
	return MACH_MSG_SUCCESS;
}

mach_msg_return_t ipc_kmsg_put(uint64_t addr, struct ipc_kmsg *kmsg, mach_msg_size_t size)
{
	kern_return_t kr = copyout(kmsg->ikm_header, addr, size);

	kmsg_free_cached(kmsg);
	return kr == KERN_SUCCESS ? MACH_MSG_SUCCESS : MACH_RCV_INVALID_DATA;
}

void ipc_kmsg_put_back(struct ipc_kmsg *kmsg)
{
	kmsg_free_cached(kmsg);
}

bool ipc_kmsg_trailer_known(mach_msg_option_t option)
{
	uint32_t elements = GET_RCV_ELEMENTS((uint32_t)option);

	return ((uint32_t)option & MACH_RCV_TRAILER_TYPE(0xf)) == MACH_RCV_TRAILER_TYPE(MACH_MSG_TRAILER_FORMAT_0) &&
	       (elements <= MACH_RCV_TRAILER_CTX || elements == MACH_RCV_TRAILER_AV || elements == MACH_RCV_TRAILER_LABELS);
}

mach_msg_size_t ipc_kmsg_trailer_size(mach_msg_option_t option)
{
	return REQUESTED_TRAILER_SIZE(option);
}

__attribute__((noinline)) mach_msg_return_t ipc_kmsg_take_trailer(uint64_t addr, struct ipc_kmsg *kmsg)
{
	mach_msg_format_0_trailer_t trailer;

	if (memcmp(&kmsg->ikm_tokens.security, &kernel_tokens.security, sizeof kernel_tokens.security) != 0)
		return MACH_SEND_INVALID_TRAILER;
	if (copyin(addr, &trailer, sizeof trailer) != KERN_SUCCESS)
		return MACH_SEND_INVALID_DATA;
	if (trailer.msgh_trailer_type != MACH_MSG_TRAILER_FORMAT_0 || trailer.msgh_trailer_size != sizeof trailer)
		return MACH_SEND_INVALID_TRAILER;
	kmsg->ikm_tokens.security = trailer.msgh_sender;
	return MACH_MSG_SUCCESS;
}

/* The rest of a trailer of which the least is there. */
static __attribute__((noinline)) void fill_trailer(struct ipc_kmsg *kmsg, mach_msg_trailer_t *least, mach_port_seqno_t seqno,
			 uint64_t context)
{
	mach_msg_max_trailer_t trailer = {
		.msgh_trailer_type = least->msgh_trailer_type,
		.msgh_trailer_size = least->msgh_trailer_size,
		.msgh_seqno = seqno,
		.msgh_sender = kmsg->ikm_tokens.security,
		.msgh_audit = kmsg->ikm_tokens.audit,
		.msgh_context = context,
	};

	memcpy(least, &trailer, trailer.msgh_trailer_size);
}

mach_msg_size_t ipc_kmsg_add_trailer(struct ipc_kmsg *kmsg, mach_msg_option_t option,
				     mach_port_seqno_t seqno, uint64_t context)
{
	mach_msg_trailer_t *least = (mach_msg_trailer_t *)((char *)kmsg->ikm_header + ikm_size(kmsg));
	mach_msg_size_t size = ipc_kmsg_trailer_size(option);

	VERIFY(ikm_size(kmsg) + MAX_TRAILER_SIZE <= kmsg->ikm_capacity); /* K1 */
	least->msgh_trailer_type = MACH_MSG_TRAILER_FORMAT_0;
	least->msgh_trailer_size = size;
	if (size > sizeof *least)
		fill_trailer(kmsg, least, seqno, context);
	return size;
}

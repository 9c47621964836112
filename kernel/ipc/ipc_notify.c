/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_notify.c - building and sending notifications. Interface: ipc_notify.h.
 *
 * A notification goes past the queue limit (send-once rights ignore it), so sending never blocks. One for
 * a kernel object is put on the calling thread's deferred list: a chain of objects that die of each
 * other's deaths does not nest on the stack.
 */
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_net.h>
#include <ipc/ipc_notify.h>
#include <ipc/ipc_space.h>
#include <ipc/mach_msg.h>
#include <kern/ipc_kobject.h>
#include <kern/kalloc.h>
#include <kern/thread.h>
#include <mach/notify.h>

_Atomic uint64_t ipc_notify_lost;

#define NOTIFY_SIZE(type) ((mach_msg_size_t)(sizeof(type) - sizeof(mach_msg_trailer_t)))

static bool is_dead(struct ipc_port *port)
{
	bool dead;

	ip_lock(port);
	dead = !ip_active(port);
	ip_unlock(port);
	return dead;
}

/* Who asked waits for it, and would for ever. */
static struct ipc_kmsg *alloc_of_the_last(mach_msg_size_t size)
{
	bool before = thread_privilege_begin();
	struct ipc_kmsg *kmsg = kalloc_may_use_last() ? ipc_kmsg_alloc(size) : NULL;

	thread_privilege_end(before);
	return kmsg;
}

/*
 * A kmsg for notify, whose right it takes; NULL without memory or receiver: the right is dropped. A dead
 * port gets none: the destruction of the unsendable message would make the next one, for ever.
 */
static struct ipc_kmsg *notification(struct ipc_port *notify, mach_msg_id_t id, mach_msg_size_t size)
{
	struct ipc_kmsg *kmsg;

	if (!IP_VALID(notify))
		return NULL;
	if (is_dead(notify)) {
		ipc_port_release_sonce(notify);
		return NULL;
	}
	kmsg = ipc_kmsg_alloc(size);
	if (!kmsg)
		kmsg = ipc_kmsg_prealloc_take(notify, size);
	if (!kmsg)
		kmsg = alloc_of_the_last(size);
	if (!kmsg) {
		atomic_fetch_add_explicit(&ipc_notify_lost, 1, memory_order_relaxed);
		ipc_port_release_sonce(notify);
		return NULL;
	}
	kmsg->ikm_header->msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND_ONCE, 0);
	kmsg->ikm_header->msgh_id = id;
	kmsg->ikm_remote_port = notify;
	return kmsg;
}

static void notification_send(struct ipc_kmsg *kmsg)
{
	struct ipc_port *port = kmsg->ikm_remote_port;
	bool queue_here;

	ip_lock(port);
	queue_here = ip_active(port) && !ip_is_away(port) && port->ip_receiver != ipc_space_kernel;
	ip_unlock(port);
	if (queue_here) {
		(void)ipc_mqueue_send(kmsg, MACH_SEND_ALWAYS, IPC_NO_WAIT, NULL);
		return;
	}
	ipc_kmsg_defer(kmsg, true);
	ipc_kmsg_run_deferred();
}

void ipc_notify_port_deleted(struct ipc_port *notify, mach_port_name_t name)
{
	struct ipc_kmsg *kmsg = notification(notify, MACH_NOTIFY_PORT_DELETED,
					     NOTIFY_SIZE(mach_port_deleted_notification_t));

	if (!kmsg)
		return;
	((mach_port_deleted_notification_t *)kmsg->ikm_header)->not_port = name;
	notification_send(kmsg);
}

void ipc_notify_port_destroyed(struct ipc_port *notify, struct ipc_port *right)
{
	struct ipc_kmsg *kmsg = notification(notify, MACH_NOTIFY_PORT_DESTROYED,
					     NOTIFY_SIZE(mach_port_destroyed_notification_t));
	mach_port_destroyed_notification_t *n;

	if (!kmsg) {
		ipc_port_release_right(right, MACH_MSG_TYPE_PORT_RECEIVE);
		return;
	}
	n = (mach_port_destroyed_notification_t *)kmsg->ikm_header;
	n->not_header.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
	n->not_body = (mach_msg_body_t){ .msgh_descriptor_count = 1 };
	n->not_port = (mach_msg_port_descriptor_t){ .kport = (uintptr_t)right,
						    .disposition = MACH_MSG_TYPE_PORT_RECEIVE,
						    .type = MACH_MSG_PORT_DESCRIPTOR };
	if (ipc_port_check_circularity(right, notify)) {
		ipc_kmsg_destroy(kmsg);
		return;
	}
	notification_send(kmsg);
}

void ipc_notify_no_senders_count(struct ipc_port *notify, mach_port_mscount_t mscount)
{
	struct ipc_kmsg *kmsg = notification(notify, MACH_NOTIFY_NO_SENDERS,
					     NOTIFY_SIZE(mach_no_senders_notification_t));

	if (!kmsg)
		return;
	((mach_no_senders_notification_t *)kmsg->ikm_header)->not_count = mscount;
	notification_send(kmsg);
}

__attribute__((noinline)) void ipc_notify_send_once(struct ipc_port *notify)
{
	struct ipc_kmsg *kmsg;

	if (IP_VALID(notify) && ip_is_away(notify) && ipc_net && ipc_net->sonce_destroyed(notify)) {
		ipc_port_release_sonce(notify); /* the notification is made at its home, which has the count */
		return;
	}
	kmsg = notification(notify, MACH_NOTIFY_SEND_ONCE, NOTIFY_SIZE(mach_send_once_notification_t));
	if (kmsg)
		notification_send(kmsg);
}

void ipc_notify_dead_name(struct ipc_port *notify, mach_port_name_t name)
{
	struct ipc_kmsg *kmsg = notification(notify, MACH_NOTIFY_DEAD_NAME,
					     NOTIFY_SIZE(mach_dead_name_notification_t));

	if (!kmsg)
		return;
	((mach_dead_name_notification_t *)kmsg->ikm_header)->not_port = name;
	notification_send(kmsg);
}

void ipc_notify_send_possible(struct ipc_port *notify, mach_port_name_t name)
{
	struct ipc_kmsg *kmsg = notification(notify, MACH_NOTIFY_SEND_POSSIBLE,
					     NOTIFY_SIZE(mach_send_possible_notification_t));

	if (!kmsg)
		return;
	((mach_send_possible_notification_t *)kmsg->ikm_header)->not_port = name;
	notification_send(kmsg);
}

void ipc_notify_no_senders(struct ipc_port *port)
{
	struct ipc_port *notify = IP_NULL;
	mach_port_mscount_t mscount = 0;

	ip_lock(port);
	if (ip_active(port) && port->ip_srights == 0) {
		notify = port->ip_nsrequest;
		port->ip_nsrequest = IP_NULL;
		mscount = port->ip_mscount;
	}
	ip_unlock(port);
	ipc_notify_no_senders_count(notify, mscount);
	ipc_kobject_no_senders(port);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mk_timer.c - timers as ports. Interface: mk_timer.h.
 *
 * A timer belongs to a plain port whose receive right is a task's; ip_kobject names it until the port dies. An interrupt finds it due
 * and hands it to a worker, which sends the message; one that is due again before that is one message.
 *
 * References: the port holds one, being armed holds one (it goes over to the worker), each call holds one.
 * Locking: space -> port -> nothing; timer lock -> the CPU's timer queue; expired() takes no lock, for timer_cancel() under the timer
 *   lock waits for it. Key: [a] atomic, [m] timer lock.
 * References: XNU kernel interface, mk_timer_*(3).
 */
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_port.h>
#include <ipc/ipc_right.h>
#include <ipc/ipc_space.h>
#include <ipc/mach_msg.h>
#include <ipc/mach_port.h>
#include <kern/clock.h>
#include <kern/ipc_kobject.h>
#include <kern/kalloc.h>
#include <kern/kworker.h>
#include <kern/mk_timer.h>
#include <base/string.h>
#include <mach/mk_timer.h>

struct mk_timer {
	_Atomic uint32_t references; /* [a] */
	_Atomic bool pending;        /* [a] with the worker */
	struct spinlock lock;
	bool dead;                   /* [m] its port is */
	struct timer timer;          /* [m] */
	uint64_t expire_ns;          /* [m] what it is armed for */
	struct kwork work;
	struct ipc_port *port;       /* +1, so that it may be locked; its kobject says whether it is still ours */
};

static void mk_timer_release(struct mk_timer *t)
{
	if (atomic_fetch_sub_explicit(&t->references, 1, memory_order_acq_rel) != 1)
		return;
	ip_release(t->port);
	kfree(t, sizeof(*t));
}

/* ---- expiry ---- */

/* A send-once right to the timer's port, unless that is dead or its queue is full. */
static struct ipc_port *take_right(struct mk_timer *t)
{
	struct ipc_port *right = IP_NULL;

	if (ipc_kobject_lock(t->port, IKOT_TIMER) == NULL)
		return IP_NULL;
	if (t->port->ip_msgcount < t->port->ip_qlimit)
		right = ipc_port_make_sonce_locked(t->port);
	ip_unlock(t->port);
	return right;
}

static void send_expired(struct kwork *work)
{
	struct mk_timer *t = container_of(work, struct mk_timer, work);
	struct ipc_kmsg *kmsg;
	struct ipc_port *right;

	atomic_store(&t->pending, false);
	right = take_right(t);
	kmsg = right != IP_NULL ? ipc_kmsg_alloc(sizeof(mk_timer_expire_msg_t)) : NULL;
	if (kmsg != NULL) {
		memset(ikm_body(kmsg), 0, sizeof(mk_timer_expire_msg_t) - sizeof(mach_msg_header_t));
		kmsg->ikm_header->msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND_ONCE, 0);
		kmsg->ikm_header->msgh_id = MK_TIMER_EXPIRE;
		kmsg->ikm_remote_port = right;
		(void)mach_msg_send_from_kernel(kmsg);
	} else if (right != IP_NULL) {
		ipc_port_release_sonce(right);
	}
	mk_timer_release(t);
}

/* In the interrupt. The armed timer's reference goes to the worker. */
static void expired(struct timer *timer)
{
	struct mk_timer *t = container_of(timer, struct mk_timer, timer);

	if (atomic_exchange(&t->pending, true))
		(void)atomic_fetch_sub(&t->references, 1); /* the worker's is there */
	else
		kworker_submit(&t->work);
}

/* The port died. Nothing locked. */
static void port_died(void *object)
{
	struct mk_timer *t = object;
	bool was_armed;

	spin_lock(&t->lock);
	t->dead = true;
	was_armed = timer_cancel(&t->timer);
	spin_unlock(&t->lock);
	if (was_armed)
		mk_timer_release(t);
	mk_timer_release(t);
}

void mk_timer_init(void)
{
	ipc_port_timer_died = port_died;
}

/* ---- calls ---- */

/* The port whose receive right name is, locked; NULL. */
static struct ipc_port *receive_port_lock(struct ipc_space *space, mach_port_name_t name)
{
	struct ipc_entry *entry;
	struct ipc_port *port = NULL;

	is_lock(space);
	entry = space->is_active ? ipc_right_lookup(space, name) : NULL;
	if (entry != NULL && (entry->ie_bits & MACH_PORT_TYPE_RECEIVE) != 0) {
		port = (struct ipc_port *)entry->ie_object;
		ip_lock(port);
	}
	is_unlock(space);
	return port;
}

/* The timer whose receive right name is, +1; NULL. */
static struct mk_timer *timer_of(struct ipc_space *space, mach_port_name_t name)
{
	struct ipc_port *port = receive_port_lock(space, name);
	struct mk_timer *t = NULL;

	if (port == NULL)
		return NULL;
	if (ip_active(port) && port->ip_kotype == IKOT_TIMER) {
		t = port->ip_kobject;
		atomic_fetch_add_explicit(&t->references, 1, memory_order_relaxed);
	}
	ip_unlock(port);
	return t;
}

kern_return_t mk_timer_create(struct ipc_space *space, mach_port_name_t *name)
{
	struct mk_timer *t = kalloc_zeroed(sizeof(*t));
	kern_return_t kr;

	if (t == NULL)
		return KERN_RESOURCE_SHORTAGE;
	atomic_store(&t->references, 1);
	spin_init(&t->lock, "mk_timer");
	timer_init(&t->timer, expired);
	kwork_init(&t->work, send_expired, false);
	kr = mach_port_allocate(space, MACH_PORT_RIGHT_RECEIVE, name);
	if (kr == KERN_SUCCESS) {
		t->port = receive_port_lock(space, *name);
		kr = t->port != NULL && t->port->ip_kotype == IKOT_NONE ? KERN_SUCCESS : KERN_INVALID_TASK; /* destroyed already */
	}
	if (kr != KERN_SUCCESS) {
		if (t->port != NULL)
			ip_unlock(t->port);
		kfree(t, sizeof(*t));
		return kr;
	}
	ip_reference(t->port);
	t->port->ip_kobject = t;
	t->port->ip_kotype = IKOT_TIMER;
	ip_unlock(t->port);
	return KERN_SUCCESS;
}

kern_return_t mk_timer_destroy(struct ipc_space *space, mach_port_name_t name)
{
	struct mk_timer *t = timer_of(space, name);

	if (t == NULL)
		return KERN_INVALID_ARGUMENT;
	mk_timer_release(t);
	return mach_port_mod_refs(space, name, MACH_PORT_RIGHT_RECEIVE, -1);
}

kern_return_t mk_timer_arm(struct ipc_space *space, mach_port_name_t name, uint64_t expire_ns)
{
	struct mk_timer *t = timer_of(space, name);
	bool drop;

	if (t == NULL)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&t->lock);
	drop = timer_cancel(&t->timer);
	if (!t->dead) {
		atomic_fetch_add(&t->references, 1);
		t->expire_ns = expire_ns != 0 ? expire_ns : 1;
		timer_arm(&t->timer, t->expire_ns);
	}
	spin_unlock(&t->lock);
	if (drop)
		mk_timer_release(t);
	mk_timer_release(t);
	return KERN_SUCCESS;
}

kern_return_t mk_timer_cancel(struct ipc_space *space, mach_port_name_t name, uint64_t *result_ns)
{
	struct mk_timer *t = timer_of(space, name);
	bool was_armed;

	if (t == NULL)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&t->lock);
	was_armed = timer_cancel(&t->timer);
	*result_ns = was_armed ? t->expire_ns : 0;
	spin_unlock(&t->lock);
	if (was_armed)
		mk_timer_release(t);
	mk_timer_release(t);
	return KERN_SUCCESS;
}

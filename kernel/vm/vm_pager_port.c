/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_pager_port.c - the ports between an object and its pager, and the messages to it.
 *
 * Interface: vm_pager_port.h (O6 of vm_object.h); memory_object.h vm_object_name_port.
 * The kernel holds a send right to the memory object, and the receive rights of the control and the name port. The request
 *   to hear of the memory object's death names the control port: the notice is a message to it (memory_object_port_died).
 *   memory_object_terminate gives both receive rights to the pager, wherever it is.
 * A message to a pager that were lost for want of memory would be a page that is lost, or a wait that ends at its time limit only: each may
 *   take the last frames.
 * Locking: none of its own; port -> object.
 */
#include "vm_pager_port.h"

#include <base/string.h>
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_space.h>
#include <ipc/mach_msg.h>
#include <ipc/mach_msg_private.h>
#include <kern/assert.h>
#include <kern/ipc_kobject.h>
#include <kern/kalloc.h>
#include <kern/thread.h>
#include <kernel/memory_object.h>
#include <kernel/memory_object_default.h>
#include <vm/memory_object.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_object.h>

#define REQUEST_ID 2203 /* memory_object_data_request */

static struct ipc_port *control_right(struct vm_object *o)
{
	return ipc_port_make_send(o->pager_control);
}

/* ---- life ---- */

struct vm_pager_ports {
	struct vm_pager_ports *next; /* of vm_object.old_ports */
	struct ipc_port *pager, *control, *name;
	struct ipc_request *death;
};

static bool make_kernel_ports(struct vm_pager_ports *p)
{
	p->control = ipc_port_alloc_special(ipc_space_kernel);
	p->name = ipc_port_alloc_special(ipc_space_kernel);
	if (p->control != NULL && p->name != NULL)
		return true;
	if (p->control != NULL)
		ipc_port_dealloc_special(p->control);
	if (p->name != NULL)
		ipc_port_dealloc_special(p->name);
	return false;
}

/* Ask to hear of pager's death, and take a right to it. */
static kern_return_t watch(struct vm_pager_ports *p, struct ipc_port *pager)
{
	struct ipc_port *notify = ipc_port_make_sonce(p->control);
	kern_return_t kr = KERN_SUCCESS;

	ip_lock(pager);
	if (!ip_active(pager) || pager->ip_receiver == ipc_space_kernel)
		kr = KERN_INVALID_ARGUMENT;
	if (kr == KERN_SUCCESS) {
		p->death = ipc_port_request_alloc(pager, NULL, MACH_PORT_DEAD, notify);
		if (p->death == NULL)
			kr = KERN_RESOURCE_SHORTAGE;
	}
	if (kr == KERN_SUCCESS)
		p->pager = ipc_port_copy_send_held(pager);
	ip_unlock(pager);
	if (kr != KERN_SUCCESS)
		ipc_port_release_sonce(notify);
	return kr;
}

static kern_return_t make_ports(struct vm_pager_ports *p, struct ipc_port *pager)
{
	kern_return_t kr;

	if (!make_kernel_ports(p))
		return KERN_RESOURCE_SHORTAGE;
	kr = watch(p, pager);
	if (kr != KERN_SUCCESS) {
		ipc_port_dealloc_special(p->control);
		ipc_port_dealloc_special(p->name);
	}
	return kr;
}

/* o's ports become p's, and p's become o's. */
static void exchange_locked(struct vm_object *o, struct vm_pager_ports *p)
{
	struct vm_pager_ports old = { .next = p->next, .pager = o->pager, .control = o->pager_control, .name = o->pager_name,
				      .death = o->death };

	o->pager_control = p->control;
	o->pager_name = p->name;
	o->death = p->death;
	o->pager = p->pager;
	*p = old;
}

kern_return_t vm_pager_attach(struct vm_object *o, struct ipc_port *pager)
{
	struct vm_pager_ports p = { .next = NULL };
	kern_return_t kr;

	if (!IP_VALID(pager))
		return KERN_INVALID_ARGUMENT;
	kr = make_ports(&p, pager);
	if (kr != KERN_SUCCESS)
		return kr;
	spin_lock(&o->lock); /* of an internal object, which is in use */
	exchange_locked(o, &p);
	spin_unlock(&o->lock);
	return KERN_SUCCESS;
}

/* In limbo: a message takes it to its receiver. */
static struct ipc_port *limbo_port(void)
{
	struct ipc_port *pager = ipc_port_alloc_special(ipc_space_kernel);

	if (pager == NULL)
		return NULL;
	ip_lock(pager);
	ipc_port_clear_receiver(pager, MACH_RCV_PORT_DIED);
	ip_unlock(pager);
	return pager;
}

kern_return_t vm_pager_attach_new(struct vm_object *o)
{
	struct ipc_port *pager = limbo_port();
	kern_return_t kr;

	if (pager == NULL)
		return KERN_RESOURCE_SHORTAGE;
	kr = vm_pager_attach(o, pager);
	if (kr != KERN_SUCCESS)
		ipc_port_release_right(pager, MACH_MSG_TYPE_PORT_RECEIVE);
	return kr;
}

struct vm_pager_ports *vm_pager_ports_new(void)
{
	struct vm_pager_ports *p = kalloc_zeroed(sizeof(*p));
	struct ipc_port *pager = p == NULL ? NULL : limbo_port();

	if (pager != NULL && make_ports(p, pager) == KERN_SUCCESS)
		return p;
	if (pager != NULL)
		ipc_port_release_right(pager, MACH_MSG_TYPE_PORT_RECEIVE);
	kfree(p, sizeof(*p));
	return NULL;
}

void vm_pager_ports_exchange_locked(struct vm_object *o, struct vm_pager_ports *p)
{
	exchange_locked(o, p);
	p->next = o->old_ports;
	o->old_ports = p;
}

void vm_pager_ports_disable(struct vm_pager_ports *p)
{
	if (p->control != NULL)
		ipc_kobject_set(p->control, NULL, IKOT_NONE);
}

void vm_pager_enable(struct vm_object *o)
{
	ipc_kobject_set(o->pager_control, o, IKOT_MEMORY_OBJECT_CONTROL);
	/* A death before this was told to nobody. */
	if (!ip_active(o->pager))
		vm_object_pager_gone(o);
}

void vm_pager_disable(struct vm_object *o)
{
	if (o->pager_control != NULL)
		ipc_kobject_set(o->pager_control, NULL, IKOT_NONE);
}

bool vm_pager_move_try(struct vm_object *to, struct vm_object *from)
{
	struct ipc_port *control = from->pager_control;

	/* Against the order, port -> object: a call that is on its way holds the port, and finds from. */
	if (!spin_trylock(&control->ip_object.io_lock))
		return false;
	control->ip_kobject = to;
	ip_unlock(control);
	to->pager = from->pager;
	to->pager_control = control;
	to->pager_name = from->pager_name;
	to->death = from->death;
	from->pager = from->pager_control = from->pager_name = NULL;
	from->death = NULL;
	return true;
}

/* Hear of its death no more. */
static void unwatch(struct ipc_port *pager, struct ipc_request *death)
{
	struct ipc_port *notify = IP_NULL;

	if (death == NULL)
		return;
	ip_lock(pager);
	if (ip_active(pager))
		notify = ipc_port_request_cancel(pager, death);
	ip_unlock(pager);
	if (notify != IP_NULL)
		ipc_port_release_sonce(notify);
}

static void release_ports(struct vm_pager_ports *p)
{
	unwatch(p->pager, p->death);
	if (p->control != NULL)
		ipc_port_dealloc_special(p->control);
	if (p->name != NULL)
		ipc_port_dealloc_special(p->name);
	ipc_port_release_send(p->pager);
	kfree(p, sizeof(*p));
}

void vm_pager_ports_destroy(struct vm_pager_ports *p)
{
	ipc_port_release_right(p->pager, MACH_MSG_TYPE_PORT_RECEIVE);
	release_ports(p);
}

/* A port of ours as a receive right for a message to pager; IP_NULL if it cannot go, and it is gone. */
static struct ipc_port *receive_right_for(struct ipc_port *port, struct ipc_port *pager)
{
	if (!ip_active(pager)) {
		ipc_port_dealloc_special(port);
		return IP_NULL;
	}
	ip_lock(port);
	ipc_port_clear_receiver(port, MACH_RCV_PORT_DIED);
	ip_unlock(port);
	if (!ipc_port_check_circularity(port, pager))
		return port;
	ipc_port_release_right(port, MACH_MSG_TYPE_PORT_RECEIVE);
	return IP_NULL;
}

static void send_terminate(struct vm_object *o)
{
	struct ipc_port *control = o->pager_control, *name = o->pager_name;
	bool before = thread_privilege_begin();

	o->pager_control = o->pager_name = NULL;
	(void)memory_object_terminate(o->pager, receive_right_for(control, o->pager), receive_right_for(name, o->pager),
				      MACH_SEND_ALWAYS, 0);
	thread_privilege_end(before);
}

void vm_pager_detach(struct vm_object *o, bool tell)
{
	struct vm_pager_ports *old = o->old_ports, *next;

	unwatch(o->pager, o->death);
	o->death = NULL;
	for (o->old_ports = NULL; old != NULL; old = next) {
		next = old->next;
		release_ports(old);
	}
	if (tell && o->pager_control != NULL)
		send_terminate(o);
	if (o->pager_control != NULL)
		ipc_port_dealloc_special(o->pager_control);
	if (o->pager_name != NULL)
		ipc_port_dealloc_special(o->pager_name);
	o->pager_control = o->pager_name = NULL;
	ipc_port_release_send(o->pager);
}

struct ipc_port *vm_object_name_port(struct vm_object *o)
{
	return o->pager_name == NULL ? IP_NULL : ipc_port_make_send(o->pager_name);
}

/* ---- messages ---- */

void vm_pager_send_init(struct vm_object *o)
{
	bool before = thread_privilege_begin();

	(void)memory_object_init(o->pager, control_right(o), ipc_port_make_send(o->pager_name), PAGE_SIZE, MACH_SEND_ALWAYS, 0);
	thread_privilege_end(before);
}

void vm_pager_send_destroyed(struct vm_object *o)
{
	bool before = thread_privilege_begin();

	(void)memory_object_terminate(o->pager, IP_NULL, IP_NULL, MACH_SEND_ALWAYS, 0);
	thread_privilege_end(before);
}

/* memory_object_data_request of memory_object.defs, whose stub cannot hand the CPU over. */
struct data_request {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_port_descriptor_t memory_control;
	memory_object_offset_t offset;
	memory_object_cluster_size_t length;
	vm_prot_t desired_access;
};
_Static_assert(sizeof(struct data_request) == 64, "as mig lays it out");

struct thread *vm_pager_send_request(struct vm_object *o, uint64_t offset, uint32_t length, vm_prot_t access)
{
	struct data_request m = {
		.head = { .msgh_size = sizeof m, .msgh_id = REQUEST_ID },
		.body = { .msgh_descriptor_count = 1 },
		.memory_control = mig_port_descriptor(0, MACH_MSG_TYPE_PORT_SEND),
		.offset = offset + o->paging_offset,
		.length = length,
		.desired_access = access,
	};
	struct ipc_port *control = control_right(o);
	struct thread *receiver = mach_msg_fast_request(o->pager, &m.head, control);
	struct ipc_kmsg *kmsg;
	bool before;

	if (receiver != NULL)
		return receiver;
	cpu_irq_enable(); /* this may be long */
	before = thread_privilege_begin();
	kmsg = ipc_kmsg_alloc(sizeof m);
	thread_privilege_end(before);
	if (kmsg == NULL) {
		ipc_port_release_send(control);
		(void)vm_pager_shortage(o, m.offset, length); /* as if nobody had asked */
		return NULL;
	}
	m.head.msgh_bits = MACH_MSGH_BITS_SET(MACH_MSG_TYPE_PORT_SEND, 0, 0, MACH_MSGH_BITS_COMPLEX);
	m.memory_control = mig_port_descriptor(control, MACH_MSG_TYPE_PORT_SEND);
	memcpy(kmsg->ikm_header, &m, sizeof m);
	kmsg->ikm_remote_port = ipc_port_copy_send(o->pager);
	if (ipc_kmsg_send(kmsg, MACH_SEND_ALWAYS, IPC_NO_WAIT, &receiver) != MACH_MSG_SUCCESS)
		ipc_kmsg_destroy(kmsg);
	return receiver;
}

struct thread *vm_pager_send_unlock(struct vm_object *o, uint64_t offset, uint64_t length, vm_prot_t access)
{
	bool before;

	cpu_irq_enable(); /* this may be long */
	before = thread_privilege_begin();
	(void)memory_object_data_unlock(o->pager, control_right(o), offset + o->paging_offset, length, access,
					MACH_SEND_ALWAYS, 0);
	thread_privilege_end(before);
	return NULL;
}

void vm_pager_send_return(struct vm_object *o, uint64_t offset, struct vm_map_copy *data, uint64_t size, bool dirty,
			  bool kernel_copy, bool initialize)
{
	bool before = thread_privilege_begin();

	if (initialize)
		(void)memory_object_data_initialize(o->pager, control_right(o), offset, data, (mach_msg_type_number_t)size,
						    MACH_SEND_ALWAYS, 0);
	else
		(void)memory_object_data_return(o->pager, control_right(o), offset, data, (mach_msg_type_number_t)size, dirty,
						kernel_copy, MACH_SEND_ALWAYS, 0);
	thread_privilege_end(before);
}

void vm_pager_send_discard(struct vm_object *o, uint64_t offset, uint64_t size)
{
	bool before = thread_privilege_begin();

	if (o->pager != NULL)
		(void)memory_object_data_discard(o->pager, control_right(o), offset + o->paging_offset, size, MACH_SEND_ALWAYS, 0);
	thread_privilege_end(before);
}

void vm_pager_send_synchronize(struct vm_object *o, uint64_t offset, uint64_t size, unsigned flags)
{
	bool before = thread_privilege_begin();

	(void)memory_object_synchronize(o->pager, control_right(o), offset, size, flags, MACH_SEND_ALWAYS, 0);
	thread_privilege_end(before);
}

/* The receive right of a port of vm_pager_attach_new, on its way to dest. */
static struct ipc_port *new_port_for(struct vm_object *o, struct ipc_port *dest)
{
	return ipc_port_check_circularity(o->pager, dest) ? IP_NULL : o->pager;
}

void vm_pager_send_copy(struct vm_object *o, uint64_t offset, uint64_t size, struct vm_object *copy)
{
	struct ipc_port *receive = new_port_for(copy, o->pager);
	bool before = thread_privilege_begin();

	if (receive == IP_NULL)
		ipc_port_release_right(copy->pager, MACH_MSG_TYPE_PORT_RECEIVE); /* it hears of its death */
	else
		(void)memory_object_copy(o->pager, control_right(o), offset + o->paging_offset, size, receive, MACH_SEND_ALWAYS, 0);
	thread_privilege_end(before);
	if (receive != IP_NULL)
		vm_pager_send_init(copy);
}

bool vm_pager_send_create(struct vm_object *o, struct ipc_port *manager)
{
	struct ipc_port *receive = new_port_for(o, manager);
	bool before = thread_privilege_begin();
	kern_return_t kr = KERN_FAILURE;

	if (receive == IP_NULL)
		ipc_port_release_right(o->pager, MACH_MSG_TYPE_PORT_RECEIVE); /* the object hears of its death */
	else
		kr = memory_object_create(manager, receive, o->size, control_right(o), ipc_port_make_send(o->pager_name), PAGE_SIZE,
					  MACH_SEND_ALWAYS, 0);
	thread_privilege_end(before);
	return kr == KERN_SUCCESS;
}

/* ---- the death of a pager: a notification to the control port ---- */

static void pager_died(struct ipc_port *control)
{
	struct vm_object *o = convert_port_to_memory_object_control(control);

	if (o == NULL)
		return;
	/* Anyone with a right to the control port can send this: look. */
	if (!ip_active(o->pager))
		vm_object_pager_gone(o);
	vm_object_deallocate(o);
}

void memory_object_init_module(void)
{
	ipc_kobject_dead_name_calls[IKOT_MEMORY_OBJECT_CONTROL] = pager_died;
	mach_msg_supply = vm_pager_page;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_pager_page.c - the short way of a page: a pager's memory_object_data_supply of one page, without a kmsg and without a vm_map_copy.
 *
 * Interface: mach_msg_supply (ipc/mach_msg_private.h).
 * What it takes: a whole page of the sender's, copied, with no completion asked for, sent to a control port by a right that is moved or
 *   copied. The sender's bytes are copied into a fresh frame, and the frame goes into the object. Everything else, and every error,
 *   is declined before anything was changed, and the way of all messages (ipc_kmsg_copyin, memory_object.c) finds the error again. What happens after the
 *   right was taken has no effect on the sender: nobody asked for the completion.
 * Locking: the space; then port -> object, both held together. Nothing is held while the sender's page is read, which may fault.
 */
#include <ddb/trace.h>
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_right.h>
#include <ipc/ipc_space.h>
#include <ipc/mach_msg_private.h>
#include <kern/ipc_kobject.h>
#include <kern/thread.h>
#include <machine/copyio.h>
#include <mach/memory_object_types.h>
#include <vm/memory_object.h>
#include <vm/vm_object.h>
#include <vm/vm_page.h>

#include "vm_pager_port.h"

/* memory_object_data_supply of memory_object_control.defs. */
struct data_supply {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_ool_descriptor_t data;
	mach_msg_port_descriptor_t reply_to;
	memory_object_offset_t offset;
	vm_prot_t lock_value;
	boolean_t precious;
};
_Static_assert(sizeof(struct data_supply) == MACH_MSG_SUPPLY_BYTES && offsetof(struct data_supply, offset) == 72, "as mig lays it out");

#define BITS(type) (MACH_MSGH_BITS(type, 0) | MACH_MSGH_BITS_COMPLEX)

static bool is_plain(const struct data_supply *m)
{
	return (m->head.msgh_bits == BITS(MACH_MSG_TYPE_MOVE_SEND) || m->head.msgh_bits == BITS(MACH_MSG_TYPE_COPY_SEND)) &&
	       m->head.msgh_local_port == MACH_PORT_NULL && m->body.msgh_descriptor_count == 2 &&
	       m->data.type == MACH_MSG_OOL_DESCRIPTOR && m->data.size == PAGE_SIZE && m->data.deallocate == 0 &&
	       (m->data.copy == MACH_MSG_PHYSICAL_COPY || m->data.copy == MACH_MSG_VIRTUAL_COPY) &&
	       ((uintptr_t)m->data.address & PAGE_MASK) == 0 && m->reply_to.type == MACH_MSG_PORT_DESCRIPTOR &&
	       m->reply_to.name == MACH_PORT_NULL && m->reply_to.disposition == MACH_MSG_TYPE_MAKE_SEND_ONCE &&
	       (m->offset & PAGE_MASK) == 0 && (m->lock_value & ~VM_PROT_ALL) == 0;
}

static __attribute__((noinline, cold)) void drop(struct vm_page *page)
{
	vm_page_release(page);
}

/* The sender's bytes, in a frame that is nobody's yet. NULL: there is none now, or they cannot be read. */
static struct vm_page *read_page(uint64_t address)
{
	struct thread *self = current_thread();
	bool before = self->vm_page_in;
	struct vm_page *page;

	self->vm_page_in = true; /* it may take frames that other data may not */
	page = vm_page_grab_user();
	if (page != NULL && copyin(address, vm_page_virt(page), PAGE_SIZE) != KERN_SUCCESS) {
		drop(page);
		page = NULL;
	}
	self->vm_page_in = before;
	return page;
}

/* Take the right to the control port, and find what is received from next, with a reference. IP_NULL: nothing was done. */
static struct ipc_port *take_right(const struct data_supply *m, mach_port_name_t rcv_name, struct ipc_object **object)
{
	struct ipc_space *space = current_thread()->ipc.space;
	struct ipc_right_taken taken = { .port = IP_NULL };
	struct ipc_entry *dest, *rcv;

	is_lock(space);
	dest = space->is_active ? ipc_entry_lookup(space, m->head.msgh_remote_port) : NULL;
	rcv = dest != NULL ? ipc_entry_lookup(space, rcv_name) : NULL;
	if (rcv != NULL && (dest->ie_bits & MACH_PORT_TYPE_SEND) &&
	    (rcv->ie_bits & (MACH_PORT_TYPE_RECEIVE | MACH_PORT_TYPE_PORT_SET))) {
		struct ipc_port *port = (struct ipc_port *)dest->ie_object;

		if (!ip_active(port) || port->ip_remote || port->ip_receiver != ipc_space_kernel ||
		    port->ip_kotype != IKOT_MEMORY_OBJECT_CONTROL ||
		    ipc_right_copyin(space, m->head.msgh_remote_port, dest, MACH_MSGH_BITS_REMOTE(m->head.msgh_bits), false,
				     &taken) != KERN_SUCCESS)
			taken.port = IP_NULL;
		if (taken.port != IP_NULL) {
			*object = rcv->ie_object;
			io_reference(*object);
		}
	}
	is_unlock(space);
	if (__builtin_expect(taken.deleted != IP_NULL, 0))
		ipc_right_taken_notify(&taken);
	return taken.port;
}

/* page goes into the object that port stands for, if it does. The locks keep the object. */
static bool supply(struct ipc_port *port, const struct data_supply *m, struct vm_page *page, struct thread **next)
{
	bool done = false;

	*next = NULL;
	ip_lock(port);
	if (ip_active(port) && port->ip_kotype == IKOT_MEMORY_OBJECT_CONTROL && port->ip_kobject != NULL) {
		struct vm_object *o = port->ip_kobject;

		spin_lock(&o->lock);
		if (o->references != 0 && !o->terminating)
			done = vm_pager_supply_locked(o, m->offset, page, m->lock_value, m->precious != FALSE, next) == KERN_SUCCESS;
		spin_unlock(&o->lock);
	}
	ip_unlock(port);
	return done;
}

__attribute__((flatten, noinline)) bool vm_pager_page(const void *message, mach_port_name_t rcv_name, struct ipc_object **object,
					      struct thread **next)
{
	const struct data_supply *m = message;
	struct vm_page *page = is_plain(m) ? read_page((uintptr_t)m->data.address) : NULL;
	struct ipc_port *port;

	if (page == NULL)
		return false;
	cpu_irq_disable(); /* the rest is short */
	port = take_right(m, rcv_name, object);
	if (port == IP_NULL) {
		drop(page);
		return false;
	}
	TRACE3(SEND, port, m->head.msgh_id, sizeof *m);
	if (!supply(port, m, page, next))
		drop(page);
	TRACE3(KOBJECT, port, m->head.msgh_id, 0);
	ipc_port_release_send(port);
	return true;
}

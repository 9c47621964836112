/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_device_pager.c - device memory as a port.
 *
 * Interface: vm_device_pager.h.
 * A device pager does not change; the port lock decides between who looks it up and its end.
 * Its memory cannot be had on another node. A node that maps the port there sends it memory_object_init, as to any memory object, and is
 *   answered memory_object_destroy: the accesses fail with KERN_MEMORY_FAILURE at once.
 * References: OSF Mach's device pager: what device_map gives is mapped without messages, by physical address.
 */
#include <vm/vm_device_pager.h>

#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_space.h>
#include <ipc/mach_msg.h>
#include <kern/ipc_kobject.h>
#include <kern/kalloc.h>
#include <kern/kworker.h>
#include <vm/vm_object.h>
#include <vm/vm_page.h>

#define INIT_ID 2200    /* memory_object_init */
#define DESTROY_ID 2004 /* memory_object_destroy */

struct device_pager {
	struct ipc_port *port;
	struct vm_object *object; /* +1 */
	vm_prot_t protection;
	struct kwork end;
};

static struct zone *pager_zone;

static void pager_end(struct kwork *w)
{
	struct device_pager *p = container_of(w, struct device_pager, end);

	ipc_port_dealloc_special(p->port);
	vm_object_deallocate(p->object);
	zone_free(pager_zone, p);
}

/* Any context: the end is left to a worker. */
static void no_senders(struct ipc_port *port)
{
	struct device_pager *p = NULL;

	ip_lock(port);
	if (ip_active(port) && port->ip_kotype == IKOT_DEVICE_PAGER && port->ip_srights == 0) {
		p = port->ip_kobject;
		port->ip_kobject = NULL;
		port->ip_kotype = IKOT_NONE;
	}
	ip_unlock(port);
	if (p != NULL)
		kworker_submit(&p->end);
}

void vm_device_pager_init(void)
{
	pager_zone = zone_create("vm_device_pager", sizeof(struct device_pager), 0);
	ipc_kobject_no_senders_calls[IKOT_DEVICE_PAGER] = no_senders;
	ipc_kobject_other_calls[IKOT_DEVICE_PAGER] = vm_device_pager_message;
}

static bool any_managed(uint64_t phys, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += PAGE_SIZE)
		if (vm_page_of_phys(phys + at) != NULL)
			return true;
	return false;
}

kern_return_t vm_device_pager_create(uint64_t phys, uint64_t size, vm_prot_t protection, enum pmap_cache cache,
				     struct ipc_port **out)
{
	struct device_pager *p;

	if (size == 0 || ((phys | size) & PAGE_MASK) != 0 || phys + size < phys || any_managed(phys, size))
		return KERN_INVALID_ARGUMENT;
	p = zone_alloc_zeroed(pager_zone);
	if (p == NULL)
		return KERN_RESOURCE_SHORTAGE;
	p->protection = protection;
	p->object = vm_object_create_device(phys, size, cache);
	p->port = p->object == NULL ? IP_NULL : ipc_port_alloc_special(ipc_space_kernel);
	if (p->port == IP_NULL) {
		vm_object_deallocate(p->object);
		zone_free(pager_zone, p);
		return KERN_RESOURCE_SHORTAGE;
	}
	kwork_init(&p->end, pager_end, true);
	ipc_kobject_set(p->port, p, IKOT_DEVICE_PAGER);
	*out = ipc_port_make_send(p->port);
	return KERN_SUCCESS;
}

struct vm_object *vm_device_pager_lookup(struct ipc_port *port, vm_prot_t *protection)
{
	struct device_pager *p = ipc_kobject_lock(port, IKOT_DEVICE_PAGER);
	struct vm_object *o;

	if (p == NULL)
		return NULL;
	o = p->object;
	vm_object_reference(o);
	*protection = p->protection;
	ip_unlock(port);
	return o;
}

/* memory_object_destroy, as mig lays it out. */
struct destroy {
	mach_msg_header_t head;
	kern_return_t reason;
};

static void send_destroy(struct ipc_port *control)
{
	struct ipc_kmsg *kmsg = ipc_kmsg_alloc(sizeof(struct destroy));
	struct destroy *m;

	if (kmsg == NULL)
		return; /* the accesses fail when their time is over */
	m = (struct destroy *)kmsg->ikm_header;
	m->head.msgh_bits = MACH_MSGH_BITS_SET(MACH_MSG_TYPE_PORT_SEND, 0, 0, 0);
	m->head.msgh_id = DESTROY_ID;
	m->reason = KERN_NOT_SUPPORTED;
	kmsg->ikm_remote_port = ipc_port_copy_send(control);
	(void)mach_msg_send_from_kernel(kmsg);
}

void vm_device_pager_message(struct ipc_port *port, struct ipc_kmsg *request)
{
	const mach_msg_descriptor_t *d;
	struct ipc_port *control;

	(void)port;
	if (request->ikm_header->msgh_id != INIT_ID || ikm_descriptor_count(request) == 0)
		return;
	d = ikm_descriptors(request);
	control = (struct ipc_port *)(uintptr_t)d->port.kport;
	if (d->type.type == MACH_MSG_PORT_DESCRIPTOR && d->port.disposition == MACH_MSG_TYPE_PORT_SEND && IP_VALID(control))
		send_destroy(control);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_object_internal_pager.c - giving an anonymous object to the default pager.
 *
 * Interface: memory_object.h vm_object_pager_create.
 * References: OSF MK kernel interfaces, memory_object_create(3).
 */
#include <vm/memory_object.h>

#include <ipc/ipc_port.h>
#include <kern/kalloc.h>
#include <vm/vm_pageout.h>

#include "vm_object_internal.h"
#include "vm_pager_port.h"

#define INTERNAL_CLUSTER (16 * PAGE_SIZE) /* asked for at once */

/* Is the caller the one to give o its pager? */
static kern_return_t claim(struct vm_object *o, bool *mine)
{
	kern_return_t kr = KERN_SUCCESS;

	spin_lock(&o->lock);
	*mine = false;
	if (!o->internal || o->device || o->terminating) {
		kr = KERN_FAILURE;
	} else if (!o->pager_created) {
		*mine = o->pager_created = true;
	} else if (o->pager == NULL || !o->alive) {
		kr = KERN_FAILURE; /* another thread is at it */
	}
	spin_unlock(&o->lock);
	return kr;
}

/* swap: a reference, taken on success. */
static kern_return_t create(struct vm_object *o, struct vm_swap *swap)
{
	uint64_t *bits = kalloc_zeroed(vm_object_paged_out_bytes(o->size));
	kern_return_t kr;

	if (bits == NULL)
		return KERN_RESOURCE_SHORTAGE;
	spin_lock(&o->lock);
	o->paged_out = bits;
	o->swap = swap;
	spin_unlock(&o->lock);
	kr = vm_pager_attach_new(o);
	if (kr != KERN_SUCCESS) {
		spin_lock(&o->lock);
		o->paged_out = NULL;
		o->swap = NULL;
		spin_unlock(&o->lock);
		kfree(bits, vm_object_paged_out_bytes(o->size));
		return kr;
	}
	o->cluster_size = INTERNAL_CLUSTER;
	vm_pager_enable(o);
	return KERN_SUCCESS;
}

/* Its default pager has died: it gets the one that there is now, which has none of its pages. swap: as above. */
static kern_return_t create_again(struct vm_object *o, struct vm_swap *swap)
{
	uint64_t *bits = kalloc_zeroed(vm_object_paged_out_bytes(o->size));
	struct vm_pager_ports *ports = vm_pager_ports_new();
	bool done = false;

	if (bits != NULL && ports != NULL) {
		spin_lock(&o->lock);
		done = !o->alive && !o->sending && !o->terminating;
		if (done) {
			vm_object_keep_lost_locked(o, bits);
			vm_pager_ports_exchange_locked(o, ports);
			vm_swap_release(o->swap);
			o->swap = swap;
			o->paging_offset = 0;
			o->alive = true;
		}
		spin_unlock(&o->lock);
	}
	if (done) {
		vm_pager_ports_disable(ports);
		vm_pager_enable(o);
		return KERN_SUCCESS;
	}
	if (bits != NULL)
		kfree(bits, vm_object_paged_out_bytes(o->size));
	if (ports != NULL)
		vm_pager_ports_destroy(ports);
	return KERN_RESOURCE_SHORTAGE;
}

kern_return_t vm_object_pager_create(struct vm_object *o)
{
	struct vm_swap *swap = NULL;
	struct ipc_port *to;
	bool mine;
	kern_return_t kr = claim(o, &mine);

	if (kr != KERN_SUCCESS || !mine)
		return kr;
	to = vm_default_pager_reference(&swap);
	if (to == IP_NULL)
		kr = KERN_FAILURE;
	else
		kr = o->pager == NULL ? create(o, swap) : create_again(o, swap);
	if (kr != KERN_SUCCESS) {
		vm_swap_release(swap);
		spin_lock(&o->lock);
		o->pager_created = false;
		spin_unlock(&o->lock);
	} else if (!vm_pager_send_create(o, to)) {
		kr = KERN_RESOURCE_SHORTAGE; /* its port has died with the message: this object stays in memory */
	}
	ipc_port_release_send(to);
	return kr;
}

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
/* The default pager is trusted to answer, however long its queue is; its death is noticed without a time limit. */
#define INTERNAL_TIMEOUT_NS (3600ULL * 1000 * 1000 * 1000)

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
	} else if (o->pager == NULL) {
		kr = KERN_FAILURE; /* another thread is at it */
	}
	spin_unlock(&o->lock);
	return kr;
}

static kern_return_t create(struct vm_object *o)
{
	uint64_t *bits = kalloc_zeroed(vm_object_paged_out_bytes(o->size));
	kern_return_t kr;

	if (bits == NULL)
		return KERN_RESOURCE_SHORTAGE;
	spin_lock(&o->lock);
	o->paged_out = bits;
	spin_unlock(&o->lock);
	kr = vm_pager_attach_new(o);
	if (kr != KERN_SUCCESS) {
		spin_lock(&o->lock);
		o->paged_out = NULL;
		spin_unlock(&o->lock);
		kfree(bits, vm_object_paged_out_bytes(o->size));
		return kr;
	}
	o->cluster_size = INTERNAL_CLUSTER;
	o->pager_timeout_ns = INTERNAL_TIMEOUT_NS;
	vm_pager_enable(o);
	return KERN_SUCCESS;
}

kern_return_t vm_object_pager_create(struct vm_object *o)
{
	struct ipc_port *to;
	bool mine;
	kern_return_t kr = claim(o, &mine);

	if (kr != KERN_SUCCESS || !mine)
		return kr;
	to = vm_default_pager_copy();
	kr = to == IP_NULL ? KERN_FAILURE : create(o);
	if (kr != KERN_SUCCESS) {
		spin_lock(&o->lock);
		o->pager_created = false;
		spin_unlock(&o->lock);
	} else if (!vm_pager_send_create(o, to)) {
		kr = KERN_RESOURCE_SHORTAGE; /* its port has died with the message: this object stays in memory */
	}
	ipc_port_release_send(to);
	return kr;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map_pager.c - mapping a memory object.
 *
 * Interface: memory_object.h vm_map_enter_pager, vm_map_enter_device.
 */
#include <vm/memory_object.h>
#include <vm/vm_map.h>

#include "vm_map_internal.h"

/* Make *o, at *offset, its copy; takes the reference on it. */
static kern_return_t copy_of(struct vm_object **o, uint64_t *offset, uint64_t size)
{
	struct vm_resolved wait = { .deadline_ns = 0 };
	struct vm_object *copy;
	uint64_t copy_offset;
	kern_return_t kr;

	do {
		kr = vm_object_copy_strategically(*o, *offset, size, &copy, &copy_offset, &wait);
		if (kr != VM_OBJECT_WAIT)
			break;
		kr = vm_object_wait(&wait);
	} while (kr == KERN_SUCCESS);
	vm_object_deallocate(*o);
	if (kr != KERN_SUCCESS)
		return kr;
	*o = copy;
	*offset = copy_offset;
	return KERN_SUCCESS;
}

/* So that large pages can be used where the memory allows it. */
static uint64_t device_mask(const struct vm_object *o, uint64_t offset, uint64_t size, uint64_t mask, int flags)
{
	bool large = size >= PMAP_LARGE_BYTES && ((o->device_phys + offset) & (PMAP_LARGE_BYTES - 1)) == 0;

	return large && (flags & VM_FLAGS_ANYWHERE) != 0 ? mask | (PMAP_LARGE_BYTES - 1) : mask;
}

kern_return_t vm_map_enter_device(struct vm_map *map, uint64_t *address, uint64_t size, uint64_t mask, int flags,
				  struct vm_object *o, vm_prot_t allowed, uint64_t offset, bool copy, vm_prot_t protection,
				  vm_prot_t max_protection, unsigned inheritance)
{
	if (size == 0 || (offset & PAGE_MASK) != 0 || (mask & (mask + 1)) != 0 || offset > o->size || size > o->size - offset)
		return KERN_INVALID_ARGUMENT;
	if (copy)
		return KERN_PROTECTION_FAILURE;
	if ((protection | max_protection) & ~allowed & VM_PROT_ALL)
		return KERN_INVALID_RIGHT;
	return vm_map_enter(map, address, size, device_mask(o, offset, size, mask, flags), flags, o, offset, false, protection,
			    max_protection, inheritance);
}

kern_return_t vm_map_enter_pager(struct vm_map *map, uint64_t *address, uint64_t size, uint64_t mask, int flags,
				 struct ipc_port *pager, uint64_t offset, bool copy, vm_prot_t protection,
				 vm_prot_t max_protection, unsigned inheritance)
{
	struct vm_object *o;
	kern_return_t kr;
	uint64_t end;

	if (size == 0 || size > VM_MAX_ADDRESS || (offset & PAGE_MASK) != 0)
		return KERN_INVALID_ARGUMENT;
	size = (size + PAGE_MASK) & ~PAGE_MASK;
	if (__builtin_add_overflow(offset, size, &end) || end > INT64_MAX)
		return KERN_INVALID_ARGUMENT;
	kr = vm_object_of_pager(pager, end, &o);
	if (kr == KERN_SUCCESS && copy)
		kr = copy_of(&o, &offset, size);
	if (kr != KERN_SUCCESS)
		return kr;
	kr = vm_map_enter(map, address, size, mask, flags, o, offset, copy, protection, max_protection, inheritance);
	if (kr != KERN_SUCCESS)
		vm_object_deallocate(o);
	return kr;
}

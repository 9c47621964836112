/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_fault.c - from an address to a page, and its mapping.
 *
 * Interface: vm_fault.h; vm_map_internal.h for the other files of VM.
 * A fault holds the map's lock to read from the lookup to the mapping, so what it found stays true. Where it
 *   must wait (a busy page), it drops everything, waits abortably, and begins again: no state is kept across a
 *   wait (D6).
 * Locking: map lock -> object locks -> pmap.
 */
#include <vm/vm_fault.h>

#include <kern/limits.h>
#include <kern/thread.h>
#include <vm/vm_stat.h>

#include "vm_map_internal.h"

#define SHORTAGES_MAX 16U /* a fault waits for kernel memory so often */

kern_return_t vm_map_resolve_locked(struct vm_map_entry *e, uint64_t va, enum vm_access access,
				    struct vm_resolved *r)
{
	kern_return_t kr = KERN_SUCCESS;

	r->behavior = e->behavior;
	if (e->object == NULL && access == VM_ACCESS_PEEK) {
		*r = (struct vm_resolved){ 0 };
		return KERN_SUCCESS;
	}
	if (e->object == NULL)
		kr = vm_map_entry_object(e);
	else if (e->object->device)
		kr = KERN_PROTECTION_FAILURE;
	else if (access == VM_ACCESS_WRITE)
		kr = vm_map_entry_unshare(e);
	if (kr != KERN_SUCCESS)
		return kr;
	return vm_object_resolve(e->object, e->offset + (va - e->start), access, r);
}

vm_prot_t vm_map_entry_pmap_prot(const struct vm_map_entry *e, const struct vm_resolved *r)
{
	vm_prot_t prot = e->protection;

	if (!r->in_top || e->needs_copy || r->read_only)
		prot &= ~VM_PROT_WRITE; /* O1, M3, O7 */
	return prot & ~(vm_prot_t)r->page->page_lock;
}

kern_return_t vm_map_enter_page_locked(struct vm_map *map, const struct vm_map_entry *e, uint64_t va,
				       const struct vm_resolved *r, bool wired)
{
	vm_prot_t prot = vm_map_entry_pmap_prot(e, r);
	kern_return_t kr;

	r->object->write_mappings += (prot & VM_PROT_WRITE) != 0;
	kr = pmap_enter(map->pmap, va, r->page, prot, wired);
	if (kr != KERN_SUCCESS && r->copied_up)
		pmap_remove(map->pmap, va, va + PAGE_SIZE);
	return kr;
}

/* A large page's range around va, where the entry and the addresses allow it. */
static bool large_device_range(const struct vm_map_entry *e, uint64_t va, uint64_t phys)
{
	uint64_t base = va & ~(PMAP_LARGE_BYTES - 1);

	return ((va ^ phys) & (PMAP_LARGE_BYTES - 1)) == 0 && base >= e->start && base + PMAP_LARGE_BYTES <= e->end;
}

static kern_return_t fault_device(struct vm_map *map, const struct vm_map_entry *e, uint64_t va)
{
	const struct vm_object *o = e->object;
	uint64_t phys = o->device_phys + e->offset + (va - e->start), into = va & (PMAP_LARGE_BYTES - 1);
	kern_return_t kr = KERN_FAILURE;

	if (large_device_range(e, va, phys) && pmap_large_room(map->pmap, va - into))
		kr = pmap_enter_phys_large(map->pmap, va - into, phys - into, e->protection, o->cache);
	if (kr == KERN_FAILURE)
		kr = pmap_enter_phys(map->pmap, va, phys, e->protection, o->cache);
	return kr;
}

static enum vm_access access_of(vm_prot_t prot)
{
	if (prot & VM_PROT_WRITE)
		return VM_ACCESS_WRITE;
	return prot & VM_PROT_EXECUTE ? VM_ACCESS_EXECUTE : VM_ACCESS_READ;
}

/* The map is held to read. */
static kern_return_t fault_looked_up(struct vm_map *map, uint64_t va, vm_prot_t prot,
				     const struct vm_map_lookup *l, struct vm_resolved *r)
{
	kern_return_t kr;

	if (l->object->device)
		return fault_device(map, l->entry, va);
	if ((prot & VM_PROT_WRITE) && l->end - l->start >= PMAP_LARGE_BYTES)
		vm_map_large_fill(l, va);
	kr = vm_object_resolve(l->object, l->offset, access_of(prot), r);
	if (kr != KERN_SUCCESS)
		return kr;
	if (!r->page->in_large || !vm_map_large_enter_locked(map, l, va, r))
		kr = vm_map_enter_page_locked(map, l->entry, va, r, l->wired);
	spin_unlock(&r->object->lock); /* O4: not before the mapping is there */
	return kr;
}

kern_return_t vm_fault(struct vm_map *map, uint64_t va, vm_prot_t prot)
{
	struct vm_map_lookup l;
	struct vm_resolved r = { .deadline_ns = 0 };
	unsigned shortages = 0;
	kern_return_t kr;

	va &= ~PAGE_MASK;
	vm_stat_add(VM_STAT_FAULTS, 1);
	current_thread()->events.faults++;
	do {
		kr = vm_map_lookup_fault(map, va, prot, &l);
		if (kr == KERN_SUCCESS) {
			r.behavior = l.behavior;
			kr = fault_looked_up(map, va, prot, &l, &r);
			vm_map_unlock_read(map);
		}
		if (kr == KERN_RESOURCE_SHORTAGE && shortages++ < SHORTAGES_MAX)
			kr = vm_page_wait(); /* for a page table or the like; where frames are free again, at once */
		else if (kr == VM_OBJECT_WAIT)
			kr = vm_object_wait(&r);
		else
			return kr;
	} while (kr == KERN_SUCCESS);
	return kr;
}

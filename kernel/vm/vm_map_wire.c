/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map_wire.c - wiring: pages that are resident and stay mapped.
 *
 * Interface: vm_map.h vm_map_wire (M4). A pass over the range runs under one hold of the map's lock: it
 *   wires all pages or undoes what it did, so nobody sees a range wired in part. If a page must be waited for, the
 *   pass is undone, waits, and begins again. Wired pages are the top object's own, whatever the protection, so
 *   that no copy-on-write ever puts another page in their place.
 */
#include "vm_map_internal.h"

/* The page of va, which is resident. */
static struct vm_resolved resident_page(struct vm_map_entry *e, uint64_t va)
{
	struct vm_resolved r;
	kern_return_t kr = vm_map_resolve_locked(e, va, VM_ACCESS_PEEK, &r);

	VERIFY(kr == KERN_SUCCESS && r.page != NULL && r.page->wire_count != 0); /* M4 */
	return r;
}

static void unwire_pages(struct vm_map_entry *e, uint64_t end)
{
	for (uint64_t va = e->start; va < end; va += PAGE_SIZE) {
		struct vm_resolved r = resident_page(e, va);

		vm_page_unwire_locked(r.page);
		spin_unlock(&r.object->lock);
	}
}

void vm_map_entry_unwire(struct vm_map_entry *e)
{
	if (e->object == NULL || !e->object->device)
		unwire_pages(e, e->end);
	e->wired_count = 0;
}

static bool is_device(const struct vm_map_entry *e)
{
	return e->object != NULL && e->object->device;
}

/* Wire the pages of e, which is not wired; on failure none of them is. */
static kern_return_t wire_entry(struct vm_map *map, struct vm_map_entry *e, struct vm_resolved *r)
{
	for (uint64_t va = e->start; va < e->end; va += PAGE_SIZE) {
		kern_return_t kr = vm_map_resolve_locked(e, va, VM_ACCESS_WRITE, r);

		if (kr == KERN_SUCCESS) {
			kr = vm_map_enter_page_locked(map, e, va, r, true);
			if (kr == KERN_SUCCESS)
				vm_page_wire_locked(r->page);
			spin_unlock(&r->object->lock);
		}
		if (kr != KERN_SUCCESS) {
			unwire_pages(e, va);
			return kr;
		}
	}
	return KERN_SUCCESS;
}

static void unwire_range(struct vm_map *map, uint64_t start, uint64_t end)
{
	struct vm_map_entry *e = vm_map_lookup(map, start);

	for (; e != NULL && e->start < end; e = vm_map_next(map, e))
		if (e->wired_count != 0 && --e->wired_count == 0 && !is_device(e)) {
			unwire_pages(e, e->end);
			/* The next touches enter plain mappings. */
			pmap_remove(map->pmap, e->start, e->end);
		}
}

static kern_return_t wire_range(struct vm_map *map, uint64_t start, uint64_t end,
				struct vm_resolved *r)
{
	struct vm_map_entry *e = vm_map_lookup(map, start);

	for (; e != NULL && e->start < end; e = vm_map_next(map, e)) {
		kern_return_t kr = KERN_SUCCESS;

		if (e->wired_count == UINT32_MAX)
			kr = KERN_RESOURCE_SHORTAGE;
		else if (e->wired_count == 0 && !is_device(e))
			kr = wire_entry(map, e, r);
		if (kr != KERN_SUCCESS) {
			unwire_range(map, start, e->start);
			return kr;
		}
		e->wired_count++;
	}
	return KERN_SUCCESS;
}

static kern_return_t wire_locked(struct vm_map *map, uint64_t start, uint64_t end,
				 vm_prot_t protection, struct vm_resolved *r)
{
	kern_return_t kr = vm_map_check_locked(map, start, end, protection, false);

	if (kr == KERN_SUCCESS)
		kr = vm_map_clip_range(map, start, end);
	if (kr != KERN_SUCCESS)
		return kr;
	if (protection == VM_PROT_NONE)
		unwire_range(map, start, end);
	else
		kr = wire_range(map, start, end, r);
	vm_map_simplify_locked(map, start, end);
	return kr;
}

kern_return_t vm_map_wire(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
			  vm_prot_t protection)
{
	struct vm_resolved r;
	uint64_t start, end;
	kern_return_t kr;

	if (protection & ~VM_PROT_ALL)
		return KERN_INVALID_ARGUMENT;
	kr = vm_map_range(map, address, size, &start, &end);
	if (kr != KERN_SUCCESS || start == end)
		return kr;
	do {
		vm_map_lock(map);
		kr = wire_locked(map, start, end, protection, &r);
		vm_map_unlock(map);
		if (kr != VM_OBJECT_WAIT)
			return kr;
		kr = vm_object_wait(&r);
	} while (kr == KERN_SUCCESS);
	return kr;
}

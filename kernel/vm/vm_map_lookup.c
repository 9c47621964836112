/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map_lookup.c - what a fault asks of the map: the entry, made ready, under the lock to read.
 *
 * Interface: vm_map.h vm_map_lookup_fault, vm_map_verify; the preparations are vm_map_internal.h's.
 * An entry that lacks its object, or a shadow for a first write, is made ready by a writer; the lookup upgrades if it is the
 *   only reader, else it begins again as a writer. The version grows with each such change, also of what others see.
 * Locking: map lock -> object locks.
 * References: the shape (look up, unlock, work, verify) is Mach's: Tevanian, "Architecture-Independent Virtual Memory Management ...",
 *   CMU-CS-88-106, ch. 4.
 */
#include "vm_map_internal.h"

kern_return_t vm_map_entry_object(struct vm_map_entry *e)
{
	if (e->object != NULL)
		return KERN_SUCCESS;
	e->object = vm_object_create(e->end - e->start);
	e->offset = 0;
	return e->object == NULL ? KERN_RESOURCE_SHORTAGE : KERN_SUCCESS;
}

kern_return_t vm_map_entry_unshare(struct vm_map_entry *e)
{
	struct vm_object *o;

	if (!e->needs_copy)
		return KERN_SUCCESS;
	if (!vm_object_sole(e->object)) {
		o = vm_object_shadow(e->object, e->offset, e->end - e->start);
		if (o == NULL)
			return KERN_RESOURCE_SHORTAGE;
		e->object = o;
		e->offset = 0;
	}
	e->needs_copy = false;
	return KERN_SUCCESS;
}

bool vm_map_entry_ready(const struct vm_map_entry *e, bool write)
{
	return e->object != NULL && !(write && e->needs_copy);
}

kern_return_t vm_map_entry_prepare(struct vm_map_entry *e, bool write)
{
	kern_return_t kr = vm_map_entry_object(e);

	return kr == KERN_SUCCESS && write ? vm_map_entry_unshare(e) : kr;
}

static kern_return_t find(struct vm_map *map, uint64_t va, vm_prot_t prot, struct vm_map_entry **out)
{
	struct vm_map_entry *e = vm_map_lookup(map, va);

	*out = e;
	if (e == NULL)
		return KERN_INVALID_ADDRESS;
	return prot & ~(vm_prot_t)e->protection ? KERN_PROTECTION_FAILURE : KERN_SUCCESS;
}

static void describe(struct vm_map *map, struct vm_map_entry *e, uint64_t va, struct vm_map_lookup *out)
{
	*out = (struct vm_map_lookup){
		.entry = e,
		.object = e->object,
		.offset = e->offset + (va - e->start),
		.start = e->start,
		.end = e->end,
		.protection = e->needs_copy ? e->protection & ~VM_PROT_WRITE : e->protection,
		.behavior = e->behavior,
		.wired = e->wired_count != 0,
		.version = map->version,
	};
}

kern_return_t vm_map_lookup_fault(struct vm_map *map, uint64_t va, vm_prot_t prot,
				  struct vm_map_lookup *out)
{
	bool write = (prot & VM_PROT_WRITE) != 0;
	struct vm_map_entry *e;
	kern_return_t kr;

	va &= ~PAGE_MASK;
	vm_map_lock_read(map);
	kr = find(map, va, prot, &e);
	if (kr == KERN_SUCCESS && !vm_map_entry_ready(e, write)) {
		if (!rwlock_upgrade(&map->lock)) {
			vm_map_lock(map);
			kr = find(map, va, prot, &e);
		}
		if (kr == KERN_SUCCESS)
			kr = vm_map_entry_prepare(e, write);
		map->version++;
		rwlock_downgrade(&map->lock);
	}
	if (kr != KERN_SUCCESS)
		vm_map_unlock_read(map);
	else
		describe(map, e, va, out);
	return kr;
}

bool vm_map_verify(struct vm_map *map, uint64_t version)
{
	vm_map_lock_read(map);
	if (map->version == version)
		return true;
	vm_map_unlock_read(map);
	return false;
}

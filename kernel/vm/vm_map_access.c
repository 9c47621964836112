/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map_access.c - the kernel reads and writes the memory of any map, through the direct map.
 *
 * Interface: vm_map.h. A page at a time, each with the map held to read; nothing is mapped.
 */
#include <base/string.h>

#include "vm_map_internal.h"

struct piece {
	uint64_t address; /* bytes [address, address + n) of one page */
	size_t n;
	void *dst;        /* NULL: a write */
	const void *src;  /* NULL: a read */
};

/* The map is held to read, and e is ready. */
static kern_return_t access_locked(struct vm_map *map, struct vm_map_entry *e, const struct piece *p,
				   struct vm_resolved *r)
{
	uint64_t in_page = p->address & PAGE_MASK;
	kern_return_t kr;

	kr = vm_map_resolve_locked(e, p->address - in_page,
				   p->src != NULL ? VM_ACCESS_WRITE : VM_ACCESS_PEEK, r);
	if (kr != KERN_SUCCESS)
		return kr;
	if (r->page == NULL) {
		memset(p->dst, 0, p->n);
		return KERN_SUCCESS;
	}
	if (p->src == NULL) {
		memcpy(p->dst, (char *)vm_page_virt(r->page) + in_page, p->n);
	} else {
		memcpy((char *)vm_page_virt(r->page) + in_page, p->src, p->n);
		r->page->dirty = true;
		if (r->copied_up)
			pmap_remove(map->pmap, p->address - in_page, p->address - in_page + PAGE_SIZE);
	}
	spin_unlock(&r->object->lock);
	return KERN_SUCCESS;
}

/* On success the map is held to read. */
static kern_return_t find_entry(struct vm_map *map, const struct piece *p, struct vm_map_entry **e)
{
	struct vm_map_lookup l = { 0 };
	kern_return_t kr = KERN_SUCCESS;

	if (p->src != NULL) {
		kr = vm_map_lookup_fault(map, p->address, VM_PROT_WRITE, &l);
		*e = l.entry;
		return kr;
	}
	vm_map_lock_read(map);
	*e = vm_map_lookup(map, p->address);
	if (*e == NULL)
		kr = KERN_INVALID_ADDRESS;
	else if (((*e)->protection & VM_PROT_READ) == 0)
		kr = KERN_PROTECTION_FAILURE;
	if (kr != KERN_SUCCESS)
		vm_map_unlock_read(map);
	return kr;
}

static kern_return_t access_piece(struct vm_map *map, const struct piece *p)
{
	struct vm_map_entry *e;
	struct vm_resolved r = { .deadline_ns = 0 };
	kern_return_t kr;

	do {
		kr = find_entry(map, p, &e);
		if (kr != KERN_SUCCESS)
			return kr;
		kr = access_locked(map, e, p, &r);
		vm_map_unlock_read(map);
		if (kr != VM_OBJECT_WAIT)
			return kr;
		kr = vm_object_wait(&r);
	} while (kr == KERN_SUCCESS);
	return kr;
}

static kern_return_t access_range(struct vm_map *map, uint64_t address, char *dst, const char *src,
				  size_t size)
{
	uint64_t start, end;
	kern_return_t kr = vm_map_range(map, address, size, &start, &end);

	while (kr == KERN_SUCCESS && size != 0) {
		size_t n = PAGE_SIZE - (address & PAGE_MASK);

		if (n > size)
			n = size;
		kr = access_piece(map, &(struct piece){ address, n, dst, src });
		address += n;
		size -= n;
		dst = dst == NULL ? NULL : dst + n;
		src = src == NULL ? NULL : src + n;
	}
	return kr;
}

kern_return_t vm_map_read_kernel(struct vm_map *map, mach_vm_address_t address, void *dst, size_t size)
{
	return access_range(map, address, dst, NULL, size);
}

kern_return_t vm_map_write_kernel(struct vm_map *map, mach_vm_address_t address, const void *src,
				  size_t size)
{
	return access_range(map, address, NULL, src, size);
}

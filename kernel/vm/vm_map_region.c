/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map_region.c - what a map tells of its regions and pages.
 *
 * Interface: vm_map.h vm_map_region, _extended, _named, vm_map_page_facts, vm_map_is_cached. The map is held to read; chains of objects
 *   are walked hand over hand. What is told was so at one moment, page by page.
 * References: the flavours and their fields, XNU's osfmk/mach/vm_region.h.
 */
#include <mach/vm_statistics.h>
#include <vm/memory_object.h>

#include "vm_map_internal.h"

/* Beyond this only the region's own object is counted, as a whole. */
#define PAGES_COUNTED (1UL << 20)

/* Pages of the objects behind o, which is locked and not on return. */
static uint64_t unlock_and_count_shadows(struct vm_object *o)
{
	uint64_t pages = 0;

	while (o->shadow != NULL) {
		struct vm_object *next = o->shadow;

		spin_lock(&next->lock);
		spin_unlock(&o->lock);
		o = next;
		pages += o->resident;
	}
	spin_unlock(&o->lock);
	return pages;
}

static void region_object(const struct vm_map_entry *e, struct vm_region *out)
{
	struct vm_object *o = e->object;

	spin_lock(&o->lock);
	/* The table of pagers has a reference too, and sees nothing. */
	out->shared = o->device || (o->shared && o->references > 1 + (uint32_t)o->tabled && !e->needs_copy);
	out->copy_on_write = !out->shared && (e->needs_copy || o->shadow != NULL);
	out->references = o->references;
	out->object_pages = o->resident;
	out->external_pager = o->pager != NULL && !o->internal;
	out->needs_copy = e->needs_copy;
	out->shadow_pages = unlock_and_count_shadows(o);
	out->object_id = (uintptr_t)o;
}

static void describe(const struct vm_map_entry *e, struct vm_region *out)
{
	*out = (struct vm_region){
		.address = e->start,
		.size = e->end - e->start,
		.offset = e->offset,
		.protection = e->protection,
		.max_protection = e->max_protection,
		.inheritance = e->inheritance,
		.behavior = e->behavior,
		.tag = e->tag,
		.wired_count = e->wired_count,
	};
	if (e->object != NULL)
		region_object(e, out);
}

static bool paged_out_locked(const struct vm_object *o, uint64_t offset)
{
	uint64_t page = offset >> PAGE_SHIFT;

	return o->paged_out != NULL && offset < o->size && ((o->paged_out[page / 64] >> (page % 64)) & 1);
}

static int disposition_locked(const struct vm_object *o, struct vm_page *p)
{
	int d = VM_PAGE_QUERY_PAGE_PRESENT;

	if (p->fictitious)
		d |= VM_PAGE_QUERY_PAGE_FICTITIOUS;
	else if (pmap_is_referenced(p))
		d |= VM_PAGE_QUERY_PAGE_REF;
	if (p->dirty || (!p->fictitious && pmap_is_modified(p)))
		d |= VM_PAGE_QUERY_PAGE_DIRTY;
	if (o->pager != NULL && !o->internal)
		d |= VM_PAGE_QUERY_PAGE_EXTERNAL;
	return d;
}

/* Down the chain to the object that has the page, or had it when it was paged out. */
static void page_facts(struct vm_object *o, uint64_t offset, struct vm_page_facts *out)
{
	uint32_t depth = 0;

	spin_lock(&o->lock);
	for (;;) {
		struct vm_page *p = vm_object_page_lookup_locked(o, offset);
		struct vm_object *next = o->shadow;

		if (p != NULL && !p->absent)
			out->disposition = disposition_locked(o, p);
		else if (paged_out_locked(o, offset))
			out->disposition = VM_PAGE_QUERY_PAGE_PAGED_OUT;
		if (out->disposition != 0 || next == NULL)
			break;
		spin_lock(&next->lock);
		offset += o->shadow_offset;
		spin_unlock(&o->lock);
		o = next;
		depth++;
	}
	*out = (struct vm_page_facts){ out->disposition, o->references, depth, (uintptr_t)o, offset };
	spin_unlock(&o->lock);
}

static void entry_page_facts(const struct vm_map_entry *e, uint64_t va, struct vm_page_facts *out)
{
	*out = (struct vm_page_facts){ 0 };
	if (e->object == NULL)
		return;
	if (e->object->device) {
		out->disposition = VM_PAGE_QUERY_PAGE_PRESENT;
		out->object_id = (uintptr_t)e->object;
		out->offset = e->offset + (va - e->start);
		return;
	}
	page_facts(e->object, e->offset + (va - e->start), out);
	if (out->disposition != 0 && (out->depth != 0 || e->needs_copy))
		out->disposition |= VM_PAGE_QUERY_PAGE_COPIED;
}

static uint32_t chain_depth(struct vm_object *o)
{
	uint32_t depth = 0;

	spin_lock(&o->lock);
	while (o->shadow != NULL) {
		struct vm_object *next = o->shadow;

		spin_lock(&next->lock);
		spin_unlock(&o->lock);
		o = next;
		depth++;
	}
	spin_unlock(&o->lock);
	return depth;
}

static void count_pages(const struct vm_map_entry *e, struct vm_region *out)
{
	struct vm_page_facts f;

	out->shadow_depth = chain_depth(e->object);
	if ((e->end - e->start) >> PAGE_SHIFT > PAGES_COUNTED) {
		out->resident = out->private_resident = out->object_pages;
		return;
	}
	for (uint64_t va = e->start; va < e->end; va += PAGE_SIZE) {
		entry_page_facts(e, va, &f);
		out->resident += (f.disposition & VM_PAGE_QUERY_PAGE_PRESENT) != 0;
		out->private_resident += (f.disposition & (VM_PAGE_QUERY_PAGE_PRESENT | VM_PAGE_QUERY_PAGE_COPIED)) ==
					 VM_PAGE_QUERY_PAGE_PRESENT;
		out->dirty += (f.disposition & VM_PAGE_QUERY_PAGE_DIRTY) != 0;
		out->paged_out += (f.disposition & VM_PAGE_QUERY_PAGE_PAGED_OUT) != 0;
	}
}

/* The object at the end of o's chain; +1. */
static struct vm_object *bottom_of(struct vm_object *o)
{
	spin_lock(&o->lock);
	while (o->shadow != NULL) {
		struct vm_object *next = o->shadow;

		spin_lock(&next->lock);
		spin_unlock(&o->lock);
		o = next;
	}
	o->references++;
	spin_unlock(&o->lock);
	return o;
}

static struct ipc_port *name_of(const struct vm_map_entry *e)
{
	struct vm_object *o = e->object == NULL ? NULL : bottom_of(e->object);
	struct ipc_port *name = o == NULL || o->internal ? NULL : vm_object_name_port(o);

	vm_object_deallocate(o);
	return name;
}

static kern_return_t region(struct vm_map *map, mach_vm_address_t address, bool count, bool name, struct vm_region *out)
{
	struct vm_map_entry *e;

	vm_map_lock_read(map);
	e = vm_map_lookup_after(map, address);
	if (e != NULL) {
		describe(e, out);
		if (count && e->object != NULL && !e->object->device)
			count_pages(e, out);
		if (name)
			out->object_name = name_of(e);
	}
	vm_map_unlock_read(map);
	return e == NULL ? KERN_INVALID_ADDRESS : KERN_SUCCESS;
}

kern_return_t vm_map_region(struct vm_map *map, mach_vm_address_t address, struct vm_region *out)
{
	return region(map, address, false, false, out);
}

kern_return_t vm_map_region_extended(struct vm_map *map, mach_vm_address_t address,
				     struct vm_region *out)
{
	return region(map, address, true, false, out);
}

kern_return_t vm_map_region_named(struct vm_map *map, mach_vm_address_t address, bool extended, struct vm_region *out)
{
	return region(map, address, extended, true, out);
}

kern_return_t vm_map_page_facts(struct vm_map *map, mach_vm_address_t address,
				struct vm_page_facts *out)
{
	struct vm_map_entry *e;

	address &= ~PAGE_MASK;
	*out = (struct vm_page_facts){ 0 };
	if (address < map->min || address >= map->max)
		return KERN_INVALID_ADDRESS;
	vm_map_lock_read(map);
	e = vm_map_lookup(map, address);
	if (e != NULL)
		entry_page_facts(e, address, out);
	vm_map_unlock_read(map);
	return KERN_SUCCESS;
}

bool vm_map_is_cached(struct vm_map *map, mach_vm_address_t address)
{
	struct vm_map_entry *e;
	bool cached;

	vm_map_lock_read(map);
	e = vm_map_lookup(map, address);
	cached = e == NULL || e->object == NULL || !e->object->device || e->object->cache == PMAP_CACHED;
	vm_map_unlock_read(map);
	return cached;
}

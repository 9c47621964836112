/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map_wire.c - wiring: pages that are resident and stay mapped.
 *
 * Interface: vm_map.h vm_map_wire (M4). A range is wired a chunk at a time, each under one hold of the map's lock to
 *   write; between chunks others have their turn. If a chunk fails, what was done is undone. If a page must be waited
 *   for, its chunk is undone, waits, and begins again. Wired pages are the top object's own, whatever the protection, so
 *   that no copy-on-write ever puts another page in their place.
 * Limit: users may wire WIRED_SHARE of the frames, together; the rest is for faults and the kernel.
 */
#include "vm_map_internal.h"

#define CHUNK_BYTES (64 * PAGE_SIZE)
#define WIRED_SHARE(total) ((total) / 4 * 3)

static _Atomic uint64_t wired_pages;

uint64_t vm_map_wired_pages(void)
{
	return atomic_load_explicit(&wired_pages, memory_order_relaxed);
}

uint64_t vm_map_wired_limit(void)
{
	return WIRED_SHARE(vm_page_total_count());
}

static uint64_t pages_of(const struct vm_map_entry *e)
{
	return (e->end - e->start) >> PAGE_SHIFT;
}

/* Room for that many more? Then they are counted. */
static bool wired_add(uint64_t pages)
{
	uint64_t before = atomic_fetch_add_explicit(&wired_pages, pages, memory_order_relaxed);

	if (before + pages <= vm_map_wired_limit())
		return true;
	atomic_fetch_sub_explicit(&wired_pages, pages, memory_order_relaxed);
	return false;
}

/* The page of va, which is resident. */
static struct vm_resolved resident_page(struct vm_map_entry *e, uint64_t va)
{
	struct vm_resolved r = { .deadline_ns = 0 };
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

static bool is_device(const struct vm_map_entry *e)
{
	return e->object != NULL && e->object->device;
}

void vm_map_entry_unwire(struct vm_map_entry *e)
{
	if (!is_device(e)) {
		unwire_pages(e, e->end);
		atomic_fetch_sub_explicit(&wired_pages, pages_of(e), memory_order_relaxed);
	}
	e->wired_count = 0;
}

/*
 * The page of va to be wired: the top object's own. Of memory that may be written it is had as for a write, so that nothing need be
 * copied later. Of a pager's memory that may not, no more than reading is asked of the pager; but where the page is another object's,
 * or has yet to be pushed to a copy, it is made the top's, which leaves it where it is from then on.
 */
static kern_return_t page_to_wire(struct vm_map_entry *e, uint64_t va, struct vm_resolved *r)
{
	kern_return_t kr;

	if ((e->protection & VM_PROT_WRITE) != 0 || e->needs_copy || e->object == NULL || e->object->internal)
		return vm_map_resolve_locked(e, va, VM_ACCESS_WRITE, r);
	kr = vm_map_resolve_locked(e, va, e->protection & VM_PROT_EXECUTE ? VM_ACCESS_EXECUTE : VM_ACCESS_READ, r);
	if (kr != KERN_SUCCESS || (r->in_top && !r->read_only))
		return kr;
	spin_unlock(&r->object->lock);
	return vm_map_resolve_locked(e, va, VM_ACCESS_WRITE, r);
}

/* Wire the pages of e, which is not wired; on failure none of them is. */
static kern_return_t wire_entry(struct vm_map *map, struct vm_map_entry *e, struct vm_resolved *r)
{
	if (!wired_add(pages_of(e)))
		return KERN_RESOURCE_SHORTAGE;
	for (uint64_t va = e->start; va < e->end; va += PAGE_SIZE) {
		kern_return_t kr = page_to_wire(e, va, r);

		if (kr == KERN_SUCCESS) {
			kr = vm_map_enter_page_locked(map, e, va, r, true);
			if (kr == KERN_SUCCESS)
				vm_page_wire_locked(r->page);
			spin_unlock(&r->object->lock);
		}
		if (kr != KERN_SUCCESS) {
			unwire_pages(e, va);
			atomic_fetch_sub_explicit(&wired_pages, pages_of(e), memory_order_relaxed);
			return kr;
		}
	}
	return KERN_SUCCESS;
}

/* Holes, which may have come since the range was wired, are skipped. */
static void unwire_range(struct vm_map *map, uint64_t start, uint64_t end)
{
	struct vm_map_entry *e = vm_map_lookup_after(map, start);

	for (; e != NULL && e->start < end; e = vm_map_next(map, e)) {
		if (e->wired_count == 0 || --e->wired_count != 0)
			continue;
		vm_map_entry_unwire(e);
		if (!is_device(e))
			vm_map_unmap(map, e->start, e->end); /* the next touches enter plain mappings */
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
	/* Also with what was wired before this chunk: the entries join again. */
	vm_map_simplify_locked(map, start, end);
	return kr;
}

static kern_return_t wire_chunk(struct vm_map *map, uint64_t start, uint64_t end, vm_prot_t protection)
{
	struct vm_resolved r = { .deadline_ns = 0 };
	kern_return_t kr;

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

static void undo(struct vm_map *map, uint64_t start, uint64_t end)
{
	for (uint64_t at = start; at < end; at += CHUNK_BYTES) {
		uint64_t stop = end - at < CHUNK_BYTES ? end : at + CHUNK_BYTES;

		vm_map_lock(map);
		/* Clipped when it was wired; if others joined and split it since, that may need memory: then it stays wired. */
		if (vm_map_clip_range(map, at, stop) == KERN_SUCCESS)
			unwire_range(map, at, stop);
		vm_map_simplify_locked(map, at, stop);
		vm_map_unlock(map);
	}
}

/* Where the next wired memory from at on begins; end: there is none. Huge ranges are mostly not. */
static uint64_t next_wired(struct vm_map *map, uint64_t at, uint64_t end)
{
	struct vm_map_entry *e;

	vm_map_lock_read(map);
	e = vm_map_lookup_after(map, at);
	while (e != NULL && e->start < end && e->wired_count == 0)
		e = vm_map_next(map, e);
	if (e == NULL || e->start >= end)
		at = end;
	else if (e->start > at)
		at = e->start;
	vm_map_unlock_read(map);
	return at;
}

kern_return_t vm_map_wire(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
			  vm_prot_t protection)
{
	uint64_t start, end;
	kern_return_t kr;

	if (protection & ~VM_PROT_ALL)
		return KERN_INVALID_ARGUMENT;
	kr = vm_map_range(map, address, size, &start, &end);
	if (kr != KERN_SUCCESS || start == end)
		return kr;
	kr = vm_map_check(map, start, end - start, protection);
	for (uint64_t at = start; at < end && kr == KERN_SUCCESS; at += CHUNK_BYTES) {
		if (protection == VM_PROT_NONE && (at = next_wired(map, at, end)) == end)
			break;
		kr = wire_chunk(map, at, end - at < CHUNK_BYTES ? end : at + CHUNK_BYTES, protection);
		if (kr != KERN_SUCCESS && protection != VM_PROT_NONE)
			undo(map, start, at);
	}
	return kr;
}

kern_return_t vm_map_wire_if_asked(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size)
{
	kern_return_t kr;

	if (!map->wire_new)
		return KERN_SUCCESS;
	kr = vm_map_wire(map, address, size, VM_PROT_READ);
	if (kr != KERN_SUCCESS)
		(void)vm_map_remove(map, address, size);
	return kr;
}

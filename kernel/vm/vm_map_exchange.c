/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map_exchange.c - pages that change owner between two maps: no copy, no copy-on-write, no map entry changes.
 *
 * Interface: vm_map_copy.h. The frames go from the sender's object to an object that only the copy has, and from there
 *   to the receiver's. At each step a frame has one owner, which is looked at before it is moved (page->object and
 *   offset, vm_page.h's PAGE_OWNER_OBJECT), and no mapping.
 * Invariants: X1 a range's map is held to write over its whole exchange, so that no fault of it finds a page gone that
 *   is given back on an error; X2 what left an object must not come back from below it: where a shadow or a pager could
 *   show older bytes, a page of zeros takes the place.
 * Locking: map -> the map's object -> the copy's object (nobody else knows it).
 * After: the design notes on page exchange in docs/why/2026-11-20-page-exchange.md.
 */
#include <vm/vm_map_copy.h>

#include <base/string.h>
#include <kern/assert.h>

#include "vm_map_copy_internal.h"
#include "vm_object_internal.h"

/* Is e memory that only its map has, and that may lose pages? e's map is held. */
static bool exclusive(const struct vm_map_entry *e)
{
	const vm_prot_t both = VM_PROT_READ | VM_PROT_WRITE;
	struct vm_object *o = e->object;
	bool ok;

	if ((e->protection & both) != both || e->wired_count != 0)
		return false;
	if (o == NULL || e->needs_copy)
		return true;
	spin_lock(&o->lock);
	ok = !o->device && o->internal && o->copy == NULL && (!o->shared || o->references == 1);
	spin_unlock(&o->lock);
	return ok;
}

/* [start, end) is mapped without a hole by such memory. */
static kern_return_t check_locked(struct vm_map *map, uint64_t start, uint64_t end)
{
	kern_return_t kr = vm_map_check_locked(map, start, end, VM_PROT_READ | VM_PROT_WRITE, false);

	for (struct vm_map_entry *e = vm_map_lookup(map, start); kr == KERN_SUCCESS && e != NULL && e->start < end;
	     e = vm_map_next(map, e))
		if (!exclusive(e))
			kr = KERN_PROTECTION_FAILURE;
	return kr;
}

static bool whole_pages(uint64_t address, uint64_t size)
{
	return (address & PAGE_MASK) == 0 && (size & PAGE_MASK) == 0;
}

/* Nothing of o, locked, at offset: may older bytes show through? */
static bool needs_zeros(const struct vm_object *o)
{
	return o->shadow != NULL || o->pager != NULL || o->paged_out != NULL;
}

/* ---- out of the sender's objects ---- */

/* What a taken page left: X2. o is locked; *zero is used up if it is needed. */
static void vacate(struct vm_object *o, uint64_t offset, struct vm_page **zero)
{
	if (!needs_zeros(o))
		return;
	(*zero)->dirty = true;
	vm_object_page_insert_locked(o, *zero, offset);
	*zero = NULL;
}

/* The page of va, if it was ever written, goes to `to` at offset at. As vm_object_resolve for errors and waits. */
static kern_return_t take_page(struct vm_map_entry *e, uint64_t va, struct vm_object *to, uint64_t at,
			       struct vm_page **zero, struct vm_resolved *r)
{
	kern_return_t kr = vm_map_resolve_locked(e, va, VM_ACCESS_PEEK, r);
	struct vm_object *o;
	uint64_t offset;

	if (kr != KERN_SUCCESS || r->page == NULL)
		return kr;
	spin_unlock(&r->object->lock);
	kr = vm_map_resolve_locked(e, va, VM_ACCESS_WRITE, r);
	if (kr != KERN_SUCCESS)
		return kr;
	o = r->object;
	offset = r->page->offset;
	VERIFY(r->in_top && o == e->object && r->page->object == o);
	if (r->page->wire_count != 0 || r->page->precious || (*zero == NULL && needs_zeros(o))) {
		kr = r->page->wire_count != 0 || r->page->precious ? KERN_PROTECTION_FAILURE : KERN_RESOURCE_SHORTAGE;
	} else {
		spin_lock(&to->lock);
		vm_object_page_move_locked(to, r->page, at);
		r->page->dirty = true;
		spin_unlock(&to->lock);
		vacate(o, offset, zero);
	}
	spin_unlock(&o->lock);
	return kr;
}

/* An error after some pages of [start, end) went to `from`: they go back to where they were. X1 */
static void give_back(struct vm_map *map, uint64_t start, uint64_t end, struct vm_object *from)
{
	for (uint64_t va = start; va < end; va += PAGE_SIZE) {
		struct vm_map_entry *e = vm_map_lookup(map, va);
		uint64_t offset = e->offset + (va - e->start);
		struct vm_page *p, *zero;

		if (e->object == NULL)
			continue;
		spin_lock(&e->object->lock);
		spin_lock(&from->lock);
		p = vm_object_page_lookup_locked(from, va - start);
		if (p != NULL) {
			zero = vm_object_page_lookup_locked(e->object, offset);
			if (zero != NULL)
				vm_object_page_free_locked(e->object, zero);
			vm_object_page_move_locked(e->object, p, offset);
		}
		spin_unlock(&from->lock);
		spin_unlock(&e->object->lock);
	}
}

static kern_return_t take_range_locked(struct vm_map *map, uint64_t start, uint64_t end, struct vm_object *to,
				       struct vm_resolved *r)
{
	kern_return_t kr = check_locked(map, start, end);
	struct vm_page *zero = NULL;
	uint64_t va;

	if (kr == KERN_SUCCESS)
		pmap_remove(map->pmap, start, end); /* also of pages below that were mapped to be read */
	for (va = start; kr == KERN_SUCCESS && va < end; va += PAGE_SIZE) {
		struct vm_map_entry *e = vm_map_lookup(map, va);

		if (zero == NULL && e->object != NULL)
			zero = vm_page_grab_zeroed();
		kr = take_page(e, va, to, va - start, &zero, r);
	}
	if (kr != KERN_SUCCESS && va > start)
		give_back(map, start, va, to);
	if (zero != NULL)
		vm_page_release(zero);
	return kr;
}

kern_return_t vm_map_exchange_in(struct vm_map *map, mach_vm_address_t addr, mach_vm_size_t size,
				 struct vm_map_copy **out)
{
	struct vm_map_copy *copy;
	struct vm_map_entry *e;
	struct vm_resolved r;
	uint64_t start, end;
	kern_return_t kr = vm_map_range(map, addr, size, &start, &end);

	*out = NULL;
	if (kr == KERN_SUCCESS && !whole_pages(addr, size))
		kr = KERN_INVALID_ARGUMENT;
	if (kr != KERN_SUCCESS || size == 0)
		return kr;
	copy = vm_map_copy_new(addr, size);
	e = copy != NULL ? vm_map_copy_entry_new(0, size) : NULL;
	if (e == NULL) {
		vm_map_copy_discard(copy);
		return KERN_RESOURCE_SHORTAGE;
	}
	list_add_tail(&copy->entries, &e->link);
	do {
		vm_map_lock(map);
		kr = take_range_locked(map, start, end, e->object, &r);
		vm_map_unlock(map);
	} while (kr == VM_OBJECT_WAIT && (kr = vm_object_wait(&r)) == KERN_SUCCESS && (kr = VM_OBJECT_WAIT));
	if (kr != KERN_SUCCESS)
		vm_map_copy_discard(copy);
	else
		*out = copy;
	return kr;
}

/* ---- into the receiver's ---- */

/* The object that alone has the copy's pages, or NULL: it is not such a copy. */
static struct vm_object *sole_object(struct vm_map_copy *copy)
{
	struct vm_map_entry *e = list_first(&copy->entries, struct vm_map_entry, link);
	struct vm_object *o = e->object;
	bool ok;

	if (!whole_pages(copy->first, copy->size) || e->end != copy->size || o == NULL || e->needs_copy || e->offset != 0)
		return NULL;
	spin_lock(&o->lock);
	ok = o->references == 1 && o->internal && !needs_zeros(o);
	spin_unlock(&o->lock);
	return ok ? o : NULL;
}

/* What must be there before a page can be put at va: an object of the map's own, a page of zeros if one is needed. */
static kern_return_t put_prepare(struct vm_map_entry *e, struct vm_page **zero)
{
	kern_return_t kr = e->object == NULL ? vm_map_entry_object(e) : vm_map_entry_unshare(e);

	if (kr == KERN_SUCCESS && *zero == NULL)
		*zero = vm_page_grab_zeroed();
	return kr == KERN_SUCCESS && *zero == NULL ? KERN_RESOURCE_SHORTAGE : kr;
}

/* Can the page of offset in o, locked, be thrown away now? If not, r says what to wait for. */
static kern_return_t may_drop(struct vm_object *o, const struct vm_page *old, struct vm_resolved *r)
{
	if (old == NULL || (!old->busy && old->wire_count == 0))
		return KERN_SUCCESS;
	if (!old->busy)
		return KERN_PROTECTION_FAILURE;
	VERIFY(o->references != 0);
	o->references++; /* for the wait */
	((struct vm_page *)(uintptr_t)old)->wanted = true;
	*r = (struct vm_resolved){ .object = o, .offset = old->offset };
	return VM_OBJECT_WAIT;
}

/* The page of `from` at offset at, or zeros, takes the place of e's page of va. */
static kern_return_t put_page(struct vm_map *map, struct vm_map_entry *e, uint64_t va, struct vm_object *from,
			      uint64_t at, struct vm_page **zero, struct vm_resolved *r)
{
	uint64_t offset = e->offset + (va - e->start);
	struct vm_object *o = e->object;
	struct vm_page *old, *p;
	kern_return_t kr;

	spin_lock(&o->lock);
	old = vm_object_page_lookup_locked(o, offset);
	kr = may_drop(o, old, r);
	if (kr != KERN_SUCCESS) {
		spin_unlock(&o->lock);
		return kr;
	}
	if (old != NULL)
		vm_object_page_free_locked(o, old);
	spin_lock(&from->lock);
	p = vm_object_page_lookup_locked(from, at);
	if (p != NULL) {
		VERIFY(p->object == from && p->offset == at && p->wire_count == 0 && !p->busy);
		vm_object_page_move_locked(o, p, offset);
	}
	spin_unlock(&from->lock);
	if (p == NULL) {
		vacate(o, offset, zero);
	} else {
		*r = (struct vm_resolved){ .object = o, .page = p, .offset = offset, .in_top = true };
		(void)vm_map_enter_page_locked(map, e, va, r, false); /* if not, the first touch will */
	}
	spin_unlock(&o->lock);
	return KERN_SUCCESS;
}

/* *done pages are there already: a wait goes on where it was. */
static kern_return_t put_range_locked(struct vm_map *map, uint64_t start, uint64_t end, struct vm_object *from,
				      uint64_t *done, struct vm_resolved *r)
{
	kern_return_t kr = check_locked(map, start, end);
	struct vm_page *zero = NULL;

	for (uint64_t va = start; kr == KERN_SUCCESS && *done == 0 && va < end; va += PAGE_SIZE)
		kr = put_prepare(vm_map_lookup(map, va), &zero); /* all that can fail, first */
	if (kr == KERN_SUCCESS)
		pmap_remove(map->pmap, start, end);
	while (kr == KERN_SUCCESS && start + *done < end) {
		uint64_t va = start + *done;
		struct vm_map_entry *e = vm_map_lookup(map, va);

		kr = put_prepare(e, &zero);
		if (kr == KERN_SUCCESS)
			kr = put_page(map, e, va, from, *done, &zero, r);
		if (kr == KERN_SUCCESS)
			*done += PAGE_SIZE;
	}
	if (zero != NULL)
		vm_page_release(zero);
	return kr;
}

kern_return_t vm_map_exchange_out(struct vm_map *map, mach_vm_address_t addr, struct vm_map_copy *copy)
{
	struct vm_object *from;
	struct vm_resolved r;
	uint64_t start, end, done = 0;
	kern_return_t kr;

	if (copy == NULL)
		return KERN_SUCCESS;
	vm_map_copy_unwire(copy);
	from = sole_object(copy);
	if (from == NULL)
		return KERN_NOT_SUPPORTED;
	kr = vm_map_range(map, addr, copy->size, &start, &end);
	if (kr == KERN_SUCCESS && !whole_pages(addr, copy->size))
		kr = KERN_INVALID_ARGUMENT;
	if (kr != KERN_SUCCESS)
		return kr;
	do {
		vm_map_lock(map);
		kr = put_range_locked(map, start, end, from, &done, &r);
		vm_map_unlock(map);
	} while (kr == VM_OBJECT_WAIT && (kr = vm_object_wait(&r)) == KERN_SUCCESS && (kr = VM_OBJECT_WAIT));
	if (kr == KERN_SUCCESS)
		vm_map_copy_discard(copy);
	return kr;
}

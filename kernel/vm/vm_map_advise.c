/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map_advise.c - what users say of memory: needed soon, not needed, to be written back, purgable.
 *
 * Interface: vm_map.h vm_map_advise, vm_map_sync, vm_map_purgable_control.
 * Each walks its range region by region: look up with the map held to read, take a reference on the object, work with the
 *   map free. So a long range keeps nobody out, and a region that changes meanwhile is met in its new state.
 * What is given up (FREE, REUSABLE, ZERO) of private memory loses its object: the entry is as fresh as after
 *   vm_allocate. Shared and wired memory is zeroed by writing (ZERO), or left alone (it was only advice).
 * References: XNU's mach_vm_behavior_set and mach_vm_msync for the flags and errors.
 */
#include <base/string.h>
#include <kern/thread.h>
#include <mach/vm_purgable.h>
#include <mach/vm_sync.h>
#include <vm/memory_object.h>
#include <vm/vm_purgable.h>

#include "vm_map_internal.h"
#include "vm_object_internal.h"

#define WILLNEED_PAGES 256U /* asked for by one call */

/* One region of a range. */
struct stretch {
	struct vm_object *object;  /* +1, or NULL */
	uint64_t offset;           /* of address in object */
	uint64_t address, bytes;
	uint8_t behavior;
	bool writable;
};

static void stretch_end(struct stretch *s)
{
	vm_object_deallocate(s->object);
	s->object = NULL;
}

/* The next region of [*at, end), which then begins after it; false: no more. *hole: something before it was not mapped. */
static bool next_stretch(struct vm_map *map, uint64_t *at, uint64_t end, struct stretch *s, bool *hole)
{
	struct vm_map_entry *e;
	bool found;

	if (*at >= end)
		return false;
	vm_map_lock_read(map);
	e = vm_map_lookup_after(map, *at);
	found = e != NULL && e->start < end;
	*hole |= !found || e->start > *at;
	if (found) {
		s->address = e->start > *at ? e->start : *at;
		s->bytes = (e->end < end ? e->end : end) - s->address;
		s->object = e->object;
		s->offset = e->offset + (s->address - e->start);
		s->behavior = e->behavior;
		s->writable = (e->protection & VM_PROT_WRITE) != 0 && !e->needs_copy;
		if (e->object != NULL)
			vm_object_reference(e->object);
		*at = s->address + s->bytes;
	}
	vm_map_unlock_read(map);
	return found;
}

/* ---- write back ---- */

static kern_return_t give_up(struct vm_map *map, uint64_t start, uint64_t end, bool must_zero);
static void deactivate(const struct stretch *s);

static kern_return_t sync_stretch(struct vm_map *map, const struct stretch *s, unsigned flags)
{
	kern_return_t kr = KERN_SUCCESS;

	if (s->object == NULL || s->object->device)
		return KERN_SUCCESS;
	if (flags & VM_SYNC_DEACTIVATE)
		deactivate(s);
	if (flags & (VM_SYNC_KILLPAGES | VM_SYNC_REUSABLEPAGES))
		kr = give_up(map, s->address, s->address + s->bytes, false);
	if (kr == KERN_SUCCESS && (flags & (VM_SYNC_SYNCHRONOUS | VM_SYNC_ASYNCHRONOUS | VM_SYNC_INVALIDATE)))
		kr = vm_object_sync(s->object, s->offset, s->bytes, flags, s->writable);
	return kr;
}

kern_return_t vm_map_sync(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
			  unsigned flags)
{
	struct stretch s;
	uint64_t at, end;
	bool hole = false;
	kern_return_t kr;

	if ((flags & ~VM_SYNC_ALL) != 0 ||
	    (flags & (VM_SYNC_SYNCHRONOUS | VM_SYNC_ASYNCHRONOUS)) == (VM_SYNC_SYNCHRONOUS | VM_SYNC_ASYNCHRONOUS))
		return KERN_INVALID_ARGUMENT;
	kr = vm_map_range(map, address, size, &at, &end);
	while (kr == KERN_SUCCESS && next_stretch(map, &at, end, &s, &hole)) {
		kr = sync_stretch(map, &s, flags);
		stretch_end(&s);
	}
	return kr == KERN_SUCCESS && hole && (flags & VM_SYNC_CONTIGUOUS) ? KERN_INVALID_ADDRESS : kr;
}

/* ---- advice ---- */

/* Ask for what is not here, and wait for nothing. */
static void will_need(const struct stretch *s, unsigned *budget)
{
	if (s->object == NULL || s->object->device)
		return;
	for (uint64_t done = 0; done < s->bytes && *budget != 0; done += PAGE_SIZE, --*budget) {
		struct vm_resolved r = { .behavior = s->behavior };
		kern_return_t kr = vm_object_resolve(s->object, s->offset + done, VM_ACCESS_PEEK, &r);

		if (kr == VM_OBJECT_WAIT)
			vm_object_prefetch(&r);
		else if (kr == KERN_SUCCESS && r.page != NULL)
			spin_unlock(&r.object->lock);
	}
}

/* Some pages of the walk; false: no more. */
static bool deactivate_some_locked(struct vm_object *o, struct vm_object_walk *w)
{
	for (unsigned n = 0; n < VM_OBJECT_WALK_PAGES; n++) {
		struct vm_page *p = vm_object_walk_next_locked(o, w);

		if (p == NULL)
			return !w->done;
		if (p->busy || p->fictitious || p->wire_count != 0)
			continue;
		pmap_clear_reference(p);
		vm_page_deactivate_locked(p);
	}
	return true;
}

/* Whoever looks for pages to page out finds these unused. */
static void deactivate(const struct stretch *s)
{
	struct vm_object *o = s->object;
	struct vm_object_walk w;

	if (o == NULL || o->device)
		return;
	spin_lock(&o->lock);
	vm_object_walk_begin_locked(o, &w, s->offset, s->offset + s->bytes);
	while (deactivate_some_locked(o, &w)) {
		spin_unlock(&o->lock);
		spin_lock(&o->lock);
	}
	spin_unlock(&o->lock);
}

/* May e's pages just go, because nobody else sees them and no pager of a user has them? */
static bool may_give_up(const struct vm_map_entry *e)
{
	struct vm_object *o = e->object;
	bool ok;

	if (o == NULL || e->wired_count != 0)
		return o == NULL;
	spin_lock(&o->lock);
	ok = !o->device && !o->purgable && o->internal && (e->needs_copy || !o->shared || o->references == 1);
	spin_unlock(&o->lock);
	return ok && (e->protection & VM_PROT_WRITE) != 0;
}

/* Entries that may lose their object do. *rest: some may not. */
static kern_return_t forget_objects(struct vm_map *map, uint64_t start, uint64_t end, bool *rest)
{
	struct vm_map_entry *e, *fresh;
	kern_return_t kr = vm_map_clip_range(map, start, end);

	if (kr != KERN_SUCCESS)
		return kr;
	for (e = vm_map_lookup_after(map, start); e != NULL && e->start < end; e = vm_map_next(map, e)) {
		if (!may_give_up(e)) {
			*rest = true;
			continue;
		}
		if (e->object == NULL)
			continue;
		fresh = vm_map_entry_alloc();
		if (fresh == NULL)
			return KERN_RESOURCE_SHORTAGE;
		fresh->start = e->start;
		fresh->end = e->end;
		vm_map_entry_like(fresh, e);
		vm_map_remove_locked(map, e->start, e->end);
		vm_map_tree_insert(map, fresh);
		e = fresh;
	}
	vm_map_simplify_locked(map, start, end);
	return KERN_SUCCESS;
}

static kern_return_t zero_by_writing(struct vm_map *map, uint64_t start, uint64_t end)
{
	struct vm_page *zeros = vm_page_grab_zeroed();
	kern_return_t kr = KERN_SUCCESS;

	if (zeros == NULL)
		return KERN_RESOURCE_SHORTAGE;
	for (uint64_t at = start; at < end && kr == KERN_SUCCESS; at += PAGE_SIZE)
		kr = thread_is_broken() ? KERN_ABORTED : vm_map_write_kernel(map, at, vm_page_virt(zeros), PAGE_SIZE);
	vm_page_release(zeros);
	return kr;
}

static kern_return_t give_up(struct vm_map *map, uint64_t start, uint64_t end, bool must_zero)
{
	bool rest = false;
	kern_return_t kr;

	vm_map_lock(map);
	kr = forget_objects(map, start, end, &rest);
	vm_map_unlock(map);
	return kr == KERN_SUCCESS && rest && must_zero ? zero_by_writing(map, start, end) : kr;
}

static kern_return_t can_reuse(struct vm_map *map, uint64_t start, uint64_t end)
{
	kern_return_t kr = KERN_SUCCESS;
	struct vm_map_entry *e;

	vm_map_lock_read(map);
	for (e = vm_map_lookup(map, start); e != NULL && e->start < end; e = vm_map_next(map, e))
		if (!may_give_up(e))
			kr = KERN_FAILURE;
	vm_map_unlock_read(map);
	return kr;
}

kern_return_t vm_map_advise(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
			    vm_behavior_t behavior)
{
	unsigned budget = WILLNEED_PAGES;
	struct stretch s;
	uint64_t start, end, at;
	bool hole = false;
	kern_return_t kr;

	if (behavior < VM_BEHAVIOR_WILLNEED || behavior > VM_BEHAVIOR_ZERO)
		return KERN_INVALID_ARGUMENT;
	kr = vm_map_range(map, address, size, &start, &end);
	if (kr == KERN_SUCCESS && start != end)
		kr = vm_map_check(map, start, end - start, VM_PROT_NONE);
	if (kr != KERN_SUCCESS || start == end)
		return kr;
	switch (behavior) {
	case VM_BEHAVIOR_FREE:
	case VM_BEHAVIOR_REUSABLE:
	case VM_BEHAVIOR_ZERO:
		/* Whole pages only: the rest of a page holds other bytes. */
		start = (address + PAGE_MASK) & ~PAGE_MASK;
		end = (address + size) & ~PAGE_MASK;
		return start < end ? give_up(map, start, end, behavior == VM_BEHAVIOR_ZERO) : KERN_SUCCESS;
	case VM_BEHAVIOR_CAN_REUSE:
		return can_reuse(map, start, end);
	case VM_BEHAVIOR_REUSE:
	case VM_BEHAVIOR_ZERO_WIRED_PAGES: /* frames are never seen again before they were overwritten */
		return KERN_SUCCESS;
	default:
		break;
	}
	for (at = start; next_stretch(map, &at, end, &s, &hole); stretch_end(&s)) {
		if (behavior == VM_BEHAVIOR_WILLNEED)
			will_need(&s, &budget);
		else
			deactivate(&s);
	}
	return KERN_SUCCESS;
}

/* ---- purgable memory ---- */

/* The purgable object at address; +1. */
static kern_return_t purgable_object(struct vm_map *map, mach_vm_address_t address, struct vm_object **out)
{
	struct vm_map_entry *e;
	kern_return_t kr = KERN_SUCCESS;

	vm_map_lock_read(map);
	e = vm_map_lookup(map, address);
	if (e == NULL)
		kr = KERN_INVALID_ADDRESS;
	else if ((e->protection & VM_PROT_WRITE) == 0)
		kr = KERN_PROTECTION_FAILURE;
	else if (e->object == NULL || !e->object->purgable)
		kr = KERN_INVALID_ARGUMENT;
	if (kr == KERN_SUCCESS) {
		*out = e->object;
		vm_object_reference(e->object);
	}
	vm_map_unlock_read(map);
	return kr;
}

kern_return_t vm_map_purgable_control(struct vm_map *map, mach_vm_address_t address, int control,
				      int *state)
{
	struct vm_object *o;
	bool none = false;
	kern_return_t kr;

	if (control == VM_PURGABLE_PURGE_ALL) {
		while (!none)
			(void)vm_purgable_reclaim(&none);
		return KERN_SUCCESS;
	}
	if ((control != VM_PURGABLE_SET_STATE && control != VM_PURGABLE_GET_STATE) ||
	    (control == VM_PURGABLE_SET_STATE &&
	     ((*state & ~VM_PURGABLE_ALL_MASKS) != 0 || (*state & VM_PURGABLE_STATE_MASK) == VM_PURGABLE_DENY)))
		return KERN_INVALID_ARGUMENT;
	kr = purgable_object(map, address, &o);
	if (kr != KERN_SUCCESS)
		return kr;
	*state = control == VM_PURGABLE_SET_STATE ? vm_purgable_set(o, *state) : vm_purgable_get(o);
	vm_object_deallocate(o);
	return KERN_SUCCESS;
}

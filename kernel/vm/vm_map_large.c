/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map_large.c - large pages of anonymous memory: when to make them, and when a fault maps one.
 *
 * Interface: vm_map_internal.h vm_map_large_fill, vm_map_large_enter_locked.
 * A write to a large page's range that has nothing in it yet may fill all of it with contiguous zeroed frames: where the
 *   user asked for it (VM_FLAGS_SUPERPAGE_*), or where memory is being filled in order, which is known by the fault: it is on
 *   the first page of the range, the page before it is there, and so is the page a whole range before. So a program that
 *   touches here and there gets single pages, and one that fills much memory a large page for each but the first.
 * The frames are single pages to the object: each may be copied, paged out or freed by itself. They are mapped as one
 *   while they are all there, in place and undisturbed; the page tables drop that mapping whole when one of
 *   them is concerned, and the next fault looks whether they can be mapped as one again.
 * Not for memory with a shadow, a pager or a copy, and not while free frames are few.
 * Locking: as a fault's: the map is held to read, then the object. The frames are zeroed and put into the object some at a time,
 *   with the object free in between: each is a right page by itself.
 */
#include <base/string.h>
#include <kern/thread.h>
#include <vm/vm_stat.h>

#include "vm_map_internal.h"

#define PAGES (1U << PMAP_LARGE_ORDER)
#define PAGES_PER_TURN 64U
#define FREE_SHARE(total) ((total) / 4) /* so many frames must be free */

/* The large page's range around va: where it begins, and its offset in the entry's object. False: it does not fit in the entry. */
static bool range_of(const struct vm_map_lookup *l, uint64_t va, uint64_t *base, uint64_t *offset)
{
	uint64_t into = va & (PMAP_LARGE_BYTES - 1);

	*base = va - into;
	*offset = l->offset - into;
	return *base >= l->start && *base + PMAP_LARGE_BYTES <= l->end && !l->wired;
}

static bool plain_locked(const struct vm_object *o)
{
	return o->internal && o->shadow == NULL && o->pager == NULL && o->copy == NULL && o->paged_out == NULL &&
	       !o->purgable && !o->device && !o->terminating;
}

static bool filled_in_order_locked(struct vm_object *o, uint64_t offset)
{
	return offset >= PMAP_LARGE_BYTES && vm_object_page_lookup_locked(o, offset - PAGE_SIZE) != NULL &&
	       vm_object_page_lookup_locked(o, offset - PMAP_LARGE_BYTES) != NULL;
}

static bool nothing_there_locked(struct vm_object *o, uint64_t offset)
{
	for (uint64_t i = 0; i < PAGES && o->resident != 0; i++)
		if (vm_object_page_lookup_locked(o, offset + i * PAGE_SIZE) != NULL)
			return false;
	return true;
}

static bool wanted(const struct vm_map_lookup *l, uint64_t va, uint64_t base, uint64_t offset)
{
	struct vm_object *o = l->object;
	bool yes;

	if (!l->entry->large && va != base)
		return false;
	spin_lock(&o->lock);
	yes = plain_locked(o) && (l->entry->large || filled_in_order_locked(o, offset)) &&
	      nothing_there_locked(o, offset);
	spin_unlock(&o->lock);
	return yes && vm_page_free_count() > FREE_SHARE(vm_page_total_count()) + PAGES;
}

/* Put the frames from first on, up to a turn's number, into o; what finds its place taken is given back. False: o has changed. */
static bool insert_some(struct vm_object *o, struct vm_page *pages, unsigned first, uint64_t offset)
{
	bool plain;

	spin_lock(&o->lock);
	plain = plain_locked(o);
	for (unsigned i = first; plain && i < first + PAGES_PER_TURN; i++) {
		uint64_t at = offset + i * PAGE_SIZE;

		if (vm_object_page_lookup_locked(o, at) == NULL) {
			vm_object_page_insert_locked(o, &pages[i], at);
			pages[i].in_large = true;
		} else {
			vm_page_release(&pages[i]);
		}
	}
	spin_unlock(&o->lock);
	return plain;
}

void vm_map_large_fill(const struct vm_map_lookup *l, uint64_t va)
{
	struct vm_page *pages;
	uint64_t base, offset;
	unsigned done = 0;

	if (!range_of(l, va, &base, &offset) || !wanted(l, va, base, offset))
		return;
	pages = vm_page_grab_contiguous(PMAP_LARGE_ORDER);
	if (pages == NULL)
		return;
	for (; done < PAGES; done += PAGES_PER_TURN) {
		memset(vm_page_virt(&pages[done]), 0, PAGES_PER_TURN * PAGE_SIZE);
		if (!insert_some(l->object, pages, done, offset))
			break;
	}
	vm_stat_add(VM_STAT_ZERO_FILL, done);
	current_thread()->pc_sample.vm_kind |= SAMPLED_PC_VM_ZFILL_FAULTS;
	for (; done < PAGES; done++)
		vm_page_release(&pages[done]);
}

/* The first of the frames of a large page around page, if they are the object's in that order, and nothing is up with them. */
static struct vm_page *whole_locked(const struct vm_object *o, struct vm_page *page)
{
	uint64_t index = (page->phys & (PMAP_LARGE_BYTES - 1)) >> PAGE_SHIFT;
	struct vm_page *first = vm_page_of_phys(page->phys - index * PAGE_SIZE);

	if (first == NULL || vm_page_of_phys(first->phys + PMAP_LARGE_BYTES - PAGE_SIZE) != first + PAGES - 1)
		return NULL;
	for (uint64_t i = 0; i < PAGES; i++) {
		const struct vm_page *p = &first[i];

		if (p->object != o || p->offset + index * PAGE_SIZE != page->offset + i * PAGE_SIZE || p->busy || p->absent ||
		    p->error || p->laundry || p->page_lock != 0)
			return NULL;
	}
	return first;
}

bool vm_map_large_enter_locked(struct vm_map *map, const struct vm_map_lookup *l, uint64_t va,
			       const struct vm_resolved *r)
{
	vm_prot_t prot = vm_map_entry_pmap_prot(l->entry, r);
	struct vm_page *first;
	uint64_t base, offset;

	if (!range_of(l, va, &base, &offset) || ((r->page->phys ^ va) & (PMAP_LARGE_BYTES - 1)) != 0 ||
	    (prot & VM_PROT_ALL) == VM_PROT_NONE || r->copied_up || !pmap_large_room(map->pmap, base))
		return false;
	r->object->write_mappings += (prot & VM_PROT_WRITE) != 0;
	first = whole_locked(r->object, r->page);
	return first != NULL && pmap_enter_large(map->pmap, base, first, prot) == KERN_SUCCESS;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_object_chain.c - shadow chains: finding a page down the chain, copying it up.
 *
 * Interface: vm_object.h (O1..O7 there).
 * A page that is not resident where its object's pager may have it ends the walk: vm_object_wait (vm_pager.c) asks for it,
 *   with nothing locked. A hole (the pager said that it has none) is passed through.
 * Locking: the walk keeps the top locked to its end and goes down hand over hand, so that what it found
 *   missing in the top is still missing when it inserts there. Frames are taken, zeroed and copied under the locks: no
 *   retry, no second lookup; a page is a few microseconds.
 */
#include <vm/vm_object.h>

#include <base/string.h>
#include <vm/vm_stat.h>
#include <kern/thread.h>

#include "vm_object_internal.h"

/* ---- finding a page ---- */

struct walk {
	struct vm_object *top;   /* locked throughout */
	struct vm_object *at;    /* locked; the object that has page, or the last that was looked at */
	struct vm_page *page;
	uint64_t offset;         /* in at */
	enum vm_access access;   /* to the page in at */
};

enum found {
	FOUND_PAGE,
	FOUND_NOTHING, /* zeros */
	FOUND_WAIT,    /* the pager must do something first */
};

static enum found walk_down(struct walk *w)
{
	vm_stat_add(VM_STAT_LOOKUPS, 1);
	for (;;) {
		struct vm_object *next = w->at->shadow;
		struct vm_page *p = vm_object_page_lookup_locked(w->at, w->offset);

		if (p == NULL && vm_pager_may_have(w->at, w->offset))
			return FOUND_WAIT;
		if (p != NULL && !vm_page_is_hole(p)) {
			w->page = p;
			if (p->busy || p->error || (p->page_lock & vm_access_needs(w->access)) != 0)
				return FOUND_WAIT;
			vm_stat_add(VM_STAT_HITS, 1);
			return FOUND_PAGE;
		}
		if (next == NULL)
			return FOUND_NOTHING;
		spin_lock(&next->lock);
		w->offset += w->at->shadow_offset;
		if (w->at != w->top)
			spin_unlock(&w->at->lock);
		w->at = next;
		if (w->access == VM_ACCESS_WRITE)
			w->access = VM_ACCESS_READ; /* it is copied up */
	}
}

static void walk_unlock(struct walk *w)
{
	if (w->at != w->top)
		spin_unlock(&w->at->lock);
	spin_unlock(&w->top->lock);
}

static kern_return_t wait_for_pager(struct walk *w, struct vm_resolved *r)
{
	if (w->page == NULL) {
		current_thread()->events.pageins++;
		current_thread()->pc_sample.vm_kind |= SAMPLED_PC_VM_PAGEIN_FAULTS;
	}
	w->at->references++;
	r->object = w->at;
	r->offset = w->offset;
	r->access = w->access;
	r->page = NULL;
	walk_unlock(w);
	return VM_OBJECT_WAIT;
}

/* No frame: vm_object_wait() of this waits for one, or says that there will be none. */
static kern_return_t wait_for_memory(struct vm_resolved *r)
{
	r->object = NULL;
	r->page = NULL;
	return VM_OBJECT_WAIT;
}

static void answer(struct vm_resolved *r, struct vm_object *o, struct vm_page *p)
{
	r->object = o;
	r->page = p;
}

/* Put a fresh page into the top, in the place of a hole if there is one. */
static void insert_in_top(struct walk *w, struct vm_page *p, uint64_t offset)
{
	struct vm_page *hole = vm_object_page_lookup_locked(w->top, offset);

	if (hole != NULL)
		vm_object_page_free_locked(w->top, hole);
	vm_object_page_insert_locked(w->top, p, offset);
}

static kern_return_t zero_fill(struct walk *w, uint64_t offset, enum vm_access access,
			       struct vm_resolved *r)
{
	struct vm_page *p;

	if (w->at != w->top)
		spin_unlock(&w->at->lock);
	if (access == VM_ACCESS_PEEK) {
		spin_unlock(&w->top->lock);
		answer(r, NULL, NULL);
		return KERN_SUCCESS;
	}
	p = vm_page_grab_user();
	if (p == NULL) {
		spin_unlock(&w->top->lock);
		return wait_for_memory(r);
	}
	memset(vm_page_virt(p), 0, PAGE_SIZE);
	vm_stat_add(VM_STAT_ZERO_FILL, 1);
	current_thread()->pc_sample.vm_kind |= SAMPLED_PC_VM_ZFILL_FAULTS;
	insert_in_top(w, p, offset);
	answer(r, w->top, p);
	return KERN_SUCCESS;
}

/* Copy the page found below up into the top, which will be written. */
static kern_return_t copy_up(struct walk *w, uint64_t offset, struct vm_resolved *r)
{
	struct vm_page *p = vm_page_grab_user();

	if (p == NULL) {
		walk_unlock(w);
		return wait_for_memory(r);
	}
	memcpy(vm_page_virt(p), vm_page_virt(w->page), PAGE_SIZE);
	vm_stat_add(VM_STAT_COW, 1);
	current_thread()->events.cow_faults++;
	current_thread()->pc_sample.vm_kind |= SAMPLED_PC_VM_COW_FAULTS;
	insert_in_top(w, p, offset);
	p->dirty = true;
	/* Others who see this top have the old page mapped; nobody above O4's lock has it any more after this. */
	if (w->top->shared)
		pmap_page_protect(w->page, VM_PROT_NONE);
	spin_unlock(&w->at->lock);
	answer(r, w->top, p);
	r->copied_up = true;
	return KERN_SUCCESS;
}

/* The page is, or was just made, the top's own and will be written: O7. Returns true when that may be. */
static bool pushed(struct vm_resolved *r, kern_return_t *kr)
{
	switch (vm_object_push_locked(r->object, r->page)) {
	case VM_PUSH_DONE:
		return true;
	case VM_PUSH_NO_MEMORY:
		spin_unlock(&r->object->lock);
		*kr = wait_for_memory(r);
		return true;
	default:
		spin_unlock(&r->object->lock);
		cpu_relax();
		return false;
	}
}

/* One try; top is locked. */
static kern_return_t resolve_locked(struct vm_object *top, uint64_t offset, enum vm_access access, struct vm_resolved *r)
{
	struct walk w = { .top = top, .at = top, .offset = offset, .access = access };

	switch (walk_down(&w)) {
	case FOUND_WAIT:
		return wait_for_pager(&w, r);
	case FOUND_NOTHING:
		return zero_fill(&w, offset, access, r);
	default:
		if (w.at != top && access == VM_ACCESS_WRITE)
			return copy_up(&w, offset, r);
		if (w.at != top)
			spin_unlock(&top->lock);
		answer(r, w.at, w.page);
		return KERN_SUCCESS;
	}
}

kern_return_t vm_object_resolve(struct vm_object *top, uint64_t offset, enum vm_access access,
				struct vm_resolved *r)
{
	kern_return_t kr;

	KASSERT(!top->device);
	r->copied_up = false;
	do {
		spin_lock(&top->lock);
		if (top->shadow != NULL && access == VM_ACCESS_WRITE && vm_object_collapse_chain_locked(top, r)) {
			spin_unlock(&top->lock);
			return VM_OBJECT_WAIT;
		}
		kr = resolve_locked(top, offset, access, r);
	} while (kr == KERN_SUCCESS && access == VM_ACCESS_WRITE && top->copy != NULL && !pushed(r, &kr));
	r->in_top = kr == KERN_SUCCESS && r->object == top;
	r->read_only = r->in_top && access != VM_ACCESS_WRITE && top->copy != NULL;
	return kr;
}

/* ---- finding none ---- */

#define LOOKS_PER_TURN 64U /* at pages, under one hold of a lock */
#define SCANNED_MAX 1024U  /* pages in an object that are gone through under one hold of a lock */

static uint64_t next_page_locked(struct vm_object *o, uint64_t from, uint64_t end)
{
	uint64_t best = end;

	if (o->pager != NULL)
		return from; /* it may have any */
	for (unsigned n = 0; n < LOOKS_PER_TURN && from < end; n++, from += PAGE_SIZE)
		if (vm_object_page_lookup_locked(o, from) != NULL)
			return from;
	if (o->resident > SCANNED_MAX)
		return from;
	LIST_FOR_EACH(l, &o->pages) {
		const struct vm_page *p = container_of(l, struct vm_page, object_link);

		if (p->offset >= from && p->offset < best)
			best = p->offset;
	}
	return best;
}

uint64_t vm_object_next_filled(struct vm_object *o, uint64_t offset, uint64_t end)
{
	uint64_t found = end, shift = 0;
	struct vm_object *at = o, *below;

	spin_lock(&o->lock);
	for (;;) {
		uint64_t next = next_page_locked(at, offset + shift, found + shift) - shift;

		if (next < found)
			found = next;
		below = at->shadow;
		if (below == NULL || found <= offset)
			break;
		spin_lock(&below->lock);
		shift += at->shadow_offset;
		if (at != o)
			spin_unlock(&at->lock);
		at = below;
	}
	if (at != o)
		spin_unlock(&at->lock);
	spin_unlock(&o->lock);
	return found;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_object_chain.c - shadow chains: finding a page down the chain, copying it up, collapsing chains, and
 * sinking a shared object so that it can be copied.
 *
 * Interface: vm_object.h (O1..O5 there).
 * Locking: the walk keeps the top locked to its end and goes down hand over hand, so that what it found
 *   missing in the top is still missing when it inserts there. Frames are taken, zeroed and copied under the locks: no
 *   retry, no second lookup; a page is a few microseconds.
 */
#include <vm/vm_object.h>

#include <base/string.h>

#include "vm_object_internal.h"

/* ---- collapse ---- */

/* Take over the pages of shadow s that are seen through o. Both locked; s is o's alone. */
static void absorb_pages(struct vm_object *o, struct vm_object *s)
{
	LIST_FOR_EACH_SAFE(l, next, &s->pages) {
		struct vm_page *p = container_of(l, struct vm_page, object_link);
		uint64_t at = p->offset - o->shadow_offset;

		if (p->offset < o->shadow_offset || at >= o->size ||
		    vm_object_page_lookup_locked(o, at) != NULL)
			vm_object_page_free_locked(s, p);
		else
			vm_object_page_move_locked(o, p, at);
	}
}

static bool may_absorb(const struct vm_object *o, const struct vm_object *s)
{
	return s->references == 1 && s->pager == NULL && !s->device &&
	       s->paging_in_progress == 0 && o->paging_in_progress == 0;
}

/* o has every page itself, so its shadow cannot be seen through it. */
static bool hides_shadow(const struct vm_object *o)
{
	return o->resident << PAGE_SHIFT >= o->size && o->paging_in_progress == 0;
}

/* Shorten the chain at o as far as its next shadow allows it. o locked, and stays so. */
static void collapse_locked(struct vm_object *o)
{
	struct vm_object *s;

	while ((s = o->shadow) != NULL) {
		spin_lock(&s->lock);
		if (may_absorb(o, s)) {
			absorb_pages(o, s);
			o->shadow = s->shadow;
			o->shadow_offset += s->shadow_offset;
			vm_object_free_emptied(s);
			continue;
		}
		if (s->references > 1 && hides_shadow(o)) {
			if (s->shadow != NULL)
				vm_object_reference(s->shadow);
			o->shadow = s->shadow;
			o->shadow_offset += s->shadow_offset;
			s->references--;
			spin_unlock(&s->lock);
			continue;
		}
		spin_unlock(&s->lock);
		return;
	}
}

/* Collapse at every level below top. top is locked and stays so. */
static void collapse_chain_locked(struct vm_object *top)
{
	struct vm_object *o = top, *next;

	collapse_locked(o);
	while ((next = o->shadow) != NULL) {
		spin_lock(&next->lock);
		if (o != top)
			spin_unlock(&o->lock);
		o = next;
		collapse_locked(o);
	}
	if (o != top)
		spin_unlock(&o->lock);
}

/* ---- finding a page ---- */

struct walk {
	struct vm_object *top;   /* locked throughout */
	struct vm_object *at;    /* locked; the object that has page, or the last of the chain */
	struct vm_page *page;
	uint64_t offset;         /* in at */
};

static void walk_down(struct walk *w)
{
	for (;;) {
		struct vm_object *next = w->at->shadow;

		w->page = vm_object_page_lookup_locked(w->at, w->offset);
		if (w->page != NULL || next == NULL)
			return;
		spin_lock(&next->lock);
		w->offset += w->at->shadow_offset;
		if (w->at != w->top)
			spin_unlock(&w->at->lock);
		w->at = next;
	}
}

static void walk_unlock(struct walk *w)
{
	if (w->at != w->top)
		spin_unlock(&w->at->lock);
	spin_unlock(&w->top->lock);
}

/*
 * A page that is not resident, where the chain ends at an object with a pager: this is the place for
 * memory_object_data_request: insert an absent busy page, count in paging_in_progress, send,
 * and answer VM_OBJECT_WAIT. No object has a pager yet (nothing sets the field).
 */
static kern_return_t ask_pager(struct walk *w)
{
	walk_unlock(w);
	return KERN_MEMORY_ERROR;
}

static kern_return_t wait_for_page(struct walk *w, struct vm_resolved *r)
{
	w->at->references++;
	r->object = w->at;
	r->offset = w->offset;
	r->page = NULL;
	walk_unlock(w);
	return VM_OBJECT_WAIT;
}

/* No frame: vm_object_wait() of this waits for one, or says that there will be none. */
static kern_return_t wait_for_memory(struct vm_resolved *r)
{
	*r = (struct vm_resolved){ 0 };
	return VM_OBJECT_WAIT;
}

static void answer(struct vm_resolved *r, struct vm_object *o, struct vm_page *p)
{
	*r = (struct vm_resolved){ .object = o, .page = p };
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
	vm_object_page_insert_locked(w->top, p, offset);
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
	vm_object_page_insert_locked(w->top, p, offset);
	p->dirty = true;
	/* Others who see this top have the old page mapped; nobody above O4's lock has it any more after this. */
	if (w->top->shared)
		pmap_page_protect(w->page, VM_PROT_NONE);
	spin_unlock(&w->at->lock);
	answer(r, w->top, p);
	r->copied_up = true;
	return KERN_SUCCESS;
}

kern_return_t vm_object_resolve(struct vm_object *top, uint64_t offset, enum vm_access access,
				struct vm_resolved *r)
{
	struct walk w = { .top = top, .at = top, .offset = offset };
	kern_return_t kr = KERN_SUCCESS;

	KASSERT(!top->device);
	spin_lock(&top->lock);
	if (top->shadow != NULL && access == VM_ACCESS_WRITE)
		collapse_chain_locked(top);
	walk_down(&w);
	if (w.page == NULL)
		kr = w.at->pager != NULL ? ask_pager(&w) : zero_fill(&w, offset, access, r);
	else if (w.page->busy)
		return wait_for_page(&w, r);
	else if (w.page->error) {
		walk_unlock(&w);
		return KERN_MEMORY_ERROR;
	} else if (w.at != top && access == VM_ACCESS_WRITE) {
		kr = copy_up(&w, offset, r);
	} else {
		if (w.at != top)
			spin_unlock(&top->lock);
		answer(r, w.at, w.page);
	}
	r->in_top = kr == KERN_SUCCESS && r->object == top;
	return kr;
}

/* ---- copying objects ---- */

struct vm_object *vm_object_shadow(struct vm_object *o, uint64_t offset, uint64_t size)
{
	struct vm_object *s = vm_object_create(size);

	if (s == NULL)
		return NULL;
	s->shadow = o;
	s->shadow_offset = offset;
	spin_lock(&o->lock);
	o->copied = true;
	spin_unlock(&o->lock);
	return s;
}

static bool any_wired_locked(struct vm_object *o)
{
	LIST_FOR_EACH(l, &o->pages)
		if (container_of(l, struct vm_page, object_link)->wire_count != 0)
			return true;
	return false;
}

static void sink_locked(struct vm_object *o, struct vm_object *below)
{
	LIST_FOR_EACH(l, &o->pages)
		pmap_page_protect(container_of(l, struct vm_page, object_link), VM_PROT_READ);
	vm_object_take_pages_locked(below, o);
	below->size = o->size;
	below->shadow = o->shadow;
	below->shadow_offset = o->shadow_offset;
	below->references = 2; /* o's and the caller's */
	below->copied = true;
	o->shadow = below;
	o->shadow_offset = 0;
}

kern_return_t vm_object_sink(struct vm_object *o, struct vm_object **out, uint64_t *offset)
{
	struct vm_object *below = vm_object_create(0);
	kern_return_t kr = KERN_SUCCESS;

	if (below == NULL)
		return KERN_RESOURCE_SHORTAGE;
	spin_lock(&o->lock);
	collapse_locked(o);
	if (o->pager != NULL || o->device || o->paging_in_progress != 0 || any_wired_locked(o)) {
		kr = KERN_FAILURE;
	} else if (o->resident == 0 && o->shadow != NULL) {
		/* Not written since the last copy: what it shows is its shadow. */
		vm_object_reference(o->shadow);
		*out = o->shadow;
		*offset = o->shadow_offset;
	} else {
		spin_lock(&below->lock);
		sink_locked(o, below);
		spin_unlock(&below->lock);
		*out = below;
		*offset = 0;
		below = NULL;
	}
	spin_unlock(&o->lock);
	vm_object_deallocate(below);
	return kr;
}

kern_return_t vm_object_copy_slowly(struct vm_object *o, uint64_t offset, uint64_t size,
				    struct vm_object **out, struct vm_resolved *wait)
{
	struct vm_object *copy = vm_object_create(size);

	if (copy == NULL)
		return KERN_RESOURCE_SHORTAGE;
	for (uint64_t at = 0; at < size; at += PAGE_SIZE) {
		struct vm_resolved r;
		struct vm_page *p;
		kern_return_t kr = vm_object_resolve(o, offset + at, VM_ACCESS_PEEK, &r);

		if (kr != KERN_SUCCESS) {
			*wait = r;
			vm_object_deallocate(copy);
			return kr;
		}
		if (r.page == NULL)
			continue;
		p = vm_page_grab_user();
		if (p != NULL) {
			memcpy(vm_page_virt(p), vm_page_virt(r.page), PAGE_SIZE);
			p->dirty = true;
		}
		spin_unlock(&r.object->lock);
		if (p == NULL) {
			*wait = (struct vm_resolved){ 0 }; /* for memory */
			vm_object_deallocate(copy);
			return VM_OBJECT_WAIT;
		}
		spin_lock(&copy->lock);
		vm_object_page_insert_locked(copy, p, at);
		spin_unlock(&copy->lock);
	}
	*out = copy;
	return KERN_SUCCESS;
}

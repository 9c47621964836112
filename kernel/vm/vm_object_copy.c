/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_object_copy.c - copies of objects: by a shadow on both sides, by sinking the pages of a shared object, page by page, and by a copy
 * object that a pager's object pushes its pages to before they change.
 *
 * Interface: vm_object.h (O1, O2, O7).
 * A copy object is an anonymous object whose shadow is the original; the original's `copy` names the newest one, without a
 *   reference. A new copy goes in between: the older one shadows the newer, whose pages did not change after it was made.
 * Locking: object locks in the order of the chain; from an original to its copy, which is against it, only by trying.
 * References: the asymmetric copy is Mach's: Rashid et al. (ASPLOS 1987); Young, "Exporting a User Interface to Memory Management ..."
 *   (CMU-CS-89-202).
 */
#include <vm/vm_object.h>

#include <base/string.h>
#include <kern/thread.h>
#include <mach/memory_object_types.h>

#include "vm_object_internal.h"
#include "vm_pager_port.h"

/* ---- symmetric: a shadow in front, or below ---- */

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

#define PROTECT_PAGES 256U /* whose mappings are lowered under one hold of the lock, with one round of interrupts */

/* Some of the walk; false: no more. */
static bool protect_some_locked(struct vm_object *o, struct vm_object_walk *w)
{
	struct pmap_batch batch;
	struct vm_page *p;
	unsigned n = 0;

	pmap_batch_begin(&batch);
	while (n++ < PROTECT_PAGES && (p = vm_object_walk_next_locked(o, w)) != NULL)
		pmap_page_protect_batched(&batch, p, VM_PROT_READ);
	pmap_batch_end(&batch);
	return !w->done;
}

/*
 * Lower the rights of many pages' mappings before it must be so, with o unlocked between. Returns what o->write_mappings was before: as long as it
 * is that, no mapping may write.
 */
static uint64_t protect_early_locked(struct vm_object *o)
{
	uint64_t before = o->write_mappings;
	struct vm_object_walk w;

	vm_object_walk_begin_locked(o, &w, 0, o->size);
	while (protect_some_locked(o, &w)) {
		spin_unlock(&o->lock);
		spin_lock(&o->lock);
	}
	return before;
}

/* protected: no mapping may write. */
static void sink_locked(struct vm_object *o, struct vm_object *below, bool protected)
{
	struct pmap_batch batch;

	pmap_batch_begin(&batch);
	for (struct list *l = o->pages.next; l != &o->pages && !protected; l = l->next)
		pmap_page_protect_batched(&batch, container_of(l, struct vm_page, object_link), VM_PROT_READ);
	pmap_batch_end(&batch);
	vm_object_take_pages_locked(below, o);
	below->size = o->size;
	below->shadow = o->shadow;
	below->shadow_offset = o->shadow_offset;
	below->references = 2; /* o's and the caller's */
	below->copied = true;
	below->pinned = o->pinned;
	o->shadow = below;
	o->shadow_offset = 0;
}

kern_return_t vm_object_sink(struct vm_object *o, struct vm_object **out, uint64_t *offset)
{
	struct vm_object *below = vm_object_create(0);
	kern_return_t kr = KERN_SUCCESS;
	uint64_t writes = UINT64_MAX;

	if (below == NULL)
		return KERN_RESOURCE_SHORTAGE;
	spin_lock(&o->lock);
	if (o->resident > PROTECT_PAGES && o->placeholders == 0 && !any_wired_locked(o))
		writes = protect_early_locked(o);
	vm_object_collapse_locked(o);
	if (o->pager != NULL || o->device || o->is_copy || o->copy != NULL || o->placeholders != 0 || any_wired_locked(o)) {
		kr = KERN_FAILURE;
	} else if (o->resident == 0 && o->shadow != NULL) {
		/* Not written since the last copy: what it shows is its shadow. */
		vm_object_reference(o->shadow);
		*out = o->shadow;
		*offset = o->shadow_offset;
	} else {
		spin_lock(&below->lock);
		sink_locked(o, below, o->write_mappings == writes);
		spin_unlock(&below->lock);
		*out = below;
		*offset = 0;
		below = NULL;
	}
	spin_unlock(&o->lock);
	vm_object_deallocate(below);
	return kr;
}

/* ---- page by page ---- */

kern_return_t vm_object_copy_slowly(struct vm_object *o, uint64_t offset, uint64_t size,
				    struct vm_object **out, struct vm_resolved *wait)
{
	struct vm_object *copy = vm_object_create(size);

	if (copy == NULL)
		return KERN_RESOURCE_SHORTAGE;
	for (uint64_t at = 0; at < size; at += PAGE_SIZE) {
		struct vm_resolved r = { .deadline_ns = wait->deadline_ns };
		struct vm_page *p;
		kern_return_t kr = thread_is_broken() ? KERN_ABORTED : vm_object_resolve(o, offset + at, VM_ACCESS_PEEK, &r);

		if (kr != KERN_SUCCESS) {
			*wait = r;
			vm_object_deallocate(copy);
			return kr;
		}
		if (r.page == NULL) {
			at = vm_object_next_filled(o, offset + at + PAGE_SIZE, offset + size) - offset - PAGE_SIZE;
			continue;
		}
		p = vm_page_grab_user();
		if (p != NULL) {
			memcpy(vm_page_virt(p), vm_page_virt(r.page), PAGE_SIZE);
			p->dirty = true;
		}
		spin_unlock(&r.object->lock);
		if (p == NULL) {
			*wait = (struct vm_resolved){ .deadline_ns = r.deadline_ns }; /* for memory */
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

/* ---- asymmetric: the copy is pushed what changes ---- */

void vm_object_uncopy_locked(struct vm_object *o)
{
	if (!o->is_copy)
		return;
	spin_lock(&o->shadow->lock);
	if (o->shadow->copy == o)
		o->shadow->copy = NULL;
	spin_unlock(&o->shadow->lock);
	o->is_copy = false;
}

static bool has_own(struct vm_object *copy, uint64_t offset)
{
	struct vm_page *p = vm_object_page_lookup_locked(copy, offset);

	return p != NULL ? !vm_page_is_hole(p) : copy->internal && vm_pager_may_have(copy, offset);
}

/* Both locked. */
static bool push_to_locked(struct vm_object *copy, uint64_t offset, struct vm_page *page)
{
	struct vm_page *hole = vm_object_page_lookup_locked(copy, offset), *p = vm_page_grab_user();

	if (p == NULL)
		return false;
	memcpy(vm_page_virt(p), vm_page_virt(page), PAGE_SIZE);
	if (hole != NULL)
		vm_object_page_free_locked(copy, hole);
	vm_object_page_insert_locked(copy, p, offset);
	p->dirty = true;
	pmap_page_protect(page, VM_PROT_NONE); /* the copy's readers have it mapped */
	return true;
}

enum vm_push vm_object_push_locked(struct vm_object *o, struct vm_page *page)
{
	struct vm_object *copy = o->copy;
	enum vm_push result = VM_PUSH_DONE;
	uint64_t at;

	spin_assert_held(&o->lock);
	if (copy == NULL)
		return VM_PUSH_DONE;
	if (!spin_trylock(&copy->lock))
		return VM_PUSH_AGAIN;
	at = page->offset - copy->shadow_offset;
	if (copy->references != 0 && page->offset >= copy->shadow_offset && at < copy->size && !has_own(copy, at) &&
	    !push_to_locked(copy, at, page))
		result = VM_PUSH_NO_MEMORY;
	spin_unlock(&copy->lock);
	return result;
}

/* Wired pages of [offset, offset+size) are copied now: their mappings must stay as they are. Both locked. */
static bool copy_wired(struct vm_object *o, uint64_t offset, uint64_t size, struct vm_object *copy)
{
	LIST_FOR_EACH(l, &o->pages) {
		struct vm_page *p = container_of(l, struct vm_page, object_link), *own;

		if (p->wire_count == 0 || p->offset < offset || p->offset >= offset + size)
			continue;
		own = vm_page_grab_user();
		if (own == NULL)
			return false;
		memcpy(vm_page_virt(own), vm_page_virt(p), PAGE_SIZE);
		own->dirty = true;
		vm_object_page_insert_locked(copy, own, p->offset - offset);
	}
	return true;
}

static void protect_pages(struct vm_object *o)
{
	LIST_FOR_EACH(l, &o->pages) {
		struct vm_page *p = container_of(l, struct vm_page, object_link);

		if (!p->fictitious && p->wire_count == 0)
			pmap_page_protect(p, VM_PROT_READ);
	}
}

/*
 * Put copy, fresh, in front of o as its newest copy, for [offset, offset+size). Both are locked. false: an older copy could not be
 * locked (against the order); nothing is done.
 */
static bool insert_copy_locked(struct vm_object *o, uint64_t offset, struct vm_object *copy)
{
	struct vm_object *older = o->copy;

	if (older != NULL) {
		if (!spin_trylock(&older->lock))
			return false;
		/* What it was not pushed it finds through the newer one, which covers all of o. */
		older->shadow = copy; /* with the reference that it had on o */
		older->is_copy = false;
		copy->references++;
		spin_unlock(&older->lock);
	} else {
		o->references++;
	}
	copy->shadow = o;
	copy->shadow_offset = offset;
	copy->is_copy = copy->copied = true;
	o->copy = copy;
	o->copied = true;
	protect_pages(o);
	return true;
}

enum reuse { REUSE_NO, REUSE_YES, REUSE_AGAIN };

/* The newest copy was not pushed anything yet, nor may be written: it serves again. o is locked. */
static enum reuse reuse_copy_locked(struct vm_object *o)
{
	struct vm_object *copy = o->copy;
	enum reuse result = REUSE_NO;

	if (copy == NULL)
		return REUSE_NO;
	if (!spin_trylock(&copy->lock))
		return REUSE_AGAIN;
	if (copy->references != 0 && copy->copied && copy->resident == 0 && copy->pager == NULL && copy->size >= o->size) {
		copy->references++;
		result = REUSE_YES;
	}
	spin_unlock(&copy->lock);
	return result;
}

/* One try, o and the fresh copy locked. false: again. *out is copy, or the one that serves already. */
static bool copy_delayed_locked(struct vm_object *o, struct vm_object *copy, struct vm_object **out, kern_return_t *kr)
{
	enum reuse reuse = reuse_copy_locked(o);

	*kr = KERN_SUCCESS;
	*out = reuse == REUSE_YES ? o->copy : copy;
	if (reuse != REUSE_NO)
		return reuse == REUSE_YES;
	copy->size = o->size;
	if (copy->resident == 0 && !copy_wired(o, 0, o->size, copy)) {
		*kr = KERN_RESOURCE_SHORTAGE;
		return true;
	}
	return insert_copy_locked(o, 0, copy);
}

/* A copy object of all of o, so that one chain serves copies of any part. */
static kern_return_t copy_delayed(struct vm_object *o, struct vm_object **out)
{
	struct vm_object *copy = vm_object_create(0);
	kern_return_t kr;
	bool done;

	if (copy == NULL)
		return KERN_RESOURCE_SHORTAGE;
	do {
		spin_lock(&o->lock);
		spin_lock(&copy->lock);
		done = copy_delayed_locked(o, copy, out, &kr);
		spin_unlock(&copy->lock);
		spin_unlock(&o->lock);
	} while (!done);
	if (kr != KERN_SUCCESS || *out != copy)
		vm_object_deallocate(copy);
	return kr;
}

/*
 * A copy with a pager of its own: the original's is told, and gets the copy's port. Only the first: while the original has a copy
 * the answer is KERN_FAILURE, copy slowly.
 */
static kern_return_t copy_called(struct vm_object *o, uint64_t offset, uint64_t size, struct vm_object **out)
{
	struct vm_object *copy = vm_object_create(size);
	kern_return_t kr;

	if (copy == NULL)
		return KERN_RESOURCE_SHORTAGE;
	kr = vm_pager_attach_new(copy);
	if (kr == KERN_SUCCESS) {
		vm_object_make_external(copy);
		spin_lock(&o->lock);
		spin_lock(&copy->lock);
		if (o->copy != NULL)
			kr = KERN_FAILURE;
		else if (!copy_wired(o, offset, size, copy))
			kr = KERN_RESOURCE_SHORTAGE;
		else
			(void)insert_copy_locked(o, offset, copy);
		spin_unlock(&copy->lock);
		spin_unlock(&o->lock);
	}
	if (kr != KERN_SUCCESS) {
		vm_object_deallocate(copy); /* its port dies with it */
		return kr;
	}
	vm_object_table_insert(copy);
	vm_pager_send_copy(o, offset, size, copy);
	*out = copy;
	return KERN_SUCCESS;
}

static kern_return_t wait_for_attributes(struct vm_object *o, struct vm_resolved *wait)
{
	vm_object_reference(o);
	wait->object = o;
	wait->offset = 0;
	wait->access = VM_ACCESS_ATTRIBUTES;
	return VM_OBJECT_WAIT;
}

static bool copied_in_part(struct vm_object *o)
{
	bool part;

	spin_lock(&o->lock);
	part = o->copy != NULL && o->copy->pager != NULL && !o->copy->internal; /* O6: of a copy made by a call */
	spin_unlock(&o->lock);
	return part;
}

kern_return_t vm_object_copy_strategically(struct vm_object *o, uint64_t offset, uint64_t size, struct vm_object **out,
					   uint64_t *out_offset, struct vm_resolved *wait)
{
	kern_return_t kr = KERN_FAILURE;
	uint8_t strategy;
	bool ready;

	spin_lock(&o->lock);
	ready = o->pager == NULL || o->internal || o->pager_ready || !o->alive;
	strategy = o->copy_strategy;
	spin_unlock(&o->lock);
	if (!ready)
		return wait_for_attributes(o, wait);
	*out_offset = 0;
	if (strategy == MEMORY_OBJECT_COPY_CALL) {
		kr = copy_called(o, offset, size, out);
	} else if (strategy != MEMORY_OBJECT_COPY_NONE && !copied_in_part(o)) {
		*out_offset = offset;
		return copy_delayed(o, out);
	}
	if (kr == KERN_FAILURE)
		kr = vm_object_copy_slowly(o, offset, size, out, wait);
	return kr;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_object_walk.c - one after the other the pages of a range of an object, which may be unlocked between.
 *
 * Interface: vm_object_internal.h.
 * A range that is mostly resident is walked by offset. One that is not (a page here and there of 16 TiB) is walked along the object's hash
 * table, bucket by bucket, each in order of offsets; a table that grew meanwhile is begun again. A step looks at a limited number of
 * places, so what is done under one hold of the lock is bounded whatever the object is like.
 * Invariants: W1 a page that is in the object from the walk's beginning to its end is met: once, but for a table that grows.
 * Locking: the object's, for each call.
 */
#include "vm_object_internal.h"

#define PLACES_PER_STEP 1024U
#define PLACES_PER_PAGE 8U /* a range of so many places for each resident page is still walked by offset */

static void begin_again(const struct vm_object *o, struct vm_object_walk *w)
{
	w->bucket = 0;
	w->bucket_mask = o->bucket_mask;
	w->at = w->start;
}

void vm_object_walk_begin_locked(const struct vm_object *o, struct vm_object_walk *w, uint64_t start, uint64_t end)
{
	spin_assert_held(&o->lock);
	if (end > o->size)
		end = o->size;
	*w = (struct vm_object_walk){ .start = start, .end = end, .at = start };
	w->sparse = start < end && (end - start) >> PAGE_SHIFT > PLACES_PER_STEP + o->resident * PLACES_PER_PAGE;
	begin_again(o, w);
}

/* The first page of the walk's bucket from w->at on, by offset. */
static struct vm_page *first_of_bucket(const struct vm_object *o, const struct vm_object_walk *w)
{
	struct vm_page *best = NULL;

	for (struct vm_page *p = o->buckets[w->bucket]; p != NULL; p = p->hash_next)
		if (p->offset >= w->at && p->offset < w->end && (best == NULL || p->offset < best->offset))
			best = p;
	return best;
}

static struct vm_page *step_sparse(const struct vm_object *o, struct vm_object_walk *w)
{
	if (w->bucket_mask != o->bucket_mask)
		begin_again(o, w);
	for (unsigned n = 0; n < PLACES_PER_STEP && w->bucket <= w->bucket_mask; n++) {
		struct vm_page *p = first_of_bucket(o, w);

		if (p != NULL) {
			w->at = p->offset + PAGE_SIZE;
			return p;
		}
		w->bucket++;
		w->at = w->start;
	}
	w->done = w->bucket > w->bucket_mask;
	return NULL;
}

struct vm_page *vm_object_walk_next_locked(struct vm_object *o, struct vm_object_walk *w)
{
	spin_assert_held(&o->lock);
	if (w->sparse)
		return step_sparse(o, w);
	for (unsigned n = 0; n < PLACES_PER_STEP && w->at < w->end; n++) {
		struct vm_page *p = vm_object_page_lookup_locked(o, w->at);

		w->at += PAGE_SIZE;
		if (p != NULL)
			return p;
	}
	w->done = w->at >= w->end;
	return NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* vm_object_internal.h - between the files of objects (vm_object*.c, vm_pager*.c). */
#pragma once

#include <vm/vm_object.h>

/* ---- vm_object.c ---- */

/* Unmap, remove and release; a placeholder, busy or not, too: who waits for it is woken. */
void vm_object_page_free_locked(struct vm_object *o, struct vm_page *page);
/* Take page out of o: nobody's, no mapping. The caller releases or inserts it. */
void vm_object_page_remove_locked(struct vm_object *o, struct vm_page *page);
/* Move page, with its wiring and mappings, to another object. Both locked. */
void vm_object_page_move_locked(struct vm_object *to, struct vm_page *page, uint64_t offset);
/* All pages of from, at the same offsets, to the new object to. Both locked. */
void vm_object_take_pages_locked(struct vm_object *to, struct vm_object *from);
/* Free a collapsed object: locked, no pages, its last reference the caller's, its shadow reference moved. */
void vm_object_free_emptied(struct vm_object *o);
/* A placeholder at offset, busy: the page is being asked for. NULL: no memory. */
struct vm_page *vm_object_placeholder_locked(struct vm_object *o, uint64_t offset);
/* A busy placeholder is busy no more (absent or error are the caller's to set): who waits is woken. */
void vm_object_placeholder_settle_locked(struct vm_object *o, struct vm_page *page);
/* Free o's memory; the last reference is gone, it is locked and has no pages. */
void vm_object_free_locked(struct vm_object *o);

/* Is page one that stands for "the pager has none"? */
static inline bool vm_page_is_hole(const struct vm_page *p)
{
	return p->absent && !p->busy;
}

/* ---- vm_object_walk.c ---- */

/* The pages of [start, end), one by one; the object may be unlocked between, and its pages come and go. */
struct vm_object_walk {
	uint64_t start, end, at;
	uint64_t bucket, bucket_mask;
	bool sparse; /* along the hash table: neighbours do not follow each other */
	bool done;
};
void vm_object_walk_begin_locked(const struct vm_object *o, struct vm_object_walk *w, uint64_t start, uint64_t end);
/* NULL: done, if w->done; else it is time to unlock the object for a moment. */
struct vm_page *vm_object_walk_next_locked(struct vm_object *o, struct vm_object_walk *w);
/* How many pages a walk's user looks at under one hold of the lock. */
#define VM_OBJECT_WALK_PAGES 32U

/* ---- vm_object_collapse.c ---- */

#define PULLS_MAX 64U /* of one access */

/* Shorten the chain at o as far as its next shadow allows it. o is locked, and stays so. */
void vm_object_collapse_locked(struct vm_object *o);
/*
 * The same at every level below top, for a write to it. True: the chain is too long, and for that a page must be waited for first, as after
 * VM_OBJECT_WAIT. top is locked, and stays so.
 */
bool vm_object_collapse_chain_locked(struct vm_object *top, struct vm_resolved *r);

/* ---- vm_object_stored.c ---- */

/* Does o's pager (which is the default pager) have the page at offset? */
static inline bool vm_object_is_stored(const struct vm_object *o, uint64_t offset)
{
	uint64_t index = offset >> PAGE_SHIFT;

	return o->paged_out != NULL && offset < o->size && (o->paged_out[index / 64] >> (index % 64) & 1) != 0;
}

/* Had it been given to a default pager that has died since? Whoever asks for it gets an error. */
static inline bool vm_object_is_lost(const struct vm_object *o, uint64_t offset)
{
	uint64_t index = offset >> PAGE_SHIFT;

	return o->lost != 0 && vm_object_is_stored(o, offset) &&
	       (o->lost_bits == NULL || (o->lost_bits[index / 64] >> (index % 64) & 1) != 0);
}

/* Its pager, the default pager, has died: what that had is lost, what is resident is all there is of it. */
void vm_object_lose_stored_locked(struct vm_object *o);
/* It gets another pager, which has none of its pages; lost_bits (of paged_out's size, zeroed) becomes the object's. */
void vm_object_keep_lost_locked(struct vm_object *o, uint64_t *lost_bits);
/* It is going to have the page at offset, which is resident. */
void vm_object_mark_stored_locked(struct vm_object *o, uint64_t offset);
/* Does o itself have a page at offset, resident or stored? */
bool vm_object_has_own(struct vm_object *o, uint64_t offset);
/* o ends: what was stored counts no more. */
void vm_object_free_stored_locked(struct vm_object *o);
/* o, which has no pager, takes over that of its shadow s, which is its alone and has no placeholders. False: not now. Both locked. */
bool vm_object_take_pager_locked(struct vm_object *o, struct vm_object *s);
/*
 * What is resident of s, which is o's alone, becomes o's or goes. Returns the first page that s's pager has and o has not; s->size: there is
 * none, and none is looked for any more. Both locked.
 */
uint64_t vm_object_drain_locked(struct vm_object *o, struct vm_object *s);

/* ---- vm_pager_data.c ---- */

/*
 * Messages about pages reach the pager in the order of what happened: from the moment that a page leaves o (or is forgotten) until the message that
 * says so was sent nobody asks for a page of o, and nobody else returns any. _begin waits until it is the caller's turn; o is
 * locked, before and after, nothing else.
 */
void vm_object_sending_begin_locked(struct vm_object *o);
void vm_object_sending_end(struct vm_object *o);

/* ---- vm_object_cache.c ---- */

/* o, attached and new, gets its control port's calls and can be found by its pager's port. */
void vm_object_table_insert(struct vm_object *o);
/* A new object is a pager's, not the kernel's own. */
void vm_object_make_external(struct vm_object *o);
/* Drop a reference of a tabled object that may be the last but the table's. */
void vm_object_unused(struct vm_object *o);
/* The last reference of an internal object with a pager: a worker ends it. o is locked; unlocks it. */
void vm_object_end_later_locked(struct vm_object *o);

/* ---- vm_object_copy.c ---- */

enum vm_push { VM_PUSH_DONE, VM_PUSH_AGAIN, VM_PUSH_NO_MEMORY };

/* page of o, which has a copy, will be written: give the copy its own. AGAIN: unlock everything and begin again. */
enum vm_push vm_object_push_locked(struct vm_object *o, struct vm_page *page);
/* o goes: it is nobody's copy any more. o is locked. */
void vm_object_uncopy_locked(struct vm_object *o);

/* ---- vm_pager.c ---- */

/* o's pager did something for it. */
void vm_pager_answered_locked(const struct vm_object *o);

/* Might o's pager have a page that is not resident at offset? */
static inline bool vm_pager_may_have(const struct vm_object *o, uint64_t offset)
{
	return o->pager != NULL && (!o->internal || vm_object_is_stored(o, offset));
}

/* What an access needs of a page's lock: VM_PROT_*. */
static inline vm_prot_t vm_access_needs(enum vm_access access)
{
	switch (access) {
	case VM_ACCESS_WRITE:
		return VM_PROT_READ | VM_PROT_WRITE;
	case VM_ACCESS_EXECUTE:
		return VM_PROT_READ | VM_PROT_EXECUTE;
	default:
		return VM_PROT_READ;
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_object_stored.c - which pages of an internal object its pager has, and moving that from one object to another.
 *
 * Interface: vm_object_internal.h; vm_pageout.h vm_swap_forget_locked.
 * A bit for each page (vm_object.paged_out), `stored` their number. `own` is the number of pages that the object has itself, resident or
 *   stored: with all of them nothing is seen of its shadow. `garbage` are pages that the pager has and nobody can see: they count as swap
 *   in use (vm_swap.c) until the object ends, and its pager with it. `lost` of the stored pages went with a default pager that died: they hide
 *   what the shadow has, as before, and whoever asks for one gets an error; while not `alive` these are all, then those in lost_bits.
 * Locking: the object's; two objects in the order of the chain.
 * References: the existence map of OSF Mach's vm_object_collapse; there an object takes its shadow's pager over only if it has none, as
 *   here.
 */
#include <base/string.h>
#include <kern/assert.h>
#include <kern/kalloc.h>
#include <vm/vm_pageout.h>

#include "vm_object_internal.h"
#include "vm_pager_port.h"

void vm_object_mark_stored_locked(struct vm_object *o, uint64_t offset)
{
	uint64_t index = offset >> PAGE_SHIFT;

	if (!o->internal || o->paged_out == NULL || vm_object_is_stored(o, offset))
		return;
	KASSERT(vm_object_page_lookup_locked(o, offset) != NULL && o->alive); /* counted in `own` already */
	o->paged_out[index / 64] |= 1UL << (index % 64);
	o->stored++;
}

static bool resident(struct vm_object *o, uint64_t offset)
{
	struct vm_page *p = vm_object_page_lookup_locked(o, offset);

	return p != NULL && !p->fictitious;
}

bool vm_object_has_own(struct vm_object *o, uint64_t offset)
{
	return vm_object_is_stored(o, offset) || resident(o, offset);
}

/* The pager's page at offset is not looked for any more. Returns whether it counts as swap. */
static bool clear_stored_locked(struct vm_object *o, uint64_t offset)
{
	uint64_t index = offset >> PAGE_SHIFT;
	bool lost = vm_object_is_lost(o, offset);

	if (!vm_object_is_stored(o, offset))
		return false;
	o->paged_out[index / 64] &= ~(1UL << (index % 64));
	o->stored--;
	o->lost -= lost;
	if (!resident(o, offset))
		o->own--;
	return !lost;
}

void vm_object_lose_stored_locked(struct vm_object *o)
{
	if (o->stored + o->garbage != o->lost)
		vm_swap_give(o->swap, o->stored + o->garbage - o->lost);
	o->lost = o->stored;
	o->garbage = 0;
	if (o->lost_bits != NULL)
		kfree(o->lost_bits, vm_object_paged_out_bytes(o->size));
	o->lost_bits = NULL;
	LIST_FOR_EACH(l, &o->pages)
		container_of(l, struct vm_page, object_link)->dirty = true;
}

void vm_object_keep_lost_locked(struct vm_object *o, uint64_t *lost_bits)
{
	LIST_FOR_EACH(l, &o->pages) {
		struct vm_page *p = container_of(l, struct vm_page, object_link);

		if (!p->fictitious)
			(void)clear_stored_locked(o, p->offset);
	}
	memcpy(lost_bits, o->paged_out, vm_object_paged_out_bytes(o->size));
	o->lost_bits = lost_bits;
	KASSERT(o->lost == o->stored);
}

/* The first stored page from offset on, below end; end: none. */
static uint64_t next_stored(const struct vm_object *o, uint64_t offset, uint64_t end)
{
	uint64_t i = offset >> PAGE_SHIFT, last = (end < o->size ? end : o->size) >> PAGE_SHIFT;

	if (o->paged_out == NULL || o->stored == 0)
		return end;
	while (i < last) {
		uint64_t word = o->paged_out[i / 64] >> (i % 64);

		if (word != 0) {
			i += (uint64_t)__builtin_ctzl(word);
			return i < last ? i << PAGE_SHIFT : end;
		}
		i = (i | 63) + 1;
	}
	return end;
}

uint64_t vm_swap_forget_locked(struct vm_object *o, uint64_t start, uint64_t end)
{
	uint64_t n = 0;

	for (uint64_t at = next_stored(o, start, end); at < end; at = next_stored(o, at + PAGE_SIZE, end))
		n += clear_stored_locked(o, at);
	if (n != 0)
		vm_swap_give(o->swap, n);
	return n;
}

void vm_object_free_stored_locked(struct vm_object *o)
{
	if (o->stored + o->garbage != o->lost)
		vm_swap_give(o->swap, o->stored + o->garbage - o->lost);
	if (o->paged_out != NULL)
		kfree(o->paged_out, vm_object_paged_out_bytes(o->size));
	if (o->lost_bits != NULL)
		kfree(o->lost_bits, vm_object_paged_out_bytes(o->size));
	o->paged_out = o->lost_bits = NULL;
	o->stored = o->garbage = o->lost = 0;
	vm_swap_release(o->swap);
	o->swap = NULL;
}

/* ---- between an object o and its shadow s, which is o's alone; both locked ---- */

/* What s has stored becomes o's in bits. What o has itself is newer: it must be paged out before it may be dropped. */
static void take_bits(struct vm_object *o, struct vm_object *s, uint64_t *bits)
{
	uint64_t end = o->shadow_offset + o->size;

	o->paged_out = bits;
	for (uint64_t at = next_stored(s, o->shadow_offset, end); at < end; at = next_stored(s, at + PAGE_SIZE, end)) {
		uint64_t mine = at - o->shadow_offset, index = mine >> PAGE_SHIFT;
		struct vm_page *p = vm_object_page_lookup_locked(o, mine);

		bits[index / 64] |= 1UL << (index % 64);
		o->stored++;
		if (p == NULL)
			o->own++;
		else
			p->dirty = true;
	}
	o->garbage += s->garbage + (s->stored - o->stored);
}

bool vm_object_take_pager_locked(struct vm_object *o, struct vm_object *s)
{
	uint64_t *bits;

	KASSERT(s->references == 1 && s->pager != NULL && s->paged_out != NULL && s->placeholders == 0 && o->placeholders == 0);
	if (o->pager != NULL || o->pager_created || s->lost != 0 || s->old_ports != NULL || !s->alive)
		return false;
	bits = kalloc_zeroed(vm_object_paged_out_bytes(o->size));
	if (bits == NULL)
		return false;
	if (!vm_pager_move_try(o, s)) {
		kfree(bits, vm_object_paged_out_bytes(o->size));
		return false;
	}
	take_bits(o, s, bits);
	o->paging_offset = s->paging_offset + o->shadow_offset;
	o->cluster_size = s->cluster_size;
	o->pager_timeout_ns = s->pager_timeout_ns;
	o->swap = s->swap;
	s->swap = NULL;
	o->pager_created = true;
	kfree(s->paged_out, vm_object_paged_out_bytes(s->size));
	s->paged_out = NULL;
	s->stored = s->garbage = 0;
	s->own = s->resident;
	s->pager_created = false;
	return true;
}

uint64_t vm_object_drain_locked(struct vm_object *o, struct vm_object *s)
{
	uint64_t end = s->size;

	LIST_FOR_EACH_SAFE(l, next, &s->pages) {
		struct vm_page *p = container_of(l, struct vm_page, object_link);
		uint64_t offset = p->offset, at = offset - o->shadow_offset;

		if (p->wire_count != 0)
			continue;
		if (offset < o->shadow_offset || at >= o->size || vm_object_has_own(o, at)) {
			vm_object_page_free_locked(s, p);
		} else {
			vm_object_page_move_locked(o, p, at);
			p->dirty = true; /* o's pager has not got it */
		}
	}
	for (uint64_t offset = next_stored(s, 0, end); offset < end; offset = next_stored(s, offset + PAGE_SIZE, end)) {
		uint64_t at = offset - o->shadow_offset;

		if (offset >= o->shadow_offset && at < o->size && !vm_object_has_own(o, at))
			return offset;
		s->garbage += clear_stored_locked(s, offset);
	}
	return end;
}

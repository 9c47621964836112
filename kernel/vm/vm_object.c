/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_object.c - memory objects: their life, their pages, waits for busy pages.
 *
 * Interface: vm_object.h (invariants O1..O5 there). The chain of shadows is vm_object_chain.c.
 * Pages are found through a hash of their offsets with chains in the pages themselves: inserting a page needs
 *   no memory. The table grows when it can; when it cannot, lookups get slower, nothing fails.
 */
#include <vm/vm_object.h>

#include <base/string.h>
#include <kern/kalloc.h>
#include <mach/memory_object_types.h>
#include <vm/vm_purgable.h>
#include <vm/vm_pageout.h>

#include "vm_object_internal.h"
#include "vm_pager_port.h"

#define BUCKETS_MAX (1UL << 17) /* a 1 MiB table */
#define BUCKETS_GROW 8U
#define EXTEND_MAX (1UL << 20) /* bytes of an object that neighbours share */
#define PAGES_PER_TURN 64U /* freed under one hold of a lock */

static struct zone *object_zone, *placeholder_zone;

void vm_object_init(void)
{
	object_zone = zone_create("vm_object", sizeof(struct vm_object), 0);
	placeholder_zone = zone_create("vm_page placeholder", sizeof(struct vm_page), 0);
}

uint64_t vm_object_count(void)
{
	return zone_in_use(object_zone);
}

struct vm_object *vm_object_create(uint64_t size)
{
	struct vm_object *o = zone_alloc_zeroed(object_zone);

	if (o == NULL)
		return NULL;
	spin_init(&o->lock, "vm_object");
	o->references = 1;
	o->size = size;
	list_init(&o->pages);
	o->buckets = o->buckets_inline;
	o->bucket_mask = VM_OBJECT_BUCKETS_INLINE - 1;
	waitq_init(&o->page_wait);
	waitq_init(&o->event_wait);
	list_init(&o->syncs);
	list_init(&o->hash_link);
	list_init(&o->cache_link);
	o->copy_strategy = MEMORY_OBJECT_COPY_SYMMETRIC;
	list_init(&o->purgable_link);
	o->internal = o->alive = true;
	o->cluster_size = PAGE_SIZE;
	return o;
}

struct vm_object *vm_object_create_device(uint64_t phys, uint64_t size, enum pmap_cache cache)
{
	struct vm_object *o = vm_object_create(size);

	if (o == NULL)
		return NULL;
	o->device = true;
	o->shared = o->copied = true;
	o->device_phys = phys;
	o->cache = cache;
	return o;
}

void vm_object_reference(struct vm_object *o)
{
	spin_lock(&o->lock);
	VERIFY(o->references != 0 && o->references != UINT32_MAX);
	o->references++;
	spin_unlock(&o->lock);
}

static void buckets_free(struct vm_object *o)
{
	if (o->buckets != o->buckets_inline)
		kfree(o->buckets, (o->bucket_mask + 1) * sizeof(o->buckets[0]));
}

static struct vm_page **bucket_of(struct vm_object *o, uint64_t offset)
{
	return &o->buckets[(offset >> PAGE_SHIFT) & o->bucket_mask];
}

void vm_object_page_remove_locked(struct vm_object *o, struct vm_page *page)
{
	struct vm_page **at = bucket_of(o, page->offset);

	while (*at != page)
		at = &(*at)->hash_next;
	vm_page_unqueue_locked(page);
	vm_page_laundry_done_locked(page);
	*at = page->hash_next;
	page->hash_next = NULL;
	list_remove(&page->object_link);
	page->object = NULL;
	o->resident--;
	if (!page->fictitious && !vm_object_is_stored(o, page->offset))
		o->own--;
}

struct vm_page *vm_object_placeholder_locked(struct vm_object *o, uint64_t offset)
{
	struct vm_page *p = zone_alloc_zeroed(placeholder_zone);

	if (p == NULL)
		return NULL;
	list_init(&p->queue_link);
	list_init(&p->object_link);
	p->phys = UINT64_MAX;
	p->fictitious = p->busy = p->absent = true;
	vm_object_page_insert_locked(o, p, offset);
	o->placeholders++;
	o->paging_in_progress++;
	return p;
}

void vm_object_placeholder_settle_locked(struct vm_object *o, struct vm_page *page)
{
	KASSERT(page->fictitious && page->busy);
	o->paging_in_progress--;
	vm_object_page_done_locked(o, page);
}

static void placeholder_free_locked(struct vm_object *o, struct vm_page *page)
{
	if (page->busy)
		vm_object_placeholder_settle_locked(o, page);
	vm_object_page_remove_locked(o, page);
	o->placeholders--;
	zone_free(placeholder_zone, page);
}

void vm_object_page_free_locked(struct vm_object *o, struct vm_page *page)
{
	if (page->fictitious) {
		placeholder_free_locked(o, page);
		return;
	}
	KASSERT(page->wire_count == 0 && !page->busy);
	pmap_page_protect(page, VM_PROT_NONE);
	vm_object_page_remove_locked(o, page);
	vm_page_release(page);
}

void vm_object_page_move_locked(struct vm_object *to, struct vm_page *page, uint64_t offset)
{
	uint32_t wired = page->wire_count;

	vm_object_page_remove_locked(page->object, page);
	vm_object_page_insert_locked(to, page, offset);
	if (wired != 0) {
		vm_page_unqueue_locked(page);
		page->wire_count = wired;
	}
}

/* Nobody can find o any more; interrupts get their turn every so many pages. */
static void free_all_pages_locked(struct vm_object *o)
{
	struct vm_page *p;
	unsigned n = 0;

	while ((p = list_first(&o->pages, struct vm_page, object_link)) != NULL) {
		vm_object_page_free_locked(o, p);
		if (++n % PAGES_PER_TURN == 0) {
			spin_unlock(&o->lock);
			spin_lock(&o->lock);
		}
	}
}

void vm_object_free_locked(struct vm_object *o)
{
	KASSERT(o->references == 0 && list_empty(&o->pages) && !o->tabled && o->copy == NULL && o->own == o->stored);
	vm_object_free_stored_locked(o);
	spin_unlock(&o->lock);
	buckets_free(o);
	zone_free(object_zone, o);
}

/* One of several references, or the last. */
static __attribute__((noinline)) void deallocate_slow(struct vm_object *o)
{
	while (o != NULL) {
		struct vm_object *shadow;

		spin_lock(&o->lock);
		VERIFY(o->references != 0);
		if (o->tabled && o->references == 2) {
			spin_unlock(&o->lock);
			vm_object_unused(o);
			return;
		}
		if (--o->references != 0) {
			if (o->terminating && o->references == 1)
				(void)waitq_wake_all(&o->event_wait); /* vm_object_cache.c */
			spin_unlock(&o->lock);
			return;
		}
		KASSERT(list_empty(&o->page_wait.threads) && list_empty(&o->event_wait.threads));
		if (o->purgable) {
			spin_unlock(&o->lock);
			vm_purgable_forget(o);
			spin_lock(&o->lock);
		}
		if (o->pager != NULL) {
			vm_object_end_later_locked(o);
			return;
		}
		free_all_pages_locked(o);
		vm_object_uncopy_locked(o);
		shadow = o->shadow;
		vm_object_free_locked(o);
		o = shadow;
	}
}

void vm_object_deallocate(struct vm_object *o)
{
	if (o == NULL)
		return;
	spin_lock(&o->lock);
	if (__builtin_expect(o->references <= 2 || o->terminating, 0)) {
		spin_unlock(&o->lock);
		deallocate_slow(o);
		return;
	}
	o->references--;
	spin_unlock(&o->lock);
}

/* The emptied shadow of a collapse: locked by the caller, whose reference it was. */
void vm_object_free_emptied(struct vm_object *o)
{
	KASSERT(o->references == 1 && o->pager == NULL);
	o->references = 0;
	vm_object_free_locked(o);
}

struct vm_page *vm_object_page_lookup_locked(struct vm_object *o, uint64_t offset)
{
	struct vm_page *p = *bucket_of(o, offset);

	while (p != NULL && p->offset != offset)
		p = p->hash_next;
	return p;
}

static __attribute__((noinline)) void buckets_grow_locked(struct vm_object *o)
{
	uint64_t count = (o->bucket_mask + 1) * BUCKETS_GROW;
	struct vm_page **old = o->buckets, **table;
	uint64_t old_mask = o->bucket_mask;

	if (count > BUCKETS_MAX)
		count = BUCKETS_MAX;
	table = count > old_mask + 1 ? kalloc_zeroed(count * sizeof(table[0])) : NULL;
	if (table == NULL)
		return;
	o->buckets = table;
	o->bucket_mask = count - 1;
	LIST_FOR_EACH(l, &o->pages) {
		struct vm_page *p = container_of(l, struct vm_page, object_link);
		struct vm_page **at = bucket_of(o, p->offset);

		p->hash_next = *at;
		*at = p;
	}
	if (old != o->buckets_inline)
		kfree(old, (old_mask + 1) * sizeof(old[0]));
}

void vm_object_page_insert_locked(struct vm_object *o, struct vm_page *page, uint64_t offset)
{
	struct vm_page **at;

	KASSERT(vm_object_page_lookup_locked(o, offset) == NULL);
	if (o->resident > (o->bucket_mask + 1) * 2)
		buckets_grow_locked(o);
	page->object = o;
	page->offset = offset;
	page->wire_count = 0;
	page->owner = PAGE_OWNER_OBJECT;
	at = bucket_of(o, offset);
	page->hash_next = *at;
	*at = page;
	list_add_tail(&o->pages, &page->object_link);
	o->resident++;
	if (!page->fictitious && !vm_object_is_stored(o, offset))
		o->own++;
	vm_page_activate_locked(page);
}

void vm_object_take_pages_locked(struct vm_object *to, struct vm_object *from)
{
	KASSERT(to->resident == 0 && to->buckets == to->buckets_inline);
	vm_page_set_object_locked(&from->pages, to);
	list_splice_tail(&to->pages, &from->pages);
	KASSERT(from->placeholders == 0 && from->stored == 0);
	to->resident = from->resident;
	to->own = from->own;
	from->own = 0;
	if (from->buckets == from->buckets_inline) {
		memcpy(to->buckets_inline, from->buckets_inline, sizeof(to->buckets_inline));
	} else {
		to->buckets = from->buckets;
		to->bucket_mask = from->bucket_mask;
	}
	from->resident = 0;
	from->buckets = from->buckets_inline;
	from->bucket_mask = VM_OBJECT_BUCKETS_INLINE - 1;
	memset(from->buckets_inline, 0, sizeof(from->buckets_inline));
}

static void free_range_locked(struct vm_object *o, uint64_t start, uint64_t end)
{
	if ((end - start) >> PAGE_SHIFT <= o->resident) {
		for (uint64_t at = start; at < end; at += PAGE_SIZE) {
			struct vm_page *p = vm_object_page_lookup_locked(o, at);

			if (p != NULL)
				vm_object_page_free_locked(o, p);
		}
		return;
	}
	LIST_FOR_EACH_SAFE(l, next, &o->pages) {
		struct vm_page *p = container_of(l, struct vm_page, object_link);

		if (p->offset >= start && p->offset < end)
			vm_object_page_free_locked(o, p);
	}
}

/* Does nobody see pages of o but through the entries that name it, each its own (O3)? With one reference the whole object goes next. */
static bool seen_once_locked(const struct vm_object *o)
{
	return o->references > 1 && !o->copied && !o->shared && o->internal;
}

/* Some pages of the walk; false: no more. A page in transit stays: the pager's answer finds it. */
static bool forget_some_locked(struct vm_object *o, struct vm_object_walk *w)
{
	for (unsigned n = 0; n < VM_OBJECT_WALK_PAGES; n++) {
		struct vm_page *p = vm_object_walk_next_locked(o, w);

		if (p == NULL)
			return !w->done;
		vm_object_page_free_locked(o, p);
	}
	return true;
}

void vm_object_forget_range(struct vm_object *o, uint64_t start, uint64_t end)
{
	struct vm_object_walk w;
	uint64_t stored = 0;

	spin_lock(&o->lock);
	vm_object_walk_begin_locked(o, &w, start, end);
	while (seen_once_locked(o) && forget_some_locked(o, &w)) {
		spin_unlock(&o->lock);
		spin_lock(&o->lock);
	}
	if (seen_once_locked(o))
		stored = vm_swap_forget_locked(o, start, end);
	spin_unlock(&o->lock);
	if (stored != 0)
		vm_pager_send_discard(o, start, end - start);
}

bool vm_object_extend(struct vm_object *o, uint64_t end, uint64_t more)
{
	bool ok;

	spin_lock(&o->lock);
	/*
	 * A shadow may have bytes beyond the end. A large object stays what it is: if it is copied, its pages go only when no entry has
	 * any of it any more, so it should not hang on by a neighbour.
	 */
	ok = end + more <= EXTEND_MAX && !o->copied && o->references == 1 && o->shadow == NULL && o->pager == NULL && !o->device;
	if (ok) {
		free_range_locked(o, end, end + more);
		if (o->size < end + more)
			o->size = end + more;
	}
	spin_unlock(&o->lock);
	return ok;
}

void vm_object_pin(struct vm_object *o, bool pinned)
{
	spin_lock(&o->lock);
	o->pinned = pinned;
	LIST_FOR_EACH(l, &o->pages) {
		struct vm_page *p = container_of(l, struct vm_page, object_link);

		if (pinned)
			vm_page_unqueue_locked(p);
		else
			vm_page_activate_locked(p);
	}
	spin_unlock(&o->lock);
}

void vm_object_page_done_locked(struct vm_object *o, struct vm_page *page)
{
	spin_assert_held(&o->lock);
	page->busy = false;
	if (page->wanted) {
		page->wanted = false;
		waitq_wake_all(&o->page_wait);
	}
}

bool vm_object_sole(struct vm_object *o)
{
	bool sole;

	spin_lock(&o->lock);
	sole = o->references == 1 && (o->pager == NULL || o->internal) && !o->device;
	if (sole)
		o->shared = o->copied = false;
	spin_unlock(&o->lock);
	return sole;
}

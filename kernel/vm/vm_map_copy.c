/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map_copy.c - memory in transit: taken out of a map, carried by a message, put into another.
 *
 * Interface: vm_map_copy.h.
 * A copy is a list of map entries that are in no map, with addresses that count from the start of the
 *   first byte's page. Up to PHYSICAL_MAX bytes are copied to fresh frames: cheaper than protecting the source and
 *   faulting on both sides. More is copy-on-write, but for the partial pages at both ends, which are copied, so that the
 *   neighbours' bytes in them are never shown.
 * Invariants:
 *   C1 the entries follow each other without a gap from 0 to the last byte's page.
 *   C2 a page whose bit in `wired` is set is resident and wired once for this copy.
 *   C3 what a thread that frees memory (the default pager's) sends, or asked a device for, is pinned until a thread that does not gets
 *      it: were it paged out, that thread would wait for itself.
 * Locking: none of its own (one owner); map lock -> object locks while in and out.
 */
#include <vm/vm_map_copy.h>

#include <base/string.h>
#include <kern/kalloc.h>
#include <kern/thread.h>

#include "vm_map_copy_internal.h"
#include "vm_object_internal.h"

#define PHYSICAL_MAX (4 * PAGE_SIZE)
#define PREFAULT_PAGES 16U
#define REPLACE_MIN (8 * PAGE_SIZE) /* from so many bytes on, an overwrite exchanges pages */

static struct zone *copy_zone;

void vm_map_copy_init(void)
{
	copy_zone = zone_create("vm_map_copy", sizeof(struct vm_map_copy), 0);
}

static uint64_t span(const struct vm_map_copy *c)
{
	return (c->first + c->size + PAGE_MASK) & ~PAGE_MASK;
}

struct vm_map_copy *vm_map_copy_new(uint64_t address, mach_vm_size_t size)
{
	struct vm_map_copy *c = zone_alloc_zeroed(copy_zone);

	if (c == NULL)
		return NULL;
	c->size = size;
	c->first = address & PAGE_MASK;
	list_init(&c->entries);
	return c;
}

static struct vm_map_entry *entry_of(struct vm_map_copy *c, uint64_t offset)
{
	LIST_FOR_EACH(l, &c->entries) {
		struct vm_map_entry *e = container_of(l, struct vm_map_entry, link);

		if (offset < e->end)
			return e;
	}
	panic("vm_map_copy: offset %lu of %lu bytes", (unsigned long)offset,
	      (unsigned long)c->size);
}

mach_vm_size_t vm_map_copy_size(const struct vm_map_copy *copy)
{
	return copy == NULL ? 0 : copy->size;
}

uint32_t vm_map_copy_first_offset(const struct vm_map_copy *copy)
{
	return (uint32_t)copy->first;
}

void vm_map_copy_discard(struct vm_map_copy *copy)
{
	if (copy == NULL)
		return;
	vm_map_copy_unwire(copy);
	LIST_FOR_EACH_SAFE(l, next, &copy->entries)
		vm_map_entry_free(container_of(l, struct vm_map_entry, link));
	zone_free(copy_zone, copy);
}

/* ---- physical copies ---- */

struct vm_map_entry *vm_map_copy_entry_new(uint64_t start, uint64_t end)
{
	struct vm_map_entry *e = vm_map_entry_alloc();

	if (e == NULL)
		return NULL;
	e->start = start;
	e->end = end;
	e->object = vm_object_create(end - start);
	if (e->object == NULL) {
		vm_map_entry_free(e);
		return NULL;
	}
	return e;
}

/* Where the bytes of a copy come from: a map, or kernel memory. */
struct source {
	struct vm_map *map; /* NULL: kernel memory */
	uint64_t address;   /* of the copy's first byte */
	const void *const *blocks; /* instead of address: kernel memory in blocks of whole pages */
	uint64_t block_bytes;
};

static kern_return_t source_read(const struct source *s, uint64_t offset, void *dst, size_t n)
{
	if (s->map != NULL)
		return vm_map_read_kernel(s->map, s->address + offset, dst, n);
	if (s->blocks != NULL) /* a page lies in one block */
		memcpy(dst, (const char *)s->blocks[offset / s->block_bytes] + offset % s->block_bytes, n);
	else
		memcpy(dst, (const char *)(uintptr_t)s->address + offset, n);
	return KERN_SUCCESS;
}

/* Fill a fresh frame with page `at` of the copy: bytes outside the copy are zero. */
static kern_return_t fill_page(const struct vm_map_copy *c, const struct source *s, uint64_t at,
			       char *page)
{
	uint64_t from = at < c->first ? c->first : at, to = at + PAGE_SIZE;

	if (to > c->first + c->size)
		to = c->first + c->size;
	memset(page, 0, from - at);
	memset(page + (to - at), 0, at + PAGE_SIZE - to);
	return source_read(s, from - c->first, page + (from - at), to - from);
}

/* Append an entry for [start, end) of the copy's pages, holding fresh frames with the source's bytes. */
static kern_return_t append_physical(struct vm_map_copy *c, const struct source *s, uint64_t start,
				     uint64_t end)
{
	struct vm_map_entry *e = vm_map_copy_entry_new(start, end);

	if (e == NULL)
		return KERN_RESOURCE_SHORTAGE;
	list_add_tail(&c->entries, &e->link);
	if (s->map != NULL && current_thread()->vm_privilege)
		vm_object_pin(e->object, true); /* C3 */
	for (uint64_t at = start; at < end; at += PAGE_SIZE) {
		struct vm_page *p;
		kern_return_t kr = KERN_SUCCESS;

		if (s->map != NULL)
			kr = vm_page_grab_user_wait(&p);
		else
			p = vm_page_grab();
		if (p == NULL)
			return kr != KERN_SUCCESS ? kr : KERN_RESOURCE_SHORTAGE;
		kr = fill_page(c, s, at, vm_page_virt(p));
		if (kr != KERN_SUCCESS) {
			vm_page_release(p);
			return kr;
		}
		p->dirty = true;
		spin_lock(&e->object->lock);
		vm_object_page_insert_locked(e->object, p, at - start);
		spin_unlock(&e->object->lock);
	}
	return KERN_SUCCESS;
}

static struct vm_map_copy *copy_of_kernel(const struct source *s, mach_vm_size_t size)
{
	struct vm_map_copy *c;

	VERIFY(size != 0);
	c = vm_map_copy_new(0, size);
	if (c != NULL && append_physical(c, s, 0, span(c)) != KERN_SUCCESS) {
		vm_map_copy_discard(c);
		return NULL;
	}
	return c;
}

struct vm_map_copy *vm_map_copy_from_kernel(const void *bytes, mach_vm_size_t size)
{
	return copy_of_kernel(&(struct source){ .address = (uintptr_t)bytes }, size);
}

struct vm_map_copy *vm_map_copy_from_kernel_blocks(const void *const *blocks, uint64_t block_bytes, mach_vm_size_t size)
{
	VERIFY(block_bytes % PAGE_SIZE == 0);
	return copy_of_kernel(&(struct source){ .blocks = blocks, .block_bytes = block_bytes }, size);
}

struct vm_map_copy *vm_map_copy_from_pages(struct vm_page **pages, uint32_t count,
					   uint32_t offset_in_first_page, mach_vm_size_t size, bool pinned)
{
	struct vm_map_copy *c;
	struct vm_map_entry *e;
	uint64_t bytes = (uint64_t)count << PAGE_SHIFT, tail;

	VERIFY(count != 0 && size != 0 && size <= bytes && offset_in_first_page < PAGE_SIZE);
	c = vm_map_copy_new(offset_in_first_page, size);
	if (c == NULL)
		return NULL;
	VERIFY(span(c) == bytes);
	e = vm_map_copy_entry_new(0, bytes);
	if (e == NULL) {
		vm_map_copy_discard(c);
		return NULL;
	}
	list_add_tail(&c->entries, &e->link);
	tail = bytes - c->first - size;
	memset(vm_page_virt(pages[0]), 0, c->first);
	memset((char *)vm_page_virt(pages[count - 1]) + PAGE_SIZE - tail, 0, tail);
	spin_lock(&e->object->lock);
	e->object->pinned = pinned;
	for (uint32_t i = 0; i < count; i++) {
		pages[i]->dirty = true;
		vm_object_page_insert_locked(e->object, pages[i], (uint64_t)i << PAGE_SHIFT);
	}
	spin_unlock(&e->object->lock);
	return c;
}

/* ---- copyin ---- */

struct copyin {
	struct vm_map *map;
	struct vm_map_copy *copy;
	uint64_t start, end;   /* the pages that the range touches */
	uint64_t first, last;  /* of them, those wholly in the range: copy-on-write */
	bool destroy;
	struct list entries;   /* made for [first, last) */
	struct vm_resolved wait;
};

/* Entries that nobody else shares just change hands when the source is destroyed. */
static bool may_move(const struct vm_map_entry *e)
{
	struct vm_object *o = e->object;
	bool ok = e->wired_count == 0;

	if (o == NULL || !ok)
		return ok;
	spin_lock(&o->lock);
	ok = !o->device && (e->needs_copy || !o->shared || o->references == 1);
	spin_unlock(&o->lock);
	return ok;
}

/* Make the entries of the copy-on-write part; those that will move stay empty for now. */
static kern_return_t copyin_entries(struct copyin *in)
{
	struct vm_map_entry *e = vm_map_lookup(in->map, in->first);

	for (; e != NULL && e->start < in->last; e = vm_map_next(in->map, e)) {
		struct vm_map_entry *to = vm_map_entry_alloc();
		kern_return_t kr = KERN_SUCCESS;

		if (to == NULL)
			return KERN_RESOURCE_SHORTAGE;
		list_add_tail(&in->entries, &to->link);
		to->start = e->start - in->start;
		to->end = e->end - in->start;
		if (e->object != NULL && e->object->device)
			kr = KERN_PROTECTION_FAILURE;
		else if (!in->destroy || !may_move(e))
			kr = vm_map_entry_duplicate(in->map, e, VM_ENTRY_COPY, to, NULL, &in->wait);
		if (kr != KERN_SUCCESS)
			return kr;
	}
	return KERN_SUCCESS;
}

/* Cannot fail: move what may move, then take the range out of the map. */
static void copyin_destroy(struct copyin *in)
{
	struct vm_map_entry *e = vm_map_lookup(in->map, in->first);

	LIST_FOR_EACH(l, &in->entries) {
		struct vm_map_entry *to = container_of(l, struct vm_map_entry, link);

		if (to->object == NULL && e->object != NULL) {
			vm_map_unmap(in->map, e->start, e->end);
			to->object = e->object;
			to->offset = e->offset;
			to->needs_copy = e->needs_copy;
			e->object = NULL;
			e->needs_copy = false;
		}
		e = vm_map_next(in->map, e);
	}
	vm_map_remove_locked(in->map, in->start, in->end);
}

static kern_return_t copyin_locked(struct copyin *in)
{
	kern_return_t kr = vm_map_check_locked(in->map, in->start, in->end, VM_PROT_READ, false);

	if (kr == KERN_SUCCESS && in->destroy)
		kr = vm_map_clip_range(in->map, in->start, in->end);
	if (kr == KERN_SUCCESS && in->first < in->last)
		kr = vm_map_clip_range(in->map, in->first, in->last);
	if (kr == KERN_SUCCESS && in->first < in->last)
		kr = copyin_entries(in);
	if (kr == KERN_SUCCESS && in->destroy)
		copyin_destroy(in);
	return kr;
}

static void entries_free(struct list *entries)
{
	LIST_FOR_EACH_SAFE(l, next, entries) {
		list_remove(l);
		vm_map_entry_free(container_of(l, struct vm_map_entry, link));
	}
}

/* The part that is shared copy-on-write (may be empty), and the destruction of the source. */
static kern_return_t copyin_virtual(struct copyin *in)
{
	kern_return_t kr;

	do {
		list_init(&in->entries);
		vm_map_lock(in->map);
		kr = copyin_locked(in);
		vm_map_unlock(in->map);
		if (kr == KERN_SUCCESS)
			return kr;
		entries_free(&in->entries);
		if (kr != VM_OBJECT_WAIT)
			return kr;
		kr = vm_object_wait(&in->wait);
	} while (kr == KERN_SUCCESS);
	return kr;
}

static kern_return_t copyin_parts(struct copyin *in, const struct source *s)
{
	struct vm_map_copy *c = in->copy;
	struct list tail = LIST_INIT(tail), head = LIST_INIT(head);
	kern_return_t kr = KERN_SUCCESS;

	if (in->first > in->start)
		kr = append_physical(c, s, 0, in->first - in->start);
	list_splice_tail(&head, &c->entries);
	if (kr == KERN_SUCCESS && in->last < in->end)
		kr = append_physical(c, s, in->last - in->start, in->end - in->start);
	list_splice_tail(&tail, &c->entries);
	list_splice_tail(&c->entries, &head);
	if (kr == KERN_SUCCESS && (in->first < in->last || in->destroy)) {
		kr = copyin_virtual(in);
		if (kr == KERN_SUCCESS)
			list_splice_tail(&c->entries, &in->entries);
	}
	list_splice_tail(&c->entries, &tail);
	return kr;
}

kern_return_t vm_map_copyin(struct vm_map *map, mach_vm_address_t addr, mach_vm_size_t size, bool src_destroy,
			    struct vm_map_copy **out)
{
	struct copyin in = { .map = map, .destroy = src_destroy };
	struct source s = { .map = map, .address = addr };
	kern_return_t kr;

	*out = NULL;
	kr = vm_map_range(map, addr, size, &in.start, &in.end);
	if (kr != KERN_SUCCESS || size == 0)
		return kr;
	in.copy = vm_map_copy_new(addr, size);
	if (in.copy == NULL)
		return KERN_RESOURCE_SHORTAGE;
	if (size <= PHYSICAL_MAX) {
		in.first = in.last = in.end;
	} else {
		in.first = (addr + PAGE_MASK) & ~PAGE_MASK;
		in.last = (addr + size) & ~PAGE_MASK;
	}
	kr = copyin_parts(&in, &s);
	if (kr != KERN_SUCCESS)
		vm_map_copy_discard(in.copy);
	else
		*out = in.copy;
	return kr;
}

/* ---- copyout ---- */

/* Map what is resident already, so that the receiver's first touches do not fault. Failures do not matter. */
static void prefault(struct vm_map *map, struct vm_map_entry *e, unsigned *budget)
{
	for (uint64_t va = e->start; va < e->end && *budget != 0; va += PAGE_SIZE, --*budget) {
		struct vm_resolved r = { .deadline_ns = 0 };
		kern_return_t kr = vm_map_resolve_locked(e, va, VM_ACCESS_PEEK, &r);

		if (kr == VM_OBJECT_WAIT)
			vm_object_deallocate(r.object);
		if (kr != KERN_SUCCESS || r.page == NULL)
			continue;
		vm_map_enter_page_locked(map, e, va, &r, false);
		spin_unlock(&r.object->lock);
	}
}

kern_return_t vm_map_copyout(struct vm_map *map, mach_vm_address_t *addr, struct vm_map_copy *copy)
{
	bool unpin = !current_thread()->vm_privilege; /* C3 */
	unsigned budget = PREFAULT_PAGES;
	kern_return_t kr;
	uint64_t base;

	if (copy == NULL) {
		*addr = 0;
		return KERN_SUCCESS;
	}
	vm_map_copy_unwire(copy);
	vm_map_lock(map);
	kr = vm_map_place_locked(map, 0, span(copy), 0, VM_FLAGS_ANYWHERE, &base);
	if (kr == KERN_SUCCESS) {
		LIST_FOR_EACH_SAFE(l, next, &copy->entries) {
			struct vm_map_entry *e = container_of(l, struct vm_map_entry, link);

			list_remove(l);
			if (unpin && e->object != NULL && e->object->pinned)
				vm_object_pin(e->object, false);
			e->start += base;
			e->end += base;
			e->protection = VM_PROT_DEFAULT;
			e->max_protection = VM_PROT_ALL;
			e->inheritance = VM_INHERIT_DEFAULT;
			vm_map_tree_insert(map, e);
			prefault(map, e, &budget);
		}
		*addr = base + copy->first;
	}
	vm_map_unlock(map);
	if (kr == KERN_SUCCESS)
		vm_map_copy_discard(copy);
	return kr;
}

/* May pages of the copy take the place of the plain entry e over [start, end)? */
static bool replaceable(const struct vm_map_entry *e, uint64_t start, uint64_t end)
{
	struct vm_object *o;
	bool ok;

	if (e == NULL || e->start > start || e->end < end || e->wired_count != 0)
		return false;
	o = e->object;
	if (o == NULL || e->needs_copy)
		return true;
	spin_lock(&o->lock);
	ok = !o->device && o->pager == NULL && (!o->shared || o->references == 1);
	spin_unlock(&o->lock);
	return ok;
}

/*
 * Overwrite whole pages by putting the copy's entries into the map. Returns the bytes done, from the copy's start on;
 * the entries of what is left stay in the copy.
 */
static mach_vm_size_t overwrite_by_entries(struct vm_map *map, uint64_t addr, struct vm_map_copy *copy)
{
	mach_vm_size_t whole = copy->size & ~PAGE_MASK, done = 0;
	struct vm_map_entry *e, like;

	if (whole < REPLACE_MIN || copy->first != 0 || (addr & PAGE_MASK) != 0)
		return 0;
	vm_map_copy_unwire(copy);
	vm_map_lock(map);
	e = vm_map_lookup(map, addr);
	if (replaceable(e, addr, addr + whole) && (e->protection & VM_PROT_WRITE) != 0 &&
	    vm_map_clip_range(map, addr, addr + whole) == KERN_SUCCESS) {
		like = *vm_map_lookup(map, addr);
		LIST_FOR_EACH_SAFE(l, next, &copy->entries) {
			e = container_of(l, struct vm_map_entry, link);
			if (e->end > whole || vm_map_clip_range(map, addr + e->start, addr + e->end) != KERN_SUCCESS)
				break;
			vm_map_remove_locked(map, addr + e->start, addr + e->end);
			done = e->end;
			list_remove(l);
			e->start += addr;
			e->end += addr;
			vm_map_entry_like(e, &like);
			vm_map_tree_insert(map, e);
		}
	}
	vm_map_unlock(map);
	return done;
}

kern_return_t vm_map_copy_overwrite(struct vm_map *map, mach_vm_address_t addr, struct vm_map_copy *copy)
{
	mach_vm_size_t done = 0, size = vm_map_copy_size(copy);
	struct vm_page *bounce;
	kern_return_t kr;

	if (size == 0)
		return KERN_SUCCESS;
	kr = vm_map_check(map, addr, size, VM_PROT_WRITE);
	if (kr != KERN_SUCCESS)
		return kr;
	bounce = vm_page_grab();
	if (bounce == NULL)
		return KERN_RESOURCE_SHORTAGE;
	done = overwrite_by_entries(map, addr, copy);
	while (kr == KERN_SUCCESS && done < size) {
		size_t n = size - done < PAGE_SIZE ? size - done : PAGE_SIZE;

		kr = vm_map_copy_to_kernel(copy, done, vm_page_virt(bounce), n);
		if (kr == KERN_SUCCESS)
			kr = vm_map_write_kernel(map, addr + done, vm_page_virt(bounce), n);
		done += n;
	}
	vm_page_release(bounce);
	if (kr == KERN_SUCCESS)
		vm_map_copy_discard(copy);
	return kr;
}

/* ---- the kernel's own access ---- */

/* As vm_object_resolve, of the page that holds byte `at` of the copy's pages; waits. */
static kern_return_t copy_page(struct vm_map_copy *c, uint64_t at, enum vm_access access,
			       struct vm_resolved *r)
{
	struct vm_map_entry *e = entry_of(c, at);
	kern_return_t kr;

	do {
		kr = vm_map_resolve_locked(e, at & ~PAGE_MASK, access, r);
		if (kr != VM_OBJECT_WAIT)
			return kr;
		kr = vm_object_wait(r);
	} while (kr == KERN_SUCCESS);
	return kr;
}

kern_return_t vm_map_copy_to_kernel(struct vm_map_copy *copy, mach_vm_size_t offset, void *dst,
				    mach_vm_size_t n)
{
	uint64_t at, end;
	char *to = dst;

	if (n == 0)
		return KERN_SUCCESS;
	if (copy == NULL || offset > copy->size || n > copy->size - offset)
		return KERN_INVALID_ARGUMENT;
	at = copy->first + offset;
	end = at + n;
	while (at < end) {
		uint64_t in_page = at & PAGE_MASK, bytes = PAGE_SIZE - in_page;
		struct vm_resolved r = { .deadline_ns = 0 };
		kern_return_t kr = copy_page(copy, at, VM_ACCESS_PEEK, &r);

		if (kr != KERN_SUCCESS)
			return kr;
		if (bytes > end - at)
			bytes = end - at;
		if (r.page == NULL) {
			memset(to, 0, bytes);
		} else {
			memcpy(to, (char *)vm_page_virt(r.page) + in_page, bytes);
			spin_unlock(&r.object->lock);
		}
		to += bytes;
		at += bytes;
	}
	return KERN_SUCCESS;
}

static size_t wired_bytes(const struct vm_map_copy *c)
{
	return ((span(c) >> PAGE_SHIFT) + 63) / 64 * sizeof(uint64_t);
}

kern_return_t vm_map_copy_wire_page(struct vm_map_copy *copy, mach_vm_size_t offset, struct vm_page **out)
{
	struct vm_resolved r = { .deadline_ns = 0 };
	uint64_t index, bit;
	kern_return_t kr;

	if (copy == NULL || offset >= copy->size)
		return KERN_INVALID_ARGUMENT;
	if (copy->wired == NULL)
		copy->wired = kalloc_zeroed(wired_bytes(copy));
	if (copy->wired == NULL)
		return KERN_RESOURCE_SHORTAGE;
	kr = copy_page(copy, copy->first + offset, VM_ACCESS_READ, &r);
	if (kr != KERN_SUCCESS)
		return kr;
	index = (copy->first + offset) >> PAGE_SHIFT;
	bit = 1UL << (index % 64);
	if ((copy->wired[index / 64] & bit) == 0) {
		copy->wired[index / 64] |= bit;
		vm_page_wire_locked(r.page);
	}
	*out = r.page;
	spin_unlock(&r.object->lock);
	return KERN_SUCCESS;
}

static void unwire_index(struct vm_map_copy *c, uint64_t index)
{
	struct vm_resolved r = { .deadline_ns = 0 };
	kern_return_t kr = copy_page(c, index << PAGE_SHIFT, VM_ACCESS_PEEK, &r);

	VERIFY(kr == KERN_SUCCESS && r.page != NULL && r.page->wire_count != 0); /* C2 */
	vm_page_unwire_locked(r.page);
	spin_unlock(&r.object->lock);
}

void vm_map_copy_unwire(struct vm_map_copy *copy)
{
	size_t bytes;

	if (copy == NULL || copy->wired == NULL)
		return;
	bytes = wired_bytes(copy);
	for (uint64_t word = 0; word < bytes / sizeof(uint64_t); word++)
		while (copy->wired[word] != 0) {
			unsigned bit = (unsigned)__builtin_ctzll(copy->wired[word]);

			copy->wired[word] &= copy->wired[word] - 1;
			unwire_index(copy, word * 64 + bit);
		}
	kfree(copy->wired, bytes);
	copy->wired = NULL;
}

/* ---- pagers ---- */

/* The copy's own frame of byte `at` of its pages, if nobody else can see it. */
static struct vm_page *steal_page(struct vm_map_copy *c, uint64_t at)
{
	struct vm_map_entry *e = entry_of(c, at);
	struct vm_object *o = e->object;
	struct vm_page *p = NULL;

	if (o == NULL || c->wired != NULL)
		return NULL;
	spin_lock(&o->lock);
	if (o->references == 1 && o->internal && o->pager == NULL)
		p = vm_object_page_lookup_locked(o, e->offset + (at - e->start));
	if (p != NULL && (p->fictitious || p->wire_count != 0))
		p = NULL;
	if (p != NULL) {
		pmap_page_protect(p, VM_PROT_NONE);
		vm_object_page_remove_locked(o, p);
	}
	spin_unlock(&o->lock);
	return p;
}

kern_return_t vm_map_copy_take_page(struct vm_map_copy *copy, mach_vm_size_t offset, struct vm_page **out)
{
	kern_return_t kr;

	if (copy == NULL || offset > copy->size || copy->size - offset < PAGE_SIZE || (offset & PAGE_MASK) != 0)
		return KERN_INVALID_ARGUMENT;
	*out = copy->first == 0 ? steal_page(copy, offset) : NULL;
	if (*out != NULL)
		return KERN_SUCCESS;
	kr = vm_page_grab_user_wait(out);
	if (kr != KERN_SUCCESS)
		return kr;
	kr = vm_map_copy_to_kernel(copy, offset, vm_page_virt(*out), PAGE_SIZE);
	if (kr != KERN_SUCCESS)
		vm_page_release(*out);
	return kr;
}

void vm_map_copy_launder(struct vm_map_copy *copy, bool external)
{
	struct vm_object *o = list_first(&copy->entries, struct vm_map_entry, link)->object;

	spin_lock(&o->lock);
	LIST_FOR_EACH(l, &o->pages) {
		struct vm_page *p = container_of(l, struct vm_page, object_link);

		if (external)
			vm_page_laundry_external_locked(p);
		else
			vm_page_laundry_locked(p);
	}
	spin_unlock(&o->lock);
}

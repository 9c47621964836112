/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map_fork.c - memory of one map shown in another: inheritance, vm_remap, and what copies share.
 *
 * Interface: vm_map.h vm_map_fork, vm_map_remap; vm_map_entry_duplicate.
 * How an object is copied: plain anonymous memory lazily on both sides (needs_copy: whoever writes first puts a
 *   shadow in front of its entry); memory that several maps write by sinking its pages below the shared object; a pager's object as
 *   its copy strategy says; wired memory at once, page by page.
 * Locking: never two maps' locks at once: vm_map_remap collects entries from the source, then inserts them.
 */
#include "vm_map_internal.h"

static kern_return_t share(struct vm_map_entry *e, struct vm_map_entry *to)
{
	kern_return_t kr = vm_map_entry_object(e);

	if (kr == KERN_SUCCESS && !e->object->device)
		kr = vm_map_entry_unshare(e);
	if (kr != KERN_SUCCESS)
		return kr;
	spin_lock(&e->object->lock);
	e->object->shared = e->object->copied = true;
	e->object->references++;
	spin_unlock(&e->object->lock);
	to->object = e->object;
	to->offset = e->offset;
	return KERN_SUCCESS;
}

void vm_map_lower_end(struct vm_map *map, struct vm_map_lower *lower)
{
	if (lower != NULL && lower->start < lower->end)
		pmap_protect(map->pmap, lower->start, lower->end, VM_PROT_ALL & ~VM_PROT_WRITE);
	if (lower != NULL)
		*lower = (struct vm_map_lower){ 0 };
}

/* e's mappings must not be written through any more; lower NULL: when this returns, else when vm_map_lower_end() has. */
static void lower_entry(struct vm_map *map, const struct vm_map_entry *e, struct vm_map_lower *lower)
{
	if (lower == NULL) {
		pmap_protect(map->pmap, e->start, e->end, VM_PROT_ALL & ~VM_PROT_WRITE);
		return;
	}
	if (lower->start == lower->end)
		lower->start = e->start;
	lower->end = e->end;
}

static void copy_lazily(struct vm_map *map, struct vm_map_entry *e, struct vm_map_entry *to, struct vm_map_lower *lower)
{
	spin_lock(&e->object->lock);
	e->object->copied = true;
	e->object->references++;
	spin_unlock(&e->object->lock);
	if (!e->needs_copy && (e->protection & VM_PROT_WRITE) && map->pmap != NULL)
		lower_entry(map, e, lower);
	e->needs_copy = to->needs_copy = true;
	to->object = e->object;
	to->offset = e->offset;
}

static bool is_shared(struct vm_object *o)
{
	bool shared;

	spin_lock(&o->lock);
	shared = o->shared && o->references > 1;
	spin_unlock(&o->lock);
	return shared;
}

bool vm_map_entry_shared(const struct vm_map_entry *e)
{
	return e->object != NULL && !e->needs_copy && is_shared(e->object);
}

static bool may_copy_lazily(const struct vm_map_entry *e, enum vm_entry_copy how)
{
	const struct vm_object *o = e->object;

	return how == VM_ENTRY_COPY && o != NULL && !o->device && o->internal && e->wired_count == 0 && !o->purgable &&
	       (e->needs_copy || !is_shared(e->object));
}

kern_return_t vm_map_entry_duplicate(struct vm_map *map, struct vm_map_entry *e,
				     enum vm_entry_copy how, struct vm_map_entry *to,
				     struct vm_map_lower *lower, struct vm_resolved *wait)
{
	bool zeros = how == VM_ENTRY_COPY && e->object == NULL;
	kern_return_t kr = KERN_FAILURE;
	uint64_t base;

	if (!zeros && !may_copy_lazily(e, how))
		vm_map_lower_end(map, lower); /* e's mappings keep their rights */
	if (how == VM_ENTRY_SHARE)
		return share(e, to);
	if (e->object == NULL)
		return KERN_SUCCESS; /* zeros on both sides */
	if (e->object->device)
		return KERN_PROTECTION_FAILURE; /* registers have no copy */
	if (!e->object->internal) { /* [I]: a pager's */
		to->needs_copy = true;
		return vm_object_copy_strategically(e->object, e->offset, e->end - e->start, &to->object, &to->offset, wait);
	}
	if (may_copy_lazily(e, how)) {
		copy_lazily(map, e, to, lower);
		return KERN_SUCCESS;
	}
	if (e->wired_count == 0 && !e->object->purgable) {
		kr = vm_object_sink(e->object, &to->object, &base);
		if (kr == KERN_SUCCESS) {
			to->offset = base + e->offset;
			to->needs_copy = true;
		}
	}
	if (kr == KERN_FAILURE) {
		to->offset = 0;
		kr = vm_object_copy_slowly(e->object, e->offset, e->end - e->start, &to->object, wait);
	}
	return kr;
}

/* A fresh entry like e at the same addresses, showing its memory. */
static kern_return_t entry_like(struct vm_map *map, struct vm_map_entry *e, enum vm_entry_copy how,
				struct vm_map_entry **out, struct vm_map_lower *lower, struct vm_resolved *wait)
{
	struct vm_map_entry *to = vm_map_entry_alloc();
	kern_return_t kr;

	if (to == NULL)
		return KERN_RESOURCE_SHORTAGE;
	to->start = e->start;
	to->end = e->end;
	vm_map_entry_like(to, e);
	kr = vm_map_entry_duplicate(map, e, how, to, lower, wait);
	if (kr != KERN_SUCCESS)
		vm_map_entry_free(to);
	else
		*out = to;
	return kr;
}

/* What a child gets of e. Device memory is shared, as Mach's: it cannot be copied. */
static enum vm_entry_copy inherited(const struct vm_map_entry *e)
{
	bool device = e->object != NULL && e->object->device;

	return device || e->inheritance == VM_INHERIT_SHARE ? VM_ENTRY_SHARE : VM_ENTRY_COPY;
}

static kern_return_t fork_locked(struct vm_map *parent, struct vm_map *child,
				 struct vm_map_lower *lower, struct vm_resolved *wait)
{
	struct vm_map_entry *e = vm_map_first(parent), *to;

	for (; e != NULL; e = vm_map_next(parent, e)) {
		kern_return_t kr;

		if (e->inheritance == VM_INHERIT_NONE) {
			vm_map_lower_end(parent, lower);
			continue;
		}
		kr = entry_like(parent, e, inherited(e), &to, lower, wait);
		if (kr != KERN_SUCCESS)
			return kr;
		vm_map_tree_append(child, to);
	}
	return KERN_SUCCESS;
}

kern_return_t vm_map_fork(struct vm_map *parent, struct vm_map **out)
{
	struct vm_resolved r = { .deadline_ns = 0 };
	struct vm_map_lower lower = { 0 };
	struct vm_map *child;
	kern_return_t kr;

	do {
		child = vm_map_create();
		if (child == NULL)
			return KERN_RESOURCE_SHORTAGE;
		vm_map_lock(parent);
		kr = fork_locked(parent, child, &lower, &r);
		vm_map_lower_end(parent, &lower); /* the moment of the copy */
		vm_map_unlock(parent);
		if (kr == KERN_SUCCESS) {
			*out = child;
			return KERN_SUCCESS;
		}
		vm_map_deallocate(child);
		if (kr != VM_OBJECT_WAIT)
			return kr;
		kr = vm_object_wait(&r);
	} while (kr == KERN_SUCCESS);
	return kr;
}

/* ---- remap ---- */

struct extract {
	struct list entries;  /* of vm_map_entry.link, starts and ends relative to the region */
	vm_prot_t protection, max_protection; /* what all entries have */
};

static void extract_free(struct extract *x)
{
	LIST_FOR_EACH_SAFE(l, next, &x->entries) {
		list_remove(l);
		vm_map_entry_free(container_of(l, struct vm_map_entry, link));
	}
}

static kern_return_t extract_locked(struct vm_map *source, uint64_t start, uint64_t end, bool copy,
				    struct extract *x, struct vm_resolved *wait)
{
	kern_return_t kr = vm_map_check_locked(source, start, end, VM_PROT_NONE, false);
	struct vm_map_entry *e, *to;

	if (kr == KERN_SUCCESS)
		kr = vm_map_clip_range(source, start, end);
	if (kr != KERN_SUCCESS)
		return kr;
	for (e = vm_map_lookup(source, start); e != NULL && e->start < end;
	     e = vm_map_next(source, e)) {
		kr = entry_like(source, e, copy ? VM_ENTRY_COPY : VM_ENTRY_SHARE, &to, NULL, wait);
		if (kr != KERN_SUCCESS)
			return kr;
		to->start -= start;
		to->end -= start;
		list_add_tail(&x->entries, &to->link);
		x->protection &= to->protection;
		x->max_protection &= to->max_protection;
	}
	return KERN_SUCCESS;
}

/* Collect the region's memory; x is empty unless KERN_SUCCESS. */
static kern_return_t extract(struct vm_map *source, uint64_t start, uint64_t end, bool copy,
			     struct extract *x)
{
	struct vm_resolved r = { .deadline_ns = 0 };
	kern_return_t kr;

	do {
		*x = (struct extract){ .protection = VM_PROT_ALL, .max_protection = VM_PROT_ALL };
		list_init(&x->entries);
		vm_map_lock(source);
		kr = extract_locked(source, start, end, copy, x, &r);
		vm_map_unlock(source);
		if (kr == KERN_SUCCESS)
			return kr;
		extract_free(x);
		if (kr != VM_OBJECT_WAIT)
			return kr;
		kr = vm_object_wait(&r);
	} while (kr == KERN_SUCCESS);
	return kr;
}

/* The rights that what is mapped gets; or (set false) has, and tells. */
struct rights {
	vm_prot_t protection, max_protection;
	bool set;
};

static void insert_extract(struct vm_map *map, struct extract *x, uint64_t start, int flags,
			   const struct rights *rights, vm_inherit_t inheritance)
{
	LIST_FOR_EACH_SAFE(l, next, &x->entries) {
		struct vm_map_entry *e = container_of(l, struct vm_map_entry, link);

		list_remove(l);
		e->start += start;
		e->end += start;
		e->inheritance = (uint8_t)inheritance;
		e->tag = (uint8_t)((unsigned)flags >> 24);
		if (rights->set) {
			e->protection = (uint8_t)rights->protection;
			e->max_protection = (uint8_t)rights->max_protection;
		}
		vm_map_tree_insert(map, e);
	}
}

static kern_return_t remap(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
			   mach_vm_offset_t mask, int flags, struct vm_map *source,
			   mach_vm_address_t source_address, bool copy, struct rights *rights,
			   vm_inherit_t inheritance)
{
	struct extract x;
	uint64_t start, end;
	kern_return_t kr;

	if (size == 0 || (mask & (mask + 1)) != 0 || (flags & ~VM_FLAGS_USER_REMAP) != 0 ||
	    inheritance > VM_INHERIT_LAST_VALID)
		return KERN_INVALID_ARGUMENT;
	kr = vm_map_range(source, source_address, size, &start, &end);
	if (kr == KERN_SUCCESS)
		kr = extract(source, start, end, copy, &x);
	if (kr != KERN_SUCCESS)
		return kr;
	size = end - start;
	vm_map_lock(map);
	kr = vm_map_place_locked(map, *address, size, mask, flags, &start);
	if (kr == KERN_SUCCESS) {
		insert_extract(map, &x, start, flags, rights, inheritance);
		*address = start;
		if (flags & VM_FLAGS_RETURN_DATA_ADDR)
			*address += source_address & PAGE_MASK;
		if (!rights->set) {
			rights->protection = x.protection;
			rights->max_protection = x.max_protection;
		}
	}
	vm_map_unlock(map);
	extract_free(&x);
	return kr;
}

kern_return_t vm_map_remap(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
			   mach_vm_offset_t mask, int flags, struct vm_map *source,
			   mach_vm_address_t source_address, bool copy, vm_prot_t *protection,
			   vm_prot_t *max_protection, vm_inherit_t inheritance)
{
	struct rights rights = { .set = false };
	kern_return_t kr = remap(map, address, size, mask, flags, source, source_address, copy, &rights,
				 inheritance);

	if (kr == KERN_SUCCESS) {
		*protection = rights.protection;
		*max_protection = rights.max_protection;
	}
	return kr;
}

kern_return_t vm_map_map_from(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
			      mach_vm_offset_t mask, int flags, struct vm_map *source,
			      mach_vm_address_t source_address, bool copy, vm_prot_t protection,
			      vm_prot_t max_protection, vm_inherit_t inheritance)
{
	struct rights rights = { protection, max_protection, true };

	if (((protection | max_protection) & ~VM_PROT_ALL) != 0 || (protection & ~max_protection) != 0)
		return KERN_INVALID_ARGUMENT;
	flags &= ~(VM_FLAGS_NO_CACHE | VM_FLAGS_SUPERPAGE_MASK); /* hints for new memory */
	return remap(map, address, size, mask, flags, source, source_address, copy, &rights, inheritance);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map.c - address maps: their life, regions that come, go and change their rights.
 *
 * Interface: vm_map.h (M1..M5 there). Every change first clips the entries at both ends of its range, which may
 *   fail for want of memory and changes nothing that can be seen; what follows cannot fail.
 * Locking: map lock -> object lock -> pmap.
 */
#include <base/string.h>
#include <kern/kalloc.h>
#include <vm/vm_pageout.h>
#include <vm/vm_purgable.h>

#include "vm_map_internal.h"

/* Searches for space begin here: away from programs at low addresses, their heap (brk) and the stack. */
#define ANYWHERE_BASE 0x0000100000000000UL
#define SUPERPAGE_BYTES (2UL << 20)
#define NEIGHBOURS_MAX 16U /* entries of one object that are looked at on each side */

struct vm_map *kernel_map;

static struct zone *map_zone, *entry_zone;

static struct vm_map *map_new(struct pmap *pmap, uint64_t min, uint64_t max)
{
	struct vm_map *map = zone_alloc_zeroed(map_zone);

	if (map == NULL)
		return NULL;
	rwlock_init(&map->lock, "vm_map");
	map->references = 1;
	map->pmap = pmap;
	map->min = min;
	map->max = max;
	map->anywhere = ANYWHERE_BASE;
	list_init(&map->entries);
	list_init(&map->removed);
	return map;
}

void vm_init(void)
{
	map_zone = zone_create("vm_map", sizeof(struct vm_map), 0);
	entry_zone = zone_create("vm_map_entry", sizeof(struct vm_map_entry), 0);
	vm_object_init();
	vm_map_copy_init();
	vm_page_reclaim = vm_purgable_shrink;
	kernel_map = map_new(kernel_pmap, 0, 0);
	VERIFY(kernel_map != NULL);
}

struct vm_map *vm_map_create(void)
{
	struct pmap *pmap = pmap_create();
	struct vm_map *map;

	if (pmap == NULL)
		return NULL;
	map = map_new(pmap, VM_MIN_ADDRESS, VM_MAX_ADDRESS);
	if (map == NULL)
		pmap_destroy(pmap);
	return map;
}

struct vm_map *vm_map_create_bare(uint64_t size)
{
	return map_new(NULL, 0, size);
}

void vm_map_lock(struct vm_map *map)
{
	rwlock_write(&map->lock);
}

/* Entries that were taken out of the map: their pages go now, which may take long, with nothing locked. */
static void removed_free(struct list *removed)
{
	LIST_FOR_EACH_SAFE(l, next, removed) {
		struct vm_map_entry *e = container_of(l, struct vm_map_entry, link);

		list_remove(l);
		if (e->object != NULL)
			vm_object_forget_range(e->object, e->offset, e->offset + (e->end - e->start));
		vm_map_entry_free(e);
	}
}

void vm_map_unlock(struct vm_map *map)
{
	struct list removed = LIST_INIT(removed);

	map->version++;
	list_splice_tail(&removed, &map->removed);
	rwlock_write_unlock(&map->lock);
	removed_free(&removed);
}

void vm_map_lock_read(struct vm_map *map)
{
	rwlock_read(&map->lock);
}

void vm_map_unlock_read(struct vm_map *map)
{
	rwlock_read_unlock(&map->lock);
}

void vm_map_reference(struct vm_map *map)
{
	uint32_t was = atomic_fetch_add_explicit(&map->references, 1, memory_order_relaxed);

	VERIFY(was != 0 && was != UINT32_MAX);
}

void vm_map_deallocate(struct vm_map *map)
{
	uint32_t was = atomic_fetch_sub_explicit(&map->references, 1, memory_order_acq_rel);

	VERIFY(was != 0);
	if (was != 1)
		return;
	vm_map_lock(map);
	vm_map_remove_locked(map, map->min, map->max);
	vm_map_unlock(map);
	KASSERT(map->entry_count == 0 && map->size == 0);
	if (map->pmap != NULL)
		pmap_destroy(map->pmap);
	zone_free(map_zone, map);
}

struct pmap *vm_map_pmap(const struct vm_map *map)
{
	return map->pmap;
}

/* ---- ranges and entries ---- */

kern_return_t vm_map_range(const struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
			   uint64_t *start, uint64_t *end)
{
	uint64_t last;

	*start = *end = address & ~PAGE_MASK;
	if (size == 0)
		return KERN_SUCCESS;
	if (__builtin_add_overflow(address, size, &last) ||
	    __builtin_add_overflow(last, PAGE_MASK, &last))
		return KERN_INVALID_ADDRESS;
	*end = last & ~PAGE_MASK;
	return *start < map->min || *end > map->max ? KERN_INVALID_ADDRESS : KERN_SUCCESS;
}

struct vm_map_entry *vm_map_entry_alloc(void)
{
	struct vm_map_entry *e = zone_alloc_zeroed(entry_zone);

	if (e != NULL)
		list_init(&e->link);
	return e;
}

void vm_map_entry_free(struct vm_map_entry *e)
{
	vm_object_deallocate(e->object);
	zone_free(entry_zone, e);
}

void vm_map_entry_like(struct vm_map_entry *to, const struct vm_map_entry *e)
{
	to->protection = e->protection;
	to->max_protection = e->max_protection;
	to->inheritance = e->inheritance;
	to->behavior = e->behavior;
	to->tag = e->tag;
	to->large = e->large;
}

void vm_map_unmap(struct vm_map *map, uint64_t start, uint64_t end)
{
	if (map->pmap != NULL)
		pmap_remove(map->pmap, start, end);
}

static kern_return_t clip_at(struct vm_map *map, uint64_t address)
{
	struct vm_map_entry *e = vm_map_lookup(map, address), *right;

	if (e == NULL || e->start == address)
		return KERN_SUCCESS;
	right = vm_map_entry_alloc();
	if (right == NULL)
		return KERN_RESOURCE_SHORTAGE;
	right->start = address;
	right->end = e->end;
	right->object = e->object;
	right->offset = e->offset + (e->object == NULL ? 0 : address - e->start);
	vm_map_entry_like(right, e);
	right->needs_copy = e->needs_copy;
	right->wired_count = e->wired_count;
	if (e->object != NULL)
		vm_object_reference(e->object);
	map->size -= e->end - address;
	e->end = address;
	vm_map_tree_insert(map, right);
	return KERN_SUCCESS;
}

kern_return_t vm_map_clip_range(struct vm_map *map, uint64_t start, uint64_t end)
{
	kern_return_t kr = clip_at(map, start);

	return kr == KERN_SUCCESS ? clip_at(map, end) : kr;
}

static bool alike(const struct vm_map_entry *a, const struct vm_map_entry *b)
{
	return a->protection == b->protection && a->max_protection == b->max_protection &&
	       a->inheritance == b->inheritance && a->behavior == b->behavior && a->tag == b->tag && a->large == b->large &&
	       a->wired_count == b->wired_count;
}

static bool continues(const struct vm_map_entry *a, const struct vm_map_entry *b)
{
	return a->end == b->start && a->object == b->object && alike(a, b) &&
	       a->needs_copy == b->needs_copy &&
	       (a->object == NULL || a->offset + (a->end - a->start) == b->offset);
}

void vm_map_simplify_locked(struct vm_map *map, uint64_t start, uint64_t end)
{
	struct vm_map_entry *e = vm_map_lookup_after(map, start == 0 ? 0 : start - 1), *next;

	for (; e != NULL && e->start <= end; e = next) {
		next = vm_map_next(map, e);
		if (next == NULL || !continues(e, next))
			continue;
		vm_map_tree_remove(map, next);
		e->end = next->end;
		map->size += next->end - next->start;
		vm_map_tree_gap_changed(map, vm_map_next(map, e));
		vm_map_entry_free(next);
		next = e; /* it may continue further */
	}
}

/* How many entries beside e, this way, go on with e's object, one behind the other. */
static uint32_t neighbours_of(struct vm_map *map, struct vm_map_entry *e,
			      struct vm_map_entry *(*step)(const struct vm_map *, const struct vm_map_entry *), bool up)
{
	struct vm_map_entry *n = step(map, e);
	uint32_t count = 0;

	for (; n != NULL && n->object == e->object && count < NEIGHBOURS_MAX; e = n, n = step(map, n), count++)
		if (up ? n->offset < e->offset + (e->end - e->start) : n->offset + (n->end - n->start) > e->offset)
			break;
	return count;
}

/*
 * An object that was copied, for a child that is no more, say: if all its references are of entries around e, each of its ranges is visible
 * through one of them only (O3), and what e shows can go with e.
 */
static void note_uncopied(struct vm_map *map, struct vm_map_entry *e)
{
	struct vm_object *o = e->object;
	uint32_t entries;

	if (!o->internal || o->device)
		return;
	entries = 1 + neighbours_of(map, e, vm_map_prev, false) + neighbours_of(map, e, vm_map_next, true);
	spin_lock(&o->lock);
	if (o->copied && !o->is_copy && o->references == entries)
		o->copied = o->shared = false;
	spin_unlock(&o->lock);
}

void vm_map_remove_locked(struct vm_map *map, uint64_t start, uint64_t end)
{
	struct vm_map_entry *e = vm_map_lookup_after(map, start), *before, *next;
	uint64_t low = end, high = start; /* of what may be mapped: one removal, one round of invalidation */

	before = e == NULL ? NULL : vm_map_prev(map, e);
	for (; e != NULL && e->start < end; e = next) {
		KASSERT(e->start >= start && e->end <= end);
		next = vm_map_next(map, e);
		if (e->wired_count != 0)
			vm_map_entry_unwire(e);
		if (e->object != NULL) {
			note_uncopied(map, e);
			low = e->start < low ? e->start : low;
			high = e->end;
		}
		vm_map_tree_remove(map, e);
		list_add_tail(&map->removed, &e->link);
	}
	if (map->pmap == NULL || low >= high)
		return;
	pmap_remove(map->pmap, low, high);
	pmap_collect(map->pmap, before == NULL ? map->min : before->end, e == NULL ? map->max : e->start);
}

kern_return_t vm_map_check_locked(struct vm_map *map, uint64_t start, uint64_t end,
				  vm_prot_t protection, bool max)
{
	struct vm_map_entry *e = vm_map_lookup(map, start);

	while (start < end) {
		if (e == NULL || e->start > start)
			return KERN_INVALID_ADDRESS;
		if (protection & ~(max ? e->max_protection : e->protection))
			return KERN_PROTECTION_FAILURE;
		start = e->end;
		e = vm_map_next(map, e);
	}
	return KERN_SUCCESS;
}

/* ---- enter ---- */

static kern_return_t place_anywhere(struct vm_map *map, uint64_t address, uint64_t size,
				    uint64_t mask, uint64_t *start)
{
	uint64_t from = address == 0 ? map->anywhere : (address + PAGE_MASK) & ~PAGE_MASK;

	mask |= PAGE_MASK;
	if (from >= address && vm_map_find_space(map, from, size, mask, start))
		return KERN_SUCCESS;
	if (vm_map_find_space(map, map->anywhere, size, mask, start) ||
	    vm_map_find_space(map, map->min, size, mask, start))
		return KERN_SUCCESS;
	return KERN_NO_SPACE;
}

kern_return_t vm_map_place_locked(struct vm_map *map, uint64_t address, uint64_t size, uint64_t mask,
				  int flags, uint64_t *start)
{
	struct vm_map_entry *e;
	kern_return_t kr;
	uint64_t end;

	if (flags & VM_FLAGS_ANYWHERE)
		return place_anywhere(map, address, size, mask, start);
	kr = vm_map_range(map, address & ~PAGE_MASK, size, start, &end);
	if (kr != KERN_SUCCESS)
		return kr;
	if ((*start & mask) != 0)
		return KERN_NO_SPACE;
	if (flags & VM_FLAGS_OVERWRITE) {
		kr = vm_map_clip_range(map, *start, end);
		if (kr == KERN_SUCCESS)
			vm_map_remove_locked(map, *start, end);
		return kr;
	}
	e = vm_map_lookup_after(map, *start);
	return e != NULL && e->start < end ? KERN_NO_SPACE : KERN_SUCCESS;
}

/* Let the entry before new grow over its range instead, when both are plain anonymous memory alike. */
static bool extend_before(struct vm_map *map, const struct vm_map_entry *new)
{
	struct vm_map_entry *e = vm_map_lookup_after(map, new->start - 1);

	if (new->object != NULL || e == NULL || e->end != new->start || e->needs_copy || !alike(e, new) ||
	    (e->object != NULL && e->object->purgable))
		return false;
	if (e->object != NULL &&
	    !vm_object_extend(e->object, e->offset + (e->end - e->start), new->end - new->start))
		return false;
	map->size += new->end - new->start;
	e->end = new->end;
	vm_map_tree_gap_changed(map, vm_map_next(map, e));
	return true;
}

/* Large pages are an alignment here: faults make them. False: such a size or address cannot have them. */
static bool superpage_mask(int flags, mach_vm_address_t address, mach_vm_size_t size, mach_vm_offset_t *mask)
{
	switch ((flags & VM_FLAGS_SUPERPAGE_MASK) >> VM_FLAGS_SUPERPAGE_SHIFT) {
	case SUPERPAGE_NONE:
		return true;
	case SUPERPAGE_SIZE_ANY:
		if (size >= SUPERPAGE_BYTES && (flags & VM_FLAGS_ANYWHERE))
			*mask |= SUPERPAGE_BYTES - 1;
		return true;
	case SUPERPAGE_SIZE_2MB:
		*mask |= SUPERPAGE_BYTES - 1;
		return (size & (SUPERPAGE_BYTES - 1)) == 0 &&
		       ((flags & VM_FLAGS_ANYWHERE) || (address & (SUPERPAGE_BYTES - 1)) == 0);
	default:
		return false;
	}
}

static bool enter_arguments_ok(mach_vm_size_t size, mach_vm_offset_t mask, int flags, uint64_t offset,
			       vm_prot_t protection, vm_prot_t max_protection,
			       vm_inherit_t inheritance)
{
	return size != 0 && size <= VM_MAX_ADDRESS && (mask & (mask + 1)) == 0 &&
	       (flags & ~VM_FLAGS_USER_ALLOCATE) == 0 && (offset & PAGE_MASK) == 0 &&
	       ((protection | max_protection) & ~VM_PROT_ALL) == 0 &&
	       (protection & ~max_protection) == 0 && inheritance <= VM_INHERIT_LAST_VALID;
}

kern_return_t vm_map_enter(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
			   mach_vm_offset_t mask, int flags, struct vm_object *object,
			   uint64_t offset, bool needs_copy, vm_prot_t protection,
			   vm_prot_t max_protection, vm_inherit_t inheritance)
{
	struct vm_map_entry *e;
	kern_return_t kr;

	if (!enter_arguments_ok(size, mask, flags, offset, protection, max_protection, inheritance))
		return KERN_INVALID_ARGUMENT;
	if (!superpage_mask(flags, *address, size, &mask))
		return KERN_INVALID_ARGUMENT;
	size = (size + PAGE_MASK) & ~PAGE_MASK;
	e = vm_map_entry_alloc();
	if (e == NULL)
		return KERN_RESOURCE_SHORTAGE;
	e->protection = (uint8_t)protection;
	e->max_protection = (uint8_t)max_protection;
	e->inheritance = (uint8_t)inheritance;
	e->tag = (uint8_t)((unsigned)flags >> 24);
	e->large = (flags & VM_FLAGS_SUPERPAGE_MASK) != 0;
	vm_map_lock(map);
	kr = vm_map_place_locked(map, *address, size, mask, flags, &e->start);
	if (kr == KERN_SUCCESS) {
		*address = e->start;
		e->end = e->start + size;
		e->object = object;
		e->offset = object == NULL ? 0 : offset;
		e->needs_copy = object != NULL && needs_copy;
		if (!extend_before(map, e)) {
			vm_map_tree_insert(map, e);
			e = NULL;
		}
	}
	vm_map_unlock(map);
	if (e != NULL)
		vm_map_entry_free(e); /* e->object is NULL: it failed, or was anonymous */
	return kr;
}

kern_return_t vm_map_allocate(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
			      int flags)
{
	return vm_map_enter(map, address, size, 0, flags, NULL, 0, false, VM_PROT_DEFAULT,
			    VM_PROT_ALL, VM_INHERIT_DEFAULT);
}

/* ---- changes ---- */

kern_return_t vm_map_remove(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size)
{
	uint64_t start, end;
	kern_return_t kr = vm_map_range(map, address, size, &start, &end);

	if (kr != KERN_SUCCESS || start == end)
		return kr;
	vm_map_lock(map);
	kr = vm_map_clip_range(map, start, end);
	if (kr == KERN_SUCCESS)
		vm_map_remove_locked(map, start, end);
	vm_map_unlock(map);
	return kr;
}

static void entry_protect(struct vm_map *map, struct vm_map_entry *e, vm_prot_t protection,
			  bool set_max)
{
	vm_prot_t was = e->protection;

	if (set_max) {
		e->max_protection = (uint8_t)protection;
		protection &= was;
	}
	e->protection = (uint8_t)protection;
	if ((was & ~protection) == 0 || e->object == NULL || map->pmap == NULL)
		return;
	/* Never more than a copy-on-write page may have: a fault gives the rest back. */
	if (protection == VM_PROT_NONE)
		pmap_remove(map->pmap, e->start, e->end);
	else
		pmap_protect(map->pmap, e->start, e->end, protection & ~VM_PROT_WRITE);
}

/*
 * What an operation does to each entry of a range, which none crosses. VM_OBJECT_WAIT: wait as *wait says and do
 * it all again; it must bear that.
 */
struct range_op {
	vm_prot_t check;  /* what the entries' maximum must have */
	kern_return_t (*fn)(struct vm_map *map, struct vm_map_entry *e, const struct range_op *op,
			    struct vm_resolved *wait);
	uint32_t value;
	bool set_max;
};

static kern_return_t range_locked(struct vm_map *map, uint64_t start, uint64_t end,
				  const struct range_op *op, struct vm_resolved *wait)
{
	kern_return_t kr = vm_map_check_locked(map, start, end, op->check, true);
	struct vm_map_entry *e;

	if (kr == KERN_SUCCESS)
		kr = vm_map_clip_range(map, start, end);
	e = vm_map_lookup(map, start);
	for (; kr == KERN_SUCCESS && e != NULL && e->start < end; e = vm_map_next(map, e))
		kr = op->fn(map, e, op, wait);
	vm_map_simplify_locked(map, start, end);
	return kr;
}

static kern_return_t range_change(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
				  const struct range_op *op)
{
	struct vm_resolved wait;
	uint64_t start, end;
	kern_return_t kr = vm_map_range(map, address, size, &start, &end);

	if (kr != KERN_SUCCESS || start == end)
		return kr;
	do {
		vm_map_lock(map);
		kr = range_locked(map, start, end, op, &wait);
		vm_map_unlock(map);
		if (kr != VM_OBJECT_WAIT)
			return kr;
		kr = vm_object_wait(&wait);
	} while (kr == KERN_SUCCESS);
	return kr;
}

static kern_return_t protect_one(struct vm_map *map, struct vm_map_entry *e, const struct range_op *op,
				 struct vm_resolved *wait)
{
	(void)wait;
	entry_protect(map, e, (vm_prot_t)op->value, op->set_max);
	return KERN_SUCCESS;
}

/* VM_PROT_COPY: what is e's becomes a private copy, and may be written. Once private it stays as it is. */
static kern_return_t copy_one(struct vm_map *map, struct vm_map_entry *e, const struct range_op *op,
			      struct vm_resolved *wait)
{
	struct vm_map_entry to = { 0 };
	kern_return_t kr;

	if (e->object != NULL && e->object->device)
		return KERN_PROTECTION_FAILURE;
	if ((e->max_protection & VM_PROT_WRITE) == 0 || vm_map_entry_shared(e)) {
		if (e->wired_count != 0)
			return KERN_PROTECTION_FAILURE; /* its pages would have to move */
		kr = vm_map_entry_duplicate(map, e, VM_ENTRY_COPY, &to, NULL, wait);
		if (kr != KERN_SUCCESS)
			return kr;
		vm_map_unmap(map, e->start, e->end);
		vm_object_deallocate(e->object);
		e->object = to.object;
		e->offset = to.offset;
		e->needs_copy = to.needs_copy;
		e->max_protection |= VM_PROT_WRITE;
	}
	if ((vm_prot_t)op->value & ~(vm_prot_t)e->max_protection)
		return KERN_PROTECTION_FAILURE;
	entry_protect(map, e, (vm_prot_t)op->value, false);
	return KERN_SUCCESS;
}

kern_return_t vm_map_protect(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
			     vm_prot_t protection, bool set_max)
{
	struct range_op op = { .check = protection, .fn = protect_one, .value = (uint32_t)protection,
			       .set_max = set_max };

	if (protection & VM_PROT_COPY) {
		protection &= ~VM_PROT_COPY;
		op = (struct range_op){ .check = protection & ~VM_PROT_WRITE, .fn = copy_one,
					.value = (uint32_t)protection };
		if (set_max)
			return KERN_INVALID_ARGUMENT;
	}
	if (protection & ~VM_PROT_ALL)
		return KERN_INVALID_ARGUMENT;
	return range_change(map, address, size, &op);
}

static kern_return_t inherit_one(struct vm_map *map, struct vm_map_entry *e, const struct range_op *op,
				 struct vm_resolved *wait)
{
	(void)map;
	(void)wait;
	e->inheritance = (uint8_t)op->value;
	return KERN_SUCCESS;
}

kern_return_t vm_map_inherit(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
			     vm_inherit_t inheritance)
{
	struct range_op op = { .check = VM_PROT_NONE, .fn = inherit_one, .value = inheritance };

	if (inheritance > VM_INHERIT_LAST_VALID)
		return KERN_INVALID_ARGUMENT;
	return range_change(map, address, size, &op);
}

static kern_return_t behave_one(struct vm_map *map, struct vm_map_entry *e, const struct range_op *op,
				struct vm_resolved *wait)
{
	(void)map;
	(void)wait;
	e->behavior = (uint8_t)op->value;
	return KERN_SUCCESS;
}

kern_return_t vm_map_set_behavior(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
				  vm_behavior_t behavior)
{
	struct range_op op = { .check = VM_PROT_NONE, .fn = behave_one, .value = (uint32_t)behavior };

	if (behavior < VM_BEHAVIOR_DEFAULT || behavior > VM_BEHAVIOR_RSEQNTL)
		return KERN_INVALID_ARGUMENT;
	return range_change(map, address, size, &op);
}

void vm_map_wire_new(struct vm_map *map, bool wire)
{
	vm_map_lock(map);
	map->wire_new = wire;
	vm_map_unlock(map);
}

kern_return_t vm_map_check(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
			   vm_prot_t protection)
{
	uint64_t start, end;
	kern_return_t kr = vm_map_range(map, address, size, &start, &end);

	if (kr != KERN_SUCCESS)
		return kr;
	vm_map_lock_read(map);
	kr = vm_map_check_locked(map, start, end, protection, false);
	vm_map_unlock_read(map);
	return kr;
}

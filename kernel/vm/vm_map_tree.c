/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map_tree.c - the entries of a map: a list by address, and a treap over them that knows the gaps.
 *
 * Interface: vm_map_internal.h.
 * Each entry carries a random priority; a parent's is never lower than its children's, so the
 *   tree's shape is that of a random tree, whatever the order of insertion. max_gap (M5) finds free space
 *   without a walk over the entries.
 * Locking: the map's lock (or a map that nobody else knows).
 */
#include "vm_map_internal.h"

static uint32_t next_priority(void)
{
	static _Atomic uint64_t state = 0x9e3779b97f4a7c15ULL;
	uint64_t x = atomic_fetch_add_explicit(&state, 0x9e3779b97f4a7c15ULL, memory_order_relaxed);

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return (uint32_t)(x >> 32);
}

static struct vm_map_entry *entry_at(const struct vm_map *map, struct list *l)
{
	return l == &map->entries ? NULL : container_of(l, struct vm_map_entry, link);
}

struct vm_map_entry *vm_map_first(const struct vm_map *map)
{
	return entry_at(map, map->entries.next);
}

struct vm_map_entry *vm_map_next(const struct vm_map *map, const struct vm_map_entry *e)
{
	return entry_at(map, e->link.next);
}

struct vm_map_entry *vm_map_prev(const struct vm_map *map, const struct vm_map_entry *e)
{
	return entry_at(map, e->link.prev);
}

static uint64_t subtree_gap(const struct vm_map_entry *e)
{
	return e == NULL ? 0 : e->max_gap;
}

static void update(struct vm_map_entry *e)
{
	uint64_t l = subtree_gap(e->left), r = subtree_gap(e->right);

	e->max_gap = e->gap;
	if (l > e->max_gap)
		e->max_gap = l;
	if (r > e->max_gap)
		e->max_gap = r;
}

static void update_up(struct vm_map_entry *e)
{
	for (; e != NULL; e = e->parent)
		update(e);
}

void vm_map_tree_gap_changed(struct vm_map *map, struct vm_map_entry *e)
{
	struct vm_map_entry *before;

	if (e == NULL)
		return;
	before = vm_map_prev(map, e);
	e->gap = e->start - (before == NULL ? map->min : before->end);
	update_up(e);
}

static void replace_child(struct vm_map *map, struct vm_map_entry *old, struct vm_map_entry *new)
{
	struct vm_map_entry *parent = old->parent;

	if (parent == NULL)
		map->root = new;
	else if (parent->left == old)
		parent->left = new;
	else
		parent->right = new;
	if (new != NULL)
		new->parent = parent;
}

/* e goes above its parent. */
static void rotate_up(struct vm_map *map, struct vm_map_entry *e)
{
	struct vm_map_entry *p = e->parent, *inner;

	replace_child(map, p, e);
	if (p->left == e) {
		inner = e->right;
		e->right = p;
		p->left = inner;
	} else {
		inner = e->left;
		e->left = p;
		p->right = inner;
	}
	p->parent = e;
	if (inner != NULL)
		inner->parent = p;
	update(p);
	update(e);
}

void vm_map_tree_insert(struct vm_map *map, struct vm_map_entry *e)
{
	struct vm_map_entry **at = &map->root, *parent = NULL, *before = NULL;

	while (*at != NULL) {
		parent = *at;
		if (e->start < parent->start) {
			at = &parent->left;
		} else {
			before = parent;
			at = &parent->right;
		}
	}
	*at = e;
	e->parent = parent;
	e->left = e->right = NULL;
	e->priority = next_priority();
	list_add_head(before == NULL ? &map->entries : &before->link, &e->link);
	map->entry_count++;
	map->size += e->end - e->start;
	while (e->parent != NULL && e->parent->priority < e->priority)
		rotate_up(map, e);
	vm_map_tree_gap_changed(map, e);
	vm_map_tree_gap_changed(map, vm_map_next(map, e));
}

/* The last one's place in a treap is on the right edge: from the former last one up, past all of less priority. */
void vm_map_tree_append(struct vm_map *map, struct vm_map_entry *e)
{
	struct vm_map_entry *last = entry_at(map, map->entries.prev), *above = last, *below = NULL;

	KASSERT(last == NULL || last->end <= e->start);
	e->priority = next_priority();
	e->gap = e->start - (last == NULL ? map->min : last->end);
	for (; above != NULL && above->priority < e->priority; above = above->parent)
		below = above;
	e->parent = above;
	e->left = below;
	e->right = NULL;
	if (below != NULL)
		below->parent = e;
	if (above != NULL)
		above->right = e;
	else
		map->root = e;
	list_add_tail(&map->entries, &e->link);
	map->entry_count++;
	map->size += e->end - e->start;
	update(e);
	for (; above != NULL; above = above->parent) {
		uint64_t before = above->max_gap;

		update(above);
		if (above->max_gap == before)
			break; /* those above see no difference */
	}
}

void vm_map_tree_remove(struct vm_map *map, struct vm_map_entry *e)
{
	struct vm_map_entry *next = vm_map_next(map, e), *parent;

	while (e->left != NULL && e->right != NULL)
		rotate_up(map, e->left->priority > e->right->priority ? e->left : e->right);
	replace_child(map, e, e->left != NULL ? e->left : e->right);
	parent = e->parent;
	e->left = e->right = e->parent = NULL;
	list_remove(&e->link);
	map->entry_count--;
	map->size -= e->end - e->start;
	if (atomic_load_explicit(&map->hint, memory_order_relaxed) == e)
		atomic_store_explicit(&map->hint, NULL, memory_order_relaxed);
	update_up(parent);
	vm_map_tree_gap_changed(map, next);
}

struct vm_map_entry *vm_map_lookup_after(struct vm_map *map, uint64_t address)
{
	struct vm_map_entry *e = atomic_load_explicit(&map->hint, memory_order_relaxed), *found = NULL;

	if (e != NULL && address >= e->start && address < e->end)
		return e;
	for (e = map->root; e != NULL;) {
		if (address < e->end) {
			found = e;
			if (address >= e->start)
				break;
			e = e->left;
		} else {
			e = e->right;
		}
	}
	if (found != NULL)
		atomic_store_explicit(&map->hint, found, memory_order_relaxed);
	return found;
}

struct vm_map_entry *vm_map_lookup(struct vm_map *map, uint64_t address)
{
	struct vm_map_entry *e = vm_map_lookup_after(map, address);

	return e != NULL && address >= e->start ? e : NULL;
}

/* The first entry by address in the subtree of e whose gap is at least size; the subtree has one. */
static struct vm_map_entry *leftmost_gap(struct vm_map_entry *e, uint64_t size)
{
	for (;;) {
		if (subtree_gap(e->left) >= size)
			e = e->left;
		else if (e->gap >= size)
			return e;
		else
			e = e->right;
	}
}

/* The first entry after e whose gap is at least size, or NULL. */
static struct vm_map_entry *next_gap(struct vm_map_entry *e, uint64_t size)
{
	if (subtree_gap(e->right) >= size)
		return leftmost_gap(e->right, size);
	for (; e->parent != NULL; e = e->parent) {
		struct vm_map_entry *p = e->parent;

		if (p->right == e)
			continue;
		if (p->gap >= size)
			return p;
		if (subtree_gap(p->right) >= size)
			return leftmost_gap(p->right, size);
	}
	return NULL;
}

/* The lowest aligned place for size bytes in [from, to), or false. Overflow of from + mask is the caller's check. */
static bool fits(uint64_t from, uint64_t to, uint64_t size, uint64_t mask, uint64_t *at)
{
	uint64_t aligned = (from + mask) & ~mask;

	if (aligned < from || aligned >= to || to - aligned < size)
		return false;
	*at = aligned;
	return true;
}

bool vm_map_find_space(struct vm_map *map, uint64_t from, uint64_t size, uint64_t mask, uint64_t *at)
{
	struct vm_map_entry *e, *before;

	if (from < map->min)
		from = map->min;
	if (from >= map->max)
		return false;
	e = vm_map_lookup_after(map, from);
	if (e != NULL && fits(from, e->start, size, mask, at))
		return true;
	while (e != NULL && (e = next_gap(e, size)) != NULL) {
		if (fits(e->start - e->gap, e->start, size, mask, at))
			return true;
	}
	before = entry_at(map, map->entries.prev);
	if (before != NULL && before->end > from)
		from = before->end;
	return fits(from, map->max, size, mask, at);
}

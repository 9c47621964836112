/* SPDX-License-Identifier: BSD-2-Clause */
/* vm_map_internal.h - between the files of the map (vm_map*.c, vm_fault.c). */
#pragma once

#include <machine/pmap.h>
#include <vm/vm_map.h>
#include <vm/vm_object.h>

/* ---- vm_map_tree.c: all with the map held (to write, for what changes it) ---- */

struct vm_map_entry *vm_map_first(const struct vm_map *map);
struct vm_map_entry *vm_map_next(const struct vm_map *map, const struct vm_map_entry *e);
struct vm_map_entry *vm_map_prev(const struct vm_map *map, const struct vm_map_entry *e);
/* The entry that holds address, or NULL. */
struct vm_map_entry *vm_map_lookup(struct vm_map *map, uint64_t address);
/* The first entry that ends after address, or NULL. */
struct vm_map_entry *vm_map_lookup_after(struct vm_map *map, uint64_t address);
void vm_map_tree_insert(struct vm_map *map, struct vm_map_entry *e);
/* As that, of an entry behind all others: no search. */
void vm_map_tree_append(struct vm_map *map, struct vm_map_entry *e);
void vm_map_tree_remove(struct vm_map *map, struct vm_map_entry *e);
/* e (or NULL) begins elsewhere now, or its predecessor ends elsewhere. */
void vm_map_tree_gap_changed(struct vm_map *map, struct vm_map_entry *e);
bool vm_map_find_space(struct vm_map *map, uint64_t from, uint64_t size, uint64_t mask, uint64_t *at);

/* ---- vm_map.c ---- */

/* The only way from a user's address and size to a range: rounded to pages, in the map. Empty ranges are allowed. */
kern_return_t vm_map_range(const struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
			   uint64_t *start, uint64_t *end);
struct vm_map_entry *vm_map_entry_alloc(void);
/* Free an entry that is in no map, with its reference on its object. */
void vm_map_entry_free(struct vm_map_entry *e);
/* to gets e's rights, inheritance, behavior and tag. */
void vm_map_entry_like(struct vm_map_entry *to, const struct vm_map_entry *e);
/* pmap_remove, where there are page tables. */
void vm_map_unmap(struct vm_map *map, uint64_t start, uint64_t end);
/* Split entries so that none crosses start or end. KERN_RESOURCE_SHORTAGE: nothing lost (a split may stay). */
kern_return_t vm_map_clip_range(struct vm_map *map, uint64_t start, uint64_t end);
/* KERN_SUCCESS if [start, end) is mapped without a hole with at least protection (of the maximum if max). */
kern_return_t vm_map_check_locked(struct vm_map *map, uint64_t start, uint64_t end,
				  vm_prot_t protection, bool max);
/* Take the entries of [start, end), which none crosses, out of the map; they are freed by vm_map_unlock(). */
void vm_map_remove_locked(struct vm_map *map, uint64_t start, uint64_t end);
/* Where a new region goes: vm_map_enter's rules for address, mask and flags. With OVERWRITE, room is made. */
kern_return_t vm_map_place_locked(struct vm_map *map, uint64_t address, uint64_t size, uint64_t mask,
				  int flags, uint64_t *start);
/* Join entries around [start, end) that continue each other. */
void vm_map_simplify_locked(struct vm_map *map, uint64_t start, uint64_t end);

/* ---- vm_map_lookup.c: with the map held to write, but for _ready ---- */

/* The entry gets an object if it has none. */
kern_return_t vm_map_entry_object(struct vm_map_entry *e);
/* The entry's object may be written through it: a shadow is put in front if needed. */
kern_return_t vm_map_entry_unshare(struct vm_map_entry *e);
/* Can e be read, or written, without a change to it? */
bool vm_map_entry_ready(const struct vm_map_entry *e, bool write);
/* Make it so. KERN_RESOURCE_SHORTAGE. */
kern_return_t vm_map_entry_prepare(struct vm_map_entry *e, bool write);

/* ---- vm_fault.c ---- */

/*
 * The map is held to write, or e is ready. Find the page of va in entry e for access, doing what must come first: a shadow before the first write, an object
 * before the first touch. Protection is not looked at. As vm_object_resolve, and KERN_PROTECTION_FAILURE for a device.
 */
kern_return_t vm_map_resolve_locked(struct vm_map_entry *e, uint64_t va, enum vm_access access,
				    struct vm_resolved *r);
/* Map the page r (locked) at va; on failure no older page is left mapped there. */
kern_return_t vm_map_enter_page_locked(struct vm_map *map, const struct vm_map_entry *e, uint64_t va,
				       const struct vm_resolved *r, bool wired);
/* What a mapping of the page r (locked) through e may allow. */
vm_prot_t vm_map_entry_pmap_prot(const struct vm_map_entry *e, const struct vm_resolved *r);

/* ---- vm_map_large.c: for a fault, with the map held to read ---- */

/* A write to va, whose page is perhaps missing: fill its large page's range, if that is worth it. */
void vm_map_large_fill(const struct vm_map_lookup *l, uint64_t va);
/* Map the large page that r's page (locked, in_large) is part of; false: map the one page. */
bool vm_map_large_enter_locked(struct vm_map *map, const struct vm_map_lookup *l, uint64_t va,
			       const struct vm_resolved *r);

/* ---- vm_map_fork.c ---- */

enum vm_entry_copy { VM_ENTRY_SHARE, VM_ENTRY_COPY };

/* Entries, and nothing else between but what has no mapping to write, whose mappings have to lose write: one round of interrupts for all. */
struct vm_map_lower {
	uint64_t start, end; /* equal: none */
};
/* Do it; before the map's lock is given up. lower may be NULL. */
void vm_map_lower_end(struct vm_map *map, struct vm_map_lower *lower);

/*
 * Make to (fresh, in no map) show what e of map shows: as the same memory or as a copy-on-write copy. Only object,
 * offset and needs_copy of to are set. lower: NULL, or what the caller does afterwards with vm_map_lower_end(). As vm_object_resolve for errors
 * and waits.
 */
kern_return_t vm_map_entry_duplicate(struct vm_map *map, struct vm_map_entry *e,
				     enum vm_entry_copy how, struct vm_map_entry *to,
				     struct vm_map_lower *lower, struct vm_resolved *wait);

/* May other entries write e's object? */
bool vm_map_entry_shared(const struct vm_map_entry *e);

/* ---- vm_map_wire.c ---- */

/* e is about to go: unwire its pages. */
void vm_map_entry_unwire(struct vm_map_entry *e);

/* ---- vm_map_copy.c ---- */

void vm_map_copy_init(void);

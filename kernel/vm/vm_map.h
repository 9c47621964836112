/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map.h - the address space: which object is at which address, with which rights.
 *
 * Entries are kept in a list by address and in a tree (a treap that also knows the widest free gap of
 * each subtree), so lookup and finding space take a time logarithmic in the number of entries.
 * Invariants:
 *   M1 entries do not overlap, are not empty, lie in [min, max), begin and end at page borders.
 *   M2 protection is a subset of max_protection.
 *   M3 needs_copy: the object's pages must not be written through this entry; a write first puts a shadow
 *      object in front. Such an entry has an object.
 *   M4 every page of an entry with wired_count != 0 is resident in the entry's own object (not a shadow) and wired
 *      once on the entry's behalf; the entry has not needs_copy.
 *   M5 each gap is the free bytes before its entry, each max_gap the widest of its subtree.
 * Locking: [m] the map's lock, to read or to write, never two maps' at once; [h] hint, written by readers too; [a]
 *   atomic; [I] immutable. Map lock -> object locks. Faults hold it to read, so those of one map run at once; what
 *   changes entries holds it to write, and the version says that somebody did.
 * References: a task holds one on its map; who calls with a map holds one.
 */
#pragma once

#include <base/list.h>
#include <mach/kern_return.h>
#include <mach/vm_behavior.h>
#include <mach/vm_inherit.h>
#include <mach/vm_prot.h>
#include <mach/vm_statistics.h>
#include <mach/vm_types.h>
#include <sched/rwlock.h>
#include <stdatomic.h>
#include <stdbool.h>

struct pmap;
struct vm_object;

struct vm_map_entry {
	/* What a search looks at, together: one line of the cache for each entry on its way. */
	struct vm_map_entry *left, *right;          /* [m] tree */
	uint64_t start, end;                        /* [m] */
	struct vm_map_entry *parent;                /* [m] tree */
	struct list link;                           /* [m] */
	uint64_t gap, max_gap;                      /* [m] M5 */
	uint32_t priority;                          /* [m] of the treap */
	uint32_t wired_count;                       /* [m] */
	struct vm_object *object;                   /* [m] +1; NULL: anonymous, not yet touched */
	uint64_t offset;                            /* [m] of start in object */
	uint8_t protection, max_protection;         /* [m] VM_PROT_* */
	uint8_t inheritance;                        /* [m] VM_INHERIT_* */
	uint8_t behavior;                           /* [m] VM_BEHAVIOR_*: how it is read */
	uint8_t tag;                                /* [m] the user's */
	bool needs_copy;                            /* [m] */
	bool large;                                 /* [m] the user asked for large pages */
};

struct vm_map {
	struct rwlock lock;
	_Atomic uint32_t references; /* [a] */
	struct pmap *pmap;           /* [I] NULL: nobody runs in it (a named entry's memory) */
	uint64_t min, max;           /* [I] addresses */
	uint64_t anywhere;           /* [m] where a search for space begins unless told */
	struct list entries;         /* [m] by address */
	struct vm_map_entry *root;   /* [m] */
	struct vm_map_entry *_Atomic hint; /* [h] found last, or NULL */
	uint64_t version;            /* [m] times that it was held to write */
	uint32_t entry_count;        /* [m] */
	uint64_t size;               /* [m] bytes mapped */
	bool wire_new;               /* [m] what is allocated is wired (task_wire) */
	struct list removed;         /* [m] entries taken out, freed when the lock is given up */
};

/*
 * What a fault needs of the map (vm_map_lookup_fault). Valid while the map is held to read; who drops the lock takes a
 * reference on the object first, and asks vm_map_verify() before it maps a page.
 */
struct vm_map_lookup {
	struct vm_map_entry *entry;
	struct vm_object *object;  /* never NULL; may be a device's */
	uint64_t offset;           /* of the page in object */
	uint64_t start, end;       /* of the entry: a cluster stays inside */
	vm_prot_t protection;      /* that a mapping may have: no write while the entry needs a copy (M3) */
	vm_behavior_t behavior;
	bool wired;
	uint64_t version;
};

struct vm_region {
	mach_vm_address_t address;
	mach_vm_size_t size;
	uint64_t offset;     /* in its object */
	vm_prot_t protection, max_protection;
	vm_inherit_t inheritance;
	vm_behavior_t behavior;
	uint8_t tag;
	bool shared;         /* other maps may write it too */
	bool copy_on_write;  /* a write makes a page private first */
	uint32_t wired_count;
	uint32_t references; /* of its object */
	uint64_t object_pages; /* resident in its object */
	uint64_t shadow_pages; /* resident in the objects behind it */
	bool needs_copy;       /* its object's pages are others' too */
	uintptr_t object_id; /* equal for one object; 0: none */
	/* Only vm_map_region_extended: */
	uint64_t resident, private_resident, dirty, paged_out;
	uint32_t shadow_depth;
	bool external_pager;
	struct ipc_port *object_name; /* only vm_map_region_named: a send right, or NULL */
};

/* What is known of one page; disposition: VM_PAGE_QUERY_*. */
struct vm_page_facts {
	int disposition;
	uint32_t references; /* of the object that has it */
	uint32_t depth;      /* of that object in the chain */
	uintptr_t object_id;
	uint64_t offset;     /* in that object */
};

/* The kernel task's map: kernel_pmap, and no user addresses. */
extern struct vm_map *kernel_map;

/* At boot, after vm_page_bootstrap: zones, kernel_map. */
void vm_init(void);

/* To write: entries change. vm_map_unlock() makes a new version. */
void vm_map_lock(struct vm_map *map);
void vm_map_unlock(struct vm_map *map);
/* To read: entries stay. */
void vm_map_lock_read(struct vm_map *map);
void vm_map_unlock_read(struct vm_map *map);

/*
 * Purpose: look up the page of va for a fault of access prot, with what must come first done: an object for an entry
 *   that has none, a shadow in front of one that needs a copy when prot has write.
 * Conditions: the map is not held; on KERN_SUCCESS, and only then, it is held to read.
 * Errors: KERN_INVALID_ADDRESS: nothing there; KERN_PROTECTION_FAILURE; KERN_RESOURCE_SHORTAGE.
 */
kern_return_t vm_map_lookup_fault(struct vm_map *map, uint64_t va, vm_prot_t prot,
				  struct vm_map_lookup *out);
/* True, and the map is held to read: no entry changed since version. False: it is not held, look up again. */
bool vm_map_verify(struct vm_map *map, uint64_t version);

/* An empty map with a pmap; +1. NULL: no memory. */
struct vm_map *vm_map_create(void);
void vm_map_reference(struct vm_map *map);
/* The last reference unmaps everything. */
void vm_map_deallocate(struct vm_map *map);
struct pmap *vm_map_pmap(const struct vm_map *map);
/* A map of [0, size) without page tables, which only holds memory for others to map; +1. NULL: no memory. */
struct vm_map *vm_map_create_bare(uint64_t size);

/*
 * Addresses and sizes below come as users give them: a range is rounded outwards to pages, one that wraps or
 * leaves the map is KERN_INVALID_ADDRESS. All take the map's lock: thread context, no spin lock held.
 * What has no memory for its own bookkeeping changes nothing and returns KERN_RESOURCE_SHORTAGE.
 */

/*
 * Purpose: map object (NULL: zero-filled memory) at *address.
 * flags: VM_FLAGS_ANYWHERE (*address is where to begin looking, 0: anywhere; result with (address & mask) == 0), or
 *   fixed; with VM_FLAGS_OVERWRITE what was there goes. needs_copy: a private copy-on-write view.
 * Conditions: on success the caller's reference on object is the map's; on failure it stays the caller's.
 * Errors: KERN_NO_SPACE (also: fixed and not free), KERN_INVALID_ADDRESS, KERN_INVALID_ARGUMENT.
 */
kern_return_t vm_map_enter(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
			   mach_vm_offset_t mask, int flags, struct vm_object *object,
			   uint64_t offset, bool needs_copy, vm_prot_t protection,
			   vm_prot_t max_protection, vm_inherit_t inheritance);
/* Zero-filled memory, readable and writable, copied to children. */
kern_return_t vm_map_allocate(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
			      int flags);
/* Unmap; holes are no error. */
kern_return_t vm_map_remove(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size);
/*
 * KERN_INVALID_ADDRESS: a hole; KERN_PROTECTION_FAILURE: more than the maximum. set_max lowers the maximum. With
 * VM_PROT_COPY the range is made a private copy, whose maximum allows writing; may sleep then.
 */
kern_return_t vm_map_protect(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
			     vm_prot_t protection, bool set_max);
kern_return_t vm_map_inherit(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
			     vm_inherit_t inheritance);
/* How the range will be read: VM_BEHAVIOR_DEFAULT .. RSEQNTL. KERN_INVALID_ADDRESS: a hole. */
kern_return_t vm_map_set_behavior(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
				  vm_behavior_t behavior);
/* What VM_BEHAVIOR_WILLNEED and those after it do. KERN_INVALID_ADDRESS, KERN_INVALID_ARGUMENT, KERN_FAILURE (CAN_REUSE). */
kern_return_t vm_map_advise(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
			    vm_behavior_t behavior);
/* mach_vm_msync: flags VM_SYNC_*. Abortable. */
kern_return_t vm_map_sync(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
			  unsigned flags);
/* The first region that ends after address; KERN_INVALID_ADDRESS: none. */
kern_return_t vm_map_region(struct vm_map *map, mach_vm_address_t address, struct vm_region *out);
/* And its pages counted: a walk over them. */
kern_return_t vm_map_region_extended(struct vm_map *map, mach_vm_address_t address,
				     struct vm_region *out);
/*
 * The same, extended or not, with a right to the name port of the memory object at the bottom of the region's chain, if that is of an external
 * pager.
 */
kern_return_t vm_map_region_named(struct vm_map *map, mach_vm_address_t address, bool extended, struct vm_region *out);
/* The page at address, which is in the map's range; nothing mapped: all zero. */
kern_return_t vm_map_page_facts(struct vm_map *map, mach_vm_address_t address,
				struct vm_page_facts *out);
/* Is what is mapped at address, if anything, cached by the processor? */
bool vm_map_is_cached(struct vm_map *map, mach_vm_address_t address);
/* Memory allocated from now on is wired, or not any more. */
void vm_map_wire_new(struct vm_map *map, bool wire);
/* mach_vm_purgable_control. */
kern_return_t vm_map_purgable_control(struct vm_map *map, mach_vm_address_t address, int control,
				      int *state);
/* Pages that users have wired, and how many they may. */
uint64_t vm_map_wired_pages(void);
uint64_t vm_map_wired_limit(void);
/*
 * Make all pages of the range resident and keep their mappings, for an access of protection; VM_PROT_NONE undoes
 * one such call. May sleep; KERN_ABORTED.
 */
kern_return_t vm_map_wire(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
			  vm_prot_t protection);
/* What was allocated now is wired if the task said task_wire(), or is removed again, with the error of vm_map_wire. */
kern_return_t vm_map_wire_if_asked(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size);
/* Is [address, address+size) all mapped, with at least protection? */
kern_return_t vm_map_check(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
			   vm_prot_t protection);

/* A new map with what each region's inheritance says; +1. May sleep. KERN_RESOURCE_SHORTAGE, KERN_ABORTED. */
kern_return_t vm_map_fork(struct vm_map *parent, struct vm_map **out);
/*
 * Map the source's region in map as well, sharing it or as a copy. protection, max_protection: the rights that
 * all of the region had (set on success).
 */
kern_return_t vm_map_remap(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
			   mach_vm_offset_t mask, int flags, struct vm_map *source,
			   mach_vm_address_t source_address, bool copy, vm_prot_t *protection,
			   vm_prot_t *max_protection, vm_inherit_t inheritance);

/*
 * As vm_map_remap, with given rights: of a named entry's memory. KERN_NO_SPACE, KERN_INVALID_ADDRESS,
 * KERN_INVALID_ARGUMENT, KERN_RESOURCE_SHORTAGE, KERN_ABORTED.
 */
kern_return_t vm_map_map_from(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
			      mach_vm_offset_t mask, int flags, struct vm_map *source,
			      mach_vm_address_t source_address, bool copy, vm_prot_t protection,
			      vm_prot_t max_protection, vm_inherit_t inheritance);

/*
 * Between a map and kernel memory, any map, any alignment; the region must be readable / writable
 * (load a program's text before it is made read-only). May sleep for a pager: KERN_ABORTED, KERN_MEMORY_ERROR.
 */
kern_return_t vm_map_read_kernel(struct vm_map *map, mach_vm_address_t address, void *dst, size_t size);
kern_return_t vm_map_write_kernel(struct vm_map *map, mach_vm_address_t address, const void *src,
				  size_t size);

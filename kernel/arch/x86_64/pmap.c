/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap.c - page tables of address spaces: entering, removing and lowering mappings.
 *
 * Every mapping of a page that VM manages has a pv entry (pmap_pv.c), by which the page's mappings are found. Page
 * tables grow as needed and are given back when the pmap goes.
 *
 * Invariants:
 *   P1 a managed entry is present iff its page has a pv entry for it; both change under the page's pv lock.
 *   P2 an entry goes from absent to present, or to another page, only under the pmap lock.
 *   P3 when a call that removes or lowers rights returns, no CPU holds the old translation.
 *   P4 upper-half root entries are the same in all pmaps: they are all made at boot.
 * Locking: pmap.lock -> pv lock -> tlb lock. Callers hold what makes the change valid (map or object lock).
 */
#include "pmap_private.h"
#include "pmap_pv.h"
#include <base/string.h>
#include <kern/assert.h>
#include <kern/kalloc.h>
#include <vm/vm_page.h>

static struct zone *pmap_zone;

void pmap_init(void)
{
	pmap_zone = zone_create("pmap", sizeof(struct pmap), 0);
	pmap_pv_init();
}

struct pmap *pmap_create(void)
{
	struct pmap *p = zone_alloc_zeroed(pmap_zone);
	struct vm_page *root;

	if (p == NULL)
		return NULL;
	root = vm_page_grab_zeroed();
	if (root == NULL) {
		zone_free(pmap_zone, p);
		return NULL;
	}
	p->root_phys = root->phys;
	p->root = vm_page_virt(root);
	memcpy(p->root + KERNEL_FIRST_SLOT, kernel_pmap->root + KERNEL_FIRST_SLOT,
	       (TABLE_ENTRIES - KERNEL_FIRST_SLOT) * sizeof(pte_t)); /* P4 */
	spin_init(&p->lock, "pmap");
	return p;
}

/* --- walking ------------------------------------------------------------------------------ */

/* The entry of va's page, or NULL if there is no table for it. Tables never go while the pmap lives. */
pte_atomic *pmap_pte(const struct pmap *p, uint64_t va)
{
	pte_t *table = p->root;

	for (int level = TABLE_LEVELS - 1; level > 0; level--) {
		pte_t entry = table[table_index(va, level)];

		if ((entry & PTE_PRESENT) == 0 || (entry & PTE_LARGE) != 0)
			return NULL;
		table = pte_table(entry);
	}
	return (pte_atomic *)&table[table_index(va, 0)];
}

/* As pmap_pte(), and makes what is missing. NULL: no memory. */
static pte_atomic *pte_make(struct pmap *p, uint64_t va)
{
	pte_t *table = p->root;
	pte_t user = va < VM_MAX_ADDRESS ? PTE_USER : 0;

	spin_assert_held(&p->lock);
	for (int level = TABLE_LEVELS - 1; level > 0; level--) {
		pte_t *entry = &table[table_index(va, level)];

		if ((*entry & PTE_PRESENT) == 0) {
			struct vm_page *page = vm_page_grab_zeroed();

			if (page == NULL)
				return NULL;
			p->tables++;
			*(volatile pte_t *)entry = page->phys | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | user;
		}
		VERIFY((*entry & PTE_LARGE) == 0);
		table = pte_table(*entry);
	}
	return (pte_atomic *)&table[table_index(va, 0)];
}

/* The first address after va whose entry of this level is another one; end if that is earlier. */
static uint64_t next_boundary(uint64_t va, int level, uint64_t end)
{
	uint64_t bytes = PAGE_SIZE << (9 * level), next = (va & ~(bytes - 1)) + bytes;

	return next < va || next > end ? end : next;
}

/*
 * Call fn for each present entry of [start, end). Skips what has no tables.
 */
static void for_each_entry(struct pmap *p, uint64_t start, uint64_t end,
			   void (*fn)(struct pmap *p, uint64_t va, pte_atomic *entry, void *arg), void *arg)
{
	uint64_t va = start;

	while (va < end) {
		pte_t *table = p->root;
		uint64_t stop;
		int level;

		for (level = TABLE_LEVELS - 1; level > 0; level--) {
			pte_t entry = table[table_index(va, level)];

			if ((entry & PTE_PRESENT) == 0)
				break;
			VERIFY((entry & PTE_LARGE) == 0);
			table = pte_table(entry);
		}
		if (level > 0) {
			va = next_boundary(va, level, end);
			continue;
		}
		for (stop = next_boundary(va, 1, end); va < stop; va += PAGE_SIZE) {
			pte_atomic *entry = (pte_atomic *)&table[table_index(va, 0)];

			if (atomic_load_explicit(entry, memory_order_relaxed) & PTE_PRESENT)
				fn(p, va, entry, arg);
		}
	}
}

uint64_t pmap_extract(struct pmap *p, uint64_t va)
{
	pte_t *table = p->root;

	for (int level = TABLE_LEVELS - 1;; level--) {
		pte_t entry = table[table_index(va, level)];
		uint64_t offset = (PAGE_SIZE << (9 * level)) - 1;

		if ((entry & PTE_PRESENT) == 0)
			return 0;
		if (level == 0 || (entry & PTE_LARGE) != 0)
			return ((entry & PTE_ADDRESS) & ~offset) | (va & offset);
		table = pte_table(entry);
	}
}

uint64_t pmap_resident_count(struct pmap *p)
{
	return atomic_load_explicit(&p->resident, memory_order_relaxed);
}

/* --- changing ----------------------------------------------------------------------------- */

/* Take an entry out; its page may be used anew only after an invalidation. */
static void entry_remove(struct pmap *p, uint64_t va, pte_atomic *entry)
{
	pte_t old = atomic_load(entry);

	if (old & PTE_UNMANAGED) {
		atomic_store(entry, 0);
		atomic_fetch_sub(&p->resident, 1);
	} else if (old & PTE_PRESENT) {
		pmap_pv_remove(p, va, entry, vm_page_of_phys(old & PTE_ADDRESS));
	}
}

struct range {
	uint64_t low, high; /* what must be invalidated */
};

static void range_add(struct range *r, uint64_t va)
{
	if (r->low == r->high)
		r->low = va;
	r->high = va + PAGE_SIZE;
}

static void remove_one(struct pmap *p, uint64_t va, pte_atomic *entry, void *arg)
{
	entry_remove(p, va, entry);
	range_add(arg, va);
}

void pmap_remove(struct pmap *p, uint64_t start, uint64_t end)
{
	struct range changed = { 0, 0 };

	spin_lock(&p->lock);
	pmap_pv_batch_begin();
	for_each_entry(p, start, end, remove_one, &changed);
	if (changed.low != changed.high)
		pmap_invalidate(p, changed.low, changed.high);
	pmap_pv_batch_end();
	spin_unlock(&p->lock);
}

struct lowering {
	struct range changed;
	pte_t clear, set;
};

static void lower_one(struct pmap *p, uint64_t va, pte_atomic *entry, void *arg)
{
	struct lowering *l = arg;
	pte_t old = atomic_load(entry);

	if ((old & l->clear) == 0 && (~old & l->set) == 0)
		return;
	/* The processor may set A and D meanwhile, pmap_page_protect() may clear: never store a stale value. */
	while ((old & PTE_PRESENT) != 0 &&
	       !atomic_compare_exchange_weak(entry, &old, (old & ~l->clear) | l->set))
		;
	range_add(&l->changed, va);
}

void pmap_protect(struct pmap *p, uint64_t start, uint64_t end, vm_prot_t prot)
{
	struct lowering l = {
		.clear = (prot & VM_PROT_WRITE) ? 0 : PTE_WRITE,
		.set = (prot & VM_PROT_EXECUTE) ? 0 : PTE_NX,
	};

	if ((prot & VM_PROT_ALL) == VM_PROT_NONE) {
		pmap_remove(p, start, end);
		return;
	}
	if (l.clear == 0 && l.set == 0)
		return;
	spin_lock(&p->lock);
	for_each_entry(p, start, end, lower_one, &l);
	if (l.changed.low != l.changed.high)
		pmap_invalidate(p, l.changed.low, l.changed.high);
	spin_unlock(&p->lock);
}

static pte_t entry_flags(uint64_t va, vm_prot_t prot)
{
	pte_t flags = PTE_PRESENT | PTE_ACCESSED;

	flags |= va < VM_MAX_ADDRESS ? PTE_USER : PTE_GLOBAL;
	if (prot & VM_PROT_WRITE)
		flags |= PTE_WRITE;
	if ((prot & VM_PROT_EXECUTE) == 0)
		flags |= PTE_NX;
	return flags;
}

/* The same page is mapped at va: take over the new rights, keep A and D. */
static void entry_change(struct pmap *p, uint64_t va, pte_atomic *entry, pte_t new)
{
	pte_t old = atomic_load(entry);

	while (!atomic_compare_exchange_weak(entry, &old, new | (old & (PTE_ACCESSED | PTE_DIRTY))))
		if ((old & PTE_PRESENT) == 0)
			return; /* pmap_page_protect() took it: it faults again */
	/* Only more rights: other CPUs find out by a fault that vm_fault() resolves. */
	if ((old & ~new & PTE_WRITE) != 0 || (new & ~old & PTE_NX) != 0)
		pmap_invalidate(p, va, va + PAGE_SIZE);
	else
		pmap_invalidate_here(va);
}

/* Under the pmap lock. page NULL: unmanaged. */
static kern_return_t enter_locked(struct pmap *p, uint64_t va, struct vm_page *page, pte_t new)
{
	pte_atomic *entry = pte_make(p, va);
	pte_t old;

	if (entry == NULL)
		return KERN_RESOURCE_SHORTAGE;
	old = atomic_load(entry);
	if ((old & PTE_PRESENT) != 0 &&
	    ((old ^ new) & (PTE_ADDRESS | PTE_UNMANAGED | PTE_NO_CACHE)) == 0) {
		entry_change(p, va, entry, new);
		return KERN_SUCCESS;
	}
	if ((old & PTE_PRESENT) != 0) {
		entry_remove(p, va, entry);
		pmap_invalidate(p, va, va + PAGE_SIZE);
	}
	if (page != NULL)
		return pmap_pv_enter(p, va, entry, page, new);
	atomic_store(entry, new);
	atomic_fetch_add(&p->resident, 1);
	return KERN_SUCCESS;
}

kern_return_t pmap_enter(struct pmap *p, uint64_t va, struct vm_page *page, vm_prot_t prot, bool wired)
{
	pte_t new = page->phys | entry_flags(va, prot) | (wired ? PTE_WIRED : 0);
	kern_return_t kr;

	KASSERT((va & PAGE_MASK) == 0 && (va < VM_MAX_ADDRESS || p == kernel_pmap));
	if ((prot & VM_PROT_ALL) == VM_PROT_NONE) {
		pmap_remove(p, va, va + PAGE_SIZE);
		return KERN_SUCCESS;
	}
	spin_lock(&p->lock);
	kr = enter_locked(p, va, page, new);
	spin_unlock(&p->lock);
	return kr;
}

kern_return_t pmap_enter_phys(struct pmap *p, uint64_t va, uint64_t pa, vm_prot_t prot,
			      enum pmap_cache cache)
{
	pte_t new = (pa & PTE_ADDRESS) | entry_flags(va, prot) | PTE_UNMANAGED | PTE_WIRED;
	kern_return_t kr;

	KASSERT((va & PAGE_MASK) == 0 && (va < VM_MAX_ADDRESS || p == kernel_pmap));
	if (cache == PMAP_UNCACHED)
		new |= PTE_NO_CACHE | PTE_WRITE_THROUGH;
	spin_lock(&p->lock);
	kr = enter_locked(p, va, NULL, new);
	spin_unlock(&p->lock);
	return kr;
}

/* --- the end ------------------------------------------------------------------------------ */

/* Give back the tables below a table of this level; not itself. */
static void tables_free(pte_t *table, int level, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		pte_t entry = table[i];

		if ((entry & PTE_PRESENT) == 0)
			continue;
		if (level > 1)
			tables_free(pte_table(entry), level - 1, TABLE_ENTRIES);
		vm_page_release(vm_page_of_phys(entry & PTE_ADDRESS));
	}
}

void pmap_destroy(struct pmap *p)
{
	VERIFY(p != kernel_pmap);
	pmap_remove(p, 0, VM_MAX_ADDRESS);
	/* pmap_page_protect() may be at the end of a mapping that it took. */
	while (atomic_load(&p->resident) != 0)
		cpu_relax();
	pmap_leave(p);
	tables_free(p->root, TABLE_LEVELS - 1, KERNEL_FIRST_SLOT);
	vm_page_release(vm_page_of_phys(p->root_phys));
	zone_free(pmap_zone, p);
}

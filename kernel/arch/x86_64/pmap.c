/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap.c - page tables of address spaces: entering, removing and lowering mappings.
 *
 * Every mapping of a page that VM manages has a pv entry (pmap_pv.c), by which the page's mappings are found. Page
 * tables grow as needed; they are given back when the pmap goes, or when nothing is mapped by them (pmap_collect).
 * Large pages: one entry of a level-1 table, with one pv entry on its first page (device memory: none). Rights that are lowered of all of it are lowered in
 * its entry; whatever concerns a part of it drops it whole: the next
 * fault enters pages, or the large one again. So nothing ever has to be split, which could fail.
 *
 * Invariants:
 *   P1 a managed entry is present iff its page has a pv entry for it; both change under the page's pv lock.
 *      A large one is present iff its first page has a large pv entry for it.
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
static _Atomic uint64_t last_id;
struct pmap_counts pmap_counts;

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
	p->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
	vm_page_set_owner(root, 0, PAGE_OWNER_TABLE, 0);
	p->root_phys = root->phys;
	p->root = vm_page_virt(root);
	memcpy(p->root + KERNEL_FIRST_SLOT, kernel_pmap->root + KERNEL_FIRST_SLOT,
	       (TABLE_ENTRIES - KERNEL_FIRST_SLOT) * sizeof(pte_t)); /* P4 */
	spin_init(&p->lock, "pmap");
	return p;
}

/* --- walking ------------------------------------------------------------------------------ */

/*
 * The entry of va in its table of level, or NULL if there is no such table. A table goes only while the map says that
 * nothing is mapped there (pmap_collect), so one with a present entry stays.
 */
static pte_atomic *entry_at(const struct pmap *p, uint64_t va, int wanted)
{
	pte_t *table = p->root;

	for (int level = TABLE_LEVELS - 1; level > wanted; level--) {
		pte_t entry = *(volatile pte_t *)&table[table_index(va, level)];

		if ((entry & PTE_PRESENT) == 0 || (entry & PTE_LARGE) != 0)
			return NULL;
		table = pte_table(entry);
	}
	return (pte_atomic *)&table[table_index(va, wanted)];
}

pte_atomic *pmap_pte(const struct pmap *p, uint64_t va)
{
	return entry_at(p, va, 0);
}

pte_atomic *pmap_large_pte(const struct pmap *p, uint64_t va)
{
	return entry_at(p, va, 1);
}

static void large_remove(struct pmap *p, uint64_t va, pte_atomic *entry);

/* As entry_at(), and makes what is missing; a large page in the way is dropped. NULL: no memory. */
static pte_atomic *entry_make(struct pmap *p, uint64_t va, int wanted)
{
	pte_t *table = p->root;
	pte_t user = va < VM_MAX_ADDRESS ? PTE_USER : 0;

	spin_assert_held(&p->lock);
	for (int level = TABLE_LEVELS - 1; level > wanted; level--) {
		pte_t *entry = &table[table_index(va, level)];

		if ((*entry & (PTE_PRESENT | PTE_LARGE)) == (PTE_PRESENT | PTE_LARGE)) {
			uint64_t base = va & ~(PMAP_LARGE_BYTES - 1);

			large_remove(p, base, (pte_atomic *)entry);
			pmap_invalidate(p, base, base + PMAP_LARGE_BYTES);
		}
		if ((*entry & PTE_PRESENT) == 0) {
			struct vm_page *page = vm_page_grab_zeroed();

			if (page == NULL)
				return NULL;
			vm_page_set_owner(page, 0, PAGE_OWNER_TABLE, 0);
			p->tables++;
			*(volatile pte_t *)entry = page->phys | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | user;
		}
		table = pte_table(*entry);
	}
	return (pte_atomic *)&table[table_index(va, wanted)];
}

/* The first address after va whose entry of this level is another one; end if that is earlier. */
static uint64_t next_boundary(uint64_t va, int level, uint64_t end)
{
	uint64_t bytes = PAGE_SIZE << (9 * level), next = (va & ~(bytes - 1)) + bytes;

	return next < va || next > end ? end : next;
}

/* A walk over the present entries of [start, end): what to do with each, and what must be invalidated afterwards. */
struct sweep {
	uint64_t start, end; /* start moves on */
	uint64_t first;      /* where it began; lower_one's */
	void (*fn)(struct sweep *w, struct pmap *p, uint64_t va, pte_atomic *entry, bool large);
	uint64_t low, high;  /* changed: equal if nothing */
	unsigned budget;     /* entries that may yet be changed under this hold of the lock */
	pte_t clear, set;    /* lower_one's */
};

#define SWEEP_BUDGET 256U

/* [va, va + bytes) was. cost: in entries; the bits of a large page that goes are noted in each of its pages. */
#define LARGE_COST 64U

static void changed(struct sweep *w, uint64_t va, uint64_t bytes, unsigned cost)
{
	if (w->low == w->high)
		w->low = va;
	w->high = va + bytes;
	w->budget = w->budget < cost ? 0 : w->budget - cost;
}

/* Do it for some; w->start is where to go on, w->end if that was all. Skips what has no tables. */
static void sweep_some(struct pmap *p, struct sweep *w)
{
	uint64_t va = w->start;

	while (va < w->end && w->budget != 0) {
		pte_t *table = p->root;
		uint64_t stop;
		int level;

		for (level = TABLE_LEVELS - 1; level > 0; level--) {
			pte_t entry = *(volatile pte_t *)&table[table_index(va, level)];

			if ((entry & PTE_PRESENT) == 0 || (entry & PTE_LARGE) != 0)
				break;
			table = pte_table(entry);
		}
		if (level == 1 && (table[table_index(va, 1)] & PTE_PRESENT))
			w->fn(w, p, va & ~(PMAP_LARGE_BYTES - 1), (pte_atomic *)&table[table_index(va, 1)], true);
		if (level > 0) {
			/* What follows in this table and is not there either: a task's addresses are mostly holes. */
			do
				va = next_boundary(va, level, w->end);
			while (va < w->end && table_index(va, level) != 0 && (table[table_index(va, level)] & PTE_PRESENT) == 0);
			continue;
		}
		for (stop = next_boundary(va, 1, w->end); va < stop && w->budget != 0; va += PAGE_SIZE) {
			pte_atomic *entry = (pte_atomic *)&table[table_index(va, 0)];

			if (atomic_load_explicit(entry, memory_order_relaxed) & PTE_PRESENT)
				w->fn(w, p, va, entry, false);
		}
	}
	w->start = va;
}

/* All of it: some entries at a time, so that interrupts have their turn; each time one round of invalidation. */
static void sweep(struct pmap *p, struct sweep *w)
{
	while (w->start < w->end) {
		w->low = w->high = 0;
		w->budget = SWEEP_BUDGET;
		spin_lock(&p->lock);
		pmap_pv_batch_begin();
		sweep_some(p, w);
		if (w->low != w->high)
			pmap_invalidate(p, w->low, w->high);
		pmap_pv_batch_end();
		spin_unlock(&p->lock);
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

static void large_remove(struct pmap *p, uint64_t va, pte_atomic *entry)
{
	pte_t old = atomic_load(entry);

	atomic_fetch_add_explicit(&pmap_counts.large_dropped, 1, memory_order_relaxed);
	if (old & PTE_UNMANAGED) {
		atomic_store(entry, 0);
		atomic_fetch_sub(&p->resident, 1UL << PMAP_LARGE_ORDER);
		return;
	}
	pmap_pv_remove_large(p, va, entry, vm_page_of_phys(old & PTE_ADDRESS & ~(PMAP_LARGE_BYTES - 1)));
}

static void remove_one(struct sweep *w, struct pmap *p, uint64_t va, pte_atomic *entry, bool large)
{
	if (large)
		large_remove(p, va, entry);
	else
		entry_remove(p, va, entry);
	changed(w, va, large ? PMAP_LARGE_BYTES : PAGE_SIZE, large ? LARGE_COST : 1);
}

void pmap_remove(struct pmap *p, uint64_t start, uint64_t end)
{
	struct sweep w = { .start = start, .end = end, .fn = remove_one };

	sweep(p, &w);
}

static void lower_one(struct sweep *w, struct pmap *p, uint64_t va, pte_atomic *entry, bool large)
{
	pte_t old = atomic_load(entry);

	if ((old & w->clear) == 0 && (~old & w->set) == 0)
		return;
	if (large && (va < w->first || va + PMAP_LARGE_BYTES > w->end)) {
		remove_one(w, p, va, entry, true); /* the rest of it keeps its rights: faults enter what is right */
		return;
	}
	/* The processor may set A and D meanwhile, pmap_page_protect() may clear: never store a stale value. */
	while ((old & PTE_PRESENT) != 0 &&
	       !atomic_compare_exchange_weak(entry, &old, (old & ~w->clear) | w->set))
		;
	changed(w, va, large ? PMAP_LARGE_BYTES : PAGE_SIZE, 1);
}

void pmap_protect(struct pmap *p, uint64_t start, uint64_t end, vm_prot_t prot)
{
	struct sweep w = {
		.start = start,
		.first = start,
		.end = end,
		.fn = lower_one,
		.clear = (prot & VM_PROT_WRITE) ? 0 : PTE_WRITE,
		.set = (prot & VM_PROT_EXECUTE) ? 0 : PTE_NX,
	};

	if ((prot & VM_PROT_ALL) == VM_PROT_NONE)
		w.fn = remove_one;
	else if (w.clear == 0 && w.set == 0)
		return;
	sweep(p, &w);
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
	pte_atomic *entry = entry_make(p, va, 0);
	pte_t old;

	if (entry == NULL)
		return KERN_RESOURCE_SHORTAGE;
	old = atomic_load(entry);
	if ((old & PTE_PRESENT) != 0 &&
	    ((old ^ new) & (PTE_ADDRESS | PTE_UNMANAGED | PTE_CACHE)) == 0) {
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

static bool table_empty(const pte_t *table)
{
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		if (table[i] != 0)
			return false;
	return true;
}

/* Make room for a large entry: an empty table in its place goes. */
static kern_return_t large_room(struct pmap *p, uint64_t va, pte_atomic *entry)
{
	pte_t old = atomic_load(entry);

	if ((old & PTE_PRESENT) == 0)
		return KERN_SUCCESS;
	if ((old & PTE_LARGE) != 0) {
		large_remove(p, va, entry);
		pmap_invalidate(p, va, va + PMAP_LARGE_BYTES);
		return KERN_SUCCESS;
	}
	if (!table_empty(pte_table(old)))
		return KERN_FAILURE;
	atomic_store(entry, 0);
	pmap_invalidate(p, va, va + PMAP_LARGE_BYTES);
	p->tables--;
	vm_page_release(vm_page_of_phys(old & PTE_ADDRESS));
	return KERN_SUCCESS;
}

bool pmap_large_room(struct pmap *p, uint64_t va)
{
	pte_atomic *entry = entry_at(p, va, 1);
	pte_t old = entry == NULL ? 0 : atomic_load_explicit(entry, memory_order_relaxed);

	return (old & PTE_PRESENT) == 0 || (old & PTE_LARGE) != 0;
}

/* Where a large entry for va goes, or NULL with why not in *kr. Under the pmap lock. */
static pte_atomic *large_make(struct pmap *p, uint64_t va, kern_return_t *kr)
{
	pte_atomic *entry = entry_make(p, va, 1);

	*kr = entry == NULL ? KERN_RESOURCE_SHORTAGE : large_room(p, va, entry);
	return *kr == KERN_SUCCESS ? entry : NULL;
}

kern_return_t pmap_enter_large(struct pmap *p, uint64_t va, struct vm_page *page, vm_prot_t prot)
{
	pte_t new = page->phys | entry_flags(va, prot) | PTE_LARGE;
	pte_atomic *entry;
	kern_return_t kr;

	KASSERT(((va | page->phys) & (PMAP_LARGE_BYTES - 1)) == 0 && va < VM_MAX_ADDRESS && (prot & VM_PROT_ALL) != 0);
	spin_lock(&p->lock);
	entry = large_make(p, va, &kr);
	if (entry != NULL)
		kr = pmap_pv_enter_large(p, va, entry, page, new);
	if (kr == KERN_SUCCESS)
		atomic_fetch_add_explicit(&pmap_counts.large_entered, 1, memory_order_relaxed);
	spin_unlock(&p->lock);
	return kr;
}

/* What an entry of memory that is nobody's page says. */
static pte_t phys_entry(uint64_t va, uint64_t pa, vm_prot_t prot, enum pmap_cache cache)
{
	static const pte_t bits[] = { [PMAP_CACHED] = 0, [PMAP_UNCACHED] = PTE_CACHE, [PMAP_WRITE_COMBINED] = PTE_WRITE_THROUGH };

	return (pa & PTE_ADDRESS) | entry_flags(va, prot) | PTE_UNMANAGED | PTE_WIRED | bits[cache];
}

kern_return_t pmap_enter_phys(struct pmap *p, uint64_t va, uint64_t pa, vm_prot_t prot,
			      enum pmap_cache cache)
{
	kern_return_t kr;

	KASSERT((va & PAGE_MASK) == 0 && (va < VM_MAX_ADDRESS || p == kernel_pmap));
	spin_lock(&p->lock);
	kr = enter_locked(p, va, NULL, phys_entry(va, pa, prot, cache));
	spin_unlock(&p->lock);
	return kr;
}

kern_return_t pmap_enter_phys_large(struct pmap *p, uint64_t va, uint64_t pa, vm_prot_t prot, enum pmap_cache cache)
{
	pte_t new = phys_entry(va, pa, prot, cache) | PTE_LARGE;
	pte_atomic *entry;
	kern_return_t kr;

	KASSERT(((va | pa) & (PMAP_LARGE_BYTES - 1)) == 0 && va < VM_MAX_ADDRESS && (prot & VM_PROT_ALL) != 0);
	spin_lock(&p->lock);
	entry = entry_at(p, va, 1);
	if (entry != NULL && (atomic_load(entry) & ~PTE_DIRTY) == new) { /* another thread was first */
		spin_unlock(&p->lock);
		return KERN_SUCCESS;
	}
	entry = large_make(p, va, &kr);
	if (entry != NULL) {
		atomic_store(entry, new);
		atomic_fetch_add(&p->resident, 1UL << PMAP_LARGE_ORDER);
		atomic_fetch_add_explicit(&pmap_counts.large_entered, 1, memory_order_relaxed);
	}
	spin_unlock(&p->lock);
	return kr;
}

/* --- the end ------------------------------------------------------------------------------ */

/* Put the tables below a table of this level on a list; not itself. Nothing is mapped by them. */
static uint64_t tables_gather(pte_t *table, int level, unsigned count, struct list *out)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < count; i++) {
		pte_t entry = table[i];
		struct vm_page *page;

		if ((entry & PTE_PRESENT) == 0)
			continue;
		KASSERT((entry & PTE_LARGE) == 0);
		if (level > 1)
			n += tables_gather(pte_table(entry), level - 1, TABLE_ENTRIES, out);
		page = vm_page_of_phys(entry & PTE_ADDRESS);
		list_add_tail(out, &page->queue_link);
		n++;
	}
	return n;
}

static void tables_release(struct list *tables)
{
	struct vm_page *page;

	while ((page = list_first(tables, struct vm_page, queue_link)) != NULL) {
		list_remove(&page->queue_link);
		vm_page_release(page);
	}
}

/* Unlink from a table of this level, which begins at base, what is only for [start, end). */
static uint64_t tables_unlink(pte_t *table, int level, uint64_t base, uint64_t start, uint64_t end, struct list *out)
{
	uint64_t bytes = PAGE_SIZE << (9 * level), n = 0;
	unsigned first = start > base ? (unsigned)((start - base) / bytes) : 0;

	for (unsigned i = first; i < TABLE_ENTRIES && base + i * bytes < end; i++) {
		uint64_t va = base + i * bytes;
		pte_t entry = table[i];
		struct vm_page *page;

		if ((entry & PTE_PRESENT) == 0 || (entry & PTE_LARGE) != 0)
			continue;
		if (va < start || va + bytes > end) {
			if (level > 1)
				n += tables_unlink(pte_table(entry), level - 1, va, start, end, out);
			continue;
		}
		*(volatile pte_t *)&table[i] = 0;
		if (level > 1)
			n += tables_gather(pte_table(entry), level - 1, TABLE_ENTRIES, out);
		page = vm_page_of_phys(entry & PTE_ADDRESS);
		KASSERT(level > 1 || table_empty(vm_page_virt(page)));
		list_add_tail(out, &page->queue_link);
		n++;
	}
	return n;
}

/* So many tables are never too many; beyond, there should be a table for each so many pages. */
#define TABLES_FREE 16U
#define PAGES_PER_TABLE 16U

void pmap_collect(struct pmap *p, uint64_t start, uint64_t end)
{
	struct list tables = LIST_INIT(tables);
	uint64_t n;

	/* The kernel's stay: INVLPG forgets where tables are for the PCID in use only (SDM vol. 3A 4.10.4.1). */
	if (p == kernel_pmap || p->tables <= TABLES_FREE + pmap_resident_count(p) / PAGES_PER_TABLE) /* racy; a guess does */
		return;
	spin_lock(&p->lock);
	n = tables_unlink(p->root, TABLE_LEVELS - 1, 0, start, end, &tables);
	p->tables -= n;
	if (n != 0) /* an invalidation of any page makes processors forget where tables are */
		pmap_invalidate(p, start & ~PAGE_MASK, (start & ~PAGE_MASK) + PAGE_SIZE);
	spin_unlock(&p->lock);
	tables_release(&tables);
	atomic_fetch_add_explicit(&pmap_counts.tables_freed, n, memory_order_relaxed);
}

void pmap_destroy(struct pmap *p)
{
	struct list tables = LIST_INIT(tables);

	VERIFY(p != kernel_pmap);
	pmap_remove(p, 0, VM_MAX_ADDRESS);
	/* pmap_page_protect() may be at the end of a mapping that it took. */
	while (atomic_load(&p->resident) != 0)
		cpu_relax();
	pmap_pv_batch_wait(); /* and a batch, of translations that it lowered */
	pmap_leave(p);
	(void)tables_gather(p->root, TABLE_LEVELS - 1, KERNEL_FIRST_SLOT, &tables);
	tables_release(&tables);
	vm_page_release(vm_page_of_phys(p->root_phys));
	zone_free(pmap_zone, p);
}

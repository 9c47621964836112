/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap_pv.c - from a page to its mappings: pv entries, and the operations on all mappings of a page.
 *
 * Invariants: V1 under the page's pv lock, a pv entry (pmap, va) exists iff that page table entry is present and
 *   maps the page; so its tables exist and the pmap is not yet destroyed (pmap.resident counts it);
 *   V2 what the A and D bits of a removed entry said is kept in page->pmap_bits; V3 pmap_page_protect()
 *   returns only when no invalidation of an earlier removal is outstanding (batches).
 * Locking: pv locks, a small hashed set, inside pmap.lock; pmap_page_protect() takes no pmap lock: it may only
 *   clear bits or whole entries, atomically.
 */
#include "pmap_pv.h"
#include <kern/assert.h>
#include <kern/kalloc.h>
#include <vm/vm_page.h>

#define PV_LOCKS 64
#define PAGE_BIT_REFERENCED 1
#define PAGE_BIT_MODIFIED 2

struct pv_entry {
	struct pv_entry *next;
	struct pmap *pmap;
	uint64_t va;    /* with PV_LARGE: of a large page, and this list is its first page's */
};

#define PV_LARGE 1UL

static struct spinlock pv_locks[PV_LOCKS];
static struct zone *pv_zone;
static _Atomic uint32_t batches; /* V3 */

void pmap_pv_init(void)
{
	pv_zone = zone_create("pv entry", sizeof(struct pv_entry), 0);
	for (unsigned i = 0; i < PV_LOCKS; i++)
		spin_init(&pv_locks[i], "pv");
}

static struct spinlock *pv_lock_of(const struct vm_page *page)
{
	return &pv_locks[(page->phys >> PAGE_SHIFT) % PV_LOCKS];
}

static void note_bits(struct vm_page *page, pte_t entry)
{
	if (entry & PTE_ACCESSED)
		page->pmap_bits |= PAGE_BIT_REFERENCED;
	if (entry & PTE_DIRTY)
		page->pmap_bits |= PAGE_BIT_MODIFIED;
}

kern_return_t pmap_pv_enter(struct pmap *p, uint64_t va, pte_atomic *entry, struct vm_page *page, pte_t new)
{
	struct pv_entry *pv = zone_alloc(pv_zone);
	struct spinlock *lock = pv_lock_of(page);

	if (pv == NULL)
		return KERN_RESOURCE_SHORTAGE;
	pv->pmap = p;
	pv->va = va;
	atomic_fetch_add(&p->resident, 1);
	spin_lock(lock);
	pv->next = page->pv;
	page->pv = pv;
	atomic_store(entry, new);
	spin_unlock(lock);
	return KERN_SUCCESS;
}

void pmap_pv_remove(struct pmap *p, uint64_t va, pte_atomic *entry, struct vm_page *page)
{
	struct spinlock *lock;
	struct pv_entry **link, *pv;
	pte_t old;

	VERIFY(page != NULL);
	lock = pv_lock_of(page);
	spin_lock(lock);
	old = atomic_exchange(entry, 0);
	if ((old & PTE_PRESENT) == 0) { /* pmap_page_protect() was first */
		spin_unlock(lock);
		return;
	}
	note_bits(page, old); /* V2 */
	for (link = &page->pv; (pv = *link) != NULL; link = &pv->next)
		if (pv->pmap == p && pv->va == va)
			break;
	VERIFY(pv != NULL); /* V1 */
	*link = pv->next;
	spin_unlock(lock);
	zone_free(pv_zone, pv);
	atomic_fetch_sub(&p->resident, 1);
}

/*
 * A large page's pv entry is on its first page's list, under that page's lock, which is pv_locks[0]. Each of its
 * pages knows that it may be in one (in_large, never taken back while the page is in use), and looks there first; then
 * at its own list and bits, so that what a removal noted meanwhile is seen.
 */
static struct vm_page *first_of(struct vm_page *page)
{
	return vm_page_of_phys(page->phys & ~(PMAP_LARGE_BYTES - 1));
}

kern_return_t pmap_pv_enter_large(struct pmap *p, uint64_t va, pte_atomic *entry, struct vm_page *page, pte_t new)
{
	struct pv_entry *pv = zone_alloc(pv_zone);

	if (pv == NULL)
		return KERN_RESOURCE_SHORTAGE;
	pv->pmap = p;
	pv->va = va | PV_LARGE;
	for (unsigned i = 0; i < 1U << PMAP_LARGE_ORDER; i++)
		page[i].in_large = true;
	atomic_fetch_add(&p->resident, 1UL << PMAP_LARGE_ORDER);
	spin_lock(pv_lock_of(page));
	pv->next = page->pv;
	page->pv = pv;
	atomic_store(entry, new);
	spin_unlock(pv_lock_of(page));
	return KERN_SUCCESS;
}

/* What the entry of a large page said of all its pages. The first one's lock is held, and taken before the others'. */
static void note_large_bits(struct vm_page *first, pte_t entry)
{
	if ((entry & (PTE_ACCESSED | PTE_DIRTY)) == 0)
		return;
	for (unsigned i = 0; i < 1U << PMAP_LARGE_ORDER; i++) {
		struct spinlock *lock = pv_lock_of(&first[i]);
		bool other = lock != pv_lock_of(first);

		if (other)
			spin_lock(lock);
		note_bits(&first[i], entry);
		if (other)
			spin_unlock(lock);
	}
}

static void large_gone(struct pv_entry *pv)
{
	struct pmap *p = pv->pmap;

	zone_free(pv_zone, pv);
	atomic_fetch_sub(&p->resident, 1UL << PMAP_LARGE_ORDER);
}

void pmap_pv_remove_large(struct pmap *p, uint64_t va, pte_atomic *entry, struct vm_page *page)
{
	struct pv_entry **link, *pv;
	pte_t old;

	VERIFY(page != NULL);
	spin_lock(pv_lock_of(page));
	old = atomic_exchange(entry, 0);
	if ((old & PTE_PRESENT) == 0) { /* pmap_page_protect() was first */
		spin_unlock(pv_lock_of(page));
		return;
	}
	note_large_bits(page, old);
	for (link = &page->pv; (pv = *link) != NULL; link = &pv->next)
		if (pv->pmap == p && pv->va == (va | PV_LARGE))
			break;
	VERIFY(pv != NULL); /* V1 */
	*link = pv->next;
	spin_unlock(pv_lock_of(page));
	large_gone(pv);
}

/* Drop the large pages that page is in, in every pmap. */
static void drop_large(struct vm_page *page, struct pmap_batch *b);

/* Is bit set in the entry of a large page that page is in? */
static bool test_large(struct vm_page *page, pte_t bit)
{
	struct vm_page *first;
	bool found = false;

	if (!page->in_large)
		return false;
	first = first_of(page);
	spin_lock(pv_lock_of(first));
	for (struct pv_entry *pv = first->pv; pv != NULL && !found; pv = pv->next)
		if (pv->va & PV_LARGE)
			found = (atomic_load(pmap_large_pte(pv->pmap, pv->va & ~PV_LARGE)) & bit) != 0;
	spin_unlock(pv_lock_of(first));
	return found;
}

void pmap_pv_batch_wait(void)
{
	while (atomic_load(&batches) != 0)
		cpu_relax();
}

/* ---- batches ---- */

void pmap_batch_begin(struct pmap_batch *b)
{
	b->count = 0;
	pmap_pv_batch_begin();
}

static void batch_flush(struct pmap_batch *b)
{
	for (unsigned i = 0; i < b->count; i++)
		pmap_invalidate(b->ranges[i].pmap, b->ranges[i].start, b->ranges[i].end);
	b->count = 0;
}

/* [va, va + bytes) of p is to be invalidated: now (b NULL), or by pmap_batch_end(). */
static void invalidate(struct pmap_batch *b, struct pmap *p, uint64_t va, uint64_t bytes)
{
	if (b == NULL) {
		pmap_invalidate(p, va, va + bytes);
		return;
	}
	for (unsigned i = 0; i < b->count; i++)
		if (b->ranges[i].pmap == p) {
			if (va < b->ranges[i].start)
				b->ranges[i].start = va;
			if (va + bytes > b->ranges[i].end)
				b->ranges[i].end = va + bytes;
			return;
		}
	if (b->count == PMAP_BATCH_RANGES)
		batch_flush(b);
	b->ranges[b->count].pmap = p;
	b->ranges[b->count].start = va;
	b->ranges[b->count++].end = va + bytes;
}

void pmap_batch_end(struct pmap_batch *b)
{
	batch_flush(b);
	pmap_pv_batch_end();
	pmap_pv_batch_wait(); /* V3 */
}

void pmap_pv_batch_begin(void)
{
	atomic_fetch_add(&batches, 1);
}

void pmap_pv_batch_end(void)
{
	atomic_fetch_sub(&batches, 1);
}

static pte_atomic *pv_pte(const struct pv_entry *pv)
{
	pte_atomic *entry = pmap_pte(pv->pmap, pv->va);

	VERIFY(entry != NULL); /* V1 */
	return entry;
}

static void drop_large(struct vm_page *page, struct pmap_batch *b)
{
	struct vm_page *first = first_of(page);
	struct pv_entry **link = &first->pv, *pv;

	spin_lock(pv_lock_of(first));
	while ((pv = *link) != NULL) {
		uint64_t va = pv->va & ~PV_LARGE;
		pte_atomic *entry;

		if ((pv->va & PV_LARGE) == 0) {
			link = &pv->next;
			continue;
		}
		entry = pmap_large_pte(pv->pmap, va);
		VERIFY(entry != NULL); /* V1 */
		note_large_bits(first, atomic_exchange(entry, 0));
		invalidate(b, pv->pmap, va, PMAP_LARGE_BYTES);
		*link = pv->next;
		atomic_fetch_add_explicit(&pmap_counts.large_dropped, 1, memory_order_relaxed);
		large_gone(pv); /* last: the pmap may go now */
	}
	spin_unlock(pv_lock_of(first));
}

static void remove_all_locked(struct vm_page *page, struct pmap_batch *b)
{
	struct pv_entry *pv;

	while ((pv = page->pv) != NULL) {
		struct pmap *p = pv->pmap;

		KASSERT((pv->va & PV_LARGE) == 0); /* dropped before; entered under the object's lock, which the caller has */
		note_bits(page, atomic_exchange(pv_pte(pv), 0));
		invalidate(b, p, pv->va, PAGE_SIZE);
		page->pv = pv->next;
		zone_free(pv_zone, pv);
		atomic_fetch_sub(&p->resident, 1); /* last: the pmap may go now */
	}
}

static void page_protect(struct vm_page *page, vm_prot_t prot, struct pmap_batch *b)
{
	struct spinlock *lock = pv_lock_of(page);

	if (page->in_large)
		drop_large(page, b);
	spin_lock(lock);
	if ((prot & VM_PROT_ALL) == VM_PROT_NONE) {
		remove_all_locked(page, b);
	} else {
		for (struct pv_entry *pv = page->pv; pv != NULL; pv = pv->next)
			if (atomic_fetch_and(pv_pte(pv), ~PTE_WRITE) & PTE_WRITE)
				invalidate(b, pv->pmap, pv->va, PAGE_SIZE);
	}
	spin_unlock(lock);
}

void pmap_page_protect(struct vm_page *page, vm_prot_t prot)
{
	if (prot & VM_PROT_WRITE)
		return;
	page_protect(page, prot, NULL);
	pmap_pv_batch_wait(); /* V3 */
}

void pmap_page_protect_batched(struct pmap_batch *b, struct vm_page *page, vm_prot_t prot)
{
	if ((prot & VM_PROT_WRITE) == 0)
		page_protect(page, prot, b);
}

/* Is this bit set in any mapping of page, or was it in a former one? */
static bool test_bit(struct vm_page *page, pte_t bit, uint8_t kept)
{
	struct spinlock *lock = pv_lock_of(page);
	bool found;

	if (test_large(page, bit))
		return true;
	spin_lock(lock);
	found = (page->pmap_bits & kept) != 0;
	for (struct pv_entry *pv = page->pv; pv != NULL && !found; pv = pv->next)
		if ((pv->va & PV_LARGE) == 0)
			found = (atomic_load(pv_pte(pv)) & bit) != 0;
	spin_unlock(lock);
	return found;
}

bool pmap_is_mapped(struct vm_page *page)
{
	struct spinlock *lock = pv_lock_of(page);
	bool mapped;

	spin_lock(lock);
	mapped = page->pv != NULL || page->in_large;
	spin_unlock(lock);
	return mapped;
}

/*
 * A cached translation does not set the bit again. For the dirty bit that would lose a change, so it goes from all CPUs. For the
 * accessed bit it goes from this one, and from others when they switch: a CPU that uses the page without a switch meanwhile may lose it and
 * fault it in again, which costs less than an interrupt of every CPU for each page that ages.
 */
static void clear_bit(struct vm_page *page, pte_t bit, uint8_t kept)
{
	struct spinlock *lock = pv_lock_of(page);

	if (page->in_large)
		drop_large(page, NULL); /* its bit speaks for others too, and is noted with them */
	spin_lock(lock);
	page->pmap_bits &= (uint8_t)~kept;
	for (struct pv_entry *pv = page->pv; pv != NULL; pv = pv->next) {
		if ((pv->va & PV_LARGE) != 0 || (atomic_fetch_and(pv_pte(pv), ~bit) & bit) == 0)
			continue;
		if (bit == PTE_DIRTY) {
			pmap_invalidate(pv->pmap, pv->va, pv->va + PAGE_SIZE);
			continue;
		}
		pmap_forget_soon(pv->pmap);
		if (this_cpu()->pmap == pv->pmap)
			pmap_invalidate_here(pv->va);
	}
	spin_unlock(lock);
}

bool pmap_is_modified(struct vm_page *page)
{
	return test_bit(page, PTE_DIRTY, PAGE_BIT_MODIFIED);
}

void pmap_clear_modify(struct vm_page *page)
{
	clear_bit(page, PTE_DIRTY, PAGE_BIT_MODIFIED);
}

bool pmap_is_referenced(struct vm_page *page)
{
	return test_bit(page, PTE_ACCESSED, PAGE_BIT_REFERENCED);
}

void pmap_clear_reference(struct vm_page *page)
{
	clear_bit(page, PTE_ACCESSED, PAGE_BIT_REFERENCED);
}

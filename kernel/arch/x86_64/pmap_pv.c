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
	uint64_t va;
};

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

static void remove_all_locked(struct vm_page *page)
{
	struct pv_entry *pv;

	while ((pv = page->pv) != NULL) {
		struct pmap *p = pv->pmap;

		note_bits(page, atomic_exchange(pv_pte(pv), 0));
		pmap_invalidate(p, pv->va, pv->va + PAGE_SIZE);
		page->pv = pv->next;
		zone_free(pv_zone, pv);
		atomic_fetch_sub(&p->resident, 1); /* last: the pmap may go now */
	}
}

void pmap_page_protect(struct vm_page *page, vm_prot_t prot)
{
	struct spinlock *lock = pv_lock_of(page);

	if (prot & VM_PROT_WRITE)
		return;
	spin_lock(lock);
	if ((prot & VM_PROT_ALL) == VM_PROT_NONE) {
		remove_all_locked(page);
	} else {
		for (struct pv_entry *pv = page->pv; pv != NULL; pv = pv->next)
			if (atomic_fetch_and(pv_pte(pv), ~PTE_WRITE) & PTE_WRITE)
				pmap_invalidate(pv->pmap, pv->va, pv->va + PAGE_SIZE);
	}
	spin_unlock(lock);
	while (atomic_load(&batches) != 0) /* V3 */
		cpu_relax();
}

/* Is this bit set in any mapping of page, or was it in a former one? */
static bool test_bit(struct vm_page *page, pte_t bit, uint8_t kept)
{
	struct spinlock *lock = pv_lock_of(page);
	bool found;

	spin_lock(lock);
	found = (page->pmap_bits & kept) != 0;
	for (struct pv_entry *pv = page->pv; pv != NULL && !found; pv = pv->next)
		found = (atomic_load(pv_pte(pv)) & bit) != 0;
	spin_unlock(lock);
	return found;
}

static void clear_bit(struct vm_page *page, pte_t bit, uint8_t kept)
{
	struct spinlock *lock = pv_lock_of(page);

	spin_lock(lock);
	page->pmap_bits &= (uint8_t)~kept;
	for (struct pv_entry *pv = page->pv; pv != NULL; pv = pv->next)
		if (atomic_fetch_and(pv_pte(pv), ~bit) & bit)
			/* Else a cached translation would not set the bit again. */
			pmap_invalidate(pv->pmap, pv->va, pv->va + PAGE_SIZE);
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

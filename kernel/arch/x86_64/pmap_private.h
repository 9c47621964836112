/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap_private.h - page table entries, and struct pmap.
 *
 * Reference: SDM vol. 3A 4.5 (4-level paging), 4.10 (translation caches).
 */
#pragma once

#include <kern/lock.h>
#include <kern/limits.h>
#include <machine/pmap.h>
#include <stdatomic.h>

typedef uint64_t pte_t;
typedef _Atomic uint64_t pte_atomic; /* an entry of a page, which the processor changes too */

#define PTE_PRESENT (1UL << 0)
#define PTE_WRITE (1UL << 1)
#define PTE_USER (1UL << 2)
#define PTE_WRITE_THROUGH (1UL << 3)
#define PTE_NO_CACHE (1UL << 4)
#define PTE_CACHE (PTE_WRITE_THROUGH | PTE_NO_CACHE) /* which of PAT's entries 0 .. 3 */
#define PTE_ACCESSED (1UL << 5)
#define PTE_DIRTY (1UL << 6)
#define PTE_LARGE (1UL << 7)
#define PTE_GLOBAL (1UL << 8)
#define PTE_WIRED (1UL << 9)    /* ours: never dropped */
#define PTE_UNMANAGED (1UL << 10) /* ours: no vm_page, no pv entry */
#define PTE_NX (1UL << 63)
#define CR3_NO_FLUSH (1UL << 63) /* with PCIDs: keep what is cached for this one */
#define PTE_ADDRESS 0x000ffffffffff000UL

#define TABLE_ENTRIES 512
#define TABLE_LEVELS 4
#define KERNEL_FIRST_SLOT 256 /* of the root table: the upper half is the kernel's */

/* Index into the table of a level (3: root .. 0: of pages). */
static inline unsigned table_index(uint64_t va, int level)
{
	return (va >> (PAGE_SHIFT + 9 * level)) & (TABLE_ENTRIES - 1);
}

static inline pte_t *pte_table(pte_t entry)
{
	return phys_to_virt(entry & PTE_ADDRESS);
}

/*
 * Key: [I] immutable, [p] pmap lock, [a] atomic.
 */
struct pmap {
	uint64_t root_phys;            /* [I] */
	pte_t *root;                   /* [I] */
	_Atomic uint64_t active;       /* [a] bit n: CPU n may hold its translations */
	struct spinlock lock;
	_Atomic uint64_t resident;     /* [a] pages mapped */
	uint64_t tables;               /* [p] page table frames below the root */
	uint64_t id;                   /* [I] of no other pmap before or after; kernel_pmap: 0 */
	_Atomic uint64_t generation;   /* [a] of its translations, where CPUs keep those of pmaps that are not loaded */
};

/*
 * The two halves of pmap_activate() for a switch of stacks: all but loading CR3 and then doing *left &= keep, which
 * says that the pmap before may forget this CPU (left NULL: not that). Interrupts off; p is not the one in use.
 */
struct pmap_move {
	uint64_t cr3;
	_Atomic uint64_t *left;
	uint64_t keep;
};
struct pmap_move pmap_move_begin(struct pmap *p, uint64_t root_phys);

/* Zones of pmaps and pv entries; once, after kalloc is up. */
void pmap_init(void);
pte_atomic *pmap_pte(const struct pmap *p, uint64_t va);
/* As pmap_pte, of the entry that may map all of va's large page. */
pte_atomic *pmap_large_pte(const struct pmap *p, uint64_t va);
/* No CPU translates [start, end) of p as it was before, when this returns. Any context. */
void pmap_invalidate(struct pmap *p, uint64_t start, uint64_t end);
/* No CPU that loads p from now on translates it as it was before. Where CPUs keep nothing over a load, that is so anyway. */
void pmap_forget_soon(struct pmap *p);
/* Loads of pmaps with a PCID: those that kept what was cached, and those that did not. All 0: no PCIDs here. A guess on other CPUs. */
void pmap_pcid_loads(uint64_t *kept, uint64_t *flushed);
/* On this CPU only. */
void pmap_invalidate_here(uint64_t va);
/* As pmap_activate(), for who knows p's root: p itself is not looked at while there is one CPU. */
void pmap_load(struct pmap *p, uint64_t root_phys);
/* On the only CPU, before others start. */
void pmap_prepare_smp(void);
/* No CPU has p loaded, when this returns. */
void pmap_leave(struct pmap *p);

/* True if a kernel address can be read. Any context, also in a panic. */
bool kernel_address_mapped(uint64_t va);

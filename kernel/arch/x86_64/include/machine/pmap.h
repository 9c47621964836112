/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap.h - the machine's page tables, behind Mach's pmap interface. VM may drop any mapping's
 * hardware entry and rebuild it from a fault; wired entries stay.
 *
 * Locking: pmap lock inside; callers hold the vm_map or vm_object lock that makes the change valid.
 *   Page tables come from vm_page_grab(); pmap_enter may answer KERN_RESOURCE_SHORTAGE.
 */
#pragma once

#include <mach/kern_return.h>
#include <mach/vm_prot.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pmap;
struct vm_page;

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096UL
#define PAGE_MASK 4095UL

/* User addresses: VM_MIN_ADDRESS <= a < VM_MAX_ADDRESS. */
#define VM_MIN_ADDRESS 0x10000UL
#define VM_MAX_ADDRESS 0x00007fffffff0000UL

#define PHYS_MAP_BASE 0xffff800000000000UL /* all memory, writable, never executable */
#define KERNEL_BASE 0xffffffff80000000UL   /* the image: W^X */
#define KERNEL_DYNAMIC_BASE 0xffffffff90000000UL /* stacks with guard pages, device memory; near the image: few page tables */
#define KERNEL_DYNAMIC_END 0xffffffffffe00000UL

static inline void *phys_to_virt(uint64_t pa)
{
	return (void *)(PHYS_MAP_BASE + pa);
}

/* Of an address in the direct map or in the kernel image. */
uint64_t virt_to_phys(const void *va);

enum pmap_cache { PMAP_CACHED, PMAP_UNCACHED, PMAP_WRITE_COMBINED };

extern struct pmap *kernel_pmap;

struct pmap *pmap_create(void); /* NULL: no memory */
void pmap_destroy(struct pmap *p);
/* Map page at va with prot (VM_PROT_*); replaces what was there. wired: never dropped. */
kern_return_t pmap_enter(struct pmap *p, uint64_t va, struct vm_page *page, vm_prot_t prot, bool wired);
/* Map device or unmanaged memory (no vm_page). */
kern_return_t pmap_enter_phys(struct pmap *p, uint64_t va, uint64_t pa, vm_prot_t prot,
			      enum pmap_cache cache);
/* The same, PMAP_LARGE_BYTES at multiples of it. KERN_RESOURCE_SHORTAGE; KERN_FAILURE: something smaller is mapped there. */
kern_return_t pmap_enter_phys_large(struct pmap *p, uint64_t va, uint64_t pa, vm_prot_t prot, enum pmap_cache cache);
/*
 * Purpose: map PMAP_LARGE_BYTES at va, which like page's address is a multiple of it: page and the frames after it, one
 *   entry of the page tables. Any call on a part of it, or on one of the pages, may drop all of it (faults enter it anew).
 * Conditions: as pmap_enter; nothing smaller is mapped there. KERN_RESOURCE_SHORTAGE; KERN_FAILURE: something is.
 */
kern_return_t pmap_enter_large(struct pmap *p, uint64_t va, struct vm_page *page, vm_prot_t prot);
/* Might it succeed there? A guess, and cheap. */
bool pmap_large_room(struct pmap *p, uint64_t va);
#define PMAP_LARGE_BYTES (2UL << 20)
#define PMAP_LARGE_ORDER 9U /* its frames: 2^9 */
/* Drop / lower the protection of all mappings in [start, end); page aligned. */
void pmap_remove(struct pmap *p, uint64_t start, uint64_t end);
void pmap_protect(struct pmap *p, uint64_t start, uint64_t end, vm_prot_t prot);
/* In every pmap: VM_PROT_NONE removes the page's mappings, VM_PROT_READ makes them read-only. */
void pmap_page_protect(struct vm_page *page, vm_prot_t prot);
/*
 * Several pages at once: between the two, pmap_page_protect_batched() may leave old translations in use; when
 * pmap_batch_end() returns no CPU has them any more. One round of interrupts for all. Spin locks may be held, and
 * are until the end; no pmap_page_protect() between.
 */
#define PMAP_BATCH_RANGES 4
struct pmap_batch {
	unsigned count;
	struct {
		struct pmap *pmap;
		uint64_t start, end;
	} ranges[PMAP_BATCH_RANGES];
};
void pmap_batch_begin(struct pmap_batch *b);
void pmap_page_protect_batched(struct pmap_batch *b, struct vm_page *page, vm_prot_t prot);
void pmap_batch_end(struct pmap_batch *b);
/*
 * Nothing is mapped in [start, end), and will not be during the call: give page tables back that are only for it, if p has
 * many for what it maps.
 */
void pmap_collect(struct pmap *p, uint64_t start, uint64_t end);
/* Events since the boot. */
struct pmap_counts {
	_Atomic uint64_t shoot_downs;   /* rounds of interrupts to other CPUs */
	_Atomic uint64_t interrupts;    /* in them */
	_Atomic uint64_t large_entered, large_dropped;
	_Atomic uint64_t tables_freed;  /* before the end of their pmap */
};
extern struct pmap_counts pmap_counts;
/* Physical address at va, or 0. */
uint64_t pmap_extract(struct pmap *p, uint64_t va);
/* Is there a mapping of page? Its object's lock is held, so that none comes. */
bool pmap_is_mapped(struct vm_page *page);
bool pmap_is_modified(struct vm_page *page);
void pmap_clear_modify(struct vm_page *page);
bool pmap_is_referenced(struct vm_page *page);
void pmap_clear_reference(struct vm_page *page);
/* Load p's root on this CPU (kernel threads keep whatever is loaded). */
void pmap_activate(struct pmap *p);
uint64_t pmap_resident_count(struct pmap *p);

/* Reserve kernel virtual space with an unmapped guard page below; NULL without memory. */
void *kernel_stack_alloc(uint64_t bytes);
void kernel_stack_free(void *base, uint64_t bytes);
/* Map device registers, uncached; never unmapped. */
void *pmap_map_device(uint64_t pa, uint64_t bytes);

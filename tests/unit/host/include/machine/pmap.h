/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap.h - the machine's page tables on the host: the interface of the kernel's header, with frames
 * that are the program's memory (the direct map is the identity). A test that links VM gives the
 * functions.
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

#define VM_MIN_ADDRESS 0x10000UL
#define VM_MAX_ADDRESS 0x00007fffffff0000UL

static inline void *phys_to_virt(uint64_t pa)
{
	return (void *)(uintptr_t)pa;
}

static inline uint64_t virt_to_phys(const void *va)
{
	return (uint64_t)(uintptr_t)va;
}

enum pmap_cache { PMAP_CACHED, PMAP_UNCACHED, PMAP_WRITE_COMBINED };

extern struct pmap *kernel_pmap;

struct pmap *pmap_create(void);
void pmap_destroy(struct pmap *p);
kern_return_t pmap_enter(struct pmap *p, uint64_t va, struct vm_page *page, vm_prot_t prot, bool wired);
kern_return_t pmap_enter_phys(struct pmap *p, uint64_t va, uint64_t pa, vm_prot_t prot,
			      enum pmap_cache cache);
kern_return_t pmap_enter_phys_large(struct pmap *p, uint64_t va, uint64_t pa, vm_prot_t prot, enum pmap_cache cache);
void pmap_remove(struct pmap *p, uint64_t start, uint64_t end);
void pmap_protect(struct pmap *p, uint64_t start, uint64_t end, vm_prot_t prot);
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
/* Might it succeed there? A guess, and cheap. */
bool pmap_large_room(struct pmap *p, uint64_t va);
kern_return_t pmap_enter_large(struct pmap *p, uint64_t va, struct vm_page *page, vm_prot_t prot);
#define PMAP_LARGE_BYTES (2UL << 20)
#define PMAP_LARGE_ORDER 9U
uint64_t pmap_extract(struct pmap *p, uint64_t va);
/* Is there a mapping of page? Its object's lock is held, so that none comes. */
bool pmap_is_mapped(struct vm_page *page);
bool pmap_is_modified(struct vm_page *page);
void pmap_clear_modify(struct vm_page *page);
bool pmap_is_referenced(struct vm_page *page);
void pmap_clear_reference(struct vm_page *page);
void pmap_activate(struct pmap *p);
uint64_t pmap_resident_count(struct pmap *p);

/* SPDX-License-Identifier: BSD-2-Clause */
/* fake_pmap.c - see fake_pmap.h. It checks what pmap's contract asks of VM. */
#include "fake_pmap.h"

#include <base/string.h>
#include <kern/assert.h>
#include <kern/kalloc.h>
#include <machine/pmap.h>
#include <stdlib.h>
#include <vm/vm_fault.h>
#include <vm/vm_map.h>
#include <vm/vm_object.h>

struct pv_entry {
	struct pv_entry *next;       /* of the page */
	struct pv_entry *hash_next;  /* of the pmap */
	struct pmap *pmap;
	uint64_t va, phys;
	struct vm_page *page;        /* NULL: device */
	vm_prot_t prot;
	bool wired;
};

#define BUCKETS 256
#define REFERENCED 1 /* of vm_page.pmap_bits */
#define MODIFIED 2

struct pmap {
	struct pv_entry *buckets[BUCKETS];
};

/* What makes the machine's page tables atomic: user code runs under it as well. Inside object locks. */
static struct spinlock machine = SPINLOCK_INIT("machine");

static struct pmap kernel;
struct pmap *kernel_pmap = &kernel;
uint64_t fake_mappings, fake_pmaps, fake_faults, fake_large;

/* ---- failing allocations ---- */

static uint64_t fail_countdown;
static uint32_t fail_chance, fail_seed;
static bool failed;

void alloc_fail_at(uint64_t n)
{
	fail_countdown = n;
}

void alloc_fail_chance(uint32_t n, uint32_t seed)
{
	fail_chance = n;
	fail_seed = seed;
}

bool alloc_failed(void)
{
	bool was = failed;

	failed = false;
	return was;
}

static bool fails(void)
{
	bool f = false;

	if (fail_countdown != 0 && --fail_countdown == 0)
		f = true;
	if (fail_chance != 0) {
		fail_seed = fail_seed * 1664525 + 1013904223;
		f = f || (fail_seed >> 16) % fail_chance == 0;
	}
	if (f)
		failed = true;
	return f;
}

#define WRAP(type, name, parameters, arguments) \
	type __real_##name parameters;          \
	type __wrap_##name parameters;          \
	type __wrap_##name parameters           \
	{                                       \
		return fails() ? NULL : __real_##name arguments; \
	}

WRAP(void *, zone_alloc, (struct zone * z), (z))
WRAP(void *, zone_alloc_zeroed, (struct zone * z), (z))
WRAP(void *, kalloc, (size_t n), (n))
WRAP(void *, kalloc_zeroed, (size_t n), (n))
WRAP(struct vm_page *, vm_page_grab, (void), ())
WRAP(struct vm_page *, vm_page_grab_user, (void), ())
WRAP(struct vm_page *, vm_page_grab_zeroed, (void), ())

/* ---- pmap ---- */

struct pmap *pmap_create(void)
{
	if (fails())
		return NULL;
	spin_lock(&machine);
	fake_pmaps++;
	spin_unlock(&machine);
	return calloc(1, sizeof(struct pmap));
}

void pmap_destroy(struct pmap *p)
{
	for (int i = 0; i < BUCKETS; i++)
		VERIFY(p->buckets[i] == NULL);
	spin_lock(&machine);
	fake_pmaps--;
	spin_unlock(&machine);
	free(p);
}

static struct pv_entry **find(struct pmap *p, uint64_t va)
{
	struct pv_entry **at = &p->buckets[(va >> PAGE_SHIFT) % BUCKETS];

	while (*at != NULL && (*at)->va != va)
		at = &(*at)->hash_next;
	return at;
}

static void drop(struct pv_entry **at)
{
	struct pv_entry *m = *at;

	*at = m->hash_next;
	if (m->page != NULL) {
		struct pv_entry **pv = &m->page->pv;

		while (*pv != m)
			pv = &(*pv)->next;
		*pv = m->next;
	}
	fake_mappings--;
	free(m);
}

static void add(struct pmap *p, uint64_t va, uint64_t phys, struct vm_page *page, vm_prot_t prot,
		bool wired)
{
	struct pv_entry **at = find(p, va), *m = calloc(1, sizeof(*m));

	if (*at != NULL)
		drop(at);
	*m = (struct pv_entry){ .pmap = p, .va = va, .phys = phys, .page = page, .prot = prot, .wired = wired };
	at = &p->buckets[(va >> PAGE_SHIFT) % BUCKETS];
	m->hash_next = *at;
	*at = m;
	if (page != NULL) {
		m->next = page->pv;
		page->pv = m;
	}
	fake_mappings++;
}

kern_return_t pmap_enter(struct pmap *p, uint64_t va, struct vm_page *page, vm_prot_t prot, bool wired)
{
	VERIFY((va & PAGE_MASK) == 0 && page->object != NULL && !page->free && !page->busy);
	VERIFY(page->object->lock.held); /* O4 */
	if (fails())
		return KERN_RESOURCE_SHORTAGE;
	spin_lock(&machine);
	add(p, va, page->phys, page, prot, wired);
	spin_unlock(&machine);
	return KERN_SUCCESS;
}

kern_return_t pmap_enter_phys(struct pmap *p, uint64_t va, uint64_t pa, vm_prot_t prot,
			      enum pmap_cache cache)
{
	if (fails())
		return KERN_RESOURCE_SHORTAGE;
	spin_lock(&machine);
	add(p, va, pa, NULL, prot, false);
	spin_unlock(&machine);
	return KERN_SUCCESS;
}

kern_return_t pmap_enter_phys_large(struct pmap *p, uint64_t va, uint64_t pa, vm_prot_t prot, enum pmap_cache cache)
{
	kern_return_t kr = KERN_SUCCESS;

	VERIFY(((va | pa) & (PMAP_LARGE_BYTES - 1)) == 0);
	for (uint64_t i = 0; i < PMAP_LARGE_BYTES && kr == KERN_SUCCESS; i += PAGE_SIZE)
		kr = pmap_enter_phys(p, va + i, pa + i, prot, cache);
	fake_large += kr == KERN_SUCCESS;
	return kr;
}

static void each_in_range(struct pmap *p, uint64_t start, uint64_t end, vm_prot_t prot)
{
	VERIFY((start & PAGE_MASK) == 0 && (end & PAGE_MASK) == 0 && start <= end);
	spin_lock(&machine);
	for (int i = 0; i < BUCKETS; i++)
		for (struct pv_entry **at = &p->buckets[i]; *at != NULL;) {
			if ((*at)->va >= start && (*at)->va < end) {
				(*at)->prot &= prot;
				if (prot == VM_PROT_NONE) {
					drop(at);
					continue;
				}
			}
			at = &(*at)->hash_next;
		}
	spin_unlock(&machine);
}

void pmap_remove(struct pmap *p, uint64_t start, uint64_t end)
{
	each_in_range(p, start, end, VM_PROT_NONE);
}

void pmap_protect(struct pmap *p, uint64_t start, uint64_t end, vm_prot_t prot)
{
	each_in_range(p, start, end, prot);
}

void pmap_page_protect(struct vm_page *page, vm_prot_t prot)
{
	VERIFY(page->object != NULL && page->object->lock.held);
	spin_lock(&machine);
	while (prot == VM_PROT_NONE && page->pv != NULL)
		drop(find(page->pv->pmap, page->pv->va));
	for (struct pv_entry *m = page->pv; m != NULL; m = m->next)
		m->prot &= ~VM_PROT_WRITE;
	spin_unlock(&machine);
}

/* Not batched: the old rights go at once, which nobody may rely on. */
void pmap_batch_begin(struct pmap_batch *b)
{
	b->count = 0;
}

void pmap_page_protect_batched(struct pmap_batch *b, struct vm_page *page, vm_prot_t prot)
{
	VERIFY(b->count == 0);
	pmap_page_protect(page, prot);
}

void pmap_batch_end(struct pmap_batch *b)
{
	b->count = UINT32_MAX;
}

void pmap_collect(struct pmap *p, uint64_t start, uint64_t end)
{
	spin_lock(&machine);
	for (int i = 0; i < BUCKETS; i++)
		for (struct pv_entry *m = p->buckets[i]; m != NULL; m = m->hash_next)
			VERIFY(m->va < start || m->va >= end);
	spin_unlock(&machine);
}

bool pmap_large_room(struct pmap *p, uint64_t va)
{
	return true;
}

/* All its pages, one by one: what a later call drops of it may be less than the machine's would. */
kern_return_t pmap_enter_large(struct pmap *p, uint64_t va, struct vm_page *page, vm_prot_t prot)
{
	VERIFY(((va | page->phys) & (PMAP_LARGE_BYTES - 1)) == 0);
	if (fails())
		return KERN_RESOURCE_SHORTAGE;
	fake_large++;
	for (uint64_t i = 0; i < 1UL << PMAP_LARGE_ORDER; i++) {
		VERIFY(page[i].object == page->object && page[i].object->lock.held && !page[i].busy);
		page[i].in_large = true;
		spin_lock(&machine);
		add(p, va + i * PAGE_SIZE, page[i].phys, &page[i], prot, false);
		spin_unlock(&machine);
	}
	return KERN_SUCCESS;
}

bool pmap_is_mapped(struct vm_page *page)
{
	bool mapped;

	spin_lock(&machine);
	mapped = page->pv != NULL;
	spin_unlock(&machine);
	return mapped;
}

bool pmap_is_referenced(struct vm_page *page)
{
	return (page->pmap_bits & REFERENCED) != 0;
}

bool pmap_is_modified(struct vm_page *page)
{
	return (page->pmap_bits & MODIFIED) != 0;
}

void pmap_clear_modify(struct vm_page *page)
{
	spin_lock(&machine);
	page->pmap_bits &= (uint8_t)~MODIFIED;
	spin_unlock(&machine);
}

void pmap_clear_reference(struct vm_page *page)
{
	page->pmap_bits &= (uint8_t)~REFERENCED;
}

uint64_t pmap_extract(struct pmap *p, uint64_t va)
{
	struct pv_entry *m = *find(p, va & ~PAGE_MASK);

	return m == NULL ? 0 : m->phys + (va & PAGE_MASK);
}

void fake_pmap_forget(struct pmap *p)
{
	spin_lock(&machine);
	for (int i = 0; i < BUCKETS; i++)
		for (struct pv_entry **at = &p->buckets[i]; *at != NULL;) {
			if ((*at)->wired)
				at = &(*at)->hash_next;
			else
				drop(at);
		}
	spin_unlock(&machine);
}

/* ---- user code ---- */

/* One instruction: false if it faults. */
static bool user_step(struct pmap *p, uint64_t va, void *dst, const void *src, size_t n)
{
	vm_prot_t prot = src != NULL ? VM_PROT_WRITE : VM_PROT_READ;
	struct pv_entry *m;
	bool ok;

	spin_lock(&machine);
	m = *find(p, va & ~PAGE_MASK);
	ok = m != NULL && (m->prot & prot) != 0;
	if (ok) {
		char *at = (char *)phys_to_virt(m->phys) + (va & PAGE_MASK);

		VERIFY(m->page == NULL || !m->page->free);
		memcpy(src != NULL ? at : dst, src != NULL ? src : at, n);
		if (m->page != NULL)
			m->page->pmap_bits |= src != NULL ? REFERENCED | MODIFIED : REFERENCED;
	} else {
		fake_faults++;
	}
	spin_unlock(&machine);
	return ok;
}

static kern_return_t user_access(struct vm_map *map, uint64_t va, void *dst, const void *src, size_t n)
{
	for (int tries = 0; tries < 1000; tries++) {
		kern_return_t kr;

		if (user_step(vm_map_pmap(map), va, dst, src, n))
			return KERN_SUCCESS;
		kr = vm_fault(map, va, src != NULL ? VM_PROT_WRITE : VM_PROT_READ);
		if (kr != KERN_SUCCESS)
			return kr;
	}
	panic("a fault at 0x%lx was resolved and the page is not there", (unsigned long)va);
}

static kern_return_t each_page(struct vm_map *map, uint64_t va, char *dst, const char *src, size_t n)
{
	while (n != 0) {
		size_t part = PAGE_SIZE - (va & PAGE_MASK);
		kern_return_t kr;

		if (part > n)
			part = n;
		kr = user_access(map, va, dst, src, part);
		if (kr != KERN_SUCCESS)
			return kr;
		va += part;
		n -= part;
		dst = dst == NULL ? NULL : dst + part;
		src = src == NULL ? NULL : src + part;
	}
	return KERN_SUCCESS;
}

kern_return_t user_read(struct vm_map *map, uint64_t va, void *dst, size_t n)
{
	return each_page(map, va, dst, NULL, n);
}

kern_return_t user_write(struct vm_map *map, uint64_t va, const void *src, size_t n)
{
	return each_page(map, va, NULL, src, n);
}

kern_return_t fake_device_map(struct vm_map *map, uint64_t *va, uint64_t size, uint64_t phys, vm_prot_t prot)
{
	struct vm_object *o = vm_object_create_device(phys, size, PMAP_UNCACHED);
	kern_return_t kr = o == NULL ? KERN_RESOURCE_SHORTAGE :
				       vm_map_enter(map, va, size, 0, VM_FLAGS_ANYWHERE, o, 0, false, prot, prot, VM_INHERIT_SHARE);

	if (kr != KERN_SUCCESS && o != NULL)
		vm_object_deallocate(o);
	return kr;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap_bootstrap.c - the kernel's final page tables, made once at boot.
 *
 * Three parts: all RAM at PHYS_MAP_BASE, by the largest pages that fit, writable, not executable; the image
 * at KERNEL_BASE by 2 MiB pages: text readable and executable, rodata read-only, data and bss
 * writable; and an empty root entry's table for each kernel region that grows, so that every pmap can copy the
 * root's upper half once and see all that is mapped later.
 * Invariants: B1 no page is writable and executable; B2 nothing below the kernel half is mapped; B3 the
 *   page below the boot stack is not writable; B4 the image's text and constants are read-only in the
 *   map of all RAM too.
 */
#include "boot_private.h"
#include "cpu_private.h"
#include "instructions.h"
#include "pmap_private.h"
#include <kern/assert.h>

static struct pmap kernel_pmap_storage;
struct pmap *kernel_pmap;

static pte_t *boot_table(pte_t *table, unsigned index)
{
	if ((table[index] & PTE_PRESENT) == 0)
		table[index] = boot_alloc_page() | PTE_PRESENT | PTE_WRITE;
	return pte_table(table[index]);
}

/* Map one page of a level: 0 4 KiB, 1 2 MiB, 2 1 GiB. */
static void boot_map(uint64_t va, uint64_t pa, int level, pte_t flags)
{
	pte_t *table = kernel_pmap->root;

	for (int l = TABLE_LEVELS - 1; l > level; l--)
		table = boot_table(table, table_index(va, l));
	if (level > 0)
		flags |= PTE_LARGE;
	table[table_index(va, level)] = pa | flags | PTE_PRESENT | PTE_GLOBAL | PTE_ACCESSED |
					((flags & PTE_WRITE) ? PTE_DIRTY : 0);
}

#define LARGE_BYTES (PAGE_SIZE << 9)

/* Of the physical memory [start, end): does the image's text and read-only data lie in it, or it in them? */
enum overlap { APART, INSIDE, PARTLY };

static enum overlap constants_overlap(uint64_t start, uint64_t end)
{
	uint64_t low = (uint64_t)text_start - KERNEL_BASE, high = (uint64_t)data_start - KERNEL_BASE;

	if (end <= low || high <= start)
		return APART;
	return low <= start && end <= high ? INSIDE : PARTLY;
}

static void map_ram(uint64_t start, uint64_t end)
{
	while (start < end) {
		int level = cpu_features.pages_1g ? 2 : 1;
		uint64_t bytes = PAGE_SIZE;
		pte_t flags = PTE_WRITE | PTE_NX;

		for (; level > 0; level--) {
			bytes = PAGE_SIZE << (9 * level);
			if ((start & (bytes - 1)) == 0 && end - start >= bytes &&
			    constants_overlap(start, start + bytes) != PARTLY)
				break;
			bytes = PAGE_SIZE;
		}
		if (constants_overlap(start, start + bytes) == INSIDE) /* B4 */
			flags = PTE_NX;
		boot_map(PHYS_MAP_BASE + start, start, level, flags);
		start += bytes;
	}
}

static void map_image(const char *start, const char *end, pte_t flags)
{
	for (uint64_t va = (uint64_t)start; va < (uint64_t)end; va += LARGE_BYTES)
		boot_map(va, va - KERNEL_BASE, 1, flags);
}

void pmap_bootstrap(void)
{
	struct pmap *p = &kernel_pmap_storage;
	uint64_t low_end = 1UL << 20;

	kernel_pmap = p;
	spin_init(&p->lock, "pmap");
	p->root_phys = boot_alloc_page();
	p->root = phys_to_virt(p->root_phys);
	atomic_store(&p->active, ~0UL);

	map_ram(0, low_end); /* BIOS data, trampoline */
	for (uint32_t i = 0; i < boot_ram.count; i++) {
		uint64_t start = boot_ram.regions[i].start;

		map_ram(start < low_end ? low_end : start, boot_ram.regions[i].end);
	}
	map_image(text_start, text_end, 0);
	map_image(rodata_start, rodata_end, PTE_NX);
	map_image(data_start, bss_end, PTE_WRITE | PTE_NX);
	boot_table(p->root, table_index(KERNEL_DYNAMIC_BASE, TABLE_LEVELS - 1));
	this_cpu()->pmap = p;
	write_cr3(p->root_phys);
}

bool kernel_address_mapped(uint64_t va)
{
	pte_t entry;
	const pte_t *table = phys_to_virt(read_cr3() & PTE_ADDRESS);

	if ((int64_t)va >> 47 != -1)
		return false;
	for (int l = TABLE_LEVELS - 1;; l--) {
		entry = table[table_index(va, l)];
		if ((entry & PTE_PRESENT) == 0)
			return false;
		if (l == 0 || (entry & PTE_LARGE) != 0)
			return true;
		table = pte_table(entry);
	}
}

uint64_t virt_to_phys(const void *va)
{
	uint64_t a = (uint64_t)va;

	if (a >= KERNEL_BASE && a < (uint64_t)bss_end)
		return a - KERNEL_BASE;
	VERIFY(a >= PHYS_MAP_BASE && a < KERNEL_BASE);
	return a - PHYS_MAP_BASE;
}

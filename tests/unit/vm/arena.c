/* SPDX-License-Identifier: BSD-2-Clause */
/* arena.c - the memory that the VM unit tests run the real page allocator and zones on. */
#include "arena.h"

#include <kern/assert.h>
#include <kern/kalloc.h>
#include <machine/boot.h>
#include <stdio.h>
#include <stdlib.h>
#include <vm/vm_page.h>

struct boot_info boot_info;

static void *arena;

static void arena_release(void)
{
	free(arena);
}

void arena_init(void)
{
	uint64_t start, bytes = (uint64_t)ARENA_PAGES * PAGE_SIZE;

	arena = aligned_alloc(PAGE_SIZE, bytes);
	VERIFY(arena != NULL);
	atexit(arena_release);
	start = (uintptr_t)arena;
	/* Three regions with holes between them, one too small to be of use, ends not aligned to blocks. */
	boot_info.regions[0] = (struct boot_region){ start, start + 5 * PAGE_SIZE };
	boot_info.regions[1] = (struct boot_region){ start + 6 * PAGE_SIZE, start + 7 * PAGE_SIZE };
	boot_info.regions[2] = (struct boot_region){ start + 9 * PAGE_SIZE, start + 1000 * PAGE_SIZE };
	boot_info.regions[3] = (struct boot_region){ start + 1001 * PAGE_SIZE, start + bytes };
	boot_info.region_count = 4;
	vm_page_bootstrap();
}

uint64_t arena_free_pages(void)
{
	zone_trim();
	return vm_page_free_count();
}

static void print_zone(void *ctx, const char *name, size_t size, uint64_t in_use, uint64_t pages)
{
	if (in_use != 0)
		printf("# zone %s: %lu of %zu bytes in %lu pages\n", name, in_use, size, pages);
}

void arena_print_zones(void)
{
	zone_for_each(print_zone, NULL);
}

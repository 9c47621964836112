/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * multiboot.c - what a multiboot (version 1) loader tells, made into boot_info.
 *
 * Interface: multiboot_parse(), boot_alloc_page().
 * Invariants: M1 boot_info.regions are sorted, page aligned, disjoint, and hold neither the first MiB
 *   (trampoline, BIOS data), nor the image, nor a module, nor anything that the map calls other than RAM.
 * Reference: Multiboot Specification 0.6.96, 3.3.
 */
#include "boot_private.h"
#include <base/string.h>
#include <kern/printf.h>
#include <machine/pmap.h>
#include <stdbool.h>

struct multiboot_info {
	uint32_t flags;
	uint32_t mem_lower, mem_upper; /* KiB, if flags bit 0 */
	uint32_t boot_device;
	uint32_t cmdline;              /* bit 2 */
	uint32_t mods_count, mods_addr; /* bit 3 */
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr; /* bit 6 */
};
_Static_assert(offsetof(struct multiboot_info, mmap_addr) == 48, "specification 3.3");

#define INFO_MEMORY (1U << 0)
#define INFO_CMDLINE (1U << 2)
#define INFO_MODULES (1U << 3)
#define INFO_MEMORY_MAP (1U << 6)

struct multiboot_module {
	uint32_t start, end, string, reserved;
};

struct multiboot_mmap {
	uint32_t size; /* of what follows */
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

#define MMAP_RAM 1
#define LOW_MEMORY_END 0x100000UL

struct boot_info boot_info;
#define VIDEO_MEMORY 0xa0000UL /* where a PC's low memory ends */

struct boot_ram boot_ram;

/* --- lists of regions --------------------------------------------------------------------- */

/* Insert [start, end), keeping the list sorted and merging what touches. */
static void region_add(struct boot_region *r, uint32_t *count, uint64_t start, uint64_t end)
{
	uint32_t i = 0, j;

	if (start >= end)
		return;
	while (i < *count && r[i].end < start)
		i++;
	for (j = i; j < *count && r[j].start <= end; j++) {
		start = r[j].start < start ? r[j].start : start;
		end = r[j].end > end ? r[j].end : end;
	}
	if (j == i && *count == BOOT_MAX_REGIONS)
		return; /* a map of more pieces: the rest of memory is not used */
	memmove(&r[i + 1], &r[j], (*count - j) * sizeof(*r));
	*count = *count - (j - i) + 1;
	r[i] = (struct boot_region){ start, end };
}

static void region_remove(struct boot_region *r, uint32_t *count, uint64_t start, uint64_t end)
{
	for (uint32_t i = 0; i < *count; i++) {
		struct boot_region old = r[i];

		if (old.end <= start || end <= old.start)
			continue;
		memmove(&r[i], &r[i + 1], (*count - i - 1) * sizeof(*r));
		(*count)--;
		region_add(r, count, old.start, start < old.start ? old.start : start);
		region_add(r, count, end > old.end ? old.end : end, old.end);
		i = UINT32_MAX; /* from the start again */
	}
}

static uint64_t page_down(uint64_t a)
{
	return a & ~PAGE_MASK;
}

static uint64_t page_up(uint64_t a)
{
	return (a + PAGE_MASK) & ~PAGE_MASK;
}

/* --- the parts of the information --------------------------------------------------------- */

/* Call for each map entry whose type is (or is not) RAM. */
static void parse_memory_map(const struct multiboot_info *info, bool ram)
{
	const char *p = phys_to_virt(info->mmap_addr), *end = p + info->mmap_length;

	while (p + sizeof(struct multiboot_mmap) <= end) {
		const struct multiboot_mmap *m = (const void *)p;
		uint64_t limit = m->base + m->length;

		p += m->size + sizeof(m->size);
		if ((m->type == MMAP_RAM) != ram || limit < m->base)
			continue;
		if (ram)
			region_add(boot_ram.regions, &boot_ram.count, page_up(m->base), page_down(limit));
		else
			region_remove(boot_ram.regions, &boot_ram.count, page_down(m->base), page_up(limit));
	}
}

static void parse_memory(const struct multiboot_info *info)
{
	if (info->flags & INFO_MEMORY_MAP) {
		parse_memory_map(info, true);
		parse_memory_map(info, false);
	} else if (info->flags & INFO_MEMORY) {
		region_add(boot_ram.regions, &boot_ram.count, LOW_MEMORY_END,
			   LOW_MEMORY_END + ((uint64_t)info->mem_upper << 10));
	}
	for (uint32_t i = 0; i < boot_ram.count; i++)
		boot_info.memory_bytes += boot_ram.regions[i].end - boot_ram.regions[i].start;
	memcpy(boot_info.regions, boot_ram.regions, sizeof(boot_ram.regions));
	boot_info.region_count = boot_ram.count;
	region_remove(boot_info.regions, &boot_info.region_count, 0, LOW_MEMORY_END);
	region_remove(boot_info.regions, &boot_info.region_count, page_down((uint64_t)image_start_phys),
		      (uint64_t)boot_part_end_phys);
	region_remove(boot_info.regions, &boot_info.region_count, (uint64_t)text_start - KERNEL_BASE,
		      page_up((uint64_t)image_end_phys));
}

bool machine_phys_is_ram(uint64_t start, uint64_t end)
{
	if (start < VIDEO_MEMORY) /* with the BIOS's own piece */
		return true;
	for (uint32_t i = 0; i < boot_ram.count; i++)
		if (start < boot_ram.regions[i].end && boot_ram.regions[i].start < end)
			return true;
	return false;
}

static void parse_modules(const struct multiboot_info *info)
{
	const struct multiboot_module *m = phys_to_virt(info->mods_addr);

	if ((info->flags & INFO_MODULES) == 0)
		return;
	for (uint32_t i = 0; i < info->mods_count; i++) {
		if (m[i].end <= m[i].start)
			continue;
		if (boot_info.archive_bytes != 0) {
			kprintf("boot: only the first module is used; module %u is left out\n", i + 1);
			continue;
		}
		boot_info.archive_start = m[i].start;
		boot_info.archive_bytes = m[i].end - m[i].start;
		region_remove(boot_info.regions, &boot_info.region_count, page_down(m[i].start),
			      page_up(m[i].end));
	}
}

/*
 * Loaders put the kernel's path or URI before the options. It is the first word, if that word is
 * not of the form option=value: no '=', or one only after a '/'.
 */
static void parse_cmdline(const struct multiboot_info *info)
{
	const char *s = (info->flags & INFO_CMDLINE) ? phys_to_virt(info->cmdline) : "";
	size_t first = 0;
	bool option = false;

	while (*s == ' ')
		s++;
	for (; s[first] != '\0' && s[first] != ' '; first++) {
		if (s[first] == '/')
			break;
		if (s[first] == '=')
			option = true;
	}
	if (!option) {
		while (*s != '\0' && *s != ' ')
			s++;
		while (*s == ' ')
			s++;
	}
	if (strnlen(s, BOOT_CMDLINE_MAX) == BOOT_CMDLINE_MAX)
		boot_stop("the kernel's command line is longer than %d bytes", BOOT_CMDLINE_MAX - 1);
	memcpy(boot_info.cmdline, s, strlen(s) + 1);
}

void multiboot_parse(uint32_t info_phys)
{
	const struct multiboot_info *info = phys_to_virt(info_phys);

	parse_cmdline(info);
	parse_memory(info);
	parse_modules(info);
}

uint64_t boot_alloc_page(void)
{
	for (uint32_t i = boot_info.region_count; i-- > 0;) {
		struct boot_region *r = &boot_info.regions[i];

		/* From the top of the highest region that the temporary page tables map. */
		if (r->end - r->start < PAGE_SIZE || r->end > (4UL << 30))
			continue;
		r->end -= PAGE_SIZE;
		memset(phys_to_virt(r->end), 0, PAGE_SIZE);
		return r->end;
	}
	boot_stop("no memory for page tables");
}

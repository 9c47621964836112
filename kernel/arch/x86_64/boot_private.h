/* SPDX-License-Identifier: BSD-2-Clause */
/* boot_private.h - what the files of the boot path share before memory management is up. */
#pragma once

#include <kern/main.h>
#include <machine/boot.h>
#include <stdint.h>

/* Symbols of kernel.ld; those of the boot part are physical addresses. */
extern char image_start_phys[], boot_part_end_phys[], image_end_phys[];
extern char text_start[], text_end[], rodata_start[], rodata_end[], data_start[], bss_end[];
extern char boot_stack_guard[], boot_stack_top[];

/* All RAM that the loader reported (usable or not), for the direct map: page aligned, sorted. */
struct boot_ram {
	struct boot_region regions[BOOT_MAX_REGIONS];
	uint32_t count;
};
extern struct boot_ram boot_ram;

/* Fill boot_info and boot_ram from the loader's structures at a physical address below 4 GiB. */
void multiboot_parse(uint32_t info_phys);
/* A zeroed frame below 4 GiB for a page table, taken out of boot_info.regions. */
uint64_t boot_alloc_page(void);
/* Build the final kernel page tables and load them. */
void pmap_bootstrap(void);
/* Physical address of the ACPI root pointer, or 0. The low MiB is mapped. */
uint64_t acpi_find_rsdp(void);

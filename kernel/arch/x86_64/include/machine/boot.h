/* SPDX-License-Identifier: BSD-2-Clause */
/* boot.h - what the boot loader told us, in a machine-independent form. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BOOT_MAX_REGIONS 64
#define BOOT_CMDLINE_MAX 1024

struct boot_region {
	uint64_t start, end; /* usable RAM, page aligned, not overlapping image, archive or page tables */
};

struct boot_info {
	char cmdline[BOOT_CMDLINE_MAX]; /* without the loader's leading path or URI */
	struct boot_region regions[BOOT_MAX_REGIONS];
	uint32_t region_count;
	uint64_t memory_bytes;          /* all usable RAM found */
	uint64_t archive_start, archive_bytes; /* physical; 0 bytes: none */
	uint64_t acpi_rsdp;             /* physical, 0: none */
};

extern struct boot_info boot_info;

/* Defined by kern/main.c: called once on the boot CPU, interrupts off, on its boot stack. */
_Noreturn void kernel_main(void);
/* Defined by kern/main.c: called once on each other CPU. */
_Noreturn void kernel_secondary_main(void);
/* Set up ACPI tables (MADT), local APIC, IOAPIC, timer calibration of the boot CPU. */
void machine_init(void);
/* Start the other CPUs; each calls kernel_secondary_main(). Returns when all are up or given up on. */
void machine_start_cpus(void);
/* Does any of [start, end) of physical memory hold RAM, whoever uses it? And how many bits has an address of it? */
bool machine_phys_is_ram(uint64_t start, uint64_t end);
unsigned machine_phys_bits(void);
/* End the machine: isa-debug-exit with code (QEMU's exit status 2*code+1), else ACPI, else halt. */
_Noreturn void machine_exit(uint32_t code);
_Noreturn void machine_reboot(void);
/* 64 bits that no other machine or boot is likely to draw: RDRAND where there is one, stirred with the clock. */
uint64_t machine_random64(void);

/* SPDX-License-Identifier: BSD-2-Clause */
/* acpi.h - what ACPI's tables tell about CPUs, interrupt controllers and timers. */
#pragma once

#include <kern/limits.h>
#include <stdbool.h>
#include <stdint.h>

#define ACPI_MAX_IOAPICS 8
#define ACPI_ISA_LINES 16

struct acpi_ioapic {
	uint64_t address;
	uint32_t first_gsi;
};

/* Where an ISA line comes in, and how. */
struct acpi_isa_line {
	uint32_t gsi;
	bool active_low, level;
};

struct acpi_info {
	bool found;                        /* there is a MADT */
	uint64_t local_apic;               /* physical */
	uint32_t cpu_apic_ids[MAX_CPUS];   /* usable CPUs, as listed; no more than MAX_CPUS */
	uint32_t cpu_count, cpus_left_out;
	struct acpi_ioapic ioapics[ACPI_MAX_IOAPICS];
	uint32_t ioapic_count;
	struct acpi_isa_line isa[ACPI_ISA_LINES];
	uint16_t pm_timer_port;            /* 0: none */
	uint64_t hpet;                     /* physical, 0: none */
};

extern struct acpi_info acpi_info;

/* Read MADT, FADT and HPET into acpi_info. */
void acpi_init(void);

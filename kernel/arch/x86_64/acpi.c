/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * acpi.c - finding ACPI's tables and reading the ones that the kernel needs.
 *
 * Interface: acpi.h; acpi_find_rsdp() of boot_private.h.
 * Tables are the firmware's: lengths and checksums are looked at before anything is believed.
 * Reference: ACPI Specification 6.4, 5.2.5 (RSDP), 5.2.6 (header), 5.2.12 (MADT).
 */
#include "acpi.h"
#include "boot_private.h"
#include <base/string.h>
#include <machine/pmap.h>
#include <stdbool.h>
#include <stddef.h>

struct acpi_rsdp {
	char signature[8]; /* "RSD PTR " */
	uint8_t checksum;  /* of the first 20 bytes */
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;   /* revision 2 on */
	uint64_t xsdt;
	uint8_t extended_checksum, reserved[3];
} __attribute__((packed));

#define RSDP_BYTES_1 20
#define EBDA_SEGMENT 0x40e /* BIOS data area: the EBDA's real-mode segment */
#define BIOS_START 0xe0000UL
#define BIOS_END 0x100000UL

static bool checksum_good(const void *p, size_t bytes)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	for (size_t i = 0; i < bytes; i++)
		sum = (uint8_t)(sum + b[i]);
	return sum == 0;
}

static uint64_t scan_for_rsdp(uint64_t start, uint64_t end)
{
	for (uint64_t a = start; a + sizeof(struct acpi_rsdp) <= end; a += 16) {
		const struct acpi_rsdp *r = phys_to_virt(a);

		if (memcmp(r->signature, "RSD PTR ", 8) == 0 && checksum_good(r, RSDP_BYTES_1))
			return a;
	}
	return 0;
}

uint64_t acpi_find_rsdp(void)
{
	uint16_t segment;
	uint64_t ebda, found = 0;

	memcpy(&segment, phys_to_virt(EBDA_SEGMENT), sizeof(segment));
	ebda = (uint64_t)segment << 4;
	if (ebda >= 0x80000 && ebda < 0xa0000)
		found = scan_for_rsdp(ebda, ebda + 1024);
	return found != 0 ? found : scan_for_rsdp(BIOS_START, BIOS_END);
}

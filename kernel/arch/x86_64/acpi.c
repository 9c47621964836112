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

/* --- tables --------------------------------------------------------------------------------- */

struct acpi_header {
	char signature[4];
	uint32_t length; /* with this header */
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");

#define ACPI_TABLE_MAX (1U << 20) /* longer: not believed */

struct acpi_info acpi_info;

/* Map a whole table and check it; NULL: not one. */
static const struct acpi_header *table_map(uint64_t phys)
{
	const struct acpi_header *h = pmap_map_device(phys, sizeof(*h));
	uint32_t length;

	if (h == NULL)
		return NULL;
	length = h->length;
	if (length < sizeof(*h) || length > ACPI_TABLE_MAX)
		return NULL;
	if ((phys & PAGE_MASK) + length > PAGE_SIZE)
		h = pmap_map_device(phys, length);
	return h != NULL && checksum_good(h, length) ? h : NULL;
}

/* MADT: 5.2.12. */
struct madt {
	struct acpi_header header;
	uint32_t local_apic, flags;
	uint8_t entries[];
} __attribute__((packed));

enum madt_type {
	MADT_LOCAL_APIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LOCAL_APIC_ADDRESS = 5,
	MADT_X2APIC = 9,
};

union madt_entry {
	struct {
		uint8_t type, length;
	};
	struct {
		uint8_t type_, length_, processor, apic_id;
		uint32_t flags;
	} __attribute__((packed)) local_apic;
	struct {
		uint8_t type_, length_, id, reserved;
		uint32_t address, first_gsi;
	} __attribute__((packed)) ioapic;
	struct {
		uint8_t type_, length_, bus, line;
		uint32_t gsi;
		uint16_t flags;
	} __attribute__((packed)) override;
	struct {
		uint8_t type_, length_;
		uint16_t reserved;
		uint64_t address;
	} __attribute__((packed)) local_apic_address;
	struct {
		uint8_t type_, length_;
		uint16_t reserved;
		uint32_t apic_id, flags, processor;
	} __attribute__((packed)) x2apic;
};

#define MADT_CPU_ENABLED 1U
#define OVERRIDE_POLARITY_LOW 3U
#define OVERRIDE_TRIGGER_LEVEL 3U

static void add_cpu(uint32_t apic_id, uint32_t flags)
{
	if ((flags & MADT_CPU_ENABLED) == 0)
		return;
	for (uint32_t i = 0; i < acpi_info.cpu_count; i++)
		if (acpi_info.cpu_apic_ids[i] == apic_id)
			return; /* listed as local APIC and as x2APIC */
	if (acpi_info.cpu_count == MAX_CPUS)
		acpi_info.cpus_left_out++;
	else
		acpi_info.cpu_apic_ids[acpi_info.cpu_count++] = apic_id;
}

static void madt_entry(const union madt_entry *e)
{
	switch (e->type) {
	case MADT_LOCAL_APIC:
		if (e->length >= sizeof(e->local_apic))
			add_cpu(e->local_apic.apic_id, e->local_apic.flags);
		break;
	case MADT_X2APIC:
		if (e->length >= sizeof(e->x2apic))
			add_cpu(e->x2apic.apic_id, e->x2apic.flags);
		break;
	case MADT_IOAPIC:
		if (e->length >= sizeof(e->ioapic) && acpi_info.ioapic_count < ACPI_MAX_IOAPICS)
			acpi_info.ioapics[acpi_info.ioapic_count++] =
				(struct acpi_ioapic){ e->ioapic.address, e->ioapic.first_gsi };
		break;
	case MADT_OVERRIDE:
		if (e->length >= sizeof(e->override) && e->override.line < ACPI_ISA_LINES)
			acpi_info.isa[e->override.line] = (struct acpi_isa_line){
				.gsi = e->override.gsi,
				.active_low = (e->override.flags & 3) == OVERRIDE_POLARITY_LOW,
				.level = (e->override.flags >> 2 & 3) == OVERRIDE_TRIGGER_LEVEL,
			};
		break;
	case MADT_LOCAL_APIC_ADDRESS:
		if (e->length >= sizeof(e->local_apic_address))
			acpi_info.local_apic = e->local_apic_address.address;
		break;
	default:
		break;
	}
}

static void read_madt(const struct acpi_header *h)
{
	const struct madt *m = (const struct madt *)h;
	const uint8_t *p = m->entries, *end = (const uint8_t *)h + h->length;

	if (h->length < sizeof(*m))
		return;
	acpi_info.found = true;
	acpi_info.local_apic = m->local_apic;
	while (end - p >= 2) {
		const union madt_entry *e = (const void *)p;

		if (e->length < 2 || e->length > end - p)
			return;
		madt_entry(e);
		p += e->length;
	}
}

#define FADT_PM_TIMER_BLOCK 76
#define FADT_PM_TIMER_LENGTH 91

static void read_fadt(const struct acpi_header *h)
{
	const uint8_t *b = (const uint8_t *)h;
	uint32_t port;

	if (h->length <= FADT_PM_TIMER_LENGTH)
		return;
	memcpy(&port, b + FADT_PM_TIMER_BLOCK, sizeof(port));
	if (b[FADT_PM_TIMER_LENGTH] != 4 || port > 0xffff)
		return;
	acpi_info.pm_timer_port = (uint16_t)port;
}

#define HPET_SPACE 40   /* generic address: 0 memory */
#define HPET_ADDRESS 44

static void read_hpet(const struct acpi_header *h)
{
	const uint8_t *b = (const uint8_t *)h;

	if (h->length >= HPET_ADDRESS + 8 && b[HPET_SPACE] == 0)
		memcpy(&acpi_info.hpet, b + HPET_ADDRESS, sizeof(acpi_info.hpet));
}

static void read_table(uint64_t phys)
{
	const struct acpi_header *h = table_map(phys);

	if (h == NULL)
		return;
	if (memcmp(h->signature, "APIC", 4) == 0)
		read_madt(h);
	else if (memcmp(h->signature, "FACP", 4) == 0)
		read_fadt(h);
	else if (memcmp(h->signature, "HPET", 4) == 0)
		read_hpet(h);
}

/* The root table: an array of physical addresses of 4 (RSDT) or 8 (XSDT) bytes. */
static void read_root(const struct acpi_header *root, size_t width)
{
	const uint8_t *p = (const uint8_t *)(root + 1), *end = (const uint8_t *)root + root->length;

	for (; (size_t)(end - p) >= width; p += width) {
		uint64_t phys = 0;

		memcpy(&phys, p, width);
		read_table(phys);
	}
}

void acpi_init(void)
{
	const struct acpi_header *root;
	const struct acpi_rsdp *rsdp;
	bool xsdt;

	for (uint32_t i = 0; i < ACPI_ISA_LINES; i++)
		acpi_info.isa[i].gsi = i;
	if (boot_info.acpi_rsdp == 0)
		return;
	rsdp = phys_to_virt(boot_info.acpi_rsdp);
	xsdt = rsdp->revision >= 2 && rsdp->xsdt != 0;
	root = table_map(xsdt ? rsdp->xsdt : rsdp->rsdt);
	if (root != NULL)
		read_root(root, xsdt ? 8 : 4);
}

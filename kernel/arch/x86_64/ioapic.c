/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ioapic.c - the IOAPICs: where the lines of devices become interrupts of CPUs. The two PICs are masked for good.
 *
 * Locking: route_lock for the register window.
 * References: Intel 82093AA data sheet; Intel 8259A data sheet.
 */
#include "acpi.h"
#include "apic.h"
#include <kern/lock.h>
#include <machine/io.h>
#include <machine/pmap.h>
#include <stddef.h>

#define IOAPIC_DEFAULT 0xfec00000UL
#define IOAPIC_SELECT 0x00
#define IOAPIC_WINDOW 0x10
#define IOAPIC_VERSION 1
#define IOAPIC_REDIRECTION 0x10
#define REDIRECT_ACTIVE_LOW (1U << 13)
#define REDIRECT_LEVEL (1U << 15)
#define REDIRECT_MASKED (1U << 16)

#define PIC1 0x20
#define PIC2 0xa0
#define PIC_VECTORS 0x20 /* where a spurious interrupt of a masked PIC would come */

static struct ioapic {
	volatile char *base;
	uint32_t first_gsi, lines;
} ioapics[ACPI_MAX_IOAPICS];
static uint32_t ioapic_count;
static struct spinlock route_lock = SPINLOCK_INIT("ioapic");

static uint32_t ioapic_read(const struct ioapic *io, uint32_t r)
{
	mmio_write32(io->base + IOAPIC_SELECT, r);
	return mmio_read32(io->base + IOAPIC_WINDOW);
}

static void ioapic_write(const struct ioapic *io, uint32_t r, uint32_t value)
{
	mmio_write32(io->base + IOAPIC_SELECT, r);
	mmio_write32(io->base + IOAPIC_WINDOW, value);
}

static void pic_mask(void)
{
	/* Initialise (edge, cascade, 8086 mode) with vectors away from the exceptions', then mask all. */
	static const uint8_t words[4][2] = { { 0x11, 0x11 }, { PIC_VECTORS, PIC_VECTORS + 8 }, { 4, 2 }, { 1, 1 } };

	for (unsigned i = 0; i < 4; i++) {
		io_out8(PIC1 + (i > 0), words[i][0]);
		io_out8(PIC2 + (i > 0), words[i][1]);
	}
	io_out8(PIC1 + 1, 0xff);
	io_out8(PIC2 + 1, 0xff);
}

static void add(uint64_t physical, uint32_t first_gsi)
{
	struct ioapic *io = &ioapics[ioapic_count];

	io->base = pmap_map_device(physical, PAGE_SIZE);
	if (io->base == NULL)
		return;
	io->first_gsi = first_gsi;
	io->lines = (ioapic_read(io, IOAPIC_VERSION) >> 16 & 0xff) + 1;
	for (uint32_t i = 0; i < io->lines; i++)
		ioapic_write(io, IOAPIC_REDIRECTION + 2 * i, REDIRECT_MASKED);
	ioapic_count++;
}

void ioapic_init(void)
{
	pic_mask();
	if (acpi_info.ioapic_count == 0)
		add(IOAPIC_DEFAULT, 0);
	for (uint32_t i = 0; i < acpi_info.ioapic_count; i++)
		add(acpi_info.ioapics[i].address, acpi_info.ioapics[i].first_gsi);
}

bool ioapic_route(uint32_t gsi, uint8_t vector, uint32_t destination, bool active_low, bool level)
{
	for (uint32_t i = 0; i < ioapic_count; i++) {
		const struct ioapic *io = &ioapics[i];
		uint32_t r = IOAPIC_REDIRECTION + 2 * (gsi - io->first_gsi);

		if (gsi < io->first_gsi || gsi - io->first_gsi >= io->lines)
			continue;
		spin_lock(&route_lock);
		ioapic_write(io, r, REDIRECT_MASKED);
		ioapic_write(io, r + 1, destination << 24);
		ioapic_write(io, r, vector | (active_low ? REDIRECT_ACTIVE_LOW : 0) |
				    (level ? REDIRECT_LEVEL : 0));
		spin_unlock(&route_lock);
		return true;
	}
	return false;
}

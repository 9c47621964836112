/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pci.c - PCI configuration by ports 0xcf8/0xcfc, enumeration, capabilities, BARs, MSI-X.
 *
 * Interface: pci.h.
 * Invariants:
 *   P1 an address and the data access that follows it are one critical section (config_lock);
 *   P2 no offset that a device gave is used before it is known to lie inside config space or its BAR.
 * References: PCI Local Bus Specification 3.0, chapters 3.2.2.3 (ports), 6.2.5 (BARs), 6.7, 6.8.2 (MSI-X).
 */

#include <device/pci.h>
#include <kern/lock.h>
#include <machine/io.h>
#include <machine/irq.h>
#include <machine/pmap.h>
#include <stdatomic.h>
#include <stddef.h>

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc
#define CONFIG_ENABLE 0x80000000u

#define HEADER_TYPE 0x0e
#define HEADER_MULTIFUNCTION 0x80
#define HEADER_BRIDGE 0x01
#define BRIDGE_SECONDARY 0x19
#define SUBSYSTEM_ID 0x2e
#define BAR0 0x10
#define BUS_DEPTH_MAX 8
#define CAPABILITIES_MAX 48 /* of 4 bytes at least, from 0x40 on */

static struct spinlock config_lock = SPINLOCK_INIT("pci_config");

static uint32_t config_address(const struct pci_function *f, uint8_t offset)
{
	return CONFIG_ENABLE | (uint32_t)f->bus << 16 | (uint32_t)f->device << 11 |
	       (uint32_t)f->function << 8 | (offset & 0xfc);
}

uint32_t pci_read32(const struct pci_function *f, uint8_t offset)
{
	uint32_t value;

	spin_lock(&config_lock); /* P1 */
	io_out32(CONFIG_ADDRESS, config_address(f, offset));
	value = io_in32(CONFIG_DATA);
	spin_unlock(&config_lock);
	return value;
}

uint16_t pci_read16(const struct pci_function *f, uint8_t offset)
{
	return (uint16_t)(pci_read32(f, offset) >> (offset & 2) * 8);
}

uint8_t pci_read8(const struct pci_function *f, uint8_t offset)
{
	return (uint8_t)(pci_read32(f, offset) >> (offset & 3) * 8);
}

void pci_write32(const struct pci_function *f, uint8_t offset, uint32_t value)
{
	spin_lock(&config_lock);
	io_out32(CONFIG_ADDRESS, config_address(f, offset));
	io_out32(CONFIG_DATA, value);
	spin_unlock(&config_lock);
}

void pci_write16(const struct pci_function *f, uint8_t offset, uint16_t value)
{
	spin_lock(&config_lock);
	io_out32(CONFIG_ADDRESS, config_address(f, offset));
	io_out16((uint16_t)(CONFIG_DATA + (offset & 2)), value);
	spin_unlock(&config_lock);
}

/* Find the size of each memory BAR by writing ones to it; decoding is off meanwhile. */
static void read_bars(struct pci_function *f)
{
	uint16_t command = pci_read16(f, PCI_COMMAND);

	pci_write16(f, PCI_COMMAND, (uint16_t)(command & ~(PCI_COMMAND_MEMORY | 1)));
	for (unsigned i = 0; i < PCI_BARS; i++) {
		uint8_t at = (uint8_t)(BAR0 + 4 * i);
		uint32_t low = pci_read32(f, at), mask;
		uint64_t address, size;
		bool wide = (low & 7) == 4;

		f->bar[i] = (struct pci_bar){ 0 };
		if ((low & 1) != 0)
			continue; /* ports */
		pci_write32(f, at, 0xffffffffu);
		mask = pci_read32(f, at) & ~0xfu;
		pci_write32(f, at, low);
		address = low & ~0xfu;
		size = mask == 0 ? 0 : (uint64_t)(~mask) + 1;
		if (wide && i + 1 < PCI_BARS) {
			uint32_t high = pci_read32(f, (uint8_t)(at + 4)), high_mask;

			pci_write32(f, (uint8_t)(at + 4), 0xffffffffu);
			high_mask = pci_read32(f, (uint8_t)(at + 4));
			pci_write32(f, (uint8_t)(at + 4), high);
			address |= (uint64_t)high << 32;
			size = ~((uint64_t)high_mask << 32 | mask) + 1;
			f->bar[i + 1] = (struct pci_bar){ 0 };
		}
		if (address != 0 && size != 0 && address + size > address)
			f->bar[i] = (struct pci_bar){ address, size, (low & 8) != 0 };
		if (wide)
			i++;
	}
	pci_write16(f, PCI_COMMAND, command);
}

/* Fill f for its bus/device/function; false: nothing is there. */
static bool read_function(struct pci_function *f, uint8_t *header)
{
	uint32_t id = pci_read32(f, 0);

	f->vendor = (uint16_t)id;
	f->device_id = (uint16_t)(id >> 16);
	if (f->vendor == 0xffff)
		return false;
	f->class_code = pci_read32(f, 8) >> 8;
	*header = pci_read8(f, HEADER_TYPE);
	f->interrupt_line = pci_read8(f, PCI_INTERRUPT_PIN) == 0 ? 0xff :
								   pci_read8(f, PCI_INTERRUPT_LINE);
	if ((*header & 0x7f) == 0) {
		f->subsystem = pci_read16(f, SUBSYSTEM_ID);
		read_bars(f);
	}
	return true;
}

/* All functions of one bus; bridges found are pushed onto the list of buses to visit. */
static bool enumerate_bus(uint8_t bus, uint8_t *buses, unsigned *bus_count,
			  bool (*found)(void *, const struct pci_function *), void *ctx)
{
	for (uint8_t device = 0; device < 32; device++) {
		uint8_t functions = 1;

		for (uint8_t function = 0; function < functions; function++) {
			struct pci_function f = { .bus = bus, .device = device, .function = function };
			uint8_t header;

			if (!read_function(&f, &header))
				continue;
			if (function == 0 && (header & HEADER_MULTIFUNCTION) != 0)
				functions = 8;
			if ((header & 0x7f) == HEADER_BRIDGE) {
				uint8_t below = pci_read8(&f, BRIDGE_SECONDARY);

				if (below > bus && *bus_count < BUS_DEPTH_MAX)
					buses[(*bus_count)++] = below;
			} else if (!found(ctx, &f)) {
				return false;
			}
		}
	}
	return true;
}

void pci_enumerate(bool (*found)(void *ctx, const struct pci_function *f), void *ctx)
{
	uint8_t buses[BUS_DEPTH_MAX] = { 0 };
	unsigned bus_count = 1;

	for (unsigned i = 0; i < bus_count; i++)
		if (!enumerate_bus(buses[i], buses, &bus_count, found, ctx))
			return;
}

uint8_t pci_capability(const struct pci_function *f, uint8_t id, uint8_t after)
{
	uint8_t at;

	if ((pci_read16(f, PCI_STATUS) & PCI_STATUS_CAPABILITIES) == 0)
		return 0;
	at = pci_read8(f, after == 0 ? PCI_CAPABILITIES : (uint8_t)(after + 1)) & 0xfc;
	for (unsigned n = 0; n < CAPABILITIES_MAX && at >= 0x40; n++) { /* P2 */
		if (pci_read8(f, at) == id)
			return at;
		at = pci_read8(f, (uint8_t)(at + 1)) & 0xfc;
	}
	return 0;
}

void *pci_map_bar(const struct pci_function *f, uint32_t bar, uint64_t offset, uint64_t bytes)
{
	const struct pci_bar *b;
	uint64_t start;
	char *page;

	if (bar >= PCI_BARS || bytes == 0)
		return NULL;
	b = &f->bar[bar];
	if (b->bytes == 0 || offset >= b->bytes || bytes > b->bytes - offset) /* P2 */
		return NULL;
	start = b->address + offset;
	page = pmap_map_device(start & ~PAGE_MASK, (start & PAGE_MASK) + bytes);
	return page == NULL ? NULL : page + (start & PAGE_MASK);
}

/* A bit for each function that a driver of the kernel's has. */
static _Atomic uint64_t driven[1 << 16 >> 6];

static unsigned index_of(const struct pci_function *f)
{
	return (unsigned)f->bus << 8 | (unsigned)f->device << 3 | f->function;
}

bool pci_driven(const struct pci_function *f)
{
	return (atomic_load(&driven[index_of(f) / 64]) >> (index_of(f) % 64) & 1) != 0;
}

void pci_enable_memory(const struct pci_function *f)
{
	pci_write16(f, PCI_COMMAND, pci_read16(f, PCI_COMMAND) | PCI_COMMAND_MEMORY);
}

void pci_enable(const struct pci_function *f)
{
	uint16_t command = pci_read16(f, PCI_COMMAND);

	atomic_fetch_or(&driven[index_of(f) / 64], 1UL << (index_of(f) % 64));
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	pci_write16(f, PCI_COMMAND, (uint16_t)(command & ~PCI_COMMAND_INTX_OFF));
}

kern_return_t pci_msix_enable(const struct pci_function *f, uint32_t entry, void (*handler)(void *),
			      void *arg)
{
	uint8_t cap = pci_capability(f, PCI_CAP_MSIX, 0);
	uint16_t control;
	uint32_t where, entries, data;
	uint64_t address;
	volatile uint32_t *table;
	kern_return_t kr;

	if (cap == 0 || cap > 0xf4)
		return KERN_NOT_SUPPORTED;
	control = pci_read16(f, (uint8_t)(cap + 2));
	entries = (control & 0x7ffu) + 1;
	where = pci_read32(f, (uint8_t)(cap + 4));
	if (entry >= entries)
		return KERN_NOT_SUPPORTED;
	table = pci_map_bar(f, where & 7, where & ~7u, entries * 16);
	if (table == NULL)
		return KERN_NOT_SUPPORTED;
	kr = irq_register_msi(handler, arg, &address, &data);
	if (kr != KERN_SUCCESS)
		return kr;
	pci_write16(f, (uint8_t)(cap + 2), (uint16_t)(control | 0xc000u)); /* on, all masked */
	for (uint32_t i = 0; i < entries; i++)
		mmio_write32(&table[i * 4 + 3], 1);
	mmio_write32(&table[entry * 4], (uint32_t)address);
	mmio_write32(&table[entry * 4 + 1], (uint32_t)(address >> 32));
	mmio_write32(&table[entry * 4 + 2], data);
	mmio_write32(&table[entry * 4 + 3], 0);
	pci_write16(f, PCI_COMMAND, pci_read16(f, PCI_COMMAND) | PCI_COMMAND_INTX_OFF);
	pci_write16(f, (uint8_t)(cap + 2), (uint16_t)((control | 0x8000u) & ~0x4000u));
	return KERN_SUCCESS;
}

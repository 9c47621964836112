/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pci.h - PCI functions: find them, read and write their configuration, map their registers.
 *
 * What a device says of itself (capability offsets, BAR sizes) is checked here before use.
 * Locking: the configuration ports have a lock inside; the rest is called at boot by one thread.
 */
#pragma once

#include <mach/kern_return.h>
#include <stdbool.h>
#include <stdint.h>

#define PCI_BARS 6

/* Configuration offsets and bits (PCI Local Bus 3.0, chapter 6). */
#define PCI_COMMAND 0x04
#define PCI_COMMAND_MEMORY 0x0002
#define PCI_COMMAND_MASTER 0x0004
#define PCI_COMMAND_INTX_OFF 0x0400
#define PCI_STATUS 0x06
#define PCI_STATUS_CAPABILITIES 0x0010
#define PCI_CAPABILITIES 0x34
#define PCI_INTERRUPT_LINE 0x3c
#define PCI_INTERRUPT_PIN 0x3d
#define PCI_CAP_VENDOR 0x09
#define PCI_CAP_MSIX 0x11

struct pci_bar {
	uint64_t address; /* physical; 0: none, or an I/O port BAR */
	uint64_t bytes;
	bool prefetchable; /* memory, not registers: reads do nothing, writes may be combined */
};

struct pci_function {
	uint8_t bus, device, function;
	uint16_t vendor, device_id;
	uint16_t subsystem;
	uint32_t class_code; /* class, subclass, interface: 24 bits */
	uint8_t interrupt_line; /* 0xff: none */
	struct pci_bar bar[PCI_BARS];
};

/* offset: 0 .. 255, aligned to the width. */
uint8_t pci_read8(const struct pci_function *f, uint8_t offset);
uint16_t pci_read16(const struct pci_function *f, uint8_t offset);
uint32_t pci_read32(const struct pci_function *f, uint8_t offset);
void pci_write16(const struct pci_function *f, uint8_t offset, uint16_t value);
void pci_write32(const struct pci_function *f, uint8_t offset, uint32_t value);

/* Call found(ctx, f) for every function behind the host bridge and its PCI bridges; false stops. */
void pci_enumerate(bool (*found)(void *ctx, const struct pci_function *f), void *ctx);

/*
 * The offset of the next capability of kind id after `after` (0: the first); 0 if there is none. The walk is
 * bounded, so a looping list ends.
 */
uint8_t pci_capability(const struct pci_function *f, uint8_t id, uint8_t after);

/* Map [offset, offset + bytes) of a memory BAR, uncached. NULL if the BAR is not that large. */
void *pci_map_bar(const struct pci_function *f, uint32_t bar, uint64_t offset, uint64_t bytes);

/* Let the function decode memory and be bus master: a driver of the kernel's has it from now on. */
void pci_enable(const struct pci_function *f);
/* Has one? */
bool pci_driven(const struct pci_function *f);
/* Let it decode memory, for who is going to map its BARs. */
void pci_enable_memory(const struct pci_function *f);

/*
 * Purpose: route the function's MSI-X entry to handler, the table's only unmasked one; INTx goes off.
 * Returns: KERN_SUCCESS; KERN_NOT_SUPPORTED if it has no usable MSI-X; else irq_register_msi()'s error.
 */
kern_return_t pci_msix_enable(const struct pci_function *f, uint32_t entry, void (*handler)(void *),
			      void *arg);

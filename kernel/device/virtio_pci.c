/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio_pci.c - find a virtio device's structures through its vendor capabilities, bring it up.
 *
 * Interface, references: virtio_pci.h.
 * Life of the device: reset -> acknowledged -> driver -> features ok -> (queues) -> driver ok; failed from
 *   anywhere.
 */

#include <base/string.h>
#include <device/virtio_pci.h>
#include <kern/printf.h>
#include <machine/io.h>
#include <machine/irq.h>
#include <machine/pmap.h>
#include <vm/vm_page.h>

/* Kinds of vendor capability (4.1.4). */
enum { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE };
/* Fields of a vendor capability. */
enum { CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_MULTIPLIER = 16 };
/* Fields of the common configuration structure (4.1.4.3). */
enum {
	DEVICE_FEATURE_SELECT = 0,
	DEVICE_FEATURE = 4,
	DRIVER_FEATURE_SELECT = 8,
	DRIVER_FEATURE = 12,
	MSIX_CONFIG = 16,
	QUEUE_COUNT = 18,
	DEVICE_STATUS = 20,
	CONFIG_GENERATION = 21,
	QUEUE_SELECT = 22,
	QUEUE_SIZE = 24,
	QUEUE_MSIX = 26,
	QUEUE_ENABLE = 28,
	QUEUE_NOTIFY_OFFSET = 30,
	QUEUE_DESCRIPTORS = 32,
	QUEUE_DRIVER = 40,
	QUEUE_DEVICE = 48,
	COMMON_BYTES = 56,
};
enum {
	STATUS_ACKNOWLEDGE = 1,
	STATUS_DRIVER = 2,
	STATUS_DRIVER_OK = 4,
	STATUS_FEATURES_OK = 8,
	STATUS_FAILED = 128,
};
#define NO_VECTOR 0xffff
#define RESET_TRIES 1000000u
#define CONFIG_TRIES 16

static void status_add(struct virtio_pci *v, uint8_t bits)
{
	mmio_write8(v->common + DEVICE_STATUS, (uint8_t)(mmio_read8(v->common + DEVICE_STATUS) | bits));
}

/* Map the structure of one kind; the first capability of a kind that fits counts. */
static volatile uint8_t *map_structure(struct virtio_pci *v, uint8_t kind, uint32_t minimum,
				       uint32_t *bytes, uint8_t *where)
{
	uint8_t cap = 0;

	while ((cap = pci_capability(&v->pci, PCI_CAP_VENDOR, cap)) != 0) {
		uint32_t offset, length;
		void *mapped;

		if (cap > 256 - 20 || pci_read8(&v->pci, (uint8_t)(cap + CAP_TYPE)) != kind)
			continue;
		offset = pci_read32(&v->pci, (uint8_t)(cap + CAP_OFFSET));
		length = pci_read32(&v->pci, (uint8_t)(cap + CAP_LENGTH));
		if (length < minimum)
			continue;
		mapped = pci_map_bar(&v->pci, pci_read8(&v->pci, (uint8_t)(cap + CAP_BAR)), offset, length);
		if (mapped == NULL)
			continue;
		*bytes = length;
		if (where != NULL)
			*where = cap;
		return mapped;
	}
	return NULL;
}

kern_return_t virtio_pci_open(struct virtio_pci *v, const struct pci_function *f)
{
	uint32_t bytes;
	uint8_t cap = 0;

	*v = (struct virtio_pci){ .pci = *f };
	pci_enable(f);
	v->common = map_structure(v, CAP_COMMON, COMMON_BYTES, &bytes, NULL);
	v->isr = map_structure(v, CAP_ISR, 1, &bytes, NULL);
	v->notify = map_structure(v, CAP_NOTIFY, 2, &v->notify_bytes, &cap);
	v->config = map_structure(v, CAP_DEVICE, 1, &v->config_bytes, NULL);
	if (v->common == NULL || v->isr == NULL || v->notify == NULL)
		return KERN_FAILURE;
	v->notify_multiplier = pci_read32(f, (uint8_t)(cap + CAP_MULTIPLIER));
	mmio_write8(v->common + DEVICE_STATUS, 0);
	for (uint32_t i = 0; mmio_read8(v->common + DEVICE_STATUS) != 0; i++)
		if (i == RESET_TRIES)
			return KERN_FAILURE;
	status_add(v, STATUS_ACKNOWLEDGE);
	status_add(v, STATUS_DRIVER);
	return KERN_SUCCESS;
}

kern_return_t virtio_pci_negotiate(struct virtio_pci *v, uint64_t wanted, uint64_t required)
{
	uint64_t offered = 0;

	for (uint32_t half = 0; half < 2; half++) {
		mmio_write32(v->common + DEVICE_FEATURE_SELECT, half);
		offered |= (uint64_t)mmio_read32(v->common + DEVICE_FEATURE) << 32 * half;
	}
	v->features = offered & (wanted | required);
	if ((v->features & required) != required)
		return KERN_FAILURE;
	for (uint32_t half = 0; half < 2; half++) {
		mmio_write32(v->common + DRIVER_FEATURE_SELECT, half);
		mmio_write32(v->common + DRIVER_FEATURE, (uint32_t)(v->features >> 32 * half));
	}
	status_add(v, STATUS_FEATURES_OK);
	if ((mmio_read8(v->common + DEVICE_STATUS) & STATUS_FEATURES_OK) == 0)
		return KERN_FAILURE;
	return KERN_SUCCESS;
}

static void write64(volatile uint8_t *at, uint64_t value)
{
	mmio_write32(at, (uint32_t)value);
	mmio_write32(at + 4, (uint32_t)(value >> 32));
}

/* The largest power of two that both sides can do, or 0. */
static uint16_t usable_size(uint16_t offered)
{
	uint16_t size = VIRTIO_QUEUE_MAX;

	if (offered == 0 || (offered & (offered - 1)) != 0 || offered > 32768)
		return 0;
	while (size > offered)
		size /= 2;
	return size >= 2 ? size : 0;
}

kern_return_t virtio_pci_queue(struct virtio_pci *v, uint16_t index, struct virtio_queue *q)
{
	struct vm_page *pages;
	unsigned order = 0;
	uint64_t offset;
	uint16_t size;

	if (index >= mmio_read16(v->common + QUEUE_COUNT))
		return KERN_FAILURE;
	mmio_write16(v->common + QUEUE_SELECT, index);
	size = usable_size(mmio_read16(v->common + QUEUE_SIZE));
	offset = (uint64_t)mmio_read16(v->common + QUEUE_NOTIFY_OFFSET) * v->notify_multiplier;
	if (size == 0 || offset + 2 > v->notify_bytes)
		return KERN_FAILURE;
	while ((PAGE_SIZE << order) < virtio_queue_bytes(size))
		order++;
	pages = vm_page_grab_contiguous(order);
	if (pages == NULL)
		return KERN_RESOURCE_SHORTAGE;
	vm_page_set_owner(pages, order, PAGE_OWNER_DEVICE, 0);
	memset(vm_page_virt(pages), 0, PAGE_SIZE << order);
	virtio_queue_init(q, size, vm_page_virt(pages), (v->features & VIRTIO_F_EVENT_IDX) != 0);
	q->bell = (void *)(uintptr_t)(v->notify + offset);
	mmio_write16(v->common + QUEUE_SIZE, size);
	mmio_write16(v->common + QUEUE_MSIX, NO_VECTOR);
	write64(v->common + QUEUE_DESCRIPTORS, pages->phys);
	write64(v->common + QUEUE_DRIVER, pages->phys + virtio_queue_available_offset(size));
	write64(v->common + QUEUE_DEVICE, pages->phys + virtio_queue_used_offset(size));
	mmio_write16(v->common + QUEUE_ENABLE, 1);
	return KERN_SUCCESS;
}

kern_return_t virtio_pci_interrupt(struct virtio_pci *v, uint16_t queues, void (*handler)(void *), void *arg)
{
	mmio_write16(v->common + MSIX_CONFIG, NO_VECTOR);
	v->msix = pci_msix_enable(&v->pci, 0, handler, arg) == KERN_SUCCESS;
	if (!v->msix) {
		if (v->pci.interrupt_line == 0xff)
			return KERN_FAILURE;
		return irq_register_line(v->pci.interrupt_line, handler, arg);
	}
	for (uint16_t i = 0; i < queues; i++) {
		mmio_write16(v->common + QUEUE_SELECT, i);
		mmio_write16(v->common + QUEUE_MSIX, 0);
		if (mmio_read16(v->common + QUEUE_MSIX) != 0)
			return KERN_FAILURE; /* no room for the vector on its side */
	}
	return KERN_SUCCESS;
}

kern_return_t virtio_pci_ready(struct virtio_pci *v)
{
	status_add(v, STATUS_DRIVER_OK);
	return (mmio_read8(v->common + DEVICE_STATUS) & STATUS_FAILED) != 0 ? KERN_FAILURE : KERN_SUCCESS;
}

void virtio_pci_fail(struct virtio_pci *v)
{
	if (v->common == NULL)
		return;
	mmio_write8(v->common + DEVICE_STATUS, 0);
	status_add(v, STATUS_FAILED);
}

bool virtio_pci_interrupt_pending(struct virtio_pci *v)
{
	return v->msix || (mmio_read8(v->isr) & 1) != 0;
}

void virtio_pci_ring(struct virtio_pci *v, struct virtio_queue *q, uint16_t index)
{
	mmio_write16(q->bell, index);
}

bool virtio_pci_config(struct virtio_pci *v, uint32_t offset, void *out, uint32_t bytes)
{
	if (v->config == NULL || offset > v->config_bytes || bytes > v->config_bytes - offset)
		return false;
	for (unsigned i = 0; i < CONFIG_TRIES; i++) {
		uint8_t before = mmio_read8(v->common + CONFIG_GENERATION);

		if (bytes == 2)
			*(uint16_t *)out = mmio_read16(v->config + offset);
		else
			for (uint32_t b = 0; b < bytes; b++)
				((uint8_t *)out)[b] = mmio_read8(v->config + offset + b);
		if (mmio_read8(v->common + CONFIG_GENERATION) == before)
			return true;
	}
	return false;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio_pci.h - the modern PCI transport of virtio devices: status, features, queues, interrupts.
 *
 * Order of calls: virtio_pci_open, _negotiate, _queue for each queue, _interrupt, _ready.
 * Nothing that the device says (capabilities, queue sizes, notify offsets) is used unchecked.
 * Locking: set-up is one thread's; virtio_pci_ring() and _interrupt_pending() any context.
 * References: VIRTIO 1.1, chapters 3.1 (initialisation) and 4.1 (PCI).
 */
#pragma once

#include <device/pci.h>
#include <device/virtio_queue.h>

#define VIRTIO_VENDOR 0x1af4
#define VIRTIO_DEVICE_MODERN 0x1040 /* + device type */
#define VIRTIO_DEVICE_TRANSITIONAL_NET 0x1000
#define VIRTIO_TYPE_NET 1

#define VIRTIO_F_EVENT_IDX (1ULL << 29)
#define VIRTIO_F_VERSION_1 (1ULL << 32)

struct virtio_pci {
	struct pci_function pci;
	volatile uint8_t *common;  /* the common configuration structure */
	volatile uint8_t *isr;     /* reading it clears INTx */
	volatile uint8_t *config;  /* the device's own, config_bytes long; NULL: none */
	volatile uint8_t *notify;
	uint32_t config_bytes, notify_bytes, notify_multiplier;
	uint64_t features;         /* agreed on */
	bool msix;
};

/* Map the structures and reset the device. KERN_FAILURE: not a modern device, or it lies. */
kern_return_t virtio_pci_open(struct virtio_pci *v, const struct pci_function *f);
/* Agree on wanted & offered; required must be among them. KERN_FAILURE: the device refused. */
kern_return_t virtio_pci_negotiate(struct virtio_pci *v, uint64_t wanted, uint64_t required);
/* Set up queue `index` with up to VIRTIO_QUEUE_MAX entries. KERN_RESOURCE_SHORTAGE, KERN_FAILURE. */
kern_return_t virtio_pci_queue(struct virtio_pci *v, uint16_t index, struct virtio_queue *q);
/* Route all queues' interrupts to handler: one MSI-X vector if the device has it, else its INTx line. */
kern_return_t virtio_pci_interrupt(struct virtio_pci *v, uint16_t queues, void (*handler)(void *), void *arg);
/* DRIVER_OK. */
kern_return_t virtio_pci_ready(struct virtio_pci *v);
/* Give the device up: reset and FAILED. */
void virtio_pci_fail(struct virtio_pci *v);

/* In the handler: was it our device? With INTx this also lets go of the line. */
bool virtio_pci_interrupt_pending(struct virtio_pci *v);
/* Ring the bell of a queue. */
void virtio_pci_ring(struct virtio_pci *v, struct virtio_queue *q, uint16_t index);

/*
 * Read the device's configuration consistently (its generation did not change): a 16-bit field (bytes = 2, out
 * a uint16_t) or an array of bytes. False: it is not that long.
 */
bool virtio_pci_config(struct virtio_pci *v, uint32_t offset, void *out, uint32_t bytes);

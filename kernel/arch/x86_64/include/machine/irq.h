/* SPDX-License-Identifier: BSD-2-Clause */
/* irq.h - device interrupts. */
#pragma once

#include <mach/kern_return.h>
#include <stdint.h>

typedef void (*irq_handler_t)(void *arg);

/* Route a legacy line (ISA irq or PCI INTx line from config space) through the IOAPIC; shared lines chain. */
kern_return_t irq_register_line(uint32_t line, irq_handler_t handler, void *arg);
/* Allocate a vector for a message-signalled interrupt: returns what to write into the MSI-X table. */
kern_return_t irq_register_msi(irq_handler_t handler, void *arg, uint64_t *address, uint32_t *data);

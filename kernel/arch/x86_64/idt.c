/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idt.c - the interrupt descriptor table, one for all CPUs.
 *
 * Every vector is an interrupt gate (interrupts off on entry). Four run on stacks of their own
 * (IST): double fault (the kernel stack may be gone), NMI, debug and machine check (they may come before
 * the entry code has changed stacks).
 * Reference: SDM vol. 3A 6.10-6.14.
 */
#include "cpu_private.h"
#include <kern/assert.h>

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "SDM vol. 3A 6.14.1");

#define GATE_INTERRUPT 0x8e
#define GATE_USER 0x60 /* DPL 3: user code may use INT n */

extern const uint64_t trap_stubs[256]; /* trap_entry.S */

static struct gate idt[256] __attribute__((aligned(4096)));

static enum ist ist_of_vector(unsigned vector)
{
	switch (vector) {
	case 1:
		return IST_DEBUG;
	case 2:
		return IST_NMI;
	case 8:
		return IST_DOUBLE_FAULT;
	case 18:
		return IST_MACHINE_CHECK;
	default:
		return IST_NONE;
	}
}

void idt_init(void)
{
	for (unsigned v = 0; v < 256; v++) {
		uint64_t stub = trap_stubs[v];
		bool user = v == 3 || v == 4; /* INT3, INTO */

		idt[v] = (struct gate){
			.offset_low = (uint16_t)stub,
			.offset_middle = (uint16_t)(stub >> 16),
			.offset_high = (uint32_t)(stub >> 32),
			.selector = SELECTOR_KERNEL_CODE,
			.ist = (uint8_t)ist_of_vector(v),
			.type = GATE_INTERRUPT | (user ? GATE_USER : 0),
		};
	}
}

void idt_load(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ volatile("lidt %0" : : "m"(pointer));
}

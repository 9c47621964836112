/* SPDX-License-Identifier: BSD-2-Clause */
/* interrupt.h - interrupt vectors and who serves them. */
#pragma once

#include <stdint.h>

struct trap_frame;

/* Vectors: 0..31 the processor's exceptions; devices; then the fixed ones, the more urgent the higher. */
enum {
	VECTOR_DEVICE_FIRST = 0x30,
	VECTOR_DEVICE_END = 0xe0,
	VECTOR_TIMER = 0xe0,
	VECTOR_IPI_RESCHED = 0xf0,
	VECTOR_IPI_PING = 0xf1,
	VECTOR_IPI_TLB = 0xf2,
	VECTOR_APIC_ERROR = 0xfe,
	VECTOR_SPURIOUS = 0xff,
};

/* Serve the interrupt of frame->vector. Interrupts off. */
void interrupt_dispatch(struct trap_frame *frame);

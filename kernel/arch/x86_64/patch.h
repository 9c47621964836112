/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * patch.h - for assembler: instructions that exist only with SMAP (patched in at boot, else
 * no-ops), and the table of instructions whose fault is resolved by a jump.
 */
#pragma once

/* A three-byte no-op that becomes CLAC or STAC where the processor has SMAP. */
#define PATCH_SMAP(last_byte) \
771:	.byte 0x0f, 0x1f, 0x00; \
	.pushsection .patch_table, "a"; \
	.quad 771b; \
	.byte 0, 0x0f, 0x01, last_byte, 0, 0, 0, 0; \
	.popsection

#define PATCHED_CLAC PATCH_SMAP(0xca)
#define PATCHED_STAC PATCH_SMAP(0xcb)

/* A fault of the instruction at `at` goes on at `to` (fixup.h). */
#define FIXUP(at, to) \
	.pushsection .fixup_table, "a"; \
	.quad at, to; \
	.popsection

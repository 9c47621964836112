/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crc32.h - CRC-32 with Ethernet's polynomial, eight bytes a step, continued from any state.
 *
 * Interface: crc32_init() once (again is harmless); state = CRC32_START; state = crc32_update(state,
 * bytes, n) ...; the checksum is ~state, sent least significant byte first.
 * Invariants: update(update(s, a), b) == update(s, a then b).
 * Locking: none; the tables are written by crc32_init() only, always with the same values.
 * References: IEEE 802.3 3.2.9; M. Kounavis, F. Berry, "A Systematic Approach to Building High
 * Performance Software-based CRC Generators" (2005), for slicing by 8.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CRC32_START 0xffffffffu

void crc32_init(void);
uint32_t crc32_update(uint32_t state, const void *bytes, size_t n);
/* As crc32_update, and the bytes are copied to `to` on the way: one pass over the memory. */
uint32_t crc32_copy(uint32_t state, void *restrict to, const void *restrict bytes, size_t n);

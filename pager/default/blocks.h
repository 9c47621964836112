/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blocks.h - the blocks of a backing store: a page each; which are free, in runs that follow each other.
 *
 * Invariants: B1 a block is free, used, or bad; free + used + bad = total; B2 a bad block is never given out again.
 * Not locked: the default pager is one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BLOCK_NONE UINT32_MAX

struct blocks {
	uint64_t *used_bits, *bad_bits; /* blocks_bytes(total) bytes each */
	uint32_t total;
	uint32_t free;
	uint32_t bad;
	uint32_t next; /* where the next search begins */
};

static inline uint64_t blocks_bytes(uint32_t total)
{
	return ((uint64_t)total + 63) / 64 * 8;
}

/* memory: 2 * blocks_bytes(total), zeroed. */
void blocks_init(struct blocks *b, uint32_t total, void *memory);
/*
 * Up to wanted blocks that follow each other: the first such run that is long enough (searching on from where the last
 * one ended), else the longest that was seen. Returns the first block and *got, or BLOCK_NONE.
 */
uint32_t blocks_alloc(struct blocks *b, uint32_t wanted, uint32_t *got);
void blocks_free(struct blocks *b, uint32_t block);
/* block, which is used, cannot be written: it stays out of use. */
void blocks_mark_bad(struct blocks *b, uint32_t block);
bool blocks_used(const struct blocks *b, uint32_t block);

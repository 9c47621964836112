/* SPDX-License-Identifier: BSD-2-Clause */
/* blocks.c - see blocks.h. A bit is set for what cannot be given out; whole words of set bits are passed over. */
#include "blocks.h"

#include <assert.h>

static bool bit(const uint64_t *bits, uint32_t i)
{
	return (bits[i / 64] >> (i % 64) & 1) != 0;
}

static void set(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= 1ULL << (i % 64);
}

void blocks_init(struct blocks *b, uint32_t total, void *memory)
{
	*b = (struct blocks){ .used_bits = memory, .bad_bits = (uint64_t *)memory + blocks_bytes(total) / 8, .total = total,
			      .free = total };
}

bool blocks_used(const struct blocks *b, uint32_t block)
{
	return block < b->total && bit(b->used_bits, block);
}

/* The first free block at or after from, before end; end: none. */
static uint32_t next_free(const struct blocks *b, uint32_t from, uint32_t end)
{
	while (from < end) {
		uint64_t free_bits = ~b->used_bits[from / 64] >> (from % 64);

		if (free_bits != 0) {
			from += (uint32_t)__builtin_ctzll(free_bits);
			return from < end ? from : end;
		}
		from = (from / 64 + 1) * 64;
	}
	return end;
}

static uint32_t run_length(const struct blocks *b, uint32_t from, uint32_t end, uint32_t max)
{
	uint32_t n = 0;

	while (n < max && from + n < end && !bit(b->used_bits, from + n))
		n++;
	return n;
}

/* Search [from, end); true: a run of wanted was found. */
static bool search(const struct blocks *b, uint32_t from, uint32_t end, uint32_t wanted, uint32_t *best, uint32_t *length)
{
	for (uint32_t at = next_free(b, from, end); at < end;) {
		uint32_t n = run_length(b, at, end, wanted);

		if (n > *length) {
			*best = at;
			*length = n;
		}
		if (n == wanted)
			return true;
		at = next_free(b, at + n, end);
	}
	return false;
}

uint32_t blocks_alloc(struct blocks *b, uint32_t wanted, uint32_t *got)
{
	uint32_t best = BLOCK_NONE, length = 0;

	assert(wanted != 0);
	*got = 0;
	if (b->free == 0)
		return BLOCK_NONE;
	if (!search(b, b->next, b->total, wanted, &best, &length))
		(void)search(b, 0, b->next, wanted, &best, &length);
	assert(length != 0); /* B1 */
	for (uint32_t i = 0; i < length; i++)
		set(b->used_bits, best + i);
	b->free -= length;
	b->next = best + length == b->total ? 0 : best + length;
	*got = length;
	return best;
}

void blocks_free(struct blocks *b, uint32_t block)
{
	assert(blocks_used(b, block));
	if (bit(b->bad_bits, block))
		return;
	b->used_bits[block / 64] &= ~(1ULL << (block % 64));
	b->free++;
}

void blocks_mark_bad(struct blocks *b, uint32_t block)
{
	assert(blocks_used(b, block));
	if (bit(b->bad_bits, block))
		return;
	set(b->bad_bits, block);
	b->bad++;
}

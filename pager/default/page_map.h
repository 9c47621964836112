/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_map.h - where each page of each memory object is stored: (object, page) -> store and block.
 *
 * Objects are large and mostly empty, so their maps are chunks of CHUNK_PAGES entries in one hash table.
 * Invariant: M1 a chunk has at least one entry that is not PLACE_NONE.
 */
#pragma once

#include "pool.h"

#include <stdbool.h>
#include <stdint.h>

/* Store in the upper 8 bits, block in the lower 24 (64 GiB of a store). */
typedef uint32_t place_t;
#define PLACE_NONE UINT32_MAX
#define PLACE_BLOCKS_MAX (1u << 24)
#define STORES_MAX 8u

static inline place_t place_of(uint32_t store, uint32_t block)
{
	return store << 24 | block;
}

static inline uint32_t place_store(place_t p)
{
	return p >> 24;
}

static inline uint32_t place_block(place_t p)
{
	return p & (PLACE_BLOCKS_MAX - 1);
}

/* PLACE_NONE: not stored. object: any number that tells objects apart. */
place_t page_map_get(uint64_t object, uint64_t page);
/* Returns false if there is no memory for it (PLACE_NONE never fails); *old is what was there. */
bool page_map_set(uint64_t object, uint64_t page, place_t place, place_t *old);
/* Take any entry of the object away: its place, PLACE_NONE: it has none. A cursor begins as 0. */
place_t page_map_take(uint64_t object, uint64_t pages, uint64_t *cursor);
/* Call fn for each page that is stored, in no order. */
void page_map_each(void (*fn)(void *arg, uint64_t object, uint64_t page, place_t place), void *arg);
uint64_t page_map_count(void);

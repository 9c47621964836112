/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * region.c - memory that a peer may touch, and walking over memory that lies in pieces.
 *
 * Invariants:
 *  G1 an rkey names its region by the low bits and proves the right to it by the rest, which comes
 *     from the keyed stream; it is good on one QP only.
 *  G2 a region's blocks do not change while it is registered, so a cursor stays good as long as
 *     roce_region_find() (or a fresh look at its rkey) says so.
 */
#include "roce/roce_impl.h"

static bool cursor_piece(struct roce_cursor *c)
{
	while (c->count == 0 || c->offset == c->piece->length) {
		c->offset = 0;
		if (c->count > 1) {
			c->piece++;
			c->count--;
		} else if (c->next != NULL) {
			c->piece = c->next->piece;
			c->count = ROCE_BLOCK_PIECES;
			c->next = c->next->next;
		} else {
			c->count = 0;
			return false;
		}
	}
	return true;
}

uint32_t roce_cursor_take(struct roce_cursor *c, uint32_t max, uint8_t **at)
{
	uint32_t n;

	if (max == 0 || !cursor_piece(c))
		return 0;
	n = c->piece->length - c->offset;
	if (n > max)
		n = max;
	*at = (uint8_t *)(uintptr_t)c->piece->base + c->offset;
	c->offset += n;
	return n;
}

bool roce_cursor_skip(struct roce_cursor *c, uint64_t n)
{
	uint8_t *at;

	while (n > 0) {
		uint32_t took = roce_cursor_take(c, n > UINT32_MAX ? UINT32_MAX : (uint32_t)n, &at);

		if (took == 0)
			return false;
		n -= took;
	}
	return true;
}

void roce_cursor_store(struct roce_cursor *c, const uint8_t *bytes, uint32_t n)
{
	uint8_t *at;
	uint32_t took;

	for (; (took = roce_cursor_take(c, n, &at)) > 0; n -= took, bytes += took)
		memcpy(at, bytes, took);
}

static void blocks_free(struct roce *r, struct roce_block *first, uint32_t count)
{
	while (count-- > 0) {
		struct roce_block *next = first->next;

		first->next = r->free_blocks;
		r->free_blocks = first;
		r->blocks_used--;
		first = next;
	}
}

/* A chain that holds pieces, or NULL. */
static struct roce_block *blocks_fill(struct roce *r, const struct np_sge *pieces, uint32_t count)
{
	struct roce_block *first = NULL, **last = &first;
	uint32_t blocks = 0;

	while (count > 0) {
		struct roce_block *b = r->free_blocks;
		uint32_t n = count < ROCE_BLOCK_PIECES ? count : ROCE_BLOCK_PIECES;

		if (b == NULL) {
			blocks_free(r, first, blocks);
			return NULL;
		}
		r->free_blocks = b->next;
		r->blocks_used++;
		blocks++;
		b->next = NULL;
		memset(b->piece, 0, sizeof(b->piece));
		memcpy(b->piece, pieces, n * sizeof(*pieces));
		*last = b;
		last = &b->next;
		pieces += n;
		count -= n;
	}
	return first;
}

int roce_region_register(struct provider *p, np_qp_t qp, const struct np_sge *pieces, uint32_t count,
			 uint32_t access, uint32_t *rkey)
{
	struct roce *r = roce_of(p);
	struct roce_region *region;
	uint64_t length = 0;
	uint32_t at;

	if (roce_qp_at(r, qp) == NULL || count == 0 ||
	    (access & ~(uint32_t)(NP_ACCESS_REMOTE_READ | NP_ACCESS_REMOTE_WRITE)) != 0)
		return NP_E_INVALID;
	if (r->regions_used == r->config.regions)
		return NP_E_NO_RESOURCE;
	for (uint32_t i = 0; i < count; i++)
		length += pieces[i].length;
	do {
		at = r->region_hint++ & (r->config.regions - 1);
		region = &r->regions[at];
	} while (region->used);
	region->blocks = blocks_fill(r, pieces, count);
	if (region->blocks == NULL)
		return NP_E_NO_RESOURCE;
	region->block_count = (count + ROCE_BLOCK_PIECES - 1) / ROCE_BLOCK_PIECES;
	region->used = true;
	region->qp = qp;
	region->access = access;
	region->length = length;
	region->rkey = ((uint32_t)roce_random(r) & ~(r->config.regions - 1)) | at;
	r->regions_used++;
	*rkey = region->rkey;
	return NP_OK;
}

static void region_drop(struct roce *r, struct roce_region *region)
{
	blocks_free(r, region->blocks, region->block_count);
	region->used = false;
	r->regions_used--;
}

void roce_region_invalidate(struct provider *p, uint32_t rkey)
{
	struct roce *r = roce_of(p);
	struct roce_region *region = &r->regions[rkey & (r->config.regions - 1)];

	if (region->used && region->rkey == rkey)
		region_drop(r, region);
}

void roce_regions_of_qp_drop(struct roce *r, np_qp_t qp)
{
	for (uint32_t i = 0; r->regions_used > 0 && i < r->config.regions; i++)
		if (r->regions[i].used && r->regions[i].qp == qp)
			region_drop(r, &r->regions[i]);
}

bool roce_region_find(struct roce *r, np_qp_t qp, uint32_t rkey, uint64_t offset, uint64_t length,
		      uint32_t access, struct roce_cursor *c)
{
	struct roce_region *region = &r->regions[rkey & (r->config.regions - 1)];

	if (!region->used || region->rkey != rkey || region->qp != qp ||
	    (region->access & access) == 0)
		return false;
	if (offset > region->length || length > region->length - offset)
		return false;
	if (c == NULL)
		return true;
	*c = (struct roce_cursor){ region->blocks->piece, ROCE_BLOCK_PIECES, 0, region->blocks->next };
	return roce_cursor_skip(c, offset);
}

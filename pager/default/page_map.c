/* SPDX-License-Identifier: BSD-2-Clause */
/* page_map.c - see page_map.h. */
#include "page_map.h"

#include <stddef.h>

#define CHUNK_PAGES 64u
#define BUCKETS 4096u

struct chunk {
	struct chunk *next; /* in its bucket */
	uint64_t object;
	uint64_t index;     /* of the first page / CHUNK_PAGES */
	uint32_t used;      /* M1 */
	place_t place[CHUNK_PAGES];
};

static struct chunk *buckets[BUCKETS];
static struct pool chunks = POOL_INIT(struct chunk);
static uint64_t stored;

static struct chunk **find(uint64_t object, uint64_t index)
{
	struct chunk **at = &buckets[(object * 0x9e3779b97f4a7c15ULL ^ index * 0xc2b2ae3d27d4eb4fULL) >> 52];

	while (*at != NULL && ((*at)->object != object || (*at)->index != index))
		at = &(*at)->next;
	return at;
}

place_t page_map_get(uint64_t object, uint64_t page)
{
	const struct chunk *c = *find(object, page / CHUNK_PAGES);

	return c == NULL ? PLACE_NONE : c->place[page % CHUNK_PAGES];
}

static struct chunk *make(struct chunk **at, uint64_t object, uint64_t index)
{
	struct chunk *c = pool_alloc(&chunks);

	if (c == NULL)
		return NULL;
	c->object = object;
	c->index = index;
	for (unsigned i = 0; i < CHUNK_PAGES; i++)
		c->place[i] = PLACE_NONE;
	c->next = *at;
	*at = c;
	return c;
}

static void drop_if_empty(struct chunk **at)
{
	struct chunk *c = *at;

	if (c->used != 0)
		return;
	*at = c->next;
	pool_free(&chunks, c);
}

bool page_map_set(uint64_t object, uint64_t page, place_t place, place_t *old)
{
	struct chunk **at = find(object, page / CHUNK_PAGES), *c = *at;
	place_t *entry;

	*old = PLACE_NONE;
	if (c == NULL && place == PLACE_NONE)
		return true;
	if (c == NULL)
		c = make(at, object, page / CHUNK_PAGES);
	if (c == NULL)
		return false;
	entry = &c->place[page % CHUNK_PAGES];
	*old = *entry;
	*entry = place;
	if (*old == PLACE_NONE && place != PLACE_NONE) {
		c->used++;
		stored++;
	} else if (*old != PLACE_NONE && place == PLACE_NONE) {
		c->used--;
		stored--;
	}
	drop_if_empty(at);
	return true;
}

place_t page_map_take(uint64_t object, uint64_t pages, uint64_t *cursor)
{
	for (; *cursor < pages; *cursor = (*cursor / CHUNK_PAGES + 1) * CHUNK_PAGES) {
		struct chunk **at = find(object, *cursor / CHUNK_PAGES), *c = *at;

		if (c == NULL)
			continue;
		for (unsigned i = 0; i < CHUNK_PAGES; i++) {
			place_t place = c->place[i];

			if (place == PLACE_NONE)
				continue;
			c->place[i] = PLACE_NONE;
			c->used--;
			stored--;
			drop_if_empty(at);
			return place;
		}
	}
	return PLACE_NONE;
}

void page_map_each(void (*fn)(void *arg, uint64_t object, uint64_t page, place_t place), void *arg)
{
	for (unsigned b = 0; b < BUCKETS; b++)
		for (const struct chunk *c = buckets[b]; c != NULL; c = c->next)
			for (unsigned i = 0; i < CHUNK_PAGES; i++)
				if (c->place[i] != PLACE_NONE)
					fn(arg, c->object, c->index * CHUNK_PAGES + i, c->place[i]);
}

uint64_t page_map_count(void)
{
	return stored;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kalloc.h - kernel memory: typed zones, sized blocks, pages.
 *
 * None of these sleeps; any context. Each may return NULL: the caller answers
 * KERN_RESOURCE_SHORTAGE. Memory comes from the direct map and is not zeroed unless said.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zone;

/*
 * Make a zone of objects of one size (bytes) and alignment (a power of two, 0: 16). Never fails
 * (panics at boot without memory). The free count returns to the start when all is freed:
 * zone_in_use() serves the leak tests.
 */
struct zone *zone_create(const char *name, size_t size, size_t align);
/* Memory of z's objects stays theirs for ever: a pointer to a freed one still points to an object of z. Once, early. */
void zone_keep(struct zone *z);
void *zone_alloc(struct zone *z);
void *zone_alloc_zeroed(struct zone *z);
void zone_free(struct zone *z, void *p);
/* Objects handed out now. */
uint64_t zone_in_use(const struct zone *z);
/* Walk all zones: fn(name, object size, in use, pages held). For host_zone_info, ddb and tests. */
void zone_for_each(void (*fn)(void *ctx, const char *name, size_t size, uint64_t in_use,
			      uint64_t pages), void *ctx);

/* Give the frames of empty slabs back (leak checks; done by itself when frames run out). Any context. */
void zone_trim(void);

/* May what is small, and must not be lost, be made of the last frames (thread_privilege_begin)? Not of those that freeing memory needs. Any context. */
bool kalloc_may_use_last(void);

/* Blocks of any size up to 1 MiB; the size is given again to kfree. */
void *kalloc(size_t size);
void *kalloc_zeroed(size_t size);
void kfree(void *p, size_t size);

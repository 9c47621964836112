/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.h - memory of the default pager: objects of one size from blocks that are never given back.
 *
 * The default pager may not wait for memory that it is itself to free, nor have any of its own paged out: a block is
 * wired when it is taken (pool_more, which the program defines; on the host a test does). What one object frees the next
 * one gets.
 */
#pragma once

#include <stddef.h>

struct pool {
	size_t size;       /* bytes of an object, a multiple of 8 */
	void *free;        /* chained through their first word */
	char *fresh, *end; /* the newest block's rest */
	size_t in_use;
};

#define POOL_INIT(type) { .size = (sizeof(type) + 7) & ~(size_t)7 }
#define POOL_BLOCK_BYTES (64u * 1024u)

/* POOL_BLOCK_BYTES of zeroed memory, page-aligned, that stays resident; NULL: there is none. */
void *pool_more(void);

/* Zeroed; NULL: no memory. */
void *pool_alloc(struct pool *p);
void pool_free(struct pool *p, void *object);

/* SPDX-License-Identifier: BSD-2-Clause */
/* pool.c - see pool.h. */
#include "pool.h"

#include <string.h>

void *pool_alloc(struct pool *p)
{
	void *object = p->free;

	if (object != NULL) {
		p->free = *(void **)object;
	} else {
		if (p->fresh == NULL || (size_t)(p->end - p->fresh) < p->size) {
			p->fresh = pool_more();
			if (p->fresh == NULL)
				return NULL;
			p->end = p->fresh + POOL_BLOCK_BYTES;
		}
		object = p->fresh;
		p->fresh += p->size;
	}
	p->in_use++;
	memset(object, 0, p->size);
	return object;
}

void pool_free(struct pool *p, void *object)
{
	*(void **)object = p->free;
	p->free = object;
	p->in_use--;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kalloc.c - host double of zones and kalloc, over malloc: counts what is out and fails on demand.
 *
 * Interface: <kern/kalloc.h>, <host/host.h> memory.
 * Invariants: H1 every block has a head that tells its size or zone, checked when it is freed.
 */
#include <base/list.h>
#include <base/string.h>
#include <host/host.h>
#include <kern/assert.h>
#include <kern/kalloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define HEAD_BYTES 64
#define KALLOC_MAX (1u << 20)

struct zone {
	struct list link;
	const char *name;
	size_t size;
	_Atomic uint64_t in_use;
};

struct head {
	void *raw;
	struct zone *zone; /* NULL: kalloc */
	size_t size;
};

static struct list zones = LIST_INIT(zones);
static pthread_mutex_t zones_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint64_t blocks, bytes;
static _Thread_local uint64_t fail_at, allocations;
static _Thread_local bool fail_sticky;
_Atomic uint64_t host_vm_copies; /* counted by vm_map_copy.c */

bool kalloc_may_use_last(void)
{
	return true;
}

void host_alloc_fail_at(uint64_t n, bool sticky)
{
	fail_at = n;
	fail_sticky = sticky;
}

uint64_t host_alloc_count(void)
{
	return allocations;
}

static bool must_fail(void)
{
	allocations++;
	if (fail_at == 0)
		return false;
	if (fail_at > 1) {
		fail_at--;
		return false;
	}
	if (!fail_sticky)
		fail_at = 0;
	return true;
}

static void *block_new(struct zone *z, size_t size)
{
	char *raw;
	struct head *h;

	if (must_fail())
		return NULL;
	raw = malloc(size + 2 * HEAD_BYTES);
	if (!raw)
		return NULL;
	h = (struct head *)(((uintptr_t)raw + HEAD_BYTES - 1) & ~(uintptr_t)(HEAD_BYTES - 1));
	*h = (struct head){ raw, z, size };
	memset((char *)h + HEAD_BYTES, 0xa5, size);
	return (char *)h + HEAD_BYTES;
}

static void block_free(struct zone *z, void *p, size_t size)
{
	struct head *h = (struct head *)((char *)p - HEAD_BYTES);

	VERIFY(h->zone == z && h->size == size); /* H1 */
	memset(p, 0x5a, size);
	free(h->raw);
}

struct zone *zone_create(const char *name, size_t size, size_t align)
{
	struct zone *z = calloc(1, sizeof *z);

	VERIFY(align <= HEAD_BYTES);
	z->name = name;
	z->size = size;
	pthread_mutex_lock(&zones_lock);
	list_add_tail(&zones, &z->link);
	pthread_mutex_unlock(&zones_lock);
	return z;
}

void *zone_alloc(struct zone *z)
{
	void *p = block_new(z, z->size);

	if (p)
		atomic_fetch_add(&z->in_use, 1);
	return p;
}

void *zone_alloc_zeroed(struct zone *z)
{
	void *p = zone_alloc(z);

	if (p)
		memset(p, 0, z->size);
	return p;
}

void zone_free(struct zone *z, void *p)
{
	block_free(z, p, z->size);
	atomic_fetch_sub(&z->in_use, 1);
}

uint64_t zone_in_use(const struct zone *z)
{
	return atomic_load(&((struct zone *)z)->in_use);
}

void zone_for_each(void (*fn)(void *ctx, const char *name, size_t size, uint64_t in_use,
			      uint64_t pages), void *ctx)
{
	pthread_mutex_lock(&zones_lock);
	LIST_FOR_EACH(l, &zones) {
		struct zone *z = container_of(l, struct zone, link);

		fn(ctx, z->name, z->size, zone_in_use(z), 0);
	}
	pthread_mutex_unlock(&zones_lock);
}

void *kalloc(size_t size)
{
	void *p = size > KALLOC_MAX ? NULL : block_new(NULL, size);

	if (p) {
		atomic_fetch_add(&blocks, 1);
		atomic_fetch_add(&bytes, size);
	}
	return p;
}

void *kalloc_zeroed(size_t size)
{
	void *p = kalloc(size);

	if (p)
		memset(p, 0, size);
	return p;
}

void kfree(void *p, size_t size)
{
	block_free(NULL, p, size);
	atomic_fetch_sub(&blocks, 1);
	atomic_fetch_sub(&bytes, size);
}

static void add_zone(void *ctx, const char *name, size_t size, uint64_t in_use, uint64_t pages)
{
	*(uint64_t *)ctx += in_use;
}

struct host_memory host_memory_now(void)
{
	struct host_memory m = { 0, atomic_load(&blocks), atomic_load(&bytes),
				 atomic_load(&host_vm_copies) };

	zone_for_each(add_zone, &m.zone_objects);
	return m;
}

static void print_zone(void *ctx, const char *name, size_t size, uint64_t in_use, uint64_t pages)
{
	if (in_use)
		fprintf(stderr, "# zone %s (%zu bytes): %llu in use\n", name, size,
			(unsigned long long)in_use);
}

void host_memory_print(void)
{
	zone_for_each(print_zone, NULL);
	fprintf(stderr, "# kalloc: %llu blocks, %llu bytes\n", (unsigned long long)blocks,
		(unsigned long long)bytes);
}

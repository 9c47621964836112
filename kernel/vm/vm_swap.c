/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_swap.c - how many pages the default pager can store, and how many it has.
 *
 * Interface: vm_pageout.h. The default pager says what it can store (host_default_memory_space). Each page of an internal
 *   object that it was given, and was not told to forget, counts; no more are given than it can store, so that it never has to
 *   refuse one.
 */
#include <kern/assert.h>
#include <stdatomic.h>
#include <vm/vm_object.h>
#include <vm/vm_pageout.h>

static _Atomic uint64_t total, used;

void vm_swap_set_total(uint64_t pages)
{
	atomic_store(&total, pages);
}

bool vm_swap_take(uint64_t pages)
{
	uint64_t now = atomic_load_explicit(&used, memory_order_relaxed);

	do {
		if (now + pages > atomic_load_explicit(&total, memory_order_relaxed))
			return false;
	} while (!atomic_compare_exchange_weak(&used, &now, now + pages));
	return true;
}

void vm_swap_give(uint64_t pages)
{
	uint64_t before = atomic_fetch_sub(&used, pages);

	VERIFY(before >= pages);
}

uint64_t vm_swap_total(void)
{
	return atomic_load_explicit(&total, memory_order_relaxed);
}

uint64_t vm_swap_used(void)
{
	return atomic_load_explicit(&used, memory_order_relaxed);
}

uint64_t vm_swap_forget_locked(struct vm_object *o, uint64_t start, uint64_t end)
{
	uint64_t n = 0;

	if (o->paged_out == NULL)
		return 0;
	if (end > o->size)
		end = o->size;
	for (uint64_t i = start >> PAGE_SHIFT; i < end >> PAGE_SHIFT;) {
		uint64_t *word = &o->paged_out[i / 64], mask = ~0UL << (i % 64);

		if ((i | 63) >= end >> PAGE_SHIFT)
			mask &= ~(~0UL << ((end >> PAGE_SHIFT) % 64));
		for (uint64_t set = *word & mask; set != 0; set &= set - 1)
			n++;
		*word &= ~mask;
		i = (i | 63) + 1;
	}
	if (n != 0)
		vm_swap_give(n);
	return n;
}

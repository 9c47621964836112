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

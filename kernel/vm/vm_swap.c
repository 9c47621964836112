/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_swap.c - how many pages each default pager can store, and how many it has.
 *
 * Interface: vm_pageout.h. The default pager says what it can store (host_default_memory_space). Each page of an internal
 *   object that it was given, and was not told to forget, counts; no more are given than it can store, so that it never has to
 *   refuse one. Another default pager has another account: an object counts on the one of the pager that it was given to, as long as that lives.
 * Invariants: W1 accounts[current].references has one for being current; an account with no reference is free and has used 0.
 * Locking: the counts are atomic; current changes under the lock of vm_default_pager.c.
 */
#include <kern/assert.h>
#include <stdatomic.h>
#include <vm/vm_pageout.h>

#define ACCOUNTS 16U /* default pagers whose pages are still about */

struct vm_swap {
	_Atomic uint64_t total, used;
	_Atomic uint32_t references;
};

static struct vm_swap accounts[ACCOUNTS] = { { .references = 1 } };
static _Atomic(struct vm_swap *) current = &accounts[0];

static struct vm_swap *current_account(void)
{
	return atomic_load_explicit(&current, memory_order_acquire);
}

bool vm_swap_renew(void)
{
	struct vm_swap *old = current_account();

	for (unsigned i = 0; i < ACCOUNTS; i++) {
		uint32_t none = 0;

		if (!atomic_compare_exchange_strong(&accounts[i].references, &none, 1))
			continue;
		atomic_store(&accounts[i].total, 0);
		atomic_store_explicit(&current, &accounts[i], memory_order_release);
		vm_swap_release(old);
		return true;
	}
	return false;
}

struct vm_swap *vm_swap_reference(void)
{
	struct vm_swap *s = current_account();

	atomic_fetch_add(&s->references, 1);
	return s;
}

void vm_swap_release(struct vm_swap *s)
{
	if (s != NULL)
		VERIFY(atomic_fetch_sub(&s->references, 1) != 0);
}

void vm_swap_set_total(uint64_t pages)
{
	atomic_store(&current_account()->total, pages);
}

bool vm_swap_take(struct vm_swap *s, uint64_t pages)
{
	uint64_t now = atomic_load_explicit(&s->used, memory_order_relaxed);

	do {
		if (now + pages > atomic_load_explicit(&s->total, memory_order_relaxed))
			return false;
	} while (!atomic_compare_exchange_weak(&s->used, &now, now + pages));
	return true;
}

void vm_swap_give(struct vm_swap *s, uint64_t pages)
{
	uint64_t before = atomic_fetch_sub(&s->used, pages);

	VERIFY(before >= pages);
}

bool vm_swap_has_room(uint64_t pages)
{
	const struct vm_swap *s = current_account();

	return atomic_load_explicit(&s->used, memory_order_relaxed) + pages <= atomic_load_explicit(&s->total, memory_order_relaxed);
}

/* What an earlier default pager has counts as its room: nothing more is promised of that. */
uint64_t vm_swap_total(void)
{
	const struct vm_swap *s = current_account();

	return vm_swap_used() - atomic_load_explicit(&s->used, memory_order_relaxed) + atomic_load_explicit(&s->total, memory_order_relaxed);
}

uint64_t vm_swap_used(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < ACCOUNTS; i++)
		n += atomic_load_explicit(&accounts[i].used, memory_order_relaxed);
	return n;
}

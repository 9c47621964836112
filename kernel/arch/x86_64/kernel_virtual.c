/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel_virtual.c - kernel addresses that are not the direct map's: stacks with guard pages, device registers.
 *
 *   KERNEL_DYNAMIC_BASE  stack slots: one unmapped page, then the stack
 *   DEVICE_BASE          device registers, given out upwards and never taken back
 *
 * A few freed stacks stay mapped for the next threads; the others are unmapped and their frames given back.
 * Invariants: K1 the page below every stack is never mapped.
 * Locking: stack_lock and device_lock, outside pmap.lock.
 */
#include "pmap_private.h"
#include <base/string.h>
#include <kern/assert.h>
#include <vm/vm_page.h>

#define STACK_SLOTS 32768U
#define STACK_SLOT_BYTES (PAGE_SIZE + KERNEL_STACK_BYTES)
#define STACK_PAGES (KERNEL_STACK_BYTES / PAGE_SIZE)
#define STACK_CACHE 16
#define DEVICE_BASE (KERNEL_DYNAMIC_BASE + STACK_SLOTS * STACK_SLOT_BYTES)

_Static_assert(DEVICE_BASE < KERNEL_DYNAMIC_END, "room for both");

static struct {
	struct spinlock lock;
	uint64_t used[STACK_SLOTS / 64]; /* bit per slot */
	uint32_t hint;                   /* no free slot in a word below */
	uint32_t cached[STACK_CACHE];    /* slots: used and mapped, nobody's */
	uint32_t cached_count;
} stacks = { .lock = SPINLOCK_INIT("kernel stacks") };

static uint64_t stack_base(uint32_t slot)
{
	return KERNEL_DYNAMIC_BASE + slot * STACK_SLOT_BYTES + PAGE_SIZE;
}

/* A slot that was free, now used; STACK_SLOTS: none. */
static uint32_t slot_take(void)
{
	for (uint32_t w = stacks.hint; w < STACK_SLOTS / 64; w++) {
		uint64_t word = stacks.used[w];

		stacks.hint = w;
		if (word != UINT64_MAX) {
			uint32_t bit = (uint32_t)__builtin_ctzll(~word);

			stacks.used[w] = word | 1UL << bit;
			return w * 64 + bit;
		}
	}
	return STACK_SLOTS;
}

static void slot_give(uint32_t slot)
{
	spin_lock(&stacks.lock);
	stacks.used[slot / 64] &= ~(1UL << (slot % 64));
	if (slot / 64 < stacks.hint)
		stacks.hint = slot / 64;
	spin_unlock(&stacks.lock);
}

static void stack_unmap(uint64_t base)
{
	struct vm_page *pages[STACK_PAGES];

	for (unsigned i = 0; i < STACK_PAGES; i++) {
		uint64_t pa = pmap_extract(kernel_pmap, base + i * PAGE_SIZE);

		pages[i] = pa != 0 ? vm_page_of_phys(pa) : NULL;
	}
	pmap_remove(kernel_pmap, base, base + KERNEL_STACK_BYTES);
	for (unsigned i = 0; i < STACK_PAGES; i++)
		if (pages[i] != NULL)
			vm_page_release(pages[i]);
}

static bool stack_map(uint64_t base)
{
	for (unsigned i = 0; i < STACK_PAGES; i++) {
		struct vm_page *page = vm_page_grab();

		if (page == NULL)
			return false;
		vm_page_set_owner(page, 0, PAGE_OWNER_STACK, 0);
		if (pmap_enter_phys(kernel_pmap, base + i * PAGE_SIZE, page->phys, VM_PROT_DEFAULT,
				    PMAP_CACHED) != KERN_SUCCESS) {
			vm_page_release(page);
			return false;
		}
	}
	return true;
}

void *kernel_stack_alloc(uint64_t bytes)
{
	uint32_t slot;
	bool mapped = false;

	VERIFY(bytes == KERNEL_STACK_BYTES);
	spin_lock(&stacks.lock);
	if (stacks.cached_count > 0) {
		slot = stacks.cached[--stacks.cached_count];
		mapped = true;
	} else {
		slot = slot_take();
	}
	spin_unlock(&stacks.lock);
	if (slot == STACK_SLOTS)
		return NULL;
	if (!mapped && !stack_map(stack_base(slot))) {
		stack_unmap(stack_base(slot));
		slot_give(slot);
		return NULL;
	}
	return (void *)stack_base(slot);
}

void kernel_stack_free(void *base, uint64_t bytes)
{
	uint64_t offset = (uint64_t)base - PAGE_SIZE - KERNEL_DYNAMIC_BASE;
	uint32_t slot = (uint32_t)(offset / STACK_SLOT_BYTES);

	VERIFY(bytes == KERNEL_STACK_BYTES && offset % STACK_SLOT_BYTES == 0 && slot < STACK_SLOTS);
	spin_lock(&stacks.lock);
	VERIFY((stacks.used[slot / 64] >> (slot % 64)) & 1);
	if (stacks.cached_count < STACK_CACHE) {
		stacks.cached[stacks.cached_count++] = slot;
		slot = STACK_SLOTS;
	}
	spin_unlock(&stacks.lock);
	if (slot == STACK_SLOTS)
		return;
	stack_unmap(stack_base(slot));
	slot_give(slot);
}

void *pmap_map_device(uint64_t pa, uint64_t bytes)
{
	static struct spinlock device_lock = SPINLOCK_INIT("device map");
	static uint64_t next = DEVICE_BASE;
	uint64_t offset = pa & PAGE_MASK, va;

	bytes = (bytes + offset + PAGE_MASK) & ~PAGE_MASK;
	spin_lock(&device_lock);
	va = next;
	if (bytes > KERNEL_DYNAMIC_END - va) {
		spin_unlock(&device_lock);
		return NULL;
	}
	next += bytes;
	spin_unlock(&device_lock);
	for (uint64_t i = 0; i < bytes; i += PAGE_SIZE)
		if (pmap_enter_phys(kernel_pmap, va + i, pa - offset + i, VM_PROT_DEFAULT,
				    PMAP_UNCACHED) != KERN_SUCCESS)
			return NULL;
	return (void *)(va + offset);
}

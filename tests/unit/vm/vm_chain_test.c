/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: chains of shadows under fork and paging: each collapse and bypass, with every byte right, chains, objects and swap bounded, and
 * nothing left.
 */
#include <host/host.h>
#include <host/test.h>
#include <kern/kalloc.h>
#include <mach/memory_object_types.h>
#include <stdio.h>
#include <stdlib.h>
#include <vm/memory_object.h>
#include <vm/vm_fault.h>
#include <vm/vm_map.h>
#include <vm/vm_object.h>
#include <vm/vm_page.h>
#include <vm/vm_pageout.h>

#include "../../../kernel/vm/vm_object_internal.h"
#include "../../../kernel/vm/vm_pager_port.h"
#include "arena.h"
#include "fake_pager.h"
#include "fake_pmap.h"

#define PAGES 16U
#define SIZE (PAGES * PAGE_SIZE)
#define CHAIN_MAX 8U /* vm_object_collapse.c's */
#define PAGERS 4096U

static struct ipc_port *pagers[PAGERS];
static unsigned pager_count;
static uint64_t free_at_start;

/* The default pager: it has what was given to it. */
static void storing(struct ipc_port *pager, const struct fake_message *m)
{
	if (m->kind == PAGER_REQUEST)
		(void)fake_pager_supply(pager, m->offset, m->length, VM_PROT_NONE, false);
}

static int setup(void **state)
{
	free_at_start = arena_free_pages();
	vm_swap_set_total(100000);
	pager_count = 0;
	return 0;
}

static int nothing_left(void **state)
{
	uint64_t now = arena_free_pages(), used = vm_swap_used();

	if (vm_object_count() != 0)
		pager_count = 0; /* it failed */
	for (unsigned i = 0; i < pager_count; i++) {
		free(pagers[i]->store);
		fake_pager_free(pagers[i]); /* of no object any more */
	}
	if (now == free_at_start && vm_object_count() == 0 && fake_mappings == 0 && used == 0)
		return 0;
	printf("# pages %lu -> %lu, objects %lu, mappings %lu, swap %lu\n", free_at_start, now, vm_object_count(), fake_mappings, used);
	return 1;
}

static void give_pager(struct vm_object *o)
{
	o->paged_out = kalloc_zeroed(vm_object_paged_out_bytes(o->size));
	o->swap = vm_swap_reference();
	o->pager_created = true;
	assert_int_equal(vm_pager_attach_new(o), KERN_SUCCESS);
	o->pager->hear = storing;
	o->pager->store = calloc(4 * PAGES, sizeof(uint64_t));
	assert_true(pager_count < PAGERS);
	pagers[pager_count++] = o->pager;
	vm_pager_enable(o);
}

/* Page out what is resident of o in mask. o is referenced. */
static void page_out(struct vm_object *o, uint32_t mask)
{
	for (uint64_t i = 0; i < PAGES; i++) {
		struct vm_page *p;
		bool stored;

		spin_lock(&o->lock);
		p = vm_object_page_lookup_locked(o, i * PAGE_SIZE);
		if (p == NULL || p->fictitious || (mask >> i & 1) == 0) {
			spin_unlock(&o->lock);
			continue;
		}
		pmap_page_protect(p, VM_PROT_NONE);
		if (!p->dirty && !pmap_is_modified(p)) { /* as the daemon: what is clean is dropped */
			vm_object_page_free_locked(o, p);
			spin_unlock(&o->lock);
			continue;
		}
		stored = vm_object_is_stored(o, p->offset);
		spin_unlock(&o->lock);
		if (o->pager == NULL)
			give_pager(o);
		if (!stored)
			assert_true(vm_swap_take(o->swap, 1));
		spin_lock(&o->lock);
		assert_int_equal(vm_object_page_out(o, p, 1), 1);
	}
}

static struct vm_object *top_of(struct vm_map *map, uint64_t va)
{
	struct vm_map_lookup l;

	assert_int_equal(vm_map_lookup_fault(map, va, VM_PROT_READ, &l), KERN_SUCCESS);
	vm_object_reference(l.object);
	vm_map_unlock_read(map);
	return l.object;
}

/* Page out of each object of the chain what a random mask says, or all. */
static void page_out_chain(struct vm_map *map, uint64_t va, bool all)
{
	struct vm_object *o = top_of(map, va), *next;

	while (o != NULL) {
		page_out(o, all ? UINT32_MAX : (uint32_t)rand());
		next = o->shadow;
		if (next != NULL)
			vm_object_reference(next);
		vm_object_deallocate(o);
		o = next;
	}
}

static unsigned depth_of(struct vm_map *map, uint64_t va)
{
	struct vm_region r;

	assert_int_equal(vm_map_region_extended(map, va, &r), KERN_SUCCESS);
	return r.shadow_depth;
}

static void put(struct vm_map *map, uint64_t va, uint64_t value)
{
	assert_int_equal(user_write(map, va, &value, sizeof(value)), KERN_SUCCESS);
}

static uint64_t get(struct vm_map *map, uint64_t va)
{
	uint64_t value = 0xdeadbeef;

	assert_int_equal(user_read(map, va, &value, sizeof(value)), KERN_SUCCESS);
	return value;
}

static struct vm_map *filled(uint64_t *a)
{
	struct vm_map *map = vm_map_create();

	*a = 0;
	assert_int_equal(vm_map_allocate(map, a, SIZE, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
	for (uint64_t i = 0; i < PAGES; i++)
		put(map, *a + i * PAGE_SIZE, 100 + i);
	return map;
}

static struct vm_map *fork_of(struct vm_map *map)
{
	struct vm_map *child;

	assert_int_equal(vm_map_fork(map, &child), KERN_SUCCESS);
	return child;
}

static void CHAIN0001_a_shadow_takes_over_the_pager_of_what_is_its_alone(void **state)
{
	uint64_t a;
	struct vm_map *map = filled(&a), *child;

	page_out_chain(map, a, true);
	child = fork_of(map);
	put(map, a, 1); /* a shadow, with that page */
	assert_int_equal(depth_of(map, a), 1);
	vm_map_deallocate(child);
	put(map, a + PAGE_SIZE, 2);
	assert_int_equal(depth_of(map, a), 0);
	assert_int_equal(vm_object_count(), 1);
	assert_int_equal(pager_count, 1);
	/* What it had itself is newer than what the pager has: it goes there before it is dropped. */
	page_out_chain(map, a, true);
	assert_int_equal(get(map, a), 1);
	assert_int_equal(get(map, a + PAGE_SIZE), 2);
	for (uint64_t i = 2; i < PAGES; i++)
		assert_int_equal(get(map, a + i * PAGE_SIZE), 100 + i);
	assert_int_equal(vm_swap_used(), PAGES);
	vm_map_deallocate(map);
}

static void CHAIN0002_what_a_shadow_has_stored_hides_what_is_below(void **state)
{
	uint64_t a;
	struct vm_map *map = filled(&a), *child = fork_of(map);

	for (uint64_t i = 0; i < PAGES; i++)
		put(map, a + i * PAGE_SIZE, 200 + i);
	page_out_chain(map, a, true);
	put(map, a, 1); /* all of it is here or stored: what is below is the child's alone */
	assert_int_equal(depth_of(map, a), 0);
	for (uint64_t i = 1; i < PAGES; i++)
		assert_int_equal(get(map, a + i * PAGE_SIZE), 200 + i);
	for (uint64_t i = 0; i < PAGES; i++)
		assert_int_equal(get(child, a + i * PAGE_SIZE), 100 + i);
	vm_map_deallocate(child);
	assert_int_equal(vm_object_count(), 1);
	vm_map_deallocate(map);
}

static void CHAIN0003_a_shadow_whose_pager_has_nothing_to_show_ends(void **state)
{
	uint64_t a;
	struct vm_map *map = filled(&a), *child;

	page_out_chain(map, a, true);
	child = fork_of(map);
	for (uint64_t i = 0; i < PAGES; i++)
		put(map, a + i * PAGE_SIZE, 300 + i);
	page_out_chain(map, a, true); /* both have a pager */
	vm_map_deallocate(child);
	put(map, a, 1);
	assert_int_equal(depth_of(map, a), 0);
	assert_int_equal(vm_object_count(), 1);
	assert_int_equal(vm_swap_used(), PAGES); /* the other's are given back */
	for (uint64_t i = 1; i < PAGES; i++)
		assert_int_equal(get(map, a + i * PAGE_SIZE), 300 + i);
	vm_map_deallocate(map);
}

/* Each level has a pager, and pages that nothing above it has: the chain is pulled short. */
static void CHAIN0004_a_long_chain_of_pagers_is_pulled_short(void **state)
{
	uint64_t a;
	struct vm_map *map = filled(&a), *child[PAGES];
	unsigned longest = 0;

	for (unsigned i = 0; i < PAGES; i++) {
		child[i] = fork_of(map);
		put(map, a + i * PAGE_SIZE, 400 + i);
		page_out_chain(map, a, true);
	}
	assert_int_equal(depth_of(map, a), PAGES); /* the children hold them */
	for (unsigned i = 0; i < PAGES; i++)
		vm_map_deallocate(child[i]);
	put(map, a, 1);
	longest = depth_of(map, a);
	assert_true(longest <= CHAIN_MAX);
	for (uint64_t i = 1; i < PAGES; i++)
		assert_int_equal(get(map, a + i * PAGE_SIZE), 400 + i);
	assert_true(vm_object_count() <= CHAIN_MAX + 1);
	vm_map_deallocate(map);
}

/* 1,000 generations of fork, write and exit, while memory is paged; some children live a while. A model knows what each sees. */
static void CHAIN0005_a_thousand_generations_are_bounded(void **state)
{
	enum { CHILDREN = 3 };
	struct {
		struct vm_map *map;
		uint64_t words[PAGES];
	} child[CHILDREN] = { 0 };
	uint64_t a, words[PAGES], most_objects = 0, most_swap = 0;
	struct vm_map *map = filled(&a);
	unsigned deepest = 0;

	srand(getenv("CHAIN_SEED") != NULL ? (unsigned)atoi(getenv("CHAIN_SEED")) : 4711);
	for (uint64_t i = 0; i < PAGES; i++)
		words[i] = 100 + i;
	for (unsigned generation = 0; generation < 1000; generation++) {
		unsigned c = (unsigned)rand() % CHILDREN;

		if (child[c].map != NULL) { /* it ends, having seen what it should */
			for (uint64_t i = 0; i < PAGES; i++)
				assert_int_equal(get(child[c].map, a + i * PAGE_SIZE), child[c].words[i]);
			vm_map_deallocate(child[c].map);
		}
		child[c].map = fork_of(map);
		for (uint64_t i = 0; i < PAGES; i++)
			child[c].words[i] = words[i];
		for (unsigned n = (unsigned)rand() % 3 + 1; n != 0; n--) {
			uint64_t i = (uint64_t)rand() % PAGES;

			words[i] = generation * 1000u + n;
			put(map, a + i * PAGE_SIZE, words[i]);
			i = (uint64_t)rand() % PAGES;
			child[c].words[i] = generation * 1000u + 500 + n;
			put(child[c].map, a + i * PAGE_SIZE, child[c].words[i]);
		}
		page_out_chain(map, a, rand() % 4 == 0);
		page_out_chain(child[c].map, a, rand() % 4 == 0);
		for (uint64_t i = 0; i < PAGES; i += (uint64_t)rand() % 4 + 1)
			assert_int_equal(get(map, a + i * PAGE_SIZE), words[i]);
		deepest = depth_of(map, a) > deepest ? depth_of(map, a) : deepest;
		most_objects = vm_object_count() > most_objects ? vm_object_count() : most_objects;
		most_swap = vm_swap_used() > most_swap ? vm_swap_used() : most_swap;
		if (generation % 100 == 99) /* all of it, and a pager's log is short */
			for (uint64_t i = 0; i < PAGES; i++)
				assert_int_equal(get(map, a + i * PAGE_SIZE), words[i]);
	}
	printf("# at most %u shadows, %lu objects, %lu pages of swap\n", deepest, most_objects, most_swap);
	assert_true(deepest <= CHAIN_MAX + CHILDREN + 2);
	assert_true(most_objects <= 4 * (CHAIN_MAX + CHILDREN));
	assert_true(most_swap <= 16 * PAGES);
	for (unsigned c = 0; c < CHILDREN; c++)
		if (child[c].map != NULL)
			vm_map_deallocate(child[c].map);
	vm_map_deallocate(map);
}

static void CHAIN0006_every_allocation_may_fail(void **state)
{
	uint64_t timeout = vm_pager_timeout_ns;

	for (unsigned n = 1; n < 400; n++) {
		struct vm_map *map, *child;
		uint64_t a, v = 1;

		alloc_fail_at(0);
		map = filled(&a);
		page_out_chain(map, a, true);
		child = fork_of(map);
		put(map, a, 1);
		put(map, a + 3 * PAGE_SIZE, 2);
		vm_map_deallocate(child);
		vm_pager_timeout_ns = 1000 * 1000; /* a supply that fails is an answer that never comes */
		alloc_fail_at(n);
		(void)user_write(map, a + PAGE_SIZE, &v, 8); /* takes the pager over, or does not */
		alloc_fail_at(0);
		vm_pager_timeout_ns = timeout;
		assert_int_equal(get(map, a), 1);
		assert_int_equal(get(map, a + 3 * PAGE_SIZE), 2);
		for (uint64_t i = 4; i < PAGES; i++)
			assert_int_equal(get(map, a + i * PAGE_SIZE), 100 + i);
		vm_map_deallocate(map);
		if (!alloc_failed()) {
			assert_true(n > 3);
			return;
		}
	}
	assert_true(false);
}

/* A part of a region whose object was copied once, and is nobody else's any more, gives back its pages and swap when it goes. */
static void CHAIN0007_a_part_of_what_was_copied_once_goes_for_good(void **state)
{
	uint64_t a, before, used;
	struct vm_map *map = filled(&a), *child = fork_of(map);

	page_out_chain(map, a, false);
	vm_map_deallocate(child); /* nobody wrote since the fork: the object is `copied` yet */
	(void)get(map, a + 4 * PAGE_SIZE);
	before = arena_free_pages();
	used = vm_swap_used();
	assert_int_equal(vm_map_remove(map, a + 4 * PAGE_SIZE, 4 * PAGE_SIZE), KERN_SUCCESS);
	assert_true(arena_free_pages() > before || vm_swap_used() < used);
	assert_true(arena_free_pages() + (used - vm_swap_used()) >= before + 4 - 1);
	assert_int_equal(get(map, a + 3 * PAGE_SIZE), 103);
	assert_int_equal(get(map, a + 8 * PAGE_SIZE), 108);
	/* but not while a child sees it */
	child = fork_of(map);
	assert_int_equal(vm_map_remove(map, a, PAGE_SIZE), KERN_SUCCESS);
	assert_int_equal(get(child, a), 100);
	/* nor when the same map shows it again elsewhere */
	{
		vm_prot_t current, maximum;
		uint64_t b = 0;

		vm_map_deallocate(child);
		assert_int_equal(vm_map_remap(map, &b, PAGE_SIZE, 0, VM_FLAGS_ANYWHERE, map, a + 10 * PAGE_SIZE, true, &current, &maximum,
					      VM_INHERIT_COPY), KERN_SUCCESS);
		assert_int_equal(vm_map_remove(map, a + 10 * PAGE_SIZE, PAGE_SIZE), KERN_SUCCESS);
		assert_int_equal(get(map, b), 110);
	}
	vm_map_deallocate(map);
}

/* A page of o at offset. */
static void fill(struct vm_object *o, uint64_t offset)
{
	struct vm_page *p = vm_page_grab_zeroed();

	assert_non_null(p);
	spin_lock(&o->lock);
	vm_object_page_insert_locked(o, p, offset);
	spin_unlock(&o->lock);
}

/* From offset on by the steps that the call takes. */
static uint64_t next_filled(struct vm_object *o, uint64_t offset, uint64_t end, unsigned *steps)
{
	for (*steps = 1;; ++*steps) {
		uint64_t next = vm_object_next_filled(o, offset, end);

		assert_true(next >= offset && next <= end);
		if (next == offset || next == end)
			return next;
		offset = next;
	}
}

static void CHAIN0008_what_is_empty_of_a_huge_object_is_passed_over(void **state)
{
	const uint64_t huge = 1UL << 44, far = 1UL << 43;
	struct vm_object *below = vm_object_create(huge), *top = vm_object_shadow(below, 4 * PAGE_SIZE, huge - 4 * PAGE_SIZE);
	struct vm_resolved wait = { .deadline_ns = 0 };
	struct vm_object *copy;
	unsigned steps;

	assert_int_equal(next_filled(top, 0, huge - 4 * PAGE_SIZE, &steps), huge - 4 * PAGE_SIZE);
	assert_true(steps <= 2);
	fill(below, far);
	fill(top, far + 8 * PAGE_SIZE);
	assert_int_equal(next_filled(top, 0, far, &steps), far - 4 * PAGE_SIZE); /* it is shown 4 pages lower */
	assert_true(steps <= 3);
	assert_int_equal(next_filled(top, far, far + SIZE, &steps), far + 8 * PAGE_SIZE);
	assert_int_equal(next_filled(top, far + 9 * PAGE_SIZE, far + SIZE, &steps), far + SIZE);
	/* A copy of it all is not made by looking at four thousand million pages. */
	assert_int_equal(vm_object_copy_slowly(top, 0, huge - 4 * PAGE_SIZE, &copy, &wait), KERN_SUCCESS);
	assert_int_equal(copy->resident, 2);
	vm_object_deallocate(copy);
	vm_object_deallocate(top);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, nothing_left)
	const struct CMUnitTest tests[] = {
		TEST(CHAIN0001_a_shadow_takes_over_the_pager_of_what_is_its_alone),
		TEST(CHAIN0002_what_a_shadow_has_stored_hides_what_is_below),
		TEST(CHAIN0003_a_shadow_whose_pager_has_nothing_to_show_ends),
		TEST(CHAIN0004_a_long_chain_of_pagers_is_pulled_short),
		TEST(CHAIN0005_a_thousand_generations_are_bounded),
		TEST(CHAIN0006_every_allocation_may_fail),
		TEST(CHAIN0007_a_part_of_what_was_copied_once_goes_for_good),
		TEST(CHAIN0008_what_is_empty_of_a_huge_object_is_passed_over),
	};

	arena_init();
	vm_init();
	return cmocka_run_group_tests_name("vm_chain", tests, NULL, NULL);
}

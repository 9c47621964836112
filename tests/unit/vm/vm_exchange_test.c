/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: the page exchange: frames change owner exactly, nothing is copied, nothing older shows through, errors
 * give every page back.
 */
#include <host/host.h>
#include <host/test.h>
#include <kern/kalloc.h>
#include <kern/limits.h>
#include <stdio.h>
#include <string.h>
#include <vm/vm_fault.h>
#include <vm/vm_map.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_map_internal.h>
#include <vm/vm_object.h>
#include <vm/vm_page.h>

#include "arena.h"
#include "fake_pmap.h"

#define PAGES 8UL
#define BYTES (PAGES * PAGE_SIZE)

static uint64_t free_at_start;

static int setup(void **state)
{
	free_at_start = arena_free_pages();
	return 0;
}

static int nothing_left(void **state)
{
	uint64_t now = arena_free_pages();

	if (now == free_at_start && vm_object_count() == 0 && fake_mappings == 0 && fake_pmaps == 0)
		return 0;
	printf("# pages %lu -> %lu, objects %lu, mappings %lu, pmaps %lu\n", free_at_start, now,
	       vm_object_count(), fake_mappings, fake_pmaps);
	arena_print_zones();
	return 1;
}

static uint64_t allocate(struct vm_map *map, uint64_t size)
{
	mach_vm_address_t a = 0;

	assert_int_equal(vm_map_allocate(map, &a, size, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
	return a;
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

/* The frame of va, or NULL; its owner is the object that the entry names. */
static struct vm_page *frame_of(struct vm_map *map, uint64_t va)
{
	struct vm_map_entry *e = vm_map_lookup(map, va);
	struct vm_page *p = NULL;

	assert_non_null(e);
	if (e->object != NULL) {
		spin_lock(&e->object->lock);
		p = vm_object_page_lookup_locked(e->object, e->offset + (va - e->start));
		spin_unlock(&e->object->lock);
	}
	if (p != NULL) {
		assert_ptr_equal(p->object, e->object);
		assert_int_equal(p->offset, e->offset + (va - e->start));
	}
	return p;
}

static void fill(struct vm_map *map, uint64_t a, uint64_t seed)
{
	for (uint64_t i = 0; i < PAGES; i++)
		put(map, a + i * PAGE_SIZE + 8 * i, seed + i);
}

static void assert_filled(struct vm_map *map, uint64_t a, uint64_t seed)
{
	for (uint64_t i = 0; i < PAGES; i++)
		assert_int_equal(get(map, a + i * PAGE_SIZE + 8 * i), seed ? seed + i : 0);
}

static void VMX0001_frames_change_owner_and_the_sender_keeps_zeros(void **state)
{
	struct vm_map *from = vm_map_create(), *to = vm_map_create();
	uint64_t a = allocate(from, BYTES), b = allocate(to, BYTES), free_before;
	struct vm_page *frames[PAGES];
	struct vm_map_copy *copy;

	fill(from, a, 100);
	fill(to, b, 500);
	for (uint64_t i = 0; i < PAGES; i++)
		frames[i] = frame_of(from, a + i * PAGE_SIZE);
	assert_int_equal(vm_map_exchange_in(from, a, BYTES, &copy), KERN_SUCCESS);
	free_before = vm_page_free_count();
	assert_int_equal(vm_map_copy_size(copy), BYTES);
	for (uint64_t i = 0; i < PAGES; i++) {
		assert_null(frame_of(from, a + i * PAGE_SIZE)); /* a frame has one owner */
		assert_non_null(frames[i]->object);
		assert_int_equal(frames[i]->offset, i * PAGE_SIZE);
	}
	assert_int_equal(vm_map_exchange_out(to, b, copy), KERN_SUCCESS);
	assert_int_equal(vm_page_free_count() >= free_before + PAGES, 1); /* the receiver's old frames are free */
	for (uint64_t i = 0; i < PAGES; i++)
		assert_ptr_equal(frame_of(to, b + i * PAGE_SIZE), frames[i]);
	fake_faults = 0;
	assert_filled(to, b, 100);
	assert_int_equal(fake_faults, 0); /* mapped already */
	assert_filled(from, a, 0);
	fill(from, a, 7);
	assert_filled(to, b, 100);
	assert_filled(from, a, 7);
	vm_map_deallocate(from);
	assert_filled(to, b, 100); /* and outlive their first owner */
	vm_map_deallocate(to);
}

static void VMX0002_holes_arrive_as_zeros(void **state)
{
	struct vm_map *from = vm_map_create(), *to = vm_map_create();
	uint64_t a = allocate(from, BYTES), b = allocate(to, BYTES);
	struct vm_map_copy *copy;

	put(from, a + 3 * PAGE_SIZE, 33);
	fill(to, b, 500);
	assert_int_equal(vm_map_exchange_in(from, a, BYTES, &copy), KERN_SUCCESS);
	assert_int_equal(vm_map_exchange_out(to, b, copy), KERN_SUCCESS);
	assert_int_equal(get(to, b + 3 * PAGE_SIZE), 33);
	for (uint64_t i = 0; i < PAGES; i++)
		assert_int_equal(get(to, b + i * PAGE_SIZE + 8 * i + (i == 0 ? 8 : 0)), 0);
	/* nothing at all was ever written */
	assert_int_equal(vm_map_exchange_in(from, a + 4 * PAGE_SIZE, PAGE_SIZE, &copy), KERN_SUCCESS);
	assert_int_equal(vm_map_exchange_out(to, b, copy), KERN_SUCCESS);
	assert_int_equal(get(to, b), 0);
	assert_int_equal(vm_map_exchange_in(from, a, 0, &copy), KERN_SUCCESS);
	assert_null(copy);
	assert_int_equal(vm_map_exchange_out(to, b, NULL), KERN_SUCCESS);
	vm_map_deallocate(from);
	vm_map_deallocate(to);
}

static void VMX0003_nothing_older_shows_through(void **state)
{
	struct vm_map *from = vm_map_create(), *to = vm_map_create(), *child, *child_to;
	uint64_t a = allocate(from, BYTES), b = allocate(to, BYTES);
	struct vm_map_copy *copy;

	fill(from, a, 100);
	fill(to, b, 500);
	assert_int_equal(vm_map_fork(from, &child), KERN_SUCCESS); /* both are shadows now */
	assert_int_equal(vm_map_fork(to, &child_to), KERN_SUCCESS);
	put(from, a, 200);
	assert_int_equal(vm_map_exchange_in(from, a, BYTES, &copy), KERN_SUCCESS);
	assert_filled(child, a, 100); /* the child's memory stays */
	for (uint64_t i = 0; i < PAGES; i++)
		assert_int_equal(get(from, a + i * PAGE_SIZE + 8 * i), 0);
	assert_int_equal(vm_map_exchange_out(to, b, copy), KERN_SUCCESS);
	assert_int_equal(get(to, b), 200);
	assert_int_equal(get(to, b + PAGE_SIZE + 8), 101);
	assert_filled(child_to, b, 500);
	/* holes over a shadowed range */
	uint64_t c = allocate(from, BYTES);
	assert_int_equal(vm_map_exchange_in(from, c, BYTES, &copy), KERN_SUCCESS);
	assert_int_equal(vm_map_exchange_out(child_to, b, copy), KERN_SUCCESS);
	assert_filled(child_to, b, 0);
	assert_int_equal(get(to, b), 200);
	vm_map_deallocate(from);
	vm_map_deallocate(to);
	vm_map_deallocate(child);
	vm_map_deallocate(child_to);
}

static void VMX0004_what_is_not_the_maps_own_is_refused(void **state)
{
	struct vm_map *map = vm_map_create(), *child;
	uint64_t a = allocate(map, BYTES), hole = allocate(map, 3 * PAGE_SIZE), device = 0, shared;
	struct vm_map_copy *copy = (void *)1, *good;

	fill(map, a, 1);
	assert_int_equal(vm_map_exchange_in(map, a + 8, PAGE_SIZE, &copy), KERN_INVALID_ARGUMENT);
	assert_int_equal(vm_map_exchange_in(map, a, PAGE_SIZE - 8, &copy), KERN_INVALID_ARGUMENT);
	assert_int_equal(vm_map_exchange_in(map, UINT64_MAX - 4095, 2 * PAGE_SIZE, &copy), KERN_INVALID_ADDRESS);
	assert_int_equal(vm_map_remove(map, hole + PAGE_SIZE, PAGE_SIZE), KERN_SUCCESS);
	assert_int_equal(vm_map_exchange_in(map, hole, 3 * PAGE_SIZE, &copy), KERN_INVALID_ADDRESS);
	assert_int_equal(fake_device_map(map, &device, PAGE_SIZE, 0xfebc0000,
					     VM_PROT_READ | VM_PROT_WRITE),
			 KERN_SUCCESS);
	assert_int_equal(vm_map_exchange_in(map, device, PAGE_SIZE, &copy), KERN_PROTECTION_FAILURE);
	assert_int_equal(vm_map_wire(map, a, PAGE_SIZE, VM_PROT_READ), KERN_SUCCESS);
	assert_int_equal(vm_map_exchange_in(map, a, BYTES, &copy), KERN_PROTECTION_FAILURE);
	assert_int_equal(vm_map_wire(map, a, PAGE_SIZE, VM_PROT_NONE), KERN_SUCCESS);
	assert_int_equal(vm_map_protect(map, a + PAGE_SIZE, PAGE_SIZE, VM_PROT_READ, false), KERN_SUCCESS);
	assert_int_equal(vm_map_exchange_in(map, a, BYTES, &copy), KERN_PROTECTION_FAILURE);
	assert_int_equal(vm_map_protect(map, a + PAGE_SIZE, PAGE_SIZE, VM_PROT_DEFAULT, false), KERN_SUCCESS);
	shared = allocate(map, PAGE_SIZE);
	put(map, shared, 9);
	assert_int_equal(vm_map_inherit(map, shared, PAGE_SIZE, VM_INHERIT_SHARE), KERN_SUCCESS);
	assert_int_equal(vm_map_fork(map, &child), KERN_SUCCESS);
	assert_int_equal(vm_map_exchange_in(map, shared, PAGE_SIZE, &copy), KERN_PROTECTION_FAILURE);
	assert_null(copy);
	assert_filled(map, a, 1);
	/* nor received there */
	assert_int_equal(vm_map_exchange_in(map, a, PAGE_SIZE, &good), KERN_SUCCESS);
	assert_int_equal(vm_map_exchange_out(map, shared, good), KERN_PROTECTION_FAILURE);
	assert_int_equal(vm_map_exchange_out(map, a + 8, good), KERN_INVALID_ARGUMENT);
	assert_int_equal(vm_map_exchange_out(map, 1UL << 40, good), KERN_INVALID_ADDRESS);
	assert_int_equal(get(child, shared), 9);
	assert_int_equal(vm_map_exchange_out(map, a, good), KERN_SUCCESS);
	assert_filled(map, a, 1);
	vm_map_deallocate(child);
	vm_map_deallocate(map);
}

static void VMX0005_a_copy_that_shares_pages_is_no_exchange(void **state)
{
	struct vm_map *map = vm_map_create();
	uint64_t a = allocate(map, BYTES), b = allocate(map, BYTES);
	struct vm_map_copy *copy;

	fill(map, a, 1);
	assert_int_equal(vm_map_copyin(map, a, BYTES, false, &copy), KERN_SUCCESS); /* copy-on-write */
	assert_int_equal(vm_map_exchange_out(map, b, copy), KERN_NOT_SUPPORTED);
	vm_map_copy_discard(copy);
	assert_int_equal(vm_map_copyin(map, a + 8, PAGE_SIZE, false, &copy), KERN_SUCCESS);
	assert_int_equal(vm_map_exchange_out(map, b, copy), KERN_NOT_SUPPORTED);
	vm_map_copy_discard(copy);
	/* an exchange may also be received as any other memory */
	assert_int_equal(vm_map_exchange_in(map, a, BYTES, &copy), KERN_SUCCESS);
	mach_vm_address_t c = 0;
	assert_int_equal(vm_map_copyout(map, &c, copy), KERN_SUCCESS);
	assert_filled(map, c, 1);
	assert_filled(map, a, 0);
	fill(map, a, 30);
	assert_int_equal(vm_map_exchange_in(map, a, BYTES, &copy), KERN_SUCCESS);
	vm_map_copy_discard(copy); /* or be destroyed */
	assert_filled(map, a, 0);
	vm_map_deallocate(map);
}

static void VMX0006_every_allocation_may_fail(void **state)
{
	for (uint64_t n = 1;; n++) {
		struct vm_map *from = vm_map_create(), *to = vm_map_create(), *child = NULL;
		uint64_t a = allocate(from, BYTES), b = allocate(to, BYTES);
		struct vm_map_copy *copy = NULL;
		kern_return_t in, out = KERN_FAILURE;

		fill(from, a, 100);
		fill(to, b, 500);
		if (n % 2)
			assert_int_equal(vm_map_fork(from, &child), KERN_SUCCESS);
		alloc_fail_at(n);
		in = vm_map_exchange_in(from, a, BYTES, &copy);
		if (in == KERN_SUCCESS)
			out = vm_map_exchange_out(to, b, copy);
		alloc_fail_at(0);
		if (in != KERN_SUCCESS) {
			assert_filled(from, a, 100); /* all is where it was */
			assert_filled(to, b, 500);
		} else if (out != KERN_SUCCESS) {
			vm_map_copy_discard(copy);
		} else {
			assert_filled(to, b, 100);
			assert_filled(from, a, 0);
		}
		if (child) {
			assert_filled(child, a, 100);
			vm_map_deallocate(child);
		}
		vm_map_deallocate(from);
		vm_map_deallocate(to);
		if (!alloc_failed() && n > 4)
			break;
		assert_true(n < 1000);
	}
}

/* Pages go round between maps at random: each is somewhere exactly once, with its bytes. */
static void VMX0007_pages_that_go_round_keep_their_bytes(void **state)
{
	enum { MAPS = 3, SLOTS = 4, ROUNDS = 3000 };
	struct vm_map *maps[MAPS];
	uint64_t base[MAPS], value[MAPS][SLOTS] = { 0 }, next = 1, random = 5;

	for (int m = 0; m < MAPS; m++) {
		maps[m] = vm_map_create();
		base[m] = allocate(maps[m], SLOTS * PAGE_SIZE);
	}
	for (int round = 0; round < ROUNDS; round++) {
		struct vm_map_copy *copy;
		uint64_t r = random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		unsigned m = r >> 60 & 3, t = r >> 56 & 3, s = r >> 50 & 3, d = r >> 46 & 3, n = 1 + (r >> 40 & 1);

		if (m >= MAPS || t >= MAPS || s + n > SLOTS || d + n > SLOTS)
			continue;
		if (r >> 35 & 1) {
			put(maps[m], base[m] + s * PAGE_SIZE, value[m][s] = next++);
			continue;
		}
		assert_int_equal(vm_map_exchange_in(maps[m], base[m] + s * PAGE_SIZE, n * PAGE_SIZE, &copy), KERN_SUCCESS);
		uint64_t moved[2] = { value[m][s], n > 1 ? value[m][s + 1] : 0 };
		for (unsigned i = 0; i < n; i++)
			value[m][s + i] = 0;
		assert_int_equal(vm_map_exchange_out(maps[t], base[t] + d * PAGE_SIZE, copy), KERN_SUCCESS);
		for (unsigned i = 0; i < n; i++)
			value[t][d + i] = moved[i];
		for (unsigned k = 0; k < MAPS; k++)
			for (unsigned i = 0; i < SLOTS; i++)
				assert_int_equal(get(maps[k], base[k] + i * PAGE_SIZE), value[k][i]);
	}
	for (int m = 0; m < MAPS; m++)
		vm_map_deallocate(maps[m]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, nothing_left)
	const struct CMUnitTest tests[] = {
		TEST(VMX0001_frames_change_owner_and_the_sender_keeps_zeros),
		TEST(VMX0002_holes_arrive_as_zeros),
		TEST(VMX0003_nothing_older_shows_through),
		TEST(VMX0004_what_is_not_the_maps_own_is_refused),
		TEST(VMX0005_a_copy_that_shares_pages_is_no_exchange),
		TEST(VMX0006_every_allocation_may_fail),
		TEST(VMX0007_pages_that_go_round_keep_their_bytes),
	};

	arena_init();
	vm_init();
	return cmocka_run_group_tests_name("vm_exchange", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: maps, objects and faults, one behaviour at a time: rights, holes, sharing, copy-on-write, collapse of
 * shadow chains, wiring, copies in transit of odd sizes; nothing is left when all is torn down.
 */
#include <host/host.h>
#include <host/test.h>
#include <kern/kalloc.h>
#include <kern/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vm/vm_fault.h>
#include <vm/vm_map.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_object.h>
#include <vm/vm_page.h>

#include "arena.h"
#include "fake_pmap.h"

#define BASE 0x10000000UL

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

static struct vm_map *new_map(void)
{
	struct vm_map *map = vm_map_create();

	assert_non_null(map);
	return map;
}

static uint64_t allocate(struct vm_map *map, uint64_t at, uint64_t size)
{
	mach_vm_address_t a = at;

	assert_int_equal(vm_map_allocate(map, &a, size, at ? VM_FLAGS_FIXED : VM_FLAGS_ANYWHERE), 0);
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

static void VMAP0001_memory_is_zero_and_rights_hold(void **state)
{
	struct vm_map *map = new_map();
	uint64_t a = allocate(map, 0, 10 * PAGE_SIZE), v = 1;

	for (int i = 0; i < 10; i++)
		assert_int_equal(get(map, a + i * PAGE_SIZE + 8), 0);
	put(map, a, 77);
	assert_int_equal(vm_map_protect(map, a, PAGE_SIZE, VM_PROT_READ, false), KERN_SUCCESS);
	assert_int_equal(user_write(map, a, &v, 8), KERN_PROTECTION_FAILURE);
	assert_int_equal(get(map, a), 77);
	put(map, a + PAGE_SIZE, 78);
	assert_int_equal(vm_map_protect(map, a, PAGE_SIZE, VM_PROT_NONE, false), KERN_SUCCESS);
	assert_int_equal(user_read(map, a, &v, 8), KERN_PROTECTION_FAILURE);
	assert_int_equal(vm_map_protect(map, a, PAGE_SIZE, VM_PROT_READ, true), KERN_SUCCESS);
	assert_int_equal(vm_map_protect(map, a, PAGE_SIZE, VM_PROT_DEFAULT, false), KERN_PROTECTION_FAILURE);
	assert_int_equal(vm_map_protect(map, a, PAGE_SIZE, VM_PROT_READ, false), KERN_SUCCESS);
	assert_int_equal(get(map, a), 77);
	assert_int_equal(vm_map_remove(map, a + 2 * PAGE_SIZE, 1), KERN_SUCCESS);
	assert_int_equal(user_read(map, a + 2 * PAGE_SIZE, &v, 8), KERN_INVALID_ADDRESS);
	assert_int_equal(vm_map_protect(map, a, 4 * PAGE_SIZE, VM_PROT_READ, false), KERN_INVALID_ADDRESS);
	vm_map_deallocate(map);
}

static void VMAP0002_bad_ranges_are_refused(void **state)
{
	struct vm_map *map = new_map();
	mach_vm_address_t a;

	static const struct {
		uint64_t at, size;
		int flags, kr;
	} cases[] = {
		{ 0x20000, 0, 0, KERN_INVALID_ARGUMENT },
		{ 0, PAGE_SIZE, 0, KERN_INVALID_ADDRESS },
		{ UINT64_MAX - 10, 100, 0, KERN_INVALID_ADDRESS },
		{ UINT64_MAX, PAGE_SIZE, VM_FLAGS_ANYWHERE, KERN_SUCCESS },
		{ 0x20000, UINT64_MAX - 4095, 0, KERN_INVALID_ARGUMENT },
		{ 0x20000, UINT64_MAX, VM_FLAGS_ANYWHERE, KERN_INVALID_ARGUMENT },
		{ VM_MAX_ADDRESS - PAGE_SIZE, 2 * PAGE_SIZE, 0, KERN_INVALID_ADDRESS },
		{ VM_MAX_ADDRESS - PAGE_SIZE, PAGE_SIZE, 0, KERN_SUCCESS },
		{ VM_MAX_ADDRESS - PAGE_SIZE, PAGE_SIZE, 0, KERN_NO_SPACE },
		{ 0, VM_MAX_ADDRESS, VM_FLAGS_ANYWHERE, KERN_NO_SPACE },
		{ 0x20000, PAGE_SIZE, 0x80, KERN_INVALID_ARGUMENT },
		{ 0xffff800000000000UL, PAGE_SIZE, 0, KERN_INVALID_ADDRESS },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		a = cases[i].at;
		assert_int_equal(vm_map_allocate(map, &a, cases[i].size, cases[i].flags), cases[i].kr);
	}
	assert_int_equal(vm_map_remove(map, UINT64_MAX, 2), KERN_INVALID_ADDRESS);
	assert_int_equal(vm_map_remove(map, 1UL << 63, 1UL << 63), KERN_INVALID_ADDRESS);
	assert_int_equal(vm_map_remove(map, 5, 0), KERN_SUCCESS);
	assert_int_equal(vm_fault(map, UINT64_MAX, VM_PROT_READ), KERN_INVALID_ADDRESS);
	assert_int_equal(vm_fault(map, 0xffff800000000000UL, VM_PROT_READ), KERN_INVALID_ADDRESS);
	vm_map_deallocate(map);
}

static void VMAP0003_neighbours_grow_into_one_entry(void **state)
{
	struct vm_map *map = new_map();
	struct vm_region r;

	for (int i = 0; i < 50; i++) {
		allocate(map, BASE + i * PAGE_SIZE, PAGE_SIZE);
		put(map, BASE + i * PAGE_SIZE, 100 + i);
	}
	assert_int_equal(map->entry_count, 1);
	assert_int_equal(vm_object_count(), 1);
	assert_int_equal(vm_map_region(map, 0, &r), KERN_SUCCESS);
	assert_int_equal(r.address, BASE);
	assert_int_equal(r.size, 50 * PAGE_SIZE);
	/* What was unmapped and is mapped again is zero, and its frames were given back meanwhile. */
	assert_int_equal(vm_map_remove(map, BASE + 20 * PAGE_SIZE, 30 * PAGE_SIZE), KERN_SUCCESS);
	assert_int_equal(vm_map_region(map, 0, &r), KERN_SUCCESS);
	assert_int_equal(r.object_pages, 20);
	allocate(map, BASE + 20 * PAGE_SIZE, 30 * PAGE_SIZE);
	assert_int_equal(map->entry_count, 1);
	assert_int_equal(get(map, BASE + 19 * PAGE_SIZE), 119);
	assert_int_equal(get(map, BASE + 20 * PAGE_SIZE), 0);
	assert_int_equal(vm_map_remove(map, BASE + 5 * PAGE_SIZE, PAGE_SIZE), KERN_SUCCESS);
	assert_int_equal(map->entry_count, 2);
	assert_int_equal(vm_map_region(map, BASE + 5 * PAGE_SIZE, &r), KERN_SUCCESS);
	assert_int_equal(r.address, BASE + 6 * PAGE_SIZE);
	assert_int_equal(vm_map_protect(map, BASE, 2 * PAGE_SIZE, VM_PROT_READ, false), KERN_SUCCESS);
	assert_int_equal(map->entry_count, 3);
	assert_int_equal(vm_map_protect(map, BASE, 2 * PAGE_SIZE, VM_PROT_DEFAULT, false), KERN_SUCCESS);
	assert_int_equal(map->entry_count, 2);
	vm_map_deallocate(map);
}

static void VMAP0004_ten_thousand_entries(void **state)
{
	enum { COUNT = 10000 };
	struct vm_map *map = new_map();
	uint64_t a;

	for (uint64_t i = 0; i < COUNT; i++)
		allocate(map, BASE + ((i * 7919) % COUNT) * 2 * PAGE_SIZE, PAGE_SIZE);
	assert_int_equal(map->entry_count, COUNT);
	assert_int_equal(map->size, COUNT * PAGE_SIZE);
	for (uint64_t i = 0; i < COUNT; i += 10)
		assert_int_equal(get(map, BASE + i * 2 * PAGE_SIZE), 0);
	/* Holes of one page are passed over for two; the first free page is found for one. */
	map->anywhere = BASE;
	a = allocate(map, 0, 2 * PAGE_SIZE);
	assert_int_equal(a, BASE + (COUNT * 2 - 1) * PAGE_SIZE);
	a = allocate(map, 0, PAGE_SIZE);
	assert_int_equal(a, BASE + PAGE_SIZE);
	assert_int_equal(vm_map_remove(map, BASE, COUNT * 4 * PAGE_SIZE), KERN_SUCCESS);
	assert_int_equal(map->entry_count, 0);
	vm_map_deallocate(map);
}

static void VMAP0005_children_get_what_inheritance_says(void **state)
{
	struct vm_map *map = new_map(), *child, *grandchild;
	uint64_t v;

	allocate(map, BASE, 3 * PAGE_SIZE);
	assert_int_equal(vm_map_inherit(map, BASE, PAGE_SIZE, VM_INHERIT_SHARE), KERN_SUCCESS);
	assert_int_equal(vm_map_inherit(map, BASE + 2 * PAGE_SIZE, PAGE_SIZE, VM_INHERIT_NONE), KERN_SUCCESS);
	put(map, BASE, 1);
	put(map, BASE + PAGE_SIZE, 2);
	assert_int_equal(vm_map_fork(map, &child), KERN_SUCCESS);
	put(map, BASE, 10);
	put(map, BASE + PAGE_SIZE, 20);
	assert_int_equal(get(child, BASE), 10);
	assert_int_equal(get(child, BASE + PAGE_SIZE), 2);
	assert_int_equal(user_read(child, BASE + 2 * PAGE_SIZE, &v, 8), KERN_INVALID_ADDRESS);
	put(child, BASE, 11);
	assert_int_equal(get(map, BASE), 11);
	/* A copy of shared memory is a snapshot, and the sharers go on sharing. */
	assert_int_equal(vm_map_inherit(child, BASE, PAGE_SIZE, VM_INHERIT_COPY), KERN_SUCCESS);
	assert_int_equal(vm_map_fork(child, &grandchild), KERN_SUCCESS);
	put(map, BASE, 12);
	assert_int_equal(get(child, BASE), 12);
	assert_int_equal(get(grandchild, BASE), 11);
	put(grandchild, BASE, 13);
	assert_int_equal(get(child, BASE), 12);
	put(child, BASE, 14);
	assert_int_equal(get(map, BASE), 14);
	vm_map_deallocate(child);
	vm_map_deallocate(map);
	assert_int_equal(get(grandchild, BASE), 13);
	vm_map_deallocate(grandchild);
}

static void VMAP0006_shadow_chains_collapse(void **state)
{
	struct vm_map *map = new_map();

	allocate(map, BASE, 8 * PAGE_SIZE);
	for (int i = 0; i < 8; i++)
		put(map, BASE + i * PAGE_SIZE, i);
	/* A parent that forks and lives on, a child that forks and dies: a thousand generations of each. */
	for (int n = 0; n < 1000; n++) {
		struct vm_map *child;

		assert_int_equal(vm_map_fork(map, &child), KERN_SUCCESS);
		put(map, BASE + (n % 8) * PAGE_SIZE, 1000 + n);
		put(child, BASE + PAGE_SIZE, 5);
		if (n % 2 == 0) {
			vm_map_deallocate(child);
		} else {
			assert_int_equal(get(child, BASE), get(map, BASE));
			vm_map_deallocate(map);
			map = child;
		}
		put(map, BASE + 2 * PAGE_SIZE, n);
		assert_true(vm_object_count() <= 4);
	}
	assert_int_equal(get(map, BASE + 3 * PAGE_SIZE) % 8, 995 % 8);
	put(map, BASE, 1);
	assert_true(ARENA_PAGES - vm_page_free_count() < 400);
	vm_map_deallocate(map);
}

static void VMAP0007_copies_of_shared_memory_do_not_chain(void **state)
{
	struct vm_map *map = new_map(), *child;
	struct vm_map_copy *copy;
	uint64_t a, size = 8 * PAGE_SIZE;

	a = allocate(map, 0, size);
	assert_int_equal(vm_map_inherit(map, a, size, VM_INHERIT_SHARE), KERN_SUCCESS);
	put(map, a, 4);
	assert_int_equal(vm_map_fork(map, &child), KERN_SUCCESS);
	for (uint64_t n = 0; n < 200; n++) {
		uint64_t v;

		if (n % 3 == 0)
			put(n % 2 ? map : child, a + (n % 8) * PAGE_SIZE, n);
		assert_int_equal(vm_map_copyin(map, a, size, false, &copy), KERN_SUCCESS);
		put(child, a + 8, n);
		assert_int_equal(vm_map_copy_to_kernel(copy, 8, &v, 8), KERN_SUCCESS);
		assert_int_equal(v, n == 0 ? 0 : n - 1);
		vm_map_copy_discard(copy);
		assert_true(vm_object_count() <= 3);
		assert_int_equal(get(map, a + 8), n);
	}
	vm_map_deallocate(map);
	vm_map_deallocate(child);
}

static void VMAP0008_copyin_copyout_odd_sizes(void **state)
{
	static const uint64_t sizes[] = { 1,	 7,	4095,  4096,  4097,  8192,   16384,
					  16385, 20000, 40960, 65536, 65537, 1000000 };
	static const uint64_t offsets[] = { 0, 1, 8, 100, 4095 };
	uint8_t *expected = malloc(1100000), *seen = malloc(1100000);
	struct vm_map *from = new_map(), *to = new_map();

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (size_t o = 0; o < 5 * 2; o++) {
			uint64_t size = sizes[s], offset = offsets[o / 2], a, pages;
			bool destroy = o % 2;
			struct vm_map_copy *copy;
			mach_vm_address_t at;

			pages = (offset + size + PAGE_MASK) / PAGE_SIZE;
			a = allocate(from, BASE, pages * PAGE_SIZE);
			memset(expected, 0xcc, pages * PAGE_SIZE); /* the neighbours' bytes */
			for (uint64_t i = 0; i < size; i++)
				expected[offset + i] = (uint8_t)(i * 31 + s);
			assert_int_equal(user_write(from, a, expected, pages * PAGE_SIZE), 0);
			assert_int_equal(vm_map_copyin(from, a + offset, size, destroy, &copy), 0);
			assert_int_equal(vm_map_copy_size(copy), size);
			if (destroy)
				assert_int_equal(from->entry_count, 0);
			else
				assert_int_equal(user_write(from, a, seen, pages * PAGE_SIZE), 0);
			assert_int_equal(vm_map_copy_to_kernel(copy, size / 2, seen, size - size / 2), 0);
			assert_memory_equal(seen, expected + offset + size / 2, size - size / 2);
			assert_int_equal(vm_map_copy_to_kernel(copy, size / 2, seen, size - size / 2 + 1), KERN_INVALID_ARGUMENT);
			assert_int_equal(vm_map_copyout(to, &at, copy), 0);
			assert_int_equal(at & PAGE_MASK, offset);
			assert_int_equal(user_read(to, at - offset, seen, pages * PAGE_SIZE), 0);
			memset(expected, 0, offset);
			memset(expected + offset + size, 0, pages * PAGE_SIZE - offset - size);
			assert_memory_equal(seen, expected, pages * PAGE_SIZE);
			assert_int_equal(user_write(to, at - offset, expected, pages * PAGE_SIZE), 0);
			assert_int_equal(vm_map_remove(to, at, size), 0);
			assert_int_equal(vm_map_remove(from, BASE, pages * PAGE_SIZE), 0);
		}
	vm_map_deallocate(from);
	vm_map_deallocate(to);
	free(expected);
	free(seen);
}

static void VMAP0009_copyin_refuses_what_it_must(void **state)
{
	struct vm_map *map = new_map();
	struct vm_map_copy *copy = (void *)1;
	uint64_t a = allocate(map, 0, 20 * PAGE_SIZE);
	mach_vm_address_t d = 0;

	assert_int_equal(vm_map_copyin(map, a, 0, false, &copy), KERN_SUCCESS);
	assert_null(copy);
	assert_int_equal(vm_map_copyout(map, &d, NULL), KERN_SUCCESS);
	assert_int_equal(d, 0);
	vm_map_copy_discard(NULL);
	assert_int_equal(vm_map_copyin(map, a, 21 * PAGE_SIZE, false, &copy), KERN_INVALID_ADDRESS);
	assert_int_equal(vm_map_copyin(map, a + 19 * PAGE_SIZE, PAGE_SIZE + 1, true, &copy), KERN_INVALID_ADDRESS);
	assert_int_equal(vm_map_copyin(map, UINT64_MAX - 5, 10, false, &copy), KERN_INVALID_ADDRESS);
	assert_int_equal(vm_map_copyin(map, a, 1UL << 63, false, &copy), KERN_INVALID_ADDRESS);
	assert_int_equal(vm_map_protect(map, a + 10 * PAGE_SIZE, PAGE_SIZE, VM_PROT_NONE, false), 0);
	assert_int_equal(vm_map_copyin(map, a, 20 * PAGE_SIZE, true, &copy), KERN_PROTECTION_FAILURE);
	assert_int_equal(vm_map_copyin(map, a + 10 * PAGE_SIZE, 5, true, &copy), KERN_PROTECTION_FAILURE);
	assert_null(copy);
	assert_int_equal(get(map, a), 0); /* nothing was taken */
	assert_int_equal(fake_device_map(map, &d, 8 * PAGE_SIZE, 0xfe000000,
					     VM_PROT_DEFAULT), 0);
	assert_int_equal(vm_map_copyin(map, d, 8 * PAGE_SIZE, false, &copy), KERN_PROTECTION_FAILURE);
	assert_int_not_equal(vm_map_copyin(map, d, 8, false, &copy), KERN_SUCCESS);
	vm_map_deallocate(map);
}

static void VMAP0010_moved_memory_is_not_copied(void **state)
{
	struct vm_map *from = new_map(), *to = new_map();
	struct vm_map_copy *copy;
	mach_vm_address_t at;
	uint64_t a, frames, size = 32 * PAGE_SIZE;

	allocate(from, BASE, size); /* grows into one entry with the next */
	a = allocate(from, BASE + size, size);
	for (uint64_t i = 0; i < 64; i++)
		put(from, BASE + i * PAGE_SIZE, i);
	frames = vm_page_free_count();
	assert_int_equal(vm_map_copyin(from, a, size, true, &copy), KERN_SUCCESS);
	assert_int_equal(vm_map_copyout(to, &at, copy), KERN_SUCCESS);
	for (uint64_t i = 0; i < 32; i++) {
		assert_int_equal(get(to, at + i * PAGE_SIZE), 32 + i);
		put(to, at + i * PAGE_SIZE, i);
	}
	assert_true(frames - vm_page_free_count() < 4);
	assert_int_equal(get(from, BASE + 31 * PAGE_SIZE), 31);
	vm_map_deallocate(to);
	assert_true(vm_page_free_count() >= frames + 30);
	vm_map_deallocate(from);
}

static void VMAP0011_network_copies(void **state)
{
	struct vm_map *map = new_map();
	struct vm_page *pages[3], *wired, *again;
	struct vm_map_copy *copy;
	mach_vm_address_t at;
	uint8_t seen[3 * PAGE_SIZE];

	for (int i = 0; i < 3; i++) {
		pages[i] = vm_page_grab();
		memset(vm_page_virt(pages[i]), 0x11 * (i + 1), PAGE_SIZE);
	}
	copy = vm_map_copy_from_pages(pages, 3, 10, 2 * PAGE_SIZE + 20, false);
	assert_non_null(copy);
	assert_int_equal(vm_map_copy_wire_page(copy, 2 * PAGE_SIZE, &wired), KERN_SUCCESS);
	assert_ptr_equal(wired, pages[2]);
	assert_int_equal(vm_map_copy_wire_page(copy, 2 * PAGE_SIZE + 5, &again), KERN_SUCCESS);
	assert_int_equal(wired->wire_count, 1);
	assert_int_equal(vm_map_copy_wire_page(copy, 2 * PAGE_SIZE + 20, &again), KERN_INVALID_ARGUMENT);
	vm_map_copy_unwire(copy);
	assert_int_equal(wired->wire_count, 0);
	assert_int_equal(vm_map_copyout(map, &at, copy), KERN_SUCCESS);
	assert_int_equal(at & PAGE_MASK, 10);
	assert_int_equal(user_read(map, at - 10, seen, sizeof(seen)), KERN_SUCCESS);
	assert_int_equal(seen[9], 0);
	assert_int_equal(seen[10], 0x11);
	assert_int_equal(seen[2 * PAGE_SIZE + 29], 0x33);
	assert_int_equal(seen[2 * PAGE_SIZE + 30], 0);
	assert_int_equal(fake_mappings, 3);
	/* Never touched memory, wired through a copy of it, is zero; the owner's write does not reach it. */
	at = allocate(map, 0, 100 * PAGE_SIZE);
	assert_int_equal(vm_map_copyin(map, at, 100 * PAGE_SIZE, false, &copy), KERN_SUCCESS);
	assert_int_equal(vm_map_copy_wire_page(copy, 70 * PAGE_SIZE, &wired), KERN_SUCCESS);
	put(map, at + 70 * PAGE_SIZE, 99);
	assert_int_equal(*(uint64_t *)vm_page_virt(wired), 0);
	vm_map_copy_discard(copy);
	put(map, at, 5);
	assert_int_equal(vm_map_copyin(map, at, 100 * PAGE_SIZE, false, &copy), KERN_SUCCESS);
	assert_int_equal(vm_map_copy_wire_page(copy, 0, &wired), KERN_SUCCESS);
	put(map, at, 6);
	vm_map_deallocate(map);
	assert_int_equal(*(uint64_t *)vm_page_virt(wired), 5);
	vm_map_copy_discard(copy);
	copy = vm_map_copy_from_kernel("hello", 6);
	assert_int_equal(vm_map_copy_to_kernel(copy, 0, seen, 6), KERN_SUCCESS);
	assert_string_equal((char *)seen, "hello");
	vm_map_copy_discard(copy);
}

static void VMAP0012_overwrite_and_kernel_access(void **state)
{
	struct vm_map *map = new_map();
	struct vm_map_copy *copy;
	uint64_t a = allocate(map, 0, 40 * PAGE_SIZE), v = 0x1122334455667788;
	char text[] = "across the border of two pages";

	assert_int_equal(vm_map_write_kernel(map, a + PAGE_SIZE - 10, text, sizeof(text)), KERN_SUCCESS);
	memset(text, 0, sizeof(text));
	assert_int_equal(vm_map_read_kernel(map, a + PAGE_SIZE - 10, text, sizeof(text)), KERN_SUCCESS);
	assert_string_equal(text, "across the border of two pages");
	assert_int_equal(vm_map_read_kernel(map, a - 4, text, 8), KERN_INVALID_ADDRESS);
	assert_int_equal(vm_map_read_kernel(map, UINT64_MAX - 4, text, 8), KERN_INVALID_ADDRESS);
	put(map, a + 9 * PAGE_SIZE, v);
	assert_int_equal(vm_map_copyin(map, a + 3, 9 * PAGE_SIZE + 100, false, &copy), KERN_SUCCESS);
	assert_int_equal(vm_map_protect(map, a + 25 * PAGE_SIZE, PAGE_SIZE, VM_PROT_READ, false), 0);
	assert_int_equal(vm_map_write_kernel(map, a + 25 * PAGE_SIZE, &v, 8), KERN_PROTECTION_FAILURE);
	assert_int_equal(vm_map_copy_overwrite(map, a + 20 * PAGE_SIZE, copy), KERN_PROTECTION_FAILURE);
	assert_int_equal(vm_map_copy_overwrite(map, a + 39 * PAGE_SIZE, copy), KERN_INVALID_ADDRESS);
	assert_int_equal(vm_map_copy_overwrite(map, a + 10 * PAGE_SIZE + 3, copy), KERN_SUCCESS);
	assert_int_equal(get(map, a + 19 * PAGE_SIZE), v);
	/* Whole pages change hands, the tail's bytes are copied, what lies after them stays. */
	put(map, a + 39 * PAGE_SIZE + 104, 12);
	assert_int_equal(vm_map_copyin(map, a, 9 * PAGE_SIZE + 100, false, &copy), KERN_SUCCESS);
	assert_int_equal(vm_map_copy_overwrite(map, a + 30 * PAGE_SIZE, copy), KERN_SUCCESS);
	assert_int_equal(vm_map_read_kernel(map, a + 31 * PAGE_SIZE - 10, text, sizeof(text)), KERN_SUCCESS);
	assert_string_equal(text, "across the border of two pages");
	assert_int_equal(get(map, a + 39 * PAGE_SIZE + 104), 12);
	assert_int_equal(get(map, a + 39 * PAGE_SIZE), v);
	vm_map_deallocate(map);
}

static void VMAP0013_wired_memory_stays(void **state)
{
	struct vm_map *map = new_map(), *child;
	uint64_t a = allocate(map, 0, 8 * PAGE_SIZE), faults;

	put(map, a + PAGE_SIZE, 3);
	assert_int_equal(vm_map_fork(map, &child), KERN_SUCCESS); /* wiring unshares what it wires */
	assert_int_equal(vm_map_wire(map, a, 4 * PAGE_SIZE, VM_PROT_DEFAULT), KERN_SUCCESS);
	assert_int_equal(vm_map_wire(map, a + PAGE_SIZE, PAGE_SIZE, VM_PROT_READ), KERN_SUCCESS);
	fake_pmap_forget(vm_map_pmap(map));
	faults = fake_faults;
	for (int i = 0; i < 4; i++)
		put(map, a + i * PAGE_SIZE + 8, i);
	assert_int_equal(fake_faults, faults);
	assert_int_equal(get(child, a + PAGE_SIZE), 3);
	vm_map_deallocate(child);
	/* A child's copy of wired memory is made at once; the parent's stays writable without a fault. */
	assert_int_equal(vm_map_fork(map, &child), KERN_SUCCESS);
	faults = fake_faults;
	put(map, a + PAGE_SIZE, 4);
	assert_int_equal(fake_faults, faults);
	assert_int_equal(get(child, a + PAGE_SIZE), 3);
	assert_int_equal(vm_map_wire(map, a, 4 * PAGE_SIZE, VM_PROT_NONE), KERN_SUCCESS);
	fake_pmap_forget(vm_map_pmap(map));
	put(map, a + PAGE_SIZE, 5);
	assert_int_equal(fake_faults, faults + 1); /* the child's read; none for the page still wired */
	assert_int_equal(vm_map_wire(map, a, 9 * PAGE_SIZE, VM_PROT_READ), KERN_INVALID_ADDRESS);
	vm_map_deallocate(map);
	vm_map_deallocate(child);
}

static void VMAP0014_remap_shares_or_copies(void **state)
{
	struct vm_map *map = new_map(), *other = new_map();
	uint64_t a = allocate(map, 0, 4 * PAGE_SIZE);
	mach_vm_address_t shared = 0, copied = 0, fixed = BASE;
	vm_prot_t cur, max;

	put(map, a, 1);
	assert_int_equal(vm_map_remap(other, &shared, 4 * PAGE_SIZE, 0, VM_FLAGS_ANYWHERE, map, a, false,
				      &cur, &max, VM_INHERIT_COPY), KERN_SUCCESS);
	assert_int_equal(cur, VM_PROT_DEFAULT);
	assert_int_equal(vm_map_remap(other, &copied, 4 * PAGE_SIZE, 0xffff, VM_FLAGS_ANYWHERE, map, a, true,
				      &cur, &max, VM_INHERIT_COPY), KERN_SUCCESS);
	assert_int_equal(copied & 0xffff, 0);
	put(map, a, 2);
	assert_int_equal(get(other, shared), 2);
	assert_int_equal(get(other, copied), 1);
	put(other, shared + PAGE_SIZE, 3);
	assert_int_equal(get(map, a + PAGE_SIZE), 3);
	assert_int_equal(vm_map_remap(map, &fixed, PAGE_SIZE, 0, VM_FLAGS_FIXED, map, a, false, &cur, &max,
				      VM_INHERIT_COPY), KERN_SUCCESS);
	put(map, fixed, 9);
	assert_int_equal(get(map, a), 9);
	assert_int_equal(vm_map_remap(map, &fixed, PAGE_SIZE, 0, VM_FLAGS_FIXED, map, a, false, &cur, &max,
				      VM_INHERIT_COPY), KERN_NO_SPACE);
	assert_int_equal(vm_map_remap(map, &fixed, PAGE_SIZE, 0, VM_FLAGS_OVERWRITE, other, shared + PAGE_SIZE,
				      false, &cur, &max, VM_INHERIT_COPY), KERN_SUCCESS);
	assert_int_equal(get(map, fixed), 3);
	assert_int_equal(vm_map_remap(map, &fixed, 5 * PAGE_SIZE, 0, VM_FLAGS_ANYWHERE, map, a, false, &cur,
				      &max, VM_INHERIT_COPY), KERN_INVALID_ADDRESS);
	vm_map_deallocate(map);
	vm_map_deallocate(other);
}

struct fault_on_busy {
	struct vm_map *map;
	uint64_t va;
	kern_return_t kr;
};

static void fault_thread(void *arg)
{
	struct fault_on_busy *f = arg;

	f->kr = vm_fault(f->map, f->va, VM_PROT_WRITE);
}

static void VMAP0015_a_busy_page_is_waited_for(void **state)
{
	struct vm_map *map = new_map();
	struct fault_on_busy f = { map, allocate(map, 0, PAGE_SIZE), -1 };
	struct vm_object *o;
	struct vm_page *p;
	struct thread *t;

	put(map, f.va, 1);
	o = map->root->object;
	spin_lock(&o->lock);
	p = vm_object_page_lookup_locked(o, 0);
	p->busy = true;
	spin_unlock(&o->lock);
	t = host_thread_start(NULL, fault_thread, &f);
	host_wait_until_blocked(t);
	thread_abort(t);
	host_thread_join(t);
	assert_int_equal(f.kr, KERN_ABORTED);
	t = host_thread_start(NULL, fault_thread, &f);
	host_wait_until_blocked(t);
	/* The map is not locked while the fault waits. */
	assert_int_equal(vm_map_check(map, f.va, PAGE_SIZE, VM_PROT_WRITE), KERN_SUCCESS);
	spin_lock(&o->lock);
	vm_object_page_done_locked(o, p);
	spin_unlock(&o->lock);
	host_thread_join(t);
	assert_int_equal(f.kr, KERN_SUCCESS);
	vm_map_deallocate(map);
}

/* Much of what there is, in one run; every call may fail for want of memory. */
static void scenario(void)
{
	struct vm_map *map = vm_map_create(), *child = NULL;
	mach_vm_address_t a = BASE, b = 0, c = 0;
	struct vm_map_copy *copy = NULL;
	struct vm_page *page;
	uint64_t v = 5;
	vm_prot_t cur, max;

	if (map == NULL)
		return;
	vm_map_allocate(map, &a, 40 * PAGE_SIZE, VM_FLAGS_FIXED);
	for (int i = 0; i < 40; i += 3)
		user_write(map, BASE + i * PAGE_SIZE, &v, 8);
	vm_map_protect(map, BASE + 7 * PAGE_SIZE, PAGE_SIZE, VM_PROT_READ, false);
	vm_map_inherit(map, BASE + 20 * PAGE_SIZE, 2 * PAGE_SIZE, VM_INHERIT_SHARE);
	vm_map_wire(map, BASE + 30 * PAGE_SIZE, 3 * PAGE_SIZE, VM_PROT_READ);
	if (vm_map_fork(map, &child) == KERN_SUCCESS) {
		for (int i = 0; i < 40; i += 2) {
			user_write(map, BASE + i * PAGE_SIZE, &v, 8);
			user_write(child, BASE + (i + 1) * PAGE_SIZE, &v, 8);
		}
		if (vm_map_copyin(child, BASE + 5, 30 * PAGE_SIZE, false, &copy) == KERN_SUCCESS) {
			vm_map_copy_wire_page(copy, 0, &page);
			vm_map_copy_wire_page(copy, 20 * PAGE_SIZE, &page);
			if (vm_map_copyout(map, &b, copy) != KERN_SUCCESS)
				vm_map_copy_discard(copy);
		}
		if (vm_map_copyin(child, BASE, 33 * PAGE_SIZE, true, &copy) == KERN_SUCCESS)
			if (vm_map_copy_overwrite(map, BASE + 8, copy) != KERN_SUCCESS)
				vm_map_copy_discard(copy);
		vm_map_remap(child, &c, 10 * PAGE_SIZE, 0, VM_FLAGS_ANYWHERE, map, BASE + 15 * PAGE_SIZE,
			     true, &cur, &max, VM_INHERIT_COPY);
		vm_map_deallocate(child);
	}
	copy = vm_map_copy_from_kernel(&v, sizeof(v));
	vm_map_copy_discard(copy);
	vm_map_remove(map, BASE + 9 * PAGE_SIZE, PAGE_SIZE);
	user_read(map, BASE, &v, 8);
	vm_map_deallocate(map);
}

static void VMAP0016_every_allocation_may_fail(void **state)
{
	uint64_t before = arena_free_pages(), n;

	alloc_failed();
	for (n = 1;; n++) {
		alloc_fail_at(n);
		scenario();
		assert_int_equal(vm_object_count(), 0);
		assert_int_equal(fake_mappings, 0);
		assert_int_equal(fake_pmaps, 0);
		assert_int_equal(arena_free_pages(), before);
		if (!alloc_failed())
			break;
	}
	alloc_fail_at(0);
	assert_true(n > 100);
}

static void VMAP0017_a_hog_leaves_the_kernel_its_reserve(void **state)
{
	struct vm_map *map = new_map();
	uint64_t a = allocate(map, 0, 1UL << 40), n = 0, v = 1;
	struct vm_map_copy *copy;
	kern_return_t kr;

	while ((kr = user_write(map, a + n * PAGE_SIZE, &v, 8)) == KERN_SUCCESS)
		n++;
	assert_int_equal(kr, KERN_RESOURCE_SHORTAGE);
	assert_true(vm_page_free_count() >= RESERVED_PAGES - 10);
	assert_int_equal(vm_map_copyin(map, a, 8, false, &copy), KERN_RESOURCE_SHORTAGE);
	assert_int_equal(vm_map_wire(map, a, 1UL << 30, VM_PROT_READ), KERN_RESOURCE_SHORTAGE);
	copy = vm_map_copy_from_kernel(&v, sizeof(v));
	assert_non_null(copy);
	vm_map_copy_discard(copy);
	assert_int_equal(vm_map_remove(map, a, 64 * PAGE_SIZE), KERN_SUCCESS);
	put(map, a + n * PAGE_SIZE, 3);
	vm_map_deallocate(map);
}

static uint64_t queued_pages(void)
{
	return vm_page_queue_count(PAGE_QUEUE_ACTIVE) + vm_page_queue_count(PAGE_QUEUE_INACTIVE);
}

/* A copy of two frames, as a device answers a read of the default pager. */
static struct vm_map_copy *two_pinned(void)
{
	struct vm_page *pages[2];

	for (int i = 0; i < 2; i++) {
		pages[i] = vm_page_grab();
		memset(vm_page_virt(pages[i]), 0x21 + i, PAGE_SIZE);
	}
	return vm_map_copy_from_pages(pages, 2, 0, 2 * PAGE_SIZE, true);
}

/*
 * What is on its way from or to a thread that frees memory is never on a queue of the pageout daemon, so that the default pager never waits for
 * itself; with another receiver it is memory like any other.
 */
static void VMAP0018_data_of_the_default_pager_is_not_paged_out(void **state)
{
	struct vm_map *map = new_map();
	uint64_t before = queued_pages();
	struct vm_map_copy *copy = two_pinned();
	mach_vm_address_t at, own;
	struct vm_page *page;
	uint8_t byte;

	assert_int_equal(queued_pages(), before);
	current_thread()->vm_privilege = true;
	assert_int_equal(vm_map_copyout(map, &at, copy), KERN_SUCCESS);
	assert_int_equal(user_read(map, at + PAGE_SIZE, &byte, 1), KERN_SUCCESS);
	assert_int_equal(byte, 0x22);
	put(map, at + 8, 5);
	assert_int_equal(queued_pages(), before);
	/* Given away it is moved, or copied if it is little; a page that a pager's object takes from it is on the queue. */
	assert_int_equal(vm_map_copyin(map, at, 2 * PAGE_SIZE, true, &copy), KERN_SUCCESS);
	assert_int_equal(queued_pages(), before);
	assert_int_equal(vm_map_copy_take_page(copy, 0, &page), KERN_SUCCESS);
	assert_int_equal(((uint64_t *)vm_page_virt(page))[1], 5);
	vm_page_release(page);
	vm_map_copy_discard(copy);
	/* Its own memory is as anyone's; a copy of it on its way is not. */
	own = allocate(map, 0, 2 * PAGE_SIZE);
	put(map, own, 7);
	assert_int_equal(queued_pages(), before + 1);
	assert_int_equal(vm_map_copyin(map, own, 2 * PAGE_SIZE, false, &copy), KERN_SUCCESS);
	assert_int_equal(queued_pages(), before + 1);
	vm_map_copy_discard(copy);
	/* Another receiver. */
	current_thread()->vm_privilege = false;
	before = queued_pages();
	assert_int_equal(vm_map_copyout(map, &at, two_pinned()), KERN_SUCCESS);
	assert_int_equal(queued_pages(), before + 2);
	vm_map_deallocate(map);
	assert_int_equal(queued_pages(), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, nothing_left)
	const struct CMUnitTest tests[] = {
		TEST(VMAP0001_memory_is_zero_and_rights_hold),
		TEST(VMAP0002_bad_ranges_are_refused),
		TEST(VMAP0003_neighbours_grow_into_one_entry),
		TEST(VMAP0004_ten_thousand_entries),
		TEST(VMAP0005_children_get_what_inheritance_says),
		TEST(VMAP0006_shadow_chains_collapse),
		TEST(VMAP0007_copies_of_shared_memory_do_not_chain),
		TEST(VMAP0008_copyin_copyout_odd_sizes),
		TEST(VMAP0009_copyin_refuses_what_it_must),
		TEST(VMAP0010_moved_memory_is_not_copied),
		TEST(VMAP0011_network_copies),
		TEST(VMAP0012_overwrite_and_kernel_access),
		TEST(VMAP0013_wired_memory_stays),
		TEST(VMAP0014_remap_shares_or_copies),
		TEST(VMAP0015_a_busy_page_is_waited_for),
		TEST(VMAP0016_every_allocation_may_fail),
		TEST(VMAP0018_data_of_the_default_pager_is_not_paged_out),
		TEST(VMAP0017_a_hog_leaves_the_kernel_its_reserve),
	};

	arena_init();
	vm_init();
	return cmocka_run_group_tests_name("vm_map", tests, NULL, NULL);
}

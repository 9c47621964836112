/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: several threads at one address space: faults, forks, copies, removals, collapses at the same time. Also
 * built under ThreadSanitizer, as vm_smp_tsan.
 *
 * Each thread owns 64 bytes of every page and checks them through every map it sees the page in.
 */
#include <host/host.h>
#include <host/test.h>
#include <stdatomic.h>
#include <vm/vm_map.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_object.h>

#include "arena.h"
#include "fake_pmap.h"

#define THREADS 4U
#define ROUNDS 1000U
#define PAGES 12U
#define SHARED 0x10000000UL
#define PRIVATE 0x20000000UL

struct worker {
	struct vm_map *map;
	uint32_t id, seed;
	uint64_t shared[PAGES], private[PAGES]; /* what its slots hold */
	uint64_t next;
};

/* cmocka's asserts are for its own thread. */
#define CHECK(cond) VERIFY(cond)

static uint32_t rnd(struct worker *w, uint32_t n)
{
	w->seed = w->seed * 1664525 + 1013904223;
	return (w->seed >> 10) % n;
}

static uint64_t slot(const struct worker *w, uint64_t base, uint32_t page)
{
	return base + page * PAGE_SIZE + w->id * 64;
}

static void write_some(struct worker *w, struct vm_map *map, uint64_t base, uint64_t *values)
{
	for (int n = 0; n < 4; n++) {
		uint32_t page = rnd(w, PAGES);
		uint64_t v = ++w->next << 8 | w->id;

		CHECK(user_write(map, slot(w, base, page), &v, 8) == KERN_SUCCESS);
		values[page] = v;
	}
}

static void check(struct worker *w, struct vm_map *map, uint64_t base, const uint64_t *values)
{
	for (uint32_t page = 0; page < PAGES; page++) {
		uint64_t v = 1;

		CHECK(user_read(map, slot(w, base, page), &v, 8) == KERN_SUCCESS);
		CHECK(v == values[page]);
	}
}

static void fork_round(struct worker *w)
{
	uint64_t private[PAGES];
	struct vm_map *child;

	CHECK(vm_map_fork(w->map, &child) == KERN_SUCCESS);
	for (uint32_t i = 0; i < PAGES; i++)
		private[i] = w->private[i];
	write_some(w, w->map, PRIVATE, w->private);
	write_some(w, child, PRIVATE, private);
	write_some(w, child, SHARED, w->shared);
	check(w, w->map, SHARED, w->shared);
	check(w, child, SHARED, w->shared);
	check(w, child, PRIVATE, private);
	check(w, w->map, PRIVATE, w->private);
	vm_map_deallocate(child);
}

static void copy_round(struct worker *w, uint64_t base, uint64_t *values)
{
	uint64_t then[PAGES];
	struct vm_map_copy *copy;
	mach_vm_address_t at;

	CHECK(vm_map_copyin(w->map, base, PAGES * PAGE_SIZE, false, &copy) == KERN_SUCCESS);
	for (uint32_t i = 0; i < PAGES; i++)
		then[i] = values[i];
	write_some(w, w->map, base, values);
	check(w, w->map, base, values);
	CHECK(vm_map_copyout(w->map, &at, copy) == KERN_SUCCESS);
	check(w, w->map, at, then);
	write_some(w, w->map, at, then);
	check(w, w->map, at, then);
	check(w, w->map, base, values);
	if (rnd(w, 2) == 0)
		CHECK(vm_map_protect(w->map, at, PAGE_SIZE * 3, VM_PROT_READ, false) == KERN_SUCCESS);
	CHECK(vm_map_remove(w->map, at, PAGES * PAGE_SIZE) == KERN_SUCCESS);
}

static void work(void *arg)
{
	struct worker *w = arg;

	for (unsigned n = 0; n < ROUNDS; n++) {
		write_some(w, w->map, SHARED, w->shared);
		write_some(w, w->map, PRIVATE, w->private);
		switch (rnd(w, 4)) {
		case 0:
			fork_round(w);
			break;
		case 1:
			copy_round(w, SHARED, w->shared);
			break;
		case 2:
			copy_round(w, PRIVATE, w->private);
			break;
		default:
			fake_pmap_forget(vm_map_pmap(w->map));
			check(w, w->map, SHARED, w->shared);
			check(w, w->map, PRIVATE, w->private);
		}
	}
}

static void VMSM0001_threads_in_one_map(void **state)
{
	uint64_t before = arena_free_pages();
	struct vm_map *map = vm_map_create();
	mach_vm_address_t a = SHARED, b = PRIVATE;
	static struct worker workers[THREADS];
	struct thread *threads[THREADS];

	assert_int_equal(vm_map_allocate(map, &a, PAGES * PAGE_SIZE, 0), KERN_SUCCESS);
	assert_int_equal(vm_map_inherit(map, a, PAGES * PAGE_SIZE, VM_INHERIT_SHARE), KERN_SUCCESS);
	assert_int_equal(vm_map_allocate(map, &b, PAGES * PAGE_SIZE, 0), KERN_SUCCESS);
	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .map = map, .id = i, .seed = 77 + i };
		threads[i] = host_thread_start(NULL, work, &workers[i]);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		host_thread_join(threads[i]);
	vm_map_deallocate(map);
	assert_int_equal(vm_object_count(), 0);
	assert_int_equal(fake_mappings, 0);
	assert_int_equal(fake_pmaps, 0);
	assert_int_equal(arena_free_pages(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(VMSM0001_threads_in_one_map),
	};

	arena_init();
	vm_init();
	return cmocka_run_group_tests_name("vm_smp", tests, NULL, NULL);
}

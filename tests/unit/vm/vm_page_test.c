/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: the frame allocator and the zones: what is handed out never overlaps, buddies merge
 * again, counts return to the start, misuse is caught, memory that runs out says so.
 */
#include <host/test.h>
#include <kern/kalloc.h>
#include <machine/current.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vm/vm_page.h>

#include "arena.h"

static uint64_t at_start;

/* VMPG0001: every frame can be had, is in the arena once, and all merge again. */
static void VMPG0001_frames_all_once(void **state)
{
	uint64_t n = vm_page_free_count(), got = 0;
	struct vm_page *chain = NULL, *p;
	unsigned order;

	assert_true(n > ARENA_PAGES * 9 / 10);
	assert_int_equal(n, vm_page_total_count());
	while ((p = vm_page_grab()) != NULL) {
		assert_int_equal(p->wire_count, 1);
		assert_null(p->object);
		assert_ptr_equal(vm_page_of_phys(p->phys), p);
		memset(vm_page_virt(p), 0x5a, PAGE_SIZE);
		p->hash_next = chain;
		chain = p;
		got++;
	}
	assert_int_equal(got, n);
	assert_int_equal(vm_page_free_count(), 0);
	assert_null(vm_page_grab_zeroed());
	while ((p = chain) != NULL) {
		const uint8_t *b = vm_page_virt(p);

		chain = p->hash_next;
		for (unsigned i = 0; i < PAGE_SIZE; i += 64)
			assert_int_equal(b[i], 0x5a);
		vm_page_release(p);
	}
	assert_int_equal(vm_page_free_count(), n);
	/* If buddies did not merge, no big block would be left. */
	for (order = 0; order <= 10; order++) {
		p = vm_page_grab_contiguous(order);
		assert_non_null(p);
		assert_int_equal(p->phys & ((PAGE_SIZE << order) - 1), 0);
		for (unsigned i = 0; i < 1U << order; i++)
			assert_int_equal(p[i].phys, p->phys + i * PAGE_SIZE);
		vm_page_release_contiguous(p, order);
	}
	assert_null(vm_page_grab_contiguous(11));
	assert_null(vm_page_of_phys(0));
	assert_int_equal(vm_page_free_count(), n);
}

/* VMPG0002: random blocks of all orders never overlap and the count returns to the start. */
static void VMPG0002_blocks_random(void **state)
{
	enum { SLOTS = 200 };
	struct vm_page *held[SLOTS] = { 0 };
	unsigned order[SLOTS] = { 0 };
	uint64_t n = vm_page_free_count();
	uint32_t seed = 12345;

	for (int step = 0; step < 20000; step++) {
		unsigned i;

		seed = seed * 1664525 + 1013904223;
		i = (seed >> 16) % SLOTS;
		if (held[i] != NULL) {
			uint64_t *first = vm_page_virt(held[i]);
			uint64_t *last = first + (PAGE_SIZE << order[i]) / 8 - 1;

			assert_int_equal(*first, i);
			assert_int_equal(*last, i);
			vm_page_release_contiguous(held[i], order[i]);
			held[i] = NULL;
			continue;
		}
		order[i] = (seed >> 8) % 8;
		held[i] = vm_page_grab_contiguous(order[i]);
		if (held[i] == NULL)
			continue;
		for (uint64_t k = 0; k < PAGE_SIZE << order[i]; k += 8)
			((uint64_t *)vm_page_virt(held[i]))[k / 8] = i;
	}
	for (unsigned i = 0; i < SLOTS; i++)
		if (held[i] != NULL)
			vm_page_release_contiguous(held[i], order[i]);
	assert_int_equal(vm_page_free_count(), n);
}

/* VMPG0003: objects of a zone do not overlap, are aligned, and all frames come back. */
static void VMPG0003_zone_objects(void **state)
{
	static const size_t sizes[] = { 1, 16, 40, 88, 200, 512, 1000, 3000, 4096 };
	enum { COUNT = 500 };
	uint8_t *held[COUNT];

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		size_t align = s % 2 ? 64 : 0;
		struct zone *z = zone_create("test", sizes[s], align);
		uint64_t before = arena_free_pages();

		for (int round = 0; round < 3; round++) {
			for (unsigned i = 0; i < COUNT; i++) {
				held[i] = zone_alloc_zeroed(z);
				assert_non_null(held[i]);
				assert_int_equal((uintptr_t)held[i] & (align ? 63 : 15), 0);
				for (size_t k = 0; k < sizes[s]; k++)
					assert_int_equal(held[i][k], 0);
				memset(held[i], (int)(i & 0xff), sizes[s]);
			}
			assert_int_equal(zone_in_use(z), COUNT);
			for (unsigned i = 0; i < COUNT; i++) {
				unsigned j = (i * 7) % COUNT;

				assert_int_equal(held[j][sizes[s] - 1], j & 0xff);
				zone_free(z, held[j]);
			}
			assert_int_equal(zone_in_use(z), 0);
		}
		assert_int_equal(arena_free_pages(), before);
	}
}

/* VMPG0004: sized blocks of every size up to 1 MiB; more is refused. */
static void VMPG0004_kalloc_sizes(void **state)
{
	uint64_t before;

	kfree(kalloc(1), 1);
	before = arena_free_pages();
	for (size_t size = 0; size <= 1 << 20; size = size < 4200 ? size + 7 : size * 2 - 1) {
		uint8_t *a = kalloc_zeroed(size), *b = kalloc(size);

		assert_non_null(a);
		assert_non_null(b);
		memset(b, 0xff, size);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(a[i], 0);
		kfree(a, size);
		kfree(b, size);
	}
	assert_null(kalloc((1 << 20) + 1));
	kfree(NULL, 10);
	assert_int_equal(arena_free_pages(), before);
}

/* VMPG0005: with no frame left an allocation says so, and works again after a free. */
static void VMPG0005_exhaustion(void **state)
{
	uint64_t before = arena_free_pages();
	struct vm_page *chain = NULL, *p;
	struct zone *z = zone_create("test", 2048, 0);
	void *last = NULL, *o;
	unsigned n = 0;

	while ((p = vm_page_grab()) != NULL) {
		p->hash_next = chain;
		chain = p;
	}
	assert_null(zone_alloc(z));
	assert_null(kalloc(100000));
	for (p = chain; p != NULL && n < 64; n++) {
		struct vm_page *next = p->hash_next;

		vm_page_release(p);
		p = chain = next;
	}
	n = 0;
	while ((o = zone_alloc(z)) != NULL) {
		*(void **)o = last;
		last = o;
		n++;
	}
	assert_true(n > 0);
	while (last != NULL) {
		o = *(void **)last;
		zone_free(z, last);
		last = o;
	}
	while ((p = chain) != NULL) {
		chain = p->hash_next;
		vm_page_release(p);
	}
	assert_int_equal(arena_free_pages(), before);
}

static void double_free(void)
{
	struct zone *z = zone_create("test", 40, 0);
	void *p = zone_alloc(z);

	zone_free(z, p);
	zone_free(z, p);
}

static void write_after_free(void)
{
	struct zone *z = zone_create("test", 40, 0);
	char *p = zone_alloc(z);

	zone_free(z, p);
	p[20] = 1;
	zone_alloc(z);
}

static void wrong_zone(void)
{
	zone_free(zone_create("test", 40, 0), zone_alloc(zone_create("test", 48, 0)));
}

static void page_twice(void)
{
	struct vm_page *p = vm_page_grab();

	vm_page_release(p);
	vm_page_release(p);
}

/* VMPG0006: freed twice, written after free, freed into another zone: each is a panic. */
static void VMPG0006_misuse_is_caught(void **state)
{
	void (*const wrongs[])(void) = { double_free, write_after_free, wrong_zone, page_twice };

	for (unsigned i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			close(2); /* the panic's text */
			signal(SIGABRT, SIG_DFL);
			wrongs[i]();
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
	assert_int_equal(arena_free_pages(), at_start);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(VMPG0001_frames_all_once), cmocka_unit_test(VMPG0002_blocks_random),
		cmocka_unit_test(VMPG0003_zone_objects),	   cmocka_unit_test(VMPG0004_kalloc_sizes),
		cmocka_unit_test(VMPG0005_exhaustion),	   cmocka_unit_test(VMPG0006_misuse_is_caught),
	};

	arena_init();
	current_thread()->vm_privilege = true; /* so that the last frames can be had */
	at_start = arena_free_pages();
	return cmocka_run_group_tests_name("vm_page", tests, NULL, NULL);
}

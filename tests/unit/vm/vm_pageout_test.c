/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: the decisions of the pageout daemon: what goes and what stays, how much, where to, when it sleeps and who may wake it, whom it
 * fails when there is no memory to be had; default pagers that hang and die.
 */
#include <host/host.h>
#include <host/test.h>
#include <kern/clock.h>
#include <kern/kalloc.h>
#include <kern/limits.h>
#include <kern/thread.h>
#include <mach/memory_object_types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vm/memory_object.h>
#include <vm/vm_fault.h>
#include <vm/vm_map.h>
#include <vm/vm_object.h>
#include <vm/vm_page.h>
#include <vm/vm_pageout.h>
#include <vm/vm_stat.h>

#include "arena.h"
#include "fake_pager.h"
#include "fake_pmap.h"

#define PAGES 1000U
#define MS 1000000ULL
#define CLUSTER 16U

static uint64_t free_at_start;
static struct ipc_port *pagers[64]; /* that objects were given to */
static unsigned pager_count;
static bool holding;                /* new ones keep what they get */
static struct vm_page *hoarded;     /* frames taken away */

/* ---- what the kernel would have ---- */

uint64_t pmap_resident_count(struct pmap *p)
{
	return 0;
}

struct thread *kernel_thread_start(const char *name, uint32_t priority, void (*fn)(void *), void *arg)
{
	return NULL;
}

static void storing(struct ipc_port *pager, const struct fake_message *m)
{
	if (m->kind == PAGER_REQUEST)
		(void)fake_pager_supply(pager, m->offset, m->length, VM_PROT_NONE, false);
}

static void manager_hears(struct ipc_port *manager, const struct fake_message *m)
{
	if (m->kind != PAGER_CREATE)
		return;
	m->copy->hear = storing;
	m->copy->store = calloc(2 * PAGES, sizeof(uint64_t));
	m->copy->hold = holding;
	assert_true(pager_count < 64);
	pagers[pager_count++] = m->copy;
}

struct ipc_port *vm_default_pager_reference(struct vm_swap **swap)
{
	if (fake_default_manager != NULL)
		*swap = vm_swap_reference();
	return fake_default_manager;
}

struct ipc_port *vm_default_pager_copy(void)
{
	return fake_default_manager;
}

bool vm_default_pager_alive(void)
{
	return fake_default_manager != NULL;
}

void ipc_port_release_send(struct ipc_port *port)
{
}

/* ---- the world ---- */

static void hoard(uint64_t leave)
{
	zone_trim(); /* or a turn does, and somebody has a frame */
	while (vm_page_free_count() > leave) {
		struct vm_page *p = vm_page_grab();

		assert_non_null(p);
		p->hash_next = hoarded;
		hoarded = p;
	}
}

static void give_back(void)
{
	struct vm_page *p;

	while ((p = hoarded) != NULL) {
		hoarded = p->hash_next;
		p->hash_next = NULL;
		vm_page_release(p);
	}
}

static int setup(void **state)
{
	free_at_start = arena_free_pages();
	fake_default_manager = fake_pager_new(manager_hears);
	vm_pager_timeout_ns = 20000 * MS;
	vm_swap_set_total(100000);
	pager_count = 0;
	holding = false;
	return 0;
}

static int nothing_left(void **state)
{
	uint64_t now;

	give_back();
	if (vm_object_count() != 0)
		pager_count = 0; /* it failed */
	for (unsigned i = 0; i < pager_count; i++) {
		free(pagers[i]->store);
		fake_pager_free(pagers[i]);
	}
	if (fake_default_manager != NULL)
		fake_pager_free(fake_default_manager);
	now = arena_free_pages();
	if (now == free_at_start && vm_object_count() == 0 && fake_mappings == 0 && vm_swap_used() == 0 && vm_page_laundry_count() == 0)
		return 0;
	printf("# pages %lu -> %lu, objects %lu, mappings %lu, swap %lu, laundry %lu\n", free_at_start, now, vm_object_count(), fake_mappings,
	       vm_swap_used(), vm_page_laundry_count());
	arena_print_zones();
	return 1;
}

static struct vm_map *written(uint64_t *at, unsigned pages)
{
	struct vm_map *map = vm_map_create();

	*at = 0;
	assert_int_equal(vm_map_allocate(map, at, pages * PAGE_SIZE, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t value = 1000 + i;

		assert_int_equal(user_write(map, *at + i * PAGE_SIZE, &value, sizeof(value)), KERN_SUCCESS);
	}
	return map;
}

static kern_return_t get(struct vm_map *map, uint64_t at, uint64_t page, uint64_t *value)
{
	return user_read(map, at + page * PAGE_SIZE, value, sizeof(*value));
}

static void check(struct vm_map *map, uint64_t at, unsigned pages)
{
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t value = 0;

		assert_int_equal(get(map, at, i, &value), KERN_SUCCESS);
		assert_int_equal(value, 1000 + i);
	}
}

static unsigned initialized(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < pager_count; i++)
		for (unsigned k = 0; k < 2 * PAGES; k++)
			n += pagers[i]->store[k] != 0;
	return n;
}

static struct vm_pageout_patience patience(void)
{
	return (struct vm_pageout_patience){ .since_ns = clock_now_ns(), .done_before = vm_page_laundry_done_count(), .grown = vm_page_growth_count() };
}

/* ---- the cases ---- */

/* PGOUT0001: nothing to do while enough is free; when less is, frames go until the target is reached, and no further. */
static void PGOUT0001_to_the_target(void **state)
{
	struct vm_pageout_patience p = patience();
	enum vm_pageout_deaf deaf;
	uint64_t at;
	struct vm_map *map = written(&at, PAGES);

	assert_int_equal(vm_pageout_turn(&p, &deaf), WAIT_FOREVER);
	assert_int_equal(deaf, VM_PAGEOUT_HEARS);
	assert_int_equal(vm_swap_used(), 0);
	hoard(vm_pageout_levels.target - 100);
	assert_true(vm_pageout_scan());
	assert_true(vm_page_free_count() >= vm_pageout_levels.target && vm_page_free_count() < vm_pageout_levels.target + CLUSTER);
	assert_true(vm_swap_used() >= 90 && vm_swap_used() < 100 + CLUSTER);
	assert_int_equal(initialized(), vm_swap_used());
	give_back();
	check(map, at, PAGES);
	vm_map_deallocate(map);
}

/* PGOUT0002: a third of the pages are inactive; what is used after it came there stays, what is not goes. */
static void PGOUT0002_second_chance(void **state)
{
	uint64_t at, value, before, inactive, active;
	struct vm_map *map = written(&at, PAGES);

	hoard(vm_pageout_levels.target - 1);
	assert_true(vm_pageout_scan()); /* makes the inactive queue */
	active = vm_page_queue_count(PAGE_QUEUE_ACTIVE);
	inactive = vm_page_queue_count(PAGE_QUEUE_INACTIVE);
	assert_true(inactive * 3 <= (active + inactive) + 3 * 32 + 3 && inactive != 0);
	give_back();
	check(map, at, PAGES); /* all are used */
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(get(map, at, PAGES - 1 - i, &value), KERN_SUCCESS);
	before = vm_stat_read(VM_STAT_REACTIVATIONS);
	hoard(vm_pageout_levels.target - 60);
	assert_true(vm_pageout_scan());
	assert_true(vm_stat_read(VM_STAT_REACTIVATIONS) > before); /* they had their second chance */
	give_back();
	check(map, at, PAGES);
	vm_map_deallocate(map);
}

/* PGOUT0003: clean pages of a pager are dropped without a message; it is asked again. */
static void PGOUT0003_clean_pages_are_dropped(void **state)
{
	struct ipc_port *pager = fake_pager_new(fake_pager_good);
	struct vm_map *map = vm_map_create();
	uint64_t at = 0, value, dropped = vm_stat_read(VM_STAT_DROPPED);

	assert_int_equal(vm_map_enter_pager(map, &at, 200 * PAGE_SIZE, 0, VM_FLAGS_ANYWHERE, pager, 0, false, VM_PROT_DEFAULT, VM_PROT_ALL,
					    VM_INHERIT_COPY), KERN_SUCCESS);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(get(map, at, i, &value), KERN_SUCCESS);
	hoard(vm_pageout_levels.target - 50);
	while (vm_page_free_count() < vm_pageout_levels.target)
		assert_true(vm_pageout_scan());
	assert_true(vm_stat_read(VM_STAT_DROPPED) - dropped >= 50);
	assert_int_equal(fake_pager_count(pager, PAGER_RETURN), 0);
	assert_int_equal(vm_swap_used(), 0);
	give_back();
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(get(map, at, i, &value), KERN_SUCCESS);
		assert_int_equal(value, 1000 + i);
	}
	vm_map_deallocate(map);
	fake_pager_free(pager);
}

/* PGOUT0004: without room on a disk pages wait on a queue of their own, and go when there is room. */
static void PGOUT0004_stuck_until_there_is_room(void **state)
{
	uint64_t at;
	struct vm_map *map = written(&at, PAGES);

	vm_swap_set_total(0);
	hoard(vm_pageout_levels.target - 50);
	for (unsigned i = 0; i < 5; i++)
		assert_false(vm_pageout_scan());
	assert_true(vm_page_queue_count(PAGE_QUEUE_STUCK) > PAGES - vm_pageout_levels.keep - CLUSTER);
	assert_true(vm_page_queue_count(PAGE_QUEUE_ACTIVE) + vm_page_queue_count(PAGE_QUEUE_INACTIVE) >= vm_pageout_levels.keep - CLUSTER); /* for page-ins */
	assert_int_equal(vm_swap_used(), 0);
	vm_swap_set_total(20 + CLUSTER);
	while (vm_pageout_scan())
		assert_true(vm_swap_used() <= 20 + CLUSTER);
	assert_true(vm_swap_used() > 20); /* the last few do not fit a cluster */
	vm_swap_set_total(1000);
	(void)vm_pageout_scan();
	assert_true(vm_page_free_count() >= vm_pageout_levels.target);
	give_back();
	check(map, at, PAGES);
	vm_map_deallocate(map);
}

/* ---- who waits ---- */

static __thread uint64_t my_size;

static uint64_t size_of_me(void)
{
	return my_size;
}

struct waiter {
	uint64_t size;
	kern_return_t result;
	_Atomic bool done;
};

static void wait_main(void *arg)
{
	struct waiter *w = arg;

	my_size = w->size;
	w->result = vm_page_wait();
	w->done = true;
}

static void until_waiting(uint32_t n)
{
	while (vm_pageout_waiting() != n)
		usleep(100);
}

/* PGOUT0005: when turn after turn frees nothing, the task that has most of those that wait gets the error; the others wait on. */
static void PGOUT0005_the_largest_fails(void **state)
{
	struct waiter w[3] = { { .size = 10 }, { .size = 30 }, { .size = 20 } };
	struct vm_pageout_patience p = patience();
	uint64_t shortages = vm_stat_read(VM_STAT_SHORTAGES), until;
	enum vm_pageout_deaf deaf;
	struct thread *t[3];
	unsigned turns = 0;

	vm_swap_set_total(0);
	vm_page_wait_size = size_of_me;
	(void)vm_pageout_sleep(clock_now_ns(), VM_PAGEOUT_HEARS); /* the daemon runs */
	hoard(RESERVED_PAGES);
	for (unsigned i = 0; i < 3; i++)
		t[i] = host_thread_start(NULL, wait_main, &w[i]);
	until_waiting(3);
	while (!w[1].done && turns++ < 100) {
		uint64_t now = clock_now_ns();

		until = vm_pageout_turn(&p, &deaf);
		assert_true(until > now && until < now + 1000 * MS);
		assert_int_equal(deaf, VM_PAGEOUT_HEARS_PAGE_INS);
		usleep(1000);
	}
	assert_true(turns >= 5 && turns < 20);
	assert_int_equal(vm_stat_read(VM_STAT_SHORTAGES) - shortages, 1);
	assert_int_equal(w[1].result, KERN_RESOURCE_SHORTAGE);
	assert_false(w[0].done || w[2].done);
	give_back(); /* it ended */
	host_thread_join(t[0]);
	host_thread_join(t[1]);
	host_thread_join(t[2]);
	assert_int_equal(w[0].result, KERN_SUCCESS);
	assert_int_equal(w[2].result, KERN_SUCCESS);
	assert_int_equal(vm_pageout_waiting(), 0);
	vm_page_wait_size = NULL;
}

/* PGOUT0006: as long as memory is handed out, between turns too, nobody fails. */
static void PGOUT0006_growth_is_no_starvation(void **state)
{
	struct waiter w = { .size = 10 };
	struct vm_pageout_patience p = patience();
	uint64_t shortages = vm_stat_read(VM_STAT_SHORTAGES);
	enum vm_pageout_deaf deaf;
	struct thread *t;

	vm_swap_set_total(0);
	(void)vm_pageout_sleep(clock_now_ns(), VM_PAGEOUT_HEARS);
	hoard(RESERVED_PAGES);
	t = host_thread_start(NULL, wait_main, &w);
	until_waiting(1);
	for (unsigned i = 0; i < 40; i++) {
		for (unsigned k = 0; k < 20; k++) { /* freed by somebody, and taken by another */
			struct vm_page *q = hoarded, *got;

			hoarded = q->hash_next;
			q->hash_next = NULL;
			vm_page_release(q);
			got = vm_page_grab_user();
			if (got == NULL)
				got = vm_page_grab(); /* the waiter did not go on yet */
			assert_non_null(got);
			got->hash_next = hoarded;
			hoarded = got;
		}
		(void)vm_pageout_turn(&p, &deaf);
	}
	assert_int_equal(vm_stat_read(VM_STAT_SHORTAGES), shortages);
	give_back();
	host_thread_join(t);
	assert_int_equal(w.result, KERN_SUCCESS);
}

/* PGOUT0007: with pages on their way the daemon waits for the pager, and no more go out than LAUNDRY_MAX; one that hangs is given up after its time. */
static void PGOUT0007_a_default_pager_that_hangs(void **state)
{
	struct vm_pageout_patience p = patience();
	uint64_t at, shortages = vm_stat_read(VM_STAT_SHORTAGES), begun = clock_now_ns();
	struct waiter w = { .size = 10 };
	enum vm_pageout_deaf deaf;
	struct vm_map *map = written(&at, PAGES);
	struct thread *t;

	holding = true;
	vm_pager_timeout_ns = 150 * MS;
	(void)vm_pageout_sleep(clock_now_ns(), VM_PAGEOUT_HEARS);
	hoard(RESERVED_PAGES);
	t = host_thread_start(NULL, wait_main, &w);
	until_waiting(1);
	while (!w.done) {
		(void)vm_pageout_turn(&p, &deaf);
		assert_true(vm_page_laundry_count() <= 256 + CLUSTER);
		usleep(2000);
	}
	assert_true(clock_now_ns() - begun >= 150 * MS);
	assert_true(vm_page_laundry_count() != 0);
	assert_int_equal(w.result, KERN_RESOURCE_SHORTAGE);
	assert_true(vm_stat_read(VM_STAT_SHORTAGES) > shortages);
	host_thread_join(t);
	for (unsigned i = 0; i < pager_count; i++)
		fake_pager_let_go(pagers[i]);
	assert_int_equal(vm_page_laundry_count(), 0);
	give_back();
	check(map, at, PAGES);
	vm_map_deallocate(map);
}

/* PGOUT0008: the default pager dies: what it had is lost, nothing else; the next one gets what the same object has yet. */
static void PGOUT0008_a_default_pager_that_dies(void **state)
{
	uint64_t at, value;
	unsigned lost = 0, mine;
	struct vm_map *map = written(&at, PAGES);

	hoard(vm_pageout_levels.target - 120);
	while (vm_page_free_count() < vm_pageout_levels.target)
		assert_true(vm_pageout_scan());
	mine = (unsigned)vm_swap_used();
	assert_int_equal(pager_count, 1);
	give_back();
	for (unsigned i = 0; i < 32; i++) /* some of them come back, clean */
		assert_int_equal(get(map, at, i, &value), KERN_SUCCESS);
	fake_default_manager->dead = true;
	fake_pager_free(fake_default_manager);
	fake_default_manager = NULL;
	fake_pager_die(pagers[0]);
	assert_int_equal(vm_swap_used(), 0);
	assert_true(vm_swap_renew());
	assert_int_equal(vm_swap_total(), 0);
	for (unsigned i = 0; i < PAGES; i++) {
		kern_return_t kr = get(map, at, i, &value);

		assert_true(kr == KERN_SUCCESS ? value == 1000 + i : kr == KERN_MEMORY_FAILURE && i >= 32);
		lost += kr != KERN_SUCCESS;
	}
	assert_true(lost != 0 && lost < mine);
	/* nobody takes them: they stay, the clean ones too */
	hoard(vm_pageout_levels.target - 120);
	assert_false(vm_pageout_scan());
	fake_default_manager = fake_pager_new(manager_hears);
	vm_swap_set_total(100000);
	while (vm_page_free_count() < vm_pageout_levels.target)
		assert_true(vm_pageout_scan());
	assert_int_equal(pager_count, 2);
	assert_true(vm_swap_used() >= 100);
	give_back();
	for (unsigned i = 0; i < PAGES; i++) {
		kern_return_t kr = get(map, at, i, &value);

		lost -= kr == KERN_MEMORY_FAILURE;
		assert_true(kr == KERN_SUCCESS ? value == 1000 + i : kr == KERN_MEMORY_FAILURE);
	}
	assert_int_equal(lost, 0); /* the same as before */
	vm_map_deallocate(map);
}

/* PGOUT0009: changed pages of another pager are returned; what that does not take is memory of its own after a while, and so is at once what follows. */
static void PGOUT0009_an_external_pager_that_takes_nothing(void **state)
{
	struct ipc_port *pager = fake_pager_new(fake_pager_good);
	struct vm_map *map = vm_map_create();
	uint64_t at = 0, value = 5;
	unsigned before;

	assert_int_equal(vm_map_enter_pager(map, &at, 200 * PAGE_SIZE, 0, VM_FLAGS_ANYWHERE, pager, 0, false, VM_PROT_DEFAULT, VM_PROT_ALL,
					    VM_INHERIT_COPY), KERN_SUCCESS);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(user_write(map, at + i * PAGE_SIZE, &value, sizeof(value)), KERN_SUCCESS);
	pager->hold = true;
	vm_page_laundry_reclaim(1000 * MS, 0); /* the queue is empty now */
	hoard(vm_pageout_levels.target - 60);
	assert_true(vm_pageout_scan());
	before = (unsigned)vm_page_laundry_count();
	assert_true(before >= 50 && fake_pager_count(pager, PAGER_RETURN) >= 50 / CLUSTER);
	vm_page_laundry_reclaim(1000 * MS, 1000 * MS);
	assert_int_equal(vm_page_laundry_count(), before); /* not yet */
	usleep(20000);
	vm_page_laundry_reclaim(10 * MS, 1000 * MS);
	assert_int_equal(vm_page_laundry_count(), 0);
	while (vm_page_free_count() < vm_pageout_levels.target)
		assert_true(vm_pageout_scan());
	assert_int_equal(vm_page_laundry_count(), 0);
	assert_true(vm_swap_used() >= 40); /* the default pager has what the other did not take */
	fake_pager_let_go(pager);
	pager->hold = false;
	assert_int_equal(vm_swap_used(), 0);
	usleep(20000);
	vm_page_laundry_reclaim(0, 0); /* distrust ends */
	give_back();
	vm_map_deallocate(map);
	fake_pager_free(pager);
}

#define CROWD 6
#define CROWD_TURNS 3000
#define CROWD_HOLDS 3000

/* Has the frame for a moment, so that the others wait for it, and is back before they have looked. */
static void crowd_main(void *arg)
{
	struct waiter *w = arg;

	for (unsigned i = 0; i < CROWD_TURNS && w->result == KERN_SUCCESS; i++) {
		struct vm_page *p;

		w->result = vm_page_grab_user_wait(&p);
		if (w->result != KERN_SUCCESS)
			break;
		for (volatile unsigned k = 0; k < CROWD_HOLDS; k++)
			;
		vm_page_release(p);
	}
}

/* PGOUT0010: a frame that was there, and that another thread took, is not memory that is out. */
static void PGOUT0010_a_crowd_for_one_frame(void **state)
{
	struct waiter w[CROWD] = { { 0 } };
	struct thread *t[CROWD];

	(void)vm_pageout_sleep(clock_now_ns(), VM_PAGEOUT_HEARS); /* the daemon runs */
	hoard(RESERVED_PAGES + 1);
	for (unsigned i = 0; i < CROWD; i++)
		t[i] = host_thread_start(NULL, crowd_main, &w[i]);
	for (unsigned i = 0; i < CROWD; i++)
		host_thread_join(t[i]);
	for (unsigned i = 0; i < CROWD; i++)
		assert_int_equal(w[i].result, KERN_SUCCESS);
	assert_int_equal(vm_pageout_waiting(), 0);
	give_back();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, nothing_left)
	const struct CMUnitTest tests[] = {
		TEST(PGOUT0001_to_the_target),
		TEST(PGOUT0002_second_chance),
		TEST(PGOUT0003_clean_pages_are_dropped),
		TEST(PGOUT0004_stuck_until_there_is_room),
		TEST(PGOUT0005_the_largest_fails),
		TEST(PGOUT0006_growth_is_no_starvation),
		TEST(PGOUT0007_a_default_pager_that_hangs),
		TEST(PGOUT0008_a_default_pager_that_dies),
		TEST(PGOUT0009_an_external_pager_that_takes_nothing),
		TEST(PGOUT0010_a_crowd_for_one_frame),
	};

	arena_init();
	vm_init();
	return cmocka_run_group_tests_name("vm_pageout", tests, NULL, NULL);
}

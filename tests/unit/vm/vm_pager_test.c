/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: objects of pagers and the states of their pages: what is asked, what each answer does, who waits for how long, copies, the
 * cache, the end; nothing is left when all is torn down.
 */
#include <host/host.h>
#include <host/test.h>
#include <mach/memory_object_types.h>
#include <mach/vm_sync.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <vm/memory_object.h>
#include <vm/vm_fault.h>
#include <vm/vm_map.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_object.h>
#include <vm/vm_page.h>

#include "arena.h"
#include "fake_pager.h"
#include "fake_pmap.h"

#define PAGES 16U
#define SIZE (PAGES * PAGE_SIZE)
#define MS 1000000ULL

static uint64_t free_at_start;

static int setup(void **state)
{
	free_at_start = arena_free_pages();
	vm_pager_timeout_ns = 20000 * MS;
	return 0;
}

static int nothing_left(void **state)
{
	uint64_t now = arena_free_pages();

	if (now == free_at_start && vm_object_count() == 0 && fake_mappings == 0 && fake_pmaps == 0)
		return 0;
	printf("# pages %lu -> %lu, objects %lu, mappings %lu, pmaps %lu\n", free_at_start, now, vm_object_count(), fake_mappings,
	       fake_pmaps);
	arena_print_zones();
	return 1;
}

static uint64_t map_of(struct vm_map *map, struct ipc_port *pager, bool copy)
{
	uint64_t at = 0;

	assert_int_equal(vm_map_enter_pager(map, &at, SIZE, 0, VM_FLAGS_ANYWHERE, pager, 0, copy, VM_PROT_DEFAULT, VM_PROT_ALL,
					    VM_INHERIT_COPY), KERN_SUCCESS);
	return at;
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

static kern_return_t try(struct vm_map *map, uint64_t va)
{
	uint64_t value;

	return user_read(map, va, &value, sizeof(value));
}

static void VMPA0001_a_page_is_asked_for_once(void **state)
{
	struct ipc_port *pager = fake_pager_new(fake_pager_good);
	struct vm_map *map = vm_map_create(), *other = vm_map_create();
	uint64_t a = map_of(map, pager, false), b = map_of(other, pager, false);

	assert_int_equal(fake_pager_count(pager, PAGER_INIT), 1);
	assert_int_equal(get(map, a + 3 * PAGE_SIZE), 1003);
	assert_int_equal(get(other, b + 3 * PAGE_SIZE), 1003);
	assert_int_equal(fake_pager_count(pager, PAGER_REQUEST), 1);
	put(map, a + 3 * PAGE_SIZE, 7);
	assert_int_equal(get(other, b + 3 * PAGE_SIZE), 7);
	vm_map_deallocate(map);
	assert_int_equal(fake_pager_count(pager, PAGER_TERMINATE), 0);
	vm_map_deallocate(other);
	assert_int_equal(fake_pager_count(pager, PAGER_TERMINATE), 1);
	assert_int_equal(fake_pager_last(pager, PAGER_RETURN)->word, 7);
	assert_int_equal(fake_pager_count(pager, PAGER_RETURN), 1);
	fake_pager_free(pager);
}

/* Answers a request by what its page's number says. */
static void odd_one(struct ipc_port *pager, const struct fake_message *m)
{
	uint64_t page = m->offset >> PAGE_SHIFT;

	if (m->kind != PAGER_REQUEST) {
		fake_pager_good(pager, m);
		return;
	}
	switch (page) {
	case 1:
		assert_int_equal(vm_pager_error(pager->control, m->offset, m->length), KERN_SUCCESS);
		break;
	case 2:
		assert_int_equal(vm_pager_unavailable(pager->control, m->offset, m->length), KERN_SUCCESS);
		break;
	case 3: /* wrong in every way, then right; then again */
		assert_int_equal(fake_pager_supply(pager, m->offset + 8, PAGE_SIZE, 0, false), KERN_INVALID_ARGUMENT);
		assert_int_equal(fake_pager_supply(pager, m->offset, PAGE_SIZE + 8, 0, false), KERN_INVALID_ARGUMENT);
		assert_int_equal(fake_pager_supply(pager, 1UL << 40, PAGE_SIZE, 0, false), KERN_INVALID_ARGUMENT);
		assert_int_equal(fake_pager_supply(pager, m->offset, PAGE_SIZE, 0x70, false), KERN_INVALID_ARGUMENT);
		assert_int_equal(vm_pager_error(pager->control, m->offset + 1, 1), KERN_INVALID_ARGUMENT);
		assert_int_equal(vm_pager_unavailable(pager->control, UINT64_MAX & ~PAGE_MASK, SIZE), KERN_INVALID_ARGUMENT);
		assert_int_equal(fake_pager_supply(pager, m->offset, 2 * PAGE_SIZE, 0, false), KERN_SUCCESS);
		assert_int_equal(fake_pager_supply(pager, m->offset, PAGE_SIZE, 0, false), KERN_MEMORY_PRESENT);
		break;
	case 5:
		break; /* never */
	case 6:
		fake_pager_supply(pager, m->offset, m->length, VM_PROT_WRITE, true);
		break;
	default:
		fake_pager_good(pager, m);
	}
}

static void VMPA0002_each_answer_does_what_it_says(void **state)
{
	struct ipc_port *pager = fake_pager_new(odd_one);
	struct vm_map *map = vm_map_create();
	uint64_t a = map_of(map, pager, false);

	assert_int_equal(try(map, a + PAGE_SIZE), KERN_MEMORY_ERROR);
	assert_int_equal(try(map, a + PAGE_SIZE), KERN_MEMORY_ERROR);
	assert_int_equal(fake_pager_count(pager, PAGER_REQUEST), 2);
	assert_int_equal(get(map, a + 2 * PAGE_SIZE), 0);
	put(map, a + 2 * PAGE_SIZE, 5);
	assert_int_equal(get(map, a + 3 * PAGE_SIZE), 1003);
	assert_int_equal(get(map, a + 4 * PAGE_SIZE), 1004);
	assert_int_equal(fake_pager_count(pager, PAGER_REQUEST), 4);
	vm_map_deallocate(map);
	fake_pager_free(pager);
}

static void VMPA0003_nobody_waits_for_ever(void **state)
{
	struct ipc_port *pager = fake_pager_new(odd_one);
	struct vm_map *map = vm_map_create();
	uint64_t a = map_of(map, pager, false);

	vm_pager_timeout_ns = 20 * MS;
	assert_int_equal(try(map, a + 5 * PAGE_SIZE), KERN_MEMORY_ERROR);
	assert_int_equal(try(map, a + 5 * PAGE_SIZE), KERN_MEMORY_ERROR);
	assert_int_equal(fake_pager_count(pager, PAGER_REQUEST), 2);
	vm_pager_timeout_ns = 20000 * MS;
	assert_int_equal(fake_pager_supply(pager, 5 * PAGE_SIZE, PAGE_SIZE, 0, false), KERN_SUCCESS);
	assert_int_equal(get(map, a + 5 * PAGE_SIZE), 1005);
	vm_map_deallocate(map);
	fake_pager_free(pager);
}

static void VMPA0004_a_locked_page_is_unlocked_or_refused(void **state)
{
	struct ipc_port *pager = fake_pager_new(odd_one);
	struct vm_map *map = vm_map_create();
	uint64_t a = map_of(map, pager, false), v = 1;

	assert_int_equal(get(map, a + 6 * PAGE_SIZE), 1006);
	put(map, a + 6 * PAGE_SIZE, 9);
	assert_int_equal(fake_pager_count(pager, PAGER_UNLOCK), 1);
	assert_int_equal(vm_pager_lock(pager->control, 6 * PAGE_SIZE, PAGE_SIZE, MEMORY_OBJECT_RETURN_NONE, false, VM_PROT_ALL),
			 KERN_SUCCESS);
	pager->hear = NULL; /* silent from now on */
	vm_pager_timeout_ns = 20 * MS;
	assert_int_equal(user_write(map, a + 6 * PAGE_SIZE, &v, 8), KERN_MEMORY_ERROR);
	assert_int_equal(try(map, a + 6 * PAGE_SIZE), KERN_MEMORY_ERROR);
	assert_int_equal(fake_pager_count(pager, PAGER_UNLOCK), 3);
	vm_map_deallocate(map);
	fake_pager_free(pager);
}

static void VMPA0005_clusters_take_what_is_missing(void **state)
{
	struct ipc_port *pager = fake_pager_new(NULL);
	struct vm_map *map = vm_map_create();
	uint64_t a = map_of(map, pager, false);
	const struct fake_message *m;

	fake_pager_ready(pager, MEMORY_OBJECT_COPY_DELAY, 4 * PAGE_SIZE, false);
	pager->hear = fake_pager_good;
	assert_int_equal(fake_pager_supply(pager, 5 * PAGE_SIZE, PAGE_SIZE, 0, false), KERN_SUCCESS);
	assert_int_equal(get(map, a + 7 * PAGE_SIZE), 1007);
	m = fake_pager_last(pager, PAGER_REQUEST);
	assert_int_equal(m->offset, 6 * PAGE_SIZE);
	assert_int_equal(m->length, 2 * PAGE_SIZE);
	assert_int_equal(get(map, a + 4 * PAGE_SIZE), 1004);
	m = fake_pager_last(pager, PAGER_REQUEST);
	assert_int_equal(m->offset, 4 * PAGE_SIZE);
	assert_int_equal(m->length, PAGE_SIZE);
	assert_int_equal(get(map, a + 15 * PAGE_SIZE), 1015);
	m = fake_pager_last(pager, PAGER_REQUEST);
	assert_int_equal(m->offset, 12 * PAGE_SIZE);
	assert_int_equal(m->length, 4 * PAGE_SIZE);
	vm_map_deallocate(map);
	fake_pager_free(pager);
}

static void VMPA0006_pages_come_back_in_runs(void **state)
{
	struct ipc_port *pager = fake_pager_new(fake_pager_good);
	struct vm_map *map = vm_map_create();
	uint64_t a = map_of(map, pager, false);
	const struct fake_message *m;

	for (uint64_t i = 2; i < 6; i++)
		put(map, a + i * PAGE_SIZE, 50 + i);
	put(map, a + 8 * PAGE_SIZE, 58);
	assert_int_equal(vm_pager_lock(pager->control, 0, SIZE, MEMORY_OBJECT_RETURN_DIRTY, false, VM_PROT_NO_CHANGE), KERN_SUCCESS);
	assert_int_equal(fake_pager_count(pager, PAGER_RETURN), 2);
	m = fake_pager_last(pager, PAGER_RETURN);
	assert_true(m->offset == 8 * PAGE_SIZE && m->length == PAGE_SIZE && m->dirty && m->kernel_copy && m->word == 58);
	assert_int_equal(vm_pager_lock(pager->control, 0, SIZE, MEMORY_OBJECT_RETURN_DIRTY, false, VM_PROT_NO_CHANGE), KERN_SUCCESS);
	assert_int_equal(fake_pager_count(pager, PAGER_RETURN), 2);
	put(map, a + 3 * PAGE_SIZE, 60);
	assert_int_equal(vm_pager_lock(pager->control, 0, SIZE, MEMORY_OBJECT_RETURN_ALL, true, VM_PROT_NO_CHANGE), KERN_SUCCESS);
	m = &pager->log[pager->count - 3];
	assert_int_equal(fake_pager_count(pager, PAGER_RETURN), 2 + 4); /* 2 | 3 | 4, 5 | 8 */
	assert_true(!fake_pager_last(pager, PAGER_RETURN)->kernel_copy && m->length == PAGE_SIZE && m->dirty);
	assert_int_equal(get(map, a + 3 * PAGE_SIZE), 1003); /* asked for again */
	assert_int_equal(vm_pager_lock(pager->control, 0, 1, 0, false, 0), KERN_INVALID_ARGUMENT);
	assert_int_equal(vm_pager_lock(pager->control, 0, SIZE, 3, false, 0), KERN_INVALID_ARGUMENT);
	assert_int_equal(vm_pager_lock(pager->control, 0, SIZE, 0, false, 16), KERN_INVALID_ARGUMENT);
	vm_map_deallocate(map);
	fake_pager_free(pager);
}

static void VMPA0007_copies_see_the_past(void **state)
{
	struct ipc_port *pager = fake_pager_new(fake_pager_good);
	struct vm_map *map = vm_map_create(), *child, *grandchild;
	uint64_t a = map_of(map, pager, false), b = map_of(map, pager, true);

	put(map, a, 1);
	assert_int_equal(vm_map_fork(map, &child), KERN_SUCCESS);
	put(map, a, 2);
	put(map, a + PAGE_SIZE, 3);
	assert_int_equal(vm_map_fork(map, &grandchild), KERN_SUCCESS);
	put(map, a, 4);
	put(map, a + 2 * PAGE_SIZE, 5);
	assert_int_equal(get(child, a), 1);
	assert_int_equal(get(child, a + PAGE_SIZE), 1001);
	assert_int_equal(get(child, a + 2 * PAGE_SIZE), 1002);
	assert_int_equal(get(grandchild, a), 2);
	assert_int_equal(get(grandchild, a + PAGE_SIZE), 3);
	assert_int_equal(get(grandchild, a + 2 * PAGE_SIZE), 1002);
	assert_int_equal(get(map, b), 1000); /* a private mapping made before the first write */
	put(map, b + 3 * PAGE_SIZE, 6);
	assert_int_equal(get(map, a + 3 * PAGE_SIZE), 1003);
	put(child, a + 3 * PAGE_SIZE, 7);
	put(child, a, 8);
	assert_int_equal(get(map, a), 4);
	assert_int_equal(get(grandchild, a), 2);
	vm_map_deallocate(child);
	assert_int_equal(get(grandchild, a + 3 * PAGE_SIZE), 1003);
	vm_map_deallocate(map);
	assert_int_equal(fake_pager_count(pager, PAGER_TERMINATE), 0); /* a copy still looks through to it */
	assert_int_equal(get(grandchild, a + 9 * PAGE_SIZE), 1009);
	vm_map_deallocate(grandchild);
	assert_int_equal(fake_pager_count(pager, PAGER_TERMINATE), 1);
	fake_pager_free(pager);
}

static void VMPA0008_a_cached_object_keeps_its_pages(void **state)
{
	struct ipc_port *pager = fake_pager_new(NULL);
	struct vm_map *map = vm_map_create();
	uint64_t a = map_of(map, pager, false);
	struct vm_object *o = pager->control;

	fake_pager_ready(pager, MEMORY_OBJECT_COPY_DELAY, PAGE_SIZE, true);
	pager->hear = fake_pager_good;
	put(map, a, 3);
	vm_map_deallocate(map);
	assert_int_equal(vm_object_cached_count(), 1);
	map = vm_map_create();
	a = map_of(map, pager, false);
	assert_ptr_equal(pager->control, o);
	assert_int_equal(get(map, a), 3);
	assert_int_equal(fake_pager_count(pager, PAGER_REQUEST), 1);
	assert_int_equal(vm_object_cached_count(), 0);
	fake_pager_ready(pager, MEMORY_OBJECT_COPY_DELAY, PAGE_SIZE, false);
	vm_map_deallocate(map);
	assert_int_equal(fake_pager_count(pager, PAGER_TERMINATE), 1);
	fake_pager_free(pager);
}

struct reader {
	struct vm_map *map;
	uint64_t at;
	kern_return_t kr;
};

static void read_thread(void *arg)
{
	struct reader *r = arg;

	r->kr = try(r->map, r->at);
}

static void VMPA0009_death_and_abort_end_a_wait(void **state)
{
	struct ipc_port *pager = fake_pager_new(NULL);
	struct vm_map *map = vm_map_create();
	uint64_t a = map_of(map, pager, false);
	struct reader r[2] = { { map, a, -1 }, { map, a + PAGE_SIZE, -1 } };
	struct thread *t[2];

	t[0] = host_thread_start(NULL, read_thread, &r[0]); /* for the pager to be ready */
	host_wait_until_blocked(t[0]);
	thread_abort(t[0]);
	host_thread_join(t[0]);
	assert_int_equal(r[0].kr, KERN_ABORTED);
	fake_pager_ready(pager, MEMORY_OBJECT_COPY_DELAY, PAGE_SIZE, true);
	for (int i = 0; i < 2; i++) {
		t[i] = host_thread_start(NULL, read_thread, &r[i]);
		host_wait_until_blocked(t[i]);
	}
	thread_abort(t[0]);
	host_thread_join(t[0]);
	assert_int_equal(r[0].kr, KERN_ABORTED);
	fake_pager_die(pager);
	host_thread_join(t[1]);
	assert_int_equal(r[1].kr, KERN_MEMORY_FAILURE);
	assert_int_equal(try(map, a), KERN_MEMORY_FAILURE);
	assert_int_equal(fake_pager_supply(pager, 0, PAGE_SIZE, 0, false), KERN_FAILURE);
	vm_map_deallocate(map);
	assert_int_equal(vm_object_cached_count(), 0);
	fake_pager_free(pager);
}

static void VMPA0010_a_destroyed_object_fails(void **state)
{
	struct ipc_port *pager = fake_pager_new(fake_pager_good);
	struct vm_map *map = vm_map_create();
	uint64_t a = map_of(map, pager, false);

	put(map, a, 3);
	vm_object_destroy(pager->control);
	vm_object_destroy(pager->control);
	assert_int_equal(fake_pager_count(pager, PAGER_DESTROYED), 1);
	assert_int_equal(get(map, a), 3);
	assert_int_equal(try(map, a + PAGE_SIZE), KERN_MEMORY_FAILURE);
	vm_map_deallocate(map);
	assert_int_equal(fake_pager_count(pager, PAGER_RETURN), 0);
	assert_int_equal(fake_pager_count(pager, PAGER_TERMINATE), 0);
	fake_pager_free(pager);
}

static void VMPA0011_sync_writes_and_waits(void **state)
{
	struct ipc_port *pager = fake_pager_new(fake_pager_good);
	struct vm_map *map = vm_map_create();
	uint64_t a = map_of(map, pager, false);

	put(map, a, 3);
	assert_int_equal(vm_object_sync(pager->control, 0, SIZE, VM_SYNC_SYNCHRONOUS, true), KERN_SUCCESS);
	assert_int_equal(fake_pager_count(pager, PAGER_RETURN), 1);
	assert_int_equal(fake_pager_count(pager, PAGER_SYNCHRONIZE), 1);
	assert_int_equal(vm_pager_synchronized(pager->control, 0, SIZE), KERN_INVALID_ARGUMENT);
	pager->hear = NULL;
	vm_pager_timeout_ns = 20 * MS;
	assert_int_equal(vm_object_sync(pager->control, 0, SIZE, VM_SYNC_SYNCHRONOUS, true), KERN_MEMORY_ERROR);
	assert_int_equal(vm_object_sync(pager->control, 0, SIZE, VM_SYNC_ASYNCHRONOUS, true), KERN_SUCCESS);
	vm_map_deallocate(map);
	fake_pager_free(pager);
}

static void VMPA0012_a_page_out_leaves_nothing_behind(void **state)
{
	struct ipc_port *pager = fake_pager_new(fake_pager_good);
	struct vm_map *map = vm_map_create();
	uint64_t a = map_of(map, pager, false);
	struct vm_object *o = pager->control;

	for (uint64_t i = 0; i < 4; i++)
		put(map, a + i * PAGE_SIZE, 70 + i);
	vm_object_reference(o);
	spin_lock(&o->lock);
	assert_int_equal(vm_object_page_out(o, vm_object_page_lookup_locked(o, PAGE_SIZE), 2), 2);
	assert_int_equal(fake_pager_last(pager, PAGER_RETURN)->word, 71);
	assert_int_equal(o->resident, 2);
	assert_int_equal(vm_page_laundry_count(), 0); /* the pager freed them */
	fake_pager_die(pager);
	spin_lock(&o->lock);
	assert_int_equal(vm_object_page_out(o, vm_object_page_lookup_locked(o, 0), 2), 0);
	vm_object_deallocate(o);
	assert_int_equal(get(map, a), 70);
	vm_map_deallocate(map);
	fake_pager_free(pager);
}

static void asked(const struct ipc_port *pager, unsigned requests, uint64_t first, uint64_t pages)
{
	const struct fake_message *m = fake_pager_last(pager, PAGER_REQUEST);

	assert_int_equal(fake_pager_count(pager, PAGER_REQUEST), requests);
	assert_int_equal(m->offset, first * PAGE_SIZE);
	assert_int_equal(m->length, pages * PAGE_SIZE);
}

/* What the user says of a region decides what is asked for along with a page. */
static void VMPA0014_behavior_chooses_the_cluster(void **state)
{
	static const struct {
		vm_behavior_t behavior;
		uint64_t first, pages;
	} cases[] = { { VM_BEHAVIOR_DEFAULT, 4, 4 }, { VM_BEHAVIOR_RANDOM, 6, 1 }, { VM_BEHAVIOR_SEQUENTIAL, 6, 4 }, { VM_BEHAVIOR_RSEQNTL, 3, 4 } };

	for (unsigned i = 0; i < 4; i++) {
		struct ipc_port *pager = fake_pager_new(NULL);
		struct vm_map *map = vm_map_create();
		uint64_t a = map_of(map, pager, false);

		fake_pager_ready(pager, MEMORY_OBJECT_COPY_DELAY, 4 * PAGE_SIZE, false);
		pager->hear = fake_pager_good;
		assert_int_equal(vm_map_set_behavior(map, a, SIZE, cases[i].behavior), KERN_SUCCESS);
		assert_int_equal(get(map, a + 6 * PAGE_SIZE), 1006);
		asked(pager, 1, cases[i].first, cases[i].pages);
		if (cases[i].behavior == VM_BEHAVIOR_SEQUENTIAL) { /* what was used goes first when frames are short */
			uint64_t inactive = vm_page_queue_count(PAGE_QUEUE_INACTIVE);

			assert_int_equal(get(map, a + 10 * PAGE_SIZE), 1010);
			asked(pager, 2, 10, 4);
			assert_int_equal(vm_page_queue_count(PAGE_QUEUE_INACTIVE), inactive + 4);
		} else if (cases[i].behavior == VM_BEHAVIOR_RSEQNTL) {
			uint64_t inactive = vm_page_queue_count(PAGE_QUEUE_INACTIVE);

			assert_int_equal(get(map, a + 2 * PAGE_SIZE), 1002);
			asked(pager, 2, 0, 3);
			assert_int_equal(vm_page_queue_count(PAGE_QUEUE_INACTIVE), inactive + 4);
		}
		vm_map_deallocate(map);
		fake_pager_free(pager);
	}
}

static void VMPA0015_what_will_be_needed_is_asked_for_and_not_waited_for(void **state)
{
	struct ipc_port *pager = fake_pager_new(NULL);
	struct vm_map *map = vm_map_create();
	uint64_t a = map_of(map, pager, false);

	assert_int_equal(vm_map_advise(map, a, SIZE, VM_BEHAVIOR_WILLNEED), KERN_SUCCESS); /* not ready: nothing */
	assert_int_equal(fake_pager_count(pager, PAGER_REQUEST), 0);
	fake_pager_ready(pager, MEMORY_OBJECT_COPY_DELAY, 4 * PAGE_SIZE, false);
	assert_int_equal(vm_map_advise(map, a + 4 * PAGE_SIZE, 8 * PAGE_SIZE, VM_BEHAVIOR_WILLNEED), KERN_SUCCESS); /* nobody answers */
	asked(pager, 2, 8, 4);
	assert_int_equal(vm_map_advise(map, a + 4 * PAGE_SIZE, 8 * PAGE_SIZE, VM_BEHAVIOR_WILLNEED), KERN_SUCCESS);
	asked(pager, 2, 8, 4);
	assert_int_equal(fake_pager_supply(pager, 4 * PAGE_SIZE, 8 * PAGE_SIZE, 0, false), KERN_SUCCESS);
	assert_int_equal(get(map, a + 9 * PAGE_SIZE), 1009);
	assert_int_equal(fake_pager_count(pager, PAGER_REQUEST), 2);
	vm_map_deallocate(map);
	fake_pager_free(pager);
}

static void VMPA0016_read_only_memory_is_wired_without_asking_for_writes(void **state)
{
	struct ipc_port *pager = fake_pager_new(odd_one);
	struct vm_map *map = vm_map_create(), *child;
	uint64_t a = map_of(map, pager, false), at = a + 6 * PAGE_SIZE, v = 1;

	assert_int_equal(vm_map_protect(map, a, SIZE, VM_PROT_READ, false), KERN_SUCCESS);
	assert_int_equal(vm_map_wire(map, at, PAGE_SIZE, VM_PROT_READ), KERN_SUCCESS); /* supplied locked against writes */
	assert_int_equal(fake_pager_last(pager, PAGER_REQUEST)->access, VM_PROT_READ);
	assert_int_equal(fake_pager_count(pager, PAGER_UNLOCK), 0);
	fake_pmap_forget(map->pmap);
	assert_int_equal(get(map, at), 1006);
	assert_int_equal(user_write(map, at, &v, 8), KERN_PROTECTION_FAILURE);
	assert_int_equal(vm_map_wire(map, at, PAGE_SIZE, VM_PROT_NONE), KERN_SUCCESS);
	/* A copy of it is its own memory: the page is brought up, which the pager need not allow. */
	assert_int_equal(vm_map_fork(map, &child), KERN_SUCCESS);
	assert_int_equal(vm_map_wire(child, at, PAGE_SIZE, VM_PROT_READ), KERN_SUCCESS);
	assert_int_equal(fake_pager_count(pager, PAGER_UNLOCK), 0);
	assert_int_equal(get(child, at), 1006);
	vm_map_deallocate(child);
	/* Now it has a copy (the child's is gone, so not any more): wired to be written it is asked for. */
	assert_int_equal(vm_map_protect(map, a, SIZE, VM_PROT_DEFAULT, false), KERN_SUCCESS);
	assert_int_equal(vm_map_wire(map, at, PAGE_SIZE, VM_PROT_READ), KERN_SUCCESS);
	assert_int_equal(fake_pager_count(pager, PAGER_UNLOCK), 1);
	vm_map_deallocate(map);
	fake_pager_free(pager);
}

static void VMPA0017_a_region_tells_the_name_of_its_object(void **state)
{
	struct ipc_port *pager = fake_pager_new(fake_pager_good);
	struct vm_map *map = vm_map_create(), *child;
	uint64_t a = map_of(map, pager, false), plain = 0;
	struct vm_region r;

	assert_int_equal(vm_map_region_named(map, a, false, &r), KERN_SUCCESS);
	assert_ptr_equal(r.object_name, pager);
	assert_false(r.shared); /* one mapping */
	(void)map_of(map, pager, false);
	assert_int_equal(vm_map_region_named(map, a, false, &r), KERN_SUCCESS);
	assert_true(r.shared);
	assert_int_equal(vm_map_fork(map, &child), KERN_SUCCESS);
	put(child, a, 1); /* through a shadow */
	assert_int_equal(vm_map_region_named(child, a, true, &r), KERN_SUCCESS);
	assert_ptr_equal(r.object_name, pager);
	assert_int_equal(vm_map_allocate(map, &plain, PAGE_SIZE, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
	put(map, plain, 1);
	assert_int_equal(vm_map_region_named(map, plain, false, &r), KERN_SUCCESS);
	assert_null(r.object_name);
	vm_map_deallocate(child);
	vm_map_deallocate(map);
	fake_pager_free(pager);
}

/* While a returned page is on its way to the pager another thread wants it: it is asked for after that. */
static struct reader overtaker;
static struct thread *overtaking;
static unsigned early;

static void slow_way(struct ipc_port *pager, const struct fake_message *m)
{
	unsigned before = fake_pager_count(pager, PAGER_REQUEST);

	if (m->kind != PAGER_RETURN || overtaking != NULL) {
		fake_pager_good(pager, m);
		return;
	}
	overtaking = host_thread_start(NULL, read_thread, &overtaker);
	usleep(50000); /* as if the message took so long */
	early += fake_pager_count(pager, PAGER_REQUEST) - before;
}

static void VMPA0030_no_request_overtakes_a_return(void **state)
{
	for (int by_lock = 0; by_lock < 2; by_lock++) {
		struct ipc_port *pager = fake_pager_new(slow_way);
		struct vm_map *map = vm_map_create();
		uint64_t a = map_of(map, pager, false);
		struct vm_object *o = pager->control;
		unsigned asked;

		overtaking = NULL;
		early = 0;
		overtaker = (struct reader){ .map = map, .at = a };
		put(map, a, 70);
		asked = fake_pager_count(pager, PAGER_REQUEST);
		if (by_lock) {
			assert_int_equal(vm_pager_lock(o, 0, PAGE_SIZE, MEMORY_OBJECT_RETURN_DIRTY, true, VM_PROT_NO_CHANGE), KERN_SUCCESS);
		} else {
			vm_object_reference(o);
			spin_lock(&o->lock);
			assert_int_equal(vm_object_page_out(o, vm_object_page_lookup_locked(o, 0), 1), 1);
			vm_object_deallocate(o);
		}
		host_thread_join(overtaking);
		assert_int_equal(early, 0);
		assert_int_equal(overtaker.kr, KERN_SUCCESS);
		assert_int_equal(fake_pager_count(pager, PAGER_REQUEST), asked + 1);
		vm_map_deallocate(map);
		fake_pager_free(pager);
	}
}

/* Everything at once, with every allocation failing in turn; what fails, fails with an error, and nothing is lost. */
static void scenario(void)
{
	struct ipc_port *pager = fake_pager_new(fake_pager_good);
	struct vm_map *map = vm_map_create(), *child = NULL;
	struct vm_map_copy *copy = NULL;
	uint64_t a = 0, v = 1;

	if (map == NULL) {
		fake_pager_free(pager);
		return;
	}
	vm_pager_timeout_ns = MS;
	if (vm_map_enter_pager(map, &a, SIZE, 0, VM_FLAGS_ANYWHERE, pager, 0, false, VM_PROT_DEFAULT, VM_PROT_ALL,
			       VM_INHERIT_COPY) == KERN_SUCCESS) {
		for (uint64_t i = 0; i < 3; i++)
			(void)user_write(map, a + i * PAGE_SIZE, &v, 8);
		if (vm_map_fork(map, &child) == KERN_SUCCESS) {
			(void)user_write(map, a, &v, 8);
			(void)user_read(child, a, &v, 8);
			(void)user_write(child, a + PAGE_SIZE, &v, 8);
		}
		if (vm_map_copyin(map, a, 8 * PAGE_SIZE, false, &copy) == KERN_SUCCESS) {
			(void)user_write(map, a + 2 * PAGE_SIZE, &v, 8);
			vm_map_copy_discard(copy);
		}
		if (pager->control != NULL)
			(void)vm_pager_lock(pager->control, 0, SIZE, MEMORY_OBJECT_RETURN_ALL, true, VM_PROT_NO_CHANGE);
		if (child != NULL)
			vm_map_deallocate(child);
	}
	vm_map_deallocate(map);
	fake_pager_free(pager);
}

static void VMPA0013_every_allocation_may_fail(void **state)
{
	unsigned n;

	for (n = 1; n < 2000; n++) {
		uint64_t before = arena_free_pages();

		alloc_fail_at(n);
		scenario();
		assert_int_equal(vm_object_count(), 0);
		assert_int_equal(fake_mappings, 0);
		assert_int_equal(arena_free_pages(), before);
		if (!alloc_failed())
			break;
	}
	alloc_fail_at(0);
	assert_true(n > 30);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, nothing_left)
	const struct CMUnitTest tests[] = {
		TEST(VMPA0001_a_page_is_asked_for_once),
		TEST(VMPA0002_each_answer_does_what_it_says),
		TEST(VMPA0003_nobody_waits_for_ever),
		TEST(VMPA0004_a_locked_page_is_unlocked_or_refused),
		TEST(VMPA0005_clusters_take_what_is_missing),
		TEST(VMPA0006_pages_come_back_in_runs),
		TEST(VMPA0007_copies_see_the_past),
		TEST(VMPA0008_a_cached_object_keeps_its_pages),
		TEST(VMPA0009_death_and_abort_end_a_wait),
		TEST(VMPA0010_a_destroyed_object_fails),
		TEST(VMPA0011_sync_writes_and_waits),
		TEST(VMPA0012_a_page_out_leaves_nothing_behind),
		TEST(VMPA0030_no_request_overtakes_a_return),
		TEST(VMPA0013_every_allocation_may_fail),
		TEST(VMPA0014_behavior_chooses_the_cluster),
		TEST(VMPA0015_what_will_be_needed_is_asked_for_and_not_waited_for),
		TEST(VMPA0016_read_only_memory_is_wired_without_asking_for_writes),
		TEST(VMPA0017_a_region_tells_the_name_of_its_object),
	};

	arena_init();
	vm_init();
	return cmocka_run_group_tests_name("vm_pager", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: the default pager's block map and its writes and reads: runs of blocks, what is stored where, random stores, reads and ends of
 * objects on disks that answer late, in any order, with errors, and that get full; every byte that is supplied is the newest one, and
 * nothing is left at the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../pager/default/object.h"

#include <device/device_types.h>
#include <mach/memory_object_control.h>

/* ---- the world around it ---- */

static uint32_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void *pools[1000];
static unsigned pool_count;

void *pool_more(void)
{
	if (pool_count == 1000)
		return NULL;
	pools[pool_count] = calloc(1, POOL_BLOCK_BYTES);
	return pools[pool_count++];
}

static uint64_t memory_given; /* bytes that are the pager's */

/* Memory of messages, which may be freed in parts. */
static struct {
	char *at;
	uint64_t bytes, left;
} memory[4096];

static char *give_memory(uint64_t bytes)
{
	unsigned i = 0;

	while (memory[i].at != NULL)
		assert_true(++i < 4096);
	memory[i].at = aligned_alloc(PAGE_BYTES, bytes);
	memory[i].bytes = memory[i].left = bytes;
	memory_given += bytes;
	return memory[i].at;
}

kern_return_t mach_vm_deallocate(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size)
{
	for (unsigned i = 0; i < 4096; i++) {
		uintptr_t at = (uintptr_t)memory[i].at;

		if (at == 0 || address < at || address >= at + memory[i].bytes)
			continue;
		assert_true(size <= memory[i].left);
		memory[i].left -= size;
		memory_given -= size;
		if (memory[i].left == 0) {
			free(memory[i].at);
			memory[i].at = NULL;
		}
		return KERN_SUCCESS;
	}
	fail_msg("%#lx is not the pager's", (unsigned long)address);
	return KERN_FAILURE;
}

mach_port_t mach_task_self_;
static unsigned ports_given, ports_dropped;

kern_return_t mach_port_deallocate(ipc_space_t task, mach_port_name_t name)
{
	return KERN_SUCCESS;
}

kern_return_t mach_port_mod_refs(ipc_space_t task, mach_port_name_t name, mach_port_right_t right, mach_port_delta_t delta)
{
	ports_dropped++;
	return KERN_SUCCESS;
}

static unsigned capacity_calls;

void capacity_changed(void)
{
	capacity_calls++;
}

/* ---- disks ---- */

#define DISK_BLOCKS 300u

struct store stores[STORES_MAX];
uint32_t store_count;
static char disk[2][DISK_BLOCKS][PAGE_BYTES];
static uint64_t bits[2][64];
static struct transfer *going[4096];
static unsigned going_count;
static bool broken[2][DISK_BLOCKS]; /* writes there fail */
static bool unreadable[2][DISK_BLOCKS]; /* reads of it fail */
static bool all_unreadable;
static struct pool transfers = POOL_INIT(struct transfer);

static void disks_init(uint32_t n)
{
	uint32_t got;

	memset(bits, 0, sizeof(bits));
	memset(broken, 0, sizeof(broken));
	memset(unreadable, 0, sizeof(unreadable));
	store_count = n;
	for (uint32_t i = 0; i < n; i++) {
		stores[i] = (struct store){ .device = i + 1 };
		blocks_init(&stores[i].blocks, DISK_BLOCKS, bits[i]);
		(void)blocks_alloc(&stores[i].blocks, 1, &got);
	}
}

uint32_t store_alloc(uint32_t wanted, place_t *place)
{
	uint32_t s = rnd(store_count), got = 0;

	for (uint32_t i = 0; i < store_count && got == 0; i++, s = (s + 1) % store_count) {
		uint32_t block = blocks_alloc(&stores[s].blocks, wanted, &got);

		if (got != 0)
			*place = place_of(s, block);
	}
	return got;
}

void store_free(place_t place)
{
	blocks_free(&stores[place_store(place)].blocks, place_block(place));
}

void store_mark_bad(place_t place)
{
	blocks_mark_bad(&stores[place_store(place)].blocks, place_block(place));
}

uint64_t store_free_count(void)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < store_count; i++)
		n += stores[i].blocks.free;
	return n;
}

struct transfer *transfer_new(void)
{
	return pool_alloc(&transfers);
}

void transfer_release(struct transfer *t)
{
	pool_free(&transfers, t);
}

void transfer_start(struct transfer *t)
{
	assert_true(t->pages != 0 && t->pages <= TRANSFER_PAGES);
	for (uint32_t i = 0; i < t->pages; i++)
		assert_true(t->block != 0 && blocks_used(&stores[t->store].blocks, t->block + i)); /* O2 */
	going[going_count++] = t;
}

/* Any transfer under way ends. Two writes under way never go to the same block. */
static void disk_step(void)
{
	unsigned i = rnd(going_count);
	struct transfer *t = going[i];
	kern_return_t result = KERN_SUCCESS;
	char *data = NULL;

	for (unsigned k = 0; k < going_count; k++)
		if (k != i && going[k]->write && t->write && going[k]->store == t->store)
			assert_true(going[k]->block + going[k]->pages <= t->block || t->block + t->pages <= going[k]->block);
	going[i] = going[--going_count];
	for (uint32_t k = 0; k < t->pages && t->write; k++)
		if (broken[t->store][t->block + k])
			result = D_IO_ERROR;
	for (uint32_t k = 0; k < t->pages && !t->write; k++)
		if (all_unreadable || unreadable[t->store][t->block + k])
			result = D_IO_ERROR;
	if (t->write) {
		memcpy(disk[t->store][t->block], t->data, result == KERN_SUCCESS ? t->pages * PAGE_BYTES : 100);
	} else if (result == KERN_SUCCESS) {
		data = give_memory(t->pages * PAGE_BYTES);
		memcpy(data, disk[t->store][t->block], t->pages * PAGE_BYTES);
	}
	t->done(t, result, data);
}

/* ---- kernels ---- */

#define OBJECTS 4u
#define PAGES 150u

/* What the kernel knows of an object: the version of each page that it returned last; whether it asked for it. */
static struct {
	struct object *object;
	uint32_t version[PAGES]; /* 0: never returned */
	bool resident[PAGES], asked[PAGES];
} kernel[OBJECTS];
static uint32_t next_version = 1;
static unsigned supplied, zeros, errors;

static uint32_t word(unsigned o, uint64_t page, uint32_t version)
{
	return version * 2654435761u ^ (uint32_t)page << 8 ^ o;
}

static void check_supply(unsigned o, uint64_t page, const char *data, uint32_t bytes)
{
	for (; bytes != 0; page++, bytes -= PAGE_BYTES, data += PAGE_BYTES) {
		uint32_t first, last;

		assert_true(kernel[o].asked[page] && !kernel[o].resident[page] && kernel[o].version[page] != 0);
		memcpy(&first, data, 4);
		memcpy(&last, data + PAGE_BYTES - 4, 4);
		assert_int_equal(first, word(o, page, kernel[o].version[page]));
		assert_int_equal(last, ~first);
		kernel[o].resident[page] = true;
		kernel[o].asked[page] = false;
		supplied++;
	}
}

kern_return_t memory_object_data_supply(memory_object_control_t control, memory_object_offset_t offset, vm_offset_t data,
					mach_msg_type_number_t count, boolean_t dealloc, vm_prot_t lock, boolean_t precious,
					mach_port_t reply_to, mach_msg_type_name_t poly)
{
	if (rnd(50) == 0)
		return MACH_SEND_NO_BUFFER; /* tried again */
	check_supply(control - 1, offset / PAGE_BYTES, (char *)data, count);
	if (dealloc)
		(void)mach_vm_deallocate(MACH_PORT_NULL, data, count);
	return KERN_SUCCESS;
}

kern_return_t memory_object_data_unavailable(memory_object_control_t control, memory_object_offset_t offset,
					     memory_object_size_t size)
{
	unsigned o = control - 1;

	if (rnd(5) == 0)
		return MACH_SEND_NO_BUFFER; /* tried again */
	assert_int_equal(size, PAGE_BYTES);
	assert_int_equal(kernel[o].version[offset / PAGE_BYTES], 0);
	kernel[o].asked[offset / PAGE_BYTES] = false;
	zeros++;
	return KERN_SUCCESS;
}

kern_return_t memory_object_data_error(memory_object_control_t control, memory_object_offset_t offset,
				       memory_object_size_t size, kern_return_t error)
{
	if (rnd(2) == 0)
		return MACH_SEND_NO_BUFFER; /* tried again */
	assert_int_equal(error, KERN_MEMORY_ERROR);
	for (uint64_t page = offset / PAGE_BYTES; page < (offset + size) / PAGE_BYTES; page++)
		kernel[control - 1].asked[page] = false;
	errors++;
	return KERN_SUCCESS;
}

static void kernel_new(unsigned o)
{
	memset(&kernel[o], 0, sizeof(kernel[o]));
	kernel[o].object = object_new(1000 + o, PAGES * PAGE_BYTES, false);
	assert_non_null(kernel[o].object);
	kernel[o].object->control = o + 1;
	for (unsigned i = 0; i < PAGES; i++)
		kernel[o].resident[i] = true;
	ports_given++;
}

/* Return a run of pages that the kernel has. */
static void kernel_return(unsigned o, uint32_t first, uint32_t count)
{
	char *data;
	uint32_t n = 0;

	while (n < count && first + n < PAGES && kernel[o].resident[first + n])
		n++;
	if (n == 0)
		return;
	data = give_memory(n * PAGE_BYTES);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t w = word(o, first + i, next_version), inverse = ~w;

		memset(data + i * PAGE_BYTES, (int)i, PAGE_BYTES);
		memcpy(data + i * PAGE_BYTES, &w, 4);
		memcpy(data + (i + 1) * PAGE_BYTES - 4, &inverse, 4);
		kernel[o].version[first + i] = next_version++;
		kernel[o].resident[first + i] = false;
	}
	object_store(kernel[o].object, (uint64_t)first * PAGE_BYTES, data, n * PAGE_BYTES);
}

static void kernel_ask(unsigned o, uint32_t first, uint32_t count)
{
	uint32_t n = 0;

	while (n < count && first + n < PAGES && !kernel[o].resident[first + n] && !kernel[o].asked[first + n])
		kernel[o].asked[first + n++] = true;
	if (n != 0)
		object_supply(kernel[o].object, (uint64_t)first * PAGE_BYTES, n * PAGE_BYTES);
}

/* Unmap: what is asked for just now is left alone. */
static void kernel_discard(unsigned o, uint32_t first, uint32_t count)
{
	uint32_t n = 0;

	while (n < count && first + n < PAGES && !kernel[o].asked[first + n]) {
		kernel[o].resident[first + n] = false;
		kernel[o].version[first + n++] = 0;
	}
	if (n != 0)
		object_discard(kernel[o].object, (uint64_t)first * PAGE_BYTES, n * PAGE_BYTES);
}

static void drain(void)
{
	while (going_count != 0)
		disk_step();
}

static void kernel_end(unsigned o)
{
	object_end(kernel[o].object);
	kernel[o].object = NULL;
}

static void end_all(void)
{
	for (unsigned o = 0; o < OBJECTS; o++)
		if (kernel[o].object != NULL)
			kernel_end(o);
	drain();
	assert_int_equal(object_count, 0);
	assert_int_equal(page_map_count(), 0);
	assert_int_equal(memory_given, 0);
	assert_int_equal(transfers.in_use, 0);
	assert_int_equal(object_kept_pages, 0);
	assert_int_equal(ports_given, ports_dropped);
	for (uint32_t i = 0; i < store_count; i++)
		assert_int_equal(stores[i].blocks.free + stores[i].blocks.bad + 1, stores[i].blocks.total);
}

/* ---- the cases ---- */

/* DPGR0001: blocks come in runs, all of them, once; bad ones do not come back. */
static void DPGR0001_blocks_in_runs(void **state)
{
	uint64_t memory_of[2 * 16] = { 0 };
	struct blocks b;
	uint32_t got, first;

	blocks_init(&b, 1000, memory_of);
	first = blocks_alloc(&b, 64, &got);
	assert_int_equal(first, 0);
	assert_int_equal(got, 64);
	for (uint32_t i = 1; i < 64; i += 2)
		blocks_free(&b, i);
	assert_int_equal(blocks_alloc(&b, 900, &got), 64);
	assert_int_equal(got, 900);
	assert_int_equal(blocks_alloc(&b, 100, &got), 964);
	assert_int_equal(got, 36); /* the longest there is */
	for (uint32_t i = 0; i < 32; i++) {
		first = blocks_alloc(&b, 5, &got);
		assert_int_equal(got, 1);
		assert_int_equal(first % 2, 1);
	}
	assert_int_equal(b.free, 0);
	assert_int_equal(blocks_alloc(&b, 1, &got), BLOCK_NONE);
	blocks_mark_bad(&b, 500);
	blocks_free(&b, 500);
	assert_int_equal(b.free, 0);
	assert_int_equal(blocks_alloc(&b, 1, &got), BLOCK_NONE);
	blocks_free(&b, 501);
	assert_int_equal(blocks_alloc(&b, 1, &got), 501);
}

/* DPGR0002: places of pages are kept by object and page, in any number, and taken away whole. */
static void DPGR0002_places(void **state)
{
	uint64_t cursor = 0;
	unsigned n = 0;
	place_t old;

	for (uint64_t o = 1; o <= 50; o++)
		for (uint64_t p = 0; p < 40; p++)
			assert_true(page_map_set(o, p * p * 1000, place_of((uint32_t)o % 8, (uint32_t)p), &old) && old == PLACE_NONE);
	assert_int_equal(page_map_count(), 2000);
	for (uint64_t o = 1; o <= 50; o++)
		for (uint64_t p = 0; p < 40; p++)
			assert_int_equal(page_map_get(o, p * p * 1000), place_of((uint32_t)o % 8, (uint32_t)p));
	assert_int_equal(page_map_get(7, 1), PLACE_NONE);
	assert_true(page_map_set(7, 1000, place_of(7, 77), &old) && old == place_of(7, 1));
	while (page_map_take(7, 40 * 40 * 1000, &cursor) != PLACE_NONE)
		n++;
	assert_int_equal(n, 40);
	for (uint64_t o = 1; o <= 50; o++)
		for (uint64_t p = 0; p < 40; p++)
			assert_true(page_map_set(o, p * p * 1000, PLACE_NONE, &old));
	assert_int_equal(page_map_count(), 0);
}

/* DPGR0003: a page that is still being written is supplied from memory; one never stored is zeros. */
static void DPGR0003_supplied_from_memory(void **state)
{
	disks_init(1);
	kernel_new(0);
	kernel_return(0, 3, 10);
	assert_int_equal(going_count, 1); /* one run, one transfer */
	kernel_ask(0, 5, 2);
	assert_int_equal(supplied, 2);
	drain();
	kernel_ask(0, 3, 2);
	drain();
	assert_int_equal(supplied, 4);
	zeros = 0;
	kernel[0].resident[100] = false;
	kernel_ask(0, 100, 1);
	assert_int_equal(zeros, 1);
	end_all();
}

/* DPGR0004: an unreadable block is an error to who asks, and no more: not to who asks for its neighbours. */
static void DPGR0004_unreadable_blocks(void **state)
{
	disks_init(1);
	kernel_new(0);
	kernel_return(0, 0, 20);
	drain();
	errors = 0;
	all_unreadable = true;
	kernel_ask(0, 0, 5);
	drain();
	assert_int_equal(errors, 5);
	all_unreadable = false;
	kernel_ask(0, 0, 20);
	drain();
	kernel_return(0, 0, 20);
	drain();
	unreadable[0][place_block(page_map_get(kernel[0].object->id, 7))] = true;
	errors = supplied = 0;
	kernel_ask(0, 0, 20);
	drain();
	assert_int_equal(errors, 1);
	assert_int_equal(supplied, 19);
	assert_false(kernel[0].resident[7]);
	end_all();
}

/* DPGR0007: of a run of which one block cannot be written that page goes elsewhere, and that block is bad. */
static void DPGR0007_one_bad_block_of_a_run(void **state)
{
	place_t bad;

	disks_init(1);
	broken[0][9] = true;
	kernel_new(0);
	kernel_return(0, 0, 20);
	assert_int_equal(going_count, 1);
	drain();
	bad = place_of(0, 9);
	assert_int_equal(stores[0].blocks.bad, 1);
	for (unsigned i = 0; i < 20; i++)
		assert_true(page_map_get(kernel[0].object->id, i) != bad);
	kernel_ask(0, 0, 20);
	drain();
	/* While they are being written singly, some are returned anew, some discarded. */
	broken[0][100] = true;
	stores[0].blocks.next = 90;
	kernel_return(0, 0, 20);
	disk_step();
	kernel_ask(0, 0, 20);
	kernel_return(0, 3, 8);
	kernel_discard(0, 12, 3);
	drain();
	kernel_ask(0, 0, 20);
	drain();
	assert_int_equal(stores[0].blocks.bad, 2);
	end_all();
}

/* DPGR0005: when all blocks are bad pages stay in memory, are supplied from there, and go out when another disk comes. */
static void DPGR0005_no_good_block(void **state)
{
	disks_init(2);
	store_count = 1;
	for (uint32_t i = 0; i < DISK_BLOCKS; i++)
		broken[0][i] = true;
	kernel_new(0);
	for (uint32_t i = 0; i < PAGES; i++)
		kernel_return(0, i, 1);
	for (unsigned i = 0; i < 10; i++) {
		kernel_ask(0, 0, PAGES);
		for (uint32_t k = 0; k < PAGES; k += 2)
			kernel_return(0, k, 1);
		drain();
	}
	assert_int_equal(stores[0].blocks.bad, DISK_BLOCKS - 1);
	assert_true(object_kept_pages >= PAGES / 2);
	assert_true(capacity_calls > 0);
	store_count = 2;
	object_retry();
	drain();
	assert_int_equal(object_kept_pages, 0);
	kernel_ask(0, 0, PAGES);
	drain();
	end_all();
}

/* DPGR0006: anything in any order, with errors, on disks that are nearly full. */
static void DPGR0006_random_operations(void **state)
{
	for (unsigned round = 0; round < 30; round++) {
		seed = round + 1;
		disks_init(1 + round % 2);
		for (unsigned i = 0; i < 20 && round % 3 != 0; i++)
			broken[rnd(2)][1 + rnd(DISK_BLOCKS - 1)] = true;
		for (unsigned i = 0; i < 5 && round % 4 == 3; i++)
			unreadable[rnd(2)][1 + rnd(DISK_BLOCKS - 1)] = true;
		for (unsigned step = 0; step < 4000; step++) {
			unsigned o = rnd(OBJECTS), what = rnd(100);

			if (rnd(500) == 0 && kernel[o].object != NULL)
				for (unsigned i = 0; i < PAGES; i++)
					if (kernel[o].version[i] == 0 && !kernel[o].asked[i])
						kernel[o].resident[i] = true; /* touched: zeros */
			if (kernel[o].object == NULL)
				kernel_new(o);
			else if (what < 35 && memory_given < 600 * PAGE_BYTES)
				kernel_return(o, rnd(PAGES), 1 + rnd(32));
			else if (what < 60)
				kernel_ask(o, rnd(PAGES), 1 + rnd(20));
			else if (what == 99)
				kernel_end(o);
			else if (what == 98)
				kernel_discard(o, rnd(PAGES), 1 + rnd(60));
			else if (going_count != 0)
				disk_step();
		}
		end_all();
	}
	assert_true(supplied > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(DPGR0001_blocks_in_runs),       cmocka_unit_test(DPGR0002_places),
		cmocka_unit_test(DPGR0003_supplied_from_memory), cmocka_unit_test(DPGR0004_unreadable_blocks),
		cmocka_unit_test(DPGR0007_one_bad_block_of_a_run),
		cmocka_unit_test(DPGR0005_no_good_block),        cmocka_unit_test(DPGR0006_random_operations),
	};
	int failed = cmocka_run_group_tests_name("default pager", tests, NULL, NULL);

	for (unsigned i = 0; i < pool_count; i++)
		free(pools[i]);
	return failed;
}

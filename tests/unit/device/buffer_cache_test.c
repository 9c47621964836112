/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: the buffer cache over a disk that answers in any order and sometimes fails: reads give the disk's bytes, writes reach
 * it, and when all is quiet every block that the cache has is the disk's.
 */
#include <host/test.h>

#include <device/buffer_cache.h>
#include <kern/kalloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vm/vm_page.h>

#include "../vm/arena.h"

#define SECTOR 512U
#define RECORDS 1003U /* the last block is not whole */
#define FLIGHT_MAX 12U

static uint8_t platter[RECORDS * SECTOR];
static struct device disk;
static struct device *cached;
static struct device_io *under_way[256];
static unsigned under_way_count, lower_reads, lower_writes;
static struct device_io *done[256];
static unsigned done_count;
static bool no_memory, at_once;

/* ---- doubles of device.c and device_io.c ---- */

void device_register_named(struct device *d, const char *name)
{
	snprintf(d->name, sizeof(d->name), "%s", name);
	cached = d;
}

struct device_io *device_io_internal(struct device *d, bool write, uint64_t record, uint32_t bytes,
				     void (*finished)(struct device_io *), void *context)
{
	struct device_io *io = no_memory ? NULL : calloc(1, sizeof(*io));

	if (io == NULL)
		return NULL;
	*io = (struct device_io){ .device = d, .write = write, .record = record, .bytes = bytes, .finished = finished, .context = context };
	return io;
}

/* Between the platter and the request's pages. */
static void move(struct device_io *io)
{
	for (uint32_t i = 0; i < io->bytes; i++) {
		uint32_t in = io->first_offset + i;
		uint8_t *theirs = (uint8_t *)vm_page_virt(io->pages[in / PAGE_SIZE]) + in % PAGE_SIZE;

		if (io->write)
			platter[io->record * SECTOR + i] = *theirs;
		else
			*theirs = platter[io->record * SECTOR + i];
	}
}

void device_io_internal_start(struct device_io *io)
{
	assert_ptr_equal(io->device, &disk);
	assert_true(io->bytes % SECTOR == 0 && io->record * SECTOR + io->bytes <= sizeof(platter));
	assert_true(under_way_count < 256);
	under_way[under_way_count++] = io;
	if (at_once) { /* else when it is answered */
		io->driver[0] = 1;
		move(io);
	}
	lower_reads += !io->write;
	lower_writes += io->write;
}

void device_io_internal_free(struct device_io *io)
{
	free(io);
}

void device_io_done(struct device_io *io)
{
	done[done_count++] = io;
}

/* The disk does its n-th request. */
static void disk_does(unsigned n, kern_return_t result)
{
	struct device_io *io = under_way[n];

	under_way[n] = under_way[--under_way_count];
	if (io->driver[0] == 0 && result == D_SUCCESS)
		move(io);
	io->result = result;
	io->finished(io);
}

static void disk_does_all(void)
{
	while (under_way_count > 0)
		disk_does(0, D_SUCCESS);
}

/* ---- requests of the cache ---- */

static struct device_io *request(bool write, uint64_t record, uint32_t records, uint32_t first_offset)
{
	struct device_io *io = calloc(1, sizeof(*io));

	*io = (struct device_io){ .device = cached, .write = write, .record = record, .bytes = records * SECTOR, .first_offset = first_offset };
	io->page_count = (first_offset + io->bytes + PAGE_SIZE - 1) / PAGE_SIZE;
	for (uint32_t i = 0; i < io->page_count; i++) {
		io->pages[i] = vm_page_grab();
		assert_non_null(io->pages[i]);
		memset(vm_page_virt(io->pages[i]), 0xee, PAGE_SIZE);
	}
	return io;
}

static uint8_t *byte_of(struct device_io *io, uint32_t i)
{
	i += io->first_offset;
	return (uint8_t *)vm_page_virt(io->pages[i / PAGE_SIZE]) + i % PAGE_SIZE;
}

static void request_free(struct device_io *io)
{
	for (uint32_t i = 0; i < io->page_count; i++)
		vm_page_release(io->pages[i]);
	free(io);
}

static bool is_platters(struct device_io *io)
{
	for (uint32_t i = 0; i < io->bytes; i++)
		if (*byte_of(io, i) != platter[io->record * SECTOR + i])
			return false;
	return true;
}

static void start(struct device_io *io)
{
	cached->driver->start(cached, io);
}

/* Start it, let the disk work, check. */
static void read_all(uint64_t record, uint32_t records)
{
	struct device_io *io = request(false, record, records, 0);

	done_count = 0;
	start(io);
	disk_does_all();
	assert_int_equal(done_count, 1);
	assert_ptr_equal(done[0], io);
	assert_int_equal(io->result, D_SUCCESS);
	assert_true(is_platters(io));
	request_free(io);
}

static int counted(int what)
{
	int counts[DEV_GET_CACHE_COUNT];

	assert_true(buffer_cache_counts(cached, counts));
	return counts[what];
}

static int fresh(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < sizeof(platter); i++)
		platter[i] = (uint8_t)(i / SECTOR * 7 + i);
	(void)buffer_cache_reclaim(UINT64_MAX);
	assert_int_equal(counted(DEV_GET_CACHE_BLOCKS), 0);
	under_way_count = done_count = lower_reads = lower_writes = 0;
	return 0;
}

static void BUFC0001_a_second_read_does_not_ask_the_disk(void **state)
{
	int hits = counted(DEV_GET_CACHE_HITS);

	read_all(8, 8);
	assert_int_equal(lower_reads, 1);
	read_all(8, 8);
	read_all(10, 2);
	assert_int_equal(lower_reads, 1);
	assert_int_equal(counted(DEV_GET_CACHE_HITS) - hits, 2);
}

static void BUFC0002_the_disks_end_need_not_be_a_whole_block(void **state)
{
	read_all(RECORDS - 1, 1);
	read_all(RECORDS - 5, 5);
	read_all(0, 512);
}

static void BUFC0003_two_reads_of_a_block_wait_for_one_request(void **state)
{
	struct device_io *a = request(false, 101, 1, 0), *b = request(false, 100, 1, 512);

	start(a);
	start(b);
	assert_int_equal(under_way_count, 1);
	disk_does_all();
	assert_int_equal(done_count, 2);
	assert_true(is_platters(a) && is_platters(b));
	request_free(a);
	request_free(b);
}

static void BUFC0004_sequential_reads_run_ahead(void **state)
{
	read_all(8, 8);
	read_all(16, 8);
	assert_int_equal(counted(DEV_GET_CACHE_BLOCKS), 2 + 16);
	lower_reads = 0;
	for (uint64_t r = 24; r < 24 + 8 * 8; r += 8)
		read_all(r, 8);
	assert_true(lower_reads <= 2);
}

static void BUFC0005_a_write_reaches_the_disk_before_it_is_answered_and_is_read_back(void **state)
{
	struct device_io *w = request(true, 40, 20, 1000);

	read_all(32, 16);
	start(w);
	assert_int_equal(done_count, 1); /* of the read before */
	assert_int_equal(under_way_count, 1);
	disk_does_all();
	assert_int_equal(done_count, 2);
	assert_true(is_platters(w));
	lower_reads = 0;
	read_all(40, 8);
	assert_int_equal(lower_reads, 0);
	read_all(32, 32);
	request_free(w);
}

static void BUFC0006_errors_of_the_disk_are_told_and_nothing_wrong_stays(void **state)
{
	struct device_io *r = request(false, 200, 16, 0), *w = request(true, 200, 16, 0);

	start(r);
	disk_does(0, D_IO_ERROR);
	assert_int_equal(done_count, 1);
	assert_int_equal(r->result, D_IO_ERROR);
	read_all(200, 16);
	done_count = 0;
	start(w);
	disk_does(0, D_IO_ERROR);
	assert_int_equal(done_count, 1);
	assert_int_equal(w->result, D_IO_ERROR);
	read_all(200, 16); /* the platter's bytes, not the write's */
	request_free(r);
	request_free(w);
}

static void BUFC0007_a_block_read_while_it_is_written_does_not_stay(void **state)
{
	struct device_io *w = request(true, 300, 2, 0), *r = request(false, 296, 16, 0);

	start(w); /* not a whole block: not kept */
	start(r);
	assert_int_equal(under_way_count, 2);
	disk_does(1, D_SUCCESS); /* the read, with the old bytes */
	disk_does(0, D_SUCCESS);
	read_all(296, 16);
	request_free(w);
	request_free(r);
}

static void BUFC0008_without_memory_a_request_goes_to_the_disk_or_says_so(void **state)
{
	struct vm_page *chain = NULL, *p;
	struct device_io *r = request(false, 500, 8, 0), *w = request(true, 600, 1, 0);

	while ((p = vm_page_grab()) != NULL) {
		p->hash_next = chain;
		chain = p;
	}
	start(r);
	disk_does_all();
	assert_int_equal(done_count, 1);
	assert_true(r->result == D_SUCCESS ? is_platters(r) : r->result == D_NO_MEMORY);
	no_memory = true;
	start(w);
	assert_int_equal(done_count, 2);
	assert_int_equal(w->result, D_NO_MEMORY);
	no_memory = false;
	while ((p = chain) != NULL) {
		chain = p->hash_next;
		vm_page_release(p);
	}
	read_all(600, 1);
	request_free(r);
	request_free(w);
}

static uint64_t random_state;

static uint32_t rnd(uint32_t n)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_state >> 33) % n;
}

/* Requests overlap and are answered in any order; a read beside a write of the same records may see either. */
static void BUFC0009_random_requests_in_any_order_leave_the_cache_equal_to_the_disk(void **state)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct device_io *flight[FLIGHT_MAX];
		unsigned flying = 0;

		random_state = seed;
		done_count = 0;
		for (unsigned step = 0; step < 300; step++) {
			if (flying < FLIGHT_MAX && rnd(3) != 0) {
				uint32_t record = rnd(120), records = 1 + rnd(24);
				struct device_io *io = request(rnd(3) == 0, record, records, rnd(3) * SECTOR);

				for (uint32_t i = 0; io->write && i < io->bytes; i++)
					*byte_of(io, i) = (uint8_t)(step * 31 + i + seed);
				flight[flying++] = io;
				at_once = rnd(2) != 0;
				start(io);
				at_once = false;
			} else if (under_way_count > 0) {
				disk_does(rnd(under_way_count), rnd(20) == 0 ? D_IO_ERROR : D_SUCCESS);
			}
			if (rnd(50) == 0)
				(void)buffer_cache_reclaim(rnd(5));
			for (unsigned d = 0; d < done_count; d++) {
				unsigned i = 0;

				while (i < flying && flight[i] != done[d])
					i++;
				assert_true(i < flying);
				flight[i] = flight[--flying];
				request_free(done[d]);
			}
			done_count = 0;
		}
		while (under_way_count > 0)
			disk_does(rnd(under_way_count), D_SUCCESS);
		assert_int_equal(done_count, flying); /* each was answered */
		for (unsigned i = 0; i < done_count; i++)
			request_free(done[i]);
		done_count = 0;
		lower_reads = 0;
		read_all(0, 150);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(BUFC0001_a_second_read_does_not_ask_the_disk, fresh),
		cmocka_unit_test_setup(BUFC0002_the_disks_end_need_not_be_a_whole_block, fresh),
		cmocka_unit_test_setup(BUFC0003_two_reads_of_a_block_wait_for_one_request, fresh),
		cmocka_unit_test_setup(BUFC0004_sequential_reads_run_ahead, fresh),
		cmocka_unit_test_setup(BUFC0005_a_write_reaches_the_disk_before_it_is_answered_and_is_read_back, fresh),
		cmocka_unit_test_setup(BUFC0006_errors_of_the_disk_are_told_and_nothing_wrong_stays, fresh),
		cmocka_unit_test_setup(BUFC0007_a_block_read_while_it_is_written_does_not_stay, fresh),
		cmocka_unit_test_setup(BUFC0008_without_memory_a_request_goes_to_the_disk_or_says_so, fresh),
		cmocka_unit_test_setup(BUFC0009_random_requests_in_any_order_leave_the_cache_equal_to_the_disk, fresh),
	};
	uint64_t before;
	int failed;

	arena_init();
	disk = (struct device){ .name = "vd0", .records = RECORDS, .record_bytes = SECTOR };
	buffer_cache_attach(&disk);
	before = arena_free_pages();
	failed = cmocka_run_group_tests_name("buffer_cache", tests, NULL, NULL);
	(void)buffer_cache_reclaim(UINT64_MAX);
	if (arena_free_pages() < before - 4) {
		printf("Bail out! frames were lost: %lu, %lu\n", (unsigned long)before, (unsigned long)arena_free_pages());
		return 1;
	}
	return failed;
}

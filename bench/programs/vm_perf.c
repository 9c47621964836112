/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_perf.c - the bench's program for memory on our nodes: rows named as OSF mach_perf's vm tests.
 *
 *   vm_perf N        every row, N rounds each
 *
 * A row is one call on the own task, or one touch of a page. Faults: each round touches another page, in an order that has no
 * locality; with M entries around means that the pages lie in that many regions.
 */
#include <mach/mach.h>
#include <mach/vm_map.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "measure.h"

#define PAGE 4096UL
#define FAULT_PAGES 10000UL

static mach_port_t self;

static mach_vm_address_t
allocate(mach_vm_size_t bytes)
{
	mach_vm_address_t at = 0;

	check(mach_vm_allocate(self, &at, bytes, VM_FLAGS_ANYWHERE), "mach_vm_allocate");
	return at;
}

static void
release(mach_vm_address_t at, mach_vm_size_t bytes)
{
	check(mach_vm_deallocate(self, at, bytes), "mach_vm_deallocate");
}

static void
write_to(mach_vm_address_t at)
{
	*(volatile char *)at = 1;
}

static void
read_from(mach_vm_address_t at)
{
	(void)*(volatile char *)at;
}

static void
report(const char *name, struct measure *m)
{
	unsigned n = m->count;

	measure_end(m, 1);
	measure_print(name, "local", n, m->p50_us, m->p99_us);
}

/* ---- calls: what is done before, timed, and done after, with size bytes at place ---- */

struct call {
	mach_vm_address_t place, other;
	mach_vm_size_t size;
	vm_offset_t data;
	mach_msg_type_number_t count;
};

static void
do_nothing(struct call *c)
{
}

static void
do_allocate(struct call *c)
{
	c->place = allocate(c->size);
}

static void
do_release(struct call *c)
{
	release(c->place, c->size);
}

static void
do_release_other(struct call *c)
{
	release(c->other, c->size);
}

static void
do_map(struct call *c)
{
	c->other = 0;
	check(mach_vm_map(self, &c->other, c->size, 0, VM_FLAGS_ANYWHERE, MACH_PORT_NULL, 0, FALSE, VM_PROT_DEFAULT, VM_PROT_ALL,
			  VM_INHERIT_COPY), "mach_vm_map");
}

static void
do_remap(struct call *c)
{
	vm_prot_t current, maximum;

	c->other = 0;
	check(mach_vm_remap(self, &c->other, c->size, 0, VM_FLAGS_ANYWHERE, self, c->place, FALSE, &current, &maximum,
			    VM_INHERIT_SHARE), "mach_vm_remap");
}

static void
do_protect(struct call *c)
{
	check(mach_vm_protect(self, c->place, c->size, FALSE, VM_PROT_READ), "mach_vm_protect");
}

static void
do_unprotect(struct call *c)
{
	check(mach_vm_protect(self, c->place, c->size, FALSE, VM_PROT_DEFAULT), "mach_vm_protect");
	write_to(c->place);
}

static void
do_inherit(struct call *c)
{
	check(mach_vm_inherit(self, c->place, c->size, VM_INHERIT_NONE), "mach_vm_inherit");
}

static void
do_region(struct call *c)
{
	mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
	mach_vm_address_t at = c->place;
	vm_region_basic_info_data_64_t info;
	mach_vm_size_t size;
	mach_port_t name;

	check(mach_vm_region(self, &at, &size, VM_REGION_BASIC_INFO_64, (vm_region_info_t)&info, &count, &name), "mach_vm_region");
}

static void
do_read(struct call *c)
{
	check(mach_vm_read(self, c->place, c->size, &c->data, &c->count), "mach_vm_read");
}

static void
do_release_data(struct call *c)
{
	release(c->data, c->count);
}

static void
do_write(struct call *c)
{
	check(mach_vm_write(self, c->other, c->place, (mach_msg_type_number_t)c->size), "mach_vm_write");
}

static void
do_copy(struct call *c)
{
	check(mach_vm_copy(self, c->place, c->size, c->other), "mach_vm_copy");
}

static void
do_attribute(struct call *c)
{
	vm_machine_attribute_val_t value = MATTR_VAL_GET;

	check(mach_vm_machine_attribute(self, c->place, c->size, MATTR_CACHE, &value), "mach_vm_machine_attribute");
}

static void
row(const char *name, unsigned n, mach_vm_size_t size, void (*before)(struct call *), void (*timed)(struct call *),
    void (*after)(struct call *))
{
	struct call c = { .size = size, .place = allocate(size), .other = allocate(size) };
	mach_vm_address_t place = c.place, other = c.other;
	struct measure m = measure_begin(n);

	memset((void *)place, 1, size);
	memset((void *)other, 2, size);
	for (unsigned i = 0; i < n; i++) {
		uint64_t start;

		before(&c);
		start = measure_tsc();
		timed(&c);
		measure_add(&m, measure_tsc() - start);
		after(&c);
	}
	report(name, &m);
	release(place, size);
	release(other, size);
}

static void
calls(unsigned n)
{
	row("vm_allocate", n, PAGE, do_nothing, do_allocate, do_release);
	row("vm_deallocate", n, PAGE, do_allocate, do_release, do_nothing);
	row("vm_map", n, PAGE, do_nothing, do_map, do_release_other);
	row("vm_remap", n, PAGE, do_nothing, do_remap, do_release_other);
	row("vm_protect", n, PAGE, do_nothing, do_protect, do_unprotect);
	row("vm_inherit", n, PAGE, do_nothing, do_inherit, do_nothing);
	row("vm_region", n, PAGE, do_nothing, do_region, do_nothing);
	row("vm_machine_attribute", n, PAGE, do_nothing, do_attribute, do_nothing);
	row("vm_read 4096", n, PAGE, do_nothing, do_read, do_release_data);
	row("vm_read 65536", n / 4 + 1, 16 * PAGE, do_nothing, do_read, do_release_data);
	row("vm_write 4096", n, PAGE, do_nothing, do_write, do_nothing);
	row("vm_write 65536", n / 4 + 1, 16 * PAGE, do_nothing, do_write, do_nothing);
	row("vm_copy 4096", n, PAGE, do_nothing, do_copy, do_nothing);
	row("vm_copy 65536", n / 4 + 1, 16 * PAGE, do_nothing, do_copy, do_nothing);
}

/* ---- faults ---- */

/* Page i of a permutation without locality: 7919 and FAULT_PAGES have no common factor. */
static mach_vm_address_t
scattered(mach_vm_address_t base, unsigned i)
{
	return base + (i * 7919UL % FAULT_PAGES) * PAGE;
}

static void
fault_row(const char *name, unsigned n, mach_vm_address_t base, void (*touch)(mach_vm_address_t))
{
	struct measure m = measure_begin(n);

	for (unsigned i = 0; i < n; i++) {
		mach_vm_address_t at = scattered(base, i);
		uint64_t start = measure_tsc();

		touch(at);
		measure_add(&m, measure_tsc() - start);
	}
	report(name, &m);
}

/* FAULT_PAGES pages in this many regions that do not join. */
static mach_vm_address_t
regions(unsigned long count)
{
	mach_vm_address_t base = allocate(FAULT_PAGES * PAGE);
	unsigned long pages = FAULT_PAGES / count;

	for (unsigned long i = 0; i < count; i += 2)
		check(mach_vm_inherit(self, base + i * pages * PAGE, pages * PAGE, VM_INHERIT_NONE), "mach_vm_inherit");
	return base;
}

static void
zero_fill(const char *name, unsigned n, unsigned long count)
{
	mach_vm_address_t base = regions(count);

	fault_row(name, n, base, write_to);
	release(base, FAULT_PAGES * PAGE);
}

/* One page after the other, as a program does that fills its memory. */
static void
zero_fill_in_order(unsigned n)
{
	mach_vm_address_t base = allocate(n * PAGE);
	struct measure m = measure_begin(n);

	for (unsigned i = 0; i < n; i++) {
		uint64_t start = measure_tsc();

		write_to(base + i * PAGE);
		measure_add(&m, measure_tsc() - start);
	}
	report("zero fill fault in order", &m);
	release(base, n * PAGE);
}

/* The first touch of 2 MiB for which large pages were asked: 512 pages are made at once. */
static void
zero_fill_large(unsigned n)
{
	struct measure m = measure_begin(n);

	for (unsigned i = 0; i < n; i++) {
		mach_vm_address_t at = 0;
		uint64_t start;

		check(mach_vm_allocate(self, &at, 2UL << 20, VM_FLAGS_ANYWHERE | VM_FLAGS_SUPERPAGE_SIZE_2MB), "mach_vm_allocate");
		start = measure_tsc();
		write_to(at + 5 * PAGE);
		measure_add(&m, measure_tsc() - start);
		release(at, 2UL << 20);
	}
	report("zero fill fault, large page", &m);
}

static void
faults(unsigned n)
{
	mach_vm_address_t base;
	mach_port_t child = MACH_PORT_NULL;

	if (n > FAULT_PAGES)
		n = FAULT_PAGES;
	zero_fill("zero fill fault", n, 1);
	zero_fill("zero fill fault, 10 entries", n, 10);
	zero_fill("zero fill fault, 10000 entries", n, FAULT_PAGES);
	zero_fill_in_order(n);
	zero_fill_large(n / 20 + 1);
	base = allocate(FAULT_PAGES * PAGE);
	for (unsigned i = 0; i < n; i++)
		write_to(scattered(base, i));
	check(task_create(self, NULL, 0, TRUE, &child), "task_create");
	fault_row("cow fault", n, base, write_to);
	check(task_terminate(child), "task_terminate");
	(void)mach_port_deallocate(self, child);
	check(mach_vm_protect(self, base, FAULT_PAGES * PAGE, FALSE, VM_PROT_NONE), "mach_vm_protect");
	check(mach_vm_protect(self, base, FAULT_PAGES * PAGE, FALSE, VM_PROT_DEFAULT), "mach_vm_protect");
	fault_row("fault on a resident page", n, base, read_from);
	release(base, FAULT_PAGES * PAGE);
}

int
main(int argc, char **argv)
{
	unsigned n = argc == 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;

	if (n == 0) {
		puts("usage: vm_perf N");
		return 2;
	}
	self = mach_task_self();
	calls(n);
	faults(n);
	puts("BENCH-DONE");
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_calls.c - a program for a node: memory as a task sees it, through messages, traps and Linux's calls. It is the
 * first task of its boot (tests/kernel/vm.t); prints TAP and what touches cost.
 */
#define _GNU_SOURCE
#include <mach/mach.h>
#include <mach/vm_region.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL
#define MESSAGE_ID 4711

static unsigned cases, failed;

static void ok(int good, const char *text)
{
	cases++;
	failed += !good;
	printf("%s %u - %s\n", good ? "ok" : "not ok", cases, text);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static volatile uint64_t *at(mach_vm_address_t a)
{
	return (volatile uint64_t *)a;
}

/* ---- calls on one's own task ---- */

static void own_memory(void)
{
	mach_port_t self = mach_task_self(), name;
	mach_vm_address_t a = 0, found;
	mach_vm_size_t size;
	vm_region_basic_info_data_64_t info;
	mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
	vm_offset_t data;

	ok(mach_vm_allocate(self, &a, 10 * PAGE, VM_FLAGS_ANYWHERE) == KERN_SUCCESS && *at(a + 9 * PAGE) == 0,
	   "VMUP0001 allocated memory is zero");
	*at(a) = 1;
	*at(a + 5 * PAGE) = 2;
	ok(mach_vm_protect(self, a + PAGE, PAGE, FALSE, VM_PROT_READ) == KERN_SUCCESS, "VMUP0002 protect");
	found = a + PAGE;
	ok(mach_vm_region(self, &found, &size, VM_REGION_BASIC_INFO_64, (vm_region_info_t)&info, &count, &name) ==
			   KERN_SUCCESS && found == a + PAGE && size == PAGE && info.protection == VM_PROT_READ,
	   "VMUP0003 region tells it");
	ok(mach_vm_write(self, a + PAGE, a, 8) == KERN_PROTECTION_FAILURE, "VMUP0004 write there is refused");
	ok(mach_vm_read(self, a + 5 * PAGE, 8, &data, &count) == KERN_SUCCESS && count == 8 && *at(data) == 2,
	   "VMUP0005 read gives a copy");
	*at(data) = 3;
	ok(*at(a + 5 * PAGE) == 2 && mach_vm_deallocate(self, data, count) == KERN_SUCCESS,
	   "VMUP0006 that is one's own");
	ok(mach_vm_copy(self, a + 5 * PAGE, PAGE, a + 7 * PAGE) == KERN_SUCCESS && *at(a + 7 * PAGE) == 2,
	   "VMUP0007 copy");
	ok(mach_vm_read(self, a + 9 * PAGE, 2 * PAGE, &data, &count) == KERN_INVALID_ADDRESS ||
		   mach_vm_deallocate(self, a + 10 * PAGE, PAGE) == KERN_SUCCESS,
	   "VMUP0008 read past the end is refused, if nothing is there");
	ok(mach_vm_deallocate(self, a, 10 * PAGE) == KERN_SUCCESS, "VMUP0009 deallocate");
	ok(mach_vm_read(self, a, 8, &data, &count) == KERN_INVALID_ADDRESS, "VMUP0010 and it is gone");
}

/* ---- another task's memory ---- */

static void other_memory(void)
{
	mach_port_t self = mach_task_self(), child;
	mach_vm_address_t a = 0, b = 0, size = 20 * PAGE, there;
	mach_msg_type_number_t count;
	vm_offset_t data;
	vm_prot_t current, maximum;

	mach_vm_allocate(self, &a, size, VM_FLAGS_ANYWHERE);
	mach_vm_inherit(self, a, PAGE, VM_INHERIT_SHARE);
	*at(a) = 1;
	*at(a + PAGE) = 2;
	ok(task_create(self, NULL, 0, TRUE, &child) == KERN_SUCCESS, "VMUP0011 a task that inherits memory");
	*at(a) = 11;
	*at(a + PAGE) = 12;
	ok(mach_vm_read(child, a, 2 * PAGE, &data, &count) == KERN_SUCCESS && *at(data) == 11 && *at(data + PAGE) == 2,
	   "VMUP0012 shares one page and has a copy of the other");
	mach_vm_deallocate(self, data, count);
	*at(a + 2 * PAGE) = 13;
	ok(mach_vm_write(child, a, a + 2 * PAGE, 8) == KERN_SUCCESS && *at(a) == 13,
	   "VMUP0013 a write to the shared page is seen here");
	there = a + PAGE;
	ok(mach_vm_remap(self, &b, PAGE, 0, VM_FLAGS_ANYWHERE, child, there, FALSE, &current, &maximum,
			 VM_INHERIT_NONE) == KERN_SUCCESS && *at(b) == 2,
	   "VMUP0014 its private page can be shared by remap");
	*at(b) = 22;
	ok(mach_vm_read_overwrite(child, there, 8, a + 3 * PAGE, &size) == KERN_SUCCESS && size == 8 &&
		   *at(a + 3 * PAGE) == 22,
	   "VMUP0015 and what is written through it is the child's, which can be read into one's own memory");
	there = 0;
	ok(mach_vm_allocate(child, &there, 100 * PAGE, VM_FLAGS_ANYWHERE) == KERN_SUCCESS &&
		   mach_vm_write(child, there + 5, a, 20 * PAGE - 5) == KERN_SUCCESS &&
		   mach_vm_read(child, there + 5, 8, &data, &count) == KERN_SUCCESS && *at(data) == 13,
	   "VMUP0016 large unaligned writes arrive");
	mach_vm_deallocate(self, data, count);
	ok(task_terminate(child) == KERN_SUCCESS && *at(b) == 22, "VMUP0017 shared memory outlives the task");
	mach_port_deallocate(self, child);
	mach_vm_deallocate(self, a, 20 * PAGE);
	mach_vm_deallocate(self, b, PAGE);
}

/* ---- memory in messages ---- */

struct ool_message {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_ool_descriptor_t memory;
	mach_msg_trailer_t trailer;
};

/* Send [address, address+size) to ourselves; returns where it arrived, 0 on an error. */
static mach_vm_address_t through_port(mach_port_t port, mach_vm_address_t address, mach_vm_size_t size, int deallocate)
{
	struct ool_message m;

	memset(&m, 0, sizeof(m));
	m.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
	m.head.msgh_size = sizeof(m) - sizeof(m.trailer);
	m.head.msgh_remote_port = port;
	m.head.msgh_id = MESSAGE_ID;
	m.body.msgh_descriptor_count = 1;
	m.memory.address = (void *)address;
	m.memory.size = size;
	m.memory.deallocate = (uint8_t)deallocate;
	m.memory.copy = MACH_MSG_VIRTUAL_COPY;
	m.memory.type = MACH_MSG_OOL_DESCRIPTOR;
	if (mach_msg(&m.head, MACH_SEND_MSG, m.head.msgh_size, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
		return 0;
	if (!deallocate)
		*at(address) += 1; /* the message has what was there when it was sent */
	if (mach_msg(&m.head, MACH_RCV_MSG, 0, sizeof(m), port, 0, MACH_PORT_NULL) != MACH_MSG_SUCCESS ||
	    m.memory.size != size)
		return 0;
	return (mach_vm_address_t)m.memory.address;
}

static void messages(void)
{
	static const mach_vm_size_t sizes[] = { 8, 4096, 5000, 16384, 20000, 65536, 300000 };
	mach_port_t self = mach_task_self(), port;
	mach_vm_address_t a, b;
	int good = 1, moved = 1;

	mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &port);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		mach_vm_size_t size = sizes[i];

		a = 0;
		mach_vm_allocate(self, &a, size + 16, VM_FLAGS_ANYWHERE);
		*at(a + 16) = 5;
		*(char *)(a + 16 + size - 1) = 7;
		b = through_port(port, a + 16, size, 0);
		good = good && b != 0 && *at(b) % 256 == (size > 8 ? 5 : 5) && *(char *)(b + size - 1) == 7 && b != a + 16;
		if (b != 0)
			mach_vm_deallocate(self, b, size);
		*at(a + 16) = 6;
		*(char *)(a + 16 + size - 1) = 7;
		b = through_port(port, a + 16, size, 1);
		moved = moved && b != 0 && *at(b) % 256 == 6 && *(char *)(b + size - 1) == 7;
		if (b != 0)
			mach_vm_deallocate(self, b, size);
		mach_vm_deallocate(self, a, size + 16);
	}
	ok(good, "VMUP0018 memory of many sizes goes through a port as it was when it was sent");
	ok(moved, "VMUP0019 and is given away");
	ok(through_port(port, 0x10000, 5000, 0) == 0, "VMUP0020 a message with memory that is not there is refused");
	mach_port_mod_refs(self, port, MACH_PORT_RIGHT_RECEIVE, -1);
}

/* ---- Linux's calls ---- */

static void linux_calls(void)
{
	char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *q, *end;

	ok(p != MAP_FAILED && p[0] == 0, "VMUP0021 mmap");
	strcpy(p, "first");
	q = mmap(p + 4 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ok(q == p + 4 * PAGE, "VMUP0022 mmap in the middle of it");
	ok(mprotect(p, PAGE, PROT_READ) == 0 && mprotect(p, PAGE, PROT_READ | PROT_WRITE) == 0 && strcmp(p, "first") == 0,
	   "VMUP0023 mprotect there and back");
	q = mremap(p, 4 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	ok(q != MAP_FAILED && strcmp(q, "first") == 0, "VMUP0024 mremap to a larger place");
	memset(q, 1, 64 * PAGE);
	ok(madvise(q, 8 * PAGE, MADV_DONTNEED) == 0 && q[0] == 0 && q[8 * PAGE] == 1, "VMUP0025 madvise(MADV_DONTNEED)");
	ok(munmap(q, 64 * PAGE) == 0 && munmap(p + 4 * PAGE, 4 * PAGE) == 0, "VMUP0026 munmap");
	end = sbrk(0); /* musl's does no more */
	ok(syscall(SYS_brk, end + 5 * PAGE) == (long)end + 5 * (long)PAGE &&
		   (memset(end, 3, 5 * PAGE), end[5 * PAGE - 1] == 3) &&
		   syscall(SYS_brk, end + 2 * PAGE) == (long)end + 2 * (long)PAGE &&
		   syscall(SYS_brk, end + 5 * PAGE) == (long)end + 5 * (long)PAGE && end[3 * PAGE] == 0 && end[0] == 3,
	   "VMUP0027 brk up, down and up again");
	p = malloc(1000000);
	memset(p, 9, 1000000);
	p = realloc(p, 3000000);
	ok(p != NULL && p[999999] == 9, "VMUP0028 malloc and realloc");
	free(p);
}

static void costs(void)
{
	enum { COUNT = 2000 };
	mach_vm_address_t a = 0;
	uint64_t t;
	volatile uint64_t sum = 0;
	mach_port_t child;

	mach_vm_allocate(mach_task_self(), &a, COUNT * PAGE, VM_FLAGS_ANYWHERE);
	t = now_ns();
	for (unsigned i = 0; i < COUNT; i++)
		*at(a + i * PAGE) = i;
	printf("# first write to a page: %lu ns\n", (now_ns() - t) / COUNT);
	t = now_ns();
	for (unsigned i = 0; i < COUNT; i++)
		sum += *at(a + i * PAGE);
	printf("# later read of a page: %lu ns\n", (now_ns() - t) / COUNT);
	if (task_create(mach_task_self(), NULL, 0, TRUE, &child) == KERN_SUCCESS) {
		t = now_ns();
		for (unsigned i = 0; i < COUNT; i++)
			*at(a + i * PAGE) = i + 1;
		printf("# write to a page that is copied on write: %lu ns\n", (now_ns() - t) / COUNT);
		task_terminate(child);
		mach_port_deallocate(mach_task_self(), child);
	}
	mach_vm_deallocate(mach_task_self(), a, COUNT * PAGE);
}

int main(void)
{
	own_memory();
	other_memory();
	messages();
	linux_calls();
	costs();
	printf("1..%u\n", cases);
	fflush(stdout);
	return failed != 0;
}

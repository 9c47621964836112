/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_calls.c - a program for a node: every call of mach_vm.defs and vm_map.defs, by message, on another task's memory, with the
 * errors of each; wiring on the host's control port. Prints TAP. It is the first task of its boot (tests/kernel/vm_calls.t).
 */
#define _GNU_SOURCE
#include <mach/mach.h>
#include <mach/host_priv.h>
#include <mach/vm_map.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tap.h"

#define P 4096UL
#define NOWHERE 0x10000UL /* nothing is mapped there */
#define TOP 0x00007fffffff0000UL

static mach_port_t self, task; /* the task whose memory it is */
static unsigned number;

/* A case with an id of its own: the call gives this result. */
#define GIVES(result, call, text) numbered(call, result, text)

static void numbered(kern_return_t got, kern_return_t wanted, const char *text)
{
	char line[200];

	snprintf(line, sizeof(line), "VMC%04u %s", ++number, text);
	tap_result(got, wanted, line);
}

static void holds(bool good, const char *text)
{
	tap(good, "VMC%04u %s", ++number, text);
}

static mach_vm_address_t allocate(mach_vm_size_t pages)
{
	mach_vm_address_t at = 0;

	if (mach_vm_allocate(task, &at, pages * P, VM_FLAGS_ANYWHERE) != KERN_SUCCESS)
		tap(false, "allocation for a test");
	return at;
}

static void put(mach_vm_address_t at, uint64_t value)
{
	static uint64_t data;

	data = value;
	if (mach_vm_write(task, at, (vm_offset_t)&data, sizeof(data)) != KERN_SUCCESS)
		tap(false, "a write for a test");
}

static uint64_t get(mach_vm_address_t at)
{
	uint64_t value = ~0UL;
	mach_vm_size_t size;

	if (mach_vm_read_overwrite(task, at, sizeof(value), (mach_vm_address_t)(uintptr_t)&value, &size) != KERN_SUCCESS)
		return ~0UL;
	return value;
}

static vm_region_basic_info_data_64_t region(mach_vm_address_t at)
{
	mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
	vm_region_basic_info_data_64_t info = { 0 };
	mach_vm_size_t size;
	mach_port_t name;

	(void)mach_vm_region(task, &at, &size, VM_REGION_BASIC_INFO_64, (vm_region_info_t)&info, &count, &name);
	return info;
}

static void allocation(void)
{
	mach_vm_address_t a = 0x200000, b;

	GIVES(KERN_SUCCESS, mach_vm_allocate(task, &a, 4 * P, VM_FLAGS_FIXED), "allocate at an address");
	b = a + P;
	GIVES(KERN_NO_SPACE, mach_vm_allocate(task, &b, P, VM_FLAGS_FIXED), "which is taken then");
	put(a + P, 1);
	GIVES(KERN_SUCCESS, mach_vm_allocate(task, &b, P, VM_FLAGS_OVERWRITE), "unless overwriting is asked for");
	holds(get(a + P) == 0, "the new memory is zero");
	GIVES(KERN_SUCCESS, mach_vm_allocate(task, &b, 2UL << 20, VM_FLAGS_ANYWHERE | VM_FLAGS_SUPERPAGE_SIZE_2MB), "allocate for large pages");
	holds((b & ((2UL << 20) - 1)) == 0, "the address is a multiple of 2 MiB");
	put(b + P, 5);
	holds(get(b + P) == 5, "it can be used");
	GIVES(KERN_SUCCESS, mach_vm_deallocate(task, b, 2UL << 20), "deallocate it");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_allocate(task, &b, P, VM_FLAGS_ANYWHERE | VM_FLAGS_SUPERPAGE_SIZE_2MB), "a small size for large pages");
	b = 0x1000;
	GIVES(KERN_INVALID_ADDRESS, mach_vm_allocate(task, &b, P, VM_FLAGS_FIXED), "allocate below the address space");
	b = TOP;
	GIVES(KERN_INVALID_ADDRESS, mach_vm_allocate(task, &b, P, VM_FLAGS_FIXED), "allocate above it");
	GIVES(KERN_NO_SPACE, mach_vm_allocate(task, &b, TOP - P, VM_FLAGS_ANYWHERE), "allocate more than there is room for");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_allocate(task, &b, P, 0x100), "a flag that does not exist");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_allocate(mach_host_self(), &b, P, VM_FLAGS_ANYWHERE), "a port that is no task's");
	GIVES(KERN_SUCCESS, mach_vm_deallocate(task, a + P, P), "deallocate in the middle");
	GIVES(KERN_SUCCESS, mach_vm_deallocate(task, a, 4 * P), "deallocate over a hole");
	GIVES(KERN_INVALID_ADDRESS, mach_vm_deallocate(task, TOP, P), "deallocate above the address space");
	holds(get(a) == ~0UL, "what was deallocated is gone");
}

static void attributes(void)
{
	mach_vm_address_t a = allocate(3);
	vm_machine_attribute_val_t value = MATTR_VAL_GET;

	GIVES(KERN_SUCCESS, mach_vm_protect(task, a, P, FALSE, VM_PROT_READ), "protect");
	GIVES(KERN_PROTECTION_FAILURE, mach_vm_write(task, a, (vm_offset_t)&value, 4), "and a write is refused");
	GIVES(KERN_SUCCESS, mach_vm_protect(task, a, P, TRUE, VM_PROT_READ), "lower the maximum");
	GIVES(KERN_PROTECTION_FAILURE, mach_vm_protect(task, a, P, FALSE, VM_PROT_DEFAULT), "and that is the limit");
	GIVES(KERN_SUCCESS, mach_vm_protect(task, a, P, FALSE, VM_PROT_DEFAULT | VM_PROT_COPY), "but of a private copy");
	put(a, 6);
	holds(get(a) == 6 && region(a).max_protection == VM_PROT_DEFAULT, "which can be written");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_protect(task, a, P, FALSE, 0x40), "a protection that does not exist");
	GIVES(KERN_INVALID_ADDRESS, mach_vm_protect(task, NOWHERE, P, FALSE, VM_PROT_READ), "protect nothing");
	GIVES(KERN_SUCCESS, mach_vm_inherit(task, a, P, VM_INHERIT_SHARE), "inherit");
	holds(region(a).inheritance == VM_INHERIT_SHARE, "and region tells it");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_inherit(task, a, P, 3), "donation is not offered");
	GIVES(KERN_INVALID_ADDRESS, mach_vm_inherit(task, NOWHERE, P, VM_INHERIT_COPY), "inherit nothing");
	GIVES(KERN_SUCCESS, mach_vm_behavior_set(task, a, P, VM_BEHAVIOR_SEQUENTIAL), "behavior");
	holds(region(a).behavior == VM_BEHAVIOR_SEQUENTIAL, "and region tells it");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_behavior_set(task, a, P, 99), "a behavior that does not exist");
	GIVES(KERN_INVALID_ADDRESS, mach_vm_behavior_set(task, NOWHERE, P, VM_BEHAVIOR_RANDOM), "behavior of nothing");
	put(a + P, 7);
	GIVES(KERN_SUCCESS, mach_vm_behavior_set(task, a + P, P, VM_BEHAVIOR_CAN_REUSE), "private memory can be reused");
	GIVES(KERN_SUCCESS, mach_vm_behavior_set(task, a + P, P, VM_BEHAVIOR_REUSABLE), "give its contents up");
	holds(get(a + P) == 0, "they are gone");
	GIVES(KERN_SUCCESS, mach_vm_behavior_set(task, a, 3 * P, VM_BEHAVIOR_WILLNEED), "will need");
	GIVES(KERN_SUCCESS, mach_vm_behavior_set(task, a, 3 * P, VM_BEHAVIOR_DONTNEED), "do not need now");
	holds(get(a) == 6, "nothing is lost by that");
	GIVES(KERN_SUCCESS, mach_vm_behavior_set(task, a, P, VM_BEHAVIOR_ZERO), "zero");
	holds(get(a) == 0, "it is");
	GIVES(KERN_SUCCESS, mach_vm_machine_attribute(task, a, P, MATTR_CACHE, &value), "ask for caching");
	holds(value == MATTR_VAL_ON, "it is on");
	value = MATTR_VAL_ICACHE_FLUSH;
	GIVES(KERN_SUCCESS, mach_vm_machine_attribute(task, a, P, MATTR_CACHE, &value), "flush the instruction cache");
	value = MATTR_VAL_OFF;
	GIVES(KERN_NOT_SUPPORTED, mach_vm_machine_attribute(task, a, P, MATTR_CACHE, &value), "turn caching off");
	value = MATTR_VAL_GET;
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_machine_attribute(task, a, P, MATTR_REPLICATE, &value), "an attribute of other machines");
	GIVES(KERN_INVALID_ADDRESS, mach_vm_machine_attribute(task, NOWHERE, P, MATTR_CACHE, &value), "an attribute of nothing");
	GIVES(KERN_SUCCESS, mach_vm_msync(task, a, 3 * P, VM_SYNC_SYNCHRONOUS), "msync of anonymous memory");
	GIVES(KERN_SUCCESS, mach_vm_msync(task, NOWHERE, P, VM_SYNC_SYNCHRONOUS), "msync of nothing");
	GIVES(KERN_INVALID_ADDRESS, mach_vm_msync(task, NOWHERE, P, VM_SYNC_SYNCHRONOUS | VM_SYNC_CONTIGUOUS), "unless it must be contiguous");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_msync(task, a, P, VM_SYNC_SYNCHRONOUS | VM_SYNC_ASYNCHRONOUS), "msync both ways");
	(void)mach_vm_deallocate(task, a, 3 * P);
}

static void contents(void)
{
	mach_vm_address_t a = allocate(8);
	mach_vm_read_entry_t list = { { 0 } };
	mach_msg_type_number_t count = 0;
	mach_vm_size_t size = 0;
	vm_offset_t data = 0;
	uint64_t value = 0;

	put(a + 8, 11);
	put(a + 5 * P, 12);
	GIVES(KERN_SUCCESS, mach_vm_read(task, a + 8, 6 * P, &data, &count), "read");
	holds(count == 6 * P && *(uint64_t *)data == 11 && *(uint64_t *)(data + 5 * P - 8) == 12, "brings the bytes");
	GIVES(KERN_SUCCESS, mach_vm_write(task, a + P + 1, data, count), "write at another place");
	holds(get(a + P + 1) == 11, "puts them there");
	(void)mach_vm_deallocate(self, data, count);
	GIVES(KERN_INVALID_ADDRESS, mach_vm_read(task, NOWHERE, P, &data, &count), "read nothing");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_read(task, a, 1UL << 32, &data, &count), "read more than a count can say");
	GIVES(KERN_INVALID_ADDRESS, mach_vm_write(task, NOWHERE, (vm_offset_t)&value, 8), "write to nothing");
	GIVES(KERN_SUCCESS, mach_vm_copy(task, a + 8, 8, a + 100), "copy");
	holds(get(a + 100) == 11, "within the task");
	GIVES(KERN_INVALID_ADDRESS, mach_vm_copy(task, a, 8, NOWHERE), "copy to nothing");
	GIVES(KERN_INVALID_ADDRESS, mach_vm_copy(task, NOWHERE, 8, a), "copy of nothing");
	list[0] = (struct mach_vm_read_entry){ a + 8, 8 };
	list[1] = (struct mach_vm_read_entry){ a + 100, 2 * P };
	GIVES(KERN_SUCCESS, mach_vm_read_list(task, list, 2), "read a list");
	holds(*(uint64_t *)list[0].address == 11 && *(uint64_t *)list[1].address == 11 && list[1].size == 2 * P, "brings each into the caller");
	(void)mach_vm_deallocate(self, list[0].address, list[0].size);
	(void)mach_vm_deallocate(self, list[1].address, list[1].size);
	list[0].address = NOWHERE;
	GIVES(KERN_INVALID_ADDRESS, mach_vm_read_list(task, list, 1), "read a list of nothing");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_read_list(task, list, VM_MAP_ENTRY_MAX + 1), "a list that is too long");
	GIVES(KERN_SUCCESS, mach_vm_read_overwrite(task, a + 8, 8, (mach_vm_address_t)(uintptr_t)&value, &size), "read over one's own memory");
	holds(value == 11 && size == 8, "brings the bytes there");
	GIVES(KERN_INVALID_ADDRESS, mach_vm_read_overwrite(task, a, 8, NOWHERE, &size), "read over nothing");
	(void)mach_vm_protect(task, a, P, FALSE, VM_PROT_NONE);
	GIVES(KERN_PROTECTION_FAILURE, mach_vm_read_overwrite(task, a, 8, (mach_vm_address_t)(uintptr_t)&value, &size), "read what may not be read");
	GIVES(KERN_PROTECTION_FAILURE, mach_vm_copy(task, a, 8, a + P), "copy what may not be read");
	(void)mach_vm_deallocate(task, a, 8 * P);
}

static void mapping(void)
{
	mach_vm_address_t a = allocate(4), b = 0, c = 0, mine = 0;
	memory_object_size_t size = 4 * P;
	mach_port_t whole = MACH_PORT_NULL, part = MACH_PORT_NULL, fresh = MACH_PORT_NULL, none = MACH_PORT_NULL;
	vm_prot_t current = 0, maximum = 0;
	unsigned names = tap_names();

	put(a + P, 21);
	GIVES(KERN_SUCCESS, mach_vm_map(task, &b, P, 0xffff, VM_FLAGS_ANYWHERE, MACH_PORT_NULL, 0, FALSE, VM_PROT_DEFAULT, VM_PROT_ALL,
					VM_INHERIT_COPY), "map zero-filled memory");
	holds((b & 0xffff) == 0 && get(b) == 0, "aligned by the mask");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_map(task, &b, P, 5, VM_FLAGS_ANYWHERE, MACH_PORT_NULL, 0, FALSE, VM_PROT_READ, VM_PROT_ALL,
						 VM_INHERIT_COPY), "a mask with holes");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_map(task, &b, P, 0, VM_FLAGS_ANYWHERE, MACH_PORT_NULL, 0, FALSE, VM_PROT_ALL, VM_PROT_READ,
						 VM_INHERIT_COPY), "a protection above its maximum");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_map(task, &b, 0, 0, VM_FLAGS_ANYWHERE, MACH_PORT_NULL, 0, FALSE, VM_PROT_READ, VM_PROT_ALL,
						 VM_INHERIT_COPY), "map nothing");
	GIVES(KERN_SUCCESS, mach_make_memory_entry_64(task, &size, a, VM_PROT_DEFAULT, &whole, MACH_PORT_NULL), "a port for memory");
	GIVES(KERN_SUCCESS, mach_vm_map(self, &mine, 4 * P, 0, VM_FLAGS_ANYWHERE, whole, 0, FALSE, VM_PROT_DEFAULT, VM_PROT_DEFAULT,
					VM_INHERIT_SHARE), "is mapped by another task");
	*(volatile uint64_t *)(mine + 2 * P) = 22;
	holds(*(volatile uint64_t *)(mine + P) == 21 && get(a + 2 * P) == 22, "both see the same memory");
	GIVES(KERN_SUCCESS, mach_vm_map(self, &c, P, 0, VM_FLAGS_ANYWHERE, whole, P, TRUE, VM_PROT_ALL, VM_PROT_ALL, VM_INHERIT_COPY), "or a copy");
	put(a + P, 23);
	holds(*(volatile uint64_t *)c == 21 && *(volatile uint64_t *)(mine + P) == 23, "which does not change");
	(void)mach_vm_deallocate(self, c, P);
	GIVES(KERN_INVALID_RIGHT, mach_vm_map(self, &c, P, 0, VM_FLAGS_ANYWHERE, whole, 0, FALSE, VM_PROT_ALL, VM_PROT_ALL, VM_INHERIT_COPY),
	      "map with more rights than the entry has");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_map(self, &c, 2 * P, 0, VM_FLAGS_ANYWHERE, whole, 3 * P, FALSE, VM_PROT_READ, VM_PROT_READ,
						 VM_INHERIT_COPY), "map more than the entry has");
	size = P;
	GIVES(KERN_SUCCESS, mach_make_memory_entry_64(task, &size, P, VM_PROT_READ, &part, whole), "a part of an entry, to read");
	GIVES(KERN_PROTECTION_FAILURE, mach_make_memory_entry_64(task, &size, 0, VM_PROT_DEFAULT, &none, part), "and no more of that");
	GIVES(KERN_INVALID_ARGUMENT, mach_make_memory_entry_64(task, &size, P, VM_PROT_READ, &none, part), "nor beyond it");
	GIVES(KERN_INVALID_ARGUMENT, mach_make_memory_entry_64(task, &size, 0, VM_PROT_READ, &none, task), "a part of what is no entry");
	c = 0;
	GIVES(KERN_SUCCESS, mach_vm_map(self, &c, P, 0, VM_FLAGS_ANYWHERE, part, 0, FALSE, VM_PROT_READ, VM_PROT_READ, VM_INHERIT_COPY), "map the part");
	holds(*(volatile uint64_t *)c == 23, "it is that memory");
	(void)mach_vm_deallocate(self, c, P);
	size = 2 * P;
	GIVES(KERN_SUCCESS, mach_make_memory_entry_64(task, &size, 0, VM_PROT_DEFAULT | MAP_MEM_NAMED_CREATE, &fresh, MACH_PORT_NULL), "new memory in no map");
	c = 0;
	GIVES(KERN_SUCCESS, mach_vm_map(task, &c, 2 * P, 0, VM_FLAGS_ANYWHERE, fresh, 0, FALSE, VM_PROT_DEFAULT, VM_PROT_DEFAULT, VM_INHERIT_SHARE),
	      "which a task maps");
	holds(get(c) == 0, "and finds zero");
	GIVES(KERN_INVALID_ADDRESS, mach_make_memory_entry_64(task, &size, NOWHERE, VM_PROT_READ, &none, MACH_PORT_NULL), "a port for nothing");
	GIVES(KERN_INVALID_VALUE, mach_make_memory_entry_64(task, &size, a, 0x1000, &none, MACH_PORT_NULL), "a flag that does not exist");
	GIVES(KERN_NOT_SUPPORTED, mach_make_memory_entry_64(task, &size, a, MAP_MEM_ONLY, &none, MACH_PORT_NULL), "another caching");
	(void)mach_port_deallocate(self, whole);
	(void)mach_port_deallocate(self, part);
	(void)mach_port_deallocate(self, fresh);
	holds(*(volatile uint64_t *)(mine + P) == 23 && tap_names() == names, "mappings outlive the ports");
	(void)mach_vm_deallocate(self, mine, 4 * P);

	b = 0;
	GIVES(KERN_SUCCESS, mach_vm_remap(self, &b, 2 * P, 0, VM_FLAGS_ANYWHERE, task, a + P, FALSE, &current, &maximum, VM_INHERIT_NONE), "remap");
	holds(current == VM_PROT_DEFAULT && maximum == VM_PROT_ALL && *(volatile uint64_t *)b == 23, "shares, and tells the rights");
	*(volatile uint64_t *)b = 24;
	holds(get(a + P) == 24, "in both directions");
	(void)mach_vm_deallocate(self, b, 2 * P);
	GIVES(KERN_INVALID_ADDRESS, mach_vm_remap(self, &b, P, 0, VM_FLAGS_ANYWHERE, task, NOWHERE, FALSE, &current, &maximum, VM_INHERIT_NONE), "remap nothing");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_remap(self, &b, 0, 0, VM_FLAGS_ANYWHERE, task, a, FALSE, &current, &maximum, VM_INHERIT_NONE), "remap no bytes");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_remap(self, &b, P, 0, VM_FLAGS_ANYWHERE, mach_host_self(), a, FALSE, &current, &maximum,
						   VM_INHERIT_NONE), "remap of what is no task");
	(void)mach_vm_deallocate(task, a, 4 * P);
}

static void questions(void)
{
	mach_vm_address_t a = allocate(4), at = a;
	mach_msg_type_number_t count = VM_REGION_EXTENDED_INFO_COUNT;
	vm_region_extended_info_data_t extended;
	vm_region_submap_info_data_64_t submap;
	vm_region_top_info_data_t top;
	vm_page_info_basic_data_t page;
	int disposition = 0, references = 0, list[8] = { 0 };
	mach_vm_size_t size = 0, n = 8;
	natural_t depth = 3;
	mach_port_t name;

	put(a + P, 31);
	GIVES(KERN_SUCCESS, mach_vm_region(task, &at, &size, VM_REGION_EXTENDED_INFO, (vm_region_info_t)&extended, &count, &name), "region, extended");
	holds(extended.pages_resident == 1 && extended.share_mode == SM_PRIVATE, "counts the pages");
	count = VM_REGION_TOP_INFO_COUNT;
	GIVES(KERN_SUCCESS, mach_vm_region(task, &at, &size, VM_REGION_TOP_INFO, (vm_region_info_t)&top, &count, &name), "region, top");
	holds(top.private_pages_resident == 1 && top.ref_count == 1, "tells of the object");
	count = VM_REGION_SUBMAP_INFO_COUNT_64;
	GIVES(KERN_SUCCESS, mach_vm_region_recurse(task, &at, &size, &depth, (vm_region_recurse_info_t)&submap, &count), "region, recursive");
	holds(at == a && depth == 0 && !submap.is_submap && submap.pages_resident == 1, "no map has maps inside");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_region(task, &at, &size, 99, (vm_region_info_t)&top, &count, &name), "a flavour that does not exist");
	count = 2;
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_region(task, &at, &size, VM_REGION_TOP_INFO, (vm_region_info_t)&top, &count, &name), "too little room");
	at = TOP - 1;
	count = VM_REGION_TOP_INFO_COUNT;
	GIVES(KERN_INVALID_ADDRESS, mach_vm_region(task, &at, &size, VM_REGION_TOP_INFO, (vm_region_info_t)&top, &count, &name), "a region above all");
	GIVES(KERN_SUCCESS, mach_vm_page_query(task, a + P, &disposition, &references), "ask for a page");
	holds((disposition & VM_PAGE_QUERY_PAGE_PRESENT) && (disposition & VM_PAGE_QUERY_PAGE_DIRTY) && references == 1, "it is there, and was written");
	GIVES(KERN_INVALID_ADDRESS, mach_vm_page_query(task, TOP, &disposition, &references), "a page above all");
	count = VM_PAGE_INFO_BASIC_COUNT;
	GIVES(KERN_SUCCESS, mach_vm_page_info(task, a + P, VM_PAGE_INFO_BASIC, (vm_page_info_t)&page, &count), "page info");
	holds(page.depth == 0 && (page.disposition & VM_PAGE_QUERY_PAGE_PRESENT), "tells of its object");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_page_info(task, a, 7, (vm_page_info_t)&page, &count), "another flavour of it");
	GIVES(KERN_SUCCESS, mach_vm_page_range_query(task, a, 4 * P, (mach_vm_address_t)(uintptr_t)list, &n), "ask for a range of pages");
	holds(n == 4 && list[0] == 0 && (list[1] & VM_PAGE_QUERY_PAGE_PRESENT), "into one's own memory");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_page_range_query(task, a, 0, (mach_vm_address_t)(uintptr_t)list, &n), "no range");
	GIVES(KERN_INVALID_ADDRESS, mach_vm_page_range_query(task, a, P, NOWHERE, &n), "into nothing");
	(void)mach_vm_deallocate(task, a, 4 * P);
}

static int purgable(mach_vm_address_t at, vm_purgable_t control, int state)
{
	return mach_vm_purgable_control(task, at, control, &state) == KERN_SUCCESS ? state : -1;
}

static void volatile_memory(void)
{
	mach_vm_address_t a = 0, plain = allocate(1);
	int state = 0;

	GIVES(KERN_SUCCESS, mach_vm_allocate(task, &a, 2 * P, VM_FLAGS_ANYWHERE | VM_FLAGS_PURGABLE), "purgable memory");
	put(a, 41);
	holds(purgable(a, VM_PURGABLE_GET_STATE, 0) == VM_PURGABLE_NONVOLATILE, "is not volatile at first");
	holds(purgable(a, VM_PURGABLE_SET_STATE, VM_PURGABLE_VOLATILE) == VM_PURGABLE_NONVOLATILE && get(a) == 41, "volatile memory can be read");
	holds(purgable(a, VM_PURGABLE_PURGE_ALL, 0) == 0 && purgable(a, VM_PURGABLE_SET_STATE, VM_PURGABLE_NONVOLATILE) == VM_PURGABLE_EMPTY,
	      "and be emptied, which one is told");
	holds(get(a) == 0, "then it is zero");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_purgable_control(task, plain, VM_PURGABLE_GET_STATE, &state), "other memory is not purgable");
	GIVES(KERN_INVALID_ADDRESS, mach_vm_purgable_control(task, NOWHERE, VM_PURGABLE_GET_STATE, &state), "nor is nothing");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_purgable_control(task, a, 17, &state), "a control that does not exist");
	(void)mach_vm_protect(task, a, P, FALSE, VM_PROT_READ);
	GIVES(KERN_PROTECTION_FAILURE, mach_vm_purgable_control(task, a, VM_PURGABLE_GET_STATE, &state), "memory that may not be written");
	(void)mach_vm_deallocate(task, a, 2 * P);
	(void)mach_vm_deallocate(task, plain, P);
}

static void wiring(void)
{
	mach_port_t control = mach_host_self();
	mach_vm_address_t a = allocate(100), huge = 0, there = 0;

	GIVES(KERN_SUCCESS, mach_vm_wire(control, task, a, 100 * P, VM_PROT_READ), "wire");
	holds(region(a).user_wired_count == 1, "region tells it");
	put(a + 50 * P, 51);
	GIVES(KERN_SUCCESS, vm_wire(control, task, a, P, VM_PROT_DEFAULT), "by its older name");
	holds(region(a).user_wired_count == 2, "twice");
	GIVES(KERN_SUCCESS, mach_vm_wire(control, task, a, 100 * P, VM_PROT_NONE), "unwire");
	holds(region(a).user_wired_count == 1 && get(a + 50 * P) == 51, "once");
	GIVES(KERN_INVALID_HOST, mach_vm_wire(task, task, a, P, VM_PROT_READ), "wire without the host's control port");
	GIVES(KERN_INVALID_TASK, mach_vm_wire(control, control, a, P, VM_PROT_READ), "wire what is no task's");
	GIVES(KERN_INVALID_ARGUMENT, mach_vm_wire(control, task, a, P, 0x40), "wire for an access that does not exist");
	GIVES(KERN_INVALID_ADDRESS, mach_vm_wire(control, task, NOWHERE, P, VM_PROT_READ), "wire nothing");
	(void)mach_vm_protect(task, a + P, P, FALSE, VM_PROT_READ);
	GIVES(KERN_PROTECTION_FAILURE, mach_vm_wire(control, task, a + P, P, VM_PROT_WRITE), "wire for a write that is not allowed");
	if (mach_vm_allocate(task, &huge, 1UL << 30, VM_FLAGS_ANYWHERE) == KERN_SUCCESS)
		GIVES(KERN_RESOURCE_SHORTAGE, mach_vm_wire(control, task, huge, 1UL << 30, VM_PROT_READ), "wire more than there is");
	holds(region(huge).user_wired_count == 0, "leaves none of it wired");
	(void)mach_vm_deallocate(task, huge, 1UL << 30);
	(void)mach_vm_deallocate(task, a, 100 * P);
	GIVES(KERN_FAILURE, vm_allocate_cpm(control, task, &there, P, VM_FLAGS_ANYWHERE), "contiguous memory is not offered");
	GIVES(KERN_SUCCESS, task_wire(task, TRUE), "a task whose new memory is wired");
	a = allocate(2);
	holds(region(a).user_wired_count == 1, "it is");
	GIVES(KERN_SUCCESS, task_wire(task, FALSE), "no longer");
	(void)mach_vm_deallocate(task, a, 2 * P);
	GIVES(KERN_INVALID_ARGUMENT, task_wire(control, TRUE), "what is no task");
}

static bool is_wired_here(void *at)
{
	mach_vm_address_t address = (mach_vm_address_t)(uintptr_t)at;
	mach_vm_size_t size = 0;
	vm_region_basic_info_data_64_t info = { 0 };
	mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
	mach_port_t object = MACH_PORT_NULL;

	return mach_vm_region(self, &address, &size, VM_REGION_BASIC_INFO_64, (vm_region_info_t)&info, &count, &object) == KERN_SUCCESS &&
	       address == (mach_vm_address_t)(uintptr_t)at && info.user_wired_count == 1;
}

/* What the Linux personality gives this task. */
static void wiring_of_our_own(void)
{
	const int how = MAP_PRIVATE | MAP_ANONYMOUS;
	char *memory, *guard;
	uint64_t end;

	GIVES(KERN_SUCCESS, task_wire(self, TRUE), "our own new memory is wired");
	memory = mmap(NULL, 2 * P, PROT_READ | PROT_WRITE, how, -1, 0);
	guard = mmap(NULL, P, PROT_NONE, how, -1, 0);
	holds(memory != MAP_FAILED && is_wired_here(memory), "what mmap gives, too");
	holds(guard != MAP_FAILED && !is_wired_here(guard), "but for what nobody may touch");
	holds(mmap(NULL, 1UL << 30, PROT_READ | PROT_WRITE, how, -1, 0) == MAP_FAILED && errno == EAGAIN, "more than there is cannot be had");
	end = ((uint64_t)syscall(SYS_brk, 0) + P - 1) & ~(P - 1);
	holds((uint64_t)syscall(SYS_brk, end + 2 * P) == end + 2 * P && is_wired_here((void *)end), "and what brk gives");
	GIVES(KERN_SUCCESS, task_wire(self, FALSE), "no longer");
	(void)munmap(memory, 2 * P);
	(void)munmap(guard, P);
}

static void older_names(void)
{
	vm_address_t a = 0, b = 0, at;
	mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
	vm_region_basic_info_data_64_t info;
	vm_size_t size = 0, bytes = P;
	vm_offset_t data = 0;
	vm_prot_t current, maximum;
	mach_port_t port = MACH_PORT_NULL, name;
	int disposition, references, value = MATTR_VAL_GET, state = 0;
	vm_region_submap_info_data_64_t submap;
	natural_t depth = 0;
	vm_read_entry_t list;
	uint64_t word = 61;

	GIVES(KERN_SUCCESS, vm_allocate(task, &a, 4 * P, VM_FLAGS_ANYWHERE), "vm_allocate");
	GIVES(KERN_SUCCESS, vm_write(task, a, (vm_offset_t)&word, sizeof(word)), "vm_write");
	GIVES(KERN_SUCCESS, vm_copy(task, a, 8, a + P), "vm_copy");
	GIVES(KERN_SUCCESS, vm_read(task, a + P, 8, &data, &count), "vm_read");
	holds(*(uint64_t *)data == 61, "brings what was written");
	(void)vm_deallocate(self, data, count);
	GIVES(KERN_SUCCESS, vm_read_overwrite(task, a, 8, (vm_address_t)&word, &size), "vm_read_overwrite");
	list[0] = (struct vm_read_entry){ a, 8 };
	GIVES(KERN_SUCCESS, vm_read_list(task, list, 1), "vm_read_list");
	(void)vm_deallocate(self, list[0].address, 8);
	GIVES(KERN_SUCCESS, vm_protect(task, a, P, FALSE, VM_PROT_READ), "vm_protect");
	GIVES(KERN_SUCCESS, vm_inherit(task, a, P, VM_INHERIT_NONE), "vm_inherit");
	GIVES(KERN_SUCCESS, vm_behavior_set(task, a, P, VM_BEHAVIOR_RANDOM), "vm_behavior_set");
	GIVES(KERN_SUCCESS, vm_msync(task, a, P, VM_SYNC_ASYNCHRONOUS), "vm_msync");
	GIVES(KERN_SUCCESS, vm_machine_attribute(task, a, P, MATTR_CACHE, &value), "vm_machine_attribute");
	at = a;
	count = VM_REGION_BASIC_INFO_COUNT_64;
	GIVES(KERN_SUCCESS, vm_region_64(task, &at, &size, VM_REGION_BASIC_INFO_64, (vm_region_info_t)&info, &count, &name), "vm_region_64");
	holds(info.protection == VM_PROT_READ && info.inheritance == VM_INHERIT_NONE && info.behavior == VM_BEHAVIOR_RANDOM, "tells all of it");
	GIVES(KERN_SUCCESS, vm_region(task, &at, &size, VM_REGION_BASIC_INFO, (vm_region_info_t)&info, &count, &name), "vm_region");
	count = VM_REGION_SUBMAP_INFO_COUNT_64;
	GIVES(KERN_SUCCESS, vm_region_recurse(task, &at, &size, &depth, (vm_region_recurse_info_t)&submap, &count), "vm_region_recurse");
	GIVES(KERN_SUCCESS, vm_region_recurse_64(task, &at, &size, &depth, (vm_region_recurse_info_t)&submap, &count), "vm_region_recurse_64");
	GIVES(KERN_SUCCESS, vm_map_page_query(task, a, &disposition, &references), "vm_map_page_query");
	GIVES(KERN_SUCCESS, vm_map(task, &b, P, 0, VM_FLAGS_ANYWHERE, MACH_PORT_NULL, 0, FALSE, VM_PROT_DEFAULT, VM_PROT_ALL, VM_INHERIT_COPY), "vm_map");
	b = 0;
	GIVES(KERN_SUCCESS, vm_map_64(task, &b, P, 0, VM_FLAGS_ANYWHERE, MACH_PORT_NULL, 0, FALSE, VM_PROT_DEFAULT, VM_PROT_ALL, VM_INHERIT_COPY), "vm_map_64");
	b = 0;
	GIVES(KERN_SUCCESS, vm_remap(task, &b, P, 0, VM_FLAGS_ANYWHERE, task, a, TRUE, &current, &maximum, VM_INHERIT_COPY), "vm_remap");
	GIVES(KERN_SUCCESS, mach_make_memory_entry(task, &bytes, a, VM_PROT_READ, &port, MACH_PORT_NULL), "mach_make_memory_entry");
	(void)mach_port_deallocate(self, port);
	GIVES(KERN_PROTECTION_FAILURE, vm_purgable_control(task, b, VM_PURGABLE_GET_STATE, &state), "vm_purgable_control");
	GIVES(KERN_SUCCESS, vm_deallocate(task, a, 4 * P), "vm_deallocate");
	GIVES(KERN_INVALID_ADDRESS, vm_deallocate(task, TOP, P), "with the same errors");
}

/* Memory that siblings share, and that outlives who made it. */
static void siblings(void)
{
	mach_vm_address_t a = 0;
	mach_port_t first = MACH_PORT_NULL, second = MACH_PORT_NULL, was = task;
	mach_vm_size_t size;
	uint64_t value = 71, seen = 0;

	(void)mach_vm_allocate(self, &a, P, VM_FLAGS_ANYWHERE);
	(void)mach_vm_inherit(self, a, P, VM_INHERIT_SHARE);
	*(volatile uint64_t *)a = 70;
	GIVES(KERN_SUCCESS, task_create(self, NULL, 0, TRUE, &first), "a child that inherits");
	GIVES(KERN_SUCCESS, task_create(first, NULL, 0, TRUE, &second), "and its child");
	GIVES(KERN_SUCCESS, mach_vm_write(second, a, (vm_offset_t)&value, 8), "which writes");
	(void)mach_vm_read_overwrite(first, a, 8, (mach_vm_address_t)(uintptr_t)&seen, &size);
	holds(seen == 71 && *(volatile uint64_t *)a == 71, "all three see it");
	(void)mach_vm_deallocate(self, a, P);
	(void)task_terminate(first);
	task = second;
	holds(get(a) == 71, "and the last one keeps it");
	(void)task_terminate(second);
	(void)mach_port_deallocate(self, first);
	(void)mach_port_deallocate(self, second);
	task = was;
}

/* Much memory, filled in order: the kernel uses large pages, which nobody can tell but by the time it takes. */
static void much_memory(void)
{
	const mach_vm_size_t bytes = 12UL << 20;
	mach_vm_address_t a = 0, at;
	mach_port_t child = MACH_PORT_NULL;
	uint64_t seen = 0, wrong = 0;
	mach_vm_size_t size;

	(void)mach_vm_allocate(self, &a, bytes, VM_FLAGS_ANYWHERE);
	for (at = a; at < a + bytes; at += 8)
		*(volatile uint64_t *)at = at;
	for (at = a; at < a + bytes; at += 8)
		wrong += *(volatile uint64_t *)at != at;
	holds(wrong == 0, "12 MiB filled in order have every byte right");
	GIVES(KERN_SUCCESS, task_create(self, NULL, 0, TRUE, &child), "a child gets a copy");
	for (at = a; at < a + bytes; at += P)
		*(volatile uint64_t *)at = 1;
	for (at = a; at < a + bytes; at += 64 * P) {
		(void)mach_vm_read_overwrite(child, at, 8, (mach_vm_address_t)(uintptr_t)&seen, &size);
		wrong += seen != at || *(volatile uint64_t *)at != 1 || *(volatile uint64_t *)(at + 8) != at + 8;
	}
	holds(wrong == 0, "which does not change with the parent's");
	(void)task_terminate(child);
	(void)mach_port_deallocate(self, child);
	GIVES(KERN_SUCCESS, mach_vm_protect(self, a + (4UL << 20) + P, P, FALSE, VM_PROT_READ), "one page in it is protected");
	GIVES(KERN_SUCCESS, mach_vm_deallocate(self, a + (6UL << 20) + 8 * P, P), "another is unmapped");
	for (at = a; at < a + bytes; at += P)
		if (at != a + (6UL << 20) + 8 * P)
			wrong += *(volatile uint64_t *)at != 1 || *(volatile uint64_t *)(at + 8) != at + 8;
	holds(wrong == 0, "all others are as they were");
	GIVES(KERN_SUCCESS, mach_vm_deallocate(self, a, bytes), "and it goes");
}

int main(void)
{
	self = mach_task_self();
	if (task_create(self, NULL, 0, FALSE, &task) != KERN_SUCCESS)
		return 1;
	allocation();
	attributes();
	contents();
	mapping();
	questions();
	volatile_memory();
	wiring();
	wiring_of_our_own();
	older_names();
	siblings();
	much_memory();
	(void)task_terminate(task);
	GIVES(MACH_SEND_INVALID_DEST, mach_vm_deallocate(task, 0x200000, P), "a task that has ended has no memory");
	return tap_done();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Description: the calls of mach_vm.defs as the kernel serves them: what they do, refuse, consume and give out. */
#include <host/host.h>
#include <host/test.h>
#include <ipc/ipc_port.h>
#include <kern/ipc_kobject_calls.h>
#include <kern/task.h>
#include <kernel/mach_vm_server.h>
#include <kernel/vm_map_server.h>
#include <mach/vm_attributes.h>
#include <mach/vm_memory_entry.h>
#include <mach/vm_purgable.h>
#include <mach/vm_region.h>
#include <mach/vm_sync.h>
#include <vm/vm_device_pager.h>
#include <vm/vm_fault.h>
#include <vm/vm_map.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_named_entry.h>
#include <vm/vm_object.h>
#include <vm/vm_purgable.h>
#include <vm/vm_user.h>

#include "arena.h"
#include "fake_pmap.h"
#include "fake_port.h"

static void VMUS0001_calls_do_what_they_say(void **state)
{
	const struct mach_vm_ops *c = &mach_vm_calls;
	struct task self = { .map = vm_map_create() };
	struct vm_map *map = self.map;
	uint64_t before = arena_free_pages();
	mach_vm_address_t a = 0, at, size;
	struct vm_map_copy *copy;
	mach_msg_type_number_t count;
	vm_region_basic_info_data_64_t info;
	mach_port_t name;
	uint64_t v = 7;

	host_become(&self);
	assert_int_equal(c->mach_vm_allocate(map, &a, 5 * PAGE_SIZE, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
	copy = vm_map_copy_from_kernel(&v, sizeof(v));
	assert_int_equal(c->mach_vm_write(map, a + 4, copy, sizeof(v)), KERN_SUCCESS);
	assert_int_equal(c->mach_vm_copy(map, a + 4, 8, a + PAGE_SIZE - 4), KERN_SUCCESS);
	assert_int_equal(c->mach_vm_read_overwrite(map, a + PAGE_SIZE - 4, 8, a + 100, &size), KERN_SUCCESS);
	assert_int_equal(size, 8);
	assert_int_equal(c->mach_vm_read(map, a + 100, 8, &copy, &count), KERN_SUCCESS);
	assert_int_equal(count, 8);
	v = 0;
	assert_int_equal(vm_map_copy_to_kernel(copy, 0, &v, 8), KERN_SUCCESS);
	assert_int_equal(v, 7);
	vm_map_copy_discard(copy);
	assert_int_equal(c->mach_vm_protect(map, a, PAGE_SIZE, FALSE, VM_PROT_READ), KERN_SUCCESS);
	assert_int_equal(c->mach_vm_inherit(map, a, PAGE_SIZE, VM_INHERIT_NONE), KERN_SUCCESS);
	at = 0;
	count = VM_REGION_BASIC_INFO_COUNT_64;
	assert_int_equal(c->mach_vm_region(map, &at, &size, VM_REGION_BASIC_INFO_64, (int *)&info, &count, &name),
			 KERN_SUCCESS);
	assert_true(at == a && size == PAGE_SIZE && name == MACH_PORT_NULL);
	assert_int_equal(info.protection, VM_PROT_READ);
	assert_int_equal(info.max_protection, VM_PROT_ALL);
	assert_int_equal(info.inheritance, VM_INHERIT_NONE);
	assert_int_equal(c->mach_vm_deallocate(map, a, 5 * PAGE_SIZE), KERN_SUCCESS);
	assert_int_equal(c->mach_vm_region(map, &at, &size, VM_REGION_BASIC_INFO_64, (int *)&info, &count, &name),
			 KERN_INVALID_ADDRESS);
	assert_int_equal(vm_object_count(), 0);
	host_become(NULL);
	vm_map_deallocate(map);
	assert_true(arena_free_pages() >= before);
}

static void VMUS0002_failures_consume_nothing(void **state)
{
	const struct mach_vm_ops *c = &mach_vm_calls;
	struct vm_map *map = vm_map_create();
	mach_vm_address_t a = 0, size;
	struct vm_map_copy *copy = vm_map_copy_from_kernel("abc", 4), *out = NULL;
	mach_msg_type_number_t count = 1;
	vm_prot_t cur, max;
	int info[32];
	mach_port_t name;

	assert_int_equal(c->mach_vm_write(map, 0x10000, copy, 4), KERN_INVALID_ADDRESS);
	assert_int_equal(c->mach_vm_write(NULL, 0x10000, copy, 4), KERN_INVALID_ARGUMENT);
	vm_map_copy_discard(copy);
	assert_int_equal(c->mach_vm_write(map, 0x10000, NULL, 0), KERN_SUCCESS);
	assert_int_equal(c->mach_vm_allocate(NULL, &a, 1, VM_FLAGS_ANYWHERE), KERN_INVALID_ARGUMENT);
	assert_int_equal(c->mach_vm_allocate(map, &a, 1, 0x100), KERN_INVALID_ARGUMENT);
	assert_int_equal(c->mach_vm_deallocate(NULL, 0, 1), KERN_INVALID_ARGUMENT);
	assert_int_equal(c->mach_vm_deallocate(map, UINT64_MAX, UINT64_MAX), KERN_INVALID_ADDRESS);
	assert_int_equal(c->mach_vm_read(map, 0x10000, 1UL << 32, &out, &count), KERN_INVALID_ARGUMENT);
	assert_int_equal(c->mach_vm_read(map, 0x10000, 1, &out, &count), KERN_INVALID_ADDRESS);
	assert_null(out);
	assert_int_equal(c->mach_vm_copy(map, 0x10000, 8, 0x20000), KERN_INVALID_ADDRESS);
	assert_int_equal(c->mach_vm_allocate(map, &a, PAGE_SIZE, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
	assert_int_equal(c->mach_vm_copy(map, a, 8, 0x20000), KERN_INVALID_ADDRESS);
	assert_int_equal(c->mach_vm_inherit(map, a, 8, 9), KERN_INVALID_ARGUMENT);
	assert_int_equal(c->mach_vm_protect(map, a, 8, FALSE, 0x40), KERN_INVALID_ARGUMENT);
	assert_int_equal(c->mach_vm_region(map, &a, &size, VM_REGION_BASIC_INFO_64, info, &count, &name),
			 KERN_INVALID_ARGUMENT);
	assert_int_equal(c->mach_vm_region(map, &a, &size, 1, info, &count, &name), KERN_INVALID_ARGUMENT);
	assert_int_equal(c->mach_vm_remap(map, &a, 8, 0, VM_FLAGS_ANYWHERE, NULL, a, FALSE, &cur, &max,
					  VM_INHERIT_COPY), KERN_INVALID_ARGUMENT);
	assert_int_equal(c->mach_vm_map(map, &a, 8, 5, VM_FLAGS_ANYWHERE, MACH_PORT_NULL, 0, FALSE,
					VM_PROT_READ, VM_PROT_ALL, VM_INHERIT_COPY), KERN_INVALID_ARGUMENT);
	assert_int_equal(c->mach_vm_map(map, &a, 8, 0xffff, VM_FLAGS_ANYWHERE, MACH_PORT_NULL, 0, FALSE,
					VM_PROT_READ, VM_PROT_ALL, VM_INHERIT_COPY), KERN_SUCCESS);
	assert_int_equal(a & 0xffff, 0);
	vm_map_deallocate(map);
	assert_int_equal(vm_object_count(), 0);
}

/* ---- every call of mach_vm.defs, what it does and every error it can give ---- */

#define C (&mach_vm_calls)
#define OK(call) assert_int_equal(call, KERN_SUCCESS)
#define ERR(error, call) assert_int_equal(call, error)
#define P PAGE_SIZE

static struct task player;
static uint64_t pages_before;

/* A task with an empty map, who calls. */
static struct vm_map *begin(void)
{
	pages_before = arena_free_pages();
	player.map = vm_map_create();
	assert_non_null(player.map);
	host_become(&player);
	return player.map;
}

static void finish(void)
{
	host_become(NULL);
	vm_map_deallocate(player.map);
	assert_int_equal(vm_object_count(), 0);
	assert_int_equal(fake_mappings, 0);
	assert_int_equal(fake_ports, 0);
	assert_int_equal(vm_map_wired_pages(), 0);
	assert_true(arena_free_pages() >= pages_before);
}

static mach_vm_address_t memory(struct vm_map *map, uint64_t pages)
{
	mach_vm_address_t a = 0;

	OK(C->mach_vm_allocate(map, &a, pages * P, VM_FLAGS_ANYWHERE));
	return a;
}

static void put(struct vm_map *map, uint64_t at, uint64_t v)
{
	OK(user_write(map, at, &v, 8));
}

static uint64_t get(struct vm_map *map, uint64_t at)
{
	uint64_t v = 0;

	OK(user_read(map, at, &v, 8));
	return v;
}

static vm_region_basic_info_data_64_t basic(struct vm_map *map, uint64_t at)
{
	mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
	vm_region_basic_info_data_64_t info;
	mach_vm_size_t size;
	mach_port_t name;

	OK(C->mach_vm_region(map, &at, &size, VM_REGION_BASIC_INFO_64, (int *)&info, &count, &name));
	return info;
}

static void VMUS0010_allocate_fixed_anywhere_overwrite_large_tagged(void **state)
{
	struct vm_map *map = begin();
	mach_vm_address_t a = 0x100000, b, z = 77;
	mach_msg_type_number_t count = VM_REGION_EXTENDED_INFO_COUNT;
	vm_region_extended_info_data_t info;
	mach_vm_size_t size;
	mach_port_t name;

	OK(C->mach_vm_allocate(map, &a, 3 * P, VM_FLAGS_FIXED));
	assert_int_equal(a, 0x100000);
	put(map, a + P, 5);
	b = a + P;
	ERR(KERN_NO_SPACE, C->mach_vm_allocate(map, &b, P, VM_FLAGS_FIXED));
	OK(C->mach_vm_allocate(map, &b, P, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE));
	assert_int_equal(get(map, a + P), 0);
	b = a;
	OK(C->mach_vm_allocate(map, &b, P, VM_FLAGS_ANYWHERE | VM_MAKE_TAG(240)));
	assert_true(b >= a + 3 * P);
	OK(C->mach_vm_region(map, &b, &size, VM_REGION_EXTENDED_INFO, (int *)&info, &count, &name));
	assert_int_equal(info.user_tag, 240);
	OK(C->mach_vm_allocate(map, &z, 0, VM_FLAGS_ANYWHERE));
	assert_int_equal(z, 0);
	b = 0;
	OK(C->mach_vm_allocate(map, &b, 4UL << 20, VM_FLAGS_ANYWHERE | VM_FLAGS_SUPERPAGE_SIZE_2MB));
	assert_int_equal(b & ((2UL << 20) - 1), 0);
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_allocate(map, &b, 3UL << 20, VM_FLAGS_ANYWHERE | VM_FLAGS_SUPERPAGE_SIZE_2MB));
	b = 0x300000;
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_allocate(map, &b, 2UL << 20, VM_FLAGS_SUPERPAGE_SIZE_2MB));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_allocate(map, &b, P, 7 << VM_FLAGS_SUPERPAGE_SHIFT));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_allocate(map, &b, P, 0x100));
	b = 0x1000;
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_allocate(map, &b, P, VM_FLAGS_FIXED));
	b = VM_MAX_ADDRESS - P;
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_allocate(map, &b, 2 * P, VM_FLAGS_FIXED));
	ERR(KERN_NO_SPACE, C->mach_vm_allocate(map, &b, VM_MAX_ADDRESS - P, VM_FLAGS_ANYWHERE));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_allocate(NULL, &b, P, VM_FLAGS_ANYWHERE));
	finish();
}

static void VMUS0011_deallocate(void **state)
{
	struct vm_map *map = begin();
	mach_vm_address_t a = memory(map, 4);
	uint64_t v = 1;

	put(map, a + P, 1);
	OK(C->mach_vm_deallocate(map, a + P + 5, 1)); /* its whole page */
	ERR(KERN_INVALID_ADDRESS, user_read(map, a + P, &v, 8));
	OK(C->mach_vm_deallocate(map, a, 4 * P)); /* with a hole */
	OK(C->mach_vm_deallocate(map, a, 0));
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_deallocate(map, VM_MAX_ADDRESS, P));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_deallocate(NULL, a, P));
	finish();
}

static void VMUS0012_protect_current_maximum_and_copy(void **state)
{
	struct vm_map *map = begin();
	mach_vm_address_t a = memory(map, 3), b = 0;
	vm_prot_t cur, max;
	uint64_t v = 9;

	put(map, a, 3);
	OK(C->mach_vm_protect(map, a, P, FALSE, VM_PROT_READ));
	ERR(KERN_PROTECTION_FAILURE, user_write(map, a, &v, 8));
	OK(C->mach_vm_protect(map, a, P, FALSE, VM_PROT_DEFAULT));
	put(map, a, 4);
	OK(C->mach_vm_protect(map, a, P, TRUE, VM_PROT_READ));
	assert_int_equal(basic(map, a).protection, VM_PROT_READ);
	assert_int_equal(basic(map, a).max_protection, VM_PROT_READ);
	ERR(KERN_PROTECTION_FAILURE, C->mach_vm_protect(map, a, P, FALSE, VM_PROT_DEFAULT));
	ERR(KERN_PROTECTION_FAILURE, C->mach_vm_protect(map, a, 2 * P, FALSE, VM_PROT_DEFAULT));
	assert_int_equal(basic(map, a + P).protection, VM_PROT_DEFAULT);
	/* A debugger writes to text: others who have it do not see that. */
	OK(C->mach_vm_remap(map, &b, P, 0, VM_FLAGS_ANYWHERE, map, a, FALSE, &cur, &max, VM_INHERIT_SHARE));
	ERR(KERN_PROTECTION_FAILURE, C->mach_vm_protect(map, a, P, FALSE, VM_PROT_COPY | VM_PROT_ALL));
	OK(C->mach_vm_protect(map, a, P, FALSE, VM_PROT_COPY | VM_PROT_DEFAULT));
	assert_int_equal(get(map, a), 4);
	put(map, a, 5);
	assert_int_equal(get(map, b), 4);
	assert_int_equal(basic(map, a).max_protection, VM_PROT_DEFAULT);
	OK(C->mach_vm_protect(map, a, P, FALSE, VM_PROT_COPY | VM_PROT_DEFAULT)); /* it is private */
	assert_int_equal(get(map, a), 5);
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_protect(map, a, P, TRUE, VM_PROT_COPY | VM_PROT_READ));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_protect(map, a, P, FALSE, 0x40));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_protect(NULL, a, P, FALSE, VM_PROT_READ));
	OK(C->mach_vm_deallocate(map, a + P, P));
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_protect(map, a, 3 * P, FALSE, VM_PROT_READ));
	OK(C->mach_vm_protect(map, a, 0, FALSE, VM_PROT_READ));
	finish();
}

static void VMUS0013_inherit(void **state)
{
	struct vm_map *map = begin(), *child;
	mach_vm_address_t a = memory(map, 3);
	uint64_t v = 9;

	put(map, a, 1);
	put(map, a + P, 2);
	put(map, a + 2 * P, 3);
	OK(C->mach_vm_inherit(map, a, P, VM_INHERIT_SHARE));
	OK(C->mach_vm_inherit(map, a + 2 * P, P, VM_INHERIT_NONE));
	OK(vm_map_fork(map, &child));
	put(map, a, 11);
	put(map, a + P, 12);
	assert_int_equal(get(child, a), 11);
	assert_int_equal(get(child, a + P), 2);
	ERR(KERN_INVALID_ADDRESS, user_read(child, a + 2 * P, &v, 8));
	vm_map_deallocate(child);
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_inherit(map, a, P, 3)); /* donate */
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_inherit(map, a, P, 4));
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_inherit(map, a, 4 * P, VM_INHERIT_COPY));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_inherit(NULL, a, P, VM_INHERIT_COPY));
	finish();
}

static void VMUS0014_read_list_and_read_overwrite_bring_memory_to_the_caller(void **state)
{
	struct vm_map *map = begin(), *other = vm_map_create();
	mach_vm_address_t a = memory(other, 4), b = memory(map, 2);
	mach_vm_read_entry_t list = { { a, 16 }, { a + P - 4, 3 * P }, { a, 0 } };
	mach_vm_size_t size = 0;

	put(other, a, 41);
	put(other, a + P, 42);
	OK(C->mach_vm_read_list(other, list, 3));
	assert_int_equal(get(map, list[0].address), 41);
	assert_int_equal(list[0].size, 16);
	assert_int_equal(get(map, list[1].address + 4), 42);
	assert_int_equal(list[2].size, 0);
	OK(C->mach_vm_deallocate(map, list[0].address, 16));
	OK(C->mach_vm_deallocate(map, list[1].address, 3 * P));
	list[0] = (struct mach_vm_read_entry){ a, 16 };
	list[1] = (struct mach_vm_read_entry){ 0x10000, 16 };
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_read_list(other, list, 2));
	assert_int_equal(map->entry_count, 1); /* the first one was given back */
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_read_list(other, list, VM_MAP_ENTRY_MAX + 1));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_read_list(NULL, list, 1));

	OK(C->mach_vm_read_overwrite(other, a + P, 8, b + 3, &size));
	assert_int_equal(size, 8);
	assert_int_equal(get(map, b + 3), 42);
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_read_overwrite(other, 0x10000, 8, b, &size));
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_read_overwrite(other, a, 8, 0x10000, &size));
	OK(C->mach_vm_protect(map, b, P, FALSE, VM_PROT_READ));
	ERR(KERN_PROTECTION_FAILURE, C->mach_vm_read_overwrite(other, a, 8, b, &size));
	OK(C->mach_vm_protect(other, a, P, FALSE, VM_PROT_NONE));
	ERR(KERN_PROTECTION_FAILURE, C->mach_vm_read_overwrite(other, a, 8, b + P, &size));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_read_overwrite(NULL, a, 8, b + P, &size));
	/* For a caller on another node a worker calls, which has no memory of its own. */
	host_become(NULL);
	ERR(KERN_NOT_SUPPORTED, C->mach_vm_read_overwrite(other, a, 8, b, &size));
	ERR(KERN_NOT_SUPPORTED, C->mach_vm_read_list(other, list, 1));
	ERR(KERN_NOT_SUPPORTED, C->mach_vm_page_range_query(other, a, P, b, &size));
	host_become(&player);
	vm_map_deallocate(other);
	finish();
}

static void VMUS0015_named_entries_are_shared_copied_narrowed_and_end(void **state)
{
	struct vm_map *map = begin(), *other = vm_map_create();
	mach_vm_address_t a = memory(map, 4), b = 0, c = 0;
	mach_port_t whole, part, same, copy;
	memory_object_size_t size = 3 * P + 1;

	put(map, a + P, 7);
	OK(C->mach_make_memory_entry_64(map, &size, a, VM_PROT_DEFAULT, &whole, IP_NULL));
	assert_int_equal(size, 4 * P);
	whole->ip_srights += 10; /* the calls below consume theirs */
	OK(C->mach_vm_map(other, &b, 4 * P, 0, VM_FLAGS_ANYWHERE, whole, 0, FALSE, VM_PROT_DEFAULT, VM_PROT_DEFAULT,
			  VM_INHERIT_SHARE));
	assert_int_equal(get(other, b + P), 7);
	put(other, b + P, 8);
	put(other, b + 3 * P, 9);
	assert_int_equal(get(map, a + P), 8);
	assert_int_equal(get(map, a + 3 * P), 9);
	OK(C->mach_vm_map(other, &c, P, 0, VM_FLAGS_ANYWHERE, whole, P, TRUE, VM_PROT_ALL, VM_PROT_ALL, VM_INHERIT_COPY));
	put(other, c, 10);
	put(map, a + P, 11);
	assert_int_equal(get(other, c), 10);
	assert_int_equal(get(other, b + P), 11);
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_map(other, &c, 2 * P, 0, VM_FLAGS_ANYWHERE, whole, 3 * P, FALSE,
						  VM_PROT_READ, VM_PROT_READ, VM_INHERIT_COPY));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_map(other, &c, 0, 0, VM_FLAGS_ANYWHERE, whole, 0, FALSE, VM_PROT_READ,
						  VM_PROT_READ, VM_INHERIT_COPY));
	ERR(KERN_INVALID_RIGHT, C->mach_vm_map(other, &c, P, 0, VM_FLAGS_ANYWHERE, whole, 0, FALSE, VM_PROT_ALL, VM_PROT_ALL,
					       VM_INHERIT_COPY));
	ERR(KERN_INVALID_RIGHT, C->mach_vm_map(other, &c, P, 0, VM_FLAGS_ANYWHERE, whole, 0, FALSE, VM_PROT_READ, VM_PROT_ALL,
					       VM_INHERIT_COPY));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_map(other, &c, P, 0, VM_FLAGS_ANYWHERE, whole, 0, FALSE, VM_PROT_DEFAULT,
						  VM_PROT_READ, VM_INHERIT_COPY));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_map(other, &c, P, 0, VM_FLAGS_ANYWHERE, whole, 0, FALSE, VM_PROT_READ,
						  VM_PROT_READ, 3));
	c = b;
	ERR(KERN_NO_SPACE, C->mach_vm_map(other, &c, P, 0, VM_FLAGS_FIXED, whole, 0, FALSE, VM_PROT_READ, VM_PROT_READ,
					  VM_INHERIT_COPY));
	c = 0;
	OK(C->mach_vm_map(other, &c, P, 0, VM_FLAGS_ANYWHERE | VM_FLAGS_RETURN_DATA_ADDR, whole, P + 8, FALSE, VM_PROT_READ,
			  VM_PROT_READ, VM_INHERIT_COPY));
	assert_int_equal(c & PAGE_MASK, 8);

	size = P;
	OK(C->mach_make_memory_entry_64(map, &size, P, VM_PROT_READ, &part, whole));
	assert_int_equal(size, P);
	part->ip_srights += 3;
	c = 0;
	OK(C->mach_vm_map(other, &c, P, 0, VM_FLAGS_ANYWHERE, part, 0, FALSE, VM_PROT_READ, VM_PROT_READ, VM_INHERIT_COPY));
	assert_int_equal(get(other, c), 11);
	ERR(KERN_PROTECTION_FAILURE, C->mach_make_memory_entry_64(map, &size, 0, VM_PROT_DEFAULT, &same, part));
	ERR(KERN_INVALID_ARGUMENT, C->mach_make_memory_entry_64(map, &size, P, VM_PROT_READ, &same, part));
	size = 0;
	OK(C->mach_make_memory_entry_64(map, &size, 0, VM_PROT_READ | MAP_MEM_NAMED_REUSE, &same, part));
	assert_ptr_equal(same, part);
	ipc_port_release_send(same);

	size = 2 * P;
	OK(C->mach_make_memory_entry_64(map, &size, a, VM_PROT_ALL | MAP_MEM_VM_COPY, &copy, IP_NULL));
	put(map, a + P, 12);
	c = 0;
	OK(C->mach_vm_map(other, &c, 2 * P, 0, VM_FLAGS_ANYWHERE, copy, 0, FALSE, VM_PROT_ALL, VM_PROT_ALL, VM_INHERIT_COPY));
	assert_int_equal(get(other, c + P), 11);

	ERR(KERN_INVALID_TASK, C->mach_make_memory_entry_64(NULL, &size, a, VM_PROT_READ, &same, IP_NULL));
	ERR(KERN_INVALID_ADDRESS, C->mach_make_memory_entry_64(map, &size, a + 4 * P, VM_PROT_READ, &same, IP_NULL));
	ERR(KERN_INVALID_VALUE, C->mach_make_memory_entry_64(map, &size, a, 0x1000, &same, IP_NULL));
	ERR(KERN_NOT_SUPPORTED, C->mach_make_memory_entry_64(map, &size, a, MAP_MEM_ONLY, &same, IP_NULL));
	OK(C->mach_vm_protect(map, a, P, TRUE, VM_PROT_READ));
	ERR(KERN_PROTECTION_FAILURE, C->mach_make_memory_entry_64(map, &size, a, VM_PROT_DEFAULT, &same, IP_NULL));
	size = 0;
	ERR(KERN_INVALID_ARGUMENT, C->mach_make_memory_entry_64(map, &size, a, VM_PROT_READ, &same, IP_NULL));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_map(other, &c, P, 0, VM_FLAGS_ANYWHERE, IP_DEAD, 0, FALSE, VM_PROT_READ,
						  VM_PROT_READ, VM_INHERIT_COPY));
	OK(C->mach_vm_deallocate(map, a, 4 * P));
	assert_int_equal(get(other, b + P), 12); /* the others have it yet */
	while (whole->ip_srights > 1)
		ipc_port_release_send(whole);
	ipc_port_release_send(whole);
	while (part->ip_srights > 1)
		ipc_port_release_send(part);
	ipc_port_release_send(part);
	assert_int_equal(fake_ports, 0);
	vm_map_deallocate(other);
	finish();
}

static void VMUS0016_new_memory_in_no_map(void **state)
{
	struct vm_map *map = begin();
	memory_object_size_t size = 5 * P;
	mach_vm_address_t a = 0, b = 0;
	mach_port_t port;

	OK(C->mach_make_memory_entry_64(map, &size, 12345, VM_PROT_DEFAULT | MAP_MEM_NAMED_CREATE, &port, IP_NULL));
	assert_int_equal(size, 5 * P);
	port->ip_srights += 1;
	OK(C->mach_vm_map(map, &a, 5 * P, 0, VM_FLAGS_ANYWHERE, port, 0, FALSE, VM_PROT_DEFAULT, VM_PROT_DEFAULT,
			  VM_INHERIT_SHARE));
	put(map, a + 4 * P, 3);
	OK(C->mach_vm_map(map, &b, P, 0, VM_FLAGS_ANYWHERE, port, 4 * P, FALSE, VM_PROT_READ, VM_PROT_READ, VM_INHERIT_SHARE));
	assert_int_equal(get(map, b), 3);
	assert_int_equal(fake_ports, 0);
	finish();
}

static void VMUS0017_remap_shares_or_copies(void **state)
{
	struct vm_map *map = begin(), *other = vm_map_create();
	mach_vm_address_t a = memory(other, 2), b = 0, c = 0;
	vm_prot_t cur = 0, max = 0;

	put(other, a, 1);
	OK(C->mach_vm_protect(other, a + P, P, TRUE, VM_PROT_READ));
	OK(C->mach_vm_remap(map, &b, 2 * P, 0, VM_FLAGS_ANYWHERE, other, a, FALSE, &cur, &max, VM_INHERIT_SHARE));
	assert_int_equal(cur, VM_PROT_READ);
	assert_int_equal(max, VM_PROT_READ);
	OK(C->mach_vm_remap(map, &c, P, 0xfffff, VM_FLAGS_ANYWHERE, other, a, TRUE, &cur, &max, VM_INHERIT_COPY));
	assert_int_equal(cur, VM_PROT_DEFAULT);
	assert_int_equal(max, VM_PROT_ALL);
	assert_int_equal(c & 0xfffff, 0);
	put(map, b, 2);
	assert_int_equal(get(other, a), 2);
	assert_int_equal(get(map, c), 1);
	assert_true(basic(map, b).shared);
	assert_false(basic(map, c).shared);
	c = 0;
	OK(C->mach_vm_remap(map, &c, 8, 0, VM_FLAGS_ANYWHERE | VM_FLAGS_RETURN_DATA_ADDR, other, a + 16, FALSE, &cur, &max,
			    VM_INHERIT_COPY));
	assert_int_equal(c & PAGE_MASK, 16);
	c = b;
	ERR(KERN_NO_SPACE, C->mach_vm_remap(map, &c, P, 0, VM_FLAGS_FIXED, other, a, FALSE, &cur, &max, VM_INHERIT_COPY));
	OK(C->mach_vm_remap(map, &c, P, 0, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE, other, a, FALSE, &cur, &max, VM_INHERIT_COPY));
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_remap(map, &c, 3 * P, 0, VM_FLAGS_ANYWHERE, other, a, FALSE, &cur, &max,
						   VM_INHERIT_COPY));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_remap(map, &c, 0, 0, VM_FLAGS_ANYWHERE, other, a, FALSE, &cur, &max,
						    VM_INHERIT_COPY));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_remap(map, &c, P, 5, VM_FLAGS_ANYWHERE, other, a, FALSE, &cur, &max,
						    VM_INHERIT_COPY));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_remap(map, &c, P, 0, VM_FLAGS_PURGABLE, other, a, FALSE, &cur, &max,
						    VM_INHERIT_COPY));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_remap(map, &c, P, 0, VM_FLAGS_ANYWHERE, other, a, FALSE, &cur, &max, 3));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_remap(NULL, &c, P, 0, VM_FLAGS_ANYWHERE, other, a, FALSE, &cur, &max,
						    VM_INHERIT_COPY));
	vm_map_deallocate(other);
	finish();
}

static void VMUS0018_regions_in_every_flavour(void **state)
{
	struct vm_map *map = begin(), *child;
	mach_vm_address_t a = memory(map, 4), at = a;
	mach_msg_type_number_t count = VM_REGION_EXTENDED_INFO_COUNT;
	vm_region_submap_short_info_data_64_t few;
	vm_region_extended_info_data_t extended;
	vm_region_submap_info_data_64_t submap;
	vm_region_top_info_data_t top;
	natural_t depth = 5;
	mach_vm_size_t size;
	mach_port_t name;

	OK(C->mach_vm_region(map, &at, &size, VM_REGION_TOP_INFO, (int *)&top,
			     &(mach_msg_type_number_t){ VM_REGION_TOP_INFO_COUNT }, &name));
	assert_int_equal(top.share_mode, SM_EMPTY);
	put(map, a, 1);
	put(map, a + P, 2);
	OK(C->mach_vm_region(map, &at, &size, VM_REGION_EXTENDED_INFO, (int *)&extended, &count, &name));
	assert_int_equal(extended.pages_resident, 2);
	assert_int_equal(extended.pages_dirtied, 2);
	assert_int_equal(extended.share_mode, SM_PRIVATE);
	assert_int_equal(extended.ref_count, 1);
	assert_int_equal(extended.shadow_depth, 0);
	OK(vm_map_fork(map, &child));
	put(map, a, 3);
	OK(C->mach_vm_region(map, &at, &size, VM_REGION_EXTENDED_INFO, (int *)&extended, &count, &name));
	assert_int_equal(extended.pages_resident, 2);
	assert_int_equal(extended.pages_shared_now_private, 1);
	assert_int_equal(extended.shadow_depth, 1);
	assert_int_equal(extended.share_mode, SM_COW);
	count = VM_REGION_TOP_INFO_COUNT;
	OK(C->mach_vm_region(map, &at, &size, VM_REGION_TOP_INFO, (int *)&top, &count, &name));
	assert_int_equal(top.private_pages_resident, 1);
	assert_int_equal(top.shared_pages_resident, 2);
	OK(C->mach_vm_region(child, &at, &size, VM_REGION_TOP_INFO, (int *)&top, &count, &name));
	assert_int_equal(top.private_pages_resident, 0); /* it has not written yet */
	assert_int_equal(top.shared_pages_resident, 2);
	assert_int_equal(top.share_mode, SM_COW);
	vm_map_deallocate(child);

	at = 0;
	count = VM_REGION_SUBMAP_INFO_COUNT_64;
	OK(C->mach_vm_region_recurse(map, &at, &size, &depth, (int *)&submap, &count));
	assert_int_equal(at, a);
	assert_int_equal(size, 4 * P);
	assert_int_equal(depth, 0);
	assert_false(submap.is_submap);
	assert_int_equal(submap.pages_resident, 2);
	assert_int_not_equal(submap.object_id, 0);
	count = VM_REGION_SUBMAP_SHORT_INFO_COUNT_64;
	OK(C->mach_vm_region_recurse(map, &at, &size, &depth, (int *)&few, &count));
	assert_int_equal(few.object_id, submap.object_id);
	assert_int_equal(few.max_protection, VM_PROT_ALL);
	count--;
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_region_recurse(map, &at, &size, &depth, (int *)&few, &count));
	count = VM_REGION_SUBMAP_INFO_COUNT_64;
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_region_recurse(NULL, &at, &size, &depth, (int *)&submap, &count));
	at = a + 4 * P;
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_region_recurse(map, &at, &size, &depth, (int *)&submap, &count));
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_region(map, &at, &size, VM_REGION_EXTENDED_INFO, (int *)&extended, &count, &name));
	count = VM_REGION_TOP_INFO_COUNT - 1;
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_region(map, &at, &size, VM_REGION_TOP_INFO, (int *)&top, &count, &name));
	count = 100;
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_region(map, &at, &size, 99, (int *)&top, &count, &name));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_region(NULL, &at, &size, VM_REGION_TOP_INFO, (int *)&top, &count, &name));
	finish();
}

static void VMUS0019_pages_are_told_one_by_one_and_by_range(void **state)
{
	struct vm_map *map = begin(), *child;
	mach_vm_address_t a = memory(map, 4), b = memory(map, 1);
	mach_msg_type_number_t count = VM_PAGE_INFO_BASIC_COUNT;
	vm_page_info_basic_data_t info;
	mach_vm_size_t n = 100;
	int d, refs, list[4];

	put(map, a + P, 1);
	OK(C->mach_vm_page_query(map, a, &d, &refs));
	assert_int_equal(d, 0);
	OK(C->mach_vm_page_query(map, a + P + 5, &d, &refs));
	assert_int_equal(d, VM_PAGE_QUERY_PAGE_PRESENT | VM_PAGE_QUERY_PAGE_REF | VM_PAGE_QUERY_PAGE_DIRTY);
	assert_int_equal(refs, 1);
	OK(vm_map_fork(map, &child));
	OK(C->mach_vm_page_query(child, a + P, &d, &refs));
	assert_true(d & VM_PAGE_QUERY_PAGE_COPIED);
	vm_map_deallocate(child);
	OK(C->mach_vm_page_query(map, 0x10000, &d, &refs)); /* nothing is mapped */
	assert_int_equal(d, 0);
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_page_query(map, VM_MAX_ADDRESS, &d, &refs));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_page_query(NULL, a, &d, &refs));
	OK(C->mach_vm_page_info(map, a + P, VM_PAGE_INFO_BASIC, (int *)&info, &count));
	assert_true(info.disposition & VM_PAGE_QUERY_PAGE_PRESENT);
	assert_int_equal(info.offset, P);
	count--;
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_page_info(map, a, VM_PAGE_INFO_BASIC, (int *)&info, &count));
	count = 100;
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_page_info(map, a, 2, (int *)&info, &count));
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_page_info(map, 0, VM_PAGE_INFO_BASIC, (int *)&info, &count));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_page_info(NULL, a, VM_PAGE_INFO_BASIC, (int *)&info, &count));
	OK(C->mach_vm_page_range_query(map, a + 1, 3 * P, b, &n));
	assert_int_equal(n, 4);
	OK(user_read(map, b, list, sizeof(list)));
	assert_int_equal(list[0], 0);
	assert_true(list[1] & VM_PAGE_QUERY_PAGE_PRESENT);
	n = 1;
	OK(C->mach_vm_page_range_query(map, a, 4 * P, b, &n));
	assert_int_equal(n, 1);
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_page_range_query(map, a, P, 0x10000, &n));
	OK(C->mach_vm_protect(map, b, P, FALSE, VM_PROT_READ));
	ERR(KERN_PROTECTION_FAILURE, C->mach_vm_page_range_query(map, a, P, b, &n));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_page_range_query(map, a, 0, b, &n));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_page_range_query(map, a, UINT64_MAX, b, &n));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_page_range_query(NULL, a, P, b, &n));
	finish();
}

static void VMUS0020_behavior_stays_or_acts(void **state)
{
	struct vm_map *map = begin();
	mach_vm_address_t a = memory(map, 6), b = 0;
	vm_prot_t cur, max;
	uint64_t free_then;

	for (int i = 0; i < 6; i++)
		put(map, a + i * P, 50 + i);
	OK(C->mach_vm_behavior_set(map, a + P, P, VM_BEHAVIOR_SEQUENTIAL));
	assert_int_equal(basic(map, a).behavior, VM_BEHAVIOR_DEFAULT);
	assert_int_equal(basic(map, a + P).behavior, VM_BEHAVIOR_SEQUENTIAL);
	assert_int_equal(map->entry_count, 3);
	OK(C->mach_vm_behavior_set(map, a + P, P, VM_BEHAVIOR_RSEQNTL));
	OK(C->mach_vm_behavior_set(map, a + P, P, VM_BEHAVIOR_RANDOM));
	OK(C->mach_vm_behavior_set(map, a + P, P, VM_BEHAVIOR_DEFAULT));
	assert_int_equal(map->entry_count, 1);
	OK(C->mach_vm_behavior_set(map, a, 6 * P, VM_BEHAVIOR_WILLNEED));
	OK(C->mach_vm_behavior_set(map, a, 6 * P, VM_BEHAVIOR_DONTNEED));
	OK(C->mach_vm_behavior_set(map, a, 6 * P, VM_BEHAVIOR_PAGEOUT));
	OK(C->mach_vm_behavior_set(map, a, 6 * P, VM_BEHAVIOR_REUSE));
	OK(C->mach_vm_behavior_set(map, a, 6 * P, VM_BEHAVIOR_ZERO_WIRED_PAGES));
	assert_int_equal(get(map, a), 50);
	free_then = arena_free_pages();
	OK(C->mach_vm_behavior_set(map, a + 1, 2 * P, VM_BEHAVIOR_FREE)); /* the one page wholly in it */
	assert_int_equal(arena_free_pages(), free_then + 1);
	assert_int_equal(get(map, a), 50);
	assert_int_equal(get(map, a + P), 0);
	assert_int_equal(get(map, a + 2 * P), 52);
	OK(C->mach_vm_behavior_set(map, a + 3 * P, P, VM_BEHAVIOR_CAN_REUSE));
	OK(C->mach_vm_behavior_set(map, a + 3 * P, P, VM_BEHAVIOR_REUSABLE));
	assert_int_equal(get(map, a + 3 * P), 0);
	/* Shared memory keeps its pages when they are given up, and is zeroed for all. */
	OK(C->mach_vm_remap(map, &b, P, 0, VM_FLAGS_ANYWHERE, map, a + 4 * P, FALSE, &cur, &max, VM_INHERIT_SHARE));
	ERR(KERN_FAILURE, C->mach_vm_behavior_set(map, a + 4 * P, P, VM_BEHAVIOR_CAN_REUSE));
	OK(C->mach_vm_behavior_set(map, a + 4 * P, P, VM_BEHAVIOR_FREE));
	assert_int_equal(get(map, b), 54);
	OK(C->mach_vm_behavior_set(map, a + 4 * P, 2 * P, VM_BEHAVIOR_ZERO));
	assert_int_equal(get(map, b), 0);
	assert_int_equal(get(map, a + 5 * P), 0);
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_behavior_set(map, a, 8 * P, VM_BEHAVIOR_FREE));
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_behavior_set(map, a, 8 * P, VM_BEHAVIOR_RANDOM));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_behavior_set(map, a, P, 13));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_behavior_set(map, a, P, -1));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_behavior_set(NULL, a, P, VM_BEHAVIOR_FREE));
	finish();
}

static void VMUS0021_msync_of_memory_without_a_pager(void **state)
{
	struct vm_map *map = begin();
	mach_vm_address_t a = memory(map, 4);

	put(map, a, 1);
	put(map, a + 2 * P, 2);
	OK(C->mach_vm_msync(map, a, 4 * P, VM_SYNC_SYNCHRONOUS));
	OK(C->mach_vm_msync(map, a, 4 * P, VM_SYNC_ASYNCHRONOUS | VM_SYNC_CONTIGUOUS));
	OK(C->mach_vm_msync(map, a, 4 * P, VM_SYNC_DEACTIVATE));
	assert_int_equal(get(map, a), 1);
	OK(C->mach_vm_msync(map, a + 2 * P, P, VM_SYNC_KILLPAGES));
	assert_int_equal(get(map, a + 2 * P), 0);
	OK(C->mach_vm_deallocate(map, a + P, P));
	OK(C->mach_vm_msync(map, a, 4 * P, VM_SYNC_SYNCHRONOUS));
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_msync(map, a, 4 * P, VM_SYNC_SYNCHRONOUS | VM_SYNC_CONTIGUOUS));
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_msync(map, 0, P, VM_SYNC_SYNCHRONOUS));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_msync(map, a, P, VM_SYNC_SYNCHRONOUS | VM_SYNC_ASYNCHRONOUS));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_msync(map, a, P, 0x100));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_msync(NULL, a, P, 0));
	OK(C->mach_vm_msync(map, a, 0, VM_SYNC_SYNCHRONOUS));
	finish();
}

static void VMUS0022_machine_attribute(void **state)
{
	struct vm_map *map = begin();
	mach_vm_address_t a = memory(map, 1), d = 0;
	int value = MATTR_VAL_GET;

	OK(fake_device_map(map, &d, P, 0xfee00000, VM_PROT_READ));
	OK(C->mach_vm_machine_attribute(map, a, P, MATTR_CACHE, &value));
	assert_int_equal(value, MATTR_VAL_ON);
	value = MATTR_VAL_GET;
	OK(C->mach_vm_machine_attribute(map, d, P, MATTR_CACHE, &value));
	assert_int_equal(value, MATTR_VAL_OFF);
	for (value = MATTR_VAL_CACHE_FLUSH; value <= MATTR_VAL_CACHE_SYNC; value++)
		OK(C->mach_vm_machine_attribute(map, a, P, MATTR_CACHE, &value));
	value = MATTR_VAL_OFF;
	ERR(KERN_NOT_SUPPORTED, C->mach_vm_machine_attribute(map, a, P, MATTR_CACHE, &value));
	value = 5;
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_machine_attribute(map, a, P, MATTR_CACHE, &value));
	value = MATTR_VAL_GET;
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_machine_attribute(map, a, P, MATTR_MIGRATE, &value));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_machine_attribute(NULL, a, P, MATTR_CACHE, &value));
	ERR(KERN_INVALID_ADDRESS, C->mach_vm_machine_attribute(map, 0x10000, P, MATTR_CACHE, &value));
	finish();
}

static int purgable(struct vm_map *map, uint64_t at, int control, int state)
{
	OK(C->mach_vm_purgable_control(map, at, control, &state));
	return state;
}

/* Groups, FIFO and LIFO, first in a group, obsolete: which goes first. */
static void VMUS0031_volatile_memory_goes_in_its_order(void **state)
{
	static const struct {
		int bits;
		unsigned goes; /* as the how many-th */
	} cases[] = {
		{ VM_VOLATILE_GROUP_1, 7 },
		{ VM_VOLATILE_GROUP_0 | VM_PURGABLE_BEHAVIOR_LIFO, 6 },
		{ VM_VOLATILE_GROUP_0, 3 },
		{ VM_VOLATILE_GROUP_0 | VM_PURGABLE_BEHAVIOR_LIFO, 5 },
		{ VM_VOLATILE_GROUP_0 | VM_PURGABLE_NO_AGING, 4 },
		{ VM_VOLATILE_GROUP_0 | VM_VOLATILE_MAKE_FIRST_IN_GROUP, 2 },
		{ VM_VOLATILE_GROUP_7 | VM_PURGABLE_ORDERING_OBSOLETE, 1 },
		{ VM_VOLATILE_GROUP_7, 8 },
	};
	enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
	struct vm_map *map = begin();
	mach_vm_address_t at[COUNT] = { 0 };
	bool none;
	int s;

	for (unsigned i = 0; i < COUNT; i++) {
		OK(C->mach_vm_allocate(map, &at[i], P, VM_FLAGS_ANYWHERE | VM_FLAGS_PURGABLE));
		put(map, at[i], i + 1);
		assert_int_equal(purgable(map, at[i], VM_PURGABLE_SET_STATE, VM_PURGABLE_VOLATILE | cases[i].bits), VM_PURGABLE_NONVOLATILE);
	}
	assert_int_equal(purgable(map, at[0], VM_PURGABLE_GET_STATE, 0), VM_PURGABLE_VOLATILE);
	for (unsigned n = 1; n <= COUNT; n++) {
		assert_int_equal(vm_purgable_reclaim(&none), 1);
		for (unsigned i = 0; i < COUNT; i++)
			assert_int_equal(purgable(map, at[i], VM_PURGABLE_GET_STATE, 0), cases[i].goes <= n ? VM_PURGABLE_EMPTY : VM_PURGABLE_VOLATILE);
	}
	s = VM_PURGABLE_VOLATILE | 0x1000000;
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_purgable_control(map, at[0], VM_PURGABLE_SET_STATE, &s));
	s = VM_PURGABLE_DENY | VM_VOLATILE_GROUP_1;
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_purgable_control(map, at[0], VM_PURGABLE_SET_STATE, &s));
	finish();
}

/* Device memory: large pages where it is aligned, its rights, no copies; gone with its last right and mapping. */
static void VMUS0030_device_memory_is_mapped_and_never_copied(void **state)
{
	struct vm_map *map = begin(), *child;
	struct ipc_port *pager = IP_NULL;
	mach_vm_address_t a = 0, b = 0;
	uint64_t large = fake_large, ports = fake_ports;
	const uint64_t phys = 0xfd000000, bytes = 2 * PMAP_LARGE_BYTES + P;
	vm_prot_t prot, max;

	ERR(KERN_INVALID_ARGUMENT, vm_device_pager_create(phys + 1, P, VM_PROT_READ, PMAP_UNCACHED, &pager));
	ERR(KERN_INVALID_ARGUMENT, vm_device_pager_create(phys, 0, VM_PROT_READ, PMAP_UNCACHED, &pager));
	ERR(KERN_INVALID_ARGUMENT, vm_device_pager_create(-P, 2 * P, VM_PROT_READ, PMAP_UNCACHED, &pager));
	{
		struct vm_page *page = vm_page_grab(); /* RAM */

		ERR(KERN_INVALID_ARGUMENT, vm_device_pager_create(page->phys - P, 2 * P, VM_PROT_READ, PMAP_UNCACHED, &pager));
		vm_page_release(page);
	}
	OK(vm_device_pager_create(phys, bytes, VM_PROT_DEFAULT, PMAP_WRITE_COMBINED, &pager));
	OK(C->mach_vm_map(map, &a, bytes, 0, VM_FLAGS_ANYWHERE, ipc_port_copy_send(pager), 0, FALSE, VM_PROT_DEFAULT, VM_PROT_DEFAULT,
			  VM_INHERIT_COPY));
	assert_int_equal(a & (PMAP_LARGE_BYTES - 1), 0);
	OK(vm_fault(map, a + 3 * P, VM_PROT_WRITE));
	assert_int_equal(fake_large, large + 1);
	assert_int_equal(pmap_extract(map->pmap, a + 5 * P), phys + 5 * P);
	OK(vm_fault(map, a + 2 * PMAP_LARGE_BYTES, VM_PROT_READ)); /* what is left over is a small one */
	assert_int_equal(fake_large, large + 1);
	assert_int_equal(pmap_extract(map->pmap, a + 2 * PMAP_LARGE_BYTES), phys + 2 * PMAP_LARGE_BYTES);
	ERR(KERN_PROTECTION_FAILURE, vm_fault(map, a, VM_PROT_EXECUTE));
	ERR(KERN_INVALID_RIGHT, C->mach_vm_map(map, &b, P, 0, VM_FLAGS_ANYWHERE, pager, 0, FALSE, VM_PROT_READ, VM_PROT_ALL, VM_INHERIT_COPY));
	ERR(KERN_PROTECTION_FAILURE, C->mach_vm_map(map, &b, P, 0, VM_FLAGS_ANYWHERE, pager, 0, TRUE, VM_PROT_READ, VM_PROT_READ, VM_INHERIT_COPY));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_map(map, &b, P, 0, VM_FLAGS_ANYWHERE, pager, bytes, FALSE, VM_PROT_READ, VM_PROT_READ, VM_INHERIT_COPY));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_map(map, &b, P, P, VM_FLAGS_ANYWHERE, pager, 0, FALSE, VM_PROT_READ, VM_PROT_READ, VM_INHERIT_COPY));
	ERR(KERN_PROTECTION_FAILURE, C->mach_vm_remap(map, &b, P, 0, VM_FLAGS_ANYWHERE, map, a, TRUE, &prot, &max, VM_INHERIT_COPY));
	OK(vm_map_fork(map, &child));
	OK(vm_fault(child, a, VM_PROT_WRITE));
	assert_int_equal(pmap_extract(child->pmap, a), phys);
	vm_map_deallocate(child);
	ipc_port_release_send(pager);
	assert_int_equal(fake_ports, ports);
	finish();
}

static void VMUS0023_volatile_memory_is_emptied_when_frames_are_short(void **state)
{
	struct vm_map *map = begin(), *child;
	mach_vm_address_t a = 0, b = 0, c = memory(map, 1), unused = 0;
	bool none;
	int s = 0;

	OK(C->mach_vm_allocate(map, &a, 2 * P, VM_FLAGS_ANYWHERE | VM_FLAGS_PURGABLE));
	OK(C->mach_vm_allocate(map, &b, 2 * P, VM_FLAGS_ANYWHERE | VM_FLAGS_PURGABLE));
	put(map, a, 1);
	put(map, b, 2);
	put(map, c, 3);
	assert_int_equal(purgable(map, a, VM_PURGABLE_GET_STATE, 0), VM_PURGABLE_NONVOLATILE);
	assert_int_equal(vm_purgable_reclaim(&none), 0);
	assert_true(none);
	assert_int_equal(purgable(map, a, VM_PURGABLE_SET_STATE, VM_PURGABLE_VOLATILE), VM_PURGABLE_NONVOLATILE);
	assert_int_equal(purgable(map, b, VM_PURGABLE_SET_STATE, VM_PURGABLE_VOLATILE), VM_PURGABLE_NONVOLATILE);
	assert_int_equal(get(map, a), 1);
	OK(vm_map_fork(map, &child)); /* a copy is made at once, and is not volatile */
	assert_int_equal(vm_purgable_reclaim(&none), 1);
	assert_false(none);
	assert_int_equal(get(map, a), 0);
	assert_int_equal(get(child, a), 1);
	assert_int_equal(get(map, b), 2);
	vm_map_deallocate(child);
	assert_int_equal(purgable(map, a, VM_PURGABLE_SET_STATE, VM_PURGABLE_NONVOLATILE), VM_PURGABLE_EMPTY);
	assert_int_equal(purgable(map, b, VM_PURGABLE_SET_STATE, VM_PURGABLE_NONVOLATILE), VM_PURGABLE_VOLATILE);
	assert_int_equal(get(map, b), 2);
	assert_int_equal(purgable(map, b, VM_PURGABLE_SET_STATE, VM_PURGABLE_EMPTY), VM_PURGABLE_NONVOLATILE);
	assert_int_equal(get(map, b), 0);
	put(map, b, 4);
	(void)purgable(map, b, VM_PURGABLE_SET_STATE, VM_PURGABLE_VOLATILE);
	(void)purgable(map, a, VM_PURGABLE_PURGE_ALL, 0);
	assert_int_equal(purgable(map, b, VM_PURGABLE_GET_STATE, 0), VM_PURGABLE_EMPTY);
	(void)purgable(map, a, VM_PURGABLE_SET_STATE, VM_PURGABLE_VOLATILE); /* it ends volatile */

	ERR(KERN_INVALID_ADDRESS, C->mach_vm_purgable_control(map, 0x10000, VM_PURGABLE_GET_STATE, &s));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_purgable_control(map, c, VM_PURGABLE_GET_STATE, &s));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_purgable_control(map, a, 9, &s));
	s = VM_PURGABLE_DENY;
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_purgable_control(map, a, VM_PURGABLE_SET_STATE, &s));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_purgable_control(NULL, a, VM_PURGABLE_GET_STATE, &s));
	OK(C->mach_vm_protect(map, a, P, FALSE, VM_PROT_READ));
	ERR(KERN_PROTECTION_FAILURE, C->mach_vm_purgable_control(map, a, VM_PURGABLE_GET_STATE, &s));
	ERR(KERN_INVALID_ARGUMENT, C->mach_vm_map(map, &unused, P, 0, VM_FLAGS_ANYWHERE | VM_FLAGS_PURGABLE, IP_NULL, 0, FALSE,
						  VM_PROT_READ, VM_PROT_ALL, VM_INHERIT_COPY));
	finish();
}

static struct host *const a_host = (struct host *)&player; /* only its being there matters */

static void VMUS0024_wire_keeps_pages_within_a_limit(void **state)
{
	struct vm_map *map = begin();
	mach_vm_address_t a = memory(map, 200), big;
	mach_vm_size_t limit = vm_map_wired_limit() * P;

	put(map, a, 1);
	OK(host_priv_mach_vm_wire(a_host, map, a, 200 * P, VM_PROT_READ));
	assert_int_equal(vm_map_wired_pages(), 200);
	assert_int_equal(map->entry_count, 1);
	assert_int_equal(basic(map, a).user_wired_count, 1);
	fake_pmap_forget(vm_map_pmap(map));
	assert_int_not_equal(pmap_extract(vm_map_pmap(map), a + 199 * P), 0);
	OK(host_priv_vm_wire(a_host, map, a, P, VM_PROT_DEFAULT));
	assert_int_equal(basic(map, a).user_wired_count, 2);
	OK(host_priv_vm_wire(a_host, map, a, P, VM_PROT_NONE));
	OK(host_priv_mach_vm_wire(a_host, map, a, 100 * P, VM_PROT_NONE));
	assert_int_equal(vm_map_wired_pages(), 100);
	OK(host_priv_mach_vm_wire(a_host, map, a, 100 * P, VM_PROT_NONE)); /* once too often */
	OK(C->mach_vm_deallocate(map, a + 150 * P, 50 * P)); /* wired memory goes too */
	assert_int_equal(vm_map_wired_pages(), 50);
	OK(C->mach_vm_deallocate(map, a + 100 * P, 50 * P));

	big = memory(map, limit / P + 1);
	ERR(KERN_RESOURCE_SHORTAGE, host_priv_mach_vm_wire(a_host, map, big, limit + P, VM_PROT_READ));
	assert_int_equal(vm_map_wired_pages(), 0); /* all undone */
	ERR(KERN_INVALID_HOST, host_priv_mach_vm_wire(NULL, map, a, P, VM_PROT_READ));
	ERR(KERN_INVALID_TASK, host_priv_mach_vm_wire(a_host, NULL, a, P, VM_PROT_READ));
	ERR(KERN_INVALID_ARGUMENT, host_priv_mach_vm_wire(a_host, map, a, P, 0x40));
	ERR(KERN_INVALID_ADDRESS, host_priv_mach_vm_wire(a_host, map, a - P, 2 * P, VM_PROT_READ));
	assert_int_equal(vm_map_wired_pages(), 0);
	OK(C->mach_vm_protect(map, a, P, FALSE, VM_PROT_READ));
	ERR(KERN_PROTECTION_FAILURE, host_priv_mach_vm_wire(a_host, map, a, P, VM_PROT_WRITE));
	ERR(KERN_FAILURE, host_priv_vm_allocate_cpm(a_host, map, &big, P, VM_FLAGS_ANYWHERE));
	ERR(KERN_INVALID_HOST, host_priv_vm_allocate_cpm(NULL, map, &big, P, VM_FLAGS_ANYWHERE));
	ERR(KERN_INVALID_TASK, host_priv_vm_allocate_cpm(a_host, NULL, &big, P, VM_FLAGS_ANYWHERE));
	finish();
}

static void VMUS0025_a_task_whose_new_memory_is_wired(void **state)
{
	struct vm_map *map = begin();
	mach_vm_address_t a, b = 0;

	OK(vm_map_calls.task_wire(map, TRUE));
	a = memory(map, 3);
	OK(C->mach_vm_map(map, &b, P, 0, VM_FLAGS_ANYWHERE, IP_NULL, 0, FALSE, VM_PROT_DEFAULT, VM_PROT_ALL, VM_INHERIT_COPY));
	assert_int_equal(vm_map_wired_pages(), 4);
	ERR(KERN_RESOURCE_SHORTAGE, C->mach_vm_allocate(map, &b, (vm_map_wired_limit() + 1) * P, VM_FLAGS_ANYWHERE));
	assert_int_equal(map->size, 4 * P);
	OK(vm_map_calls.task_wire(map, FALSE));
	(void)memory(map, 3);
	assert_int_equal(vm_map_wired_pages(), 4);
	OK(C->mach_vm_deallocate(map, a, 3 * P));
	ERR(KERN_INVALID_ARGUMENT, vm_map_calls.task_wire(NULL, TRUE));
	finish();
}

static void VMUS0026_the_older_names_do_the_same(void **state)
{
	const struct vm_map_ops *o = &vm_map_calls;
	struct vm_map *map = begin();
	mach_vm_address_t a = 0, size;
	mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
	vm_region_basic_info_data_64_t info;
	vm_size_t entry = P;
	mach_port_t name;
	int d, refs;

	OK(o->vm_allocate(map, &a, 2 * P, VM_FLAGS_ANYWHERE));
	put(map, a, 1);
	OK(o->vm_protect(map, a, P, FALSE, VM_PROT_READ));
	OK(o->vm_inherit(map, a, P, VM_INHERIT_NONE));
	OK(o->vm_behavior_set(map, a, P, VM_BEHAVIOR_RANDOM));
	OK(o->vm_region(map, &a, &size, VM_REGION_BASIC_INFO, (int *)&info, &count, &name));
	assert_true(info.protection == VM_PROT_READ && info.inheritance == VM_INHERIT_NONE &&
		    info.behavior == VM_BEHAVIOR_RANDOM);
	OK(o->vm_region_64(map, &a, &size, VM_REGION_BASIC_INFO_64, (int *)&info, &count, &name));
	OK(o->vm_copy(map, a, 8, a + P));
	assert_int_equal(get(map, a + P), 1);
	OK(o->vm_read_overwrite(map, a, 8, a + P + 8, &size));
	OK(o->vm_msync(map, a, P, VM_SYNC_SYNCHRONOUS));
	OK(o->vm_map_page_query(map, a, &d, &refs));
	assert_true(d & VM_PAGE_QUERY_PAGE_PRESENT);
	OK(o->mach_make_memory_entry(map, &entry, a, VM_PROT_READ, &name, IP_NULL));
	ipc_port_release_send(name);
	OK(o->vm_deallocate(map, a, 2 * P));
	finish();
}

static void VMUS0028_large_pages_where_memory_is_filled_or_they_were_asked_for(void **state)
{
	struct vm_map *map = begin(), *child;
	mach_vm_address_t a = 0, b = 0x40000000;
	const uint64_t big = PMAP_LARGE_BYTES;
	uint64_t faults, large = fake_large;

	OK(C->mach_vm_allocate(map, &a, 2 * big, VM_FLAGS_ANYWHERE | VM_FLAGS_SUPERPAGE_SIZE_2MB));
	put(map, a + 5 * P, 7); /* anywhere in it */
	assert_int_equal(fake_large, large + 1);
	faults = fake_faults;
	for (uint64_t at = a; at < a + big; at += P)
		assert_int_equal(get(map, at), at == a + 5 * P ? 7 : 0);
	assert_int_equal(fake_faults, faults);
	OK(vm_map_fork(map, &child));
	put(map, a, 8);
	assert_int_equal(get(child, a), 0);
	put(child, a + P, 9);
	assert_int_equal(get(map, a + P), 0);
	assert_int_equal(get(child, a + 5 * P), 7);
	vm_map_deallocate(child);
	put(map, a + big - P, 10);
	OK(C->mach_vm_deallocate(map, a + P, P));
	assert_int_equal(get(map, a), 8);
	assert_int_equal(get(map, a + big - P), 10);
	OK(C->mach_vm_deallocate(map, a, 2 * big));

	/* Filled in order: the first range page by page, then a large page for each. */
	OK(C->mach_vm_allocate(map, &b, 3 * big + 5 * P, VM_FLAGS_FIXED));
	faults = fake_faults;
	large = fake_large;
	for (uint64_t at = b; at < b + 3 * big + 5 * P; at += P)
		put(map, at, at);
	assert_int_equal(fake_large, large + 2);
	assert_int_equal(fake_faults, faults + 512 + 2 + 5);
	for (uint64_t at = b; at < b + 3 * big + 5 * P; at += P)
		assert_int_equal(get(map, at), at);
	fake_pmap_forget(vm_map_pmap(map)); /* a read maps it as one again */
	assert_int_equal(get(map, b + big + 3 * P), b + big + 3 * P);
	assert_int_equal(fake_large, large + 3);
	OK(C->mach_vm_deallocate(map, b, 3 * big + 5 * P));

	/* Here and there: single pages. */
	OK(C->mach_vm_allocate(map, &b, 3 * big, VM_FLAGS_FIXED));
	put(map, b + big, 1);
	put(map, b, 1);
	put(map, b + 2 * big, 1);
	assert_int_equal(fake_large, large + 3);
	finish();
}

static void VMUS0029_a_hog_gets_what_is_volatile_before_it_fails(void **state)
{
	struct vm_map *map = begin();
	mach_vm_address_t a = 0, hog = memory(map, ARENA_PAGES);
	uint64_t v = 1, written = 0;

	OK(C->mach_vm_allocate(map, &a, 100 * P, VM_FLAGS_ANYWHERE | VM_FLAGS_PURGABLE));
	for (int i = 0; i < 100; i++)
		put(map, a + i * P, 1);
	(void)purgable(map, a, VM_PURGABLE_SET_STATE, VM_PURGABLE_VOLATILE);
	while (user_write(map, hog + written * P, &v, 8) == KERN_SUCCESS)
		written++;
	assert_true(written > 100 && written < ARENA_PAGES);
	assert_int_equal(purgable(map, a, VM_PURGABLE_GET_STATE, 0), VM_PURGABLE_EMPTY);
	OK(C->mach_vm_deallocate(map, hog, ARENA_PAGES * P));
	finish();
}

/* Each allocation in turn fails: the call says so, and nothing is lost. */
static void VMUS0027_no_memory_for_an_entry(void **state)
{
	struct vm_map *map = begin();
	mach_vm_address_t a = memory(map, 3);
	memory_object_size_t size;
	uint64_t n = 0;
	mach_port_t port;
	kern_return_t kr;

	put(map, a, 1);
	do {
		size = 3 * P;
		alloc_fail_at(++n);
		kr = C->mach_make_memory_entry_64(map, &size, a, VM_PROT_READ, &port, IP_NULL);
		if (kr != KERN_SUCCESS)
			ERR(KERN_RESOURCE_SHORTAGE, kr);
	} while (alloc_failed());
	OK(kr);
	assert_true(n > 3);
	alloc_fail_at(0);
	ipc_port_release_send(port);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(VMUS0001_calls_do_what_they_say),
		cmocka_unit_test(VMUS0002_failures_consume_nothing),
		cmocka_unit_test(VMUS0010_allocate_fixed_anywhere_overwrite_large_tagged),
		cmocka_unit_test(VMUS0011_deallocate),
		cmocka_unit_test(VMUS0012_protect_current_maximum_and_copy),
		cmocka_unit_test(VMUS0013_inherit),
		cmocka_unit_test(VMUS0014_read_list_and_read_overwrite_bring_memory_to_the_caller),
		cmocka_unit_test(VMUS0015_named_entries_are_shared_copied_narrowed_and_end),
		cmocka_unit_test(VMUS0016_new_memory_in_no_map),
		cmocka_unit_test(VMUS0017_remap_shares_or_copies),
		cmocka_unit_test(VMUS0018_regions_in_every_flavour),
		cmocka_unit_test(VMUS0019_pages_are_told_one_by_one_and_by_range),
		cmocka_unit_test(VMUS0020_behavior_stays_or_acts),
		cmocka_unit_test(VMUS0021_msync_of_memory_without_a_pager),
		cmocka_unit_test(VMUS0022_machine_attribute),
		cmocka_unit_test(VMUS0023_volatile_memory_is_emptied_when_frames_are_short),
		cmocka_unit_test(VMUS0024_wire_keeps_pages_within_a_limit),
		cmocka_unit_test(VMUS0025_a_task_whose_new_memory_is_wired),
		cmocka_unit_test(VMUS0026_the_older_names_do_the_same),
		cmocka_unit_test(VMUS0027_no_memory_for_an_entry),
		cmocka_unit_test(VMUS0029_a_hog_gets_what_is_volatile_before_it_fails),
		cmocka_unit_test(VMUS0031_volatile_memory_goes_in_its_order),
		cmocka_unit_test(VMUS0030_device_memory_is_mapped_and_never_copied),
		cmocka_unit_test(VMUS0028_large_pages_where_memory_is_filled_or_they_were_asked_for),
	};

	arena_init();
	vm_init();
	vm_named_entry_init();
	vm_device_pager_init();
	return cmocka_run_group_tests_name("vm_user", tests, NULL, NULL);
}

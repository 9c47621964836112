/* SPDX-License-Identifier: BSD-2-Clause */
/* Description: the calls of mach_vm.defs as the kernel serves them: what they do, refuse, consume and give out. */
#include <host/host.h>
#include <host/test.h>
#include <ipc/ipc_port.h>
#include <kern/ipc_kobject_calls.h>
#include <kernel/mach_vm_server.h>
#include <mach/vm_region.h>
#include <vm/vm_map.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_object.h>

#include "arena.h"
#include "fake_pmap.h"

static void VMUS0001_calls_do_what_they_say(void **state)
{
	const struct mach_vm_ops *c = &mach_vm_calls;
	struct vm_map *map = vm_map_create();
	uint64_t before = arena_free_pages();
	mach_vm_address_t a = 0, at, size;
	struct vm_map_copy *copy;
	mach_msg_type_number_t count;
	vm_region_basic_info_data_64_t info;
	mach_port_t name;
	uint64_t v = 7;

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
	assert_int_equal(c->mach_vm_allocate(map, &a, 1, 2), KERN_INVALID_ARGUMENT);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(VMUS0001_calls_do_what_they_say),
		cmocka_unit_test(VMUS0002_failures_consume_nothing),
	};

	arena_init();
	vm_init();
	return cmocka_run_group_tests_name("vm_user", tests, NULL, NULL);
}

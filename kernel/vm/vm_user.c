/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_user.c - the calls of mach_vm.defs, as a task's port gets them, from this node or another.
 *
 * Interface: mach_vm_calls (kern/ipc_kobject_calls.h, whose conditions hold: a failure has consumed nothing).
 * Every address, size and flag is the user's; vm_map.h's functions check them.
 */
#include <ipc/ipc_port.h>
#include <kern/ipc_kobject_calls.h>
#include <kernel/mach_vm_server.h>
#include <mach/vm_region.h>
#include <vm/vm_map.h>
#include <vm/vm_map_copy.h>

static kern_return_t user_allocate(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
				   int flags)
{
	if (map == NULL)
		return KERN_INVALID_ARGUMENT;
	if (size == 0) {
		*address = 0;
		return KERN_SUCCESS;
	}
	return vm_map_allocate(map, address, size, flags);
}

static kern_return_t user_deallocate(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size)
{
	return map == NULL ? KERN_INVALID_ARGUMENT : vm_map_remove(map, address, size);
}

static kern_return_t user_protect(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
				  boolean_t set_maximum, vm_prot_t protection)
{
	if (map == NULL)
		return KERN_INVALID_ARGUMENT;
	return vm_map_protect(map, address, size, protection, set_maximum != 0);
}

static kern_return_t user_inherit(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
				  vm_inherit_t inheritance)
{
	return map == NULL ? KERN_INVALID_ARGUMENT : vm_map_inherit(map, address, size, inheritance);
}

static kern_return_t user_read(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
			       struct vm_map_copy **data, mach_msg_type_number_t *count)
{
	kern_return_t kr;

	if (map == NULL || size > UINT32_MAX) /* its count is 32 bits */
		return KERN_INVALID_ARGUMENT;
	kr = vm_map_copyin(map, address, size, false, data);
	if (kr == KERN_SUCCESS)
		*count = (mach_msg_type_number_t)size;
	return kr;
}

static kern_return_t user_write(struct vm_map *map, mach_vm_address_t address, struct vm_map_copy *data,
				mach_msg_type_number_t count)
{
	(void)count; /* the copy knows */
	return map == NULL ? KERN_INVALID_ARGUMENT : vm_map_copy_overwrite(map, address, data);
}

static kern_return_t copy_within(struct vm_map *map, mach_vm_address_t source, mach_vm_size_t size,
				 mach_vm_address_t dest)
{
	struct vm_map_copy *copy;
	kern_return_t kr;

	if (map == NULL)
		return KERN_INVALID_ARGUMENT;
	kr = vm_map_copyin(map, source, size, false, &copy);
	if (kr != KERN_SUCCESS)
		return kr;
	kr = vm_map_copy_overwrite(map, dest, copy);
	if (kr != KERN_SUCCESS)
		vm_map_copy_discard(copy);
	return kr;
}

static kern_return_t user_copy(struct vm_map *map, mach_vm_address_t source, mach_vm_size_t size,
			       mach_vm_address_t dest)
{
	return copy_within(map, source, size, dest);
}

static kern_return_t user_read_overwrite(struct vm_map *map, mach_vm_address_t address,
					 mach_vm_size_t size, mach_vm_address_t data,
					 mach_vm_size_t *out_size)
{
	kern_return_t kr = copy_within(map, address, size, data);

	if (kr == KERN_SUCCESS)
		*out_size = size;
	return kr;
}

static kern_return_t user_map(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
			      mach_vm_offset_t mask, int flags, mem_entry_name_port_t object,
			      memory_object_offset_t offset, boolean_t copy, vm_prot_t protection,
			      vm_prot_t max_protection, vm_inherit_t inheritance)
{
	if (map == NULL)
		return KERN_INVALID_ARGUMENT;
	if (object != MACH_PORT_NULL)
		return KERN_NOT_SUPPORTED; /* no pagers yet */
	return vm_map_enter(map, address, size, mask, flags, NULL, 0, copy != 0, protection,
			    max_protection, inheritance);
}

static kern_return_t user_remap(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
				mach_vm_offset_t mask, int flags, struct vm_map *source,
				mach_vm_address_t source_address, boolean_t copy, vm_prot_t *protection,
				vm_prot_t *max_protection, vm_inherit_t inheritance)
{
	if (map == NULL || source == NULL)
		return KERN_INVALID_ARGUMENT;
	return vm_map_remap(map, address, size, mask, flags, source, source_address, copy != 0,
			    protection, max_protection, inheritance);
}

static kern_return_t user_region(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t *size,
				 vm_region_flavor_t flavor, vm_region_info_t info,
				 mach_msg_type_number_t *count, mach_port_t *object_name)
{
	vm_region_basic_info_64_t basic = (vm_region_basic_info_64_t)info;
	struct vm_region region;
	kern_return_t kr;

	if (map == NULL || (flavor != VM_REGION_BASIC_INFO_64 && flavor != VM_REGION_BASIC_INFO) ||
	    *count < VM_REGION_BASIC_INFO_COUNT_64)
		return KERN_INVALID_ARGUMENT;
	kr = vm_map_region(map, *address, &region);
	if (kr != KERN_SUCCESS)
		return kr;
	*address = region.address;
	*size = region.size;
	*basic = (vm_region_basic_info_data_64_t){
		.protection = region.protection,
		.max_protection = region.max_protection,
		.inheritance = region.inheritance,
		.shared = region.shared,
		.offset = region.offset,
		.user_wired_count = (uint16_t)(region.wired_count > UINT16_MAX ? UINT16_MAX
									       : region.wired_count),
	};
	*count = VM_REGION_BASIC_INFO_COUNT_64;
	*object_name = MACH_PORT_NULL;
	return KERN_SUCCESS;
}

const struct mach_vm_ops mach_vm_calls = {
	.mach_vm_allocate = user_allocate,
	.mach_vm_deallocate = user_deallocate,
	.mach_vm_protect = user_protect,
	.mach_vm_inherit = user_inherit,
	.mach_vm_read = user_read,
	.mach_vm_write = user_write,
	.mach_vm_copy = user_copy,
	.mach_vm_read_overwrite = user_read_overwrite,
	.mach_vm_map = user_map,
	.mach_vm_remap = user_remap,
	.mach_vm_region = user_region,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/vm_map.h - the calls on memory under their older names; what they do: mach/mach_vm.h. */
#pragma once

#include <mach/mach_types.h>
#include <mach/mach_vm.h>

static inline kern_return_t vm_allocate(vm_map_t task, vm_address_t *address, vm_size_t size, int flags)
{
	mach_vm_address_t at = *address;
	kern_return_t result = mach_vm_allocate(task, &at, size, flags);

	*address = at;
	return result;
}

static inline kern_return_t vm_deallocate(vm_map_t task, vm_address_t address, vm_size_t size)
{
	return mach_vm_deallocate(task, address, size);
}

static inline kern_return_t vm_protect(vm_map_t task, vm_address_t address, vm_size_t size, boolean_t set_maximum,
				       vm_prot_t protection)
{
	return mach_vm_protect(task, address, size, set_maximum, protection);
}

static inline kern_return_t vm_inherit(vm_map_t task, vm_address_t address, vm_size_t size, vm_inherit_t inheritance)
{
	return mach_vm_inherit(task, address, size, inheritance);
}

static inline kern_return_t vm_read(vm_map_t task, vm_address_t address, vm_size_t size, vm_offset_t *data,
				    mach_msg_type_number_t *count)
{
	return mach_vm_read(task, address, size, data, count);
}

static inline kern_return_t vm_read_overwrite(vm_map_t task, vm_address_t address, vm_size_t size, vm_address_t data,
					      vm_size_t *out_size)
{
	mach_vm_size_t out = 0;
	kern_return_t result = mach_vm_read_overwrite(task, address, size, data, &out);

	*out_size = out;
	return result;
}

static inline kern_return_t vm_write(vm_map_t task, vm_address_t address, vm_offset_t data, mach_msg_type_number_t count)
{
	return mach_vm_write(task, address, data, count);
}

static inline kern_return_t vm_copy(vm_map_t task, vm_address_t source, vm_size_t size, vm_address_t target)
{
	return mach_vm_copy(task, source, size, target);
}

static inline kern_return_t vm_map(vm_map_t task, vm_address_t *address, vm_size_t size, vm_address_t mask, int flags,
				   mem_entry_name_port_t object, vm_offset_t offset, boolean_t copy,
				   vm_prot_t protection, vm_prot_t max_protection, vm_inherit_t inheritance)
{
	mach_vm_address_t at = *address;
	kern_return_t result = mach_vm_map(task, &at, size, mask, flags, object, offset, copy, protection,
					   max_protection, inheritance);

	*address = at;
	return result;
}

static inline kern_return_t vm_region_64(vm_map_t task, vm_address_t *address, vm_size_t *size,
					 vm_region_flavor_t flavor, vm_region_info_t info,
					 mach_msg_type_number_t *count, mach_port_t *object)
{
	mach_vm_address_t at = *address;
	mach_vm_size_t bytes = 0;
	kern_return_t result = mach_vm_region(task, &at, &bytes, flavor, info, count, object);

	*address = at;
	*size = bytes;
	return result;
}

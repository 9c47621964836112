/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_user.c - the calls of mach_vm.defs and vm_map.defs, as a task's port gets them, from this node or another.
 *
 * Interface: mach_vm_calls, vm_map_calls (kern/ipc_kobject_calls.h, whose conditions hold: a failure has consumed nothing). The calls that tell
 *   what is there are vm_user_info.c's.
 * Every address, size and flag is the user's; vm_map.h's functions check them.
 */
#include <ipc/ipc_port.h>
#include <kern/ipc_kobject_calls.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kernel/mach_vm_server.h>
#include <kernel/vm_map_server.h>
#include <mach/vm_attributes.h>
#include <mach/vm_statistics.h>
#include <vm/memory_object.h>
#include <vm/vm_device_pager.h>
#include <vm/vm_map.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_named_entry.h>
#include <vm/vm_object.h>
#include <vm/vm_purgable.h>
#include <vm/vm_user.h>

#include "vm_user_internal.h"

static kern_return_t allocate_purgable(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
				       int flags)
{
	struct vm_object *o;
	kern_return_t kr;

	if (size > VM_MAX_ADDRESS)
		return KERN_NO_SPACE;
	o = vm_purgable_create((size + PAGE_MASK) & ~PAGE_MASK);
	if (o == NULL)
		return KERN_RESOURCE_SHORTAGE;
	kr = vm_map_enter(map, address, size, 0, flags, o, 0, false, VM_PROT_DEFAULT, VM_PROT_ALL,
			  VM_INHERIT_DEFAULT);
	if (kr != KERN_SUCCESS)
		vm_object_deallocate(o);
	return kr;
}

static kern_return_t user_allocate(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
				   int flags)
{
	kern_return_t kr;

	if (map == NULL || (flags & ~VM_FLAGS_USER_ALLOCATE) != 0)
		return KERN_INVALID_ARGUMENT;
	if (size == 0) {
		*address = 0;
		return KERN_SUCCESS;
	}
	if (flags & VM_FLAGS_PURGABLE)
		kr = allocate_purgable(map, address, size, flags);
	else
		kr = vm_map_allocate(map, address, size, flags);
	return kr == KERN_SUCCESS ? vm_map_wire_if_asked(map, *address, size) : kr;
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

struct vm_map *vm_user_caller_map(void)
{
	struct thread *self = current_thread();

	return self->task == NULL || self->task->map == kernel_map ? NULL : self->task->map;
}

static kern_return_t copy_between(struct vm_map *from, mach_vm_address_t source, mach_vm_size_t size,
				  struct vm_map *to, mach_vm_address_t dest)
{
	struct vm_map_copy *copy;
	kern_return_t kr;

	if (from == NULL)
		return KERN_INVALID_ARGUMENT;
	if (to == NULL)
		return KERN_NOT_SUPPORTED;
	kr = vm_map_copyin(from, source, size, false, &copy);
	if (kr != KERN_SUCCESS)
		return kr;
	kr = vm_map_copy_overwrite(to, dest, copy);
	if (kr != KERN_SUCCESS)
		vm_map_copy_discard(copy);
	return kr;
}

static kern_return_t user_copy(struct vm_map *map, mach_vm_address_t source, mach_vm_size_t size,
			       mach_vm_address_t dest)
{
	return copy_between(map, source, size, map, dest);
}

static kern_return_t user_read_overwrite(struct vm_map *map, mach_vm_address_t address,
					 mach_vm_size_t size, mach_vm_address_t data,
					 mach_vm_size_t *out_size)
{
	kern_return_t kr = copy_between(map, address, size, vm_user_caller_map(), data);

	if (kr == KERN_SUCCESS)
		*out_size = size;
	return kr;
}

/* One entry of a list that was read becomes memory of the caller. */
static kern_return_t read_one(struct vm_map *map, struct vm_map *caller, uint64_t *address, uint64_t size)
{
	struct vm_map_copy *copy;
	mach_vm_address_t at;
	kern_return_t kr = vm_map_copyin(map, *address, size, false, &copy);

	if (kr != KERN_SUCCESS)
		return kr;
	kr = vm_map_copyout(caller, &at, copy);
	if (kr != KERN_SUCCESS)
		vm_map_copy_discard(copy);
	else
		*address = at;
	return kr;
}

static kern_return_t user_read_list(struct vm_map *map, struct mach_vm_read_entry *list, natural_t count)
{
	struct vm_map *caller = vm_user_caller_map();
	kern_return_t kr = KERN_SUCCESS;

	if (map == NULL || count > VM_MAP_ENTRY_MAX)
		return KERN_INVALID_ARGUMENT;
	if (caller == NULL)
		return KERN_NOT_SUPPORTED;
	for (natural_t i = 0; i < count; i++) {
		if (kr == KERN_SUCCESS)
			kr = read_one(map, caller, &list[i].address, list[i].size);
		if (kr != KERN_SUCCESS)
			list[i] = (struct mach_vm_read_entry){ 0, 0 };
	}
	/* What was read before is the caller's, which an error's reply could not tell it: give it back. */
	for (natural_t i = 0; i < count && kr != KERN_SUCCESS; i++)
		if (list[i].size != 0)
			(void)vm_map_remove(caller, list[i].address, list[i].size);
	return kr;
}

_Static_assert(sizeof(struct vm_read_entry) == sizeof(struct mach_vm_read_entry), "they differ in name only");

static kern_return_t user_read_list_long(struct vm_map *map, struct vm_read_entry *list, natural_t count)
{
	return user_read_list(map, (struct mach_vm_read_entry *)list, count);
}

static kern_return_t map_named(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
			       mach_vm_offset_t mask, int flags, const struct vm_named_memory *m, uint64_t offset,
			       bool copy, vm_prot_t protection, vm_prot_t max_protection, vm_inherit_t inheritance)
{
	if (offset > m->size || size > m->size - offset || size == 0)
		return KERN_INVALID_ARGUMENT;
	if (!copy && ((protection | max_protection) & ~m->protection & VM_PROT_ALL) != 0)
		return KERN_INVALID_RIGHT;
	if (copy && (m->protection & VM_PROT_READ) == 0)
		return KERN_INVALID_RIGHT;
	return vm_map_map_from(map, address, size, mask, flags, m->map, m->start + offset, copy, protection,
			       max_protection, inheritance);
}

/* Of what is mapped: a named entry's memory, a device's, or a memory object's. */
static kern_return_t map_port(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
			      mach_vm_offset_t mask, int flags, struct ipc_port *port, uint64_t offset, bool copy,
			      vm_prot_t protection, vm_prot_t max_protection, vm_inherit_t inheritance)
{
	struct vm_named_memory m;
	struct vm_object *device;
	vm_prot_t allowed;
	kern_return_t kr;

	if (vm_named_entry_lookup(port, &m)) {
		kr = map_named(map, address, size, mask, flags, &m, offset, copy, protection, max_protection, inheritance);
		vm_map_deallocate(m.map);
		return kr;
	}
	flags &= ~VM_FLAGS_RETURN_DATA_ADDR;
	device = vm_device_pager_lookup(port, &allowed);
	if (device == NULL)
		return vm_map_enter_pager(map, address, size, mask, flags, port, offset, copy, protection, max_protection,
					  inheritance);
	kr = vm_map_enter_device(map, address, size, mask, flags, device, allowed, offset, copy, protection, max_protection,
				 inheritance);
	if (kr != KERN_SUCCESS)
		vm_object_deallocate(device);
	return kr;
}

static kern_return_t user_map(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
			      mach_vm_offset_t mask, int flags, mem_entry_name_port_t object,
			      memory_object_offset_t offset, boolean_t copy, vm_prot_t protection,
			      vm_prot_t max_protection, vm_inherit_t inheritance)
{
	kern_return_t kr;

	if (map == NULL || (flags & ~VM_FLAGS_USER_MAP) != 0 || object == IP_DEAD)
		return KERN_INVALID_ARGUMENT;
	if (object == IP_NULL)
		kr = vm_map_enter(map, address, size, mask, flags & ~VM_FLAGS_RETURN_DATA_ADDR, NULL, 0, false,
				  protection, max_protection, inheritance);
	else
		kr = map_port(map, address, size, mask, flags, object, offset, copy != 0, protection, max_protection,
			      inheritance);
	if (kr == KERN_SUCCESS)
		kr = vm_map_wire_if_asked(map, *address, size);
	if (kr == KERN_SUCCESS && object != IP_NULL)
		ipc_port_release_send(object);
	return kr;
}

static kern_return_t user_remap(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t size,
				mach_vm_offset_t mask, int flags, struct vm_map *source,
				mach_vm_address_t source_address, boolean_t copy, vm_prot_t *protection,
				vm_prot_t *max_protection, vm_inherit_t inheritance)
{
	if (map == NULL || source == NULL || (flags & ~VM_FLAGS_USER_REMAP) != 0)
		return KERN_INVALID_ARGUMENT;
	return vm_map_remap(map, address, size, mask, flags, source, source_address, copy != 0,
			    protection, max_protection, inheritance);
}

/* ---- what is said of it ---- */

static kern_return_t user_msync(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size, vm_sync_t flags)
{
	return map == NULL ? KERN_INVALID_ARGUMENT : vm_map_sync(map, address, size, flags);
}

static kern_return_t user_behavior_set(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
				       vm_behavior_t behavior)
{
	if (map == NULL)
		return KERN_INVALID_ARGUMENT;
	if (behavior >= VM_BEHAVIOR_WILLNEED)
		return vm_map_advise(map, address, size, behavior);
	return vm_map_set_behavior(map, address, size, behavior);
}

static kern_return_t user_machine_attribute(struct vm_map *map, mach_vm_address_t address, mach_vm_size_t size,
					    vm_machine_attribute_t attribute, vm_machine_attribute_val_t *value)
{
	kern_return_t kr;

	if (map == NULL || attribute != MATTR_CACHE)
		return KERN_INVALID_ARGUMENT;
	kr = vm_map_check(map, address, size, VM_PROT_NONE);
	if (kr != KERN_SUCCESS)
		return kr;
	switch (*value) {
	case MATTR_VAL_GET:
		*value = vm_map_is_cached(map, address) ? MATTR_VAL_ON : MATTR_VAL_OFF;
		return KERN_SUCCESS;
	case MATTR_VAL_CACHE_FLUSH:
	case MATTR_VAL_DCACHE_FLUSH:
	case MATTR_VAL_ICACHE_FLUSH:
	case MATTR_VAL_CACHE_SYNC:
		return KERN_SUCCESS; /* caches, devices and code are coherent */
	case MATTR_VAL_ON:
	case MATTR_VAL_OFF:
		return KERN_NOT_SUPPORTED;
	default:
		return KERN_INVALID_ARGUMENT;
	}
}

static kern_return_t user_make_memory_entry(struct vm_map *map, memory_object_size_t *size,
					    memory_object_offset_t offset, vm_prot_t permission, mach_port_t *out,
					    mem_entry_name_port_t parent)
{
	kern_return_t kr;

	if (map == NULL)
		return KERN_INVALID_TASK;
	kr = vm_named_entry_make(map, size, offset, permission, parent, out);
	if (kr == KERN_SUCCESS && IP_VALID(parent))
		ipc_port_release_send(parent);
	return kr;
}

static kern_return_t user_make_memory_entry_long(struct vm_map *map, vm_size_t *size, vm_offset_t offset,
						 vm_prot_t permission, mach_port_t *out, mem_entry_name_port_t parent)
{
	return user_make_memory_entry(map, size, offset, permission, out, parent);
}

static kern_return_t user_purgable_control(struct vm_map *map, mach_vm_address_t address, vm_purgable_t control,
					   int *state)
{
	return map == NULL ? KERN_INVALID_ARGUMENT : vm_map_purgable_control(map, address, control, state);
}

static kern_return_t user_task_wire(struct vm_map *map, boolean_t must_wire)
{
	if (map == NULL)
		return KERN_INVALID_ARGUMENT;
	vm_map_wire_new(map, must_wire != 0);
	return KERN_SUCCESS;
}

kern_return_t host_priv_mach_vm_wire(struct host *host, struct vm_map *map, mach_vm_address_t address,
				     mach_vm_size_t size, vm_prot_t access)
{
	if (host == NULL)
		return KERN_INVALID_HOST;
	return map == NULL ? KERN_INVALID_TASK : vm_map_wire(map, address, size, access);
}

kern_return_t host_priv_vm_wire(struct host *host, struct vm_map *map, vm_address_t address, vm_size_t size,
				vm_prot_t access)
{
	return host_priv_mach_vm_wire(host, map, address, size, access);
}

kern_return_t host_priv_vm_allocate_cpm(struct host *host, struct vm_map *map, vm_address_t *address, vm_size_t size,
					int flags)
{
	if (host == NULL)
		return KERN_INVALID_HOST;
	return map == NULL ? KERN_INVALID_TASK : KERN_FAILURE;
}

const struct mach_vm_ops mach_vm_calls = {
	.mach_vm_allocate = user_allocate,
	.mach_vm_deallocate = user_deallocate,
	.mach_vm_protect = user_protect,
	.mach_vm_inherit = user_inherit,
	.mach_vm_read = user_read,
	.mach_vm_read_list = user_read_list,
	.mach_vm_write = user_write,
	.mach_vm_copy = user_copy,
	.mach_vm_read_overwrite = user_read_overwrite,
	.mach_vm_msync = user_msync,
	.mach_vm_behavior_set = user_behavior_set,
	.mach_vm_map = user_map,
	.mach_vm_machine_attribute = user_machine_attribute,
	.mach_vm_remap = user_remap,
	.mach_vm_page_query = vm_user_page_query,
	.mach_vm_region_recurse = vm_user_region_recurse,
	.mach_vm_region = vm_user_region,
	.mach_make_memory_entry_64 = user_make_memory_entry,
	.mach_vm_purgable_control = user_purgable_control,
	.mach_vm_page_info = vm_user_page_info,
	.mach_vm_page_range_query = vm_user_page_range_query,
};

/* The older names. */
const struct vm_map_ops vm_map_calls = {
	.vm_region = vm_user_region,
	.vm_allocate = user_allocate,
	.vm_deallocate = user_deallocate,
	.vm_protect = user_protect,
	.vm_inherit = user_inherit,
	.vm_read = user_read,
	.vm_read_list = user_read_list_long,
	.vm_write = user_write,
	.vm_copy = user_copy,
	.vm_read_overwrite = user_read_overwrite,
	.vm_msync = user_msync,
	.vm_behavior_set = user_behavior_set,
	.vm_map = user_map,
	.vm_machine_attribute = user_machine_attribute,
	.vm_remap = user_remap,
	.task_wire = user_task_wire,
	.mach_make_memory_entry = user_make_memory_entry_long,
	.vm_map_page_query = vm_user_page_query,
	.vm_region_recurse = vm_user_region_recurse,
	.vm_region_recurse_64 = vm_user_region_recurse,
	.vm_region_64 = vm_user_region,
	.vm_map_64 = user_map,
	.vm_purgable_control = user_purgable_control,
};

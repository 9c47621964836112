/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_caller.c - calls that bring something into the caller's own memory, of a task anywhere.
 *
 * On the caller's node the kernel does each in one call; of a task on another node it answers KERN_NOT_SUPPORTED, and what
 * is asked for comes as memory in messages. The stubs are compiled under the names _kernelrpc_NAME (tools/build/user.py).
 */
#include <mach/mach_init.h>
#include <mach/mach_vm.h>
#include <mach/vm_map.h>
#include <string.h>

#define PIECE ((mach_vm_size_t)64 << 20) /* read at once from another node */

kern_return_t _kernelrpc_mach_vm_read_overwrite(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size,
						mach_vm_address_t data, mach_vm_size_t *out_size);
kern_return_t _kernelrpc_mach_vm_read_list(vm_map_t task, struct mach_vm_read_entry *list, natural_t count);
kern_return_t _kernelrpc_mach_vm_page_range_query(vm_map_t task, mach_vm_offset_t address, mach_vm_size_t size,
						  mach_vm_address_t dispositions, mach_vm_size_t *count);

static kern_return_t read_piece(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size, char *to)
{
	mach_msg_type_number_t count = 0;
	vm_offset_t data = 0;
	kern_return_t kr = mach_vm_read(task, address, size, &data, &count);

	if (kr != KERN_SUCCESS)
		return kr;
	memcpy(to, (const void *)data, count);
	return mach_vm_deallocate(mach_task_self(), data, count);
}

kern_return_t mach_vm_read_overwrite(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size, mach_vm_address_t data,
				     mach_vm_size_t *out_size)
{
	kern_return_t kr = _kernelrpc_mach_vm_read_overwrite(task, address, size, data, out_size);

	if (kr != KERN_NOT_SUPPORTED)
		return kr;
	kr = KERN_SUCCESS;
	for (mach_vm_size_t done = 0; done < size && kr == KERN_SUCCESS; done += PIECE)
		kr = read_piece(task, address + done, size - done < PIECE ? size - done : PIECE,
				(char *)(uintptr_t)data + done);
	if (kr == KERN_SUCCESS)
		*out_size = size;
	return kr;
}

/* The first count of list become memory of this task; on an error none is. */
static kern_return_t read_each(vm_map_t task, struct mach_vm_read_entry *list, natural_t count)
{
	kern_return_t kr = KERN_SUCCESS;
	natural_t done = 0;

	for (; done < count && kr == KERN_SUCCESS; done++) {
		mach_msg_type_number_t bytes = 0;
		vm_offset_t data = 0;

		kr = mach_vm_read(task, list[done].address, list[done].size, &data, &bytes);
		list[done].address = data;
	}
	if (kr == KERN_SUCCESS)
		return kr;
	for (natural_t i = 0; i + 1 < done; i++)
		(void)mach_vm_deallocate(mach_task_self(), list[i].address, list[i].size);
	return kr;
}

kern_return_t mach_vm_read_list(vm_map_t task, mach_vm_read_entry_t list, natural_t count)
{
	kern_return_t kr;

	if (count > VM_MAP_ENTRY_MAX)
		return KERN_INVALID_ARGUMENT;
	kr = _kernelrpc_mach_vm_read_list(task, list, count);
	return kr == KERN_NOT_SUPPORTED ? read_each(task, list, count) : kr;
}

kern_return_t vm_read_list(vm_map_t task, vm_read_entry_t list, natural_t count)
{
	return mach_vm_read_list(task, (struct mach_vm_read_entry *)list, count); /* they differ in name only */
}

kern_return_t vm_read_overwrite(vm_map_t task, vm_address_t address, vm_size_t size, vm_address_t data, vm_size_t *out_size)
{
	mach_vm_size_t out = *out_size;
	kern_return_t kr = mach_vm_read_overwrite(task, address, size, data, &out);

	*out_size = out;
	return kr;
}

kern_return_t mach_vm_page_range_query(vm_map_t task, mach_vm_offset_t address, mach_vm_size_t size,
				       mach_vm_address_t dispositions, mach_vm_size_t *count)
{
	kern_return_t kr = _kernelrpc_mach_vm_page_range_query(task, address, size, dispositions, count);
	mach_vm_size_t done = 0;

	if (kr != KERN_NOT_SUPPORTED)
		return kr;
	kr = KERN_SUCCESS;
	for (mach_vm_offset_t at = address & ~4095UL; at < address + size && done < *count && kr == KERN_SUCCESS; at += 4096) {
		integer_t disposition = 0, references = 0;

		kr = mach_vm_page_query(task, at, &disposition, &references);
		((int *)(uintptr_t)dispositions)[done++] = disposition;
	}
	if (kr == KERN_SUCCESS)
		*count = done;
	return kr;
}

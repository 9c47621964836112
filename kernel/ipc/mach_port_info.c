/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach_port_info.c - looking at a space: its names, its size, what its ports stand for. Interface and conditions:
 * mach_port.h.
 *
 * No kernel address is told: an object's id is its address under a key of this boot.
 * References: OSF Mach, mach_debug/ipc_info.h; XNU, mach_port_kobject.
 */
#include <base/string.h>
#include <ipc/ipc_pset.h>
#include <kern/clock.h>
#include <kern/ipc_kobject.h>
#include <kern/thread.h>
#include <vm/vm_map_copy.h>

#include "mach_port_private.h"

#define TABLE_GROWTH IE_CHUNK_ENTRIES
#define GENERATION_MASK MACH_PORT_GEN(MACH_PORT_DEAD)

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* The same all through this boot; 0 for NULL only. */
static uint64_t object_id(const void *object)
{
	static _Atomic uint64_t key;
	uint64_t none = 0;

	if (!object)
		return 0;
	if (key == 0)
		(void)atomic_compare_exchange_strong(&key, &none, mix(clock_now_ns()) | 1);
	return mix((uintptr_t)object ^ key) | 1;
}

/* ---- the space ---- */

kern_return_t mach_port_space_basic_info(struct ipc_space *space, ipc_info_space_basic_t *info)
{
	kern_return_t kr = KERN_INVALID_TASK;

	memset(info, 0, sizeof *info);
	if (!space)
		return KERN_INVALID_TASK;
	is_lock(space);
	if (space->is_active) {
		info->iisb_genno_mask = GENERATION_MASK;
		info->iisb_table_size = space->is_chunk_count * IE_CHUNK_ENTRIES;
		info->iisb_table_next = info->iisb_table_size + TABLE_GROWTH;
		info->iisb_table_inuse = space->is_names;
		kr = KERN_SUCCESS;
	}
	is_unlock(space);
	return kr;
}

static void entry_info(struct ipc_space *space, uint32_t index, struct ipc_entry *entry, ipc_info_name_t *info)
{
	mach_port_name_t name = MACH_PORT_MAKE(index, IE_BITS_GEN(entry->ie_bits));

	(void)ipc_right_lookup(space, name);
	*info = (ipc_info_name_t){ .iin_name = name, .iin_next = entry->ie_next,
				   .iin_object = (natural_t)object_id(entry->ie_object) };
	if ((entry->ie_bits & MACH_PORT_TYPE_SEND_RECEIVE) == MACH_PORT_TYPE_SEND)
		info->iin_hash = ipc_hash_bucket(space, entry->ie_object);
	ipc_right_info(space, entry, &info->iin_type, &info->iin_urefs);
}

/* The names in one chunk, under one hold of the lock. KERN_NO_SPACE: the list is full. */
static kern_return_t info_of_chunk(struct ipc_space *space, uint32_t chunk, struct mach_port_list *list)
{
	kern_return_t kr = KERN_SUCCESS;

	is_lock(space);
	for (uint32_t i = 0; kr == KERN_SUCCESS && space->is_active && i < IE_CHUNK_ENTRIES; i++) {
		uint32_t index = (chunk << IE_CHUNK_SHIFT) | i;
		struct ipc_entry *entry = ipc_entry_at(space, index);
		ipc_info_name_t info;

		if (!entry)
			break;
		if (!(entry->ie_bits & IE_BITS_TYPE_MASK))
			continue;
		entry_info(space, index, entry, &info);
		if (!mach_port_list_add(list, &info))
			kr = KERN_NO_SPACE;
	}
	is_unlock(space);
	return kr;
}

/* All names, in a list that is the caller's; tries again with a longer one while names are added. */
static kern_return_t collect(struct ipc_space *space, struct mach_port_list *list)
{
	uint32_t names, chunks;
	kern_return_t kr;

	do {
		if (!mach_port_space_extent(space, &names, &chunks))
			return KERN_INVALID_TASK;
		kr = mach_port_list_make(list, sizeof(ipc_info_name_t), names + 16);
		if (kr != KERN_SUCCESS)
			return kr;
		for (uint32_t c = 0; kr == KERN_SUCCESS && c < chunks; c++)
			kr = info_of_chunk(space, c, list);
		if (kr != KERN_SUCCESS)
			mach_port_list_free(list);
	} while (kr == KERN_NO_SPACE);
	return kr;
}

kern_return_t mach_port_space_info(struct ipc_space *space, ipc_info_space_t *info, struct vm_map_copy **table,
				   mach_msg_type_number_t *table_count, struct vm_map_copy **tree,
				   mach_msg_type_number_t *tree_count)
{
	ipc_info_space_basic_t basic;
	struct mach_port_list list;
	kern_return_t kr = mach_port_space_basic_info(space, &basic);

	memset(info, 0, sizeof *info);
	*tree = NULL;
	*tree_count = 0;
	if (kr == KERN_SUCCESS)
		kr = collect(space, &list);
	if (kr != KERN_SUCCESS)
		return kr;
	info->iis_genno_mask = basic.iisb_genno_mask;
	info->iis_table_size = basic.iisb_table_size;
	info->iis_table_next = basic.iisb_table_next;
	*table_count = list.count;
	kr = mach_port_list_copy(&list, table);
	mach_port_list_free(&list);
	return kr;
}

/* What one call may take of the kernel's memory for names that are not there yet: some megabytes. */
#define PORT_SPACE_RESERVE_MAX (1 << 17)

kern_return_t task_set_port_space(struct ipc_space *space, int table_entries)
{
	kern_return_t kr;

	if (!space)
		return KERN_INVALID_TASK;
	if (table_entries < 0)
		return KERN_INVALID_VALUE;
	if (table_entries > PORT_SPACE_RESERVE_MAX)
		return KERN_RESOURCE_SHORTAGE;
	do {
		is_lock(space);
		kr = space->is_active ? ipc_entry_reserve_step(space, (uint32_t)table_entries) : KERN_INVALID_TASK;
		is_unlock(space);
	} while (kr == KERN_ABORTED && !thread_is_broken());
	return kr;
}

/* ---- one port ---- */

kern_return_t mach_port_dnrequest_info(struct ipc_space *space, mach_port_name_t name, unsigned *total, unsigned *used)
{
	struct ipc_port *port;
	kern_return_t kr = mach_port_receive_lock(space, name, &port);

	if (kr != KERN_SUCCESS)
		return kr;
	*used = port->ip_request_count;
	*total = ipc_port_request_room(port);
	ip_unlock(port);
	return KERN_SUCCESS;
}

kern_return_t mach_port_kobject(struct ipc_space *space, mach_port_name_t name, natural_t *type,
				mach_vm_address_t *address)
{
	struct ipc_entry *entry;
	struct ipc_port *port;
	kern_return_t kr = mach_port_lookup_lock(space, name, &entry);

	if (kr != KERN_SUCCESS)
		return kr;
	if (!(entry->ie_bits & MACH_PORT_TYPE_SEND_RECEIVE)) {
		is_unlock(space);
		return KERN_INVALID_RIGHT;
	}
	port = (struct ipc_port *)entry->ie_object;
	ip_lock(port);
	is_unlock(space);
	*type = port->ip_kotype;
	*address = port->ip_kotype == IKOT_NONE ? 0 : object_id(port->ip_kobject);
	ip_unlock(port);
	return KERN_SUCCESS;
}

kern_return_t mach_port_kernel_object(struct ipc_space *space, mach_port_name_t name, unsigned *type, vm_offset_t *address)
{
	return mach_port_kobject(space, name, type, address);
}

/* Of the kinds that there are names for. */
static const char *const kinds[IKOT_COUNT] = {
	[IKOT_NONE] = "",
	[IKOT_THREAD] = "thread",
	[IKOT_TASK] = "task",
	[IKOT_HOST] = "host",
	[IKOT_HOST_PRIV] = "host, privileged",
	[IKOT_PROCESSOR] = "processor",
	[IKOT_PSET] = "processor set",
	[IKOT_PSET_NAME] = "processor set, by name",
	[IKOT_MEMORY_OBJECT_CONTROL] = "memory object control",
	[IKOT_MEMORY_OBJECT] = "memory object",
	[IKOT_CLOCK] = "clock",
	[IKOT_DEVICE] = "device",
	[IKOT_MASTER_DEVICE] = "devices",
	[IKOT_BOOT_ARCHIVE] = "boot archive",
	[IKOT_CLOCK_CTRL] = "clock, privileged",
	[IKOT_SEMAPHORE] = "semaphore",
	[IKOT_LOCK_SET] = "lock set",
	[IKOT_TIMER] = "timer",
	[IKOT_TASK_NAME] = "task, by name",
	[IKOT_HOST_SECURITY] = "host, security",
	[IKOT_NAMED_ENTRY] = "memory entry",
	[IKOT_LOCK_HOLDER] = "lock holder",
	[IKOT_TASK_SUSPENSION] = "task suspension",
	[IKOT_DEVICE_PAGER] = "device memory",
};

kern_return_t mach_port_kobject_description(struct ipc_space *space, mach_port_name_t name, natural_t *type,
					    mach_vm_address_t *address, kobject_description_t description)
{
	kern_return_t kr = mach_port_kobject(space, name, type, address);
	const char *kind;

	memset(description, 0, sizeof(kobject_description_t));
	if (kr != KERN_SUCCESS)
		return kr;
	kind = *type < IKOT_COUNT && kinds[*type] ? kinds[*type] : "kernel object";
	memcpy(description, kind, strlen(kind));
	return KERN_SUCCESS;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach_port_list.c - lists of any length that a call gives out, in blocks: kalloc's are of limited size. Interface:
 * mach_port_private.h.
 */
#include <base/string.h>
#include <kern/kalloc.h>
#include <vm/vm_map_copy.h>

#include "mach_port_private.h"

#define BLOCK_BYTES 65536u /* whole pages, as vm_map_copy_from_kernel_blocks() wants them */

static uint64_t list_bytes(const struct mach_port_list *list, uint32_t records)
{
	return (uint64_t)records * list->record;
}

void mach_port_list_free(struct mach_port_list *list)
{
	for (uint32_t i = 0; list->blocks && i < list->block_count; i++)
		if (list->blocks[i])
			kfree(list->blocks[i], BLOCK_BYTES);
	if (list->blocks)
		kfree(list->blocks, list->block_count * sizeof *list->blocks);
	list->blocks = NULL;
}

kern_return_t mach_port_list_make(struct mach_port_list *list, size_t record, uint32_t capacity)
{
	*list = (struct mach_port_list){ .record = record, .capacity = capacity };
	list->block_count = (uint32_t)(list_bytes(list, capacity) / BLOCK_BYTES + 1);
	list->blocks = kalloc_zeroed(list->block_count * sizeof *list->blocks);
	for (uint32_t i = 0; list->blocks && i < list->block_count; i++) {
		list->blocks[i] = kalloc(BLOCK_BYTES);
		if (!list->blocks[i])
			mach_port_list_free(list);
	}
	return list->blocks ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

bool mach_port_list_add(struct mach_port_list *list, const void *record)
{
	uint64_t at = list_bytes(list, list->count);
	size_t done = 0;

	if (list->count == list->capacity)
		return false;
	while (done < list->record) { /* it may lie across two blocks */
		size_t in_block = (at + done) % BLOCK_BYTES, n = list->record - done;

		if (n > BLOCK_BYTES - in_block)
			n = BLOCK_BYTES - in_block;
		memcpy((char *)list->blocks[(at + done) / BLOCK_BYTES] + in_block, (const char *)record + done, n);
		done += n;
	}
	list->count++;
	return true;
}

kern_return_t mach_port_list_copy(const struct mach_port_list *list, struct vm_map_copy **copy)
{
	*copy = NULL;
	if (list->count == 0)
		return KERN_SUCCESS;
	*copy = vm_map_copy_from_kernel_blocks((const void *const *)list->blocks, BLOCK_BYTES,
					       list_bytes(list, list->count));
	return *copy ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

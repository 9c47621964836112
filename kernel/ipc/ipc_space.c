/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_space.c - the life of a port name space.
 *
 * Death: is_active goes false under the lock, and from then on nobody changes an entry but
 * ipc_space_destroy(), which walks them with the lock dropped.
 */
#include <base/string.h>
#include <ipc/ipc_right.h>
#include <ipc/ipc_space.h>
#include <kern/assert.h>
#include <kern/kalloc.h>

static struct zone *space_zone;
struct ipc_space ipc_space_kernel_object;
struct ipc_space ipc_space_reply_object;

void ipc_space_init_zones(void)
{
	space_zone = zone_create("ipc spaces", sizeof(struct ipc_space), 64);
}

void ipc_space_init_special(struct ipc_space *space)
{
	spin_init(&space->is_lock, "ipc space");
	space->is_references = 1;
	space->is_active = true;
}

kern_return_t ipc_space_create(struct task *task, struct ipc_space **out)
{
	struct ipc_space *space = zone_alloc_zeroed(space_zone);

	*out = space;
	if (!space)
		return KERN_RESOURCE_SHORTAGE;
	ipc_space_init_special(space);
	space->is_task = task;
	ipc_entry_table_init(space);
	return KERN_SUCCESS;
}

void ipc_space_reference(struct ipc_space *space)
{
	atomic_fetch_add_explicit(&space->is_references, 1, memory_order_relaxed);
}

void ipc_space_release(struct ipc_space *space)
{
	if (atomic_fetch_sub_explicit(&space->is_references, 1, memory_order_acq_rel) != 1)
		return;
	ipc_entry_table_free(space);
	zone_free(space_zone, space);
}

void ipc_space_destroy(struct ipc_space *space)
{
	bool was_active;

	is_lock(space);
	was_active = space->is_active;
	space->is_active = false;
	is_unlock(space);
	if (!was_active)
		return;
	for (uint32_t chunk = 0; chunk == 0 || chunk < space->is_chunks_size; chunk++) {
		struct ipc_entry *entries = ipc_entry_at(space, chunk << IE_CHUNK_SHIFT);

		for (uint32_t i = 0; entries && i < IE_CHUNK_ENTRIES; i++) {
			uint32_t index = (chunk << IE_CHUNK_SHIFT) | i;

			if (IE_BITS_TYPE(entries[i].ie_bits) != MACH_PORT_TYPE_NONE)
				ipc_right_terminate(space,
						    MACH_PORT_MAKE(index, IE_BITS_GEN(entries[i].ie_bits)),
						    &entries[i]);
		}
	}
}

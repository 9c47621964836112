/* SPDX-License-Identifier: BSD-2-Clause */
/* mach_port_private.h - shared by the files that do the calls of interface mach_port (ipc/mach_port.h). */
#pragma once

#include <ipc/ipc_right.h>
#include <ipc/ipc_space.h>
#include <ipc/mach_port.h>

struct vm_map_copy;

/*
 * Lock space and find the entry of name; a dead right is a dead name. Unlocked on failure.
 * Returns KERN_SUCCESS, KERN_INVALID_TASK, KERN_INVALID_NAME.
 */
kern_return_t mach_port_lookup_lock(struct ipc_space *space, mach_port_name_t name, struct ipc_entry **entry);
/*
 * The port whose receive right is under name: locked, the space not. KERN_INVALID_RIGHT: it is none, or
 * MACH_PORT_NULL or MACH_PORT_DEAD.
 */
kern_return_t mach_port_receive_lock(struct ipc_space *space, mach_port_name_t name, struct ipc_port **port);
/* How many names, and the chunks to look through; false: the space is dead. */
bool mach_port_space_extent(struct ipc_space *space, uint32_t *names, uint32_t *chunks);

/* A list of records for a reply, of any length: made with room, filled with locks held, given out as a copy. */
struct mach_port_list {
	void **blocks;
	uint32_t block_count;
	size_t record; /* bytes of one */
	uint32_t count, capacity;
};

/* KERN_RESOURCE_SHORTAGE: nothing is to be freed. */
kern_return_t mach_port_list_make(struct mach_port_list *list, size_t record, uint32_t capacity);
/* false: it is full. Any lock may be held. */
bool mach_port_list_add(struct mach_port_list *list, const void *record);
/* NULL if the list is empty. KERN_RESOURCE_SHORTAGE. */
kern_return_t mach_port_list_copy(const struct mach_port_list *list, struct vm_map_copy **copy);
void mach_port_list_free(struct mach_port_list *list);
/* Give a fresh entry a new right of this kind. Space locked. KERN_RESOURCE_SHORTAGE, KERN_INVALID_VALUE. */
kern_return_t mach_port_entry_fill(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
				   mach_port_right_t right);

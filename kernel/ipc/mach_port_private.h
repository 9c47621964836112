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
/* An array for a reply; NULL if it is empty. KERN_RESOURCE_SHORTAGE. */
kern_return_t mach_port_array_copy(const void *array, uint32_t count, size_t size, struct vm_map_copy **copy);
/* Give a fresh entry a new right of this kind. Space locked. KERN_RESOURCE_SHORTAGE, KERN_INVALID_VALUE. */
kern_return_t mach_port_entry_fill(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry,
				   mach_port_right_t right);

/* SPDX-License-Identifier: BSD-2-Clause */
/* vm_user_internal.h - between the files of the calls on memory (vm_user*.c). */
#pragma once

#include <kernel/mach_vm_server.h>

/* ---- vm_user.c ---- */

/* The memory of the task that calls; NULL: it is on another node, a worker calls for it. */
struct vm_map *vm_user_caller_map(void);

/* ---- vm_user_info.c: the calls of these names; a NULL map: the port was not a task's ---- */

kern_return_t vm_user_region(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t *size, vm_region_flavor_t flavor,
			     vm_region_info_t info, mach_msg_type_number_t *count, mach_port_t *object_name);
kern_return_t vm_user_region_recurse(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t *size, natural_t *depth,
				     vm_region_recurse_info_t info, mach_msg_type_number_t *count);
kern_return_t vm_user_page_query(struct vm_map *map, mach_vm_offset_t offset, integer_t *disposition, integer_t *ref_count);
kern_return_t vm_user_page_info(struct vm_map *map, mach_vm_address_t address, vm_page_info_flavor_t flavor,
				vm_page_info_t info, mach_msg_type_number_t *count);
kern_return_t vm_user_page_range_query(struct vm_map *map, mach_vm_offset_t address, mach_vm_size_t size,
				       mach_vm_address_t dispositions, mach_vm_size_t *dispositions_count);

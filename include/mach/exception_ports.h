/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach/exception_ports.h - get and swap of exception ports as OSF MK and XNU have them: all results in the caller's arrays, each
 * of EXC_TYPES_COUNT elements. *masks_count: in, the room; out, how many.
 *
 * KERN_INVALID_ARGUMENT: less room than EXC_TYPES_COUNT that would be needed; else as of the calls of task.defs, thread_act.defs and
 * host_priv.defs.
 */
#pragma once

#include <mach/mach_types.h>

kern_return_t task_get_exception_ports(task_t task, exception_mask_t mask, exception_mask_array_t masks,
				       mach_msg_type_number_t *masks_count, exception_handler_array_t old_handlers,
				       exception_behavior_array_t old_behaviors, exception_flavor_array_t old_flavors);
kern_return_t task_swap_exception_ports(task_t task, exception_mask_t mask, mach_port_t new_port,
					exception_behavior_t behavior, thread_state_flavor_t new_flavor,
					exception_mask_array_t masks, mach_msg_type_number_t *masks_count,
					exception_handler_array_t old_handlers, exception_behavior_array_t old_behaviors,
					exception_flavor_array_t old_flavors);
kern_return_t thread_get_exception_ports(thread_act_t thread, exception_mask_t mask, exception_mask_array_t masks,
					 mach_msg_type_number_t *masks_count, exception_handler_array_t old_handlers,
					 exception_behavior_array_t old_behaviors, exception_flavor_array_t old_flavors);
kern_return_t thread_swap_exception_ports(thread_act_t thread, exception_mask_t mask, mach_port_t new_port,
					  exception_behavior_t behavior, thread_state_flavor_t new_flavor,
					  exception_mask_array_t masks, mach_msg_type_number_t *masks_count,
					  exception_handler_array_t old_handlers, exception_behavior_array_t old_behaviors,
					  exception_flavor_array_t old_flavors);
kern_return_t host_get_exception_ports(host_priv_t host, exception_mask_t mask, exception_mask_array_t masks,
				       mach_msg_type_number_t *masks_count, exception_handler_array_t old_handlers,
				       exception_behavior_array_t old_behaviors, exception_flavor_array_t old_flavors);
kern_return_t host_swap_exception_ports(host_priv_t host, exception_mask_t mask, mach_port_t new_port,
					exception_behavior_t behavior, thread_state_flavor_t new_flavor,
					exception_mask_array_t masks, mach_msg_type_number_t *masks_count,
					exception_handler_array_t old_handlers, exception_behavior_array_t old_behaviors,
					exception_flavor_array_t old_flavors);

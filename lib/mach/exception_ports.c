/* SPDX-License-Identifier: BSD-2-Clause */
/* exception_ports.c - the ports that come out of line go into the caller's array (mach/exception_ports.h). */
#include <mach/exception_ports.h>
#include <mach/host_priv.h>
#include <mach/mach_init.h>
#include <mach/mach_port.h>
#include <mach/mach_vm.h>
#include <mach/task.h>
#include <mach/thread_act.h>

/* What a call gave: to the caller's arrays, or back if there is no room. */
static kern_return_t hand_out(kern_return_t kr, mach_msg_type_number_t room, mach_msg_type_number_t *count, mach_port_t *ports,
			      mach_msg_type_number_t port_count, exception_handler_array_t out)
{
	mach_msg_type_number_t n = *count;

	if (kr != KERN_SUCCESS)
		return kr;
	if (n > room || port_count != n)
		kr = KERN_INVALID_ARGUMENT;
	for (mach_msg_type_number_t i = 0; i < port_count; i++) {
		if (kr == KERN_SUCCESS)
			out[i] = ports[i];
		else if (MACH_PORT_VALID(ports[i]))
			(void)mach_port_deallocate(mach_task_self(), ports[i]);
	}
	if (port_count != 0)
		(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)ports, port_count * sizeof(*ports));
	return kr;
}

/* Room for what can come at most, then a copy: the stubs write whole arrays. */
#define COLLECT(call)                                                                                              \
	do {                                                                                                       \
		exception_mask_t masks_[EXC_TYPES_MAX];                                                            \
		exception_behavior_t behaviors_[EXC_TYPES_MAX];                                                    \
		int flavors_[EXC_TYPES_MAX];                                                                       \
		mach_msg_type_number_t n_ = EXC_TYPES_MAX, nb_ = EXC_TYPES_MAX, nf_ = EXC_TYPES_MAX, np_ = 0;      \
		mach_msg_type_number_t room_ = *masks_count;                                                       \
		mach_port_t *ports_ = NULL;                                                                        \
		kern_return_t kr_ = call;                                                                          \
                                                                                                                   \
		kr_ = hand_out(kr_, room_, &n_, ports_, np_, old_handlers);                                        \
		for (mach_msg_type_number_t i_ = 0; kr_ == KERN_SUCCESS && i_ < n_; i_++) {                        \
			masks[i_] = masks_[i_];                                                                    \
			old_behaviors[i_] = behaviors_[i_];                                                        \
			old_flavors[i_] = flavors_[i_];                                                            \
		}                                                                                                  \
		if (kr_ == KERN_SUCCESS)                                                                           \
			*masks_count = n_;                                                                         \
		return kr_;                                                                                        \
	} while (0)

#define OUT_ masks_, &n_, &ports_, &np_, behaviors_, &nb_, flavors_, &nf_

kern_return_t task_get_exception_ports(task_t task, exception_mask_t mask, exception_mask_array_t masks,
				       mach_msg_type_number_t *masks_count, exception_handler_array_t old_handlers,
				       exception_behavior_array_t old_behaviors, exception_flavor_array_t old_flavors)
{
	COLLECT(_task_get_exception_ports(task, mask, OUT_));
}

kern_return_t task_swap_exception_ports(task_t task, exception_mask_t mask, mach_port_t new_port,
					exception_behavior_t behavior, thread_state_flavor_t new_flavor,
					exception_mask_array_t masks, mach_msg_type_number_t *masks_count,
					exception_handler_array_t old_handlers, exception_behavior_array_t old_behaviors,
					exception_flavor_array_t old_flavors)
{
	COLLECT(_task_swap_exception_ports(task, mask, new_port, behavior, new_flavor, OUT_));
}

kern_return_t thread_get_exception_ports(thread_act_t thread, exception_mask_t mask, exception_mask_array_t masks,
					 mach_msg_type_number_t *masks_count, exception_handler_array_t old_handlers,
					 exception_behavior_array_t old_behaviors, exception_flavor_array_t old_flavors)
{
	COLLECT(_thread_get_exception_ports(thread, mask, OUT_));
}

kern_return_t thread_swap_exception_ports(thread_act_t thread, exception_mask_t mask, mach_port_t new_port,
					  exception_behavior_t behavior, thread_state_flavor_t new_flavor,
					  exception_mask_array_t masks, mach_msg_type_number_t *masks_count,
					  exception_handler_array_t old_handlers, exception_behavior_array_t old_behaviors,
					  exception_flavor_array_t old_flavors)
{
	COLLECT(_thread_swap_exception_ports(thread, mask, new_port, behavior, new_flavor, OUT_));
}

kern_return_t host_get_exception_ports(host_priv_t host, exception_mask_t mask, exception_mask_array_t masks,
				       mach_msg_type_number_t *masks_count, exception_handler_array_t old_handlers,
				       exception_behavior_array_t old_behaviors, exception_flavor_array_t old_flavors)
{
	COLLECT(_host_get_exception_ports(host, mask, OUT_));
}

kern_return_t host_swap_exception_ports(host_priv_t host, exception_mask_t mask, mach_port_t new_port,
					exception_behavior_t behavior, thread_state_flavor_t new_flavor,
					exception_mask_array_t masks, mach_msg_type_number_t *masks_count,
					exception_handler_array_t old_handlers, exception_behavior_array_t old_behaviors,
					exception_flavor_array_t old_flavors)
{
	COLLECT(_host_swap_exception_ports(host, mask, new_port, behavior, new_flavor, OUT_));
}

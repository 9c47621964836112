/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shortcuts.c - calls that a trap does for one's own task, and a message for any other.
 *
 * The stubs of these routines are compiled under the names _kernelrpc_NAME (tools/build/user.py).
 */
#include <mach/mach_init.h>
#include <mach/mach_port.h>
#include <mach/mach_traps.h>
#include <mach/mach_vm.h>

kern_return_t _kernelrpc_mach_port_allocate(ipc_space_t task, mach_port_right_t right, mach_port_name_t *name);
kern_return_t _kernelrpc_mach_port_deallocate(ipc_space_t task, mach_port_name_t name);
kern_return_t _kernelrpc_mach_port_mod_refs(ipc_space_t task, mach_port_name_t name, mach_port_right_t right,
					    mach_port_delta_t delta);
kern_return_t _kernelrpc_mach_port_move_member(ipc_space_t task, mach_port_name_t member, mach_port_name_t after);
kern_return_t _kernelrpc_mach_port_insert_right(ipc_space_t task, mach_port_name_t name, mach_port_t poly,
						mach_msg_type_name_t disposition);
kern_return_t _kernelrpc_mach_vm_allocate(vm_map_t task, mach_vm_address_t *address, mach_vm_size_t size, int flags);
kern_return_t _kernelrpc_mach_vm_deallocate(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size);
kern_return_t _kernelrpc_mach_vm_protect(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size,
					 boolean_t set_maximum, vm_prot_t protection);

/* Try the trap; if it is not for this task, send the message. */
#define SHORTCUT(target, trap, message) \
	do { \
		if ((target) == mach_task_self_) { \
			kern_return_t result_ = trap; \
			if (result_ != MACH_SEND_INVALID_DEST) \
				return result_; \
		} \
		return message; \
	} while (0)

kern_return_t mach_port_allocate(ipc_space_t task, mach_port_right_t right, mach_port_name_t *name)
{
	SHORTCUT(task, _kernelrpc_mach_port_allocate_trap(task, right, name),
		 _kernelrpc_mach_port_allocate(task, right, name));
}

kern_return_t mach_port_deallocate(ipc_space_t task, mach_port_name_t name)
{
	SHORTCUT(task, _kernelrpc_mach_port_deallocate_trap(task, name), _kernelrpc_mach_port_deallocate(task, name));
}

kern_return_t mach_port_mod_refs(ipc_space_t task, mach_port_name_t name, mach_port_right_t right,
				 mach_port_delta_t delta)
{
	SHORTCUT(task, _kernelrpc_mach_port_mod_refs_trap(task, name, right, delta),
		 _kernelrpc_mach_port_mod_refs(task, name, right, delta));
}

kern_return_t mach_port_move_member(ipc_space_t task, mach_port_name_t member, mach_port_name_t after)
{
	SHORTCUT(task, _kernelrpc_mach_port_move_member_trap(task, member, after),
		 _kernelrpc_mach_port_move_member(task, member, after));
}

kern_return_t mach_port_insert_right(ipc_space_t task, mach_port_name_t name, mach_port_t poly,
				     mach_msg_type_name_t disposition)
{
	SHORTCUT(task, _kernelrpc_mach_port_insert_right_trap(task, name, poly, disposition),
		 _kernelrpc_mach_port_insert_right(task, name, poly, disposition));
}

kern_return_t mach_vm_allocate(vm_map_t task, mach_vm_address_t *address, mach_vm_size_t size, int flags)
{
	SHORTCUT(task, _kernelrpc_mach_vm_allocate_trap(task, address, size, flags),
		 _kernelrpc_mach_vm_allocate(task, address, size, flags));
}

kern_return_t mach_vm_deallocate(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size)
{
	SHORTCUT(task, _kernelrpc_mach_vm_deallocate_trap(task, address, size),
		 _kernelrpc_mach_vm_deallocate(task, address, size));
}

kern_return_t mach_vm_protect(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size, boolean_t set_maximum,
			      vm_prot_t protection)
{
	SHORTCUT(task, _kernelrpc_mach_vm_protect_trap(task, address, size, (int)set_maximum, protection),
		 _kernelrpc_mach_vm_protect(task, address, size, set_maximum, protection));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shortcuts.c - calls that a trap does for one's own task or an object of this node, and a message for any other.
 *
 * The stubs of these routines are compiled under the names _kernelrpc_NAME (tools/build/user.py).
 */
#include <mach/lock_set.h>
#include <mach/mach_init.h>
#include <mach/mach_port.h>
#include <mach/mach_traps.h>
#include <mach/mach_vm.h>
#include <mach/semaphore.h>
#include <mach/semaphore_traps.h>
#include <mach/sync_policy.h>

kern_return_t _kernelrpc_mach_port_allocate(ipc_space_t task, mach_port_right_t right, mach_port_name_t *name);
kern_return_t _kernelrpc_mach_port_deallocate(ipc_space_t task, mach_port_name_t name);
kern_return_t _kernelrpc_mach_port_mod_refs(ipc_space_t task, mach_port_name_t name, mach_port_right_t right,
					    mach_port_delta_t delta);
kern_return_t _kernelrpc_mach_port_move_member(ipc_space_t task, mach_port_name_t member, mach_port_name_t after);
kern_return_t _kernelrpc_mach_port_insert_right(ipc_space_t task, mach_port_name_t name, mach_port_t poly,
						mach_msg_type_name_t disposition);
kern_return_t _kernelrpc_mach_port_destroy(ipc_space_t task, mach_port_name_t name);
kern_return_t _kernelrpc_mach_port_type(ipc_space_t task, mach_port_name_t name, mach_port_type_t *type);
kern_return_t _kernelrpc_mach_port_insert_member(ipc_space_t task, mach_port_name_t name, mach_port_name_t pset);
kern_return_t _kernelrpc_mach_port_extract_member(ipc_space_t task, mach_port_name_t name, mach_port_name_t pset);
kern_return_t _kernelrpc_mach_port_construct(ipc_space_t task, mach_port_options_ptr_t options, uint64_t context,
					     mach_port_name_t *name);
kern_return_t _kernelrpc_mach_port_destruct(ipc_space_t task, mach_port_name_t name, mach_port_delta_t srdelta,
					    uint64_t guard);
kern_return_t _kernelrpc_mach_port_guard(ipc_space_t task, mach_port_name_t name, uint64_t guard, boolean_t strict);
kern_return_t _kernelrpc_mach_port_unguard(ipc_space_t task, mach_port_name_t name, uint64_t guard);
kern_return_t _kernelrpc_mach_port_request_notification(ipc_space_t task, mach_port_name_t name, mach_msg_id_t id,
							mach_port_mscount_t sync, mach_port_t notify,
							mach_msg_type_name_t disposition, mach_port_t *previous);
kern_return_t _kernelrpc_mach_port_get_attributes(ipc_space_t task, mach_port_name_t name, mach_port_flavor_t flavor,
						  mach_port_info_t info, mach_msg_type_number_t *count);
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

kern_return_t mach_port_destroy(ipc_space_t task, mach_port_name_t name)
{
	SHORTCUT(task, _kernelrpc_mach_port_destroy_trap(task, name), _kernelrpc_mach_port_destroy(task, name));
}

kern_return_t mach_port_type(ipc_space_t task, mach_port_name_t name, mach_port_type_t *type)
{
	SHORTCUT(task, _kernelrpc_mach_port_type_trap(task, name, type), _kernelrpc_mach_port_type(task, name, type));
}

kern_return_t mach_port_insert_member(ipc_space_t task, mach_port_name_t name, mach_port_name_t pset)
{
	SHORTCUT(task, _kernelrpc_mach_port_insert_member_trap(task, name, pset),
		 _kernelrpc_mach_port_insert_member(task, name, pset));
}

kern_return_t mach_port_extract_member(ipc_space_t task, mach_port_name_t name, mach_port_name_t pset)
{
	SHORTCUT(task, _kernelrpc_mach_port_extract_member_trap(task, name, pset),
		 _kernelrpc_mach_port_extract_member(task, name, pset));
}

kern_return_t mach_port_construct(ipc_space_t task, mach_port_options_ptr_t options, uint64_t context,
				  mach_port_name_t *name)
{
	SHORTCUT(task, _kernelrpc_mach_port_construct_trap(task, options, context, name),
		 _kernelrpc_mach_port_construct(task, options, context, name));
}

kern_return_t mach_port_destruct(ipc_space_t task, mach_port_name_t name, mach_port_delta_t srdelta, uint64_t guard)
{
	SHORTCUT(task, _kernelrpc_mach_port_destruct_trap(task, name, srdelta, guard),
		 _kernelrpc_mach_port_destruct(task, name, srdelta, guard));
}

kern_return_t mach_port_guard(ipc_space_t task, mach_port_name_t name, uint64_t guard, boolean_t strict)
{
	SHORTCUT(task, _kernelrpc_mach_port_guard_trap(task, name, guard, (int)strict),
		 _kernelrpc_mach_port_guard(task, name, guard, strict));
}

kern_return_t mach_port_unguard(ipc_space_t task, mach_port_name_t name, uint64_t guard)
{
	SHORTCUT(task, _kernelrpc_mach_port_unguard_trap(task, name, guard),
		 _kernelrpc_mach_port_unguard(task, name, guard));
}

kern_return_t mach_port_request_notification(ipc_space_t task, mach_port_name_t name, mach_msg_id_t id,
					     mach_port_mscount_t sync, mach_port_t notify,
					     mach_msg_type_name_t disposition, mach_port_t *previous)
{
	kern_return_t kr;

	if (task == mach_task_self_ && (disposition == MACH_MSG_TYPE_MAKE_SEND_ONCE || notify == MACH_PORT_NULL)) {
		kr = _kernelrpc_mach_port_request_notification_trap(task, name, id, sync, notify, previous);
		if (kr != MACH_SEND_INVALID_DEST)
			return kr;
	}
	return _kernelrpc_mach_port_request_notification(task, name, id, sync, notify, disposition, previous);
}

kern_return_t mach_port_get_attributes(ipc_space_t task, mach_port_name_t name, mach_port_flavor_t flavor,
				       mach_port_info_t info, mach_msg_type_number_t *count)
{
	SHORTCUT(task, _kernelrpc_mach_port_get_attributes_trap(task, name, flavor, info, count),
		 _kernelrpc_mach_port_get_attributes(task, name, flavor, info, count));
}

/* ---- names of Mach 3.0 ---- */

kern_return_t mach_port_set_qlimit(ipc_space_t task, mach_port_name_t name, mach_port_msgcount_t qlimit)
{
	mach_port_limits_t limits = { .mpl_qlimit = qlimit };

	return mach_port_set_attributes(task, name, MACH_PORT_LIMITS_INFO, (mach_port_info_t)&limits,
					MACH_PORT_LIMITS_INFO_COUNT);
}

kern_return_t mach_port_get_receive_status(ipc_space_t task, mach_port_name_t name, mach_port_status_t *status)
{
	mach_msg_type_number_t count = MACH_PORT_RECEIVE_STATUS_COUNT;

	return mach_port_get_attributes(task, name, MACH_PORT_RECEIVE_STATUS, (mach_port_info_t)status, &count);
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

/* ---- semaphores: a trap for one of this node ---- */

kern_return_t _kernelrpc_semaphore_signal(semaphore_t semaphore);
kern_return_t _kernelrpc_semaphore_signal_all(semaphore_t semaphore);
kern_return_t _kernelrpc_semaphore_signal_thread(semaphore_t semaphore, thread_act_t thread);
kern_return_t _kernelrpc_semaphore_wait(semaphore_t semaphore);
kern_return_t _kernelrpc_semaphore_timedwait(semaphore_t semaphore, mach_timespec_t wait_time);
kern_return_t _kernelrpc_semaphore_wait_signal(semaphore_t wait_semaphore, semaphore_t signal_semaphore);
kern_return_t _kernelrpc_semaphore_timedwait_signal(semaphore_t wait_semaphore, semaphore_t signal_semaphore,
						    mach_timespec_t wait_time);

#define TRAP_OR_MESSAGE(trap, message) \
	do { \
		kern_return_t result_ = trap; \
		return result_ != MACH_SEND_INVALID_DEST ? result_ : message; \
	} while (0)

kern_return_t semaphore_signal(semaphore_t semaphore)
{
	TRAP_OR_MESSAGE(semaphore_signal_trap(semaphore), _kernelrpc_semaphore_signal(semaphore));
}

kern_return_t semaphore_signal_all(semaphore_t semaphore)
{
	TRAP_OR_MESSAGE(semaphore_signal_all_trap(semaphore), _kernelrpc_semaphore_signal_all(semaphore));
}

kern_return_t semaphore_signal_thread(semaphore_t semaphore, thread_act_t thread)
{
	TRAP_OR_MESSAGE(semaphore_signal_thread_trap(semaphore, thread), _kernelrpc_semaphore_signal_thread(semaphore, thread));
}

kern_return_t semaphore_wait(semaphore_t semaphore)
{
	TRAP_OR_MESSAGE(semaphore_wait_trap(semaphore), _kernelrpc_semaphore_wait(semaphore));
}

kern_return_t semaphore_timedwait(semaphore_t semaphore, mach_timespec_t wait_time)
{
	TRAP_OR_MESSAGE(semaphore_timedwait_trap(semaphore, wait_time.tv_sec, wait_time.tv_nsec),
			_kernelrpc_semaphore_timedwait(semaphore, wait_time));
}

kern_return_t semaphore_wait_signal(semaphore_t wait_semaphore, semaphore_t signal_semaphore)
{
	TRAP_OR_MESSAGE(semaphore_wait_signal_trap(wait_semaphore, signal_semaphore),
			_kernelrpc_semaphore_wait_signal(wait_semaphore, signal_semaphore));
}

kern_return_t semaphore_timedwait_signal(semaphore_t wait_semaphore, semaphore_t signal_semaphore, mach_timespec_t wait_time)
{
	TRAP_OR_MESSAGE(semaphore_timedwait_signal_trap(wait_semaphore, signal_semaphore, wait_time.tv_sec, wait_time.tv_nsec),
			_kernelrpc_semaphore_timedwait_signal(wait_semaphore, signal_semaphore, wait_time));
}

/* ---- lock sets: of another node's, a thread says who it is ---- */

kern_return_t _kernelrpc_lock_acquire(lock_set_t lock_set, int lock_id);
kern_return_t _kernelrpc_lock_release(lock_set_t lock_set, int lock_id);
kern_return_t _kernelrpc_lock_try(lock_set_t lock_set, int lock_id);
kern_return_t _kernelrpc_lock_make_stable(lock_set_t lock_set, int lock_id);
kern_return_t _kernelrpc_lock_handoff(lock_set_t lock_set, int lock_id);
kern_return_t _kernelrpc_lock_handoff_accept(lock_set_t lock_set, int lock_id);

/* result: of the plain call. */
static kern_return_t lock_call(kern_return_t result, lock_set_t lock_set, int lock_id, int operation)
{
	mach_port_t self;

	if (result != KERN_NOT_SUPPORTED)
		return result;
	self = mach_thread_self();
	result = _lock_set_call(lock_set, lock_id, operation, self);
	(void)mach_port_deallocate(mach_task_self(), self);
	return result == MACH_RCV_INTERRUPTED || result == MACH_SEND_INTERRUPTED ? KERN_ABORTED : result;
}

kern_return_t lock_acquire(lock_set_t lock_set, int lock_id)
{
	return lock_call(_kernelrpc_lock_acquire(lock_set, lock_id), lock_set, lock_id, LOCK_ACQUIRE);
}

kern_return_t lock_release(lock_set_t lock_set, int lock_id)
{
	return lock_call(_kernelrpc_lock_release(lock_set, lock_id), lock_set, lock_id, LOCK_RELEASE);
}

kern_return_t lock_try(lock_set_t lock_set, int lock_id)
{
	return lock_call(_kernelrpc_lock_try(lock_set, lock_id), lock_set, lock_id, LOCK_TRY);
}

kern_return_t lock_make_stable(lock_set_t lock_set, int lock_id)
{
	return lock_call(_kernelrpc_lock_make_stable(lock_set, lock_id), lock_set, lock_id, LOCK_STABLE);
}

kern_return_t lock_handoff(lock_set_t lock_set, int lock_id)
{
	return lock_call(_kernelrpc_lock_handoff(lock_set, lock_id), lock_set, lock_id, LOCK_HANDOFF);
}

kern_return_t lock_handoff_accept(lock_set_t lock_set, int lock_id)
{
	return lock_call(_kernelrpc_lock_handoff_accept(lock_set, lock_id), lock_set, lock_id, LOCK_ACCEPT);
}

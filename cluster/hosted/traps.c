/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * traps.c - the program's half: <mach/mach_traps.h> as calls into the kernel's half, in place of
 * lib/mach/traps.S.
 */
#include <mach/mach_init.h>
#include <mach/mach_time.h>
#include <mach/mach_traps.h>
#include <mach/semaphore_traps.h>
#include <sched.h>

#include "hosted.h"

mach_port_name_t mach_reply_port(void)
{
	return hosted_reply_port();
}

mach_port_name_t thread_self_trap(void)
{
	return hosted_thread_self();
}

mach_port_name_t task_self_trap(void)
{
	return hosted_task_self();
}

mach_port_name_t host_self_trap(void)
{
	return hosted_host_self();
}

mach_msg_return_t mach_msg_overwrite_trap(mach_msg_header_t *msg, mach_msg_option_t option,
					  mach_msg_size_t send_size, mach_msg_size_t rcv_size,
					  mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
					  mach_port_name_t notify, mach_msg_header_t *rcv_msg,
					  mach_msg_size_t rcv_limit)
{
	return hosted_msg(msg, option, send_size, rcv_size, rcv_name, timeout, notify, rcv_msg, rcv_limit);
}

mach_msg_return_t mach_msg_trap(mach_msg_header_t *msg, mach_msg_option_t option,
				mach_msg_size_t send_size, mach_msg_size_t rcv_size,
				mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
				mach_port_name_t notify)
{
	return hosted_msg(msg, option, send_size, rcv_size, rcv_name, timeout, notify, NULL, 0);
}

int swtch(void)
{
	return sched_yield() == 0;
}

int swtch_pri(int priority)
{
	return swtch();
}

kern_return_t _kernelrpc_mach_port_allocate_trap(mach_port_name_t target, mach_port_right_t right,
						 mach_port_name_t *name)
{
	return hosted_port_allocate(target, right, name);
}

kern_return_t _kernelrpc_mach_port_deallocate_trap(mach_port_name_t target, mach_port_name_t name)
{
	return hosted_port_deallocate(target, name);
}

kern_return_t _kernelrpc_mach_port_mod_refs_trap(mach_port_name_t target, mach_port_name_t name,
						 mach_port_right_t right, mach_port_delta_t delta)
{
	return hosted_port_mod_refs(target, name, right, delta);
}

kern_return_t _kernelrpc_mach_port_move_member_trap(mach_port_name_t target,
						    mach_port_name_t member, mach_port_name_t after)
{
	return hosted_port_move_member(target, member, after);
}

kern_return_t _kernelrpc_mach_port_insert_right_trap(mach_port_name_t target, mach_port_name_t name,
						     mach_port_name_t port,
						     mach_msg_type_name_t disposition)
{
	return hosted_port_insert_right(target, name, port, disposition);
}

kern_return_t _kernelrpc_mach_port_insert_member_trap(mach_port_name_t target,
						      mach_port_name_t name, mach_port_name_t pset)
{
	return hosted_port_insert_member(target, name, pset);
}

kern_return_t _kernelrpc_mach_port_extract_member_trap(mach_port_name_t target,
						       mach_port_name_t name, mach_port_name_t pset)
{
	return hosted_port_extract_member(target, name, pset);
}

/* ---- traps that a process has not: the message does it ---- */

kern_return_t _kernelrpc_mach_port_destroy_trap(mach_port_name_t target, mach_port_name_t name)
{
	return MACH_SEND_INVALID_DEST;
}

kern_return_t _kernelrpc_mach_port_type_trap(mach_port_name_t target, mach_port_name_t name, mach_port_type_t *type)
{
	return MACH_SEND_INVALID_DEST;
}

kern_return_t _kernelrpc_mach_port_construct_trap(mach_port_name_t target, mach_port_options_t *options,
						  uint64_t context, mach_port_name_t *name)
{
	return MACH_SEND_INVALID_DEST;
}

kern_return_t _kernelrpc_mach_port_destruct_trap(mach_port_name_t target, mach_port_name_t name,
						 mach_port_delta_t srdelta, uint64_t guard)
{
	return MACH_SEND_INVALID_DEST;
}

kern_return_t _kernelrpc_mach_port_guard_trap(mach_port_name_t target, mach_port_name_t name,
					      uint64_t guard, int strict)
{
	return MACH_SEND_INVALID_DEST;
}

kern_return_t _kernelrpc_mach_port_unguard_trap(mach_port_name_t target, mach_port_name_t name, uint64_t guard)
{
	return MACH_SEND_INVALID_DEST;
}

kern_return_t _kernelrpc_mach_port_get_attributes_trap(mach_port_name_t target, mach_port_name_t name,
						       mach_port_flavor_t flavor, mach_port_info_t info,
						       natural_t *count)
{
	return MACH_SEND_INVALID_DEST;
}

kern_return_t _kernelrpc_mach_port_request_notification_trap(mach_port_name_t target, mach_port_name_t name,
							     mach_msg_id_t id, mach_port_mscount_t sync,
							     mach_port_name_t notify, mach_port_name_t *previous)
{
	return MACH_SEND_INVALID_DEST;
}

/*
 * Memory that came out of line is the kernel half's, and goes this way. No other is Mach's here: a
 * process has malloc and mmap.
 */
kern_return_t _kernelrpc_mach_vm_deallocate_trap(mach_port_name_t target, mach_vm_address_t address,
						 mach_vm_size_t size)
{
	hosted_vm_deallocate(address, size);
	return KERN_SUCCESS;
}

kern_return_t _kernelrpc_mach_vm_allocate_trap(mach_port_name_t target, mach_vm_address_t *address,
					       mach_vm_size_t size, int flags)
{
	return KERN_NOT_SUPPORTED;
}

kern_return_t _kernelrpc_mach_vm_protect_trap(mach_port_name_t target, mach_vm_address_t address,
					      mach_vm_size_t size, int set_maximum, int protection)
{
	return KERN_NOT_SUPPORTED;
}

/* Semaphores and clocks are other nodes': the library sends a message then. */
kern_return_t semaphore_signal_trap(mach_port_name_t signal_name)
{
	return MACH_SEND_INVALID_DEST;
}

kern_return_t semaphore_signal_all_trap(mach_port_name_t signal_name)
{
	return MACH_SEND_INVALID_DEST;
}

kern_return_t semaphore_signal_thread_trap(mach_port_name_t signal_name, mach_port_name_t thread_name)
{
	return MACH_SEND_INVALID_DEST;
}

kern_return_t semaphore_wait_trap(mach_port_name_t wait_name)
{
	return MACH_SEND_INVALID_DEST;
}

kern_return_t semaphore_wait_signal_trap(mach_port_name_t wait_name, mach_port_name_t signal_name)
{
	return MACH_SEND_INVALID_DEST;
}

kern_return_t semaphore_timedwait_trap(mach_port_name_t wait_name, unsigned int sec, int nsec)
{
	return MACH_SEND_INVALID_DEST;
}

kern_return_t semaphore_timedwait_signal_trap(mach_port_name_t wait_name, mach_port_name_t signal_name, unsigned int sec, int nsec)
{
	return MACH_SEND_INVALID_DEST;
}

kern_return_t clock_sleep_trap(mach_port_name_t clock, sleep_type_t type, unsigned int sec, int nsec, mach_timespec_t *wakeup_time)
{
	return MACH_SEND_INVALID_DEST;
}

/* As traps.S has it. */
mach_msg_return_t mach_msg_go_on(mach_msg_header_t *msg, mach_msg_option_t option, mach_msg_size_t send_size,
				 mach_msg_size_t rcv_size, mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
				 mach_port_name_t notify, mach_msg_return_t result);

mach_msg_return_t mach_msg(mach_msg_header_t *msg, mach_msg_option_t option, mach_msg_size_t send_size,
			   mach_msg_size_t rcv_size, mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
			   mach_port_name_t notify)
{
	return mach_msg_go_on(msg, option, send_size, rcv_size, rcv_name, timeout, notify,
			      mach_msg_trap(msg, option, send_size, rcv_size, rcv_name, timeout, notify));
}

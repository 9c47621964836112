/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach/mach_traps.h - the kernel's traps. Numbers (negative rax): XNU's.
 *
 * The _kernelrpc_ traps do for the calling task what the message of the same name does for any; they
 * answer MACH_SEND_INVALID_DEST when target is not the caller's own task, or the kernel has no
 * such trap, and then the message does it.
 */
#pragma once

#include <mach/message.h>
#include <mach/port.h>
#include <mach/thread_switch.h>
#include <mach/vm_types.h>

#define MACH_TRAP_VM_ALLOCATE 10
#define MACH_TRAP_VM_DEALLOCATE 12
#define MACH_TRAP_VM_PROTECT 14
#define MACH_TRAP_PORT_ALLOCATE 16
#define MACH_TRAP_PORT_DESTROY 17
#define MACH_TRAP_PORT_DEALLOCATE 18
#define MACH_TRAP_PORT_MOD_REFS 19
#define MACH_TRAP_PORT_MOVE_MEMBER 20
#define MACH_TRAP_PORT_INSERT_RIGHT 21
#define MACH_TRAP_PORT_INSERT_MEMBER 22
#define MACH_TRAP_PORT_EXTRACT_MEMBER 23
#define MACH_TRAP_PORT_CONSTRUCT 24
#define MACH_TRAP_PORT_DESTRUCT 25
#define MACH_TRAP_REPLY_PORT 26
#define MACH_TRAP_THREAD_SELF 27
#define MACH_TRAP_TASK_SELF 28
#define MACH_TRAP_HOST_SELF 29
#define MACH_TRAP_MSG_REGISTERS 30 /* ours: see below */
#define MACH_TRAP_MSG 31
#define MACH_TRAP_MSG_OVERWRITE 32
#define MACH_TRAP_PORT_GET_ATTRIBUTES 40
#define MACH_TRAP_PORT_GUARD 41
#define MACH_TRAP_PORT_UNGUARD 42
#define MACH_TRAP_SWTCH_PRI 59
#define MACH_TRAP_SWTCH 60
#define MACH_TRAP_THREAD_SWITCH 61
#define MACH_TRAP_PORT_TYPE 76
#define MACH_TRAP_PORT_REQUEST_NOTIFICATION 77
#define MACH_TRAP_PORT_DESCRIPTOR 98

/*
 * The message trap that mach_msg() makes for a send and receive of at most MACH_MSG_REGISTERS_BYTES. Arguments as of mach_msg_trap, and what is at
 * msg also in r15, r14, r13, r12, in this order (what is behind its end may be anything). On success the upper half of the result is 0, and
 * the message received is at msg; or it is that message's bytes with its trailer, which is the short one, and it is in the same
 * registers, from which the trailer's last word may be missing.
 */
#define MACH_MSG_REGISTERS 4
#define MACH_MSG_REGISTERS_BYTES (MACH_MSG_REGISTERS * 8u)
#define MACH_MSG_IN_REGISTERS(bytes) ((uint64_t)(bytes) << 32 | MACH_MSG_SUCCESS)

#ifndef MESHACH_KERNEL
mach_port_name_t mach_reply_port(void);
mach_port_name_t thread_self_trap(void);
mach_port_name_t task_self_trap(void);
mach_port_name_t host_self_trap(void);
mach_msg_return_t mach_msg_trap(mach_msg_header_t *msg, mach_msg_option_t option, mach_msg_size_t send_size,
				mach_msg_size_t rcv_size, mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
				mach_port_name_t notify);
mach_msg_return_t mach_msg_overwrite_trap(mach_msg_header_t *msg, mach_msg_option_t option,
					  mach_msg_size_t send_size, mach_msg_size_t rcv_size,
					  mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
					  mach_port_name_t notify, mach_msg_header_t *rcv_msg,
					  mach_msg_size_t rcv_limit);
/* Give the rest of the quantum up; TRUE if another thread may run. */
int swtch(void);
/* The same, with the lowest priority until the thread runs again. */
int swtch_pri(int priority);
/* Give the CPU up, to thread if it is runnable and may run here. option: <mach/thread_switch.h>; time in milliseconds. */
kern_return_t thread_switch(mach_port_name_t thread, int option, mach_msg_timeout_t time);

/*
 * A file descriptor for poll, select and epoll, readable while a message waits in the receive right or port set of that
 * name; POLLHUP once the right has left the task. flags: O_CLOEXEC. Returns it, or a negative errno (EBADF: no such right).
 * Messages are received with mach_msg; close(2) it. Meshach's own.
 */
int mach_port_descriptor(mach_port_name_t name, int flags);

kern_return_t _kernelrpc_mach_vm_allocate_trap(mach_port_name_t target, mach_vm_address_t *address,
					       mach_vm_size_t size, int flags);
kern_return_t _kernelrpc_mach_vm_deallocate_trap(mach_port_name_t target, mach_vm_address_t address,
						 mach_vm_size_t size);
kern_return_t _kernelrpc_mach_vm_protect_trap(mach_port_name_t target, mach_vm_address_t address,
					      mach_vm_size_t size, int set_maximum, int protection);
kern_return_t _kernelrpc_mach_port_allocate_trap(mach_port_name_t target, mach_port_right_t right,
						 mach_port_name_t *name);
kern_return_t _kernelrpc_mach_port_deallocate_trap(mach_port_name_t target, mach_port_name_t name);
kern_return_t _kernelrpc_mach_port_mod_refs_trap(mach_port_name_t target, mach_port_name_t name,
						 mach_port_right_t right, mach_port_delta_t delta);
kern_return_t _kernelrpc_mach_port_move_member_trap(mach_port_name_t target, mach_port_name_t member,
						    mach_port_name_t after);
kern_return_t _kernelrpc_mach_port_insert_right_trap(mach_port_name_t target, mach_port_name_t name,
						     mach_port_name_t port, mach_msg_type_name_t disposition);
kern_return_t _kernelrpc_mach_port_insert_member_trap(mach_port_name_t target, mach_port_name_t name,
						      mach_port_name_t pset);
kern_return_t _kernelrpc_mach_port_extract_member_trap(mach_port_name_t target, mach_port_name_t name,
						       mach_port_name_t pset);
kern_return_t _kernelrpc_mach_port_destroy_trap(mach_port_name_t target, mach_port_name_t name);
kern_return_t _kernelrpc_mach_port_type_trap(mach_port_name_t target, mach_port_name_t name, mach_port_type_t *type);
kern_return_t _kernelrpc_mach_port_construct_trap(mach_port_name_t target, mach_port_options_t *options, uint64_t context,
						  mach_port_name_t *name);
kern_return_t _kernelrpc_mach_port_destruct_trap(mach_port_name_t target, mach_port_name_t name,
						 mach_port_delta_t srdelta, uint64_t guard);
kern_return_t _kernelrpc_mach_port_guard_trap(mach_port_name_t target, mach_port_name_t name, uint64_t guard, int strict);
kern_return_t _kernelrpc_mach_port_unguard_trap(mach_port_name_t target, mach_port_name_t name, uint64_t guard);
kern_return_t _kernelrpc_mach_port_get_attributes_trap(mach_port_name_t target, mach_port_name_t name,
						       mach_port_flavor_t flavor, mach_port_info_t info,
						       natural_t *count);
kern_return_t _kernelrpc_mach_port_request_notification_trap(mach_port_name_t target, mach_port_name_t name,
							     mach_msg_id_t id, mach_port_mscount_t sync,
							     mach_port_name_t notify, mach_port_name_t *previous);
#endif

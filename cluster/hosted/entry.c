/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * entry.c - the kernel's half: a trap is a call of one of these by the program's thread.
 *
 * Interface: hosted.h. Each thread of the program plays for the process's one task from its first
 * trap on.
 */
#include "hosted.h"

#include <host/host.h>
#include <ipc/ipc_tt.h>
#include <ipc/mach_msg.h>
#include <ipc/mach_port.h>
#include <kern/task.h>

#include "kernel.h"

/* Before each trap: the task exists, and this thread belongs to it. */
static void enter(void)
{
	if (host_current_thread()->task == NULL)
		(void)host_become(hosted_task());
}

uint32_t hosted_reply_port(void)
{
	enter();
	return mach_reply_port();
}

uint32_t hosted_thread_self(void)
{
	enter();
	return mach_thread_self();
}

uint32_t hosted_task_self(void)
{
	enter();
	return mach_task_self();
}

uint32_t hosted_host_self(void)
{
	enter();
	return mach_host_self();
}

int hosted_msg(void *msg, int option, uint32_t send_size, uint32_t rcv_size, uint32_t rcv_name,
	       uint32_t timeout, uint32_t notify, void *rcv_msg, uint32_t rcv_limit)
{
	enter();
	return mach_msg_overwrite_trap((uintptr_t)msg, option, send_size, rcv_size, rcv_name,
				       timeout, notify, (uintptr_t)rcv_msg, rcv_limit);
}

int hosted_port_allocate(uint32_t task, uint32_t right, uint32_t *name)
{
	enter();
	return mach_port_allocate_trap(task, right, (uintptr_t)name);
}

int hosted_port_deallocate(uint32_t task, uint32_t name)
{
	enter();
	return mach_port_deallocate_trap(task, name);
}

int hosted_port_mod_refs(uint32_t task, uint32_t name, uint32_t right, int delta)
{
	enter();
	return mach_port_mod_refs_trap(task, name, right, delta);
}

int hosted_port_move_member(uint32_t task, uint32_t member, uint32_t after)
{
	enter();
	return mach_port_move_member_trap(task, member, after);
}

int hosted_port_insert_right(uint32_t task, uint32_t name, uint32_t port, uint32_t disposition)
{
	enter();
	return mach_port_insert_right_trap(task, name, port, disposition);
}

int hosted_port_insert_member(uint32_t task, uint32_t name, uint32_t set)
{
	enter();
	return mach_port_insert_member_trap(task, name, set);
}

int hosted_port_extract_member(uint32_t task, uint32_t name, uint32_t set)
{
	enter();
	return mach_port_extract_member_trap(task, name, set);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/mach_init.h - the ports that a program has from its start. */
#pragma once

#include <mach/port.h>

/* Set before main() runs; they stay valid. Do not deallocate them. */
extern mach_port_t mach_task_self_;
extern mach_port_t bootstrap_port;

static inline mach_port_t mach_task_self(void)
{
	return mach_task_self_;
}
#define current_task() mach_task_self()

/* A new user reference of the calling thread's or the host's port: deallocate it. */
mach_port_t mach_thread_self(void);
mach_port_t mach_host_self(void);

#define vm_page_size ((vm_size_t)4096)
#define vm_page_mask ((vm_size_t)4095)
#define vm_page_shift 12
#define round_page(x) (((vm_offset_t)(x) + vm_page_mask) & ~vm_page_mask)
#define trunc_page(x) ((vm_offset_t)(x) & ~vm_page_mask)
#define mach_vm_round_page(x) (((mach_vm_offset_t)(x) + vm_page_mask) & ~(mach_vm_offset_t)vm_page_mask)
#define mach_vm_trunc_page(x) ((mach_vm_offset_t)(x) & ~(mach_vm_offset_t)vm_page_mask)

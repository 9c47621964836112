/* SPDX-License-Identifier: BSD-2-Clause */
/* child.h - for test programs: a copy of this task, with threads that begin at functions of it and count. */
#pragma once

#include "threads.h"

#include <mach/thread_status.h>

static volatile uint64_t counter __asm__("counter");
static _Alignas(16) char child_stack[2][16384];

static inline void child_counts(void)
{
	for (;;)
		counter++;
}

static inline x86_thread_state64_t state_at(void (*entry)(void), unsigned stack)
{
	return (x86_thread_state64_t){ .rip = (uint64_t)(uintptr_t)entry, .rflags = 0x202,
				       .rsp = (uint64_t)(uintptr_t)child_stack[stack] + sizeof(child_stack[stack]) - 8 };
}

static inline mach_port_t run_in(mach_port_t task, void (*entry)(void), unsigned stack)
{
	x86_thread_state64_t state = state_at(entry, stack);
	mach_port_t thread = MACH_PORT_NULL;

	(void)thread_create_running(task, x86_THREAD_STATE64, (thread_state_t)&state, x86_THREAD_STATE64_COUNT, &thread);
	return thread;
}

/* The child's counter. */
static inline uint64_t count_of(mach_port_t task)
{
	uint64_t value = 0;
	mach_vm_size_t got = 0;

	(void)mach_vm_read_overwrite(task, (mach_vm_address_t)(uintptr_t)&counter, sizeof(value), (mach_vm_address_t)(uintptr_t)&value,
				     &got);
	return value;
}

static inline bool stands_still(mach_port_t task)
{
	uint64_t before = count_of(task);

	usleep(30000);
	return count_of(task) == before;
}

/* Until the right is a dead name. */
static inline bool dies(mach_port_t right)
{
	mach_port_urefs_t refs = 0;

	for (int i = 0; i < 5 * THREADS_TRIES; i++) {
		if (mach_port_get_refs(mach_task_self(), right, MACH_PORT_RIGHT_DEAD_NAME, &refs) == KERN_SUCCESS && refs != 0)
			return true;
		usleep(500);
	}
	return false;
}

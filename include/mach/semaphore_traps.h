/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach/semaphore_traps.h - mach/semaphore.defs as traps, for a semaphore of this node; for another's they answer
 * MACH_SEND_INVALID_DEST, and then the message does it. KERN_INVALID_NAME: no send right.
 */
#pragma once

#include <mach/clock_types.h>
#include <mach/kern_return.h>
#include <mach/port.h>

#define MACH_TRAP_SEMAPHORE_SIGNAL 33
#define MACH_TRAP_SEMAPHORE_SIGNAL_ALL 34
#define MACH_TRAP_SEMAPHORE_SIGNAL_THREAD 35
#define MACH_TRAP_SEMAPHORE_WAIT 36
#define MACH_TRAP_SEMAPHORE_WAIT_SIGNAL 37
#define MACH_TRAP_SEMAPHORE_TIMEDWAIT 38
#define MACH_TRAP_SEMAPHORE_TIMEDWAIT_SIGNAL 39

#ifndef MESHACH_KERNEL
kern_return_t semaphore_signal_trap(mach_port_name_t signal_name);
kern_return_t semaphore_signal_all_trap(mach_port_name_t signal_name);
kern_return_t semaphore_signal_thread_trap(mach_port_name_t signal_name, mach_port_name_t thread_name);
kern_return_t semaphore_wait_trap(mach_port_name_t wait_name);
kern_return_t semaphore_wait_signal_trap(mach_port_name_t wait_name, mach_port_name_t signal_name);
kern_return_t semaphore_timedwait_trap(mach_port_name_t wait_name, unsigned int sec, int nsec);
kern_return_t semaphore_timedwait_signal_trap(mach_port_name_t wait_name, mach_port_name_t signal_name, unsigned int sec,
					      int nsec);
#endif

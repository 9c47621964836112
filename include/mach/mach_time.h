/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/mach_time.h - the time since the boot, and waiting for it. Names: XNU's. A unit is a nanosecond. */
#pragma once

#include <mach/clock_types.h>
#include <mach/kern_return.h>
#include <mach/port.h>
#include <stdint.h>

struct mach_timebase_info {
	uint32_t numer, denom; /* units * numer / denom: nanoseconds */
};
typedef struct mach_timebase_info mach_timebase_info_data_t;
typedef struct mach_timebase_info *mach_timebase_info_t;

#define MACH_TRAP_CLOCK_SLEEP 62
#define MACH_TRAP_TIMEBASE_INFO 89
#define MACH_TRAP_WAIT_UNTIL 90

#ifndef MESHACH_KERNEL
uint64_t mach_absolute_time(void);
kern_return_t mach_timebase_info(mach_timebase_info_t info);
/* KERN_SUCCESS, also if it is past; KERN_ABORTED. */
kern_return_t mach_wait_until(uint64_t deadline);
/*
 * Sleep on a clock of this node (clock null: SYSTEM_CLOCK): what clock_alarm() does, in one trap.
 * wakeup_time (may be NULL): what the clock shows then.
 * KERN_INVALID_ARGUMENT not a clock of this node; KERN_INVALID_VALUE a bad time or type; KERN_ABORTED.
 */
kern_return_t clock_sleep_trap(mach_port_name_t clock, sleep_type_t type, unsigned int sec, int nsec, mach_timespec_t *wakeup_time);
/* The same for any node's clock. */
kern_return_t clock_sleep(mach_port_t clock, sleep_type_t type, mach_timespec_t time, mach_timespec_t *wakeup_time);
#endif

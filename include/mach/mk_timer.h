/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach/mk_timer.h - timers as ports. Names and numbers: XNU's.
 *
 * A timer is a receive right. When it expires the kernel sends a mk_timer_expire_msg to it, which is received (alone or
 * in a port set) as any message. A timer whose queue is full of such messages loses what it expires further.
 */
#pragma once

#include <mach/kern_return.h>
#include <mach/message.h>
#include <mach/port.h>
#include <stdint.h>

#define MK_TIMER_EXPIRE 0 /* msgh_id */

typedef struct mk_timer_expire_msg {
	mach_msg_header_t header;
	uint64_t unused[3];
} mk_timer_expire_msg_t;

#define MACH_TRAP_MK_TIMER_CREATE 91
#define MACH_TRAP_MK_TIMER_DESTROY 92
#define MACH_TRAP_MK_TIMER_ARM 93
#define MACH_TRAP_MK_TIMER_CANCEL 94

#ifndef MESHACH_KERNEL
/* MACH_PORT_NULL: no room. */
mach_port_name_t mk_timer_create(void);
kern_return_t mk_timer_destroy(mach_port_name_t name);
kern_return_t mk_timer_arm(mach_port_name_t name, uint64_t expire_time);
/* result_time may be NULL. */
kern_return_t mk_timer_cancel(mach_port_name_t name, uint64_t *result_time);
#endif

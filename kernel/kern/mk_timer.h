/* SPDX-License-Identifier: BSD-2-Clause */
/* mk_timer.h - timers as ports (mach/mk_timer_task.defs). */
#pragma once

#include <mach/kern_return.h>
#include <mach/port.h>
#include <stdint.h>

struct ipc_space;

void mk_timer_init(void);
/* As of mach/mk_timer_task.defs, in space (not NULL). Thread context, nothing locked. */
kern_return_t mk_timer_create(struct ipc_space *space, mach_port_name_t *name);
kern_return_t mk_timer_destroy(struct ipc_space *space, mach_port_name_t name);
kern_return_t mk_timer_arm(struct ipc_space *space, mach_port_name_t name, uint64_t expire_ns);
kern_return_t mk_timer_cancel(struct ipc_space *space, mach_port_name_t name, uint64_t *result_ns);

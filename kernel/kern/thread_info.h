/* SPDX-License-Identifier: BSD-2-Clause */
/* thread_info.h - what a thread tells of itself: thread_info() of thread_act.defs. */
#pragma once

#include <mach/kern_return.h>
#include <mach/message.h>
#include <mach/thread_info.h>

struct thread;

kern_return_t thread_call_info(struct thread *t, thread_flavor_t flavor, thread_info_t out, mach_msg_type_number_t *count);

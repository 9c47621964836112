/* SPDX-License-Identifier: BSD-2-Clause */
/* thread.h - the machine's part of a thread, on the host: a pthread and what it sleeps on. */
#pragma once

#include <mach/kern_return.h>
#include <stdbool.h>
#include <stdint.h>

struct thread;
struct trap_frame;
struct host_sleeper;

struct machine_task {
	uint64_t none;
};

struct machine_thread {
	struct host_sleeper *sleeper;
	struct trap_frame *frame;
	uint64_t fs_base, gs_base;
};

/* Of a test that sets exception ports. */
bool machine_thread_state_settable(int flavor);

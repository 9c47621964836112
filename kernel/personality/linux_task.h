/* SPDX-License-Identifier: BSD-2-Clause */
/* linux_task.h - what the Linux personality keeps in a task. */
#pragma once

#include <stdint.h>

struct ipc_port;
struct linux_descriptors;

struct linux_task {
	uint64_t brk_start, brk;       /* task lock */
	struct linux_descriptors *descriptors; /* task lock; NULL: the standard streams only */
	struct ipc_port *stdio_port;   /* +1 send right, or NULL: write(1|2) goes to the console */
	struct ipc_port *exit_port;    /* +1 send right, or NULL: told the exit status */
	int32_t exit_status;           /* wait(2)'s encoding */
};

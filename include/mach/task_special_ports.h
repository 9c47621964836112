/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/task_special_ports.h - the ports that the kernel keeps for a task, and with a thread. */
#pragma once

#define TASK_KERNEL_PORT 1
#define TASK_HOST_PORT 2
#define TASK_NAME_PORT 3
#define TASK_BOOTSTRAP_PORT 4
#define TASK_STDIO_PORT 100 /* ours: gets what is written to streams 1 and 2 (servers/console.defs); null: the console */
#define TASK_EXIT_PORT 101  /* ours: told the exit status (servers/task_exit.defs); can be set, not read */

#define THREAD_KERNEL_PORT 1

#ifndef MESHACH_KERNEL
#define task_get_kernel_port(task, port) task_get_special_port(task, TASK_KERNEL_PORT, port)
#define task_set_kernel_port(task, port) task_set_special_port(task, TASK_KERNEL_PORT, port)
#define task_get_host_port(task, port) task_get_special_port(task, TASK_HOST_PORT, port)
#define task_set_host_port(task, port) task_set_special_port(task, TASK_HOST_PORT, port)
#define task_get_bootstrap_port(task, port) task_get_special_port(task, TASK_BOOTSTRAP_PORT, port)
#define task_set_bootstrap_port(task, port) task_set_special_port(task, TASK_BOOTSTRAP_PORT, port)
#endif

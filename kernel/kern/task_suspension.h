/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task_suspension.h - suspensions that have a port: task_suspend2() and task_resume2() of task.defs. When nobody has the port any
 * more (its holders gave it up or died, on this node or another) the suspension is over as if task_resume2() had been called.
 */
#pragma once

#include <mach/kern_return.h>

struct ipc_port;
struct task;

void task_suspension_init(void);
/* *token: a send right. */
kern_return_t task_call_suspend2(struct task *task, struct ipc_port **token);
/* token: the port of a suspension; borrowed. */
kern_return_t task_call_resume2(struct ipc_port *token);

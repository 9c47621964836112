/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * restartable.h - sequences of user instructions that begin anew when they are interrupted.
 *
 * Two kinds. That of task_set_ras_pc(): a thread that lost its CPU within it (to an interrupt's better thread, or in a fault) begins it anew
 * when it goes on, so that on one CPU nobody of the task ran in between. Those of task_restartable_ranges_register() (XNU): a thread
 * within one goes on at its recovery offset when another asks for it by task_restartable_ranges_synchronize() (AST_RESTART), on any CPUs.
 */
#pragma once

#include <mach/kern_return.h>
#include <mach/message.h>
#include <mach/restartable.h>
#include <mach/vm_types.h>
#include <stdint.h>

struct task;

/* Where a thread of task goes on that is at pc and has lost its CPU. The task has restartable sequences; interrupts off. */
uint64_t restartable_after_switch(struct task *task, uint64_t pc);
/* The same after task_restartable_ranges_synchronize(); it need not have any. */
uint64_t restartable_after_request(struct task *task, uint64_t pc);

/* child, which nobody else knows, has parent's memory and so its sequences. */
void restartable_inherit(struct task *child, struct task *parent);
void restartable_task_end(struct task *task);

/* As of task.defs; a NULL task: the port was none. */
kern_return_t restartable_call_set_ras_pc(struct task *task, vm_address_t base, vm_address_t bounds);

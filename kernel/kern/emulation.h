/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emulation.h - a task's own handlers of system calls, by number (<mach/syscall_emulation.h>).
 *
 * Who has none pays a look at one pointer, for a Linux system call or an unknown trap; Mach's traps are not redirected.
 */
#pragma once

#include <mach/kern_return.h>
#include <mach/message.h>
#include <mach/vm_types.h>
#include <stdbool.h>

struct task;
struct trap_frame;
struct vm_map_copy;

/* Send the calling thread, which made the system call frame->rax, to its task's handler. False: there is none. Any context of a trap. */
bool emulation_redirect(struct trap_frame *frame);

/* child, which nobody else knows, has parent's handlers. */
void emulation_inherit(struct task *child, struct task *parent);
void emulation_task_end(struct task *task);

/* As of task.defs; a NULL task: the port was none. */
kern_return_t emulation_call_set(struct task *task, vm_address_t entry, int number);
kern_return_t emulation_call_get_vector(struct task *task, int *start, struct vm_map_copy **vector, mach_msg_type_number_t *count);
kern_return_t emulation_call_set_vector(struct task *task, int start, struct vm_map_copy *vector, mach_msg_type_number_t count);

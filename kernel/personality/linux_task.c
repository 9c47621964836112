/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux_task.c - what the personality keeps of a task, and its end: the exit status goes as a message to the
 * port that was set as TASK_EXIT_PORT.
 *
 * Locking: the task lock guards struct linux_task.
 */
#include <ipc/ipc_port.h>
#include <kern/task.h>
#include <personality/linux_descriptor.h>
#include <personality/linux_ports.h>

#define EXIT_SET 0x10000 /* beside a status: a reason was recorded */
#define KILLED 9         /* ended by task_terminate from outside */

void linux_task_inherit(struct task *child, const struct task *parent, bool memory)
{
	if (memory) {
		child->linux_.brk_start = parent->linux_.brk_start;
		child->linux_.brk = parent->linux_.brk;
	}
	child->linux_.stdio_port = ipc_port_copy_send(parent->linux_.stdio_port);
}

void linux_task_set_status(struct task *t, int32_t wait_status)
{
	spin_lock(&t->lock);
	if ((t->linux_.exit_status & EXIT_SET) == 0)
		t->linux_.exit_status = (wait_status & 0xffff) | EXIT_SET;
	spin_unlock(&t->lock);
}

void linux_task_exit(struct task *t)
{
	struct ipc_port *stdio, *exit;
	int32_t status;

	spin_lock(&t->lock);
	stdio = t->linux_.stdio_port;
	exit = t->linux_.exit_port;
	t->linux_.stdio_port = NULL;
	t->linux_.exit_port = NULL;
	status = (t->linux_.exit_status & EXIT_SET) != 0 ? t->linux_.exit_status & 0xffff : KILLED;
	spin_unlock(&t->lock);
	linux_descriptors_release(t);
	if (stdio != NULL)
		ipc_port_release_send(stdio);
	if (exit != NULL)
		linux_send_exit(exit, t, status);
}

int32_t linux_task_exit_code(struct task *t)
{
	int32_t status = t->linux_.exit_status & 0xffff;

	return (status & 0x7f) != 0 ? 128 + (status & 0x7f) : status >> 8;
}

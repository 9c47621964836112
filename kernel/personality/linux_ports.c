/* SPDX-License-Identifier: BSD-2-Clause */
/* linux_ports.c - the messages that the personality sends (servers/console.defs, servers/task_exit.defs). */
#include <ipc/ipc_port.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kernel/console.h>
#include <kernel/task_exit.h>
#include <personality/linux.h>
#include <personality/linux_ports.h>
#include <sched/wait.h>

int64_t linux_send_stdio(struct ipc_port *port, uint32_t stream, const void *data, uint32_t bytes)
{
	uint32_t n = bytes < CONSOLE_DATA_MAX ? bytes : CONSOLE_DATA_MAX;

	switch (console_write(port, stream, data, n, MACH_MSG_OPTION_NONE, WAIT_FOREVER)) {
	case MACH_MSG_SUCCESS:
		return n;
	case MACH_SEND_INTERRUPTED:
		return -LINUX_EINTR;
	default:
		return -LINUX_EPIPE;
	}
}

void linux_send_exit(struct ipc_port *port, struct task *t, int32_t status)
{
	bool before = thread_privilege_begin(); /* its parent waits for it */

	(void)task_exited(port, t->id, status, MACH_SEND_ALWAYS, 0);
	thread_privilege_end(before);
	ipc_port_release_send(port);
}

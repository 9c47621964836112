/* SPDX-License-Identifier: BSD-2-Clause */
/* vm_default_pager.c - which port pages anonymous memory. Interface: vm_pageout.h. Locking: lock [d], a leaf. */
#include <ipc/ipc_port.h>
#include <kern/lock.h>
#include <vm/vm_pageout.h>

static struct spinlock lock = SPINLOCK_INIT("default pager");
static struct ipc_port *manager; /* [d] send right, or NULL */

struct ipc_port *vm_default_pager_copy(void)
{
	struct ipc_port *port;

	spin_lock(&lock);
	port = ipc_port_copy_send(manager);
	spin_unlock(&lock);
	return IP_VALID(port) ? port : IP_NULL;
}

struct ipc_port *vm_default_pager_set(struct ipc_port *port)
{
	struct ipc_port *old;

	spin_lock(&lock);
	old = manager;
	manager = port;
	spin_unlock(&lock);
	return old;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_default_pager.c - which port pages anonymous memory.
 *
 * Interface: vm_pageout.h. The death of the default pager is seen by who asks for it next: the pageout daemon in each turn, host_statistics. From
 *   then on there is none and nothing can be stored; each object that it had hears of its own port's death (vm_object_pager_gone).
 * Locking: lock [d] -> the port's.
 */
#include <ipc/ipc_port.h>
#include <kern/lock.h>
#include <vm/vm_pageout.h>

static struct spinlock lock = SPINLOCK_INIT("default pager");
static struct ipc_port *manager; /* [d] send right, or NULL */

/* A right to it, and its account; NULL: there is none (any more). */
static struct ipc_port *copy(struct vm_swap **swap)
{
	struct ipc_port *port, *dead = IP_NULL;

	spin_lock(&lock);
	port = ipc_port_copy_send(manager);
	if (port == IP_DEAD) {
		dead = manager;
		manager = IP_NULL;
		vm_swap_set_total(0);
		port = IP_NULL;
	}
	if (swap != NULL)
		*swap = IP_VALID(port) ? vm_swap_reference() : NULL;
	spin_unlock(&lock);
	ipc_port_release_send(dead);
	return IP_VALID(port) ? port : IP_NULL;
}

struct ipc_port *vm_default_pager_copy(void)
{
	return copy(NULL);
}

struct ipc_port *vm_default_pager_reference(struct vm_swap **swap)
{
	return copy(swap);
}

bool vm_default_pager_alive(void)
{
	struct ipc_port *port = copy(NULL);

	ipc_port_release_send(port);
	return port != IP_NULL;
}

bool vm_default_pager_set(struct ipc_port *port, struct ipc_port **old)
{
	bool ok;

	spin_lock(&lock);
	ok = port == manager || vm_swap_renew();
	if (ok) {
		*old = manager;
		manager = port;
	}
	spin_unlock(&lock);
	return ok;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_default_pager.c - which port pages anonymous memory, and how much it can take.
 *
 * Interface: vm_pageout.h.
 * The default pager says how many pages it can store (host_default_memory_space). Each page of an internal object that it
 *   was given, and not yet told to forget, counts; no more are given than it can store, so that it never has to refuse one.
 * Locking: lock [d], a leaf; the counts are atomic.
 */
#include <ipc/ipc_port.h>
#include <kern/assert.h>
#include <kern/lock.h>
#include <vm/vm_pageout.h>

static struct spinlock lock = SPINLOCK_INIT("default pager");
static struct ipc_port *manager; /* [d] send right, or NULL */
static _Atomic uint64_t total, used;

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

void vm_swap_set_total(uint64_t pages)
{
	atomic_store(&total, pages);
}

bool vm_swap_take(uint64_t pages)
{
	uint64_t now = atomic_load_explicit(&used, memory_order_relaxed);

	do {
		if (now + pages > atomic_load_explicit(&total, memory_order_relaxed))
			return false;
	} while (!atomic_compare_exchange_weak(&used, &now, now + pages));
	return true;
}

void vm_swap_give(uint64_t pages)
{
	uint64_t before = atomic_fetch_sub(&used, pages);

	VERIFY(before >= pages);
}

uint64_t vm_swap_total(void)
{
	return atomic_load_explicit(&total, memory_order_relaxed);
}

uint64_t vm_swap_used(void)
{
	return atomic_load_explicit(&used, memory_order_relaxed);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_guard.c - guards of receive rights. Interface: ipc_guard.h.
 *
 * References: XNU's interface (mach/port.h, mach_port.defs), errors and codes of exceptions; unlike there, a thread
 *   whose exception was dealt with goes on.
 */
#include <ipc/ipc_guard.h>
#include <kern/thread.h>
#include <mach/exc_guard.h>

/* A second violation in the same call does not hide the first. */
void ipc_guard_exception(mach_port_name_t name, uint64_t guard, unsigned flavor)
{
	struct thread *t = current_thread();

	if (t->start != NULL || t->ipc.guard_code != 0) /* a kernel thread: for another node, or ending a task */
		return;
	t->ipc.guard_code = EXC_GUARD_ENCODE(GUARD_TYPE_MACH_PORT, flavor, name);
	t->ipc.guard_subcode = guard;
	atomic_fetch_or(&t->ast, AST_GUARD);
}

kern_return_t ipc_guard_set(struct ipc_port *port, uint64_t guard, bool strict, bool immovable)
{
	spin_assert_held(&port->ip_object.io_lock);
	if (port->ip_guarded || port->ip_context != 0)
		return KERN_INVALID_ARGUMENT;
	port->ip_context = guard;
	port->ip_guarded = true;
	port->ip_strict_guard = strict;
	port->ip_immovable_receive = immovable;
	return KERN_SUCCESS;
}

kern_return_t ipc_guard_clear(struct ipc_port *port, mach_port_name_t name, uint64_t guard)
{
	spin_assert_held(&port->ip_object.io_lock);
	if (!port->ip_guarded || port->ip_context != guard) {
		ipc_guard_exception(name, port->ip_guarded ? port->ip_context : 0,
				    port->ip_guarded ? kGUARD_EXC_INCORRECT_GUARD : kGUARD_EXC_UNGUARDED);
		return KERN_INVALID_ARGUMENT;
	}
	port->ip_context = 0;
	port->ip_guarded = port->ip_strict_guard = port->ip_immovable_receive = false;
	return KERN_SUCCESS;
}

kern_return_t ipc_guard_swap(struct ipc_port *port, mach_port_name_t name, uint64_t from, uint64_t to)
{
	bool strict = port->ip_strict_guard, immovable = port->ip_immovable_receive;
	kern_return_t kr;

	if (strict)
		return KERN_INVALID_ARGUMENT; /* as of a context that cannot be set; no exception */
	kr = ipc_guard_clear(port, name, from);
	return kr == KERN_SUCCESS ? ipc_guard_set(port, to, strict, immovable) : kr;
}

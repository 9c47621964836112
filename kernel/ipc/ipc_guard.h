/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_guard.h - guards of receive rights: a word without which the right cannot be destroyed or, if so asked, moved.
 *
 * Who violates one gets the call's error and, if it is a program's thread of this node, the exception EXC_GUARD before
 * its next user instruction. A thread of another node, for which a worker made the call, gets the error alone.
 *
 * Invariants: U1 ip_strict_guard and ip_immovable_receive only with ip_guarded; U2 a guard goes when the receive
 *   right leaves its space.
 */
#pragma once

#include <ipc/ipc_port.h>

/* The calling thread violated the guard of name: raise EXC_GUARD before it runs user code. Any lock may be held. (AST_GUARD; kern/exception.c.) */
void ipc_guard_exception(mach_port_name_t name, uint64_t guard, unsigned flavor);

/* All of these: port locked, its receive right under name. KERN_INVALID_ARGUMENT: it is guarded or has a context. */
kern_return_t ipc_guard_set(struct ipc_port *port, uint64_t guard, bool strict, bool immovable);
/* Raises the exception and answers KERN_INVALID_ARGUMENT if it has no guard or another. */
kern_return_t ipc_guard_clear(struct ipc_port *port, mach_port_name_t name, uint64_t guard);
kern_return_t ipc_guard_swap(struct ipc_port *port, mach_port_name_t name, uint64_t from, uint64_t to);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - the host object: this node, its special ports, and what is known of it.
 *
 * Two ports name it: the host port, which anybody has (information), and the host control port, which the first
 * task gets and hands out as it likes (special ports, reboot).
 */
#pragma once

#include <ipc/ipc_port.h>
#include <ipc/ipc_thread.h>
#include <mach/kern_return.h>

struct task;

struct host {
	struct spinlock lock;
	struct ipc_port *special[16]; /* lock; +1 send right each, by HOST_*_PORT; NULL: none */
	struct exception_action exc_actions[EXC_TYPES_COUNT]; /* lock; asked last */
};

extern struct host realhost;

/* After ipc_init. */
void host_init(void);
/* Replace t's host port by the host control port. */
void host_give_control(struct task *t);
/*
 * A send right to special port which, or IP_NULL. For the network: the name server's port, which is the same on all
 * nodes (HOST_NAME_SERVER_PORT).
 */
struct ipc_port *host_special_port_copy(uint32_t which);
/* Set it; consumes port (IP_NULL: none). */
void host_special_port_set(uint32_t which, struct ipc_port *port);

/* intran of .defs: NULL if port is not the host's (host_priv: not the control port). */
struct host *convert_port_to_host(struct ipc_port *port);
struct host *convert_port_to_host_priv(struct ipc_port *port);
struct host *convert_port_to_host_security(struct ipc_port *port);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_notify.h - the messages by which the kernel tells what became of rights (<mach/notify.h>).
 *
 * Each consumes the send-once right that it is sent to; IP_NULL and IP_DEAD do nothing. Nothing
 * locked; any context. Without memory a notification is lost, as in Mach, and counted.
 */
#pragma once

#include <ipc/ipc_port.h>

extern _Atomic uint64_t ipc_notify_lost;

/* The name's rights were moved or deallocated under a dead-name request. */
void ipc_notify_port_deleted(struct ipc_port *notify, mach_port_name_t name);
/* The receive right comes back; consumes it. */
void ipc_notify_port_destroyed(struct ipc_port *notify, struct ipc_port *right);
void ipc_notify_no_senders_count(struct ipc_port *notify, mach_port_mscount_t mscount);
/* A send-once right died unused: this is sent to its own port. */
void ipc_notify_send_once(struct ipc_port *notify);
void ipc_notify_dead_name(struct ipc_port *notify, mach_port_name_t name);
/* The port of the name, whose queue was full, has room; the request is used up. */
void ipc_notify_send_possible(struct ipc_port *notify, mach_port_name_t name);

/*
 * Fire port's no-senders request if no send right is left on this node. The network glue calls it when
 * no other node holds one. Port not locked; a reference is held.
 */
void ipc_notify_no_senders(struct ipc_port *port);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_order.h - the queue of a port whose messages go by their senders' priority (mach_port_qos_t.rt).
 *
 * It is the port's one list, kept sorted: higher priorities first, each by age. For each priority the last message is
 * known, so that a message is put in and taken out in a few steps at any length.
 * Locking: the port's lock.
 */
#pragma once

#include <base/list.h>

struct ipc_kmsg;
struct ipc_order;

/* NULL without memory. */
struct ipc_order *ipc_order_create(void);
void ipc_order_free(struct ipc_order *order);
/* Put kmsg into the list, by ikm_priority. */
void ipc_order_insert(struct ipc_order *order, struct list *messages, struct ipc_kmsg *kmsg);
/* kmsg is about to be removed from the list. */
void ipc_order_remove(struct ipc_order *order, struct list *messages, struct ipc_kmsg *kmsg);

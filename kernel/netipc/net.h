/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.h - netipc in this kernel: the network card, the RoCE engine and the netipc engine under one lock, and the
 * glue between the engine and kernel/ipc.
 *
 *   link.c     card <-> roce <-> engine: frames, timers, the drain of upcalls
 *   ports.c    struct ipc_port <-> exports and proxies; ipc_net_ops
 *   send.c     struct ipc_kmsg -> netipc_send()
 *   receive.c  netipc deliveries -> struct ipc_kmsg
 *   wire_body.h  what a Mach message looks like inside netipc's opaque body
 *
 * Locking: the shard lock (net.lock) guards both engines, the proxies' and exports' slots, and what is tagged [n].
 *   Order: shard lock -> port lock -> run queues. Nothing of kernel/ipc is called under it but
 *   allocation and the counting of rights.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Start the network if the boot options give an address and there is a card; says in one sentence if not. */
void net_start(void);

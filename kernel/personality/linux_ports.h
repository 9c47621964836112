/* SPDX-License-Identifier: BSD-2-Clause */
/* linux_ports.h - the messages that the personality sends: bytes of the standard streams, a task's exit. */
#pragma once

#include <stdint.h>

struct ipc_port;
struct task;

/*
 * Send up to CONSOLE_DATA_MAX bytes to a task's stdio port (console.defs). Waits while the port's queue is
 * full. Returns bytes sent, or a negative Linux errno (EPIPE: the port died; EINTR: aborted).
 */
int64_t linux_send_stdio(struct ipc_port *port, uint32_t stream, const void *data, uint32_t bytes);
/* Tell port the exit status (wait(2)'s encoding) of t. Consumes the send right. */
void linux_send_exit(struct ipc_port *port, struct task *t, int32_t status);

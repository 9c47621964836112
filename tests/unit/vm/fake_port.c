/* SPDX-License-Identifier: BSD-2-Clause */
/* fake_port.c - as much of ports, workers and pagers as the calls on memory need: rights are counted, work is done at once. */
#include "fake_port.h"

#include <host/host.h>
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_space.h>
#include <ipc/mach_msg.h>
#include <kern/ipc_kobject.h>
#include <kern/kalloc.h>
#include <kern/kworker.h>
#include <stdlib.h>

uint32_t fake_ports;
ipc_kobject_no_senders_t ipc_kobject_no_senders_calls[IKOT_COUNT];
ipc_kobject_other_t ipc_kobject_other_calls[IKOT_COUNT];
struct ipc_space ipc_space_kernel_object;

struct ipc_port *ipc_port_alloc_special(struct ipc_space *space)
{
	struct ipc_port *port = calloc(1, sizeof(*port));

	if (port == NULL)
		return IP_NULL;
	spin_init(&port->ip_object.io_lock, "fake port");
	port->ip_object.io_active = true;
	fake_ports++;
	return port;
}

void ipc_port_dealloc_special(struct ipc_port *port)
{
	VERIFY(port->ip_srights == 0);
	fake_ports--;
	free(port);
}

struct ipc_port *ipc_port_make_send(struct ipc_port *port)
{
	port->ip_srights++;
	return port;
}

struct ipc_port *ipc_port_copy_send(struct ipc_port *port)
{
	return ipc_port_make_send(port);
}

void ipc_port_release_send(struct ipc_port *port)
{
	if (--port->ip_srights == 0 && ipc_kobject_no_senders_calls[port->ip_kotype] != NULL)
		ipc_kobject_no_senders_calls[port->ip_kotype](port);
}

void kworker_submit(struct kwork *w)
{
	w->fn(w);
}

/* Messages of device pagers to other nodes: none here. */
struct ipc_kmsg *ipc_kmsg_alloc(mach_msg_size_t size)
{
	(void)size;
	return NULL;
}

mach_msg_return_t mach_msg_send_from_kernel(struct ipc_kmsg *kmsg)
{
	(void)kmsg;
	abort();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_init.c - ipc at boot: zones, special spaces, the host's ports. */
#include <ipc/ipc_entry.h>
#include <ipc/ipc_init.h>
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_net.h>
#include <ipc/ipc_pset.h>
#include <ipc/ipc_space.h>
#include <ipc/ipc_tt.h>
#include <kern/assert.h>
#include <kern/ipc_kobject.h>

const struct ipc_net_ops *ipc_net;
struct ipc_port *ipc_host_port, *ipc_host_priv_port, *ipc_host_security_port;

static struct ipc_port *host_port(enum ipc_kotype type)
{
	struct ipc_port *port = ipc_port_alloc_special(ipc_space_kernel);

	if (!port)
		panic("no memory for the host's ports");
	ipc_kobject_set(port, port, type);
	return port;
}

void ipc_init(void)
{
	ipc_port_init_zones();
	ipc_pset_init_zones();
	ipc_entry_init_zones();
	ipc_space_init_zones();
	ipc_kmsg_init_zones();
	ipc_space_init_special(ipc_space_kernel);
	ipc_space_init_special(ipc_space_reply);
	ipc_host_port = host_port(IKOT_HOST);
	ipc_host_priv_port = host_port(IKOT_HOST_PRIV);
	ipc_host_security_port = host_port(IKOT_HOST_SECURITY);
}

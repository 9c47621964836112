/* SPDX-License-Identifier: BSD-2-Clause */
/* host.c - this node as an object; see host.h. The calls on it are in host_calls.c. */
#include <kern/assert.h>
#include <ipc/ipc_net.h>
#include <ipc/ipc_tt.h>
#include <kern/host.h>
#include <kern/ipc_kobject.h>
#include <kern/task.h>
#include <mach/host_special_ports.h>
#include <machine/boot.h>

struct host realhost = { .lock = SPINLOCK_INIT("host") };

void host_init(void)
{
	ipc_kobject_set(ipc_host_port, &realhost, IKOT_HOST);
	ipc_kobject_set(ipc_host_priv_port, &realhost, IKOT_HOST_PRIV);
	ipc_kobject_set(ipc_host_security_port, &realhost, IKOT_HOST_SECURITY);
}

void host_give_control(struct task *t)
{
	struct ipc_port *control = ipc_port_make_send(ipc_host_priv_port), *old;

	spin_lock(&t->ipc.lock);
	old = t->ipc.host;
	t->ipc.host = control;
	spin_unlock(&t->ipc.lock);
	ipc_port_release_send(old);
}

struct ipc_port *host_special_port_copy(uint32_t which)
{
	struct ipc_port *port = IP_NULL;

	if (which >= sizeof(realhost.special) / sizeof(realhost.special[0]))
		return IP_NULL;
	spin_lock(&realhost.lock);
	port = ipc_port_copy_send(realhost.special[which]);
	spin_unlock(&realhost.lock);
	return port;
}

void host_special_port_set(uint32_t which, struct ipc_port *port)
{
	struct ipc_port *old;

	VERIFY(which < sizeof(realhost.special) / sizeof(realhost.special[0]));
	spin_lock(&realhost.lock);
	old = realhost.special[which];
	realhost.special[which] = port;
	spin_unlock(&realhost.lock);
	if (which == HOST_NAME_SERVER_PORT && ipc_net != NULL)
		ipc_net->name_server(port);
	ipc_port_release_send(old);
}

struct host *convert_port_to_host(struct ipc_port *port)
{
	bool is;

	if (!IP_VALID(port))
		return NULL;
	ip_lock(port);
	is = ip_active(port) && (port->ip_kotype == IKOT_HOST || port->ip_kotype == IKOT_HOST_PRIV);
	ip_unlock(port);
	return is ? &realhost : NULL;
}

struct host *convert_port_to_host_priv(struct ipc_port *port)
{
	bool is;

	if (!IP_VALID(port))
		return NULL;
	ip_lock(port);
	is = ip_active(port) && port->ip_kotype == IKOT_HOST_PRIV;
	ip_unlock(port);
	return is ? &realhost : NULL;
}

struct host *convert_port_to_host_security(struct ipc_port *port)
{
	struct host *host = ipc_kobject_lock(port, IKOT_HOST_SECURITY);

	if (host != NULL)
		ip_unlock(port);
	return host;
}

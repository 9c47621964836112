/* SPDX-License-Identifier: BSD-2-Clause */
/* default_manager.c - the call on the default pager's port in OSF's form: one argument brings the new one and takes the old. */
#include <mach/host_priv.h>
#include <mach/mach.h>

kern_return_t host_default_memory_manager(host_priv_t host_priv, memory_object_default_t *default_manager,
					  memory_object_cluster_size_t cluster_size)
{
	mach_port_t old = MACH_PORT_NULL;
	kern_return_t result = host_default_memory_manager_exchange(host_priv, *default_manager, cluster_size, &old);

	if (result == KERN_SUCCESS)
		*default_manager = old;
	return result;
}

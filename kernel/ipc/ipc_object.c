/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_object.c - the last reference of a port or port set. */
#include <ipc/ipc_object.h>
#include <kern/assert.h>

#include "ipc_zones.h"

__attribute__((noinline, cold)) void ipc_object_free(struct ipc_object *object)
{
	VERIFY(!object->io_active);
	if (object->io_kind == IOT_PORT)
		zone_free(ipc_port_zone, object);
	else
		zone_free(ipc_pset_zone, object);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * servers/bootstrap_names.h - names of services, for programs: the calls of OSF Mach's <servers/bootstrap.h>, over the
 * cluster's name server. bootstrap is not used: the node knows the name server.
 */
#pragma once

#include <mach/mach_types.h>

typedef char name_t[128];

/* Make a port with a name: *service is its receive right, and has a send right. */
kern_return_t bootstrap_check_in(mach_port_t bootstrap, const char *name, mach_port_t *service);
/* Give a send right's port a name. KERN_NAME_EXISTS ... as name_register(). */
kern_return_t bootstrap_register(mach_port_t bootstrap, const char *name, mach_port_t service);
/* The port of a name. KERN_INVALID_NAME: nobody has it. */
kern_return_t bootstrap_look_up(mach_port_t bootstrap, const char *name, mach_port_t *service);
/* The same; waits until somebody has it. */
kern_return_t bootstrap_look_up_wait(mach_port_t bootstrap, const char *name, mach_port_t *service);
/*
 * Keep the name kind/N for service, N this node's number, from a thread of its own: the name server may come up later, may still know the
 * server of the node's last life, and when its node dies another one is to learn the name. registered, or NULL, is called from that thread
 * when the name is there for the first time. KERN_RESOURCE_SHORTAGE, KERN_INVALID_ARGUMENT: kind is too long.
 */
kern_return_t bootstrap_keep(const char *kind, mach_port_t service, void (*registered)(const char *name));

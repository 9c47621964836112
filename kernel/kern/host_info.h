/* SPDX-License-Identifier: BSD-2-Clause */
/* host_info.h - what a node tells of itself: calls of mach_host.defs. A NULL host: the port was not the host's. */
#pragma once

#include <mach/host_info.h>
#include <mach/kern_return.h>
#include <mach/lockgroup_info.h>
#include <mach/message.h>
#include <mach/zone_info.h>

struct host;
struct vm_map_copy;

/* host_info.c */
kern_return_t host_call_info(struct host *host, host_flavor_t flavor, host_info_t out, mach_msg_type_number_t *count);
kern_return_t host_call_statistics(struct host *host, host_flavor_t flavor, host_info_t out, mach_msg_type_number_t *count);

/* host_debug.c: zones and locks. */
kern_return_t host_call_zone_info(struct host *host, struct vm_map_copy **names, mach_msg_type_number_t *names_count,
				  struct vm_map_copy **infos, mach_msg_type_number_t *infos_count);
kern_return_t host_call_mach_zone_info(struct host *host, struct vm_map_copy **names, mach_msg_type_number_t *names_count,
				       struct vm_map_copy **infos, mach_msg_type_number_t *infos_count);
kern_return_t host_call_mach_zone_info_for_zone(struct host *host, mach_zone_name_t name, mach_zone_info_t *info);
kern_return_t host_call_lockgroup_info(struct host *host, struct vm_map_copy **infos, mach_msg_type_number_t *count);

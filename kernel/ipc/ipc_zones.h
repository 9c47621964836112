/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_zones.h - the zones of ipc's objects, each made by its own file's _init_zones(). */
#pragma once

#include <kern/kalloc.h>

extern struct zone *ipc_port_zone;
extern struct zone *ipc_request_zone;
extern struct zone *ipc_pset_zone;
extern struct zone *ipc_link_zone;

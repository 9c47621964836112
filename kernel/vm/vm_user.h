/* SPDX-License-Identifier: BSD-2-Clause */
/* vm_user.h - calls on memory that other interfaces than mach_vm.defs serve. */
#pragma once

#include <mach/kern_return.h>
#include <mach/vm_prot.h>
#include <mach/vm_types.h>

struct host;
struct vm_map;

/* host_priv.defs; a NULL host: the port was not the host's control port, a NULL map: not a task's. */
kern_return_t host_priv_vm_wire(struct host *host, struct vm_map *map, vm_address_t address, vm_size_t size,
				vm_prot_t access);
kern_return_t host_priv_mach_vm_wire(struct host *host, struct vm_map *map, mach_vm_address_t address,
				     mach_vm_size_t size, vm_prot_t access);
kern_return_t host_priv_vm_allocate_cpm(struct host *host, struct vm_map *map, vm_address_t *address, vm_size_t size,
					int flags);

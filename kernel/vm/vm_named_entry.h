/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_named_entry.h - a port that stands for memory (mach_make_memory_entry): whoever has a send right may map it.
 *
 * An entry names a range of a bare map (vm_map_create_bare), which shares, or copied, the memory it was made of. An entry made of a
 * part of another names the same map. This also does what submaps did in Mach: several regions under one name, mapped
 * by several tasks.
 * Life: made with one send right; when no node has one any more, the port and the reference on the map go.
 */
#pragma once

#include <mach/kern_return.h>
#include <mach/vm_prot.h>
#include <stdbool.h>
#include <stdint.h>

struct ipc_port;
struct vm_map;

struct vm_named_memory {
	struct vm_map *map;    /* +1 */
	uint64_t start, size;  /* the range of map; whole pages */
	vm_prot_t protection;  /* at most this may be mapped */
};

void vm_named_entry_init(void);
/* A send right to a new entry for m, whose reference on the map it takes on success. KERN_RESOURCE_SHORTAGE. */
kern_return_t vm_named_entry_create(const struct vm_named_memory *m, struct ipc_port **out);
/* What port, which is borrowed, stands for, with a reference on the map; false: it is no named entry of this node. */
bool vm_named_entry_lookup(struct ipc_port *port, struct vm_named_memory *out);

/*
 * mach_memory_object_memory_entry_64: of size bytes of the memory object pager (a send right, consumed on success), or, internal and
 * without one, of new memory. Errors as the interface says.
 */
kern_return_t vm_named_entry_of_pager(bool internal, uint64_t size, vm_prot_t permission, struct ipc_port *pager, struct ipc_port **out);

/*
 * mach_make_memory_entry_64: of [offset, offset + *size) of map, or of parent (borrowed, may be IP_NULL); permission:
 * VM_PROT_* and MAP_MEM_*. *size becomes what the entry has. Errors as the interface says.
 */
kern_return_t vm_named_entry_make(struct vm_map *map, uint64_t *size, uint64_t offset, int permission,
				  struct ipc_port *parent, struct ipc_port **out);

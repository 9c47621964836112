/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_device_pager.h - memory objects whose pages are a device's: registers, a frame buffer, a ROM.
 *
 * A port that stands for one range of physical addresses and what may at most be done with it: whoever has a send right may map it
 * (mach_vm_map) on this node. There is no pager behind it: nothing is asked for, paged out or copied; the object's pages have no frames of
 * ours. Life: made with one send right; when no node has one any more the port goes, and the mappings stay.
 */
#pragma once

#include <mach/kern_return.h>
#include <mach/vm_prot.h>
#include <machine/pmap.h>

struct ipc_kmsg;
struct ipc_port;
struct vm_object;

void vm_device_pager_init(void);
/*
 * A send right to a new one, of the whole pages [phys, phys + size). KERN_INVALID_ARGUMENT: some of that is memory of the kernel's to
 * manage; KERN_RESOURCE_SHORTAGE.
 */
kern_return_t vm_device_pager_create(uint64_t phys, uint64_t size, vm_prot_t protection, enum pmap_cache cache,
				     struct ipc_port **out);
/* The object that port, which is borrowed, stands for, +1, and what may be done with it; NULL: it is no such port of this node. */
struct vm_object *vm_device_pager_lookup(struct ipc_port *port, vm_prot_t *protection);
/* A message of the memory object protocol to port: another node tried to map it, which is told that it cannot. Borrows request. */
void vm_device_pager_message(struct ipc_port *port, struct ipc_kmsg *request);

/* SPDX-License-Identifier: BSD-2-Clause */
/* vm_fault.h - page faults: of user code, and of the kernel's copies to and from user memory. */
#pragma once

#include <mach/kern_return.h>
#include <mach/vm_prot.h>
#include <stdint.h>

struct vm_map;

/*
 * Purpose: make the page at va accessible for prot (VM_PROT_READ, WRITE or EXECUTE; any mix).
 * Conditions: thread context, interrupts on, no spin lock and no map lock held. May sleep for a busy page or a
 *   pager, abortably.
 * Returns KERN_SUCCESS: retry the instruction; KERN_INVALID_ADDRESS: nothing is mapped there; KERN_PROTECTION_FAILURE;
 *   KERN_MEMORY_ERROR: the pager has failed; KERN_RESOURCE_SHORTAGE; KERN_ABORTED: go back to
 *   the trap boundary (D6), the instruction faults again if it is ever restarted.
 */
kern_return_t vm_fault(struct vm_map *map, uint64_t va, vm_prot_t prot);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory_object.h - the kernel's side of the memory object protocol: how pages come from a pager and go to it.
 *
 * The messages are those of mach/memory_object.defs (kernel to pager), memory_object_default.defs (kernel to default
 * pager) and memory_object_control.defs (pager to kernel). All that is sent goes past queue limits and never waits; nothing is
 * sent with a lock held.
 * After: Young et al., "The Duality of Memory and Communication ..." (SOSP 1987); the OSF kernel interfaces.
 */
#pragma once

#include <mach/kern_return.h>
#include <stdbool.h>
#include <stdint.h>

struct ipc_port;
struct vm_object;
struct vm_page;

/* ---- for pageout ---- */

/*
 * Purpose: clean page: send its bytes to its object's pager (memory_object_data_return; data_initialize the first time
 *   for an internal object), along with dirty pages that follow it, up to max_pages in all. They leave the object: their
 *   frames are the message's, marked laundry, and released when the pager deallocates them.
 * Conditions: o is locked on entry and NOT on return, and referenced by the caller. page is o's, neither busy nor wired nor fictitious.
 * Returns: the pages that left; 0: o has no pager that takes them (or no memory for the message), nothing changed.
 */
unsigned vm_object_page_out(struct vm_object *o, struct vm_page *page, unsigned max_pages);
/*
 * Purpose: give an internal object a pager, the default pager's (memory_object_create).
 * Conditions: nothing locked; o referenced. Never waits for the default pager.
 * Returns: KERN_SUCCESS (also if it has one); KERN_FAILURE no default pager is set; KERN_RESOURCE_SHORTAGE.
 */
kern_return_t vm_object_pager_create(struct vm_object *o);

/* ---- for the map ---- */

/*
 * Purpose: the object that this node has for a memory object port; made, and memory_object_init sent, if there is none.
 * Conditions: nothing locked; pager is borrowed. size: bytes that are to be mapped, from 0 on.
 * Returns: KERN_SUCCESS with *out +1; KERN_INVALID_ARGUMENT not a port that may page; KERN_RESOURCE_SHORTAGE.
 */
kern_return_t vm_object_of_pager(struct ipc_port *pager, uint64_t size, struct vm_object **out);
/*
 * Purpose: mach_vm_msync on one object: write dirty pages of [offset, offset+size) to the pager (VM_SYNC_* flags), drop them
 *   with VM_SYNC_INVALIDATE, and with VM_SYNC_SYNCHRONOUS wait for its memory_object_synchronize_completed.
 * Conditions: nothing locked; o referenced; abortable, bounded by the pager's time limit.
 * Returns: KERN_SUCCESS (also without a pager), KERN_ABORTED, KERN_MEMORY_ERROR.
 */
kern_return_t vm_object_sync(struct vm_object *o, uint64_t offset, uint64_t size, unsigned flags);

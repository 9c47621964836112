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
#include <mach/memory_object_types.h>
#include <mach/vm_prot.h>
#include <stdbool.h>
#include <stdint.h>

struct ipc_port;
struct thread;
struct vm_map;
struct vm_map_copy;
struct vm_object;
struct vm_page;

/* How long an access waits for a pager that does not say otherwise (option pager.timeout_ms). */
extern uint64_t vm_pager_timeout_ns;

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
 * Purpose: mach_vm_map of a memory object port (borrowed); as vm_map_enter. copy: a private copy, by the object's strategy.
 * Returns what vm_map_enter and vm_object_of_pager do; for a copy, which waits for the pager's attributes and, with
 *   MEMORY_OBJECT_COPY_NONE, for its pages, also what vm_object_wait does.
 */
kern_return_t vm_map_enter_pager(struct vm_map *map, uint64_t *address, uint64_t size, uint64_t mask, int flags,
				 struct ipc_port *pager, uint64_t offset, bool copy, vm_prot_t protection,
				 vm_prot_t max_protection, unsigned inheritance);
/*
 * Purpose: mach_vm_map of device memory (vm_device_pager.h), with at most the rights allowed; as vm_map_enter.
 * Returns also KERN_INVALID_RIGHT: more than is allowed; KERN_PROTECTION_FAILURE: a copy, which there is none of.
 */
kern_return_t vm_map_enter_device(struct vm_map *map, uint64_t *address, uint64_t size, uint64_t mask, int flags,
				  struct vm_object *o, vm_prot_t allowed, uint64_t offset, bool copy, vm_prot_t protection,
				  vm_prot_t max_protection, unsigned inheritance);
/*
 * Purpose: mach_vm_msync on one object: write dirty pages of [offset, offset+size) to the pager (VM_SYNC_* flags), drop them
 *   with VM_SYNC_INVALIDATE, and with VM_SYNC_SYNCHRONOUS wait for its memory_object_synchronize_completed. VM_SYNC_INVALIDATE alone returns
 *   only what is precious, if may_discard: the caller may write the memory.
 * Conditions: nothing locked; o referenced; abortable, bounded by the pager's time limit.
 * Returns: KERN_SUCCESS (also without a pager), KERN_ABORTED, KERN_MEMORY_ERROR.
 */
kern_return_t vm_object_sync(struct vm_object *o, uint64_t offset, uint64_t size, unsigned flags, bool may_discard);

/* Memory is short: up to max of the objects that are kept, and have no page any more, end. Their number. Nothing locked. */
unsigned vm_object_cache_trim(unsigned max);
/* Objects without a user that are kept (can_persist). */
uint32_t vm_object_cached_count(void);
/* A send right to the port that only says which object it is (mach_vm_region), or IP_NULL. */
struct ipc_port *vm_object_name_port(struct vm_object *o);

/* ---- the pager's calls, on an object (referenced, not locked); offsets are the pager's ---- */

/* The object of a control port, referenced, or NULL; for the stubs. */
struct vm_object *convert_port_to_memory_object_control(struct ipc_port *port);
void memory_object_control_release(struct vm_object *o);

/*
 * Purpose: memory_object_data_supply: data's pages come to [offset, offset + size of data); data stays the caller's, emptied or not.
 * Returns KERN_SUCCESS, or what was wrong first, at *error_offset (the others are supplied all the same): KERN_INVALID_ARGUMENT not whole
 *   pages, or beyond the object; KERN_MEMORY_PRESENT; KERN_RESOURCE_SHORTAGE; KERN_MEMORY_ERROR data cannot be read; KERN_FAILURE
 *   the object ends.
 */
kern_return_t vm_pager_supply(struct vm_object *o, uint64_t offset, struct vm_map_copy *data, vm_prot_t lock, bool precious,
			      uint64_t *error_offset);
/* The same of one page, whose frame goes on success. o is locked. *next is set if a thread waited for it: claimed, to be handed the CPU or let go. */
kern_return_t vm_pager_supply_locked(struct vm_object *o, uint64_t offset, struct vm_page *page, vm_prot_t lock, bool precious,
				     struct thread **next);
/* memory_object_data_error, memory_object_data_unavailable. KERN_INVALID_ARGUMENT: not whole pages. */
kern_return_t vm_pager_error(struct vm_object *o, uint64_t offset, uint64_t size);
/* memory_object_data_error(KERN_RESOURCE_SHORTAGE): it had no memory to answer; who waits asks again until its time is over. */
kern_return_t vm_pager_shortage(struct vm_object *o, uint64_t offset, uint64_t size);
kern_return_t vm_pager_unavailable(struct vm_object *o, uint64_t offset, uint64_t size);
/* memory_object_lock_request, without the reply. KERN_INVALID_ARGUMENT; KERN_RESOURCE_SHORTAGE: some pages were not returned. */
kern_return_t vm_pager_lock(struct vm_object *o, uint64_t offset, uint64_t size, memory_object_return_t should_return,
			    bool flush, vm_prot_t lock);
/* memory_object_synchronize_completed. KERN_INVALID_ARGUMENT: nobody waits for it. */
kern_return_t vm_pager_synchronized(struct vm_object *o, uint64_t offset, uint64_t size);
/* memory_object_destroy: the object has no pager any more; the pager is told so (memory_object_terminate). */
void vm_object_destroy(struct vm_object *o);
/* The pager's port died, or it destroyed the object: what is not here is an error from now on. */
void vm_object_pager_gone(struct vm_object *o);
/* Drop all pages, after returning changed ones if send. The object is about to end. */
void vm_object_return_all(struct vm_object *o, bool send);

/* At boot: what becomes of a pager's death, and the control ports' kind. */
void memory_object_init_module(void);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_purgable.h - objects whose pages may be dropped when frames are short, because their user said so.
 *
 * An object is purgable from its making or never (vm_object.purgable != VM_OBJECT_NOT_PURGABLE, [I]); its state and the
 * list of volatile objects, oldest first, are under one lock, taken before an object's.
 */
#pragma once

#include <mach/kern_return.h>
#include <stdbool.h>
#include <stdint.h>

struct vm_object;

/* A zero-filled object of size bytes, not volatile. NULL: no memory. */
struct vm_object *vm_purgable_create(uint64_t size);
/* Give it a state (VM_PURGABLE_*, with what decides when a volatile one goes); the one before. EMPTY drops its pages now. The caller holds a reference. */
int vm_purgable_set(struct vm_object *o, int state);
int vm_purgable_get(struct vm_object *o);
/* Empty the volatile object that goes first. Returns the frames it gave back; 0 and *none: no object is volatile. */
uint64_t vm_purgable_reclaim(bool *none);
/* Empty volatile objects, in their order, until one gave frames back: how many; 0: there are none. For vm_page_wait(). */
uint64_t vm_purgable_shrink(void);
/* The last reference on o is gone, and o not locked: it is not on the list any more. For vm_object_deallocate(). */
void vm_purgable_forget(struct vm_object *o);

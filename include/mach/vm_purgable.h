/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach/vm_purgable.h - memory that may be emptied when frames are short: mach_vm_allocate() with VM_FLAGS_PURGABLE, then
 * mach_vm_purgable_control(). Values: XNU's.
 */
#pragma once

typedef int vm_purgable_t;

#define VM_PURGABLE_SET_STATE ((vm_purgable_t)0) /* inout state: the new one; the old one comes back */
#define VM_PURGABLE_GET_STATE ((vm_purgable_t)1)
#define VM_PURGABLE_PURGE_ALL ((vm_purgable_t)2) /* all that is volatile on the node */

#define VM_PURGABLE_STATE_MIN 0
#define VM_PURGABLE_STATE_MAX 3
#define VM_PURGABLE_STATE_MASK 3
#define VM_PURGABLE_NONVOLATILE 0 /* its bytes stay */
#define VM_PURGABLE_VOLATILE 1    /* they may go */
#define VM_PURGABLE_EMPTY 2       /* they went, or go now: it reads as zeros */
#define VM_PURGABLE_DENY 3        /* not offered here */

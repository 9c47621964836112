/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/vm_sync.h - what mach_vm_msync does. Values: OSF Mach, XNU. */
#pragma once

typedef unsigned vm_sync_t;

#define VM_SYNC_ASYNCHRONOUS ((vm_sync_t)0x01) /* begin to write; do not wait for the pager */
#define VM_SYNC_SYNCHRONOUS ((vm_sync_t)0x02)  /* wait until the pager has all of it where it lasts */
#define VM_SYNC_INVALIDATE ((vm_sync_t)0x04)   /* drop the pages here; alone: without writing, but what is precious */
#define VM_SYNC_KILLPAGES ((vm_sync_t)0x08)    /* drop them without writing */
#define VM_SYNC_DEACTIVATE ((vm_sync_t)0x10)   /* they may be paged out first */
#define VM_SYNC_CONTIGUOUS ((vm_sync_t)0x20)   /* KERN_INVALID_ADDRESS if the range has a hole */
#define VM_SYNC_REUSABLEPAGES ((vm_sync_t)0x40) /* their bytes are not needed any more */
#define VM_SYNC_ALL ((vm_sync_t)0x7f)

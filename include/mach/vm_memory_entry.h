/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/vm_memory_entry.h - what mach_make_memory_entry_64() makes, in its argument permission. Values: XNU's. */
#pragma once

#define MAP_MEM_ONLY 0x010000         /* change the caching of an entry: not on this machine */
#define MAP_MEM_NAMED_CREATE 0x020000 /* new zero-filled memory, in no map */
#define MAP_MEM_PURGABLE 0x040000     /* with it: purgable */
#define MAP_MEM_NAMED_REUSE 0x080000  /* the parent itself, if it is the same memory */
#define MAP_MEM_VM_COPY 0x200000      /* a copy of the range */
#define MAP_MEM_VM_SHARE 0x400000     /* the range, shared: what is made without flags too */

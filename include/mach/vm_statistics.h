/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/vm_statistics.h - flags of vm_allocate, vm_map and vm_remap. Values: XNU's. */
#pragma once

#define VM_FLAGS_FIXED 0x0000     /* at the address given, which must be free */
#define VM_FLAGS_ANYWHERE 0x0001  /* at or after the address given, or elsewhere */
#define VM_FLAGS_OVERWRITE 0x4000 /* with FIXED: what is there goes */
#define VM_FLAGS_USER_ALLOCATE (VM_FLAGS_FIXED | VM_FLAGS_ANYWHERE | VM_FLAGS_OVERWRITE)

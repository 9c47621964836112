/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/vm_prot.h - memory protection. */
#pragma once

typedef int vm_prot_t;

#define VM_PROT_NONE ((vm_prot_t)0x00)
#define VM_PROT_READ ((vm_prot_t)0x01)
#define VM_PROT_WRITE ((vm_prot_t)0x02)
#define VM_PROT_EXECUTE ((vm_prot_t)0x04)
#define VM_PROT_DEFAULT (VM_PROT_READ | VM_PROT_WRITE)
#define VM_PROT_ALL (VM_PROT_READ | VM_PROT_WRITE | VM_PROT_EXECUTE)
#define VM_PROT_NO_CHANGE ((vm_prot_t)0x08) /* memory_object_lock_request: leave the lock as it is */

/* With mach_vm_protect(): the range becomes a private copy, which may be written although the maximum forbids it. */
#define VM_PROT_COPY ((vm_prot_t)0x10)

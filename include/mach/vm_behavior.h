/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/vm_behavior.h - how a region will be used, for mach_vm_behavior_set(). Values: XNU's. */
#pragma once

typedef int vm_behavior_t;

/* How it is read: says what is read ahead. Stays with the region. */
#define VM_BEHAVIOR_DEFAULT ((vm_behavior_t)0)
#define VM_BEHAVIOR_RANDOM ((vm_behavior_t)1)     /* nothing ahead */
#define VM_BEHAVIOR_SEQUENTIAL ((vm_behavior_t)2) /* upwards */
#define VM_BEHAVIOR_RSEQNTL ((vm_behavior_t)3)    /* downwards */

/* Done at once. */
#define VM_BEHAVIOR_WILLNEED ((vm_behavior_t)4)  /* ask the pager for it now, and do not wait */
#define VM_BEHAVIOR_DONTNEED ((vm_behavior_t)5)  /* page it out first */
#define VM_BEHAVIOR_FREE ((vm_behavior_t)6)      /* its bytes are not needed any more */
#define VM_BEHAVIOR_ZERO_WIRED_PAGES ((vm_behavior_t)7)
#define VM_BEHAVIOR_REUSABLE ((vm_behavior_t)8)  /* nor are these, and the region will be used again */
#define VM_BEHAVIOR_REUSE ((vm_behavior_t)9)     /* now it is used again */
#define VM_BEHAVIOR_CAN_REUSE ((vm_behavior_t)10) /* could it be REUSABLE? */
#define VM_BEHAVIOR_PAGEOUT ((vm_behavior_t)11)
#define VM_BEHAVIOR_ZERO ((vm_behavior_t)12)     /* its bytes are zero from now on */

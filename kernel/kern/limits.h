/* SPDX-License-Identifier: BSD-2-Clause */
/* limits.h - the kernel's named limits. */
#pragma once

#define MAX_CPUS 16
#define KERNEL_STACK_BYTES (16 * 1024)
#define TASK_NAME_MAX 32
#define RESERVED_PAGES 512 /* the last free frames are the kernel's: no user memory is made of them */
#define PAGE_IN_PAGES 256 /* of them, what pagers supply may take all but these: it can go again, so it always finds room in the end */
#define PRIVILEGED_PAGES 192 /* of them, the last are for threads that free memory (thread.vm_privilege) */
#define MIN_MEMORY_BYTES (24UL << 20) /* less than this stops the boot with a sentence */

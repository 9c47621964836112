/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach/syscall_emulation.h - handlers of a task's own for its system calls (task_set_emulation_vector()). Names and errors: Mach 3's.
 *
 * A system call whose number has a handler enters it as if SYSCALL had jumped there: rax is the number, rcx where to go back to, r11 the
 * flags, all other registers the caller's. It ends with the result in rax and `jmp *%rcx`, and leaves alone what the system call would
 * have: all but rax, rcx and r11, and the 128 bytes below the stack pointer.
 * Numbers: those of the Linux personality (rax), whether it has them or not, and of Mach traps (negative) those that the kernel has not.
 */
#pragma once

#include <mach/kern_return.h>
#include <mach/vm_types.h>

#define EML_MIN_SYSCALL (-1024)
#define EML_MAX_SYSCALL 1023
#define EML_ROUTINE_NULL ((vm_offset_t)0) /* no handler */

#define EML_SUCCESS 0
#define EML_MOD (2 << 14)
#define EML_BAD_TASK (EML_MOD | 0x0001)
#define EML_BAD_CNT (EML_MOD | 0x0002) /* a number beyond the two above */

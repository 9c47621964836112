/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap.h - the user's register frame, and what the trap code calls.
 *
 * arch/x86_64/trap.c (entry, faults, interrupts) calls these, which portable code defines:
 *   mach_trap()      rax < 0 (kern/trap_table.c)
 *   linux_syscall()  rax >= 0 (personality/linux.c)
 *   vm_fault()       page faults (vm/vm_fault.h)
 *   exception()      a user's fault (kern/exception.c)
 *   ast_taken()      before every return to user mode with an AST set (sched/)
 */
#pragma once

#include <stdint.h>

struct trap_frame {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/*
 * A Mach trap: number = -rax; arguments rdi rsi rdx r10 r8 r9, the seventh in rbx, the eighth in
 * r12. Sets frame->rax. Entered with interrupts off.
 */
void mach_trap(struct trap_frame *frame);
/* A Linux x86-64 system call; sets frame->rax (or negative errno). Entered with interrupts off. */
void linux_syscall(struct trap_frame *frame);
/* Look at current_thread()->ast: preempt, stop, terminate. Interrupts on or off alike. */
void ast_taken(struct trap_frame *frame);
/*
 * The current thread's user code did something wrong. type: EXC_* of <mach/exception_types.h>.
 * Returns to retry the instruction, or ends the thread or task and does not return.
 */
void exception(int type, int64_t code, int64_t subcode);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap_entry.S - every way into the kernel, and the ways back.
 *
 * All entries build a struct trap_frame (<machine/trap.h>) and call C with its address:
 *   syscall_dispatch()  SYSCALL; returns true if SYSRET may be used
 *   trap_dispatch()     exceptions and interrupts
 *   trap_paranoid()     the IST vectors, when they interrupt the kernel
 * Invariants: E1 the user's GS base is in KERNEL_GS_BASE while the kernel runs; E2 AC (SMAP) and DF are clear in C code; E3 a
 *   return to user mode runs with interrupts off from the last look at the thread's ASTs.
 */
#include "patch.h"

#define CPU_KERNEL_STACK_TOP 16
#define CPU_USER_RSP 24
#define FRAME_RCX 88
#define FRAME_RIP 136
#define FRAME_CS 144
#define FRAME_RFLAGS 152
#define FRAME_RSP 160
#define FRAME_VECTOR 120
#define VECTOR_SYSCALL 256
#define SELECTOR_USER_DATA 0x1b
#define SELECTOR_USER_CODE 0x23

	.macro push_registers
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	.endm

	.macro pop_registers
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	.endm

	.section .text.first, "ax"

	/* SYSCALL: interrupts off, AC, DF, TF and NT cleared by SFMASK; the stack is still the user's. */
	.global syscall_entry
	.type syscall_entry, @function
	.balign 64
syscall_entry:
	swapgs
	movq %rsp, %gs:CPU_USER_RSP
	movq %gs:CPU_KERNEL_STACK_TOP, %rsp
	pushq $SELECTOR_USER_DATA
	pushq %gs:CPU_USER_RSP
	pushq %r11
	pushq $SELECTOR_USER_CODE
	pushq %rcx
	pushq $0
	pushq $VECTOR_SYSCALL
	push_registers
	xorl %ebp, %ebp
	movq %rsp, %rdi
	call syscall_dispatch
1:	testb %al, %al
	jz trap_return_user
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	movq 40(%rsp), %rsp
	swapgs
	sysretq
	.size syscall_entry, . - syscall_entry

	/* void syscall_return(frame, bool sysret): the same way back, from anywhere on the stack below the frame. */
	.global syscall_return
	.type syscall_return, @function
syscall_return:
	movq %rdi, %rsp
	movl %esi, %eax
	jmp 1b
	.size syscall_return, . - syscall_return

	.section .text.hot, "ax"
	/* Exceptions and interrupts: vector and error code are on the stack. */
	.type trap_common, @function
	.balign 16
trap_common:
	testb $3, 24(%rsp)
	jz 1f
	swapgs
1:	push_registers
	cld
	PATCHED_CLAC
	xorl %ebp, %ebp
	testb $3, FRAME_CS(%rsp)
	jnz 2f
	movq 32(%rsp), %rbp /* the kernel was interrupted: its frame chain goes on */
2:	movq %rsp, %rdi
	call trap_dispatch
	testb $3, FRAME_CS(%rsp)
	jnz trap_return_user
	jmp trap_return_kernel
	.size trap_common, . - trap_common
	/* falls through */

	/* %rsp at the user's frame, interrupts off, ASTs looked at. */
	.global trap_return_user
	.type trap_return_user, @function
trap_return_user:
	pop_registers
	addq $16, %rsp
	swapgs
	iretq
	.size trap_return_user, . - trap_return_user

	/* trap_return(frame): to user mode through a frame at the top of the current kernel stack. */
	.global trap_return
	.type trap_return, @function
trap_return:
	movq %rdi, %rsp
	jmp trap_return_user
	.size trap_return, . - trap_return

	.type trap_return_kernel, @function
trap_return_kernel:
	pop_registers
	addq $16, %rsp
	iretq
	.size trap_return_kernel, . - trap_return_kernel

	/*
	 * The IST vectors. From user mode: go on as any trap, on the thread's kernel stack. From the
	 * kernel: %gs may still be the user's, whatever its value; the CPU is found by this stack.
	 */
	.text
	.type trap_ist, @function
	.balign 16
trap_ist:
	testb $3, 24(%rsp)
	jz trap_ist_kernel
	swapgs
	cmpq $1, (%rsp)
	jne trap_ist_stay
	/* Debug traps from user mode may sleep: move to the thread's stack. */
	pushq %rax
	movq %rsp, %rax
	movq %gs:CPU_KERNEL_STACK_TOP, %rsp
	pushq 56(%rax) /* ss */
	pushq 48(%rax)
	pushq 40(%rax)
	pushq 32(%rax)
	pushq 24(%rax) /* rip */
	pushq 16(%rax) /* error */
	pushq 8(%rax)  /* vector */
	movq (%rax), %rax
	push_registers
	cld
	PATCHED_CLAC
	xorl %ebp, %ebp
	movq %rsp, %rdi
	call trap_dispatch
	jmp trap_return_user

trap_ist_stay:
	push_registers
	cld
	PATCHED_CLAC
	xorl %ebp, %ebp
	movq %rsp, %rdi
	call trap_paranoid
	jmp trap_return_user

trap_ist_kernel:
	push_registers
	cld
	PATCHED_CLAC
	movq 32(%rsp), %rbp
	movl $0xc0000101, %ecx /* GS base */
	rdmsr
	shlq $32, %rdx
	orq %rax, %rdx
	movq %rdx, %rbx
	/* The IST stack is 8 KiB, aligned; its last word is the struct cpu. */
	movq %rsp, %rax
	orq $8191, %rax
	movq -7(%rax), %rax
	movq %rax, %rdx
	shrq $32, %rdx
	wrmsr
	movq %rsp, %rdi
	call trap_paranoid
	movq %rbx, %rdx
	movl %ebx, %eax
	shrq $32, %rdx
	movl $0xc0000101, %ecx
	wrmsr
	jmp trap_return_kernel
	.size trap_ist, . - trap_ist

	/* One stub a vector: vectors 8, 10-14, 17, 21, 29, 30 push an error code themselves. */
	.macro stub vector
	.if \vector == 14 /* page faults: beside what they lead to */
	.section .text.hot, "ax"
	.else
	.text
	.endif
	.balign 16
trap_stub_\vector:
	.if (\vector == 8) || ((\vector >= 10) && (\vector <= 14)) || (\vector == 17) || (\vector == 21) || (\vector == 29) || (\vector == 30)
	.else
	pushq $0
	.endif
	pushq $\vector
	.if (\vector == 1) || (\vector == 2) || (\vector == 8) || (\vector == 18)
	jmp trap_ist
	.else
	jmp trap_common
	.endif
	.pushsection .rodata.trap_stubs, "a"
	.quad trap_stub_\vector
	.popsection
	.endm

	.section .rodata.trap_stubs, "a"
	.balign 8
	.global trap_stubs
trap_stubs:
	.text
	.altmacro
	.set vector_number, 0
	.rept 256
	stub %vector_number
	.set vector_number, vector_number + 1
	.endr
	.noaltmacro
	.section .note.GNU-stack, "", @progbits

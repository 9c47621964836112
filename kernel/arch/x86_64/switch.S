/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * switch.S - from one kernel stack to another.
 *
 * void switch_stacks(uint64_t *save_rsp, uint64_t load_rsp, uint64_t cr3, uint64_t *left, uint64_t keep);
 * Callee-saved registers are on the stack that is left; the rest is the caller's. cr3 (0: stays) is loaded when the
 * new stack is in use, so that the old one is not touched in the new address space; then *left &= keep (left NULL: not).
 */
	.section .text.hot, "ax"
	.global switch_stacks
	.type switch_stacks, @function
	.balign 16
switch_stacks:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	testq %rdx, %rdx
	jz 1f
	movq %rdx, %cr3
	testq %rcx, %rcx
	jz 1f
	lock andq %r8, (%rcx)
1:
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	.size switch_stacks, . - switch_stacks

	/* Where the first switch to a thread returns: r12 entry, r13 argument (struct first_switch). */
	.global thread_trampoline
	.type thread_trampoline, @function
thread_trampoline:
	xorl %ebp, %ebp /* ends backtraces */
	movq %r13, %rdi
	pushq $0
	call *%r12
	ud2
	.size thread_trampoline, . - thread_trampoline
	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * switch.S - from one kernel stack to another.
 *
 * void switch_stacks(uint64_t *save_rsp, uint64_t load_rsp, uint64_t cr3, uint64_t *left, uint64_t keep);
 * Callee-saved registers are on the stack that is left; the rest is the caller's. cr3 (0: stays) is loaded when the
 * new stack is in use, so that the old one is not touched in the new address space; then *left &= keep (left NULL: not).
 */
	.section .text.first, "ax"
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

	/*
	 * void switch_leaving(uint64_t load_rsp, uint64_t cr3, _Atomic uint64_t *left, uint64_t keep);
	 * As switch_stacks(), from a thread that keeps nothing (machine_switch_leaving()).
	 */
	.global switch_leaving
	.type switch_leaving, @function
	.balign 16
switch_leaving:
	movq %rdi, %rsp
	testq %rsi, %rsi
	jz 1b
	movq %rsi, %cr3
	testq %rdx, %rdx
	jz 1b
	lock andq %rcx, (%rdx)
	jmp 1b
	.size switch_leaving, . - switch_leaving

	/*
	 * void switch_to_empty(uint64_t load_rsp, uint64_t cr3, _Atomic uint64_t *left, uint64_t keep);
	 * The same, to a thread that keeps nothing either. load_rsp: its stack, empty but for the user's frame.
	 */
	.global switch_to_empty
	.type switch_to_empty, @function
	.balign 16
switch_to_empty:
	movq %rdi, %rsp
	xorl %ebp, %ebp /* ends backtraces */
	testq %rsi, %rsi
	jz 1f
	movq %rsi, %cr3
	testq %rdx, %rdx
	jz 1f
	lock andq %rcx, (%rdx)
1:	jmp thread_continue
	.size switch_to_empty, . - switch_to_empty

	/* Where any other switch to such a thread returns: r12 its empty stack (machine_thread.empty). */
	.global empty_trampoline
	.type empty_trampoline, @function
empty_trampoline:
	movq %r12, %rsp
	xorl %ebp, %ebp
	jmp thread_continue
	.size empty_trampoline, . - empty_trampoline

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

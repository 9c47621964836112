/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * traps.S - the kernel's traps as C functions (mach/mach_traps.h): rax = -number; arguments in rdi, rsi, rdx,
 * r10, r8, r9, the seventh in rbx, the eighth in r12, the ninth in r13. The kernel changes rax, rcx and r11 only.
 */

	.macro TRAP name, number
	.globl	\name
	.type	\name, @function
	.p2align 4
\name:
	movq	%rcx, %r10
	movq	$-\number, %rax
	syscall
	ret
	.size	\name, . - \name
	.endm

	.text
	TRAP	_kernelrpc_mach_vm_allocate_trap, 10
	TRAP	_kernelrpc_mach_vm_deallocate_trap, 12
	TRAP	_kernelrpc_mach_vm_protect_trap, 14
	TRAP	_kernelrpc_mach_port_allocate_trap, 16
	TRAP	_kernelrpc_mach_port_destroy_trap, 17
	TRAP	_kernelrpc_mach_port_deallocate_trap, 18
	TRAP	_kernelrpc_mach_port_mod_refs_trap, 19
	TRAP	_kernelrpc_mach_port_move_member_trap, 20
	TRAP	_kernelrpc_mach_port_insert_right_trap, 21
	TRAP	_kernelrpc_mach_port_insert_member_trap, 22
	TRAP	_kernelrpc_mach_port_extract_member_trap, 23
	TRAP	_kernelrpc_mach_port_construct_trap, 24
	TRAP	_kernelrpc_mach_port_destruct_trap, 25
	TRAP	mach_reply_port, 26
	TRAP	thread_self_trap, 27
	TRAP	task_self_trap, 28
	TRAP	host_self_trap, 29
	TRAP	semaphore_signal_trap, 33
	TRAP	semaphore_signal_all_trap, 34
	TRAP	semaphore_signal_thread_trap, 35
	TRAP	semaphore_wait_trap, 36
	TRAP	semaphore_wait_signal_trap, 37
	TRAP	semaphore_timedwait_trap, 38
	TRAP	semaphore_timedwait_signal_trap, 39
	TRAP	_kernelrpc_mach_port_get_attributes_trap, 40
	TRAP	_kernelrpc_mach_port_guard_trap, 41
	TRAP	_kernelrpc_mach_port_unguard_trap, 42
	TRAP	swtch_pri, 59
	TRAP	swtch, 60
	TRAP	thread_switch, 61
	TRAP	_kernelrpc_mach_port_type_trap, 76
	TRAP	_kernelrpc_mach_port_request_notification_trap, 77
	TRAP	mach_port_descriptor, 98
	TRAP	clock_sleep_trap, 62
	TRAP	mach_timebase_info, 89
	TRAP	mach_wait_until, 90
	TRAP	mk_timer_create, 91
	TRAP	mk_timer_destroy, 92
	TRAP	mk_timer_arm, 93
	TRAP	mk_timer_cancel, 94

	/*
	 * mach_msg_trap, and mach_msg_go_on if there is something to do after it: the trap has left the arguments as they were. A short message
	 * that is sent and answered goes in registers (mach/mach_traps.h), both ways if the answer is as short.
	 */
	.section .text.hot.mach_msg, "ax"
	.globl	mach_msg
	.type	mach_msg, @function
	.p2align 6
mach_msg:
	.cfi_startproc
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	movl	16(%rsp), %ebx
	movq	%rcx, %r10
	leal	-24(%rdx), %eax
	cmpl	$8, %eax
	ja	2f
	movl	%esi, %eax
	notl	%eax
	testb	$3, %al
	jnz	2f
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	/* What is behind the header, in the low bytes of r12: nothing behind the message is read. */
	movl	%edx, %eax
	leal	0(,%rdx,8), %ecx
	negl	%ecx
	movq	-8(%rdi,%rax), %r12
	shrq	%cl, %r12
	movq	(%rdi), %r15
	movq	8(%rdi), %r14
	movq	16(%rdi), %r13
	movq	$-30, %rax
	syscall
	movq	%rax, %rcx
	sarq	$32, %rcx
	jle	1f /* less: there is no such trap, on Linux */
	movq	%r15, (%rdi)
	movq	%r14, 8(%rdi)
	movq	%r13, 16(%rdi)
	movq	%r12, 24(%rdi)
	movl	$0, -8(%rdi,%rcx) /* MACH_MSG_TRAILER_FORMAT_0 */
	movl	$8, -4(%rdi,%rcx)
1:	popq	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r15
	popq	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r14
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	testl	%eax, %eax
	jnz	3f
	popq	%rbx
	.cfi_remember_state
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	ret
2:	.cfi_restore_state
	movq	$-31, %rax
	syscall
	testl	%eax, %eax
	jnz	3f
	popq	%rbx
	.cfi_remember_state
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	ret
3:	.cfi_restore_state
	pushq	%rax
	.cfi_adjust_cfa_offset 8
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	movq	%r10, %rcx
	call	mach_msg_go_on
	addq	$16, %rsp
	.cfi_adjust_cfa_offset -16
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	ret
	.cfi_endproc
	.size	mach_msg, . - mach_msg

	.section .text.hot.mach_msg_trap, "ax"
	.globl	mach_msg_trap
	.type	mach_msg_trap, @function
	.p2align 4
mach_msg_trap:
	.cfi_startproc
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	movl	16(%rsp), %ebx
	movq	%rcx, %r10
	movq	$-31, %rax
	syscall
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	ret
	.cfi_endproc
	.size	mach_msg_trap, . - mach_msg_trap
	.text

	.globl	mach_msg_overwrite_trap
	.type	mach_msg_overwrite_trap, @function
	.p2align 4
mach_msg_overwrite_trap:
	.cfi_startproc
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	movl	32(%rsp), %ebx
	movq	40(%rsp), %r12
	movl	48(%rsp), %r13d
	movq	%rcx, %r10
	movq	$-32, %rax
	syscall
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	ret
	.cfi_endproc
	.size	mach_msg_overwrite_trap, . - mach_msg_overwrite_trap

	.section .note.GNU-stack, "", @progbits

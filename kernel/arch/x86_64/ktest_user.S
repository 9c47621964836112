/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ktest_user.S - what user code may try: small position-independent programs for ktest_user.c.
 *
 * Each starts at its page's start with a stack page in %rsp, which is also writable data; %rdi is the test's argument. Each
 * ends by exit_group(status), or by the fault that it provokes.
 */
#define SYS_SCHED_YIELD 24
#define SYS_GETPID 39
#define SYS_UNAME 63
#define SYS_ARCH_PRCTL 158
#define SYS_EXIT_GROUP 231
#define ARCH_SET_FS 0x1002

	/* The table: address, length, wait status that is right (another: << 16), a sentence. */
	.macro program name, status, sentence
	.section .rodata.user_programs, "a"
	.quad user_\name, user_\name\()_end - user_\name
	.quad \status
	.quad 881f
	.pushsection .rodata.user_sentences, "a"
881:	.asciz "\sentence"
	.popsection
	.pushsection .rodata.user_code, "a"
	.balign 16
user_\name:
	.endm
	.macro end_program name
user_\name\()_end:
	.popsection
	.endm
	.macro exit status
	movl $\status, %edi
	movl $SYS_EXIT_GROUP, %eax
	syscall
	.endm
	/* One instruction that must fault, then an exit that says that it did not. */
	.macro faulting name, status, sentence, instruction:vararg
	program \name, \status, "\sentence"
	\instruction
	exit 99
	end_program \name
	.endm

	.section .rodata.user_programs, "a"
	.balign 8
	.global user_programs, user_programs_end
user_programs:

	program exit, 7 << 8, "ARCH0100 a task runs and exits"
	exit 7
	end_program exit

	faulting read_kernel, 11, "ARCH0101 reading kernel text", movq 0xffffffff80109000, %rax
	faulting write_kernel, 11, "ARCH0102 writing kernel text", movq %rax, 0xffffffff80109000
	program read_direct_map, 11, "ARCH0103 reading the map of all memory"
	movabsq 0xffff800000100000, %rax
	exit 99
	end_program read_direct_map
	faulting null, 11, "ARCH0104 a null pointer", movq 0, %rax
	program noncanonical, 11, "ARCH0105 a non-canonical address"
	movabsq 0x1234567800000000, %rax
	exit 99
	end_program noncanonical
	program jump_noncanonical, 11, "ARCH0106 a jump to a non-canonical address"
	movabsq $0x0000800000000000, %rax
	jmp *%rax
	end_program jump_noncanonical
	program return_noncanonical, 11, "ARCH0107 a return to a non-canonical address"
	movabsq $0x8000000000000000, %rax
	pushq %rax
	ret
	end_program return_noncanonical
	program jump_kernel, 11, "ARCH0108 a jump into the kernel"
	movq $0xffffffff80109000, %rax
	jmp *%rax
	end_program jump_kernel
	program execute_stack, 11, "ARCH0109 executing writable memory"
	movb $0xc3, -64(%rsp)
	leaq -64(%rsp), %rax
	call *%rax
	exit 99
	end_program execute_stack
	program write_text, 11, "ARCH0110 writing its own text"
	movb $0, user_write_text(%rip)
	exit 99
	end_program write_text
	program stack_noncanonical, 11, "ARCH0111 a push on a non-canonical stack"
	movabsq $0x0000900000000000, %rsp
	pushq %rax
	exit 99
	end_program stack_noncanonical

	faulting undefined, 4, "ARCH0112 an undefined instruction", ud2
	program divide, 8, "ARCH0113 a division by zero"
	xorl %ecx, %ecx
	xorl %edx, %edx
	divl %ecx
	exit 99
	end_program divide
	faulting breakpoint, 5, "ARCH0114 a breakpoint", int3
	program single_step, 5, "ARCH0115 a single step"
	pushfq
	orq $0x100, (%rsp)
	popfq
	nop
	exit 99
	end_program single_step
	program step_over_syscall, 5, "ARCH0116 a stack change and a step into a system call"
	movl %ss, %ebx
	pushfq
	orq $0x100, (%rsp)
	movl $SYS_GETPID, %eax
	popfq
	movl %ebx, %ss
	syscall
	nop
	exit 99
	end_program step_over_syscall

	faulting halt, 11, "ARCH0120 hlt", hlt
	faulting disable, 11, "ARCH0121 cli", cli
	faulting port_in, 11, "ARCH0122 in", inb $0x64, %al
	faulting port_out, 11, "ARCH0123 out to the debug exit port", outb %al, $0xf4
	faulting read_msr, 11, "ARCH0124 rdmsr", rdmsr
	faulting write_msr, 11, "ARCH0125 wrmsr", wrmsr
	faulting read_cr3, 11, "ARCH0126 reading cr3", movq %cr3, %rax
	faulting write_cr0, 11, "ARCH0127 writing cr0", movq %rax, %cr0
	faulting task_switch, 11, "ARCH0128 clts", clts
	faulting swap_gs, 11, "ARCH0129 swapgs", swapgs
	faulting system_return, 11, "ARCH0130 sysret", sysretq
	faulting load_idt, 11, "ARCH0131 lidt", lidt (%rsp)
	faulting invalidate, 11, "ARCH0132 invlpg", invlpg (%rsp)
	faulting old_gate, 11, "ARCH0133 int 0x80", int $0x80
	faulting int_double_fault, 11, "ARCH0134 int 8", int $8
	faulting int_page_fault, 11, "ARCH0135 int 14", int $14
	faulting int_timer, 11, "ARCH0136 int of the timer's vector", int $0xe0
	faulting write_debug_register, 11, "ARCH0137 writing a debug register", movq %rax, %dr0
	faulting system_enter, 11 | 4 << 16, "ARCH0138 sysenter", sysenter
	program bad_selector, 11, "ARCH0139 loading the TSS selector"
	movl $0x28, %eax
	movl %eax, %ds
	exit 99
	end_program bad_selector
	program bad_iret, 11, "ARCH0140 iret to kernel selectors"
	movq %rsp, %rax
	pushq $0x10
	pushq %rax
	pushfq
	pushq $0x08
	leaq 1f(%rip), %rbx
	pushq %rbx
	iretq
1:	exit 99
	end_program bad_iret

	program kernel_rsp, 5 << 8, "ARCH0150 a system call with %rsp in the kernel works as any"
	movq %rsp, %rbx
	movq $0xffffffff80109000, %rsp
	movl $SYS_GETPID, %eax
	syscall
	movq $-1, %rsp
	movl $SYS_GETPID, %eax
	syscall
	movq %rbx, %rsp
	exit 5
	end_program kernel_rsp

	program strange_flags, 6 << 8, "ARCH0151 a system call with DF, AC, NT and ID set keeps them"
	pushq $0x244402
	popfq
	movl $SYS_GETPID, %eax
	syscall
	pushfq
	popq %rbx
	andl $0x244400, %ebx
	pushq $2
	popfq
	cmpl $0x244400, %ebx
	jne 1f
	exit 6
1:	exit 98
	end_program strange_flags

	program registers, 8 << 8, "ARCH0152 a system call keeps all registers but rax, rcx, r11"
	movq $0x1111111111, %rbx
	movq $0x2222222222, %rdx
	movq $0x3333333333, %rsi
	movq $0x4444444444, %rdi
	movq $0x5555555555, %rbp
	movq $0x6666666666, %r8
	movq $0x7777777777, %r12
	movl $SYS_GETPID, %eax
	syscall
	movabsq $0x1111111111, %rcx
	cmpq %rcx, %rbx
	jne 1f
	movabsq $0x2222222222, %rcx
	cmpq %rcx, %rdx
	jne 1f
	movabsq $0x3333333333, %rcx
	cmpq %rcx, %rsi
	jne 1f
	movabsq $0x4444444444, %rcx
	cmpq %rcx, %rdi
	jne 1f
	movabsq $0x5555555555, %rcx
	cmpq %rcx, %rbp
	jne 1f
	movabsq $0x6666666666, %rcx
	cmpq %rcx, %r8
	jne 1f
	movabsq $0x7777777777, %rcx
	cmpq %rcx, %r12
	jne 1f
	exit 8
1:	exit 98
	end_program registers

	/* uname writes 390 bytes: to good memory, across its end, to the kernel, around the end of addresses. */
	program bad_pointers, 9 << 8, "ARCH0153 system calls with bad pointers answer EFAULT"
	leaq -1024(%rsp), %rdi
	movl $SYS_UNAME, %eax
	syscall
	testq %rax, %rax
	jnz 1f
	leaq -64(%rsp), %rdi
	movl $SYS_UNAME, %eax
	syscall
	cmpq $-14, %rax
	jne 1f
	movq $0xffffffff80109000, %rdi
	movl $SYS_UNAME, %eax
	syscall
	cmpq $-14, %rax
	jne 1f
	movq $-16, %rdi
	movl $SYS_UNAME, %eax
	syscall
	cmpq $-14, %rax
	jne 1f
	movabsq $0x0000800000000000, %rdi
	movl $SYS_UNAME, %eax
	syscall
	cmpq $-14, %rax
	jne 1f
	xorl %edi, %edi
	movl $SYS_UNAME, %eax
	syscall
	cmpq $-14, %rax
	jne 1f
	exit 9
1:	exit 98
	end_program bad_pointers

	/* Several of these at once, each with its own pattern (%rdi): nobody sees another's. */
	.section .rodata.user_code, "a"
	.global user_patterns, user_patterns_end
	.balign 16
user_patterns:
	movq %rdi, %r15
	movq %r15, %rsi
	shlq $16, %rsi
	movl $ARCH_SET_FS, %edi
	leaq -512(%rsp), %rsi
	movq %r15, (%rsi)
	movl $SYS_ARCH_PRCTL, %eax
	syscall
	movq %r15, %xmm0
	movq %r15, %xmm7
	movq %r15, %xmm15
	movl $2000, %r14d
1:	movl $SYS_SCHED_YIELD, %eax
	syscall
	movq %xmm0, %rax
	cmpq %rax, %r15
	jne 2f
	movq %xmm7, %rax
	cmpq %rax, %r15
	jne 2f
	movq %xmm15, %rax
	cmpq %rax, %r15
	jne 2f
	cmpq %fs:0, %r15
	jne 3f
	decl %r14d
	jnz 1b
	exit 10
2:	exit 96
3:	exit 97
user_patterns_end:

	/* Spins for ever: only preemption lets others run. */
	.global user_spin, user_spin_end
user_spin:
	pause
	jmp user_spin
user_spin_end:

	.section .rodata.user_programs, "a"
user_programs_end:
	.section .note.GNU-stack, "", @progbits

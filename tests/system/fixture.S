/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture.S - the least multiboot kernel, for tests of the launcher alone: it prints its command line, then SAYS, and halts;
 * if the command line has a letter '!', it ends the machine through isa-debug-exit instead.
 */
	.code32
	.section .text
	.align 4
	.long 0x1BADB002, 0, -0x1BADB002
	.globl _start
_start:
	movl	16(%ebx), %esi
	movw	$0x3f8, %dx
1:	lodsb
	testb	%al, %al
	jz	2f
	outb	%al, %dx
	cmpb	$'!', %al
	jne	1b
	movl	$1, %eax
	outl	%eax, $0xf4
2:	movl	$says, %esi
3:	lodsb
	testb	%al, %al
	jz	4f
	outb	%al, %dx
	jmp	3b
4:	hlt
	jmp	4b
says:	.asciz	SAYS

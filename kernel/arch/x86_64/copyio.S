/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copyio.S - the instructions that touch user memory. copyio.c has checked the addresses.
 *
 * bool user_read(void *dst, uint64_t user_src, size_t bytes);
 * bool user_write(uint64_t user_dst, const void *src, size_t bytes);
 * int64_t user_read_string(char *dst, uint64_t user_src, size_t max);
 *
 * True: all was copied. Each access to user memory has an entry in the fixup table; a fault that cannot
 * be resolved ends the copy with false (-1).
 */
#include "patch.h"

	.section .text.hot, "ax"

	/* rdi dst, rsi src, rdx bytes */
	.global user_read
	.type user_read, @function
	.balign 16
user_read:
	PATCHED_STAC
1:	cmpq $32, %rdx
	jb 3f
10:	movq (%rsi), %rax
11:	movq 8(%rsi), %rcx
12:	movq 16(%rsi), %r8
13:	movq 24(%rsi), %r9
	movq %rax, (%rdi)
	movq %rcx, 8(%rdi)
	movq %r8, 16(%rdi)
	movq %r9, 24(%rdi)
	addq $32, %rsi
	addq $32, %rdi
	subq $32, %rdx
	jmp 1b
3:	cmpq $8, %rdx
	jb 4f
14:	movq (%rsi), %rax
	movq %rax, (%rdi)
	addq $8, %rsi
	addq $8, %rdi
	subq $8, %rdx
	jmp 3b
4:	testq %rdx, %rdx
	jz 5f
15:	movb (%rsi), %al
	movb %al, (%rdi)
	incq %rsi
	incq %rdi
	decq %rdx
	jmp 4b
5:	PATCHED_CLAC
	movl $1, %eax
	ret
	FIXUP(10b, user_fail)
	FIXUP(11b, user_fail)
	FIXUP(12b, user_fail)
	FIXUP(13b, user_fail)
	FIXUP(14b, user_fail)
	FIXUP(15b, user_fail)
	.size user_read, . - user_read

	.global user_write
	.type user_write, @function
	.balign 16
user_write:
	PATCHED_STAC
1:	cmpq $32, %rdx
	jb 3f
	movq (%rsi), %rax
	movq 8(%rsi), %rcx
	movq 16(%rsi), %r8
	movq 24(%rsi), %r9
10:	movq %rax, (%rdi)
11:	movq %rcx, 8(%rdi)
12:	movq %r8, 16(%rdi)
13:	movq %r9, 24(%rdi)
	addq $32, %rsi
	addq $32, %rdi
	subq $32, %rdx
	jmp 1b
3:	cmpq $8, %rdx
	jb 4f
	movq (%rsi), %rax
14:	movq %rax, (%rdi)
	addq $8, %rsi
	addq $8, %rdi
	subq $8, %rdx
	jmp 3b
4:	testq %rdx, %rdx
	jz 5f
	movb (%rsi), %al
15:	movb %al, (%rdi)
	incq %rsi
	incq %rdi
	decq %rdx
	jmp 4b
5:	PATCHED_CLAC
	movl $1, %eax
	ret
	FIXUP(10b, user_fail)
	FIXUP(11b, user_fail)
	FIXUP(12b, user_fail)
	FIXUP(13b, user_fail)
	FIXUP(14b, user_fail)
	FIXUP(15b, user_fail)
	.size user_write, . - user_write

	.type user_fail, @function
user_fail:
	PATCHED_CLAC
	xorl %eax, %eax
	ret
	.size user_fail, . - user_fail

	/* rdi dst, rsi src, rdx max: bytes before the NUL; max: no NUL in max bytes; -1: fault */
	.global user_read_string
	.type user_read_string, @function
user_read_string:
	PATCHED_STAC
	xorl %eax, %eax
1:	cmpq %rdx, %rax
	je 2f
10:	movb (%rsi,%rax), %cl
	movb %cl, (%rdi,%rax)
	testb %cl, %cl
	jz 2f
	incq %rax
	jmp 1b
2:	PATCHED_CLAC
	ret
3:	PATCHED_CLAC
	movq $-1, %rax
	ret
	FIXUP(10b, 3b)
	.size user_read_string, . - user_read_string
	.section .note.GNU-stack, "", @progbits

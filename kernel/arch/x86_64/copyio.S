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

	/* Beside mach_msg_fast(), which reads, and thread_continue(), which writes (hot_text.ld). */
	.section .text.second, "ax"

	/*
	 * Small copies (8 to 32 bytes, in two overlapping halves where it is not 8, 16 or 32) pass through registers, so
	 * that kernel memory is not touched with AC set: an emulator keeps such accesses apart in its
	 * translation cache. Larger ones run with AC set throughout.
	 */

	/* rdi dst, rsi src, rdx bytes */
	.global user_read
	.type user_read, @function
	.balign 16
user_read:
	cmpq $32, %rdx
	ja 2f
	cmpq $16, %rdx
	jb 1f
	PATCHED_STAC
10:	movq (%rsi), %rax
11:	movq 8(%rsi), %rcx
12:	movq -16(%rsi,%rdx), %r8
13:	movq -8(%rsi,%rdx), %r9
	PATCHED_CLAC
	movq %rax, (%rdi)
	movq %rcx, 8(%rdi)
	movq %r8, -16(%rdi,%rdx)
	movq %r9, -8(%rdi,%rdx)
	movl $1, %eax
	ret
1:	cmpq $8, %rdx
	jb 2f
	PATCHED_STAC
14:	movq (%rsi), %rax
15:	movq -8(%rsi,%rdx), %rcx
	PATCHED_CLAC
	movq %rax, (%rdi)
	movq %rcx, -8(%rdi,%rdx)
	movl $1, %eax
	ret
2:	PATCHED_STAC
8:	cmpq $128, %rdx
	jb 3f
	.irp at, 0, 32, 64, 96
90:	movq \at(%rsi), %rax
91:	movq \at+8(%rsi), %rcx
92:	movq \at+16(%rsi), %r8
93:	movq \at+24(%rsi), %r9
	movq %rax, \at(%rdi)
	movq %rcx, \at+8(%rdi)
	movq %r8, \at+16(%rdi)
	movq %r9, \at+24(%rdi)
	FIXUP(90b, user_fail)
	FIXUP(91b, user_fail)
	FIXUP(92b, user_fail)
	FIXUP(93b, user_fail)
	.endr
	addq $128, %rsi
	addq $128, %rdi
	addq $-128, %rdx
	jmp 8b
3:	cmpq $32, %rdx
	jb 4f
16:	movq (%rsi), %rax
17:	movq 8(%rsi), %rcx
18:	movq 16(%rsi), %r8
19:	movq 24(%rsi), %r9
	movq %rax, (%rdi)
	movq %rcx, 8(%rdi)
	movq %r8, 16(%rdi)
	movq %r9, 24(%rdi)
	addq $32, %rsi
	addq $32, %rdi
	subq $32, %rdx
	jmp 3b
4:	cmpq $8, %rdx
	jb 5f
20:	movq (%rsi), %rax
	movq %rax, (%rdi)
	addq $8, %rsi
	addq $8, %rdi
	subq $8, %rdx
	jmp 4b
5:	cmpq $4, %rdx
	jb 7f
22:	movl (%rsi), %eax
	movl %eax, (%rdi)
	addq $4, %rsi
	addq $4, %rdi
	subq $4, %rdx
7:	testq %rdx, %rdx
	jz 6f
21:	movb (%rsi), %al
	movb %al, (%rdi)
	incq %rsi
	incq %rdi
	decq %rdx
	jmp 7b
6:	PATCHED_CLAC
	movl $1, %eax
	ret
	.irp access, 10b, 11b, 12b, 13b, 14b, 15b, 16b, 17b, 18b, 19b, 20b, 21b, 22b
	FIXUP(\access, user_fail)
	.endr
	.size user_read, . - user_read

	.section .text.first, "ax"
	.global user_write
	.type user_write, @function
	.balign 16
user_write:
	cmpq $32, %rdx
	ja 2f
	cmpq $16, %rdx
	jb 1f
	movq (%rsi), %rax
	movq 8(%rsi), %rcx
	movq -16(%rsi,%rdx), %r8
	movq -8(%rsi,%rdx), %r9
	PATCHED_STAC
10:	movq %rax, (%rdi)
11:	movq %rcx, 8(%rdi)
12:	movq %r8, -16(%rdi,%rdx)
13:	movq %r9, -8(%rdi,%rdx)
	PATCHED_CLAC
	movl $1, %eax
	ret
1:	cmpq $8, %rdx
	jb 2f
	movq (%rsi), %rax
	movq -8(%rsi,%rdx), %rcx
	PATCHED_STAC
14:	movq %rax, (%rdi)
15:	movq %rcx, -8(%rdi,%rdx)
	PATCHED_CLAC
	movl $1, %eax
	ret
2:	PATCHED_STAC
3:	cmpq $32, %rdx
	jb 4f
	movq (%rsi), %rax
	movq 8(%rsi), %rcx
	movq 16(%rsi), %r8
	movq 24(%rsi), %r9
16:	movq %rax, (%rdi)
17:	movq %rcx, 8(%rdi)
18:	movq %r8, 16(%rdi)
19:	movq %r9, 24(%rdi)
	addq $32, %rsi
	addq $32, %rdi
	subq $32, %rdx
	jmp 3b
4:	cmpq $8, %rdx
	jb 5f
	movq (%rsi), %rax
20:	movq %rax, (%rdi)
	addq $8, %rsi
	addq $8, %rdi
	subq $8, %rdx
	jmp 4b
5:	cmpq $4, %rdx
	jb 7f
	movl (%rsi), %eax
22:	movl %eax, (%rdi)
	addq $4, %rsi
	addq $4, %rdi
	subq $4, %rdx
7:	testq %rdx, %rdx
	jz 6f
	movb (%rsi), %al
21:	movb %al, (%rdi)
	incq %rsi
	incq %rdi
	decq %rdx
	jmp 7b
6:	PATCHED_CLAC
	movl $1, %eax
	ret
	.irp access, 10b, 11b, 12b, 13b, 14b, 15b, 16b, 17b, 18b, 19b, 20b, 21b, 22b
	FIXUP(\access, user_fail)
	.endr
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

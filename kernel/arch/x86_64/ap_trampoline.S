/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ap_trampoline.S - where another CPU begins: real mode, at AP_TRAMPOLINE_PHYS, to ap_main() in long mode.
 *
 * smp.c copies ap_trampoline..ap_trampoline_end there and fills in the words at ap_trampoline_data. All
 * addresses below are relative to that place.
 */
#define AP_TRAMPOLINE_PHYS 0x8000
#define AT(label) (AP_TRAMPOLINE_PHYS + (label - ap_trampoline))

	.section .rodata.ap_trampoline, "a"
	.balign 16
	.global ap_trampoline, ap_trampoline_end, ap_trampoline_data
	.code16
ap_trampoline:
	cli
	cld
	xorw %ax, %ax
	movw %ax, %ds
	lgdtl AT(gdt_pointer)
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $0x18, $AT(protected_mode)

	.code32
protected_mode:
	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %ss
	movl %cr4, %eax
	orl $(1 << 5), %eax
	movl %eax, %cr4
	movl AT(data_root), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $((1 << 8) | (1 << 11)), %eax
	wrmsr
	movl %cr0, %eax
	andl $~((1 << 2) | (1 << 29) | (1 << 30)), %eax          /* EM, NW, CD off */
	orl $((1 << 31) | (1 << 16) | (1 << 5) | (1 << 1)), %eax /* PG, WP, NE, MP */
	movl %eax, %cr0
	ljmpl $0x8, $AT(long_mode)

	.code64
long_mode:
	movl $0x10, %eax
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movq AT(data_stack), %rsp
	movq AT(data_cpu), %rdi
	movq AT(data_entry), %rax
	xorl %ebp, %ebp
	pushq $0
	jmp *%rax

	.balign 8
gdt:
	.quad 0
	.quad 0x00209b0000000000 /* 64-bit code */
	.quad 0x00cf93000000ffff /* data */
	.quad 0x00cf9b000000ffff /* 32-bit code */
gdt_pointer:
	.word . - gdt - 1
	.long AT(gdt)

	.balign 8
ap_trampoline_data: /* struct trampoline_data of smp.c */
data_root:
	.quad 0
data_stack:
	.quad 0
data_cpu:
	.quad 0
data_entry:
	.quad 0
ap_trampoline_end:
	.section .note.GNU-stack, "", @progbits

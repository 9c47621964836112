/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * entry.S - from the multiboot loader (32-bit, paging off) to boot_main() in long mode.
 *
 * The temporary page tables map the first 4 GiB three times: where they are, at PHYS_MAP_BASE,
 * and (the first GiB) at KERNEL_BASE. pmap_bootstrap() replaces them.
 * Reference: Multiboot Specification 0.6.96; AMD64 APM vol. 2 14.6.
 */

#define MULTIBOOT_HEADER_MAGIC 0x1badb002
#define MULTIBOOT_LOADER_MAGIC 0x2badb002
#define MULTIBOOT_FLAGS 3 /* modules on page boundaries; memory map wanted */
#define KERNEL_BASE 0xffffffff80000000
#define COM1 0x3f8
#define BOOT_STACK_BYTES 16384

	.section .boot.header, "a"
	.balign 4
	.long MULTIBOOT_HEADER_MAGIC
	.long MULTIBOOT_FLAGS
	.long -(MULTIBOOT_HEADER_MAGIC + MULTIBOOT_FLAGS)

	.section .boot.bss, "aw", @nobits
	.balign 4096
boot_pml4:
	.skip 4096
boot_pdpt_low:
	.skip 4096
boot_pdpt_high:
	.skip 4096
boot_pd:
	.skip 4 * 4096
boot_stack32:
	.skip 1024
boot_stack32_top:

	/* The boot CPU's first kernel stack, then its idle thread's; kernel.ld puts it above what is read-only. */
	.section .data.boot_stack, "aw", @progbits
	.balign 4096
	.global boot_stack_top
	.skip BOOT_STACK_BYTES
boot_stack_top:

	.section .boot.text, "ax"
	.code32
	.global boot_entry
boot_entry:
	cli
	cld
	movl $boot_stack32_top, %esp
	movl $message_not_multiboot, %esi
	cmpl $MULTIBOOT_LOADER_MAGIC, %eax
	jne boot_stop
	movl %ebx, %ebp /* the multiboot information; kept through */

	/* No loader is trusted to have cleared .bss. */
	movl $boot_pml4, %edi
	movl $boot_stack32, %ecx
	subl %edi, %ecx
	shrl $2, %ecx
	xorl %eax, %eax
	rep stosl
	movl $(bss_start - KERNEL_BASE), %edi
	movl $(bss_end - KERNEL_BASE), %ecx
	subl %edi, %ecx
	shrl $2, %ecx
	rep stosl

	/* CPUID exists if RFLAGS.ID can be changed; long mode is CPUID 80000001h EDX bit 29. */
	movl $message_no_long_mode, %esi
	pushfl
	popl %eax
	movl %eax, %ecx
	xorl $(1 << 21), %eax
	pushl %eax
	popfl
	pushfl
	popl %eax
	pushl %ecx
	popfl
	xorl %ecx, %eax
	jz boot_stop
	movl $0x80000000, %eax
	cpuid
	cmpl $0x80000001, %eax
	jb boot_stop
	movl $0x80000001, %eax
	cpuid
	btl $29, %edx
	jnc boot_stop
	/* NX is wanted: without it no page could be kept from being executed (EDX bit 20). */
	movl $message_no_nx, %esi
	btl $20, %edx
	jnc boot_stop

	/* 2 MiB pages over the first 4 GiB. */
	movl $boot_pd, %edi
	movl $0x83, %eax /* present, writable, large */
	movl $2048, %ecx
1:	movl %eax, (%edi)
	movl $0, 4(%edi)
	addl $0x200000, %eax
	addl $8, %edi
	loop 1b
	movl $(boot_pd + 3), %eax
	movl $boot_pdpt_low, %edi
	movl $4, %ecx
2:	movl %eax, (%edi)
	addl $4096, %eax
	addl $8, %edi
	loop 2b
	movl $(boot_pd + 3), boot_pdpt_high + 510 * 8
	movl $(boot_pdpt_low + 3), boot_pml4
	movl $(boot_pdpt_low + 3), boot_pml4 + 256 * 8
	movl $(boot_pdpt_high + 3), boot_pml4 + 511 * 8

	movl $boot_pml4, %eax
	movl %eax, %cr3
	movl %cr4, %eax
	orl $(1 << 5), %eax /* PAE */
	movl %eax, %cr4
	movl $0xc0000080, %ecx /* EFER: LME, NXE */
	rdmsr
	orl $((1 << 8) | (1 << 11)), %eax
	wrmsr
	movl %cr0, %eax
	andl $~(1 << 2), %eax                            /* EM off */
	orl $((1 << 31) | (1 << 16) | (1 << 5) | (1 << 1)), %eax /* PG, WP, NE, MP */
	movl %eax, %cr0
	lgdt boot_gdt_pointer
	ljmp $8, $boot_long_mode

	/* Say %esi on COM1, end QEMU if this is QEMU, halt. */
boot_stop:
	movw $(COM1 + 3), %dx
	movb $0x80, %al
	outb %al, %dx
	movw $COM1, %dx
	movb $1, %al /* 115200 baud */
	outb %al, %dx
	incw %dx
	xorb %al, %al
	outb %al, %dx
	movw $(COM1 + 3), %dx
	movb $3, %al
	outb %al, %dx
1:	movl $100000, %ecx /* no UART: do not wait for ever */
	movw $(COM1 + 5), %dx
2:	inb %dx, %al
	testb $0x20, %al
	jnz 3f
	loop 2b
3:	lodsb
	testb %al, %al
	jz 4f
	movw $COM1, %dx
	outb %al, %dx
	jmp 1b
4:	movl $1, %eax
	movw $0xf4, %dx
	outl %eax, %dx
5:	hlt
	jmp 5b

message_not_multiboot:
	.asciz "meshach: this kernel must be loaded by a multiboot (version 1) loader, such as iPXE or qemu -kernel.\r\n"
message_no_long_mode:
	.asciz "meshach: this processor has no 64-bit (long) mode, which the kernel needs.\r\n"
message_no_nx:
	.asciz "meshach: this processor cannot forbid execution of pages (NX), which the kernel needs.\r\n"

	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00209a0000000000 /* 64-bit code */
	.quad 0x0000920000000000
boot_gdt_pointer:
	.word . - boot_gdt - 1
	.long boot_gdt

	.code64
boot_long_mode:
	movabsq $boot_high_half, %rax
	jmp *%rax

	.text
boot_high_half:
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	movq $boot_stack_top, %rsp
	movl %ebp, %edi
	xorl %ebp, %ebp /* ends every backtrace */
	pushq $0
	pushq $0
	call boot_main
	ud2
	.section .note.GNU-stack, "", @progbits

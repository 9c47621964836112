/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backtrace.c - registers and calls on the console, for panic.
 *
 * The kernel is built with frame pointers: [rbp] is the caller's rbp, [rbp + 8] the return address. A
 * frame that trap_common made is recognised by its return address; its struct trap_frame
 * follows, and the walk goes on where the trap came from.
 */
#include "instructions.h"
#include "pmap_private.h"
#include <kern/panic.h>
#include <kern/printf.h>
#include <base/string.h>
#include <kern/thread.h>
#include <machine/debug.h>
#include <machine/trap.h>

#define MAX_FRAMES 40

static void print_location(uint64_t rip)
{
	uint64_t offset;
	const char *name = symbol_of(rip, &offset);

	if (name != NULL)
		kprintf("  %016lx %s+0x%lx\n", rip, name, offset);
	else
		kprintf("  %016lx ?\n", rip);
}

static bool readable(uint64_t va, uint64_t bytes)
{
	return (va & 7) == 0 && va >= PHYS_MAP_BASE && kernel_address_mapped(va) &&
	       kernel_address_mapped(va + bytes - 1);
}

static bool made_by_trap(uint64_t rip)
{
	uint64_t offset;
	const char *name = symbol_of(rip, &offset);

	return name != NULL && (strcmp(name, "trap_common") == 0 || strcmp(name, "trap_ist") == 0 ||
				strcmp(name, "trap_ist_kernel") == 0);
}

static void walk(uint64_t rbp)
{
	for (int i = 0; i < MAX_FRAMES && readable(rbp, 16); i++) {
		const uint64_t *frame = (const uint64_t *)rbp;
		uint64_t next = frame[0];

		if (frame[1] == 0)
			break;
		print_location(frame[1] - 1);
		if (made_by_trap(frame[1] - 1) && readable(rbp + 16, sizeof(struct trap_frame))) {
			const struct trap_frame *trap = (const struct trap_frame *)(rbp + 16);

			if ((trap->cs & 3) != 0) {
				kprintf("  from user mode, rip %lx vector %lu\n", trap->rip, trap->vector);
				break;
			}
			kprintf("  trap %lu:\n", trap->vector);
			print_location(trap->rip);
			next = trap->rbp;
			/* The interrupted function's own frame may lie on another stack. */
		} else if (next <= rbp) {
			break;
		}
		rbp = next;
	}
}

void machine_backtrace(uint64_t rip, uint64_t rbp)
{
	kprintf("backtrace:\n");
	print_location(rip);
	walk(rbp);
}

void machine_backtrace_trap(const struct trap_frame *frame)
{
	uint64_t offset;

	kprintf("backtrace:\n");
	print_location(frame->rip);
	/* A jump to where no function is: who called left its address on the stack, and no frame is below it. */
	if (symbol_of(frame->rip, &offset) == NULL && readable(frame->rsp, 8))
		print_location(*(const uint64_t *)frame->rsp - 1);
	walk(frame->rbp);
}

/* switch_stacks left r15 .. rbx, rbp and its return address; who keeps no stack has none below thread_continue(). */
void machine_backtrace_thread(const struct thread *t)
{
	const uint64_t *saved = (const uint64_t *)t->machine.kernel_rsp;

	if (!readable((uint64_t)saved, 7 * sizeof(*saved)))
		return;
	if (saved == (const uint64_t *)&t->machine.empty) {
		print_location((uint64_t)thread_continue);
		return;
	}
	print_location(saved[6] - 1);
	walk(saved[5]);
}

bool machine_readable(uint64_t va, uint64_t bytes)
{
	if (va < PHYS_MAP_BASE || va + bytes < va || bytes == 0)
		return false;
	for (uint64_t page = va & ~PAGE_MASK; page < va + bytes && page >= (va & ~PAGE_MASK); page += PAGE_SIZE)
		if (!kernel_address_mapped(page))
			return false;
	return true;
}

static void print_control_registers(void)
{
	kprintf("cr0 %016lx cr2 %016lx cr3 %016lx cr4 %016lx\n", read_cr0(), read_cr2(), read_cr3(),
		read_cr4());
}

void machine_print_frame(const struct trap_frame *f)
{
	kprintf("rip %04lx:%016lx rflags %08lx vector %lu error %lx\n", f->cs, f->rip, f->rflags,
		f->vector, f->error);
	kprintf("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
	kprintf("rsi %016lx rdi %016lx rbp %016lx rsp %016lx\n", f->rsi, f->rdi, f->rbp, f->rsp);
	kprintf("r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n", f->r8, f->r9, f->r10, f->r11);
	kprintf("r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n", f->r12, f->r13, f->r14, f->r15);
	print_control_registers();
}

void machine_print_registers(void)
{
	uint64_t rbx, rbp, rsp, r12, r13, r14, r15, rflags;

	/* At a call only these have a meaning. */
	__asm__ volatile("mov %%rbx, %0; mov %%rbp, %1; mov %%rsp, %2; mov %%r12, %3"
			 : "=m"(rbx), "=m"(rbp), "=m"(rsp), "=m"(r12));
	__asm__ volatile("mov %%r13, %0; mov %%r14, %1; mov %%r15, %2; pushfq; popq %3"
			 : "=m"(r13), "=m"(r14), "=m"(r15), "=r"(rflags));
	kprintf("rbx %016lx rbp %016lx rsp %016lx rflags %08lx\n", rbx, rbp, rsp, rflags);
	kprintf("r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n", r12, r13, r14, r15);
	print_control_registers();
}

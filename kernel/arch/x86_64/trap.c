/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap.c - what the entries of trap_entry.S call: system calls, exceptions, interrupts.
 *
 * A user's fault is vm_fault()'s or exception()'s matter and never the kernel's. A fault of the kernel is
 * resolved in one case only: an instruction of copyio.S (fixup.h) on a user address; every other
 * one is a panic that shows the registers.
 *
 * Invariants: T1 before a return to user mode the thread's ASTs are looked at with interrupts off; T2 a return to
 *   user mode goes to an address below the non-canonical hole and with a user's flags; T3 vm_fault() and exception() are
 *   called with interrupts on and no spin lock held.
 * References: SDM vol. 3A 6.15; SYSRET: vol. 2 (a non-canonical RIP faults in the kernel on Intel's).
 */
#include "cpu_private.h"
#include "fixup.h"
#include "fpu.h"
#include "instructions.h"
#include "interrupt.h"
#include "trap_private.h"
#include <ddb/trace.h>
#include <kern/panic.h>
#include <kern/pc_sample.h>
#include <kern/restartable.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <mach/exception_types.h>
#include <machine/clock.h>
#include <machine/pmap.h>
#include <machine/trap.h>
#include <sched/latency.h>
#include <sched/sched.h>
#include <vm/vm_fault.h>
#include <vm/vm_page.h>
#include <vm/vm_map.h>

#define FAULT_PRESENT 1U
#define FAULT_WRITE 2U
#define FAULT_USER 4U
#define FAULT_RESERVED_BIT 8U
#define FAULT_FETCH 16U

enum vector {
	VECTOR_DIVIDE = 0,
	VECTOR_DEBUG = 1,
	VECTOR_NMI = 2,
	VECTOR_BREAKPOINT = 3,
	VECTOR_OVERFLOW = 4,
	VECTOR_BOUND = 5,
	VECTOR_INVALID_OPCODE = 6,
	VECTOR_NO_FPU = 7,
	VECTOR_DOUBLE_FAULT = 8,
	VECTOR_STACK = 12,
	VECTOR_PROTECTION = 13,
	VECTOR_PAGE_FAULT = 14,
	VECTOR_X87 = 16,
	VECTOR_ALIGNMENT = 17,
	VECTOR_MACHINE_CHECK = 18,
	VECTOR_SIMD = 19,
	EXCEPTION_VECTORS = 32,
};

/* What a user's exception is called; type 0: not one that user code can cause. */
static const struct exception_kind {
	const char *name;
	int type;
	int64_t code;
} kinds[EXCEPTION_VECTORS] = {
	[VECTOR_DIVIDE] = { "divide error", EXC_ARITHMETIC, EXC_I386_DIV },
	[VECTOR_DEBUG] = { "debug trap", EXC_BREAKPOINT, EXC_I386_SGL },
	[VECTOR_BREAKPOINT] = { "breakpoint", EXC_BREAKPOINT, EXC_I386_BPT },
	[VECTOR_OVERFLOW] = { "overflow", EXC_ARITHMETIC, EXC_I386_INTO },
	[VECTOR_BOUND] = { "bound range exceeded", EXC_SOFTWARE, EXC_I386_BOUND },
	[VECTOR_INVALID_OPCODE] = { "invalid opcode", EXC_BAD_INSTRUCTION, EXC_I386_INVOP },
	[VECTOR_NO_FPU] = { "no FPU", 0, 0 },
	[VECTOR_DOUBLE_FAULT] = { "double fault", 0, 0 },
	[10] = { "invalid TSS", EXC_BAD_INSTRUCTION, EXC_I386_INVTSSFLT },
	[11] = { "segment not present", EXC_BAD_INSTRUCTION, EXC_I386_SEGNPFLT },
	[VECTOR_STACK] = { "stack fault", EXC_BAD_ACCESS, EXC_I386_STKFLT },
	[VECTOR_PROTECTION] = { "general protection fault", EXC_BAD_ACCESS, EXC_I386_GPFLT },
	[VECTOR_PAGE_FAULT] = { "page fault", 0, 0 },
	[VECTOR_X87] = { "x87 error", EXC_ARITHMETIC, EXC_I386_EXTERR },
	[VECTOR_ALIGNMENT] = { "alignment check", EXC_BAD_ACCESS, EXC_I386_ALIGNFLT },
	[VECTOR_MACHINE_CHECK] = { "machine check", 0, 0 },
	[VECTOR_SIMD] = { "SIMD error", EXC_ARITHMETIC, EXC_I386_SSEEXTERR },
};

static bool from_user(const struct trap_frame *frame)
{
	return (frame->cs & 3) != 0;
}

/* --- whose time it is -------------------------------------------------------------------- */

/* The time until now was user code's. */
static inline __attribute__((always_inline)) void time_to_kernel(void)
{
	struct cpu *cpu = this_cpu();
	uint64_t now = machine_now_ns();

	cpu->user_ns += now - cpu->stamp_ns;
	cpu->stamp_ns = now;
}

/* The time until now was the kernel's. */
static inline __attribute__((always_inline)) void time_to_user(void)
{
	struct cpu *cpu = this_cpu();
	uint64_t now = machine_now_ns();

	cpu->system_ns += now - cpu->stamp_ns;
	cpu->stamp_ns = now;
}

#ifdef MESHACH_LATENCY
/* As long as it is measured, nothing nested begins anew. */
void irq_off_begin(void)
{
	struct cpu *cpu = this_cpu();

	if (cpu->irq_off_ns == 0)
		cpu->irq_off_ns = machine_now_ns();
}

__attribute__((noinline)) void irq_off_end(void)
{
	struct cpu *cpu = this_cpu();

	if (cpu->irq_off_ns == 0)
		return;
	latency_add(LATENCY_INTERRUPTS_OFF, machine_now_ns() - cpu->irq_off_ns, (uint64_t)__builtin_return_address(0));
	cpu->irq_off_ns = 0;
}
#endif

/* --- the way back to user mode ------------------------------------------------------------ */

__attribute__((noinline, section(".text.hot"))) void trap_leave(struct trap_frame *frame)
{
	struct thread *self = current_thread();

	KASSERT(cpu_irq_depth() == 0);
	for (;;) {
		cpu_irq_disable();
		if (atomic_load_explicit(&self->ast, memory_order_relaxed) != 0) {
			ast_taken(frame); /* T1 */
		} else if (frame->rip >= USER_ADDRESS_END) { /* T2 */
			cpu_irq_enable();
			exception(EXC_BAD_ACCESS, EXC_I386_GPFLT, (int64_t)frame->rip);
		} else {
			time_to_user();
			irq_off_end();
			return;
		}
	}
}

/* SYSRET takes RIP from RCX and RFLAGS from R11, and sets both. */
static inline bool sysret_may(const struct trap_frame *frame)
{
	return frame->rcx == frame->rip && frame->r11 == frame->rflags && (frame->rflags & (RFLAGS_RF | RFLAGS_TF)) == 0;
}

__attribute__((flatten, noinline, section(".text.first"))) _Noreturn void machine_trap_return(uint64_t result)
{
	struct trap_frame *frame = current_thread()->machine.frame;

	frame->rax = result;
	cpu_irq_disable();
	if (__builtin_expect(atomic_load_explicit(&current_thread()->ast, memory_order_relaxed) == 0, 1) &&
	    __builtin_expect(frame->rip < USER_ADDRESS_END, 1)) { /* T1, T2 */
		time_to_user();
		irq_off_end();
	} else {
		trap_leave(frame);
	}
	syscall_return(frame, sysret_may(frame));
}

__attribute__((section(".text.first"))) bool syscall_dispatch(struct trap_frame *frame)
{
	time_to_kernel();
	irq_off_begin();
	if ((int64_t)frame->rax < 0) {
		current_thread()->events.mach_calls++;
		mach_trap(frame);
	} else {
		current_thread()->events.linux_calls++;
		linux_syscall(frame);
	}
	trap_leave(frame);
	return sysret_may(frame);
}

/* --- faults ------------------------------------------------------------------------------- */

/* What the access was, for vm_fault(). */
static vm_prot_t fault_access(uint64_t error)
{
	if (error & FAULT_FETCH)
		return VM_PROT_EXECUTE;
	return (error & FAULT_WRITE) ? VM_PROT_READ | VM_PROT_WRITE : VM_PROT_READ;
}

static kern_return_t resolve_fault(uint64_t va, uint64_t error)
{
	struct thread *self = current_thread();
	kern_return_t kr;

	if (va >= VM_MAX_ADDRESS || self == NULL || self->task == NULL || self->task == kernel_task)
		return KERN_INVALID_ADDRESS;
	cpu_irq_enable(); /* T3 */
	kr = vm_fault(self->task->map, va, fault_access(error));
	TRACE3(FAULT, va, error, (uint32_t)kr);
	task_noticed_resident(self->task, &self->task->limits, vm_map_pmap(self->task->map));
	return kr;
}

static void user_page_fault(struct trap_frame *frame, uint64_t va)
{
	bool sampled = pc_sample_fault_begins(&current_thread()->pc_sample);
	kern_return_t kr;

	current_thread()->machine.fault_address = va;
	if (frame->error & FAULT_RESERVED_BIT)
		panic_trap(frame, "a page table entry for 0x%lx has reserved bits set", va);
	/*
	 * The processor itself reading a table (or an emulator an IRET's stack) with supervisor's rights: no
	 * mapping of a user's page would let it go on.
	 */
	kr = (frame->error & FAULT_USER) ? resolve_fault(va, frame->error) : KERN_PROTECTION_FAILURE;
	if (sampled)
		pc_sample_faulted(frame->rip);
	if (kr == KERN_SUCCESS || kr == KERN_ABORTED)
		return;
	cpu_irq_enable();
	exception(EXC_BAD_ACCESS, kr, (int64_t)va);
}

/* A debug trap: tell the thread's status; an instruction that is watched runs when it is tried again. */
static void note_debug(struct trap_frame *frame, uint64_t status)
{
	struct machine_debug *d = &current_thread()->machine.debug;

	d->status |= status & DR6_STATUS;
	for (unsigned i = 0; i < 4; i++)
		if ((status >> i & 1) != 0 && (d->control >> (16 + 4 * i) & 3) == 0)
			frame->rflags |= RFLAGS_RF;
}

static void user_exception(struct trap_frame *frame, uint64_t debug_status)
{
	const struct exception_kind *kind = &kinds[frame->vector];

	if (frame->vector == VECTOR_NO_FPU && fpu_first_use())
		return;
	if (frame->vector == VECTOR_NO_FPU) {
		cpu_irq_enable();
		/* No memory for its registers: when there is some the instruction runs again. */
		if (vm_page_wait() == KERN_RESOURCE_SHORTAGE)
			exception(EXC_ARITHMETIC, EXC_I386_EXTERR, 0);
		return;
	}
	if (frame->vector == VECTOR_DEBUG)
		note_debug(frame, debug_status);
	if (kind->type == 0)
		panic_trap(frame, "unexpected trap %lu from user mode", frame->vector);
	cpu_irq_enable();
	exception(kind->type, kind->code, kind->type == EXC_BREAKPOINT ? (int64_t)(debug_status & DR6_STATUS) :
									  (int64_t)frame->rip);
}

static void kernel_fault(struct trap_frame *frame, uint64_t va)
{
	uint64_t go_on = fixup_of(frame->rip);
	bool page_fault = frame->vector == VECTOR_PAGE_FAULT;

	if (go_on == 0 || (page_fault && va >= USER_ADDRESS_END)) {
		const char *name = frame->vector < EXCEPTION_VECTORS ? kinds[frame->vector].name : NULL;

		if (page_fault)
			panic_trap(frame, "kernel %s at 0x%lx%s",
				   (frame->error & FAULT_FETCH) ? "execution" :
				   (frame->error & FAULT_WRITE) ? "write" : "read", va,
				   (frame->error & FAULT_PRESENT) ? " (not allowed)" : " (not mapped)");
		panic_trap(frame, "kernel %s", name != NULL ? name : "trap");
	}
	if (page_fault) {
		if (cpu_irq_depth() != 0)
			panic_trap(frame, "copy to or from user memory under a spin lock");
		if (resolve_fault(va, frame->error) == KERN_SUCCESS)
			return;
	}
	frame->rip = go_on;
}

/* Out of an interrupt or a fault of user code; switches: the thread's before it. */
static void leave_to_user(struct trap_frame *frame, uint32_t switches)
{
	struct thread *self = current_thread();

	trap_leave(frame);
	if (__builtin_expect(self->events.switches != switches && atomic_load_explicit(&self->task->restartable, memory_order_relaxed) != NULL, 0))
		frame->rip = restartable_after_switch(self->task, frame->rip);
}

__attribute__((section(".text.warm"))) void trap_dispatch(struct trap_frame *frame)
{
	uint64_t va, debug_status = 0;
	uint32_t switches = 0;

	if (from_user(frame)) {
		time_to_kernel();
		switches = current_thread()->events.switches;
	}
	if (frame->rflags & RFLAGS_IF)
		irq_off_begin();
	if (frame->vector >= EXCEPTION_VECTORS) {
		interrupt_dispatch(frame);
		if (from_user(frame))
			leave_to_user(frame, switches);
		else if ((frame->rflags & RFLAGS_IF) != 0 &&
			 (atomic_load_explicit(&current_thread()->ast, memory_order_relaxed) & AST_PREEMPT) != 0)
			sched_interrupt_return();
		if (!from_user(frame) && (frame->rflags & RFLAGS_IF))
			irq_off_end();
		return;
	}
	va = frame->vector == VECTOR_PAGE_FAULT ? read_cr2() : 0;
	TRACE3(TRAP, frame->vector, frame->rip, frame->error);
	if (!from_user(frame)) {
		kernel_fault(frame, va);
		cpu_irq_disable();
		if (frame->rflags & RFLAGS_IF)
			irq_off_end();
		return;
	}
	if (frame->vector == VECTOR_DEBUG) {
		debug_status = read_dr6();
		write_dr6(0xffff0ff0UL); /* sticky: back to its reset value */
	}
	if (frame->vector == VECTOR_PAGE_FAULT)
		user_page_fault(frame, va);
	else
		user_exception(frame, debug_status);
	leave_to_user(frame, switches);
}

/* --- the stacks of their own -------------------------------------------------------------- */

static bool is_stack_guard(uint64_t va)
{
	struct thread *self = current_thread();
	uint64_t base = self != NULL ? self->machine.kernel_stack_base : 0;

	if (base != 0 && va >= base - PAGE_SIZE && va < base)
		return true;
	return va >= (uint64_t)boot_stack_guard && va < (uint64_t)boot_stack_guard + PAGE_SIZE;
}

void trap_paranoid(struct trap_frame *frame)
{
	switch (frame->vector) {
	case VECTOR_NMI:
		if (cpu_arch(this_cpu())->stop_request)
			machine_halt();
		if (cpu_arch(this_cpu())->pause_request) {
			atomic_store(&cpu_arch(this_cpu())->paused, frame);
			while (atomic_load(&cpu_arch(this_cpu())->pause_request))
				__asm__ volatile("pause"); /* no TLB shoot-down is served: nobody waits for one */
			atomic_store(&cpu_arch(this_cpu())->paused, NULL);
			return;
		}
		cpu_arch(this_cpu())->nmis++; /* not ours: a watchdog's or a button's */
		return;
	case VECTOR_DEBUG:
		/* Deferred from user mode past the entry (MOV SS): nothing of the kernel's is traced. */
		write_dr6(0xffff0ff0UL);
		frame->rflags &= ~RFLAGS_TF;
		return;
	case VECTOR_DOUBLE_FAULT:
		if (is_stack_guard(read_cr2()))
			panic_trap(frame, "kernel stack overflow at 0x%lx", read_cr2());
		panic_trap(frame, "double fault");
	default:
		panic_trap(frame, "machine check");
	}
}

/* --- a CPU's system call registers -------------------------------------------------------- */

void syscall_init(void)
{
	/* SYSRET: SS = base + 8, CS = base + 16; SYSCALL: CS = base, SS = base + 8. */
	const uint64_t user_base = SELECTOR_KERNEL_DATA | 3, kernel_base = SELECTOR_KERNEL_CODE;

	wrmsr(MSR_STAR, user_base << 48 | kernel_base << 32);
	wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
	wrmsr(MSR_SFMASK, RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_AC | RFLAGS_NT | RFLAGS_IOPL);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
}

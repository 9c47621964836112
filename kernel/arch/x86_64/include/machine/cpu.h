/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpu.h - the per-CPU structure and the CPU's small primitives.
 *
 * %gs points at struct cpu in kernel mode. The host build has a header of the same name in
 * tests/unit/host/include/machine.
 */
#pragma once

#include <kern/limits.h>
#include <stdbool.h>
#include <stdint.h>

struct thread;
struct pmap;

struct cpu {
	struct cpu *self;            /* %gs:0 */
	struct thread *current;      /* %gs:8 */
	uint64_t kernel_stack_top;   /* %gs:16, of current: loaded at syscall entry */
	uint64_t user_rsp;           /* %gs:24, scratch of the syscall entry */
	uint32_t irq_depth;          /* cpu_irq_push nesting */
	bool irq_were_on;            /* what the last cpu_irq_pop restores */
	bool online;
	uint32_t id;                 /* 0 .. cpu_count-1 */
	uint32_t apic_id;
	struct pmap *pmap;           /* whose root CR3 holds */
	struct thread *idle;         /* its idle thread */
	struct thread *previous;     /* who just left this CPU (see sched) */
	void *sched;                 /* struct run_queue */
	void *timers;                /* struct timer queue */
	uint64_t irq_off_ns;         /* since when interrupts are off; 0: not measured */
	uint64_t stamp_ns;           /* until when user_ns and system_ns are true */
	uint64_t user_ns, system_ns; /* this CPU's time in user mode, and in the kernel (idle included) */
	volatile bool tlb_request;   /* another CPU waits for pmap_tlb_service() here */
	volatile uint64_t pings;     /* CPU_IPI_PING interrupts taken */
	uint64_t interrupts;         /* counted */
	char arch[] __attribute__((aligned(64))); /* gdt, tss: arch's own */
};

extern uint32_t cpu_count;
struct cpu *cpu_by_id(uint32_t id);

static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(c));
	return c;
}

static inline bool cpu_irq_enabled(void)
{
	uint64_t flags;

	__asm__ volatile("pushfq; pop %0" : "=r"(flags) : : "memory");
	return (flags & 0x200) != 0;
}

/*
 * A kernel built with MESHACH_LATENCY (the debug kernel is) measures for how long interrupts are off: from irq_off_begin(),
 * at the instruction that turns them off and at every entry from where they were on, to irq_off_end(), before they
 * come on again (arch/x86_64/trap.c, sched/latency.h).
 */
#ifdef MESHACH_LATENCY
void irq_off_begin(void);
void irq_off_end(void);
#else
#define irq_off_begin() ((void)0)
#define irq_off_end() ((void)0)
#endif

static inline void cpu_irq_enable(void)
{
	irq_off_end();
	__asm__ volatile("sti" : : : "memory");
}

static inline void cpu_irq_disable(void)
{
	__asm__ volatile("cli" : : : "memory");
	irq_off_begin();
}

/* An instant in which pending interrupts are taken; they are off before and after. */
static inline void cpu_irq_window(void)
{
	irq_off_end();
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	irq_off_begin();
}

/*
 * Interrupts off, counted; cpu_irq_pop restores what was before the first push. A thread with interrupts on may be
 * preempted and go on on another CPU: what this_cpu() gave holds only from cpu_irq_push to cpu_irq_pop (every spin
 * lock does both). irq_depth is 0 whenever interrupts are on, on whatever CPU.
 */
static inline uint32_t cpu_irq_depth(void)
{
	uint32_t depth;

	__asm__ volatile("movl %%gs:%c1, %0" : "=r"(depth) : "i"(__builtin_offsetof(struct cpu, irq_depth)));
	return depth;
}

static inline void cpu_irq_push(void)
{
	struct cpu *c;

	if (cpu_irq_depth() == 0) {
		bool on = cpu_irq_enabled();

		cpu_irq_disable();
		c = this_cpu();
		c->irq_were_on = on;
	} else {
		c = this_cpu();
	}
	c->irq_depth++;
}

static inline void cpu_irq_pop(void)
{
	struct cpu *c = this_cpu();

	if (--c->irq_depth == 0 && c->irq_were_on)
		cpu_irq_enable();
}

void pmap_tlb_service(void);

/*
 * In every loop that waits for another CPU: serves its TLB shoot-down, so that one may wait with
 * interrupts off and locks held (arch/x86_64/pmap_tlb.c).
 */
static inline void cpu_relax(void)
{
	__asm__ volatile("pause");
	if (this_cpu()->tlb_request) {
		cpu_irq_push();
		pmap_tlb_service();
		cpu_irq_pop();
	}
}

/* Enable interrupts and halt until one comes; returns with interrupts off. */
static inline void cpu_wait_for_interrupt(void)
{
	irq_off_end();
	__asm__ volatile("sti; hlt; cli" : : : "memory");
	irq_off_begin();
}

enum cpu_ipi { CPU_IPI_RESCHED, CPU_IPI_TLB, CPU_IPI_STOP, CPU_IPI_PING };

/* Send an inter-processor interrupt. Any context. */
void cpu_send_ipi(uint32_t cpu, enum cpu_ipi what);

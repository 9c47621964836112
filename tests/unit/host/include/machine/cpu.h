/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpu.h - the CPU's primitives for kernel code that runs as a plain Linux program.
 *
 * Every host thread is a CPU of its own: this_cpu() is thread-local, "interrupts off" is a count
 * that the doubles of sleeping calls check (nothing sleeps under a spin lock).
 */
#pragma once

#include <kern/limits.h>
#include <stdbool.h>
#include <stdint.h>

void host_relax(void);

struct thread;
struct pmap;

struct cpu {
	struct cpu *self;
	struct thread *current;
	uint32_t irq_depth;
	bool irq_on;
	bool online;
	uint32_t id; /* the same for all host threads: 0 */
	struct pmap *pmap;
	bool need_resched;
};

extern _Thread_local struct cpu host_cpu;
extern uint32_t cpu_count;

static inline struct cpu *this_cpu(void)
{
	return &host_cpu;
}

static inline struct cpu *cpu_by_id(uint32_t id)
{
	(void)id;
	return &host_cpu;
}

static inline bool cpu_irq_enabled(void)
{
	return host_cpu.irq_on && host_cpu.irq_depth == 0;
}

static inline void cpu_irq_enable(void)
{
	host_cpu.irq_on = true;
}

static inline void cpu_irq_disable(void)
{
	host_cpu.irq_on = false;
}

static inline uint32_t cpu_irq_depth(void)
{
	return host_cpu.irq_depth;
}

static inline void cpu_irq_push(void)
{
	host_cpu.irq_depth++;
}

static inline void cpu_irq_pop(void)
{
	host_cpu.irq_depth--;
}

static inline void cpu_relax(void)
{
	host_relax();
}

enum cpu_ipi { CPU_IPI_RESCHED, CPU_IPI_TLB, CPU_IPI_STOP, CPU_IPI_PING };
void cpu_send_ipi(uint32_t cpu, enum cpu_ipi what);

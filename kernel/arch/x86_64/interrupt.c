/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interrupt.c - interrupt vectors: who serves them, and the interrupts between CPUs.
 *
 * Interface: <machine/irq.h>, cpu_send_ipi() of <machine/cpu.h>, interrupt_dispatch().
 * Handlers run with interrupts off on the stack of whoever was interrupted. All device interrupts go to the
 * boot CPU.
 * Locking: actions_lock to add; chains only grow, at their head, so serving needs no lock.
 */
#include "acpi.h"
#include "apic.h"
#include "boot_private.h"
#include "cpu_private.h"
#include "interrupt.h"
#include "trap_private.h"
#include <kern/kalloc.h>
#include <kern/lock.h>
#include <kern/panic.h>
#include <kern/printf.h>
#include <machine/clock.h>
#include <machine/debug.h>
#include <machine/irq.h>
#include <sched/sched.h>
#include <stdatomic.h>

#define MAX_GSI 256
#define MSI_ADDRESS 0xfee00000UL
#define ISA_ONLY_LINES 3 /* 0 timer, 1 keyboard, 2 cascade: never a PCI line */

struct action {
	struct action *next;
	irq_handler_t handler;
	void *arg;
};

static struct action *_Atomic actions[256];
static struct spinlock actions_lock = SPINLOCK_INIT("interrupt actions");
static uint8_t gsi_vector[MAX_GSI]; /* 0: not routed yet */
static uint32_t next_vector = VECTOR_DEVICE_FIRST;

/* --- serving ------------------------------------------------------------------------------ */

static void serve_device(unsigned vector)
{
	struct action *a = atomic_load_explicit(&actions[vector], memory_order_acquire);

	for (; a != NULL; a = a->next)
		a->handler(a->arg);
	apic_end_of_interrupt();
}

__attribute__((section(".text.warm"))) void interrupt_dispatch(struct trap_frame *frame)
{
	struct cpu *cpu = this_cpu();

	cpu->interrupts++;
	switch (frame->vector) {
	case VECTOR_TIMER:
		cpu_arch(cpu)->timer_deadline_ns = UINT64_MAX;
		apic_end_of_interrupt();
		timer_interrupt();
		break;
	case VECTOR_IPI_RESCHED:
		apic_end_of_interrupt();
		sched_ipi();
		break;
	case VECTOR_IPI_TLB:
		apic_end_of_interrupt();
		pmap_tlb_service();
		break;
	case VECTOR_IPI_PING:
		cpu->pings++;
		apic_end_of_interrupt();
		break;
	case VECTOR_APIC_ERROR:
		apic_end_of_interrupt();
		kwarn("local APIC error on CPU %u\n", cpu->id);
		break;
	case VECTOR_SPURIOUS: /* wants no end of interrupt */
		break;
	default:
		if (frame->vector >= VECTOR_DEVICE_FIRST && frame->vector < VECTOR_DEVICE_END)
			serve_device((unsigned)frame->vector);
		/* Else a masked PIC's spurious one: nothing to do. */
	}
}

/* --- devices ------------------------------------------------------------------------------ */

/* 0: there is none left. actions_lock is held. */
static uint8_t vector_alloc(void)
{
	return next_vector < VECTOR_DEVICE_END ? (uint8_t)next_vector++ : 0;
}

static kern_return_t action_add(uint8_t vector, irq_handler_t handler, void *arg)
{
	struct action *a = kalloc(sizeof(*a));

	if (a == NULL)
		return KERN_RESOURCE_SHORTAGE;
	*a = (struct action){ atomic_load(&actions[vector]), handler, arg };
	atomic_store_explicit(&actions[vector], a, memory_order_release);
	return KERN_SUCCESS;
}

kern_return_t irq_register_line(uint32_t line, irq_handler_t handler, void *arg)
{
	struct acpi_isa_line where = { .gsi = line, .active_low = true, .level = true }; /* PCI's way */
	uint8_t vector;
	kern_return_t kr;

	if (line < ACPI_ISA_LINES)
		where = acpi_info.isa[line];
	if (where.gsi >= MAX_GSI)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&actions_lock);
	vector = gsi_vector[where.gsi];
	if (vector == 0)
		vector = vector_alloc();
	kr = vector != 0 ? action_add(vector, handler, arg) : KERN_RESOURCE_SHORTAGE;
	if (kr == KERN_SUCCESS && gsi_vector[where.gsi] == 0) {
		gsi_vector[where.gsi] = vector;
		if (!ioapic_route(where.gsi, vector, cpu_by_id(0)->apic_id, where.active_low, where.level))
			kr = KERN_INVALID_ARGUMENT;
	}
	spin_unlock(&actions_lock);
	return kr;
}

kern_return_t irq_register_msi(irq_handler_t handler, void *arg, uint64_t *address, uint32_t *data)
{
	uint8_t vector;
	kern_return_t kr;

	spin_lock(&actions_lock);
	vector = vector_alloc();
	kr = vector != 0 ? action_add(vector, handler, arg) : KERN_RESOURCE_SHORTAGE;
	spin_unlock(&actions_lock);
	*address = MSI_ADDRESS | (uint64_t)cpu_by_id(0)->apic_id << 12;
	*data = vector; /* edge, fixed */
	return kr;
}

/* --- between CPUs ------------------------------------------------------------------------- */

void cpu_send_ipi(uint32_t cpu, enum cpu_ipi what)
{
	static const uint8_t vectors[] = {
		[CPU_IPI_RESCHED] = VECTOR_IPI_RESCHED,
		[CPU_IPI_TLB] = VECTOR_IPI_TLB,
		[CPU_IPI_PING] = VECTOR_IPI_PING,
	};
	struct cpu *to = cpu_by_id(cpu);

	if (what == CPU_IPI_STOP) {
		cpu_arch(to)->stop_request = true;
		apic_send_nmi(to->apic_id); /* comes though interrupts are off */
	} else {
		apic_send(to->apic_id, vectors[what]);
	}
}

void machine_pause_others(void)
{
	for (uint32_t i = 0; i < cpu_count; i++) {
		struct cpu *c = cpu_by_id(i);

		if (i == this_cpu()->id || !c->online)
			continue;
		atomic_store(&cpu_arch(c)->pause_request, true);
		apic_send_nmi(c->apic_id);
		while (atomic_load(&cpu_arch(c)->paused) == NULL)
			__asm__ volatile("pause");
	}
}

void machine_resume_others(void)
{
	for (uint32_t i = 0; i < cpu_count; i++)
		if (i != this_cpu()->id)
			atomic_store(&cpu_arch(cpu_by_id(i))->pause_request, false);
}

const struct trap_frame *machine_paused_frame(uint32_t cpu)
{
	return atomic_load(&cpu_arch(cpu_by_id(cpu))->paused);
}

void machine_stop_others(void)
{
	for (uint32_t i = 0; i < cpu_count; i++)
		if (i != this_cpu()->id && cpu_by_id(i)->online)
			cpu_send_ipi(i, CPU_IPI_STOP);
}

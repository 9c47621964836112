/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap_tlb.c - keeping translation caches true: here, and on the other CPUs that have a pmap loaded.
 *
 * One shoot-down at a time: the initiator describes it, marks and interrupts the CPUs concerned, and waits until all
 * have done it. Everybody who waits for something with interrupts off does so through cpu_relax(),
 * which serves a marked CPU at once, so no lock that the initiator holds can make it wait for ever.
 *
 * Invariants: X1 with more CPUs than one, pmap.active has a CPU's bit while its CR3 may hold the pmap's root: set before
 *   the load, cleared after the next (one CPU alone knows by cpu.pmap, and a switch touches no pmap);
 *   X2 an entry is changed, then the generation raised, before active is read; X3 a CPU sets its active bit before it reads the
 *   generation: so either it is interrupted, or it sees that what it has cached is old.
 * Reference: SDM vol. 3A 4.10.4, 4.10.5.
 */
#include "cpu_private.h"
#include "instructions.h"
#include "pmap_pcid.h"
#include "pmap_private.h"
#include <kern/assert.h>

#define INVALIDATE_MAX_PAGES 32 /* above: all at once */

/* PCIDs, where the processor has them (pmap_pcid.h). */
static struct {
	struct pcid_cpu pcid;
	uint64_t kept, flushed; /* loads */
} __attribute__((aligned(64))) pcid_cpus[MAX_CPUS];

/* What to load into CR3 for p on this CPU. After the active bit was set, where there are several CPUs (X3). */
static __attribute__((noinline)) uint64_t pcid_cr3(struct cpu *cpu, struct pmap *p, uint64_t root_phys)
{
	struct pcid_choice choice;

	if (p == kernel_pmap)
		return root_phys; /* PCID 0: nothing of its lower half is ever cached */
	choice = pcid_choose(&pcid_cpus[cpu->id].pcid, p->id, atomic_load(&p->generation));
	pcid_cpus[cpu->id].kept += choice.keep;
	pcid_cpus[cpu->id].flushed += !choice.keep;
	return root_phys | choice.number | (choice.keep ? CR3_NO_FLUSH : 0);
}

static inline uint64_t cr3_of(struct cpu *cpu, struct pmap *p, uint64_t root_phys)
{
	return __builtin_expect(cpu_features.pcid, 0) ? pcid_cr3(cpu, p, root_phys) : root_phys;
}

static struct {
	struct spinlock lock;
	struct pmap *pmap;
	uint64_t start, end;       /* start == end: the pmap is to be left */
	uint64_t generation;       /* before this one */
	_Atomic uint64_t pending;  /* CPUs that have still to do it */
} shoot_down = { .lock = SPINLOCK_INIT("tlb") };

void pmap_load(struct pmap *p, uint64_t root_phys)
{
	struct cpu *cpu = this_cpu();
	struct pmap *old = cpu->pmap;
	uint64_t bit = 1UL << cpu->id;

	if (old == p)
		return;
	cpu->pmap = p;
	if (cpu_count == 1) {
		write_cr3(cr3_of(cpu, p, root_phys));
		return;
	}
	atomic_fetch_or(&p->active, bit); /* X1 */
	write_cr3(cr3_of(cpu, p, root_phys));
	if (old != kernel_pmap)
		atomic_fetch_and(&old->active, ~bit);
}

struct pmap_move pmap_move_begin(struct pmap *p, uint64_t root_phys)
{
	struct cpu *cpu = this_cpu();
	struct pmap *old = cpu->pmap;
	uint64_t bit = 1UL << cpu->id;
	struct pmap_move move = { .left = NULL };

	KASSERT(old != p); /* the caller looked */
	cpu->pmap = p;
	if (cpu_count != 1) {
		atomic_fetch_or(&p->active, bit); /* X1 */
		move.left = old == kernel_pmap ? NULL : &old->active;
		move.keep = ~bit;
	}
	move.cr3 = cr3_of(cpu, p, root_phys);
	return move;
}

void pmap_activate(struct pmap *p)
{
	pmap_load(p, p->root_phys);
}

void pmap_prepare_smp(void)
{
	struct cpu *cpu = this_cpu();

	atomic_fetch_or(&cpu->pmap->active, 1UL << cpu->id);
}

static void invalidate_here(struct pmap *p, uint64_t start, uint64_t end, uint64_t generation)
{
	uint64_t cr4;

	if (start == end) {
		if (this_cpu()->pmap == p)
			pmap_activate(kernel_pmap);
		return;
	}
	if (cpu_features.pcid && this_cpu()->pmap == p && p != kernel_pmap)
		pcid_followed(&pcid_cpus[this_cpu()->id].pcid, p->id, generation);
	if (end - start <= INVALIDATE_MAX_PAGES * PAGE_SIZE) {
		for (uint64_t va = start; va < end; va += PAGE_SIZE)
			invlpg(va);
	} else if (p != kernel_pmap) {
		write_cr3(read_cr3());
	} else {
		cr4 = read_cr4(); /* global entries too */
		write_cr4(cr4 & ~CR4_PGE);
		write_cr4(cr4);
	}
}

void pmap_tlb_service(void)
{
	struct cpu *cpu = this_cpu();

	if (!cpu->tlb_request)
		return;
	cpu->tlb_request = false;
	invalidate_here(shoot_down.pmap, shoot_down.start, shoot_down.end, shoot_down.generation);
	atomic_fetch_and(&shoot_down.pending, ~(1UL << cpu->id));
}

static void invalidate_elsewhere(struct pmap *p, uint64_t start, uint64_t end, uint64_t generation, uint64_t cpus_concerned)
{
	atomic_fetch_add_explicit(&pmap_counts.shoot_downs, 1, memory_order_relaxed);
	spin_lock(&shoot_down.lock);
	shoot_down.pmap = p;
	shoot_down.start = start;
	shoot_down.end = end;
	shoot_down.generation = generation;
	atomic_store(&shoot_down.pending, cpus_concerned);
	for (uint32_t i = 0; i < cpu_count; i++)
		if ((cpus_concerned >> i) & 1) {
			cpu_by_id(i)->tlb_request = true;
			cpu_send_ipi(i, CPU_IPI_TLB);
			atomic_fetch_add_explicit(&pmap_counts.interrupts, 1, memory_order_relaxed);
		}
	while (atomic_load(&shoot_down.pending) != 0)
		cpu_relax();
	spin_unlock(&shoot_down.lock);
}

void pmap_invalidate(struct pmap *p, uint64_t start, uint64_t end)
{
	uint64_t active, me, generation = 0;

	cpu_irq_push(); /* first: what is followed here is what was raised here */
	if (cpu_features.pcid)
		generation = atomic_fetch_add(&p->generation, 1);
	atomic_thread_fence(memory_order_seq_cst); /* X2 */
	me = 1UL << this_cpu()->id;
	if (cpu_count == 1)
		active = p == kernel_pmap || this_cpu()->pmap == p ? me : 0;
	else
		active = atomic_load(&p->active) & ((1UL << cpu_count) - 1);
	if (active & me)
		invalidate_here(p, start, end, generation);
	if (active & ~me)
		invalidate_elsewhere(p, start, end, generation, active & ~me);
	cpu_irq_pop();
}

void pmap_invalidate_here(uint64_t va)
{
	invlpg(va);
}

void pmap_forget_soon(struct pmap *p)
{
	if (cpu_features.pcid)
		atomic_fetch_add(&p->generation, 1);
}

void pmap_pcid_loads(uint64_t *kept, uint64_t *flushed)
{
	*kept = *flushed = 0;
	for (uint32_t i = 0; i < cpu_count; i++) {
		*kept += pcid_cpus[i].kept;
		*flushed += pcid_cpus[i].flushed;
	}
}

void pmap_leave(struct pmap *p)
{
	pmap_invalidate(p, 0, 0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.c - the machine's part of a thread: its kernel stack, the switch, the way to user mode.
 *
 * The kernel stack's top holds the user's struct trap_frame for the thread's whole life: SYSCALL and traps from
 * user mode push exactly there.
 *
 * FS and GS bases: user code cannot set them itself (CR4.FSGSBASE stays off); it can only make one 0 by
 * loading a selector. So what machine_set_fs_base() and set_state store is the truth, nothing is read
 * back, and the registers are written when another user thread comes. A write of 0 over 0 is left out.
 * Locking: the fields of a thread that does not run are its owner's (the scheduler's or who stopped it).
 */
#include "cpu_private.h"
#include "fpu.h"
#include "instructions.h"
#include "pmap_private.h"
#include "trap_private.h"
#include <base/string.h>
#include <kern/assert.h>
#include <kern/limits.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <machine/pmap.h>
#include <vm/vm_map.h>

void switch_stacks(uint64_t *save_rsp, uint64_t load_rsp, uint64_t cr3, _Atomic uint64_t *left, uint64_t keep);
_Noreturn void switch_leaving(uint64_t load_rsp, uint64_t cr3, _Atomic uint64_t *left, uint64_t keep);
_Noreturn void switch_to_empty(uint64_t load_rsp, uint64_t cr3, _Atomic uint64_t *left, uint64_t keep);
void thread_trampoline(void);
void empty_trampoline(void);

kern_return_t machine_thread_init(struct thread *t, void (*entry)(void *), void *arg)
{
	struct machine_thread *m = &t->machine;
	char *base = kernel_stack_alloc(KERNEL_STACK_BYTES);
	struct machine_switch_frame *first;

	if (base == NULL)
		return KERN_RESOURCE_SHORTAGE;
	memset(m, 0, sizeof(*m));
	m->fpu_cpu = -1;
	m->bases_cpu = -1;
	m->kernel_stack_base = (uint64_t)base;
	m->kernel_stack_top = m->kernel_stack_base + KERNEL_STACK_BYTES;
	m->frame = (struct trap_frame *)m->kernel_stack_top - 1;
	*m->frame = (struct trap_frame){
		.cs = SELECTOR_USER_CODE,
		.ss = SELECTOR_USER_DATA,
		.rflags = RFLAGS_ONE | RFLAGS_IF,
	};
	first = (struct machine_switch_frame *)m->frame - 1;
	*first = (struct machine_switch_frame){
		.r12 = (uint64_t)entry,
		.r13 = (uint64_t)arg,
		.rip = (uint64_t)thread_trampoline,
	};
	m->kernel_rsp = (uint64_t)first;
	m->empty = (struct machine_switch_frame){
		.r12 = (uint64_t)m->frame - 8, /* as after a call */
		.rip = (uint64_t)empty_trampoline,
	};
	return KERN_SUCCESS;
}

void machine_thread_destroy(struct thread *t)
{
	fpu_destroy(t);
	cpu_irq_push();
	if (cpu_arch(this_cpu())->bases_of == t)
		cpu_arch(this_cpu())->bases_of = NULL;
	cpu_irq_pop();
	if (t->machine.kernel_stack_base != 0)
		kernel_stack_free((void *)t->machine.kernel_stack_base, KERNEL_STACK_BYTES);
	t->machine.kernel_stack_base = 0;
}

/* Load t's FS and GS bases. Interrupts off. */
static void load_bases(struct cpu_arch *arch, struct thread *t)
{
	if (t->machine.fs_base != 0 || arch->fs_base != 0) {
		wrmsr(MSR_FS_BASE, t->machine.fs_base);
		arch->fs_base = t->machine.fs_base;
	}
	if (t->machine.gs_base != 0 || arch->gs_base != 0) {
		wrmsr(MSR_KERNEL_GS_BASE, t->machine.gs_base); /* SWAPGS on the way out makes it GS */
		arch->gs_base = t->machine.gs_base;
	}
	arch->bases_of = t;
	t->machine.bases_cpu = (int32_t)this_cpu()->id;
}

/* t's debug registers, or none. Interrupts off. */
static __attribute__((noinline, cold)) void load_debug(struct cpu_arch *arch, const struct thread *t)
{
	const struct machine_debug *d = &t->machine.debug;

	if (t->machine.debugged) {
		write_dr0(d->address[0]);
		write_dr1(d->address[1]);
		write_dr2(d->address[2]);
		write_dr3(d->address[3]);
	}
	write_dr7(t->machine.debugged ? d->control | DR7_ONE : DR7_ONE);
	arch->debugging = t->machine.debugged;
}

void machine_thread_stopped(struct thread *t)
{
	cpu_irq_push();
	load_bases(cpu_arch(this_cpu()), t);
	load_debug(cpu_arch(this_cpu()), t);
	cpu_irq_pop();
}

/* All of a switch but the stacks and CR3. */
static inline __attribute__((always_inline)) struct pmap_move switch_begin(struct thread *old, struct thread *next)
{
	struct cpu *cpu = this_cpu();
	struct cpu_arch *arch = cpu_arch(cpu);
	struct pmap_move move = { .cr3 = 0 };

	KASSERT(!cpu_irq_enabled());
	cpu->kernel_stack_top = next->machine.kernel_stack_top;
	arch->tss.rsp[0] = next->machine.kernel_stack_top;
	if (arch->fpu_owner != NULL)
		fpu_switch(old, next);
	if (__builtin_expect(next->machine.debugged | arch->debugging, 0))
		load_debug(arch, next);
	next->events.switches++;
	if (next->machine.user) {
		if (cpu->pmap != next->machine.pmap)
			move = pmap_move_begin(next->machine.pmap, next->machine.pmap_root);
		/*
		 * Both must agree: bases_of alone may be of a thread that has ended and whose memory is next's now, or older
		 * than a change of the bases on another CPU.
		 */
		if (arch->bases_of != next || next->machine.bases_cpu != (int32_t)cpu->id)
			load_bases(arch, next);
	}
	return move;
}

__attribute__((section(".text.hot"))) void machine_switch(struct thread *old, struct thread *next)
{
	struct pmap_move move = switch_begin(old, next);

	switch_stacks(&old->machine.kernel_rsp, next->machine.kernel_rsp, move.cr3, move.left, move.keep);
}

__attribute__((section(".text.hot"))) _Noreturn void machine_switch_leaving(struct thread *old, struct thread *next)
{
	struct pmap_move move = switch_begin(old, next);

	old->machine.kernel_rsp = (uint64_t)&old->machine.empty;
	if (next->machine.kernel_rsp == (uint64_t)&next->machine.empty)
		switch_to_empty(next->machine.empty.r12, move.cr3, move.left, move.keep);
	switch_leaving(next->machine.kernel_rsp, move.cr3, move.left, move.keep);
}

void machine_user_entry(void *unused)
{
	struct thread *self = current_thread();

	/* On this stack, below the frame that trap_return() uses up. */
	cpu_irq_disable();
	self->machine.user = true;
	fpu_switch(self, self); /* its first switch found no user thread */
	self->machine.pmap = self->task->map->pmap;
	self->machine.pmap_root = self->machine.pmap->root_phys;
	pmap_activate(self->machine.pmap);
	load_bases(cpu_arch(this_cpu()), self);
	trap_leave(self->machine.frame);
	trap_return(self->machine.frame);
}

void machine_set_fs_base(uint64_t base)
{
	struct thread *self = current_thread();

	cpu_irq_push();
	self->machine.fs_base = base;
	load_bases(cpu_arch(this_cpu()), self);
	cpu_irq_pop();
}

void machine_thread_set_entry(struct thread *t, uint64_t pc, uint64_t sp, uint64_t arg, uint64_t fs_base)
{
	struct trap_frame *f = t->machine.frame;

	f->rip = pc;
	f->rsp = sp;
	f->rdi = arg;
	t->machine.fs_base = fs_base;
	t->machine.bases_cpu = -1;
}

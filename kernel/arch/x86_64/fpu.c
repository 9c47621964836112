/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fpu.c - whose state the FPU registers hold.
 *
 * Only user code uses the FPU (the kernel is built without it). A thread gets a state area at its first FPU
 * instruction, which traps while CR0.TS is set (#NM). The registers stay a thread's (the CPU's fpu_owner)
 * until another thread of that CPU uses the FPU, so a thread that runs again finds them loaded:
 *
 *   lazy (safe processors): TS is set for everybody but the owner; a switch saves the state only if
 *     there is another CPU on which the thread might run next. An owner that comes back finds TS clear only if it used
 *     the FPU in each of its last turns (FPU_HABIT): writing CR0 twice for nothing costs more than a trap now and then.
 *   eager (processors on which a trapped FPU instruction still forwards data speculatively,
 *     CVE-2018-3665): at a switch the registers become the next thread's, or the initial ones.
 *
 * Invariants: F1 TS clear => the current thread is fpu_owner and has an area; F2 fpu_owner's registers are
 *   its newest state iff its machine.fpu_cpu is this CPU; F3 with more CPUs than one, and in eager mode,
 *   the area of a thread that does not run is its newest state.
 * Locking: a CPU's fields with interrupts off; a thread's by itself or while it is stopped.
 * References: SDM vol. 1 13 (XSAVE), 10.5 (FXSAVE).
 */
#include "cpu_private.h"
#include "fpu.h"
#include "instructions.h"
#include <base/string.h>
#include <kern/kalloc.h>
#include <kern/thread.h>

#define FCW_INITIAL 0x37f
#define MXCSR_INITIAL 0x1f80
#define MXCSR_DEFAULT_MASK 0xffbf /* when FXSAVE says 0 */
#define FXSAVE_BYTES 512
#define XSTATE_X87_SSE 3UL
#define XSTATE_AVX 4UL
#define XSAVE_AVX_OFFSET 576 /* in the standard format, behind the header */

/* The start of an FXSAVE and XSAVE area. */
struct fxsave {
	uint16_t fcw, fsw, ftw, fop;
	uint64_t ip, dp;
	uint32_t mxcsr, mxcsr_mask;
	uint8_t registers[FXSAVE_BYTES - 32];
	uint64_t xstate_bv; /* XSAVE only: from here */
};
_Static_assert(offsetof(struct fxsave, xstate_bv) == FXSAVE_BYTES, "SDM vol. 1 13.4");

#define FPU_HABIT 4

static struct zone *fpu_zone;
static bool save_at_switch; /* F3 */

static void registers_save(void *area)
{
	uint32_t low = (uint32_t)cpu_features.xsave_mask, high = (uint32_t)(cpu_features.xsave_mask >> 32);

	if (cpu_features.xsaveopt)
		__asm__ volatile("xsaveopt64 (%0)" : : "r"(area), "a"(low), "d"(high) : "memory");
	else if (cpu_features.xsave)
		__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(low), "d"(high) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

static void registers_load(const void *area)
{
	uint32_t low = (uint32_t)cpu_features.xsave_mask, high = (uint32_t)(cpu_features.xsave_mask >> 32);

	if (cpu_features.xsave)
		__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(low), "d"(high) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

static void set_enabled(struct cpu_arch *arch, bool on)
{
	if (arch->fpu_enabled == on)
		return;
	arch->fpu_enabled = on;
	if (on)
		clts();
	else
		write_cr0(read_cr0() | CR0_TS);
}

void fpu_init_cpu(void)
{
	struct cpu_arch *arch = cpu_arch(this_cpu());
	uint32_t mxcsr = MXCSR_INITIAL;

	if (cpu_features.xsave)
		xsetbv(0, cpu_features.xsave_mask);
	clts();
	__asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
	arch->fpu_owner = NULL;
	arch->fpu_enabled = true;
	set_enabled(arch, false);
}

static void area_init(void *area)
{
	struct fxsave *f = area;

	memset(area, 0, cpu_features.xsave_bytes);
	f->fcw = FCW_INITIAL;
	f->mxcsr = MXCSR_INITIAL;
	f->mxcsr_mask = MXCSR_DEFAULT_MASK;
}

void fpu_init(void)
{
	fpu_zone = zone_create("fpu", cpu_features.xsave_bytes, 64);
	save_at_switch = !cpu_features.fpu_lazy_safe;
}

/* Bring the owner's registers to its area if they are newer. Interrupts off. */
static void owner_save(struct cpu_arch *arch)
{
	struct thread *owner = arch->fpu_owner;
	bool enabled = arch->fpu_enabled;

	if (owner == NULL || arch->fpu_saved)
		return;
	set_enabled(arch, true);
	registers_save(owner->machine.fpu);
	arch->fpu_saved = true;
	set_enabled(arch, enabled);
}

void fpu_prepare_smp(void)
{
	cpu_irq_push();
	owner_save(cpu_arch(this_cpu()));
	save_at_switch = true;
	cpu_irq_pop();
}

static bool is_owner(const struct cpu_arch *arch, const struct thread *t)
{
	return arch->fpu_owner == t && t->machine.fpu_cpu == (int32_t)this_cpu()->id; /* F2 */
}

/* Make the registers t's. Interrupts off; t has an area. */
static void own(struct cpu_arch *arch, struct thread *t)
{
	if (!is_owner(arch, t)) {
		owner_save(arch);
		set_enabled(arch, true);
		registers_load(t->machine.fpu);
		arch->fpu_owner = t;
		t->machine.fpu_cpu = (int32_t)this_cpu()->id;
	}
	set_enabled(arch, true);
	arch->fpu_saved = false;
}

static bool area_ensure(struct thread *t)
{
	if (t->machine.fpu == NULL) {
		t->machine.fpu = zone_alloc(fpu_zone);
		if (t->machine.fpu == NULL)
			return false;
		area_init(t->machine.fpu);
		t->machine.fpu_cpu = -1;
	}
	return true;
}

bool fpu_first_use(void)
{
	struct thread *self = current_thread();

	if (!area_ensure(self))
		return false;
	own(cpu_arch(this_cpu()), self);
	self->machine.fpu_turns++;
	return true;
}

/* Nobody's data in the registers. */
static void registers_clear(struct cpu_arch *arch)
{
	static struct {
		char bytes[4096];
	} initial __attribute__((aligned(64))); /* zeroed: an initial XSAVE area but for two words */
	struct fxsave *f = (struct fxsave *)&initial;

	f->fcw = FCW_INITIAL;
	f->mxcsr = MXCSR_INITIAL;
	set_enabled(arch, true);
	registers_load(&initial);
	arch->fpu_owner = NULL;
}

/* The registers stay the owner's: only who may use them changes. */
static inline void switch_lazy(struct cpu_arch *arch, struct thread *old, struct thread *next)
{
	bool habit = next->machine.fpu_turns > FPU_HABIT && is_owner(arch, next);

	if (!arch->fpu_enabled)
		old->machine.fpu_turns = 0; /* it did without */
	set_enabled(arch, habit);
	if (habit) {
		next->machine.fpu_turns++; /* in the end 0: it is looked at anew */
		arch->fpu_saved = false;
	}
}

static __attribute__((noinline, cold)) void switch_saving(struct cpu_arch *arch, struct thread *old, struct thread *next)
{
	if (arch->fpu_enabled && save_at_switch)
		owner_save(arch);
	if (cpu_features.fpu_lazy_safe) {
		switch_lazy(arch, old, next);
		return;
	}
	if (next->machine.fpu != NULL) {
		own(arch, next);
	} else if (next->machine.user) { /* user code comes */
		if (arch->fpu_owner != NULL)
			registers_clear(arch);
		set_enabled(arch, false);
	}
}

void fpu_switch(struct thread *old, struct thread *next)
{
	struct cpu_arch *arch = cpu_arch(this_cpu());

	if (__builtin_expect(!save_at_switch && cpu_features.fpu_lazy_safe, 1))
		switch_lazy(arch, old, next);
	else
		switch_saving(arch, old, next);
}

void fpu_destroy(struct thread *t)
{
	struct cpu_arch *arch;

	if (t->machine.fpu == NULL)
		return;
	cpu_irq_push();
	arch = cpu_arch(this_cpu());
	if (arch->fpu_owner == t) {
		arch->fpu_owner = NULL;
		set_enabled(arch, false);
	}
	cpu_irq_pop();
	zone_free(fpu_zone, t->machine.fpu);
	t->machine.fpu = NULL;
}

/* t's newest state is in its area on return, and the area is its newest state until it runs. */
static void bring_to_area(struct thread *t, bool forget_registers)
{
	struct cpu_arch *arch;

	cpu_irq_push();
	arch = cpu_arch(this_cpu());
	if (is_owner(arch, t)) {
		owner_save(arch);
		if (t == current_thread())
			arch->fpu_saved = !arch->fpu_enabled; /* it may go on to change them */
	}
	if (forget_registers) {
		if (arch->fpu_owner == t) {
			arch->fpu_owner = NULL;
			set_enabled(arch, false);
		}
		t->machine.fpu_cpu = -1;
	}
	cpu_irq_pop();
}

kern_return_t fpu_get_state(struct thread *t, x86_float_state64_t *state)
{
	memset(state, 0, sizeof(*state));
	if (t->machine.fpu == NULL) {
		state->fpu_fcw = FCW_INITIAL;
		state->fpu_mxcsr = MXCSR_INITIAL;
		state->fpu_mxcsrmask = MXCSR_DEFAULT_MASK;
		return KERN_SUCCESS;
	}
	bring_to_area(t, false);
	memcpy(&state->fpu_fcw, t->machine.fpu, FXSAVE_BYTES);
	return KERN_SUCCESS;
}

kern_return_t fpu_set_state(struct thread *t, const x86_float_state64_t *state)
{
	struct fxsave *area;
	uint32_t mask;

	if (!area_ensure(t))
		return KERN_RESOURCE_SHORTAGE;
	bring_to_area(t, true);
	area = t->machine.fpu;
	mask = area->mxcsr_mask != 0 ? area->mxcsr_mask : MXCSR_DEFAULT_MASK;
	memcpy(area, &state->fpu_fcw, FXSAVE_BYTES);
	area->mxcsr &= mask; /* other bits would fault at XRSTOR */
	area->mxcsr_mask = mask;
	memset((char *)area + FXSAVE_BYTES - 96, 0, 96);
	if (cpu_features.xsave)
		area->xstate_bv |= XSTATE_X87_SSE;
	return KERN_SUCCESS;
}

bool fpu_get_upper(struct thread *t, uint8_t upper[16][16])
{
	const struct fxsave *area = t->machine.fpu;

	if ((cpu_features.xsave_mask & XSTATE_AVX) == 0)
		return false;
	memset(upper, 0, 256);
	if (area == NULL)
		return true;
	bring_to_area(t, false);
	if ((area->xstate_bv & XSTATE_AVX) != 0)
		memcpy(upper, (const char *)area + XSAVE_AVX_OFFSET, 256);
	return true;
}

bool fpu_set_upper(struct thread *t, const uint8_t upper[16][16])
{
	struct fxsave *area;

	if ((cpu_features.xsave_mask & XSTATE_AVX) == 0 || !area_ensure(t))
		return false;
	bring_to_area(t, true);
	area = t->machine.fpu;
	memcpy((char *)area + XSAVE_AVX_OFFSET, upper, 256);
	area->xstate_bv |= XSTATE_AVX;
	return true;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread_state.c - registers of a stopped thread, by flavour.
 *
 * Invariants: S1 whatever a user asks for, the frame stays one that returns to user mode safely: selectors are the user's,
 *   RFLAGS has IF and none of IOPL, NT, VM; bases and RIP are canonical user addresses.
 * Locking: t is current, or stopped at its trap boundary.
 */
#include "cpu_private.h"
#include "fpu.h"
#include "instructions.h"
#include "trap_private.h"
#include <base/string.h>
#include <kern/thread.h>
#include <mach/thread_status.h>
#include <machine/pmap.h>

_Static_assert(x86_FLOAT_STATE64_COUNT <= THREAD_STATE_MAX, "the largest flavour");

static void get_registers(const struct trap_frame *f, x86_thread_state64_t *s)
{
	*s = (x86_thread_state64_t){
		.rax = f->rax, .rbx = f->rbx, .rcx = f->rcx, .rdx = f->rdx,
		.rdi = f->rdi, .rsi = f->rsi, .rbp = f->rbp, .rsp = f->rsp,
		.r8 = f->r8, .r9 = f->r9, .r10 = f->r10, .r11 = f->r11,
		.r12 = f->r12, .r13 = f->r13, .r14 = f->r14, .r15 = f->r15,
		.rip = f->rip, .rflags = f->rflags, .cs = f->cs,
	};
}

static void set_registers(struct trap_frame *f, const x86_thread_state64_t *s)
{
	f->rax = s->rax, f->rbx = s->rbx, f->rcx = s->rcx, f->rdx = s->rdx;
	f->rdi = s->rdi, f->rsi = s->rsi, f->rbp = s->rbp, f->rsp = s->rsp;
	f->r8 = s->r8, f->r9 = s->r9, f->r10 = s->r10, f->r11 = s->r11;
	f->r12 = s->r12, f->r13 = s->r13, f->r14 = s->r14, f->r15 = s->r15;
	f->rip = s->rip;
	f->rflags = (s->rflags & RFLAGS_USER) | RFLAGS_ONE | RFLAGS_IF; /* S1 */
	f->cs = SELECTOR_USER_CODE;
	f->ss = SELECTOR_USER_DATA;
}

kern_return_t machine_thread_get_state(struct thread *t, int flavor, uint32_t *state, uint32_t *count)
{
	meshach_base_state64_t bases = { t->machine.fs_base, t->machine.gs_base };

	switch (flavor) {
	case x86_THREAD_STATE64: {
		x86_thread_state64_t s;

		if (*count < x86_THREAD_STATE64_COUNT)
			return KERN_INVALID_ARGUMENT;
		get_registers(t->machine.frame, &s);
		memcpy(state, &s, sizeof(s));
		*count = x86_THREAD_STATE64_COUNT;
		return KERN_SUCCESS;
	}
	case x86_FLOAT_STATE64: {
		x86_float_state64_t s;

		if (*count < x86_FLOAT_STATE64_COUNT)
			return KERN_INVALID_ARGUMENT;
		(void)fpu_get_state(t, &s);
		memcpy(state, &s, sizeof(s));
		*count = x86_FLOAT_STATE64_COUNT;
		return KERN_SUCCESS;
	}
	case MESHACH_BASE_STATE64:
		if (*count < MESHACH_BASE_STATE64_COUNT)
			return KERN_INVALID_ARGUMENT;
		memcpy(state, &bases, sizeof(bases));
		*count = MESHACH_BASE_STATE64_COUNT;
		return KERN_SUCCESS;
	default:
		return KERN_INVALID_ARGUMENT;
	}
}

static kern_return_t set_bases(struct thread *t, const meshach_base_state64_t *bases)
{
	if (bases->fs_base >= USER_ADDRESS_END || bases->gs_base >= USER_ADDRESS_END) /* S1 */
		return KERN_INVALID_ARGUMENT;
	t->machine.gs_base = bases->gs_base;
	t->machine.fs_base = bases->fs_base;
	t->machine.bases_cpu = -1;
	if (t == current_thread())
		machine_set_fs_base(bases->fs_base);
	return KERN_SUCCESS;
}

kern_return_t machine_thread_set_state(struct thread *t, int flavor, const uint32_t *state,
				       uint32_t count)
{
	switch (flavor) {
	case x86_THREAD_STATE64: {
		x86_thread_state64_t s;

		if (count != x86_THREAD_STATE64_COUNT)
			return KERN_INVALID_ARGUMENT;
		memcpy(&s, state, sizeof(s));
		if (s.rip >= USER_ADDRESS_END)
			return KERN_INVALID_ARGUMENT;
		set_registers(t->machine.frame, &s);
		return KERN_SUCCESS;
	}
	case x86_FLOAT_STATE64: {
		x86_float_state64_t s;

		if (count != x86_FLOAT_STATE64_COUNT)
			return KERN_INVALID_ARGUMENT;
		memcpy(&s, state, sizeof(s));
		return fpu_set_state(t, &s);
	}
	case MESHACH_BASE_STATE64: {
		meshach_base_state64_t bases;

		if (count != MESHACH_BASE_STATE64_COUNT)
			return KERN_INVALID_ARGUMENT;
		memcpy(&bases, state, sizeof(bases));
		return set_bases(t, &bases);
	}
	default:
		return KERN_INVALID_ARGUMENT;
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread_state.c - registers of a stopped thread, by flavour.
 *
 * Invariants: S1 whatever a user asks for, the frame stays one that returns to user mode safely: selectors are the user's,
 *   RFLAGS has IF and none of IOPL, NT, VM; bases and RIP are canonical user addresses; S2 so are watched addresses, and
 *   what is watched is data or instructions, never ports.
 * Locking: t is current, or stopped at its trap boundary.
 * References: XNU, mach/i386/thread_status.h, for flavours and layouts; SDM vol. 3B 17.2.
 */
#include "cpu_private.h"
#include "fpu.h"
#include "instructions.h"
#include "trap_private.h"
#include <base/string.h>
#include <kern/thread.h>
#include <mach/thread_status.h>
#include <machine/pmap.h>

_Static_assert(x86_AVX_STATE64_COUNT <= THREAD_STATE_MAX, "the largest flavour");

/* Room for any flavour without a header. */
union any_state {
	x86_thread_state64_t thread;
	x86_float_state64_t fpu;
	x86_exception_state64_t exception;
	x86_debug_state64_t debug;
	x86_avx_state64_t avx;
	meshach_base_state64_t bases;
	uint32_t words[x86_AVX_STATE64_COUNT];
};

struct flavor {
	uint32_t count; /* 0: there is none */
	kern_return_t (*get)(struct thread *, union any_state *);
	kern_return_t (*set)(struct thread *, const union any_state *);
};

/* ---- each flavour ---- */

static kern_return_t get_registers(struct thread *t, union any_state *s)
{
	const struct trap_frame *f = t->machine.frame;

	s->thread = (x86_thread_state64_t){
		.rax = f->rax, .rbx = f->rbx, .rcx = f->rcx, .rdx = f->rdx,
		.rdi = f->rdi, .rsi = f->rsi, .rbp = f->rbp, .rsp = f->rsp,
		.r8 = f->r8, .r9 = f->r9, .r10 = f->r10, .r11 = f->r11,
		.r12 = f->r12, .r13 = f->r13, .r14 = f->r14, .r15 = f->r15,
		.rip = f->rip, .rflags = f->rflags, .cs = f->cs,
	};
	return KERN_SUCCESS;
}

static kern_return_t set_registers(struct thread *t, const union any_state *state)
{
	const x86_thread_state64_t *s = &state->thread;
	struct trap_frame *f = t->machine.frame;

	if (s->rip >= USER_ADDRESS_END) /* S1 */
		return KERN_INVALID_ARGUMENT;
	f->rax = s->rax, f->rbx = s->rbx, f->rcx = s->rcx, f->rdx = s->rdx;
	f->rdi = s->rdi, f->rsi = s->rsi, f->rbp = s->rbp, f->rsp = s->rsp;
	f->r8 = s->r8, f->r9 = s->r9, f->r10 = s->r10, f->r11 = s->r11;
	f->r12 = s->r12, f->r13 = s->r13, f->r14 = s->r14, f->r15 = s->r15;
	f->rip = s->rip;
	f->rflags = (s->rflags & RFLAGS_USER) | RFLAGS_ONE | RFLAGS_IF; /* S1 */
	f->cs = SELECTOR_USER_CODE;
	f->ss = SELECTOR_USER_DATA;
	return KERN_SUCCESS;
}

static kern_return_t get_fpu(struct thread *t, union any_state *s)
{
	return fpu_get_state(t, &s->fpu);
}

static kern_return_t set_fpu(struct thread *t, const union any_state *s)
{
	return fpu_set_state(t, &s->fpu);
}

static kern_return_t get_avx(struct thread *t, union any_state *s)
{
	kern_return_t kr = fpu_get_state(t, &s->avx.fpu);

	if (kr == KERN_SUCCESS && !fpu_get_upper(t, s->avx.fpu_ymmh))
		kr = KERN_NOT_SUPPORTED;
	return kr;
}

static kern_return_t set_avx(struct thread *t, const union any_state *s)
{
	kern_return_t kr = fpu_set_state(t, &s->avx.fpu);

	if (kr == KERN_SUCCESS && !fpu_set_upper(t, s->avx.fpu_ymmh))
		kr = KERN_NOT_SUPPORTED;
	return kr;
}

static kern_return_t get_exception(struct thread *t, union any_state *s)
{
	s->exception = (x86_exception_state64_t){ .trapno = (uint16_t)t->machine.frame->vector, .cpu = (uint16_t)t->cpu,
						  .err = (uint32_t)t->machine.frame->error,
						  .faultvaddr = t->machine.fault_address };
	return KERN_SUCCESS;
}

static void tell_debug(const struct machine_debug *d, union any_state *s)
{
	s->debug = (x86_debug_state64_t){ .dr0 = d->address[0], .dr1 = d->address[1], .dr2 = d->address[2],
					  .dr3 = d->address[3], .dr6 = d->status, .dr7 = d->control };
}

static kern_return_t get_debug(struct thread *t, union any_state *s)
{
	tell_debug(&t->machine.debug, s);
	return KERN_SUCCESS;
}

/* S2: may one of the four be so? */
static bool may_watch(uint64_t control, unsigned i, uint64_t address)
{
	uint64_t condition = control >> (16 + 4 * i) & 3, length = control >> (18 + 4 * i) & 3;

	if ((control >> (2 * i) & 3) == 0)
		return true; /* it is off */
	if (address >= USER_ADDRESS_END || condition == 2)
		return false;
	return condition != 0 || length == 0;
}

static kern_return_t take_debug(struct machine_debug *d, const union any_state *state)
{
	const x86_debug_state64_t *s = &state->debug;
	const uint64_t address[4] = { s->dr0, s->dr1, s->dr2, s->dr3 };

	if ((s->dr7 & ~(DR7_USER | DR7_ONE)) != 0)
		return KERN_INVALID_ARGUMENT;
	for (unsigned i = 0; i < 4; i++)
		if (!may_watch(s->dr7, i, address[i]))
			return KERN_INVALID_ARGUMENT;
	memcpy(d->address, address, sizeof(address));
	d->status = s->dr6 & DR6_STATUS;
	d->control = s->dr7 & DR7_USER;
	return KERN_SUCCESS;
}

static kern_return_t set_debug(struct thread *t, const union any_state *state)
{
	kern_return_t kr = take_debug(&t->machine.debug, state);

	if (kr != KERN_SUCCESS)
		return kr;
	t->machine.debugged = (t->machine.debug.control & DR7_ENABLES) != 0;
	if (t == current_thread())
		machine_thread_stopped(t);
	return KERN_SUCCESS;
}

static kern_return_t get_bases(struct thread *t, union any_state *s)
{
	s->bases = (meshach_base_state64_t){ t->machine.fs_base, t->machine.gs_base };
	return KERN_SUCCESS;
}

static kern_return_t set_bases(struct thread *t, const union any_state *state)
{
	const meshach_base_state64_t *bases = &state->bases;

	if (bases->fs_base >= USER_ADDRESS_END || bases->gs_base >= USER_ADDRESS_END) /* S1 */
		return KERN_INVALID_ARGUMENT;
	t->machine.gs_base = bases->gs_base;
	t->machine.fs_base = bases->fs_base;
	t->machine.bases_cpu = -1;
	if (t == current_thread())
		machine_set_fs_base(bases->fs_base);
	return KERN_SUCCESS;
}

/* ---- by number ---- */

/* Without a header: the flavour and how many words it has. count 0: there is no such flavour. */
static struct flavor flavor_of(int flavor)
{
	switch (flavor) {
	case x86_THREAD_STATE64:
		return (struct flavor){ x86_THREAD_STATE64_COUNT, get_registers, set_registers };
	case x86_FLOAT_STATE64:
		return (struct flavor){ x86_FLOAT_STATE64_COUNT, get_fpu, set_fpu };
	case x86_EXCEPTION_STATE64:
		return (struct flavor){ x86_EXCEPTION_STATE64_COUNT, get_exception, NULL };
	case x86_DEBUG_STATE64:
		return (struct flavor){ x86_DEBUG_STATE64_COUNT, get_debug, set_debug };
	case x86_AVX_STATE64:
		return (struct flavor){ x86_AVX_STATE64_COUNT, get_avx, set_avx };
	case MESHACH_BASE_STATE64:
		return (struct flavor){ MESHACH_BASE_STATE64_COUNT, get_bases, set_bases };
	default:
		return (struct flavor){ 0, NULL, NULL };
	}
}

/* What a flavour with a header is about; 0: it has none. */
static int inner_flavor(int flavor)
{
	switch (flavor) {
	case x86_THREAD_STATE:
		return x86_THREAD_STATE64;
	case x86_FLOAT_STATE:
		return x86_FLOAT_STATE64;
	case x86_EXCEPTION_STATE:
		return x86_EXCEPTION_STATE64;
	case x86_DEBUG_STATE:
		return x86_DEBUG_STATE64;
	default:
		return 0;
	}
}

#define HEADER_WORDS ((uint32_t)(sizeof(x86_state_hdr_t) / sizeof(uint32_t)))

bool machine_thread_state_settable(int flavor)
{
	return flavor_of(inner_flavor(flavor) != 0 ? inner_flavor(flavor) : flavor).set != NULL;
}

static kern_return_t get_plain(struct thread *t, int number, uint32_t *state, uint32_t *count)
{
	struct flavor flavor = flavor_of(number);
	union any_state s;
	kern_return_t kr;

	if (flavor.count == 0 || *count < flavor.count)
		return KERN_INVALID_ARGUMENT;
	memset(&s, 0, sizeof(s));
	kr = flavor.get(t, &s);
	if (kr != KERN_SUCCESS)
		return kr;
	memcpy(state, &s, flavor.count * sizeof(uint32_t));
	*count = flavor.count;
	return KERN_SUCCESS;
}

kern_return_t machine_thread_get_state(struct thread *t, int flavor, uint32_t *state, uint32_t *count)
{
	int inner = inner_flavor(flavor);
	x86_state_hdr_t header = { .flavor = (uint32_t)inner };
	kern_return_t kr;

	if (inner == 0)
		return get_plain(t, flavor, state, count);
	if (*count < HEADER_WORDS)
		return KERN_INVALID_ARGUMENT;
	header.count = *count - HEADER_WORDS;
	kr = get_plain(t, inner, state + HEADER_WORDS, &header.count);
	if (kr != KERN_SUCCESS)
		return kr;
	memcpy(state, &header, sizeof(header));
	*count = header.count + HEADER_WORDS;
	return KERN_SUCCESS;
}

/*
 * A state that a user gives: its flavour without a header, and its words, taken over once. False: no such flavour, or not its size.
 */
static bool take_state(int *number, const uint32_t *state, uint32_t count, union any_state *s)
{
	int inner = inner_flavor(*number);
	x86_state_hdr_t header;

	if (inner != 0) {
		if (count < HEADER_WORDS)
			return false;
		memcpy(&header, state, sizeof(header));
		if (header.flavor != (uint32_t)inner || header.count != count - HEADER_WORDS)
			return false;
		state += HEADER_WORDS;
		count -= HEADER_WORDS;
		*number = inner;
	}
	if (flavor_of(*number).set == NULL || count != flavor_of(*number).count)
		return false;
	memcpy(s, state, count * sizeof(uint32_t));
	return true;
}

kern_return_t machine_thread_set_state(struct thread *t, int number, const uint32_t *state, uint32_t count)
{
	union any_state s;

	return take_state(&number, state, count, &s) ? flavor_of(number).set(t, &s) : KERN_INVALID_ARGUMENT;
}

/* ---- of a task ---- */

kern_return_t machine_task_set_state(struct machine_task *m, int number, const uint32_t *state, uint32_t count)
{
	union any_state s;

	if (!take_state(&number, state, count, &s) || number != x86_DEBUG_STATE64)
		return KERN_INVALID_ARGUMENT;
	return take_debug(&m->debug, &s);
}

kern_return_t machine_task_get_state(const struct machine_task *m, int number, uint32_t *state, uint32_t *count)
{
	bool wide = number == x86_DEBUG_STATE;
	uint32_t header_words = wide ? HEADER_WORDS : 0;
	x86_state_hdr_t header = { .flavor = x86_DEBUG_STATE64, .count = x86_DEBUG_STATE64_COUNT };
	union any_state s;

	if ((number != x86_DEBUG_STATE64 && !wide) || *count < header_words + x86_DEBUG_STATE64_COUNT)
		return KERN_INVALID_ARGUMENT;
	memset(&s, 0, sizeof(s));
	tell_debug(&m->debug, &s);
	memcpy(state, &header, header_words * sizeof(uint32_t));
	memcpy(state + header_words, &s, x86_DEBUG_STATE64_COUNT * sizeof(uint32_t));
	*count = header_words + x86_DEBUG_STATE64_COUNT;
	return KERN_SUCCESS;
}

void machine_thread_inherit(struct thread *t, const struct machine_task *m)
{
	t->machine.debug = m->debug;
	t->machine.debugged = (m->debug.control & DR7_ENABLES) != 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * panic.c - the end of a kernel that cannot go on: say why, show where, end the machine with a failure.
 *
 * Interface: panic() of <kern/assert.h>, panic_trap() of panic.h.
 * Invariants: P1 one CPU prints; the others stop; P2 a panic inside a panic prints one line and ends.
 */
#include <ddb/ddb.h>
#include <ddb/trace.h>
#include <kern/panic.h>
#include <kern/printf.h>
#include <kern/thread.h>
#include <machine/boot.h>
#include <machine/trap.h>
#include <machine/cpu.h>
#include <stdatomic.h>

#define TRACE_LAST 24

static _Atomic uint32_t panicking; /* CPU number + 1 */

/* The right to print; does not return to a CPU that lost it. */
static void panic_enter(void)
{
	uint32_t me = this_cpu()->id + 1, nobody = 0;

	cpu_irq_disable();
	if (!atomic_compare_exchange_strong(&panicking, &nobody, me)) {
		if (nobody == me) { /* P2 */
			kprintf("\nPANIC: again, while panicking\n");
			machine_exit(1);
		}
		machine_halt();
	}
	printf_force(true);
	machine_stop_others(); /* P1 */
}

static void panic_print(const char *format, va_list ap)
{
	static char text[512];
	struct thread *t = current_thread();

	kvsnprintf(text, sizeof(text), format, ap);
	kprintf("\nPANIC: %s\n", text);
	kprintf("cpu %u", this_cpu()->id);
	if (t != NULL)
		kprintf(", thread %lu (%.32s)", t->tid, t->name);
	kprintf("\n");
}

static _Noreturn void panic_leave(void)
{
	if (trace_on) {
		kprintf("the last events:\n");
		trace_print(TRACE_LAST);
	}
	ddb_panic();
	machine_exit(1);
}

void panic(const char *format, ...)
{
	va_list ap;

	panic_enter();
	va_start(ap, format);
	panic_print(format, ap);
	va_end(ap);
	machine_print_registers();
	machine_backtrace((uint64_t)__builtin_return_address(0), *(uint64_t *)__builtin_frame_address(0));
	panic_leave();
}

void panic_trap(const struct trap_frame *frame, const char *format, ...)
{
	va_list ap;

	panic_enter();
	va_start(ap, format);
	panic_print(format, ap);
	va_end(ap);
	machine_print_frame(frame);
	machine_backtrace_trap(frame);
	panic_leave();
}

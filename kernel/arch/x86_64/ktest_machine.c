/* SPDX-License-Identifier: BSD-2-Clause */
/* ktest_machine.c - boot tests of time, interrupts between CPUs and the console's input. */
#include <base/string.h>
#include <kern/ktest.h>
#include <kern/lock.h>
#include <kern/printf.h>
#include <kern/thread.h>
#include <machine/clock.h>
#include <machine/console.h>
#include <machine/cpu.h>
#include <sched/sched.h>
#include <stdatomic.h>

#define RUN_NS (200 * NSEC_PER_MSEC)

/* --- time --------------------------------------------------------------------------------- */

static struct {
	struct spinlock lock;
	uint64_t last_ns, readings, backwards;
	uint64_t cpus; /* bit per CPU that read */
	_Atomic uint32_t finished;
} clocks = { .lock = SPINLOCK_INIT("clock test") };

/* Read the clock in turns with the others, each reading after the one before, for RUN_NS. */
static void read_clocks(void *unused)
{
	uint64_t until = machine_now_ns() + RUN_NS, now;

	do {
		spin_lock(&clocks.lock);
		now = machine_now_ns();
		clocks.backwards += now < clocks.last_ns;
		clocks.last_ns = now;
		clocks.readings++;
		clocks.cpus |= 1UL << this_cpu()->id;
		spin_unlock(&clocks.lock);
	} while (now < until);
	atomic_fetch_add(&clocks.finished, 1);
}

KTEST(clock)
{
	uint64_t start, slept;
	uint32_t readers = cpu_count + 1;

	for (unsigned ms = 1; ms <= 100; ms *= 10) {
		start = machine_now_ns();
		thread_sleep_ns(ms * NSEC_PER_MSEC);
		slept = machine_now_ns() - start;
		/* Not too early; late by no more than a busy host may make it. */
		ktest_ok(slept >= ms * NSEC_PER_MSEC && slept < ms * NSEC_PER_MSEC + 500 * NSEC_PER_MSEC,
			 "ARCH0200 a sleep of %u ms takes %lu us", ms, slept / 1000);
	}
	for (uint32_t i = 0; i < readers; i++)
		thread_deallocate(kernel_thread_start("clock", SCHED_PRIORITY_USER, read_clocks, NULL));
	while (atomic_load(&clocks.finished) < readers)
		thread_sleep_ns(10 * NSEC_PER_MSEC);
	ktest_ok(clocks.cpus == (1UL << cpu_count) - 1, "ARCH0201 %u threads run on %u CPUs", readers,
		 cpu_count);
	ktest_ok(clocks.backwards == 0, "ARCH0202 the clock never goes back, on no CPU (%lu times)",
		 clocks.backwards);
}

/* --- interrupts between CPUs -------------------------------------------------------------- */

KTEST(ping)
{
	for (uint32_t i = 0; i < cpu_count; i++) {
		struct cpu *to = cpu_by_id(i);
		uint64_t before = to->pings, until = machine_now_ns() + NSEC_PER_SEC;

		if (i != this_cpu()->id) {
			cpu_send_ipi(i, CPU_IPI_PING);
			while (to->pings == before && machine_now_ns() < until)
				cpu_relax();
			ktest_ok(to->pings == before + 1, "ARCH0210 CPU %u takes an interrupt", i);
		}
	}
	ktest_ok(this_cpu()->online, "ARCH0211 %u CPUs are up", cpu_count);
}

/* --- the console's input ------------------------------------------------------------------ */

#define EXPECTED "typed\n"
#define EXPECTED_BYTES (sizeof(EXPECTED) - 1)

static char typed[64];
static _Atomic uint32_t typed_count;

static void on_byte(int byte)
{
	uint32_t n = atomic_load(&typed_count);

	if (n < sizeof(typed) - 1) {
		typed[n] = (char)byte;
		atomic_store(&typed_count, n + 1);
	}
}

/* Not in test=all: somebody must type. */
KTEST_PANICS(console_input)
{
	uint64_t until = machine_now_ns() + 5 * NSEC_PER_SEC;
	uint32_t n = 0;

	console_set_input(on_byte);
	while ((n == 0 || typed[n - 1] != '\n') && machine_now_ns() < until) {
		thread_sleep_ns(10 * NSEC_PER_MSEC);
		n = atomic_load(&typed_count);
	}
	/* What was typed before the UART was set up is lost. */
	ktest_ok(n >= EXPECTED_BYTES && memcmp(typed + n - EXPECTED_BYTES, EXPECTED, EXPECTED_BYTES) == 0,
		 "ARCH0220 what is typed comes by interrupt (%u bytes)", n);
}

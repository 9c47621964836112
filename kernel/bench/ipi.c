/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipi.c - inter-processor interrupts: sent here until counted there. Boot option test=bench_ipi, two CPUs.
 *
 * The other CPU counts every interrupt (struct cpu.interrupts); this one sends and watches the count. First the
 * other CPU runs a thread that does nothing, then it is idle: waking a halted CPU is what design D7 avoids.
 */
#include <bench/sample.h>
#include <kern/assert.h>
#include <kern/clock.h>
#include <kern/kalloc.h>
#include <kern/ktest.h>
#include <kern/thread.h>
#include <machine/cpu.h>
#include <sched/sched.h>
#include <stdatomic.h>

#define ROUNDS 3000u
#define SETTLE_NS (50 * NSEC_PER_MSEC)
#define GAP_NS 200000ULL /* between rounds: time for the other CPU to halt again */
#define PATIENCE_NS (20 * NSEC_PER_SEC)

static _Atomic uint32_t spinner_cpu = MAX_CPUS;
static atomic_bool spinner_stop, spinner_gone;

static void spin(void *unused)
{
	(void)unused;
	while (!atomic_load(&spinner_stop)) {
		atomic_store(&spinner_cpu, this_cpu()->id);
		cpu_relax();
	}
	atomic_store(&spinner_gone, true);
}

static void pause_ns(uint64_t ns)
{
	for (uint64_t end = clock_now_ns() + ns; clock_now_ns() < end;)
		cpu_relax();
}

static void measure(const char *name, struct sample *s, uint32_t target)
{
	const volatile uint64_t *count = &cpu_by_id(target)->interrupts;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint64_t before = *count, start = clock_now_ns();

		cpu_send_ipi(target, CPU_IPI_PING);
		while (*count == before)
			if (clock_now_ns() - start > PATIENCE_NS)
				panic("bench: CPU %u does not take interrupts", target);
		sample_add(s, clock_now_ns() - start);
		pause_ns(GAP_NS);
	}
	sample_print(s, name, 1);
}

KTEST_APART(bench_ipi)
{
	struct sample *s = kalloc(sizeof *s);
	uint64_t start = clock_now_ns(), usual = sched_poll_ns;
	uint32_t here, target;

	if (cpu_count < 2 || s == NULL)
		panic("bench: the IPI wants two CPUs and memory");
	s->count = 0;
	sched_poll_ns = 0;
	thread_deallocate(kernel_thread_start("spinner", SCHED_PRIORITY_USER, spin, NULL));
	do { /* an idle CPU steals it */
		here = this_cpu()->id;
		target = atomic_load(&spinner_cpu);
		if (clock_now_ns() - start > PATIENCE_NS)
			panic("bench: no other CPU takes the spinner");
	} while (target == here || target >= cpu_count);
	pause_ns(SETTLE_NS);
	measure("ipi", s, target);
	atomic_store(&spinner_stop, true);
	while (!atomic_load(&spinner_gone))
		cpu_relax();
	pause_ns(SETTLE_NS);
	measure("ipi to a halted cpu", s, target);
	sched_poll_ns = usual;
	ktest_ok(true, "CPU %u took every interrupt", target);
	kfree(s, sizeof *s);
}

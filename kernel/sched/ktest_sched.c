/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ktest_sched.c - the scheduler in a booted kernel: inheritance through mutexes, preemption inside the kernel, timers, idle.
 * Policies and calls are tried by a program (tests/kernel/programs/sched_calls.c).
 */
#include <base/string.h>
#include <kern/ktest.h>
#include <kern/thread.h>
#include <machine/cpu.h>
#include <sched/donate.h>
#include <sched/mutex.h>
#include <sched/sched.h>

#define LOW 20
#define MIDDLE 40
#define HIGH 60

static _Atomic uint32_t running; /* threads of the case that have not ended */

static void only_cpu_0(struct thread *t, const void *unused)
{
	(void)unused;
	t->cpu_mask = 1;
}

/* The calling thread: on CPU 0 from now on. */
static void stay_on_cpu_0(void)
{
	sched_change(current_thread(), only_cpu_0, NULL);
	while (this_cpu()->id != 0)
		(void)sched_yield();
}

/* Use ns of CPU, with interrupts on. */
static void work(uint64_t ns)
{
	uint64_t user, system, end;

	thread_times(current_thread(), &user, &system);
	end = user + system + ns;
	while (user + system < end)
		thread_times(current_thread(), &user, &system);
}

static struct thread *start(const char *name, uint32_t priority, void (*fn)(void *), void *arg)
{
	atomic_fetch_add(&running, 1);
	return kernel_thread_start(name, priority, fn, arg);
}

static void wait_for_all(void)
{
	while (atomic_load(&running) != 0)
		thread_sleep_ns(NSEC_PER_MSEC);
}

/* It has left all that it may wait for on its way out (where it may lend and be lent to as anybody). */
static void wait_until_ended(struct thread *t)
{
	while (!*(volatile bool *)&t->donation.ended)
		thread_sleep_ns(NSEC_PER_MSEC);
}

static void wait_for(_Atomic uint32_t *word, uint32_t value)
{
	while (atomic_load(word) < value)
		thread_sleep_ns(NSEC_PER_MSEC);
}

/* --- inversion through a mutex ------------------------------------------------------------ */

static struct {
	struct mutex mutex;
	_Atomic uint32_t low_has_it, middle_began, high_got_it;
	bool middle_was_alone; /* for so long that a host's pause cannot be why */
} inversion;

static void low_owner(void *unused)
{
	stay_on_cpu_0();
	mutex_lock(&inversion.mutex);
	atomic_store(&inversion.low_has_it, 1);
	work(60 * NSEC_PER_MSEC);
	mutex_unlock(&inversion.mutex);
	atomic_fetch_sub(&running, 1);
}

static void middle_hog(void *unused)
{
	stay_on_cpu_0();
	atomic_store(&inversion.middle_began, 1);
	for (int i = 0; i < 500 && atomic_load(&inversion.high_got_it) == 0; i++)
		work(20 * NSEC_PER_MSEC);
	inversion.middle_was_alone = atomic_load(&inversion.high_got_it) == 0;
	atomic_fetch_sub(&running, 1);
}

static void high_waiter(void *unused)
{
	stay_on_cpu_0();
	mutex_lock(&inversion.mutex);
	atomic_store(&inversion.high_got_it, 1);
	mutex_unlock(&inversion.mutex);
	atomic_fetch_sub(&running, 1);
}

KTEST(sched_inversion)
{
	struct thread *low, *middle, *high;

	mutex_init(&inversion.mutex, "test mutex");
	low = start("low", LOW, low_owner, NULL);
	wait_for(&inversion.low_has_it, 1);
	middle = start("middle", MIDDLE, middle_hog, NULL);
	wait_for(&inversion.middle_began, 1);
	high = start("high", HIGH, high_waiter, NULL);
	wait_for_all();
	wait_until_ended(low);
	wait_until_ended(high);
	ktest_ok(!inversion.middle_was_alone,
		 "SCHD0101 a thread between does not keep a mutex's owner from who waits for it");
	ktest_ok(low->promotion == 0 && high->promotion == 0, "SCHD0102 nothing stays lent");
	thread_deallocate(low);
	thread_deallocate(middle);
	thread_deallocate(high);
}

/* --- a chain of mutexes ------------------------------------------------------------------- */

#define CHAIN 4

static struct {
	struct mutex mutexes[CHAIN];
	_Atomic uint32_t ready[CHAIN];
	_Atomic uint32_t let_go;
} chain;

/* Owns its mutex, and all but the first wait for the one before. */
static void chain_member(void *arg)
{
	uint32_t i = (uint32_t)(uintptr_t)arg;

	mutex_lock(&chain.mutexes[i]);
	atomic_store(&chain.ready[i], 1);
	if (i == 0) {
		wait_for(&chain.let_go, 1);
	} else {
		mutex_lock(&chain.mutexes[i - 1]);
		mutex_unlock(&chain.mutexes[i - 1]);
	}
	mutex_unlock(&chain.mutexes[i]);
	atomic_fetch_sub(&running, 1);
}

static void chain_end(void *unused)
{
	mutex_lock(&chain.mutexes[CHAIN - 1]);
	mutex_unlock(&chain.mutexes[CHAIN - 1]);
	atomic_fetch_sub(&running, 1);
}

KTEST(sched_chain)
{
	struct thread *members[CHAIN], *end;
	bool all = true;

	for (uint32_t i = 0; i < CHAIN; i++)
		mutex_init(&chain.mutexes[i], "test chain");
	for (uint32_t i = 0; i < CHAIN; i++) {
		members[i] = start("member", LOW + i, chain_member, (void *)(uintptr_t)i);
		wait_for(&chain.ready[i], 1);
		while (i != 0 && members[i]->donation.to != members[i - 1])
			thread_sleep_ns(NSEC_PER_MSEC);
	}
	ktest_ok(donate_received(members[0]).priority == LOW + CHAIN - 1, "SCHD0110 the first of a chain is lent what the last is worth");
	end = start("end", HIGH, chain_end, NULL);
	while (end->donation.to == NULL)
		thread_sleep_ns(NSEC_PER_MSEC);
	for (uint32_t i = 0; i < CHAIN; i++)
		all = all && donate_received(members[i]).priority == HIGH && members[i]->priority == HIGH;
	ktest_ok(all, "SCHD0111 who comes later lends to all of the chain");
	atomic_store(&chain.let_go, 1);
	wait_for_all();
	wait_until_ended(end);
	for (uint32_t i = 0; i < CHAIN; i++) {
		wait_until_ended(members[i]);
		all = all && members[i]->promotion == 0;
	}
	ktest_ok(all && end->promotion == 0, "SCHD0112 all is given back when the chain dissolves");
	for (uint32_t i = 0; i < CHAIN; i++)
		thread_deallocate(members[i]);
	thread_deallocate(end);
}

/* --- preemption in the kernel ------------------------------------------------------------- */

static struct {
	_Atomic uint32_t spinning, stop, ran;
} preemption;

static void spin_in_kernel(void *unused)
{
	stay_on_cpu_0();
	atomic_store(&preemption.spinning, 1);
	while (atomic_load(&preemption.stop) == 0)
		cpu_relax();
	atomic_fetch_sub(&running, 1);
}

static void better_sleeper(void *unused)
{
	stay_on_cpu_0();
	for (int i = 0; i < 20; i++) {
		thread_sleep_ns(2 * NSEC_PER_MSEC);
		atomic_fetch_add(&preemption.ran, 1);
	}
	atomic_store(&preemption.stop, 1);
	atomic_fetch_sub(&running, 1);
}

KTEST(sched_preemption)
{
	uint64_t before = sched_counts(0).kernel_preemptions;

	thread_deallocate(start("better", HIGH, better_sleeper, NULL));
	thread_deallocate(start("spinner", LOW, spin_in_kernel, NULL));
	wait_for_all();
	ktest_ok(atomic_load(&preemption.ran) == 20,
		 "SCHD0120 a thread that spins in the kernel gives way to a better one each time it wakes");
	ktest_ok(sched_counts(0).kernel_preemptions >= before + 10, "SCHD0121 which the kernel counts as preemptions inside it (%lu)",
		 sched_counts(0).kernel_preemptions - before);
}

/* --- timers ------------------------------------------------------------------------------- */

#define TIMERS 300

static struct {
	struct timer timers[TIMERS];
	_Atomic uint32_t fired, early, out_of_order;
	uint64_t last;
} timing;

static void timer_fires(struct timer *t)
{
	if (clock_now_ns() < timer_deadline(t))
		atomic_fetch_add(&timing.early, 1);
	if (timer_deadline(t) < timing.last)
		atomic_fetch_add(&timing.out_of_order, 1);
	timing.last = timer_deadline(t);
	atomic_fetch_add(&timing.fired, 1);
}

KTEST(sched_timers)
{
	uint64_t start_ns, cancelled = 0, seed = 12345;

	cpu_irq_push(); /* all on one CPU */
	start_ns = clock_now_ns() + 5 * NSEC_PER_MSEC;
	for (uint32_t i = 0; i < TIMERS; i++) {
		seed = seed * 6364136223846793005UL + 1442695040888963407UL;
		timer_init(&timing.timers[i], timer_fires);
		timer_arm(&timing.timers[i], start_ns + (seed >> 33) % (20 * NSEC_PER_MSEC));
	}
	for (uint32_t i = 0; i < TIMERS; i += 3)
		cancelled += timer_cancel(&timing.timers[i]);
	cpu_irq_pop();
	ktest_ok(cancelled == TIMERS / 3, "SCHD0130 timers that have not come can be cancelled");
	for (int i = 0; i < 2000 && atomic_load(&timing.fired) < TIMERS - cancelled; i++)
		thread_sleep_ns(NSEC_PER_MSEC);
	ktest_ok(timing.fired == TIMERS - cancelled, "SCHD0131 each of the others comes once (%u)", timing.fired);
	ktest_ok(timing.early == 0 && timing.out_of_order == 0, "SCHD0132 none comes early or before an earlier one");
}

/* --- idle --------------------------------------------------------------------------------- */

KTEST(sched_idle)
{
	struct timer_counts before[MAX_CPUS];
	uint64_t most = 0;

	thread_sleep_ns(100 * NSEC_PER_MSEC);
	for (uint32_t i = 0; i < cpu_count; i++)
		before[i] = timer_counts(i);
	thread_sleep_ns(NSEC_PER_SEC);
	for (uint32_t i = 0; i < cpu_count; i++) {
		uint64_t ticks = timer_counts(i).idle_interrupts - before[i].idle_interrupts;

		if (ticks > most)
			most = ticks;
	}
	/* The sleeper's own end is one; its CPU may have had one armed for what was cancelled. */
	ktest_ok(most <= 4, "SCHD0140 an idle CPU takes no periodic tick (%lu timer interrupts in a second)", most);
}

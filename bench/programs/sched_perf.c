/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched_perf.c - the bench's program for the scheduler on our nodes: rows named as OSF mach_perf's sched tests where it has them, and
 * the latencies that the kernel itself has measured meanwhile.
 *
 *   sched_perf N        every row, N rounds each
 *
 * All threads are bound to one processor, so that a row is the cost of the switch and not of waking another processor.
 */
#include <mach/mach.h>
#include <mach/semaphore.h>
#include <mach/sync_policy.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "measure.h"

#define WARM_UP 100
#define HIGH 60

static mach_port_t self, processor, go, done, other;
static atomic_bool stop;
static atomic_ullong woken_tsc;

/* The control port is the first task's and those it gave it to; without it nothing is bound, on one processor that is the same. */
static void
find_processor(void)
{
	processor_array_t list;
	mach_msg_type_number_t count;

	if (host_processors(mach_host_self(), &list, &count) == KERN_SUCCESS)
		processor = list[0];
}

static void
bind_self(void)
{
	if (processor != MACH_PORT_NULL)
		check(thread_bind(mach_thread_self(), processor), "thread_bind");
}

static pthread_t
start(void *(*body)(void *))
{
	pthread_t t;

	other = MACH_PORT_NULL;
	if (pthread_create(&t, NULL, body, NULL) != 0)
		exit(1);
	while (__atomic_load_n(&other, __ATOMIC_ACQUIRE) == MACH_PORT_NULL)
		swtch();
	return t;
}

static void
report(const char *name, struct measure *m, unsigned n)
{
	measure_end(m, 1);
	measure_print(name, "local", n, m->p50_us, m->p99_us);
}

/* ---- rows ---- */

static void *
yields(void *unused)
{
	bind_self();
	__atomic_store_n(&other, mach_thread_self(), __ATOMIC_RELEASE);
	while (!atomic_load(&stop))
		swtch();
	return unused;
}

static void
switches(unsigned n)
{
	pthread_t t = start(yields);
	struct measure m = measure_begin(n);

	for (unsigned i = 0; i < n; i++) {
		uint64_t begin = measure_tsc();

		swtch();
		measure_add(&m, measure_tsc() - begin);
	}
	report("thread switch, there and back (swtch)", &m, n);
	m = measure_begin(n);
	for (unsigned i = 0; i < n; i++) {
		uint64_t begin = measure_tsc();

		(void)thread_switch(other, SWITCH_OPTION_NONE, 0);
		measure_add(&m, measure_tsc() - begin);
	}
	report("thread switch, hand-off to the named thread and back", &m, n);
	atomic_store(&stop, true);
	pthread_join(t, NULL);
}

static void *
wakes_up(void *unused)
{
	bind_self();
	__atomic_store_n(&other, mach_thread_self(), __ATOMIC_RELEASE);
	for (;;) {
		(void)semaphore_wait(go);
		atomic_store(&woken_tsc, measure_tsc());
		if (atomic_load(&stop))
			return unused;
		(void)semaphore_signal(done);
	}
}

/* From the signal to the first instruction of the woken thread, which is better than the waker and so preempts it. */
static void
wakeups(const char *name, bool realtime, unsigned n)
{
	thread_time_constraint_policy_data_t constraint = { 10000000, 2000000, 10000000, TRUE };
	policy_fifo_base_data_t base = { HIGH };
	pthread_t t;
	struct measure m;

	atomic_store(&stop, false);
	t = start(wakes_up);
	if (realtime)
		check(thread_policy_set(other, THREAD_TIME_CONSTRAINT_POLICY, (thread_policy_t)&constraint,
					THREAD_TIME_CONSTRAINT_POLICY_COUNT), "thread_policy_set");
	else
		check(thread_policy(other, POLICY_FIFO, (policy_base_t)&base, POLICY_FIFO_BASE_COUNT, FALSE), "thread_policy");
	m = measure_begin(n);
	for (unsigned i = 0; i < n + WARM_UP; i++) {
		uint64_t begin = measure_tsc();

		(void)semaphore_signal(go);
		(void)semaphore_wait(done);
		if (i >= WARM_UP)
			measure_add(&m, atomic_load(&woken_tsc) - begin);
	}
	report(name, &m, n);
	atomic_store(&stop, true);
	(void)semaphore_signal(go);
	pthread_join(t, NULL);
}

static void
policies(unsigned n)
{
	policy_timeshare_base_data_t base = { 31 };
	struct measure m = measure_begin(n);

	for (unsigned i = 0; i < n; i++) {
		uint64_t begin = measure_tsc();

		(void)thread_policy(mach_thread_self(), POLICY_TIMESHARE, (policy_base_t)&base, 1, FALSE);
		measure_add(&m, measure_tsc() - begin);
	}
	report("thread_policy", &m, n);
}

/* What the kernel says of itself, all processors together. */
static void
kernel_latency(const char *name, int flavor)
{
	processor_info_array_t info;
	mach_msg_type_number_t count;
	natural_t cpus;
	uint64_t number = 0, sum = 0, max = 0;

	if (host_processor_info(mach_host_self(), flavor, &cpus, &info, &count) != KERN_SUCCESS)
		return; /* this kernel does not measure it */
	for (natural_t i = 0; i < cpus; i++) {
		const struct processor_latency *l = (const void *)(info + i * PROCESSOR_LATENCY_COUNT);

		number += l->count;
		sum += l->sum_ns;
		if (l->max_ns > max)
			max = l->max_ns;
	}
	if (number != 0)
		printf("BENCH {\"name\": \"%s\", \"placement\": \"kernel\", \"n\": %lu, \"p50_us\": %.2f, \"p99_us\": %.2f}\n", name,
		       (unsigned long)number, (double)sum / (double)number / 1000, (double)max / 1000);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 3000;

	self = mach_task_self();
	check(semaphore_create(self, &go, SYNC_POLICY_FIFO, 0), "semaphore_create");
	check(semaphore_create(self, &done, SYNC_POLICY_FIFO, 0), "semaphore_create");
	find_processor();
	bind_self();
	switches(n);
	wakeups("wakeup to dispatch, fixed priority", false, n);
	wakeups("wakeup to dispatch, real time", true, n);
	policies(n);
	kernel_latency("real-time dispatch, by the kernel (mean, longest)", PROCESSOR_DISPATCH_LATENCY);
	kernel_latency("interrupts off, by the kernel (mean, longest)", PROCESSOR_INTERRUPTS_OFF_LATENCY);
	puts("BENCH-DONE");
	return 0;
}

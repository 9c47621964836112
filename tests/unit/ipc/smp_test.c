/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: several threads at the ports of two tasks: every call, messages with rights, requests, and tasks that are
 * born and end meanwhile with rights of the others. Also built under ThreadSanitizer, as ipc_smp_tsan.
 *
 * While they run only the kernel's own checks hold; when they have ended, every right is counted again (audit.h) and, with the
 * tasks gone, nothing may be left (world_destroy).
 */
#include "audit.h"
#include "fixture.h"
#include "world.h"

#define THREADS 4U
#define STEPS 20000U

struct hand {
	struct world w;
	unsigned tasks; /* that came and went */
};

/* A task that takes and gives rights as the others do, and ends with what it has then. */
static void short_life(struct hand *h)
{
	struct task *elder = h->w.tasks[0], *task;
	mach_port_name_t name;

	host_become(NULL);
	task = host_task_create(NULL, "short");
	host_become(task);
	for (int i = 0; i < 3; i++)
		(void)mach_port_allocate(here(), RECEIVE, &name);
	h->w.tasks[0] = task;
	for (int i = 0; i < 60; i++)
		world_step(&h->w);
	h->w.tasks[0] = elder;
	host_become(NULL);
	host_task_destroy(task);
	h->tasks++;
}

static void work(void *arg)
{
	struct hand *h = arg;

	for (unsigned i = 0; i < STEPS; i++)
		if (world_random(&h->w, 200) == 0)
			short_life(h);
		else
			world_step(&h->w);
	host_become(NULL);
}

static void run(uint64_t seed)
{
	struct world w;
	struct hand hands[THREADS] = { 0 };
	struct thread *threads[THREADS];

	world_create(&w, seed);
	host_become(NULL);
	for (uint32_t i = 0; i < THREADS; i++) {
		world_also(&hands[i].w, &w, 100 * seed + i);
		threads[i] = ipc_thread(NULL, work, &hands[i]);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		host_thread_join(threads[i]);
	ipc_audit(w.tasks, 2);
	for (uint32_t i = 0; i < THREADS; i++) /* they were lively */
		assert_true(hands[i].w.sent > 50 && hands[i].w.received > 30 && hands[i].w.calls > 500 && hands[i].tasks > 5);
	world_destroy(&w);
}

static void IPC0451_threads_at_the_same_ports_keep_every_count(void **state)
{
	for (uint64_t seed = 1; seed <= 5; seed++)
		run(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(IPC0451_threads_at_the_same_ports_keep_every_count),
	};

	return ipc_run(tests, sizeof tests / sizeof tests[0], "ipc_smp");
}

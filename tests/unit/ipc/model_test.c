/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: random operations from a seed on two tasks' ports; after each, every right and reference is
 * counted again from scratch and must agree (audit.h).
 */
#include "audit.h"
#include "fixture.h"
#include "world.h"

#include <stdlib.h>

static void run(uint64_t seed, unsigned steps, unsigned *did)
{
	struct world w;

	world_create(&w, seed);
	for (unsigned i = 0; i < steps; i++) {
		world_step(&w);
		ipc_audit(w.tasks, 2);
	}
	if (getenv("IPC_SEED"))
		print_message("sent %d received %d calls %d\n", (int)w.sent, (int)w.received, (int)w.calls);
	*did += w.sent > 30 && w.received > 15 && w.calls > 100;
	world_destroy(&w);
}

static void IPC0401_random_operations_keep_every_count_exact(void **state)
{
	const char *given = getenv("IPC_SEED");
	uint64_t first = given ? strtoull(given, NULL, 0) : 1;
	unsigned worlds = given ? 1 : 60, did = 0;

	for (uint64_t seed = first; seed < first + worlds; seed++)
		run(seed, 1500, &did);
	if (!given)
		assert_true(did > worlds * 3 / 4); /* most worlds were lively */
}

static void IPC0402_random_operations_with_failing_allocations_leak_nothing(void **state)
{
	for (uint64_t seed = 1000; seed < 1030; seed++) {
		struct world w;

		world_create(&w, seed);
		for (unsigned i = 0; i < 1500; i++) {
			host_alloc_fail_at(1 + world_random(&w, 4), false);
			world_step(&w);
			host_alloc_fail_at(0, false);
			ipc_audit(w.tasks, 2);
		}
		world_destroy(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(IPC0401_random_operations_keep_every_count_exact),
		cmocka_unit_test(IPC0402_random_operations_with_failing_allocations_leak_nothing),
	};

	return ipc_run(tests, sizeof tests / sizeof tests[0], "ipc_model");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: any bytes given to mach_msg: no crash, no hang, no count of a right or reference wrong.
 *
 * fuzz_mach_msg [SECONDS] [SEED]: tasks whose spaces hold all kinds of rights send and receive messages made of
 * true names, likely descriptors and noise, with any options, sizes and addresses, between
 * random calls of mach_port (tests/unit/ipc/world.c). ASan and UBSan watch; rights are recounted now and
 * then, and nothing may be left when the tasks end. Without arguments 5 s and seed 1, as a test.
 * A failure says its seed.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../unit/ipc/audit.h"
#include "../unit/ipc/world.h"

#include <host/host.h>

static uint64_t current_seed;

/* ASan, UBSan and panic() all end here. */
const char *__asan_default_options(void), *__ubsan_default_options(void);
const char *__asan_default_options(void)
{
	return "abort_on_error=1";
}

const char *__ubsan_default_options(void)
{
	return "abort_on_error=1";
}

static void say_seed(int signal)
{
	fprintf(stderr, "# fuzz_mach_msg 0 %llu\n", (unsigned long long)current_seed);
}

int main(int argc, char **argv)
{
	uint32_t seconds = argc > 1 ? (uint32_t)atoi(argv[1]) : 5;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1, messages = 0, taken = 0;
	time_t end = time(NULL) + seconds;

	printf("1..1\n");
	signal(SIGABRT, say_seed);
	do {
		struct world w;

		current_seed = seed++;
		world_create(&w, current_seed);
		for (int i = 0; i < 1000; i++, messages++) {
			if (i % 64 == 0)
				host_alloc_fail_at(1 + world_random(&w, 50), false);
			world_wild_message(&w);
			for (uint32_t n = world_random(&w, 3); n > 0; n--)
				world_step(&w);
			if (i % 16 == 0)
				ipc_audit(w.tasks, 2);
		}
		host_alloc_fail_at(0, false);
		taken += w.sent;
		world_destroy(&w);
	} while (time(NULL) < end);
	printf("%sok 1 - IPC0501 %llu wild messages, %llu of them taken\n", taken > 100 ? "" : "not ",
	       (unsigned long long)messages, (unsigned long long)taken);
	return taken > 100 ? 0 : 1;
}

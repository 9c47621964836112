/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - the simulator as a program: netipc_sim [-t fake|roce] [-n NODES] [-s STEPS] [-f LEVEL] [-c] [-l]
 * [-p] [-b] [-k] [-x] [-m] FIRST_SEED [COUNT]. -c crashes, -l goodbyes, -p cut links (partitions), -b bulk, -k keyed,
 * -x small pools, -m receive rights move. Exit 0: all good.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netipc_sim.h"

int main(int argc, char **argv)
{
	struct sim_options o = { .nodes = 3, .steps = 2000, .fault_level = 1 };
	const struct sim_transport *t = &sim_fake;
	struct sim_result r;
	uint64_t first, count;

	for (int c; (c = getopt(argc, argv, "t:n:s:f:clpbkxm")) != -1;)
		switch (c) {
		case 't':
			t = strcmp(optarg, "roce") == 0 ? &sim_roce : &sim_fake;
			break;
		case 'n': o.nodes = (uint32_t)atoi(optarg); break;
		case 's': o.steps = (uint32_t)atoi(optarg); break;
		case 'f': o.fault_level = (uint32_t)atoi(optarg); break;
		case 'c': o.crashes = true; break;
		case 'l': o.leaves = true; break;
		case 'p': o.cuts = true; break;
		case 'b': o.bulk = true; break;
		case 'k': o.keyed = true; break;
		case 'm': o.moves = true; break;
		case 'x': o.tight = true; break;
		default: return 2;
		}
	if (optind >= argc) {
		fprintf(stderr, "usage: netipc_sim [-t fake|roce] [-n NODES] [-s STEPS] [-f LEVEL] [-c] [-l] [-p] "
				"[-b] [-k] [-x] [-m] FIRST_SEED [COUNT]\n");
		return 2;
	}
	first = strtoull(argv[optind], NULL, 0);
	count = optind + 1 < argc ? strtoull(argv[optind + 1], NULL, 0) : 1;
	for (uint64_t seed = first; seed < first + count; seed++) {
		if (sim_run(t, seed, &o, &r) != NULL)
			return 1;
		if (count <= 20)
			printf("seed %llu: sent %llu accepted %llu delivered %llu refused %llu retracted %llu "
			       "transport %llu full %llu no-senders %llu once %llu lost %llu deaths %llu "
			       "leaves %llu fences %llu replayed %llu pulls %llu moves %llu held %llu\n",
			       (unsigned long long)seed, (unsigned long long)r.sent,
			       (unsigned long long)r.accepted, (unsigned long long)r.delivered,
			       (unsigned long long)r.refused, (unsigned long long)r.retracted,
			       (unsigned long long)r.transport, (unsigned long long)r.full,
			       (unsigned long long)r.no_senders, (unsigned long long)r.once_made,
			       (unsigned long long)r.once_lost, (unsigned long long)r.deaths, (unsigned long long)r.leaves,
			       (unsigned long long)r.fences, (unsigned long long)r.replayed,
			       (unsigned long long)r.pulls, (unsigned long long)r.moves, (unsigned long long)r.held);
	}
	printf("%llu seeds good\n", (unsigned long long)count);
	return 0;
}

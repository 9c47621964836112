/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exactly_once.c - calls between two nodes whose fabric loses, doubles and reorders frames: each is executed once, in
 * its client's order, and memory arrives as it was. Prints TAP, and asks the test for faults.
 *
 *   exactly_once SELF SERVER CALLS REGIONS   only on node SELF: calls in each of the phases, and regions pulled each way
 */
#include "node.h"

#include <pthread.h>
#include <tests/peer.h>

#define CLIENTS 4u     /* threads; the small calls of one are in order */
#define FAULT_MS 1500u /* for the test to set what it was asked for */
#define SMALL (64u << 10)
#define LARGE (1u << 20)

static mach_port_t server;
static uint64_t calls_each, regions_each;

struct client {
	pthread_t thread;
	natural_t number;   /* one for each thread and phase: the server counts by it */
	bool regions;       /* memory, not small calls */
	uint64_t errors, bad, longest_ns;
	kern_return_t first_error;
};

static void note(struct client *c, kern_return_t kr)
{
	if (kr != KERN_SUCCESS && c->errors++ == 0)
		c->first_error = kr;
}

/* A region there and one back. */
static void region(struct client *c, uint64_t sequence)
{
	natural_t bytes = (sequence % 2 == 0 ? SMALL : LARGE) - (sequence % 3 == 0 ? 1000 : 0);
	uint64_t seed = (uint64_t)c->number << 32 | sequence;
	mach_msg_type_number_t got = 0;
	mach_vm_address_t at = 0;
	uint8_t *back = NULL;
	boolean_t good = 0;

	node_must(mach_vm_allocate(mach_task_self(), &at, bytes, VM_FLAGS_ANYWHERE), "memory");
	node_pattern((uint8_t *)at, bytes, seed);
	note(c, peer_put(server, c->number, sequence, seed, (uint8_t *)at, bytes, &good));
	c->bad += !good;
	node_must(mach_vm_deallocate(mach_task_self(), at, bytes), "deallocating");
	note(c, peer_fetch(server, ~seed, bytes, &back, &got));
	if (back == NULL)
		return;
	c->bad += got != bytes || !node_pattern_good(back, bytes, ~seed);
	node_must(mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)back, got), "deallocating");
}

static void *run(void *argument)
{
	struct client *c = argument;
	uint64_t count = c->regions ? regions_each : calls_each;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t begun = node_now_ns(), took;

		if (c->regions)
			region(c, i);
		else
			note(c, peer_tick(server, c->number, i));
		took = node_now_ns() - begun;
		if (took > c->longest_ns)
			c->longest_ns = took;
	}
	return NULL;
}

static host_net_info_data_t net_now(void)
{
	host_net_info_data_t info = { 0 };
	mach_msg_type_number_t count = HOST_NET_INFO_COUNT;

	node_must(host_info(mach_host_self(), HOST_NET_INFO, (host_info_t)&info, &count), "host_info");
	return info;
}

static void phase(natural_t number, bool regions, const char *faults, const char *what)
{
	struct client clients[CLIENTS];
	host_net_info_data_t before, after;
	uint64_t begun, calls, wrong, errors = 0, bad = 0, mistaken = 0, missing = 0, longest = 0;
	uint64_t count = regions ? regions_each : calls_each;

	printf("# please: fault %s\n", faults);
	node_sleep_ms(FAULT_MS);
	before = net_now();
	begun = node_now_ns();
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i] = (struct client){ .number = number * CLIENTS + i, .regions = regions };
		if (pthread_create(&clients[i].thread, NULL, run, &clients[i]) != 0)
			node_must(KERN_RESOURCE_SHORTAGE, "pthread_create");
	}
	for (unsigned i = 0; i < CLIENTS; i++) {
		(void)pthread_join(clients[i].thread, NULL);
		node_must(peer_ticks(server, clients[i].number, &calls, &wrong), "peer_ticks");
		errors += clients[i].errors;
		bad += clients[i].bad;
		mistaken += wrong;
		missing += calls > count ? calls - count : count - calls;
		longest = clients[i].longest_ns > longest ? clients[i].longest_ns : longest;
		if (clients[i].errors != 0)
			printf("# client %u: %s\n", i, mach_error_string(clients[i].first_error));
	}
	after = net_now();
	tap(errors == 0, "ONCE%02u01 %s: no call failed", number, what);
	tap(missing == 0, "ONCE%02u02 the server executed %lu calls, each once", number, (unsigned long)(count * CLIENTS));
	tap(mistaken == 0, "ONCE%02u03 in each client's order", number);
	if (regions)
		tap(bad == 0, "ONCE%02u04 all bytes arrived as they were", number);
	printf("# %s: %lu calls in %lu ms, longest %lu ms; retransmitted %lu, timeouts %lu, duplicates %lu, QP errors %lu\n", what,
	       (unsigned long)(count * CLIENTS), (unsigned long)((node_now_ns() - begun) / 1000000),
	       (unsigned long)(longest / 1000000), (unsigned long)(after.retransmitted - before.retransmitted),
	       (unsigned long)(after.timeouts - before.timeouts), (unsigned long)(after.duplicates - before.duplicates),
	       (unsigned long)(after.qp_errors - before.qp_errors));
}

int main(int argc, char **argv)
{
	if (argc != 5 || node_number() != (unsigned)atoi(argv[1]))
		return 0;
	calls_each = strtoull(argv[3], NULL, 10) / CLIENTS;
	regions_each = strtoull(argv[4], NULL, 10) / CLIENTS;
	server = node_find_peer((unsigned)atoi(argv[2]));
	phase(1, false, "drop=1 dup=0 reorder=0", "1 % lost");
	phase(2, false, "drop=0 dup=2 reorder=2", "2 % doubled, 2 % late");
	phase(3, true, "drop=1 dup=0 reorder=0", "memory, 1 % lost");
	phase(4, true, "drop=1 dup=1 reorder=1", "memory, 1 % lost, doubled, late");
	printf("# please: fault drop=0 dup=0 reorder=0\n");
	return tap_done();
}

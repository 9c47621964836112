/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: clusters of netipc engines in one process under random load and seeded faults: every message
 * exactly once and in order, every right counted, no-senders and dead names exact (NETIPC0001..).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../sim/netipc_sim.h"

static void many_over(const struct sim_transport *t, uint64_t first, uint64_t count, struct sim_options o)
{
	struct sim_result r;
	uint64_t delivered = 0;

	for (uint64_t seed = first; seed < first + count; seed++) {
		const char *error = sim_run(t, seed, &o, &r);

		if (error != NULL)
			fail_msg("seed %llu: %s", (unsigned long long)seed, error);
		delivered += r.delivered;
	}
	assert_true(delivered > count * 20);
}

static void many(uint64_t first, uint64_t count, struct sim_options o)
{
	many_over(&sim_fake, first, count, o);
}

static void NETIPC0001_a_quiet_net(void **state)
{
	many(1, 40, (struct sim_options){ .nodes = 3, .steps = 1500 });
}

static void NETIPC0002_queue_pairs_fail_datagrams_get_lost(void **state)
{
	many(100, 80, (struct sim_options){ .nodes = 3, .steps = 1500, .fault_level = 1 });
}

static void NETIPC0003_memory_is_pulled(void **state)
{
	many(200, 50, (struct sim_options){ .nodes = 3, .steps = 1200, .fault_level = 1, .bulk = true,
					    .keyed = true });
}

static void NETIPC0004_nodes_crash_and_boot_again(void **state)
{
	many(300, 60, (struct sim_options){ .nodes = 4, .steps = 1500, .fault_level = 1, .crashes = true,
					    .bulk = true });
}

static void NETIPC0005_links_are_cut(void **state)
{
	many(400, 40, (struct sim_options){ .nodes = 3, .steps = 1000, .fault_level = 1, .cuts = true });
}

static void NETIPC0006_everything_at_once_on_five_nodes(void **state)
{
	many(500, 30, (struct sim_options){ .nodes = 5, .steps = 1500, .fault_level = 1, .crashes = true,
					    .cuts = true, .bulk = true, .keyed = true });
}

/* A goodbye that was answered has been heard, though datagrams get lost; and then nothing is left of who left. */
static void NETIPC0007_nodes_leave_and_others_take_their_addresses(void **state)
{
	many(700, 40, (struct sim_options){ .nodes = 4, .steps = 1500, .fault_level = 1, .leaves = true,
					    .bulk = true });
	many(740, 40, (struct sim_options){ .nodes = 5, .steps = 1500, .fault_level = 1, .leaves = true,
					    .crashes = true, .cuts = true, .bulk = true, .keyed = true });
}

/* All let go of all they hold at once, and there are few records to say it with. */
static void NETIPC0008_records_run_out(void **state)
{
	many(900, 60, (struct sim_options){ .nodes = 4, .steps = 1500, .fault_level = 1, .tight = true });
}

/* Receive rights in messages: ports move, with queues, senders, send-once rights, while all else goes on. */
static void NETIPC0009_receive_rights_move(void **state)
{
	many(1, 200, (struct sim_options){ .nodes = 3, .steps = 300, .moves = true });
	many(1, 30, (struct sim_options){ .nodes = 3, .steps = 300, .fault_level = 1, .moves = true });
	many(1, 30, (struct sim_options){ .nodes = 3, .steps = 600, .fault_level = 1, .moves = true, .crashes = true });
	many(1, 30, (struct sim_options){ .nodes = 3, .steps = 400, .fault_level = 1, .moves = true, .leaves = true });
	many(1, 60, (struct sim_options){ .nodes = 5, .steps = 1500, .moves = true });
}

/*
 * A send-once right that goes to a third node, comes back before its transit has ended, and goes home: two references with
 * one id, of which the later goes. With this seed they were mixed up once.
 */
static void NETIPC0010_a_send_once_right_is_back_before_its_transit_ended(void **state)
{
	many(223, 1, (struct sim_options){ .nodes = 3, .steps = 2500, .fault_level = 1 });
}

/* Ports that move to and fro while their send-once rights travel: each of these failed once. */
static void NETIPC0011_send_once_rights_travel_while_their_port_moves(void **state)
{
	many(65, 1, (struct sim_options){ .nodes = 4, .steps = 800, .fault_level = 1, .moves = true });
	many(13, 12, (struct sim_options){ .nodes = 4, .steps = 800, .fault_level = 1, .moves = true });
	many(16, 1, (struct sim_options){ .nodes = 3, .steps = 400, .fault_level = 1, .moves = true, .bulk = true });
	many(268, 1, (struct sim_options){ .nodes = 3, .steps = 300, .moves = true });
	many(130, 8, (struct sim_options){ .nodes = 5, .steps = 1500, .moves = true });
	many(80, 10, (struct sim_options){ .nodes = 3, .steps = 600, .fault_level = 1, .moves = true, .tight = true });
}

/* The same when the home before, or another holder, dies in the midst of it. */
static void NETIPC0012_nodes_die_while_ports_move(void **state)
{
	many(1, 40, (struct sim_options){ .nodes = 4, .steps = 900, .fault_level = 1, .moves = true, .crashes = true });
	many(359, 1, (struct sim_options){ .nodes = 4, .steps = 900, .fault_level = 1, .moves = true, .crashes = true });
	many(170, 30, (struct sim_options){ .nodes = 3, .steps = 400, .fault_level = 1, .moves = true, .leaves = true });
	many(430, 15, (struct sim_options){ .nodes = 5, .steps = 1200, .fault_level = 1, .moves = true, .crashes = true,
					    .leaves = true, .bulk = true });
}

/* The same with links cut, also so long that nodes are taken for dead which are not. */
static void NETIPC0013_links_are_cut_while_ports_move(void **state)
{
	many(30, 40, (struct sim_options){ .nodes = 4, .steps = 600, .fault_level = 1, .moves = true, .cuts = true });
	many(130, 10, (struct sim_options){ .nodes = 5, .steps = 1500, .fault_level = 1, .moves = true, .cuts = true });
	many(30, 15, (struct sim_options){ .nodes = 4, .steps = 800, .fault_level = 1, .moves = true, .cuts = true,
					   .tight = true, .bulk = true });
}

/* The same over the real transport: frames are lost, doubled, reordered, corrupted. */
static void NETIPC0101_over_roce(void **state)
{
	many_over(&sim_roce, 600, 10, (struct sim_options){ .nodes = 3, .steps = 1500, .bulk = true });
	many_over(&sim_roce, 610, 40, (struct sim_options){ .nodes = 3, .steps = 1500, .fault_level = 1,
							   .bulk = true, .keyed = true });
}

static void NETIPC0102_over_roce_everything_at_once(void **state)
{
	many_over(&sim_roce, 650, 40, (struct sim_options){ .nodes = 5, .steps = 1500, .fault_level = 1,
							   .crashes = true, .cuts = true, .bulk = true,
							   .keyed = true });
}

static void NETIPC0103_over_roce_nodes_leave(void **state)
{
	many_over(&sim_roce, 800, 30, (struct sim_options){ .nodes = 4, .steps = 1500, .fault_level = 1,
							   .leaves = true, .bulk = true, .keyed = true });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(NETIPC0001_a_quiet_net),
		cmocka_unit_test(NETIPC0002_queue_pairs_fail_datagrams_get_lost),
		cmocka_unit_test(NETIPC0003_memory_is_pulled),
		cmocka_unit_test(NETIPC0004_nodes_crash_and_boot_again),
		cmocka_unit_test(NETIPC0005_links_are_cut),
		cmocka_unit_test(NETIPC0006_everything_at_once_on_five_nodes),
		cmocka_unit_test(NETIPC0007_nodes_leave_and_others_take_their_addresses),
		cmocka_unit_test(NETIPC0008_records_run_out),
		cmocka_unit_test(NETIPC0009_receive_rights_move),
		cmocka_unit_test(NETIPC0010_a_send_once_right_is_back_before_its_transit_ended),
		cmocka_unit_test(NETIPC0011_send_once_rights_travel_while_their_port_moves),
		cmocka_unit_test(NETIPC0012_nodes_die_while_ports_move),
		cmocka_unit_test(NETIPC0013_links_are_cut_while_ports_move),
		cmocka_unit_test(NETIPC0101_over_roce),
		cmocka_unit_test(NETIPC0102_over_roce_everything_at_once),
		cmocka_unit_test(NETIPC0103_over_roce_nodes_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

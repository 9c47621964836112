/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.c - the fate of frames, from a seed.
 *
 * Each pair of input and output port has its own generator (splitmix64), so that the n-th frame
 * between two ports has the same fate in every run with the same seed, whatever the others do (I3).
 */
#include "switch.h"

#define MILLION 1000000u

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

void sw_fault_seed(struct sw *sw, uint64_t seed)
{
	sw->seed = seed;
	for (uint32_t from = 0; from < SW_MAX_PORTS; from++) {
		for (uint32_t to = 0; to < SW_MAX_PORTS; to++)
			sw->ports[to].random[from] = 0;
	}
}

static uint32_t larger(uint32_t a, uint32_t b, uint32_t c)
{
	uint32_t most = a > b ? a : b;

	return most > c ? most : c;
}

/* Purpose: decide what happens to the next frame from -> to: the larger chance of the two ports'
 * and the switch's. */
enum sw_fate sw_fault_roll(struct sw *sw, struct sw_port *from, struct sw_port *to)
{
	struct sw_fault chance = {
		.drop = larger(sw->fault.drop, from->fault.drop, to->fault.drop),
		.duplicate =
			larger(sw->fault.duplicate, from->fault.duplicate, to->fault.duplicate),
		.reorder = larger(sw->fault.reorder, from->fault.reorder, to->fault.reorder),
	};
	uint64_t n, pair = (uint64_t)from->number << 8 | to->number;
	uint32_t roll;

	if ((chance.drop | chance.duplicate | chance.reorder) == 0)
		return FATE_PASS;
	n = ++to->random[from->number];
	roll = (uint32_t)(mix(mix(sw->seed + pair * 0x9e3779b97f4a7c15ull) +
			      n * 0x9e3779b97f4a7c15ull) %
			  MILLION);
	if (roll < chance.drop)
		return FATE_DROP;
	roll -= chance.drop;
	if (roll < chance.duplicate)
		return FATE_DUPLICATE;
	roll -= chance.duplicate;
	return roll < chance.reorder ? FATE_REORDER : FATE_PASS;
}

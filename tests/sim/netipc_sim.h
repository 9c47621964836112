/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netipc_sim.h - a cluster of netipc engines in one process, driven by a seed, checked against a model.
 *
 * Each node has a toy glue with ports, queues and rights. Random sends (with rights and memory),
 * receives, releases, port deaths, retractions, queue pair errors, cut links, goodbyes, crashes and reboots; then
 * quiet, and everything is compared: holder lists with who really holds, messages with what was sent.
 */
#pragma once

#include <netipc/netipc.h>
#include <stdbool.h>
#include <stdint.h>

struct sim_world; /* what carries the bytes: fake or roce */

struct sim_transport {
	const char *name;
	struct sim_world *(*create)(uint32_t nodes, uint64_t seed, uint32_t fault_level);
	void (*destroy)(struct sim_world *w);
	struct provider *(*provider)(struct sim_world *w, uint32_t node);
	uint64_t (*advance)(struct sim_world *w, uint64_t now_ns); /* next change */
	void (*break_any)(struct sim_world *w, uint64_t now_ns);
	void (*crash)(struct sim_world *w, uint32_t node);
	void (*restart)(struct sim_world *w, uint32_t node);
	void (*cut)(struct sim_world *w, uint32_t a, uint32_t b, bool cut);
	void (*calm)(struct sim_world *w); /* no faults from now on */
};

extern const struct sim_transport sim_fake;
extern const struct sim_transport sim_roce;

struct sim_options {
	uint32_t nodes;       /* 2 .. 8 */
	uint32_t steps;       /* random actions */
	uint32_t fault_level; /* 0: none, 1: loss, doubling, reordering, queue pair errors */
	bool crashes;         /* and reboots */
	bool leaves;          /* nodes that say goodbye, and new ones at their addresses */
	bool cuts;            /* links cut, also long enough for false deaths */
	bool bulk;            /* out-of-line memory */
	bool keyed;           /* MACs */
	bool moves;           /* receive rights in messages */
	bool tight;           /* pools so small that they run out */
};

struct sim_result {
	uint64_t sent, accepted, delivered, refused, retracted, transport, full, no_senders, once_made,
		once_lost, deaths, leaves, rooms, fences, replayed, pulls, moves, held, rebound;
};

/* Returns NULL if all went well, else what was wrong (a static text; details on stderr). */
const char *sim_run(const struct sim_transport *t, uint64_t seed, const struct sim_options *o,
		    struct sim_result *result);

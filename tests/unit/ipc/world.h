/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.h - random operations on two tasks' ports, from a seed: for the model test and the fuzzer.
 */
#pragma once

#include <stdint.h>

struct task;

struct world {
	struct task *tasks[2];
	uint64_t random;
	uint64_t sent, received, calls; /* that succeeded */
};

void world_create(struct world *w, uint64_t seed);
/* Another thread's hand on the same tasks: its own numbers at random. It ends with its world. */
void world_also(struct world *w, const struct world *of, uint64_t seed);
/* Checks that nothing is left. */
void world_destroy(struct world *w);
uint32_t world_random(struct world *w, uint32_t below);
/* A name that the task played now has or had, or noise. */
uint32_t world_name(struct world *w);
/* One operation: a call of mach_port, a message, a receive. */
void world_step(struct world *w);
/* mach_msg with a message made of noise and half-true headers and descriptors. */
void world_wild_message(struct world *w);

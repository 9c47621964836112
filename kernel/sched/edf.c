/* SPDX-License-Identifier: BSD-2-Clause */
/* edf.c - admission and budgets of real-time threads. Interface: edf.h. */
#include <sched/edf.h>

enum edf_verdict edf_contract(struct edf *e, uint64_t period, uint64_t computation, uint64_t constraint, bool preemptible)
{
	uint64_t window = period != 0 && period < constraint ? period : constraint;

	if (computation < EDF_COMPUTATION_MIN || computation > EDF_COMPUTATION_MAX || constraint < computation ||
	    (period != 0 && period < computation))
		return EDF_INVALID;
	*e = (struct edf){
		.period = period != 0 ? period : constraint,
		.computation = computation,
		.constraint = constraint,
		.preemptible = preemptible,
		.share = (uint32_t)((computation * EDF_SCALE + window - 1) / window),
		.budget = computation,
		.deadline_ns = UINT64_MAX,
	};
	return EDF_ADMITTED;
}

enum edf_verdict edf_admit(struct edf *e, uint32_t *used, uint32_t cpus, uint32_t mask)
{
	uint32_t best = cpus;

	for (uint32_t i = 0; i < cpus; i++)
		if (((mask >> i) & 1) != 0 && (best == cpus || used[i] < used[best]))
			best = i;
	if (best == cpus || used[best] + e->share > EDF_LIMIT)
		return EDF_NO_ROOM;
	used[best] += e->share;
	e->cpu = best;
	return EDF_ADMITTED;
}

static bool may(const struct edf_place *p, uint32_t cpu)
{
	return ((p->mask >> cpu) & 1) != 0;
}

/* One that is where new may be goes to where there is room, and leaves enough. */
static bool move_one(struct edf_place *places, uint32_t count, struct edf_place *new, const uint32_t *used, uint32_t cpus)
{
	for (uint32_t i = 0; i < count; i++) {
		struct edf_place *p = &places[i];

		if (!may(new, p->cpu) || used[p->cpu] - p->share + new->share > EDF_LIMIT)
			continue;
		for (uint32_t c = 0; c < cpus; c++)
			if (c != p->cpu && may(p, c) && used[c] + p->share <= EDF_LIMIT) {
				new->cpu = p->cpu;
				p->cpu = c;
				return true;
			}
	}
	return false;
}

static unsigned cpus_in(uint32_t mask)
{
	unsigned n = 0;

	for (; mask != 0; mask &= mask - 1)
		n++;
	return n;
}

/* Indices of places, count being new: the largest share first; among equals who has fewer CPUs to choose from. */
static void sort(const struct edf_place *places, uint32_t count, const struct edf_place *new, uint16_t *order)
{
	for (uint32_t n = 0; n <= count; n++) {
		const struct edf_place *p = n < count ? &places[n] : new;
		uint32_t at = n;

		for (; at > 0; at--) {
			const struct edf_place *q = order[at - 1] < count ? &places[order[at - 1]] : new;

			if (q->share > p->share ||
			    (q->share == p->share && cpus_in(q->mask) <= cpus_in(p->mask)))
				break;
			order[at] = order[at - 1];
		}
		order[at] = (uint16_t)n;
	}
}

#define SEARCH_STEPS 20000u

/* First fit by decreasing share; where that comes to no end the last one placed tries its next CPU, SEARCH_STEPS times at most. */
static bool place_all(struct edf_place *places, uint32_t count, struct edf_place *new, uint32_t cpus)
{
	uint32_t used[32] = { 0 }, depth = 0;
	uint16_t order[EDF_PLACES_MAX + 1];
	uint8_t to[EDF_PLACES_MAX + 1] = { 0 }; /* by depth: the CPU to try next; below depth the one before it is taken */

	sort(places, count, new, order);
	for (uint32_t step = 0; step < SEARCH_STEPS && depth <= count; step++) {
		const struct edf_place *p = order[depth] < count ? &places[order[depth]] : new;
		uint32_t c = to[depth];

		if (c == cpus) { /* none is left for it */
			if (depth == 0)
				return false;
			to[depth--] = 0;
			p = order[depth] < count ? &places[order[depth]] : new;
			used[to[depth] - 1u] -= p->share;
			continue;
		}
		to[depth]++;
		if (may(p, c) && used[c] + p->share <= EDF_LIMIT) {
			used[c] += p->share;
			depth++;
		}
	}
	if (depth <= count)
		return false;
	for (uint32_t d = 0; d <= count; d++)
		(order[d] < count ? &places[order[d]] : new)->cpu = to[d] - 1u;
	return true;
}

bool edf_make_room(struct edf_place *places, uint32_t count, struct edf_place *new, const uint32_t *used, uint32_t cpus)
{
	if (move_one(places, count, new, used, cpus))
		return true;
	return count <= EDF_PLACES_MAX && place_all(places, count, new, cpus);
}

void edf_leave(const struct edf *e, uint32_t *used)
{
	used[e->cpu] -= e->share;
}

void edf_release(struct edf *e, uint64_t now)
{
	e->budget = e->computation;
	e->overrun = e->missed = false;
	e->release_ns = now + e->period;
	e->deadline_ns = now + e->constraint;
}

bool edf_wake(struct edf *e, uint64_t now)
{
	uint64_t left;

	if (now >= e->release_ns) {
		edf_release(e, now);
	} else if (!e->overrun) {
		left = e->deadline_ns > now ? (e->deadline_ns - now) * e->share / EDF_SCALE : 0;
		if (e->budget > left)
			e->budget = left;
		e->overrun = e->budget == 0;
	}
	return !e->overrun;
}

bool edf_missed(struct edf *e, uint64_t now)
{
	if (e->overrun || e->missed || now <= e->deadline_ns)
		return false;
	e->missed = true;
	return true;
}

bool edf_charge(struct edf *e, uint64_t ns)
{
	if (e->overrun)
		return false;
	e->budget -= ns < e->budget ? ns : e->budget;
	e->overrun = e->budget == 0;
	return e->overrun;
}

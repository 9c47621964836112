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

void edf_leave(const struct edf *e, uint32_t *used)
{
	used[e->cpu] -= e->share;
}

void edf_release(struct edf *e, uint64_t now)
{
	e->budget = e->computation;
	e->overrun = false;
	e->release_ns = now + e->period;
	e->deadline_ns = now + e->constraint;
}

bool edf_wake(struct edf *e, uint64_t now)
{
	if (now >= e->release_ns)
		edf_release(e, now);
	return !e->overrun;
}

bool edf_charge(struct edf *e, uint64_t ns)
{
	if (e->overrun)
		return false;
	e->budget -= ns < e->budget ? ns : e->budget;
	e->overrun = e->budget == 0;
	return e->overrun;
}

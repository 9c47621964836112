/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edf.h - real-time threads: earliest deadline first, admitted by share, kept to it by a budget.
 *
 * A thread asks for computation ns of CPU within constraint ns of the start of each of its periods (THREAD_TIME_CONSTRAINT_
 * POLICY). It is admitted to one CPU, on which the sum of computation / min(constraint, period) stays within
 * EDF_LIMIT: with that every deadline is met as long as nobody takes more than it asked for (density test). Each period it has a
 * budget of computation; when that is used up it is a timesharing thread until its next period, so that no other's promise is
 * broken. A period begins when the thread wakes, but not before the last one is over. Who wakes again within a period has no
 * more left than its share of the time to the deadline: else work put off to the deadline, and the next period's after it, would be
 * more than was admitted.
 *
 * Admission is of all CPUs together: where no CPU has room as it is, threads that were admitted earlier move (edf_make_room).
 *
 * Portable: no locks, no machine access.
 * References: Lopez, Diaz, Garcia, "Utilization Bounds for EDF Scheduling on Real-Time Multiprocessor Systems" (2004), for what
 *   partitioning by decreasing share can admit; Abeni, Lipari, Parri, Sun, "Multicore CPU Reclaiming" (2016) and Linux's
 *   documentation of SCHED_DEADLINE, for the rule of waking late;
 *   Liu, Layland (1973); Abeni, Buttazzo, "Integrating Multimedia Applications in Hard Real-Time Systems"
 *   (1998); Apple, <mach/thread_policy.h> (the calls and their limits).
 */
#pragma once

#include <sched/thread_sched.h>

#define EDF_SCALE 1024U
#define EDF_LIMIT (EDF_SCALE * 3 / 4) /* of a CPU: the rest is everybody's */
#define EDF_COMPUTATION_MIN 50000ULL    /* ns */
#define EDF_COMPUTATION_MAX 50000000ULL
#define EDF_PLACES_MAX 256U /* more threads than this are not placed anew all together */

enum edf_verdict { EDF_ADMITTED, EDF_INVALID, EDF_NO_ROOM };

/* Fill e with a contract; EDF_INVALID: it contradicts itself or is out of bounds. */
enum edf_verdict edf_contract(struct edf *e, uint64_t period, uint64_t computation, uint64_t constraint, bool preemptible);
/*
 * Find room for e's share: on the CPU of mask with the least real-time load of used[cpus]; adds it there and sets
 * e->cpu. EDF_NO_ROOM: no CPU has it.
 */
enum edf_verdict edf_admit(struct edf *e, uint32_t *used, uint32_t cpus, uint32_t mask);
void edf_leave(const struct edf *e, uint32_t *used);

/* A thread with a share and where it may be: for edf_make_room. */
struct edf_place {
	uint32_t share;
	uint32_t mask; /* of CPUs */
	uint32_t cpu;  /* where it is, and where it is to be */
	void *who;     /* the caller's */
};
/*
 * Purpose: new, for which no CPU of its mask has room, gets some because others move: one of them if that is enough, else all
 *   are placed anew, the largest share first, by a search of bounded length.
 * Conditions: places[count] are all that are admitted to cpus; used is what they use and is not changed.
 * Returns true: each cpu in places and new->cpu is where it is to be. False: nothing was changed.
 */
bool edf_make_room(struct edf_place *places, uint32_t count, struct edf_place *new, const uint32_t *used, uint32_t cpus);
/* It wakes at now: a new period if the last is over. True if it may run as real-time. */
bool edf_wake(struct edf *e, uint64_t now);
/* It ran for ns. True if its budget is now used up (and was not before): overrun until e->release_ns. */
bool edf_charge(struct edf *e, uint64_t ns);
/* It leaves its CPU, or a period of it begins, at now: true, once a period, if its deadline passed though it kept to its budget. */
bool edf_missed(struct edf *e, uint64_t now);
/* Its next period has come. */
void edf_release(struct edf *e, uint64_t now);

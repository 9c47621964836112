/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edf.h - real-time threads: earliest deadline first, admitted by share, kept to it by a budget.
 *
 * A thread asks for computation ns of CPU within constraint ns of the start of each of its periods (THREAD_TIME_CONSTRAINT_
 * POLICY). It is admitted to one CPU, on which the sum of computation / min(constraint, period) stays within
 * EDF_LIMIT: with that every deadline is met as long as nobody takes more than it asked for (density test). Each period it has a
 * budget of computation; when that is used up it is a timesharing thread until its next period, so that no other's promise is
 * broken. A period begins when the thread wakes, but not before the last one is over.
 *
 * Portable: no locks, no machine access.
 * References: Liu, Layland (1973); Abeni, Buttazzo, "Integrating Multimedia Applications in Hard Real-Time Systems"
 *   (1998); Apple, <mach/thread_policy.h> (the calls and their limits).
 */
#pragma once

#include <sched/thread_sched.h>

#define EDF_SCALE 1024U
#define EDF_LIMIT (EDF_SCALE * 3 / 4) /* of a CPU: the rest is everybody's */
#define EDF_COMPUTATION_MIN 50000ULL    /* ns */
#define EDF_COMPUTATION_MAX 50000000ULL

enum edf_verdict { EDF_ADMITTED, EDF_INVALID, EDF_NO_ROOM };

/* Fill e with a contract; EDF_INVALID: it contradicts itself or is out of bounds. */
enum edf_verdict edf_contract(struct edf *e, uint64_t period, uint64_t computation, uint64_t constraint, bool preemptible);
/*
 * Find room for e's share: on the CPU of mask with the least real-time load of used[cpus]; adds it there and sets
 * e->cpu. EDF_NO_ROOM: no CPU has it.
 */
enum edf_verdict edf_admit(struct edf *e, uint32_t *used, uint32_t cpus, uint32_t mask);
void edf_leave(const struct edf *e, uint32_t *used);
/* It wakes at now: a new period if the last is over. True if it may run as real-time. */
bool edf_wake(struct edf *e, uint64_t now);
/* It ran for ns. True if its budget is now used up (and was not before): overrun until e->release_ns. */
bool edf_charge(struct edf *e, uint64_t ns);
/* Its next period has come. */
void edf_release(struct edf *e, uint64_t now);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread_sched.h - the scheduler's part of a thread: policy, usage, real-time contract, what it lends.
 *
 * Lock key: [q] run queue lock of the thread's CPU (sched.c: sched_lock()), [d] donation lock (donate.c),
 *   [p] policy mutex (sched_policy.c), [o] only the thread itself or who runs it.
 */
#pragma once

#include <base/list.h>
#include <kern/clock.h>
#include <stdbool.h>
#include <stdint.h>

struct processor_set;
struct thread;

enum sched_mode {
	SCHED_TIMESHARE = 0, /* priority falls with use and comes back with time */
	SCHED_RR,            /* fixed priority, turns of a quantum */
	SCHED_FIFO,          /* fixed priority, runs until it blocks or yields */
	SCHED_REALTIME,      /* earliest deadline first, within its admitted share */
};

/* A thread that may have ended since. */
struct thread_ref {
	struct thread *thread; /* NULL: nobody */
	uint64_t tid;
};

/* A request's place in its sender's life: worth something until the sender's wait ends. */
struct donate_ticket {
	struct thread *thread; /* NULL: nobody */
	uint64_t call;
};

/* In each thread. [d] the donation lock; [o] only the thread itself. */
struct donation {
	struct thread *to;       /* [d] whom it lends to, NULL: nobody */
	struct list link;        /* [d] among to's donors */
	struct list donors;      /* [d] who lend to it */
	struct thread_ref peer;  /* [o] whom its call waits for; read by others under d */
	uint64_t call;           /* [o] number of its call; never used twice by any thread */
	bool ended;              /* [d] the thread ends: nobody lends to it any more */
};

/* What a thread is worth: compared as a whole. */
struct worth {
	uint32_t priority;
	uint64_t deadline_ns; /* of real-time threads: earlier is worth more; else UINT64_MAX */
};


/* CPU time that decays (timeshare.h). */
struct usage {
	uint64_t ns;
	uint64_t tick; /* the decay tick that ns is as of */
};

/* A real-time thread's contract and where it stands in it (edf.h). Times in ns. */
struct edf {
	uint64_t period, computation, constraint;
	bool preemptible;
	bool missed;          /* [q] this period's deadline has passed, and was counted */
	bool overrun;         /* [q] its share of this period is used up: it runs as timeshare until release_ns */
	uint32_t cpu;         /* [p] where it is admitted */
	uint32_t share;       /* [p] of EDF_SCALE, of that CPU */
	uint64_t budget;      /* [q] left of computation in this period */
	uint64_t release_ns;  /* [q] when the next period may begin */
	uint64_t deadline_ns; /* [q] of this period */
};

struct thread_sched {
	enum sched_mode mode;          /* [q] as its policy says */
	uint32_t base_priority;        /* [q] */
	uint32_t max_priority;         /* [p] the most that base_priority may be set to without privilege */
	int32_t importance;            /* [p] of its task's other threads: added to the task's priority */
	bool depressed;                /* [q] runs at SCHED_PRIORITY_DEPRESS until it is over */
	struct timer depress_timer;    /* ends it */
	struct usage usage;            /* [q] */
	uint64_t quantum_used_ns;      /* [o] of this turn, before it was last preempted */
	struct edf rt;
	struct list rt_link;           /* [p] among the threads that are admitted */
	struct timer release_timer;    /* the next period of a thread that overran */
	struct processor_set *pset;    /* [p] its reference; NULL: the default set, before it is known */
	struct list pset_link;         /* processor set lock */
	int32_t hard_cpu;              /* [p] thread_bind: -1 none */
	uint32_t affinity_tag;         /* [p] threads of one tag like one CPU */
	uint64_t woken_ns;             /* [q] when it became runnable, for latency; 0: not measured */
	uint64_t preempted;            /* [o] times, by others */
};

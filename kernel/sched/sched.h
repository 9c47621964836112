/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched.h - the scheduler: per-CPU run queues by priority, hand-off, preemption, the idle loop.
 *
 * A woken thread goes to the waking CPU's queue (the waker is about to block: waking a halted
 * CPU is the dear operation); a queue that is not drained within SCHED_BALANCE_NS wakes an idle
 * CPU, which steals. Policies (sched_policy.c): timesharing whose priority falls with use (timeshare.h), fixed
 * priority in turns (RR) or until it blocks (FIFO), real time by deadlines within an admitted share (edf.h). A thread
 * that waits lends its priority to whom it waits for (donate.h).
 *
 * A thread is preempted wherever it runs with interrupts on, in the kernel too: at the end of the interrupt that found
 * somebody better, or on return to user mode. Interrupts off (a spin lock, cpu_irq_push) is what keeps a CPU.
 *
 * A thread that blocks with nothing else to run polls the devices in its own context for up to
 * sched_poll_ns before the CPU goes idle (design D7).
 */
#pragma once

#include <sched/priority.h>
#include <stdbool.h>
#include <stdint.h>

struct thread;

#define SCHED_QUANTUM_NS 10000000ULL
#define SCHED_BALANCE_NS 1000000ULL
#define SCHED_POLL_NS_DEFAULT 300000ULL

/* How long a blocking thread polls before its CPU sleeps; 0: not at all (boot option poll_us). */
extern uint64_t sched_poll_ns;

/* What a CPU's scheduler has done since the boot. */
struct sched_counts {
	uint64_t switches;       /* to another thread */
	uint64_t preemptions;    /* of a thread that could have run on, on its way to user mode */
	uint64_t kernel_preemptions; /* the same, inside the kernel */
	uint64_t steals;         /* threads taken from other CPUs' queues */
	uint64_t kicks;          /* idle CPUs woken for a queue that is not drained */
	uint64_t overruns;       /* real-time threads that used up their share */
	uint64_t deadline_misses; /* deadlines that passed though the thread kept to its share */
	uint64_t halts;          /* times the CPU went to sleep */
};

/* Set up the calling CPU's run queue and adopt the running context as its idle thread. */
void sched_init_cpu(void);
/* The idle loop: what each CPU's boot context becomes. */
_Noreturn void sched_idle_loop(void);

/*
 * Register the device poll, called with interrupts off on a CPU with nothing to run: begin (false: not worth it
 * now), then poll again and again, then end before the CPU runs something or halts. poll and end
 * return true if they found work. At most one; the network's, which keeps its interrupts off from begin to end.
 */
void sched_idle_poll_register(bool (*begin)(void), bool (*poll)(void), bool (*end)(void));

/* Give up the CPU to another runnable thread of at least its priority; false: there was none. */
bool sched_yield(void);
/* The same, and to t before all others if it is queued somewhere and may run here. */
bool sched_yield_to(struct thread *t);
/* Let somebody better run now, if there is (true); AST_PREEMPT and AST_QUANTUM have been taken off the calling thread. */
bool sched_preempt(uint32_t ast);
/* The end of an interrupt of the kernel: preempt if that is due and allowed. Interrupts off. */
void sched_interrupt_return(void);
/* Leave the CPU for good; the thread is THREAD_DEAD. */
_Noreturn void sched_exit(void);
/* First thing a new thread does: the end of the switch that started it. */
void sched_begin(bool interrupts_on);
/* The interrupt behind CPU_IPI_RESCHED. */
void sched_ipi(void);
/* Make a CPU that may be running t look at t->ast soon. */
void sched_poke(struct thread *t);
/* Number of runnable threads queued on all CPUs, for info calls. */
uint32_t sched_queued_count(void);
/* Runnable threads for each CPU, averaged: LOAD_ONE is one. */
uint32_t sched_load(void);

/*
 * Policy, base priority, depression or CPUs of t were changed: it is queued anew, made to move or to give way, and those
 * it lends to get to know. No thread or run queue lock held.
 */
void sched_changed(struct thread *t);
/* Set what sched_changed() looks at, and call it, with t's run queue locked: change(t, arg). */
void sched_change(struct thread *t, void (*change)(struct thread *t, const void *arg), const void *arg);

/* A new thread's fields; before it is known to anybody. */
void sched_init_thread(struct thread *t);
/* It ends: its timers, its real-time share, what it lends and is lent. Its own context, or it never ran. */
void sched_end_thread(struct thread *t);
/* Bring t's usage to date, for info. */
uint32_t sched_cpu_usage(struct thread *t);

/* Counts of a CPU since the boot; time in ns by use: user, system, idle. */
struct sched_counts sched_counts(uint32_t cpu);
uint32_t sched_cpu_queued(uint32_t cpu);
void sched_cpu_times(uint32_t cpu, uint64_t *user_ns, uint64_t *system_ns, uint64_t *idle_ns);
/* CPUs that take threads: bit n for CPU n. */
uint32_t sched_cpus_online(void);

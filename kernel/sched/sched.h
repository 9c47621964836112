/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched.h - the scheduler: per-CPU run queues by priority, hand-off, the idle loop.
 *
 * A woken thread goes to the waking CPU's queue (the waker is about to block: waking a halted
 * CPU is the dear operation); a queue that is not drained within SCHED_BALANCE_NS wakes an idle
 * CPU, which steals. Within a priority, threads take turns of SCHED_QUANTUM_NS. User code is preempted at
 * interrupts; the kernel is left at waits and on return to user mode.
 *
 * A thread that blocks with nothing else to run polls the devices in its own context for up to
 * sched_poll_ns before the CPU goes idle (design D7).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct thread;

#define SCHED_PRIORITIES 128
#define SCHED_PRIORITY_IDLE 0
#define SCHED_PRIORITY_USER 31
#define SCHED_PRIORITY_KERNEL 80
#define SCHED_QUANTUM_NS 10000000ULL
#define SCHED_BALANCE_NS 1000000ULL
#define SCHED_POLL_NS_DEFAULT 300000ULL

/* How long a blocking thread polls before its CPU sleeps; 0: not at all (boot option poll_us). */
extern uint64_t sched_poll_ns;

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
/* Leave the CPU for good; the thread is THREAD_DEAD. */
_Noreturn void sched_exit(void);
/* First thing a new thread does: the end of the switch that started it. */
void sched_begin(bool interrupts_on);
/* The interrupt behind CPU_IPI_RESCHED. */
void sched_ipi(void);
/* Make a CPU that may be running t look at t->ast soon. */
void sched_poke(struct thread *t);
/* Take t off its run queue if it is there (its priority or CPU binding is to change); true if it was. */
bool sched_remove(struct thread *t);
/* Number of runnable threads queued on all CPUs, for info calls. */
uint32_t sched_queued_count(void);

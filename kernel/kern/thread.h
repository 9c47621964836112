/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.h - the thread: what the scheduler runs.
 *
 * Lives: created (suspended) -> runnable <-> running -> blocked ... -> terminated -> freed when the
 *   last reference goes.
 * Lock key: [I] immutable after creation, [a] atomic, [t] thread lock, [q] run queue lock of its CPU,
 *   [o] only the thread itself.
 */
#pragma once

#include <base/list.h>
#include <ipc/ipc_thread.h>
#include <kern/clock.h>
#include <kern/lock.h>
#include <kern/pc_sample.h>
#include <kern/task_events.h>
#include <mach/kern_return.h>
#include <machine/thread.h>
#include <sched/thread_sched.h>
#include <sched/wait.h>
#include <stdatomic.h>

struct task;

enum thread_run_state {
	THREAD_CREATED = 0,
	THREAD_RUNNABLE, /* on a run queue */
	THREAD_RUNNING,  /* on a CPU */
	THREAD_BLOCKED,  /* on a wait queue, or stopped */
	THREAD_DEAD,     /* never runs again */
};

/* The claim word of a wait (wait.h): who ends it. */
enum thread_wait_claim {
	CLAIM_NONE = 0,   /* not waiting */
	CLAIM_OPEN,       /* waiting, anyone may claim */
	CLAIM_OPEN_HARD,  /* waiting, only a waker or the timeout may claim */
	CLAIM_TAKEN,      /* claimed; wait_result says by whom */
};

struct thread {
	/* Hot in every switch: kept together. */
	struct machine_thread machine;      /* [o] saved state, kernel stack */
	struct task *task;                  /* [I] */
	_Atomic uint32_t run_state;         /* [q] enum thread_run_state */
	_Atomic uint32_t on_cpu;            /* [a] 1 while its kernel stack is in use by a CPU */
	_Atomic uint32_t claim;             /* [a] enum thread_wait_claim */
	uint32_t wait_result;               /* the claimer's, then [o] */
	struct list wait_link;              /* lock of the object waited on */
	struct list run_link;               /* [q] */
	struct timer wait_timer;            /* [o] */
	_Atomic uint32_t ast;               /* [a] AST_* to look at before return to user */
	uint32_t cpu;                       /* [q] the CPU whose queue it belongs to */
	uint32_t cpu_mask;                  /* [q] CPUs that may run it: of its set, or the one it is bound to; 0: see thread_has_no_cpu */
	int32_t bound_cpu;                  /* [q] -1: any; else the only one of cpu_mask */
	uint32_t priority;                  /* [q] 0 (low) .. 127: its own or lent, what queues and preemption go by */
	uint32_t queued_priority;           /* [q] the list it is on */
	uint32_t lend_priority;             /* [d] what it may lend; read anywhere as a hint */
	uint32_t promotion;                 /* [d] the best that is lent to it; 0: nothing */
	uint64_t promotion_deadline_ns;     /* [d] of a real-time lender; else UINT64_MAX */
	struct donation donation;           /* whom it lends to, and who lends to it */
	struct ipc_thread ipc;              /* its ports and its part of a message wait */
	struct task_events events;          /* [o] since it began */
	struct pc_sample pc_sample;         /* who wants to know where it is */

	_Atomic uint32_t references;        /* [a] */
	struct spinlock lock;
	uint32_t suspend_count;             /* [t] thread_suspend less thread_resume */
	bool active;                        /* [t] false once terminated */
	struct waitq stop_wait;             /* [t] where it waits while suspended; who waits for its stop */
	struct list task_link;              /* task lock */
	struct thread_sched sched;          /* policy and what it is owed */
	struct list held_locks;             /* kern/lock_set.c's lock: of ulock.held_link */
	uint64_t switched_in_ns, switched_out_ns; /* [o] when it last got, and left, a CPU */
	uint64_t user_ns, system_ns;        /* [o] time on a CPU until it last left one */
	uint64_t user_mark_ns, system_mark_ns; /* [o] its CPU's account when it got it */
	void (*start)(void *);              /* [I] a kernel thread's function */
	void *start_arg;                    /* [I] */
	uint64_t resource_code, resource_subcode; /* [t] of the EXC_RESOURCE it owes (AST_RESOURCE); code 0: none */
	bool vm_privilege;                  /* [o] it frees memory: it may take the last frames, and never waits for one */
	bool vm_page_in;                    /* [o] what it allocates now is a pager's supply (PAGE_IN_PAGES) */
	uint64_t tid;                       /* [I] for the Linux personality and traces */
	uint64_t clear_child_tid;           /* [o] Linux set_tid_address, 0: none */
	uint64_t futex_address;             /* lock of its futex bucket: what it waits on */
	uint32_t futex_bits;                /* the same */
	char name[32];
};

enum thread_ast {
	AST_PREEMPT = 1,   /* another thread should run here */
	AST_STOP = 2,      /* suspended: stop before user code */
	AST_TERMINATE = 4, /* terminate before user code */
	AST_ABORT = 8,     /* thread_abort: the next abortable wait ends at once */
	AST_DONATION = 16, /* it may still lend its priority for a call that is over (sched/donate.c) */
	AST_QUANTUM = 32,  /* with AST_PREEMPT: its turn is over */
	AST_RESOURCE = 128, /* its task crossed a limit: raise the exception (kern/task_limits.h) */
	AST_GUARD = 64,    /* it violated a port's guard: raise the exception (ipc/ipc_guard.h) */
	AST_SAMPLE = 256,  /* it ran when samples were taken (kern/pc_sample.h) */
	AST_RESTART = 512, /* out of a restartable sequence, if it is in one (kern/restartable.h) */
};

/* The thread that runs on this CPU. Borrowed. */
static inline struct thread *current_thread(void);

/*
 * Create a thread in task, suspended (suspend_count 1), with a kernel stack and its kernel ports.
 * Returns +1 in *out; KERN_RESOURCE_SHORTAGE, KERN_TERMINATED.
 */
kern_return_t thread_create(struct task *task, struct thread **out);
/* A thread of the kernel task that runs fn(arg); it starts at once. Panics without memory. */
struct thread *kernel_thread_start(const char *name, uint32_t priority, void (*fn)(void *), void *arg);

void thread_reference(struct thread *t);
void thread_deallocate(struct thread *t);

kern_return_t thread_suspend(struct thread *t);
kern_return_t thread_resume(struct thread *t);
kern_return_t thread_terminate(struct thread *t);
/* Break the thread's abortable wait: it returns to its trap boundary with 'interrupted'. */
kern_return_t thread_abort(struct thread *t);
/* The same; KERN_FAILURE, and nothing done, while it is in a wait that cannot be broken. */
kern_return_t thread_abort_safely(struct thread *t);
/* End the calling thread, on its own stack. */
_Noreturn void thread_exit_self(void);

/* Set up the queue links and the wait timer of a new thread (sched/sched.c). */
void thread_wait_init(struct thread *t);
/* End t's abortable wait with WAIT_INTERRUPTED; false if it is in none. */
bool thread_wait_abort(struct thread *t);
/* The CPU goes from old to next (perhaps the same): the time that old had to its account. Interrupts off. */
void thread_charge(struct thread *old, struct thread *next, uint64_t now_ns);
/* The time it has had, until now. */
void thread_times(struct thread *t, uint64_t *user_ns, uint64_t *system_ns);
/* A dead thread has left its stack for the last time: drop its own reference. Any context. */
void thread_reap(struct thread *t);
/*
 * Wait until t (to be stopped, not current) is at its trap boundary or in a wait, so that its registers are the user's and hold still: an
 * aborted one has to leave its wait first. False: the caller was aborted.
 */
bool thread_wait_stopped(struct thread *t);
/* Let t run if neither it nor its task is suspended, or if it is to end. */
void thread_run_if_allowed(struct thread *t);
/* Block the calling thread for ns; not abortable. */
void thread_sleep_ns(uint64_t ns);
/* As above; false if aborted. */
bool thread_sleep_abortable(uint64_t ns);
void thread_init(void);
void thread_start_reaper(void);

#include <machine/current.h>

/* Has its set no processor? Then it stops at its trap boundary as if suspended. A guess, but for who holds its run queue's lock. */
static inline bool thread_has_no_cpu(const struct thread *t)
{
	return __atomic_load_n(&t->cpu_mask, __ATOMIC_RELAXED) == 0;
}

/*
 * What the calling thread does until _end may take the last frames: a small message that somebody waits for, and that would be
 * lost. _begin's result is for _end.
 */
static inline bool thread_privilege_begin(void)
{
	struct thread *self = current_thread();
	bool before = self->vm_privilege;

	self->vm_privilege = true;
	return before;
}

static inline void thread_privilege_end(bool before)
{
	current_thread()->vm_privilege = before;
}

/* Was the calling thread aborted, or is it to end? What may take long asks now and then, and gives up with KERN_ABORTED. */
static inline bool thread_is_broken(void)
{
	return (atomic_load_explicit(&current_thread()->ast, memory_order_relaxed) & (AST_ABORT | AST_TERMINATE)) != 0;
}

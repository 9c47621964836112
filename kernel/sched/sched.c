/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched.c - run queues, switching, preemption and the idle loop. See sched.h for the policy.
 *
 * The switch: a thread leaves its CPU with interrupts off and irq_depth 1, holding no lock. on_cpu
 * stays 1 until the thread that follows has left the old kernel stack (switch_finish); who wants to
 * run a thread that another CPU is just leaving spins on on_cpu for that moment.
 *
 * Invariants: S1 a thread is on at most one run queue, and only as THREAD_RUNNABLE; S2 irq_were_on
 *   belongs to the thread, not to the CPU: it is saved across a switch; S3 the idle thread is never queued;
 *   S4 a thread that is still on a CPU's stack is queued on that CPU only, so that two CPUs never wait for each
 *   other's threads to leave; S5 who changes what a thread's priority follows from writes it first, then locks the
 *   queue of t->cpu, and does so again if t->cpu has changed; who moves a thread writes t->cpu first and computes its
 *   priority after: so the last to lock sees both; S6 a thread that its CPU may not run any longer is forwarded by
 *   who follows it on its CPU; S7 a thread whose set has no processor runs anywhere while it is in the
 *   kernel, for it may hold locks, and stops at its trap boundary, as if suspended.
 * Locking: run_queue.lock is a leaf under any object's lock; two are never held at once.
 */
#include <ddb/trace.h>
#include <base/string.h>
#include <kern/assert.h>
#include <kern/clock.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <machine/cpu.h>
#include <sched/donate.h>
#include <sched/edf.h>
#include <sched/latency.h>
#include <sched/run_queue.h>
#include <sched/sched.h>
#include <sched/sched_policy.h>
#include <sched/timeshare.h>

struct run_queue {
	struct spinlock lock;
	struct run_queue_lists q;            /* lock; count is read without it as a hint */
	struct timer slice;                  /* this CPU's: balance, ageing, the quantum's end */
	struct timer budget;                 /* this CPU's: the end of a real-time thread's share */
	_Atomic bool idle;                   /* its CPU halts or polls */
	uint32_t cpu;
	uint64_t aged_tick;                  /* this CPU's: when the queued were last aged */
	bool forward;                        /* this CPU's: who is left is to go elsewhere (S6) */
	struct sched_counts counts;          /* this CPU's */
};

static struct run_queue run_queues[MAX_CPUS];
static bool (*idle_begin)(void);
static bool (*idle_poll)(void);
static bool (*idle_end)(void);
uint64_t sched_poll_ns = SCHED_POLL_NS_DEFAULT;

/* Of the whole node: how far use lowers timesharing threads. */
static struct {
	_Atomic uint64_t tick;
	_Atomic uint32_t load; /* LOAD_ONE: a runnable thread for each CPU */
	_Atomic uint32_t shift;
} timeshare = { .shift = TIMESHARE_SHIFT_NONE };

static void slice_expired(struct timer *timer);
static void budget_expired(struct timer *timer);
static void depress_expired(struct timer *timer);
static void release_expired(struct timer *timer);

void sched_init_cpu(void)
{
	struct run_queue *rq = &run_queues[this_cpu()->id];

	spin_init(&rq->lock, "run queue");
	run_queue_lists_init(&rq->q);
	timer_init(&rq->slice, slice_expired);
	timer_init(&rq->budget, budget_expired);
	rq->cpu = this_cpu()->id;
	this_cpu()->sched = rq;
	this_cpu()->stamp_ns = clock_now_ns();
}

void sched_idle_poll_register(bool (*begin)(void), bool (*poll)(void), bool (*end)(void))
{
	idle_begin = begin;
	idle_end = end;
	idle_poll = poll;
}

uint32_t sched_cpus_online(void)
{
	return (1U << cpu_count) - 1;
}

static bool allowed(const struct thread *t, uint32_t cpu)
{
	return ((t->cpu_mask >> cpu) & 1) != 0 || thread_has_no_cpu(t); /* S7 */
}

/* --- a thread's priority ------------------------------------------------------------------ */

static bool is_realtime(const struct thread *t)
{
	return t->sched.mode == SCHED_REALTIME && !t->sched.rt.overrun;
}

struct worth sched_own_worth(const struct thread *t)
{
	if (is_realtime(t))
		return (struct worth){ SCHED_PRIORITY_REALTIME, t->sched.rt.deadline_ns };
	return (struct worth){ t->sched.depressed ? SCHED_PRIORITY_DEPRESS : t->sched.base_priority, UINT64_MAX };
}

/* What t's priority is now: its own, as its policy and use make it, or what it is lent. Its queue is locked. */
static uint32_t priority_now(struct thread *t)
{
	uint32_t own;

	if (t->sched.depressed)
		own = SCHED_PRIORITY_DEPRESS;
	else if (is_realtime(t))
		own = SCHED_PRIORITY_REALTIME;
	else if (t->sched.mode == SCHED_TIMESHARE || t->sched.mode == SCHED_REALTIME) {
		timeshare_age(&t->sched.usage, atomic_load_explicit(&timeshare.tick, memory_order_relaxed));
		own = timeshare_priority(t->sched.base_priority, &t->sched.usage,
					 atomic_load_explicit(&timeshare.shift, memory_order_relaxed));
	} else
		own = t->sched.base_priority;
	return t->promotion > own ? t->promotion : own;
}

/* S5 */
static struct run_queue *sched_lock(struct thread *t)
{
	for (;;) {
		struct run_queue *rq = &run_queues[__atomic_load_n(&t->cpu, __ATOMIC_ACQUIRE)];

		spin_lock(&rq->lock);
		if (__atomic_load_n(&t->cpu, __ATOMIC_SEQ_CST) == rq->cpu)
			return rq;
		spin_unlock(&rq->lock);
	}
}

/* On queue rq, which is locked? */
static bool is_queued(const struct run_queue *rq, const struct thread *t)
{
	return t->cpu == rq->cpu && atomic_load(&t->run_state) == THREAD_RUNNABLE && !list_empty(&t->run_link);
}

/* Its CPU should look who is to run. rq is locked. */
static void resched_locked(struct run_queue *rq)
{
	struct cpu *cpu = cpu_by_id(rq->cpu);
	struct thread *first = run_queue_first(&rq->q), *running = cpu->current;

	if (first == NULL || !run_queue_beats(first, running))
		return;
	if (rq->cpu != this_cpu()->id)
		cpu_send_ipi(rq->cpu, CPU_IPI_RESCHED);
	else if (running != cpu->idle)
		atomic_fetch_or(&running->ast, AST_PREEMPT);
}

/* Compute t's priority anew and queue it accordingly. rq is its queue, locked. */
static void priority_update_locked(struct run_queue *rq, struct thread *t)
{
	bool queued = is_queued(rq, t);

	if (queued)
		run_queue_take(&rq->q, t);
	t->priority = priority_now(t);
	if (queued)
		run_queue_put(&rq->q, t, false);
	resched_locked(rq);
}

static void priority_update(struct thread *t)
{
	struct run_queue *rq;
	bool again;

	do {
		rq = sched_lock(t);
		priority_update_locked(rq, t);
		again = __atomic_load_n(&t->cpu, __ATOMIC_SEQ_CST) != rq->cpu; /* S5 */
		spin_unlock(&rq->lock);
	} while (again);
}

void sched_promote(struct thread *t, struct worth best)
{
	t->promotion = best.priority;
	t->promotion_deadline_ns = best.deadline_ns;
	priority_update(t);
}

void sched_change(struct thread *t, void (*change)(struct thread *t, const void *arg), const void *arg)
{
	struct run_queue *rq = sched_lock(t);

	change(t, arg);
	spin_unlock(&rq->lock);
	sched_changed(t);
}

/* t may not stay where it is: make it move. */
static void move_away(struct thread *t)
{
	struct run_queue *rq = sched_lock(t);
	bool allowed_there = allowed(t, rq->cpu);
	bool queued = is_queued(rq, t) && !allowed_there && atomic_load(&t->on_cpu) == 0;
	bool running = atomic_load(&t->run_state) == THREAD_RUNNING && !allowed_there;

	if (queued) {
		run_queue_take(&rq->q, t);
		atomic_store(&t->run_state, THREAD_BLOCKED);
	}
	spin_unlock(&rq->lock);
	if (queued)
		thread_go(t);
	if (running) {
		atomic_fetch_or(&t->ast, AST_PREEMPT);
		sched_poke(t);
	}
}

void sched_changed(struct thread *t)
{
	priority_update(t);
	donate_changed(t);
	if (!allowed(t, t->cpu))
		move_away(t);
}

static void depress_end(struct thread *t, const void *arg)
{
	(void)arg;
	t->sched.depressed = false;
}

static void depress_expired(struct timer *timer)
{
	sched_change(container_of(timer, struct thread, sched.depress_timer), depress_end, NULL);
}

static void release(struct thread *t, const void *arg)
{
	const uint64_t *now = arg;

	if (t->sched.mode == SCHED_REALTIME && t->sched.rt.overrun && *now >= t->sched.rt.release_ns)
		edf_release(&t->sched.rt, *now);
}

/* An overrun thread's next period has come. */
static void release_expired(struct timer *timer)
{
	uint64_t now = clock_now_ns();

	sched_change(container_of(timer, struct thread, sched.release_timer), release, &now);
}

void sched_init_thread(struct thread *t)
{
	t->cpu_mask = UINT32_MAX;
	t->bound_cpu = -1;
	t->sched.hard_cpu = -1;
	t->sched.base_priority = t->priority = t->lend_priority = SCHED_PRIORITY_USER;
	t->sched.max_priority = SCHED_PRIORITY_USER_MAX;
	t->promotion_deadline_ns = UINT64_MAX;
	list_init(&t->sched.pset_link);
	list_init(&t->sched.rt_link);
	timer_init(&t->sched.depress_timer, depress_expired);
	timer_init(&t->sched.release_timer, release_expired);
	donate_init_thread(t, t->tid);
}

uint32_t sched_cpu_usage(struct thread *t)
{
	struct run_queue *rq = sched_lock(t);
	struct usage usage = t->sched.usage;
	uint64_t now = clock_now_ns(), since = t->switched_in_ns;
	bool runs = cpu_by_id(t->cpu)->current == t;

	spin_unlock(&rq->lock);
	timeshare_charge(&usage, runs && now > since ? now - since : 0, now);
	return timeshare_cpu_usage(&usage);
}

/* --- queues ------------------------------------------------------------------------------- */

static void queue_put_locked(struct run_queue *rq, struct thread *t, bool at_head)
{
	spin_assert_held(&rq->lock);
	if (t->cpu != rq->cpu)
		__atomic_exchange_n(&t->cpu, rq->cpu, __ATOMIC_SEQ_CST); /* S5 */
	t->priority = priority_now(t);
	run_queue_put(&rq->q, t, at_head);
}

/* Take the best thread of at least priority floor; NULL if none. */
static struct thread *queue_pick(struct run_queue *rq, int floor)
{
	struct thread *t;

	while (rq->q.count != 0) {
		spin_lock(&rq->lock);
		t = run_queue_first(&rq->q);
		if (t != NULL && (int)t->queued_priority >= floor)
			run_queue_take(&rq->q, t);
		else
			t = NULL;
		spin_unlock(&rq->lock);
		if (t == NULL || __builtin_expect(allowed(t, rq->cpu), 1) || t == current_thread())
			return t;
		atomic_store(&t->run_state, THREAD_BLOCKED); /* queued here by S4 alone */
		thread_go(t);
	}
	return NULL;
}

/* The best thread of rq, locked, that CPU me may take: not one that is on a stack (S4). */
static struct thread *queue_find_locked(struct run_queue *rq, uint32_t me)
{
	for (int word = SCHED_PRIORITIES / 64 - 1; word >= 0; word--)
		for (uint64_t bits = rq->q.bitmap[word]; bits != 0;) {
			int bit = 63 - __builtin_clzll(bits);

			bits &= ~(1ULL << bit);
			LIST_FOR_EACH(pos, &rq->q.lists[word * 64 + bit]) {
				struct thread *t = container_of(pos, struct thread, run_link);

				if (allowed(t, me) && atomic_load(&t->on_cpu) == 0)
					return t;
			}
		}
	return NULL;
}

/* Take a thread that may run on CPU me from another queue, the longest first. */
static struct thread *queue_steal(uint32_t me)
{
	uint32_t tried = 1U << me;

	for (uint32_t i = 1; i < cpu_count; i++) {
		struct run_queue *longest = NULL;
		struct thread *found;

		for (uint32_t k = 1; k < cpu_count; k++) {
			struct run_queue *rq = &run_queues[(me + k) % cpu_count];

			if (rq->q.count != 0 && ((tried >> rq->cpu) & 1) == 0 &&
			    (longest == NULL || rq->q.count > longest->q.count))
				longest = rq;
		}
		if (longest == NULL)
			return NULL;
		tried |= 1U << longest->cpu;
		spin_lock(&longest->lock);
		found = queue_find_locked(longest, me);
		if (found != NULL)
			run_queue_take(&longest->q, found);
		spin_unlock(&longest->lock);
		if (found != NULL) {
			run_queues[me].counts.steals++;
			return found;
		}
	}
	return NULL;
}

static void kick_idle_cpu(struct run_queue *rq)
{
	for (uint32_t i = 0; i < cpu_count; i++)
		if (i != rq->cpu && atomic_load_explicit(&run_queues[i].idle, memory_order_relaxed)) {
			rq->counts.kicks++;
			cpu_send_ipi(i, CPU_IPI_RESCHED);
			return;
		}
}

/* Where a woken thread goes: S4; the waker's CPU; else where it was; else an idle one of its CPUs. */
static uint32_t choose_cpu(struct thread *t)
{
	uint32_t me = this_cpu()->id, mask = t->cpu_mask & sched_cpus_online(), choice;

	if (atomic_load_explicit(&t->on_cpu, memory_order_acquire) != 0)
		return t->cpu;
	if (__builtin_expect(mask == 0, 0))
		mask = sched_cpus_online(); /* S7 */
	if (__builtin_expect(t->sched.affinity_tag != 0, 0)) {
		choice = t->sched.affinity_tag % cpu_count;
		if ((mask >> choice) & 1)
			return choice;
	}
	if ((mask >> me) & 1)
		return me;
	if ((mask >> t->cpu) & 1)
		return t->cpu;
	choice = (uint32_t)__builtin_ctz(mask);
	for (uint32_t i = 0; i < cpu_count; i++)
		if (((mask >> i) & 1) && atomic_load_explicit(&run_queues[i].idle, memory_order_relaxed))
			return i;
	return choice;
}

static void slice_start(struct run_queue *rq)
{
	if (!rq->slice.armed)
		timer_arm(&rq->slice, clock_now_ns() + SCHED_BALANCE_NS);
}

/* t becomes runnable: what its policy does then. Its queue is locked. */
static __attribute__((noinline)) void wake_realtime(struct thread *t)
{
	uint64_t now = clock_now_ns();

	if (atomic_load_explicit(&t->on_cpu, memory_order_acquire) != 0) {
		if (now >= t->sched.rt.release_ns) /* it is just about to leave its CPU: it did not wait for long */
			edf_release(&t->sched.rt, now);
	} else if (!edf_wake(&t->sched.rt, now) && !t->sched.release_timer.armed) {
		timer_arm(&t->sched.release_timer, t->sched.rt.release_ns);
	}
	t->sched.woken_ns = now;
}

__attribute__((noinline)) void thread_go(struct thread *t)
{
	struct run_queue *rq;
	struct cpu *cpu;
	struct thread *running;

	cpu_irq_push(); /* what t lent us ends here: nobody between us may run before it is queued */
	if (__builtin_expect(t->donation.to != NULL, 0))
		donate_return(t);
	TRACE2(WAKE, t->tid, t->priority);
	rq = &run_queues[choose_cpu(t)];
	spin_lock(&rq->lock);
	KASSERT(atomic_load(&t->run_state) != THREAD_RUNNABLE);
	if (__builtin_expect(t->sched.mode == SCHED_REALTIME, 0))
		wake_realtime(t);
	atomic_store(&t->run_state, THREAD_RUNNABLE);
	t->sched.quantum_used_ns = 0;
	queue_put_locked(rq, t, false);
	cpu = this_cpu();
	running = cpu->current;
	if (rq->cpu != cpu->id) {
		spin_unlock(&rq->lock);
		cpu_send_ipi(rq->cpu, CPU_IPI_RESCHED);
	} else {
		if (running != cpu->idle) {
			if (run_queue_beats(t, running))
				atomic_fetch_or(&running->ast, AST_PREEMPT);
			slice_start(rq);
		}
		spin_unlock(&rq->lock);
	}
	cpu_irq_pop();
}

void sched_end_thread(struct thread *t)
{
	sched_policy_end_thread(t); /* it is no real-time thread any more: nobody arms its timer */
	(void)timer_cancel(&t->sched.depress_timer);
	(void)timer_cancel(&t->sched.release_timer);
	donate_end_thread(t);
}

uint32_t sched_queued_count(void)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < cpu_count; i++)
		sum += run_queues[i].q.count;
	return sum;
}

/* --- switching ---------------------------------------------------------------------------- */

/* The thread that was here before has left its stack: others may run it, or the reaper may free it. */
static void switch_finish(void)
{
	struct cpu *cpu = this_cpu();
	struct thread *previous = cpu->previous;
	struct run_queue *rq = cpu->sched;

	if (__builtin_expect(atomic_load(&previous->run_state) == THREAD_DEAD, 0)) {
		atomic_store_explicit(&previous->on_cpu, 0, memory_order_release);
		thread_reap(previous);
	} else if (__builtin_expect(rq->forward, 0)) { /* S6 */
		rq->forward = false;
		atomic_store_explicit(&previous->on_cpu, 0, memory_order_release);
		thread_go(previous);
	} else {
		atomic_store_explicit(&previous->on_cpu, 0, memory_order_release);
	}
}

/* A real-time thread gets the CPU: until its share is used up. */
static __attribute__((noinline)) void budget_start(struct run_queue *rq, struct thread *t, uint64_t now)
{
	timer_arm(&rq->budget, now + t->sched.rt.budget);
}

/* A real-time thread ran for ns until now: was it in time, and did it use up its share? */
static __attribute__((noinline)) void charge_realtime(struct thread *t, uint64_t ns, uint64_t now)
{
	struct run_queue *rq = this_cpu()->sched;

	rq->counts.deadline_misses += edf_missed(&t->sched.rt, now);
	if (!edf_charge(&t->sched.rt, ns))
		return;
	rq->counts.overruns++;
	timer_arm(&t->sched.release_timer, t->sched.rt.release_ns);
}

/* old ran until now: what its policy makes of it. */
static void charge(struct thread *old, uint64_t now)
{
	uint64_t ran = now - old->switched_in_ns;

	if (__builtin_expect(timeshare_tick(now) != old->sched.usage.tick, 0))
		timeshare_charge(&old->sched.usage, ran, now);
	else
		old->sched.usage.ns += ran;
	if (__builtin_expect(old->sched.mode == SCHED_REALTIME, 0))
		charge_realtime(old, ran, now);
}

/* next, which is on no CPU, gets this one from old. */
static inline __attribute__((always_inline)) void switch_account(struct cpu *cpu, struct thread *old, struct thread *next,
								 bool maybe_realtime)
{
	struct run_queue *rq = cpu->sched;
	uint64_t now;

	atomic_store_explicit(&next->on_cpu, 1, memory_order_relaxed);
	if (next->cpu != cpu->id)
		__atomic_exchange_n(&next->cpu, cpu->id, __ATOMIC_SEQ_CST); /* S5 */
	now = clock_now_ns();
	charge(old, now);
	thread_charge(old, next, now);
	next->switched_in_ns = now;
	if (__builtin_expect(next->sched.woken_ns != 0, 0))
		latency_dispatched(next, now);
	if (maybe_realtime && __builtin_expect(is_realtime(next), 0))
		budget_start(rq, next, now);
	rq->counts.switches++;
	cpu->previous = old;
	cpu->current = next;
	TRACE2(SWITCH, old->tid, next->tid);
}

/* Interrupts off, irq_depth 1. next is nobody's but ours. */
static void switch_to(struct thread *next)
{
	struct cpu *cpu = this_cpu();
	struct thread *old = cpu->current;
	bool irq_were_on = cpu->irq_were_on;

	KASSERT(cpu->irq_depth == 1);
	atomic_store(&next->run_state, THREAD_RUNNING);
	if (next == old) {
		if (__builtin_expect(!allowed(next, cpu->id), 0))
			atomic_fetch_or(&next->ast, AST_PREEMPT); /* to move away, as soon as it can */
		return;
	}
	while (atomic_load_explicit(&next->on_cpu, memory_order_acquire) != 0)
		cpu_relax();
	switch_account(cpu, old, next, true);
	machine_switch(old, next);
	switch_finish();
	this_cpu()->irq_were_on = irq_were_on;
}

void sched_begin(bool interrupts_on)
{
	struct cpu *cpu = this_cpu();

	switch_finish();
	KASSERT(cpu->irq_depth == 1);
	cpu->irq_were_on = interrupts_on;
	cpu_irq_pop();
}

/*
 * Nothing is queued here, and the current thread has blocked or is the idle thread: poll the devices for a moment
 * (D7), if they find it worth it. Returns a thread to run, perhaps the caller, or NULL when the moment is over.
 */
static struct thread *poll_for_work(struct run_queue *rq)
{
	struct thread *self = current_thread();
	uint64_t until;
	struct thread *t;

	if (idle_poll == NULL || sched_poll_ns == 0 || !idle_begin())
		return NULL;
	atomic_store(&rq->idle, true);
	until = clock_now_ns() + sched_poll_ns;
	do {
		if (idle_poll())
			until = clock_now_ns() + sched_poll_ns;
		cpu_irq_window();
		t = queue_pick(rq, 0);
		/* Claimed by another CPU, which waits for this stack: leave it. */
		if (t == NULL && atomic_load(&self->claim) == CLAIM_TAKEN)
			break;
	} while (t == NULL && clock_now_ns() < until);
	if (idle_end() && t == NULL)
		t = queue_pick(rq, 0);
	atomic_store(&rq->idle, false);
	return t;
}

/* The current thread cannot go on (it is blocked, dead or queued): run next, or choose. irq_depth 1. */
static void leave_cpu(struct thread *next)
{
	struct cpu *cpu = this_cpu();
	struct run_queue *rq = cpu->sched;

	if (next == NULL)
		next = queue_pick(rq, 0);
	if (next == NULL && cpu_count > 1)
		next = queue_steal(cpu->id);
	if (next == NULL && atomic_load(&cpu->current->run_state) != THREAD_DEAD && !rq->forward)
		next = poll_for_work(rq);
	if (next == NULL)
		next = cpu->idle;
	else if (rq->q.count != 0)
		slice_start(rq);
	switch_to(next);
}

/* Somebody queued here may be better than next, which is claimed: then next is queued, and he runs. */
static __attribute__((noinline)) struct thread *best_of(struct run_queue *rq, struct thread *next)
{
	struct thread *first;

	spin_lock(&rq->lock);
	first = run_queue_first(&rq->q);
	if (first != NULL && run_queue_beats(first, next)) {
		run_queue_take(&rq->q, first);
		atomic_store(&next->run_state, THREAD_RUNNABLE);
		queue_put_locked(rq, next, true);
		next = first;
	}
	spin_unlock(&rq->lock);
	return next;
}

/* The current thread gives way: it is queued here, or goes where it is allowed (S6). irq_depth 1. */
static void put_self(struct run_queue *rq, struct thread *self, bool at_head)
{
	if (__builtin_expect(!allowed(self, rq->cpu), 0)) {
		atomic_store(&self->run_state, THREAD_BLOCKED);
		rq->forward = true;
		return;
	}
	spin_lock(&rq->lock);
	atomic_store(&self->run_state, THREAD_RUNNABLE);
	queue_put_locked(rq, self, at_head);
	spin_unlock(&rq->lock);
}

bool sched_yield(void)
{
	struct cpu *cpu;
	struct run_queue *rq;
	struct thread *self, *next;
	bool away;

	cpu_irq_push();
	cpu = this_cpu();
	rq = cpu->sched;
	self = cpu->current;
	KASSERT(cpu->irq_depth == 1);
	away = self != cpu->idle && !allowed(self, cpu->id);
	next = queue_pick(rq, self == cpu->idle || away ? 0 : (int)self->priority);
	if (next != NULL || away) {
		self->sched.quantum_used_ns = 0;
		if (self != cpu->idle)
			put_self(rq, self, false);
		leave_cpu(next);
	}
	cpu_irq_pop();
	return next != NULL;
}

bool sched_yield_to(struct thread *t)
{
	struct run_queue *rq = sched_lock(t), *here;
	bool taken;

	taken = is_queued(rq, t) && allowed(t, this_cpu()->id) &&
		(rq->cpu == this_cpu()->id || atomic_load(&t->on_cpu) == 0) && t != current_thread();
	if (taken)
		run_queue_take(&rq->q, t);
	cpu_irq_push(); /* this CPU stays */
	spin_unlock(&rq->lock);
	if (!taken) {
		cpu_irq_pop();
		return sched_yield();
	}
	here = this_cpu()->sched;
	KASSERT(this_cpu()->irq_depth == 1);
	current_thread()->sched.quantum_used_ns = 0;
	put_self(here, current_thread(), false);
	leave_cpu(t);
	cpu_irq_pop();
	return true;
}

bool sched_preempt(uint32_t ast)
{
	struct cpu *cpu;
	struct run_queue *rq;
	struct thread *self, *first;
	bool better, away;

	cpu_irq_push();
	cpu = this_cpu();
	rq = cpu->sched;
	self = cpu->current;
	KASSERT(cpu->irq_depth == 1 && self != cpu->idle);
	spin_lock(&rq->lock);
	if (self->sched.mode != SCHED_FIFO) {
		uint64_t now = clock_now_ns();

		if (self->sched.mode != SCHED_RR)
			charge(self, now);
		self->sched.quantum_used_ns += now - self->switched_in_ns;
		thread_charge(self, self, now);
		self->switched_in_ns = now;
		if (is_realtime(self))
			budget_start(rq, self, now);
	}
	self->priority = priority_now(self);
	first = run_queue_first(&rq->q);
	better = first != NULL && (run_queue_beats(first, self) ||
				   ((ast & AST_QUANTUM) != 0 && first->priority == self->priority &&
				    self->priority != SCHED_PRIORITY_REALTIME));
	away = !allowed(self, rq->cpu);
	if (better)
		run_queue_take(&rq->q, first);
	spin_unlock(&rq->lock);
	if (ast & AST_QUANTUM)
		self->sched.quantum_used_ns = 0;
	if (better || away) {
		self->sched.preempted++;
		rq->counts.preemptions++;
		put_self(rq, self, (ast & AST_QUANTUM) == 0);
		leave_cpu(better ? first : NULL);
	}
	cpu_irq_pop();
	return better || away;
}

void sched_interrupt_return(void)
{
	struct cpu *cpu = this_cpu();
	struct thread *self = cpu->current;
	uint32_t ast;

	if (cpu->irq_depth != 0 || self == cpu->idle || cpu->sched == NULL)
		return;
	ast = atomic_fetch_and(&self->ast, ~(uint32_t)(AST_PREEMPT | AST_QUANTUM));
	if (sched_preempt(ast))
		((struct run_queue *)this_cpu()->sched)->counts.kernel_preemptions++;
}

void sched_exit(void)
{
	cpu_irq_push();
	KASSERT(this_cpu()->irq_depth == 1);
	atomic_store(&current_thread()->run_state, THREAD_DEAD);
	leave_cpu(NULL);
	panic("a dead thread ran");
}

/* --- interrupts --------------------------------------------------------------------------- */

/* A tick of timeshare has passed: the load, and with it how far use lowers. One CPU does it for all. */
static void load_update(uint64_t now)
{
	uint64_t tick = timeshare_tick(now), before = atomic_load(&timeshare.tick);
	uint32_t runnable = 0, load;

	if (tick <= before || !atomic_compare_exchange_strong(&timeshare.tick, &before, tick))
		return;
	for (uint32_t i = 0; i < cpu_count; i++)
		runnable += run_queues[i].q.count + (cpu_by_id(i)->current != cpu_by_id(i)->idle);
	load = atomic_load(&timeshare.load);
	if (tick - before > 8)
		load = 0; /* nobody was queued for a second */
	load = timeshare_load(load, runnable, cpu_count);
	atomic_store(&timeshare.load, load);
	atomic_store(&timeshare.shift, timeshare_shift(load));
}

uint32_t sched_load(void)
{
	load_update(clock_now_ns());
	return atomic_load(&timeshare.load);
}

/* Those that wait in this CPU's queue get older, and so rise. At most AGE_MAX a tick: no long time with interrupts off. */
#define AGE_MAX 64
static void age_queued_locked(struct run_queue *rq)
{
	struct thread *risen[AGE_MAX];
	unsigned n = 0;

	for (int p = run_queue_top(&rq->q); p >= 0 && n < AGE_MAX; p--)
		LIST_FOR_EACH(pos, &rq->q.lists[p]) {
			struct thread *t = container_of(pos, struct thread, run_link);

			if (priority_now(t) != t->queued_priority && n < AGE_MAX)
				risen[n++] = t;
		}
	for (unsigned i = 0; i < n; i++) {
		run_queue_take(&rq->q, risen[i]);
		risen[i]->priority = priority_now(risen[i]);
		run_queue_put(&rq->q, risen[i], false);
	}
}

/* Threads have waited SCHED_BALANCE_NS: wake an idle CPU; at the quantum's end, preempt; each tick, age. */
static void slice_expired(struct timer *timer)
{
	struct run_queue *rq = container_of(timer, struct run_queue, slice);
	struct cpu *cpu = this_cpu();
	struct thread *self = cpu->current;
	uint64_t now = clock_now_ns();

	if (rq->q.count == 0 || self == cpu->idle)
		return;
	kick_idle_cpu(rq);
	load_update(now);
	spin_lock(&rq->lock);
	if (timeshare_tick(now) != rq->aged_tick) {
		rq->aged_tick = timeshare_tick(now);
		age_queued_locked(rq);
	}
	resched_locked(rq);
	spin_unlock(&rq->lock);
	if (self->sched.mode != SCHED_FIFO &&
	    now - self->switched_in_ns + self->sched.quantum_used_ns >= SCHED_QUANTUM_NS - SCHED_BALANCE_NS / 2)
		atomic_fetch_or(&self->ast, AST_PREEMPT | AST_QUANTUM);
	timer_arm(timer, now + SCHED_BALANCE_NS);
}

/* The share of the real-time thread that runs here may be used up: sched_preempt() looks. */
static void budget_expired(struct timer *timer)
{
	struct thread *self = this_cpu()->current;

	(void)timer;
	if (is_realtime(self))
		atomic_fetch_or(&self->ast, AST_PREEMPT);
}

void sched_ipi(void)
{
	struct cpu *cpu = this_cpu();
	struct run_queue *rq = cpu->sched;

	if (rq == NULL || cpu->current == cpu->idle || rq->q.count == 0)
		return;
	spin_lock(&rq->lock);
	resched_locked(rq);
	slice_start(rq);
	spin_unlock(&rq->lock);
}

void sched_poke(struct thread *t)
{
	cpu_irq_push();
	if (atomic_load(&t->run_state) == THREAD_RUNNING && t->cpu != this_cpu()->id)
		cpu_send_ipi(t->cpu, CPU_IPI_RESCHED);
	cpu_irq_pop();
}

void sched_idle_loop(void)
{
	struct cpu *cpu = this_cpu();
	struct run_queue *rq = cpu->sched;

	cpu_irq_disable();
	for (;;) {
		struct thread *next;

		cpu_irq_push();
		atomic_store(&rq->idle, true);
		next = queue_pick(rq, 0);
		if (next == NULL && cpu_count > 1)
			next = queue_steal(cpu->id);
		if (next == NULL)
			next = poll_for_work(rq);
		if (next != NULL) {
			atomic_store(&rq->idle, false);
			leave_cpu(next);
			cpu_irq_pop();
			continue;
		}
		atomic_store(&rq->idle, true);
		cpu_irq_pop();
		if (rq->q.count == 0) {
			rq->counts.halts++;
			cpu_wait_for_interrupt();
		}
	}
}

struct sched_counts sched_counts(uint32_t cpu)
{
	return run_queues[cpu].counts;
}

uint32_t sched_cpu_queued(uint32_t cpu)
{
	return run_queues[cpu].q.count;
}

void sched_cpu_times(uint32_t cpu, uint64_t *user_ns, uint64_t *system_ns, uint64_t *idle_ns)
{
	struct cpu *c = cpu_by_id(cpu);
	uint64_t user, system;

	thread_times(c->idle, &user, idle_ns);
	*idle_ns += user;
	*user_ns = c->user_ns;
	system = c->system_ns + (c->current == c->idle ? clock_now_ns() - c->stamp_ns : 0);
	*system_ns = system > *idle_ns ? system - *idle_ns : 0;
}

/* --- waiting ------------------------------------------------------------------------------ */

static bool claim_try(struct thread *t, bool hard)
{
	uint32_t open = CLAIM_OPEN;

	if (atomic_compare_exchange_strong(&t->claim, &open, CLAIM_TAKEN))
		return true;
	open = CLAIM_OPEN_HARD;
	return hard && atomic_compare_exchange_strong(&t->claim, &open, CLAIM_TAKEN);
}

/* t, claimed, is woken by its timer in this interrupt. */
static void note_timer_wakeup(struct thread *t)
{
	uint64_t waited = clock_now_ns() - t->switched_out_ns;

	t->events.timer_wakeups++;
	t->events.idle_wakeups += this_cpu()->current == this_cpu()->idle;
	t->events.short_wakeups[0] += waited < 2 * NSEC_PER_MSEC;
	t->events.short_wakeups[1] += waited >= 2 * NSEC_PER_MSEC && waited < 5 * NSEC_PER_MSEC;
}

static void wait_timed_out(struct timer *timer)
{
	struct thread *t = container_of(timer, struct thread, wait_timer);

	if (!claim_try(t, true))
		return;
	t->wait_result = WAIT_TIMED_OUT;
	note_timer_wakeup(t);
	thread_go(t);
}

void thread_wait_init(struct thread *t)
{
	list_init(&t->wait_link);
	list_init(&t->run_link);
	timer_init(&t->wait_timer, wait_timed_out);
}

bool thread_wait_abort(struct thread *t)
{
	if (!claim_try(t, false))
		return false;
	t->wait_result = WAIT_INTERRUPTED;
	thread_go(t);
	return true;
}

/* next, claimed, is to have this CPU: false if it may not, and was let go. */
static bool hand_off_prepare(struct thread *next)
{
	if (__builtin_expect(next->donation.to != NULL, 0))
		donate_return(next);
	if (__builtin_expect(!allowed(next, this_cpu()->id) || next->sched.mode == SCHED_REALTIME, 0)) {
		thread_go(next); /* a real-time thread's period begins there */
		return false;
	}
	next->sched.quantum_used_ns = 0;
	return true;
}

__attribute__((noinline)) enum wait_result waitq_block_handoff(struct waitq *wq, struct spinlock *lock, enum wait_flags flags,
				     uint64_t deadline_ns, struct thread *next)
{
	struct thread *self = current_thread();
	const uint32_t broken = AST_ABORT | AST_TERMINATE;

	spin_assert_held(lock);
	cpu_irq_push();
	self->wait_result = WAIT_WOKEN;
	list_add_tail(&wq->threads, &self->wait_link);
	atomic_store(&self->run_state, THREAD_BLOCKED);
	atomic_store(&self->claim, flags == WAIT_ABORTABLE ? CLAIM_OPEN : CLAIM_OPEN_HARD);
	if (deadline_ns != WAIT_FOREVER)
		timer_arm(&self->wait_timer, deadline_ns);
	if (flags == WAIT_ABORTABLE && (atomic_load(&self->ast) & broken) != 0)
		thread_wait_abort(self);
	spin_unlock(lock);
	if (next != NULL && __builtin_expect(!hand_off_prepare(next), 0))
		next = NULL;
	if (next != NULL && __builtin_expect(((struct run_queue *)this_cpu()->sched)->q.count != 0, 0))
		next = best_of(this_cpu()->sched, next);
	leave_cpu(next);
	if (deadline_ns != WAIT_FOREVER)
		timer_cancel(&self->wait_timer);
	atomic_store(&self->claim, CLAIM_NONE);
	if (self->wait_result != WAIT_WOKEN) {
		spin_lock(lock);
		list_remove(&self->wait_link);
		spin_unlock(lock);
	}
	cpu_irq_pop();
	return self->wait_result;
}

/* A wait that begins was broken before: it does not begin. */
static __attribute__((noinline, cold)) bool wait_undo(struct thread *self)
{
	if (!claim_try(self, false))
		return false;
	list_remove(&self->wait_link);
	atomic_store(&self->claim, CLAIM_NONE);
	atomic_store(&self->run_state, THREAD_RUNNING);
	return true;
}

/* Nobody queued here is better than next, who is to have this CPU. */
static __attribute__((noinline)) bool may_pass(struct run_queue *rq, const struct thread *next)
{
	struct thread *first;
	bool may;

	spin_lock(&rq->lock);
	first = run_queue_first(&rq->q);
	may = first == NULL || !run_queue_beats(first, next);
	spin_unlock(&rq->lock);
	if (may)
		slice_start(rq);
	return may;
}

void waitq_leave_handoff(struct waitq *wq, struct spinlock *lock, struct thread *next)
{
	struct cpu *cpu = this_cpu();
	struct run_queue *rq = cpu->sched;
	struct thread *self = cpu->current;

	spin_assert_held(lock);
	KASSERT(cpu->irq_depth == 1 && !cpu->irq_were_on);
	if (__builtin_expect(next->donation.to != NULL, 0) || (__builtin_expect(rq->q.count != 0, 0) && !may_pass(rq, next)) ||
	    __builtin_expect(next->sched.mode == SCHED_REALTIME, 0) || __builtin_expect(!allowed(next, cpu->id), 0) ||
	    __builtin_expect(atomic_load_explicit(&next->on_cpu, memory_order_acquire) != 0, 0))
		return;
	self->wait_result = WAIT_WOKEN;
	list_add_tail(&wq->threads, &self->wait_link);
	atomic_store_explicit(&self->run_state, THREAD_BLOCKED, memory_order_relaxed);
	atomic_store(&self->claim, CLAIM_OPEN);
	if (__builtin_expect((atomic_load(&self->ast) & (AST_ABORT | AST_TERMINATE)) != 0, 0) && wait_undo(self))
		return;
	spin_unlock_inner(lock);
	next->sched.quantum_used_ns = 0;
	atomic_store_explicit(&next->run_state, THREAD_RUNNING, memory_order_relaxed);
	switch_account(cpu, self, next, false);
	machine_switch_leaving(self, next);
}

enum wait_result waitq_continued(struct spinlock *lock)
{
	struct cpu *cpu = this_cpu();
	struct thread *self = cpu->current;

	switch_finish();
	KASSERT(cpu->irq_depth == 1);
	cpu->irq_were_on = false;
	atomic_store_explicit(&self->claim, CLAIM_NONE, memory_order_relaxed);
	if (__builtin_expect(self->wait_result != WAIT_WOKEN, 0)) {
		spin_lock(lock);
		list_remove(&self->wait_link);
		spin_unlock(lock);
	}
	return self->wait_result;
}

enum wait_result waitq_block(struct waitq *wq, struct spinlock *lock, enum wait_flags flags,
			     uint64_t deadline_ns)
{
	return waitq_block_handoff(wq, lock, flags, deadline_ns, NULL);
}

bool waitq_claim_thread(struct waitq *wq, struct thread *t)
{
	(void)wq;
	if (!claim_try(t, true))
		return false;
	list_remove(&t->wait_link);
	t->wait_result = WAIT_WOKEN;
	return true;
}

struct thread *waitq_claim(struct waitq *wq)
{
	LIST_FOR_EACH_SAFE(pos, tmp, &wq->threads) {
		struct thread *t = container_of(pos, struct thread, wait_link);

		if (waitq_claim_thread(wq, t))
			return t;
	}
	return NULL;
}

/* Who was claimed by a timeout or an abort stays linked until it has the lock: it does not wait any more. */
static inline struct thread *first_waiting(struct waitq *wq, struct list *pos)
{
	for (; pos != &wq->threads; pos = pos->next) {
		struct thread *t = container_of(pos, struct thread, wait_link);
		uint32_t claim = atomic_load_explicit(&t->claim, memory_order_relaxed);

		if (__builtin_expect(claim == CLAIM_OPEN || claim == CLAIM_OPEN_HARD, 1))
			return t;
	}
	return NULL;
}

struct thread *waitq_first_borrow(struct waitq *wq)
{
	return first_waiting(wq, wq->threads.next);
}

struct thread *waitq_next_borrow(struct waitq *wq, struct thread *t)
{
	return first_waiting(wq, t->wait_link.next);
}

bool waitq_wake_one(struct waitq *wq)
{
	struct thread *t = waitq_claim(wq);

	if (t == NULL)
		return false;
	thread_go(t);
	return true;
}

__attribute__((noinline)) unsigned waitq_wake_all(struct waitq *wq)
{
	unsigned n = 0;

	while (waitq_wake_one(wq))
		n++;
	return n;
}

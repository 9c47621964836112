/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched.c - run queues, switching and the idle loop. See sched.h for the policy.
 *
 * The switch: a thread leaves its CPU with interrupts off and irq_depth 1, holding no lock. on_cpu
 * stays 1 until the thread that follows has left the old kernel stack (switch_finish); who wants to
 * run a thread that another CPU is just leaving spins on on_cpu for that moment.
 *
 * Invariants: S1 a thread is on at most one run queue, and only as THREAD_RUNNABLE; S2 irq_were_on
 *   belongs to the thread, not to the CPU: it is saved across a switch; S3 the idle thread is never queued;
 *   S4 a thread that is still on a CPU's stack is queued on that CPU only, so that two CPUs never wait for each
 *   other's threads to leave.
 * Locking: run_queue.lock is a leaf under any object's lock; two are never held at once.
 */
#include <kern/assert.h>
#include <kern/clock.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <machine/cpu.h>
#include <sched/sched.h>
#include <base/string.h>

struct run_queue {
	struct spinlock lock;
	uint32_t queued;                     /* lock; read without it as a hint */
	uint64_t bitmap[SCHED_PRIORITIES / 64]; /* lock; bit set: that list is not empty */
	struct list lists[SCHED_PRIORITIES]; /* lock */
	struct timer slice;                  /* this CPU's: balance first, then the quantum's end */
	uint64_t slice_start_ns;             /* this CPU's: when the current thread got the CPU */
	_Atomic bool idle;                   /* its CPU halts or polls */
	uint32_t cpu;
};

static struct run_queue run_queues[MAX_CPUS];
static bool (*idle_begin)(void);
static bool (*idle_poll)(void);
static bool (*idle_end)(void);
uint64_t sched_poll_ns = SCHED_POLL_NS_DEFAULT;

static void slice_expired(struct timer *timer);

void sched_init_cpu(void)
{
	struct run_queue *rq = &run_queues[this_cpu()->id];

	spin_init(&rq->lock, "run queue");
	for (unsigned i = 0; i < SCHED_PRIORITIES; i++)
		list_init(&rq->lists[i]);
	timer_init(&rq->slice, slice_expired);
	rq->cpu = this_cpu()->id;
	this_cpu()->sched = rq;
}

void sched_idle_poll_register(bool (*begin)(void), bool (*poll)(void), bool (*end)(void))
{
	idle_begin = begin;
	idle_end = end;
	idle_poll = poll;
}

/* --- queues ------------------------------------------------------------------------------- */

static void queue_put_locked(struct run_queue *rq, struct thread *t, bool at_head)
{
	spin_assert_held(&rq->lock);
	t->cpu = rq->cpu;
	if (at_head)
		list_add_head(&rq->lists[t->priority], &t->run_link);
	else
		list_add_tail(&rq->lists[t->priority], &t->run_link);
	rq->bitmap[t->priority / 64] |= 1ULL << (t->priority % 64);
	rq->queued++;
}

static void queue_take_locked(struct run_queue *rq, struct thread *t)
{
	spin_assert_held(&rq->lock);
	list_remove(&t->run_link);
	if (list_empty(&rq->lists[t->priority]))
		rq->bitmap[t->priority / 64] &= ~(1ULL << (t->priority % 64));
	rq->queued--;
}

/* Highest queued priority, or -1. */
static int queue_top_locked(const struct run_queue *rq)
{
	for (int word = SCHED_PRIORITIES / 64 - 1; word >= 0; word--)
		if (rq->bitmap[word] != 0)
			return word * 64 + 63 - __builtin_clzll(rq->bitmap[word]);
	return -1;
}

/* Take the best thread of at least priority floor; NULL if none. */
static struct thread *queue_pick(struct run_queue *rq, int floor)
{
	struct thread *t = NULL;
	int top;

	if (rq->queued == 0)
		return NULL;
	spin_lock(&rq->lock);
	top = queue_top_locked(rq);
	if (top >= floor && top >= 0) {
		t = list_first(&rq->lists[top], struct thread, run_link);
		queue_take_locked(rq, t);
	}
	spin_unlock(&rq->lock);
	return t;
}

/* Take a thread that may run on CPU me from the longest other queue. */
static struct thread *queue_steal(uint32_t me)
{
	for (uint32_t i = 1; i < cpu_count; i++) {
		struct run_queue *rq = &run_queues[(me + i) % cpu_count];
		struct thread *found = NULL;

		if (rq->queued == 0)
			continue;
		spin_lock(&rq->lock);
		for (int p = queue_top_locked(rq); p >= 0 && found == NULL; p--)
			LIST_FOR_EACH(pos, &rq->lists[p]) {
				struct thread *t = container_of(pos, struct thread, run_link);

				if (t->bound_cpu < 0 && atomic_load(&t->on_cpu) == 0) {
					found = t;
					break;
				}
			}
		if (found != NULL)
			queue_take_locked(rq, found);
		spin_unlock(&rq->lock);
		if (found != NULL)
			return found;
	}
	return NULL;
}

static void kick_idle_cpu(uint32_t except)
{
	for (uint32_t i = 0; i < cpu_count; i++)
		if (i != except && atomic_load_explicit(&run_queues[i].idle, memory_order_relaxed)) {
			cpu_send_ipi(i, CPU_IPI_RESCHED);
			return;
		}
}

/* Where a woken thread goes: S4. */
static uint32_t choose_cpu(struct thread *t)
{
	if (t->bound_cpu >= 0)
		return (uint32_t)t->bound_cpu;
	if (atomic_load_explicit(&t->on_cpu, memory_order_acquire) != 0)
		return t->cpu;
	return this_cpu()->id;
}

__attribute__((noinline)) void thread_go(struct thread *t)
{
	struct run_queue *rq;
	struct cpu *cpu;
	struct thread *running;

	cpu_irq_push();
	rq = &run_queues[choose_cpu(t)];
	cpu = cpu_by_id(rq->cpu);
	spin_lock(&rq->lock);
	KASSERT(atomic_load(&t->run_state) != THREAD_RUNNABLE);
	atomic_store(&t->run_state, THREAD_RUNNABLE);
	queue_put_locked(rq, t, false);
	spin_unlock(&rq->lock);

	running = cpu->current;
	if (rq->cpu == this_cpu()->id) {
		if (running->priority < t->priority && running != cpu->idle)
			atomic_fetch_or(&running->ast, AST_PREEMPT);
		if (!rq->slice.armed && running != cpu->idle)
			timer_arm(&rq->slice, clock_now_ns() + SCHED_BALANCE_NS);
	} else {
		cpu_send_ipi(rq->cpu, CPU_IPI_RESCHED);
	}
	cpu_irq_pop();
}

bool sched_remove(struct thread *t)
{
	struct run_queue *rq = &run_queues[t->cpu];
	bool was_queued;

	spin_lock(&rq->lock);
	was_queued = atomic_load(&t->run_state) == THREAD_RUNNABLE && t->cpu == rq->cpu &&
		     !list_empty(&t->run_link);
	if (was_queued) {
		queue_take_locked(rq, t);
		atomic_store(&t->run_state, THREAD_BLOCKED);
	}
	spin_unlock(&rq->lock);
	return was_queued;
}

uint32_t sched_queued_count(void)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < cpu_count; i++)
		sum += run_queues[i].queued;
	return sum;
}

/* --- switching ---------------------------------------------------------------------------- */

/* The thread that was here before has left its stack: others may run it, or the reaper may free it. */
static void switch_finish(void)
{
	struct thread *previous = this_cpu()->previous;
	bool dead = atomic_load(&previous->run_state) == THREAD_DEAD;

	atomic_store_explicit(&previous->on_cpu, 0, memory_order_release);
	if (dead)
		thread_reap(previous);
}

/* Interrupts off, irq_depth 1. next is nobody's but ours. */
static void switch_to(struct thread *next)
{
	struct cpu *cpu = this_cpu();
	struct thread *old = cpu->current;
	bool irq_were_on = cpu->irq_were_on;
	uint64_t now;

	KASSERT(cpu->irq_depth == 1);
	atomic_store(&next->run_state, THREAD_RUNNING);
	if (next == old)
		return;
	while (atomic_load_explicit(&next->on_cpu, memory_order_acquire) != 0)
		cpu_relax();
	atomic_store_explicit(&next->on_cpu, 1, memory_order_relaxed);
	next->cpu = cpu->id;
	now = clock_now_ns();
	thread_charge(old, now);
	next->switched_in_ns = now;
	cpu->previous = old;
	cpu->current = next;
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

/* An instant in which pending interrupts are taken. */
static void interrupt_window(void)
{
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
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
		interrupt_window();
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
	if (next == NULL && atomic_load(&cpu->current->run_state) != THREAD_DEAD)
		next = poll_for_work(rq);
	if (next == NULL)
		next = cpu->idle;
	else if (rq->queued != 0 && !rq->slice.armed)
		timer_arm(&rq->slice, clock_now_ns() + SCHED_BALANCE_NS);
	rq->slice_start_ns = 0;
	switch_to(next);
}

bool sched_yield(void)
{
	struct cpu *cpu;
	struct run_queue *rq;
	struct thread *self, *next;

	cpu_irq_push();
	cpu = this_cpu();
	rq = cpu->sched;
	self = cpu->current;
	KASSERT(cpu->irq_depth == 1);
	next = queue_pick(rq, self == cpu->idle ? 0 : (int)self->priority);
	if (next != NULL) {
		if (self != cpu->idle) {
			spin_lock(&rq->lock);
			atomic_store(&self->run_state, THREAD_RUNNABLE);
			queue_put_locked(rq, self, false);
			spin_unlock(&rq->lock);
		}
		leave_cpu(next);
	}
	cpu_irq_pop();
	return next != NULL;
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

/* Threads have waited SCHED_BALANCE_NS: wake an idle CPU; at the quantum's end, preempt. */
static void slice_expired(struct timer *timer)
{
	struct run_queue *rq = container_of(timer, struct run_queue, slice);
	struct cpu *cpu = this_cpu();
	uint64_t now = clock_now_ns();

	if (rq->queued == 0 || cpu->current == cpu->idle)
		return;
	kick_idle_cpu(cpu->id);
	if (rq->slice_start_ns == 0)
		rq->slice_start_ns = now;
	if (now - rq->slice_start_ns >= SCHED_QUANTUM_NS - SCHED_BALANCE_NS) {
		atomic_fetch_or(&cpu->current->ast, AST_PREEMPT);
		rq->slice_start_ns = 0;
	}
	timer_arm(timer, now + SCHED_BALANCE_NS);
}

void sched_ipi(void)
{
	struct cpu *cpu = this_cpu();
	struct run_queue *rq = cpu->sched;
	int top;

	if (rq == NULL || cpu->current == cpu->idle || rq->queued == 0)
		return;
	spin_lock(&rq->lock);
	top = queue_top_locked(rq);
	spin_unlock(&rq->lock);
	if (top > (int)cpu->current->priority)
		atomic_fetch_or(&cpu->current->ast, AST_PREEMPT);
	else if (!rq->slice.armed)
		timer_arm(&rq->slice, clock_now_ns() + SCHED_BALANCE_NS);
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
		if (rq->queued == 0)
			cpu_wait_for_interrupt();
	}
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

static void wait_timed_out(struct timer *timer)
{
	struct thread *t = container_of(timer, struct thread, wait_timer);

	if (!claim_try(t, true))
		return;
	t->wait_result = WAIT_TIMED_OUT;
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
	if (next != NULL && next->bound_cpu >= 0 && (uint32_t)next->bound_cpu != this_cpu()->id) {
		thread_go(next);
		next = NULL;
	}
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

struct thread *waitq_first_borrow(struct waitq *wq)
{
	return list_first(&wq->threads, struct thread, wait_link);
}

struct thread *waitq_next_borrow(struct waitq *wq, struct thread *t)
{
	struct list *next = t->wait_link.next;

	return next == &wq->threads ? NULL : container_of(next, struct thread, wait_link);
}

bool waitq_wake_one(struct waitq *wq)
{
	struct thread *t = waitq_claim(wq);

	if (t == NULL)
		return false;
	thread_go(t);
	return true;
}

unsigned waitq_wake_all(struct waitq *wq)
{
	unsigned n = 0;

	while (waitq_wake_one(wq))
		n++;
	return n;
}

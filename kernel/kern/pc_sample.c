/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pc_sample.c - samples of program counters. Interface: pc_sample.h.
 *
 * Invariants: P1 periodic.users counts the samplers that want SAMPLED_PC_PERIODIC (sampler.periodic); the timer is armed or its function
 *   runs while there are any, and at most once more. P2 a thread's flavors are what its own sampler and its task's want, or about to be.
 *   P3 while a sampler is sending, its pending samples do not change: what is taken meanwhile is lost for its port.
 * Locking: task lock -> thread lock; task lock -> sampler lock -> periodic.lock -> the CPU's timer queue.
 * References: Mach 3's mach/pc_sample.h and mach4.defs (Bershad), OSF Mach's prof.defs and task_sample(), for names, shapes and errors.
 */
#include <base/string.h>
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_port.h>
#include <kern/assert.h>
#include <kern/clock.h>
#include <kern/ipc_kobject_calls.h>
#include <kern/kalloc.h>
#include <kern/pc_sample.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kernel/mach4_server.h>
#include <kernel/prof.h>
#include <machine/cpu.h>
#include <sched/sched.h>

#define FLAVORS_VM (SAMPLED_PC_VM_FAULTS | SAMPLED_PC_VM_FAULTS_ANY)
#define FLAVORS_ALL (SAMPLED_PC_PERIODIC | FLAVORS_VM)

struct pc_sampler {
	_Atomic uint32_t references; /* [a] */
	struct spinlock lock;        /* of all that follows */
	bool periodic;               /* P1 */
	bool ended;                  /* its owner did: nothing is taken, and it keeps nothing */
	sampled_pc_flavor_t flavors; /* what the ring wants; 0 without one */
	sampled_pc_seqno_t seqno;    /* of the last sample of the ring; 0: none yet */
	sampled_pc_t *ring;          /* SAMPLED_PCS_MAX long; NULL: nobody asks for samples */
	struct ipc_port *port;       /* +1 send right; IP_NULL: none are sent */
	bool sending;                /* P3 */
	uint32_t pending_count;
	vm_offset_t pending[SAMPLE_ARRAY_MAX]; /* for the port's next message */
};

/* ---- the timer ---- */

static struct {
	struct spinlock lock;
	uint32_t users;
	bool armed;
	struct timer timer;
} periodic = { .lock = SPINLOCK_INIT("pc sampling") };

/* The thread memory of a CPU's current thread stays a thread's (zone_keep): at worst one that came to be since takes a look for nothing. */
static void mark_running(struct thread *t)
{
	if (t == NULL || (atomic_load_explicit(&t->pc_sample.flavors, memory_order_relaxed) & SAMPLED_PC_PERIODIC) == 0)
		return;
	atomic_fetch_or(&t->ast, AST_SAMPLE);
	sched_poke(t);
}

static void ticked(struct timer *timer)
{
	spin_lock(&periodic.lock);
	periodic.armed = periodic.users != 0;
	if (periodic.armed)
		timer_arm(timer, clock_now_ns() + PC_SAMPLE_NS);
	spin_unlock(&periodic.lock);
	for (uint32_t i = 0; i < cpu_count; i++)
		mark_running(__atomic_load_n(&cpu_by_id(i)->current, __ATOMIC_RELAXED));
}

static void use_timer(bool use)
{
	spin_lock(&periodic.lock);
	periodic.users += use ? 1U : -1U;
	if (use && !periodic.armed) {
		periodic.armed = true;
		timer_arm(&periodic.timer, clock_now_ns() + PC_SAMPLE_NS);
	}
	spin_unlock(&periodic.lock);
}

void pc_sample_init(void)
{
	timer_init(&periodic.timer, ticked);
}

/* ---- samplers ---- */

static void sampler_release(struct pc_sampler *s)
{
	if (s == NULL || atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) != 1)
		return;
	KASSERT(!s->periodic && s->ring == NULL && s->port == IP_NULL);
	kfree(s, sizeof(*s));
}

/* Whose samples: t's, or with t NULL those of all of task. The task lock guards it. */
static struct pc_sample *of(struct task *task, struct thread *t)
{
	return t != NULL ? &t->pc_sample : &task->pc_sample;
}

static struct pc_sampler *sampler_get(struct task *task, struct thread *t)
{
	struct pc_sampler *s;

	spin_lock(&task->lock);
	s = of(task, t)->sampler;
	if (s != NULL)
		atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
	spin_unlock(&task->lock);
	return s;
}

/* Likewise; there is one from now on. KERN_TERMINATED, KERN_RESOURCE_SHORTAGE. */
static kern_return_t sampler_make(struct task *task, struct thread *t, struct pc_sampler **out)
{
	struct pc_sampler *fresh = NULL;
	kern_return_t kr = KERN_SUCCESS;

	*out = sampler_get(task, t);
	if (*out == NULL && (fresh = kalloc_zeroed(sizeof(*fresh))) == NULL)
		return KERN_RESOURCE_SHORTAGE;
	if (fresh != NULL) {
		atomic_store(&fresh->references, 1);
		spin_init(&fresh->lock, "pc sampler");
	}
	spin_lock(&task->lock);
	if (!task->active || task->finished || (t != NULL && !t->active)) {
		kr = KERN_TERMINATED;
	} else if (*out == NULL) {
		if (of(task, t)->sampler == NULL) {
			of(task, t)->sampler = fresh;
			fresh = NULL;
		}
		*out = of(task, t)->sampler;
		atomic_fetch_add_explicit(&(*out)->references, 1, memory_order_relaxed);
	}
	spin_unlock(&task->lock);
	sampler_release(fresh);
	if (kr != KERN_SUCCESS)
		sampler_release(*out);
	return kr;
}

/* What s wants now; the timer is told. */
static uint32_t wants(struct pc_sampler *s)
{
	uint32_t flavors;

	if (s == NULL)
		return 0;
	spin_lock(&s->lock);
	flavors = s->flavors | (s->port != IP_NULL ? SAMPLED_PC_PERIODIC : 0);
	if (s->periodic != ((flavors & SAMPLED_PC_PERIODIC) != 0)) {
		s->periodic = !s->periodic;
		use_timer(s->periodic);
	}
	spin_unlock(&s->lock);
	return flavors;
}

/* What a sampler of task wants has changed: P2. */
static void refresh(struct task *task)
{
	uint32_t all;

	spin_lock(&task->lock);
	all = wants(task->pc_sample.sampler);
	atomic_store(&task->pc_sample.flavors, all);
	LIST_FOR_EACH(pos, &task->threads) {
		struct thread *t = container_of(pos, struct thread, task_link);

		atomic_store(&t->pc_sample.flavors, all | wants(t->pc_sample.sampler));
	}
	spin_unlock(&task->lock);
}

static void free_ring(sampled_pc_t *ring)
{
	if (ring != NULL)
		kfree(ring, SAMPLED_PCS_MAX * sizeof(*ring));
}

/* The port of s is right from now on (consumed). Pending samples go to nobody else. */
static void set_port(struct pc_sampler *s, struct ipc_port *right)
{
	struct ipc_port *old = right;

	spin_lock(&s->lock);
	if (!s->ended) {
		old = s->port;
		s->port = IP_VALID(right) ? right : IP_NULL;
		if (!s->sending)
			s->pending_count = 0;
	}
	spin_unlock(&s->lock);
	ipc_port_release_send(old);
}

/* The ring of s is ring from now on (consumed). Returns how many samples the last one had taken. */
static sampled_pc_seqno_t set_ring(struct pc_sampler *s, sampled_pc_t *ring, sampled_pc_flavor_t flavors)
{
	sampled_pc_seqno_t taken = 0;
	sampled_pc_t *old = ring;

	spin_lock(&s->lock);
	if (!s->ended) {
		old = s->ring;
		taken = s->seqno;
		s->ring = ring;
		s->flavors = flavors;
		s->seqno = 0;
	}
	spin_unlock(&s->lock);
	free_ring(old);
	return taken;
}

/* s is out of its owner's reach: what it has, and it, go. */
static void sampler_end(struct pc_sampler *s)
{
	struct ipc_port *port;
	sampled_pc_t *ring;

	if (s == NULL)
		return;
	spin_lock(&s->lock);
	s->ended = true;
	ring = s->ring;
	port = s->port;
	s->ring = NULL;
	s->port = IP_NULL;
	s->flavors = 0;
	spin_unlock(&s->lock);
	free_ring(ring);
	ipc_port_release_send(port);
	(void)wants(s);
	sampler_release(s);
}

void pc_sample_thread_begin(struct thread *t, struct task *task)
{
	atomic_store(&t->pc_sample.flavors, atomic_load(&task->pc_sample.flavors));
}

static struct pc_sampler *sampler_take(struct task *task, struct thread *t)
{
	struct pc_sampler *s;

	spin_lock(&task->lock);
	s = of(task, t)->sampler;
	of(task, t)->sampler = NULL;
	atomic_store(&of(task, t)->flavors, 0);
	spin_unlock(&task->lock);
	return s;
}

void pc_sample_thread_end(struct thread *t)
{
	sampler_end(sampler_take(t->task, t));
}

void pc_sample_task_end(struct task *task)
{
	sampler_end(sampler_take(task, NULL));
}

/* ---- taking one ---- */

/* Into the ring; the lock is held. */
static void keep_locked(struct pc_sampler *s, struct thread *t, sampled_pc_flavor_t flavor, uint64_t pc)
{
	if (s->ring == NULL || (s->flavors & flavor) == 0)
		return;
	s->ring[s->seqno % SAMPLED_PCS_MAX] = (sampled_pc_t){ .id = (unsigned)t->tid, .pc = pc, .sampletype = flavor };
	s->seqno++;
}

/* For the port; the lock is held. True: a message is full, and the caller, who has *port now, sends it (P3). */
static bool pend_locked(struct pc_sampler *s, sampled_pc_flavor_t flavor, uint64_t pc, struct ipc_port **port)
{
	if (s->port == IP_NULL || flavor != SAMPLED_PC_PERIODIC || s->sending)
		return false;
	s->pending[s->pending_count++] = pc;
	if (s->pending_count < SAMPLE_ARRAY_MAX)
		return false;
	s->sending = true;
	*port = ipc_port_copy_send(s->port);
	return true;
}

/* The pending samples, if the port's queue has room for them; lost else. Consumes right. */
static void send_pending(struct pc_sampler *s, struct ipc_port *right)
{
	if (IP_VALID(right))
		(void)send_samples(right, s->pending, s->pending_count, MACH_SEND_TIMEOUT, IPC_NO_WAIT);
	spin_lock(&s->lock);
	s->pending_count = 0;
	s->sending = false;
	spin_unlock(&s->lock);
}

static void take(struct task *task, struct thread *whose, struct thread *t, sampled_pc_flavor_t flavor, uint64_t pc)
{
	struct pc_sampler *s = sampler_get(task, whose);
	struct ipc_port *port = IP_NULL;
	bool full;

	if (s == NULL)
		return;
	spin_lock(&s->lock);
	keep_locked(s, t, flavor, pc);
	full = pend_locked(s, flavor, pc, &port);
	spin_unlock(&s->lock);
	if (full) {
		send_pending(s, port);
		if (!IP_VALID(port)) { /* the receiver has gone: nobody wants any */
			set_port(s, IP_NULL);
			refresh(task);
		}
	}
	sampler_release(s);
}

static void take_both(sampled_pc_flavor_t flavor, uint64_t pc)
{
	struct thread *t = current_thread();

	take(t->task, t, t, flavor, pc);
	take(t->task, NULL, t, flavor, pc);
}

void pc_sample_tick(uint64_t pc)
{
	take_both(SAMPLED_PC_PERIODIC, pc);
}

void pc_sample_faulted(uint64_t pc)
{
	struct pc_sample *own = &current_thread()->pc_sample;
	uint32_t flavors = atomic_load(&own->flavors), kind = own->vm_kind & flavors;

	for (uint32_t one = SAMPLED_PC_VM_ZFILL_FAULTS; one <= SAMPLED_PC_VM_COW_FAULTS; one <<= 1)
		if ((kind & one) != 0)
			take_both(one, pc);
	if ((flavors & SAMPLED_PC_VM_FAULTS_ANY) != 0)
		take_both(SAMPLED_PC_VM_FAULTS_ANY, pc);
}

/* ---- the calls; t NULL: on all of task ---- */

static kern_return_t enable(struct task *task, struct thread *t, int *tick, sampled_pc_flavor_t flavors)
{
	struct pc_sampler *s;
	sampled_pc_t *ring;
	kern_return_t kr;

	if (task == NULL || task == kernel_task || flavors == 0 || (flavors & ~(sampled_pc_flavor_t)FLAVORS_ALL) != 0)
		return KERN_INVALID_ARGUMENT;
	ring = kalloc_zeroed(SAMPLED_PCS_MAX * sizeof(*ring));
	if (ring == NULL)
		return KERN_RESOURCE_SHORTAGE;
	kr = sampler_make(task, t, &s);
	if (kr != KERN_SUCCESS) {
		free_ring(ring);
		return kr;
	}
	(void)set_ring(s, ring, flavors);
	refresh(task);
	sampler_release(s);
	*tick = (int)(PC_SAMPLE_NS / 1000);
	return KERN_SUCCESS;
}

static kern_return_t disable(struct task *task, struct thread *t, int *count)
{
	struct pc_sampler *s;

	if (task == NULL)
		return KERN_INVALID_ARGUMENT;
	s = sampler_get(task, t);
	*count = s != NULL ? (int)set_ring(s, NULL, 0) : 0;
	refresh(task);
	sampler_release(s);
	return KERN_SUCCESS;
}

/* Those after *seqno that are still there. A seqno of the future: none. */
static void copy_locked(const struct pc_sampler *s, sampled_pc_seqno_t *seqno, sampled_pc_array_t pcs, mach_msg_type_number_t *count)
{
	sampled_pc_seqno_t n = s->seqno - *seqno;

	if (*seqno > s->seqno)
		n = 0;
	else if (n > SAMPLED_PCS_MAX)
		n = SAMPLED_PCS_MAX;
	for (sampled_pc_seqno_t i = 0; i < n; i++)
		pcs[i] = s->ring[(s->seqno - n + i) % SAMPLED_PCS_MAX];
	*seqno = s->seqno;
	*count = n;
}

static kern_return_t get(struct task *task, struct thread *t, sampled_pc_seqno_t *seqno, sampled_pc_array_t pcs,
			 mach_msg_type_number_t *count)
{
	kern_return_t kr = KERN_FAILURE;
	struct pc_sampler *s;

	if (task == NULL)
		return KERN_INVALID_ARGUMENT;
	s = sampler_get(task, t);
	if (s == NULL)
		return KERN_FAILURE;
	spin_lock(&s->lock);
	if (s->ring != NULL) {
		copy_locked(s, seqno, pcs, count);
		kr = KERN_SUCCESS;
	}
	spin_unlock(&s->lock);
	sampler_release(s);
	return kr;
}

/* Consumes reply on success. The null port: no more, and what is pending goes to the one that was. */
static kern_return_t send_to(struct task *task, struct thread *t, struct ipc_port *reply)
{
	struct ipc_port *last = IP_NULL;
	struct pc_sampler *s;
	kern_return_t kr;

	if (task == kernel_task)
		return KERN_INVALID_ARGUMENT;
	if (IP_VALID(reply)) {
		kr = sampler_make(task, t, &s);
		if (kr != KERN_SUCCESS)
			return kr;
	} else if ((s = sampler_get(task, t)) == NULL) {
		return KERN_SUCCESS;
	}
	spin_lock(&s->lock);
	if (!s->sending && s->pending_count != 0 && s->port != IP_NULL) {
		s->sending = true;
		last = ipc_port_copy_send(s->port);
	}
	spin_unlock(&s->lock);
	if (last != IP_NULL)
		send_pending(s, last);
	set_port(s, reply);
	refresh(task);
	sampler_release(s);
	return KERN_SUCCESS;
}

kern_return_t pc_sample_call_task_enable(struct task *task, int *tick, sampled_pc_flavor_t flavors)
{
	return enable(task, NULL, tick, flavors);
}

kern_return_t pc_sample_call_task_disable(struct task *task, int *count)
{
	return disable(task, NULL, count);
}

kern_return_t pc_sample_call_task_get(struct task *task, sampled_pc_seqno_t *seqno, sampled_pc_array_t pcs, mach_msg_type_number_t *count)
{
	return get(task, NULL, seqno, pcs, count);
}

kern_return_t pc_sample_call_task_sample(struct task *task, struct ipc_port *reply)
{
	return task == NULL ? KERN_INVALID_TASK : send_to(task, NULL, reply);
}

kern_return_t pc_sample_call_thread_enable(struct thread *t, int *tick, sampled_pc_flavor_t flavors)
{
	return enable(t != NULL ? t->task : NULL, t, tick, flavors);
}

kern_return_t pc_sample_call_thread_disable(struct thread *t, int *count)
{
	return disable(t != NULL ? t->task : NULL, t, count);
}

kern_return_t pc_sample_call_thread_get(struct thread *t, sampled_pc_seqno_t *seqno, sampled_pc_array_t pcs, mach_msg_type_number_t *count)
{
	return get(t != NULL ? t->task : NULL, t, seqno, pcs, count);
}

kern_return_t pc_sample_call_thread_sample(struct thread *t, struct ipc_port *reply)
{
	return t == NULL ? KERN_INVALID_ARGUMENT : send_to(t->task, t, reply);
}

const struct mach4_ops mach4_calls = {
	.task_enable_pc_sampling = pc_sample_call_task_enable,
	.task_disable_pc_sampling = pc_sample_call_task_disable,
	.task_get_sampled_pcs = pc_sample_call_task_get,
	.thread_enable_pc_sampling = pc_sample_call_thread_enable,
	.thread_disable_pc_sampling = pc_sample_call_thread_disable,
	.thread_get_sampled_pcs = pc_sample_call_thread_get,
};

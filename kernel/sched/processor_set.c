/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * processor_set.c - sets of processors. Interface: processor_set.h.
 *
 * Locking: policy mutex -> pset_lock -> nothing. pset_lock may be taken under any object's lock.
 * References: a set holds one on itself until it is destroyed; each task and thread of it one.
 * Reference: Black, "Processors, Priority, and Policy: Mach Scheduling for New Environments" (1991).
 */
#include <base/string.h>
#include <ipc/ipc_port.h>
#include <ipc/ipc_space.h>
#include <kern/assert.h>
#include <kern/ipc_kobject.h>
#include <kern/kalloc.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <machine/cpu.h>
#include <sched/processor_set.h>
#include <sched/sched.h>
#include <sched/sched_policy.h>

struct processor_set default_pset;
static struct spinlock pset_lock = SPINLOCK_INIT("processor set");
static struct list all_sets = LIST_INIT(all_sets);
static struct zone *pset_zone;

/* --- life --------------------------------------------------------------------------------- */

static void set_up(struct processor_set *s)
{
	memset(s, 0, sizeof(*s));
	atomic_store(&s->references, 1);
	s->active = true;
	list_init(&s->tasks);
	list_init(&s->threads);
	list_init(&s->all_link);
	s->policies = POLICY_TIMESHARE | POLICY_RR | POLICY_FIFO;
	s->max_priority = SCHED_PRIORITY_USER_MAX;
	s->default_priority = SCHED_PRIORITY_USER;
}

static bool make_ports(struct processor_set *s)
{
	s->self = ipc_port_alloc_special(ipc_space_kernel);
	if (s->self == NULL)
		return false;
	s->name = ipc_port_alloc_special(ipc_space_kernel);
	if (s->name == NULL) {
		ipc_port_dealloc_special(s->self);
		return false;
	}
	ipc_kobject_set(s->self, s, IKOT_PSET);
	ipc_kobject_set(s->name, s, IKOT_PSET_NAME);
	return true;
}

void pset_init(void)
{
	pset_zone = zone_create("processor set", sizeof(struct processor_set), 16);
	set_up(&default_pset);
	default_pset.cpus = UINT32_MAX; /* every processor that comes */
	if (!make_ports(&default_pset))
		panic("no memory for the default processor set");
	list_add_tail(&all_sets, &default_pset.all_link);
}

void pset_reference(struct processor_set *s)
{
	atomic_fetch_add(&s->references, 1);
}

void pset_deallocate(struct processor_set *s)
{
	if (s != NULL && atomic_fetch_sub(&s->references, 1) == 1) {
		VERIFY(s != &default_pset && !s->active);
		zone_free(pset_zone, s);
	}
}

kern_return_t pset_create(struct processor_set **out)
{
	struct processor_set *s = zone_alloc(pset_zone);

	if (s == NULL)
		return KERN_RESOURCE_SHORTAGE;
	set_up(s);
	if (!make_ports(s)) {
		zone_free(pset_zone, s);
		return KERN_RESOURCE_SHORTAGE;
	}
	pset_reference(s);
	spin_lock(&pset_lock);
	list_add_tail(&all_sets, &s->all_link);
	spin_unlock(&pset_lock);
	*out = s;
	return KERN_SUCCESS;
}

/* --- ports -------------------------------------------------------------------------------- */

static struct processor_set *convert(struct ipc_port *port, bool name_will_do)
{
	struct processor_set *s = NULL;

	if (!IP_VALID(port))
		return NULL;
	ip_lock(port);
	if (ip_active(port) && (port->ip_kotype == IKOT_PSET || (name_will_do && port->ip_kotype == IKOT_PSET_NAME)))
		s = port->ip_kobject;
	if (s != NULL)
		pset_reference(s);
	ip_unlock(port);
	return s;
}

struct processor_set *convert_port_to_pset(struct ipc_port *port)
{
	return convert(port, false);
}

struct processor_set *convert_port_to_pset_name(struct ipc_port *port)
{
	return convert(port, true);
}

static struct ipc_port *send_right(struct processor_set *s, struct ipc_port *port)
{
	struct ipc_port *right = IP_NULL;

	spin_lock(&pset_lock);
	if (s->active)
		right = ipc_port_make_send(port);
	spin_unlock(&pset_lock);
	return right;
}

struct ipc_port *pset_control_port(struct processor_set *s)
{
	return send_right(s, s->self);
}

struct ipc_port *pset_name_port(struct processor_set *s)
{
	return send_right(s, s->name);
}

/* --- members ------------------------------------------------------------------------------ */

static void task_join_locked(struct task *t, struct processor_set *s)
{
	pset_reference(s);
	t->sched.pset = s;
	list_add_tail(&s->tasks, &t->sched.pset_link);
	s->task_count++;
}

/* Returns the set it was in, whose reference is now the caller's. */
static struct processor_set *task_leave_locked(struct task *t)
{
	struct processor_set *s = t->sched.pset;

	t->sched.pset = NULL;
	if (s != NULL) {
		list_remove(&t->sched.pset_link);
		s->task_count--;
	}
	return s;
}

static void thread_join_locked(struct thread *t, struct processor_set *s)
{
	pset_reference(s);
	t->sched.pset = s;
	list_add_tail(&s->threads, &t->sched.pset_link);
	s->thread_count++;
}

static struct processor_set *thread_leave_locked(struct thread *t)
{
	struct processor_set *s = t->sched.pset;

	t->sched.pset = NULL;
	if (s != NULL) {
		list_remove(&t->sched.pset_link);
		s->thread_count--;
	}
	return s;
}

void pset_task_begin(struct task *t, struct task *parent)
{
	spin_lock(&pset_lock);
	if (parent != NULL && parent->sched.pset != NULL) {
		t->sched = parent->sched;
	} else {
		t->sched.pset = &default_pset;
		t->sched.priority = default_pset.default_priority;
		t->sched.max_priority = SCHED_PRIORITY_USER_MAX;
		t->sched.policy = POLICY_TIMESHARE;
	}
	list_init(&t->sched.pset_link);
	task_join_locked(t, t->sched.pset);
	spin_unlock(&pset_lock);
}

void pset_task_end(struct task *t)
{
	struct processor_set *s;

	spin_lock(&pset_lock);
	s = task_leave_locked(t);
	spin_unlock(&pset_lock);
	pset_deallocate(s);
}

static uint32_t cpus_locked(const struct thread *t)
{
	uint32_t mask = t->sched.pset != NULL ? t->sched.pset->cpus : UINT32_MAX;

	if (t->sched.hard_cpu >= 0)
		mask &= 1U << t->sched.hard_cpu;
	if (t->sched.mode == SCHED_REALTIME)
		mask &= 1U << t->sched.rt.cpu;
	return mask;
}

void pset_thread_begin(struct thread *t, struct task *task)
{
	static const enum sched_mode modes[] = { [POLICY_TIMESHARE] = SCHED_TIMESHARE, [POLICY_RR] = SCHED_RR,
						 [POLICY_FIFO] = SCHED_FIFO };

	spin_lock(&pset_lock);
	thread_join_locked(t, task->sched.pset != NULL ? task->sched.pset : &default_pset);
	if (task != kernel_task) {
		t->sched.base_priority = t->priority = t->lend_priority = task->sched.priority;
		t->sched.max_priority = task->sched.max_priority;
		t->sched.mode = modes[task->sched.policy];
	}
	t->cpu_mask = cpus_locked(t);
	spin_unlock(&pset_lock);
}

void pset_thread_end(struct thread *t)
{
	struct processor_set *s;

	spin_lock(&pset_lock);
	s = thread_leave_locked(t);
	spin_unlock(&pset_lock);
	pset_deallocate(s);
}

uint32_t pset_cpus_of(struct thread *t)
{
	uint32_t mask;

	spin_lock(&pset_lock);
	mask = cpus_locked(t);
	spin_unlock(&pset_lock);
	return mask;
}

static void set_mask(struct thread *t, const void *mask)
{
	t->cpu_mask = *(const uint32_t *)mask;
	t->bound_cpu = t->sched.hard_cpu;
}

void pset_refresh(struct thread *t)
{
	uint32_t mask = pset_cpus_of(t);

	sched_change(t, set_mask, &mask);
	if (mask != 0) {
		thread_run_if_allowed(t);
		return;
	}
	atomic_fetch_or(&t->ast, AST_STOP);
	sched_poke(t);
}

/* --- lists -------------------------------------------------------------------------------- */

bool pset_threads(struct processor_set *s, struct thread ***threads, uint32_t *count, uint32_t *room)
{
	struct thread **array;
	uint32_t n = 0;

	*room = s->thread_count + 16;
	array = kalloc(*room * sizeof(*array));
	if (array == NULL)
		return false;
	spin_lock(&pset_lock);
	LIST_FOR_EACH(pos, &s->threads)
		if (n < *room) {
			array[n] = container_of(pos, struct thread, sched.pset_link);
			thread_reference(array[n++]);
		}
	spin_unlock(&pset_lock);
	*threads = array;
	*count = n;
	return true;
}

bool pset_tasks(struct processor_set *s, struct task ***tasks, uint32_t *count, uint32_t *room)
{
	struct task **array;
	uint32_t n = 0;

	*room = s->task_count + 16;
	array = kalloc(*room * sizeof(*array));
	if (array == NULL)
		return false;
	spin_lock(&pset_lock);
	LIST_FOR_EACH(pos, &s->tasks)
		if (n < *room) {
			array[n] = container_of(pos, struct task, sched.pset_link);
			task_reference(array[n++]);
		}
	spin_unlock(&pset_lock);
	*tasks = array;
	*count = n;
	return true;
}

uint32_t pset_all(struct processor_set **sets, uint32_t max)
{
	uint32_t n = 0;

	spin_lock(&pset_lock);
	LIST_FOR_EACH(pos, &all_sets)
		if (n < max) {
			sets[n] = container_of(pos, struct processor_set, all_link);
			pset_reference(sets[n++]);
		}
	spin_unlock(&pset_lock);
	return n;
}

/* A thread of s that may not run, or not only, where it could from now on; +1, or NULL. */
static struct thread *stale_thread(struct processor_set *s)
{
	struct thread *found = NULL;

	spin_lock(&pset_lock);
	LIST_FOR_EACH(pos, &s->threads) {
		struct thread *t = container_of(pos, struct thread, sched.pset_link);

		if (t->cpu_mask == cpus_locked(t))
			continue;
		found = t;
		thread_reference(found);
		break;
	}
	spin_unlock(&pset_lock);
	return found;
}

/* Each thread of s runs where it may from now on. The policy lock is held, so nobody else changes where. */
static void refresh_all(struct processor_set *s)
{
	struct thread *t;

	while ((t = stale_thread(s)) != NULL) {
		pset_refresh(t);
		thread_deallocate(t);
	}
}

/* --- moves -------------------------------------------------------------------------------- */

kern_return_t pset_assign_thread(struct thread *t, struct processor_set *s)
{
	struct processor_set *old;
	kern_return_t kr = sched_policy_move(t, s->cpus);

	if (kr != KERN_SUCCESS)
		return kr;
	spin_lock(&pset_lock);
	if (!s->active || t->sched.pset == NULL) {
		spin_unlock(&pset_lock);
		return KERN_FAILURE;
	}
	old = thread_leave_locked(t);
	thread_join_locked(t, s);
	spin_unlock(&pset_lock);
	pset_deallocate(old);
	pset_refresh(t);
	return KERN_SUCCESS;
}

static kern_return_t assign_task_alone(struct task *t, struct processor_set *s)
{
	struct processor_set *old;

	spin_lock(&pset_lock);
	if (!s->active || t->sched.pset == NULL) {
		spin_unlock(&pset_lock);
		return KERN_FAILURE;
	}
	old = task_leave_locked(t);
	task_join_locked(t, s);
	spin_unlock(&pset_lock);
	pset_deallocate(old);
	return KERN_SUCCESS;
}

kern_return_t pset_assign_task(struct task *t, struct processor_set *s, bool threads)
{
	kern_return_t kr = assign_task_alone(t, s);

	for (uint32_t i = 0; threads && kr == KERN_SUCCESS; i++) {
		struct thread *thread = task_nth_thread(t, i);

		if (thread == NULL)
			break;
		kr = pset_assign_thread(thread, s);
		if (kr == KERN_FAILURE && s->active)
			kr = KERN_SUCCESS; /* the thread has ended */
		thread_deallocate(thread);
	}
	return kr;
}

kern_return_t pset_assign_cpu(uint32_t cpu, struct processor_set *s)
{
	struct processor_set *from = pset_of_cpu(cpu);

	if (from == NULL)
		return KERN_FAILURE;
	spin_lock(&pset_lock);
	if (!s->active) {
		spin_unlock(&pset_lock);
		pset_deallocate(from);
		return KERN_FAILURE;
	}
	from->cpus &= ~(1U << cpu);
	s->cpus |= 1U << cpu;
	spin_unlock(&pset_lock);
	refresh_all(s);
	refresh_all(from);
	pset_deallocate(from);
	return KERN_SUCCESS;
}

void pset_cpu_online(uint32_t cpu, bool online)
{
	struct processor_set *s = online ? &default_pset : pset_of_cpu(cpu);

	if (s == NULL)
		return;
	spin_lock(&pset_lock);
	if (online)
		s->cpus |= 1U << cpu;
	else
		s->cpus &= ~(1U << cpu);
	spin_unlock(&pset_lock);
	refresh_all(s);
	if (!online)
		pset_deallocate(s);
}

struct processor_set *pset_of_cpu(uint32_t cpu)
{
	struct processor_set *found = NULL;

	spin_lock(&pset_lock);
	LIST_FOR_EACH(pos, &all_sets) {
		struct processor_set *s = container_of(pos, struct processor_set, all_link);

		if ((s->cpus >> cpu) & 1) {
			found = s;
			pset_reference(s);
			break;
		}
	}
	spin_unlock(&pset_lock);
	return found;
}

/* Whoever is in s goes to the default set; nobody joins any more. */
static void empty_out(struct processor_set *s)
{
	for (;;) {
		struct task *task = NULL;
		struct thread *thread = NULL;
		bool moves;

		spin_lock(&pset_lock);
		if (!list_empty(&s->tasks)) {
			task = list_first(&s->tasks, struct task, sched.pset_link);
			task_reference(task);
		} else if (!list_empty(&s->threads)) {
			thread = list_first(&s->threads, struct thread, sched.pset_link);
			thread_reference(thread);
		}
		spin_unlock(&pset_lock);
		if (task != NULL) {
			(void)assign_task_alone(task, &default_pset);
			task_deallocate(task);
		} else if (thread != NULL) {
			/* Its processors come along: a real-time thread keeps its place. */
			spin_lock(&pset_lock);
			moves = thread->sched.pset == s; /* else it has ended meanwhile */
			if (moves) {
				(void)thread_leave_locked(thread);
				thread_join_locked(thread, &default_pset);
			}
			spin_unlock(&pset_lock);
			if (moves) {
				pset_deallocate(s);
				pset_refresh(thread);
			}
			thread_deallocate(thread);
		} else {
			return;
		}
	}
}

kern_return_t pset_destroy(struct processor_set *s)
{
	if (s == &default_pset)
		return KERN_FAILURE;
	spin_lock(&pset_lock);
	if (!s->active) {
		spin_unlock(&pset_lock);
		return KERN_FAILURE;
	}
	s->active = false;
	list_remove(&s->all_link);
	default_pset.cpus |= s->cpus;
	s->cpus = 0;
	spin_unlock(&pset_lock);
	ipc_kobject_set(s->self, NULL, IKOT_NONE);
	ipc_kobject_set(s->name, NULL, IKOT_NONE);
	empty_out(s);
	refresh_all(&default_pset);
	ipc_port_dealloc_special(s->self);
	ipc_port_dealloc_special(s->name);
	pset_deallocate(s);
	return KERN_SUCCESS;
}

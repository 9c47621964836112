/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched_policy.c - setting what threads run as. Interface: sched_policy.h.
 *
 * Each function checks everything, then changes (cannot fail). Changes reach the scheduler through sched_change().
 * Invariants: P1 realtime_used[c] is the sum of the shares of the threads admitted to CPU c, bound[c] the number of
 *   threads bound to it; P2 base_priority <= max_priority but for what a role of its task gives.
 *   P3 policy.realtime lists exactly the threads whose mode is SCHED_REALTIME.
 * Locking: policy.mutex guards the fields marked [p], realtime_used and bound.
 */
#include <base/string.h>
#include <kern/kalloc.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <machine/cpu.h>
#include <sched/edf.h>
#include <sched/processor_set.h>
#include <sched/sched.h>
#include <sched/sched_policy.h>

static struct {
	struct mutex mutex;
	uint32_t realtime_used[MAX_CPUS];
	uint32_t bound[MAX_CPUS];
	struct list realtime; /* of thread.sched.rt_link */
	uint32_t realtime_count;
} policy;

void sched_policy_init(void)
{
	mutex_init(&policy.mutex, "scheduling policy");
	list_init(&policy.realtime);
}

void sched_policy_lock(void)
{
	mutex_lock(&policy.mutex);
}

void sched_policy_unlock(void)
{
	mutex_unlock(&policy.mutex);
}

/* Lock, if t's policy may be changed at all. */
static kern_return_t lock_for(struct thread *t)
{
	if (t->task == kernel_task)
		return KERN_POLICY_STATIC;
	sched_policy_lock();
	if (t->sched.pset == NULL) { /* it has ended, or is about to */
		sched_policy_unlock();
		return KERN_TERMINATED;
	}
	return KERN_SUCCESS;
}

/* What is to become of a thread. */
struct plan {
	enum sched_mode mode;
	uint32_t base;
	struct edf rt;
};

static void carry_out(struct thread *t, const void *arg)
{
	const struct plan *plan = arg;

	t->sched.mode = plan->mode;
	t->sched.base_priority = plan->base;
	t->sched.rt = plan->rt;
}

static void carry_out_base(struct thread *t, const void *base)
{
	t->sched.base_priority = *(const uint32_t *)base;
}

/* t's share is nobody's any more. P1, P3 */
static void leave_realtime(struct thread *t)
{
	edf_leave(&t->sched.rt, policy.realtime_used);
	list_remove(&t->sched.rt_link);
	policy.realtime_count--;
}

/* The policy mutex is held. The real-time share is the old one's no more. */
static void become(struct thread *t, enum sched_mode mode, uint32_t base)
{
	struct plan plan = { .mode = mode, .base = base };
	bool was_realtime = t->sched.mode == SCHED_REALTIME;

	if (was_realtime)
		leave_realtime(t);
	sched_change(t, carry_out, &plan);
	if (was_realtime)
		pset_refresh(t);
}

static bool is_priority(integer_t priority)
{
	return priority >= 0 && priority <= SCHED_PRIORITY_USER_MAX;
}

/* The task's priority, and the thread's place in it. */
static uint32_t base_by_importance(const struct thread *t, int64_t importance)
{
	int64_t base = (int64_t)t->task->sched.priority + importance;

	if (base > t->sched.max_priority)
		base = t->sched.max_priority;
	return base < 0 ? 0 : (uint32_t)base;
}

/* --- thread_policy_set and its kin -------------------------------------------------------- */

static uint32_t cpus_for(const struct thread *t, uint32_t cpus)
{
	cpus &= sched_cpus_online();
	return t->sched.hard_cpu >= 0 ? cpus & 1U << t->sched.hard_cpu : cpus;
}

static void set_rt_cpu(struct thread *t, const void *arg)
{
	t->sched.rt.cpu = *(const uint32_t *)arg;
}

/* As edf_make_room() says: who was admitted before moves. */
static void rearrange(const struct edf_place *places, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct thread *t = places[i].who;

		if (t->sched.rt.cpu == places[i].cpu)
			continue;
		policy.realtime_used[t->sched.rt.cpu] -= places[i].share;
		policy.realtime_used[places[i].cpu] += places[i].share;
		sched_change(t, set_rt_cpu, &places[i].cpu);
		pset_refresh(t);
	}
}

/* Room for rt, t's contract, on one of cpus, if need be by moving others. t's own old share is not in realtime_used. */
static kern_return_t admit(struct thread *t, struct edf *rt, uint32_t cpus)
{
	struct edf_place new = { .share = rt->share, .mask = cpus }, *places;
	uint32_t room = policy.realtime_count, count = 0;
	bool made = false;

	if (edf_admit(rt, policy.realtime_used, cpu_count, cpus) == EDF_ADMITTED)
		return KERN_SUCCESS;
	places = room != 0 && cpus != 0 ? kalloc(room * sizeof(*places)) : NULL;
	if (places == NULL)
		return KERN_RESOURCE_SHORTAGE;
	LIST_FOR_EACH(pos, &policy.realtime) {
		struct thread *other = container_of(pos, struct thread, sched.rt_link);

		if (other != t)
			places[count++] = (struct edf_place){ .share = other->sched.rt.share, .cpu = other->sched.rt.cpu, .who = other,
							      .mask = cpus_for(other, other->sched.pset->cpus) };
	}
	made = edf_make_room(places, count, &new, policy.realtime_used, cpu_count);
	if (made) {
		rearrange(places, count);
		policy.realtime_used[new.cpu] += new.share;
		rt->cpu = new.cpu;
	}
	kfree(places, room * sizeof(*places));
	return made ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

static kern_return_t become_realtime(struct thread *t, const thread_time_constraint_policy_data_t *want)
{
	struct plan plan = { .mode = SCHED_REALTIME, .base = t->sched.base_priority };
	bool had = t->sched.mode == SCHED_REALTIME;

	if (edf_contract(&plan.rt, want->period, want->computation, want->constraint, want->preemptible != FALSE) != EDF_ADMITTED)
		return KERN_INVALID_ARGUMENT;
	if ((t->sched.pset->policies & (POLICY_RR | POLICY_FIFO)) == 0)
		return KERN_POLICY_LIMIT;
	if (had)
		edf_leave(&t->sched.rt, policy.realtime_used);
	if (admit(t, &plan.rt, cpus_for(t, t->sched.pset->cpus)) != KERN_SUCCESS) {
		if (had)
			policy.realtime_used[t->sched.rt.cpu] += t->sched.rt.share;
		return KERN_RESOURCE_SHORTAGE;
	}
	if (!had) {
		list_add_tail(&policy.realtime, &t->sched.rt_link);
		policy.realtime_count++;
	}
	edf_release(&plan.rt, clock_now_ns()); /* the first period begins now */
	sched_change(t, carry_out, &plan);
	pset_refresh(t);
	return KERN_SUCCESS;
}

static kern_return_t set_locked(struct thread *t, thread_policy_flavor_t flavor, const integer_t *info,
				mach_msg_type_number_t count)
{
	switch (flavor) {
	case THREAD_EXTENDED_POLICY: {
		bool timeshare = count < THREAD_EXTENDED_POLICY_COUNT || info[0] != FALSE;

		if (!timeshare && (t->sched.pset->policies & POLICY_RR) == 0)
			return KERN_INVALID_POLICY;
		become(t, timeshare ? SCHED_TIMESHARE : SCHED_RR, base_by_importance(t, t->sched.importance));
		return KERN_SUCCESS;
	}
	case THREAD_TIME_CONSTRAINT_POLICY: {
		thread_time_constraint_policy_data_t want;

		if (count < THREAD_TIME_CONSTRAINT_POLICY_COUNT)
			return KERN_INVALID_ARGUMENT;
		memcpy(&want, info, sizeof(want));
		return become_realtime(t, &want);
	}
	case THREAD_PRECEDENCE_POLICY: {
		uint32_t base;

		if (count < THREAD_PRECEDENCE_POLICY_COUNT)
			return KERN_INVALID_ARGUMENT;
		t->sched.importance = info[0];
		base = base_by_importance(t, info[0]);
		sched_change(t, carry_out_base, &base);
		return KERN_SUCCESS;
	}
	case THREAD_AFFINITY_POLICY:
		if (count < THREAD_AFFINITY_POLICY_COUNT)
			return KERN_INVALID_ARGUMENT;
		t->sched.affinity_tag = (uint32_t)info[0];
		return KERN_SUCCESS;
	default:
		return KERN_INVALID_ARGUMENT;
	}
}

kern_return_t sched_policy_set(struct thread *t, thread_policy_flavor_t flavor, const integer_t *info, mach_msg_type_number_t count)
{
	kern_return_t kr = lock_for(t);

	if (kr != KERN_SUCCESS)
		return kr;
	kr = set_locked(t, flavor, info, count);
	sched_policy_unlock();
	return kr;
}

static void fill_realtime(const struct thread *t, boolean_t *get_default, thread_time_constraint_policy_data_t *info)
{
	const struct edf *rt = &t->sched.rt;

	if (t->sched.mode != SCHED_REALTIME)
		*get_default = TRUE;
	if (*get_default)
		*info = (thread_time_constraint_policy_data_t){ 0, SCHED_QUANTUM_NS / 2, SCHED_QUANTUM_NS, TRUE };
	else
		*info = (thread_time_constraint_policy_data_t){ (uint32_t)rt->period, (uint32_t)rt->computation,
								(uint32_t)rt->constraint, rt->preemptible };
}

kern_return_t sched_policy_get(struct thread *t, thread_policy_flavor_t flavor, integer_t *info, mach_msg_type_number_t *count,
			       boolean_t *get_default)
{
	union {
		thread_extended_policy_data_t extended;
		thread_time_constraint_policy_data_t realtime;
		thread_precedence_policy_data_t precedence;
		thread_affinity_policy_data_t affinity;
	} value = { 0 };
	mach_msg_type_number_t need;

	switch (flavor) {
	case THREAD_EXTENDED_POLICY:
		value.extended.timeshare = *get_default || t->sched.mode == SCHED_TIMESHARE;
		need = THREAD_EXTENDED_POLICY_COUNT;
		break;
	case THREAD_TIME_CONSTRAINT_POLICY:
		need = THREAD_TIME_CONSTRAINT_POLICY_COUNT;
		fill_realtime(t, get_default, &value.realtime);
		break;
	case THREAD_PRECEDENCE_POLICY:
		value.precedence.importance = *get_default ? 0 : t->sched.importance;
		need = THREAD_PRECEDENCE_POLICY_COUNT;
		break;
	case THREAD_AFFINITY_POLICY:
		value.affinity.affinity_tag = *get_default ? THREAD_AFFINITY_TAG_NULL : (integer_t)t->sched.affinity_tag;
		need = THREAD_AFFINITY_POLICY_COUNT;
		break;
	default:
		return KERN_INVALID_ARGUMENT;
	}
	if (*count < need)
		return KERN_INVALID_ARGUMENT;
	memcpy(info, &value, need * sizeof(*info));
	*count = need;
	return KERN_SUCCESS;
}

/* --- policies and priorities by OSF's names ----------------------------------------------- */

static enum sched_mode mode_of(policy_t p)
{
	return p == POLICY_RR ? SCHED_RR : p == POLICY_FIFO ? SCHED_FIFO : SCHED_TIMESHARE;
}

policy_t sched_policy_of(const struct thread *t)
{
	return t->sched.mode == SCHED_RR ? POLICY_RR : t->sched.mode == SCHED_FIFO ? POLICY_FIFO : POLICY_TIMESHARE;
}

kern_return_t sched_policy_set_base(struct thread *t, policy_t p, integer_t base, bool set_limit)
{
	kern_return_t kr;

	if (invalid_policy(p) || !is_priority(base))
		return KERN_INVALID_ARGUMENT;
	kr = lock_for(t);
	if (kr != KERN_SUCCESS)
		return kr;
	if ((t->sched.pset->policies & (uint32_t)p) == 0) {
		kr = KERN_INVALID_POLICY;
	} else if ((uint32_t)base > t->sched.max_priority) {
		kr = KERN_POLICY_LIMIT;
	} else {
		become(t, mode_of(p), (uint32_t)base);
		if (set_limit)
			t->sched.max_priority = (uint32_t)base;
	}
	sched_policy_unlock();
	return kr;
}

kern_return_t sched_policy_set_base_and_limit(struct thread *t, policy_t p, integer_t base, integer_t limit)
{
	kern_return_t kr;

	if (invalid_policy(p) || !is_priority(base) || !is_priority(limit) || base > limit)
		return KERN_INVALID_ARGUMENT;
	kr = lock_for(t);
	if (kr != KERN_SUCCESS)
		return kr;
	if ((t->sched.pset->policies & (uint32_t)p) == 0) {
		kr = KERN_INVALID_POLICY;
	} else if ((uint32_t)limit > t->sched.pset->max_priority) {
		kr = KERN_POLICY_LIMIT;
	} else {
		t->sched.max_priority = (uint32_t)limit;
		become(t, mode_of(p), (uint32_t)base);
	}
	sched_policy_unlock();
	return kr;
}

/* Another base priority, the same policy. The policy mutex is held. */
static void set_base_locked(struct thread *t, uint32_t base)
{
	sched_change(t, carry_out_base, &base);
}

kern_return_t sched_policy_set_priority(struct thread *t, integer_t priority, bool set_max)
{
	kern_return_t kr;

	if (!is_priority(priority))
		return KERN_INVALID_ARGUMENT;
	kr = lock_for(t);
	if (kr != KERN_SUCCESS)
		return kr;
	if ((uint32_t)priority > t->sched.max_priority) {
		kr = KERN_FAILURE;
	} else {
		set_base_locked(t, (uint32_t)priority);
		if (set_max)
			t->sched.max_priority = (uint32_t)priority;
	}
	sched_policy_unlock();
	return kr;
}

static void lower_to(struct thread *t, uint32_t max_priority)
{
	t->sched.max_priority = max_priority;
	if (t->sched.base_priority > max_priority)
		set_base_locked(t, max_priority);
}

kern_return_t sched_policy_set_max_priority(struct thread *t, integer_t max_priority)
{
	kern_return_t kr;

	if (!is_priority(max_priority))
		return KERN_INVALID_ARGUMENT;
	kr = lock_for(t);
	if (kr != KERN_SUCCESS)
		return kr;
	if ((uint32_t)max_priority > t->sched.pset->max_priority)
		kr = KERN_POLICY_LIMIT;
	else
		lower_to(t, (uint32_t)max_priority);
	sched_policy_unlock();
	return kr;
}

kern_return_t sched_policy_info(struct thread *t, policy_t p, integer_t *info, mach_msg_type_number_t *count)
{
	union {
		policy_timeshare_info_data_t timeshare;
		policy_rr_info_data_t rr;
		policy_fifo_info_data_t fifo;
	} value = { 0 };
	const integer_t max = (integer_t)t->sched.max_priority, base = (integer_t)t->sched.base_priority;
	const boolean_t depressed = t->sched.depressed;
	const integer_t depress = depressed ? SCHED_PRIORITY_DEPRESS : -1;
	mach_msg_type_number_t need;

	if (sched_policy_of(t) != p)
		return KERN_INVALID_POLICY;
	switch (p) {
	case POLICY_RR:
		value.rr = (policy_rr_info_data_t){ max, base, SCHED_QUANTUM_NS / NSEC_PER_MSEC, depressed, depress };
		need = POLICY_RR_INFO_COUNT;
		break;
	case POLICY_FIFO:
		value.fifo = (policy_fifo_info_data_t){ max, base, depressed, depress };
		need = POLICY_FIFO_INFO_COUNT;
		break;
	default:
		value.timeshare = (policy_timeshare_info_data_t){ max, base, (integer_t)t->priority, depressed, depress };
		need = POLICY_TIMESHARE_INFO_COUNT;
		break;
	}
	if (*count < need)
		return KERN_INVALID_ARGUMENT;
	memcpy(info, &value, need * sizeof(*info));
	*count = need;
	return KERN_SUCCESS;
}

/* --- limits of a set ---------------------------------------------------------------------- */

static kern_return_t for_each_thread(struct processor_set *s, void (*fn)(struct thread *t, uint32_t arg), uint32_t arg)
{
	struct thread **threads;
	uint32_t count, room;

	if (!pset_threads(s, &threads, &count, &room))
		return KERN_RESOURCE_SHORTAGE;
	for (uint32_t i = 0; i < count; i++) {
		if (threads[i]->task != kernel_task && threads[i]->sched.pset != NULL)
			fn(threads[i], arg);
		thread_deallocate(threads[i]);
	}
	kfree(threads, room * sizeof(*threads));
	return KERN_SUCCESS;
}

static void lower_if_above(struct thread *t, uint32_t max_priority)
{
	if (t->sched.max_priority > max_priority)
		lower_to(t, max_priority);
}

kern_return_t sched_policy_limit_set(struct processor_set *s, integer_t max_priority, bool change_threads)
{
	kern_return_t kr = KERN_SUCCESS;

	if (!is_priority(max_priority))
		return KERN_INVALID_VALUE;
	sched_policy_lock();
	s->max_priority = (uint32_t)max_priority;
	if (change_threads)
		kr = for_each_thread(s, lower_if_above, (uint32_t)max_priority);
	sched_policy_unlock();
	return kr;
}

static void timeshare_if(struct thread *t, uint32_t p)
{
	if (sched_policy_of(t) == (policy_t)p)
		become(t, SCHED_TIMESHARE, t->sched.base_priority);
}

kern_return_t sched_policy_allow(struct processor_set *s, policy_t p, bool allow, bool change_threads)
{
	kern_return_t kr = KERN_SUCCESS;

	if (invalid_policy(p) || (!allow && p == POLICY_TIMESHARE))
		return KERN_INVALID_POLICY;
	sched_policy_lock();
	if (allow)
		s->policies |= (uint32_t)p;
	else
		s->policies &= ~(uint32_t)p;
	if (!allow && change_threads)
		kr = for_each_thread(s, timeshare_if, (uint32_t)p);
	sched_policy_unlock();
	return kr;
}

/* --- processors --------------------------------------------------------------------------- */

kern_return_t sched_policy_move(struct thread *t, uint32_t cpus)
{
	struct edf rt = t->sched.rt;

	cpus = cpus_for(t, cpus);
	if (t->sched.hard_cpu >= 0 && cpus == 0)
		return KERN_FAILURE;
	if (t->sched.mode != SCHED_REALTIME || ((cpus >> rt.cpu) & 1))
		return KERN_SUCCESS;
	edf_leave(&t->sched.rt, policy.realtime_used);
	if (admit(t, &rt, cpus) != KERN_SUCCESS) {
		policy.realtime_used[t->sched.rt.cpu] += t->sched.rt.share;
		return KERN_RESOURCE_SHORTAGE;
	}
	sched_change(t, set_rt_cpu, &rt.cpu);
	return KERN_SUCCESS;
}

kern_return_t sched_policy_bind(struct thread *t, int32_t cpu)
{
	kern_return_t kr = lock_for(t);
	int32_t before;

	if (kr != KERN_SUCCESS)
		return kr;
	before = t->sched.hard_cpu;
	if (cpu >= 0 && ((t->sched.pset->cpus & sched_cpus_online()) >> cpu & 1) == 0) {
		kr = KERN_FAILURE;
	} else {
		t->sched.hard_cpu = cpu;
		kr = sched_policy_move(t, t->sched.pset->cpus);
		if (kr != KERN_SUCCESS)
			t->sched.hard_cpu = before;
	}
	if (kr == KERN_SUCCESS) {
		if (before >= 0)
			policy.bound[before]--;
		if (cpu >= 0)
			policy.bound[cpu]++;
		pset_refresh(t);
	}
	sched_policy_unlock();
	return kr;
}

bool sched_policy_cpu_used(uint32_t cpu)
{
	return policy.bound[cpu] != 0 || policy.realtime_used[cpu] != 0;
}

void sched_policy_rescue(struct thread *t)
{
	if ((t->cpu_mask & sched_cpus_online()) != 0)
		return;
	sched_policy_lock();
	if ((pset_cpus_of(t) & sched_cpus_online()) == 0 && t->sched.pset != NULL)
		(void)pset_assign_thread(t, &default_pset);
	sched_policy_unlock();
}

void sched_policy_end_thread(struct thread *t)
{
	const struct plan plan = { .mode = SCHED_TIMESHARE, .base = t->sched.base_priority };

	sched_policy_lock();
	if (t->sched.mode == SCHED_REALTIME) {
		leave_realtime(t);
		sched_change(t, carry_out, &plan);
	}
	if (t->sched.hard_cpu >= 0)
		policy.bound[t->sched.hard_cpu]--;
	pset_thread_end(t);
	sched_policy_unlock();
}

/* --- depression --------------------------------------------------------------------------- */

static void set_depressed(struct thread *t, const void *arg)
{
	t->sched.depressed = *(const bool *)arg;
}

void sched_depress(struct thread *t, uint64_t ns)
{
	const bool yes = true;

	sched_change(t, set_depressed, &yes);
	if (ns != 0)
		timer_arm(&t->sched.depress_timer, clock_now_ns() + ns);
}

kern_return_t sched_depress_end(struct thread *t)
{
	const bool no = false;

	if (!t->sched.depressed)
		return KERN_NOT_DEPRESSED;
	(void)timer_cancel_try(&t->sched.depress_timer);
	sched_change(t, set_depressed, &no);
	return KERN_SUCCESS;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched_calls.c - the scheduling calls on threads, tasks and the host. Interface: processor_calls.h.
 *
 * A NULL object: the port was not of that kind. Errors as the .defs say.
 */
#include <base/string.h>
#include <ipc/ipc_port.h>
#include <kern/host.h>
#include <kern/kalloc.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <machine/cpu.h>
#include <sched/processor_calls.h>
#include <sched/sched.h>
#include <sched/sched_policy.h>
#include <vm/vm_map_copy.h>

#define SETS_MAX 64 /* that host_processor_sets lists */

/* --- the host ----------------------------------------------------------------------------- */

kern_return_t sched_call_host_processors(struct host *host, mach_port_t **list, mach_msg_type_number_t *count)
{
	mach_port_t *ports;

	if (host == NULL)
		return KERN_INVALID_ARGUMENT;
	ports = kalloc(cpu_count * sizeof(*ports));
	if (ports == NULL)
		return KERN_RESOURCE_SHORTAGE;
	*count = cpu_count;
	for (uint32_t i = 0; i < *count; i++)
		ports[i] = processor_port(i);
	*list = ports;
	return KERN_SUCCESS;
}

kern_return_t sched_call_host_processor_info(struct host *host, int flavor, natural_t *cpus, struct vm_map_copy **info,
					     mach_msg_type_number_t *count)
{
	const uint32_t n = cpu_count;
	mach_msg_type_number_t each = 0;
	kern_return_t kr = KERN_SUCCESS;
	integer_t *all;

	if (host == NULL)
		return KERN_INVALID_ARGUMENT;
	all = kalloc_zeroed(n * PROCESSOR_INFO_MAX * sizeof(*all));
	if (all == NULL)
		return KERN_RESOURCE_SHORTAGE;
	for (uint32_t i = 0; i < n && kr == KERN_SUCCESS; i++) {
		each = PROCESSOR_INFO_MAX;
		kr = processor_info_fill(i, flavor, all + i * each, &each);
		if (i != 0 && kr == KERN_SUCCESS)
			memmove(all + i * each, all + i * PROCESSOR_INFO_MAX, each * sizeof(*all));
	}
	if (kr == KERN_SUCCESS) {
		*info = vm_map_copy_from_kernel(all, n * each * sizeof(*all));
		*cpus = n;
		*count = n * each;
		if (*info == NULL)
			kr = KERN_RESOURCE_SHORTAGE;
	}
	kfree(all, n * PROCESSOR_INFO_MAX * sizeof(*all));
	return kr;
}

kern_return_t sched_call_pset_default(struct host *host, mach_port_t *name)
{
	if (host == NULL)
		return KERN_INVALID_ARGUMENT;
	*name = pset_name_port(&default_pset);
	return KERN_SUCCESS;
}

kern_return_t sched_call_pset_create(struct host *host, mach_port_t *set, mach_port_t *name)
{
	struct processor_set *s;
	kern_return_t kr;

	if (host == NULL)
		return KERN_INVALID_ARGUMENT;
	kr = pset_create(&s);
	if (kr != KERN_SUCCESS)
		return kr;
	*set = pset_control_port(s);
	*name = pset_name_port(s);
	pset_deallocate(s);
	return KERN_SUCCESS;
}

kern_return_t sched_call_host_processor_sets(struct host *host, mach_port_t **list, mach_msg_type_number_t *count)
{
	struct processor_set *sets[SETS_MAX];
	mach_port_t *ports;
	uint32_t n;

	if (host == NULL)
		return KERN_INVALID_ARGUMENT;
	n = pset_all(sets, SETS_MAX);
	ports = kalloc(n * sizeof(*ports));
	for (uint32_t i = 0; i < n; i++) {
		if (ports != NULL)
			ports[i] = pset_name_port(sets[i]);
		pset_deallocate(sets[i]);
	}
	if (ports == NULL)
		return KERN_RESOURCE_SHORTAGE;
	*list = ports;
	*count = n;
	return KERN_SUCCESS;
}

kern_return_t sched_call_host_processor_set_priv(struct host *host, struct processor_set *name, mach_port_t *set)
{
	if (host == NULL || name == NULL)
		return KERN_INVALID_ARGUMENT;
	*set = pset_control_port(name);
	return KERN_SUCCESS;
}

/* --- threads ------------------------------------------------------------------------------ */

kern_return_t sched_call_thread_depress_abort(struct thread *t)
{
	return t == NULL ? KERN_INVALID_ARGUMENT : sched_depress_end(t);
}

static bool base_count_good(int policy, mach_msg_type_number_t count)
{
	return count == (policy == POLICY_RR ? POLICY_RR_BASE_COUNT : POLICY_TIMESHARE_BASE_COUNT);
}

kern_return_t sched_call_thread_policy(struct thread *t, int policy, integer_t *base, mach_msg_type_number_t count,
				       boolean_t set_limit)
{
	if (t == NULL || !base_count_good(policy, count))
		return KERN_INVALID_ARGUMENT;
	return sched_policy_set_base(t, policy, base[0], set_limit != FALSE);
}

kern_return_t sched_call_thread_policy_set(struct thread *t, thread_policy_flavor_t flavor, integer_t *info,
					   mach_msg_type_number_t count)
{
	return t == NULL ? KERN_INVALID_ARGUMENT : sched_policy_set(t, flavor, info, count);
}

kern_return_t sched_call_thread_policy_get(struct thread *t, thread_policy_flavor_t flavor, integer_t *info,
					   mach_msg_type_number_t *count, boolean_t *get_default)
{
	return t == NULL ? KERN_INVALID_ARGUMENT : sched_policy_get(t, flavor, info, count, get_default);
}

static kern_return_t assign(struct thread *t, struct processor_set *set)
{
	kern_return_t kr;

	if (t == NULL || set == NULL)
		return KERN_INVALID_ARGUMENT;
	if (t->task == kernel_task)
		return KERN_POLICY_STATIC;
	sched_policy_lock();
	kr = pset_assign_thread(t, set);
	sched_policy_unlock();
	return kr;
}

kern_return_t sched_call_thread_assign(struct thread *t, struct processor_set *set)
{
	return assign(t, set);
}

kern_return_t sched_call_thread_assign_default(struct thread *t)
{
	return assign(t, &default_pset);
}

kern_return_t sched_call_thread_get_assignment(struct thread *t, mach_port_t *name)
{
	kern_return_t kr = KERN_TERMINATED;

	if (t == NULL)
		return KERN_INVALID_ARGUMENT;
	sched_policy_lock();
	if (t->sched.pset != NULL) {
		*name = pset_name_port(t->sched.pset);
		kr = KERN_SUCCESS;
	}
	sched_policy_unlock();
	return kr;
}

kern_return_t sched_call_thread_set_policy(struct thread *t, struct processor_set *set, int policy, integer_t *base,
					   mach_msg_type_number_t base_count, integer_t *limit, mach_msg_type_number_t limit_count)
{
	if (t == NULL || set == NULL || !base_count_good(policy, base_count) || limit_count != POLICY_TIMESHARE_LIMIT_COUNT)
		return KERN_INVALID_ARGUMENT;
	if (t->sched.pset != set)
		return KERN_FAILURE;
	return sched_policy_set_base_and_limit(t, policy, base[0], limit[0]);
}

kern_return_t sched_call_thread_priority(struct thread *t, int priority, boolean_t set_max)
{
	return t == NULL ? KERN_INVALID_ARGUMENT : sched_policy_set_priority(t, priority, set_max != FALSE);
}

kern_return_t sched_call_thread_max_priority(struct thread *t, struct processor_set *set, int max_priority)
{
	if (t == NULL || set == NULL)
		return KERN_INVALID_ARGUMENT;
	return t->sched.pset != set ? KERN_FAILURE : sched_policy_set_max_priority(t, max_priority);
}

kern_return_t sched_call_thread_bind(struct thread *t, struct processor *processor)
{
	return t == NULL ? KERN_INVALID_ARGUMENT : sched_policy_bind(t, processor != NULL ? (int32_t)processor->cpu : -1);
}

/* --- tasks -------------------------------------------------------------------------------- */

static kern_return_t task_check(const struct task *t)
{
	return t == NULL ? KERN_INVALID_ARGUMENT : t == kernel_task ? KERN_POLICY_STATIC : KERN_SUCCESS;
}

/* Call fn for each thread until one fails; threads that ended do not count. */
static kern_return_t each_thread(struct task *task, kern_return_t (*fn)(struct thread *t, const void *arg), const void *arg)
{
	kern_return_t result = KERN_SUCCESS;

	for (uint32_t i = 0;; i++) {
		struct thread *t = task_nth_thread(task, i);
		kern_return_t kr;

		if (t == NULL)
			return result;
		kr = fn(t, arg);
		if (kr != KERN_SUCCESS && kr != KERN_TERMINATED)
			result = kr;
		thread_deallocate(t);
	}
}

static kern_return_t set_thread_priority(struct thread *t, const void *priority)
{
	return sched_policy_set_priority(t, (integer_t) * (const uint32_t *)priority, false);
}

/* The priority that a role stands for; -1: not a role. */
static int priority_of_role(int role)
{
	static const uint8_t priorities[] = { 31, 47, 31, 48, 63, 4, 31, 31 };

	if (role == TASK_RENICED)
		return SCHED_PRIORITY_USER;
	return role < 0 || role >= (int)sizeof(priorities) ? -1 : priorities[role];
}

kern_return_t sched_call_task_policy_set(struct task *t, task_policy_flavor_t flavor, integer_t *info, mach_msg_type_number_t count)
{
	kern_return_t kr = task_check(t);
	int priority;
	uint32_t base;

	if (kr != KERN_SUCCESS)
		return kr;
	if (flavor != TASK_CATEGORY_POLICY || count < TASK_CATEGORY_POLICY_COUNT)
		return KERN_INVALID_ARGUMENT;
	priority = priority_of_role(info[0]);
	if (priority < 0)
		return KERN_INVALID_ARGUMENT;
	sched_policy_lock();
	t->sched.role = info[0];
	base = (uint32_t)priority < t->sched.max_priority ? (uint32_t)priority : t->sched.max_priority;
	t->sched.priority = base;
	sched_policy_unlock();
	(void)each_thread(t, set_thread_priority, &base);
	return KERN_SUCCESS;
}

kern_return_t sched_call_task_policy_get(struct task *t, task_policy_flavor_t flavor, integer_t *info,
					 mach_msg_type_number_t *count, boolean_t *get_default)
{
	if (t == NULL || flavor != TASK_CATEGORY_POLICY || *count < TASK_CATEGORY_POLICY_COUNT)
		return KERN_INVALID_ARGUMENT;
	info[0] = *get_default ? TASK_UNSPECIFIED : t->sched.role;
	*count = TASK_CATEGORY_POLICY_COUNT;
	return KERN_SUCCESS;
}

struct policy_and_base {
	policy_t policy;
	integer_t base, limit; /* limit -1: not set */
	bool set_limit;
};

static kern_return_t set_thread_policy(struct thread *t, const void *arg)
{
	const struct policy_and_base *p = arg;

	if (p->limit >= 0)
		return sched_policy_set_base_and_limit(t, p->policy, p->base, p->limit);
	return sched_policy_set_base(t, p->policy, p->base, p->set_limit);
}

/* What new threads of t begin with. */
static kern_return_t set_task_policy(struct task *t, const struct policy_and_base *p)
{
	kern_return_t kr = KERN_SUCCESS;

	if (invalid_policy(p->policy) || p->base < 0 || p->base > SCHED_PRIORITY_USER_MAX || p->limit > SCHED_PRIORITY_USER_MAX ||
	    (p->limit >= 0 && p->base > p->limit))
		return KERN_INVALID_ARGUMENT;
	sched_policy_lock();
	if (t->sched.pset == NULL) {
		kr = KERN_TERMINATED;
	} else if ((t->sched.pset->policies & (uint32_t)p->policy) == 0) {
		kr = KERN_INVALID_POLICY;
	} else if (p->limit >= 0 ? (uint32_t)p->limit > t->sched.pset->max_priority : (uint32_t)p->base > t->sched.max_priority) {
		kr = KERN_POLICY_LIMIT;
	} else {
		t->sched.policy = (uint32_t)p->policy;
		t->sched.priority = (uint32_t)p->base;
		if (p->limit >= 0)
			t->sched.max_priority = (uint32_t)p->limit;
		else if (p->set_limit)
			t->sched.max_priority = (uint32_t)p->base;
	}
	sched_policy_unlock();
	return kr;
}

kern_return_t sched_call_task_policy(struct task *t, int policy, integer_t *base, mach_msg_type_number_t count,
				     boolean_t set_limit, boolean_t change)
{
	struct policy_and_base p = { policy, count != 0 ? base[0] : -1, -1, set_limit != FALSE };
	kern_return_t kr = task_check(t);

	if (kr != KERN_SUCCESS)
		return kr;
	if (!base_count_good(policy, count))
		return KERN_INVALID_ARGUMENT;
	kr = set_task_policy(t, &p);
	return kr == KERN_SUCCESS && change ? each_thread(t, set_thread_policy, &p) : kr;
}

kern_return_t sched_call_task_set_policy(struct task *t, struct processor_set *set, int policy, integer_t *base,
					 mach_msg_type_number_t base_count, integer_t *limit, mach_msg_type_number_t limit_count,
					 boolean_t change)
{
	struct policy_and_base p = { policy, base_count != 0 ? base[0] : -1, limit_count != 0 ? limit[0] : -1, false };
	kern_return_t kr = task_check(t);

	if (kr != KERN_SUCCESS)
		return kr;
	if (set == NULL || !base_count_good(policy, base_count) || limit_count != POLICY_TIMESHARE_LIMIT_COUNT || p.limit < 0)
		return KERN_INVALID_ARGUMENT;
	if (t->sched.pset != set)
		return KERN_FAILURE;
	kr = set_task_policy(t, &p);
	return kr == KERN_SUCCESS && change ? each_thread(t, set_thread_policy, &p) : kr;
}

static kern_return_t assign_task(struct task *t, struct processor_set *set, bool threads)
{
	kern_return_t kr = task_check(t);

	if (kr != KERN_SUCCESS)
		return kr;
	if (set == NULL)
		return KERN_INVALID_ARGUMENT;
	sched_policy_lock();
	kr = pset_assign_task(t, set, threads);
	sched_policy_unlock();
	return kr;
}

kern_return_t sched_call_task_assign(struct task *t, struct processor_set *set, boolean_t assign_threads)
{
	return assign_task(t, set, assign_threads != FALSE);
}

kern_return_t sched_call_task_assign_default(struct task *t, boolean_t assign_threads)
{
	return assign_task(t, &default_pset, assign_threads != FALSE);
}

kern_return_t sched_call_task_get_assignment(struct task *t, mach_port_t *name)
{
	kern_return_t kr = KERN_TERMINATED;

	if (t == NULL)
		return KERN_INVALID_ARGUMENT;
	sched_policy_lock();
	if (t->sched.pset != NULL) {
		*name = pset_name_port(t->sched.pset);
		kr = KERN_SUCCESS;
	}
	sched_policy_unlock();
	return kr;
}

kern_return_t sched_call_task_priority(struct task *t, int priority, boolean_t change_threads)
{
	kern_return_t kr = task_check(t);
	uint32_t base = (uint32_t)priority;

	if (kr != KERN_SUCCESS)
		return kr;
	if (priority < 0 || priority > SCHED_PRIORITY_USER_MAX)
		return KERN_INVALID_ARGUMENT;
	sched_policy_lock();
	if (base > t->sched.max_priority)
		kr = KERN_FAILURE;
	else
		t->sched.priority = base;
	sched_policy_unlock();
	return kr == KERN_SUCCESS && change_threads ? each_thread(t, set_thread_priority, &base) : kr;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* processor_set_calls.c - the calls of processor_set.defs. A NULL set: the port was none. */
#include <base/string.h>
#include <ipc/ipc_port.h>
#include <ipc/ipc_tt.h>
#include <kern/ipc_kobject_calls.h>
#include <kern/kalloc.h>
#include <kern/limits.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kernel/processor_set_server.h>
#include <machine/cpu.h>
#include <sched/processor_set.h>
#include <sched/sched.h>
#include <sched/sched_policy.h>
#include <sched/timeshare.h>

/* Processors that a set has now. */
static uint32_t cpus_of(const struct processor_set *s)
{
	uint32_t n = 0;

	for (uint32_t mask = s->cpus & sched_cpus_online(); mask != 0; mask &= mask - 1)
		n++;
	return n;
}

static void fill_load(const struct processor_set *s, processor_set_load_info_data_t *info)
{
	uint32_t cpus = cpus_of(s);
	uint32_t load = (uint32_t)((uint64_t)sched_load() * LOAD_SCALE / LOAD_ONE); /* runnable for each CPU */

	info->task_count = (int)s->task_count;
	info->thread_count = (int)s->thread_count;
	info->load_average = (integer_t)(load * cpus);
	/* CPUs that one more thread would have: what is idle; or its share of one. */
	if (load * cpus < cpus * LOAD_SCALE)
		info->mach_factor = (integer_t)(cpus * LOAD_SCALE - load * cpus);
	else
		info->mach_factor = (integer_t)((uint64_t)cpus * LOAD_SCALE * LOAD_SCALE / (load * cpus + LOAD_SCALE));
}

static kern_return_t give(const void *info, mach_msg_type_number_t need, integer_t *out, mach_msg_type_number_t *count)
{
	if (*count < need)
		return KERN_FAILURE;
	memcpy(out, info, need * sizeof(*out));
	*count = need;
	return KERN_SUCCESS;
}

static kern_return_t call_statistics(struct processor_set *s, int flavor, integer_t *out, mach_msg_type_number_t *count)
{
	processor_set_load_info_data_t load;

	if (s == NULL)
		return KERN_INVALID_PROCESSOR_SET;
	if (flavor != PROCESSOR_SET_LOAD_INFO)
		return KERN_INVALID_VALUE;
	fill_load(s, &load);
	return give(&load, PROCESSOR_SET_LOAD_INFO_COUNT, out, count);
}

static kern_return_t call_destroy(struct processor_set *s)
{
	kern_return_t kr;

	if (s == NULL)
		return KERN_INVALID_PROCESSOR_SET;
	sched_policy_lock();
	kr = pset_destroy(s);
	sched_policy_unlock();
	return kr;
}

static kern_return_t call_max_priority(struct processor_set *s, int max_priority, boolean_t change_threads)
{
	return s == NULL ? KERN_INVALID_PROCESSOR_SET : sched_policy_limit_set(s, max_priority, change_threads != FALSE);
}

static kern_return_t call_policy_enable(struct processor_set *s, int policy)
{
	return s == NULL ? KERN_INVALID_PROCESSOR_SET : sched_policy_allow(s, policy, true, false);
}

static kern_return_t call_policy_disable(struct processor_set *s, int policy, boolean_t change_threads)
{
	return s == NULL ? KERN_INVALID_PROCESSOR_SET : sched_policy_allow(s, policy, false, change_threads != FALSE);
}

static kern_return_t call_tasks(struct processor_set *s, mach_port_t **list, mach_msg_type_number_t *count)
{
	struct task **tasks;
	mach_port_t *ports;
	uint32_t n, room;

	if (s == NULL)
		return KERN_INVALID_PROCESSOR_SET;
	if (!pset_tasks(s, &tasks, &n, &room))
		return KERN_RESOURCE_SHORTAGE;
	ports = n != 0 ? kalloc(n * sizeof(*ports)) : NULL;
	for (uint32_t i = 0; i < n; i++)
		if (ports != NULL)
			ports[i] = convert_task_to_port(tasks[i]);
		else
			task_deallocate(tasks[i]);
	kfree(tasks, room * sizeof(*tasks));
	*list = ports;
	*count = n;
	return n != 0 && ports == NULL ? KERN_RESOURCE_SHORTAGE : KERN_SUCCESS;
}

static kern_return_t call_threads(struct processor_set *s, mach_port_t **list, mach_msg_type_number_t *count)
{
	struct thread **threads;
	mach_port_t *ports;
	uint32_t n, room;

	if (s == NULL)
		return KERN_INVALID_PROCESSOR_SET;
	if (!pset_threads(s, &threads, &n, &room))
		return KERN_RESOURCE_SHORTAGE;
	ports = n != 0 ? kalloc(n * sizeof(*ports)) : NULL;
	for (uint32_t i = 0; i < n; i++)
		if (ports != NULL)
			ports[i] = convert_thread_to_port(threads[i]);
		else
			thread_deallocate(threads[i]);
	kfree(threads, room * sizeof(*threads));
	*list = ports;
	*count = n;
	return n != 0 && ports == NULL ? KERN_RESOURCE_SHORTAGE : KERN_SUCCESS;
}

static kern_return_t call_policy_control(struct processor_set *s, int flavor, integer_t *info, mach_msg_type_number_t count,
					 boolean_t change)
{
	if (s == NULL)
		return KERN_INVALID_PROCESSOR_SET;
	switch (flavor) {
	case PROCESSOR_SET_TIMESHARE_DEFAULT:
	case PROCESSOR_SET_RR_DEFAULT:
	case PROCESSOR_SET_FIFO_DEFAULT:
		if (count != (flavor == PROCESSOR_SET_RR_DEFAULT ? POLICY_RR_BASE_COUNT : POLICY_FIFO_BASE_COUNT))
			return KERN_INVALID_ARGUMENT;
		if (info[0] < 0 || info[0] > SCHED_PRIORITY_USER_MAX)
			return KERN_INVALID_VALUE;
		sched_policy_lock();
		s->default_priority = (uint32_t)info[0];
		sched_policy_unlock();
		return KERN_SUCCESS;
	case PROCESSOR_SET_TIMESHARE_LIMITS:
	case PROCESSOR_SET_RR_LIMITS:
	case PROCESSOR_SET_FIFO_LIMITS:
		if (count != POLICY_TIMESHARE_LIMIT_COUNT)
			return KERN_INVALID_ARGUMENT;
		return sched_policy_limit_set(s, info[0], change != FALSE);
	default:
		return KERN_INVALID_VALUE;
	}
}

static kern_return_t call_stack_usage(struct processor_set *s, uint32_t *total, vm_size_t *space, vm_size_t *resident,
				      vm_size_t *max_usage, vm_offset_t *max_stack)
{
	if (s == NULL)
		return KERN_INVALID_PROCESSOR_SET;
	*total = s->thread_count;
	*space = *resident = (vm_size_t)s->thread_count * KERNEL_STACK_BYTES;
	*max_usage = 0;
	*max_stack = 0;
	return KERN_SUCCESS;
}

static kern_return_t fill_info(const struct processor_set *s, int flavor, integer_t *out, mach_msg_type_number_t *count)
{
	const integer_t base = (integer_t)s->default_priority, max = (integer_t)s->max_priority;
	const integer_t base_and_quantum[] = { base, SCHED_QUANTUM_NS / 1000000 };
	const processor_set_basic_info_data_t basic = {
		.processor_count = (int)cpus_of(s),
		.default_policy = POLICY_TIMESHARE,
	};
	processor_set_load_info_data_t load;

	switch (flavor) {
	case PROCESSOR_SET_BASIC_INFO:
		return give(&basic, PROCESSOR_SET_BASIC_INFO_COUNT, out, count);
	case PROCESSOR_SET_LOAD_INFO:
		fill_load(s, &load);
		return give(&load, PROCESSOR_SET_LOAD_INFO_COUNT, out, count);
	case PROCESSOR_SET_ENABLED_POLICIES:
		return give(&s->policies, 1, out, count);
	case PROCESSOR_SET_TIMESHARE_DEFAULT:
	case PROCESSOR_SET_FIFO_DEFAULT:
		return give(&base, 1, out, count);
	case PROCESSOR_SET_RR_DEFAULT:
		return give(base_and_quantum, POLICY_RR_BASE_COUNT, out, count);
	case PROCESSOR_SET_TIMESHARE_LIMITS:
	case PROCESSOR_SET_RR_LIMITS:
	case PROCESSOR_SET_FIFO_LIMITS:
		return give(&max, 1, out, count);
	default:
		return KERN_INVALID_VALUE;
	}
}

static kern_return_t call_info(struct processor_set *s, int flavor, mach_port_t *host, integer_t *out, mach_msg_type_number_t *count)
{
	kern_return_t kr;

	if (s == NULL)
		return KERN_INVALID_PROCESSOR_SET;
	kr = fill_info(s, flavor, out, count);
	if (kr == KERN_SUCCESS)
		*host = ipc_port_make_send(ipc_host_port);
	return kr;
}

const struct processor_set_ops processor_set_calls = {
	.processor_set_statistics = call_statistics,
	.processor_set_destroy = call_destroy,
	.processor_set_max_priority = call_max_priority,
	.processor_set_policy_enable = call_policy_enable,
	.processor_set_policy_disable = call_policy_disable,
	.processor_set_tasks = call_tasks,
	.processor_set_threads = call_threads,
	.processor_set_policy_control = call_policy_control,
	.processor_set_stack_usage = call_stack_usage,
	.processor_set_info = call_info,
};

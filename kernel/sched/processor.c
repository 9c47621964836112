/* SPDX-License-Identifier: BSD-2-Clause */
/* processor.c - processors as objects, and the calls of processor.defs. Interface: processor.h. */
#include <base/string.h>
#include <ipc/ipc_port.h>
#include <ipc/ipc_space.h>
#include <ipc/ipc_tt.h>
#include <kern/assert.h>
#include <kern/clock.h>
#include <kern/ipc_kobject.h>
#include <kern/ipc_kobject_calls.h>
#include <kernel/processor_server.h>
#include <mach/host_info.h>
#include <machine/cpu.h>
#include <sched/latency.h>
#include <sched/processor_calls.h>
#include <sched/sched.h>
#include <sched/sched_policy.h>

#define NS_PER_CPU_TICK 10000000ULL

static struct processor processors[MAX_CPUS];

void processor_init(void)
{
	sched_policy_lock();
	for (uint32_t i = 0; i < cpu_count; i++) {
		if (processors[i].self != NULL)
			continue;
		processors[i].cpu = i;
		processors[i].running = true;
		processors[i].self = ipc_port_alloc_special(ipc_space_kernel);
		if (processors[i].self == NULL)
			panic("no memory for a processor's port");
		ipc_kobject_set(processors[i].self, &processors[i], IKOT_PROCESSOR);
	}
	sched_policy_unlock();
}

struct processor *convert_port_to_processor(struct ipc_port *port)
{
	struct processor *p = NULL;

	if (!IP_VALID(port))
		return NULL;
	ip_lock(port);
	if (ip_active(port) && port->ip_kotype == IKOT_PROCESSOR)
		p = port->ip_kobject;
	ip_unlock(port);
	return p;
}

struct ipc_port *processor_port(uint32_t cpu)
{
	return processors[cpu].self != NULL ? ipc_port_make_send(processors[cpu].self) : IP_NULL;
}

/* --- information -------------------------------------------------------------------------- */

static void fill_basic(const struct processor *p, processor_basic_info_data_t *info)
{
	info->cpu_type = CPU_TYPE_X86_64;
	info->running = p->running;
	info->slot_num = (int)p->cpu;
	info->is_master = p->cpu == 0;
}

static void fill_load(const struct processor *p, processor_cpu_load_info_data_t *info)
{
	uint64_t user, system, idle;

	sched_cpu_times(p->cpu, &user, &system, &idle);
	info->cpu_ticks[CPU_STATE_USER] = (natural_t)(user / NS_PER_CPU_TICK);
	info->cpu_ticks[CPU_STATE_SYSTEM] = (natural_t)(system / NS_PER_CPU_TICK);
	info->cpu_ticks[CPU_STATE_IDLE] = (natural_t)(idle / NS_PER_CPU_TICK);
}

static void fill_sched(const struct processor *p, processor_sched_info_data_t *info)
{
	struct sched_counts c = sched_counts(p->cpu);
	struct timer_counts t = timer_counts(p->cpu);

	*info = (processor_sched_info_data_t){
		.switches = c.switches, .preemptions = c.preemptions, .kernel_preemptions = c.kernel_preemptions,
		.steals = c.steals, .kicks = c.kicks, .overruns = c.overruns, .halts = c.halts,
		.interrupts = cpu_by_id(p->cpu)->interrupts, .timer_interrupts = t.interrupts,
		.idle_timer_interrupts = t.idle_interrupts, .timers_armed = (uint32_t)t.armed,
		.queued = sched_cpu_queued(p->cpu), .deadline_misses = c.deadline_misses,
	};
}

static void fill_latency(const struct processor *p, enum latency_kind kind, processor_latency_data_t *info)
{
	struct latency l;

	latency_get(p->cpu, kind, &l);
	info->count = l.count;
	info->sum_ns = l.sum_ns;
	info->max_ns = l.max_ns;
	info->max_where = l.max_where;
	_Static_assert(LATENCY_BUCKETS == PROCESSOR_LATENCY_BUCKETS, "one histogram");
	memcpy(info->buckets, l.buckets, sizeof(info->buckets));
}

kern_return_t processor_info_fill(uint32_t cpu, int flavor, integer_t *out, mach_msg_type_number_t *count)
{
	const struct processor *p = &processors[cpu];
	union {
		processor_basic_info_data_t basic;
		processor_cpu_load_info_data_t load;
		processor_sched_info_data_t sched;
		processor_latency_data_t latency;
	} info;
	mach_msg_type_number_t need;

	memset(&info, 0, sizeof(info));
	switch (flavor) {
	case PROCESSOR_BASIC_INFO:
		need = PROCESSOR_BASIC_INFO_COUNT;
		fill_basic(p, &info.basic);
		break;
	case PROCESSOR_CPU_LOAD_INFO:
		need = PROCESSOR_CPU_LOAD_INFO_COUNT;
		fill_load(p, &info.load);
		break;
	case PROCESSOR_SCHED_INFO:
		need = PROCESSOR_SCHED_INFO_COUNT;
		fill_sched(p, &info.sched);
		break;
	case PROCESSOR_DISPATCH_LATENCY:
		need = PROCESSOR_LATENCY_COUNT;
		fill_latency(p, LATENCY_DISPATCH, &info.latency);
		break;
	case PROCESSOR_INTERRUPTS_OFF_LATENCY:
		if (!latency_interrupts_measured())
			return KERN_NOT_SUPPORTED;
		need = PROCESSOR_LATENCY_COUNT;
		fill_latency(p, LATENCY_INTERRUPTS_OFF, &info.latency);
		break;
	default:
		return KERN_INVALID_VALUE;
	}
	if (*count < need)
		return KERN_FAILURE;
	memcpy(out, &info, need * sizeof(*out));
	*count = need;
	return KERN_SUCCESS;
}

/* --- calls -------------------------------------------------------------------------------- */

static kern_return_t call_info(struct processor *p, int flavor, mach_port_t *host, integer_t *out, mach_msg_type_number_t *count)
{
	kern_return_t kr;

	if (p == NULL)
		return KERN_INVALID_ARGUMENT;
	kr = processor_info_fill(p->cpu, flavor, out, count);
	if (kr == KERN_SUCCESS)
		*host = ipc_port_make_send(ipc_host_port);
	return kr;
}

static kern_return_t call_start(struct processor *p)
{
	kern_return_t kr = KERN_FAILURE;

	if (p == NULL)
		return KERN_INVALID_ARGUMENT;
	sched_policy_lock();
	if (!p->running) {
		p->running = true;
		pset_cpu_online(p->cpu, true);
		kr = KERN_SUCCESS;
	}
	sched_policy_unlock();
	return kr;
}

static kern_return_t call_exit(struct processor *p)
{
	kern_return_t kr = KERN_FAILURE;

	if (p == NULL)
		return KERN_INVALID_ARGUMENT;
	sched_policy_lock();
	if (p->running && p->cpu != 0 && !sched_policy_cpu_used(p->cpu)) {
		p->running = false;
		pset_cpu_online(p->cpu, false);
		kr = KERN_SUCCESS;
	}
	sched_policy_unlock();
	return kr;
}

static kern_return_t call_control(struct processor *p, integer_t *command, mach_msg_type_number_t count)
{
	if (p == NULL)
		return KERN_INVALID_ARGUMENT;
	if (count != 1 || command[0] != PROCESSOR_CONTROL_RESET_LATENCY)
		return KERN_INVALID_VALUE;
	latency_reset();
	return KERN_SUCCESS;
}

static kern_return_t call_assign(struct processor *p, struct processor_set *set, boolean_t wait)
{
	kern_return_t kr = KERN_FAILURE;

	(void)wait;
	if (p == NULL || set == NULL)
		return KERN_INVALID_ARGUMENT;
	sched_policy_lock();
	if (p->running && ((set->cpus >> p->cpu) & 1) != 0)
		kr = KERN_SUCCESS; /* it is there */
	else if (p->running && p->cpu != 0 && !sched_policy_cpu_used(p->cpu))
		kr = pset_assign_cpu(p->cpu, set);
	sched_policy_unlock();
	return kr;
}

static kern_return_t call_get_assignment(struct processor *p, mach_port_t *name)
{
	struct processor_set *s;

	if (p == NULL)
		return KERN_INVALID_ARGUMENT;
	s = pset_of_cpu(p->cpu);
	if (s == NULL)
		return KERN_FAILURE;
	*name = pset_name_port(s);
	pset_deallocate(s);
	return KERN_SUCCESS;
}

const struct processor_ops processor_calls = {
	.processor_start = call_start,
	.processor_exit = call_exit,
	.processor_info = call_info,
	.processor_control = call_control,
	.processor_assign = call_assign,
	.processor_get_assignment = call_get_assignment,
};

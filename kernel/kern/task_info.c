/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task_info.c - the flavours of task_info(), a function each, and their table.
 *
 * Interface: task_info.h. What is told was so at one moment each, and nothing is locked over two of them.
 * References: OSF MK and XNU kernel interface, task_info(3); XNU's mach/task_info.h for shapes.
 */
#include <base/string.h>
#include <ipc/ipc_net.h>
#include <ipc/ipc_space.h>
#include <ipc/ipc_tt.h>
#include <kern/task.h>
#include <kern/task_info.h>
#include <kern/thread.h>
#include <mach/host_info.h>
#include <mach/thread_policy.h>
#include <mach/vm_purgable.h>
#include <machine/pmap.h>
#include <sched/sched.h>
#include <vm/vm_map.h>

union info {
	task_basic_info_32_data_t basic32;
	task_basic_info_64_data_t basic;
	mach_task_basic_info_data_t mach;
	task_thread_times_info_data_t times;
	task_absolutetime_info_data_t absolute;
	task_events_info_data_t events;
	task_flags_info_data_t flags;
	task_name_info_data_t name;
	task_vm_info_data_t vm;
	security_token_t security;
	audit_token_t audit;
	task_affinity_tag_info_data_t affinity;
	task_extmod_info_data_t extmod;
	task_power_info_data_t power;
	policy_timeshare_base_data_t timeshare;
	policy_rr_base_data_t rr;
	policy_fifo_base_data_t fifo;
	integer_t words[TASK_INFO_MAX];
};

/* ---- times, events, sizes ---- */

struct task_times task_times_of(struct task *task)
{
	struct task_times times = { 0 };

	spin_lock(&task->lock);
	times.dead_user = task->dead_user_ns;
	times.dead_system = task->dead_system_ns;
	LIST_FOR_EACH(pos, &task->threads) {
		uint64_t user_ns, system_ns;

		thread_times(container_of(pos, struct thread, task_link), &user_ns, &system_ns);
		times.live_user += user_ns;
		times.live_system += system_ns;
	}
	spin_unlock(&task->lock);
	return times;
}

static uint64_t virtual_size(struct task *task)
{
	return task->map == NULL ? 0 : task->map->size;
}

static uint64_t resident_size(struct task *task)
{
	return task->map == NULL ? 0 : pmap_resident_count(vm_map_pmap(task->map)) * PAGE_SIZE;
}

static uint64_t resident_peak(struct task *task)
{
	uint64_t now = resident_size(task), peak = atomic_load(&task->limits.resident_peak) * PAGE_SIZE;

	return now > peak ? now : peak;
}

static natural_t narrow(uint64_t bytes)
{
	return bytes > UINT32_MAX ? UINT32_MAX : (natural_t)bytes;
}

/* ---- flavours ---- */

static kern_return_t fill_basic32(struct task *task, union info *info)
{
	struct task_times times = task_times_of(task);

	info->basic32 = (task_basic_info_32_data_t){
		.suspend_count = (integer_t)atomic_load(&task->suspend_count),
		.virtual_size = narrow(virtual_size(task)),
		.resident_size = narrow(resident_size(task)),
		.user_time = time_value_of_ns(times.dead_user),
		.system_time = time_value_of_ns(times.dead_system),
		.policy = (policy_t)task->sched.policy,
	};
	return KERN_SUCCESS;
}

static kern_return_t fill_basic64(struct task *task, union info *info)
{
	struct task_times times = task_times_of(task);

	info->basic = (task_basic_info_64_data_t){
		.suspend_count = (integer_t)atomic_load(&task->suspend_count),
		.virtual_size = virtual_size(task),
		.resident_size = resident_size(task),
		.user_time = time_value_of_ns(times.dead_user),
		.system_time = time_value_of_ns(times.dead_system),
		.policy = (policy_t)task->sched.policy,
	};
	return KERN_SUCCESS;
}

static kern_return_t fill_mach_basic(struct task *task, union info *info)
{
	struct task_times times = task_times_of(task);

	info->mach = (mach_task_basic_info_data_t){
		.suspend_count = (integer_t)atomic_load(&task->suspend_count),
		.virtual_size = virtual_size(task),
		.resident_size = resident_size(task),
		.resident_size_max = resident_peak(task),
		.user_time = time_value_of_ns(times.dead_user),
		.system_time = time_value_of_ns(times.dead_system),
		.policy = (policy_t)task->sched.policy,
	};
	return KERN_SUCCESS;
}

static kern_return_t fill_thread_times(struct task *task, union info *info)
{
	struct task_times times = task_times_of(task);

	info->times.user_time = time_value_of_ns(times.live_user);
	info->times.system_time = time_value_of_ns(times.live_system);
	return KERN_SUCCESS;
}

static kern_return_t fill_absolute(struct task *task, union info *info)
{
	struct task_times times = task_times_of(task);

	info->absolute = (task_absolutetime_info_data_t){
		.threads_user = times.live_user,
		.threads_system = times.live_system,
		.total_user = times.live_user + times.dead_user,
		.total_system = times.live_system + times.dead_system,
	};
	return KERN_SUCCESS;
}

static struct task_events events_of(struct task *task)
{
	struct task_events sum;

	spin_lock(&task->lock);
	sum = task->dead_events;
	LIST_FOR_EACH(pos, &task->threads)
		task_events_add(&sum, &container_of(pos, struct thread, task_link)->events);
	spin_unlock(&task->lock);
	return sum;
}

static kern_return_t fill_events(struct task *task, union info *info)
{
	struct task_events sum = events_of(task);

	info->events = (task_events_info_data_t){
		.faults = (integer_t)sum.faults,
		.pageins = (integer_t)sum.pageins,
		.cow_faults = (integer_t)sum.cow_faults,
		.messages_sent = (integer_t)sum.messages_sent,
		.messages_received = (integer_t)sum.messages_received,
		.syscalls_mach = (integer_t)sum.mach_calls,
		.syscalls_unix = (integer_t)sum.linux_calls,
		.csw = (integer_t)sum.switches,
	};
	return KERN_SUCCESS;
}

/* ---- what a task's timers cost ---- */

static struct task_power_info power_of(const struct task_times *times, const struct task_events *events)
{
	return (struct task_power_info){
		.total_user = times->dead_user + times->live_user,
		.total_system = times->dead_system + times->live_system,
		.task_interrupt_wakeups = events->timer_wakeups,
		.task_platform_idle_wakeups = events->idle_wakeups,
		.task_timer_wakeups_bin_1 = events->short_wakeups[0],
		.task_timer_wakeups_bin_2 = events->short_wakeups[1],
	};
}

static kern_return_t fill_power(struct task *task, union info *info)
{
	struct task_times times = task_times_of(task);
	struct task_events sum = events_of(task);

	info->power = power_of(&times, &sum);
	return KERN_SUCCESS;
}

static struct {
	struct spinlock lock;
	struct task_power_info power;
} expired = { .lock = SPINLOCK_INIT("expired tasks") };

void task_noticed_expired(struct task *task)
{
	struct task_times times = task_times_of(task);
	struct task_events sum = events_of(task);
	struct task_power_info last = power_of(&times, &sum);

	spin_lock(&expired.lock);
	expired.power.total_user += last.total_user;
	expired.power.total_system += last.total_system;
	expired.power.task_interrupt_wakeups += last.task_interrupt_wakeups;
	expired.power.task_platform_idle_wakeups += last.task_platform_idle_wakeups;
	expired.power.task_timer_wakeups_bin_1 += last.task_timer_wakeups_bin_1;
	expired.power.task_timer_wakeups_bin_2 += last.task_timer_wakeups_bin_2;
	spin_unlock(&expired.lock);
}

struct task_power_info task_expired_power(void)
{
	struct task_power_info power;

	spin_lock(&expired.lock);
	power = expired.power;
	spin_unlock(&expired.lock);
	return power;
}

/* ---- what others do to a task ---- */

static struct {
	_Atomic int64_t thread_creation, thread_set_state;
} all_extmod;

void task_noticed_extmod(struct task *task, enum task_extmod what)
{
	struct task *caller = current_task();
	bool creation = what == TASK_EXTMOD_THREAD_CREATION;

	if (task == caller)
		return;
	atomic_fetch_add(creation ? &all_extmod.thread_creation : &all_extmod.thread_set_state, 1);
	spin_lock(&task->lock);
	*(creation ? &task->extmod.thread_creation_count : &task->extmod.thread_set_state_count) += 1;
	spin_unlock(&task->lock);
	spin_lock(&caller->lock);
	*(creation ? &caller->extmod.thread_creation_caller_count : &caller->extmod.thread_set_state_caller_count) += 1;
	spin_unlock(&caller->lock);
}

struct vm_extmod_statistics task_all_extmod(void)
{
	int64_t creations = atomic_load(&all_extmod.thread_creation), states = atomic_load(&all_extmod.thread_set_state);

	return (struct vm_extmod_statistics){ .thread_creation_count = creations, .thread_creation_caller_count = creations,
					      .thread_set_state_count = states, .thread_set_state_caller_count = states };
}

static kern_return_t fill_extmod(struct task *task, union info *info)
{
	uint64_t uuid[2] = { 0, task->id };

	if (ipc_net != NULL) {
		host_net_info_data_t net;

		ipc_net->info(&net);
		uuid[0] = net.incarnation;
	}
	memcpy(info->extmod.task_uuid, uuid, sizeof(uuid));
	spin_lock(&task->lock);
	info->extmod.extmod_statistics = task->extmod;
	spin_unlock(&task->lock);
	return KERN_SUCCESS;
}

/* ---- threads that like one CPU ---- */

/* Has a thread of task before this one the same tag? The task lock is held. */
static bool is_repeated_locked(struct task *task, const struct thread *one)
{
	LIST_FOR_EACH(pos, &task->threads) {
		const struct thread *t = container_of(pos, struct thread, task_link);

		if (t == one)
			break;
		if (t->sched.affinity_tag == one->sched.affinity_tag)
			return true;
	}
	return false;
}

static kern_return_t fill_affinity(struct task *task, union info *info)
{
	task_affinity_tag_info_data_t *a = &info->affinity;

	spin_lock(&task->lock);
	LIST_FOR_EACH(pos, &task->threads) {
		const struct thread *t = container_of(pos, struct thread, task_link);
		integer_t tag = (integer_t)t->sched.affinity_tag;

		if (tag == THREAD_AFFINITY_TAG_NULL)
			continue;
		a->min = a->task_count == 0 || tag < a->min ? tag : a->min;
		a->max = a->task_count == 0 || tag > a->max ? tag : a->max;
		a->task_count++;
		a->set_count += !is_repeated_locked(task, t);
	}
	spin_unlock(&task->lock);
	return KERN_SUCCESS;
}

static kern_return_t fill_flags(struct task *task, union info *info)
{
	(void)task;
	info->flags.flags = TF_LP64 | TF_64B_DATA;
	return KERN_SUCCESS;
}

static kern_return_t fill_security(struct task *task, union info *info)
{
	info->security = ipc_task_tokens(task).security;
	return KERN_SUCCESS;
}

static kern_return_t fill_audit(struct task *task, union info *info)
{
	info->audit = ipc_task_tokens(task).audit;
	return KERN_SUCCESS;
}

static kern_return_t fill_name(struct task *task, union info *info)
{
	info->name.id = task->id;
	info->name.port_names = task->ipc.space->is_names;
	spin_lock(&task->lock);
	info->name.thread_count = task->thread_count;
	memcpy(info->name.name, task->name, sizeof(info->name.name));
	spin_unlock(&task->lock);
	return KERN_SUCCESS;
}

/* What its new threads begin with, if that is policy. */
static kern_return_t base_priority(const struct task *task, policy_t policy, integer_t *base)
{
	*base = (integer_t)task->sched.priority;
	return task->sched.policy == (uint32_t)policy ? KERN_SUCCESS : KERN_INVALID_POLICY;
}

static kern_return_t fill_timeshare(struct task *task, union info *info)
{
	return base_priority(task, POLICY_TIMESHARE, &info->timeshare.base_priority);
}

static kern_return_t fill_rr(struct task *task, union info *info)
{
	info->rr.quantum = SCHED_QUANTUM_NS / NSEC_PER_MSEC;
	return base_priority(task, POLICY_RR, &info->rr.base_priority);
}

static kern_return_t fill_fifo(struct task *task, union info *info)
{
	return base_priority(task, POLICY_FIFO, &info->fifo.base_priority);
}

/* ---- memory, region by region ---- */

static void add_region(const struct vm_region *r, struct task_vm_info *vm)
{
	vm->region_count++;
	if (r->external_pager)
		vm->external += r->resident * PAGE_SIZE;
	else
		vm->internal += r->resident * PAGE_SIZE;
	vm->compressed += r->paged_out * PAGE_SIZE;
}

static void add_purgable(struct vm_map *map, const struct vm_region *r, struct task_vm_info *vm)
{
	int state = 0;

	if (vm_map_purgable_control(map, r->address, VM_PURGABLE_GET_STATE, &state) != KERN_SUCCESS ||
	    (state & VM_PURGABLE_STATE_MASK) != VM_PURGABLE_VOLATILE)
		return;
	vm->purgeable_volatile_virtual += r->size;
	vm->purgeable_volatile_resident += r->resident * PAGE_SIZE;
	vm->purgeable_volatile_pmap += r->resident * PAGE_SIZE;
}

static kern_return_t fill_vm(struct task *task, union info *info)
{
	struct task_vm_info *vm = &info->vm;
	struct vm_region region;
	uint64_t at;

	if (task->map == NULL)
		return KERN_INVALID_ARGUMENT;
	vm->virtual_size = virtual_size(task);
	vm->page_size = PAGE_SIZE;
	vm->resident_size = resident_size(task);
	vm->resident_size_peak = resident_peak(task);
	for (at = task->map->min; vm_map_region_extended(task->map, at, &region) == KERN_SUCCESS; at = region.address + region.size) {
		add_region(&region, vm);
		add_purgable(task->map, &region, vm);
		if (region.address + region.size >= task->map->max)
			break;
	}
	vm->phys_footprint = vm->internal + vm->compressed;
	vm->min_address = task->map->min;
	vm->max_address = task->map->max;
	return KERN_SUCCESS;
}

/* ---- by number ---- */

#define FLAVOR(flavor, fill) { flavor, flavor##_COUNT, flavor##_COUNT, fill }

static const struct flavor {
	task_flavor_t number;
	mach_msg_type_number_t least, most; /* words */
	kern_return_t (*fill)(struct task *, union info *);
} flavors[] = {
	FLAVOR(TASK_BASIC_INFO_32, fill_basic32),
	FLAVOR(TASK_BASIC_INFO_64, fill_basic64),
	FLAVOR(MACH_TASK_BASIC_INFO, fill_mach_basic),
	FLAVOR(TASK_THREAD_TIMES_INFO, fill_thread_times),
	FLAVOR(TASK_ABSOLUTETIME_INFO, fill_absolute),
	FLAVOR(TASK_EVENTS_INFO, fill_events),
	FLAVOR(TASK_FLAGS_INFO, fill_flags),
	FLAVOR(TASK_AFFINITY_TAG_INFO, fill_affinity),
	FLAVOR(TASK_EXTMOD_INFO, fill_extmod),
	FLAVOR(TASK_POWER_INFO, fill_power),
	FLAVOR(TASK_SECURITY_TOKEN, fill_security),
	FLAVOR(TASK_AUDIT_TOKEN, fill_audit),
	FLAVOR(TASK_NAME_INFO, fill_name),
	{ TASK_SCHED_TIMESHARE_INFO, POLICY_TIMESHARE_BASE_COUNT, POLICY_TIMESHARE_BASE_COUNT, fill_timeshare },
	{ TASK_SCHED_RR_INFO, POLICY_RR_BASE_COUNT, POLICY_RR_BASE_COUNT, fill_rr },
	{ TASK_SCHED_FIFO_INFO, POLICY_FIFO_BASE_COUNT, POLICY_FIFO_BASE_COUNT, fill_fifo },
	{ TASK_VM_INFO, TASK_VM_INFO_REV0_COUNT, TASK_VM_INFO_COUNT, fill_vm },
	{ TASK_VM_INFO_PURGEABLE, TASK_VM_INFO_REV0_COUNT, TASK_VM_INFO_COUNT, fill_vm },
};

static const struct flavor *flavor_of(task_flavor_t number)
{
	for (unsigned i = 0; i < sizeof(flavors) / sizeof(flavors[0]); i++)
		if (flavors[i].number == number)
			return &flavors[i];
	return NULL;
}

kern_return_t task_call_info(struct task *task, task_flavor_t number, task_info_t out, mach_msg_type_number_t *count)
{
	const struct flavor *flavor = flavor_of(number);
	union info info = { .words = { 0 } };
	kern_return_t kr;

	if (task == NULL)
		return KERN_INVALID_TASK;
	if (flavor == NULL || *count < flavor->least)
		return KERN_INVALID_ARGUMENT;
	kr = flavor->fill(task, &info);
	if (kr != KERN_SUCCESS)
		return kr;
	*count = *count < flavor->most ? flavor->least : flavor->most;
	memcpy(out, &info, *count * sizeof(natural_t));
	return KERN_SUCCESS;
}

/* The name that logs and listings show: printable characters only, whatever the caller wrote. */
kern_return_t task_call_set_info(struct task *task, task_flavor_t flavor, task_info_t in, mach_msg_type_number_t count)
{
	const task_name_info_data_t *info = (const void *)in;
	size_t n = 0;

	if (task == NULL)
		return KERN_INVALID_TASK;
	if (flavor != TASK_NAME_INFO || count != TASK_NAME_INFO_COUNT)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&task->lock);
	for (; n < sizeof(info->name) && n < sizeof(task->name) - 1 && info->name[n] != '\0'; n++)
		task->name[n] = info->name[n] > ' ' && info->name[n] < 127 ? info->name[n] : '?';
	task->name[n] = '\0';
	spin_unlock(&task->lock);
	return KERN_SUCCESS;
}

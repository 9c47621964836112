/* SPDX-License-Identifier: BSD-2-Clause */
/* thread_info.c - the flavours of thread_info(), a function each, and their table. Interface: thread_info.h. */
#include <base/string.h>
#include <kern/task_info.h>
#include <kern/thread.h>
#include <kern/thread_info.h>
#include <machine/cpu.h>
#include <sched/sched.h>
#include <sched/sched_policy.h>

static integer_t run_state_of(struct thread *t)
{
	switch (atomic_load(&t->run_state)) {
	case THREAD_RUNNING:
	case THREAD_RUNNABLE:
		return TH_STATE_RUNNING;
	case THREAD_CREATED:
		return TH_STATE_STOPPED;
	case THREAD_DEAD:
		return TH_STATE_HALTED;
	default:
		if (t->suspend_count != 0)
			return TH_STATE_STOPPED;
		return atomic_load(&t->claim) == CLAIM_OPEN_HARD ? TH_STATE_UNINTERRUPTIBLE : TH_STATE_WAITING;
	}
}

static integer_t flags_of(struct thread *t)
{
	return t == cpu_by_id(t->cpu)->idle ? TH_FLAGS_IDLE : 0;
}

/* Seconds that it has waited or been stopped. */
static integer_t sleep_time_of(struct thread *t)
{
	uint64_t now = clock_now_ns(), since = t->switched_out_ns;

	return run_state_of(t) == TH_STATE_RUNNING || now < since ? 0 : (integer_t)((now - since) / NSEC_PER_SEC);
}

static kern_return_t fill_basic(struct thread *t, thread_info_t out, mach_msg_type_number_t *count)
{
	uint64_t user_ns, system_ns;

	thread_times(t, &user_ns, &system_ns);
	*(thread_basic_info_t)(void *)out = (thread_basic_info_data_t){
		.user_time = time_value_of_ns(user_ns),
		.system_time = time_value_of_ns(system_ns),
		.cpu_usage = (integer_t)sched_cpu_usage(t),
		.policy = sched_policy_of(t),
		.run_state = run_state_of(t),
		.flags = flags_of(t),
		.suspend_count = (integer_t)t->suspend_count,
		.sleep_time = sleep_time_of(t),
	};
	*count = THREAD_BASIC_INFO_COUNT;
	return KERN_SUCCESS;
}

static kern_return_t fill_identifier(struct thread *t, thread_info_t out, mach_msg_type_number_t *count)
{
	thread_identifier_info_data_t id = { .thread_id = t->tid, .thread_handle = t->machine.fs_base };

	memcpy(out, &id, sizeof(id));
	*count = THREAD_IDENTIFIER_INFO_COUNT;
	return KERN_SUCCESS;
}

static kern_return_t fill_extended(struct thread *t, thread_info_t out, mach_msg_type_number_t *count)
{
	thread_extended_info_data_t info = {
		.pth_cpu_usage = (int32_t)sched_cpu_usage(t),
		.pth_policy = sched_policy_of(t),
		.pth_run_state = run_state_of(t),
		.pth_flags = flags_of(t),
		.pth_sleep_time = sleep_time_of(t),
		.pth_curpri = (int32_t)t->priority,
		.pth_priority = (int32_t)t->sched.base_priority,
		.pth_maxpriority = (int32_t)t->sched.max_priority,
	};

	thread_times(t, &info.pth_user_time, &info.pth_system_time);
	spin_lock(&t->lock);
	memcpy(info.pth_name, t->name, sizeof(t->name));
	spin_unlock(&t->lock);
	memcpy(out, &info, sizeof(info));
	*count = THREAD_EXTENDED_INFO_COUNT;
	return KERN_SUCCESS;
}

static kern_return_t fill_timeshare(struct thread *t, thread_info_t out, mach_msg_type_number_t *count)
{
	return sched_policy_info(t, POLICY_TIMESHARE, out, count);
}

static kern_return_t fill_rr(struct thread *t, thread_info_t out, mach_msg_type_number_t *count)
{
	return sched_policy_info(t, POLICY_RR, out, count);
}

static kern_return_t fill_fifo(struct thread *t, thread_info_t out, mach_msg_type_number_t *count)
{
	return sched_policy_info(t, POLICY_FIFO, out, count);
}

static const struct {
	thread_flavor_t number;
	mach_msg_type_number_t words; /* 0: fill looks itself */
	kern_return_t (*fill)(struct thread *, thread_info_t, mach_msg_type_number_t *);
} flavors[] = {
	{ THREAD_BASIC_INFO, THREAD_BASIC_INFO_COUNT, fill_basic },
	{ THREAD_IDENTIFIER_INFO, THREAD_IDENTIFIER_INFO_COUNT, fill_identifier },
	{ THREAD_EXTENDED_INFO, THREAD_EXTENDED_INFO_COUNT, fill_extended },
	{ THREAD_SCHED_TIMESHARE_INFO, 0, fill_timeshare },
	{ THREAD_SCHED_RR_INFO, 0, fill_rr },
	{ THREAD_SCHED_FIFO_INFO, 0, fill_fifo },
};

kern_return_t thread_call_info(struct thread *t, thread_flavor_t flavor, thread_info_t out, mach_msg_type_number_t *count)
{
	if (t == NULL)
		return KERN_INVALID_ARGUMENT;
	for (unsigned i = 0; i < sizeof(flavors) / sizeof(flavors[0]); i++)
		if (flavors[i].number == flavor)
			return *count < flavors[i].words ? KERN_INVALID_ARGUMENT : flavors[i].fill(t, out, count);
	return KERN_INVALID_ARGUMENT;
}

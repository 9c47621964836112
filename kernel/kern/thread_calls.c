/* SPDX-License-Identifier: BSD-2-Clause */
/* thread_calls.c - the calls of thread_act.defs. A NULL thread: the port was no thread's. */
#include <base/string.h>
#include <ipc/ipc_tt.h>
#include <kern/exception_port.h>
#include <kern/ipc_kobject_calls.h>
#include <kern/pc_sample.h>
#include <kern/task.h>
#include <kern/task_info.h>
#include <kern/thread.h>
#include <kern/thread_info.h>
#include <kernel/thread_act_server.h>
#include <mach/thread_status.h>
#include <sched/processor_calls.h>
#include <sched/sched.h>
#include <sched/sched_policy.h>

static kern_return_t call_terminate(struct thread *t)
{
	return t == NULL ? KERN_INVALID_ARGUMENT : thread_terminate(t);
}

/* Stop t, unless it is the caller, so that its registers hold still; undone by thread_resume. */
static kern_return_t stop(struct thread *t)
{
	return t == current_thread() ? KERN_SUCCESS : thread_suspend(t);
}

static void unstop(struct thread *t)
{
	if (t != current_thread())
		(void)thread_resume(t);
}

static kern_return_t call_get_state(struct thread *t, thread_state_flavor_t flavor, thread_state_t state,
				    mach_msg_type_number_t *count)
{
	kern_return_t kr;

	if (t == NULL || t->task == kernel_task)
		return KERN_INVALID_ARGUMENT;
	kr = stop(t);
	if (kr != KERN_SUCCESS)
		return kr;
	kr = machine_thread_get_state(t, flavor, (uint32_t *)state, count);
	unstop(t);
	return kr;
}

static kern_return_t call_set_state(struct thread *t, thread_state_flavor_t flavor, thread_state_t state,
				    mach_msg_type_number_t count)
{
	kern_return_t kr;

	if (t == NULL || t->task == kernel_task)
		return KERN_INVALID_ARGUMENT;
	kr = stop(t);
	if (kr != KERN_SUCCESS)
		return kr;
	kr = machine_thread_set_state(t, flavor, (const uint32_t *)state, count);
	unstop(t);
	if (kr == KERN_SUCCESS)
		task_noticed_extmod(t->task, TASK_EXTMOD_THREAD_SET_STATE);
	return kr;
}

static kern_return_t call_suspend(struct thread *t)
{
	return t == NULL || t->task == kernel_task ? KERN_INVALID_ARGUMENT : thread_suspend(t);
}

static kern_return_t call_resume(struct thread *t)
{
	return t == NULL ? KERN_INVALID_ARGUMENT : thread_resume(t);
}

/*
 * Every abortable wait can be restarted from the trap boundary (D6): an abort is safe there and in user code. What remains are waits that
 * cannot be broken.
 */
static kern_return_t call_abort_safely(struct thread *t)
{
	return t == NULL ? KERN_INVALID_ARGUMENT : thread_abort_safely(t);
}

static kern_return_t call_abort(struct thread *t)
{
	return t == NULL ? KERN_INVALID_ARGUMENT : thread_abort(t);
}

static kern_return_t call_get_special_port(struct thread *t, int which, mach_port_t *port)
{
	return t == NULL ? KERN_INVALID_ARGUMENT : ipc_thread_get_special_port(t, which, port);
}

static kern_return_t call_set_special_port(struct thread *t, int which, mach_port_t port)
{
	return t == NULL ? KERN_INVALID_ARGUMENT : ipc_thread_set_special_port(t, which, port);
}

static kern_return_t call_set_name(struct thread *t, char *name)
{
	size_t n = 0;

	if (t == NULL)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&t->lock);
	for (; n < sizeof(t->name) - 1 && name[n] != '\0'; n++)
		t->name[n] = name[n] > ' ' && name[n] < 127 ? name[n] : '?';
	t->name[n] = '\0';
	spin_unlock(&t->lock);
	return KERN_SUCCESS;
}

static kern_return_t call_set_exception_ports(struct thread *t, exception_mask_t mask, mach_port_t port,
					      exception_behavior_t behavior, thread_state_flavor_t flavor)
{
	return t == NULL ? KERN_INVALID_ARGUMENT :
			       exception_ports_set(exception_owner_thread(t), mask, port, behavior, flavor);
}

static kern_return_t call_get_exception_ports(struct thread *t, exception_mask_t mask, exception_mask_array_t masks,
					      mach_msg_type_number_t *count, mach_port_t **handlers,
					      mach_msg_type_number_t *handler_count, exception_behavior_array_t behaviors,
					      mach_msg_type_number_t *behavior_count, exception_flavor_array_t flavors,
					      mach_msg_type_number_t *flavor_count)
{
	struct exception_told out = { masks, count, handlers, handler_count, behaviors, behavior_count, flavors, flavor_count };

	return t == NULL ? KERN_INVALID_ARGUMENT : exception_ports_get(exception_owner_thread(t), mask, out);
}

static kern_return_t call_swap_exception_ports(struct thread *t, exception_mask_t mask, mach_port_t port,
					       exception_behavior_t behavior, thread_state_flavor_t flavor,
					       exception_mask_array_t masks, mach_msg_type_number_t *count,
					       mach_port_t **handlers, mach_msg_type_number_t *handler_count,
					       exception_behavior_array_t behaviors, mach_msg_type_number_t *behavior_count,
					       exception_flavor_array_t flavors, mach_msg_type_number_t *flavor_count)
{
	struct exception_told out = { masks, count, handlers, handler_count, behaviors, behavior_count, flavors, flavor_count };

	return t == NULL ? KERN_INVALID_ARGUMENT : exception_ports_swap(exception_owner_thread(t), mask, port, behavior, flavor, out);
}

const struct thread_act_ops thread_act_calls = {
	.thread_sample = pc_sample_call_thread_sample,
	.thread_set_exception_ports = call_set_exception_ports,
	._thread_get_exception_ports = call_get_exception_ports,
	._thread_swap_exception_ports = call_swap_exception_ports,
	.thread_terminate = call_terminate,
	.thread_get_state = call_get_state,
	.thread_set_state = call_set_state,
	.thread_suspend = call_suspend,
	.thread_resume = call_resume,
	.thread_abort = call_abort,
	.thread_abort_safely = call_abort_safely,
	.act_get_state = call_get_state,
	.act_set_state = call_set_state,
	.thread_set_name = call_set_name,
	.thread_get_special_port = call_get_special_port,
	.thread_set_special_port = call_set_special_port,
	.thread_info = thread_call_info,
	.thread_depress_abort = sched_call_thread_depress_abort,
	.thread_policy = sched_call_thread_policy,
	.thread_policy_set = sched_call_thread_policy_set,
	.thread_policy_get = sched_call_thread_policy_get,
	.thread_assign = sched_call_thread_assign,
	.thread_assign_default = sched_call_thread_assign_default,
	.thread_get_assignment = sched_call_thread_get_assignment,
	.thread_set_policy = sched_call_thread_set_policy,
	.thread_priority = sched_call_thread_priority,
	.thread_max_priority = sched_call_thread_max_priority,
	.thread_bind = sched_call_thread_bind,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task_calls.c - the calls of task.defs. A NULL task: the port was no task's.
 *
 * Conditions, of all: thread context, nothing locked; rights and arrays as M3 of <mach/mig.h> says.
 */
#include <base/string.h>
#include <ipc/ipc_port.h>
#include <ipc/ipc_space.h>
#include <ipc/ipc_tt.h>
#include <kern/emulation.h>
#include <kern/exception_port.h>
#include <kern/kalloc.h>
#include <kern/lock_set.h>
#include <kern/pc_sample.h>
#include <kern/restartable.h>
#include <kern/semaphore.h>
#include <kern/ipc_kobject_calls.h>
#include <kern/task.h>
#include <kern/task_info.h>
#include <kern/task_suspension.h>
#include <kern/thread.h>
#include <kernel/task_server.h>
#include <mach/task_info.h>
#include <mach/task_special_ports.h>
#include <mach/thread_status.h>
#include <machine/pmap.h>
#include <sched/processor_calls.h>
#include <vm/vm_map.h>

/* Release the rights of an array that a call does not keep, and the array. */
static void drop_ports(mach_port_t *ports, mach_msg_type_number_t count)
{
	for (mach_msg_type_number_t i = 0; i < count; i++)
		ipc_port_release_send(ports[i]);
	if (count != 0)
		kfree(ports, count * sizeof(*ports));
}

static kern_return_t call_task_create(struct task *parent, mach_port_t *ledgers, mach_msg_type_number_t count,
				      boolean_t inherit_memory, mach_port_t *child)
{
	struct task *task;
	kern_return_t kr;

	if (parent == NULL)
		return KERN_INVALID_TASK;
	kr = task_create_internal(parent, inherit_memory != FALSE, &task);
	if (kr != KERN_SUCCESS)
		return kr;
	drop_ports(ledgers, count);
	*child = convert_task_to_port(task);
	return KERN_SUCCESS;
}

static kern_return_t call_task_terminate(struct task *task)
{
	return task == NULL ? KERN_INVALID_TASK : task_terminate(task);
}

/* References to up to room of task's threads; returns how many there are. */
static uint32_t reference_threads(struct task *task, struct thread **threads, uint32_t room)
{
	uint32_t n = 0;

	spin_lock(&task->lock);
	LIST_FOR_EACH(pos, &task->threads) {
		struct thread *t = container_of(pos, struct thread, task_link);

		if (n < room) {
			thread_reference(t);
			threads[n] = t;
		}
		n++;
	}
	spin_unlock(&task->lock);
	return n;
}

static kern_return_t call_task_threads(struct task *task, mach_port_t **list, mach_msg_type_number_t *count)
{
	uint32_t room = 0, n;
	struct thread **threads = NULL;
	mach_port_t *ports;

	if (task == NULL)
		return KERN_INVALID_TASK;
	while ((n = reference_threads(task, threads, room)) > room) {
		for (uint32_t i = 0; i < room; i++)
			thread_deallocate(threads[i]);
		if (room != 0)
			kfree(threads, room * sizeof(*threads));
		room = n;
		threads = kalloc(room * sizeof(*threads));
		if (threads == NULL)
			return KERN_RESOURCE_SHORTAGE;
	}
	ports = n == 0 ? NULL : kalloc(n * sizeof(*ports));
	for (uint32_t i = 0; i < n; i++) {
		if (ports != NULL)
			ports[i] = convert_thread_to_port(threads[i]);
		else
			thread_deallocate(threads[i]);
	}
	if (room != 0)
		kfree(threads, room * sizeof(*threads));
	if (n != 0 && ports == NULL)
		return KERN_RESOURCE_SHORTAGE;
	*list = ports;
	*count = n;
	return KERN_SUCCESS;
}

static kern_return_t call_task_suspend(struct task *task)
{
	return task == NULL ? KERN_INVALID_TASK : task_suspend(task);
}

static kern_return_t call_task_resume(struct task *task)
{
	return task == NULL ? KERN_INVALID_TASK : task_resume(task);
}

static kern_return_t call_ports_register(struct task *task, mach_port_t *ports, mach_msg_type_number_t count)
{
	struct ipc_port *all[TASK_PORT_REGISTER_MAX] = { IP_NULL };
	kern_return_t kr;

	if (task == NULL)
		return KERN_INVALID_TASK;
	if (count > TASK_PORT_REGISTER_MAX)
		return KERN_INVALID_ARGUMENT;
	for (mach_msg_type_number_t i = 0; i < count; i++)
		all[i] = ports[i];
	kr = ipc_task_set_registered(task, all);
	if (kr == KERN_SUCCESS && count != 0)
		kfree(ports, count * sizeof(*ports));
	return kr;
}

static kern_return_t call_ports_lookup(struct task *task, mach_port_t **ports, mach_msg_type_number_t *count)
{
	mach_port_t *list;
	kern_return_t kr;

	if (task == NULL)
		return KERN_INVALID_TASK;
	list = kalloc(TASK_PORT_REGISTER_MAX * sizeof(*list));
	if (list == NULL)
		return KERN_RESOURCE_SHORTAGE;
	kr = ipc_task_get_registered(task, list);
	if (kr != KERN_SUCCESS) {
		kfree(list, TASK_PORT_REGISTER_MAX * sizeof(*list));
		return kr;
	}
	*ports = list;
	*count = TASK_PORT_REGISTER_MAX;
	return KERN_SUCCESS;
}

static kern_return_t call_get_special_port(struct task *task, int which, mach_port_t *port)
{
	if (task == NULL)
		return KERN_INVALID_TASK;
	if (which != TASK_STDIO_PORT)
		return ipc_task_get_special_port(task, which, port);
	spin_lock(&task->lock);
	*port = ipc_port_copy_send(task->linux_.stdio_port);
	spin_unlock(&task->lock);
	return KERN_SUCCESS;
}

static kern_return_t call_set_special_port(struct task *task, int which, mach_port_t port)
{
	struct ipc_port **slot, *old;

	if (task == NULL)
		return KERN_INVALID_TASK;
	if (which != TASK_STDIO_PORT && which != TASK_EXIT_PORT)
		return ipc_task_set_special_port(task, which, port);
	slot = which == TASK_STDIO_PORT ? &task->linux_.stdio_port : &task->linux_.exit_port;
	spin_lock(&task->lock);
	if (task->finished) {
		spin_unlock(&task->lock);
		return KERN_FAILURE;
	}
	old = *slot;
	*slot = port;
	spin_unlock(&task->lock);
	ipc_port_release_send(old);
	return KERN_SUCCESS;
}

static kern_return_t call_thread_create(struct task *task, mach_port_t *child)
{
	struct thread *t;
	kern_return_t kr;

	if (task == NULL)
		return KERN_INVALID_TASK;
	kr = thread_create(task, &t);
	if (kr != KERN_SUCCESS)
		return kr;
	task_noticed_extmod(task, TASK_EXTMOD_THREAD_CREATION);
	*child = convert_thread_to_port(t);
	return KERN_SUCCESS;
}

static kern_return_t call_thread_create_running(struct task *task, thread_state_flavor_t flavor,
						thread_state_t state, mach_msg_type_number_t count,
						mach_port_t *child)
{
	struct thread *t;
	kern_return_t kr;

	if (task == NULL)
		return KERN_INVALID_TASK;
	kr = thread_create(task, &t);
	if (kr != KERN_SUCCESS)
		return kr;
	kr = machine_thread_set_state(t, flavor, (const uint32_t *)state, count);
	if (kr != KERN_SUCCESS) {
		(void)thread_terminate(t);
		thread_deallocate(t);
		return kr;
	}
	task_noticed_extmod(task, TASK_EXTMOD_THREAD_CREATION);
	(void)thread_resume(t);
	*child = convert_thread_to_port(t);
	return KERN_SUCCESS;
}

static kern_return_t call_set_exception_ports(struct task *task, exception_mask_t mask, mach_port_t port,
					      exception_behavior_t behavior, thread_state_flavor_t flavor)
{
	return task == NULL ? KERN_INVALID_TASK :
			       exception_ports_set(exception_owner_task(task), mask, port, behavior, flavor);
}

static kern_return_t call_get_exception_ports(struct task *task, exception_mask_t mask, exception_mask_array_t masks,
					      mach_msg_type_number_t *count, mach_port_t **handlers,
					      mach_msg_type_number_t *handler_count, exception_behavior_array_t behaviors,
					      mach_msg_type_number_t *behavior_count, exception_flavor_array_t flavors,
					      mach_msg_type_number_t *flavor_count)
{
	struct exception_told out = { masks, count, handlers, handler_count, behaviors, behavior_count, flavors, flavor_count };

	return task == NULL ? KERN_INVALID_TASK : exception_ports_get(exception_owner_task(task), mask, out);
}

static kern_return_t call_swap_exception_ports(struct task *task, exception_mask_t mask, mach_port_t port,
					       exception_behavior_t behavior, thread_state_flavor_t flavor,
					       exception_mask_array_t masks, mach_msg_type_number_t *count,
					       mach_port_t **handlers, mach_msg_type_number_t *handler_count,
					       exception_behavior_array_t behaviors, mach_msg_type_number_t *behavior_count,
					       exception_flavor_array_t flavors, mach_msg_type_number_t *flavor_count)
{
	struct exception_told out = { masks, count, handlers, handler_count, behaviors, behavior_count, flavors, flavor_count };

	return task == NULL ? KERN_INVALID_TASK : exception_ports_swap(exception_owner_task(task), mask, port, behavior, flavor, out);
}

static kern_return_t call_semaphore_create(struct task *task, mach_port_t *port, int policy, int value)
{
	return task == NULL ? KERN_INVALID_TASK : semaphore_create(task, port, policy, value);
}

static kern_return_t call_semaphore_destroy(struct task *task, struct semaphore *s)
{
	return task == NULL ? KERN_INVALID_TASK : semaphore_destroy(task, s);
}

static kern_return_t call_lock_set_create(struct task *task, mach_port_t *port, int locks, int policy)
{
	return task == NULL ? KERN_INVALID_TASK : lock_set_create(task, port, locks, policy);
}

static kern_return_t call_lock_set_destroy(struct task *task, struct lock_set *set)
{
	return task == NULL ? KERN_INVALID_TASK : lock_set_destroy(task, set);
}

static kern_return_t call_get_state(struct task *task, thread_state_flavor_t flavor, thread_state_t state, mach_msg_type_number_t *count)
{
	kern_return_t kr;

	if (task == NULL)
		return KERN_INVALID_TASK;
	spin_lock(&task->lock);
	kr = machine_task_get_state(&task->machine, flavor, (uint32_t *)state, count);
	spin_unlock(&task->lock);
	return kr;
}

static kern_return_t call_set_state(struct task *task, thread_state_flavor_t flavor, thread_state_t state, mach_msg_type_number_t count)
{
	kern_return_t kr;

	if (task == NULL)
		return KERN_INVALID_TASK;
	spin_lock(&task->lock);
	kr = machine_task_set_state(&task->machine, flavor, (const uint32_t *)state, count);
	spin_unlock(&task->lock);
	return kr;
}

#define GUARD_BEHAVIORS (TASK_EXC_GUARD_VM_ALL | TASK_EXC_GUARD_MP_DELIVER | TASK_EXC_GUARD_MP_ONCE | TASK_EXC_GUARD_MP_FATAL)

static kern_return_t call_get_guard_behavior(struct task *task, task_exc_guard_behavior_t *behavior)
{
	if (task == NULL)
		return KERN_INVALID_TASK;
	spin_lock(&task->lock);
	*behavior = task->guard_behavior;
	spin_unlock(&task->lock);
	return KERN_SUCCESS;
}

static kern_return_t call_set_guard_behavior(struct task *task, task_exc_guard_behavior_t behavior)
{
	if (task == NULL)
		return KERN_INVALID_TASK;
	if ((behavior & ~(task_exc_guard_behavior_t)GUARD_BEHAVIORS) != 0)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&task->lock);
	task->guard_behavior = behavior;
	spin_unlock(&task->lock);
	return KERN_SUCCESS;
}

static kern_return_t call_is_self(struct task *task, boolean_t *is_self)
{
	*is_self = task != NULL && task == current_task();
	return task == NULL ? KERN_INVALID_TASK : KERN_SUCCESS;
}

const struct task_ops task_calls = {
	.task_sample = pc_sample_call_task_sample,
	.task_set_emulation = emulation_call_set,
	.task_get_emulation_vector = emulation_call_get_vector,
	.task_set_emulation_vector = emulation_call_set_vector,
	.task_set_ras_pc = restartable_call_set_ras_pc,
	.task_set_exception_ports = call_set_exception_ports,
	._task_get_exception_ports = call_get_exception_ports,
	._task_swap_exception_ports = call_swap_exception_ports,
	.lock_set_create = call_lock_set_create,
	.lock_set_destroy = call_lock_set_destroy,
	.semaphore_create = call_semaphore_create,
	.semaphore_destroy = call_semaphore_destroy,
	.task_get_state = call_get_state,
	.task_set_state = call_set_state,
	.task_set_phys_footprint_limit = task_call_set_phys_footprint_limit,
	.task_suspend2 = task_call_suspend2,
	.task_resume2 = task_call_resume2,
	.task_set_cpumon_params = task_call_set_cpumon_params,
	.task_get_cpumon_params = task_call_get_cpumon_params,
	.task_create = call_task_create,
	.task_terminate = call_task_terminate,
	.task_threads = call_task_threads,
	.mach_ports_register = call_ports_register,
	.mach_ports_lookup = call_ports_lookup,
	.task_info = task_call_info,
	.task_set_info = task_call_set_info,
	.task_suspend = call_task_suspend,
	.task_resume = call_task_resume,
	.task_get_special_port = call_get_special_port,
	.task_set_special_port = call_set_special_port,
	.thread_create = call_thread_create,
	.thread_create_running = call_thread_create_running,
	.task_policy_set = sched_call_task_policy_set,
	.task_policy_get = sched_call_task_policy_get,
	.task_policy = sched_call_task_policy,
	.task_assign = sched_call_task_assign,
	.task_assign_default = sched_call_task_assign_default,
	.task_get_assignment = sched_call_task_get_assignment,
	.task_set_policy = sched_call_task_set_policy,
	.task_get_exc_guard_behavior = call_get_guard_behavior,
	.task_set_exc_guard_behavior = call_set_guard_behavior,
	.mach_task_is_self = call_is_self,
	.task_priority = sched_call_task_priority,
};

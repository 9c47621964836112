/* SPDX-License-Identifier: BSD-2-Clause */
/* exception_port.c - see exception_port.h; the message is exception_raise of mach/exc.defs. */
#include <ipc/ipc_port.h>
#include <ipc/ipc_tt.h>
#include <kern/exception_port.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kernel/exc.h>

static bool acceptable(exception_mask_t mask, struct ipc_port *port, exception_behavior_t behavior)
{
	if ((mask & ~(exception_mask_t)EXC_MASK_ALL) != 0)
		return false;
	return !IP_VALID(port) || (behavior & ~MACH_EXCEPTION_CODES) == EXCEPTION_DEFAULT;
}

/* Put copies of port in the slots of mask; what was there goes to old. The owner's lock is held. */
static void replace(struct ipc_port **slots, exception_mask_t mask, struct ipc_port *port, struct ipc_port **old)
{
	for (unsigned type = 0; type < EXC_TYPES_COUNT; type++) {
		old[type] = IP_NULL;
		if ((mask & 1u << type) == 0)
			continue;
		old[type] = slots[type];
		slots[type] = ipc_port_copy_send(port);
	}
}

static void release_all(struct ipc_port **ports)
{
	for (unsigned type = 0; type < EXC_TYPES_COUNT; type++)
		ipc_port_release_send(ports[type]);
}

kern_return_t exception_port_set_task(struct task *task, exception_mask_t mask, struct ipc_port *port,
				      exception_behavior_t behavior)
{
	struct ipc_port *old[EXC_TYPES_COUNT];
	bool alive;

	if (!acceptable(mask, port, behavior))
		return KERN_INVALID_ARGUMENT;
	spin_lock(&task->ipc.lock);
	alive = task->ipc.self != IP_NULL;
	if (alive)
		replace(task->ipc.exc_actions, mask, port, old);
	spin_unlock(&task->ipc.lock);
	if (!alive)
		return KERN_TERMINATED;
	release_all(old);
	ipc_port_release_send(port);
	return KERN_SUCCESS;
}

kern_return_t exception_port_set_thread(struct thread *thread, exception_mask_t mask, struct ipc_port *port,
					exception_behavior_t behavior)
{
	struct ipc_port *old[EXC_TYPES_COUNT];
	bool alive;

	if (!acceptable(mask, port, behavior))
		return KERN_INVALID_ARGUMENT;
	spin_lock(&thread->lock);
	alive = thread->ipc.self != IP_NULL;
	if (alive)
		replace(thread->ipc.exc_actions, mask, port, old);
	spin_unlock(&thread->lock);
	if (!alive)
		return KERN_TERMINATED;
	release_all(old);
	ipc_port_release_send(port);
	return KERN_SUCCESS;
}

/* Ask at port, a send right, which is consumed. */
static kern_return_t ask_at(struct ipc_port *port, exception_type_t type, int64_t code, int64_t subcode)
{
	struct thread *t = current_thread();
	int64_t codes[2] = { code, subcode };
	kern_return_t result;

	if (!IP_VALID(port))
		return KERN_FAILURE;
	thread_reference(t);
	task_reference(t->task);
	result = exception_raise(port, convert_thread_to_port(t), convert_task_to_port(t->task), type, codes, 2,
				 WAIT_FOREVER);
	ipc_port_release_send(port);
	return result;
}

static bool is_over(kern_return_t result)
{
	return result == KERN_SUCCESS || result == MACH_RCV_INTERRUPTED || result == MACH_SEND_INTERRUPTED;
}

bool exception_port_ask(exception_type_t type, int64_t code, int64_t subcode)
{
	struct thread *t = current_thread();
	struct ipc_port *port;

	if (type <= 0 || type >= EXC_TYPES_COUNT)
		return false;
	spin_lock(&t->lock);
	port = ipc_port_copy_send(t->ipc.exc_actions[type]);
	spin_unlock(&t->lock);
	if (is_over(ask_at(port, type, code, subcode)))
		return true;
	spin_lock(&t->task->ipc.lock);
	port = ipc_port_copy_send(t->task->ipc.exc_actions[type]);
	spin_unlock(&t->task->ipc.lock);
	return is_over(ask_at(port, type, code, subcode));
}

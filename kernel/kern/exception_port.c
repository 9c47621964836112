/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exception_port.c - see exception_port.h; the messages are those of mach/exc.defs and mach/mach_exc.defs.
 *
 * The thread waits for the answer as for any message, abortably: it can be terminated at once, and an abort makes it run the instruction
 * again. A handler's death answers like one that refuses.
 * References: OSF MK and XNU kernel interface, *_set_exception_ports(3), exception_raise(3).
 */
#include <ipc/ipc_port.h>
#include <ipc/ipc_tt.h>
#include <kern/exception_port.h>
#include <kern/host.h>
#include <kern/kalloc.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kernel/exc.h>
#include <kernel/mach_exc.h>
#include <mach/thread_status.h>

/* ---- who is asked ---- */

struct exception_owner exception_owner_thread(struct thread *thread)
{
	return (struct exception_owner){ &thread->lock, thread->ipc.exc_actions, &thread->ipc.self };
}

struct exception_owner exception_owner_task(struct task *task)
{
	return (struct exception_owner){ &task->ipc.lock, task->ipc.exc_actions, &task->ipc.self };
}

struct exception_owner exception_owner_host(void)
{
	return (struct exception_owner){ &realhost.lock, realhost.exc_actions, NULL };
}

static bool carries_state(exception_behavior_t behavior)
{
	return (behavior & ~MACH_EXCEPTION_CODES) != EXCEPTION_DEFAULT;
}

static bool acceptable(struct ipc_port *port, exception_behavior_t behavior, int flavor)
{
	exception_behavior_t kind = behavior & ~MACH_EXCEPTION_CODES;

	if (flavor != 0 && !machine_thread_state_settable(flavor))
		return false;
	if (!IP_VALID(port))
		return true;
	if (kind != EXCEPTION_DEFAULT && kind != EXCEPTION_STATE && kind != EXCEPTION_STATE_IDENTITY)
		return false;
	return !carries_state(behavior) || flavor != 0;
}

/* Add what type has to the groups. The owner's lock is held. */
static void collect(struct exception_ports *out, const struct exception_action *action, unsigned type)
{
	uint32_t i = 0;

	while (i < out->count && (out->ports[i] != action->port || out->behaviors[i] != action->behavior ||
				  out->flavors[i] != action->flavor))
		i++;
	if (i == out->count) {
		out->masks[i] = 0;
		out->ports[i] = ipc_port_copy_send(action->port);
		out->behaviors[i] = action->behavior;
		out->flavors[i] = action->flavor;
		out->count++;
	}
	out->masks[i] |= 1U << type;
}

static bool lock_alive(struct exception_owner owner)
{
	spin_lock(owner.lock);
	if (owner.alive == NULL || *owner.alive != IP_NULL)
		return true;
	spin_unlock(owner.lock);
	return false;
}

kern_return_t exception_ports_get(struct exception_owner owner, exception_mask_t mask, struct exception_ports *out)
{
	out->count = 0;
	if ((mask & ~(exception_mask_t)EXC_MASK_VALID) != 0)
		return KERN_INVALID_ARGUMENT;
	if (!lock_alive(owner))
		return KERN_TERMINATED;
	for (unsigned type = 0; type < EXC_TYPES_COUNT; type++)
		if ((mask & 1U << type) != 0)
			collect(out, &owner.actions[type], type);
	spin_unlock(owner.lock);
	return KERN_SUCCESS;
}

kern_return_t exception_ports_set(struct exception_owner owner, exception_mask_t mask, struct ipc_port *port,
				  exception_behavior_t behavior, int flavor, struct exception_ports *old)
{
	struct ipc_port *was[EXC_TYPES_COUNT] = { IP_NULL };

	if (old != NULL)
		old->count = 0;
	if ((mask & ~(exception_mask_t)EXC_MASK_VALID) != 0 || !acceptable(port, behavior, flavor))
		return KERN_INVALID_ARGUMENT;
	if (!lock_alive(owner))
		return KERN_TERMINATED;
	for (unsigned type = 0; type < EXC_TYPES_COUNT; type++) {
		struct exception_action *action = &owner.actions[type];

		if ((mask & 1U << type) == 0)
			continue;
		if (old != NULL)
			collect(old, action, type);
		was[type] = action->port;
		*action = (struct exception_action){ ipc_port_copy_send(port), behavior, flavor };
	}
	spin_unlock(owner.lock);
	for (unsigned type = 0; type < EXC_TYPES_COUNT; type++)
		ipc_port_release_send(was[type]);
	ipc_port_release_send(port);
	return KERN_SUCCESS;
}

void exception_ports_release(struct exception_ports *ports)
{
	for (uint32_t i = 0; i < ports->count; i++)
		ipc_port_release_send(ports->ports[i]);
}

kern_return_t exception_ports_give(struct exception_ports *ports, exception_mask_t *masks, uint32_t *count,
				   struct ipc_port ***handlers, uint32_t *handler_count, exception_behavior_t *behaviors,
				   uint32_t *behavior_count, int *flavors, uint32_t *flavor_count)
{
	struct ipc_port **list = ports->count != 0 ? kalloc(ports->count * sizeof(*list)) : NULL;

	if (ports->count != 0 && list == NULL) {
		exception_ports_release(ports);
		return KERN_RESOURCE_SHORTAGE;
	}
	for (uint32_t i = 0; i < ports->count; i++) {
		masks[i] = ports->masks[i];
		list[i] = ports->ports[i];
		behaviors[i] = ports->behaviors[i];
		flavors[i] = ports->flavors[i];
	}
	*handlers = list;
	*count = *handler_count = *behavior_count = *flavor_count = ports->count;
	return KERN_SUCCESS;
}

/* ---- asking ---- */

/* An exception of the calling thread, and room for its registers. */
struct question {
	exception_type_t type;
	int64_t codes[2];
	integer_t short_codes[2];
	natural_t old_state[THREAD_STATE_MAX], new_state[THREAD_STATE_MAX];
	mach_msg_type_number_t old_count, new_count;
	int flavor;
};

/* Ask with the thread's registers; the answer's become its own. */
static kern_return_t ask_with_state(const struct exception_action *a, struct question *q, mach_port_t thread, mach_port_t task)
{
	bool identity = (a->behavior & ~MACH_EXCEPTION_CODES) == EXCEPTION_STATE_IDENTITY;
	bool wide = (a->behavior & MACH_EXCEPTION_CODES) != 0;
	kern_return_t kr;

	if (identity && wide)
		kr = mach_exception_raise_state_identity(a->port, thread, task, q->type, q->codes, 2, &q->flavor, q->old_state,
							 q->old_count, q->new_state, &q->new_count, WAIT_FOREVER);
	else if (identity)
		kr = exception_raise_state_identity(a->port, thread, task, q->type, q->short_codes, 2, &q->flavor, q->old_state,
						    q->old_count, q->new_state, &q->new_count, WAIT_FOREVER);
	else if (wide)
		kr = mach_exception_raise_state(a->port, q->type, q->codes, 2, &q->flavor, q->old_state, q->old_count,
						q->new_state, &q->new_count, WAIT_FOREVER);
	else
		kr = exception_raise_state(a->port, q->type, q->short_codes, 2, &q->flavor, q->old_state, q->old_count,
					   q->new_state, &q->new_count, WAIT_FOREVER);
	if (kr == KERN_SUCCESS)
		kr = machine_thread_set_state(current_thread(), q->flavor, q->new_state, q->new_count);
	return kr;
}

/* Ask as action says, and drop its right. */
static kern_return_t ask(struct exception_action *a, struct question *q)
{
	struct thread *t = current_thread();
	mach_port_t thread = IP_NULL, task = IP_NULL;
	kern_return_t kr = KERN_FAILURE;

	if (!IP_VALID(a->port))
		return KERN_FAILURE;
	q->flavor = a->flavor;
	q->old_count = q->new_count = THREAD_STATE_MAX;
	if (carries_state(a->behavior))
		kr = machine_thread_get_state(t, q->flavor, q->old_state, &q->old_count);
	else
		kr = KERN_SUCCESS;
	if (kr == KERN_SUCCESS && (a->behavior & ~MACH_EXCEPTION_CODES) != EXCEPTION_STATE) {
		thread_reference(t);
		task_reference(t->task);
		thread = convert_thread_to_port(t);
		task = convert_task_to_port(t->task);
	}
	if (kr != KERN_SUCCESS)
		;
	else if (carries_state(a->behavior))
		kr = ask_with_state(a, q, thread, task);
	else if ((a->behavior & MACH_EXCEPTION_CODES) != 0)
		kr = mach_exception_raise(a->port, thread, task, q->type, q->codes, 2, WAIT_FOREVER);
	else
		kr = exception_raise(a->port, thread, task, q->type, q->short_codes, 2, WAIT_FOREVER);
	ipc_port_release_send(a->port);
	return kr;
}

static bool is_over(kern_return_t result)
{
	return result == KERN_SUCCESS || result == MACH_RCV_INTERRUPTED || result == MACH_SEND_INTERRUPTED;
}

bool exception_port_ask(exception_type_t type, int64_t code, int64_t subcode)
{
	struct thread *t = current_thread();
	struct exception_owner owners[] = { exception_owner_thread(t), exception_owner_task(t->task), exception_owner_host() };
	struct question *q = NULL;
	bool over = false;

	if (type <= 0 || type >= EXC_TYPES_COUNT)
		return false;
	for (unsigned i = 0; i < sizeof(owners) / sizeof(owners[0]) && !over; i++) {
		struct exception_action action;

		spin_lock(owners[i].lock);
		action = owners[i].actions[type];
		action.port = ipc_port_copy_send(action.port);
		spin_unlock(owners[i].lock);
		if (!IP_VALID(action.port))
			continue;
		if (q == NULL && (q = kalloc(sizeof(*q))) == NULL) {
			ipc_port_release_send(action.port);
			return false;
		}
		q->type = type;
		q->codes[0] = code, q->codes[1] = subcode;
		q->short_codes[0] = (integer_t)code, q->short_codes[1] = (integer_t)subcode;
		over = is_over(ask(&action, q));
	}
	if (q != NULL)
		kfree(q, sizeof(*q));
	return over;
}

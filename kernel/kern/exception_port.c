/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exception_port.c - exception ports: who is asked, as set and told by the calls. exception_ask.c asks.
 *
 * Interface: exception_port.h.
 * Invariants: E1 a call's results are allocated before anything is changed: it does all or nothing (its caller destroys the
 *   request's rights on an error).
 * References: OSF MK and XNU kernel interface, *_set_exception_ports(3).
 */
#include <ipc/ipc_port.h>
#include <kern/exception_port.h>
#include <kern/host.h>
#include <kern/kalloc.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <mach/thread_status.h>

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

bool exception_carries_state(exception_behavior_t behavior)
{
	return (behavior & ~MACH_EXCEPTION_CODES) != EXCEPTION_DEFAULT;
}

/* A flavor of 0 and THREAD_STATE_NONE both say: none. */
static bool acceptable(struct ipc_port *port, exception_behavior_t behavior, int flavor)
{
	exception_behavior_t kind = behavior & ~MACH_EXCEPTION_CODES;
	bool none = flavor == 0 || flavor == THREAD_STATE_NONE;

	if (!none && !machine_thread_state_settable(flavor))
		return false;
	if (!IP_VALID(port))
		return true;
	if (kind != EXCEPTION_DEFAULT && kind != EXCEPTION_STATE && kind != EXCEPTION_STATE_IDENTITY)
		return false;
	return !exception_carries_state(behavior) || !none;
}

/* What get and swap tell: actions, those alike as one, with the kinds that have it. */
struct groups {
	uint32_t count;
	struct {
		exception_mask_t mask;
		const struct exception_action *action;
	} of[EXC_TYPES_COUNT];
};

static bool alike(const struct exception_action *a, const struct exception_action *b)
{
	return a->port == b->port && a->behavior == b->behavior && a->flavor == b->flavor;
}

/* The owner's lock is held as long as the groups are looked at. */
static void group(const struct exception_owner *owner, exception_mask_t mask, struct groups *out)
{
	out->count = 0;
	for (unsigned type = 0; type < EXC_TYPES_COUNT; type++) {
		uint32_t i = 0;

		if ((mask & 1U << type) == 0)
			continue;
		while (i < out->count && !alike(out->of[i].action, &owner->actions[type]))
			i++;
		if (i == out->count) {
			out->of[out->count].mask = 0;
			out->of[out->count++].action = &owner->actions[type];
		}
		out->of[i].mask |= 1U << type;
	}
}

static bool lock_alive(struct exception_owner owner)
{
	spin_lock(owner.lock);
	if (owner.alive == NULL || *owner.alive != IP_NULL)
		return true;
	spin_unlock(owner.lock);
	return false;
}

static void free_list(struct ipc_port **list, uint32_t count)
{
	if (count != 0)
		kfree(list, count * sizeof(*list));
}

/*
 * Lock owner and group what mask names, with *list as long as there are groups (NULL: none). On an error, which may be
 * KERN_RESOURCE_SHORTAGE or KERN_TERMINATED, it is not locked and there is no list.
 */
static kern_return_t lock_grouped(struct exception_owner owner, exception_mask_t mask, struct groups *groups, struct ipc_port ***list)
{
	uint32_t room = 0;

	*list = NULL;
	for (;;) {
		if (!lock_alive(owner)) {
			free_list(*list, room);
			return KERN_TERMINATED;
		}
		group(&owner, mask, groups);
		if (groups->count == room)
			return KERN_SUCCESS;
		spin_unlock(owner.lock);
		free_list(*list, room);
		room = groups->count;
		*list = kalloc(room * sizeof(**list));
		if (*list == NULL)
			return KERN_RESOURCE_SHORTAGE;
	}
}

/* The owner's lock is held. */
static void tell(const struct groups *groups, struct ipc_port **list, const struct exception_told *out)
{
	for (uint32_t i = 0; i < groups->count; i++) {
		out->masks[i] = groups->of[i].mask;
		list[i] = ipc_port_copy_send(groups->of[i].action->port);
		out->behaviors[i] = groups->of[i].action->behavior;
		out->flavors[i] = groups->of[i].action->flavor;
	}
	*out->ports = list;
	*out->mask_count = *out->port_count = *out->behavior_count = *out->flavor_count = groups->count;
}

/* The owner's lock is held, and dropped. Consumes port. */
static void set_and_unlock(struct exception_owner owner, exception_mask_t mask, struct ipc_port *port,
			   exception_behavior_t behavior, int flavor)
{
	struct ipc_port *was[EXC_TYPES_COUNT] = { IP_NULL };

	for (unsigned type = 0; type < EXC_TYPES_COUNT; type++) {
		if ((mask & 1U << type) == 0)
			continue;
		was[type] = owner.actions[type].port;
		owner.actions[type] = (struct exception_action){ ipc_port_copy_send(port), behavior, flavor };
	}
	spin_unlock(owner.lock);
	for (unsigned type = 0; type < EXC_TYPES_COUNT; type++)
		ipc_port_release_send(was[type]);
	ipc_port_release_send(port);
}

static bool is_mask(exception_mask_t mask)
{
	return (mask & ~(exception_mask_t)EXC_MASK_VALID) == 0;
}

kern_return_t exception_ports_set(struct exception_owner owner, exception_mask_t mask, struct ipc_port *port,
				  exception_behavior_t behavior, int flavor)
{
	if (!is_mask(mask) || !acceptable(port, behavior, flavor))
		return KERN_INVALID_ARGUMENT;
	if (!lock_alive(owner))
		return KERN_TERMINATED;
	set_and_unlock(owner, mask, port, behavior, flavor);
	return KERN_SUCCESS;
}

kern_return_t exception_ports_get(struct exception_owner owner, exception_mask_t mask, struct exception_told out)
{
	struct groups groups;
	struct ipc_port **list;
	kern_return_t kr;

	if (!is_mask(mask))
		return KERN_INVALID_ARGUMENT;
	kr = lock_grouped(owner, mask, &groups, &list);
	if (kr != KERN_SUCCESS)
		return kr;
	tell(&groups, list, &out);
	spin_unlock(owner.lock);
	return KERN_SUCCESS;
}

kern_return_t exception_ports_swap(struct exception_owner owner, exception_mask_t mask, struct ipc_port *port,
				   exception_behavior_t behavior, int flavor, struct exception_told out)
{
	struct groups groups;
	struct ipc_port **list;
	kern_return_t kr;

	if (!is_mask(mask) || !acceptable(port, behavior, flavor))
		return KERN_INVALID_ARGUMENT;
	kr = lock_grouped(owner, mask, &groups, &list);
	if (kr != KERN_SUCCESS)
		return kr;
	tell(&groups, list, &out); /* E1: nothing fails from here */
	set_and_unlock(owner, mask, port, behavior, flavor);
	return KERN_SUCCESS;
}

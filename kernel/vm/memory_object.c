/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory_object.c - the calls of memory_object_control.defs: what a pager says about its object.
 *
 * Interface: memory_object_control_calls (kern/ipc_kobject_calls.h, whose conditions hold: a failure has consumed nothing).
 * Each first checks all that it was given; the work is vm_pager_data.c's. The completions that a call asked for are sent past
 *   queue limits, after the work; their rights are consumed. A NULL object: the port stands for none (any more).
 * References: OSF MK kernel interfaces, memory_object_*(3).
 */
#include <vm/memory_object.h>

#include <base/string.h>
#include <ipc/ipc_port.h>
#include <kern/ipc_kobject.h>
#include <kern/ipc_kobject_calls.h>
#include <kernel/memory_object.h>
#include <kernel/memory_object_control_server.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_object.h>

#define CLUSTER_LIMIT (1U << 20)
#define TIMEOUT_LIMIT_MS (24U * 3600 * 1000)

struct vm_object *convert_port_to_memory_object_control(struct ipc_port *port)
{
	struct vm_object *o = NULL;

	if (!IP_VALID(port))
		return NULL;
	ip_lock(port);
	if (ip_active(port) && port->ip_kotype == IKOT_MEMORY_OBJECT_CONTROL && port->ip_kobject != NULL) {
		o = port->ip_kobject;
		spin_lock(&o->lock);
		if (o->references == 0 || o->terminating) {
			spin_unlock(&o->lock);
			o = NULL;
		} else {
			o->references++;
			spin_unlock(&o->lock);
		}
	}
	ip_unlock(port);
	return o;
}

void memory_object_control_release(struct vm_object *o)
{
	vm_object_deallocate(o);
}

/* A right to send to the control port, for a completion. */
static struct ipc_port *control_of(struct vm_object *o)
{
	return ipc_port_make_send(o->pager_control);
}

/* ---- attributes ---- */

static bool cluster_ok(uint32_t bytes)
{
	return bytes >= PAGE_SIZE && bytes <= CLUSTER_LIMIT && (bytes & (bytes - 1)) == 0;
}

static bool strategy_ok(memory_object_copy_strategy_t s)
{
	return s >= MEMORY_OBJECT_COPY_NONE && s <= MEMORY_OBJECT_COPY_TEMPORARY; /* SYMMETRIC is the kernel's */
}

static void set_strategy_locked(struct vm_object *o, memory_object_copy_strategy_t s, bool temporary)
{
	o->temporary = temporary || s == MEMORY_OBJECT_COPY_TEMPORARY;
	o->copy_strategy = (uint8_t)(s == MEMORY_OBJECT_COPY_TEMPORARY ? MEMORY_OBJECT_COPY_DELAY : s);
}

static void set_ready_locked(struct vm_object *o)
{
	o->pager_ready = true;
	(void)waitq_wake_all(&o->event_wait);
}

static kern_return_t change_performance(struct vm_object *o, const struct memory_object_perf_info *info)
{
	if (!cluster_ok(info->cluster_size))
		return KERN_INVALID_ARGUMENT;
	spin_lock(&o->lock);
	o->cluster_size = info->cluster_size;
	o->can_persist = info->may_cache != FALSE && o->alive && !o->invalidate;
	set_ready_locked(o);
	spin_unlock(&o->lock);
	return KERN_SUCCESS;
}

static kern_return_t change_attributes(struct vm_object *o, const struct memory_object_attr_info *info)
{
	if (!cluster_ok(info->cluster_size) || !strategy_ok(info->copy_strategy))
		return KERN_INVALID_ARGUMENT;
	spin_lock(&o->lock);
	o->cluster_size = info->cluster_size;
	o->can_persist = info->may_cache_object != FALSE && o->alive;
	set_strategy_locked(o, info->copy_strategy, info->temporary != FALSE);
	set_ready_locked(o);
	spin_unlock(&o->lock);
	return KERN_SUCCESS;
}

static kern_return_t change_behaviour(struct vm_object *o, const struct memory_object_behave_info *info)
{
	if (!strategy_ok(info->copy_strategy))
		return KERN_INVALID_ARGUMENT;
	spin_lock(&o->lock);
	set_strategy_locked(o, info->copy_strategy, info->temporary != FALSE);
	o->invalidate = info->invalidate != FALSE;
	o->silent_overwrite = info->silent_overwrite != FALSE;
	o->advisory_pageout = info->advisory_pageout != FALSE;
	if (o->invalidate)
		o->can_persist = false;
	set_ready_locked(o);
	spin_unlock(&o->lock);
	return KERN_SUCCESS;
}

static kern_return_t change_timeout(struct vm_object *o, const struct memory_object_timeout_info *info)
{
	if (info->milliseconds > TIMEOUT_LIMIT_MS)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&o->lock);
	o->pager_timeout_ns = (uint64_t)info->milliseconds * 1000 * 1000;
	spin_unlock(&o->lock);
	return KERN_SUCCESS;
}

static kern_return_t change(struct vm_object *o, memory_object_flavor_t flavor, const void *info, mach_msg_type_number_t count)
{
	switch (flavor) {
	case MEMORY_OBJECT_PERFORMANCE_INFO:
		return count == MEMORY_OBJECT_PERF_INFO_COUNT ? change_performance(o, info) : KERN_INVALID_ARGUMENT;
	case MEMORY_OBJECT_ATTRIBUTE_INFO:
		return count == MEMORY_OBJECT_ATTR_INFO_COUNT ? change_attributes(o, info) : KERN_INVALID_ARGUMENT;
	case MEMORY_OBJECT_BEHAVIOR_INFO:
		return count == MEMORY_OBJECT_BEHAVE_INFO_COUNT ? change_behaviour(o, info) : KERN_INVALID_ARGUMENT;
	case MEMORY_OBJECT_TIMEOUT_INFO:
		return count == MEMORY_OBJECT_TIMEOUT_INFO_COUNT ? change_timeout(o, info) : KERN_INVALID_ARGUMENT;
	default:
		return KERN_INVALID_ARGUMENT;
	}
}

/* Is this none, or a right that a completion can be sent with? A receive right is not. */
static bool is_reply_right(mach_port_t reply_to, mach_msg_type_name_t kind)
{
	return !IP_VALID(reply_to) || kind == MACH_MSG_TYPE_PORT_SEND || kind == MACH_MSG_TYPE_PORT_SEND_ONCE;
}

static kern_return_t call_change_attributes(struct vm_object *o, memory_object_flavor_t flavor, memory_object_info_t info,
					    mach_msg_type_number_t count, mach_port_t reply_to, mach_msg_type_name_t kind)
{
	kern_return_t kr;

	if (o == NULL || !is_reply_right(reply_to, kind))
		return KERN_INVALID_ARGUMENT;
	kr = change(o, flavor, info, count);
	if (kr == KERN_SUCCESS && IP_VALID(reply_to))
		(void)memory_object_change_completed(reply_to, kind, control_of(o), flavor, MACH_SEND_ALWAYS, 0);
	return kr;
}

static kern_return_t call_ready(struct vm_object *o, boolean_t may_cache, memory_object_copy_strategy_t strategy)
{
	if (o == NULL || !strategy_ok(strategy))
		return KERN_INVALID_ARGUMENT;
	spin_lock(&o->lock);
	o->can_persist = may_cache != FALSE && o->alive;
	set_strategy_locked(o, strategy, false);
	set_ready_locked(o);
	spin_unlock(&o->lock);
	return KERN_SUCCESS;
}

/* What the flavor says, as ints; its count, or 0. */
static mach_msg_type_number_t describe_locked(const struct vm_object *o, memory_object_flavor_t flavor, void *out)
{
	switch (flavor) {
	case MEMORY_OBJECT_PERFORMANCE_INFO:
		*(struct memory_object_perf_info *)out = (struct memory_object_perf_info){
			.cluster_size = o->cluster_size, .may_cache = o->can_persist };
		return MEMORY_OBJECT_PERF_INFO_COUNT;
	case MEMORY_OBJECT_ATTRIBUTE_INFO:
		*(struct memory_object_attr_info *)out = (struct memory_object_attr_info){
			.copy_strategy = o->copy_strategy, .cluster_size = o->cluster_size,
			.may_cache_object = o->can_persist, .temporary = o->temporary };
		return MEMORY_OBJECT_ATTR_INFO_COUNT;
	case MEMORY_OBJECT_BEHAVIOR_INFO:
		*(struct memory_object_behave_info *)out = (struct memory_object_behave_info){
			.copy_strategy = o->copy_strategy, .temporary = o->temporary, .invalidate = o->invalidate,
			.silent_overwrite = o->silent_overwrite, .advisory_pageout = o->advisory_pageout };
		return MEMORY_OBJECT_BEHAVE_INFO_COUNT;
	case MEMORY_OBJECT_TIMEOUT_INFO:
		*(struct memory_object_timeout_info *)out = (struct memory_object_timeout_info){
			.milliseconds = (uint32_t)(o->pager_timeout_ns / 1000 / 1000) };
		return MEMORY_OBJECT_TIMEOUT_INFO_COUNT;
	default:
		return 0;
	}
}

static kern_return_t call_get_attributes(struct vm_object *o, memory_object_flavor_t flavor, memory_object_info_t out,
					 mach_msg_type_number_t *count)
{
	int info[MEMORY_OBJECT_INFO_MAX];
	mach_msg_type_number_t n;

	if (o == NULL)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&o->lock);
	n = describe_locked(o, flavor, info);
	spin_unlock(&o->lock);
	if (n == 0 || *count < n)
		return KERN_INVALID_ARGUMENT;
	memcpy(out, info, n * sizeof(int));
	*count = n;
	return KERN_SUCCESS;
}

/* ---- pages ---- */

static kern_return_t call_data_supply(struct vm_object *o, memory_object_offset_t offset, struct vm_map_copy *data,
				      mach_msg_type_number_t size, vm_prot_t lock, boolean_t precious, mach_port_t reply_to,
				      mach_msg_type_name_t kind)
{
	kern_return_t kr = KERN_INVALID_ARGUMENT;
	uint64_t error_offset = offset;

	if (o == NULL || !is_reply_right(reply_to, kind))
		return KERN_INVALID_ARGUMENT;
	if (data != NULL)
		kr = vm_pager_supply(o, offset, data, lock, precious != FALSE, &error_offset);
	if (IP_VALID(reply_to))
		(void)memory_object_supply_completed(reply_to, kind, control_of(o), offset, size, kr, error_offset,
						     MACH_SEND_ALWAYS, 0);
	vm_map_copy_discard(data);
	return KERN_SUCCESS; /* all was consumed; the result is in the completion */
}

static kern_return_t call_data_error(struct vm_object *o, memory_object_offset_t offset, memory_object_size_t size,
				     kern_return_t error_value)
{
	if (o == NULL)
		return KERN_INVALID_ARGUMENT;
	/* A fault's error is KERN_MEMORY_ERROR, as in Mach; want of memory is none: it passes. */
	return error_value == KERN_RESOURCE_SHORTAGE ? vm_pager_shortage(o, offset, size) : vm_pager_error(o, offset, size);
}

static kern_return_t call_data_unavailable(struct vm_object *o, memory_object_offset_t offset, memory_object_size_t size)
{
	return o == NULL ? KERN_INVALID_ARGUMENT : vm_pager_unavailable(o, offset, size);
}

static kern_return_t call_lock_request(struct vm_object *o, memory_object_offset_t offset, memory_object_size_t size,
				       memory_object_return_t should_return, boolean_t should_flush, vm_prot_t lock,
				       mach_port_t reply_to, mach_msg_type_name_t kind)
{
	kern_return_t kr;

	if (o == NULL || !is_reply_right(reply_to, kind))
		return KERN_INVALID_ARGUMENT;
	kr = vm_pager_lock(o, offset, size, should_return, should_flush != FALSE, lock);
	if (kr != KERN_SUCCESS)
		return kr;
	if (IP_VALID(reply_to))
		(void)memory_object_lock_completed(reply_to, kind, control_of(o), offset, size, MACH_SEND_ALWAYS, 0);
	return KERN_SUCCESS;
}

static kern_return_t call_synchronize_completed(struct vm_object *o, memory_object_offset_t offset, memory_object_size_t length)
{
	return o == NULL ? KERN_INVALID_ARGUMENT : vm_pager_synchronized(o, offset, length);
}

static kern_return_t call_destroy(struct vm_object *o, kern_return_t reason)
{
	(void)reason;
	if (o == NULL)
		return KERN_INVALID_ARGUMENT;
	vm_object_destroy(o);
	return KERN_SUCCESS;
}

const struct memory_object_control_ops memory_object_control_calls = {
	.memory_object_get_attributes = call_get_attributes,
	.memory_object_change_attributes = call_change_attributes,
	.memory_object_synchronize_completed = call_synchronize_completed,
	.memory_object_lock_request = call_lock_request,
	.memory_object_destroy = call_destroy,
	.memory_object_data_supply = call_data_supply,
	.memory_object_data_error = call_data_error,
	.memory_object_data_unavailable = call_data_unavailable,
	.memory_object_ready = call_ready,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_host_calls.c - the calls on the host that concern memory: statistics, the default pager, privileged threads.
 *
 * Interface: vm_pageout.h; in the tables of kern/host_calls.c, whose conditions hold.
 */
#include <base/string.h>
#include <ipc/ipc_port.h>
#include <kern/host.h>
#include <kern/task_info.h>
#include <kern/thread.h>
#include <mach/vm_statistics.h>
#include <vm/vm_page.h>
#include <vm/vm_pageout.h>
#include <vm/vm_stat.h>

static void fill(vm_statistics64_data_t *s)
{
	(void)vm_default_pager_alive(); /* what it could store is none, if not */
	*s = (vm_statistics64_data_t){
		.free_count = (natural_t)vm_page_free_count(),
		.active_count = (natural_t)vm_page_queue_count(PAGE_QUEUE_ACTIVE),
		.inactive_count = (natural_t)(vm_page_queue_count(PAGE_QUEUE_INACTIVE) + vm_page_queue_count(PAGE_QUEUE_STUCK)),
		.zero_fill_count = vm_stat_read(VM_STAT_ZERO_FILL),
		.reactivations = vm_stat_read(VM_STAT_REACTIVATIONS),
		.pageins = vm_stat_read(VM_STAT_PAGEINS),
		.pageouts = vm_stat_read(VM_STAT_PAGEOUTS),
		.faults = vm_stat_read(VM_STAT_FAULTS),
		.cow_faults = vm_stat_read(VM_STAT_COW),
		.lookups = vm_stat_read(VM_STAT_LOOKUPS),
		.hits = vm_stat_read(VM_STAT_HITS),
		.purges = vm_stat_read(VM_STAT_PURGES),
		.laundry_count = vm_page_laundry_count(),
		.dropped = vm_stat_read(VM_STAT_DROPPED),
		.shortages = vm_stat_read(VM_STAT_SHORTAGES),
		.swap_total = vm_swap_total(),
		.swap_used = vm_swap_used(),
		.waiting = vm_pageout_waiting(),
	};
	s->wire_count = (natural_t)vm_page_total_count() - s->free_count - s->active_count - s->inactive_count;
}

static kern_return_t extmod(host_info_t out, mach_msg_type_number_t *count)
{
	vm_extmod_statistics_data_t s = task_all_extmod();

	if (*count < HOST_EXTMOD_INFO64_COUNT)
		return KERN_FAILURE;
	memcpy(out, &s, sizeof(s));
	*count = HOST_EXTMOD_INFO64_COUNT;
	return KERN_SUCCESS;
}

kern_return_t vm_host_statistics64(struct host *host, host_flavor_t flavor, host_info_t out, mach_msg_type_number_t *count)
{
	vm_statistics64_data_t s;

	if (host == NULL || (flavor != HOST_VM_INFO64 && flavor != HOST_EXTMOD_INFO64))
		return KERN_INVALID_ARGUMENT;
	if (flavor == HOST_EXTMOD_INFO64)
		return extmod(out, count);
	if (*count < HOST_VM_INFO64_COUNT)
		return KERN_FAILURE;
	fill(&s);
	memcpy(out, &s, sizeof(s));
	*count = HOST_VM_INFO64_COUNT;
	return KERN_SUCCESS;
}

kern_return_t vm_host_statistics(struct host *host, host_flavor_t flavor, host_info_t out, mach_msg_type_number_t *count)
{
	vm_statistics64_data_t s;
	vm_statistics_data_t narrow;

	if (host == NULL || flavor != HOST_VM_INFO)
		return KERN_INVALID_ARGUMENT;
	if (*count < HOST_VM_INFO_COUNT)
		return KERN_FAILURE;
	fill(&s);
	narrow = (vm_statistics_data_t){
		.free_count = s.free_count,
		.active_count = s.active_count,
		.inactive_count = s.inactive_count,
		.wire_count = s.wire_count,
		.zero_fill_count = (natural_t)s.zero_fill_count,
		.reactivations = (natural_t)s.reactivations,
		.pageins = (natural_t)s.pageins,
		.pageouts = (natural_t)s.pageouts,
		.faults = (natural_t)s.faults,
		.cow_faults = (natural_t)s.cow_faults,
		.lookups = (natural_t)s.lookups,
		.hits = (natural_t)s.hits,
		.purges = (natural_t)s.purges,
	};
	memcpy(out, &narrow, sizeof(narrow));
	*count = HOST_VM_INFO_COUNT;
	return KERN_SUCCESS;
}

kern_return_t vm_host_default_memory_manager(struct host *host, mach_port_t manager, memory_object_cluster_size_t cluster_size,
					     mach_port_t *old)
{
	(void)cluster_size;
	if (host == NULL)
		return KERN_INVALID_HOST;
	if (IP_VALID(manager) && manager->ip_remote)
		return KERN_INVALID_ARGUMENT; /* its threads could not have this kernel's last frames */
	if (IP_VALID(manager))
		return vm_default_pager_set(manager, old) ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
	*old = vm_default_pager_copy();
	return KERN_SUCCESS;
}

kern_return_t vm_host_default_memory_space(struct host *host, memory_object_size_t bytes)
{
	if (host == NULL)
		return KERN_INVALID_HOST;
	vm_swap_set_total(bytes >> PAGE_SHIFT);
	return KERN_SUCCESS;
}

kern_return_t vm_host_thread_wire(struct host *host, struct thread *thread, boolean_t wired)
{
	if (host == NULL)
		return KERN_INVALID_HOST;
	if (thread == NULL)
		return KERN_INVALID_ARGUMENT;
	thread->vm_privilege = wired != 0;
	return KERN_SUCCESS;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host_info.c - the flavours of host_info() and host_statistics(), a function each, and their tables. Interface: host_info.h.
 *
 * References: OSF MK and XNU kernel interface, host_info(3), host_statistics(3).
 */
#include <base/string.h>
#include <ipc/ipc_net.h>
#include <ipc/ipc_port.h>
#include <kern/host_info.h>
#include <kern/kalloc.h>
#include <kern/options.h>
#include <kern/task.h>
#include <kern/task_info.h>
#include <kern/thread.h>
#include <mach/host_info.h>
#include <machine/boot.h>
#include <machine/cpu.h>
#include <sched/sched.h>
#include <sched/timeshare.h>
#include <vm/vm_map.h>
#include <vm/vm_object.h>
#include <vm/vm_page.h>
#include <vm/vm_pageout.h>

union info {
	host_basic_info_data_t basic;
	host_sched_info_data_t sched;
	host_node_info_data_t node;
	host_net_info_data_t net;
	kernel_resource_sizes_data_t sizes;
	host_priority_info_data_t priorities;
	host_load_info_data_t load;
	host_cpu_load_info_data_t cpus;
	host_can_has_debugger_info_data_t debugger;
	host_preferred_user_arch_data_t arch;
	task_power_info_data_t power;
};

/* ---- host_info() ---- */

static kern_return_t fill_basic(union info *u)
{
	host_basic_info_data_t *info = &u->basic;

	info->max_cpus = info->avail_cpus = (integer_t)cpu_count;
	info->physical_cpu = info->physical_cpu_max = (integer_t)cpu_count;
	info->logical_cpu = info->logical_cpu_max = (integer_t)cpu_count;
	info->cpu_type = CPU_TYPE_X86_64;
	info->max_mem = boot_info.memory_bytes;
	info->memory_size = (natural_t)(info->max_mem < (2UL << 30) ? info->max_mem : 2UL << 30);
	return KERN_SUCCESS;
}

static void count_task(void *ctx, struct task *t)
{
	host_node_info_data_t *info = ctx;

	info->tasks++;
	info->threads += t->thread_count;
}

static void count_zone(void *ctx, const char *name, size_t size, uint64_t in_use, uint64_t pages)
{
	host_node_info_data_t *info = ctx;

	if (strcmp(name, "ipc ports") == 0)
		info->ports += (uint32_t)in_use;
	else if (strncmp(name, "ipc kmsgs", 9) == 0)
		info->kmsgs += (uint32_t)in_use;
}

static kern_return_t fill_node(union info *u)
{
	host_node_info_data_t *info = &u->node;

	info->address = boot_options.node_ip;
	info->cpus = cpu_count;
	if (ipc_net != NULL) {
		host_net_info_data_t net;

		ipc_net->info(&net);
		info->incarnation = net.incarnation;
	}
	info->uptime_ns = clock_now_ns();
	info->memory_bytes = boot_info.memory_bytes;
	info->free_bytes = vm_page_free_count() * PAGE_SIZE;
	task_for_each(count_task, info);
	zone_for_each(count_zone, info);
	return KERN_SUCCESS;
}

static kern_return_t fill_sizes(union info *u)
{
	kernel_resource_sizes_data_t *info = &u->sizes;

	info->task = sizeof(struct task);
	info->thread = sizeof(struct thread);
	info->port = sizeof(struct ipc_port);
	info->memory_region = sizeof(struct vm_map_entry);
	info->memory_object = sizeof(struct vm_object);
	return KERN_SUCCESS;
}

static kern_return_t fill_priorities(union info *u)
{
	host_priority_info_data_t *info = &u->priorities;

	info->kernel_priority = SCHED_PRIORITY_KERNEL;
	info->system_priority = info->server_priority = SCHED_PRIORITY_USER_MAX;
	info->user_priority = SCHED_PRIORITY_USER;
	info->maximum_priority = SCHED_PRIORITY_USER_MAX;
	info->idle_priority = info->minimum_priority = info->depress_priority = SCHED_PRIORITY_IDLE;
	return KERN_SUCCESS;
}

static kern_return_t fill_sched(union info *u)
{
	u->sched.min_timeout = 1;
	u->sched.min_quantum = (integer_t)(SCHED_QUANTUM_NS / NSEC_PER_MSEC);
	return KERN_SUCCESS;
}

static kern_return_t fill_debugger(union info *u)
{
	u->debugger.can_has_debugger = TRUE;
	return KERN_SUCCESS;
}

static kern_return_t fill_arch(union info *u)
{
	u->arch.cpu_type = CPU_TYPE_X86_64;
	return KERN_SUCCESS;
}

static kern_return_t fill_net(union info *u)
{
	if (ipc_net == NULL)
		return KERN_FAILURE;
	ipc_net->info(&u->net);
	return KERN_SUCCESS;
}

/* ---- host_statistics(): what the processors do ---- */

static kern_return_t fill_load(union info *u)
{
	integer_t run = (integer_t)((uint64_t)sched_load() * LOAD_SCALE / LOAD_ONE), cpus = (integer_t)cpu_count;

	for (unsigned i = 0; i < 3; i++) {
		u->load.avenrun[i] = run;
		u->load.mach_factor[i] = run < LOAD_SCALE ? LOAD_SCALE * cpus - run * cpus : LOAD_SCALE * LOAD_SCALE / (run + 1);
	}
	return KERN_SUCCESS;
}

static kern_return_t fill_cpu_load(union info *u)
{
	uint64_t user_ns = 0, system_ns = 0, all_ns = clock_now_ns() * cpu_count;
	const uint64_t tick_ns = NSEC_PER_SEC / 100;

	for (uint32_t i = 0; i < cpu_count; i++) {
		user_ns += cpu_by_id(i)->user_ns;
		system_ns += cpu_by_id(i)->system_ns;
	}
	if (user_ns + system_ns > all_ns)
		all_ns = user_ns + system_ns;
	u->cpus.cpu_ticks[CPU_STATE_USER] = (natural_t)(user_ns / tick_ns);
	u->cpus.cpu_ticks[CPU_STATE_SYSTEM] = (natural_t)(system_ns / tick_ns);
	u->cpus.cpu_ticks[CPU_STATE_IDLE] = (natural_t)((all_ns - user_ns - system_ns) / tick_ns);
	return KERN_SUCCESS;
}

static kern_return_t fill_expired(union info *u)
{
	u->power = task_expired_power();
	return KERN_SUCCESS;
}

/* ---- by number ---- */

struct flavor {
	host_flavor_t number;
	mach_msg_type_number_t words;
	kern_return_t (*fill)(union info *); /* NULL: no more is told than that it is */
};

static const struct flavor infos[] = {
	{ HOST_BASIC_INFO, HOST_BASIC_INFO_COUNT, fill_basic },
	{ HOST_SCHED_INFO, HOST_SCHED_INFO_COUNT, fill_sched },
	{ HOST_RESOURCE_SIZES, HOST_RESOURCE_SIZES_COUNT, fill_sizes },
	{ HOST_PRIORITY_INFO, HOST_PRIORITY_INFO_COUNT, fill_priorities },
	{ HOST_SEMAPHORE_TRAPS, 0, NULL },
	{ HOST_MACH_MSG_TRAP, 0, NULL },
	{ HOST_CAN_HAS_DEBUGGER, HOST_CAN_HAS_DEBUGGER_COUNT, fill_debugger },
	{ HOST_PREFERRED_USER_ARCH, HOST_PREFERRED_USER_ARCH_COUNT, fill_arch },
	{ HOST_NODE_INFO, HOST_NODE_INFO_COUNT, fill_node },
	{ HOST_NET_INFO, HOST_NET_INFO_COUNT, fill_net },
	{ 0, 0, NULL },
};

static const struct flavor statistics[] = {
	{ HOST_LOAD_INFO, HOST_LOAD_INFO_COUNT, fill_load },
	{ HOST_CPU_LOAD_INFO, HOST_CPU_LOAD_INFO_COUNT, fill_cpu_load },
	{ HOST_EXPIRED_TASK_INFO, TASK_POWER_INFO_COUNT, fill_expired },
	{ 0, 0, NULL },
};

/* The flavour of that number in table, which ends with 0; NULL. */
static const struct flavor *find(const struct flavor *table, host_flavor_t number)
{
	for (; table->number != 0; table++)
		if (table->number == number)
			return table;
	return NULL;
}

static kern_return_t give(const struct flavor *flavor, host_info_t out, mach_msg_type_number_t *count)
{
	union info info;
	kern_return_t kr;

	if (*count < flavor->words)
		return KERN_FAILURE;
	memset(&info, 0, sizeof(info));
	kr = flavor->fill != NULL ? flavor->fill(&info) : KERN_SUCCESS;
	if (kr != KERN_SUCCESS)
		return kr;
	memcpy(out, &info, flavor->words * sizeof(natural_t));
	*count = flavor->words;
	return KERN_SUCCESS;
}

/* As many words as there are processors. */
static kern_return_t processor_slots(host_info_t out, mach_msg_type_number_t *count)
{
	if (*count < cpu_count)
		return KERN_FAILURE;
	for (uint32_t i = 0; i < cpu_count; i++)
		out[i] = (integer_t)i;
	*count = cpu_count;
	return KERN_SUCCESS;
}

kern_return_t host_call_info(struct host *host, host_flavor_t number, host_info_t out, mach_msg_type_number_t *count)
{
	const struct flavor *flavor = find(infos, number);

	if (host != NULL && number == HOST_PROCESSOR_SLOTS)
		return processor_slots(out, count);
	return host == NULL || flavor == NULL ? KERN_INVALID_ARGUMENT : give(flavor, out, count);
}

/* Of what is not found here, memory tells. */
kern_return_t host_call_statistics(struct host *host, host_flavor_t number, host_info_t out, mach_msg_type_number_t *count)
{
	const struct flavor *flavor = find(statistics, number);

	return host == NULL || flavor == NULL ? vm_host_statistics(host, number, out, count) : give(flavor, out, count);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* host_calls.c - the calls of mach_host.defs and host_priv.defs. A NULL host: the port was not the host's. */
#include <base/string.h>
#include <ipc/ipc_net.h>
#include <ipc/ipc_port.h>
#include <ipc/ipc_tt.h>
#include <kern/clock_service.h>
#include <kern/exception_port.h>
#include <kern/host.h>
#include <kern/kalloc.h>
#include <kern/ipc_kobject_calls.h>
#include <kern/main.h>
#include <kern/options.h>
#include <kern/printf.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kernel/host_priv_server.h>
#include <kernel/host_security_server.h>
#include <kernel/mach_host_server.h>
#include <mach/host_info.h>
#include <mach/host_special_ports.h>
#include <mach/zone_info.h>
#include <machine/boot.h>
#include <machine/cpu.h>
#include <sched/processor_calls.h>
#include <sched/sched.h>
#include <sched/timeshare.h>
#include <vm/vm_map.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_object.h>
#include <vm/vm_page.h>
#include <vm/vm_pageout.h>
#include <vm/vm_user.h>

static void fill_basic(host_basic_info_data_t *info)
{
	info->max_cpus = info->avail_cpus = (integer_t)cpu_count;
	info->physical_cpu = info->physical_cpu_max = (integer_t)cpu_count;
	info->logical_cpu = info->logical_cpu_max = (integer_t)cpu_count;
	info->cpu_type = CPU_TYPE_X86_64;
	info->max_mem = boot_info.memory_bytes;
	info->memory_size = (natural_t)(info->max_mem < (2UL << 30) ? info->max_mem : 2UL << 30);
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

static void fill_node(host_node_info_data_t *info)
{
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
}

static void fill_sizes(kernel_resource_sizes_data_t *info)
{
	info->task = sizeof(struct task);
	info->thread = sizeof(struct thread);
	info->port = sizeof(struct ipc_port);
	info->memory_region = sizeof(struct vm_map_entry);
	info->memory_object = sizeof(struct vm_object);
}

static void fill_priorities(host_priority_info_data_t *info)
{
	info->kernel_priority = SCHED_PRIORITY_KERNEL;
	info->system_priority = info->server_priority = SCHED_PRIORITY_USER_MAX;
	info->user_priority = SCHED_PRIORITY_USER;
	info->maximum_priority = SCHED_PRIORITY_USER_MAX;
	info->idle_priority = info->minimum_priority = info->depress_priority = SCHED_PRIORITY_IDLE;
}

/* A flavour of which no more is told than that it is. */
static bool says_yes(host_flavor_t flavor)
{
	return flavor == HOST_SEMAPHORE_TRAPS || flavor == HOST_MACH_MSG_TRAP;
}

static kern_return_t call_info(struct host *host, host_flavor_t flavor, host_info_t out,
			       mach_msg_type_number_t *count)
{
	union {
		host_basic_info_data_t basic;
		host_sched_info_data_t sched;
		host_node_info_data_t node;
		host_net_info_data_t net;
		kernel_resource_sizes_data_t sizes;
		host_priority_info_data_t priorities;
	} info;
	mach_msg_type_number_t need;

	if (host == NULL)
		return KERN_INVALID_ARGUMENT;
	memset(&info, 0, sizeof(info));
	switch (flavor) {
	case HOST_BASIC_INFO:
		need = HOST_BASIC_INFO_COUNT;
		fill_basic(&info.basic);
		break;
	case HOST_SCHED_INFO:
		need = HOST_SCHED_INFO_COUNT;
		info.sched.min_timeout = 1;
		info.sched.min_quantum = (integer_t)(SCHED_QUANTUM_NS / NSEC_PER_MSEC);
		break;
	case HOST_RESOURCE_SIZES:
		need = HOST_RESOURCE_SIZES_COUNT;
		fill_sizes(&info.sizes);
		break;
	case HOST_PRIORITY_INFO:
		need = HOST_PRIORITY_INFO_COUNT;
		fill_priorities(&info.priorities);
		break;
	case HOST_NODE_INFO:
		need = HOST_NODE_INFO_COUNT;
		fill_node(&info.node);
		break;
	case HOST_NET_INFO:
		need = HOST_NET_INFO_COUNT;
		if (ipc_net == NULL)
			return KERN_FAILURE;
		ipc_net->info(&info.net);
		break;
	default:
		if (!says_yes(flavor))
			return KERN_INVALID_ARGUMENT;
		need = 0;
	}
	if (*count < need)
		return KERN_FAILURE;
	memcpy(out, &info, need * sizeof(natural_t));
	*count = need;
	return KERN_SUCCESS;
}

static kern_return_t call_version(struct host *host, char *version)
{
	if (host == NULL)
		return KERN_INVALID_ARGUMENT;
	ksnprintf(version, 512, "Meshach %s x86_64", MESHACH_VERSION);
	return KERN_SUCCESS;
}

static kern_return_t call_page_size(struct host *host, vm_size_t *size)
{
	if (host == NULL)
		return KERN_INVALID_ARGUMENT;
	*size = PAGE_SIZE;
	return KERN_SUCCESS;
}

struct zone_walk {
	zone_name_t *names;
	zone_info_t *infos;
	uint32_t count, room;
};

static void walk_zone(void *ctx, const char *name, size_t size, uint64_t in_use, uint64_t pages)
{
	struct zone_walk *w = ctx;

	if (w->count < w->room) {
		ksnprintf(w->names[w->count].zn_name, sizeof(w->names->zn_name), "%s", name);
		w->infos[w->count] = (zone_info_t){ .zi_count = in_use, .zi_cur_size = pages * PAGE_SIZE,
						    .zi_elem_size = size };
	}
	w->count++;
}

static kern_return_t call_zone_info(struct host *host, struct vm_map_copy **names,
				    mach_msg_type_number_t *names_count, struct vm_map_copy **infos,
				    mach_msg_type_number_t *infos_count)
{
	struct zone_walk w = { .room = 128 };
	kern_return_t kr = KERN_RESOURCE_SHORTAGE;

	if (host == NULL)
		return KERN_INVALID_ARGUMENT;
	w.names = kalloc_zeroed(w.room * sizeof(*w.names));
	w.infos = kalloc_zeroed(w.room * sizeof(*w.infos));
	*names = *infos = NULL;
	if (w.names != NULL && w.infos != NULL) {
		zone_for_each(walk_zone, &w);
		if (w.count > w.room)
			w.count = w.room;
		*names = vm_map_copy_from_kernel(w.names, w.count * sizeof(*w.names));
		*infos = vm_map_copy_from_kernel(w.infos, w.count * sizeof(*w.infos));
		*names_count = *infos_count = w.count;
		if (*names != NULL && *infos != NULL)
			kr = KERN_SUCCESS;
		else if (*names != NULL)
			vm_map_copy_discard(*names);
		else if (*infos != NULL)
			vm_map_copy_discard(*infos);
	}
	if (w.names != NULL)
		kfree(w.names, w.room * sizeof(*w.names));
	if (w.infos != NULL)
		kfree(w.infos, w.room * sizeof(*w.infos));
	return kr;
}

static kern_return_t call_get_clock_service(struct host *host, clock_id_t id, mach_port_t *port)
{
	if (host == NULL || clock_of_id(id) == NULL)
		return KERN_INVALID_ARGUMENT;
	*port = clock_service_port(id);
	return KERN_SUCCESS;
}

static kern_return_t call_get_clock_control(struct host *host, clock_id_t id, mach_port_t *port)
{
	if (host == NULL || clock_of_id(id) == NULL)
		return KERN_INVALID_ARGUMENT;
	*port = clock_control_port(id);
	return KERN_SUCCESS;
}

static kern_return_t call_name_server(struct host *host, mach_port_t *port)
{
	if (host == NULL)
		return KERN_INVALID_ARGUMENT;
	*port = host_special_port_copy(HOST_NAME_SERVER_PORT);
	return KERN_SUCCESS;
}

static kern_return_t call_reboot(struct host *host, int options)
{
	if (host == NULL)
		return KERN_INVALID_HOST;
	if (options != 0 && options != HOST_REBOOT_HALT)
		return KERN_INVALID_ARGUMENT;
	kprintf("meshach: %s\n", options == 0 ? "restarting" : "halting");
	if (options == 0)
		machine_reboot();
	machine_exit(0);
}

static kern_return_t call_get_special_port(struct host *host, int node, int which, mach_port_t *port)
{
	if (host == NULL)
		return KERN_INVALID_HOST;
	if (node != HOST_LOCAL_NODE || which < 0 || which > HOST_MAX_SPECIAL_PORT)
		return KERN_INVALID_ARGUMENT;
	if (which == HOST_SECURITY_PORT) {
		*port = ipc_port_make_send(ipc_host_security_port);
		return KERN_SUCCESS;
	}
	if (which == HOST_PORT)
		*port = ipc_port_make_send(ipc_host_port);
	else if (which == HOST_PRIV_PORT)
		*port = ipc_port_make_send(ipc_host_priv_port);
	else
		*port = host_special_port_copy((uint32_t)which);
	return KERN_SUCCESS;
}

static kern_return_t call_set_special_port(struct host *host, int which, mach_port_t port)
{
	if (host == NULL)
		return KERN_INVALID_HOST;
	if (which <= HOST_MAX_SPECIAL_KERNEL_PORT || which > HOST_MAX_SPECIAL_PORT)
		return KERN_INVALID_ARGUMENT;
	host_special_port_set((uint32_t)which, port);
	return KERN_SUCCESS;
}

/* What the processors do, then what memory does. */
static kern_return_t call_statistics(struct host *host, host_flavor_t flavor, host_info_t out, mach_msg_type_number_t *count)
{
	host_load_info_data_t load = { 0 };
	host_cpu_load_info_data_t cpus = { 0 };
	uint64_t user_ns = 0, system_ns = 0, all_ns = clock_now_ns() * cpu_count;
	const uint64_t tick_ns = NSEC_PER_SEC / 100;

	if (host == NULL || (flavor != HOST_LOAD_INFO && flavor != HOST_CPU_LOAD_INFO))
		return vm_host_statistics(host, flavor, out, count);
	if (*count < (flavor == HOST_LOAD_INFO ? HOST_LOAD_INFO_COUNT : HOST_CPU_LOAD_INFO_COUNT))
		return KERN_FAILURE;
	if (flavor == HOST_LOAD_INFO) {
		integer_t run = (integer_t)((uint64_t)sched_load() * LOAD_SCALE / LOAD_ONE);

		for (unsigned i = 0; i < 3; i++) {
			load.avenrun[i] = run;
			load.mach_factor[i] = run < LOAD_SCALE ? LOAD_SCALE * (integer_t)cpu_count - run * (integer_t)cpu_count :
								 LOAD_SCALE * LOAD_SCALE / (run + 1);
		}
		memcpy(out, &load, sizeof(load));
		*count = HOST_LOAD_INFO_COUNT;
		return KERN_SUCCESS;
	}
	for (uint32_t i = 0; i < cpu_count; i++) {
		user_ns += cpu_by_id(i)->user_ns;
		system_ns += cpu_by_id(i)->system_ns;
	}
	if (user_ns + system_ns > all_ns)
		all_ns = user_ns + system_ns;
	cpus.cpu_ticks[CPU_STATE_USER] = (natural_t)(user_ns / tick_ns);
	cpus.cpu_ticks[CPU_STATE_SYSTEM] = (natural_t)(system_ns / tick_ns);
	cpus.cpu_ticks[CPU_STATE_IDLE] = (natural_t)((all_ns - user_ns - system_ns) / tick_ns);
	memcpy(out, &cpus, sizeof(cpus));
	*count = HOST_CPU_LOAD_INFO_COUNT;
	return KERN_SUCCESS;
}

static kern_return_t call_get_io_master(struct host *host, mach_port_t *port)
{
	if (host == NULL)
		return KERN_INVALID_ARGUMENT;
	*port = host_special_port_copy(HOST_IO_MASTER_PORT);
	return KERN_SUCCESS;
}

static kern_return_t call_request_notification(struct host *host, host_flavor_t type, mach_port_t port)
{
	if (host == NULL || type != HOST_NOTIFY_CALENDAR_CHANGE)
		return KERN_INVALID_ARGUMENT;
	return IP_VALID(port) ? clock_calendar_notify(port) : KERN_INVALID_CAPABILITY;
}

static kern_return_t call_get_boot_info(struct host *host, char *boot_info_out)
{
	if (host == NULL)
		return KERN_INVALID_HOST;
	ksnprintf(boot_info_out, 1024, "%s", boot_info.cmdline);
	return KERN_SUCCESS;
}

/* ---- host_security.defs ---- */

static kern_return_t set_tokens(struct task *task, security_token_t security, audit_token_t audit, mach_port_t host)
{
	struct ipc_tokens tokens = { security, audit };

	ipc_task_set_tokens(task, &tokens);
	if (IP_VALID(host))
		ipc_task_set_host(task, host);
	return KERN_SUCCESS;
}

static kern_return_t call_create_task_token(struct host *host, struct task *parent, security_token_t security, audit_token_t audit,
					    mach_port_t host_port, mach_port_t *ledgers, mach_msg_type_number_t count,
					    boolean_t inherit_memory, mach_port_t *child)
{
	struct task *task;
	kern_return_t kr;

	if (host == NULL)
		return KERN_INVALID_SECURITY;
	if (parent == NULL)
		return KERN_INVALID_TASK;
	kr = task_create_internal(parent, inherit_memory != FALSE, &task);
	if (kr != KERN_SUCCESS)
		return kr;
	for (mach_msg_type_number_t i = 0; i < count; i++)
		ipc_port_release_send(ledgers[i]);
	if (count != 0)
		kfree(ledgers, count * sizeof(*ledgers));
	(void)set_tokens(task, security, audit, host_port);
	*child = convert_task_to_port(task);
	return KERN_SUCCESS;
}

static kern_return_t call_set_task_token(struct host *host, struct task *task, security_token_t security, audit_token_t audit,
					 mach_port_t host_port)
{
	if (host == NULL)
		return KERN_INVALID_SECURITY;
	return task == NULL ? KERN_INVALID_ARGUMENT : set_tokens(task, security, audit, host_port);
}

const struct host_security_ops host_security_calls = {
	.host_security_create_task_token = call_create_task_token,
	.host_security_set_task_token = call_set_task_token,
};

static kern_return_t call_set_exception_ports(struct host *host, exception_mask_t mask, mach_port_t port,
					      exception_behavior_t behavior, thread_state_flavor_t flavor)
{
	return host == NULL ? KERN_INVALID_ARGUMENT :
			       exception_ports_set(exception_owner_host(), mask, port, behavior, flavor);
}

static kern_return_t call_get_exception_ports(struct host *host, exception_mask_t mask, exception_mask_array_t masks,
					      mach_msg_type_number_t *count, mach_port_t **handlers,
					      mach_msg_type_number_t *handler_count, exception_behavior_array_t behaviors,
					      mach_msg_type_number_t *behavior_count, exception_flavor_array_t flavors,
					      mach_msg_type_number_t *flavor_count)
{
	struct exception_told out = { masks, count, handlers, handler_count, behaviors, behavior_count, flavors, flavor_count };

	return host == NULL ? KERN_INVALID_ARGUMENT : exception_ports_get(exception_owner_host(), mask, out);
}

static kern_return_t call_swap_exception_ports(struct host *host, exception_mask_t mask, mach_port_t port,
					       exception_behavior_t behavior, thread_state_flavor_t flavor,
					       exception_mask_array_t masks, mach_msg_type_number_t *count,
					       mach_port_t **handlers, mach_msg_type_number_t *handler_count,
					       exception_behavior_array_t behaviors, mach_msg_type_number_t *behavior_count,
					       exception_flavor_array_t flavors, mach_msg_type_number_t *flavor_count)
{
	struct exception_told out = { masks, count, handlers, handler_count, behaviors, behavior_count, flavors, flavor_count };

	return host == NULL ? KERN_INVALID_ARGUMENT : exception_ports_swap(exception_owner_host(), mask, port, behavior, flavor, out);
}

const struct mach_host_ops mach_host_calls = {
	.host_info = call_info,
	.host_kernel_version = call_version,
	.host_page_size = call_page_size,
	.host_zone_info = call_zone_info,
	.host_get_clock_service = call_get_clock_service,
	.host_statistics = call_statistics,
	.host_get_io_master = call_get_io_master,
	.host_request_notification = call_request_notification,
	.host_statistics64 = vm_host_statistics64,
	.host_name_server = call_name_server,
	.host_processor_info = sched_call_host_processor_info,
	.processor_set_default = sched_call_pset_default,
	.processor_set_create = sched_call_pset_create,
};

const struct host_priv_ops host_priv_calls = {
	.host_set_exception_ports = call_set_exception_ports,
	._host_get_exception_ports = call_get_exception_ports,
	._host_swap_exception_ports = call_swap_exception_ports,
	.host_get_boot_info = call_get_boot_info,
	.host_reboot = call_reboot,
	.host_priv_statistics = call_statistics,
	.host_default_memory_manager_exchange = vm_host_default_memory_manager,
	.thread_wire = vm_host_thread_wire,
	.host_default_memory_space = vm_host_default_memory_space,
	.host_get_clock_control = call_get_clock_control,
	.vm_wire = host_priv_vm_wire,
	.vm_allocate_cpm = host_priv_vm_allocate_cpm,
	.host_get_special_port = call_get_special_port,
	.host_set_special_port = call_set_special_port,
	.host_processors = sched_call_host_processors,
	.host_processor_sets = sched_call_host_processor_sets,
	.host_processor_set_priv = sched_call_host_processor_set_priv,
	.mach_vm_wire = host_priv_mach_vm_wire,
};

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
#include <kernel/mach_host_server.h>
#include <mach/host_info.h>
#include <mach/host_special_ports.h>
#include <mach/zone_info.h>
#include <machine/boot.h>
#include <machine/cpu.h>
#include <sched/processor_calls.h>
#include <sched/sched.h>
#include <vm/vm_map_copy.h>
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

static kern_return_t call_info(struct host *host, host_flavor_t flavor, host_info_t out,
			       mach_msg_type_number_t *count)
{
	union {
		host_basic_info_data_t basic;
		host_sched_info_data_t sched;
		host_node_info_data_t node;
		host_net_info_data_t net;
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
		return KERN_INVALID_ARGUMENT;
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
	if (node != HOST_LOCAL_NODE || which <= 0 || which > HOST_MAX_SPECIAL_PORT)
		return KERN_INVALID_ARGUMENT;
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

static kern_return_t call_set_exception_ports(struct host *host, exception_mask_t mask, mach_port_t port,
					      exception_behavior_t behavior, thread_state_flavor_t flavor)
{
	return host == NULL ? KERN_INVALID_ARGUMENT :
			       exception_ports_set(exception_owner_host(), mask, port, behavior, flavor, NULL);
}

static kern_return_t call_get_exception_ports(struct host *host, exception_mask_t mask, exception_mask_array_t masks,
					      mach_msg_type_number_t *count, mach_port_t **handlers,
					      mach_msg_type_number_t *handler_count, exception_behavior_array_t behaviors,
					      mach_msg_type_number_t *behavior_count, exception_flavor_array_t flavors,
					      mach_msg_type_number_t *flavor_count)
{
	struct exception_ports out;
	kern_return_t kr;

	if (host == NULL)
		return KERN_INVALID_ARGUMENT;
	kr = exception_ports_get(exception_owner_host(), mask, &out);
	return kr != KERN_SUCCESS ? kr : exception_ports_give(&out, masks, count, handlers, handler_count, behaviors,
							      behavior_count, flavors, flavor_count);
}

static kern_return_t call_swap_exception_ports(struct host *host, exception_mask_t mask, mach_port_t port,
					       exception_behavior_t behavior, thread_state_flavor_t flavor,
					       exception_mask_array_t masks, mach_msg_type_number_t *count,
					       mach_port_t **handlers, mach_msg_type_number_t *handler_count,
					       exception_behavior_array_t behaviors, mach_msg_type_number_t *behavior_count,
					       exception_flavor_array_t flavors, mach_msg_type_number_t *flavor_count)
{
	struct exception_ports out;
	kern_return_t kr;

	if (host == NULL)
		return KERN_INVALID_ARGUMENT;
	kr = exception_ports_set(exception_owner_host(), mask, port, behavior, flavor, &out);
	return kr != KERN_SUCCESS ? kr : exception_ports_give(&out, masks, count, handlers, handler_count, behaviors,
							      behavior_count, flavors, flavor_count);
}

const struct mach_host_ops mach_host_calls = {
	.host_info = call_info,
	.host_kernel_version = call_version,
	.host_page_size = call_page_size,
	.host_zone_info = call_zone_info,
	.host_get_clock_service = call_get_clock_service,
	.host_statistics = vm_host_statistics,
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
	.host_reboot = call_reboot,
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

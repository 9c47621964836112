/* SPDX-License-Identifier: BSD-2-Clause */
/* host_calls.c - the calls of mach_host.defs and host_priv.defs. A NULL host: the port was not the host's. */
#include <base/string.h>
#include <ddb/ddb.h>
#include <ipc/ipc_port.h>
#include <ipc/ipc_tt.h>
#include <kern/clock_service.h>
#include <kern/exception_port.h>
#include <kern/host.h>
#include <kern/host_info.h>
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
#include <mach/host_special_ports.h>
#include <machine/boot.h>
#include <sched/processor_calls.h>
#include <vm/vm_map.h>
#include <vm/vm_named_entry.h>
#include <vm/vm_pageout.h>
#include <vm/vm_user.h>

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
	if (options == HOST_REBOOT_DEBUGGER)
		return ddb_enter() ? KERN_SUCCESS : KERN_NOT_SUPPORTED;
	options &= ~HOST_REBOOT_UPSDELAY;
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

static kern_return_t call_memory_entry(struct host *host, boolean_t internal, uint64_t size, vm_prot_t permission, mach_port_t pager,
				       mach_port_t *entry)
{
	return host == NULL ? KERN_INVALID_HOST : vm_named_entry_of_pager(internal != FALSE, size, permission, pager, entry);
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
	.host_info = host_call_info,
	.host_kernel_version = call_version,
	.host_page_size = call_page_size,
	.mach_memory_object_memory_entry = call_memory_entry,
	.mach_memory_object_memory_entry_64 = call_memory_entry,
	.host_zone_info = host_call_zone_info,
	.mach_zone_info = host_call_mach_zone_info,
	.mach_zone_info_for_zone = host_call_mach_zone_info_for_zone,
	.host_lockgroup_info = host_call_lockgroup_info,
	.host_get_clock_service = call_get_clock_service,
	.host_statistics = host_call_statistics,
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
	.host_priv_statistics = host_call_statistics,
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

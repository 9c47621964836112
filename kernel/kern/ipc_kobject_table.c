/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_kobject_table.c - the interfaces that the kernel serves. */
#include <kern/ipc_kobject_calls.h>
#include <kernel/clock_priv_server.h>
#include <kernel/clock_server.h>
#include <kernel/device_server.h>
#include <kernel/host_priv_server.h>
#include <kernel/host_security_server.h>
#include <kernel/lock_set_server.h>
#include <kernel/mach4_server.h>
#include <kernel/mach_host_server.h>
#include <kernel/mach_port_server.h>
#include <kernel/mach_vm_server.h>
#include <kernel/memory_object_control_server.h>
#include <kernel/mk_timer_task_server.h>
#include <kernel/semaphore_server.h>
#include <kernel/processor_server.h>
#include <kernel/processor_set_server.h>
#include <kernel/task_restartable_server.h>
#include <kernel/task_server.h>
#include <kernel/thread_act_server.h>
#include <kernel/vm_map_server.h>

const struct ipc_kobject_subsystem ipc_kobject_subsystems[] = {
	{ &mach_host_mig_server, &mach_host_calls },
	{ &host_priv_mig_server, &host_priv_calls },
	{ &host_security_mig_server, &host_security_calls },
	{ &clock_mig_server, &clock_calls },
	{ &clock_priv_mig_server, &clock_priv_calls },
	{ &memory_object_control_mig_server, &memory_object_control_calls },
	{ &device_mig_server, &device_calls },
	{ &processor_mig_server, &processor_calls },
	{ &mach_port_mig_server, &mach_port_calls },
	{ &task_mig_server, &task_calls },
	{ &thread_act_mig_server, &thread_act_calls },
	{ &vm_map_mig_server, &vm_map_calls },
	{ &processor_set_mig_server, &processor_set_calls },
	{ &mach4_mig_server, &mach4_calls },
	{ &mach_vm_mig_server, &mach_vm_calls },
	{ &task_restartable_mig_server, &task_restartable_calls },
	{ &lock_set_mig_server, &lock_set_calls },
	{ &semaphore_mig_server, &semaphore_calls },
	{ &mk_timer_task_mig_server, &mk_timer_calls },
};
const size_t ipc_kobject_subsystem_count = sizeof(ipc_kobject_subsystems) / sizeof(ipc_kobject_subsystems[0]);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: what a node tells of its kernel's zones and locks; the debug kernel counts locks and latencies, the measured one says
 *   that it does not. Also calls on the host that no other test makes.
 *
 * Runs as the first task, which has the node's control port.
 */
#include <mach/host_special_ports.h>
#include "tap.h"

#include <mach/host_info.h>
#include <mach/processor_info.h>
#include <mach/vm_statistics.h>
#include <string.h>

static mach_port_t host, self_task;

static void give_back(const void *memory, size_t bytes)
{
	(void)mach_vm_deallocate(self_task, (mach_vm_address_t)(uintptr_t)memory, bytes);
}

/* ---- zones ---- */

static kern_return_t zone(const char *name, mach_zone_info_t *info)
{
	mach_zone_name_t n = { { 0 } };

	(void)strncpy(n.mzn_name, name, sizeof(n.mzn_name) - 1);
	return mach_zone_info_for_zone(host, n, info);
}

static void zones(void)
{
	mach_zone_name_array_t names = NULL;
	mach_zone_info_array_t infos = NULL;
	mach_msg_type_number_t count = 0, info_count = 0;
	mach_zone_info_t before = { 0 }, after = { 0 };
	mach_port_t ports[64];
	mach_zone_name_t unknown = { "no such zone" };
	bool found = false;

	tap(mach_zone_info(host, &names, &count, &infos, &info_count) == KERN_SUCCESS && count > 5 && count == info_count,
	    "HDBG0001 mach_zone_info tells of %u zones", count);
	for (mach_msg_type_number_t i = 0; i < count; i++)
		found |= strcmp(names[i].mzn_name, "ipc ports") == 0 && infos[i].mzi_count > 0 && infos[i].mzi_elem_size > 0 &&
			 infos[i].mzi_cur_size >= infos[i].mzi_count * infos[i].mzi_elem_size;
	tap(found, "HDBG0002 that of ports is one, with its pages");
	give_back(names, count * sizeof(*names));
	give_back(infos, info_count * sizeof(*infos));
	tap_result(mach_zone_info(self_task, &names, &count, &infos, &info_count), KERN_INVALID_ARGUMENT, "HDBG0003 of no host");
	tap_result(zone("ipc ports", &before), KERN_SUCCESS, "HDBG0004 one zone by its name");
	for (unsigned i = 0; i < 64; i++)
		(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_RECEIVE, &ports[i]);
	tap(zone("ipc ports", &after) == KERN_SUCCESS && after.mzi_count >= before.mzi_count + 64, "HDBG0005 64 ports more");
	for (unsigned i = 0; i < 64; i++)
		(void)mach_port_mod_refs(self_task, ports[i], MACH_PORT_RIGHT_RECEIVE, -1);
	tap(zone("ipc ports", &before) == KERN_SUCCESS && before.mzi_count + 64 <= after.mzi_count, "HDBG0006 and 64 fewer");
	tap_result(zone("no such zone", &after), KERN_INVALID_ARGUMENT, "HDBG0007 no other name");
	tap_result(mach_zone_info_for_zone(self_task, unknown, &after), KERN_INVALID_HOST, "HDBG0008 of no host");
	memset(unknown.mzn_name, 'x', sizeof(unknown.mzn_name));
	tap_result(mach_zone_info_for_zone(host, unknown, &after), KERN_INVALID_ARGUMENT, "HDBG0009 a name without an end is none");
}

/* ---- locks and latencies ---- */

static void measured(const char *who, kern_return_t expected)
{
	lockgroup_info_array_t locks = NULL;
	processor_info_array_t info = NULL;
	processor_array_t processors = NULL;
	processor_info_data_t one;
	mach_msg_type_number_t count = 0, info_count = 0, one_count = PROCESSOR_INFO_MAX;
	natural_t cpus = 0;
	mach_port_t h;
	bool taken = false;

	tap(host_lockgroup_info(host, &locks, &count) == expected, "HDBG0010 %s kernel on its locks: %s", who, mach_error_string(expected));
	for (mach_msg_type_number_t i = 0; i < count; i++)
		taken |= strcmp(locks[i].lockgroup_name, "thread") == 0 && locks[i].lock_spin_held_cnt > 0 &&
			 locks[i].lock_spin_held_cum > 0 && locks[i].lockgroup_attr == LOCKGROUP_ATTR_STAT;
	tap(taken == (expected == KERN_SUCCESS), "HDBG0011 %u classes; a thread's was %s", count, taken ? "taken" : "not told");
	give_back(locks, count * sizeof(*locks));
	tap_result(host_lockgroup_info(self_task, &locks, &count), KERN_INVALID_HOST, "HDBG0012 of no host");
	(void)host_processors(host, &processors, &count);
	tap(processor_info(processors[0], PROCESSOR_INTERRUPTS_OFF_LATENCY, &h, one, &one_count) == expected,
	    "HDBG0013 its longest time with interrupts off: %s", mach_error_string(expected));
	tap(host_processor_info(host, PROCESSOR_INTERRUPTS_OFF_LATENCY, &cpus, &info, &info_count) == expected,
	    "HDBG0014 of all processors: %s", mach_error_string(expected));
	if (expected == KERN_SUCCESS)
		give_back(info, info_count * sizeof(*info));
}

/* ---- others ---- */

static void memory_calls(void)
{
	integer_t words[HOST_INFO_MAX];
	mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
	mach_port_t manager = MACH_PORT_NULL;

	tap(host_statistics64(host, HOST_VM_INFO64, words, &count) == KERN_SUCCESS && count == HOST_VM_INFO64_COUNT,
	    "HDBG0020 host_statistics64");
	count = HOST_VM_INFO64_COUNT - 1;
	tap_result(host_statistics64(host, HOST_VM_INFO64, words, &count), KERN_FAILURE, "HDBG0021 with too little room");
	tap_result(host_statistics64(host, 99, words, &count), KERN_INVALID_ARGUMENT, "HDBG0022 no such flavour");
	tap_result(host_statistics64(self_task, HOST_VM_INFO64, words, &count), KERN_INVALID_ARGUMENT, "HDBG0023 of no host");
	tap(host_default_memory_manager_exchange(host, MACH_PORT_NULL, 0, &manager) == KERN_SUCCESS && manager == MACH_PORT_NULL,
	    "HDBG0024 there is no default pager");
	tap_result(host_default_memory_manager_exchange(self_task, MACH_PORT_NULL, 0, &manager), KERN_INVALID_HOST, "HDBG0025 of no host");
	tap_result(host_default_memory_space(self_task, 1 << 20), KERN_INVALID_HOST, "HDBG0026 nor has that a store");
	tap_result(host_default_memory_space(host, 0), KERN_SUCCESS, "HDBG0027 none of its own either");
}

/* tests/kernel/ddb.t runs this with a debugger, and tells it to continue. */
static void debugger(void)
{
	kern_return_t kr = host_reboot(host, HOST_REBOOT_DEBUGGER);

	tap(kr == KERN_SUCCESS || kr == KERN_NOT_SUPPORTED, "HDBG0030 the kernel's debugger was %s", kr == KERN_SUCCESS ? "entered" : "not asked for");
	tap_result(host_reboot(host, 0x4321), KERN_INVALID_ARGUMENT, "HDBG0031 there are no such options");
	tap_result(host_reboot(self_task, HOST_REBOOT_DEBUGGER), KERN_INVALID_HOST, "HDBG0032 of no host");
}

int main(void)
{
	lockgroup_info_array_t locks = NULL;
	mach_msg_type_number_t count = 0;
	kern_return_t kr;

	host = mach_host_self();
	self_task = mach_task_self();
	zones();
	kr = host_lockgroup_info(host, &locks, &count);
	if (kr == KERN_SUCCESS)
		give_back(locks, count * sizeof(*locks));
	measured(kr == KERN_SUCCESS ? "the debug" : "the measured", kr == KERN_SUCCESS ? KERN_SUCCESS : KERN_NOT_SUPPORTED);
	memory_calls();
	debugger();
	return tap_done();
}

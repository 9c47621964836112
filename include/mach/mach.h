/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/mach.h - everything a program needs to use the kernel. */
#pragma once

#include <mach/mach_types.h>
#include <mach/clock.h>
#include <mach/clock_priv.h>
#include <mach/exception_ports.h>
#include <mach/mach_error.h>
#include <mach/host_priv.h>
#include <mach/host_security.h>
#include <mach/host_special_ports.h>
#include <mach/lock_set.h>
#include <mach/mach4.h>
#include <mach/mach_host.h>
#include <mach/mach_init.h>
#include <mach/mach_port.h>
#include <mach/mach_time.h>
#include <mach/mach_traps.h>
#include <mach/mach_vm.h>
#include <mach/memory_object_control.h>
#include <mach/mig.h>
#include <mach/mk_timer.h>
#include <mach/mk_timer_task.h>
#include <mach/notify.h>
#include <mach/processor.h>
#include <mach/processor_set.h>
#include <mach/semaphore.h>
#include <mach/semaphore_traps.h>
#include <mach/sync_policy.h>
#include <mach/syscall_emulation.h>
#include <mach/task.h>
#include <mach/task_restartable.h>
#include <mach/task_special_ports.h>
#include <mach/thread_act.h>
#include <mach/vm_map.h>

/* The names of Mach 3.0 for MACH_PORT_LIMITS_INFO and MACH_PORT_RECEIVE_STATUS; errors as of those. */
kern_return_t mach_port_set_qlimit(ipc_space_t task, mach_port_name_t name, mach_port_msgcount_t qlimit);
kern_return_t mach_port_get_receive_status(ipc_space_t task, mach_port_name_t name, mach_port_status_t *status);

/*
 * Serve port with demux until an error of receiving; requests and replies of at most max_size bytes,
 * trailer apart. options: MACH_RCV_* for each receive.
 */
mach_msg_return_t mach_msg_server(boolean_t (*demux)(mach_msg_header_t *, mach_msg_header_t *),
				  mach_msg_size_t max_size, mach_port_t port, mach_msg_option_t options);
/* The same for one request. */
mach_msg_return_t mach_msg_server_once(boolean_t (*demux)(mach_msg_header_t *, mach_msg_header_t *),
				       mach_msg_size_t max_size, mach_port_t port, mach_msg_option_t options);

/* host_default_memory_manager_exchange (mach/host_priv.h) in OSF's form: *default_manager is the new one, then the old. */
kern_return_t host_default_memory_manager(host_priv_t host_priv, memory_object_default_t *default_manager,
					  memory_object_cluster_size_t cluster_size);

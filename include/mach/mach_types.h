/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/mach_types.h - the types of the kernel's interfaces. Names: OSF Mach and XNU. */
#pragma once

#include <mach/boolean.h>
#include <mach/clock_types.h>
#include <mach/exception_types.h>
#include <mach/host_info.h>
#include <mach/memory_object_types.h>
#include <mach/message.h>
#include <mach/policy.h>
#include <mach/port.h>
#include <mach/processor_info.h>
#include <mach/task_info.h>
#include <mach/task_policy.h>
#include <mach/thread_info.h>
#include <mach/thread_policy.h>
#include <mach/thread_status.h>
#include <mach/vm_inherit.h>
#include <mach/vm_prot.h>
#include <mach/vm_region.h>
#include <mach/vm_statistics.h>
#include <mach/vm_sync.h>
#include <mach/vm_types.h>
#include <mach_debug/ipc_info.h>

typedef mach_port_t exception_port_t;
typedef mach_port_t exception_handler_t;
typedef mach_port_t *exception_handlers_t;
typedef mach_port_t *exception_handler_array_t;
typedef mach_port_t mem_entry_name_port_t;
typedef mach_port_t *thread_act_array_t;
typedef mach_port_t *thread_array_t;
typedef mach_port_t *task_array_t;
typedef mach_port_t *processor_array_t;
typedef mach_port_t *processor_set_array_t;
typedef mach_port_t *processor_set_name_array_t;

/* Objects are ports to programs; the kernel's own types have other names. */
#ifndef MESHACH_KERNEL
typedef mach_port_t host_t;
typedef mach_port_t host_priv_t;
typedef mach_port_t task_t;
typedef mach_port_t task_name_t;
typedef mach_port_t task_suspension_token_t;
typedef mach_port_t ipc_space_t;
typedef mach_port_t vm_map_t;
typedef mach_port_t vm_task_entry_t;
typedef mach_port_t thread_t;
typedef mach_port_t thread_act_t;
typedef mach_port_t processor_t;
typedef mach_port_t processor_set_t;
typedef mach_port_t processor_set_name_t;
typedef mach_port_t clock_serv_t;
typedef mach_port_t clock_ctrl_t;
typedef mach_port_t semaphore_t;
typedef mach_port_t lock_set_t;
typedef mach_port_t host_security_t;

#define HOST_NULL ((host_t)0)
#define HOST_PRIV_NULL ((host_priv_t)0)
#define TASK_NULL ((task_t)0)
#define THREAD_NULL ((thread_t)0)
#define VM_MAP_NULL ((vm_map_t)0)
#endif

typedef uint64_t mach_memory_offset_t;
typedef vm_offset_t pointer_t;
typedef vm_offset_t *emulation_vector_t;
typedef char kernel_version_t[512];
typedef int vm_region_flavor_t;

/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/host_info.h - flavours of host_info(). Names and shapes: OSF Mach and XNU. */
#pragma once

#include <mach/boolean.h>
#include <mach/port.h>
#include <stdint.h>

typedef integer_t host_flavor_t;
typedef integer_t *host_info_t;
#define HOST_INFO_MAX 68
typedef integer_t host_info_data_t[HOST_INFO_MAX];

#define HOST_BASIC_INFO 1
typedef struct host_basic_info {
	integer_t max_cpus;
	integer_t avail_cpus;
	natural_t memory_size;  /* bytes, at most 2 GiB */
	integer_t cpu_type;
	integer_t cpu_subtype;
	integer_t cpu_threadtype;
	integer_t physical_cpu;
	integer_t physical_cpu_max;
	integer_t logical_cpu;
	integer_t logical_cpu_max;
	uint64_t max_mem;       /* bytes */
} host_basic_info_data_t;
typedef host_basic_info_data_t *host_basic_info_t;
#define HOST_BASIC_INFO_COUNT ((natural_t)(sizeof(host_basic_info_data_t) / sizeof(natural_t)))
#define CPU_TYPE_X86_64 0x01000007

#define HOST_PROCESSOR_SLOTS 2 /* Mach 3's: an integer_t for each processor, its slot number */

#define HOST_SCHED_INFO 3
typedef struct host_sched_info {
	integer_t min_timeout; /* milliseconds */
	integer_t min_quantum; /* milliseconds */
} host_sched_info_data_t;
typedef host_sched_info_data_t *host_sched_info_t;
#define HOST_SCHED_INFO_COUNT ((natural_t)(sizeof(host_sched_info_data_t) / sizeof(natural_t)))

#define HOST_RESOURCE_SIZES 4
/* Bytes of the kernel's own structures. */
typedef struct kernel_resource_sizes {
	natural_t task;
	natural_t thread;
	natural_t port;
	natural_t memory_region;
	natural_t memory_object;
} kernel_resource_sizes_data_t;
typedef kernel_resource_sizes_data_t *kernel_resource_sizes_t;
#define HOST_RESOURCE_SIZES_COUNT ((natural_t)(sizeof(kernel_resource_sizes_data_t) / sizeof(natural_t)))

#define HOST_PRIORITY_INFO 5
typedef struct host_priority_info {
	integer_t kernel_priority;
	integer_t system_priority;
	integer_t server_priority;
	integer_t user_priority;
	integer_t depress_priority;
	integer_t idle_priority;
	integer_t minimum_priority;
	integer_t maximum_priority;
} host_priority_info_data_t;
typedef host_priority_info_data_t *host_priority_info_t;
#define HOST_PRIORITY_INFO_COUNT ((natural_t)(sizeof(host_priority_info_data_t) / sizeof(natural_t)))

/* Nothing comes with these: KERN_SUCCESS says that the kernel has such traps. */
#define HOST_SEMAPHORE_TRAPS 7
#define HOST_MACH_MSG_TRAP 8

#define HOST_CAN_HAS_DEBUGGER 11
typedef struct host_can_has_debugger_info {
	boolean_t can_has_debugger; /* TRUE: who has a task's port debugs it */
} host_can_has_debugger_info_data_t;
typedef host_can_has_debugger_info_data_t *host_can_has_debugger_info_t;
#define HOST_CAN_HAS_DEBUGGER_COUNT ((natural_t)(sizeof(host_can_has_debugger_info_data_t) / sizeof(natural_t)))

#define HOST_PREFERRED_USER_ARCH 12
typedef struct host_preferred_user_arch {
	integer_t cpu_type, cpu_subtype;
} host_preferred_user_arch_data_t;
typedef host_preferred_user_arch_data_t *host_preferred_user_arch_t;
#define HOST_PREFERRED_USER_ARCH_COUNT ((natural_t)(sizeof(host_preferred_user_arch_data_t) / sizeof(natural_t)))

/* host_statistics() */
#define HOST_EXPIRED_TASK_INFO 6 /* a task_power_info_data_t of <mach/task_info.h> */
#define HOST_LOAD_INFO 1
#define LOAD_SCALE 1000
typedef struct host_load_info {
	integer_t avenrun[3];     /* runnable threads for each CPU, in LOAD_SCALE; one average, three times */
	integer_t mach_factor[3]; /* how fast a new thread would run, in LOAD_SCALE; likewise */
} host_load_info_data_t;
typedef host_load_info_data_t *host_load_info_t;
#define HOST_LOAD_INFO_COUNT ((natural_t)(sizeof(host_load_info_data_t) / sizeof(integer_t)))

#define HOST_CPU_LOAD_INFO 3
#define CPU_STATE_USER 0
#define CPU_STATE_SYSTEM 1
#define CPU_STATE_IDLE 2
#define CPU_STATE_NICE 3
#define CPU_STATE_MAX 4
typedef struct host_cpu_load_info {
	natural_t cpu_ticks[CPU_STATE_MAX]; /* hundredths of seconds of all CPUs since the boot; NICE: 0 */
} host_cpu_load_info_data_t;
typedef host_cpu_load_info_data_t *host_cpu_load_info_t;
#define HOST_CPU_LOAD_INFO_COUNT ((natural_t)(sizeof(host_cpu_load_info_data_t) / sizeof(integer_t)))

/* Ours: this node in the cluster, and what its kernel holds (for `status`, `top` and leak tests). */
#define HOST_NODE_INFO 0x4d53
typedef struct host_node_info {
	uint32_t address;     /* IPv4, host order; 0: no network */
	uint32_t cpus;
	uint64_t incarnation; /* of this boot, in the cluster; 0: no network */
	uint64_t uptime_ns;
	uint64_t memory_bytes, free_bytes;
	uint32_t tasks, threads;
	uint32_t ports, kmsgs; /* in use now */
} host_node_info_data_t;
typedef host_node_info_data_t *host_node_info_t;
#define HOST_NODE_INFO_COUNT ((natural_t)(sizeof(host_node_info_data_t) / sizeof(natural_t)))

/* Ours: this node's network. KERN_FAILURE: it has none. */
#define HOST_NET_INFO 0x4d54
typedef struct host_net_info {
	uint64_t incarnation;
	/* In use now: a node that nobody calls and that calls nobody is back at its start. */
	uint32_t exports, holders, onces, proxies, once_refs, transits; /* rights between nodes */
	uint32_t messages, records, large_buffers, deliveries, waiting; /* on their way */
	uint32_t peers_alive, peers_connected;
	uint32_t qps, regions, pieces, small_buffers, receive_buffers, transmit_buffers; /* of the transport */
	uint32_t zero;
	/* Since the boot. */
	uint64_t records_sent, records_received, duplicates, replayed, qp_errors, malformed, bad_mac, bad_right;
	uint64_t full, retracts, pulls, pulled_bytes, deaths, fences;
	uint64_t frames_in, frames_out, frames_dropped, retransmitted, timeouts, naks, rnrs;
} host_net_info_data_t;
typedef host_net_info_data_t *host_net_info_t;
#define HOST_NET_INFO_COUNT ((natural_t)(sizeof(host_net_info_data_t) / sizeof(natural_t)))
_Static_assert(HOST_NET_INFO_COUNT <= HOST_INFO_MAX, "host_net_info");

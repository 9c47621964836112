/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_kobject_calls.h - who does the calls on kernel objects: one table of functions per interface of
 * include/idl/mach, whose types are made by mig (<kernel/NAME_server.h>). A NULL in one answers MIG_BAD_ID.
 *
 * Conditions, of all functions: thread context, nothing locked; objects are referenced for the call, NULL if the
 *   port was not of that kind. A function that fails has consumed nothing of its arguments and gives out nothing;
 *   one that succeeds has consumed rights without translation, struct vm_map_copy * (NULL when empty) and
 *   arrays of ports (kalloc'ed, count elements; NULL when empty). What it gives out are rights made already,
 *   copies, and kalloc'ed arrays (count elements), which the reply then owns.
 */
#pragma once

#include <mach/mig.h>

struct ipc_kobject_subsystem {
	const struct mig_server *server;
	const void *calls; /* its struct NAME_ops */
};

/* In the order of their ids (ipc_kobject_table.c). */
extern const struct ipc_kobject_subsystem ipc_kobject_subsystems[];
extern const size_t ipc_kobject_subsystem_count;

extern const struct device_ops device_calls;         /* device/device_io.c */
extern const struct clock_ops clock_calls;           /* kern/clock_service.c */
extern const struct clock_priv_ops clock_priv_calls; /* kern/clock_service.c */
extern const struct lock_set_ops lock_set_calls;     /* kern/sync_calls.c */
extern const struct mach4_ops mach4_calls;           /* kern/pc_sample.c */
extern const struct mk_timer_task_ops mk_timer_calls;     /* kern/sync_calls.c */
extern const struct semaphore_ops semaphore_calls;   /* kern/sync_calls.c */
extern const struct mach_host_ops mach_host_calls;   /* kern/host_calls.c */
extern const struct host_security_ops host_security_calls; /* kern/host_calls.c */
extern const struct host_priv_ops host_priv_calls;   /* kern/host_calls.c */
extern const struct mach_port_ops mach_port_calls;   /* ipc/mach_port.c's functions, in kern/ipc_kobject_ports.c */
extern const struct task_ops task_calls;             /* kern/task_calls.c */
extern const struct task_restartable_ops task_restartable_calls; /* kern/restartable.c */
extern const struct thread_act_ops thread_act_calls; /* kern/thread_calls.c */
extern const struct processor_ops processor_calls;   /* sched/processor.c */
extern const struct processor_set_ops processor_set_calls; /* sched/processor_set_calls.c */
extern const struct vm_map_ops vm_map_calls;         /* vm/vm_user.c */
extern const struct memory_object_control_ops memory_object_control_calls; /* vm/memory_object.c */
extern const struct mach_vm_ops mach_vm_calls;       /* vm/vm_user.c */

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task.c - the process's task and what kernel/ipc calls of kern: objects that it knows.
 *
 * Of the kernel's interfaces a process serves those on ports, and the host's name server; calls on
 * a task or thread of a process answer MIG_BAD_ID.
 */
#include <host/host.h>
#include <ipc/ipc_init.h>
#include <ipc/ipc_tt.h>
#include <kern/host.h>
#include <kern/ipc_kobject.h>
#include <kern/ipc_kobject_calls.h>
#include <kern/kworker.h>
#include <kernel/clock_priv_server.h>
#include <kernel/clock_server.h>
#include <kernel/device_server.h>
#include <kernel/host_priv_server.h>
#include <kernel/host_security_server.h>
#include <kernel/lock_set_server.h>
#include <kernel/mach4_server.h>
#include <kernel/mach_host_server.h>
#include <kernel/mach_vm_server.h>
#include <kernel/mk_timer_task_server.h>
#include <kernel/processor_server.h>
#include <kernel/processor_set_server.h>
#include <kernel/semaphore_server.h>
#include <kernel/memory_object_control_server.h>
#include <kernel/vm_map_server.h>
#include <kernel/task_restartable_server.h>
#include <kernel/task_server.h>
#include <kernel/thread_act_server.h>
#include <mach/host_special_ports.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <vm/vm_map.h>

#include "hosted.h"
#include "kernel.h"

static struct task *the_task;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static kern_return_t call_name_server(struct host *host, mach_port_t *port)
{
	if (host == NULL)
		return KERN_INVALID_ARGUMENT;
	*port = host_special_port_copy(HOST_NAME_SERVER_PORT);
	return KERN_SUCCESS;
}

const struct mach_host_ops mach_host_calls = {.host_name_server = call_name_server};
const struct host_priv_ops host_priv_calls;
const struct host_security_ops host_security_calls;
const struct task_ops task_calls;
const struct thread_act_ops thread_act_calls;
const struct mach_vm_ops mach_vm_calls;
const struct device_ops device_calls;
const struct clock_ops clock_calls;
const struct clock_priv_ops clock_priv_calls;
const struct lock_set_ops lock_set_calls;
const struct mach4_ops mach4_calls;
const struct mk_timer_task_ops mk_timer_calls;
const struct processor_ops processor_calls;
const struct processor_set_ops processor_set_calls;
const struct semaphore_ops semaphore_calls;
const struct task_restartable_ops task_restartable_calls;

/* A process makes none of these objects, so no port is one. */
struct clock *convert_port_to_clock(struct ipc_port *port)
{
	return NULL;
}

struct clock *convert_port_to_clock_ctrl(struct ipc_port *port)
{
	return NULL;
}

struct processor *convert_port_to_processor(struct ipc_port *port)
{
	(void)port;
	return NULL;
}

struct processor_set *convert_port_to_pset(struct ipc_port *port)
{
	(void)port;
	return NULL;
}

struct processor_set *convert_port_to_pset_name(struct ipc_port *port)
{
	(void)port;
	return NULL;
}

void pset_deallocate(struct processor_set *s)
{
	(void)s;
}

struct semaphore *convert_port_to_semaphore(struct ipc_port *port)
{
	return NULL;
}

void semaphore_release(struct semaphore *s)
{
}

struct lock_set *convert_port_to_lock_set(struct ipc_port *port)
{
	return NULL;
}

void lock_set_release(struct lock_set *set)
{
}
const struct memory_object_control_ops memory_object_control_calls;

struct device_master *convert_port_to_device_master(struct ipc_port *port)
{
	return NULL;
}

struct device_open *convert_port_to_device(struct ipc_port *port)
{
	return NULL;
}

void device_open_release(struct device_open *o)
{
}
const struct vm_map_ops vm_map_calls;

struct vm_object *convert_port_to_memory_object_control(struct ipc_port *port)
{
	return NULL;
}

void memory_object_control_release(struct vm_object *o)
{
}

static void start(void)
{
	struct task *t = calloc(1, sizeof(*t));

	if (t == NULL)
		abort();
	ipc_init();
	ipc_kobject_init();
	host_init();
	t->references = 1;
	t->active = true;
	t->id = 1;
	spin_init(&t->lock, "task");
	list_init(&t->threads);
	snprintf(t->name, sizeof(t->name), "hosted");
	if (ipc_task_init(t, NULL) != KERN_SUCCESS)
		abort();
	ipc_task_enable(t);
	the_task = t;
}

struct task *hosted_task(void)
{
	pthread_once(&once, start);
	return the_task;
}

void task_reference(struct task *t)
{
	atomic_fetch_add(&t->references, 1);
}

void task_deallocate(struct task *t)
{
	VERIFY(atomic_fetch_sub(&t->references, 1) >
	       1); /* the process's own ends with the process */
}

void vm_map_reference(struct vm_map *map)
{
}

void vm_map_deallocate(struct vm_map *map)
{
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task.c - host double of tasks: a space and ports, no threads and no memory. Also of what kernel/ipc calls
 * in kern: a kernel object's server that a test may replace.
 */
#include <host/host.h>
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_tt.h>
#include <kern/ipc_kobject.h>
#include <stdio.h>
#include <stdlib.h>
#include <vm/vm_map.h>

struct ipc_kmsg *(*host_kobject_server)(struct ipc_kmsg *request);
static _Atomic uint64_t next_id = 100;

struct task *host_task_create(struct task *parent, const char *name)
{
	struct task *t = calloc(1, sizeof *t);

	t->references = 1;
	t->active = true;
	t->id = next_id++;
	spin_init(&t->lock, "task");
	list_init(&t->threads);
	snprintf(t->name, sizeof t->name, "%s", name);
	if (ipc_task_init(t, parent) != KERN_SUCCESS) {
		free(t);
		return NULL;
	}
	ipc_task_enable(t);
	return t;
}

void host_task_destroy(struct task *t)
{
	ipc_task_disable(t);
	ipc_task_terminate(t);
	task_deallocate(t);
}

void task_reference(struct task *t)
{
	atomic_fetch_add(&t->references, 1);
}

void task_deallocate(struct task *t)
{
	if (atomic_fetch_sub(&t->references, 1) == 1)
		free(t);
}

void vm_map_reference(struct vm_map *map)
{
	(void)map;
}

struct ipc_kmsg *ipc_kobject_server(struct ipc_kmsg *request)
{
	if (host_kobject_server)
		return host_kobject_server(request);
	ipc_kmsg_destroy(request);
	return NULL;
}

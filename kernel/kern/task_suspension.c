/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task_suspension.c - suspensions with a port. Interface: task_suspension.h.
 *
 * Invariants: U1 who takes the suspension off its port (task_resume2(), or the loss of the last send right) ends it, once.
 * References: XNU's task.defs, task_suspend2, whose tokens are send-once rights; here a send right, which is passed on and counted as any.
 */
#include <ipc/ipc_port.h>
#include <ipc/ipc_space.h>
#include <kern/ipc_kobject.h>
#include <kern/kalloc.h>
#include <kern/kworker.h>
#include <kern/task.h>
#include <kern/task_suspension.h>

struct suspension {
	struct ipc_port *port; /* [I] naked; dies with the suspension */
	struct task *task;     /* [I] +1; suspended once for this */
	struct kwork end;
};

/* Its taker's, U1. */
static void suspension_end(struct kwork *w)
{
	struct suspension *s = container_of(w, struct suspension, end);

	(void)task_resume(s->task); /* or it has ended */
	ipc_port_dealloc_special(s->port);
	task_deallocate(s->task);
	kfree(s, sizeof(*s));
}

/* The suspension that port stands for, taken off it; NULL: there is none. unless_sent: not if a send right is there again. */
static struct suspension *take(struct ipc_port *port, bool unless_sent)
{
	struct suspension *s = ipc_kobject_lock(port, IKOT_TASK_SUSPENSION);

	if (s == NULL)
		return NULL;
	if (unless_sent && port->ip_srights != 0) {
		s = NULL;
	} else {
		port->ip_kobject = NULL;
		port->ip_kotype = IKOT_NONE;
	}
	ip_unlock(port);
	return s;
}

/* Any context: the task may go with this, and that is a worker's. */
static void no_senders(struct ipc_port *port)
{
	struct suspension *s = take(port, true);

	if (s != NULL)
		kworker_submit(&s->end);
}

void task_suspension_init(void)
{
	ipc_kobject_no_senders_calls[IKOT_TASK_SUSPENSION] = no_senders;
}

kern_return_t task_call_suspend2(struct task *task, struct ipc_port **token)
{
	struct suspension *s;
	kern_return_t kr;

	if (task == NULL)
		return KERN_INVALID_TASK;
	s = kalloc_zeroed(sizeof(*s));
	if (s == NULL)
		return KERN_RESOURCE_SHORTAGE;
	s->port = ipc_port_alloc_special(ipc_space_kernel);
	if (s->port == IP_NULL) {
		kfree(s, sizeof(*s));
		return KERN_RESOURCE_SHORTAGE;
	}
	kr = task_suspend(task);
	if (kr != KERN_SUCCESS) {
		ipc_port_dealloc_special(s->port);
		kfree(s, sizeof(*s));
		return kr;
	}
	task_reference(task);
	s->task = task;
	kwork_init(&s->end, suspension_end, true);
	*token = ipc_port_make_send(s->port);
	ipc_kobject_set(s->port, s, IKOT_TASK_SUSPENSION);
	return KERN_SUCCESS;
}

kern_return_t task_call_resume2(struct ipc_port *token)
{
	struct suspension *s = take(token, false);

	if (s == NULL)
		return KERN_INVALID_ARGUMENT;
	suspension_end(&s->end);
	return KERN_SUCCESS;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_task.h - the part of a task that belongs to ipc (Mach's itk_ fields), guarded by its own lock. */
#pragma once

#include <ipc/ipc_thread.h>
#include <kern/lock.h>

struct ipc_port;
struct ipc_space;

#define TASK_PORT_REGISTER_MAX 3

/* Who sent a message: of its task, and inherited by the tasks that it makes. */
struct ipc_tokens {
	security_token_t security;
	audit_token_t audit;
};

struct ipc_task {
	struct spinlock lock;
	struct ipc_space *space;        /* +1; immutable until the task is freed */
	struct ipc_port *self;          /* kernel port (naked); NULL once terminated */
	struct ipc_port *sself;         /* send right */
	struct ipc_port *name;          /* name port (naked), made when first asked for; NULL */
	struct ipc_port *host;          /* send right */
	struct ipc_port *bootstrap;     /* send right or NULL */
	struct exception_action exc_actions[EXC_TYPES_COUNT];
	struct ipc_port *registered[TASK_PORT_REGISTER_MAX];

	/* What its messages say of their sender: read without the lock, as a whole (ipc_task_tokens). */
	_Atomic uint32_t tokens_version; /* odd while they change */
	struct ipc_tokens tokens;
};

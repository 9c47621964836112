/* SPDX-License-Identifier: BSD-2-Clause */
/* mutex.h - a sleeping lock for thread context; not recursive; its owner inherits the priority of who waits. */
#pragma once

#include <kern/lock.h>
#include <sched/wait.h>

struct thread;

struct mutex {
	struct spinlock lock;  /* guards the rest */
	struct thread *owner;  /* NULL: free */
	struct waitq waiters;
};

void mutex_init(struct mutex *m, const char *class_name);
void mutex_lock(struct mutex *m);
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
/* True when the calling thread owns m. */
bool mutex_held(const struct mutex *m);

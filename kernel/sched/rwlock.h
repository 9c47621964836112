/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rwlock.h - a sleeping lock for thread context that many readers or one writer hold; not recursive.
 *
 * Who comes first waits least: while somebody waits, newcomers wait too. A writer that leaves lets in
 * the readers that wait, the last reader the first writer that waits; so neither kind starves the other.
 * Order: as a mutex's (before spin locks).
 */
#pragma once

#include <kern/lock.h>
#include <sched/wait.h>

struct thread;

struct rwlock {
	_Atomic uint32_t state;  /* RWLOCK_*; raised only by CAS while nobody is queued, else under lock */
	struct spinlock lock;    /* guards the queues */
	struct thread *_Atomic owner; /* the writer, for assertions and ddb */
	struct waitq readers, writers;
};

#define RWLOCK_WRITER 1U
#define RWLOCK_QUEUED 2U /* somebody waits, or is about to look */
#define RWLOCK_READER 4U /* times the number of readers */

void rwlock_init(struct rwlock *l, const char *class_name);
void rwlock_read(struct rwlock *l);
void rwlock_read_unlock(struct rwlock *l);
void rwlock_write(struct rwlock *l);
void rwlock_write_unlock(struct rwlock *l);
bool rwlock_write_try(struct rwlock *l);
/* The only reader becomes the writer; false: there are others, and the caller no longer holds l at all. */
bool rwlock_upgrade(struct rwlock *l);
/* The writer becomes a reader, with those that wait to read. */
void rwlock_downgrade(struct rwlock *l);
/* True when the calling thread is the writer. */
bool rwlock_write_held(const struct rwlock *l);
/* True when anybody holds l. */
bool rwlock_held(const struct rwlock *l);

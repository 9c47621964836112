/* SPDX-License-Identifier: BSD-2-Clause */
/* lock_set_private.h - what lock_set.c and lock_remote.c share: a lock, who has it, who waits for it. Invariants and key: lock_set.c. */
#pragma once

#include <base/list.h>
#include <kern/lock.h>
#include <kern/lock_set.h>
#include <sched/wait.h>
#include <stdatomic.h>

struct lock_wait;

struct ulock {
	struct list *holder;          /* [h] the list of what its holder holds: a thread's, or a remote holder's; NULL: nobody */
	struct list held_link;        /* [h] on it */
	struct lock_set *set;         /* [I] */
	struct waitq waiters;         /* [h] of lock_acquire */
	struct list remote_waiters;   /* [h] of lock_wait.link: after those */
	struct waitq exchange;        /* [h] the giver, or the taker, alone */
	struct thread *giver;         /* [h] in lock_handoff */
	struct thread *taker;         /* [h] in lock_handoff_accept */
	struct lock_wait *remote_giver, *remote_taker; /* [h] the same, of another node */
	bool unstable;                /* [h] a holder ended without releasing it */
};

struct lock_set {
	_Atomic uint32_t references;  /* [a] */
	bool active;                  /* [h] */
	int policy;                   /* [I] */
	uint32_t count;               /* [I] */
	struct ipc_port *port;        /* [I] naked; dead with the set */
	struct task *owner;           /* [I] not referenced */
	struct list owner_link;       /* [t] */
	struct ulock locks[];
};

/* What a change of a lock leaves to do when nothing is locked any more. */
struct lock_after {
	struct thread *thread;        /* claimed: let it go */
	struct list answers;          /* of lock_wait.link: answer with their result */
};

extern struct spinlock lock_set_holders; /* [h] */

void lock_after_init(struct lock_after *a);
void lock_after_run(struct lock_after *a);

/* All of these: holders is locked. */
void lock_hold(struct ulock *l, struct list *who);
void lock_let_go(struct ulock *l, struct lock_after *a);
/* l, held, goes to the next who waits for it. */
void lock_pass_on(struct ulock *l, struct lock_after *a);
/* KERN_SUCCESS, or KERN_LOCK_UNSTABLE. */
kern_return_t lock_held_now(const struct ulock *l);
/* Does anybody wait to take l, or to give it? If so it is taken off: it has the lock now, or has given it. */
bool lock_claim_taker(struct ulock *l, struct lock_after *a);
bool lock_claim_giver(struct ulock *l, struct lock_after *a);
bool lock_has_taker(struct ulock *l, struct lock_after *a);
/* Lock holders and find the lock; unlocked if it fails. */
kern_return_t lock_begin(struct lock_set *set, int id, struct ulock **l);

/* ---- lock_remote.c ---- */

/* Can its caller still be told? holders is locked. */
bool lock_wait_alive(const struct lock_wait *w);
/* Off its lock, to be answered so. */
void lock_wait_end(struct lock_wait *w, kern_return_t result, struct lock_after *a);
/* The first of l's remote waiters that is alive, off the list; the others end. NULL. */
struct lock_wait *lock_wait_next(struct ulock *l, struct lock_after *a);
struct list *lock_wait_holder(const struct lock_wait *w);
/* Nothing locked: answer these, and free what no remote holder needs any more. */
void lock_waits_answer(struct list *answers);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * donate.h - priority inheritance: a thread that waits lends its priority to the thread it waits for.
 *
 * A waiting thread lends to at most one other: to the owner of the mutex it waits for (mutex.c), or to the
 * server thread that has its request, from the request until the wait for the reply ends, however it ends: reply, abort,
 * timeout, death of the port. What the server is lent it lends on, through mutexes and nested calls.
 *
 * For mach_msg (the thread's own calls; no lock held, or any object's lock):
 *   donate_rpc_begin(server)  the calling thread sent a request and is about to wait for its reply; server took the
 *                             request (hand-off), or is who last took one from that port, or NULL: not known
 *   donate_rpc_end()          that wait is over. A thread that is let go (thread_go, hand-off) has lost its loan by then
 *   donate_ticket(), donate_take()  for a request that is queued: the ticket goes with it, and who takes it
 *                             from the queue is lent to instead
 * All four cost a few instructions while nobody's priority is above another's.
 *
 * Threads are named by pointer and number without references: their memory stays threads' memory (zone_keep()), and a
 * number is never used twice.
 */
#pragma once

#include <kern/thread.h>
#include <sched/priority.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

void donate_init_thread(struct thread *t, uint64_t tid);
/* t ends: its donors keep what they lent. No RPC of it is under way. */
void donate_end_thread(struct thread *t);

/* self waits, or is about to, for owner. Replaces what it lent before. */
void donate_lend(struct thread *self, struct thread *owner);
/* self lends to nobody. */
void donate_return(struct thread *self);
/* t's own worth has changed: whoever it lends to gets to know. */
void donate_changed(struct thread *t);
/* For ddb and tests: the best worth that is lent to t (priority 0: none). */
struct worth donate_received(struct thread *t);

/* The slow halves of what follows. */
void donate_rpc_lend(struct thread *client, uint64_t call, struct thread_ref server);

/* Is a's lendable priority above b's? A hint: no lock is taken. */
static inline bool donate_worth_it(const struct thread *a, const struct thread *b)
{
	uint32_t lends = __atomic_load_n(&a->lend_priority, __ATOMIC_RELAXED);

	return lends > __atomic_load_n(&b->lend_priority, __ATOMIC_RELAXED) || lends >= SCHED_PRIORITY_REALTIME;
}

static inline void donate_rpc_begin(struct thread *server)
{
	struct thread *self = current_thread();

	if (server == NULL)
		return;
	self->donation.peer.thread = server;
	self->donation.peer.tid = server->tid;
	if (__builtin_expect(donate_worth_it(self, server), 0))
		donate_rpc_lend(self, self->donation.call, self->donation.peer);
}

/* As above, of a server that may have ended: a port's hint of who took a request last. */
static inline void donate_rpc_begin_ref(struct thread_ref server)
{
	struct thread *self = current_thread();

	if (server.thread == NULL || server.thread == self)
		return;
	self->donation.peer = server;
	if (__builtin_expect(donate_worth_it(self, server.thread), 0))
		donate_rpc_lend(self, self->donation.call, server);
}

static inline void donate_rpc_end(void)
{
	struct thread *self = current_thread();

	self->donation.peer.thread = NULL;
	self->donation.call++;
	if (__builtin_expect(self->donation.to != NULL, 0))
		donate_return(self);
}

static inline struct donate_ticket donate_ticket(void)
{
	struct thread *self = current_thread();

	return (struct donate_ticket){ self, self->donation.call };
}

/* The calling thread took the request that ticket came with. */
static inline void donate_take(struct donate_ticket ticket)
{
	struct thread *self = current_thread();

	if (ticket.thread != NULL && ticket.thread != self && __builtin_expect(donate_worth_it(ticket.thread, self), 0))
		donate_rpc_lend(ticket.thread, ticket.call, (struct thread_ref){ self, self->tid });
}

/* The calling thread, as a hint that a port can keep. */
static inline struct thread_ref donate_self(void)
{
	struct thread *self = current_thread();

	return (struct thread_ref){ self, self->tid };
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * donate.c - who lends priority to whom. Interface: donate.h.
 *
 * Lending makes a forest: each thread has one edge to the thread it waits for (to) and a list of those that wait for it.
 * A thread's worth is the best of its own and its donors'. When it changes, the change is carried along the chain until a
 * thread's worth stays as it was. A request in a hand-off only notes its server (peer): the edge is made when
 * there is something to lend, at once or when the client itself is lent to later.
 *
 * Invariants: D1 t->donation.to == u <=> t is on u's donors; D2 outside the lock each thread's promotion is the best
 *   worth of its donors; D3 an edge made for a call goes with it: one that came too late is taken back by the
 *   client on its way out (AST_DONATION).
 * Locking: donate_lock, after any object's lock, before run queue locks. Chains are as long as threads wait for each other; a
 *   circle (a dead-lock of the programs) ends when worths no longer change.
 * References: Sha, Rajkumar, Lehoczky, "Priority Inheritance Protocols" (1990); Kitayama, Nakajima, Tokuda, "RT-IPC: An IPC
 *   Extension for Real-Time Mach" (1993).
 */
#include <kern/assert.h>
#include <kern/lock.h>
#include <kern/thread.h>
#include <sched/donate.h>
#include <sched/priority.h>

static struct spinlock donate_lock = SPINLOCK_INIT("donation");

static bool better(struct worth a, struct worth b)
{
	return a.priority > b.priority || (a.priority == b.priority && a.deadline_ns < b.deadline_ns);
}

void donate_init_thread(struct thread *t, uint64_t tid)
{
	t->donation.to = NULL;
	list_init(&t->donation.link);
	list_init(&t->donation.donors);
	t->donation.peer = (struct thread_ref){ 0 };
	t->donation.call = tid << 40;
	t->donation.ended = false;
}

/* The hint of donate.h. A real-time thread counts as one though it may be over its share: the lock decides. */
static void lend_priority_update(struct thread *t)
{
	uint32_t own = t->sched.mode == SCHED_REALTIME ? SCHED_PRIORITY_REALTIME : sched_own_worth(t).priority;

	__atomic_store_n(&t->lend_priority, own > t->promotion ? own : t->promotion, __ATOMIC_RELAXED);
}

static struct worth worth_of(struct thread *t)
{
	struct worth own = sched_own_worth(t), lent = { t->promotion, t->promotion_deadline_ns };

	return better(lent, own) ? lent : own;
}

/* D2 for t; true if its worth as a whole is another now. */
static bool promotion_update(struct thread *t)
{
	struct worth before = worth_of(t), best = { 0, UINT64_MAX }, after;

	LIST_FOR_EACH(pos, &t->donation.donors) {
		struct worth w = worth_of(container_of(pos, struct thread, donation.link));

		if (better(w, best))
			best = w;
	}
	if (best.priority != t->promotion || best.deadline_ns != t->promotion_deadline_ns)
		sched_promote(t, best);
	lend_priority_update(t);
	after = worth_of(t);
	return before.priority != after.priority || before.deadline_ns != after.deadline_ns;
}

static void edge_make(struct thread *from, struct thread *to)
{
	from->donation.to = to;
	list_add_tail(&to->donation.donors, &from->donation.link);
}

/* The thread numbered tid is still there. */
static bool lives(struct thread_ref ref)
{
	return ref.thread != NULL && ref.thread->tid == ref.tid && !ref.thread->donation.ended;
}

/* t's worth changed: along the chain. A client whose call is under way joins the chain now (D3). */
static void carry_on(struct thread *t)
{
	while (t != NULL) {
		struct thread *to = t->donation.to;

		if (to == NULL && t != current_thread() && lives(t->donation.peer) && t->donation.peer.thread != t) {
			to = t->donation.peer.thread;
			edge_make(t, to);
			atomic_fetch_or(&t->ast, AST_DONATION);
		}
		if (to == NULL || !promotion_update(to))
			return;
		t = to;
	}
}

static void edge_cut(struct thread *from)
{
	struct thread *to = from->donation.to;

	if (to == NULL)
		return;
	list_remove(&from->donation.link);
	from->donation.to = NULL;
	if (promotion_update(to))
		carry_on(to);
}

void donate_lend(struct thread *self, struct thread *owner)
{
	spin_lock(&donate_lock);
	if (self->donation.to != owner) {
		edge_cut(self);
		edge_make(self, owner);
		if (promotion_update(owner))
			carry_on(owner);
	}
	spin_unlock(&donate_lock);
}

__attribute__((noinline, cold)) void donate_return(struct thread *self)
{
	spin_lock(&donate_lock);
	edge_cut(self);
	spin_unlock(&donate_lock);
}

void donate_changed(struct thread *t)
{
	spin_lock(&donate_lock);
	lend_priority_update(t);
	carry_on(t);
	spin_unlock(&donate_lock);
}

__attribute__((noinline, cold)) void donate_rpc_lend(struct thread *client, uint64_t call, struct thread_ref server)
{
	spin_lock(&donate_lock);
	/* The client's wait may have ended meanwhile, and another begun. */
	if (lives(server) && client != server.thread && client->donation.call == call &&
	    !client->donation.ended && client->donation.to != server.thread) {
		edge_cut(client);
		edge_make(client, server.thread);
		if (client != current_thread())
			atomic_fetch_or(&client->ast, AST_DONATION);
		if (promotion_update(server.thread))
			carry_on(server.thread);
	}
	spin_unlock(&donate_lock);
}

void donate_end_thread(struct thread *t)
{
	spin_lock(&donate_lock);
	t->donation.ended = true; /* no new edge to or from it */
	edge_cut(t);
	LIST_FOR_EACH_SAFE(pos, tmp, &t->donation.donors) {
		list_remove(pos);
		container_of(pos, struct thread, donation.link)->donation.to = NULL;
	}
	t->promotion = 0;
	t->promotion_deadline_ns = UINT64_MAX;
	spin_unlock(&donate_lock);
}

struct worth donate_received(struct thread *t)
{
	struct worth w;

	spin_lock(&donate_lock);
	w = (struct worth){ t->promotion, t->promotion_deadline_ns };
	spin_unlock(&donate_lock);
	return w;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: semaphores, lock sets, timers and clocks as ports: each call and each of its errors, by trap and by message, and
 *   what becomes of who waits.
 */
#include "residue.h"
#include "tap.h"
#include "threads.h"

#include <mach/clock_reply_server.h>
#include <mach/lock_set.h>
#include <mach/mapped_clock.h>
#include <mach/semaphore_traps.h>
#include <string.h>
#include <time.h>

#define MS 1000000u
#define LONG_S 600 /* no test waits so long */

/* The messages, which the library sends for another node's semaphore only. */
kern_return_t _kernelrpc_semaphore_signal(semaphore_t semaphore);
kern_return_t _kernelrpc_semaphore_signal_all(semaphore_t semaphore);
kern_return_t _kernelrpc_semaphore_signal_thread(semaphore_t semaphore, thread_act_t thread);
kern_return_t _kernelrpc_semaphore_wait(semaphore_t semaphore);
kern_return_t _kernelrpc_semaphore_timedwait(semaphore_t semaphore, mach_timespec_t wait_time);
kern_return_t _kernelrpc_semaphore_wait_signal(semaphore_t wait_semaphore, semaphore_t signal_semaphore);
kern_return_t _kernelrpc_semaphore_timedwait_signal(semaphore_t wait_semaphore, semaphore_t signal_semaphore,
						    mach_timespec_t wait_time);

static mach_port_t self_task;

static semaphore_t new_semaphore(int policy, int value)
{
	semaphore_t s = MACH_PORT_NULL;

	if (semaphore_create(self_task, &s, policy, value) != KERN_SUCCESS)
		abort();
	return s;
}

static void drop(mach_port_t right)
{
	(void)mach_port_deallocate(self_task, right);
}

static void end_semaphore(semaphore_t s)
{
	(void)semaphore_destroy(self_task, s);
	drop(s);
}

static const mach_timespec_t no_time = { 0, 0 }, short_time = { 0, 5 * MS }, bad_time = { 0, 1000000000 };

/* ---- semaphores ---- */

static kern_return_t act_wait(struct actor *a)
{
	return semaphore_wait(a->port);
}

static kern_return_t act_wait_message(struct actor *a)
{
	return _kernelrpc_semaphore_wait(a->port);
}

static kern_return_t act_wait_signal(struct actor *a)
{
	return semaphore_wait_signal(a->port, a->other);
}

static kern_return_t act_wait_signal_message(struct actor *a)
{
	return _kernelrpc_semaphore_wait_signal(a->port, a->other);
}

static kern_return_t act_timedwait_signal(struct actor *a)
{
	return semaphore_timedwait_signal(a->port, a->other, (mach_timespec_t){ LONG_S, 0 });
}

static void semaphore_counts(void)
{
	semaphore_t s = MACH_PORT_NULL, other = MACH_PORT_NULL;

	tap_result(semaphore_create(self_task, &s, 8, 0), KERN_INVALID_ARGUMENT, "CLK0001 no semaphore of an unknown policy");
	tap_result(semaphore_create(self_task, &s, SYNC_POLICY_FIFO, -1), KERN_INVALID_ARGUMENT, "CLK0002 none below zero");
	tap_result(semaphore_create(mach_host_self(), &s, SYNC_POLICY_FIFO, 0), KERN_INVALID_TASK, "CLK0003 none for what is no task");
	tap_result(semaphore_create(self_task, &s, SYNC_POLICY_FIFO, 2), KERN_SUCCESS, "CLK0004 a semaphore with two to take");
	tap_result(semaphore_wait(s), KERN_SUCCESS, "CLK0005 one is taken");
	tap_result(semaphore_timedwait(s, short_time), KERN_SUCCESS, "CLK0006 the second too");
	tap_result(semaphore_timedwait(s, no_time), KERN_OPERATION_TIMED_OUT, "CLK0007 the third is not there");
	tap_result(semaphore_timedwait(s, short_time), KERN_OPERATION_TIMED_OUT, "CLK0008 nor in time");
	tap_result(semaphore_timedwait(s, bad_time), KERN_INVALID_VALUE, "CLK0009 a time must be one");
	tap_result(semaphore_signal(s), KERN_SUCCESS, "CLK0010 a signal without a waiter counts");
	tap_result(semaphore_signal_all(s), KERN_SUCCESS, "CLK0011 one to all without a waiter does not");
	tap(semaphore_wait(s) == KERN_SUCCESS && semaphore_timedwait(s, no_time) == KERN_OPERATION_TIMED_OUT,
	    "CLK0012 so there was one to take");
	tap_result(semaphore_signal_thread(s, mach_thread_self()), KERN_NOT_WAITING, "CLK0013 a thread that does not wait is not signalled");
	tap_result(semaphore_signal_thread(s, MACH_PORT_NULL), KERN_NOT_WAITING, "CLK0014 nor any when none waits");
	tap_result(semaphore_timedwait(s, no_time), KERN_OPERATION_TIMED_OUT, "CLK0015 and neither counts");
	other = new_semaphore(SYNC_POLICY_FIFO, 0);
	(void)semaphore_signal(s);
	tap_result(semaphore_wait_signal(s, other), KERN_SUCCESS, "CLK0016 wait and signal at once");
	tap_result(semaphore_wait(other), KERN_SUCCESS, "CLK0017 the other was signalled");
	tap_result(semaphore_timedwait_signal(s, other, short_time), KERN_OPERATION_TIMED_OUT, "CLK0018 the same with a time");
	tap_result(semaphore_wait(other), KERN_SUCCESS, "CLK0019 the signal was given though the wait timed out");
	tap_result(semaphore_wait_signal(s, s), KERN_SUCCESS, "CLK0020 one and the same: the wait takes the signal");
	tap_result(semaphore_timedwait_signal(s, other, bad_time), KERN_INVALID_VALUE, "CLK0021 a bad time is told");
	tap_result(semaphore_timedwait(other, no_time), KERN_OPERATION_TIMED_OUT, "CLK0022 before anything is signalled");
	end_semaphore(other);
	tap_result(semaphore_destroy(mach_host_self(), s), KERN_INVALID_TASK, "CLK0023 no task, no end");
	tap_result(semaphore_destroy(self_task, mach_host_self()), KERN_INVALID_ARGUMENT, "CLK0024 no semaphore, no end");
	tap_result(semaphore_destroy(self_task, s), KERN_SUCCESS, "CLK0025 a semaphore ends");
	tap_result(semaphore_destroy(self_task, s), KERN_INVALID_ARGUMENT, "CLK0026 once");
	tap_result(semaphore_signal(s), KERN_TERMINATED, "CLK0027 and is gone for a signal");
	tap_result(semaphore_wait(s), KERN_TERMINATED, "CLK0028 and for a wait");
	drop(s);
}

static void semaphore_names(void)
{
	semaphore_t s = new_semaphore(SYNC_POLICY_FIFO, 0);
	mach_port_t plain;

	(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_RECEIVE, &plain);
	(void)mach_port_insert_right(self_task, plain, plain, MACH_MSG_TYPE_MAKE_SEND);
	tap_result(semaphore_signal_trap(0x7777), KERN_INVALID_NAME, "CLK0030 a name that is none");
	tap_result(semaphore_signal_trap(MACH_PORT_NULL), KERN_INVALID_NAME, "CLK0031 the null name");
	tap_result(semaphore_wait_trap(plain), KERN_INVALID_ARGUMENT, "CLK0032 a port that is no semaphore");
	tap_result(semaphore_signal_all_trap(mach_task_self()), KERN_INVALID_ARGUMENT, "CLK0033 a kernel object that is none");
	tap_result(semaphore_wait_signal_trap(s, plain), KERN_INVALID_ARGUMENT, "CLK0034 so for the one to signal");
	tap_result(semaphore_signal_thread_trap(s, plain), KERN_INVALID_ARGUMENT, "CLK0035 a thread that is none");
	tap_result(_kernelrpc_semaphore_signal(mach_host_self()), KERN_INVALID_ARGUMENT, "CLK0036 by message: no semaphore to signal");
	tap_result(_kernelrpc_semaphore_wait(mach_host_self()), KERN_INVALID_ARGUMENT, "CLK0037 none to wait for");
	tap_result(_kernelrpc_semaphore_wait_signal(s, mach_host_self()), KERN_INVALID_ARGUMENT, "CLK0038 none to signal then");
	tap_result(_kernelrpc_semaphore_signal_all(mach_host_self()), KERN_INVALID_ARGUMENT, "CLK0039 none for all");
	(void)mach_port_destroy(self_task, plain);
	end_semaphore(s);
}

static void semaphore_messages(void)
{
	semaphore_t s = new_semaphore(SYNC_POLICY_FIFO, 0), other = new_semaphore(SYNC_POLICY_FIFO, 0);
	struct actor a = { .act = act_wait_message, .port = s };

	tap_result(_kernelrpc_semaphore_signal(s), KERN_SUCCESS, "CLK0040 a signal by message");
	tap_result(_kernelrpc_semaphore_wait(s), KERN_SUCCESS, "CLK0041 a wait by message");
	tap_result(_kernelrpc_semaphore_timedwait(s, short_time), KERN_OPERATION_TIMED_OUT, "CLK0042 with a time");
	tap(actor_blocks(&a) && _kernelrpc_semaphore_signal_all(s) == KERN_SUCCESS && actor_join(&a) == KERN_SUCCESS,
	    "CLK0043 a waiter by message goes on by a signal to all");
	tap(actor_blocks(&a) && _kernelrpc_semaphore_signal_thread(s, a.thread) == KERN_SUCCESS && actor_join(&a) == KERN_SUCCESS,
	    "CLK0044 and by one to itself");
	tap_result(_kernelrpc_semaphore_signal_thread(s, MACH_PORT_NULL), KERN_NOT_WAITING, "CLK0045 nobody is left");
	tap_result(_kernelrpc_semaphore_timedwait_signal(s, other, short_time), KERN_OPERATION_TIMED_OUT,
		   "CLK0046 wait and signal by message");
	tap_result(semaphore_wait(other), KERN_SUCCESS, "CLK0047 signals");
	a = (struct actor){ .act = act_wait_signal_message, .port = s, .other = other };
	tap(actor_blocks(&a) && semaphore_wait(other) == KERN_SUCCESS && semaphore_signal(s) == KERN_SUCCESS &&
	    actor_join(&a) == KERN_SUCCESS, "CLK0048 and waits");
	end_semaphore(other);
	end_semaphore(s);
}

static void semaphore_waits(void)
{
	semaphore_t s = new_semaphore(SYNC_POLICY_FIFO, 0), other = new_semaphore(SYNC_POLICY_FIFO, 0);
	struct actor a = { .act = act_wait, .port = s }, b = a;

	tap(actor_blocks(&a) && actor_blocks(&b), "CLK0050 two threads wait");
	tap(semaphore_signal(s) == KERN_SUCCESS && actor_join(&a) == KERN_SUCCESS && !b.done, "CLK0051 the first goes on first");
	tap(actor_blocks(&a) && semaphore_signal_thread(s, a.thread) == KERN_SUCCESS && actor_join(&a) == KERN_SUCCESS && !b.done,
	    "CLK0052 the one that is named goes on before its turn");
	tap(actor_blocks(&a) && semaphore_signal_all(s) == KERN_SUCCESS && actor_join(&a) == KERN_SUCCESS &&
	    actor_join(&b) == KERN_SUCCESS, "CLK0053 all go on");
	tap_result(semaphore_timedwait(s, no_time), KERN_OPERATION_TIMED_OUT, "CLK0054 and nothing is left to take");
	tap(actor_blocks(&a) && thread_abort(a.thread) == KERN_SUCCESS && actor_join(&a) == KERN_ABORTED,
	    "CLK0055 an aborted wait says so");
	tap(semaphore_signal(s) == KERN_SUCCESS && semaphore_timedwait(s, no_time) == KERN_SUCCESS,
	    "CLK0056 and leaves nobody in the queue");
	a = (struct actor){ .act = act_wait_message, .port = s };
	tap(actor_blocks(&a) && thread_abort(a.thread) == KERN_SUCCESS && actor_join(&a) == KERN_ABORTED,
	    "CLK0057 so for a wait by message");
	a = (struct actor){ .act = act_timedwait_signal, .port = s, .other = other };
	tap(actor_blocks(&a) && semaphore_wait(other) == KERN_SUCCESS && semaphore_signal(s) == KERN_SUCCESS &&
	    actor_join(&a) == KERN_SUCCESS, "CLK0058 a wait with a signal and a time");
	a = (struct actor){ .act = act_wait, .port = s };
	b = (struct actor){ .act = act_wait_signal, .port = other, .other = s };
	tap(actor_blocks(&a) && actor_blocks(&b) && actor_join(&a) == KERN_SUCCESS, "CLK0059 the signal of a waiter lets another go");
	tap(actor_blocks(&a) && semaphore_destroy(self_task, s) == KERN_SUCCESS && actor_join(&a) == KERN_TERMINATED,
	    "CLK0060 who waits when the semaphore goes is told");
	drop(s);
	tap(semaphore_destroy(self_task, other) == KERN_SUCCESS && actor_join(&b) == KERN_TERMINATED, "CLK0061 whichever way it waits");
	drop(other);
}

static void semaphore_policies(void)
{
	semaphore_t s = new_semaphore(SYNC_POLICY_LIFO, 0);
	struct actor a = { .act = act_wait, .port = s }, b = a;

	tap(actor_blocks(&a) && actor_blocks(&b) && semaphore_signal(s) == KERN_SUCCESS && actor_join(&b) == KERN_SUCCESS && !a.done,
	    "CLK0062 last in, first out, where that is asked for");
	tap(semaphore_signal(s) == KERN_SUCCESS && actor_join(&a) == KERN_SUCCESS, "CLK0063 then the other");
	end_semaphore(s);
	s = new_semaphore(SYNC_POLICY_FIXED_PRIORITY, 0);
	a.port = b.port = s;
	tap(actor_blocks(&a) && actor_blocks(&b) && semaphore_signal(s) == KERN_SUCCESS && actor_join(&a) == KERN_SUCCESS && !b.done,
	    "CLK0064 by priority: of equal ones the first");
	tap(thread_abort(b.thread) == KERN_SUCCESS && actor_join(&b) == KERN_ABORTED, "CLK0065 an abort there");
	end_semaphore(s);
}

/* A semaphore of a task that ends, and one that another task signals: the task is a copy of this. */
static semaphore_t child_semaphore;
static _Alignas(16) char child_stack[16384];

static void child_signals(void)
{
	mach_task_self_ = task_self_trap();
	(void)semaphore_signal_trap(0x2003);
	for (;;)
		(void)thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 1000);
}

static void semaphore_tasks(void)
{
	x86_thread_state64_t state = { .rip = (uint64_t)(uintptr_t)child_signals, .rflags = 0x202,
				       .rsp = (uint64_t)(uintptr_t)child_stack + sizeof(child_stack) - 8 };
	mach_port_t task, thread;
	struct actor a = { .act = act_wait };

	child_semaphore = new_semaphore(SYNC_POLICY_FIFO, 0);
	a.port = child_semaphore;
	tap_result(task_create(self_task, NULL, 0, TRUE, &task), KERN_SUCCESS, "CLK0066 another task");
	tap_result(mach_port_insert_right(task, 0x2003, child_semaphore, MACH_MSG_TYPE_COPY_SEND), KERN_SUCCESS,
		   "CLK0067 is given the right");
	tap(actor_blocks(&a) && thread_create_running(task, x86_THREAD_STATE64, (thread_state_t)&state, x86_THREAD_STATE64_COUNT,
						      &thread) == KERN_SUCCESS && actor_join(&a) == KERN_SUCCESS,
	    "CLK0068 and its signal is ours");
	end_semaphore(child_semaphore);
	tap_result(semaphore_create(task, &a.port, SYNC_POLICY_FIFO, 0), KERN_SUCCESS, "CLK0069 a semaphore of that task");
	tap_result(semaphore_destroy(self_task, a.port), KERN_INVALID_ARGUMENT, "CLK0070 is not ours to destroy");
	tap(actor_blocks(&a) && task_terminate(task) == KERN_SUCCESS && actor_join(&a) == KERN_TERMINATED,
	    "CLK0071 and ends with it");
	drop(a.port);
	drop(thread);
	drop(task);
}

/* ---- lock sets ---- */

static kern_return_t act_acquire(struct actor *a)
{
	return lock_acquire(a->port, (int)a->number);
}

static kern_return_t act_acquire_and_release(struct actor *a)
{
	kern_return_t kr = lock_acquire(a->port, (int)a->number);

	(void)lock_release(a->port, (int)a->number);
	return kr;
}

static kern_return_t act_accept(struct actor *a)
{
	kern_return_t kr = lock_handoff_accept(a->port, (int)a->number);

	if (kr == KERN_SUCCESS)
		(void)lock_release(a->port, (int)a->number);
	return kr;
}

static kern_return_t act_handoff(struct actor *a)
{
	kern_return_t kr = lock_acquire(a->port, (int)a->number);

	if (kr == KERN_SUCCESS)
		kr = lock_handoff(a->port, (int)a->number);
	if (kr == KERN_ABORTED) /* still held */
		kr = lock_release(a->port, (int)a->number) == KERN_SUCCESS ? KERN_ABORTED : KERN_FAILURE;
	return kr;
}

static void lock_sets(void)
{
	lock_set_t set = MACH_PORT_NULL;
	struct actor a = { .act = act_acquire_and_release }, b = a;

	tap_result(lock_set_create(self_task, &set, 0, SYNC_POLICY_FIFO), KERN_INVALID_ARGUMENT, "CLK0100 no lock set without locks");
	tap_result(lock_set_create(self_task, &set, 5000, SYNC_POLICY_FIFO), KERN_INVALID_ARGUMENT, "CLK0101 nor with too many");
	tap_result(lock_set_create(self_task, &set, 2, 8), KERN_INVALID_ARGUMENT, "CLK0102 nor of an unknown policy");
	tap_result(lock_set_create(mach_host_self(), &set, 2, SYNC_POLICY_FIFO), KERN_INVALID_TASK, "CLK0103 nor for what is no task");
	tap_result(lock_set_create(self_task, &set, 2, SYNC_POLICY_FIFO), KERN_SUCCESS, "CLK0104 a set of two locks");
	a.port = b.port = set;
	tap_result(lock_acquire(set, 2), KERN_INVALID_ARGUMENT, "CLK0105 it has no third");
	tap_result(lock_acquire(set, -1), KERN_INVALID_ARGUMENT, "CLK0106 nor one before the first");
	tap_result(lock_acquire(mach_host_self(), 0), KERN_INVALID_ARGUMENT, "CLK0107 a port that is no lock set");
	tap_result(lock_release(set, 0), KERN_INVALID_RIGHT, "CLK0108 a lock that is not held cannot be released");
	tap_result(lock_make_stable(set, 0), KERN_INVALID_RIGHT, "CLK0109 nor be made stable");
	tap_result(lock_handoff(set, 0), KERN_INVALID_RIGHT, "CLK0110 nor handed on");
	tap_result(lock_acquire(set, 0), KERN_SUCCESS, "CLK0111 a lock is acquired");
	tap_result(lock_acquire(set, 0), KERN_LOCK_OWNED_SELF, "CLK0112 once");
	tap_result(lock_try(set, 0), KERN_LOCK_OWNED_SELF, "CLK0113 nor by trying");
	tap_result(lock_handoff_accept(set, 0), KERN_LOCK_OWNED_SELF, "CLK0114 nor from oneself");
	tap_result(lock_try(set, 1), KERN_SUCCESS, "CLK0115 the second by trying");
	tap(actor_blocks(&a) && actor_blocks(&b), "CLK0116 two threads wait for the first");
	tap_result(lock_release(set, 0), KERN_SUCCESS, "CLK0117 it is released");
	tap(actor_join(&a) == KERN_SUCCESS && actor_join(&b) == KERN_SUCCESS, "CLK0118 and both had it");
	tap(lock_try(set, 0) == KERN_SUCCESS && actor_blocks(&a) && thread_abort(a.thread) == KERN_SUCCESS &&
	    actor_join(&a) == KERN_ABORTED, "CLK0119 an aborted wait says so");
	b = (struct actor){ .act = act_acquire, .port = set, .number = 0 };
	tap_result(lock_release(set, 0), KERN_SUCCESS, "CLK0120 the lock is free");
	actor_start(&b);
	tap_result(actor_join(&b), KERN_SUCCESS, "CLK0121 a thread that ends while it holds it");
	for (int i = 0; i < THREADS_TRIES && lock_try(set, 0) == KERN_LOCK_OWNED; i++)
		usleep(500);
	tap_result(lock_acquire(set, 0), KERN_LOCK_OWNED_SELF, "CLK0122 leaves it to who comes");
	tap_result(lock_release(set, 0), KERN_SUCCESS, "CLK0123 who may give it on");
	tap_result(lock_acquire(set, 0), KERN_LOCK_UNSTABLE, "CLK0124 unstable");
	tap_result(lock_make_stable(set, 0), KERN_SUCCESS, "CLK0125 until it is made stable");
	tap(lock_release(set, 0) == KERN_SUCCESS && lock_acquire(set, 0) == KERN_SUCCESS, "CLK0126 then it is as before");
	a = (struct actor){ .act = act_accept, .port = set, .number = 0 };
	b = a;
	tap(actor_blocks(&a), "CLK0127 a thread waits to be handed the lock");
	actor_start(&b);
	tap_result(actor_join(&b), KERN_ALREADY_WAITING, "CLK0128 one only");
	tap(lock_handoff(set, 0) == KERN_SUCCESS && actor_join(&a) == KERN_SUCCESS, "CLK0129 and has it");
	b = (struct actor){ .act = act_handoff, .port = set, .number = 0 };
	tap(actor_blocks(&b) && lock_handoff_accept(set, 0) == KERN_SUCCESS && actor_join(&b) == KERN_SUCCESS,
	    "CLK0130 who hands it on may come first");
	tap(lock_release(set, 0) == KERN_SUCCESS && actor_blocks(&b) && thread_abort(b.thread) == KERN_SUCCESS &&
	    actor_join(&b) == KERN_ABORTED, "CLK0131 an aborted hand-off leaves the lock where it was");
	tap(actor_blocks(&a) && thread_abort(a.thread) == KERN_SUCCESS && actor_join(&a) == KERN_ABORTED,
	    "CLK0132 an aborted acceptance");
	a = (struct actor){ .act = act_acquire, .port = set, .number = 1 };
	tap(actor_blocks(&a) && lock_set_destroy(self_task, set) == KERN_SUCCESS && actor_join(&a) == KERN_LOCK_SET_DESTROYED,
	    "CLK0133 who waits when the set goes is told");
	tap_result(lock_set_destroy(self_task, mach_host_self()), KERN_INVALID_ARGUMENT, "CLK0134 no set, no end");
	tap_result(lock_set_destroy(mach_host_self(), set), KERN_INVALID_TASK, "CLK0135 no task, no end");
	drop(set);
}

/* ---- timers ---- */

/* Wait for a timer's message, at most ms; true if one came and is as it should be. */
static bool expires(mach_port_t timer, unsigned ms)
{
	struct {
		mk_timer_expire_msg_t m;
		mach_msg_trailer_t trailer;
	} r;
	mach_msg_return_t mr = mach_msg(&r.m.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(r), timer, ms, MACH_PORT_NULL);

	return mr == MACH_MSG_SUCCESS && r.m.header.msgh_id == MK_TIMER_EXPIRE && r.m.header.msgh_size == sizeof(r.m) &&
	       r.m.header.msgh_local_port == timer;
}

static void timers(void)
{
	mach_port_name_t timer = mk_timer_create(), other = MACH_PORT_NULL, set;
	uint64_t now = mach_absolute_time(), when = 0;

	tap(timer != MACH_PORT_NULL && tap_refs(timer, MACH_PORT_RIGHT_RECEIVE) == 1, "CLK0200 a timer is a receive right");
	tap_result(mk_timer_arm(timer, now + 20 * MS), KERN_SUCCESS, "CLK0201 it is armed");
	tap(expires(timer, 60000) && mach_absolute_time() >= now + 20 * MS, "CLK0202 and expires, not before its time");
	tap(!expires(timer, 20), "CLK0203 once");
	tap(mk_timer_arm(timer, now) == KERN_SUCCESS && expires(timer, 60000), "CLK0204 a time that is past: now");
	tap(mk_timer_arm(timer, 0) == KERN_SUCCESS && expires(timer, 60000), "CLK0205 so the boot's");
	(void)mk_timer_arm(timer, mach_absolute_time() + LONG_S * 1000ull * MS);
	tap(mk_timer_arm(timer, mach_absolute_time() + MS) == KERN_SUCCESS && expires(timer, 60000), "CLK0206 armed again: the second time counts");
	now = mach_absolute_time() + LONG_S * 1000ull * MS;
	tap(mk_timer_arm(timer, now) == KERN_SUCCESS && mk_timer_cancel(timer, &when) == KERN_SUCCESS && when == now,
	    "CLK0207 a cancelled timer tells when it would have expired");
	tap(mk_timer_cancel(timer, &when) == KERN_SUCCESS && when == 0, "CLK0208 and 0 when it would not");
	tap_result(mk_timer_cancel(timer, NULL), KERN_SUCCESS, "CLK0209 nobody need know");
	tap_result(mk_timer_arm(mach_task_self(), now), KERN_INVALID_ARGUMENT, "CLK0210 no timer is armed");
	tap_result(mk_timer_cancel(0x7777, NULL), KERN_INVALID_ARGUMENT, "CLK0211 none is cancelled");
	tap_result(mk_timer_destroy(mach_task_self()), KERN_INVALID_ARGUMENT, "CLK0212 none is destroyed");
	(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_PORT_SET, &set);
	(void)mach_port_insert_member(self_task, timer, set);
	(void)mk_timer_arm(timer, 1);
	tap(mach_msg(&(mach_msg_empty_rcv_t){ 0 }.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT | MACH_RCV_LARGE, 0, 8, set, 60000, MACH_PORT_NULL) ==
	    MACH_RCV_TOO_LARGE, "CLK0213 a port set receives it");
	tap(expires(timer, 0), "CLK0214 as from the port");
	(void)mk_timer_arm(timer, now);
	tap_result(mk_timer_destroy(timer), KERN_SUCCESS, "CLK0215 an armed timer is destroyed");
	tap(tap_refs(timer, MACH_PORT_RIGHT_RECEIVE) == 0, "CLK0216 with its name");
	timer = mk_timer_create();
	(void)mk_timer_arm(timer, now);
	tap_result(mach_port_mod_refs(self_task, timer, MACH_PORT_RIGHT_RECEIVE, -1), KERN_SUCCESS, "CLK0217 and goes with its right");
	(void)mach_port_mod_refs(self_task, set, MACH_PORT_RIGHT_PORT_SET, -1);
	tap(_mk_timer_create(self_task, &other) == KERN_SUCCESS && _mk_timer_arm(self_task, other, 1) == KERN_SUCCESS &&
	    expires(other, 60000), "CLK0218 the same by messages");
	tap(_mk_timer_arm(self_task, other, now) == KERN_SUCCESS && _mk_timer_cancel(self_task, other, &when) == KERN_SUCCESS &&
	    when == now, "CLK0219 cancelled");
	tap_result(_mk_timer_destroy(self_task, other), KERN_SUCCESS, "CLK0220 destroyed");
	tap_result(_mk_timer_create(mach_host_self(), &other), KERN_INVALID_TASK, "CLK0221 no task: none made");
	tap_result(_mk_timer_arm(mach_host_self(), 1, 1), KERN_INVALID_TASK, "CLK0222 none armed");
	tap_result(_mk_timer_cancel(mach_host_self(), 1, &when), KERN_INVALID_TASK, "CLK0223 none cancelled");
	tap_result(_mk_timer_destroy(mach_host_self(), 1), KERN_INVALID_TASK, "CLK0224 none destroyed");
}

/* Many, in any order: each expires once. */
static void many_timers(void)
{
	enum { MANY = 64 };
	mach_port_name_t timer[MANY], set;
	uint64_t now = mach_absolute_time();
	unsigned come = 0;

	(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_PORT_SET, &set);
	for (unsigned i = 0; i < MANY; i++) {
		timer[i] = mk_timer_create();
		(void)mach_port_insert_member(self_task, timer[i], set);
		(void)mk_timer_arm(timer[i], now + (i * 37 % MANY) * MS / 2);
	}
	for (unsigned i = 0; i < MANY; i++) {
		struct {
			mk_timer_expire_msg_t m;
			mach_msg_trailer_t trailer;
		} r;

		if (mach_msg(&r.m.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(r), set, 60000, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
			break;
		for (unsigned k = 0; k < MANY; k++)
			if (timer[k] == r.m.header.msgh_local_port) {
				come++;
				(void)mk_timer_destroy(timer[k]);
				timer[k] = MACH_PORT_NULL;
			}
	}
	tap(come == MANY, "CLK0225 %u timers expire, each once (%u did)", MANY, come);
	(void)mach_port_mod_refs(self_task, set, MACH_PORT_RIGHT_PORT_SET, -1);
}

/* ---- clocks ---- */

static kern_return_t alarm_code;
static alarm_type_t alarm_type;
static mach_timespec_t alarm_time;

static kern_return_t take_alarm(mach_port_t port, kern_return_t code, alarm_type_t type, mach_timespec_t time)
{
	alarm_code = code;
	alarm_type = type;
	alarm_time = time;
	return KERN_SUCCESS;
}

/* The next alarm at port; false: none within ms. */
static bool alarm_comes(mach_port_t port, unsigned ms)
{
	static const struct clock_reply_ops ops = { .clock_alarm_reply = take_alarm };
	union {
		mach_msg_header_t header;
		uint8_t bytes[256];
	} in, out;

	return mach_msg(&in.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(in), port, ms, MACH_PORT_NULL) == MACH_MSG_SUCCESS &&
	       clock_reply_demux(&ops, &in.header, &out.header);
}

static void clock_attributes(clock_serv_t clock)
{
	int attribute = 0;
	mach_msg_type_number_t count = 1;

	tap(clock_get_attributes(clock, CLOCK_GET_TIME_RES, &attribute, &count) == KERN_SUCCESS && attribute > 0 && count == 1,
	    "CLK0310 a clock's resolution");
	tap(clock_get_attributes(clock, CLOCK_ALARM_CURRES, &attribute, &count) == KERN_SUCCESS && attribute > 0,
	    "CLK0311 that of its alarms");
	tap(clock_get_attributes(clock, CLOCK_ALARM_MINRES, &attribute, &count) == KERN_SUCCESS &&
	    clock_get_attributes(clock, CLOCK_ALARM_MAXRES, &attribute, &count) == KERN_SUCCESS, "CLK0312 and its bounds");
	tap(clock_get_attributes(clock, CLOCK_MAP_TIME_RES, &attribute, &count) == KERN_SUCCESS && attribute > 0,
	    "CLK0316 that of its time in memory");
	tap_result(clock_get_attributes(clock, 77, &attribute, &count), KERN_INVALID_VALUE, "CLK0313 no other attribute");
	count = 0;
	tap_result(clock_get_attributes(clock, CLOCK_GET_TIME_RES, &attribute, &count), KERN_FAILURE, "CLK0314 no room for one");
	tap_result(clock_get_attributes(mach_host_self(), 1, &attribute, &count), KERN_INVALID_ARGUMENT, "CLK0315 of what is no clock");
}

/* What would be told in ten years, or never, goes with the port. */
static void forgotten(clock_serv_t clock)
{
	const mach_timespec_t ten_years = { 10u * 365 * 86400, 0 };
	uint64_t ports = residue_zone_count("ipc ports");
	mach_port_t port;

	for (int i = 0; i < 20; i++) {
		(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_RECEIVE, &port);
		if (clock_alarm(clock, TIME_RELATIVE, ten_years, port) != KERN_SUCCESS ||
		    host_request_notification(mach_host_self(), HOST_NOTIFY_CALENDAR_CHANGE, port) != KERN_SUCCESS)
			break;
		(void)mach_port_mod_refs(self_task, port, MACH_PORT_RIGHT_RECEIVE, -1);
	}
	tap(residue_zone_count("ipc ports") <= ports, "CLK0328 an alarm and a request for news are forgotten when their port dies");
}

static void alarms(clock_serv_t clock)
{
	mach_timespec_t now;
	mach_port_t port;

	(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_RECEIVE, &port);
	(void)clock_get_time(clock, &now);
	tap_result(clock_alarm(clock, TIME_RELATIVE, short_time, port), KERN_SUCCESS, "CLK0320 an alarm in a moment");
	tap(alarm_comes(port, 60000) && alarm_code == KERN_SUCCESS && alarm_type == TIME_RELATIVE && CMP_MACH_TIMESPEC(&alarm_time, &now) > 0,
	    "CLK0321 comes, with the time");
	(void)clock_get_time(clock, &now);
	now.tv_sec++;
	tap(clock_alarm(clock, TIME_ABSOLUTE, now, port) == KERN_SUCCESS && !alarm_comes(port, 10) && alarm_comes(port, 60000) &&
	    CMP_MACH_TIMESPEC(&alarm_time, &now) >= 0, "CLK0322 one at a time comes then");
	tap(clock_alarm(clock, TIME_ABSOLUTE, no_time, port) == KERN_SUCCESS && alarm_comes(port, 60000) && alarm_code == KERN_SUCCESS,
	    "CLK0323 one that is past comes at once");
	tap(clock_alarm(clock, TIME_RELATIVE, bad_time, port) == KERN_SUCCESS && alarm_comes(port, 60000) && alarm_code == KERN_INVALID_VALUE,
	    "CLK0324 one for no time comes with an error");
	tap(clock_alarm(clock, 7, short_time, port) == KERN_SUCCESS && alarm_comes(port, 60000) && alarm_code == KERN_INVALID_VALUE,
	    "CLK0325 and one of no type");
	tap_result(clock_alarm(clock, TIME_RELATIVE, short_time, MACH_PORT_NULL), KERN_INVALID_CAPABILITY, "CLK0326 one to nobody is refused");
	tap_result(clock_alarm(mach_host_self(), TIME_RELATIVE, short_time, port), KERN_INVALID_ARGUMENT, "CLK0327 as is one of no clock");
	(void)mach_port_mod_refs(self_task, port, MACH_PORT_RIGHT_RECEIVE, -1);
	forgotten(clock);
}

static kern_return_t act_sleep(struct actor *a)
{
	return clock_sleep_trap(a->port, TIME_RELATIVE, LONG_S, 0, NULL);
}

static kern_return_t act_wait_until(struct actor *a)
{
	return mach_wait_until(mach_absolute_time() + LONG_S * 1000ull * MS);
}

static void sleeps(clock_serv_t clock)
{
	mach_timespec_t before, after;
	mach_timebase_info_data_t base = { 0 };
	struct actor a = { .act = act_sleep, .port = clock };
	uint64_t now = mach_absolute_time();

	(void)clock_get_time(clock, &before);
	tap(clock_sleep(clock, TIME_RELATIVE, short_time, &after) == KERN_SUCCESS && CMP_MACH_TIMESPEC(&after, &before) > 0,
	    "CLK0330 a sleep ends later");
	tap(clock_sleep_trap(MACH_PORT_NULL, TIME_ABSOLUTE, 0, 0, NULL) == KERN_SUCCESS, "CLK0331 the system clock, a time that is past");
	tap_result(clock_sleep_trap(clock, TIME_RELATIVE, 0, -1, NULL), KERN_INVALID_VALUE, "CLK0332 no time");
	tap_result(clock_sleep_trap(clock, 5, 0, 1, NULL), KERN_INVALID_VALUE, "CLK0333 no type");
	tap_result(clock_sleep_trap(mach_task_self(), TIME_RELATIVE, 0, 1, NULL), KERN_INVALID_ARGUMENT, "CLK0334 no clock");
	tap_result(clock_sleep_trap(clock, TIME_RELATIVE, 0, 1, (void *)8), KERN_INVALID_ADDRESS, "CLK0335 nowhere to tell the time");
	tap(actor_blocks(&a) && thread_abort(a.thread) == KERN_SUCCESS && actor_join(&a) == KERN_ABORTED, "CLK0336 an aborted sleep");
	tap(mach_timebase_info(&base) == KERN_SUCCESS && base.numer == 1 && base.denom == 1, "CLK0337 the unit is a nanosecond");
	tap_result(mach_timebase_info((void *)8), KERN_INVALID_ADDRESS, "CLK0338 nowhere to tell it");
	tap(mach_wait_until(now + 5 * MS) == KERN_SUCCESS && mach_absolute_time() >= now + 5 * MS, "CLK0339 a wait until a time");
	tap_result(mach_wait_until(0), KERN_SUCCESS, "CLK0340 one that is past");
	a = (struct actor){ .act = act_wait_until };
	tap(actor_blocks(&a) && thread_abort(a.thread) == KERN_SUCCESS && actor_join(&a) == KERN_ABORTED, "CLK0341 an aborted wait");
}

/* The clock's page, mapped; NULL: it is not. */
static const mapped_clock_t *map_clock(clock_serv_t clock)
{
	mach_port_t pager = MACH_PORT_NULL;
	mach_vm_address_t at = 0;
	kern_return_t kr;

	if (clock_map_time(clock, &pager) != KERN_SUCCESS)
		return NULL;
	kr = mach_vm_map(self_task, &at, vm_page_size, 0, VM_FLAGS_ANYWHERE, pager, 0, FALSE, VM_PROT_READ, VM_PROT_READ,
			 VM_INHERIT_SHARE);
	drop(pager);
	return kr == KERN_SUCCESS ? (const mapped_clock_t *)(uintptr_t)at : NULL;
}

static void unmap_clock(const mapped_clock_t *mapped)
{
	(void)mach_vm_deallocate(self_task, (uintptr_t)mapped, vm_page_size);
}

static void mapped(clock_serv_t clock)
{
	const mapped_clock_t *m = map_clock(clock);
	mach_timespec_t before, read, after;
	mach_port_t pager = MACH_PORT_NULL;
	mach_vm_address_t at = 0;
	int right = 0, rest = 0;

	tap(m != NULL, "CLK0342 a clock's time is mapped");
	if (m == NULL)
		return;
	for (int i = 0; i < 1000; i++) {
		(void)clock_get_time(clock, &before);
		read = mapped_clock_time(m);
		(void)clock_get_time(clock, &after);
		right += CMP_MACH_TIMESPEC(&before, &read) <= 0 && CMP_MACH_TIMESPEC(&read, &after) <= 0;
	}
	tap(right == 1000, "CLK0343 what is read there lies between two calls");
	for (size_t i = sizeof(*m); i < vm_page_size; i++)
		rest |= ((const uint8_t *)m)[i];
	tap(rest == 0, "CLK0344 nothing else is on its page");
	tap_result(clock_map_time(mach_host_self(), &pager), KERN_INVALID_ARGUMENT, "CLK0345 that of what is no clock");
	(void)clock_map_time(clock, &pager);
	tap_result(mach_vm_map(self_task, &at, vm_page_size, 0, VM_FLAGS_ANYWHERE, pager, 0, FALSE, VM_PROT_READ | VM_PROT_WRITE,
			       VM_PROT_ALL, VM_INHERIT_SHARE),
		   KERN_INVALID_RIGHT, "CLK0346 nobody sets a clock by writing there");
	tap_result(mach_vm_protect(self_task, (uintptr_t)m, vm_page_size, FALSE, VM_PROT_READ | VM_PROT_WRITE), KERN_PROTECTION_FAILURE,
		   "CLK0347 nor later");
	drop(pager);
	unmap_clock(m);
}

static void set_calendar(clock_serv_t calendar, clock_serv_t system)
{
	clock_ctrl_t control = MACH_PORT_NULL, system_control = MACH_PORT_NULL;
	const mapped_clock_t *page = map_clock(calendar);
	mach_timespec_t then = { 2000000000u, 0 }, now, before;
	struct actor a = { .act = act_sleep, .port = calendar };
	struct timespec real;
	mach_port_t port, told, refused;
	mach_msg_empty_rcv_t changed;
	int attribute = 1;

	if (host_get_clock_control(mach_host_self(), CALENDAR_CLOCK, &control) != KERN_SUCCESS) {
		tap(false, "CLK0350 the calendar's control port");
		return;
	}
	tap(host_get_clock_control(mach_host_self(), SYSTEM_CLOCK, &system_control) == KERN_SUCCESS, "CLK0350 the clocks' control ports");
	tap_result(host_get_clock_control(mach_host_self(), 9, &port), KERN_INVALID_ARGUMENT, "CLK0351 no such clock");
	tap_result(host_get_clock_control(mach_task_self(), SYSTEM_CLOCK, &port), KERN_INVALID_ARGUMENT, "CLK0352 no host");
	tap_result(clock_set_time(system_control, then), KERN_FAILURE, "CLK0353 the time since the boot cannot be set");
	tap_result(clock_set_time(calendar, then), KERN_INVALID_ARGUMENT, "CLK0354 nor may who only reads set any");
	tap_result(clock_set_time(control, bad_time), KERN_INVALID_VALUE, "CLK0355 nor is this a time");
	tap_result(clock_set_attributes(control, CLOCK_ALARM_CURRES, &attribute, 1), KERN_FAILURE, "CLK0356 no attribute can be set");
	tap_result(clock_set_attributes(calendar, CLOCK_ALARM_CURRES, &attribute, 1), KERN_INVALID_ARGUMENT, "CLK0357 by whoever");
	(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_RECEIVE, &port);
	(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_RECEIVE, &told);
	(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_RECEIVE, &refused);
	(void)clock_get_time(calendar, &now);
	now.tv_sec += LONG_S;
	tap(clock_alarm(calendar, TIME_ABSOLUTE, now, port) == KERN_SUCCESS && actor_blocks(&a), "CLK0358 an alarm and a sleeper");
	(void)clock_get_time(system, &before);
	tap_result(host_request_notification(mach_host_self(), 5, refused), KERN_INVALID_ARGUMENT, "CLK0365 a node tells of one thing only");
	tap_result(host_request_notification(mach_task_self(), HOST_NOTIFY_CALENDAR_CHANGE, refused), KERN_INVALID_ARGUMENT, "CLK0366 a node");
	tap_result(host_request_notification(mach_host_self(), HOST_NOTIFY_CALENDAR_CHANGE, MACH_PORT_NULL), KERN_INVALID_CAPABILITY,
		   "CLK0367 and somebody");
	tap_result(host_request_notification(mach_host_self(), HOST_NOTIFY_CALENDAR_CHANGE, told), KERN_SUCCESS,
		   "CLK0368 it is asked to tell of a change of the calendar");
	tap_result(clock_set_time(control, then), KERN_SUCCESS, "CLK0359 the calendar is set");
	tap(mach_msg(&changed.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(changed), told, 60000, MACH_PORT_NULL) ==
	    MACH_MSG_SUCCESS && changed.header.msgh_id == 950, "CLK0369 and does");
	tap(alarm_comes(port, 60000) && alarm_code == KERN_ABORTED, "CLK0360 the alarm is told");
	tap(actor_join(&a) == KERN_SUCCESS, "CLK0361 the sleeper wakes");
	(void)clock_get_time(calendar, &now);
	tap(now.tv_sec >= then.tv_sec && now.tv_sec < then.tv_sec + LONG_S, "CLK0362 the calendar shows it");
	if (page != NULL)
		now = mapped_clock_time(page);
	tap(page != NULL && now.tv_sec >= then.tv_sec && now.tv_sec < then.tv_sec + LONG_S, "CLK0348 so does its page");
	unmap_clock(page);
	clock_gettime(CLOCK_REALTIME, &real);
	tap(real.tv_sec >= then.tv_sec && real.tv_sec < then.tv_sec + LONG_S, "CLK0363 so does a program's clock");
	(void)clock_get_time(system, &now);
	tap(now.tv_sec - before.tv_sec < LONG_S, "CLK0364 and the time since the boot goes on");
	(void)mach_port_mod_refs(self_task, port, MACH_PORT_RIGHT_RECEIVE, -1);
	(void)mach_port_mod_refs(self_task, told, MACH_PORT_RIGHT_RECEIVE, -1);
	(void)mach_port_mod_refs(self_task, refused, MACH_PORT_RIGHT_RECEIVE, -1);
	drop(control);
	drop(system_control);
}

static void clocks(void)
{
	clock_serv_t system = MACH_PORT_NULL, calendar = MACH_PORT_NULL, none;
	mach_timespec_t a, b;

	tap(host_get_clock_service(mach_host_self(), SYSTEM_CLOCK, &system) == KERN_SUCCESS &&
	    host_get_clock_service(mach_host_self(), CALENDAR_CLOCK, &calendar) == KERN_SUCCESS, "CLK0300 two clocks");
	tap_result(host_get_clock_service(mach_host_self(), 2, &none), KERN_INVALID_ARGUMENT, "CLK0301 no third");
	tap_result(host_get_clock_service(mach_task_self(), SYSTEM_CLOCK, &none), KERN_INVALID_ARGUMENT, "CLK0302 none of a task");
	tap(clock_get_time(system, &a) == KERN_SUCCESS && clock_get_time(system, &b) == KERN_SUCCESS && CMP_MACH_TIMESPEC(&b, &a) >= 0,
	    "CLK0303 time does not go back");
	tap_result(clock_get_time(mach_host_self(), &a), KERN_INVALID_ARGUMENT, "CLK0304 of what is no clock");
	tap(clock_get_time(calendar, &b) == KERN_SUCCESS && b.tv_sec > 1700000000u, "CLK0305 the calendar is of this century");
	clock_attributes(system);
	alarms(system);
	alarms(calendar);
	sleeps(system);
	mapped(system);
	mapped(calendar);
	set_calendar(calendar, system);
	drop(system);
	drop(calendar);
}

int main(void)
{
	unsigned names;

	self_task = mach_task_self();
	(void)mach_host_self();
	semaphore_counts(); /* what the library needs is there after this */
	names = tap_names();
	semaphore_names();
	semaphore_messages();
	semaphore_waits();
	semaphore_policies();
	semaphore_tasks();
	lock_sets();
	timers();
	many_timers();
	clocks();
	tap(tap_names() <= names + 2, "CLK0400 no name is left over (%u, %u)", names, tap_names());
	return tap_done();
}

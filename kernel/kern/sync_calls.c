/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync_calls.c - the calls of semaphore.defs, lock_set.defs and mk_timer_task.defs, and their traps.
 *
 * A trap is for an object of this node; a proxy's answer is MACH_SEND_INVALID_DEST, and then the library sends the message.
 */
#include <ipc/ipc_right.h>
#include <ipc/ipc_space.h>
#include <ipc/ipc_tt.h>
#include <kern/clock.h>
#include <kern/clock_service.h>
#include <kern/ipc_kobject_calls.h>
#include <kern/lock_set.h>
#include <kern/mk_timer.h>
#include <kern/semaphore.h>
#include <kern/sync_traps.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kernel/lock_set_server.h>
#include <kernel/mk_timer_task_server.h>
#include <kernel/semaphore_server.h>
#include <machine/copyio.h>

#define REPLY_ID(routine) (SEMAPHORE_BASE + (routine) + 100)

#define SEMAPHORE_BASE 617200

enum { ROUTINE_WAIT = 2, ROUTINE_TIMEDWAIT = 4, ROUTINE_WAIT_SIGNAL = 5, ROUTINE_TIMEDWAIT_SIGNAL = 6 };

/* ---- messages ---- */

/* Another node's caller is answered later; one of this node waits in its own call. */
static struct semaphore_caller caller_of(mach_port_t reply, int32_t routine)
{
	struct semaphore_caller caller = { .reply = current_task() == kernel_task ? reply : IP_NULL, .id = REPLY_ID(routine) };

	return caller;
}

/* A wait that comes as a message from another node, and that nobody could be told the end of, is none. Nor is this result told. */
static bool is_unanswerable(mach_port_t reply)
{
	return current_task() == kernel_task && !IP_VALID(reply);
}

static kern_return_t call_wait(struct semaphore *s, mach_port_t reply)
{
	if (is_unanswerable(reply))
		return KERN_INVALID_CAPABILITY;
	return semaphore_wait(s, NULL, NULL, caller_of(reply, ROUTINE_WAIT));
}

static kern_return_t call_timedwait(struct semaphore *s, mach_port_t reply, mach_timespec_t time)
{
	if (is_unanswerable(reply))
		return KERN_INVALID_CAPABILITY;
	return semaphore_wait(s, NULL, &time, caller_of(reply, ROUTINE_TIMEDWAIT));
}

static kern_return_t call_wait_signal(struct semaphore *wait, mach_port_t reply, struct semaphore *signal)
{
	if (signal == NULL)
		return KERN_INVALID_ARGUMENT;
	if (is_unanswerable(reply))
		return KERN_INVALID_CAPABILITY;
	return semaphore_wait(wait, signal, NULL, caller_of(reply, ROUTINE_WAIT_SIGNAL));
}

static kern_return_t call_timedwait_signal(struct semaphore *wait, mach_port_t reply, struct semaphore *signal,
					   mach_timespec_t time)
{
	if (signal == NULL)
		return KERN_INVALID_ARGUMENT;
	if (is_unanswerable(reply))
		return KERN_INVALID_CAPABILITY;
	return semaphore_wait(wait, signal, &time, caller_of(reply, ROUTINE_TIMEDWAIT_SIGNAL));
}

const struct semaphore_ops semaphore_calls = {
	.semaphore_signal = semaphore_signal,
	.semaphore_signal_all = semaphore_signal_all,
	.semaphore_signal_thread = semaphore_signal_thread,
	.semaphore_wait = call_wait,
	.semaphore_timedwait = call_timedwait,
	.semaphore_wait_signal = call_wait_signal,
	.semaphore_timedwait_signal = call_timedwait_signal,
};

/* The stub's reply id. */
#define LOCK_SET_CALL_REPLY (617000 + 6 + 100)

static kern_return_t call_lock_set(struct lock_set *set, mach_port_t reply, int id, int operation, mach_port_t holder)
{
	struct lock_caller caller = { .reply = reply, .id = LOCK_SET_CALL_REPLY };
	kern_return_t kr;

	if (set == NULL || holder == IP_NULL)
		return KERN_INVALID_ARGUMENT;
	if (!IP_VALID(holder) || !ip_active(holder) || is_unanswerable(reply))
		return KERN_INVALID_CAPABILITY;
	if (!holder->ip_remote)
		return KERN_INVALID_ARGUMENT;
	kr = lock_remote_call(set, id, operation, holder, caller);
	if (kr == KERN_SUCCESS || kr == MIG_NO_REPLY)
		ipc_port_release_send(holder);
	return kr;
}

const struct lock_set_ops lock_set_calls = {
	._lock_set_call = call_lock_set,
	.lock_acquire = lock_acquire,
	.lock_release = lock_release,
	.lock_try = lock_try,
	.lock_make_stable = lock_make_stable,
	.lock_handoff = lock_handoff,
	.lock_handoff_accept = lock_handoff_accept,
};

static kern_return_t call_timer_create(struct ipc_space *space, mach_port_name_t *name)
{
	return space == NULL ? KERN_INVALID_TASK : mk_timer_create(space, name);
}

static kern_return_t call_timer_destroy(struct ipc_space *space, mach_port_name_t name)
{
	return space == NULL ? KERN_INVALID_TASK : mk_timer_destroy(space, name);
}

static kern_return_t call_timer_arm(struct ipc_space *space, mach_port_name_t name, uint64_t expire_ns)
{
	return space == NULL ? KERN_INVALID_TASK : mk_timer_arm(space, name, expire_ns);
}

static kern_return_t call_timer_cancel(struct ipc_space *space, mach_port_name_t name, uint64_t *result_ns)
{
	return space == NULL ? KERN_INVALID_TASK : mk_timer_cancel(space, name, result_ns);
}

const struct mk_timer_task_ops mk_timer_calls = {
	._mk_timer_create = call_timer_create,
	._mk_timer_destroy = call_timer_destroy,
	._mk_timer_arm = call_timer_arm,
	._mk_timer_cancel = call_timer_cancel,
};

/* ---- traps ---- */

/* The semaphore that name denotes in the calling task, +1. */
static kern_return_t semaphore_of_name(uint64_t name, struct semaphore **s)
{
	struct ipc_port *port = IP_NULL;
	bool remote;

	*s = NULL;
	if (!MACH_PORT_VALID((mach_port_name_t)name))
		return KERN_INVALID_NAME;
	if (ipc_object_copyin(current_task()->ipc.space, (mach_port_name_t)name, MACH_MSG_TYPE_COPY_SEND, &port) != KERN_SUCCESS)
		return KERN_INVALID_NAME;
	if (!IP_VALID(port))
		return KERN_TERMINATED;
	*s = convert_port_to_semaphore(port);
	remote = port->ip_remote;
	if (*s == NULL && !remote && !ip_active(port)) {
		ipc_port_release_send(port);
		return KERN_TERMINATED;
	}
	ipc_port_release_send(port);
	if (*s != NULL)
		return KERN_SUCCESS;
	return remote ? MACH_SEND_INVALID_DEST : KERN_INVALID_ARGUMENT;
}

static uint64_t with_semaphore(uint64_t name, kern_return_t (*fn)(struct semaphore *))
{
	struct semaphore *s;
	kern_return_t kr = semaphore_of_name(name, &s);

	if (kr == KERN_SUCCESS)
		kr = fn(s);
	semaphore_release(s);
	return (uint64_t)kr;
}

uint64_t trap_semaphore_signal(struct trap_frame *f)
{
	return with_semaphore(f->rdi, semaphore_signal);
}

uint64_t trap_semaphore_signal_all(struct trap_frame *f)
{
	return with_semaphore(f->rdi, semaphore_signal_all);
}

uint64_t trap_semaphore_signal_thread(struct trap_frame *f)
{
	struct thread *thread = NULL;
	struct semaphore *s;
	kern_return_t kr = semaphore_of_name(f->rdi, &s);

	if (kr == KERN_SUCCESS && (mach_port_name_t)f->rsi != MACH_PORT_NULL) {
		thread = port_name_to_thread((mach_port_name_t)f->rsi);
		if (thread == NULL)
			kr = KERN_INVALID_ARGUMENT;
	}
	if (kr == KERN_SUCCESS)
		kr = semaphore_signal_thread(s, thread);
	if (thread != NULL)
		thread_deallocate(thread);
	semaphore_release(s);
	return (uint64_t)kr;
}

static uint64_t wait_by_name(uint64_t wait_name, const uint64_t *signal_name, const mach_timespec_t *time)
{
	struct semaphore_caller none = { .reply = IP_NULL };
	struct semaphore *wait = NULL, *signal = NULL;
	kern_return_t kr = semaphore_of_name(wait_name, &wait);

	if (kr == KERN_SUCCESS && signal_name != NULL)
		kr = semaphore_of_name(*signal_name, &signal);
	if (kr == KERN_SUCCESS)
		kr = semaphore_wait(wait, signal, time, none);
	semaphore_release(wait);
	semaphore_release(signal);
	return (uint64_t)kr;
}

uint64_t trap_semaphore_wait(struct trap_frame *f)
{
	return wait_by_name(f->rdi, NULL, NULL);
}

uint64_t trap_semaphore_wait_signal(struct trap_frame *f)
{
	return wait_by_name(f->rdi, &f->rsi, NULL);
}

uint64_t trap_semaphore_timedwait(struct trap_frame *f)
{
	mach_timespec_t time = { (unsigned int)f->rsi, (int)f->rdx };

	return wait_by_name(f->rdi, NULL, &time);
}

uint64_t trap_semaphore_timedwait_signal(struct trap_frame *f)
{
	mach_timespec_t time = { (unsigned int)f->rdx, (int)f->r10 };

	return wait_by_name(f->rdi, &f->rsi, &time);
}

/* clock_sleep(clock name, type, seconds, nanoseconds, &wakeup_time) */
uint64_t trap_clock_sleep(struct trap_frame *f)
{
	mach_timespec_t time = { (unsigned int)f->rdx, (int)f->r10 };
	struct clock *clock = clock_of_id(SYSTEM_CLOCK);
	struct ipc_port *port = IP_NULL;
	kern_return_t kr;

	if ((mach_port_name_t)f->rdi != MACH_PORT_NULL) {
		if (ipc_object_copyin(current_task()->ipc.space, (mach_port_name_t)f->rdi, MACH_MSG_TYPE_COPY_SEND, &port) !=
		    KERN_SUCCESS)
			return KERN_INVALID_ARGUMENT;
		if (IP_VALID(port) && port->ip_remote) {
			ipc_port_release_send(port);
			return (uint64_t)MACH_SEND_INVALID_DEST;
		}
		clock = convert_port_to_clock(port);
		ipc_port_release_send(port);
	}
	kr = clock_service_sleep(clock, (sleep_type_t)f->rsi, &time);
	if (f->r8 != 0 && kr != KERN_INVALID_ARGUMENT && kr != KERN_INVALID_VALUE &&
	    copyout(&time, f->r8, sizeof(time)) != KERN_SUCCESS && kr == KERN_SUCCESS)
		kr = KERN_INVALID_ADDRESS;
	return (uint64_t)kr;
}

uint64_t trap_timebase_info(struct trap_frame *f)
{
	static const uint32_t info[2] = { 1, 1 };

	return copyout(info, f->rdi, sizeof(info)) == KERN_SUCCESS ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
}

uint64_t trap_wait_until(struct trap_frame *f)
{
	struct spinlock lock = SPINLOCK_INIT("sleep");
	struct waitq never;

	if (f->rdi <= clock_now_ns())
		return KERN_SUCCESS;
	waitq_init(&never);
	spin_lock(&lock);
	return waitq_block(&never, &lock, WAIT_ABORTABLE, f->rdi) == WAIT_TIMED_OUT ? KERN_SUCCESS : KERN_ABORTED;
}

uint64_t trap_mk_timer_create(struct trap_frame *f)
{
	mach_port_name_t name;

	return mk_timer_create(current_task()->ipc.space, &name) == KERN_SUCCESS ? name : MACH_PORT_NULL;
}

uint64_t trap_mk_timer_destroy(struct trap_frame *f)
{
	return (uint64_t)mk_timer_destroy(current_task()->ipc.space, (mach_port_name_t)f->rdi);
}

uint64_t trap_mk_timer_arm(struct trap_frame *f)
{
	return (uint64_t)mk_timer_arm(current_task()->ipc.space, (mach_port_name_t)f->rdi, f->rsi);
}

uint64_t trap_mk_timer_cancel(struct trap_frame *f)
{
	uint64_t result_ns = 0;
	kern_return_t kr = mk_timer_cancel(current_task()->ipc.space, (mach_port_name_t)f->rdi, &result_ns);

	if (kr == KERN_SUCCESS && f->rsi != 0 && copyout(&result_ns, f->rsi, sizeof(result_ns)) != KERN_SUCCESS)
		kr = KERN_INVALID_ADDRESS;
	return (uint64_t)kr;
}

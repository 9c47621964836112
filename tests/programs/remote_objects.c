/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * remote_objects.c - semaphores, clocks, timers and lock sets of another node, and a debugger of a task there. Prints TAP.
 *
 *   remote_objects SELF OTHER   only on node SELF; OTHER has a peer
 */
#include "node.h"
#include "stopped.h"

#include <tests/peer.h>

#define MS 1000000
#define PAGE 4096ull

static mach_port_t peer, task, thread, host;

static void drop(mach_port_t right)
{
	(void)mach_port_deallocate(mach_task_self(), right);
}

/* ---- semaphores ---- */

static kern_return_t act_wait(struct actor *a)
{
	return semaphore_wait(a->port);
}

static kern_return_t act_timedwait_signal(struct actor *a)
{
	return semaphore_timedwait_signal(a->port, a->other, (mach_timespec_t){ 60, 0 });
}

/* Until the wait has arrived there: a signal to a thread that nobody has would count else. */
static bool remote_waits(struct actor *a)
{
	bool waits = actor_blocks(a);

	node_sleep_ms(100);
	return waits;
}

static void semaphores(void)
{
	semaphore_t s = MACH_PORT_NULL, other = MACH_PORT_NULL;
	struct actor waiters[40];
	struct actor a = { .act = act_wait };
	unsigned blocked = 0, back = 0;

	tap_result(semaphore_create(task, &s, SYNC_POLICY_FIFO, 1), KERN_SUCCESS, "ROBJ0001 a semaphore of another node's task");
	(void)semaphore_create(task, &other, SYNC_POLICY_FIFO, 0);
	tap_result(semaphore_wait(s), KERN_SUCCESS, "ROBJ0002 its count is taken from here");
	tap_result(semaphore_timedwait(s, (mach_timespec_t){ 0, 0 }), KERN_OPERATION_TIMED_OUT, "ROBJ0003 then there is none");
	tap_result(semaphore_timedwait(s, (mach_timespec_t){ 0, 20 * MS }), KERN_OPERATION_TIMED_OUT, "ROBJ0004 nor after a time");
	tap_result(semaphore_timedwait(s, (mach_timespec_t){ 0, -1 }), KERN_INVALID_VALUE, "ROBJ0005 which must be one");
	a.port = s;
	tap(remote_waits(&a) && semaphore_signal(s) == KERN_SUCCESS && actor_join(&a) == KERN_SUCCESS,
	    "ROBJ0006 a waiter here goes on by a signal");
	tap(remote_waits(&a) && semaphore_signal_all(s) == KERN_SUCCESS && actor_join(&a) == KERN_SUCCESS,
	    "ROBJ0007 and by one to all");
	a = (struct actor){ .act = act_timedwait_signal, .port = s, .other = other };
	tap(actor_blocks(&a) && semaphore_wait(other) == KERN_SUCCESS && semaphore_signal(s) == KERN_SUCCESS &&
	    actor_join(&a) == KERN_SUCCESS, "ROBJ0008 wait and signal at once");
	/* More than the kernel has workers: none of them waits. */
	for (unsigned i = 0; i < 40; i++) {
		waiters[i] = (struct actor){ .act = act_wait, .port = s };
		blocked += actor_blocks(&waiters[i]);
	}
	tap(blocked == 40 && semaphore_timedwait(other, (mach_timespec_t){ 0, 0 }) == KERN_OPERATION_TIMED_OUT,
	    "ROBJ0009 40 waits leave that node's workers free");
	tap_result(semaphore_destroy(task, s), KERN_SUCCESS, "ROBJ0010 the semaphore goes");
	for (unsigned i = 0; i < 40; i++)
		back += actor_join(&waiters[i]) == KERN_TERMINATED;
	tap(back == 40, "ROBJ0011 and all are told");
	(void)semaphore_destroy(task, other);
	drop(s);
	drop(other);
}

/* ---- clocks, timers, lock sets ---- */

static kern_return_t act_lock(struct actor *a)
{
	return lock_acquire(a->port, 0);
}

static kern_return_t act_accept(struct actor *a)
{
	return lock_handoff_accept(a->port, 0);
}

/* Threads of this node at the locks of another one's set. */
static void locks(lock_set_t set)
{
	struct actor a = { .act = act_lock, .port = set }, b = { .act = act_lock, .port = set };
	mach_port_t dead = MACH_PORT_NULL;
	kern_return_t kr;

	tap_result(lock_acquire(set, 0), KERN_SUCCESS, "ROBJ0026 a thread of this node holds a lock of it");
	tap_result(lock_acquire(set, 0), KERN_LOCK_OWNED_SELF, "ROBJ0027 which it has");
	tap_result(lock_try(set, 1), KERN_INVALID_ARGUMENT, "ROBJ0028 there is no second");
	tap(remote_waits(&a) && lock_release(set, 0) == KERN_SUCCESS && actor_join(&a) == KERN_SUCCESS,
	    "ROBJ0029 another thread waits, and gets it");
	tap_result(lock_release(set, 0), KERN_INVALID_RIGHT, "ROBJ0030 it is that one's");
	tap_result(lock_acquire(set, 0), KERN_LOCK_UNSTABLE, "ROBJ0031 which has ended with it: unstable");
	tap_result(lock_make_stable(set, 0), KERN_SUCCESS, "ROBJ0032 until it is mended");
	tap(remote_waits(&b) && thread_terminate(b.thread) == KERN_SUCCESS && lock_release(set, 0) == KERN_SUCCESS,
	    "ROBJ0033 a thread that waits ends, then the holder releases it");
	kr = lock_acquire(set, 0); /* unstable if the news of its end came after the release */
	tap((kr == KERN_SUCCESS || kr == KERN_LOCK_UNSTABLE) && lock_make_stable(set, 0) == KERN_SUCCESS,
	    "ROBJ0034 the dead do not keep it: %s", mach_error_string(kr));
	a = (struct actor){ .act = act_accept, .port = set };
	tap(remote_waits(&a), "ROBJ0035 one waits to take it from hand to hand");
	tap_result(lock_handoff(set, 0), KERN_SUCCESS, "ROBJ0036 gets it");
	tap_result(actor_join(&a), KERN_SUCCESS, "ROBJ0037 and knows");
	tap_result(_lock_set_call(set, 0, LOCK_TRY, MACH_PORT_NULL), KERN_INVALID_ARGUMENT, "ROBJ0038 nobody holds nothing");
	(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &dead);
	(void)mach_port_insert_right(mach_task_self(), dead, dead, MACH_MSG_TYPE_MAKE_SEND);
	(void)mach_port_mod_refs(mach_task_self(), dead, MACH_PORT_RIGHT_RECEIVE, -1);
	tap_result(_lock_set_call(set, 0, LOCK_TRY, dead), KERN_INVALID_CAPABILITY, "ROBJ0051 nor do the dead");
	drop(dead);
}

static void others(void)
{
	clock_serv_t clock = MACH_PORT_NULL;
	mach_timespec_t a, b;
	mach_port_name_t name = MACH_PORT_NULL;
	lock_set_t set = MACH_PORT_NULL;
	uint64_t when = 0;

	tap_result(host_get_clock_service(host, SYSTEM_CLOCK, &clock), KERN_SUCCESS, "ROBJ0020 the other node's clock");
	tap(clock_get_time(clock, &a) == KERN_SUCCESS && clock_sleep(clock, TIME_RELATIVE, (mach_timespec_t){ 0, 10 * MS }, &b) ==
	    KERN_SUCCESS && CMP_MACH_TIMESPEC(&b, &a) > 0, "ROBJ0021 one sleeps on it from here");
	drop(clock);
	tap_result(_mk_timer_create(task, &name), KERN_SUCCESS, "ROBJ0022 a timer in another node's task");
	tap(_mk_timer_arm(task, name, 1ull << 60) == KERN_SUCCESS && _mk_timer_cancel(task, name, &when) == KERN_SUCCESS &&
	    when == 1ull << 60, "ROBJ0023 armed and cancelled");
	tap_result(_mk_timer_destroy(task, name), KERN_SUCCESS, "ROBJ0024 and destroyed");
	tap_result(lock_set_create(task, &set, 1, SYNC_POLICY_FIFO), KERN_SUCCESS, "ROBJ0025 a lock set there");
	locks(set);
	tap_result(lock_set_destroy(task, set), KERN_SUCCESS, "ROBJ0039 it goes");
	drop(set);
}

/* ---- a debugger ---- */

/* nop; int3; inc %rbx; mov %rbx, data(%rip); jmp to the inc: data on the next page. */
static const uint8_t code[] = { 0x90, 0xcc, 0x48, 0xff, 0xc3, 0x48, 0x89, 0x1d, 0xf4, 0x0f, 0x00, 0x00, 0xeb, 0xf4 };
#define DATA 0x1000ull

/* Times that the task is suspended, once that is so many; else what it is then. */
static integer_t suspend_count(integer_t wanted)
{
	task_basic_info_64_data_t info = { 0 };

	for (int i = 0; i < THREADS_TRIES; i++) {
		mach_msg_type_number_t count = TASK_BASIC_INFO_64_COUNT;

		if (task_info(stopped_task, TASK_BASIC_INFO_64, (task_info_t)&info, &count) == KERN_SUCCESS &&
		    info.suspend_count == wanted)
			break;
		usleep(500);
	}
	return info.suspend_count;
}

/* A suspension of another node's task ends with the last right to its token, here. */
static void suspensions(void)
{
	mach_port_t a = MACH_PORT_NULL, b = MACH_PORT_NULL;

	tap(task_suspend2(stopped_task, &a) == KERN_SUCCESS && task_suspend2(stopped_task, &b) == KERN_SUCCESS && suspend_count(2) == 2,
	    "ROBJ0052 a task there is suspended twice, with tokens");
	tap(task_resume2(a) == KERN_SUCCESS && suspend_count(1) == 1, "ROBJ0053 one is given back");
	drop(b);
	tap(suspend_count(0) == 0, "ROBJ0054 the other is lost");
}

static void debugger(void)
{
	mach_vm_address_t text = 0;
	x86_thread_state64_t state = { .rflags = 0x202 };
	x86_debug_state64_t debug = { .dr7 = 1 | 1u << 16 | 2u << 18 };

	tap_result(task_create(task, NULL, 0, FALSE, &stopped_task), KERN_SUCCESS, "ROBJ0040 a task on the other node");
	tap_result(mach_vm_allocate(stopped_task, &text, 2 * PAGE, VM_FLAGS_ANYWHERE), KERN_SUCCESS, "ROBJ0041 is given memory");
	tap(mach_vm_write(stopped_task, text, (vm_offset_t)(uintptr_t)code, sizeof(code)) == KERN_SUCCESS &&
	    mach_vm_protect(stopped_task, text, PAGE, FALSE, VM_PROT_READ | VM_PROT_EXECUTE) == KERN_SUCCESS, "ROBJ0042 and code");
	tap_result(task_set_exception_ports(stopped_task, EXC_MASK_BREAKPOINT, stopped_port(), STOPPED_BEHAVIOR, x86_THREAD_STATE64), KERN_SUCCESS,
		   "ROBJ0043 its exceptions come here");
	state.rip = text;
	tap(thread_create(stopped_task, &stopped_thread) == KERN_SUCCESS &&
	    thread_set_state(stopped_thread, x86_THREAD_STATE64, (thread_state_t)&state, x86_THREAD_STATE64_COUNT) == KERN_SUCCESS &&
	    thread_resume(stopped_thread) == KERN_SUCCESS, "ROBJ0044 a thread runs it");
	tap(stops(0) && stopped.code == EXC_I386_BPT && stopped.state.rip == text + 2, "ROBJ0045 up to its breakpoint");
	state = stopped.state;
	state.rbx = 40;
	state.rflags |= TRAP_FLAG;
	continue_with(state);
	tap(stops(1) && stopped.code == EXC_I386_SGL && stopped.state.rip == text + 5 && stopped.state.rbx == 41,
	    "ROBJ0046 one step, with the register that we set");
	debug.dr0 = text + DATA;
	tap_result(thread_set_state(stopped_thread, x86_DEBUG_STATE64, (thread_state_t)&debug, x86_DEBUG_STATE64_COUNT), KERN_SUCCESS,
		   "ROBJ0047 a watchpoint");
	state = stopped.state;
	state.rflags &= ~(uint64_t)TRAP_FLAG;
	continue_with(state);
	tap(stops(2) && (stopped.subcode & 0xf) == 1 && stopped.state.rbx == 41, "ROBJ0048 is hit by the write");
	suspensions();
	tap_result(task_terminate(stopped_task), KERN_SUCCESS, "ROBJ0049 the task is ended");
	continue_with(stopped.state);
	for (int i = 0; i < THREADS_TRIES && tap_refs(stopped_task, MACH_PORT_RIGHT_DEAD_NAME) == 0; i++)
		usleep(500);
	tap(tap_refs(stopped_task, MACH_PORT_RIGHT_DEAD_NAME) != 0, "ROBJ0050 while it waited for us");
	drop(stopped_thread);
	drop(stopped_task);
}

int main(int argc, char **argv)
{
	if (argc != 3 || node_number() != (unsigned)atoi(argv[1]))
		return 0;
	peer = node_find_peer((unsigned)atoi(argv[2]));
	tap_result(peer_objects(peer, &task, &thread, &host), KERN_SUCCESS, "ROBJ0000 the other node's task, thread and host");
	semaphores();
	others();
	debugger();
	return tap_done();
}

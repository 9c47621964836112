/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: semaphores, lock sets, timers and exceptions by many threads at once, which time out, are aborted, destroy what others
 *   wait for and end while they hold locks; afterwards the node has as many ports and messages as before.
 *
 *   test-sync-stress [SECONDS]     5 by default
 */
#include "tap.h"
#include "threads.h"

#include <mach/host_info.h>
#include <mach/mach_exc_server.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define WAITERS 6
#define LOCKERS 4
#define MS 1000000u

static mach_port_t self_task;
static _Atomic bool over;
static _Atomic uint64_t waits, timeouts, aborts, ends, locked, unstable, expired, raised;
static _Atomic unsigned wrong;
static _Atomic mach_port_t semaphore;
static mach_port_t answers, locks;
static _Atomic unsigned inside; /* how many hold lock 0 */
static mach_port_t waiter_threads[WAITERS];

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Wait in every way; each answer but these is wrong. */
static void *waiter(void *arg)
{
	uint32_t seed = (uint32_t)(uintptr_t)arg + 1;

	waiter_threads[(uintptr_t)arg] = mach_thread_self();
	while (!atomic_load(&over)) {
		mach_timespec_t time = { 0, (int)(next_random(&seed) % (2 * MS)) };
		mach_port_t s = atomic_load(&semaphore);
		kern_return_t kr = next_random(&seed) % 2 == 0 ? semaphore_timedwait(s, time) :
							       semaphore_timedwait_signal(s, answers, time);

		atomic_fetch_add(&waits, 1);
		switch (kr) {
		case KERN_SUCCESS:
			break;
		case KERN_OPERATION_TIMED_OUT:
			atomic_fetch_add(&timeouts, 1);
			break;
		case KERN_ABORTED:
			atomic_fetch_add(&aborts, 1);
			break;
		case KERN_TERMINATED:  /* destroyed while it waited, or before */
		case KERN_INVALID_NAME: /* its name is gone, too */
		case KERN_INVALID_ARGUMENT: /* the name is another port's now */
			atomic_fetch_add(&ends, 1);
			break;
		default:
			atomic_fetch_add(&wrong, 1);
		}
	}
	return NULL;
}

/* Signal, one, all, or one thread; take what comes back. */
static void *signaller(void *arg)
{
	uint32_t seed = 77;

	while (!atomic_load(&over)) {
		mach_port_t s = atomic_load(&semaphore);

		switch (next_random(&seed) % 4) {
		case 0:
			(void)semaphore_signal_all(s);
			break;
		case 1:
			(void)semaphore_signal_thread(s, waiter_threads[next_random(&seed) % WAITERS]);
			break;
		default:
			(void)semaphore_signal(s);
		}
		while (semaphore_timedwait(answers, (mach_timespec_t){ 0, 0 }) == KERN_SUCCESS)
			;
	}
	return NULL;
}

/* Abort waiters, and put a new semaphore in the place of the old one. */
static void *trouble(void *arg)
{
	uint32_t seed = 99;

	while (!atomic_load(&over)) {
		mach_port_t fresh = MACH_PORT_NULL, old;

		for (int i = 0; i < 20; i++) {
			(void)thread_abort(waiter_threads[next_random(&seed) % WAITERS]);
			usleep(100);
		}
		if (semaphore_create(self_task, &fresh, (int)(next_random(&seed) % 3), (int)(next_random(&seed) % 3)) != KERN_SUCCESS) {
			atomic_fetch_add(&wrong, 1);
			continue;
		}
		old = atomic_exchange(&semaphore, fresh);
		if (semaphore_destroy(self_task, old) != KERN_SUCCESS)
			atomic_fetch_add(&wrong, 1);
		(void)mach_port_deallocate(self_task, old);
	}
	return NULL;
}

/* Take a lock some times, and end with it held. */
static void *lock_and_die(void *arg)
{
	for (int i = 0; i < 20; i++) {
		kern_return_t kr = lock_acquire(locks, 0);

		if (kr == KERN_LOCK_UNSTABLE) {
			atomic_fetch_add(&unstable, 1);
			kr = lock_make_stable(locks, 0);
		}
		if (kr != KERN_SUCCESS || atomic_fetch_add(&inside, 1) != 0)
			atomic_fetch_add(&wrong, 1);
		atomic_fetch_add(&locked, 1);
		atomic_fetch_sub(&inside, 1);
		if (i < 19 && lock_release(locks, 0) != KERN_SUCCESS)
			atomic_fetch_add(&wrong, 1);
	}
	return NULL;
}

static void *locker(void *arg)
{
	while (!atomic_load(&over)) {
		pthread_t t;

		if (pthread_create(&t, NULL, lock_and_die, NULL) != 0)
			abort();
		pthread_join(t, NULL);
	}
	return NULL;
}

/* Timers that are armed, armed again, cancelled and destroyed while they expire. */
static void *timers(void *arg)
{
	uint32_t seed = 5;
	mach_port_t set;

	(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_PORT_SET, &set);
	while (!atomic_load(&over)) {
		mach_port_t timer = mk_timer_create();
		struct {
			mk_timer_expire_msg_t m;
			mach_msg_trailer_t trailer;
		} message;

		(void)mach_port_insert_member(self_task, timer, set);
		for (int i = 0; i < 8; i++) {
			if (mk_timer_arm(timer, mach_absolute_time() + next_random(&seed) % MS) != KERN_SUCCESS)
				atomic_fetch_add(&wrong, 1);
			if (next_random(&seed) % 3 == 0 && mk_timer_cancel(timer, NULL) != KERN_SUCCESS)
				atomic_fetch_add(&wrong, 1);
			while (mach_msg(&message.m.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(message), set, next_random(&seed) % 2,
					MACH_PORT_NULL) == MACH_MSG_SUCCESS)
				atomic_fetch_add(&expired, 1);
		}
		(void)mk_timer_arm(timer, mach_absolute_time() + next_random(&seed) % 50000);
		if (mk_timer_destroy(timer) != KERN_SUCCESS)
			atomic_fetch_add(&wrong, 1);
	}
	(void)mach_port_mod_refs(self_task, set, MACH_PORT_RIGHT_PORT_SET, -1);
	return NULL;
}

/* ---- exceptions ---- */

static kern_return_t step_over(mach_port_t port, exception_type_t type, mach_exception_data_t code, mach_msg_type_number_t count,
			       int *flavor, thread_state_t old, mach_msg_type_number_t old_count, thread_state_t new,
			       mach_msg_type_number_t *new_count)
{
	x86_thread_state64_t state;

	memcpy(&state, old, sizeof(state));
	state.rip += 2; /* ud2 */
	memcpy(new, &state, sizeof(state));
	*new_count = old_count;
	atomic_fetch_add(&raised, 1);
	return KERN_SUCCESS;
}

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct mach_exc_ops ops = { .mach_exception_raise_state = step_over };

	return mach_exc_demux(&ops, in, out);
}

static void *handler(void *port)
{
	(void)mach_msg_server(demux, 4096, (mach_port_t)(uintptr_t)port, MACH_MSG_OPTION_NONE);
	return NULL;
}

static void *raiser(void *arg)
{
	while (!atomic_load(&over))
		__asm__ volatile("ud2");
	return NULL;
}

/* ---- all at once ---- */

static host_node_info_data_t node(void)
{
	host_node_info_data_t info = { 0 };
	mach_msg_type_number_t count = HOST_NODE_INFO_COUNT;

	(void)host_info(mach_host_self(), HOST_NODE_INFO, (host_info_t)&info, &count);
	return info;
}

static unsigned own_threads(void)
{
	task_name_info_data_t info = { 0 };
	mach_msg_type_number_t count = TASK_NAME_INFO_COUNT;

	(void)task_info(self_task, TASK_NAME_INFO, (task_info_t)&info, &count);
	return info.thread_count;
}

static void run(unsigned seconds)
{
	pthread_t threads[WAITERS + LOCKERS + 6];
	unsigned n = 0;
	mach_port_t s;

	atomic_store(&over, false);
	(void)semaphore_create(self_task, &s, SYNC_POLICY_FIFO, 0);
	atomic_store(&semaphore, s);
	(void)semaphore_create(self_task, &answers, SYNC_POLICY_FIFO, 0);
	(void)lock_set_create(self_task, &locks, 1, SYNC_POLICY_FIFO);
	for (uintptr_t i = 0; i < WAITERS; i++)
		waiter_threads[i] = MACH_PORT_NULL;
	for (uintptr_t i = 0; i < WAITERS; i++)
		(void)pthread_create(&threads[n++], NULL, waiter, (void *)i);
	for (unsigned i = 0; i < WAITERS; i++)
		while (*(volatile mach_port_t *)&waiter_threads[i] == MACH_PORT_NULL)
			usleep(100);
	(void)pthread_create(&threads[n++], NULL, signaller, NULL);
	(void)pthread_create(&threads[n++], NULL, trouble, NULL);
	for (unsigned i = 0; i < LOCKERS; i++)
		(void)pthread_create(&threads[n++], NULL, locker, NULL);
	(void)pthread_create(&threads[n++], NULL, timers, NULL);
	(void)pthread_create(&threads[n++], NULL, raiser, NULL);
	for (unsigned i = 0; i < seconds * 10; i++)
		usleep(100000);
	atomic_store(&over, true);
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < WAITERS; i++)
		(void)mach_port_deallocate(self_task, waiter_threads[i]);
	s = atomic_load(&semaphore);
	(void)semaphore_destroy(self_task, s);
	(void)mach_port_deallocate(self_task, s);
	(void)semaphore_destroy(self_task, answers);
	(void)mach_port_deallocate(self_task, answers);
	(void)lock_set_destroy(self_task, locks);
	(void)mach_port_deallocate(self_task, locks);
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 5, tries = 0, threads, workers;
	host_node_info_data_t before, after;
	mach_port_t port;
	pthread_t server;

	self_task = mach_task_self();
	(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_RECEIVE, &port);
	(void)mach_port_insert_right(self_task, port, port, MACH_MSG_TYPE_MAKE_SEND);
	(void)task_set_exception_ports(self_task, EXC_MASK_BAD_INSTRUCTION, port, EXCEPTION_STATE | MACH_EXCEPTION_CODES,
				       x86_THREAD_STATE64);
	(void)pthread_create(&server, NULL, handler, (void *)(uintptr_t)port);
	run(1); /* what stays for good is there then */
	before = node();
	threads = own_threads();
	run(seconds);
	do {
		usleep(50000);
		after = node();
		workers = after.threads > before.threads ? after.threads - before.threads : 0; /* the kernel's, each with a port */
	} while ((after.ports > before.ports + workers || after.kmsgs > before.kmsgs + 8 || own_threads() > threads) && ++tries < 200);
	tap(atomic_load(&waits) > 0 && atomic_load(&timeouts) > 0 && atomic_load(&aborts) > 0 && atomic_load(&ends) > 0,
	    "SYNC0001 %lu waits: %lu timed out, %lu were aborted, %lu found their semaphore gone", (unsigned long)atomic_load(&waits),
	    (unsigned long)atomic_load(&timeouts), (unsigned long)atomic_load(&aborts), (unsigned long)atomic_load(&ends));
	tap(atomic_load(&locked) > 0 && atomic_load(&unstable) > 0, "SYNC0002 %lu times a lock was held, %lu times left by who ended",
	    (unsigned long)atomic_load(&locked), (unsigned long)atomic_load(&unstable));
	tap(atomic_load(&expired) > 0, "SYNC0003 %lu timers expired", (unsigned long)atomic_load(&expired));
	tap(atomic_load(&raised) > 0, "SYNC0004 %lu exceptions were dealt with", (unsigned long)atomic_load(&raised));
	tap(atomic_load(&wrong) == 0, "SYNC0005 nothing answered what it must not (%u)", atomic_load(&wrong));
	tap(after.ports <= before.ports + workers && own_threads() == threads,
	    "SYNC0006 as many ports and threads as before: %u and %u (%u new kernel workers), %u and %u", before.ports, after.ports,
	    workers, threads, own_threads());
	tap(after.kmsgs <= before.kmsgs + 8, "SYNC0007 and messages: %u and %u", before.kmsgs, after.kmsgs);
	return tap_done();
}

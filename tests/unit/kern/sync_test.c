/* SPDX-License-Identifier: BSD-2-Clause */
/* Description: semaphores and lock sets: counts, order, waits of this node and of others, ends, races between threads. */
#include "../ipc/fixture.h"

#include <kern/kworker.h>
#include <kern/lock_set.h>
#include <kern/semaphore.h>
#include <mach/mig_errors.h>
#include <mach/sync_policy.h>
#include <pthread.h>
#include <stdlib.h>

/* ---- kernel workers: what is submitted waits until the test runs it ---- */

struct task *kernel_task; /* nobody plays for it here */

static pthread_mutex_t work_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list work = LIST_INIT(work);

void kworker_submit(struct kwork *w)
{
	pthread_mutex_lock(&work_lock);
	list_add_tail(&work, &w->link);
	pthread_mutex_unlock(&work_lock);
}

static unsigned run_work(void)
{
	unsigned n = 0;

	for (;; n++) {
		struct kwork *w;

		pthread_mutex_lock(&work_lock);
		w = list_first(&work, struct kwork, link);
		if (w)
			list_remove(&w->link);
		pthread_mutex_unlock(&work_lock);
		if (!w)
			return n;
		w->fn(w);
	}
}

/* ---- short ways ---- */

static const struct semaphore_caller here_caller = { IP_NULL, 0 };
static const mach_timespec_t no_time = { 0, 0 }, long_time = { 600, 0 };

static void init_task(struct task *t)
{
	list_init(&t->semaphores);
	list_init(&t->lock_sets);
}

static int sync_setup(void **state)
{
	int result = ipc_setup(state);

	init_task(alice);
	init_task(bob);
	return result;
}

#define sync_test(f) cmocka_unit_test_setup_teardown(f, sync_setup, ipc_teardown)

/* A semaphore of alice; its right is given up at once. +1 */
static struct semaphore *make(int policy, int value)
{
	struct ipc_port *port;
	struct semaphore *s;

	assert_int_equal(semaphore_create(alice, &port, policy, value), KERN_SUCCESS);
	s = convert_port_to_semaphore(port);
	assert_non_null(s);
	ipc_port_release_send(port);
	return s;
}

static void end(struct semaphore *s)
{
	assert_int_equal(semaphore_destroy(alice, s), KERN_SUCCESS);
	semaphore_release(s);
}

struct job {
	struct semaphore *wait, *signal;
	const mach_timespec_t *time;
	kern_return_t result;
	_Atomic bool done;
};

static void waiter(void *arg)
{
	struct job *j = arg;

	j->result = semaphore_wait(j->wait, j->signal, j->time, here_caller);
	atomic_store(&j->done, true);
}

static struct thread *start_blocked(struct job *j, uint32_t priority)
{
	struct thread *t = ipc_thread(alice, waiter, j);

	host_wait_until_blocked(t);
	t->priority = priority;
	return t;
}

static kern_return_t try(struct semaphore *s)
{
	return semaphore_wait(s, NULL, &no_time, here_caller);
}

/* ---- semaphores ---- */

static void SYN0001_signals_count_and_waits_take(void **state)
{
	struct ipc_port *port = IP_NULL;
	struct semaphore *s = make(SYNC_POLICY_FIFO, 1), *other = make(SYNC_POLICY_FIFO, 0);

	assert_int_equal(semaphore_create(alice, &port, 4, 0), KERN_INVALID_ARGUMENT);
	assert_int_equal(semaphore_create(alice, &port, 3, 0), KERN_INVALID_ARGUMENT);
	assert_int_equal(semaphore_create(alice, &port, SYNC_POLICY_FIFO, -1), KERN_INVALID_ARGUMENT);
	assert_int_equal(try(s), KERN_SUCCESS);
	assert_int_equal(try(s), KERN_OPERATION_TIMED_OUT);
	assert_int_equal(semaphore_signal(s), KERN_SUCCESS);
	assert_int_equal(semaphore_signal(s), KERN_SUCCESS);
	assert_int_equal(semaphore_signal_all(s), KERN_SUCCESS);
	assert_int_equal(semaphore_signal_thread(s, NULL), KERN_NOT_WAITING);
	assert_int_equal(semaphore_wait(s, other, NULL, here_caller), KERN_SUCCESS);
	assert_int_equal(try(other), KERN_SUCCESS);
	assert_int_equal(try(s), KERN_SUCCESS);
	assert_int_equal(semaphore_wait(s, s, &no_time, here_caller), KERN_SUCCESS);
	assert_int_equal(try(s), KERN_OPERATION_TIMED_OUT);
	assert_int_equal(semaphore_wait(s, NULL, &(mach_timespec_t){ 0, -1 }, here_caller), KERN_INVALID_VALUE);
	assert_int_equal(semaphore_destroy(bob, s), KERN_INVALID_ARGUMENT);
	end(s);
	end(other);
}

static void SYN0002_waiters_go_in_the_order_of_the_policy(void **state)
{
	static const struct {
		int policy;
		unsigned order[3];
	} cases[] = {
		{ SYNC_POLICY_FIFO, { 0, 1, 2 } },
		{ SYNC_POLICY_LIFO, { 2, 1, 0 } },
		{ SYNC_POLICY_FIXED_PRIORITY, { 1, 0, 2 } }, /* priorities 5, 9, 5 */
	};

	for (unsigned c = 0; c < 3; c++) {
		struct semaphore *s = make(cases[c].policy, 0);
		struct job jobs[3];
		struct thread *threads[3];

		for (unsigned i = 0; i < 3; i++) {
			jobs[i] = (struct job){ .wait = s };
			threads[i] = start_blocked(&jobs[i], i == 1 ? 9 : 5);
		}
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(semaphore_signal(s), KERN_SUCCESS);
			host_thread_join(threads[cases[c].order[i]]);
			assert_int_equal(jobs[cases[c].order[i]].result, KERN_SUCCESS);
			for (unsigned k = i + 1; k < 3; k++)
				assert_false(jobs[cases[c].order[k]].done);
		}
		end(s);
	}
}

static void SYN0003_aborts_timeouts_and_ends_leave_nothing(void **state)
{
	struct semaphore *s = make(SYNC_POLICY_LIFO, 0);
	struct job a = { .wait = s }, b = { .wait = s, .time = &long_time }, c = { .wait = s };
	struct thread *t = start_blocked(&a, 5), *u = start_blocked(&b, 5), *v;

	assert_int_equal(thread_abort(t), KERN_SUCCESS);
	host_thread_join(t);
	assert_int_equal(a.result, KERN_ABORTED);
	assert_int_equal(semaphore_wait(s, NULL, &(mach_timespec_t){ 0, 1000000 }, here_caller), KERN_OPERATION_TIMED_OUT);
	assert_int_equal(semaphore_signal_thread(s, u), KERN_SUCCESS);
	host_thread_join(u);
	assert_int_equal(b.result, KERN_SUCCESS);
	assert_int_equal(try(s), KERN_OPERATION_TIMED_OUT);
	v = start_blocked(&c, 5);
	assert_int_equal(semaphore_destroy(alice, s), KERN_SUCCESS);
	host_thread_join(v);
	assert_int_equal(c.result, KERN_TERMINATED);
	assert_int_equal(semaphore_signal(s), KERN_TERMINATED);
	assert_int_equal(semaphore_signal_all(s), KERN_TERMINATED);
	assert_int_equal(semaphore_signal_thread(s, NULL), KERN_TERMINATED);
	assert_int_equal(try(s), KERN_TERMINATED);
	assert_int_equal(semaphore_destroy(alice, s), KERN_TERMINATED);
	semaphore_release(s);
}

/* ---- waits of other nodes ---- */

static struct semaphore_caller remote(mach_port_name_t name, int32_t id)
{
	struct semaphore_caller caller = { .id = id };

	assert_int_equal(ipc_object_copyin(space_of(alice), name, MAKE_ONCE, &caller.reply), KERN_SUCCESS);
	return caller;
}

static void assert_answer(mach_port_name_t name, mach_msg_id_t id, kern_return_t result)
{
	struct msg m;

	assert_int_equal(try_receive(name, &m, MACH_RCV_TIMEOUT, 0), MACH_MSG_SUCCESS);
	assert_int_equal(m.h.msgh_id, id);
	assert_int_equal(((mig_reply_error_t *)&m)->RetCode, result);
}

static void SYN0010_a_remote_wait_is_answered_by_a_signal(void **state)
{
	struct semaphore *s = make(SYNC_POLICY_FIFO, 0), *other = make(SYNC_POLICY_FIFO, 0);
	mach_port_name_t port = new_port();
	struct semaphore_caller caller = remote(port, 1);

	assert_int_equal(semaphore_wait(s, NULL, NULL, caller), MIG_NO_REPLY);
	assert_empty(port);
	assert_int_equal(semaphore_signal(s), KERN_SUCCESS);
	assert_answer(port, 1, KERN_SUCCESS);
	caller = remote(port, 2);
	assert_int_equal(semaphore_wait(s, other, NULL, caller), MIG_NO_REPLY);
	assert_int_equal(try(other), KERN_SUCCESS);
	assert_int_equal(semaphore_signal_all(s), KERN_SUCCESS);
	assert_answer(port, 2, KERN_SUCCESS);
	assert_int_equal(try(s), KERN_OPERATION_TIMED_OUT);
	/* What is there is taken at once: then the right is still the caller's. */
	assert_int_equal(semaphore_signal(s), KERN_SUCCESS);
	caller = remote(port, 3);
	assert_int_equal(semaphore_wait(s, NULL, NULL, caller), KERN_SUCCESS);
	ipc_port_release_sonce(caller.reply);
	/* A local wait that signals a remote one: the answer goes out before it waits. */
	caller = remote(port, 4);
	assert_int_equal(semaphore_wait(other, NULL, NULL, caller), MIG_NO_REPLY);
	assert_int_equal(semaphore_wait(s, other, &no_time, here_caller), KERN_OPERATION_TIMED_OUT);
	assert_answer(port, 4, KERN_SUCCESS);
	end(s);
	end(other);
	destroy(port);
}

static void SYN0011_a_remote_wait_times_out(void **state)
{
	struct semaphore *s = make(SYNC_POLICY_FIFO, 0);
	mach_port_name_t port = new_port();
	struct semaphore_caller caller = remote(port, 7);

	assert_int_equal(semaphore_wait(s, NULL, &long_time, caller), MIG_NO_REPLY);
	(void)host_timers_run(clock_now_ns() + 1);
	assert_int_equal(run_work(), 0);
	(void)host_timers_run(clock_now_ns() + 601 * NSEC_PER_SEC);
	assert_int_equal(run_work(), 1);
	assert_answer(port, 7, KERN_OPERATION_TIMED_OUT);
	assert_int_equal(semaphore_signal(s), KERN_SUCCESS);
	assert_int_equal(try(s), KERN_SUCCESS); /* the signal was not lost to it */
	/* A signal comes first: the timer finds nothing. */
	caller = remote(port, 8);
	assert_int_equal(semaphore_wait(s, NULL, &long_time, caller), MIG_NO_REPLY);
	assert_int_equal(semaphore_signal(s), KERN_SUCCESS);
	assert_answer(port, 8, KERN_SUCCESS);
	(void)host_timers_run(clock_now_ns() + 601 * NSEC_PER_SEC);
	assert_int_equal(run_work(), 0);
	assert_empty(port);
	end(s);
	destroy(port);
}

static void SYN0012_a_remote_caller_that_has_gone_takes_no_signal(void **state)
{
	struct semaphore *s = make(SYNC_POLICY_FIFO, 0);
	mach_port_name_t gone = new_port(), port = new_port();
	struct semaphore_caller first = remote(gone, 1), second = remote(port, 2);

	assert_int_equal(semaphore_wait(s, NULL, NULL, first), MIG_NO_REPLY);
	assert_int_equal(semaphore_wait(s, NULL, NULL, second), MIG_NO_REPLY);
	destroy(gone);
	assert_int_equal(semaphore_signal(s), KERN_SUCCESS);
	assert_answer(port, 2, KERN_SUCCESS);
	assert_int_equal(try(s), KERN_OPERATION_TIMED_OUT);
	second = remote(port, 3);
	assert_int_equal(semaphore_wait(s, NULL, NULL, second), MIG_NO_REPLY);
	end(s);
	assert_answer(port, 3, KERN_TERMINATED);
	destroy(port);
}

static void SYN0013_memory_may_be_short(void **state)
{
	struct semaphore *s = make(SYNC_POLICY_FIFO, 0);
	mach_port_name_t name = new_port();
	struct semaphore_caller caller = remote(name, 1);
	struct ipc_port *port = IP_NULL;

	for (uint64_t i = 1; i <= 2; i++) {
		host_alloc_fail_at(i, false);
		assert_int_equal(semaphore_create(alice, &port, SYNC_POLICY_FIFO, 0), KERN_RESOURCE_SHORTAGE);
		host_alloc_fail_at(i, false);
		assert_int_equal(lock_set_create(alice, &port, 2, SYNC_POLICY_FIFO), KERN_RESOURCE_SHORTAGE);
	}
	host_alloc_fail_at(1, false);
	assert_int_equal(semaphore_wait(s, NULL, NULL, caller), KERN_RESOURCE_SHORTAGE);
	host_alloc_fail_at(0, false);
	ipc_port_release_sonce(caller.reply);
	alice->active = false;
	assert_int_equal(semaphore_create(alice, &port, SYNC_POLICY_FIFO, 0), KERN_TERMINATED);
	assert_int_equal(lock_set_create(alice, &port, 2, SYNC_POLICY_FIFO), KERN_TERMINATED);
	alice->active = true;
	semaphore_task_exit(alice);
	assert_int_equal(try(s), KERN_TERMINATED);
	semaphore_release(s);
	destroy(name);
}

/* ---- many threads ---- */

#define RACERS 4
#define ROUNDS 2000

static struct semaphore *shared;
static _Atomic uint64_t taken, given;

static void racing_waiter(void *unused)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		const mach_timespec_t time = { 0, (int)(i % 3) * 20000 };

		if (semaphore_wait(shared, NULL, &time, here_caller) == KERN_SUCCESS)
			atomic_fetch_add(&taken, 1);
	}
}

static void racing_signaller(void *unused)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		assert_int_equal(semaphore_signal(shared), KERN_SUCCESS);
		atomic_fetch_add(&given, 1);
	}
}

static void SYN0020_each_signal_is_taken_once(void **state)
{
	static const int policies[] = { SYNC_POLICY_FIFO, SYNC_POLICY_FIXED_PRIORITY, SYNC_POLICY_LIFO };

	for (unsigned p = 0; p < 3; p++) {
		struct thread *threads[2 * RACERS];
		uint64_t left = 0;

		shared = make(policies[p], 0);
		atomic_store(&taken, 0);
		atomic_store(&given, 0);
		for (unsigned i = 0; i < 2 * RACERS; i++)
			threads[i] = ipc_thread(alice, i % 2 == 0 ? racing_waiter : racing_signaller, NULL);
		for (unsigned i = 0; i < 2 * RACERS; i++)
			host_thread_join(threads[i]);
		while (try(shared) == KERN_SUCCESS)
			left++;
		assert_int_equal(taken + left, given);
		end(shared);
	}
}

/* ---- lock sets ---- */

static struct lock_set *make_set(int locks)
{
	struct ipc_port *port;
	struct lock_set *set;

	assert_int_equal(lock_set_create(alice, &port, locks, SYNC_POLICY_FIFO), KERN_SUCCESS);
	set = convert_port_to_lock_set(port);
	assert_non_null(set);
	ipc_port_release_send(port);
	return set;
}

static struct lock_set *the_set;
static _Atomic unsigned inside, most_inside, unstable;

static void locker(void *unused)
{
	list_init(&current_thread()->held_locks);
	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		kern_return_t kr = lock_acquire(the_set, 0);
		unsigned now;

		if (kr == KERN_LOCK_UNSTABLE) {
			atomic_fetch_add(&unstable, 1);
			kr = lock_make_stable(the_set, 0);
		}
		assert_int_equal(kr, KERN_SUCCESS);
		now = atomic_fetch_add(&inside, 1) + 1;
		if (now > atomic_load(&most_inside))
			atomic_store(&most_inside, now);
		atomic_fetch_sub(&inside, 1);
		if (i % 50 == 49)
			lock_set_thread_exit(current_thread()); /* as one that ends holding it */
		else
			assert_int_equal(lock_release(the_set, 0), KERN_SUCCESS);
	}
}

static void SYN0030_a_lock_is_held_by_one_and_outlives_its_holder(void **state)
{
	struct thread *threads[RACERS];

	list_init(&current_thread()->held_locks);
	the_set = make_set(2);
	assert_int_equal(lock_acquire(the_set, 2), KERN_INVALID_ARGUMENT);
	assert_int_equal(lock_release(the_set, 0), KERN_INVALID_RIGHT);
	for (unsigned i = 0; i < RACERS; i++)
		threads[i] = ipc_thread(alice, locker, NULL);
	for (unsigned i = 0; i < RACERS; i++)
		host_thread_join(threads[i]);
	assert_int_equal(most_inside, 1);
	assert_true(unstable > 0);
	assert_int_equal(lock_try(the_set, 1), KERN_SUCCESS);
	assert_int_equal(lock_try(the_set, 1), KERN_LOCK_OWNED_SELF);
	assert_int_equal(lock_set_destroy(bob, the_set), KERN_INVALID_ARGUMENT);
	assert_int_equal(lock_set_destroy(alice, the_set), KERN_SUCCESS);
	assert_int_equal(lock_set_destroy(alice, the_set), KERN_LOCK_SET_DESTROYED);
	assert_int_equal(lock_acquire(the_set, 0), KERN_LOCK_SET_DESTROYED);
	assert_true(list_empty(&current_thread()->held_locks));
	lock_set_release(the_set);
}

/* ---- threads of other nodes at a lock: by their port ---- */

ipc_kobject_dead_name_t ipc_kobject_dead_name_calls[IKOT_COUNT];

extern struct ipc_kmsg *(*host_kobject_server)(struct ipc_kmsg *request);

/* Notifications to the kernel's ports. */
static struct ipc_kmsg *hear(struct ipc_kmsg *request)
{
	if (request->ikm_header->msgh_id == MACH_NOTIFY_DEAD_NAME)
		lock_holder_died(request->ikm_remote_port);
	ipc_kmsg_destroy(request);
	return NULL;
}

/* A thread of another node: its port, and where it is answered. */
struct far {
	mach_port_name_t thread, reply;
	struct ipc_port *port; /* a send right */
	int32_t id;
};

static struct far far_thread(void)
{
	struct far f = { .thread = new_port_with_send(), .reply = new_port() };

	assert_int_equal(ipc_object_copyin(here(), f.thread, COPY_SEND, &f.port), KERN_SUCCESS);
	return f;
}

static kern_return_t far_call(struct far *f, int id, int operation)
{
	struct semaphore_caller c = remote(f->reply, ++f->id);
	kern_return_t kr = lock_remote_call(the_set, id, operation, f->port, (struct lock_caller){ c.reply, c.id });

	if (kr != MIG_NO_REPLY)
		ipc_port_release_sonce(c.reply);
	return kr;
}

/* The last call of f that waited was answered so. */
static void far_answer(struct far *f, kern_return_t result)
{
	assert_answer(f->reply, f->id, result);
}

static void far_end(struct far *f)
{
	ipc_port_release_send(f->port);
	destroy(f->thread);
	if (f->reply != NONE)
		destroy(f->reply);
}

static void begin_set(int locks)
{
	host_kobject_server = hear;
	the_set = make_set(locks);
}

static void end_set(void)
{
	assert_int_equal(lock_set_destroy(alice, the_set), KERN_SUCCESS);
	lock_set_release(the_set);
}

static void SYN0040_a_thread_of_another_node_holds_and_waits(void **state)
{
	struct far a = far_thread(), b = far_thread();

	begin_set(2);
	assert_int_equal(far_call(&a, 0, LOCK_RELEASE), KERN_INVALID_RIGHT);
	assert_int_equal(far_call(&a, 0, LOCK_STABLE), KERN_INVALID_RIGHT);
	assert_int_equal(far_call(&a, 0, LOCK_HANDOFF), KERN_INVALID_RIGHT);
	assert_int_equal(far_call(&a, 2, LOCK_TRY), KERN_INVALID_ARGUMENT);
	assert_int_equal(far_call(&a, 0, 6), KERN_INVALID_ARGUMENT);
	assert_int_equal(far_call(&a, 0, -1), KERN_INVALID_ARGUMENT);
	assert_int_equal(far_call(&a, 0, LOCK_ACQUIRE), KERN_SUCCESS);
	assert_int_equal(far_call(&a, 0, LOCK_ACQUIRE), KERN_LOCK_OWNED_SELF);
	assert_int_equal(far_call(&b, 0, LOCK_TRY), KERN_LOCK_OWNED);
	assert_int_equal(lock_try(the_set, 0), KERN_LOCK_OWNED);
	assert_int_equal(far_call(&b, 0, LOCK_ACQUIRE), MIG_NO_REPLY);
	assert_empty(b.reply);
	assert_int_equal(far_call(&a, 0, LOCK_RELEASE), KERN_SUCCESS);
	far_answer(&b, KERN_SUCCESS);
	assert_int_equal(far_call(&b, 0, LOCK_STABLE), KERN_SUCCESS);
	assert_int_equal(far_call(&b, 0, LOCK_RELEASE), KERN_SUCCESS);
	/* From a thread here to one there. */
	assert_int_equal(lock_acquire(the_set, 1), KERN_SUCCESS);
	assert_int_equal(far_call(&a, 1, LOCK_ACQUIRE), MIG_NO_REPLY);
	assert_int_equal(lock_release(the_set, 1), KERN_SUCCESS);
	far_answer(&a, KERN_SUCCESS);
	assert_int_equal(far_call(&b, 1, LOCK_ACQUIRE), MIG_NO_REPLY);
	end_set();
	far_answer(&b, KERN_LOCK_SET_DESTROYED);
	far_end(&a);
	far_end(&b);
}

static void SYN0041_its_death_makes_its_locks_unstable(void **state)
{
	struct far a = far_thread(), b = far_thread();

	begin_set(2);
	assert_int_equal(far_call(&a, 0, LOCK_ACQUIRE), KERN_SUCCESS);
	assert_int_equal(far_call(&a, 1, LOCK_TRY), KERN_SUCCESS);
	assert_int_equal(far_call(&b, 0, LOCK_ACQUIRE), MIG_NO_REPLY);
	far_end(&a);
	far_answer(&b, KERN_LOCK_UNSTABLE);
	assert_int_equal(lock_try(the_set, 1), KERN_LOCK_UNSTABLE);
	assert_int_equal(lock_make_stable(the_set, 1), KERN_SUCCESS);
	assert_int_equal(lock_release(the_set, 1), KERN_SUCCESS);
	assert_int_equal(far_call(&b, 0, LOCK_STABLE), KERN_SUCCESS);
	assert_int_equal(far_call(&b, 0, LOCK_RELEASE), KERN_SUCCESS);
	assert_int_equal(lock_acquire(the_set, 0), KERN_SUCCESS);
	assert_int_equal(lock_release(the_set, 0), KERN_SUCCESS);
	/* A dead one holds nothing. */
	a = far_thread();
	destroy(a.thread);
	assert_int_equal(far_call(&a, 0, LOCK_TRY), KERN_INVALID_CAPABILITY);
	ipc_port_release_send(a.port);
	destroy(a.reply);
	end_set();
	far_end(&b);
}

static void SYN0042_who_gave_up_or_died_waiting_is_passed_over(void **state)
{
	struct far a = far_thread(), b = far_thread(), c = far_thread(), d = far_thread();

	begin_set(1);
	assert_int_equal(far_call(&a, 0, LOCK_ACQUIRE), KERN_SUCCESS);
	assert_int_equal(far_call(&b, 0, LOCK_ACQUIRE), MIG_NO_REPLY);
	assert_int_equal(far_call(&c, 0, LOCK_ACQUIRE), MIG_NO_REPLY);
	assert_int_equal(far_call(&d, 0, LOCK_ACQUIRE), MIG_NO_REPLY);
	destroy(b.reply);
	b.reply = NONE;
	far_end(&c);
	assert_int_equal(far_call(&a, 0, LOCK_RELEASE), KERN_SUCCESS);
	far_answer(&d, KERN_SUCCESS);
	assert_int_equal(far_call(&d, 0, LOCK_RELEASE), KERN_SUCCESS);
	end_set();
	far_end(&a);
	far_end(&b);
	far_end(&d);
}

static void SYN0043_it_gives_and_takes_from_hand_to_hand(void **state)
{
	struct far a = far_thread(), b = far_thread();

	begin_set(1);
	assert_int_equal(far_call(&a, 0, LOCK_ACQUIRE), KERN_SUCCESS);
	assert_int_equal(far_call(&a, 0, LOCK_ACCEPT), KERN_LOCK_OWNED_SELF);
	assert_int_equal(far_call(&a, 0, LOCK_HANDOFF), MIG_NO_REPLY);
	assert_int_equal(far_call(&b, 0, LOCK_ACCEPT), KERN_SUCCESS);
	far_answer(&a, KERN_SUCCESS);
	assert_int_equal(far_call(&a, 0, LOCK_ACCEPT), MIG_NO_REPLY);
	assert_int_equal(far_call(&a, 0, LOCK_ACCEPT), KERN_ALREADY_WAITING);
	a.id--;
	assert_int_equal(far_call(&b, 0, LOCK_HANDOFF), KERN_SUCCESS);
	far_answer(&a, KERN_SUCCESS);
	/* It gives up, and the lock is still its own; a later offer replaces the one of which nobody waits. */
	assert_int_equal(far_call(&a, 0, LOCK_HANDOFF), MIG_NO_REPLY);
	assert_int_equal(far_call(&a, 0, LOCK_HANDOFF), MIG_NO_REPLY);
	a.id--;
	far_answer(&a, KERN_ABORTED);
	a.id++;
	assert_int_equal(lock_handoff_accept(the_set, 0), KERN_SUCCESS);
	far_answer(&a, KERN_SUCCESS);
	/* From here to there. */
	assert_int_equal(far_call(&b, 0, LOCK_ACCEPT), MIG_NO_REPLY);
	assert_int_equal(lock_handoff(the_set, 0), KERN_SUCCESS);
	far_answer(&b, KERN_SUCCESS);
	/* A taker that gave up is none. */
	assert_int_equal(far_call(&a, 0, LOCK_ACCEPT), MIG_NO_REPLY);
	destroy(a.reply);
	a.reply = new_port();
	assert_int_equal(far_call(&a, 0, LOCK_ACCEPT), MIG_NO_REPLY);
	assert_int_equal(far_call(&b, 0, LOCK_HANDOFF), KERN_SUCCESS);
	far_answer(&a, KERN_SUCCESS);
	assert_int_equal(far_call(&a, 0, LOCK_HANDOFF), MIG_NO_REPLY);
	end_set();
	far_answer(&a, KERN_LOCK_SET_DESTROYED);
	far_end(&a);
	far_end(&b);
}

static void SYN0044_memory_may_be_short_for_it(void **state)
{
	struct far a = far_thread();

	begin_set(1);
	for (uint64_t i = 1; i <= 3; i++) {
		host_alloc_fail_at(i, false);
		assert_int_equal(far_call(&a, 0, LOCK_TRY), KERN_RESOURCE_SHORTAGE);
	}
	host_alloc_fail_at(0, false);
	assert_int_equal(lock_try(the_set, 0), KERN_SUCCESS);
	assert_int_equal(lock_release(the_set, 0), KERN_SUCCESS);
	end_set();
	far_end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		sync_test(SYN0001_signals_count_and_waits_take),
		sync_test(SYN0002_waiters_go_in_the_order_of_the_policy),
		sync_test(SYN0003_aborts_timeouts_and_ends_leave_nothing),
		sync_test(SYN0010_a_remote_wait_is_answered_by_a_signal),
		sync_test(SYN0011_a_remote_wait_times_out),
		sync_test(SYN0012_a_remote_caller_that_has_gone_takes_no_signal),
		sync_test(SYN0013_memory_may_be_short),
		sync_test(SYN0020_each_signal_is_taken_once),
		sync_test(SYN0030_a_lock_is_held_by_one_and_outlives_its_holder),
		sync_test(SYN0040_a_thread_of_another_node_holds_and_waits),
		sync_test(SYN0041_its_death_makes_its_locks_unstable),
		sync_test(SYN0042_who_gave_up_or_died_waiting_is_passed_over),
		sync_test(SYN0043_it_gives_and_takes_from_hand_to_hand),
		sync_test(SYN0044_memory_may_be_short_for_it),
	};

	return ipc_run(tests, sizeof tests / sizeof tests[0], "sync");
}

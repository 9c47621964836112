/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * aborts.c - thread_abort() in each wait that a program can be in (design D6): the thread comes back to its trap boundary
 * with 'interrupted', and what it waited for can be asked for again. Prints TAP.
 *
 * The waits of the kernel that no program can hold still (a busy page) are in kernel/vm/ktest_vm.c; those of mach_msg
 * against each other in tests/unit/ipc/wait_test.c; the wait for memory in paging_failures.c; a send to another node in tests/system.
 */
#include <errno.h>
#include <mach/mach.h>
#include <mach/mach_traps.h>
#include <mach/task_special_ports.h>
#include <mach/thread_info.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "threads.h"

#define FUTEX_WAIT_PRIVATE 128 /* futex(2): FUTEX_WAIT of this process alone */
#define LONG_MS 600000 /* no test waits so long */

struct waiter {
	const char *name;
	long (*wait)(struct waiter *);
	mach_port_t port;
	long result;
	int error;
	mach_port_t thread;
	volatile uint32_t word;
	uint64_t word_address;
};

static void *body(void *arg)
{
	struct waiter *w = arg;

	__atomic_store_n(&w->thread, mach_thread_self(), __ATOMIC_RELEASE);
	errno = 0;
	w->result = w->wait(w);
	w->error = errno;
	return NULL;
}

static pthread_t begin(struct waiter *w)
{
	pthread_t t;

	w->thread = MACH_PORT_NULL;
	if (pthread_create(&t, NULL, body, w) != 0)
		abort();
	while (__atomic_load_n(&w->thread, __ATOMIC_ACQUIRE) == MACH_PORT_NULL)
		usleep(100);
	tap(thread_waits(w->thread), "ABRT: a thread waits in %s", w->name);
	return t;
}

static void abort_it(struct waiter *w)
{
	pthread_t t = begin(w);

	tap_result(thread_abort(w->thread), KERN_SUCCESS, "thread_abort");
	pthread_join(t, NULL);
	mach_port_deallocate(mach_task_self(), w->thread);
}

static mach_port_t new_port(void)
{
	mach_port_t port;

	if (mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port) != KERN_SUCCESS ||
	    mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND) != KERN_SUCCESS)
		abort();
	return port;
}

static kern_return_t send_one(mach_port_t port, mach_msg_option_t option)
{
	mach_msg_header_t m = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0), .msgh_size = sizeof(m),
				.msgh_remote_port = port, .msgh_id = 5 };

	return mach_msg(&m, MACH_SEND_MSG | option, sizeof(m), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

static void fill(mach_port_t port)
{
	while (send_one(port, MACH_SEND_TIMEOUT) == MACH_MSG_SUCCESS)
		;
}

static long receive(struct waiter *w)
{
	mach_msg_empty_rcv_t m;

	return mach_msg(&m.header, MACH_RCV_MSG | MACH_RCV_INTERRUPT, 0, sizeof(m), w->port, 0, MACH_PORT_NULL);
}

static long receive_set(struct waiter *w)
{
	mach_msg_empty_rcv_t m;
	mach_port_t set;

	if (mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set) != KERN_SUCCESS ||
	    mach_port_move_member(mach_task_self(), w->port, set) != KERN_SUCCESS)
		return -1;
	return mach_msg(&m.header, MACH_RCV_MSG | MACH_RCV_INTERRUPT, 0, sizeof(m), set, 0, MACH_PORT_NULL);
}

/* Restarted by the library: the abort is not seen, the message is. */
static long receive_restarted(struct waiter *w)
{
	mach_msg_empty_rcv_t m;

	return mach_msg(&m.header, MACH_RCV_MSG, 0, sizeof(m), w->port, 0, MACH_PORT_NULL);
}

static long send_full(struct waiter *w)
{
	return send_one(w->port, MACH_SEND_INTERRUPT);
}

static long sleep_long(struct waiter *w)
{
	const struct timespec ts = { LONG_MS / 1000, 0 };
	struct timespec left = { 0 };
	long r = nanosleep(&ts, &left);

	return r == -1 && left.tv_sec > LONG_MS / 2000 ? r : 0;
}

static long futex_wait(struct waiter *w)
{
	return syscall(SYS_futex, &w->word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static long switch_wait(struct waiter *w)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	(void)thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, LONG_MS);
	clock_gettime(CLOCK_MONOTONIC, &b);
	return b.tv_sec - a.tv_sec < LONG_MS / 2000;
}

static long write_full(struct waiter *w)
{
	return syscall(SYS_write, 1, "x", 1);
}

static long poll_port(struct waiter *w)
{
	struct pollfd p = { .fd = mach_port_descriptor(w->port, 0), .events = POLLIN };

	return poll(&p, 1, -1);
}

static long epoll_port(struct waiter *w)
{
	struct epoll_event e = { .events = EPOLLIN };
	int ep = epoll_create1(0);

	(void)epoll_ctl(ep, EPOLL_CTL_ADD, mach_port_descriptor(w->port, 0), &e);
	return epoll_wait(ep, &e, 1, LONG_MS);
}

static long read_event(struct waiter *w)
{
	uint64_t v;

	return read(eventfd(0, 0), &v, sizeof(v));
}

static long write_event(struct waiter *w)
{
	uint64_t v = UINT64_MAX - 1;
	int fd = eventfd(0, 0);

	return write(fd, &v, sizeof(v)) == sizeof(v) ? write(fd, &v, sizeof(v)) : 0;
}

static void descriptor_waits(void)
{
	static const struct {
		const char *name;
		long (*wait)(struct waiter *);
	} waits_of[] = {
		{ "poll", poll_port },
		{ "epoll_wait", epoll_port },
		{ "a read of an eventfd", read_event },
		{ "a write to a full eventfd", write_event },
	};

	for (size_t i = 0; i < sizeof(waits_of) / sizeof(waits_of[0]); i++) {
		struct waiter w = { .name = waits_of[i].name, .wait = waits_of[i].wait, .port = new_port() };

		abort_it(&w);
		tap(w.result == -1 && w.error == EINTR, "ABRT0020 an aborted %s ends with EINTR", w.name);
	}
}

static void mach_msg_waits(void)
{
	struct waiter w = { .name = "a receive", .wait = receive, .port = new_port() };
	pthread_t t;

	abort_it(&w);
	tap_result((kern_return_t)w.result, MACH_RCV_INTERRUPTED, "ABRT0001 an aborted receive is interrupted");
	send_one(w.port, 0);
	tap_result((kern_return_t)receive(&w), MACH_MSG_SUCCESS, "ABRT0002 and can be made again");

	w = (struct waiter){ .name = "a receive from a set", .wait = receive_set, .port = new_port() };
	abort_it(&w);
	tap_result((kern_return_t)w.result, MACH_RCV_INTERRUPTED, "ABRT0003 so is one from a port set");

	w = (struct waiter){ .name = "a send to a full queue", .wait = send_full, .port = new_port() };
	fill(w.port);
	abort_it(&w);
	tap_result((kern_return_t)w.result, MACH_SEND_INTERRUPTED, "ABRT0004 an aborted send is interrupted");
	for (int i = 0; i < MACH_PORT_QLIMIT_DEFAULT; i++)
		if (receive(&w) != MACH_MSG_SUCCESS)
			tap(false, "the queue's messages are there");
	tap(send_one(w.port, MACH_SEND_TIMEOUT) == MACH_MSG_SUCCESS && receive(&w) == MACH_MSG_SUCCESS,
	    "ABRT0005 and its message was not sent, nor is the queue harmed");

	w = (struct waiter){ .name = "a receive that restarts", .wait = receive_restarted, .port = new_port() };
	t = begin(&w);
	for (int i = 0; i < 20; i++) {
		(void)thread_abort(w.thread);
		usleep(200);
	}
	send_one(w.port, 0);
	pthread_join(t, NULL);
	tap_result((kern_return_t)w.result, MACH_MSG_SUCCESS, "ABRT0006 mach_msg() goes on after aborts and gets the message");
}

static void other_waits(void)
{
	struct waiter w = { .name = "nanosleep", .wait = sleep_long };

	abort_it(&w);
	tap(w.result == -1 && w.error == EINTR, "ABRT0007 an aborted nanosleep ends with EINTR and the time left");
	w = (struct waiter){ .name = "a futex", .wait = futex_wait };
	abort_it(&w);
	tap(w.result == -1 && w.error == EINTR, "ABRT0008 an aborted futex wait ends with EINTR");
	w = (struct waiter){ .name = "thread_switch", .wait = switch_wait };
	abort_it(&w);
	tap(w.result == 1, "ABRT0009 an aborted thread_switch returns early");
}

static void stdio_wait(void)
{
	struct waiter w = { .name = "a write to a full stdio port", .wait = write_full, .port = new_port() };
	mach_port_t before = MACH_PORT_NULL;
	pthread_t t;
	bool waited;

	(void)task_get_special_port(mach_task_self(), TASK_STDIO_PORT, &before);
	fill(w.port);
	(void)task_set_special_port(mach_task_self(), TASK_STDIO_PORT, w.port);
	w.thread = MACH_PORT_NULL;
	pthread_create(&t, NULL, body, &w);
	while (__atomic_load_n(&w.thread, __ATOMIC_ACQUIRE) == MACH_PORT_NULL)
		usleep(100);
	waited = thread_waits(w.thread);
	(void)thread_abort(w.thread);
	pthread_join(t, NULL);
	(void)task_set_special_port(mach_task_self(), TASK_STDIO_PORT, before);
	tap(waited && w.result == -1 && w.error == EINTR, "ABRT0010 an aborted write to a full stdio port ends with EINTR");
}

/* ---- semaphores, clocks, lock sets, exceptions, pagers ---- */

kern_return_t _kernelrpc_semaphore_wait(semaphore_t semaphore);

static long wait_semaphore(struct waiter *w)
{
	return semaphore_wait(w->port);
}

static long wait_semaphore_message(struct waiter *w)
{
	return _kernelrpc_semaphore_wait(w->port);
}

static long wait_semaphore_time(struct waiter *w)
{
	return semaphore_timedwait(w->port, (mach_timespec_t){ LONG_MS / 1000, 0 });
}

static long wait_clock(struct waiter *w)
{
	return clock_sleep_trap(MACH_PORT_NULL, TIME_RELATIVE, LONG_MS / 1000, 0, NULL);
}

static long wait_time(struct waiter *w)
{
	return mach_wait_until(mach_absolute_time() + LONG_MS * 1000000ull);
}

static long wait_lock(struct waiter *w)
{
	return lock_acquire(w->port, 0);
}

static long wait_for_hand(struct waiter *w)
{
	return lock_handoff_accept(w->port, 0);
}

/* The exception goes to a port that nobody serves; each abort makes the instruction run again until word is set. */
static long wait_handler(struct waiter *w)
{
	mach_port_t self = mach_thread_self();

	(void)thread_set_exception_ports(self, EXC_MASK_BREAKPOINT, w->port, EXCEPTION_DEFAULT, 0);
	__asm__ volatile("int3");
	(void)thread_set_exception_ports(self, EXC_MASK_BREAKPOINT, MACH_PORT_NULL, EXCEPTION_DEFAULT, 0);
	(void)mach_port_deallocate(mach_task_self(), self);
	return 1;
}

static void object_wait(const char *id, struct waiter w, const char *what)
{
	w.name = what;
	abort_it(&w);
	if (w.result != KERN_ABORTED)
		printf("# %s: %#lx\n", what, w.result);
	tap(w.result == KERN_ABORTED, "%s an aborted %s says so", id, what);
}

static void object_waits(void)
{
	struct waiter w = { .name = "an exception's answer", .wait = wait_handler, .port = new_port() };
	mach_port_t semaphore = MACH_PORT_NULL, set = MACH_PORT_NULL;

	(void)semaphore_create(mach_task_self(), &semaphore, SYNC_POLICY_FIFO, 0);
	(void)lock_set_create(mach_task_self(), &set, 1, SYNC_POLICY_FIFO);
	object_wait("ABRT0020", (struct waiter){ .wait = wait_semaphore, .port = semaphore }, "semaphore wait");
	object_wait("ABRT0021", (struct waiter){ .wait = wait_semaphore_message, .port = semaphore }, "semaphore wait by message");
	object_wait("ABRT0022", (struct waiter){ .wait = wait_semaphore_time, .port = semaphore }, "timed semaphore wait");
	object_wait("ABRT0023", (struct waiter){ .wait = wait_clock }, "sleep on a clock");
	object_wait("ABRT0024", (struct waiter){ .wait = wait_time }, "wait for a time");
	(void)lock_try(set, 0);
	object_wait("ABRT0025", (struct waiter){ .wait = wait_lock, .port = set }, "wait for a lock");
	object_wait("ABRT0026", (struct waiter){ .wait = wait_for_hand, .port = set }, "wait to be handed a lock");
	tap(semaphore_signal(semaphore) == KERN_SUCCESS && semaphore_wait(semaphore) == KERN_SUCCESS && lock_release(set, 0) == KERN_SUCCESS &&
	    lock_try(set, 0) == KERN_SUCCESS, "ABRT0027 the semaphore and the lock are as before");
	abort_it(&w); /* int3 is behind the thread then: an abort lets it go on */
	tap(w.result == 1, "ABRT0028 an aborted wait for a handler's answer goes on at the thread's next instruction");
	(void)semaphore_destroy(mach_task_self(), semaphore);
	(void)lock_set_destroy(mach_task_self(), set);
}

/* A page of a pager that never answers. */
static long read_page(struct waiter *w)
{
	return *(volatile char *)(uintptr_t)w->word_address;
}

static void pager_wait(void)
{
	struct waiter w = { .name = "a page of a silent pager", .wait = read_page, .port = new_port() };
	mach_vm_address_t at = 0;
	pthread_t t;
	kern_return_t kr = mach_vm_map(mach_task_self(), &at, 4096, 0, VM_FLAGS_ANYWHERE, w.port, 0, FALSE, VM_PROT_READ,
				       VM_PROT_READ, VM_INHERIT_NONE);

	tap_result(kr, KERN_SUCCESS, "ABRT0030 an object of a pager that never answers");
	w.word_address = at;
	t = begin(&w);
	tap_result(thread_abort(w.thread), KERN_SUCCESS, "ABRT0031 an abort");
	usleep(20000);
	tap(thread_waits(w.thread), "ABRT0032 makes the thread touch the page again");
	tap_result(thread_terminate(w.thread), KERN_SUCCESS, "ABRT0033 it can be terminated");
	for (int i = 0; i < THREADS_TRIES && tap_refs(w.thread, MACH_PORT_RIGHT_DEAD_NAME) == 0; i++)
		usleep(500);
	tap(tap_refs(w.thread, MACH_PORT_RIGHT_DEAD_NAME) != 0, "ABRT0034 and is gone at once");
	(void)mach_vm_deallocate(mach_task_self(), at, 4096);
	(void)t;
}

static volatile unsigned long spins;

static long spin_then_receive(struct waiter *w)
{
	while (w->word == 0)
		spins++;
	return receive(w);
}

static void suspended(void)
{
	struct waiter w = { .name = "nothing", .wait = spin_then_receive, .port = new_port() };
	unsigned long a, b;
	pthread_t t;

	pthread_create(&t, NULL, body, &w);
	while (__atomic_load_n(&w.thread, __ATOMIC_ACQUIRE) == MACH_PORT_NULL)
		usleep(100);
	tap_result(thread_suspend(w.thread), KERN_SUCCESS, "ABRT0011 a spinning thread is suspended");
	a = spins;
	(void)thread_abort(w.thread);
	usleep(20000);
	b = spins;
	tap(a == b, "ABRT0012 an abort does not let a suspended thread run");
	w.word = 1;
	tap_result(thread_resume(w.thread), KERN_SUCCESS, "ABRT0013 it is resumed");
	tap(thread_waits(w.thread), "ABRT0014 and goes on to wait");
	send_one(w.port, 0);
	pthread_join(t, NULL);
	tap(w.result == MACH_MSG_SUCCESS || w.result == MACH_RCV_INTERRUPTED, "ABRT0015 and to the end");
}

/* A thread that is ended in its wait does not come back, and the wait's object goes on. */
static void terminated(void)
{
	struct waiter w = { .name = "a receive", .wait = receive, .port = new_port() };
	pthread_t t = begin(&w);

	tap_result(thread_terminate(w.thread), KERN_SUCCESS, "ABRT0016 a waiting thread is terminated");
	for (int i = 0; i < THREADS_TRIES; i++) {
		mach_port_type_t type = 0;

		(void)mach_port_type(mach_task_self(), w.thread, &type);
		if ((type & MACH_PORT_TYPE_DEAD_NAME) != 0)
			break;
		usleep(500);
	}
	tap(tap_refs(w.thread, MACH_PORT_RIGHT_DEAD_NAME) != 0, "ABRT0017 its port is a dead name");
	send_one(w.port, 0);
	tap_result((kern_return_t)receive(&w), MACH_MSG_SUCCESS, "ABRT0018 and the port it waited on serves others");
	(void)t;
}

/* More pages than anybody waits for, told of into memory that is not there yet: a thread at work stops, too. */
static long query(struct waiter *w)
{
	mach_vm_size_t n = 1UL << 32;

	return mach_vm_page_range_query(mach_task_self(), 1UL << 20, n * vm_page_size, w->word_address, &n);
}

static void long_work(void)
{
	struct waiter w = { .name = "a long query", .wait = query };
	mach_vm_address_t room = 0;
	pthread_t t;

	(void)mach_vm_allocate(mach_task_self(), &room, 4UL << 32, VM_FLAGS_ANYWHERE);
	w.word_address = room;
	pthread_create(&t, NULL, body, &w);
	while (__atomic_load_n(&w.thread, __ATOMIC_ACQUIRE) == MACH_PORT_NULL)
		usleep(100);
	usleep(20000);
	(void)thread_abort(w.thread);
	pthread_join(t, NULL);
	tap_result((kern_return_t)w.result, KERN_ABORTED, "ABRT0019 a query of 2^32 pages is aborted");
	(void)mach_vm_deallocate(mach_task_self(), room, 4UL << 32);
}

int main(void)
{
	mach_msg_waits();
	other_waits();
	stdio_wait();
	object_waits();
	pager_wait();
	descriptor_waits();
	suspended();
	terminated();
	long_work();
	return tap_done();
}

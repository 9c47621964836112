/* SPDX-License-Identifier: BSD-2-Clause */
/* Description: waits in mach_msg: timeouts, aborts, deaths, blocked senders, hand-off, races between threads. */
#include "fixture.h"

#include <stdlib.h>

struct job {
	mach_port_name_t name;
	mach_msg_id_t id;
	mach_msg_option_t option;
	mach_msg_timeout_t timeout;
	mach_msg_size_t size; /* of the receive buffer, 0: ample */
	mach_msg_return_t result;
	struct msg m;
};

static void receiver(void *arg)
{
	struct job *j = arg;

	j->result = mach_msg_trap((uintptr_t)&j->m, MACH_RCV_MSG | j->option, 0, j->size ? j->size : sizeof j->m,
				  j->name, j->timeout, NONE);
}

static void sender(void *arg)
{
	struct job *j = arg;

	j->m.h = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(COPY_SEND, 0), .msgh_remote_port = j->name,
				      .msgh_id = j->id };
	for (int i = 0; i < BODY_WORDS; i++)
		j->m.body[i] = (uint32_t)(j->id * 31 + i);
	j->result = mach_msg_trap((uintptr_t)&j->m, MACH_SEND_MSG | j->option, MSG_SIZE, 0, NONE, j->timeout, NONE);
}

static struct thread *start_blocked(void (*fn)(void *), struct job *j)
{
	struct thread *t = ipc_thread(current_task(), fn, j);

	host_wait_until_blocked(t);
	return t;
}

static void IPC0301_a_receive_waits_and_is_given_the_message(void **state)
{
	struct job j = { .name = new_port_with_send() };
	struct thread *t = start_blocked(receiver, &j);

	send_id(j.name, 5);
	host_thread_join(t);
	assert_int_equal(j.result, MACH_MSG_SUCCESS);
	assert_int_equal(j.m.h.msgh_id, 5);
	assert_int_equal(status_of(j.name).mps_seqno, 1);
}

static void IPC0302_waits_end_when_their_time_has_passed(void **state)
{
	mach_port_name_t port = new_port_with_send();
	struct msg m;
	uint64_t start = clock_now_ns();

	assert_int_equal(try_receive(port, &m, MACH_RCV_TIMEOUT, 20), MACH_RCV_TIMED_OUT);
	assert_true(clock_now_ns() - start >= 20 * NSEC_PER_MSEC);
	set_limit(port, 0);
	start = clock_now_ns();
	assert_int_equal(try_send(port, COPY_SEND, NONE, 0, 1, MACH_SEND_TIMEOUT, 20), MACH_SEND_TIMED_OUT);
	assert_true(clock_now_ns() - start >= 20 * NSEC_PER_MSEC);
	assert_int_equal(status_of(port).mps_msgcount, 0);
	set_limit(port, 1);
	send_id(port, 2);
	assert_int_equal(receive_id(port), 2);
	mach_port_name_t set = new_right(PORT_SET);
	assert_int_equal(try_receive(set, &m, MACH_RCV_TIMEOUT, 5), MACH_RCV_TIMED_OUT);
}

static void IPC0303_an_aborted_receive_restarts_from_its_registers(void **state)
{
	struct job j = { .name = new_port_with_send() };
	struct thread *t = start_blocked(receiver, &j);

	thread_abort(t);
	host_thread_join(t);
	assert_int_equal(j.result, MACH_RCV_INTERRUPTED);
	send_id(j.name, 6);
	t = ipc_thread(alice, receiver, &j);
	host_thread_join(t);
	assert_int_equal(j.result, MACH_MSG_SUCCESS);
	assert_int_equal(j.m.h.msgh_id, 6);
	/* on a set */
	j.name = new_right(PORT_SET);
	t = start_blocked(receiver, &j);
	thread_abort(t);
	host_thread_join(t);
	assert_int_equal(j.result, MACH_RCV_INTERRUPTED);
}

static void IPC0304_an_aborted_send_has_its_message_back(void **state)
{
	struct job j = { .name = new_port_with_send(), .id = 9 };
	struct thread *t;

	set_limit(j.name, 0);
	t = start_blocked(sender, &j);
	thread_abort(t);
	host_thread_join(t);
	assert_int_equal(j.result, MACH_SEND_INTERRUPTED);
	assert_int_equal(j.m.h.msgh_remote_port, j.name);
	assert_int_equal(j.m.h.msgh_bits, MACH_MSGH_BITS(MOVE_SEND, 0));
	assert_int_equal(refs(j.name, SEND), 2); /* its copy, moved back */
	set_limit(j.name, 1);
	assert_int_equal(mach_msg_trap((uintptr_t)&j.m, MACH_SEND_MSG, MSG_SIZE, 0, NONE, 0, NONE), MACH_MSG_SUCCESS);
	assert_int_equal(receive_id(j.name), 9);
	assert_int_equal(refs(j.name, SEND), 1);
}

static void IPC0305_blocked_senders_are_served_in_order_and_not_overtaken(void **state)
{
	enum { N = 6 };
	mach_port_name_t port = new_port_with_send();
	struct job j[N];
	struct thread *t[N];

	set_limit(port, 1);
	send_id(port, 100);
	for (int i = 0; i < N; i++) {
		j[i] = (struct job){ .name = port, .id = i };
		t[i] = start_blocked(sender, &j[i]);
	}
	assert_int_equal(receive_id(port), 100);
	/* the slot is taken already, by the first that waited */
	assert_int_equal(try_send(port, COPY_SEND, NONE, 0, 1, MACH_SEND_TIMEOUT, 0), MACH_SEND_TIMED_OUT);
	host_thread_join(t[0]);
	thread_abort(t[2]);
	host_thread_join(t[2]);
	assert_int_equal(j[2].result, MACH_SEND_INTERRUPTED);
	for (int i = 0; i < N; i++)
		if (i != 2)
			assert_int_equal(receive_id(port), i);
	for (int i = 1; i < N; i++)
		if (i != 2)
			host_thread_join(t[i]);
	assert_empty(port);
	set_limit(port, 0);
	for (int i = 0; i < 3; i++)
		t[i] = start_blocked(sender, &j[i]);
	set_limit(port, 2); /* a larger limit lets two in */
	host_thread_join(t[0]);
	host_thread_join(t[1]);
	assert_int_equal(receive_id(port), 0);
	host_thread_join(t[2]);
	assert_int_equal(receive_id(port), 1);
	assert_int_equal(receive_id(port), 2);
}

static void IPC0306_the_death_of_the_port_ends_all_waits(void **state)
{
	struct job r = { .name = new_port() }, s = { .name = new_port_with_send() }, via_set = { 0 };
	struct thread *tr, *ts, *tset;

	tr = start_blocked(receiver, &r);
	set_limit(s.name, 0);
	ts = start_blocked(sender, &s);
	via_set.name = new_right(PORT_SET);
	tset = start_blocked(receiver, &via_set);
	destroy(r.name);
	host_thread_join(tr);
	assert_int_equal(r.result, MACH_RCV_PORT_DIED);
	destroy(s.name);
	host_thread_join(ts);
	assert_int_equal(s.result, MACH_MSG_SUCCESS); /* as if it had died a moment later */
	destroy(via_set.name);
	host_thread_join(tset);
	assert_int_equal(via_set.result, MACH_RCV_PORT_DIED);
}

static void IPC0307_a_receive_right_that_moves_ends_its_receivers_waits(void **state)
{
	struct job r = { .name = new_port() };
	struct thread *t = start_blocked(receiver, &r);

	give(r.name, MOVE_RECEIVE, bob);
	host_thread_join(t);
	assert_int_equal(r.result, MACH_RCV_PORT_CHANGED);
}

static void IPC0308_a_sender_blocked_while_the_right_moves_is_served_by_the_new_receiver(void **state)
{
	struct job s = { .name = new_port_with_send(), .id = 44 };
	struct thread *t;
	mach_port_name_t there;

	set_limit(s.name, 0);
	t = start_blocked(sender, &s);
	there = give(s.name, MOVE_RECEIVE, bob);
	as(bob);
	set_limit(there, 1);
	host_thread_join(t);
	assert_int_equal(s.result, MACH_MSG_SUCCESS);
	assert_int_equal(receive_id(there), 44);
	as(alice);
}

static void IPC0309_receivers_of_a_set_are_woken_by_members_old_and_new(void **state)
{
	mach_port_name_t set = new_right(PORT_SET), a = new_port_with_send(), b = new_port_with_send();
	struct job r1 = { .name = set }, r2 = { .name = set };
	struct thread *t1, *t2;

	assert_int_equal(mach_port_insert_member(here(), a, set), KERN_SUCCESS);
	t1 = start_blocked(receiver, &r1);
	send_id(a, 1);
	host_thread_join(t1);
	assert_int_equal(r1.m.h.msgh_id, 1);
	send_id(b, 2);
	send_id(b, 3);
	t1 = start_blocked(receiver, &r1);
	t2 = start_blocked(receiver, &r2);
	assert_int_equal(mach_port_insert_member(here(), b, set), KERN_SUCCESS);
	host_thread_join(t1);
	host_thread_join(t2);
	assert_int_equal(r1.result, MACH_MSG_SUCCESS);
	assert_int_equal(r2.result, MACH_MSG_SUCCESS);
	assert_int_equal(r1.m.h.msgh_id + r2.m.h.msgh_id, 5);
}

static void IPC0310_a_waiting_receiver_with_a_small_buffer_is_told_or_pays(void **state)
{
	mach_port_name_t port = new_port_with_send();
	struct job small = { .name = port, .option = MACH_RCV_LARGE | MACH_RCV_LARGE_IDENTITY, .size = 40 };
	struct job ample = { .name = port }, plain = { .name = port, .size = 40 };
	struct thread *t1 = start_blocked(receiver, &small), *t2 = start_blocked(receiver, &ample);

	send_id(port, 7); /* the first is told, the second gets it */
	host_thread_join(t1);
	host_thread_join(t2);
	assert_int_equal(small.result, MACH_RCV_TOO_LARGE);
	assert_int_equal(small.m.h.msgh_size, MSG_SIZE);
	assert_int_equal(small.m.h.msgh_local_port, port);
	assert_int_equal(ample.result, MACH_MSG_SUCCESS);
	t1 = start_blocked(receiver, &plain);
	send_id(port, 8);
	host_thread_join(t1);
	assert_int_equal(plain.result, MACH_RCV_TOO_LARGE);
	assert_int_equal(plain.m.h.msgh_size, MSG_SIZE);
	assert_empty(port);
	t1 = start_blocked(receiver, &small);
	send_id(port, 9);
	host_thread_join(t1);
	assert_int_equal(receive_id(port), 9); /* still queued */
}

/* ---- RPC ---- */

#define ROUNDS 2000
struct server {
	mach_port_name_t name;
	_Atomic int served;
};

/* Answers until a message with id 0. */
static void server(void *arg)
{
	struct server *s = arg;
	struct msg m = { 0 };
	mach_msg_return_t mr = mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG, 0, sizeof m, s->name, 0, NONE);

	while (mr == MACH_MSG_SUCCESS && m.h.msgh_id != 0) {
		s->served++;
		m.h.msgh_bits = MACH_MSGH_BITS(MOVE_ONCE, 0);
		m.h.msgh_local_port = NONE;
		m.h.msgh_id += 100;
		mr = mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG | MACH_RCV_MSG, MSG_SIZE, sizeof m, s->name, 0, NONE);
	}
	if (mr == MACH_MSG_SUCCESS)
		assert_int_equal(m.h.msgh_id, 0);
	else
		assert_int_equal(mr, MACH_RCV_PORT_DIED);
}

static void rpc(mach_port_name_t dest, mach_port_name_t reply, mach_msg_id_t id)
{
	struct msg m = { .h = { .msgh_bits = MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), .msgh_remote_port = dest,
				.msgh_local_port = reply, .msgh_id = id } };

	m.body[3] = (uint32_t)id;
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG | MACH_RCV_MSG, MSG_SIZE, sizeof m, reply, 0, NONE),
			 MACH_MSG_SUCCESS);
	assert_int_equal(m.h.msgh_id, id + 100);
	assert_int_equal(m.body[3], (uint32_t)id);
	assert_int_equal(m.h.msgh_remote_port, NONE);
}

struct client {
	mach_port_name_t dest;
	int rounds;
};

static void client(void *arg)
{
	struct client *c = arg;
	mach_port_name_t reply = mach_reply_port();

	for (int i = 1; i <= c->rounds; i++)
		rpc(c->dest, reply, i);
	destroy(reply);
}

static void IPC0321_calls_are_answered_one_for_one(void **state)
{
	struct server s = { .name = new_port() };
	struct client c[3] = { { give(s.name, MAKE_SEND, bob), ROUNDS } };
	mach_port_name_t stop = give(s.name, MAKE_SEND, alice);
	struct thread *ts[2], *tc[3];

	c[1] = c[2] = c[0];
	for (int i = 0; i < 2; i++)
		ts[i] = ipc_thread(alice, server, &s);
	host_thread_join(ipc_thread(bob, client, &c[0]));
	for (int i = 0; i < 3; i++)
		tc[i] = ipc_thread(bob, client, &c[i]);
	for (int i = 0; i < 3; i++)
		host_thread_join(tc[i]);
	for (int i = 0; i < 2; i++)
		assert_int_equal(try_send(stop, COPY_SEND, NONE, 0, 0, 0, 0), MACH_MSG_SUCCESS);
	for (int i = 0; i < 2; i++)
		host_thread_join(ts[i]);
	assert_empty(stop);
}

static void IPC0322_calls_through_a_set_are_answered(void **state)
{
	struct server s = { .name = new_right(PORT_SET) };
	mach_port_name_t a = new_port(), b = new_port();
	struct client ca = { give(a, MAKE_SEND, bob), ROUNDS }, cb = { give(b, MAKE_SEND, bob), ROUNDS };
	struct thread *ts, *ta, *tb;

	assert_int_equal(mach_port_insert_member(here(), a, s.name), KERN_SUCCESS);
	assert_int_equal(mach_port_insert_member(here(), b, s.name), KERN_SUCCESS);
	ts = ipc_thread(alice, server, &s);
	ta = ipc_thread(bob, client, &ca);
	tb = ipc_thread(bob, client, &cb);
	host_thread_join(ta);
	host_thread_join(tb);
	assert_int_equal(s.served, 2 * ROUNDS);
	destroy(s.name);
	host_thread_join(ts);
}

/* ---- races ---- */

static _Atomic bool stop;
static _Atomic uint32_t shared[4];

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*seed >> 33);
}

/* Sends to whatever name is shared now, whatever it is now. */
static void mad_sender(void *arg)
{
	uint64_t seed = (uintptr_t)arg;

	while (!stop) {
		mach_port_name_t dest = shared[next_random(&seed) & 3], other = shared[next_random(&seed) & 3];
		mach_msg_type_name_t type = 16 + next_random(&seed) % 6;

		switch (next_random(&seed) % 4) {
		case 0:
			send_right(dest, other, type);
			break;
		case 1:
			try_send(dest, COPY_SEND, other, type, 5, MACH_SEND_TIMEOUT, 1);
			break;
		default:
			try_send(dest, type, NONE, 0, 5, MACH_SEND_TIMEOUT, 0);
		}
	}
}

static void mad_receiver(void *arg)
{
	uint64_t seed = (uintptr_t)arg;
	struct msg m;

	while (!stop)
		(void)mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG | MACH_RCV_TIMEOUT | (next_random(&seed) & MACH_RCV_LARGE), 0,
				    next_random(&seed) % 3 ? sizeof m : 40, shared[next_random(&seed) & 3],
				    next_random(&seed) % 2, NONE);
}

static void mad_maker(void *arg)
{
	uint64_t seed = (uintptr_t)arg;
	struct ipc_space *space = here();
	mach_port_name_t name;

	while (!stop) {
		uint32_t i = next_random(&seed) & 3;

		switch (next_random(&seed) % 8) {
		case 0:
		case 1:
			if (mach_port_allocate(space, next_random(&seed) % 4 ? RECEIVE : PORT_SET, &name) == KERN_SUCCESS) {
				struct ipc_port *right;

				if (ipc_object_copyin(space, name, MAKE_SEND, &right) == KERN_SUCCESS &&
				    mach_port_insert_right(space, name, right, MACH_MSG_TYPE_PORT_SEND) != KERN_SUCCESS)
					ipc_port_release_send(right);
				name = shared[i] = name;
			}
			break;
		case 2:
			(void)mach_port_destroy(space, shared[i]);
			break;
		case 3:
			(void)mach_port_mod_refs(space, shared[i], RECEIVE, -1);
			break;
		case 4:
			(void)mach_port_insert_member(space, shared[i], shared[next_random(&seed) & 3]);
			break;
		case 5:
			(void)mach_port_move_member(space, shared[i], next_random(&seed) % 2 ? NONE : shared[i ^ 1]);
			break;
		case 6:
			(void)mach_port_deallocate(space, shared[i]);
			break;
		default: {
			struct ipc_port *notify, *previous;

			if (ipc_object_copyin(space, shared[i ^ 2], MAKE_ONCE, &notify) != KERN_SUCCESS)
				break;
			if (mach_port_request_notification(space, shared[i], MACH_NOTIFY_DEAD_NAME + (next_random(&seed) % 2 ? 0 : -2),
							   1, notify, &previous) == KERN_SUCCESS)
				ipc_port_release_right(previous, MACH_MSG_TYPE_PORT_SEND_ONCE);
			else
				ipc_port_release_right(notify, MACH_MSG_TYPE_PORT_SEND_ONCE);
		}
		}
	}
}

static void IPC0331_threads_that_send_receive_make_and_destroy_at_once_leave_nothing(void **state)
{
	void (*const jobs[])(void *) = { mad_sender, mad_sender, mad_receiver, mad_receiver, mad_maker, mad_maker };
	struct thread *t[6];

	stop = false;
	for (int i = 0; i < 4; i++)
		shared[i] = new_port_with_send();
	for (size_t i = 0; i < 6; i++)
		t[i] = ipc_thread(alice, jobs[i], (void *)(i + 1));
	for (int i = 0; i < 300; i++) {
		host_sleep_ms(1);
		thread_abort(t[i % 4]);
	}
	stop = true;
	for (int i = 0; i < 6; i++)
		host_thread_join(t[i]);
}

/* One thread's message races with its abort and with the receive: it is delivered or comes back, once. */
static void IPC0332_a_send_is_delivered_or_comes_back_never_both(void **state)
{
	mach_port_name_t port = new_port_with_send();
	int delivered = 0, back = 0, got = 0;
	struct msg m;

	set_limit(port, 1);
	send_id(port, 999);
	for (int i = 0; i < 500; i++) {
		struct job j = { .name = port, .id = 1000 + i };
		struct thread *t = start_blocked(sender, &j);
		mach_msg_return_t mr;

		if (i & 1)
			thread_abort(t);
		mr = try_receive(port, &m, MACH_RCV_TIMEOUT, 0);
		got += mr == MACH_MSG_SUCCESS;
		if (!(i & 1))
			thread_abort(t);
		host_thread_join(t);
		if (j.result == MACH_MSG_SUCCESS)
			delivered++;
		else
			back += j.result == MACH_SEND_INTERRUPTED;
		if (status_of(port).mps_msgcount == 0)
			assert_int_equal(try_send(port, COPY_SEND, NONE, 0, 999, MACH_SEND_TIMEOUT, 0), MACH_MSG_SUCCESS), got--;
	}
	assert_int_equal(delivered + back, 500);
	assert_int_equal(status_of(port).mps_msgcount, 1);
	assert_int_equal(got, delivered);
}

static void task_killer(void *arg)
{
	host_sleep_ms(1);
	ipc_task_disable(arg);
	ipc_task_terminate(arg);
}

/* The receiver's whole space dies while clients call it: each call ends. */
static void caller_until_dead(void *arg)
{
	mach_port_name_t dest = *(mach_port_name_t *)arg, reply = mach_reply_port();
	struct msg m;

	for (;;) {
		mach_msg_return_t mr;

		memset(&m, 0, sizeof m);
		m.h = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), .msgh_remote_port = dest,
					   .msgh_local_port = reply, .msgh_id = 5 };
		mr = mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG | MACH_RCV_MSG, MSG_SIZE, sizeof m, reply, 0, NONE);
		if (mr == MACH_SEND_INVALID_DEST)
			return;
		assert_int_equal(mr, MACH_MSG_SUCCESS);
		if (m.h.msgh_id == MACH_NOTIFY_SEND_ONCE)
			return;
	}
}

static void server_until_dead(void *arg)
{
	mach_port_name_t port = *(mach_port_name_t *)arg;
	struct ipc_space *space = here();
	struct msg m;
	mach_msg_return_t mr;

	ipc_space_reference(space);
	do {
		mr = mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG, 0, sizeof m, port, 0, NONE);
		if (mr == MACH_MSG_SUCCESS)
			mr = try_send(m.h.msgh_remote_port, MOVE_ONCE, NONE, 0, m.h.msgh_id + 100, 0, 0);
	} while (mr == MACH_MSG_SUCCESS);
	ipc_space_release(space);
}

static void IPC0333_clients_of_a_task_that_dies_get_their_answer(void **state)
{
	for (int i = 0; i < 40; i++) {
		struct task *t = host_task_create(NULL, "victim");
		struct thread *server_thread, *clients[2], *killer;
		struct ipc_space *space = space_of(t);
		mach_port_name_t port, there;

		as(t);
		port = new_port();
		there = give(port, MAKE_SEND, bob);
		as(alice);
		ipc_space_reference(space);
		server_thread = ipc_thread(t, server_until_dead, &port);
		for (int c = 0; c < 2; c++)
			clients[c] = ipc_thread(bob, caller_until_dead, &there);
		/* the last thread of a task ends its ports; here another does while it runs in a trap */
		host_sleep_ms(1);
		ipc_space_destroy(space);
		host_thread_join(server_thread);
		for (int c = 0; c < 2; c++)
			host_thread_join(clients[c]);
		killer = ipc_thread(alice, task_killer, t);
		host_thread_join(killer);
		task_deallocate(t);
		ipc_space_release(space);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ipc_test(IPC0301_a_receive_waits_and_is_given_the_message),
		ipc_test(IPC0302_waits_end_when_their_time_has_passed),
		ipc_test(IPC0303_an_aborted_receive_restarts_from_its_registers),
		ipc_test(IPC0304_an_aborted_send_has_its_message_back),
		ipc_test(IPC0305_blocked_senders_are_served_in_order_and_not_overtaken),
		ipc_test(IPC0306_the_death_of_the_port_ends_all_waits),
		ipc_test(IPC0307_a_receive_right_that_moves_ends_its_receivers_waits),
		ipc_test(IPC0308_a_sender_blocked_while_the_right_moves_is_served_by_the_new_receiver),
		ipc_test(IPC0309_receivers_of_a_set_are_woken_by_members_old_and_new),
		ipc_test(IPC0310_a_waiting_receiver_with_a_small_buffer_is_told_or_pays),
		ipc_test(IPC0321_calls_are_answered_one_for_one),
		ipc_test(IPC0322_calls_through_a_set_are_answered),
		ipc_test(IPC0331_threads_that_send_receive_make_and_destroy_at_once_leave_nothing),
		ipc_test(IPC0332_a_send_is_delivered_or_comes_back_never_both),
		ipc_test(IPC0333_clients_of_a_task_that_dies_get_their_answer),
	};

	return ipc_run(tests, sizeof tests / sizeof tests[0], "ipc_wait");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: queues ordered by their senders' priority, and the priority that a call lends to its server: at
 * hand-off, while queued, on taking, and given back however the call ends.
 */
#include "fixture.h"

#include <ipc/mach_msg_private.h>
#include <sched/donate.h>

static mach_port_name_t new_rt_port(void)
{
	mach_port_qos_t qos = { .rt = 1 };
	mach_port_name_t name;

	assert_int_equal(mach_port_allocate_qos(here(), RECEIVE, &qos, &name), KERN_SUCCESS);
	assert_int_equal(give(name, MAKE_SEND, current_task()), name);
	return name;
}

static void send_at(mach_port_name_t port, uint32_t priority, mach_msg_id_t id)
{
	uint32_t mine = current_thread()->priority;

	current_thread()->priority = priority;
	send_id(port, id);
	current_thread()->priority = mine;
}

static void IPC0821_messages_of_a_real_time_port_come_by_priority_then_age(void **state)
{
	mach_port_name_t port = new_rt_port();
	static const struct {
		uint32_t priority;
		mach_msg_id_t id;
	} sent[] = { { 31, 1 }, { 10, 2 }, { 31, 3 }, { 63, 4 }, { 10, 5 }, { 80, 6 }, { 63, 7 }, { 0, 8 }, { 127, 9 } };
	static const mach_msg_id_t order[] = { 9, 6, 4, 7, 1, 3, 2, 5, 8 };

	set_limit(port, 100);
	for (size_t i = 0; i < 9; i++)
		send_at(port, sent[i].priority, sent[i].id);
	for (size_t i = 0; i < 9; i++)
		assert_int_equal(receive_id(port), order[i]);
	assert_empty(port);
	/* taken and sent in turn, against a plain model */
	uint32_t model[64], n = 0, random = 7;
	for (int i = 0; i < 5000; i++) {
		random = random * 1664525 + 1013904223;
		if (n < 64 && (random >> 20 & 1)) {
			uint32_t p = random >> 8 & 7;

			send_at(port, p * 16, (int)(p << 16) + i);
			model[n++] = (p << 16) + (uint32_t)i;
		} else if (n > 0) {
			uint32_t best = 0;

			for (uint32_t k = 1; k < n; k++)
				if (model[k] >> 16 > model[best] >> 16 ||
				    (model[k] >> 16 == model[best] >> 16 && model[k] < model[best]))
					best = k;
			assert_int_equal(receive_id(port), model[best]);
			model[best] = model[--n];
		}
	}
	while (n-- > 0) {
		struct msg m;

		assert_int_equal(try_receive(port, &m, MACH_RCV_TIMEOUT, 0), MACH_MSG_SUCCESS);
	}
}

static mach_msg_return_t send_override(mach_port_name_t port, uint32_t priority, mach_msg_id_t id)
{
	mach_msg_header_t h = { .msgh_bits = MACH_MSGH_BITS(COPY_SEND, 0), .msgh_remote_port = port, .msgh_id = id };

	return mach_msg_trap((uintptr_t)&h, MACH_SEND_MSG | MACH_SEND_OVERRIDE, sizeof h, 0, NONE, 0, priority);
}

static mach_msg_id_t receive_any(mach_port_name_t port)
{
	struct msg m;

	assert_int_equal(try_receive(port, &m, MACH_RCV_TIMEOUT, 0), MACH_MSG_SUCCESS);
	return m.h.msgh_id;
}

static void IPC0822_a_sender_may_say_its_messages_priority_up_to_its_own_most(void **state)
{
	mach_port_name_t port = new_rt_port();
	struct thread *self = current_thread();
	uint32_t mine = self->priority, most = self->sched.max_priority;

	self->priority = 31;
	self->sched.max_priority = 50;
	assert_int_equal(send_override(port, MACH_MSG_PRIORITY_UNSPECIFIED, 1), MACH_MSG_SUCCESS); /* 31 */
	assert_int_equal(send_override(port, 20, 2), MACH_MSG_SUCCESS);
	assert_int_equal(send_override(port, 127, 3), MACH_MSG_SUCCESS); /* 50 */
	assert_int_equal(send_override(port, 50, 4), MACH_MSG_SUCCESS);
	self->priority = mine;
	self->sched.max_priority = most;
	assert_int_equal(receive_any(port), 3);
	assert_int_equal(receive_any(port), 4);
	assert_int_equal(receive_any(port), 1);
	assert_int_equal(receive_any(port), 2);
}

static void IPC0823_the_order_goes_with_the_port(void **state)
{
	mach_port_name_t port = new_rt_port(), plain = new_port_with_send();
	mach_port_qos_t qos = { .rt = 1 };
	mach_port_name_t none;

	send_at(plain, 10, 1); /* a plain port goes by age */
	send_at(plain, 60, 2);
	assert_int_equal(receive_id(plain), 1);
	assert_int_equal(receive_id(plain), 2);
	send_at(port, 10, 3);
	send_at(port, 60, 4);
	assert_int_equal(try_send(port, MAKE_ONCE, NONE, 0, 5, 0, 0), MACH_MSG_SUCCESS); /* send-once too */
	assert_int_equal(receive_any(port), 4);
	send_at(port, 62, 6);
	destroy(port); /* with messages in it */
	assert_int_equal(mach_port_allocate_qos(here(), PORT_SET, &qos, &none), KERN_INVALID_VALUE);
	for (uint64_t n = 1; n < 3; n++) {
		host_alloc_fail_at(n, false);
		assert_int_equal(mach_port_allocate_qos(here(), RECEIVE, &qos, &none), KERN_RESOURCE_SHORTAGE);
	}
	host_alloc_fail_at(0, false);
}

struct blocked {
	mach_port_name_t port;
	uint32_t priority;
	mach_msg_id_t id;
};

static void send_blocked(void *arg)
{
	struct blocked *b = arg;

	current_thread()->priority = b->priority;
	assert_int_equal(try_send(b->port, COPY_SEND, NONE, 0, b->id, 0, 0), MACH_MSG_SUCCESS);
}

static void IPC0824_blocked_senders_too_are_served_by_priority(void **state)
{
	mach_port_name_t port = new_rt_port();
	struct blocked b[3] = { { port, 20, 1 }, { port, 60, 2 }, { port, 40, 3 } };
	struct thread *t[3];

	set_limit(port, 1);
	send_at(port, 5, 0);
	for (int i = 0; i < 3; i++) {
		t[i] = ipc_thread(alice, send_blocked, &b[i]);
		host_wait_until_blocked(t[i]);
	}
	assert_int_equal(receive_id(port), 0);
	host_thread_join(t[1]);
	assert_int_equal(receive_id(port), 2);
	host_thread_join(t[2]);
	assert_int_equal(receive_id(port), 3);
	host_thread_join(t[0]);
	assert_int_equal(receive_id(port), 1);
}

struct taker {
	mach_port_name_t from;
	uint32_t priority;
	mach_msg_option_t option;
	mach_msg_timeout_t timeout;
	mach_msg_id_t got;
	mach_msg_return_t result;
};

#define TAKER(port, worth, ...) { .from = (port), .priority = (worth), __VA_ARGS__ }

static void take(void *arg)
{
	struct taker *k = arg;
	struct msg m;

	current_thread()->priority = k->priority;
	k->result = mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG | k->option, 0, sizeof m, k->from, k->timeout, NONE);
	k->got = k->result == MACH_MSG_SUCCESS ? m.h.msgh_id : 0;
}

/* Four wait in `from`, and as many messages come to port: in which order they have them. */
static void takers(mach_port_name_t port, mach_port_name_t from, const mach_msg_id_t expected[4])
{
	struct taker k[4] = { TAKER(from, 20), TAKER(from, 60), TAKER(from, 40), TAKER(from, 60) };
	struct thread *t[4];

	for (int i = 0; i < 4; i++) {
		t[i] = ipc_thread(alice, take, &k[i]);
		host_wait_until_blocked(t[i]);
	}
	for (int i = 1; i <= 4; i++)
		send_id(port, i);
	for (int i = 0; i < 4; i++) {
		host_thread_join(t[i]);
		assert_int_equal(k[i].result, MACH_MSG_SUCCESS);
		assert_int_equal(k[i].got, expected[i]);
	}
}

static void IPC0825_receivers_of_a_real_time_port_are_served_by_priority_then_age(void **state)
{
	static const mach_msg_id_t by_priority[4] = { 4, 1, 3, 2 }, by_age[4] = { 1, 2, 3, 4 };
	mach_port_name_t port = new_rt_port(), plain = new_port_with_send(), set = new_right(PORT_SET);

	takers(port, port, by_priority);
	takers(plain, plain, by_age);
	/* who waits in a set is chosen as the port that the message is for says */
	assert_int_equal(mach_port_insert_member(here(), port, set), KERN_SUCCESS);
	assert_int_equal(mach_port_insert_member(here(), plain, set), KERN_SUCCESS);
	takers(port, set, by_priority);
	takers(plain, set, by_age);
}

/* Who has given up waiting does not stand in the way of who waits. */
static void IPC0826_a_better_receiver_that_gives_up_leaves_the_message_to_the_next(void **state)
{
	mach_port_name_t port = new_rt_port();
	uint32_t given_up = 0;

	for (int i = 0; i < 200; i++) {
		struct taker best = TAKER(port, 60, .option = MACH_RCV_TIMEOUT, .timeout = 1), other = TAKER(port, 20);
		struct thread *a = ipc_thread(alice, take, &best), *b = ipc_thread(alice, take, &other);

		host_wait_until_blocked(b);
		if (i & 1)
			thread_abort(a);
		send_id(port, 7);
		host_thread_join(a);
		if (best.result == MACH_MSG_SUCCESS)
			send_id(port, 7);
		else
			given_up++;
		host_thread_join(b);
		assert_int_equal(other.result, MACH_MSG_SUCCESS);
	}
	assert_true(given_up > 0);
	assert_empty(port);
}

/* The short way chooses as the long one does. */
static void answer_best(void *arg)
{
	struct taker *k = arg;
	struct msg m;

	current_thread()->priority = current_thread()->lend_priority = k->priority;
	k->result = mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG, 0, sizeof m, k->from, 0, NONE);
	k->got = m.h.msgh_id;
	if (m.h.msgh_remote_port == NONE)
		return;
	m.h.msgh_bits = MACH_MSGH_BITS(MOVE_ONCE, 0);
	m.h.msgh_local_port = NONE;
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG, 40, 0, NONE, 0, NONE), MACH_MSG_SUCCESS);
}

static void IPC0827_a_short_call_too_goes_to_the_best_receiver(void **state)
{
	for (int fast = 0; fast < 2; fast++) {
		mach_port_name_t port = new_rt_port(), reply = new_port();
		struct taker k[2] = { TAKER(port, 20), TAKER(port, 50) };
		struct msg m = { .h = { .msgh_bits = MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), .msgh_remote_port = port,
					.msgh_local_port = reply, .msgh_id = 3 } };
		struct thread *t[2];
		uint64_t before = current_thread()->ipc.fast_sends;

		mach_msg_fast_off = !fast;
		for (int i = 0; i < 2; i++) {
			t[i] = ipc_thread(alice, answer_best, &k[i]);
			host_wait_until_blocked(t[i]);
		}
		assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG | MACH_RCV_MSG, 40, sizeof m, reply, 0, NONE),
				 MACH_MSG_SUCCESS);
		assert_int_equal(current_thread()->ipc.fast_sends - before, (uint64_t)fast);
		host_thread_join(t[1]);
		assert_int_equal(k[1].got, 3);
		send_id(port, 4);
		host_thread_join(t[0]);
		assert_int_equal(k[0].got, 4);
		destroy(port);
		destroy(reply);
	}
	mach_msg_fast_off = false;
}

/* ---- lending ---- */

struct call {
	mach_port_name_t to, reply;
	uint32_t priority;
	mach_msg_option_t option;
	mach_msg_timeout_t timeout;
	mach_msg_return_t result;
};

static void call(void *arg)
{
	struct call *c = arg;
	struct msg m = { .h = { .msgh_bits = MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), .msgh_remote_port = c->to,
				.msgh_local_port = c->reply } };

	current_thread()->priority = current_thread()->lend_priority = c->priority;
	current_thread()->sched.base_priority = c->priority;
	c->result = mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG | MACH_RCV_MSG | c->option, 40, sizeof m, c->reply,
				  c->timeout, NONE);
	assert_null(current_thread()->donation.to);
}

struct serving {
	mach_port_name_t port;
	_Atomic int step;
	struct worth during, after;
};

static void serve_step(void *arg)
{
	struct serving *s = arg;
	struct msg m;

	current_thread()->priority = current_thread()->lend_priority = 20;
	current_thread()->sched.base_priority = 20;
	assert_int_equal(try_receive(s->port, &m, 0, 0), MACH_MSG_SUCCESS);
	s->during = donate_received(current_thread());
	s->step = 1;
	while (s->step == 1)
		host_sleep_ms(1);
	if (s->step == 2)
		assert_int_equal(try_send(m.h.msgh_remote_port, MOVE_ONCE, NONE, 0, 9, 0, 0), MACH_MSG_SUCCESS);
	s->after = donate_received(current_thread());
	s->step = 4;
	while (s->step == 4)
		host_sleep_ms(1);
	s->after = donate_received(current_thread());
}

static void wait_step(struct serving *s, int step)
{
	while (s->step != step)
		host_sleep_ms(1);
}

static void one_call(bool fast, bool queued)
{
	struct serving s = { .port = new_port() };
	struct call c = { .to = give(s.port, MAKE_SEND, bob), .priority = 60 };
	struct thread *server = NULL, *client;

	mach_msg_fast_off = !fast;
	as(bob);
	c.reply = new_port();
	as(alice);
	if (!queued) {
		server = ipc_thread(alice, serve_step, &s);
		host_wait_until_blocked(server);
	}
	client = ipc_thread(bob, call, &c);
	if (queued) {
		host_wait_until_blocked(client);
		server = ipc_thread(alice, serve_step, &s);
	}
	wait_step(&s, 1);
	assert_int_equal(s.during.priority, 60);
	s.step = 2;
	wait_step(&s, 4);
	host_thread_join(client);
	assert_int_equal(c.result, MACH_MSG_SUCCESS);
	assert_int_equal(s.after.priority, 0); /* it was gone when the answer had gone */
	s.step = 5;
	host_thread_join(server);
	mach_msg_fast_off = false;
}

static void IPC0831_a_server_gets_its_callers_priority_until_it_answers(void **state)
{
	one_call(true, false);
	one_call(false, false);
	one_call(true, true);
}

static void IPC0832_a_call_given_up_takes_its_priority_back(void **state)
{
	struct serving s = { .port = new_port() };
	struct call c = { .to = give(s.port, MAKE_SEND, bob), .priority = 60, .option = MACH_RCV_TIMEOUT, .timeout = 200 };
	struct thread *server, *client;

	as(bob);
	c.reply = new_port();
	as(alice);
	server = ipc_thread(alice, serve_step, &s);
	host_wait_until_blocked(server);
	client = ipc_thread(bob, call, &c);
	wait_step(&s, 1);
	assert_int_equal(s.during.priority, 60);
	host_thread_join(client);
	assert_int_equal(c.result, MACH_RCV_TIMED_OUT);
	s.step = 3; /* no answer */
	wait_step(&s, 4);
	assert_int_equal(s.after.priority, 0);
	s.step = 5;
	host_thread_join(server);
}

static void IPC0833_a_queued_call_lends_to_who_served_last(void **state)
{
	struct serving s = { .port = new_port() };
	struct call first = { .to = give(s.port, MAKE_SEND, bob), .priority = 30 }, second = first;
	struct thread *server, *clients[2];
	struct msg m;

	second.priority = 62;
	as(bob);
	first.reply = new_port();
	second.reply = new_port();
	as(alice);
	server = ipc_thread(alice, serve_step, &s);
	host_wait_until_blocked(server);
	clients[0] = ipc_thread(bob, call, &first);
	wait_step(&s, 1);
	assert_int_equal(s.during.priority, 30);
	clients[1] = ipc_thread(bob, call, &second); /* queued: the server is busy with the first */
	host_wait_until_blocked(clients[1]);
	assert_int_equal(donate_received(server).priority, 62);
	s.step = 2;
	wait_step(&s, 4);
	host_thread_join(clients[0]);
	assert_int_equal(donate_received(server).priority, 62); /* it may still take the second */
	/* but another thread takes it */
	current_thread()->priority = current_thread()->lend_priority = 20;
	assert_int_equal(try_receive(s.port, &m, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(donate_received(server).priority, 0);
	assert_int_equal(donate_received(current_thread()).priority, 62);
	assert_int_equal(try_send(m.h.msgh_remote_port, MOVE_ONCE, NONE, 0, 9, 0, 0), MACH_MSG_SUCCESS);
	host_thread_join(clients[1]);
	assert_int_equal(donate_received(current_thread()).priority, 0);
	s.step = 5;
	host_thread_join(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ipc_test(IPC0821_messages_of_a_real_time_port_come_by_priority_then_age),
		ipc_test(IPC0822_a_sender_may_say_its_messages_priority_up_to_its_own_most),
		ipc_test(IPC0823_the_order_goes_with_the_port),
		ipc_test(IPC0824_blocked_senders_too_are_served_by_priority),
		ipc_test(IPC0825_receivers_of_a_real_time_port_are_served_by_priority_then_age),
		ipc_test(IPC0826_a_better_receiver_that_gives_up_leaves_the_message_to_the_next),
		ipc_test(IPC0827_a_short_call_too_goes_to_the_best_receiver),
		ipc_test(IPC0831_a_server_gets_its_callers_priority_until_it_answers),
		ipc_test(IPC0832_a_call_given_up_takes_its_priority_back),
		ipc_test(IPC0833_a_queued_call_lends_to_who_served_last),
	};

	return ipc_run(tests, sizeof tests / sizeof tests[0], "ipc_order");
}

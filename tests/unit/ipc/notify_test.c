/* SPDX-License-Identifier: BSD-2-Clause */
/* Description: notifications: send-possible and dead-name requests, their exchange, errors and reserve; growth of both. */
#include "fixture.h"

#include <stdlib.h>

#define FULL 2

/* A port of alice's with a full queue, and bob's name for it; plays bob, and *tell gets what bob asks for. */
static mach_port_name_t full_port(mach_port_name_t *port, mach_port_name_t *tell)
{
	mach_port_name_t b;

	*port = new_port_with_send();
	set_limit(*port, FULL);
	b = give(*port, COPY_SEND, bob);
	for (int i = 0; i < FULL; i++)
		send_id(*port, i);
	as(bob);
	*tell = new_port();
	return b;
}

static mach_msg_return_t send_notify(mach_port_name_t dest)
{
	return try_send(dest, COPY_SEND, NONE, 0, 9, MACH_SEND_TIMEOUT | MACH_SEND_NOTIFY, 0);
}

/* As alice: take one message. */
static void drain_one(mach_port_name_t port)
{
	struct msg m;

	as(alice);
	assert_int_equal(try_receive(port, &m, MACH_RCV_TIMEOUT, 0), MACH_MSG_SUCCESS);
	as(bob);
}

static void IPC0801_a_request_made_with_sync_fires_when_the_full_queue_has_room(void **state)
{
	mach_port_name_t port, tell, b = full_port(&port, &tell);

	assert_int_equal(request(b, MACH_NOTIFY_SEND_POSSIBLE, 1, tell), KERN_SUCCESS);
	assert_int_equal(type_of(b), MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_DNREQUEST | MACH_PORT_TYPE_SPREQUEST);
	assert_empty(tell);
	drain_one(port);
	assert_int_equal(receive_notification(tell, MACH_NOTIFY_SEND_POSSIBLE), b);
	assert_int_equal(type_of(b), MACH_PORT_TYPE_SEND); /* used up */
	drain_one(port);
	assert_empty(tell);
}

static void IPC0802_one_made_without_sync_waits_for_a_send_that_found_it_full(void **state)
{
	mach_port_name_t port, tell, b = full_port(&port, &tell);

	assert_int_equal(request(b, MACH_NOTIFY_SEND_POSSIBLE, 0, tell), KERN_SUCCESS);
	assert_int_equal(type_of(b), MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_DNREQUEST | MACH_PORT_TYPE_SPREQUEST |
					     MACH_PORT_TYPE_SPREQUEST_DELAYED);
	drain_one(port);
	assert_empty(tell);
	assert_int_equal(send_notify(b), MACH_MSG_SUCCESS); /* there was room: still not armed */
	drain_one(port);
	assert_empty(tell);
	assert_int_equal(send_notify(b), MACH_MSG_SUCCESS);
	assert_int_equal(try_send(b, COPY_SEND, NONE, 0, 9, MACH_SEND_TIMEOUT, 0), MACH_SEND_TIMED_OUT);
	assert_true(type_of(b) & MACH_PORT_TYPE_SPREQUEST_DELAYED); /* did not ask */
	assert_int_equal(send_notify(b), MACH_SEND_TIMED_OUT);
	assert_false(type_of(b) & MACH_PORT_TYPE_SPREQUEST_DELAYED);
	drain_one(port);
	assert_int_equal(receive_notification(tell, MACH_NOTIFY_SEND_POSSIBLE), b);
	assert_int_equal(send_notify(b), MACH_MSG_SUCCESS);
}

static void IPC0803_with_room_a_request_with_sync_fires_at_once(void **state)
{
	mach_port_name_t port = new_port_with_send(), tell = new_port(), once = give(port, MAKE_ONCE, alice);

	assert_int_equal(request(port, MACH_NOTIFY_SEND_POSSIBLE, 1, tell), KERN_SUCCESS);
	assert_int_equal(receive_notification(tell, MACH_NOTIFY_SEND_POSSIBLE), port);
	assert_int_equal(type_of(port), MACH_PORT_TYPE_SEND_RECEIVE);
	set_limit(port, 0);
	assert_int_equal(request(once, MACH_NOTIFY_SEND_POSSIBLE, 1, tell), KERN_SUCCESS);
	assert_int_equal(receive_notification(tell, MACH_NOTIFY_SEND_POSSIBLE), once); /* ignores the limit */
	assert_int_equal(request(port, MACH_NOTIFY_SEND_POSSIBLE, 1, tell), KERN_SUCCESS);
	assert_empty(tell);
	set_limit(port, 1); /* room, of another kind */
	assert_int_equal(receive_notification(tell, MACH_NOTIFY_SEND_POSSIBLE), port);
	assert_int_equal(request(mach_host_self(), MACH_NOTIFY_SEND_POSSIBLE, 1, tell), KERN_SUCCESS);
	assert_int_equal(receive_notification(tell, MACH_NOTIFY_SEND_POSSIBLE), mach_host_self()); /* is never full */
}

static void IPC0804_a_send_possible_request_is_told_of_death_instead(void **state)
{
	mach_port_name_t port, tell, b = full_port(&port, &tell);

	assert_int_equal(request(b, MACH_NOTIFY_SEND_POSSIBLE, 1, tell), KERN_SUCCESS);
	as(alice);
	destroy(port);
	as(bob);
	assert_int_equal(receive_notification(tell, MACH_NOTIFY_DEAD_NAME), b);
	assert_empty(tell);
	assert_int_equal(type_of(b), MACH_PORT_TYPE_DEAD_NAME);
	assert_int_equal(refs(b, DEAD_NAME), 2);
	assert_int_equal(request(b, MACH_NOTIFY_SEND_POSSIBLE, 0, tell), KERN_SUCCESS);
	assert_int_equal(receive_notification(tell, MACH_NOTIFY_DEAD_NAME), b);
	assert_int_equal(refs(b, DEAD_NAME), 3);
}

static void IPC0805_requests_are_exchanged_atomically_whatever_their_kind(void **state)
{
	mach_port_name_t port, tell, b = full_port(&port, &tell), first = new_port();
	struct ipc_port *notify, *previous;

	assert_int_equal(ipc_object_copyin(here(), first, MAKE_ONCE, &notify), KERN_SUCCESS);
	assert_int_equal(mach_port_request_notification(here(), b, MACH_NOTIFY_DEAD_NAME, 0, notify, &previous),
			 KERN_SUCCESS);
	assert_null(previous);
	assert_int_equal(type_of(b), MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_DNREQUEST);
	assert_int_equal(ipc_object_copyin(here(), tell, MAKE_ONCE, &notify), KERN_SUCCESS);
	assert_int_equal(mach_port_request_notification(here(), b, MACH_NOTIFY_SEND_POSSIBLE, 1, notify, &previous),
			 KERN_SUCCESS);
	assert_non_null(previous);
	ipc_port_release_right(previous, MACH_MSG_TYPE_PORT_SEND_ONCE);
	receive_notification(first, MACH_NOTIFY_SEND_ONCE); /* it was the first one's */
	drain_one(port);
	assert_int_equal(receive_notification(tell, MACH_NOTIFY_SEND_POSSIBLE), b);
	assert_int_equal(request(b, MACH_NOTIFY_SEND_POSSIBLE, 0, tell), KERN_SUCCESS);
	assert_int_equal(request(b, MACH_NOTIFY_DEAD_NAME, 0, first), KERN_SUCCESS);
	receive_notification(tell, MACH_NOTIFY_SEND_ONCE);
	assert_int_equal(type_of(b), MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_DNREQUEST);
	assert_int_equal(request(b, MACH_NOTIFY_DEAD_NAME, 0, NONE), KERN_SUCCESS);
	receive_notification(first, MACH_NOTIFY_SEND_ONCE);
	assert_int_equal(type_of(b), MACH_PORT_TYPE_SEND);
}

static void IPC0806_a_request_goes_with_its_name(void **state)
{
	mach_port_name_t port, tell, b = full_port(&port, &tell), to = MACH_PORT_MAKE(70, 9);

	assert_int_equal(request(b, MACH_NOTIFY_SEND_POSSIBLE, 1, tell), KERN_SUCCESS);
	assert_int_equal(mach_port_rename(here(), b, to), KERN_SUCCESS);
	drain_one(port);
	assert_int_equal(receive_notification(tell, MACH_NOTIFY_SEND_POSSIBLE), to);
	as(alice);
	send_id(port, 3);
	as(bob);
	assert_int_equal(request(to, MACH_NOTIFY_SEND_POSSIBLE, 1, tell), KERN_SUCCESS);
	assert_int_equal(mach_port_deallocate(here(), to), KERN_SUCCESS);
	assert_int_equal(receive_notification(tell, MACH_NOTIFY_PORT_DELETED), to);
	drain_one(port);
	assert_empty(tell);
}

static void IPC0807_every_waiting_task_is_told_and_a_task_that_ended_is_not(void **state)
{
	mach_port_name_t port, tell, b = full_port(&port, &tell), a, here_tell, c;
	struct task *third = host_task_create(NULL, "third");

	assert_int_equal(request(b, MACH_NOTIFY_SEND_POSSIBLE, 1, tell), KERN_SUCCESS);
	as(alice);
	a = port;
	here_tell = new_port();
	assert_int_equal(request(a, MACH_NOTIFY_SEND_POSSIBLE, 1, here_tell), KERN_SUCCESS);
	c = give(port, COPY_SEND, third);
	as(third);
	assert_int_equal(request(c, MACH_NOTIFY_SEND_POSSIBLE, 1, new_port()), KERN_SUCCESS);
	as(alice);
	host_task_destroy(third);
	assert_int_equal(receive_id(port), 0);
	assert_int_equal(receive_notification(here_tell, MACH_NOTIFY_SEND_POSSIBLE), a);
	as(bob);
	assert_int_equal(receive_notification(tell, MACH_NOTIFY_SEND_POSSIBLE), b);
}

static void IPC0808_each_error_of_a_request(void **state)
{
	mach_port_name_t port = new_port_with_send(), set = new_right(PORT_SET), dead = new_right(DEAD_NAME);
	mach_port_name_t tell = new_port();
	struct ipc_port *previous;

	for (int i = 0; i < 2; i++) {
		mach_msg_id_t id = i ? MACH_NOTIFY_SEND_POSSIBLE : MACH_NOTIFY_DEAD_NAME;

		assert_int_equal(request(0x7703, id, 0, tell), KERN_INVALID_NAME);
		assert_int_equal(request(set, id, 0, tell), KERN_INVALID_RIGHT);
		assert_int_equal(mach_port_request_notification(NULL, port, id, 0, IP_NULL, &previous), KERN_INVALID_TASK);
		assert_int_equal(mach_port_request_notification(here(), port, id, 0, IP_DEAD, &previous),
				 KERN_INVALID_CAPABILITY);
	}
	assert_int_equal(request(dead, MACH_NOTIFY_DEAD_NAME, 0, tell), KERN_INVALID_ARGUMENT);
	assert_int_equal(mach_port_mod_refs(here(), dead, DEAD_NAME, 65534), KERN_SUCCESS);
	assert_int_equal(request(dead, MACH_NOTIFY_DEAD_NAME, 1, tell), KERN_UREFS_OVERFLOW);
	assert_int_equal(request(dead, MACH_NOTIFY_SEND_POSSIBLE, 1, tell), KERN_UREFS_OVERFLOW);
	assert_int_equal(request(port, MACH_NOTIFY_PORT_DESTROYED, 1, tell), KERN_INVALID_VALUE);
	assert_int_equal(request(dead, MACH_NOTIFY_PORT_DESTROYED, 0, tell), KERN_INVALID_RIGHT);
	assert_int_equal(request(0x7703, MACH_NOTIFY_PORT_DESTROYED, 0, tell), KERN_INVALID_NAME);
	assert_int_equal(request(dead, MACH_NOTIFY_NO_SENDERS, 0, tell), KERN_INVALID_RIGHT);
	assert_int_equal(request(0x7703, MACH_NOTIFY_NO_SENDERS, 0, tell), KERN_INVALID_NAME);
	assert_int_equal(request(port, MACH_NOTIFY_SEND_ONCE, 0, tell), KERN_INVALID_VALUE);
	assert_int_equal(request(port, 4711, 0, tell), KERN_INVALID_VALUE);
	host_alloc_fail_at(1, true);
	previous = IP_NULL;
	assert_int_equal(request(port, MACH_NOTIFY_DEAD_NAME, 0, tell), KERN_RESOURCE_SHORTAGE);
	host_alloc_fail_at(0, false);
	assert_empty(tell);
}

static uint32_t request_room(mach_port_name_t name)
{
	integer_t room = -1;
	mach_msg_type_number_t count = 1;

	assert_int_equal(mach_port_get_attributes(here(), name, MACH_PORT_DNREQUESTS_SIZE, &room, &count), KERN_SUCCESS);
	return (uint32_t)room;
}

static void IPC0809_a_thousand_requests_on_one_port_fire_each(void **state)
{
	enum { TASKS = 1000 };
	static struct task *tasks[TASKS];
	static mach_port_name_t names[TASKS], tells[TASKS];
	mach_port_name_t port = new_port_with_send();

	for (int i = 0; i < TASKS; i++) {
		tasks[i] = host_task_create(NULL, "one of many");
		names[i] = give(port, COPY_SEND, tasks[i]);
		as(tasks[i]);
		tells[i] = new_port();
		assert_int_equal(request(names[i], MACH_NOTIFY_DEAD_NAME, 0, tells[i]), KERN_SUCCESS);
		as(alice);
	}
	assert_int_equal(request_room(port), TASKS);
	destroy(port);
	for (int i = 0; i < TASKS; i++) {
		as(tasks[i]);
		assert_int_equal(receive_notification(tells[i], MACH_NOTIFY_DEAD_NAME), names[i]);
		as(alice);
		host_task_destroy(tasks[i]);
	}
}

static void IPC0810_reserved_requests_need_no_memory(void **state)
{
	mach_port_name_t port = new_port_with_send(), tell = new_port();
	integer_t size = 3;

	assert_int_equal(request_room(port), 0);
	assert_int_equal(mach_port_set_attributes(here(), port, MACH_PORT_DNREQUESTS_SIZE, &size, 1), KERN_SUCCESS);
	assert_int_equal(request_room(port), 3);
	for (int round = 0; round < 2; round++) {
		host_alloc_fail_at(1, true);
		assert_int_equal(request(port, MACH_NOTIFY_DEAD_NAME, 0, tell), KERN_SUCCESS);
		host_alloc_fail_at(0, false);
		assert_int_equal(request_room(port), 3);
		assert_int_equal(request(port, MACH_NOTIFY_DEAD_NAME, 0, NONE), KERN_SUCCESS); /* goes back */
		receive_notification(tell, MACH_NOTIFY_SEND_ONCE);
	}
	size = 1; /* never shrinks */
	assert_int_equal(mach_port_set_attributes(here(), port, MACH_PORT_DNREQUESTS_SIZE, &size, 1), KERN_SUCCESS);
	assert_int_equal(request_room(port), 3);
	size = IP_REQUEST_RESERVE_MAX + 1;
	assert_int_equal(mach_port_set_attributes(here(), port, MACH_PORT_DNREQUESTS_SIZE, &size, 1), KERN_NO_SPACE);
	size = -1;
	assert_int_equal(mach_port_set_attributes(here(), port, MACH_PORT_DNREQUESTS_SIZE, &size, 1), KERN_NO_SPACE);
	size = 9;
	host_alloc_fail_at(3, true);
	assert_int_equal(mach_port_set_attributes(here(), port, MACH_PORT_DNREQUESTS_SIZE, &size, 1), KERN_NO_SPACE);
	host_alloc_fail_at(0, false);
	assert_int_equal(request_room(port), 3);
	assert_int_equal(mach_port_set_attributes(here(), port, MACH_PORT_DNREQUESTS_SIZE, &size, 0), KERN_FAILURE);
}

/* ---- at once ---- */

#define ROUNDS 3000

static mach_port_name_t race_port;
static _Atomic bool race_over;

static void race_receive(void *unused)
{
	struct msg m;

	for (int i = 0; i < ROUNDS; i++)
		assert_int_equal(try_receive(race_port, &m, 0, 0), MACH_MSG_SUCCESS);
	race_over = true;
}

static void IPC0811_a_sender_that_waits_for_the_notification_never_sleeps_for_ever(void **state)
{
	mach_port_name_t b, tell;
	struct thread *t;
	struct msg m;

	race_port = new_port_with_send();
	set_limit(race_port, 1);
	b = give(race_port, COPY_SEND, bob);
	t = ipc_thread(alice, race_receive, NULL);
	as(bob);
	tell = new_port();
	for (int i = 0; i < ROUNDS; i++) {
		while (send_notify(b) != MACH_MSG_SUCCESS) {
			if (request(b, MACH_NOTIFY_SEND_POSSIBLE, (uint32_t)i & 1, tell) != KERN_SUCCESS)
				fail();
			if (!(i & 1)) { /* armed by a failed send only */
				if (send_notify(b) == MACH_MSG_SUCCESS) {
					assert_int_equal(request(b, MACH_NOTIFY_SEND_POSSIBLE, 0, NONE), KERN_SUCCESS);
					receive_notification(tell, MACH_NOTIFY_SEND_ONCE);
					break;
				}
			}
			assert_int_equal(try_receive(tell, &m, 0, 0), MACH_MSG_SUCCESS);
			assert_int_equal(m.h.msgh_id, MACH_NOTIFY_SEND_POSSIBLE);
		}
	}
	as(alice);
	host_thread_join(t);
	assert_true(race_over);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ipc_test(IPC0801_a_request_made_with_sync_fires_when_the_full_queue_has_room),
		ipc_test(IPC0802_one_made_without_sync_waits_for_a_send_that_found_it_full),
		ipc_test(IPC0803_with_room_a_request_with_sync_fires_at_once),
		ipc_test(IPC0804_a_send_possible_request_is_told_of_death_instead),
		ipc_test(IPC0805_requests_are_exchanged_atomically_whatever_their_kind),
		ipc_test(IPC0806_a_request_goes_with_its_name),
		ipc_test(IPC0807_every_waiting_task_is_told_and_a_task_that_ended_is_not),
		ipc_test(IPC0808_each_error_of_a_request),
		ipc_test(IPC0809_a_thousand_requests_on_one_port_fire_each),
		ipc_test(IPC0810_reserved_requests_need_no_memory),
		ipc_test(IPC0811_a_sender_that_waits_for_the_notification_never_sleeps_for_ever),
	};

	return ipc_run(tests, sizeof tests / sizeof tests[0], "ipc_notify");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: what Mach's manuals say beyond the common case: every delta on every kind of name, sequence numbers of
 * members, limits that change under blocked senders, sets that die under receivers, bodies without memory or with far too
 * much of it, rights that are none, messages that come back with all they had.
 */
#include "fixture.h"

#include <stdio.h>

/* ---- mach_port_mod_refs ---- */

enum kind { K_RECEIVE, K_RECEIVE_SEND, K_SEND, K_ONCE, K_SET, K_DEAD, K_DEAD_SEND, K_DEAD_ONCE, KINDS };

/* A name of that kind with so many references, and what it is. port: where what it names is received, or NONE. */
static mach_port_name_t make(enum kind kind, uint32_t urefs, mach_port_name_t *port)
{
	mach_port_name_t name, there;

	*port = NONE;
	switch (kind) {
	case K_RECEIVE:
		return new_port();
	case K_RECEIVE_SEND:
		name = new_port_with_send();
		break;
	case K_SET:
		return new_right(PORT_SET);
	case K_DEAD:
		name = new_right(DEAD_NAME);
		if (urefs > 1)
			assert_int_equal(mach_port_mod_refs(here(), name, DEAD_NAME, (int)urefs - 1), KERN_SUCCESS);
		return name;
	default:
		as(bob);
		there = new_port();
		name = give(there, kind == K_ONCE || kind == K_DEAD_ONCE ? MAKE_ONCE : MAKE_SEND, alice);
		as(alice);
		if (kind == K_SEND || kind == K_DEAD_SEND)
			assert_int_equal(mach_port_mod_refs(here(), name, SEND, (int)urefs - 1), KERN_SUCCESS);
		*port = there;
		if (kind == K_DEAD_SEND || kind == K_DEAD_ONCE) {
			as(bob);
			destroy(there);
			as(alice);
			*port = NONE;
		}
		return name;
	}
	assert_int_equal(mach_port_mod_refs(here(), name, SEND, (int)urefs - 1), KERN_SUCCESS);
	return name;
}

static mach_port_type_t types_of_kind(enum kind kind)
{
	static const mach_port_type_t types[KINDS] = {
		MACH_PORT_TYPE_RECEIVE, MACH_PORT_TYPE_SEND_RECEIVE, MACH_PORT_TYPE_SEND, MACH_PORT_TYPE_SEND_ONCE,
		MACH_PORT_TYPE_PORT_SET, MACH_PORT_TYPE_DEAD_NAME, MACH_PORT_TYPE_DEAD_NAME, MACH_PORT_TYPE_DEAD_NAME,
	};

	return types[kind];
}

/* What the call must answer; *left: the references of the right after it. */
static kern_return_t expected(enum kind kind, uint32_t urefs, mach_port_right_t right, int64_t delta, int64_t *left)
{
	bool counted = right == SEND || right == DEAD_NAME;

	*left = urefs;
	if (!(types_of_kind(kind) & MACH_PORT_TYPE(right)))
		return KERN_INVALID_RIGHT;
	if (!counted) {
		*left = 1 + delta;
		return delta == 0 || delta == -1 ? KERN_SUCCESS : KERN_INVALID_VALUE;
	}
	*left = (int64_t)urefs + delta;
	return *left < 0 ? KERN_INVALID_VALUE : *left > 65535 ? KERN_UREFS_OVERFLOW : KERN_SUCCESS;
}

static void IPC1001_every_delta_of_every_right_on_every_kind_of_name(void **state)
{
	static const int deltas[] = { 0, 1, -1, 2, -2, 3, -3, 65532, 65533, 65534, 65535, 65536, -65535, -65536, INT32_MAX, INT32_MIN };
	static const mach_port_right_t rights[] = { SEND, RECEIVE, SEND_ONCE, PORT_SET, DEAD_NAME };

	for (int kind = 0; kind < KINDS; kind++)
		for (size_t r = 0; r < 5; r++)
			for (size_t d = 0; d < sizeof deltas / sizeof deltas[0]; d++) {
				uint32_t urefs = kind == K_DEAD_ONCE ? 1 : 3;
				mach_port_name_t port, name = make((enum kind)kind, urefs, &port);
				mach_port_type_t before = type_of(name), after;
				int64_t left;
				kern_return_t want = expected((enum kind)kind, urefs, rights[r], deltas[d], &left);
				kern_return_t got = mach_port_mod_refs(here(), name, rights[r], deltas[d]);

				if (got != want)
					fprintf(stderr, "# kind %d right %u delta %d: %d for %d\n", kind, rights[r], deltas[d], got, want);
				assert_int_equal(before, types_of_kind((enum kind)kind));
				assert_int_equal(got, want);
				after = type_of(name);
				if (got != KERN_SUCCESS) {
					assert_int_equal(after, before); /* nothing was done */
					if (before & (MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_DEAD_NAME))
						assert_int_equal(refs(name, before & MACH_PORT_TYPE_SEND ? SEND : DEAD_NAME), urefs);
				} else if (left == 0) {
					if (rights[r] == RECEIVE && kind == K_RECEIVE_SEND)
						assert_int_equal(after, MACH_PORT_TYPE_DEAD_NAME);
					else
						assert_int_equal(after, before & ~MACH_PORT_TYPE(rights[r]));
				} else {
					assert_int_equal(after, before);
					if (rights[r] == SEND || rights[r] == DEAD_NAME)
						assert_int_equal(refs(name, rights[r]), left);
				}
				if (after != 0)
					destroy(name);
				if (port != NONE) {
					as(bob);
					destroy(port);
					as(alice);
				}
			}
}

static void IPC1002_references_of_received_rights_stop_at_the_most(void **state)
{
	mach_port_name_t port = new_port_with_send(), box = new_port_with_send(), there;
	mach_msg_type_name_t got;

	assert_int_equal(mach_port_mod_refs(here(), port, SEND, 65534), KERN_SUCCESS);
	assert_int_equal(send_right(box, port, MAKE_SEND), MACH_MSG_SUCCESS);
	assert_int_equal(receive_right(box, &got), port);
	assert_int_equal(refs(port, SEND), 65535);
	assert_int_equal(status_of(port).mps_srights, 1);
	assert_int_equal(status_of(port).mps_mscount, 2);
	/* a dead name's too: a notification's reference is not lost, it is an error to ask for it */
	there = new_right(DEAD_NAME);
	assert_int_equal(mach_port_mod_refs(here(), there, DEAD_NAME, 65534), KERN_SUCCESS);
	assert_int_equal(request(there, MACH_NOTIFY_DEAD_NAME, 1, box), KERN_UREFS_OVERFLOW);
	assert_empty(box);
}

/* ---- sets ---- */

static mach_port_seqno_t receive_seqno(mach_port_name_t from, mach_msg_id_t id)
{
	struct msg m;

	assert_int_equal(try_receive(from, &m, MACH_RCV_TIMEOUT | MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_SEQNO), 0),
			 MACH_MSG_SUCCESS);
	assert_int_equal(m.h.msgh_id, id);
	return ((mach_msg_seqno_trailer_t *)((uint8_t *)&m + m.h.msgh_size))->msgh_seqno;
}

static void IPC1003_messages_through_a_set_have_their_ports_sequence_numbers(void **state)
{
	mach_port_name_t a = new_port_with_send(), b = new_port_with_send(), set = new_right(PORT_SET);

	assert_int_equal(mach_port_insert_member(here(), a, set), KERN_SUCCESS);
	assert_int_equal(mach_port_insert_member(here(), b, set), KERN_SUCCESS);
	send_id(a, 1);
	assert_int_equal(receive_seqno(set, 1), 0);
	send_id(b, 2);
	assert_int_equal(receive_seqno(set, 2), 0);
	send_id(a, 3);
	assert_int_equal(receive_seqno(a, 3), 1);
	assert_int_equal(mach_port_set_seqno(here(), a, 77), KERN_SUCCESS);
	send_id(a, 4);
	send_id(b, 5);
	send_id(a, 6);
	assert_int_equal(receive_seqno(set, 4), 77);
	assert_int_equal(receive_seqno(set, 5), 1);
	assert_int_equal(receive_seqno(set, 6), 78);
	assert_int_equal(mach_port_set_seqno(here(), a, UINT32_MAX), KERN_SUCCESS);
	send_id(a, 7);
	assert_int_equal(receive_seqno(set, 7), (mach_port_seqno_t)UINT32_MAX); /* and it wraps */
	assert_int_equal(status_of(a).mps_seqno, 0);
	assert_int_equal(mach_port_set_seqno(here(), set, 1), KERN_INVALID_RIGHT);
}

struct waiter {
	mach_port_name_t name;
	mach_msg_option_t option;
	mach_msg_return_t result;
	mach_msg_id_t id;
};

static void wait_to_receive(void *arg)
{
	struct waiter *w = arg;
	struct msg m;

	w->result = mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG | w->option, 0, sizeof m, w->name, 0, NONE);
	w->id = w->result == MACH_MSG_SUCCESS ? m.h.msgh_id : 0;
}

static void IPC1004_a_set_that_dies_ends_its_receivers_waits_and_keeps_its_members_messages(void **state)
{
	enum { N = 3 };
	mach_port_name_t a = new_port_with_send(), b = new_port_with_send(), set = new_right(PORT_SET), other = new_right(PORT_SET);
	struct waiter w[N] = { { .name = set }, { .name = set }, { .name = a } };
	struct thread *t[N];

	assert_int_equal(mach_port_insert_member(here(), a, set), KERN_SUCCESS);
	assert_int_equal(mach_port_insert_member(here(), b, set), KERN_SUCCESS);
	assert_int_equal(mach_port_insert_member(here(), b, other), KERN_SUCCESS);
	for (int i = 0; i < N; i++) {
		t[i] = ipc_thread(alice, wait_to_receive, &w[i]);
		host_wait_until_blocked(t[i]);
	}
	destroy(set);
	for (int i = 0; i < 2; i++) {
		host_thread_join(t[i]);
		assert_int_equal(w[i].result, MACH_RCV_PORT_DIED);
	}
	send_id(a, 1); /* who waits on a member itself goes on */
	host_thread_join(t[2]);
	assert_int_equal(w[2].id, 1);
	send_id(b, 2);
	assert_int_equal(receive_id(other), 2);
	/* with messages in it */
	set = new_right(PORT_SET);
	send_id(a, 3);
	assert_int_equal(mach_port_insert_member(here(), a, set), KERN_SUCCESS);
	destroy(set);
	assert_int_equal(receive_id(a), 3);
}

/* ---- limits ---- */

struct blocked {
	mach_port_name_t port;
	mach_msg_id_t id;
	mach_msg_return_t result;
};

static void send_blocked(void *arg)
{
	struct blocked *b = arg;

	b->result = try_send(b->port, COPY_SEND, NONE, 0, b->id, 0, 0);
}

static void IPC1005_a_limit_that_grows_lets_as_many_blocked_senders_in_in_order(void **state)
{
	enum { N = 5 };
	mach_port_name_t port = new_port_with_send();
	struct blocked b[N];
	struct thread *t[N];

	set_limit(port, 0); /* nobody gets in */
	for (int i = 0; i < N; i++) {
		b[i] = (struct blocked){ .port = port, .id = i + 1 };
		t[i] = ipc_thread(alice, send_blocked, &b[i]);
		host_wait_until_blocked(t[i]);
	}
	set_limit(port, 2);
	host_thread_join(t[0]);
	host_thread_join(t[1]);
	assert_int_equal(status_of(port).mps_msgcount, 2);
	host_wait_until_blocked(t[2]);
	set_limit(port, 1); /* what is queued stays; who waits goes on waiting */
	assert_int_equal(status_of(port).mps_msgcount, 2);
	assert_int_equal(receive_id(port), 1);
	assert_int_equal(status_of(port).mps_msgcount, 1);
	host_wait_until_blocked(t[2]);
	assert_int_equal(receive_id(port), 2);
	host_thread_join(t[2]);
	assert_int_equal(receive_id(port), 3);
	host_thread_join(t[3]);
	/* the port dies with one message queued and one sender blocked: both are gone, with success */
	destroy(port);
	host_thread_join(t[4]);
	for (int i = 0; i < N; i++)
		assert_int_equal(b[i].result, MACH_MSG_SUCCESS);
}

/* ---- bodies ---- */

static mach_msg_return_t send_one(mach_port_name_t to, const mach_msg_ool_descriptor_t *d)
{
	struct complex_msg m = { .base = { { .msgh_bits = MACH_MSGH_BITS(COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX, .msgh_remote_port = to },
					   { .msgh_descriptor_count = 1 } } };

	m.ool[0] = *d;
	return mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof m.base + sizeof m.ool[0], 0, NONE, 0, NONE);
}

static void IPC1011_memory_of_no_size_is_none_and_of_absurd_size_an_error(void **state)
{
	static const uint64_t absurd[] = { 1ULL << 31, 1ULL << 32, (1ULL << 47) - 4096, 1ULL << 47, 1ULL << 48, 1ULL << 63, UINT64_MAX - 4095, UINT64_MAX };
	static uint8_t page[4096] __attribute__((aligned(4096)));
	mach_port_name_t port = new_port_with_send();
	mach_msg_return_t mr;

	host_user_only(page, sizeof page);
	host_user_only(NULL, 0);
	for (int copy = 0; copy < 2; copy++)
		for (int deallocate = 0; deallocate < 2; deallocate++)
			for (int where = 0; where < 3; where++) {
				mach_msg_ool_descriptor_t d = { .address = where == 0 ? NULL : where == 1 ? page : (void *)~0UL,
								.copy = (uint8_t)copy, .deallocate = (uint8_t)deallocate,
								.type = MACH_MSG_OOL_DESCRIPTOR };
				struct complex_msg m;

				mr = send_one(port, &d);
				assert_int_equal(mr, MACH_MSG_SUCCESS); /* wherever nothing is */
				assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof m, port, 0, NONE),
						 MACH_MSG_SUCCESS);
				assert_null(m.ool[0].address);
				assert_int_equal(m.ool[0].size, 0);
				assert_int_equal(m.ool[0].deallocate, 0);
			}
	for (size_t i = 0; i < sizeof absurd / sizeof absurd[0]; i++)
		for (int deallocate = 0; deallocate < 2; deallocate++) {
			mach_msg_ool_descriptor_t d = { .address = (void *)0x7fff00000000UL, .size = absurd[i], .deallocate = (uint8_t)deallocate,
							.copy = MACH_MSG_VIRTUAL_COPY, .type = MACH_MSG_OOL_DESCRIPTOR };

			host_user_only(page, sizeof page);
			mr = send_one(port, &d);
			host_user_only(NULL, 0);
			if (mr != MACH_SEND_INVALID_MEMORY && mr != MACH_SEND_NO_BUFFER && mr != MACH_SEND_INVALID_DATA)
				fprintf(stderr, "# size %#lx: %#x\n", (unsigned long)absurd[i], (unsigned)mr);
			assert_true(mr == MACH_SEND_INVALID_MEMORY || mr == MACH_SEND_NO_BUFFER || mr == MACH_SEND_INVALID_DATA);
			assert_empty(port);
		}
}

static void IPC1012_arrays_of_rights_may_have_nulls_and_dead_names_and_be_empty(void **state)
{
	mach_port_name_t port = new_port_with_send(), a = new_port(), dead, names[5], *got;
	struct complex_msg m = { .base = { { 0 }, { .msgh_descriptor_count = 2 } } };

	as(bob);
	dead = new_port();
	mach_port_name_t gone = give(dead, MAKE_SEND, alice);
	destroy(dead);
	as(alice);
	assert_int_equal(type_of(gone), MACH_PORT_TYPE_DEAD_NAME);
	memcpy(names, (mach_port_name_t[]){ MACH_PORT_NULL, MACH_PORT_DEAD, gone, MACH_PORT_NULL, gone }, sizeof names);
	for (int twice = 0; twice < 2; twice++) {
		m.base.header = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX, .msgh_remote_port = port };
		m.base.body.msgh_descriptor_count = 2;
		m.ports[0] = (mach_msg_ool_ports_descriptor_t){ .address = names, .count = 5, .disposition = COPY_SEND,
								.copy = MACH_MSG_VIRTUAL_COPY, .type = MACH_MSG_OOL_PORTS_DESCRIPTOR };
		m.ports[1] = (mach_msg_ool_ports_descriptor_t){ .address = (void *)8, .count = 0, .disposition = MAKE_SEND, .deallocate = 1,
								.copy = MACH_MSG_PHYSICAL_COPY, .type = MACH_MSG_OOL_PORTS_DESCRIPTOR };
		assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof m.base + 2 * sizeof m.ports[0], 0,
					       NONE, 0, NONE), MACH_MSG_SUCCESS);
		assert_int_equal(refs(gone, DEAD_NAME), 1); /* a copied dead name stays */
		assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof m, port, 0, NONE), MACH_MSG_SUCCESS);
		got = m.ports[0].address;
		assert_int_equal(m.ports[0].count, 5);
		assert_int_equal(m.ports[0].disposition, MACH_MSG_TYPE_PORT_SEND);
		assert_true(got[0] == MACH_PORT_NULL && got[1] == MACH_PORT_DEAD && got[2] == MACH_PORT_DEAD &&
			    got[3] == MACH_PORT_NULL && got[4] == MACH_PORT_DEAD);
		assert_null(m.ports[1].address);
		assert_int_equal(m.ports[1].count, 0);
		host_vm_deallocate((uintptr_t)got, sizeof names);
	}
	/* one that is none: the message is gone and those before it too */
	names[0] = a;
	names[4] = a ^ 0x55;
	m.base.header = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX, .msgh_remote_port = port };
	m.base.body.msgh_descriptor_count = 1;
	m.ports[0] = (mach_msg_ool_ports_descriptor_t){ .address = names, .count = 5, .disposition = MAKE_ONCE,
							.copy = MACH_MSG_VIRTUAL_COPY, .type = MACH_MSG_OOL_PORTS_DESCRIPTOR };
	names[2] = MACH_PORT_NULL;
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof m.base + sizeof m.ports[0], 0, NONE, 0, NONE),
			 MACH_SEND_INVALID_RIGHT);
	receive_notification(a, MACH_NOTIFY_SEND_ONCE); /* what was made of it was lost with the message */
	assert_empty(port);
}

/* ---- errors that give the message back ---- */

static void IPC1021_a_message_that_comes_back_has_all_its_rights_and_memory(void **state)
{
	static uint8_t bytes[5000];
	mach_port_name_t port = new_port_with_send(), reply = new_port(), mine = new_port_with_send(), moved = new_port(), names[2];
	struct complex_msg m = { .base = { { .msgh_bits = MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE) | MACH_MSGH_BITS_COMPLEX, .msgh_remote_port = port,
					     .msgh_local_port = reply, .msgh_id = 77 },
					   { .msgh_descriptor_count = 4 } } };
	struct {
		mach_msg_base_t base;
		mach_msg_port_descriptor_t send, receive;
		mach_msg_ool_ports_descriptor_t array;
		mach_msg_ool_descriptor_t memory;
	} *b = (void *)&m;
	mach_port_name_t *got;

	memset(bytes, 0x5a, sizeof bytes);
	send_id(mine, 5);
	set_limit(port, 0);
	names[0] = mine;
	names[1] = MACH_PORT_DEAD;
	b->send = (mach_msg_port_descriptor_t){ .name = mine, .disposition = MOVE_SEND, .type = MACH_MSG_PORT_DESCRIPTOR };
	b->receive = (mach_msg_port_descriptor_t){ .name = moved, .disposition = MOVE_RECEIVE, .type = MACH_MSG_PORT_DESCRIPTOR };
	b->array = (mach_msg_ool_ports_descriptor_t){ .address = names, .count = 2, .disposition = MAKE_SEND, .copy = MACH_MSG_VIRTUAL_COPY,
						      .type = MACH_MSG_OOL_PORTS_DESCRIPTOR };
	b->memory = (mach_msg_ool_descriptor_t){ .address = bytes, .size = sizeof bytes, .copy = MACH_MSG_VIRTUAL_COPY,
						 .type = MACH_MSG_OOL_DESCRIPTOR };
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof *b, 0, NONE, 0, NONE), MACH_SEND_TIMED_OUT);
	assert_int_equal(b->base.header.msgh_bits, MACH_MSGH_BITS(MOVE_SEND, MOVE_ONCE) | MACH_MSGH_BITS_COMPLEX);
	assert_int_equal(b->base.header.msgh_remote_port, port);
	assert_int_equal(refs(port, SEND), 2);
	assert_int_equal(type_of(b->base.header.msgh_local_port), MACH_PORT_TYPE_SEND_ONCE);
	assert_int_equal(b->base.header.msgh_id, 77);
	assert_true(b->send.name == mine && b->send.disposition == MACH_MSG_TYPE_PORT_SEND);
	assert_int_equal(type_of(b->receive.name), MACH_PORT_TYPE_RECEIVE);
	got = b->array.address;
	assert_true(b->array.count == 2 && got[0] == mine && got[1] == MACH_PORT_DEAD);
	assert_int_equal(refs(mine, SEND), 2); /* moved back, and what was made for the array */
	assert_int_equal(b->memory.size, sizeof bytes);
	assert_memory_equal(b->memory.address, bytes, sizeof bytes);
	/* as it is it can be sent again, and arrives */
	b->array.deallocate = 0;
	b->memory.deallocate = 0;
	b->send.disposition = MOVE_SEND;
	b->receive.disposition = MOVE_RECEIVE;
	b->array.disposition = MOVE_SEND;
	set_limit(port, 1);
	uintptr_t array_at = (uintptr_t)b->array.address, memory_at = (uintptr_t)b->memory.address;
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof *b, 0, NONE, 0, NONE), MACH_MSG_SUCCESS);
	host_vm_deallocate(array_at, sizeof names);
	host_vm_deallocate(memory_at, sizeof bytes);
	assert_int_equal(type_of(mine), MACH_PORT_TYPE_RECEIVE);
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof m, port, 0, NONE), MACH_MSG_SUCCESS);
	assert_int_equal(m.base.header.msgh_id, 77);
	assert_int_equal(refs(mine, SEND), 2);
	assert_int_equal(receive_id(mine), 5);
	host_vm_deallocate((uintptr_t)b->array.address, sizeof names);
	host_vm_deallocate((uintptr_t)b->memory.address, sizeof bytes);
}

static void IPC1022_a_port_sent_to_itself_is_gone_with_its_message(void **state)
{
	mach_port_name_t port = new_port_with_send(), keeper = give(port, COPY_SEND, bob);

	send_id(port, 1);
	assert_int_equal(send_right(port, port, MOVE_RECEIVE), MACH_MSG_SUCCESS);
	assert_int_equal(type_of(port), MACH_PORT_TYPE_DEAD_NAME);
	as(bob);
	assert_int_equal(type_of(keeper), MACH_PORT_TYPE_DEAD_NAME);
	assert_int_equal(try_send(keeper, COPY_SEND, NONE, 0, 1, MACH_SEND_TIMEOUT, 0), MACH_SEND_INVALID_DEST);
}

static void IPC1023_names_that_are_taken_are_not_given_again(void **state)
{
	mach_port_name_t a = new_port(), b = new_port_with_send(), set = new_right(PORT_SET), chosen = MACH_PORT_MAKE(50, 7), other_gen = MACH_PORT_MAKE(50, 8);
	const mach_port_name_t taken[] = { a, b, set };

	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < 3; k++) {
			assert_int_equal(mach_port_rename(here(), taken[i], taken[k]), KERN_NAME_EXISTS);
			assert_int_equal(mach_port_allocate_name(here(), k == 0 ? RECEIVE : k == 1 ? PORT_SET : DEAD_NAME, taken[i]), KERN_NAME_EXISTS);
		}
	assert_int_equal(mach_port_rename(here(), a, MACH_PORT_NULL), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_rename(here(), a, MACH_PORT_DEAD), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_allocate_name(here(), RECEIVE, MACH_PORT_NULL), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_allocate_name(here(), RECEIVE, MACH_PORT_DEAD), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_allocate_name(here(), RECEIVE, chosen), KERN_SUCCESS);
	assert_int_not_equal(mach_port_allocate_name(here(), RECEIVE, other_gen), KERN_SUCCESS); /* one entry, one name */
	assert_int_not_equal(mach_port_rename(here(), a, other_gen), KERN_SUCCESS);
	assert_int_equal(type_of(a), MACH_PORT_TYPE_RECEIVE);
	assert_int_equal(type_of(chosen), MACH_PORT_TYPE_RECEIVE);
	assert_int_equal(type_of(other_gen), 0);
	send_id(b, 9);
	assert_int_equal(mach_port_insert_member(here(), b, set), KERN_SUCCESS);
	assert_int_equal(mach_port_rename(here(), b, MACH_PORT_MAKE(51, 1)), KERN_SUCCESS);
	assert_int_equal(mach_port_rename(here(), set, MACH_PORT_MAKE(52, 1)), KERN_SUCCESS);
	assert_int_equal(type_of(b), 0);
	assert_int_equal(receive_id(MACH_PORT_MAKE(52, 1)), 9); /* queue and membership went along */
	send_id(MACH_PORT_MAKE(51, 1), 10);
	assert_int_equal(receive_id(MACH_PORT_MAKE(52, 1)), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ipc_test(IPC1001_every_delta_of_every_right_on_every_kind_of_name),
		ipc_test(IPC1002_references_of_received_rights_stop_at_the_most),
		ipc_test(IPC1003_messages_through_a_set_have_their_ports_sequence_numbers),
		ipc_test(IPC1004_a_set_that_dies_ends_its_receivers_waits_and_keeps_its_members_messages),
		ipc_test(IPC1005_a_limit_that_grows_lets_as_many_blocked_senders_in_in_order),
		ipc_test(IPC1011_memory_of_no_size_is_none_and_of_absurd_size_an_error),
		ipc_test(IPC1012_arrays_of_rights_may_have_nulls_and_dead_names_and_be_empty),
		ipc_test(IPC1021_a_message_that_comes_back_has_all_its_rights_and_memory),
		ipc_test(IPC1022_a_port_sent_to_itself_is_gone_with_its_message),
		ipc_test(IPC1023_names_that_are_taken_are_not_given_again),
	};

	return ipc_run(tests, sizeof tests / sizeof tests[0], "ipc_semantics");
}

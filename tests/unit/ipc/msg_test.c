/* SPDX-License-Identifier: BSD-2-Clause */
/* Description: mach_msg without waiting: headers, every error, sizes, trailers, notifications, port sets, kernel ports. */
#include "fixture.h"

#include <vm/vm_map_copy.h>

static void IPC0101_a_message_arrives_with_its_header_turned_round(void **state)
{
	mach_port_name_t port = new_port(), there = give(port, MAKE_SEND, bob), reply;
	struct msg m;

	as(bob);
	reply = new_port();
	assert_int_equal(try_send(there, COPY_SEND, reply, MAKE_ONCE, 1234, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(status_of(reply).mps_sorights, 1);
	as(alice);
	assert_int_equal(status_of(port).mps_msgcount, 1);
	assert_int_equal(try_receive(port, &m, MACH_RCV_TIMEOUT, 0), MACH_MSG_SUCCESS);
	assert_int_equal(m.h.msgh_id, 1234);
	assert_int_equal(m.h.msgh_size, MSG_SIZE);
	assert_int_equal(m.h.msgh_bits,
			 MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND_ONCE, MACH_MSG_TYPE_PORT_SEND));
	assert_int_equal(m.h.msgh_local_port, port);
	assert_int_equal(m.h.msgh_voucher_port, 0);
	assert_int_equal(type_of(m.h.msgh_remote_port), MACH_PORT_TYPE_SEND_ONCE);
	assert_int_equal(try_send(m.h.msgh_remote_port, MOVE_ONCE, NONE, 0, 1334, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(type_of(m.h.msgh_remote_port), 0);
	as(bob);
	assert_int_equal(receive_id(reply), 1334);
	assert_int_equal(status_of(reply).mps_sorights, 0);
	assert_empty(reply);
}

static void IPC0102_every_pair_of_header_dispositions_is_all_or_nothing(void **state)
{
	/* Names that the sender has; each pair of name and disposition is legal or not, alone. */
	enum { RCV, SND, SND_RCV, ONCE, DEAD, NOTHING, KINDS };
	static const mach_msg_type_name_t types[] = { MOVE_RECEIVE, MOVE_SEND, MOVE_ONCE, COPY_SEND,
						      MAKE_SEND, MAKE_ONCE, 22, 15, 0 };
	static const bool legal[KINDS][9] = {
		/*            MR MS MO CS KS KO */
		[RCV] =     { 0, 0, 0, 0, 1, 1 },
		[SND] =     { 0, 1, 0, 1, 0, 0 },
		[SND_RCV] = { 0, 1, 0, 1, 1, 1 },
		[ONCE] =    { 0, 0, 1, 0, 0, 0 },
		[DEAD] =    { 0, 1, 1, 1, 0, 0 }, /* as a reply; never a destination */
		[NOTHING] = { 0, 0, 0, 0, 0, 0 },
	};

	for (int dk = 0; dk < KINDS; dk++)
	for (int rk = 0; rk < KINDS; rk++)
	for (int dt = 0; dt < 9; dt++)
	for (int rt = 0; rt < 9; rt++) {
		int kind[2] = { dk, rk };
		mach_port_name_t name[2], owner[2];
		mach_port_type_t before[2];
		mach_msg_return_t mr, want = MACH_MSG_SUCCESS;
		bool reply_null = types[rt] == 0;

		for (int i = 0; i < 2; i++) {
			as(bob);
			owner[i] = name[i] = new_port();
			switch (kind[i]) {
			case RCV:
			case SND_RCV:
				as(alice);
				name[i] = kind[i] == RCV ? new_port() : new_port_with_send();
				break;
			case SND:
				name[i] = give(owner[i], MAKE_SEND, alice);
				break;
			case ONCE:
				name[i] = give(owner[i], MAKE_ONCE, alice);
				break;
			case DEAD:
				as(alice);
				name[i] = new_right(DEAD_NAME);
				break;
			default:
				name[i] = 0x77777703;
			}
		}
		as(alice);
		for (int i = 0; i < 2; i++)
			before[i] = type_of(name[i]);
		if (dt >= 6 || types[dt] == MOVE_RECEIVE || (!reply_null && (rt >= 6 || types[rt] == MOVE_RECEIVE)) ||
		    reply_null)
			want = MACH_SEND_INVALID_HEADER; /* no such disposition, or a name without one */
		else if (dk == DEAD || !legal[dk][dt])
			want = MACH_SEND_INVALID_DEST;
		else if (!legal[rk][rt])
			want = MACH_SEND_INVALID_REPLY;
		mr = try_send(name[0], types[dt], name[1], types[rt], 7, MACH_SEND_TIMEOUT, 0);
		assert_int_equal(mr, want);
		for (int i = 0; i < 2; i++) {
			mach_msg_type_name_t t = types[i ? rt : dt];
			mach_port_type_t after = before[i];

			if (mr == MACH_MSG_SUCCESS && (t == MOVE_SEND || t == MOVE_ONCE))
				after = kind[i] == SND_RCV ? MACH_PORT_TYPE_RECEIVE : 0;
			assert_int_equal(type_of(name[i]), after);
			if (after)
				destroy(name[i]);
		}
		as(bob);
		destroy(owner[0]);
		destroy(owner[1]);
		as(alice);
	}
}

static void IPC0103_destination_and_reply_may_come_from_one_name_if_both_fit(void **state)
{
	mach_port_name_t port = new_port(), b = give(port, MAKE_SEND, bob), once;
	struct msg m;

	as(bob);
	/* one reference: two moves do not fit, a move and a copy do */
	assert_int_equal(try_send(b, MOVE_SEND, b, MOVE_SEND, 1, 0, 0), MACH_SEND_INVALID_REPLY);
	assert_int_equal(refs(b, SEND), 1);
	assert_int_equal(try_send(b, MOVE_SEND, b, COPY_SEND, 2, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(type_of(b), 0);
	as(alice);
	assert_int_equal(try_receive(port, &m, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(m.h.msgh_remote_port, port); /* the reply right gathers here */
	assert_int_equal(mach_port_deallocate(here(), port), KERN_SUCCESS);

	b = give(port, MAKE_SEND, bob);
	as(bob);
	assert_int_equal(try_send(b, COPY_SEND, b, MOVE_SEND, 3, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(type_of(b), 0);
	as(alice);
	b = give(port, MAKE_SEND, bob);
	as(bob);
	assert_int_equal(mach_port_mod_refs(here(), b, SEND, 1), KERN_SUCCESS);
	assert_int_equal(try_send(b, MOVE_SEND, b, MOVE_SEND, 4, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(type_of(b), 0);
	as(alice);
	once = give(port, MAKE_ONCE, bob);
	as(bob);
	assert_int_equal(try_send(once, MOVE_ONCE, once, MOVE_ONCE, 5, 0, 0), MACH_SEND_INVALID_REPLY);
	assert_int_equal(type_of(once), MACH_PORT_TYPE_SEND_ONCE);
	as(alice);
	assert_int_equal(try_receive(port, &m, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(try_receive(port, &m, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(refs(port, SEND), 2);
	assert_int_equal(status_of(port).mps_srights, 1);
}

static void IPC0104_bad_headers_and_sizes_are_refused_before_anything_is_done(void **state)
{
	mach_port_name_t port = new_port_with_send();
	struct msg m = { .h = { .msgh_bits = MACH_MSGH_BITS(COPY_SEND, 0), .msgh_remote_port = port } };
	static uint8_t big[MACH_MSG_INLINE_MAX + 64];
	uint64_t at = (uintptr_t)&m;

	assert_int_equal(mach_msg_trap(at, MACH_SEND_MSG, 20, 0, NONE, 0, NONE), MACH_SEND_MSG_TOO_SMALL);
	assert_int_equal(mach_msg_trap(at, MACH_SEND_MSG, 26, 0, NONE, 0, NONE), MACH_SEND_MSG_TOO_SMALL);
	assert_int_equal(mach_msg_trap(at, MACH_SEND_MSG, 0, 0, NONE, 0, NONE), MACH_SEND_MSG_TOO_SMALL);
	assert_int_equal(mach_msg_trap(at, MACH_SEND_MSG, 0xfffffffcu, 0, NONE, 0, NONE), MACH_SEND_TOO_LARGE);
	assert_int_equal(mach_msg_trap((uintptr_t)big, MACH_SEND_MSG, MACH_MSG_INLINE_MAX - MAX_TRAILER_SIZE + 4,
				       0, NONE, 0, NONE),
			 MACH_SEND_TOO_LARGE);
	assert_int_equal(mach_msg_trap(64, MACH_SEND_MSG, 24, 0, NONE, 0, NONE), MACH_SEND_INVALID_DATA);
	assert_int_equal(mach_msg_trap(at, MACH_SEND_MSG | MACH_SEND_TRAILER, 24, 0, NONE, 0, NONE),
			 MACH_SEND_INVALID_TRAILER);
	m.h.msgh_bits = MACH_MSGH_BITS(COPY_SEND, 0) | MACH_MSGH_BITS_CIRCULAR;
	assert_int_equal(mach_msg_trap(at, MACH_SEND_MSG, 24, 0, NONE, 0, NONE), MACH_SEND_INVALID_HEADER);
	m.h.msgh_bits = MACH_MSGH_BITS_SET(COPY_SEND, 0, COPY_SEND, 0);
	assert_int_equal(mach_msg_trap(at, MACH_SEND_MSG, 24, 0, NONE, 0, NONE), MACH_SEND_INVALID_VOUCHER);
	m.h.msgh_bits = MACH_MSGH_BITS(COPY_SEND, 0);
	m.h.msgh_local_port = port;
	assert_int_equal(mach_msg_trap(at, MACH_SEND_MSG, 24, 0, NONE, 0, NONE), MACH_SEND_INVALID_HEADER);
	m.h.msgh_local_port = NONE;
	m.h.msgh_remote_port = MACH_PORT_NULL;
	assert_int_equal(mach_msg_trap(at, MACH_SEND_MSG, 24, 0, NONE, 0, NONE), MACH_SEND_INVALID_DEST);
	m.h.msgh_remote_port = MACH_PORT_DEAD;
	assert_int_equal(mach_msg_trap(at, MACH_SEND_MSG, 24, 0, NONE, 0, NONE), MACH_SEND_INVALID_DEST);
	assert_int_equal(mach_msg_trap(at, MACH_RCV_MSG, 0, sizeof m, port + 1, 0, NONE), MACH_RCV_INVALID_NAME);
	assert_int_equal(mach_msg_trap(at, MACH_RCV_MSG, 0, sizeof m, new_right(DEAD_NAME), 0, NONE),
			 MACH_RCV_INVALID_NAME);
	assert_int_equal(mach_msg_trap(at, MACH_MSG_OPTION_NONE, 24, 24, port, 0, NONE), MACH_MSG_SUCCESS);
	assert_int_equal(refs(port, SEND), 1);
	assert_int_equal(status_of(port).mps_msgcount, 0);
}

static void IPC0105_messages_of_every_size_arrive_whole(void **state)
{
	static const uint32_t sizes[] = { 24, 28, 256, 280, 388, 392, 396, 400, 1024, 4096, 8192, 30000,
					  MACH_MSG_INLINE_MAX - MAX_TRAILER_SIZE };
	static union {
		mach_msg_header_t h;
		uint8_t b[MACH_MSG_INLINE_MAX];
	} out, in;
	mach_port_name_t port = new_port_with_send();

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		uint32_t n = sizes[i];

		for (uint32_t j = 24; j < n; j++)
			out.b[j] = (uint8_t)(j * 7 + i);
		out.h = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(COPY_SEND, 0),
					     .msgh_size = 3, /* the argument counts, not this */
					     .msgh_remote_port = port };
		memset(&in, 0xcc, sizeof in);
		assert_int_equal(mach_msg_trap((uintptr_t)&out, MACH_SEND_MSG, n, 0, NONE, 0, NONE),
				 MACH_MSG_SUCCESS);
		assert_int_equal(mach_msg_trap((uintptr_t)&in, MACH_RCV_MSG, 0, n + 8, port, 0, NONE),
				 MACH_MSG_SUCCESS);
		assert_int_equal(in.h.msgh_size, n);
		assert_memory_equal(in.b + 24, out.b + 24, n - 24);
		if (n + 8 < sizeof in.b)
			assert_int_equal(in.b[n + 8], 0xcc);
	}
}

static void IPC0106_a_message_too_large_is_destroyed_unless_the_receiver_asked_to_know(void **state)
{
	mach_port_name_t port = new_port_with_send(), reply = new_port();
	struct msg m;
	mach_msg_size_t need = MSG_SIZE + MACH_MSG_TRAILER_MINIMUM_SIZE;

	assert_int_equal(try_send(port, COPY_SEND, reply, MAKE_ONCE, 9, 0, 0), MACH_MSG_SUCCESS);
	memset(&m, 0xee, sizeof m);
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG | MACH_RCV_LARGE | MACH_RCV_LARGE_IDENTITY, 0,
				       need - 1, port, 0, NONE),
			 MACH_RCV_TOO_LARGE);
	assert_int_equal(m.h.msgh_size, MSG_SIZE);
	assert_int_equal(m.h.msgh_local_port, port);
	assert_int_equal((uint32_t)m.h.msgh_id, 0xeeeeeeee);
	memset(&m, 0xee, sizeof m);
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG | MACH_RCV_LARGE, 0, 0, port, 0, NONE),
			 MACH_RCV_TOO_LARGE);
	assert_int_equal(m.h.msgh_local_port, 0xeeeeeeee);
	assert_int_equal(status_of(port).mps_msgcount, 1);
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG | MACH_RCV_LARGE, 0, need, port, 0, NONE),
			 MACH_MSG_SUCCESS);
	assert_int_equal(m.h.msgh_id, 9);
	destroy(m.h.msgh_remote_port);
	receive_notification(reply, MACH_NOTIFY_SEND_ONCE);

	assert_int_equal(try_send(port, COPY_SEND, reply, MAKE_ONCE, 10, 0, 0), MACH_MSG_SUCCESS);
	memset(&m, 0xee, sizeof m);
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG, 0, need - 1, port, 0, NONE), MACH_RCV_TOO_LARGE);
	assert_int_equal(m.h.msgh_bits, MACH_MSGH_BITS(0, MACH_MSG_TYPE_PORT_SEND));
	assert_int_equal(m.h.msgh_size, MSG_SIZE);
	assert_int_equal(m.h.msgh_local_port, port);
	assert_int_equal(m.h.msgh_remote_port, 0);
	assert_int_equal(m.body[0], 0xeeeeeeee);
	assert_empty(port);
	receive_notification(reply, MACH_NOTIFY_SEND_ONCE); /* the reply right died with it */
	send_id(port, 11);
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG, 0, 10, port, 0, NONE), MACH_RCV_TOO_LARGE);
	assert_empty(port);
}

static void IPC0107_trailers_carry_what_was_asked_for(void **state)
{
	static const mach_msg_size_t sizes[] = { 8, 12, 20, 52, 64 };
	mach_port_name_t port = new_port_with_send();
	uint64_t id = alice->id;
	struct msg m;

	assert_int_equal(mach_port_set_seqno(here(), port, 100), KERN_SUCCESS);
	assert_int_equal(mach_port_set_context(here(), port, 0x123456789abcULL), KERN_SUCCESS);
	for (uint32_t e = 0; e < 5; e++) {
		mach_msg_max_trailer_t t;

		send_id(port, 1);
		assert_int_equal(try_receive(port, &m, (mach_msg_option_t)MACH_RCV_TRAILER_ELEMENTS(e), 0),
				 MACH_MSG_SUCCESS);
		memcpy(&t, &m.trailer, sizeof t);
		assert_int_equal(t.msgh_trailer_type, MACH_MSG_TRAILER_FORMAT_0);
		assert_int_equal(t.msgh_trailer_size, sizes[e]);
		assert_int_equal(((uint8_t *)&m.trailer)[sizes[e]], 0xee);
		if (e >= MACH_RCV_TRAILER_SEQNO)
			assert_int_equal(t.msgh_seqno, 100 + e);
		if (e >= MACH_RCV_TRAILER_SENDER)
			assert_int_equal(t.msgh_sender.val[1], 0);
		if (e >= MACH_RCV_TRAILER_AUDIT)
			assert_int_equal(t.msgh_audit.val[5], id);
		if (e >= MACH_RCV_TRAILER_CTX)
			assert_true(t.msgh_context == 0x123456789abcULL);
	}
	/* a buffer without room for the trailer is too small */
	send_id(port, 1);
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG | MACH_RCV_LARGE |
					       (mach_msg_option_t)MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_AUDIT),
				       0, MSG_SIZE + 51, port, 0, NONE),
			 MACH_RCV_TOO_LARGE);
}

static void IPC0108_the_kernels_own_messages_say_so(void **state)
{
	mach_port_name_t port = new_port(), once = give(port, MAKE_ONCE, alice);
	struct {
		mach_msg_header_t h;
		mach_msg_security_trailer_t t;
	} m;

	destroy(once);
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG | (mach_msg_option_t)MACH_RCV_TRAILER_ELEMENTS(
									     MACH_RCV_TRAILER_SENDER),
				       0, sizeof m, port, 0, NONE),
			 MACH_MSG_SUCCESS);
	assert_int_equal(m.h.msgh_id, MACH_NOTIFY_SEND_ONCE);
	assert_int_equal(m.t.msgh_sender.val[1], 1);
}

static void IPC0109_faults_in_the_buffers_are_answered(void **state)
{
	mach_port_name_t port = new_port_with_send();
	struct msg m = { .h = { .msgh_bits = MACH_MSGH_BITS(COPY_SEND, 0), .msgh_remote_port = port } };

	host_user_fault(&m.body[2], 1);
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG, MSG_SIZE, 0, NONE, 0, NONE),
			 MACH_SEND_INVALID_DATA);
	host_user_fault(NULL, 0);
	assert_int_equal(refs(port, SEND), 1);
	send_id(port, 1);
	host_user_fault(&m.body[2], 1);
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG, 0, sizeof m, port, 0, NONE),
			 MACH_RCV_INVALID_DATA);
	send_id(port, 2);
	host_user_fault(&m.h.msgh_size, 4);
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG | MACH_RCV_LARGE, 0, 8, port, 0, NONE),
			 MACH_RCV_INVALID_DATA);
	host_user_fault(NULL, 0);
	assert_int_equal(receive_id(port), 2); /* still there */
}

static void IPC0110_overwrite_receives_elsewhere(void **state)
{
	mach_port_name_t port = new_port_with_send();
	struct msg out = { .h = { .msgh_bits = MACH_MSGH_BITS(COPY_SEND, 0), .msgh_remote_port = port, .msgh_id = 5 } };
	struct msg in = { 0 };

	assert_int_equal(mach_msg_overwrite_trap((uintptr_t)&out, MACH_SEND_MSG | MACH_RCV_MSG, MSG_SIZE, sizeof in,
						 port, 0, NONE, (uintptr_t)&in, 0),
			 MACH_MSG_SUCCESS);
	assert_int_equal(in.h.msgh_id, 5);
	assert_int_equal(in.h.msgh_local_port, port);
	assert_int_equal(out.h.msgh_remote_port, port);
}

static void IPC0111_a_full_queue_refuses_and_the_message_comes_back(void **state)
{
	mach_port_name_t port = new_port(), b = give(port, MAKE_SEND, bob), reply;
	struct msg m = { 0 };

	as(bob);
	reply = new_port();
	for (int i = 0; i < MACH_PORT_QLIMIT_DEFAULT; i++)
		send_id(b, i);
	m.h = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(MOVE_SEND, MAKE_SEND),
				   .msgh_remote_port = b,
				   .msgh_local_port = reply,
				   .msgh_id = 99 };
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG | MACH_SEND_TIMEOUT, MSG_SIZE, 0, NONE, 0, NONE),
			 MACH_SEND_TIMED_OUT);
	/* pseudo-received: as moved rights, ready to be sent again */
	assert_int_equal(m.h.msgh_bits, MACH_MSGH_BITS(MOVE_SEND, MOVE_SEND));
	assert_int_equal(type_of(b), 0); /* a right that was moved comes back under a new name */
	b = m.h.msgh_remote_port;
	assert_int_equal(m.h.msgh_local_port, reply);
	assert_int_equal(refs(b, SEND), 1);
	assert_int_equal(type_of(reply), MACH_PORT_TYPE_SEND_RECEIVE);
	as(alice);
	assert_int_equal(receive_id(port), 0);
	as(bob);
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG | MACH_SEND_TIMEOUT, MSG_SIZE, 0, NONE, 0, NONE),
			 MACH_MSG_SUCCESS);
	assert_int_equal(type_of(b), 0);
	assert_int_equal(type_of(reply), MACH_PORT_TYPE_RECEIVE);
}

static void IPC0112_send_once_rights_go_past_the_limit(void **state)
{
	mach_port_name_t port = new_port_with_send();

	set_limit(port, 0);
	assert_int_equal(try_send(port, COPY_SEND, NONE, 0, 1, MACH_SEND_TIMEOUT, 0), MACH_SEND_TIMED_OUT);
	for (int i = 0; i < 20; i++)
		assert_int_equal(try_send(port, MAKE_ONCE, NONE, 0, i, MACH_SEND_TIMEOUT, 0), MACH_MSG_SUCCESS);
	for (int i = 0; i < 20; i++)
		assert_int_equal(receive_id(port), i);
	/* a program cannot claim the kernel's privilege */
	assert_int_equal(try_send(port, COPY_SEND, NONE, 0, 1, MACH_SEND_TIMEOUT | MACH_SEND_ALWAYS, 0),
			 MACH_SEND_TIMED_OUT);
}

static void IPC0113_a_message_to_a_port_that_died_meanwhile_is_gone_with_success(void **state)
{
	mach_port_name_t port = new_port(), reply = new_port();
	struct ipc_port *right;
	struct ipc_kmsg *kmsg = ipc_kmsg_alloc(24);

	assert_int_equal(ipc_object_copyin(here(), port, MAKE_SEND, &right), KERN_SUCCESS);
	kmsg->ikm_header->msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND, MACH_MSG_TYPE_PORT_SEND_ONCE);
	kmsg->ikm_remote_port = right;
	assert_int_equal(ipc_object_copyin(here(), reply, MAKE_ONCE, &right), KERN_SUCCESS);
	kmsg->ikm_local_port = right;
	destroy(port);
	assert_int_equal(mach_msg_send_from_kernel(kmsg), MACH_MSG_SUCCESS);
	receive_notification(reply, MACH_NOTIFY_SEND_ONCE);
}

static void IPC0114_a_dead_name_is_no_destination_but_may_be_a_reply(void **state)
{
	mach_port_name_t port = new_port_with_send(), dead = new_port(), b = give(dead, MAKE_SEND, bob);
	struct msg m;

	destroy(dead);
	as(bob);
	assert_int_equal(try_send(b, COPY_SEND, NONE, 0, 1, 0, 0), MACH_SEND_INVALID_DEST);
	assert_int_equal(type_of(b), MACH_PORT_TYPE_DEAD_NAME);
	as(alice);
	dead = new_right(DEAD_NAME);
	assert_int_equal(try_send(port, COPY_SEND, dead, MOVE_SEND, 1, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(type_of(dead), 0);
	assert_int_equal(try_receive(port, &m, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(m.h.msgh_remote_port, MACH_PORT_DEAD);
	assert_int_equal(try_send(port, COPY_SEND, MACH_PORT_DEAD, COPY_SEND, 1, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(try_receive(port, &m, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(m.h.msgh_remote_port, MACH_PORT_DEAD);
}

/* ---- notifications ---- */

static void IPC0121_no_senders_comes_with_the_last_send_right(void **state)
{
	mach_port_name_t port = new_port(), note = new_port(), b;

	/* already so: at once, if the count is reached */
	assert_int_equal(request(port, MACH_NOTIFY_NO_SENDERS, 0, note), KERN_SUCCESS);
	assert_int_equal(receive_notification(note, MACH_NOTIFY_NO_SENDERS), 0);
	assert_int_equal(status_of(port).mps_nsrequest, 0);
	assert_int_equal(request(port, MACH_NOTIFY_NO_SENDERS, 1, note), KERN_SUCCESS);
	assert_empty(note);
	assert_int_equal(status_of(port).mps_nsrequest, 1);
	b = give(port, MAKE_SEND, bob);
	assert_int_equal(give(port, MAKE_SEND, bob), b);
	as(bob);
	assert_int_equal(mach_port_deallocate(here(), b), KERN_SUCCESS);
	as(alice);
	assert_empty(note);
	as(bob);
	assert_int_equal(mach_port_deallocate(here(), b), KERN_SUCCESS);
	as(alice);
	assert_int_equal(receive_notification(note, MACH_NOTIFY_NO_SENDERS), 2);
	assert_empty(note);
	/* a right in a queued message counts */
	assert_int_equal(request(port, MACH_NOTIFY_NO_SENDERS, 3, note), KERN_SUCCESS);
	assert_int_equal(try_send(port, MAKE_SEND, NONE, 0, 1, 0, 0), MACH_MSG_SUCCESS);
	assert_empty(note);
	assert_int_equal(receive_id(port), 1);
	assert_int_equal(receive_notification(note, MACH_NOTIFY_NO_SENDERS), 3);
	/* replaced and cancelled requests give their right back */
	give(port, MAKE_SEND, bob);
	assert_int_equal(request(port, MACH_NOTIFY_NO_SENDERS, 3, note), KERN_SUCCESS);
	assert_int_equal(request(port, MACH_NOTIFY_NO_SENDERS, 3, note), KERN_SUCCESS);
	receive_notification(note, MACH_NOTIFY_SEND_ONCE);
	assert_int_equal(request(port, MACH_NOTIFY_NO_SENDERS, 3, NONE), KERN_SUCCESS);
	receive_notification(note, MACH_NOTIFY_SEND_ONCE);
	assert_int_equal(request(port, MACH_NOTIFY_NO_SENDERS, 3, note), KERN_SUCCESS);
	destroy(port); /* dies unfired */
	receive_notification(note, MACH_NOTIFY_SEND_ONCE);
	assert_empty(note);
}

static void IPC0122_a_dead_name_notification_brings_a_reference(void **state)
{
	mach_port_name_t port = new_port(), note, b = give(port, MAKE_SEND, bob), once = give(port, MAKE_ONCE, bob);

	as(bob);
	note = new_port();
	assert_int_equal(request(b, MACH_NOTIFY_DEAD_NAME, 0, note), KERN_SUCCESS);
	assert_int_equal(request(once, MACH_NOTIFY_DEAD_NAME, 0, note), KERN_SUCCESS);
	assert_int_equal(type_of(b), MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_DNREQUEST);
	as(alice);
	destroy(port);
	as(bob);
	assert_int_equal(receive_notification(note, MACH_NOTIFY_DEAD_NAME), b);
	assert_int_equal(receive_notification(note, MACH_NOTIFY_DEAD_NAME), once);
	assert_int_equal(refs(b, DEAD_NAME), 2);
	assert_int_equal(refs(once, DEAD_NAME), 2);
	/* on a dead name: only at once, and with one more reference */
	assert_int_equal(request(b, MACH_NOTIFY_DEAD_NAME, 0, note), KERN_INVALID_ARGUMENT);
	assert_int_equal(request(b, MACH_NOTIFY_DEAD_NAME, 1, note), KERN_SUCCESS);
	assert_int_equal(receive_notification(note, MACH_NOTIFY_DEAD_NAME), b);
	assert_int_equal(refs(b, DEAD_NAME), 3);
	assert_int_equal(mach_port_mod_refs(here(), b, DEAD_NAME, 65532), KERN_SUCCESS);
	assert_int_equal(request(b, MACH_NOTIFY_DEAD_NAME, 1, note), KERN_UREFS_OVERFLOW);
	assert_int_equal(request(b, MACH_NOTIFY_DEAD_NAME, 0, NONE), KERN_SUCCESS);
}

static void IPC0123_a_name_that_goes_under_a_request_is_told_as_deleted(void **state)
{
	mach_port_name_t port = new_port(), note, b = give(port, MAKE_SEND, bob), once, to = MACH_PORT_MAKE(500, 5);

	as(bob);
	note = new_port();
	assert_int_equal(request(b, MACH_NOTIFY_DEAD_NAME, 0, note), KERN_SUCCESS);
	assert_int_equal(request(b, MACH_NOTIFY_DEAD_NAME, 0, note), KERN_SUCCESS); /* replaces */
	receive_notification(note, MACH_NOTIFY_SEND_ONCE);
	assert_int_equal(mach_port_deallocate(here(), b), KERN_SUCCESS);
	assert_int_equal(receive_notification(note, MACH_NOTIFY_PORT_DELETED), b);
	as(alice);
	b = give(port, MAKE_SEND, bob);
	as(bob);
	assert_int_equal(request(b, MACH_NOTIFY_DEAD_NAME, 0, note), KERN_SUCCESS);
	assert_int_equal(mach_port_rename(here(), b, to), KERN_SUCCESS); /* the request goes along */
	assert_int_equal(try_send(to, MOVE_SEND, NONE, 0, 3, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(receive_notification(note, MACH_NOTIFY_PORT_DELETED), to);
	as(alice);
	once = give(port, MAKE_ONCE, bob);
	as(bob);
	assert_int_equal(request(once, MACH_NOTIFY_DEAD_NAME, 0, note), KERN_SUCCESS);
	assert_int_equal(try_send(once, MOVE_ONCE, NONE, 0, 3, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(receive_notification(note, MACH_NOTIFY_PORT_DELETED), once);
	as(alice);
	once = give(port, MAKE_ONCE, bob);
	as(bob);
	assert_int_equal(request(once, MACH_NOTIFY_DEAD_NAME, 0, note), KERN_SUCCESS);
	destroy(once);
	assert_int_equal(receive_notification(note, MACH_NOTIFY_PORT_DELETED), once);
	assert_int_equal(request(note, MACH_NOTIFY_DEAD_NAME, 0, note), KERN_SUCCESS);
	assert_int_equal(mach_port_mod_refs(here(), note, RECEIVE, -1), KERN_SUCCESS);
	assert_int_equal(names_here(), 0);
	assert_int_equal(request(0x5003, MACH_NOTIFY_DEAD_NAME, 0, NONE), KERN_INVALID_NAME);
	assert_int_equal(request(new_right(PORT_SET), MACH_NOTIFY_DEAD_NAME, 0, NONE), KERN_INVALID_RIGHT);
}

static void IPC0124_a_port_destroyed_request_gets_the_receive_right(void **state)
{
	mach_port_name_t port = new_port_with_send(), note, got, b = give(port, COPY_SEND, bob);
	mach_msg_type_name_t disposition;
	struct ipc_port *right, *previous;

	as(bob);
	note = new_port();
	assert_int_equal(ipc_object_copyin(here(), note, MAKE_ONCE, &right), KERN_SUCCESS);
	as(alice);
	assert_int_equal(mach_port_request_notification(here(), port, MACH_NOTIFY_PORT_DESTROYED, 1, right, &previous),
			 KERN_INVALID_VALUE);
	assert_int_equal(mach_port_request_notification(here(), port, MACH_NOTIFY_PORT_DESTROYED, 0, right, &previous),
			 KERN_SUCCESS);
	assert_int_equal(status_of(port).mps_pdrequest, 1);
	send_id(port, 33);
	assert_int_equal(mach_port_mod_refs(here(), port, RECEIVE, -1), KERN_SUCCESS);
	assert_int_equal(type_of(port), MACH_PORT_TYPE_SEND); /* the port lives */
	as(bob);
	got = receive_right(note, &disposition);
	assert_int_equal(disposition, MACH_MSG_TYPE_PORT_RECEIVE);
	assert_int_equal(got, b);
	assert_int_equal(type_of(b), MACH_PORT_TYPE_SEND_RECEIVE);
	assert_int_equal(receive_id(b), 33); /* with its queue */
	assert_int_equal(mach_port_mod_refs(here(), b, RECEIVE, -1), KERN_SUCCESS);
	assert_int_equal(type_of(b), MACH_PORT_TYPE_DEAD_NAME); /* once only */
	as(alice);
	assert_int_equal(type_of(port), MACH_PORT_TYPE_DEAD_NAME);
	assert_int_equal(request(new_port(), 99, 0, NONE), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_request_notification(here(), new_port(), MACH_NOTIFY_NO_SENDERS, 0, IP_DEAD, &previous),
			 KERN_INVALID_CAPABILITY);
}

/* ---- port sets ---- */

static void IPC0131_a_set_receives_its_members_messages_in_turn(void **state)
{
	mach_port_name_t set = new_right(PORT_SET), a = new_port_with_send(), b = new_port_with_send();

	send_id(a, 1);
	send_id(a, 2);
	send_id(a, 3);
	assert_int_equal(mach_port_insert_member(here(), a, set), KERN_SUCCESS);
	assert_int_equal(mach_port_insert_member(here(), b, set), KERN_SUCCESS);
	send_id(b, 11);
	send_id(b, 12);
	assert_int_equal(receive_id(set), 1);
	assert_int_equal(receive_id(set), 11);
	assert_int_equal(receive_id(set), 2);
	assert_int_equal(receive_id(a), 3); /* the member itself, too */
	assert_int_equal(receive_id(set), 12);
	assert_empty(set);
	send_id(a, 4);
	assert_int_equal(mach_port_extract_member(here(), a, set), KERN_SUCCESS);
	assert_empty(set);
	assert_int_equal(receive_id(a), 4);
	assert_int_equal(status_of(b).mps_pset, 1);
	destroy(set);
	assert_int_equal(status_of(b).mps_pset, 0);
}

static void IPC0132_a_port_may_be_in_several_sets(void **state)
{
	mach_port_name_t s[3], p = new_port_with_send();
	struct vm_map_copy *copy;
	mach_msg_type_number_t n;
	mach_port_name_t member;

	for (int i = 0; i < 3; i++) {
		s[i] = new_right(PORT_SET);
		assert_int_equal(mach_port_insert_member(here(), p, s[i]), KERN_SUCCESS);
	}
	assert_int_equal(status_of(p).mps_pset, 3);
	assert_int_equal(mach_port_insert_member(here(), p, s[1]), KERN_ALREADY_IN_SET);
	send_id(p, 1);
	assert_int_equal(receive_id(s[2]), 1);
	assert_empty(s[0]);
	assert_empty(s[1]);
	send_id(p, 2);
	assert_int_equal(receive_id(s[0]), 2);
	assert_int_equal(mach_port_move_member(here(), p, s[1]), KERN_SUCCESS);
	assert_int_equal(status_of(p).mps_pset, 1);
	assert_int_equal(mach_port_get_set_status(here(), s[1], &copy, &n), KERN_SUCCESS);
	assert_int_equal(n, 1);
	assert_int_equal(vm_map_copy_to_kernel(copy, 0, &member, 4), KERN_SUCCESS);
	vm_map_copy_discard(copy);
	assert_int_equal(member, p);
	assert_int_equal(mach_port_get_set_status(here(), s[0], &copy, &n), KERN_SUCCESS);
	assert_int_equal(n, 0);
	assert_int_equal(mach_port_move_member(here(), p, NONE), KERN_SUCCESS);
	assert_int_equal(mach_port_move_member(here(), p, NONE), KERN_NOT_IN_SET);
	assert_int_equal(mach_port_extract_member(here(), p, s[0]), KERN_NOT_IN_SET);
	assert_int_equal(mach_port_insert_member(here(), p, p), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_insert_member(here(), s[0], s[1]), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_insert_member(here(), p, NONE), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_insert_member(here(), p, 0x9903), KERN_INVALID_NAME);
	assert_int_equal(mach_port_get_set_status(here(), p, &copy, &n), KERN_INVALID_RIGHT);
}

static void IPC0133_a_receive_right_leaves_its_sets_when_it_moves_or_dies(void **state)
{
	mach_port_name_t set = new_right(PORT_SET), a = new_port(), b = new_port(), there;

	assert_int_equal(mach_port_insert_member(here(), a, set), KERN_SUCCESS);
	assert_int_equal(mach_port_insert_member(here(), b, set), KERN_SUCCESS);
	destroy(a);
	there = give(b, MOVE_RECEIVE, bob);
	assert_int_equal(try_send(there, 0, NONE, 0, 1, 0, 0), MACH_SEND_INVALID_HEADER);
	as(bob);
	assert_int_equal(status_of(there).mps_pset, 0);
	assert_int_equal(try_send(there, MAKE_SEND, NONE, 0, 1, 0, 0), MACH_MSG_SUCCESS);
	as(alice);
	assert_empty(set);
}

static void IPC0134_a_large_message_in_a_set_names_its_port(void **state)
{
	mach_port_name_t set = new_right(PORT_SET), a = new_port_with_send();
	struct msg m;

	assert_int_equal(mach_port_insert_member(here(), a, set), KERN_SUCCESS);
	send_id(a, 1);
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG | MACH_RCV_LARGE | MACH_RCV_LARGE_IDENTITY, 0, 28,
				       set, 0, NONE),
			 MACH_RCV_TOO_LARGE);
	assert_int_equal(m.h.msgh_local_port, a);
	assert_int_equal(receive_id(set), 1);
}

/* ---- kernel ports and the kernel's own calls ---- */

extern struct ipc_kmsg *(*host_kobject_server)(struct ipc_kmsg *request);
static mach_msg_id_t called;

static struct ipc_kmsg *echo_server(struct ipc_kmsg *request)
{
	struct ipc_kmsg *reply = NULL;

	called = request->ikm_header->msgh_id;
	if (IP_VALID(request->ikm_local_port)) {
		reply = ipc_kmsg_alloc(MSG_SIZE);
		memcpy(reply->ikm_header + 1, request->ikm_header + 1, MSG_SIZE - 24);
		reply->ikm_header->msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_LOCAL(request->ikm_header->msgh_bits), 0);
		reply->ikm_header->msgh_id = called + 100;
		reply->ikm_remote_port = request->ikm_local_port;
		request->ikm_local_port = IP_NULL;
	}
	ipc_kmsg_destroy(request);
	return reply;
}

static void IPC0141_a_message_to_a_kernel_port_is_a_call(void **state)
{
	mach_port_name_t self = mach_task_self(), reply = new_port();
	struct msg m = { .h = { .msgh_bits = MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), .msgh_remote_port = self,
				.msgh_local_port = reply, .msgh_id = 3400 } };

	host_kobject_server = echo_server;
	m.body[0] = 77;
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG | MACH_RCV_MSG, MSG_SIZE, sizeof m, reply, 0, NONE),
			 MACH_MSG_SUCCESS);
	assert_int_equal(m.h.msgh_id, 3500);
	assert_int_equal(m.body[0], 77);
	assert_int_equal(try_send(self, COPY_SEND, NONE, 0, 3401, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(called, 3401);
	host_kobject_server = NULL;
	/* a call that answers nothing drops the reply right */
	assert_int_equal(try_send(self, COPY_SEND, reply, MAKE_ONCE, 3402, 0, 0), MACH_MSG_SUCCESS);
	receive_notification(reply, MACH_NOTIFY_SEND_ONCE);
}

static void IPC0142_notifications_reach_kernel_objects(void **state)
{
	struct ipc_port *kernel = ipc_port_alloc_special(ipc_space_kernel), *previous;

	host_kobject_server = echo_server;
	called = 0;
	ip_lock(kernel);
	ipc_port_nsrequest(kernel, 1, ipc_port_make_sonce_locked(kernel), &previous);
	assert_int_equal(called, 0);
	ipc_port_release_send(ipc_port_make_send(kernel));
	assert_int_equal(called, MACH_NOTIFY_NO_SENDERS);
	host_kobject_server = NULL;
	ipc_port_dealloc_special(kernel);
}

static void server_one(void *arg)
{
	mach_port_name_t port = *(mach_port_name_t *)arg;
	struct msg m;

	assert_int_equal(try_receive(port, &m, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(try_send(m.h.msgh_remote_port, MOVE_ONCE, NONE, 0, m.h.msgh_id + 100, 0, 0),
			 MACH_MSG_SUCCESS);
}

static struct ipc_kmsg *request_to(mach_port_name_t port, mach_msg_id_t id)
{
	struct ipc_kmsg *kmsg = ipc_kmsg_alloc(24);

	assert_int_equal(ipc_object_copyin(here(), port, MAKE_SEND, &kmsg->ikm_remote_port), KERN_SUCCESS);
	kmsg->ikm_header->msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND, 0);
	kmsg->ikm_header->msgh_id = id;
	return kmsg;
}

static void IPC0143_the_kernel_calls_a_server(void **state)
{
	mach_port_name_t port = new_port();
	struct ipc_kmsg *reply;
	struct thread *t;

	for (int i = 0; i < 3; i++) {
		t = ipc_thread(alice, server_one, &port);
		assert_int_equal(mach_msg_rpc_from_kernel(request_to(port, 50 + i), WAIT_FOREVER, &reply),
				 MACH_MSG_SUCCESS);
		assert_int_equal(reply->ikm_header->msgh_id, 150 + i);
		ipc_kmsg_destroy(reply);
		host_thread_join(t);
	}
	/* no answer in time; then the late answer finds a dead port */
	assert_int_equal(mach_msg_rpc_from_kernel(request_to(port, 60), clock_now_ns() + NSEC_PER_MSEC, &reply),
			 MACH_RCV_TIMED_OUT);
	assert_null(reply);
	struct msg m;
	assert_int_equal(try_receive(port, &m, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(m.h.msgh_remote_port, MACH_PORT_DEAD);
	destroy(port);
	/* a request that dies is answered by its send-once right */
	port = new_port();
	struct ipc_kmsg *kmsg = request_to(port, 61);
	destroy(port);
	assert_int_equal(mach_msg_rpc_from_kernel(kmsg, WAIT_FOREVER, &reply), MACH_MSG_SUCCESS);
	assert_int_equal(reply->ikm_header->msgh_id, MACH_NOTIFY_SEND_ONCE);
	ipc_kmsg_destroy(reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ipc_test(IPC0101_a_message_arrives_with_its_header_turned_round),
		ipc_test(IPC0102_every_pair_of_header_dispositions_is_all_or_nothing),
		ipc_test(IPC0103_destination_and_reply_may_come_from_one_name_if_both_fit),
		ipc_test(IPC0104_bad_headers_and_sizes_are_refused_before_anything_is_done),
		ipc_test(IPC0105_messages_of_every_size_arrive_whole),
		ipc_test(IPC0106_a_message_too_large_is_destroyed_unless_the_receiver_asked_to_know),
		ipc_test(IPC0107_trailers_carry_what_was_asked_for),
		ipc_test(IPC0108_the_kernels_own_messages_say_so),
		ipc_test(IPC0109_faults_in_the_buffers_are_answered),
		ipc_test(IPC0110_overwrite_receives_elsewhere),
		ipc_test(IPC0111_a_full_queue_refuses_and_the_message_comes_back),
		ipc_test(IPC0112_send_once_rights_go_past_the_limit),
		ipc_test(IPC0113_a_message_to_a_port_that_died_meanwhile_is_gone_with_success),
		ipc_test(IPC0114_a_dead_name_is_no_destination_but_may_be_a_reply),
		ipc_test(IPC0121_no_senders_comes_with_the_last_send_right),
		ipc_test(IPC0122_a_dead_name_notification_brings_a_reference),
		ipc_test(IPC0123_a_name_that_goes_under_a_request_is_told_as_deleted),
		ipc_test(IPC0124_a_port_destroyed_request_gets_the_receive_right),
		ipc_test(IPC0131_a_set_receives_its_members_messages_in_turn),
		ipc_test(IPC0132_a_port_may_be_in_several_sets),
		ipc_test(IPC0133_a_receive_right_leaves_its_sets_when_it_moves_or_dies),
		ipc_test(IPC0134_a_large_message_in_a_set_names_its_port),
		ipc_test(IPC0141_a_message_to_a_kernel_port_is_a_call),
		ipc_test(IPC0142_notifications_reach_kernel_objects),
		ipc_test(IPC0143_the_kernel_calls_a_server),
	};

	return ipc_run(tests, sizeof tests / sizeof tests[0], "ipc_msg");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: mach_msg's options: tokens and trailers, scatter lists, MACH_SEND_CANCEL, MACH_RCV_NOTIFY; what each
 * result leaves behind of rights, memory and queue.
 */
#include "fixture.h"

/* ---- tokens and trailers ---- */

static mach_msg_return_t receive_trailer(mach_port_name_t port, uint32_t elements, struct msg *m)
{
	return try_receive(port, m, MACH_RCV_TIMEOUT | (mach_msg_option_t)MACH_RCV_TRAILER_ELEMENTS(elements), 0);
}

static void set_tokens(struct task *task, uint32_t first, uint32_t second)
{
	struct ipc_tokens tokens = ipc_task_tokens(task);

	tokens.security = (security_token_t){ { first, second } };
	tokens.audit.val[1] = first;
	ipc_task_set_tokens(task, &tokens);
}

static void IPC0601_a_message_says_its_senders_tokens(void **state)
{
	mach_port_name_t port = new_port_with_send(), b = give(port, COPY_SEND, bob);
	struct msg m;

	set_tokens(bob, 501, 20);
	as(bob);
	send_id(b, 1);
	set_tokens(bob, 502, 21); /* of what was sent before nothing changes */
	send_id(b, 2);
	as(alice);
	assert_int_equal(receive_trailer(port, MACH_RCV_TRAILER_AUDIT, &m), MACH_MSG_SUCCESS);
	assert_int_equal(m.trailer.msgh_sender.val[0], 501);
	assert_int_equal(m.trailer.msgh_sender.val[1], 20);
	assert_int_equal(m.trailer.msgh_audit.val[1], 501);
	assert_int_equal(m.trailer.msgh_audit.val[5], bob->id);
	assert_int_equal(receive_trailer(port, MACH_RCV_TRAILER_SENDER, &m), MACH_MSG_SUCCESS);
	assert_int_equal(m.trailer.msgh_sender.val[0], 502);
}

static void IPC0602_a_task_inherits_tokens_but_its_number(void **state)
{
	struct task *child;
	struct ipc_tokens tokens;

	set_tokens(alice, 77, 78);
	child = host_task_create(alice, "child");
	tokens = ipc_task_tokens(child);
	assert_int_equal(tokens.security.val[0], 77);
	assert_int_equal(tokens.security.val[1], 78);
	assert_int_equal(tokens.audit.val[1], 77);
	assert_int_equal(tokens.audit.val[5], child->id);
	host_task_destroy(child);
}

static void IPC0603_an_unknown_trailer_is_refused_and_nothing_dequeued(void **state)
{
	static const uint32_t unknown[] = { 5, 6, 9, 15 };
	mach_port_name_t port = new_port_with_send();
	struct msg m;

	send_id(port, 3);
	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
		assert_int_equal(receive_trailer(port, unknown[i], &m), MACH_RCV_INVALID_TRAILER);
	assert_int_equal(try_receive(port, &m, MACH_RCV_TIMEOUT | (mach_msg_option_t)MACH_RCV_TRAILER_TYPE(1), 0),
			 MACH_RCV_INVALID_TRAILER);
	assert_int_equal(status_of(port).mps_msgcount, 1);
	assert_int_equal(receive_id(port), 3);
}

static void IPC0604_the_largest_trailer_has_every_field(void **state)
{
	mach_port_name_t port = new_port_with_send();
	struct msg m;

	assert_int_equal(mach_port_set_context(here(), port, 0xabcdef0123456789ULL), KERN_SUCCESS);
	for (uint32_t e = MACH_RCV_TRAILER_AV; e <= MACH_RCV_TRAILER_LABELS; e++) {
		send_id(port, 3);
		assert_int_equal(receive_trailer(port, e, &m), MACH_MSG_SUCCESS);
		assert_int_equal(m.trailer.msgh_trailer_size, sizeof(mach_msg_mac_trailer_t));
		assert_int_equal(m.trailer.msgh_seqno, e - MACH_RCV_TRAILER_AV);
		assert_true(m.trailer.msgh_context == 0xabcdef0123456789ULL);
		assert_int_equal(m.trailer.msgh_ad, 0);
		assert_int_equal(m.trailer.msgh_labels.sender, MACH_PORT_NULL);
	}
}

static void IPC0605_only_the_privileged_supply_a_trailer(void **state)
{
	mach_port_name_t port = new_port_with_send();
	struct {
		mach_msg_header_t h;
		mach_msg_format_0_trailer_t t;
	} m = { .h = { .msgh_bits = MACH_MSGH_BITS(COPY_SEND, 0), .msgh_remote_port = port },
		.t = { .msgh_trailer_size = MACH_MSG_TRAILER_FORMAT_0_SIZE, .msgh_sender = { { 42, 43 } } } };
	struct msg got;
	uint64_t at = (uintptr_t)&m;
	const mach_msg_option_t option = MACH_SEND_MSG | MACH_SEND_TRAILER;

	assert_int_equal(mach_msg_trap(at, option, sizeof m.h, 0, NONE, 0, NONE), MACH_SEND_INVALID_TRAILER);
	set_tokens(alice, 0, 1); /* KERNEL_SECURITY_TOKEN */
	m.t.msgh_trailer_size--;
	assert_int_equal(mach_msg_trap(at, option, sizeof m.h, 0, NONE, 0, NONE), MACH_SEND_INVALID_TRAILER);
	m.t.msgh_trailer_size++;
	m.t.msgh_trailer_type = 1;
	assert_int_equal(mach_msg_trap(at, option, sizeof m.h, 0, NONE, 0, NONE), MACH_SEND_INVALID_TRAILER);
	m.t.msgh_trailer_type = MACH_MSG_TRAILER_FORMAT_0;
	host_user_fault(&m.t, 1);
	assert_int_equal(mach_msg_trap(at, option, sizeof m.h, 0, NONE, 0, NONE), MACH_SEND_INVALID_DATA);
	host_user_fault(NULL, 0);
	assert_int_equal(status_of(port).mps_msgcount, 0);
	assert_int_equal(status_of(port).mps_srights, 1);
	assert_int_equal(mach_msg_trap(at, option, sizeof m.h, 0, NONE, 0, NONE), MACH_MSG_SUCCESS);
	assert_int_equal(receive_trailer(port, MACH_RCV_TRAILER_SENDER, &got), MACH_MSG_SUCCESS);
	memcpy(&m, &got, sizeof m);
	assert_int_equal(m.t.msgh_sender.val[0], 42);
	assert_int_equal(m.t.msgh_sender.val[1], 43);
}

/* ---- MACH_SEND_CANCEL and MACH_RCV_NOTIFY ---- */

static mach_msg_return_t send_cancel(mach_port_name_t dest, mach_msg_type_name_t type, mach_port_name_t notify,
				     mach_msg_option_t option)
{
	mach_msg_header_t h = { .msgh_bits = MACH_MSGH_BITS(type, 0), .msgh_remote_port = dest };

	return mach_msg_trap((uintptr_t)&h, MACH_SEND_MSG | MACH_SEND_CANCEL | option, sizeof h, 0, NONE, 0, notify);
}

static void IPC0611_a_send_cancels_the_request_on_the_name_it_takes(void **state)
{
	mach_port_name_t port = new_port(), note = new_port(), other = new_port(), once;

	once = give(port, MAKE_ONCE, alice);
	assert_int_equal(request(once, MACH_NOTIFY_DEAD_NAME, 0, note), KERN_SUCCESS);
	assert_int_equal(send_cancel(once, MOVE_ONCE, note, 0), MACH_MSG_SUCCESS);
	assert_empty(note); /* neither port-deleted nor send-once */
	assert_int_equal(status_of(note).mps_sorights, 0);
	assert_int_equal(type_of(once), 0);
	/* a request of another port's is told as ever */
	once = give(port, MAKE_ONCE, alice);
	assert_int_equal(request(once, MACH_NOTIFY_DEAD_NAME, 0, note), KERN_SUCCESS);
	assert_int_equal(send_cancel(once, MOVE_ONCE, other, 0), MACH_MSG_SUCCESS);
	assert_int_equal(receive_notification(note, MACH_NOTIFY_PORT_DELETED), once);
	assert_empty(other);
}

static void IPC0612_a_bad_notify_port_sends_nothing(void **state)
{
	mach_port_name_t port = new_port_with_send(), sender = give(new_port(), MAKE_SEND, bob);

	(void)sender;
	assert_int_equal(send_cancel(port, COPY_SEND, NONE, 0), MACH_SEND_INVALID_NOTIFY);
	assert_int_equal(send_cancel(port, COPY_SEND, 0x77703, 0), MACH_SEND_INVALID_NOTIFY);
	assert_int_equal(send_cancel(port, COPY_SEND, new_right(PORT_SET), 0), MACH_SEND_INVALID_NOTIFY);
	assert_int_equal(send_cancel(port, COPY_SEND, port, MACH_SEND_OVERRIDE), MACH_SEND_INVALID_NOTIFY);
	assert_int_equal(status_of(port).mps_msgcount, 0);
	assert_int_equal(refs(port, SEND), 1);
}

static mach_msg_return_t receive_notify(mach_port_name_t port, mach_port_name_t notify, struct msg *m)
{
	memset(m, 0xee, sizeof *m);
	return mach_msg_trap((uintptr_t)m, MACH_RCV_MSG | MACH_RCV_TIMEOUT | MACH_RCV_NOTIFY, 0, sizeof *m, port, 0,
			     notify);
}

static void IPC0613_a_new_reply_name_gets_a_dead_name_request(void **state)
{
	mach_port_name_t port = new_port(), note = new_port(), b = give(port, MAKE_SEND, bob), reply;
	struct msg m;

	for (int kind = 0; kind < 2; kind++) {
		as(bob);
		reply = new_port();
		assert_int_equal(try_send(b, COPY_SEND, reply, kind ? MAKE_SEND : MAKE_ONCE, 1, 0, 0), MACH_MSG_SUCCESS);
		assert_int_equal(try_send(b, COPY_SEND, reply, kind ? MAKE_SEND : MAKE_ONCE, 2, 0, 0), MACH_MSG_SUCCESS);
		as(alice);
		assert_int_equal(receive_notify(port, note, &m), MACH_MSG_SUCCESS);
		assert_int_equal(type_of(m.h.msgh_remote_port) & MACH_PORT_TYPE_DNREQUEST, MACH_PORT_TYPE_DNREQUEST);
		mach_port_name_t first = m.h.msgh_remote_port;
		assert_int_equal(receive_notify(port, note, &m), MACH_MSG_SUCCESS);
		assert_int_equal(m.h.msgh_remote_port == first, kind); /* a send right's name is not new now */
		as(bob);
		destroy(reply);
		as(alice);
		assert_int_equal(receive_notification(note, MACH_NOTIFY_DEAD_NAME), first);
		if (!kind)
			assert_int_equal(receive_notification(note, MACH_NOTIFY_DEAD_NAME), m.h.msgh_remote_port);
		assert_empty(note);
	}
}

static void IPC0614_a_reply_that_died_or_is_none_asks_for_nothing(void **state)
{
	mach_port_name_t port = new_port_with_send(), note = new_port(), b, dying;
	struct msg m;

	send_id(port, 1);
	assert_int_equal(receive_notify(port, note, &m), MACH_MSG_SUCCESS);
	b = give(port, COPY_SEND, bob);
	as(bob);
	dying = new_port();
	assert_int_equal(try_send(b, COPY_SEND, dying, MAKE_ONCE, 1, 0, 0), MACH_MSG_SUCCESS);
	destroy(dying);
	as(alice);
	assert_int_equal(receive_notify(port, note, &m), MACH_MSG_SUCCESS);
	assert_int_equal(m.h.msgh_remote_port, MACH_PORT_DEAD);
	assert_empty(note);
	assert_int_equal(status_of(note).mps_sorights, 0);
}

static void IPC0615_a_bad_notify_port_destroys_the_message(void **state)
{
	mach_port_name_t port = new_port_with_send(), reply = new_port();
	struct msg m;

	assert_int_equal(try_send(port, COPY_SEND, reply, MAKE_ONCE, 1, 0, 0), MACH_MSG_SUCCESS);
	assert_int_equal(receive_notify(port, 0x77703, &m), MACH_RCV_INVALID_NOTIFY);
	assert_int_equal(m.h.msgh_remote_port, MACH_PORT_NULL); /* only the header came */
	assert_empty(port);
	receive_notification(reply, MACH_NOTIFY_SEND_ONCE); /* its reply right died */
}

static void IPC0616_without_memory_for_the_request_the_header_is_not_received(void **state)
{
	mach_port_name_t port = new_port(), note = new_port(), b = give(port, MAKE_SEND, bob), reply;
	struct msg m;
	uint32_t names = names_here();

	as(bob);
	reply = new_port();
	assert_int_equal(try_send(b, COPY_SEND, reply, MAKE_ONCE, 1, 0, 0), MACH_MSG_SUCCESS);
	as(alice);
	host_alloc_fail_at(1, false);
	assert_int_equal(receive_notify(port, note, &m), MACH_RCV_HEADER_ERROR | MACH_MSG_IPC_KERNEL);
	host_alloc_fail_at(0, false);
	assert_int_equal(names_here(), names);
	assert_empty(note);
	as(bob);
	receive_notification(reply, MACH_NOTIFY_SEND_ONCE);
}

/* ---- scatter lists ---- */

static uint8_t source[2][5000], target[2][8192];

/* Two regions and a port between them. */
static void send_regions(mach_port_name_t port)
{
	struct {
		mach_msg_base_t base;
		mach_msg_ool_descriptor_t first;
		mach_msg_port_descriptor_t right;
		mach_msg_ool_descriptor_t second;
	} m = { .base = { { .msgh_bits = MACH_MSGH_BITS(COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX,
			    .msgh_remote_port = port },
			  { .msgh_descriptor_count = 3 } } };

	for (size_t i = 0; i < sizeof source[0]; i++) {
		source[0][i] = (uint8_t)(i * 3);
		source[1][i] = (uint8_t)(i * 5 + 1);
	}
	m.first = (mach_msg_ool_descriptor_t){ .address = source[0], .size = 5000, .copy = MACH_MSG_VIRTUAL_COPY,
					       .type = MACH_MSG_OOL_DESCRIPTOR };
	m.second = m.first;
	m.second.address = source[1];
	m.second.size = 100;
	m.second.type = MACH_MSG_OOL_VOLATILE_DESCRIPTOR;
	m.right = (mach_msg_port_descriptor_t){ .name = port, .disposition = COPY_SEND, .type = MACH_MSG_PORT_DESCRIPTOR };
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof m, 0, NONE, 0, NONE),
			 MACH_MSG_SUCCESS);
}

struct scatter_msg {
	mach_msg_base_t base;
	union {
		struct {
			mach_msg_ool_descriptor_t first, second, third;
		} list;
		struct {
			mach_msg_ool_descriptor_t first;
			mach_msg_port_descriptor_t right;
			mach_msg_ool_descriptor_t second;
		} got;
		mach_msg_ool_ports_descriptor_t ports[4];
	};
	mach_msg_max_trailer_t trailer;
};

static mach_msg_ool_descriptor_t place(void *address, uint64_t size, uint8_t copy)
{
	return (mach_msg_ool_descriptor_t){ .address = address, .size = size, .copy = copy,
					    .type = MACH_MSG_OOL_DESCRIPTOR };
}

static mach_msg_return_t receive_scatter(mach_port_name_t port, mach_msg_option_t option, struct scatter_msg *m)
{
	return mach_msg_overwrite_trap(0, MACH_RCV_MSG | MACH_RCV_TIMEOUT | MACH_RCV_OVERWRITE | option, 0, sizeof *m,
				       port, 0, NONE, (uintptr_t)m, sizeof m->base + sizeof m->list);
}

static void IPC0621_memory_lands_where_the_scatter_list_says(void **state)
{
	mach_port_name_t port = new_port_with_send();
	struct scatter_msg m = { 0 };
	uint64_t regions = host_vm_regions();

	send_regions(port);
	memset(target, 0, sizeof target);
	m.base.body.msgh_descriptor_count = 2;
	m.list.first = place(target[0], sizeof target[0], MACH_MSG_OVERWRITE);
	m.list.second = place(target[1] + 1, 100, MACH_MSG_OVERWRITE);
	assert_int_equal(receive_scatter(port, 0, &m), MACH_MSG_SUCCESS);
	assert_int_equal(host_vm_regions(), regions);
	assert_ptr_equal(m.got.first.address, target[0]);
	assert_int_equal(m.got.first.size, 5000);
	assert_int_equal(m.got.first.copy, MACH_MSG_OVERWRITE);
	assert_int_equal(m.got.first.deallocate, 0);
	assert_int_equal(m.got.right.name, port);
	assert_memory_equal(target[0], source[0], 5000);
	assert_int_equal(target[0][5000], 0);
	assert_memory_equal(target[1] + 1, source[1], 100);
	assert_int_equal(target[1][0] | target[1][101], 0);
	/* one place only, dynamic: what the list does not say is new memory */
	send_regions(port);
	m.base.body.msgh_descriptor_count = 1;
	m.list.first = place(target[0], 0, MACH_MSG_ALLOCATE);
	assert_int_equal(receive_scatter(port, 0, &m), MACH_MSG_SUCCESS);
	assert_int_equal(host_vm_regions(), regions + 2);
	assert_memory_equal(m.got.second.address, source[1], 100);
	host_vm_deallocate((uintptr_t)m.got.first.address, 5000);
	host_vm_deallocate((uintptr_t)m.got.second.address, 100);
	/* no list at all */
	send_regions(port);
	memset(&m, 0, sizeof m);
	assert_int_equal(receive_scatter(port, 0, &m), MACH_MSG_SUCCESS);
	assert_int_equal(host_vm_regions(), regions + 2);
	host_vm_deallocate_all();
}

static void IPC0622_a_place_too_small_leaves_the_message_or_destroys_it(void **state)
{
	mach_port_name_t port = new_port_with_send();
	struct scatter_msg m = { 0 };

	send_regions(port);
	m.base.body.msgh_descriptor_count = 2;
	m.list.first = place(target[0], 4999, MACH_MSG_OVERWRITE);
	m.list.second = place(target[1], 100, MACH_MSG_OVERWRITE);
	assert_int_equal(receive_scatter(port, MACH_RCV_LARGE | MACH_RCV_LARGE_IDENTITY, &m), MACH_RCV_SCATTER_SMALL);
	assert_int_equal(status_of(port).mps_msgcount, 1);
	assert_int_equal(m.base.header.msgh_local_port, port);
	assert_int_equal(m.base.body.msgh_descriptor_count, 2); /* the list that would do */
	assert_int_equal(m.list.first.size, 5000);
	assert_int_equal(m.list.second.size, 100);
	assert_int_equal(m.list.second.type, MACH_MSG_OOL_VOLATILE_DESCRIPTOR);
	assert_null(m.list.first.address);
	m.list.first.address = target[0];
	m.list.second.address = target[1];
	assert_int_equal(receive_scatter(port, MACH_RCV_LARGE, &m), MACH_MSG_SUCCESS);
	assert_memory_equal(target[0], source[0], 5000);
	send_regions(port);
	m.base.body.msgh_descriptor_count = 1;
	m.list.first = place(target[0], 4999, MACH_MSG_OVERWRITE);
	assert_int_equal(refs(port, SEND), 2); /* one came in the message above */
	assert_int_equal(receive_scatter(port, 0, &m), MACH_RCV_SCATTER_SMALL);
	assert_empty(port);
	assert_int_equal(status_of(port).mps_srights, 1);
}

static void IPC0623_a_list_of_other_types_destroys_the_message(void **state)
{
	mach_port_name_t port = new_port_with_send();
	struct scatter_msg m = { 0 };

	for (int bad = 0; bad < 2; bad++) {
		send_regions(port);
		m.base.body.msgh_descriptor_count = 1;
		m.list.first = place(target[0], sizeof target[0], bad ? MACH_MSG_VIRTUAL_COPY : MACH_MSG_OVERWRITE);
		if (!bad)
			m.ports[0].type = MACH_MSG_OOL_PORTS_DESCRIPTOR;
		assert_int_equal(receive_scatter(port, MACH_RCV_LARGE, &m), MACH_RCV_INVALID_TYPE);
		assert_empty(port);
	}
}

static void IPC0624_a_list_that_cannot_be_read_dequeues_nothing(void **state)
{
	mach_port_name_t port = new_port_with_send();
	struct scatter_msg m = { 0 };

	send_regions(port);
	m.base.body.msgh_descriptor_count = 4; /* more than the bytes that were said */
	m.list.first = m.list.second = m.list.third = place(target[0], 10, MACH_MSG_ALLOCATE);
	assert_int_equal(receive_scatter(port, 0, &m), MACH_RCV_INVALID_DATA);
	m.base.body.msgh_descriptor_count = 1;
	m.list.first.type = 9;
	assert_int_equal(receive_scatter(port, 0, &m), MACH_RCV_INVALID_TYPE);
	m.base.body.msgh_descriptor_count = MACH_MSG_DESCRIPTOR_MAX + 1;
	assert_int_equal(receive_scatter(port, 0, &m), MACH_RCV_INVALID_TYPE);
	m.base.body.msgh_descriptor_count = 1;
	m.list.first.type = MACH_MSG_OOL_DESCRIPTOR;
	host_user_fault(&m.list.first, 1);
	assert_int_equal(receive_scatter(port, 0, &m), MACH_RCV_INVALID_DATA);
	host_user_fault(NULL, 0);
	for (uint64_t n = 1; n <= 2; n++) {
		host_alloc_fail_at(n, false);
		assert_int_equal(receive_scatter(port, 0, &m), MACH_RCV_INVALID_DATA);
	}
	host_alloc_fail_at(0, false);
	assert_int_equal(status_of(port).mps_msgcount, 1);
}

static void IPC0625_a_place_that_cannot_be_written_is_a_body_error(void **state)
{
	mach_port_name_t port = new_port_with_send();
	struct scatter_msg m = { 0 };

	send_regions(port);
	m.base.body.msgh_descriptor_count = 2;
	m.list.first = place((void *)64, 5000, MACH_MSG_OVERWRITE);
	m.list.second = place(target[1], 100, MACH_MSG_OVERWRITE);
	assert_int_equal(receive_scatter(port, 0, &m), MACH_RCV_BODY_ERROR | MACH_MSG_VM_SPACE);
	assert_null(m.got.first.address);
	assert_int_equal(m.got.first.size, 0);
	assert_memory_equal(target[1], source[1], 100); /* the rest came */
}

static void IPC0626_arrays_of_rights_are_scattered_too(void **state)
{
	mach_port_name_t port = new_port_with_send(), names[3] = { port, port, port }, got[4] = { 0 };
	struct complex_msg m = { .base = { { .msgh_bits = MACH_MSGH_BITS(COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX,
					     .msgh_remote_port = port },
					   { .msgh_descriptor_count = 1 } } };
	struct scatter_msg s = { 0 };

	m.ports[0] = (mach_msg_ool_ports_descriptor_t){ .address = names, .count = 3, .disposition = COPY_SEND,
							.copy = MACH_MSG_VIRTUAL_COPY,
							.type = MACH_MSG_OOL_PORTS_DESCRIPTOR };
	for (uint32_t room = 2; room <= 4; room += 2) {
		assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG, sizeof m.base + sizeof m.ports[0], 0, NONE,
					       0, NONE),
				 MACH_MSG_SUCCESS);
		s.base.body.msgh_descriptor_count = 1;
		s.ports[0] = (mach_msg_ool_ports_descriptor_t){ .address = got, .count = room, .copy = MACH_MSG_OVERWRITE,
								.type = MACH_MSG_OOL_PORTS_DESCRIPTOR };
		assert_int_equal(receive_scatter(port, 0, &s), room == 2 ? MACH_RCV_SCATTER_SMALL : MACH_MSG_SUCCESS);
		assert_int_equal(refs(port, SEND), room == 2 ? 1 : 4);
	}
	assert_ptr_equal(s.ports[0].address, got);
	assert_int_equal(s.ports[0].deallocate, 0);
	assert_int_equal(got[0] == port && got[2] == port && got[3] == 0, 1);
}

struct waiting {
	mach_port_name_t port;
	mach_msg_option_t option;
	uint64_t size;
	mach_msg_return_t result;
	struct scatter_msg m;
};

static void wait_scatter(void *arg)
{
	struct waiting *w = arg;

	memset(&w->m, 0, sizeof w->m);
	w->m.base.body.msgh_descriptor_count = 1;
	w->m.list.first = place(target[0], w->size, MACH_MSG_OVERWRITE);
	w->result = mach_msg_overwrite_trap(0, MACH_RCV_MSG | MACH_RCV_OVERWRITE | w->option, 0, sizeof w->m, w->port, 0,
					    NONE, (uintptr_t)&w->m, sizeof w->m.base + sizeof w->m.list);
}

static void IPC0627_a_receiver_that_waits_has_its_list_matched_by_the_sender(void **state)
{
	struct waiting w = { .port = new_port_with_send() };
	struct thread *t;

	for (int round = 0; round < 3; round++) {
		w.option = round == 1 ? MACH_RCV_LARGE : 0;
		w.size = round == 0 ? 5000 : 10;
		t = ipc_thread(alice, wait_scatter, &w);
		host_wait_until_blocked(t);
		send_regions(w.port);
		host_thread_join(t);
		assert_int_equal(w.result, round == 0 ? MACH_MSG_SUCCESS : MACH_RCV_SCATTER_SMALL);
		assert_int_equal(status_of(w.port).mps_msgcount, round == 1);
		if (round == 1) {
			assert_int_equal(w.m.list.first.size, 5000);
			struct msg m;
			assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG, 0, 8, w.port, 0, NONE), MACH_RCV_TOO_LARGE);
		}
		host_vm_deallocate_all();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ipc_test(IPC0601_a_message_says_its_senders_tokens),
		ipc_test(IPC0602_a_task_inherits_tokens_but_its_number),
		ipc_test(IPC0603_an_unknown_trailer_is_refused_and_nothing_dequeued),
		ipc_test(IPC0604_the_largest_trailer_has_every_field),
		ipc_test(IPC0605_only_the_privileged_supply_a_trailer),
		ipc_test(IPC0611_a_send_cancels_the_request_on_the_name_it_takes),
		ipc_test(IPC0612_a_bad_notify_port_sends_nothing),
		ipc_test(IPC0613_a_new_reply_name_gets_a_dead_name_request),
		ipc_test(IPC0614_a_reply_that_died_or_is_none_asks_for_nothing),
		ipc_test(IPC0615_a_bad_notify_port_destroys_the_message),
		ipc_test(IPC0616_without_memory_for_the_request_the_header_is_not_received),
		ipc_test(IPC0621_memory_lands_where_the_scatter_list_says),
		ipc_test(IPC0622_a_place_too_small_leaves_the_message_or_destroys_it),
		ipc_test(IPC0623_a_list_of_other_types_destroys_the_message),
		ipc_test(IPC0624_a_list_that_cannot_be_read_dequeues_nothing),
		ipc_test(IPC0625_a_place_that_cannot_be_written_is_a_body_error),
		ipc_test(IPC0626_arrays_of_rights_are_scattered_too),
		ipc_test(IPC0627_a_receiver_that_waits_has_its_list_matched_by_the_sender),
	};

	return ipc_run(tests, sizeof tests / sizeof tests[0], "ipc_option");
}

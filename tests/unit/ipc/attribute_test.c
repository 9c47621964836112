/* SPDX-License-Identifier: BSD-2-Clause */
/* Description: what a receive right has: guards and their violations, ports made whole, peeking, a space looked at. */
#include "fixture.h"

#include <mach/exc_guard.h>
#include <stdlib.h>
#include <vm/vm_map_copy.h>

#define GUARD 0x1234567890abcdefull

/* The calling thread owes this exception, and no other any more. */
static void assert_guard_exception(mach_port_name_t name, unsigned flavor, uint64_t guard)
{
	struct thread *t = current_thread();

	assert_true(t->ast & AST_GUARD);
	assert_int_equal(EXC_GUARD_DECODE_GUARD_TYPE(t->ipc.guard_code), GUARD_TYPE_MACH_PORT);
	assert_int_equal(EXC_GUARD_DECODE_GUARD_FLAVOR(t->ipc.guard_code), flavor);
	assert_int_equal(EXC_GUARD_DECODE_GUARD_TARGET(t->ipc.guard_code), name);
	assert_true(t->ipc.guard_subcode == guard);
	t->ipc.guard_code = 0;
	atomic_fetch_and(&t->ast, ~(uint32_t)AST_GUARD);
}

static void assert_no_exception(void)
{
	assert_false(current_thread()->ast & AST_GUARD);
	assert_true(current_thread()->ipc.guard_code == 0);
}

static uint64_t context_of(mach_port_name_t name)
{
	uint64_t context = 1;

	assert_int_equal(mach_port_get_context(here(), name, &context), KERN_SUCCESS);
	return context;
}

static void IPC0901_a_guarded_right_cannot_be_destroyed_without_its_guard(void **state)
{
	mach_port_name_t port = new_port_with_send();

	assert_int_equal(mach_port_guard(here(), port, GUARD, false), KERN_SUCCESS);
	assert_int_equal(status_of(port).mps_flags, MACH_PORT_STATUS_FLAG_GUARDED);
	assert_true(context_of(port) == GUARD);
	assert_no_exception();
	assert_int_equal(mach_port_destroy(here(), port), KERN_INVALID_RIGHT);
	assert_guard_exception(port, kGUARD_EXC_DESTROY, GUARD);
	assert_int_equal(mach_port_mod_refs(here(), port, RECEIVE, -1), KERN_INVALID_RIGHT);
	assert_guard_exception(port, kGUARD_EXC_MOD_REFS, GUARD);
	assert_int_equal(mach_port_destruct(here(), port, 0, GUARD + 1), KERN_INVALID_ARGUMENT);
	assert_guard_exception(port, kGUARD_EXC_DESTROY, GUARD);
	assert_int_equal(type_of(port), MACH_PORT_TYPE_SEND_RECEIVE);
	assert_int_equal(mach_port_deallocate(here(), port), KERN_SUCCESS); /* the send right is not guarded */
	assert_int_equal(mach_port_destruct(here(), port, 0, GUARD), KERN_SUCCESS);
	assert_int_equal(type_of(port), 0);
	assert_no_exception();
}

static void IPC0902_each_error_of_guarding(void **state)
{
	mach_port_name_t port = new_port(), set = new_right(PORT_SET);

	assert_int_equal(mach_port_guard(NULL, port, 1, false), KERN_INVALID_TASK);
	assert_int_equal(mach_port_guard(here(), NONE, 1, false), KERN_INVALID_NAME);
	assert_int_equal(mach_port_guard(here(), 0x9903, 1, false), KERN_INVALID_NAME);
	assert_int_equal(mach_port_guard(here(), set, 1, false), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_guard_with_flags(here(), port, 1, 4), KERN_INVALID_ARGUMENT);
	assert_int_equal(mach_port_set_context(here(), port, 7), KERN_SUCCESS);
	assert_int_equal(mach_port_guard(here(), port, 1, false), KERN_INVALID_ARGUMENT); /* has a context */
	assert_int_equal(mach_port_set_context(here(), port, 0), KERN_SUCCESS);
	assert_int_equal(mach_port_guard(here(), port, 0, false), KERN_SUCCESS); /* 0 is a guard like any */
	assert_int_equal(mach_port_guard(here(), port, 0, false), KERN_INVALID_ARGUMENT);
	assert_no_exception();
	assert_int_equal(mach_port_unguard(here(), port, 1), KERN_INVALID_ARGUMENT);
	assert_guard_exception(port, kGUARD_EXC_INCORRECT_GUARD, 0);
	assert_int_equal(mach_port_unguard(here(), port, 0), KERN_SUCCESS);
	assert_int_equal(mach_port_unguard(here(), port, 0), KERN_INVALID_ARGUMENT);
	assert_guard_exception(port, kGUARD_EXC_UNGUARDED, 0);
	assert_int_equal(mach_port_unguard(NULL, port, 1), KERN_INVALID_TASK);
	assert_int_equal(mach_port_unguard(here(), MACH_PORT_DEAD, 1), KERN_INVALID_NAME);
	assert_int_equal(mach_port_unguard(here(), set, 1), KERN_INVALID_RIGHT);
}

static void IPC0903_a_strict_guard_is_not_seen_and_the_context_stays(void **state)
{
	mach_port_name_t port = new_port();
	mach_port_guard_info_t guess = { GUARD };

	assert_int_equal(mach_port_guard(here(), port, GUARD, true), KERN_SUCCESS);
	assert_int_equal(status_of(port).mps_flags, MACH_PORT_STATUS_FLAG_GUARDED | MACH_PORT_STATUS_FLAG_STRICT_GUARD);
	assert_true(context_of(port) == 0);
	assert_int_equal(mach_port_set_context(here(), port, 1), KERN_INVALID_ARGUMENT);
	assert_guard_exception(port, kGUARD_EXC_SET_CONTEXT, GUARD);
	assert_int_equal(mach_port_assert_attributes(here(), port, MACH_PORT_GUARD_INFO, (integer_t *)&guess, 2),
			 KERN_SUCCESS);
	assert_no_exception();
	guess.mpgi_guard++;
	assert_int_equal(mach_port_assert_attributes(here(), port, MACH_PORT_GUARD_INFO, (integer_t *)&guess, 2),
			 KERN_INVALID_ARGUMENT);
	assert_guard_exception(port, kGUARD_EXC_INCORRECT_GUARD, GUARD);
	assert_int_equal(mach_port_swap_guard(here(), port, GUARD, 1), KERN_INVALID_ARGUMENT);
	assert_no_exception();
	assert_int_equal(mach_port_unguard(here(), port, GUARD), KERN_SUCCESS);
	assert_true(context_of(port) == 0);
	assert_int_equal(mach_port_assert_attributes(here(), port, MACH_PORT_GUARD_INFO, (integer_t *)&guess, 2),
			 KERN_INVALID_ARGUMENT);
	assert_guard_exception(port, kGUARD_EXC_UNGUARDED, 0);
	assert_int_equal(mach_port_assert_attributes(here(), port, MACH_PORT_GUARD_INFO, (integer_t *)&guess, 1), KERN_FAILURE);
	assert_int_equal(mach_port_assert_attributes(here(), port, MACH_PORT_LIMITS_INFO, (integer_t *)&guess, 2),
			 KERN_INVALID_ARGUMENT);
	assert_int_equal(mach_port_assert_attributes(NULL, port, MACH_PORT_GUARD_INFO, (integer_t *)&guess, 2), KERN_INVALID_TASK);
	assert_int_equal(mach_port_assert_attributes(here(), 0x9903, MACH_PORT_GUARD_INFO, (integer_t *)&guess, 2),
			 KERN_INVALID_NAME);
	assert_no_exception();
}

static void IPC0904_guards_are_swapped(void **state)
{
	mach_port_name_t port = new_port();

	assert_int_equal(mach_port_swap_guard(here(), port, 1, 2), KERN_INVALID_ARGUMENT);
	assert_guard_exception(port, kGUARD_EXC_UNGUARDED, 0);
	assert_int_equal(mach_port_guard_with_flags(here(), port, 1, MPG_IMMOVABLE_RECEIVE), KERN_SUCCESS);
	assert_int_equal(mach_port_swap_guard(here(), port, 7, 2), KERN_INVALID_ARGUMENT);
	assert_guard_exception(port, kGUARD_EXC_INCORRECT_GUARD, 1);
	assert_int_equal(mach_port_swap_guard(here(), port, 1, 2), KERN_SUCCESS);
	assert_true(context_of(port) == 2);
	assert_int_equal(status_of(port).mps_flags,
			 MACH_PORT_STATUS_FLAG_GUARDED | MACH_PORT_STATUS_FLAG_GUARD_IMMOVABLE_RECEIVE);
	assert_int_equal(mach_port_swap_guard(NULL, port, 1, 2), KERN_INVALID_TASK);
	assert_int_equal(mach_port_swap_guard(here(), NONE, 1, 2), KERN_INVALID_NAME);
	assert_int_equal(mach_port_swap_guard(here(), new_right(PORT_SET), 1, 2), KERN_INVALID_RIGHT);
	assert_no_exception();
}

static void IPC0905_an_immovable_right_stays_and_a_guard_does_not_travel(void **state)
{
	mach_port_name_t port = new_port(), queue = new_port_with_send(), got;
	mach_msg_type_name_t type;
	struct ipc_port *right;

	assert_int_equal(mach_port_guard_with_flags(here(), port, GUARD, MPG_IMMOVABLE_RECEIVE), KERN_SUCCESS);
	assert_int_equal(mach_port_extract_right(here(), port, MOVE_RECEIVE, &right, &type), KERN_INVALID_CAPABILITY);
	assert_guard_exception(port, kGUARD_EXC_IMMOVABLE, 0);
	assert_int_equal(send_right(queue, port, MOVE_RECEIVE), MACH_SEND_INVALID_RIGHT);
	assert_guard_exception(port, kGUARD_EXC_IMMOVABLE, 0);
	assert_int_equal(type_of(port), MACH_PORT_TYPE_RECEIVE);
	assert_int_equal(mach_port_unguard(here(), port, GUARD), KERN_SUCCESS);
	assert_int_equal(mach_port_guard(here(), port, GUARD, true), KERN_SUCCESS);
	assert_int_equal(send_right(queue, port, MOVE_RECEIVE), MACH_MSG_SUCCESS); /* guarded, and yet free to go */
	got = receive_right(queue, NULL);
	assert_int_equal(status_of(got).mps_flags, 0);
	assert_true(context_of(got) == 0);
	destroy(got);
	assert_no_exception();
}

static void IPC0906_a_task_that_ends_takes_its_guarded_rights_along(void **state)
{
	struct task *t = host_task_create(NULL, "short");
	mach_port_name_t port, there;

	as(t);
	port = new_port();
	assert_int_equal(mach_port_guard_with_flags(here(), port, GUARD, MPG_STRICT | MPG_IMMOVABLE_RECEIVE), KERN_SUCCESS);
	there = give(port, MAKE_SEND, alice);
	as(alice);
	host_task_destroy(t);
	assert_int_equal(type_of(there), MACH_PORT_TYPE_DEAD_NAME);
	assert_no_exception();
}

static kern_return_t construct(uint32_t flags, uint32_t limit, uint64_t context, mach_port_name_t *name)
{
	mach_port_options_t options = { .flags = flags, .mpl = { limit } };

	return mach_port_construct(here(), &options, context, name);
}

static void IPC0911_a_port_is_made_with_all_that_is_asked_for(void **state)
{
	mach_port_name_t a, b, c;

	assert_int_equal(construct(0, 0, 77, &a), KERN_SUCCESS);
	assert_true(context_of(a) == 77);
	assert_int_equal(status_of(a).mps_flags, 0);
	assert_int_equal(status_of(a).mps_qlimit, MACH_PORT_QLIMIT_DEFAULT);
	assert_int_equal(construct(MPO_QLIMIT | MPO_INSERT_SEND_RIGHT | MPO_CONTEXT_AS_GUARD, 9, GUARD, &b), KERN_SUCCESS);
	assert_int_equal(type_of(b), MACH_PORT_TYPE_SEND_RECEIVE);
	assert_int_equal(refs(b, SEND), 1);
	assert_int_equal(status_of(b).mps_qlimit, 9);
	assert_int_equal(status_of(b).mps_mscount, 1);
	assert_int_equal(status_of(b).mps_flags, MACH_PORT_STATUS_FLAG_GUARDED);
	send_id(b, 4);
	assert_int_equal(receive_id(b), 4);
	assert_int_equal(construct(MPO_STRICT | MPO_IMMOVABLE_RECEIVE | MPO_CONTEXT_AS_GUARD, 0, 1, &c), KERN_SUCCESS);
	assert_int_equal(status_of(c).mps_flags, MACH_PORT_STATUS_FLAG_GUARDED | MACH_PORT_STATUS_FLAG_STRICT_GUARD |
						     MACH_PORT_STATUS_FLAG_GUARD_IMMOVABLE_RECEIVE);
	assert_int_equal(mach_port_destruct(here(), b, -1, GUARD), KERN_SUCCESS);
	assert_int_equal(type_of(b), 0);
	assert_no_exception();
}

static void IPC0912_each_error_of_construct_makes_nothing(void **state)
{
	mach_port_name_t name;
	mach_port_options_t options = { 0 };
	uint32_t names = names_here();

	assert_int_equal(mach_port_construct(NULL, &options, 0, &name), KERN_INVALID_TASK);
	assert_int_equal(construct(0x80000000u, 0, 0, &name), KERN_INVALID_ARGUMENT);
	assert_int_equal(construct(MPO_STRICT, 0, 0, &name), KERN_INVALID_ARGUMENT);
	assert_int_equal(construct(MPO_IMMOVABLE_RECEIVE, 0, 0, &name), KERN_INVALID_ARGUMENT);
	assert_int_equal(construct(MPO_QLIMIT, MACH_PORT_QLIMIT_MAX + 1, 0, &name), KERN_INVALID_VALUE);
	assert_int_equal(construct(MPO_TEMPOWNER, 0, 0, &name), KERN_NOT_SUPPORTED);
	assert_int_equal(construct(MPO_IMPORTANCE_RECEIVER, 0, 0, &name), KERN_NOT_SUPPORTED);
	assert_int_equal(construct(MPO_DENAP_RECEIVER, 0, 0, &name), KERN_NOT_SUPPORTED);
	host_alloc_fail_at(1, true);
	assert_int_equal(construct(MPO_INSERT_SEND_RIGHT, 0, 0, &name), KERN_RESOURCE_SHORTAGE);
	host_alloc_fail_at(0, false);
	assert_int_equal(names_here(), names);
}

static void IPC0913_destruct_takes_send_references_along_and_leaves_the_rest_dead(void **state)
{
	mach_port_name_t port = new_port_with_send(), there = give(port, COPY_SEND, bob), set = new_right(PORT_SET);
	mach_port_name_t bare = new_port();

	assert_int_equal(mach_port_mod_refs(here(), port, SEND, 3), KERN_SUCCESS);
	assert_int_equal(mach_port_destruct(NULL, port, 0, 0), KERN_INVALID_TASK);
	assert_int_equal(mach_port_destruct(here(), NONE, 0, 0), KERN_INVALID_NAME);
	assert_int_equal(mach_port_destruct(here(), 0x9903, 0, 0), KERN_INVALID_NAME);
	assert_int_equal(mach_port_destruct(here(), set, 0, 0), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_destruct(here(), bare, -1, 0), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_destruct(here(), port, 1, 0), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_destruct(here(), port, -5, 0), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_destruct(here(), port, INT32_MIN, 0), KERN_INVALID_VALUE);
	assert_int_equal(type_of(port), MACH_PORT_TYPE_SEND_RECEIVE);
	assert_int_equal(mach_port_destruct(here(), port, -1, 0), KERN_SUCCESS);
	assert_int_equal(type_of(port), MACH_PORT_TYPE_DEAD_NAME);
	assert_int_equal(refs(port, DEAD_NAME), 3);
	assert_int_equal(mach_port_destruct(here(), bare, 0, 99), KERN_SUCCESS); /* not guarded: any will do */
	assert_int_equal(type_of(bare), 0);
	as(bob);
	assert_int_equal(type_of(there), MACH_PORT_TYPE_DEAD_NAME);
	as(alice);
	assert_no_exception();
}

static void IPC0914_destruct_gives_the_right_to_a_port_destroyed_request(void **state)
{
	mach_port_name_t port = new_port_with_send(), heir = new_port(), got;

	assert_int_equal(mach_port_mod_refs(here(), port, SEND, 1), KERN_SUCCESS);
	assert_int_equal(request(port, MACH_NOTIFY_PORT_DESTROYED, 0, heir), KERN_SUCCESS);
	assert_int_equal(mach_port_guard(here(), port, GUARD, false), KERN_SUCCESS);
	assert_int_equal(mach_port_destruct(here(), port, -1, GUARD), KERN_SUCCESS);
	assert_int_equal(type_of(port), MACH_PORT_TYPE_SEND);
	assert_int_equal(refs(port, SEND), 1);
	got = receive_right(heir, NULL);
	assert_int_equal(got, port);
	assert_int_equal(status_of(got).mps_flags, 0);
}

static void IPC0921_all_flavors_of_attributes_and_each_error(void **state)
{
	mach_port_name_t port = new_port_with_send(), set = new_right(PORT_SET);
	mach_port_info_ext_t ext;
	mach_msg_type_number_t n = MACH_PORT_INFO_EXT_COUNT;
	integer_t word = 1;

	memset(&ext, 0xff, sizeof ext);
	assert_int_equal(mach_port_get_attributes(here(), port, MACH_PORT_INFO_EXT, (integer_t *)&ext, &n), KERN_SUCCESS);
	assert_int_equal(n, MACH_PORT_INFO_EXT_COUNT);
	assert_int_equal(ext.mpie_status.mps_srights, 1);
	assert_int_equal(ext.mpie_status.mps_mscount, 1);
	assert_int_equal(ext.mpie_boost_cnt, 0);
	assert_int_equal(ext.reserved[5], 0);
	n--;
	assert_int_equal(mach_port_get_attributes(here(), port, MACH_PORT_INFO_EXT, (integer_t *)&ext, &n), KERN_FAILURE);
	n = 0;
	assert_int_equal(mach_port_get_attributes(here(), port, MACH_PORT_LIMITS_INFO, &word, &n), KERN_FAILURE);
	n = 17;
	assert_int_equal(mach_port_get_attributes(here(), port, MACH_PORT_TEMPOWNER, &word, &n), KERN_INVALID_ARGUMENT);
	assert_int_equal(mach_port_get_attributes(here(), port, -1, &word, &n), KERN_INVALID_ARGUMENT);
	assert_int_equal(mach_port_get_attributes(NULL, port, MACH_PORT_LIMITS_INFO, &word, &n), KERN_INVALID_TASK);
	assert_int_equal(mach_port_get_attributes(here(), NONE, MACH_PORT_LIMITS_INFO, &word, &n), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_get_attributes(here(), set, MACH_PORT_RECEIVE_STATUS, (integer_t *)&ext, &n),
			 KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_get_attributes(here(), 0x9903, MACH_PORT_LIMITS_INFO, &word, &n), KERN_INVALID_NAME);
	for (int flavor = MACH_PORT_TEMPOWNER; flavor <= MACH_PORT_DENAP_RECEIVER; flavor++)
		assert_int_equal(mach_port_set_attributes(here(), port, flavor, &word, 0), KERN_NOT_SUPPORTED);
	assert_int_equal(mach_port_set_attributes(here(), port, MACH_PORT_INFO_EXT, &word, 1), KERN_INVALID_ARGUMENT);
	assert_int_equal(mach_port_set_attributes(NULL, port, MACH_PORT_LIMITS_INFO, &word, 1), KERN_INVALID_TASK);
	assert_int_equal(mach_port_set_attributes(here(), set, MACH_PORT_LIMITS_INFO, &word, 1), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_set_attributes(here(), 0x9903, MACH_PORT_LIMITS_INFO, &word, 1), KERN_INVALID_NAME);
}

static void IPC0922_names_that_are_none_are_treated_as_in_mach(void **state)
{
	mach_port_type_t type;
	mach_port_urefs_t n;
	uint64_t context;
	struct ipc_port *right;
	mach_msg_type_name_t kind;
	mach_port_name_t set = new_right(PORT_SET), port = new_port();

	for (int i = 0; i < 2; i++) {
		mach_port_name_t none = i ? MACH_PORT_DEAD : MACH_PORT_NULL;

		assert_int_equal(mach_port_destroy(here(), none), KERN_SUCCESS);
		assert_int_equal(mach_port_deallocate(here(), none), KERN_SUCCESS);
		assert_int_equal(mach_port_mod_refs(here(), none, SEND, -1), KERN_SUCCESS);
		assert_int_equal(mach_port_mod_refs(here(), none, SEND_ONCE, -1), KERN_SUCCESS);
		assert_int_equal(mach_port_mod_refs(here(), none, RECEIVE, -1), KERN_INVALID_NAME);
		assert_int_equal(mach_port_get_refs(here(), none, SEND, &n), KERN_SUCCESS);
		assert_int_equal(n, 1);
		assert_int_equal(mach_port_get_refs(here(), none, DEAD_NAME, &n), KERN_INVALID_NAME);
		assert_int_equal(mach_port_get_context(here(), none, &context), KERN_INVALID_RIGHT);
		assert_int_equal(mach_port_set_seqno(here(), none, 1), KERN_INVALID_RIGHT);
		assert_int_equal(mach_port_extract_right(here(), none, COPY_SEND, &right, &kind), KERN_INVALID_RIGHT);
		assert_int_equal(mach_port_move_member(here(), none, set), KERN_INVALID_RIGHT);
		assert_int_equal(mach_port_insert_member(here(), port, none), KERN_INVALID_RIGHT);
		assert_int_equal(mach_port_extract_member(here(), port, none), KERN_INVALID_RIGHT);
		assert_int_equal(mach_port_destroy(NULL, none), KERN_INVALID_TASK);
		assert_int_equal(mach_port_deallocate(NULL, none), KERN_INVALID_TASK);
		assert_int_equal(mach_port_mod_refs(NULL, none, SEND, 0), KERN_INVALID_TASK);
	}
	assert_int_equal(mach_port_type(here(), MACH_PORT_NULL, &type), KERN_INVALID_NAME);
	assert_int_equal(mach_port_type(here(), MACH_PORT_DEAD, &type), KERN_SUCCESS);
	assert_int_equal(type, MACH_PORT_TYPE_DEAD_NAME);
	assert_int_equal(mach_port_move_member(here(), port, MACH_PORT_DEAD), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_move_member(here(), port, MACH_PORT_NULL), KERN_NOT_IN_SET);
}

static void IPC0931_a_queued_message_can_be_looked_at_and_stays(void **state)
{
	mach_port_name_t port = new_port_with_send(), set = new_right(PORT_SET);
	mach_msg_audit_trailer_t trailer;
	mach_port_seqno_t seqno = 0;
	mach_msg_size_t size = 0;
	mach_msg_id_t id = 0;
	mach_msg_type_number_t room = sizeof trailer;
	const mach_msg_trailer_type_t audit = MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_AUDIT);

	assert_int_equal(mach_port_set_seqno(here(), port, 40), KERN_SUCCESS);
	for (int i = 0; i < 3; i++)
		send_id(port, 100 + i);
	assert_int_equal(mach_port_peek(here(), port, audit, &seqno, &size, &id, (char *)&trailer, &room), KERN_SUCCESS);
	assert_int_equal(seqno, 40);
	assert_int_equal(size, MSG_SIZE);
	assert_int_equal(id, 100);
	assert_int_equal(room, sizeof trailer);
	assert_int_equal(trailer.msgh_trailer_size, sizeof trailer);
	assert_int_equal(trailer.msgh_seqno, 40);
	assert_int_equal(trailer.msgh_audit.val[5], alice->id);
	seqno = 42;
	assert_int_equal(mach_port_peek(here(), port, 0, &seqno, &size, &id, (char *)&trailer, &room), KERN_SUCCESS);
	assert_int_equal(id, 102);
	assert_int_equal(room, sizeof(mach_msg_trailer_t));
	seqno = 43;
	assert_int_equal(mach_port_peek(here(), port, 0, &seqno, &size, &id, (char *)&trailer, &room), KERN_FAILURE);
	seqno = 39;
	assert_int_equal(mach_port_peek(here(), port, 0, &seqno, &size, &id, (char *)&trailer, &room), KERN_FAILURE);
	room = sizeof trailer - 1;
	assert_int_equal(mach_port_peek(here(), port, audit, &seqno, &size, &id, (char *)&trailer, &room), KERN_INVALID_VALUE);
	room = 200;
	assert_int_equal(mach_port_peek(here(), port, MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_AUDIT + 1), &seqno, &size, &id,
					(char *)&trailer, &room),
			 KERN_INVALID_VALUE);
	assert_int_equal(mach_port_peek(NULL, port, 0, &seqno, &size, &id, (char *)&trailer, &room), KERN_INVALID_TASK);
	assert_int_equal(mach_port_peek(here(), NONE, 0, &seqno, &size, &id, (char *)&trailer, &room), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_peek(here(), set, 0, &seqno, &size, &id, (char *)&trailer, &room), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_peek(here(), 0x9903, 0, &seqno, &size, &id, (char *)&trailer, &room), KERN_INVALID_NAME);
	for (int i = 0; i < 3; i++)
		assert_int_equal(receive_id(port), 100 + i);
	seqno = 0;
	assert_int_equal(mach_port_peek(here(), port, 0, &seqno, &size, &id, (char *)&trailer, &room), KERN_FAILURE);
}

static void IPC0941_a_space_is_shown_with_every_name(void **state)
{
	enum { MORE = 3000 }; /* more than one block of a list */
	mach_port_name_t port = new_port_with_send(), set = new_right(PORT_SET), dead = new_right(DEAD_NAME), there, again;
	ipc_info_space_t space;
	ipc_info_space_basic_t basic;
	struct vm_map_copy *table, *tree;
	mach_msg_type_number_t n, m;
	ipc_info_name_t *names;
	natural_t mine = 0, bobs = 0;
	mach_vm_address_t at = 0;

	there = give(port, COPY_SEND, bob);
	assert_int_equal(request(port, MACH_NOTIFY_DEAD_NAME, 0, port), KERN_SUCCESS);
	assert_int_equal(mach_port_mod_refs(here(), dead, DEAD_NAME, 6), KERN_SUCCESS);
	for (int i = 0; i < MORE; i++)
		(void)new_right(DEAD_NAME);
	assert_int_equal(mach_port_space_basic_info(here(), &basic), KERN_SUCCESS);
	assert_int_equal(basic.iisb_genno_mask, 0xff);
	assert_int_equal(basic.iisb_table_inuse, MORE + 3);
	assert_true(basic.iisb_table_size > MORE + 3 && basic.iisb_table_next > basic.iisb_table_size);
	for (int round = 0; round < 2; round++) {
		struct task *t = round ? bob : alice;

		assert_int_equal(mach_port_space_info(space_of(t), &space, &table, &n, &tree, &m), KERN_SUCCESS);
		assert_int_equal(n, round ? 1 : MORE + 3);
		assert_int_equal(m, 0);
		assert_null(tree);
		assert_int_equal(space.iis_tree_size, 0);
		assert_int_equal(vm_map_copyout(NULL, &at, table), KERN_SUCCESS);
		names = (ipc_info_name_t *)at;
		for (uint32_t i = 0; i < n; i++) {
			assert_int_equal(names[i].iin_collision, 0);
			assert_int_not_equal(names[i].iin_type & MACH_PORT_TYPE_ALL_RIGHTS, 0);
			assert_true(i == 0 || MACH_PORT_INDEX(names[i].iin_name) > MACH_PORT_INDEX(names[i - 1].iin_name));
			if (round && names[i].iin_name == there) {
				assert_int_equal(names[i].iin_type, MACH_PORT_TYPE_SEND);
				bobs = names[i].iin_object;
			} else if (!round && names[i].iin_name == port) {
				assert_int_equal(names[i].iin_type, MACH_PORT_TYPE_SEND_RECEIVE | MACH_PORT_TYPE_DNREQUEST);
				mine = names[i].iin_object;
			} else if (!round && names[i].iin_name == set) {
				assert_int_equal(names[i].iin_type, MACH_PORT_TYPE_PORT_SET);
				assert_int_not_equal(names[i].iin_object, 0);
			} else if (names[i].iin_name == dead) {
				assert_int_equal(names[i].iin_urefs, 7);
				assert_int_equal(names[i].iin_object, 0);
			}
		}
		host_vm_deallocate_all();
	}
	assert_int_not_equal(mine, 0);
	assert_int_equal(mine, bobs); /* the same port, in both */
	again = new_port();
	destroy(again);
	assert_int_equal(mach_port_space_info(NULL, &space, &table, &n, &tree, &m), KERN_INVALID_TASK);
	assert_int_equal(mach_port_space_basic_info(NULL, &basic), KERN_INVALID_TASK);
	host_alloc_fail_at(1, true);
	assert_int_equal(mach_port_space_info(here(), &space, &table, &n, &tree, &m), KERN_RESOURCE_SHORTAGE);
	host_alloc_fail_at(0, false);
	host_alloc_fail_at(2, true);
	assert_int_equal(mach_port_space_info(here(), &space, &table, &n, &tree, &m), KERN_RESOURCE_SHORTAGE);
	host_alloc_fail_at(0, false);
}

static void IPC0942_what_a_port_stands_for_is_told_without_an_address(void **state)
{
	mach_port_name_t self = mach_task_self(), host = mach_host_self(), port = new_port(), set = new_right(PORT_SET);
	mach_vm_address_t address, again;
	kobject_description_t words;
	natural_t type;
	unsigned kind;

	assert_int_equal(mach_port_kobject(here(), self, &type, &address), KERN_SUCCESS);
	assert_int_equal(type, IKOT_TASK);
	assert_true(address != 0 && address != (uintptr_t)alice);
	assert_int_equal(mach_port_kernel_object(here(), self, &kind, &again), KERN_SUCCESS);
	assert_true(kind == type && again == address);
	assert_int_equal(mach_port_kobject_description(here(), host, &type, &address, words), KERN_SUCCESS);
	assert_string_equal(words, "host");
	assert_int_equal(mach_port_kobject(here(), port, &type, &address), KERN_SUCCESS);
	assert_true(type == IKOT_NONE && address == 0);
	assert_int_equal(mach_port_kobject(here(), set, &type, &address), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_kobject(here(), 0x9903, &type, &address), KERN_INVALID_NAME);
	assert_int_equal(mach_port_kobject(NULL, self, &type, &address), KERN_INVALID_TASK);
	assert_int_equal(mach_port_kobject_description(here(), set, &type, &address, words), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_kernel_object(here(), set, &kind, &again), KERN_INVALID_RIGHT);
}

static void IPC0943_requests_are_counted(void **state)
{
	mach_port_name_t port = new_port_with_send();
	unsigned total, used;
	integer_t size = 5;

	assert_int_equal(request(port, MACH_NOTIFY_DEAD_NAME, 0, port), KERN_SUCCESS);
	assert_int_equal(mach_port_set_attributes(here(), port, MACH_PORT_DNREQUESTS_SIZE, &size, 1), KERN_SUCCESS);
	assert_int_equal(mach_port_dnrequest_info(here(), port, &total, &used), KERN_SUCCESS);
	assert_true(total == 5 && used == 1);
	assert_int_equal(mach_port_dnrequest_info(here(), 0x9903, &total, &used), KERN_INVALID_NAME);
	assert_int_equal(mach_port_dnrequest_info(here(), new_right(PORT_SET), &total, &used), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_dnrequest_info(NULL, port, &total, &used), KERN_INVALID_TASK);
}

static void IPC0951_a_space_with_reserved_names_needs_no_memory_for_them(void **state)
{
	enum { NAMES = 1000 };
	ipc_info_space_basic_t basic;
	mach_port_name_t name;

	assert_int_equal(task_set_port_space(here(), NAMES), KERN_SUCCESS);
	assert_int_equal(mach_port_space_basic_info(here(), &basic), KERN_SUCCESS);
	assert_true(basic.iisb_table_size > NAMES);
	host_alloc_fail_at(1, true);
	for (int i = 0; i < NAMES; i++)
		assert_int_equal(mach_port_allocate(here(), DEAD_NAME, &name), KERN_SUCCESS);
	host_alloc_fail_at(0, false);
	assert_int_equal(task_set_port_space(here(), 1), KERN_SUCCESS);
	assert_int_equal(task_set_port_space(NULL, 1), KERN_INVALID_TASK);
	assert_int_equal(task_set_port_space(here(), -1), KERN_INVALID_VALUE);
	host_alloc_fail_at(3, true);
	assert_int_equal(task_set_port_space(here(), 5000), KERN_RESOURCE_SHORTAGE);
	host_alloc_fail_at(0, false);
}

static void IPC0952_ports_are_allocated_in_every_way_and_each_error(void **state)
{
	mach_port_qos_t qos = { 0 };
	mach_port_name_t name = 0x9903;

	assert_int_equal(mach_port_allocate_qos(here(), RECEIVE, &qos, &name), KERN_SUCCESS);
	assert_int_equal(type_of(name), MACH_PORT_TYPE_RECEIVE);
	qos.name = 1;
	assert_int_equal(mach_port_allocate_qos(here(), RECEIVE, &qos, &name), KERN_INVALID_ARGUMENT);
	assert_int_equal(mach_port_allocate_qos(NULL, RECEIVE, &qos, &name), KERN_INVALID_TASK);
	name = 0x9903;
	assert_int_equal(mach_port_allocate_full(here(), PORT_SET, &qos, &name), KERN_SUCCESS);
	assert_int_equal(type_of(0x9903), MACH_PORT_TYPE_PORT_SET);
	assert_int_equal(mach_port_allocate_full(here(), RECEIVE, &qos, &name), KERN_NAME_EXISTS);
	name = NONE;
	assert_int_equal(mach_port_allocate_full(here(), RECEIVE, &qos, &name), KERN_INVALID_VALUE);
	qos.name = 0;
	assert_int_equal(mach_port_allocate_full(here(), SEND, &qos, &name), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_allocate_full(NULL, RECEIVE, &qos, &name), KERN_INVALID_TASK);
	qos.prealloc = 1;
	qos.len = 100;
	assert_int_equal(mach_port_allocate_full(here(), PORT_SET, &qos, &name), KERN_INVALID_VALUE);
	qos.len = MACH_MSG_INLINE_MAX;
	assert_int_equal(mach_port_allocate_full(here(), RECEIVE, &qos, &name), KERN_RESOURCE_SHORTAGE);
	qos.len = 0;
	host_alloc_fail_at(1, true);
	assert_int_equal(mach_port_allocate_full(here(), RECEIVE, &qos, &name), KERN_RESOURCE_SHORTAGE);
	host_alloc_fail_at(0, false);
	host_alloc_fail_at(2, true);
	assert_int_equal(mach_port_allocate_full(here(), RECEIVE, &qos, &name), KERN_RESOURCE_SHORTAGE);
	host_alloc_fail_at(0, false);
	host_alloc_fail_at(3, true);
	assert_int_equal(mach_port_allocate_full(here(), RECEIVE, &qos, &name), KERN_RESOURCE_SHORTAGE);
	host_alloc_fail_at(0, false);
	assert_int_equal(names_here(), 2);
}

static void IPC0953_a_port_with_its_own_message_hears_a_notification_without_memory(void **state)
{
	mach_port_qos_t qos = { .prealloc = 1, .len = 64 };
	mach_port_name_t tell, plain = new_port(), port;

	assert_int_equal(mach_port_allocate_qos(here(), RECEIVE, &qos, &tell), KERN_SUCCESS);
	for (int i = 0; i < 3; i++) { /* the same block each time */
		port = new_port();
		assert_int_equal(request(port, MACH_NOTIFY_DEAD_NAME, 0, tell), KERN_SUCCESS);
		host_alloc_fail_at(1, true);
		assert_int_equal(mach_port_destroy(here(), port), KERN_SUCCESS);
		host_alloc_fail_at(0, false);
		assert_int_equal(receive_notification(tell, MACH_NOTIFY_PORT_DELETED), port);
	}
	port = new_port();
	assert_int_equal(request(port, MACH_NOTIFY_DEAD_NAME, 0, plain), KERN_SUCCESS);
	host_alloc_fail_at(1, true);
	assert_int_equal(mach_port_destroy(here(), port), KERN_SUCCESS);
	host_alloc_fail_at(0, false);
	assert_empty(plain); /* others lose it, and count it */
	/* The port dies while its block is in its own queue. */
	port = new_port();
	assert_int_equal(request(port, MACH_NOTIFY_DEAD_NAME, 0, tell), KERN_SUCCESS);
	host_alloc_fail_at(1, true);
	assert_int_equal(mach_port_destroy(here(), port), KERN_SUCCESS);
	host_alloc_fail_at(0, false);
	destroy(tell);
}

static void IPC0954_a_kernel_picked_name_does_not_come_back_soon(void **state)
{
	enum { PICKS = 127 * 256 }; /* E3 */
	uint8_t *seen = calloc(1, 1u << 16);
	mach_port_name_t name;

	for (int i = 0; i < PICKS; i++) {
		name = new_right(DEAD_NAME);
		assert_true(name < 1u << 16);
		assert_int_equal(seen[name], 0);
		seen[name] = 1;
		destroy(name);
	}
	free(seen);
}

static void IPC0944_the_members_of_a_set_are_listed_at_any_number(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 256, 257, 3000 };
	mach_port_name_t set = new_right(PORT_SET), other = new_right(PORT_SET), *members;
	uint32_t made = 0, good = 0;
	mach_msg_type_number_t n;
	struct vm_map_copy *copy;
	mach_vm_address_t at = 0;

	for (unsigned k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
		for (; made < sizes[k]; made++) {
			mach_port_name_t port = new_port();

			assert_int_equal(mach_port_insert_member(here(), port, set), KERN_SUCCESS);
			if (made % 2)
				assert_int_equal(mach_port_insert_member(here(), port, other), KERN_SUCCESS);
			(void)new_port(); /* in no set */
		}
		assert_int_equal(mach_port_get_set_status(here(), set, &copy, &n), KERN_SUCCESS);
		assert_int_equal(n, sizes[k]);
		if (n == 0)
			continue;
		assert_int_equal(vm_map_copyout(NULL, &at, copy), KERN_SUCCESS);
		members = (mach_port_name_t *)at;
		good = 0;
		for (uint32_t i = 0; i < n; i++)
			good += status_of(members[i]).mps_pset >= 1;
		assert_int_equal(good, n);
		host_vm_deallocate_all();
	}
	assert_int_equal(mach_port_get_set_status(here(), other, &copy, &n), KERN_SUCCESS);
	assert_int_equal(n, 1500);
	vm_map_copy_discard(copy);
	assert_int_equal(mach_port_deallocate(here(), set), KERN_SUCCESS);
	assert_int_equal(mach_port_get_set_status(here(), set, &copy, &n), KERN_INVALID_NAME);
	assert_int_equal(mach_port_get_set_status(NULL, set, &copy, &n), KERN_INVALID_TASK);
	host_alloc_fail_at(1, true);
	assert_int_equal(mach_port_get_set_status(here(), other, &copy, &n), KERN_RESOURCE_SHORTAGE);
	host_alloc_fail_at(0, false);
}

/* ---- traps ---- */

static void IPC0961_the_traps_do_what_the_calls_do(void **state)
{
	mach_port_name_t self = mach_task_self(), port, tell = new_port(), other = 0, previous = 1;
	mach_port_options_t options = { .flags = MPO_INSERT_SEND_RIGHT | MPO_CONTEXT_AS_GUARD };
	mach_port_limits_t limits;
	mach_msg_type_number_t n = 1;

	assert_int_equal(ipc_object_copyout(here(), retrieve_task_self(bob), MACH_MSG_TYPE_PORT_SEND, true, &other),
			 KERN_SUCCESS);
	assert_int_equal(mach_port_construct_trap(self, (uintptr_t)&options, GUARD, (uintptr_t)&port), KERN_SUCCESS);
	assert_int_equal(type_of(port), MACH_PORT_TYPE_SEND_RECEIVE);
	assert_int_equal(mach_port_unguard_trap(self, port, GUARD), KERN_SUCCESS);
	assert_int_equal(mach_port_guard_trap(self, port, 5, 1), KERN_SUCCESS);
	assert_int_equal(status_of(port).mps_flags, MACH_PORT_STATUS_FLAG_GUARDED | MACH_PORT_STATUS_FLAG_STRICT_GUARD);
	assert_int_equal(mach_port_get_attributes_trap(self, port, MACH_PORT_LIMITS_INFO, (uintptr_t)&limits, (uintptr_t)&n),
			 KERN_SUCCESS);
	assert_int_equal(limits.mpl_qlimit, MACH_PORT_QLIMIT_DEFAULT);
	assert_int_equal(mach_port_request_notification_trap(self, port, MACH_NOTIFY_NO_SENDERS, 9, tell, (uintptr_t)&previous),
			 KERN_SUCCESS);
	assert_int_equal(previous, NONE);
	assert_int_equal(mach_port_request_notification_trap(self, port, MACH_NOTIFY_NO_SENDERS, 9, NONE, (uintptr_t)&previous),
			 KERN_SUCCESS);
	assert_int_equal(type_of(previous), MACH_PORT_TYPE_SEND_ONCE);
	assert_int_equal(mach_port_deallocate(here(), previous), KERN_SUCCESS);
	receive_notification(tell, MACH_NOTIFY_SEND_ONCE);
	assert_int_equal(mach_port_request_notification_trap(self, port, 4711, 0, tell, (uintptr_t)&previous), KERN_INVALID_VALUE);
	assert_empty(tell);
	assert_int_equal(mach_port_request_notification_trap(self, port, MACH_NOTIFY_NO_SENDERS, 0, MACH_PORT_DEAD,
							     (uintptr_t)&previous),
			 KERN_INVALID_CAPABILITY);
	assert_int_equal(mach_port_request_notification_trap(self, port, MACH_NOTIFY_NO_SENDERS, 0, 0x9903, (uintptr_t)&previous),
			 KERN_INVALID_NAME);
	assert_int_equal(mach_port_destruct_trap(self, port, -1, 5), KERN_SUCCESS);
	assert_int_equal(type_of(port), 0);
	assert_no_exception();
	assert_int_equal(mach_port_construct_trap(self, 8, GUARD, (uintptr_t)&port), KERN_MEMORY_FAILURE);
	assert_int_equal(mach_port_construct_trap(self, (uintptr_t)&options, GUARD, 8), KERN_MEMORY_FAILURE);
	assert_int_equal(mach_port_get_attributes_trap(self, tell, MACH_PORT_LIMITS_INFO, 8, (uintptr_t)&n), KERN_MEMORY_FAILURE);
	assert_int_equal(mach_port_get_attributes_trap(self, tell, MACH_PORT_LIMITS_INFO, (uintptr_t)&limits, 8),
			 KERN_MEMORY_FAILURE);
	assert_int_equal(mach_port_request_notification_trap(self, tell, MACH_NOTIFY_PORT_DESTROYED, 0, tell, 8),
			 KERN_MEMORY_FAILURE);
	assert_int_equal(names_here(), 3);
	assert_int_equal(mach_port_construct_trap(other, (uintptr_t)&options, GUARD, (uintptr_t)&port), MACH_SEND_INVALID_DEST);
	assert_int_equal(mach_port_destruct_trap(other, tell, 0, 0), MACH_SEND_INVALID_DEST);
	assert_int_equal(mach_port_guard_trap(other, tell, 0, 0), MACH_SEND_INVALID_DEST);
	assert_int_equal(mach_port_unguard_trap(other, tell, 0), MACH_SEND_INVALID_DEST);
	assert_int_equal(mach_port_get_attributes_trap(other, tell, 1, (uintptr_t)&limits, (uintptr_t)&n), MACH_SEND_INVALID_DEST);
	assert_int_equal(mach_port_request_notification_trap(other, tell, 70, 0, tell, (uintptr_t)&previous),
			 MACH_SEND_INVALID_DEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ipc_test(IPC0901_a_guarded_right_cannot_be_destroyed_without_its_guard),
		ipc_test(IPC0902_each_error_of_guarding),
		ipc_test(IPC0903_a_strict_guard_is_not_seen_and_the_context_stays),
		ipc_test(IPC0904_guards_are_swapped),
		ipc_test(IPC0905_an_immovable_right_stays_and_a_guard_does_not_travel),
		ipc_test(IPC0906_a_task_that_ends_takes_its_guarded_rights_along),
		ipc_test(IPC0911_a_port_is_made_with_all_that_is_asked_for),
		ipc_test(IPC0912_each_error_of_construct_makes_nothing),
		ipc_test(IPC0913_destruct_takes_send_references_along_and_leaves_the_rest_dead),
		ipc_test(IPC0914_destruct_gives_the_right_to_a_port_destroyed_request),
		ipc_test(IPC0921_all_flavors_of_attributes_and_each_error),
		ipc_test(IPC0922_names_that_are_none_are_treated_as_in_mach),
		ipc_test(IPC0931_a_queued_message_can_be_looked_at_and_stays),
		ipc_test(IPC0941_a_space_is_shown_with_every_name),
		ipc_test(IPC0942_what_a_port_stands_for_is_told_without_an_address),
		ipc_test(IPC0943_requests_are_counted),
		ipc_test(IPC0944_the_members_of_a_set_are_listed_at_any_number),
		ipc_test(IPC0951_a_space_with_reserved_names_needs_no_memory_for_them),
		ipc_test(IPC0952_ports_are_allocated_in_every_way_and_each_error),
		ipc_test(IPC0953_a_port_with_its_own_message_hears_a_notification_without_memory),
		ipc_test(IPC0954_a_kernel_picked_name_does_not_come_back_soon),
		ipc_test(IPC0961_the_traps_do_what_the_calls_do),
	};

	return ipc_run(tests, sizeof tests / sizeof tests[0], "ipc_attribute");
}

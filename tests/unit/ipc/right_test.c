/* SPDX-License-Identifier: BSD-2-Clause */
/* Description: names, entries and user references: every kind of right, every call of mach_port. */
#include "fixture.h"

#include <kern/kalloc.h>
#include <stdlib.h>
#include <vm/vm_map_copy.h>

static void IPC0001_each_kind_of_right_can_be_allocated_and_destroyed(void **state)
{
	static const struct { mach_port_right_t right; mach_port_type_t type; } kinds[] = {
		{ RECEIVE, MACH_PORT_TYPE_RECEIVE },
		{ PORT_SET, MACH_PORT_TYPE_PORT_SET },
		{ DEAD_NAME, MACH_PORT_TYPE_DEAD_NAME },
	};
	mach_port_name_t name;

	for (int i = 0; i < 3; i++) {
		name = new_right(kinds[i].right);
		assert_true(MACH_PORT_VALID(name));
		assert_int_equal(type_of(name), kinds[i].type);
		assert_int_equal(refs(name, kinds[i].right), 1);
		assert_int_equal(refs(name, SEND), 0);
		destroy(name);
		assert_int_equal(type_of(name), 0);
		assert_int_equal(mach_port_destroy(here(), name), KERN_INVALID_NAME);
	}
	assert_int_equal(mach_port_allocate(here(), SEND, &name), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_allocate(here(), SEND_ONCE, &name), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_allocate(here(), 77, &name), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_allocate(NULL, RECEIVE, &name), KERN_INVALID_TASK);
}

static void IPC0002_a_reused_entry_has_another_name(void **state)
{
	mach_port_name_t a = new_port(), b;

	destroy(a);
	b = new_port();
	assert_int_equal(MACH_PORT_INDEX(a), MACH_PORT_INDEX(b));
	assert_int_not_equal(a, b);
	assert_int_equal(type_of(a), 0);
	for (int i = 0; i < 300; i++) { /* past the wrap of the generation */
		destroy(b);
		a = b;
		b = new_port();
		assert_true(MACH_PORT_VALID(b));
		assert_int_not_equal(a, b);
	}
}

static void IPC0003_a_hundred_thousand_names_are_found_each(void **state)
{
	const uint32_t count = 100000;
	mach_port_name_t *names = malloc(count * sizeof *names);
	mach_port_name_t port = new_port_with_send(), there;

	for (uint32_t i = 0; i < count; i++)
		names[i] = i % 16 ? new_right(DEAD_NAME) : new_port();
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(type_of(names[i]),
				 i % 16 ? MACH_PORT_TYPE_DEAD_NAME : MACH_PORT_TYPE_RECEIVE);
	there = give(port, COPY_SEND, bob);
	assert_int_equal(give(port, COPY_SEND, bob), there);
	assert_int_equal(names_here(), count + 1);
	for (uint32_t i = 0; i < count; i += 2)
		destroy(names[i]);
	for (uint32_t i = 1; i < count; i += 2)
		assert_int_equal(type_of(names[i]), MACH_PORT_TYPE_DEAD_NAME);
	assert_int_equal(names_here(), count / 2 + 1);
	free(names);
}

static void IPC0004_send_rights_to_a_port_share_one_name_at_any_number_of_ports(void **state)
{
	const uint32_t count = 3000;
	mach_port_name_t *ports = malloc(count * sizeof *ports), *there = malloc(count * sizeof *there);

	for (uint32_t i = 0; i < count; i++) {
		ports[i] = new_port();
		there[i] = give(ports[i], MAKE_SEND, bob);
	}
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(give(ports[i], MAKE_SEND, bob), there[i]);
	as(bob);
	for (uint32_t i = 0; i < count; i += 3)
		destroy(there[i]);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(type_of(there[i]), i % 3 ? MACH_PORT_TYPE_SEND : 0);
	as(alice);
	for (uint32_t i = 1; i < count; i += 3)
		assert_int_equal(give(ports[i], MAKE_SEND, bob), there[i]);
	free(ports);
	free(there);
}

static void IPC0005_a_right_can_be_made_under_a_chosen_name(void **state)
{
	mach_port_name_t far = MACH_PORT_MAKE(0xfffffeu, 7), near = MACH_PORT_MAKE(40, 200), other;

	assert_int_equal(mach_port_allocate_name(here(), RECEIVE, far), KERN_SUCCESS);
	assert_int_equal(mach_port_allocate_name(here(), PORT_SET, near), KERN_SUCCESS);
	assert_int_equal(type_of(far), MACH_PORT_TYPE_RECEIVE);
	assert_int_equal(type_of(near), MACH_PORT_TYPE_PORT_SET);
	assert_int_equal(mach_port_allocate_name(here(), RECEIVE, MACH_PORT_MAKE(40, 3)), KERN_NAME_EXISTS);
	assert_int_equal(mach_port_allocate_name(here(), RECEIVE, MACH_PORT_MAKE(0, 3)), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_allocate_name(here(), RECEIVE, MACH_PORT_MAKE(0xffffffu, 3)),
			 KERN_INVALID_VALUE);
	assert_int_equal(mach_port_allocate_name(here(), RECEIVE, MACH_PORT_NULL), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_allocate_name(here(), RECEIVE, MACH_PORT_DEAD), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_allocate_name(here(), SEND, MACH_PORT_MAKE(41, 3)), KERN_INVALID_VALUE);
	for (int i = 0; i < 200; i++) {
		other = new_port();
		assert_int_not_equal(MACH_PORT_INDEX(other), 40);
	}
}

static void IPC0006_rename_moves_every_kind_of_right(void **state)
{
	mach_port_name_t port = new_port_with_send(), set = new_right(PORT_SET), dead = new_right(DEAD_NAME);
	mach_port_name_t once = give(port, MAKE_ONCE, alice), to = MACH_PORT_MAKE(900, 9), b;

	assert_int_equal(mach_port_insert_member(here(), port, set), KERN_SUCCESS);
	assert_int_equal(mach_port_rename(here(), port, to), KERN_SUCCESS);
	assert_int_equal(type_of(port), 0);
	assert_int_equal(type_of(to), MACH_PORT_TYPE_SEND_RECEIVE);
	send_id(to, 5);
	assert_int_equal(receive_id(set), 5);
	assert_int_equal(mach_port_rename(here(), set, to + 0x100), KERN_SUCCESS);
	assert_int_equal(mach_port_rename(here(), dead, to + 0x200), KERN_SUCCESS);
	assert_int_equal(mach_port_rename(here(), once, to + 0x300), KERN_SUCCESS);
	assert_int_equal(type_of(to + 0x100), MACH_PORT_TYPE_PORT_SET);
	assert_int_equal(type_of(to + 0x200), MACH_PORT_TYPE_DEAD_NAME);
	assert_int_equal(type_of(to + 0x300), MACH_PORT_TYPE_SEND_ONCE);
	assert_int_equal(mach_port_rename(here(), to, to + 0x100), KERN_NAME_EXISTS);
	assert_int_equal(mach_port_rename(here(), to, to), KERN_NAME_EXISTS);
	assert_int_equal(mach_port_rename(here(), 0x12345, 0x700), KERN_INVALID_NAME);
	assert_int_equal(mach_port_rename(here(), to, MACH_PORT_DEAD), KERN_INVALID_VALUE);
	b = give(to, COPY_SEND, bob);
	as(bob);
	assert_int_equal(mach_port_rename(here(), b, to), KERN_SUCCESS);
	as(alice);
	assert_int_equal(give(to, COPY_SEND, bob), to); /* found under its new name */
	send_id(to, 6);
	assert_int_equal(receive_id(to + 0x100), 6);
}

static void IPC0007_user_references_count_and_do_not_overflow(void **state)
{
	mach_port_name_t port = new_port_with_send(), dead = new_right(DEAD_NAME), once;

	assert_int_equal(mach_port_mod_refs(here(), port, SEND, 4), KERN_SUCCESS);
	assert_int_equal(refs(port, SEND), 5);
	assert_int_equal(status_of(port).mps_srights, 1);
	assert_int_equal(mach_port_mod_refs(here(), port, SEND, 65530), KERN_SUCCESS);
	assert_int_equal(mach_port_mod_refs(here(), port, SEND, 1), KERN_UREFS_OVERFLOW);
	assert_int_equal(mach_port_mod_refs(here(), port, SEND, INT32_MAX), KERN_UREFS_OVERFLOW);
	assert_int_equal(mach_port_mod_refs(here(), port, SEND, INT32_MIN), KERN_INVALID_VALUE);
	assert_int_equal(give(port, MAKE_SEND, alice), port); /* a message's right is absorbed */
	assert_int_equal(refs(port, SEND), 65535);
	assert_int_equal(mach_port_mod_refs(here(), port, SEND, -65536), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_mod_refs(here(), port, SEND, -65535), KERN_SUCCESS);
	assert_int_equal(type_of(port), MACH_PORT_TYPE_RECEIVE);
	assert_int_equal(status_of(port).mps_srights, 0);
	assert_int_equal(mach_port_mod_refs(here(), port, SEND, 1), KERN_INVALID_RIGHT);

	assert_int_equal(mach_port_mod_refs(here(), dead, DEAD_NAME, 65534), KERN_SUCCESS);
	assert_int_equal(mach_port_mod_refs(here(), dead, DEAD_NAME, 1), KERN_UREFS_OVERFLOW);
	assert_int_equal(mach_port_mod_refs(here(), dead, DEAD_NAME, -65535), KERN_SUCCESS);
	assert_int_equal(type_of(dead), 0);

	once = give(port, MAKE_ONCE, alice);
	assert_int_equal(mach_port_mod_refs(here(), once, SEND_ONCE, 0), KERN_SUCCESS);
	assert_int_equal(mach_port_mod_refs(here(), once, SEND_ONCE, 1), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_mod_refs(here(), once, SEND, -1), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_mod_refs(here(), once, 9, 0), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_mod_refs(here(), once, SEND_ONCE, -1), KERN_SUCCESS);
	receive_notification(port, MACH_NOTIFY_SEND_ONCE);
}

static void IPC0008_the_receive_right_goes_and_send_rights_become_dead_names(void **state)
{
	mach_port_name_t port = new_port_with_send(), b = give(port, COPY_SEND, bob), once, refs_n = 0;

	once = give(port, MAKE_ONCE, bob);
	assert_int_equal(mach_port_mod_refs(here(), port, RECEIVE, 1), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_mod_refs(here(), port, RECEIVE, 0), KERN_SUCCESS);
	assert_int_equal(mach_port_mod_refs(here(), port, RECEIVE, -1), KERN_SUCCESS);
	assert_int_equal(type_of(port), MACH_PORT_TYPE_DEAD_NAME);
	assert_int_equal(refs(port, DEAD_NAME), 1);
	assert_int_equal(mach_port_deallocate(here(), port), KERN_SUCCESS);
	assert_int_equal(type_of(port), 0);
	as(bob);
	assert_int_equal(type_of(b), MACH_PORT_TYPE_DEAD_NAME);
	assert_int_equal(type_of(once), MACH_PORT_TYPE_DEAD_NAME);
	assert_int_equal(mach_port_get_refs(here(), b, DEAD_NAME, &refs_n), KERN_SUCCESS);
	assert_int_equal(refs_n, 1);
	assert_int_equal(mach_port_mod_refs(here(), b, SEND, -1), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_mod_refs(here(), once, SEND_ONCE, -1), KERN_INVALID_RIGHT);
}

static void IPC0009_deallocate_takes_one_reference_of_send_rights_and_dead_names(void **state)
{
	mach_port_name_t port = new_port_with_send(), set = new_right(PORT_SET), once, dead;

	assert_int_equal(mach_port_mod_refs(here(), port, SEND, 1), KERN_SUCCESS);
	assert_int_equal(mach_port_deallocate(here(), port), KERN_SUCCESS);
	assert_int_equal(refs(port, SEND), 1);
	assert_int_equal(mach_port_deallocate(here(), port), KERN_SUCCESS);
	assert_int_equal(mach_port_deallocate(here(), port), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_deallocate(here(), set), KERN_SUCCESS); /* it has one */
	assert_int_equal(mach_port_deallocate(here(), set), KERN_INVALID_NAME);
	once = give(port, MAKE_ONCE, alice);
	assert_int_equal(mach_port_deallocate(here(), once), KERN_SUCCESS);
	receive_notification(port, MACH_NOTIFY_SEND_ONCE);
	dead = new_right(DEAD_NAME);
	assert_int_equal(mach_port_deallocate(here(), dead), KERN_SUCCESS);
	assert_int_equal(mach_port_deallocate(here(), dead), KERN_INVALID_NAME);
}

/* Which dispositions each right allows, by extract_right; what is left says whether it was moved. */
static void IPC0010_each_right_allows_its_dispositions_only(void **state)
{
	static const struct {
		mach_port_type_t right;
		mach_msg_type_name_t allowed[3];
	} table[] = {
		{ MACH_PORT_TYPE_RECEIVE, { MOVE_RECEIVE, MAKE_SEND, MAKE_ONCE } },
		{ MACH_PORT_TYPE_SEND, { MOVE_SEND, COPY_SEND, 0 } },
		{ MACH_PORT_TYPE_SEND_ONCE, { MOVE_ONCE, 0, 0 } },
		{ MACH_PORT_TYPE_DEAD_NAME, { MOVE_SEND, COPY_SEND, MOVE_ONCE } },
		{ MACH_PORT_TYPE_PORT_SET, { 0, 0, 0 } },
	};

	for (int r = 0; r < 5; r++)
		for (mach_msg_type_name_t d = MOVE_RECEIVE; d <= MAKE_ONCE; d++) {
			mach_port_name_t port = new_port(), name = port;
			const mach_msg_type_name_t *ok = table[r].allowed;
			bool allowed = d == ok[0] || d == ok[1] || d == ok[2];
			mach_msg_type_name_t type = 0;
			struct ipc_port *right;
			kern_return_t kr;

			if (table[r].right == MACH_PORT_TYPE_SEND) {
				name = give(port, MAKE_SEND, bob);
				as(bob);
			} else if (table[r].right == MACH_PORT_TYPE_SEND_ONCE) {
				name = give(port, MAKE_ONCE, bob);
				as(bob);
			} else if (table[r].right == MACH_PORT_TYPE_DEAD_NAME) {
				name = new_right(DEAD_NAME);
			} else if (table[r].right == MACH_PORT_TYPE_PORT_SET) {
				name = new_right(PORT_SET);
			}
			kr = mach_port_extract_right(here(), name, d, &right, &type);
			assert_int_equal(kr, allowed ? KERN_SUCCESS : KERN_INVALID_RIGHT);
			if (allowed) {
				bool moved = d == MOVE_RECEIVE || d == MOVE_SEND || d == MOVE_ONCE;

				assert_int_equal(type, ipc_right_type_taken(d));
				assert_int_equal(right == IP_DEAD,
						 table[r].right == MACH_PORT_TYPE_DEAD_NAME);
				assert_int_equal(type_of(name), moved ? 0 : table[r].right);
				ipc_port_release_right(right, type);
			} else {
				assert_int_equal(type_of(name), table[r].right);
			}
			as(alice);
		}
	struct ipc_port *right;
	mach_msg_type_name_t type;
	mach_port_name_t port = new_port();

	assert_int_equal(mach_port_extract_right(here(), port, 15, &right, &type), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_extract_right(here(), port, 22, &right, &type), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_extract_right(here(), 0x5000, MAKE_SEND, &right, &type),
			 KERN_INVALID_NAME);
}

static void IPC0011_insert_right_obeys_names_and_uniqueness(void **state)
{
	mach_port_name_t port = new_port(), other = new_port(), chosen = MACH_PORT_MAKE(77, 1);
	struct ipc_port *right;
	mach_msg_type_name_t type;

	assert_int_equal(mach_port_extract_right(here(), port, MAKE_SEND, &right, &type), KERN_SUCCESS);
	assert_int_equal(mach_port_insert_right(here(), chosen, right, type), KERN_RIGHT_EXISTS);
	assert_int_equal(mach_port_insert_right(here(), other, right, type), KERN_RIGHT_EXISTS);
	assert_int_equal(mach_port_insert_right(here(), port, right, type), KERN_SUCCESS);
	assert_int_equal(refs(port, SEND), 1);
	assert_int_equal(mach_port_mod_refs(here(), port, SEND, 65534), KERN_SUCCESS);
	assert_int_equal(mach_port_extract_right(here(), port, MAKE_SEND, &right, &type), KERN_SUCCESS);
	assert_int_equal(mach_port_insert_right(here(), port, right, type), KERN_UREFS_OVERFLOW);
	assert_int_equal(mach_port_insert_right(space_of(bob), chosen, right, type), KERN_SUCCESS);
	assert_int_equal(mach_port_extract_right(here(), other, MAKE_SEND, &right, &type), KERN_SUCCESS);
	assert_int_equal(mach_port_insert_right(space_of(bob), chosen, right, type), KERN_NAME_EXISTS);
	assert_int_equal(mach_port_insert_right(space_of(bob), MACH_PORT_NULL, right, type),
			 KERN_INVALID_VALUE);
	assert_int_equal(mach_port_insert_right(space_of(bob), chosen, right, 3), KERN_INVALID_VALUE);
	assert_int_equal(mach_port_insert_right(space_of(bob), chosen, IP_DEAD, type),
			 KERN_INVALID_CAPABILITY);
	destroy(other);
	assert_int_equal(mach_port_insert_right(space_of(bob), chosen + 256, right, type),
			 KERN_INVALID_CAPABILITY);
	ipc_port_release_send(right);
}

static void IPC0012_rights_to_one_port_gather_under_one_name(void **state)
{
	mach_port_name_t port = new_port(), b = give(port, MAKE_SEND, bob), back;

	assert_int_equal(give(port, MOVE_RECEIVE, bob), b);
	assert_int_equal(type_of(port), 0);
	as(bob);
	assert_int_equal(type_of(b), MACH_PORT_TYPE_SEND_RECEIVE);
	assert_int_equal(refs(b, SEND), 1);
	back = give(b, MOVE_RECEIVE, alice); /* the send right stays */
	assert_int_equal(type_of(b), MACH_PORT_TYPE_SEND);
	as(alice);
	assert_int_equal(type_of(back), MACH_PORT_TYPE_RECEIVE);
	as(bob);
	assert_int_equal(give(b, MOVE_SEND, alice), back);
	assert_int_equal(type_of(b), 0);
	as(alice);
	assert_int_equal(type_of(back), MACH_PORT_TYPE_SEND_RECEIVE);
	assert_int_equal(status_of(back).mps_srights, 1);
}

static uint32_t words(struct vm_map_copy *copy, uint32_t count, uint32_t *out)
{
	if (count)
		assert_int_equal(vm_map_copy_to_kernel(copy, 0, out, count * 4), KERN_SUCCESS);
	vm_map_copy_discard(copy);
	return count;
}

static void IPC0013_names_lists_every_name_with_its_type(void **state)
{
	mach_port_name_t made[200], names[256];
	mach_port_type_t types[256];
	struct vm_map_copy *name_copy, *type_copy;
	mach_msg_type_number_t n, nt;

	assert_int_equal(mach_port_names(here(), &name_copy, &n, &type_copy, &nt), KERN_SUCCESS);
	assert_int_equal(n, 0);
	assert_null(name_copy);
	for (int i = 0; i < 200; i++)
		made[i] = i % 2 ? new_port_with_send() : new_right(PORT_SET);
	assert_int_equal(mach_port_names(here(), &name_copy, &n, &type_copy, &nt), KERN_SUCCESS);
	assert_int_equal(n, 200);
	assert_int_equal(nt, 200);
	words(name_copy, n, names);
	words(type_copy, nt, types);
	for (int i = 0; i < 200; i++)
		for (uint32_t j = 0; j <= n; j++) {
			assert_int_not_equal(j, n);
			if (names[j] == made[i]) {
				assert_int_equal(types[j], i % 2 ? MACH_PORT_TYPE_SEND_RECEIVE
								 : MACH_PORT_TYPE_PORT_SET);
				break;
			}
		}
	assert_int_equal(mach_port_names(NULL, &name_copy, &n, &type_copy, &nt), KERN_INVALID_TASK);
}

static void IPC0014_attributes_are_checked_and_kept(void **state)
{
	mach_port_name_t port = new_port(), dead = new_right(DEAD_NAME);
	mach_msg_type_number_t count = 0;
	mach_port_rights_t srights;
	mach_port_limits_t l;
	uint64_t context;
	integer_t n;

	assert_int_equal(mach_port_get_attributes(here(), port, MACH_PORT_LIMITS_INFO, (integer_t *)&l, &count),
			 KERN_FAILURE);
	count = 1;
	assert_int_equal(mach_port_get_attributes(here(), port, MACH_PORT_LIMITS_INFO, (integer_t *)&l, &count),
			 KERN_SUCCESS);
	assert_int_equal(l.mpl_qlimit, MACH_PORT_QLIMIT_DEFAULT);
	set_limit(port, 17);
	assert_int_equal(status_of(port).mps_qlimit, 17);
	l.mpl_qlimit = MACH_PORT_QLIMIT_MAX + 1;
	assert_int_equal(mach_port_set_attributes(here(), port, MACH_PORT_LIMITS_INFO, (integer_t *)&l, 1),
			 KERN_INVALID_VALUE);
	assert_int_equal(mach_port_set_attributes(here(), port, MACH_PORT_LIMITS_INFO, (integer_t *)&l, 0),
			 KERN_FAILURE);
	assert_int_equal(mach_port_set_attributes(here(), port, MACH_PORT_RECEIVE_STATUS, (integer_t *)&l, 1),
			 KERN_INVALID_ARGUMENT);
	assert_int_equal(mach_port_get_attributes(here(), port, 99, (integer_t *)&l, &count),
			 KERN_INVALID_ARGUMENT);
	assert_int_equal(mach_port_get_attributes(here(), dead, MACH_PORT_LIMITS_INFO, (integer_t *)&l, &count),
			 KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_set_mscount(here(), port, 41), KERN_SUCCESS);
	assert_int_equal(mach_port_set_seqno(here(), port, 42), KERN_SUCCESS);
	give(port, MAKE_SEND, bob);
	assert_int_equal(status_of(port).mps_mscount, 42);
	assert_int_equal(status_of(port).mps_seqno, 42);
	assert_int_equal(mach_port_set_mscount(here(), dead, 1), KERN_INVALID_RIGHT);
	assert_int_equal(mach_port_set_seqno(here(), 0x9999, 1), KERN_INVALID_NAME);
	assert_int_equal(mach_port_get_srights(here(), port, &srights), KERN_SUCCESS);
	assert_int_equal(srights, 1);
	assert_int_equal(mach_port_set_context(here(), port, 1ULL << 40), KERN_SUCCESS);
	assert_int_equal(mach_port_get_context(here(), port, &context), KERN_SUCCESS);
	assert_true(context == 1ULL << 40);
	assert_int_equal(request(port, MACH_NOTIFY_DEAD_NAME, 0, port), KERN_SUCCESS);
	assert_int_equal(mach_port_get_attributes(here(), port, MACH_PORT_DNREQUESTS_SIZE, &n, &count),
			 KERN_SUCCESS);
	assert_int_equal(n, 1);
}

static void IPC0015_a_dead_space_answers_invalid_task(void **state)
{
	struct task *t = host_task_create(NULL, "short");
	struct ipc_space *space = space_of(t);
	mach_port_name_t port = new_port(), name;
	mach_port_type_t type;
	struct ipc_port *right;
	struct vm_map_copy *a, *b;
	mach_msg_type_number_t n, m;

	ipc_space_reference(space);
	give(port, MAKE_SEND, t);
	assert_int_equal(status_of(port).mps_srights, 1);
	host_task_destroy(t);
	assert_int_equal(status_of(port).mps_srights, 0);
	assert_int_equal(mach_port_allocate(space, RECEIVE, &name), KERN_INVALID_TASK);
	assert_int_equal(mach_port_type(space, 0x103, &type), KERN_INVALID_TASK);
	assert_int_equal(mach_port_names(space, &a, &n, &b, &m), KERN_INVALID_TASK);
	assert_int_equal(ipc_object_copyin(here(), port, MAKE_SEND, &right), KERN_SUCCESS);
	assert_int_equal(mach_port_insert_right(space, 0x103, right, MACH_MSG_TYPE_PORT_SEND),
			 KERN_INVALID_TASK);
	ipc_port_release_send(right);
	ipc_space_release(space);
}

static void IPC0016_own_task_traps_do_what_the_calls_do_and_refuse_others(void **state)
{
	mach_port_name_t self = mach_task_self(), name = 0, set = new_right(PORT_SET);
	mach_port_name_t other;
	mach_port_type_t type;

	other = 0;
	assert_int_equal(ipc_object_copyout(here(), retrieve_task_self(bob), MACH_MSG_TYPE_PORT_SEND, true,
					    &other),
			 KERN_SUCCESS);
	assert_int_equal(mach_port_allocate_trap(self, RECEIVE, (uintptr_t)&name), KERN_SUCCESS);
	assert_int_equal(type_of(name), MACH_PORT_TYPE_RECEIVE);
	assert_int_equal(mach_port_insert_right_trap(self, name, name, MAKE_SEND), KERN_SUCCESS);
	assert_int_equal(mach_port_type_trap(self, name, (uintptr_t)&type), KERN_SUCCESS);
	assert_int_equal(type, MACH_PORT_TYPE_SEND_RECEIVE);
	assert_int_equal(mach_port_mod_refs_trap(self, name, SEND, 2), KERN_SUCCESS);
	assert_int_equal(mach_port_deallocate_trap(self, name), KERN_SUCCESS);
	assert_int_equal(refs(name, SEND), 2);
	assert_int_equal(mach_port_insert_member_trap(self, name, set), KERN_SUCCESS);
	assert_int_equal(mach_port_extract_member_trap(self, name, set), KERN_SUCCESS);
	assert_int_equal(mach_port_move_member_trap(self, name, set), KERN_SUCCESS);
	assert_int_equal(mach_port_destroy_trap(self, name), KERN_SUCCESS);
	assert_int_equal(mach_port_allocate_trap(other, RECEIVE, (uintptr_t)&name), MACH_SEND_INVALID_DEST);
	assert_int_equal(mach_port_deallocate_trap(set, set), MACH_SEND_INVALID_DEST);
	assert_int_equal(mach_port_allocate_trap(self, RECEIVE, 8), KERN_MEMORY_FAILURE);
	assert_int_equal(mach_port_insert_right_trap(self, 0x9903, 0x8803, MAKE_SEND), KERN_INVALID_NAME);
	assert_int_equal(mach_port_insert_right_trap(self, 0x9903, set, 3), KERN_INVALID_VALUE);
	assert_int_equal(names_here(), 3);
}

static void IPC0017_task_and_thread_ports_name_their_objects_until_disabled(void **state)
{
	struct task *t = host_task_create(alice, "child");
	struct ipc_port *port = retrieve_task_self(t), *got;
	struct task *back = convert_port_to_task(port);
	struct thread *thread = current_thread();
	struct ipc_space *space;

	assert_ptr_equal(back, t);
	task_deallocate(back);
	space = convert_port_to_space(port);
	assert_ptr_equal(space, space_of(t));
	ipc_space_release(space);
	assert_null(convert_port_to_thread(port));
	assert_int_equal(ipc_task_get_special_port(t, TASK_HOST_PORT, &got), KERN_SUCCESS);
	assert_ptr_equal(got, ipc_host_port);
	assert_int_equal(ipc_task_set_special_port(t, TASK_BOOTSTRAP_PORT, got), KERN_SUCCESS);
	assert_int_equal(ipc_task_get_special_port(t, TASK_BOOTSTRAP_PORT, &got), KERN_SUCCESS);
	assert_ptr_equal(got, ipc_host_port);
	ipc_port_release_send(got);
	assert_int_equal(ipc_task_get_special_port(t, 99, &got), KERN_INVALID_ARGUMENT);
	task_reference(t);
	host_task_destroy(t);
	assert_null(convert_port_to_task(port));
	assert_int_equal(ipc_task_get_special_port(t, TASK_HOST_PORT, &got), KERN_FAILURE);
	assert_ptr_equal(convert_task_to_port(t), IP_NULL);
	ipc_port_release_send(port);

	assert_int_equal(ipc_thread_init(thread), KERN_SUCCESS);
	ipc_thread_enable(thread);
	assert_true(MACH_PORT_VALID(mach_thread_self()));
	assert_int_equal(mach_thread_self(), mach_thread_self());
	assert_ptr_equal(port_name_to_thread(mach_thread_self()), thread);
	thread_deallocate(thread);
	assert_true(MACH_PORT_VALID(mach_host_self()));
	assert_true(MACH_PORT_VALID(mach_reply_port()));
	ipc_thread_disable(thread);
	assert_null(port_name_to_thread(mach_thread_self()));
	ipc_thread_terminate(thread);
}

static void IPC0018_at_any_number_of_names_nothing_moves_and_chains_are_short(void **state)
{
	enum { PORTS = 100000, LONGEST = 16 };
	mach_port_name_t *there = malloc(PORTS * sizeof *there);
	uint8_t *chain = calloc(1, 1u << 20), longest = 0;
	struct ipc_space *space = space_of(bob);
	struct ipc_entry *first = NULL;

	for (uint32_t i = 0; i < PORTS; i++) {
		there[i] = give(new_port(), MAKE_SEND, bob);
		if (i == 500)
			first = ipc_entry_at(space, MACH_PORT_INDEX(there[500]));
	}
	assert_ptr_equal(first, ipc_entry_at(space, MACH_PORT_INDEX(there[500]))); /* growing copied no entry */
	assert_int_equal(space->is_hash_count, PORTS);
	assert_true(space->is_hash_buckets <= 1u << 20 && space->is_hash_buckets * 2 > PORTS);
	for (uint32_t i = 0; i < PORTS; i++) {
		struct ipc_entry *entry = ipc_entry_at(space, MACH_PORT_INDEX(there[i]));
		uint8_t *length = &chain[ipc_hash_bucket(space, entry->ie_object)];

		if (++*length > longest)
			longest = *length;
	}
	assert_in_range(longest, 1, LONGEST);
	free(chain);
	free(there);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ipc_test(IPC0001_each_kind_of_right_can_be_allocated_and_destroyed),
		ipc_test(IPC0002_a_reused_entry_has_another_name),
		ipc_test(IPC0003_a_hundred_thousand_names_are_found_each),
		ipc_test(IPC0004_send_rights_to_a_port_share_one_name_at_any_number_of_ports),
		ipc_test(IPC0005_a_right_can_be_made_under_a_chosen_name),
		ipc_test(IPC0006_rename_moves_every_kind_of_right),
		ipc_test(IPC0007_user_references_count_and_do_not_overflow),
		ipc_test(IPC0008_the_receive_right_goes_and_send_rights_become_dead_names),
		ipc_test(IPC0009_deallocate_takes_one_reference_of_send_rights_and_dead_names),
		ipc_test(IPC0010_each_right_allows_its_dispositions_only),
		ipc_test(IPC0011_insert_right_obeys_names_and_uniqueness),
		ipc_test(IPC0012_rights_to_one_port_gather_under_one_name),
		ipc_test(IPC0013_names_lists_every_name_with_its_type),
		ipc_test(IPC0014_attributes_are_checked_and_kept),
		ipc_test(IPC0015_a_dead_space_answers_invalid_task),
		ipc_test(IPC0016_own_task_traps_do_what_the_calls_do_and_refuse_others),
		ipc_test(IPC0017_task_and_thread_ports_name_their_objects_until_disabled),
		ipc_test(IPC0018_at_any_number_of_names_nothing_moves_and_chains_are_short),
	};

	return ipc_run(tests, sizeof tests / sizeof tests[0], "ipc_right");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Description: complex messages: rights, memory and arrays of rights in bodies; circles; deep chains; failures. */
#include "fixture.h"

#include <ipc/ipc_notify.h>
#include <stdlib.h>

static mach_msg_return_t send_complex(struct complex_msg *m, mach_port_name_t dest, uint32_t count, uint32_t bytes)
{
	m->base.header = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX,
					      .msgh_remote_port = dest };
	m->base.body = (mach_msg_body_t){ .msgh_descriptor_count = count };
	return mach_msg_trap((uintptr_t)m, MACH_SEND_MSG | MACH_SEND_TIMEOUT, (mach_msg_size_t)sizeof m->base + bytes, 0,
			     NONE, 0, NONE);
}

static mach_msg_return_t receive_complex(struct complex_msg *m, mach_port_name_t port)
{
	memset(m, 0xee, sizeof *m);
	return mach_msg_trap((uintptr_t)m, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof *m, port, 0, NONE);
}

static mach_msg_port_descriptor_t right(mach_port_name_t name, mach_msg_type_name_t disposition)
{
	return (mach_msg_port_descriptor_t){ .name = name, .disposition = (uint8_t)disposition,
					     .type = MACH_MSG_PORT_DESCRIPTOR };
}

static mach_msg_ool_descriptor_t memory(void *address, uint64_t size, bool deallocate)
{
	return (mach_msg_ool_descriptor_t){ .address = address, .size = size, .deallocate = deallocate,
					    .copy = MACH_MSG_VIRTUAL_COPY, .type = MACH_MSG_OOL_DESCRIPTOR };
}

static mach_msg_ool_ports_descriptor_t array(void *address, uint32_t count, mach_msg_type_name_t disposition)
{
	return (mach_msg_ool_ports_descriptor_t){ .address = address, .count = count,
						  .disposition = (uint8_t)disposition,
						  .copy = MACH_MSG_VIRTUAL_COPY,
						  .type = MACH_MSG_OOL_PORTS_DESCRIPTOR };
}

static void IPC0201_every_kind_of_right_travels_in_a_body(void **state)
{
	mach_port_name_t box = new_port(), to = give(box, MAKE_SEND, bob), mine;
	mach_msg_type_name_t got;

	as(bob);
	mine = new_port();
	assert_int_equal(send_right(to, mine, MAKE_SEND), MACH_MSG_SUCCESS);
	assert_int_equal(send_right(to, mine, MAKE_ONCE), MACH_MSG_SUCCESS);
	assert_int_equal(give(mine, MAKE_SEND, bob), mine);
	assert_int_equal(send_right(to, mine, COPY_SEND), MACH_MSG_SUCCESS);
	assert_int_equal(send_right(to, mine, MOVE_SEND), MACH_MSG_SUCCESS);
	assert_int_equal(type_of(mine), MACH_PORT_TYPE_RECEIVE);
	assert_int_equal(status_of(mine).mps_sorights, 1);
	as(alice);
	mine = receive_right(box, &got);
	assert_int_equal(got, MACH_MSG_TYPE_PORT_SEND);
	assert_int_equal(type_of(mine), MACH_PORT_TYPE_SEND);
	mach_port_name_t once = receive_right(box, &got);
	assert_int_equal(got, MACH_MSG_TYPE_PORT_SEND_ONCE);
	assert_int_equal(type_of(once), MACH_PORT_TYPE_SEND_ONCE);
	assert_int_equal(receive_right(box, &got), mine);
	assert_int_equal(receive_right(box, &got), mine);
	assert_int_equal(refs(mine, SEND), 3);
	/* the once right moves back, the receive right moves over */
	mach_port_name_t back = give(box, MAKE_SEND, alice);
	assert_int_equal(send_right(back, once, MOVE_ONCE), MACH_MSG_SUCCESS);
	once = receive_right(box, &got);
	assert_int_equal(got, MACH_MSG_TYPE_PORT_SEND_ONCE);
	assert_int_equal(send_right(back, new_port(), MOVE_RECEIVE), MACH_MSG_SUCCESS);
	assert_int_equal(type_of(receive_right(box, &got)), MACH_PORT_TYPE_RECEIVE);
	assert_int_equal(got, MACH_MSG_TYPE_PORT_RECEIVE);
	/* null and dead names are values */
	assert_int_equal(send_right(back, MACH_PORT_NULL, COPY_SEND), MACH_MSG_SUCCESS);
	assert_int_equal(send_right(back, MACH_PORT_DEAD, MOVE_RECEIVE), MACH_MSG_SUCCESS);
	assert_int_equal(receive_right(box, &got), MACH_PORT_NULL);
	assert_int_equal(receive_right(box, &got), MACH_PORT_DEAD);
}

static void IPC0202_a_moved_receive_right_takes_its_queue_along(void **state)
{
	mach_port_name_t box = new_port(), to = give(box, MAKE_SEND, bob), mine, there;

	as(bob);
	mine = new_port_with_send();
	send_id(mine, 71);
	assert_int_equal(send_right(to, mine, MOVE_RECEIVE), MACH_MSG_SUCCESS);
	assert_int_equal(type_of(mine), MACH_PORT_TYPE_SEND);
	send_id(mine, 72); /* in transit it still queues */
	as(alice);
	there = receive_right(box, NULL);
	assert_int_equal(receive_id(there), 71);
	assert_int_equal(receive_id(there), 72);
	as(bob);
	send_id(mine, 73);
	as(alice);
	assert_int_equal(receive_id(there), 73);
}

static void IPC0203_memory_arrives_as_it_was_sent(void **state)
{
	static uint8_t big[3 * 4096 + 17];
	mach_port_name_t port = new_port_with_send();
	struct complex_msg m;
	uint64_t moved = host_vm_moved;

	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (uint8_t)(i * 13);
	m.ool[0] = memory(big, sizeof big, false);
	m.ool[1] = memory(NULL, 0, true);
	m.ool[2] = memory(big + 5, 1, true);
	m.ool[3] = memory(big, 4096, false);
	m.ool[3].type = MACH_MSG_OOL_VOLATILE_DESCRIPTOR;
	m.ool[3].copy = MACH_MSG_PHYSICAL_COPY;
	assert_int_equal(send_complex(&m, port, 4, 4 * 24), MACH_MSG_SUCCESS);
	memset(big, 0, sizeof big); /* the copy is of then */
	assert_int_equal(receive_complex(&m, port), MACH_MSG_SUCCESS);
	assert_int_equal(host_vm_moved, moved + 1);
	assert_int_equal(m.base.body.msgh_descriptor_count, 4);
	assert_int_equal(m.ool[0].size, sizeof big);
	assert_int_equal(m.ool[0].deallocate, 1);
	assert_null(m.ool[1].address);
	assert_int_equal(m.ool[1].size, 0);
	assert_int_equal(m.ool[1].deallocate, 0);
	assert_int_equal(*(uint8_t *)m.ool[2].address, (uint8_t)(5 * 13));
	assert_int_equal(((uint8_t *)m.ool[3].address)[4095], (uint8_t)(4095 * 13));
	for (size_t i = 0; i < sizeof big; i++)
		assert_int_equal(((uint8_t *)m.ool[0].address)[i], (uint8_t)(i * 13));
	host_vm_deallocate((uintptr_t)m.ool[0].address, m.ool[0].size);
	host_vm_deallocate((uintptr_t)m.ool[2].address, 1);
	host_vm_deallocate((uintptr_t)m.ool[3].address, 4096);
}

static void IPC0204_arrays_of_rights_arrive_as_arrays_of_names(void **state)
{
	enum { N = 300 };
	mach_port_name_t port = new_port(), to = give(port, MAKE_SEND, bob), names[N], *got;
	struct complex_msg m;

	as(bob);
	for (int i = 0; i < N; i++)
		names[i] = i % 7 == 3 ? MACH_PORT_NULL : i % 7 == 5 ? MACH_PORT_DEAD : new_port();
	m.ports[0] = array(names, N, MAKE_SEND);
	m.ports[1] = array(names, 0, MAKE_ONCE);
	assert_int_equal(send_complex(&m, to, 2, 2 * 16), MACH_MSG_SUCCESS);
	assert_int_equal(status_of(names[0]).mps_srights, 1);
	as(alice);
	assert_int_equal(receive_complex(&m, port), MACH_MSG_SUCCESS);
	assert_int_equal(m.ports[0].count, N);
	assert_int_equal(m.ports[0].disposition, MACH_MSG_TYPE_PORT_SEND);
	assert_int_equal(m.ports[1].count, 0);
	assert_null(m.ports[1].address);
	got = m.ports[0].address;
	for (int i = 0; i < N; i++) {
		if (i % 7 == 3)
			assert_int_equal(got[i], MACH_PORT_NULL);
		else if (i % 7 == 5)
			assert_int_equal(got[i], MACH_PORT_DEAD);
		else
			assert_int_equal(type_of(got[i]), MACH_PORT_TYPE_SEND);
	}
	host_vm_deallocate((uintptr_t)got, N * 4);
}

static void IPC0205_a_bad_body_destroys_the_message_and_what_it_took(void **state)
{
	mach_port_name_t port = new_port_with_send(), set = new_right(PORT_SET), gone;
	static uint8_t page[64];
	struct complex_msg m;
	mach_port_name_t names[3] = { 0, 0, 0x99903 };
	uint32_t base = names_here();

	/* after a good right, each kind of bad descriptor */
	for (int bad = 0; bad < 11; bad++) {
		mach_msg_return_t want = MACH_SEND_INVALID_RIGHT;
		uint32_t bytes = 16 + 24, count = 2;

		gone = new_port();
		m.port[0] = right(gone, MOVE_RECEIVE);
		switch (bad) {
		case 0:
			m.port[1] = right(0x123403, COPY_SEND);
			break;
		case 1:
			m.port[1] = right(set, MOVE_RECEIVE);
			break;
		case 2:
			m.port[1] = right(port, 22);
			want = MACH_SEND_INVALID_TYPE;
			break;
		case 3:
			m.port[1] = right(port, COPY_SEND);
			m.port[1].type = 4;
			want = MACH_SEND_INVALID_TYPE;
			break;
		case 4:
			*(mach_msg_ool_descriptor_t *)&m.port[1] = memory((void *)64, 100, false);
			want = MACH_SEND_INVALID_MEMORY;
			break;
		case 5:
			*(mach_msg_ool_descriptor_t *)&m.port[1] = memory(page, 10, false);
			((mach_msg_ool_descriptor_t *)&m.port[1])->copy = MACH_MSG_ALLOCATE;
			want = MACH_SEND_INVALID_TYPE;
			break;
		case 6:
			names[0] = names[1] = port;
			m.ports[1] = array(names, 3, COPY_SEND);
			break;
		case 7:
			m.ports[1] = array((void *)64, 3, COPY_SEND);
			want = MACH_SEND_INVALID_MEMORY;
			break;
		case 8:
			m.ports[1] = array(names, 3, 3);
			want = MACH_SEND_INVALID_TYPE;
			break;
		case 9:
			m.ports[1] = array(names, 0x10000000, COPY_SEND);
			want = MACH_SEND_TOO_LARGE;
			break;
		default:
			m.port[1] = right(port, COPY_SEND);
			count = 3; /* more than there are */
			bytes = 32 + 8;
			want = MACH_SEND_MSG_TOO_SMALL;
		}
		assert_int_equal(send_complex(&m, port, count, bytes), want);
		assert_int_equal(refs(port, SEND), 1);
		assert_int_equal(status_of(port).mps_msgcount, 0);
		if (type_of(gone)) /* a fault found before any right was taken left it */
			destroy(gone);
		assert_int_equal(names_here(), base);
	}
	m.base.body.msgh_descriptor_count = 0xffffffff;
	assert_int_equal(send_complex(&m, port, 0xffffffff, 16), MACH_SEND_TOO_LARGE);
	m.base.header.msgh_bits = MACH_MSGH_BITS(COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG, 24, 0, NONE, 0, NONE), MACH_SEND_MSG_TOO_SMALL);
	assert_int_equal(send_complex(&m, port, 0, 0), MACH_MSG_SUCCESS); /* complex without descriptors */
}

static void IPC0206_a_destroyed_message_takes_its_rights_and_memory_along(void **state)
{
	static uint8_t page[4096];
	mach_port_name_t port = new_port_with_send(), note = new_port(), carried = new_port(), names[2];
	struct complex_msg m;

	assert_int_equal(request(carried, MACH_NOTIFY_NO_SENDERS, 1, note), KERN_SUCCESS);
	names[0] = names[1] = carried;
	m.ports[0] = array(names, 2, MAKE_SEND);
	m.port[1] = right(note, MAKE_ONCE);
	*(mach_msg_ool_descriptor_t *)&m.port[2] = memory(page, sizeof page, false);
	assert_int_equal(send_complex(&m, port, 3, 16 + 16 + 24), MACH_MSG_SUCCESS);
	assert_int_equal(status_of(carried).mps_srights, 1);
	destroy(port);
	assert_int_equal(status_of(carried).mps_srights, 0);
	assert_int_equal(receive_notification(note, MACH_NOTIFY_NO_SENDERS), 2);
	receive_notification(note, MACH_NOTIFY_SEND_ONCE);
	assert_empty(note);
}

static void IPC0207_a_circle_of_receive_rights_is_not_made(void **state)
{
	mach_port_name_t a = new_port_with_send(), b = new_port_with_send(), c = new_port_with_send(), note = new_port();

	assert_int_equal(request(a, MACH_NOTIFY_DEAD_NAME, 0, note), KERN_SUCCESS);
	/* a port in a message to itself: the message is destroyed, and with it the port */
	assert_int_equal(send_right(a, a, MOVE_RECEIVE), MACH_MSG_SUCCESS);
	assert_int_equal(type_of(a), MACH_PORT_TYPE_DEAD_NAME);
	assert_int_equal(receive_notification(note, MACH_NOTIFY_DEAD_NAME), a);
	/* b in c, then c to b */
	assert_int_equal(send_right(c, b, MOVE_RECEIVE), MACH_MSG_SUCCESS);
	assert_int_equal(type_of(b), MACH_PORT_TYPE_SEND);
	assert_int_equal(send_right(b, c, MOVE_RECEIVE), MACH_MSG_SUCCESS);
	assert_int_equal(type_of(b), MACH_PORT_TYPE_DEAD_NAME);
	assert_int_equal(type_of(c), MACH_PORT_TYPE_DEAD_NAME);
}

static void IPC0208_a_chain_of_ports_in_messages_is_destroyed_without_recursion(void **state)
{
	mach_port_name_t first = new_port_with_send(), last = first, next;

	for (int i = 0; i < 20000; i++) {
		next = new_port_with_send();
		assert_int_equal(send_right(next, last, MOVE_RECEIVE), MACH_MSG_SUCCESS);
		if (last != first)
			destroy(last);
		last = next;
	}
	assert_int_equal(type_of(first), MACH_PORT_TYPE_SEND);
	destroy(last);
	assert_int_equal(type_of(first), MACH_PORT_TYPE_DEAD_NAME);
}

static void IPC0209_a_chain_of_dying_kernel_objects_does_not_nest(void **state)
{
	enum { N = 5000 };
	mach_port_name_t note = new_port(), last = note;

	/* each port's port-destroyed right goes to the next one's message, all die together */
	for (int i = 0; i < N; i++) {
		mach_port_name_t p = new_port();

		assert_int_equal(request(p, MACH_NOTIFY_PORT_DESTROYED, 0, last), KERN_SUCCESS);
		last = p;
	}
	destroy(last);
	assert_int_equal(names_here(), N);
	destroy(note);
}

static void IPC0210_a_body_that_cannot_be_given_is_nulled_and_said(void **state)
{
	static uint8_t page[4096];
	mach_port_name_t port = new_port_with_send(), names[2] = { port, port };
	struct complex_msg m;

	m.ool[0] = memory(page, sizeof page, false);
	assert_int_equal(send_complex(&m, port, 1, 24), MACH_MSG_SUCCESS);
	host_alloc_fail_at(1, true);
	assert_int_equal(receive_complex(&m, port), MACH_RCV_BODY_ERROR | MACH_MSG_VM_SPACE);
	host_alloc_fail_at(0, false);
	assert_null(m.ool[0].address);
	assert_int_equal(m.ool[0].size, 0);
	m.ports[0] = array(names, 2, COPY_SEND);
	assert_int_equal(send_complex(&m, port, 1, 16), MACH_MSG_SUCCESS);
	host_alloc_fail_at(1, true);
	assert_int_equal(receive_complex(&m, port), MACH_RCV_BODY_ERROR | MACH_MSG_VM_KERNEL);
	host_alloc_fail_at(0, false);
	assert_null(m.ports[0].address);
	assert_int_equal(m.ports[0].count, 0);
	assert_int_equal(refs(port, SEND), 1);
	/* no room for a name: fill the space's chunk, then fail to add one */
	mach_port_name_t box = new_port(), to = give(box, MAKE_SEND, bob), mine;
	while (here()->is_free != 0)
		(void)new_right(DEAD_NAME);
	as(bob);
	mine = new_port();
	assert_int_equal(send_right(to, mine, MAKE_SEND), MACH_MSG_SUCCESS);
	assert_int_equal(try_send(to, COPY_SEND, mine, MAKE_ONCE, 5, 0, 0), MACH_MSG_SUCCESS);
	as(alice);
	host_alloc_fail_at(1, true);
	assert_int_equal(receive_complex(&m, box), MACH_RCV_BODY_ERROR | MACH_MSG_IPC_KERNEL);
	assert_int_equal(m.port[0].name, MACH_PORT_NULL);
	struct msg s;
	assert_int_equal(try_receive(box, &s, 0, 0), MACH_RCV_HEADER_ERROR | MACH_MSG_IPC_KERNEL);
	host_alloc_fail_at(0, false);
	assert_int_equal(s.h.msgh_local_port, box);
	assert_int_equal(s.h.msgh_remote_port, MACH_PORT_NULL);
	as(bob);
	assert_int_equal(status_of(mine).mps_srights, 0);
}

/* Everything a message can carry, sent and received with the n-th allocation failing, for each n. */
static void IPC0211_no_allocation_failure_leaks(void **state)
{
	static uint8_t page[4096];
	uint64_t lost = ipc_notify_lost;

	for (uint64_t n = 1;; n++) {
		struct host_memory before = host_memory_now();
		uint64_t regions = host_vm_regions(), allocations = host_alloc_count();
		struct task *t = host_task_create(NULL, "t");
		mach_port_name_t port, reply, names[4];
		struct complex_msg m;
		mach_msg_return_t sent, received = MACH_RCV_TIMED_OUT;

		as(t);
		port = new_port_with_send();
		reply = new_port();
		for (int i = 0; i < 4; i++)
			names[i] = new_port();
		m.ports[0] = array(names, 4, MAKE_SEND);
		m.port[1] = right(names[0], MOVE_RECEIVE);
		m.port[2] = right(reply, MAKE_ONCE);
		*(mach_msg_ool_descriptor_t *)&m.port[3] = memory(page, sizeof page, true);
		m.base.header = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE) |
								  MACH_MSGH_BITS_COMPLEX,
						     .msgh_remote_port = port,
						     .msgh_local_port = reply };
		m.base.body = (mach_msg_body_t){ .msgh_descriptor_count = 4 };
		allocations = host_alloc_count();
		host_alloc_fail_at(n, false);
		sent = mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof m.base + 3 * 16 + 24, 0,
				     NONE, 0, NONE);
		if (sent == MACH_MSG_SUCCESS)
			received = receive_complex(&m, port);
		allocations = host_alloc_count() - allocations;
		host_alloc_fail_at(0, false);
		if (received == MACH_MSG_SUCCESS || (received & ~MACH_MSG_MASK) == MACH_RCV_BODY_ERROR) {
			if (m.ports[0].address)
				host_vm_deallocate((uintptr_t)m.ports[0].address, 16);
			if (((mach_msg_ool_descriptor_t *)&m.port[3])->address)
				host_vm_deallocate((uintptr_t)((mach_msg_ool_descriptor_t *)&m.port[3])->address, 4096);
		}
		as(alice);
		host_task_destroy(t);
		ipc_kmsg_thread_done();
		struct host_memory after = host_memory_now();
		assert_memory_equal(&before, &after, sizeof after);
		assert_int_equal(regions, host_vm_regions());
		if (n > allocations) { /* nothing failed any more */
			assert_int_equal(sent, MACH_MSG_SUCCESS);
			assert_int_equal(received, MACH_MSG_SUCCESS);
			break;
		}
	}
	ipc_notify_lost = lost;
}

/* Likewise for the calls that make rights. */
static void IPC0212_failed_allocations_in_calls_change_nothing(void **state)
{
	mach_port_name_t port = new_port_with_send(), set = new_right(PORT_SET), name;
	struct ipc_port *notify, *previous;
	uint32_t names;

	while (here()->is_free != 0)
		(void)new_right(DEAD_NAME);
	names = names_here();
	host_alloc_fail_at(1, false);
	assert_int_equal(mach_port_allocate(here(), RECEIVE, &name), KERN_RESOURCE_SHORTAGE);
	host_alloc_fail_at(1, false);
	assert_int_equal(mach_port_allocate_name(here(), RECEIVE, MACH_PORT_MAKE(50000, 3)), KERN_RESOURCE_SHORTAGE);
	host_alloc_fail_at(2, false);
	assert_int_equal(mach_port_allocate_name(here(), RECEIVE, MACH_PORT_MAKE(50000, 3)), KERN_RESOURCE_SHORTAGE);
	host_alloc_fail_at(1, false);
	assert_int_equal(mach_port_insert_member(here(), port, set), KERN_RESOURCE_SHORTAGE);
	assert_int_equal(ipc_object_copyin(here(), port, MAKE_ONCE, &notify), KERN_SUCCESS);
	host_alloc_fail_at(1, false);
	assert_int_equal(mach_port_request_notification(here(), port, MACH_NOTIFY_DEAD_NAME, 0, notify, &previous),
			 KERN_RESOURCE_SHORTAGE);
	ipc_port_release_sonce(notify);
	assert_int_equal(names_here(), names);
	host_alloc_fail_at(1, false);
	assert_int_equal(try_send(port, COPY_SEND, NONE, 0, 1, 0, 0), MACH_SEND_NO_BUFFER);
	for (uint64_t n = 1; n < 8; n++) {
		host_alloc_fail_at(n, false);
		struct task *t = host_task_create(alice, "t");
		host_alloc_fail_at(0, false);
		if (t)
			host_task_destroy(t);
	}
}

/* ---- circles that several senders close at once ---- */

#define RING_MAX 5
#define RING_ROUNDS 400

static struct {
	mach_port_name_t ports[RING_MAX];
	_Atomic unsigned round, done;
	unsigned size;
} ring;

/* Send port number of every round into the queue of the next. */
static void ring_sender(void *arg)
{
	unsigned number = (unsigned)(uintptr_t)arg;

	for (unsigned round = 1; round <= RING_ROUNDS; round++) {
		while (atomic_load(&ring.round) < round)
			host_relax();
		assert_int_equal(send_right(ring.ports[(number + 1) % ring.size], ring.ports[number], MOVE_RECEIVE),
				 MACH_MSG_SUCCESS);
		atomic_fetch_add(&ring.done, 1);
	}
}

static void IPC0213_circles_closed_by_several_senders_at_once_are_found(void **state)
{
	struct thread *senders[RING_MAX];

	for (ring.size = 2; ring.size <= RING_MAX; ring.size++) {
		ring.round = ring.done = 0;
		for (unsigned i = 0; i < ring.size; i++)
			senders[i] = ipc_thread(alice, ring_sender, (void *)(uintptr_t)i);
		for (unsigned round = 1; round <= RING_ROUNDS; round++) {
			for (unsigned i = 0; i < ring.size; i++)
				ring.ports[i] = new_port_with_send();
			atomic_store(&ring.round, round);
			while (atomic_load(&ring.done) < round * ring.size)
				host_relax();
			for (unsigned i = 0; i < ring.size; i++) {
				assert_int_equal(type_of(ring.ports[i]), MACH_PORT_TYPE_DEAD_NAME);
				destroy(ring.ports[i]);
			}
		}
		for (unsigned i = 0; i < ring.size; i++)
			host_thread_join(senders[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ipc_test(IPC0201_every_kind_of_right_travels_in_a_body),
		ipc_test(IPC0202_a_moved_receive_right_takes_its_queue_along),
		ipc_test(IPC0203_memory_arrives_as_it_was_sent),
		ipc_test(IPC0204_arrays_of_rights_arrive_as_arrays_of_names),
		ipc_test(IPC0205_a_bad_body_destroys_the_message_and_what_it_took),
		ipc_test(IPC0206_a_destroyed_message_takes_its_rights_and_memory_along),
		ipc_test(IPC0207_a_circle_of_receive_rights_is_not_made),
		ipc_test(IPC0208_a_chain_of_ports_in_messages_is_destroyed_without_recursion),
		ipc_test(IPC0209_a_chain_of_dying_kernel_objects_does_not_nest),
		ipc_test(IPC0210_a_body_that_cannot_be_given_is_nulled_and_said),
		ipc_test(IPC0211_no_allocation_failure_leaks),
		ipc_test(IPC0212_failed_allocations_in_calls_change_nothing),
		ipc_test(IPC0213_circles_closed_by_several_senders_at_once_are_found),
	};

	return ipc_run(tests, sizeof tests / sizeof tests[0], "ipc_body");
}

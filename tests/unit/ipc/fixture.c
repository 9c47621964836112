/* SPDX-License-Identifier: BSD-2-Clause */
/* fixture.c - shared by the tests of kernel/ipc. */
#include "fixture.h"

#include <ipc/ipc_init.h>
#include <ipc/ipc_notify.h>
#include <stdlib.h>
unsigned alarm(unsigned seconds);

struct task *alice, *bob;
static struct host_memory before;
static uint64_t regions_before;

static void init_once(void)
{
	static bool done;

	if (!done)
		ipc_init();
	done = true;
}

int ipc_setup(void **state)
{
	init_once();
	ipc_kmsg_thread_done();
	before = host_memory_now();
	regions_before = host_vm_regions();
	alice = host_task_create(NULL, "alice");
	bob = host_task_create(NULL, "bob");
	as(alice);
	return 0;
}

static void drop_thread_rights(void)
{
	struct ipc_thread *ith = &current_thread()->ipc;

	if (ith->rpc_reply)
		ipc_port_dealloc_special(ith->rpc_reply);
	ith->rpc_reply = IP_NULL;
	ipc_kmsg_thread_done();
}

int ipc_teardown(void **state)
{
	struct host_memory after;

	host_alloc_fail_at(0, false);
	host_copy_fail_at(0);
	host_user_fault(NULL, 0);
	host_become(NULL);
	host_task_destroy(alice);
	host_task_destroy(bob);
	drop_thread_rights();
	after = host_memory_now();
	if (memcmp(&before, &after, sizeof before) != 0)
		host_memory_print();
	assert_int_equal(before.zone_objects, after.zone_objects);
	assert_int_equal(before.kalloc_blocks, after.kalloc_blocks);
	assert_int_equal(before.kalloc_bytes, after.kalloc_bytes);
	assert_int_equal(before.vm_copies, after.vm_copies);
	assert_int_equal(regions_before, host_vm_regions());
	assert_int_equal(ipc_host_port->ip_srights, 0);
	assert_int_equal(host_cpu.irq_depth, 0);
	return 0;
}

int ipc_run(const struct CMUnitTest *tests, size_t count, const char *name)
{
	alarm(300); /* a test that hangs fails */
	return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}

struct start {
	void (*fn)(void *);
	void *arg;
};

static void run_and_tidy(void *arg)
{
	struct start s = *(struct start *)arg;

	free(arg);
	s.fn(s.arg);
	drop_thread_rights();
}

struct thread *ipc_thread(struct task *task, void (*fn)(void *), void *arg)
{
	struct start *s = malloc(sizeof *s);

	*s = (struct start){ fn, arg };
	return host_thread_start(task, run_and_tidy, s);
}

struct ipc_space *space_of(struct task *t)
{
	return t->ipc.space;
}

struct ipc_space *here(void)
{
	return space_of(current_task());
}

void as(struct task *t)
{
	host_become(t);
}

mach_port_name_t new_right(mach_port_right_t right)
{
	mach_port_name_t name = 0;

	assert_int_equal(mach_port_allocate(here(), right, &name), KERN_SUCCESS);
	return name;
}

mach_port_name_t new_port(void)
{
	return new_right(RECEIVE);
}

mach_port_name_t new_port_with_send(void)
{
	mach_port_name_t name = new_port();

	assert_int_equal(give(name, MAKE_SEND, current_task()), name);
	return name;
}

mach_port_name_t give(mach_port_name_t name, mach_msg_type_name_t disposition, struct task *to)
{
	struct ipc_port *port;
	mach_msg_type_name_t type;
	mach_port_name_t there = 0;

	assert_int_equal(mach_port_extract_right(here(), name, disposition, &port, &type), KERN_SUCCESS);
	assert_int_equal(ipc_object_copyout(space_of(to), port, type, true, &there), KERN_SUCCESS);
	return there;
}

mach_port_type_t type_of(mach_port_name_t name)
{
	mach_port_type_t type = 0;

	return mach_port_type(here(), name, &type) == KERN_SUCCESS ? type : 0;
}

uint32_t refs(mach_port_name_t name, mach_port_right_t right)
{
	uint32_t n = 0;

	assert_int_equal(mach_port_get_refs(here(), name, right, &n), KERN_SUCCESS);
	return n;
}

mach_port_status_t status_of(mach_port_name_t name)
{
	mach_port_status_t s;
	mach_msg_type_number_t count = MACH_PORT_RECEIVE_STATUS_COUNT;

	assert_int_equal(mach_port_get_attributes(here(), name, MACH_PORT_RECEIVE_STATUS,
						  (integer_t *)&s, &count),
			 KERN_SUCCESS);
	assert_int_equal(count, MACH_PORT_RECEIVE_STATUS_COUNT);
	return s;
}

void set_limit(mach_port_name_t name, uint32_t limit)
{
	mach_port_limits_t l = { limit };

	assert_int_equal(mach_port_set_attributes(here(), name, MACH_PORT_LIMITS_INFO,
						  (const integer_t *)&l, MACH_PORT_LIMITS_INFO_COUNT),
			 KERN_SUCCESS);
}

void destroy(mach_port_name_t name)
{
	assert_int_equal(mach_port_destroy(here(), name), KERN_SUCCESS);
}

uint32_t names_here(void)
{
	struct ipc_space *space = here();
	uint32_t names;

	is_lock(space);
	names = space->is_names;
	is_unlock(space);
	return names;
}

mach_msg_return_t try_send(mach_port_name_t dest, mach_msg_type_name_t dest_type,
			   mach_port_name_t reply, mach_msg_type_name_t reply_type, mach_msg_id_t id,
			   mach_msg_option_t option, mach_msg_timeout_t timeout)
{
	struct msg m = { .h = { .msgh_bits = MACH_MSGH_BITS(dest_type, reply_type),
				.msgh_remote_port = dest,
				.msgh_local_port = reply,
				.msgh_id = id } };

	for (int i = 0; i < BODY_WORDS; i++)
		m.body[i] = (uint32_t)(id * 31 + i);
	return mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG | option, MSG_SIZE, 0, NONE, timeout, NONE);
}

void send_id(mach_port_name_t dest, mach_msg_id_t id)
{
	assert_int_equal(try_send(dest, COPY_SEND, NONE, 0, id, MACH_SEND_TIMEOUT, 0), MACH_MSG_SUCCESS);
}

mach_msg_return_t try_receive(mach_port_name_t name, struct msg *m, mach_msg_option_t option,
			      mach_msg_timeout_t timeout)
{
	memset(m, 0xee, sizeof *m);
	return mach_msg_trap((uintptr_t)m, MACH_RCV_MSG | option, 0, sizeof *m, name, timeout, NONE);
}

mach_msg_id_t receive_id(mach_port_name_t name)
{
	struct msg m;

	assert_int_equal(try_receive(name, &m, MACH_RCV_TIMEOUT, 0), MACH_MSG_SUCCESS);
	assert_int_equal(m.h.msgh_size, MSG_SIZE);
	for (int i = 0; i < BODY_WORDS; i++)
		assert_int_equal(m.body[i], (uint32_t)(m.h.msgh_id * 31 + i));
	return m.h.msgh_id;
}

void assert_empty(mach_port_name_t name)
{
	struct msg m;

	assert_int_equal(try_receive(name, &m, MACH_RCV_TIMEOUT, 0), MACH_RCV_TIMED_OUT);
}

uint32_t receive_notification(mach_port_name_t name, mach_msg_id_t id)
{
	struct msg m;

	assert_int_equal(try_receive(name, &m, MACH_RCV_TIMEOUT, 0), MACH_MSG_SUCCESS);
	assert_int_equal(m.h.msgh_id, id);
	assert_int_equal(m.h.msgh_bits, MACH_MSGH_BITS(0, MACH_MSG_TYPE_PORT_SEND_ONCE));
	return id == MACH_NOTIFY_SEND_ONCE ? 0 : m.body[0];
}

kern_return_t request(mach_port_name_t name, mach_msg_id_t id, uint32_t sync, mach_port_name_t to)
{
	struct ipc_port *notify = IP_NULL, *previous;
	kern_return_t kr;

	if (to != NONE)
		assert_int_equal(ipc_object_copyin(here(), to, MAKE_ONCE, &notify), KERN_SUCCESS);
	kr = mach_port_request_notification(here(), name, id, sync, notify, &previous);
	if (kr == KERN_SUCCESS)
		ipc_port_release_right(previous, MACH_MSG_TYPE_PORT_SEND_ONCE);
	else
		ipc_port_release_sonce(notify);
	return kr;
}

mach_msg_return_t send_right(mach_port_name_t dest, mach_port_name_t name, mach_msg_type_name_t disposition)
{
	struct complex_msg m = { .base = { { .msgh_bits = MACH_MSGH_BITS(COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX,
					     .msgh_remote_port = dest },
					   { .msgh_descriptor_count = 1 } } };

	m.port[0] = (mach_msg_port_descriptor_t){ .name = name, .disposition = (uint8_t)disposition,
						  .type = MACH_MSG_PORT_DESCRIPTOR };
	return mach_msg_trap((uintptr_t)&m, MACH_SEND_MSG | MACH_SEND_TIMEOUT,
			     sizeof m.base + sizeof m.port[0], 0, NONE, 0, NONE);
}

mach_port_name_t receive_right(mach_port_name_t name, mach_msg_type_name_t *disposition)
{
	struct complex_msg m;

	assert_int_equal(mach_msg_trap((uintptr_t)&m, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof m, name, 0,
				       NONE),
			 MACH_MSG_SUCCESS);
	assert_int_equal(m.base.body.msgh_descriptor_count, 1);
	assert_int_equal(m.port[0].type, MACH_MSG_PORT_DESCRIPTOR);
	if (disposition)
		*disposition = m.port[0].disposition;
	return m.port[0].name;
}

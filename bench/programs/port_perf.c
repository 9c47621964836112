/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port_perf.c - the bench's program for the calls on ports, on our nodes: rows named as OSF mach_perf's port tests.
 *
 *   port_perf N        every row, N rounds each
 *
 * A row is one call on the own task's space, by the traps that the library uses where there are such.
 */
#include <mach/mach.h>
#include <mach/mach_port.h>
#include <mach/notify.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "measure.h"

static mach_port_t self;

struct call {
	mach_port_t port, other, set; /* a receive right with a send right, another one, a port set */
	mach_port_t name;             /* what the call made */
};

static void
do_nothing(struct call *c)
{
}

static void
allocate(struct call *c)
{
	check(mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &c->name), "mach_port_allocate");
}

static void
allocate_set(struct call *c)
{
	check(mach_port_allocate(self, MACH_PORT_RIGHT_PORT_SET, &c->name), "mach_port_allocate");
}

static void
allocate_dead(struct call *c)
{
	check(mach_port_allocate(self, MACH_PORT_RIGHT_DEAD_NAME, &c->name), "mach_port_allocate");
}

static void
allocate_name(struct call *c)
{
	c->name = 0x7003;
	check(mach_port_allocate_name(self, MACH_PORT_RIGHT_RECEIVE, c->name), "mach_port_allocate_name");
}

static void
allocate_with_send(struct call *c)
{
	allocate(c);
	check(mach_port_insert_right(self, c->name, c->name, MACH_MSG_TYPE_MAKE_SEND), "mach_port_insert_right");
}

static void
destroy(struct call *c)
{
	check(mach_port_destroy(self, c->name), "mach_port_destroy");
}

static void
deallocate(struct call *c)
{
	check(mach_port_deallocate(self, c->name), "mach_port_deallocate");
}

static void
insert_right(struct call *c)
{
	check(mach_port_insert_right(self, c->port, c->port, MACH_MSG_TYPE_MAKE_SEND), "mach_port_insert_right");
}

static void
deallocate_port(struct call *c)
{
	check(mach_port_deallocate(self, c->port), "mach_port_deallocate");
}

static void
extract_right(struct call *c)
{
	mach_msg_type_name_t type;

	check(mach_port_extract_right(self, c->port, MACH_MSG_TYPE_MAKE_SEND, &c->name, &type), "mach_port_extract_right");
}

static void
get_refs(struct call *c)
{
	mach_port_urefs_t refs;

	check(mach_port_get_refs(self, c->port, MACH_PORT_RIGHT_SEND, &refs), "mach_port_get_refs");
}

static void
mod_refs_up(struct call *c)
{
	check(mach_port_mod_refs(self, c->port, MACH_PORT_RIGHT_SEND, 1), "mach_port_mod_refs");
}

static void
mod_refs_down(struct call *c)
{
	check(mach_port_mod_refs(self, c->port, MACH_PORT_RIGHT_SEND, -1), "mach_port_mod_refs");
}

static void
type(struct call *c)
{
	mach_port_type_t t;

	check(mach_port_type(self, c->port, &t), "mach_port_type");
}

static void
rename_back_and_forth(struct call *c)
{
	mach_port_t to = c->name == 0x8003 ? 0x9003 : 0x8003;

	check(mach_port_rename(self, c->name, to), "mach_port_rename");
	c->name = to;
}

static void
names(struct call *c)
{
	mach_port_name_array_t list;
	mach_port_type_array_t types;
	mach_msg_type_number_t count, types_count;

	check(mach_port_names(self, &list, &count, &types, &types_count), "mach_port_names");
	check(mach_vm_deallocate(self, (mach_vm_address_t)(uintptr_t)list, count * sizeof *list), "mach_vm_deallocate");
	check(mach_vm_deallocate(self, (mach_vm_address_t)(uintptr_t)types, types_count * sizeof *types), "mach_vm_deallocate");
}

static void
get_attributes(struct call *c)
{
	mach_port_status_t status;
	mach_msg_type_number_t count = MACH_PORT_RECEIVE_STATUS_COUNT;

	check(mach_port_get_attributes(self, c->port, MACH_PORT_RECEIVE_STATUS, (mach_port_info_t)&status, &count),
	      "mach_port_get_attributes");
}

static void
set_attributes(struct call *c)
{
	mach_port_limits_t limits = { MACH_PORT_QLIMIT_DEFAULT };

	check(mach_port_set_attributes(self, c->port, MACH_PORT_LIMITS_INFO, (mach_port_info_t)&limits, MACH_PORT_LIMITS_INFO_COUNT),
	      "mach_port_set_attributes");
}

static void
set_mscount(struct call *c)
{
	check(mach_port_set_mscount(self, c->port, 1), "mach_port_set_mscount");
}

static void
move_in(struct call *c)
{
	check(mach_port_move_member(self, c->port, c->set), "mach_port_move_member");
}

static void
move_out(struct call *c)
{
	check(mach_port_move_member(self, c->port, MACH_PORT_NULL), "mach_port_move_member");
}

static void
get_set_status(struct call *c)
{
	mach_port_name_array_t list;
	mach_msg_type_number_t count;

	check(mach_port_get_set_status(self, c->set, &list, &count), "mach_port_get_set_status");
	if (count != 0)
		check(mach_vm_deallocate(self, (mach_vm_address_t)(uintptr_t)list, count * sizeof *list), "mach_vm_deallocate");
}

static void
request_notification(struct call *c)
{
	check(mach_port_request_notification(self, c->port, MACH_NOTIFY_NO_SENDERS, 1000000, c->other, MACH_MSG_TYPE_MAKE_SEND_ONCE,
					     &c->name), "mach_port_request_notification");
}

static void
cancel_notification(struct call *c)
{
	check(mach_port_request_notification(self, c->port, MACH_NOTIFY_NO_SENDERS, 0, MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE,
					     &c->name), "mach_port_request_notification");
	check(mach_port_deallocate(self, c->name), "mach_port_deallocate");
	/* the send-once right died: its port has a message */
	for (;;) {
		mach_msg_empty_rcv_t m;

		if (mach_msg(&m.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof m, c->other, 0, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
			break;
	}
}

static void
row(const char *name, unsigned n, void (*before)(struct call *), void (*timed)(struct call *), void (*after)(struct call *))
{
	struct measure m = measure_begin(n);
	struct call c = { 0 };

	allocate_set(&c);
	c.set = c.name;
	allocate(&c);
	c.other = c.name;
	allocate_with_send(&c);
	c.port = c.name;
	if (timed == rename_back_and_forth)
		allocate(&c);
	for (unsigned i = 0; i < n; i++) {
		uint64_t start;

		before(&c);
		start = measure_tsc();
		timed(&c);
		measure_add(&m, measure_tsc() - start);
		after(&c);
	}
	measure_end(&m, 1);
	measure_print(name, "local", n, m.p50_us, m.p99_us);
	if (timed == rename_back_and_forth)
		destroy(&c);
	(void)mach_port_destroy(self, c.port);
	(void)mach_port_destroy(self, c.other);
	(void)mach_port_destroy(self, c.set);
}

int
main(int argc, char **argv)
{
	unsigned n = argc == 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;

	if (n == 0) {
		puts("usage: port_perf N");
		return 2;
	}
	self = mach_task_self();
	row("mach_port_allocate (receive)", n, do_nothing, allocate, destroy);
	row("mach_port_allocate (port set)", n, do_nothing, allocate_set, destroy);
	row("mach_port_allocate (dead name)", n, do_nothing, allocate_dead, deallocate);
	row("mach_port_allocate_name", n, do_nothing, allocate_name, destroy);
	row("mach_port_destroy", n, allocate_with_send, destroy, do_nothing);
	row("mach_port_deallocate", n, extract_right, deallocate, do_nothing);
	row("mach_port_insert_right", n, do_nothing, insert_right, deallocate_port);
	row("mach_port_extract_right", n, do_nothing, extract_right, deallocate);
	row("mach_port_get_refs", n, do_nothing, get_refs, do_nothing);
	row("mach_port_mod_refs", n, do_nothing, mod_refs_up, mod_refs_down);
	row("mach_port_type", n, do_nothing, type, do_nothing);
	row("mach_port_rename", n, do_nothing, rename_back_and_forth, do_nothing);
	row("mach_port_names", n, do_nothing, names, do_nothing);
	row("mach_port_get_attributes", n, do_nothing, get_attributes, do_nothing);
	row("mach_port_set_attributes", n, do_nothing, set_attributes, do_nothing);
	row("mach_port_set_mscount", n, do_nothing, set_mscount, do_nothing);
	row("mach_port_move_member", n, do_nothing, move_in, move_out);
	row("mach_port_get_set_status", n, move_in, get_set_status, move_out);
	row("mach_port_request_notification", n, do_nothing, request_notification, cancel_notification);
	puts("BENCH-DONE");
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port_calls.h - every call of mach_port on a task's space, with each of its errors. The task may be one's own (many calls
 * are traps then), another of this node, or one of another node; it leaves the space as it was.
 */
#pragma once

#include "tap.h"

#include <mach/notify.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PC_WAIT_MS 5000 /* for a notification that comes */
#define PC_NO_NAME ((mach_port_name_t)0x45603)
#define PC_GUARD 0x123456789abcdefull
#define PC_UREFS_MAX 65535

struct port_place {
	mach_port_t task;
	const char *where;
	bool moves;                 /* receive rights may be moved to and from it */
	unsigned (*violations)(void); /* EXC_GUARD that this thread raised so far; NULL: it raises none */
};

static inline void pc_is(const struct port_place *p, kern_return_t got, kern_return_t wanted, const char *what)
{
	if (got != wanted)
		printf("# got %s (%#x), wanted %s\n", mach_error_string(got), (unsigned)got, mach_error_string(wanted));
	tap(got == wanted, "%s, %s", what, p->where);
}

static inline void pc_true(const struct port_place *p, bool good, const char *what)
{
	tap(good, "%s, %s", what, p->where);
}

/* A name that nobody has: not chosen before, and far from those that the kernel picks. */
static inline mach_port_name_t pc_chosen(void)
{
	static mach_port_name_t last = 0x500003;

	return last += 0x100;
}

/* The call answered this, and raised one exception more, if such a thread raises any. */
static inline void pc_violated(const struct port_place *p, unsigned before, kern_return_t got, kern_return_t wanted,
			       const char *what)
{
	unsigned raised = p->violations ? p->violations() - before : 1;

	pc_is(p, got, wanted, what);
	if (raised != 1)
		printf("# %u exceptions were raised\n", raised);
	tap(raised == 1, "%s: with its exception, %s", what, p->where);
}

static inline unsigned pc_raised(const struct port_place *p)
{
	return p->violations ? p->violations() : 0;
}

#define pc_violates(p, call, wanted, what) \
	do { \
		unsigned before_ = pc_raised(p); \
		kern_return_t got_ = (call); \
		pc_violated(p, before_, got_, wanted, what); \
	} while (0)

static inline mach_port_t pc_own_port(void)
{
	mach_port_t port = MACH_PORT_NULL;

	if (mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port) != KERN_SUCCESS)
		exit(1);
	return port;
}

static inline mach_port_name_t pc_allocate(const struct port_place *p, mach_port_right_t right)
{
	mach_port_name_t name = MACH_PORT_NULL;

	if (mach_port_allocate(p->task, right, &name) != KERN_SUCCESS)
		exit(1);
	return name;
}

static inline mach_port_type_t pc_type(const struct port_place *p, mach_port_name_t name)
{
	mach_port_type_t type = 0;

	return mach_port_type(p->task, name, &type) == KERN_SUCCESS ? type : 0;
}

static inline mach_port_urefs_t pc_refs(const struct port_place *p, mach_port_name_t name, mach_port_right_t right)
{
	mach_port_urefs_t refs = 0;

	return mach_port_get_refs(p->task, name, right, &refs) == KERN_SUCCESS ? refs : 0;
}

/* A send right of ours to a port of the place's. */
static inline mach_port_t pc_make_send(const struct port_place *p, mach_port_name_t name)
{
	mach_port_t right = MACH_PORT_NULL;
	mach_msg_type_name_t type;

	if (mach_port_extract_right(p->task, name, MACH_MSG_TYPE_MAKE_SEND, &right, &type) != KERN_SUCCESS ||
	    type != MACH_MSG_TYPE_PORT_SEND)
		return MACH_PORT_NULL;
	return right;
}

static inline mach_msg_return_t pc_send(mach_port_t to, mach_msg_id_t id, mach_msg_option_t option)
{
	mach_msg_header_t head = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0), .msgh_size = sizeof(head),
				   .msgh_remote_port = to, .msgh_id = id };

	return mach_msg(&head, MACH_SEND_MSG | MACH_SEND_TIMEOUT | option, sizeof(head), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

/* The id of the next message at our port; *number: the name or count a notification tells. 0: none came. */
static inline mach_msg_id_t pc_receive(mach_port_t port, unsigned ms, natural_t *number)
{
	union {
		mach_msg_header_t head;
		mach_dead_name_notification_t word;
		mach_port_destroyed_notification_t right;
		uint8_t room[512];
	} m;

	*number = 0;
	if (mach_msg(&m.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(m), port, ms, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
		return 0;
	if (m.head.msgh_id == MACH_NOTIFY_PORT_DESTROYED)
		*number = m.right.not_port.name;
	else if (m.head.msgh_size > sizeof(m.head))
		*number = m.word.not_port;
	return m.head.msgh_id;
}

static inline kern_return_t pc_request(const struct port_place *p, mach_port_name_t name, mach_msg_id_t id,
				       mach_port_mscount_t sync, mach_port_t tell, mach_port_t *previous)
{
	return mach_port_request_notification(p->task, name, id, sync, tell, MACH_MSG_TYPE_MAKE_SEND_ONCE, previous);
}

/* ---- names ---- */

static inline void pc_names(const struct port_place *p)
{
	mach_port_name_t a = pc_chosen(), b = pc_chosen(), c = pc_chosen();
	mach_port_name_t name = MACH_PORT_NULL, set = MACH_PORT_NULL, dead = MACH_PORT_NULL;
	mach_port_name_array_t names = NULL;
	mach_port_type_array_t types = NULL;
	mach_msg_type_number_t n = 0, m = 0;
	mach_port_type_t type = 0;
	unsigned found = 0;

	pc_is(p, mach_port_allocate(p->task, MACH_PORT_RIGHT_RECEIVE, &name), KERN_SUCCESS, "PORT0001 a receive right is allocated");
	pc_is(p, mach_port_allocate(p->task, MACH_PORT_RIGHT_PORT_SET, &set), KERN_SUCCESS, "PORT0002 a port set");
	pc_is(p, mach_port_allocate(p->task, MACH_PORT_RIGHT_DEAD_NAME, &dead), KERN_SUCCESS, "PORT0003 a dead name");
	pc_is(p, mach_port_allocate(p->task, MACH_PORT_RIGHT_SEND, &name), KERN_INVALID_VALUE, "PORT0004 a send right is not");
	pc_is(p, mach_port_names(p->task, &names, &n, &types, &m), KERN_SUCCESS, "PORT0005 names are listed");
	for (unsigned i = 0; i < n && n == m; i++)
		found += (names[i] == name && types[i] == MACH_PORT_TYPE_RECEIVE) ||
			 (names[i] == set && types[i] == MACH_PORT_TYPE_PORT_SET) ||
			 (names[i] == dead && types[i] == MACH_PORT_TYPE_DEAD_NAME);
	pc_true(p, found == 3, "PORT0006 with their types");
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)names, n * sizeof(*names));
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)types, m * sizeof(*types));
	pc_is(p, mach_port_type(p->task, PC_NO_NAME, &type), KERN_INVALID_NAME, "PORT0007 what is no name has no type");
	pc_is(p, mach_port_type(p->task, MACH_PORT_NULL, &type), KERN_INVALID_NAME, "PORT0008 nor has MACH_PORT_NULL");
	pc_true(p, mach_port_type(p->task, MACH_PORT_DEAD, &type) == KERN_SUCCESS && type == MACH_PORT_TYPE_DEAD_NAME,
		"PORT0009 MACH_PORT_DEAD is a dead name");

	pc_is(p, mach_port_rename(p->task, name, a), KERN_SUCCESS, "PORT0010 a right gets another name");
	pc_true(p, pc_type(p, a) == MACH_PORT_TYPE_RECEIVE && pc_type(p, name) == 0, "PORT0011 and loses its old");
	pc_is(p, mach_port_rename(p->task, set, a), KERN_NAME_EXISTS, "PORT0012 not one that is in use");
	pc_is(p, mach_port_rename(p->task, PC_NO_NAME, c), KERN_INVALID_NAME, "PORT0013 no name is not renamed");
	pc_is(p, mach_port_rename(p->task, set, MACH_PORT_DEAD), KERN_INVALID_VALUE, "PORT0014 nor to MACH_PORT_DEAD");
	pc_is(p, mach_port_allocate_name(p->task, MACH_PORT_RIGHT_RECEIVE, b), KERN_SUCCESS,
	      "PORT0015 a port under a chosen name");
	pc_is(p, mach_port_allocate_name(p->task, MACH_PORT_RIGHT_PORT_SET, b), KERN_NAME_EXISTS,
	      "PORT0016 once");
	pc_is(p, mach_port_allocate_name(p->task, MACH_PORT_RIGHT_PORT_SET, MACH_PORT_NULL), KERN_INVALID_VALUE,
	      "PORT0017 not under MACH_PORT_NULL");
	pc_is(p, mach_port_allocate_name(p->task, MACH_PORT_RIGHT_SEND_ONCE, c), KERN_INVALID_VALUE,
	      "PORT0018 not of every kind");
	pc_is(p, mach_port_destroy(p->task, b), KERN_SUCCESS, "PORT0019 a right is destroyed");
	pc_is(p, mach_port_destroy(p->task, b), KERN_INVALID_NAME, "PORT0020 once");
	pc_is(p, mach_port_destroy(p->task, MACH_PORT_NULL), KERN_SUCCESS, "PORT0021 of MACH_PORT_NULL there is nothing to destroy");
	(void)mach_port_destroy(p->task, a);
	(void)mach_port_destroy(p->task, set);
	(void)mach_port_destroy(p->task, dead);
}

static inline void pc_allocate_full(const struct port_place *p)
{
	mach_port_name_t a = pc_chosen();
	mach_port_qos_t qos = { .prealloc = 1, .len = 100 };
	mach_port_name_t name = MACH_PORT_NULL;
	mach_port_t mine = pc_own_port();

	(void)mach_port_insert_right(mach_task_self(), mine, mine, MACH_MSG_TYPE_MAKE_SEND);
	pc_is(p, mach_port_allocate_qos(p->task, MACH_PORT_RIGHT_RECEIVE, &qos, &name), KERN_SUCCESS,
	      "PORT0030 a port with memory for a notification");
	(void)mach_port_destroy(p->task, name);
	qos.len = 1u << 30;
	pc_is(p, mach_port_allocate_qos(p->task, MACH_PORT_RIGHT_RECEIVE, &qos, &name), KERN_RESOURCE_SHORTAGE,
	      "PORT0031 not for a huge one");
	pc_is(p, mach_port_allocate_qos(p->task, MACH_PORT_RIGHT_PORT_SET, &qos, &name), KERN_INVALID_VALUE,
	      "PORT0032 not a set with memory");
	qos = (mach_port_qos_t){ .name = 1 };
	pc_is(p, mach_port_allocate_qos(p->task, MACH_PORT_RIGHT_RECEIVE, &qos, &name), KERN_INVALID_ARGUMENT,
	      "PORT0033 not under a chosen name in this call");
	name = a;
	pc_is(p, mach_port_allocate_full(p->task, MACH_PORT_RIGHT_DEAD_NAME, MACH_PORT_NULL, &qos, &name), KERN_SUCCESS,
	      "PORT0034 but in that of all ways");
	pc_true(p, name == a && pc_type(p, name) == MACH_PORT_TYPE_DEAD_NAME, "PORT0035 which keeps the name");
	pc_is(p, mach_port_allocate_full(p->task, MACH_PORT_RIGHT_DEAD_NAME, MACH_PORT_NULL, &qos, &name), KERN_NAME_EXISTS,
	      "PORT0036 once");
	pc_is(p, mach_port_allocate_full(p->task, MACH_PORT_RIGHT_DEAD_NAME, mine, &qos, &name), KERN_INVALID_VALUE,
	      "PORT0037 there are no subsystems");
	name = MACH_PORT_NULL;
	pc_is(p, mach_port_allocate_full(p->task, MACH_PORT_RIGHT_DEAD_NAME, MACH_PORT_NULL, &qos, &name), KERN_INVALID_VALUE,
	      "PORT0038 no name is not chosen");
	(void)mach_port_destroy(p->task, a);
	(void)mach_port_destroy(mach_task_self(), mine);
}

static inline void pc_references(const struct port_place *p)
{
	mach_port_name_t name = pc_allocate(p, MACH_PORT_RIGHT_RECEIVE), dead = pc_allocate(p, MACH_PORT_RIGHT_DEAD_NAME);
	mach_port_urefs_t refs = 0;

	pc_is(p, mach_port_deallocate(p->task, name), KERN_INVALID_RIGHT, "PORT0040 a receive right is not deallocated");
	pc_is(p, mach_port_deallocate(p->task, PC_NO_NAME), KERN_INVALID_NAME, "PORT0041 nor is what is no name");
	pc_is(p, mach_port_deallocate(p->task, MACH_PORT_DEAD), KERN_SUCCESS, "PORT0042 MACH_PORT_DEAD is, and stays");
	pc_is(p, mach_port_mod_refs(p->task, dead, MACH_PORT_RIGHT_DEAD_NAME, 4), KERN_SUCCESS, "PORT0043 references are added");
	pc_true(p, pc_refs(p, dead, MACH_PORT_RIGHT_DEAD_NAME) == 5, "PORT0044 and counted");
	pc_is(p, mach_port_deallocate(p->task, dead), KERN_SUCCESS, "PORT0045 one is dropped");
	pc_true(p, pc_refs(p, dead, MACH_PORT_RIGHT_DEAD_NAME) == 4, "PORT0046 of five");
	pc_is(p, mach_port_get_refs(p->task, dead, MACH_PORT_RIGHT_NUMBER, &refs), KERN_INVALID_VALUE, "PORT0047 of no such right there are none");
	pc_is(p, mach_port_get_refs(p->task, PC_NO_NAME, MACH_PORT_RIGHT_SEND, &refs), KERN_INVALID_NAME, "PORT0048 nor of no name");
	pc_true(p, mach_port_get_refs(p->task, dead, MACH_PORT_RIGHT_SEND, &refs) == KERN_SUCCESS && refs == 0,
		"PORT0049 of a right that the name has not: 0");
	pc_is(p, mach_port_mod_refs(p->task, dead, MACH_PORT_RIGHT_DEAD_NAME, PC_UREFS_MAX - 4), KERN_SUCCESS, "PORT0050 as many as there can be");
	pc_is(p, mach_port_mod_refs(p->task, dead, MACH_PORT_RIGHT_DEAD_NAME, 1), KERN_UREFS_OVERFLOW, "PORT0051 and no more");
	pc_is(p, mach_port_mod_refs(p->task, dead, MACH_PORT_RIGHT_DEAD_NAME, -PC_UREFS_MAX - 1), KERN_INVALID_VALUE, "PORT0052 nor fewer than none");
	pc_is(p, mach_port_mod_refs(p->task, dead, MACH_PORT_RIGHT_SEND, 1), KERN_INVALID_RIGHT, "PORT0053 only of its own kind");
	pc_is(p, mach_port_mod_refs(p->task, PC_NO_NAME, MACH_PORT_RIGHT_SEND, 1), KERN_INVALID_NAME, "PORT0054 of a name");
	pc_is(p, mach_port_mod_refs(p->task, dead, MACH_PORT_RIGHT_NUMBER, 1), KERN_INVALID_VALUE, "PORT0055 and a kind");
	pc_is(p, mach_port_mod_refs(p->task, name, MACH_PORT_RIGHT_RECEIVE, 1), KERN_INVALID_VALUE, "PORT0056 there is one receive right");
	pc_is(p, mach_port_mod_refs(p->task, dead, MACH_PORT_RIGHT_DEAD_NAME, -PC_UREFS_MAX), KERN_SUCCESS, "PORT0057 without references");
	pc_true(p, pc_type(p, dead) == 0, "PORT0058 a name is gone");
	pc_is(p, mach_port_mod_refs(p->task, name, MACH_PORT_RIGHT_RECEIVE, -1), KERN_SUCCESS, "PORT0059 a port dies with its receive right");
}

/* ---- rights in and out ---- */

static inline void pc_transfers(const struct port_place *p)
{
	mach_port_name_t a = pc_chosen(), b = pc_chosen();
	mach_port_t mine = pc_own_port(), other = pc_own_port(), got = MACH_PORT_NULL, dead;
	mach_port_name_t name = pc_allocate(p, MACH_PORT_RIGHT_RECEIVE), set = pc_allocate(p, MACH_PORT_RIGHT_PORT_SET);
	mach_msg_type_name_t type = 0;
	bool own = p->task == mach_task_self();

	pc_is(p, mach_port_insert_right(p->task, MACH_PORT_NULL, mine, MACH_MSG_TYPE_MAKE_SEND), KERN_INVALID_VALUE,
	      "PORT0060 no right goes under MACH_PORT_NULL");
	pc_is(p, mach_port_insert_right(p->task, name, mine, MACH_MSG_TYPE_MAKE_SEND), own ? KERN_RIGHT_EXISTS : KERN_NAME_EXISTS,
	      "PORT0061 nor under the name of another");
	pc_is(p, mach_port_insert_right(p->task, own ? mine : a, mine, MACH_MSG_TYPE_MAKE_SEND), KERN_SUCCESS,
	      "PORT0062 a send right under a name");
	pc_is(p, mach_port_insert_right(p->task, b, mine, MACH_MSG_TYPE_MAKE_SEND), KERN_RIGHT_EXISTS,
	      "PORT0063 not under two");
	if (!own) {
		pc_is(p, mach_port_mod_refs(p->task, a, MACH_PORT_RIGHT_SEND, PC_UREFS_MAX - 1), KERN_SUCCESS,
		      "PORT0064 it gets all references");
		pc_is(p, mach_port_insert_right(p->task, a, mine, MACH_MSG_TYPE_MAKE_SEND), KERN_UREFS_OVERFLOW,
		      "PORT0065 and cannot be inserted again");
		pc_is(p, mach_port_extract_right(p->task, a, MACH_MSG_TYPE_COPY_SEND, &got, &type), KERN_SUCCESS,
		      "PORT0066 it is copied out");
		pc_true(p, got == mine && type == MACH_MSG_TYPE_PORT_SEND, "PORT0067 and is our port's");
		(void)mach_port_deallocate(mach_task_self(), got);
		(void)mach_port_destroy(p->task, a);
	} else {
		(void)mach_port_deallocate(mach_task_self(), mine);
	}
	dead = MACH_PORT_DEAD;
	pc_is(p, mach_port_insert_right(p->task, a, dead, MACH_MSG_TYPE_COPY_SEND), KERN_INVALID_CAPABILITY,
	      "PORT0068 a dead right is not inserted");
	pc_is(p, mach_port_extract_right(p->task, PC_NO_NAME, MACH_MSG_TYPE_COPY_SEND, &got, &type), KERN_INVALID_NAME,
	      "PORT0069 nothing comes out of no name");
	pc_is(p, mach_port_extract_right(p->task, MACH_PORT_NULL, MACH_MSG_TYPE_COPY_SEND, &got, &type), KERN_INVALID_RIGHT,
	      "PORT0070 nor of MACH_PORT_NULL");
	pc_is(p, mach_port_extract_right(p->task, set, MACH_MSG_TYPE_MAKE_SEND, &got, &type), KERN_INVALID_RIGHT,
	      "PORT0071 nor of a set");
	pc_is(p, mach_port_extract_right(p->task, name, MACH_MSG_TYPE_COPY_SEND, &got, &type), KERN_INVALID_RIGHT,
	      "PORT0072 a receive right is no send right");
	pc_is(p, mach_port_extract_right(p->task, name, 99, &got, &type), KERN_INVALID_VALUE, "PORT0073 there is no such disposition");
	pc_is(p, mach_port_extract_right(p->task, name, MACH_MSG_TYPE_MAKE_SEND_ONCE, &got, &type), KERN_SUCCESS,
	      "PORT0074 a send-once right is made");
	pc_true(p, type == MACH_MSG_TYPE_PORT_SEND_ONCE && tap_refs(got, MACH_PORT_RIGHT_SEND_ONCE) == 1, "PORT0075 and comes out as one");
	(void)mach_port_deallocate(mach_task_self(), got);
	if (p->moves && !own) {
		pc_is(p, mach_port_insert_right(p->task, a, other, MACH_MSG_TYPE_MOVE_RECEIVE), KERN_SUCCESS,
		      "PORT0076 a receive right moves there");
		pc_true(p, pc_type(p, a) == MACH_PORT_TYPE_RECEIVE && tap_refs(other, MACH_PORT_RIGHT_RECEIVE) == 0,
			"PORT0077 and is ours no more");
		pc_is(p, mach_port_extract_right(p->task, a, MACH_MSG_TYPE_MOVE_RECEIVE, &other, &type), KERN_SUCCESS,
		      "PORT0078 and comes back");
		pc_true(p, type == MACH_MSG_TYPE_PORT_RECEIVE && tap_refs(other, MACH_PORT_RIGHT_RECEIVE) == 1, "PORT0079 as it went");
	}
	(void)mach_port_destroy(p->task, name);
	(void)mach_port_destroy(p->task, set);
	(void)mach_port_destroy(mach_task_self(), mine);
	(void)mach_port_destroy(mach_task_self(), other);
}

/* ---- what a port has ---- */

static inline void pc_attributes(const struct port_place *p)
{
	mach_port_name_t name = pc_allocate(p, MACH_PORT_RIGHT_RECEIVE), set = pc_allocate(p, MACH_PORT_RIGHT_PORT_SET);
	mach_port_t right = pc_make_send(p, name);
	mach_port_limits_t limits = { 7 };
	mach_port_info_ext_t ext = { 0 };
	mach_port_status_t status = { 0 };
	mach_msg_type_number_t count = 0;
	mach_port_rights_t srights = 0;
	mach_vm_address_t context = 0;
	natural_t total = 0, used = 9;
	integer_t size = 4;

	pc_is(p, mach_port_set_mscount(p->task, name, 41), KERN_SUCCESS, "PORT0080 the make-send count is set");
	pc_is(p, mach_port_set_mscount(p->task, set, 41), KERN_INVALID_RIGHT, "PORT0081 of a receive right");
	pc_is(p, mach_port_set_mscount(p->task, PC_NO_NAME, 41), KERN_INVALID_NAME, "PORT0082 that there is");
	pc_is(p, mach_port_set_seqno(p->task, name, 42), KERN_SUCCESS, "PORT0083 so is the sequence number");
	pc_is(p, mach_port_set_seqno(p->task, set, 42), KERN_INVALID_RIGHT, "PORT0084 of a receive right");
	pc_is(p, mach_port_set_seqno(p->task, PC_NO_NAME, 42), KERN_INVALID_NAME, "PORT0085 that there is");
	pc_is(p, mach_port_set_qlimit(p->task, name, 9), KERN_SUCCESS, "PORT0086 so is the queue's limit");
	pc_is(p, mach_port_get_receive_status(p->task, name, &status), KERN_SUCCESS, "PORT0087 the status tells all three");
	pc_true(p, status.mps_mscount == 41 && status.mps_seqno == 42 && status.mps_qlimit == 9 && status.mps_srights,
		"PORT0088 as they were set");
	pc_is(p, mach_port_get_srights(p->task, name, &srights), KERN_SUCCESS, "PORT0089 send rights are counted");
	pc_true(p, srights >= 1, "PORT0090 there is ours");
	pc_is(p, mach_port_get_srights(p->task, set, &srights), KERN_INVALID_RIGHT, "PORT0091 not those of a set");
	pc_is(p, mach_port_get_srights(p->task, PC_NO_NAME, &srights), KERN_INVALID_NAME, "PORT0092 nor of no name");
	pc_is(p, mach_port_set_context(p->task, name, 1ull << 40), KERN_SUCCESS, "PORT0093 the context is set");
	pc_true(p, mach_port_get_context(p->task, name, &context) == KERN_SUCCESS && context == 1ull << 40, "PORT0094 and kept");
	pc_is(p, mach_port_set_context(p->task, set, 1), KERN_INVALID_RIGHT, "PORT0095 of a receive right");
	pc_is(p, mach_port_get_context(p->task, set, &context), KERN_INVALID_RIGHT, "PORT0096 only");
	pc_is(p, mach_port_set_context(p->task, PC_NO_NAME, 1), KERN_INVALID_NAME, "PORT0097 not of no name");
	pc_is(p, mach_port_get_context(p->task, PC_NO_NAME, &context), KERN_INVALID_NAME, "PORT0098 to get it neither");

	pc_is(p, mach_port_set_attributes(p->task, name, MACH_PORT_LIMITS_INFO, (mach_port_info_t)&limits, 1), KERN_SUCCESS,
	      "PORT0100 limits are set");
	count = MACH_PORT_INFO_EXT_COUNT;
	pc_is(p, mach_port_get_attributes(p->task, name, MACH_PORT_INFO_EXT, (mach_port_info_t)&ext, &count), KERN_SUCCESS,
	      "PORT0101 the larger status");
	pc_true(p, count == MACH_PORT_INFO_EXT_COUNT && ext.mpie_status.mps_qlimit == 7, "PORT0102 has them");
	limits.mpl_qlimit = 0;
	count = 1;
	pc_true(p, mach_port_get_attributes(p->task, name, MACH_PORT_LIMITS_INFO, (mach_port_info_t)&limits, &count) == KERN_SUCCESS &&
			   limits.mpl_qlimit == 7, "PORT0103 as has the flavor of limits");
	limits.mpl_qlimit = MACH_PORT_QLIMIT_MAX + 1;
	pc_is(p, mach_port_set_attributes(p->task, name, MACH_PORT_LIMITS_INFO, (mach_port_info_t)&limits, 1), KERN_INVALID_VALUE,
	      "PORT0104 a queue is not for so many");
	pc_is(p, mach_port_set_attributes(p->task, name, MACH_PORT_LIMITS_INFO, (mach_port_info_t)&limits, 0), KERN_FAILURE,
	      "PORT0105 nothing is too little");
	pc_is(p, mach_port_set_attributes(p->task, name, 99, (mach_port_info_t)&limits, 1), KERN_INVALID_ARGUMENT, "PORT0106 no such flavor");
	pc_is(p, mach_port_set_attributes(p->task, name, MACH_PORT_TEMPOWNER, NULL, 0), KERN_NOT_SUPPORTED, "PORT0107 there is no importance to lend");
	pc_is(p, mach_port_set_attributes(p->task, set, MACH_PORT_TEMPOWNER, NULL, 0), KERN_INVALID_RIGHT, "PORT0108 to no set at all");
	pc_is(p, mach_port_set_attributes(p->task, PC_NO_NAME, MACH_PORT_TEMPOWNER, NULL, 0), KERN_INVALID_NAME, "PORT0109 nor to no name");
	count = 3;
	pc_is(p, mach_port_get_attributes(p->task, name, MACH_PORT_RECEIVE_STATUS, (mach_port_info_t)&status, &count), KERN_FAILURE,
	      "PORT0110 there is too little room");
	count = 1;
	pc_is(p, mach_port_get_attributes(p->task, name, 99, (mach_port_info_t)&limits, &count), KERN_INVALID_ARGUMENT, "PORT0111 no such flavor to get");
	pc_is(p, mach_port_get_attributes(p->task, set, MACH_PORT_LIMITS_INFO, (mach_port_info_t)&limits, &count), KERN_INVALID_RIGHT,
	      "PORT0112 a set has no limits");
	pc_is(p, mach_port_get_attributes(p->task, PC_NO_NAME, MACH_PORT_LIMITS_INFO, (mach_port_info_t)&limits, &count), KERN_INVALID_NAME,
	      "PORT0113 nor has no name");
	pc_is(p, mach_port_set_attributes(p->task, name, MACH_PORT_DNREQUESTS_SIZE, &size, 1), KERN_SUCCESS, "PORT0114 requests are reserved");
	pc_true(p, mach_port_dnrequest_info(p->task, name, &total, &used) == KERN_SUCCESS && total == 4 && used == 0,
		"PORT0115 and counted");
	size = 1 << 30;
	pc_is(p, mach_port_set_attributes(p->task, name, MACH_PORT_DNREQUESTS_SIZE, &size, 1), KERN_NO_SPACE, "PORT0116 not without limit");
	pc_is(p, mach_port_dnrequest_info(p->task, set, &total, &used), KERN_INVALID_RIGHT, "PORT0117 a set has none");
	pc_is(p, mach_port_dnrequest_info(p->task, PC_NO_NAME, &total, &used), KERN_INVALID_NAME, "PORT0118 nor has no name");
	(void)mach_port_destroy(p->task, set);
	(void)mach_port_destroy(p->task, name);
	(void)mach_port_deallocate(mach_task_self(), right);
}

/* ---- queues and sets ---- */

static inline void pc_peek(const struct port_place *p)
{
	mach_port_name_t name = pc_allocate(p, MACH_PORT_RIGHT_RECEIVE), set = pc_allocate(p, MACH_PORT_RIGHT_PORT_SET);
	mach_port_t right = pc_make_send(p, name);
	mach_msg_audit_trailer_t trailer = { 0 };
	mach_port_seqno_t seqno = 0;
	mach_msg_size_t size = 0;
	mach_msg_id_t id = 0;
	mach_msg_type_number_t room = sizeof(trailer);
	kern_return_t kr = KERN_FAILURE;

	pc_is(p, mach_port_peek(p->task, name, 0, &seqno, &size, &id, (char *)&trailer, &room), KERN_FAILURE, "PORT0120 an empty queue shows nothing");
	(void)mach_port_set_seqno(p->task, name, 70);
	(void)pc_send(right, 500, 0);
	(void)pc_send(right, 501, 0);
	for (int i = 0; i < 500 && kr != KERN_SUCCESS; i++, usleep(10000)) {
		seqno = 71;
		room = sizeof(trailer);
		kr = mach_port_peek(p->task, name, MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_SEQNO), &seqno, &size, &id, (char *)&trailer, &room);
	}
	pc_is(p, kr, KERN_SUCCESS, "PORT0121 a message is looked at");
	pc_true(p, seqno == 71 && id == 501 && size == sizeof(mach_msg_header_t) && room == sizeof(mach_msg_seqno_trailer_t) &&
			   trailer.msgh_seqno == 71, "PORT0122 the second of them, with its trailer");
	seqno = 0;
	room = sizeof(trailer);
	pc_true(p, mach_port_peek(p->task, name, 0, &seqno, &size, &id, (char *)&trailer, &room) == KERN_SUCCESS && seqno == 70 && id == 500,
		"PORT0123 and the first, which is still there");
	room = 4;
	pc_is(p, mach_port_peek(p->task, name, 0, &seqno, &size, &id, (char *)&trailer, &room), KERN_INVALID_VALUE, "PORT0124 a trailer needs room");
	room = sizeof(trailer);
	pc_is(p, mach_port_peek(p->task, set, 0, &seqno, &size, &id, (char *)&trailer, &room), KERN_INVALID_RIGHT, "PORT0125 a set has no queue");
	pc_is(p, mach_port_peek(p->task, PC_NO_NAME, 0, &seqno, &size, &id, (char *)&trailer, &room), KERN_INVALID_NAME, "PORT0126 nor has no name");
	(void)mach_port_destroy(p->task, name);
	(void)mach_port_destroy(p->task, set);
	(void)mach_port_deallocate(mach_task_self(), right);
}

static inline unsigned pc_members(const struct port_place *p, mach_port_name_t set)
{
	mach_port_name_array_t members = NULL;
	mach_msg_type_number_t n = 0;

	if (mach_port_get_set_status(p->task, set, &members, &n) != KERN_SUCCESS)
		return 99;
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)members, n * sizeof(*members));
	return n;
}

#define PC_SETS_MAX 256u /* sets that a port may be in */

/* port, in no set, joins as many as it may; other: one more. */
static inline void pc_many_sets(const struct port_place *p, mach_port_name_t port, mach_port_name_t other)
{
	mach_port_name_t sets[PC_SETS_MAX];
	kern_return_t kr = KERN_SUCCESS;

	for (unsigned i = 0; i < PC_SETS_MAX; i++) {
		sets[i] = pc_allocate(p, MACH_PORT_RIGHT_PORT_SET);
		if (kr == KERN_SUCCESS)
			kr = mach_port_insert_member(p->task, port, sets[i]);
	}
	pc_is(p, kr, KERN_SUCCESS, "PORT0154 a port joins 256 sets");
	pc_is(p, mach_port_insert_member(p->task, port, other), KERN_NO_SPACE, "PORT0155 and no more");
	pc_is(p, mach_port_insert_member(p->task, port, sets[7]), KERN_ALREADY_IN_SET, "PORT0156 it knows those that it is in");
	pc_is(p, mach_port_move_member(p->task, port, other), KERN_SUCCESS, "PORT0157 it moves from all of them to another");
	pc_is(p, mach_port_extract_member(p->task, port, sets[7]), KERN_NOT_IN_SET, "PORT0158 and is in none of them then");
	(void)mach_port_extract_member(p->task, port, other);
	for (unsigned i = 0; i < PC_SETS_MAX; i++)
		(void)mach_port_destroy(p->task, sets[i]);
}

static inline void pc_sets(const struct port_place *p)
{
	mach_port_name_t a = pc_allocate(p, MACH_PORT_RIGHT_RECEIVE), b = pc_allocate(p, MACH_PORT_RIGHT_RECEIVE);
	mach_port_name_t s = pc_allocate(p, MACH_PORT_RIGHT_PORT_SET), t = pc_allocate(p, MACH_PORT_RIGHT_PORT_SET);
	mach_port_name_array_t members = NULL;
	mach_msg_type_number_t n = 0;

	pc_is(p, mach_port_insert_member(p->task, a, s), KERN_SUCCESS, "PORT0130 a port joins a set");
	pc_is(p, mach_port_insert_member(p->task, a, s), KERN_ALREADY_IN_SET, "PORT0131 once");
	pc_is(p, mach_port_insert_member(p->task, a, t), KERN_SUCCESS, "PORT0132 and another set");
	pc_is(p, mach_port_insert_member(p->task, b, s), KERN_SUCCESS, "PORT0133 another port joins");
	pc_true(p, pc_members(p, s) == 2 && pc_members(p, t) == 1, "PORT0134 the sets know their members");
	pc_is(p, mach_port_insert_member(p->task, s, t), KERN_INVALID_RIGHT, "PORT0135 a set is no member");
	pc_is(p, mach_port_insert_member(p->task, a, b), KERN_INVALID_RIGHT, "PORT0136 a port has none");
	pc_is(p, mach_port_insert_member(p->task, PC_NO_NAME, s), KERN_INVALID_NAME, "PORT0137 no name joins nothing");
	pc_is(p, mach_port_insert_member(p->task, a, PC_NO_NAME), KERN_INVALID_NAME, "PORT0138 and nothing joins no name");
	pc_is(p, mach_port_extract_member(p->task, a, s), KERN_SUCCESS, "PORT0139 a port leaves a set");
	pc_is(p, mach_port_extract_member(p->task, a, s), KERN_NOT_IN_SET, "PORT0140 once");
	pc_is(p, mach_port_extract_member(p->task, a, b), KERN_INVALID_RIGHT, "PORT0141 not a port");
	pc_is(p, mach_port_extract_member(p->task, PC_NO_NAME, s), KERN_INVALID_NAME, "PORT0142 no name leaves nothing");
	pc_is(p, mach_port_move_member(p->task, b, t), KERN_SUCCESS, "PORT0143 a port moves from one set to another");
	pc_true(p, pc_members(p, s) == 0 && pc_members(p, t) == 2, "PORT0144 which has both");
	pc_is(p, mach_port_move_member(p->task, b, MACH_PORT_NULL), KERN_SUCCESS, "PORT0145 and out of all");
	pc_is(p, mach_port_move_member(p->task, b, MACH_PORT_NULL), KERN_NOT_IN_SET, "PORT0146 once");
	pc_is(p, mach_port_move_member(p->task, s, t), KERN_INVALID_RIGHT, "PORT0147 a set does not move");
	pc_is(p, mach_port_move_member(p->task, PC_NO_NAME, t), KERN_INVALID_NAME, "PORT0148 nor no name");
	pc_is(p, mach_port_move_member(p->task, a, PC_NO_NAME), KERN_INVALID_NAME, "PORT0149 nor to no name");
	pc_is(p, mach_port_move_member(p->task, a, b), KERN_INVALID_RIGHT, "PORT0150 nor to a port");
	pc_is(p, mach_port_get_set_status(p->task, a, &members, &n), KERN_INVALID_RIGHT, "PORT0151 a port has no members");
	pc_is(p, mach_port_get_set_status(p->task, PC_NO_NAME, &members, &n), KERN_INVALID_NAME, "PORT0152 nor has no name");
	pc_many_sets(p, b, t);
	(void)mach_port_destroy(p->task, t);
	pc_is(p, mach_port_move_member(p->task, a, MACH_PORT_NULL), KERN_NOT_IN_SET, "PORT0153 a destroyed set let its member go");
	(void)mach_port_destroy(p->task, a);
	(void)mach_port_destroy(p->task, b);
	(void)mach_port_destroy(p->task, s);
}

/* ---- notifications ---- */

static inline void pc_notifications(const struct port_place *p)
{
	mach_port_name_t name = pc_allocate(p, MACH_PORT_RIGHT_RECEIVE), dead = pc_allocate(p, MACH_PORT_RIGHT_DEAD_NAME);
	mach_port_name_t set = pc_allocate(p, MACH_PORT_RIGHT_PORT_SET);
	mach_port_t tell = pc_own_port(), second = pc_own_port(), right, previous = 1;
	natural_t n = 0;

	pc_is(p, pc_request(p, name, MACH_NOTIFY_NO_SENDERS, 1, tell, &previous), KERN_SUCCESS, "PORT0160 no-senders is asked for");
	pc_true(p, previous == MACH_PORT_NULL, "PORT0161 for the first time");
	pc_is(p, pc_request(p, name, MACH_NOTIFY_NO_SENDERS, 1, second, &previous), KERN_SUCCESS, "PORT0162 and again");
	pc_true(p, tap_refs(previous, MACH_PORT_RIGHT_SEND_ONCE) == 1, "PORT0163 which gives the first right back");
	(void)mach_port_deallocate(mach_task_self(), previous);
	pc_true(p, pc_receive(tell, PC_WAIT_MS, &n) == MACH_NOTIFY_SEND_ONCE, "PORT0164 the first, unused, says so");
	right = pc_make_send(p, name);
	(void)mach_port_deallocate(mach_task_self(), right);
	pc_true(p, pc_receive(second, PC_WAIT_MS, &n) == MACH_NOTIFY_NO_SENDERS && n == 1, "PORT0165 the last sender gone: one had been made");
	pc_is(p, pc_request(p, name, MACH_NOTIFY_NO_SENDERS, 1, tell, &previous), KERN_SUCCESS, "PORT0166 asked for when there is none");
	pc_true(p, pc_receive(tell, PC_WAIT_MS, &n) == MACH_NOTIFY_NO_SENDERS && n == 1, "PORT0167 it comes at once");
	pc_is(p, pc_request(p, name, MACH_NOTIFY_NO_SENDERS, 2, tell, &previous), KERN_SUCCESS, "PORT0168 not if more are expected to be made");
	pc_is(p, pc_request(p, name, MACH_NOTIFY_NO_SENDERS, 0, MACH_PORT_NULL, &previous), KERN_SUCCESS, "PORT0169 a request is taken back");
	pc_true(p, tap_refs(previous, MACH_PORT_RIGHT_SEND_ONCE) == 1 && pc_receive(tell, 0, &n) == 0, "PORT0170 and had not fired");
	(void)mach_port_deallocate(mach_task_self(), previous);
	(void)pc_receive(tell, PC_WAIT_MS, &n);

	pc_is(p, pc_request(p, name, MACH_NOTIFY_SEND_POSSIBLE, 1, tell, &previous), KERN_SUCCESS, "PORT0171 is a send possible?");
	pc_true(p, pc_receive(tell, PC_WAIT_MS, &n) == MACH_NOTIFY_SEND_POSSIBLE && n == name, "PORT0172 it is");
	(void)mach_port_set_qlimit(p->task, name, 0);
	pc_is(p, pc_request(p, name, MACH_NOTIFY_SEND_POSSIBLE, 1, tell, &previous), KERN_SUCCESS, "PORT0173 with a queue for no message");
	pc_true(p, (pc_type(p, name) & (MACH_PORT_TYPE_SPREQUEST | MACH_PORT_TYPE_DNREQUEST | MACH_PORT_TYPE_SPREQUEST_DELAYED)) ==
			   (MACH_PORT_TYPE_SPREQUEST | MACH_PORT_TYPE_DNREQUEST), "PORT0174 the request waits, and the name's type says so");
	(void)mach_port_set_qlimit(p->task, name, 1);
	pc_true(p, pc_receive(tell, PC_WAIT_MS, &n) == MACH_NOTIFY_SEND_POSSIBLE && n == name, "PORT0175 until there is room");

	pc_is(p, pc_request(p, name, MACH_NOTIFY_DEAD_NAME, 0, tell, &previous), KERN_SUCCESS, "PORT0176 a dead-name request for a receive right");
	pc_true(p, pc_type(p, name) == (MACH_PORT_TYPE_RECEIVE | MACH_PORT_TYPE_DNREQUEST), "PORT0177 shows in its type");
	(void)mach_port_destroy(p->task, name);
	pc_true(p, pc_receive(tell, PC_WAIT_MS, &n) == MACH_NOTIFY_PORT_DELETED && n == name, "PORT0178 the name goes: the request says deleted");
	pc_is(p, pc_request(p, dead, MACH_NOTIFY_DEAD_NAME, 1, tell, &previous), KERN_SUCCESS, "PORT0179 one for a dead name, at once");
	pc_true(p, pc_receive(tell, PC_WAIT_MS, &n) == MACH_NOTIFY_DEAD_NAME && n == dead, "PORT0180 comes");
	pc_true(p, pc_refs(p, dead, MACH_PORT_RIGHT_DEAD_NAME) == 2, "PORT0181 and brings a reference");
	pc_is(p, pc_request(p, dead, MACH_NOTIFY_DEAD_NAME, 0, tell, &previous), KERN_INVALID_ARGUMENT, "PORT0182 else it is an error");
	(void)mach_port_mod_refs(p->task, dead, MACH_PORT_RIGHT_DEAD_NAME, PC_UREFS_MAX - 2);
	pc_is(p, pc_request(p, dead, MACH_NOTIFY_DEAD_NAME, 1, tell, &previous), KERN_UREFS_OVERFLOW, "PORT0183 as is one reference too many");
	pc_is(p, pc_request(p, set, MACH_NOTIFY_DEAD_NAME, 0, tell, &previous), KERN_INVALID_RIGHT, "PORT0184 a set does not die so");
	pc_is(p, pc_request(p, PC_NO_NAME, MACH_NOTIFY_DEAD_NAME, 0, tell, &previous), KERN_INVALID_NAME, "PORT0185 nor does no name");
	pc_is(p, pc_request(p, set, MACH_NOTIFY_NO_SENDERS, 0, tell, &previous), KERN_INVALID_RIGHT, "PORT0186 nor has it senders");
	pc_is(p, pc_request(p, dead, MACH_NOTIFY_PORT_DESTROYED, 0, tell, &previous), KERN_INVALID_RIGHT, "PORT0187 nor a dead name a port");
	while (pc_receive(tell, 100, &n) == MACH_NOTIFY_SEND_ONCE)
		; /* a call that fails drops the right that its message brought */
	name = pc_allocate(p, MACH_PORT_RIGHT_RECEIVE);
	pc_is(p, pc_request(p, name, MACH_NOTIFY_PORT_DESTROYED, 1, tell, &previous), KERN_INVALID_VALUE, "PORT0188 port-destroyed knows no sync");
	pc_is(p, pc_request(p, name, MACH_NOTIFY_SEND_ONCE, 0, tell, &previous), KERN_INVALID_VALUE, "PORT0189 there is no such request");
	pc_is(p, pc_request(p, name, MACH_NOTIFY_NO_SENDERS, 0, MACH_PORT_DEAD, &previous), KERN_INVALID_CAPABILITY, "PORT0190 a dead port hears nothing");
	while (pc_receive(tell, 100, &n) == MACH_NOTIFY_SEND_ONCE)
		;
	if (p->moves) {
		pc_is(p, pc_request(p, name, MACH_NOTIFY_PORT_DESTROYED, 0, tell, &previous), KERN_SUCCESS, "PORT0191 who wants the receive right");
		(void)mach_port_destroy(p->task, name);
		pc_true(p, pc_receive(tell, PC_WAIT_MS, &n) == MACH_NOTIFY_PORT_DESTROYED && tap_refs(n, MACH_PORT_RIGHT_RECEIVE) == 1, "PORT0192 gets it");
		(void)mach_port_destroy(mach_task_self(), n);
	} else {
		(void)mach_port_destroy(p->task, name);
	}
	pc_true(p, pc_receive(tell, 0, &n) == 0 && pc_receive(second, 0, &n) == 0, "PORT0193 no other notification came");
	(void)mach_port_destroy(p->task, dead);
	(void)mach_port_destroy(p->task, set);
	(void)mach_port_destroy(mach_task_self(), tell);
	(void)mach_port_destroy(mach_task_self(), second);
}

/* ---- ports made whole, and guards ---- */

static inline void pc_construct(const struct port_place *p)
{
	mach_port_options_t options = { .flags = MPO_QLIMIT | MPO_INSERT_SEND_RIGHT | MPO_CONTEXT_AS_GUARD, .mpl = { 33 } };
	mach_port_name_t name = MACH_PORT_NULL, set = pc_allocate(p, MACH_PORT_RIGHT_PORT_SET);
	mach_port_status_t status = { 0 };

	pc_is(p, mach_port_construct(p->task, &options, PC_GUARD, &name), KERN_SUCCESS, "PORT0200 a port is made whole");
	pc_true(p, pc_type(p, name) == MACH_PORT_TYPE_SEND_RECEIVE, "PORT0201 with a send right");
	pc_true(p, mach_port_get_receive_status(p->task, name, &status) == KERN_SUCCESS && status.mps_qlimit == 33 &&
			   status.mps_flags == MACH_PORT_STATUS_FLAG_GUARDED, "PORT0202 a limit and a guard");
	pc_violates(p, mach_port_destruct(p->task, name, 0, PC_GUARD + 1), KERN_INVALID_ARGUMENT, "PORT0203 it is not destructed with another guard");
	pc_is(p, mach_port_destruct(p->task, name, 1, PC_GUARD), KERN_INVALID_VALUE, "PORT0204 nor with references added");
	pc_is(p, mach_port_destruct(p->task, name, -2, PC_GUARD), KERN_INVALID_VALUE, "PORT0205 nor with more taken than there are");
	pc_is(p, mach_port_destruct(p->task, name, -1, PC_GUARD), KERN_SUCCESS, "PORT0206 but with all that it has");
	pc_is(p, mach_port_destruct(p->task, name, 0, PC_GUARD), KERN_INVALID_NAME, "PORT0207 once");
	pc_is(p, mach_port_destruct(p->task, set, 0, PC_GUARD), KERN_INVALID_RIGHT, "PORT0208 not a set");
	options.flags = 1u << 31;
	pc_is(p, mach_port_construct(p->task, &options, 0, &name), KERN_INVALID_ARGUMENT, "PORT0209 there is no such flag");
	options.flags = MPO_STRICT;
	pc_is(p, mach_port_construct(p->task, &options, 0, &name), KERN_INVALID_ARGUMENT, "PORT0210 nor a strict guard without a guard");
	options.flags = MPO_IMPORTANCE_RECEIVER;
	pc_is(p, mach_port_construct(p->task, &options, 0, &name), KERN_NOT_SUPPORTED, "PORT0211 nor importance");
	options = (mach_port_options_t){ .flags = MPO_QLIMIT, .mpl = { 1u << 30 } };
	pc_is(p, mach_port_construct(p->task, &options, 0, &name), KERN_INVALID_VALUE, "PORT0212 nor such a limit");
	(void)mach_port_destroy(p->task, set);
}

static inline void pc_guards(const struct port_place *p)
{
	mach_port_name_t name = pc_allocate(p, MACH_PORT_RIGHT_RECEIVE), set = pc_allocate(p, MACH_PORT_RIGHT_PORT_SET);
	mach_port_guard_info_t guess = { PC_GUARD };
	mach_vm_address_t context = 1;
	mach_msg_type_name_t type;
	mach_port_t got;

	pc_is(p, mach_port_guard(p->task, PC_NO_NAME, 1, FALSE), KERN_INVALID_NAME, "PORT0220 no name is not guarded");
	pc_is(p, mach_port_guard(p->task, set, 1, FALSE), KERN_INVALID_RIGHT, "PORT0221 nor is a set");
	pc_is(p, mach_port_guard(p->task, name, PC_GUARD, FALSE), KERN_SUCCESS, "PORT0222 a receive right is");
	pc_is(p, mach_port_guard(p->task, name, PC_GUARD, FALSE), KERN_INVALID_ARGUMENT, "PORT0223 once");
	pc_violates(p, mach_port_destroy(p->task, name), KERN_INVALID_RIGHT, "PORT0224 it is not destroyed");
	pc_violates(p, mach_port_mod_refs(p->task, name, MACH_PORT_RIGHT_RECEIVE, -1), KERN_INVALID_RIGHT, "PORT0225 nor dropped");
	pc_violates(p, mach_port_unguard(p->task, name, 1), KERN_INVALID_ARGUMENT, "PORT0226 nor unguarded without its guard");
	pc_violates(p, mach_port_swap_guard(p->task, name, 1, 2), KERN_INVALID_ARGUMENT, "PORT0227 nor guarded otherwise");
	pc_is(p, mach_port_swap_guard(p->task, name, PC_GUARD, 5), KERN_SUCCESS, "PORT0228 but with it it is");
	pc_is(p, mach_port_unguard(p->task, name, 5), KERN_SUCCESS, "PORT0229 and unguarded");
	pc_violates(p, mach_port_unguard(p->task, name, 5), KERN_INVALID_ARGUMENT, "PORT0230 once");
	pc_is(p, mach_port_unguard(p->task, PC_NO_NAME, 5), KERN_INVALID_NAME, "PORT0231 not no name");
	pc_is(p, mach_port_unguard(p->task, set, 5), KERN_INVALID_RIGHT, "PORT0232 nor a set");
	pc_is(p, mach_port_swap_guard(p->task, PC_NO_NAME, 5, 6), KERN_INVALID_NAME, "PORT0233 which has no guard to swap");
	pc_is(p, mach_port_swap_guard(p->task, set, 5, 6), KERN_INVALID_RIGHT, "PORT0234 no more than no name");
	pc_is(p, mach_port_guard_with_flags(p->task, name, PC_GUARD, 1ull << 40), KERN_INVALID_ARGUMENT, "PORT0235 there is no such flag");
	pc_is(p, mach_port_guard_with_flags(p->task, name, PC_GUARD, MPG_STRICT | MPG_IMMOVABLE_RECEIVE), KERN_SUCCESS, "PORT0236 a strict guard");
	pc_true(p, mach_port_get_context(p->task, name, &context) == KERN_SUCCESS && context == 0, "PORT0237 is not shown");
	pc_violates(p, mach_port_set_context(p->task, name, 1), KERN_INVALID_ARGUMENT, "PORT0238 nor overwritten");
	pc_is(p, mach_port_swap_guard(p->task, name, PC_GUARD, 5), KERN_INVALID_ARGUMENT, "PORT0239 nor swapped");
	pc_is(p, mach_port_assert_attributes(p->task, name, MACH_PORT_GUARD_INFO, (mach_port_info_t)&guess, 2), KERN_SUCCESS, "PORT0240 but it can be checked");
	guess.mpgi_guard++;
	pc_violates(p, mach_port_assert_attributes(p->task, name, MACH_PORT_GUARD_INFO, (mach_port_info_t)&guess, 2),
		    KERN_INVALID_ARGUMENT, "PORT0241 and found to be another");
	pc_is(p, mach_port_assert_attributes(p->task, name, MACH_PORT_GUARD_INFO, (mach_port_info_t)&guess, 1), KERN_FAILURE, "PORT0242 with all of it");
	pc_is(p, mach_port_assert_attributes(p->task, name, MACH_PORT_LIMITS_INFO, (mach_port_info_t)&guess, 2), KERN_INVALID_ARGUMENT, "PORT0243 and nothing else");
	pc_is(p, mach_port_assert_attributes(p->task, set, MACH_PORT_GUARD_INFO, (mach_port_info_t)&guess, 2), KERN_INVALID_RIGHT, "PORT0244 not of a set");
	pc_is(p, mach_port_assert_attributes(p->task, PC_NO_NAME, MACH_PORT_GUARD_INFO, (mach_port_info_t)&guess, 2), KERN_INVALID_NAME, "PORT0245 nor of no name");
	pc_violates(p, mach_port_extract_right(p->task, name, MACH_MSG_TYPE_MOVE_RECEIVE, &got, &type), KERN_INVALID_CAPABILITY,
		    "PORT0246 an immovable receive right does not move");
	pc_is(p, mach_port_guard_with_flags(p->task, set, 1, 0), KERN_INVALID_RIGHT, "PORT0247 a set has no such guard");
	pc_is(p, mach_port_guard_with_flags(p->task, PC_NO_NAME, 1, 0), KERN_INVALID_NAME, "PORT0248 nor has no name");
	pc_is(p, mach_port_destruct(p->task, name, 0, PC_GUARD), KERN_SUCCESS, "PORT0249 the guard opens it");
	(void)mach_port_destroy(p->task, set);
}

/* ---- looking at it ---- */

static inline void pc_info(const struct port_place *p)
{
	mach_port_name_t name = pc_allocate(p, MACH_PORT_RIGHT_RECEIVE), set = pc_allocate(p, MACH_PORT_RIGHT_PORT_SET);
	ipc_info_space_t space = { 0 };
	ipc_info_space_basic_t basic = { 0 };
	ipc_info_name_array_t table = NULL;
	ipc_info_tree_name_array_t tree = NULL;
	mach_msg_type_number_t n = 0, m = 9;
	kobject_description_t words = "";
	mach_vm_address_t address = 1;
	vm_offset_t offset = 1;
	natural_t type = 9;
	bool found = false;

	pc_is(p, task_set_port_space(p->task, 300), KERN_SUCCESS, "PORT0260 room for 300 names");
	pc_is(p, task_set_port_space(p->task, -1), KERN_INVALID_VALUE, "PORT0261 not for fewer than none");
	pc_is(p, task_set_port_space(p->task, 0x7fffffff), KERN_RESOURCE_SHORTAGE, "PORT0360 nor for so many that the node would be without memory");
	pc_is(p, mach_port_space_basic_info(p->task, &basic), KERN_SUCCESS, "PORT0262 the space tells its size");
	pc_true(p, basic.iisb_table_size > 300 && basic.iisb_table_inuse >= 2, "PORT0263 which is that");
	pc_is(p, mach_port_space_info(p->task, &space, &table, &n, &tree, &m), KERN_SUCCESS, "PORT0264 and all its names");
	for (unsigned i = 0; i < n; i++)
		found |= table[i].iin_name == name && table[i].iin_type == MACH_PORT_TYPE_RECEIVE && table[i].iin_object != 0;
	pc_true(p, found && m == 0, "PORT0265 with what they are");
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)table, n * sizeof(*table));
	pc_true(p, mach_port_kobject(p->task, name, &type, &address) == KERN_SUCCESS && type == 0 && address == 0,
		"PORT0266 a plain port stands for no object");
	pc_is(p, mach_port_kobject(p->task, set, &type, &address), KERN_INVALID_RIGHT, "PORT0267 a set is no port");
	pc_is(p, mach_port_kobject(p->task, PC_NO_NAME, &type, &address), KERN_INVALID_NAME, "PORT0268 nor is no name");
	pc_true(p, mach_port_kernel_object(p->task, name, &type, &offset) == KERN_SUCCESS && type == 0 && offset == 0, "PORT0269 as its older call says");
	pc_is(p, mach_port_kernel_object(p->task, set, &type, &offset), KERN_INVALID_RIGHT, "PORT0270 of a port");
	pc_is(p, mach_port_kernel_object(p->task, PC_NO_NAME, &type, &offset), KERN_INVALID_NAME, "PORT0271 that there is");
	pc_is(p, mach_port_kobject_description(p->task, set, &type, &address, words), KERN_INVALID_RIGHT, "PORT0272 a set is described by no words");
	pc_is(p, mach_port_kobject_description(p->task, PC_NO_NAME, &type, &address, words), KERN_INVALID_NAME, "PORT0273 nor is no name");
	(void)mach_port_destroy(p->task, name);
	(void)mach_port_destroy(p->task, set);
}

static inline void port_calls(const struct port_place *p)
{
	pc_names(p);
	pc_allocate_full(p);
	pc_references(p);
	pc_transfers(p);
	pc_attributes(p);
	pc_peek(p);
	pc_sets(p);
	pc_notifications(p);
	pc_construct(p);
	pc_guards(p);
	pc_info(p);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture.h - what the tests of kernel/ipc share: two tasks, short ways to send and receive, and the check
 * that each test leaves every counter as it was.
 */
#pragma once

#include <host/test.h>

#include <host/host.h>
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_right.h>
#include <ipc/ipc_space.h>
#include <ipc/ipc_tt.h>
#include <ipc/mach_msg.h>
#include <ipc/mach_port.h>
#include <kern/ipc_kobject.h>
#include <mach/notify.h>
#include <string.h>

#define NONE MACH_PORT_NULL
#define RECEIVE MACH_PORT_RIGHT_RECEIVE
#define SEND MACH_PORT_RIGHT_SEND
#define SEND_ONCE MACH_PORT_RIGHT_SEND_ONCE
#define PORT_SET MACH_PORT_RIGHT_PORT_SET
#define DEAD_NAME MACH_PORT_RIGHT_DEAD_NAME
#define MAKE_SEND MACH_MSG_TYPE_MAKE_SEND
#define MAKE_ONCE MACH_MSG_TYPE_MAKE_SEND_ONCE
#define COPY_SEND MACH_MSG_TYPE_COPY_SEND
#define MOVE_SEND MACH_MSG_TYPE_MOVE_SEND
#define MOVE_ONCE MACH_MSG_TYPE_MOVE_SEND_ONCE
#define MOVE_RECEIVE MACH_MSG_TYPE_MOVE_RECEIVE

/* Made anew for each test; the test starts as alice. */
extern struct task *alice, *bob;

int ipc_setup(void **state);
/* Ends both tasks and checks that nothing is left. */
int ipc_teardown(void **state);
/* A test with both. */
#define ipc_test(f) cmocka_unit_test_setup_teardown(f, ipc_setup, ipc_teardown)
int ipc_run(const struct CMUnitTest *tests, size_t count, const char *name);
/* A thread of the task that runs fn(arg); it gives back what it cached. */
struct thread *ipc_thread(struct task *task, void (*fn)(void *), void *arg);

#define BODY_WORDS 8
struct msg {
	mach_msg_header_t h;
	uint32_t body[BODY_WORDS];
	mach_msg_max_trailer_t trailer;
	uint8_t spare[64];
};
#define MSG_SIZE ((mach_msg_size_t)offsetof(struct msg, trailer))

/* A message with descriptors: a base and room. */
struct complex_msg {
	mach_msg_base_t base;
	union {
		mach_msg_port_descriptor_t port[8];
		mach_msg_ool_descriptor_t ool[5];
		mach_msg_ool_ports_descriptor_t ports[8];
	};
	mach_msg_max_trailer_t trailer;
};

struct ipc_space *space_of(struct task *t);
struct ipc_space *here(void); /* of the task played now */
void as(struct task *t);

/* Calls that must succeed, in the task played now. */
mach_port_name_t new_right(mach_port_right_t right);
mach_port_name_t new_port(void);
/* A receive right with a send right under the same name. */
mach_port_name_t new_port_with_send(void);
/* Hand a right from the task played now to another, and say its name there. */
mach_port_name_t give(mach_port_name_t name, mach_msg_type_name_t disposition, struct task *to);
mach_port_type_t type_of(mach_port_name_t name); /* 0: no such name */
uint32_t refs(mach_port_name_t name, mach_port_right_t right);
mach_port_status_t status_of(mach_port_name_t name);
void set_limit(mach_port_name_t name, uint32_t limit);
void destroy(mach_port_name_t name);
uint32_t names_here(void);

mach_msg_return_t try_send(mach_port_name_t dest, mach_msg_type_name_t dest_type,
			   mach_port_name_t reply, mach_msg_type_name_t reply_type, mach_msg_id_t id,
			   mach_msg_option_t option, mach_msg_timeout_t timeout);
/* COPY_SEND without reply; must succeed without waiting. */
void send_id(mach_port_name_t dest, mach_msg_id_t id);
mach_msg_return_t try_receive(mach_port_name_t name, struct msg *m, mach_msg_option_t option,
			      mach_msg_timeout_t timeout);
/* Must receive without waiting; returns the id. */
mach_msg_id_t receive_id(mach_port_name_t name);
void assert_empty(mach_port_name_t name);
/* Receive a notification of this kind and return its port or count. */
uint32_t receive_notification(mach_port_name_t name, mach_msg_id_t id);
/* Ask for a notification on `to`; returns what request_notification did. */
kern_return_t request(mach_port_name_t name, mach_msg_id_t id, uint32_t sync, mach_port_name_t to);
/* Send one port descriptor to dest (COPY_SEND). */
mach_msg_return_t send_right(mach_port_name_t dest, mach_port_name_t name, mach_msg_type_name_t disposition);
/* Receive one port descriptor. */
mach_port_name_t receive_right(mach_port_name_t name, mach_msg_type_name_t *disposition);

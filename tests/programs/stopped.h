/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stopped.h - for test programs that debug: a thread whose exceptions come here stands still in each until it is told how to go on.
 *
 * One thread at a time: stopped_thread of stopped_task, whose exception port is stopped_port().
 */
#pragma once

#include "threads.h"

#include <mach/mach_exc_server.h>
#include <mach/thread_status.h>
#include <string.h>

#define INT3 0xcc
#define TRAP_FLAG 0x100
#define STOPPED_SERVE_MAX 4096
#define STOPPED_TRIES 40000

static mach_port_t stopped_task, stopped_thread;

/* The last exception. */
static struct {
	volatile unsigned count;
	exception_type_t type;
	int64_t code, subcode;
	x86_thread_state64_t state;
} stopped;

static volatile bool stopped_go_on;
static x86_thread_state64_t stopped_next;

static kern_return_t stopped_take(mach_port_t at, mach_port_t who, mach_port_t of, exception_type_t type,
				  mach_exception_data_t code, mach_msg_type_number_t count, int *flavor, thread_state_t old,
				  mach_msg_type_number_t old_count, thread_state_t new, mach_msg_type_number_t *new_count)
{
	if (who != stopped_thread || of != stopped_task || old_count != x86_THREAD_STATE64_COUNT)
		return KERN_FAILURE;
	(void)mach_port_deallocate(mach_task_self(), who);
	(void)mach_port_deallocate(mach_task_self(), of);
	stopped.type = type;
	stopped.code = code[0];
	stopped.subcode = code[1];
	memcpy(&stopped.state, old, sizeof(stopped.state));
	stopped_go_on = false;
	__atomic_add_fetch(&stopped.count, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&stopped_go_on, __ATOMIC_ACQUIRE))
		usleep(200);
	memcpy(new, &stopped_next, sizeof(stopped_next));
	*new_count = x86_THREAD_STATE64_COUNT;
	return KERN_SUCCESS;
}

static boolean_t stopped_demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct mach_exc_ops ops = { .mach_exception_raise_state_identity = stopped_take };

	return mach_exc_demux(&ops, in, out);
}

static void *stopped_serve(void *port)
{
	(void)mach_msg_server(stopped_demux, STOPPED_SERVE_MAX, (mach_port_t)(uintptr_t)port, MACH_MSG_OPTION_NONE);
	return NULL;
}

/* The port to give task_set_exception_ports() with STOPPED_BEHAVIOR and x86_THREAD_STATE64; a thread serves it. */
#define STOPPED_BEHAVIOR (EXCEPTION_STATE_IDENTITY | MACH_EXCEPTION_CODES)
static inline mach_port_t stopped_port(void)
{
	mach_port_t port = MACH_PORT_NULL;
	pthread_t server;

	(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
	(void)mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
	if (pthread_create(&server, NULL, stopped_serve, (void *)(uintptr_t)port) != 0)
		abort();
	return port;
}

/* Until it has stopped once more than before; false: it did not. */
static inline bool stops(unsigned before)
{
	for (int i = 0; i < STOPPED_TRIES && __atomic_load_n(&stopped.count, __ATOMIC_ACQUIRE) == before; i++)
		usleep(500);
	return __atomic_load_n(&stopped.count, __ATOMIC_ACQUIRE) == before + 1;
}

static inline void continue_with(x86_thread_state64_t state)
{
	stopped_next = state;
	__atomic_store_n(&stopped_go_on, true, __ATOMIC_RELEASE);
}

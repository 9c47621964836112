/* SPDX-License-Identifier: BSD-2-Clause */
/* time.c - the time since the boot, and sleeping on any node's clock. */
#include <mach/clock.h>
#include <mach/clock_reply.h>
#include <mach/clock_reply_server.h>
#include <mach/mach_init.h>
#include <mach/mach_port.h>
#include <mach/mach_time.h>
#include <time.h>

uint64_t mach_absolute_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static _Thread_local struct {
	kern_return_t code;
	mach_timespec_t time;
} alarm;

static kern_return_t take_alarm(mach_port_t port, kern_return_t code, alarm_type_t type, mach_timespec_t time)
{
	alarm.code = code;
	alarm.time = time;
	return KERN_SUCCESS;
}

/* Another node's clock: an alarm of it, and the wait for that. */
static kern_return_t sleep_by_alarm(mach_port_t clock, sleep_type_t type, mach_timespec_t time, mach_timespec_t *wakeup_time)
{
	static const struct clock_reply_ops ops = { .clock_alarm_reply = take_alarm };
	union {
		mach_msg_header_t header;
		uint8_t bytes[256];
	} message, reply;
	mach_port_t port;
	kern_return_t kr = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);

	if (kr != KERN_SUCCESS)
		return kr;
	kr = clock_alarm(clock, type, time, port);
	if (kr == KERN_SUCCESS) {
		kr = mach_msg(&message.header, MACH_RCV_MSG | MACH_RCV_INTERRUPT, 0, sizeof(message), port, MACH_MSG_TIMEOUT_NONE,
			      MACH_PORT_NULL);
		if (kr == MACH_RCV_INTERRUPTED)
			kr = KERN_ABORTED;
		else if (kr == MACH_MSG_SUCCESS)
			kr = clock_reply_demux(&ops, &message.header, &reply.header) ? alarm.code : KERN_FAILURE;
		if (kr == KERN_SUCCESS && wakeup_time != NULL)
			*wakeup_time = alarm.time;
	}
	(void)mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
	return kr;
}

kern_return_t clock_sleep(mach_port_t clock, sleep_type_t type, mach_timespec_t time, mach_timespec_t *wakeup_time)
{
	kern_return_t kr = clock_sleep_trap(clock, type, time.tv_sec, time.tv_nsec, wakeup_time);

	return kr != MACH_SEND_INVALID_DEST ? kr : sleep_by_alarm(clock, type, time, wakeup_time);
}

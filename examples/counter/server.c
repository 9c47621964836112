/* SPDX-License-Identifier: BSD-2-Clause */
/* server.c - keeps a counter for whoever asks, on whatever node. */
#include "counter_server.h"

#include <mach/mach.h>
#include <servers/bootstrap.h>
#include <stdio.h>

#define MESSAGE_MAX 1024

static int64_t counter;
static uint64_t calls;

static kern_return_t add(mach_port_t port, int64_t amount, int64_t *value)
{
	counter = (int64_t)((uint64_t)counter + (uint64_t)amount);
	calls++;
	*value = counter;
	return KERN_SUCCESS;
}

static kern_return_t read_it(mach_port_t port, int64_t *value, uint64_t *answered)
{
	*value = counter;
	*answered = calls;
	return KERN_SUCCESS;
}

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct counter_ops ops = { .counter_add = add, .counter_read = read_it };

	return counter_demux(&ops, in, out);
}

int main(void)
{
	mach_port_t port;
	kern_return_t result = bootstrap_check_in(bootstrap_port, "counter", &port);

	if (result != KERN_SUCCESS) {
		mach_error("counter-server: registering", result);
		return 1;
	}
	printf("counter-server: serving\n");
	fflush(stdout);
	result = mach_msg_server(demux, MESSAGE_MAX, port, MACH_MSG_OPTION_NONE);
	mach_error("counter-server", result);
	return 1;
}

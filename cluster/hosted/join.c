/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * join.c - hosted_join(): what a kernel does at boot for the network, in a process. Interface:
 * hosted.h.
 */
#include "hosted.h"

#include <ipc/ipc_net.h>
#include <ipc/ipc_net_impl.h>
#include <kern/kworker.h>
#include <kern/options.h>
#include <kern/printf.h>
#include <host/host.h>
#include <stdlib.h>

#include "kernel.h"

#define LEAVE_MS 500 /* at most: who has not answered until then finds out by himself */

const char *hosted_join(const struct hosted_link *link)
{
	char options[96];
	const char *error;

	host_quiet = getenv("MESHACH_HOSTED_LOG") == NULL; /* a command's output is its own */
	(void)hosted_task();
	(void)ksnprintf(options, sizeof(options), "node.ip=%u.%u.%u.%u node.mask=%u.%u.%u.%u",
			link->address >> 24, link->address >> 16 & 255, link->address >> 8 & 255,
			link->address & 255, link->netmask >> 24, link->netmask >> 16 & 255,
			link->netmask >> 8 & 255, link->netmask & 255);
	if (boot_options_parse(options) != NULL)
		return "the switch gave a bad address";
	error = hosted_nic_open(link);
	if (error != NULL)
		return error;
	kworker_init();
	ipc_net_start();
	return NULL;
}

void hosted_leave(void)
{
	bool left = ipc_net == NULL;

	for (int ms = 0; !left && ms < LEAVE_MS; ms++) {
		spin_lock(&net.lock);
		netipc_leave(net.engine, clock_now_ns());
		net_rearm_locked(netipc_deadline(net.engine));
		left = netipc_left(net.engine);
		spin_unlock(&net.lock);
		if (!left)
			host_sleep_ms(1);
	}
}

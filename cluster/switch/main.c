/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - meshach-switch: the cluster's Ethernet switch and boot server.
 *
 *   meshach-switch --dir DIR --control SOCKET [--ports N] [--boot FOLDER [--bootfile NAME]
 * [--options TEXT]]
 *
 * It makes ports 1..N in DIR, prints {"ok": true} when they are there, and runs until `quit` or a
 * signal.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "switch.h"

#ifndef SW_FABRIC
#define SW_FABRIC sw_fabric_dgram
#endif

#define REALTIME_PRIORITY 10

static struct sw sw;

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "meshach-switch: %s: %s\n", what, why);
	return 1;
}

static void on_signal(int number)
{
	sw.quit = true;
}

/* Frames move in time even when the guests use every CPU. Without the privilege it works, less
 * evenly. */
static void want_realtime(void)
{
	struct sched_param param = {.sched_priority = REALTIME_PRIORITY};

	(void)sched_setscheduler(0, SCHED_FIFO, &param);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"dir", 1, NULL, 'd'},  {"control", 1, NULL, 'c'},  {"ports", 1, NULL, 'p'},
		{"boot", 1, NULL, 'b'}, {"bootfile", 1, NULL, 'f'}, {"options", 1, NULL, 'o'},
		{NULL, 0, NULL, 0},
	};
	const char *control = NULL, *boot = NULL, *bootfile = "boot.ipxe", *kernel_options = "",
		   *error;
	unsigned long ports = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'd':
			sw.directory = optarg;
			break;
		case 'c':
			control = optarg;
			break;
		case 'p':
			ports = strtoul(optarg, NULL, 10);
			break;
		case 'b':
			boot = optarg;
			break;
		case 'f':
			bootfile = optarg;
			break;
		case 'o':
			kernel_options = optarg;
			break;
		default:
			return 2;
		}
	}
	if (sw.directory == NULL || control == NULL || ports >= SW_PORT_HOSTED_FIRST)
		return fail("usage", "--dir DIR --control SOCKET [--ports N] [--boot FOLDER]");
	signal(SIGPIPE, SIG_IGN);
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sw.epoll = epoll_create1(EPOLL_CLOEXEC);
	sw.fabric = &SW_FABRIC;
	sw.now_ns = sw_clock_ns();
	if (boot != NULL &&
	    (sw.netboot = netboot_create(&sw, boot, bootfile, kernel_options)) == NULL)
		return fail("boot server", "a name or the kernel options are too long");
	for (uint32_t i = 1; i <= ports; i++) {
		if (sw_port_open(&sw, i, &error) == NULL)
			return fail("port", error);
	}
	if ((error = control_open(&sw, control)) != NULL)
		return fail(control, error);
	want_realtime();
	puts("{\"ok\": true}");
	fflush(stdout);
	loop_run(&sw);
	if (sw.capture != NULL)
		capture_stop(sw.capture);
	for (uint32_t i = 1; i < SW_MAX_PORTS; i++) {
		if (sw.ports[i].used)
			sw_port_close(&sw, &sw.ports[i]);
	}
	return 0;
}

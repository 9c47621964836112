/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * swap_on.c - gives this node's default pager memory of another node to store pages in.
 *
 *   swap-on NAME MIB        open a disk of MIB mebibytes at the memory server NAME (memory/3), when it is there
 *
 * The bootstrap server starts it with the host control port, and it ends when the default pager has the disk. On the node that lends
 * it does nothing. A disk of another node goes with that node: what was stored there is lost, and tasks that touch it get EXC_BAD_ACCESS,
 * KERN_MEMORY_ERROR, as with a disk that fails.
 */
#include <device/device_types.h>
#include <mach/default_pager_object.h>
#include <mach/device.h>
#include <mach/host_priv.h>
#include <mach/mach.h>
#include <servers/bootstrap_names.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../default/swap_mark.h"

#define RECORD 4096u
#define PAUSE_NS 100000000L

static void must(kern_return_t result, const char *what)
{
	if (result == KERN_SUCCESS)
		return;
	printf("swap-on: %s: %s\n", what, mach_error_string(result));
	exit(1);
}

static int lends(const char *name)
{
	const char *node = getenv("MESHACH_NODE"), *mine = node != NULL ? strrchr(node, '.') : NULL, *theirs = strrchr(name, '/');

	return mine != NULL && theirs != NULL && strcmp(mine + 1, theirs + 1) == 0;
}

/* The first page says that it is for swap: the default pager writes to no other. */
static void mark(mach_port_t disk)
{
	static _Alignas(4096) char page[RECORD];
	int written = 0;

	strcpy(page, SWAP_MARK);
	must(device_write(disk, 0, 0, page, sizeof(page), &written), "writing the mark");
	if (written != sizeof(page))
		must(KERN_FAILURE, "writing the mark");
}

/* The default pager's port: it may be a moment before there is one. */
static mach_port_t default_pager(mach_port_t control)
{
	const struct timespec pause = { 0, PAUSE_NS };
	mach_port_t manager = MACH_PORT_NULL;

	for (;; (void)nanosleep(&pause, NULL)) {
		must(host_default_memory_manager(control, &manager, 0), "finding the default pager");
		if (MACH_PORT_VALID(manager))
			return manager;
	}
}

int main(int argc, char **argv)
{
	const struct timespec pause = { 0, PAUSE_NS };
	mach_port_t control, server, disk;
	char *rest = "";
	unsigned long mib = argc == 3 ? strtoul(argv[2], &rest, 10) : 0;
	kern_return_t result;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (mib == 0 || *rest != '\0') {
		printf("usage: swap-on NAME MIB\n");
		return 2;
	}
	if (lends(argv[1]))
		return 0;
	must(task_get_special_port(mach_task_self(), TASK_HOST_PORT, &control), "the host control port");
	while ((result = bootstrap_look_up_wait(bootstrap_port, argv[1], &server)) == KERN_OPERATION_TIMED_OUT)
		(void)nanosleep(&pause, NULL);
	must(result, argv[1]);
	must(device_open(server, D_READ | D_WRITE, argv[2], &disk), "borrowing memory");
	mark(disk);
	must(default_pager_backing_store_create(default_pager(control), disk, argv[1]), "giving it to the default pager");
	printf("swap-on: %lu MiB of %s\n", mib, argv[1]);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* bootstrap_keep.c - the name of a server that each node has one of (servers/bootstrap_names.h). */
#include <mach/mach.h>
#include <mach/notify.h>
#include <pthread.h>
#include <servers/bootstrap_names.h>
#include <servers/limits.h>
#include <servers/name_server.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct kept {
	mach_port_t service, notices;
	void (*registered)(const char *name);
	char name[NAME_STRING_MAX];
};

/* Until the name server has died. Returns at once if it is dead already. */
static void wait_for_death(mach_port_t name_server, mach_port_t notices)
{
	mach_port_t previous = MACH_PORT_NULL;
	mach_dead_name_notification_t death;

	if (mach_port_request_notification(mach_task_self(), name_server, MACH_NOTIFY_DEAD_NAME, 0, notices,
					   MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous) != KERN_SUCCESS)
		return;
	if (mach_msg(&death.not_header, MACH_RCV_MSG, 0, sizeof(death), notices, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL) ==
	    MACH_MSG_SUCCESS)
		(void)mach_port_deallocate(mach_task_self(), name_server); /* the reference that came with it */
}

static void *keep(void *argument)
{
	const struct timespec pause = { 0, 100000000L };
	mach_port_t host = mach_host_self(), name_server;
	struct kept *k = argument;
	bool told = false;

	for (;; (void)nanosleep(&pause, NULL)) {
		if (host_name_server(host, &name_server) != KERN_SUCCESS || !MACH_PORT_VALID(name_server))
			continue;
		if (name_register(name_server, k->name, k->service, MACH_MSG_TYPE_COPY_SEND) == KERN_SUCCESS) {
			if (!told && k->registered != NULL)
				k->registered(k->name);
			told = true;
			wait_for_death(name_server, k->notices);
		}
		(void)mach_port_deallocate(mach_task_self(), name_server);
	}
	return NULL;
}

kern_return_t bootstrap_keep(const char *kind, mach_port_t service, void (*registered)(const char *name))
{
	const char *node = getenv("MESHACH_NODE"), *last = node != NULL ? strrchr(node, '.') : NULL;
	struct kept *k = malloc(sizeof(*k));
	kern_return_t result;
	pthread_t thread;

	if (k == NULL)
		return KERN_RESOURCE_SHORTAGE;
	*k = (struct kept){ .service = service, .registered = registered };
	if ((size_t)snprintf(k->name, sizeof(k->name), "%s/%s", kind, last != NULL ? last + 1 : "1") >= sizeof(k->name)) {
		free(k);
		return KERN_INVALID_ARGUMENT;
	}
	result = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &k->notices);
	if (result != KERN_SUCCESS) {
		free(k);
		return result;
	}
	if (pthread_create(&thread, NULL, keep, k) != 0) {
		(void)mach_port_mod_refs(mach_task_self(), k->notices, MACH_PORT_RIGHT_RECEIVE, -1);
		free(k);
		return KERN_RESOURCE_SHORTAGE;
	}
	(void)pthread_detach(thread);
	return KERN_SUCCESS;
}

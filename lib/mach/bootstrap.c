/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bootstrap.c - names of services (servers/bootstrap_names.h).
 *
 * A node learns the name server's port when it meets the others; until then callers wait for it, 10 s at most.
 */
#include <mach/mach.h>
#include <servers/bootstrap_names.h>
#include <servers/name_server.h>
#include <time.h>

#define WAIT_STEP_NS 20000000L
#define WAIT_STEPS 500

/* A send right to the name server. */
static kern_return_t find_name_server(mach_port_t *server)
{
	const struct timespec step = { 0, WAIT_STEP_NS };
	mach_port_t host = mach_host_self();
	kern_return_t result = KERN_FAILURE;

	*server = MACH_PORT_NULL;
	for (int i = 0; i < WAIT_STEPS; i++) {
		result = host_name_server(host, server);
		if (result != KERN_SUCCESS || MACH_PORT_VALID(*server))
			break;
		(void)nanosleep(&step, NULL);
	}
	(void)mach_port_deallocate(mach_task_self(), host);
	if (result == KERN_SUCCESS && !MACH_PORT_VALID(*server))
		result = KERN_OPERATION_TIMED_OUT;
	return result;
}

static kern_return_t look_up(const char *name, natural_t options, mach_port_t *service)
{
	mach_port_t server;
	kern_return_t result = find_name_server(&server);

	if (result != KERN_SUCCESS)
		return result;
	result = name_look_up(server, name, options, service);
	(void)mach_port_deallocate(mach_task_self(), server);
	return result;
}

kern_return_t bootstrap_look_up(mach_port_t bootstrap, const char *name, mach_port_t *service)
{
	(void)bootstrap;
	return look_up(name, 0, service);
}

kern_return_t bootstrap_look_up_wait(mach_port_t bootstrap, const char *name, mach_port_t *service)
{
	(void)bootstrap;
	return look_up(name, NAME_WAIT, service);
}

kern_return_t bootstrap_register(mach_port_t bootstrap, const char *name, mach_port_t service)
{
	mach_port_t server;
	kern_return_t result = find_name_server(&server);

	(void)bootstrap;
	if (result != KERN_SUCCESS)
		return result;
	result = name_register(server, name, service, MACH_MSG_TYPE_COPY_SEND);
	(void)mach_port_deallocate(mach_task_self(), server);
	return result;
}

kern_return_t bootstrap_check_in(mach_port_t bootstrap, const char *name, mach_port_t *service)
{
	mach_port_t port;
	kern_return_t result = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);

	if (result != KERN_SUCCESS)
		return result;
	result = mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
	if (result == KERN_SUCCESS)
		result = bootstrap_register(bootstrap, name, port);
	if (result == KERN_SUCCESS)
		*service = port;
	else
		(void)mach_port_destroy(mach_task_self(), port);
	return result;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach_init.c - the ports that a program has from its start, and each thread's reply port.
 *
 * Interface: mach_init.h; mig_get_reply_port and its like (mach/mig.h).
 * A thread makes its reply port at its first call and keeps it; the port dies with the thread, or
 * when a call ended without its reply (a late one must not be taken for the next).
 */
#include <mach/mach_init.h>
#include <mach/mach_port.h>
#include <mach/mach_traps.h>
#include <mach/mig.h>
#include <mach/task.h>
#include <pthread.h>

mach_port_t mach_task_self_;
mach_port_t bootstrap_port;

__thread mach_port_t mig_reply_port_;
static pthread_key_t reply_key;
static bool have_key;

static void thread_ends(void *unused)
{
	(void)unused;
	mig_dealloc_reply_port(mig_reply_port_);
}

MIG_HOT mach_port_t mig_get_reply_port(void)
{
	if (mig_reply_port_ == MACH_PORT_NULL) {
		mig_reply_port_ = mach_reply_port();
		if (have_key)
			(void)pthread_setspecific(reply_key, &mig_reply_port_);
	}
	return mig_reply_port_;
}

void mig_dealloc_reply_port(mach_port_t port)
{
	mach_port_t mine = mig_reply_port_;

	(void)port;
	mig_reply_port_ = MACH_PORT_NULL;
	if (mine != MACH_PORT_NULL)
		(void)mach_port_mod_refs(mach_task_self_, mine, MACH_PORT_RIGHT_RECEIVE, -1);
}

MIG_HOT void mig_put_reply_port(mach_port_t port)
{
	(void)port;
}

mach_port_t mach_thread_self(void)
{
	return thread_self_trap();
}

mach_port_t mach_host_self(void)
{
	return host_self_trap();
}

__attribute__((constructor(101))) static void mach_init(void)
{
	have_key = pthread_key_create(&reply_key, thread_ends) == 0;
	mach_task_self_ = task_self_trap();
	if (task_get_special_port(mach_task_self_, TASK_BOOTSTRAP_PORT, &bootstrap_port) != KERN_SUCCESS)
		bootstrap_port = MACH_PORT_NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* threads.h - threads of test programs: start one, and wait until the kernel says that it waits. */
#pragma once

#include <mach/mach.h>
#include <mach/thread_info.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS_TRIES 4000

/* A call made in a thread of its own, and its result. */
struct actor {
	kern_return_t (*act)(struct actor *);
	mach_port_t port, other;
	uint64_t number;
	kern_return_t result;
	mach_port_t thread; /* its port, once it runs */
	volatile int done;
	pthread_t pthread;
};

static inline void *actor_main(void *arg)
{
	struct actor *a = arg;

	__atomic_store_n(&a->thread, mach_thread_self(), __ATOMIC_RELEASE);
	a->result = a->act(a);
	__atomic_store_n(&a->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static inline void actor_start(struct actor *a)
{
	a->thread = MACH_PORT_NULL;
	a->done = 0;
	if (pthread_create(&a->pthread, NULL, actor_main, a) != 0)
		abort();
	while (__atomic_load_n(&a->thread, __ATOMIC_ACQUIRE) == MACH_PORT_NULL)
		usleep(100);
}

/* Until the kernel says that the thread waits. */
static inline bool thread_waits(mach_port_t thread)
{
	for (int i = 0; i < THREADS_TRIES; i++) {
		thread_basic_info_data_t info;
		mach_msg_type_number_t count = THREAD_BASIC_INFO_COUNT;

		if (thread_info(thread, THREAD_BASIC_INFO, (thread_info_t)&info, &count) == KERN_SUCCESS &&
		    info.run_state == TH_STATE_WAITING)
			return true;
		usleep(500);
	}
	return false;
}

/* Start it, and wait until it waits. */
static inline bool actor_blocks(struct actor *a)
{
	actor_start(a);
	return thread_waits(a->thread);
}

static inline kern_return_t actor_join(struct actor *a)
{
	pthread_join(a->pthread, NULL);
	(void)mach_port_deallocate(mach_task_self(), a->thread);
	return a->result;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* sleeper.h - what a host thread sleeps on; between thread.c and wait.c. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

struct host_sleeper {
	pthread_t pthread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool go; /* guarded by lock: thread_go() came */
};

/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/thread_status.h - a thread's registers, as thread_get_state and thread_set_state pass them. */
#pragma once

#include <mach/x86_64/thread_status.h>
#include <stdint.h>

typedef int thread_state_flavor_t;
typedef uint32_t *thread_state_t;

#define THREAD_STATE_MAX 256 /* words: enough for every flavour */

/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/thread_switch.h - options of thread_switch(). Names and values: OSF Mach and XNU. */
#pragma once

#define SWITCH_OPTION_NONE 0
#define SWITCH_OPTION_DEPRESS 1             /* with the lowest priority, for option_time ms at most (0: until it runs again) */
#define SWITCH_OPTION_WAIT 2                /* not at all for option_time ms, or until thread_abort() */
#define SWITCH_OPTION_DISPATCH_CONTENTION 3 /* as WAIT */
#define SWITCH_OPTION_OSLOCK_DEPRESS 4      /* as DEPRESS: a lock's owner is to run */
#define SWITCH_OPTION_OSLOCK_WAIT 5         /* as WAIT */
#define valid_switch_option(option) ((option) >= SWITCH_OPTION_NONE && (option) <= SWITCH_OPTION_OSLOCK_WAIT)

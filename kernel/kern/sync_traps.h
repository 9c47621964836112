/* SPDX-License-Identifier: BSD-2-Clause */
/* sync_traps.h - the traps of semaphores, clocks and timers, for trap_table.c (numbers: <mach/semaphore_traps.h>, <mach/mach_time.h>,
 * <mach/mk_timer.h>). */
#pragma once

#include <machine/trap.h>

uint64_t trap_semaphore_signal(struct trap_frame *f);
uint64_t trap_semaphore_signal_all(struct trap_frame *f);
uint64_t trap_semaphore_signal_thread(struct trap_frame *f);
uint64_t trap_semaphore_wait(struct trap_frame *f);
uint64_t trap_semaphore_wait_signal(struct trap_frame *f);
uint64_t trap_semaphore_timedwait(struct trap_frame *f);
uint64_t trap_semaphore_timedwait_signal(struct trap_frame *f);
uint64_t trap_clock_sleep(struct trap_frame *f);
uint64_t trap_timebase_info(struct trap_frame *f);
uint64_t trap_wait_until(struct trap_frame *f);
uint64_t trap_mk_timer_create(struct trap_frame *f);
uint64_t trap_mk_timer_destroy(struct trap_frame *f);
uint64_t trap_mk_timer_arm(struct trap_frame *f);
uint64_t trap_mk_timer_cancel(struct trap_frame *f);

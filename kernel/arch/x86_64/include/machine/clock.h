/* SPDX-License-Identifier: BSD-2-Clause */
/* clock.h - the machine's monotonic counter and its per-CPU one-shot timer interrupt. */
#pragma once

#include <stdint.h>

/* Calibrated TSC (or what the machine has), ns since boot. */
uint64_t machine_now_ns(void);
/* How machine_now_ns() reckons: from the counter that programs may read, too; the same from the boot on. */
struct machine_clock_terms {
	uint64_t start, ns_per_tick; /* ns = (count - start) * ns_per_tick / 2^32 */
};
struct machine_clock_terms machine_clock_terms(void);
/* Seconds since 1970 by the battery clock; slow to read, and only as right as it was set. */
uint64_t machine_wall_seconds(void);
/* Of this boot: greater than that of any boot of this machine before, as far as its clock goes on. */
uint64_t machine_boot_stamp(void);
/* Make this CPU's timer interrupt at deadline_ns (past: at once; UINT64_MAX: never); it calls timer_interrupt(). */
void machine_timer_set(uint64_t deadline_ns);
/* Defined by kern/clock.c; runs in interrupt context on the CPU whose timer fired. */
void timer_interrupt(void);

/* SPDX-License-Identifier: BSD-2-Clause */
/* clock_private.h - the machine's clock, for arch. */
#pragma once

#include <stdint.h>

/* Measure the TSC and the APIC timer; the boot CPU, its APIC enabled, interrupts off. */
void clock_calibrate(void);
/* Spin. */
void clock_delay_us(uint64_t us);
uint64_t clock_tsc_hz(void);

/* SPDX-License-Identifier: BSD-2-Clause */
/* ipi.h - how long an interrupt from one CPU to another takes. */
#pragma once

/* Measure to a running and to a halted CPU, print `BENCH {json}` lines. Panics with fewer than two CPUs. */
void bench_ipi(void);

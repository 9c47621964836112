/* SPDX-License-Identifier: BSD-2-Clause */
/* fpu.h - the user's FPU, SSE and AVX registers. */
#pragma once

#include <mach/x86_64/thread_status.h>
#include <mach/kern_return.h>
#include <stdbool.h>

struct thread;

/* After kalloc is up: the zone of state areas. */
void fpu_init(void);
/* Before other CPUs run: states must lie in memory whenever their thread does not run. */
void fpu_prepare_smp(void);
/* The current thread's first FPU instruction since the registers were another's. False: no memory. */
bool fpu_first_use(void);
/* old leaves this CPU, next comes (either may be a kernel thread). Interrupts off. */
void fpu_switch(struct thread *old, struct thread *next);
/* t's state area is to be freed. */
void fpu_destroy(struct thread *t);

/* t is stopped or current. */
kern_return_t fpu_get_state(struct thread *t, x86_float_state64_t *state);
kern_return_t fpu_set_state(struct thread *t, const x86_float_state64_t *state);
/* The upper halves of the 256-bit registers; false: the processor has none, or no memory. */
bool fpu_get_upper(struct thread *t, uint8_t upper[16][16]);
bool fpu_set_upper(struct thread *t, const uint8_t upper[16][16]);

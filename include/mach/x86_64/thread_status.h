/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach/x86_64/thread_status.h - the flavours of thread state of this machine.
 *
 * Flavour numbers and the layout of the first two are XNU's. MESHACH_BASE_STATE64 holds the thread-local
 * storage bases, which the others lack.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define x86_THREAD_STATE64 4
#define x86_FLOAT_STATE64 5
#define MESHACH_BASE_STATE64 100

/* Selectors cannot be changed; set_state ignores cs, fs and gs. */
typedef struct x86_thread_state64 {
	uint64_t rax, rbx, rcx, rdx, rdi, rsi, rbp, rsp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags, cs, fs, gs;
} x86_thread_state64_t;

/* Between the two reserved words: what FXSAVE stores (SDM vol. 1 10.5.1). */
typedef struct x86_float_state64 {
	int32_t fpu_reserved[2];
	uint16_t fpu_fcw, fpu_fsw;
	uint8_t fpu_ftw, fpu_rsrv1;
	uint16_t fpu_fop;
	uint32_t fpu_ip;
	uint16_t fpu_cs, fpu_rsrv2;
	uint32_t fpu_dp;
	uint16_t fpu_ds, fpu_rsrv3;
	uint32_t fpu_mxcsr, fpu_mxcsrmask;
	uint8_t fpu_stmm[8][16];
	uint8_t fpu_xmm[16][16];
	uint8_t fpu_rsrv4[96];
	int32_t fpu_reserved1;
} x86_float_state64_t;

typedef struct meshach_base_state64 {
	uint64_t fs_base, gs_base;
} meshach_base_state64_t;

#define x86_THREAD_STATE64_COUNT ((uint32_t)(sizeof(x86_thread_state64_t) / sizeof(uint32_t)))
#define x86_FLOAT_STATE64_COUNT ((uint32_t)(sizeof(x86_float_state64_t) / sizeof(uint32_t)))
#define MESHACH_BASE_STATE64_COUNT ((uint32_t)(sizeof(meshach_base_state64_t) / sizeof(uint32_t)))

_Static_assert(sizeof(x86_thread_state64_t) == 168, "42 words");
_Static_assert(offsetof(x86_float_state64_t, fpu_reserved1) == 520, "FXSAVE's 512 bytes after two words");

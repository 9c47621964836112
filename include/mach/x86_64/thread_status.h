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
#define x86_EXCEPTION_STATE64 6 /* cannot be set */
#define x86_THREAD_STATE 7      /* the same with a header that says which: 64 bits here */
#define x86_FLOAT_STATE 8
#define x86_EXCEPTION_STATE 9
#define x86_DEBUG_STATE64 11
#define x86_DEBUG_STATE 12
#define THREAD_STATE_NONE 13
#define x86_AVX_STATE64 17
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

/* The last trap of the thread. */
typedef struct x86_exception_state64 {
	uint16_t trapno;     /* vector; 256: a system call */
	uint16_t cpu;        /* where it runs, or ran last */
	uint32_t err;        /* the error code */
	uint64_t faultvaddr; /* of its last page fault */
} x86_exception_state64_t;

/* Breakpoints and watchpoints of this thread alone. A kernel access is not reported. dr4 and dr5 are not there. */
typedef struct x86_debug_state64 {
	uint64_t dr0, dr1, dr2, dr3, dr4, dr5, dr6, dr7;
} x86_debug_state64_t;

/* x86_FLOAT_STATE64, then the upper halves of the 256-bit registers. */
typedef struct x86_avx_state64 {
	x86_float_state64_t fpu;
	uint8_t avx_reserved1[64];
	uint8_t fpu_ymmh[16][16];
} x86_avx_state64_t;

typedef struct x86_state_hdr {
	uint32_t flavor, count;
} x86_state_hdr_t;

typedef struct x86_thread_state {
	x86_state_hdr_t tsh;
	union {
		x86_thread_state64_t ts64;
	} uts;
} x86_thread_state_t;

typedef struct x86_float_state {
	x86_state_hdr_t fsh;
	union {
		x86_float_state64_t fs64;
	} ufs;
} x86_float_state_t;

typedef struct x86_exception_state {
	x86_state_hdr_t esh;
	union {
		x86_exception_state64_t es64;
	} ues;
} x86_exception_state_t;

typedef struct x86_debug_state {
	x86_state_hdr_t dsh;
	union {
		x86_debug_state64_t ds64;
	} uds;
} x86_debug_state_t;

typedef struct meshach_base_state64 {
	uint64_t fs_base, gs_base;
} meshach_base_state64_t;

#define x86_THREAD_STATE64_COUNT ((uint32_t)(sizeof(x86_thread_state64_t) / sizeof(uint32_t)))
#define x86_FLOAT_STATE64_COUNT ((uint32_t)(sizeof(x86_float_state64_t) / sizeof(uint32_t)))
#define x86_EXCEPTION_STATE64_COUNT ((uint32_t)(sizeof(x86_exception_state64_t) / sizeof(uint32_t)))
#define x86_DEBUG_STATE64_COUNT ((uint32_t)(sizeof(x86_debug_state64_t) / sizeof(uint32_t)))
#define x86_AVX_STATE64_COUNT ((uint32_t)(sizeof(x86_avx_state64_t) / sizeof(uint32_t)))
#define x86_THREAD_STATE_COUNT ((uint32_t)(sizeof(x86_thread_state_t) / sizeof(uint32_t)))
#define x86_FLOAT_STATE_COUNT ((uint32_t)(sizeof(x86_float_state_t) / sizeof(uint32_t)))
#define x86_EXCEPTION_STATE_COUNT ((uint32_t)(sizeof(x86_exception_state_t) / sizeof(uint32_t)))
#define x86_DEBUG_STATE_COUNT ((uint32_t)(sizeof(x86_debug_state_t) / sizeof(uint32_t)))
#define MESHACH_BASE_STATE64_COUNT ((uint32_t)(sizeof(meshach_base_state64_t) / sizeof(uint32_t)))

_Static_assert(sizeof(x86_thread_state64_t) == 168, "42 words");
_Static_assert(offsetof(x86_float_state64_t, fpu_reserved1) == 520, "FXSAVE's 512 bytes after two words");

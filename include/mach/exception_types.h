/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/exception_types.h - kinds of exceptions, behaviours and masks. Values: OSF Mach and XNU. */
#pragma once

#include <stdint.h>

#define EXC_BAD_ACCESS 1      /* code: a kern_return_t or EXC_I386_*; subcode: the address */
#define EXC_BAD_INSTRUCTION 2
#define EXC_ARITHMETIC 3
#define EXC_EMULATION 4
#define EXC_SOFTWARE 5        /* code: EXC_I386_BOUND, or EXC_SOFT_SIGNAL and more of systems above */
#define EXC_SOFT_SIGNAL 0x10003 /* subcode: the signal */
#define EXC_BREAKPOINT 6
#define EXC_SYSCALL 7
#define EXC_MACH_SYSCALL 8
#define EXC_RPC_ALERT 9
#define EXC_CRASH 10          /* nobody dealt with one: code as of EXC_CRASH_CODE; KERN_SUCCESS changes nothing */
#define EXC_RESOURCE 11       /* a limit was crossed */
#define EXC_GUARD 12          /* a guard was violated */
#define EXC_CORPSE_NOTIFY 13
#define EXC_TYPES_COUNT 14

#define EXC_MASK_BAD_ACCESS (1 << EXC_BAD_ACCESS)
#define EXC_MASK_BAD_INSTRUCTION (1 << EXC_BAD_INSTRUCTION)
#define EXC_MASK_ARITHMETIC (1 << EXC_ARITHMETIC)
#define EXC_MASK_EMULATION (1 << EXC_EMULATION)
#define EXC_MASK_SOFTWARE (1 << EXC_SOFTWARE)
#define EXC_MASK_BREAKPOINT (1 << EXC_BREAKPOINT)
#define EXC_MASK_SYSCALL (1 << EXC_SYSCALL)
#define EXC_MASK_MACH_SYSCALL (1 << EXC_MACH_SYSCALL)
#define EXC_MASK_RPC_ALERT (1 << EXC_RPC_ALERT)
#define EXC_MASK_CRASH (1 << EXC_CRASH)
#define EXC_MASK_RESOURCE (1 << EXC_RESOURCE)
#define EXC_MASK_GUARD (1 << EXC_GUARD)
#define EXC_MASK_CORPSE_NOTIFY (1 << EXC_CORPSE_NOTIFY)
#define EXC_MASK_ALL \
	(EXC_MASK_BAD_ACCESS | EXC_MASK_BAD_INSTRUCTION | EXC_MASK_ARITHMETIC | EXC_MASK_EMULATION | \
	 EXC_MASK_SOFTWARE | EXC_MASK_BREAKPOINT | EXC_MASK_SYSCALL | EXC_MASK_MACH_SYSCALL | \
	 EXC_MASK_RPC_ALERT)

/* All that can be asked for; EXC_MASK_ALL leaves out what tells of an end or a policy. */
#define EXC_MASK_VALID (EXC_MASK_ALL | EXC_MASK_CRASH | EXC_MASK_RESOURCE | EXC_MASK_GUARD | EXC_MASK_CORPSE_NOTIFY)

#define EXCEPTION_DEFAULT 1        /* task and thread ports */
#define EXCEPTION_STATE 2          /* thread state */
#define EXCEPTION_STATE_IDENTITY 3 /* both */
#define MACH_EXCEPTION_CODES ((int)0x80000000) /* 64-bit codes */

/* Codes of the machine's exceptions. */
#define EXC_I386_DIV 1      /* EXC_ARITHMETIC: division by zero */
#define EXC_I386_INTO 2     /* EXC_ARITHMETIC: overflow */
#define EXC_I386_NOEXT 3    /* EXC_ARITHMETIC: no x87 */
#define EXC_I386_EXTOVR 4   /* EXC_ARITHMETIC: x87 overrun */
#define EXC_I386_BOUND 7    /* EXC_SOFTWARE: BOUND */
#define EXC_I386_EXTERR 5   /* EXC_ARITHMETIC: x87 */
#define EXC_I386_SSEEXTERR 8 /* EXC_ARITHMETIC: SSE */
#define EXC_I386_INVOP 1    /* EXC_BAD_INSTRUCTION: undefined opcode */
#define EXC_I386_INVTSSFLT 10
#define EXC_I386_SEGNPFLT 11
#define EXC_I386_STKFLT 12
#define EXC_I386_GPFLT 13   /* EXC_BAD_ACCESS: general protection */
#define EXC_I386_ALIGNFLT 17
#define EXC_I386_SGL 1      /* EXC_BREAKPOINT: single step or hardware breakpoint; subcode: DR6 */
#define EXC_I386_BPT 2      /* EXC_BREAKPOINT: INT3 */

typedef int exception_type_t;
typedef int exception_behavior_t;
typedef unsigned int exception_mask_t;
/* EXC_CRASH's code: which exception, the signal's number, and the low bits of its code. */
#define EXC_CRASH_CODE(exception, signal, code) \
	(((int64_t)(signal) & 0xff) << 24 | ((int64_t)(exception) & 0xf) << 20 | ((int64_t)(code) & 0xfffff))

typedef int exception_data_type_t;
typedef int64_t mach_exception_data_type_t;
typedef exception_data_type_t *exception_data_t;
typedef mach_exception_data_type_t *mach_exception_data_t;

/* Of get and swap: at most this many, for there are fewer kinds. */
#define EXC_TYPES_MAX 32
typedef exception_mask_t *exception_mask_array_t;
typedef exception_behavior_t *exception_behavior_array_t;
typedef int *exception_flavor_array_t;

/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/pc_sample.h - samples of program counters (mach/mach4.defs). Names and values: Mach 3 and GNU Mach. */
#pragma once

#include <mach/vm_types.h>

/* What takes a sample of the thread that it happens to. */
typedef unsigned sampled_pc_flavor_t;
#define SAMPLED_PC_PERIODIC 0x1 /* every tick of its running; the counter is that of its user code, in the kernel too */
#define SAMPLED_PC_VM_ZFILL_FAULTS 0x10
#define SAMPLED_PC_VM_REACTIVATION_FAULTS 0x20 /* comes never: pages are reactivated by the pageout daemon, not by faults */
#define SAMPLED_PC_VM_PAGEIN_FAULTS 0x40
#define SAMPLED_PC_VM_COW_FAULTS 0x80
#define SAMPLED_PC_VM_FAULTS_ANY 0x100 /* a fault of whatever kind; its samples say so and not the kind */
#define SAMPLED_PC_VM_FAULTS                                                                              \
	(SAMPLED_PC_VM_ZFILL_FAULTS | SAMPLED_PC_VM_REACTIVATION_FAULTS | SAMPLED_PC_VM_PAGEIN_FAULTS |    \
	 SAMPLED_PC_VM_COW_FAULTS)

typedef unsigned sampled_pc_seqno_t;
typedef struct sampled_pc {
	unsigned id;      /* of the thread: the low half of its THREAD_IDENTIFIER_INFO */
	vm_offset_t pc;
	sampled_pc_flavor_t sampletype;
} sampled_pc_t;
typedef sampled_pc_t *sampled_pc_array_t;
_Static_assert(sizeof(sampled_pc_t) == 24, "sampled_pc_t");

#define SAMPLED_PCS_MAX 512 /* so many are kept */

/* What the messages of task_sample() and thread_sample() bring (mach/prof.defs). */
typedef vm_offset_t *sample_array_t;
#define SAMPLE_ARRAY_MAX 256

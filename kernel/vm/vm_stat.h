/* SPDX-License-Identifier: BSD-2-Clause */
/* vm_stat.h - what VM counts since the boot, for host_statistics (vm_statistics of mach/vm_statistics.h). */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define VM_STATS(S) \
	S(FAULTS)        /* vm_fault was called */ \
	S(ZERO_FILL)     /* pages of zeros made */ \
	S(COW)           /* pages copied up */ \
	S(LOOKUPS)       /* pages of objects looked for by faults */ \
	S(HITS)          /* and found */ \
	S(PAGEINS)       /* pages that pagers supplied */ \
	S(PAGEOUTS)      /* pages given to pagers */ \
	S(REACTIVATIONS) /* inactive pages that were used again */ \
	S(DROPPED)       /* clean pages freed by the daemon */ \
	S(PURGES)        /* pages whose owner said that they may go */ \
	S(SCANS)         /* passes of the daemon */ \
	S(SHORTAGES)     /* times nothing could be freed */

#define VM_STAT_ENUM(name) VM_STAT_##name,
enum vm_stat { VM_STATS(VM_STAT_ENUM) VM_STAT_COUNT };

extern _Atomic uint64_t vm_stats[VM_STAT_COUNT];

static inline void vm_stat_add(enum vm_stat which, uint64_t n)
{
	atomic_fetch_add_explicit(&vm_stats[which], n, memory_order_relaxed);
}

static inline uint64_t vm_stat_read(enum vm_stat which)
{
	return atomic_load_explicit(&vm_stats[which], memory_order_relaxed);
}

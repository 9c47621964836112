/* SPDX-License-Identifier: BSD-2-Clause */
/* memory_state.h - for test programs that press on memory: what the node's memory and swap are, and how long it takes. */
#pragma once

#include <mach/mach.h>
#include <mach/vm_statistics.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

static inline uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static inline vm_statistics64_data_t statistics(void)
{
	vm_statistics64_data_t s = { 0 };
	mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;

	if (host_statistics64(mach_host_self(), HOST_VM_INFO64, (host_info_t)&s, &count) != KERN_SUCCESS)
		s.free_count = 0;
	return s;
}

static inline void tell(const char *what)
{
	vm_statistics64_data_t s = statistics();
	printf("# %s: free %u active %u inactive %u wired %u laundry %lu faults %lu zero %lu cow %lu in %lu out %lu dropped %lu again %lu "
	       "short %lu waiting %lu swap %lu of %lu\n",
	       what, s.free_count, s.active_count, s.inactive_count, s.wire_count, (unsigned long)s.laundry_count,
	       (unsigned long)s.faults, (unsigned long)s.zero_fill_count, (unsigned long)s.cow_faults,
	       (unsigned long)s.pageins, (unsigned long)s.pageouts, (unsigned long)s.dropped,
	       (unsigned long)s.reactivations, (unsigned long)s.shortages, (unsigned long)s.waiting, (unsigned long)s.swap_used,
	       (unsigned long)s.swap_total);
}

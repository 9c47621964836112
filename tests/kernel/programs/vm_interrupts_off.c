/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_interrupts_off.c - a program for a node: for how long work on much memory keeps interrupts off, and that calls on huge ranges of little
 * memory take little time. It is the first task of its boot (tests/kernel/vm.t), on one processor. Prints TAP, and the
 * figures as comments.
 *
 * The kernel measures its longest stretch with interrupts off. Each piece of work is done on BYTES of resident memory a few times; the best
 * stretch must be a small part of what the same work takes in all: else it was done under one hold of a lock, and grows with
 * the memory.
 */
#include <mach/mach.h>
#include <mach/mach_vm.h>
#include <mach/memory_object_types.h>
#include <mach/vm_behavior.h>
#include <mach/vm_purgable.h>
#include <mach/vm_statistics.h>
#include <mach/vm_sync.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../programs/tap.h"
#include "interrupts_off.h"

#define TIMES 61
#define PAGE 4096UL
#define BYTES (4UL << 20)
#define SHORT_NS 100000 /* and for what is done in no time */
#define HUGE_BYTES (1UL << 44) /* 16 TiB: 2^32 pages, none of them resident */

static mach_port_t self;
static mach_vm_address_t memory;

static void touch(mach_vm_address_t at, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i += PAGE)
		((volatile uint8_t *)at)[i] = 1;
}

static bool fresh(int flags)
{
	memory = 0;
	if (mach_vm_allocate(self, &memory, BYTES, VM_FLAGS_ANYWHERE | flags) != KERN_SUCCESS)
		return false;
	touch(memory, BYTES);
	return true;
}

static bool plain(void)
{
	return fresh(0);
}

static bool gone(void)
{
	return mach_vm_deallocate(self, memory, BYTES) == KERN_SUCCESS;
}

static bool nothing(void)
{
	return true;
}

static bool unmap_half(void)
{
	return mach_vm_deallocate(self, memory + BYTES / 2, BYTES / 2) == KERN_SUCCESS;
}

static mach_port_t child;

static bool fork_it(void)
{
	return task_create(self, NULL, 0, TRUE, &child) == KERN_SUCCESS;
}

static bool child_gone(void)
{
	return task_terminate(child) == KERN_SUCCESS && mach_port_deallocate(self, child) == KERN_SUCCESS && gone();
}

/* A shadow in front of all the memory, which is its alone again. */
static bool shadowed(void)
{
	if (!plain() || !fork_it())
		return false;
	touch(memory, PAGE);
	return task_terminate(child) == KERN_SUCCESS && mach_port_deallocate(self, child) == KERN_SUCCESS;
}

/* The next copies up find that: each collapses what it can. */
static bool collapse(void)
{
	touch(memory, BYTES);
	return true;
}

static mach_vm_address_t alias;

static bool aliased(void)
{
	vm_prot_t current, maximum;

	alias = 0;
	return plain() && mach_vm_remap(self, &alias, BYTES, 0, VM_FLAGS_ANYWHERE, self, memory, FALSE, &current, &maximum,
					VM_INHERIT_NONE) == KERN_SUCCESS;
}

/* Memory that two map is copied: its pages sink. */
static bool copy_shared(void)
{
	mach_vm_address_t at = 0;
	vm_prot_t current, maximum;

	return mach_vm_remap(self, &at, BYTES, 0, VM_FLAGS_ANYWHERE, self, memory, TRUE, &current, &maximum, VM_INHERIT_NONE) ==
		       KERN_SUCCESS && mach_vm_deallocate(self, at, BYTES) == KERN_SUCCESS;
}

static bool aliases_gone(void)
{
	return mach_vm_deallocate(self, alias, BYTES) == KERN_SUCCESS && gone();
}

static bool lower(void)
{
	return mach_vm_protect(self, memory, BYTES, FALSE, VM_PROT_READ) == KERN_SUCCESS;
}

static bool wire(void)
{
	return mach_vm_wire(mach_host_self(), self, memory, BYTES, VM_PROT_READ) == KERN_SUCCESS &&
	       mach_vm_wire(mach_host_self(), self, memory, BYTES, VM_PROT_NONE) == KERN_SUCCESS;
}

static bool volatile_memory(void)
{
	int state = VM_PURGABLE_VOLATILE;

	return fresh(VM_FLAGS_PURGABLE) && mach_vm_purgable_control(self, memory, VM_PURGABLE_SET_STATE, &state) == KERN_SUCCESS;
}

static bool purge(void)
{
	int state = 0;

	return mach_vm_purgable_control(self, memory, VM_PURGABLE_PURGE_ALL, &state) == KERN_SUCCESS;
}

static bool give_away(void)
{
	return mach_vm_behavior_set(self, memory, BYTES, VM_BEHAVIOR_DONTNEED) == KERN_SUCCESS &&
	       mach_vm_behavior_set(self, memory, BYTES, VM_BEHAVIOR_REUSABLE) == KERN_SUCCESS;
}

static bool describe(void)
{
	vm_region_extended_info_data_t info;
	mach_msg_type_number_t count = VM_REGION_EXTENDED_INFO_COUNT;
	mach_vm_address_t at = memory;
	mach_vm_size_t size;
	mach_port_t name;

	return mach_vm_region(self, &at, &size, VM_REGION_EXTENDED_INFO, (vm_region_info_t)&info, &count, &name) == KERN_SUCCESS &&
	       info.pages_resident >= BYTES / PAGE;
}

struct work {
	const char *what, *sentence;
	bool (*before)(void), (*work)(void), (*after)(void);
};

static const struct work works[] = {
	{ "first touches", "VMIO0001 touching memory does not keep interrupts off", nothing, plain, gone },
	{ "unmapping", "VMIO0002 nor unmapping it", plain, gone, nothing },
	{ "unmapping a half", "VMIO0003 nor a part of an object", plain, unmap_half, gone },
	{ "fork", "VMIO0004 nor a fork", plain, fork_it, child_gone },
	{ "collapse", "VMIO0005 nor the end of a shadow", shadowed, collapse, gone },
	{ "copy of shared memory", "VMIO0006 nor a copy of what two map", aliased, copy_shared, aliases_gone },
	{ "protect", "VMIO0007 nor lowering its rights", plain, lower, gone },
	{ "wire and unwire", "VMIO0008 nor wiring", plain, wire, gone },
	{ "purge", "VMIO0009 nor purging", volatile_memory, purge, gone },
	{ "advice", "VMIO0010 nor giving it up", plain, give_away, gone },
	{ "region's pages", "VMIO0011 nor counting its pages", plain, describe, gone },
};

static void measure(const struct work *w)
{
	static uint64_t stretch[TIMES], whole[TIMES];
	processor_latency_data_t l = { 0 };
	uint64_t at = 0, begin, most = 0;
	bool good = true;

	for (unsigned i = 0; i < TIMES && good; i++) {
		good = w->before() && longest(NULL);
		begin = now_ns();
		good = good && w->work();
		whole[i] = now_ns() - begin;
		good = good && longest(&l) && w->after();
		stretch[i] = l.max_ns;
		if (l.max_ns > most) {
			most = l.max_ns;
			at = l.max_where;
		}
	}
	qsort(stretch, TIMES, sizeof(stretch[0]), compare);
	qsort(whole, TIMES, sizeof(whole[0]), compare);
	printf("# interrupts off: %s: the longest stretch %lu ns at best, %lu in the median, of %lu ns; of all %lu ns at 0x%lx\n", w->what,
	       (unsigned long)stretch[0], (unsigned long)stretch[TIMES / 2], (unsigned long)whole[0], (unsigned long)most, (unsigned long)at);
	tap(good && (stretch[0] < whole[0] / 4 || stretch[0] < SHORT_NS), "%s", w->sentence);
}

/* ---- much address space, no memory ---- */

static mach_vm_address_t huge;

static bool huge_dontneed(void)
{
	return mach_vm_behavior_set(self, huge, HUGE_BYTES, VM_BEHAVIOR_DONTNEED) == KERN_SUCCESS;
}

static bool huge_deactivate(void)
{
	return mach_vm_msync(self, huge, HUGE_BYTES, VM_SYNC_DEACTIVATE) == KERN_SUCCESS;
}

static bool huge_sync(void)
{
	return mach_vm_msync(self, huge, HUGE_BYTES, VM_SYNC_SYNCHRONOUS | VM_SYNC_INVALIDATE) == KERN_SUCCESS;
}

static bool huge_willneed(void)
{
	return mach_vm_behavior_set(self, huge, HUGE_BYTES, VM_BEHAVIOR_WILLNEED) == KERN_SUCCESS;
}

static bool huge_free(void)
{
	return mach_vm_behavior_set(self, huge + PAGE, HUGE_BYTES - PAGE, VM_BEHAVIOR_FREE) == KERN_SUCCESS;
}

static bool huge_unwire(void)
{
	return mach_vm_wire(mach_host_self(), self, huge, HUGE_BYTES, VM_PROT_NONE) == KERN_SUCCESS;
}

static bool huge_wire(void)
{
	return mach_vm_wire(mach_host_self(), self, huge, HUGE_BYTES, VM_PROT_READ) == KERN_RESOURCE_SHORTAGE;
}

static bool huge_protect(void)
{
	return mach_vm_protect(self, huge, HUGE_BYTES, FALSE, VM_PROT_READ) == KERN_SUCCESS &&
	       mach_vm_protect(self, huge, HUGE_BYTES, FALSE, VM_PROT_DEFAULT) == KERN_SUCCESS;
}

static bool huge_describe(void)
{
	vm_region_extended_info_data_t info;
	mach_msg_type_number_t count = VM_REGION_EXTENDED_INFO_COUNT;
	mach_vm_address_t at = huge;
	mach_vm_size_t size;
	mach_port_t name;

	return mach_vm_region(self, &at, &size, VM_REGION_EXTENDED_INFO, (vm_region_info_t)&info, &count, &name) == KERN_SUCCESS;
}

static bool huge_copy(void)
{
	vm_prot_t current, maximum;
	mach_vm_address_t at = 0;

	return mach_vm_remap(self, &at, HUGE_BYTES, 0, VM_FLAGS_ANYWHERE, self, huge, TRUE, &current, &maximum, VM_INHERIT_NONE) == KERN_SUCCESS &&
	       mach_vm_deallocate(self, at, HUGE_BYTES) == KERN_SUCCESS;
}

static bool huge_write(void)
{
	touch(huge + HUGE_BYTES / 2, PAGE);
	return true;
}

static bool huge_gone(void)
{
	return mach_vm_deallocate(self, huge, HUGE_BYTES) == KERN_SUCCESS;
}

static const struct {
	bool (*work)(void);
	const char *sentence;
} huge_works[] = {
	{ huge_dontneed, "VMIO0020 DONTNEED of 16 TiB of which one page is resident" },
	{ huge_deactivate, "VMIO0021 msync that deactivates it" },
	{ huge_sync, "VMIO0022 msync that invalidates it" },
	{ huge_willneed, "VMIO0023 WILLNEED" },
	{ huge_unwire, "VMIO0024 unwiring it" },
	{ huge_wire, "VMIO0025 wiring it is refused" },
	{ huge_protect, "VMIO0026 lowering and raising its rights" },
	{ huge_describe, "VMIO0027 counting its pages" },
	{ huge_copy, "VMIO0028 a copy of it" },
	{ huge_write, "VMIO0029 a write to it after that" },
	{ huge_free, "VMIO0030 FREE" },
	{ huge_gone, "VMIO0031 unmapping it" },
};

#define HUGE_LIMIT_NS (20ULL * 1000 * 1000 * 1000) /* page by page each would take more than a quarter of an hour */

static void huge_ranges(void)
{
	tap_result(mach_vm_allocate(self, &huge, HUGE_BYTES, VM_FLAGS_ANYWHERE), KERN_SUCCESS, "VMIO0019 16 TiB of addresses");
	touch(huge, PAGE);
	for (unsigned i = 0; i < sizeof(huge_works) / sizeof(huge_works[0]); i++) {
		uint64_t begin = now_ns(), took;
		bool good = huge_works[i].work();

		took = now_ns() - begin;
		printf("# %lu us\n", (unsigned long)(took / 1000));
		tap(good && took < HUGE_LIMIT_NS, "%s", huge_works[i].sentence);
	}
}

int main(void)
{
	processor_array_t list = NULL;
	mach_msg_type_number_t count = 0;
	processor_latency_data_t l;

	self = mach_task_self();
	tap_result(host_processors(mach_host_self(), &list, &count), KERN_SUCCESS, "VMIO0000 the processors");
	processor = list[0];
	if (longest(&l))
		for (unsigned i = 0; i < sizeof(works) / sizeof(works[0]); i++)
			measure(&works[i]);
	else
		printf("# this kernel does not measure interrupts\n");
	huge_ranges();
	return tap_done();
}

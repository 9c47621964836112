/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake_pmap.h - page tables as a table in memory, "user code" that reads and writes through them and faults,
 * and allocations that fail on demand.
 */
#pragma once

#include <mach/kern_return.h>
#include <mach/vm_prot.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm_map;
struct pmap;

/* What user code does: copies through the page tables; a missing or weaker mapping calls vm_fault. */
kern_return_t user_read(struct vm_map *map, uint64_t va, void *dst, size_t n);
kern_return_t user_write(struct vm_map *map, uint64_t va, const void *src, size_t n);

/* Device memory at phys, mapped anywhere with prot. */
kern_return_t fake_device_map(struct vm_map *map, uint64_t *va, uint64_t size, uint64_t phys, vm_prot_t prot);

/* Forget all mappings that are not wired, as a pmap may. */
void fake_pmap_forget(struct pmap *p);
/* Mappings in all pmaps; pmaps that exist; faults taken by user_read and user_write. */
extern uint64_t fake_mappings, fake_pmaps, fake_faults, fake_large;

/* The n-th allocation from now on fails (1: the next; 0: none). */
void alloc_fail_at(uint64_t n);
/* Each allocation fails with chance 1 in n (0: none), by a generator of its own. */
void alloc_fail_chance(uint32_t n, uint32_t seed);
/* True once if an allocation was made to fail since the last call. */
bool alloc_failed(void);

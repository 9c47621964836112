/* SPDX-License-Identifier: BSD-2-Clause */
/* vm_map_copy_internal.h - what a copy in transit is made of (vm_map_copy.c, vm_map_exchange.c). */
#pragma once

#include <vm/vm_map_copy.h>

#include "vm_map_internal.h"

struct vm_map_copy {
	mach_vm_size_t size;  /* bytes, not 0 */
	uint64_t first;       /* offset of the first byte in the first page */
	struct list entries;  /* C1 */
	uint64_t *wired;      /* C2; NULL: none */
};

/* A copy of size bytes without entries, its first byte at address's place in a page; NULL: no memory. */
struct vm_map_copy *vm_map_copy_new(uint64_t address, mach_vm_size_t size);
/* A fresh entry for [start, end) with an object of its own; the caller fills the object. NULL: no memory. */
struct vm_map_entry *vm_map_copy_entry_new(uint64_t start, uint64_t end);

/* SPDX-License-Identifier: BSD-2-Clause */
/* arena.h - the memory that the VM unit tests run the real page allocator and zones on. */
#pragma once

#include <stdint.h>

#define ARENA_PAGES 8192U

/* Give the arena to vm_page_bootstrap(); call once, before anything allocates. */
void arena_init(void);
/* Frames that nobody holds, after empty slabs were given back. */
uint64_t arena_free_pages(void);
/* Print every zone that holds an object. */
void arena_print_zones(void);

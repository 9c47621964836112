/* SPDX-License-Identifier: BSD-2-Clause */
/* boot.h - what the boot loader would tell, on the host: a test gives the arena that is "memory". */
#pragma once

#include <stdint.h>

#define BOOT_MAX_REGIONS 64

struct boot_region {
	uint64_t start, end;
};

struct boot_info {
	struct boot_region regions[BOOT_MAX_REGIONS];
	uint32_t region_count;
	uint64_t memory_bytes;
};

extern struct boot_info boot_info;

/* Unpredictable bits; a program that links kern/host.c defines it. */
uint64_t machine_random64(void);

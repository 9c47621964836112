/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buffer_cache.h - a disk with a cache of its blocks before it, as a device of its own.
 *
 * The disk vd0 is also bvd0: the same records, read and written with the same calls, through a cache (as Unix has block
 * devices beside raw ones). For file servers; paging uses the disk itself. Reads of neighbouring records run ahead. Writes go to the
 * disk before they are answered.
 */
#pragma once

#include <device/device.h>

/* A cache before disk, registered as "b" and the disk's name; without memory for it there is none. */
void buffer_cache_attach(struct device *disk);
/* Give up to pages frames of blocks back, the least recently used first. Any context. Returns how many. */
uint64_t buffer_cache_reclaim(uint64_t pages);
/* Is d one? Then what it has done since the boot: DEV_GET_CACHE of device_types.h. */
bool buffer_cache_counts(struct device *d, int counts[DEV_GET_CACHE_COUNT]);

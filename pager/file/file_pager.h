/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file_pager.h - files that lie in memory (the boot archive) as memory objects: their pages are brought in as they are touched, in
 * clusters that read ahead, and stay cached for the next who maps them.
 */
#pragma once

#include <mach/mach.h>
#include <stdint.h>

/*
 * Purpose: the memory object of the file at data, size bytes, which stay there; made on first use, with a thread that serves all files.
 * Returns: KERN_SUCCESS with *object, a send right of the caller's task that stays; KERN_RESOURCE_SHORTAGE.
 * One thread at a time.
 */
kern_return_t file_pager_object(const void *data, uint64_t size, mach_port_t *object);

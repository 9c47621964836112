/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copyio.h - copy to and from the current task's user memory. Any pointer is survived: a fault that
 * vm_fault cannot resolve ends the copy with KERN_INVALID_ADDRESS. May block in vm_fault: no spin
 * lock is held.
 */
#pragma once

#include <mach/kern_return.h>
#include <stddef.h>
#include <stdint.h>

/* Returns KERN_SUCCESS or KERN_INVALID_ADDRESS (part may have been copied). */
kern_return_t copyin(uint64_t user_src, void *dst, size_t bytes);
kern_return_t copyout(const void *src, uint64_t user_dst, size_t bytes);
/* A NUL-terminated string; *length without the NUL. KERN_NO_SPACE if max is too small. */
kern_return_t copyinstr(uint64_t user_src, char *dst, size_t max, size_t *length);

/* SPDX-License-Identifier: BSD-2-Clause */
/* copyio.h - on the host user memory is the program's own: a checked memcpy (see host/host.h). */
#pragma once

#include <mach/kern_return.h>
#include <stddef.h>
#include <stdint.h>

kern_return_t copyin(uint64_t user_src, void *dst, size_t bytes);
kern_return_t copyout(const void *src, uint64_t user_dst, size_t bytes);
kern_return_t copyinstr(uint64_t user_src, char *dst, size_t max, size_t *length);

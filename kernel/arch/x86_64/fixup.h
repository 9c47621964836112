/* SPDX-License-Identifier: BSD-2-Clause */
/* fixup.h - kernel instructions that may fault, and where to go on when they do (patch.h FIXUP). */
#pragma once

#include <stdint.h>

struct fixup {
	uint64_t at, to;
};

extern const struct fixup fixup_start[], fixup_end[];

/* Where to go on after a fault at rip; 0: that instruction must not fault. */
static inline uint64_t fixup_of(uint64_t rip)
{
	for (const struct fixup *f = fixup_start; f < fixup_end; f++)
		if (f->at == rip)
			return f->to;
	return 0;
}

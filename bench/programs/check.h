/* SPDX-License-Identifier: BSD-2-Clause */
/* check.h - a program of the bench ends at the first call that fails: a row measured after it would mean nothing. */
#pragma once

#include <mach/mach.h>
#include <stdio.h>
#include <stdlib.h>

static inline void
check(kern_return_t kr, const char *what)
{
	if (kr == KERN_SUCCESS)
		return;
	printf("BENCH-ERROR %s: %s (0x%x)\n", what, mach_error_string(kr), (unsigned)kr);
	exit(1);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/time_value.h - a span of time as kernel information gives it. */
#pragma once

#include <mach/port.h>

typedef struct time_value {
	integer_t seconds;
	integer_t microseconds;
} time_value_t;

#define TIME_MICROS_MAX 1000000

/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_perf_types.h - the arrays of ipc_perf.defs. */
#pragma once

#include <stdint.h>

typedef uint8_t ipc_perf_128_t[128];
typedef uint8_t ipc_perf_1024_t[1024];
typedef uint8_t ipc_perf_4096_t[4096];

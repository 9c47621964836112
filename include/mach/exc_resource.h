/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach/exc_resource.h - what the code and subcode of an EXC_RESOURCE say. Names and places of the bits: XNU's kern/exc_resource.h.
 *
 *   code     63:61 resource, 60:58 flavor, and then
 *   CPU      31:7 interval in seconds (rounded up), 6:0 the limit in per cent; subcode 6:0 per cent used
 *   MEMORY   12:0 the limit in MiB; subcode 0
 */
#pragma once

#include <stdint.h>

#define RESOURCE_TYPE_CPU 1
#define RESOURCE_TYPE_MEMORY 3
#define FLAVOR_CPU_MONITOR 1
#define FLAVOR_HIGH_WATERMARK 1

#define EXC_RESOURCE_DECODE_RESOURCE_TYPE(code) ((uint64_t)(code) >> 61 & 7)
#define EXC_RESOURCE_DECODE_FLAVOR(code) ((uint64_t)(code) >> 58 & 7)
#define EXC_RESOURCE_CPUMONITOR_DECODE_INTERVAL(code) ((uint64_t)(code) >> 7 & 0x1ffffff)
#define EXC_RESOURCE_CPUMONITOR_DECODE_PERCENTAGE(code) ((uint64_t)(code) & 0x7f)
#define EXC_RESOURCE_CPUMONITOR_DECODE_PERCENTAGE_OBSERVED(subcode) ((uint64_t)(subcode) & 0x7f)
#define EXC_RESOURCE_HWM_DECODE_LIMIT(code) ((uint64_t)(code) & 0x1fff)

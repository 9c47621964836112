/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach/exc_guard.h - the codes of EXC_GUARD: what was guarded, how it was touched, its name. Values: XNU.
 *
 * code: type 63..61, flavor 60..32, target 31..0. Of a port: flavor is a kGUARD_EXC_ of <mach/port.h>, the target
 * the port's name, and the subcode its guard.
 */
#pragma once

#include <stdint.h>

#define EXC_GUARD_ENCODE(type, flavor, target) \
	(((uint64_t)(type) & 0x7) << 61 | ((uint64_t)(flavor) & 0x1fffffff) << 32 | ((uint64_t)(target) & 0xffffffff))
#define EXC_GUARD_DECODE_GUARD_TYPE(code) (((uint64_t)(code) >> 61) & 0x7)
#define EXC_GUARD_DECODE_GUARD_FLAVOR(code) (((uint64_t)(code) >> 32) & 0x1fffffff)
#define EXC_GUARD_DECODE_GUARD_TARGET(code) ((uint64_t)(code) & 0xffffffff)

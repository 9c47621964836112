/* SPDX-License-Identifier: BSD-2-Clause */
/* clock.h - the host's monotonic clock. */
#pragma once

#include <stdint.h>

uint64_t machine_now_ns(void);
/* Of this process: greater than those before. A program that links the network's glue defines it. */
uint64_t machine_boot_stamp(void);

/* SPDX-License-Identifier: BSD-2-Clause */
/* irq.h - the host has no device interrupts. */
#pragma once

#include <mach/kern_return.h>
#include <stdint.h>

typedef void (*irq_handler_t)(void *arg);

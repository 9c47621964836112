/* SPDX-License-Identifier: BSD-2-Clause */
/* sample_types.h - C types of sample.defs. */
#pragma once

#include <mach/message.h>

typedef struct {
	uint64_t first, second;
} sample_pair_t;
typedef char sample_name_t[32];
typedef char sample_label_t[16];
typedef natural_t *sample_words_t;
typedef uint8_t *sample_bytes_t;
typedef uint16_t sample_four_t[4];
typedef natural_t *sample_memory_t;
typedef uint8_t *sample_bounded_t;
typedef mach_port_t *sample_send_array_t;

/* SPDX-License-Identifier: BSD-2-Clause */
/* sample.h - times of one measure: collected, sorted, printed as a `BENCH {json}` line. */
#pragma once

#include <stdint.h>

#define SAMPLES_MAX 16384u

struct sample {
	uint64_t ns[SAMPLES_MAX];
	uint32_t count;
};

/* Add one time; ignored when full. */
void sample_add(struct sample *s, uint64_t ns);
/* Print median and 99th percentile in us, each time divided by `each`; then empty it. */
void sample_print(struct sample *s, const char *name, uint32_t each);

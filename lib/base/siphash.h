/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * siphash.h - SipHash-2-4: a short keyed hash that nobody without the key can predict.
 *
 * Interface: siphash(key, bytes, n); or in pieces: siphash_start(), siphash_add() ..., siphash_end().
 * References: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF" (2012).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k[2];
};

struct siphash {
	uint64_t v[4];
	uint64_t partial; /* bytes that do not fill a word yet */
	uint64_t length;
};

void siphash_start(struct siphash *h, const struct siphash_key *key);
void siphash_add(struct siphash *h, const void *bytes, size_t n);
uint64_t siphash_end(struct siphash *h);

uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t n);
/* The same of the 16 bytes of a and b (little-endian). */
uint64_t siphash_words(const struct siphash_key *key, uint64_t a, uint64_t b);

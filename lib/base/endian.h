/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * endian.h - big-endian numbers as types of their own: only a get or a put touches them.
 *
 * Invariants: alignment 1, so that a wire struct may lie at any address; a be32 is no uint32_t, so
 * that a forgotten conversion does not compile.
 */
#pragma once

#include <stdint.h>

struct be16 {
	uint8_t b[2];
};
struct be24 {
	uint8_t b[3];
};
struct be32 {
	uint8_t b[4];
};
struct be64 {
	uint8_t b[8];
};

static inline uint16_t be16_get(struct be16 v)
{
	return (uint16_t)(v.b[0] << 8 | v.b[1]);
}

static inline uint32_t be24_get(struct be24 v)
{
	return (uint32_t)v.b[0] << 16 | (uint32_t)v.b[1] << 8 | v.b[2];
}

static inline uint32_t be32_get(struct be32 v)
{
	return (uint32_t)v.b[0] << 24 | (uint32_t)v.b[1] << 16 | (uint32_t)v.b[2] << 8 | v.b[3];
}

static inline uint64_t be64_get(struct be64 v)
{
	uint64_t r = 0;

	for (int i = 0; i < 8; i++)
		r = r << 8 | v.b[i];
	return r;
}

static inline struct be16 be16_put(uint32_t v)
{
	return (struct be16){ { (uint8_t)(v >> 8), (uint8_t)v } };
}

static inline struct be24 be24_put(uint32_t v)
{
	return (struct be24){ { (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v } };
}

static inline struct be32 be32_put(uint32_t v)
{
	return (struct be32){ { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
				(uint8_t)v } };
}

static inline struct be64 be64_put(uint64_t v)
{
	struct be64 r;

	for (int i = 8; i-- > 0; v >>= 8)
		r.b[i] = (uint8_t)v;
	return r;
}

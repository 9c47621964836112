/* SPDX-License-Identifier: BSD-2-Clause */
/* siphash.c - see siphash.h; little-endian machines only. */
#include <base/siphash.h>
#include <base/string.h>

static inline uint64_t rotate(uint64_t x, unsigned by)
{
	return (x << by) | (x >> (64 - by));
}

static inline void rounds(uint64_t v[4], unsigned count)
{
	while (count-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

static inline void word(struct siphash *h, uint64_t w)
{
	h->v[3] ^= w;
	rounds(h->v, 2);
	h->v[0] ^= w;
}

void siphash_start(struct siphash *h, const struct siphash_key *key)
{
	h->v[0] = key->k[0] ^ 0x736f6d6570736575u;
	h->v[1] = key->k[1] ^ 0x646f72616e646f6du;
	h->v[2] = key->k[0] ^ 0x6c7967656e657261u;
	h->v[3] = key->k[1] ^ 0x7465646279746573u;
	h->partial = h->length = 0;
}

void siphash_add(struct siphash *h, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	while (n > 0) {
		if (h->length % 8 == 0 && n >= 8) {
			uint64_t w;

			memcpy(&w, at, 8);
			word(h, w);
			h->length += 8;
			at += 8;
			n -= 8;
			continue;
		}
		h->partial |= (uint64_t)*at++ << (8 * (h->length % 8));
		n--;
		if (++h->length % 8 == 0) {
			word(h, h->partial);
			h->partial = 0;
		}
	}
}

uint64_t siphash_end(struct siphash *h)
{
	word(h, h->partial | h->length << 56);
	h->v[2] ^= 0xff;
	rounds(h->v, 4);
	return h->v[0] ^ h->v[1] ^ h->v[2] ^ h->v[3];
}

uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t n)
{
	struct siphash h;

	siphash_start(&h, key);
	siphash_add(&h, bytes, n);
	return siphash_end(&h);
}

uint64_t siphash_words(const struct siphash_key *key, uint64_t a, uint64_t b)
{
	struct siphash h;

	siphash_start(&h, key);
	word(&h, a);
	word(&h, b);
	h.length = 16;
	return siphash_end(&h);
}

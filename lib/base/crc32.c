/* SPDX-License-Identifier: BSD-2-Clause */
/* crc32.c - slicing by 8: table[k][b] is the effect of byte b followed by k zero bytes. */
#include <base/crc32.h>
#include <base/string.h>

#define POLYNOMIAL 0xedb88320u /* bit-reversed 0x04c11db7 */

static _Alignas(4096) uint32_t table[8][256]; /* two pages, not three */

void crc32_init(void)
{
	if (table[7][1] != 0)
		return;
	for (uint32_t byte = 256; byte-- > 0;) { /* table[7][1], the sign that all is there, is last: entry 0 is 0 */
		uint32_t state = byte;

		for (int k = 0; k < 8; k++) {
			for (int bit = 0; bit < 8; bit++)
				state = state >> 1 ^ (state & 1 ? POLYNOMIAL : 0);
			table[k][byte] = state;
		}
	}
}

static inline uint32_t step_byte(uint32_t state, uint8_t byte)
{
	return state >> 8 ^ table[0][(state ^ byte) & 0xff];
}

static inline uint32_t step_eight(uint32_t state, uint64_t word)
{
	word ^= state;
	return table[7][word & 0xff] ^ table[6][word >> 8 & 0xff] ^ table[5][word >> 16 & 0xff] ^
	       table[4][word >> 24 & 0xff] ^ table[3][word >> 32 & 0xff] ^
	       table[2][word >> 40 & 0xff] ^ table[1][word >> 48 & 0xff] ^ table[0][word >> 56];
}

static inline uint32_t step_four(uint32_t state, uint32_t word)
{
	word ^= state;
	return table[3][word & 0xff] ^ table[2][word >> 8 & 0xff] ^ table[1][word >> 16 & 0xff] ^
	       table[0][word >> 24];
}

uint32_t crc32_update(uint32_t state, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	for (; n >= 8; n -= 8, at += 8) {
		uint64_t word;

		memcpy(&word, at, 8); /* little-endian machines only */
		state = step_eight(state, word);
	}
	if (n >= 4) {
		uint32_t word;

		memcpy(&word, at, 4);
		state = step_four(state, word);
		n -= 4;
		at += 4;
	}
	while (n-- > 0)
		state = step_byte(state, *at++);
	return state;
}

uint32_t crc32_copy(uint32_t state, void *restrict to, const void *restrict bytes, size_t n)
{
	const uint8_t *at = bytes;
	uint8_t *out = to;

	for (; n >= 8; n -= 8, at += 8, out += 8) {
		uint64_t word;

		memcpy(&word, at, 8);
		memcpy(out, &word, 8);
		state = step_eight(state, word);
	}
	while (n-- > 0) {
		state = step_byte(state, *at);
		*out++ = *at++;
	}
	return state;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Description: CRC-32 by eights equals the definition, bit by bit, from any state and any alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <base/crc32.h>

static uint32_t by_definition(uint32_t state, const uint8_t *at, size_t n)
{
	for (; n > 0; n--, at++) {
		state ^= *at;
		for (int bit = 0; bit < 8; bit++)
			state = state & 1 ? state >> 1 ^ 0xedb88320u : state >> 1;
	}
	return state;
}

/* CRC0001 */
static void known_values(void **state)
{
	static const uint8_t ones[8] = { 255, 255, 255, 255, 255, 255, 255, 255 };

	assert_int_equal(~crc32_update(CRC32_START, "123456789", 9) & 0xffffffffu, 0xcbf43926u);
	/* RoCEv2's seed: the state after the eight bytes of ones that stand for the missing LRH. */
	assert_int_equal(crc32_update(CRC32_START, ones, 8), 0xdebb20e3u);
}

/* CRC0002 */
static void every_length_alignment_and_split(void **state)
{
	uint8_t bytes[96], copy[96];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	for (size_t from = 0; from < 9; from++)
		for (size_t n = 0; n + from < sizeof(bytes); n++) {
			uint32_t want = by_definition(0x12345678, bytes + from, n);
			uint32_t split = crc32_update(0x12345678, bytes + from, n / 3);

			memset(copy, 0, sizeof(copy));
			assert_int_equal(crc32_update(0x12345678, bytes + from, n), want);
			assert_int_equal(crc32_update(split, bytes + from + n / 3, n - n / 3), want);
			assert_int_equal(crc32_copy(0x12345678, copy + from, bytes + from, n), want);
			assert_memory_equal(copy + from, bytes + from, n);
			assert_int_equal(copy[from + n], 0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(every_length_alignment_and_split),
	};

	crc32_init();
	crc32_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

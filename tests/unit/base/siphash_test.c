/* SPDX-License-Identifier: BSD-2-Clause */
/* Description: SipHash-2-4 gives the values of its authors' test vectors, in one piece and in many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/siphash.h>

/* Key and message bytes are 0, 1, 2 ...; the vectors of the paper's appendix and reference code. */
static const struct siphash_key key = { { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u } };

static void values_are_the_reference_ones(void **state)
{
	uint8_t bytes[64];

	for (int i = 0; i < 64; i++)
		bytes[i] = (uint8_t)i;
	assert_true(siphash(&key, bytes, 15) == 0xa129ca6149be45e5u);
	assert_true(siphash(&key, bytes, 0) == 0x726fdb47dd0e0e31u);
	assert_true(siphash(&key, bytes, 8) == 0x93f5f5799a932462u);
	assert_true(siphash_words(&key, 0x0706050403020100u, 0x0f0e0d0c0b0a0908u) == siphash(&key, bytes, 16));
}

static void pieces_make_no_difference(void **state)
{
	uint8_t bytes[64];

	for (int i = 0; i < 64; i++)
		bytes[i] = (uint8_t)(i * 7);
	for (int cut = 0; cut <= 64; cut++) {
		struct siphash h;

		siphash_start(&h, &key);
		siphash_add(&h, bytes, (size_t)cut);
		siphash_add(&h, bytes + cut, (size_t)(64 - cut));
		assert_true(siphash_end(&h) == siphash(&key, bytes, 64));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_the_reference_ones),
		cmocka_unit_test(pieces_make_no_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

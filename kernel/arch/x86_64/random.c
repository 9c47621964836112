/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random.c - numbers that others cannot guess as far as the CPU helps: RDRAND where CPUID has it (Intel SDM, RDRAND),
 * always stirred with the time-stamp counter through the finaliser of SplitMix64.
 */
#include <cpuid.h>
#include <machine/boot.h>
#include <stdatomic.h>

#define RDRAND_TRIES 10

static bool rdrand64(uint64_t *out)
{
	uint32_t a, b, c, d;
	bool ok = false;

	if (!__get_cpuid(1, &a, &b, &c, &d) || (c & bit_RDRND) == 0)
		return false;
	for (int i = 0; i < RDRAND_TRIES && !ok; i++)
		__asm__ volatile("rdrand %0; setc %1" : "=r"(*out), "=qm"(ok) : : "cc");
	return ok;
}

static uint64_t stir(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

uint64_t machine_random64(void)
{
	static _Atomic uint64_t state;
	uint64_t drawn = 0, now = __builtin_ia32_rdtsc();

	(void)rdrand64(&drawn);
	return drawn ^ stir(atomic_fetch_add(&state, 0x9e3779b97f4a7c15ULL) + now);
}

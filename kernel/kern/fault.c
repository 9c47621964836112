/* SPDX-License-Identifier: BSD-2-Clause */
/* fault.c - see fault.h. The n-th draw is a function of seed and n alone; which allocation gets it depends on who else allocates. */
#include <kern/fault.h>

#ifdef MESHACH_DEBUG
#include <kern/thread.h>

uint32_t fault_rate;
static uint64_t drawn;          /* atomic */
static bool (*applies_)(void);

bool fault_start(uint64_t seed, uint32_t rate, bool (*applies)(void))
{
	drawn = seed * 0x9e3779b97f4a7c15ULL;
	applies_ = applies;
	__atomic_store_n(&fault_rate, rate, __ATOMIC_RELEASE);
	return true;
}

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t x = __atomic_add_fetch(&drawn, 0x9e3779b97f4a7c15ULL, __ATOMIC_RELAXED);

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

bool fault_strikes(void)
{
	const struct thread *self = current_thread();

	if (self == NULL || self->vm_privilege || draw() % fault_rate != 0)
		return false;
	return applies_ == NULL || applies_();
}
#else
bool fault_start(uint64_t seed, uint32_t rate, bool (*applies)(void))
{
	(void)seed;
	(void)rate;
	(void)applies;
	return false;
}
#endif

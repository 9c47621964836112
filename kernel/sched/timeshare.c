/* SPDX-License-Identifier: BSD-2-Clause */
/* timeshare.c - usage, its decay, and priority. Interface and formula: timeshare.h. */
#include <sched/timeshare.h>

#define DECAY_TICKS 32 /* after so many nothing is left */
#define ONE (1ULL << 32)

/* (5/8)^n in units of 2^-32. */
static uint64_t decay_factor(uint64_t n)
{
	uint64_t factor = ONE, power = ONE / 8 * 5;

	for (; n != 0; n >>= 1) {
		if (n & 1)
			factor = factor * power >> 32;
		power = power * power >> 32;
	}
	return factor;
}

void timeshare_age(struct usage *u, uint64_t tick)
{
	uint64_t ticks = tick - u->tick;

	if (tick <= u->tick)
		return;
	u->tick = tick;
	if (u->ns > TIMESHARE_USAGE_MAX)
		u->ns = TIMESHARE_USAGE_MAX;
	u->ns = ticks >= DECAY_TICKS ? 0 : (u->ns * decay_factor(ticks)) >> 32;
}

void timeshare_charge(struct usage *u, uint64_t ns, uint64_t now_ns)
{
	const uint64_t tick_ns = 1ULL << TIMESHARE_TICK_SHIFT;
	uint64_t tick = timeshare_tick(now_ns), here = now_ns & (tick_ns - 1);

	if (ns <= here || tick == 0) { /* all in this tick */
		timeshare_age(u, tick);
		u->ns += ns;
		return;
	}
	ns -= here;
	if (ns > DECAY_TICKS * tick_ns)
		ns = DECAY_TICKS * tick_ns;
	for (uint64_t at = tick - (ns + tick_ns - 1) / tick_ns; at < tick; at++) {
		uint64_t part = ns % tick_ns != 0 ? ns % tick_ns : tick_ns;

		timeshare_age(u, at);
		u->ns += part < ns ? part : ns;
		ns -= part < ns ? part : ns;
	}
	timeshare_age(u, tick);
	u->ns += here;
}

unsigned timeshare_shift(uint32_t load)
{
	/* With two for each CPU each has half of the time; lowered by TIMESHARE_SPREAD: usage >> 23 is 21. */
	unsigned shift = 23;

	if (load <= LOAD_ONE + LOAD_ONE / 8)
		return TIMESHARE_SHIFT_NONE;
	for (uint32_t l = load; l >= 4 * LOAD_ONE && shift > 16; l /= 2)
		shift--;
	return shift;
}

uint32_t timeshare_priority(uint32_t base, const struct usage *u, unsigned shift)
{
	uint64_t lower = u->ns >> shift;

	return lower >= base ? 0 : base - (uint32_t)lower;
}

uint32_t timeshare_load(uint32_t before, uint32_t runnable, uint32_t cpus)
{
	uint32_t now = runnable * LOAD_ONE / (cpus != 0 ? cpus : 1);

	return now > before ? before + (now - before + 1) / 2 : before - (before - now + 1) / 2;
}

uint32_t timeshare_cpu_usage(const struct usage *u)
{
	uint64_t share = u->ns * 1000 / TIMESHARE_USAGE_MAX;

	return share > 1000 ? 1000 : (uint32_t)share;
}

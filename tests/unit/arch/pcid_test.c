/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: PCIDs against a model of processors that cache translations by number: nothing old is ever used, and what may be kept is.
 */
#include <host/test.h>
#include <stdlib.h>
#include <string.h>

#include "../../../kernel/arch/x86_64/pmap_pcid.h"

#define CPUS 4U
#define PMAPS 10U

#define MAPPINGS 2U
#define ROUNDS 3U

/* A pmap with some mappings, each with its version; an invalidation ends it, and is done when every processor concerned has followed. */
static struct {
	uint64_t id, generation, version[MAPPINGS], done[MAPPINGS];
} pmaps[PMAPS];

/* What a processor has cached under a number: whose mappings, and which version of each (0: not cached). */
struct cached {
	uint64_t id, version[MAPPINGS];
};

static struct {
	struct pcid_cpu pcid;
	struct cached cache[PCID_SLOTS + 1];
	unsigned loaded; /* pmap, or PMAPS: the kernel's */
	unsigned number;
} cpus[CPUS];

/* Invalidations under way: the generation is raised, these processors (bits) have still to follow. */
static struct {
	unsigned pmap, mapping, left;
	uint64_t generation, version;
	bool open;
} rounds[ROUNDS];

static uint64_t last_id, kept, loads;

static void pmap_new(unsigned p)
{
	memset(&pmaps[p], 0, sizeof(pmaps[p]));
	pmaps[p].id = ++last_id;
	for (unsigned m = 0; m < MAPPINGS; m++)
		pmaps[p].version[m] = pmaps[p].done[m] = 1;
}

static void reset(void)
{
	memset(cpus, 0, sizeof(cpus));
	memset(rounds, 0, sizeof(rounds));
	for (unsigned i = 0; i < CPUS; i++)
		cpus[i].loaded = PMAPS;
	for (unsigned i = 0; i < PMAPS; i++)
		pmap_new(i);
	kept = loads = 0;
}

static void load(unsigned cpu, unsigned p)
{
	struct pcid_choice choice = pcid_choose(&cpus[cpu].pcid, pmaps[p].id, pmaps[p].generation);

	assert_in_range(choice.number, 1, PCID_SLOTS);
	if (!choice.keep)
		memset(&cpus[cpu].cache[choice.number], 0, sizeof(struct cached)); /* MOV to CR3 with bit 63 clear */
	cpus[cpu].loaded = p;
	cpus[cpu].number = choice.number;
	kept += choice.keep;
	loads++;
}

/* The processor translates: from what it has cached, or from the tables. */
static void use(unsigned cpu, unsigned m)
{
	struct cached *c = &cpus[cpu].cache[cpus[cpu].number];
	unsigned p = cpus[cpu].loaded;

	if (p == PMAPS)
		return;
	if (c->version[m] == 0) {
		c->version[m] = pmaps[p].version[m];
		c->id = pmaps[p].id;
	}
	assert_int_equal(c->id, pmaps[p].id);
	assert_true(c->version[m] >= pmaps[p].done[m]);
}

/* pmap_invalidate() begins: the entry changes, the generation is raised, and who has the pmap loaded is to follow. */
static void begin(unsigned round, unsigned p, unsigned m)
{
	rounds[round].pmap = p;
	rounds[round].mapping = m;
	rounds[round].version = ++pmaps[p].version[m];
	rounds[round].generation = pmaps[p].generation++;
	rounds[round].open = true;
	rounds[round].left = 0;
	for (unsigned i = 0; i < CPUS; i++)
		if (cpus[i].loaded == p)
			rounds[round].left |= 1U << i;
}

/* invalidate_here(): INVLPG for the number in use. */
static void follow(unsigned round, unsigned cpu)
{
	unsigned p = rounds[round].pmap;

	if ((rounds[round].left >> cpu & 1) == 0)
		return;
	rounds[round].left &= ~(1U << cpu);
	cpus[cpu].cache[cpus[cpu].number].version[rounds[round].mapping] = 0;
	if (cpus[cpu].loaded == p)
		pcid_followed(&cpus[cpu].pcid, pmaps[p].id, rounds[round].generation);
}

static void end(unsigned round)
{
	unsigned p = rounds[round].pmap, m = rounds[round].mapping;

	if (!rounds[round].open || rounds[round].left != 0)
		return;
	rounds[round].open = false;
	if (pmaps[p].done[m] < rounds[round].version)
		pmaps[p].done[m] = rounds[round].version;
}

static void invalidate(unsigned p)
{
	begin(0, p, 0);
	for (unsigned i = 0; i < CPUS; i++)
		follow(0, i);
	end(0);
}

/* A pmap ends when nobody has it loaded or changes it, and another comes in its place, perhaps with the same tables. */
static void replace(unsigned p)
{
	for (unsigned r = 0; r < ROUNDS; r++)
		if (rounds[r].open && rounds[r].pmap == p)
			return;
	for (unsigned i = 0; i < CPUS; i++)
		if (cpus[i].loaded == p)
			cpus[i].loaded = PMAPS;
	pmap_new(p);
}

static void PCID0001_a_pmap_that_was_here_and_did_not_change_is_kept(void **state)
{
	reset();
	for (unsigned p = 0; p < PCID_SLOTS; p++)
		load(0, p);
	assert_int_equal(kept, 0);
	for (unsigned p = 0; p < PCID_SLOTS; p++)
		load(0, p);
	assert_int_equal(kept, PCID_SLOTS);
	load(0, PCID_SLOTS); /* one too many: the oldest goes */
	assert_int_equal(kept, PCID_SLOTS);
	load(0, 1);
	assert_int_equal(kept, PCID_SLOTS + 1);
	load(0, 0);
	assert_int_equal(kept, PCID_SLOTS + 1);
}

static void PCID0002_what_was_invalidated_elsewhere_is_flushed_at_the_next_load(void **state)
{
	reset();
	load(0, 0);
	use(0, 0);
	load(0, 1);
	invalidate(0);
	load(0, 0);
	assert_int_equal(kept, 0);
	use(0, 0);
	load(0, 1);
	load(0, 0);
	assert_int_equal(kept, 2);
	use(0, 0);
}

static void PCID0004_its_own_changes_do_not_cost_a_pmap_what_is_cached(void **state)
{
	reset();
	load(0, 0);
	use(0, 0);
	use(0, 1);
	invalidate(0);
	invalidate(0);
	load(0, 1);
	load(0, 0);
	assert_int_equal(kept, 1);
	assert_int_equal(cpus[0].cache[cpus[0].number].version[1], 1);
	use(0, 0);
}

static void PCID0005_a_change_that_was_not_followed_is_not_made_good_by_a_later_one(void **state)
{
	reset();
	load(0, 0);
	use(0, 0);
	pmaps[0].version[1]++;
	pmaps[0].generation++; /* pmap_forget_soon() */
	invalidate(0);
	load(0, 1);
	load(0, 0);
	assert_int_equal(kept, 0);
}

static void PCID0003_nothing_old_is_used_in_any_order(void **state)
{
	reset();
	srand(1);
	for (unsigned step = 0; step < 2000000; step++) {
		unsigned cpu = (unsigned)rand() % CPUS, p = (unsigned)rand() % PMAPS;

		unsigned round = (unsigned)rand() % ROUNDS;

		switch (rand() % 24) {
		case 0:
			if (!rounds[round].open)
				begin(round, p, (unsigned)rand() % MAPPINGS);
			break;
		case 1:
			if (rand() % 64 == 0)
				replace(p);
			break;
		case 2:
			cpus[cpu].loaded = PMAPS;
			break;
		case 3:
		case 4:
		case 5:
		case 6:
			load(cpu, rand() % 4 == 0 ? p : p % 4);
			break;
		case 7:
			if (rand() % 16 == 0)
				pmaps[p].generation++;
			break;
		case 8:
		case 9:
		case 10:
		case 11:
		case 12:
			follow(round, cpu);
			end(round);
			break;
		default:
			use(cpu, (unsigned)rand() % MAPPINGS);
		}
	}
	assert_true(kept > loads / 20); /* that it is of use */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(PCID0001_a_pmap_that_was_here_and_did_not_change_is_kept),
		cmocka_unit_test(PCID0002_what_was_invalidated_elsewhere_is_flushed_at_the_next_load),
		cmocka_unit_test(PCID0003_nothing_old_is_used_in_any_order),
		cmocka_unit_test(PCID0004_its_own_changes_do_not_cost_a_pmap_what_is_cached),
		cmocka_unit_test(PCID0005_a_change_that_was_not_followed_is_not_made_good_by_a_later_one),
	};

	return cmocka_run_group_tests_name("pcid", tests, NULL, NULL);
}

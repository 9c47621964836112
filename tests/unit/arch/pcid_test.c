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

/* A pmap with one mapping, whose version an invalidation ends. */
static struct {
	uint64_t id, generation, version;
} pmaps[PMAPS];

/* What a processor has cached under a number: whose mapping, and which version. */
struct cached {
	uint64_t id, version; /* id 0: nothing */
};

static struct {
	struct pcid_cpu pcid;
	struct cached cache[PCID_SLOTS + 1];
	unsigned loaded; /* pmap, or PMAPS: the kernel's */
	unsigned number;
} cpus[CPUS];

static uint64_t last_id, kept, loads;

static void reset(void)
{
	memset(cpus, 0, sizeof(cpus));
	for (unsigned i = 0; i < CPUS; i++)
		cpus[i].loaded = PMAPS;
	for (unsigned i = 0; i < PMAPS; i++) {
		memset(&pmaps[i], 0, sizeof(pmaps[i]));
		pmaps[i].id = ++last_id;
	}
	kept = loads = 0;
}

static void load(unsigned cpu, unsigned p)
{
	struct pcid_choice choice = pcid_choose(&cpus[cpu].pcid, pmaps[p].id, pmaps[p].generation);

	assert_in_range(choice.number, 1, PCID_SLOTS);
	if (!choice.keep)
		cpus[cpu].cache[choice.number].id = 0; /* MOV to CR3 with bit 63 clear */
	cpus[cpu].loaded = p;
	cpus[cpu].number = choice.number;
	kept += choice.keep;
	loads++;
}

/* The processor translates: from what it has cached, or from the tables. */
static void use(unsigned cpu)
{
	struct cached *c = &cpus[cpu].cache[cpus[cpu].number];
	unsigned p = cpus[cpu].loaded;

	if (p == PMAPS)
		return;
	if (c->id == 0)
		*c = (struct cached){ pmaps[p].id, pmaps[p].version };
	assert_int_equal(c->id, pmaps[p].id);
	assert_int_equal(c->version, pmaps[p].version);
}

/* pmap_invalidate(): the generation, then who has it loaded is told (INVLPG there, for its number). */
static void invalidate(unsigned p)
{
	pmaps[p].version++;
	pmaps[p].generation++;
	for (unsigned i = 0; i < CPUS; i++)
		if (cpus[i].loaded == p)
			cpus[i].cache[cpus[i].number].id = 0;
}

/* A pmap ends when nobody has it loaded, and another comes in its place, perhaps with the same tables. */
static void replace(unsigned p)
{
	for (unsigned i = 0; i < CPUS; i++)
		if (cpus[i].loaded == p)
			cpus[i].loaded = PMAPS;
	memset(&pmaps[p], 0, sizeof(pmaps[p]));
	pmaps[p].id = ++last_id;
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
	use(0);
	load(0, 1);
	invalidate(0);
	load(0, 0);
	assert_int_equal(kept, 0);
	use(0);
	load(0, 1);
	load(0, 0);
	assert_int_equal(kept, 2);
	use(0);
}

static void PCID0003_nothing_old_is_used_in_any_order(void **state)
{
	reset();
	srand(1);
	for (unsigned step = 0; step < 2000000; step++) {
		unsigned cpu = (unsigned)rand() % CPUS, p = (unsigned)rand() % PMAPS;

		switch (rand() % 16) {
		case 0:
			invalidate(p);
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
		default:
			use(cpu);
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
	};

	return cmocka_run_group_tests_name("pcid", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: the scheduler's algorithms on a made-up clock: run queues, decay of usage, real-time admission and budgets, the
 * heap of timers, and who lends priority to whom.
 */
#include <host/host.h>
#include <host/test.h>
#include <sched/donate.h>
#include <sched/edf.h>
#include <sched/run_queue.h>
#include <sched/timer_queue.h>
#include <sched/timeshare.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ULL
#define TICK (1ULL << TIMESHARE_TICK_SHIFT)

static uint64_t seed = 20261120;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* --- run queues ---------------------------------------------------------------------------- */

static struct thread *thread_of(uint32_t priority)
{
	struct thread *t = calloc(1, sizeof(*t));

	t->priority = priority;
	t->promotion_deadline_ns = UINT64_MAX;
	list_init(&t->run_link);
	return t;
}

static void SCHD0001_the_highest_priority_goes_first(void **state)
{
	struct run_queue_lists q;
	struct thread *threads[500];
	uint32_t before = SCHED_PRIORITIES;

	(void)state;
	run_queue_lists_init(&q);
	assert_int_equal(run_queue_top(&q), -1);
	assert_null(run_queue_first(&q));
	for (int i = 0; i < 500; i++) {
		threads[i] = thread_of((uint32_t)(next_random() % SCHED_PRIORITY_REALTIME));
		run_queue_put(&q, threads[i], false);
	}
	assert_int_equal(q.count, 500);
	for (int i = 0; i < 500; i++) {
		struct thread *t = run_queue_first(&q);

		assert_true(t->priority <= before);
		before = t->priority;
		run_queue_take(&q, t);
	}
	assert_int_equal(q.count, 0);
	assert_true(q.bitmap[0] == 0 && q.bitmap[1] == 0);
	for (int i = 0; i < 500; i++)
		free(threads[i]);
}

static void SCHD0002_equals_are_served_in_order(void **state)
{
	struct run_queue_lists q;
	struct thread *a = thread_of(31), *b = thread_of(31), *c = thread_of(31);

	(void)state;
	run_queue_lists_init(&q);
	run_queue_put(&q, a, false);
	run_queue_put(&q, b, false);
	run_queue_put(&q, c, true); /* preempted: it goes on first */
	assert_ptr_equal(run_queue_first(&q), c);
	run_queue_take(&q, c);
	assert_ptr_equal(run_queue_first(&q), a);
	run_queue_take(&q, a);
	assert_ptr_equal(run_queue_first(&q), b);
	b->priority = 90; /* changed while queued: it is still found where it was put */
	run_queue_take(&q, b);
	assert_int_equal(run_queue_top(&q), -1);
	free(a);
	free(b);
	free(c);
}

static void SCHD0003_real_time_goes_by_deadline(void **state)
{
	struct run_queue_lists q;
	struct thread *threads[50], *lent = thread_of(SCHED_PRIORITY_REALTIME);
	uint64_t before = 0;

	(void)state;
	run_queue_lists_init(&q);
	for (int i = 0; i < 50; i++) {
		threads[i] = thread_of(SCHED_PRIORITY_REALTIME);
		threads[i]->sched.mode = SCHED_REALTIME;
		threads[i]->sched.rt.deadline_ns = 1000 + next_random() % 1000;
		run_queue_put(&q, threads[i], true);
	}
	lent->promotion = SCHED_PRIORITY_REALTIME;
	lent->promotion_deadline_ns = 1;
	run_queue_put(&q, lent, false);
	assert_ptr_equal(run_queue_first(&q), lent);
	assert_true(run_queue_beats(lent, threads[0]) && !run_queue_beats(threads[0], lent));
	run_queue_take(&q, lent);
	for (int i = 0; i < 50; i++) {
		struct thread *t = run_queue_first(&q);

		assert_true(t->sched.rt.deadline_ns >= before);
		before = t->sched.rt.deadline_ns;
		run_queue_take(&q, t);
	}
	for (int i = 0; i < 50; i++)
		free(threads[i]);
	free(lent);
}

/* --- timesharing --------------------------------------------------------------------------- */

static void SCHD0010_usage_fades(void **state)
{
	struct usage u = { 1000 * MS, 10 };

	(void)state;
	timeshare_age(&u, 10);
	assert_int_equal(u.ns, 1000 * MS);
	u.ns = 80 * MS;
	timeshare_age(&u, 11);
	assert_in_range(u.ns, 50 * MS - 10, 50 * MS);
	timeshare_age(&u, 13);
	assert_in_range(u.ns, 195 * MS / 10, 196 * MS / 10);
	timeshare_age(&u, 12); /* a CPU that is behind changes nothing */
	assert_int_equal(u.tick, 13);
	timeshare_age(&u, 60);
	assert_int_equal(u.ns, 0);
}

static void SCHD0011_many_ticks_are_as_one_at_a_time(void **state)
{
	(void)state;
	for (uint64_t n = 1; n < 32; n++) {
		struct usage at_once = { 300 * MS, 0 }, singly = { 300 * MS, 0 };

		timeshare_age(&at_once, n);
		for (uint64_t i = 1; i <= n; i++)
			timeshare_age(&singly, i);
		assert_in_range(at_once.ns, singly.ns > 64 ? singly.ns - 64 : 0, singly.ns + 64);
	}
}

static void SCHD0012_who_runs_all_the_time_comes_to_the_maximum(void **state)
{
	struct usage often = { 0 }, once = { 0 };

	(void)state;
	for (uint64_t i = 1; i <= 40; i++)
		timeshare_charge(&often, TICK, i * TICK);
	timeshare_charge(&once, 40 * TICK, 40 * TICK);
	assert_in_range(often.ns, TIMESHARE_USAGE_MAX * 5 / 8 - 1000, TIMESHARE_USAGE_MAX * 5 / 8 + 1000);
	assert_in_range(once.ns, often.ns - often.ns / 1000, often.ns + often.ns / 1000);
	assert_true(timeshare_cpu_usage(&often) > 600 && timeshare_cpu_usage(&often) <= 1000);
}

static void SCHD0013_priority_falls_with_use_only_under_load(void **state)
{
	const struct usage half = { TIMESHARE_USAGE_MAX / 2, 0 }, none = { 0 };
	unsigned idle = timeshare_shift(LOAD_ONE), two = timeshare_shift(2 * LOAD_ONE), eight = timeshare_shift(8 * LOAD_ONE);
	const struct usage eighth = { TIMESHARE_USAGE_MAX / 8, 0 };

	(void)state;
	assert_int_equal(timeshare_priority(31, &half, idle), 31);
	assert_in_range(31 - timeshare_priority(31, &half, two), TIMESHARE_SPREAD - 2, TIMESHARE_SPREAD + 2);
	assert_in_range(31 - timeshare_priority(31, &eighth, eight), TIMESHARE_SPREAD - 2, TIMESHARE_SPREAD + 2);
	assert_int_equal(timeshare_priority(31, &none, eight), 31);
	assert_int_equal(timeshare_priority(5, &half, two), 0);
}

/* Three threads share a CPU, and one that mostly sleeps: it finds itself above them whenever it wakes; they have equal shares. */
static void SCHD0014_hogs_share_and_a_sleeper_stays_above(void **state)
{
	struct usage hogs[3] = { 0 }, sleeper = { 0 };
	uint64_t had[3] = { 0 }, now = TICK;
	uint32_t load = 0, tick = 1;

	(void)state;
	for (int turn = 0; turn < 3000; turn++) {
		unsigned shift = timeshare_shift(load), best = 0;

		for (unsigned i = 0; i < 3; i++)
			timeshare_age(&hogs[i], timeshare_tick(now));
		for (unsigned i = 1; i < 3; i++)
			if (timeshare_priority(31, &hogs[i], shift) > timeshare_priority(31, &hogs[best], shift))
				best = i;
		if (turn % 20 == 0) {
			timeshare_age(&sleeper, timeshare_tick(now));
			if (turn > 300)
				assert_true(timeshare_priority(31, &sleeper, shift) > timeshare_priority(31, &hogs[best], shift));
			now += MS;
			timeshare_charge(&sleeper, MS, now);
		}
		now += 10 * MS;
		timeshare_charge(&hogs[best], 10 * MS, now);
		had[best] += 10 * MS;
		if (timeshare_tick(now) != tick) {
			tick = (uint32_t)timeshare_tick(now);
			load = timeshare_load(load, 3, 1);
		}
	}
	for (unsigned i = 0; i < 3; i++)
		assert_in_range(had[i], 9000 * MS, 11000 * MS);
}

static void SCHD0015_load_follows_what_is_runnable(void **state)
{
	uint32_t load = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		load = timeshare_load(load, 6, 2);
	assert_in_range(load, 3 * LOAD_ONE - 16, 3 * LOAD_ONE);
	for (int i = 0; i < 16; i++)
		load = timeshare_load(load, 0, 2);
	assert_int_equal(load, 0);
}

/* --- real time ----------------------------------------------------------------------------- */

static void SCHD0020_contracts_that_contradict_themselves(void **state)
{
	struct edf e;

	(void)state;
	assert_int_equal(edf_contract(&e, 100 * MS, 20 * MS, 10 * MS, true), EDF_INVALID);
	assert_int_equal(edf_contract(&e, 10 * MS, 20 * MS, 30 * MS, true), EDF_INVALID);
	assert_int_equal(edf_contract(&e, 100 * MS, EDF_COMPUTATION_MIN - 1, 10 * MS, true), EDF_INVALID);
	assert_int_equal(edf_contract(&e, 1000 * MS, EDF_COMPUTATION_MAX + 1, 900 * MS, true), EDF_INVALID);
	assert_int_equal(edf_contract(&e, 0, 10 * MS, 40 * MS, false), EDF_ADMITTED);
	assert_int_equal(e.period, 40 * MS);
	assert_int_equal(e.share, EDF_SCALE / 4);
}

static void SCHD0021_no_processor_is_given_away_twice(void **state)
{
	uint32_t used[4] = { 0 };
	struct edf admitted[200];
	unsigned n = 0;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct edf e;

		if (n > 0 && next_random() % 3 == 0) {
			edf_leave(&admitted[--n], used);
			continue;
		}
		if (edf_contract(&e, (10 + next_random() % 90) * MS, (1 + next_random() % 9) * MS, (10 + next_random() % 90) * MS, true) !=
		    EDF_ADMITTED)
			continue;
		if (edf_admit(&e, used, 4, 0xb) == EDF_ADMITTED && n < 200)
			admitted[n++] = e;
		for (unsigned c = 0; c < 4; c++) {
			uint32_t sum = 0;

			for (unsigned k = 0; k < n; k++)
				sum += admitted[k].cpu == c ? admitted[k].share : 0;
			assert_int_equal(sum, used[c]);
			assert_true(used[c] <= EDF_LIMIT);
		}
		assert_int_equal(used[2], 0); /* not in the mask */
	}
	while (n > 0)
		edf_leave(&admitted[--n], used);
	assert_true(used[0] == 0 && used[1] == 0 && used[3] == 0);
}

static void SCHD0022_a_budget_ends_and_comes_back_with_the_period(void **state)
{
	struct edf e;

	(void)state;
	assert_int_equal(edf_contract(&e, 100 * MS, 10 * MS, 50 * MS, true), EDF_ADMITTED);
	assert_true(edf_wake(&e, 1000 * MS));
	assert_int_equal(e.deadline_ns, 1050 * MS);
	assert_false(edf_charge(&e, 4 * MS));
	assert_true(edf_wake(&e, 1020 * MS)); /* the same period: no new budget, no later deadline */
	assert_int_equal(e.deadline_ns, 1050 * MS);
	assert_false(edf_charge(&e, 5 * MS));
	assert_true(edf_charge(&e, 7 * MS));
	assert_false(edf_charge(&e, 7 * MS)); /* said once */
	assert_false(edf_wake(&e, 1099 * MS));
	assert_true(edf_wake(&e, 1100 * MS));
	assert_int_equal(e.budget, 10 * MS);
	assert_int_equal(e.deadline_ns, 1150 * MS);
}

/* Admitted threads on one CPU, simulated by the millisecond, that take all they asked for: no deadline is missed. */
static void SCHD0023_admitted_deadlines_are_met(void **state)
{
	(void)state;
	for (int run = 0; run < 50; run++) {
		struct edf tasks[16];
		uint64_t left[16] = { 0 };
		uint32_t used[1] = { 0 };
		unsigned n = 0;

		while (n < 16) {
			struct edf e;
			uint64_t period = (8 + next_random() % 60) * MS, computation = (1 + next_random() % 8) * MS;
			uint64_t constraint = computation + next_random() % (period / MS) * MS;

			if (edf_contract(&e, period, computation, constraint, true) != EDF_ADMITTED)
				continue;
			if (edf_admit(&e, used, 1, 1) != EDF_ADMITTED)
				break;
			tasks[n++] = e;
		}
		for (uint64_t now = 0; now < 2000 * MS; now += MS) {
			int best = -1;

			for (unsigned i = 0; i < n; i++) {
				if (left[i] == 0 && now >= tasks[i].release_ns && edf_wake(&tasks[i], now))
					left[i] = tasks[i].computation;
				if (left[i] != 0 && (best < 0 || tasks[i].deadline_ns < tasks[best].deadline_ns))
					best = (int)i;
				assert_true(left[i] == 0 || now + left[i] <= tasks[i].deadline_ns);
			}
			if (best < 0)
				continue;
			left[best] -= MS;
			(void)edf_charge(&tasks[best], MS);
			assert_true(left[best] != 0 || now + MS <= tasks[best].deadline_ns);
		}
	}
}

static bool places_good(const struct edf_place *places, uint32_t count, const struct edf_place *new, uint32_t cpus)
{
	for (uint32_t c = 0; c < cpus; c++) {
		uint32_t sum = new->cpu == c ? new->share : 0;

		for (uint32_t i = 0; i < count; i++)
			sum += places[i].cpu == c ? places[i].share : 0;
		if (sum > EDF_LIMIT)
			return false;
	}
	for (uint32_t i = 0; i < count; i++)
		if (!(places[i].mask >> places[i].cpu & 1))
			return false;
	return (new->mask >> new->cpu & 1) != 0;
}

/* Can they all be placed, somehow? */
static bool exists(struct edf_place *all, uint32_t count, uint32_t *used, uint32_t cpus)
{
	if (count == 0)
		return true;
	for (uint32_t c = 0; c < cpus; c++) {
		bool found;

		if (!(all[count - 1].mask >> c & 1) || used[c] + all[count - 1].share > EDF_LIMIT)
			continue;
		used[c] += all[count - 1].share;
		found = exists(all, count - 1, used, cpus);
		used[c] -= all[count - 1].share;
		if (found)
			return true;
	}
	return false;
}

static void SCHD0024_threads_move_to_make_room_for_another(void **state)
{
	/* two of 0.3 on a CPU each, and one of 0.6 comes */
	struct edf_place two[2] = { { .share = 307, .mask = 3, .cpu = 0 }, { .share = 307, .mask = 3, .cpu = 1 } };
	struct edf_place new = { .share = 614, .mask = 3 };
	uint32_t used[3] = { 307, 307, 0 }, unmoved = 0, moved = 0, missed = 0, hopeless = 0;

	(void)state;
	assert_true(edf_make_room(two, 2, &new, used, 2));
	assert_true(places_good(two, 2, &new, 2));
	two[0].cpu = 0;
	two[1].cpu = 1;
	two[0].mask = 1;
	two[1].mask = 2; /* bound: none can go */
	assert_false(edf_make_room(two, 2, &new, used, 2));
	assert_true(two[0].cpu == 0 && two[1].cpu == 1);
	for (int run = 0; run < 4000; run++) {
		struct edf_place p[9], before[9], all[9];
		uint32_t n = 0, cpus = 2 + next_random() % 2, load[3] = { 0 }, none[3] = { 0 };

		for (int k = 0; k < 9; k++) {
			struct edf_place e = { .share = 50 + next_random() % 500, .mask = 1 + next_random() % ((1u << cpus) - 1) };
			struct edf one = { .share = e.share };

			if (next_random() % 3 != 0)
				e.mask = (1u << cpus) - 1;
			if (edf_admit(&one, load, cpus, e.mask) == EDF_ADMITTED) {
				e.cpu = one.cpu;
				p[n++] = e;
				continue;
			}
			memcpy(before, p, sizeof(p));
			memcpy(all, p, sizeof(p));
			all[n] = e;
			if (edf_make_room(p, n, &e, load, cpus)) {
				assert_true(places_good(p, n, &e, cpus));
				moved++;
			} else {
				assert_memory_equal(before, p, n * sizeof(p[0])); /* nothing was changed */
				unmoved++;
				if (exists(all, n + 1, none, cpus))
					missed++;
				else
					hopeless++;
			}
			break;
		}
	}
	assert_true(moved > 300 && hopeless > 300);
	assert_int_equal(unmoved, missed + hopeless);
	assert_int_equal(missed, 0); /* of so few every place is tried */
}

/*
 * Threads that go to sleep in the middle of a period and wake when they like, beside threads that take all they asked for at
 * once: these miss nothing.
 */
static void SCHD0025_who_sleeps_and_wakes_late_harms_nobody(void **state)
{
	(void)state;
	for (int run = 0; run < 400; run++) {
		struct edf tasks[12];
		uint64_t left[12] = { 0 }, asleep[12] = { 0 };
		uint32_t used[1] = { 0 };
		unsigned n = 0;

		while (n < 12) {
			struct edf e;
			uint64_t period = (6 + next_random() % 30) * MS, computation = (1 + next_random() % 6) * MS;
			uint64_t constraint = computation + next_random() % (period / MS) * MS;

			if (edf_contract(&e, period, computation, constraint, true) != EDF_ADMITTED)
				continue;
			if (edf_admit(&e, used, 1, 1) != EDF_ADMITTED)
				break;
			tasks[n++] = e;
		}
		for (uint64_t now = 0; now < 600 * MS; now += MS) {
			int best = -1;

			for (unsigned i = 0; i < n; i++) {
				bool sleeper = i % 2 == 1;

				if (sleeper && tasks[i].overrun && now >= tasks[i].release_ns)
					edf_release(&tasks[i], now);
				if (sleeper && asleep[i] == 0 && next_random() % 4 == 0)
					asleep[i] = now + (1 + next_random() % 20) * MS;
				if (sleeper && asleep[i] != 0 && now >= asleep[i]) {
					asleep[i] = 0;
					(void)edf_wake(&tasks[i], now); /* and it would run for ever */
				}
				if (!sleeper && left[i] == 0 && now >= tasks[i].release_ns && edf_wake(&tasks[i], now))
					left[i] = tasks[i].computation;
				if ((sleeper ? asleep[i] == 0 && !tasks[i].overrun && tasks[i].budget != 0 : left[i] != 0) &&
				    (best < 0 || tasks[i].deadline_ns < tasks[best].deadline_ns))
					best = (int)i;
				assert_true(sleeper || left[i] == 0 || now + left[i] <= tasks[i].deadline_ns);
			}
			if (best < 0)
				continue;
			if (left[best] != 0)
				left[best] -= MS;
			(void)edf_charge(&tasks[best], MS);
		}
	}
}

static void SCHD0026_a_missed_deadline_is_counted_once_a_period(void **state)
{
	struct edf e;

	(void)state;
	assert_int_equal(edf_contract(&e, 100 * MS, 10 * MS, 50 * MS, true), EDF_ADMITTED);
	assert_true(edf_wake(&e, 1000 * MS));
	assert_false(edf_missed(&e, 1050 * MS));
	assert_true(edf_missed(&e, 1051 * MS));
	assert_false(edf_missed(&e, 1060 * MS));
	assert_true(edf_wake(&e, 1100 * MS));
	assert_true(edf_charge(&e, 10 * MS));
	assert_false(edf_missed(&e, 1160 * MS)); /* it took more than its share: its own fault */
	assert_true(edf_wake(&e, 1200 * MS));
	assert_false(edf_wake(&e, 1250 * MS)); /* it slept past its deadline: nothing is left */
	assert_int_equal(e.budget, 0);
	assert_true(edf_wake(&e, 1300 * MS));
	assert_true(edf_wake(&e, 1340 * MS));
	assert_true(e.budget <= 2 * MS + MS / 10 && e.budget > 1 * MS); /* its share of what is left */
}

/* --- timers -------------------------------------------------------------------------------- */

static void SCHD0030_timers_come_in_order(void **state)
{
	enum { COUNT = 2000 };
	static struct timer_node nodes[COUNT];
	struct timer_heap heap = { NULL };
	unsigned queued = 0;
	uint64_t now = 0;

	(void)state;
	memset(nodes, 0, sizeof(nodes));
	for (int i = 0; i < 100000; i++) {
		struct timer_node *n = &nodes[next_random() % COUNT];

		if (!timer_heap_holds(n)) {
			n->deadline_ns = now + next_random() % 1000;
			timer_heap_put(&heap, n);
			queued++;
		} else if (next_random() % 2 == 0) {
			timer_heap_take(&heap, n);
			queued--;
		} else {
			struct timer_node *first = timer_heap_first(&heap);

			for (unsigned k = 0; k < 20; k++) {
				struct timer_node *other = &nodes[next_random() % COUNT];

				assert_true(!timer_heap_holds(other) || other->deadline_ns >= first->deadline_ns);
			}
			now = first->deadline_ns > now ? first->deadline_ns : now;
			timer_heap_take(&heap, first);
			queued--;
		}
	}
	now = 0;
	for (; heap.root != NULL; queued--) {
		assert_true(heap.root->deadline_ns >= now);
		now = heap.root->deadline_ns;
		timer_heap_take(&heap, heap.root);
	}
	assert_int_equal(queued, 0);
}

/* --- lending ------------------------------------------------------------------------------- */

static _Atomic int stop_lending;

static void idle_body(void *unused)
{
	(void)unused;
	while (atomic_load(&stop_lending) == 0)
		host_sleep_ms(1);
}

static struct thread *lender(uint32_t priority)
{
	struct thread *t = host_thread_start(NULL, idle_body, NULL);

	t->sched.base_priority = t->priority = t->lend_priority = priority;
	return t;
}

static void SCHD0040_a_chain_is_worth_its_best(void **state)
{
	struct thread *a, *b, *c, *d;

	(void)state;
	atomic_store(&stop_lending, 0);
	a = lender(10), b = lender(20), c = lender(30), d = lender(60);
	donate_lend(b, a);
	donate_lend(c, b);
	assert_int_equal(a->priority, 30);
	donate_lend(d, b);
	assert_int_equal(a->priority, 60);
	assert_int_equal(b->priority, 60);
	assert_int_equal(c->priority, 30);
	donate_return(d);
	assert_int_equal(a->priority, 30);
	donate_return(b);
	assert_int_equal(a->priority, 10);
	assert_int_equal(b->priority, 30);
	donate_lend(d, c); /* whose new worth goes on to b */
	assert_int_equal(b->priority, 60);
	donate_return(c);
	donate_return(d);
	assert_true(a->promotion == 0 && b->promotion == 0 && c->promotion == 0);
	atomic_store(&stop_lending, 1);
	host_thread_join(a);
	host_thread_join(b);
	host_thread_join(c);
	host_thread_join(d);
}

static void SCHD0041_a_circle_ends(void **state)
{
	struct thread *a, *b, *c;

	(void)state;
	atomic_store(&stop_lending, 0);
	a = lender(10), b = lender(20), c = lender(50);
	donate_lend(a, b);
	donate_lend(b, a);
	donate_lend(c, a);
	assert_int_equal(a->priority, 50);
	assert_int_equal(b->priority, 50);
	donate_return(a);
	donate_return(b);
	donate_return(c);
	assert_true(a->promotion == 0 && b->promotion == 0);
	atomic_store(&stop_lending, 1);
	host_thread_join(a);
	host_thread_join(b);
	host_thread_join(c);
}

static void SCHD0042_a_ticket_is_good_for_its_call_only(void **state)
{
	struct thread *server, *self = current_thread();
	struct donate_ticket ticket;
	struct thread_ref gone;

	(void)state;
	atomic_store(&stop_lending, 0);
	server = lender(10);
	self->sched.base_priority = self->lend_priority = 40;
	ticket = donate_ticket();
	donate_rpc_begin(server);
	assert_int_equal(server->priority, 40);
	donate_rpc_end();
	assert_int_equal(server->priority, 10);
	donate_rpc_lend(self, ticket.call, (struct thread_ref){ server, server->tid });
	assert_int_equal(server->priority, 10); /* that call is over */
	gone = (struct thread_ref){ server, server->tid };
	atomic_store(&stop_lending, 1);
	host_thread_join(server);
	donate_rpc_begin_ref(gone); /* nothing happens */
	assert_null(self->donation.to);
	donate_rpc_end();
	self->sched.base_priority = self->lend_priority = SCHED_PRIORITY_USER;
}

/* A client that nobody lends to waits for a server; then somebody waits for the client: the server gets it too. */
static void SCHD0043_who_is_lent_to_later_lends_on(void **state)
{
	struct thread *server, *client, *late;

	(void)state;
	atomic_store(&stop_lending, 0);
	server = lender(10), client = lender(5), late = lender(50);
	client->donation.peer = (struct thread_ref){ server, server->tid }; /* its donate_rpc_begin(server): nothing to lend yet */
	donate_lend(late, client);
	assert_int_equal(client->priority, 50);
	assert_int_equal(server->priority, 50);
	assert_true((atomic_load(&client->ast) & AST_DONATION) != 0);
	donate_return(client); /* as AST_DONATION or donate_rpc_end() would */
	assert_int_equal(server->priority, 10);
	donate_return(late);
	atomic_store(&stop_lending, 1);
	host_thread_join(server);
	host_thread_join(client);
	host_thread_join(late);
}

enum { LENDERS = 4, ROUNDS = 3000 };
static struct thread *lenders[LENDERS];

static void lend_at_random(void *arg)
{
	uint64_t x = (uint64_t)(uintptr_t)arg * 2654435761u + 1;

	for (int i = 0; i < ROUNDS; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		if (lenders[x >> 62] != NULL && lenders[x >> 62] != current_thread())
			donate_lend(current_thread(), lenders[x >> 62]);
		if ((x >> 60 & 3) == 0)
			donate_return(current_thread());
	}
	donate_return(current_thread());
}

static void SCHD0044_all_at_once_leave_nothing_lent(void **state)
{
	struct thread *threads[LENDERS];

	(void)state;
	for (uintptr_t i = 0; i < LENDERS; i++)
		lenders[i] = lender((uint32_t)(10 + i));
	atomic_store(&stop_lending, 0);
	for (uintptr_t i = 0; i < LENDERS; i++)
		threads[i] = host_thread_start(NULL, lend_at_random, (void *)(i + 1));
	for (unsigned i = 0; i < LENDERS; i++)
		host_thread_join(threads[i]);
	for (unsigned i = 0; i < LENDERS; i++)
		assert_int_equal(donate_received(lenders[i]).priority, 0);
	atomic_store(&stop_lending, 1);
	for (unsigned i = 0; i < LENDERS; i++)
		host_thread_join(lenders[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(SCHD0001_the_highest_priority_goes_first),
		cmocka_unit_test(SCHD0002_equals_are_served_in_order),
		cmocka_unit_test(SCHD0003_real_time_goes_by_deadline),
		cmocka_unit_test(SCHD0010_usage_fades),
		cmocka_unit_test(SCHD0011_many_ticks_are_as_one_at_a_time),
		cmocka_unit_test(SCHD0012_who_runs_all_the_time_comes_to_the_maximum),
		cmocka_unit_test(SCHD0013_priority_falls_with_use_only_under_load),
		cmocka_unit_test(SCHD0014_hogs_share_and_a_sleeper_stays_above),
		cmocka_unit_test(SCHD0015_load_follows_what_is_runnable),
		cmocka_unit_test(SCHD0020_contracts_that_contradict_themselves),
		cmocka_unit_test(SCHD0021_no_processor_is_given_away_twice),
		cmocka_unit_test(SCHD0022_a_budget_ends_and_comes_back_with_the_period),
		cmocka_unit_test(SCHD0023_admitted_deadlines_are_met),
		cmocka_unit_test(SCHD0024_threads_move_to_make_room_for_another),
		cmocka_unit_test(SCHD0025_who_sleeps_and_wakes_late_harms_nobody),
		cmocka_unit_test(SCHD0026_a_missed_deadline_is_counted_once_a_period),
		cmocka_unit_test(SCHD0030_timers_come_in_order),
		cmocka_unit_test(SCHD0040_a_chain_is_worth_its_best),
		cmocka_unit_test(SCHD0041_a_circle_ends),
		cmocka_unit_test(SCHD0042_a_ticket_is_good_for_its_call_only),
		cmocka_unit_test(SCHD0043_who_is_lent_to_later_lends_on),
		cmocka_unit_test(SCHD0044_all_at_once_leave_nothing_lent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

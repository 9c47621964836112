/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: the sleeping readers/writer lock: who may hold it together, who is served next, upgrades and
 * downgrades. Also built under ThreadSanitizer, as rwlock_tsan.
 */
#include <host/host.h>
#include <host/test.h>
#include <sched/rwlock.h>
#include <stdatomic.h>

static struct rwlock lock;
static _Atomic uint32_t order;      /* counts who got in */
static _Atomic uint32_t readers_in, readers_most;

struct guest {
	bool write;
	uint32_t got; /* its number in order */
	struct thread *thread;
};

static void enter(void *arg)
{
	struct guest *g = arg;

	if (g->write) {
		rwlock_write(&lock);
		g->got = atomic_fetch_add(&order, 1);
		rwlock_write_unlock(&lock);
	} else {
		rwlock_read(&lock);
		g->got = atomic_fetch_add(&order, 1);
		rwlock_read_unlock(&lock);
	}
}

static void start(struct guest *g, bool write)
{
	g->write = write;
	g->got = UINT32_MAX;
	g->thread = host_thread_start(NULL, enter, g);
	host_wait_until_blocked(g->thread);
}

static void join(struct guest *g, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		host_thread_join(g[i].thread);
}

static void free_again(void)
{
	assert_int_equal(atomic_load(&lock.state), 0);
	assert_false(rwlock_held(&lock));
	assert_null(lock.owner);
}

static void RWL0001_readers_share_a_writer_excludes(void **state)
{
	rwlock_init(&lock, "test");
	rwlock_read(&lock);
	assert_false(rwlock_write_try(&lock));
	rwlock_read(&lock); /* what two threads would do */
	assert_true(rwlock_held(&lock));
	assert_false(rwlock_write_held(&lock));
	rwlock_read_unlock(&lock);
	rwlock_read_unlock(&lock);
	assert_true(rwlock_write_try(&lock));
	assert_true(rwlock_write_held(&lock));
	assert_false(rwlock_write_try(&lock));
	rwlock_write_unlock(&lock);
	free_again();
}

static void RWL0002_the_last_reader_lets_the_first_writer_in(void **state)
{
	struct guest g[2];

	rwlock_init(&lock, "test");
	order = 0;
	rwlock_read(&lock);
	rwlock_read(&lock);
	start(&g[0], true);
	start(&g[1], true);
	rwlock_read_unlock(&lock);
	host_sleep_ms(5);
	assert_int_equal(order, 0);
	rwlock_read_unlock(&lock);
	join(g, 2);
	assert_int_equal(g[0].got, 0);
	assert_int_equal(g[1].got, 1);
	free_again();
}

static void RWL0003_a_reader_does_not_pass_a_waiting_writer(void **state)
{
	struct guest g[2];

	rwlock_init(&lock, "test");
	order = 0;
	rwlock_read(&lock);
	start(&g[0], true);
	start(&g[1], false); /* blocks, though readers hold the lock */
	rwlock_read_unlock(&lock);
	join(g, 2);
	assert_int_equal(g[0].got, 0);
	assert_int_equal(g[1].got, 1);
	free_again();
}

static void RWL0004_a_writer_that_leaves_lets_readers_in_before_the_next_writer(void **state)
{
	struct guest g[3];

	rwlock_init(&lock, "test");
	order = 0;
	rwlock_write(&lock);
	start(&g[0], true);
	start(&g[1], false);
	start(&g[2], false);
	rwlock_write_unlock(&lock);
	join(g, 3);
	assert_int_equal(g[0].got, 2);
	free_again();
}

static void RWL0005_the_only_reader_becomes_the_writer_with_others_it_loses_the_lock(void **state)
{
	struct guest g;

	rwlock_init(&lock, "test");
	order = 0;
	rwlock_read(&lock);
	assert_true(rwlock_upgrade(&lock));
	assert_true(rwlock_write_held(&lock));
	rwlock_write_unlock(&lock);
	rwlock_read(&lock);
	rwlock_read(&lock);
	assert_false(rwlock_upgrade(&lock)); /* one of the two is gone */
	start(&g, true);
	assert_true(rwlock_upgrade(&lock)); /* before the queued writer */
	assert_int_equal(order, 0);
	rwlock_write_unlock(&lock);
	join(&g, 1);
	free_again();
}

static void RWL0006_a_downgrade_lets_readers_in_and_keeps_writers_out(void **state)
{
	struct guest g[3];

	rwlock_init(&lock, "test");
	order = 0;
	rwlock_write(&lock);
	rwlock_downgrade(&lock);
	rwlock_read_unlock(&lock);
	rwlock_write(&lock);
	start(&g[0], true);
	start(&g[1], false);
	start(&g[2], false);
	rwlock_downgrade(&lock);
	join(&g[1], 2);
	assert_int_equal(order, 2);
	rwlock_read_unlock(&lock);
	join(g, 1);
	assert_int_equal(g[0].got, 2);
	free_again();
}

static uint64_t guarded[4];

static void mix(void *arg)
{
	uint32_t seed = *(uint32_t *)arg;

	for (unsigned i = 0; i < 5000; i++) {
		seed = seed * 1664525 + 1013904223;
		if ((seed >> 16) % 8 == 0) {
			rwlock_write(&lock);
			VERIFY(readers_in == 0);
			for (unsigned k = 0; k < 4; k++)
				guarded[k]++;
			if (seed & 0x1000000)
				rwlock_write_unlock(&lock);
			else {
				rwlock_downgrade(&lock);
				rwlock_read_unlock(&lock);
			}
			continue;
		}
		rwlock_read(&lock);
		uint32_t in = atomic_fetch_add(&readers_in, 1) + 1;
		if (in > readers_most)
			readers_most = in;
		VERIFY(guarded[0] == guarded[3]);
		atomic_fetch_sub(&readers_in, 1);
		if ((seed >> 16) % 8 == 1 && rwlock_upgrade(&lock)) {
			for (unsigned k = 4; k-- > 0;)
				guarded[k]++;
			rwlock_write_unlock(&lock);
		} else if ((seed >> 16) % 8 != 1) {
			rwlock_read_unlock(&lock);
		}
	}
}

static void RWL0007_many_threads_never_see_half_a_change(void **state)
{
	struct thread *threads[4];
	uint32_t seeds[4];

	rwlock_init(&lock, "test");
	for (uint32_t i = 0; i < 4; i++) {
		seeds[i] = i + 1;
		threads[i] = host_thread_start(NULL, mix, &seeds[i]);
	}
	for (unsigned i = 0; i < 4; i++)
		host_thread_join(threads[i]);
	free_again();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(RWL0001_readers_share_a_writer_excludes),
		cmocka_unit_test(RWL0002_the_last_reader_lets_the_first_writer_in),
		cmocka_unit_test(RWL0003_a_reader_does_not_pass_a_waiting_writer),
		cmocka_unit_test(RWL0004_a_writer_that_leaves_lets_readers_in_before_the_next_writer),
		cmocka_unit_test(RWL0005_the_only_reader_becomes_the_writer_with_others_it_loses_the_lock),
		cmocka_unit_test(RWL0006_a_downgrade_lets_readers_in_and_keeps_writers_out),
		cmocka_unit_test(RWL0007_many_threads_never_see_half_a_change),
	};

	return cmocka_run_group_tests_name("rwlock", tests, NULL, NULL);
}

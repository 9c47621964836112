/* SPDX-License-Identifier: BSD-2-Clause */
/* Description: the host doubles themselves: waits end once, by the right cause; failures come when ordered. */
#include <host/test.h>
#include <host/host.h>
#include <kern/kalloc.h>
#include <machine/copyio.h>
#include <sched/mutex.h>

struct box {
	struct spinlock lock;
	struct waitq wq;
	enum wait_result result;
};

static void blocker(void *arg)
{
	struct box *b = arg;

	spin_lock(&b->lock);
	b->result = waitq_block(&b->wq, &b->lock, WAIT_ABORTABLE, WAIT_FOREVER);
}

static void HOST0001_a_waiter_is_woken_aborted_or_timed_out(void **state)
{
	struct box b;
	struct thread *t;

	spin_init(&b.lock, "box");
	waitq_init(&b.wq);
	t = host_thread_start(NULL, blocker, &b);
	host_wait_until_blocked(t);
	spin_lock(&b.lock);
	assert_true(waitq_wake_one(&b.wq));
	spin_unlock(&b.lock);
	host_thread_join(t);
	assert_int_equal(b.result, WAIT_WOKEN);

	t = host_thread_start(NULL, blocker, &b);
	host_wait_until_blocked(t);
	thread_abort(t);
	host_thread_join(t);
	assert_int_equal(b.result, WAIT_INTERRUPTED);

	spin_lock(&b.lock);
	assert_int_equal(waitq_block(&b.wq, &b.lock, WAIT_ABORTABLE, clock_now_ns() + 1000000),
			 WAIT_TIMED_OUT);
	assert_true(list_empty(&b.wq.threads));
}

static struct mutex shared;
static int counter;

static void adder(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		mutex_lock(&shared);
		counter++;
		mutex_unlock(&shared);
	}
}

static void HOST0002_a_mutex_excludes(void **state)
{
	struct thread *t[3];

	mutex_init(&shared, "shared");
	for (int i = 0; i < 3; i++)
		t[i] = host_thread_start(NULL, adder, NULL);
	for (int i = 0; i < 3; i++)
		host_thread_join(t[i]);
	assert_int_equal(counter, 6000);
}

static void HOST0003_ordered_failures_happen_once_in_place(void **state)
{
	struct host_memory before = host_memory_now();
	char a[8] = "abcdefg", b[8];
	void *p, *q;

	host_alloc_fail_at(2, false);
	p = kalloc(100);
	q = kalloc(100);
	assert_non_null(p);
	assert_null(q);
	kfree(p, 100);
	assert_int_equal(host_memory_now().kalloc_blocks, before.kalloc_blocks);

	assert_int_equal(copyin((uintptr_t)a, b, 8), KERN_SUCCESS);
	assert_int_equal(copyin(16, b, 8), KERN_INVALID_ADDRESS);
	host_user_fault(a + 3, 1);
	assert_int_equal(copyin((uintptr_t)a, b, 8), KERN_INVALID_ADDRESS);
	assert_int_equal(copyin((uintptr_t)a, b, 3), KERN_SUCCESS);
	host_user_fault(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(HOST0001_a_waiter_is_woken_aborted_or_timed_out),
		cmocka_unit_test(HOST0002_a_mutex_excludes),
		cmocka_unit_test(HOST0003_ordered_failures_happen_once_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

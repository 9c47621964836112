/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock_order.c - finds spin locks that are taken in both orders, before they dead-lock, and counts what locks cost (debug
 * kernel only). Interface of the counts: lock_stats.h.
 *
 * Locks are of classes (the name given to spin_init). Whenever a lock is taken while others are held, "class a before
 * class b" is noted; if the notes ever allow a way back from b to a, one LOCK-ORDER: line and a backtrace are printed for the
 * pair. One run that takes two locks in each order is enough: it need not dead-lock.
 * Not looked at: two locks of one class (their owners order them by address), and locks got by trying.
 *
 * Invariants: O1 held[cpu] is exact: spin locks keep interrupts off, so whoever holds one is not left for another
 *   context.
 * Locking: before[] only gains bits, atomically; a lost race reports later or twice.
 */
#include <base/string.h>
#include <kern/ktest.h>
#include <kern/limits.h>
#include <kern/lock.h>
#include <kern/lock_stats.h>
#include <kern/panic.h>
#include <kern/printf.h>
#include <machine/boot.h>
#include <machine/clock.h>

#define CLASSES 128 /* class 0: not known; a class above is not checked */
#define WORDS (CLASSES / 64)
#define HELD_MAX 12

struct held {
	const struct spinlock *locks[HELD_MAX];
	uint64_t since_ns[HELD_MAX];
	unsigned count;
	bool reporting;
};

static struct held held[MAX_CPUS];
static const char *_Atomic names[CLASSES];
static _Atomic uint64_t before[CLASSES][WORDS];   /* before[a] bit b: a was held when b was taken */
static _Atomic uint64_t reported[CLASSES][WORDS];

/* Atomic, each for itself: what is read together is nearly of one time. */
static struct {
	_Atomic uint64_t taken, contended, wait_ns, wait_max_ns, hold_ns, hold_max_ns;
} stats[CLASSES];

static void raise(_Atomic uint64_t *max, uint64_t value)
{
	uint64_t seen = atomic_load_explicit(max, memory_order_relaxed);

	while (value > seen && !atomic_compare_exchange_weak(max, &seen, value))
		;
}

static uint32_t class_find(const char *name)
{
	for (uint32_t c = 1; c < CLASSES; c++) {
		const char *expected = NULL;

		if (atomic_compare_exchange_strong(&names[c], &expected, name) || expected == name ||
		    strcmp(expected, name) == 0)
			return c;
	}
	return CLASSES;
}

static uint32_t class_of(struct spinlock *l)
{
	if (l->order_class == 0)
		l->order_class = l->name != NULL ? class_find(l->name) : CLASSES;
	return l->order_class;
}

static bool test(_Atomic uint64_t (*set)[WORDS], uint32_t a, uint32_t b)
{
	return (atomic_load_explicit(&set[a][b / 64], memory_order_relaxed) >> (b % 64)) & 1;
}

/* True if the bit was set before. */
static bool note(_Atomic uint64_t (*set)[WORDS], uint32_t a, uint32_t b)
{
	uint64_t bit = 1UL << (b % 64);

	return (atomic_fetch_or(&set[a][b / 64], bit) & bit) != 0;
}

/* Do the notes lead from class a to class b? */
static bool leads_to(uint32_t a, uint32_t b)
{
	uint64_t seen[WORDS] = { 0 };
	uint8_t queue[CLASSES];
	unsigned first = 0, last = 0;

	queue[last++] = (uint8_t)a;
	seen[a / 64] |= 1UL << (a % 64);
	while (first < last) {
		uint32_t c = queue[first++];

		for (uint32_t next = 1; next < CLASSES; next++) {
			if (!test(before, c, next) || ((seen[next / 64] >> (next % 64)) & 1))
				continue;
			if (next == b)
				return true;
			seen[next / 64] |= 1UL << (next % 64);
			queue[last++] = (uint8_t)next;
		}
	}
	return false;
}

static void report(struct held *h, uint32_t a, uint32_t b)
{
	if (note(reported, a, b))
		return;
	h->reporting = true;
	kprintf("LOCK-ORDER: '%s' is taken while '%s' is held, and elsewhere '%s' comes before '%s'\n", names[b],
		names[a], names[b], names[a]);
	machine_backtrace((uint64_t)__builtin_return_address(0), *(uint64_t *)__builtin_frame_address(0));
	h->reporting = false;
}

void lock_order_take(struct spinlock *l)
{
	struct held *h = &held[this_cpu()->id];
	uint32_t b = class_of(l);

	for (unsigned i = 0; i < h->count && i < HELD_MAX && !h->reporting; i++) {
		uint32_t a = class_of((struct spinlock *)h->locks[i]);

		if (a == b || a == CLASSES || b == CLASSES || test(before, a, b))
			continue;
		if (leads_to(b, a))
			report(h, a, b);
		else
			(void)note(before, a, b);
	}
	lock_order_taken(l);
}

void lock_order_taken(struct spinlock *l)
{
	struct held *h = &held[this_cpu()->id];

	if (h->count < HELD_MAX) {
		h->locks[h->count] = l;
		h->since_ns[h->count] = machine_now_ns();
	}
	h->count++;
}

uint64_t lock_order_now(void)
{
	return machine_now_ns();
}

void lock_order_waited(struct spinlock *l, uint64_t start_ns)
{
	struct held *h = &held[this_cpu()->id];
	uint32_t c = class_of(l);
	uint64_t now = machine_now_ns();

	if (h->count > 0 && h->count <= HELD_MAX && h->locks[h->count - 1] == l)
		h->since_ns[h->count - 1] = now;
	if (c == CLASSES)
		return;
	atomic_fetch_add_explicit(&stats[c].contended, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&stats[c].wait_ns, now - start_ns, memory_order_relaxed);
	raise(&stats[c].wait_max_ns, now - start_ns);
}

static void count_hold(struct spinlock *l, uint64_t since_ns)
{
	uint32_t c = class_of(l);
	uint64_t held_ns = machine_now_ns() - since_ns;

	if (c == CLASSES)
		return;
	atomic_fetch_add_explicit(&stats[c].taken, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&stats[c].hold_ns, held_ns, memory_order_relaxed);
	raise(&stats[c].hold_max_ns, held_ns);
}

void lock_order_drop(struct spinlock *l)
{
	struct held *h = &held[this_cpu()->id];
	unsigned n = h->count < HELD_MAX ? h->count : HELD_MAX;

	VERIFY(h->count > 0);
	h->count--;
	/* Mostly the last one taken. */
	for (unsigned i = n; i-- > 0;)
		if (h->locks[i] == l) {
			count_hold(l, h->since_ns[i]);
			memmove(&h->locks[i], &h->locks[i + 1], (n - i - 1) * sizeof(h->locks[0]));
			memmove(&h->since_ns[i], &h->since_ns[i + 1], (n - i - 1) * sizeof(h->since_ns[0]));
			return;
		}
}

bool lock_stats_get(uint32_t n, struct lock_stats *out)
{
	if (n == 0 || n >= CLASSES || names[n] == NULL)
		return false;
	*out = (struct lock_stats){ names[n], stats[n].taken, stats[n].contended, stats[n].wait_ns, stats[n].wait_max_ns,
				    stats[n].hold_ns, stats[n].hold_max_ns };
	return true;
}

void lock_stats_print(void)
{
	struct lock_stats s;

	kprintf("class                         taken contended  wait us   max ns  hold us   max ns\n");
	for (uint32_t n = 1; lock_stats_get(n, &s); n++)
		if (s.taken != 0)
			kprintf("%-24s %10lu %9lu %8lu %8lu %8lu %8lu\n", s.name, s.taken, s.contended, s.wait_ns / 1000, s.wait_max_ns,
				s.hold_ns / 1000, s.hold_max_ns);
}

void lock_held_print(void)
{
	for (uint32_t c = 0; c < cpu_count; c++)
		for (uint32_t i = 0; i < held[c].count && i < HELD_MAX; i++)
			kprintf("cpu %u holds %016lx (%s)\n", c, (uint64_t)held[c].locks[i], held[c].locks[i]->name);
}

/* --- its boot test: tests/kernel/locks.t reads what it prints ----------------------------- */

static void take_both(struct spinlock *first, struct spinlock *second)
{
	spin_lock(first);
	spin_lock(second);
	spin_unlock(second);
	spin_unlock(first);
}

KTEST_PANICS(lock_order)
{
	static struct spinlock a = SPINLOCK_INIT("test a"), b = SPINLOCK_INIT("test b"), c = SPINLOCK_INIT("test c");

	take_both(&a, &b);
	take_both(&b, &c);
	take_both(&a, &c);
	kprintf("in one order so far\n");
	take_both(&c, &a); /* a, b, c, a */
	take_both(&b, &a);
	take_both(&b, &a); /* said once */
	kprintf("1..0\n");
	machine_exit(0);
}

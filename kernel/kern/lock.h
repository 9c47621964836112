/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.h - spin locks and sleeping mutexes.
 *
 * A spin lock disables interrupts on its CPU while it is held, nested by a per-CPU count
 * (cpu_irq_push/pop of <machine/cpu.h>); so every lock may also be taken by an interrupt handler,
 * and code under a spin lock never sleeps. The kernel enters a trap with interrupts off; long
 * paths turn them on while they hold no spin lock.
 *
 * A mutex is for thread context only; its holder may sleep. Order: mutexes before spin locks.
 */
#pragma once

#include <kern/assert.h>
#include <machine/cpu.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct spinlock {
	_Atomic uint32_t held;
	uint32_t order_class; /* lock_order.c's */
	const char *name; /* of its class, for the lock-order checker and ddb */
};

#define SPINLOCK_INIT(class_name) { .name = class_name }

/* The lock-order checker of the debug kernel: l is waited for, got (by trying), given up. Interrupts are off. */
#if defined(MESHACH_DEBUG) && !defined(MESHACH_HOST)
void lock_order_take(struct spinlock *l);
void lock_order_taken(struct spinlock *l);
void lock_order_drop(struct spinlock *l);
/* l was waited for since start_ns of lock_order_now(), and is had now. */
void lock_order_waited(struct spinlock *l, uint64_t start_ns);
uint64_t lock_order_now(void);
#else
#define lock_order_waited(l, start_ns) ((void)(start_ns))
#define lock_order_now() 0ULL
#define lock_order_take(l) ((void)0)
#define lock_order_taken(l) ((void)0)
#define lock_order_drop(l) ((void)0)
#endif

static inline void spin_init(struct spinlock *l, const char *class_name)
{
	atomic_store_explicit(&l->held, 0, memory_order_relaxed);
	l->order_class = 0;
	l->name = class_name;
}

static inline bool spin_trylock(struct spinlock *l)
{
	cpu_irq_push();
	if (atomic_exchange_explicit(&l->held, 1, memory_order_acquire) == 0) {
		lock_order_taken(l);
		return true;
	}
	cpu_irq_pop();
	return false;
}

/* Another CPU has it: kept out of the way of who finds it free. */
static __attribute__((noinline, cold, unused)) void spin_wait_(struct spinlock *l)
{
	uint64_t start = lock_order_now();

	do
		while (atomic_load_explicit(&l->held, memory_order_relaxed) != 0)
			cpu_relax();
	while (atomic_exchange_explicit(&l->held, 1, memory_order_acquire) != 0);
	lock_order_waited(l, start);
}

static inline __attribute__((always_inline)) void spin_lock(struct spinlock *l)
{
	cpu_irq_push();
	lock_order_take(l);
	if (__builtin_expect(atomic_exchange_explicit(&l->held, 1, memory_order_acquire) != 0, 0))
		spin_wait_(l);
}

static inline __attribute__((always_inline)) void spin_unlock(struct spinlock *l)
{
	KASSERT(atomic_load_explicit(&l->held, memory_order_relaxed) != 0);
	lock_order_drop(l);
	atomic_store_explicit(&l->held, 0, memory_order_release);
	cpu_irq_pop();
}

/*
 * The lock alone, of a caller that has interrupts off by a cpu_irq_push() of its own. Who goes on as one that holds the lock by
 * spin_lock() gives that push away with it.
 */
static inline __attribute__((always_inline)) void spin_lock_inner(struct spinlock *l)
{
	KASSERT(cpu_irq_depth() != 0);
	lock_order_take(l);
	if (__builtin_expect(atomic_exchange_explicit(&l->held, 1, memory_order_acquire) != 0, 0))
		spin_wait_(l);
}

static inline __attribute__((always_inline)) void spin_unlock_inner(struct spinlock *l)
{
	KASSERT(atomic_load_explicit(&l->held, memory_order_relaxed) != 0);
	lock_order_drop(l);
	atomic_store_explicit(&l->held, 0, memory_order_release);
}

static inline void spin_assert_held(const struct spinlock *l)
{
	KASSERT(atomic_load_explicit(&((struct spinlock *)l)->held, memory_order_relaxed) != 0);
	(void)l;
}

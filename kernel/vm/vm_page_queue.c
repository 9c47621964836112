/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_page_queue.c - the pages that may be paged out: the active and the inactive queue, wiring, laundry.
 *
 * Interface: vm_page.h (Q1 there).
 * Both queues are in order of arrival, so that the pageout daemon sees at a head what has been there longest.
 * Locking: queue_lock [q], inside an object's lock. The daemon goes the other way: it holds queue_lock and only tries the
 *   object's lock; Q1 keeps the object from going meanwhile.
 */
#include <kern/assert.h>
#include <kern/clock.h>
#include <vm/vm_object.h>
#include <vm/vm_page.h>
#include <vm/vm_pageout.h>
#include <vm/vm_stat.h>

#define UNSTICK 64U      /* pages under one hold of the lock */
#define LAUNDRY_CALL 16U /* pages that come back before the daemon is told */

static struct spinlock queue_lock = SPINLOCK_INIT("vm_page queue");
static struct list queues[] = { /* [q] by enum vm_page_queue; the first is not used */
	LIST_INIT(queues[0]), LIST_INIT(queues[1]), LIST_INIT(queues[2]), LIST_INIT(queues[3]), LIST_INIT(queues[4]),
};
static uint64_t counts[PAGE_QUEUES]; /* [q] changed, read by anyone */
static _Atomic uint64_t laundry_count, laundry_done, wired_count;
static uint64_t distrust_until_ns;   /* atomic; 0: pagers are trusted to take what they are given */
static uint64_t reclaimed_ns;        /* the daemon's: when the laundry queue was last empty or looked at */
_Atomic uint64_t vm_stats[VM_STAT_COUNT];

static void take_off(struct vm_page *p)
{
	list_remove(&p->queue_link);
	__atomic_store_n(&counts[p->queue], counts[p->queue] - 1, __ATOMIC_RELAXED);
	p->queue = PAGE_QUEUE_NONE;
}

static void put_on(struct vm_page *p, enum vm_page_queue queue)
{
	list_add_tail(&queues[queue], &p->queue_link);
	__atomic_store_n(&counts[queue], counts[queue] + 1, __ATOMIC_RELAXED);
	p->queue = (uint8_t)queue;
}

static void requeue(struct vm_page *p, enum vm_page_queue queue)
{
	KASSERT(p->object != NULL && !p->free);
	if (p->wire_count != 0 || p->laundry || p->fictitious || p->object->pinned)
		return;
	spin_lock(&queue_lock);
	if (p->queue != PAGE_QUEUE_NONE)
		take_off(p);
	put_on(p, queue);
	spin_unlock(&queue_lock);
}

void vm_page_activate_locked(struct vm_page *p)
{
	if (p->queue != PAGE_QUEUE_ACTIVE)
		requeue(p, PAGE_QUEUE_ACTIVE);
}

void vm_page_deactivate_locked(struct vm_page *p)
{
	if (p->queue != PAGE_QUEUE_INACTIVE)
		requeue(p, PAGE_QUEUE_INACTIVE);
}

void vm_page_stick_locked(struct vm_page *p)
{
	requeue(p, PAGE_QUEUE_STUCK);
}

void vm_page_unstick(void)
{
	bool more = true;

	while (more) {
		spin_lock(&queue_lock);
		for (unsigned n = 0; n < UNSTICK && more; n++) {
			struct vm_page *p = list_first(&queues[PAGE_QUEUE_STUCK], struct vm_page, queue_link);

			more = p != NULL;
			if (more) {
				take_off(p);
				put_on(p, PAGE_QUEUE_INACTIVE);
			}
		}
		spin_unlock(&queue_lock);
	}
}

void vm_page_unqueue_locked(struct vm_page *p)
{
	if (p->queue == PAGE_QUEUE_NONE)
		return;
	spin_lock(&queue_lock);
	if (p->queue != PAGE_QUEUE_NONE)
		take_off(p);
	spin_unlock(&queue_lock);
}

void vm_page_wire_locked(struct vm_page *p)
{
	spin_assert_held(&p->object->lock);
	VERIFY(p->wire_count != UINT32_MAX);
	if (p->wire_count++ != 0)
		return;
	atomic_fetch_add_explicit(&wired_count, 1, memory_order_relaxed);
	vm_page_unqueue_locked(p);
}

void vm_page_unwire_locked(struct vm_page *p)
{
	spin_assert_held(&p->object->lock);
	VERIFY(p->wire_count != 0);
	if (--p->wire_count != 0)
		return;
	atomic_fetch_sub_explicit(&wired_count, 1, memory_order_relaxed);
	vm_page_activate_locked(p);
}

static void launder(struct vm_page *p)
{
	p->laundry = true;
	atomic_fetch_add_explicit(&laundry_count, 1, memory_order_relaxed);
}

void vm_page_laundry_locked(struct vm_page *p)
{
	spin_assert_held(&p->object->lock);
	KASSERT(!p->laundry && p->wire_count == 0);
	vm_page_unqueue_locked(p);
	launder(p);
}

void vm_page_laundry_external_locked(struct vm_page *p)
{
	spin_assert_held(&p->object->lock);
	KASSERT(!p->laundry && p->wire_count == 0);
	if (__atomic_load_n(&distrust_until_ns, __ATOMIC_RELAXED) != 0) {
		requeue(p, PAGE_QUEUE_INACTIVE);
		return;
	}
	requeue(p, PAGE_QUEUE_LAUNDRY);
	launder(p);
}

void vm_page_laundry_done_locked(struct vm_page *p)
{
	if (!p->laundry)
		return;
	p->laundry = false;
	atomic_fetch_sub_explicit(&laundry_count, 1, memory_order_relaxed);
	if (atomic_fetch_add_explicit(&laundry_done, 1, memory_order_relaxed) % LAUNDRY_CALL == 0)
		vm_pageout_low(); /* the daemon may send more */
}

void vm_page_laundry_reclaim(uint64_t ns, uint64_t distrust_ns)
{
	uint64_t now = clock_now_ns(), n = vm_page_queue_count(PAGE_QUEUE_LAUNDRY);

	if (now >= __atomic_load_n(&distrust_until_ns, __ATOMIC_RELAXED))
		__atomic_store_n(&distrust_until_ns, 0, __ATOMIC_RELAXED);

	if (n == 0)
		reclaimed_ns = now;
	if (n == 0 || now - reclaimed_ns < ns)
		return;
	__atomic_store_n(&distrust_until_ns, now + distrust_ns, __ATOMIC_RELAXED);
	/* Whatever is here now has been here for a while, or will be looked at after as long a time. */
	reclaimed_ns = now;
	for (; n != 0; n--) {
		struct vm_page *p = vm_page_queue_head_lock(PAGE_QUEUE_LAUNDRY, 1);
		struct vm_object *o;

		if (p == NULL)
			continue;
		o = p->object;
		vm_page_laundry_done_locked(p);
		requeue(p, PAGE_QUEUE_INACTIVE);
		spin_unlock(&o->lock);
	}
}

uint64_t vm_page_laundry_done_count(void)
{
	return atomic_load_explicit(&laundry_done, memory_order_relaxed);
}

void vm_page_set_object_locked(struct list *pages, struct vm_object *o)
{
	spin_lock(&queue_lock);
	LIST_FOR_EACH(l, pages)
		container_of(l, struct vm_page, object_link)->object = o;
	spin_unlock(&queue_lock);
}

struct vm_page *vm_page_queue_head_lock(enum vm_page_queue queue, unsigned tries)
{
	struct vm_page *p = NULL;

	spin_lock(&queue_lock);
	for (; tries != 0; tries--) {
		p = list_first(&queues[queue], struct vm_page, queue_link);
		if (p == NULL || spin_trylock(&p->object->lock))
			break;
		/* Its object is in use right now, and so is the page, perhaps. */
		list_remove(&p->queue_link);
		list_add_tail(&queues[queue], &p->queue_link);
		p = NULL;
	}
	spin_unlock(&queue_lock);
	return p;
}

uint64_t vm_page_queue_count(enum vm_page_queue queue)
{
	return __atomic_load_n(&counts[queue], __ATOMIC_RELAXED);
}

uint64_t vm_page_laundry_count(void)
{
	return atomic_load_explicit(&laundry_count, memory_order_relaxed);
}

uint64_t vm_page_wired_count(void)
{
	return atomic_load_explicit(&wired_count, memory_order_relaxed);
}

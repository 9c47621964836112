/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_object_cache.c - objects of external pagers: one for each memory object port, found by it, kept a while, ended.
 *
 * Interface: memory_object.h vm_object_of_pager, vm_object_cache_count; vm_object_internal.h.
 * Life: made by the first vm_object_of_pager -> in use -> (can_persist) cached, and in use again -> terminating -> freed.
 * Invariants:
 *   T1 a tabled object has one reference of the table's; it is cached exactly when that is its only one and it is not terminating.
 *   T2 from terminating on nobody gets it from the table: who wants its port waits until its changes were returned and its pager was
 *      told, then makes a new one.
 * Cached objects whose pages have all gone for want of memory go themselves (vm_object_cache_trim), so that their ports and tables do not stay.
 * Ending sends messages, so a kernel worker does it: the last reference may go under a map's lock.
 * Locking: table_lock [c] -> object lock.
 */
#include <vm/memory_object.h>

#include <kern/kalloc.h>
#include <kern/thread.h>

#include "vm_object_internal.h"
#include "vm_pager_port.h"

#define BUCKETS 256U
#define CACHED_MAX 512U /* objects; their pages go when memory is short, whatever the count */

static struct spinlock table_lock = SPINLOCK_INIT("vm_object table");
static struct list buckets[BUCKETS];                 /* [c] by pager port */
static struct list cache = LIST_INIT(cache);         /* [c] oldest first */
static uint32_t cached_count;                        /* [c] */
static struct waitq ended = { LIST_INIT(ended.threads) }; /* [c] who waits for one to end (T2) */

static struct list *bucket_of(const struct ipc_port *pager)
{
	struct list *b = &buckets[((uintptr_t)pager >> 6) * 0x9e3779b97f4a7c15ULL >> 56];

	if (b->next == NULL)
		list_init(b);
	return b;
}

static struct vm_object *find_locked(const struct ipc_port *pager)
{
	LIST_FOR_EACH(l, bucket_of(pager)) {
		struct vm_object *o = container_of(l, struct vm_object, hash_link);

		if (o->pager == pager)
			return o;
	}
	return NULL;
}

static void uncache_locked(struct vm_object *o)
{
	if (!o->cached)
		return;
	list_remove(&o->cache_link);
	o->cached = false;
	cached_count--;
}

/* ---- ending ---- */

static void end(struct kwork *work)
{
	struct vm_object *o = container_of(work, struct vm_object, work), *shadow;
	bool tell;

	vm_pager_disable(o);
	spin_lock(&o->lock);
	while (o->references > 1) { /* calls of the pager under way */
		(void)waitq_block(&o->event_wait, &o->lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
		spin_lock(&o->lock);
	}
	tell = o->alive;
	spin_unlock(&o->lock);
	vm_object_return_all(o, tell && !o->temporary && !o->internal);
	vm_pager_detach(o, tell);
	spin_lock(&table_lock);
	spin_lock(&o->lock);
	if (o->tabled) {
		list_remove(&o->hash_link);
		o->tabled = false;
		(void)waitq_wake_all(&ended);
	}
	vm_object_uncopy_locked(o);
	shadow = o->shadow;
	o->shadow = NULL;
	o->pager = NULL; /* the common end from here on */
	spin_unlock(&o->lock);
	spin_unlock(&table_lock);
	vm_object_deallocate(shadow);
	vm_object_deallocate(o);
}

static void end_later(struct vm_object *o)
{
	kwork_init(&o->work, end, true);
	kworker_submit(&o->work);
}

void vm_object_end_later_locked(struct vm_object *o)
{
	o->references = 1; /* the worker's */
	o->terminating = true;
	spin_unlock(&o->lock);
	end_later(o);
}

/* The oldest of the cache has to go, if there are too many. Returns it, terminating. */
static struct vm_object *evict_locked(void)
{
	struct vm_object *o;

	if (cached_count <= CACHED_MAX)
		return NULL;
	o = list_first(&cache, struct vm_object, cache_link);
	uncache_locked(o);
	spin_lock(&o->lock);
	o->terminating = true;
	spin_unlock(&o->lock);
	return o;
}

unsigned vm_object_cache_trim(unsigned max)
{
	unsigned ended_count = 0;

	while (ended_count < max) {
		struct vm_object *victim = NULL;

		spin_lock(&table_lock);
		LIST_FOR_EACH(l, &cache) {
			struct vm_object *o = container_of(l, struct vm_object, cache_link);

			spin_lock(&o->lock);
			if (o->resident == 0 && o->references == 1) {
				o->terminating = true;
				victim = o;
			}
			spin_unlock(&o->lock);
			if (victim != NULL)
				break;
		}
		if (victim != NULL)
			uncache_locked(victim);
		spin_unlock(&table_lock);
		if (victim == NULL)
			break;
		end_later(victim);
		ended_count++;
	}
	return ended_count;
}

void vm_object_unused(struct vm_object *o)
{
	struct vm_object *victim = NULL;

	spin_lock(&table_lock);
	spin_lock(&o->lock);
	if (--o->references > 1 || o->terminating) {
		if (o->terminating && o->references == 1)
			(void)waitq_wake_all(&o->event_wait);
		spin_unlock(&o->lock);
	} else if (o->can_persist && o->alive) {
		if (!o->cached) {
			o->cached = true;
			cached_count++;
			list_add_tail(&cache, &o->cache_link);
		}
		spin_unlock(&o->lock);
		victim = evict_locked();
	} else {
		uncache_locked(o);
		o->terminating = true;
		spin_unlock(&o->lock);
		victim = o;
	}
	spin_unlock(&table_lock);
	if (victim != NULL)
		end_later(victim);
}

/* ---- finding and making ---- */

/* The table's object for pager, referenced, or NULL; waits while one ends. The table is locked on entry and return. */
static struct vm_object *reference_locked(const struct ipc_port *pager, uint64_t size)
{
	struct vm_object *o;

	while ((o = find_locked(pager)) != NULL && o->terminating) {
		/* Ended by a worker, which waits for nobody. */
		(void)waitq_block(&ended, &table_lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
		spin_lock(&table_lock);
	}
	if (o == NULL)
		return NULL;
	uncache_locked(o);
	spin_lock(&o->lock);
	o->references++;
	if (o->size < size)
		o->size = size;
	spin_unlock(&o->lock);
	return o;
}

static void insert_locked(struct vm_object *o)
{
	spin_lock(&o->lock);
	o->tabled = true;
	o->references++; /* the table's */
	spin_unlock(&o->lock);
	list_add_tail(bucket_of(o->pager), &o->hash_link);
}

void vm_object_table_insert(struct vm_object *o)
{
	spin_lock(&table_lock);
	insert_locked(o);
	spin_unlock(&table_lock);
	vm_pager_enable(o);
}

void vm_object_make_external(struct vm_object *o)
{
	o->internal = false;
	o->shared = o->copied = true;
	o->copy_strategy = MEMORY_OBJECT_COPY_DELAY;
}

static struct vm_object *object_new(struct ipc_port *pager, uint64_t size, kern_return_t *kr)
{
	struct vm_object *o = vm_object_create(size);

	*kr = KERN_RESOURCE_SHORTAGE;
	if (o == NULL)
		return NULL;
	*kr = vm_pager_attach(o, pager);
	if (*kr != KERN_SUCCESS) {
		vm_object_deallocate(o);
		return NULL;
	}
	vm_object_make_external(o);
	return o;
}

kern_return_t vm_object_of_pager(struct ipc_port *pager, uint64_t size, struct vm_object **out)
{
	struct vm_object *o, *fresh;
	kern_return_t kr;

	size = (size + PAGE_MASK) & ~PAGE_MASK;
	spin_lock(&table_lock);
	o = reference_locked(pager, size);
	spin_unlock(&table_lock);
	if (o != NULL) {
		*out = o;
		return KERN_SUCCESS;
	}
	fresh = object_new(pager, size, &kr);
	if (fresh == NULL)
		return kr;
	spin_lock(&table_lock);
	o = reference_locked(pager, size);
	if (o == NULL)
		insert_locked(fresh);
	spin_unlock(&table_lock);
	*out = o == NULL ? fresh : o;
	if (o == NULL) {
		vm_pager_enable(fresh);
		vm_pager_send_init(fresh);
	} else {
		vm_pager_detach(fresh, false);
		fresh->pager = NULL;
		vm_object_deallocate(fresh);
	}
	return KERN_SUCCESS;
}

void vm_object_destroy(struct vm_object *o)
{
	bool was_alive;

	spin_lock(&o->lock);
	was_alive = o->alive;
	o->alive = false;
	spin_unlock(&o->lock);
	vm_object_pager_gone(o);
	if (was_alive)
		vm_pager_send_destroyed(o);
}

uint32_t vm_object_cached_count(void)
{
	return __atomic_load_n(&cached_count, __ATOMIC_RELAXED);
}

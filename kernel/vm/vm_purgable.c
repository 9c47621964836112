/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_purgable.c - memory that its user can do without: volatile objects are emptied when frames are short.
 *
 * Interface: vm_purgable.h.
 * What is obsolete goes first, then group by group: of a group first what is FIFO, the oldest first, then what is LIFO, the newest first. So a
 *   FIFO object goes before those of its group that become volatile later, a LIFO one after them.
 * Invariants: P1 an object is on a list exactly while its state is volatile; P2 the lists hold no reference: an object that
 *   ends takes itself off (vm_purgable_forget) before its memory goes, and one whose count is 0 is passed over.
 * References: XNU's mach/vm_purgable.h for groups, behaviour and order.
 * Locking: purgable lock -> object lock.
 */
#include <vm/vm_purgable.h>

#include <base/string.h>
#include <mach/vm_purgable.h>

#include <vm/vm_pageout.h>
#include <vm/vm_stat.h>

#include "vm_object_internal.h"
#include "vm_pager_port.h"

#define PAGES_PER_TURN 64U /* dropped under one hold of a lock */

static struct spinlock purgable_lock = SPINLOCK_INIT("vm_purgable");
#define LISTS 17U /* obsolete; for each of 8 groups FIFO, LIFO */
static struct list volatile_objects[LISTS]; /* in the order in which they go */

static struct list *list_of(unsigned i)
{
	struct list *l = &volatile_objects[i];

	if (l->next == NULL)
		list_init(l);
	return l;
}

/* A volatile object's place, by the bits beside its state. */
static void insert_locked(struct vm_object *o, int state)
{
	unsigned fifo = 1 + 2 * ((unsigned)(state & VM_VOLATILE_GROUP_MASK) >> VM_VOLATILE_GROUP_SHIFT);

	if (state & VM_PURGABLE_ORDERING_OBSOLETE)
		list_add_tail(list_of(0), &o->purgable_link);
	else if (state & VM_VOLATILE_MAKE_FIRST_IN_GROUP)
		list_add_head(list_of(fifo), &o->purgable_link);
	else if (state & VM_PURGABLE_BEHAVIOR_LIFO)
		list_add_head(list_of(fifo + 1), &o->purgable_link);
	else
		list_add_tail(list_of(fifo), &o->purgable_link);
}

struct vm_object *vm_purgable_create(uint64_t size)
{
	struct vm_object *o = vm_object_create(size);

	if (o != NULL) {
		o->purgable = true;
		o->purgable_state = VM_PURGABLE_NONVOLATILE;
	}
	return o;
}

/* Some pages of o, which is locked: true if there may be more. Wired and busy ones stay. */
static bool drop_some_locked(struct vm_object *o, uint64_t *dropped)
{
	unsigned n = 0;

	LIST_FOR_EACH_SAFE(l, next, &o->pages) {
		struct vm_page *p = container_of(l, struct vm_page, object_link);

		if (p->wire_count != 0 || p->busy)
			continue;
		if (n++ == PAGES_PER_TURN)
			return true;
		vm_object_page_free_locked(o, p);
		++*dropped;
	}
	return false;
}

/* The caller holds a reference. */
static uint64_t drop_pages(struct vm_object *o)
{
	uint64_t dropped = 0, stored = 0, size;
	bool more;

	spin_lock(&o->lock);
	vm_object_sending_begin_locked(o);
	spin_unlock(&o->lock);
	do {
		spin_lock(&o->lock);
		more = drop_some_locked(o, &dropped);
		stored += vm_swap_forget_locked(o, 0, o->size);
		size = o->size;
		spin_unlock(&o->lock);
	} while (more);
	if (stored != 0)
		vm_pager_send_discard(o, 0, size);
	vm_object_sending_end(o);
	return dropped;
}

int vm_purgable_set(struct vm_object *o, int state)
{
	int was;

	spin_lock(&purgable_lock);
	was = o->purgable_state;
	if (was == VM_PURGABLE_VOLATILE)
		list_remove(&o->purgable_link);
	o->purgable_state = state & VM_PURGABLE_STATE_MASK;
	if (o->purgable_state == VM_PURGABLE_VOLATILE)
		insert_locked(o, state); /* P1 */
	spin_unlock(&purgable_lock);
	if ((state & VM_PURGABLE_STATE_MASK) == VM_PURGABLE_EMPTY)
		(void)drop_pages(o);
	return was;
}

int vm_purgable_get(struct vm_object *o)
{
	int state;

	spin_lock(&purgable_lock);
	state = o->purgable_state;
	spin_unlock(&purgable_lock);
	return state;
}

/* The first of a list that is not just ending, +1, or NULL. */
static struct vm_object *first_locked(struct list *list)
{
	LIST_FOR_EACH(l, list) {
		struct vm_object *o = container_of(l, struct vm_object, purgable_link);
		bool alive;

		spin_lock(&o->lock);
		alive = o->references != 0; /* P2 */
		if (alive)
			o->references++;
		spin_unlock(&o->lock);
		if (alive)
			return o;
	}
	return NULL;
}

/* The one that goes first, empty from now on; +1. */
static struct vm_object *take_first(void)
{
	struct vm_object *found = NULL;

	spin_lock(&purgable_lock);
	for (unsigned i = 0; i < LISTS && found == NULL; i++)
		found = first_locked(list_of(i));
	if (found != NULL) {
		list_remove(&found->purgable_link);
		found->purgable_state = VM_PURGABLE_EMPTY;
	}
	spin_unlock(&purgable_lock);
	return found;
}

uint64_t vm_purgable_reclaim(bool *none)
{
	struct vm_object *o = take_first();
	uint64_t dropped;

	*none = o == NULL;
	if (o == NULL)
		return 0;
	dropped = drop_pages(o);
	vm_object_deallocate(o);
	vm_stat_add(VM_STAT_PURGES, dropped);
	return dropped;
}

uint64_t vm_purgable_shrink(void)
{
	uint64_t dropped = 0;
	bool none = false;

	while (dropped == 0 && !none)
		dropped = vm_purgable_reclaim(&none);
	return dropped;
}

void vm_purgable_forget(struct vm_object *o)
{
	spin_lock(&purgable_lock);
	if (o->purgable_state == VM_PURGABLE_VOLATILE)
		list_remove(&o->purgable_link);
	o->purgable_state = VM_PURGABLE_NONVOLATILE;
	spin_unlock(&purgable_lock);
}

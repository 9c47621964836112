/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_page_audit.c - does what is said of each frame agree: its owner, the free lists, its object, its queue, the counts?
 *
 * Interface: vm_page.h vm_page_audit. Nothing is locked but for the look into an object (ddb asks with the other CPUs stopped, where a lock
 *   may be held for ever, so that is only tried): on a running machine a frame may be on its way from one state to the next. What is
 *   wrong is therefore looked at again, and counts only if it stays so.
 */
#include <kern/kalloc.h>
#include <vm/vm_object.h>
#include <vm/vm_page.h>

#define LOOKS 100U

/* What is wrong with p, of which free says whether it lies in a free block; NULL: nothing. */
static const char *frame_wrong(struct vm_page *p, bool free)
{
	struct vm_object *o = p->object;
	const char *wrong = NULL;

	if (free)
		return p->owner != PAGE_OWNER_FREE || o != NULL || p->queue != PAGE_QUEUE_NONE || p->pv != NULL ? "free, and used" : NULL;
	if (p->owner == PAGE_OWNER_FREE || p->owner >= PAGE_OWNER_COUNT)
		return "used, and nobody's";
	if (p->owner != PAGE_OWNER_OBJECT)
		return o != NULL || p->queue != PAGE_QUEUE_NONE || p->laundry ? "the kernel's, and an object's" : NULL;
	if (o == NULL)
		return "of an object, and of none";
	if (p->queue >= PAGE_QUEUES || (p->queue != PAGE_QUEUE_NONE && p->wire_count != 0))
		return "on a queue, and wired";
	if (p->queue != PAGE_QUEUE_NONE && p->laundry != (p->queue == PAGE_QUEUE_LAUNDRY))
		return "laundry, and on the wrong queue";
	if (!spin_trylock(&o->lock))
		return NULL;
	if (p->object == o && vm_object_page_lookup_locked(o, p->offset) != p)
		wrong = "not found in its object";
	spin_unlock(&o->lock);
	return wrong;
}

struct audit {
	struct vm_page_audit *out;
	uint64_t free, queued[PAGE_QUEUES];
};

static void look(void *arg, struct vm_page *p, bool free)
{
	struct audit *a = arg;
	const char *wrong = frame_wrong(p, free);

	a->free += free;
	if (!free && p->queue < PAGE_QUEUES)
		a->queued[p->queue]++;
	for (unsigned i = 0; wrong != NULL && i < LOOKS; i++) {
		cpu_relax();
		if (!free && p->free)
			return;
		if (free && p->owner != PAGE_OWNER_FREE)
			return; /* taken meanwhile: as what, the next audit sees */
		wrong = frame_wrong(p, free);
	}
	if (wrong == NULL)
		return;
	if (a->out->wrong++ == 0) {
		a->out->first = p;
		a->out->what = wrong;
	}
}

bool vm_page_audit(struct vm_page_audit *out)
{
	struct audit a = { .out = out };

	*out = (struct vm_page_audit){ 0 };
	vm_page_for_each(look, &a);
	out->free_found = a.free;
	out->free_counted = vm_page_free_count();
	for (unsigned q = PAGE_QUEUE_ACTIVE; q < PAGE_QUEUES; q++) {
		out->queued_found += a.queued[q];
		out->queued_counted += vm_page_queue_count((enum vm_page_queue)q);
	}
	return out->wrong == 0 && out->free_found == out->free_counted && out->queued_found == out->queued_counted;
}

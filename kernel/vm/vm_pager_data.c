/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_pager_data.c - pages on their way: what a pager supplies, refuses, takes back, locks; what the kernel gives it.
 *
 * Interface: memory_object.h.
 * Every range is a pager's word: it may be any pages, asked for or not, of an object that may have ended meanwhile. A page that is here is never
 *   replaced by a supply. Work goes page by page, or run by run, each under one hold of the object's lock.
 * Invariants:
 *   R1 a page that is returned and dropped leaves the object before its message is sent, with no mapping left; the object is `sending`
 *      from then on until the message is in the pager's queue, and as long nobody asks for its pages. So a data_request for a page comes
 *      after the data_return that has its bytes, and two returns of a page come in the order in which their bytes were taken.
 *   R2 a frame in a returned message is laundry until the pager deallocates it.
 * References: OSF MK kernel interfaces, memory_object_data_supply(3), memory_object_lock_request(3), memory_object_data_return(3).
 */
#include <vm/memory_object.h>

#include <base/string.h>
#include <kern/clock.h>
#include <kern/thread.h>
#include <mach/memory_object_types.h>
#include <mach/vm_sync.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_stat.h>

#include "vm_object_internal.h"
#include "vm_pager_port.h"

#define RUN_MAX 32U /* pages in one data_return */
#define SHORTAGE_MAX (1UL << 20) /* bytes of one vm_pager_shortage: more than was ever asked for at once */

static bool range_ok(uint64_t offset, uint64_t size)
{
	return ((offset | size) & PAGE_MASK) == 0 && offset + size >= offset;
}

/* The pager's offset to ours. */
static uint64_t offset_in(const struct vm_object *o, uint64_t offset)
{
	return offset - o->paging_offset;
}

static bool is_modified(struct vm_page *p)
{
	return p->dirty || pmap_is_modified(p);
}

/* ---- supply ---- */

/* Put page, with its bytes, in the place of the placeholder p (or of nothing). *next: one who waited, claimed, or NULL. */
static void install_locked(struct vm_object *o, struct vm_page *p, uint64_t offset, struct vm_page *page, vm_prot_t lock,
			   bool precious, struct thread **next)
{
	bool wanted = p != NULL && p->wanted;

	if (p != NULL) {
		p->wanted = false;
		vm_object_page_free_locked(o, p);
	}
	vm_pager_answered_locked(o);
	page->dirty = false;
	page->busy = page->absent = page->error = page->wanted = false;
	page->precious = precious;
	page->page_lock = (uint8_t)lock;
	page->unlock_request = 0;
	vm_object_page_insert_locked(o, page, offset);
	vm_stat_add(VM_STAT_PAGEINS, 1);
	if (!wanted)
		return;
	*next = waitq_claim(&o->page_wait);
	if (!list_empty(&o->page_wait.threads))
		(void)waitq_wake_all(&o->page_wait);
}

/* Nothing can be put there. */
static kern_return_t refuse_locked(struct vm_object *o, const struct vm_page *p, uint64_t offset)
{
	if (o->terminating || !o->alive)
		return KERN_FAILURE;
	if (p != NULL)
		return p->fictitious ? KERN_SUCCESS : KERN_MEMORY_PRESENT;
	return offset >= o->size ? KERN_INVALID_ARGUMENT : KERN_SUCCESS;
}

/* If p is a busy placeholder it becomes an error, or a hole. */
static void settle_locked(struct vm_object *o, struct vm_page *p, bool error)
{
	if (p == NULL || !p->busy)
		return;
	vm_pager_answered_locked(o);
	error |= o->internal && vm_object_is_stored(o, p->offset); /* it was given to the default pager, which says that it was not */
	p->error = error;
	p->absent = !error;
	vm_object_placeholder_settle_locked(o, p);
}

/* The bytes could not be had: whoever waits for the page fails. */
static void fail_placeholder(struct vm_object *o, uint64_t offset)
{
	spin_lock(&o->lock);
	settle_locked(o, vm_object_page_lookup_locked(o, offset), true);
	spin_unlock(&o->lock);
}

kern_return_t vm_pager_supply_locked(struct vm_object *o, uint64_t offset, struct vm_page *page, vm_prot_t lock, bool precious,
				     struct thread **next)
{
	struct vm_page *p;
	kern_return_t kr;

	spin_assert_held(&o->lock);
	offset = offset_in(o, offset);
	p = vm_object_page_lookup_locked(o, offset);
	kr = refuse_locked(o, p, offset);
	if (kr == KERN_SUCCESS)
		install_locked(o, p, offset, page, lock, precious, next);
	return kr;
}

static kern_return_t supply_page(struct vm_object *o, uint64_t offset, struct vm_map_copy *data, uint64_t at, vm_prot_t lock,
				 bool precious)
{
	struct vm_page *page;
	struct thread *next = NULL;
	kern_return_t kr = vm_map_copy_take_page(data, at, &page);

	if (kr != KERN_SUCCESS) {
		fail_placeholder(o, offset_in(o, offset));
		return kr;
	}
	spin_lock(&o->lock);
	kr = vm_pager_supply_locked(o, offset, page, lock, precious, &next);
	spin_unlock(&o->lock);
	if (kr != KERN_SUCCESS)
		vm_page_release(page);
	if (next != NULL)
		thread_go(next);
	return kr;
}

kern_return_t vm_pager_supply(struct vm_object *o, uint64_t offset, struct vm_map_copy *data, vm_prot_t lock, bool precious,
			      uint64_t *error_offset)
{
	uint64_t size = vm_map_copy_size(data);
	struct thread *self = current_thread();
	bool before = self->vm_page_in;
	kern_return_t result = KERN_SUCCESS;

	*error_offset = offset;
	if (!range_ok(offset, size) || (lock & ~VM_PROT_ALL) != 0)
		return KERN_INVALID_ARGUMENT;
	self->vm_page_in = true;
	for (uint64_t at = 0; at < size; at += PAGE_SIZE) {
		kern_return_t kr = supply_page(o, offset + at, data, at, lock, precious);

		if (kr != KERN_SUCCESS && result == KERN_SUCCESS) {
			result = kr;
			*error_offset = offset + at;
		}
	}
	self->vm_page_in = before;
	return result;
}

/* ---- what the pager has not ---- */

/* Settle the busy placeholders of [offset, offset+size): as errors, or as holes. */
static kern_return_t settle_range(struct vm_object *o, uint64_t offset, uint64_t size, bool error)
{
	if (!range_ok(offset, size))
		return KERN_INVALID_ARGUMENT;
	offset = offset_in(o, offset);
	spin_lock(&o->lock);
	if (size >> PAGE_SHIFT <= o->resident) {
		for (uint64_t at = 0; at < size; at += PAGE_SIZE)
			settle_locked(o, vm_object_page_lookup_locked(o, offset + at), error);
	} else {
		LIST_FOR_EACH(l, &o->pages) {
			struct vm_page *p = container_of(l, struct vm_page, object_link);

			if (p->offset - offset < size)
				settle_locked(o, p, error);
		}
	}
	spin_unlock(&o->lock);
	return KERN_SUCCESS;
}

/* An unlock that is waited for is refused: the waiters fail, a later access asks again. */
static void refuse_unlocks(struct vm_object *o, uint64_t offset, uint64_t size)
{
	offset = offset_in(o, offset);
	spin_lock(&o->lock);
	LIST_FOR_EACH(l, &o->pages) {
		struct vm_page *p = container_of(l, struct vm_page, object_link);

		if (p->unlock_request == 0 || p->offset - offset >= size)
			continue;
		p->unlock_request = 0;
		p->unlock_refused = true;
		if (p->wanted) {
			p->wanted = false;
			(void)waitq_wake_all(&o->page_wait);
		}
	}
	spin_unlock(&o->lock);
}

kern_return_t vm_pager_error(struct vm_object *o, uint64_t offset, uint64_t size)
{
	kern_return_t kr = settle_range(o, offset, size, true);

	if (kr == KERN_SUCCESS)
		refuse_unlocks(o, offset, size);
	return kr;
}

/* Placeholders that end as if nobody had asked: who waits looks again. */
static bool forget_asked_locked(struct vm_object *o, uint64_t offset)
{
	struct vm_page *p = vm_object_page_lookup_locked(o, offset);
	bool asked = p != NULL && p->fictitious && p->busy;

	if (asked)
		vm_object_page_free_locked(o, p);
	return asked;
}

kern_return_t vm_pager_shortage(struct vm_object *o, uint64_t offset, uint64_t size)
{
	if (!range_ok(offset, size))
		return KERN_INVALID_ARGUMENT;
	offset = offset_in(o, offset);
	spin_lock(&o->lock);
	for (uint64_t at = 0; at < size && at < SHORTAGE_MAX; at += PAGE_SIZE)
		(void)forget_asked_locked(o, offset + at);
	spin_unlock(&o->lock);
	return KERN_SUCCESS;
}

kern_return_t vm_pager_unavailable(struct vm_object *o, uint64_t offset, uint64_t size)
{
	return settle_range(o, offset, size, false);
}

void vm_object_pager_gone(struct vm_object *o)
{
	spin_lock(&o->lock);
	o->alive = o->can_persist = false;
	if (o->internal) {
		o->pager_created = false; /* another default pager may have what is resident */
		vm_object_lose_stored_locked(o);
	}
	LIST_FOR_EACH(l, &o->pages) {
		struct vm_page *p = container_of(l, struct vm_page, object_link);

		settle_locked(o, p, true);
		if (p->wanted) {
			p->wanted = false;
			(void)waitq_wake_all(&o->page_wait);
		}
	}
	(void)waitq_wake_all(&o->event_wait);
	spin_unlock(&o->lock);
}

/* ---- to the pager ---- */

void vm_object_sending_begin_locked(struct vm_object *o)
{
	spin_assert_held(&o->lock);
	while (o->sending) {
		/* A message that waits for nobody. */
		(void)waitq_block(&o->event_wait, &o->lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
		spin_lock(&o->lock);
	}
	o->sending = true;
}

void vm_object_sending_end(struct vm_object *o)
{
	spin_lock(&o->lock);
	o->sending = false;
	(void)waitq_wake_all(&o->event_wait);
	spin_unlock(&o->lock);
}

/* Pages of one message: consecutive, all dirty or none. */
struct run {
	struct vm_page *pages[RUN_MAX]; /* frames that are the run's, in no object */
	unsigned count;
	uint64_t offset;                /* of the first, in the object */
	bool dirty, wired;
	bool initialize;                /* the default pager has not any of them */
};

static bool may_go(const struct vm_page *p, bool wired)
{
	return p != NULL && !p->fictitious && !p->busy && (p->wire_count != 0) == wired;
}

static bool paged_out_before(struct vm_object *o, uint64_t offset)
{
	return !o->internal || vm_pager_may_have(o, offset);
}

static struct vm_page *copy_of(struct vm_page *p)
{
	struct vm_page *copy = vm_page_grab();

	if (copy != NULL)
		memcpy(vm_page_virt(copy), vm_page_virt(p), PAGE_SIZE);
	return copy;
}

/*
 * Move (or copy, when it stays) page to the end of run. o is locked. false: no memory for the copy.
 */
static bool run_add_locked(struct vm_object *o, struct run *run, struct vm_page *p, bool stays)
{
	struct vm_page *frame = p;

	if (stays) {
		/* No mapping may write it from here on unseen. */
		pmap_page_protect(p, VM_PROT_READ);
		frame = copy_of(p);
		if (frame == NULL)
			return false;
		pmap_clear_modify(p);
		p->dirty = p->precious = false;
		vm_object_mark_stored_locked(o, p->offset);
	} else {
		pmap_page_protect(p, VM_PROT_NONE);
		vm_object_mark_stored_locked(o, p->offset);
		vm_object_page_remove_locked(o, p);
	}
	run->pages[run->count++] = frame;
	return true;
}

/* The frame is plain memory now. */
static void forget_pager(struct vm_page *p)
{
	p->page_lock = p->unlock_request = 0;
	p->unlock_refused = p->precious = false;
}

/* No memory for the message: what left the object comes back. o is still locked. */
static void run_undo_locked(struct vm_object *o, struct run *run, bool stays)
{
	for (unsigned i = 0; i < run->count; i++) {
		struct vm_page *p = run->pages[i];

		if (stays) {
			vm_page_release(p);
			p = vm_object_page_lookup_locked(o, run->offset + i * PAGE_SIZE);
		} else {
			vm_object_page_insert_locked(o, p, run->offset + i * PAGE_SIZE);
		}
		p->dirty |= run->dirty;
		p->precious |= !run->dirty;
	}
}

/*
 * Begin a run at page p, as far as it goes: up to max pages, all of one kind. stays: the object keeps its pages. o is locked; NULL:
 * no memory, nothing has changed.
 */
static struct vm_map_copy *run_locked(struct vm_object *o, struct vm_page *p, uint64_t end, unsigned max, bool all, bool stays,
				      struct run *run)
{
	struct vm_map_copy *copy;

	*run = (struct run){ .offset = p->offset, .dirty = is_modified(p), .wired = p->wire_count != 0,
			     .initialize = !paged_out_before(o, p->offset) };
	if (max > RUN_MAX)
		max = RUN_MAX;
	while (run->count < max && p != NULL && p->offset < end && may_go(p, run->wired)) {
		bool dirty = is_modified(p), before = paged_out_before(o, p->offset);

		if (dirty != run->dirty || before == run->initialize || !(dirty || p->precious || all))
			break;
		if (!run_add_locked(o, run, p, stays))
			break;
		p = vm_object_page_lookup_locked(o, run->offset + run->count * PAGE_SIZE);
	}
	if (run->count == 0)
		return NULL;
	copy = vm_map_copy_from_pages(run->pages, run->count, 0, run->count * PAGE_SIZE, o->internal);
	if (copy == NULL) {
		run_undo_locked(o, run, stays);
		return NULL;
	}
	for (unsigned i = 0; i < run->count; i++)
		forget_pager(run->pages[i]);
	vm_map_copy_launder(copy, !o->internal);
	return copy;
}

/* o is not locked. */
static void run_send(struct vm_object *o, const struct run *run, struct vm_map_copy *copy, bool stays)
{
	vm_pager_send_return(o, run->offset + o->paging_offset, copy, run->count * PAGE_SIZE, run->dirty, stays,
			     run->initialize);
}

unsigned vm_object_page_out(struct vm_object *o, struct vm_page *page, unsigned max_pages)
{
	struct vm_map_copy *copy = NULL;
	struct run run = { .count = 0 };

	spin_assert_held(&o->lock);
	if (o->pager != NULL && o->alive && !o->terminating && !o->sending &&
	    (o->internal ? o->paged_out != NULL : o->pager_ready))
		copy = run_locked(o, page, UINT64_MAX, max_pages, true, false, &run);
	o->sending |= copy != NULL; /* R1 */
	spin_unlock(&o->lock);
	if (copy == NULL)
		return 0;
	run_send(o, &run, copy, false);
	vm_object_sending_end(o);
	return run.count;
}

/* What lock_request does to a page that is here. */
struct lock_request {
	uint64_t offset, end; /* in the object */
	struct vm_object_walk walk;
	memory_object_return_t should_return;
	bool flush;
	bool discard; /* what was changed is not returned, unless it is precious */
	vm_prot_t lock;
};

static bool must_return(struct vm_page *p, const struct lock_request *q)
{
	if (q->should_return == MEMORY_OBJECT_RETURN_NONE || p->fictitious)
		return false;
	return q->should_return == MEMORY_OBJECT_RETURN_ALL || p->precious || (!q->discard && is_modified(p));
}

static void set_lock_locked(struct vm_object *o, struct vm_page *p, vm_prot_t lock)
{
	if (lock == VM_PROT_NO_CHANGE || p->fictitious)
		return;
	if ((lock & ~p->page_lock) != 0)
		pmap_page_protect(p, lock == VM_PROT_WRITE ? VM_PROT_READ : VM_PROT_NONE);
	p->page_lock = (uint8_t)lock;
	p->unlock_request = 0;
	p->unlock_refused = false;
	if (p->wanted && !p->busy) {
		p->wanted = false;
		(void)waitq_wake_all(&o->page_wait);
	}
}

/*
 * How many pages may be returned with one from which a run begins: those of a sparse object are met in another order, so if they stay, and are
 * returned though they are clean, they would be returned again. Changed neighbours of a precious page may be to be discarded.
 */
static unsigned run_limit(const struct lock_request *q, bool stays)
{
	return q->discard || (q->walk.sparse && stays && q->should_return == MEMORY_OBJECT_RETURN_ALL) ? 1 : RUN_MAX;
}

/* One page, or one run of pages that are returned. o is locked and not sending, and not locked on return. */
static kern_return_t lock_step_locked(struct vm_object *o, struct vm_page *p, struct lock_request *q)
{
	/* A wired page is not dropped; its bytes may be returned. */
	bool stays = !q->flush || p->wire_count != 0;
	struct vm_map_copy *copy;
	struct run run;

	if (p->busy || (p->fictitious && !q->flush)) {
		spin_unlock(&o->lock);
		return KERN_SUCCESS;
	}
	set_lock_locked(o, p, q->lock);
	if (!must_return(p, q)) {
		if (q->flush && p->wire_count == 0)
			vm_object_page_free_locked(o, p);
		spin_unlock(&o->lock);
		return KERN_SUCCESS;
	}
	if (q->lock != VM_PROT_NO_CHANGE)
		for (unsigned i = 1; i < RUN_MAX; i++) {
			struct vm_page *more = vm_object_page_lookup_locked(o, p->offset + i * PAGE_SIZE);

			if (more == NULL || more->offset >= q->end)
				break;
			if (!more->busy)
				set_lock_locked(o, more, q->lock);
		}
	copy = run_locked(o, p, q->end, run_limit(q, stays), q->should_return == MEMORY_OBJECT_RETURN_ALL, stays, &run);
	o->sending = copy != NULL; /* R1 */
	spin_unlock(&o->lock);
	if (copy == NULL)
		return KERN_RESOURCE_SHORTAGE;
	if (!q->walk.sparse)
		q->walk.at = run.offset + run.count * PAGE_SIZE;
	run_send(o, &run, copy, stays);
	vm_object_sending_end(o);
	return KERN_SUCCESS;
}

static kern_return_t lock_range(struct vm_object *o, struct lock_request *q)
{
	kern_return_t result = KERN_SUCCESS, kr = KERN_SUCCESS;

	spin_lock(&o->lock);
	vm_object_walk_begin_locked(o, &q->walk, q->offset, q->end);
	spin_unlock(&o->lock);
	while (!q->walk.done) {
		struct vm_page *p;

		spin_lock(&o->lock);
		vm_object_sending_begin_locked(o);
		o->sending = false; /* lock_step_locked says */
		p = vm_object_walk_next_locked(o, &q->walk);
		if (p != NULL)
			kr = lock_step_locked(o, p, q);
		else
			spin_unlock(&o->lock);
		if (kr != KERN_SUCCESS)
			result = kr;
	}
	return result;
}

static bool accepts_calls(struct vm_object *o)
{
	bool ok;

	spin_lock(&o->lock);
	ok = o->alive && !o->terminating;
	spin_unlock(&o->lock);
	return ok;
}

kern_return_t vm_pager_lock(struct vm_object *o, uint64_t offset, uint64_t size, memory_object_return_t should_return, bool flush,
			    vm_prot_t lock)
{
	struct lock_request q = { .should_return = should_return, .flush = flush, .lock = lock };

	if (!range_ok(offset, size) || (lock != VM_PROT_NO_CHANGE && (lock & ~VM_PROT_ALL) != 0) || should_return < 0 ||
	    should_return > MEMORY_OBJECT_RETURN_ALL || !accepts_calls(o))
		return KERN_INVALID_ARGUMENT;
	q.offset = offset_in(o, offset);
	q.end = q.offset + size;
	return lock_range(o, &q);
}

void vm_object_return_all(struct vm_object *o, bool send)
{
	struct lock_request q = { .end = UINT64_MAX & ~PAGE_MASK, .flush = true, .lock = VM_PROT_NO_CHANGE,
				  .should_return = send ? MEMORY_OBJECT_RETURN_DIRTY : MEMORY_OBJECT_RETURN_NONE };

	if (lock_range(o, &q) != KERN_SUCCESS) {
		/* No memory even for messages: what is left is lost, as when the machine stops. */
		q.offset = 0;
		q.should_return = MEMORY_OBJECT_RETURN_NONE;
		(void)lock_range(o, &q);
	}
	spin_lock(&o->lock);
	LIST_FOR_EACH_SAFE(l, next, &o->pages)
		vm_object_page_free_locked(o, container_of(l, struct vm_page, object_link)); /* busy ones too */
	spin_unlock(&o->lock);
}

/* ---- msync ---- */

struct sync {
	struct list link;
	uint64_t offset, size;
	bool done;
};

static kern_return_t wait_for_sync(struct vm_object *o, struct sync *s, uint64_t deadline_ns)
{
	kern_return_t kr = KERN_SUCCESS;

	spin_lock(&o->lock);
	while (!s->done && o->alive && kr == KERN_SUCCESS) {
		enum wait_result result = waitq_block(&o->event_wait, &o->lock, WAIT_ABORTABLE, deadline_ns);

		if (result != WAIT_WOKEN)
			kr = result == WAIT_INTERRUPTED ? KERN_ABORTED : KERN_MEMORY_ERROR;
		spin_lock(&o->lock);
	}
	if (kr == KERN_SUCCESS && !s->done)
		kr = KERN_MEMORY_FAILURE;
	list_remove(&s->link);
	spin_unlock(&o->lock);
	return kr;
}

kern_return_t vm_object_sync(struct vm_object *o, uint64_t offset, uint64_t size, unsigned flags, bool may_discard)
{
	bool written = (flags & (VM_SYNC_SYNCHRONOUS | VM_SYNC_ASYNCHRONOUS)) != 0;
	struct lock_request q = { .offset = offset, .end = offset + size, .lock = VM_PROT_NO_CHANGE,
				  .flush = (flags & (VM_SYNC_INVALIDATE | VM_SYNC_KILLPAGES)) != 0,
				  .should_return = (flags & VM_SYNC_KILLPAGES) != 0 && may_discard ? MEMORY_OBJECT_RETURN_NONE :
												     MEMORY_OBJECT_RETURN_DIRTY,
				  .discard = may_discard && !written };
	struct sync s = { .offset = offset + o->paging_offset, .size = size };
	kern_return_t kr;
	uint64_t deadline;
	bool ready;

	spin_lock(&o->lock);
	ready = o->pager != NULL && !o->internal && o->alive && o->pager_ready;
	deadline = clock_now_ns() + (o->pager_timeout_ns != 0 ? o->pager_timeout_ns : vm_pager_timeout_ns);
	if (ready)
		list_add_tail(&o->syncs, &s.link);
	spin_unlock(&o->lock);
	if (!ready)
		return KERN_SUCCESS;
	kr = lock_range(o, &q);
	if (kr == KERN_SUCCESS && written)
		vm_pager_send_synchronize(o, s.offset, size, flags);
	if (kr != KERN_SUCCESS || (flags & VM_SYNC_SYNCHRONOUS) == 0) {
		spin_lock(&o->lock);
		list_remove(&s.link);
		spin_unlock(&o->lock);
		return kr;
	}
	return wait_for_sync(o, &s, deadline);
}

kern_return_t vm_pager_synchronized(struct vm_object *o, uint64_t offset, uint64_t size)
{
	kern_return_t kr = KERN_INVALID_ARGUMENT;

	spin_lock(&o->lock);
	LIST_FOR_EACH(l, &o->syncs) {
		struct sync *s = container_of(l, struct sync, link);

		if (s->done || s->offset != offset || s->size != size)
			continue;
		s->done = true;
		(void)waitq_wake_all(&o->event_wait);
		kr = KERN_SUCCESS;
		break;
	}
	spin_unlock(&o->lock);
	return kr;
}

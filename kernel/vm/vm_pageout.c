/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_pageout.c - the pageout daemon: which page goes when.
 *
 * Interface: vm_pageout.h.
 * A page ages on the active queue; the inactive one is kept at a third of both. Who is moved there loses its reference
 *   bit; at the head of the inactive queue it has a second chance (referenced since: active again), else it goes: a clean
 *   one is dropped, a changed or precious one is given to its pager along with its neighbours (vm_object_page_out). An
 *   anonymous page gets the default pager, if that can store it.
 * The daemon never waits for a pager. What is on its way to pagers (laundry) is bounded by LAUNDRY_MAX; while frames are
 *   short and laundry is out it sleeps until some comes back. The default pager frees its laundry without needing
 *   user memory: its threads are privileged and its own memory is wired. Laundry of other pagers is not trusted to come
 *   back: after EXTERNAL_PATIENCE_NS it is ordinary anonymous memory of theirs, and may go to the default pager; for EXTERNAL_DISTRUST_NS from
 *   then on what is given to such pagers is that at once, or it would take two seconds for each LAUNDRY_MAX pages.
 * What it finds, and then (verdict): FREED, SENT: progress; KEPT: used, again; STUCK: nobody takes it; SKIPPED.
 *   After STARVED_TURNS (or, with room to page out to, STARVED_TURNS_ROOM) whole turns over both queues in which memory did not grow, with threads waiting and no laundry out, there is
 *   none to be had: vm_pageout_exhausted(). Clean pages that are dropped and come back at once from their pagers, or a task that takes a page
 *   and gives it back again and again, do not hide that.
 * Locking: none held between pages; a page's object while it is looked at (vm_page_queue_head_lock).
 * References: the descriptions of Mach's pageout daemon in the OSF kernel principles and Golub & Draves, "Moving the Default Memory
 *   Manager out of the Mach Kernel" (USENIX Mach Symposium 1991).
 */
#include <kern/assert.h>
#include <kern/clock.h>
#include <kern/kalloc.h>
#include <kern/limits.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <sched/sched.h>
#include <vm/memory_object.h>
#include <vm/vm_map.h>
#include <vm/vm_page.h>
#include <vm/vm_pageout.h>
#include <vm/vm_purgable.h>
#include <vm/vm_stat.h>

#include "vm_object_internal.h"

#define LAUNDRY_MAX 256U  /* pages on their way to pagers */
#define CLUSTER 16U       /* pages in one go */
#define TRIES 16U         /* objects that are in use, passed over for one that is not */
#define BALANCE 32U       /* pages deactivated at once */
#define PAGE_IN_SLACK 64U /* free beyond PAGE_IN_PAGES, when there is no more to be had */
#define CACHE_TRIM 16U    /* objects that nobody uses, in one turn */
#define YIELD 64U         /* pages looked at before others may run */
#define GROWTH_MIN 16     /* pages of new memory, more than was given back, in one turn */
#define STARVED_TURNS_ROOM 50U /* while there is room to page out to: then it is a crowd, in which page-ins take what is freed */
#define STARVED_TURNS 5U  /* a task that ends gives its memory back in that time */
#define LAUNDRY_POLL_NS (20 * NSEC_PER_MSEC)
#define STUCK_POLL_NS (100 * NSEC_PER_MSEC)
#define EXTERNAL_PATIENCE_NS (2 * NSEC_PER_SEC)
#define EXTERNAL_DISTRUST_NS (10 * NSEC_PER_SEC) /* so long are other pagers not waited for when one did not take its own */

enum verdict { VERDICT_FREED, VERDICT_SENT, VERDICT_KEPT, VERDICT_STUCK, VERDICT_SKIPPED };

/* Give page and what follows it to its pager. o is locked, referenced for us; unlocks it. */
static enum verdict send_locked(struct vm_object *o, struct vm_page *page)
{
	struct vm_swap *swap = o->swap;
	uint64_t taken = 0;
	unsigned sent;

	if (o->internal && !vm_object_is_stored(o, page->offset)) {
		taken = CLUSTER;
		while (taken != 0 && !vm_swap_take(swap, taken))
			taken /= 2;
		if (taken == 0) {
			vm_page_stick_locked(page);
			spin_unlock(&o->lock);
			return VERDICT_STUCK;
		}
	}
	vm_page_activate_locked(page); /* if nobody takes it */
	sent = vm_object_page_out(o, page, taken != 0 ? (unsigned)taken : CLUSTER);
	if (taken != 0)
		vm_swap_give(swap, taken - sent);
	vm_stat_add(VM_STAT_PAGEOUTS, sent);
	return sent != 0 ? VERDICT_SENT : VERDICT_STUCK;
}

static bool swap_has_room(void)
{
	return vm_swap_has_room(CLUSTER);
}

/* An anonymous object whose first page goes gets the default pager, as does one whose default pager has died. o is locked, referenced for us; unlocks it. */
static enum verdict create_and_send(struct vm_object *o, uint64_t offset)
{
	struct vm_page *page;
	kern_return_t kr;

	spin_unlock(&o->lock);
	kr = swap_has_room() ? vm_object_pager_create(o) : KERN_FAILURE;
	spin_lock(&o->lock);
	page = vm_object_page_lookup_locked(o, offset);
	if (page == NULL || page->busy || page->wire_count != 0 || page->fictitious) {
		spin_unlock(&o->lock);
		return VERDICT_SKIPPED;
	}
	if (kr != KERN_SUCCESS || !o->alive) {
		vm_page_stick_locked(page);
		spin_unlock(&o->lock);
		return VERDICT_STUCK;
	}
	return send_locked(o, page);
}

/*
 * From here on page cannot change. What follows it in its object and looks as if it went next loses its mappings along with
 * it, in one round of interrupts to the other CPUs in place of one for each page.
 */
static void unmap(struct vm_object *o, struct vm_page *page)
{
	uint64_t offset = page->offset;
	struct pmap_batch batch;
	struct vm_page *p = page;

	if (!pmap_is_mapped(page)) {
		pmap_page_protect(page, VM_PROT_NONE); /* waits until a removal under way is seen everywhere */
		return;
	}
	pmap_batch_begin(&batch);
	for (unsigned i = 0; i < CLUSTER && p != NULL; i++) {
		if (p == page || (p->queue == PAGE_QUEUE_INACTIVE && p->wire_count == 0 && !p->busy && !p->fictitious &&
				  !pmap_is_referenced(p)))
			pmap_page_protect_batched(&batch, p, VM_PROT_NONE);
		offset += PAGE_SIZE;
		p = vm_object_page_lookup_locked(o, offset);
	}
	pmap_batch_end(&batch);
}

/* page, whose object is locked: what becomes of it. Unlocks the object. */
static enum verdict look_at(struct vm_page *page)
{
	struct vm_object *o = page->object;
	enum verdict v;

	if (page->wire_count != 0 || page->laundry || page->fictitious) {
		vm_page_unqueue_locked(page);
		spin_unlock(&o->lock);
		return VERDICT_SKIPPED;
	}
	/* Without references it is being freed, by somebody who lets others run meanwhile. */
	if (page->busy || page->wanted || o->terminating || o->references == 0) {
		vm_page_activate_locked(page);
		spin_unlock(&o->lock);
		return VERDICT_SKIPPED;
	}
	if (pmap_is_referenced(page)) {
		pmap_clear_reference(page);
		vm_page_activate_locked(page);
		spin_unlock(&o->lock);
		vm_stat_add(VM_STAT_REACTIVATIONS, 1);
		return VERDICT_KEPT;
	}
	unmap(o, page);
	if (!page->dirty && !page->precious && !pmap_is_modified(page)) {
		vm_object_page_free_locked(o, page);
		spin_unlock(&o->lock);
		vm_stat_add(VM_STAT_DROPPED, 1);
		return VERDICT_FREED;
	}
	o->references++;
	v = o->internal && (o->pager == NULL || !o->alive) ? create_and_send(o, page->offset) : send_locked(o, page);
	vm_object_deallocate(o);
	return v;
}

/* Keep a third of the pages inactive. */
static void balance(void)
{
	uint64_t active = vm_page_queue_count(PAGE_QUEUE_ACTIVE), inactive = vm_page_queue_count(PAGE_QUEUE_INACTIVE);

	for (unsigned n = 0; n < BALANCE && inactive < (active + inactive) / 3 + 1 && active != 0; n++) {
		struct vm_page *p = vm_page_queue_head_lock(PAGE_QUEUE_ACTIVE, TRIES);
		struct vm_object *o;

		if (p == NULL)
			return;
		o = p->object;
		if (p->wire_count != 0 || p->laundry || p->fictitious) {
			vm_page_unqueue_locked(p);
		} else {
			pmap_clear_reference(p);
			vm_page_deactivate_locked(p);
			inactive++;
		}
		active--;
		spin_unlock(&o->lock);
	}
}

/* How many frames should be free. The last pages that can go, when others cannot, are not taken for new memory, but page-ins go on. */
static uint64_t wanted(void)
{
	if (!swap_has_room() &&
	    vm_page_queue_count(PAGE_QUEUE_ACTIVE) + vm_page_queue_count(PAGE_QUEUE_INACTIVE) <= vm_pageout_levels.keep)
		return PAGE_IN_PAGES + PAGE_IN_SLACK;
	return vm_pageout_levels.target;
}

static bool short_of_frames(void)
{
	return vm_page_free_count() + vm_page_laundry_count() < wanted();
}

bool vm_pageout_scan(void)
{
	uint64_t vain = 0, all = 0, turn = 2 * (vm_page_queue_count(PAGE_QUEUE_ACTIVE) + vm_page_queue_count(PAGE_QUEUE_INACTIVE));
	unsigned looked = 0;
	bool progress = false;

	vm_stat_add(VM_STAT_SCANS, 1);
	if (swap_has_room())
		vm_page_unstick();
	while (short_of_frames() && vm_page_laundry_count() < LAUNDRY_MAX && vain <= turn + TRIES && all++ <= 2 * turn + TRIES) {
		struct vm_page *p;

		balance();
		p = vm_page_queue_head_lock(PAGE_QUEUE_INACTIVE, TRIES);
		if (p == NULL) {
			vain += TRIES;
			continue;
		}
		switch (look_at(p)) {
		case VERDICT_FREED:
		case VERDICT_SENT:
			vain = 0;
			progress = true;
			break;
		default:
			vain++;
		}
		if (++looked % YIELD == 0)
			(void)sched_yield();
	}
	return progress;
}

/* ---- the thread ---- */

/* Has no laundry come back for as long as a pager may take? */
static bool pagers_hang(struct vm_pageout_patience *p)
{
	uint64_t done = vm_page_laundry_done_count(), now = clock_now_ns();

	if (done != p->done_before || vm_page_laundry_count() == 0) {
		p->done_before = done;
		p->since_ns = now;
	}
	return now - p->since_ns > vm_pager_timeout_ns;
}

/* Memory that its users can do without goes first: blocks of disks that are there as well, then volatile objects. */
static bool purge(void)
{
	bool none = false, progress = false;

	if (vm_pageout_shrink_cache != NULL && vm_page_free_count() < vm_pageout_levels.target)
		progress = vm_pageout_shrink_cache(vm_pageout_levels.target - vm_page_free_count()) != 0;
	while (short_of_frames() && !none) {
		progress |= vm_purgable_reclaim(&none) != 0;
	}
	return progress;
}

/* Did who waits get new memory since this was last asked? Also between turns, of what pagers gave back. */
static bool has_grown(struct vm_pageout_patience *p)
{
	int64_t before = p->grown;

	p->grown = vm_page_growth_count();
	return p->grown - before >= GROWTH_MIN;
}

/* Where little can be freed a turn costs much (every page is looked at) and ages what is in use, so the next one is not at once. */
uint64_t vm_pageout_turn(struct vm_pageout_patience *p, enum vm_pageout_deaf *deaf)
{
	bool progress;

	(void)vm_default_pager_alive();
	(void)pagers_hang(p); /* if nothing is out, what goes out now has all its time */
	zone_trim();
	progress = purge();
	progress |= vm_pageout_scan();
	if (vm_page_free_count() < vm_pageout_levels.target)
		(void)vm_object_cache_trim(CACHE_TRIM);
	vm_page_laundry_reclaim(EXTERNAL_PATIENCE_NS, EXTERNAL_DISTRUST_NS);
	*deaf = VM_PAGEOUT_HEARS;
	if (vm_page_free_count() > RESERVED_PAGES + GROWTH_MIN)
		p->starved = 0;
	if (vm_page_free_count() >= vm_pageout_levels.target)
		return WAIT_FOREVER;
	if (vm_page_laundry_count() != 0 && !pagers_hang(p))
		return clock_now_ns() + LAUNDRY_POLL_NS;
	if (!progress)
		*deaf = VM_PAGEOUT_HEARS_WAITERS;
	if (vm_page_free_count() > RESERVED_PAGES + GROWTH_MIN || vm_pageout_waiting() == 0)
		return clock_now_ns() + (progress ? LAUNDRY_POLL_NS : STUCK_POLL_NS);
	if (has_grown(p)) {
		p->starved = 0;
		return clock_now_ns();
	}
	if (++p->starved >= (vm_swap_used() < vm_swap_total() ? STARVED_TURNS_ROOM : STARVED_TURNS)) {
		p->starved = 0;
		vm_stat_add(VM_STAT_SHORTAGES, 1);
		vm_pageout_exhausted();
	}
	*deaf = VM_PAGEOUT_HEARS_PAGE_INS;
	return clock_now_ns() + STUCK_POLL_NS;
}

static void pageout_loop(void *unused)
{
	struct vm_pageout_patience p = { .since_ns = clock_now_ns() };
	enum vm_pageout_deaf deaf = VM_PAGEOUT_HEARS;
	uint64_t until = WAIT_FOREVER;

	(void)unused;
	current_thread()->vm_privilege = true;
	for (;;) {
		vm_pageout_sleep(until, deaf);
		until = vm_pageout_turn(&p, &deaf);
	}
}

static uint64_t size_of_task(void)
{
	struct task *task = current_thread()->task;

	return task == NULL || task->map == NULL || vm_map_pmap(task->map) == NULL ? 0 : pmap_resident_count(vm_map_pmap(task->map));
}

void vm_pageout_start(void)
{
	vm_page_wait_size = size_of_task;
	thread_deallocate(kernel_thread_start("pageout", SCHED_PRIORITY_KERNEL, pageout_loop, NULL));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_pager.c - waiting for a page: what the access finds, what is asked of the pager, how long it may take.
 *
 * Interface: vm_object_wait, vm_object_prefetch (vm_object.h); the settings in memory_object.h.
 * A page as an access sees it, and what it does then (all under the object's lock but the messages and waits):
 *
 *     state     is                                          the access
 *     READY     here and not forbidden, or no pager's       tries again
 *     LEAVING   not here, and a message about pages       waits for an event of the object
 *               is on its way to the pager
 *     UNKNOWN   the pager has not said that it is ready     waits for an event of the object
 *     GONE      not here, and there is no pager any more    fails: KERN_MEMORY_FAILURE
 *     FAILED    a placeholder with an error                 drops it, as MISSING
 *     MISSING   not here                                    makes placeholders, sends data_request, as BUSY
 *     BUSY      a placeholder                               waits for it
 *     LOCKED    here, but forbidden by page_lock            sends data_unlock once, waits for the page
 *
 * A placeholder ends by supply (a frame takes its place), unavailable (it becomes a hole), error, the pager's death, or the
 *   time limit of the first access that waited for it (then it is FAILED: an access after that asks again). Who waited finds the error
 *   and returns it; nobody waits longer than its own limit, which counts over all waits of one access (vm_resolved.deadline_ns).
 * The default pager has a long queue when memory is short: as long as it answers anybody the limit begins again. If it hangs, who waits for
 *   it fails like any other.
 * Locking: the object's; nothing is held while a message is sent or a thread waits.
 * References: OSF MK kernel interfaces, memory_object_data_request(3); the time limit is ours.
 */
#include <vm/memory_object.h>

#include <kern/clock.h>
#include <kern/limits.h>
#include <kern/thread.h>
#include <mach/vm_behavior.h>
#include <stdatomic.h>
#include <vm/vm_page.h>

#include "vm_object_internal.h"
#include "vm_pager_port.h"

#define CLUSTER_MAX (256UL * 1024)
#define SHORTAGES_MAX 20U
#define RENEWED_MAX 120U /* limits of one access that the default pager did not keep, though it answered others */

uint64_t vm_pager_timeout_ns = 30ULL * 1000 * 1000 * 1000;

#define PAGE_STATES(S) S(READY) S(LEAVING) S(UNKNOWN) S(GONE) S(FAILED) S(MISSING) S(BUSY) S(LOCKED)
#define STATE_ENUM(name) PAGE_##name,
enum page_state { PAGE_STATES(STATE_ENUM) };

/* The default pager's work goes on as long as it answers anybody: its queue may be long. */
static _Atomic uint64_t default_pager_answers;

void vm_pager_answered_locked(const struct vm_object *o)
{
	if (o->internal)
		atomic_fetch_add_explicit(&default_pager_answers, 1, memory_order_relaxed);
}

static uint64_t deadline_of_locked(struct vm_object *o)
{
	uint64_t limit = o->pager_timeout_ns != 0 ? o->pager_timeout_ns : vm_pager_timeout_ns;

	return clock_now_ns() + limit;
}

static enum page_state state_of_locked(struct vm_object *o, const struct vm_resolved *r)
{
	struct vm_page *p = vm_object_page_lookup_locked(o, r->offset);
	bool asked = !o->internal && !o->pager_ready && o->alive && o->pager != NULL;

	if (r->access == VM_ACCESS_ATTRIBUTES)
		return asked ? PAGE_UNKNOWN : PAGE_READY;
	if (p == NULL && !vm_pager_may_have(o, r->offset))
		return PAGE_READY;
	if (p == NULL || p->error) {
		if (!o->alive || vm_object_is_lost(o, r->offset))
			return PAGE_GONE;
		if (asked)
			return PAGE_UNKNOWN;
		if (o->sending)
			return PAGE_LEAVING;
		return p == NULL ? PAGE_MISSING : PAGE_FAILED;
	}
	if (p->busy)
		return PAGE_BUSY;
	if (p->absent || (p->page_lock & vm_access_needs(r->access)) == 0)
		return PAGE_READY;
	return o->alive ? PAGE_LOCKED : PAGE_GONE;
}

/* ---- waits: o is locked, and not on return ---- */

static kern_return_t wait_result(enum wait_result result)
{
	switch (result) {
	case WAIT_WOKEN:
		return KERN_SUCCESS;
	case WAIT_INTERRUPTED:
		return KERN_ABORTED;
	default:
		return KERN_OPERATION_TIMED_OUT;
	}
}

static kern_return_t wait_for_event(struct vm_object *o, const struct vm_resolved *r)
{
	kern_return_t kr = wait_result(waitq_block(&o->event_wait, &o->lock, WAIT_ABORTABLE, r->deadline_ns));

	return kr == KERN_OPERATION_TIMED_OUT ? KERN_MEMORY_ERROR : kr;
}

/* Nobody answered in time: who asks later asks anew. */
static void give_up_locked(struct vm_object *o, struct vm_page *p)
{
	if (p != NULL && p->busy) {
		p->absent = false;
		p->error = true;
		vm_object_placeholder_settle_locked(o, p);
	} else if (p != NULL) {
		p->unlock_request = 0;
	}
}

/* What the answer was, for who asked or waited: p may be any page by now, or NULL. */
static kern_return_t outcome_locked(const struct vm_object *o, const struct vm_page *p)
{
	if (p == NULL || (!p->error && !p->unlock_refused))
		return KERN_SUCCESS;
	return o->alive ? KERN_MEMORY_ERROR : KERN_MEMORY_FAILURE;
}

/* The default pager did not answer this access in time, but others: a new limit. */
static bool goes_on_locked(struct vm_object *o, struct vm_resolved *r)
{
	uint64_t answers = atomic_load_explicit(&default_pager_answers, memory_order_relaxed);

	if (!o->internal || !o->alive || answers == r->answers || r->renewed == RENEWED_MAX)
		return false;
	r->renewed++;
	r->answers = answers;
	r->deadline_ns = deadline_of_locked(o);
	return true;
}

/* The page is busy or locked. next: a thread that is owed the CPU, or NULL. */
static kern_return_t wait_for_page(struct vm_object *o, struct vm_page *p, struct vm_resolved *r, struct thread *next)
{
	kern_return_t kr;

	p->wanted = true;
	kr = wait_result(waitq_block_handoff(&o->page_wait, &o->lock, WAIT_ABORTABLE, r->deadline_ns, next));
	if (kr == KERN_ABORTED)
		return kr;
	spin_lock(&o->lock);
	p = vm_object_page_lookup_locked(o, r->offset);
	if (kr == KERN_OPERATION_TIMED_OUT && goes_on_locked(o, r)) {
		kr = KERN_SUCCESS;
	} else if (kr == KERN_OPERATION_TIMED_OUT) {
		give_up_locked(o, p);
		kr = KERN_MEMORY_ERROR;
	} else {
		kr = outcome_locked(o, p);
	}
	spin_unlock(&o->lock);
	return kr;
}

/* ---- asking: o is locked, and not on return ---- */

/* The page after the last of those missing from offset on, up to end. */
static uint64_t missing_until(struct vm_object *o, uint64_t offset, uint64_t end)
{
	while (offset < end && vm_object_page_lookup_locked(o, offset) == NULL && vm_pager_may_have(o, offset))
		offset += PAGE_SIZE;
	return offset;
}

/* Pages, in bytes of the object. */
struct span {
	uint64_t start, end;
};

/* What has been used by an access in order is not used again soon: it goes before other pages. */
static void leave_behind(struct vm_object *o, uint64_t start, uint64_t end)
{
	for (; start < end; start += PAGE_SIZE) {
		struct vm_page *p = vm_object_page_lookup_locked(o, start);

		if (p == NULL || p->fictitious || p->busy || p->wire_count != 0 || p->laundry)
			continue;
		pmap_clear_reference(p);
		vm_page_deactivate_locked(p);
	}
}

/*
 * The pages around offset that may be asked for along with it: by what the user said of the region; if that is nothing, its
 * cluster, or for an access that goes on where the last one ended, a cluster from there on.
 */
static struct span window_of(struct vm_object *o, uint64_t offset, uint64_t cluster, uint8_t behavior)
{
	uint64_t low = offset >= cluster ? offset - cluster : 0;

	switch (behavior) {
	case VM_BEHAVIOR_RANDOM:
		return (struct span){ offset, offset + PAGE_SIZE };
	case VM_BEHAVIOR_SEQUENTIAL:
		leave_behind(o, low, offset);
		return (struct span){ offset, offset + cluster };
	case VM_BEHAVIOR_RSEQNTL:
		leave_behind(o, offset + PAGE_SIZE, offset + PAGE_SIZE + cluster);
		return (struct span){ offset >= cluster ? low + PAGE_SIZE : 0, offset + PAGE_SIZE };
	default:
		o->sequential = offset == o->last_request && offset != 0;
		if (!o->sequential)
			low = offset & ~(cluster - 1);
		return o->sequential ? (struct span){ offset, offset + cluster } : (struct span){ low, low + cluster };
	}
}

/* Of the window, the missing pages around offset. */
static struct span choose_cluster(struct vm_object *o, uint64_t offset, uint8_t behavior)
{
	uint64_t cluster = o->cluster_size < CLUSTER_MAX ? o->cluster_size : CLUSTER_MAX;
	struct span s;

	if (vm_page_free_count() < RESERVED_PAGES + cluster / PAGE_SIZE)
		cluster = PAGE_SIZE; /* no more than is needed */
	s = window_of(o, offset, cluster, behavior);
	if (s.end > o->size)
		s.end = o->size;
	if (s.end <= offset)
		s.end = offset + PAGE_SIZE;
	while (s.start < offset && missing_until(o, s.start, offset) != offset)
		s.start = missing_until(o, s.start, offset) + PAGE_SIZE;
	s.end = missing_until(o, offset + PAGE_SIZE, s.end);
	o->last_request = s.end;
	return s;
}

/* Make placeholders and send the request. o is locked, and not on return. *next: a thread that is owed the CPU, or NULL. */
static kern_return_t send_request(struct vm_object *o, const struct vm_resolved *r, struct thread **next)
{
	struct span s = choose_cluster(o, r->offset, r->behavior);
	uint64_t at;

	if (vm_object_placeholder_locked(o, r->offset) == NULL) {
		spin_unlock(&o->lock);
		return KERN_RESOURCE_SHORTAGE;
	}
	for (at = r->offset; at > s.start && vm_object_placeholder_locked(o, at - PAGE_SIZE) != NULL;)
		at -= PAGE_SIZE;
	s.start = at;
	for (at = r->offset + PAGE_SIZE; at < s.end && vm_object_placeholder_locked(o, at) != NULL;)
		at += PAGE_SIZE;
	s.end = at;
	spin_unlock(&o->lock);
	*next = vm_pager_send_request(o, s.start, (uint32_t)(s.end - s.start), vm_access_needs(r->access));
	return KERN_SUCCESS;
}

static kern_return_t ask_for_pages(struct vm_object *o, struct vm_resolved *r)
{
	struct thread *next;
	struct vm_page *p;
	kern_return_t kr = send_request(o, r, &next);

	if (kr != KERN_SUCCESS && r->shortages < SHORTAGES_MAX) {
		r->shortages++;
		return vm_page_wait_page_in(); /* for a placeholder */
	}
	if (kr != KERN_SUCCESS)
		return kr;
	spin_lock(&o->lock);
	p = vm_object_page_lookup_locked(o, r->offset);
	if (p != NULL && p->busy)
		return wait_for_page(o, p, r, next);
	kr = outcome_locked(o, p);
	spin_unlock(&o->lock);
	if (next != NULL)
		thread_go(next);
	return kr;
}

void vm_object_prefetch(struct vm_resolved *r)
{
	struct vm_object *o = r->object;
	struct thread *next = NULL;

	if (o == NULL)
		return; /* memory is short: not now */
	spin_lock(&o->lock);
	if (vm_page_free_count() > RESERVED_PAGES && state_of_locked(o, r) == PAGE_MISSING)
		(void)send_request(o, r, &next);
	else
		spin_unlock(&o->lock);
	if (next != NULL)
		thread_go(next);
	r->object = NULL;
	vm_object_deallocate(o);
}

static kern_return_t ask_to_unlock(struct vm_object *o, struct vm_resolved *r)
{
	struct vm_page *p = vm_object_page_lookup_locked(o, r->offset);
	vm_prot_t needs = vm_access_needs(r->access);
	struct thread *next = NULL;
	kern_return_t kr;

	if ((p->unlock_request & needs) != needs) {
		p->unlock_request |= (uint8_t)needs;
		p->unlock_refused = false;
		spin_unlock(&o->lock);
		next = vm_pager_send_unlock(o, r->offset, PAGE_SIZE, needs);
		spin_lock(&o->lock);
	}
	p = vm_object_page_lookup_locked(o, r->offset);
	kr = outcome_locked(o, p);
	if (kr == KERN_SUCCESS && state_of_locked(o, r) == PAGE_LOCKED)
		return wait_for_page(o, p, r, next);
	spin_unlock(&o->lock);
	if (next != NULL)
		thread_go(next);
	return kr;
}

/* One step towards the page. */
static kern_return_t page_in(struct vm_object *o, struct vm_resolved *r)
{
	struct vm_page *p;

	spin_lock(&o->lock);
	if (r->deadline_ns == 0) {
		r->deadline_ns = deadline_of_locked(o);
		r->answers = atomic_load_explicit(&default_pager_answers, memory_order_relaxed);
	}
	p = vm_object_page_lookup_locked(o, r->offset);
	switch (state_of_locked(o, r)) {
	case PAGE_LEAVING:
	case PAGE_UNKNOWN:
		return wait_for_event(o, r);
	case PAGE_GONE:
		spin_unlock(&o->lock);
		return KERN_MEMORY_FAILURE;
	case PAGE_FAILED:
		vm_object_page_free_locked(o, p);
		return ask_for_pages(o, r);
	case PAGE_MISSING:
		if (vm_page_free_count() <= PAGE_IN_PAGES && !current_thread()->vm_privilege) {
			/* What comes takes frames that are kept for who frees memory. */
			spin_unlock(&o->lock);
			return vm_page_wait_page_in();
		}
		return ask_for_pages(o, r);
	case PAGE_BUSY:
		return wait_for_page(o, p, r, NULL);
	case PAGE_LOCKED:
		return ask_to_unlock(o, r);
	default:
		spin_unlock(&o->lock);
		return KERN_SUCCESS;
	}
}

kern_return_t vm_object_wait(struct vm_resolved *r)
{
	struct vm_object *o = r->object;
	kern_return_t kr;
	bool irq_were_on;

	if (o == NULL)
		return vm_page_wait();
	irq_were_on = cpu_irq_enabled();
	cpu_irq_disable(); /* once, not at each lock */
	kr = page_in(o, r);
	if (irq_were_on)
		cpu_irq_enable();
	if (r->pulling && kr != KERN_SUCCESS && kr != KERN_ABORTED) {
		r->pulls = PULLS_MAX; /* not the access's page: it does without */
		kr = KERN_SUCCESS;
	}
	r->pulling = false;
	r->object = NULL;
	vm_object_deallocate(o);
	return kr;
}

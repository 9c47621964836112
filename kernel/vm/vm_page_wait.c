/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_page_wait.c - how much memory is enough, and waiting for it.
 *
 * Interface: vm_page.h vm_page_wait; vm_pageout.h for the daemon's side.
 * Who needs a frame and gets none waits here with nothing held and begins again (D6). The daemon is woken when free
 *   frames fall below vm_pageout_levels.low; it frees up to .target. Frames freed by anyone wake the waiters as soon as
 *   there are more than RESERVED_PAGES.
 * Exhaustion: when the daemon has looked at every page, memory did not grow meanwhile, and nothing is on its way to a pager, it says so. Then somebody gets KERN_RESOURCE_SHORTAGE: of those that wait for new memory the one whose task has most
 *   (docs/why/2026-11-20-out-of-memory.md), and whoever has seen GRACE_VERDICTS pass. While nothing was freed since, a task that has as
 *   much gets it at once. A page-in takes from frames that new memory does not get, and what it brought can go again: it gets the
 *   error only when nothing at all can go for that long.
 * Locking: wait_lock [w], inside object locks and pmap's (frames are freed under those), outside the scheduler's.
 */
#include <base/list.h>
#include <kern/assert.h>
#include <kern/limits.h>
#include <kern/thread.h>
#include <vm/vm_page.h>
#include <vm/vm_pageout.h>

#define FLICKER 16U         /* frames that come and go when there are no more */
#define GRACE_VERDICTS 20U /* of the daemon, half a second apart or more */
#define GRACE_PAGE_INS 120U
#define SPARED_MAX 4U

struct waiting_thread {
	struct list link;
	uint64_t keep;     /* it needs a frame beyond these */
	uint64_t size;     /* what its task has, in pages */
	unsigned verdicts; /* [w] so often somebody else got the error */
	bool failed;       /* [w] */
};

struct vm_pageout_levels vm_pageout_levels; /* [I] after vm_pageout_levels_set */

static struct spinlock wait_lock = SPINLOCK_INIT("vm_page wait");
static struct waitq waiters = { LIST_INIT(waiters.threads) };      /* [w] */
static struct waitq daemon_wait = { LIST_INIT(daemon_wait.threads) }; /* [w] */
static uint32_t waiting;         /* [w] threads in vm_page_wait; read by anyone */
static bool daemon_hears;        /* [w] it sleeps, and few free frames wake it; read by anyone */
static bool daemon_runs;         /* [w] */
static bool daemon_called;       /* [w] work came while it did not sleep */
static enum vm_pageout_deaf daemon_deaf; /* [w] whom it hears while it sleeps */
static bool exhausted;           /* [w] read by anyone */
static uint64_t exhausted_size;  /* [w] what the task has that gets the error; 0: none */
static uint64_t failed_size;     /* [w] what the task had that got it last; 0: memory has come since */
static unsigned spared;          /* [w] verdicts that were put off since */
static uint64_t largest_size;    /* [w] of those that waited for new memory since the last verdict */
static struct list waiting_threads = LIST_INIT(waiting_threads); /* [w] */

void vm_pageout_levels_set(uint64_t total)
{
	uint64_t slack = total / 64;

	if (slack < 64)
		slack = 64;
	if (slack > 4096)
		slack = 4096;
	vm_pageout_levels.low = RESERVED_PAGES + slack;
	vm_pageout_levels.target = RESERVED_PAGES + 2 * slack;
	vm_pageout_levels.keep = 4 * slack;
}

static bool enough(uint64_t keep)
{
	return vm_page_free_count() > keep;
}

static void call_daemon_locked(enum vm_pageout_deaf but)
{
	if (daemon_deaf >= but)
		return;
	daemon_called = true;
	__atomic_store_n(&daemon_hears, false, __ATOMIC_RELAXED);
	(void)waitq_wake_one(&daemon_wait);
}

void vm_pageout_low(void)
{
	if (!__atomic_load_n(&daemon_hears, __ATOMIC_RELAXED))
		return;
	spin_lock(&wait_lock);
	call_daemon_locked(VM_PAGEOUT_HEARS_WAITERS);
	spin_unlock(&wait_lock);
}

void vm_pageout_frames_freed(void)
{
	if (__atomic_load_n(&waiting, __ATOMIC_RELAXED) == 0 && !__atomic_load_n(&exhausted, __ATOMIC_RELAXED))
		return;
	if (!enough(PAGE_IN_PAGES))
		return;
	spin_lock(&wait_lock);
	if (enough(vm_pageout_levels.low))
		failed_size = 0;
	if (enough(RESERVED_PAGES + FLICKER)) {
		__atomic_store_n(&exhausted, false, __ATOMIC_RELAXED);
		exhausted_size = 0;
	}
	(void)waitq_wake_all(&waiters);
	spin_unlock(&wait_lock);
}

/*
 * Somebody with much more got the error and has not ended yet, which takes a while where an exception's handler or the machine is slow: those that are
 * left have little to give.
 */
static bool is_spared_locked(void)
{
	return largest_size < failed_size / 2 && spared < SPARED_MAX;
}

void vm_pageout_exhausted(void)
{
	struct waiting_thread *largest = NULL;

	spin_lock(&wait_lock);
	if (waiting != 0 && is_spared_locked()) {
		spared++;
	} else if (waiting != 0) {
		LIST_FOR_EACH(l, &waiting_threads) {
			struct waiting_thread *w = container_of(l, struct waiting_thread, link);

			w->failed |= ++w->verdicts > (w->keep == RESERVED_PAGES ? GRACE_VERDICTS : GRACE_PAGE_INS);
			if (w->keep == RESERVED_PAGES && (largest == NULL || w->size > largest->size))
				largest = w;
		}
		__atomic_store_n(&exhausted, true, __ATOMIC_RELAXED);
		/* If the largest of late does not wait at this moment it gets it when it comes. */
		exhausted_size = largest_size;
		failed_size = largest_size;
		spared = 0;
		if (largest != NULL && largest->size >= largest_size)
			largest->failed = true;
		largest_size = 0;
		(void)waitq_wake_all(&waiters);
	}
	spin_unlock(&wait_lock);
}

bool vm_pageout_sleep(uint64_t deadline_ns, enum vm_pageout_deaf deaf)
{
	enum wait_result result = WAIT_WOKEN;

	spin_lock(&wait_lock);
	daemon_runs = true;
	if (daemon_called && deaf == VM_PAGEOUT_HEARS) {
		daemon_called = false;
		spin_unlock(&wait_lock);
		return true;
	}
	__atomic_store_n(&daemon_hears, deaf == VM_PAGEOUT_HEARS, __ATOMIC_RELAXED);
	/* What fell below the level before daemon_hears was seen called nobody. */
	if (deadline_ns == WAIT_FOREVER && vm_page_free_count_exact() < vm_pageout_levels.low) {
		__atomic_store_n(&daemon_hears, false, __ATOMIC_RELAXED);
		spin_unlock(&wait_lock);
		return true;
	}
	daemon_deaf = deaf;
	result = waitq_block(&daemon_wait, &wait_lock, WAIT_UNINTERRUPTIBLE, deadline_ns);
	spin_lock(&wait_lock);
	__atomic_store_n(&daemon_hears, false, __ATOMIC_RELAXED);
	daemon_called = false;
	daemon_deaf = VM_PAGEOUT_HEARS;
	spin_unlock(&wait_lock);
	return result == WAIT_WOKEN;
}

uint32_t vm_pageout_waiting(void)
{
	return __atomic_load_n(&waiting, __ATOMIC_RELAXED);
}

uint64_t (*vm_page_reclaim)(void);

uint64_t (*vm_page_wait_size)(void);
uint64_t (*vm_pageout_shrink_cache)(uint64_t pages);

/* wait_lock is held; keep its record on the list until there is a frame, or none will come. */
static kern_return_t wait_locked(struct waiting_thread *w)
{
	enum wait_result result = WAIT_WOKEN;

	if (w->keep == RESERVED_PAGES && w->size > largest_size)
		largest_size = w->size;
	list_add_tail(&waiting_threads, &w->link);
	__atomic_store_n(&waiting, waiting + 1, __ATOMIC_RELAXED);
	/* Under the free list's lock: who frees after this has seen `waiting`. */
	while (vm_page_free_count_exact() <= w->keep && !w->failed && result == WAIT_WOKEN) {
		call_daemon_locked(w->keep == RESERVED_PAGES ? VM_PAGEOUT_HEARS_PAGE_INS : VM_PAGEOUT_DEAF);
		result = waitq_block(&waiters, &wait_lock, WAIT_ABORTABLE, WAIT_FOREVER);
		spin_lock(&wait_lock);
	}
	__atomic_store_n(&waiting, waiting - 1, __ATOMIC_RELAXED);
	list_remove(&w->link);
	if (enough(w->keep) || (!w->failed && result == WAIT_WOKEN))
		return KERN_SUCCESS; /* there was one: who finds that another took it comes again */
	return result == WAIT_INTERRUPTED ? KERN_ABORTED : KERN_RESOURCE_SHORTAGE;
}

static kern_return_t wait_for(uint64_t keep)
{
	struct waiting_thread w = { .keep = keep };
	kern_return_t kr = KERN_RESOURCE_SHORTAGE;

	while (!enough(keep))
		if (vm_page_reclaim == NULL || vm_page_reclaim() == 0)
			break;
	if (enough(keep))
		return KERN_SUCCESS;
	if (current_thread()->vm_privilege)
		return KERN_RESOURCE_SHORTAGE;
	w.size = vm_page_wait_size != NULL ? vm_page_wait_size() : 0;
	spin_lock(&wait_lock);
	if (daemon_runs && exhausted && keep == RESERVED_PAGES && exhausted_size != 0 && w.size >= exhausted_size)
		call_daemon_locked(VM_PAGEOUT_HEARS_PAGE_INS);
	else if (daemon_runs)
		kr = wait_locked(&w);
	spin_unlock(&wait_lock);
	return kr;
}

kern_return_t vm_page_wait(void)
{
	return wait_for(current_thread()->vm_page_in ? PAGE_IN_PAGES : RESERVED_PAGES);
}

kern_return_t vm_page_wait_page_in(void)
{
	return wait_for(PAGE_IN_PAGES);
}

kern_return_t vm_page_grab_user_wait(struct vm_page **out)
{
	while ((*out = vm_page_grab_user()) == NULL) {
		kern_return_t kr = vm_page_wait();

		if (kr != KERN_SUCCESS)
			return kr;
	}
	return KERN_SUCCESS;
}

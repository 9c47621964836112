/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_page_wait.c - how much memory is enough, and waiting for it.
 *
 * Interface: vm_page.h vm_page_wait; vm_pageout.h for the daemon's side.
 * Who needs a frame and gets none waits here with nothing held and begins again (D6). The daemon is woken when free
 *   frames fall below vm_pageout_levels.low; it frees up to .target. Frames freed by anyone wake the waiters as soon as
 *   there are more than RESERVED_PAGES.
 * Exhaustion: when the daemon finds nothing that it could free, and nothing is on its way to a pager, it says so; whoever
 *   waits then, or comes until frames are free again, gets KERN_RESOURCE_SHORTAGE (docs/why/2026-11-20-out-of-memory.md).
 * Locking: wait_lock [w], inside object locks and pmap's (frames are freed under those), outside the scheduler's.
 */
#include <kern/assert.h>
#include <kern/limits.h>
#include <kern/thread.h>
#include <vm/vm_page.h>
#include <vm/vm_pageout.h>

struct vm_pageout_levels vm_pageout_levels; /* [I] after vm_pageout_levels_set */

static struct spinlock wait_lock = SPINLOCK_INIT("vm_page wait");
static struct waitq waiters = { LIST_INIT(waiters.threads) };      /* [w] */
static struct waitq daemon_wait = { LIST_INIT(daemon_wait.threads) }; /* [w] */
static uint32_t waiting;         /* [w] threads in vm_page_wait; read by anyone */
static bool daemon_sleeps;       /* [w] read by anyone */
static bool daemon_runs;         /* [w] */
static bool daemon_called;       /* [w] work came while it did not sleep */
static bool exhausted;           /* [w] read by anyone */
static uint64_t exhaustions;     /* [w] how often that was found */

void vm_pageout_levels_set(uint64_t total)
{
	uint64_t slack = total / 64;

	if (slack < 64)
		slack = 64;
	if (slack > 4096)
		slack = 4096;
	vm_pageout_levels.low = RESERVED_PAGES + slack;
	vm_pageout_levels.target = RESERVED_PAGES + 2 * slack;
}

static bool enough(void)
{
	return vm_page_free_count() > RESERVED_PAGES;
}

static void call_daemon_locked(void)
{
	daemon_called = true;
	if (daemon_sleeps) {
		__atomic_store_n(&daemon_sleeps, false, __ATOMIC_RELAXED);
		(void)waitq_wake_one(&daemon_wait);
	}
}

void vm_pageout_low(void)
{
	if (!__atomic_load_n(&daemon_sleeps, __ATOMIC_RELAXED))
		return;
	spin_lock(&wait_lock);
	call_daemon_locked();
	spin_unlock(&wait_lock);
}

void vm_pageout_frames_freed(void)
{
	if (__atomic_load_n(&waiting, __ATOMIC_RELAXED) == 0 && !__atomic_load_n(&exhausted, __ATOMIC_RELAXED))
		return;
	if (!enough())
		return;
	spin_lock(&wait_lock);
	__atomic_store_n(&exhausted, false, __ATOMIC_RELAXED);
	(void)waitq_wake_all(&waiters);
	spin_unlock(&wait_lock);
}

void vm_pageout_exhausted(void)
{
	spin_lock(&wait_lock);
	if (!enough()) {
		__atomic_store_n(&exhausted, true, __ATOMIC_RELAXED);
		exhaustions++;
		(void)waitq_wake_all(&waiters);
	}
	spin_unlock(&wait_lock);
}

bool vm_pageout_sleep(uint64_t deadline_ns)
{
	enum wait_result result = WAIT_WOKEN;

	spin_lock(&wait_lock);
	daemon_runs = true;
	if (daemon_called) {
		daemon_called = false;
		spin_unlock(&wait_lock);
		return true;
	}
	__atomic_store_n(&daemon_sleeps, true, __ATOMIC_RELAXED);
	/* What fell below the level before daemon_sleeps was seen called nobody. */
	if (vm_page_free_count() < vm_pageout_levels.low && deadline_ns == WAIT_FOREVER && !exhausted) {
		__atomic_store_n(&daemon_sleeps, false, __ATOMIC_RELAXED);
		spin_unlock(&wait_lock);
		return true;
	}
	result = waitq_block(&daemon_wait, &wait_lock, WAIT_UNINTERRUPTIBLE, deadline_ns);
	spin_lock(&wait_lock);
	__atomic_store_n(&daemon_sleeps, false, __ATOMIC_RELAXED);
	daemon_called = false;
	spin_unlock(&wait_lock);
	return result == WAIT_WOKEN;
}

uint32_t vm_pageout_waiting(void)
{
	return __atomic_load_n(&waiting, __ATOMIC_RELAXED);
}

uint64_t (*vm_page_reclaim)(void);

kern_return_t vm_page_wait(void)
{
	enum wait_result result;
	kern_return_t kr = KERN_SUCCESS;
	uint64_t seen;

	while (!enough())
		if (vm_page_reclaim == NULL || vm_page_reclaim() == 0)
			break;
	if (enough())
		return KERN_SUCCESS;
	if (current_thread()->vm_privilege)
		return KERN_RESOURCE_SHORTAGE;
	spin_lock(&wait_lock);
	if (!daemon_runs || exhausted) {
		if (daemon_runs)
			call_daemon_locked();
		spin_unlock(&wait_lock);
		return KERN_RESOURCE_SHORTAGE;
	}
	if (enough()) { /* under the lock: who frees from here on sees `waiting` */
		spin_unlock(&wait_lock);
		return KERN_SUCCESS;
	}
	__atomic_store_n(&waiting, waiting + 1, __ATOMIC_SEQ_CST);
	seen = exhaustions;
	call_daemon_locked();
	if (enough())
		result = WAIT_WOKEN, spin_unlock(&wait_lock);
	else
		result = waitq_block(&waiters, &wait_lock, WAIT_ABORTABLE, WAIT_FOREVER);
	spin_lock(&wait_lock);
	__atomic_store_n(&waiting, waiting - 1, __ATOMIC_RELAXED);
	if (result == WAIT_INTERRUPTED)
		kr = KERN_ABORTED;
	else if (exhaustions != seen && exhausted)
		kr = KERN_RESOURCE_SHORTAGE;
	spin_unlock(&wait_lock);
	return kr;
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

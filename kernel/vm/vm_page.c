/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_page.c - physical memory: the frame arrays and the buddy allocator.
 *
 * Interface: vm_page.h.
 * Each usable region of boot_info becomes a segment; its array of struct vm_page lies in the
 *   region's own first frames, which therefore are in no segment.
 * Invariants:
 *   P1 a free block of order k begins at a frame number that is a multiple of 2^k, and lies inside one
 *      segment; its first page has free set and order k, its others have free clear.
 *   P2 two free buddies of one order never exist together (they are merged).
 *   P3 free_count is the sum of the frames of all free blocks.
 * Locking: free_lock [f], a leaf: taken with any other spin lock held, in any context.
 */
#include <vm/vm_page.h>

#include <base/string.h>
#include <kern/fault.h>
#include <kern/limits.h>
#include <kern/thread.h>
#include <machine/boot.h>
#include <vm/vm_pageout.h>

#define MAX_ORDER 10U

struct segment {
	uint64_t start, end;   /* [I] physical, of the frames that have a page */
	struct vm_page *pages; /* [I] one for each frame */
};

static struct segment segments[BOOT_MAX_REGIONS]; /* [I] after bootstrap, by address */
static uint32_t segment_count;                    /* [I] after bootstrap */
static struct spinlock free_lock = SPINLOCK_INIT("vm_page free");
static struct list free_lists[MAX_ORDER + 1]; /* [f] by order, of queue_link */
static uint64_t free_count;                   /* [f] frames, read by anyone */
static int64_t growth_count;                  /* [f] see vm_page_growth_count, read by anyone */
static uint64_t total_count;                  /* [I] after bootstrap */

/* Free lock held; read without it. */
static void free_count_add(int64_t frames)
{
	__atomic_store_n(&free_count, free_count + (uint64_t)frames, __ATOMIC_RELAXED);
}

static struct segment *segment_of(uint64_t phys)
{
	for (uint32_t i = 0; i < segment_count; i++)
		if (phys >= segments[i].start && phys < segments[i].end)
			return &segments[i];
	return NULL;
}

struct vm_page *vm_page_of_phys(uint64_t phys)
{
	const struct segment *s = segment_of(phys);

	return s == NULL ? NULL : &s->pages[(phys - s->start) >> PAGE_SHIFT];
}

static void block_insert(struct vm_page *p, unsigned order)
{
	p->free = true;
	p->order = (uint8_t)order;
	list_add_head(&free_lists[order], &p->queue_link);
}

static void block_take(struct vm_page *p)
{
	p->free = false;
	list_remove(&p->queue_link);
}

/* The free buddy of the block of p, or NULL. P1 makes one flag of its first page enough. */
static struct vm_page *buddy_of(const struct segment *s, struct vm_page *p, unsigned order)
{
	uint64_t phys = p->phys ^ (PAGE_SIZE << order);
	struct vm_page *b;

	if (phys < s->start || phys + (PAGE_SIZE << order) > s->end)
		return NULL;
	b = &s->pages[(phys - s->start) >> PAGE_SHIFT];
	return b->free && b->order == order ? b : NULL;
}

static void block_free_locked(const struct segment *s, struct vm_page *p, unsigned order)
{
	free_count_add(1L << order);
	while (order < MAX_ORDER) {
		struct vm_page *b = buddy_of(s, p, order);

		if (b == NULL)
			break;
		block_take(b);
		if (b->phys < p->phys)
			p = b;
		order++;
	}
	block_insert(p, order);
}

static struct vm_page *block_alloc_locked(unsigned order)
{
	struct vm_page *p;
	unsigned have = order;

	while (have <= MAX_ORDER && list_empty(&free_lists[have]))
		have++;
	if (have > MAX_ORDER)
		return NULL;
	p = list_first(&free_lists[have], struct vm_page, queue_link);
	block_take(p);
	while (have > order) {
		have--;
		block_insert(p + (1UL << have), have);
	}
	free_count_add(-(1L << order));
	return p;
}

/* Make one region a segment: carve its array out of its head, then free the rest in big blocks. */
static void segment_add(uint64_t start, uint64_t end)
{
	struct segment *s = &segments[segment_count];
	uint64_t frames, array_bytes;

	start = (start + PAGE_MASK) & ~PAGE_MASK;
	end &= ~PAGE_MASK;
	if (end <= start)
		return;
	frames = (end - start) >> PAGE_SHIFT;
	array_bytes = (frames * sizeof(struct vm_page) + PAGE_MASK) & ~PAGE_MASK;
	if (array_bytes >= end - start)
		return;
	s->pages = phys_to_virt(start);
	s->start = start + array_bytes;
	s->end = end;
	segment_count++;
	frames = (end - s->start) >> PAGE_SHIFT;
	memset(s->pages, 0, frames * sizeof(struct vm_page));
	for (uint64_t i = 0; i < frames; i++) {
		struct vm_page *p = &s->pages[i];

		p->phys = s->start + (i << PAGE_SHIFT);
		list_init(&p->queue_link);
		list_init(&p->object_link);
	}
	for (uint64_t i = 0; i < frames;) {
		unsigned order = 0;

		while (order < MAX_ORDER && (s->pages[i].phys & (PAGE_SIZE << order)) == 0 &&
		       i + (2UL << order) <= frames)
			order++;
		spin_lock(&free_lock);
		block_free_locked(s, &s->pages[i], order);
		spin_unlock(&free_lock);
		i += 1UL << order;
	}
	total_count += frames;
}

void vm_page_bootstrap(void)
{
	segment_count = 0;
	free_count = total_count = 0;
	for (unsigned i = 0; i <= MAX_ORDER; i++)
		list_init(&free_lists[i]);
	for (uint32_t i = 0; i < boot_info.region_count; i++)
		segment_add(boot_info.regions[i].start, boot_info.regions[i].end);
	if (total_count == 0)
		panic("no usable memory in the %u regions of the memory map",
		      boot_info.region_count);
	vm_pageout_levels_set(total_count);
}

/* A frame leaves the allocator with nothing of its last user left in its page. */
static void page_reset(struct vm_page *p)
{
	p->object = NULL;
	p->offset = 0;
	p->hash_next = NULL;
	p->wire_count = 1;
	p->pmap_bits = 0;
	p->in_large = false;
	p->busy = p->wanted = p->absent = p->error = p->dirty = p->precious = p->laundry = false;
	p->unlock_refused = false;
	p->page_lock = p->unlock_request = 0;
	p->owner = PAGE_OWNER_KERNEL;
}

/* How many frames must stay free for others (Q2). */
static uint64_t kept_back(void)
{
	return current_thread()->vm_privilege ? 0 : PRIVILEGED_PAGES;
}

static struct vm_page *grab(unsigned order, uint64_t keep, bool growth)
{
	struct vm_page *p = NULL;
	bool low;

	if (order > MAX_ORDER)
		return NULL;
	spin_lock(&free_lock);
	if (free_count >= keep + (1UL << order))
		p = block_alloc_locked(order);
	if (growth && p != NULL)
		__atomic_store_n(&growth_count, growth_count + 1, __ATOMIC_RELAXED);
	low = free_count < vm_pageout_levels.low;
	spin_unlock(&free_lock);
	if (low)
		vm_pageout_low();
	if (p == NULL)
		return NULL;
	for (unsigned long i = 0; i < 1UL << order; i++)
		page_reset(&p[i]);
	return p;
}

struct vm_page *vm_page_grab_contiguous(unsigned order)
{
	return grab(order, kept_back(), false);
}

struct vm_page *vm_page_grab(void)
{
	return fault_alloc() ? NULL : vm_page_grab_contiguous(0);
}

struct vm_page *vm_page_grab_user(void)
{
	const struct thread *t = current_thread();

	if (t->vm_privilege)
		return grab(0, 0, false);
	if (fault_alloc())
		return NULL;
	return t->vm_page_in ? grab(0, PAGE_IN_PAGES, false) : grab(0, RESERVED_PAGES, true);
}

int64_t vm_page_growth_count(void)
{
	return __atomic_load_n(&growth_count, __ATOMIC_RELAXED);
}

struct vm_page *vm_page_grab_zeroed(void)
{
	struct vm_page *p = vm_page_grab();

	if (p != NULL)
		memset(vm_page_virt(p), 0, PAGE_SIZE);
	return p;
}

void vm_page_release_contiguous(struct vm_page *p, unsigned order)
{
	struct segment *s = segment_of(p->phys);
	bool given_back;

	VERIFY(s != NULL && order <= MAX_ORDER);
	VERIFY((p->phys & ((PAGE_SIZE << order) - 1)) == 0); /* P1 */
	VERIFY(!p->free && p->object == NULL);
	KASSERT(p->pv == NULL && p->queue == PAGE_QUEUE_NONE && !p->laundry);
	given_back = p->owner == PAGE_OWNER_OBJECT && !current_thread()->vm_privilege;
	for (unsigned long i = 0; i < 1UL << order; i++)
		p[i].owner = PAGE_OWNER_FREE;
	spin_lock(&free_lock);
	if (given_back)
		__atomic_store_n(&growth_count, growth_count - 1, __ATOMIC_RELAXED);
	block_free_locked(s, p, order);
	spin_unlock(&free_lock);
	vm_pageout_frames_freed();
}

void vm_page_release(struct vm_page *p)
{
	vm_page_release_contiguous(p, 0);
}

uint64_t vm_page_free_count(void)
{
	return __atomic_load_n(&free_count, __ATOMIC_RELAXED);
}

uint64_t vm_page_free_count_exact(void)
{
	uint64_t n;

	spin_lock(&free_lock);
	n = free_count;
	spin_unlock(&free_lock);
	return n;
}

uint64_t vm_page_total_count(void)
{
	return total_count;
}

void vm_page_set_owner(struct vm_page *p, unsigned order, enum vm_page_owner owner, uint64_t detail)
{
	for (unsigned long i = 0; i < 1UL << order; i++) {
		KASSERT(!p[i].free && p[i].object == NULL);
		p[i].owner = (uint8_t)owner;
		p[i].offset = detail;
	}
}

void vm_page_owner_counts(uint64_t counts[PAGE_OWNER_COUNT])
{
	memset(counts, 0, PAGE_OWNER_COUNT * sizeof(counts[0]));
	for (uint32_t i = 0; i < segment_count; i++) {
		const struct segment *s = &segments[i];

		for (uint64_t n = 0; n < (s->end - s->start) >> PAGE_SHIFT; n++)
			counts[s->pages[n].owner]++;
	}
}

void vm_page_for_each(void (*fn)(void *arg, struct vm_page *p, bool free), void *arg)
{
	for (uint32_t i = 0; i < segment_count; i++) {
		const struct segment *s = &segments[i];
		uint64_t frames = (s->end - s->start) >> PAGE_SHIFT, free_until = 0;

		for (uint64_t n = 0; n < frames; n++) {
			struct vm_page *p = &s->pages[n];

			if (p->free && n + (1UL << p->order) > free_until)
				free_until = n + (1UL << p->order); /* P1 */
			fn(arg, p, n < free_until);
		}
	}
}

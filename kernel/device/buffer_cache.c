/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buffer_cache.c - blocks of a disk in memory. Interface: buffer_cache.h.
 *
 * A block is BLOCK bytes of the disk in one frame:
 *
 *     absent --miss--> READING --the disk answered--> VALID --least recently used--> absent
 *                         \--the disk failed, or it was written meanwhile (stale)--> absent
 *
 * A read is cut into blocks. Those that are VALID are copied at once; for the others it waits (struct want), and runs of
 * absent ones are read from the disk straight into their frames. A read without memory for its blocks goes to the disk as it is. A
 * write goes to the disk whole, from its own pages, after the blocks here were brought up to date.
 * Invariants:
 *   B1 a VALID block has the disk's bytes, or those that the one write under way brings there. When that write fails, when two
 *      writes meet in it, or when it was read while it was written, it goes.
 *   B2 a pinned block stays, though it may be out of the table (gone); a READING one is not on the LRU list.
 *   B3 a read is finished when its last want has been served, once: `remaining` counts them and its starter.
 * Locking: cache.lock [c], a leaf but for the frames' free list; bytes are copied without it, from and to pinned blocks: a
 *   read beside a write of the same records sees either's bytes, as of a disk.
 * References: the buffer cache of Unix (Bach, The Design of the UNIX Operating System, ch. 3).
 */
#include <base/string.h>
#include <device/buffer_cache.h>
#include <kern/assert.h>
#include <kern/kalloc.h>
#include <vm/vm_page.h>
#include <vm/vm_pageout.h>

#define BLOCK PAGE_SIZE
#define BUCKETS 1024U
#define AHEAD_BLOCKS 16U
#define RUN_BLOCKS (DEVICE_IO_MAX / (uint32_t)BLOCK)
#define IO_BLOCKS (RUN_BLOCKS + 1) /* that DEVICE_IO_MAX bytes touch */
#define SHARE 16U                  /* a cache has at most this part of memory */

enum block_state { BLOCK_READING, BLOCK_VALID };

struct block {
	struct list hash_link; /* [c] */
	struct list lru_link;  /* [c] VALID: oldest first */
	struct list wants;     /* [c] READING */
	uint64_t number;       /* [I] */
	struct vm_page *page;  /* [I] */
	uint32_t pins;         /* [c] */
	enum block_state state; /* [c] */
	bool stale;            /* [c] READING: what comes is old */
	bool gone;             /* [c] out of the table: freed with the last pin */
	bool written;          /* [c] by a write under way, which pins it */
};

struct cache {
	struct device device;
	struct device *disk;       /* [I] */
	struct list all_link;      /* [I] once registered */
	struct spinlock lock;
	struct list lru;           /* [c] */
	struct list *buckets;      /* [c] */
	uint64_t blocks, blocks_max; /* [c] */
	uint64_t next_record;      /* [c] where the last read ended: one from there on is sequential */
	uint64_t hits, misses, ahead, evictions; /* [c] blocks */
};

/* A read that waits for blocks. */
struct reading {
	struct cache *cache;
	struct device_io *io;
	uint32_t remaining;   /* [c] B3 */
	kern_return_t result; /* [c] */
	struct want {
		struct list link; /* [c] in block.wants */
		struct reading *reading;
	} wants[IO_BLOCKS];
};

/* One read of the disk into blocks. */
struct run {
	struct cache *cache;
	uint32_t count;
	struct block *blocks[RUN_BLOCKS];
};

static struct list caches = LIST_INIT(caches); /* written at boot */

static struct cache *cache_of(struct device *d)
{
	return container_of(d, struct cache, device);
}

/* ---- blocks; all with the cache locked ---- */

static struct list *bucket_of(struct cache *c, uint64_t number)
{
	return &c->buckets[number % BUCKETS];
}

static struct block *block_find(struct cache *c, uint64_t number)
{
	LIST_FOR_EACH(l, bucket_of(c, number)) {
		struct block *b = container_of(l, struct block, hash_link);

		if (b->number == number)
			return b;
	}
	return NULL;
}

static void block_free(struct block *b)
{
	vm_page_release(b->page);
	kfree(b, sizeof(*b));
}

/* Nobody finds it any more; it is freed now or with its last pin. */
static void block_remove(struct cache *c, struct block *b)
{
	list_remove(&b->hash_link);
	list_remove(&b->lru_link);
	c->blocks--;
	b->gone = true;
	if (b->pins == 0)
		block_free(b);
}

static void unpin_locked(struct block *b)
{
	if (--b->pins == 0 && b->gone)
		block_free(b);
}

/* The least recently used block goes; false: all are in use. */
static bool evict(struct cache *c)
{
	LIST_FOR_EACH_SAFE(l, next, &c->lru) {
		struct block *b = container_of(l, struct block, lru_link);

		if (b->pins != 0)
			continue;
		block_remove(c, b);
		c->evictions++;
		return true;
	}
	return false;
}

/* A new block, READING and in the table; NULL: no memory. */
static struct block *block_add(struct cache *c, uint64_t number)
{
	struct block *b;

	if (c->blocks >= c->blocks_max && !evict(c))
		return NULL;
	b = kalloc(sizeof(*b));
	if (b == NULL)
		return NULL;
	b->page = vm_page_grab_user();
	if (b->page == NULL) {
		kfree(b, sizeof(*b));
		return NULL;
	}
	vm_page_set_owner(b->page, 0, PAGE_OWNER_CACHE, 0);
	list_init(&b->lru_link);
	list_init(&b->wants);
	b->number = number;
	b->pins = 0;
	b->state = BLOCK_READING;
	b->stale = b->gone = b->written = false;
	list_add_tail(bucket_of(c, number), &b->hash_link);
	c->blocks++;
	return b;
}

static void block_used(struct cache *c, struct block *b)
{
	list_remove(&b->lru_link);
	list_add_tail(&c->lru, &b->lru_link);
}

static void unpin(struct cache *c, struct block *b)
{
	spin_lock(&c->lock);
	unpin_locked(b);
	spin_unlock(&c->lock);
}

/* ---- bytes ---- */

/* The bytes [from, to) of the disk that io and the block have in common; false: none. */
static bool common(const struct device_io *io, uint64_t number, uint64_t *from, uint64_t *to)
{
	uint64_t start = io->record * io->device->record_bytes, end = start + io->bytes;

	*from = number * BLOCK > start ? number * BLOCK : start;
	*to = (number + 1) * BLOCK < end ? (number + 1) * BLOCK : end;
	return *from < *to;
}

/* Copy what io and b have in common, from the io if it is a write, else to it. */
static void copy_bytes(const struct device_io *io, const struct block *b)
{
	uint64_t from, to;

	if (!common(io, b->number, &from, &to))
		return;
	while (from < to) {
		uint64_t in_io = io->first_offset + from - io->record * io->device->record_bytes;
		char *theirs = (char *)vm_page_virt(io->pages[in_io >> PAGE_SHIFT]) + (in_io & PAGE_MASK);
		char *ours = (char *)vm_page_virt(b->page) + from % BLOCK;
		uint64_t n = PAGE_SIZE - (in_io & PAGE_MASK);

		n = n < to - from ? n : to - from;
		if (io->write)
			memcpy(ours, theirs, n);
		else
			memcpy(theirs, ours, n);
		from += n;
	}
}

static uint64_t first_block(const struct device_io *io)
{
	return io->record * io->device->record_bytes / BLOCK;
}

static uint64_t last_block(const struct device_io *io)
{
	return (io->record * io->device->record_bytes + io->bytes - 1) / BLOCK;
}

static void finish(struct device_io *io, kern_return_t result)
{
	io->result = result;
	device_io_done(io);
}

/* ---- passing a request on as it is ---- */

/* The disk does io with io's own pages; false: no memory. */
static bool pass_on(struct cache *c, struct device_io *io, void (*finished)(struct device_io *), void *context)
{
	struct device_io *lower = device_io_internal(c->disk, io->write, io->record, io->bytes, finished, context);

	if (lower == NULL)
		return false;
	lower->first_offset = io->first_offset;
	lower->page_count = io->page_count;
	memcpy(lower->pages, io->pages, io->page_count * sizeof(io->pages[0]));
	device_io_internal_start(lower);
	return true;
}

static void passed(struct device_io *lower)
{
	finish(lower->context, lower->result);
	device_io_internal_free(lower);
}

/* ---- reading ---- */

/* One of what the read waits for is there. */
static void reading_put(struct reading *r, kern_return_t result)
{
	bool last;

	spin_lock(&r->cache->lock);
	if (result != D_SUCCESS)
		r->result = result;
	last = --r->remaining == 0;
	spin_unlock(&r->cache->lock);
	if (!last)
		return;
	finish(r->io, r->result);
	kfree(r, sizeof(*r));
}

/* The disk has answered for this block: serve who waits. */
static void block_done(struct cache *c, struct block *b, kern_return_t result)
{
	struct list wants = LIST_INIT(wants);

	spin_lock(&c->lock);
	list_splice_tail(&wants, &b->wants);
	b->pins++;
	b->state = BLOCK_VALID;
	list_add_tail(&c->lru, &b->lru_link);
	if (result != D_SUCCESS || b->stale)
		block_remove(c, b);
	spin_unlock(&c->lock);
	LIST_FOR_EACH_SAFE(l, next, &wants) {
		struct reading *r = container_of(l, struct want, link)->reading;

		list_remove(l);
		if (result == D_SUCCESS)
			copy_bytes(r->io, b);
		reading_put(r, result);
	}
	unpin(c, b);
}

static void run_done(struct device_io *lower)
{
	struct run *run = lower->context;

	for (uint32_t i = 0; i < run->count; i++)
		block_done(run->cache, run->blocks[i], lower->result);
	kfree(run, sizeof(*run));
	device_io_internal_free(lower);
}

/* Read consecutive new blocks from the disk. */
static void run_start(struct cache *c, struct block *const *blocks, uint32_t count)
{
	uint32_t record_bytes = c->disk->record_bytes;
	uint64_t start = blocks[0]->number * BLOCK, end = c->disk->records * record_bytes;
	uint64_t bytes = count * BLOCK < end - start ? count * BLOCK : end - start;
	struct run *run = kalloc(sizeof(*run));
	struct device_io *lower = NULL;

	if (run != NULL)
		lower = device_io_internal(c->disk, false, start / record_bytes, (uint32_t)bytes, run_done, run);
	if (lower == NULL) {
		if (run != NULL)
			kfree(run, sizeof(*run));
		for (uint32_t i = 0; i < count; i++)
			block_done(c, blocks[i], D_NO_MEMORY);
		return;
	}
	run->cache = c;
	run->count = count;
	lower->page_count = count;
	for (uint32_t i = 0; i < count; i++) {
		run->blocks[i] = blocks[i];
		lower->pages[i] = blocks[i]->page;
	}
	device_io_internal_start(lower);
}

struct plan {
	struct block *held[IO_BLOCKS]; /* VALID and pinned, to be copied */
	struct block *fresh[IO_BLOCKS + AHEAD_BLOCKS]; /* new, to be read */
	uint32_t held_count, fresh_count;
};

/* Blocks after a sequential read, before somebody asks. */
static void plan_ahead_locked(struct cache *c, const struct device_io *io, struct plan *p)
{
	uint64_t end_block = (c->device.records * c->device.record_bytes + BLOCK - 1) / BLOCK, next = last_block(io) + 1;

	if (p->fresh_count == 0 && block_find(c, next + AHEAD_BLOCKS / 2 - 1) != NULL)
		return; /* still far enough ahead */
	for (uint64_t n = next; n < next + AHEAD_BLOCKS && n < end_block; n++) {
		struct block *b = block_find(c, n) == NULL ? block_add(c, n) : NULL;

		if (b == NULL)
			continue;
		p->fresh[p->fresh_count++] = b;
		c->ahead++;
	}
}

/* What has to be done for a read; false: there is no memory for its blocks, nothing is changed. */
static bool plan_read_locked(struct cache *c, struct reading *r, struct plan *p)
{
	const struct device_io *io = r->io;
	uint64_t first = first_block(io), last = last_block(io);
	bool sequential = io->record == c->next_record && io->record != 0;

	for (uint64_t n = first; n <= last; n++) {
		struct want *w = &r->wants[n - first];
		struct block *b = block_find(c, n);

		if (b != NULL && b->state == BLOCK_VALID) {
			b->pins++;
			block_used(c, b);
			p->held[p->held_count++] = b;
			continue;
		}
		if (b == NULL) {
			b = block_add(c, n);
			if (b == NULL)
				goto undo;
			p->fresh[p->fresh_count++] = b;
		}
		w->reading = r;
		list_add_tail(&b->wants, &w->link);
		r->remaining++;
	}
	c->hits += p->held_count;
	c->misses += last - first + 1 - p->held_count;
	c->next_record = io->record + io->bytes / io->device->record_bytes;
	if (sequential)
		plan_ahead_locked(c, io, p);
	return true;

undo:
	for (uint32_t i = 0; i < IO_BLOCKS; i++)
		if (r->wants[i].reading != NULL)
			list_remove(&r->wants[i].link);
	for (uint32_t i = 0; i < p->held_count; i++)
		p->held[i]->pins--;
	for (uint32_t i = 0; i < p->fresh_count; i++)
		block_remove(c, p->fresh[i]);
	return false;
}

static void start_read(struct cache *c, struct device_io *io)
{
	struct reading *r = kalloc_zeroed(sizeof(*r));
	struct plan *p = kalloc_zeroed(sizeof(*p));
	bool planned = false;

	if (r != NULL && p != NULL) {
		r->cache = c;
		r->io = io;
		r->remaining = 1;
		spin_lock(&c->lock);
		planned = plan_read_locked(c, r, p);
		spin_unlock(&c->lock);
	}
	if (!planned) {
		if (!pass_on(c, io, passed, io))
			finish(io, D_NO_MEMORY);
		if (r != NULL)
			kfree(r, sizeof(*r));
	}
	for (uint32_t i = 0; planned && i < p->held_count; i++) {
		copy_bytes(io, p->held[i]);
		unpin(c, p->held[i]);
	}
	for (uint32_t i = 0, n; planned && i < p->fresh_count; i += n) {
		for (n = 1; i + n < p->fresh_count && n < RUN_BLOCKS && p->fresh[i + n]->number == p->fresh[i]->number + n;)
			n++;
		run_start(c, &p->fresh[i], n);
	}
	if (planned)
		reading_put(r, D_SUCCESS);
	if (p != NULL)
		kfree(p, sizeof(*p));
}

/* ---- writing ---- */

struct writing {
	struct cache *cache;
	struct device_io *io;
	uint32_t count;
	struct block *blocks[IO_BLOCKS]; /* pinned and `written` by this write */
};

static bool holds(const struct writing *w, const struct block *b)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (w->blocks[i] == b)
			return true;
	return false;
}

/* The write of io is over. What was read into its range meanwhile may be old (B1). */
static void write_end(struct writing *w, kern_return_t result)
{
	struct device_io *io = w->io;
	struct cache *c = w->cache;

	spin_lock(&c->lock);
	for (uint64_t n = first_block(io); n <= last_block(io); n++) {
		struct block *b = block_find(c, n);

		if (b != NULL && b->state == BLOCK_READING)
			b->stale = true;
		else if (b != NULL && (result != D_SUCCESS || !holds(w, b)))
			block_remove(c, b);
	}
	for (uint32_t i = 0; i < w->count; i++) {
		w->blocks[i]->written = false;
		unpin_locked(w->blocks[i]);
	}
	spin_unlock(&c->lock);
	finish(io, result);
	kfree(w, sizeof(*w));
}

static void written(struct device_io *lower)
{
	write_end(lower->context, lower->result);
	device_io_internal_free(lower);
}

/* Bring the block that a write touches up to date, if it is here, or if the write covers it and there is memory. */
static void update(struct writing *w, uint64_t number)
{
	struct cache *c = w->cache;
	uint64_t from, to;
	bool whole = common(w->io, number, &from, &to) && to - from == BLOCK, fresh = false;
	struct block *b;

	spin_lock(&c->lock);
	b = block_find(c, number);
	if (b == NULL && whole) {
		b = block_add(c, number);
		fresh = b != NULL;
	}
	if (b != NULL && !fresh && b->state == BLOCK_READING) {
		b->stale = true;
		b = NULL;
	} else if (b != NULL && b->written) { /* two writes meet: who knows which one the disk does last */
		block_remove(c, b);
		b = NULL;
	}
	if (b != NULL) {
		b->pins++;
		b->written = true;
		w->blocks[w->count++] = b;
	}
	spin_unlock(&c->lock);
	if (b == NULL)
		return;
	copy_bytes(w->io, b);
	if (fresh)
		block_done(c, b, D_SUCCESS);
}

static void start_write(struct cache *c, struct device_io *io)
{
	struct writing *w = kalloc(sizeof(*w));

	if (w == NULL) {
		finish(io, D_NO_MEMORY);
		return;
	}
	w->cache = c;
	w->io = io;
	w->count = 0;
	for (uint64_t n = first_block(io); n <= last_block(io); n++)
		update(w, n);
	if (!pass_on(c, io, written, w))
		write_end(w, D_NO_MEMORY);
}

static void cache_start(struct device *d, struct device_io *io)
{
	if (io->write)
		start_write(cache_of(d), io);
	else
		start_read(cache_of(d), io);
}

static const struct device_driver cache_driver = {
	.start = cache_start,
};

void buffer_cache_attach(struct device *disk)
{
	struct cache *c = kalloc_zeroed(sizeof(*c));
	struct list *buckets = kalloc(BUCKETS * sizeof(*buckets));
	char prefix[sizeof(disk->name) + 1] = "b";

	if (c == NULL || buckets == NULL) {
		if (c != NULL)
			kfree(c, sizeof(*c));
		if (buckets != NULL)
			kfree(buckets, BUCKETS * sizeof(*buckets));
		return;
	}
	for (uint32_t i = 0; i < BUCKETS; i++)
		list_init(&buckets[i]);
	spin_init(&c->lock, "buffer cache");
	list_init(&c->lru);
	c->buckets = buckets;
	c->disk = disk;
	c->blocks_max = vm_page_total_count() / SHARE + IO_BLOCKS;
	c->device.driver = &cache_driver;
	c->device.records = disk->records;
	c->device.record_bytes = disk->record_bytes;
	c->device.read_only = disk->read_only;
	for (size_t i = 0; disk->name[i] != '\0' && i + 2 < sizeof(c->device.name); i++)
		prefix[i + 1] = disk->name[i];
	list_add_tail(&caches, &c->all_link);
	vm_pageout_shrink_cache = buffer_cache_reclaim;
	device_register_named(&c->device, prefix);
}

uint64_t buffer_cache_reclaim(uint64_t pages)
{
	uint64_t freed = 0;

	LIST_FOR_EACH(l, &caches) {
		struct cache *c = container_of(l, struct cache, all_link);

		spin_lock(&c->lock);
		while (freed < pages && evict(c))
			freed++;
		spin_unlock(&c->lock);
	}
	return freed;
}

bool buffer_cache_counts(struct device *d, int counts[DEV_GET_CACHE_COUNT])
{
	struct cache *c = cache_of(d);

	if (d->driver != &cache_driver)
		return false;
	spin_lock(&c->lock);
	counts[DEV_GET_CACHE_BLOCKS] = (int)c->blocks;
	counts[DEV_GET_CACHE_HITS] = (int)c->hits;
	counts[DEV_GET_CACHE_MISSES] = (int)c->misses;
	counts[DEV_GET_CACHE_AHEAD] = (int)c->ahead;
	counts[DEV_GET_CACHE_EVICTIONS] = (int)c->evictions;
	spin_unlock(&c->lock);
	return true;
}

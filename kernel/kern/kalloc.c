/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kalloc.c - zones as slabs of page blocks, and sized blocks on top of them.
 *
 * Interface: kalloc.h.
 * A slab is 2^order frames, aligned to its own size in the direct map (the buddy allocator gives
 *   that), so the slab of an object is found by masking its address. At its start lies struct slab,
 *   then the objects. One empty slab is kept for each zone, so that a free and an alloc in turn do not
 *   move frames; zone_trim() gives those back.
 * Invariants:
 *   Z1 a slab with a free object and one in use is on its zone's partial list; a full slab is on no
 *      list; at most one slab of a zone has no object in use, and it is zone->empty (not of
 *      one with keep: there they stay partial).
 *   Z2 a free object begins with the next free object and FREE_MAGIC ^ its address; in debug builds the
 *      bytes after, up to POISON_BYTES, are POISON until it is allocated again.
 * Locking: [z] zone lock, a leaf but for the page free lock, which is never taken inside it.
 */
#include <kern/kalloc.h>

#include <base/list.h>
#include <base/string.h>
#include <kern/assert.h>
#include <kern/fault.h>
#include <kern/limits.h>
#include <kern/lock.h>
#include <vm/vm_page.h>

#define ZONES_MAX 128U
#define SLAB_ORDER_MAX 3U
#define SLAB_MAGIC 0x51ab51abU
#define FREE_MAGIC 0xf4eef4eef4eef4eeULL
#define POISON 0xdbdbdbdbdbdbdbdbULL
#define POISON_BYTES 64U /* of a free object are poisoned, the first 16 are its free_object */
#define KALLOC_MAX (1UL << 20)

struct zone {
	struct spinlock lock;
	const char *name;    /* [I] */
	size_t size;         /* [I] bytes of an object as asked */
	size_t stride;       /* [I] bytes from one object to the next */
	uint32_t order;      /* [I] of its slabs */
	uint32_t first;      /* [I] offset of a slab's first object */
	uint32_t per_slab;   /* [I] objects */
	uint32_t poison_words; /* [I] of 8 bytes */
	bool keep;           /* [I] slabs are never given back */
	struct list partial; /* [z] */
	struct slab *empty;  /* [z] or NULL */
	uint64_t in_use;     /* [z] objects, read by anyone */
	uint64_t pages;      /* [z] frames held */
};

struct free_object {
	struct free_object *next;
	uint64_t magic;
};

struct slab {
	struct list link;         /* [z] */
	struct zone *zone;        /* [I] */
	struct free_object *free; /* [z] returned objects */
	uint32_t fresh;           /* [z] objects never handed out begin at this index */
	uint32_t in_use;          /* [z] */
	uint32_t magic;           /* [I] */
};

static struct zone zones[ZONES_MAX];
static uint32_t zone_count; /* [c] */
static struct spinlock create_lock = SPINLOCK_INIT("zone create"); /* [c] */

static uint32_t slab_objects(uint32_t order, uint32_t first, size_t stride)
{
	return (uint32_t)(((PAGE_SIZE << order) - first) / stride);
}

struct zone *zone_create(const char *name, size_t size, size_t align)
{
	struct zone *z;
	uint32_t order = 0;

	if (align < 16)
		align = 16;
	VERIFY((align & (align - 1)) == 0 && align <= PAGE_SIZE && size != 0);
	spin_lock(&create_lock);
	VERIFY(zone_count < ZONES_MAX);
	z = &zones[zone_count];
	spin_init(&z->lock, "zone");
	z->name = name;
	z->size = size;
	z->stride = (size + align - 1) & ~(align - 1);
	z->first = (uint32_t)((sizeof(struct slab) + align - 1) & ~(align - 1));
	/* The smallest slab that wastes at most an eighth, else the biggest. */
	while (order < SLAB_ORDER_MAX) {
		size_t bytes = PAGE_SIZE << order;
		size_t used = slab_objects(order, z->first, z->stride) * z->stride;

		if (z->first + z->stride <= bytes && bytes - used <= bytes / 8)
			break;
		order++;
	}
	z->order = order;
	z->per_slab = slab_objects(order, z->first, z->stride);
	VERIFY(z->per_slab != 0);
	z->poison_words = (uint32_t)(z->stride < POISON_BYTES ? z->stride : POISON_BYTES) / 8;
	list_init(&z->partial);
	z->empty = NULL;
	z->in_use = z->pages = 0;
	__atomic_store_n(&zone_count, zone_count + 1, __ATOMIC_RELEASE);
	spin_unlock(&create_lock);
	return z;
}

static void slab_release(struct slab *s, uint32_t order)
{
	s->magic = 0;
	vm_page_release_contiguous(vm_page_of_phys(virt_to_phys(s)), order);
}

static struct slab *slab_grab(struct zone *z)
{
	struct vm_page *p = vm_page_grab_contiguous(z->order);
	struct slab *s;

	if (p == NULL) {
		zone_trim();
		p = vm_page_grab_contiguous(z->order);
		if (p == NULL)
			return NULL;
	}
	vm_page_set_owner(p, z->order, PAGE_OWNER_ZONE, (uintptr_t)z);
	s = vm_page_virt(p);
	VERIFY(((uintptr_t)s & ((PAGE_SIZE << z->order) - 1)) == 0);
	*s = (struct slab){ .zone = z, .magic = SLAB_MAGIC };
	list_init(&s->link);
	return s;
}

static void object_check(const struct zone *z, const struct free_object *o)
{
	if (o->magic != (FREE_MAGIC ^ (uintptr_t)o))
		panic("zone %s: object %p was written to after its free", z->name, (const void *)o);
#ifdef MESHACH_DEBUG
	for (size_t i = sizeof(*o) / 8; i < z->poison_words; i++)
		if (((const uint64_t *)o)[i] != POISON)
			panic("zone %s: bytes from %zu on of object %p were written to after its free",
			      z->name, i * 8, (const void *)o);
#endif
}

static void *slab_take_locked(struct zone *z, struct slab *s)
{
	struct free_object *o = s->free;

	if (o != NULL) {
		object_check(z, o); /* Z2 */
		s->free = o->next;
	} else {
		o = (void *)((char *)s + z->first + s->fresh * z->stride);
		s->fresh++;
	}
	o->magic = 0;
	s->in_use++;
	__atomic_store_n(&z->in_use, z->in_use + 1, __ATOMIC_RELAXED);
	if (s->in_use == z->per_slab)
		list_remove(&s->link);
	return o;
}

__attribute__((noinline)) void *zone_alloc(struct zone *z)
{
	struct slab *s, *extra = NULL;
	void *p;

	if (fault_alloc())
		return NULL;
	spin_lock(&z->lock);
	s = list_first(&z->partial, struct slab, link);
	if (s == NULL && z->empty == NULL) {
		spin_unlock(&z->lock);
		extra = slab_grab(z);
		if (extra == NULL)
			return NULL;
		spin_lock(&z->lock);
		z->pages += 1UL << z->order;
		list_add_head(&z->partial, &extra->link);
		s = extra;
	} else if (s == NULL) {
		s = z->empty;
		z->empty = NULL;
		list_add_head(&z->partial, &s->link);
	}
	p = slab_take_locked(z, s);
	spin_unlock(&z->lock);
	return p;
}

void *zone_alloc_zeroed(struct zone *z)
{
	void *p = zone_alloc(z);

	if (p != NULL)
		memset(p, 0, z->size);
	return p;
}

__attribute__((noinline)) void zone_free(struct zone *z, void *p)
{
	struct slab *s = (void *)((uintptr_t)p & ~((PAGE_SIZE << z->order) - 1));
	struct free_object *o = p;
	struct slab *unused = NULL;

	VERIFY(s->magic == SLAB_MAGIC && s->zone == z);
	if (o->magic == (FREE_MAGIC ^ (uintptr_t)o))
		panic("zone %s: object %p freed twice", z->name, p);
#ifdef MESHACH_DEBUG
	for (size_t i = sizeof(*o) / 8; i < z->poison_words; i++)
		((uint64_t *)p)[i] = POISON;
#endif
	o->magic = FREE_MAGIC ^ (uintptr_t)o;
	spin_lock(&z->lock);
	o->next = s->free;
	s->free = o;
	if (s->in_use == z->per_slab)
		list_add_head(&z->partial, &s->link);
	s->in_use--;
	__atomic_store_n(&z->in_use, z->in_use - 1, __ATOMIC_RELAXED);
	if (s->in_use == 0 && !z->keep) {
		list_remove(&s->link);
		if (z->empty == NULL) {
			z->empty = s;
		} else {
			unused = s;
			z->pages -= 1UL << z->order;
		}
	}
	spin_unlock(&z->lock);
	if (unused != NULL)
		slab_release(unused, z->order);
}

void zone_keep(struct zone *z)
{
	z->keep = true;
}

void zone_trim(void)
{
	uint32_t n = __atomic_load_n(&zone_count, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < n; i++) {
		struct zone *z = &zones[i];
		struct slab *s;

		spin_lock(&z->lock);
		s = z->empty;
		z->empty = NULL;
		if (s != NULL)
			z->pages -= 1UL << z->order;
		spin_unlock(&z->lock);
		if (s != NULL)
			slab_release(s, z->order);
	}
}

bool kalloc_may_use_last(void)
{
	return vm_page_free_count() > PRIVILEGED_PAGES / 2;
}

uint64_t zone_in_use(const struct zone *z)
{
	return __atomic_load_n(&z->in_use, __ATOMIC_RELAXED);
}

/* ---- sized blocks ---- */

static const uint16_t kalloc_sizes[] = { 16,  32,  48,	64,  96,   128,	 192,
					 256, 384, 512, 768, 1024, 1360, 2048 };
#define KALLOC_ZONES (sizeof(kalloc_sizes) / sizeof(kalloc_sizes[0]))
#define KALLOC_ZONE_MAX 2048U

static const char *const kalloc_names[KALLOC_ZONES] = {
	"kalloc.16",  "kalloc.32",  "kalloc.48",  "kalloc.64",	"kalloc.96",
	"kalloc.128", "kalloc.192", "kalloc.256", "kalloc.384", "kalloc.512",
	"kalloc.768", "kalloc.1024", "kalloc.1360", "kalloc.2048",
};

static struct zone *kalloc_zones[KALLOC_ZONES];             /* [I] after the first kalloc */
static uint8_t kalloc_index[KALLOC_ZONE_MAX / 16 + 1];      /* [I] by size / 16, rounded up */
static _Atomic uint32_t kalloc_ready;                       /* 0, 1 being made, 2 made */
static _Atomic uint64_t large_in_use, large_pages;

/* Make the zones at the first call: no order of boot steps to get wrong. */
static void kalloc_setup(void)
{
	uint32_t expected = 0;
	size_t z = 0;

	if (!atomic_compare_exchange_strong(&kalloc_ready, &expected, 1)) {
		while (atomic_load_explicit(&kalloc_ready, memory_order_acquire) != 2)
			cpu_relax();
		return;
	}
	for (size_t i = 0; i < KALLOC_ZONES; i++)
		kalloc_zones[i] = zone_create(kalloc_names[i], kalloc_sizes[i], 16);
	for (size_t i = 0; i <= KALLOC_ZONE_MAX / 16; i++) {
		if (i * 16 > kalloc_sizes[z])
			z++;
		kalloc_index[i] = (uint8_t)z;
	}
	atomic_store_explicit(&kalloc_ready, 2, memory_order_release);
}

static unsigned order_of(size_t size)
{
	unsigned order = 0;

	while ((PAGE_SIZE << order) < size)
		order++;
	return order;
}

__attribute__((noinline)) void *kalloc(size_t size)
{
	struct vm_page *p;
	unsigned order;

	if (atomic_load_explicit(&kalloc_ready, memory_order_acquire) != 2)
		kalloc_setup();
	if (size <= KALLOC_ZONE_MAX)
		return zone_alloc(kalloc_zones[kalloc_index[(size + 15) / 16]]);
	if (size > KALLOC_MAX || fault_alloc())
		return NULL;
	order = order_of(size);
	p = vm_page_grab_contiguous(order);
	if (p == NULL) {
		zone_trim();
		p = vm_page_grab_contiguous(order);
	}
	if (p == NULL)
		return NULL;
	vm_page_set_owner(p, order, PAGE_OWNER_KALLOC, size);
	atomic_fetch_add_explicit(&large_in_use, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&large_pages, 1UL << order, memory_order_relaxed);
	return vm_page_virt(p);
}

void *kalloc_zeroed(size_t size)
{
	void *p = kalloc(size);

	if (p != NULL)
		memset(p, 0, size);
	return p;
}

__attribute__((noinline)) void kfree(void *p, size_t size)
{
	unsigned order;

	if (p == NULL)
		return;
	if (size <= KALLOC_ZONE_MAX) {
		zone_free(kalloc_zones[kalloc_index[(size + 15) / 16]], p);
		return;
	}
	VERIFY(size <= KALLOC_MAX);
	order = order_of(size);
	atomic_fetch_sub_explicit(&large_in_use, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&large_pages, 1UL << order, memory_order_relaxed);
	vm_page_release_contiguous(vm_page_of_phys(virt_to_phys(p)), order);
}

void zone_for_each(void (*fn)(void *ctx, const char *name, size_t size, uint64_t in_use,
			      uint64_t pages),
		   void *ctx)
{
	uint32_t n = __atomic_load_n(&zone_count, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < n; i++) {
		const struct zone *z = &zones[i];

		/* No lock: ddb asks, too, when somebody may hold it for ever. */
		fn(ctx, z->name, z->size, __atomic_load_n(&z->in_use, __ATOMIC_RELAXED),
		   __atomic_load_n(&z->pages, __ATOMIC_RELAXED));
	}
	fn(ctx, "kalloc.large", 0, atomic_load(&large_in_use), atomic_load(&large_pages));
}

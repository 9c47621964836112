/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_object.h - the memory object: a range of bytes whose pages are resident, in a backing object
 * (its shadow), with a pager, or zero.
 *
 * An object that a map's entry names is a top. What a top does not have is looked for in its shadow, and so
 * on down the chain; where the chain ends without a pager, bytes are zero.
 * Invariants:
 *   O1 nothing writes to a page of an object that is another's shadow, nor through an entry with
 *      needs_copy: writes go to a top, after the page was copied up.
 *   O2 a shared object (two entries without needs_copy may name the same range) is nobody's shadow: to copy
 *      it its pages sink into a new object below it (vm_object_sink).
 *   O3 of an object that is not `copied` each range is visible through one entry only.
 *   O4 a mapping of a page is entered under the lock of the page's object.
 *   O5 a busy page is a placeholder for a page that was asked of the pager; it holds no reference.
 *   O6 an external object's pager, control and name ports are set once, before it can be found, and stay until it is freed; an internal one gets
 *      them when it is first paged out, or with what it takes over from its shadow, which loses them (vm_object_collapse.c).
 *   O7 where O1 says that a shadow is not written: but for an object with a `copy`; there the page is first pushed to the copy.
 * Locking: [o] object lock, a spin lock; the order is down the shadow chain, then the pmap's, then
 *   the page free lock. [I] immutable. [c] the lock of the pager table (vm_object_cache.c), taken before an object's.
 * References: an entry, a shadowing object, a map copy and a waiter each hold one.
 * After: Rashid et al., "Machine-independent virtual memory management ..." (ASPLOS 1987).
 */
#pragma once

#include <base/list.h>
#include <kern/kworker.h>
#include <kern/lock.h>
#include <mach/kern_return.h>
#include <sched/wait.h>
#include <stdbool.h>
#include <stdint.h>
#include <vm/vm_page.h>

struct ipc_port;
struct ipc_request;

#define VM_OBJECT_BUCKETS_INLINE 4U

struct vm_object {
	struct spinlock lock;
	uint32_t references;          /* [o] */
	uint64_t size;                /* [o] bytes, whole pages */
	struct vm_object *shadow;     /* [o] +1 or NULL */
	uint64_t shadow_offset;       /* [o] where in shadow this object begins */
	struct list pages;            /* [o] resident, of object_link */
	uint64_t resident;            /* [o] their number */
	uint64_t write_mappings;      /* [o] how many mappings that may write were entered of its pages, ever */
	struct vm_page **buckets;     /* [o] pages by offset, chained by hash_next */
	uint64_t bucket_mask;         /* [o] their number - 1 */
	struct vm_page *buckets_inline[VM_OBJECT_BUCKETS_INLINE];
	struct waitq page_wait;       /* [o] who waits for a busy page */
	uint32_t paging_in_progress;  /* [o] busy placeholders: pages asked for (O5) */
	bool shared;                  /* [o] O2 */
	bool copied;                  /* [o] not O3 */
	bool device;                  /* [I] no pages: device_phys and cache say what is mapped */
	enum pmap_cache cache;        /* [I] */
	uint64_t device_phys;         /* [I] */

	/*
	 * The pager. An internal object gets one (the default pager's) when its first page is paged out; the others are
	 * made for one (vm/memory_object.h). Until `ready` nothing is asked of it; when it is not `alive` any more (its
	 * port died, or it destroyed the object) what is not resident is a memory error.
	 */
	struct ipc_port *pager;         /* [o] send right to the memory object, or NULL: none */
	struct ipc_port *pager_control; /* [o] the kernel's port for it: its receive right, and a send right */
	struct ipc_port *pager_name;    /* [o] the name port, as above */
	uint64_t paging_offset;         /* [o] of this object in the pager's */
	uint64_t *paged_out;            /* [o] internal: a bit for each page that its pager may have; NULL: none */
	uint64_t stored;                /* [o] how many are set */
	uint64_t own;                   /* [o] pages that it has itself, resident or stored */
	uint64_t garbage;               /* [o] pages that its pager has besides, which nobody can see */
	uint64_t lost;                  /* [o] of `stored`: those that went with a pager that died; they count as no swap */
	uint64_t *lost_bits;            /* [o] which; NULL while it is not alive: all */
	struct vm_swap *swap;           /* [o] where its pages count as swap */
	struct vm_pager_ports *old_ports; /* [o] of default pagers that it had before */
	uint64_t pager_timeout_ns;      /* [o] how long a fault waits for an answer; 0: the node's default */
	uint32_t cluster_size;          /* [o] bytes asked for at once, a power of two >= PAGE_SIZE */
	uint8_t copy_strategy;          /* [o] MEMORY_OBJECT_COPY_* */
	bool internal;                  /* [I] the kernel's own memory: anonymous, or a copy of something */
	bool temporary;                 /* [o] not returned to the pager when it ends */
	bool can_persist;               /* [o] kept in the cache when nobody names it */
	bool pager_created;             /* [o] internal: the default pager was told, or is being told */
	bool pager_ready;               /* [o] the pager has set the attributes */
	bool alive;                     /* [o] requests may be made */
	bool terminating;               /* [o] the last reference is gone */
	bool sending;                   /* [o] pages are on their way to the pager (vm_object_sending_begin_locked) */
	bool tabled;                    /* [co] the table of pagers has a reference */
	bool cached;                    /* [c] that reference is the only one: in the cache */
	bool invalidate;                /* [o] attribute: do not keep its pages either */
	bool silent_overwrite;          /* [o] attribute, only remembered */
	bool advisory_pageout;          /* [o] attribute, only remembered */
	bool is_copy;                   /* [o] shadow->copy is this object */
	bool pinned;                    /* [o] its pages are on no queue: in transit from or to who frees memory (vm_object_pin) */
	bool sequential;                /* [o] the last requests followed each other */
	uint64_t last_request;          /* [o] offset that they reached */
	struct vm_object *copy;         /* [o] where pages are pushed before they change (delayed copy); not referenced */
	struct list hash_link;          /* [c] by pager port */
	struct list cache_link;         /* [c] of the cache, oldest first */
	struct list syncs;              /* [o] memory_object_synchronize under way */
	struct ipc_request *death;      /* [I] the request to hear of the pager port's death, while that port lives */
	struct kwork work;              /* [o] to end it, by a kernel worker */
	uint32_t placeholders;          /* [o] pages without a frame, of `resident` */
	struct waitq event_wait;        /* [o] who waits for ready, for a sync */

	/* vm_purgable.h */
	bool purgable;                  /* [I] */
	uint8_t purgable_state;         /* of the purgable lock: VM_PURGABLE_* */
	struct list purgable_link;      /* of the purgable lock */
};

/* How vm_object_resolve looks for a page. */
enum vm_access {
	VM_ACCESS_PEEK,  /* read; bytes that were never written give no page */
	VM_ACCESS_READ,  /* read; the page may be a backing object's */
	VM_ACCESS_EXECUTE, /* the same, and its pager must allow execution */
	VM_ACCESS_WRITE, /* the page is the top's own */
	VM_ACCESS_ATTRIBUTES, /* of waits only: for the pager to say what it is */
};

/* Not an error: the page, or memory, must be waited for; drop all locks, call vm_object_wait, begin again. */
#define VM_OBJECT_WAIT (KERN_RETURN_MAX + 1)

struct vm_resolved {
	struct vm_object *object; /* locked, owner of page; after VM_OBJECT_WAIT: a reference, not locked, or NULL: memory */
	struct vm_page *page;
	uint64_t offset;          /* in object */
	uint64_t deadline_ns;     /* of all waits of one access together: 0 at first, then vm_object_wait's */
	enum vm_access access;    /* to object's page, after VM_OBJECT_WAIT */
	uint8_t pulls;            /* how often this access had to shorten the chain first (vm_object_collapse.c) */
	uint8_t behavior;         /* VM_BEHAVIOR_*, how the region is used: what is asked for along with a page */
	bool pulling;             /* what is waited for is a page of a chain that is shortened, not the access's */
	uint64_t answers;         /* how much the default pager had done when the time limit was set, */
	uint8_t shortages;        /* how often there was no memory to ask */
	uint8_t renewed;          /* and how often it was set anew because that had gone on */
	bool in_top;              /* page is the top's own */
	bool read_only;           /* before a write something must be done: a mapping may not allow it */
	bool copied_up;           /* it was made just now: a mapping of the page below must be replaced */
};

void vm_object_init(void);
/* An anonymous object; +1. NULL: no memory. size: bytes, whole pages. */
struct vm_object *vm_object_create(uint64_t size);
/* Physical memory that is not the kernel's to manage (device registers, frames lent). +1 or NULL. */
struct vm_object *vm_object_create_device(uint64_t phys, uint64_t size, enum pmap_cache cache);
void vm_object_reference(struct vm_object *o);
void vm_object_deallocate(struct vm_object *o);

struct vm_page *vm_object_page_lookup_locked(struct vm_object *o, uint64_t offset);
/* page belongs to o from now on, with wire_count 0. There is none at offset. */
void vm_object_page_insert_locked(struct vm_object *o, struct vm_page *page, uint64_t offset);
/* An entry that showed [start, end) goes: release the pages that nobody else can see (O3). */
void vm_object_forget_range(struct vm_object *o, uint64_t start, uint64_t end);
/*
 * Data on its way to or from the default pager is not paged out: the default pager would wait for itself. Pages that are in o, or come into it,
 * are on no queue while it is pinned.
 */
void vm_object_pin(struct vm_object *o, bool pinned);
/* Grow an object whose one entry ends at end by more bytes of zeros; false if something forbids it. */
bool vm_object_extend(struct vm_object *o, uint64_t end, uint64_t more);
/* The page is no longer busy: wake who waits. */
void vm_object_page_done_locked(struct vm_object *o, struct vm_page *page);

/*
 * Purpose: find (or make) the page of offset as access asks.
 * Conditions: top is referenced and not locked; no spin lock is held. r->deadline_ns is 0, or of an earlier wait.
 * Returns KERN_SUCCESS with r->object locked (PEEK of never written bytes: page and object NULL, nothing
 *   locked); VM_OBJECT_WAIT; KERN_RESOURCE_SHORTAGE.
 */
kern_return_t vm_object_resolve(struct vm_object *top, uint64_t offset, enum vm_access access,
				struct vm_resolved *r);
/*
 * Purpose: do what a VM_OBJECT_WAIT said: ask the pager for the page, or to unlock it, or wait for it, or for memory.
 * Conditions: nothing locked; consumes r->object. Abortable (D6), and bounded by r->deadline_ns.
 * Returns KERN_SUCCESS: try again; KERN_ABORTED; KERN_RESOURCE_SHORTAGE: there will be no memory; KERN_MEMORY_ERROR: the
 *   pager said so, or did not answer in time; KERN_MEMORY_FAILURE: there is no pager any more.
 */
kern_return_t vm_object_wait(struct vm_resolved *r);
/* As vm_object_wait, but the page is only asked for; nothing is waited for. */
void vm_object_prefetch(struct vm_resolved *r);

/* A new object in front of o at offset; takes the caller's reference on o. NULL: no memory, nothing taken. */
struct vm_object *vm_object_shadow(struct vm_object *o, uint64_t offset, uint64_t size);
/*
 * Prepare a copy of a shared object: its pages sink into a new object below it, read-only everywhere. Returns the
 * object that has them, +1, and where o begins in it. KERN_FAILURE: a page is wired, copy slowly; KERN_RESOURCE_SHORTAGE.
 */
kern_return_t vm_object_sink(struct vm_object *o, struct vm_object **out, uint64_t *offset);
/*
 * Where in [offset, end), or at end, one has to look next for what may be found from o down the chain; what is before it reads as zeros. Of
 * bounded time: it may stop short of it.
 */
uint64_t vm_object_next_filled(struct vm_object *o, uint64_t offset, uint64_t end);
/* Copy bytes of [offset, offset+size) into a new object; as vm_object_resolve for errors and waits. */
kern_return_t vm_object_copy_slowly(struct vm_object *o, uint64_t offset, uint64_t size,
				    struct vm_object **out, struct vm_resolved *wait);
/*
 * Copy memory of an object that has a pager, or that cannot be copied lazily on both sides, as its copy strategy says.
 * As vm_object_copy_slowly for errors and waits. *out_offset: of the copy in *out, which must not be written (an entry with needs_copy).
 */
kern_return_t vm_object_copy_strategically(struct vm_object *o, uint64_t offset, uint64_t size, struct vm_object **out,
					   uint64_t *out_offset, struct vm_resolved *wait);
/* True when the caller's reference is the only one; then the object is neither shared nor copied any more. */
bool vm_object_sole(struct vm_object *o);
/* Bytes of the paged_out bits of an object of size bytes. */
static inline uint64_t vm_object_paged_out_bytes(uint64_t size)
{
	return ((size >> PAGE_SHIFT) + 63) / 64 * sizeof(uint64_t);
}
/* Objects that exist now. */
uint64_t vm_object_count(void);

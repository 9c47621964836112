/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_page.h - physical pages (Mach's resident page structure).
 *
 * Every usable frame has a struct vm_page. Free frames are in a buddy allocator; used frames belong to
 * a vm_object (object, offset) or to the kernel (kalloc, page tables, stacks, wired frames lent to netipc).
 *
 * An object's page that may be paged out is on the active or the inactive queue (vm_page_queue.c); one that is wired
 * or on its way to or from the default pager is on none, one on its way to another pager on a queue of its own, and so is anonymous
 * memory that nobody can store (stuck: no swap, or it is full), so that the daemon does not look at it again and again:
 *
 *     free --grab--> nobody's --insert--> active <--refault-- inactive --clean--> free
 *                                           \ \______scan_____^   \--dirty--> laundry --pager took it--> free
 *                                            wired
 * Invariants:
 *   Q1 a page on a queue has an object and wire_count 0, and is laundry only on that queue; page->object of such a page changes under
 *      its object's and the queue lock only, so that who holds the queue lock may try its object's lock.
 *   Q2 frames are handed out by need: the last RESERVED_PAGES to no new user memory, the last PAGE_IN_PAGES to nothing that pagers
 *      supply, the last PRIVILEGED_PAGES only to threads that free memory (thread.vm_privilege).
 * Lock key: [o] lock of its object, [q] the queue lock, [f] free list lock, [p] pmap's pv lock, [I] immutable.
 * Lock order: object -> queue -> free list.
 */
#pragma once

#include <base/list.h>
#include <kern/lock.h>
#include <mach/kern_return.h>
#include <machine/pmap.h>
#include <stdbool.h>
#include <stdint.h>

struct vm_object;
struct pv_entry;

enum vm_page_queue { PAGE_QUEUE_NONE = 0, PAGE_QUEUE_ACTIVE, PAGE_QUEUE_INACTIVE, PAGE_QUEUE_LAUNDRY, PAGE_QUEUE_STUCK, PAGE_QUEUES };

/* Whose a frame is; vm_page_audit() checks what can be checked of it. */
enum vm_page_owner {
	PAGE_OWNER_FREE = 0,
	PAGE_OWNER_KERNEL,  /* grabbed, nothing more said */
	PAGE_OWNER_OBJECT,  /* object and offset say where */
	PAGE_OWNER_ZONE,    /* a slab; offset is the struct zone */
	PAGE_OWNER_KALLOC,  /* a large block */
	PAGE_OWNER_TABLE,   /* of a pmap */
	PAGE_OWNER_STACK,
	PAGE_OWNER_DEVICE,  /* rings and buffers that a device reads and writes */
	PAGE_OWNER_CACHE,   /* a block of a disk */
	PAGE_OWNER_NET,     /* wired for netipc */
	PAGE_OWNER_COUNT
};

struct vm_page {
	struct list queue_link;    /* [f] free list, or [q] active/inactive queue */
	struct list object_link;   /* [o] */
	struct vm_page *hash_next; /* [o] */
	struct vm_object *object;  /* [o] NULL: the kernel's */
	uint64_t offset;           /* [o] in bytes */
	struct pv_entry *pv;       /* [p] its mappings */
	uint64_t phys;             /* [I] physical address */
	uint32_t wire_count;       /* [o] */
	uint8_t order;             /* [f] buddy order while free */
	uint8_t pmap_bits;         /* [p] referenced, modified: said by mappings that are gone */
	bool in_large;             /* [o] pmap's: it may be mapped as part of a large page */
	bool free;                 /* [f] a byte of its own: the bits below change under another lock */
	uint8_t queue;             /* [q] enum vm_page_queue */
	uint8_t owner;             /* [f] enum vm_page_owner */
	bool busy : 1;             /* [o] in transit: nobody else may touch it */
	bool wanted : 1;           /* [o] someone sleeps until it is not busy */
	bool absent : 1;           /* [o] busy: asked of the pager; not busy: the pager has none, look further down */
	bool error : 1;            /* [o] the pager failed; the next fault asks again */
	bool dirty : 1;            /* [o] modified since last cleaned (with pmap's bit) */
	bool precious : 1;         /* [o] the pager keeps no copy: give it back even if clean */
	bool laundry : 1;          /* [o] its bytes are on their way to a pager; counted, on no queue (Q1) */
	bool unlock_refused : 1;   /* [o] who waits for an unlock has failed; the next access asks again */
	bool fictitious : 1;       /* [I] no frame (phys is ~0): holds the place of one that was asked for */
	uint8_t page_lock;         /* [o] VM_PROT_* that the pager forbids */
	uint8_t unlock_request;    /* [o] VM_PROT_* that it was asked to allow again */
};

/* At boot: take the frames of boot_info; panics if there are too few. */
void vm_page_bootstrap(void);
/* One frame, not zeroed, wire_count 1, no object; NULL if none. Any context; never sleeps. */
struct vm_page *vm_page_grab(void);
struct vm_page *vm_page_grab_zeroed(void);
/* As vm_page_grab, for a user's memory: NULL while not more than RESERVED_PAGES are free (PAGE_IN_PAGES: thread.vm_page_in). */
struct vm_page *vm_page_grab_user(void);
/* Frames that new user memory was made of since the boot, less those that its users gave back. */
int64_t vm_page_growth_count(void);
/* 2^order contiguous frames (order <= 10), as the first one's vm_page. */
struct vm_page *vm_page_grab_contiguous(unsigned order);
void vm_page_release(struct vm_page *p);                         /* of vm_page_grab */
void vm_page_release_contiguous(struct vm_page *p, unsigned order);
/* The page of a physical address; NULL if it is not usable RAM. */
struct vm_page *vm_page_of_phys(uint64_t phys);
uint64_t vm_page_free_count(void);
uint64_t vm_page_free_count_exact(void); /* the same, in order with who frees */
uint64_t vm_page_total_count(void);
/* Say whose the 2^order frames are that were grabbed just now; detail: the zone of a slab, else 0. */
void vm_page_set_owner(struct vm_page *p, unsigned order, enum vm_page_owner owner, uint64_t detail);
/* Frames by owner, for ddb and tests. */
void vm_page_owner_counts(uint64_t counts[PAGE_OWNER_COUNT]);
/* fn for each frame; free: it lies in a free block. Nothing is locked. */
void vm_page_for_each(void (*fn)(void *arg, struct vm_page *p, bool free), void *arg);

/* ---- vm_page_audit.c ---- */

struct vm_page_audit {
	uint64_t wrong;                        /* frames of which two things are said that cannot both be */
	struct vm_page *first;                 /* of them, */
	const char *what;                      /* and what is wrong with it */
	uint64_t free_found, free_counted;     /* by looking at the frames, by the counters */
	uint64_t queued_found, queued_counted;
};

/*
 * Purpose: look at every frame: is its owner (VM-6), its place on the free lists, its object and its queue one story, and do the counts agree?
 * Conditions: none; the counts are exact only while nobody allocates. Returns true if all is well; *out says what it saw.
 */
bool vm_page_audit(struct vm_page_audit *out);

/* ---- vm_page_queue.c: all with the lock of the page's object held ---- */

/* Put the page on the active (inactive) queue, at its end; nothing if it is wired, laundry, or fictitious, or its object pinned. */
void vm_page_activate_locked(struct vm_page *p);
void vm_page_deactivate_locked(struct vm_page *p);
/* It cannot go, for want of swap: on the queue of such until vm_page_unstick(), which makes them all inactive. */
void vm_page_stick_locked(struct vm_page *p);
void vm_page_unstick(void);
/* Off its queue, if it is on one. */
void vm_page_unqueue_locked(struct vm_page *p);
/* One more, or one fewer, reason to keep it resident. */
void vm_page_wire_locked(struct vm_page *p);
void vm_page_unwire_locked(struct vm_page *p);
/*
 * It goes to the default pager, or to another (which vm_page_laundry_reclaim does not trust to take it): counted until
 * vm_page_laundry_done_locked, or until it is freed.
 */
void vm_page_laundry_locked(struct vm_page *p);
void vm_page_laundry_external_locked(struct vm_page *p);
void vm_page_laundry_done_locked(struct vm_page *p);
/* Laundry of external pagers that has been out for ns becomes inactive; if there was any, no more is made for distrust_ns. Nothing locked. */
void vm_page_laundry_reclaim(uint64_t ns, uint64_t distrust_ns);
/* The pages of one object all become another's: page->object under the queue lock (Q1). Both objects are locked. */
void vm_page_set_object_locked(struct list *pages, struct vm_object *o);
/* The page at the head of a queue whose object could be locked (it is, on return), or NULL. Looks at up to tries pages. */
struct vm_page *vm_page_queue_head_lock(enum vm_page_queue queue, unsigned tries);
uint64_t vm_page_queue_count(enum vm_page_queue queue);
uint64_t vm_page_laundry_count(void);
uint64_t vm_page_laundry_done_count(void); /* since the boot */
uint64_t vm_page_wired_count(void); /* of objects' pages; the kernel's own are not in it */

/* ---- vm_page_wait.c ---- */

/*
 * Purpose: wait until there are frames for user memory again; _page_in: for a page that a pager has.
 * Conditions: thread context, nothing locked; abortable (D6). A thread with vm_privilege never waits.
 * Returns KERN_SUCCESS: try again; KERN_ABORTED; KERN_RESOURCE_SHORTAGE: there will be none (vm_page_wait.c says for whom), or no
 *   pageout daemon runs.
 */
kern_return_t vm_page_wait_page_in(void);
kern_return_t vm_page_wait(void);
/* A frame for user memory, waiting for it; *out NULL unless KERN_SUCCESS. */
kern_return_t vm_page_grab_user_wait(struct vm_page **out);

static inline void *vm_page_virt(const struct vm_page *p)
{
	return phys_to_virt(p->phys);
}

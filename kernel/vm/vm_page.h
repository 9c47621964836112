/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_page.h - physical pages (Mach's resident page structure).
 *
 * Every usable frame has a struct vm_page. Free frames are in a buddy allocator; used frames belong to
 * a vm_object (object, offset) or to the kernel (kalloc, page tables, stacks, wired frames lent to netipc).
 * Lock key: [o] lock of its object, [f] free list lock, [p] pmap's pv lock, [I] immutable.
 */
#pragma once

#include <base/list.h>
#include <kern/lock.h>
#include <machine/pmap.h>
#include <stdbool.h>
#include <stdint.h>

struct vm_object;
struct pv_entry;

struct vm_page {
	struct list queue_link;    /* free list or active/inactive queue */
	struct list object_link;   /* [o] */
	struct vm_page *hash_next; /* [o] */
	struct vm_object *object;  /* [o] NULL: the kernel's */
	uint64_t offset;           /* [o] in bytes */
	struct pv_entry *pv;       /* [p] its mappings */
	uint64_t phys;             /* [I] physical address */
	uint32_t wire_count;       /* [o] */
	uint8_t order;             /* [f] buddy order while free */
	uint8_t pmap_bits;         /* [p] referenced, modified: said by mappings that are gone */
	bool free;                 /* [f] a byte of its own: the bits below change under another lock */
	bool busy : 1;             /* [o] in transit: nobody else may touch it */
	bool wanted : 1;           /* [o] someone sleeps until it is not busy */
	bool absent : 1;           /* [o] busy: asked of the pager; not busy: the pager has none, look further down */
	bool error : 1;            /* [o] the pager failed; the next fault asks again */
	bool dirty : 1;            /* [o] modified since last cleaned (with pmap's bit) */
	bool precious : 1;         /* [o] the pager keeps no copy: give it back even if clean */
	bool laundry : 1;          /* [o] on its way to a pager: vm_page_release tells pageout that it is clean */
	bool fictitious : 1;       /* [I] no frame (phys is ~0): holds the place of one that was asked for */
	uint8_t page_lock;         /* [o] VM_PROT_* that the pager forbids */
	uint8_t unlock_request;    /* [o] VM_PROT_* that it was asked to allow again */
};

/* At boot: take the frames of boot_info; panics if there are too few. */
void vm_page_bootstrap(void);
/* One frame, not zeroed, wire_count 1, no object; NULL if none. Any context; never sleeps. */
struct vm_page *vm_page_grab(void);
struct vm_page *vm_page_grab_zeroed(void);
/* As vm_page_grab, for a user's memory: NULL while not more than RESERVED_PAGES are free. */
struct vm_page *vm_page_grab_user(void);
/* 2^order contiguous frames (order <= 10), as the first one's vm_page. */
struct vm_page *vm_page_grab_contiguous(unsigned order);
void vm_page_release(struct vm_page *p);                         /* of vm_page_grab */
void vm_page_release_contiguous(struct vm_page *p, unsigned order);
/* The page of a physical address; NULL if it is not usable RAM. */
struct vm_page *vm_page_of_phys(uint64_t phys);
uint64_t vm_page_free_count(void);
uint64_t vm_page_total_count(void);

static inline void *vm_page_virt(const struct vm_page *p)
{
	return phys_to_virt(p->phys);
}

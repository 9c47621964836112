/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store.h - the disks that pages are stored on, and transfers to and from them under way.
 *
 * A store is a disk whose first page begins with SWAP_MARK (so that no other disk is ever written to); its block n is the
 * page at n * PAGE_BYTES, block 0 is never given out.
 * A transfer is one device request: it waits for a free slot, is sent, and done() is called when the answer comes; nothing waits.
 */
#pragma once

#include "blocks.h"
#include "page_map.h"
#include "swap_mark.h"

#include <mach/mach.h>

#define PAGE_BYTES 4096u
#define TRANSFER_PAGES 64u /* DEVICE_IO_MAX */

struct transfer {
	struct transfer *next;
	bool write;
	uint32_t store, block, pages;
	char *data;        /* of a write */
	/* read: data (or NULL) is the callee's. The transfer is the callee's. */
	void (*done)(struct transfer *t, kern_return_t result, char *data);
	void *owner;       /* the callee's */
	uint64_t object, page;
};

struct store {
	mach_port_t device; /* MACH_PORT_NULL: not in use */
	char name[16];
	struct blocks blocks;
	uint32_t records_per_page;
	bool down;          /* its disk has gone: nothing more is stored there, what is there may come back */
	uint32_t failed;    /* writes of single pages that failed since the last that did not */
	uint64_t reads, writes, errors;
};

extern struct store stores[STORES_MAX];
extern uint32_t store_count;

/* Slots and their ports, which become members of set. */
void store_init(mach_port_t set);
/* Use device if it is marked as ours. KERN_FAILURE: it is not; errors of the device. */
kern_return_t store_add(mach_port_t device, const char *name);
/*
 * Up to wanted blocks that follow each other on one store: *place the first; returns their number, 0: all stores are full.
 */
uint32_t store_alloc(uint32_t wanted, place_t *place);
void store_free(place_t place);
void store_mark_bad(place_t place);
/* Blocks that can hold a page, in all, and those that are free. */
uint64_t store_total(void);
uint64_t store_free_count(void);

/* For who makes transfers; NULL: no memory. */
struct transfer *transfer_new(void);
void transfer_release(struct transfer *t);
/* Start it. done is called later, never from here. */
void transfer_start(struct transfer *t);
/* A message that came: true if it was an answer to a transfer. */
bool transfer_answer(mach_msg_header_t *message);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object.h - memory objects whose pages the default pager stores: those that kernels made for anonymous memory
 * (memory_object_create) and those that programs asked for (default_pager_object_create).
 */
#pragma once

#include "store.h"

#define WRITE_PAGES 64u /* pages of one write; more are several */

struct object {
	struct object *hash_next;
	struct object *list_next, **list_link;
	mach_port_t port;      /* its receive right */
	mach_port_t control;   /* a send right, or MACH_PORT_NULL: no kernel has it mapped */
	uint64_t id;           /* never used again */
	uint64_t pages;        /* its size */
	uint64_t stored;       /* pages that have a block */
	struct write *writes;  /* pages on their way to a store, newest first */
	uint32_t reads;        /* transfers under way */
	bool external;         /* a program asked for it */
	bool ended;            /* its port has gone; freed with its last transfer */
};

extern struct object *objects; /* all of them */
extern uint32_t object_count;

/* A new object with a port in set: internal ones bring the port. NULL: no memory. */
struct object *object_new(mach_port_t port, uint64_t bytes, bool external);
struct object *object_of(mach_port_t port);
/* The object goes, with its port and what is stored of it. */
void object_end(struct object *o);
/* Store bytes at data (ours) as the object's from offset on. */
void object_store(struct object *o, uint64_t offset, char *data, uint64_t bytes);
/* Nobody will ask for these pages. */
void object_discard(struct object *o, uint64_t offset, uint64_t bytes);
/* Answer a data_request. */
void object_supply(struct object *o, uint64_t offset, uint64_t bytes);
/* Pages that no store took: they stay in memory. */
extern uint64_t object_kept_pages;
/* Blocks became free, or stores more: try again what had no room. */
void object_retry(void);
/* A store broke: what can be stored has changed. The program defines it. */
void capacity_changed(void);

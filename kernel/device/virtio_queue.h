/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio_queue.h - a split virtqueue, the driver's side: memory only, no device access.
 *
 * Life of a descriptor: free -> (add) outstanding -> (take) free. A chain's first descriptor carries the
 *   caller's token.
 * Invariants:
 *   Q1 what the driver believes (free list, chains, indexes) is kept in private memory; the rings are
 *      written, and only used.idx and the used entries are read, each once;
 *   Q2 an entry of the used ring is believed only if it names an outstanding chain; an index that runs
 *      ahead of what is outstanding breaks the queue for good;
 *   Q3 free_count + the lengths of all outstanding chains = size.
 * Locking: the caller's.
 * References: Virtual I/O Device (VIRTIO) 1.1, chapters 2.6.5 .. 2.6.14.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTIO_QUEUE_MAX 256u /* entries; more are not used */

struct virtio_descriptor {
	uint64_t address; /* physical */
	uint32_t length;
	uint16_t flags;
	uint16_t next;
};
_Static_assert(sizeof(struct virtio_descriptor) == 16, "descriptor");

struct virtio_used_entry {
	uint32_t id;
	uint32_t length;
};

/* A piece of memory that the device may read (or write). */
struct virtio_piece {
	uint64_t address; /* physical */
	uint32_t length;  /* bytes, not 0 */
};

enum virtio_taken {
	VIRTIO_TAKE_EMPTY, /* nothing new */
	VIRTIO_TAKE_DONE,
	VIRTIO_TAKE_BAD,   /* the device wrote nonsense: counted, the entry is skipped */
};

struct virtio_queue {
	struct virtio_descriptor *descriptors;
	volatile uint16_t *available; /* flags, idx, ring[size], used_event */
	volatile uint16_t *used;      /* flags, idx, then entries, then avail_event */
	void *bell;                   /* the transport's */
	uint16_t size;
	uint16_t free_head, free_count;
	uint16_t next_available;      /* what was added; published as idx by virtio_queue_publish */
	uint16_t published;
	uint16_t next_used;
	bool event_index;             /* VIRTIO_F_EVENT_IDX was agreed on */
	bool interrupts_on;
	bool broken;                  /* Q2 */
	uint16_t next[VIRTIO_QUEUE_MAX];
	uint16_t chain[VIRTIO_QUEUE_MAX]; /* length of the outstanding chain that begins here, or 0 */
	uint32_t token[VIRTIO_QUEUE_MAX];
};

/* Bytes of zeroed, page-aligned, physically contiguous memory that a queue of size entries takes. */
size_t virtio_queue_bytes(uint16_t size);
/* Offsets of the available and the used ring in it. */
size_t virtio_queue_available_offset(uint16_t size);
size_t virtio_queue_used_offset(uint16_t size);

/* size: a power of two, 2 .. VIRTIO_QUEUE_MAX. Interrupts begin off. */
void virtio_queue_init(struct virtio_queue *q, uint16_t size, void *memory, bool event_index);

/*
 * Add a chain of out pieces that the device reads and then in pieces that it writes; it is seen by the device
 * after virtio_queue_publish(). False: too few free descriptors (nothing was added).
 */
bool virtio_queue_add(struct virtio_queue *q, const struct virtio_piece *pieces, uint16_t out,
		      uint16_t in, uint32_t token);
/* Show the device what was added. Returns true if it wants its bell rung for it. */
bool virtio_queue_publish(struct virtio_queue *q);
/* Take back the next chain that the device has done with. length: the bytes that it says it wrote. */
enum virtio_taken virtio_queue_take(struct virtio_queue *q, uint32_t *token, uint32_t *length);
/* True if take would find something. */
bool virtio_queue_pending(const struct virtio_queue *q);
/*
 * Ask for an interrupt at the next used entry, or for none. After on, call virtio_queue_pending(): what
 * came before makes no interrupt.
 */
void virtio_queue_interrupts(struct virtio_queue *q, bool on);

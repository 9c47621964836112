/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_space.h - the port name space of a task.
 *
 * Special spaces have no names: ipc_space_kernel receives for kernel objects, ipc_space_reply
 * for RPCs that the kernel makes itself.
 *
 * References: the task holds one; who works on another task's space holds one. A dead space
 *   (is_active false) has no rights and gets none.
 * Lock key: [s] space lock, [a] atomic, [I] immutable. Order: space -> port.
 */
#pragma once

#include <ipc/ipc_entry.h>
#include <kern/lock.h>
#include <stdbool.h>

struct task;

#define IS_HASH_SEGMENT_SHIFT 8
#define IS_HASH_SEGMENT_BUCKETS (1u << IS_HASH_SEGMENT_SHIFT)
#define IS_HASH_SEGMENTS_MAX 512u

struct ipc_space {
	struct spinlock is_lock;
	_Atomic uint32_t is_references;  /* [a] */
	bool is_active;                  /* [s] */
	uint32_t is_free;                /* [s] index of the first free entry, 0: none */
	struct ipc_entry *is_chunk0;     /* [s] entries 0..127; 0 is never used */
	struct ipc_entry **is_chunks;    /* [s] directory of the others, by index >> IE_CHUNK_SHIFT */
	uint32_t is_chunks_size;         /* [s] slots in the directory */
	uint32_t is_chunk_next;          /* [s] no chunk below this is missing */
	uint32_t is_names;               /* [s] names in use */
	uint32_t is_hash_count;          /* [s] entries in the hash */
	uint32_t is_hash_buckets;        /* [s] grows by one bucket at a time (linear hashing) */
	uint32_t *is_hash_segment0;      /* [s] the first 256 buckets: index of the first entry */
	uint32_t **is_hash_segments;     /* [s] the others, NULL until needed */
	struct task *is_task;            /* [I] whose, not referenced; NULL: special */
};

extern struct ipc_space *ipc_space_kernel;
extern struct ipc_space *ipc_space_reply;

static inline void is_lock(struct ipc_space *space)
{
	spin_lock(&space->is_lock);
}

static inline void is_unlock(struct ipc_space *space)
{
	spin_unlock(&space->is_lock);
}

void ipc_space_init_zones(void);
/* An empty space with one reference. KERN_RESOURCE_SHORTAGE. */
kern_return_t ipc_space_create(struct task *task, struct ipc_space **out);
struct ipc_space *ipc_space_create_special(void);
void ipc_space_reference(struct ipc_space *space);
void ipc_space_release(struct ipc_space *space);
/* The space dies: all its rights are destroyed. Nothing locked; the reference stays the caller's. */
void ipc_space_destroy(struct ipc_space *space);

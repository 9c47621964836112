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

#define IS_HASH_SEGMENT_SHIFT 7
#define IS_HASH_SEGMENT_BUCKETS (1u << IS_HASH_SEGMENT_SHIFT)
#define IS_HASH_SEGMENTS_MAX 512u

struct ipc_space {
	struct spinlock is_lock;
	_Atomic uint32_t is_references;  /* [a] */
	bool is_active;                  /* [s] */
	uint32_t is_free;                /* [s] index of the first free entry, 0: none */
	uint32_t is_free_last;           /* [s] and of the last */
	uint32_t is_chunk_count;         /* [s] chunks there are, is_chunk0 included */
	struct ipc_entry **is_chunks;    /* [s] directory of the others, by index >> IE_CHUNK_SHIFT */
	uint32_t is_chunks_size;         /* [s] slots in the directory */
	uint32_t is_chunk_next;          /* [s] no chunk below this is missing */
	uint32_t is_names;               /* [s] names in use */
	uint32_t is_hash_count;          /* [s] entries in the hash */
	uint32_t is_hash_buckets;        /* [s] grows by one bucket at a time (linear hashing) */
	uint32_t **is_hash_segments;     /* [s] the others, NULL until needed */
	struct task *is_task;            /* [I] whose, not referenced; NULL: special */
	/* All that most tasks need lies in one page. */
	struct ipc_entry is_chunk0[IE_CHUNK_ENTRIES]; /* [s] entries 0..127; 0 is never used */
	uint32_t is_hash_segment0[IS_HASH_SEGMENT_BUCKETS]; /* [s] the first buckets: index of the first entry */
};
_Static_assert(sizeof(struct ipc_space) <= 4032, "a space and a slab's head fit into a page");

extern struct ipc_space ipc_space_kernel_object, ipc_space_reply_object;
#define ipc_space_kernel (&ipc_space_kernel_object)
#define ipc_space_reply (&ipc_space_reply_object)

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
void ipc_space_init_special(struct ipc_space *space);
void ipc_space_reference(struct ipc_space *space);
void ipc_space_release(struct ipc_space *space);
/* Entry number index, whose chunk is there; most are near. */
static inline struct ipc_entry *ipc_entry_of(struct ipc_space *space, uint32_t index)
{
	return index < IE_CHUNK_ENTRIES ? &space->is_chunk0[index] : ipc_entry_at(space, index);
}

/* The entry of a name in use, or NULL. Space locked. */
static inline struct ipc_entry *ipc_entry_lookup(struct ipc_space *space, mach_port_name_t name)
{
	uint32_t index = MACH_PORT_INDEX(name);
	struct ipc_entry *entry = ipc_entry_of(space, index);

	if (!entry || IE_BITS_GEN(entry->ie_bits) != MACH_PORT_GEN(name) || !IE_BITS_TYPE(entry->ie_bits))
		return NULL;
	return entry;
}

/* The space dies: all its rights are destroyed. Nothing locked; the reference stays the caller's. */
void ipc_space_destroy(struct ipc_space *space);

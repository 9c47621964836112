/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_entry.h - a name's entry in a space: which rights, how many references, to what.
 *
 * Entries lie in chunks that are added as names are needed and never move, so a lookup is two
 * loads at any number of names, and growing copies nothing. Free entries form a list, the last freed
 * first out: an RPC's reply names reuse one warm entry with a new generation. An entry whose generation has come
 * round goes to the end of the list.
 *
 * Invariants: E1 an entry is on the free list if and only if its type is NONE;
 *   E2 an entry with SEND and without RECEIVE is in the space's hash of its object, no other is;
 *   E3 a name that the kernel picked is picked again only after every other free entry has been picked up to 256
 *   times: at the earliest after 127 * 256 names.
 * Locking: everything under the space lock.
 */
#pragma once

#include <mach/kern_return.h>
#include <mach/port.h>
#include <stdint.h>

struct ipc_object;
struct ipc_request;
struct ipc_space;

/* ie_bits: generation 31..24, type (MACH_PORT_TYPE_*) 20..16, user references 15..0. */
#define IE_BITS_UREFS_MASK 0x0000ffffu
#define IE_BITS_TYPE_MASK 0x001f0000u
#define IE_BITS_GEN_SHIFT 24
#define IE_BITS_UREFS(bits) ((bits) & IE_BITS_UREFS_MASK)
#define IE_BITS_TYPE(bits) ((bits) & IE_BITS_TYPE_MASK)
#define IE_BITS_GEN(bits) ((bits) >> IE_BITS_GEN_SHIFT)
#define MACH_PORT_UREFS_MAX ((mach_port_urefs_t)0xffff)

struct ipc_entry {
	struct ipc_object *ie_object; /* the port or port set; NULL if dead or free */
	uint32_t ie_bits;
	uint32_t ie_next;             /* index: next free, or next in the hash chain */
	union {
		struct ipc_request *ie_request; /* dead-name request; not followed once the port is dead */
		uint64_t ie_prev;               /* index: previous free */
	};
};

#define IE_CHUNK_SHIFT 7
#define IE_CHUNK_ENTRIES (1u << IE_CHUNK_SHIFT)
#define IE_INDEX_MAX 0xfffffeu /* an index of all ones would make MACH_PORT_DEAD */

void ipc_entry_init_zones(void);
/* The tables of a new space, zeroed, and what a space that goes had more than that. */
void ipc_entry_table_init(struct ipc_space *space);
void ipc_entry_table_free(struct ipc_space *space);
/*
 * Purpose: take a free entry; it has type NONE and no object, and must be given both or be freed
 *   before the lock is dropped.
 * Returns: KERN_SUCCESS, KERN_RESOURCE_SHORTAGE (no memory), KERN_NO_SPACE (2^24 names).
 */
kern_return_t ipc_entry_alloc(struct ipc_space *space, mach_port_name_t *name, struct ipc_entry **entry);
/* The same under a given name. KERN_NAME_EXISTS; KERN_INVALID_VALUE: no such name can be. */
kern_return_t ipc_entry_alloc_name(struct ipc_space *space, mach_port_name_t name,
				   struct ipc_entry **entry);
/* The name is free; its next use has another generation. Not in the hash, no object. */
void ipc_entry_dealloc(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry);
/*
 * Purpose: one step, of bounded time, towards memory for size entries in all, used and free.
 * Returns: KERN_SUCCESS (there is), KERN_ABORTED (go on), KERN_RESOURCE_SHORTAGE, KERN_NO_SPACE.
 */
kern_return_t ipc_entry_reserve_step(struct ipc_space *space, uint32_t size);
/* Entry number index if its chunk is there, in use or not. */
struct ipc_entry *ipc_entry_at(struct ipc_space *space, uint32_t index);

/* The hash of send rights by object (E2). Insertion never fails. */
void ipc_hash_insert(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry);
void ipc_hash_remove(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry);
/* Where an entry of this object is. */
uint32_t ipc_hash_bucket(const struct ipc_space *space, const struct ipc_object *object);
struct ipc_entry *ipc_hash_lookup(struct ipc_space *space, const struct ipc_object *object,
				  mach_port_name_t *name);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_entry.c - names: lookup, allocation, and the hash of send rights.
 *
 * The hash grows by linear hashing: each insertion beyond one entry a bucket splits one bucket, so no
 * operation under the space lock ever walks the whole table.
 * References: W. Litwin, Linear hashing (VLDB 1980).
 */
#include <base/string.h>
#include <ipc/ipc_space.h>
#include <kern/assert.h>
#include <kern/kalloc.h>

#define CHUNK_BYTES (IE_CHUNK_ENTRIES * sizeof(struct ipc_entry))
#define CHUNKS_MAX ((IE_INDEX_MAX >> IE_CHUNK_SHIFT) + 1)
#define FIRST_GENERATION 3u

static struct zone *chunk_zone;

void ipc_entry_init_zones(void)
{
	chunk_zone = zone_create("ipc entries", CHUNK_BYTES, 0);
}

__attribute__((noinline)) struct ipc_entry *ipc_entry_at(struct ipc_space *space, uint32_t index)
{
	uint32_t number = index >> IE_CHUNK_SHIFT;
	struct ipc_entry *chunk;

	if (number == 0)
		return &space->is_chunk0[index];
	if (number >= space->is_chunks_size)
		return NULL;
	chunk = space->is_chunks[number];
	return chunk ? &chunk[index & (IE_CHUNK_ENTRIES - 1)] : NULL;
}

static void free_list_push(struct ipc_space *space, uint32_t index, struct ipc_entry *entry)
{
	entry->ie_object = NULL;
	entry->ie_next = space->is_free;
	entry->ie_prev = 0;
	if (space->is_free)
		ipc_entry_of(space, space->is_free)->ie_prev = index;
	else
		space->is_free_last = index;
	space->is_free = index;
}

static __attribute__((noinline, cold)) void free_list_append(struct ipc_space *space, uint32_t index,
							     struct ipc_entry *entry)
{
	if (!space->is_free) {
		free_list_push(space, index, entry);
		return;
	}
	entry->ie_object = NULL;
	entry->ie_next = 0;
	entry->ie_prev = space->is_free_last;
	ipc_entry_of(space, space->is_free_last)->ie_next = index;
	space->is_free_last = index;
}

static void free_list_remove(struct ipc_space *space, uint32_t index, struct ipc_entry *entry)
{
	if (entry->ie_next)
		ipc_entry_of(space, entry->ie_next)->ie_prev = entry->ie_prev;
	else
		space->is_free_last = (uint32_t)entry->ie_prev;
	if (entry->ie_prev)
		ipc_entry_of(space, (uint32_t)entry->ie_prev)->ie_next = entry->ie_next;
	else
		space->is_free = entry->ie_next;
	entry->ie_next = 0;
	entry->ie_request = NULL;
}

/* Make room in the directory for chunk number. */
static bool directory_reach(struct ipc_space *space, uint32_t number)
{
	uint32_t size = space->is_chunks_size ? space->is_chunks_size : 8;
	struct ipc_entry **grown;

	if (number < space->is_chunks_size)
		return true;
	while (size <= number)
		size *= 2;
	grown = kalloc_zeroed(size * sizeof *grown);
	if (!grown)
		return false;
	if (space->is_chunks) {
		memcpy(grown, space->is_chunks, space->is_chunks_size * sizeof *grown);
		kfree(space->is_chunks, space->is_chunks_size * sizeof *grown);
	}
	space->is_chunks = grown;
	space->is_chunks_size = size;
	return true;
}

/* All entries of a new chunk are free; the lowest index will be taken first. */
static void chunk_free_all(struct ipc_space *space, uint32_t number, struct ipc_entry *chunk)
{
	for (uint32_t i = IE_CHUNK_ENTRIES; i-- > 0;) {
		uint32_t index = (number << IE_CHUNK_SHIFT) | i;

		chunk[i].ie_bits = FIRST_GENERATION << IE_BITS_GEN_SHIFT;
		if (index != 0 && index <= IE_INDEX_MAX)
			free_list_push(space, index, &chunk[i]);
	}
}

static kern_return_t chunk_add(struct ipc_space *space, uint32_t number)
{
	struct ipc_entry *chunk;

	if (!directory_reach(space, number))
		return KERN_RESOURCE_SHORTAGE;
	chunk = zone_alloc_zeroed(chunk_zone);
	if (!chunk)
		return KERN_RESOURCE_SHORTAGE;
	space->is_chunks[number] = chunk;
	space->is_chunk_count++;
	chunk_free_all(space, number, chunk);
	return KERN_SUCCESS;
}

static __attribute__((noinline)) kern_return_t chunk_add_next(struct ipc_space *space)
{
	for (; space->is_chunk_next < CHUNKS_MAX; space->is_chunk_next++)
		if (space->is_chunk_next >= space->is_chunks_size || !space->is_chunks[space->is_chunk_next])
			return chunk_add(space, space->is_chunk_next);
	return KERN_NO_SPACE;
}

kern_return_t ipc_entry_reserve_step(struct ipc_space *space, uint32_t size)
{
	kern_return_t kr;

	spin_assert_held(&space->is_lock);
	if (size < space->is_chunk_count * IE_CHUNK_ENTRIES) /* entry 0 is nobody's */
		return KERN_SUCCESS;
	kr = chunk_add_next(space);
	return kr == KERN_SUCCESS ? KERN_ABORTED : kr;
}

kern_return_t ipc_entry_alloc(struct ipc_space *space, mach_port_name_t *name, struct ipc_entry **entry)
{
	uint32_t index;

	spin_assert_held(&space->is_lock);
	if (space->is_free == 0) {
		kern_return_t kr = chunk_add_next(space);

		if (kr != KERN_SUCCESS)
			return kr;
	}
	index = space->is_free;
	*entry = ipc_entry_of(space, index);
	free_list_remove(space, index, *entry);
	space->is_names++;
	*name = MACH_PORT_MAKE(index, IE_BITS_GEN((*entry)->ie_bits));
	return KERN_SUCCESS;
}

kern_return_t ipc_entry_alloc_name(struct ipc_space *space, mach_port_name_t name,
				   struct ipc_entry **entry)
{
	uint32_t index = MACH_PORT_INDEX(name);

	spin_assert_held(&space->is_lock);
	if (index == 0 || index > IE_INDEX_MAX)
		return KERN_INVALID_VALUE;
	if (!ipc_entry_at(space, index)) {
		kern_return_t kr = chunk_add(space, index >> IE_CHUNK_SHIFT);

		if (kr != KERN_SUCCESS)
			return kr;
	}
	*entry = ipc_entry_at(space, index);
	if (IE_BITS_TYPE((*entry)->ie_bits) != MACH_PORT_TYPE_NONE)
		return KERN_NAME_EXISTS;
	free_list_remove(space, index, *entry);
	space->is_names++;
	(*entry)->ie_bits = MACH_PORT_GEN(name) << IE_BITS_GEN_SHIFT;
	return KERN_SUCCESS;
}

void ipc_entry_dealloc(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry)
{
	spin_assert_held(&space->is_lock);
	/* Unsigned arithmetic in the top byte: the generation after 255 is 0. */
	entry->ie_bits = (entry->ie_bits & (0xffu << IE_BITS_GEN_SHIFT)) + (1u << IE_BITS_GEN_SHIFT);
	if (IE_BITS_GEN(entry->ie_bits) == FIRST_GENERATION)
		free_list_append(space, MACH_PORT_INDEX(name), entry); /* E3 */
	else
		free_list_push(space, MACH_PORT_INDEX(name), entry);
	space->is_names--;
}

static inline uint32_t hash_of(const struct ipc_object *object)
{
	return (uint32_t)(((uintptr_t)object >> 5) * 0x9e3779b97f4a7c15ULL >> 32);
}

/* With 2^k <= buckets < 2^(k+1): the low k+1 bits, or k if that bucket is not there yet. */
static inline uint32_t bucket_of(const struct ipc_space *space, uint32_t hash)
{
	uint32_t low = (1u << (31 - __builtin_clz(space->is_hash_buckets))) - 1;
	uint32_t bucket = hash & (2 * low + 1);

	return bucket < space->is_hash_buckets ? bucket : hash & low;
}

uint32_t ipc_hash_bucket(const struct ipc_space *space, const struct ipc_object *object)
{
	return bucket_of(space, hash_of(object));
}

static inline uint32_t *bucket_head(struct ipc_space *space, uint32_t bucket)
{
	uint32_t segment = bucket >> IS_HASH_SEGMENT_SHIFT;

	if (segment == 0)
		return &space->is_hash_segment0[bucket];
	return &space->is_hash_segments[segment][bucket & (IS_HASH_SEGMENT_BUCKETS - 1)];
}

/* Is there memory for bucket number is_hash_buckets? */
static bool hash_reach(struct ipc_space *space)
{
	uint32_t segment = space->is_hash_buckets >> IS_HASH_SEGMENT_SHIFT;

	if (segment == 0)
		return true;
	if (segment >= IS_HASH_SEGMENTS_MAX)
		return false;
	if (!space->is_hash_segments)
		space->is_hash_segments = kalloc_zeroed(IS_HASH_SEGMENTS_MAX * sizeof(uint32_t *));
	if (!space->is_hash_segments)
		return false;
	if (!space->is_hash_segments[segment])
		space->is_hash_segments[segment] =
			kalloc_zeroed(IS_HASH_SEGMENT_BUCKETS * sizeof(uint32_t));
	return space->is_hash_segments[segment] != NULL;
}

/* Split the bucket whose turn it is. Without memory chains just get longer. */
static void hash_grow(struct ipc_space *space)
{
	uint32_t low = (1u << (31 - __builtin_clz(space->is_hash_buckets))) - 1;
	uint32_t old_bucket = space->is_hash_buckets & low, index;
	uint32_t *old_head, *new_head;

	if (!hash_reach(space))
		return;
	new_head = bucket_head(space, space->is_hash_buckets++);
	old_head = bucket_head(space, old_bucket);
	index = *old_head;
	*old_head = *new_head = 0;
	while (index != 0) {
		struct ipc_entry *entry = ipc_entry_at(space, index);
		uint32_t next = entry->ie_next;
		uint32_t *head = bucket_of(space, hash_of(entry->ie_object)) == old_bucket ? old_head
											: new_head;

		entry->ie_next = *head;
		*head = index;
		index = next;
	}
}

__attribute__((noinline)) void ipc_hash_insert(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry)
{
	uint32_t *head;

	spin_assert_held(&space->is_lock);
	if (++space->is_hash_count > space->is_hash_buckets)
		hash_grow(space);
	head = bucket_head(space, bucket_of(space, hash_of(entry->ie_object)));
	entry->ie_next = *head;
	*head = MACH_PORT_INDEX(name);
}

__attribute__((noinline)) void ipc_hash_remove(struct ipc_space *space, mach_port_name_t name, struct ipc_entry *entry)
{
	uint32_t *link = bucket_head(space, bucket_of(space, hash_of(entry->ie_object)));

	spin_assert_held(&space->is_lock);
	while (*link != MACH_PORT_INDEX(name)) {
		VERIFY(*link != 0); /* E2 */
		link = &ipc_entry_at(space, *link)->ie_next;
	}
	*link = entry->ie_next;
	entry->ie_next = 0;
	space->is_hash_count--;
}

__attribute__((noinline)) struct ipc_entry *ipc_hash_lookup(struct ipc_space *space, const struct ipc_object *object,
				  mach_port_name_t *name)
{
	uint32_t index = *bucket_head(space, bucket_of(space, hash_of(object)));

	while (index != 0) {
		struct ipc_entry *entry = ipc_entry_at(space, index);

		if (entry->ie_object == object) {
			*name = MACH_PORT_MAKE(index, IE_BITS_GEN(entry->ie_bits));
			return entry;
		}
		index = entry->ie_next;
	}
	return NULL;
}

void ipc_entry_table_free(struct ipc_space *space)
{
	for (uint32_t i = 1; i < space->is_chunks_size; i++)
		if (space->is_chunks[i])
			zone_free(chunk_zone, space->is_chunks[i]);
	if (space->is_chunks)
		kfree(space->is_chunks, space->is_chunks_size * sizeof *space->is_chunks);
	if (space->is_hash_segments) {
		for (uint32_t i = 1; i < IS_HASH_SEGMENTS_MAX; i++)
			if (space->is_hash_segments[i])
				kfree(space->is_hash_segments[i],
				      IS_HASH_SEGMENT_BUCKETS * sizeof(uint32_t));
		kfree(space->is_hash_segments, IS_HASH_SEGMENTS_MAX * sizeof(uint32_t *));
	}
}

#define INITIAL_BUCKETS 16u

void ipc_entry_table_init(struct ipc_space *space)
{
	space->is_hash_buckets = INITIAL_BUCKETS;
	space->is_chunk_next = 1;
	space->is_chunk_count = 1;
	chunk_free_all(space, 0, space->is_chunk0);
}

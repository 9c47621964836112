/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio_queue.c - rings of a split virtqueue: add, publish, take, and when to interrupt whom.
 *
 * Interface, invariants, references: virtio_queue.h. Byte order: little-endian machines only.
 */

#include <base/string.h>
#include <device/virtio_queue.h>
#include <kern/assert.h>
#include <stdatomic.h>

#define DESCRIPTOR_NEXT 1
#define DESCRIPTOR_WRITE 2
#define AVAILABLE_NO_INTERRUPT 1
#define USED_NO_NOTIFY 1
#define NONE 0xffff

size_t virtio_queue_available_offset(uint16_t size)
{
	return size * sizeof(struct virtio_descriptor);
}

size_t virtio_queue_used_offset(uint16_t size)
{
	return (virtio_queue_available_offset(size) + 6 + 2u * size + 63) & ~(size_t)63;
}

size_t virtio_queue_bytes(uint16_t size)
{
	return virtio_queue_used_offset(size) + 6 + sizeof(struct virtio_used_entry) * size;
}

void virtio_queue_init(struct virtio_queue *q, uint16_t size, void *memory, bool event_index)
{
	VERIFY(size >= 2 && size <= VIRTIO_QUEUE_MAX && (size & (size - 1)) == 0);
	memset(q, 0, sizeof *q);
	q->descriptors = memory;
	q->available = (volatile uint16_t *)((char *)memory + virtio_queue_available_offset(size));
	q->used = (volatile uint16_t *)((char *)memory + virtio_queue_used_offset(size));
	q->size = size;
	q->free_count = size;
	q->event_index = event_index;
	for (uint16_t i = 0; i < size; i++)
		q->next[i] = (uint16_t)(i + 1);
	q->next[size - 1] = NONE;
	virtio_queue_interrupts(q, false);
}

static volatile uint16_t *used_event(struct virtio_queue *q)
{
	return &q->available[2 + q->size];
}

static const volatile uint16_t *available_event(const struct virtio_queue *q)
{
	return &q->used[2 + q->size * (sizeof(struct virtio_used_entry) / 2)];
}

bool virtio_queue_add(struct virtio_queue *q, const struct virtio_piece *pieces, uint16_t out,
		      uint16_t in, uint32_t token)
{
	uint16_t count = (uint16_t)(out + in), head = q->free_head, at = head;

	VERIFY(count > 0);
	if (q->free_count < count || q->broken)
		return false;
	for (uint16_t i = 0; i < count; i++) {
		struct virtio_descriptor *d = &q->descriptors[at];
		uint16_t after = q->next[at];

		d->address = pieces[i].address;
		d->length = pieces[i].length;
		d->flags = (uint16_t)((i < out ? 0 : DESCRIPTOR_WRITE) |
				      (i + 1 < count ? DESCRIPTOR_NEXT : 0));
		d->next = i + 1 < count ? after : 0;
		at = after;
	}
	q->free_head = at;
	q->free_count = (uint16_t)(q->free_count - count); /* Q3 */
	q->chain[head] = count;
	q->token[head] = token;
	q->available[2 + (q->next_available & (q->size - 1))] = head;
	q->next_available++;
	return true;
}

bool virtio_queue_publish(struct virtio_queue *q)
{
	uint16_t before = q->published, now = q->next_available;

	if (before == now)
		return false;
	atomic_thread_fence(memory_order_release);
	q->available[1] = now;
	q->published = now;
	atomic_thread_fence(memory_order_seq_cst); /* the device may be going to sleep: it looks at idx, we at its wish */
	if (q->event_index)
		return (uint16_t)(now - *available_event(q) - 1) < (uint16_t)(now - before);
	return (q->used[0] & USED_NO_NOTIFY) == 0;
}

bool virtio_queue_pending(const struct virtio_queue *q)
{
	return !q->broken && q->used[1] != q->next_used;
}

/* Put the chain that begins at head on the free list. */
static void free_chain(struct virtio_queue *q, uint16_t head)
{
	uint16_t last = head;

	for (uint16_t i = 1; i < q->chain[head]; i++)
		last = q->next[last];
	q->next[last] = q->free_head;
	q->free_head = head;
	q->free_count = (uint16_t)(q->free_count + q->chain[head]); /* Q3 */
	q->chain[head] = 0;
}

enum virtio_taken virtio_queue_take(struct virtio_queue *q, uint32_t *token, uint32_t *length)
{
	const volatile struct virtio_used_entry *entry;
	uint16_t ready = (uint16_t)(q->used[1] - q->next_used);
	uint32_t id;

	if (ready == 0 || q->broken)
		return VIRTIO_TAKE_EMPTY;
	if (ready > q->size - q->free_count) { /* Q2: more done than was given */
		q->broken = true;
		return VIRTIO_TAKE_BAD;
	}
	atomic_thread_fence(memory_order_acquire);
	entry = (const volatile struct virtio_used_entry *)&q->used[2] + (q->next_used & (q->size - 1));
	id = entry->id;
	*length = entry->length;
	q->next_used++;
	if (id >= q->size || q->chain[id] == 0) /* Q2 */
		return VIRTIO_TAKE_BAD;
	*token = q->token[id];
	free_chain(q, (uint16_t)id);
	return VIRTIO_TAKE_DONE;
}

void virtio_queue_interrupts(struct virtio_queue *q, bool on)
{
	q->interrupts_on = on;
	if (q->event_index)
		*used_event(q) = (uint16_t)(q->next_used - (on ? 0 : 1)); /* off: it has passed that */
	else
		q->available[0] = on ? 0 : AVAILABLE_NO_INTERRUPT;
	atomic_thread_fence(memory_order_seq_cst);
}

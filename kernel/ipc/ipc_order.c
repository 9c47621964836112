/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_order.c - see ipc_order.h.
 *
 * Invariants: O1 the list is sorted by ikm_priority, falling, and within a priority by age; O2 bit p is set if and only
 *   if there are messages of priority p, and last[p] is the last of them.
 */
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_order.h>
#include <kern/assert.h>
#include <kern/kalloc.h>

#define PRIORITIES (MACH_MSG_PRIORITY_MAX + 1)

struct ipc_order {
	uint64_t bits[PRIORITIES / 64];     /* O2 */
	struct ipc_kmsg *last[PRIORITIES];  /* O2 */
};

struct ipc_order *ipc_order_create(void)
{
	return kalloc_zeroed(sizeof(struct ipc_order));
}

void ipc_order_free(struct ipc_order *order)
{
	if (order)
		kfree(order, sizeof *order);
}

/* The last message of the lowest priority that is at least p; NULL: none. */
static struct ipc_kmsg *last_of_at_least(const struct ipc_order *order, unsigned p)
{
	for (unsigned word = p / 64; word < PRIORITIES / 64; word++) {
		uint64_t bits = order->bits[word] & (word == p / 64 ? ~0ULL << (p % 64) : ~0ULL);

		if (bits)
			return order->last[word * 64 + (unsigned)__builtin_ctzll(bits)];
	}
	return NULL;
}

void ipc_order_insert(struct ipc_order *order, struct list *messages, struct ipc_kmsg *kmsg)
{
	unsigned p = kmsg->ikm_priority;
	struct ipc_kmsg *before;

	VERIFY(p < PRIORITIES);
	before = last_of_at_least(order, p);
	list_add_head(before ? &before->ikm_link : messages, &kmsg->ikm_link);
	order->last[p] = kmsg;
	order->bits[p / 64] |= 1ULL << (p % 64);
}

void ipc_order_remove(struct ipc_order *order, struct list *messages, struct ipc_kmsg *kmsg)
{
	unsigned p = kmsg->ikm_priority;
	struct list *before = kmsg->ikm_link.prev;
	struct ipc_kmsg *previous = before == messages ? NULL : container_of(before, struct ipc_kmsg, ikm_link);

	if (order->last[p] != kmsg)
		return;
	if (previous && previous->ikm_priority == p) {
		order->last[p] = previous;
	} else {
		order->last[p] = NULL;
		order->bits[p / 64] &= ~(1ULL << (p % 64));
	}
}

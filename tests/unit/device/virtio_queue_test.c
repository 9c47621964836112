/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: a split virtqueue against a device written from the standard's text: what is added arrives in order,
 * both sides stay asleep when asked to, and a device that lies is not believed.
 */
#include <host/test.h>

#include <device/virtio_queue.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 8

/* The device's view: byte offsets of VIRTIO 1.1, 2.6.5 .. 2.6.8. */
struct device {
	uint8_t *memory;
	uint16_t seen, done;
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint8_t *available(struct device *d)
{
	return d->memory + 16 * SIZE;
}

static uint8_t *used(struct device *d)
{
	return d->memory + ((16 * SIZE + 6 + 2 * SIZE + 63) & ~63);
}

static void put_used(struct device *d, uint32_t id, uint32_t length)
{
	uint8_t *entry = used(d) + 4 + 8 * (d->done % SIZE);

	memcpy(entry, &id, 4);
	memcpy(entry + 4, &length, 4);
	d->done++;
	memcpy(used(d) + 2, &d->done, 2);
}

/* Next available head, or -1; *bytes: its chain's total, *writable: how many of its pieces are. */
static int next_head(struct device *d, uint32_t *bytes, unsigned *writable)
{
	uint16_t head, at;

	if (get16(available(d) + 2) == d->seen)
		return -1;
	head = at = get16(available(d) + 4 + 2 * (d->seen++ % SIZE));
	*bytes = 0;
	*writable = 0;
	for (;;) {
		const uint8_t *descriptor = d->memory + 16 * at;
		uint16_t flags = get16(descriptor + 12);
		uint32_t length;

		memcpy(&length, descriptor + 8, 4);
		*bytes += length;
		*writable += (flags & 2) != 0;
		if ((flags & 1) == 0)
			return head;
		at = get16(descriptor + 14);
		assert_true(at < SIZE);
	}
}

static struct device make(struct virtio_queue *q, bool event_index)
{
	struct device d = { .memory = aligned_alloc(4096, 4096) };

	memset(d.memory, 0, 4096);
	assert_true(virtio_queue_bytes(SIZE) <= 4096);
	assert_int_equal(virtio_queue_used_offset(SIZE), used(&d) - d.memory);
	virtio_queue_init(q, SIZE, d.memory, event_index);
	return d;
}

static void VQ0001_chains_go_round_in_order(void **state)
{
	struct virtio_queue q;
	struct device d = make(&q, true);
	uint32_t token, length, bytes;
	unsigned writable;

	for (uint32_t i = 0; i < 100000; i++) { /* the 16-bit indexes wrap */
		struct virtio_piece p[3] = { { 4096, 10 }, { 8192, 20 + i % 7 }, { 100, 1 } };
		uint16_t out = (uint16_t)(i % 3);
		int head;

		assert_true(virtio_queue_add(&q, p, out, (uint16_t)(3 - out), i));
		virtio_queue_publish(&q);
		head = next_head(&d, &bytes, &writable);
		assert_true(head >= 0);
		assert_int_equal(bytes, 31 + i % 7);
		assert_int_equal(writable, 3 - out);
		assert_int_equal(virtio_queue_take(&q, &token, &length), VIRTIO_TAKE_EMPTY);
		put_used(&d, (uint32_t)head, i);
		assert_true(virtio_queue_pending(&q));
		assert_int_equal(virtio_queue_take(&q, &token, &length), VIRTIO_TAKE_DONE);
		assert_int_equal(token, i);
		assert_int_equal(length, i);
		assert_int_equal(q.free_count, SIZE);
	}
	free(d.memory);
}

static void VQ0002_a_full_queue_refuses_and_recovers(void **state)
{
	struct virtio_piece p[3] = { { 1, 1 }, { 2, 1 }, { 3, 1 } };
	struct virtio_queue q;
	struct device d = make(&q, false);
	uint32_t token, length, bytes;
	unsigned writable;
	int first, second;

	assert_true(virtio_queue_add(&q, p, 3, 0, 1));
	assert_true(virtio_queue_add(&q, p, 3, 0, 2));
	assert_false(virtio_queue_add(&q, p, 3, 0, 3));
	assert_true(virtio_queue_add(&q, p, 2, 0, 4));
	assert_int_equal(q.free_count, 0);
	assert_true(virtio_queue_publish(&q));
	first = next_head(&d, &bytes, &writable);
	second = next_head(&d, &bytes, &writable);
	put_used(&d, (uint32_t)second, 0); /* out of order is allowed */
	put_used(&d, (uint32_t)first, 0);
	assert_int_equal(virtio_queue_take(&q, &token, &length), VIRTIO_TAKE_DONE);
	assert_int_equal(token, 2);
	assert_int_equal(virtio_queue_take(&q, &token, &length), VIRTIO_TAKE_DONE);
	assert_int_equal(token, 1);
	assert_int_equal(q.free_count, 6);
	free(d.memory);
}

static void VQ0003_a_lying_device_is_not_believed(void **state)
{
	struct virtio_piece p = { 1, 1 };
	struct virtio_queue q;
	struct device d = make(&q, true);
	uint32_t token, length, bytes;
	unsigned writable;
	int head;

	assert_true(virtio_queue_add(&q, &p, 0, 1, 7));
	assert_true(virtio_queue_add(&q, &p, 0, 1, 8));
	virtio_queue_publish(&q);
	head = next_head(&d, &bytes, &writable);
	put_used(&d, 70000, 0); /* no such descriptor */
	assert_int_equal(virtio_queue_take(&q, &token, &length), VIRTIO_TAKE_BAD);
	put_used(&d, 5, 0); /* not outstanding */
	assert_int_equal(virtio_queue_take(&q, &token, &length), VIRTIO_TAKE_BAD);
	put_used(&d, (uint32_t)head, 0);
	assert_int_equal(virtio_queue_take(&q, &token, &length), VIRTIO_TAKE_DONE);
	assert_int_equal(token, 7);
	put_used(&d, (uint32_t)head, 0); /* twice */
	assert_int_equal(virtio_queue_take(&q, &token, &length), VIRTIO_TAKE_BAD);
	assert_int_equal(q.free_count, SIZE - 1);
	d.done = (uint16_t)(d.done + 100); /* more than was ever given */
	put_used(&d, 1, 0);
	assert_int_equal(virtio_queue_take(&q, &token, &length), VIRTIO_TAKE_BAD);
	assert_true(q.broken);
	assert_int_equal(virtio_queue_take(&q, &token, &length), VIRTIO_TAKE_EMPTY);
	assert_false(virtio_queue_add(&q, &p, 0, 1, 9));
	free(d.memory);
}

/* The device's rule (2.6.7.2): interrupt if used_event lies in what it has just used. */
static bool interrupts(struct device *d, uint16_t before)
{
	uint16_t event = get16(available(d) + 4 + 2 * SIZE);

	return (uint16_t)(d->done - event - 1) < (uint16_t)(d->done - before);
}

static void VQ0004_bells_and_interrupts_only_when_wanted(void **state)
{
	struct virtio_piece p = { 1, 1 };
	struct virtio_queue q;
	struct device d = make(&q, true);
	uint32_t token, length, bytes;
	unsigned writable;

	for (unsigned i = 0; i < 70000; i++) {
		bool wants_bell = i % 3 == 0, wants_interrupt = i % 5 == 0;
		uint16_t event = (uint16_t)(wants_bell ? d.seen : d.seen - 1);
		int head;

		memcpy(used(&d) + 4 + 8 * SIZE, &event, 2);
		virtio_queue_interrupts(&q, wants_interrupt);
		assert_true(virtio_queue_add(&q, &p, 1, 0, i));
		assert_int_equal(virtio_queue_publish(&q), wants_bell);
		assert_false(virtio_queue_publish(&q)); /* nothing new */
		head = next_head(&d, &bytes, &writable);
		put_used(&d, (uint32_t)head, 0);
		assert_int_equal(interrupts(&d, (uint16_t)(d.done - 1)), wants_interrupt);
		assert_int_equal(virtio_queue_take(&q, &token, &length), VIRTIO_TAKE_DONE);
	}
	free(d.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(VQ0001_chains_go_round_in_order),
		cmocka_unit_test(VQ0002_a_full_queue_refuses_and_recovers),
		cmocka_unit_test(VQ0003_a_lying_device_is_not_believed),
		cmocka_unit_test(VQ0004_bells_and_interrupts_only_when_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

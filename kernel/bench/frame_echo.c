/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame_echo.c - raw frame round trips between two nodes, sleeping and polling.
 *
 * The floor under every remote call: no protocol. One node answers (boot option test=bench_echo_server), the
 * other measures (test=bench_echo); nothing else uses the card in these boots.
 * The server answers in the card's callback: no thread runs there. The client's thread sends, blocks, and is
 * woken by the callback, as a thread in a remote call is. A request carries the wait policy, which the server
 * takes over, so that both ends always wait alike.
 */

#include <base/string.h>
#include <bench/sample.h>
#include <device/nic.h>
#include <kern/assert.h>
#include <kern/clock.h>
#include <kern/kalloc.h>
#include <kern/ktest.h>
#include <kern/printf.h>
#include <kern/thread.h>
#include <sched/sched.h>
#include <sched/wait.h>

#define ETHERTYPE_LOCAL 0x88b5 /* IEEE 802: local experiments */
#define FRAME_SMALL 64u
#define ROUNDS 3000u
#define WARM_UP 100u
#define FIND_TRIES 600u
#define FIND_WAIT_NS (100 * NSEC_PER_MSEC)
#define ANSWER_WAIT_NS (2 * NSEC_PER_SEC)

enum { KIND_REQUEST = 1, KIND_REPLY = 2 };

struct echo_frame {
	uint8_t to[6], from[6];
	uint8_t type[2];
	uint8_t kind;
	uint8_t pad;
	uint32_t number;
	uint32_t poll_us;
};
_Static_assert(sizeof(struct echo_frame) == 24, "echo frame");

struct echo {
	struct nic *nic;
	bool server;
	struct spinlock lock;
	struct waitq waiter;
	uint32_t answered;   /* [lock] number of the last reply */
	uint8_t peer[6];     /* [lock] who sent it */
	uint8_t frame[NIC_ETHERNET_BYTES + 9216];
};

static struct echo *echo;

static void send(uint8_t kind, const uint8_t *to, uint32_t number, uint32_t poll_us, const uint8_t *body,
		 uint32_t body_bytes)
{
	struct echo_frame head = { .type = { ETHERTYPE_LOCAL >> 8, ETHERTYPE_LOCAL & 0xff }, .kind = kind,
				   .number = number, .poll_us = poll_us };
	struct nic_piece pieces[2] = { { &head, sizeof head }, { body, body_bytes } };

	memcpy(head.to, to, 6);
	memcpy(head.from, echo->nic->mac, 6);
	nic_transmit(echo->nic, pieces, 2, 0, 0);
}

static void input(void *ctx, const uint8_t *frame, uint32_t length, void *buffer)
{
	struct echo_frame head;
	(void)ctx;

	if (length < sizeof head || frame[12] != ETHERTYPE_LOCAL >> 8 || frame[13] != (ETHERTYPE_LOCAL & 0xff))
		goto release;
	memcpy(&head, frame, sizeof head);
	if (echo->server && head.kind == KIND_REQUEST) {
		/* Long bodies go out of the receive buffer: they are gone before it is filled again, or garbled. */
		sched_poll_ns = head.poll_us * 1000ULL;
		send(KIND_REPLY, head.from, head.number, head.poll_us, frame + sizeof head,
		     length - (uint32_t)sizeof head);
	} else if (!echo->server && head.kind == KIND_REPLY) {
		spin_lock(&echo->lock);
		echo->answered = head.number;
		memcpy(echo->peer, head.from, 6);
		waitq_wake_one(&echo->waiter);
		spin_unlock(&echo->lock);
	}
release:
	nic_release(echo->nic, buffer);
}

static void set_up(bool server)
{
	struct nic_user user = { .input = input };

	echo = kalloc_zeroed(sizeof *echo);
	if (echo == NULL || nic_first() == NULL)
		panic("bench: no network card");
	echo->nic = nic_first();
	echo->server = server;
	spin_init(&echo->lock, "bench_echo");
	waitq_init(&echo->waiter);
	if (nic_open(echo->nic, &user) != KERN_SUCCESS)
		panic("bench: the network card does not open");
}

/* Answer echo requests from now on. */
KTEST_APART(bench_echo_server)
{
	set_up(true);
	kprintf("BENCH-SERVING\n");
	for (;;) {
		spin_lock(&echo->lock);
		(void)waitq_block(&echo->waiter, &echo->lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
	}
}

/* One round trip of a frame of `bytes`; false if no answer came in patience_ns. */
static bool round_trip(uint32_t number, const uint8_t *to, uint32_t bytes, uint32_t poll_us, uint64_t patience_ns)
{
	uint64_t deadline = clock_now_ns() + patience_ns;

	send(KIND_REQUEST, to, number, poll_us, echo->frame, bytes - (uint32_t)sizeof(struct echo_frame));
	for (;;) {
		spin_lock(&echo->lock);
		if (echo->answered == number) {
			spin_unlock(&echo->lock);
			return true;
		}
		if (waitq_block(&echo->waiter, &echo->lock, WAIT_UNINTERRUPTIBLE, deadline) == WAIT_TIMED_OUT)
			return false;
	}
}

static void measure(const char *name, struct sample *s, uint32_t *number, uint32_t bytes, uint32_t poll_us)
{
	sched_poll_ns = poll_us * 1000ULL;
	for (uint32_t i = 0; i < WARM_UP + ROUNDS; i++) {
		uint64_t start = clock_now_ns();

		if (!round_trip(++*number, echo->peer, bytes, poll_us, ANSWER_WAIT_NS))
			kprintf("bench: frame %u was lost\n", *number);
		else if (i >= WARM_UP)
			sample_add(s, clock_now_ns() - start);
	}
	sample_print(s, name, 1);
}

/* Measure with each wait policy; panics if no server answers. */
KTEST_APART(bench_echo)
{
	static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	uint32_t number = 0, usual = (uint32_t)(sched_poll_ns / 1000), tries = 0;
	struct sample *s = kalloc(sizeof *s);
	const struct nic_counters *c;

	set_up(false);
	if (s == NULL)
		panic("bench: no memory");
	s->count = 0;
	while (!round_trip(++number, everybody, FRAME_SMALL, 0, FIND_WAIT_NS))
		if (tries++ > FIND_TRIES)
			panic("bench: no node answers");
	measure("frame echo sleeping", s, &number, FRAME_SMALL, 0);
	measure("frame echo", s, &number, FRAME_SMALL, usual);
	measure("frame echo polling", s, &number, FRAME_SMALL, 100000);
	if (echo->nic->mtu >= 4200)
		measure("frame echo 4 KiB", s, &number, NIC_ETHERNET_BYTES + 4180, usual);
	c = &echo->nic->counters;
	kprintf("bench: %lu frames in, %lu out, %lu bells, %lu interrupts, %lu polls (%lu empty), %lu bad\n",
		c->rx_frames, c->tx_frames, c->bells, c->interrupts, c->polls, c->polls_empty, c->rx_bad);
	ktest_ok(c->rx_bad == 0, "the card reported no impossible frame");
	kfree(s, sizeof *s);
}

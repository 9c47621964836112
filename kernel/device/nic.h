/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nic.h - a network card as the rest of the kernel sees it: frames in, frames out.
 *
 * Interface: a driver fills struct nic and calls nic_register(); its user (netipc's glue, the raw echo of
 * the bench) calls nic_first(), nic_open() and then nic_transmit() and nic_poll().
 *
 * A transmitted frame is a list of pieces. Short pieces are copied into the slot's own buffer; long
 * ones are read by the card where they lie ("held") until the transmitted callback. A received frame
 * is one contiguous piece of memory, lent to the user until nic_release(). All buffers are
 * preallocated and wired (N11): no call here allocates after nic_open().
 *
 * Invariants:
 *   I1 callbacks run in nic_poll() only, with no lock of the card held, one poller at a time;
 *   I2 so nic_transmit() may be called under the user's own lock, and from within a callback;
 *   I3 a frame is at most mtu + NIC_ETHERNET_BYTES long, both ways; a shorter one than
 *      NIC_ETHERNET_BYTES never comes up;
 *   I4 interrupts of the card are either on (each arrival calls nic_poll from the handler) or off
 *      (someone polls); nic_interrupts(on) polls once more so that no arrival is lost in between.
 * Locking: the user's lock -> the card's (inside the driver). Lock key: [I] immutable after open,
 *   [a] atomic, [p] the poller's.
 */
#pragma once

#include <base/list.h>
#include <kern/clock.h>
#include <mach/kern_return.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define NIC_ETHERNET_BYTES 14u /* destination, source, type; no VLAN tag, no FCS */
#define NIC_PIECES_MAX 10u     /* of one frame, nic_transmit */
#define NIC_HELD_MAX 4u        /* of them longer than NIC_COPY_BYTES */
#define NIC_COPY_BYTES 256u    /* a piece up to this long is copied */
#define NIC_POLL_BUDGET 64u    /* frames of one round of nic_poll() */
#define NIC_POLL_ROUNDS 8u     /* rounds without a pause; the rest waits for NIC_FLOOD_PAUSE_NS */
#define NIC_FLOOD_PAUSE_NS 50000ULL

/* A piece of a frame. base: an address in the direct map or the kernel image, if longer than NIC_COPY_BYTES. */
struct nic_piece {
	const void *base;
	uint32_t length; /* bytes */
};

enum nic_sent {
	NIC_SENT_COPIED = 0, /* the caller may reuse its memory at once; no callback comes */
	NIC_SENT_HELD,       /* long pieces stay the card's until transmitted(cookie) */
	NIC_NO_ROOM,         /* nothing was queued; room(), a callback, comes when there is again */
	NIC_BAD_FRAME,       /* too long, too short or too many pieces */
};

enum nic_transmit_flags {
	NIC_MORE = 1, /* another frame follows at once: do not ring the card's bell yet */
};

/* What the user wants to hear; see I1. Any may be NULL but input. */
struct nic_user {
	/* A frame arrived. The callee gives buffer back by nic_release(), now or later. */
	void (*input)(void *ctx, const uint8_t *frame, uint32_t length, void *buffer);
	/* The held pieces of a frame are free again. */
	void (*transmitted)(void *ctx, uint64_t cookie);
	/* There is room after a NIC_NO_ROOM. */
	void (*room)(void *ctx);
	/* The end of a nic_poll() that called any of the above: the place to act once for many frames. */
	void (*poll_done)(void *ctx);
	void *ctx;
};

struct nic_counters {
	uint64_t rx_frames, rx_bytes, rx_bad, rx_no_buffer; /* bad: the card's length or index was wrong */
	uint64_t tx_frames, tx_bytes, tx_no_room;
	uint64_t interrupts, polls, polls_empty, bells;
};

struct nic;

/* What nic_idle_begin() goes by. */
struct nic_idle {
	uint64_t seen;     /* frames both ways when the last idle poll ended */
	uint64_t received; /* when the current one began */
	uint32_t vain;     /* idle polls in a row in which nothing came */
	uint32_t skip;     /* occasions still to be left out */
};

struct nic_ops {
	kern_return_t (*open)(struct nic *n);
	enum nic_sent (*transmit)(struct nic *n, const struct nic_piece *pieces, uint32_t count,
				  uint32_t flags, uint64_t cookie);
	void (*flush)(struct nic *n);
	/* Harvest up to budget frames; single poller is the caller's care. Returns frames and completions. */
	uint32_t (*harvest)(struct nic *n, uint32_t budget);
	/* Would harvest find something that matters to the user? Any context, no lock. */
	bool (*pending)(const struct nic *n);
	void (*release)(struct nic *n, void *buffer);
	/* On: also again after each harvest. What is pending by then makes no interrupt. */
	void (*interrupts)(struct nic *n, bool on);
};

struct nic {
	const struct nic_ops *ops;     /* [I] */
	const char *name;              /* [I] */
	uint8_t mac[6];                /* [I] */
	uint32_t mtu;                  /* [I] bytes of payload after the Ethernet header */
	uint32_t rx_buffers;           /* [I] how many frames the user may hold back before the card drops */
	struct nic_user user;          /* [I] */
	struct list link;
	_Atomic bool opened;
	_Atomic uint32_t polling;      /* [a] 1: someone is in nic_poll */
	_Atomic uint32_t again;        /* [a] someone wants to look while another polls */
	_Atomic uint32_t quiet;        /* [a] nesting of nic_interrupts(off) */
	struct timer later;            /* polls again after a flood used up the budgets */
	struct nic_idle idle;          /* whether idle polling pays; guesses, so races do not matter */
	struct nic_counters counters;  /* statistics: torn reads are fine */
};

/* Find the machine's cards and register their drivers. Once, from kernel_main, after memory and interrupts work. */
void nic_probe(void);
/* A driver's: make n known. */
void nic_register(struct nic *n);
/* The first card, or NULL. Borrowed; cards never go away. */
struct nic *nic_first(void);

/*
 * Purpose: allocate the rings and buffers, say to whom frames go, start the card, interrupts on.
 * Returns: KERN_SUCCESS; KERN_RESOURCE_SHORTAGE; KERN_FAILURE (the device refused or lied);
 *   KERN_INVALID_ARGUMENT if it is open already.
 */
kern_return_t nic_open(struct nic *n, const struct nic_user *user);

/*
 * Purpose: queue one frame (Ethernet header included, no FCS).
 * Conditions: any context; the user's lock may be held. The bell is rung unless NIC_MORE is given.
 */
static inline enum nic_sent nic_transmit(struct nic *n, const struct nic_piece *pieces, uint32_t count,
					 uint32_t flags, uint64_t cookie)
{
	return n->ops->transmit(n, pieces, count, flags, cookie);
}

/* Ring the bell for frames queued with NIC_MORE. */
static inline void nic_flush(struct nic *n)
{
	n->ops->flush(n);
}

/* Give a received frame's buffer back to the card. Any context. */
static inline void nic_release(struct nic *n, void *buffer)
{
	n->ops->release(n, buffer);
}

/*
 * Purpose: take in what arrived and hand it to the user's callbacks, up to NIC_POLL_ROUNDS budgets of it.
 * Conditions: any context, no user lock held. If another CPU polls already, it will look again.
 * Returns: frames and completions handled here.
 */
uint32_t nic_poll(struct nic *n);

/*
 * Purpose: switch the card's interrupts off while someone polls, and on again (nested).
 * Conditions: as nic_poll().
 */
void nic_interrupts(struct nic *n, bool on);

/*
 * The scheduler's hooks (D7), registered by the first nic_open(): a CPU with nothing to run calls begin, and if it
 * returns true, poll again and again for sched_poll_ns at most, then end before it runs something or halts. The
 * card's interrupts are off in between. Interrupts of the CPU are off. poll and end return true if anything
 * was taken in.
 *
 * Polling is worth it while a conversation is going on (a frame went or came since the last time) and answers
 * come within the time that is polled. Each time that none did, the next 1, 3, 7 ... 63 occasions are left out: the
 * virtual machine's own frame mover may need the CPU that we would spin on.
 */
bool nic_idle_begin(void);
bool nic_idle_poll(void);
bool nic_idle_end(void);

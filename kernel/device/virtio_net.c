/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio_net.c - virtio-net, modern PCI, one receive and one transmit queue.
 *
 * Interface: struct nic_ops of nic.h.
 * Receive: RX_BUFFERS buffers that hold a whole frame of the device's MTU each, in physically contiguous
 *   chunks; some are in the ring, some with the user, the rest on a spare list from which the ring is refilled.
 * Transmit: a slot is a small buffer that holds the virtio header and the copied pieces; held pieces become
 *   descriptors of their own. Completions make no interrupt, except after NIC_NO_ROOM: slots come back
 *   on the next transmit or poll, callbacks on a poll only (nic.h I1).
 * Invariants:
 *   V1 a receive buffer is in exactly one place: ring, user, spare list (rx->where says which);
 *   V2 a length that the device reports is checked against the buffer before anyone sees it;
 *   V3 a transmit slot is free, or in flight, or done (its callback still owed).
 * Locking: rx.lock and tx.lock, both leaves; no callback runs under them.
 * References: VIRTIO 1.1, chapter 5.1.
 */

#include <base/string.h>
#include <device/nic.h>
#include <device/virtio_net.h>
#include <device/virtio_pci.h>
#include <kern/assert.h>
#include <kern/kalloc.h>
#include <kern/lock.h>
#include <kern/printf.h>
#include <machine/pmap.h>
#include <vm/vm_page.h>

#define NET_F_MTU (1ULL << 3)
#define NET_F_MAC (1ULL << 5)
#define CONFIG_MAC 0
#define CONFIG_MTU 10

enum { QUEUE_RX = 0, QUEUE_TX = 1, QUEUES = 2 };

#define MTU_DEFAULT 1500u
#define MTU_MIN 576u
#define MTU_MAX 9216u
#define RX_BUFFERS 384u
#define RX_HEADROOM 64u  /* the frame begins here, the virtio header ends here */
#define CHUNK_ORDER 6    /* 256 KiB */
#define TX_SLOTS 128u
#define TX_COPY_MAX (NIC_PIECES_MAX * NIC_COPY_BYTES)
#define TX_SLOT_BYTES 2624u
#define TX_REAP_BELOW (TX_SLOTS / 2) /* free slots: transmit looks for completions below this */

/* The header before each frame; zeros say: no offloads. */
struct net_header {
	uint8_t flags, gso_type;
	uint16_t header_length, gso_size, checksum_start, checksum_offset;
	uint16_t buffer_count;
};
_Static_assert(sizeof(struct net_header) == 12, "virtio net header");
_Static_assert(TX_SLOT_BYTES >= TX_COPY_MAX + sizeof(struct net_header), "a slot holds all copies");

enum rx_where { RX_SPARE, RX_IN_RING, RX_WITH_USER };
enum tx_state { TX_FREE, TX_IN_FLIGHT, TX_DONE };

struct rx_buffer {
	uint8_t *base; /* [I] */
	uint8_t where; /* V1 */
};

struct tx_slot {
	uint8_t *base;    /* [I] */
	uint64_t cookie;
	uint8_t state;    /* V3 */
	bool held;        /* a callback is owed */
	uint8_t next;     /* on the free list, or the done list */
};
#define SLOT_NONE 0xff

/* Lock key: [I] immutable after open, [r] rx lock, [t] tx lock. */
struct virtio_net {
	struct nic nic; /* first: ops get a struct nic */
	struct virtio_pci pci;             /* [I] */
	uint32_t buffer_bytes;             /* [I] stride of a receive buffer */

	struct spinlock rx_lock;
	struct virtio_queue rx;            /* [r] */
	struct rx_buffer rx_buffer[RX_BUFFERS]; /* [r] */
	uint16_t spare[RX_BUFFERS];        /* [r] stack of indexes */
	uint32_t spare_count;              /* [r] */

	struct spinlock tx_lock;
	struct virtio_queue tx;            /* [t] */
	struct tx_slot slot[TX_SLOTS];     /* [t] */
	uint32_t free_slots;               /* [t] */
	uint8_t free_head;                 /* [t] */
	uint8_t done_head, done_tail;      /* [t] */
	bool starved;                      /* [t] NIC_NO_ROOM was said */
};

static struct virtio_net *net_of(struct nic *n)
{
	return (struct virtio_net *)n;
}

/* ---- receive ---- */

/* Move spare buffers into the ring; the device is told by a bell if it waits for them. rx lock held. */
static void rx_refill_locked(struct virtio_net *v)
{
	while (v->spare_count > 0 && v->rx.free_count > 0) {
		uint16_t index = v->spare[v->spare_count - 1];
		struct rx_buffer *b = &v->rx_buffer[index];
		struct virtio_piece piece = {
			.address = virt_to_phys(b->base + RX_HEADROOM - sizeof(struct net_header)),
			.length = v->nic.mtu + NIC_ETHERNET_BYTES + (uint32_t)sizeof(struct net_header),
		};

		if (!virtio_queue_add(&v->rx, &piece, 0, 1, index))
			break;
		KASSERT(b->where == RX_SPARE); /* V1 */
		b->where = RX_IN_RING;
		v->spare_count--;
	}
	if (virtio_queue_publish(&v->rx)) {
		v->nic.counters.bells++;
		virtio_pci_ring(&v->pci, &v->rx, QUEUE_RX);
	}
}

static void rx_spare_locked(struct virtio_net *v, uint16_t index)
{
	v->rx_buffer[index].where = RX_SPARE;
	v->spare[v->spare_count++] = index;
}

static void net_release(struct nic *n, void *buffer)
{
	struct virtio_net *v = net_of(n);
	struct rx_buffer *b = buffer;
	size_t index = (size_t)(b - v->rx_buffer);

	spin_lock(&v->rx_lock);
	VERIFY(index < RX_BUFFERS && b->where == RX_WITH_USER); /* V1 */
	rx_spare_locked(v, (uint16_t)index);
	/* Refill in groups, unless the ring runs low: a refill may cost a bell. */
	if (v->spare_count >= 16 || v->rx.free_count > v->rx.size / 2)
		rx_refill_locked(v);
	spin_unlock(&v->rx_lock);
}

/* Take the next good frame out of the ring. */
static struct rx_buffer *rx_take(struct virtio_net *v, uint32_t *length)
{
	struct rx_buffer *b = NULL;
	enum virtio_taken taken;
	uint32_t index;

	spin_lock(&v->rx_lock);
	while (b == NULL && (taken = virtio_queue_take(&v->rx, &index, length)) != VIRTIO_TAKE_EMPTY) {
		if (taken == VIRTIO_TAKE_BAD) {
			v->nic.counters.rx_bad++;
			continue;
		}
		KASSERT(index < RX_BUFFERS && v->rx_buffer[index].where == RX_IN_RING);
		if (*length < sizeof(struct net_header) + NIC_ETHERNET_BYTES ||
		    *length > sizeof(struct net_header) + NIC_ETHERNET_BYTES + v->nic.mtu) { /* V2 */
			v->nic.counters.rx_bad++;
			rx_spare_locked(v, (uint16_t)index);
			continue;
		}
		b = &v->rx_buffer[index];
		b->where = RX_WITH_USER;
	}
	if (v->rx.free_count > v->rx.size / 2) {
		if (v->spare_count == 0)
			v->nic.counters.rx_no_buffer++;
		rx_refill_locked(v);
	}
	spin_unlock(&v->rx_lock);
	if (b != NULL)
		*length -= (uint32_t)sizeof(struct net_header);
	return b;
}

static uint32_t rx_harvest(struct virtio_net *v, uint32_t budget)
{
	uint32_t got = 0, length;
	struct rx_buffer *b;

	while (got < budget && virtio_queue_pending(&v->rx) && (b = rx_take(v, &length)) != NULL) {
		got++;
		v->nic.counters.rx_frames++;
		v->nic.counters.rx_bytes += length;
		v->nic.user.input(v->nic.user.ctx, b->base + RX_HEADROOM, length, b);
	}
	return got;
}

/* ---- transmit ---- */

/* Take finished slots back; those that owe a callback go to the done list. tx lock held. */
static void tx_reap_locked(struct virtio_net *v)
{
	enum virtio_taken taken;
	uint32_t index, length;

	while ((taken = virtio_queue_take(&v->tx, &index, &length)) != VIRTIO_TAKE_EMPTY) {
		struct tx_slot *s;

		if (taken == VIRTIO_TAKE_BAD)
			continue;
		s = &v->slot[index];
		KASSERT(s->state == TX_IN_FLIGHT); /* V3 */
		if (!s->held) {
			s->state = TX_FREE;
			s->next = v->free_head;
			v->free_head = (uint8_t)index;
			v->free_slots++;
			continue;
		}
		s->state = TX_DONE;
		s->next = SLOT_NONE;
		if (v->done_head == SLOT_NONE)
			v->done_head = (uint8_t)index;
		else
			v->slot[v->done_tail].next = (uint8_t)index;
		v->done_tail = (uint8_t)index;
	}
}

/* Total length and number of long pieces; false: not a frame that can go out. */
static bool frame_fits(const struct virtio_net *v, const struct nic_piece *pieces, uint32_t count,
		       uint32_t *total)
{
	uint32_t held = 0;

	*total = 0;
	if (count == 0 || count > NIC_PIECES_MAX)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (pieces[i].length > v->nic.mtu + NIC_ETHERNET_BYTES)
			return false;
		*total += pieces[i].length;
		held += pieces[i].length > NIC_COPY_BYTES;
	}
	return held <= NIC_HELD_MAX && *total >= NIC_ETHERNET_BYTES &&
	       *total <= v->nic.mtu + NIC_ETHERNET_BYTES;
}

/* Lay the frame out as descriptors: runs of copied bytes inside the slot, held pieces in between. */
static uint16_t lay_out(struct tx_slot *s, const struct nic_piece *pieces, uint32_t count,
			struct virtio_piece *out)
{
	uint64_t base = virt_to_phys(s->base);
	uint32_t at = sizeof(struct net_header), run = 0; /* the run of copied bytes is [run, at) */
	uint16_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (pieces[i].length <= NIC_COPY_BYTES) {
			memcpy(s->base + at, pieces[i].base, pieces[i].length);
			at += pieces[i].length;
			continue;
		}
		if (at > run)
			out[n++] = (struct virtio_piece){ base + run, at - run };
		run = at;
		out[n++] = (struct virtio_piece){ virt_to_phys(pieces[i].base), pieces[i].length };
		s->held = true;
	}
	if (at > run)
		out[n++] = (struct virtio_piece){ base + run, at - run };
	return n;
}

static void tx_publish_locked(struct virtio_net *v)
{
	if (virtio_queue_publish(&v->tx)) {
		v->nic.counters.bells++;
		virtio_pci_ring(&v->pci, &v->tx, QUEUE_TX);
	}
}

static enum nic_sent net_transmit(struct nic *n, const struct nic_piece *pieces, uint32_t count,
				  uint32_t flags, uint64_t cookie)
{
	struct virtio_piece out[2 * NIC_HELD_MAX + 1];
	struct virtio_net *v = net_of(n);
	enum nic_sent sent = NIC_NO_ROOM;
	struct tx_slot *s;
	uint32_t total;

	if (!frame_fits(v, pieces, count, &total))
		return NIC_BAD_FRAME;
	spin_lock(&v->tx_lock);
	if (v->free_slots < TX_REAP_BELOW)
		tx_reap_locked(v);
	if (v->free_head == SLOT_NONE || v->tx.free_count < 2 * NIC_HELD_MAX + 1) {
		v->nic.counters.tx_no_room++;
		v->starved = true;
		virtio_queue_interrupts(&v->tx, true);
		tx_publish_locked(v);
		goto out;
	}
	s = &v->slot[v->free_head];
	s->held = false;
	if (!virtio_queue_add(&v->tx, out, lay_out(s, pieces, count, out), 0, v->free_head))
		goto out; /* the queue is broken: nothing goes out any more */
	v->free_head = s->next;
	v->free_slots--;
	s->state = TX_IN_FLIGHT;
	s->cookie = cookie;
	sent = s->held ? NIC_SENT_HELD : NIC_SENT_COPIED;
	n->counters.tx_frames++;
	n->counters.tx_bytes += total;
	if ((flags & NIC_MORE) == 0)
		tx_publish_locked(v);
out:
	spin_unlock(&v->tx_lock);
	return sent;
}

static void net_flush(struct nic *n)
{
	struct virtio_net *v = net_of(n);

	spin_lock(&v->tx_lock);
	tx_publish_locked(v);
	spin_unlock(&v->tx_lock);
}

/* Reap, then make the callbacks that are owed. Returns their number. */
static uint32_t tx_harvest(struct virtio_net *v)
{
	uint32_t made = 0;
	bool room;

	spin_lock(&v->tx_lock);
	tx_reap_locked(v);
	while (v->done_head != SLOT_NONE) {
		uint8_t index = v->done_head;
		struct tx_slot *s = &v->slot[index];
		uint64_t cookie = s->cookie;

		v->done_head = s->next;
		s->state = TX_FREE;
		s->next = v->free_head;
		v->free_head = index;
		v->free_slots++;
		if (v->nic.user.transmitted == NULL)
			continue;
		spin_unlock(&v->tx_lock);
		v->nic.user.transmitted(v->nic.user.ctx, cookie);
		made++;
		spin_lock(&v->tx_lock);
	}
	room = v->starved && v->free_slots >= TX_SLOTS / 4 && v->tx.free_count >= v->tx.size / 4;
	if (room) {
		v->starved = false;
		virtio_queue_interrupts(&v->tx, false);
	} else if (v->starved) {
		virtio_queue_interrupts(&v->tx, true);
	}
	spin_unlock(&v->tx_lock);
	if (room && v->nic.user.room != NULL) {
		v->nic.user.room(v->nic.user.ctx);
		made++;
	}
	return made;
}

/* ---- both ---- */

static bool net_pending(const struct nic *n)
{
	const struct virtio_net *v = (const struct virtio_net *)n;

	return virtio_queue_pending(&v->rx) || (v->starved && virtio_queue_pending(&v->tx));
}

static uint32_t net_harvest(struct nic *n, uint32_t budget)
{
	struct virtio_net *v = net_of(n);
	uint32_t made = 0;

	if (virtio_queue_pending(&v->tx))
		made = tx_harvest(v);
	made += rx_harvest(v, budget);
	if (v->rx.interrupts_on) {
		spin_lock(&v->rx_lock);
		if (v->rx.interrupts_on)
			virtio_queue_interrupts(&v->rx, true);
		spin_unlock(&v->rx_lock);
	}
	return made;
}

static void net_interrupts(struct nic *n, bool on)
{
	struct virtio_net *v = net_of(n);

	spin_lock(&v->rx_lock);
	virtio_queue_interrupts(&v->rx, on);
	spin_unlock(&v->rx_lock);
}

static void net_interrupt(void *arg)
{
	struct virtio_net *v = arg;

	if (!virtio_pci_interrupt_pending(&v->pci))
		return;
	v->nic.counters.interrupts++;
	nic_poll(&v->nic);
}

/* Cut receive buffers (bytes each) and transmit slots out of contiguous chunks. */
static kern_return_t cut(uint32_t count, uint32_t bytes, void (*give)(struct virtio_net *, uint32_t, uint8_t *),
			 struct virtio_net *v)
{
	uint32_t each = (uint32_t)((PAGE_SIZE << CHUNK_ORDER) / bytes);

	for (uint32_t i = 0; i < count;) {
		struct vm_page *chunk = vm_page_grab_contiguous(CHUNK_ORDER);

		if (chunk == NULL)
			return KERN_RESOURCE_SHORTAGE; /* at boot: what was taken is not given back */
		vm_page_set_owner(chunk, CHUNK_ORDER, PAGE_OWNER_DEVICE, 0);
		for (uint32_t k = 0; k < each && i < count; k++, i++)
			give(v, i, (uint8_t *)vm_page_virt(chunk) + k * bytes);
	}
	return KERN_SUCCESS;
}

static void give_rx(struct virtio_net *v, uint32_t i, uint8_t *base)
{
	v->rx_buffer[i].base = base;
	rx_spare_locked(v, (uint16_t)i);
}

static void give_tx(struct virtio_net *v, uint32_t i, uint8_t *base)
{
	memset(base, 0, sizeof(struct net_header));
	v->slot[i] = (struct tx_slot){ .base = base, .next = v->free_head };
	v->free_head = (uint8_t)i;
	v->free_slots++;
}

static kern_return_t net_open(struct nic *n)
{
	struct virtio_net *v = net_of(n);
	kern_return_t kr;

	kr = virtio_pci_queue(&v->pci, QUEUE_RX, &v->rx);
	if (kr == KERN_SUCCESS)
		kr = virtio_pci_queue(&v->pci, QUEUE_TX, &v->tx);
	if (kr == KERN_SUCCESS)
		kr = cut(RX_BUFFERS, v->buffer_bytes, give_rx, v);
	if (kr == KERN_SUCCESS)
		kr = cut(TX_SLOTS, TX_SLOT_BYTES, give_tx, v);
	if (kr == KERN_SUCCESS)
		kr = virtio_pci_interrupt(&v->pci, QUEUES, net_interrupt, v);
	if (kr == KERN_SUCCESS)
		kr = virtio_pci_ready(&v->pci);
	if (kr != KERN_SUCCESS) {
		virtio_pci_fail(&v->pci);
		return kr;
	}
	spin_lock(&v->rx_lock);
	rx_refill_locked(v);
	spin_unlock(&v->rx_lock);
	return KERN_SUCCESS;
}

static const struct nic_ops net_ops = {
	.open = net_open,
	.transmit = net_transmit,
	.flush = net_flush,
	.harvest = net_harvest,
	.pending = net_pending,
	.release = net_release,
	.interrupts = net_interrupts,
};

/* Bring the device up to 'features agreed on' and learn its address and MTU. */
static kern_return_t attach(struct virtio_net *v, const struct pci_function *f)
{
	uint16_t mtu;
	kern_return_t kr;

	kr = virtio_pci_open(&v->pci, f);
	if (kr == KERN_SUCCESS)
		kr = virtio_pci_negotiate(&v->pci, NET_F_MTU | VIRTIO_F_EVENT_IDX,
					  NET_F_MAC | VIRTIO_F_VERSION_1);
	if (kr != KERN_SUCCESS)
		return kr;
	if (!virtio_pci_config(&v->pci, CONFIG_MAC, v->nic.mac, sizeof v->nic.mac))
		return KERN_FAILURE;
	v->nic.mtu = MTU_DEFAULT;
	if ((v->pci.features & NET_F_MTU) != 0 && virtio_pci_config(&v->pci, CONFIG_MTU, &mtu, sizeof mtu)) {
		if (mtu < MTU_MIN)
			return KERN_FAILURE;
		v->nic.mtu = mtu < MTU_MAX ? mtu : MTU_MAX;
	}
	v->buffer_bytes = (RX_HEADROOM + NIC_ETHERNET_BYTES + v->nic.mtu + 63u) & ~63u;
	return KERN_SUCCESS;
}

static bool found(void *ctx, const struct pci_function *f)
{
	struct virtio_net *v;

	(void)ctx;
	if (f->vendor != VIRTIO_VENDOR || (f->device_id != VIRTIO_DEVICE_MODERN + VIRTIO_TYPE_NET &&
					   f->device_id != VIRTIO_DEVICE_TRANSITIONAL_NET))
		return true;
	v = kalloc_zeroed(sizeof *v);
	if (v == NULL) {
		kwarn("virtio-net: no memory for the card at %u:%u\n", f->bus, f->device);
		return false;
	}
	v->nic.ops = &net_ops;
	v->nic.name = "virtio-net";
	v->nic.rx_buffers = RX_BUFFERS - VIRTIO_QUEUE_MAX;
	v->free_head = v->done_head = v->done_tail = SLOT_NONE;
	spin_init(&v->rx_lock, "virtio_net_rx");
	spin_init(&v->tx_lock, "virtio_net_tx");
	if (attach(v, f) != KERN_SUCCESS) {
		kwarn("virtio-net: the card at %u:%u is not usable\n", f->bus, f->device);
		virtio_pci_fail(&v->pci);
		kfree(v, sizeof *v);
		return true;
	}
	nic_register(&v->nic);
	return true;
}

void virtio_net_probe(void)
{
	pci_enumerate(found, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio_blk.c - virtio-blk, modern PCI, one queue.
 *
 * Interface: struct device_driver of device.h.
 * A request is a header that the device reads, the data's pages, and a status byte that it writes; header and
 *   status lie in the io itself. What does not fit in the queue waits in order in `waiting` and is started by completions.
 * A device that talks nonsense, or does not answer for GIVE_UP_NS, is reset (so that it writes to no memory of ours any
 *   more) and down: what was under way and whatever comes later ends with D_DEVICE_DOWN.
 * Invariants:
 *   B1 an io is in exactly one place: waiting, a slot, or done;
 *   B2 the device writes only to pages of an io in a slot: they are not given back before the io is taken from
 *      the queue or the device is reset.
 * Locking: lock [b], a leaf but for the device thread's (device_io_done).
 * References: VIRTIO 1.1, chapter 5.2.
 */
#include <base/string.h>
#include <device/device.h>
#include <device/virtio_blk.h>
#include <device/virtio_pci.h>
#include <kern/assert.h>
#include <kern/clock.h>
#include <kern/kalloc.h>
#include <kern/printf.h>
#include <machine/pmap.h>
#include <vm/vm_page.h>

#define VIRTIO_TYPE_BLK 2
#define VIRTIO_DEVICE_TRANSITIONAL_BLK 0x1001
#define BLK_F_SIZE_MAX (1ULL << 1)
#define BLK_F_SEG_MAX (1ULL << 2)
#define BLK_F_RO (1ULL << 5)
#define BLK_F_BLK_SIZE (1ULL << 6)
#define CONFIG_CAPACITY 0  /* in sectors, whatever the block size */
#define CONFIG_SIZE_MAX 8
#define CONFIG_SEG_MAX 12
#define CONFIG_BLK_SIZE 20
#define SECTOR 512u

enum { REQUEST_IN = 0, REQUEST_OUT = 1 };
enum { STATUS_OK = 0, STATUS_IOERR = 1, STATUS_UNSUPPORTED = 2, STATUS_NOT_WRITTEN = 0xff };

#define SLOTS 64u
#define GIVE_UP_NS (30 * NSEC_PER_SEC)

struct request {
	uint32_t type, reserved;
	uint64_t sector;
	uint8_t status;
};
_Static_assert(sizeof(struct request) <= sizeof(((struct device_io *)0)->driver), "it lies in the io");
_Static_assert(offsetof(struct request, status) == 16, "virtio block request");

/* Lock key: [I] immutable after the probe, [b] lock. */
struct virtio_blk {
	struct device device; /* first */
	struct virtio_pci pci; /* [I] */
	uint32_t pieces_max;   /* [I] data pieces of one request */
	struct spinlock lock;
	struct virtio_queue queue;      /* [b] */
	struct device_io *slot[SLOTS];  /* [b] */
	uint32_t slots_used;            /* [b] */
	struct list waiting;            /* [b] of device_io.link */
	bool failed;                    /* [b] reset: nothing goes to it any more */
};

static struct virtio_blk *blk_of(struct device *d)
{
	return (struct virtio_blk *)d;
}

static struct request *request_of(struct device_io *io)
{
	return (struct request *)(void *)io->driver;
}

/* The data as pieces, and the header before, the status after. */
static uint16_t lay_out(struct device_io *io, struct virtio_piece *piece)
{
	uint32_t left = io->bytes, in_page = io->first_offset;
	struct request *r = request_of(io);
	uint16_t n = 0;

	*r = (struct request){ .type = io->write ? REQUEST_OUT : REQUEST_IN,
			       .sector = io->record * (io->device->record_bytes / SECTOR),
			       .status = STATUS_NOT_WRITTEN };
	piece[n++] = (struct virtio_piece){ virt_to_phys(r), offsetof(struct request, status) };
	for (uint32_t i = 0; i < io->page_count; i++) {
		uint32_t part = (uint32_t)PAGE_SIZE - in_page;
		uint64_t at = io->pages[i]->phys + in_page;

		if (part > left)
			part = left;
		if (n > 1 && piece[n - 1].address + piece[n - 1].length == at)
			piece[n - 1].length += part; /* frames that follow each other */
		else
			piece[n++] = (struct virtio_piece){ at, part };
		left -= part;
		in_page = 0;
	}
	piece[n++] = (struct virtio_piece){ virt_to_phys(&r->status), 1 };
	return n;
}

/* Give io to the device; false: no room now. */
static bool submit_locked(struct virtio_blk *b, struct device_io *io, uint64_t now)
{
	struct virtio_piece piece[DEVICE_IO_PAGES + 2];
	uint32_t slot = 0;
	uint16_t n;

	if (b->slots_used == SLOTS || b->queue.free_count < DEVICE_IO_PAGES + 2)
		return false;
	while (b->slot[slot] != NULL)
		slot++;
	n = lay_out(io, piece);
	if (!virtio_queue_add(&b->queue, piece, io->write ? (uint16_t)(n - 1) : 1, io->write ? 1 : (uint16_t)(n - 1),
			      slot))
		return false;
	io->started_ns = now;
	b->slot[slot] = io;
	b->slots_used++;
	return true;
}

static void submit_waiting_locked(struct virtio_blk *b)
{
	uint64_t now = clock_now_ns();
	struct device_io *io;

	while ((io = list_first(&b->waiting, struct device_io, link)) != NULL && submit_locked(b, io, now))
		list_remove(&io->link);
	if (virtio_queue_publish(&b->queue))
		virtio_pci_ring(&b->pci, &b->queue, 0);
}

/* Everything ends with D_DEVICE_DOWN, and goes on list. */
static void fail_locked(struct virtio_blk *b, struct list *ended)
{
	struct device_io *io;

	b->failed = true;
	atomic_store(&b->device.down, true);
	virtio_pci_fail(&b->pci); /* B2 */
	for (uint32_t i = 0; i < SLOTS; i++) {
		if (b->slot[i] == NULL)
			continue;
		b->slot[i]->result = D_DEVICE_DOWN;
		list_add_tail(ended, &b->slot[i]->link);
		b->slot[i] = NULL;
	}
	b->slots_used = 0;
	while ((io = list_first(&b->waiting, struct device_io, link)) != NULL) {
		list_remove(&io->link);
		io->result = D_DEVICE_DOWN;
		list_add_tail(ended, &io->link);
	}
}

static void end_all(struct list *ended)
{
	struct device_io *io;

	while ((io = list_first(ended, struct device_io, link)) != NULL) {
		list_remove(&io->link);
		device_io_done(io);
	}
}

static kern_return_t result_of(struct device_io *io, uint32_t length)
{
	const struct request *r = request_of(io);
	uint8_t status = *(volatile const uint8_t *)&r->status;

	if (status == STATUS_OK && (io->write || length == io->bytes + 1))
		return D_SUCCESS;
	return status == STATUS_UNSUPPORTED ? D_INVALID_OPERATION : D_IO_ERROR;
}

static void harvest_locked(struct virtio_blk *b, struct list *ended)
{
	enum virtio_taken taken;
	uint32_t slot, length;

	while (!b->failed && (taken = virtio_queue_take(&b->queue, &slot, &length)) != VIRTIO_TAKE_EMPTY) {
		struct device_io *io;

		if (taken == VIRTIO_TAKE_BAD) {
			fail_locked(b, ended);
			return;
		}
		io = b->slot[slot];
		KASSERT(io != NULL); /* B1 */
		b->slot[slot] = NULL;
		b->slots_used--;
		io->result = result_of(io, length);
		list_add_tail(ended, &io->link);
	}
}

static void poll(struct virtio_blk *b)
{
	struct list ended = LIST_INIT(ended);

	spin_lock(&b->lock);
	do {
		harvest_locked(b, &ended);
		if (b->failed)
			break;
		submit_waiting_locked(b);
		virtio_queue_interrupts(&b->queue, true);
	} while (virtio_queue_pending(&b->queue));
	spin_unlock(&b->lock);
	end_all(&ended);
}

static void blk_interrupt(void *arg)
{
	struct virtio_blk *b = arg;

	if (virtio_pci_interrupt_pending(&b->pci))
		poll(b);
}

static void blk_start(struct device *d, struct device_io *io)
{
	struct virtio_blk *b = blk_of(d);
	bool failed;

	spin_lock(&b->lock);
	failed = b->failed;
	if (!failed) {
		list_add_tail(&b->waiting, &io->link);
		submit_waiting_locked(b);
	}
	spin_unlock(&b->lock);
	if (failed) {
		io->result = D_DEVICE_DOWN;
		device_io_done(io);
	}
}

static void blk_watch(struct device *d, uint64_t now)
{
	struct virtio_blk *b = blk_of(d);
	struct list ended = LIST_INIT(ended);
	bool late = false;

	poll(b); /* an interrupt may have been lost */
	spin_lock(&b->lock);
	for (uint32_t i = 0; i < SLOTS && !b->failed; i++)
		late |= b->slot[i] != NULL && now > b->slot[i]->started_ns + GIVE_UP_NS;
	if (late)
		fail_locked(b, &ended);
	spin_unlock(&b->lock);
	if (late)
		kprintf("%s: no answer for %llu s: given up\n", d->name, GIVE_UP_NS / NSEC_PER_SEC);
	end_all(&ended);
}

static const struct device_driver blk_driver = {
	.start = blk_start,
	.watch = blk_watch,
};

/* What the device says of its size, checked. */
static kern_return_t learn(struct virtio_blk *b)
{
	uint32_t size_max = 0, seg_max = 0, block = SECTOR;
	uint64_t sectors;

	if (!virtio_pci_config(&b->pci, CONFIG_CAPACITY, &sectors, sizeof sectors))
		return KERN_FAILURE;
	if ((b->pci.features & BLK_F_SIZE_MAX) != 0 &&
	    virtio_pci_config(&b->pci, CONFIG_SIZE_MAX, &size_max, sizeof size_max) && size_max < DEVICE_IO_MAX + PAGE_SIZE)
		return KERN_NOT_SUPPORTED;
	if ((b->pci.features & BLK_F_SEG_MAX) != 0 &&
	    virtio_pci_config(&b->pci, CONFIG_SEG_MAX, &seg_max, sizeof seg_max) && seg_max < DEVICE_IO_PAGES)
		return KERN_NOT_SUPPORTED;
	if ((b->pci.features & BLK_F_BLK_SIZE) != 0 &&
	    virtio_pci_config(&b->pci, CONFIG_BLK_SIZE, &block, sizeof block) &&
	    (block < SECTOR || block > PAGE_SIZE || (block & (block - 1)) != 0))
		return KERN_NOT_SUPPORTED;
	b->device.record_bytes = block;
	b->device.records = sectors / (block / SECTOR);
	b->device.read_only = (b->pci.features & BLK_F_RO) != 0;
	return sectors >> 54 != 0 ? KERN_NOT_SUPPORTED : KERN_SUCCESS;
}

static kern_return_t attach(struct virtio_blk *b, const struct pci_function *f)
{
	kern_return_t kr = virtio_pci_open(&b->pci, f);

	if (kr == KERN_SUCCESS)
		kr = virtio_pci_negotiate(&b->pci,
					  BLK_F_SIZE_MAX | BLK_F_SEG_MAX | BLK_F_RO | BLK_F_BLK_SIZE | VIRTIO_F_EVENT_IDX,
					  VIRTIO_F_VERSION_1);
	if (kr == KERN_SUCCESS)
		kr = learn(b);
	if (kr == KERN_SUCCESS)
		kr = virtio_pci_queue(&b->pci, 0, &b->queue);
	if (kr == KERN_SUCCESS && b->queue.size < DEVICE_IO_PAGES + 2)
		kr = KERN_NOT_SUPPORTED;
	if (kr == KERN_SUCCESS)
		kr = virtio_pci_interrupt(&b->pci, 1, blk_interrupt, b);
	if (kr == KERN_SUCCESS)
		kr = virtio_pci_ready(&b->pci);
	return kr;
}

static bool found(void *ctx, const struct pci_function *f)
{
	struct virtio_blk *b;

	(void)ctx;
	if (f->vendor != VIRTIO_VENDOR ||
	    (f->device_id != VIRTIO_DEVICE_MODERN + VIRTIO_TYPE_BLK && f->device_id != VIRTIO_DEVICE_TRANSITIONAL_BLK))
		return true;
	b = kalloc_zeroed(sizeof *b);
	if (b == NULL) {
		kwarn("virtio-blk: no memory for the disk at %u:%u\n", f->bus, f->device);
		return false;
	}
	spin_init(&b->lock, "virtio_blk");
	list_init(&b->waiting);
	b->device.driver = &blk_driver;
	if (attach(b, f) != KERN_SUCCESS) {
		kwarn("virtio-blk: the disk at %u:%u is not usable\n", f->bus, f->device);
		virtio_pci_fail(&b->pci);
		kfree(b, sizeof *b);
		return true;
	}
	device_register(&b->device, "vd");
	poll(b); /* interrupts on */
	return true;
}

void virtio_blk_probe(void)
{
	pci_enumerate(found, NULL);
}

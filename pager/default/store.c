/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store.c - see store.h.
 *
 * Slots: each has a port of its own for the answer, so that an answer tells its slot. A transfer that could not even be sent
 *   gets its answer all the same, from a message to the slot's own port (so done() never runs inside transfer_start()).
 */
#include "store.h"

#include <device/device_types.h>
#include <mach/device.h>
#include <mach/device_request.h>
#include <stdio.h>
#include <string.h>

#define SLOTS 64u
#define FAILED_MAX 64u /* blocks in a row that cannot be written: the disk has gone */
#define FAILED_ID 0x4d53 /* to oneself: it could not be sent */

struct slot {
	mach_port_t port;
	struct transfer *transfer; /* NULL: free */
};

struct store stores[STORES_MAX];
uint32_t store_count;

static struct slot slots[SLOTS];
static uint32_t slots_used;
static struct transfer *first_waiting, **last_waiting = &first_waiting;
static struct pool transfers = POOL_INIT(struct transfer);

/* ---- blocks ---- */

uint32_t store_alloc(uint32_t wanted, place_t *place)
{
	struct store *best = NULL;
	uint32_t block, got;

	for (uint32_t i = 0; i < store_count; i++)
		if (stores[i].device != MACH_PORT_NULL && !stores[i].down &&
		    (best == NULL || stores[i].blocks.free > best->blocks.free))
			best = &stores[i];
	if (best == NULL)
		return 0;
	block = blocks_alloc(&best->blocks, wanted, &got);
	if (block == BLOCK_NONE)
		return 0;
	*place = place_of((uint32_t)(best - stores), block);
	return got;
}

void store_free(place_t place)
{
	blocks_free(&stores[place_store(place)].blocks, place_block(place));
}

void store_mark_bad(place_t place)
{
	blocks_mark_bad(&stores[place_store(place)].blocks, place_block(place));
}

uint64_t store_total(void)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < store_count; i++)
		if (!stores[i].down)
			total += stores[i].blocks.total - 1 - stores[i].blocks.bad;
	return total;
}

uint64_t store_free_count(void)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < store_count; i++)
		if (!stores[i].down)
			n += stores[i].blocks.free;
	return n;
}

/* ---- disks ---- */

static kern_return_t is_marked(mach_port_t device)
{
	char *data = NULL;
	mach_msg_type_number_t count = 0;
	kern_return_t result = device_read(device, 0, 0, PAGE_BYTES, &data, &count);

	if (result != D_SUCCESS)
		return result;
	if (count != PAGE_BYTES || memcmp(data, SWAP_MARK, strlen(SWAP_MARK)) != 0)
		result = KERN_FAILURE;
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)data, count);
	return result;
}

kern_return_t store_add(mach_port_t device, const char *name)
{
	dev_status_data_t status;
	mach_msg_type_number_t count = DEV_GET_RECORDS_COUNT;
	struct store *s = &stores[store_count];
	kern_return_t result;
	uint64_t pages;
	mach_vm_address_t memory = 0;
	uint32_t got;

	if (store_count == STORES_MAX)
		return KERN_RESOURCE_SHORTAGE;
	result = device_get_status(device, DEV_GET_RECORDS, status, &count);
	if (result == D_SUCCESS && (uint32_t)status[1] > PAGE_BYTES)
		result = KERN_FAILURE;
	if (result == D_SUCCESS)
		result = is_marked(device);
	if (result != D_SUCCESS)
		return result;
	s->records_per_page = PAGE_BYTES / (uint32_t)status[1];
	pages = (uint32_t)status[0] / s->records_per_page;
	if (pages > PLACE_BLOCKS_MAX - 1)
		pages = PLACE_BLOCKS_MAX - 1; /* no place is PLACE_NONE */
	if (pages < 2)
		return KERN_FAILURE;
	result = mach_vm_allocate(mach_task_self(), &memory, 2 * blocks_bytes((uint32_t)pages), VM_FLAGS_ANYWHERE);
	if (result != KERN_SUCCESS)
		return result;
	s->device = device;
	snprintf(s->name, sizeof(s->name), "%s", name);
	blocks_init(&s->blocks, (uint32_t)pages, (void *)(uintptr_t)memory);
	(void)blocks_alloc(&s->blocks, 1, &got); /* block 0 is the mark */
	store_count++;
	return KERN_SUCCESS;
}

/* ---- transfers ---- */

struct transfer *transfer_new(void)
{
	return pool_alloc(&transfers);
}

void transfer_release(struct transfer *t)
{
	pool_free(&transfers, t);
}

void store_init(mach_port_t set)
{
	for (uint32_t i = 0; i < SLOTS; i++)
		if (mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &slots[i].port) != KERN_SUCCESS ||
		    mach_port_move_member(mach_task_self(), slots[i].port, set) != KERN_SUCCESS)
			__builtin_trap();
}

/* It was not sent: answer ourselves, later. */
static void send_failed(struct slot *slot, kern_return_t result)
{
	mig_reply_error_t m = { .Head = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND_ONCE, 0),
					  .msgh_size = sizeof(m),
					  .msgh_remote_port = slot->port,
					  .msgh_id = FAILED_ID },
				.RetCode = result };

	(void)mach_msg(&m.Head, MACH_SEND_MSG, sizeof(m), 0, MACH_PORT_NULL, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
}

static void send(struct slot *slot)
{
	struct transfer *t = slot->transfer;
	struct store *s = &stores[t->store];
	recnum_t record = t->block * s->records_per_page;
	kern_return_t result;

	if (t->write)
		result = device_write_request(s->device, slot->port, 0, record, t->data, t->pages * PAGE_BYTES);
	else
		result = device_read_request(s->device, slot->port, 0, record, (int)(t->pages * PAGE_BYTES));
	if (result != KERN_SUCCESS)
		send_failed(slot, result);
}

static void send_waiting(void)
{
	for (uint32_t i = 0; first_waiting != NULL && slots_used < SLOTS; i = (i + 1) % SLOTS) {
		if (slots[i].transfer != NULL)
			continue;
		slots[i].transfer = first_waiting;
		first_waiting = first_waiting->next;
		if (first_waiting == NULL)
			last_waiting = &first_waiting;
		slots_used++;
		send(&slots[i]);
	}
}

void transfer_start(struct transfer *t)
{
	t->next = NULL;
	*last_waiting = t;
	last_waiting = &t->next;
	send_waiting();
}

/* What the answer says: a result, and what was read. */
static kern_return_t result_of(mach_msg_header_t *message, const struct transfer *t, char **data)
{
	const struct {
		mach_msg_header_t head;
		mach_msg_body_t body;
		mach_msg_ool_descriptor_t data;
	} *read = (void *)message;
	const struct {
		mach_msg_header_t head;
		kern_return_t result;
		int written;
	} *written = (void *)message;

	*data = NULL;
	if ((message->msgh_bits & MACH_MSGH_BITS_COMPLEX) == 0) {
		if (message->msgh_size < sizeof(mig_reply_error_t))
			return D_IO_ERROR; /* the device died: a send-once notification */
		if (written->result == KERN_SUCCESS && (!t->write || message->msgh_size < sizeof(*written) ||
							written->written != (int)(t->pages * PAGE_BYTES)))
			return D_IO_ERROR;
		return written->result;
	}
	if (message->msgh_id != DEVICE_READ_REPLY_ID || t->write || read->body.msgh_descriptor_count != 1 ||
	    read->data.type != MACH_MSG_OOL_DESCRIPTOR || read->data.size != t->pages * PAGE_BYTES) {
		mach_msg_destroy(message);
		return D_IO_ERROR;
	}
	*data = (char *)read->data.address;
	return *data == NULL ? D_NO_MEMORY : D_SUCCESS;
}

/* What came of a transfer. A disk whose blocks all fail has gone. */
static void count(struct store *s, const struct transfer *t, kern_return_t result)
{
	if (result != KERN_SUCCESS)
		s->errors++;
	else if (t->write)
		s->writes += t->pages;
	else
		s->reads += t->pages;
	if (t->write && result == KERN_SUCCESS)
		s->failed = 0;
	else if (t->write && t->pages == 1 && result == D_IO_ERROR)
		s->failed++;
	if (!s->down && (result == D_DEVICE_DOWN || result == MACH_SEND_INVALID_DEST || s->failed == FAILED_MAX)) {
		s->down = true;
		printf("default pager: %s has gone\n", s->name);
	}
}

bool transfer_answer(mach_msg_header_t *message)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct transfer *t = slots[i].transfer;
		kern_return_t result;
		struct store *s;
		char *data;

		if (slots[i].port != message->msgh_local_port)
			continue;
		if (t == NULL) { /* nothing of ours: nobody else has a right to this port */
			mach_msg_destroy(message);
			return true;
		}
		slots[i].transfer = NULL;
		slots_used--;
		result = result_of(message, t, &data);
		s = &stores[t->store];
		count(s, t, result);
		t->done(t, result, data);
		send_waiting();
		return true;
	}
	return false;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device_io.c - reads and writes of devices under way, and the thread that answers them.
 *
 * Interface: device.h, and device_calls (kern/ipc_kobject_calls.h).
 * Invariants:
 *   I1 an io has all the memory it needs before it starts: frames, and the message that answers it. So paging out, which
 *      writes, never waits for memory once its request was taken, and a device may finish in an interrupt.
 *   I2 each io is answered once, by the device thread.
 * The thread may take the last frames (thread.vm_privilege): answers can cost a little.
 * Locking: done_lock [t], a leaf but for the scheduler's.
 */
#include <base/string.h>
#include <device/buffer_cache.h>
#include <device/device.h>
#include <ipc/mach_msg.h>
#include <kern/assert.h>
#include <kern/clock.h>
#include <kern/ipc_kobject_calls.h>
#include <kern/kalloc.h>
#include <kern/thread.h>
#include <kernel/device_server.h>
#include <mach/mig.h>
#include <sched/sched.h>
#include <vm/vm_device_pager.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_page.h>

#define DEV_STATUS_ROOM 16 /* no flavor has more */
#define WATCH_NS (1 * NSEC_PER_SEC)

/* The forms of the answers, as mig lays out the replies of device.defs. */
struct data_reply {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_ool_descriptor_t data;
};
struct written_reply {
	mach_msg_header_t head;
	kern_return_t RetCode;
	int32_t bytes_written;
};
struct inband_reply {
	mach_msg_header_t head;
	kern_return_t RetCode;
	uint32_t count;
	char data[IO_INBAND_MAX];
};

static struct zone *io_zone;
static struct spinlock done_lock = SPINLOCK_INIT("device done");
static struct list done = LIST_INIT(done);              /* [t] of device_io.link */
static struct waitq idle = { LIST_INIT(idle.threads) }; /* [t] the thread */

/* ---- before ---- */

static void io_free(struct device_io *io)
{
	if (io->copy != NULL) {
		vm_map_copy_discard(io->copy); /* unwires its pages */
	} else {
		for (uint32_t i = 0; i < io->page_count; i++)
			vm_page_release(io->pages[i]);
	}
	device_open_release(io->open);
	zone_free(io_zone, io);
}

/* Check and cut [recnum, recnum + bytes). */
static kern_return_t check_range(const struct device *d, recnum_t recnum, uint64_t bytes, uint32_t *out)
{
	uint64_t left;

	if (bytes == 0 || (bytes & (d->record_bytes - 1)) != 0)
		return D_INVALID_SIZE;
	if (recnum >= d->records)
		return D_INVALID_RECNUM;
	left = (d->records - recnum) * d->record_bytes;
	if (bytes > left)
		bytes = left;
	*out = bytes > DEVICE_IO_MAX ? DEVICE_IO_MAX : (uint32_t)bytes;
	return D_SUCCESS;
}

static kern_return_t io_make(struct device_open *o, dev_mode_t need, recnum_t recnum, uint64_t bytes,
			     uint32_t reply_bytes, struct device_io **out)
{
	struct device_io *io;
	kern_return_t kr;
	uint32_t cut;

	if (o == NULL)
		return D_NO_SUCH_DEVICE;
	if ((o->mode & need) == 0 || o->device->driver->start == NULL)
		return D_INVALID_OPERATION;
	if (atomic_load(&o->device->down))
		return D_DEVICE_DOWN;
	kr = check_range(o->device, recnum, bytes, &cut);
	if (kr != D_SUCCESS)
		return kr;
	io = zone_alloc_zeroed(io_zone);
	if (io == NULL)
		return D_NO_MEMORY;
	io->reply = ipc_kmsg_alloc(reply_bytes);
	if (io->reply == NULL) {
		zone_free(io_zone, io);
		return D_NO_MEMORY;
	}
	io->device = o->device;
	io->open = o;
	atomic_fetch_add(&o->references, 1);
	io->pinned = current_thread()->vm_privilege; /* who reads frees memory, and needs these bytes for it */
	io->write = need == D_WRITE;
	io->record = recnum;
	io->bytes = cut;
	*out = io;
	return D_SUCCESS;
}

/* It could not be started: as if it had never been. */
static kern_return_t io_unmake(struct device_io *io, kern_return_t kr)
{
	ipc_kmsg_free(io->reply);
	io_free(io);
	return kr;
}

/* Frames of our own for all bytes. */
static kern_return_t io_frames(struct device_io *io, bool may_wait)
{
	uint32_t need = (uint32_t)((io->bytes + PAGE_MASK) >> PAGE_SHIFT);

	while (io->page_count < need) {
		struct vm_page *p = vm_page_grab_user();

		if (p == NULL && !may_wait)
			return D_WOULD_BLOCK;
		if (p == NULL && vm_page_grab_user_wait(&p) != KERN_SUCCESS)
			return D_NO_MEMORY;
		vm_page_set_owner(p, 0, PAGE_OWNER_DEVICE, 0);
		io->pages[io->page_count++] = p;
	}
	return D_SUCCESS;
}

/* The pages of a write's data, wired. */
static kern_return_t io_wire(struct device_io *io, struct vm_map_copy *data)
{
	uint64_t end;

	io->first_offset = vm_map_copy_first_offset(data);
	end = io->first_offset + io->bytes;
	for (uint64_t at = 0; at < end; at = (at + PAGE_SIZE) & ~PAGE_MASK) {
		uint64_t offset = at == 0 ? 0 : at - io->first_offset;

		if (vm_map_copy_wire_page(data, offset, &io->pages[io->page_count]) != KERN_SUCCESS) {
			io->page_count = 0;
			vm_map_copy_unwire(data);
			return D_NO_MEMORY;
		}
		io->page_count++;
	}
	io->copy = data;
	return D_SUCCESS;
}

static kern_return_t io_start(struct device_io *io, struct ipc_port *reply_port, mach_msg_id_t id)
{
	mach_msg_header_t *head = io->reply->ikm_header;

	head->msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND_ONCE, 0);
	head->msgh_id = id;
	io->reply->ikm_remote_port = reply_port;
	io->reply->ikm_local_port = IP_NULL;
	atomic_fetch_add(&io->device->in_flight, 1);
	io->device->driver->start(io->device, io);
	return MIG_NO_REPLY;
}

/* ---- of the kernel's own ---- */

struct device_io *device_io_internal(struct device *d, bool write, uint64_t record, uint32_t bytes,
				     void (*finished)(struct device_io *), void *context)
{
	struct device_io *io = zone_alloc_zeroed(io_zone);

	if (io == NULL)
		return NULL;
	io->device = d;
	io->write = write;
	io->record = record;
	io->bytes = bytes;
	io->finished = finished;
	io->context = context;
	return io;
}

void device_io_internal_start(struct device_io *io)
{
	atomic_fetch_add(&io->device->in_flight, 1);
	io->device->driver->start(io->device, io);
}

void device_io_internal_free(struct device_io *io)
{
	zone_free(io_zone, io);
}

/* ---- after ---- */

void device_io_done(struct device_io *io)
{
	spin_lock(&done_lock);
	list_add_tail(&done, &io->link);
	(void)waitq_wake_one(&idle);
	spin_unlock(&done_lock);
}

static void answer_result(struct device_io *io, kern_return_t result)
{
	struct written_reply *out = (struct written_reply *)io->reply->ikm_header;

	out->RetCode = result;
	out->head.msgh_size = sizeof(mig_reply_error_t);
	if (result == D_SUCCESS) {
		out->bytes_written = (int32_t)io->bytes;
		out->head.msgh_size = sizeof(*out);
	}
}

static void answer_inband(struct device_io *io)
{
	struct inband_reply *out = (struct inband_reply *)io->reply->ikm_header;

	out->RetCode = D_SUCCESS;
	out->count = io->answer_bytes;
	memset(out->data, 0, sizeof(out->data));
	memcpy(out->data, vm_page_virt(io->pages[0]), io->answer_bytes);
	out->head.msgh_size = (mach_msg_size_t)(offsetof(struct inband_reply, data) + ((io->answer_bytes + 3) & ~3u));
}

/* The frames become the answer's memory. */
static void answer_data(struct device_io *io)
{
	struct data_reply *out = (struct data_reply *)io->reply->ikm_header;
	struct vm_map_copy *copy = vm_map_copy_from_pages(io->pages, io->page_count, 0, io->bytes, io->pinned);

	if (copy == NULL) {
		answer_result(io, D_NO_MEMORY);
		return;
	}
	io->page_count = 0;
	out->head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
	out->head.msgh_size = sizeof(*out);
	out->body.msgh_descriptor_count = 1;
	out->data = mig_memory_descriptor(copy, io->bytes, 0);
}

static void count(const struct device_io *io)
{
	struct device *d = io->device;

	atomic_fetch_add(io->result != D_SUCCESS ? &d->errors : io->write ? &d->writes : &d->reads, 1);
	atomic_fetch_sub(&d->in_flight, 1);
}

static void answer(struct device_io *io)
{
	count(io);
	if (io->finished != NULL) {
		io->finished(io);
		return;
	}
	if (io->result != D_SUCCESS || io->write)
		answer_result(io, io->result);
	else if (io->inband)
		answer_inband(io);
	else
		answer_data(io);
	(void)mach_msg_send_from_kernel(io->reply);
	io_free(io);
}

static void watch(struct device *d, void *now)
{
	if (d->driver->watch != NULL && atomic_load(&d->in_flight) != 0)
		d->driver->watch(d, *(const uint64_t *)now);
}

static void any_in_flight(struct device *d, void *found)
{
	if (atomic_load(&d->in_flight) != 0)
		*(bool *)found = true;
}

static void device_loop(void *unused)
{
	uint64_t next_watch = 0;

	(void)unused;
	current_thread()->vm_privilege = true;
	for (;;) {
		struct device_io *io;
		uint64_t now = clock_now_ns();
		bool busy = false;

		spin_lock(&done_lock);
		io = list_first(&done, struct device_io, link);
		if (io == NULL && now < next_watch) {
			(void)waitq_block(&idle, &done_lock, WAIT_UNINTERRUPTIBLE, next_watch);
			continue;
		}
		if (io != NULL)
			list_remove(&io->link);
		spin_unlock(&done_lock);
		if (io != NULL) {
			answer(io);
			continue;
		}
		device_for_each(watch, &now);
		device_for_each(any_in_flight, &busy);
		next_watch = now + (busy ? WATCH_NS : 60 * WATCH_NS);
	}
}

void device_io_init(void)
{
	io_zone = zone_create("device ios", sizeof(struct device_io), 0);
}

void device_io_start_thread(void)
{
	thread_deallocate(kernel_thread_start("device", SCHED_PRIORITY_KERNEL + 1, device_loop, NULL));
}

/* ---- the calls ---- */

static kern_return_t call_open(struct device_master *master, dev_mode_t mode, char *name, mach_port_t *out)
{
	return master == NULL ? KERN_INVALID_ARGUMENT : device_open_named(name, mode, out);
}

static kern_return_t call_close(struct device_open *o)
{
	return o != NULL && device_open_close(o->port) ? D_SUCCESS : D_NO_SUCH_DEVICE;
}

static kern_return_t call_write(struct device_open *o, mach_port_t reply_port, dev_mode_t mode, recnum_t recnum,
				struct vm_map_copy *data, mach_msg_type_number_t count, int *written)
{
	struct device_io *io;
	kern_return_t kr = io_make(o, D_WRITE, recnum, count, sizeof(struct written_reply), &io);

	(void)mode;
	(void)written;
	if (kr != D_SUCCESS)
		return kr;
	kr = io_wire(io, data);
	if (kr != D_SUCCESS)
		return io_unmake(io, kr);
	return io_start(io, reply_port, DEVICE_WRITE_REPLY_ID);
}

static kern_return_t call_write_inband(struct device_open *o, mach_port_t reply_port, dev_mode_t mode, recnum_t recnum,
				       io_buf_ptr_inband_t data, mach_msg_type_number_t count, int *written)
{
	struct device_io *io;
	kern_return_t kr = io_make(o, D_WRITE, recnum, count, sizeof(struct written_reply), &io);

	(void)written;
	if (kr != D_SUCCESS)
		return kr;
	kr = io_frames(io, (mode & D_NOWAIT) == 0);
	if (kr != D_SUCCESS)
		return io_unmake(io, kr);
	memcpy(vm_page_virt(io->pages[0]), data, count);
	return io_start(io, reply_port, DEVICE_WRITE_REPLY_ID + 1);
}

static kern_return_t start_read(struct device_open *o, mach_port_t reply_port, dev_mode_t mode, recnum_t recnum,
				uint64_t bytes, uint32_t inband)
{
	struct device_io *io;
	kern_return_t kr = io_make(o, D_READ, recnum, bytes,
				   inband != 0 ? sizeof(struct inband_reply) : sizeof(struct data_reply), &io);

	if (kr != D_SUCCESS)
		return kr;
	kr = io_frames(io, (mode & D_NOWAIT) == 0);
	if (kr != D_SUCCESS)
		return io_unmake(io, kr);
	io->inband = inband != 0;
	io->answer_bytes = inband;
	return io_start(io, reply_port, inband != 0 ? DEVICE_READ_REPLY_ID + 1 : DEVICE_READ_REPLY_ID);
}

static kern_return_t call_read(struct device_open *o, mach_port_t reply_port, dev_mode_t mode, recnum_t recnum,
			       int wanted, struct vm_map_copy **data, mach_msg_type_number_t *count)
{
	(void)data;
	(void)count;
	return wanted <= 0 ? D_INVALID_SIZE : start_read(o, reply_port, mode, recnum, (uint64_t)wanted, 0);
}

static kern_return_t call_read_inband(struct device_open *o, mach_port_t reply_port, dev_mode_t mode, recnum_t recnum,
				      int wanted, io_buf_ptr_inband_t data, mach_msg_type_number_t *count)
{
	uint32_t record;

	(void)data;
	(void)count;
	if (wanted <= 0 || wanted > IO_INBAND_MAX)
		return D_INVALID_SIZE;
	record = o != NULL ? o->device->record_bytes : 1;
	return start_read(o, reply_port, mode, recnum, ((uint32_t)wanted + record - 1) & ~(record - 1),
			  (uint32_t)wanted);
}

/* Does the open's mode allow memory to be mapped so? What is mapped at all can be read on this machine. */
static bool may_map(const struct device_open *o, vm_prot_t prot)
{
	return o->device->driver->map != NULL && (o->mode & D_READ) != 0 &&
	       ((prot & VM_PROT_WRITE) == 0 || (o->mode & D_WRITE) != 0);
}

static kern_return_t call_map(struct device_open *o, vm_prot_t prot, vm_offset_t offset, vm_size_t size,
			      mach_port_t *pager, int unmap)
{
	struct device_range range;
	uint64_t all;
	kern_return_t kr;

	(void)unmap; /* of OSF's interface, without a meaning there too */
	if (o == NULL)
		return D_NO_SUCH_DEVICE;
	if (prot == VM_PROT_NONE || (prot & ~VM_PROT_ALL) != 0 || (offset & PAGE_MASK) != 0)
		return KERN_INVALID_ARGUMENT;
	if (!may_map(o, prot))
		return D_INVALID_OPERATION;
	if (atomic_load(&o->device->down))
		return D_DEVICE_DOWN;
	all = o->device->records * o->device->record_bytes;
	if (offset >= all)
		return D_INVALID_RECNUM;
	if (size == 0 || size > all - offset)
		return D_INVALID_SIZE;
	size = (size + PAGE_MASK) & ~PAGE_MASK;
	kr = o->device->driver->map(o->device, offset, size, &range);
	if (kr == D_SUCCESS)
		kr = vm_device_pager_create(range.phys, size, prot, range.cache, pager);
	return kr == KERN_RESOURCE_SHORTAGE ? D_NO_MEMORY : kr == KERN_INVALID_ARGUMENT ? D_INVALID_OPERATION : kr;
}

static kern_return_t call_set_status(struct device_open *o, dev_flavor_t flavor, dev_status_t status,
				     mach_msg_type_number_t count)
{
	(void)flavor, (void)status, (void)count;
	return o == NULL ? D_NO_SUCH_DEVICE : D_INVALID_OPERATION;
}

/* What the flavor says, in status; its count, or 0: there is none. */
static uint32_t describe(struct device *d, dev_flavor_t flavor, int *status)
{
	uint64_t bytes = d->records * d->record_bytes;

	switch (flavor) {
	case DEV_GET_SIZE:
		status[DEV_GET_SIZE_DEVICE_SIZE] = bytes > INT32_MAX ? INT32_MAX : (int)bytes;
		status[DEV_GET_SIZE_RECORD_SIZE] = (int)d->record_bytes;
		return DEV_GET_SIZE_COUNT;
	case DEV_GET_RECORDS:
		status[DEV_GET_RECORDS_DEVICE_RECORDS] = (int)(uint32_t)(d->records > UINT32_MAX ? UINT32_MAX : d->records);
		status[DEV_GET_RECORDS_RECORD_SIZE] = (int)d->record_bytes;
		return DEV_GET_RECORDS_COUNT;
	case DEV_GET_COUNTS:
		status[DEV_GET_COUNTS_READS] = (int)atomic_load(&d->reads);
		status[DEV_GET_COUNTS_WRITES] = (int)atomic_load(&d->writes);
		status[DEV_GET_COUNTS_ERRORS] = (int)atomic_load(&d->errors);
		status[DEV_GET_COUNTS_IN_FLIGHT] = (int)atomic_load(&d->in_flight);
		return DEV_GET_COUNTS_COUNT;
	case DEV_GET_CACHE:
		return buffer_cache_counts(d, status) ? DEV_GET_CACHE_COUNT : 0;
	default:
		return d->driver->status != NULL ? d->driver->status(d, flavor, status) : 0;
	}
}

static kern_return_t call_get_status(struct device_open *o, dev_flavor_t flavor, dev_status_t status,
				     mach_msg_type_number_t *count)
{
	int all[DEV_STATUS_ROOM];
	uint32_t n;

	if (o == NULL)
		return D_NO_SUCH_DEVICE;
	n = describe(o->device, flavor, all);
	if (n == 0)
		return D_INVALID_OPERATION;
	if (*count < n)
		return D_INVALID_SIZE;
	memcpy(status, all, n * sizeof(int));
	*count = n;
	return D_SUCCESS;
}

const struct device_ops device_calls = {
	.device_open = call_open,
	.device_close = call_close,
	.device_write = call_write,
	.device_write_inband = call_write_inband,
	.device_read = call_read,
	.device_read_inband = call_read_inband,
	.device_map = call_map,
	.device_set_status = call_set_status,
	.device_get_status = call_get_status,
};

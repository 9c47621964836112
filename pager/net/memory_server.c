/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory_server.c - lends memory of its node, as disks that any node of the cluster can open.
 *
 *   memory-server MIB        lend at most MIB mebibytes, under the name memory/N (N: the number of this node)
 *
 * It is a device server like the kernel's own (mach/device.defs), but in user space and for everybody who can look its name up:
 * device_open(server, D_READ | D_WRITE, "64") makes a new disk of 64 MiB of zeros, of records of a page, which is the opener's alone. It ends, and its
 * memory is free again, with device_close() or when nobody has a right to it any more, so also when the opener's node dies. When this node
 * dies the disks' ports die, as those of a disk that was pulled out.
 * What is lent is wired: it is there when it is wanted and is never lent on. The bootstrap server starts it with the host control port, which wiring
 *   needs; without it, it does not lend.
 * Structure: one thread, one port set: the server's port, the disks, no-senders notifications (each to the disk's own port).
 */
#include <device/device_types.h>
#include <mach/device_server.h>
#include <mach/host_priv.h>
#include <mach/mach.h>
#include <mach/mach_vm.h>
#include <mach/notify_server.h>
#include <servers/bootstrap_names.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD 4096u
#define MIB (1u << 20)
#define LENDABLE_MAX (1u << 20) /* MiB: records are counted in 31 bits */
#define DISKS_MAX 64u
#define MESSAGE_MAX 4096u

struct disk {
	mach_port_t port; /* its receive right; MACH_PORT_NULL: free */
	mach_vm_address_t memory;
	recnum_t records;
	dev_mode_t mode;
	uint32_t reads, writes;
};

static struct disk disks[DISKS_MAX];
static mach_port_t server, set, control;
static uint64_t lendable, lent; /* bytes */

static void must(kern_return_t result, const char *what)
{
	if (result == KERN_SUCCESS)
		return;
	printf("memory server: %s: %s\n", what, mach_error_string(result));
	exit(1);
}

/* The disk of a port; of MACH_PORT_NULL: a free one. NULL: none. */
static struct disk *disk_of(mach_port_t port)
{
	for (uint32_t i = 0; i < DISKS_MAX; i++)
		if (disks[i].port == port)
			return &disks[i];
	return NULL;
}

static uint64_t bytes_of(const struct disk *d)
{
	return (uint64_t)d->records * RECORD;
}

/* ---- a disk's beginning and end ---- */

/* Its memory, wired and zero. */
static bool borrow(struct disk *d, uint64_t bytes)
{
	if (bytes > lendable - lent || mach_vm_allocate(mach_task_self(), &d->memory, bytes, VM_FLAGS_ANYWHERE) != KERN_SUCCESS)
		return false;
	if (mach_vm_wire(control, mach_task_self(), d->memory, bytes, VM_PROT_READ | VM_PROT_WRITE) != KERN_SUCCESS) {
		(void)mach_vm_deallocate(mach_task_self(), d->memory, bytes);
		return false;
	}
	d->records = (recnum_t)(bytes / RECORD);
	lent += bytes;
	return true;
}

static void give_back(struct disk *d)
{
	(void)mach_vm_wire(control, mach_task_self(), d->memory, bytes_of(d), VM_PROT_NONE);
	(void)mach_vm_deallocate(mach_task_self(), d->memory, bytes_of(d));
	lent -= bytes_of(d);
}

static void end(struct disk *d)
{
	(void)mach_port_mod_refs(mach_task_self(), d->port, MACH_PORT_RIGHT_RECEIVE, -1);
	give_back(d);
	*d = (struct disk){ .port = MACH_PORT_NULL };
}

/* A port in the set with one send right, told when its last sender goes. */
static kern_return_t make_port(mach_port_t *port)
{
	mach_port_t previous = MACH_PORT_NULL;
	kern_return_t result = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, port);

	if (result != KERN_SUCCESS)
		return result;
	result = mach_port_move_member(mach_task_self(), *port, set);
	if (result == KERN_SUCCESS)
		result = mach_port_request_notification(mach_task_self(), *port, MACH_NOTIFY_NO_SENDERS, 1, *port,
							MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
	if (result == KERN_SUCCESS)
		result = mach_port_insert_right(mach_task_self(), *port, *port, MACH_MSG_TYPE_MAKE_SEND);
	if (result != KERN_SUCCESS)
		(void)mach_port_mod_refs(mach_task_self(), *port, MACH_PORT_RIGHT_RECEIVE, -1);
	return result;
}

static kern_return_t do_open(mach_port_t master, dev_mode_t mode, char *name, mach_port_t *device)
{
	struct disk *d = disk_of(MACH_PORT_NULL);
	char *rest;
	unsigned long mib = strtoul(name, &rest, 10);

	if (master != server)
		return KERN_INVALID_ARGUMENT;
	if (name[0] < '1' || name[0] > '9' || *rest != '\0')
		return D_NO_SUCH_DEVICE;
	if ((mode & (D_READ | D_WRITE)) == 0 || (mode & ~(D_READ | D_WRITE | D_NODELAY)) != 0)
		return D_INVALID_OPERATION;
	if (d == NULL || mib > lendable / MIB || !borrow(d, (uint64_t)mib * MIB))
		return D_NO_MEMORY;
	if (make_port(&d->port) != KERN_SUCCESS) {
		give_back(d);
		*d = (struct disk){ .port = MACH_PORT_NULL };
		return D_NO_MEMORY;
	}
	d->mode = mode;
	*device = d->port;
	return D_SUCCESS;
}

static kern_return_t do_close(device_t device)
{
	struct disk *d = disk_of(device);

	if (device == server || d == NULL)
		return D_NO_SUCH_DEVICE;
	end(d);
	return D_SUCCESS;
}

/* ---- reading and writing ---- */

/*
 * The disk and the bytes of *bytes from record recnum on that it has, at most DEVICE_IO_MAX, as *bytes; an error as device_write's. whole: they
 * are whole records.
 */
static kern_return_t check(device_t device, dev_mode_t way, recnum_t recnum, int64_t *bytes, bool whole, struct disk **disk)
{
	struct disk *d = disk_of(device);
	int64_t most;

	if (d == NULL)
		return D_NO_SUCH_DEVICE;
	if ((d->mode & way) == 0)
		return D_INVALID_OPERATION;
	if (recnum >= d->records)
		return D_INVALID_RECNUM;
	if (*bytes <= 0 || (whole && *bytes % RECORD != 0))
		return D_INVALID_SIZE;
	most = (int64_t)(d->records - recnum) * RECORD;
	if (most > (int64_t)DEVICE_IO_MAX)
		most = DEVICE_IO_MAX;
	if (*bytes > most)
		*bytes = most;
	*disk = d;
	return D_SUCCESS;
}

static kern_return_t do_write(device_t device, mach_port_t reply, dev_mode_t mode, recnum_t recnum, io_buf_ptr_t data,
			      mach_msg_type_number_t count, int *written)
{
	int64_t bytes = count;
	struct disk *d;
	kern_return_t result = check(device, D_WRITE, recnum, &bytes, true, &d);

	if (result != D_SUCCESS)
		return result;
	memcpy((char *)(uintptr_t)d->memory + (uint64_t)recnum * RECORD, data, (size_t)bytes);
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)data, count);
	d->writes++;
	*written = (int)bytes;
	return D_SUCCESS;
}

static kern_return_t do_write_inband(device_t device, mach_port_t reply, dev_mode_t mode, recnum_t recnum,
				     io_buf_ptr_inband_t data, mach_msg_type_number_t count, int *written)
{
	int64_t bytes = count;
	struct disk *d;
	kern_return_t result = check(device, D_WRITE, recnum, &bytes, true, &d);

	return result != D_SUCCESS ? result : D_INVALID_SIZE; /* no record is so small */
}

/* The reply takes the disk's own pages, copied by the kernel. */
static kern_return_t do_read(device_t device, mach_port_t reply, dev_mode_t mode, recnum_t recnum, int wanted, io_buf_ptr_t *data,
			     mach_msg_type_number_t *count)
{
	int64_t bytes = wanted;
	struct disk *d;
	kern_return_t result = check(device, D_READ, recnum, &bytes, true, &d);

	if (result != D_SUCCESS)
		return result;
	d->reads++;
	*data = (char *)(uintptr_t)d->memory + (uint64_t)recnum * RECORD;
	*count = (mach_msg_type_number_t)bytes;
	return D_SUCCESS;
}

static kern_return_t do_read_inband(device_t device, mach_port_t reply, dev_mode_t mode, recnum_t recnum, int wanted,
				    io_buf_ptr_inband_t data, mach_msg_type_number_t *count)
{
	int64_t bytes = wanted > IO_INBAND_MAX ? IO_INBAND_MAX : wanted;
	struct disk *d;
	kern_return_t result = check(device, D_READ, recnum, &bytes, false, &d);

	if (result != D_SUCCESS)
		return result;
	d->reads++;
	memcpy(data, (const char *)(uintptr_t)d->memory + (uint64_t)recnum * RECORD, (size_t)bytes);
	*count = (mach_msg_type_number_t)bytes;
	return D_SUCCESS;
}

/* ---- the rest ---- */

static kern_return_t do_map(device_t device, vm_prot_t prot, vm_offset_t offset, vm_size_t size, mach_port_t *object, int unmap)
{
	return disk_of(device) == NULL ? D_NO_SUCH_DEVICE : D_INVALID_OPERATION;
}

static kern_return_t do_set_status(device_t device, dev_flavor_t flavor, dev_status_t status, mach_msg_type_number_t count)
{
	return disk_of(device) == NULL ? D_NO_SUCH_DEVICE : D_INVALID_OPERATION;
}

static kern_return_t do_get_status(device_t device, dev_flavor_t flavor, dev_status_t status, mach_msg_type_number_t *count)
{
	const struct disk *d = disk_of(device);
	int out[DEV_GET_COUNTS_COUNT];
	mach_msg_type_number_t n;

	if (d == NULL)
		return D_NO_SUCH_DEVICE;
	switch (flavor) {
	case DEV_GET_SIZE:
		out[DEV_GET_SIZE_DEVICE_SIZE] = bytes_of(d) > INT32_MAX ? INT32_MAX : (int)bytes_of(d);
		out[DEV_GET_SIZE_RECORD_SIZE] = RECORD;
		n = DEV_GET_SIZE_COUNT;
		break;
	case DEV_GET_RECORDS:
		out[DEV_GET_RECORDS_DEVICE_RECORDS] = (int)d->records;
		out[DEV_GET_RECORDS_RECORD_SIZE] = RECORD;
		n = DEV_GET_RECORDS_COUNT;
		break;
	case DEV_GET_COUNTS:
		out[DEV_GET_COUNTS_READS] = (int)d->reads;
		out[DEV_GET_COUNTS_WRITES] = (int)d->writes;
		out[DEV_GET_COUNTS_ERRORS] = 0;
		out[DEV_GET_COUNTS_IN_FLIGHT] = 0;
		n = DEV_GET_COUNTS_COUNT;
		break;
	default:
		return D_INVALID_OPERATION;
	}
	if (*count < n)
		return D_INVALID_SIZE;
	memcpy(status, out, n * sizeof(*out));
	*count = n;
	return D_SUCCESS;
}

static const struct device_ops calls = {
	.device_open = do_open,
	.device_close = do_close,
	.device_write = do_write,
	.device_write_inband = do_write_inband,
	.device_read = do_read,
	.device_read_inband = do_read_inband,
	.device_map = do_map,
	.device_set_status = do_set_status,
	.device_get_status = do_get_status,
};

/*
 * All who could use the disk have gone. The message may be forged by one who has a right to the port: then somebody has, and the disk
 * stays.
 */
static kern_return_t do_no_senders(mach_port_t port, mach_port_mscount_t mscount)
{
	struct disk *d = disk_of(port);
	mach_port_status_t status;
	mach_msg_type_number_t count = MACH_PORT_RECEIVE_STATUS_COUNT;

	if (port == server || d == NULL ||
	    mach_port_get_attributes(mach_task_self(), port, MACH_PORT_RECEIVE_STATUS, (mach_port_info_t)&status, &count) != KERN_SUCCESS)
		return KERN_SUCCESS;
	if (!status.mps_srights)
		end(d);
	return KERN_SUCCESS;
}

static const struct notify_ops notify_calls = {
	.mach_notify_no_senders = do_no_senders,
};

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	return device_demux(&calls, in, out) || notify_demux(&notify_calls, in, out);
}

static void tell(const char *name)
{
	printf("memory server: lends %lu MiB as %s\n", (unsigned long)(lendable / MIB), name);
}

int main(int argc, char **argv)
{
	unsigned long mib = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (mib == 0 || mib > LENDABLE_MAX) {
		printf("usage: memory-server MIB\n");
		return 2;
	}
	lendable = (uint64_t)mib * MIB;
	must(task_get_special_port(mach_task_self(), TASK_HOST_PORT, &control), "the host control port");
	must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set), "making a port set");
	must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &server), "making the service port");
	must(mach_port_insert_right(mach_task_self(), server, server, MACH_MSG_TYPE_MAKE_SEND), "making its right");
	must(mach_port_move_member(mach_task_self(), server, set), "serving it");
	must(bootstrap_keep("memory", server, tell), "keeping its name");
	must(mach_msg_server(demux, MESSAGE_MAX, set, MACH_MSG_OPTION_NONE), "serving");
	return 1;
}

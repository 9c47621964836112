/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lent_memory.c - every call and error of a memory server of another node (pager/net/memory_server.c), for tests/system/remote_swap.t.
 *
 *   lent_memory NAME MIB        NAME lends MIB mebibytes, and nobody else borrows
 */
#include "tap.h"

#include <device/device_types.h>
#include <mach/device.h>
#include <servers/bootstrap_names.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RECORD 4096u
#define MIB (1u << 20)
#define DISK_MIB 2u
#define RECORDS (DISK_MIB * MIB / RECORD)
#define TRIES 200

static mach_port_t server, disk;
static _Alignas(4096) char bytes[2 * DEVICE_IO_MAX];

static void opens(unsigned mib)
{
	mach_port_t other = MACH_PORT_NULL;
	char much[16];

	snprintf(much, sizeof(much), "%u", mib + 1);
	tap_result(device_open(server, D_READ, "vd0", &other), D_NO_SUCH_DEVICE, "LENT0002 a name that is no size");
	tap_result(device_open(server, D_READ, "0", &other), D_NO_SUCH_DEVICE, "LENT0003 a disk of nothing");
	tap_result(device_open(server, D_READ, "4x", &other), D_NO_SUCH_DEVICE, "LENT0004 a size and more");
	tap_result(device_open(server, 0, "4", &other), D_INVALID_OPERATION, "LENT0005 no mode");
	tap_result(device_open(server, D_READ | 0x100, "4", &other), D_INVALID_OPERATION, "LENT0006 a mode that there is not");
	tap_result(device_open(server, D_READ, much, &other), D_NO_MEMORY, "LENT0007 more than is lent");
	tap_result(device_open(server, D_READ, "99999999999999999999", &other), D_NO_MEMORY, "LENT0008 more than any number");
	tap_result(device_open(server, D_READ | D_WRITE, "2", &disk), D_SUCCESS, "LENT0009 a disk of 2 MiB");
	tap_result(device_open(disk, D_READ, "2", &other), KERN_INVALID_ARGUMENT, "LENT0010 a disk opens nothing");
	snprintf(much, sizeof(much), "%u", mib - DISK_MIB + 1);
	tap_result(device_open(server, D_READ, much, &other), D_NO_MEMORY, "LENT0011 what is lent is not lent again");
}

static bool reads(recnum_t record, unsigned n, char wanted)
{
	char *data = NULL;
	mach_msg_type_number_t count = 0;
	bool good = device_read(disk, 0, record, (int)(n * RECORD), &data, &count) == D_SUCCESS && count == n * RECORD;

	for (mach_msg_type_number_t i = 0; good && i < count; i++)
		good = data[i] == wanted;
	if (data != NULL)
		(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)data, count);
	return good;
}

static void transfers(void)
{
	char small[IO_INBAND_MAX], *data;
	mach_msg_type_number_t count = sizeof(small);
	int written = 0;

	tap(reads(RECORDS - 1, 1, 0), "LENT0020 it is zeros");
	memset(bytes, 'a', sizeof(bytes));
	tap(device_write(disk, 0, 3, bytes, 3 * RECORD, &written) == D_SUCCESS && written == 3 * RECORD && reads(3, 3, 'a') &&
		    reads(2, 1, 0) && reads(6, 1, 0),
	    "LENT0021 what is written is read, and nothing beside it was");
	tap(device_write(disk, 0, 0, bytes, sizeof(bytes), &written) == D_SUCCESS && written == (int)DEVICE_IO_MAX &&
		    reads(DEVICE_IO_MAX / RECORD - 1, 1, 'a') && reads(DEVICE_IO_MAX / RECORD, 1, 0),
	    "LENT0022 more than DEVICE_IO_MAX is written in part");
	tap(device_write(disk, 0, RECORDS - 1, bytes, 2 * RECORD, &written) == D_SUCCESS && written == RECORD,
	    "LENT0023 as is what goes beyond the end");
	tap_result(device_write(disk, 0, RECORDS, bytes, RECORD, &written), D_INVALID_RECNUM, "LENT0024 a record behind the end");
	tap_result(device_write(disk, 0, 0, bytes, RECORD + 1, &written), D_INVALID_SIZE, "LENT0025 no whole record");
	tap_result(device_read(disk, 0, 0, 0, &data, &count), D_INVALID_SIZE, "LENT0026 nothing to read");
	tap_result(device_read(disk, 0, 0, -4096, &data, &count), D_INVALID_SIZE, "LENT0027 less than nothing");
	tap_result(device_read(disk, 0, UINT32_MAX, 4096, &data, &count), D_INVALID_RECNUM, "LENT0028 no such record to read");
	count = sizeof(small);
	tap(device_read_inband(disk, 0, 3, 1000, small, &count) == D_SUCCESS && count == IO_INBAND_MAX && small[127] == 'a',
	    "LENT0029 a record's beginning, in the message");
	tap_result(device_write_inband(disk, 0, 3, small, count, &written), D_INVALID_SIZE, "LENT0030 no record fits there");
}

static void statuses(void)
{
	dev_status_data_t status;
	mach_msg_type_number_t count = DEV_GET_SIZE_COUNT;
	mach_port_t other;

	tap(device_get_status(disk, DEV_GET_SIZE, status, &count) == D_SUCCESS && count == DEV_GET_SIZE_COUNT &&
		    status[DEV_GET_SIZE_DEVICE_SIZE] == (int)(DISK_MIB * MIB) && status[DEV_GET_SIZE_RECORD_SIZE] == (int)RECORD,
	    "LENT0040 its size");
	count = DEV_GET_RECORDS_COUNT;
	tap(device_get_status(disk, DEV_GET_RECORDS, status, &count) == D_SUCCESS && status[DEV_GET_RECORDS_DEVICE_RECORDS] == (int)RECORDS,
	    "LENT0041 its records");
	count = DEV_GET_COUNTS_COUNT;
	tap(device_get_status(disk, DEV_GET_COUNTS, status, &count) == D_SUCCESS && status[DEV_GET_COUNTS_WRITES] == 3,
	    "LENT0042 how much was written");
	count = 1;
	tap_result(device_get_status(disk, DEV_GET_SIZE, status, &count), D_INVALID_SIZE, "LENT0043 too little room");
	count = DEV_STATUS_MAX;
	tap_result(device_get_status(disk, 77, status, &count), D_INVALID_OPERATION, "LENT0044 no such status");
	tap_result(device_set_status(disk, 77, status, 1), D_INVALID_OPERATION, "LENT0045 nothing can be set");
	tap_result(device_map(disk, VM_PROT_READ, 0, RECORD, &other, 0), D_INVALID_OPERATION, "LENT0046 it is not mapped");
	tap_result(device_close(server), D_NO_SUCH_DEVICE, "LENT0047 the server is no disk");
	tap_result(device_get_status(server, DEV_GET_SIZE, status, &count), D_NO_SUCH_DEVICE, "LENT0048 and has no status");
}

/* All that is lent can be had again, after a moment. */
static bool all_is_back(unsigned mib)
{
	const struct timespec pause = { 0, 50000000L };
	char all[16];

	snprintf(all, sizeof(all), "%u", mib);
	for (int i = 0; i < TRIES; i++, (void)nanosleep(&pause, NULL))
		if (device_open(server, D_READ, all, &disk) == D_SUCCESS)
			return true;
	return false;
}

static void ends(unsigned mib)
{
	mach_port_type_t type = 0;
	int written;

	tap_result(device_close(disk), D_SUCCESS, "LENT0060 closed");
	for (int i = 0; i < TRIES && (type & MACH_PORT_TYPE_DEAD_NAME) == 0; i++, (void)nanosleep(&(struct timespec){ 0, 50000000L }, NULL))
		(void)mach_port_type(mach_task_self(), disk, &type);
	tap((type & MACH_PORT_TYPE_DEAD_NAME) != 0, "LENT0061 it is a dead name");
	(void)mach_port_deallocate(mach_task_self(), disk);
	tap(all_is_back(mib), "LENT0062 its memory can be lent again");
	tap_result(device_write(disk, 0, 0, bytes, RECORD, &written), D_INVALID_OPERATION, "LENT0063 a disk that was opened to read");
	tap(reads(0, 1, 0), "LENT0064 is zeros, whatever was there before");
	(void)mach_port_deallocate(mach_task_self(), disk);
	tap(all_is_back(mib), "LENT0065 what nobody has a right to is lent again");
}

int main(int argc, char **argv)
{
	unsigned mib = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;

	if (mib <= DISK_MIB)
		return 2;
	tap_result(bootstrap_look_up_wait(bootstrap_port, argv[1], &server), KERN_SUCCESS, "LENT0001 the memory server of another node");
	opens(mib);
	transfers();
	statuses();
	ends(mib);
	return tap_done();
}

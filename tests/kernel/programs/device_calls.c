/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device_calls.c - the first task of its boot (tests/kernel/device.t), which has the host control port: every call of
 * mach/device.defs and every error, on vd0 (an 8 MiB disk that the test filled with each sector's number), vd1 (read
 * only), vd2 (its sector 100 gives errors).
 */
#include "../../programs/residue.h"
#include "../../programs/tap.h"

#include <device/device_types.h>
#include <mach/device.h>
#include <mach/device_request.h>
#include <mach/host_priv.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR 512u
#define RECORDS (8u << 11)

static mach_port_t control, master;

static uint32_t first_word(const char *data, unsigned sector)
{
	uint32_t word;

	memcpy(&word, data + sector * SECTOR, sizeof(word));
	return word;
}

static void give_back(void *data, uint64_t bytes)
{
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)data, bytes);
}

static void opens(void)
{
	mach_port_t device = MACH_PORT_NULL, again = MACH_PORT_NULL;
	dev_status_data_t status;
	mach_msg_type_number_t count = DEV_GET_SIZE_COUNT;

	tap_result(host_get_special_port(control, HOST_LOCAL_NODE, HOST_IO_MASTER_PORT, &master), KERN_SUCCESS,
		   "DEVC0001 the host control port gives the device master port");
	tap_result(device_open(mach_task_self(), D_READ, "vd0", &device), KERN_INVALID_ARGUMENT,
		   "DEVC0002 another port opens nothing");
	tap_result(device_open(master, D_READ, "vd9", &device), D_NO_SUCH_DEVICE, "DEVC0003 a device that there is not");
	tap_result(device_open(master, 0, "vd0", &device), D_INVALID_OPERATION, "DEVC0004 a mode that there is not");
	tap_result(device_open(master, D_READ | D_WRITE, "vd1", &device), D_READ_ONLY, "DEVC0005 a read-only disk, to write");
	tap_result(device_open(master, D_READ, "vd0", &device), D_SUCCESS, "DEVC0006 open to read");
	tap_result(device_open(master, D_READ | D_WRITE, "vd0", &again), D_SUCCESS, "DEVC0007 open again, to write");
	tap(device != again, "DEVC0008 each open is a port of its own");
	tap_result(device_get_status(device, DEV_GET_SIZE, status, &count), D_SUCCESS, "DEVC0009 its size");
	tap(count == 2 && status[0] == (int)(RECORDS * SECTOR) && status[1] == (int)SECTOR, "DEVC0010 8 MiB by 512");
	count = DEV_GET_RECORDS_COUNT;
	tap_result(device_get_status(device, DEV_GET_RECORDS, status, &count), D_SUCCESS, "DEVC0011 its records");
	tap(status[0] == (int)RECORDS && status[1] == (int)SECTOR, "DEVC0012 16384 by 512");
	count = 1;
	tap_result(device_get_status(device, DEV_GET_SIZE, status, &count), D_INVALID_SIZE, "DEVC0013 too little room");
	count = DEV_STATUS_MAX;
	tap_result(device_get_status(device, 77, status, &count), D_INVALID_OPERATION, "DEVC0014 no such status");
	tap_result(device_set_status(device, 77, status, 1), D_INVALID_OPERATION, "DEVC0015 nothing to set");
	tap_result(device_map(device, VM_PROT_READ, 0, 4096, &again, 0), D_INVALID_OPERATION, "DEVC0016 a disk is not mapped");
	tap_result(device_close(device), D_SUCCESS, "DEVC0017 close");
	tap_result(device_close(device), MACH_SEND_INVALID_DEST, "DEVC0018 its port is dead then");
	tap_result(device_close(mach_task_self()), D_NO_SUCH_DEVICE, "DEVC0019 a task is no device");
	tap_result(device_close(again), D_SUCCESS, "DEVC0020 the other open was not closed with it");
}

static void reads(mach_port_t device)
{
	char *data = NULL;
	char inband[IO_INBAND_MAX];
	mach_msg_type_number_t count = 0;

	tap_result(device_read(device, 0, 5, SECTOR, &data, &count), D_SUCCESS, "DEVC0021 read a sector");
	tap(count == SECTOR && first_word(data, 0) == 5, "DEVC0022 it is the one");
	give_back(data, count);
	tap_result(device_read(device, 0, 1000, 64 * SECTOR, &data, &count), D_SUCCESS, "DEVC0023 read 32 KiB");
	tap(count == 64 * SECTOR && first_word(data, 0) == 1000 && first_word(data, 63) == 1063,
	    "DEVC0024 in order");
	give_back(data, count);
	tap_result(device_read(device, 0, 0, 1 << 20, &data, &count), D_SUCCESS, "DEVC0025 ask for 1 MiB");
	tap(count == DEVICE_IO_MAX && first_word(data, count / SECTOR - 1) == count / SECTOR - 1,
	    "DEVC0026 get DEVICE_IO_MAX");
	give_back(data, count);
	tap_result(device_read(device, 0, RECORDS - 2, 8 * SECTOR, &data, &count), D_SUCCESS, "DEVC0027 read past the end");
	tap(count == 2 * SECTOR && first_word(data, 1) == RECORDS - 1, "DEVC0028 get what there is");
	give_back(data, count);
	tap_result(device_read(device, 0, RECORDS, SECTOR, &data, &count), D_INVALID_RECNUM, "DEVC0029 beyond the end");
	tap_result(device_read(device, 0, 0, 100, &data, &count), D_INVALID_SIZE, "DEVC0030 not a whole record");
	tap_result(device_read(device, 0, 0, 0, &data, &count), D_INVALID_SIZE, "DEVC0031 nothing");
	tap_result(device_read(device, 0, 0, -512, &data, &count), D_INVALID_SIZE, "DEVC0032 less than nothing");
	count = IO_INBAND_MAX;
	tap_result(device_read_inband(device, 0, 9, 100, inband, &count), D_SUCCESS, "DEVC0033 read in the message");
	tap(count == 100 && first_word(inband, 0) == 9, "DEVC0034 100 bytes of record 9");
	tap_result(device_read_inband(device, 0, 9, IO_INBAND_MAX + 1, inband, &count), D_INVALID_SIZE,
		   "DEVC0035 more than fits in the message");
	tap_result(device_write(device, 0, 0, inband, SECTOR, &(int){ 0 }), D_INVALID_OPERATION,
		   "DEVC0036 a device opened to read is not written");
	tap_result(device_read(mach_task_self(), 0, 0, SECTOR, &data, &count), D_NO_SUCH_DEVICE, "DEVC0037 a task is not read");
}

/* bytes of a pattern that differs by word and round, at any address. */
static void fill(char *at, uint32_t bytes, uint32_t round)
{
	for (uint32_t i = 0; i < bytes; i += 4) {
		uint32_t word = i * 2654435761u + round;

		memcpy(at + i, &word, 4);
	}
}

static void writes(mach_port_t device)
{
	static char buffer[DEVICE_IO_MAX + 8192];
	char *data = NULL;
	mach_msg_type_number_t count = 0;
	int written = 0;

	fill(buffer + 37, 40 * SECTOR, 1);
	tap_result(device_write(device, 0, 2000, buffer + 37, 40 * SECTOR, &written), D_SUCCESS,
		   "DEVC0038 write 20 KiB from an odd address");
	tap(written == (int)(40 * SECTOR), "DEVC0039 all of it");
	tap_result(device_read(device, 0, 1999, 42 * SECTOR, &data, &count), D_SUCCESS, "DEVC0040 read it back");
	tap(count == 42 * SECTOR && memcmp(data + SECTOR, buffer + 37, 40 * SECTOR) == 0 &&
		    first_word(data, 0) == 1999 && first_word(data, 41) == 2040,
	    "DEVC0041 it is there, and its neighbours are as they were");
	give_back(data, count);
	fill(buffer + 4001, DEVICE_IO_MAX, 2);
	tap_result(device_write(device, 0, 4096, buffer + 4001, DEVICE_IO_MAX, &written), D_SUCCESS,
		   "DEVC0042 write DEVICE_IO_MAX from an odd address");
	tap_result(device_read(device, 0, 4096, DEVICE_IO_MAX, &data, &count), D_SUCCESS, "DEVC0043 read it back");
	tap(written == (int)DEVICE_IO_MAX && count == DEVICE_IO_MAX && memcmp(data, buffer + 4001, count) == 0,
	    "DEVC0044 it is the same");
	give_back(data, count);
	tap_result(device_write(device, 0, RECORDS - 1, buffer, 4 * SECTOR, &written), D_SUCCESS,
		   "DEVC0045 write past the end");
	tap(written == (int)SECTOR, "DEVC0046 what there is room for");
	tap_result(device_write(device, 0, RECORDS, buffer, SECTOR, &written), D_INVALID_RECNUM,
		   "DEVC0047 write beyond the end");
	tap_result(device_write(device, 0, 0, buffer, 100, &written), D_INVALID_SIZE, "DEVC0048 not a whole record");
	tap_result(device_write_inband(device, 0, 0, buffer, IO_INBAND_MAX, &written), D_INVALID_SIZE,
		   "DEVC0049 a message has no room for a record");
}

/* Many at once, by requests that do not wait; each answer is the right one. */
static void requests(mach_port_t device)
{
	enum { COUNT = 150 };
	struct {
		mach_msg_header_t head;
		mach_msg_body_t body;
		mach_msg_ool_descriptor_t data;
		mach_msg_max_trailer_t trailer;
	} in;
	mach_port_t replies[COUNT], set;
	unsigned good = 0;

	(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set);
	for (unsigned i = 0; i < COUNT; i++) {
		(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &replies[i]);
		(void)mach_port_move_member(mach_task_self(), replies[i], set);
		if (device_read_request(device, replies[i], 0, 100 + i * 7, 4096) != KERN_SUCCESS)
			break;
	}
	for (unsigned n = 0; n < COUNT; n++) {
		memset(&in, 0, sizeof(in));
		if (mach_msg(&in.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(in), set, 30000, MACH_PORT_NULL) !=
		    MACH_MSG_SUCCESS)
			break;
		for (unsigned i = 0; i < COUNT; i++)
			if (replies[i] == in.head.msgh_local_port && in.head.msgh_id == DEVICE_READ_REPLY_ID &&
			    in.data.size == 4096 && first_word((char *)in.data.address, 7) == 100 + i * 7 + 7)
				good++;
		mach_msg_destroy(&in.head);
	}
	tap(good == COUNT, "DEVC0050 150 requests at once are all answered, each with its own data (%u)", good);
	for (unsigned i = 0; i < COUNT; i++)
		(void)mach_port_mod_refs(mach_task_self(), replies[i], MACH_PORT_RIGHT_RECEIVE, -1);
	(void)mach_port_mod_refs(mach_task_self(), set, MACH_PORT_RIGHT_PORT_SET, -1);
}

static int counts_of(mach_port_t device, int which)
{
	dev_status_data_t status;
	mach_msg_type_number_t count = DEV_GET_COUNTS_COUNT;

	return device_get_status(device, DEV_GET_COUNTS, status, &count) == D_SUCCESS ? status[which] : -1;
}

static void faults(mach_port_t device)
{
	mach_port_t bad = MACH_PORT_NULL;
	char *data = NULL;
	mach_msg_type_number_t count = 0;
	int written = 0, before;
	static char buffer[SECTOR];

	tap_result(device_open(master, D_READ | D_WRITE, "vd2", &bad), D_SUCCESS, "DEVC0051 open the bad disk");
	tap_result(device_read(bad, 0, 0, SECTOR, &data, &count), D_SUCCESS, "DEVC0052 a good sector of it");
	give_back(data, count);
	before = counts_of(bad, DEV_GET_COUNTS_ERRORS);
	tap_result(device_read(bad, 0, 100, SECTOR, &data, &count), D_IO_ERROR, "DEVC0053 a sector that cannot be read");
	tap_result(device_read(bad, 0, 96, 8 * SECTOR, &data, &count), D_IO_ERROR, "DEVC0054 a run with that sector in it");
	tap_result(device_write(bad, 0, 100, buffer, SECTOR, &written), D_IO_ERROR,
		   "DEVC0055 a sector that cannot be written");
	tap_result(device_read(bad, 0, 200, SECTOR, &data, &count), D_SUCCESS, "DEVC0056 the disk goes on");
	give_back(data, count);
	tap(counts_of(bad, DEV_GET_COUNTS_ERRORS) == before + 3, "DEVC0057 errors are counted");
	tap(counts_of(device, DEV_GET_COUNTS_READS) > 150 && counts_of(device, DEV_GET_COUNTS_WRITES) == 3 &&
		    counts_of(device, DEV_GET_COUNTS_IN_FLIGHT) == 0,
	    "DEVC0058 reads and writes are counted, none is left");
	(void)device_close(bad);
}

static int cached_of(mach_port_t device, int which)
{
	dev_status_data_t status;
	mach_msg_type_number_t count = DEV_GET_CACHE_COUNT;

	return device_get_status(device, DEV_GET_CACHE, status, &count) == D_SUCCESS ? status[which] : -1;
}

/* The disk through its cache. */
static void buffered(mach_port_t device)
{
	mach_port_t cache = MACH_PORT_NULL, bad = MACH_PORT_NULL;
	dev_status_data_t status;
	static char buffer[16 * SECTOR];
	char *data = NULL;
	mach_msg_type_number_t count = DEV_GET_CACHE_COUNT;
	int written = 0, before;
	bool right = true;

	tap_result(device_get_status(device, DEV_GET_CACHE, status, &count), D_INVALID_OPERATION, "BUFC0020 a disk itself has no cache");
	tap_result(device_open(master, D_READ | D_WRITE, "bvd1", &cache), D_READ_ONLY, "BUFC0021 the cache of a read-only disk, to write");
	tap_result(device_open(master, D_READ | D_WRITE, "bvd0", &cache), D_SUCCESS, "BUFC0022 open the cache of the disk");
	before = counts_of(device, DEV_GET_COUNTS_READS);
	for (unsigned i = 0; i < 3; i++) {
		right &= device_read(cache, 0, 3001, 30 * SECTOR, &data, &count) == D_SUCCESS && count == 30 * SECTOR &&
			 first_word(data, 0) == 3001 && first_word(data, 29) == 3030;
		give_back(data, count);
	}
	tap(right && counts_of(device, DEV_GET_COUNTS_READS) == before + 1 && cached_of(cache, DEV_GET_CACHE_HITS) >= 8,
	    "BUFC0023 the same records three times are one read of the disk");
	before = counts_of(device, DEV_GET_COUNTS_READS);
	for (unsigned i = 0; i < 64; i++) {
		right &= device_read(cache, 0, 8192 + i * 8, 8 * SECTOR, &data, &count) == D_SUCCESS && first_word(data, 3) == 8192 + i * 8 + 3;
		give_back(data, count);
	}
	tap(right && counts_of(device, DEV_GET_COUNTS_READS) - before < 16 && cached_of(cache, DEV_GET_CACHE_AHEAD) >= 40,
	    "BUFC0024 sequential reads run ahead (%d reads of the disk for 64)", counts_of(device, DEV_GET_COUNTS_READS) - before);
	fill(buffer, sizeof(buffer), 9);
	tap(device_write(cache, 0, 3003, buffer, sizeof(buffer), &written) == D_SUCCESS && written == (int)sizeof(buffer) &&
		    device_read(device, 0, 3003, sizeof(buffer), &data, &count) == D_SUCCESS && memcmp(data, buffer, count) == 0,
	    "BUFC0025 what is written through the cache is on the disk");
	give_back(data, count);
	before = counts_of(device, DEV_GET_COUNTS_READS);
	tap(device_read(cache, 0, 3003, sizeof(buffer), &data, &count) == D_SUCCESS && memcmp(data, buffer, count) == 0 &&
		    counts_of(device, DEV_GET_COUNTS_READS) == before,
	    "BUFC0026 and in the cache");
	give_back(data, count);
	tap(device_read(cache, 0, RECORDS, SECTOR, &data, &count) == D_INVALID_RECNUM && device_read(cache, 0, 0, 100, &data, &count) == D_INVALID_SIZE,
	    "BUFC0027 its errors are the disk's");
	tap(device_open(master, D_READ | D_WRITE, "bvd2", &bad) == D_SUCCESS && device_read(bad, 0, 96, 8 * SECTOR, &data, &count) == D_IO_ERROR &&
		    device_read(bad, 0, 96, 8 * SECTOR, &data, &count) == D_IO_ERROR &&
		    device_write(bad, 0, 100, buffer, SECTOR, &written) == D_IO_ERROR && device_read(bad, 0, 200, SECTOR, &data, &count) == D_SUCCESS,
	    "BUFC0028 and a bad sector is one each time");
	give_back(data, count);
	(void)device_close(bad);
	(void)device_close(cache);
}

/* Opens whose rights are dropped are closed: nothing is left in the kernel. */
static void rights(void)
{
	uint64_t before = residue_zone_count("device opens");
	mach_port_t device;

	for (int i = 0; i < 50; i++)
		if (device_open(master, D_READ, "vd0", &device) == D_SUCCESS)
			(void)mach_port_deallocate(mach_task_self(), device);
	tap(residue_zone_count("device opens") == before, "DEVC0059 an open that nobody has a right to is closed");
	tap(residue_zone_count("device ios") == 0, "DEVC0060 no request is left behind");
}

int main(void)
{
	mach_port_t read_only = MACH_PORT_NULL, device = MACH_PORT_NULL;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (task_get_special_port(mach_task_self(), TASK_HOST_PORT, &control) != KERN_SUCCESS)
		return 1;
	opens();
	if (device_open(master, D_READ, "vd0", &read_only) != D_SUCCESS ||
	    device_open(master, D_READ | D_WRITE, "vd0", &device) != D_SUCCESS)
		return 1;
	reads(read_only);
	requests(read_only);
	writes(device);
	faults(device);
	buffered(device);
	(void)device_close(read_only);
	(void)device_close(device);
	rights();
	return tap_done();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device/device_types.h - the types and errors of the device interface (mach/device.defs). Names and values: OSF Mach.
 */
#pragma once

#include <mach/message.h>
#include <mach/port.h>
#include <stdint.h>

#ifndef MESHACH_KERNEL
typedef mach_port_t device_t;
typedef mach_port_t device_master_t;
#endif

typedef uint32_t dev_mode_t;
#define D_READ 0x1u
#define D_WRITE 0x2u
#define D_NODELAY 0x4u /* no delay on open; nothing here delays */
#define D_NOWAIT 0x8u  /* not to wait for memory: D_WOULD_BLOCK */

typedef char dev_name_t[128];
typedef uint32_t recnum_t; /* a record of the device: of a disk, a sector */
typedef char *io_buf_ptr_t;
typedef uint32_t io_buf_len_t;

#define IO_INBAND_MAX 128
typedef char io_buf_ptr_inband_t[IO_INBAND_MAX];

/* Bytes of one device_read or device_write; more is done in part, as the count says. */
#define DEVICE_IO_MAX (256u * 1024u)

typedef uint32_t dev_flavor_t;
#define DEV_STATUS_MAX 1024
typedef int dev_status_data_t[DEV_STATUS_MAX];
typedef int *dev_status_t;

/* device_get_status(): the device's size in bytes (INT32_MAX: that or more), a record's bytes. */
#define DEV_GET_SIZE 0
#define DEV_GET_SIZE_DEVICE_SIZE 0
#define DEV_GET_SIZE_RECORD_SIZE 1
#define DEV_GET_SIZE_COUNT 2
/* The device's size in records, a record's bytes. */
#define DEV_GET_RECORDS 1
#define DEV_GET_RECORDS_DEVICE_RECORDS 0
#define DEV_GET_RECORDS_RECORD_SIZE 1
#define DEV_GET_RECORDS_COUNT 2
/* Ours: counts since the boot. */
#define DEV_GET_COUNTS 0x4d53
#define DEV_GET_COUNTS_READS 0
#define DEV_GET_COUNTS_WRITES 1
#define DEV_GET_COUNTS_ERRORS 2
#define DEV_GET_COUNTS_IN_FLIGHT 3
#define DEV_GET_COUNTS_COUNT 4

/* Ours, of a disk's cache (bvd0): blocks held; blocks that reads found, did not find; read ahead; given up for others. */
#define DEV_GET_CACHE 0x4d54
#define DEV_GET_CACHE_BLOCKS 0
#define DEV_GET_CACHE_HITS 1
#define DEV_GET_CACHE_MISSES 2
#define DEV_GET_CACHE_AHEAD 3
#define DEV_GET_CACHE_EVICTIONS 4
#define DEV_GET_CACHE_COUNT 5

/* Ours, of memory of a PCI function (pci0:2.0:0): vendor << 16 | device, class code, which BAR, how it is mapped. */
#define DEV_GET_PCI 0x4d55
#define DEV_GET_PCI_ID 0
#define DEV_GET_PCI_CLASS 1
#define DEV_GET_PCI_BAR 2
#define DEV_GET_PCI_CACHE 3
#define DEV_CACHE_NONE 1     /* uncached */
#define DEV_CACHE_COMBINED 2 /* writes are combined: frame buffers */
#define DEV_GET_PCI_COUNT 4

#define D_SUCCESS 0
#define D_IO_ERROR 2500          /* the device says that it failed */
#define D_WOULD_BLOCK 2501       /* with D_NOWAIT only */
#define D_NO_SUCH_DEVICE 2502
#define D_ALREADY_OPEN 2503      /* exclusively, by someone else */
#define D_DEVICE_DOWN 2504       /* it has gone, or was given up */
#define D_INVALID_OPERATION 2505 /* not of this device, or not with the mode it was opened with */
#define D_INVALID_RECNUM 2506    /* beyond its end */
#define D_INVALID_SIZE 2507      /* 0, or not whole records */
#define D_NO_MEMORY 2508
#define D_READ_ONLY 2509

/* The message ids of requests and replies, for programs that do not wait (mach/device_request.defs). */
#define DEVICE_WRITE_REPLY_ID 2902
#define DEVICE_READ_REPLY_ID 2904

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.h - devices that programs use by message (mach/device.defs): names, opens, reads and writes under way.
 *
 * A driver registers a struct device. Each device_open makes a struct device_open with a port: the right to that port is
 * the capability, with the mode it was opened with. A read or write is a struct device_io: checked and given its
 * memory and its reply message in the caller's thread, started by the driver, finished by it in any context, answered
 * by the device thread. So finishing needs no memory.
 * Life of a device_io: made -> (driver's start) under way -> (device_io_done) done -> answered and freed.
 * Lock key: [I] immutable, [d] devices_lock, [a] atomic, [t] the device thread's lock.
 */
#pragma once

#include <base/list.h>
#include <device/device_types.h>
#include <ipc/ipc_port.h>
#include <mach/kern_return.h>
#include <machine/pmap.h>

struct ipc_kmsg;
struct vm_map_copy;
struct vm_page;

#define DEVICE_IO_PAGES (DEVICE_IO_MAX / 4096u + 1u) /* bytes that begin anywhere in a page */

struct device;

struct device_io {
	struct list link;          /* the driver's until done, then [t] */
	struct device *device;     /* [I] */
	bool write;                /* [I] */
	bool pinned;               /* [I] the answer's pages are not paged out before they are there (vm_map_copy.h) */
	bool inband;               /* [I] the answer has the bytes in the message */
	uint32_t answer_bytes;     /* [I] of them, how many (inband) */
	uint64_t record;           /* [I] first */
	uint32_t bytes;            /* [I] whole records */
	uint32_t first_offset;     /* [I] of the first byte in pages[0] */
	uint32_t page_count;       /* [I] */
	kern_return_t result;      /* the driver's: D_SUCCESS or an error */
	uint64_t started_ns;       /* the driver's */
	struct vm_map_copy *copy;  /* of a write: what the pages are wired for; NULL: pages are ours */
	struct ipc_kmsg *reply;    /* [I] its destination is set */
	struct device_open *open;  /* [I] +1 */
	void (*finished)(struct device_io *); /* [I] of device_io_internal; NULL: a call's, to be answered */
	void *context;             /* [I] finished's */
	uint8_t driver[32];        /* the driver's: its request header and status, in memory that a device may use */
	struct vm_page *pages[DEVICE_IO_PAGES];
};

/* Physical memory of a device. */
struct device_range {
	uint64_t phys;
	enum pmap_cache cache;
};

struct device_driver {
	/* Start io; NULL: it is neither read nor written. Any context but under the driver's locks; it ends in device_io_done, perhaps at once. */
	void (*start)(struct device *d, struct device_io *io);
	/* Every so often: give up what does not come back. Thread context. May be NULL. */
	void (*watch)(struct device *d, uint64_t now_ns);
	/* It is going to be opened: D_SUCCESS, or why not. May be NULL. */
	kern_return_t (*open)(struct device *d);
	/* What [offset, offset + bytes) of it, whole pages below its end, is to be mapped as; D_INVALID_OPERATION. NULL: nothing. */
	kern_return_t (*map)(struct device *d, uint64_t offset, uint64_t bytes, struct device_range *out);
	/* device_get_status of flavors of its own, with room for 16; its count, or 0: no such flavor. May be NULL. */
	uint32_t (*status)(struct device *d, dev_flavor_t flavor, int *status);
};

struct device {
	struct list link;             /* [d] */
	const struct device_driver *driver; /* [I] */
	char name[16];                /* [I] */
	uint64_t records;             /* [I] */
	uint32_t record_bytes;        /* [I] a power of two, at most a page */
	bool read_only;               /* [I] */
	_Atomic bool down;            /* [a] no use any more */
	_Atomic uint32_t opens;       /* [a] */
	_Atomic uint32_t reads, writes, errors, in_flight; /* [a] */
};

struct device_open {
	_Atomic uint32_t references; /* [a] its port's, a call's, an io's */
	struct device *device;       /* [I] */
	dev_mode_t mode;             /* [I] */
	struct ipc_port *port;       /* [I] */
};

/* The device master port's object. */
struct device_master {
	struct ipc_port *port; /* [I] */
};
extern struct device_master device_master;

/* At boot, after ipc and kernel objects. */
void device_init(void);
/* In the startup thread: the device thread, then the drivers look for their devices. */
void device_start(void);
/* A driver found d, whose immutable fields are set: it has the next free name of this prefix. */
void device_register(struct device *d, const char *prefix);

/* The same with its whole name. */
void device_register_named(struct device *d, const char *name);

/*
 * A request of the kernel's own: no call, no answer. The caller sets first_offset, page_count and pages, whose frames
 * stay its own, and starts it; finished is called in the device thread, and frees it. NULL: no memory. Any context.
 */
struct device_io *device_io_internal(struct device *d, bool write, uint64_t record, uint32_t bytes,
				     void (*finished)(struct device_io *), void *context);
void device_io_internal_start(struct device_io *io);
void device_io_internal_free(struct device_io *io);

/* io is finished, with io->result. Any context, no lock held that the scheduler's may not be under. */
void device_io_done(struct device_io *io);

/* intran and destructor of .defs. */
struct device_master *convert_port_to_device_master(struct ipc_port *port);
struct device_open *convert_port_to_device(struct ipc_port *port);
void device_open_release(struct device_open *o);

/* Devices that are mapped, not read: memory BARs of PCI functions, and what else is at physical addresses. At boot. */
void device_memory_probe(void);

/* ---- between device.c, device_io.c and device_calls.c ---- */

kern_return_t device_open_named(const char *name, dev_mode_t mode, struct ipc_port **out);
/* The port dies; true if this call closed it. */
bool device_open_close(struct ipc_port *port);
void device_io_init(void);
void device_io_start_thread(void);
/* Devices, for the watch. */
void device_for_each(void (*fn)(struct device *d, void *arg), void *arg);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.c - the devices of this node by name, and who has them open.
 *
 * Interface: device.h.
 * Invariants:
 *   D1 a device, once registered, stays; one that has gone is `down`.
 *   D2 an open's port names it until it is closed; whoever turns the port's object to nothing closes it, so it is closed
 *      once, by device_close or by the end of the last right.
 * Locking: devices_lock [d]; a port's lock for D2.
 * References: the OSF Mach device interface (device.defs and its manual texts).
 */
#include <base/string.h>
#include <device/buffer_cache.h>
#include <device/device.h>
#include <device/virtio_blk.h>
#include <ipc/ipc_space.h>
#include <kern/assert.h>
#include <kern/host.h>
#include <kern/ipc_kobject.h>
#include <kern/kalloc.h>
#include <kern/printf.h>
#include <mach/host_special_ports.h>

struct device_master device_master;

static struct spinlock devices_lock = SPINLOCK_INIT("devices");
static struct list devices = LIST_INIT(devices); /* [d] */
static struct zone *open_zone;

static struct device *find_locked(const char *name)
{
	LIST_FOR_EACH(l, &devices) {
		struct device *d = container_of(l, struct device, link);

		if (strcmp(d->name, name) == 0)
			return d;
	}
	return NULL;
}

void device_register_named(struct device *d, const char *name)
{
	ksnprintf(d->name, sizeof(d->name), "%s", name);
	spin_lock(&devices_lock);
	list_add_tail(&devices, &d->link);
	spin_unlock(&devices_lock);
}

void device_register(struct device *d, const char *prefix)
{
	VERIFY(d->record_bytes != 0 && (d->record_bytes & (d->record_bytes - 1)) == 0);
	spin_lock(&devices_lock);
	for (unsigned n = 0;; n++) {
		ksnprintf(d->name, sizeof(d->name), "%s%u", prefix, n);
		if (find_locked(d->name) == NULL)
			break;
	}
	list_add_tail(&devices, &d->link);
	spin_unlock(&devices_lock);
	buffer_cache_attach(d);
	kprintf("%s: %lu MiB, %u bytes a record%s\n", d->name,
		(unsigned long)(d->records * d->record_bytes >> 20), d->record_bytes,
		d->read_only ? ", read only" : "");
}

void device_for_each(void (*fn)(struct device *d, void *arg), void *arg)
{
	LIST_FOR_EACH(l, &devices) /* D1: none goes; written at boot */
		fn(container_of(l, struct device, link), arg);
}

kern_return_t device_open_named(const char *name, dev_mode_t mode, struct ipc_port **out)
{
	struct device_open *o;
	struct device *d;

	if ((mode & ~(D_READ | D_WRITE | D_NODELAY | D_NOWAIT)) != 0 || (mode & (D_READ | D_WRITE)) == 0)
		return D_INVALID_OPERATION;
	spin_lock(&devices_lock);
	d = find_locked(name);
	spin_unlock(&devices_lock);
	if (d == NULL)
		return D_NO_SUCH_DEVICE;
	if (atomic_load(&d->down))
		return D_DEVICE_DOWN;
	if (d->read_only && (mode & D_WRITE) != 0)
		return D_READ_ONLY;
	if (d->driver->open != NULL && d->driver->open(d) != D_SUCCESS)
		return D_ALREADY_OPEN;
	o = zone_alloc_zeroed(open_zone);
	if (o == NULL)
		return D_NO_MEMORY;
	o->device = d;
	o->mode = mode;
	o->port = ipc_port_alloc_special(ipc_space_kernel);
	if (o->port == NULL) {
		zone_free(open_zone, o);
		return D_NO_MEMORY;
	}
	atomic_store(&o->references, 1);
	atomic_fetch_add(&d->opens, 1);
	*out = ipc_port_make_send(o->port);
	ipc_kobject_set(o->port, o, IKOT_DEVICE);
	return D_SUCCESS;
}

bool device_open_close(struct ipc_port *port)
{
	struct device_open *o = NULL;

	ip_lock(port);
	if (ip_active(port) && port->ip_kotype == IKOT_DEVICE) { /* D2 */
		o = port->ip_kobject;
		port->ip_kobject = NULL;
		port->ip_kotype = IKOT_NONE;
	}
	ip_unlock(port);
	if (o == NULL)
		return false;
	atomic_fetch_sub(&o->device->opens, 1);
	ipc_port_dealloc_special(port);
	device_open_release(o);
	return true;
}

void device_open_release(struct device_open *o)
{
	if (atomic_fetch_sub(&o->references, 1) == 1)
		zone_free(open_zone, o);
}

struct device_open *convert_port_to_device(struct ipc_port *port)
{
	struct device_open *o = NULL;

	if (!IP_VALID(port))
		return NULL;
	ip_lock(port);
	if (ip_active(port) && port->ip_kotype == IKOT_DEVICE) {
		o = port->ip_kobject;
		atomic_fetch_add(&o->references, 1);
	}
	ip_unlock(port);
	return o;
}

struct device_master *convert_port_to_device_master(struct ipc_port *port)
{
	return IP_VALID(port) && port == device_master.port ? &device_master : NULL;
}

static void no_senders(struct ipc_port *port)
{
	(void)device_open_close(port);
}

void device_init(void)
{
	open_zone = zone_create("device opens", sizeof(struct device_open), 0);
	device_master.port = ipc_port_alloc_special(ipc_space_kernel);
	if (device_master.port == NULL)
		panic("no memory for the device master port");
	ipc_kobject_set(device_master.port, &device_master, IKOT_MASTER_DEVICE);
	host_special_port_set(HOST_IO_MASTER_PORT, ipc_port_make_send(device_master.port));
	ipc_kobject_no_senders_calls[IKOT_DEVICE] = no_senders;
	device_io_init();
}

void device_start(void)
{
	device_io_start_thread();
	device_memory_probe();
	virtio_blk_probe();
}

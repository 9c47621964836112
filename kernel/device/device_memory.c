/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device_memory.c - devices that programs map (device_map): memory BARs of PCI functions, frame buffers, other physical memory.
 *
 * Interface: device.h device_memory_probe. Names: pciB:D.F:N is BAR N of function B:D.F (hexadecimal); fb0, fb1 ... the prefetchable ones
 *   of display controllers; mem all physical addresses that hold no RAM and are of no such BAR (ROMs, tables).
 * Invariants:
 *   M1 RAM is never mapped, whoever uses it: a BAR, or a range of mem, that touches any is refused.
 *   M2 only whole pages: a BAR that is smaller shares its page with other registers, and has no device.
 *   M3 a function that a driver of the kernel's has is not opened, nor mapped by mem.
 * A prefetchable BAR is mapped write-combined, everything else uncached: for combined writes to anything else there is no use, and
 *   two mappings of one page with different attributes are undefined (SDM vol. 3A 11.12.4).
 * References: PCI Local Bus Specification 3.0, 6.2.5.1 (prefetchable).
 */
#include <base/string.h>
#include <device/device.h>
#include <device/pci.h>
#include <kern/kalloc.h>
#include <kern/printf.h>
#include <machine/boot.h>

#define CLASS_DISPLAY 0x03u
#define MEM_BITS_MAX 44U /* its records are pages, and have numbers of 32 bits */

struct memory_device {
	struct device device;
	struct pci_function function;
	unsigned bar;
};

static const struct memory_device *of(const struct device *d)
{
	return container_of(d, const struct memory_device, device);
}

static kern_return_t bar_open(struct device *d)
{
	if (pci_driven(&of(d)->function)) /* M3 */
		return D_ALREADY_OPEN;
	pci_enable_memory(&of(d)->function);
	return D_SUCCESS;
}

static kern_return_t bar_map(struct device *d, uint64_t offset, uint64_t bytes, struct device_range *out)
{
	const struct pci_bar *b = &of(d)->function.bar[of(d)->bar];

	(void)bytes;
	*out = (struct device_range){ b->address + offset, b->prefetchable ? PMAP_WRITE_COMBINED : PMAP_UNCACHED };
	return D_SUCCESS;
}

static uint32_t bar_status(struct device *d, dev_flavor_t flavor, int *status)
{
	const struct memory_device *m = of(d);

	if (flavor != DEV_GET_PCI)
		return 0;
	status[DEV_GET_PCI_ID] = (int)((uint32_t)m->function.vendor << 16 | m->function.device_id);
	status[DEV_GET_PCI_CLASS] = (int)m->function.class_code;
	status[DEV_GET_PCI_BAR] = (int)m->bar;
	status[DEV_GET_PCI_CACHE] = m->function.bar[m->bar].prefetchable ? DEV_CACHE_COMBINED : DEV_CACHE_NONE;
	return DEV_GET_PCI_COUNT;
}

static const struct device_driver bar_driver = { .open = bar_open, .map = bar_map, .status = bar_status };

struct wanted {
	uint64_t start, end;
	bool taken;
};

static void note_bar(struct device *d, void *arg)
{
	struct wanted *w = arg;
	const struct pci_bar *b;

	if (d->driver != &bar_driver)
		return;
	b = &of(d)->function.bar[of(d)->bar];
	w->taken |= w->start < b->address + b->bytes && b->address < w->end;
}

static kern_return_t mem_map(struct device *d, uint64_t offset, uint64_t bytes, struct device_range *out)
{
	struct wanted w = { offset, offset + bytes, false };

	(void)d;
	device_for_each(note_bar, &w);
	if (w.taken || machine_phys_is_ram(w.start, w.end)) /* M3, M1 */
		return D_INVALID_OPERATION;
	*out = (struct device_range){ offset, PMAP_UNCACHED };
	return D_SUCCESS;
}

static const struct device_driver mem_driver = { .map = mem_map };

static struct memory_device *make(const struct pci_function *f, unsigned bar)
{
	struct memory_device *m = kalloc_zeroed(sizeof(*m));

	if (m == NULL) {
		kprintf("pci%x:%x.%x: no memory for its device\n", f->bus, f->device, f->function);
		return NULL;
	}
	m->function = *f;
	m->bar = bar;
	m->device.driver = &bar_driver;
	m->device.record_bytes = (uint32_t)PAGE_SIZE;
	m->device.records = f->bar[bar].bytes >> PAGE_SHIFT;
	return m;
}

static bool mappable(const struct pci_bar *b)
{
	return b->bytes >= PAGE_SIZE && ((b->address | b->bytes) & PAGE_MASK) == 0 && /* M2 */
	       !machine_phys_is_ram(b->address, b->address + b->bytes);
}

static bool found(void *frame_buffers, const struct pci_function *f)
{
	for (unsigned bar = 0; bar < PCI_BARS; bar++) {
		struct memory_device *m;
		char name[16];

		if (!mappable(&f->bar[bar]) || (m = make(f, bar)) == NULL)
			continue;
		ksnprintf(name, sizeof(name), "pci%x:%x.%x:%u", f->bus, f->device, f->function, bar);
		device_register_named(&m->device, name);
		if (f->class_code >> 16 != CLASS_DISPLAY || !f->bar[bar].prefetchable || (m = make(f, bar)) == NULL)
			continue;
		ksnprintf(name, sizeof(name), "fb%u", (*(unsigned *)frame_buffers)++);
		device_register_named(&m->device, name);
	}
	return true;
}

void device_memory_probe(void)
{
	static struct device mem = { .driver = &mem_driver, .record_bytes = PAGE_SIZE };
	unsigned bits = machine_phys_bits(), frame_buffers = 0;

	mem.records = 1UL << ((bits < MEM_BITS_MAX ? bits : MEM_BITS_MAX) - PAGE_SHIFT);
	device_register_named(&mem, "mem");
	pci_enumerate(found, &frame_buffers);
}

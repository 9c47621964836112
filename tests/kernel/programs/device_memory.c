/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device_memory.c - the first task of its boot (tests/kernel/device.t), which has the host control port: device_map and what may be done
 * with device memory, on QEMU's bochs-display (PCI 1234:1111: BAR 0 is a frame buffer of 16 MiB, BAR 2 a page of registers; docs/specs/standard-vga
 * of QEMU), on the BIOS's ROM, and on the virtio disk, which the kernel drives.
 */
#include "../../programs/residue.h"
#include "../../programs/tap.h"

#include <device/device_types.h>
#include <mach/device.h>
#include <mach/host_priv.h>
#include <mach/vm_memory_entry.h>
#include <string.h>

#define PAGE 4096UL
#define MIB (1UL << 20)
#define FB_BYTES (16 * MIB)
#define DISPLAY_ID 0x12341111u
#define VIRTIO_BLK_MODERN 0x1af41042u
#define REGISTERS 0x500u /* of 16 bits, in BAR 2: 0 the version, 1 the width */

static mach_port_t self, control, master;

static mach_port_t open_named(const char *name, dev_mode_t mode)
{
	mach_port_t device = MACH_PORT_NULL;

	return device_open(master, mode, (char *)name, &device) == D_SUCCESS ? device : MACH_PORT_NULL;
}

/* The name of the BAR of the first function with this id on bus 0, whether or not it can be opened; result: device_open's. */
static kern_return_t find(unsigned id, unsigned bar, dev_mode_t mode, mach_port_t *out)
{
	kern_return_t busy = D_NO_SUCH_DEVICE;
	char name[32];

	for (unsigned slot = 0; slot < 32; slot++) {
		dev_status_data_t status;
		mach_msg_type_number_t count = DEV_GET_PCI_COUNT;
		kern_return_t kr;

		snprintf(name, sizeof(name), "pci0:%x.0:%u", slot, bar);
		kr = device_open(master, mode, name, out);
		if (kr == D_SUCCESS && device_get_status(*out, DEV_GET_PCI, status, &count) == D_SUCCESS &&
		    (unsigned)status[DEV_GET_PCI_ID] == id && status[DEV_GET_PCI_BAR] == (int)bar)
			return D_SUCCESS;
		if (kr == D_SUCCESS)
			(void)device_close(*out);
		else if (kr == D_ALREADY_OPEN)
			busy = kr;
	}
	*out = MACH_PORT_NULL;
	return busy;
}

static kern_return_t map(mach_port_t task, mach_port_t pager, uint64_t offset, uint64_t size, boolean_t copy, vm_prot_t prot,
			 vm_prot_t max, mach_vm_address_t *at)
{
	*at = 0;
	return mach_vm_map(task, at, size, 0, VM_FLAGS_ANYWHERE, pager, offset, copy, prot, max, VM_INHERIT_COPY);
}

/* What registers() has: the display's registers, a pager of them, and where they are mapped. */
static mach_port_t device, pager;
static mach_vm_address_t at;
static volatile uint16_t *reg;

static void registers_mapped(void)
{
	dev_status_data_t status;
	mach_msg_type_number_t count = DEV_GET_PCI_COUNT;
	volatile uint16_t *again;
	mach_vm_address_t second;

	tap_result(find(DISPLAY_ID, 2, D_READ | D_WRITE, &device), D_SUCCESS, "DEVM0001 the display's registers are a device");
	tap(device_get_status(device, DEV_GET_PCI, status, &count) == D_SUCCESS && status[DEV_GET_PCI_CLASS] >> 16 == 3 &&
		    status[DEV_GET_PCI_CACHE] == DEV_CACHE_NONE, "DEVM0002 of a display controller, not cached");
	count = 1;
	tap_result(device_get_status(device, DEV_GET_PCI, status, &count), D_INVALID_SIZE, "DEVM0003 too little room for that");
	tap_result(device_map(device, VM_PROT_DEFAULT, 0, PAGE, &pager, 0), D_SUCCESS, "DEVM0004 device_map gives a memory object");
	tap_result(map(self, pager, 0, PAGE, FALSE, VM_PROT_DEFAULT, VM_PROT_DEFAULT, &at), KERN_SUCCESS, "DEVM0005 it is mapped");
	reg = (volatile uint16_t *)(at + REGISTERS);
	tap((reg[0] & 0xfff0) == 0xb0c0, "DEVM0006 a register is read: version %#x", reg[0]);
	reg[1] = 800;
	tap(reg[1] == 800, "DEVM0007 a register is written");
	tap_result(map(self, pager, 0, PAGE, FALSE, VM_PROT_READ, VM_PROT_READ, &second), KERN_SUCCESS, "DEVM0008 and mapped again, to be read");
	again = (volatile uint16_t *)(second + REGISTERS);
	reg[1] = 640;
	tap(again[1] == 640, "DEVM0009 both show the same registers");
	(void)mach_vm_deallocate(self, second, PAGE);
}

/* Who opened it to read. */
static void registers_rights(void)
{
	mach_port_t reader, writer = MACH_PORT_NULL, read_pager = MACH_PORT_NULL;
	mach_vm_address_t second;

	tap_result(find(DISPLAY_ID, 2, D_READ, &reader), D_SUCCESS, "DEVM0010 open it to read");
	tap_result(device_map(reader, VM_PROT_DEFAULT, 0, PAGE, &read_pager, 0), D_INVALID_OPERATION,
		   "DEVM0011 who opened it to read gets nothing to write to");
	tap_result(device_map(reader, VM_PROT_READ, 0, PAGE, &read_pager, 0), D_SUCCESS, "DEVM0012 but something to read");
	tap_result(map(self, read_pager, 0, PAGE, FALSE, VM_PROT_DEFAULT, VM_PROT_DEFAULT, &second), KERN_INVALID_RIGHT,
		   "DEVM0013 which is not mapped writable");
	tap_result(map(self, read_pager, 0, PAGE, FALSE, VM_PROT_READ, VM_PROT_ALL, &second), KERN_INVALID_RIGHT,
		   "DEVM0014 nor so that it could be made so");
	tap_result(map(self, read_pager, 0, PAGE, FALSE, VM_PROT_READ, VM_PROT_READ, &second), KERN_SUCCESS, "DEVM0015 but to be read");
	tap_result(mach_vm_protect(self, second, PAGE, FALSE, VM_PROT_DEFAULT), KERN_PROTECTION_FAILURE, "DEVM0016 and stays so");
	tap_result(mach_vm_protect(self, second, PAGE, FALSE, VM_PROT_DEFAULT | VM_PROT_COPY), KERN_PROTECTION_FAILURE,
		   "DEVM0017 with VM_PROT_COPY too");
	(void)find(DISPLAY_ID, 2, D_WRITE, &writer);
	tap_result(device_map(writer, VM_PROT_WRITE, 0, PAGE, &read_pager, 0), D_INVALID_OPERATION,
		   "DEVM0067 who opened it to write only gets nothing: it could be read");
	(void)device_close(writer);
	(void)device_close(reader);
}

static void registers_errors(void)
{
	mach_port_t none = MACH_PORT_NULL;
	mach_msg_type_number_t count = 0;
	mach_vm_address_t second;
	static char bytes[PAGE];
	char *data = NULL;
	int written;

	tap_result(map(self, pager, PAGE, PAGE, FALSE, VM_PROT_READ, VM_PROT_READ, &second), KERN_INVALID_ARGUMENT, "DEVM0018 nothing beyond the end");
	tap_result(map(self, pager, 0, 2 * PAGE, FALSE, VM_PROT_READ, VM_PROT_READ, &second), KERN_INVALID_ARGUMENT, "DEVM0019 nor over it");
	tap_result(map(self, pager, 8, PAGE - 8, FALSE, VM_PROT_READ, VM_PROT_READ, &second), KERN_INVALID_ARGUMENT, "DEVM0020 whole pages");
	tap_result(map(self, pager, 0, PAGE, TRUE, VM_PROT_READ, VM_PROT_READ, &second), KERN_PROTECTION_FAILURE, "DEVM0021 there is no copy of it");
	tap_result(device_map(device, VM_PROT_READ, 0, 2 * PAGE, &none, 0), D_INVALID_SIZE, "DEVM0022 device_map of more than there is");
	tap_result(device_map(device, VM_PROT_READ, 0, 0, &none, 0), D_INVALID_SIZE, "DEVM0023 of nothing");
	tap_result(device_map(device, VM_PROT_READ, PAGE, PAGE, &none, 0), D_INVALID_RECNUM, "DEVM0024 beyond the end");
	tap_result(device_map(device, VM_PROT_READ, 4, 4, &none, 0), KERN_INVALID_ARGUMENT, "DEVM0025 from the middle of a page");
	tap_result(device_map(device, 0x40, 0, PAGE, &none, 0), KERN_INVALID_ARGUMENT, "DEVM0026 with no such protection");
	tap_result(device_map(device, VM_PROT_NONE, 0, PAGE, &none, 0), KERN_INVALID_ARGUMENT, "DEVM0027 with none");
	tap_result(device_map(self, VM_PROT_READ, 0, PAGE, &none, 0), D_NO_SUCH_DEVICE, "DEVM0028 of a task");
	tap_result(device_read(device, 0, 0, (int)PAGE, &data, &count), D_INVALID_OPERATION, "DEVM0029 it is not read by messages");
	tap_result(device_write(device, 0, 0, bytes, (mach_msg_type_number_t)PAGE, &written), D_INVALID_OPERATION,
		   "DEVM0030 nor written");
}

/* The kernel does not read it for anybody. */
static void registers_by_the_kernel(void)
{
	mach_msg_type_number_t count = 0;
	mach_vm_address_t second;
	vm_offset_t data = 0;
	char bytes[64] = { 0 };

	tap_result(mach_vm_read(self, at, PAGE, &data, &count), KERN_PROTECTION_FAILURE, "DEVM0031 nor sent in a message");
	tap(mach_vm_write(self, at, (vm_offset_t)bytes, 64) != KERN_SUCCESS, "DEVM0032 nor written by mach_vm_write");
	tap_result(mach_vm_remap(self, &second, PAGE, 0, VM_FLAGS_ANYWHERE, self, at, TRUE, &(vm_prot_t){ 0 }, &(vm_prot_t){ 0 }, VM_INHERIT_NONE),
		   KERN_PROTECTION_FAILURE, "DEVM0033 mach_vm_remap makes no copy");
	tap_result(mach_vm_wire(control, self, at, PAGE, VM_PROT_READ), KERN_SUCCESS, "DEVM0034 to wire it is nothing");
	tap_result(mach_vm_wire(control, self, at, PAGE, VM_PROT_NONE), KERN_SUCCESS, "DEVM0035 nor to unwire it");
}

static void registers_entry(void)
{
	mach_port_t entry = MACH_PORT_NULL;
	mach_vm_address_t second;
	mach_vm_size_t size = PAGE;

	tap_result(mach_make_memory_entry_64(self, &size, at, VM_PROT_READ | MAP_MEM_VM_COPY, &entry, MACH_PORT_NULL),
		   KERN_PROTECTION_FAILURE, "DEVM0036 no memory entry of a copy");
	tap_result(mach_make_memory_entry_64(self, &size, at, VM_PROT_READ, &entry, MACH_PORT_NULL), KERN_SUCCESS,
		   "DEVM0037 a memory entry of it");
	tap(map(self, entry, 0, PAGE, FALSE, VM_PROT_READ, VM_PROT_READ, &second) == KERN_SUCCESS &&
		    ((volatile uint16_t *)(second + REGISTERS))[1] == 640, "DEVM0038 shows the same registers");
	(void)mach_vm_deallocate(self, second, PAGE);
	(void)mach_port_deallocate(self, entry);
}

static void registers(void)
{
	registers_mapped();
	registers_rights();
	registers_errors();
	registers_by_the_kernel();
	registers_entry();
	/* the mappings outlive the ports */
	(void)mach_port_deallocate(self, pager);
	tap_result(device_close(device), D_SUCCESS, "DEVM0039 close it");
	reg[1] = 320;
	tap(reg[1] == 320, "DEVM0040 what is mapped stays mapped");
	(void)mach_vm_deallocate(self, at, PAGE);
}

static uint64_t faults(void)
{
	vm_statistics64_data_t s;
	mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;

	return host_statistics64(mach_host_self(), HOST_VM_INFO64, (host_info_t)&s, &count) == KERN_SUCCESS ? s.faults : 0;
}

static void frame_buffer(void)
{
	mach_port_t device = open_named("fb0", D_READ | D_WRITE), pager = MACH_PORT_NULL, child = MACH_PORT_NULL;
	dev_status_data_t status;
	mach_msg_type_number_t count = DEV_GET_PCI_COUNT;
	mach_vm_address_t at, there, back = 0;
	volatile uint32_t *pixels, *seen;
	uint64_t before, taken;
	bool same = true;
	vm_prot_t prot, max;

	tap(device != MACH_PORT_NULL && device_get_status(device, DEV_GET_PCI, status, &count) == D_SUCCESS &&
		    status[DEV_GET_PCI_CACHE] == DEV_CACHE_COMBINED, "DEVM0041 the frame buffer is a device, whose writes are combined");
	tap_result(device_map(device, VM_PROT_DEFAULT, 0, FB_BYTES, &pager, 0), D_SUCCESS, "DEVM0042 all of it");
	tap_result(map(self, pager, 0, FB_BYTES, FALSE, VM_PROT_DEFAULT, VM_PROT_DEFAULT, &at), KERN_SUCCESS, "DEVM0043 is mapped");
	pixels = (volatile uint32_t *)at;
	before = faults();
	for (uint64_t i = 0; i < FB_BYTES / 4; i += PAGE / 4)
		pixels[i] = (uint32_t)i * 2654435761u;
	taken = faults() - before;
	for (uint64_t i = 0; i < FB_BYTES / 4; i += PAGE / 4)
		same &= pixels[i] == (uint32_t)i * 2654435761u;
	tap(same, "DEVM0044 what was written to each page is there");
	tap((at & (2 * MIB - 1)) == 0 && taken < FB_BYTES / PAGE / 8, "DEVM0045 with large pages: %u faults for %u pages", (unsigned)taken,
	    (unsigned)(FB_BYTES / PAGE));
	/* some of it less, which breaks a large page up */
	tap_result(mach_vm_protect(self, at + 4 * MIB + 5 * PAGE, PAGE, FALSE, VM_PROT_READ), KERN_SUCCESS, "DEVM0046 a page in the middle can be made read-only");
	pixels[(4 * MIB + 6 * PAGE) / 4] = 77;
	tap(pixels[(4 * MIB + 5 * PAGE) / 4] == (uint32_t)((4 * MIB + 5 * PAGE) / 4) * 2654435761u && pixels[(4 * MIB + 6 * PAGE) / 4] == 77,
	    "DEVM0047 and its neighbours are as they were");
	tap_result(mach_vm_deallocate(self, at + 6 * MIB + PAGE, PAGE), KERN_SUCCESS, "DEVM0048 another one unmapped");
	tap(pixels[(6 * MIB) / 4] == (uint32_t)(6 * MIB / 4) * 2654435761u, "DEVM0049 and its neighbours stay");
	/* another task */
	tap_result(task_create(self, NULL, 0, TRUE, &child), KERN_SUCCESS, "DEVM0050 a child inherits");
	tap_result(mach_vm_remap(self, &back, PAGE, 0, VM_FLAGS_ANYWHERE, child, at, FALSE, &prot, &max, VM_INHERIT_NONE), KERN_SUCCESS,
		   "DEVM0051 what it has can be seen");
	seen = (volatile uint32_t *)back;
	pixels[1] = 4711;
	tap(seen[1] == 4711 && prot == VM_PROT_DEFAULT, "DEVM0052 it is the same memory, not a copy");
	tap_result(map(child, pager, 8 * MIB, PAGE, FALSE, VM_PROT_DEFAULT, VM_PROT_DEFAULT, &there), KERN_SUCCESS, "DEVM0053 map a page of it in the child");
	back = 0;
	(void)mach_vm_remap(self, &back, PAGE, 0, VM_FLAGS_ANYWHERE, child, there, FALSE, &prot, &max, VM_INHERIT_NONE);
	pixels[8 * MIB / 4 + 3] = 4712;
	tap(((volatile uint32_t *)back)[3] == 4712, "DEVM0054 it is that page");
	(void)task_terminate(child);
	tap(pixels[1] == 4711, "DEVM0055 and outlives the child");
	(void)mach_vm_deallocate(self, at, FB_BYTES);
	(void)device_close(device);
	(void)mach_port_deallocate(self, pager);
}

static void others(void)
{
	mach_port_t mem = open_named("mem", D_READ | D_WRITE), pager = MACH_PORT_NULL, device;
	mach_vm_address_t at;

	tap(mem != MACH_PORT_NULL, "DEVM0056 physical memory is a device");
	tap_result(device_map(mem, VM_PROT_READ, 0xf0000, 0x10000, &pager, 0), D_SUCCESS, "DEVM0057 the BIOS is mapped");
	tap(map(self, pager, 0xf000, PAGE, FALSE, VM_PROT_READ, VM_PROT_READ, &at) == KERN_SUCCESS && *(volatile uint8_t *)(at + 0xff0) == 0xea,
	    "DEVM0058 where the processor starts there is a jump");
	(void)mach_vm_deallocate(self, at, PAGE);
	(void)mach_port_deallocate(self, pager);
	tap_result(device_map(mem, VM_PROT_READ, 0, PAGE, &pager, 0), D_INVALID_OPERATION, "DEVM0059 RAM is not: the first page");
	tap_result(device_map(mem, VM_PROT_READ, 1 * MIB, PAGE, &pager, 0), D_INVALID_OPERATION, "DEVM0060 nor where the kernel is");
	tap_result(device_map(mem, VM_PROT_READ, 64 * MIB, PAGE, &pager, 0), D_INVALID_OPERATION, "DEVM0061 nor what programs use");
	tap_result(device_map(mem, VM_PROT_READ, 0xf0000, MIB, &pager, 0), D_INVALID_OPERATION, "DEVM0062 nor a range that begins before it");
	tap_result(device_map(mem, VM_PROT_READ, 1UL << 60, PAGE, &pager, 0), D_INVALID_RECNUM, "DEVM0063 nor what no address line reaches");
	tap_result(find(VIRTIO_BLK_MODERN, 4, D_READ, &device), D_ALREADY_OPEN, "DEVM0064 what the kernel drives is not opened");
	tap_result(device_open(master, D_READ, "pci0:1f.7:5", &device), D_NO_SUCH_DEVICE, "DEVM0065 a BAR that there is not");
	(void)device_close(mem);
}

static void rights(void)
{
	mach_port_t mem = open_named("mem", D_READ), pager;
	uint64_t before = residue_zone_count("vm_device_pager");

	for (int i = 0; i < 50; i++)
		if (device_map(mem, VM_PROT_READ, 0xf0000, PAGE, &pager, 0) == D_SUCCESS)
			(void)mach_port_deallocate(self, pager);
	for (int i = 0; i < 200 && residue_zone_count("vm_device_pager") != before; i++)
		(void)thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 10); /* a worker ends them */
	tap(residue_zone_count("vm_device_pager") == before, "DEVM0066 a memory object that nobody has a right to is gone");
	(void)device_close(mem);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	self = mach_task_self();
	if (task_get_special_port(self, TASK_HOST_PORT, &control) != KERN_SUCCESS ||
	    host_get_special_port(control, HOST_LOCAL_NODE, HOST_IO_MASTER_PORT, &master) != KERN_SUCCESS)
		return 1;
	registers();
	frame_buffer();
	others();
	rights();
	return tap_done();
}

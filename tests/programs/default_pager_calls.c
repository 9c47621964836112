/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * default_pager_calls.c - every call of mach/default_pager_object.defs and every error (tests/kernel/pageout.t). Started with the host control
 * port beside a default pager that has vd0; vd1 is a disk without the mark. Halts the machine at its end.
 */
#include "tap.h"

#include "../../pager/default/swap_mark.h"

#include <device/device_types.h>
#include <mach/default_pager_object.h>
#include <mach/device.h>
#include <mach/host_priv.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096u
#define OBJECT_PAGES 16u
#define WRITTEN 3u /* the page of the object that is stored */
#define TRIES 200

static mach_port_t control, pager, object;
static uint64_t object_id;

static default_pager_info_t pager_info(void)
{
	default_pager_info_t info = { 0 };

	(void)default_pager_info(pager, &info);
	return info;
}

static void give_back(void *at, uint64_t bytes)
{
	if (at != NULL)
		(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)at, bytes);
}

/* Of the objects that it knows: how many store something; the last of them is *id. */
static unsigned storing(uint64_t *id)
{
	default_pager_object_t *list = NULL;
	mach_msg_type_number_t count = 0;
	unsigned n = 0;

	if (default_pager_objects(pager, &list, &count) != KERN_SUCCESS)
		return UINT32_MAX;
	for (mach_msg_type_number_t i = 0; i < count; i++)
		if (list[i].dpo_size != 0) {
			n++;
			*id = list[i].dpo_object;
		}
	give_back(list, count * sizeof(*list));
	return n;
}

static void objects(void)
{
	default_pager_info_t info;
	default_pager_object_t *list = NULL;
	mach_msg_type_number_t count = 0;
	mach_port_t none;

	tap_result(default_pager_info(pager, &info), KERN_SUCCESS, "DPCL0002 default_pager_info");
	tap(info.dpi_page_size == PAGE && info.dpi_total_space > 15u << 20 && info.dpi_free_space <= info.dpi_total_space,
	    "DPCL0003 tells of the disk");
	tap_result(default_pager_object_create(pager, &none, 0), KERN_INVALID_ARGUMENT, "DPCL0004 no object of nothing");
	tap_result(default_pager_object_create(pager, &none, 1ull << 41), KERN_INVALID_ARGUMENT, "DPCL0005 none that is too large");
	tap_result(default_pager_object_create(pager, &object, OBJECT_PAGES * PAGE), KERN_SUCCESS, "DPCL0006 an object");
	tap_result(default_pager_object_create(object, &none, PAGE), KERN_INVALID_ARGUMENT, "DPCL0007 an object makes none");
	tap_result(default_pager_info(object, &info), KERN_INVALID_ARGUMENT, "DPCL0008 nor tells of the pager");
	tap_result(default_pager_objects(object, &list, &count), KERN_INVALID_ARGUMENT, "DPCL0009 nor of objects");
}

static void stored(void)
{
	default_pager_page_t *pages = NULL;
	mach_msg_type_number_t count = 0;
	mach_vm_address_t at = 0;
	uint64_t other;
	unsigned before = storing(&other), wrong = 0;
	volatile char *bytes;

	tap_result(mach_vm_map(mach_task_self(), &at, OBJECT_PAGES * PAGE, 0, VM_FLAGS_ANYWHERE, object, 0, FALSE,
			       VM_PROT_READ | VM_PROT_WRITE, VM_PROT_READ | VM_PROT_WRITE, VM_INHERIT_SHARE),
		   KERN_SUCCESS, "DPCL0020 it is mapped");
	bytes = (volatile char *)(uintptr_t)at;
	tap(bytes[0] == 0 && bytes[OBJECT_PAGES * PAGE - 1] == 0, "DPCL0021 it is zeros");
	for (unsigned i = 0; i < PAGE; i++)
		bytes[WRITTEN * PAGE + i] = (char)(i * 7);
	tap_result(mach_vm_msync(mach_task_self(), at, OBJECT_PAGES * PAGE, VM_SYNC_SYNCHRONOUS | VM_SYNC_INVALIDATE), KERN_SUCCESS,
		   "DPCL0022 what was written goes to the disk");
	tap(storing(&object_id) == before + 1, "DPCL0023 one object more stores something");
	tap(default_pager_object_pages(pager, object_id, &pages, &count) == KERN_SUCCESS && count == 1 &&
		    pages[0].dpp_offset == WRITTEN * PAGE,
	    "DPCL0024 default_pager_object_pages tells which page");
	give_back(pages, count * sizeof(*pages));
	tap_result(default_pager_object_pages(pager, 99999999, &pages, &count), KERN_INVALID_ARGUMENT, "DPCL0025 no such object");
	tap_result(default_pager_object_pages(object, object_id, &pages, &count), KERN_INVALID_ARGUMENT, "DPCL0026 asked of an object");
	for (unsigned i = 0; i < PAGE; i++)
		wrong += bytes[WRITTEN * PAGE + i] != (char)(i * 7);
	tap(wrong == 0, "DPCL0027 what was written comes back");
	tap(bytes[(WRITTEN + 1) * PAGE] == 0, "DPCL0028 the page beside it is still zeros");
	(void)mach_vm_deallocate(mach_task_self(), at, OBJECT_PAGES * PAGE);
}

static void stores(void)
{
	backing_store_basic_info_data_t info;
	mach_msg_type_number_t count = BACKING_STORE_BASIC_INFO_COUNT;
	uint64_t total = pager_info().dpi_total_space;
	static _Alignas(4096) char page[PAGE];
	mach_port_t master = MACH_PORT_NULL, disk = MACH_PORT_NULL;
	int written = 0;

	tap(default_pager_backing_store_info(pager, "vd0", BACKING_STORE_BASIC_INFO, (backing_store_info_t)&info, &count) == KERN_SUCCESS &&
		    info.bs_pages_total * PAGE >= total && info.bs_pages_out > 0 && info.bs_errors == 0 && !info.bs_down,
	    "DPCL0040 default_pager_backing_store_info");
	tap_result(default_pager_backing_store_info(pager, "vd9", BACKING_STORE_BASIC_INFO, (backing_store_info_t)&info, &count),
		   KERN_INVALID_ARGUMENT, "DPCL0041 of no such disk");
	tap_result(default_pager_backing_store_info(pager, "vd0", 77, (backing_store_info_t)&info, &count), KERN_INVALID_ARGUMENT,
		   "DPCL0042 of no such flavor");
	count = 2;
	tap_result(default_pager_backing_store_info(pager, "vd0", BACKING_STORE_BASIC_INFO, (backing_store_info_t)&info, &count),
		   KERN_INVALID_ARGUMENT, "DPCL0043 into too little room");
	(void)host_get_special_port(control, HOST_LOCAL_NODE, HOST_IO_MASTER_PORT, &master);
	tap_result(device_open(master, D_READ | D_WRITE, "vd1", &disk), D_SUCCESS, "DPCL0044 another disk");
	tap_result(default_pager_backing_store_create(pager, disk, "vd1"), KERN_FAILURE, "DPCL0045 is not taken without the mark");
	strcpy(page, SWAP_MARK);
	tap(device_write(disk, 0, 0, page, PAGE, &written) == D_SUCCESS && written == (int)PAGE, "DPCL0046 marked");
	tap_result(default_pager_backing_store_create(pager, disk, ""), KERN_INVALID_ARGUMENT, "DPCL0047 a name of nothing");
	tap_result(default_pager_backing_store_create(pager, disk, "vd0"), KERN_INVALID_ARGUMENT, "DPCL0048 a name that is there");
	tap_result(default_pager_backing_store_create(pager, disk, "a-name-that-is-too-long"), KERN_INVALID_ARGUMENT,
		   "DPCL0049 a name that is too long");
	tap_result(default_pager_backing_store_create(object, disk, "vd1"), KERN_INVALID_ARGUMENT, "DPCL0050 asked of an object");
	tap(default_pager_backing_store_create(pager, mach_task_self(), "task") != KERN_SUCCESS, "DPCL0051 a task is no disk");
	tap_result(default_pager_backing_store_create(pager, disk, "vd1"), KERN_SUCCESS, "DPCL0052 it is taken");
	tap(pager_info().dpi_total_space > total, "DPCL0053 there is more room");
	tap_result(default_pager_backing_store_delete(pager, "vd9"), KERN_INVALID_ARGUMENT, "DPCL0054 no such disk to take out");
	tap_result(default_pager_backing_store_delete(pager, "vd0"), KERN_FAILURE, "DPCL0055 one that stores pages stays");
	tap_result(default_pager_backing_store_delete(pager, "vd1"), KERN_SUCCESS, "DPCL0056 one that stores none goes");
	tap(pager_info().dpi_total_space == total, "DPCL0057 and its room with it");
}

static void ends(void)
{
	default_pager_page_t *pages = NULL;
	mach_msg_type_number_t count = 0;
	kern_return_t result = KERN_SUCCESS;

	(void)mach_port_deallocate(mach_task_self(), object);
	for (int i = 0; i < TRIES && result == KERN_SUCCESS; i++) {
		usleep(50000);
		result = default_pager_object_pages(pager, object_id, &pages, &count);
		if (result == KERN_SUCCESS)
			give_back(pages, count * sizeof(*pages));
	}
	tap(result == KERN_INVALID_ARGUMENT, "DPCL0060 an object that nobody can name is gone");
}

int main(void)
{
	if (task_get_special_port(mach_task_self(), TASK_HOST_PORT, &control) != KERN_SUCCESS)
		return 1;
	for (int i = 0; i < TRIES && !MACH_PORT_VALID(pager); i++) {
		pager = MACH_PORT_NULL;
		if (host_default_memory_manager(control, &pager, 0) != KERN_SUCCESS)
			return 1;
		if (!MACH_PORT_VALID(pager) || pager_info().dpi_total_space == 0)
			usleep(50000);
	}
	tap(MACH_PORT_VALID(pager), "DPCL0001 there is a default pager");
	objects();
	stored();
	stores();
	ends();
	(void)tap_done();
	return host_reboot(control, HOST_REBOOT_HALT);
}

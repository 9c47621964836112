/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map_copy.c - host double of memory in transit: malloc'ed bytes, for tests without VM.
 *
 * Interface: <vm/vm_map_copy.h>. Invariants: H1 host_vm_copies counts the copies that exist.
 */
#include <base/list.h>
#include <base/string.h>
#include <host/host.h>
#include <kern/kalloc.h>
#include <machine/copyio.h>
#include <pthread.h>
#include <stdlib.h>
#include <vm/vm_map_copy.h>

struct vm_map_copy {
	mach_vm_size_t size;
	uint8_t bytes[];
};

struct region {
	struct list link;
	uint8_t bytes[];
};

extern _Atomic uint64_t host_vm_copies;
_Atomic uint64_t host_vm_moved;
static struct list regions = LIST_INIT(regions);
static uint64_t region_count;
static pthread_mutex_t regions_lock = PTHREAD_MUTEX_INITIALIZER;

static struct vm_map_copy *copy_new(mach_vm_size_t size)
{
	struct vm_map_copy *copy = NULL;
	void *probe = kalloc(1); /* so that injected failures reach here too */

	if (probe) {
		kfree(probe, 1);
		copy = size <= (64u << 20) ? malloc(sizeof *copy + size) : NULL;
	}
	if (copy) {
		copy->size = size;
		atomic_fetch_add(&host_vm_copies, 1);
	}
	return copy;
}

void vm_map_copy_discard(struct vm_map_copy *copy)
{
	if (!copy)
		return;
	atomic_fetch_sub(&host_vm_copies, 1);
	free(copy);
}

kern_return_t vm_map_copyin(struct vm_map *map, mach_vm_address_t addr, mach_vm_size_t size,
			    bool src_destroy, struct vm_map_copy **out)
{
	struct vm_map_copy *copy;

	*out = NULL;
	if (size == 0)
		return KERN_SUCCESS;
	copy = copy_new(size);
	if (!copy)
		return KERN_RESOURCE_SHORTAGE;
	if (copyin(addr, copy->bytes, size) != KERN_SUCCESS) {
		vm_map_copy_discard(copy);
		return KERN_INVALID_ADDRESS;
	}
	if (src_destroy)
		atomic_fetch_add(&host_vm_moved, 1);
	*out = copy;
	return KERN_SUCCESS;
}

kern_return_t vm_map_copyout(struct vm_map *map, mach_vm_address_t *addr, struct vm_map_copy *copy)
{
	struct region *r;
	void *probe;

	*addr = 0;
	if (!copy)
		return KERN_SUCCESS;
	probe = kalloc(1);
	if (!probe)
		return KERN_NO_SPACE;
	kfree(probe, 1);
	r = malloc(sizeof *r + copy->size);
	memcpy(r->bytes, copy->bytes, copy->size);
	pthread_mutex_lock(&regions_lock);
	list_add_tail(&regions, &r->link);
	region_count++;
	pthread_mutex_unlock(&regions_lock);
	*addr = (uintptr_t)r->bytes;
	vm_map_copy_discard(copy);
	return KERN_SUCCESS;
}

void host_vm_deallocate(uint64_t addr, uint64_t size)
{
	struct region *r = (struct region *)(addr - offsetof(struct region, bytes));

	if (addr == 0 && size == 0)
		return;
	pthread_mutex_lock(&regions_lock);
	list_remove(&r->link);
	region_count--;
	pthread_mutex_unlock(&regions_lock);
	free(r);
}

void host_vm_deallocate_all(void)
{
	while (!list_empty(&regions))
		host_vm_deallocate((uintptr_t)list_first(&regions, struct region, link)->bytes, 1);
}

uint64_t host_vm_regions(void)
{
	uint64_t n;

	pthread_mutex_lock(&regions_lock);
	n = region_count;
	pthread_mutex_unlock(&regions_lock);
	return n;
}

kern_return_t vm_map_copy_overwrite(struct vm_map *map, mach_vm_address_t addr, struct vm_map_copy *copy)
{
	kern_return_t kr = copy ? copyout(copy->bytes, addr, copy->size) : KERN_SUCCESS;

	if (kr == KERN_SUCCESS)
		vm_map_copy_discard(copy);
	return kr;
}

/* No pages here: bytes that leave nothing but zeros behind. */
kern_return_t vm_map_exchange_in(struct vm_map *map, mach_vm_address_t addr, mach_vm_size_t size,
				 struct vm_map_copy **out)
{
	kern_return_t kr = (addr | size) & 4095 ? KERN_INVALID_ARGUMENT : vm_map_copyin(map, addr, size, false, out);

	if (kr == KERN_SUCCESS)
		memset((void *)(uintptr_t)addr, 0, size);
	return kr;
}

kern_return_t vm_map_exchange_out(struct vm_map *map, mach_vm_address_t addr, struct vm_map_copy *copy)
{
	return copy && (addr | copy->size) & 4095 ? KERN_NOT_SUPPORTED : vm_map_copy_overwrite(map, addr, copy);
}

mach_vm_size_t vm_map_copy_size(const struct vm_map_copy *copy)
{
	return copy ? copy->size : 0;
}

struct vm_map_copy *vm_map_copy_from_kernel(const void *bytes, mach_vm_size_t size)
{
	struct vm_map_copy *copy = copy_new(size);

	if (copy)
		memcpy(copy->bytes, bytes, size);
	return copy;
}

struct vm_map_copy *vm_map_copy_from_kernel_blocks(const void *const *blocks, uint64_t block_bytes, mach_vm_size_t size)
{
	struct vm_map_copy *copy = copy_new(size);

	for (uint64_t at = 0; copy && at < size; at += block_bytes)
		memcpy((char *)copy->bytes + at, blocks[at / block_bytes], size - at < block_bytes ? size - at : block_bytes);
	return copy;
}

kern_return_t vm_map_copy_to_kernel(struct vm_map_copy *copy, mach_vm_size_t offset, void *dst,
				    mach_vm_size_t n)
{
	if (offset > copy->size || n > copy->size - offset)
		return KERN_INVALID_ARGUMENT;
	memcpy(dst, copy->bytes + offset, n);
	return KERN_SUCCESS;
}
